//! Bytes → text that is JSON: encodings nobody declared, and the small damage that publishers' exports have.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::formats::ParseError;
use crate::issue::IssueCode;

/// The text, and whether it had to be read as another encoding.
pub(super) fn decode(body: &[u8]) -> Result<(Cow<'_, str>, Option<IssueCode>), ParseError> {
    let (body, marked) = match Encoding::for_bom(body) {
        Some((encoding, length)) => (&body[length..], Some(encoding)),
        None => (body, None),
    };
    let mut finding = None;
    let text = match (marked.filter(|encoding| *encoding != encoding_rs::UTF_8), std::str::from_utf8(body)) {
        (Some(encoding), _) => encoding.decode_without_bom_handling(body).0,
        (None, Ok(text)) => Cow::Borrowed(text),
        // Some publishers declare UTF-8 and write Latin-1.
        (None, Err(_)) => {
            finding = Some(IssueCode::RepairedEncoding);
            WINDOWS_1252.decode_without_bom_handling(body).0
        }
    };
    let trimmed = |text: &str| text.trim_matches(is_filling).len();
    match trimmed(&text) {
        0 => Err(ParseError::Empty),
        length if length == text.len() => Ok((text, finding)),
        _ => Ok((
            match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_filling)),
                Cow::Owned(text) => Cow::Owned(text.trim_matches(is_filling).to_owned()),
            },
            finding,
        )),
    }
}

fn is_filling(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{FEFF}'
}

/// The first byte that tells, and the bytes from there.
pub(super) fn start(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let at = body.iter().position(|byte| *byte > b' ').unwrap_or(body.len());
    &body[at..]
}

/// The same text with what JSON forbids put right: control characters and bad escapes in strings, numbers that no
/// machine holds (`1e9999`) or that are none (`12 000`) as strings, `NaN` as null, commas before a closing bracket.
pub(super) fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.char_indices().peekable();
    let mut inside = false;
    while let Some((at, c)) = chars.next() {
        if inside {
            match c {
                '"' => {
                    inside = false;
                    out.push(c);
                }
                '\\' => match chars.peek().map(|(_, next)| *next) {
                    Some(next @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => {
                        chars.next();
                        out.push(c);
                        out.push(next);
                    }
                    _ => out.push_str("\\\\"),
                },
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if c < ' ' => out.push(' '),
                c => out.push(c),
            }
            continue;
        }
        match c {
            '"' => {
                inside = true;
                out.push(c);
            }
            ',' if text[at + 1..].trim_start_matches(is_filling).starts_with(['}', ']']) => {}
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => {
                let length = number_length(&text[at..]);
                let token = &text[at..at + length];
                while chars.peek().is_some_and(|(next, _)| *next < at + length) {
                    chars.next();
                }
                let readable = serde_json::from_str::<f64>(token).is_ok();
                if readable {
                    out.push_str(token);
                } else {
                    out.push('"');
                    out.push_str(token);
                    out.push('"');
                }
            }
            c if c.is_alphabetic() => {
                let length: usize = text[at..].chars().take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum();
                let word = &text[at..at + length];
                while chars.peek().is_some_and(|(next, _)| *next < at + length) {
                    chars.next();
                }
                out.push_str(if matches!(word, "true" | "false") { word } else { "null" });
            }
            c if is_filling(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// How long a number is, with blanks between its groups of digits.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let byte = bytes[end];
        let grouped = byte == b' ' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E') || grouped {
            end += 1;
        } else {
            break;
        }
    }
    end.max(1)
}

/// Why the text is no JSON.
pub(super) fn refusal(text: &str, error: &serde_json::Error) -> ParseError {
    let line = error.line().saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let at = (before + error.column()) as u64;
    match error.classify() {
        serde_json::error::Category::Eof => ParseError::Truncated { at, inside: "JSON".to_owned() },
        _ => ParseError::NotWellFormed { at, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_repaired_and_nothing_else_touched() {
        for (text, expected) in [
            (r#"{"amount": 1e9999, "b": 12 000, "c": 000,}"#, r#"{"amount": "1e9999", "b": "12 000", "c": "000"}"#),
            ("{\"t\": \"a\nb\\xc\u{1}\", \"n\": NaN, \"d\": -1.5}", r#"{"t": "a\nb\\xc ", "n": null, "d": -1.5}"#),
            (r#"[1, true, null, "a \"q\" 1e9999,]"]"#, r#"[1, true, null, "a \"q\" 1e9999,]"]"#),
        ] {
            assert_eq!(repair(text), expected);
            assert!(serde_json::from_str::<serde_json::Value>(&repair(text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn encodings_nobody_declared() {
        let read = |bytes: &'static [u8]| decode(bytes).map(|(text, finding)| (text.into_owned(), finding.is_some()));
        assert_eq!(read(b"\xEF\xBB\xBF{}"), Ok(("{}".to_owned(), false)));
        assert_eq!(read(b"\0\0 {\"a\":\"\xE9\"}\n"), Ok(("{\"a\":\"é\"}".to_owned(), true)));
        assert_eq!(read(b"\xFF\xFE{\0}\0"), Ok(("{}".to_owned(), false)));
        assert_eq!(read(b" \n\0"), Err(ParseError::Empty));
    }
}
