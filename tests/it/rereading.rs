//! After a definition changed, `rebuild --changed` reads its documents anew and no others, says what that changed, and
//! leaves behind what `rebuild --from-archive` would.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::cli::{json_of, run};

const DEFINITION: &str = r#"name = "A list"
country = "IE"
homepage = "https://list.example.org/"
languages = ["en"]
status = "active"
evidence = "seen"

[access]
licence = "none"
attribution = "nobody"
hosts = ["list.example.org"]
delay = "1s"

[plan]
kind = "once"
url = "https://list.example.org/list"

[document]
format = "json"
rows = "items[*]"

[sniff]
require = ["items[*].reference"]

[record]
zone = "UTC"

[map]
id = "reference"
title = "subject"
published = "day"
type = { const = "competition" }
"#;

fn define(at: &Path, name: &str, text: &str) {
    fs::write(at.join(format!("own/sources/{name}.toml")), text).expect("written");
}

fn everything(at: &Path) -> (String, Value) {
    let digest =
        json_of(at, &["--now", "2026-11-22T06:00:00Z", "digest", "--from", "2026-11-16", "--until", "2026-11-22"]);
    (run(at, &["--output", "jsonl", "export"]).code(0).text(), digest)
}

#[test]
fn only_what_a_changed_definition_read_is_read_anew_and_the_difference_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::create_dir_all(at.join("own/sources")).expect("created");
    fs::write(at.join("config.toml"), "[paths]\ndata = \"data\"\ndefinitions = \"own\"\n").expect("written");
    define(at, "ie-list", DEFINITION);
    let other =
        DEFINITION.replace("items", "rows").replace("A list", "Another list").replace("list.example", "other.example");
    define(at, "ie-other", &other);
    let row = |reference: &str, subject: &str, name: Option<&str>| json!({ "reference": reference, "code": format!("C-{reference}"), "subject": subject, "day": "2026-11-18", "name": name });
    let list = |name: &str, key: &str, rows: &[Value]| {
        fs::write(at.join(name), json!({ key: rows }).to_string()).expect("written");
    };
    list("a.json", "items", &[row("1", "Boats", Some("Patrol boats")), row("2", "Boots", Some("Boots"))]);
    list("b.json", "items", &[row("3", "Drones", None), row("1", "Boats and engines", Some("Patrol boats"))]);
    list("c.json", "rows", &[row("1", "Boats", Some("Coast guard"))]);
    for (file, source) in [("a.json", "ie-list"), ("c.json", "ie-other"), ("b.json", "ie-list")] {
        run(at, &["import", "--source", source, file]).code(0);
    }
    let same = json_of(at, &["rebuild", "--changed"]);
    assert_eq!(same, json!({ "readers": [], "sources": {} }));
    assert!(run(at, &["rebuild", "--changed"]).code(0).text().contains("nothing to read anew"));

    // another title, where there is one
    define(at, "ie-list", &DEFINITION.replace("title = \"subject\"", "title = { coalesce = [\"name\", \"subject\"] }"));
    let warned = run(at, &["import", "--source", "ie-other", "c.json"]).code(0);
    assert!(warned.err.contains("ie-list changed") && warned.err.contains("rebuild --changed"), "{}", warned.err);
    let other = json_of(at, &["show", "ie-other/1"]);
    let told = json_of(at, &["rebuild", "--changed"]);
    assert_eq!(told["readers"], json!(["mapped:ie-list"]));
    let expected = json!({ "ie-list": { "documents": 2, "quarantined": [0, 0], "new": 0, "changed": 1, "same": 2, "gone": 0,
        "fields": { "categories": 1, "title.en": 1 }, "examples": ["ie-list/1"] } });
    assert_eq!(told["sources"], expected);
    assert_eq!(json_of(at, &["show", "ie-other/1"]), other);
    assert_eq!(json_of(at, &["search", "patrol"])["total"], 1);
    let short = everything(at);
    // the second version said another subject: with the name as title it says what the first one said
    assert!(short.0.contains("Patrol boats") && !short.0.contains("engines"), "{}", short.0);
    run(at, &["verify"]).code(0);
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(everything(at), short, "all of it from the archive is the same");
    assert_eq!(json_of(at, &["rebuild", "--changed"])["sources"], json!({}));

    // other ids: all of them are new, the old ones gone, and the index knows
    define(at, "ie-list", &DEFINITION.replace("id = \"reference\"", "id = \"code\""));
    let told = json_of(at, &["rebuild", "--changed"]);
    let counts =
        ["new", "gone", "changed", "same"].map(|name| told["sources"]["ie-list"][name].as_u64().expect("a count"));
    assert_eq!(counts, [3, 3, 0, 0], "{told:#}");
    assert_eq!(json_of(at, &["search", "drones"])["hits"][0]["id"], "ie-list/C-3");
    assert_eq!(json_of(at, &["search", "drones"])["total"], 1);
    run(at, &["show", "ie-list/3"]).code(1);
    run(at, &["verify"]).code(0);
    let short = everything(at);
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(everything(at), short);

    // a document that could not be read is tried again too
    fs::write(at.join("d.csv"), "reference;subject;day\n9;Cameras;2026-11-19\n").expect("written");
    run(at, &["import", "--source", "ie-list", "d.csv"]).code(4);
    let table = DEFINITION
        .replace("format = \"json\"\nrows = \"items[*]\"", "format = \"csv\"\ndelimiter = \";\"")
        .replace("require = [\"items[*].reference\"]", "headers = [\"reference\"]");
    define(at, "ie-list", &table);
    let told = json_of(at, &["rebuild", "--changed"]);
    let told = &told["sources"]["ie-list"];
    assert_eq!((&told["quarantined"], &told["new"], &told["gone"]), (&json!([1, 0]), &json!(1), &json!(3)), "{told:#}");
    assert_eq!(json_of(at, &["search", "cameras"])["hits"][0]["id"], "ie-list/9");
    run(at, &["verify"]).code(0);
}
