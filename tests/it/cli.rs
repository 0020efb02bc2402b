//! The built binary from outside: what comes out, which exit code, and what bad input does (nothing).

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

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
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
    assert_eq!(list.as_array().map(Vec::len), Some(8));
    assert!(run(at, &["categories", "check"]).code(0).text().contains("8 categories"));
    let tried = json_of(at, &["categories", "try", "unmanned aerial vehicles", "--lang", "en"]);
    assert_eq!(tried[0]["id"], "drones");
    assert!(run(at, &["categories", "try", "school meals"]).code(0).text().contains("no category"));
    run(at, &["categories", "try", "x", "--lang", "xx"]).fails(2, &["--lang", "xx"]);
    let sources = json_of(at, &["sources", "list"]);
    assert_eq!(sources[0]["id"], "eu-ted");
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
    assert_eq!(status["sources"][0]["last_outcome"], "complete");
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

// ---- bad input

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, body) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *body).expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// A notice that is not in the shared data, with one of the shared ones' number.
fn other_notice() -> String {
    Plan { seed: 5, ..plan() }.gazette().notice(9).xml()
}

fn bad_documents() -> Vec<(&'static str, Vec<u8>)> {
    let notice = other_notice();
    let mut wrong_encoding = notice.clone().into_bytes();
    let title = notice.find("<cbc:Name").expect("a name") + 30;
    wrong_encoding[title] = 0xff;
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE n [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    let bomb =
        format!("{bomb}{}", notice.split_once("?>").expect("a declaration").1.replacen("<cbc:ID", "&c;<cbc:ID", 1));
    let deep = notice.replacen("<cac:ProcurementProject>", &"<cac:ProcurementProject>".repeat(100_000), 1);
    vec![
        ("truncated.xml", notice.as_bytes()[..notice.len() / 2].to_vec()),
        ("empty.xml", Vec::new()),
        ("blank.xml", b" \n\t ".to_vec()),
        ("prose.xml", b"This is no XML at all.".to_vec()),
        ("binary.xml", (0..=255).cycle().take(5000).collect()),
        ("page.xml", b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Busy<br></body></html>".to_vec()),
        ("wrong-encoding.xml", wrong_encoding),
        ("entity-bomb.xml", bomb.into_bytes()),
        ("deep.xml", deep.into_bytes()),
        ("other-root.xml", b"<feed xmlns=\"http://www.w3.org/2005/Atom\"/>".to_vec()),
    ]
}

#[test]
fn a_document_that_cannot_be_read_is_named_and_harms_nothing() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    for (name, bytes) in bad_documents() {
        fs::write(at.join(name), bytes).expect("written");
        let ran = run(at, &["--output", "json", "import", name]).code(4);
        assert_eq!(ran.err.matches(name).count(), 1, "{name} is named once: {}", ran.err);
        let receipt = ran.json();
        for source in receipt["sources"].as_array().expect("sources") {
            balanced(source);
        }
        assert_eq!(receipt["sources"][0]["documents"]["quarantined"], 1, "{name}: {receipt}");
        let parsed = run(at, &["parse", name]).code(4);
        assert!(parsed.out.is_empty() && parsed.err.contains(name), "{name}: {}", parsed.err);
    }
    assert_eq!(seen(at), before);
    let quarantined = json_of(at, &["status"])["quarantined"].as_array().expect("a list").clone();
    for (name, _) in bad_documents() {
        let own = quarantined.iter().find(|document| document["name"].as_str().is_some_and(|at| at.ends_with(name)));
        assert!(own.is_some_and(|own| own["reason"].as_str().is_some_and(|reason| !reason.is_empty())), "{name}");
    }
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(seen(at), before);
    run(at, &["verify"]).code(0);
}

/// Runs to its end and says how much memory it took at most, where the system tells.
fn peak_memory(mut command: Command) -> (Ran, u64) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        if let Ok(text) = fs::read_to_string(&status) {
            let kilobytes =
                text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        }
        if let Some(status) = child.try_wait().expect("asked") {
            break status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let (mut out, mut err) = (Vec::new(), String::new());
    child.stdout.take().expect("piped").read_to_end(&mut out).expect("read");
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("read");
    (Ran { code, out, err }, peak)
}

#[test]
fn what_is_far_too_large_is_refused_fast_and_with_little_memory() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    fs::File::create(at.join("huge.xml")).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    let zeros = vec![0; 150 << 20];
    fs::write(at.join("bomb.gz"), gz(&zeros)).expect("written");
    fs::write(at.join("bomb.tar.gz"), gz(&tar(&[("in/huge.xml", &zeros), ("in/small.xml", b"<a/>")])))
        .expect("written");
    fs::write(at.join("bomb2.tar.gz"), gz(&tar(&[("../huge.xml", &zeros)]))).expect("written");
    let twice = gz(&fs::read(at.join("bomb.gz")).expect("readable"));
    fs::write(at.join("bomb.gz.gz"), twice).expect("written");
    drop(zeros);
    for (name, word) in [
        ("huge.xml", "larger than 32 MiB (limits.document)"),
        ("bomb.gz", "limits."),
        ("bomb.tar.gz", "limits.package_ratio"),
        ("bomb2.tar.gz", "limits.package_ratio"),
        ("bomb.gz.gz", "limits."),
    ] {
        let started = Instant::now();
        let mut command = command(at);
        command.args(["--output", "json", "import", name]);
        let (ran, peak) = peak_memory(command);
        let ran = ran.code(4);
        assert!(ran.err.contains(name) && ran.err.contains(word), "{name}: {}", ran.err);
        assert!(started.elapsed() < Duration::from_secs(15), "{name}: {:?}", started.elapsed());
        assert!(peak < 250 << 20, "{name}: {} MiB", peak >> 20);
        balanced(&ran.json()["sources"][0]);
        assert!(ran.json()["sources"][0]["documents"]["failed"].as_u64() >= Some(1), "{name}");
    }
    assert_eq!(seen(at), before);
}

#[test]
fn a_package_that_is_cut_or_hostile_gives_what_is_good_in_it() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let known = gazette().notice(3).xml();
    let package = gz(&tar(&[("a/1.xml", known.as_bytes()), ("a/2.xml", known.as_bytes())]));
    fs::write(at.join("cut.tar.gz"), &package[..package.len() - 40]).expect("written");
    fs::write(
        at.join("names.tar.gz"),
        gz(&tar(&[
            ("../../evil.xml", known.as_bytes()),
            ("/etc/evil.xml", known.as_bytes()),
            ("ok.xml", known.as_bytes()),
        ])),
    )
    .expect("written");
    fs::write(at.join("half.zip"), b"PK\x03\x04 and then nothing of the kind").expect("written");
    for (name, duplicates, failed, words) in [
        ("cut.tar.gz", 1, 1, vec!["cut.tar.gz", "end"]),
        ("names.tar.gz", 1, 2, vec!["../../evil.xml", "/etc/evil.xml", "leads out of the package"]),
        ("half.zip", 0, 1, vec!["half.zip"]),
    ] {
        let ran = run(at, &["--output", "json", "import", name]).code(4);
        for word in words {
            assert!(ran.err.contains(word), "{word} in {}", ran.err);
        }
        let receipt = ran.json();
        let count = |what: &str| -> u64 {
            receipt["sources"]
                .as_array()
                .expect("sources")
                .iter()
                .filter_map(|own| own["documents"][what].as_u64())
                .sum()
        };
        receipt["sources"].as_array().expect("sources").iter().for_each(balanced);
        assert!(count("duplicate") >= duplicates, "{name}: {receipt}");
        assert_eq!(count("failed"), failed, "{name}: {receipt}");
    }
    assert!(!at.join("../evil.xml").exists() && !Path::new("/etc/evil.xml").exists());
    assert_eq!(seen(at), before);
}

#[test]
fn one_unreadable_file_in_a_folder_does_not_stop_the_others() {
    let folder = packages_only();
    let at = folder.path();
    std::os::unix::fs::symlink("nowhere", at.join("packages/00-dangling.tar.gz")).expect("linked");
    std::os::unix::fs::symlink("..", at.join("packages/01-loop")).expect("linked");
    let ran = run(at, &["--output", "json", "import", "packages"]).code(4);
    assert!(ran.err.contains("00-dangling.tar.gz"), "{}", ran.err);
    let receipt = ran.json();
    let stored: u64 =
        receipt["sources"].as_array().expect("sources").iter().filter_map(|own| own["notices"]["new"].as_u64()).sum();
    assert_eq!(stored, 120, "{receipt}");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    run(at, &["import", "packages", "gone.tar.gz"]).fails(1, &["gone.tar.gz"]);
    run(at, &["parse", "gone.xml"]).fails(1, &["gone.xml"]);
    run(at, &["import", "--source", "eu-tde", "packages"]).fails(2, &["eu-tde"]);
    run(at, &["import", "--format", "ocsd", "packages"]).fails(2, &["ocsd", "eforms"]);
    run(at, &["crawl", "eu-tde"]).fails(2, &["eu-tde"]);
    run(at, &["crawl", "--since", "2026-11-20", "--until", "2026-11-19"]).fails(2, &["--since", "--until"]);
    assert_eq!(seen(at), before);
    let empty = tempfile::tempdir().expect("a folder");
    for arguments in [
        ["search", "drone"].as_slice(),
        &["status"],
        &["digest"],
        &["show", "1-2026"],
        &["verify"],
        &["rebuild", "--index"],
        &["rebuild", "--from-archive"],
    ] {
        run(empty.path(), arguments).fails(1, &["no data in data", "import"]);
        assert_eq!(empty.path().read_dir().expect("readable").count(), 0, "{arguments:?} made something");
    }
}

#[test]
fn configuration_and_definitions_with_a_mistake_are_refused_with_file_line_and_path() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let write = |name: &str, text: &str| {
        let path = at.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    };
    write("config.toml", "[politeness]\nmin_dealy = \"1s\"\n");
    run(at, &["status"]).fails(3, &["config.toml:2: politeness", "min_dealy"]);
    write("config.toml", "\n[politeness]\nmin_delay = \"fast\"\n");
    run(at, &["import", "packages"]).fails(3, &["config.toml:3: politeness.min_delay: ", "duration", "fast"]);
    write("config.toml", "[paths\n");
    run(at, &["search"]).fails(3, &["config.toml:1: "]);
    fs::remove_file(at.join("config.toml")).expect("removed");
    run(at, &["--config", "gone.toml", "status"]).fails(3, &["gone.toml"]);

    let shipped = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("shipped");
    write("own.toml", "[paths]\ndefinitions = \"own\"\n");
    run(at, &["--config", "own.toml", "status"]).fails(3, &["own", "paths.definitions"]);
    let source = shipped("sources/eu-ted.toml");
    write("own/sources/eu-ted.toml", &source.replacen("[plan]", "[plan]\nwekdays = [\"mon\"]", 1));
    let line = source.lines().position(|line| line == "[plan]").expect("a plan") + 2;
    let place = format!("own/sources/eu-ted.toml:{line}: plan");
    for arguments in [
        ["status"].as_slice(),
        &["search", "drone"],
        &["crawl", "eu-ted"],
        &["sources", "check"],
        &["import", "packages"],
    ] {
        run(at, &[&["--config", "own.toml"], arguments].concat()).fails(3, &[&place, "wekdays"]);
    }
    fs::remove_dir_all(at.join("own/sources")).expect("removed");
    let category = shipped("index/categories/drones.toml");
    write("own/index/categories/drones.toml", &format!("labell = \"x\"\n{category}"));
    for arguments in [["categories", "check"].as_slice(), &["search", "drone"], &["import", "packages"]] {
        run(at, &[&["--config", "own.toml"], arguments].concat())
            .fails(3, &["own/index/categories/drones.toml:1: ", "labell"]);
    }
    assert_eq!(seen(at), before);
}

#[test]
fn a_live_crawl_without_a_contact_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), &["crawl"]).fails(3, &["TENDERWATCH_CONTACT", "contact", "config.toml"]);
    run(folder.path(), &["crawl", "eu-ted", "--dry-run"]).code(0);
    assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
}

#[test]
fn wrong_usage_is_said_with_a_suggestion() {
    let at = shared();
    for (arguments, words) in [
        (["search", "--category", "drone"].as_slice(), ["--category", "did you mean drones"].as_slice()),
        (&["search", "--country", "UK"], &["--country", "GB"]),
        (&["search", "--cpv", "99"], &["--cpv", "99"]),
        (&["search", "--stage", "results"], &["--stage", "result"]),
        (&["search", "--sort", "date"], &["--sort", "relevance"]),
        (&["search", "--source", "ted"], &["--source", "eu-ted"]),
        (&["search", "--lang", "xx", "drone"], &["--lang", "xx"]),
        (&["search", "--since", "22.11.2026"], &["--since", "2026-11-22"]),
        (&["search", "--deadline-within", "soon"], &["--deadline-within", "30d"]),
        (&["search", "--min-value", "many"], &["--min-value"]),
        (&["search", "(drone"], &["(drone", "^"]),
        (&["search", "--limit", "0"], &["--limit"]),
        (&["digest", "--week", "2026-47"], &["--week", "2026-W47"]),
        (&["digest", "--week", "2026-W60"], &["--week", "2026-W60"]),
        (&["digest", "--from", "2026-11-20", "--until", "2026-11-10"], &["--from"]),
        (&["serach", "drone"], &["serach", "search"]),
        (&["search", "--categroy", "drones"], &["--categroy", "--category"]),
        (&["--now", "yesterday", "status"], &["--now", "yesterday"]),
        (&["--output", "xml", "status"], &["--output", "json"]),
    ] {
        run(at, arguments).fails(2, words);
    }
    for arguments in [
        ["status"].as_slice(),
        &["show", "1"],
        &["digest"],
        &["verify"],
        &["rebuild", "--index"],
        &["demo"],
        &["crawl"],
        &["import", "packages"],
        &["parse", "packages"],
        &["classify", "--input", "x"],
        &["categories", "list"],
        &["sources", "list"],
    ] {
        run(at, &[&["--output", "csv"], arguments].concat()).fails(2, &["--output csv"]);
    }
}

// ---- a bad disk, a second writer, damaged files

/// Runs under a limit on the size of every file it writes, in KiB: what a full disk looks like from inside.
fn run_on_a_small_disk(at: &Path, kilobytes: u32, arguments: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    command.current_dir(at).env("TENDERWATCH_NOW", NOW).stdin(Stdio::null());
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("tenderwatch")).args(arguments);
    finish(command)
}

#[test]
fn a_full_disk_ends_the_run_and_the_next_one_completes_it() {
    let wanted = seen(shared());
    let mut failed = Vec::new();
    let mut check = |at: &Path, kilobytes: u32| {
        let ran = run_on_a_small_disk(at, kilobytes, &["import", "packages"]);
        if ran.code != 0 {
            let ran = ran.fails(1, &[]);
            failed.push(ran.err.lines().find(|line| line.starts_with("error: ")).expect("a line").to_owned());
        }
        run(at, &["import", "packages"]).code(0);
        assert_eq!(seen(at), wanted, "after {kilobytes} KiB");
        run(at, &["verify"]).code(0);
    };
    for kilobytes in [0, 24, 200] {
        check(packages_only().path(), kilobytes);
    }
    // the archive is there already, so the store fails; then both, so the index does
    for kilobytes in [1, 60, 150] {
        let folder = filled();
        for file in ["store.db", "store.db-wal", "store.db-shm"] {
            fs::remove_file(folder.path().join("data").join(file)).ok();
        }
        check(folder.path(), kilobytes);
        let folder = filled();
        fs::remove_dir_all(folder.path().join("data/index")).expect("removed");
        check(folder.path(), kilobytes);
    }
    for place in ["archive", "store.db", "kept.db", "index"] {
        assert!(failed.iter().any(|line| line.contains(place)), "{place} never failed: {failed:#?}");
    }
}

#[test]
fn a_second_writer_is_told_who_writes_and_readers_go_on() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let lock =
        WriterLock::take(&Layout::new(&at.join("data")), "crawl eu-ted", NOW.parse().expect("a time")).expect("free");
    let pid = std::process::id().to_string();
    for arguments in [["import", "packages"].as_slice(), &["rebuild", "--index"], &["rebuild", "--from-archive"]] {
        run(at, arguments).fails(1, &["in use", &pid, "tenderwatch crawl eu-ted"]);
    }
    assert_eq!(seen(at), before);
    drop(lock);
    run(at, &["import", "packages"]).code(0);
}

/// What is done to a data directory, or to one of its files.
type Damage = fn(&Path);

fn index_folder(at: &Path) -> PathBuf {
    let current = fs::read_to_string(at.join("data/index/current")).expect("an index");
    at.join("data/index").join(current.trim())
}

fn garble(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= u8::try_from(at % 251).expect("small") | 1;
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_index_is_said_and_heals() {
    let wanted = seen(shared());
    let search = |at: &Path| run(at, &["search", "drone"]);
    let damages: [(&str, Damage); 6] = [
        ("no current", |at| fs::remove_file(at.join("data/index/current")).expect("removed")),
        ("current leads nowhere", |at| fs::write(at.join("data/index/current"), "000099").expect("written")),
        ("no index at all", |at| fs::remove_dir_all(at.join("data/index")).expect("removed")),
        ("no meta", |at| garble(&index_folder(at).join("meta.json"))),
        ("files gone", |at| {
            for entry in index_folder(at).read_dir().expect("readable").flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "term" || extension == "store") {
                    fs::remove_file(entry.path()).expect("removed");
                }
            }
        }),
        ("an older schema", |at| fs::write(index_folder(at).join("schema-version"), "0").expect("written")),
    ];
    for (nth, (what, damage)) in damages.into_iter().enumerate() {
        let heals = [["import", "packages"].as_slice(), &["rebuild", "--index"]];
        // what an import finds out by opening the index is tried with both
        for heal in heals
            .into_iter()
            .skip(if what == "files gone" { 0 } else { nth % 2 })
            .take(if what == "files gone" { 2 } else { 1 })
        {
            let folder = filled();
            let at = folder.path();
            damage(at);
            if what == "an older schema" {
                let ran = search(at).code(0);
                assert!(ran.err.contains("another version"), "{}", ran.err);
            } else {
                search(at).fails(1, &["index", "tenderwatch rebuild --index"]);
            }
            run(at, heal).code(0);
            assert_eq!(seen(at), wanted, "{what}, {heal:?}");
        }
    }
}

#[test]
fn garbled_index_files_never_crash_a_search_and_a_rebuild_heals_them() {
    let wanted = seen(shared());
    let folder = filled();
    let at = folder.path();
    let files: Vec<PathBuf> =
        index_folder(at).read_dir().expect("readable").flatten().map(|entry| entry.path()).collect();
    let mut told = 0;
    for path in
        files.iter().filter(|path| path.extension().is_some_and(|extension| extension != "json" && extension != "lock"))
    {
        let whole = fs::read(path).expect("readable");
        garble(path);
        let ran = run(at, &["search", "drone", "--facets"]);
        assert!(!ran.err.contains("panicked"), "{}: {}", path.display(), ran.err);
        if ran.code != 0 {
            ran.fails(1, &["index", "tenderwatch rebuild --index"]);
            told += 1;
        }
        run(at, &["verify"]).fails(1, &["index"]);
        fs::write(path, whole).expect("written");
    }
    assert!(told >= 3, "{told} of {}", files.len());
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .for_each(|path| garble(path));
    run(at, &["rebuild", "--index"]).code(0);
    assert_eq!(seen(at), wanted);
    run(at, &["verify"]).code(0);
}

fn remove_side_files(database: &Path) {
    for side in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(side);
        fs::remove_file(name).ok();
    }
}

#[test]
fn a_damaged_store_is_said_and_rebuilt_from_the_archive() {
    let wanted = seen(shared());
    let damages: [(&str, Damage); 3] = [
        ("header", |path| {
            let mut bytes = fs::read(path).expect("readable");
            bytes[..100].fill(b'x');
            fs::write(path, bytes).expect("written");
        }),
        ("pages", |path| {
            let mut bytes = fs::read(path).expect("readable");
            let length = bytes.len();
            bytes[4096..length]
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte ^= u8::try_from(at % 7).expect("small"));
            fs::write(path, bytes).expect("written");
        }),
        ("cut", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).expect("opens");
            file.set_len(file.metadata().expect("there").len() / 2).expect("cut");
        }),
    ];
    for (what, damage) in damages {
        let folder = filled();
        let at = folder.path();
        let times = first_seen(at);
        let store = at.join("data/store.db");
        remove_side_files(&store);
        damage(&store);
        for arguments in [["search", "drone"].as_slice(), &["status"], &["import", "packages"]] {
            let ran = run(at, arguments);
            assert!(what != "header" || ran.code == 1, "{arguments:?}");
            if ran.code != 0 {
                ran.fails(1, &["store.db", "rebuild --from-archive"]);
            }
        }
        run(at, &["status"]).fails(1, &["store.db", "rebuild --from-archive"]);
        run(at, &["rebuild", "--from-archive"]).code(0);
        assert_eq!(seen(at), wanted, "{what}");
        assert_eq!(first_seen(at), times, "{what}");
        run(at, &["verify"]).code(0);
    }
    // gone altogether: the next run that writes makes it anew
    let folder = filled();
    let at = folder.path();
    let store = at.join("data/store.db");
    remove_side_files(&store);
    fs::remove_file(&store).expect("removed");
    run(at, &["import", "packages"]).code(0);
    assert_eq!(seen(at), wanted);
}

#[test]
fn damaged_kept_state_is_said_and_left_alone() {
    for damage in [
        &b"no database at all, but some text that is longer than a header of a database would be, twice over"[..],
        b"short",
        b"",
    ] {
        let folder = filled();
        let at = folder.path();
        let kept = at.join("data/kept.db");
        remove_side_files(&kept);
        fs::write(&kept, damage).expect("written");
        let text = String::from_utf8_lossy(damage).into_owned();
        for arguments in [["import", "packages"].as_slice(), &["rebuild", "--from-archive"], &["status"], &["digest"]] {
            run(at, arguments).fails(1, &["kept.db", "backup"]);
        }
        assert_eq!(fs::read(&kept).expect("readable"), damage, "{text:?} was touched");
        run(at, &["search", "drone"]).code(0);
    }
}

#[test]
fn a_damaged_archive_is_named_by_file_and_place_and_never_cut() {
    // in the body of a record, in its magic, in its sizes
    for (offset, word) in [(200, "check sum"), (0, "no record"), (11, "")] {
        let folder = filled();
        let at = folder.path();
        let before = seen(at);
        let pack = at.join("data/archive/000001.pack");
        let mut bytes = fs::read(&pack).expect("readable");
        let second = bytes[12..].windows(4).position(|window| window == b"TWR1").expect("a second record") + 12;
        bytes[second + offset] ^= 0x40;
        fs::write(&pack, &bytes).expect("written");
        let place = format!("000001.pack:{second}");
        for arguments in [["verify"].as_slice(), &["import", "packages"], &["rebuild", "--from-archive"]] {
            run(at, arguments).fails(1, &["damaged", &place, word]);
            assert_eq!(fs::read(&pack).expect("readable"), bytes, "{arguments:?} cut the archive");
        }
        assert_eq!(seen(at), before, "readers go on");
    }
    // the last record, which the store knows already, is no torn tail
    let folder = filled();
    let pack = folder.path().join("data/archive/000001.pack");
    let mut bytes = fs::read(&pack).expect("readable");
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&pack, &bytes).expect("written");
    run(folder.path(), &["import", "packages"]).fails(1, &["damaged", "000001.pack:"]);
    assert_eq!(fs::read(&pack).expect("readable"), bytes);
    // but half a record that nobody has stored yet is one
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let pack = at.join("data/archive/000001.pack");
    let whole = fs::read(&pack).expect("readable");
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[8..200]);
    fs::write(&pack, torn).expect("written");
    let ran = run(at, &["import", "packages"]).code(0);
    assert!(ran.err.contains("torn tail"), "{}", ran.err);
    assert_eq!(fs::read(&pack).expect("readable"), whole);
    assert_eq!(seen(at), before);
}

/// All files below a folder, with their bytes.
fn bytes_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(bytes_below(&path));
        } else if path.file_name().is_none_or(|name| name != "lock") {
            let bytes = fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn data_of_a_newer_program_are_left_untouched() {
    for name in ["store.db", "kept.db"] {
        let folder = filled();
        let at = folder.path();
        for database in ["store.db", "kept.db"] {
            let connection = rusqlite::Connection::open(at.join("data").join(database)).expect("opens");
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written back");
            if database == name {
                connection.pragma_update(None, "user_version", 99).expect("set");
            } else if database == "kept.db" {
                // an older one beside it is not migrated either
                connection.execute_batch("DROP TABLE validators; PRAGMA user_version = 1").expect("set");
            }
            connection.close().expect("closed");
        }
        let before = bytes_below(&at.join("data"));
        for arguments in [["import", "packages"].as_slice(), &["rebuild", "--index"], &["rebuild", "--from-archive"]] {
            run(at, arguments).fails(1, &[name, "version 99", "newer"]);
        }
        let after = bytes_below(&at.join("data"));
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before));
        assert!(after == before, "something was touched");
        if name == "store.db" {
            run(at, &["search", "drone"]).fails(1, &[name, "version 99", "newer"]);
        }
        run(at, &["status"]).fails(1, &["version"]);
    }
}

#[test]
fn kept_state_of_an_older_program_is_copied_and_migrated() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let path = at.join("data/kept.db");
    remove_side_files(&path);
    fs::remove_file(&path).expect("removed");
    let fixture = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store/kept-v1.sql"));
    rusqlite::Connection::open(&path).expect("opens").execute_batch(&fixture.expect("there")).expect("filled");
    run(at, &["status"]).fails(1, &["kept.db", "version 1", "older program"]);
    run(at, &["import", "packages"]).code(0);

    let one = |database: &Path, sql: &str| -> String {
        let connection = rusqlite::Connection::open(database).expect("opens");
        connection
            .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .expect("asked")
    };
    let copy = at.join("data/kept.v1.db");
    assert_eq!(one(&path, "PRAGMA user_version"), "Integer(2)");
    assert_eq!(one(&copy, "PRAGMA user_version"), "Integer(1)");
    assert_eq!(one(&path, "PRAGMA integrity_check"), "Text(\"ok\")");
    assert_eq!(one(&path, "SELECT position FROM cursors"), "Text(\"2026-00222\")");
    assert_eq!(one(&path, "SELECT count(*) FROM runs WHERE number <= 2"), "Integer(2)");
    assert_eq!(one(&path, "SELECT count(*) FROM receipts"), "Integer(2)");
    assert_eq!(one(&path, "SELECT at FROM first_seen WHERE notice_id = 'eu-ted/00000007-2020'"), "Integer(1577872800)");
    assert_eq!(one(&copy, "SELECT count(*) FROM first_seen"), "Integer(2)");
    assert_eq!(seen(at), before);
    assert_eq!(json_of(at, &["status"])["sources"][0]["cursor"], "2026-00222");
    // a notice that version 1 had seen keeps its time, whatever is rebuilt
    run(at, &["rebuild", "--from-archive"]).code(0);
    let shown = json_of(at, &["show", "00500001-2026"]);
    assert_eq!(shown["first_seen"], "2026-11-16T09:00:00Z");
}
