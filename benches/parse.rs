//! How fast real notices become the model, against a bare pass of the XML reader over the same bytes: eForms, and
//! TED_EXPORT before it.
//!
//! `cargo bench --bench parse`. All run on one core; each number is the best of several rounds. The parse of eForms
//! must reach 0.35 of the bare pass, and the goal is 0.6; that of TED_EXPORT must reach 0.3.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_xml::NsReader;
use quick_xml::events::Event;
use tenderwatch::formats::{self, Format, eforms, ted_export};
use tenderwatch::ids::RunId;
use tenderwatch::raw::{Origin, RawDocument};

const ROUNDS: usize = 15;

/// Archives of one format, and how near to the bare pass its parse must come.
struct Case {
    format: &'static Format,
    archives: &'static [&'static str],
    notices: usize,
    required: f64,
    goal: f64,
}

const CASES: &[Case] = &[
    Case { format: &eforms::FORMAT, archives: &["eforms"], notices: 700, required: 0.35, goal: 0.6 },
    Case {
        format: &ted_export::FORMAT,
        archives: &["ted-export-r207-2011", "ted-export-r208", "ted-export-r209"],
        notices: 3900,
        required: 0.3,
        goal: 0.5,
    },
];

fn main() {
    let root = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    for case in CASES {
        let archives: Vec<PathBuf> = case.archives.iter().map(|name| root.join(format!("ted/{name}.tar.gz"))).collect();
        match archives.iter().find(|archive| !archive.is_file()) {
            Some(missing) => println!("{}: nothing measured: {} is not there", case.format.name, missing.display()),
            None => measure(case, &archives),
        }
    }
}

fn measure(case: &Case, archives: &[PathBuf]) {
    let documents: Vec<RawDocument> = archives.iter().flat_map(|archive| documents(archive)).collect();
    let size: usize = documents.iter().map(|document| document.body.len()).sum();
    // Taken in turn, so that a busy machine slows both.
    let (mut bare, mut parse) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        bare = bare.min(timed(|| documents.iter().map(|document| bare_pass(&document.body)).sum()));
        parse = parse.min(timed(|| documents.iter().map(|document| full_parse(document, case.format)).sum()));
    }
    let rate = |time: Duration| f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / 1e6 / time.as_secs_f64();
    let per_second = |time: Duration| f64::from(u32::try_from(documents.len()).unwrap_or(0)) / time.as_secs_f64();
    let ratio = bare.as_secs_f64() / parse.as_secs_f64();
    let (required, goal) = (case.required, case.goal);
    println!("{} notices, {:.1} MB, one core, best of {ROUNDS}", documents.len(), rate(Duration::from_secs(1)));
    println!("bare NsReader pass  {:7.1} MB/s {:8.0} notices/s", rate(bare), per_second(bare));
    println!(
        "{:20}{:7.1} MB/s {:8.0} notices/s",
        format!("{} parse", case.format.name),
        rate(parse),
        per_second(parse)
    );
    println!("ratio {ratio:.3} (required {required}, goal {goal})");
    assert!(documents.len() >= case.notices, "the corpus has at least {} real notices", case.notices);
    assert!(ratio >= required, "the parse of {} has become too slow", case.format.name);
}

fn timed(run: impl Fn() -> usize) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

/// Every event with its namespace resolved, and nothing done with it.
fn bare_pass(body: &[u8]) -> usize {
    let mut reader = NsReader::from_reader(body);
    let mut events = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => return events,
            Ok(event) => {
                black_box(event);
                events += 1;
            }
            Err(error) => panic!("the corpus is well-formed: {error}"),
        }
    }
}

fn full_parse(document: &RawDocument, format: &'static Format) -> usize {
    let parsed = formats::parse(document, Some(format)).expect("real notices are readable");
    black_box(parsed).notices.len()
}

fn documents(archive: &Path) -> Vec<RawDocument> {
    let file = std::fs::File::open(archive).expect("the archive opens");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut documents = Vec::new();
    for entry in archive.entries().expect("the archive lists its members") {
        let mut entry = entry.expect("a member");
        let name = entry.path().expect("a name").display().to_string();
        if Path::new(&name).extension().is_none_or(|extension| extension != "xml") {
            continue;
        }
        let mut body = Vec::new();
        entry.read_to_end(&mut body).expect("a readable member");
        let origin = Origin {
            source: "eu-ted".into(),
            url: format!("file:{name}"),
            fetched_at: jiff::Timestamp::UNIX_EPOCH,
            run: RunId::new("bench"),
            status: None,
            headers: Vec::new(),
            member: Vec::new(),
            container: None,
            read_as: None,
        };
        documents.push(RawDocument::new(origin, Bytes::from(body)));
    }
    documents
}
