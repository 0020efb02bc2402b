//! What was printed at a time is what is said later of that time: week by week, then each week asked again.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::cli::{json_of, run};
use super::corpus::documents::files;

/// The end of the first week.
const BEGIN: &str = "2026-10-05T06:00:00Z";

fn week(number: usize) -> Timestamp {
    let begin: Timestamp = BEGIN.parse().expect("a time");
    begin.checked_add((168 * i64::try_from(number).expect("a small number")).hours()).expect("a time")
}

/// Digests of these spans, as printed at a time by the clock, or as known then when asked later.
fn digests(at: &Path, spans: &[[&str; 2]], now: Timestamp, asked: Option<Timestamp>) -> Vec<Value> {
    let clock = asked.unwrap_or(now).to_string();
    let as_of = now.to_string();
    spans
        .iter()
        .map(|[from, until]| {
            let mut arguments = vec!["--now", &clock, "digest", "--from", from, "--until", until];
            if asked.is_some() {
                arguments.extend(["--as-of", &as_of]);
            }
            json_of(at, &arguments)
        })
        .collect()
}

/// Imports each batch in its week, prints the digests, and asks each past week again: at the end, and after a rebuild.
/// The digests of each week.
fn replay(at: &Path, batches: &[Vec<PathBuf>], spans: &[[&str; 2]]) -> Vec<Vec<Value>> {
    let mut printed = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let now = week(number).to_string();
        let paths: Vec<&str> = batch.iter().map(|path| path.to_str().expect("a plain name")).collect();
        let code = run(at, &[&["--now", &now, "import"], &*paths].concat()).code;
        assert!(matches!(code, 0 | 4), "{code}");
        printed.push(digests(at, spans, week(number), None));
    }
    let end = week(batches.len() + 1);
    for rebuilt in [false, true] {
        if rebuilt {
            run(at, &["--now", &end.to_string(), "rebuild", "--from-archive"]).code(0);
        }
        for (number, then) in printed.iter().enumerate() {
            let again = digests(at, spans, week(number), Some(end));
            for (span, (then, again)) in spans.iter().zip(then.iter().zip(&again)) {
                assert!(then == again, "week {number}, {span:?}, rebuilt: {rebuilt}\n{then:#}\n{again:#}");
            }
        }
    }
    printed
}

fn release(number: u32, tag: &str, day: &str, title: &str, deadline: &str) -> Value {
    json!({ "releases": [{
        "ocid": "ocds-aaaaaa-1", "id": format!("ocds-aaaaaa-1-{number}"), "date": format!("{day}T10:00:00Z"), "tag": [tag],
        "language": "en", "buyer": { "id": "B-1", "name": "Police" },
        "parties": [{ "id": "B-1", "name": "Police", "roles": ["buyer"], "address": { "countryName": "IE" } }],
        "tender": { "id": "T", "title": title, "tenderPeriod": { "endDate": deadline } },
        "awards": if tag == "award" { json!([{ "id": "A", "status": "active",
            "value": { "amount": 90000, "currency": "EUR" } }]) } else { json!([]) },
    }] })
}

#[test]
fn a_past_week_says_what_it_said_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let (soon, later) = ("2026-10-16T10:00:00+00:00", "2026-10-30T10:00:00+00:00");
    let weeks = [
        vec![release(1, "tender", "2026-10-02", "Drones for the northern district", soon)],
        // the same notice says something else: another day, another title, another category
        vec![release(1, "tender", "2026-10-08", "Ballistic vests for patrols", later), json!({ "what": "rubbish" })],
        // the procedure goes on
        vec![release(2, "award", "2026-10-15", "Ballistic vests for patrols", later)],
        vec![release(1, "tender", "2026-10-08", "Ballistic vests for patrols", later)],
    ];
    let mut batches = Vec::new();
    for (number, documents) in weeks.iter().enumerate() {
        let mut batch = Vec::new();
        for (at_place, document) in documents.iter().enumerate() {
            let path = at.join(format!("{number}-{at_place}.json"));
            fs::write(&path, document.to_string()).expect("written");
            batch.push(path);
        }
        batches.push(batch);
    }
    let printed = replay(at, &batches, &[["2026-09-28", "2026-10-04"], ["2026-09-01", "2026-12-31"]]);
    let figures: Vec<[&Value; 4]> = printed
        .iter()
        .map(|week| {
            let [first, all] = week.as_slice() else { panic!("two spans") };
            [&first["procedures"], &all["procedures"], &all["notices"], &all["health"]["quarantined"]]
        })
        .collect();
    assert_eq!(json!(figures), json!([[1, 1, 1, 0], [0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 2, 1]]));
    let categories: Vec<&Value> = printed.iter().map(|week| &week[1]["categories"][0]["id"]).collect();
    assert_eq!(json!(categories), json!(["drones", "ballistic-vests", "ballistic-vests", "ballistic-vests"]));
    let closing: Vec<&Value> = printed.iter().map(|week| &week[1]["closing"][0]["deadline"]["at"]).collect();
    assert_eq!(json!(closing), json!([soon, null, later, later]));
    let story = json_of(at, &["show", "procedure:import/ocds-aaaaaa-1-2"]);
    assert_eq!(story["totals"][0]["amount"], "90000", "{story}");
    let then = json_of(at, &["show", "procedure:import/ocds-aaaaaa-1-1", "--as-of", BEGIN]);
    assert_eq!(then["notices"][0]["title"], "Drones for the northern district", "{then}");
}

#[test]
fn a_tender_in_two_gazettes_is_one_procedure_and_closes_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let one = release(1, "tender", "2026-11-18", "Drones for the northern district", "2026-11-30T10:00:00Z");
    let mut moved = release(2, "tender", "2026-11-20", "Drones for the northern district", "2026-12-02T10:00:00Z");
    moved["releases"][0]["tag"] = json!(["tenderUpdate"]);
    let now = ["--now", "2026-11-22T12:00:00Z"];
    fs::write(at.join("one.json"), one.to_string()).expect("written");
    run(at, &[&now[..], &["import", "one.json"]].concat()).code(0);
    run(at, &[&now[..], &["import", "--source", "gb-find-a-tender", "one.json"]].concat()).code(0);
    let digest = json_of(at, &[&now[..], &["digest", "--week", "2026-W47"]].concat());
    let [first] = digest["categories"].as_array().expect("a list").as_slice() else { panic!("{digest:#}") };
    assert_eq!((&first["procedures"], &first["notices"], &digest["procedures"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!(first["by_country"], json!({ "IE": 1 }));
    assert_eq!(digest["closing"].as_array().expect("a list").len(), 1, "{digest:#}");
    // a later notice of the procedure moves the deadline: only that one stands
    fs::write(at.join("moved.json"), moved.to_string()).expect("written");
    run(at, &[&now[..], &["import", "moved.json"]].concat()).code(0);
    let digest = json_of(at, &[&now[..], &["digest", "--week", "2026-W47"]].concat());
    let closing: Vec<&Value> =
        digest["closing"].as_array().expect("a list").iter().map(|line| &line["deadline"]["at"]).collect();
    assert_eq!(json!(closing), json!(["2026-12-02T10:00:00+00:00"]), "{digest:#}");
}

#[test]
fn real_records_week_by_week_say_what_they_said_then() {
    let Some(corpus) = super::corpus() else { return };
    let mut batches = vec![Vec::new(); 5];
    for folder in
        ["national/fr-boamp", "national/pl-bzp", "national/es-placsp", "national/sk-uvo", "plans/jpp-evidence"]
    {
        for (number, path) in files(&corpus.join(folder)).into_iter().enumerate() {
            batches[number % 5].push(path);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let spans = [["2010-01-01", "2026-12-31"], ["2024-03-04", "2024-03-10"], ["2023-01-01", "2023-12-31"]];
    let printed = replay(folder.path(), &batches, &spans);
    let grows = printed.windows(2).all(|weeks| weeks[0][0]["notices"].as_u64() <= weeks[1][0]["notices"].as_u64());
    assert!(grows && printed[4][0]["procedures"].as_u64() > Some(100), "{:#}", printed[4][0]);
}
