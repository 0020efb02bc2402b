//! Tables of single fields → [`Field`], [`Part`], [`Condition`]: selection, steps, conditions.

use jiff::tz::TimeZone;
use regex::RegexBuilder;
use scraper::Selector;
use url::Url;

use super::compile::{Compiler, words};
use super::field::{Condition, Field, From, Pattern, Select, Test};
use super::path::Path;
use super::spec::{Item, Table, suggestion};
use super::targets::Kind;
use super::transform::{DateFormat, Step, Template};
use super::{Each, MoneyField, Part, Spec, TextField};
use crate::codes;
use crate::formats::reading::{Order, Style};
use crate::notice::{MoneyKind, Nature, Relation, Stage, Vat};

/// Keys that say where a value stands.
const SELECTORS: &[&str] =
    &["path", "coalesce", "all", "css", "attr", "label", "within", "const", "template", "from", "by"];
/// Keys of steps.
const STEPS: &[&str] = &[
    "trim",
    "collapse_ws",
    "strip_html",
    "unescape",
    "regex",
    "group",
    "split",
    "first",
    "join",
    "map",
    "prefix_map",
    "default",
    "lang_pick",
    "number",
    "date",
    "order",
    "zone",
    "msdate",
    "cpv",
    "country",
    "buyer_id",
    "prefix_id",
    "url_template",
    "absolute",
    "bool",
    "lookup",
    "equals",
    "in",
    "not_in",
    "starts",
    "present",
    "only_key",
];
const MONEY: &[&str] = &["money", "kind", "vat", "zero_is_unknown"];
const EACH: &[&str] = &["rows", "rows_css", "split_at", "zip_lists", "when", "from", "regex"];
const CONDITION: &[&str] = &[
    "path", "css", "attr", "label", "within", "equals", "in", "not_in", "starts", "present", "only_key", "any", "all",
];

const KINDS: &[(&str, MoneyKind)] = &[
    ("estimate", MoneyKind::Estimate),
    ("budget", MoneyKind::Budget),
    ("ceiling", MoneyKind::Ceiling),
    ("award", MoneyKind::Award),
    ("unit", MoneyKind::Unit),
];

/// Words in the keys of contact data, which no mapping reads.
const CONTACT: &[&str] = &["email", "e-mail", "e_mail", "phone", "telefon", "fax", "contact", "signer", "attentionto"];

/// Reads fields.
pub struct Fields<'c> {
    /// What is known of the file.
    pub compiler: &'c Compiler<'c>,
}

impl Fields<'_> {
    /// What fills one target.
    pub fn spec(&self, target: &str, kind: Kind, item: &Item<'_, '_>) -> Option<Spec> {
        let items = item.list();
        if items.is_empty() {
            item.complain("an empty list maps nothing");
            return None;
        }
        Some(match kind {
            Kind::Plain => {
                let fields: Vec<Field> = items.iter().filter_map(|item| self.field(item, &[])).collect();
                for (field, item) in fields.iter().zip(&items) {
                    check_words(target, field, item);
                }
                Spec::Fields(fields)
            }
            Kind::Text => Spec::Texts(items.iter().filter_map(|item| self.text_field(item)).collect()),
            Kind::Money => Spec::Money(items.iter().filter_map(|item| self.money(item)).collect()),
            Kind::Parts(targets) => {
                Spec::Parts(items.iter().filter_map(|item| self.part(target, targets, item)).collect())
            }
        })
    }

    fn text_field(&self, item: &Item<'_, '_>) -> Option<TextField> {
        let language = item.if_table().and_then(|table| table.get("lang")).and_then(|lang| match lang.if_text() {
            Some(code) => {
                if codes::language(code).is_none() {
                    lang.complain(format!("\"{code}\" is no ISO 639-1 code; a path is written {{ path = … }}"));
                }
                Some(Field { from: From::Const(code.to_owned()), steps: Vec::new(), when: None })
            }
            None => self.field(&lang, &[]),
        });
        Some(TextField { field: self.field(item, &["lang"])?, language })
    }

    fn money(&self, item: &Item<'_, '_>) -> Option<MoneyField> {
        let field = self.field(item, MONEY)?;
        let table = item.if_table();
        let get = |key: &str| table.as_ref().and_then(|table| table.get(key));
        let inner = get("money").and_then(|money| money.table());
        let mut style = None;
        let mut currency = None;
        let mut vat = get("vat");
        let mut kind = get("kind");
        if let Some(inner) = &inner {
            style = inner.get("locale").and_then(|item| locale(&item));
            currency = inner.get("currency").and_then(|item| self.currency(&item));
            vat = inner.get("vat").or(vat);
            kind = inner.get("kind").or(kind);
            inner.close(&["locale", "currency", "vat", "kind"]);
        }
        let kind = kind.map_or(Some(MoneyKind::Estimate), |kind| kind.one_of(KINDS));
        let vat = vat.and_then(|vat| match vat.if_text() {
            Some("in" | "ex" | "unknown") => {
                Some(Field { from: From::Const(vat.text()?.to_owned()), steps: Vec::new(), when: None })
            }
            Some(other) => {
                vat.complain(format!(
                    "expected \"in\", \"ex\" or \"unknown\", found \"{other}\"; a path is written {{ path = … }}"
                ));
                None
            }
            None => self.field(&vat, &[]),
        });
        let zero_is_unknown = get("zero_is_unknown").and_then(|item| item.truth()).unwrap_or(false);
        Some(MoneyField { field, currency, style, kind: kind?, vat, zero_is_unknown })
    }

    fn currency(&self, item: &Item<'_, '_>) -> Option<Field> {
        let Some(code) = item.if_text() else { return self.field(item, &[]) };
        if !codes::is_currency(code) {
            item.complain(format!("\"{code}\" is no ISO 4217 code; a path is written {{ path = … }}"));
        }
        Some(Field { from: From::Const(code.to_owned()), steps: Vec::new(), when: None })
    }

    fn part(&self, target: &str, targets: &'static [(&'static str, Kind)], item: &Item<'_, '_>) -> Option<Part> {
        let name = targets.first().map_or("id", |(name, _)| *name);
        if item.if_text().is_some() {
            // `buyers = "organizationName"` means the name alone.
            let mut part = Part::empty(Each::Here);
            let kind = targets.first().map_or(Kind::Plain, |(_, kind)| *kind);
            part.fields.insert(name, self.spec(name, kind, item)?);
            return Some(part);
        }
        let table = item.table()?;
        let mut part = Part::empty(self.each(&table)?);
        part.when = table.get("when").and_then(|item| self.condition(&item));
        if let Some(from) = table.get("from") {
            let select = self.select(&from);
            let pattern = if let Some(item) = table.get("regex") {
                pattern(&item)
            } else {
                from.complain("`from` needs a `regex` with named groups such as (?P<name>…)");
                None
            };
            if let Some(regex) = &pattern {
                for group in regex.capture_names().flatten() {
                    if !targets.iter().any(|(name, _)| *name == group) {
                        let near = suggestion(group, targets.iter().map(|(name, _)| *name));
                        from.complain(format!("the regex has a group `{group}`, which is no target here{near}"));
                    }
                }
            }
            part.from = Some((Field::plain(select?), pattern?));
        }
        for (name, kind) in targets {
            let Some(inner) = table.get(name) else { continue };
            if *name == "scheme" && inner.if_text().is_some() {
                let field = Field { from: From::Const(inner.text()?.to_owned()), steps: Vec::new(), when: None };
                part.fields.insert(name, Spec::Fields(vec![field]));
                continue;
            }
            if let Some(spec) = self.spec(name, *kind, &inner) {
                part.fields.insert(name, spec);
            }
        }
        let mut known: Vec<&str> = targets.iter().map(|(name, _)| *name).collect();
        known.extend(EACH);
        known.push("within");
        table.close(&known);
        if part.fields.is_empty() && part.from.is_none() {
            table.complain(format!("maps nothing of {target}"));
        }
        Some(part)
    }

    fn each(&self, table: &Table<'_, '_>) -> Option<Each> {
        let mut ways = Vec::new();
        if let Some(item) = table.get("rows") {
            ways.push(Each::Rows(item.row_path()?));
        }
        if let Some(item) = table.get("rows_css") {
            ways.push(Each::Css(self.css(&item)?));
        }
        if let Some(item) = table.get("split_at") {
            let within = match table.get("within") {
                Some(within) => Some(within.row_path()?),
                None => None,
            };
            ways.push(Each::SplitAt(Pattern::new(item.text()?), within));
        }
        if let Some(item) = table.get("zip_lists") {
            let lists = item.table()?;
            let fields = lists.entries().into_iter();
            let fields: Vec<_> =
                fields.filter_map(|(name, item)| Some((name.to_owned(), self.field(&item, &[])?))).collect();
            ways.push(Each::Zip(fields));
        }
        if ways.len() > 1 {
            table.complain("only one of rows, rows_css, split_at and zip_lists");
        }
        Some(ways.pop().unwrap_or(Each::Here))
    }

    /// One field: where its values stand and what is done to them.
    pub fn field(&self, item: &Item<'_, '_>, more: &[&str]) -> Option<Field> {
        if item.if_text().is_some() {
            return Some(Field::plain(self.path(item)?));
        }
        let table = item.table()?;
        let mut steps = Vec::new();
        let from = self.from(&table, &mut steps);
        let when = table.get("when").and_then(|item| self.condition(&item));
        for (key, item) in table.entries() {
            if STEPS.contains(&key) {
                table.get(key);
                steps.extend(self.step(key, &item, &table));
            }
        }
        // A word without a match is no finding when the definition says what else to take.
        let with_default = steps.iter().any(|step| matches!(step, Step::Default(_)));
        for step in &mut steps {
            if let Step::Map { has_default, .. } = step {
                *has_default = with_default;
            }
        }
        let known: Vec<&str> = SELECTORS.iter().chain(STEPS).chain(more).copied().chain(["when"]).collect();
        for key in more {
            table.get(key);
        }
        table.close(&known);
        Some(Field { from: from?, steps, when })
    }

    fn from(&self, table: &Table<'_, '_>, steps: &mut Vec<Step>) -> Option<From> {
        let ways: Vec<&str> = ["path", "by", "from", "coalesce", "all", "css", "label", "const", "template"]
            .into_iter()
            .filter(|key| table.has(key))
            .collect();
        let [way] = ways.as_slice() else {
            table.complain(if ways.is_empty() {
                "says not where the value stands: path, coalesce, all, css, label, const or template".to_owned()
            } else {
                format!("says more than once where the value stands: {}", ways.join(", "))
            });
            return None;
        };
        let item = table.get(way)?;
        match *way {
            "coalesce" | "all" => {
                let items = item.list();
                let selects: Vec<Select> = items.iter().filter_map(|item| self.select(item)).collect();
                (selects.len() == items.len()).then_some(())?;
                Some(if *way == "all" { From::All(selects) } else { From::First(selects) })
            }
            "const" => Some(From::Const(item.plain()?)),
            "template" => {
                steps.push(Step::UrlTemplate(template(&item)?));
                Some(From::Const(" ".to_owned()))
            }
            "css" | "label" => Some(From::First(vec![self.selected(table)?])),
            _ => Some(From::First(vec![self.path(&item)?])),
        }
    }

    /// A path, or a table with a path, CSS selector or label.
    pub fn select(&self, item: &Item<'_, '_>) -> Option<Select> {
        if item.if_text().is_some() {
            return self.path(item);
        }
        let table = item.table()?;
        let select = self.selected(&table);
        table.close(&["path", "css", "attr", "label", "within"]);
        select
    }

    fn selected(&self, table: &Table<'_, '_>) -> Option<Select> {
        let within = table.get("within");
        if let Some(item) = table.get("css") {
            let attr = table.get("attr").and_then(|item| item.text().map(str::to_owned));
            let within = within.and_then(|item| item.text().map(str::to_owned));
            return Some(Select::Css { selector: self.css(&item)?, attr, within });
        }
        if let Some(item) = table.get("label") {
            no_contact(&item, item.text()?);
            let within = match within {
                Some(within) => Some(within.row_path()?),
                None => None,
            };
            return Some(Select::Label { pattern: Pattern::new(item.text()?), within });
        }
        if let Some(item) = table.get("path") {
            self.path(&item)
        } else {
            table.complain("needs path, css or label");
            None
        }
    }

    fn path(&self, item: &Item<'_, '_>) -> Option<Select> {
        let path: Path = item.row_path()?;
        if let Some(key) = path.last_key() {
            no_contact(item, key);
        }
        Some(Select::Path(path))
    }

    /// A CSS selector, or a mistake.
    pub fn css(&self, item: &Item<'_, '_>) -> Option<Selector> {
        let text = item.text()?;
        match Selector::parse(text) {
            Ok(selector) => Some(selector),
            Err(error) => {
                item.complain(format!("\"{text}\" is no CSS selector: {error}"));
                None
            }
        }
    }

    /// A zone, or a mistake.
    pub fn zone(&self, item: &Item<'_, '_>) -> Option<TimeZone> {
        let name = item.text()?;
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            let known = jiff::tz::db().available().map(|name| name.to_string()).collect::<Vec<_>>();
            let near = suggestion(name, known.iter().map(String::as_str));
            item.complain(format!("expected an IANA zone such as \"Europe/Paris\", found \"{name}\"{near}"));
        }
        zone
    }

    fn step(&self, key: &str, item: &Item<'_, '_>, table: &Table<'_, '_>) -> Option<Step> {
        let on = |step: Step| item.truth().and_then(|on| on.then_some(step));
        match key {
            "trim" => on(Step::Trim),
            "collapse_ws" => on(Step::CollapseWs),
            "strip_html" => on(Step::StripHtml),
            "unescape" => on(Step::Unescape),
            "first" => on(Step::First),
            "bool" => on(Step::Bool),
            "cpv" => on(Step::Cpv),
            "country" => on(Step::Country),
            "buyer_id" => on(Step::BuyerId),
            "msdate" => on(Step::Date { formats: vec![DateFormat::Millis], zone: self.own_zone(table) }),
            "regex" => {
                let group = table.get("group").and_then(|group| group.plain());
                let pattern = pattern(item)?;
                let there = match &group {
                    Some(name) => pattern.capture_names().flatten().any(|known| known == name),
                    None => true,
                };
                if !there {
                    item.complain(format!("has no group named {}", group.unwrap_or_default()));
                    return None;
                }
                Some(Step::Regex { pattern, group })
            }
            "split" => item.text().filter(|text| !text.is_empty()).map(|text| Step::Split(text.to_owned())),
            "join" => item.text().map(|text| Step::Join(text.to_owned())),
            "map" | "prefix_map" => {
                let table = words(item)?;
                for word in table.values().filter(|word| word.contains('{')) {
                    if let Err(reason) = Template::parse(word) {
                        item.complain(format!("\"{word}\": {reason}"));
                    }
                }
                Some(Step::Map { table, by_prefix: key == "prefix_map", has_default: false })
            }
            "lookup" => {
                let name = item.text()?;
                let Some(table) = self.compiler.lookups.get(name) else {
                    let near = suggestion(name, self.compiler.lookups.keys().map(String::as_str));
                    item.complain(format!("there is no table [lookup.{name}]{near}"));
                    return None;
                };
                Some(Step::Map { table: table.clone(), by_prefix: false, has_default: false })
            }
            "default" => item.plain().map(Step::Default),
            "lang_pick" => Some(Step::LangPick(item.texts())),
            "number" => locale(item).map(Step::Number),
            "date" => {
                let inner = item.if_table();
                let order = inner.as_ref().and_then(|inner| inner.get("order")).or_else(|| table.get("order"));
                let order = order.and_then(|order| {
                    order.one_of(&[("day_first", Order::DayFirst), ("month_first", Order::MonthFirst)])
                });
                let formats = match &inner {
                    Some(inner) => inner.get("formats").map(|item| item.list()).unwrap_or_default(),
                    None => item.list(),
                };
                let mut formats: Vec<DateFormat> = formats.iter().filter_map(|item| date_format(item, order)).collect();
                if formats.is_empty() {
                    formats.push(DateFormat::Auto(order));
                }
                let zone = match inner.as_ref().and_then(|inner| inner.get("zone")) {
                    Some(zone) => self.zone(&zone),
                    None => self.own_zone(table),
                };
                if let Some(inner) = inner {
                    inner.close(&["formats", "order", "zone"]);
                }
                Some(Step::Date { formats, zone })
            }
            "prefix_id" => item.text().map(|text| Step::PrefixId(text.to_owned())),
            "url_template" => template(item).map(Step::UrlTemplate),
            "absolute" => match item.if_text() {
                Some(base) => match Url::parse(base) {
                    Ok(base) => Some(Step::Absolute(base)),
                    Err(error) => {
                        item.complain(format!("\"{base}\" is no address: {error}"));
                        None
                    }
                },
                None => item.truth().filter(|on| *on).and(self.compiler.facts.homepage).cloned().map(Step::Absolute),
            },
            "equals" | "in" | "not_in" | "starts" | "present" | "only_key" => test(key, item).map(Step::Test),
            // Read with the key they belong to.
            _ => None,
        }
    }

    /// The zone beside a date.
    fn own_zone(&self, table: &Table<'_, '_>) -> Option<TimeZone> {
        table.get("zone").and_then(|item| self.zone(&item))
    }

    /// What must be so, or a mistake.
    pub fn condition(&self, item: &Item<'_, '_>) -> Option<Condition> {
        let table = item.table()?;
        for (key, whole) in [("any", false), ("all", true)] {
            if let Some(list) = table.get(key) {
                let parts: Vec<Condition> = list.list().iter().filter_map(|item| self.condition(item)).collect();
                table.close(CONDITION);
                return Some(if whole { Condition::All(parts) } else { Condition::Any(parts) });
            }
        }
        let select = self.selected(&table);
        let tests: Vec<Test> = ["equals", "in", "not_in", "starts", "present", "only_key"]
            .iter()
            .filter_map(|key| test(key, &table.get(key)?))
            .collect();
        table.close(CONDITION);
        let select = select?;
        if tests.is_empty() {
            table.complain("tests nothing: add equals, in, not_in, starts, present or only_key");
            return None;
        }
        Some(Condition::All(tests.into_iter().map(|test| Condition::Test(select.clone(), test)).collect()))
    }
}

fn test(key: &str, item: &Item<'_, '_>) -> Option<Test> {
    Some(match key {
        "equals" => Test::In(vec![item.plain()?]),
        "in" => Test::In(item.plains()),
        "not_in" => Test::NotIn(item.plains()),
        "starts" => Test::Starts(item.plains()),
        "present" => Test::Present(item.truth()?),
        _ => Test::OnlyKey(item.text()?.to_owned()),
    })
}

fn pattern(item: &Item<'_, '_>) -> Option<regex::Regex> {
    let text = item.text()?;
    match RegexBuilder::new(text).size_limit(1 << 20).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            item.complain(format!("'{text}' is no regular expression: {reason}"));
            None
        }
    }
}

fn template(item: &Item<'_, '_>) -> Option<Template> {
    let text = item.text()?;
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(reason) => {
            item.complain(format!("\"{text}\": {reason}"));
            None
        }
    }
}

/// How numbers are written where this is spoken.
fn locale(item: &Item<'_, '_>) -> Option<Style> {
    match item.text()? {
        "auto" => Some(Style::Auto),
        "point" | "en" | "ga" | "mt" | "de-CH" | "fr-CH" | "it-CH" => Some(Style::Point),
        "comma" => Some(Style::Comma),
        code if codes::language(code) == Some(code) => Some(Style::Comma),
        other => {
            item.complain(format!(
                "expected \"point\", \"comma\", \"auto\" or a language such as \"cs\", found \"{other}\""
            ));
            None
        }
    }
}

fn date_format(item: &Item<'_, '_>, order: Option<Order>) -> Option<DateFormat> {
    match item.text()? {
        "auto" | "rfc3339" | "rfc3339_or_local" | "iso" => Some(DateFormat::Auto(order)),
        "msdate" | "epoch_ms" => Some(DateFormat::Millis),
        pattern if pattern.contains('%') => {
            let example = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
            match jiff::fmt::strtime::format(pattern, &example) {
                Ok(_) => Some(DateFormat::Pattern(pattern.to_owned())),
                Err(error) => {
                    item.complain(format!("\"{pattern}\" is no date format: {error}"));
                    None
                }
            }
        }
        other => {
            let near = suggestion(other, ["auto", "rfc3339", "rfc3339_or_local", "iso", "msdate", "epoch_ms"]);
            item.complain(format!("expected a format such as \"%d.%m.%Y\" or a name, found \"{other}\"{near}"));
            None
        }
    }
}

fn no_contact(item: &Item<'_, '_>, key: &str) {
    let lower = key.to_lowercase();
    if CONTACT.iter().any(|word| lower.contains(word)) {
        item.complain(format!("\"{key}\" is contact data, which no notice holds"));
    }
}

/// Targets with a closed vocabulary: every word that a field can yield is in it.
fn check_words(target: &str, field: &Field, item: &Item<'_, '_>) {
    let known = |word: &str| -> (bool, Vec<&'static str>) {
        match target {
            "type" => (super::stage(word).is_some(), Stage::ALL.iter().map(|stage| stage.as_str()).collect()),
            "procedure" => (
                codes::in_eforms_list("procedure-type", word),
                vec![
                    "open",
                    "restricted",
                    "neg-w-call",
                    "neg-wo-call",
                    "comp-dial",
                    "innovation",
                    "oth-single",
                    "oth-mult",
                    "exp-int-rail",
                ],
            ),
            "nature" => (Nature::parse(word).is_some(), Nature::ALL.iter().map(|nature| nature.as_str()).collect()),
            "relation" => (Relation::parse(word).is_some(), Relation::ALL.iter().map(|word| word.as_str()).collect()),
            _ => (true, Vec::new()),
        }
    };
    let mut words: Vec<&str> = Vec::new();
    if let From::Const(word) = &field.from {
        words.push(word);
    }
    let last = field.steps.iter().rposition(|step| matches!(step, Step::Map { .. }));
    for (number, step) in field.steps.iter().enumerate() {
        match step {
            Step::Map { table, .. } if Some(number) == last => words.extend(table.values().map(String::as_str)),
            Step::Default(word) if last.is_none_or(|last| number > last) => words.push(word),
            _ => {}
        }
    }
    for word in words {
        let (is_known, list) = known(word);
        if !is_known {
            let near = suggestion(word, list.iter().copied());
            item.complain(format!("\"{word}\" is no value of `{target}`{near}; there are {}", list.join(", ")));
        }
    }
    if target == "type" && last.is_none() && !matches!(field.from, From::Const(_)) {
        item.complain("needs a `map` or `prefix_map` to the stages, or a `const`");
    }
}

/// Vat states by name.
pub fn vat(text: &str) -> Vat {
    match text {
        "in" => Vat::In,
        "ex" => Vat::Ex,
        _ => Vat::Unknown,
    }
}
