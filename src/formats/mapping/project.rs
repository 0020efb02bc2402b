//! A row → a notice, by the fields of its shape.

use serde_json::Value;

use super::field::{Field, Scope, join, plain};
use super::fields::vat as vat_named;
use super::parts::MAX_PARTS;
use super::path::{Found, as_text};
use super::transform::is_per_language;
use super::{Mapping, MoneyField, Places, Shape, Spec, TextField, When, rows, stage};
use crate::formats::reading::{Reading, Style, notice_id, push_new};
use crate::formats::{Parsed, privacy};
use crate::ids::RawId;
use crate::issue::{IssueCode, NonNotice};
use crate::notice::{Amount, EuFunding, MoneyKind, Notice, Related, Relation, Role, Text, Vat};
use crate::raw::RawDocument;

/// What is known about a row beforehand.
pub struct About<'a> {
    /// How to read it.
    pub shape: &'a Shape,
    /// What it stands in.
    pub document: &'a RawDocument,
    /// By whose definition.
    pub mapping: &'a Mapping,
    /// From 1.
    pub number: usize,
}

/// Reads one row; a notice's places are handed back.
pub fn record(
    about: &About<'_>,
    row: &super::field::Row<'_>,
    unopened: &[(String, String)],
    parsed: &mut Parsed,
) -> Option<Places> {
    let shape = about.shape;
    if let Some(rule) = shape.non_notice {
        parsed.non_notice(rule);
        return None;
    }
    if is_blank(&row.tree) && row.element.is_none() {
        parsed.non_notice(NonNotice::EmptyRow);
        return None;
    }
    if row.tree.get(rows::HEADER).is_some() {
        parsed.non_notice(NonNotice::HeaderRow);
        return None;
    }
    let scope = row.scope();
    if let Some((_, rule)) = shape.skip.iter().find(|(condition, _)| condition.holds(&scope)) {
        parsed.non_notice(*rule);
        return None;
    }
    let whens: Vec<&When> = shape.whens.iter().filter(|when| when.condition.holds(&scope)).collect();
    if let Some((format, path)) = whens.iter().find_map(|when| when.mapper.as_ref()) {
        by_mapper(about, format, path.find(&row.tree, "").first(), &row.at, parsed);
        return None;
    }
    let mut reading = Reading::new(shape.zone.clone());
    reading.numbers = shape.numbers;
    reading.dates = shape.dates;
    reading.language.clone_from(&shape.language);
    let mut reader = Reader { about, whens: &whens, reading, places: Vec::new() };
    for (path, reason) in unopened {
        reader.reading.issue(IssueCode::UnopenedValue, path, reason);
    }
    match reader.notice(&scope) {
        Ok(mut notice) => {
            let places = std::mem::take(&mut reader.places).into_iter();
            let places = places.map(|(field, at)| (field, join(&row.at, &at))).collect();
            reader.reading.finish(&mut notice);
            parsed.notice(notice);
            Some(places)
        }
        Err((at, reason)) => {
            parsed.unreadable(join(&row.at, &at), &privacy::mask(&reason));
            None
        }
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.iter().all(|(key, value)| key == "#key" || is_blank(value)),
        Value::Array(items) => items.iter().all(is_blank),
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A built-in format reads a document that is a value of this row.
fn by_mapper(
    about: &About<'_>,
    format: &'static crate::formats::Format,
    found: Option<&Found<'_>>,
    at: &str,
    parsed: &mut Parsed,
) {
    let Some(found) = found else {
        parsed.unreadable(at, &format!("nothing for {} to read", format.name));
        return;
    };
    let body = match found.value.as_ref() {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let inner = RawDocument { id: about.document.id, origin: about.document.origin.clone(), body: body.into() };
    match (format.parse)(&inner) {
        Ok(inner) => {
            parsed.records.add(&inner.records);
            parsed.notices.extend(inner.notices);
            parsed.issues.extend(inner.issues);
        }
        Err(error) => parsed.unreadable(&found.at, &error.to_string()),
    }
}

pub(super) struct Reader<'a> {
    about: &'a About<'a>,
    whens: &'a [&'a When],
    pub(super) reading: Reading,
    places: Places,
}

type Unreadable = (String, String);

impl<'a> Reader<'a> {
    fn spec(&self, target: &str) -> Option<&'a Spec> {
        let by_condition = self.whens.iter().rev().find_map(|when| when.fields.get(target));
        by_condition.or_else(|| self.about.shape.fields.get(target))
    }

    pub(super) fn took(&mut self, target: &str, at: &str) {
        if self.places.len() < MAX_PARTS {
            self.places.push((target.to_owned(), at.to_owned()));
        }
    }

    fn notice(&mut self, scope: &Scope<'_>) -> Result<Notice, Unreadable> {
        let document = self.about.document;
        if let Some((code, at)) = self.first("language", scope) {
            self.reading.language = Some(self.reading.language_of(&at, &code).into_owned());
        }
        let id = self.first("id", scope);
        if id.is_none() && !self.about.shape.hash {
            return Err((scope.at.clone(), "the row has no id".to_owned()));
        }
        let stage = self.stage(scope)?;
        // An id is no free text: digits in it are no telephone number. Only a mail address would be masked.
        let publication_id = id.as_ref().and_then(|(id, _)| {
            if id.contains('@') {
                return self.reading.line(id);
            }
            Some(id.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|id| !id.is_empty())
        });
        let id = notice_id(document, publication_id.as_deref(), None, self.about.number);
        let raw: RawId = document.id;
        let mut notice = Notice::new(id, document.origin.source.clone(), &self.about.mapping.name, raw, stage);
        notice.publication_id = publication_id;
        notice.languages.extend(self.reading.language.clone());
        self.identity(scope, &mut notice);
        self.content(scope, &mut notice);
        self.parts(scope, &mut notice);
        let extras: Vec<&(String, Field)> = self.extras();
        for (name, field) in extras {
            let mut values = Vec::new();
            for found in field.values(scope, &mut self.reading) {
                plain(&found.value, &mut values);
            }
            match values.len() {
                0 => {}
                1 => self.reading.keep(name.as_str(), values.swap_remove(0)),
                _ => self.reading.keep(name.as_str(), values),
            }
        }
        Ok(notice)
    }

    fn extras(&self) -> Vec<&'a (String, Field)> {
        let own = self.about.shape.extra.iter();
        own.chain(self.whens.iter().flat_map(|when| when.extra.iter())).collect()
    }

    fn stage(&mut self, scope: &Scope<'_>) -> Result<crate::notice::Stage, Unreadable> {
        let Some(Spec::Fields(fields)) = self.spec("type") else {
            return Err((scope.at.clone(), "no rule says where it stands in a procedure".to_owned()));
        };
        for field in fields {
            if let Some((word, at)) = field.first(scope, &mut self.reading)
                && let Some(stage) = stage(&word)
            {
                self.took("type", &at);
                return Ok(stage);
            }
        }
        let written = fields.first().and_then(|field| {
            let bare = Field { steps: Vec::new(), ..field.clone() };
            bare.first(scope, &mut self.reading)
        });
        Err(match written {
            Some((word, at)) => (at, format!("no rule says what stage \"{word}\" is")),
            None => (scope.at.clone(), "nothing says what stage it is".to_owned()),
        })
    }

    fn identity(&mut self, scope: &Scope<'_>, notice: &mut Notice) {
        notice.notice_uuid = self.word("notice_uuid", scope);
        notice.version = self.word("version", scope);
        notice.procedure_id = self.word("procedure_id", scope);
        notice.ocid = self.word("ocid", scope);
        notice.subtype = self.word("subtype", scope);
        notice.correction =
            self.first("correction", scope).and_then(|(text, at)| self.reading.flag(&at, &text)).unwrap_or(false);
        notice.url = self.first("url", scope).and_then(|(text, at)| self.reading.url(&at, &text));
        notice.documents_url = self.first("documents_url", scope).and_then(|(text, at)| self.reading.url(&at, &text));
        notice.published_on = self.first("published", scope).and_then(|(text, at)| self.reading.date(&at, &text));
        notice.dispatched_at = self.first("dispatched", scope).and_then(|(text, at)| self.reading.moment(&at, &text));
        notice.deadline = self.first("deadline", scope).and_then(|(text, at)| self.reading.deadline(&at, &text));
    }

    fn content(&mut self, scope: &Scope<'_>, notice: &mut Notice) {
        if let Some(Spec::Texts(fields)) = self.spec("title") {
            self.texts("title", fields, scope, &mut notice.title);
        }
        if let Some(Spec::Texts(fields)) = self.spec("description") {
            self.texts("description", fields, scope, &mut notice.description);
        }
        for (text, at) in self.all("cpv", scope) {
            for code in self.reading.cpv(&at, &text) {
                push_new(&mut notice.cpv, code);
            }
        }
        notice.nature = self.first("nature", scope).and_then(|(text, at)| self.reading.nature(&at, &text));
        notice.procedure_type = self.word("procedure", scope);
        notice.legal_basis = self.word("legal_basis", scope);
        for (target, list) in [("techniques", &mut notice.techniques), ("innovation", &mut notice.innovation)] {
            for (text, _) in self.all(target, scope) {
                push_new(list, text.trim().to_owned());
            }
        }
        if let Some(Spec::Money(fields)) = self.spec("value") {
            for field in fields {
                let Some(amount) = self.money("value", field, scope) else { continue };
                let is_result = notice.stage == crate::notice::Stage::Result;
                let slot = match field.kind {
                    MoneyKind::Ceiling => &mut notice.framework_ceiling,
                    MoneyKind::Award => &mut notice.awarded_value,
                    MoneyKind::Unit if is_result => &mut notice.awarded_value,
                    MoneyKind::Estimate | MoneyKind::Budget | MoneyKind::Unit => &mut notice.estimated_value,
                };
                slot.get_or_insert(amount);
            }
        }
        let funded = self.first("eu_funded", scope).and_then(|(text, at)| self.reading.flag(&at, &text));
        let programmes: Vec<String> = self.all("eu_programmes", scope).into_iter().map(|(text, _)| text).collect();
        let projects: Vec<String> = self.all("eu_projects", scope).into_iter().map(|(text, _)| text).collect();
        if funded.is_some() || !programmes.is_empty() || !projects.is_empty() {
            notice.eu_funding = Some(EuFunding { funded, programmes, projects, description: Text::default() });
        }
    }

    fn parts(&mut self, scope: &Scope<'_>, notice: &mut Notice) {
        notice.buyers = self.organisations("buyers", self.spec("buyers"), scope, &[Role::Buyer]);
        notice.suppliers = self.organisations("suppliers", self.spec("suppliers"), scope, &[]);
        notice.places = self.places_of(self.spec("places"), scope);
        self.each_part(self.spec("lots"), scope, &mut |reader, part, scope| {
            let lot = reader.lot(part, scope, notice.lots.len());
            notice.lots.extend(lot);
        });
        self.each_part(self.spec("awards"), scope, &mut |reader, part, scope| {
            let award = reader.award(part, scope);
            notice.awards.extend(award);
        });
        self.each_part(self.spec("related"), scope, &mut |reader, part, scope| {
            let Some((id, at)) = reader.in_part(part, "id", scope) else { return };
            let relation = reader.in_part(part, "relation", scope).and_then(|(word, _)| Relation::parse(word.trim()));
            let evidence = reader.in_part(part, "evidence", scope).map(|(text, _)| text);
            let related = Related {
                id: id.trim().to_owned(),
                relation: relation.unwrap_or(Relation::Previous),
                evidence: evidence.unwrap_or(at),
            };
            push_new(&mut notice.related, related);
        });
    }

    // Plain values of the notice.

    fn first(&mut self, target: &'static str, scope: &Scope<'_>) -> Option<(String, String)> {
        let Some(Spec::Fields(fields)) = self.spec(target) else { return None };
        let found = fields.iter().find_map(|field| field.first(scope, &mut self.reading));
        if let Some((_, at)) = &found {
            self.took(target, at);
        }
        found
    }

    fn word(&mut self, target: &'static str, scope: &Scope<'_>) -> Option<String> {
        let (text, _) = self.first(target, scope)?;
        self.reading.line(&text)
    }

    fn all(&mut self, target: &'static str, scope: &Scope<'_>) -> Vec<(String, String)> {
        let Some(Spec::Fields(fields)) = self.spec(target) else { return Vec::new() };
        let found: Vec<_> = fields.iter().flat_map(|field| field.plain_values(scope, &mut self.reading)).collect();
        for (_, at) in &found {
            self.took(target, at);
        }
        found
    }

    pub(super) fn texts(&mut self, target: &str, fields: &[TextField], scope: &Scope<'_>, into: &mut Text) {
        for field in fields {
            let language = field.language.as_ref().and_then(|field| field.first(scope, &mut self.reading));
            let language = language.map(|(code, _)| code);
            for found in field.field.values(scope, &mut self.reading) {
                self.took(target, &found.at);
                if is_per_language(&found.value)
                    && let Value::Object(map) = found.value.as_ref()
                {
                    for (code, text) in map {
                        let at = join(&found.at, code);
                        self.reading.text(into, &at, Some(code), text.as_str().unwrap_or_default());
                    }
                    continue;
                }
                let texts: Vec<String> = match found.value.as_ref() {
                    Value::Array(items) => {
                        if items.len() > MAX_PARTS {
                            self.reading.issue(
                                IssueCode::Truncated,
                                &found.at,
                                &format!("more than {MAX_PARTS} texts"),
                            );
                        }
                        items.iter().take(MAX_PARTS).map(as_text).collect()
                    }
                    single => vec![as_text(single)],
                };
                for text in texts {
                    self.reading.text(into, &found.at, language.as_deref(), &text);
                }
            }
        }
        if let Some(language) = self.reading.language.clone() {
            into.put_first(&language);
        }
    }

    pub(super) fn money(&mut self, target: &str, field: &MoneyField, scope: &Scope<'_>) -> Option<Amount> {
        let found = field.field.values(scope, &mut self.reading).into_iter().next()?;
        let number = as_text(&found.value);
        // 220000.00 in JSON is a binary number by now, and its last nought means nothing.
        let number = if found.value.is_number() { number.trim_end_matches(".0").to_owned() } else { number };
        if number.trim().is_empty() {
            return None;
        }
        let outer = self.reading.numbers;
        let style = if found.value.is_number() { Style::Point } else { field.style.unwrap_or(outer) };
        let zero = crate::formats::reading::decimal(&number, style).is_some_and(|number| number.is_zero());
        if zero && field.zero_is_unknown {
            return None;
        }
        let currency = field.currency.as_ref().and_then(|field| field.first(scope, &mut self.reading));
        let vat = field.vat.as_ref().and_then(|field| field.first(scope, &mut self.reading));
        let vat = vat.map_or(Vat::Unknown, |(word, _)| vat_of(&word));
        self.took(target, &found.at);
        self.reading.numbers = style;
        let currency = currency.as_ref().map(|(code, _)| code.as_str());
        let amount = self.reading.amount(&found.at, &number, currency, field.kind, vat);
        self.reading.numbers = outer;
        amount
    }
}

fn vat_of(word: &str) -> Vat {
    vat_named(word.trim())
}
