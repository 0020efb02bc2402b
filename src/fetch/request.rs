//! What is asked, and how gently: the caller's side of a request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::error::{shown, shown_text};
use super::gate::Pace;

/// GET, or a search by POST; both are reads and may be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Ask for a page, a file, a feed.
    #[default]
    Get,
    /// Ask with a body.
    Post,
}

/// What the last answer said about its version; makes a request conditional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Sent as `If-None-Match`.
    pub etag: Option<String>,
    /// Sent as `If-Modified-Since`.
    pub last_modified: Option<String>,
}

/// One question.
#[derive(Clone, Default)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Fixed headers of the source; never ours (user agent, host, validators, cookies).
    pub headers: Vec<(String, String)>,
    /// The body of a POST.
    pub json: Option<Value>,
    /// What we have already.
    pub validators: Option<Validators>,
    /// Statuses that are answers although they usually mean "try later": returned at once.
    pub accept: Vec<u16>,
    /// A smaller bound for this answer than `limits.answer`, in bytes after decompression.
    pub max_bytes: Option<u64>,
}

/// Header values and the query may be keys, so neither is shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Url::parse(&self.url).map_or_else(|_| shown_text(&self.url), |url| shown(&url));
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &headers)
            .field("validators", &self.validators)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Asks for what is at an address.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Asks with a JSON body.
    pub fn post(url: impl Into<String>, json: Value) -> Self {
        Self { method: Method::Post, url: url.into(), json: Some(json), ..Self::default() }
    }
}

/// How a source asks its hosts, from its definition.
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
            tally: Tally::default(),
        }
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
        Pace { delay, jitter: self.jitter, concurrency: self.concurrency }
    }

    pub(super) fn first_backoff(&self, private: bool, floor: Duration) -> Duration {
        match self.backoff {
            Some(own) if private => own,
            own => own.unwrap_or(floor).max(floor),
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

    #[test]
    fn a_request_does_not_show_its_keys() {
        let headers = vec![("X-Api-Key".into(), "s3cret".into())];
        let request = Request { headers, ..Request::get("https://example.org/?token=s3cret&page=1") };
        let shown = format!("{request:?}");
        assert!(shown.contains("X-Api-Key") && shown.contains("page=1") && !shown.contains("s3cret"), "{shown}");
    }
}
