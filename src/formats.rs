//! Bytes → notices and findings: the table of formats, one file per format. No I/O, no async.
//!
//! A document is either read (with findings, which never stop a parse) or refused as a whole with a
//! [`ParseError`]; nothing in between. It refuses to know where documents come from or where notices go.

pub mod eforms;
pub mod plan_table;
pub mod privacy;
mod reading;
pub mod table;
mod xml;

use crate::issue::{Issue, IssueCode, NonNotice};
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

impl Parsed {
    /// One more record that is a notice.
    fn notice(&mut self, notice: Notice) {
        self.records.notice();
        self.notices.push(notice);
    }

    /// One more record that is known to be no notice.
    fn non_notice(&mut self, rule: NonNotice) {
        self.records.non_notice(rule);
    }

    /// One more record that cannot be read, where it stands and why; the document's other records are.
    fn unreadable(&mut self, path: impl Into<String>, reason: &str) {
        self.records.quarantined();
        self.issues.push(Issue::new(IssueCode::UnreadableRecord, path, reason));
    }
}

/// A document that cannot be read at all; it is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No bytes, or white space only.
    #[error("the document is empty")]
    Empty,
    /// It begins like something else.
    #[error("not XML: it begins with {found:?}")]
    NotXml {
        /// The first characters.
        found: String,
    },
    /// XML begins, but does not follow its rules.
    #[error("not well-formed XML at byte {at}: {reason}")]
    NotWellFormed {
        /// Byte offset into the text after decoding.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The document ends before its root does.
    #[error("truncated: it ends at byte {at} inside element {inside}")]
    Truncated {
        /// Byte offset into the text after decoding.
        at: u64,
        /// The innermost element that is still open.
        inside: String,
    },
    /// The bytes are not in the encoding that the document declares.
    #[error("wrong encoding: declared {declared}, but {reason}")]
    WrongEncoding {
        /// The label, or what a byte order mark says.
        declared: String,
        /// Where it fails.
        reason: String,
    },
    /// An encoding that no reader knows.
    #[error("unknown encoding {declared:?}")]
    UnknownEncoding {
        /// The label.
        declared: String,
    },
    /// Nested deeper than any real document.
    #[error("nested deeper than {limit} elements at byte {at}")]
    TooDeep {
        /// The bound.
        limit: usize,
        /// Byte offset into the text after decoding.
        at: u64,
    },
    /// More elements, or prefixes at one place, than any real document.
    #[error("more than {limit} elements or bound prefixes")]
    TooManyNodes {
        /// The bound.
        limit: usize,
    },
    /// A document type with declarations of its own, or an entity that XML does not predefine; never expanded.
    #[error("entity at byte {at}: {reason}")]
    Entity {
        /// Byte offset into the text after decoding.
        at: u64,
        /// The reference or declaration.
        reason: String,
    },
    /// A table with more of something than any real one.
    #[error("more than {limit} {what}")]
    TooLarge {
        /// Rows, columns, cells …
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// A spreadsheet that does not follow its own rules.
    #[error("broken workbook: {reason}")]
    BrokenWorkbook {
        /// What is wrong.
        reason: String,
    },
    /// Bytes that are no text where a text table is read.
    #[error("not text: it begins with {found:?}")]
    NotText {
        /// The first characters.
        found: String,
    },
    /// A PDF of images: somebody has to read it with their eyes.
    #[error("no text layer: a PDF of scanned pages, not an empty document")]
    NoTextLayer,
    /// A document of an office program that no format reads.
    #[error("{what}: documents of this kind are not read")]
    UnsupportedOffice {
        /// What it is.
        what: &'static str,
    },
    /// No format of this name.
    #[error("no format is called {name:?}; there are: {}", names())]
    NoSuchFormat {
        /// The name asked for.
        name: String,
    },
    /// None of the formats recognises the document.
    #[error("{found} is of a format that is not supported yet")]
    UnsupportedFormat {
        /// What the beginning looks like.
        found: String,
    },
    /// Two formats recognise it.
    #[error("both {first} and {second} recognise the document: name the format")]
    Ambiguous {
        /// One format.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The caller named a format that this document does not have.
    #[error("not {format}: {found}")]
    NotThisFormat {
        /// The format's name.
        format: &'static str,
        /// What the beginning looks like.
        found: String,
    },
}

impl ParseError {
    /// The kind of refusal, kebab-case, for counts and quarantine lists.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotXml { .. } => "not-xml",
            Self::NotWellFormed { .. } => "not-well-formed",
            Self::Truncated { .. } => "truncated",
            Self::WrongEncoding { .. } => "wrong-encoding",
            Self::UnknownEncoding { .. } => "unknown-encoding",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyNodes { .. } => "too-many-nodes",
            Self::Entity { .. } => "entity",
            Self::TooLarge { .. } => "too-large",
            Self::BrokenWorkbook { .. } => "broken-workbook",
            Self::NotText { .. } => "not-text",
            Self::NoTextLayer => "no-text-layer",
            Self::UnsupportedOffice { .. } => "unsupported-office-document",
            Self::NoSuchFormat { .. } => "no-such-format",
            Self::UnsupportedFormat { .. } => "unsupported-format",
            Self::Ambiguous { .. } => "ambiguous-format",
            Self::NotThisFormat { .. } => "not-this-format",
        }
    }
}

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

/// Every format, one line each.
pub const FORMATS: &[Format] = &[eforms::FORMAT, plan_table::FORMAT];

fn names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// The format of this name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The format of this name, or an error that lists the names there are.
///
/// # Errors
/// [`ParseError::NoSuchFormat`].
pub fn get(name: &str) -> Result<&'static Format, ParseError> {
    find(name).ok_or_else(|| ParseError::NoSuchFormat { name: name.to_owned() })
}

/// The one format that recognises the beginning of these bytes.
///
/// # Errors
/// When there is nothing to read, when no format recognises it (saying what it looks like), or when two do.
pub fn sniff(bytes: &[u8]) -> Result<&'static Format, ParseError> {
    let mut fitting = FORMATS.iter().filter(|format| (format.sniff)(bytes));
    match (fitting.next(), fitting.next()) {
        (Some(format), None) => Ok(format),
        (Some(first), Some(second)) => Err(ParseError::Ambiguous { first: first.name, second: second.name }),
        (None, _) => Err(unsupported(bytes)),
    }
}

fn unsupported(bytes: &[u8]) -> ParseError {
    if let Some(error) = table::refusal(bytes) {
        return error;
    }
    if let Some(found) = table::beginning(bytes) {
        return ParseError::UnsupportedFormat { found };
    }
    match xml::root_of(bytes) {
        Ok(root) => ParseError::UnsupportedFormat { found: root.to_string() },
        Err(error) => error,
    }
}

/// Reads a document in the format named, else in the one that its beginning shows.
///
/// # Errors
/// When the document as a whole cannot be read.
pub fn parse(document: &RawDocument, format: Option<&Format>) -> Result<Parsed, ParseError> {
    match format {
        Some(format) => (format.parse)(document),
        None => (sniff(&document.body)?.parse)(document),
    }
}
