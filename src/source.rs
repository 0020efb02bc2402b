//! `sources/*.toml` → [`Source`]: who publishes, how to ask, how gently. Strict: a typo is an error with file, line and path.
//!
//! The dialect is plan × page × document × record × map. It knows what may be said; it asks nobody.

mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

pub use self::template::fill_dates;
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
    /// Which requests start a run; `None` when it is only imported, which an active source is not.
    pub plan: Option<Plan>,
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

/// Why we may ask, and how gently.
#[derive(Clone, Debug)]
pub struct Access {
    /// Reuse terms.
    pub licence: String,
    /// What a copy must say.
    pub attribution: String,
    /// Host names that may be asked.
    pub hosts: Vec<String>,
    /// Hosts that may be asked although their address is not public (a test publisher).
    pub private_hosts: Vec<String>,
    /// Between the starts of two requests to one host.
    pub delay: Duration,
    /// Share of the delay that is added at random.
    pub jitter: f64,
    /// Requests at a time per host.
    pub concurrency: usize,
    /// Before the first retry.
    pub backoff: Option<Duration>,
    /// Requests per day.
    pub daily_requests: Option<u32>,
}

/// Which requests start a run. The closed set grows with the sources.
#[derive(Clone, Debug)]
pub enum Plan {
    /// A file per period.
    CalendarFile(CalendarFile),
}

/// A file per numbered issue of a year.
#[derive(Clone, Debug)]
pub struct CalendarFile {
    /// With `{yyyy}` and `{nnnnn}`.
    pub url: String,
    /// The publisher's zone.
    pub zone: TimeZone,
    /// Days on which an issue appears.
    pub weekdays: Vec<Weekday>,
    /// From when on the day's issue can be asked for.
    pub ready_after: Time,
    /// How far back a first run goes.
    pub first_run: Duration,
    /// How a date becomes an issue.
    pub discover: Discover,
}

/// A request that says which issue belongs to a date.
#[derive(Clone, Debug)]
pub struct Discover {
    /// Asked with POST.
    pub url: Url,
    /// The body, with `{date:FORMAT}` in strings.
    pub json: serde_json::Value,
    /// Where the answer says the issue, as `number/year`.
    pub issue: String,
}

/// How documents come.
#[derive(Clone, Debug)]
pub struct Document {
    /// Whether answers are packages.
    pub unpack: bool,
    /// What reads them, or `None` to let the document say.
    pub reader: Option<Reader>,
}

/// What identifies a record.
#[derive(Clone, Debug)]
pub struct Record {
    /// The publisher's zone for dates without one.
    pub zone: TimeZone,
}

/// What a status of an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusMeaning {
    /// Not there (yet).
    Missing,
    /// The publisher refuses us.
    Blocked,
    /// There is nothing, and that is an answer.
    Empty,
}

/// How answers are told from lies.
#[derive(Clone, Debug)]
pub struct Check {
    /// HTTP status → meaning; 200 is an answer, everything else an error.
    pub status: BTreeMap<u16, StatusMeaning>,
    /// Media types an answer may have; empty for any.
    pub content: Vec<String>,
    /// How a day is proven complete.
    pub gaps: Option<Gaps>,
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

/// A list of what was published on a day, asked from the publisher's own search.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// Asked with POST.
    pub url: Url,
    /// The body, with `{date:FORMAT}` in strings.
    pub json: serde_json::Value,
    /// Path of the rows.
    pub rows: String,
    /// Key of the publication number in a row.
    pub key: String,
    /// Path of the declared total.
    pub total: String,
    /// Path of the token for the next page; it goes back into the body under the same name.
    pub next: String,
    /// Path of a flag that says the answer is cut short.
    pub partial: Option<String>,
    /// Where one notice is, with `{n}` and `{yyyy}`.
    pub detail: String,
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
    access: RawAccess,
    plan: Option<RawPlan>,
    page: Option<RawPage>,
    document: D,
    record: R,
    #[serde(default)]
    check: RawCheck,
    sniff: Option<S>,
    #[serde(rename = "map")]
    _map: Option<IgnoredAny>,
    #[serde(rename = "detail")]
    _detail: Option<IgnoredAny>,
    #[serde(rename = "variant")]
    _variant: Option<IgnoredAny>,
    #[serde(rename = "lookup")]
    _lookup: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccess {
    licence: String,
    attribution: String,
    #[serde(default)]
    robots: Option<RawRobots>,
    hosts: Vec<String>,
    #[serde(default)]
    private_hosts: Vec<String>,
    delay: String,
    #[serde(default)]
    jitter: f64,
    #[serde(default = "one")]
    concurrency: usize,
    backoff: Option<String>,
    daily_requests: Option<u32>,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRobots {
    mode: RobotsMode,
    reason: Option<String>,
    on: Option<toml::value::Datetime>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RobotsMode {
    Obey,
    Override,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawPlan {
    CalendarFile {
        unit: PlanUnit,
        url: String,
        zone: String,
        weekdays: Vec<RawWeekday>,
        ready_after: String,
        #[serde(rename = "missing")]
        _missing: MissingFile,
        first_run: String,
        discover: RawDiscover,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlanUnit {
    Issue,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MissingFile {
    NotYet,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawWeekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDiscover {
    url: String,
    json: serde_json::Value,
    issue: String,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawPage {
    None {},
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    #[serde(default)]
    status: BTreeMap<String, StatusMeaning>,
    #[serde(default)]
    content: Vec<String>,
    gaps: Option<RawGaps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGaps {
    url: String,
    json: serde_json::Value,
    rows: String,
    key: String,
    total: String,
    next: String,
    partial: Option<String>,
    detail: String,
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
        let mut check = Checker { file, hosts: &hosts, errors: Vec::new() };
        let document = check.document(&raw.document);
        let zone = check.zone("record.zone", &raw.record.zone);
        check.sniff(raw.sniff.as_ref());
        let (Some(document), Some(zone)) = (document, zone) else { return Err(check.rest(&raw)) };
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
        let check = Checker { file, hosts: &hosts, errors: Vec::new() };
        match mapping {
            Ok(mapping) => {
                let document =
                    Document { unpack: known.document.unpack, reader: Some(Reader::Mapped(Arc::new(mapping))) };
                check.source(raw, document, zone, None)
            }
            Err(mut errors) => {
                let mut all = check.rest(&raw);
                all.append(&mut errors);
                Err(all)
            }
        }
    }
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
    errors: Vec<DefinitionError>,
}

impl Checker<'_> {
    /// Every mistake outside document, record and map.
    fn rest<D, R, S>(mut self, raw: &RawSource<D, R, S>) -> Vec<DefinitionError> {
        self.identity(raw);
        self.access(&raw.access);
        self.url("homepage", &raw.homepage, false);
        self.requests(raw);
        self.answers(&raw.check);
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
        let access = self.access(&raw.access);
        let homepage = self.url("homepage", &raw.homepage, false);
        let plan = self.requests(&raw);
        let answers = self.answers(&raw.check);
        match (access, homepage, plan, answers) {
            (Some(access), Some(homepage), Some(plan), Some(answers)) if self.errors.is_empty() => Ok(Source {
                id: SourceId::new(self.file.id.clone()),
                name: raw.name,
                country: raw.country,
                homepage,
                languages: raw.languages,
                status: raw.status,
                evidence: raw.evidence,
                caveats: raw.caveats,
                access,
                plan,
                document,
                record: Record { zone },
                check: answers,
                sniff,
                file: self.file.name.clone(),
                overrides: self.file.overrides,
            }),
            _ => Err(self.errors),
        }
    }

    /// Plan and paging; the inner `None` for a source that is only imported.
    #[expect(clippy::option_option, reason = "a mistake and no plan are two things")]
    fn requests<D, R, S>(&mut self, raw: &RawSource<D, R, S>) -> Option<Option<Plan>> {
        match (&raw.plan, &raw.page) {
            (Some(plan), Some(RawPage::None {})) => self.plan(plan).map(Some),
            (None, None) if raw.status != Status::Active => Some(None),
            (None, None) => {
                self.complain("status", "an active source needs [plan] and [page]; without them it is only imported");
                None
            }
            (Some(_), None) => {
                self.complain("plan", "needs a [page] too, if only kind = \"none\"");
                None
            }
            (None, Some(_)) => {
                self.complain("page", "needs a [plan] too");
                None
            }
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

    fn access(&mut self, raw: &RawAccess) -> Option<Access> {
        for (path, text) in [("access.licence", &raw.licence), ("access.attribution", &raw.attribution)] {
            if text.trim().is_empty() {
                self.complain(path, "must not be empty");
            }
        }
        if let Some(robots) = &raw.robots
            && robots.mode == RobotsMode::Override
            && (robots.reason.as_deref().unwrap_or_default().trim().is_empty() || robots.on.is_none())
        {
            self.complain("access.robots", "mode = \"override\" needs a reason and a date (on = 2026-11-22)");
        }
        if raw.hosts.is_empty() {
            self.complain("access.hosts", "name at least one host");
        }
        for (at, host) in raw.hosts.iter().enumerate() {
            let parsed = Url::parse(&format!("https://{host}/"));
            if !parsed.is_ok_and(|url| url.host_str() == Some(host) && url.port().is_none()) {
                self.complain(
                    &format!("access.hosts[{at}]"),
                    format!("expected a host name in lower case, found \"{host}\""),
                );
            }
        }
        let delay = self.duration("access.delay", &raw.delay);
        if delay.is_some_and(|delay| !(Duration::from_millis(20)..=Duration::from_hours(1)).contains(&delay)) {
            self.complain("access.delay", "must be between 20ms and 1h between two requests to one host");
        }
        if !(0.0..=1.0).contains(&raw.jitter) {
            self.complain("access.jitter", "must be between 0 and 1: the share of the delay that is added at random");
        }
        if !(1..=8).contains(&raw.concurrency) {
            self.complain("access.concurrency", "must be between 1 and 8 requests at a time");
        }
        let backoff = raw.backoff.as_ref().map(|text| self.duration("access.backoff", text));
        if raw.daily_requests == Some(0) {
            self.complain("access.daily_requests", "must be at least 1; to stop a source, set its status to paused");
        }
        Some(Access {
            licence: raw.licence.clone(),
            attribution: raw.attribution.clone(),
            hosts: raw.hosts.clone(),
            private_hosts: raw.private_hosts.clone(),
            delay: delay?,
            jitter: raw.jitter,
            concurrency: raw.concurrency,
            backoff: match backoff {
                Some(backoff) => Some(backoff?),
                None => None,
            },
            daily_requests: raw.daily_requests,
        })
    }

    fn plan(&mut self, raw: &RawPlan) -> Option<Plan> {
        let RawPlan::CalendarFile {
            unit: PlanUnit::Issue, url, zone, weekdays, ready_after, first_run, discover, ..
        } = raw;
        self.template("plan.url", url, &["{yyyy}", "{nnnnn}"]);
        let zone = self.zone("plan.zone", zone);
        if weekdays.is_empty() {
            self.complain("plan.weekdays", "name at least one day, such as \"mon\"");
        }
        let time: Option<Time> = ready_after.parse().ok();
        if time.is_none() {
            self.complain("plan.ready_after", format!("expected a time such as \"09:45\", found \"{ready_after}\""));
        }
        let first_run = self.duration("plan.first_run", first_run);
        let discover_url = self.url("plan.discover.url", &discover.url, true);
        self.body("plan.discover.json", &discover.json);
        Some(Plan::CalendarFile(CalendarFile {
            url: url.clone(),
            zone: zone?,
            weekdays: weekdays.iter().map(|day| weekday(*day)).collect(),
            ready_after: time?,
            first_run: first_run?,
            discover: Discover { url: discover_url?, json: discover.json.clone(), issue: discover.issue.clone() },
        }))
    }

    fn document(&mut self, raw: &RawDocumentRule) -> Option<Document> {
        if raw.format != "sniff" && formats::find(&raw.format).is_none() {
            let known: Vec<&str> = formats::FORMATS.iter().map(|format| format.name).collect();
            let message = format!("expected \"sniff\" or one of {}, found \"{}\"", known.join(", "), raw.format);
            self.complain("document.format", message);
            return None;
        }
        Some(Document { unpack: !raw.unpack.is_empty(), reader: formats::find(&raw.format).map(Reader::Builtin) })
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

    fn answers(&mut self, raw: &RawCheck) -> Option<Check> {
        let mut status = BTreeMap::new();
        for (code, meaning) in &raw.status {
            match code.parse::<u16>() {
                Ok(number) if (100..600).contains(&number) && number != 200 => {
                    status.insert(number, *meaning);
                }
                _ => self.complain(
                    &format!("check.status.{code}"),
                    format!("expected an HTTP status other than 200, found \"{code}\""),
                ),
            }
        }
        let gaps = match &raw.gaps {
            None => None,
            Some(gaps) => {
                let url = self.url("check.gaps.url", &gaps.url, true);
                self.body("check.gaps.json", &gaps.json);
                self.template("check.gaps.detail", &gaps.detail, &["{n}", "{yyyy}"]);
                Some(Gaps {
                    url: url?,
                    json: gaps.json.clone(),
                    rows: gaps.rows.clone(),
                    key: gaps.key.clone(),
                    total: gaps.total.clone(),
                    next: gaps.next.clone(),
                    partial: gaps.partial.clone(),
                    detail: gaps.detail.clone(),
                })
            }
        };
        Some(Check { status, content: raw.content.clone(), gaps })
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
        if let Err(message) = fill_dates(json, Date::constant(2026, 1, 2)) {
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

fn weekday(day: RawWeekday) -> Weekday {
    match day {
        RawWeekday::Mon => Weekday::Monday,
        RawWeekday::Tue => Weekday::Tuesday,
        RawWeekday::Wed => Weekday::Wednesday,
        RawWeekday::Thu => Weekday::Thursday,
        RawWeekday::Fri => Weekday::Friday,
        RawWeekday::Sat => Weekday::Saturday,
        RawWeekday::Sun => Weekday::Sunday,
    }
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
                "plan.discover.json: knows only {date:FORMAT}",
            ),
            ("zone = \"Europe/Luxembourg\"", "zone = \"Europe/Luxenburg\"", "expected an IANA zone"),
            ("country = \"EU\"", "country = \"UK\"", "country: expected an ISO 3166-1"),
            ("\"sniff\"", "\"eform\"", "document.format: expected \"sniff\" or one of eforms"),
            ("404 = \"missing\"", "999 = \"missing\"", "check.status.999: expected an HTTP status"),
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
