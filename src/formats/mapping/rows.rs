//! A document → its rows, each as a tree.

use scraper::Html;
use serde_json::{Map, Value};

use super::field::Row;
use super::labels::pairs;
use super::path::Path;
use super::{Document, Kind, Rows, tree};
use crate::formats::{ParseError, table};
use crate::issue::Issue;

/// What is told of every row: the row, and the values in it that could not be opened with the reasons.
type Take<'t> = &'t mut dyn FnMut(Row<'_>, Vec<(String, String)>);

/// The key under which a repeated line of column names is known.
pub const HEADER: &str = "#header";

/// Hands over every row, in order.
///
/// # Errors
/// When the document is not what the definition says.
pub fn each(document: &Document, bytes: &[u8], issues: &mut Vec<Issue>, take: Take<'_>) -> Result<(), ParseError> {
    match document.kind {
        Kind::Json => {
            let text = tree::decode(bytes, document.encoding)?;
            of_tree(document, &tree::json(&text)?, take);
        }
        Kind::Xml => {
            let text = tree::decode(bytes, document.encoding)?;
            of_tree(document, &tree::xml(&text, &document.namespaces)?, take);
        }
        Kind::Html => {
            let html = Html::parse_document(&tree::decode(bytes, document.encoding)?);
            of_page(document, &html, take);
        }
        Kind::Csv | Kind::Sheet => of_table(document, bytes, issues, take)?,
    }
    Ok(())
}

fn of_tree(document: &Document, whole: &Value, take: Take<'_>) {
    let path = match &document.rows {
        Rows::Path(path) => path.clone(),
        // A bare list is a list of rows.
        _ if whole.is_array() => Path::each(),
        _ => Path::whole(),
    };
    for found in path.every(whole) {
        let mut tree = found.value.into_owned();
        if path.ends_with_any()
            && !found.at.ends_with(']')
            && let (Value::Object(map), Some(key)) = (&mut tree, found.at.rsplit('.').next())
        {
            map.insert("#key".to_owned(), Value::from(key));
        }
        let mut fragments = Vec::new();
        let unopened = tree::expand(&mut tree, &document.expand, &mut fragments);
        take(Row { tree, at: found.at, element: None, fragments }, unopened);
    }
}

fn of_page(document: &Document, html: &Html, take: Take<'_>) {
    let root = html.root_element();
    let elements = match &document.rows {
        Rows::Css(selector) => root.select(selector).enumerate().map(|(n, e)| (format!("row[{n}]"), e)).collect(),
        _ => vec![(String::new(), root)],
    };
    for (at, element) in elements {
        let mut tree = Value::Object(Map::from_iter([("#labels".to_owned(), pairs(*element, &document.labels))]));
        let mut fragments = Vec::new();
        let unopened = tree::expand(&mut tree, &document.expand, &mut fragments);
        take(Row { tree, at, element: Some(element), fragments }, unopened);
    }
}

fn of_table(document: &Document, bytes: &[u8], issues: &mut Vec<Issue>, take: Take<'_>) -> Result<(), ParseError> {
    let options = table::Options {
        encoding: document.encoding.map(|encoding| encoding.name().to_owned()),
        delimiter: document.delimited.delimiter,
        rows: None,
    };
    let read = table::read(bytes, &options)?;
    issues.extend(read.issues);
    let several = read.sheets.len() > 1;
    for sheet in &read.sheets {
        if document.delimited.sheet.as_ref().is_some_and(|wanted| *wanted != sheet.name) {
            continue;
        }
        let names: Vec<String> = match document.delimited.header {
            0 => Vec::new(),
            number => sheet.row(number - 1).map(|row| row.iter().map(name).collect()).unwrap_or_default(),
        };
        for row in sheet.rows().skip(document.delimited.header) {
            let at = if several { format!("{}!{}", sheet.name, row.number + 1) } else { format!("{}", row.number + 1) };
            let mut map = Map::new();
            let mut repeats = !names.is_empty();
            for (column, cell) in row.iter().enumerate() {
                let named = names.get(column).filter(|name| !name.is_empty() && !map.contains_key(name.as_str()));
                repeats &= names.get(column).is_some_and(|known| *known == name(cell));
                if cell.trim().is_empty() {
                    continue;
                }
                let key = named.cloned().unwrap_or_else(|| format!("#{}", column + 1));
                if let Some(link) = row.link(column) {
                    map.insert(format!("{key}@href"), Value::from(link));
                }
                map.insert(key, Value::from(cell));
            }
            if repeats && !map.is_empty() {
                map = Map::from_iter([(HEADER.to_owned(), Value::from(true))]);
            }
            let mut tree = Value::Object(map);
            let mut fragments = Vec::new();
            let unopened = tree::expand(&mut tree, &document.expand, &mut fragments);
            take(Row { tree, at: format!("line {at}"), element: None, fragments }, unopened);
        }
    }
    Ok(())
}

/// A column's name: one blank for any white space, nothing invisible.
fn name(cell: &str) -> String {
    let cell: String = cell.chars().filter(|c| !matches!(c, '\u{FEFF}' | '\u{200B}')).collect();
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A column's name as it is compared.
pub fn clean_name(cell: &str) -> String {
    name(cell).to_lowercase()
}
