//! JSON → a value, and paths into it; shared by formats that come as JSON, or as XML of the same shape.
//!
//! XML written as JSON has `@name` for attributes, `#text` for text beside them, and a list where an element repeats.
//! It knows no format.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::Value;

use super::ParseError;

/// Values taken from one list: bounds the work on hostile documents.
const MAX_LIST: usize = 100_000;

/// Without byte order mark and leading white space.
fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start()
}

/// Whether a document begins like an object or a list.
pub fn begins(bytes: &[u8]) -> bool {
    matches!(trimmed(bytes).first(), Some(b'{' | b'['))
}

/// Whether somewhere in the document there is a key of this name. Keys inside strings are escaped and do not count.
pub fn has_key(bytes: &[u8], key: &str) -> bool {
    let quoted = format!("\"{key}\"");
    memmem::find_iter(bytes, quoted.as_bytes())
        .any(|at| bytes[at + quoted.len()..].trim_ascii_start().first() == Some(&b':'))
}

/// The value of a whole document. Raw control characters inside strings, which occur in real answers, become blanks;
/// the second value says so.
pub fn parse(bytes: &[u8]) -> Result<(Value, bool), ParseError> {
    let text = trimmed(bytes);
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    match serde_json::from_slice(text) {
        Ok(value) => Ok((value, false)),
        Err(error) => {
            // Between values a control character is white space, so a blank is right everywhere.
            if text.iter().any(|byte| *byte < b' ') {
                let clean: Vec<u8> = text.iter().map(|byte| if *byte < b' ' { b' ' } else { *byte }).collect();
                if let Ok(value) = serde_json::from_slice(&clean) {
                    return Ok((value, true));
                }
            }
            Err(ParseError::NotJson { at: offset(text, &error), reason: error.to_string() })
        }
    }
}

fn offset(text: &[u8], error: &serde_json::Error) -> u64 {
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(<[u8]>::len).sum();
    u64::try_from(before + error.column()).unwrap_or(u64::MAX)
}

/// What stands at a path of keys (`a.b.c`); of a list on the way, its first entry.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| first(value)?.get(key)).filter(|value| !value.is_null())
}

/// The first entry of a list, however deeply nested, else the value itself.
fn first(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(list) => list.first().and_then(first),
        other => Some(other),
    }
}

/// Everything at a path: lists on the way and at its end are opened, also lists in lists.
pub fn all<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    gather(value, Some(path), &mut found);
    found.truncate(MAX_LIST);
    found
}

/// serde_json reads no deeper than 128 levels.
fn gather<'v>(value: &'v Value, path: Option<&str>, found: &mut Vec<&'v Value>) {
    match (value, path) {
        (Value::Array(list), _) => list.iter().for_each(|value| gather(value, path, found)),
        (other, None) => found.push(other),
        (other, Some(path)) => {
            let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
            if let Some(inside) = other.get(key).filter(|inside| !inside.is_null()) {
                gather(inside, rest, found);
            }
        }
    }
}

/// The text of a string, number, flag, or element with attributes; `None` when it is blank or something else.
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Object(map) => return map.get("#text").and_then(text),
        Value::Array(list) => return list.iter().find_map(text),
        Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The text at a path.
pub fn text_at<'v>(value: &'v Value, path: &str) -> Option<Cow<'v, str>> {
    at(value, path).and_then(text)
}

/// The names of the elements inside: publishers write a code as an empty element of that name.
pub fn names(value: &Value) -> Vec<&str> {
    match first(value) {
        Some(Value::Object(map)) => {
            map.keys().map(String::as_str).filter(|name| !name.starts_with(['@', '#'])).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_open_lists_on_the_way() {
        let value = json!({"a": [{"b": [[{"c": 1}], {"c": "x"}]}, {"b": {"c": {"@d": "e", "#text": " y "}}}]});
        let texts: Vec<_> = all(&value, "a.b.c").into_iter().filter_map(text).collect();
        assert_eq!(texts, ["1", "x", "y"]);
        assert_eq!(text_at(&value, "a.b.c").as_deref(), Some("1"));
        assert_eq!(names(&json!({"@x": 1, "JOUE": ""})), ["JOUE"]);
    }

    #[test]
    fn keys_inside_strings_do_not_count() {
        assert!(has_key(br#"{"id" : 1}"#, "id"));
        assert!(!has_key(br#"{"x": "{\"id\": 1}", "y": "id"}"#, "id"));
    }

    #[test]
    fn control_characters_in_strings_are_repaired_and_the_rest_is_refused() {
        assert_eq!(parse(b"\xEF\xBB\xBF {\"a\": \"b\tc\"}"), Ok((json!({"a": "b c"}), true)));
        let error = parse(b"{\n\"a\": ]").expect_err("no JSON");
        assert_eq!(error.code(), "not-json");
        assert_eq!(parse(b" \n"), Err(ParseError::Empty));
    }
}
