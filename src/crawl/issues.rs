//! Sources of numbered issues (TED's daily packages): from a date to an issue, its package, the list of its day.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::{Answer, CrawlError, Crawler, drifted, find};
use crate::source::{Ask, Filling, Gaps, Issues, PlanKind, Question};

/// Pages of one gap check: 250 rows each, far above any day.
const PAGES: usize = 200;

/// An issue of the OJ S or of any other numbered daily file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issue {
    /// Year.
    pub year: i16,
    /// From 1 in each year.
    pub number: u32,
}

impl Issue {
    /// From a cursor (`2026-00136`) or from what the publisher writes (`136/2026`).
    pub fn parse(text: &str) -> Option<Self> {
        let issue = if let Some((number, year)) = text.split_once('/') {
            Self { year: year.trim().parse().ok()?, number: number.trim().parse().ok()? }
        } else {
            let (year, number) = text.split_once('-')?;
            Self { year: year.parse().ok()?, number: number.parse().ok()? }
        };
        ((1990..=2200).contains(&issue.year) && (1..100_000).contains(&issue.number)).then_some(issue)
    }

    /// The next one of the same year.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:05}", self.year, self.number)
    }
}

impl<'a> Crawler<'a> {
    /// The plan of numbered issues.
    ///
    /// # Panics
    /// For a source with another plan: those are crawled otherwise.
    pub fn calendar(&self) -> &'a Issues {
        match self.source.plan.as_ref().map(|plan| &plan.kind) {
            Some(PlanKind::Issues(issues)) => issues,
            _ => panic!("only sources of numbered issues are crawled by issue"),
        }
    }

    /// The address of an issue's package.
    pub fn issue_url(&self, issue: Issue) -> String {
        let url = &self.calendar().url;
        url.replace("{yyyy}", &issue.year.to_string()).replace("{nnnnn}", &format!("{:05}", issue.number))
    }

    /// Asks for an issue's package.
    ///
    /// # Errors
    /// Anything but the package or "not there".
    pub async fn fetch_issue(&self, issue: Issue) -> Result<Answer, CrawlError> {
        self.ask(&plain(self.issue_url(issue)), None).await
    }

    /// The first issue published on or after a day; `None` when there is none yet.
    ///
    /// # Errors
    /// Anything but a readable answer.
    pub async fn discover(&self, day: Date) -> Result<Option<Issue>, CrawlError> {
        let discover = &self.calendar().discover;
        let body = self.body(&discover.json, day);
        let answer = self.ask_json(discover.url.as_str(), body).await?;
        match find(&answer, &discover.issue) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let text = value.as_str().unwrap_or_default();
                let no_issue = || drifted(discover.url.as_str(), format!("\"{text}\" is no issue number"));
                Issue::parse(text).map(Some).ok_or_else(no_issue)
            }
        }
    }

    /// The publication numbers of a day, by the publisher's own search; `None` when the source has no such check.
    ///
    /// # Errors
    /// Anything but a complete list.
    pub async fn list_day(&self, day: Date) -> Result<Option<BTreeSet<String>>, CrawlError> {
        let Some(gaps) = &self.source.check.gaps else { return Ok(None) };
        let mut body = self.body(&gaps.json, day);
        let mut numbers = BTreeSet::new();
        let mut last_token = None;
        for _ in 0..PAGES {
            let answer = self.ask_json(gaps.url.as_str(), body.clone()).await?;
            let (rows, total) = read_page(gaps, &answer, &mut numbers)?;
            let token = find(&answer, &gaps.next).and_then(Value::as_str).filter(|token| !token.is_empty());
            match token {
                Some(token) if rows > 0 && last_token.as_deref() != Some(token) => {
                    if let Some(map) = body.as_object_mut() {
                        map.insert(gaps.next.clone(), Value::String(token.to_owned()));
                    }
                    last_token = Some(token.to_owned());
                }
                _ if numbers.len() as u64 == total => return Ok(Some(numbers)),
                _ => {
                    let reason = format!("{} rows came, {total} were declared", numbers.len());
                    return Err(drifted(gaps.url.as_str(), reason));
                }
            }
        }
        Err(drifted(gaps.url.as_str(), format!("more than {PAGES} pages for one day")))
    }

    /// One notice by its publication number (`497150-2026`).
    ///
    /// # Errors
    /// Anything but the notice or "not there".
    pub async fn fetch_notice(&self, number: &str) -> Result<Answer, CrawlError> {
        let Some(gaps) = &self.source.check.gaps else { return Ok(Answer::Missing) };
        let (n, year) = number.split_once('-').unwrap_or((number, ""));
        let url = gaps.detail.replace("{n}", n).replace("{yyyy}", year);
        // A single notice is no package, whatever packages look like.
        let fetched = self.send(&self.request(&plain(url.clone()), None)).await?;
        match fetched.status {
            200 => Ok(Answer::There(Box::new(fetched))),
            404 => Ok(Answer::Missing),
            _ => match self.meaning(&fetched, false) {
                super::Meaning::Blocked(reason) => Err(CrawlError::Blocked { url, reason }),
                super::Meaning::Missing => Ok(Answer::Missing),
                _ => Err(drifted(&url, format!("status {}", fetched.status))),
            },
        }
    }

    fn body(&self, json: &Value, day: Date) -> Value {
        let moment = day.to_zoned(self.zone()).expect("a day of the calendar");
        Filling::default().moment("date", moment).json(json).expect("checked when the source was loaded")
    }
}

fn plain(url: String) -> Question {
    Ask::get(url).fill(&Filling::default()).expect("an address without placeholders")
}

/// The rows of one page into `numbers`; how many there were and how many are declared in all.
fn read_page(gaps: &Gaps, answer: &Value, numbers: &mut BTreeSet<String>) -> Result<(usize, u64), CrawlError> {
    let wrong = |reason: &str| drifted(gaps.url.as_str(), reason.to_owned());
    let partial = gaps.partial.as_ref().and_then(|path| find(answer, path));
    if partial.and_then(Value::as_bool) == Some(true) {
        return Err(wrong("it says itself that it is cut short"));
    }
    let rows = find(answer, &gaps.rows).and_then(Value::as_array).ok_or_else(|| wrong("it has no rows"))?;
    for row in rows {
        let number = row.get(&gaps.key).and_then(Value::as_str).ok_or_else(|| wrong("a row has no number"))?;
        numbers.insert(number.to_owned());
    }
    let total = find(answer, &gaps.total).and_then(Value::as_u64).ok_or_else(|| wrong("it has no total"))?;
    Ok((rows.len(), total))
}

/// Publication days after `last` on which an issue should be there by `now`: none means that "not there" is no gap.
pub fn days_due(plan: &Issues, zone: TimeZone, last: Date, now: Timestamp) -> u32 {
    let local = now.to_zoned(zone);
    let mut until = local.date();
    if local.time() < plan.ready_after {
        until = until.checked_sub(1.day()).unwrap_or(until);
    }
    let mut day = last;
    let mut due = 0;
    while day < until {
        let Ok(next) = day.checked_add(1.day()) else { break };
        day = next;
        let weekday: Weekday = day.weekday();
        due += u32::from(plan.weekdays.contains(&weekday));
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn an_issue_reads_back(year in 1993i16..2100, number in 1u32..400) {
            let issue = Issue { year, number };
            prop_assert_eq!(Issue::parse(&issue.to_string()), Some(issue));
            prop_assert_eq!(Issue::parse(&format!("{number}/{year}")), Some(issue));
            prop_assert!(issue < issue.next());
        }
    }

    #[test]
    fn what_is_no_issue_is_none() {
        for text in ["", "x", "1/x", "0/2026", "2026-0", "136-2026-1", "1/99999"] {
            assert_eq!(Issue::parse(text), None, "{text}");
        }
    }

    #[test]
    fn paths_find_values() {
        let json = json!({"notices": [{"ojs-number": "157/2026"}], "total": 1});
        assert_eq!(find(&json, "notices[0].ojs-number"), Some(&json!("157/2026")));
        assert_eq!(find(&json, "notices[1].ojs-number"), None);
        assert_eq!(find(&json, "total"), Some(&json!(1)));
    }

    #[test]
    fn weekends_and_mornings_are_no_gaps() {
        let sources = crate::source::load(&Definitions::default()).expect("valid");
        let ted = sources.iter().find(|source| source.id.as_str() == "eu-ted").expect("shipped");
        let plan = ted.plan.as_ref().expect("a plan");
        let PlanKind::Issues(issues) = &plan.kind else { panic!("numbered issues") };
        let friday = jiff::civil::date(2026, 11, 20);
        let due = |now: &str| days_due(issues, plan.zone.clone(), friday, now.parse().expect("a time"));
        assert_eq!(due("2026-11-20T23:00:00Z"), 0);
        assert_eq!(due("2026-11-22T12:00:00Z"), 0, "Sunday");
        assert_eq!(due("2026-11-23T08:00:00Z"), 0, "Monday 09:00 in Luxembourg");
        assert_eq!(due("2026-11-23T08:50:00Z"), 1, "Monday 09:50 in Luxembourg");
        assert_eq!(due("2026-11-27T12:00:00Z"), 5);
    }
}
