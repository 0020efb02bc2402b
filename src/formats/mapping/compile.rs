//! A definition's tables → [`Mapping`], or every mistake in them with line and suggestion.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use toml::de::DeTable;
use url::Url;

use super::field::Condition;
use super::fields::Fields;
use super::labels::STYLES;
use super::spec::{Item, Mistakes, Table};
use super::targets;
use super::tree::{Expand, Via};
use super::{Delimited, Document, Kind, Mapping, Part, Rows, Shape, Signs, Spec};
use crate::definitions::DefinitionError;
use crate::formats;
use crate::formats::reading::{Order, Style};
use crate::issue::{NON_NOTICES, NonNotice};

/// What a mapping must know of its source.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The source's id.
    pub source: &'a str,
    /// Its languages.
    pub languages: &'a [String],
    /// Its front page: relative addresses are relative to it.
    pub homepage: Option<&'a Url>,
    /// Where dates without an offset are meant, unless `[record] zone` says so.
    pub zone: TimeZone,
}

/// Formats that a mapping reads, by name.
pub const KINDS: &[(&str, Kind)] = &[
    ("json", Kind::Json),
    ("jsonl", Kind::Json),
    ("xml", Kind::Xml),
    ("atom", Kind::Xml),
    ("rss", Kind::Xml),
    ("html", Kind::Html),
    ("csv", Kind::Csv),
    ("xlsx", Kind::Sheet),
    ("ods", Kind::Sheet),
];

const VIA: &[(&str, Via)] = &[
    ("base64", Via::Base64),
    ("json_string", Via::JsonString),
    ("xml_string", Via::XmlString),
    ("html_fragment", Via::HtmlFragment),
];

const ENCODINGS: &[(&str, Option<&str>)] = &[
    ("auto", None),
    ("utf-8", Some("utf-8")),
    ("latin-1", Some("windows-1252")),
    ("windows-1250", Some("windows-1250")),
    ("windows-1251", Some("windows-1251")),
    ("windows-1252", Some("windows-1252")),
    ("windows-1253", Some("windows-1253")),
    ("windows-1257", Some("windows-1257")),
    ("utf-16", Some("utf-16le")),
];

const NUMBERS: &[(&str, Style)] = &[("point", Style::Point), ("comma", Style::Comma), ("auto", Style::Auto)];
const ORDERS: &[(&str, Order)] = &[("day_first", Order::DayFirst), ("month_first", Order::MonthFirst)];

/// Compiles the mapping of a definition file.
///
/// # Errors
/// Every mistake, in the order of lines.
pub fn compile(file: &str, text: &str, facts: &Facts<'_>) -> Result<Mapping, Vec<DefinitionError>> {
    let mistakes = Mistakes::new(file, text);
    let Ok(parsed) = DeTable::parse(text) else {
        // The syntax is the business of whoever reads the whole file.
        return Err(Vec::new());
    };
    let root = Table::root(&parsed, &mistakes);
    let shapes = Compiler { facts, lookups: lookups(&root) }.shapes(&root);
    drop(root);
    let found = mistakes.into_list();
    if !found.is_empty() {
        return Err(found);
    }
    let name = format!("mapped:{}", facts.source);
    Ok(Mapping { source: facts.source.to_owned(), name, fingerprint: fingerprint(text), shapes })
}

/// Changes when the definition says anything else: comments and blanks do not count.
fn fingerprint(text: &str) -> String {
    let plain = toml::from_str::<toml::Table>(text).map_or_else(|_| text.to_owned(), |table| format!("{table:?}"));
    // What the same definition yields also depends on the engine.
    let digest = Sha256::digest(format!("{}\n{plain}", super::ENGINE));
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// `[lookup.<name>]`: tables that several fields share.
fn lookups(root: &Table<'_, '_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let Some(tables) = root.get("lookup").and_then(|item| item.table()) else { return BTreeMap::new() };
    let entries = tables.entries().into_iter();
    entries.filter_map(|(name, item)| Some((name.to_owned(), words(&item)?))).collect()
}

/// A table of plain values.
pub fn words(item: &Item<'_, '_>) -> Option<BTreeMap<String, String>> {
    let table = item.table()?;
    let entries = table.entries();
    if entries.is_empty() {
        item.complain("must not be empty");
    }
    Some(entries.into_iter().filter_map(|(key, item)| Some((key.to_owned(), item.plain()?))).collect())
}

/// What is known while a file is compiled.
pub struct Compiler<'a> {
    /// Of the source.
    pub facts: &'a Facts<'a>,
    /// `[lookup.<name>]`.
    pub lookups: BTreeMap<String, BTreeMap<String, String>>,
}

/// What one shape hands down to those that stand beside it.
#[derive(Clone)]
struct Settings {
    zone: TimeZone,
    numbers: Style,
    dates: Order,
    key: Option<super::field::Select>,
    hash: bool,
    skip: Vec<(Condition, NonNotice)>,
}

/// Keys of `[detail]` that say how details are asked for.
pub const DETAIL_ASKS: &[&str] = &[
    "method",
    "url",
    "query",
    "json",
    "form",
    "raw",
    "content_type",
    "accept",
    "when",
    "max_per_run",
    "batch",
    "rows",
    "key",
    "changed",
    "parts",
    "tables",
];

fn is_mapped_shape(detail: &Table<'_, '_>) -> bool {
    let format = detail.get("document").and_then(|item| item.if_table()).and_then(|document| document.get("format"));
    let built_in = format.and_then(|format| format.text()).is_some_and(|format| formats::find(format).is_some());
    !built_in && (detail.has("document") || detail.has("map"))
}

impl Compiler<'_> {
    fn shapes(&self, root: &Table<'_, '_>) -> Vec<Shape> {
        let mut shapes = Vec::new();
        let start = Settings {
            zone: self.facts.zone.clone(),
            numbers: Style::Auto,
            dates: Order::DayFirst,
            key: None,
            hash: false,
            skip: Vec::new(),
        };
        let settings = root.get("record").and_then(|item| item.table()).map(|table| self.record(&table, &start));
        let settings = settings.unwrap_or(start);
        let detail = root.get("detail").and_then(|item| item.table());
        // How details are asked for is the crawler's business, and so are those that a built-in format reads.
        let is_shape = detail.as_ref().is_some_and(is_mapped_shape);
        let others = root.has("variant") || is_shape;
        if root.has("map") {
            shapes.extend(self.shape("", root, &settings, others));
        }
        if let Some(detail) = detail {
            if is_shape {
                shapes.extend(self.shape("detail", &detail, &settings, true));
            }
            let known: Vec<&str> = DETAIL_ASKS.iter().copied().chain(["map", "document", "record", "sniff"]).collect();
            detail.close(&known);
        }
        for item in root.get("variant").map(|item| item.list()).unwrap_or_default() {
            let Some(variant) = item.table() else { continue };
            let Some(name) = variant.get("name").and_then(|name| name.text()) else {
                variant.complain("a variant has a `name`");
                continue;
            };
            let shape = self.shape(name, &variant, &settings, true).map(|shape| inherit(shape, shapes.first()));
            shapes.extend(shape);
            variant.close(&["name", "map", "document", "record", "sniff", "non_notice"]);
        }
        shapes
    }

    fn shape(&self, name: &str, table: &Table<'_, '_>, outer: &Settings, must_sniff: bool) -> Option<Shape> {
        let settings = match table.get("record").and_then(|item| item.table()) {
            Some(record) if !name.is_empty() => self.record(&record, outer),
            _ => outer.clone(),
        };
        let Some(document) = table.get("document").and_then(|item| item.table()) else {
            table.complain("needs a [document] table that says the format");
            return None;
        };
        let document = self.document(&document);
        let signs = table.get("sniff").and_then(|item| item.table()).map(|sniff| self.signs(&sniff));
        if must_sniff && signs.is_none() {
            table.complain("several shapes of documents need a `sniff` each, to tell them apart");
        }
        let non_notice = table.get("non_notice").and_then(|item| item.one_of(&rules()));
        let mut shape = Shape {
            name: name.to_owned(),
            document: document?,
            signs,
            skip: settings.skip.clone(),
            non_notice,
            zone: settings.zone,
            numbers: settings.numbers,
            dates: settings.dates,
            language: match self.facts.languages {
                [only] => Some(only.clone()),
                _ => None,
            },
            hash: settings.hash,
            fields: BTreeMap::new(),
            extra: Vec::new(),
            whens: Vec::new(),
        };
        if shape.non_notice.is_some() {
            return Some(shape);
        }
        let Some(map_item) = table.get("map") else {
            if name.is_empty() || name == "detail" {
                table.complain("needs a [map] table, or `non_notice` with a rule");
                return None;
            }
            return Some(shape);
        };
        let map = map_item.table()?;
        let mut known: Vec<&str> = targets::NOTICE.iter().map(|(name, _)| *name).collect();
        known.extend(["extra", "when"]);
        self.fill(&map, &mut shape.fields, &mut shape.extra);
        for item in map.get("when").map(|item| item.list()).unwrap_or_default() {
            if let Some(when) = item.table() {
                shape.whens.extend(self.when(&when));
            }
        }
        map.close(&known);
        if let (false, Some(key)) = (shape.fields.contains_key("id"), settings.key) {
            shape.fields.insert("id", Spec::Fields(vec![super::field::Field::plain(key)]));
        }
        let by_mapper = shape.whens.iter().any(|when| when.mapper.is_some());
        for (target, why) in [
            ("id", "what a notice is called must be stated, or [record] key = \"hash\""),
            ("title", "a notice needs a title"),
            ("type", "where a notice stands in its procedure must be stated, if only as { const = \"competition\" }"),
        ] {
            let hash = target == "id" && shape.hash;
            if !shape.fields.contains_key(target) && !hash && !by_mapper {
                map_item.complain(format!("`{target}` is missing: {why}"));
            }
        }
        Some(shape)
    }

    fn fill(
        &self,
        map: &Table<'_, '_>,
        fields: &mut BTreeMap<&'static str, Spec>,
        extra: &mut Vec<(String, super::field::Field)>,
    ) {
        let reader = Fields { compiler: self };
        for (name, kind) in targets::NOTICE {
            if let Some(spec) = map.get(name).and_then(|item| reader.spec(name, *kind, &item)) {
                fields.insert(name, spec);
            }
        }
        if let Some(table) = map.get("extra").and_then(|item| item.table()) {
            for (name, item) in table.entries() {
                extra.extend(reader.field(&item, &[]).map(|field| (name.to_owned(), field)));
            }
        }
    }

    fn when(&self, table: &Table<'_, '_>) -> Option<super::When> {
        let reader = Fields { compiler: self };
        let condition = if let Some(item) = table.get("if") {
            reader.condition(&item)
        } else {
            table.complain("needs `if = { path = …, equals = … }`");
            None
        };
        let mapper = table.get("mapper").and_then(|item| item.table()).and_then(|mapper| {
            let name = mapper.get("name").and_then(|item| {
                let known: Vec<_> = formats::FORMATS.iter().map(|format| (format.name, format.name)).collect();
                item.one_of(&known)
            });
            let at = mapper.get("at").and_then(|item| item.row_path());
            mapper.close(&["name", "at"]);
            Some((formats::find(name?)?, at?))
        });
        let mut fields = BTreeMap::new();
        let mut extra = Vec::new();
        self.fill(table, &mut fields, &mut extra);
        let mut known: Vec<&str> = targets::NOTICE.iter().map(|(name, _)| *name).collect();
        known.extend(["extra", "if", "mapper"]);
        table.close(&known);
        Some(super::When { condition: condition?, mapper, fields, extra })
    }

    fn record(&self, table: &Table<'_, '_>, outer: &Settings) -> Settings {
        let reader = Fields { compiler: self };
        let mut settings = outer.clone();
        if let Some(zone) = table.get("zone").and_then(|item| reader.zone(&item)) {
            settings.zone = zone;
        }
        if let Some(style) = table.get("numbers").and_then(|item| item.one_of(NUMBERS)) {
            settings.numbers = style;
        }
        if let Some(order) = table.get("dates").and_then(|item| item.one_of(ORDERS)) {
            settings.dates = order;
        }
        if let Some(item) = table.get("key") {
            settings.hash = item.if_text() == Some("hash");
            settings.key = if settings.hash { None } else { reader.select(&item) };
        }
        for item in table.get("skip").map(|item| item.list()).unwrap_or_default() {
            let Some(skip) = item.table() else { continue };
            let condition = if let Some(when) = skip.get("when") {
                reader.condition(&when)
            } else {
                skip.complain("needs `when`");
                None
            };
            let rule = if let Some(rule) = skip.get("rule") {
                rule.one_of(&rules())
            } else {
                skip.complain("needs `rule`: why such a row is no notice");
                None
            };
            skip.close(&["when", "rule"]);
            settings.skip.extend(condition.zip(rule));
        }
        table.close(&["key", "zone", "numbers", "dates", "skip"]);
        settings
    }

    fn document(&self, table: &Table<'_, '_>) -> Option<Document> {
        let reader = Fields { compiler: self };
        let kind = if let Some(item) = table.get("format") {
            item.one_of(KINDS)
        } else {
            table.complain("needs `format`");
            None
        };
        let encoding = table.get("encoding").and_then(|item| item.one_of(ENCODINGS)).flatten();
        let rows = match table.get("rows") {
            None => Some(Rows::Whole),
            Some(item) if kind == Some(Kind::Html) => reader.css(&item).map(Rows::Css),
            Some(item) => item.row_path().map(Rows::Path),
        };
        let labels = table.get("labels").map(|item| self.styles(&item)).unwrap_or_default();
        let mut expand = Vec::new();
        for item in table.get("expand").map(|item| item.list()).unwrap_or_default() {
            expand.extend(item.table().and_then(|table| self.expand(&table)));
        }
        let namespaces = table.get("namespaces").and_then(|item| words(&item)).unwrap_or_default();
        let defaults = Delimited::default();
        let delimited = Delimited {
            delimiter: match table.get("delimiter") {
                None => None,
                Some(item) => {
                    if let Some([single]) = item.text().map(str::as_bytes) {
                        Some(*single)
                    } else {
                        item.complain("expected a single character, such as \";\"");
                        None
                    }
                }
            },
            header: table.get("header").and_then(|item| item.number()).unwrap_or(defaults.header),
            sheet: table.get("sheet").and_then(|item| item.text().map(str::to_owned)),
        };
        // Packages are opened before a document is read.
        table.get("unpack");
        table.close(&[
            "format",
            "encoding",
            "rows",
            "labels",
            "expand",
            "namespaces",
            "delimiter",
            "header",
            "sheet",
            "unpack",
        ]);
        Some(Document {
            kind: kind?,
            encoding: encoding.and_then(|label| Encoding::for_label(label.as_bytes())),
            rows: rows?,
            expand,
            labels,
            namespaces: namespaces.into_iter().collect(),
            delimited,
        })
    }

    fn styles(&self, item: &Item<'_, '_>) -> Vec<super::labels::Style> {
        item.list().iter().filter_map(|item| item.one_of(STYLES)).collect()
    }

    fn expand(&self, table: &Table<'_, '_>) -> Option<Expand> {
        let path = table.get("path").and_then(|item| item.row_path());
        let name = table.get("as").and_then(|item| item.text().map(str::to_owned));
        let via: Vec<Via> = match table.get("via") {
            Some(item) => item.list().iter().filter_map(|item| item.one_of(VIA)).collect(),
            None => Vec::new(),
        };
        if path.is_none() || name.is_none() || via.is_empty() {
            table.complain("expected { path = …, as = …, via = … }");
        }
        let labels = table.get("labels").map(|item| self.styles(&item)).unwrap_or_default();
        table.close(&["path", "as", "via", "labels"]);
        Some(Expand { path: path?, name: name?, via, labels })
    }

    fn signs(&self, table: &Table<'_, '_>) -> Signs {
        let paths = |key: &str| {
            let items = table.get(key).map(|item| item.list()).unwrap_or_default();
            items.iter().filter_map(Item::row_path).collect::<Vec<_>>()
        };
        let text = |key: &str| table.get(key).and_then(|item| item.text().map(str::to_owned));
        let texts = |key: &str| table.get(key).map(|item| item.texts()).unwrap_or_default();
        let signs = Signs {
            require: paths("require"),
            any: paths("any"),
            headers: texts("headers"),
            root: text("root"),
            namespace: text("namespace"),
            contains: texts("contains"),
        };
        table.close(&["require", "any", "headers", "root", "namespace", "contains"]);
        if signs.is_empty() {
            table.complain("says nothing: name required keys, header names, a root element or a contained text");
        }
        signs
    }
}

/// A variant without a map has that of the first shape.
fn inherit(shape: Shape, first: Option<&Shape>) -> Shape {
    match first {
        Some(first) if shape.fields.is_empty() && shape.non_notice.is_none() => {
            Shape { fields: first.fields.clone(), extra: first.extra.clone(), whens: first.whens.clone(), ..shape }
        }
        _ => shape,
    }
}

/// The rules for what is no notice, by name.
fn rules() -> Vec<(&'static str, NonNotice)> {
    NON_NOTICES.iter().map(|(rule, _)| (rule.as_str(), *rule)).collect()
}

/// Whether a part of a definition is there that only a mapping has.
pub fn is_mapped(format: &str) -> bool {
    KINDS.iter().any(|(name, _)| *name == format) && formats::find(format).is_none()
}

impl Part {
    /// A part without fields.
    pub fn empty(each: super::Each) -> Self {
        Self { each, when: None, from: None, fields: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[document]
format = "json"
rows = "items[*]"
[record]
zone = "Europe/Paris"
[map]
id = "id"
title = "t"
type = { const = "competition" }
deadline = { path = "d", date = "%d.%m.%Y" }
extra.a = "a"
"#;

    fn mistakes(text: &str) -> Vec<String> {
        let languages = ["fr".to_owned()];
        let facts = Facts { source: "xx-test", languages: &languages, homepage: None, zone: TimeZone::UTC };
        let found = compile("x.toml", text, &facts).err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_mistake_is_explained_with_line_and_suggestion() {
        assert_eq!(mistakes(GOOD), Vec::<String>::new());
        for (find, replace, expected) in [
            ("title = \"t\"", "tittle = \"t\"", "x.toml:9: map.tittle: unknown key `tittle`: did you mean `title`?"),
            ("format = \"json\"", "format = \"jsn\"", "x.toml:3: document.format: expected one of json"),
            ("id = \"id\"", "id = { path = \"id\", tirm = true }", "unknown key `tirm`: did you mean `trim`?"),
            ("id = \"id\"", "id = { css = \"td[\" }", "is no CSS selector"),
            ("id = \"id\"", "id = { path = \"id\", regex = '(' }", "is no regular expression"),
            (
                "id = \"id\"",
                "id = \"a[x]\"",
                "x.toml:8: map.id: \"a[x]\" is no path: expected [*], [0] or [?key=value], found [x] at character 3",
            ),
            ("id = \"id\"", "id = { path = \"id\", css = \"td\" }", "says more than once where the value stands"),
            ("id = \"id\"", "id = { trim = true }", "says not where the value stands"),
            ("id = \"id\"\n", "", "`id` is missing"),
            ("Europe/Paris", "Europe/Pariss", "did you mean `Europe/Paris`?"),
            ("\"competition\"", "\"competiton\"", "\"competiton\" is no value of `type`: did you mean `competition`?"),
            ("%d.%m.%Y", "%d.%!.%Y", "is no date format"),
            ("extra.a = \"a\"", "extra.a = \"contact.email\"", "is contact data"),
            ("extra.a = \"a\"", "extra.a = { path = \"a\", lookup = \"x\" }", "there is no table [lookup.x]"),
            (
                "title = \"t\"",
                "title = \"t\"\nvalue = { path = \"v\", money = { currency = \"EURO\" } }",
                "no ISO 4217 code",
            ),
            ("title = \"t\"", "title = \"t\"\nbuyers = [{ nam = \"x\" }]", "unknown key `nam`: did you mean `name`?"),
            ("title = \"t\"", "title = \"t\"\nurl = { path = \"u\", when = { path = \"x\" } }", "tests nothing"),
            (
                "[map]",
                "skip = [{ when = { path = \"x\", equals = 1 }, rule = \"lokup\" }]\n[map]",
                "did you mean `lookup`?",
            ),
        ] {
            assert!(GOOD.contains(find), "{find}");
            let found = mistakes(&GOOD.replacen(find, replace, 1)).join("\n");
            assert!(found.contains(expected), "{replace}: {found}");
        }
    }

    #[test]
    fn all_mistakes_come_at_once_in_the_order_of_lines() {
        let text = GOOD.replace("title", "tittle").replace("%d.", "%!.").replace("\"id\"", "\"a..\"");
        let found = mistakes(&text);
        assert!(found.len() >= 4, "{found:?}");
        let lines: Vec<usize> = found.iter().filter_map(|text| text.split(':').nth(1)?.parse().ok()).collect();
        assert!(lines.is_sorted(), "{found:?}");
    }

    #[test]
    fn the_fingerprint_follows_the_content_alone() {
        assert_eq!(fingerprint(GOOD), fingerprint(&format!("# a word\n{GOOD}")));
        assert_ne!(fingerprint(GOOD), fingerprint(&GOOD.replace("\"t\"", "\"u\"")));
    }
}
