//! Counts per week → the digest: what was published, what is new per category, what closes soon, and how healthy the data are.
//!
//! The digest is a pure function of its input: same input, same bytes; it reads no clock. [`collect()`] reads the
//! input off the store.

mod collect;

pub use self::collect::collect;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use crate::ids::{CategoryId, NoticeId, SourceId};
use crate::notice::{Deadline, Stage};
use crate::records::{NoticeSummary, PROCEDURE};

/// How far ahead deadlines are listed.
pub const DEADLINE_DAYS: i64 = 14;
/// Lines per category and of deadlines in the text; the JSON has all.
const LINES: usize = 8;

/// A span of days, both included: a week or any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// `2026-W47`, or the two days.
    pub label: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
}

impl Period {
    /// An ISO week (`2026-W47`); `None` for anything else.
    pub fn week(text: &str) -> Option<Self> {
        let (year, week) = text.split_once("-W")?;
        if year.len() != 4 || week.len() != 2 {
            return None;
        }
        let monday = ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()?.date();
        let sunday = monday.checked_add(6.days()).ok()?;
        Some(Self { label: text.to_owned(), from: monday, until: sunday })
    }

    /// The ISO week of a day.
    pub fn week_of(day: Date) -> Self {
        let week = day.iso_week_date();
        let label = format!("{:04}-W{:02}", week.year(), week.week());
        Self::week(&label).expect("the week of a day is a week")
    }

    /// A span of days.
    pub fn span(from: Date, until: Date) -> Self {
        Self { label: format!("{from} to {until}"), from, until }
    }
}

/// One source's standing at the digest's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// Who.
    pub source: SourceId,
    /// `complete`, `failed` … of its last run, or `never run`.
    pub last_outcome: String,
    /// Its cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Newest publication date it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// Whether the period is covered to its end.
    pub covers_period: bool,
}

/// Everything a digest is made from.
pub struct DigestInput {
    /// Which days.
    pub period: Period,
    /// As known when.
    pub as_of: Timestamp,
    /// Notices published in the period.
    pub published: Vec<NoticeSummary>,
    /// Notices with a label and a deadline within [`DEADLINE_DAYS`] of `as_of` that still stands ([`is_open`]).
    pub closing: Vec<NoticeSummary>,
    /// Notice → the notice that names its procedure; one that is absent is a procedure of its own.
    pub procedures: BTreeMap<NoticeId, NoticeId>,
    /// Sources.
    pub sources: Vec<SourceState>,
    /// Documents in quarantine.
    pub quarantined: u64,
    /// Names of the categories, in the order in which they are printed.
    pub categories: Vec<(CategoryId, String)>,
}

/// The digest. JSON is this; text is printed from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Digest {
    /// Which days.
    pub period: Period,
    /// As known when.
    pub as_of: Timestamp,
    /// Procedures with a notice in the period, corrections not counted. A tender that is published twice is one.
    pub procedures: u64,
    /// Their notices published in the period.
    pub notices: u64,
    /// Corrections in the period.
    pub corrections: u64,
    /// Procedures with at least one category.
    pub labelled: u64,
    /// Countries that published.
    pub countries: u64,
    /// Per category, in the order that was given.
    pub categories: Vec<CategoryDigest>,
    /// What closes soon, by deadline.
    pub closing: Vec<ClosingLine>,
    /// How far the numbers can be trusted.
    pub health: Health,
}

/// One category in the period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryDigest {
    /// The category.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Procedures with a notice in the period, corrections not counted.
    pub procedures: u64,
    /// Those notices.
    pub notices: u64,
    /// Procedures by buyer country; one with buyers of several countries counts for each.
    pub by_country: BTreeMap<String, u64>,
    /// Procedures by stage; one with notices of several stages counts for each.
    pub by_stage: BTreeMap<String, u64>,
    /// The procedures, best label first, each as the notice that fits best.
    pub new: Vec<NoticeLine>,
}

/// One procedure as a line: the notice that stands for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeLine {
    /// The notice.
    pub id: NoticeId,
    /// The name of its procedure, as `show` takes it.
    pub procedure: String,
    /// Its other notices in the period, by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<NoticeId>,
    /// Country codes of the buyers.
    pub countries: Vec<String>,
    /// Stage.
    pub stage: Stage,
    /// Title, in its language.
    pub title: String,
    /// The title's language.
    pub lang: String,
    /// First buyer.
    pub buyer: String,
    /// Page to open.
    pub url: String,
    /// Score of the label.
    pub score: f64,
}

/// One deadline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClosingLine {
    /// Whole days left.
    pub days_left: i64,
    /// When.
    pub deadline: Deadline,
    /// Its categories.
    pub categories: Vec<CategoryId>,
    /// The notice.
    pub notice: NoticeLine,
}

/// How far the numbers can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Sources that cover the period, of all active ones.
    pub covering: u64,
    /// All active ones.
    pub sources: u64,
    /// Documents in quarantine.
    pub quarantined: u64,
    /// Everything that is not as it should be, one sentence each.
    pub gaps: Vec<String>,
    /// The sources one by one.
    pub states: Vec<SourceState>,
}

/// Makes the digest.
pub fn digest(input: &DigestInput) -> Digest {
    let (corrections, counted): (Vec<_>, Vec<_>) = input.published.iter().partition(|notice| is_correction(notice));
    let procedures = by_procedure(input, &counted);
    let mut countries: Vec<&str> =
        counted.iter().flat_map(|notice| notice.countries.iter().map(String::as_str)).collect();
    countries.sort_unstable();
    countries.dedup();
    let categories = input
        .categories
        .iter()
        .map(|(id, name)| category_digest(id, name, &procedures))
        .filter(|category| category.notices > 0)
        .collect();
    Digest {
        period: input.period.clone(),
        as_of: input.as_of,
        procedures: procedures.len() as u64,
        notices: counted.len() as u64,
        corrections: corrections.len() as u64,
        labelled: procedures.values().filter(|all| all.iter().any(|notice| !notice.categories.is_empty())).count()
            as u64,
        countries: countries.len() as u64,
        categories,
        closing: closing(input),
        health: health(input),
    }
}

fn is_correction(notice: &NoticeSummary) -> bool {
    notice.correction || notice.stage == Stage::Change
}

/// The notices of each procedure, in the order of the notices.
type Procedures<'n> = BTreeMap<&'n NoticeId, Vec<&'n NoticeSummary>>;

fn by_procedure<'n>(input: &'n DigestInput, notices: &[&'n NoticeSummary]) -> Procedures<'n> {
    let mut procedures: Procedures<'n> = BTreeMap::new();
    for notice in notices {
        procedures.entry(input.procedures.get(&notice.id).unwrap_or(&notice.id)).or_default().push(notice);
    }
    procedures
}

/// Whether the deadline of a notice still stands, by the other notices of its procedure: none cancels it, and none that
/// came later names another one.
pub fn is_open(notice: &NoticeSummary, others: &[NoticeSummary]) -> bool {
    let when = |notice: &NoticeSummary| (notice.published_on, notice.first_seen);
    others.iter().filter(|other| when(other) >= when(notice)).all(|other| {
        let moved = match (&other.deadline, &notice.deadline) {
            (Some(new), Some(old)) => when(other) > when(notice) && new.at != old.at,
            _ => false,
        };
        other.stage != Stage::Cancellation && !moved
    })
}

fn category_digest(id: &CategoryId, name: &str, procedures: &Procedures<'_>) -> CategoryDigest {
    let mut by_country: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_stage: BTreeMap<String, u64> = BTreeMap::new();
    let mut new: Vec<NoticeLine> = Vec::new();
    for (procedure, notices) in procedures {
        let score = |notice: &NoticeSummary| {
            notice.categories.iter().find(|(category, _)| category == id).map(|(_, score)| *score)
        };
        let mut own: Vec<(&NoticeSummary, f64)> =
            notices.iter().filter_map(|notice| Some((*notice, score(notice)?))).collect();
        own.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.id.cmp(&b.0.id)));
        let Some((best, score)) = own.first() else { continue };
        for country in own.iter().flat_map(|(notice, _)| &notice.countries).collect::<BTreeSet<_>>() {
            *by_country.entry(country.clone()).or_default() += 1;
        }
        for stage in own.iter().map(|(notice, _)| notice.stage.as_str()).collect::<BTreeSet<_>>() {
            *by_stage.entry(stage.to_owned()).or_default() += 1;
        }
        let mut also: Vec<NoticeId> = own[1..].iter().map(|(notice, _)| notice.id.clone()).collect();
        also.sort_unstable();
        new.push(NoticeLine { also, ..line(best, procedure, *score) });
    }
    new.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    CategoryDigest {
        id: id.clone(),
        name: name.to_owned(),
        procedures: new.len() as u64,
        notices: new.iter().map(|line| 1 + line.also.len() as u64).sum(),
        by_country,
        by_stage,
        new,
    }
}

fn line(notice: &NoticeSummary, procedure: &NoticeId, score: f64) -> NoticeLine {
    NoticeLine {
        id: notice.id.clone(),
        procedure: format!("{PROCEDURE}{procedure}"),
        also: Vec::new(),
        countries: notice.countries.clone(),
        stage: notice.stage,
        title: notice.title.split_whitespace().collect::<Vec<_>>().join(" "),
        lang: notice.lang.clone(),
        buyer: notice.buyer.clone(),
        url: notice.url.clone(),
        score,
    }
}

fn closing(input: &DigestInput) -> Vec<ClosingLine> {
    let mut lines: Vec<ClosingLine> = Vec::new();
    let mut told: BTreeSet<(&NoticeId, Timestamp)> = BTreeSet::new();
    let mut notices: Vec<&NoticeSummary> = input.closing.iter().collect();
    notices.sort_by(|a, b| a.id.cmp(&b.id));
    for notice in notices {
        let Some(deadline) = &notice.deadline else { continue };
        let left = deadline.left(input.as_of);
        if left.is_negative() || left.as_hours() > DEADLINE_DAYS * 24 || notice.categories.is_empty() {
            continue;
        }
        // Twins close once.
        let procedure = input.procedures.get(&notice.id).unwrap_or(&notice.id);
        if !told.insert((procedure, deadline.at)) {
            continue;
        }
        let score = notice.categories.iter().map(|(_, score)| *score).fold(0.0, f64::max);
        lines.push(ClosingLine {
            days_left: left.as_hours() / 24,
            deadline: deadline.clone(),
            categories: notice.categories.iter().map(|(category, _)| category.clone()).collect(),
            notice: line(notice, procedure, score),
        });
    }
    lines.sort_by(|a, b| a.deadline.at.cmp(&b.deadline.at).then_with(|| a.notice.id.cmp(&b.notice.id)));
    lines
}

fn health(input: &DigestInput) -> Health {
    let mut gaps = Vec::new();
    for state in &input.sources {
        if state.last_outcome == "never run" {
            gaps.push(format!("{} has never been crawled", state.source));
        } else if !matches!(state.last_outcome.as_str(), "complete" | "empty-verified") {
            gaps.push(format!("{}: its last run ended as {}", state.source, state.last_outcome));
        } else if !state.covers_period {
            let newest = state.newest.as_deref().unwrap_or("none");
            gaps.push(format!("{} does not reach the end of the period (newest notice: {newest})", state.source));
        }
    }
    if input.quarantined > 0 {
        gaps.push(format!("{} documents are in quarantine (`tenderwatch status` names them)", input.quarantined));
    }
    Health {
        covering: input.sources.iter().filter(|state| state.covers_period).count() as u64,
        sources: input.sources.len() as u64,
        quarantined: input.quarantined,
        gaps,
        states: input.sources.clone(),
    }
}

impl Digest {
    /// Plain text: ten lines to act on first, then the lists.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out).expect("writing to a string cannot fail");
        out
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "Security procurement {} ({} to {}) · {} countries · {} procedures, {} in our categories · as of {}",
            self.period.label,
            self.period.from,
            self.period.until,
            self.countries,
            self.procedures,
            self.labelled,
            self.as_of
        )?;
        for line in self.closing.iter().take(3) {
            let days = match line.days_left {
                0 => "today".to_owned(),
                1 => "in 1 day".to_owned(),
                days => format!("in {days} days"),
            };
            writeln!(out, "CLOSES {days:>10}  {}", describe(&line.notice))?;
        }
        for category in &self.categories {
            let countries: Vec<String> =
                by_size(&category.by_country).into_iter().map(|(c, n)| format!("{c} {n}")).collect();
            writeln!(out, "NEW {:>13}  {}: {}", category.procedures, category.name, countries.join(", "))?;
        }
        if self.categories.is_empty() {
            writeln!(out, "NEW              0  nothing in our categories was published in this period")?;
        }
        let health = &self.health;
        write!(out, "DATA              {} of {} sources cover the period", health.covering, health.sources)?;
        write!(out, "; {} notices, {} corrections not counted", self.notices, self.corrections)?;
        match health.gaps.as_slice() {
            [] => writeln!(out, "; no gaps known")?,
            gaps => writeln!(out, "; GAPS: {}", gaps.join("; "))?,
        }
        for category in &self.categories {
            writeln!(out, "\n{} ({})", category.name, category.procedures)?;
            for notice in category.new.iter().take(LINES) {
                writeln!(out, "  {}", describe(notice))?;
                let also = match notice.also.len() {
                    0 => String::new(),
                    others => format!(" · and {others} more of {}", notice.procedure),
                };
                writeln!(out, "    {} · {}{also}", notice.stage.as_str(), notice.url)?;
            }
            let more = category.new.len().saturating_sub(LINES);
            if more > 0 {
                let (id, from, until) = (&category.id, self.period.from, self.period.until);
                writeln!(
                    out,
                    "  … and {more} more: tenderwatch search --category {id} --since {from} --until {until}"
                )?;
            }
        }
        if !self.closing.is_empty() {
            writeln!(out, "\nDeadlines in the next {DEADLINE_DAYS} days ({})", self.closing.len())?;
            for line in self.closing.iter().take(2 * LINES) {
                let categories: Vec<&str> = line.categories.iter().map(CategoryId::as_str).collect();
                writeln!(out, "  {} [{}] {}", line.deadline.date(), categories.join(", "), describe(&line.notice))?;
            }
            let more = self.closing.len().saturating_sub(2 * LINES);
            if more > 0 {
                writeln!(out, "  … and {more} more: tenderwatch search --deadline-within {DEADLINE_DAYS}d")?;
            }
        }
        Ok(())
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let mut heading = true;
        for line in self.text().lines() {
            let (before, after) = match line {
                "" => {
                    heading = true;
                    continue;
                }
                line if out.is_empty() => (format!("# {line}"), "\n"),
                line if heading && !line.starts_with(' ') && out.contains("\n- ") => (format!("\n## {line}"), "\n"),
                line if line.starts_with("    ") => (format!("  - {}", line.trim()), ""),
                line => (format!("- {}", line.trim()), ""),
            };
            heading = false;
            out.push_str(&before);
            out.push('\n');
            out.push_str(after);
        }
        out
    }
}

fn describe(notice: &NoticeLine) -> String {
    let title: String = notice.title.chars().take(90).collect();
    let cut = if notice.title.chars().count() > 90 { "…" } else { "" };
    let buyer: String = notice.buyer.chars().take(50).collect();
    format!("{} {title}{cut} ({buyer})", notice.countries.join("+"))
}

fn by_size(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut list: Vec<(&str, u64)> = counts.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(id: &str, correction: bool, category: Option<&str>, deadline: Option<&str>) -> NoticeSummary {
        let at: Option<Timestamp> = deadline.map(|text| text.parse().expect("a time"));
        NoticeSummary {
            id: id.into(),
            stage: Stage::Competition,
            correction,
            published_on: Some(jiff::civil::date(2026, 11, 18)),
            first_seen: Timestamp::UNIX_EPOCH,
            countries: vec!["FR".into()],
            title: format!("Title of {id}"),
            lang: "en".into(),
            buyer: "Police".into(),
            url: format!("https://example.org/{id}"),
            deadline: at.map(|at| Deadline {
                at,
                offset: jiff::tz::Offset::UTC,
                zone: "+00:00".into(),
                has_time: true,
            }),
            categories: category.map(|category| (category.into(), 0.9)).into_iter().collect(),
            buyer_kinds: Vec::new(),
            joint: Vec::new(),
            cross_border: false,
            innovation: Vec::new(),
            worth: None,
        }
    }

    fn input() -> DigestInput {
        let published = vec![
            notice("a", false, Some("drones"), None),
            notice("b", true, Some("drones"), None),
            notice("c", false, None, None),
        ];
        DigestInput {
            period: Period::week("2026-W47").expect("a week"),
            as_of: "2026-11-22T12:00:00Z".parse().expect("a time"),
            published,
            closing: vec![
                notice("late", false, Some("drones"), Some("2026-12-30T12:00:00Z")),
                notice("soon", false, Some("drones"), Some("2026-11-25T12:00:00Z")),
                notice("gone", false, Some("drones"), Some("2026-11-21T12:00:00Z")),
            ],
            sources: vec![SourceState {
                source: "eu-ted".into(),
                last_outcome: "failed".into(),
                cursor: None,
                newest: None,
                covers_period: false,
            }],
            procedures: BTreeMap::new(),
            quarantined: 2,
            categories: vec![("drones".into(), "Drones".into()), ("robotics".into(), "Robotics".into())],
        }
    }

    #[test]
    fn corrections_are_not_counted_and_what_is_wrong_is_said() {
        let digest = digest(&input());
        assert_eq!((digest.notices, digest.corrections, digest.labelled), (2, 1, 1));
        assert_eq!(digest.categories.len(), 1);
        assert_eq!(digest.categories[0].notices, 1);
        assert_eq!(digest.closing.len(), 1);
        assert_eq!(digest.closing[0].days_left, 3);
        let text = digest.text();
        assert!(text.contains("GAPS: eu-ted: its last run ended as failed; 2 documents are in quarantine"), "{text}");
        assert!(text.contains("0 of 1 sources"), "{text}");
    }

    #[test]
    fn same_input_same_bytes_in_any_order() {
        let first = digest(&input());
        let mut other = input();
        other.published.reverse();
        other.closing.reverse();
        assert_eq!(digest(&other).text(), first.text());
        assert_eq!(serde_json::to_string(&digest(&other)).expect("json"), serde_json::to_string(&first).expect("json"));
    }

    #[test]
    fn weeks_are_iso_weeks() {
        let week = Period::week("2026-W01").expect("a week");
        assert_eq!((week.from.to_string(), week.until.to_string()), ("2025-12-29".into(), "2026-01-04".into()));
        assert_eq!(Period::week_of(jiff::civil::date(2026, 11, 22)).label, "2026-W47");
        for bad in ["2026-W54", "2026-47", "W47", "2026-W00", "26-W47", "2026-W7"] {
            assert_eq!(Period::week(bad), None, "{bad}");
        }
    }
}
