//! How a document comes to hold eForms notices, and the records that are counted.
//!
//! - UBL XML, one notice (TED, Doffin, oeffentlichevergabe.de);
//! - a wrapper around many (`<OPEN-DATA>` of the Estonian register: one file a month): each record is read on its own,
//!   so that a broken one costs nothing but itself;
//! - JSON that carries whole notices as base64 (Finland's Hilma);
//! - UBL written as JSON (`cbc:ID`, `@listName`, `#text`; a list where an element repeats): BOAMP;
//! - a JSON tree keyed by the SDK's field and node ids (`ND-Root`, `BT-500-Organization-Company`): Czech VVZ.
//!
//! It refuses to know what a notice says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use super::names::{self, El, VOCABULARY, by_qualified_name};
use super::read::Node;
use super::{FORMAT, fields};
use crate::formats::{ParseError, Parsed, json, xml};
use crate::issue::NonNotice;
use crate::notice::Notice;
use crate::raw::RawDocument;

/// Notices in one wrapper; a month of the Estonian register has some 2000.
const MAX_RECORDS: usize = 100_000;
/// The root of the Estonian monthly files.
const OPEN_DATA: &str = "OPEN-DATA";
/// Base64 of `<?xml`, and of the same behind a byte order mark; what else a notice may begin with is no notice that
/// publishers send.
const BASE64_XML: [&str; 2] = ["\"PD94bWw", "\"77u/PD94bWw"];

/// One of the four roots in its own namespace under any prefix, a wrapper around them, or one of the JSON doors.
pub(super) fn sniff(bytes: &[u8]) -> bool {
    if json::begins(bytes) {
        return is_ubl_as_json(bytes) || json::has_key(bytes, fields::ROOT) || encoded_notice(bytes);
    }
    xml::root_of(bytes).is_ok_and(|root| {
        names::is_root(&root.namespace, &root.local) || (root.namespace.is_empty() && root.local == OPEN_DATA)
    })
}

/// Every notice has OPT-002; inside BOAMP's rows the keys stand in a string, escaped.
fn is_ubl_as_json(bytes: &[u8]) -> bool {
    json::has_key(bytes, "cbc:CustomizationID") || json::has_key(bytes, "cbc:NoticeTypeCode")
}

/// Whether the first base64 of XML in a JSON document is a notice; only its beginning is decoded.
fn encoded_notice(bytes: &[u8]) -> bool {
    let starts = BASE64_XML.iter().filter_map(|start| memmem::find(bytes, start.as_bytes()));
    starts.min().is_some_and(|at| {
        let encoded = &bytes[at + 1..];
        let length = encoded.iter().take(8192).take_while(|byte| **byte != b'"').count() / 4 * 4;
        STANDARD.decode(&encoded[..length]).is_ok_and(|beginning| {
            xml::root_of(&beginning).is_ok_and(|root| names::is_root(&root.namespace, &root.local))
        })
    })
}

/// Reads one document.
pub(super) fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    if json::begins(&document.body) { json_document(document) } else { xml_document(document) }
}

/// The refusal of a document that holds no notice.
fn not_this_format(document: &RawDocument) -> ParseError {
    let found = if json::begins(&document.body) {
        "JSON without a notice".to_owned()
    } else {
        xml::root_of(&document.body).map_or_else(|error| error.to_string(), |root| root.to_string())
    };
    ParseError::NotThisFormat { format: FORMAT.name, found }
}

/// One notice, or a company registration (X01, X02), from a root.
fn record(root: Node<'_>, document: &RawDocument, repaired: bool, parsed: &mut Parsed) {
    if root.name() == El::BusinessRegistrationInformationNotice {
        // A European company or grouping was registered: published on TED, but nothing is bought.
        parsed.non_notice(NonNotice::CompanyRegistration);
    } else {
        let number = usize::try_from(parsed.records.read).unwrap_or(usize::MAX).saturating_add(1);
        parsed.notice(super::notice(root, document, number, repaired));
    }
}

fn xml_document(document: &RawDocument) -> Result<Parsed, ParseError> {
    let text = xml::Document::decode(&document.body)?;
    let mut parsed = Parsed::default();
    if xml::root_of(&document.body).is_ok_and(|root| root.namespace.is_empty() && root.local == OPEN_DATA) {
        wrapped(&text, document, &mut parsed)?;
        return Ok(parsed);
    }
    let tree = text.read(&VOCABULARY)?;
    let Some(tree) = tree.filter(|tree| names::is_notice(tree.root().name())) else {
        return Err(not_this_format(document));
    };
    record(tree.root(), document, text.repaired, &mut parsed);
    Ok(parsed)
}

/// The first notice anywhere inside an XML document that another format wraps.
pub(in crate::formats) fn of_xml(
    text: &xml::Document<'_>,
    document: &RawDocument,
    number: usize,
) -> Result<Option<Notice>, ParseError> {
    if !names::mentions_notice(text.text()) {
        return Ok(None);
    }
    let Some(tree) = text.read(&VOCABULARY)? else { return Ok(None) };
    let found = notices_in(tree.root()).into_iter().next();
    Ok(found.map(|root| super::notice(root, document, number, text.repaired)))
}

/// The notice in UBL that was written as JSON: an object whose one key is the root.
pub(in crate::formats) fn of_json(
    value: &Value,
    document: &RawDocument,
    number: usize,
) -> Result<Option<Notice>, ParseError> {
    let Some((root, inside)) = root_in(value) else { return Ok(None) };
    let tree = xml::Tree::of_json(root, inside, &by_qualified_name, VOCABULARY.attributes)?;
    Ok(tree.map(|tree| super::notice(tree.root(), document, number, false)))
}

/// The root element among an object's keys.
fn root_in(value: &Value) -> Option<(&str, &Value)> {
    let found = value.as_object()?.iter().find(|(key, _)| by_qualified_name(key).is_some_and(names::is_notice));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Whole notices below wrapper elements.
fn notices_in(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if names::is_notice(node.name()) {
            found.push(node);
        } else if node.name() == El::Foreign {
            let inside: Vec<Node<'_>> = node.children().collect();
            open.extend(inside.into_iter().rev());
        }
    }
    found
}

/// Each child of the wrapper is one record.
fn wrapped(text: &xml::Document<'_>, document: &RawDocument, parsed: &mut Parsed) -> Result<(), ParseError> {
    let (children, rest) = children_of_root(text.text())?;
    // What the root binds is bound for every child.
    let root = children.root;
    for (number, child) in children.texts.iter().enumerate() {
        let path = format!("/{OPEN_DATA}/*[{}]", number + 1);
        let whole = format!("<{root}>{child}</{OPEN_DATA}>");
        match xml::Document::decode(whole.as_bytes()).and_then(|inside| {
            let tree = inside.read(&VOCABULARY)?;
            let roots = tree.as_ref().map_or_else(Vec::new, |tree| notices_in(tree.root()));
            for root in &roots {
                record(*root, document, text.repaired, parsed);
            }
            Ok(roots.len())
        }) {
            Ok(0) => parsed.unreadable(path, "no eForms notice inside"),
            Ok(_) => {}
            Err(error) => parsed.unreadable(path, &error.to_string()),
        }
    }
    if let Some(reason) = rest {
        if parsed.records.notices == 0 {
            let at = u64::try_from(text.text().len()).unwrap_or(u64::MAX);
            return Err(ParseError::Truncated { at, inside: OPEN_DATA.to_owned() });
        }
        parsed.unreadable(format!("/{OPEN_DATA}/*[{}]", children.texts.len() + 1), &reason);
    }
    Ok(())
}

/// The children of a root, as written.
struct Children<'a> {
    /// What stands in the root's start tag.
    root: &'a str,
    texts: Vec<&'a str>,
}

/// Cuts a document at the children of its root; the second value says why it could not be cut to the end.
fn children_of_root(text: &str) -> Result<(Children<'_>, Option<String>), ParseError> {
    let mut reader = Reader::from_str(text);
    let mut found = Children { root: OPEN_DATA, texts: Vec::new() };
    let (mut depth, mut start) = (0usize, 0usize);
    let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    loop {
        let before = position(reader.buffer_position());
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Ok((found, Some(error.to_string()))),
        };
        let after = position(reader.buffer_position());
        match event {
            Event::DocType(declaration) if declaration.contains(['[', '<']) => {
                let reason = "a document type with declarations".to_owned();
                return Err(ParseError::Entity { at: reader.buffer_position(), reason });
            }
            Event::Start(_) if depth == 0 => {
                depth = 1;
                found.root = text.get(before..after).map_or(OPEN_DATA, |tag| tag.trim_matches(['<', '>', ' ', '\n']));
            }
            Event::Start(_) => {
                if depth == 1 {
                    start = before;
                }
                depth += 1;
            }
            Event::Empty(_) if depth == 1 => found.texts.extend(text.get(before..after)),
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    found.texts.extend(text.get(start..after));
                }
            }
            Event::Eof if depth > 0 => return Ok((found, Some("the document ends inside this record".to_owned()))),
            Event::Eof => return Ok((found, None)),
            _ => {}
        }
        if found.texts.len() >= MAX_RECORDS {
            return Ok((found, Some(format!("more than {MAX_RECORDS} records"))));
        }
    }
}

fn json_document(document: &RawDocument) -> Result<Parsed, ParseError> {
    let (value, repaired) = json::parse(&document.body)?;
    let mut parsed = Parsed::default();
    let rows = match &value {
        Value::Array(rows) => rows.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut any = false;
    for (at, row) in rows.iter().enumerate().take(MAX_RECORDS) {
        let path = if matches!(value, Value::Array(_)) { format!("[{at}]") } else { "$".to_owned() };
        match json_row(row, document, repaired, &mut parsed) {
            Ok(true) => any = true,
            Ok(false) => parsed.unreadable(path, "no eForms notice inside"),
            Err(error) => parsed.unreadable(path, &error.to_string()),
        }
    }
    if any { Ok(parsed) } else { Err(not_this_format(document)) }
}

/// One row of a JSON document: UBL as JSON, a tree of field ids, or base64 of XML anywhere inside.
fn json_row(row: &Value, document: &RawDocument, repaired: bool, parsed: &mut Parsed) -> Result<bool, ParseError> {
    let inside = row.get("EFORMS").unwrap_or(row);
    if let Some((root, inside)) = root_in(inside) {
        let tree = xml::Tree::of_json(root, inside, &by_qualified_name, VOCABULARY.attributes)?;
        if let Some(tree) = tree {
            record(tree.root(), document, repaired, parsed);
        }
        return Ok(true);
    }
    if let Some((root, ubl)) = fields::to_ubl(row) {
        let tree = xml::Tree::of_json(root, &ubl, &by_qualified_name, VOCABULARY.attributes)?;
        if let Some(tree) = tree {
            record(tree.root(), document, repaired, parsed);
        }
        return Ok(true);
    }
    let mut encoded = Vec::new();
    strings(row, &mut encoded);
    let mut any = false;
    for text in encoded {
        // Line breaks inside base64 are common.
        let compact: String = text.split_whitespace().collect();
        let Ok(body) = STANDARD.decode(compact) else { continue };
        let inside = xml::Document::decode(&body)?;
        let Some(tree) = inside.read(&VOCABULARY)? else { continue };
        for root in notices_in(tree.root()) {
            record(root, document, inside.repaired, parsed);
            any = true;
        }
    }
    Ok(any)
}

/// Strings that begin like base64 of XML.
fn strings<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if BASE64_XML.iter().any(|start| text.starts_with(&start[1..])) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        Value::Object(map) => map.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}
