//! Parts of a notice with fields of their own: organisations, places, lots, awards; and where they stand in a row.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::field::{Scope, join};
use super::path::Found;
use super::project::Reader;
use super::transform::is_per_language;
use super::{Each, Part, Spec};
use crate::formats::reading::push_new;
use crate::issue::IssueCode;
use crate::notice::{Award, Duration, Lot, LotKind, MoneyKind, Organisation, Place, Role, Text};

/// Parts of one list.
pub(super) const MAX_PARTS: usize = 2000;

impl<'a> Reader<'a> {
    pub(super) fn each_part(
        &mut self,
        spec: Option<&'a Spec>,
        scope: &Scope<'_>,
        take: &mut dyn FnMut(&mut Self, &'a Part, &Scope<'_>),
    ) {
        let Some(Spec::Parts(parts)) = spec else { return };
        for part in parts {
            let mut inner = self.scopes(part, scope);
            if inner.len() > MAX_PARTS {
                inner.truncate(MAX_PARTS);
                let at = inner.last().map_or("", |last| last.at.as_str());
                self.reading.issue(IssueCode::Truncated, at, &format!("more than {MAX_PARTS} parts"));
            }
            for inner in inner {
                if part.when.as_ref().is_none_or(|when| when.holds(&inner)) {
                    take(self, part, &inner);
                }
            }
        }
    }

    /// Where the parts are.
    fn scopes<'s>(&mut self, part: &Part, scope: &'s Scope<'_>) -> Vec<Scope<'s>> {
        let inner = |value: Value, at: String| Scope { row: scope.row, value: Cow::Owned(value), at, element: None };
        match &part.each {
            Each::Here => {
                let value = Cow::Borrowed(scope.value.as_ref());
                vec![Scope { row: scope.row, value, at: scope.at.clone(), element: scope.element }]
            }
            Each::Rows(path) => {
                let found = if path.from_row {
                    path.find(&scope.row.tree, "")
                } else {
                    path.find(scope.value.as_ref(), &scope.at)
                };
                let mut scopes = Vec::new();
                for Found { value, at } in found.into_iter().take(MAX_PARTS + 1) {
                    // A list where one was expected is each of its items.
                    match value {
                        Cow::Borrowed(Value::Array(items)) => {
                            scopes.extend(items.iter().enumerate().map(|(n, item)| {
                                let at = format!("{at}[{n}]");
                                Scope { row: scope.row, value: Cow::Borrowed(item), at, element: None }
                            }));
                        }
                        value => scopes.push(Scope { row: scope.row, value, at, element: None }),
                    }
                }
                scopes
            }
            Each::Css(selector) => {
                let elements = scope.element.into_iter().flat_map(|element| element.select(selector));
                let elements = elements.take(MAX_PARTS + 1).enumerate();
                elements
                    .map(|(number, element)| Scope {
                        row: scope.row,
                        value: Cow::Owned(Value::Object(Map::new())),
                        at: join(&scope.at, &format!("part[{number}]")),
                        element: Some(element),
                    })
                    .collect()
            }
            Each::SplitAt(pattern, within) => {
                let base = match within {
                    Some(path) if path.from_row => path.find(&scope.row.tree, "").into_iter().next(),
                    Some(path) => path.find(scope.value.as_ref(), &scope.at).into_iter().next(),
                    None => Some(Found { value: Cow::Borrowed(scope.value.as_ref()), at: scope.at.clone() }),
                };
                let pairs = base.as_ref().and_then(|base| base.value.get("#labels")).and_then(Value::as_array);
                let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
                for pair in pairs.into_iter().flatten() {
                    let label = pair.get("label").and_then(Value::as_str).unwrap_or_default();
                    if pattern.matches(label) {
                        groups.push((label.to_owned(), Vec::new()));
                    }
                    if let Some((_, group)) = groups.last_mut() {
                        group.push(pair.clone());
                    }
                }
                let groups = groups.into_iter().take(MAX_PARTS + 1);
                groups
                    .map(|(label, group)| {
                        let map = Map::from_iter([("#labels".to_owned(), Value::Array(group))]);
                        inner(Value::Object(map), join(&scope.at, &format!("label[{label}]")))
                    })
                    .collect()
            }
            Each::Zip(lists) => {
                let mut rows: Vec<Map<String, Value>> = Vec::new();
                for (name, field) in lists {
                    for (number, (text, _)) in field.plain_values(scope, &mut self.reading).into_iter().enumerate() {
                        if rows.len() <= number && number <= MAX_PARTS {
                            rows.push(Map::new());
                        }
                        if let Some(row) = rows.get_mut(number) {
                            row.insert(name.clone(), Value::from(text));
                        }
                    }
                }
                let rows = rows.into_iter().enumerate();
                rows.map(|(number, map)| inner(Value::Object(map), join(&scope.at, &format!("zip[{number}]"))))
                    .collect()
            }
        }
    }

    pub(super) fn in_part(&mut self, part: &Part, target: &str, scope: &Scope<'_>) -> Option<(String, String)> {
        self.all_in_part(part, target, scope).into_iter().next()
    }

    fn all_in_part(&mut self, part: &Part, target: &str, scope: &Scope<'_>) -> Vec<(String, String)> {
        let mut found = match part.fields.get(target) {
            Some(Spec::Fields(fields)) => {
                fields.iter().flat_map(|field| field.plain_values(scope, &mut self.reading)).collect()
            }
            Some(Spec::Texts(fields)) => {
                fields.iter().flat_map(|text| text.field.plain_values(scope, &mut self.reading)).collect()
            }
            _ => Vec::new(),
        };
        if found.is_empty()
            && let Some((field, pattern)) = &part.from
            && pattern.capture_names().flatten().any(|group| group == target)
        {
            let texts: Vec<(String, String)> = field.plain_values(scope, &mut self.reading);
            for (text, at) in texts {
                let group = pattern
                    .captures(&text)
                    .and_then(|captures| captures.name(target).map(|group| group.as_str().trim().to_owned()));
                found.extend(group.filter(|text| !text.is_empty()).map(|text| (text, at)));
            }
        }
        found
    }

    pub(super) fn organisations(
        &mut self,
        target: &'static str,
        spec: Option<&'a Spec>,
        scope: &Scope<'_>,
        roles: &[Role],
    ) -> Vec<Organisation> {
        let mut found = Vec::new();
        self.each_part(spec, scope, &mut |reader, part, scope| {
            // Names alone may be several at one place.
            let names = match part.each {
                Each::Here if part.fields.len() == 1 && part.fields.contains_key("name") => {
                    reader.all_in_part(part, "name", scope).len()
                }
                _ => 1,
            };
            for number in 0..names {
                if let Some(organisation) = reader.organisation(target, part, scope, roles, number) {
                    push_new(&mut found, organisation);
                }
            }
        });
        found
    }

    fn organisation(
        &mut self,
        target: &'static str,
        part: &Part,
        scope: &Scope<'_>,
        roles: &[Role],
        number: usize,
    ) -> Option<Organisation> {
        let mut organisation = Organisation { roles: roles.to_vec(), ..Organisation::default() };
        let natural = self.in_part(part, "natural_person", scope);
        organisation.natural_person = natural.and_then(|(text, at)| self.reading.flag(&at, &text)).unwrap_or(false);
        if !organisation.natural_person {
            self.name(part, scope, number, target, &mut organisation);
            organisation.id = self.in_part(part, "id", scope).and_then(|(text, _)| self.reading.line(&text));
        }
        if organisation.id.is_some() {
            organisation.scheme = self.in_part(part, "scheme", scope).map(|(text, _)| text.trim().to_owned());
        }
        if organisation.name.is_none() && organisation.id.is_none() && !organisation.natural_person {
            return None;
        }
        let country = self.in_part(part, "country", scope);
        organisation.country = country.and_then(|(text, at)| self.reading.country(&at, &text));
        organisation.nuts = self.in_part(part, "nuts", scope).and_then(|(text, at)| self.reading.nuts(&at, &text));
        organisation.city = self.in_part(part, "city", scope).and_then(|(text, _)| self.reading.line(&text));
        organisation.website = self.in_part(part, "website", scope).and_then(|(text, at)| self.reading.url(&at, &text));
        organisation.legal_type = self.in_part(part, "legal_type", scope).map(|(text, _)| text.trim().to_owned());
        organisation.activity = self.in_part(part, "activity", scope).map(|(text, _)| text.trim().to_owned());
        organisation.size = self.in_part(part, "size", scope).map(|(text, _)| text.trim().to_owned());
        for (word, at) in self.all_in_part(part, "roles", scope) {
            match Role::parse(word.trim()) {
                Some(role) => push_new(&mut organisation.roles, role),
                None => self.reading.issue(IssueCode::UnknownCode, &at, &word),
            }
        }
        Some(organisation)
    }

    /// A name in one language, or in several; the notice's own comes first.
    fn name(&mut self, part: &Part, scope: &Scope<'_>, number: usize, target: &str, into: &mut Organisation) {
        if let Some(Spec::Texts(fields)) = part.fields.get("name") {
            for field in fields {
                let per_language = field.field.values(scope, &mut self.reading).into_iter().nth(number);
                let Some(found) = per_language.filter(|found| is_per_language(&found.value)) else { continue };
                let Value::Object(map) = found.value.as_ref() else { continue };
                self.took(target, &found.at);
                let mut names = Text::default();
                for (code, text) in map {
                    let text = self.reading.line(text.as_str().unwrap_or_default());
                    names.push(code, &text.unwrap_or_default());
                }
                if let Some(language) = &self.reading.language {
                    names.put_first(language);
                }
                into.name = names.first().map(|(_, name)| name.to_owned());
                into.names = names.iter().skip(1).collect();
                return;
            }
        }
        if let Some((text, at)) = self.all_in_part(part, "name", scope).into_iter().nth(number) {
            self.took(target, &at);
            into.name = self.reading.line(&text);
        }
    }

    pub(super) fn places_of(&mut self, spec: Option<&'a Spec>, scope: &Scope<'_>) -> Vec<Place> {
        let mut places = Vec::new();
        self.each_part(spec, scope, &mut |reader, part, scope| {
            let country =
                reader.in_part(part, "country", scope).and_then(|(text, at)| reader.reading.country(&at, &text));
            let region = reader.in_part(part, "region", scope).map(|(text, _)| text.trim().to_owned());
            let codes = reader.all_in_part(part, "nuts", scope);
            if codes.is_empty() && (country.is_some() || region.is_some()) {
                push_new(&mut places, Place { country: country.clone(), nuts: None, region: region.clone() });
            }
            for (code, at) in codes {
                let Some(code) = reader.reading.nuts(&at, &code) else { continue };
                let mut place = crate::formats::reading::place_of_nuts(code);
                place.country = country.clone().or(place.country);
                place.region.clone_from(&region);
                push_new(&mut places, place);
            }
        });
        places
    }

    pub(super) fn lot(&mut self, part: &'a Part, scope: &Scope<'_>, before: usize) -> Option<Lot> {
        let id = self.in_part(part, "id", scope).map(|(text, _)| text.trim().to_owned());
        let kind = self.in_part(part, "kind", scope).and_then(|(word, _)| LotKind::parse(word.trim()));
        let known = id.is_some();
        let mut lot = Lot::new(id.unwrap_or_else(|| format!("{}", before + 1)), kind.unwrap_or(LotKind::Lot));
        if let Some(Spec::Texts(fields)) = part.fields.get("title") {
            self.texts("lots.title", fields, scope, &mut lot.title);
        }
        if let Some(Spec::Texts(fields)) = part.fields.get("description") {
            self.texts("lots.description", fields, scope, &mut lot.description);
        }
        for (text, at) in self.all_in_part(part, "cpv", scope) {
            for code in self.reading.cpv(&at, &text) {
                push_new(&mut lot.cpv, code);
            }
        }
        lot.nature = self.in_part(part, "nature", scope).and_then(|(text, at)| self.reading.nature(&at, &text));
        if let Some(Spec::Money(fields)) = part.fields.get("value") {
            for field in fields {
                let Some(amount) = self.money("lots.value", field, scope) else { continue };
                let ceiling = field.kind == MoneyKind::Ceiling;
                let slot = if ceiling { &mut lot.framework_ceiling } else { &mut lot.estimated_value };
                slot.get_or_insert(amount);
            }
        }
        lot.deadline = self.in_part(part, "deadline", scope).and_then(|(text, at)| self.reading.deadline(&at, &text));
        lot.duration = self.duration(part, scope);
        lot.places = self.places_of(part.fields.get("places"), scope);
        lot.submission_url =
            self.in_part(part, "submission_url", scope).and_then(|(text, at)| self.reading.url(&at, &text));
        let says_something = known || !lot.title.is_empty() || !lot.description.is_empty() || !lot.cpv.is_empty();
        says_something.then_some(lot)
    }

    fn duration(&mut self, part: &Part, scope: &Scope<'_>) -> Option<Duration> {
        let mut duration = Duration::default();
        for (target, unit) in [("months", "MONTH"), ("days", "DAY")] {
            let number = self.in_part(part, target, scope).and_then(|(text, at)| self.reading.count(&at, &text));
            if let (None, Some(number)) = (duration.amount, number) {
                duration.amount = Some(number);
                duration.unit = Some(unit.to_owned());
            }
        }
        duration.starts_on = self.in_part(part, "starts", scope).and_then(|(text, at)| self.reading.date(&at, &text));
        duration.ends_on = self.in_part(part, "ends", scope).and_then(|(text, at)| self.reading.date(&at, &text));
        (duration != Duration::default()).then_some(duration)
    }

    pub(super) fn award(&mut self, part: &'a Part, scope: &Scope<'_>) -> Option<Award> {
        let mut award = Award {
            lot: self.in_part(part, "lot", scope).and_then(|(text, _)| self.reading.line(&text)),
            suppliers: self.organisations("awards.suppliers", part.fields.get("suppliers"), scope, &[]),
            ..Award::default()
        };
        if let Some(Spec::Money(fields)) = part.fields.get("value") {
            award.value = fields.iter().find_map(|field| self.money("awards.value", field, scope));
        }
        award.tenders_received =
            self.in_part(part, "tenders", scope).and_then(|(text, at)| self.reading.count(&at, &text));
        award.decided_on = self.in_part(part, "decided", scope).and_then(|(text, at)| self.reading.date(&at, &text));
        award.status = self.in_part(part, "status", scope).and_then(|(text, _)| self.reading.line(&text));
        award.reason = self.in_part(part, "reason", scope).and_then(|(text, _)| self.reading.line(&text));
        award.contract_id = self.in_part(part, "contract_id", scope).and_then(|(text, _)| self.reading.line(&text));
        if let Some(Spec::Texts(fields)) = part.fields.get("title") {
            self.texts("awards.title", fields, scope, &mut award.title);
        }
        (award != Award::default()).then_some(award)
    }
}
