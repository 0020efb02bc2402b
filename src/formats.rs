//! Bytes → notices and findings: the table of formats, one file per format. No I/O, no async.

use crate::issue::Issue;
use crate::notice::Notice;
use crate::raw::RawDocument;
use crate::records::RecordCounts;

/// What one document held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// In the order of the document.
    pub notices: Vec<Notice>,
    /// Findings that belong to no notice.
    pub issues: Vec<Issue>,
    /// Records read, and what became of them.
    pub records: RecordCounts,
}

/// A document that cannot be read at all; it is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

/// One format: three small things behind one line of the table.
pub struct Format {
    /// The name in `--format` and in notices.
    pub name: &'static str,
    /// Raised when the same bytes give other notices.
    pub version: u32,
    /// Whether the beginning of a document looks like this format.
    pub sniff: fn(&[u8]) -> bool,
    /// Reads a document.
    pub parse: fn(&RawDocument) -> Result<Parsed, ParseError>,
}

pub const FORMATS: &[Format] = &[];
pub fn find(name: &str) -> Option<&'static Format> { FORMATS.iter().find(|f| f.name == name) }
