//! Windows, periods, files of a catalogue, numbers: item by item; the watermark moves only past what is proven whole.

use bytes::Bytes;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::Value;

use super::{SourceRun, Stop};
use crate::crawl::{Answer, CrawlError, Item, Limits, PageRows, Pages, Step, Verdict, steps};
use crate::fetch::Fetched;
use crate::formats::probe::{self, RowProbe};
use crate::formats::{Parsed, Reader};
use crate::ids::RawId;
use crate::ingest::{IngestError, Told};
use crate::raw::RawDocument;
use crate::records::Cursor;
use crate::source::{Ask, Filling, IdRange, Missing, PagingKind, PlanKind};

/// Items in a row that fail before the rest is left for the next run.
pub(super) const FAILURES: u32 = 3;
/// A file that is expected and does not come is waited for so long before it counts as a failure.
const PATIENCE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// How an item ended.
pub(super) enum Ended {
    /// All of it is in; how many rows there were, where that is known.
    Whole(Option<u64>),
    /// It may still come.
    NotYet,
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All of it is in, and whether it had rows.
    Whole(bool),
    /// There was nothing where there should be something; a later step with rows makes it a holiday.
    Suspicious,
}

impl SourceRun<'_, '_, '_, '_> {
    /// Everything the plan says, then the details that wait.
    pub(super) async fn items(&mut self, cursor: Option<String>) -> Result<(), Stop> {
        self.look_for_canary().await?;
        let unfiltered = self.unfiltered_total().await?;
        match &self.plan().kind {
            PlanKind::Catalogue(catalogue) => {
                let catalogue = catalogue.clone();
                self.catalogue(&catalogue).await?;
            }
            PlanKind::IdRange(range) => {
                let range = range.clone();
                self.numbers(&range, cursor).await?;
            }
            _ => {
                let limits = Limits { since: self.options.since, until: self.options.until };
                let steps = steps(self.plan(), cursor.as_deref(), limits, self.now).unwrap_or_default();
                self.steps(&steps, cursor, unfiltered).await?;
            }
        }
        self.details().await
    }

    async fn steps(&mut self, steps: &[Step], cursor: Option<String>, unfiltered: Option<u64>) -> Result<(), Stop> {
        let mut states = vec![State::Open; steps.len()];
        let unfinished = self.intake.session().kept.unfinished(&self.source.id)?;
        let was_begun = |step: &Step| step.items.iter().any(|item| unfinished.contains(&item.key));
        let (begun, rest): (Vec<usize>, Vec<usize>) = (0..steps.len()).partition(|at| was_begun(&steps[*at]));
        let moves = self.moves(steps, cursor.as_deref());
        if let (true, None, Some(first)) = (moves, &cursor, steps.first().and_then(|step| step.before.as_ref())) {
            // Where the first run begins stands from now on, however late the first good one is.
            self.set_watermark(first)?;
        }
        let mut failures = 0;
        for at in begun.into_iter().chain(rest) {
            match self.step(&steps[at], unfiltered).await {
                Ok(state) => {
                    failures = 0;
                    states[at] = state;
                    if moves {
                        self.advance(steps, &states)?;
                    }
                }
                Err(Stop::Theirs(error)) if may_go_on(&error) => {
                    failures += 1;
                    self.fail(&error);
                    if failures >= FAILURES {
                        tracing::warn!(source.id = %self.source.id, "{failures} items failed in a row: the rest waits for the next run");
                        break;
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
        for at in 0..steps.len() {
            if states[at] == State::Suspicious && !has_later_rows(&states, at) {
                let what = steps[at].items.first().map_or("", |item| item.key.as_str()).to_owned();
                let reason = format!("no row for {what}, when it normally publishes (check.publishes)");
                let url = self.plan().ask.url.clone();
                self.fail(&CrawlError::Drifted { url, reason });
            }
        }
        Ok(())
    }

    /// Whether the watermark moves with this run: not with a sample, nor with a backfill that leaves a gap.
    fn moves(&self, steps: &[Step], cursor: Option<&str>) -> bool {
        if self.options.sample.is_some() {
            return false;
        }
        let (Some(_), Some(cursor)) = (self.options.since, cursor) else { return true };
        let first = steps.first().and_then(|step| step.span.as_ref());
        first.is_none_or(|span| {
            span.from.timestamp().to_string().as_str() <= cursor || span.from.date().to_string().as_str() <= cursor
        })
    }

    async fn step(&mut self, step: &Step, unfiltered: Option<u64>) -> Result<State, Stop> {
        let mut rows = Some(0);
        let mut whole = true;
        for item in &step.items {
            if self.was_read(item)? {
                rows = None;
                continue;
            }
            let id = &self.source.id;
            self.intake.session().kept.set_window(id, &item.key, false, self.now)?;
            match self.item(item, step.missing, unfiltered).await? {
                Ended::Whole(count) => {
                    self.intake.flush(&mut self.receipt)?;
                    self.intake.session().kept.set_window(id, &item.key, true, self.now)?;
                    rows = rows.zip(count).map(|(rows, count)| rows + count);
                }
                Ended::NotYet => {
                    whole = false;
                    let end = step.span.as_ref().map(|span| span.end.timestamp());
                    if end.is_some_and(|end| self.now.duration_since(end) > PATIENCE) {
                        let days = PATIENCE.as_hours() / 24;
                        self.receipt.fail(format!("{} is not there, {days} days after its time", item.key));
                    }
                }
            }
            (self.progress)(&self.receipt, Told::At(&item.key));
        }
        if !whole {
            return Ok(State::Open);
        }
        let has_rows = rows.is_none_or(|rows| rows > 0);
        if let (Some(rows), Some(publishes)) = (rows, &self.source.check.publishes) {
            let expected = match &step.span {
                // A day that is not over may have nothing yet.
                Some(span) => {
                    span.end.timestamp() <= self.now
                        && span.days().any(|day| publishes.weekdays.contains(&day.weekday()))
                }
                None => true,
            };
            if expected && rows < publishes.at_least {
                return Ok(State::Suspicious);
            }
        }
        Ok(State::Whole(has_rows))
    }

    /// A window that a backfill has read before, when it had settled.
    fn was_read(&self, item: &Item) -> Result<bool, IngestError> {
        if self.options.since.is_none() || self.options.sample.is_some() {
            return Ok(false);
        }
        let Some(span) = &item.span else { return Ok(false) };
        let settles = match &self.plan().kind {
            PlanKind::DateWindow(window) => SignedDuration::try_from(window.settles).unwrap_or(SignedDuration::ZERO),
            _ => SignedDuration::ZERO,
        };
        let read = self.intake.session().kept.window(&self.source.id, &item.key)?;
        // One that was read by a clock that ran ahead may have been read too early.
        Ok(read.is_some_and(|read| read <= self.now && read.duration_since(span.end.timestamp()) >= settles))
    }

    /// The watermark moves to the end of the last step before which nothing is open.
    fn advance(&mut self, steps: &[Step], states: &[State]) -> Result<(), IngestError> {
        let mut reached = None;
        for (at, state) in states.iter().enumerate() {
            match state {
                State::Whole(_) => {}
                State::Suspicious if has_later_rows(states, at) => {}
                _ => break,
            }
            reached = steps[at].position.clone().or(reached);
        }
        match reached {
            Some(position) => self.set_watermark(&position),
            None => Ok(()),
        }
    }

    pub(super) fn set_watermark(&mut self, position: &str) -> Result<(), IngestError> {
        // Positions are times, days or numbers, each of which is compared as what it is.
        let forward = match &self.receipt.watermark.to {
            None => true,
            Some(known) => match (known.parse::<u64>(), position.parse::<u64>()) {
                (Ok(known), Ok(position)) => position > known,
                _ => position > known.as_str(),
            },
        };
        if forward {
            self.intake.flush(&mut self.receipt)?;
            let cursor = Cursor { source: self.source.id.clone(), position: position.to_owned(), as_of: self.now };
            if !self.holds_cursor {
                self.intake.session().kept.set_cursor(&cursor)?;
            }
            self.receipt.watermark.to = Some(position.to_owned());
        }
        Ok(())
    }

    /// One request, or one list; a window that holds more than can be reached is split.
    async fn item(&mut self, item: &Item, missing: Missing, unfiltered: Option<u64>) -> Result<Ended, Stop> {
        let mut work = vec![item.clone()];
        let mut rows = Some(0);
        let mut ended_open = false;
        while let Some(item) = work.pop() {
            let ended = if self.is_file() {
                self.file(&item, missing).await
            } else {
                self.list(&item, missing, unfiltered).await
            };
            match ended {
                Ok(Ended::Whole(count)) => rows = rows.zip(count).map(|(rows, count)| rows + count),
                Ok(Ended::NotYet) => ended_open = true,
                Err(Stop::Theirs(CrawlError::Capped { url, reason })) => match self.split(&item) {
                    Some([first, second]) => {
                        tracing::info!(source.id = %self.source.id, "{}: {reason}; the window is split", item.key);
                        work.push(second);
                        work.push(first);
                    }
                    None => return Err(Stop::Theirs(CrawlError::Capped { url, reason })),
                },
                Err(stop) => return Err(stop),
            }
        }
        Ok(if ended_open { Ended::NotYet } else { Ended::Whole(rows) })
    }

    fn split(&self, item: &Item) -> Option<[Item; 2]> {
        let PlanKind::DateWindow(window) = &self.plan().kind else { return None };
        let may = self.source.paging.cap.as_ref().is_some_and(|cap| cap.split);
        let shortest = SignedDuration::try_from(window.min_window?).ok()?;
        if may { item.split(shortest) } else { None }
    }

    /// Whether an answer is one file that needs not be looked at before it is taken in.
    fn is_file(&self) -> bool {
        let paging = &self.source.paging;
        matches!(paging.kind, PagingKind::None)
            && self.source.detail.is_none()
            && paging.total.is_none()
            && paging.rows.is_none()
            && self.source.check.require.is_empty()
            && self.source.check.error.is_none()
            && self.source.check.publishes.is_none()
    }

    async fn list(&mut self, item: &Item, missing: Missing, unfiltered: Option<u64>) -> Result<Ended, Stop> {
        let source = self.source;
        let ask = &source.plan.as_ref().expect("only sources with a plan are crawled").ask;
        let mut pages = Pages::new(&source.paging, ask, &item.filling).map_err(|reason| wrong(ask, reason))?;
        let single = matches!(source.paging.kind, PagingKind::None);
        while let Some(question) = pages.next_question() {
            let url = question.address();
            let validators = if single { self.validators(&question)? } else { None };
            self.reserve()?;
            let (answer, body) = self.crawler.ask_whole(&question, validators, true).await?;
            let fetched = match answer {
                Answer::There(fetched) => fetched,
                Answer::Unchanged => {
                    self.receipt.documents.not_modified += 1;
                    return Ok(Ended::Whole(None));
                }
                Answer::Missing if pages.asked() <= 1 && missing == Missing::NotYet => return Ok(Ended::NotYet),
                Answer::Missing | Answer::Empty => break,
            };
            let validators = fetched.validators().filter(|_| single);
            let page = self.page(&fetched, &body)?;
            let answer = probe::Answer::new(&body, &fetched.headers);
            let verdict = pages.judge(&answer, &page, fetched.url.as_str());
            if let (Some(unfiltered), Some(total), Some(check)) = (unfiltered, pages.total(), &source.check.filter) {
                #[expect(clippy::cast_precision_loss, reason = "totals are far below 2^52")]
                let share = total as f64 / unfiltered.max(1) as f64;
                if share > check.below {
                    let reason = format!("{total} of {unfiltered} rows pass the filter: it seems to be ignored");
                    return Err(Stop::Theirs(CrawlError::Drifted { url, reason }));
                }
            }
            if self.options.sample.is_some_and(|sample| self.receipt.documents.fetched >= sample) {
                self.intake.flush(&mut self.receipt)?;
                return Err(Stop::Enough);
            }
            match verdict {
                Verdict::More => {}
                Verdict::Whole => {
                    self.intake.flush(&mut self.receipt)?;
                    self.keep_validators(&url, validators)?;
                }
                Verdict::Capped(reason) => return Err(Stop::Theirs(CrawlError::Capped { url, reason })),
                Verdict::Drifted(reason) => return Err(Stop::Theirs(CrawlError::Drifted { url, reason })),
            }
        }
        Ok(Ended::Whole(Some(pages.rows())))
    }

    /// Takes in one answer of a list, and says what was in it.
    fn page(&mut self, fetched: &Fetched, body: &Bytes) -> Result<PageRows, Stop> {
        let source = self.source;
        let answer = probe::Answer::new(body, &fetched.headers);
        let index = source.detail.as_ref().and_then(|detail| detail.index.as_ref());
        let probe = index.map(|index| &index.rows).or(source.paging.rows.as_ref());
        if let (Some(RowProbe::Path(_)), None) = (probe, answer.tree()) {
            // Without this it would be a list without rows.
            let (url, reason) = (fetched.url.to_string(), "it is neither JSON nor XML".to_owned());
            return Err(Stop::Theirs(CrawlError::Drifted { url, reason }));
        }
        let rows = probe.map(|probe| answer.rows(probe));
        if let (Some(_), Some(rows)) = (index, &rows) {
            let known = self.queue_index(rows)?;
            return Ok(PageRows {
                count: rows.len() as u64,
                known,
                all_old: false,
                last: rows.last().cloned(),
                print: print_of(rows, body),
                prints: rows.iter().map(print_of_row).collect(),
            });
        }
        let origin = self.origin(fetched.url.as_str(), fetched.status, &fetched.headers);
        let mut unreadable = None;
        let parsed = if self.needs_parse() {
            let document = RawDocument::new(origin.clone(), body.clone());
            let readers = &self.intake.workspace().readers;
            match readers.parse(&document, source.document.reader.as_ref()) {
                Ok((_, parsed)) => Some(parsed),
                Err(error) => {
                    unreadable = Some(error.to_string()).filter(|_| !source.document.unpack);
                    None
                }
            }
        } else {
            None
        };
        if self.is_empty_list(body, rows.as_deref(), parsed.as_ref()) {
            return Ok(PageRows { print: print_of(&[], body), ..PageRows::default() });
        }
        if let (Some(_), Some(parsed)) = (&source.detail, &parsed) {
            self.queue_rows(parsed)?;
        }
        let (known, all_old) = self.known_and_old(parsed.as_ref())?;
        let count = match (&rows, &parsed) {
            (Some(rows), _) => rows.len() as u64,
            (None, Some(parsed)) => parsed.records.read,
            // A package, whose rows nobody counts.
            (None, None) => 1,
        };
        let known_by: Vec<Value> = match (&rows, &parsed) {
            (Some(rows), _) => rows.clone(),
            (None, Some(parsed)) => parsed.notices.iter().map(|notice| Value::from(notice.id.as_str())).collect(),
            (None, None) => Vec::new(),
        };
        if source.document.unpack {
            self.take_package(Fetched {
                status: fetched.status,
                url: fetched.url.clone(),
                headers: fetched.headers.clone(),
                body: crate::fetch::Body::of(body.clone()),
                requests: 0,
                waited: std::time::Duration::ZERO,
            })?;
        } else {
            self.intake.push(origin, body.clone(), &mut self.receipt)?;
        }
        if let Some(reason) = unreadable {
            // It is in quarantine, where it can be looked at; its rows are not in.
            return Err(Stop::Theirs(CrawlError::Drifted { url: fetched.url.to_string(), reason }));
        }
        let last = rows.and_then(|rows| rows.last().cloned());
        let (print, prints) = (print_of(&known_by, body), known_by.iter().map(print_of_row).collect());
        Ok(PageRows { count, known, all_old, last, print, prints })
    }

    /// A list without rows holds no document: its shapes could not even be told apart.
    fn is_empty_list(&self, body: &[u8], rows: Option<&[Value]>, parsed: Option<&Parsed>) -> bool {
        match (rows, parsed, &self.source.document.reader) {
            (Some(rows), _, _) => rows.is_empty(),
            (None, Some(parsed), _) => parsed.records.read == 0,
            (None, None, Some(Reader::Mapped(mapping))) => mapping.count_rows(body) == Some(0),
            (None, None, _) => false,
        }
    }

    /// Whether the list needs to know the notices of an answer.
    fn needs_parse(&self) -> bool {
        let paging = &self.source.paging;
        paging.rows.is_none()
            || self.source.detail.is_some()
            || paging.stop_known.is_some()
            || paging.stop_older
            || matches!(paging.kind, PagingKind::FromEnd { .. })
    }

    /// How many notices at the end of the answer are stored already, and whether all are older than what is asked for.
    fn known_and_old(&self, parsed: Option<&Parsed>) -> Result<(u64, bool), IngestError> {
        let Some(parsed) = parsed else { return Ok((0, false)) };
        let paging = &self.source.paging;
        let mut known = 0;
        if paging.stop_known.is_some() || matches!(paging.kind, PagingKind::FromEnd { .. }) {
            let session = self.intake.session();
            for notice in parsed.notices.iter().rev() {
                if session.derived.notice(&notice.id)?.is_none() {
                    break;
                }
                known += 1;
            }
        }
        let oldest = self.receipt.watermark.from.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let overlap = SignedDuration::from_hours(3 * 24);
        let all_old = paging.stop_older
            && oldest.and_then(|oldest| oldest.checked_sub(overlap).ok()).is_some_and(|oldest| {
                let before: Date = oldest.to_zoned(self.crawler.zone()).date();
                !parsed.notices.is_empty()
                    && parsed.notices.iter().all(|notice| notice.published_on.is_some_and(|day| day < before))
            });
        Ok((known, all_old))
    }

    async fn numbers(&mut self, range: &IdRange, cursor: Option<String>) -> Result<(), Stop> {
        let last = cursor.and_then(|text| text.parse::<u64>().ok());
        let mut id = last.map_or(range.first, |last| last + range.step);
        let (mut misses, mut asked) = (0, 0);
        while misses < range.misses && asked < range.max {
            asked += 1;
            let key = id.to_string();
            let filling = Filling::default().text("id", key.clone());
            let item = Item { key: key.clone(), filling, span: None, values: Vec::new() };
            match self.item(&item, Missing::NotYet, None).await? {
                Ended::Whole(rows) if rows != Some(0) => {
                    misses = 0;
                    self.intake.flush(&mut self.receipt)?;
                    if self.options.sample.is_none() {
                        self.set_watermark(&key)?;
                    }
                }
                _ => misses += 1,
            }
            id += range.step;
        }
        if misses < range.misses {
            let reason = format!("{asked} numbers were asked and more may follow (plan.max)");
            let url = self.plan().ask.url.clone();
            return Err(Stop::Theirs(CrawlError::Capped { url, reason }));
        }
        Ok(())
    }

    /// A record that is known to be there: when it is not, nothing that is missing means anything.
    async fn look_for_canary(&mut self) -> Result<(), Stop> {
        let Some(canary) = &self.source.check.canary else { return Ok(()) };
        let health = self.intake.session().kept.health(&self.source.id)?.unwrap_or_default();
        let every = SignedDuration::try_from(canary.every).unwrap_or(SignedDuration::ZERO);
        if health.canary.is_some_and(|seen| seen <= self.now && self.now.duration_since(seen) < every) {
            return Ok(());
        }
        let question =
            Ask::get(&canary.url).fill(&Filling::default()).map_err(|reason| wrong(&self.plan().ask, reason))?;
        self.reserve()?;
        let (answer, body) = self.crawler.ask_whole(&question, None, false).await?;
        let there =
            matches!(answer, Answer::There(_)) && memchr::memmem::find(&body, canary.contains.as_bytes()).is_some();
        if !there {
            let reason = format!("the record that should be there does not say \"{}\" (check.canary)", canary.contains);
            return Err(Stop::Theirs(CrawlError::Drifted { url: canary.url.clone(), reason }));
        }
        let health = crate::records::SourceHealth { canary: Some(self.now), ..health };
        self.intake.session().kept.set_health(&self.source.id, &health)?;
        Ok(())
    }

    /// How many rows there are without a filter, where the definition asks for that.
    async fn unfiltered_total(&mut self) -> Result<Option<u64>, Stop> {
        let Some(check) = &self.source.check.filter else { return Ok(None) };
        let question =
            Ask::get(&check.url).fill(&Filling::default()).map_err(|reason| wrong(&self.plan().ask, reason))?;
        self.reserve()?;
        let (answer, body) = self.crawler.ask_whole(&question, None, false).await?;
        let Answer::There(fetched) = answer else { return Ok(None) };
        let total = probe::Answer::new(&body, &fetched.headers).first(&check.total).and_then(|text| text.parse().ok());
        let Some(total) = total else {
            let reason = "it has no total (check.filter_effective)".to_owned();
            return Err(Stop::Theirs(CrawlError::Drifted { url: check.url.clone(), reason }));
        };
        Ok(Some(total))
    }
}

/// Whether the next item may do better.
pub(super) fn may_go_on(error: &CrawlError) -> bool {
    match error {
        CrawlError::Fetch(error) => !error.is_final(),
        CrawlError::Drifted { .. } | CrawlError::Faulty { .. } | CrawlError::Capped { .. } | CrawlError::Replay(_) => {
            true
        }
        CrawlError::Blocked { .. } | CrawlError::NoKey(_) | CrawlError::Stopped => false,
    }
}

fn has_later_rows(states: &[State], at: usize) -> bool {
    states[at + 1..].contains(&State::Whole(true))
}

pub(super) fn wrong(ask: &Ask, reason: String) -> Stop {
    Stop::Theirs(CrawlError::Drifted { url: ask.url.clone(), reason })
}

/// The same for the same rows; of the bytes, where no row is known.
pub(super) fn print_of(rows: &[Value], body: &[u8]) -> u64 {
    if rows.is_empty() { print_of_bytes(body) } else { print_of_bytes(&serde_json::to_vec(rows).unwrap_or_default()) }
}

fn print_of_row(row: &Value) -> u64 {
    print_of_bytes(&serde_json::to_vec(row).unwrap_or_default())
}

fn print_of_bytes(bytes: &[u8]) -> u64 {
    let digest = RawId::of(bytes);
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}
