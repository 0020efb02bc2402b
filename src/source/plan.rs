//! `[plan]`: what set of requests starts a run. A closed set of kinds; a key that a kind does not know is a mistake.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Checker;
use super::ask::{Ask, Method, RawAsk};
use super::schedule::Schedule;
use super::template::Filling;
use crate::config::parse_duration;
use crate::formats::mapping::Path;
use crate::formats::probe::{Probe, RawProbe, RowProbe, parse_path};

/// Which requests start a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which kind.
    pub kind: PlanKind,
    /// When it is due.
    pub schedule: Schedule,
    /// The publisher's zone.
    pub zone: TimeZone,
    /// The request of an item.
    pub ask: Ask,
    /// Every combination of these is an item of its own.
    pub values: Vec<(String, Vec<String>)>,
}

/// The kinds of plans.
#[derive(Clone, Debug)]
pub enum PlanKind {
    /// One request, or one for each combination of values.
    Once,
    /// One for each window of time.
    DateWindow(DateWindow),
    /// A file for each day, month or year.
    Periods(Periods),
    /// A file for each numbered issue.
    Issues(Issues),
    /// The files that an index names.
    Catalogue(Catalogue),
    /// Numbers above the highest known one.
    IdRange(IdRange),
}

/// A length of calendar time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Of the clock.
    Hours(i64),
    /// Local days.
    Days(i64),
    /// Local months.
    Months(i64),
}

impl Length {
    /// `6h`, `1d`, `15d`, `1mo`.
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = text[..at].parse().ok().filter(|number| (1..=10_000).contains(number))?;
        match &text[at..] {
            "h" => Some(Self::Hours(number)),
            "d" => Some(Self::Days(number)),
            "mo" => Some(Self::Months(number)),
            _ => None,
        }
    }

    /// The start of the window that holds a moment, counted from the beginning of its day or month.
    pub fn floor(self, moment: &Zoned) -> Zoned {
        let day = moment.start_of_day().unwrap_or_else(|_| moment.clone());
        match self {
            Self::Hours(hours) => {
                let since = (moment.timestamp().as_second() - day.timestamp().as_second()) / 3600;
                let whole = if hours >= 24 { 0 } else { since / hours * hours };
                day.checked_add(whole.hours()).unwrap_or(day)
            }
            Self::Days(_) => day,
            Self::Months(_) => day.first_of_month().unwrap_or(day),
        }
    }

    /// The moment one window later.
    pub fn after(self, moment: &Zoned) -> Zoned {
        let span = match self {
            Self::Hours(hours) => hours.hours(),
            Self::Days(days) => days.days(),
            Self::Months(months) => months.months(),
        };
        moment.checked_add(span).unwrap_or_else(|_| moment.clone())
    }
}

/// Windows of time.
#[derive(Clone, Debug)]
pub struct DateWindow {
    /// How long one is.
    pub window: Length,
    /// How far before the watermark a run begins.
    pub overlap: Duration,
    /// How far back a first run goes.
    pub first_run: Duration,
    /// How short a capped window may be split; `None`: not at all.
    pub min_window: Option<Duration>,
    /// Windows younger than that are read again.
    pub settles: Duration,
    /// The publisher has nothing older.
    pub reach_back: Option<Duration>,
}

/// A file for each period.
#[derive(Clone, Debug)]
pub struct Periods {
    /// Day, month or year.
    pub unit: Unit,
    /// How far back a first run goes.
    pub first_run: Duration,
    /// What a missing file means.
    pub missing: Missing,
    /// So many newest periods are asked again each run.
    pub reread: u32,
    /// Days that have a file; empty for all.
    pub weekdays: Vec<Weekday>,
    /// From when on the current day's file can be asked for.
    pub ready_after: Option<Time>,
}

/// Of a calendar file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A day.
    Day,
    /// A month.
    Month,
    /// A year.
    Year,
    /// A numbered issue.
    Issue,
}

impl Unit {
    /// The first day of the period that holds a day.
    pub fn floor(self, day: Date) -> Date {
        match self {
            Self::Day | Self::Issue => day,
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }

    /// The first day of the next period.
    pub fn after(self, day: Date) -> Date {
        let span = match self {
            Self::Day | Self::Issue => 1.day(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        };
        day.checked_add(span).unwrap_or(day)
    }

    /// The first day of the period before.
    pub fn before(self, day: Date) -> Date {
        self.floor(day.checked_sub(1.day()).unwrap_or(day))
    }
}

/// What a missing file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// There is nothing for that period.
    #[serde(alias = "skip")]
    None,
    /// It may still come; the watermark waits.
    NotYet,
}

/// Numbered issues: numbered from 1 in each year, without gaps, not derivable from the date.
#[derive(Clone, Debug)]
pub struct Issues {
    /// With `{yyyy}` and `{nnnnn}`.
    pub url: String,
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
    pub json: Value,
    /// Where the answer says the issue, as `number/year`.
    pub issue: String,
}

/// Resources of an index.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The resources.
    pub rows: RowProbe,
    /// Where a resource's address is.
    pub url: Path,
    /// Where it says when it changed.
    pub modified: Option<Path>,
    /// Where its name is.
    pub name: Option<Path>,
    /// Patterns that values must match.
    pub pick: Vec<(Path, Regex)>,
    /// Only so many, the newest.
    pub newest: Option<usize>,
    /// What addresses become.
    pub rewrite: Option<(Regex, String)>,
    /// One more request for each resource, whose answer says a token.
    pub then: Option<(Ask, Probe)>,
}

/// Numbers.
#[derive(Clone, Debug)]
pub struct IdRange {
    /// Where the first run begins.
    pub first: u64,
    /// From one to the next.
    pub step: u64,
    /// So many in a row that are not there are the end.
    pub misses: u32,
    /// At most so many in one run.
    pub max: u32,
}

/// `[plan]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    kind: RawKind,
    schedule: Option<String>,
    zone: Option<String>,
    method: Option<Method>,
    url: Option<String>,
    query: Option<BTreeMap<String, toml::Value>>,
    json: Option<Value>,
    form: Option<BTreeMap<String, toml::Value>>,
    raw: Option<String>,
    content_type: Option<String>,
    multipart: Option<BTreeMap<String, Value>>,
    accept: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, Vec<String>>,
    window: Option<String>,
    overlap: Option<String>,
    first_run: Option<String>,
    min_window: Option<String>,
    settles: Option<String>,
    reach_back: Option<String>,
    unit: Option<Unit>,
    missing: Option<Missing>,
    reread: Option<u32>,
    weekdays: Option<Vec<RawWeekday>>,
    ready_after: Option<String>,
    discover: Option<RawDiscover>,
    resources: Option<RawResources>,
    first: Option<u64>,
    step: Option<u64>,
    misses: Option<u32>,
    max: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Once,
    ListOfValues,
    DateWindow,
    CalendarFile,
    Catalogue,
    IdRange,
}

impl RawKind {
    /// Its name, and the keys that only it knows.
    fn keys(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Once => ("once", &[]),
            Self::ListOfValues => ("list_of_values", &[]),
            Self::DateWindow => {
                ("date_window", &["window", "overlap", "first_run", "min_window", "settles", "reach_back"])
            }
            Self::CalendarFile => {
                ("calendar_file", &["unit", "first_run", "missing", "reread", "weekdays", "ready_after", "discover"])
            }
            Self::Catalogue => ("catalogue", &["resources"]),
            Self::IdRange => ("id_range", &["first", "step", "misses", "max"]),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawWeekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl RawWeekday {
    pub fn day(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDiscover {
    url: String,
    json: Value,
    issue: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResources {
    rows: RawProbe,
    url: RawProbe,
    modified: Option<RawProbe>,
    name: Option<RawProbe>,
    #[serde(default)]
    pick: BTreeMap<String, String>,
    newest: Option<usize>,
    rewrite: Option<RawRewrite>,
    then: Option<RawThen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRewrite {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThen {
    url: String,
    token: RawProbe,
}

/// The placeholders of a plan, filled for a trial.
fn trial(kind: RawKind, values: &BTreeMap<String, Vec<String>>) -> Filling {
    let moment = jiff::civil::date(2026, 1, 2).to_zoned(TimeZone::UTC).expect("a day in UTC");
    let mut filling = Filling::default().text("page", "1");
    for (name, list) in values {
        filling = filling.text(name, list.first().map_or("x", String::as_str));
    }
    match kind {
        RawKind::DateWindow => {
            filling.moment("from", moment.clone()).moment("to", moment.clone()).moment("end", moment)
        }
        RawKind::CalendarFile => filling.moment("date", moment),
        RawKind::IdRange => filling.text("id", "1"),
        _ => filling,
    }
}

impl Checker<'_> {
    /// `[plan]`; `zone` is that of the records.
    pub(super) fn plan(&mut self, raw: &RawPlan, zone: &TimeZone) -> Option<Plan> {
        self.plan_keys(raw);
        let zone = match &raw.zone {
            Some(name) => self.zone("plan.zone", name)?,
            None => zone.clone(),
        };
        let schedule = match Schedule::parse(raw.schedule.as_deref().unwrap_or("daily"), &zone) {
            Ok(schedule) => Some(schedule),
            Err(message) => {
                self.complain("plan.schedule", message);
                None
            }
        };
        for (name, list) in &raw.values {
            let at = format!("plan.values.{name}");
            if list.is_empty() {
                self.complain(&at, "name at least one value");
            }
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                || ["from", "to", "end", "date", "id", "page"].contains(&name.as_str())
            {
                self.complain(
                    &at,
                    "a name is made of letters, digits and _, and is none of from, to, end, date, id, page",
                );
            }
        }
        if raw.kind == RawKind::ListOfValues && raw.values.is_empty() {
            self.complain("plan", "a list_of_values needs `values = { name = [\"…\"] }`");
        }
        let kind = self.plan_kind(raw);
        let ask = if raw.unit == Some(Unit::Issue) {
            raw.url.as_ref().map(Ask::get)
        } else {
            let parts = RawAsk {
                method: raw.method,
                url: raw.url.as_deref(),
                query: raw.query.as_ref(),
                json: raw.json.as_ref(),
                form: raw.form.as_ref(),
                multipart: raw.multipart.as_ref(),
                raw: raw.raw.as_deref(),
                content_type: raw.content_type.as_deref(),
                accept: raw.accept.as_deref(),
            };
            let ask = self.ask("plan", &parts, &trial(raw.kind, &raw.values));
            if let Some(ask) = &ask {
                self.plan_placeholders(raw, ask);
            }
            ask
        };
        Some(Plan {
            kind: kind?,
            schedule: schedule?,
            zone,
            ask: ask?,
            values: raw.values.iter().map(|(name, list)| (name.clone(), list.clone())).collect(),
        })
    }

    /// Keys that belong to another kind.
    fn plan_keys(&mut self, raw: &RawPlan) {
        let (name, known) = raw.kind.keys();
        let there = [
            ("window", raw.window.is_some()),
            ("overlap", raw.overlap.is_some()),
            ("first_run", raw.first_run.is_some()),
            ("min_window", raw.min_window.is_some()),
            ("settles", raw.settles.is_some()),
            ("reach_back", raw.reach_back.is_some()),
            ("unit", raw.unit.is_some()),
            ("missing", raw.missing.is_some()),
            ("reread", raw.reread.is_some()),
            ("weekdays", raw.weekdays.is_some()),
            ("ready_after", raw.ready_after.is_some()),
            ("discover", raw.discover.is_some()),
            ("resources", raw.resources.is_some()),
            ("first", raw.first.is_some()),
            ("step", raw.step.is_some()),
            ("misses", raw.misses.is_some()),
            ("max", raw.max.is_some()),
        ];
        for (key, there) in there {
            if there && !known.contains(&key) {
                let own = if known.is_empty() { "no keys of its own".to_owned() } else { known.join(", ") };
                self.complain(&format!("plan.{key}"), format!("kind = \"{name}\" has no `{key}`; it has {own}"));
            }
        }
    }

    /// What tells one item from the next must stand in the request.
    fn plan_placeholders(&mut self, raw: &RawPlan, ask: &Ask) {
        let needed: &[&str] = match raw.kind {
            RawKind::DateWindow => &["from"],
            RawKind::CalendarFile => &["date"],
            RawKind::IdRange => &["id"],
            _ => &[],
        };
        for name in needed {
            if !ask.mentions(name) {
                self.complain("plan", format!("the request must contain {{{name}…}}, or every item would be the same"));
            }
        }
        for name in raw.values.keys() {
            if !ask.mentions(name) {
                self.complain(&format!("plan.values.{name}"), format!("the request must contain {{{name}}}"));
            }
        }
    }

    fn plan_kind(&mut self, raw: &RawPlan) -> Option<PlanKind> {
        let optional = |check: &mut Self, key: &str, text: &Option<String>| match text {
            Some(text) => check.duration(&format!("plan.{key}"), text),
            None => None,
        };
        match raw.kind {
            RawKind::Once | RawKind::ListOfValues => Some(PlanKind::Once),
            RawKind::DateWindow => {
                let window = raw.window.as_deref().unwrap_or("1d");
                let length = Length::parse(window);
                if length.is_none() {
                    self.complain(
                        "plan.window",
                        format!("expected a length such as \"6h\", \"1d\" or \"1mo\", found \"{window}\""),
                    );
                }
                let overlap = optional(self, "overlap", &raw.overlap).unwrap_or(Duration::from_hours(72));
                let first_run = optional(self, "first_run", &raw.first_run).unwrap_or(Duration::from_hours(7 * 24));
                let settles = optional(self, "settles", &raw.settles).unwrap_or(Duration::from_hours(24));
                Some(PlanKind::DateWindow(DateWindow {
                    window: length?,
                    overlap,
                    first_run,
                    min_window: optional(self, "min_window", &raw.min_window),
                    settles,
                    reach_back: optional(self, "reach_back", &raw.reach_back),
                }))
            }
            RawKind::CalendarFile => match raw.unit {
                Some(Unit::Issue) => self.issues(raw).map(PlanKind::Issues),
                Some(unit) => {
                    let ready_after = raw.ready_after.as_ref().and_then(|text| self.time("plan.ready_after", text));
                    Some(PlanKind::Periods(Periods {
                        unit,
                        first_run: optional(self, "first_run", &raw.first_run).unwrap_or(Duration::from_hours(7 * 24)),
                        missing: raw.missing.unwrap_or(Missing::None),
                        reread: raw.reread.unwrap_or(1),
                        weekdays: raw.weekdays.iter().flatten().map(|day| day.day()).collect(),
                        ready_after,
                    }))
                }
                None => {
                    self.complain("plan", "a calendar_file needs `unit`: day, month, year or issue");
                    None
                }
            },
            RawKind::Catalogue => match &raw.resources {
                Some(resources) => self.catalogue(resources).map(PlanKind::Catalogue),
                None => {
                    self.complain("plan", "a catalogue needs [plan.resources]");
                    None
                }
            },
            RawKind::IdRange => {
                let Some(first) = raw.first else {
                    self.complain("plan", "an id_range needs `first`: where a first run begins");
                    return None;
                };
                let (step, misses) = (raw.step.unwrap_or(1), raw.misses.unwrap_or(20));
                if step == 0 || misses == 0 {
                    self.complain("plan", "`step` and `misses` are at least 1");
                }
                Some(PlanKind::IdRange(IdRange { first, step, misses, max: raw.max.unwrap_or(1000) }))
            }
        }
    }

    fn issues(&mut self, raw: &RawPlan) -> Option<Issues> {
        let url = raw.url.clone().unwrap_or_default();
        self.template("plan.url", &url, &["{yyyy}", "{nnnnn}"]);
        let weekdays: Vec<Weekday> = raw.weekdays.iter().flatten().map(|day| day.day()).collect();
        if weekdays.is_empty() {
            self.complain("plan.weekdays", "name at least one day, such as \"mon\"");
        }
        let ready_after = self.time("plan.ready_after", raw.ready_after.as_deref().unwrap_or("00:00"));
        let first_run = self.duration("plan.first_run", raw.first_run.as_deref().unwrap_or("7d"));
        let Some(discover) = &raw.discover else {
            self.complain("plan", "issues need [plan.discover]: how a date becomes an issue");
            return None;
        };
        let discover_url = self.url("plan.discover.url", &discover.url, true);
        self.body("plan.discover.json", &discover.json);
        Some(Issues {
            url,
            weekdays,
            ready_after: ready_after?,
            first_run: first_run?,
            discover: Discover { url: discover_url?, json: discover.json.clone(), issue: discover.issue.clone() },
        })
    }

    fn catalogue(&mut self, raw: &RawResources) -> Option<Catalogue> {
        let rows = self.rows("plan.resources.rows", &raw.rows);
        let url = self.path_of("plan.resources.url", &raw.url);
        let modified = raw.modified.as_ref().and_then(|probe| self.path_of("plan.resources.modified", probe));
        let name = raw.name.as_ref().and_then(|probe| self.path_of("plan.resources.name", probe));
        let mut pick = Vec::new();
        for (path, pattern) in &raw.pick {
            let at = format!("plan.resources.pick.{path}");
            if let (Some(path), Some(pattern)) = (self.path(&at, path), self.pattern(&at, pattern)) {
                pick.push((path, pattern));
            }
        }
        let rewrite = raw.rewrite.as_ref().and_then(|rewrite| {
            Some((self.pattern("plan.resources.rewrite.from", &rewrite.from)?, rewrite.to.clone()))
        });
        let then = raw.then.as_ref().and_then(|then| {
            let trial = Filling::default()
                .text("url", "https://example.org/")
                .text("id", "1")
                .text("name", "x")
                .text("token", "x");
            let parts = RawAsk { url: Some(&then.url), ..RawAsk::default() };
            let token = self.probe("plan.resources.then.token", &then.token);
            Some((self.ask("plan.resources.then", &parts, &trial)?, token?))
        });
        Some(Catalogue { rows: rows?, url: url?, modified, name, pick, newest: raw.newest, rewrite, then })
    }

    pub(super) fn time(&mut self, at: &str, text: &str) -> Option<Time> {
        let time: Option<Time> = text.parse().ok();
        if time.is_none() {
            self.complain(at, format!("expected a time such as \"09:45\", found \"{text}\""));
        }
        time
    }

    pub(super) fn probe(&mut self, at: &str, raw: &RawProbe) -> Option<Probe> {
        raw.compile().map_err(|message| self.complain(at, message)).ok()
    }

    pub(super) fn rows(&mut self, at: &str, raw: &RawProbe) -> Option<RowProbe> {
        raw.compile_rows().map_err(|message| self.complain(at, message)).ok()
    }

    pub(super) fn path(&mut self, at: &str, text: &str) -> Option<Path> {
        parse_path(text).map_err(|message| self.complain(at, message)).ok()
    }

    fn path_of(&mut self, at: &str, raw: &RawProbe) -> Option<Path> {
        match self.probe(at, raw)? {
            Probe::Path(path) => Some(path),
            _ => {
                self.complain(at, "expected a path in the row, or { attr = … }");
                None
            }
        }
    }

    pub(super) fn pattern(&mut self, at: &str, text: &str) -> Option<Regex> {
        Regex::new(text).map_err(|error| self.complain(at, format!("\"{text}\" is no pattern: {error}"))).ok()
    }

    /// A length such as `"2h"`, if there is one.
    pub(super) fn optional_duration(&mut self, at: &str, text: Option<&String>) -> Option<Duration> {
        let text = text?;
        if parse_duration(text).is_none() {
            return self.duration(at, text);
        }
        parse_duration(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_where_days_and_months_do() {
        let moment = jiff::civil::date(2026, 3, 29).at(13, 30, 0, 0).in_tz("Europe/Paris").expect("a zone");
        let floor = |text: &str| Length::parse(text).expect(text).floor(&moment).strftime("%Y-%m-%dT%H:%M").to_string();
        assert_eq!(floor("1d"), "2026-03-29T00:00");
        assert_eq!(floor("15d"), "2026-03-29T00:00");
        assert_eq!(floor("1mo"), "2026-03-01T00:00");
        // The night of that day has 23 hours.
        assert_eq!(floor("6h"), "2026-03-29T13:00");
        assert_eq!(Length::Days(1).after(&moment).date(), jiff::civil::date(2026, 3, 30));
        for text in ["", "d", "0d", "1w", "-1d", "1m"] {
            assert_eq!(Length::parse(text), None, "{text}");
        }
    }
}
