//! Bytes → text: byte order mark, then the pattern of the first bytes, then the declared encoding.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::formats::ParseError;

/// The text, and whether forbidden control characters were taken out of it.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, bool), ParseError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::Empty);
    }
    let (encoding, label, bytes) = detect(bytes)?;
    let text = if encoding == UTF_8 {
        Cow::Borrowed(std::str::from_utf8(bytes).map_err(|error| ParseError::WrongEncoding {
            declared: label.clone(),
            reason: format!("byte {} does not fit", error.valid_up_to()),
        })?)
    } else {
        encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
            ParseError::WrongEncoding { declared: label.clone(), reason: "some bytes do not fit".to_owned() }
        })?
    };
    let start = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    if start.is_empty() {
        return Err(ParseError::Empty);
    }
    if !start.starts_with('<') {
        return Err(ParseError::NotXml { found: start.chars().take(40).collect() });
    }
    Ok(without_controls(text))
}

/// `&` that begins no reference becomes `&amp;`, outside of CDATA; and whether there was one. Names that XML does not
/// predefine count as no reference, so that `&nbsp;` stays as written.
pub(super) fn without_bare_ampersands(text: Cow<'_, str>) -> (Cow<'_, str>, bool) {
    let mut repaired = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'&', b'<', &text.as_bytes()[at..]) {
        let here = at + found;
        let rest = &text[here..];
        if rest.starts_with('<') {
            let skipped = if rest.starts_with("<![CDATA[") { rest.find("]]>").unwrap_or(rest.len()) } else { 1 };
            at = here + skipped;
        } else {
            if !begins_reference(rest) {
                repaired.push_str(&text[done..here]);
                repaired.push_str("&amp;");
                done = here + 1;
            }
            at = here + 1;
        }
    }
    if done == 0 {
        return (text, false);
    }
    repaired.push_str(&text[done..]);
    (Cow::Owned(repaired), true)
}

fn begins_reference(text: &str) -> bool {
    // No reference is longer than `&#1114111;`, but zeros may lead.
    let end = text.bytes().take(16).position(|byte| byte == b';');
    end.and_then(|end| text.get(1..end)).is_some_and(|name| super::resolve(name).is_some())
}

/// The encoding, its label for messages, and the bytes after a byte order mark.
pub(super) fn detect(bytes: &[u8]) -> Result<(&'static Encoding, String, &[u8]), ParseError> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return Ok((encoding, format!("{} by byte order mark", encoding.name()), &bytes[length..]));
    }
    let guess = match bytes {
        [b'<', 0, _, 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, _, ..] => Some(UTF_16BE),
        _ => None,
    };
    if let Some(encoding) = guess {
        return Ok((encoding, format!("{} by its first bytes", encoding.name()), bytes));
    }
    let Some(label) = declared(bytes) else { return Ok((UTF_8, "none, so UTF-8".to_owned(), bytes)) };
    let encoding =
        Encoding::for_label(label.as_bytes()).ok_or_else(|| ParseError::UnknownEncoding { declared: label.clone() })?;
    if encoding == UTF_16LE || encoding == UTF_16BE {
        let reason = "its declaration is written in single bytes".to_owned();
        return Err(ParseError::WrongEncoding { declared: label, reason });
    }
    Ok((encoding, label, bytes))
}

/// The label in `<?xml … encoding="…"?>`, if the document begins so.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(400)];
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let declaration = head[start..].strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split(quote).next()?.trim().to_owned())
}

/// Whether XML 1.0 forbids the character.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

fn without_controls(text: Cow<'_, str>) -> (Cow<'_, str>, bool) {
    let dirty = |byte: &u8| *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r');
    // No early exit, so that the loop runs over many bytes at once.
    if !text.as_bytes().iter().fold(false, |found, byte| found | dirty(byte)) {
        return (text, false);
    }
    (Cow::Owned(text.chars().filter(|c| !is_forbidden(*c)).collect()), true)
}
