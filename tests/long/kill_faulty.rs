//! The kill proof for lists, details and packages: crawls of a publisher that also misbehaves are killed anywhere and run
//! again; then everything is as after an uninterrupted run. `tests/it` runs a small sample, `cargo test --test long --
//! kills_of_faulty` the large one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenderwatch::archive::{self, Position};
use tenderwatch::config::{Config, Overrides};
use tenderwatch::ingest::{self, Workspace};
use tenderwatch::records::{Receipt, SourceReceipt};
use tenderwatch::store::Layout;

use super::faulty::{Ask, Fault, How, Publisher, ids_until};
use super::kill::{differ, rows_of};

const NOW: &str = "2026-11-25T09:00:00Z";
const TODAY: &str = "2026-11-25";
/// What is crawled side by side.
const SOURCES: &[(&str, Ask)] = &[
    ("xx-pages", Ask::Pages),
    ("xx-details", Ask::Details),
    ("xx-index", Ask::Index),
    ("xx-zips", Ask::Zips),
    ("xx-files", Ask::Files),
];

/// What came out.
#[derive(Default)]
pub struct Figures {
    /// Processes killed, recovery runs included.
    pub kills: usize,
    /// Of those, recovery runs.
    pub nested: usize,
    /// Runs that had ended before their time came.
    pub late: usize,
    /// Documents of the uninterrupted run that are not there.
    pub lost: usize,
    /// Documents that are there more than once.
    pub duplicated: usize,
    /// Everything else that differs, in sentences.
    pub different: Vec<String>,
    /// How long the uninterrupted crawl took.
    pub crawl: Duration,
    /// Its documents.
    pub documents: usize,
}

impl Figures {
    /// One line.
    pub fn line(&self) -> String {
        format!(
            "{} kills ({} of them of a recovery run, {} after the end) of a crawl of {} sources and {} documents in {:.1} s: \
             {} lost, {} duplicated, {} different",
            self.kills,
            self.nested,
            self.late,
            SOURCES.len(),
            self.documents,
            self.crawl.as_secs_f64(),
            self.lost,
            self.duplicated,
            self.different.len()
        )
    }

    /// Fails when anything is not as in the uninterrupted run.
    pub fn assert_clean(&self) {
        let shown: Vec<&str> = self.different.iter().take(20).map(String::as_str).collect();
        let clean = self.lost == 0 && self.duplicated == 0 && self.different.is_empty();
        assert!(clean, "{}\n{}", self.line(), shown.join("\n"));
    }
}

/// Runs the proof.
pub fn prove(kills: usize, seed: u64, mut tell: impl FnMut(&str)) -> Figures {
    let folder = tempfile::tempdir().expect("a folder");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut figures = Figures::default();
    let ground = Ground::new(folder.path().join("reference"));
    let started = Instant::now();
    assert!(ground.crawl().wait().expect("the child runs").success(), "the uninterrupted crawl: {}", ground.log());
    figures.crawl = started.elapsed();
    assert_eq!(ground.unbalanced(), Vec::<String>::new());
    let expected = ground.state();
    let notices = expected.tables["notices"].len();
    assert_eq!(notices, ids_until(TODAY).len() * SOURCES.len(), "the uninterrupted crawl has everything");
    figures.documents = expected.archive.len();
    drop(ground);
    let mut number = 0;
    while figures.kills < kills {
        let ground = Ground::new(folder.path().join(format!("{number:04}")));
        let mut told = format!("{number:04}");
        // evenly over the whole duration and a little beyond
        let again = usize::from(number % 3 == 2);
        for nested in 0..=again {
            let after = figures.crawl.mul_f64(chance.f64() * 1.03);
            let mut child = ground.crawl();
            std::thread::sleep(after);
            if let Some(status) = child.try_wait().expect("asked") {
                figures.late += 1;
                if !status.success() {
                    figures.different.push(format!("{told}: a run failed by itself with {status}: {}", ground.log()));
                }
            }
            child.kill().expect("SIGKILL");
            child.wait().expect("reaped");
            figures.kills += 1;
            figures.nested += nested;
            let _ = write!(told, " killed after {} ms", after.as_millis()); // memory
        }
        let before = figures.different.len();
        let status = ground.crawl().wait().expect("the child runs");
        if !status.success() {
            figures.different.push(format!("the clean run ended with {status}: {}", ground.log()));
        }
        figures.different.extend(ground.unbalanced());
        ground.state().compare(&expected, &mut figures);
        for sentence in &mut figures.different[before..] {
            *sentence = format!("{told}: {sentence}");
        }
        let clean = figures.different.len() == before;
        tell(&told);
        let path = ground.folder.clone();
        drop(ground);
        if clean {
            std::fs::remove_dir_all(path).expect("removed");
        }
        number += 1;
    }
    figures
}

/// Publishers, a configuration that points at them, and a data directory.
struct Ground {
    folder: PathBuf,
    publishers: Vec<Publisher>,
}

impl Ground {
    fn new(folder: PathBuf) -> Self {
        let sources = folder.join("definitions/sources");
        std::fs::create_dir_all(&sources).expect("a folder");
        let mut publishers = Vec::new();
        for (name, ask) in SOURCES {
            // what passes by itself, somewhere on the way
            let fault = |on, how| Fault { on, times: 1, how };
            let faults = vec![
                fault("2026-11-19&page=2", How::Status(503, "")),
                fault("2026-11-20", How::TooShort),
                fault("/detail/20261118-4", How::Empty),
                fault("/detail/20261120-1", How::Reset),
                fault("2026-11-23.zip", How::CutGzip),
            ];
            let publisher = Publisher::start(TODAY, faults, Duration::from_millis(2));
            let base = format!("http://127.0.0.1:{}", publisher.port());
            let text = ask.definition(&base, "", "").replace("first_run = \"3d\"", "first_run = \"7d\"");
            std::fs::write(sources.join(format!("{name}.toml")), text).expect("written");
            publishers.push(publisher);
        }
        let quoted = |path: PathBuf| toml::Value::String(path.display().to_string());
        let text = format!(
            "[paths]\ndata = {}\ndefinitions = {}\n[politeness]\nmin_delay = \"1ms\"\n[index]\nmemory = \"15MiB\"\ncommit_every = 10\n",
            quoted(folder.join("data")),
            quoted(folder.join("definitions"))
        );
        std::fs::write(folder.join("config.toml"), text).expect("written");
        Self { folder, publishers }
    }

    fn crawl(&self) -> Child {
        let file = |name: &str| File::create(self.folder.join(name)).expect("written");
        Command::new(env!("CARGO_BIN_EXE_tenderwatch"))
            .arg("--config")
            .arg(self.folder.join("config.toml"))
            .args(["--now", NOW, "--output", "json", "crawl"])
            .args(SOURCES.iter().map(|(name, _)| name))
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

    /// What is wrong with the last run's receipt.
    fn unbalanced(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("stdout")).expect("read");
        let Ok(receipt) = serde_json::from_str::<Receipt>(&text) else { return vec![format!("no receipt: {text}")] };
        let fine = receipt.is_complete() && receipt.sources.iter().all(SourceReceipt::is_balanced);
        if fine { Vec::new() } else { vec![format!("the receipt of the clean run: {text}")] }
    }

    fn state(&self) -> State {
        let file = self.folder.join("config.toml");
        let config = Config::load(Some(&file), &Overrides::default()).expect("a valid configuration");
        let workspace = Workspace::load(config).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let wrong = match ingest::verify(&workspace) {
            Ok((_, wrong)) => wrong,
            Err(error) => vec![error.to_string()],
        };
        let layout: &Layout = &workspace.layout;
        let records = archive::replay(&layout.archive(), Position::START).expect("opens");
        let archive = records.map(|record| {
            let document = record.expect("a whole archive").0;
            (document.origin.source.to_string(), document.id.to_string(), document.origin.member.join(" "))
        });
        let store = Connection::open(layout.derived()).expect("opens");
        let kept = Connection::open(layout.kept()).expect("opens");
        let read = |connection: &Connection, sql: &str| -> Vec<String> {
            let mut rows = rows_of(connection, sql);
            for row in &mut rows {
                for (at, publisher) in self.publishers.iter().enumerate() {
                    *row = row.replace(&format!("127.0.0.1:{}", publisher.port()), &format!("publisher-{at}"));
                }
            }
            rows.sort();
            rows
        };
        let tables = BTreeMap::from([
            (
                "notices",
                read(
                    &store,
                    "SELECT id, source, raw_id, format, stage, published_on, first_seen, hash, summary, notice, detail FROM notices",
                ),
            ),
            ("documents", read(&store, "SELECT source, raw_id, name, format, code, reason, issues FROM documents")),
            ("labels", read(&store, "SELECT * FROM labels")),
            ("issues", read(&store, "SELECT * FROM issues")),
            ("first_seen", read(&kept, "SELECT * FROM first_seen")),
            ("cursors", read(&kept, "SELECT * FROM cursors")),
            ("windows", read(&kept, "SELECT * FROM windows")),
            ("details that wait", read(&kept, "SELECT source, key FROM details WHERE waits = 1")),
            ("details", read(&kept, "SELECT source, key, mark, texts, waits FROM details")),
            ("validators", read(&kept, "SELECT * FROM validators")),
        ]);
        State { wrong, archive: archive.collect(), tables }
    }
}

/// Everything that must not depend on having been killed.
struct State {
    wrong: Vec<String>,
    archive: Vec<(String, String, String)>,
    tables: BTreeMap<&'static str, Vec<String>>,
}

impl State {
    fn compare(&self, expected: &Self, figures: &mut Figures) {
        figures.different.extend(self.wrong.iter().cloned());
        let here: BTreeSet<_> = self.archive.iter().collect();
        let there: BTreeSet<_> = expected.archive.iter().collect();
        figures.lost += there.difference(&here).count();
        figures.duplicated += self.archive.len() - here.len();
        if let Some(foreign) = here.difference(&there).next() {
            figures.different.push(format!("the archive holds what nobody published: {foreign:?}"));
        }
        for (name, rows) in &expected.tables {
            differ(name, &self.tables[name], rows, &mut figures.different);
        }
    }
}
