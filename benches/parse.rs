//! How fast real documents in XML become the model, against a bare pass of the XML reader over the same bytes.
//!
//! `cargo bench --bench parse`. Both run on one core; each number is the best of several rounds. The parse of eForms
//! must reach 0.35 of the bare pass, and the goal is 0.6; CODICE and CORDIS must reach 0.3.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_xml::NsReader;
use quick_xml::events::Event;
use tenderwatch::formats::{self, Format, codice, cordis, eforms};
use tenderwatch::ids::RunId;
use tenderwatch::raw::{Origin, RawDocument};

const ROUNDS: usize = 15;
const REQUIRED: f64 = 0.35;
const GOAL: f64 = 0.6;
/// Pages of many entries and projects whose nested articles are skipped.
const REQUIRED_OTHERS: f64 = 0.3;

fn main() {
    let root = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let archive = root.join("ted/eforms.tar.gz");
    if !archive.is_file() {
        println!("nothing measured: {} is not there", archive.display());
        return;
    }
    let notices = documents(&archive);
    assert!(notices.len() >= 700, "the corpus has at least 700 real notices");
    measure(&eforms::FORMAT, &notices, REQUIRED, GOAL);
    for (format, folder) in [(&codice::FORMAT, "national/es-placsp"), (&cordis::FORMAT, "projects/cordis-xml")] {
        measure(format, &zipped(&root.join(folder)), REQUIRED_OTHERS, REQUIRED_OTHERS);
    }
}

/// Documents of one format, against a bare pass over the same bytes.
fn measure(format: &Format, documents: &[RawDocument], required: f64, goal: f64) {
    let size: usize = documents.iter().map(|document| document.body.len()).sum();
    // Taken in turn, so that a busy machine slows both.
    let (mut bare, mut parse, mut notices) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        bare = bare.min(timed(|| documents.iter().map(|document| bare_pass(&document.body)).sum()));
        parse = parse.min(timed(|| {
            notices = documents.iter().map(|document| full_parse(document, format)).sum();
            notices
        }));
    }
    let rate = |time: Duration| f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / 1e6 / time.as_secs_f64();
    let per_second = |time: Duration| f64::from(u32::try_from(notices).unwrap_or(0)) / time.as_secs_f64();
    let ratio = bare.as_secs_f64() / parse.as_secs_f64();
    println!("{notices} notices, {:.1} MB, one core, best of {ROUNDS}", rate(Duration::from_secs(1)));
    println!("bare NsReader pass  {:7.1} MB/s {:8.0} notices/s", rate(bare), per_second(bare));
    println!("{:12} parse  {:7.1} MB/s {:8.0} notices/s", format.name, rate(parse), per_second(parse));
    println!("ratio {ratio:.3} (required {required}, goal {goal})");
    assert!(ratio >= required, "the parse has become too slow");
}

fn timed(run: impl FnOnce() -> usize) -> Duration {
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

fn full_parse(document: &RawDocument, format: &Format) -> usize {
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
        documents.push(document(&name, body));
    }
    documents
}

/// Every `*.gz` of a folder that holds XML.
fn zipped(folder: &Path) -> Vec<RawDocument> {
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        if name.ends_with(".atom.gz") || name.ends_with(".xml.gz") {
            let mut body = Vec::new();
            let file = std::fs::File::open(&path).expect("a readable file");
            flate2::read::GzDecoder::new(file).read_to_end(&mut body).expect("a whole file");
            documents.push(document(&name, body));
        }
    }
    documents
}

fn document(name: &str, body: Vec<u8>) -> RawDocument {
    let origin = Origin {
        source: "eu-ted".into(),
        url: format!("file:{name}"),
        fetched_at: jiff::Timestamp::UNIX_EPOCH,
        run: RunId::new("bench"),
        status: None,
        headers: Vec::new(),
        member: Vec::new(),
        container: None,
    };
    RawDocument::new(origin, Bytes::from(body))
}
