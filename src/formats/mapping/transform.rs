//! What is done to a field's values: a closed list of steps, chained in the order written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::Value;

use super::field::{Scope, Test};
use super::path::{Found, Path, as_text};
use crate::codes;
use crate::formats::reading::{Order, Reading, Style, decimal, written};
use crate::issue::IssueCode;
use crate::notice::Moment;

/// Values of one field after splitting.
const MAX_VALUES: usize = 5000;

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// White space at both ends.
    Trim,
    /// Any white space becomes one blank.
    CollapseWs,
    /// Tags go, blocks become lines, entities become characters.
    StripHtml,
    /// Entities become characters.
    Unescape,
    /// A group of a pattern, else its whole match; values that do not match go.
    Regex { pattern: Regex, group: Option<String> },
    /// At a separator.
    Split(String),
    /// Only the first value.
    First,
    /// One text of all values.
    Join(String),
    /// Another word for each value.
    Map { table: BTreeMap<String, String>, by_prefix: bool, has_default: bool },
    /// When nothing is there.
    Default(String),
    /// One language of a text in several, by preference.
    LangPick(Vec<String>),
    /// A number in this writing, as a plain decimal.
    Number(Style),
    /// A date in one of these writings.
    Date { formats: Vec<DateFormat>, zone: Option<TimeZone> },
    /// Without the letters and blanks around it.
    BuyerId,
    /// With this before it.
    PrefixId(String),
    /// An address with `{}` for the value and `{path}` for others of the row.
    UrlTemplate(Template),
    /// Relative to this address.
    Absolute(url::Url),
    /// `true` or `false`.
    Bool,
    /// Whether it passes a test, as `true` or `false`.
    Test(Test),
    /// ISO 3166-1 alpha-2.
    Country,
    /// CPV codes, 8 digits.
    Cpv,
}

/// How a date is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// Whatever the shared reader understands; the day first, unless said otherwise.
    Auto(Option<Order>),
    /// `strptime` with a time or without.
    Pattern(String),
    /// Milliseconds since 1970, or `/Date(…)/`.
    Millis,
}

/// Text with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Own,
    Path(Path),
}

impl Template {
    /// Reads `https://…/{}` or `https://…/{some.path}`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, tail) = after.split_once('}').ok_or_else(|| "a { is not closed".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(if inside.is_empty() {
                Part::Own
            } else {
                let path = Path::parse(inside);
                Part::Path(path.map_err(|error| format!("{{{inside}}}: {} at {}", error.reason, error.column))?)
            });
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Fills it; `None` when a value is not there.
    pub fn fill(&self, own: &str, scope: &Scope<'_>) -> Option<String> {
        let mut filled = String::new();
        let is_address = matches!(self.parts.first(), Some(Part::Text(text)) if text.starts_with("http"));
        let push = |filled: &mut String, text: &str| {
            if is_address { encoded(text.trim(), filled) } else { filled.push_str(text.trim()) }
        };
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Own => push(&mut filled, own),
                Part::Path(path) => {
                    let found =
                        if path.from_row { path.find(&scope.row.tree, "") } else { path.find(&scope.value, "") };
                    let text = found.first().map(|found| as_text(&found.value)).filter(|text| !text.is_empty())?;
                    push(&mut filled, &text);
                }
            }
        }
        Some(filled)
    }
}

/// What has a meaning of its own in an address is escaped; slashes stay.
fn encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(DIGITS[usize::from(other >> 4)]));
                out.push(char::from(DIGITS[usize::from(other & 15)]));
            }
        }
    }
}

/// Whether an object holds one text per language.
pub fn is_per_language(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            !map.is_empty()
                && map.iter().all(|(key, value)| {
                    key.len() == 2 && codes::language(key).is_some() && (value.is_string() || value.is_null())
                })
        }
        _ => false,
    }
}

/// Runs all steps.
pub fn run<'r>(steps: &[Step], mut found: Vec<Found<'r>>, scope: &Scope<'_>, reading: &mut Reading) -> Vec<Found<'r>> {
    for step in steps {
        found = one(step, found, scope, reading);
    }
    found
}

fn owned(text: impl Into<String>, at: String) -> Found<'static> {
    Found { value: Cow::Owned(Value::from(text.into())), at }
}

/// A text step, on a plain value or on every language of one.
fn each(found: Vec<Found<'_>>, change: impl Fn(&str) -> Option<String>) -> Vec<Found<'_>> {
    let mut out = Vec::with_capacity(found.len());
    for Found { value, at } in found {
        if is_per_language(&value)
            && let Value::Object(map) = value.as_ref()
        {
            let changed = map
                .iter()
                .filter_map(|(language, text)| Some((language.clone(), Value::from(change(text.as_str()?)?))));
            out.push(Found { value: Cow::Owned(Value::Object(changed.collect())), at });
            continue;
        }
        if let Value::Array(items) = value.as_ref() {
            for (number, item) in items.iter().enumerate().take(MAX_VALUES) {
                if let Some(text) = change(&as_text(item)) {
                    out.push(owned(text, format!("{at}[{number}]")));
                }
            }
            continue;
        }
        if let Some(text) = change(&as_text(&value)) {
            out.push(owned(text, at));
        }
    }
    out
}

#[expect(clippy::too_many_lines, reason = "one arm per step of the closed list")]
fn one<'r>(step: &Step, found: Vec<Found<'r>>, scope: &Scope<'_>, reading: &mut Reading) -> Vec<Found<'r>> {
    match step {
        Step::Trim => each(found, |text| Some(text.trim().to_owned())),
        Step::CollapseWs => each(found, |text| Some(text.split_whitespace().collect::<Vec<_>>().join(" "))),
        Step::StripHtml => each(found, |text| Some(super::labels::strip(text))),
        Step::Unescape => each(found, |text| Some(unescape(text))),
        Step::Regex { pattern, group } => each(found, |text| {
            let captures = pattern.captures(text)?;
            let part = match group {
                Some(name) => captures.name(name),
                None => captures.get(1).or_else(|| captures.get(0)),
            };
            part.map(|part| part.as_str().trim().to_owned())
        }),
        Step::Split(separator) => {
            let mut out = Vec::new();
            for found in found {
                let text = as_text(&found.value);
                for (number, part) in text.split(separator.as_str()).enumerate().take(MAX_VALUES) {
                    if !part.trim().is_empty() && out.len() < MAX_VALUES {
                        out.push(owned(part.trim(), format!("{}#{}", found.at, number + 1)));
                    }
                }
            }
            out
        }
        Step::First => found.into_iter().take(1).collect(),
        Step::Join(separator) => {
            let Some(first) = found.first() else { return found };
            let at = first.at.clone();
            let texts: Vec<String> =
                found.iter().map(|found| as_text(&found.value)).filter(|text| !text.trim().is_empty()).collect();
            vec![owned(texts.join(separator), at)]
        }
        Step::Map { table, by_prefix, has_default } => mapped(found, table, *by_prefix, *has_default, scope, reading),
        Step::Default(text) if found.iter().all(|found| as_text(&found.value).is_empty()) => {
            vec![owned(text.as_str(), String::from("(default)"))]
        }
        Step::Default(_) => found,
        Step::LangPick(wanted) => found.into_iter().filter_map(|found| pick(found, wanted)).collect(),
        Step::Number(style) => found
            .into_iter()
            .filter_map(|found| {
                let text = as_text(&found.value);
                let style = if found.value.is_number() { Style::Point } else { *style };
                let number = decimal(&text, style);
                if number.is_none() {
                    reading.issue(IssueCode::BadNumber, &found.at, &text);
                }
                // A number in JSON is plainly a decimal, whatever the field's writing is.
                let number = number.and_then(|number| serde_json::from_str(&number.to_string()).ok());
                number.map(|number: Value| Found { value: Cow::Owned(number), at: found.at })
            })
            .collect(),
        Step::Date { formats, zone } => found
            .into_iter()
            .filter_map(|found| {
                let text = as_text(&found.value);
                let text = text.trim();
                let read = formats.iter().find_map(|format| date(format, text, zone.as_ref()));
                if read.is_none() && !text.is_empty() {
                    reading.issue(IssueCode::BadDate, &found.at, text);
                    reading.keep(found.at.as_str(), text);
                }
                read.map(|text| owned(text, found.at))
            })
            .collect(),
        Step::BuyerId => each(found, |text| {
            let text: String = text.chars().filter(|c| !matches!(c, '\u{200B}'..='\u{200F}' | '\u{FEFF}')).collect();
            let joined: String = text.split_whitespace().collect();
            let digits = joined
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .trim_end_matches(|c: char| !c.is_ascii_digit());
            // What is mostly digits is a register number with words around it; anything else stays as written.
            Some(if digits.len() * 2 > joined.len() && digits.len() >= 4 { digits.to_owned() } else { joined })
        }),
        Step::PrefixId(prefix) => each(found, |text| Some(format!("{prefix}{}", text.trim()))),
        Step::UrlTemplate(template) => found
            .into_iter()
            .filter_map(|found| template.fill(&as_text(&found.value), scope).map(|text| owned(text, found.at)))
            .collect(),
        Step::Absolute(base) => each(found, |text| base.join(text.trim()).ok().map(String::from)),
        Step::Bool => found
            .into_iter()
            .filter_map(|found| {
                reading.flag(&found.at, &as_text(&found.value)).map(|truth| owned(truth.to_string(), found.at))
            })
            .collect(),
        Step::Test(test) => {
            let at = found.first().map(|found| found.at.clone()).unwrap_or_default();
            vec![Found { value: Cow::Owned(Value::from(test.holds(&found))), at }]
        }
        Step::Country => found
            .into_iter()
            .filter_map(|found| reading.country(&found.at, &as_text(&found.value)).map(|code| owned(code, found.at)))
            .collect(),
        Step::Cpv => {
            let mut out = Vec::new();
            for found in found {
                let text = as_text(&found.value);
                out.extend(reading.cpv(&found.at, &text).into_iter().map(|code| owned(code, found.at.clone())));
            }
            out
        }
    }
}

fn mapped<'r>(
    found: Vec<Found<'r>>,
    table: &BTreeMap<String, String>,
    by_prefix: bool,
    has_default: bool,
    scope: &Scope<'_>,
    reading: &mut Reading,
) -> Vec<Found<'r>> {
    let mut out = Vec::new();
    for Found { value, at } in found {
        let written = as_text(&value);
        let text = written.trim();
        if text.is_empty() {
            continue;
        }
        let hit = if by_prefix {
            let fitting = table.iter().filter(|(start, _)| text.starts_with(start.as_str()));
            fitting.max_by_key(|(start, _)| start.len()).map(|(_, value)| value)
        } else {
            table.get(text).or_else(|| {
                let lower = text.to_lowercase();
                table.iter().find(|(key, _)| key.to_lowercase() == lower).map(|(_, value)| value)
            })
        };
        // The code as published is kept beside the word that stands for it here.
        if !by_prefix {
            reading.keep(at.as_str(), text);
        }
        match hit {
            Some(word) if word.contains('{') => {
                let filled = Template::parse(word).ok().and_then(|template| template.fill(text, scope));
                out.extend(filled.map(|text| owned(text, at)));
            }
            Some(word) => out.push(owned(word.as_str(), at)),
            None if has_default => {}
            None => reading.issue(IssueCode::UnknownCode, &at, text),
        }
    }
    out
}

fn pick<'r>(found: Found<'r>, wanted: &[String]) -> Option<Found<'r>> {
    if !is_per_language(&found.value) {
        return Some(found);
    }
    let Value::Object(map) = found.value.as_ref() else { return Some(found) };
    let text = |key: &str| map.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let (key, text) = wanted
        .iter()
        .map(String::as_str)
        .chain(map.keys().map(String::as_str))
        .find_map(|key| text(key).map(|text| (key, text)))?;
    Some(owned(text, format!("{}.{key}", found.at)))
}

/// The date in the ISO writing that the shared reader understands, in the zone if one is given.
fn date(format: &DateFormat, text: &str, zone: Option<&TimeZone>) -> Option<String> {
    let moment = match format {
        DateFormat::Auto(order) => written(text, order.unwrap_or_default())?,
        DateFormat::Millis => written(text, Order::default()).filter(|moment| moment.offset.is_some())?,
        DateFormat::Pattern(pattern) => {
            let broken = jiff::fmt::strtime::parse(pattern, text).ok()?;
            let date = broken.to_date().ok()?;
            let time = broken.hour().and_then(|_| broken.to_time().ok());
            Moment { date, time, offset: broken.offset() }
        }
    };
    let (Some(zone), Some(_)) = (zone, moment.time) else { return Some(moment.to_string()) };
    let zoned = moment.at(zone)?.to_zoned(zone.clone());
    Some(Moment { date: zoned.date(), time: Some(zoned.time()), offset: Some(zoned.offset()) }.to_string())
}

/// HTML entities become characters.
fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    // Inside a textarea markup is text, so only references are resolved.
    let guarded = text.replace('<', "&lt;");
    let html = scraper::Html::parse_fragment(&guarded);
    html.root_element().text().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_a_stated_writing() {
        let zone = TimeZone::get("Europe/Prague").expect("a zone");
        let pattern = |text: &str| DateFormat::Pattern(text.to_owned());
        for (format, text, zone, expected) in [
            (pattern("%d. %m. %Y %H:%M"), "24. 06. 2025 10:00", Some(&zone), Some("2025-06-24T10:00:00+02:00")),
            (pattern("%d. %m. %Y %H:%M"), "24. 06. 2025 10:00", None, Some("2025-06-24T10:00:00")),
            (pattern("%m/%d/%Y"), "06/24/2025", None, Some("2025-06-24")),
            (pattern("%Y-%m-%d"), "soon", None, None),
            (DateFormat::Millis, "/Date(1388527200000+0200)/", Some(&zone), Some("2013-12-31T23:00:00+01:00")),
            (DateFormat::Millis, "1744848000000", None, Some("2025-04-17T00:00:00+00:00")),
        ] {
            assert_eq!(date(&format, text, zone).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn entities_become_characters_and_tags_stay() {
        assert_eq!(unescape("A &amp; B &eacute; <b>"), "A & B é <b>");
    }
}
