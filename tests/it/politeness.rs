//! The fetch gate against a real server on loopback: what is sent, when, how often, and what is refused.
//!
//! The server is raw TCP, so that it can be late, lie about sizes and hang up. Exact spacing is proven on a paused
//! clock in `src/fetch/gate.rs`; here delays are tiny and only lower bounds are asserted.

mod bodies;
mod many;
mod refusals;
mod robots;
mod session;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenderwatch::config::{Config, Limits, Overrides, Politeness};
use tenderwatch::fetch::{FetchError, Fetched, Fetcher, HostPolicy, Request, Robots, Validators};
use tenderwatch::ids::RawId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Pieces with the pause before each, then the connection is closed.
struct Reply(Vec<(Duration, Vec<u8>)>);

/// The pause before a piece that stands for a reset of the connection.
const RESET: Duration = Duration::MAX;

impl Reply {
    fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![(Duration::ZERO, bytes.into())])
    }

    fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        Self::raw([head.as_bytes(), body].concat())
    }

    fn ok(body: &str) -> Self {
        Self::new("200 OK", &[], body.as_bytes())
    }

    fn to(location: &str) -> Self {
        Self::new("302 Found", &[("Location", location)], b"")
    }
}

struct Server {
    port: u16,
    /// Most requests that were being answered at once.
    most: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// `answer` gets the request and how many came before it.
    async fn start(answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer, most) = (Arc::clone(&seen), Arc::new(answer), Arc::<AtomicUsize>::default());
        let (now, peak) = (Arc::<AtomicUsize>::default(), Arc::clone(&most));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let work = serve(stream, Arc::clone(&log), Arc::clone(&answer));
                let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                tokio::spawn(async move {
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let last = work.await;
                    now.fetch_sub(1, Ordering::SeqCst); // before the client can know that it is over
                    if let Some((mut stream, piece)) = last {
                        let _ = stream.write_all(&piece).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self { port, most, seen }
    }

    /// Answers with these one after the other, then with the last for ever.
    async fn script(replies: Vec<fn() -> Reply>) -> Self {
        Self::start(move |_, n| replies[n.min(replies.len() - 1)]()).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

/// Reads a request and answers it, all but the last piece.
async fn serve<F: Fn(&Seen, usize) -> Reply>(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<F>,
) -> Option<(TcpStream, Vec<u8>)> {
    let at = Instant::now();
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length && stream.read_buf(&mut body).await.unwrap_or(0) > 0 {}
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let seen = Seen { at, method, path, headers, body };
    let before = {
        let mut log = log.lock().expect("no panic");
        log.push(seen.clone());
        log.len() - 1
    };
    let mut pieces = answer(&seen, before).0;
    let (pause, last) = pieces.pop()?;
    for (pause, piece) in pieces {
        tokio::time::sleep(pause).await;
        stream.write_all(&piece).await.ok()?;
    }
    if pause == RESET {
        tokio::time::sleep(Duration::from_millis(50)).await; // what was written is read
        stream.set_zero_linger().expect("a socket");
        return None;
    }
    tokio::time::sleep(pause).await;
    Some((stream, last))
}

struct Bench {
    fetcher: Arc<Fetcher>,
    folder: TempDir,
}

fn defaults() -> (Politeness, Limits) {
    let config = Config::load(None, &Overrides::default()).expect("the shipped defaults");
    let politeness = Politeness {
        min_delay: Duration::from_millis(1),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        retries: 2,
        backoff: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        retry_after_max: Duration::from_secs(3),
    };
    (politeness, Limits { answer: 4 << 20, ..config.limits })
}

fn bench_with(change: impl FnOnce(&mut Politeness, &mut Limits)) -> Bench {
    let (mut politeness, mut limits) = defaults();
    change(&mut politeness, &mut limits);
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("bodies");
    let contact = Some("https://example.org/tenders".to_owned());
    Bench { fetcher: Arc::new(Fetcher::new(contact, &politeness, &limits, path).expect("a contact")), folder }
}

fn bench() -> Bench {
    bench_with(|_, _| {})
}

/// Loopback is named as an exception, by address only; robots.txt has tests of its own.
fn policy() -> HostPolicy {
    HostPolicy {
        delay: Duration::from_millis(2),
        allow_private: vec!["127.0.0.1".into()],
        robots: Robots::Override,
        ..HostPolicy::default()
    }
}

async fn get(bench: &Bench, url: impl Into<String>) -> Result<Fetched, FetchError> {
    bench.fetcher.fetch(&Request::get(url), &policy()).await
}

fn text(fetched: Fetched) -> String {
    let bytes = fetched.body.into_bytes(u64::MAX).expect("reads").expect("fits");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test]
async fn requests_say_who_asks_and_carry_no_more_than_they_should() {
    let server = Server::start(|_, _| Reply::ok("hello")).await;
    let bench = bench();
    let mut request = Request::get(server.url("/a?b=c#part"));
    request.headers = vec![("Accept".into(), "application/xml".into())];
    let fetched = bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
    assert_eq!((fetched.status, fetched.requests, fetched.body.len()), (200, 1, 5));
    assert_eq!(fetched.body.id(), RawId::of(b"hello"));
    assert_eq!(text(fetched), "hello");
    let seen = server.seen();
    let headers = &seen[0].headers;
    let agent =
        format!("Mozilla/5.0 (compatible; tenderwatch/{}; +https://example.org/tenders)", env!("CARGO_PKG_VERSION"));
    assert_eq!(headers["user-agent"], agent);
    assert_eq!(headers["accept"], "application/xml");
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/a?b=c"));
    for name in ["cookie", "referer", "if-none-match", "if-modified-since", "authorization"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    for coding in ["gzip", "br", "zstd", "deflate"] {
        assert!(headers["accept-encoding"].contains(coding), "{coding}");
    }
}

#[tokio::test]
async fn a_search_is_a_post_that_is_tried_again_with_the_same_body() {
    let server = Server::script(vec![|| Reply::new("502 Bad Gateway", &[], b""), || Reply::ok("[]")]).await;
    let bench = bench();
    let request = Request::post(server.url("/search"), serde_json::json!({"query": "radar", "limit": 1}));
    let fetched = bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
    assert_eq!(fetched.requests, 2);
    for seen in server.seen() {
        assert_eq!((seen.method.as_str(), seen.headers["content-type"].as_str()), ("POST", "application/json"));
        assert_eq!(seen.body, br#"{"query":"radar","limit":1}"#);
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(|seen, _| match seen.headers.get("if-none-match").map(String::as_str) {
        Some("\"v1\"") => Reply::raw("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n"),
        _ => Reply::new("200 OK", &[("ETag", "\"v1\""), ("Last-Modified", "Tue, 01 Sep 2026 10:00:00 GMT")], b"x"),
    })
    .await;
    let bench = bench();
    let first = get(&bench, server.url("/")).await.expect("an answer");
    let validators = first.validators();
    assert_eq!(
        validators,
        Some(Validators { etag: Some("\"v1\"".into()), last_modified: Some("Tue, 01 Sep 2026 10:00:00 GMT".into()) })
    );
    let request = Request { validators, ..Request::get(server.url("/")) };
    let second = bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
    assert_eq!((second.status, second.body.is_empty(), second.requests), (304, true, 1));
    assert_eq!(server.seen()[1].headers["if-modified-since"], "Tue, 01 Sep 2026 10:00:00 GMT");
}

/// Five tasks, so many requests each.
async fn storm(server: &Server, bench: &Bench, policy: &HostPolicy, each: usize) {
    let tasks: Vec<_> = (0..5)
        .map(|task| {
            let (fetcher, policy) = (Arc::clone(&bench.fetcher), policy.clone());
            let urls: Vec<_> = (0..each).map(|n| server.url(&format!("/{task}/{n}"))).collect();
            tokio::spawn(async move {
                for url in urls {
                    fetcher.fetch(&Request::get(url), &policy).await.expect("an answer");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_keep_their_distance_whoever_asks() {
    const DELAY: Duration = Duration::from_millis(100);
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let bench = bench();
    let policy = HostPolicy { delay: DELAY, jitter: 0.2, concurrency: 3, ..policy() };
    storm(&server, &bench, &policy, 6).await;
    let mut starts: Vec<_> = server.seen().iter().map(|seen| seen.at).collect();
    starts.sort();
    assert_eq!(starts.len(), 30);
    // a busy machine may let the server see one connection late, which is not our doing
    let slack = Duration::from_millis(10);
    let close: Vec<_> = starts.windows(2).map(|two| two[1] - two[0]).filter(|gap| *gap + slack < DELAY).collect();
    assert!(close.is_empty(), "0 violations, found {close:?}");
    let receipts = bench.fetcher.receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].host, format!("127.0.0.1:{}", server.port));
    assert_eq!((receipts[0].requests, receipts[0].limit.as_str()), (30, "1 request per 100 ms, 3 at a time"));
    assert!(receipts[0].min_gap_ms.is_some_and(|gap| gap >= 100), "{receipts:?}");
    assert_eq!((policy.tally.requests(), policy.tally.bytes()), (30, 30));
    assert!(policy.tally.waited_ms() > 1000);
}

#[tokio::test]
async fn no_more_are_in_flight_than_agreed() {
    let slow = || Reply(vec![(Duration::from_millis(30), Reply::ok("x").0.remove(0).1)]);
    let server = Server::start(move |_, _| slow()).await;
    let bench = bench();
    storm(&server, &bench, &HostPolicy { concurrency: 2, ..policy() }, 6).await;
    assert_eq!(server.most.load(Ordering::SeqCst), 2);
    assert_eq!(bench.fetcher.receipts()[0].requests, 30);
}

#[tokio::test]
async fn an_overloaded_host_is_left_alone_for_as_long_as_it_says() {
    let server = Server::start(|seen, n| match (n, seen.path.as_str()) {
        (0, _) => Reply::new("429 Too Many Requests", &[("Retry-After", "1")], b"<html>slow down</html>"),
        _ => Reply::ok("fine"),
    })
    .await;
    let bench = bench();
    let first = get(&bench, server.url("/first"));
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        get(&bench, server.url("/second")).await
    };
    let (first, second) = tokio::join!(first, second);
    let (first, second) = (first.expect("an answer"), second.expect("an answer"));
    assert_eq!((first.requests, second.requests), (2, 1));
    assert!(first.waited >= Duration::from_millis(900), "{:?}", first.waited);
    let seen = server.seen();
    assert!(seen[1..].iter().all(|later| later.at - seen[0].at >= Duration::from_millis(990)), "everyone waits");
}

#[tokio::test]
async fn giving_up_does_not_mean_asking_again_at_once() {
    let busy: fn() -> Reply = || Reply::new("503 Service Unavailable", &[("Retry-After", "1")], b"");
    let server = Server::script(vec![busy, || Reply::ok("fine")]).await;
    let bench = bench_with(|politeness, _| politeness.retries = 0);
    let error = get(&bench, server.url("/one")).await.expect_err("no more tries");
    assert!(matches!(error, FetchError::Status { status: 503, tries: 1, .. }), "{error}");
    assert!(get(&bench, server.url("/two")).await.expect("an answer").waited >= Duration::from_millis(900));
}

#[tokio::test]
async fn failures_that_pass_are_survived() {
    let bench = bench();
    let short: fn() -> Reply = || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let cut_chunk: fn() -> Reply = || Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal");
    let no_last_chunk: fn() -> Reply =
        || Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    let half_gzip: fn() -> Reply = || {
        let whole = gzip(&[b'x'; 1000]);
        Reply::new("200 OK", &[("Content-Encoding", "gzip")], &whole[..whole.len() / 2])
    };
    let hang_up: fn() -> Reply = || Reply::raw("");
    let no_http: fn() -> Reply = || Reply::raw("220 mail.example.org ESMTP\r\n");
    let busy: fn() -> Reply = || Reply::new("503 Service Unavailable", &[], b"");
    let now: fn() -> Reply = || Reply::new("503 Service Unavailable", &[("Retry-After", "-3")], b"");
    let past: fn() -> Reply =
        || Reply::new("429 Too Many Requests", &[("Retry-After", "Sunday, 06-Nov-94 08:49:37 GMT")], b"");
    let fine: fn() -> Reply = || Reply::ok("whole");
    for (name, failure) in [
        ("short", short),
        ("cut chunk", cut_chunk),
        ("no last chunk", no_last_chunk),
        ("half gzip", half_gzip),
        ("hang up", hang_up),
        ("no HTTP", no_http),
        ("503", busy),
        ("503 now", now),
        ("429 past", past),
    ] {
        let server = Server::script(vec![failure, failure, fine]).await;
        let fetched = get(&bench, server.url("/")).await.expect(name);
        assert_eq!((fetched.status, fetched.requests), (200, 3), "{name}");
        assert_eq!(text(fetched), "whole", "{name}");
    }
}

#[tokio::test]
async fn failures_that_do_not_pass_name_address_and_cause() {
    let bench = bench();
    let server = Server::script(vec![|| Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")]).await;
    let error = get(&bench, server.url("/cut?api_key=s3cret")).await.expect_err("for ever cut").to_string();
    assert_eq!(server.seen().len(), 3, "one try and two more");
    assert!(error.starts_with(&format!("fetch {}: ", server.url("/cut?api_key=***"))), "{error}");
    assert!(error.contains("end of file before message length reached"), "{error}");
    assert!(error.ends_with("(tried 3 times)"), "{error}");

    let server = Server::script(vec![|| Reply::new("500 Internal Server Error", &[], b"")]).await;
    let error = get(&bench, server.url("/")).await.expect_err("for ever broken");
    assert!(matches!(error, FetchError::Status { status: 500, tries: 3, .. }), "{error}");

    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = get(&bench, format!("http://{closed}/")).await.expect_err("nobody there").to_string();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_host_that_wants_to_be_left_alone_for_long_is() {
    let server = Server::script(vec![|| Reply::new("503 Service Unavailable", &[("Retry-After", "3600")], b"")]).await;
    let bench = bench();
    for _ in 0..3 {
        let error = get(&bench, server.url("/")).await.expect_err("closed");
        assert!(matches!(error, FetchError::RetryAfterTooLong { .. }), "{error}");
        assert!(error.to_string().contains("more than the 3 s we wait"), "{error}");
    }
    assert_eq!(server.seen().len(), 1, "asked once, then left alone");
}

#[tokio::test]
async fn other_statuses_are_answers() {
    let bench = bench();
    let wall: fn() -> Reply = || Reply::new("202 Accepted", &[("x-amzn-waf-action", "challenge")], b"");
    let server = Server::script(vec![wall]).await;
    let fetched = get(&bench, server.url("/packages/daily/202600136")).await.expect("an answer");
    assert_eq!((fetched.status, fetched.body.is_empty()), (202, true));
    assert_eq!(fetched.header("x-amzn-waf-action"), Some("challenge"));

    let server = Server::script(vec![|| Reply::new("404 Not Found", &[], b"none")]).await;
    let fetched = get(&bench, server.url("/")).await.expect("an answer");
    assert_eq!((fetched.status, fetched.requests), (404, 1));

    let server = Server::script(vec![|| Reply::new("503 Service Unavailable", &[], b"blocked")]).await;
    let request = Request { accept: vec![503], ..Request::get(server.url("/")) };
    let fetched = bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
    assert_eq!((fetched.status, fetched.requests), (503, 1));
}

#[tokio::test]
async fn answers_are_bounded() {
    let bench = bench();
    let too_large = |error: &FetchError, limit: u64| {
        assert!(matches!(error, FetchError::TooLarge { limit: own, .. } if *own == limit), "{error}");
    };
    // says so
    let server = Server::script(vec![|| Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx")]).await;
    too_large(&get(&bench, server.url("/")).await.expect_err("too large"), 4 << 20);
    assert_eq!(server.seen().len(), 1, "not tried again");
    // does not say so
    let endless: fn() -> Reply = || {
        let mut pieces = vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec())];
        pieces.extend((0..100).map(|_| (Duration::ZERO, vec![b'x'; 64 << 10])));
        Reply(pieces)
    };
    let server = Server::script(vec![endless]).await;
    too_large(&get(&bench, server.url("/")).await.expect_err("too large"), 4 << 20);
    // a bound of its own
    let server = Server::script(vec![|| Reply::ok("12345")]).await;
    let request = |max| Request { max_bytes: Some(max), ..Request::get(server.url("/")) };
    assert!(bench.fetcher.fetch(&request(5), &policy()).await.is_ok());
    too_large(&bench.fetcher.fetch(&request(4), &policy()).await.expect_err("too large"), 4);
    // 64 MiB of zeros in 64 KiB
    let bomb: fn() -> Reply = || Reply::new("200 OK", &[("Content-Encoding", "gzip")], &gzip(&vec![0; 64 << 20]));
    let server = Server::script(vec![bomb]).await;
    too_large(&get(&bench, server.url("/")).await.expect_err("too large"), 4 << 20);
}

#[tokio::test]
async fn large_bodies_wait_on_disk_and_leave_nothing_there() {
    let server = Server::start(|_, _| {
        let body: Vec<u8> = (0..3u32 << 20).map(|n| n.to_le_bytes()[1]).collect();
        Reply::new("200 OK", &[("Content-Encoding", "gzip"), ("Content-Type", "text/csv")], &gzip(&body))
    })
    .await;
    let bench = bench();
    let mut fetched = get(&bench, server.url("/")).await.expect("an answer");
    assert_eq!((fetched.body.len(), fetched.header("content-type")), (3 << 20, Some("text/csv")));
    let mut bytes = Vec::new();
    fetched.body.reader().expect("rewinds").read_to_end(&mut bytes).expect("reads");
    assert_eq!((bytes.len(), fetched.body.id()), (3 << 20, RawId::of(&bytes)));
    drop(fetched);
    let folder = bench.folder.path().join("bodies");
    assert_eq!(std::fs::read_dir(folder).expect("it was needed").count(), 0);
}

#[tokio::test]
async fn empty_answers_are_empty_however_they_are_coded() {
    let server = Server::script(vec![|| Reply::new("200 OK", &[("Content-Encoding", "gzip")], b"")]).await;
    let fetched = get(&bench(), server.url("/")).await.expect("an answer");
    assert!(fetched.body.is_empty());
}

#[tokio::test]
async fn slow_answers_end() {
    let drip: fn() -> Reply = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
        Reply(vec![(Duration::ZERO, head), (Duration::ZERO, vec![b'x']), (Duration::from_secs(30), vec![b'x'])])
    };
    let server = Server::script(vec![drip]).await;
    let bench = bench_with(|politeness, _| {
        politeness.idle_timeout = Duration::from_millis(150);
        politeness.retries = 1;
    });
    let error = get(&bench, server.url("/")).await.expect_err("idle");
    assert!(matches!(error, FetchError::Timeout { phase: "waiting for the next byte", tries: 2, .. }), "{error}");

    // never idle, never done
    let steady: fn() -> Reply = || {
        let mut pieces = vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n".to_vec())];
        pieces.extend((0..100).map(|_| (Duration::from_millis(40), vec![b'x'])));
        Reply(pieces)
    };
    let server = Server::script(vec![steady]).await;
    let bench = bench_with(|politeness, _| {
        politeness.timeout = Duration::from_millis(400);
        politeness.retries = 0;
    });
    let error = get(&bench, server.url("/")).await.expect_err("too slow");
    assert!(matches!(error, FetchError::Timeout { phase: "the answer", .. }), "{error}");

    // large, and coming
    let large: fn() -> Reply = || {
        let mut pieces = vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\nContent-Length: 655360\r\n\r\n".to_vec())];
        pieces.extend((0..10).map(|_| (Duration::from_millis(60), vec![b'x'; 65_536])));
        Reply(pieces)
    };
    let server = Server::script(vec![large]).await;
    let bench = bench_with(|politeness, _| {
        politeness.timeout = Duration::from_millis(400);
        politeness.retries = 0;
    });
    let whole = get(&bench, server.url("/")).await.expect("it takes longer, but it comes");
    assert_eq!(whole.body.len(), 655_360);

    // not even a head
    let silent: fn() -> Reply = || Reply(vec![(Duration::from_secs(30), Vec::new())]);
    let server = Server::script(vec![silent]).await;
    let bench = bench_with(|politeness, _| {
        politeness.idle_timeout = Duration::from_millis(100);
        politeness.connect_timeout = Duration::from_millis(100);
        politeness.retries = 0;
    });
    let error = get(&bench, server.url("/")).await.expect_err("silent");
    assert!(matches!(error, FetchError::Timeout { phase: "waiting for the answer", .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_to_named_hosts_only() {
    let target = Server::start(|_, _| Reply::ok("there")).await;
    let there = target.url("/there");
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/other" => Reply::to(&there),
        "/here" => Reply::to("there"),
        "/there" => Reply::ok("here"),
        "/stranger" => Reply::to("https://example.com/?token=abc"),
        "/name" => Reply::to("http://localhost/"),
        "/literal" => Reply::to("http://127.0.0.2/"),
        "/mapped" => Reply::to("http://[::ffff:127.0.0.1]/"),
        "/number" => Reply::to("http://2130706434/"),
        "/loop" => Reply::to("/pool"),
        "/pool" => Reply::to("/loop"),
        "/file" => Reply::to("file:///etc/passwd"),
        "/user" => Reply::to("http://me:pw@127.0.0.1/"),
        path => Reply::to(&format!("{path}x")),
    })
    .await;
    let bench = bench();
    // named as hosts that may be asked, but not as exceptions from the guard
    let policy =
        HostPolicy { allow_hosts: ["localhost", "127.0.0.2", "::ffff:7f00:1"].map(Into::into).into(), ..policy() };
    let ask = async |path: &str| bench.fetcher.fetch(&Request::get(server.url(path)), &policy).await;

    let fetched = ask("/other").await.expect("an answer");
    assert_eq!((fetched.url.as_str(), fetched.requests), (target.url("/there").as_str(), 2));
    assert_eq!(text(fetched), "there");
    assert_eq!(text(ask("/here").await.expect("an answer")), "here");
    assert_eq!(bench.fetcher.receipts().len(), 2, "each hop passes the gate of its own host");

    let error = ask("/stranger").await.expect_err("a stranger");
    assert!(matches!(&error, FetchError::NotAllowedHost { host, .. } if host == "example.com"), "{error}");
    assert!(!error.to_string().contains("abc"), "{error}");
    for path in ["/name", "/literal", "/mapped", "/number"] {
        let error = ask(path).await.expect_err("not public");
        assert!(matches!(&error, FetchError::PrivateAddress { kind: "loopback", .. }), "{error}");
    }
    let error = ask("/loop").await.expect_err("a circle").to_string();
    assert!(error.contains("circle") && error.contains("/loop → ") && error.contains("/pool → "), "{error}");
    let error = ask("/x").await.expect_err("too often").to_string();
    assert!(error.contains("too often"), "{error}");
    assert!(matches!(ask("/file").await.expect_err("no file"), FetchError::BadUrl { .. }));
    let error = ask("/user").await.expect_err("no user").to_string();
    assert!(error.contains("user name") && !error.contains("pw"), "{error}");
}

#[tokio::test]
async fn nobody_gets_at_our_own_network_through_a_name() {
    let bench = bench();
    let policy =
        HostPolicy { allow_hosts: vec!["localhost".into()], robots: Robots::Override, ..HostPolicy::default() };
    let error = bench.fetcher.fetch(&Request::get("http://localhost/"), &policy).await.expect_err("loopback");
    assert!(matches!(&error, FetchError::PrivateAddress { host, .. } if host == "localhost"), "{error}");
    assert_eq!(bench.fetcher.receipts()[0].requests, 1, "refused once, not tried again");

    let server = Server::start(|_, _| Reply::ok("own")).await;
    let by_name = format!("http://localhost:{}/", server.port);
    let named = HostPolicy { allow_private: vec![format!("localhost:{}", server.port)], ..policy.clone() };
    assert!(bench.fetcher.fetch(&Request::get(&by_name), &named).await.is_ok());
    // the exception of one source, and its open connections, are not another's
    let error = bench.fetcher.fetch(&Request::get(&by_name), &policy).await.expect_err("not an exception");
    assert!(matches!(error, FetchError::BadUrl { .. }), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn without_a_contact_only_loopback_is_asked() {
    let server = Server::start(|_, _| Reply::ok("hi")).await;
    let (politeness, limits) = defaults();
    let folder = tempfile::tempdir().expect("a folder");
    let fetcher = Fetcher::new(None, &politeness, &limits, folder.path().into()).expect("no contact is fine");
    let either = HostPolicy { allow_hosts: vec!["ted.europa.eu".into()], ..policy() };
    let live = Request::get("https://ted.europa.eu/packages/daily/202600136");
    let error = fetcher.fetch(&live, &either).await.expect_err("nobody asks anonymously");
    assert!(matches!(error, FetchError::NoContact { .. }));
    let said = error.to_string();
    assert!(said.contains("`contact` in config.toml") && said.contains("TENDERWATCH_CONTACT"), "{said}");
    assert_eq!(fetcher.receipts(), [], "nothing was sent");
    let answer = fetcher.fetch(&Request::get(server.url("/")), &either).await.expect("loopback");
    assert_eq!(text(answer), "hi");
    assert!(server.seen()[0].headers["user-agent"].ends_with("; +demo)"));
}

#[tokio::test]
async fn addresses_with_a_password_are_refused_without_saying_it() {
    let error = get(&bench(), "http://me:s3cret@127.0.0.1/").await.expect_err("no user").to_string();
    assert!(error.contains("user name or password") && !error.contains("s3cret"), "{error}");
    let error = get(&bench(), "http://me:s3cret@/").await.expect_err("no host").to_string();
    assert!(!error.contains("s3cret"), "{error}");
}
