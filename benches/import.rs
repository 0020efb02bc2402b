//! How fast packages become searchable notices (archive, parse, classify, store, index), against bare indexing of the
//! same text.
//!
//! `cargo bench --bench import`. The bare indexer gets title, description, lots and buyers of the same notices, with its
//! own tokenizer, one writer thread and the same memory. Both are measured in turn and each number is the best of
//! several rounds, so that a busy machine slows both. Real notices are taken several times under other numbers, so that
//! opening a data directory does not count for much. Generated ones have far less text for their markup than real ones:
//! their share says nothing about the aim, but needs no corpus.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tantivy::schema::{Schema, TEXT, TantivyDocument};
use tenderwatch::analysis::Stems;
use tenderwatch::archive::{Position, Prepared};
use tenderwatch::config::{Config, Limits, Overrides};
use tenderwatch::formats::{self, eforms};
use tenderwatch::ids::RunId;
use tenderwatch::ingest::{self, DocumentEntry, ImportOptions, Workspace};
use tenderwatch::notice::Notice;
use tenderwatch::publisher::Plan;
use tenderwatch::raw::{Origin, RawDocument};
use tenderwatch::records::{DocumentOutcome, RecordCounts};
use tenderwatch::search::{IndexDocument, IndexWriter};
use tenderwatch::store::{Batch, Derived, Kept, PreparedNotice, StoredDocument};

const ROUNDS: usize = 5;
const AIM: f64 = 0.4;
/// Real notices, each under so many numbers.
const COPIES: u32 = 4;
const NOTICES: usize = 6_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let last_day = jiff::civil::date(2026, 11, 20);
    let plan = Plan { notices: NOTICES, seed: 6, weeks: 1, last_day, languages: Vec::new(), planted: Vec::new() };
    let packages = plan.gazette().write_packages(folder.path()).expect("written");
    measure("generated", &packages);
    let root = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let real = root.join("ted/eforms.tar.gz");
    if real.is_file() {
        let share = measure("real", &[copies(&real, folder.path())]);
        println!("{}", if share >= AIM { "the aim is reached" } else { "the aim is not reached" });
    } else {
        println!("real notices not measured: {} is not there", real.display());
    }
}

/// A package with every notice of another one under several numbers.
fn copies(package: &Path, folder: &Path) -> PathBuf {
    let limits = Config::load(None, &Overrides::default()).expect("valid defaults").limits;
    let path = folder.join("copies.tar.gz");
    let file = std::fs::File::create(&path).expect("created");
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::default()));
    for document in documents_of(package, &limits) {
        let parsed = formats::parse(&document, Some(&eforms::FORMAT)).expect("readable");
        let text = String::from_utf8_lossy(&document.body);
        for (notice, copy) in parsed.notices.iter().flat_map(|notice| (0..COPIES).map(move |copy| (notice, copy))) {
            let number = notice.publication_id.as_deref().expect("real notices have a number");
            let other = format!("{copy}{}", &number[1..]);
            let body = text.replace(number, &other);
            let mut head = tar::Header::new_gnu();
            head.set_mode(0o644);
            head.set_size(body.len() as u64);
            archive.append_data(&mut head, format!("{other}.xml"), body.as_bytes()).expect("written");
        }
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("written");
    path
}

fn measure(what: &str, packages: &[PathBuf]) -> f64 {
    let mut import = Duration::MAX;
    let mut bare = Duration::MAX;
    let mut count = 0;
    for _ in 0..ROUNDS {
        let (took, notices) = full_import(packages);
        import = import.min(took);
        count = notices.len();
        let texts: Vec<[String; 4]> = notices.iter().map(texts).collect();
        bare = bare.min(bare_index(&texts));
    }
    let rate = |time: Duration| f64::from(u32::try_from(count).unwrap_or(0)) / time.as_secs_f64();
    let share = bare.as_secs_f64() / import.as_secs_f64();
    println!("{count} {what} notices, best of {ROUNDS}");
    println!("bare indexing       {:8.0} notices/s", rate(bare));
    println!("import, end to end  {:8.0} notices/s", rate(import));
    println!("share {share:.3} (aim {AIM})");
    stages(packages);
    share
}

fn workspace(data: &Path) -> Workspace {
    let overrides = Overrides { data: Some(data.to_owned()), ..Overrides::default() };
    Workspace::load(Config::load(None, &overrides).expect("valid defaults"))
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Imports into a fresh directory; what came out is read back from the store.
fn full_import(packages: &[PathBuf]) -> (Duration, Vec<Notice>) {
    let data = tempfile::tempdir().expect("a folder");
    let workspace = workspace(data.path());
    let paths = packages.iter().map(|path| path.display().to_string()).collect();
    let options = ImportOptions { source: None, format: None, paths };
    let now = "2026-11-22T12:00:00Z".parse().expect("a time");
    let start = Instant::now();
    let receipt = ingest::import(&workspace, &options, "bench", now, &|_, _| {}).expect("imports");
    let took = start.elapsed();
    assert!(receipt.is_complete(), "everything is read");
    let derived = Derived::open_reader(&workspace.layout.derived()).expect("opens");
    let changes = derived.changes_since(0, usize::from(u16::MAX)).expect("reads");
    (took, changes.into_iter().map(|(_, notice)| notice).collect())
}

fn texts(notice: &Notice) -> [String; 4] {
    let join = |texts: Vec<&str>| texts.join("\n");
    let lots = notice.lots.iter().flat_map(|lot| lot.title.iter().chain(lot.description.iter()));
    let names = notice
        .buyers
        .iter()
        .flat_map(|buyer| buyer.name.as_deref().into_iter().chain(buyer.names.iter().map(|(_, name)| name)));
    [
        join(notice.title.iter().map(|(_, text)| text).collect()),
        join(notice.description.iter().map(|(_, text)| text).collect()),
        join(lots.map(|(_, text)| text).collect()),
        join(names.collect()),
    ]
}

fn bare_index(texts: &[[String; 4]]) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Config::load(None, &Overrides::default()).expect("valid defaults").index.memory;
    let mut schema = Schema::builder();
    let fields = ["title", "description", "lots", "buyer"].map(|name| schema.add_text_field(name, TEXT));
    let start = Instant::now();
    let index = tantivy::Index::create_in_dir(folder.path(), schema.build()).expect("created");
    let mut writer = index.writer_with_num_threads(1, usize::try_from(memory).expect("few")).expect("a writer");
    for text in texts {
        let mut document = TantivyDocument::new();
        for (field, text) in fields.iter().zip(text) {
            document.add_text(*field, text);
        }
        writer.add_document(document).expect("added");
    }
    writer.commit().expect("committed");
    writer.wait_merging_threads().expect("merged");
    start.elapsed()
}

/// Where the time goes: every stage by itself, on one core.
fn stages(packages: &[PathBuf]) {
    let data = tempfile::tempdir().expect("a folder");
    let workspace = workspace(data.path());
    let mut documents = Vec::new();
    let unpack = timed(|| {
        for path in packages {
            documents.extend(documents_of(path, &workspace.config.limits));
        }
    });
    let count = documents.len();
    let prepare = timed(|| documents.iter().for_each(|document| drop(black_box(Prepared::new(document)))));
    let mut notices = Vec::new();
    let parse = timed(|| {
        let read = |document| formats::parse(document, Some(&eforms::FORMAT)).expect("readable").notices;
        notices = documents.iter().flat_map(read).collect();
    });
    let classify = timed(|| {
        for notice in &mut notices {
            notice.categories = workspace.classifier.classify(notice);
        }
    });
    let mut stems = Stems::default();
    let mut words = Vec::new();
    let stem = timed(|| words = notices.iter().map(|notice| IndexDocument::new(notice, &mut stems)).collect());
    let mut prepared: Vec<PreparedNotice> = Vec::new();
    let serialise = timed(|| prepared = notices.drain(..).map(PreparedNotice::new).collect());
    let layout = &workspace.layout;
    let empty = data.path().join("empty");
    std::fs::create_dir_all(&empty).expect("a folder");
    let nothing = timed(|| drop(full_import(&[empty])));
    let index = timed(|| {
        let mut index = IndexWriter::create(&layout.index(), "bench", &workspace.config.index).expect("created");
        for (seq, document) in words.drain(..).enumerate() {
            index.put(seq as u64, document).expect("put");
        }
        index.commit(1).expect("committed");
        index.close().expect("closed");
    });
    let store = timed(|| {
        let mut kept = Kept::open_writer(&layout.kept()).expect("created");
        let mut derived = Derived::open_writer(&layout.derived()).expect("created");
        let mut documents = documents.iter();
        while !prepared.is_empty() {
            let rest = prepared.split_off(prepared.len().min(256));
            let batch = std::mem::replace(&mut prepared, rest);
            let stored =
                batch.into_iter().zip(&mut documents).map(|(notice, document)| stored(document, notice)).collect();
            let batch = Batch { documents: stored, archive_end: Position::START };
            derived.apply(&mut kept, batch).expect("stored");
        }
    });
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap_or(1));
    println!("µs per notice, stage by stage, each alone:");
    println!(
        "  unpack and hash {:.0}, compress {:.0}, parse {:.0}, classify {:.0},",
        each(unpack),
        each(prepare),
        each(parse),
        each(classify)
    );
    println!(
        "  serialise {:.0}, store {:.0}, stem {:.0}, index {:.0};",
        each(serialise),
        each(store),
        each(stem),
        each(index)
    );
    println!("  an import of nothing takes {:.0} ms\n", nothing.as_secs_f64() * 1e3);
}

fn stored(document: &RawDocument, notice: PreparedNotice) -> StoredDocument {
    StoredDocument {
        source: document.origin.source.clone(),
        detail: false,
        raw_id: document.id,
        at: Position::START,
        name: document.origin.name().to_owned(),
        fetched_at: document.origin.fetched_at,
        format: Some(eforms::FORMAT.name.to_owned()),
        outcome: DocumentOutcome::Parsed,
        records: RecordCounts::default(),
        issues: Vec::new(),
        notices: vec![notice],
        taken_back: Vec::new(),
        rates: None,
    }
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn documents_of(path: &Path, limits: &Limits) -> Vec<RawDocument> {
    let mut documents = Vec::new();
    let mut take = |_: &str, entry: DocumentEntry| {
        if let DocumentEntry::Document { path, body } = entry {
            documents.push(document(path, body));
        }
        std::ops::ControlFlow::Continue(())
    };
    let walked = ingest::read_documents(&path.display().to_string(), limits, &mut take).expect("reads");
    assert!(walked.is_continue(), "nothing stops the walk");
    documents
}

fn document(member: Vec<String>, body: Bytes) -> RawDocument {
    let origin = Origin {
        source: "eu-ted".into(),
        url: "file:bench".into(),
        fetched_at: jiff::Timestamp::UNIX_EPOCH,
        run: RunId::new("bench"),
        status: None,
        headers: Vec::new(),
        member,
        container: None,
        read_as: None,
        detail: false,
    };
    RawDocument::new(origin, body)
}
