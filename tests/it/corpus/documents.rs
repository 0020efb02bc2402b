//! The documents of the corpus, as `import` sees them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tenderwatch::definitions::Definitions;
use tenderwatch::formats::Readers;
use tenderwatch::ids::{RunId, SourceId};
use tenderwatch::ingest::{DocumentEntry, read_documents};
use tenderwatch::raw::{Origin, RawDocument};
use tenderwatch::source;

/// The folders with records.
pub const FOLDERS: &[&str] = &["ted", "ocds", "national", "projects", "plans"];

/// One document of the corpus.
pub struct Found {
    /// Path below the corpus, with the member inside a package.
    pub name: String,
    pub document: RawDocument,
}

/// What a file holds.
#[derive(Default)]
pub struct Contents {
    pub documents: Vec<Found>,
    /// Plainly no data.
    pub ignored: u64,
    /// Not taken in, and why.
    pub failed: Vec<String>,
}

/// The built-in formats, the shipped definitions, and those of the shapes that only the corpus has.
pub fn readers() -> Readers {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions");
    let sources = source::load(&Definitions::new(Some(own))).unwrap_or_else(|errors| panic!("{errors:?}"));
    source::readers(&sources)
}

/// A document as an import files it.
pub fn document(name: &str, body: impl Into<Bytes>) -> RawDocument {
    document_of("import", name, body)
}

/// A document of a source.
pub fn document_of(source: &str, name: &str, body: impl Into<Bytes>) -> RawDocument {
    let origin = Origin {
        source: SourceId::from(source),
        url: format!("file:{name}"),
        fetched_at: jiff::Timestamp::UNIX_EPOCH,
        run: RunId::new("test"),
        status: None,
        headers: Vec::new(),
        member: Vec::new(),
        container: None,
        read_as: None,
        detail: false,
    };
    RawDocument::new(origin, body.into())
}

/// Every file below the folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The documents of one file.
pub fn documents(corpus: &Path, file: &Path) -> Contents {
    let limits = tenderwatch::config::Config::load(None, &tenderwatch::config::Overrides::default())
        .expect("the shipped configuration")
        .limits;
    let below = file.strip_prefix(corpus).expect("below the corpus").display().to_string();
    let mut contents = Contents::default();
    let flow = read_documents(&file.display().to_string(), &limits, &mut |_, entry| {
        match entry {
            DocumentEntry::Document { path, body } => {
                let name = format!("{below} {}", path.join(" "));
                contents.documents.push(Found { document: document(&name, body), name });
            }
            DocumentEntry::Ignored { .. } => contents.ignored += 1,
            DocumentEntry::Failed { path, reason } => {
                contents.failed.push(format!("{below} {}: {reason}", path.join(" ")));
            }
        }
        ControlFlow::Continue(())
    });
    assert!(flow.is_ok(), "{below}");
    contents
}
