//! Every way in which a publisher misbehaves, against real sockets: how the run ends, that its receipt adds up, that the
//! watermark stays before what is not in, and that the next good run leaves nothing out and nothing twice.
//! `UPDATE_DOCS=1 cargo test --test it faults::` writes `docs/faults.md` anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::Connection;
use serde_json::Value;
use tenderwatch::archive::{self, Position};
use tenderwatch::config::{Config, Overrides};
use tenderwatch::definitions::{DefinitionFile, Definitions};
use tenderwatch::ids::NoticeId;
use tenderwatch::ingest::{self, CrawlOptions, Workspace};
use tenderwatch::records::{Outcome, SourceReceipt};
use tenderwatch::source::{self, Source};
use tenderwatch::store::{Derived, Kept, Layout, StoreError};

use super::definitions::is_as_generated;
use super::faulty::{ALWAYS, Ask, Fault, How, Publisher, SOURCE, ids_until};

/// The run under the fault, and the publisher's day then.
const FIRST: (&str, &str) = ("2026-11-21T09:00:00Z", "2026-11-21");
/// The next good run: too late for any overlap to make up for what was skipped.
const NEXT: (&str, &str) = ("2026-11-25T09:00:00Z", "2026-11-25");
/// A day in the middle.
const MIDDLE: &str = "2026-11-19";

/// One way to misbehave.
struct Case {
    /// In words, for the table.
    fault: &'static str,
    ask: Ask,
    on: &'static str,
    times: usize,
    how: How,
    /// More lines in `[page]` and in `[check]`.
    more: (&'static str, &'static str),
    /// More lines in the configuration.
    settings: &'static str,
    /// The clock of the run under the fault.
    now: &'static str,
    /// Good runs before it: clock and the publisher's day.
    before: &'static [(&'static str, &'static str)],
    /// The good runs after it.
    next: &'static [(&'static str, &'static str)],
    /// Whether the publisher is asked over TLS, which it does not speak.
    tls: bool,
    /// What the crawl does, for the table.
    does: &'static str,
    outcome: Outcome,
    /// What the receipt says.
    says: &'static str,
}

const TIGHT: &str = "timeout = \"900ms\"\nconnect_timeout = \"300ms\"\nidle_timeout = \"300ms\"\n";
const SMALL: &str = "[limits]\nanswer = \"1MiB\"\ndocument = \"256KiB\"\n";

fn case(fault: &'static str, ask: Ask, on: &'static str, times: usize, how: How) -> Case {
    Case {
        fault,
        ask,
        on,
        times,
        how,
        more: ("", ""),
        settings: "",
        now: FIRST.0,
        before: &[],
        next: &[NEXT],
        tls: false,
        does: "",
        outcome: Outcome::Complete,
        says: "",
    }
}

impl Case {
    fn ends(self, outcome: Outcome, says: &'static str, does: &'static str) -> Self {
        Self { does, outcome, says, ..self }
    }

    /// It passes while the run goes on.
    fn passes(self, does: &'static str) -> Self {
        self.ends(Outcome::Complete, "", does)
    }

    fn with(self, page: &'static str, check: &'static str) -> Self {
        Self { more: (page, check), ..self }
    }

    fn set(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    fn after(self, before: &'static [(&'static str, &'static str)]) -> Self {
        Self { before, ..self }
    }

    fn heals(self, next: &'static [(&'static str, &'static str)]) -> Self {
        Self { next, ..self }
    }

    fn at(self, now: &'static str) -> Self {
        Self { now, ..self }
    }
}

/// The table.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    use Ask::{Details, Files, Gzips, Index, Links, Numbers, Offset, Pages, Silent, Whole, Wide, Zips};
    use Outcome::{Blocked, Capped, Complete, Drifted, Failed};
    const AGAIN: &str = "asks again";
    const LEFT: &str = "asks again, leaves that item open, goes on with the others";
    const OPEN: &str = "leaves that item open, goes on with the others";
    const ENDS: &str = "ends at once, asks nothing more";
    const GUARD: &str = "does not follow it, leaves that item open";
    const FULL: &str = "stops reading at the limit, leaves that item open";
    const STOPPED: &str = "stops at the first number that fails";
    let day = |fault, ask, how| case(fault, ask, MIDDLE, ALWAYS, how);
    let once = |fault, ask, how| case(fault, ask, MIDDLE, 1, how);
    vec![
        // the host says that it is asked too much
        once("429 with Retry-After", Pages, How::Status(429, "Retry-After: 1"))
            .passes("waits as long as it says, asks again"),
        once("429 without Retry-After", Pages, How::Status(429, "")).passes("waits, asks again"),
        day("429 for good", Pages, How::Status(429, "")).ends(Failed, "answered 429 (tried 2 times)", LEFT),
        day("429 with a Retry-After of a day", Pages, How::Status(429, "Retry-After: 86400")).ends(
            Failed,
            "left alone for 86400 s",
            ENDS,
        ),
        once("503", Zips, How::Status(503, "")).passes("waits, asks again"),
        day("503 for good", Zips, How::Status(503, "")).ends(Failed, "answered 503 (tried 2 times)", LEFT),
        day("500 for good", Pages, How::Status(500, "")).ends(Failed, "answered 500 (tried 2 times)", LEFT),
        day("500 for good on the second page", Pages, How::Status(500, "")).page(2).ends(Failed, "answered 500", LEFT),
        day("every status is 503", Silent, How::Status(503, "")).everywhere().ends(
            Failed,
            "answered 503",
            "gives up after three items in a row",
        ),
        day("403", Pages, How::Status(403, "")).ends(Blocked, "status 403", ENDS),
        day("418, which nobody expects", Pages, How::Status(418, "")).ends(Drifted, "status 418", OPEN),
        // too slow
        once("no answer at all", Pages, How::Silence).set(TIGHT).passes(AGAIN),
        day("no answer at all, for good", Pages, How::Silence).set(TIGHT).ends(
            Failed,
            "waiting for the answer took longer",
            LEFT,
        ),
        day("a byte now and then", Zips, How::Drip).set(TIGHT).ends(Failed, "the answer took longer than 900 ms", LEFT),
        // cut short
        once("a reset in the middle of the body", Pages, How::Reset).passes(AGAIN),
        day("a reset in the middle of the body, for good", Zips, How::Reset).ends(Failed, "(tried 2 times)", LEFT),
        once("a body shorter than its Content-Length", Pages, How::TooShort).passes(AGAIN),
        day("a body shorter than its Content-Length, for good", Zips, How::TooShort).ends(
            Failed,
            "(tried 2 times)",
            LEFT,
        ),
        day("a Content-Length shorter than the body: JSON", Pages, How::TooLong).ends(
            Drifted,
            "neither JSON nor XML",
            OPEN,
        ),
        day("a Content-Length shorter than the body: zip", Zips, How::TooLong).ends(
            Failed,
            "cannot be read to its end",
            OPEN,
        ),
        once("a truncated Content-Encoding: gzip", Pages, How::CutGzip).passes(AGAIN),
        day("a truncated Content-Encoding: gzip, for good", Pages, How::CutGzip).ends(Failed, "(tried 2 times)", LEFT),
        day("a truncated zip file", Zips, How::CutFile).ends(Failed, "cannot be read to its end", OPEN),
        day("a truncated gzip file", Gzips, How::CutFile).ends(Failed, "cannot be read to its end", OPEN),
        day("a truncated JSON file with its ETag", Whole, How::CutFile).everywhere().ends(
            Drifted,
            "can be read",
            "keeps no validator, so that the next run gets it whole",
        ),
        day("a truncated file of a catalogue", Files, How::CutFile).ends(Failed, "cannot be read to its end", OPEN),
        // something else than asked for
        day("a web page where JSON is due", Pages, How::Page("text/html")).ends(
            Blocked,
            "a web page came instead of data",
            ENDS,
        ),
        day("a web page that says it is JSON", Pages, How::Page("application/json")).ends(
            Drifted,
            "it has no `items`",
            OPEN,
        ),
        day("a web page that says it is a zip", Zips, How::Page("application/zip")).ends(Drifted, "can be read", OPEN),
        day("a web page that says it is a gzip", Gzips, How::Page("application/gzip")).ends(
            Drifted,
            "can be read",
            OPEN,
        ),
        once("error JSON with status 200", Pages, How::Error).passes(AGAIN),
        day("error JSON with status 200, for good", Pages, How::Error).ends(
            Failed,
            "answered with an error of its own",
            LEFT,
        ),
        once("an empty answer with status 200", Pages, How::Empty).passes(AGAIN),
        day("an empty answer with status 200, for good", Pages, How::Empty).ends(Failed, "an empty answer", LEFT),
        day("an empty file with status 200", Zips, How::Empty).ends(Failed, "an empty answer", LEFT),
        day("an empty index of a catalogue", Files, How::Empty).on("/files").ends(
            Failed,
            "an empty answer",
            "asks again, then ends",
        ),
        day("no row on any day", Pages, How::NoRows)
            .everywhere()
            .with("", "publishes = { weekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], at_least = 1 }")
            .ends(Drifted, "check.publishes", "keeps the watermark before the first such day"),
        // pages
        day("every page is the first one", Pages, How::Repeat).ends(Drifted, "repeats", OPEN),
        day("every page is the first one: offsets", Offset, How::Repeat).ends(Drifted, "repeats", OPEN),
        day("pages go round", Silent, How::Round).ends(Drifted, "repeats", OPEN),
        day("pages without end", Silent, How::Endless).ends(
            Capped,
            "more than 20 pages",
            "stops at page.max_pages, leaves that item open",
        ),
        day("the next link leads back", Links, How::Next("/next?day=2026-11-19&after=0".into()))
            .ends(Drifted, "repeats", OPEN),
        day("a row goes away while paging", Pages, How::RowGone).ends(Drifted, "4 rows came, 5 were declared", OPEN),
        day("a row comes in front while paging", Pages, How::RowNew).ends(Drifted, "came twice", OPEN),
        day("a row comes in front while paging: offsets", Offset, How::RowNew).ends(Drifted, "came twice", OPEN),
        day("a cap that the answer admits", Pages, How::Cap(4))
            .with("cap = { flag = \"more\", then = \"report\" }", "")
            .ends(Capped, "it is cut short", OPEN),
        day("a cap that nobody mentions", Wide, How::Cap(6))
            .everywhere()
            .with("cap = { reachable = 6, then = \"split\" }", "")
            .passes("splits the window until each part is below the cap (page.cap)"),
        day("an ignored filter", Pages, How::NoFilter)
            .everywhere()
            .with("", "filter_effective = { url = \"{base}/total\", total = \"total\", below = 0.9 }")
            .ends(Drifted, "it seems to be ignored", "leaves every item open"),
        // somewhere else
        day("redirects in a circle", Pages, How::Loop).ends(Failed, "circle", GUARD),
        day("a redirect to loopback", Pages, How::To("http://127.0.0.1:{decoy}/".into()))
            .ends(Failed, "loopback", GUARD),
        day("a redirect to loopback, by IPv6", Pages, How::To("http://[::1]:{decoy}/".into()))
            .ends(Failed, "not name", GUARD),
        day("a redirect to a private address", Zips, How::To("http://10.0.0.1/".into()))
            .ends(Failed, "not name", GUARD),
        day("a redirect to a link-local address", Zips, How::To("http://169.254.169.254/latest/meta-data".into()))
            .ends(Failed, "not name", GUARD),
        day("a redirect to another host", Pages, How::To("http://elsewhere.example/".into()))
            .ends(Failed, "not name", GUARD),
        day("a redirect to a file", Pages, How::To("file:///etc/passwd".into())).ends(
            Failed,
            "only http and https",
            GUARD,
        ),
        day("a next link to another port", Links, How::Next("http://127.0.0.1:{decoy}/".into()))
            .ends(Failed, "loopback", GUARD),
        // too much
        day("1 GB, as announced", Pages, How::Huge).set(SMALL).ends(Failed, "larger than 1048576 bytes", FULL),
        day("1 GB, unannounced", Zips, How::HugeChunks).set(SMALL).ends(Failed, "larger than 1048576 bytes", FULL),
        day("a Content-Encoding bomb", Pages, How::Bomb).set(SMALL).ends(Failed, "larger than 1048576 bytes", FULL),
        day("a zip bomb", Zips, How::BombFile).set(SMALL).ends(Failed, "bomb.json", FULL),
        // TLS, clocks, validators
        Case { tls: true, ..day("bad TLS", Pages, How::Well) }.ends(
            Failed,
            "no safe connection",
            "asks nothing at all",
        ),
        day("our clock jumps ahead by weeks", Pages, How::Well)
            .after(&[("2026-11-19T09:00:00Z", "2026-11-19")])
            .at("2027-01-15T09:00:00Z")
            .passes("asks the days that are still to come; the next run begins where the clock was right"),
        day("our clock jumps ahead by weeks: files", Zips, How::Well)
            .after(&[("2026-11-19T09:00:00Z", "2026-11-19")])
            .at("2027-01-15T09:00:00Z")
            .passes("asks the days that are still to come; the next run begins where the clock was right"),
        day("our clock jumps ahead in the first run", Pages, How::Well)
            .at("2027-01-15T09:00:00Z")
            .heals(&[FIRST, NEXT])
            .ends(Outcome::EmptyVerified, "", "finds nothing; the next run begins as a first one"),
        day("our clock jumps back by years", Pages, How::Well)
            .after(&[("2026-11-19T09:00:00Z", "2026-11-19")])
            .at("2020-01-15T09:00:00Z")
            .ends(Outcome::EmptyVerified, "", "finds nothing, keeps the watermark"),
        day("another ETag for the same bytes each time", Whole, How::NewTags)
            .everywhere()
            .after(&[("2026-11-21T08:00:00Z", "2026-11-21")])
            .passes("reads it, knows the bytes"),
        day("304 to whoever asks", Whole, How::Unchanged).everywhere().ends(
            Drifted,
            "status 304",
            "does not take it for an answer",
        ),
        day("304 to whoever asks, on one day", Pages, How::Unchanged).ends(Drifted, "status 304", OPEN),
        day("304 to whoever asks for the file of one day", Zips, How::Unchanged).ends(Drifted, "status 304", OPEN),
        // details
        case("a detail that fails once", Details, "/detail/20261119-2", 1, How::Status(500, "")).passes(AGAIN),
        case("a detail that fails for good", Details, "/detail/20261119-2", ALWAYS, How::Status(500, "")).ends(
            Failed,
            "answered 500",
            "goes on with the others; it waits for the next run",
        ),
        case("a detail that is not there yet", Details, "/detail/20261119-2", ALWAYS, How::Status(404, "")).ends(
            Drifted,
            "is not there",
            "goes on with the others; it waits for the next run",
        ),
        case("a detail that is empty", Index, "/detail/20261119-2", ALWAYS, How::Empty).ends(
            Failed,
            "an empty answer",
            "goes on with the others; it waits for the next run",
        ),
        case("a detail that is a web page", Index, "/detail/20261119-2", ALWAYS, How::Page("text/html")).ends(
            Blocked,
            "a web page came instead of data",
            "ends at once; the others wait for the next run",
        ),
        case("a detail with half a body", Index, "/detail/20261119-2", ALWAYS, How::CutFile).ends(
            Drifted,
            "neither JSON nor XML",
            "goes on with the others; it waits for the next run",
        ),
        case("a detail that is an error with status 200", Index, "/detail/20261119-2", ALWAYS, How::Error).ends(
            Failed,
            "answered with an error of its own",
            "goes on with the others; it waits for the next run",
        ),
        case("every detail fails", Index, "/detail/", ALWAYS, How::Status(500, "")).ends(
            Failed,
            "answered 500",
            "gives up after three in a row; all wait for the next run",
        ),
        case("a number that fails", Numbers, "/numbers/7", ALWAYS, How::Status(500, "")).ends(
            Failed,
            "answered 500",
            STOPPED,
        ),
        case("a number that is empty", Numbers, "/numbers/7", ALWAYS, How::Empty).ends(
            Failed,
            "an empty answer",
            STOPPED,
        ),
        case("a good publisher", Details, "", 0, How::Well).ends(Complete, "", "reads all of it"),
    ]
}

impl Case {
    /// Whatever is asked, but robots.txt and the unfiltered total.
    fn everywhere(self) -> Self {
        let on = match self.ask {
            Ask::Whole => "/all",
            _ => "day=",
        };
        Self { on, ..self }
    }

    fn on(self, on: &'static str) -> Self {
        Self { on, ..self }
    }

    fn page(self, number: u32) -> Self {
        assert_eq!(number, 2, "only the second one is named");
        Self { on: "2026-11-19&page=2", ..self }
    }
}

/// A data directory and how it is configured.
pub struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn workspace(&self, definition: &str, settings: &str) -> Workspace {
        self.workspace_with(definition, settings, None)
    }

    fn workspace_with(&self, definition: &str, settings: &str, definitions: Option<&Path>) -> Workspace {
        // what is in [politeness] comes first, whole tables after it
        let (politeness, tables) = if settings.starts_with('[') { ("", settings) } else { (settings, "") };
        let text = format!(
            "contact = \"ops@example.org\"\n[politeness]\nmin_delay = \"20ms\"\nretries = 1\nbackoff = \"20ms\"\n{politeness}\n\
             [index]\nmemory = \"15MiB\"\n{tables}"
        );
        let file = self.folder.path().join("config.toml");
        fs::write(&file, text).expect("written");
        let overrides = Overrides { data: Some(self.folder.path().join("data")), contact: None };
        let mut config = Config::load(Some(&file), &overrides).expect("a valid configuration");
        config.paths.definitions = definitions.map(Path::to_owned);
        let file = DefinitionFile {
            id: SOURCE.to_owned(),
            name: "xx-faulty.toml".to_owned(),
            text: definition.to_owned().into(),
            overrides: false,
        };
        let source = Source::parse(&file).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{definition}"));
        let sources = vec![source];
        let mut workspace = Workspace::load(config).expect("the shipped definitions");
        workspace.readers = source::readers(&sources);
        workspace.sources = sources;
        workspace
    }

    fn crawl(&self, workspace: &Workspace, now: &str) -> SourceReceipt {
        self.crawl_since(workspace, now, None)
    }

    fn crawl_since(&self, workspace: &Workspace, now: &str, since: Option<Date>) -> SourceReceipt {
        let now: Timestamp = now.parse().expect("a time");
        let options = CrawlOptions { sources: vec![SOURCE.into()], since, ..CrawlOptions::default() };
        let receipt = ingest::crawl(workspace, &options, "crawl", now, &|_, _| {}).expect("it runs to its end");
        let [source] = receipt.sources.try_into().expect("one source");
        source
    }

    fn layout(&self) -> Layout {
        Layout::new(&self.folder.path().join("data"))
    }

    /// Every stored notice by its id, without what depends on how it came.
    fn stored(&self) -> BTreeMap<String, Value> {
        let derived = Derived::open_reader(&self.layout().derived()).expect("opens");
        let mut stored = BTreeMap::new();
        derived
            .each_notice(|notice| {
                let mut value = serde_json::to_value(&notice).expect("JSON");
                for own in ["raw_id", "first_seen", "url"] {
                    value.as_object_mut().expect("an object").remove(own);
                }
                let id = value["publication_id"].as_str().unwrap_or_default().to_owned();
                assert!(stored.insert(id, value).is_none(), "{} is there twice", notice.id);
                Ok::<_, StoreError>(())
            })
            .expect("reads");
        stored
    }

    /// Notices in a category.
    fn labels(&self, category: &str) -> usize {
        let store = Connection::open(self.layout().derived()).expect("opens");
        let sql = "SELECT count(*) FROM labels WHERE category = ?1 AND score >= 0.5";
        store.query_row(sql, [category], |row| row.get::<_, i64>(0)).expect("counted").try_into().expect("few")
    }

    /// Documents that the archive holds twice.
    fn twice(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let records = archive::replay(&self.layout().archive(), Position::START).expect("opens");
        let ids = records.map(|record| record.expect("whole").0.id.to_string());
        ids.filter(|id| !seen.insert(id.clone())).collect()
    }

    fn kept(&self) -> Kept {
        Kept::open_reader(&self.layout().kept()).expect("opens")
    }

    /// What the watermark says is in, and is not.
    fn beyond_the_watermark(&self, today: &str) -> Vec<String> {
        let Some(cursor) = self.kept().cursor(&SOURCE.into()).expect("reads") else { return Vec::new() };
        let stored = self.stored();
        let covered = |id: &str| -> bool {
            let day = format!("{}-{}-{}", &id[..4], &id[4..6], &id[6..8]);
            if cursor.position.contains('T') { day.as_str() < &cursor.position[..10] } else { day <= cursor.position }
        };
        let is_by_day = cursor.position.contains('-');
        let waits = self.kept().waiting_details(&SOURCE.into(), 1000).expect("reads");
        let waiting = |id: &str| waits.iter().any(|(key, ..)| key.ends_with(id));
        let ids = ids_until(today).into_iter().filter(|id| is_by_day && covered(id));
        ids.filter(|id| !stored.contains_key(id) && !waiting(id)).collect()
    }
}

/// A port that nobody may knock at.
pub struct Decoy {
    port: u16,
    listener: TcpListener,
}

impl Decoy {
    pub fn new() -> Self {
        // all addresses of this machine, of both families where there are both
        let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).expect("a free port");
        listener.set_nonblocking(true).expect("set");
        Self { port: listener.local_addr().expect("an address").port(), listener }
    }

    fn was_knocked_at(&self) -> bool {
        self.listener.accept().is_ok()
    }
}

/// What an undisturbed crawl stores, for each way to ask.
fn references(asks: &BTreeSet<Ask>) -> BTreeMap<Ask, BTreeMap<String, Value>> {
    let found = Mutex::new(BTreeMap::new());
    in_parallel(asks.iter().copied().collect(), |ask| {
        let ground = Ground::new();
        let publisher = Publisher::start(FIRST.1, Vec::new(), Duration::ZERO);
        let base = format!("http://127.0.0.1:{}", publisher.port());
        let workspace = ground.workspace(&ask.definition(&base, "", ""), "");
        let receipt = ground.crawl(&workspace, FIRST.0);
        assert_eq!(receipt.outcome, Outcome::Complete, "{ask:?}: {receipt:?}");
        publisher.heal(NEXT.1);
        let receipt = ground.crawl(&workspace, NEXT.0);
        assert_eq!(receipt.outcome, Outcome::Complete, "{ask:?}: {receipt:?}");
        let stored = ground.stored();
        assert_eq!(stored.keys().cloned().collect::<Vec<_>>(), ids_until(NEXT.1), "{ask:?}");
        found.lock().expect("no panic").insert(ask, stored);
    });
    found.into_inner().expect("no panic")
}

/// Does the work of each on a few threads, and fails with the first that failed.
fn in_parallel<T: Send>(all: VecDeque<T>, work: impl Fn(T) + Sync) {
    let all = Mutex::new(all);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let next = all.lock().expect("no panic").pop_front();
                    let Some(next) = next else { break };
                    work(next);
                }
            });
        }
    });
}

/// Runs one case; what is wrong, in sentences.
fn prove(case: &Case, expected: &BTreeMap<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    let ground = Ground::new();
    let decoy = Decoy::new();
    let publisher = Publisher::start(FIRST.1, Vec::new(), Duration::ZERO);
    let base = format!("http://127.0.0.1:{}", publisher.port());
    let (page, check) = (case.more.0.to_owned(), case.more.1.replace("{base}", &base));
    let definition = case.ask.definition(&base, &page, &check);
    let good = ground.workspace(&definition, "");
    for (now, today) in case.before {
        publisher.heal(today);
        let receipt = ground.crawl(&good, now);
        if !receipt.outcome.is_complete() {
            wrong.push(format!("a good run before it ended {:?}: {:?}", receipt.outcome, receipt.error));
        }
    }
    publisher.heal(FIRST.1);
    let aim = |text: &str| text.replace("{decoy}", &decoy.port.to_string());
    let how = match &case.how {
        How::To(target) => How::To(aim(target)),
        How::Next(target) => How::Next(aim(target)),
        How::Link(target) => How::Link(aim(target)),
        other => other.clone(),
    };
    publisher.set(vec![Fault { on: case.on, times: case.times, how }]);
    let safe = definition.replace("http://127.0.0.1:", "https://127.0.0.1:");
    let under_fault = ground.workspace(if case.tls { &safe } else { &definition }, case.settings);
    let begun = Instant::now();
    let receipt = ground.crawl(&under_fault, case.now);
    let took = begun.elapsed();
    if took > Duration::from_secs(20) {
        wrong.push(format!("it took {} s", took.as_secs()));
    }
    let error = receipt.error.clone().unwrap_or_default();
    if receipt.outcome != case.outcome || !error.contains(case.says) || (case.says.is_empty() && !error.is_empty()) {
        wrong.push(format!(
            "it ended {:?} with \"{error}\", not {:?} with \"{}\"",
            receipt.outcome, case.outcome, case.says
        ));
    }
    if !receipt.is_balanced() {
        wrong.push(format!("its receipt is not balanced: {receipt:?}"));
    }
    let beyond = ground.beyond_the_watermark(FIRST.1);
    if !beyond.is_empty() && case.now.starts_with("2026-11") {
        wrong.push(format!("the watermark {:?} is beyond what is in: {beyond:?}", receipt.watermark.to));
    }
    if decoy.was_knocked_at() {
        wrong.push("another port was asked".to_owned());
    }
    for (now, today) in case.next {
        publisher.heal(today);
        let next = ground.crawl(&good, now);
        if !next.outcome.is_complete() || !next.is_balanced() {
            wrong.push(format!("the next run ended {:?}: {:?} {:?}", next.outcome, next.error, next.documents));
        }
    }
    let stored = ground.stored();
    let missing: Vec<&String> = expected.keys().filter(|id| !stored.contains_key(*id)).collect();
    let foreign: Vec<&String> = stored.keys().filter(|id| !expected.contains_key(*id)).collect();
    let other: Vec<&String> = stored
        .iter()
        .filter(|(id, notice)| expected.get(*id).is_some_and(|own| own != *notice))
        .map(|(id, _)| id)
        .collect();
    if !(missing.is_empty() && foreign.is_empty() && other.is_empty()) {
        wrong.push(format!("after the next run missing {missing:?}, foreign {foreign:?}, different {other:?}"));
    }
    let twice = ground.twice();
    if !twice.is_empty() {
        wrong.push(format!("twice in the archive: {twice:?}"));
    }
    let waiting = ground.kept().count_waiting(&SOURCE.into()).expect("counted");
    if waiting > 0 {
        wrong.push(format!("{waiting} details still wait"));
    }
    let (_, faults) = ingest::verify(&good).expect("opens");
    wrong.extend(faults);
    eprintln!("{} ({}): {} ms, {} requests, {error}", case.fault, case.ask.name(), took.as_millis(), receipt.requests);
    wrong
}

#[test]
fn every_fault_ends_in_a_named_outcome_and_loses_nothing() {
    let wanted = std::env::var("FAULT").unwrap_or_default();
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.fault.contains(&wanted)).collect();
    let references = references(&cases.iter().map(|case| case.ask).collect());
    let wrong = Mutex::new(Vec::new());
    let done = AtomicUsize::new(0);
    in_parallel(cases.iter().collect(), |case| {
        for sentence in prove(case, &references[&case.ask]) {
            wrong.lock().expect("no panic").push(format!("{} ({}): {sentence}", case.fault, case.ask.name()));
        }
        done.fetch_add(1, Ordering::SeqCst);
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(done.into_inner(), cases.len());
}

#[test]
fn every_fault_is_written_down() {
    let mut text = String::from(
        "# What a publisher may do wrong, and what becomes of it\n\n\
         Each line is a test (`tests/it/faults.rs`): a publisher on a real socket misbehaves in this way while it is crawled in that\n\
         way; the run ends with this outcome, its receipt adds up, and the watermark stays before what is not in. After the next run,\n\
         days later, with the publisher well again, everything is stored that an undisturbed crawl stores, each notice once. Generated\n\
         by `UPDATE_DOCS=1 cargo test --test it faults::`; a test keeps it true.\n\n\
         An *item* is a day's list or file. One that is left open is asked again by the next run, and the watermark waits for it.\n\n\
         | fault | asked by | what the crawl does | outcome | next run |\n|---|---|---|---|---|\n",
    );
    for case in cases() {
        let next = if case.outcome == Outcome::Complete { "reads on" } else { "reads what is missing, then on" };
        let fault = case.fault;
        writeln!(text, "| {fault} | {} | {} | `{}` | {next} |", case.ask.name(), case.does, case.outcome.as_str())
            .expect("memory");
    }
    is_as_generated("docs/faults.md", &text);
}

/// Nothing that a publisher says, and no definition, leads to an address that the definition does not name and that is
/// not public. The decoy listens on every address of this machine.
#[test]
fn nothing_leads_to_where_nobody_was_sent() {
    const TARGETS: &[&str] = &[
        "http://127.0.0.1:{decoy}/",
        "http://localhost:{decoy}/",
        "http://LOCALHOST.:{decoy}/",
        "http://127.1:{decoy}/",
        "http://0x7f000001:{decoy}/",
        "http://2130706433:{decoy}/",
        "http://0.0.0.0:{decoy}/",
        "http://[::1]:{decoy}/",
        "http://[::]:{decoy}/",
        "http://[::ffff:127.0.0.1]:{decoy}/",
        "http://user:secret@127.0.0.1:{decoy}/",
        "//127.0.0.1:{decoy}/",
        "https://127.0.0.1:{decoy}/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://other.example/",
        "ftp://127.0.0.1:{decoy}/",
        "file:///etc/passwd",
    ];
    let ways: &[(Ask, &str, fn(String) -> How)] = &[
        (Ask::Pages, MIDDLE, How::To),
        (Ask::Zips, MIDDLE, How::To),
        (Ask::Links, MIDDLE, How::Next),
        (Ask::Addresses, "day=", How::Link),
        (Ask::Files, "/files", How::Link),
    ];
    let all = TARGETS.iter().enumerate().flat_map(|(at, target)| {
        // every target by redirect, and each of the first and last ones in every other way
        ways.iter().enumerate().filter(move |(way, _)| *way == at % 2 || at < 3).map(move |(_, way)| (*target, way))
    });
    in_parallel(all.collect(), |(target, (ask, on, how))| {
        let (ground, decoy) = (Ground::new(), Decoy::new());
        let publisher = Publisher::start(FIRST.1, Vec::new(), Duration::ZERO);
        let base = format!("http://127.0.0.1:{}", publisher.port());
        // the names are allowed, but not that they lead to this machine
        let hosts = "hosts = [\"127.0.0.1\", \"localhost\", \"10.0.0.1\", \"169.254.169.254\"]";
        let definition = ask.definition(&base, "", "").replace("hosts = [\"127.0.0.1\"]", hosts);
        let target = target.replace("{decoy}", &decoy.port.to_string());
        publisher.set(vec![Fault { on, times: ALWAYS, how: how(target.clone()) }]);
        let receipt = ground.crawl(&ground.workspace(&definition, ""), FIRST.0);
        assert!(!receipt.outcome.is_complete() && receipt.is_balanced(), "{target} by {ask:?}: {receipt:?}");
        assert!(!decoy.was_knocked_at(), "{target} by {ask:?} was asked: {:?}", receipt.error);
        assert!(!receipt.error.unwrap_or_default().contains("secret"), "{target} by {ask:?}");
    });
    // and a definition that itself names such an address, without saying that it may
    for target in ["http://127.0.0.1:{decoy}", "http://localhost:{decoy}"] {
        let (ground, decoy) = (Ground::new(), Decoy::new());
        let base = target.replace("{decoy}", &decoy.port.to_string());
        let definition = Ask::Pages
            .definition(&base, "", "")
            .replace("hosts = [\"127.0.0.1\"]", "hosts = [\"127.0.0.1\", \"localhost\"]");
        let definition: String = definition
            .lines()
            .filter(|line| !line.starts_with("private_hosts"))
            .fold(String::new(), |text, line| text + line + "\n");
        let receipt = ground.crawl(&ground.workspace(&definition, ""), FIRST.0);
        assert_eq!(receipt.outcome, Outcome::Failed, "{receipt:?}");
        assert!(!decoy.was_knocked_at(), "{target}");
    }
}

/// A detail that fails in three runs is given up, which stays visible, and a crawl of its span brings it in.
#[test]
fn a_detail_that_is_given_up_is_counted_and_can_be_asked_for_again() {
    let (ground, publisher) = (Ground::new(), Publisher::start(FIRST.1, Vec::new(), Duration::ZERO));
    let base = format!("http://127.0.0.1:{}", publisher.port());
    let workspace = ground.workspace(&Ask::Index.definition(&base, "", ""), "");
    publisher.set(vec![Fault { on: "/detail/20261119-2", times: ALWAYS, how: How::Status(500, "") }]);
    for hour in 1..=3 {
        let receipt = ground.crawl(&workspace, &format!("2026-11-21T0{hour}:00:00Z"));
        assert_eq!(receipt.outcome, Outcome::Failed, "{receipt:?}");
    }
    let given_up = || ground.kept().health(&SOURCE.into()).expect("read").expect("known").given_up;
    assert_eq!((given_up(), ground.kept().count_waiting(&SOURCE.into()).expect("counted")), (1, 0));
    assert!(ground.crawl(&workspace, "2026-11-21T04:00:00Z").outcome.is_complete());
    assert_eq!(given_up(), 1, "it is not forgotten");
    publisher.heal(FIRST.1);
    let receipt = ground.crawl_since(&workspace, "2026-11-21T05:00:00Z", Some(jiff::civil::date(2026, 11, 19)));
    assert!(receipt.outcome.is_complete(), "{receipt:?}");
    assert_eq!(ground.stored().into_keys().collect::<Vec<_>>(), ids_until(FIRST.1));
    assert_eq!(given_up(), 0);
}

/// A run that finds nothing new asks as little as the way of asking allows, robots.txt aside: once, with conditions where
/// there are validators.
#[test]
fn a_night_with_nothing_new_costs_one_question() {
    for ask in [Ask::Pages, Ask::Offset, Ask::Links, Ask::Details, Ask::Index, Ask::Zips, Ask::Whole, Ask::Files] {
        let (ground, publisher) = (Ground::new(), Publisher::start(FIRST.1, Vec::new(), Duration::ZERO));
        let base = format!("http://127.0.0.1:{}", publisher.port());
        let workspace = ground.workspace(&ask.definition(&base, "", ""), "");
        // Saturday and Sunday: nothing is published after the first run
        assert!(ground.crawl(&workspace, "2026-11-21T03:00:00Z").outcome.is_complete(), "{ask:?}");
        assert!(ground.crawl(&workspace, "2026-11-22T03:00:00Z").outcome.is_complete(), "{ask:?}");
        let before = publisher.seen().len();
        let receipt = ground.crawl(&workspace, "2026-11-22T09:00:00Z");
        assert!(receipt.outcome.is_complete() && receipt.is_balanced(), "{ask:?}: {receipt:?}");
        let asked: Vec<String> = publisher.seen().split_off(before).into_iter().map(|seen| seen.line).collect();
        assert!(asked[0].ends_with("/robots.txt"), "{ask:?}: {asked:?}");
        assert_eq!(asked.len(), 2, "{ask:?}: {asked:?}");
        assert_eq!(receipt.requests, 2, "{ask:?}");
        assert_eq!(receipt.documents.not_modified, u64::from(ask == Ask::Whole), "{ask:?}: {receipt:?}");
    }
}

/// What a complete list no longer has is marked, and stays; only a run that read all of it may say so.
#[test]
fn what_vanishes_from_a_complete_list_is_marked_and_comes_back() {
    let (ground, publisher) = (Ground::new(), Publisher::start(FIRST.1, Vec::new(), Duration::ZERO));
    let base = format!("http://127.0.0.1:{}", publisher.port());
    let definition = Ask::Whole.definition(&base, "", "") + "[change]\nsnapshot = true\n";
    let workspace = ground.workspace(&definition, "");
    let absent = || -> Vec<String> {
        let ids = ground.kept().absent(Some(&SOURCE.into())).expect("read");
        ids.iter().map(|id| id.as_str().rsplit('/').next().unwrap_or_default().to_owned()).collect()
    };
    let all = ids_until(FIRST.1);
    assert!(ground.crawl(&workspace, "2026-11-21T03:00:00Z").outcome.is_complete());
    assert_eq!(absent(), Vec::<String>::new());
    // a run that fails, and one that hears of no change, say nothing
    publisher.set(vec![Fault { on: "/all", times: ALWAYS, how: How::CutFile }]);
    assert!(!ground.crawl(&workspace, "2026-11-22T03:00:00Z").outcome.is_complete());
    publisher.heal(FIRST.1);
    assert!(ground.crawl(&workspace, "2026-11-22T04:00:00Z").outcome.is_complete());
    assert_eq!(absent(), Vec::<String>::new());
    // what the publisher drops is marked since then, and is still there
    publisher.heal("2026-11-19");
    assert!(ground.crawl(&workspace, "2026-11-23T03:00:00Z").outcome.is_complete());
    let fewer = ids_until("2026-11-19");
    assert_eq!(absent(), all[fewer.len()..]);
    assert_eq!(ground.stored().len(), all.len());
    assert!(ground.crawl(&workspace, "2026-11-24T03:00:00Z").outcome.is_complete());
    let id = NoticeId::new(format!("{SOURCE}/{}", all.last().expect("some")));
    let since = ground.kept().absent_since(&id).expect("read").expect("absent");
    assert_eq!(since.to_string(), "2026-11-23T03:00:00Z");
    // the same bytes as the first time: nothing new to store, and everything is back
    publisher.heal(FIRST.1);
    assert!(ground.crawl(&workspace, "2026-11-25T03:00:00Z").outcome.is_complete());
    assert_eq!(absent(), Vec::<String>::new());
}

/// What somebody is interested in stays here: the publisher is asked the same, whatever is looked for.
#[test]
fn a_publisher_does_not_learn_what_is_looked_for() {
    let publisher = Publisher::start(FIRST.1, Vec::new(), Duration::ZERO);
    let base = format!("http://127.0.0.1:{}", publisher.port());
    let shipped = Definitions::default().list("index/categories").expect("listed");
    let mut asked = Vec::new();
    let mut labelled = Vec::new();
    for interest in ["drones", "radar"] {
        let own = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(own.path().join("index/categories")).expect("created");
        if interest == "radar" {
            // one category now looks for what is published here
            for file in &shipped {
                let text = file.text.replace("\"sUAS\", \"UAVs\"]", "\"sUAS\", \"UAVs\", \"radar\", \"police\"]");
                fs::write(own.path().join(format!("index/categories/{}.toml", file.id)), text).expect("written");
            }
        }
        let before = publisher.seen().len();
        let mut labels = 0;
        for ask in [Ask::Pages, Ask::Details, Ask::Index, Ask::Zips, Ask::Files] {
            let ground = Ground::new();
            for now in [FIRST.0, NEXT.0] {
                let workspace = ground.workspace_with(&ask.definition(&base, "", ""), "", Some(own.path()));
                let receipt = ground.crawl(&workspace, now);
                assert!(receipt.outcome.is_complete(), "{receipt:?}");
            }
            labels += ground.labels("drones");
        }
        labelled.push(labels);
        // what was asked, with every header and byte
        let seen = publisher.seen().split_off(before).into_iter();
        asked.push(seen.map(|seen| (seen.line, seen.headers, seen.body)).collect::<Vec<_>>());
    }
    assert!(labelled[0] == 0 && labelled[1] > 0, "the interests differ: {labelled:?}");
    assert!(asked[0].len() > 60, "{}", asked[0].len());
    assert_eq!(asked[0], asked[1]);
}
