//! Full text: what analysts type → the notices that match, best first, and why.
//!
//! The index is derived: it follows the store's change sequence, carries the last number it applied, and is
//! rebuilt when its schema version differs or it is damaged, the old one serving meanwhile. It knows notices,
//! not where they are stored.

mod filter;
mod hit;
mod index;
mod organisations;
mod query;
mod queue;
mod schema;

pub use self::filter::{FilterError, Filters, Known, RawFilters, Sort};
pub use self::hit::{Hit, Match, hit};
pub use self::index::{IndexDocument, IndexWriter, Opened, Searcher, faults};
pub use self::query::{Expansion, Query, QueryError};
pub use self::schema::{SCHEMA_VERSION, fields_markdown};

use std::path::PathBuf;

/// Why the index could not do it.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// No index yet.
    #[error("there is no search index in {path} yet: run `tenderwatch rebuild --index`", path = path.display())]
    Missing {
        /// The index folder.
        path: PathBuf,
    },
    /// The index does not open or answer.
    #[error(
        "the search index in {path} is damaged ({reason}); run `tenderwatch rebuild --index`: nothing is lost",
        path = path.display()
    )]
    Damaged {
        /// The index folder.
        path: PathBuf,
        /// What the engine says.
        reason: String,
    },
    /// The disk said no.
    #[error("could not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Any other answer of the engine.
    #[error("could not {action} in the search index: {source}")]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The reason.
        source: tantivy::TantivyError,
    },
}
