//! The kill proof: a crawl that is killed anywhere and then run again ends exactly where an uninterrupted one ends.
//!
//! A reference crawl runs through. Then, for every kill: a fresh data directory, the real binary as a child process,
//! SIGKILL at a moment that chance decides (some recovery runs are killed as well), a last run to completion, and a
//! comparison of everything with the reference: archive, store, first-seen log, cursor, searches. `tests/it` runs a
//! small sample, `cargo test --test long -- kills` the large one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tenderwatch::archive::{self, Position};
use tenderwatch::config::{Config, Overrides};
use tenderwatch::definitions::Definitions;
use tenderwatch::ids::SourceId;
use tenderwatch::ingest::{self, Workspace};
use tenderwatch::publisher::{self, Faults, Gazette, Options, Plan, Publisher};
use tenderwatch::search::{Expansion, Filters, Known, Query, RawFilters, Searcher};
use tenderwatch::store::{Derived, Kept, Layout};
use tokio::runtime::Runtime;

const NOW: &str = "2026-11-22T12:00:00Z";
const SOURCE: &str = "eu-ted";

/// How much to prove.
pub struct Wanted {
    /// Kills after a random part of the time that a whole crawl takes.
    pub random: usize,
    /// Kills right after a file changed, to hit the short moments between two commits.
    pub aimed: usize,
    /// Where chance starts.
    pub seed: u64,
    /// Notices that the publisher serves, in five issues.
    pub notices: usize,
}

/// What came out.
#[derive(Default)]
pub struct Figures {
    /// Processes killed, recovery runs included.
    pub kills: usize,
    /// Of those, recovery runs.
    pub nested: usize,
    /// Where the kills hit.
    pub places: BTreeMap<&'static str, usize>,
    /// Documents of the reference that are not there.
    pub lost: usize,
    /// Documents that are there more than once.
    pub duplicated: usize,
    /// Everything else that differs, in sentences.
    pub different: Vec<String>,
    /// How long the reference crawl took.
    pub crawl: Duration,
    /// Documents in the archive.
    pub documents: usize,
}

impl Figures {
    /// One line.
    pub fn line(&self) -> String {
        let places: Vec<String> = self.places.iter().map(|(place, times)| format!("{times} {place}")).collect();
        format!(
            "{} kills ({} of them of a recovery run) of a crawl of {} documents in {:.1} s ({}): {} lost, {} duplicated, {} different",
            self.kills,
            self.nested,
            self.documents,
            self.crawl.as_secs_f64(),
            places.join(", "),
            self.lost,
            self.duplicated,
            self.different.len()
        )
    }

    /// Fails when anything is not as in the uninterrupted run.
    pub fn assert_clean(&self) {
        let shown: Vec<&str> = self.different.iter().take(20).map(String::as_str).collect();
        assert!(
            self.lost == 0 && self.duplicated == 0 && self.different.is_empty(),
            "{}\n{}",
            self.line(),
            shown.join("\n")
        );
    }
}

/// When a run is killed.
#[derive(Debug)]
enum Moment {
    After(Duration),
    /// After this file of the data directory has changed so many times, and a little later.
    Changed {
        file: &'static str,
        times: usize,
        then: Duration,
    },
}

/// Runs the proof.
pub fn prove(wanted: &Wanted, mut tell: impl FnMut(&str)) -> Figures {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let plan = Plan {
        notices: wanted.notices,
        seed: wanted.seed,
        weeks: 1,
        last_day: jiff::civil::date(2026, 11, 20),
        languages: Vec::new(),
        planted: Vec::new(),
    };
    let mut chance = fastrand::Rng::with_seed(wanted.seed);
    let mut figures = Figures::default();

    let ground = Ground::new(folder.path().join("reference"), &runtime, &plan);
    let started = Instant::now();
    assert!(ground.crawl().wait().expect("the child runs").success(), "the reference crawl: {}", ground.log());
    figures.crawl = started.elapsed();
    let expected = ground.snapshot();
    assert_eq!(expected.tables["notices"].len(), wanted.notices, "the reference crawl has everything");
    assert!(ground.balanced(), "the reference crawl's receipt is balanced");
    figures.documents = expected.archive.len();
    ground.stop(&runtime);
    tell(&format!("reference: {} documents in {:.2} s", figures.documents, figures.crawl.as_secs_f64()));

    for number in 0..wanted.random + wanted.aimed {
        let ground = Ground::new(folder.path().join(format!("{number:03}")), &runtime, &plan);
        let moment = if number < wanted.random {
            // evenly over the whole duration and a little beyond, shuffled inside each part
            let part = (f64::from(u32::try_from(number).unwrap_or(0)) + chance.f64())
                / f64::from(u32::try_from(wanted.random).unwrap_or(1));
            Moment::After(figures.crawl.mul_f64(part * 1.03))
        } else {
            aimed(&mut chance)
        };
        let mut told = format!("{number:03} {moment:?}");
        ground.kill(&moment, &mut figures, &mut told);
        if number % 3 == 2 {
            let moment =
                if chance.bool() { Moment::After(figures.crawl.mul_f64(chance.f64())) } else { aimed(&mut chance) };
            write!(told, ", again {moment:?}").expect("memory");
            ground.kill(&moment, &mut figures, &mut told);
            figures.nested += 1;
        }
        let status = ground.crawl().wait().expect("the child runs");
        let before = figures.different.len();
        if !status.success() {
            figures.different.push(format!("the clean run ended with {status}: {}", ground.log()));
        }
        if !ground.balanced() {
            figures.different.push("the clean run's receipt is not balanced".to_owned());
        }
        ground.snapshot().compare(&expected, &mut figures);
        for sentence in &mut figures.different[before..] {
            *sentence = format!("{told}: {sentence}");
        }
        tell(&told);
        ground.stop(&runtime);
        if figures.different.len() == before {
            std::fs::remove_dir_all(folder.path().join(format!("{number:03}"))).expect("removed");
        }
    }
    figures
}

fn aimed(chance: &mut fastrand::Rng) -> Moment {
    let file = ["archive/000001.pack", "store.db-wal", "kept.db-wal", "index/000001/meta.json"][chance.usize(0..4)];
    let then = Duration::from_micros(chance.u64(0..6_000));
    Moment::Changed { file, times: chance.usize(1..10), then }
}

/// A publisher, a configuration that points at it, and a data directory.
struct Ground {
    folder: PathBuf,
    workspace: Workspace,
    publisher: Publisher,
}

impl Ground {
    fn new(folder: PathBuf, runtime: &Runtime, plan: &Plan) -> Self {
        // one document comes alone, one package is throttled, one breaks off half-way
        let faults = Faults { omitted: Some(3), ..Faults::demo() };
        let options = Options { faults, picky: true, chunk_delay: Some(Duration::from_millis(1)), port: 0 };
        let publisher = runtime.block_on(publisher::serve(plan, options)).expect("a free port");
        let sources = folder.join("definitions/sources");
        std::fs::create_dir_all(&sources).expect("a folder");
        let shipped = Definitions::default().list("sources").expect("shipped definitions");
        let ted = shipped.iter().find(|file| file.id == SOURCE).expect("eu-ted is shipped");
        let text = publisher::definition_at(&ted.text, publisher.base_url()).expect("TOML");
        std::fs::write(sources.join("eu-ted.toml"), text).expect("written");
        let quoted = |path: PathBuf| toml::Value::String(path.display().to_string());
        let config = folder.join("config.toml");
        let text = format!(
            "[paths]\ndata = {}\ndefinitions = {}\n[politeness]\nmin_delay = \"1ms\"\n[index]\ncommit_every = 400\n",
            quoted(folder.join("data")),
            quoted(folder.join("definitions"))
        );
        std::fs::write(&config, text).expect("written");
        let config = Config::load(Some(&config), &Overrides::default()).expect("a valid configuration");
        let workspace = Workspace::load(config).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        Self { folder, workspace, publisher }
    }

    fn stop(self, runtime: &Runtime) {
        runtime.block_on(self.publisher.stop());
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn gazette(&self) -> &Gazette {
        self.publisher.gazette()
    }

    fn crawl(&self) -> Child {
        let file = |name: &str| File::create(self.folder.join(name)).expect("written");
        Command::new(env!("CARGO_BIN_EXE_tenderwatch"))
            .arg("--config")
            .arg(self.folder.join("config.toml"))
            .args(["--now", NOW, "--output", "json", "crawl", SOURCE])
            .current_dir(&self.folder)
            .env_remove("TENDERWATCH_DATA_DIR")
            .env_remove("TENDERWATCH_NOW")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the binary starts")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }

    /// Starts a crawl and kills it; notes where that hit.
    fn kill(&self, moment: &Moment, figures: &mut Figures, told: &mut String) {
        let mut child = self.crawl();
        let ended = self.wait(&mut child, moment);
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        let place = match ended {
            Some(status) => {
                if !status.success() {
                    figures.different.push(format!("a run failed by itself with {status}: {}", self.log()));
                }
                "after its end"
            }
            None => self.place(),
        };
        write!(told, ": {place}").expect("memory");
        figures.kills += 1;
        *figures.places.entry(place).or_default() += 1;
    }

    /// Waits for the moment; `Some` when the child ended by itself first.
    fn wait(&self, child: &mut Child, moment: &Moment) -> Option<ExitStatus> {
        let rest = match moment {
            Moment::After(time) => *time,
            Moment::Changed { file, times, then } => {
                let path = self.data().join(file);
                let mut seen = stamp(&path);
                let mut left = *times;
                while left > 0 {
                    if let Some(status) = child.try_wait().expect("asked") {
                        return Some(status);
                    }
                    let now = stamp(&path);
                    if now != seen {
                        seen = now;
                        left -= 1;
                    }
                    std::thread::sleep(Duration::from_micros(100));
                }
                *then
            }
        };
        std::thread::sleep(rest);
        child.try_wait().expect("asked")
    }

    /// What the killed run had done, by a copy of what it left.
    fn place(&self) -> &'static str {
        let copy = self.folder.join("copy");
        copy_folder(&self.data(), &copy);
        let place = self.place_in(&Layout::new(&copy));
        std::fs::remove_dir_all(&copy).expect("removed");
        place
    }

    fn place_in(&self, layout: &Layout) -> &'static str {
        let records = archive::replay(&layout.archive(), Position::START).expect("opens");
        let end = records.map(|record| record.expect("whole records, then at most a torn tail").2).last();
        let Some(end) = end else { return "before any archive byte" };
        let derived = Derived::open_reader(&layout.derived()).expect("the store opens");
        let stored = derived.change_seq().expect("reads");
        if derived.archive_position().expect("reads") < end {
            return "between archive and store";
        }
        let applied = Searcher::open(&layout.index()).map_or(0, |searcher| searcher.applied());
        if applied < stored {
            return "between store and index";
        }
        let kept = Kept::open_reader(&layout.kept()).expect("opens");
        if !kept.receipts(jiff::Timestamp::MAX, 1).expect("reads").is_empty() {
            return "after the receipt";
        }
        let cursor =
            kept.cursor(&SourceId::from(SOURCE)).expect("reads").map_or(String::new(), |cursor| cursor.position);
        let stored = usize::try_from(stored).expect("few");
        let whole = self.gazette().issues().iter().find(|issue| self.gazette().places(**issue).end == stored);
        match whole {
            Some(issue) if !cursor.ends_with(&format!("-{:05}", issue.number)) => "between index and cursor",
            _ => "while fetching",
        }
    }

    /// Whether the last run's receipt adds up.
    fn balanced(&self) -> bool {
        let text = std::fs::read_to_string(self.folder.join("stdout")).expect("read");
        let Ok(receipt) = serde_json::from_str::<tenderwatch::records::Receipt>(&text) else { return false };
        receipt.is_complete() && receipt.sources.iter().all(tenderwatch::records::SourceReceipt::is_balanced)
    }

    fn snapshot(&self) -> Snapshot {
        let layout = &self.workspace.layout;
        let mut wrong = match ingest::verify(&self.workspace) {
            Ok((_, wrong)) => wrong,
            Err(error) => vec![error.to_string()],
        };
        let mut archive = Vec::new();
        let mut at = BTreeMap::new();
        for record in archive::replay(&layout.archive(), Position::START).expect("opens") {
            let (document, position, _) = record.expect("a whole archive");
            at.insert(format!("{}:{}", position.pack, position.offset), document.id.to_string());
            archive.push((
                document.origin.source.to_string(),
                document.id.to_string(),
                document.origin.member.join(" "),
            ));
        }
        let store = Connection::open(layout.derived()).expect("opens");
        let kept = Connection::open(layout.kept()).expect("opens");
        // where a document stands in the archive depends on the port in its address: it only has to be the right one
        let mut statement = store.prepare("SELECT at, lower(hex(raw_id)) FROM documents").expect("a table");
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let (position, raw_id): (String, String) = row.try_into().expect("two texts");
            if at.get(&position).is_none_or(|found| !found.ends_with(&raw_id)) {
                wrong.push(format!("the store says {raw_id} is at {position} of the archive, and it is not"));
            }
        }
        let tables = BTreeMap::from([
            ("notices", rows_of(&store, "SELECT * FROM notices ORDER BY id")),
            (
                "documents",
                rows_of(
                    &store,
                    "SELECT source, raw_id, name, format, code, reason, issues FROM documents ORDER BY 1, 2",
                ),
            ),
            ("labels", rows_of(&store, "SELECT * FROM labels ORDER BY 1, 2")),
            ("issues", rows_of(&store, "SELECT * FROM issues ORDER BY 1, 2")),
            ("first_seen", rows_of(&kept, "SELECT * FROM first_seen ORDER BY 1")),
            ("cursors", rows_of(&kept, "SELECT * FROM cursors ORDER BY 1")),
        ]);
        // the port is the one thing that every publisher has for itself
        let base = self.publisher.base_url();
        let tables = tables.into_iter().map(|(name, rows): (_, Vec<String>)| {
            (name, rows.into_iter().map(|row| row.replace(base, "http://publisher")).collect())
        });
        Snapshot { wrong, archive, tables: tables.collect(), searches: self.searches() }
    }

    fn searches(&self) -> Vec<String> {
        let now = NOW.parse().expect("a time");
        let searcher = Searcher::open(&self.workspace.layout.index()).expect("an index");
        let categories = self.workspace.classifier.categories();
        let known = Known {
            categories: categories.iter().map(|category| category.id.as_str()).collect(),
            buyer_kinds: Vec::new(),
            sources: vec![SOURCE],
        };
        let none = RawFilters::default;
        let asked = [
            ("", none()),
            ("drone", none()),
            ("gilet pare-balles", none()),
            ("simulator", RawFilters { stages: vec!["competition".to_owned()], ..none() }),
            ("police OR polizei OR policja OR policía", none()),
            ("buyer:police -drone", none()),
            ("supply* system", none()),
            ("\"body armour\"", RawFilters { since: Some("2026-11-17".to_owned()), ..none() }),
            ("", RawFilters { categories: vec!["cybercrime".to_owned()], sort: Some("value".to_owned()), ..none() }),
            (
                "",
                RawFilters {
                    countries: vec!["DE".to_owned(), "FR".to_owned()],
                    sort: Some("deadline".to_owned()),
                    ..none()
                },
            ),
            ("", RawFilters { cpv: vec!["35".to_owned()], joint: true, ..none() }),
        ];
        let mut answers = Vec::new();
        for (text, filters) in asked {
            let mut query = Query::parse(text).expect("a query");
            for found in self.workspace.classifier.expand(text) {
                if query.expansions.iter().all(|old| old.category != found.category) {
                    query.expansions.push(Expansion { category: found.category, term: found.term });
                }
            }
            let filters = Filters::check(&filters, &known).expect("filters that can match");
            let page = searcher.search(&query, &filters, (0, 1000), true, now).expect("answers");
            let mut answer = format!("{text:?} {filters:?}: {} {:?}", page.total, page.facets);
            for (id, score) in page.hits {
                write!(answer, " {id}={:08x}", score.to_bits()).expect("memory");
            }
            answers.push(answer);
        }
        answers
    }
}

/// Everything that must not depend on having been killed.
struct Snapshot {
    /// What `verify` and the positions say.
    wrong: Vec<String>,
    /// Source, address and member, in the archive's order.
    archive: Vec<(String, String, String)>,
    tables: BTreeMap<&'static str, Vec<String>>,
    searches: Vec<String>,
}

impl Snapshot {
    fn compare(&self, expected: &Self, figures: &mut Figures) {
        figures.different.extend(self.wrong.iter().cloned());
        let here: BTreeSet<_> = self.archive.iter().collect();
        figures.lost += expected.archive.iter().filter(|document| !here.contains(document)).count();
        figures.duplicated += self.archive.len() - here.len();
        let there: BTreeSet<_> = expected.archive.iter().collect();
        if here != there {
            figures.different.push("the archive does not hold the same documents".to_owned());
        } else if self.archive != expected.archive {
            figures.different.push("the archive holds the same documents in another order".to_owned());
        }
        for (name, rows) in &expected.tables {
            differ(name, &self.tables[name], rows, &mut figures.different);
        }
        differ("search", &self.searches, &expected.searches, &mut figures.different);
    }
}

pub fn differ(name: &str, found: &[String], expected: &[String], sentences: &mut Vec<String>) {
    if found == expected {
        return;
    }
    let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    let show =
        |rows: &[String]| rows.get(at).map_or_else(|| "nothing".to_owned(), |row| row.chars().take(600).collect());
    sentences.push(format!(
        "{name}: {} rows instead of {}; row {at} is {} instead of {}",
        found.len(),
        expected.len(),
        show(found),
        show(expected)
    ));
}

pub fn rows_of(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a table");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("rows");
    let mut texts = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let mut text = String::new();
        for column in 0..columns {
            match row.get_ref(column).expect("a value") {
                // notices are stored compressed
                ValueRef::Blob(blob) => match zstd::decode_all(blob) {
                    Ok(json) => text.push_str(&String::from_utf8_lossy(&json)),
                    Err(_) => blob.iter().for_each(|byte| write!(text, "{byte:02x}").expect("memory")),
                },
                ValueRef::Text(value) => text.push_str(&String::from_utf8_lossy(value)),
                other => write!(text, "{other:?}").expect("memory"),
            }
            text.push('|');
        }
        texts.push(text);
    }
    texts
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let meta = path.metadata().ok()?;
    Some((meta.len(), meta.modified().ok()?))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let Ok(entries) = from.read_dir() else { return };
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
