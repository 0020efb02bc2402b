//! The declarative engine: documents of a source → notices, by the `[document]`, `[record]`, `[map]`, `[[variant]]`
//! and `[detail]` of its definition. The dialect is in `docs/mapping.md`.
//!
//! Every row becomes one tree of JSON values, so that JSON, XML, HTML and tables share one path engine; HTML rows
//! keep their element for CSS. What compiles cannot fail: a mapping yields notices, rows that are known to be no
//! notice, and rows that cannot be read. It refuses to know how documents are asked for.
//!
//! Where a value came from: findings name the concrete place in the document. The place of every other field follows
//! from the definition and the archived bytes, so it is not stored on each notice (it would be a third of it);
//! [`Mapping::trace`] tells it for a document whenever somebody asks.

mod compile;
mod field;
mod fields;
mod labels;
mod parts;
mod path;
mod project;
mod rows;
mod spec;
mod targets;
mod transform;
mod tree;

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use jiff::tz::TimeZone;
use regex::Regex;
use scraper::Selector;
use serde_json::Value;

pub use self::compile::{DETAIL_ASKS, Facts, compile, is_mapped};
use self::field::{Condition, Field, Pattern};
use self::labels::Style as LabelStyle;
pub use self::path::Path;
pub use self::path::as_text as path_text;
use self::tree::{Expand, Namespaces};
use super::reading::{Order, Style};
use super::{Format, ParseError, Parsed, xml};
use crate::ids::NoticeId;
use crate::issue::NonNotice;
use crate::notice::{MoneyKind, Stage};
use crate::raw::RawDocument;

/// Raised when the same definition gives other notices from the same bytes.
const ENGINE: u32 = 1;

/// A compiled definition.
#[derive(Clone)]
pub struct Mapping {
    /// The source whose documents it reads.
    pub source: String,
    /// `mapped:<source>`, the `format` of its notices.
    pub name: String,
    /// Of definition and engine: whenever it differs, the same bytes may give other notices.
    pub fingerprint: String,
    shapes: Vec<Shape>,
}

/// One shape of documents: a list, a detail page, a dictionary.
#[derive(Clone)]
struct Shape {
    name: String,
    document: Document,
    signs: Option<Signs>,
    skip: Vec<(Condition, NonNotice)>,
    non_notice: Option<NonNotice>,
    zone: TimeZone,
    numbers: Style,
    dates: Order,
    /// When the source speaks one language only.
    language: Option<String>,
    /// Notices may go without an id of their own.
    hash: bool,
    fields: Fields,
    extra: Vec<(String, Field)>,
    whens: Vec<When>,
}

type Fields = BTreeMap<&'static str, Spec>;

/// Fields that replace others, or a built-in format, under a condition.
#[derive(Clone)]
struct When {
    condition: Condition,
    mapper: Option<(&'static Format, Path)>,
    fields: Fields,
    extra: Vec<(String, Field)>,
}

/// How a document is written.
#[derive(Clone, Debug)]
struct Document {
    kind: Kind,
    encoding: Option<&'static Encoding>,
    rows: Rows,
    expand: Vec<Expand>,
    labels: Vec<LabelStyle>,
    namespaces: Namespaces,
    delimited: Delimited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Xml,
    Html,
    Csv,
    Sheet,
}

#[derive(Clone, Debug)]
enum Rows {
    Whole,
    Path(Path),
    Css(Selector),
}

/// Of tables.
#[derive(Clone, Debug)]
struct Delimited {
    delimiter: Option<u8>,
    /// The row of column names, from 1; 0 when there is none.
    header: usize,
    sheet: Option<String>,
}

impl Default for Delimited {
    fn default() -> Self {
        Self { delimiter: None, header: 1, sheet: None }
    }
}

/// What fills a target.
#[derive(Clone, Debug)]
enum Spec {
    Fields(Vec<Field>),
    Texts(Vec<TextField>),
    Money(Vec<MoneyField>),
    Parts(Vec<Part>),
}

#[derive(Clone, Debug)]
struct TextField {
    field: Field,
    language: Option<Field>,
}

#[derive(Clone, Debug)]
struct MoneyField {
    field: Field,
    currency: Option<Field>,
    style: Option<Style>,
    kind: MoneyKind,
    vat: Option<Field>,
    zero_is_unknown: bool,
}

/// Something with fields of its own, once or once for each of something.
#[derive(Clone, Debug)]
struct Part {
    each: Each,
    when: Option<Condition>,
    /// Named groups of one text.
    from: Option<(Field, Regex)>,
    fields: Fields,
}

#[derive(Clone, Debug)]
enum Each {
    Here,
    Rows(Path),
    Css(Selector),
    /// From each such label to the next one.
    SplitAt(Pattern, Option<Path>),
    /// The first values of all lists together, then the second ones.
    Zip(Vec<(String, Field)>),
}

/// How a document is recognised: everything that is said must be so.
#[derive(Clone, Debug, Default)]
struct Signs {
    require: Vec<Path>,
    any: Vec<Path>,
    headers: Vec<String>,
    root: Option<String>,
    namespace: Option<String>,
    contains: Vec<String>,
}

impl Signs {
    fn is_empty(&self) -> bool {
        let lists = self.require.is_empty() && self.any.is_empty() && self.headers.is_empty();
        lists && self.root.is_none() && self.namespace.is_none() && self.contains.is_empty()
    }
}

/// The beginning of a document as several mappings look at it: what is costly is done once.
pub struct Look<'d> {
    bytes: &'d [u8],
    json: std::cell::OnceCell<Option<Value>>,
    root: std::cell::OnceCell<Option<xml::Root>>,
    table: std::cell::OnceCell<Option<super::table::Table>>,
}

impl<'d> Look<'d> {
    /// Nothing is read yet.
    pub fn new(bytes: &'d [u8]) -> Self {
        Self {
            bytes,
            json: std::cell::OnceCell::new(),
            root: std::cell::OnceCell::new(),
            table: std::cell::OnceCell::new(),
        }
    }

    fn contains(&self, text: &str) -> bool {
        memchr::memmem::find(self.bytes, text.as_bytes()).is_some()
    }

    fn first(&self) -> Option<u8> {
        let bytes = self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.bytes);
        bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    fn json(&self, encoding: Option<&'static Encoding>) -> Option<&Value> {
        self.json.get_or_init(|| tree::json(&tree::decode(self.bytes, encoding).ok()?).ok()).as_ref()
    }

    fn root(&self) -> Option<&xml::Root> {
        self.root.get_or_init(|| xml::root_of(self.bytes).ok()).as_ref()
    }

    fn table(&self) -> Option<&super::table::Table> {
        self.table.get_or_init(|| super::table::head(self.bytes, 20)).as_ref()
    }
}

impl Shape {
    fn fits(&self, look: &Look<'_>) -> bool {
        let Some(signs) = &self.signs else { return false };
        let may_be = match self.document.kind {
            Kind::Json => matches!(look.first(), Some(b'{' | b'[')),
            Kind::Xml | Kind::Html => look.first() == Some(b'<'),
            Kind::Csv | Kind::Sheet => !matches!(look.first(), None | Some(b'{' | b'[' | b'<')),
        };
        if !may_be {
            return false;
        }
        if !signs.contains.iter().all(|text| look.contains(text)) {
            return false;
        }
        if let Some(root) = &signs.root
            && look.root().is_none_or(|found| found.local != *root)
        {
            return false;
        }
        if let Some(namespace) = &signs.namespace
            && look.root().is_none_or(|found| found.namespace != *namespace)
        {
            return false;
        }
        if !signs.headers.is_empty() && !self.has_headers(look, &signs.headers) {
            return false;
        }
        signs.require.is_empty() && signs.any.is_empty() || self.has_paths(look, signs)
    }

    fn has_headers(&self, look: &Look<'_>, headers: &[String]) -> bool {
        let Some(table) = look.table() else { return false };
        let rows = table.sheets.iter().flat_map(super::table::Sheet::rows);
        rows.take(100).any(|row| {
            let cells: Vec<String> = row.iter().map(rows::clean_name).collect();
            headers.iter().all(|header| cells.contains(&rows::clean_name(header)))
        })
    }

    /// The last keys must stand in the bytes before anything is parsed for it.
    fn has_paths(&self, look: &Look<'_>, signs: &Signs) -> bool {
        if self.document.kind != Kind::Json {
            return false;
        }
        let in_bytes = |path: &Path| path.last_key().is_none_or(|key| look.contains(key));
        if !signs.require.iter().all(in_bytes) || !(signs.any.is_empty() || signs.any.iter().any(in_bytes)) {
            return false;
        }
        let Some(json) = look.json(self.document.encoding) else { return false };
        let there = |path: &Path| path.exists(json);
        signs.require.iter().all(there) && (signs.any.is_empty() || signs.any.iter().any(there))
    }
}

impl Mapping {
    /// Whether the document has one of its shapes.
    pub fn sniff(&self, look: &Look<'_>) -> bool {
        self.shapes.iter().any(|shape| shape.fits(look))
    }

    /// The shape that reads a document: the one that fits, else the only one there is.
    fn shape(&self, bytes: &[u8]) -> Result<&Shape, ParseError> {
        if let [only] = self.shapes.as_slice() {
            return Ok(only);
        }
        let look = Look::new(bytes);
        let mut fitting = self.shapes.iter().filter(|shape| shape.fits(&look));
        match (fitting.next(), fitting.next()) {
            (Some(shape), None) => Ok(shape),
            (Some(first), Some(second)) => Err(ParseError::Ambiguous {
                first: format!("{} ({})", self.name, first.title()),
                second: format!("{} ({})", self.name, second.title()),
            }),
            (None, _) => Err(ParseError::NotThisMapping {
                mapping: self.name.clone(),
                found: String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).trim().chars().take(40).collect(),
            }),
        }
    }

    /// How many rows the main shape finds in a document, whatever they are; `None` when it is written otherwise.
    pub fn count_rows(&self, bytes: &[u8]) -> Option<usize> {
        let shape = self.shapes.first()?;
        let mut count = 0;
        rows::each(&shape.document, bytes, &mut Vec::new(), &mut |_, _| count += 1).ok()?;
        Some(count)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When the document as a whole cannot be read.
    pub fn parse(&self, document: &RawDocument) -> Result<Parsed, ParseError> {
        self.read(document, None)
    }

    /// For every notice of a document, where in it each field was found: `(notice, [(field, place)])`.
    ///
    /// # Errors
    /// When the document as a whole cannot be read.
    pub fn trace(&self, document: &RawDocument) -> Result<Vec<(NoticeId, Places)>, ParseError> {
        let mut traced = Vec::new();
        self.read(document, Some(&mut traced))?;
        Ok(traced)
    }

    fn read(
        &self,
        document: &RawDocument,
        mut trace: Option<&mut Vec<(NoticeId, Places)>>,
    ) -> Result<Parsed, ParseError> {
        let shape = self.shape(&document.body)?;
        let mut parsed = Parsed::default();
        let mut issues = Vec::new();
        let mut number = 0;
        rows::each(&shape.document, &document.body, &mut issues, &mut |row, unopened| {
            number += 1;
            let about = project::About { shape, document, mapping: self, number };
            let places = project::record(&about, &row, &unopened, &mut parsed);
            if let (Some(trace), Some(places), Some(notice)) = (&mut trace, places, parsed.notices.last()) {
                trace.push((notice.id.clone(), places));
            }
        })?;
        parsed.issues.append(&mut issues);
        Ok(parsed)
    }
}

/// Fields and their places.
pub type Places = Vec<(String, String)>;

/// An answer as one tree, whether JSON or XML; nothing when it is neither.
pub fn tree_of(bytes: &[u8]) -> Option<Value> {
    let text = decoded(bytes)?;
    if text.trim_start().starts_with('<') { tree::xml(&text, &Vec::new()).ok() } else { tree::json(&text).ok() }
}

/// The text of an answer in whatever encoding it declares.
pub fn decoded(bytes: &[u8]) -> Option<String> {
    tree::decode(bytes, None).ok()
}

/// The stage that a word of the dialect stands for.
fn stage(word: &str) -> Option<Stage> {
    match word {
        "award" => Some(Stage::Result),
        "correction" => Some(Stage::Change),
        other => Stage::parse(other),
    }
}

impl Shape {
    fn title(&self) -> &str {
        if self.name.is_empty() { "main" } else { &self.name }
    }
}
