//! Network → bytes, gently: the only module that sends requests.
//!
//! Each host has one gate (`fetch/gate.rs`): spacing, requests in flight, pauses, refusals, proof. What it asks for in
//! its robots.txt is asked first, once a run, and heeded (`fetch/robots.rs`). What a source may
//! still use (requests, hours, time) is checked at the moment of each start (`fetch/policy.rs`). What may pass is tried
//! again (`fetch/retry.rs`), and each try is a request like any other. Only public addresses are asked, checked after
//! resolution (`fetch/address.rs`). Redirects are followed by hand, so that every hop passes the same checks and the
//! gate of its own host. Everything is bounded: bytes, time, redirects, tries.
//!
//! It holds no durable state: validators come with the request, receipts are handed out, and what an answer means
//! (404 = not there yet, 202 = a wall) is the caller's business. Nor does it know source definitions: a policy says all.

mod address;
mod body;
mod cookies;
mod error;
mod gate;
mod policy;
mod request;
mod retry;
mod robots;
mod route;

use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpInfo;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};
use url::{Host, Url};

pub use self::body::{Body, BodyReader};
pub use self::cookies::Jar;
pub use self::error::FetchError;
pub use self::policy::{Budget, HostPolicy, Hours, Robots, Tally};
pub use self::request::{Method, Part, PartContent, Request, RequestBody, Validators};

use self::address::Reach;
use self::body::{Overflow, Sink, SinkError};
use self::error::{shown, shown_text};
use self::gate::{Closed, Connection, Gate, Gates, Pace, Slot};
use self::robots::{Book, Rules, Verdict};
use self::route::{Errand, Route};
use crate::config::{Limits, Politeness};
use crate::records::HostReceipt;

/// Response headers worth keeping.
const KEPT: &[&str] = &[
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-range",
    "etag",
    "last-modified",
    "date",
    "link",
    "location",
    "retry-after",
    "x-amzn-waf-action",
];
/// Bytes a second at which a large file may come: each second's worth is another second of patience.
const FAIR_PACE: u64 = 256 << 10;
/// No robots.txt makes us slower than that, and none may take longer to come than the other.
const SLOWEST: Duration = Duration::from_hours(1);
const ROBOTS_TIME: Duration = Duration::from_mins(1);
/// A longer header value is not kept.
const HEADER_BYTES: usize = 8 << 10;

/// An answer.
#[derive(Debug)]
pub struct Fetched {
    /// HTTP status; 304 comes with an empty body.
    pub status: u16,
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// Headers worth keeping, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes, decompressed from transport.
    pub body: Body,
    /// Requests that it took: tries and redirects.
    pub requests: u32,
    /// How long gates and retries held it back.
    pub waited: Duration,
}

impl Fetched {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(kept, _)| kept == name).map(|(_, value)| value.as_str())
    }

    /// What to send next time.
    pub fn validators(&self) -> Option<Validators> {
        let own = |name| self.header(name).map(str::to_owned);
        let validators = Validators { etag: own("etag"), last_modified: own("last-modified") };
        Some(validators).filter(|validators| *validators != Validators::default())
    }
}

/// Sends the requests of one run. Share it by reference or `Arc`.
#[derive(Debug)]
pub struct Fetcher {
    contact: Option<String>,
    politeness: Politeness,
    answer_limit: u64,
    folder: PathBuf,
    gates: Gates,
    clients: Clients,
    robots: Book,
    /// The real time of day.
    clock: fn() -> Timestamp,
}

/// One client per reach, each with its own connections, so that an exception for one source opens no door for another.
#[derive(Debug, Default)]
struct Clients {
    public: OnceLock<reqwest::Client>,
    any: OnceLock<reqwest::Client>,
    inside: OnceLock<reqwest::Client>,
}

impl Fetcher {
    /// A fetcher that introduces itself with `contact` and keeps large bodies in `folder` while they are in use.
    ///
    /// Without a contact only hosts in [`HostPolicy::allow_private`] that really are not public can be asked.
    ///
    /// # Errors
    /// The contact cannot stand in a header.
    pub fn new(
        contact: Option<String>,
        politeness: &Politeness,
        limits: &Limits,
        folder: PathBuf,
    ) -> Result<Self, FetchError> {
        if let Some(contact) = contact.as_ref().filter(|text| HeaderValue::from_str(text).is_err()) {
            return Err(FetchError::BadContact { contact: contact.clone() });
        }
        Ok(Self {
            contact,
            politeness: politeness.clone(),
            answer_limit: limits.answer,
            folder,
            gates: Gates::default(),
            clients: Clients::default(),
            robots: Book::default(),
            clock: Timestamp::now,
        })
    }

    /// What every request says about us.
    pub fn user_agent(&self) -> String {
        let contact = self.contact.as_deref().unwrap_or("demo");
        format!("Mozilla/5.0 (compatible; tenderwatch/{}; +{contact})", env!("CARGO_PKG_VERSION"))
    }

    /// Proof of politeness for every host asked so far.
    pub fn receipts(&self) -> Vec<HostReceipt> {
        self.gates.receipts()
    }

    /// Asks, waits its turn, follows redirects, tries again what may pass.
    ///
    /// Statuses other than those that are tried again come back as answers.
    ///
    /// # Errors
    /// What the guards refuse, what the policy does not allow any more, what is too large, and what did not pass after
    /// `politeness.retries` more tries.
    pub async fn fetch(&self, request: &Request, policy: &HostPolicy) -> Result<Fetched, FetchError> {
        let journey = Box::pin(self.travel(request, policy, Errand::Answer));
        match policy.deadline {
            None => journey.await,
            Some(deadline) => timeout_at(deadline, journey).await.unwrap_or(Err(FetchError::RunTimeUsed)),
        }
    }

    async fn travel(&self, request: &Request, policy: &HostPolicy, errand: Errand) -> Result<Fetched, FetchError> {
        let mut url = parse_url(&request.url)?;
        let mut route = Route::new(request, policy, errand);
        let mut waited = Duration::ZERO;
        loop {
            let mut hop = self.admit(&url, policy)?;
            policy.check((self.clock)())?;
            if errand == Errand::Answer
                && let Some(wish) = self.heed(&url, policy).await?
            {
                hop.pace.slow_down(wish);
            }
            let leave = || policy.spend((self.clock)());
            let slot = hop.gate.enter(hop.pace, &leave).await.map_err(|closed| self.closed(&url, &hop, closed))?;
            waited += slot.waited;
            policy.tally.waited(slot.waited);
            let outcome = self.ask(&url, &hop, &mut route, &slot).await;
            drop(slot);
            match outcome {
                Ok(Answer::Here(mut fetched)) => {
                    if !retry::is_refusal(fetched.status) || request.accept.contains(&fetched.status) {
                        hop.gate.answered();
                    } else if errand == Errand::Answer {
                        hop.gate.refused(format!("it answered {}", fetched.status));
                    }
                    fetched.requests = route.sent;
                    fetched.waited = waited;
                    return Ok(*fetched);
                }
                Ok(Answer::Elsewhere { status, target, retry_after }) => {
                    if let Some(wait) = retry_after {
                        waited += self.wait_out(wait, &url, &hop, policy).await?;
                    }
                    url = route.follow(&url, status, &target)?;
                }
                Err(error) => waited += self.pass(error, &hop, &mut route).await?,
            }
        }
    }

    /// What robots.txt says to this address: no, or how slowly.
    async fn heed(&self, url: &Url, policy: &HostPolicy) -> Result<Option<Duration>, FetchError> {
        if policy.robots == Robots::Override || url.path() == "/robots.txt" {
            return Ok(None);
        }
        let page = self.robots.of(url.origin().ascii_serialization());
        match page.get_or_try_init(|| self.ask_robots(url, policy)).await? {
            Verdict::Unreachable(reason) => {
                Err(FetchError::RobotsUnreachable { url: shown(url), reason: reason.clone() })
            }
            Verdict::Rules(rules) => match rules.refuses(url) {
                Some(rule) => Err(FetchError::Robots { url: shown(url), rule: rule.to_owned() }),
                None => Ok(rules.delay.map(|delay| delay.min(SLOWEST))),
            },
        }
    }

    /// Asks for the robots.txt of a host. None there is a yes to everything, none to be had is a no.
    ///
    /// # Errors
    /// What lies with the one who asks, not with the host.
    fn ask_robots<'f>(
        &'f self,
        url: &'f Url,
        policy: &'f HostPolicy,
    ) -> Pin<Box<dyn Future<Output = Result<Verdict, FetchError>> + Send + 'f>> {
        Box::pin(async move {
            let mut address = url.clone();
            address.set_path("/robots.txt");
            address.set_query(None);
            let request = Request { max_bytes: Some(robots::BYTES), ..Request::get(address) };
            let policy = HostPolicy { cookies: false, ..policy.clone() };
            let fetched = match self.travel(&request, &policy, Errand::Robots).await {
                Ok(fetched) => fetched,
                Err(FetchError::Status { status: 400..=428 | 430..=499, .. }) => {
                    return Ok(Verdict::Rules(Rules::default()));
                }
                Err(error) => {
                    // where a redirect leads is the host's doing
                    let elsewhere = matches!(&error, FetchError::PrivateAddress { host, .. } if Some(host.as_str()) != url.host_str());
                    if error.is_ours() && !elsewhere {
                        return Err(error);
                    }
                    return Ok(Verdict::Unreachable(format!("could not {error}")));
                }
            };
            let status = fetched.status;
            let bytes = match status {
                200 | 203..=299 => fetched.body.into_bytes(robots::BYTES),
                400..=428 | 430..=499 => return Ok(Verdict::Rules(Rules::default())),
                _ => return Ok(Verdict::Unreachable(format!("the host answered {status}"))),
            };
            let bytes = bytes.map_err(|source| FetchError::Io { url: shown(url), source })?.unwrap_or_default();
            let rules = Rules::parse(&bytes);
            if let Some(wish) = rules.delay.filter(|wish| *wish > SLOWEST) {
                warn!(
                    wish_s = wish.as_secs(),
                    "{} asks for {} s between requests; it gets an hour",
                    shown(&fetched.url),
                    wish.as_secs()
                );
            }
            Ok(Verdict::Rules(rules))
        })
    }

    /// Why the gate let nobody in.
    fn closed(&self, url: &Url, hop: &Hop<'_>, closed: Closed) -> FetchError {
        match closed {
            Closed::For(wait) => self.too_long(shown(url), wait),
            Closed::Broken { after, reason } => FetchError::Broken { host: hop.gate.host().to_owned(), after, reason },
            Closed::Leave(error) => error,
        }
    }

    fn too_long(&self, url: String, wait: Duration) -> FetchError {
        let until = (self.clock)().saturating_add(wait).unwrap_or(Timestamp::MAX);
        let until = until.round(jiff::Unit::Second).unwrap_or(until);
        FetchError::RetryAfterTooLong { url, wait, until, limit: self.politeness.retry_after_max }
    }

    /// A redirect that is to be followed a little later.
    async fn wait_out(
        &self,
        wait: Duration,
        url: &Url,
        hop: &Hop<'_>,
        policy: &HostPolicy,
    ) -> Result<Duration, FetchError> {
        if wait > self.politeness.retry_after_max {
            hop.gate.close(wait);
            return Err(self.too_long(shown(url), wait));
        }
        hop.gate.pause(wait);
        tokio::time::sleep(wait).await;
        policy.tally.waited(wait);
        Ok(wait)
    }

    /// The checks that every hop passes before anything is sent.
    fn admit(&self, url: &Url, policy: &HostPolicy) -> Result<Hop<'_>, FetchError> {
        let bad = |reason: &str| FetchError::BadUrl { url: shown(url), reason: reason.to_owned() };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("only http and https are asked"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it carries a user name or password"));
        }
        let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(bad("it has no host"));
        };
        let private = policy.is_private(url);
        if !private && !policy.is_allowed(url) {
            return Err(FetchError::NotAllowedHost { url: shown(url), host: name.to_owned() });
        }
        let reach = match (private, &self.contact) {
            (false, None) => return Err(FetchError::NoContact { url: shown(url) }),
            (false, Some(_)) => Reach::Public,
            (true, Some(_)) => Reach::Any,
            (true, None) => Reach::Inside,
        };
        let literal: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        if let Some((address, kind)) = literal.and_then(|address| Some((address, reach.refuses(address)?))) {
            if reach == Reach::Inside {
                return Err(FetchError::NoContact { url: shown(url) });
            }
            return Err(FetchError::PrivateAddress { url: shown(url), host: name.to_owned(), address, kind });
        }
        if !private && !matches!(port, 80 | 443) {
            return Err(bad(&format!("port {port} is neither 80 nor 443")));
        }
        let name = name.trim_end_matches('.');
        let gate = match port {
            80 | 443 => self.gates.of(name),
            _ => self.gates.of(&format!("{name}:{port}")),
        };
        let pace = policy.pace(private, self.politeness.min_delay);
        Ok(Hop { gate, pace, private, client: self.client(reach)? })
    }

    /// One request, one answer.
    async fn ask(&self, url: &Url, hop: &Hop<'_>, route: &mut Route<'_>, slot: &Slot) -> Result<Answer, FetchError> {
        let begun = Instant::now();
        let within = |phase, limit| FetchError::Timeout { url: shown(url), phase, limit, tries: 1 };
        let failed = |error| FetchError::from_client(url, error, self.politeness.connect_timeout);
        let question = route.question(hop.client, url)?;
        route.sent += 1;
        route.policy.tally.sent();

        let patience = match route.errand {
            Errand::Answer => self.politeness.timeout,
            Errand::Robots => self.politeness.timeout.min(ROBOTS_TIME),
        };
        let end = begun + patience;
        let idle = self.politeness.idle_timeout;
        let silence = (self.politeness.connect_timeout + idle).min(patience);
        let mut response = timeout(silence, hop.client.execute(question))
            .await
            .map_err(|_| within("waiting for the answer", silence))?
            .map_err(failed)?;
        slot.arrived(connection(&response));

        let status = response.status().as_u16();
        let head = response.headers();
        let header = |name: &str| head.get(name).and_then(|value| value.to_str().ok());
        let address = shown(url);
        if route.policy.cookies {
            route.policy.jar.take(url, head);
        }
        let retry_after =
            header("retry-after").and_then(|value| retry::retry_after(value, header("date"), (self.clock)()));
        if route.request.retry_on.contains(&status) {
            return Err(FetchError::Status { url: address, status, retry_after, tries: 1 });
        }
        if let (true, Some(target)) = (matches!(status, 301 | 302 | 303 | 307 | 308), header("location")) {
            debug!(url = address, http.status = status, "{address} sent us elsewhere");
            return Ok(Answer::Elsewhere { status, target: target.to_owned(), retry_after });
        }
        let passes = retry::may_pass(status) || (status == 403 && retry_after.is_some());
        if passes && !route.request.accept.contains(&status) {
            return Err(FetchError::Status { url: address, status, retry_after, tries: 1 });
        }
        if status == 206 {
            let part = header("content-range").unwrap_or("unknown");
            if route.request.range.is_none() || !part.trim_start().starts_with("bytes 0-") {
                let cause = format!("it is a part that was not asked for ({part})");
                return Err(FetchError::Truncated { url: address, cause, tries: 1 });
            }
        }
        let limit = route.request.max_bytes.unwrap_or(u64::MAX).min(self.answer_limit);
        let gzip = header("content-encoding").is_some_and(|coding| {
            let coding = coding.trim();
            coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
        });
        let mut headers = kept_headers(head, &route.request.keep);
        headers.retain(|(name, _)| !gzip || name != "content-encoding");
        let body = if status == 304 {
            Body::empty()
        } else {
            let too_large = || FetchError::TooLarge { url: shown(url), limit };
            let overflow = if route.errand == Errand::Robots { Overflow::Cut } else { Overflow::Refuse };
            let full = |error: SinkError| match error {
                SinkError::Full => too_large(),
                SinkError::Broken(error) => {
                    FetchError::Truncated { url: shown(url), cause: error.to_string(), tries: 1 }
                }
                SinkError::Io(source) => FetchError::Io { url: shown(url), source },
            };
            if overflow == Overflow::Refuse && response.content_length().is_some_and(|declared| declared > limit) {
                return Err(too_large());
            }
            let mut sink = Sink::new(self.folder.clone(), limit, overflow, gzip);
            let mut end = end;
            while !sink.is_full() {
                let next = timeout_at(end, timeout(idle, response.chunk())).await;
                let next = next.map_err(|_| within("the answer", patience))?;
                let next = next.map_err(|_| within("waiting for the next byte", idle))?;
                let Some(chunk) = next.map_err(|error| FetchError::from_body(url, error))? else { break };
                end += Duration::from_millis(chunk.len() as u64 * 1000 / FAIR_PACE);
                route.policy.tally.received(sink.push(&chunk).await.map_err(full)?);
            }
            sink.finish().await.map_err(full)?
        };
        debug!(
            url = address,
            http.status = status,
            bytes = body.len(),
            waited_ms = slot.waited.as_millis(),
            duration_ms = begun.elapsed().as_millis(),
            "{address} answered {status}"
        );
        let url = url.clone();
        Ok(Answer::Here(Box::new(Fetched { status, url, headers, body, requests: 0, waited: Duration::ZERO })))
    }

    /// Waits out a failure that may pass, and says how long that took; any other is the end.
    async fn pass(&self, error: FetchError, hop: &Hop<'_>, route: &mut Route<'_>) -> Result<Duration, FetchError> {
        if let FetchError::Status { url, retry_after: Some(wait), .. } = &error
            && *wait > self.politeness.retry_after_max
        {
            hop.gate.close(*wait);
            return Err(self.too_long(url.clone(), *wait));
        }
        let first = route.policy.first_backoff(hop.private, self.politeness.backoff);
        let Some(again) = error.retry(route.failed, &self.politeness, first) else {
            // we give up, but whoever comes next keeps to what the host said
            if let FetchError::Status { status, retry_after, .. } = &error
                && (retry_after.is_some() || retry::is_overload(*status))
            {
                hop.gate.pause(retry_after.unwrap_or(first));
            }
            if let Some(reason) = error.refusal() {
                hop.gate.refused(reason);
            }
            return Err(error.after(route.sent));
        };
        route.failed += 1;
        warn!(
            attempt = route.failed,
            wait_ms = again.wait.as_millis(),
            "could not {error}; trying again in {} ms",
            again.wait.as_millis()
        );
        if again.whole_host {
            hop.gate.pause(again.wait); // the wait is in front of the gate, and counted there
            return Ok(Duration::ZERO);
        }
        tokio::time::sleep(again.wait).await;
        route.policy.tally.waited(again.wait);
        Ok(again.wait)
    }

    fn client(&self, reach: Reach) -> Result<&reqwest::Client, FetchError> {
        let cell = match reach {
            Reach::Public => &self.clients.public,
            Reach::Any => &self.clients.any,
            Reach::Inside => &self.clients.inside,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .user_agent(self.user_agent())
            .dns_resolver(address::resolver(reach))
            .no_proxy() // a proxy would resolve names behind the guard's back
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never()) // a hidden retry would not pass the gate
            .connect_timeout(self.politeness.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(20)) // shorter than most servers keep a connection
            .http2_max_header_list_size(64 << 10)
            .http1_ignore_invalid_headers_in_responses(true)
            .build()
            .map_err(|error| FetchError::Client { cause: error::chain(&error) })?;
        Ok(cell.get_or_init(|| client))
    }
}

/// One hop, admitted.
struct Hop<'a> {
    gate: Arc<Gate>,
    pace: Pace,
    private: bool,
    client: &'a reqwest::Client,
}

enum Answer {
    Here(Box<Fetched>),
    Elsewhere { status: u16, target: String, retry_after: Option<Duration> },
}

/// What an answer came on.
fn connection(response: &reqwest::Response) -> Connection {
    let header = response.headers().get("connection").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let says = |word: &str| header.split(',').any(|own| own.trim().eq_ignore_ascii_case(word));
    Connection {
        local: response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr),
        closes: says("close") || (response.version() <= reqwest::Version::HTTP_10 && !says("keep-alive")),
    }
}

fn parse_url(text: &str) -> Result<Url, FetchError> {
    let mut url =
        Url::parse(text).map_err(|error| FetchError::BadUrl { url: shown_text(text), reason: error.to_string() })?;
    url.set_fragment(None);
    Ok(url)
}

fn kept_headers(head: &HeaderMap, also: &[String]) -> Vec<(String, String)> {
    let is_kept = |name: &str| name != "set-cookie" && (KEPT.contains(&name) || also.iter().any(|own| own == name));
    head.iter()
        .filter(|(name, value)| is_kept(name.as_str()) && value.len() <= HEADER_BYTES)
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetcher(contact: Option<&str>) -> Fetcher {
        let config = crate::config::Config::load(None, &crate::config::Overrides::default()).expect("the defaults");
        let folder = std::env::temp_dir();
        Fetcher::new(contact.map(str::to_owned), &config.politeness, &config.limits, folder).expect("a contact")
    }

    fn policy(allow_hosts: &[&str], allow_private: &[&str]) -> HostPolicy {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        HostPolicy { allow_hosts: own(allow_hosts), allow_private: own(allow_private), ..HostPolicy::default() }
    }

    #[test]
    fn we_say_who_we_are() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            fetcher(Some("mailto:x@example.org")).user_agent(),
            format!("Mozilla/5.0 (compatible; tenderwatch/{version}; +mailto:x@example.org)")
        );
        assert!(fetcher(None).user_agent().ends_with("; +demo)"));
    }

    #[test]
    fn every_hop_is_checked_before_anything_is_sent() {
        let fetcher = fetcher(Some("https://example.org/about"));
        let hosts =
            policy(&["example.org", "10.0.0.1", "[::1]", "169.254.169.254", "2130706433"], &["127.0.0.1", "own:81"]);
        let check = |url: &str| match fetcher.admit(&parse_url(url).expect(url), &hosts) {
            Ok(_) => "admitted".to_owned(),
            Err(error) => error.to_string(),
        };
        for url in [
            "https://example.org/a",
            "https://EXAMPLE.org:443/",
            "https://example.org./",
            "http://127.0.0.1:8081/",
            "http://0x7f.1/",
            "http://own:81/",
        ] {
            assert_eq!(check(url), "admitted", "{url}");
        }
        let refused = [
            ("ftp://example.org/", "only http and https are asked"),
            ("https://me:secret@example.org/", "user name or password"),
            ("https://me@example.org/", "user name or password"),
            ("https://www.example.org/", "the source does not name www.example.org among its hosts"),
            ("http://own/", "the source does not name own among its hosts"),
            ("https://example.org:8443/", "port 8443 is neither 80 nor 443"),
            ("http://10.0.0.1/", "10.0.0.1 is at 10.0.0.1, which is private, not public"),
            ("http://[::1]/", "which is loopback"),
            ("http://169.254.169.254/latest/meta-data", "which is link-local"),
            ("http://167772161/", "which is private"), // 10.0.0.1 as a number
        ];
        for (url, reason) in refused {
            let said = check(url);
            assert!(said.contains(reason), "{url}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn nobody_is_asked_anonymously() {
        let fetcher = fetcher(None);
        let hosts = policy(&["example.org"], &["127.0.0.1", "8.8.8.8"]);
        let check = |url: &str| fetcher.admit(&parse_url(url).expect(url), &hosts).map(|_| ());
        assert!(check("http://127.0.0.1:99/").is_ok());
        for url in ["https://example.org/", "http://8.8.8.8/"] {
            let error = check(url).expect_err(url);
            assert!(matches!(error, FetchError::NoContact { .. }));
            assert!(error.to_string().contains("TENDERWATCH_CONTACT"), "{error}");
        }
        let limits = Limits { answer: 1, document: 1, package_ratio: 1, package_members: 1 };
        let bad = Fetcher::new(Some("a\nb".into()), &fetcher.politeness, &limits, std::env::temp_dir());
        assert!(matches!(bad, Err(FetchError::BadContact { .. })));
    }
}
