//! How gently a source asks its hosts, and what it may still use: the caller's side of politeness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use tokio::time::Instant;
use url::Url;

use super::FetchError;
use super::cookies::Jar;
use super::gate::Pace;

/// How a source asks its hosts, from its definition. Clones share what they use: tally, budget and cookies.
#[derive(Clone, Debug)]
pub struct HostPolicy {
    /// Between the starts of two requests to one host; `politeness.min_delay` if that is longer.
    pub delay: Duration,
    /// Up to this share of the delay (0 to 1) is added at random.
    pub jitter: f64,
    /// Requests in flight at one host.
    pub concurrency: usize,
    /// Hosts to which requests and redirects may go, by exact name.
    pub allow_hosts: Vec<String>,
    /// Hosts (`name`, `address` or either with `:port`) that may be asked although they are not public, at any port
    /// and as fast as `delay` says: example publishers on loopback, a mirror in one's own network.
    pub allow_private: Vec<String>,
    /// The wait before the first retry; `politeness.backoff` if that is longer.
    pub backoff: Option<Duration>,
    /// Whether robots.txt is asked and obeyed.
    pub robots: Robots,
    /// Whether cookies are kept for the run, in `jar`.
    pub cookies: bool,
    /// The cookies of this source's run.
    pub jar: Jar,
    /// Requests that may still be sent: tries, redirects and robots.txt included.
    pub budget: Option<Budget>,
    /// When it may be asked, by the real clock.
    pub hours: Option<Hours>,
    /// Nothing is asked and nothing is waited for after that.
    pub deadline: Option<Instant>,
    /// What this source has used so far; clones count together.
    pub tally: Tally,
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            jitter: 0.0,
            concurrency: 1,
            allow_hosts: Vec::new(),
            allow_private: Vec::new(),
            backoff: None,
            robots: Robots::Obey,
            cookies: false,
            jar: Jar::default(),
            budget: None,
            hours: None,
            deadline: None,
            tally: Tally::default(),
        }
    }
}

/// What robots.txt means to a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Robots {
    /// It is asked once per host and run, and obeyed.
    #[default]
    Obey,
    /// It is not asked: the definition says why.
    Override,
}

/// When a source may be asked: from `from` until before `to` on the clocks of `zone`; over midnight when `from` is the
/// later one, at any time when they are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// Whose clock.
    pub zone: TimeZone,
    /// From this time on.
    pub from: Time,
    /// Until this time.
    pub to: Time,
}

impl Hours {
    /// When it may be asked next; `None`: now.
    pub fn closed_until(&self, now: Timestamp) -> Option<Zoned> {
        let local = now.to_zoned(self.zone.clone());
        let time = local.time();
        let open = match self.from.cmp(&self.to) {
            std::cmp::Ordering::Less => self.from <= time && time < self.to,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => self.from <= time || time < self.to,
        };
        if open {
            return None;
        }
        let today = local.date();
        let day = if time < self.from { today } else { today.checked_add(1.day()).unwrap_or(today) };
        // an opening that a clock change skips is as much later
        Some(day.to_datetime(self.from).to_zoned(self.zone.clone()).unwrap_or(local))
    }
}

/// Requests that a source may still send; clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    size: u64,
    left: Arc<AtomicU64>,
}

impl Budget {
    /// A budget of `size` requests, `used` of which are gone already.
    pub fn new(size: u64, used: u64) -> Self {
        Self { size, left: Arc::new(AtomicU64::new(size.saturating_sub(used))) }
    }

    /// Requests left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes one, if there is one.
    fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl HostPolicy {
    /// The host is one that may be asked at all.
    pub(super) fn is_allowed(&self, url: &Url) -> bool {
        names_host(&self.allow_hosts, url)
    }

    /// The host is named as one that need not be public.
    pub(super) fn is_private(&self, url: &Url) -> bool {
        names_host(&self.allow_private, url)
    }

    pub(super) fn pace(&self, private: bool, floor: Duration) -> Pace {
        let delay = if private { self.delay } else { self.delay.max(floor) };
        Pace { delay, jitter: self.jitter, concurrency: self.concurrency, wished: false }
    }

    pub(super) fn first_backoff(&self, private: bool, floor: Duration) -> Duration {
        match self.backoff {
            Some(own) if private => own,
            own => own.unwrap_or(floor).max(floor),
        }
    }

    /// May one more request be sent now? Asked before a wait, so that nobody waits in vain.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), FetchError> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(FetchError::RunTimeUsed);
        }
        if let Some(next) = self.hours.as_ref().and_then(|hours| hours.closed_until(now)) {
            return Err(FetchError::OutsideHours { next });
        }
        match &self.budget {
            Some(budget) if budget.left() == 0 => Err(FetchError::BudgetUsed { budget: budget.size }),
            _ => Ok(()),
        }
    }

    /// The same at the moment of sending, and takes the request off the budget.
    pub(super) fn spend(&self, now: Timestamp) -> Result<(), FetchError> {
        self.check(now)?;
        match &self.budget {
            Some(budget) if !budget.take() => Err(FetchError::BudgetUsed { budget: budget.size }),
            _ => Ok(()),
        }
    }
}

/// Requests, bytes and time, failures included.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
    waited_ms: AtomicU64,
}

impl Tally {
    /// Requests sent.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Bytes of answers, decompressed.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// How long gates and retries held requests back, summed over requests.
    pub fn waited_ms(&self) -> u64 {
        self.0.waited_ms.load(Ordering::Relaxed)
    }

    /// One more request.
    pub fn sent(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn waited(&self, wait: Duration) {
        self.0.waited_ms.fetch_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// `names` holds the host of `url`, as `host` or `host:port`; a final dot and case make no difference.
fn names_host(names: &[String], url: &Url) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let host = host.trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let with_port = format!("{host}:{port}");
    names.iter().any(|name| {
        let name = name.trim_end_matches('.');
        [host, bare, &with_port].iter().any(|own| own.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_can_only_be_gentler() {
        let (floor, second) = (Duration::from_millis(500), Duration::from_secs(1));
        let quick = HostPolicy { delay: Duration::from_millis(1), backoff: Some(floor), ..HostPolicy::default() };
        assert_eq!(quick.pace(false, floor).delay, floor);
        assert_eq!(quick.pace(true, floor).delay, Duration::from_millis(1));
        assert_eq!(HostPolicy::default().pace(false, floor).delay, second);
        assert_eq!(quick.first_backoff(false, second), second);
        assert_eq!(quick.first_backoff(true, second), floor);
        assert_eq!(HostPolicy::default().first_backoff(true, second), second);
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn hours(zone: &str, from: &str, to: &str) -> Hours {
        Hours {
            zone: TimeZone::get(zone).expect("a zone"),
            from: from.parse().expect("a time"),
            to: to.parse().expect("a time"),
        }
    }

    #[test]
    fn hours_are_kept_on_the_clocks_of_their_zone() {
        let night = hours("Europe/Prague", "20:00", "06:00");
        let day = hours("Europe/Prague", "08:00", "16:00");
        let gap = hours("Europe/Prague", "02:30", "05:00");
        let any = hours("UTC", "08:00", "08:00");
        let table = [
            // winter: an hour before UTC
            (&night, "2026-11-22T18:59:59Z", Some("2026-11-22T20:00:00+01:00[Europe/Prague]")),
            (&night, "2026-11-22T19:00:00Z", None),
            (&night, "2026-11-22T23:30:00Z", None),
            (&night, "2026-11-23T04:59:59Z", None),
            (&night, "2026-11-23T05:00:00Z", Some("2026-11-23T20:00:00+01:00[Europe/Prague]")),
            // summer: two
            (&night, "2026-07-01T18:00:00Z", None),
            (&day, "2026-07-01T05:59:59Z", Some("2026-07-01T08:00:00+02:00[Europe/Prague]")),
            (&day, "2026-07-01T06:00:00Z", None),
            (&day, "2026-07-01T14:00:00Z", Some("2026-07-02T08:00:00+02:00[Europe/Prague]")),
            // a morning without 02:30
            (&gap, "2026-03-29T00:00:00Z", Some("2026-03-29T03:30:00+02:00[Europe/Prague]")),
            (&any, "2026-03-29T00:00:00Z", None),
        ];
        for (hours, now, expected) in table {
            let next = hours.closed_until(at(now)).map(|next| next.to_string());
            assert_eq!(next.as_deref(), expected, "{now}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_used_up_is_not_spent() {
        let now = at("2026-11-22T12:00:00Z");
        let policy = HostPolicy { budget: Some(Budget::new(5, 3)), ..HostPolicy::default() };
        let shared = policy.clone();
        assert!(policy.check(now).is_ok() && policy.spend(now).is_ok() && shared.spend(now).is_ok());
        assert!(matches!(policy.check(now), Err(FetchError::BudgetUsed { budget: 5 })));
        assert!(matches!(policy.spend(now), Err(FetchError::BudgetUsed { budget: 5 })));
        assert_eq!(Budget::new(1, 9).left(), 0);

        let deadline = Some(Instant::now() + Duration::from_secs(2));
        let policy = HostPolicy { deadline, ..HostPolicy::default() };
        assert!(policy.spend(now).is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(matches!(policy.spend(now), Err(FetchError::RunTimeUsed)));

        let policy = HostPolicy { hours: Some(hours("UTC", "20:00", "06:00")), ..HostPolicy::default() };
        let error = policy.check(now).expect_err("closed").to_string();
        assert!(error.contains("2026-11-22T20:00:00+00:00[UTC]"), "{error}");
    }
}
