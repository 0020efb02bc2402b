//! Bytes → notices and findings: the table of formats, one file per format. No I/O, no async.
//!
//! A document is either read (with findings, which never stop a parse) or refused as a whole with a
//! [`ParseError`]; nothing in between. It refuses to know where documents come from or where notices go.

pub mod boamp;
pub mod codice;
pub mod cordis;
pub mod decp;
pub mod eforms;
pub mod euro_rates;
pub mod feed;
pub mod funding_tenders;
mod html;
mod json;
pub mod mapping;
pub mod ocds;
pub mod plan_table;
pub mod privacy;
pub mod probe;
mod reading;
pub mod table;
pub mod ted_export;
mod xml;

use std::sync::Arc;

use self::mapping::{Look, Mapping};
use crate::doubts;
use crate::ids::NoticeId;
use crate::issue::{Issue, IssueCode, NonNotice};
use crate::notice::Notice;
use crate::rates::Rates;
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
    /// Notices that the publisher takes back with this document, whether they are known or not.
    pub taken_back: Vec<NoticeId>,
    /// Reference rates, with which amounts of notices are converted.
    pub rates: Option<Rates>,
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
    /// JSON begins, but does not follow its rules.
    #[error("not JSON at byte {at}: {reason}")]
    NotJson {
        /// Byte offset after a byte order mark and leading white space.
        at: u64,
        /// What is wrong there.
        reason: String,
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
        first: String,
        /// The other.
        second: String,
    },
    /// The document has none of the shapes that a source's definition knows.
    #[error("not {mapping}: no shape of that definition fits what begins with {found:?}")]
    NotThisMapping {
        /// `mapped:<source>`.
        mapping: String,
        /// What the beginning looks like.
        found: String,
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
            Self::NotJson { .. } => "not-json",
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
            Self::NotThisFormat { .. } | Self::NotThisMapping { .. } => "not-this-format",
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
pub const FORMATS: &[Format] = &[
    eforms::FORMAT,
    ted_export::FORMAT,
    ocds::FORMAT,
    boamp::FORMAT,
    decp::FORMAT,
    codice::FORMAT,
    plan_table::FORMAT,
    cordis::FORMAT,
    funding_tenders::FORMAT,
    feed::FORMAT,
    euro_rates::FORMAT,
];

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
        (Some(first), Some(second)) => {
            Err(ParseError::Ambiguous { first: first.name.to_owned(), second: second.name.to_owned() })
        }
        (None, _) => Err(unsupported(bytes)),
    }
}

fn unsupported(bytes: &[u8]) -> ParseError {
    if json::begins(bytes) {
        return ParseError::UnsupportedFormat { found: "a JSON document".to_owned() };
    }
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

/// Reads a document in the built-in format named, else in the one that its beginning shows.
///
/// # Errors
/// When the document as a whole cannot be read.
pub fn parse(document: &RawDocument, format: Option<&Format>) -> Result<Parsed, ParseError> {
    match format {
        Some(format) => (format.parse)(document),
        None => (sniff(&document.body)?.parse)(document),
    }
}

/// What reads a document.
#[derive(Clone)]
pub enum Reader {
    /// A format of the table.
    Builtin(&'static Format),
    /// A source's own definition.
    Mapped(Arc<Mapping>),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Reader {
    /// The `format` of its notices.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(format) => format.name,
            Self::Mapped(mapping) => &mapping.name,
        }
    }

    fn parse(&self, document: &RawDocument) -> Result<Parsed, ParseError> {
        match self {
            Self::Builtin(format) => (format.parse)(document),
            Self::Mapped(mapping) => mapping.parse(document),
        }
    }
}

/// Everything that reads documents: the built-in formats and the definitions of sources.
#[derive(Clone, Default)]
pub struct Readers {
    mapped: Vec<Arc<Mapping>>,
}

impl Readers {
    /// The built-in formats and these.
    pub fn new(mapped: Vec<Arc<Mapping>>) -> Self {
        Self { mapped }
    }

    /// Every name that may be asked for.
    pub fn names(&self) -> Vec<&str> {
        let mapped = self.mapped.iter().map(|mapping| mapping.source.as_str());
        FORMATS.iter().map(|format| format.name).chain(mapped).collect()
    }

    /// The reader of this name: a format's, or a source's with a mapping.
    pub fn find(&self, name: &str) -> Option<Reader> {
        let mapped = || self.mapped.iter().find(|mapping| mapping.source == name || mapping.name == name);
        find(name).map(Reader::Builtin).or_else(|| mapped().cloned().map(Reader::Mapped))
    }

    /// The one reader that recognises a document. A built-in format knows its own roots and keys, so where just one
    /// of them fits it stands before any definition; definitions are asked when none does.
    ///
    /// # Errors
    /// When nothing recognises it (saying what it looks like), or when two do.
    pub fn sniff(&self, bytes: &[u8]) -> Result<Reader, ParseError> {
        let unknown = match sniff(bytes) {
            Ok(format) => return Ok(Reader::Builtin(format)),
            Err(ambiguous @ ParseError::Ambiguous { .. }) => return Err(ambiguous),
            Err(unknown) => unknown,
        };
        let look = Look::new(bytes);
        let mut fitting = self.mapped.iter().filter(|mapping| mapping.sniff(&look));
        match (fitting.next(), fitting.next()) {
            (Some(mapping), None) => Ok(Reader::Mapped(Arc::clone(mapping))),
            (Some(first), Some(second)) => {
                Err(ParseError::Ambiguous { first: first.name.clone(), second: second.name.clone() })
            }
            (None, _) => Err(unknown),
        }
    }

    /// Reads a document with the reader named, else with the one that recognises it; also says which one that was.
    ///
    /// # Errors
    /// When the document as a whole cannot be read.
    pub fn parse(&self, document: &RawDocument, reader: Option<&Reader>) -> Result<(Reader, Parsed), ParseError> {
        let reader = match reader {
            Some(reader) => reader.clone(),
            None => self.sniff(&document.body)?,
        };
        let mut parsed = reader.parse(document)?;
        parsed.notices.iter_mut().for_each(doubts::note);
        Ok((reader, parsed))
    }

    /// Everything that decides what a document says: formats by version, definitions by content. With another version
    /// than that of the store the same bytes may give other notices.
    pub fn versions(&self) -> Vec<(String, String)> {
        let formats = FORMATS.iter().map(|format| (format.name.to_owned(), format.version.to_string()));
        let mapped = self.mapped.iter().map(|mapping| (mapping.name.clone(), mapping.fingerprint.clone()));
        formats.chain(mapped).collect()
    }
}
