//! The built binary from outside: what comes out, which exit code, and what bad input does (nothing).

mod bad_input;
mod bad_state;
mod buyers_and_money;
mod marking;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tenderwatch::publisher::{Gazette, Plan};
use tenderwatch::store::{Layout, WriterLock};

/// The clock of every run here.
const NOW: &str = "2026-11-22T09:00:00Z";

/// Two weeks of every kind of notice.
pub fn plan() -> Plan {
    Plan { notices: 120, weeks: 2, ..Plan::demo(NOW.parse().expect("a time")) }
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.err))
    }

    /// Ended so, without a panic on the way.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        let text = String::from_utf8_lossy(&self.out[..self.out.len().min(2000)]).into_owned();
        assert_eq!(self.code, expected, "stderr: {}\nstdout: {text}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Failed with one `error:` line that has all these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        let ran = self.code(code);
        let messages = ran.err.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(messages, 1, "one message: {}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
        }
        ran
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tenderwatch"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["CONTACT", "DATA_DIR", "NOW", "LOG"] {
        command.env_remove(format!("TENDERWATCH_{name}"));
    }
    command.env("TENDERWATCH_NOW", NOW);
    command
}

fn finish(mut command: Command) -> Ran {
    let output = command.output().expect("the binary starts");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the binary in a folder.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(folder);
    command.args(arguments);
    finish(command)
}

pub fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    run(folder, &[&["--output", "json"], arguments].concat()).code(0).json()
}

/// A folder with `packages/` and `data/`, made once and copied for every test; gone with the next run of the suite.
fn shared() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in root.read_dir().expect("readable").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.strip_prefix("shared-").is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                fs::remove_dir_all(entry.path()).ok();
            }
        }
        let folder = root.join(format!("shared-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("created");
        plan().gazette().write_packages(&folder.join("packages")).expect("written");
        run(&folder, &["import", "packages"]).code(0);
        folder
    })
}

/// A folder of one's own with the shared packages and data in it.
fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(shared(), folder.path());
    folder
}

/// Only the packages.
fn packages_only() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&shared().join("packages"), &folder.path().join("packages"));
    folder
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in from.read_dir().expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("named"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

fn gazette() -> Gazette {
    plan().gazette()
}

/// Everything a reader can see of the notices: all hits in order, some searches, the digest, the counts.
pub fn seen(folder: &Path) -> Value {
    let search = |arguments: &[&str]| {
        let mut answer = json_of(folder, &[&["search", "--limit", "1000"], arguments].concat());
        answer["took_ms"] = Value::Null;
        answer
    };
    let status = json_of(folder, &["status"]);
    let mut counts = status["counts"].clone();
    for what in ["documents", "by_quarantine"] {
        counts[what] = Value::Null;
    }
    json!({
        "all": search(&["--facets"]),
        "drone": search(&["drone"]),
        "counts": counts,
    })
}

fn digest(folder: &Path, format: &str) -> String {
    run(folder, &["digest", "--week", "2026-W47", "--format", format]).code(0).text()
}

fn first_seen(folder: &Path) -> Vec<(String, i64)> {
    let kept = rusqlite::Connection::open(folder.join("data/kept.db")).expect("opens");
    let mut statement = kept.prepare("SELECT notice_id, at FROM first_seen ORDER BY 1").expect("prepared");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("asked");
    rows.collect::<Result<_, _>>().expect("read")
}

#[track_caller]
fn balanced(source: &Value) {
    let number =
        |path: &str| source.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {source}"));
    let sum = |paths: &[&str]| paths.iter().map(|path| number(path)).sum::<u64>();
    let documents = ["/documents/duplicate", "/documents/parsed", "/documents/quarantined", "/documents/failed"];
    assert_eq!(number("/documents/fetched"), sum(&documents), "{source}");
    let records = ["/records/notices", "/records/non_notice", "/records/quarantined"];
    assert_eq!(number("/records/read"), sum(&records), "{source}");
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn an_import_gives_the_promised_receipt_and_a_second_one_changes_nothing() {
    let folder = packages_only();
    let receipt = json_of(folder.path(), &["import", "packages"]);
    assert_eq!(keys(&receipt), ["run_id", "started_at", "finished_at", "sources"]);
    let source = &receipt["sources"][0];
    for key in [
        "source",
        "outcome",
        "requests",
        "bytes",
        "documents",
        "records",
        "notices",
        "issues",
        "waited_ms",
        "politeness",
        "watermark",
    ] {
        assert!(source.get(key).is_some(), "{key} in {source}");
    }
    let documents = ["fetched", "not_modified", "duplicate", "parsed", "quarantined", "failed", "ignored"];
    assert_eq!(keys(&source["documents"]), documents);
    assert_eq!(keys(&source["records"]), ["read", "notices", "non_notice", "quarantined"]);
    assert_eq!((&source["source"], &source["outcome"]), (&json!("eu-ted"), &json!("complete")));
    assert_eq!(source["notices"], json!({"new": 120, "changed": 0, "unchanged": 0}));
    balanced(source);

    let before = seen(folder.path());
    let again = &json_of(folder.path(), &["import", "packages"])["sources"][0];
    assert_eq!((&again["documents"]["fetched"], &again["documents"]["duplicate"]), (&json!(120), &json!(120)));
    assert_eq!(again["notices"], json!({"new": 0, "changed": 0, "unchanged": 0}));
    balanced(again);
    assert_eq!(seen(folder.path()), before);

    // from standard input, under a source of one's own choice
    let mut command = command(folder.path());
    command.args(["--output", "json", "import", "-"]);
    let package =
        fs::read_dir(folder.path().join("packages")).expect("readable").next().expect("one").expect("readable");
    command.stdin(fs::File::open(package.path()).expect("opens"));
    let piped = &finish(command).code(0).json()["sources"][0];
    assert_eq!(piped["documents"]["fetched"], piped["documents"]["duplicate"]);
    assert!(piped["documents"]["fetched"].as_u64() > Some(0), "{piped}");
}

#[test]
fn a_search_comes_out_in_every_shape() {
    let folder = shared();
    let answer = json_of(folder, &["search", "drone", "--facets", "--limit", "3"]);
    assert_eq!(answer["query"], "drone");
    let hits = answer["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), 3);
    assert!(answer["total"].as_u64() >= Some(3) && answer["took_ms"].is_u64());
    for key in [
        "id",
        "title",
        "lang",
        "published_on",
        "country",
        "stage",
        "buyers",
        "categories",
        "url",
        "score",
        "snippet",
        "matched",
    ] {
        assert!(hits[0].get(key).is_some(), "{key} in {}", hits[0]);
    }
    for facet in ["category", "country", "stage", "language", "source"] {
        assert!(answer["facets"][facet].as_object().is_some_and(|counts| !counts.is_empty()), "{facet}");
    }
    let lines = run(folder, &["--output", "jsonl", "search", "drone", "--limit", "3"]).code(0).text();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(&lines, hits);
    let csv = run(folder, &["search", "drone", "--limit", "3", "--output", "csv"]).code(0).text();
    assert!(
        csv.starts_with("id,published_on,country,stage,categories,title,lang,buyers,deadline,url,score\n"),
        "{csv}"
    );
    assert!(csv.contains(hits[0]["id"].as_str().expect("an id")));
    let table = run(folder, &["search", "drone", "--limit", "3"]).code(0).text();
    assert!(table.contains("why: ") && table.contains("1 to 3 of "), "{table}");
    let none = json_of(folder, &["search", "zzyzxq"]);
    assert_eq!((&none["total"], &none["hits"]), (&json!(0), &json!([])));
    assert!(run(folder, &["search", "zzyzxq"]).code(0).text().contains("no hit"));
    // offset and limit cut one and the same list
    let all = json_of(folder, &["search", "--limit", "10"]);
    let second = json_of(folder, &["search", "--limit", "5", "--offset", "5"]);
    assert_eq!(all["hits"].as_array().expect("hits")[5..], second["hits"].as_array().expect("hits")[..]);
}

#[test]
fn a_notice_is_shown_as_it_was_read_and_as_it_came() {
    let folder = shared();
    let planned = gazette().notice(7);
    let notice = json_of(folder, &["show", &planned.publication_id]);
    assert_eq!(notice["id"], format!("eu-ted/{}", planned.publication_id));
    for key in [
        "source",
        "publication_id",
        "format",
        "raw_id",
        "stage",
        "published_on",
        "first_seen",
        "title",
        "buyers",
        "cpv",
    ] {
        assert!(notice.get(key).is_some(), "{key} in {notice}");
    }
    assert_eq!(notice["first_seen"], NOW);
    let raw = run(folder, &["show", notice["id"].as_str().expect("an id"), "--raw"]).code(0);
    assert_eq!(raw.out, planned.xml().as_bytes());
    let text = run(folder, &["show", &planned.publication_id, "--explain"]).code(0).text();
    assert!(text.contains(&planned.title[0].1), "{text}");
    run(folder, &["show", "99999999-2026"]).fails(1, &["99999999-2026", "search"]);
}

/// Versions come from documents that say something else, not from other bytes or a date that the publisher touched.
#[test]
fn the_history_of_a_notice_says_what_changed_and_when() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let release = |title: &str, amount: u32, views: u32| {
        serde_json::json!({
            "uri": "https://example.org/p", "version": "1.1", "publishedDate": "2026-11-01T00:00:00Z",
            "publisher": { "name": "Example" },
            "releases": [{
                "ocid": "ocds-abc123-1", "id": "1-1", "date": "2026-11-01T10:00:00Z", "tag": ["tender"], "language": "en",
                "buyer": { "id": "B-1", "name": "Police" }, "parties": [{ "id": "B-1", "name": "Police", "roles": ["buyer"] }],
                "tender": { "id": "T", "title": title, "value": { "amount": amount, "currency": "EUR" },
                    "procurementMethodDetails": format!("seen {views} times") },
            }],
        })
        .to_string()
    };
    for (day, text) in [
        ("2026-11-02T08:00:00Z", release("Ballistic vests", 1000, 1)),
        ("2026-11-03T08:00:00Z", release("Ballistic  vests", 1000, 2)),
        ("2026-11-04T08:00:00Z", release("Ballistic vests and plates", 2500, 3)),
        ("2026-11-05T08:00:00Z", release("Ballistic vests and plates", 2500, 3)),
    ] {
        fs::write(at.join("package.json"), text).expect("written");
        run(at, &["--now", day, "import", "package.json"]).code(0);
    }
    let check = || {
        let shown = json_of(at, &["show", "import/ocds-abc123-1/1-1", "--history"]);
        let history = shown["history"].as_array().expect("a list");
        assert_eq!(history.len(), 2, "{shown}");
        let since: Vec<&str> = history.iter().filter_map(|step| step["valid_from"].as_str()).collect();
        assert_eq!(since, ["2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"]);
        let paths: Vec<&str> = history[1]["changes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|change| change["path"].as_str())
            .collect();
        assert_eq!(paths, ["estimated_value.amount", "title.en"], "{shown}");
        assert_eq!(history[1]["changes"][0]["old"], "1000", "{shown}");
    };
    check();
    let text = run(at, &["show", "import/ocds-abc123-1/1-1", "--history"]).code(0).text();
    assert!(text.contains("title.en: Ballistic vests -> Ballistic vests and plates"), "{text}");
    // what is derived is the same when it is made anew
    run(at, &["rebuild", "--from-archive"]).code(0);
    check();
}

/// Bytes that were there before are a version of their own when they stand in the place of others again, and nothing new when
/// an older file is imported once more.
#[test]
fn a_publisher_may_go_back_to_what_it_said_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let release = |title: &str| {
        serde_json::json!({
            "uri": "https://example.org/p", "version": "1.1", "publishedDate": "2026-11-01T00:00:00Z",
            "publisher": { "name": "Example" },
            "releases": [{
                "ocid": "ocds-abc123-1", "id": "1-1", "date": "2026-11-01T10:00:00Z", "tag": ["tender"], "language": "en",
                "buyer": { "name": "Police" }, "tender": { "id": "T", "title": title },
            }],
        })
        .to_string()
    };
    let titles = || {
        let id = "import/ocds-abc123-1/1-1";
        let title = json_of(at, &["show", id])["title"]["en"].as_str().expect("a title").to_owned();
        (title, json_of(at, &["show", id, "--history"])["history"].as_array().expect("a list").len())
    };
    let days = ["Boats", "Boats and engines", "Boats", "Boats", "Boats and engines"];
    for (day, title) in days.iter().enumerate() {
        fs::write(at.join("package.json"), release(title)).expect("written");
        let now = format!("2026-11-0{}T08:00:00Z", day + 2);
        run(at, &["--now", &now, "import", "package.json"]).code(0);
        assert_eq!(titles().0, *title);
    }
    assert_eq!(titles().1, 4);
    fs::write(at.join("older.json"), release("Boats")).expect("written");
    for file in ["older.json", "package.json", "older.json"] {
        run(at, &["--now", "2026-11-09T08:00:00Z", "import", file]).code(0);
        assert_eq!(titles(), ("Boats and engines".to_owned(), 4));
    }
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(titles(), ("Boats and engines".to_owned(), 4));
    run(at, &["verify"]).code(0);
}

#[test]
fn labels_are_measured_against_judged_notices_beside_simple_systems() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let judged = [
        serde_json::json!({"id": "1", "lang": "de", "title": "Lieferung von Drohnen", "labels": ["drones"]}),
        serde_json::json!({"id": "2", "lang": "fr", "title": "Fourniture de drones", "labels": ["drones"],
            "note": "found by buyer/CPV-35 sweep"}),
        serde_json::json!({"id": "3", "lang": "en", "title": "Insurance of drones", "labels": [],
            "note": "hard negative: near"}),
        serde_json::json!({"id": "4", "lang": "en", "title": "School furniture", "cpv": ["35613000"], "labels": [],
            "note": "random negative"}),
        serde_json::json!({"id": "5", "lang": "en", "title": "Vests", "labels": ["ballistic-vests"]}),
    ];
    let lines: Vec<String> = judged.iter().map(ToString::to_string).collect();
    fs::write(at.join("judged.jsonl"), lines.join("\n")).expect("written");
    let sets = json_of(at, &["evaluate", "judged.jsonl"]);
    let systems = sets[0]["systems"].as_array().expect("a list");
    let names: Vec<&str> = systems.iter().map(|one| one["system"].as_str().expect("a name")).collect();
    assert_eq!(names[..2], ["classify", "classify, text alone"]);
    let figures = |system: &str| {
        let at = names.iter().position(|name| *name == system).expect("it is there");
        &systems[at]["figures"]
    };
    let counts =
        |right: u64, alarms: u64, missed: u64| serde_json::json!({"right": right, "alarms": alarms, "missed": missed});
    assert_eq!(figures("classify, text alone")["micro"], counts(2, 0, 1));
    assert_eq!(figures("classify")["sweep"], counts(1, 0, 0));
    assert_eq!(figures("CPV codes alone")["micro"], counts(0, 1, 3));
    assert_eq!(figures("CPV codes alone")["alarms_random"], serde_json::json!({"part": 1, "whole": 1}));
    assert_eq!(figures("plain lexicon")["alarms_hard"], serde_json::json!({"part": 1, "whole": 1}));
    assert_eq!(figures("classify")["languages"]["de"], serde_json::json!([1, counts(1, 0, 0)]));
    assert_eq!(figures("cross-validated")["notices"], 5, "each in one part");
    let short = json_of(at, &["evaluate", "judged.jsonl", "--folds", "0"]);
    assert_eq!(short[0]["systems"].as_array().map(Vec::len), Some(names.len() - 2));
    run(at, &["evaluate", "judged.jsonl", "--folds", "1"]).fails(2, &["--folds", "found 1"]);
    let text = run(at, &["evaluate", "judged.jsonl"]).code(0).text();
    assert!(text.contains("judged.jsonl: 5 notices, 3 labels"), "{text}");
    assert!(text.contains("English keywords"), "{text}");
    fs::write(at.join("broken.jsonl"), format!("{}\n{{\"id\": 7}}\n", lines[0])).expect("written");
    run(at, &["evaluate", "broken.jsonl"]).fails(1, &["broken.jsonl:2"]);
    run(at, &["evaluate", "nowhere.jsonl"]).fails(1, &["nowhere.jsonl"]);
}

/// A publisher that takes a notice back deletes nothing here, and publishing it anew ends that.
#[test]
fn what_a_publisher_takes_back_is_marked_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let entry = |title: &str| {
        format!(
            "<entry><id>https://example.org/s/9</id><title>{title}</title><c:ContractFolderStatus>\
             <b:ContractFolderID>E/9</b:ContractFolderID><c:ContractFolderStatusCode>PUB</c:ContractFolderStatusCode>\
             <a:ProcurementProject><b:Name>{title}</b:Name></a:ProcurementProject></c:ContractFolderStatus></entry>"
        )
    };
    let page = |inside: &str| {
        format!(
            "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0' \
             xmlns:b='urn:dgpe:names:draft:codice:schema:xsd:CommonBasicComponents-2' \
             xmlns:a='urn:dgpe:names:draft:codice:schema:xsd:CommonAggregateComponents-2' \
             xmlns:c='urn:dgpe:names:draft:codice-place-ext:schema:xsd:CommonAggregateComponents-2'>{inside}</feed>"
        )
    };
    let deleted = "<at:deleted-entry ref='https://example.org/s/9' when='2026-11-03T00:00:00+01:00'/>";
    for (day, inside, state) in [
        ("2026-11-02T08:00:00Z", entry("Cascos"), None),
        ("2026-11-04T08:00:00Z", deleted.to_owned(), Some("2026-11-04T08:00:00Z")),
        ("2026-11-05T08:00:00Z", entry("Cascos y chalecos"), None),
    ] {
        fs::write(at.join("page.atom"), page(&inside)).expect("written");
        run(at, &["--now", day, "import", "page.atom", "--format", "codice", "--source", "es-placsp-643"]).code(0);
        let shown = json_of(at, &["show", "es-placsp-643/9"]);
        let states = state.map(|since| serde_json::json!([{ "state": "deleted-at-source", "since": since }]));
        assert_eq!(shown.get("states"), states.as_ref(), "{shown}");
        let counted = json_of(at, &["status"])["counts"]["by_state"]["deleted-at-source"].as_u64();
        assert_eq!(counted, state.map(|_| 1), "{day}");
    }
}

#[test]
fn the_digest_is_the_same_bytes_twice() {
    let folder = shared();
    for format in ["text", "markdown", "json"] {
        let first = digest(folder, format);
        assert!(first.len() > 200, "{first}");
        assert_eq!(first, digest(folder, format), "{format}");
    }
    serde_json::from_str::<Value>(&digest(folder, "json")).expect("JSON");
    assert!(json_of(folder, &["digest", "--week", "2026-W47"]).is_object());
}

#[test]
fn parse_prints_a_notice_a_line_and_stores_nothing() {
    let folder = packages_only();
    let ran = run(folder.path(), &["parse", "packages"]).code(0);
    let text = ran.text();
    let notices: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(notices.len(), 120);
    assert!(notices.iter().all(|notice| notice["id"].is_string() && notice["title"].is_object()));
    assert!(!folder.path().join("data").exists());
    let summary = run(folder.path(), &["parse", "--summary", "packages"]).code(0).json();
    assert_eq!(summary["documents"]["parsed"], 120);
    assert_eq!(summary["records"]["notices"], 120);
    fs::write(folder.path().join("broken.xml"), "<ContractNotice>").expect("written");
    let ran = run(folder.path(), &["parse", "broken.xml", "--issues", "found.jsonl"]).code(4);
    assert!(ran.out.is_empty());
    let found = fs::read_to_string(folder.path().join("found.jsonl")).expect("written");
    assert!(found.contains("broken.xml") && found.contains("\"quarantined\""), "{found}");
}

#[test]
fn classify_labels_lines_and_its_evidence_adds_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [
        json!({"id": "a", "title": "Lieferung von Drohnen für die Polizei", "lang": "de", "cpv": ["34711200"]}),
        json!({"id": "b", "title": "Gilets pare-balles", "description": "Fourniture", "lang": "fr", "unknown": 1,
               "lots": [{"id": "LOT-0001", "title": "Gilets pare-balles discrets", "cpv": ["35815100-6"]}]}),
        json!({"id": "c", "title": "School meals"}),
    ];
    let text = lines.map(|line| line.to_string()).join(
        "
",
    );
    fs::write(folder.path().join("in.jsonl"), &text).expect("written");
    let ran = run(folder.path(), &["classify", "--input", "in.jsonl"]).code(0);
    let out: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(out.iter().map(|line| line["id"].as_str().expect("an id")).collect::<Vec<_>>(), ["a", "b", "c"]);
    for label in out.iter().flat_map(|line| line["categories"].as_array().expect("categories")) {
        let number = |value: &Value| value.as_f64().expect("a number");
        let points: f64 =
            label["evidence"].as_array().expect("evidence").iter().map(|one| number(&one["points"])).sum();
        let score = 1.0 / (1.0 + (-(number(&label["bias"]) + points)).exp());
        assert!((score - number(&label["score"])).abs() < 1e-3, "{label}");
        assert!(number(&label["score"]) >= 0.05, "{label}");
    }
    assert_eq!(out[0]["categories"][0]["id"], "drones", "{}", out[0]);
    assert_eq!(out[1]["categories"][0]["id"], "ballistic-vests", "{}", out[1]);
    fs::write(folder.path().join("in.jsonl.gz"), gz(text.as_bytes())).expect("written");
    assert_eq!(run(folder.path(), &["classify", "--input", "in.jsonl.gz"]).code(0).out, ran.out);
    let without = run(folder.path(), &["classify", "--no-cpv", "--input", "in.jsonl"]).code(0).text();
    assert!(!without.contains("\"field\":\"cpv\""), "{without}");

    fs::write(folder.path().join("bad.jsonl"), "{\"id\":\"a\",\"title\":\"x\"}\n{\"id\":1}\n").expect("written");
    let bad = run(folder.path(), &["classify", "--input", "bad.jsonl"]).fails(1, &["bad.jsonl:2"]);
    assert_eq!(bad.text().lines().count(), 1, "what came before stands");
    run(folder.path(), &["classify", "--input", "gone.jsonl"]).fails(1, &["gone.jsonl"]);
}

#[test]
fn categories_and_sources_are_listed_checked_and_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let list = json_of(at, &["categories", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(22));
    assert!(run(at, &["categories", "check"]).code(0).text().contains("22 categories"));
    let tried = json_of(at, &["categories", "try", "unmanned aerial vehicles", "--lang", "en"]);
    assert_eq!(tried[0]["id"], "drones");
    assert!(run(at, &["categories", "try", "school meals"]).code(0).text().contains("no category"));
    run(at, &["categories", "try", "x", "--lang", "xx"]).fails(2, &["--lang", "xx"]);
    let sources = json_of(at, &["sources", "list"]);
    assert!(sources.as_array().is_some_and(|sources| sources.iter().any(|source| source["id"] == "eu-ted")));
    assert!(run(at, &["sources", "show", "eu-ted"]).code(0).text().contains("[plan]"));
    assert!(run(at, &["sources", "check"]).code(0).text().contains("no mistake"));
    run(at, &["sources", "check", "eu-tde"]).fails(2, &["eu-tde", "eu-ted"]);
    for arguments in [["sources", "check"].as_slice(), &["categories", "check"], &["sources", "show", "eu-ted"]] {
        json_of(at, arguments);
    }
}

#[test]
fn what_is_derived_can_be_made_anew_and_is_the_same() {
    let folder = filled();
    let at = folder.path();
    let (before, text, times) = (seen(at), digest(at, "text"), first_seen(at));
    assert_eq!(times.len(), 120);
    let later = ["--now", "2026-12-01T00:00:00Z"];
    for arguments in [["rebuild", "--index"].as_slice(), &["rebuild", "--from-archive"]] {
        let mut command = command(at);
        command.args(later).args(arguments);
        finish(command).code(0);
        assert_eq!(seen(at), before, "{arguments:?}");
        assert_eq!(digest(at, "text"), text, "{arguments:?}");
        assert_eq!(first_seen(at), times, "{arguments:?}");
    }
    run(at, &["verify"]).code(0);
    assert_eq!(json_of(at, &["verify"]), json!({"documents": 120, "wrong": []}));
    run(at, &["rebuild"]).code(2);
}

#[test]
fn status_says_what_is_there() {
    let status = json_of(shared(), &["status"]);
    assert_eq!(status["counts"]["notices"], 120);
    assert_eq!(status["counts"]["by_source"], json!({"eu-ted": 120}));
    let sources = status["sources"].as_array().expect("a list");
    let ted = sources.iter().find(|source| source["source"] == "eu-ted").expect("listed");
    assert_eq!(ted["last_outcome"], "complete");
    assert!(status["disk_bytes"]["archive"].as_u64() > Some(0));
    assert!(run(shared(), &["status"]).code(0).text().contains("120 notices from 120 documents"));
}

#[test]
fn the_demo_ends_well_in_an_empty_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let started = Instant::now();
    let ran = run(folder.path(), &["--output", "json", "demo"]).code(0);
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    let answer = ran.json();
    assert_eq!(answer["served"], answer["stored"]);
    assert_eq!(answer["quarantined"], 0);
    let searches = answer["searches"].as_array().expect("searches");
    assert_eq!(searches.len(), 3);
    assert!(searches.iter().all(|search| !search["hits"].as_array().expect("hits").is_empty()));
    assert!(answer["digest"].is_object());
    assert_eq!(folder.path().read_dir().expect("readable").count(), 0, "nothing is left behind");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let script = "\"$0\" --output jsonl search --limit 1000 | head -n 1 >/dev/null; exit \"${PIPESTATUS[0]}\"";
    for _ in 0..3 {
        let mut command = Command::new("bash");
        command.current_dir(shared()).env("TENDERWATCH_NOW", NOW).stdin(Stdio::null());
        command.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin!("tenderwatch"));
        let ran = finish(command).code(0);
        assert_eq!(ran.err, "");
    }
}

#[test]
fn every_command_explains_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = run(folder.path(), &["--help"]).code(0).text();
    for name in [
        "demo",
        "crawl",
        "import",
        "parse",
        "search",
        "show",
        "classify",
        "categories",
        "sources",
        "digest",
        "rebuild",
        "status",
        "verify",
    ] {
        assert!(top.contains(&format!("\n  {name} ")), "{name} in {top}");
        let help = run(folder.path(), &[name, "--help"]).code(0).text();
        let first = help.lines().next().expect("a line");
        assert!(first.split(' ').count() >= 4, "{name}: {first}");
        let has_files = ["crawl", "import", "parse", "search", "show", "classify", "digest", "rebuild"].contains(&name);
        assert!(!has_files || help.contains("Example: tenderwatch "), "{name}: {help}");
    }
}
