//! The Search API, version 3: as much of its query language, paging and error types as a crawler meets.
//!
//! Notices are in order of publication, so that dates and numbers select a range and a page costs only its own rows.
//! Scope `ACTIVE` answers like `ALL`.

use std::ops::Range;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::calendar::plus_days;
use super::plan::{Gazette, PlannedNotice, Texts};
use super::xml;

const KEYS: &[&str] = &[
    "query",
    "fields",
    "limit",
    "page",
    "paginationMode",
    "iterationNextToken",
    "scope",
    "checkQuerySyntax",
    "onlyLatestVersions",
];
const FIELDS: &[&str] = &[
    "additional-classification-proc",
    "buyer-city",
    "buyer-country",
    "buyer-name",
    "classification-cpv",
    "contract-nature",
    "deadline-receipt-request",
    "deadline-receipt-tender-date-lot",
    "description-proc",
    "dispatch-date",
    "estimated-value-cur-proc",
    "estimated-value-proc",
    "form-type",
    "identifier-lot",
    "main-classification-proc",
    "notice-identifier",
    "notice-subtype",
    "notice-title",
    "notice-type",
    "notice-version",
    "official-language",
    "ojs-number",
    "procedure-identifier",
    "procedure-type",
    "publication-date",
    "publication-number",
    "title-lot",
    "title-proc",
];
/// `page × limit` may not go beyond this without iteration.
const WINDOW: usize = 15_000;

/// An answer that is no list of notices.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    kind: &'static str,
    message: String,
}

impl Refusal {
    fn bad(kind: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, kind, message: message.into() }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "message": self.message, "error": { "type": self.kind } })
    }
}

/// What a query selects.
struct Query {
    places: Range<usize>,
    descending: bool,
}

/// Answers one request body.
pub(super) fn search(gazette: &Gazette, base_url: &str, body: &[u8]) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("BODY_NOT_READABLE", format!("not JSON: {error}")))?;
    let Value::Object(body) = body else { return Err(Refusal::bad("BODY_NOT_READABLE", "expected an object")) };
    if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Refusal::bad(
            "UNKNOWN_PARAMETER",
            format!("unrecognized field \"{key}\"; known: {}", KEYS.join(", ")),
        ));
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let query_text = text("query").ok_or_else(|| Refusal::bad("MISSING_PARAMETER", "query is required"))?;
    let fields = fields(body.get("fields"))?;
    let limit = number(&body, "limit", 10)?;
    if limit > 250 {
        return Err(Refusal::bad("SEARCH_EXCEEDS_MAX_LIMIT", "limit must not exceed 250"));
    }
    let scope = text("scope").unwrap_or("ALL");
    if !["ALL", "ACTIVE", "LATEST"].contains(&scope) {
        return Err(Refusal::bad("INVALID_PARAMETER", "scope must be one of ALL, ACTIVE, LATEST"));
    }
    let mut query = parse(gazette, query_text)?;
    if scope == "LATEST" {
        let latest = gazette.issues().last().map_or(0..0, |issue| gazette.places(*issue));
        query.places = intersect(&query.places, &latest);
    }
    if body.get("checkQuerySyntax").and_then(Value::as_bool).unwrap_or(false) {
        return Ok(json!({ "notices": [], "totalNoticeCount": 0, "iterationNextToken": null, "timedOut": false }));
    }
    let latest_only = body.get("onlyLatestVersions").and_then(Value::as_bool).unwrap_or(false);
    let shown = |at: &usize| !latest_only || !gazette.is_superseded(*at);
    let total = if latest_only { query.places.clone().filter(shown).count() } else { query.places.len() };
    let mode = text("paginationMode").unwrap_or("PAGE_NUMBER");
    let (skip, iterating) = match mode {
        "PAGE_NUMBER" => {
            let page = number(&body, "page", 1)?;
            if page * limit > WINDOW {
                return Err(Refusal::bad("SEARCH_WINDOW_TOO_WIDE", format!("page x limit must not exceed {WINDOW}")));
            }
            ((page - 1) * limit, false)
        }
        "ITERATION" => (resume(text("iterationNextToken"), query_text, total)?, true),
        _ => return Err(Refusal::bad("INVALID_PARAMETER", "paginationMode must be PAGE_NUMBER or ITERATION")),
    };
    let page: Vec<usize> = if latest_only {
        let mut kept: Vec<usize> = query.places.clone().filter(shown).collect();
        if query.descending {
            kept.reverse();
        }
        kept.into_iter().skip(skip).take(limit).collect()
    } else if query.descending {
        query.places.clone().rev().skip(skip).take(limit).collect()
    } else {
        query.places.clone().skip(skip).take(limit).collect()
    };
    let notices: Vec<Value> = page.iter().map(|at| row(&gazette.notice(*at), &fields, base_url)).collect();
    // a full last page still carries a token; the page after it is empty and carries none
    let next = (iterating && notices.len() == limit).then(|| token(query_text, skip + limit));
    Ok(json!({ "notices": notices, "totalNoticeCount": total, "iterationNextToken": next, "timedOut": false }))
}

fn fields(wanted: Option<&Value>) -> Result<Vec<&str>, Refusal> {
    let wanted = wanted.and_then(Value::as_array).filter(|list| !list.is_empty());
    let wanted = wanted.ok_or_else(|| Refusal::bad("MISSING_PARAMETER", "fields must be a non-empty list"))?;
    wanted
        .iter()
        .map(|field| match field.as_str() {
            Some(field) if FIELDS.contains(&field) || field == "links" => Ok(field),
            _ => Err(Refusal::bad(
                "INVALID_PARAMETER",
                format!("{field} is not a supported field; supported: {}", FIELDS.join(", ")),
            )),
        })
        .collect()
}

fn number(body: &Map<String, Value>, key: &str, otherwise: usize) -> Result<usize, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(value) => value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number >= 1)
            .ok_or_else(|| Refusal::bad("INVALID_PARAMETER", format!("{key} must be a positive number"))),
    }
}

fn intersect(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Conditions joined with `AND`, then perhaps `SORT BY`.
fn parse(gazette: &Gazette, text: &str) -> Result<Query, Refusal> {
    let syntax = |what: &str| Refusal::bad("QUERY_SYNTAX_ERROR", format!("cannot read the query at \"{what}\""));
    let (conditions, sort) = match text.find("SORT BY") {
        Some(at) => (&text[..at], Some(text[at + "SORT BY".len()..].trim())),
        None => (text, None),
    };
    let mut query = Query { places: 0..gazette.len(), descending: false };
    let conditions = conditions.replace(['(', ')'], " ");
    for condition in conditions.split(" AND ").map(str::trim).filter(|condition| !condition.is_empty()) {
        let at = condition.find(['=', '<', '>', '!', '~']).ok_or_else(|| syntax(condition))?;
        let operator_length = if condition[at + 1..].starts_with('=') { 2 } else { 1 };
        let (field, operator) = (condition[..at].trim(), &condition[at..at + operator_length]);
        let value = condition[at + operator_length..].trim();
        if value.is_empty() || value.contains(" OR ") {
            return Err(syntax(condition));
        }
        let places = match field {
            "publication-date" | "PD" => {
                by_date(gazette, operator, date(gazette, value)?).ok_or_else(|| syntax(operator))?
            }
            "publication-number" | "ND" if operator == "=" => gazette.find(value).map_or(0..0, |at| at..at + 1),
            "publication-number" | "ND" => return Err(syntax(operator)),
            _ => return Err(Refusal::bad("QUERY_UNKNOWN_FIELD", format!("unknown field in the query: {field}"))),
        };
        query.places = intersect(&query.places, &places);
    }
    if let Some(sort) = sort {
        let mut words = sort.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("publication-date" | "publication-number" | "PD" | "ND"), direction, None) => match direction {
                None => {}
                Some("DESC") => query.descending = true,
                Some(other) => return Err(syntax(other)),
            },
            _ => return Err(syntax(sort)),
        }
    }
    Ok(query)
}

fn date(gazette: &Gazette, value: &str) -> Result<Date, Refusal> {
    if let Some(days) = value.strip_prefix("today").map(|rest| rest.trim_matches(['(', ')', ' '])) {
        let days = if days.is_empty() { Some(0) } else { days.parse().ok() };
        if let Some(days) = days {
            return Ok(plus_days(gazette.plan().last_day, days));
        }
    }
    // ISO dates are not understood
    let digits = value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Date::strptime("%Y%m%d", value).ok()).flatten().ok_or_else(|| {
        Refusal::bad("QUERY_INVALID_FIELD_FORMAT", format!("expected a date as YYYYMMDD, found \"{value}\""))
    })
}

fn by_date(gazette: &Gazette, operator: &str, day: Date) -> Option<Range<usize>> {
    Some(match operator {
        "=" => gazette.places_between(day, day),
        ">=" => gazette.places_between(day, Date::MAX),
        ">" => gazette.places_between(plus_days(day, 1), Date::MAX),
        "<=" => gazette.places_between(Date::MIN, day),
        "<" => gazette.places_between(Date::MIN, plus_days(day, -1)),
        _ => return None,
    })
}

/// The position and a mark of the query that it belongs to.
fn token(query: &str, position: usize) -> String {
    let mark = query
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{position:x}.{mark:016x}")
}

fn resume(given: Option<&str>, query: &str, total: usize) -> Result<usize, Refusal> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(0) };
    let position = given.split('.').next().and_then(|hex| usize::from_str_radix(hex, 16).ok());
    match position {
        Some(position) if token(query, position) == given && position <= total => Ok(position),
        _ => Err(Refusal { status: 500, kind: "INTERNAL_ERROR", message: "unexpected iteration token".to_owned() }),
    }
}

/// One notice with the fields asked for; absent values are left out, links are always there.
fn row(notice: &PlannedNotice, fields: &[&str], base_url: &str) -> Value {
    let mut row = Map::new();
    for field in fields {
        if let Some(value) = value(notice, field) {
            row.insert((*field).to_owned(), value);
        }
    }
    row.insert("links".to_owned(), links(notice, base_url));
    Value::Object(row)
}

fn value(notice: &PlannedNotice, field: &str) -> Option<Value> {
    let (form, kind) = xml::types(notice);
    let closing = notice.deadline.map(|closing| json!([xml::day(closing.day, closing.offset)]));
    Some(match field {
        "publication-number" => json!(notice.short_id()),
        "publication-date" => json!(xml::day(notice.issue.day, xml::brussels(notice.issue.day))),
        "ojs-number" => json!(notice.issue.slashed()),
        "notice-type" => json!(kind),
        "form-type" => json!(form),
        "notice-subtype" => json!(notice.subtype),
        "notice-identifier" => json!(notice.uuid),
        "notice-version" => json!(notice.version),
        "procedure-identifier" if form == "planning" => return None,
        "procedure-identifier" => json!(notice.procedure_id),
        "procedure-type" => json!(notice.procedure_type),
        "contract-nature" => json!([notice.nature]),
        "official-language" => json!(notice.languages.iter().map(|code| xml::language_code(code)).collect::<Vec<_>>()),
        "dispatch-date" => json!(xml::day(notice.dispatched.0, notice.offset)),
        "buyer-country" => {
            json!(notice.buyers.iter().map(|buyer| xml::country_code(&buyer.country)).collect::<Vec<_>>())
        }
        "buyer-city" => by_language(
            &notice.buyers.iter().map(|buyer| (notice.languages[0].clone(), buyer.city.clone())).collect(),
            true,
        ),
        "buyer-name" => by_language(&notice.buyers.iter().flat_map(|buyer| buyer.name.clone()).collect(), true),
        "classification-cpv" => {
            let lots = notice.lots.iter().map(|lot| &lot.cpv);
            json!([&notice.cpv].into_iter().chain(&notice.additional_cpv).chain(lots).collect::<Vec<_>>())
        }
        "main-classification-proc" => json!([notice.cpv]),
        "additional-classification-proc" if notice.additional_cpv.is_empty() => return None,
        "additional-classification-proc" => json!(notice.additional_cpv),
        "notice-title" | "title-proc" => by_language(&notice.title, false),
        "description-proc" => by_language(&notice.description, false),
        "identifier-lot" => json!(notice.lots.iter().map(|lot| &lot.id).collect::<Vec<_>>()),
        "title-lot" => by_language(&notice.lots.iter().flat_map(|lot| lot.title.clone()).collect(), true),
        "deadline-receipt-tender-date-lot" | "deadline-receipt-request" => closing?,
        "estimated-value-proc" | "estimated-value-cur-proc" => match &notice.estimate {
            super::plan::Value::Given { amount, .. } if field == "estimated-value-proc" => json!(amount),
            super::plan::Value::Given { currency, .. } => json!(currency),
            _ => return None,
        },
        _ => return None,
    })
}

/// `{"deu": …}`, with lists where several values share a language.
fn by_language(texts: &Texts, lists: bool) -> Value {
    let mut object = Map::new();
    for (language, text) in texts {
        let key = xml::language_code(language).to_ascii_lowercase();
        if lists {
            let list = object.entry(key).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json!(text));
            }
        } else {
            object.insert(key, json!(text));
        }
    }
    Value::Object(object)
}

fn links(notice: &PlannedNotice, base_url: &str) -> Value {
    let id = notice.short_id();
    let of = |form: &str| {
        let each = xml::languages()
            .iter()
            .map(|(two, three)| ((*three).to_owned(), json!(format!("{base_url}/{two}/notice/{id}/{form}"))));
        Value::Object(each.collect())
    };
    json!({
        "xml": { "MUL": format!("{base_url}/en/notice/{id}/xml") },
        "pdf": of("pdf"),
        "html": of("html"),
    })
}
