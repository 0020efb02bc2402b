//! The whole story against a publisher on loopback: what a crawl brings in, how each fault ends, what a crash leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use tempfile::TempDir;
use tenderwatch::config::{Config, Overrides};
use tenderwatch::definitions::Definitions;
use tenderwatch::ids::NoticeId;
use tenderwatch::ingest::{self, CrawlOptions, Workspace};
use tenderwatch::publisher::{self, Faults, Gazette, OjIssue, Options, Plan, Publisher};
use tenderwatch::records::{Outcome, SourceReceipt};
use tenderwatch::store::{Derived, Kept};

use super::cli::{copy, run, seen};

const NOW: &str = "2026-11-22T09:00:00Z";
/// Between two requests, by definition and configuration.
const DELAY: Duration = Duration::from_millis(20);

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

/// One week: five issues of twelve notices.
fn week() -> Plan {
    Plan { notices: 60, weeks: 1, ..Plan::demo(now()) }
}

/// A data directory, its configuration, and a publisher that the one source points at.
struct Bench {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    publisher: Option<Publisher>,
}

impl Bench {
    fn new(plan: &Plan, faults: Faults) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let text = "contact = \"ops@example.org\"\n[paths]\ndefinitions = \"own\"\n[politeness]\nmin_delay = \"20ms\"\n\
                    retries = 2\nbackoff = \"20ms\"\nconnect_timeout = \"2s\"\n";
        fs::write(folder.path().join("config.toml"), text).expect("written");
        let mut bench = Self { folder, runtime, publisher: None };
        bench.point_at(plan, faults);
        bench
    }

    /// Another publisher, the same data.
    fn point_at(&mut self, plan: &Plan, faults: Faults) {
        let options = Options { faults, picky: true, ..Options::default() };
        self.stop();
        let publisher = self.runtime.block_on(publisher::serve(plan, options)).expect("a port");
        let shipped = Definitions::default().list("sources").expect("listed");
        let ted = shipped.iter().find(|file| file.id == "eu-ted").expect("shipped");
        let sources = self.folder.path().join("own/sources");
        fs::create_dir_all(&sources).expect("created");
        let text = publisher::definition_at(&ted.text, publisher.base_url()).expect("TOML");
        fs::write(sources.join("eu-ted.toml"), text).expect("written");
        self.publisher = Some(publisher);
    }

    fn stop(&mut self) {
        if let Some(publisher) = self.publisher.take() {
            self.runtime.block_on(publisher.stop());
        }
    }

    fn publisher(&self) -> &Publisher {
        self.publisher.as_ref().expect("it runs")
    }

    fn gazette(&self) -> &Gazette {
        self.publisher().gazette()
    }

    fn issue(&self, nth: usize) -> OjIssue {
        self.gazette().issues()[nth]
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn workspace(&self) -> Workspace {
        let overrides = Overrides { data: Some(self.path().join("data")), contact: None };
        let config = self.path().join("config.toml");
        let text = fs::read_to_string(&config).expect("readable");
        let own = self.path().join("own");
        let absolute = text.replace("\"own\"", &format!("{:?}", own.display().to_string()));
        let file = self.path().join("absolute.toml");
        fs::write(&file, absolute).expect("written");
        Workspace::load(Config::load(Some(&file), &overrides).expect("valid"))
            .map_err(|errors| format!("{errors:?}"))
            .expect("valid")
    }

    fn crawl_at(&self, now: Timestamp, options: &CrawlOptions) -> SourceReceipt {
        // The other shipped sources are not asked by a test.
        let options = CrawlOptions { sources: vec!["eu-ted".into()], ..options.clone() };
        let receipt = ingest::crawl(&self.workspace(), &options, "crawl", now, &|_, _| {}).expect("it runs to its end");
        let [source] = receipt.sources.try_into().expect("one source");
        assert!(source.is_balanced(), "{source:?}");
        source
    }

    fn crawl(&self, options: &CrawlOptions) -> SourceReceipt {
        self.crawl_at(now(), options)
    }

    /// From the first issue on.
    fn crawl_all(&self) -> SourceReceipt {
        self.crawl(&CrawlOptions { since: Some(self.issue(0).day), ..CrawlOptions::default() })
    }

    /// What is due.
    fn crawl_on(&self) -> SourceReceipt {
        self.crawl(&CrawlOptions::default())
    }

    fn cursor(&self) -> Option<String> {
        let kept = Kept::open_reader(&self.path().join("data/kept.db")).expect("opens");
        kept.cursor(&"eu-ted".into()).expect("read").map(|cursor| cursor.position)
    }

    /// Everything published is stored as published, and nothing else.
    #[track_caller]
    fn has_everything(&self) {
        let derived = Derived::open_reader(&self.path().join("data/store.db")).expect("opens");
        let mut wrong = Vec::new();
        for expected in self.gazette().expected() {
            let id = NoticeId::new(format!("eu-ted/{}", expected.publication_id));
            let Some(notice) = derived.notice(&id).expect("reads") else {
                wrong.push(format!("{id} is not there"));
                continue;
            };
            let same = notice.stage == expected.stage
                && notice.correction == expected.correction
                && notice.published_on == Some(expected.published_on)
                && notice.languages == expected.languages
                && notice.title.first().map(|(_, title)| title) == Some(expected.title.as_str());
            if !same {
                wrong.push(format!("{id} differs"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(derived.counts().expect("counted").notices, self.gazette().len() as u64);
        let (_, wrong) = ingest::verify(&self.workspace()).expect("opens");
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// Package requests as the publisher saw them: path → statuses.
    fn packages(&self) -> BTreeMap<String, Vec<u16>> {
        let mut seen: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for request in self.publisher().requests() {
            if let Some(number) = request.path.strip_prefix("/packages/daily/") {
                seen.entry(number.to_owned()).or_default().push(request.status);
            }
        }
        seen
    }
}

fn position_of(issue: OjIssue) -> String {
    format!("{:04}-{:05}", issue.year, issue.number)
}

#[test]
fn a_crawl_brings_everything_politely_and_the_next_one_finds_nothing_new() {
    let bench = Bench::new(&week(), Faults::default());
    let receipt = bench.crawl_all();
    assert_eq!(receipt.outcome, Outcome::Complete, "{receipt:?}");
    assert_eq!((receipt.documents.fetched, receipt.notices.new), (60, 60));
    bench.has_everything();
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(4))));
    assert_eq!(receipt.watermark.to, Some(position_of(bench.issue(4))));
    assert_eq!(receipt.watermark.from, None);

    let requests = bench.publisher().requests();
    assert_eq!(receipt.requests, requests.len() as u64);
    assert!(receipt.bytes > 0);
    for request in &requests {
        let agent = request.user_agent.as_deref().unwrap_or_default();
        assert!(
            agent.starts_with("Mozilla/5.0 (compatible; tenderwatch/") && agent.contains("+ops@example.org"),
            "{agent}"
        );
    }
    let [host] = receipt.politeness.hosts.as_slice() else { panic!("{receipt:?}") };
    assert_eq!(host.requests, receipt.requests);
    assert!(host.min_gap_ms.is_some_and(|gap| u128::from(gap) >= DELAY.as_millis()), "{host:?}");
    // a busy machine may let the publisher see one of them late
    let slack = jiff::SignedDuration::from_millis(8);
    let close = requests
        .windows(2)
        .filter(|two| two[1].at.duration_since(two[0].at) + slack < jiff::SignedDuration::from_millis(20));
    assert_eq!(close.count(), 0, "{requests:#?}");

    let before = seen(bench.path());
    let again = bench.crawl_on();
    assert_eq!(again.outcome, Outcome::EmptyVerified, "{again:?}");
    assert_eq!(again.requests, 1, "tomorrow's, which is not there: {again:?}");
    assert_eq!((again.documents.fetched, again.notices.new), (0, 0));
    assert_eq!(again.watermark.to, Some(position_of(bench.issue(4))));
    assert_eq!(seen(bench.path()), before);
    // and the whole span once more: known, every one
    let known = bench.crawl_all();
    assert_eq!((known.outcome, known.documents.fetched, known.documents.duplicate), (Outcome::Complete, 60, 60));
    assert_eq!(seen(bench.path()), before);
}

#[test]
fn a_fault_that_heals_costs_time_and_nothing_else() {
    let faults = Faults {
        throttled: Some(0),
        truncated: Some(1),
        unavailable: Some(2),
        omitted: Some(3),
        replaced: Some(4),
        search_throttled: true,
        ..Faults::default()
    };
    let bench = Bench::new(&week(), faults);
    let receipt = bench.crawl_all();
    assert_eq!(receipt.outcome, Outcome::Complete, "{receipt:?}");
    assert_eq!((receipt.documents.fetched, receipt.documents.failed, receipt.notices.new), (60, 0, 60));
    assert!(receipt.waited_ms >= 900, "Retry-After is kept: {receipt:?}");
    bench.has_everything();
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(4))));
    let packages = bench.packages();
    let of = |nth: usize| packages[&bench.issue(nth).path_number()].as_slice();
    assert_eq!(
        (of(0), of(1), of(2), of(3), of(4)),
        (&[429, 200][..], &[200, 200][..], &[503, 200][..], &[200][..], &[200][..])
    );
    let alone: Vec<String> = bench
        .publisher()
        .requests()
        .into_iter()
        .filter(|seen| seen.path.ends_with("/xml"))
        .map(|seen| seen.path)
        .collect();
    assert_eq!(alone.len(), 2, "the omitted and the late one, each by its own address: {alone:?}");
    // the package that was replaced meanwhile holds nothing unknown
    let before = seen(bench.path());
    let again = bench.crawl_all();
    assert_eq!((again.outcome, again.notices.new, again.notices.changed), (Outcome::Complete, 0, 0), "{again:?}");
    assert_eq!(seen(bench.path()), before);
}

#[test]
fn a_challenge_is_blocked_and_said_and_the_next_run_completes() {
    let bench = Bench::new(&week(), Faults { challenged: Some(2), ..Faults::default() });
    let since = bench.issue(0).day.to_string();
    let ran = run(bench.path(), &["--output", "json", "crawl", "eu-ted", "--since", &since]).code(4);
    let receipt = &ran.json()["sources"][0];
    assert_eq!(receipt["outcome"], "blocked", "{receipt}");
    assert!(receipt["error"].as_str().is_some_and(|error| error.contains("challenge")), "{receipt}");
    assert!(ran.err.contains("challenge"), "{}", ran.err);
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(1))));
    assert_eq!(bench.packages()[&bench.issue(2).path_number()], [202], "asked once, not evaded");
    assert_eq!(bench.packages().len(), 3, "and nothing after it");
    let receipt = bench.crawl_on();
    assert_eq!((receipt.outcome, receipt.notices.new), (Outcome::Complete, 36), "{receipt:?}");
    bench.has_everything();
}

#[test]
fn a_publisher_that_is_away_fails_the_source_and_moves_nothing() {
    let mut bench = Bench::new(&week(), Faults::default());
    bench.crawl(&CrawlOptions {
        since: Some(bench.issue(0).day),
        until: Some(bench.issue(1).day),
        ..CrawlOptions::default()
    });
    let (cursor, before) = (bench.cursor(), seen(bench.path()));
    bench.stop();
    let receipt = bench.crawl_on();
    assert_eq!(receipt.outcome, Outcome::Failed, "{receipt:?}");
    assert!(receipt.error.as_ref().is_some_and(|error| error.contains("127.0.0.1")), "{receipt:?}");
    assert_eq!(bench.cursor(), cursor);
    assert_eq!(seen(bench.path())["all"], before["all"]);
    run(bench.path(), &["crawl", "eu-ted"]).code(4);
    bench.point_at(&week(), Faults::default());
    assert_eq!(bench.crawl_on().outcome, Outcome::Complete);
    bench.has_everything();
}

#[test]
fn a_span_is_kept_to_and_a_sample_leaves_the_cursor_where_it_is() {
    let bench = Bench::new(&week(), Faults::default());
    for sample in [5, 20] {
        let receipt = bench.crawl(&CrawlOptions {
            since: Some(bench.issue(0).day),
            sample: Some(sample),
            ..CrawlOptions::default()
        });
        assert_eq!((receipt.outcome, receipt.documents.fetched), (Outcome::Capped, sample), "{receipt:?}");
        assert_eq!(bench.cursor(), None, "after a sample of {sample}");
    }
    let span = |from: usize, to: usize| CrawlOptions {
        since: Some(bench.issue(from).day),
        until: Some(bench.issue(to).day),
        ..CrawlOptions::default()
    };
    let receipt = bench.crawl(&span(1, 2));
    assert_eq!((receipt.outcome, receipt.documents.fetched), (Outcome::Complete, 24), "{receipt:?}");
    let derived = Derived::open_reader(&bench.path().join("data/store.db")).expect("opens");
    assert_eq!(derived.counts().expect("counted").newest["eu-ted"], bench.issue(2).day.to_string());
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(2))));
    // beyond the cursor with a gap between: read, but the cursor waits for the gap
    let receipt = bench.crawl(&span(4, 4));
    assert_eq!((receipt.outcome, receipt.documents.fetched), (Outcome::Complete, 12), "{receipt:?}");
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(2))));
    // nothing was published that late
    let receipt = bench.crawl(&CrawlOptions { since: Some(date(2026, 12, 1)), ..CrawlOptions::default() });
    assert_eq!(receipt.outcome, Outcome::EmptyVerified, "{receipt:?}");
    // an older span never moves the cursor back
    bench.crawl(&span(0, 0));
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(2))));
    assert_eq!(bench.crawl_on().outcome, Outcome::Complete);
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(4))));
    bench.has_everything();
}

#[test]
fn a_missing_issue_holds_the_cursor_until_it_comes() {
    let mut bench = Bench::new(&week(), Faults { missing: Some(2), ..Faults::default() });
    let receipt = bench.crawl_all();
    assert_eq!(receipt.outcome, Outcome::Failed, "{receipt:?}");
    let missing = position_of(bench.issue(2));
    assert!(receipt.error.as_ref().is_some_and(|error| error.contains(&missing)), "{receipt:?}");
    assert_eq!(receipt.notices.new, 48, "what is there is taken in: {receipt:?}");
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(1))));
    let packages = bench.packages();
    let again = bench.crawl_on();
    assert_eq!(again.outcome, Outcome::Failed, "it is still not there: {again:?}");
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(1))));
    assert!(packages.values().all(|statuses| statuses.len() == 1), "nothing is downloaded twice: {packages:?}");
    bench.point_at(&week(), Faults::default());
    let receipt = bench.crawl_on();
    assert_eq!((receipt.outcome, receipt.notices.new), (Outcome::Complete, 12), "{receipt:?}");
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(4))));
    bench.has_everything();
}

/// Three weeks over the turn of the year.
fn turn_of_the_year() -> Plan {
    Plan { notices: 52, weeks: 3, last_day: date(2027, 1, 8), ..Plan::demo(now()) }
}

#[test]
fn numbers_begin_again_with_the_year() {
    let bench = Bench::new(&turn_of_the_year(), Faults::default());
    let until = Some(date(2026, 12, 31));
    let december: Timestamp = "2026-12-31T12:00:00Z".parse().expect("a time");
    let january: Timestamp = "2027-01-09T12:00:00Z".parse().expect("a time");
    let receipt =
        bench.crawl_at(december, &CrawlOptions { since: Some(bench.issue(0).day), until, ..CrawlOptions::default() });
    assert_eq!(receipt.outcome, Outcome::Complete, "{receipt:?}");
    assert!(receipt.watermark.to.is_some_and(|to| to.starts_with("2026-")));
    let receipt = bench.crawl_at(january, &CrawlOptions::default());
    assert_eq!(receipt.outcome, Outcome::Complete, "{receipt:?}");
    assert_eq!(receipt.watermark.to.as_deref(), Some("2027-00005"));
    bench.has_everything();
    assert_eq!(bench.crawl_at(january, &CrawlOptions::default()).outcome, Outcome::EmptyVerified);
}

#[test]
fn a_gap_in_the_old_year_is_no_turn_of_the_year() {
    let mut bench = Bench::new(&turn_of_the_year(), Faults { missing: Some(2), ..Faults::default() });
    let january: Timestamp = "2027-01-09T12:00:00Z".parse().expect("a time");
    let receipt = bench.crawl_at(january, &CrawlOptions { since: Some(bench.issue(0).day), ..CrawlOptions::default() });
    assert_eq!(receipt.outcome, Outcome::Failed, "{receipt:?}");
    assert_eq!(bench.cursor(), Some(position_of(bench.issue(1))));
    bench.point_at(&turn_of_the_year(), Faults::default());
    assert_eq!(bench.crawl_at(january, &CrawlOptions::default()).outcome, Outcome::Complete);
    assert_eq!(bench.cursor().as_deref(), Some("2027-00005"));
    bench.has_everything();
}

// ---- what a crash leaves between two steps, made by hand from whole states

/// Two folders of packages and a data directory with the first half, all of it imported elsewhere for comparison.
struct Halves {
    folder: TempDir,
    whole: serde_json::Value,
}

fn halves() -> Halves {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let packages = week().gazette().write_packages(&at.join("packages")).expect("written");
    for (nth, package) in packages.iter().enumerate() {
        let half = at.join(if nth < 2 { "first" } else { "second" });
        fs::create_dir_all(&half).expect("created");
        fs::copy(package, half.join(package.file_name().expect("named"))).expect("copied");
    }
    import(at, "first");
    let first = at.join("data-first");
    copy(&at.join("data"), &first);
    import(at, "second");
    let whole = seen(at);
    Halves { folder, whole }
}

fn import(at: &Path, what: &str) -> serde_json::Value {
    run(at, &["--output", "json", "import", what]).code(0).json()["sources"][0].clone()
}

fn remove(path: PathBuf) {
    if path.is_dir() {
        fs::remove_dir_all(path).expect("removed");
    } else {
        fs::remove_file(path).ok();
    }
}

#[test]
fn a_run_stopped_before_the_store_is_caught_up_from_the_archive() {
    let Halves { folder, whole } = halves();
    let at = folder.path();
    for side in ["store.db", "store.db-wal", "store.db-shm"] {
        remove(at.join("data").join(side));
        let old = at.join("data-first").join(side);
        if old.exists() {
            fs::copy(old, at.join("data").join(side)).expect("copied");
        }
    }
    let receipt = import(at, "second");
    assert_eq!(receipt["documents"]["duplicate"], 36, "{receipt}");
    assert_eq!(seen(at), whole);
    run(at, &["verify"]).code(0);
}

#[test]
fn a_run_stopped_before_the_index_is_caught_up_from_the_store() {
    let Halves { folder, whole } = halves();
    let at = folder.path();
    remove(at.join("data/index"));
    copy(&at.join("data-first/index"), &at.join("data/index"));
    let ran = run(at, &["search", "--limit", "1"]).code(0);
    assert!(ran.err.contains("36 changes behind"), "{}", ran.err);
    import(at, "first");
    assert_eq!(seen(at), whole);
    run(at, &["verify"]).code(0);
}

#[test]
fn an_index_that_followed_another_store_is_not_trusted_for_its_numbers() {
    let Halves { folder, whole } = halves();
    let at = folder.path();
    // as many changes, other notices: what a rebuild that was stopped after its first half leaves
    let other = tempfile::tempdir().expect("a folder");
    Plan { seed: 77, ..week() }.gazette().write_packages(&other.path().join("packages")).expect("written");
    import(other.path(), "packages");
    remove(at.join("data/index"));
    copy(&other.path().join("data/index"), &at.join("data/index"));
    import(at, "first");
    assert_eq!(seen(at), whole);
}

#[test]
fn changed_definitions_label_stored_notices_anew() {
    let Halves { folder, whole } = halves();
    let at = folder.path();
    let shipped = Definitions::default().list("index/categories").expect("listed");
    let drones = shipped.iter().find(|file| file.id == "drones").expect("shipped");
    let categories = at.join("own/index/categories");
    fs::create_dir_all(&categories).expect("created");
    fs::write(
        categories.join("drones.toml"),
        drones
            .text
            .replace("\"sUAS\", \"UAVs\"]", "\"sUAS\", \"UAVs\", \"la\", \"der\", \"na\", \"of\", \"del\", \"for\"]"),
    )
    .expect("written");
    fs::write(at.join("own.toml"), "[paths]\ndefinitions = \"own\"\n").expect("written");
    let of = |config: &[&str]| {
        let answer =
            run(at, &[config, &["--output", "json", "search", "--category", "drones"]].concat()).code(0).json();
        answer["total"].as_u64().expect("a total")
    };
    let many = of(&[]);
    run(at, &["--config", "own.toml", "import", "first"]).code(0);
    let more = of(&["--config", "own.toml"]);
    assert!(more > many, "{more}, not more than {many}");
    // and back
    import(at, "first");
    let back = seen(at);
    assert_eq!(back["counts"], whole["counts"]);
    assert_eq!(of(&[]), many);
    run(at, &["verify"]).code(0);
}
