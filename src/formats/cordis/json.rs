//! Projects as JSON: the Commission's own project list, and flattenings of the XML with its participants.

use serde_json::{Map, Value};

use super::{FIELDS, FORMAT, Partner, Project, notice};
use crate::formats::{ParseError, Parsed};
use crate::issue::NonNotice;
use crate::raw::RawDocument;

/// How much of a document is looked at: one project with its objective fits.
const HEAD: usize = 64 * 1024;

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Names that only CORDIS uses together.
pub(super) fn sniff(bytes: &[u8]) -> bool {
    let bytes = without_mark(bytes).trim_ascii_start();
    let head = &bytes[..bytes.len().min(HEAD)];
    let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
    matches!(head.first(), Some(b'{' | b'['))
        && ((has("\"rcn\"") && has("\"acronym\"") && (has("\"ecMaxContribution\"") || has("\"totalCost\"")))
            || (has("\"acronym\"") && has("\"changes\"") && has("\"organizations\""))
            || (has("\"projectID\"")
                && (has("\"projectAcronym\"") || has("\"euroSciVocCode\"") || has("\"legalBasis\""))))
}

pub(super) fn records(document: &RawDocument, parsed: &mut Parsed) -> Result<(), ParseError> {
    let bytes = without_mark(&document.body);
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ParseError::NotThisFormat { format: FORMAT.name, found: error.to_string() })?;
    match value {
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                record(value, at + 1, document, parsed);
            }
        }
        value => record(&value, 1, document, parsed),
    }
    Ok(())
}

fn record(value: &Value, number: usize, document: &RawDocument, parsed: &mut Parsed) {
    let Value::Object(map) = value else {
        parsed.unreadable(format!("[{}]", number - 1), "no object");
        return;
    };
    if map.contains_key("changes") {
        parsed.non_notice(NonNotice::ChangeList);
    } else if map.contains_key("projectID") && !map.contains_key("objective") {
        parsed.non_notice(NonNotice::ProjectPart);
    } else if text(map, "id").is_empty() && text(map, "title").is_empty() {
        parsed.unreadable(format!("[{}]", number - 1), "neither id nor title");
    } else {
        parsed.notice(notice(&project(map), document, number, false));
    }
}

/// A text, or a number as text.
fn text(map: &Map<String, Value>, name: &str) -> String {
    match map.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// A list of texts, or texts with `;` between.
fn list(map: &Map<String, Value>, names: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in names.iter().filter_map(|name| map.get(*name)) {
        let parts: Vec<String> = match value {
            Value::String(text) => text.split(';').map(|part| part.trim().to_owned()).collect(),
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(|part| part.trim().to_owned()).collect(),
            _ => Vec::new(),
        };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !found.contains(&part) {
                found.push(part);
            }
        }
    }
    found
}

/// Names with a place in [`Project`] that are no single value.
const LISTS: &[&str] = &[
    "topic",
    "topics",
    "legalBasis",
    "call",
    "masterCall",
    "subCall",
    "fundingScheme",
    "euroSciVoc",
    "organizations",
    "coordinator",
    "countries",
];

fn project(map: &Map<String, Value>) -> Project {
    let mut found = Project::default();
    for name in FIELDS {
        let value = text(map, name);
        if !value.is_empty() {
            found.fields.push((name, value));
        }
    }
    for topic in map.get("topic").and_then(Value::as_array).into_iter().flatten() {
        if let Value::Object(topic) = topic {
            found.topics.push((text(topic, "code"), text(topic, "title")));
        }
    }
    found.topics.extend(list(map, &["topics", "topic"]).into_iter().map(|code| (code, String::new())));
    found.legal_bases = list(map, &["legalBasis"]);
    found.calls = list(map, &["call", "masterCall", "subCall"]);
    found.schemes = list(map, &["fundingScheme"]);
    found.classes = list(map, &["euroSciVoc"]);
    found.countries = list(map, &["countries"]);
    let coordinator =
        map.get("coordinator").into_iter().filter_map(Value::as_object).map(|one| partner(one, "coordinator"));
    let all = map.get("organizations").and_then(Value::as_array).into_iter().flatten();
    found.partners = all.filter_map(Value::as_object).map(|one| partner(one, "")).chain(coordinator).collect();
    let known = |name: &str| FIELDS.contains(&name) || LISTS.contains(&name);
    for (name, value) in map.iter().filter(|(name, value)| !known(name) && !value.is_null()).take(50) {
        found.rest.push((name.clone(), value.clone()));
    }
    found
}

fn partner(map: &Map<String, Value>, role: &str) -> Partner {
    let own = |name: &str| text(map, name);
    let written = own("role");
    Partner {
        pic: own("pic"),
        name: own("name"),
        short: own("short"),
        role: if written.is_empty() { role.to_owned() } else { written },
        activity: own("activity"),
        country: own("country"),
        city: own("city"),
        nuts: own("nuts"),
        website: String::new(),
        contribution: own("ec"),
        sme: own("sme"),
        terminated: own("terminated") == "true",
    }
}
