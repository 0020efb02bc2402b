//! Calls of the EU Funding & Tenders portal: answers of its search service, and rows that were harvested from it.
//!
//! One topic is one notice of stage `call`. The service writes every value as a list of texts, some of them JSON inside
//! a text; harvested rows have one value each. Text that was read in a wrong encoding is repaired where that is exact.
//! A row that only names a topic is an entry of a change list and no notice: as one it would replace the call that is
//! known under the same id. It refuses to guess who pays: a call has no contracting party.

mod mojibake;

use serde_json::{Map, Value};

use super::reading::{Reading, notice_id, push_new};
use super::{Format, ParseError, Parsed, html};
use crate::codes;
use crate::issue::{IssueCode, NonNotice};
use crate::notice::{Deadline, EuFunding, MoneyKind, Notice, Related, Relation, Stage, Vat};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "funding-tenders", version: 1, sniff, parse };

/// How much of a document is looked at.
const HEAD: usize = 64 * 1024;

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Names that only the portal uses together.
fn sniff(bytes: &[u8]) -> bool {
    let bytes = without_mark(bytes).trim_ascii_start();
    let head = &bytes[..bytes.len().min(HEAD)];
    let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
    matches!(head.first(), Some(b'{' | b'['))
        && ((has("\"metadata\"") && has("\"reference\"") && (has("TOPICS") || has("\"callIdentifier\"")))
            || (has("\"totalResults\"") && has("\"results\"") && has("\"apiVersion\""))
            || (has("\"topicId\"") && has("\"callIdentifier\"") && has("\"callStatus\""))
            || (has("\"topicId\"") && has("\"name\"") && has("\"type\"") && !has("\"title\"")))
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let value: Value = serde_json::from_slice(without_mark(&document.body))
        .map_err(|error| ParseError::NotThisFormat { format: FORMAT.name, found: error.to_string() })?;
    let mut parsed = Parsed::default();
    match &value {
        Value::Array(list) => list.iter().for_each(|value| record(value, document, &mut parsed)),
        Value::Object(map) => match map.get("results").and_then(Value::as_array) {
            Some(list) => list.iter().for_each(|value| record(value, document, &mut parsed)),
            None => record(&value, document, &mut parsed),
        },
        _ => return Err(ParseError::NotThisFormat { format: FORMAT.name, found: "JSON without an object".to_owned() }),
    }
    Ok(parsed)
}

fn record(value: &Value, document: &RawDocument, parsed: &mut Parsed) {
    let number = usize::try_from(parsed.records.read + 1).unwrap_or(usize::MAX);
    let Value::Object(map) = value else {
        parsed.unreadable(format!("[{}]", number - 1), "no object");
        return;
    };
    let call = Call { outer: map, inner: map.get("metadata").and_then(Value::as_object) };
    let topic = call.text(&["identifier", "topicId"]);
    let title = call.text(&["title", "callTitle"]);
    if topic.is_empty() && title.is_empty() {
        parsed.unreadable(format!("[{}]", number - 1), "neither identifier nor title");
    } else if title.is_empty() && map.len() <= 4 {
        parsed.non_notice(NonNotice::ChangeList);
    } else {
        parsed.notice(notice(&call, &topic, document, number));
    }
}

/// One result with its `metadata`, or a harvested row.
struct Call<'a> {
    outer: &'a Map<String, Value>,
    inner: Option<&'a Map<String, Value>>,
}

impl<'a> Call<'a> {
    fn values(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        let found = self.inner.and_then(|inner| inner.get(name)).or_else(|| self.outer.get(name));
        let list = found.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().chain(found.filter(|value| !value.is_array()))
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let shown = |value: &Value| match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        self.values(name).map(shown).filter(|text| !text.is_empty()).collect()
    }

    /// The first text under the first of these names that has one.
    fn text(&self, names: &[&str]) -> String {
        names.iter().find_map(|name| self.texts(name).into_iter().next()).unwrap_or_default()
    }

    /// JSON that is written inside a text, or as it is.
    fn json(&self, name: &str) -> Option<Value> {
        self.values(name).next().and_then(|value| match value {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        })
    }
}

fn repaired(reading: &mut Reading, path: &str, text: &str) -> String {
    match mojibake::repaired(text) {
        Some(repaired) => {
            reading.issue(IssueCode::RepairedEncoding, path, "");
            repaired
        }
        None => text.to_owned(),
    }
}

fn notice(call: &Call<'_>, topic: &str, document: &RawDocument, number: usize) -> Notice {
    // The portal's times are those of Brussels.
    let mut reading = Reading::new(codes::zone_of(Some("BE")));
    let publication = Some(topic).filter(|topic| !topic.is_empty());
    if publication.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "identifier", "");
    }
    let id = notice_id(document, publication, None, number);
    let mut notice = Notice::new(id, document.origin.source.clone(), FORMAT.name, document.id, Stage::Call);
    notice.publication_id = publication.map(str::to_owned);
    let url = call.text(&["portalUrl", "url"]);
    notice.url = reading.url("url", &url);
    texts(call, &mut notice, &mut reading);
    dates(call, &mut notice, &mut reading);
    budget(call, topic, &mut notice, &mut reading);
    notice.documents_url = reading.url("documentsUrl", &call.text(&["documentsUrl"]));
    let programmes = call.texts("frameworkProgramme");
    let programmes = if programmes.is_empty() { call.texts("programme") } else { programmes };
    notice.eu_funding = Some(EuFunding { funded: Some(true), programmes, ..EuFunding::default() });
    for id in call.texts("callIdentifier").into_iter().filter(|id| id != topic) {
        let evidence = "callIdentifier".to_owned();
        push_new(&mut notice.related, Related { id, relation: Relation::SameProcedure, evidence });
    }
    kept(call, &mut reading);
    reading.finish(&mut notice);
    notice
}

/// Texts are in the language of the result (`…TOPICSen`), or in one that the text itself shows.
fn texts(call: &Call<'_>, notice: &mut Notice, reading: &mut Reading) {
    let declared = Some(call.text(&["language"])).filter(|code| !code.is_empty()).or_else(|| {
        let reference = call.text(&["reference"]);
        let code = reference.rsplit_once(|c: char| c.is_ascii_uppercase()).map(|(_, code)| code.to_owned());
        code.filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()))
    });
    if let Some(code) = declared {
        reading.language = Some(reading.language_of("language", &code).into_owned());
    }
    let title = call.text(&["title", "callTitle"]);
    let title = repaired(reading, "title", &html::text(&title));
    reading.text(&mut notice.title, "title", None, &title);
    let description = call.text(&["descriptionByte", "description", "objectives", "summary"]);
    let description = repaired(reading, "description", &html::text(&description));
    if description != title {
        reading.text(&mut notice.description, "description", None, &description);
    }
}

/// The service writes offsets as `+0000`.
fn with_colon(mut text: String) -> String {
    let tail = text.len().checked_sub(5).and_then(|at| text.get(at..)).unwrap_or("");
    if text.contains('T') && tail.starts_with(['+', '-']) && tail[1..].bytes().all(|byte| byte.is_ascii_digit()) {
        text.insert(text.len() - 2, ':');
    }
    text
}

/// The first cut-off is the deadline; the others are kept.
fn dates(call: &Call<'_>, notice: &mut Notice, reading: &mut Reading) {
    notice.published_on = reading.date("publicationDate", &call.text(&["publicationDate", "es_ST_publicationDate"]));
    let opens = with_colon(call.text(&["startDate", "plannedOpeningDate"]));
    if let Some(day) = reading.date("startDate", &opens) {
        reading.keep("startDate", day.to_string());
    }
    let mut written = call.texts("deadlineDate");
    written.extend(call.texts("deadline"));
    let mut ends: Vec<Deadline> = Vec::new();
    for text in written.iter().take(50) {
        ends.extend(reading.deadline("deadlineDate", &with_colon(text.clone())));
        if written.len() > 1 {
            reading.keep_in_list("deadlineDate", text);
        }
    }
    // Which cut-off is next depends on the day of reading; the first is what the row itself promises.
    notice.deadline = ends.into_iter().min_by_key(|end| end.at);
}

/// `budgetOverview` holds, per action of the topic, what each year has; their sum is the topic's budget.
fn budget(call: &Call<'_>, topic: &str, notice: &mut Notice, reading: &mut Reading) {
    let overview = call.json("budgetOverview");
    let actions = overview.as_ref().and_then(|value| value.get("budgetTopicActionMap")).and_then(Value::as_object);
    let mut sum = rust_decimal::Decimal::ZERO;
    let mut seen = false;
    for action in actions.into_iter().flat_map(Map::values).filter_map(Value::as_array).flatten().take(1000) {
        let of_topic = action.get("action").and_then(Value::as_str).is_some_and(|name| name.starts_with(topic));
        let years = action.get("budgetYearMap").and_then(Value::as_object);
        for amount in years.filter(|_| of_topic && !topic.is_empty()).into_iter().flat_map(Map::values) {
            let written = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            if let Ok(number) = written.trim().parse::<rust_decimal::Decimal>()
                && let Some(total) = sum.checked_add(number)
            {
                (sum, seen) = (total, true);
            }
        }
    }
    if seen {
        notice.estimated_value =
            reading.amount("budgetOverview", &sum.to_string(), Some("EUR"), MoneyKind::Budget, Vat::Unknown);
    }
    // What one grant may get is no value of the call.
    for name in ["budgetMin", "budgetMax", "expectedGrants"] {
        let text = call.text(&[name]);
        if !text.is_empty() {
            reading.keep(name, text);
        }
    }
}

/// What has no home in a notice.
const KEPT: &[&str] = &[
    "reference",
    "callTitle",
    "callStatus",
    "status",
    "actionType",
    "typesOfAction",
    "stage",
    "deadlineModel",
    "cluster",
    "programmeId",
    "keywords",
    "crossCuttingPriorities",
    "type",
    "destination",
];

fn kept(call: &Call<'_>, reading: &mut Reading) {
    for name in KEPT {
        let mut list: Vec<String> = Vec::new();
        for text in call.texts(name).into_iter().take(100) {
            let text = repaired(reading, name, &text);
            push_new(&mut list, text);
        }
        match list.len() {
            0 => {}
            1 => reading.keep(*name, list.remove(0)),
            _ => reading.keep(*name, list),
        }
    }
}
