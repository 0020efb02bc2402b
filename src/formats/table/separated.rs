//! CSV, TSV and what else has a delimiter → one sheet.

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::{Budget, MAX_ROWS, Options, ParseError, Sheet, Table, encoding};

const DELIMITERS: &[u8] = b",;\t|";
/// Text looked at to find the delimiter.
const SAMPLE: usize = 128 << 10;
const SAMPLE_ROWS: usize = 500;

pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Table, ParseError> {
    let decoded = encoding::decode(bytes, options.encoding.as_deref())?;
    let (text, said) = separator_line(&decoded.text);
    let shape = Shape::of(text);
    let delimiter = options.delimiter.or(said).or(shape.delimiter);
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).quoting(shape.quotes).delimiter(delimiter.unwrap_or(b','));
    if let Some(byte) = shape.line_end {
        builder.terminator(Terminator::Any(byte));
    }
    let mut reader = builder.from_reader(text.as_bytes());
    let mut sheet = Sheet::default();
    let mut budget = Budget::new();
    let mut record = StringRecord::new();
    let limit = options.rows.unwrap_or(MAX_ROWS + 1);
    while sheet.len() < limit
        && reader.read_record(&mut record).map_err(|error| ParseError::NotText { found: error.to_string() })?
    {
        let last = record.len().saturating_sub(1);
        if last == 0 && record.get(0).is_some_and(|only| only.trim_end_matches('\r').is_empty()) {
            continue;
        }
        for (at, field) in record.iter().enumerate() {
            // With LF as the line end, the CR of CRLF is left.
            let field = if at == last { field.strip_suffix('\r').unwrap_or(field) } else { field };
            sheet.push(field, &mut budget)?;
        }
        sheet.end_row()?;
    }
    sheet.drop_trailing_blank_rows();
    if sheet.is_empty() {
        return Err(ParseError::Empty);
    }
    Ok(Table {
        sheets: vec![sheet],
        encoding: decoded.encoding.name(),
        evidence: decoded.evidence,
        delimiter: Some(delimiter.unwrap_or(b',')),
        issues: decoded.issues,
    })
}

/// `sep=;` in the first line tells spreadsheets the delimiter.
fn separator_line(text: &str) -> (&str, Option<u8>) {
    let line = text.split(['\r', '\n']).next().unwrap_or("");
    let said = line.trim().trim_matches('"').strip_prefix("sep=").and_then(|rest| match rest.as_bytes() {
        [byte] => Some(*byte),
        [] if text.starts_with("sep=\t") => Some(b'\t'),
        _ => None,
    });
    if said.is_some() { (&text[line.len()..], said) } else { (text, None) }
}

struct Shape {
    delimiter: Option<u8>,
    /// Which single byte ends lines; `None` for CR, LF and CRLF alike.
    line_end: Option<u8>,
    /// Whether `"` quotes.
    quotes: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut end = text.len().min(SAMPLE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let sample = &text[..end];
        let quoted = Counts::of(sample, true);
        let (delimiter, score) = quoted.best();
        // A quote that opens and never closes swallows the rest: then quotes are inches, or broken.
        let plain = (quoted.open_at_end && end == text.len()).then(|| Counts::of(sample, false));
        match plain.map(|plain| (plain.best(), plain)) {
            Some(((delimiter, better), plain)) if better > score || quoted.rows.len() < plain.rows.len() => {
                Self { delimiter, line_end: plain.line_end(), quotes: false }
            }
            _ => Self { delimiter, line_end: quoted.line_end(), quotes: true },
        }
    }
}

/// What stands outside quotes.
struct Counts {
    /// Per row, how many of each delimiter.
    rows: Vec<[u32; 4]>,
    lf: usize,
    /// CR that no LF follows.
    cr: usize,
    open_at_end: bool,
}

impl Counts {
    fn of(sample: &str, quotes: bool) -> Self {
        let mut found = Self { rows: Vec::new(), lf: 0, cr: 0, open_at_end: false };
        let mut row = [0; 4];
        let mut row_length = 0;
        let (mut inside, mut at_start) = (false, true);
        let bytes = sample.as_bytes();
        let mut at = 0;
        while at < bytes.len() && found.rows.len() < SAMPLE_ROWS {
            let byte = bytes[at];
            let next = bytes.get(at + 1).copied();
            at += 1;
            if inside {
                if byte == b'"' && next == Some(b'"') {
                    at += 1;
                } else if byte == b'"' {
                    inside = false;
                }
                continue;
            }
            match byte {
                b'"' if quotes && at_start => inside = true,
                b'\n' | b'\r' => {
                    found.lf += usize::from(byte == b'\n');
                    found.cr += usize::from(byte == b'\r' && next != Some(b'\n'));
                    if row_length > 0 && (byte == b'\n' || next != Some(b'\n')) {
                        found.rows.push(std::mem::take(&mut row));
                        row_length = 0;
                    }
                    at_start = true;
                    continue;
                }
                _ => {}
            }
            row_length += 1;
            let delimiter = DELIMITERS.iter().position(|delimiter| *delimiter == byte);
            if let Some(delimiter) = delimiter {
                row[delimiter] += 1;
            }
            at_start = delimiter.is_some();
        }
        if row_length > 0 {
            found.rows.push(row);
        }
        found.open_at_end = inside;
        found
    }

    /// The delimiter whose count is the same in most rows, and how well it does: share of rows times cells of a row.
    fn best(&self) -> (Option<u8>, f64) {
        let mut best = (None, 0.0);
        for (at, delimiter) in DELIMITERS.iter().enumerate() {
            let mut counts: Vec<u32> = self.rows.iter().map(|row| row[at]).filter(|count| *count > 0).collect();
            counts.sort_unstable();
            let most = counts.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).max();
            let Some((rows, cells)) = most else { continue };
            let share = f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(self.rows.len()).unwrap_or(1));
            // Commas between digits, and pipes between codes, may be as many: one more in a row of two cells.
            let weight = if matches!(delimiter, b';' | b'\t') { 1.6 } else { 1.0 };
            let score = share * (1.0 + f64::from(cells)).ln() * weight;
            if score > best.1 {
                best = (Some(*delimiter), score);
            }
        }
        best
    }

    /// A lone CR ends lines only where LF does not.
    fn line_end(&self) -> Option<u8> {
        (self.lf > 0 && self.cr > 0).then_some(if self.cr > self.lf * 4 { b'\r' } else { b'\n' })
    }
}
