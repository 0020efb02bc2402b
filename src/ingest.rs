//! The story: bytes → archive → parse → classify → store → index → cursor.
//!
//! Read this file top to bottom to understand the product. The order of commits is what keeps everything safe:
//! the archive is on disk before the store knows of a document, the store before the index, and a cursor moves
//! last. Each step is idempotent and follows the one before it by a position, so a process killed anywhere leaves
//! a state from which [`Session::open`] catches up.

mod background;
mod crawling;
mod importing;
mod intake;
mod rebuilding;
mod rereading;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

pub use self::crawling::{CrawlOptions, crawl, replay};
pub use self::importing::{DocumentEntry, ImportOptions, import, read_documents};
pub use self::rebuilding::{decide, mark, rebuild_from_archive, rebuild_index};
pub use self::rereading::{ReadAnew, SourceChanges, rebuild_changed};
use crate::archive::{self, Archive, ArchiveError};
use crate::classify::Classifier;
use crate::config::Config;
use crate::definitions::{DefinitionError, Definitions};
use crate::fetch::FetchError;
use crate::formats::Readers;
use crate::ids::{RunId, SourceId};
use crate::notice::Notice;
use crate::organisations::Kinds;
use crate::rates::Rates;
use crate::records::{Receipt, SourceReceipt};
use crate::search::{self, IndexWriter, Opened, SearchError};
use crate::source::{self, Source};
use crate::store::{Derived, Kept, Layout, StoreError, WriterLock};
use crate::worth::worth;

/// Why a run could not go on at all. What happens to one document or source is on its receipt instead.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A request that must not be sent.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source that is in no definition.
    #[error("there is no source \"{0}\"; `tenderwatch sources list` shows them")]
    NoSource(SourceId),
    /// A path that cannot be read.
    #[error("could not read {path}: {reason}")]
    Path {
        /// As given.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The disk said no.
    #[error("could not {action}: {reason}")]
    Io {
        /// What was tried.
        action: String,
        /// The reason.
        reason: String,
    },
}

/// Everything that definitions and configuration say, loaded and valid.
pub struct Workspace {
    /// Configuration.
    pub config: Config,
    /// Where definitions come from.
    pub definitions: Definitions,
    /// Sources.
    pub sources: Vec<Source>,
    /// What reads documents.
    pub readers: Readers,
    /// Categories.
    pub classifier: Classifier,
    /// Kinds of buyers.
    pub kinds: Kinds,
    /// Where the data are.
    pub layout: Layout,
    /// With what amounts are converted: the shipped rates, and what has come since.
    rates: RwLock<Arc<Rates>>,
}

impl Workspace {
    /// Loads all definitions.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn load(config: Config) -> Result<Self, Vec<DefinitionError>> {
        let definitions = Definitions::new(config.paths.definitions.clone());
        let mut errors = Vec::new();
        let mut keep = |mistakes: Vec<DefinitionError>| errors.extend(mistakes);
        let sources = source::load(&definitions).map_err(&mut keep).ok();
        let classifier = Classifier::load(&definitions).map_err(&mut keep).ok();
        let kinds = Kinds::load(&definitions).map_err(&mut keep).ok();
        match (sources, classifier, kinds) {
            (Some(sources), Some(classifier), Some(kinds)) => {
                let layout = Layout::new(&config.paths.data);
                let readers = source::readers(&sources);
                let rates = RwLock::new(Rates::shipped());
                Ok(Self { config, definitions, sources, readers, classifier, kinds, layout, rates })
            }
            _ => Err(errors),
        }
    }

    /// Adds to a notice what we say about it: categories, kinds of its buyers, and its value in euro.
    fn label(&self, notice: &mut Notice) {
        self.kinds.fill(notice);
        notice.categories = self.classifier.classify(notice);
        notice.value_eur = worth(notice, &self.rates());
    }

    /// With what amounts are converted.
    fn rates(&self) -> Arc<Rates> {
        Arc::clone(&self.rates.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on amounts are converted with the rates that came, too.
    fn learn_rates(&self, derived: &Derived) -> Result<(), StoreError> {
        *self.rates.write().unwrap_or_else(PoisonError::into_inner) = rates_of(derived)?;
        Ok(())
    }

    /// A source by id.
    ///
    /// # Errors
    /// [`IngestError::NoSource`].
    pub fn source(&self, id: &SourceId) -> Result<&Source, IngestError> {
        self.sources.iter().find(|source| source.id == *id).ok_or_else(|| IngestError::NoSource(id.clone()))
    }
}

/// The reference rates of a store: the shipped ones, and after their last day those that came.
///
/// # Errors
/// When they cannot be read.
pub fn rates_of(derived: &Derived) -> Result<Arc<Rates>, StoreError> {
    let shipped = Rates::shipped();
    Ok(match derived.rates()? {
        Some(later) => Arc::new(shipped.and_later(&later)),
        None => shipped,
    })
}

/// How far the reading of a source is.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// What is being read: a file, a window, an issue.
    At(&'a str),
    /// Nothing more is read.
    Ended,
}

/// What a run tells while it goes on; never a result.
pub type Progress<'a> = &'a (dyn Fn(&SourceReceipt, Told<'_>) + Sync);

/// One run with the right to write. Opening it catches up with whatever an earlier run left unfinished.
pub struct Session<'w> {
    workspace: &'w Workspace,
    kept: Kept,
    derived: Derived,
    archive: Archive,
    index: IndexWriter,
    run: RunId,
    now: Timestamp,
    _lock: WriterLock,
}

impl<'w> Session<'w> {
    /// Takes the writer's lock, opens everything, and catches up: store with archive, labels with definitions, index with store.
    ///
    /// # Errors
    /// When somebody else writes, or archive, store or index cannot be opened.
    pub fn open(workspace: &'w Workspace, command: &str, now: Timestamp) -> Result<Self, IngestError> {
        background::parsing_goes_last();
        // the threads of the index are begun in there
        background::aside(|| Self::open_aside(workspace, command, now))
    }

    fn open_aside(workspace: &'w Workspace, command: &str, now: Timestamp) -> Result<Self, IngestError> {
        let layout = &workspace.layout;
        let lock = WriterLock::take(layout, command, now)?;
        layout.check()?;
        clear_incoming(&layout.incoming())?;
        let mut kept = Kept::open_writer(&layout.kept())?;
        let mut derived = Derived::open_writer(&layout.derived())?;
        let archive = Archive::open(&layout.archive(), derived.archive_position()?)?;
        rebuilding::link(workspace, &mut derived)?;
        workspace.learn_rates(&derived)?;
        intake::catch_up(workspace, &mut kept, &mut derived, &archive)?;
        rebuilding::relabel(workspace, &mut derived)?;
        rebuilding::note_readers(workspace, &mut derived)?;
        let index = open_index(workspace, &derived)?;
        let run = kept.begin_run(command, now)?;
        Ok(Self { workspace, kept, derived, archive, index, run, now, _lock: lock })
    }

    /// The receipt of this run, kept for ever.
    fn finish(mut self, sources: Vec<SourceReceipt>, now: Timestamp) -> Result<Receipt, IngestError> {
        debug_assert!(sources.iter().all(SourceReceipt::is_balanced), "receipts balance");
        // Rates that came with this run count for what came with it.
        rebuilding::relabel(self.workspace, &mut self.derived)?;
        rebuilding::follow_store(&mut self.index, &self.derived, self.workspace.config.index.commit_every)?;
        let receipt = Receipt { run_id: self.run.clone(), started_at: self.now, finished_at: now, sources };
        self.kept.add_receipt(&receipt)?;
        self.index.close()?;
        Ok(receipt)
    }
}

/// Opens the index for writing, builds it anew where it must be, and brings it up to the store.
fn open_index(workspace: &Workspace, derived: &Derived) -> Result<IndexWriter, IngestError> {
    let root = workspace.layout.index();
    let settings = &workspace.config.index;
    let mut index = match IndexWriter::open(&root, &derived.identity()?, settings)? {
        Opened::Ready(index) if index.applied() <= derived.change_seq()? => *index,
        Opened::Ready(_) => return rebuilding::build_index(workspace, derived, "it is ahead of the store"),
        Opened::Rebuild(reason) => return rebuilding::build_index(workspace, derived, &reason),
    };
    rebuilding::follow_store(&mut index, derived, settings.commit_every)?;
    Ok(index)
}

/// Downloads of a run that was stopped are of no use to anybody.
fn clear_incoming(folder: &Path) -> Result<(), IngestError> {
    let io = |error: std::io::Error| IngestError::Io {
        action: format!("clear {}", folder.display()),
        reason: error.to_string(),
    };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(io)?;
    }
    std::fs::create_dir_all(folder).map_err(io)
}

/// Checks archive, store and index against each other and their own hashes; returns what is wrong, in sentences.
///
/// # Errors
/// When one of them cannot be opened at all.
pub fn verify(workspace: &Workspace) -> Result<(u64, Vec<String>), IngestError> {
    let layout = &workspace.layout;
    layout.require()?;
    let mut wrong = Vec::new();
    let documents = match archive::verify(&layout.archive()) {
        Ok((documents, _)) => documents,
        Err(error) => {
            wrong.push(error.to_string());
            0
        }
    };
    let derived = Derived::open_reader(&layout.derived())?;
    wrong.extend(derived.faults()?);
    let kept = Kept::open_reader(&layout.kept())?;
    wrong.extend(kept.faults()?);
    wrong.extend(kept.broken_links()?);
    let counts = derived.counts()?;
    if wrong.is_empty() && counts.documents > documents {
        wrong.push(format!("the store knows {} documents, the archive holds {documents}", counts.documents));
    }
    wrong.extend(search::faults(&layout.index())?);
    let index = search::Searcher::open(&layout.index())?;
    if index.store() != derived.identity()? {
        wrong.push("the index was built from another store; the next run that writes builds it anew".to_owned());
    } else if index.applied() != derived.change_seq()? {
        wrong.push("the index is behind the store; the next run that writes catches up".to_owned());
    }
    Ok((documents, wrong))
}
