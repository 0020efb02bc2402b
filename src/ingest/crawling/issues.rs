//! Sources of numbered issues: package by package; the cursor moves only past what is complete.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::ToSpan;
use jiff::civil::Date;

use super::{SourceRun, Stop};
use crate::crawl::{Answer, Issue, days_due};
use crate::fetch::Fetched;
use crate::ingest::{IngestError, Told};
use crate::raw::Origin;
use crate::records::{Cursor, DocumentOutcome};
use crate::unpack::{self, Entry};

/// A gap that is looked past before it is taken for the end.
const LOOK_PAST: u32 = 1;

impl SourceRun<'_, '_, '_, '_> {
    pub(super) async fn issues(&mut self, cursor: Option<Issue>) -> Result<(), Stop> {
        let Some(Start { mut issue, mut moves, mut listed }) = self.start(cursor).await? else { return Ok(()) };
        // A sample is for trying out: it never counts as having read anything.
        moves &= self.options.sample.is_none();
        let end = match self.options.until {
            Some(until) => self.crawler.discover(until.saturating_add(1.day())).await?,
            None => None,
        };
        let mut last_day = self.day_of(issue)?;
        let mut looked_up = None;
        loop {
            if end.is_some_and(|end| issue >= end) {
                return Ok(());
            }
            let answer = match looked_up.take() {
                Some(package) => Answer::There(package),
                None => self.crawler.fetch_issue(issue).await?,
            };
            if std::mem::take(&mut listed) && matches!(answer, Answer::Missing) {
                self.receipt.fail(format!("issue {issue} is listed by the search, but its package is not there"));
                moves = false;
            }
            match answer {
                Answer::There(package) => {
                    let complete = self.package(issue, *package, &mut last_day).await?;
                    moves &= complete;
                    if moves {
                        self.move_cursor(issue, last_day)?;
                    }
                    issue = issue.next();
                }
                Answer::Missing | Answer::Empty | Answer::Unchanged => match self.after_missing(issue, last_day).await?
                {
                    None => return Ok(()),
                    Some((next, package)) => {
                        if next.year == issue.year {
                            self.receipt.fail(format!("issue {issue} is not there, though {next} is"));
                            moves = false;
                        }
                        issue = next;
                        looked_up = Some(package);
                    }
                },
            }
        }
    }

    /// Where this run starts.
    async fn start(&mut self, cursor: Option<Issue>) -> Result<Option<Start>, Stop> {
        match (self.options.since, cursor) {
            (Some(since), cursor) => {
                let first = self.crawler.discover(since).await?;
                // A backfill moves the cursor only when nothing stays unread between the two.
                Ok(first.map(|issue| Start {
                    issue,
                    moves: cursor.is_none_or(|cursor| issue <= cursor.next()),
                    listed: true,
                }))
            }
            (None, Some(cursor)) => Ok(Some(Start { issue: cursor.next(), moves: true, listed: false })),
            (None, None) => {
                let plan = self.crawler.calendar();
                let today = self.now.to_zoned(self.crawler.zone()).date();
                let days = i64::try_from(plan.first_run.as_secs() / 86_400).unwrap_or(0);
                let first = self.crawler.discover(today.saturating_sub(days.days())).await?;
                if let Some(Issue { year, number }) = first
                    && number > 1
                    && self.options.sample.is_none()
                {
                    // Where the first run begins stands from now on, however late the first good one is.
                    self.move_cursor(Issue { year, number: number - 1 }, None)?;
                }
                Ok(first.map(|issue| Start { issue, moves: true, listed: true }))
            }
        }
    }

    fn day_key(&self) -> String {
        format!("day-of-cursor/{}", self.source.id)
    }

    /// The day of the issue before this one, where the last run that moved the cursor ended with that. The newest day
    /// in the store would not do: it may lie beyond a gap.
    fn day_of(&mut self, next: Issue) -> Result<Option<Date>, IngestError> {
        let key = self.day_key();
        let known = self.intake.session().derived.meta(&key)?;
        Ok(known.and_then(|text| {
            let (issue, day) = text.split_once(' ')?;
            (Issue::parse(issue)?.next() == next).then(|| day.parse().ok())?
        }))
    }

    /// What follows an issue that is not there: one past a gap, the new year's first one, or nothing yet.
    async fn after_missing(
        &mut self,
        issue: Issue,
        last_day: Option<Date>,
    ) -> Result<Option<(Issue, Box<Fetched>)>, Stop> {
        let plan = self.crawler.calendar();
        // The gap comes first: a year is over only where its numbers are.
        if last_day.is_none_or(|day| days_due(plan, self.crawler.zone(), day, self.now) > LOOK_PAST) {
            let past = Issue { number: issue.number + LOOK_PAST, ..issue };
            if let Answer::There(package) = self.crawler.fetch_issue(past).await? {
                return Ok(Some((past, package)));
            }
        }
        if self.now.to_zoned(self.crawler.zone()).date().year() > issue.year {
            let first = Issue { year: issue.year + 1, number: 1 };
            if let Answer::There(package) = self.crawler.fetch_issue(first).await? {
                return Ok(Some((first, package)));
            }
        }
        Ok(None)
    }

    /// Takes in a package and proves the day complete. `false` when something of it is not in.
    async fn package(&mut self, issue: Issue, package: Fetched, last_day: &mut Option<Date>) -> Result<bool, Stop> {
        let failed_before = self.receipt.documents.failed;
        let inside = self.members(issue, package)?;
        self.intake.flush(&mut self.receipt)?;
        (self.progress)(&self.receipt, Told::At(&format!("issue {issue}")));
        if self.options.sample.is_some_and(|sample| self.receipt.documents.fetched >= sample) {
            return Err(Stop::Enough);
        }
        if inside.stopped {
            return Err(Stop::Enough);
        }
        *last_day = inside.day.or(*last_day);
        let mut complete = inside.whole && self.receipt.documents.failed == failed_before;
        if let Some(day) = inside.day {
            complete &= self.close_gaps(day, &inside.numbers).await?;
        }
        Ok(complete)
    }

    fn members(&mut self, issue: Issue, package: Fetched) -> Result<Inside, Stop> {
        let url = package.url.to_string();
        let mut template = self.origin(&url, package.status, &package.headers);
        template.container = Some(package.body.id());
        let mut inside = Inside { whole: true, ..Inside::default() };
        let mut failure = None;
        let mut body = package.body;
        let limits = self.intake.session().workspace.config.limits.clone();
        let reader = body.reader().map_err(|error| IngestError::Io {
            action: format!("read the package {issue}"),
            reason: error.to_string(),
        })?;
        let sample = self.options.sample;
        let mut taken = self.receipt.documents.fetched;
        let outcome = unpack::walk(&url, reader, &limits, &mut |entry| match entry {
            Entry::Document { path, body } => {
                if sample.is_some_and(|sample| taken >= sample) {
                    inside.stopped = true;
                    return ControlFlow::Break(());
                }
                taken += 1;
                inside.note(&path);
                match self.intake.push(Origin { member: path, ..template.clone() }, body, &mut self.receipt) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            }
            Entry::Ignored { .. } => {
                self.receipt.documents.ignored += 1;
                ControlFlow::Continue(())
            }
            Entry::Refused { path, reason } => {
                self.receipt.count_document(&DocumentOutcome::Failed);
                self.receipt.fail(format!("{} of issue {issue} {reason}", path.join(" ")));
                ControlFlow::Continue(())
            }
        });
        if let Some(error) = failure {
            return Err(Stop::Ours(error));
        }
        if let Err(error) = outcome {
            self.receipt.count_document(&DocumentOutcome::Failed);
            self.receipt.fail(error.to_string());
            inside.whole = false;
        }
        Ok(inside)
    }

    /// Asks the publisher's own list of the day and fetches what the package did not hold. `false` when something stays out.
    async fn close_gaps(&mut self, day: Date, inside: &BTreeSet<(i16, u32)>) -> Result<bool, Stop> {
        let Some(listed) = self.crawler.list_day(day).await? else { return Ok(true) };
        let mut complete = true;
        for number in listed {
            let known = publication(&number).is_some_and(|publication| inside.contains(&publication));
            if known || self.is_stored(&number, day)? {
                continue;
            }
            tracing::warn!(source.id = %self.source.id, "{number} of {day} is in no package; asking for it alone");
            match self.crawler.fetch_notice(&number).await? {
                Answer::There(notice) => self.single(&number, *notice)?,
                _ => {
                    self.receipt.fail(format!("{number} of {day} is listed, but neither in the package nor alone"));
                    complete = false;
                }
            }
        }
        self.intake.flush(&mut self.receipt)?;
        Ok(complete)
    }

    fn is_stored(&mut self, number: &str, day: Date) -> Result<bool, IngestError> {
        let wanted = publication(number);
        let ids = self.intake.session().derived.ids_published_on(&self.source.id, day)?;
        Ok(ids.iter().filter_map(|id| publication(id.as_str().rsplit('/').next()?)).any(|id| Some(id) == wanted))
    }

    fn single(&mut self, number: &str, notice: Fetched) -> Result<(), Stop> {
        let limit = self.intake.session().workspace.config.limits.document;
        let origin = self.origin(notice.url.as_str(), notice.status, &notice.headers);
        let body = notice.body.into_bytes(limit).map_err(|error| IngestError::Io {
            action: format!("read the answer for {number}"),
            reason: error.to_string(),
        })?;
        if let Some(body) = body {
            self.intake.push(origin, body, &mut self.receipt)?;
        } else {
            self.receipt.count_document(&DocumentOutcome::Failed);
            self.receipt.fail(format!("{number} is larger than {} MiB (limits.document)", limit >> 20));
        }
        Ok(())
    }

    /// The cursor moves last: archive, store and index have everything before it.
    fn move_cursor(&mut self, issue: Issue, day: Option<Date>) -> Result<(), IngestError> {
        self.intake.finish(&mut self.receipt)?;
        let forward = self.receipt.watermark.to.as_deref().and_then(Issue::parse).is_none_or(|known| known < issue);
        if forward {
            let cursor = Cursor { source: self.source.id.clone(), position: issue.to_string(), as_of: self.now };
            self.intake.session().kept.set_cursor(&cursor)?;
            if let Some(day) = day {
                let key = self.day_key();
                self.intake.session().derived.set_meta(&key, &format!("{issue} {day}"))?;
            }
            self.receipt.watermark.to = Some(cursor.position);
        }
        Ok(())
    }
}

/// Where a run starts.
struct Start {
    issue: Issue,
    /// Whether the cursor may move with it.
    moves: bool,
    /// Whether the publisher's own search says that the issue exists.
    listed: bool,
}

/// What a package said by the names of its members.
#[derive(Default)]
struct Inside {
    numbers: BTreeSet<(i16, u32)>,
    day: Option<Date>,
    whole: bool,
    stopped: bool,
}

impl Inside {
    /// `20260717_136/00497150_2026.xml`: the day of the issue and the notice's number.
    fn note(&mut self, path: &[String]) {
        let Some(member) = path.last() else { return };
        let mut parts = member.rsplit('/');
        let file = parts.next().unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default().replace('_', "-");
        self.numbers.extend(publication(&stem));
        let folder = parts.next().unwrap_or_default();
        self.day = self.day.or_else(|| Date::strptime("%Y%m%d", folder.get(..8)?).ok());
    }
}

/// `00497150-2026` or `497150-2026` → year and number.
fn publication(text: &str) -> Option<(i16, u32)> {
    let (number, year) = text.split_once('-')?;
    Some((year.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_say_day_and_number() {
        let mut inside = Inside::default();
        inside.note(&["20260717_136/00497150_2026.xml".to_owned()]);
        inside.note(&["20260717_136/000995_2020.xml".to_owned()]);
        inside.note(&["odd.xml".to_owned()]);
        assert_eq!(inside.day, Some(jiff::civil::date(2026, 7, 17)));
        assert_eq!(inside.numbers, BTreeSet::from([(2026, 497_150), (2020, 995)]));
        assert_eq!(publication("497150-2026"), publication("00497150-2026"));
    }
}
