//! XLSX → sheets, cell by cell, so that a declared size costs nothing.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxFormulaMetadata};

use super::{Budget, MAX_SHEETS, Options, ParseError, Sheet, broken, decimal, hyperlink, too_large};

/// Links of one sheet that are kept.
const MAX_LINKS: usize = 100_000;

pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Vec<Sheet>, ParseError> {
    super::weigh(bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let names = workbook.sheet_names();
    if names.len() > MAX_SHEETS {
        return Err(too_large("sheets", MAX_SHEETS));
    }
    let mut budget = Budget::new();
    let mut sheets = Vec::new();
    for name in names {
        match sheet(&mut workbook, &name, options, &mut budget) {
            Ok(sheet) => sheets.push(sheet),
            // A chart has a sheet of its own, without cells.
            Err(Failure::NoWorksheet) => {}
            Err(Failure::Parse(error)) => return Err(error),
        }
    }
    Ok(sheets)
}

enum Failure {
    NoWorksheet,
    Parse(ParseError),
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<calamine::XlsxError> for Failure {
    fn from(error: calamine::XlsxError) -> Self {
        match error {
            calamine::XlsxError::NotAWorksheet(_) | calamine::XlsxError::WorksheetNotFound(_) => Self::NoWorksheet,
            other => Self::Parse(broken(&other)),
        }
    }
}

fn sheet(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    options: &Options,
    budget: &mut Budget,
) -> Result<Sheet, Failure> {
    let mut sheet = Sheet { name: name.to_owned(), ..Sheet::default() };
    // Links are an extra: a workbook whose links cannot be read still has its cells.
    let links = workbook.hyperlinks_by_sheet_name(name).unwrap_or_default();
    let mut cells = workbook.worksheet_cells_reader(name)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata()? {
        let (row, column) = (cell.pos.0 as usize, cell.pos.1 as usize);
        if options.rows.is_some_and(|limit| row >= limit) {
            break;
        }
        if row < sheet.len() || column < sheet.open_row_length() && row == sheet.len() {
            return Err(broken(&format!("cell {row}:{column} stands before the one above it")).into());
        }
        let text = text(&cell.value);
        let formula = match cell.formula {
            Some(XlsxFormulaMetadata::Normal { formula } | XlsxFormulaMetadata::Shared { formula, .. }) => {
                hyperlink(&formula)
            }
            _ => None,
        };
        if text.is_empty() && formula.is_none() {
            continue;
        }
        while sheet.len() < row {
            sheet.end_row()?;
        }
        while sheet.open_row_length() < column {
            sheet.push("", budget)?;
        }
        match formula {
            Some((url, shown)) => {
                sheet.link_here(column, &url);
                // A program that does not calculate writes 0 as the value of a formula.
                let calculated = !text.is_empty() && (text != "0" || shown.is_empty());
                sheet.push(if calculated { &text } else { &shown }, budget)?;
            }
            None => sheet.push(&text, budget)?,
        }
    }
    if sheet.open_row_length() > 0 {
        sheet.end_row()?;
    }
    let rows = sheet.len();
    for link in links.iter().take(MAX_LINKS) {
        let Some(target) = link.target.as_deref() else { continue };
        let (row, column) = link.range.start;
        if (row as usize) < rows {
            sheet.links.entry((row, column)).or_insert_with(|| target.to_owned());
        }
    }
    sheet.drop_trailing_blank_rows();
    Ok(sheet)
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => decimal(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(moment) => date(*moment),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// `2026-03-01`, `2026-03-01T10:00:00`, or `10:00:00` for a time of no day.
fn date(moment: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let whole = moment.as_f64();
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    if moment.is_duration() || whole < 1.0 {
        return clock;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if hour == 0 && minute == 0 && second == 0 && milli == 0 { date } else { format!("{date}T{clock}") }
}
