//! `crawl`: what is due of each source, many side by side; a cursor moves only past what is complete.

mod catalogue;
mod details;
mod files;
mod issues;
mod lists;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::intake::Intake;
use super::{IngestError, Progress, Session, Told, Workspace};
use crate::crawl::{CrawlError, Crawler, Issue, Replay, Stop as StopSign, Transport, outside_hours};
use crate::fetch::{FetchError, Fetcher};
use crate::ids::SourceId;
use crate::raw::Origin;
use crate::records::{Outcome, Receipt, SourceHealth, SourceReceipt, Watermark};
use crate::source::{Plan, PlanKind, Source, Status};
use crate::store::StoreError;

/// What to crawl.
#[derive(Clone, Debug, Default)]
pub struct CrawlOptions {
    /// Which sources, due or not; empty for every active one that is due.
    pub sources: Vec<SourceId>,
    /// From this day on instead of from the cursor.
    pub since: Option<Date>,
    /// Up to this day.
    pub until: Option<Date>,
    /// At most this many documents per source; then the cursor stays.
    pub sample: Option<u64>,
    /// Paused sources too: somebody wants to try them.
    pub paused_too: bool,
}

/// Sources that are read side by side. Each waits for its hosts most of the time.
const AT_ONCE: usize = 64;
/// Requests that are noted before they are sent, so that those of a killed run count too.
const RESERVE: i64 = 20;
/// Tries and redirects that one request may become.
const PER_REQUEST: i64 = 12;

/// Crawls what is due.
///
/// # Errors
/// When the run cannot go on; what happens to one source is on its receipt.
pub fn crawl(
    workspace: &Workspace,
    options: &CrawlOptions,
    command: &str,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Receipt, IngestError> {
    let config = &workspace.config;
    let session = Session::open(workspace, command, now)?;
    let fetcher =
        Fetcher::new(config.contact.clone(), &config.politeness, &config.limits, workspace.layout.incoming())?;
    let runtime = runtime()?;
    let stop = Arc::new(StopSign::default());
    runtime.spawn(stop_on_signal(Arc::clone(&stop)));
    let receipts =
        read_sources(workspace, options, session, Transport::Live(&fetcher), &runtime, &stop, now, progress)?;
    let (mut receipts, session) = receipts;
    for receipt in &mut receipts {
        let source = workspace.source(&receipt.source)?;
        receipt.politeness.hosts = fetcher
            .receipts()
            .into_iter()
            .filter(|host| source.access.hosts.iter().any(|own| host.host.starts_with(own.as_str())))
            .collect();
    }
    session.finish(receipts, now)
}

/// Crawls one source as if for the first time, with recorded answers and no network.
///
/// # Errors
/// When the run cannot go on; what happens to the source is on its receipt.
pub fn replay(
    workspace: &Workspace,
    source: &SourceId,
    replay: &Replay,
    now: Timestamp,
) -> Result<Receipt, IngestError> {
    let options = CrawlOptions { sources: vec![source.clone()], paused_too: true, ..CrawlOptions::default() };
    let session = Session::open(workspace, "replay", now)?;
    let (runtime, stop) = (runtime()?, StopSign::default());
    let transport = Transport::Replay(replay);
    let (receipts, session) = read_sources(workspace, &options, session, transport, &runtime, &stop, now, &|_, _| {})?;
    session.finish(receipts, now)
}

fn runtime() -> Result<tokio::runtime::Runtime, IngestError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| IngestError::Io { action: "start the network runtime".into(), reason: error.to_string() })
}

/// Ctrl-C and SIGTERM end a run gracefully: what is in stays in, and the receipt is written.
async fn stop_on_signal(stop: Arc<StopSign>) {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
    tracing::warn!("stopping: what is in stays in, and the next run goes on from there");
    stop.set();
}

/// Reads the sources, many side by side, and gives back their receipts in the order of the definitions.
#[expect(clippy::too_many_arguments, reason = "all of it is what a run is made of")]
fn read_sources<'w>(
    workspace: &'w Workspace,
    options: &CrawlOptions,
    session: Session<'w>,
    transport: Transport<'_>,
    runtime: &tokio::runtime::Runtime,
    stop: &StopSign,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<(Vec<SourceReceipt>, Session<'w>), IngestError> {
    let sources: Vec<&Source> = if options.sources.is_empty() {
        // Those that are only imported were not meant.
        workspace.sources.iter().filter(|source| source.plan.is_some()).collect()
    } else {
        options.sources.iter().map(|id| workspace.source(id)).collect::<Result<_, _>>()?
    };
    let session = Mutex::new(session);
    let mut receipts: Vec<SourceReceipt> = sources.iter().map(|source| SourceReceipt::new(source.id.clone())).collect();
    let mut jobs = VecDeque::new();
    for (source, receipt) in sources.iter().zip(&mut receipts) {
        let reason = why_not(&session.lock().expect("nobody has it"), source, options, now)?;
        match reason {
            Some(reason) => {
                receipt.outcome = Outcome::Skipped;
                receipt.error = Some(reason);
            }
            None => jobs.push_back((*source, receipt)),
        }
    }
    let workers = jobs.len().min(AT_ONCE);
    let jobs = Mutex::new(jobs);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().expect("nobody panics while holding it").pop_front();
                    let Some((source, receipt)) = next else { break };
                    let run = Job { source, options, transport, session: &session, stop, now, progress };
                    if let Err(error) = run.run(runtime, receipt) {
                        failure.lock().expect("nobody panics while holding it").get_or_insert(error);
                        stop.set();
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().expect("nobody panics while holding it") {
        return Err(error);
    }
    for receipt in &receipts {
        tell(receipt);
    }
    Ok((receipts, session.into_inner().expect("nobody panicked while holding it")))
}

fn tell(receipt: &SourceReceipt) {
    let id = &receipt.source;
    if receipt.outcome == Outcome::Skipped {
        tracing::debug!(source.id = %id, "{id}: skipped: {}", receipt.error.as_deref().unwrap_or_default());
        return;
    }
    tracing::info!(
        source.id = %id,
        notices = receipt.notices.new,
        "crawled {id}: {}, {} new notices, {} requests",
        receipt.outcome.as_str(),
        receipt.notices.new,
        receipt.requests
    );
    if let Some(error) = &receipt.error {
        tracing::warn!(source.id = %id, "{id}: {error}");
    }
}

/// Why a source is not asked now; `None` when it is.
fn why_not(
    session: &Session<'_>,
    source: &Source,
    options: &CrawlOptions,
    now: Timestamp,
) -> Result<Option<String>, IngestError> {
    match &source.status {
        Status::Paused(_) if options.paused_too && source.plan.is_some() => {}
        Status::Paused(reason) | Status::Refused(reason) => return Ok(Some(reason.clone())),
        Status::Active => {}
    }
    if let Some(reason) = outside_hours(source, now).filter(|_| !options.paused_too) {
        return Ok(Some(reason));
    }
    let named = !options.sources.is_empty() || options.since.is_some();
    let Some(plan) = source.plan.as_ref().filter(|_| !named) else { return Ok(None) };
    let health = session.kept.health(&source.id)?.unwrap_or_default();
    // What is unfinished is always due.
    if health.failures > 0 || plan.schedule.is_due(health.last_complete, now) {
        return Ok(None);
    }
    let next = health.last_complete.map_or(now, |last| plan.schedule.next(last));
    Ok(Some(format!("not due before {next}")))
}

/// One source, and what it is read with.
struct Job<'r, 's, 'w> {
    source: &'r Source,
    options: &'r CrawlOptions,
    transport: Transport<'r>,
    session: &'s Mutex<Session<'w>>,
    stop: &'r StopSign,
    now: Timestamp,
    progress: Progress<'r>,
}

impl Job<'_, '_, '_> {
    /// Reads the source; its own failures end on the receipt, only ours come back.
    fn run(self, runtime: &tokio::runtime::Runtime, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        let (source, session) = (self.source, self.session);
        let day_ago = self.now.saturating_sub(24.hours()).unwrap_or(self.now);
        let locked = || session.lock().expect("nobody panics while holding it");
        let used = locked().kept.asked_between(&source.id, day_ago, self.now)?;
        match Crawler::new(source, self.transport, used, self.stop) {
            Err(error) => {
                receipt.outcome = Outcome::Skipped;
                receipt.error = Some(error.to_string());
                return Ok(());
            }
            Ok(crawler) => {
                let ended = std::thread::scope(|threads| {
                    let mut run = SourceRun {
                        source,
                        options: self.options,
                        now: self.now,
                        crawler,
                        intake: Intake::new(threads, session, None),
                        receipt: receipt.clone(),
                        progress: self.progress,
                        reserved: 0,
                        tables: HashMap::new(),
                        holds_cursor: false,
                    };
                    let ended = runtime.block_on(run.run());
                    (self.progress)(&run.receipt, Told::Ended);
                    let tally = run.crawler.tally();
                    run.receipt.requests = tally.requests();
                    run.receipt.bytes = tally.bytes();
                    run.receipt.waited_ms = tally.waited_ms();
                    let sent = i64::try_from(tally.requests()).unwrap_or(i64::MAX);
                    locked().kept.add_asked(&source.id, self.now, sent - run.reserved)?;
                    *receipt = run.receipt;
                    ended
                });
                ended?;
            }
        }
        self.note_health(receipt)
    }

    fn note_health(&self, receipt: &SourceReceipt) -> Result<(), IngestError> {
        let id = &self.source.id;
        let kept = &mut self.session.lock().expect("nobody panics while holding it").kept;
        let mut health: SourceHealth = kept.health(id)?.unwrap_or_default();
        health.last_run = Some(self.now);
        health.outcome = Some(receipt.outcome);
        health.error.clone_from(&receipt.error);
        (health.waiting, health.given_up) = (kept.count_waiting(id)?, kept.count_given_up(id)?);
        if receipt.notices.new + receipt.notices.changed > 0 {
            health.last_new = Some(self.now);
        }
        // A sample or a backfill says nothing about what is due.
        let whole = self.options.sample.is_none() && self.options.since.is_none() && self.options.until.is_none();
        if receipt.outcome.is_complete() && whole {
            health.last_complete = Some(self.now);
            health.failures = 0;
        } else if !receipt.outcome.is_complete() {
            health.failures += 1;
        }
        kept.set_health(id, &health)?;
        Ok(())
    }
}

/// One source while it is read.
struct SourceRun<'r, 's, 'e, 'w> {
    source: &'r Source,
    options: &'r CrawlOptions,
    now: Timestamp,
    crawler: Crawler<'r>,
    intake: Intake<'s, 'e, 'w>,
    receipt: SourceReceipt,
    progress: Progress<'r>,
    /// Requests that are noted already.
    reserved: i64,
    /// What was loaded to be looked up, by table and key.
    tables: HashMap<String, HashMap<String, serde_json::Value>>,
    /// Whether the stored cursor stays as it is, because this run's clock is likely the wrong one.
    holds_cursor: bool,
}

impl SourceRun<'_, '_, '_, '_> {
    async fn run(&mut self) -> Result<(), IngestError> {
        let cursor = self.cursor()?;
        self.receipt.watermark = Watermark { from: cursor.clone(), to: cursor.clone() };
        let ended = match self.begin().await {
            Ok(()) if matches!(self.plan().kind, PlanKind::Issues(_)) => {
                self.issues(cursor.and_then(|text| Issue::parse(&text))).await
            }
            Ok(()) => self.items(cursor).await,
            Err(stop) => Err(stop),
        };
        match ended {
            Ok(()) => {}
            Err(Stop::Ours(error)) => return Err(error),
            Err(Stop::Theirs(error)) => self.fail(&error),
            Err(Stop::Enough) => {
                if self.receipt.outcome.is_complete() {
                    self.receipt.outcome = Outcome::Capped;
                }
            }
        }
        self.intake.finish(&mut self.receipt)?;
        if self.receipt.outcome == Outcome::Complete && self.receipt.documents.fetched == 0 {
            self.receipt.outcome = Outcome::EmptyVerified;
        }
        Ok(())
    }

    /// Where the last run ended. When that was said by a clock that ran ahead of this one, nothing is skipped for it:
    /// then where the last run ended that began no later than now. A clock that is behind every run there was is itself
    /// the wrong one.
    fn cursor(&mut self) -> Result<Option<String>, IngestError> {
        let session = self.intake.session();
        let Some(cursor) = session.kept.cursor(&self.source.id)? else { return Ok(None) };
        let by_time = matches!(self.plan().kind, PlanKind::DateWindow(_) | PlanKind::Periods(_) | PlanKind::Once);
        if cursor.as_of <= self.now || !by_time {
            return Ok(Some(cursor.position));
        }
        tracing::warn!(source.id = %self.source.id, "the last run was at {}, which is still to come: was a clock wrong?", cursor.as_of);
        self.holds_cursor = session.kept.first_run()?.is_none_or(|first| first > self.now);
        Ok(session.kept.watermark_by(&self.source.id, self.now)?)
    }

    async fn begin(&mut self) -> Result<(), Stop> {
        if self.source.session.boot.is_some() {
            self.reserve()?;
        }
        Ok(self.crawler.boot().await?)
    }

    /// The plan, which every source that is crawled has.
    fn plan(&self) -> &Plan {
        self.source.plan.as_ref().expect("only sources with a plan are crawled")
    }

    /// A failure of the source; the first one names the outcome.
    fn fail(&mut self, error: &CrawlError) {
        let outcome = match error {
            CrawlError::Blocked { .. } | CrawlError::Fetch(FetchError::Robots { .. }) => Outcome::Blocked,
            CrawlError::Drifted { .. } => Outcome::Drifted,
            CrawlError::Capped { .. }
            | CrawlError::Fetch(
                FetchError::BudgetUsed { .. } | FetchError::OutsideHours { .. } | FetchError::RunTimeUsed,
            ) => Outcome::Capped,
            CrawlError::Fetch(_) | CrawlError::Faulty { .. } | CrawlError::Replay(_) | CrawlError::Stopped => {
                Outcome::Failed
            }
            CrawlError::NoKey(_) => Outcome::Skipped,
        };
        if self.receipt.outcome.is_complete() {
            self.receipt.outcome = outcome;
        }
        self.receipt.fail(error.to_string());
    }

    /// Notes requests before they are sent, where a day's number is limited.
    fn reserve(&mut self) -> Result<(), IngestError> {
        if self.source.access.daily_requests.is_none() {
            return Ok(());
        }
        let sent = i64::try_from(self.crawler.tally().requests()).unwrap_or(i64::MAX);
        if sent + PER_REQUEST > self.reserved {
            self.intake.session().kept.add_asked(&self.source.id, self.now, RESERVE)?;
            self.reserved += RESERVE;
        }
        Ok(())
    }

    /// Where an answer came from.
    fn origin(&self, url: &str, status: u16, headers: &[(String, String)]) -> Origin {
        Origin {
            source: self.source.id.clone(),
            url: url.to_owned(),
            fetched_at: self.now,
            run: self.intake.run().clone(),
            status: Some(status),
            headers: headers.to_vec(),
            member: Vec::new(),
            container: None,
            read_as: None,
            detail: false,
        }
    }
}

/// Why a source's run ends before its end.
enum Stop {
    /// Our own disk, store or index.
    Ours(IngestError),
    /// The source.
    Theirs(CrawlError),
    /// `--sample` is reached.
    Enough,
}

impl From<IngestError> for Stop {
    fn from(error: IngestError) -> Self {
        Self::Ours(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Ours(error.into())
    }
}

impl From<CrawlError> for Stop {
    fn from(error: CrawlError) -> Self {
        Self::Theirs(error)
    }
}
