//! Kinds of buyers, buying together, and money in euro: from a published notice to `search`, `show` and `status`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{json_of, run};

/// One buyer of an OCDS release: id, name, country.
type Party<'a> = (&'a str, &'a str, &'a str);

fn release(number: u32, parties: &[Party<'_>], tender: &Value) -> Value {
    let party = |(id, name, country): &Party<'_>| json!({ "id": id, "name": name, "address": { "countryName": country }, "roles": ["buyer"] });
    let all: Vec<Value> = parties.iter().map(party).collect();
    let mut tender = tender.clone();
    tender["id"] = json!(number.to_string());
    tender["title"] = json!(format!("Purchase {number}"));
    json!({
        "ocid": format!("ocds-abc123-{number}"), "id": format!("{number}-1"), "date": "2026-10-30T10:00:00Z",
        "tag": ["tender"], "language": "en",
        "buyer": { "id": parties[0].0, "name": parties[0].1 },
        "parties": all,
        "tender": tender,
    })
}

fn import(at: &Path, releases: &[Value]) {
    let package = json!({
        "uri": "https://example.org/p", "version": "1.1", "publishedDate": "2026-10-30T00:00:00Z",
        "publisher": { "name": "Example" }, "releases": releases,
    });
    fs::write(at.join("package.json"), package.to_string()).expect("written");
    run(at, &["import", "package.json"]).code(0);
}

fn value(amount: u64, currency: &str) -> Value {
    json!({ "value": { "amount": amount, "currency": currency } })
}

const POLICE: Party<'_> = ("B-1", "Komenda Główna Policji", "Poland");
const TOWN: Party<'_> = ("B-2", "Urząd Miasta Krakowa", "Poland");
const GUARD: Party<'_> = ("B-3", "Rajavartiolaitos", "Finland");

fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let law = json!({ "crossBorderLaw": "Directive 2014/24/EU" });
    import(
        folder.path(),
        &[
            release(1, &[POLICE], &value(4_403_800, "PLN")),
            release(2, &[POLICE, GUARD], &value(900_000, "EUR")),
            release(3, &[TOWN], &value(9_999_999_999, "EUR")),
            release(4, &[TOWN, POLICE], &law),
            release(5, &[GUARD], &value(21_123_700, "MXN")),
        ],
    );
    folder
}

fn found(at: &Path, arguments: &[&str]) -> Vec<String> {
    let answer = json_of(at, &[&["search", "--limit", "100"], arguments].concat());
    let hits = answer["hits"].as_array().expect("hits").iter();
    hits.map(|hit| hit["title"].as_str().expect("a title").trim_start_matches("Purchase ").to_owned()).collect()
}

fn found_sorted(at: &Path, arguments: &[&str]) -> Vec<String> {
    let mut found = found(at, arguments);
    found.sort();
    found
}

#[test]
fn buyers_have_kinds_that_can_be_searched_counted_and_explained() {
    let folder = filled();
    let at = folder.path();
    assert_eq!(found_sorted(at, &["--buyer-kind", "police"]), ["1", "2", "4"]);
    assert_eq!(found_sorted(at, &["--buyer-kind", "border-guard"]), ["2", "5"]);
    assert_eq!(
        found_sorted(at, &["--buyer-kind", "border-guard", "--buyer-kind", "municipality"]),
        ["2", "3", "4", "5"]
    );
    let facets = json_of(at, &["search", "--facets"]);
    assert_eq!(facets["facets"]["buyer_kind"], json!({ "police": 3, "border-guard": 2, "municipality": 2 }));
    let counts = &json_of(at, &["status"])["counts"];
    assert_eq!(counts["by_buyer_kind"], json!({ "police": 3, "border-guard": 2, "municipality": 2 }));
    assert!(run(at, &["status"]).code(0).text().contains("buyer kind police 3"));

    let shown = json_of(at, &["show", "import/ocds-abc123-1/1-1", "--explain"]);
    assert_eq!(shown["buyers"][0]["kind"], "police");
    let best = &shown["buyer_kinds"][0]["kinds"][0];
    assert_eq!(best["kind"], "police");
    assert_eq!(best["evidence"][0]["rule"], "body:police/PL/komenda glowna policji");
    let text = run(at, &["show", "import/ocds-abc123-1/1-1", "--explain"]).code(0).text();
    assert!(text.contains("rule body:police/PL/komenda glowna policji"), "{text}");
    let exported = run(at, &["export", "--buyer-kind", "border-guard", "--format", "jsonl"]).code(0).text();
    assert_eq!(exported.lines().count(), 2);
}

#[test]
fn other_rules_for_kinds_label_stored_notices_anew_and_are_no_change_of_a_notice() {
    let folder = filled();
    let at = folder.path();
    let own = at.join("own/index/buyers");
    fs::create_dir_all(&own).expect("created");
    let shipped =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("index/buyers/police.toml")).expect("read");
    fs::write(own.join("militia.toml"), shipped.replace("priority = 60", "priority = 90")).expect("written");
    fs::write(at.join("own.toml"), "[paths]\ndefinitions = \"own\"\n").expect("written");
    let ran = run(at, &["--config", "own.toml", "import", "package.json"]).code(0);
    assert!(ran.err.contains("3 other kinds of buyers"), "{}", ran.err);
    let answer =
        run(at, &["--config", "own.toml", "--output", "json", "search", "--buyer-kind", "militia"]).code(0).json();
    assert_eq!(answer["total"], 3);
    let history = json_of(at, &["show", "import/ocds-abc123-1/1-1", "--history"]);
    assert_eq!(history["history"].as_array().map(Vec::len), Some(1), "{history}");
    // and back, also from the archive
    run(at, &["import", "package.json"]).code(0);
    assert_eq!(found_sorted(at, &["--buyer-kind", "police"]), ["1", "2", "4"]);
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(found_sorted(at, &["--buyer-kind", "police"]), ["1", "2", "4"]);
}

#[test]
fn buying_together_is_told_apart_from_buying_across_borders() {
    let folder = filled();
    let at = folder.path();
    assert_eq!(found_sorted(at, &["--joint"]), ["2", "4"]);
    assert_eq!(found_sorted(at, &["--cross-border"]), ["2"]);
    assert_eq!(found_sorted(at, &["--joint-evidence", "cross-border-law"]), ["4"]);
    assert_eq!(found_sorted(at, &["--joint", "--stage", "competition"]), ["2", "4"]);
    assert!(found(at, &["--joint", "--stage", "result"]).is_empty());
    assert!(found(at, &["--innovation"]).is_empty());
    let counts = &json_of(at, &["status"])["counts"];
    assert_eq!(counts["by_joint"], json!({ "several-buyers": 2, "cross-border-law": 1 }));
    assert_eq!(counts["cross_border"], 1);
    let shown = json_of(at, &["show", "import/ocds-abc123-4/4-1"]);
    assert_eq!(shown["joint"]["cross_border"], false, "{shown}");
}

#[test]
fn money_is_compared_in_euro_and_what_cannot_be_meant_is_kept_and_left_out() {
    let folder = filled();
    let at = folder.path();
    // 1 000 000 and 900 000 euro; 21 123 700 pesos are a million as well.
    assert_eq!(found(at, &["--sort", "value", "--min-value", "950000"]), ["1", "5"]);
    assert_eq!(found_sorted(at, &["--min-value", "1"]), ["1", "2", "5"]);
    let hit = &json_of(at, &["search", "--buyer-kind", "police", "--sort", "value", "--limit", "1"])["hits"][0];
    assert_eq!(hit["value"], json!({ "amount": "1000000", "currency": "EUR", "kind": "estimate", "vat": "unknown" }));
    let shown = json_of(at, &["show", "import/ocds-abc123-3/3-1"]);
    assert_eq!(shown["estimated_value"]["amount"], "9999999999");
    let codes: Vec<&str> =
        shown["issues"].as_array().expect("a list").iter().filter_map(|issue| issue["code"].as_str()).collect();
    assert!(codes.contains(&"all-nines-value"), "{shown}");
    let counts = &json_of(at, &["status"])["counts"];
    assert_eq!(counts["by_value"], json!({ "estimate": 3 }));
    assert_eq!(counts["by_issue"]["all-nines-value"], 1);
    let text = run(at, &["show", "import/ocds-abc123-1/1-1"]).code(0).text();
    assert!(text.contains("1000000 EUR (estimate)"), "{text}");
}

#[test]
fn a_buyer_is_found_under_every_name_and_by_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let nothing = json!({});
    import(
        at,
        &[
            release(1, &[("PL-REGON-000001258", "Uniwersytet Warszawski", "Poland")], &nothing),
            release(2, &[("PL-REGON-000001258", "University of Warsaw", "Poland")], &nothing),
            release(3, &[("B-1", "UNIWERSYTET WARSZAWSKI", "Poland")], &nothing),
            release(4, &[("B-2", "Warsaw University of Technology", "Poland")], &nothing),
            // Two schools of one name: a doubt, and never one organisation.
            release(5, &[("CZ-ICO-00007064", "Základní škola Lípa", "Czechia")], &nothing),
            release(6, &[("CZ-ICO-36631124", "Základní škola Lípa", "Czechia")], &nothing),
        ],
    );
    let shown = json_of(at, &["show", "import/ocds-abc123-3/3-1"]);
    let who = &shown["organisations"][0];
    assert_eq!(who["id"], "pl-regon/000001258", "{shown}");
    assert_eq!(found_sorted(at, &["--buyer", "uniwersytet"]), ["1", "2", "3"]);
    assert_eq!(found_sorted(at, &["--buyer", "\"university of warsaw\""]), ["1", "2", "3"]);
    assert_eq!(found_sorted(at, &["--buyer", "warsaw"]), ["1", "2", "3", "4"]);
    assert_eq!(found_sorted(at, &["--buyer", "warsaw -technology"]), ["2"]);
    assert_eq!(found_sorted(at, &["--buyer", "pl-regon/000001258"]), ["1", "2", "3"]);
    assert_eq!(found_sorted(at, &["--buyer", "name-pl/uniwersytet-warszawski"]), ["1", "2", "3"]);
    assert_eq!(found_sorted(at, &["--buyer", "cz-ico/00007064"]), ["5"]);
    assert_eq!(found_sorted(at, &["--buyer", "lipa"]), ["5", "6"]);
    let text = run(at, &["show", "import/ocds-abc123-5/5-1"]).code(0).text();
    assert!(text.contains("organisation cz-ico/00007064"), "{text}");
    assert!(text.contains("perhaps the same as cz-ico/36631124"), "{text}");
    let exported = run(at, &["export", "--buyer", "pl-regon/000001258", "--format", "jsonl"]).code(0).text();
    assert_eq!(exported.lines().count(), 3);
}

const LATER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><Cube>
<Cube time="2026-11-02"><Cube currency="PLN" rate="4.0000"/></Cube>
</Cube></gesmes:Envelope>"#;

/// A notice of a day after the last rate is converted with that one and says so, until the day's rate comes: then its value
/// is another one in every place, and everything is as if the rate had been there before the notice.
#[test]
fn rates_that_come_later_put_values_right_and_a_table_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut late = release(1, &[POLICE], &value(4_000_000, "PLN"));
    late["date"] = json!("2026-11-02T10:00:00Z");
    import(at, &[late, release(2, &[POLICE], &value(4_000_000, "PLN"))]);
    let values = || {
        let hits = json_of(at, &["search", "--sort", "value"]);
        let hits = hits.as_array().or_else(|| hits["hits"].as_array()).expect("hits").clone();
        let values: Vec<Value> = hits
            .iter()
            .map(|hit| json!([hit["published_on"], hit["value"]["amount"], hit["value"]["stale"]]))
            .collect();
        values
    };
    let known = "908306.46";
    assert_eq!(values().len(), 2);
    assert!(values().contains(&json!(["2026-11-02", known, true])), "{:?}", values());

    for (name, broken) in [
        ("zero.xml", LATER.replace("4.0000", "0")),
        ("word.xml", LATER.replace("4.0000", "four")),
        ("coming.xml", LATER.replace("2026-11-02", "2206-11-02")),
        ("none.xml", LATER.replace("PLN", "zloty")),
    ] {
        fs::write(at.join(name), broken).expect("written");
        let now = ["--now", "2026-11-04T06:00:00Z", "import", "--source", "eu-ecb-rates", name];
        run(at, &now).code(4);
    }
    assert!(values().contains(&json!(["2026-11-02", known, true])), "{:?}", values());
    assert_eq!(json_of(at, &["status"])["rates"], json!({ "until": "2026-10-30" }));

    fs::write(at.join("rates.xml"), LATER).expect("written");
    run(at, &["--now", "2026-11-04T06:00:00Z", "import", "--source", "eu-ecb-rates", "rates.xml"]).code(0);
    let after = values();
    assert!(after.contains(&json!(["2026-11-02", "1000000", null])), "{after:?}");
    assert!(after.contains(&json!(["2026-10-30", known, null])), "a rate of before stands: {after:?}");
    let found = found(at, &["--min-value", "950000"]);
    assert_eq!(found.len(), 1, "the index knows: {found:?}");
    assert_eq!(json_of(at, &["status"])["rates"], json!({ "until": "2026-11-02" }));
    run(at, &["verify"]).code(0);

    let everything = || run(at, &["--output", "jsonl", "export"]).code(0).text();
    let before = everything();
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(everything(), before);
    // Days are missing between: said, with what helps.
    fs::write(at.join("much-later.xml"), LATER.replace("2026-11-02", "2026-12-02")).expect("written");
    run(at, &["--now", "2026-12-04T06:00:00Z", "import", "--source", "eu-ecb-rates", "much-later.xml"]).code(0);
    assert_eq!(
        json_of(at, &["status"])["rates"],
        json!({ "until": "2026-12-02", "gap": ["2026-11-02", "2026-12-02"] })
    );
}
