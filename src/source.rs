//! `sources/*.toml` → [`Source`]: who publishes, how to ask, how gently. Strict: a typo is an error with file, line and path.
//!
//! The dialect is access × session × plan × page × detail × change × check, and document × record × map. It knows what may be said; it asks nobody.

mod access;
mod ask;
mod catalogue;
mod check;
mod detail;
mod page;
mod plan;
mod schedule;
mod template;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

pub use self::access::{Access, Boot, Hours, Robots, SessionRules};
pub use self::ask::{Ask, AskBody, Method, Param, Question};
pub use self::catalogue::catalogue;
pub use self::check::{Canary, Check, FilterCheck, Gaps, Publishes, StatusMeaning};
pub use self::detail::{Change, Detail, IndexRows, Table};
pub use self::page::{Cap, Paging, PagingKind};
pub use self::plan::{
    Catalogue, DateWindow, Discover, IdRange, Issues, Length, Missing, Periods, Plan, PlanKind, Unit,
};
pub use self::schedule::Schedule;
pub use self::template::Filling;
use crate::codes;
use crate::config::parse_duration;
use crate::definitions::{DefinitionError, DefinitionFile, Definitions};
use crate::formats::mapping::{self, Facts};
use crate::formats::{self, Reader, Readers};
use crate::ids::SourceId;

/// A valid source definition.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's stem.
    pub id: SourceId,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2, or `EU`.
    pub country: String,
    /// Its front page.
    pub homepage: Url,
    /// ISO 639-1.
    pub languages: Vec<String>,
    /// Whether it is crawled.
    pub status: Status,
    /// What the definition rests on.
    pub evidence: SourceEvidence,
    /// What a reader of its data must know.
    pub caveats: Vec<String>,
    /// Why we may, and how gently.
    pub access: Access,
    /// What every request carries.
    pub session: SessionRules,
    /// Which requests start a run; `None` when it is only imported, which an active source is not.
    pub plan: Option<Plan>,
    /// How one list comes in several answers.
    pub paging: Paging,
    /// What is asked for each row.
    pub detail: Option<Detail>,
    /// How little is asked when nothing is new.
    pub change: Change,
    /// How the documents come.
    pub document: Document,
    /// What identifies a record.
    pub record: Record,
    /// How answers are told from lies.
    pub check: Check,
    /// How `import` recognises its documents.
    pub sniff: Option<Sniff>,
    /// The file as the user knows it, for messages and `status`.
    pub file: String,
    /// Whether an operator's file stands in place of the shipped one.
    pub overrides: bool,
}

/// Whether a source is crawled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is.
    Active,
    /// Not now, for a reason with a date.
    Paused(String),
    /// It said no; recorded, not evaded.
    Refused(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::Paused(reason) => write!(f, "paused: {reason}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

/// What a definition rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceEvidence {
    /// Real answers were seen.
    Seen,
    /// The publisher documents it.
    Documented,
    /// Neither.
    Unconfirmed,
}

/// How documents come.
#[derive(Clone, Debug)]
pub struct Document {
    /// Whether answers are packages.
    pub unpack: bool,
    /// Whether web pages are what it publishes; for any other source a page is a refusal.
    pub pages: bool,
    /// What reads them, or `None` to let the document say.
    pub reader: Option<Reader>,
}

/// What identifies a record.
#[derive(Clone, Debug)]
pub struct Record {
    /// The publisher's zone for dates without one.
    pub zone: TimeZone,
}

/// How `import` recognises a source's documents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sniff {
    /// The format's name.
    pub format: String,
    /// A text that its documents contain and others of the format do not.
    pub contains: String,
}

impl Sniff {
    /// Whether a document of this format is one of the source's.
    pub fn matches(&self, format: &str, body: &[u8]) -> bool {
        self.format == format && memchr::memmem::find(body, self.contains.as_bytes()).is_some()
    }
}

/// What only a mapping has is read by the mapping's own compiler.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource<D, R, S> {
    name: String,
    country: String,
    homepage: String,
    languages: Vec<String>,
    status: Status,
    evidence: SourceEvidence,
    #[serde(default)]
    caveats: Vec<String>,
    access: access::RawAccess,
    session: Option<access::RawSession>,
    plan: Option<plan::RawPlan>,
    page: Option<page::RawPage>,
    detail: Option<detail::RawDetail>,
    change: Option<detail::RawChange>,
    document: D,
    record: R,
    #[serde(default)]
    check: check::RawCheck,
    sniff: Option<S>,
    #[serde(rename = "map")]
    _map: Option<IgnoredAny>,
    #[serde(rename = "variant")]
    _variant: Option<IgnoredAny>,
    #[serde(rename = "lookup")]
    _lookup: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocumentRule {
    #[serde(default)]
    unpack: Vec<RawContainer>,
    format: String,
}

#[derive(Deserialize)]
enum RawContainer {
    #[serde(rename = "tar.gz")]
    TarGz,
    #[serde(rename = "gzip")]
    Gzip,
    #[serde(rename = "zip")]
    Zip,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecord {
    #[serde(rename = "key")]
    _key: RecordKey,
    zone: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecordKey {
    PublicationId,
}

/// All source definitions, by id.
///
/// # Errors
/// Every mistake in every file.
pub fn load(definitions: &Definitions) -> Result<Vec<Source>, Vec<DefinitionError>> {
    let files = definitions.list("sources").map_err(|error| vec![error])?;
    let mut sources = Vec::new();
    let mut errors = Vec::new();
    for file in &files {
        match Source::parse(file) {
            Ok(source) => sources.push(source),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    if errors.is_empty() { Ok(sources) } else { Err(errors) }
}

impl Source {
    /// Reads one definition.
    ///
    /// # Errors
    /// Every mistake in it; a mistake in the syntax or a key hides those of values.
    pub fn parse(file: &DefinitionFile) -> Result<Self, Vec<DefinitionError>> {
        if is_mapped(&file.text) { Self::parse_mapped(file) } else { Self::parse_builtin(file) }
    }

    fn parse_builtin(file: &DefinitionFile) -> Result<Self, Vec<DefinitionError>> {
        let raw: RawSource<RawDocumentRule, RawRecord, Sniff> = file.parse_all()?;
        let hosts = raw.access.hosts.clone();
        let mut check = Checker::new(file, &hosts);
        let document = check.document(&raw.document);
        let zone = check.zone("record.zone", &raw.record.zone);
        check.sniff(raw.sniff.as_ref());
        check.detail_keys();
        let (Some(document), Some(zone)) = (document, zone) else { return Err(check.rest(&raw, &TimeZone::UTC)) };
        let sniff = raw.sniff.clone();
        check.source(raw, document, zone, sniff)
    }

    fn parse_mapped(file: &DefinitionFile) -> Result<Self, Vec<DefinitionError>> {
        let raw = file.parse_all::<RawSource<IgnoredAny, IgnoredAny, IgnoredAny>>();
        let known = toml::from_str::<MappedFacts>(&file.text).unwrap_or_default();
        let homepage = Url::parse(&known.homepage).ok();
        let zone = known.record.zone.and_then(|name| TimeZone::get(&name).ok());
        let zone = zone.unwrap_or_else(|| codes::zone_of(Some(&known.country)));
        let facts =
            Facts { source: &file.id, languages: &known.languages, homepage: homepage.as_ref(), zone: zone.clone() };
        let mapping = mapping::compile(&file.name, &file.text, &facts);
        let raw = match raw {
            Ok(raw) => raw,
            Err(mut errors) => {
                errors.extend(mapping.err().unwrap_or_default());
                return Err(errors);
            }
        };
        let hosts = raw.access.hosts.clone();
        let check = Checker::new(file, &hosts);
        match mapping {
            Ok(mapping) => {
                let document = Document {
                    unpack: known.document.unpack,
                    pages: reads_pages(file),
                    reader: Some(Reader::Mapped(Arc::new(mapping))),
                };
                check.source(raw, document, zone, None)
            }
            Err(mut errors) => {
                let mut all = check.rest(&raw, &zone);
                all.append(&mut errors);
                Err(all)
            }
        }
    }
}

/// Whether something in the definition reads web pages.
fn reads_pages(file: &DefinitionFile) -> bool {
    fn any(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => {
                table.contains_key("css")
                    || table.get("format").and_then(toml::Value::as_str) == Some("html")
                    || table.values().any(any)
            }
            toml::Value::Array(list) => list.iter().any(any),
            _ => false,
        }
    }
    file.text.parse::<toml::Table>().is_ok_and(|table| any(&toml::Value::Table(table)))
}

/// Whether documents are read by what the definition itself says.
fn is_mapped(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let format = table.get("document").and_then(|document| document.get("format")).and_then(toml::Value::as_str);
    ["map", "variant"].iter().any(|key| table.contains_key(*key)) || format.is_some_and(mapping::is_mapped)
}

/// What a mapping must know of its source, whatever else is wrong with the file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct MappedFacts {
    country: String,
    homepage: String,
    languages: Vec<String>,
    record: MappedRecord,
    document: MappedDocument,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MappedRecord {
    zone: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MappedDocument {
    #[serde(deserialize_with = "is_there")]
    unpack: bool,
}

fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Collects every mistake of one file.
struct Checker<'a> {
    file: &'a DefinitionFile,
    hosts: &'a [String],
    /// Whether the address of the plan says where a page's number goes.
    plan_mentions_page: bool,
    errors: Vec<DefinitionError>,
}

/// What a definition says about asking.
struct Crawl {
    access: Access,
    session: SessionRules,
    plan: Option<Plan>,
    paging: Paging,
    detail: Option<Detail>,
    change: Change,
    check: Check,
}

impl<'a> Checker<'a> {
    fn new(file: &'a DefinitionFile, hosts: &'a [String]) -> Self {
        Self { file, hosts, plan_mentions_page: false, errors: Vec::new() }
    }

    /// Every mistake outside document, record and map.
    fn rest<D, R, S>(mut self, raw: &RawSource<D, R, S>, zone: &TimeZone) -> Vec<DefinitionError> {
        self.identity(raw);
        self.url("homepage", &raw.homepage, false);
        self.crawl(raw, zone);
        self.errors
    }

    /// The whole source, when there is no mistake.
    fn source<D, R, S>(
        mut self,
        raw: RawSource<D, R, S>,
        document: Document,
        zone: TimeZone,
        sniff: Option<Sniff>,
    ) -> Result<Source, Vec<DefinitionError>> {
        self.identity(&raw);
        let homepage = self.url("homepage", &raw.homepage, false);
        let crawl = self.crawl(&raw, &zone);
        match (homepage, crawl) {
            (Some(homepage), Some(crawl)) if self.errors.is_empty() => Ok(Source {
                id: SourceId::new(self.file.id.clone()),
                name: raw.name,
                country: raw.country,
                homepage,
                languages: raw.languages,
                status: raw.status,
                evidence: raw.evidence,
                caveats: raw.caveats,
                access: crawl.access,
                session: crawl.session,
                plan: crawl.plan,
                paging: crawl.paging,
                detail: crawl.detail,
                change: crawl.change,
                document,
                record: Record { zone },
                check: crawl.check,
                sniff,
                file: self.file.name.clone(),
                overrides: self.file.overrides,
            }),
            _ => Err(self.errors),
        }
    }

    /// Everything about asking.
    fn crawl<D, R, S>(&mut self, raw: &RawSource<D, R, S>, zone: &TimeZone) -> Option<Crawl> {
        let access = self.access(&raw.access);
        let session = raw.session.as_ref().map(|raw| self.session(raw)).unwrap_or_default();
        let plan = raw.plan.as_ref().map(|raw| self.plan(raw, zone));
        self.plan_mentions_page = matches!(&plan, Some(Some(plan)) if plan.ask.url.contains("{page}"));
        let paging = raw.page.as_ref().map_or(Some(Paging::none()), |raw| self.page(raw));
        let detail = raw.detail.as_ref().filter(|raw| raw.is_asked()).map(|raw| self.detail(raw));
        let change = raw.change.as_ref().map_or(Some(Change::default()), |raw| self.change(raw));
        let check = self.answers(&raw.check);
        if raw.plan.is_none() {
            if raw.status == Status::Active {
                self.complain("status", "an active source needs a [plan]; without it, it is only imported");
            }
            for (table, there) in
                [("page", raw.page.is_some()), ("change", raw.change.is_some()), ("session", raw.session.is_some())]
            {
                if there {
                    self.complain(table, "needs a [plan] too");
                }
            }
        }
        Some(Crawl {
            access: access?,
            session,
            plan: match plan {
                Some(plan) => Some(plan?),
                None => None,
            },
            paging: paging?,
            detail: match detail {
                Some(detail) => Some(detail?),
                None => None,
            },
            change: change?,
            check: check?,
        })
    }

    /// Unknown keys of `[detail]`, where no mapping looks at them.
    fn detail_keys(&mut self) {
        let table = self.file.text.parse::<toml::Table>().unwrap_or_default();
        let Some(detail) = table.get("detail").and_then(toml::Value::as_table) else { return };
        let known: Vec<&str> = mapping::DETAIL_ASKS.iter().copied().chain(["document"]).collect();
        for key in detail.keys().filter(|key| !known.contains(&key.as_str())) {
            self.complain(&format!("detail.{key}"), format!("unknown key; [detail] knows {}", known.join(", ")));
        }
    }

    fn complain(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(self.file.error(path, message));
    }

    fn identity<D, R, S>(&mut self, raw: &RawSource<D, R, S>) {
        let id = &self.file.id;
        let kebab = id
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        if !kebab || !id.contains('-') {
            self.complain("name", "the file must be named <country>-<name>.toml, lower case, such as eu-ted.toml");
        }
        if raw.name.trim().is_empty() {
            self.complain("name", "must not be empty");
        }
        if raw.country != "EU" && codes::country(&raw.country).is_none_or(|country| country.iso2 != raw.country) {
            self.complain("country", format!("expected an ISO 3166-1 alpha-2 code or EU, found \"{}\"", raw.country));
        }
        for (at, language) in raw.languages.iter().enumerate() {
            if codes::language(language) != Some(language) {
                let message = format!("expected an ISO 639-1 code such as \"de\", found \"{language}\"");
                self.complain(&format!("languages[{at}]"), message);
            }
        }
        if let Status::Paused(reason) | Status::Refused(reason) = &raw.status
            && reason.trim().len() < 10
        {
            self.complain("status", "a paused or refused source says why, in words and with a date");
        }
    }

    fn document(&mut self, raw: &RawDocumentRule) -> Option<Document> {
        if raw.format != "sniff" && formats::find(&raw.format).is_none() {
            let known: Vec<&str> = formats::FORMATS.iter().map(|format| format.name).collect();
            let message = format!("expected \"sniff\" or one of {}, found \"{}\"", known.join(", "), raw.format);
            self.complain("document.format", message);
            return None;
        }
        Some(Document {
            unpack: !raw.unpack.is_empty(),
            pages: reads_pages(self.file),
            reader: formats::find(&raw.format).map(Reader::Builtin),
        })
    }

    fn sniff(&mut self, raw: Option<&Sniff>) {
        let Some(sniff) = raw else { return };
        if formats::find(&sniff.format).is_none() {
            self.complain("sniff.format", format!("there is no format \"{}\"", sniff.format));
        }
        if sniff.contains.len() < 4 {
            self.complain("sniff.contains", "must be at least 4 characters, or it tells nothing apart");
        }
    }

    fn template(&mut self, path: &str, text: &str, placeholders: &[&str]) {
        let mut filled = text.to_owned();
        for placeholder in placeholders {
            if !filled.contains(placeholder) {
                self.complain(path, format!("must contain {placeholder}"));
            }
            filled = filled.replace(placeholder, "1");
        }
        if filled.contains(['{', '}']) {
            self.complain(path, format!("knows only {}", placeholders.join(" and ")));
            return;
        }
        self.url(path, &filled, true);
    }

    /// Date placeholders in the strings of a body must have a format that works.
    fn body(&mut self, path: &str, json: &serde_json::Value) {
        let day = Date::constant(2026, 1, 2).to_zoned(TimeZone::UTC).expect("a day in UTC");
        if let Err(message) = Filling::default().moment("date", day).json(json) {
            self.complain(path, message);
        }
        if !json.is_object() {
            self.complain(path, "must be a table");
        }
    }

    fn url(&mut self, path: &str, text: &str, must_be_allowed: bool) -> Option<Url> {
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.host_str().is_some() => url,
            Ok(_) => {
                self.complain(path, format!("expected an http or https address, found \"{text}\""));
                return None;
            }
            Err(error) => {
                self.complain(path, format!("\"{text}\" is no address: {error}"));
                return None;
            }
        };
        let host = url.host_str().unwrap_or_default();
        if must_be_allowed && !self.hosts.iter().any(|allowed| allowed == host) {
            self.complain(path, format!("the host {host} is not in access.hosts"));
            return None;
        }
        Some(url)
    }

    fn zone(&mut self, path: &str, name: &str) -> Option<TimeZone> {
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            self.complain(path, format!("expected an IANA zone such as \"Europe/Paris\", found \"{name}\""));
        }
        zone
    }

    fn duration(&mut self, path: &str, text: &str) -> Option<Duration> {
        let duration = parse_duration(text);
        if duration.is_none() {
            self.complain(path, format!("expected a duration such as \"500ms\", \"2s\" or \"7d\", found \"{text}\""));
        }
        duration
    }
}

/// The built-in formats, and the mappings of these sources.
pub fn readers(sources: &[Source]) -> Readers {
    let mapped = sources.iter().filter_map(|source| match &source.document.reader {
        Some(Reader::Mapped(mapping)) => Some(Arc::clone(mapping)),
        _ => None,
    });
    Readers::new(mapped.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> DefinitionFile {
        let files = Definitions::default().list("sources").expect("shipped");
        files.into_iter().find(|file| file.id == "eu-ted").expect("shipped")
    }

    fn mistakes(find: &str, replace: &str) -> String {
        let mut file = shipped();
        assert!(file.text.contains(find), "{find}");
        file.text = file.text.replacen(find, replace, 1).into();
        let errors = Source::parse(&file).map(|source| source.id).expect_err(replace);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_shipped_source_is_valid() {
        let sources = load(&Definitions::default()).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(!sources.is_empty());
    }

    #[test]
    fn mistakes_are_sentences_with_file_line_and_path() {
        for (find, replace, expected) in [
            ("delay = \"1s\"", "dealy = \"1s\"", "unknown field `dealy`"),
            ("delay = \"1s\"", "delay = \"0ms\"", "access.delay: must be between 20ms and 1h"),
            ("jitter = 0.25", "jitter = 2.5", "access.jitter: must be between 0 and 1"),
            ("concurrency = 1", "concurrency = 99", "access.concurrency: must be between 1 and 8"),
            ("homepage = \"https://", "homepage = \"htps://", "homepage: expected an http or https address"),
            ("daily/{yyyy}{nnnnn}", "daily/{yyyy}", "plan.url: must contain {nnnnn}"),
            ("daily/{yyyy}{nnnnn}", "daily/{yyyy}{nnnnn}{x}", "plan.url: knows only"),
            (
                "url = \"https://ted.europa.eu/packages",
                "url = \"https://evil.example/packages",
                "the host evil.example is not in access.hosts",
            ),
            (
                "{date:%Y%m%d} SORT BY publication-date",
                "{from:%Y} SORT",
                "plan.discover.json: there is no placeholder {from} here",
            ),
            ("zone = \"Europe/Luxembourg\"", "zone = \"Europe/Luxenburg\"", "expected an IANA zone"),
            ("country = \"EU\"", "country = \"UK\"", "country: expected an ISO 3166-1"),
            ("\"sniff\"", "\"eform\"", "document.format: expected \"sniff\" or one of eforms"),
            ("404 = \"missing\"", "1999 = \"missing\"", "check.status.1999: expected an HTTP status"),
            ("status = \"active\"", "status = { paused = \"\" }", "status: a paused or refused source says why"),
            ("kind = \"calendar_file\"", "kind = \"calender_file\"", "calendar_file"),
        ] {
            let text = mistakes(find, replace);
            assert!(text.contains(expected), "{replace}: {text}");
            assert!(text.starts_with("built-in sources/eu-ted.toml:"), "{text}");
            let line = text.split(':').nth(1).expect("a line");
            assert!(line.parse::<usize>().is_ok_and(|line| line > 1 || find.starts_with("name")), "{text}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let mut file = shipped();
        file.text =
            file.text.replace("jitter = 0.25", "jitter = 7").replace("concurrency = 1 ", "concurrency = 0 ").into();
        assert_eq!(Source::parse(&file).map(|source| source.id).expect_err("two").len(), 2);
    }
}
