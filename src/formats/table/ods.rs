//! ODS → sheets, by the elements of its `content.xml`. Repeated rows and cells are bounded before they are made, which
//! is why the XML is read here and not by a library: one element of 80 bytes can stand for 17 billion cells.

use std::io::{BufReader, Cursor};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Budget, MAX_SHEETS, Options, ParseError, Sheet, broken, decimal, hyperlink, too_large};

/// Deeper than any real spreadsheet nests.
const MAX_DEPTH: usize = 256;

pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Vec<Sheet>, ParseError> {
    super::weigh(bytes)?;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let content = archive.by_name("content.xml").map_err(|error| broken(&error))?;
    let mut reader = Reader::from_reader(BufReader::new(content));
    reader.config_mut().expand_empty_elements = true;
    let mut state = State::new(options);
    let mut buffer = Vec::new();
    let mut depth = 0;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| broken(&error))? {
            Event::Start(element) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(ParseError::TooDeep { limit: MAX_DEPTH, at: reader.buffer_position() });
                }
                state.open(&element);
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                state.close(element.local_name().as_ref())?;
            }
            Event::Text(text) => state.text(&text.xml10_content()),
            Event::GeneralRef(reference) => state.reference(&reference),
            Event::CData(text) => state.text(&text),
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(state.sheets)
}

#[derive(Default)]
struct Cell {
    repeat: usize,
    /// From the attributes: the value itself rather than how it is shown.
    value: Option<String>,
    text: String,
    link: Option<String>,
}

struct State<'o> {
    options: &'o Options,
    budget: Budget,
    sheets: Vec<Sheet>,
    sheet: Option<Sheet>,
    row_repeat: usize,
    /// Seen, but written only when something follows.
    blank_rows: usize,
    blank_cells: usize,
    cell: Option<Cell>,
    /// Elements open inside a comment or drawing.
    aside: usize,
}

impl<'o> State<'o> {
    fn new(options: &'o Options) -> Self {
        Self {
            options,
            budget: Budget::new(),
            sheets: Vec::new(),
            sheet: None,
            row_repeat: 1,
            blank_rows: 0,
            blank_cells: 0,
            cell: None,
            aside: 0,
        }
    }

    fn open(&mut self, element: &BytesStart<'_>) {
        if self.aside > 0 {
            self.aside += 1;
            return;
        }
        let repeat = |name| attribute(element, name).and_then(|count| count.parse().ok()).unwrap_or(1).max(1);
        match (element.local_name().as_ref(), &mut self.cell) {
            ("table", None) if self.sheet.is_none() => {
                let name = attribute(element, "table:name").unwrap_or_default();
                self.sheet = Some(Sheet { name, ..Sheet::default() });
                self.blank_rows = 0;
            }
            ("table-row", None) => {
                self.row_repeat = repeat("table:number-rows-repeated");
                self.blank_cells = 0;
            }
            ("table-cell" | "covered-table-cell", None) if self.sheet.is_some() => {
                let mut cell = Cell { repeat: repeat("table:number-columns-repeated"), ..Cell::default() };
                cell.value = value(element);
                let formula = attribute(element, "table:formula");
                cell.link = formula.and_then(|formula| hyperlink(&formula)).map(|(url, _)| url);
                self.cell = Some(cell);
            }
            ("p", Some(cell)) if !cell.text.is_empty() => cell.text.push('\n'),
            ("line-break", Some(cell)) => cell.text.push('\n'),
            ("tab", Some(cell)) => cell.text.push('\t'),
            ("s", Some(cell)) => {
                let blanks: usize = attribute(element, "text:c").and_then(|count| count.parse().ok()).unwrap_or(1);
                cell.text.extend(std::iter::repeat_n(' ', blanks.min(100)));
            }
            ("a", Some(cell)) if cell.link.is_none() => cell.link = attribute(element, "xlink:href"),
            ("p" | "span" | "a", Some(_)) => {}
            (_, Some(_)) => self.aside = 1,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.aside == 0
            && let Some(cell) = &mut self.cell
        {
            cell.text.push_str(text);
        }
    }

    fn reference(&mut self, name: &str) {
        let character = quick_xml::escape::unescape(&format!("&{name};")).map(std::borrow::Cow::into_owned);
        self.text(&character.unwrap_or_default());
    }

    fn close(&mut self, name: &str) -> Result<(), ParseError> {
        if self.aside > 0 {
            self.aside -= 1;
            return Ok(());
        }
        match name {
            "table-cell" | "covered-table-cell" => match self.cell.take() {
                Some(cell) => self.cell(&cell),
                None => Ok(()),
            },
            "table-row" => self.row(),
            "table" if self.cell.is_none() => {
                if let Some(mut sheet) = self.sheet.take() {
                    sheet.drop_trailing_blank_rows();
                    if self.sheets.len() >= MAX_SHEETS {
                        return Err(too_large("sheets", MAX_SHEETS));
                    }
                    self.sheets.push(sheet);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn cell(&mut self, cell: &Cell) -> Result<(), ParseError> {
        let Some(sheet) = &mut self.sheet else { return Ok(()) };
        if self.options.rows.is_some_and(|rows| sheet.len() + self.blank_rows >= rows) {
            return Ok(());
        }
        let text = cell.value.as_deref().unwrap_or(&cell.text);
        if text.is_empty() {
            self.blank_cells = self.blank_cells.saturating_add(cell.repeat);
            return Ok(());
        }
        for _ in 0..std::mem::take(&mut self.blank_rows) {
            sheet.end_row()?;
        }
        for _ in 0..std::mem::take(&mut self.blank_cells) {
            sheet.push("", &mut self.budget)?;
        }
        for _ in 0..cell.repeat {
            if let Some(url) = &cell.link {
                sheet.link_here(sheet.open_row_length(), url);
            }
            sheet.push(text, &mut self.budget)?;
        }
        Ok(())
    }

    fn row(&mut self) -> Result<(), ParseError> {
        let Some(sheet) = &mut self.sheet else { return Ok(()) };
        if sheet.open_row_length() == 0 {
            self.blank_rows = self.blank_rows.saturating_add(self.row_repeat);
            return Ok(());
        }
        sheet.end_row()?;
        let last = sheet.len() - 1;
        for _ in 1..self.row_repeat {
            let cells: Vec<String> =
                sheet.row(last).map(|row| row.iter().map(str::to_owned).collect()).unwrap_or_default();
            for cell in cells {
                sheet.push(&cell, &mut self.budget)?;
            }
            sheet.end_row()?;
        }
        Ok(())
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name)?;
    Some(
        quick_xml::escape::unescape(&found.value)
            .map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned),
    )
}

/// What a cell is worth, where that is not its text.
fn value(element: &BytesStart<'_>) -> Option<String> {
    let kind = attribute(element, "office:value-type").or_else(|| attribute(element, "calcext:value-type"))?;
    match kind.as_str() {
        "float" | "currency" | "percentage" => {
            let written = attribute(element, "office:value")?;
            Some(written.parse::<f64>().ok().filter(|number| number.is_finite()).map_or(written, decimal))
        }
        "date" => {
            let written = attribute(element, "office:date-value")?;
            Some(written.strip_suffix("T00:00:00").map_or(written.clone(), str::to_owned))
        }
        "boolean" => attribute(element, "office:boolean-value"),
        "string" => attribute(element, "office:string-value"),
        _ => None,
    }
}
