//! The memory proof: a package of any size is taken in, from disk and from a publisher, with a bounded amount of memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use tenderwatch::definitions::Definitions;
use tenderwatch::publisher::{self, Options, Plan};

/// The bound, in bytes.
const MOST: u64 = 300 << 20;
/// The issues of a plan of one week.
const ISSUES: usize = 5;

/// Imports one package of so many megabytes of documents and one of so many megabytes on disk, and crawls the first one.
pub fn prove(megabytes: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("package.tar.gz");
    let notices = write(1_000, &path);
    let (packed, plain) = sizes(&path);
    let wanted = |each: u64| usize::try_from(megabytes * 1_000_000 / each).expect("few");
    let mut failed = Vec::new();
    let mut check = |what: &str, peak: u64| {
        if peak >= MOST {
            failed.push(format!("{what}: {:.0} MiB", mebi(peak)));
        }
    };

    check("crawl", crawl(&plan(wanted(plain / notices) * ISSUES), folder.path()));
    for each in [plain / notices, packed / notices] {
        let notices = write(wanted(each) * ISSUES, &path);
        let (packed, plain) = sizes(&path);
        println!(
            "one package of {notices} notices: {:.0} MB of documents, {:.0} MB on disk",
            mega(plain),
            mega(packed)
        );
        let data = folder.path().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenderwatch"));
        command.args(["--quiet", "--output", "json", "import"]).arg(&path).arg("--data-dir").arg(&data);
        check("import", run("import", command, notices, &data));
        std::fs::remove_dir_all(&data).expect("removed");
    }
    assert!(failed.is_empty(), "more than {:.0} MiB: {}", mebi(MOST), failed.join(", "));
}

fn plan(notices: usize) -> Plan {
    let last_day = jiff::civil::date(2026, 11, 20);
    Plan { notices, seed: 200, weeks: 1, last_day, languages: Vec::new(), planted: Vec::new() }
}

/// Writes the first issue of a plan; returns how many notices are in it.
fn write(notices: usize, path: &Path) -> u64 {
    let gazette = plan(notices).gazette();
    let issue = gazette.issues()[0];
    let out = BufWriter::new(File::create(path).expect("created"));
    gazette.write_package(issue, out).expect("written").into_inner().expect("flushed");
    gazette.places(issue).len() as u64
}

/// On disk, and unpacked.
fn sizes(path: &Path) -> (u64, u64) {
    let file = File::open(path).expect("opens");
    let packed = file.metadata().expect("read").len();
    let plain = std::io::copy(&mut GzDecoder::new(BufReader::new(file)), &mut std::io::sink()).expect("unpacks");
    (packed, plain)
}

/// A crawl of all five issues of the plan, each as large as the package that is imported.
fn crawl(plan: &Plan, folder: &Path) -> u64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let options = Options { picky: true, ..Options::default() };
    let publisher = runtime.block_on(publisher::serve(plan, options)).expect("a free port");
    let sources = folder.join("definitions/sources");
    std::fs::create_dir_all(&sources).expect("a folder");
    let shipped = Definitions::default().list("sources").expect("shipped definitions");
    let ted = shipped.iter().find(|file| file.id == "eu-ted").expect("shipped");
    let text = publisher::definition_at(&ted.text, publisher.base_url()).expect("TOML");
    std::fs::write(sources.join("eu-ted.toml"), text).expect("written");
    let quoted = |path: &Path| toml::Value::String(path.display().to_string());
    let data = folder.join("data");
    let config = folder.join("config.toml");
    let text = format!(
        "[paths]\ndata = {}\ndefinitions = {}\n[politeness]\nmin_delay = \"1ms\"\n",
        quoted(&data),
        quoted(&folder.join("definitions"))
    );
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenderwatch"));
    command.args([
        "--quiet",
        "--output",
        "json",
        "--now",
        "2026-11-22T12:00:00Z",
        "crawl",
        "eu-ted",
        "--until",
        "2026-11-16",
    ]);
    command.arg("--config").arg(&config);
    let first = publisher.gazette().places(publisher.gazette().issues()[0]).len() as u64;
    let peak = run("crawl", command, first, &data);
    runtime.block_on(publisher.stop());
    std::fs::remove_dir_all(&data).expect("removed");
    peak
}

/// Runs to the end, checks what was stored, and returns the most memory that the process ever had resident.
fn run(what: &str, command: Command, notices: u64, data: &Path) -> u64 {
    let started = Instant::now();
    let peak = watch(command).0.all;
    let took = started.elapsed().as_secs_f64();
    let layout = tenderwatch::store::Layout::new(data);
    let stored =
        tenderwatch::store::Derived::open_reader(&layout.derived()).expect("opens").counts().expect("reads").notices;
    assert_eq!(stored, notices, "{what} stored everything");
    println!("  {what}: peak {:.0} MiB resident, {notices} notices in {took:.1} s", mebi(peak));
    peak
}

/// The most memory that a process ever had, in bytes.
#[derive(Clone, Copy, Default)]
pub struct Peak {
    /// Resident, with the pages of files that it has mapped: the index while its parts are merged. The system takes those
    /// back whenever it wants to.
    pub all: u64,
    /// Its own, which nobody can take back; looked at every few milliseconds.
    pub own: u64,
}

/// Runs to the end; the most memory that the process ever had, and what it printed.
pub fn watch(mut command: Command) -> (Peak, String) {
    let mut printed = tempfile::tempfile().expect("a file");
    let output = printed.try_clone().expect("the same file");
    command.env_remove("TENDERWATCH_DATA_DIR").stdin(Stdio::null()).stdout(output);
    let mut child = command.spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = Peak::default();
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let bytes = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
            };
            peak = Peak { all: peak.all.max(bytes("VmHWM:")), own: peak.own.max(bytes("RssAnon:")) };
        }
        if let Some(ended) = child.try_wait().expect("asked") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success(), "ended with {ended}");
    let mut text = String::new();
    printed.rewind().expect("rewound");
    printed.read_to_string(&mut text).expect("text");
    (peak, text)
}

fn mega(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).expect("below 4 TB")) / 1000.0
}

pub fn mebi(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).expect("below 4 TiB")) / 1024.0
}
