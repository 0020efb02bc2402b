//! The politeness proof: many hosts with mixed limits are crawled side by side, the real way, and the publisher's own
//! clock says how far apart the requests arrived. `tests/it` runs a small sample that asserts the gaps only,
//! `cargo test --release --test long -- polite` the large one, with the rates.
//!
//! A host is a port of 127.0.0.1: gates are kept by host and port.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tenderwatch::config::{Config, Overrides};
use tenderwatch::ids::SourceId;
use tenderwatch::ingest::{self, CrawlOptions, Workspace};
use tenderwatch::records::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Between two requests, in milliseconds: from 20 requests a second to one.
const DELAYS: [u64; 8] = [50, 60, 80, 100, 150, 250, 500, 1000];
/// The share of the delay that is added at random, at most.
const JITTERS: [f64; 4] = [0.0, 0.25, 0.1, 0.5];
/// What an answer takes, in milliseconds.
const LAGS: [u64; 3] = [0, 5, 20];

/// One host: its limit, and what its own clock saw.
pub struct Host {
    delay: Duration,
    /// Up to this share of the delay is added at random.
    pub jitter: f64,
    lag: Duration,
    pages: u64,
    /// When the first byte of each request arrived, robots.txt included.
    seen: Arc<Mutex<Vec<Instant>>>,
    port: u16,
}

impl Host {
    fn new(nth: usize, wanted: Duration) -> Self {
        let delay = Duration::from_millis(DELAYS[nth % 8]);
        let jitter = JITTERS[(nth / 8 + nth) % 4];
        let lag = Duration::from_millis(LAGS[nth % 3]);
        let mut host = Self { delay, jitter, lag, pages: 0, seen: Arc::default(), port: 0 };
        host.pages = u64::try_from(wanted.as_nanos() / host.period().as_nanos()).expect("few").max(2);
        host
    }

    /// The delay and the mean of the jitter, which the gate draws evenly between nothing and its share of the delay.
    fn period(&self) -> Duration {
        self.delay.mul_f64(1.0 + self.jitter / 2.0)
    }

    fn seen(&self) -> Vec<Instant> {
        let mut seen = self.seen.lock().expect("no panic").clone();
        seen.sort();
        seen
    }

    /// Requests.
    pub fn requests(&self) -> usize {
        self.seen().len()
    }

    /// Gaps below the delay.
    pub fn violations(&self) -> Vec<Duration> {
        self.seen().windows(2).map(|two| two[1] - two[0]).filter(|gap| *gap < self.delay).collect()
    }

    /// The rate between first and last request, as a share of one request per delay and mean jitter.
    pub fn share(&self) -> f64 {
        let seen = self.seen();
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return 0.0 };
        let gaps = u32::try_from(seen.len() - 1).expect("few");
        (self.period() * gaps).as_secs_f64() / (*last - *first).as_secs_f64()
    }

    /// One line.
    pub fn line(&self) -> String {
        let gaps: Vec<Duration> = self.seen().windows(2).map(|two| two[1] - two[0]).collect();
        format!(
            "{:>4} ms, jitter {:.2}, answers in {:>2} ms: {:>4} requests, gaps of {:.1} to {:.1} ms, {} violations, {:.1} % of the limit",
            self.delay.as_millis(),
            self.jitter,
            self.lag.as_millis(),
            self.requests(),
            gaps.iter().min().map_or(0.0, |gap| gap.as_secs_f64() * 1000.0),
            gaps.iter().max().map_or(0.0, |gap| gap.as_secs_f64() * 1000.0),
            self.violations().len(),
            self.share() * 100.0
        )
    }

    fn definition(&self) -> String {
        format!(
            r#"name = "host {port}"
country = "FR"
homepage = "http://127.0.0.1:{port}/"
languages = ["en"]
status = "active"
evidence = "seen"

[access]
licence = "none"
attribution = "nobody"
hosts = ["127.0.0.1"]
private_hosts = ["127.0.0.1"]
delay = "{delay}ms"
jitter = {jitter:?}

[plan]
kind = "once"
url = "http://127.0.0.1:{port}/list"

[page]
kind = "page"
param = "query.page"
rows = "items[*]"
total_pages = "pages"
max_pages = 100000

[document]
format = "json"
rows = "items[*]"

[sniff]
require = ["items[*].port{port}"]

[record]
zone = "UTC"

[map]
id = "id"
title = "title"
type = {{ const = "competition" }}
"#,
            port = self.port,
            delay = self.delay.as_millis(),
            jitter = self.jitter,
        )
    }
}

/// Crawls so many hosts, each for about so long; the hosts with what they saw.
pub fn prove(hosts: usize, each: Duration) -> Vec<Host> {
    let mut hosts: Vec<Host> = (0..hosts).map(|nth| Host::new(nth, each)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let sources = folder.path().join("own/sources");
    fs::create_dir_all(&sources).expect("a folder");
    let publisher =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    for host in &mut hosts {
        let listener = publisher.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        host.port = listener.local_addr().expect("an address").port();
        fs::write(sources.join(format!("host-{}.toml", host.port)), host.definition()).expect("written");
        publisher.spawn(answer_all(listener, Arc::clone(&host.seen), host.port, host.pages, host.lag));
    }
    crawl(&hosts, folder.path());
    publisher.shutdown_background();
    hosts
}

fn crawl(hosts: &[Host], folder: &Path) {
    let quoted = |path: &str| toml::Value::String(folder.join(path).display().to_string());
    let mut text = String::from("contact = \"ops@example.org\"\n[paths]\n");
    writeln!(text, "data = {}\ndefinitions = {}", quoted("data"), quoted("own")).expect("memory");
    let config = folder.join("config.toml");
    fs::write(&config, text).expect("written");
    let config = Config::load(Some(&config), &Overrides::default()).expect("valid");
    let workspace = Workspace::load(config).unwrap_or_else(|errors| panic!("{errors:?}"));
    let sources: Vec<SourceId> = hosts.iter().map(|host| format!("host-{}", host.port).as_str().into()).collect();
    let options = CrawlOptions { sources, ..CrawlOptions::default() };
    let now = "2026-11-22T09:00:00Z".parse().expect("a time");
    let receipt = ingest::crawl(&workspace, &options, "crawl", now, &|_, _| {}).expect("it runs to its end");
    for (host, source) in hosts.iter().zip(&receipt.sources) {
        assert_eq!((source.outcome, source.notices.new), (Outcome::Complete, host.pages * 3), "{source:?}");
        assert_eq!(source.requests, host.pages + 1, "robots.txt and every page once");
        assert_eq!(host.requests() as u64, source.requests);
    }
}

async fn answer_all(listener: TcpListener, seen: Arc<Mutex<Vec<Instant>>>, port: u16, pages: u64, lag: Duration) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a socket");
        tokio::spawn(answer(stream, Arc::clone(&seen), port, pages, lag));
    }
}

/// Answers on one connection for as long as the other side likes.
async fn answer(mut stream: TcpStream, seen: Arc<Mutex<Vec<Instant>>>, port: u16, pages: u64, lag: Duration) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        while !bytes.ends_with(b"\r\n\r\n") {
            let first = bytes.is_empty();
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            if first {
                seen.lock().expect("no panic").push(Instant::now());
            }
        }
        let head = String::from_utf8_lossy(&bytes);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let body = match path.split_once("?page=") {
            None => "User-agent: *\nAllow: /\n".to_owned(),
            Some((_, page)) => {
                let items = (1..=3).map(|row| {
                    serde_json::json!({"id": format!("{page}-{row}"), "title": format!("Radar {page}"), format!("port{port}"): 1})
                });
                serde_json::json!({"pages": pages, "items": items.collect::<Vec<_>>()}).to_string()
            }
        };
        tokio::time::sleep(lag).await;
        let kind = if path.contains("?page=") { "application/json" } else { "text/plain" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}
