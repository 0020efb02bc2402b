//! The root element, from the first few kilobytes alone.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Attributes, decode, short};
use crate::formats::ParseError;

/// How much of a document is looked at.
const HEAD: usize = 16 * 1024;

/// A root element.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// Without prefix.
    pub local: String,
    /// Empty when there is none.
    pub namespace: String,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "root element {}", short(&self.local))?;
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in namespace {}", self.namespace) }
    }
}

/// The root of the document that begins with these bytes.
///
/// # Errors
/// When the beginning is empty or no XML.
pub fn root_of(bytes: &[u8]) -> Result<Root, ParseError> {
    let head = &bytes[..bytes.len().min(HEAD)];
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::Empty);
    }
    let (encoding, _, head) = decode::detect(head)?;
    // A character cut at the end of the head is no error here.
    let (text, _) = encoding.decode_without_bom_handling(head);
    let begins = text.trim_start();
    if begins.is_empty() {
        return Err(ParseError::Empty);
    }
    if !begins.starts_with('<') {
        return Err(ParseError::NotXml { found: begins.chars().take(40).collect() });
    }
    let mut reader = Reader::from_str(begins);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => return Ok(root(&start)),
            Ok(Event::Eof) | Err(_) => {
                let reason = "no root element in the first 16 kilobytes".to_owned();
                return Err(ParseError::NotWellFormed { at: reader.buffer_position(), reason });
            }
            Ok(_) => {}
        }
    }
}

fn root(start: &BytesStart<'_>) -> Root {
    let name = start.name();
    let name = name.as_ref();
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let binding = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
    let namespace = Attributes(start.attributes_raw()).flatten().find(|(name, _)| *name == binding);
    Root { local: local.to_owned(), namespace: namespace.map_or_else(String::new, |(_, uri)| uri.trim().to_owned()) }
}
