//! Bytes → rows of text cells: CSV and its relatives, XLSX, ODS.
//!
//! Delimiter, line ends, quotes and encoding are found out, and what was assumed is said. Numbers are plain decimals,
//! dates ISO text. Cells live in one buffer per sheet, so that a table costs little more than its text. Every table is
//! bounded. It refuses to know what the columns mean; links and formulas are only carried along.

mod encoding;
mod ods;
mod separated;
mod xlsx;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use super::ParseError;
use crate::issue::Issue;

/// Rows of one sheet: as many as a worksheet can have.
const MAX_ROWS: usize = 1_048_576;
/// Columns of one sheet: as many as a worksheet can have.
const MAX_COLUMNS: usize = 16_384;
/// Cells of one document, empty ones between others included.
const MAX_CELLS: usize = 20_000_000;
/// Text of one document: shared strings and repeated cells can make far more of it than there are bytes.
const MAX_TEXT: usize = 256 << 20;
/// What a workbook's members may unpack to.
const MAX_UNPACKED: u64 = 512 << 20;
const MAX_SHEETS: usize = 1_000;

/// What is known about a table beforehand.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The label of its encoding; a byte order mark overrules it.
    pub encoding: Option<String>,
    /// The delimiter.
    pub delimiter: Option<u8>,
    /// Reads no more than this many rows of each sheet.
    pub rows: Option<usize>,
}

/// Where an encoding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The bytes themselves: a byte order mark, valid UTF-8, or a workbook.
    Certain,
    /// The caller's word.
    Stated,
    /// The letters that come out.
    Guessed,
}

/// A document of rows.
#[derive(Debug)]
pub struct Table {
    /// At least one.
    pub sheets: Vec<Sheet>,
    /// The encoding's name (`UTF-8`, `windows-1250` …).
    pub encoding: &'static str,
    /// What says so.
    pub evidence: Evidence,
    /// Between cells, for a text table.
    pub delimiter: Option<u8>,
    /// Findings on the document: a guessed encoding, bytes that fit no encoding, control characters taken out.
    pub issues: Vec<Issue>,
}

/// One sheet. Trailing empty rows are dropped; empty rows between others are kept (in a text table, lines without any
/// character are no rows).
#[derive(Debug, Default)]
pub struct Sheet {
    /// As the workbook calls it; empty for a text table.
    pub name: String,
    text: String,
    /// Per cell, where it ends in `text`.
    ends: Vec<u32>,
    /// Per row, one past its last cell.
    rows: Vec<u32>,
    links: BTreeMap<(u32, u32), String>,
}

/// One row of a sheet. Rows may have different lengths; what a row does not have is empty.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    sheet: &'t Sheet,
    /// From 0.
    pub number: usize,
}

impl<'t> Row<'t> {
    fn cells(self) -> std::ops::Range<usize> {
        let from = self.number.checked_sub(1).map_or(0, |before| self.sheet.rows[before] as usize);
        from..self.sheet.rows[self.number] as usize
    }

    /// Whether it has no cell.
    pub fn is_empty(self) -> bool {
        self.cells().is_empty()
    }

    /// How many cells it has.
    pub fn len(self) -> usize {
        self.cells().len()
    }

    /// Whether no cell holds more than white space.
    pub fn is_blank(self) -> bool {
        self.iter().all(|cell| cell.trim().is_empty())
    }

    /// A cell as written, from column 0; empty past the row's end.
    pub fn get(self, column: usize) -> &'t str {
        let cells = self.cells();
        if column >= cells.len() {
            return "";
        }
        let at = cells.start + column;
        let start = at.checked_sub(1).map_or(0, |before| self.sheet.ends[before] as usize);
        &self.sheet.text[start..self.sheet.ends[at] as usize]
    }

    /// Its cells.
    pub fn iter(self) -> impl Iterator<Item = &'t str> {
        (0..self.len()).map(move |column| self.get(column))
    }

    /// Where a cell links to: a hyperlink of the workbook, or the first argument of `=HYPERLINK("url","text")`, whose
    /// second one is the cell's text.
    pub fn link(self, column: usize) -> Option<&'t str> {
        let place = (u32::try_from(self.number).ok()?, u32::try_from(column).ok()?);
        self.sheet.links.get(&place).map(String::as_str)
    }
}

impl Sheet {
    /// Its rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|number| Row { sheet: self, number })
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row of this number, from 0.
    pub fn row(&self, number: usize) -> Option<Row<'_>> {
        (number < self.rows.len()).then_some(Row { sheet: self, number })
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn open_row_length(&self) -> usize {
        self.ends.len() - self.rows.last().map_or(0, |end| *end as usize)
    }

    /// Adds a cell to the row that is being built. A formula `=HYPERLINK(…)` becomes its text and a link.
    fn push(&mut self, cell: &str, budget: &mut Budget) -> Result<(), ParseError> {
        let column = self.open_row_length();
        if column >= MAX_COLUMNS {
            return Err(too_large("columns", MAX_COLUMNS));
        }
        let formula = cell.starts_with('=').then(|| hyperlink(&cell[1..])).flatten();
        let shown = match &formula {
            Some((url, text)) => {
                self.link_here(column, url);
                text.as_str()
            }
            None => cell,
        };
        budget.take(shown.len())?;
        self.text.push_str(shown);
        self.ends.push(u32::try_from(self.text.len()).map_err(|_| too_large("bytes of text", MAX_TEXT))?);
        Ok(())
    }

    fn link_here(&mut self, column: usize, url: &str) {
        if let (Ok(row), Ok(column)) = (u32::try_from(self.rows.len()), u32::try_from(column)) {
            self.links.insert((row, column), url.to_owned());
        }
    }

    fn end_row(&mut self) -> Result<(), ParseError> {
        if self.rows.len() >= MAX_ROWS {
            return Err(too_large("rows", MAX_ROWS));
        }
        self.rows.push(u32::try_from(self.ends.len()).map_err(|_| too_large("cells", MAX_CELLS))?);
        Ok(())
    }

    fn drop_trailing_blank_rows(&mut self) {
        while let Some(last) = self.rows.len().checked_sub(1)
            && (Row { sheet: self, number: last }).is_blank()
        {
            self.rows.pop();
        }
    }
}

/// What one document may still take.
struct Budget {
    cells: usize,
    text: usize,
}

impl Budget {
    fn new() -> Self {
        Self { cells: MAX_CELLS, text: MAX_TEXT }
    }

    fn take(&mut self, bytes: usize) -> Result<(), ParseError> {
        self.cells = self.cells.checked_sub(1).ok_or_else(|| too_large("cells", MAX_CELLS))?;
        self.text = self.text.checked_sub(bytes).ok_or_else(|| too_large("bytes of text", MAX_TEXT))?;
        Ok(())
    }
}

fn too_large(what: &'static str, limit: usize) -> ParseError {
    ParseError::TooLarge { what, limit }
}

fn broken(error: &impl std::fmt::Display) -> ParseError {
    ParseError::BrokenWorkbook { reason: error.to_string().chars().take(300).collect() }
}

/// What kind of document the bytes are, as far as tables are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A workbook of Office Open XML.
    Xlsx,
    /// A spreadsheet of OpenDocument.
    Ods,
    /// A document that no format reads: what it is.
    Office(&'static str),
    /// A PDF.
    Pdf,
    /// XML, HTML or JSON: text, but no table.
    Marked,
    /// Text that may be a table.
    Text,
}

/// Looks at the first bytes; of a zip, at the names of its members.
pub fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [b'P', b'K', 3, 4, ..] => package(bytes),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Kind::Office(old_office(bytes)),
        [b'{', b'\\', b'r', b't', b'f', ..] => Kind::Office("RTF text"),
        _ if bytes[..bytes.len().min(1024)].windows(5).any(|five| five == b"%PDF-") => Kind::Pdf,
        _ => {
            let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'<' | b'{' | b'[') => Kind::Marked,
                _ => Kind::Text,
            }
        }
    }
}

fn package(bytes: &[u8]) -> Kind {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Kind::Office("broken zip package") };
    let has = |archive: &zip::ZipArchive<_>, name| archive.index_for_name(name).is_some();
    if has(&archive, "[Content_Types].xml") {
        return if has(&archive, "xl/workbook.xml") {
            Kind::Xlsx
        } else if has(&archive, "xl/workbook.bin") {
            Kind::Office("binary workbook (.xlsb)")
        } else if has(&archive, "word/document.xml") {
            Kind::Office("text document (.docx)")
        } else {
            Kind::Office("Office Open XML document")
        };
    }
    let mut mime = String::new();
    if let Ok(member) = archive.by_name("mimetype")
        && member.take(200).read_to_string(&mut mime).is_ok()
    {
        return match mime.trim() {
            "application/vnd.oasis.opendocument.spreadsheet" => Kind::Ods,
            _ => Kind::Office("OpenDocument text, drawing or other"),
        };
    }
    Kind::Office("zip package")
}

/// Names of streams in a compound file tell its program; they stand in its directory as UTF-16.
fn old_office(bytes: &[u8]) -> &'static str {
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memchr::memmem::find(bytes, &wide).is_some()
    };
    if has("WordDocument") {
        "text document (.doc)"
    } else if has("Workbook") || has("Book") {
        "workbook (.xls)"
    } else if has("PowerPoint Document") {
        "presentation (.ppt)"
    } else if has("EncryptedPackage") {
        "encrypted Office document"
    } else {
        "compound file of an old Office program"
    }
}

/// Why a document that is no table, and no text, cannot be read.
pub fn refusal(bytes: &[u8]) -> Option<ParseError> {
    match kind(bytes) {
        Kind::Office(what) => Some(ParseError::UnsupportedOffice { what }),
        Kind::Pdf if has_text_layer(bytes) => Some(ParseError::UnsupportedOffice { what: "PDF" }),
        Kind::Pdf => Some(ParseError::NoTextLayer),
        _ => None,
    }
}

/// Whether a PDF defines any font: a page without one shows no text, only images. Objects may hide in compressed
/// streams, so those are opened, within bounds.
fn has_text_layer(bytes: &[u8]) -> bool {
    let shows = |bytes: &[u8]| memchr::memmem::find(bytes, b"/Font").is_some();
    if shows(bytes) {
        return true;
    }
    let mut budget = 64_u64 << 20;
    for at in memchr::memmem::find_iter(bytes, b"stream").take(20_000) {
        // `endstream` ends one; after `stream` comes a line end.
        let body = &bytes[at + b"stream".len()..];
        let body = body.strip_prefix(b"\r\n").or_else(|| body.strip_prefix(b"\n")).unwrap_or(body);
        if bytes[..at].ends_with(b"end") || body.first().is_none_or(|byte| byte & 0x0F != 8) {
            continue;
        }
        let mut inside = Vec::new();
        let outcome = flate2::read::ZlibDecoder::new(body).take(budget.min(4 << 20)).read_to_end(&mut inside);
        budget = budget.saturating_sub(inside.len() as u64);
        if outcome.is_ok() && shows(&inside) {
            return true;
        }
        if budget == 0 {
            break;
        }
    }
    false
}

/// Reads a table.
///
/// # Errors
/// When it is none, or larger than the bounds.
pub fn read(bytes: &[u8], options: &Options) -> Result<Table, ParseError> {
    if let Some(error) = refusal(bytes) {
        return Err(error);
    }
    let sheets = match kind(bytes) {
        Kind::Xlsx => xlsx::read(bytes, options)?,
        Kind::Ods => ods::read(bytes, options)?,
        _ => return separated::read(bytes, options),
    };
    if sheets.iter().all(Sheet::is_empty) {
        return Err(ParseError::Empty);
    }
    Ok(Table { sheets, encoding: "UTF-8", evidence: Evidence::Certain, delimiter: None, issues: Vec::new() })
}

/// The first rows of each sheet, for sniffing; of a text only its beginning is read.
pub fn head(bytes: &[u8], rows: usize) -> Option<Table> {
    const BEGINNING: usize = 64 << 10;
    let options = Options { rows: Some(rows), ..Options::default() };
    match kind(bytes) {
        Kind::Text => read(&bytes[..bytes.len().min(BEGINNING)], &options).ok(),
        Kind::Xlsx | Kind::Ods => read(bytes, &options).ok(),
        _ => None,
    }
}

/// What a workbook, or a text with three columns or more, begins with; `None` for what is no table.
pub fn beginning(bytes: &[u8]) -> Option<String> {
    let table = head(bytes, 20)?;
    let row = table.sheets.iter().find_map(|sheet| sheet.rows().find(|row| !row.is_blank()))?;
    let cells: String = row.iter().take(8).collect::<Vec<_>>().join(" | ").chars().take(120).collect();
    // Markup with something before it is no table.
    let plain = row.len() >= 3 && !cells.contains('<');
    (table.delimiter.is_none() || plain).then(|| format!("a table that begins {cells:?}"))
}

/// Refuses a workbook whose members unpack to more than any real one; sizes in the directory may lie, so the members
/// are unpacked for it.
fn weigh(bytes: &[u8]) -> Result<(), ParseError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = MAX_UNPACKED;
    for at in 0..archive.len() {
        let member = archive.by_index(at).map_err(|error| broken(&error))?;
        let size = std::io::copy(&mut member.take(left + 1), &mut std::io::sink()).map_err(|error| broken(&error))?;
        left = left.checked_sub(size).ok_or(ParseError::TooLarge { what: "bytes when unpacked", limit: 512 << 20 })?;
    }
    Ok(())
}

/// A number as decimals, without the noise of binary fractions: 15 digits, as spreadsheets show it.
fn decimal(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse::<f64>().unwrap_or(number);
    // Negative zero is zero.
    format!("{}", rounded + 0.0)
}

/// Address and text of `HYPERLINK("url","text")`, with `,` or `;`, with or without a text.
fn hyperlink(formula: &str) -> Option<(String, String)> {
    let formula = formula.trim();
    let formula = formula.strip_prefix("of:=").or_else(|| formula.strip_prefix('=')).unwrap_or(formula);
    let name = formula.get(..9).filter(|name| name.eq_ignore_ascii_case("HYPERLINK"))?;
    let inside = formula[name.len()..].trim().strip_prefix('(')?.strip_suffix(')')?;
    let (url, rest) = quoted(inside)?;
    let text = rest.trim_start().strip_prefix([',', ';']).and_then(quoted).map(|(text, _)| text);
    let text = text.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| url.clone());
    (!url.is_empty()).then_some((url, text))
}

/// A `"…"` string, where `""` stands for a quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start().strip_prefix('"')?;
    let mut found = String::new();
    let mut rest = text;
    loop {
        let at = rest.find('"')?;
        found.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                found.push('"');
                rest = more;
            }
            None => return Some((found, rest)),
        }
    }
}

#[cfg(test)]
mod tests;
