//! One host's gate: when may the next request start? It holds the spacing, the number in flight, the pauses that the
//! host asked for, the count of its refusals and the proof of it all. Nobody sends a request without a [`Slot`].
//!
//! It knows no HTTP, so its spacing is proven to the millisecond on a paused clock.
//!
//! The whole policy is [`State::start`]. The rate is governor's (GCRA, one cell, on tokio's clock), asked at the very
//! moment of a start. What a rate cannot say (jitter, pauses the host asked for, the way a request takes) is one instant,
//! `not_before`, that only ever moves to later: so each of them can only add, and the longest counts.
//!
//! The gap is one of arrivals at the host, so a request counts from its arrival as far as we can tell. It may have
//! arrived with the first byte of its answer. But an answer that takes as long as all others do is no late arrival: what
//! counts is by how much it took longer than the quickest one. See [`Arrivals`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::FetchError;
use crate::records::HostReceipt;

/// No request is taken to have been longer on its way than that: a slow answer is no slow arrival.
const TRANSIT: Duration = Duration::from_millis(50);
/// The same with the handshakes of a new connection, which the next request does without.
const HANDSHAKE: Duration = Duration::from_millis(250);
/// After so many answers in a row that were no quicker than the quickest, it is known how quick that is. While many sources
/// begin at once all answers may be late, but then they get quicker one after the other.
const ENOUGH: u32 = 8;
/// By less than that no answer is quicker than another.
const QUICKER: Duration = Duration::from_millis(1);
/// How well a host's time tells when a request arrived: the quickest answer was quick in part because little was to be done.
const BLUR: Duration = Duration::from_micros(500);
/// The runtime's timer is late by up to so much.
const TIMER: Duration = Duration::from_millis(2);
/// Where delays are shorter, that is more than a hundredth of the rate.
const SHORT: Duration = Duration::from_millis(200);
/// Connections that are known again.
const CONNECTIONS: usize = 16;

/// Refusals in a row after which a host is left alone for the rest of the run.
const REFUSALS: u32 = 3;

/// How gently one host is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Between the starts of two requests.
    pub(super) delay: Duration,
    /// Up to this share of the delay is added at random.
    pub(super) jitter: f64,
    /// Requests in flight.
    pub(super) concurrency: usize,
    /// The delay is what the host's robots.txt asks for.
    pub(super) wished: bool,
}

impl Pace {
    /// The host wishes this delay; it gets it unless the delay is longer anyway.
    pub(super) fn slow_down(&mut self, wish: Duration) {
        if wish > self.delay {
            (self.delay, self.wished) = (wish, true);
        }
    }
}

/// The gates of one run, one per host.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<BTreeMap<String, Arc<Gate>>>);

impl Gates {
    /// The gate of a host (`ted.europa.eu`, `127.0.0.1:8081`).
    pub(super) fn of(&self, host: &str) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        Arc::clone(gates.entry(host.to_owned()).or_insert_with(|| Arc::new(Gate::new(host))))
    }

    /// Proof of politeness, by host name; hosts that were never asked are left out.
    pub(super) fn receipts(&self) -> Vec<HostReceipt> {
        lock(&self.0).values().map(|gate| gate.receipt()).filter(|receipt| receipt.requests > 0).collect()
    }
}

/// Tokio's clock for governor, so that a test that moves the one moves the other.
#[derive(Clone, Copy, Debug)]
struct TokioClock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Instant);

impl Clock for TokioClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Instant::now())
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + Duration::from(duration))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>;

/// One start per delay; a delay of zero is no limit.
fn limiter(delay: Duration) -> Option<Limiter> {
    let quota = Quota::with_period(delay)?.allow_burst(NonZeroU32::MIN);
    Some(RateLimiter::direct_with_clock(quota, TokioClock))
}

/// One host's gate.
#[derive(Debug)]
pub(super) struct Gate {
    host: String,
    slots: Arc<Semaphore>,
    /// Held by the one who waits for the next start: first come, first served.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The gentlest of all paces that were asked for.
    pace: Option<Pace>,
    /// Permits to withdraw as they come back, after the concurrency went down.
    surplus: usize,
    /// One start per delay; made anew when the pace gets gentler.
    limiter: Option<Limiter>,
    /// No request before this: jitter, pauses, and the way that requests take.
    not_before: Instant,
    arrivals: Arrivals,
    /// The host asked to be left alone until then, longer than we are ready to wait.
    closed_until: Option<Instant>,
    /// Refusals since the last answer.
    refusals: u32,
    /// The last refusal, once there were too many: the host is left alone for the rest of the run.
    broken: Option<String>,
    last: Option<Instant>,
    requests: u64,
    min_gap: Option<Duration>,
}

/// Why no request may start.
#[derive(Debug)]
pub(super) enum Closed {
    /// The host asked to be left alone for this long, and that is longer than we wait.
    For(Duration),
    /// The host refused so many times in a row, the last time like this.
    Broken { after: u32, reason: String },
    /// Whoever asks may not, for a reason of its own.
    Leave(FetchError),
}

/// Whether the one who asks may send a request now; asked at the very moment of a start.
pub(super) type Leave<'a> = &'a (dyn Fn() -> Result<(), FetchError> + Send + Sync);

impl Gate {
    fn new(host: &str) -> Self {
        let state = State {
            pace: None,
            surplus: 0,
            limiter: None,
            not_before: Instant::now(),
            arrivals: Arrivals::default(),
            closed_until: None,
            refusals: 0,
            broken: None,
            last: None,
            requests: 0,
            min_gap: None,
        };
        let slots = Arc::new(Semaphore::new(0));
        Self { host: host.to_owned(), slots, turn: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    /// Waits until one more request may start; it has started when this returns. Dropping the future at any point
    /// leaves nothing behind.
    ///
    /// # Errors
    /// The host has closed its door for longer than we wait, refuses us again and again, or `leave` says no.
    pub(super) async fn enter(self: &Arc<Self>, pace: Pace, leave: Leave<'_>) -> Result<Slot, Closed> {
        let asked = Instant::now();
        self.tighten(pace);
        let permit = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
        let mut slot = Slot { gate: Arc::clone(self), permit: Some(permit), started: asked, waited: Duration::ZERO };
        let _turn = self.turn.lock().await;
        loop {
            // the lock is not held while sleeping: a pause that begins now is seen on waking
            let start = lock(&self.state).start(Instant::now(), fastrand::f64(), leave)?;
            let wake = match start {
                Start::Now(at) => {
                    slot.started = at;
                    slot.waited = at.duration_since(asked);
                    return Ok(slot);
                }
                Start::At(later) => later,
            };
            wait_until(wake, pace.delay).await;
        }
    }

    /// Nobody starts a request before `wait` has passed.
    pub(super) fn pause(&self, wait: Duration) {
        let mut state = lock(&self.state);
        state.not_before = state.not_before.max(later(wait));
    }

    /// Nobody starts a request before `wait` has passed, and nobody waits for that.
    pub(super) fn close(&self, wait: Duration) {
        let until = later(wait);
        let mut state = lock(&self.state);
        state.closed_until = Some(state.closed_until.map_or(until, |before| before.max(until)));
    }

    /// The host refused a request.
    pub(super) fn refused(&self, reason: String) {
        let mut state = lock(&self.state);
        state.refusals += 1;
        if state.refusals >= REFUSALS && state.broken.is_none() {
            state.broken = Some(reason);
        }
    }

    /// The host answered as hosts do.
    pub(super) fn answered(&self) {
        lock(&self.state).refusals = 0;
    }

    /// Its name.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Two sources may share a host: the gentler wish wins.
    fn tighten(&self, wish: Pace) {
        let wish = Pace { concurrency: wish.concurrency.max(1), jitter: wish.jitter.clamp(0.0, 1.0), ..wish };
        let mut state = lock(&self.state);
        let Some(pace) = state.pace else {
            state.pace = Some(wish);
            state.limiter = limiter(wish.delay);
            self.slots.add_permits(wish.concurrency);
            return;
        };
        if wish.concurrency < pace.concurrency {
            let cut = pace.concurrency - wish.concurrency;
            state.surplus += cut - self.slots.forget_permits(cut);
        }
        if wish.delay > pace.delay {
            state.limiter = limiter(wish.delay);
            // a new limiter knows nothing of the last start
            let spaced = state.last.map_or(state.not_before, |last| last + wish.delay);
            state.not_before = state.not_before.max(spaced);
        }
        state.pace = Some(Pace {
            delay: pace.delay.max(wish.delay),
            wished: if wish.delay > pace.delay { wish.wished } else { pace.wished },
            jitter: pace.jitter.max(wish.jitter),
            concurrency: pace.concurrency.min(wish.concurrency),
        });
    }

    fn receipt(&self) -> HostReceipt {
        let state = lock(&self.state);
        let limit = state.pace.map_or_else(String::new, |pace| {
            let why = if pace.wished { " (Crawl-delay of its robots.txt)" } else { "" };
            format!("1 request per {} ms{why}, {} at a time", pace.delay.as_millis(), pace.concurrency)
        });
        HostReceipt {
            host: self.host.clone(),
            requests: state.requests,
            min_gap_ms: state.min_gap.map(|gap| u64::try_from(gap.as_millis()).unwrap_or(u64::MAX)),
            limit,
        }
    }
}

enum Start {
    Now(Instant),
    At(Instant),
}

impl State {
    /// The whole policy: no start behind a closed door or during a pause; one start per delay; and whoever asks still
    /// may. After each start a random part of the jitter is waited too (`dice` in 0..1).
    fn start(&mut self, now: Instant, dice: f64, leave: Leave<'_>) -> Result<Start, Closed> {
        if let Some(reason) = &self.broken {
            return Err(Closed::Broken { after: self.refusals.max(REFUSALS), reason: reason.clone() });
        }
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Closed::For(until - now));
        }
        if now < self.not_before {
            return Ok(Start::At(self.not_before));
        }
        if let Some(early) = self.limiter.as_ref().and_then(|limiter| limiter.check().err()) {
            let wait = early.wait_time_from(Moment(now));
            return Ok(Start::At(now + wait));
        }
        leave().map_err(Closed::Leave)?; // a start that is given up here only makes the next one later
        if let Some(last) = self.last {
            let gap = now.duration_since(last);
            self.min_gap = Some(self.min_gap.map_or(gap, |smallest| smallest.min(gap)));
        }
        self.requests += 1;
        self.last = Some(now);
        let spaced = self.pace.map_or(now, |pace| now + pace.delay + extra(pace, dice));
        self.not_before = self.not_before.max(spaced);
        Ok(Start::Now(now))
    }
}

/// The connection that an answer came on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Our end of it, where that is known.
    pub(super) local: Option<SocketAddr>,
    /// The host closes it after this answer.
    pub(super) closes: bool,
}

/// How late requests may arrive at a host, from how long its answers take.
#[derive(Debug, Default)]
struct Arrivals {
    /// The last connections.
    known: VecDeque<SocketAddr>,
    /// The quickest answer so far, and how many came since it was clearly beaten: of connections that stay, and of those
    /// for one request.
    quickest: [(Option<Duration>, u32); 2],
}

impl Arrivals {
    /// By how much the request may have arrived later than the next one will, measured from their starts; its answer
    /// took so long to begin.
    fn lateness(&mut self, took: Duration, on: Connection) -> Duration {
        let known = on.local.is_none_or(|local| self.known.contains(&local));
        if let Some(local) = on.local.filter(|_| !known && !on.closes) {
            self.known.truncate(CONNECTIONS - 1);
            self.known.push_front(local);
        }
        if !known && !on.closes {
            return took.min(HANDSHAKE);
        }
        let (quickest, since) = &mut self.quickest[usize::from(on.closes)];
        let before = quickest.unwrap_or(Duration::MAX);
        let late = if *since < ENOUGH { took } else { took.saturating_sub(before) + BLUR };
        *since = if took.saturating_add(QUICKER) < before && *since < ENOUGH { 0 } else { since.saturating_add(1) };
        *quickest = Some(took.min(before));
        late.min(TRANSIT)
    }
}

/// A part of the jitter; never less than nothing, never more than the delay.
fn extra(pace: Pace, dice: f64) -> Duration {
    pace.delay.mul_f64((pace.jitter * dice).clamp(0.0, 1.0))
}

/// Leave to have one request in flight; given back on drop.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
    started: Instant,
    /// How long the gate held the request back.
    pub(super) waited: Duration,
}

impl Slot {
    /// The head of the answer is here, so the request had arrived by now.
    pub(super) fn arrived(&self, on: Connection) {
        let mut state = lock(&self.gate.state);
        let late = state.arrivals.lateness(self.started.elapsed(), on);
        if state.last == Some(self.started) {
            let delay = state.pace.map_or(Duration::ZERO, |pace| pace.delay);
            state.not_before = state.not_before.max(self.started + delay + late);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

/// A wait that no clock can express counts as a year.
fn later(wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    Instant::now() + wait.min(YEAR)
}

/// Waits for a moment; where delays are short, without the lateness of the runtime's timer. That holds up a thread of
/// the runtime for [`TIMER`] at most.
async fn wait_until(wake: Instant, delay: Duration) {
    if delay < SHORT {
        sleep_until(wake.checked_sub(TIMER).unwrap_or(wake)).await;
        std::thread::sleep(wake.saturating_duration_since(Instant::now()));
    }
    // the timer counts whole milliseconds: asked about a moment that has just come, it waits for the next one
    if Instant::now() < wake {
        sleep_until(wake).await;
    }
}

/// A panic elsewhere does not make a counter wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(delay: Duration, jitter: f64, concurrency: usize) -> Pace {
        Pace { delay, jitter, concurrency, wished: false }
    }

    const FREE: Leave<'static> = &|| Ok(());

    fn gate() -> Arc<Gate> {
        Gates::default().of("example.org")
    }

    #[tokio::test(start_paused = true)]
    async fn starts_are_exactly_the_delay_apart() {
        let gate = gate();
        let begin = Instant::now();
        for n in 0..5u32 {
            let slot = gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect("open");
            assert_eq!(begin.elapsed(), SECOND * n, "request {n}");
            assert_eq!(slot.waited, if n == 0 { Duration::ZERO } else { SECOND });
        }
        let receipt = gate.receipt();
        assert_eq!((receipt.requests, receipt.min_gap_ms), (5, Some(1000)));
        assert_eq!(receipt.limit, "1 request per 1000 ms, 1 at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn many_tasks_share_one_rhythm_in_the_order_they_came() {
        let gate = gate();
        let begin = Instant::now();
        let tasks: Vec<_> = (0..10u32)
            .map(|n| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    let _slot = gate.enter(pace(SECOND, 0.0, 4), FREE).await.expect("open");
                    (n, begin.elapsed())
                })
            })
            .collect();
        for task in tasks {
            let (n, at) = task.await.expect("no panic");
            assert_eq!(at, SECOND * n);
        }
        assert_eq!(gate.receipt().min_gap_ms, Some(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_agreed_number_are_in_flight() {
        let gate = gate();
        let begin = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..6 {
            let gate = Arc::clone(&gate);
            tasks.push(tokio::spawn(async move {
                let _slot = gate.enter(pace(Duration::from_millis(10), 0.0, 2), FREE).await.expect("open");
                sleep(SECOND).await;
                begin.elapsed()
            }));
        }
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.expect("no panic").as_millis());
        }
        assert_eq!(ends, [1000, 1010, 2000, 2010, 3000, 3010]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone_even_those_already_waiting() {
        let gate = gate();
        let begin = Instant::now();
        drop(gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open"));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    drop(gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open"));
                    begin.elapsed()
                })
            })
            .collect();
        sleep(Duration::from_millis(500)).await;
        gate.pause(SECOND * 30);
        let mut starts = Vec::new();
        for task in waiting {
            starts.push(task.await.expect("no panic").as_millis());
        }
        assert_eq!(starts, [30_500, 31_500]);
        gate.pause(Duration::ZERO);
        drop(gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open"));
        assert_eq!(begin.elapsed().as_millis(), 32_500, "a shorter pause does not undo the spacing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_door_is_not_knocked_at() {
        let gate = gate();
        gate.close(Duration::from_hours(1));
        let closed = gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect_err("closed");
        assert!(matches!(closed, Closed::For(wait) if wait == Duration::from_hours(1)), "{closed:?}");
        assert_eq!(gate.receipt().requests, 0);
        sleep(Duration::from_hours(1)).await;
        drop(gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect("open again"));
        gate.close(Duration::MAX);
        assert!(gate.enter(pace(SECOND, 0.0, 1), FREE).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn three_refusals_in_a_row_close_the_gate_for_good() {
        let gate = gate();
        let refuse = || gate.refused("it answered 403".to_owned());
        refuse();
        refuse();
        gate.answered();
        refuse();
        refuse();
        let waiting = {
            drop(gate.enter(pace(SECOND, 0.0, 2), FREE).await.expect("two are not three"));
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.enter(pace(SECOND, 0.0, 2), FREE).await.map(|_| ()) })
        };
        sleep(SECOND / 2).await;
        refuse();
        let closed = waiting.await.expect("no panic").expect_err("who waits is told too");
        assert!(matches!(&closed, Closed::Broken { after: 3, reason } if reason == "it answered 403"), "{closed:?}");
        gate.answered(); // a late answer opens nothing
        let begin = Instant::now();
        assert!(matches!(gate.enter(pace(SECOND, 0.0, 2), FREE).await, Err(Closed::Broken { after: 3, .. })));
        assert_eq!((begin.elapsed(), gate.receipt().requests), (Duration::ZERO, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn leave_is_asked_at_the_moment_of_the_start() {
        let gate = gate();
        let begin = Instant::now();
        let until = begin + SECOND;
        let leave = || if Instant::now() < until { Ok(()) } else { Err(FetchError::RunTimeUsed) };
        drop(gate.enter(pace(SECOND, 0.0, 1), &leave).await.expect("in time"));
        let closed = gate.enter(pace(SECOND, 0.0, 1), &leave).await.expect_err("too late by then");
        assert!(matches!(closed, Closed::Leave(FetchError::RunTimeUsed)), "{closed:?}");
        assert_eq!((begin.elapsed(), gate.receipt().requests), (SECOND, 1));
        drop(gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect("others may"));
        assert!(begin.elapsed() >= SECOND, "and not too early");
    }

    #[tokio::test(start_paused = true)]
    async fn the_gentler_wish_wins() {
        let gate = gate();
        let begin = Instant::now();
        let held = gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open");
        let also = gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open");
        gate.tighten(pace(SECOND * 5, 0.0, 1));
        drop(held);
        let third = tokio::time::timeout(SECOND * 60, gate.enter(pace(SECOND, 0.0, 3), FREE)).await;
        assert!(third.is_err(), "one is still in flight, and one is the limit now");
        drop(also);
        drop(gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open"));
        let before = begin.elapsed();
        drop(gate.enter(pace(SECOND, 0.0, 3), FREE).await.expect("open"));
        assert_eq!(begin.elapsed().saturating_sub(before), SECOND * 5);
        assert_eq!(gate.slots.available_permits(), 1);
        assert_eq!(gate.receipt().limit, "1 request per 5000 ms, 1 at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_is_as_long_as_both_who_share_it_wish() {
        let (quick, slow) = (pace(SECOND, 0.0, 4), pace(SECOND * 5, 0.0, 2));
        for order in [[quick, slow], [slow, quick]] {
            let gate = gate();
            let begin = Instant::now();
            let tasks: Vec<_> = (0..4)
                .map(|n| {
                    let gate = Arc::clone(&gate);
                    tokio::spawn(async move {
                        let _slot = gate.enter(order[n % 2], FREE).await.expect("open");
                        begin.elapsed().as_secs()
                    })
                })
                .collect();
            let mut starts = Vec::new();
            for task in tasks {
                starts.push(task.await.expect("no panic"));
            }
            assert_eq!(starts, [0, 5, 10, 15], "from the first two on, all in flight at once");
            assert_eq!(gate.receipt().min_gap_ms, Some(5000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_of_the_host_lengthens_the_delay_and_is_named() {
        let gate = gate();
        let mut wished = pace(SECOND, 0.0, 1);
        drop(gate.enter(wished, FREE).await.expect("open"));
        wished.slow_down(SECOND / 2);
        assert_eq!(wished, pace(SECOND, 0.0, 1), "it makes nobody quicker");
        wished.slow_down(SECOND * 10);
        let begin = Instant::now();
        drop(gate.enter(wished, FREE).await.expect("open"));
        assert_eq!(begin.elapsed(), SECOND * 10);
        assert_eq!(gate.receipt().limit, "1 request per 10000 ms (Crawl-delay of its robots.txt), 1 at a time");
        gate.tighten(pace(SECOND * 20, 0.0, 1));
        assert_eq!(gate.receipt().limit, "1 request per 20000 ms, 1 at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn giving_up_while_waiting_costs_nobody_a_turn() {
        let gate = gate();
        let begin = Instant::now();
        drop(gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect("open"));
        let impatient = tokio::time::timeout(Duration::from_millis(300), gate.enter(pace(SECOND, 0.0, 1), FREE)).await;
        assert!(impatient.is_err());
        drop(gate.enter(pace(SECOND, 0.0, 1), FREE).await.expect("open"));
        assert_eq!(begin.elapsed(), SECOND);
        assert_eq!(gate.receipt().requests, 2);
    }

    fn connection(port: u16) -> Connection {
        Connection { local: Some(SocketAddr::from(([127, 0, 0, 1], port))), closes: false }
    }

    /// Starts requests whose answers begin after so many milliseconds; when each started after the one before.
    async fn gaps(gate: &Arc<Gate>, pace: Pace, answers: &[(u64, Connection)]) -> Vec<u64> {
        let mut gaps = Vec::new();
        let mut last = Instant::now();
        for (took, on) in answers {
            let slot = gate.enter(pace, FREE).await.expect("open");
            gaps.push(u64::try_from(last.elapsed().as_millis()).expect("short"));
            last = Instant::now();
            sleep(Duration::from_millis(*took)).await;
            slot.arrived(*on);
        }
        gaps
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_there_does_not_shorten_the_gap() {
        let (first, second) = (connection(1), connection(2));
        let answers = [(120, first), (20, first), (900, first), (300, second), (0, second)];
        let gaps = gaps(&gate(), pace(SECOND, 0.0, 1), &answers).await;
        // handshakes count; a slow answer is no slow arrival
        assert_eq!(gaps, [0, 1120, 1020, 1050, 1250]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_always_takes_its_time_is_asked_as_often_as_any() {
        let same = connection(1);
        let (pace, gate) = (pace(Duration::from_millis(100), 0.0, 1), gate());
        let mut answers = vec![(30, same); 13];
        answers.extend([(37, same), (30, same), (30, same)]);
        let kept = gaps(&gate, pace, &answers).await;
        assert!(kept[1..11].iter().all(|gap| *gap == 130), "until that is known: {kept:?}");
        // the half millisecond of the blur, on a timer of whole ones
        assert_eq!(kept[11..], [101, 101, 101, 108, 101], "one that may have arrived late counts from then");
        let once = Connection { closes: true, ..same };
        let closing = gaps(&gate, pace, &[(40, once); 12]).await;
        assert_eq!(closing[9..], [140, 101, 101]);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_get_quicker_and_quicker_are_all_late() {
        let same = connection(1);
        let (pace, gate) = (pace(Duration::from_millis(100), 0.0, 1), gate());
        // a busy start: every third answer is quicker than all before
        let mut answers = vec![(50, same)];
        answers.extend((0..30).map(|n| (48 - n / 3 * 2, same)));
        answers.extend([(28, same); 12]);
        let kept = gaps(&gate, pace, &answers).await;
        assert!(kept[2..32].iter().zip(&answers[1..]).all(|(gap, (took, _))| *gap == 100 + took), "{kept:?}");
        assert_eq!(kept[kept.len() - 3..], [128, 101, 101], "at last it is known");
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_is_added_to_the_delay_though_answers_come_at_once() {
        let gate = gate();
        let answers = vec![(5, connection(1)); 400];
        let gaps = gaps(&gate, pace(SECOND, 0.5, 1), &answers).await;
        assert!(gaps[2..].iter().all(|gap| (1000..=1500).contains(gap)), "{gaps:?}");
        let mean = gaps[2..].iter().sum::<u64>() / 398;
        assert!((1220..=1280).contains(&mean), "the mean of the jitter is half of it: {mean}");
    }

    proptest! {
        #[test]
        fn jitter_only_adds(delay in 0u64..100_000, jitter in -1.0f64..3.0, dice in 0.0f64..1.0) {
            let delay = Duration::from_millis(delay);
            prop_assert!(extra(pace(delay, jitter, 1), dice) <= delay);
        }

        #[test]
        fn no_two_starts_are_closer_than_the_delay(
            delay in 1u64..5_000, jitter in 0.0f64..1.0, arrivals in proptest::collection::vec(0u64..3_000, 2..20),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time().start_paused(true).build().expect("a runtime");
            let (smallest, count) = runtime.block_on(async {
                let gate = gate();
                let pace = pace(Duration::from_millis(delay), jitter, 3);
                let tasks: Vec<_> = arrivals.iter().map(|at| {
                    let (gate, at) = (Arc::clone(&gate), Duration::from_millis(*at));
                    tokio::spawn(async move {
                        sleep(at).await;
                        let _slot = gate.enter(pace, FREE).await.expect("open");
                        sleep(at / 2).await;
                    })
                }).collect();
                for task in tasks {
                    task.await.expect("no panic");
                }
                let receipt = gate.receipt();
                (receipt.min_gap_ms.expect("two or more"), receipt.requests)
            });
            prop_assert!(smallest >= delay, "{smallest} < {delay}");
            prop_assert_eq!(count, arrivals.len() as u64);
        }
    }
}
