//! A document's bytes → trees: decoding, JSON, XML as JSON, and what is wrapped inside values.

use base64::Engine as _;
use encoding_rs::{Encoding, UTF_8};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use scraper::Html;
use serde_json::{Map, Value};

use super::labels::{Style, pairs};
use super::path::{Path, as_text};
use crate::formats::{ParseError, xml};

const MAX_DEPTH: usize = 200;
const MAX_NODES: usize = 1_000_000;
/// A value that unpacks to more than this stays packed.
const MAX_UNPACKED: usize = 64 << 20;

/// Namespaces that a definition names, with the prefix its paths use.
pub type Namespaces = Vec<(String, String)>;

/// One layer around a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Text in base64.
    Base64,
    /// JSON in a text.
    JsonString,
    /// XML in a text.
    XmlString,
    /// A page or part of one in a text.
    HtmlFragment,
}

/// A value that holds a document of its own.
#[derive(Clone, Debug)]
pub struct Expand {
    /// Where it is in the row.
    pub path: Path,
    /// The name under which the row has it.
    pub name: String,
    /// The layers, outermost first.
    pub via: Vec<Via>,
    /// How a page puts labels beside values.
    pub labels: Vec<Style>,
}

/// Bytes → text: byte order mark, then what the definition states, then what the document declares, then UTF-8.
pub fn decode(bytes: &[u8], stated: Option<&'static Encoding>) -> Result<String, ParseError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::Empty);
    }
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (stated.or_else(|| declared(bytes)).unwrap_or(UTF_8), bytes),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    let text = text.ok_or_else(|| ParseError::WrongEncoding {
        declared: encoding.name().to_owned(),
        reason: "some bytes do not fit".to_owned(),
    })?;
    Ok(text.into_owned())
}

/// The encoding in an XML declaration or in a page's head.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<' | b'{' | b'[', 0, _, 0, ..] => return Some(encoding_rs::UTF_16LE),
        [0, b'<' | b'{' | b'[', 0, _, ..] => return Some(encoding_rs::UTF_16BE),
        _ => {}
    }
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'<') {
        return None;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let after = ["encoding=", "charset="].iter().find_map(|sign| head.split_once(sign).map(|(_, after)| after))?;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

/// JSON → tree. Raw control characters inside strings, which some publishers write, become blanks.
pub fn json(text: &str) -> Result<Value, ParseError> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if text.chars().any(char::is_control) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if let Ok(value) = serde_json::from_str(&clean) {
            return Ok(value);
        }
    }
    let before: usize = text.lines().take(error.line().saturating_sub(1)).map(|line| line.len() + 1).sum();
    let at = (before + error.column()) as u64;
    Err(ParseError::NotJson { at, reason: error.to_string() })
}

struct Open {
    name: String,
    map: Map<String, Value>,
    text: String,
}

/// XML → tree: children by local name (by `prefix:name` in namespaces that the definition names), attributes as
/// `@name`, text as `#text`; an element with text alone is that text; repeated elements are a list.
pub fn xml(text: &str, namespaces: &Namespaces) -> Result<Value, ParseError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut scopes: Vec<(usize, String, String)> = Vec::new();
    let mut root: Option<Value> = None;
    let mut nodes = 0;
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let event = event.map_err(|error| ParseError::NotWellFormed { at, reason: error.to_string() })?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                nodes += 1;
                if nodes > MAX_NODES {
                    return Err(ParseError::TooManyNodes { limit: MAX_NODES });
                }
                if open.len() >= MAX_DEPTH {
                    return Err(ParseError::TooDeep { limit: MAX_DEPTH, at });
                }
                if open.is_empty() && root.is_some() {
                    return Err(ParseError::NotWellFormed { at, reason: "a second root element".to_owned() });
                }
                let element = element(start, open.len(), &mut scopes, namespaces);
                open.push(element);
                if matches!(event, Event::Empty(_)) {
                    close(&mut open, &mut scopes, &mut root);
                }
            }
            Event::End(_) => close(&mut open, &mut scopes, &mut root),
            Event::Text(part) => characters(&mut open, &part),
            Event::CData(part) => characters(&mut open, &part),
            Event::GeneralRef(reference) => {
                let character = xml::resolve(&reference)
                    .ok_or_else(|| ParseError::Entity { at, reason: format!("&{};", &*reference) })?;
                characters(&mut open, character.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(declaration) if declaration.contains(['[', '<']) => {
                return Err(ParseError::Entity { at, reason: "a document type with declarations".to_owned() });
            }
            Event::Eof => break,
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    let at = reader.buffer_position();
    if let Some(inside) = open.pop() {
        return Err(ParseError::Truncated { at, inside: inside.name });
    }
    root.ok_or_else(|| ParseError::NotXml { found: text.trim().chars().take(40).collect() })
}

fn element(
    start: &BytesStart<'_>,
    depth: usize,
    scopes: &mut Vec<(usize, String, String)>,
    known: &Namespaces,
) -> Open {
    let mut map = Map::new();
    for attribute in start.attributes().flatten() {
        let key = attribute.key.as_ref().to_owned();
        let value = attribute.value.as_ref();
        let value = if value.contains('&') { super::labels::strip(value) } else { value.to_owned() };
        if let Some(rest) = key.strip_prefix("xmlns") {
            scopes.push((depth, rest.trim_start_matches(':').to_owned(), value));
        } else {
            let local = key.rsplit(':').next().unwrap_or(&key);
            map.insert(format!("@{local}"), Value::from(value));
        }
    }
    let name = start.name();
    let name = name.as_ref();
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let uri = scopes.iter().rev().find(|(_, bound, _)| bound == prefix).map(|(_, _, uri)| uri.as_str());
    let short = uri.and_then(|uri| known.iter().find(|(_, wanted)| wanted == uri)).map(|(short, _)| short);
    let name = short.map_or_else(|| local.to_owned(), |short| format!("{short}:{local}"));
    Open { name, map, text: String::new() }
}

fn characters(open: &mut [Open], text: &str) {
    if let Some(open) = open.last_mut() {
        open.text.push_str(text);
    }
}

fn close(open: &mut Vec<Open>, scopes: &mut Vec<(usize, String, String)>, root: &mut Option<Value>) {
    let Some(Open { name, mut map, text }) = open.pop() else { return };
    scopes.retain(|(depth, ..)| *depth < open.len());
    let text = text.trim();
    let value = if map.is_empty() {
        Value::from(text)
    } else {
        if !text.is_empty() {
            map.insert("#text".to_owned(), Value::from(text));
        }
        Value::Object(map)
    };
    match open.last_mut() {
        Some(parent) => match parent.map.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(single) => *single = Value::Array(vec![single.take(), value]),
            None => {
                parent.map.insert(name, value);
            }
        },
        None => *root = Some(Value::Object(Map::from_iter([(name, value)]))),
    }
}

/// Opens the documents inside a row and puts them under their names. What cannot be opened is told by path.
pub fn expand(tree: &mut Value, rules: &[Expand], fragments: &mut Vec<(String, Html)>) -> Vec<(String, String)> {
    let mut failed = Vec::new();
    for rule in rules {
        let found = rule.path.find(tree, "");
        let Some(first) = found.first() else { continue };
        let at = first.at.clone();
        let packed = first.value.clone().into_owned();
        drop(found);
        if packed.is_null() || as_text(&packed).trim().is_empty() && packed.is_string() {
            continue;
        }
        match open_all(packed, rule, fragments) {
            Ok(value) => {
                if let Value::Object(map) = tree {
                    map.insert(rule.name.clone(), value);
                }
            }
            Err(reason) => failed.push((at, reason)),
        }
    }
    failed
}

fn open_all(mut value: Value, rule: &Expand, fragments: &mut Vec<(String, Html)>) -> Result<Value, String> {
    for via in &rule.via {
        // A publisher may have unwrapped it already.
        if *via == Via::JsonString && !value.is_string() {
            continue;
        }
        let text = as_text(&value);
        if text.len() > MAX_UNPACKED {
            return Err("too large to open".to_owned());
        }
        value = match via {
            Via::Base64 => {
                let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                let bytes =
                    base64::engine::general_purpose::STANDARD.decode(packed).map_err(|error| error.to_string())?;
                Value::from(decode(&bytes, None).map_err(|error| error.to_string())?)
            }
            Via::JsonString => json(&text).map_err(|error| error.to_string())?,
            Via::XmlString => xml(&text, &Namespaces::new()).map_err(|error| error.to_string())?,
            Via::HtmlFragment => {
                let html = Html::parse_document(&text);
                let labels = pairs(html.tree.root(), &rule.labels);
                fragments.push((rule.name.clone(), html));
                Value::Object(Map::from_iter([("#labels".to_owned(), labels)]))
            }
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xml_becomes_a_tree() {
        let text = r#"<a xmlns:p="urn:p" x="1 &amp; 2"><b>one</b><b y="2">t&amp;o</b><p:c><![CDATA[<d>]]></p:c></a>"#;
        let expected = json!({"a": {"@x": "1 & 2", "b": ["one", {"@y": "2", "#text": "t&o"}], "c": "<d>"}});
        assert_eq!(xml(text, &Namespaces::new()).expect("XML"), expected);
        let named = vec![("q".to_owned(), "urn:p".to_owned())];
        assert_eq!(xml(text, &named).expect("XML")["a"]["q:c"], json!("<d>"));
        for broken in ["<a><b></a>", "<a>", "", "<a/><b/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a>&x;</a>"] {
            assert!(xml(broken, &Namespaces::new()).is_err(), "{broken}");
        }
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(decode(b"\xEF\xBB\xBF{}", None).expect("a mark"), "{}");
        assert_eq!(decode(b"[\"\xE6\"]", Encoding::for_label(b"windows-1252")).expect("stated"), "[\"\u{e6}\"]");
        let page = b"<html><head><meta charset=\"windows-1250\"></head>\x9A</html>";
        assert!(decode(page, None).expect("declared").contains('š'));
        assert_eq!(decode(b"[\0]\0 \0 \0", None).expect("two bytes").trim(), "[]");
        assert!(decode(b"[\"\xE6\"]", None).is_err());
    }

    #[test]
    fn values_are_opened_layer_by_layer() {
        let mut tree = json!({"a": "{\"b\": 1}", "c": "eyJkIjoyfQ==", "e": "nope"});
        let rule = |path: &str, name: &str, via: &[Via]| Expand {
            path: Path::parse(path).expect("a path"),
            name: name.to_owned(),
            via: via.to_vec(),
            labels: Vec::new(),
        };
        let rules = [
            rule("a", "x", &[Via::JsonString]),
            rule("c", "y", &[Via::Base64, Via::JsonString]),
            rule("e", "z", &[Via::JsonString]),
        ];
        let failed = expand(&mut tree, &rules, &mut Vec::new());
        assert_eq!((&tree["x"]["b"], &tree["y"]["d"]), (&json!(1), &json!(2)));
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].0, "e");
    }
}
