//! How fast real documents become the model, against a bare pass of the reader below it over the same bytes: a
//! namespace-resolving pass for XML, serde_json into the same shapes for JSON.
//!
//! `cargo bench --bench parse`. All run on one core; each number is the best of several rounds, taken in turn, so that a
//! busy machine slows both. Each format must reach its share of the bare pass.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quick_xml::NsReader;
use quick_xml::events::Event;
use tenderwatch::formats::{self, Format, boamp, codice, cordis, decp, eforms, ocds, ted_export};
use tenderwatch::raw::RawDocument;

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/corpus/documents.rs"]
mod documents;

const ROUNDS: usize = 9;

/// Real documents of one format, and how near to the bare pass their parse must come.
struct Case {
    format: &'static Format,
    /// Below the corpus: files whose path begins so.
    files: &'static [&'static str],
    bare: fn(&[u8]) -> usize,
    required: f64,
}

const CASES: &[Case] = &[
    Case { format: &eforms::FORMAT, files: &["ted/eforms.tar"], bare: xml_pass, required: 0.35 },
    Case { format: &eforms::FORMAT, files: &["national/no-doffin/"], bare: xml_pass, required: 0.3 },
    Case {
        format: &ted_export::FORMAT,
        files: &["ted/ted-export", "plans/jpp-evidence/"],
        bare: xml_pass,
        required: 0.3,
    },
    Case { format: &codice::FORMAT, files: &["national/es-placsp/Plataformas"], bare: xml_pass, required: 0.3 },
    Case { format: &boamp::FORMAT, files: &["national/fr-boamp/boampxml"], bare: xml_pass, required: 0.3 },
    Case { format: &decp::FORMAT, files: &["national/fr-decp/decp2_xml"], bare: xml_pass, required: 0.3 },
    Case { format: &cordis::FORMAT, files: &["projects/cordis-xml/"], bare: xml_pass, required: 0.3 },
    Case { format: &ocds::FORMAT, files: &["ocds/"], bare: json_pass, required: 0.3 },
];

fn main() {
    let root = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if !root.is_dir() {
        println!("nothing measured: {} is not there", root.display());
        return;
    }
    let files = documents::files(&root);
    let too_slow: Vec<String> = CASES.iter().filter_map(|case| measure(case, &root, &files)).collect();
    assert!(too_slow.is_empty(), "{}", too_slow.join("; "));
}

/// Prints the figures; a sentence when the parse is too slow.
fn measure(case: &Case, root: &Path, files: &[PathBuf]) -> Option<String> {
    let mut documents: Vec<RawDocument> = Vec::new();
    for file in files {
        let below = file.strip_prefix(root).expect("below the corpus").display().to_string();
        if case.files.iter().any(|start| below.starts_with(start)) {
            let found = documents::documents(root, file).documents;
            documents.extend(found.into_iter().map(|found| found.document));
        }
    }
    documents.retain(|document| (case.format.sniff)(&document.body) && (case.bare)(&document.body) > 0);
    let size: usize = documents.iter().map(|document| document.body.len()).sum();
    let (mut bare, mut parse, mut notices) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        bare = bare.min(timed(|| documents.iter().map(|document| (case.bare)(&document.body)).sum()).0);
        let (time, count) = timed(|| documents.iter().map(|document| full_parse(document, case.format)).sum());
        (parse, notices) = (parse.min(time), count);
    }
    let name = format!("{} ({})", case.format.name, case.files[0]);
    let megabytes = f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / 1e6;
    let per_second = f64::from(u32::try_from(notices).unwrap_or(0)) / parse.as_secs_f64();
    let ratio = bare.as_secs_f64() / parse.as_secs_f64();
    println!(
        "{name}: {} documents, {notices} notices, {megabytes:.1} MB: bare {:.1} MB/s, parse {:.1} MB/s, \
         {per_second:.0} notices/s, ratio {ratio:.3} (required {})",
        documents.len(),
        megabytes / bare.as_secs_f64(),
        megabytes / parse.as_secs_f64(),
        case.required
    );
    (ratio < case.required || notices == 0).then(|| format!("the parse of {name} is too slow: {ratio:.3}"))
}

fn timed(run: impl FnOnce() -> usize) -> (Duration, usize) {
    let start = Instant::now();
    let count = black_box(run());
    (start.elapsed(), count)
}

/// Every event with its namespace resolved, and nothing done with it; 0 when the document is not well-formed.
fn xml_pass(body: &[u8]) -> usize {
    let mut reader = NsReader::from_reader(body);
    let mut events = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => return events,
            Ok(event) => {
                black_box(event);
                events += 1;
            }
            Err(_) => return 0,
        }
    }
}

fn json_pass(body: &[u8]) -> usize {
    usize::from(ocds::is_json(body))
}

fn full_parse(document: &RawDocument, format: &'static Format) -> usize {
    let parsed = formats::parse(document, Some(format)).expect("real documents are readable");
    black_box(parsed).notices.len()
}
