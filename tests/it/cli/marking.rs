//! What analysts say of labels: marks, how they are replayed, and which labels are doubtful.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::{json_of, run};

fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let release = |number: u32, title: &str| {
        json!({
            "ocid": format!("ocds-abc123-{number}"), "id": format!("{number}-1"), "date": "2026-10-30T10:00:00Z",
            "tag": ["tender"], "language": "en", "tender": { "id": number.to_string(), "title": title },
        })
    };
    let package = json!({
        "uri": "https://example.org/p", "version": "1.1", "publishedDate": "2026-10-30T00:00:00Z",
        "publisher": { "name": "Example" },
        "releases": [
            release(1, "Supply of drones"), release(2, "Drones and their insurance"), release(3, "School chairs"),
            release(4, "Glass beads for a marble run"),
        ],
    });
    fs::write(folder.path().join("package.json"), package.to_string()).expect("written");
    run(folder.path(), &["import", "package.json"]).code(0);
    folder
}

fn own_definition(at: &Path, strong: &str) {
    let folder = at.join("own/index/categories");
    fs::create_dir_all(&folder).expect("a folder");
    let text =
        format!("definition = \"Unmanned aircraft.\"\n[label]\nen = \"Drones\"\n[terms.en]\nstrong = [{strong}]\n");
    fs::write(folder.join("drones.toml"), text).expect("written");
    fs::write(at.join("own.toml"), "[paths]\ndefinitions = \"own\"\n").expect("written");
}

#[test]
fn marks_are_kept_as_lines_and_say_whether_other_definitions_are_worse() {
    let folder = filled();
    let at = folder.path();
    let marked = run(at, &["categories", "mark", "--reason", "a fleet", "ocds-abc123-1/1-1", "+drones", "-robotics"]);
    assert!(marked.code(0).text().starts_with("+drones\timport/ocds-abc123-1/1-1\t"));
    run(at, &["categories", "mark", "ocds-abc123-4/4-1", "-drones"]).code(0);
    let file = fs::read_to_string(at.join("data/marks.tsv")).expect("the file of marks");
    assert_eq!(file.lines().count(), 3, "{file}");
    assert!(file.lines().next().expect("a line").ends_with("\ta fleet"), "{file}");

    // nobody changed a definition: both are the same
    let report = json_of(at, &["evaluate", "--marks"]);
    let drones = &report["categories"]["drones"];
    assert_eq!(drones["before"], json!({ "right": 1, "alarms": 0, "missed": 0 }), "{report}");
    assert_eq!(drones["before"], drones["after"]);
    assert_eq!(report["gone"], json!([]));

    own_definition(at, "\"drone*\"");
    run(at, &["--config", "own.toml", "evaluate", "--marks"]).code(0);
    own_definition(at, "\"drone*\", \"bead*\"");
    run(at, &["--config", "own.toml", "evaluate", "--marks"])
        .fails(1, &["less precise", "drones", "import/ocds-abc123-4/4-1"]);

    for (arguments, said) in [
        (&["categories", "mark", "ocds-abc123-1/1-1", "+dronse"][..], "there is no category \"dronse\""),
        (&["categories", "mark", "ocds-abc123-1/1-1", "drones"], "expected +category or -category"),
        (&["categories", "mark", "ocds-abc123-1/1-1", "+drones", "--reason", "x"], "options stand before"),
    ] {
        run(at, arguments).fails(2, &[said]);
    }
    run(at, &["categories", "mark", "nothing/1", "+drones"]).fails(1, &["there is no notice \"nothing/1\""]);
    assert_eq!(fs::read_to_string(at.join("data/marks.tsv")).expect("still there"), file, "nothing was added");
    fs::write(at.join("data/marks.tsv"), "drones\n").expect("written");
    run(at, &["evaluate", "--marks"]).fails(1, &["marks.tsv", "line 1"]);
}

#[test]
fn what_is_nearest_to_the_threshold_is_doubtful_until_it_is_marked() {
    let folder = filled();
    let at = folder.path();
    let doubts = json_of(at, &["categories", "doubts"]);
    let rows = doubts.as_array().expect("rows");
    assert_eq!(rows[0]["id"], "import/ocds-abc123-2/2-1", "{doubts}");
    assert_eq!((&rows[0]["category"], rows.len()), (&json!("drones"), 2), "{doubts}");
    assert!(!rows[0]["evidence"].as_array().expect("reasons").is_empty());
    assert_eq!(json_of(at, &["categories", "doubts", "--limit", "1"]).as_array().expect("rows").len(), 1);
    assert_eq!(json_of(at, &["categories", "doubts", "--category", "robotics"]), json!([]));
    run(at, &["categories", "mark", "ocds-abc123-2/2-1", "-drones"]).code(0);
    let after = json_of(at, &["categories", "doubts"]);
    assert_eq!(after[0]["id"], "import/ocds-abc123-1/1-1", "{after}");
    run(at, &["categories", "doubts", "--category", "dronse"]).fails(2, &["there is no category \"dronse\""]);
}

#[test]
fn weights_are_fitted_to_judged_notices_the_same_way_every_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let rows = [
        ("Supply of drones", &["drones"][..]),
        ("Unmanned aircraft for the police", &["drones"]),
        ("Insurance of drones", &[]),
        ("School chairs", &[]),
        ("Body armour", &["ballistic-vests"]),
        ("Road works", &[]),
    ];
    let lines = rows.iter().enumerate().map(|(number, (title, labels))| {
        json!({ "id": number.to_string(), "title": title, "lang": "en", "labels": labels }).to_string() + "\n"
    });
    fs::write(at.join("judged.jsonl"), lines.collect::<String>()).expect("written");
    let fit = ["categories", "fit", "judged.jsonl", "--folds", "2"];
    let report = json_of(at, &fit);
    assert_eq!(report, json_of(at, &fit), "the same every time");
    // all of them are labelled rightly, so that surer is better
    let strong = report["weights"]["strong"].as_f64().expect("a number");
    assert!(strong > 4.2, "{report}");
    let given = |system: &str| report["figures"][system]["ece_given"].as_f64().expect("calibration");
    assert!(given("fitted") < given("as they are"), "{report}");
    assert_eq!(report["figures"]["cross-validated"]["notices"], 6);
    let text = run(at, &fit).code(0).text();
    assert!(text.contains("# cross-validated") && text.contains("\nstrong = "), "{text}");

    // what is printed is a file of weights; another sign is refused
    let own = at.join("own/index/weights");
    fs::create_dir_all(&own).expect("a folder");
    fs::write(at.join("own.toml"), "[paths]\ndefinitions = \"own\"\n").expect("written");
    fs::write(own.join("shared.toml"), &text).expect("written");
    run(at, &["--config", "own.toml", "categories", "check"]).code(0);
    fs::write(own.join("shared.toml"), text.replace("veto = -", "veto = ")).expect("written");
    run(at, &["--config", "own.toml", "categories", "check"]).fails(3, &["shared.toml:", "veto", "below 0"]);
}
