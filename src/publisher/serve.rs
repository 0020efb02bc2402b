//! The publisher behind HTTP: packages, Search API, single notices, and faults planted on purpose.
//!
//! Faults and slowness that a real network has (a connection that ends early) are made where they happen, at the
//! socket; the answers above it are honest.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::serve::{IncomingStream, Listener};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::calendar::OjIssue;
use super::plan::{Gazette, Plan};
use super::{api, package};

/// What goes wrong on purpose. Packages are named by their position among the plan's issues, from 0; unless said
/// otherwise a fault happens on the first request and heals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// This package answers `429` with `Retry-After: 1`.
    pub throttled: Option<usize>,
    /// This package announces its length and breaks off half-way.
    pub truncated: Option<usize>,
    /// This package answers `503`.
    pub unavailable: Option<usize>,
    /// This package answers `202` with an empty body and `x-amzn-waf-action: challenge`.
    pub challenged: Option<usize>,
    /// This package always lacks one notice that the Search API shows.
    pub omitted: Option<usize>,
    /// This package lacks its last notice at first and is complete from the second download on.
    pub replaced: Option<usize>,
    /// This package is never there, though later ones are.
    pub missing: Option<usize>,
    /// The first search answers `429` in HTML, without `Retry-After`.
    pub search_throttled: bool,
}

impl Faults {
    /// What `demo` shows: one throttled and one truncated download.
    pub fn demo() -> Self {
        Self { throttled: Some(1), truncated: Some(2), ..Self::default() }
    }
}

/// How to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Challenge every client whose user agent is not `Mozilla/5.0 (compatible; …)`, except on the API.
    pub picky: bool,
    /// Wait this long after every few kilobytes, so that there is time to interrupt.
    pub chunk_delay: Option<Duration>,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
}

impl Options {
    /// What `demo` uses.
    pub fn demo() -> Self {
        Self { faults: Faults::demo(), picky: true, ..Self::default() }
    }
}

/// One request as the publisher saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// When it arrived.
    pub at: Timestamp,
    /// `User-Agent`, if sent.
    pub user_agent: Option<String>,
    /// The status it was answered with.
    pub status: u16,
}

/// A running publisher; stops when dropped.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    gazette: Gazette,
    options: Options,
    base_url: String,
    log: Mutex<Vec<Seen>>,
    healed: Mutex<HashSet<&'static str>>,
    stopped: Arc<AtomicBool>,
}

/// Starts serving a plan on loopback.
///
/// # Errors
/// When the port cannot be bound.
pub async fn serve(plan: &Plan, options: Options) -> io::Result<Publisher> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let address = listener.local_addr()?;
    let stopped = Arc::new(AtomicBool::new(false));
    let wires = Wires { listener, delay: options.chunk_delay, stopped: Arc::clone(&stopped) };
    let shared = Arc::new(Shared {
        gazette: plan.gazette(),
        options,
        base_url: format!("http://{address}"),
        log: Mutex::default(),
        healed: Mutex::default(),
        stopped,
    });
    let router = Router::new()
        .route("/packages/daily/{number}", get(daily_package))
        .route("/v3/notices/search", post(search))
        .route("/{language}/notice/{id}/xml", get(single_notice))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /search\n" }))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), record))
        .with_state(Arc::clone(&shared));
    let (shutdown, signal) = oneshot::channel::<()>();
    let server = axum::serve(wires, router.into_make_service_with_connect_info::<Budget>())
        .with_graceful_shutdown(async { drop(signal.await) });
    let task = tokio::spawn(async { drop(server.await) });
    Ok(Publisher { shared, address, shutdown: Some(shutdown), task: Some(task) })
}

impl Publisher {
    /// `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it publishes.
    pub fn gazette(&self) -> &Gazette {
        &self.shared.gazette
    }

    /// Every request so far, in order of answer.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.log).clone()
    }

    /// Ends open connections and stops.
    pub async fn stop(mut self) {
        self.end();
        if let Some(task) = self.task.take() {
            drop(task.await);
        }
    }

    /// Serves until the signal comes.
    pub async fn run_until(self, signal: impl Future<Output = ()>) {
        signal.await;
        self.stop().await;
    }

    fn end(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(shutdown) = self.shutdown.take() {
            // the server may be gone already
            shutdown.send(()).ok();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.end();
    }
}

/// A poisoned log is still a log.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Whether this fault is planted here and has not happened yet; from now on it has.
    fn strikes(&self, name: &'static str, planted: Option<usize>, position: usize) -> bool {
        planted == Some(position) && lock(&self.healed).insert(name)
    }
}

async fn record(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let user_agent = agent(request.headers());
    let at = Timestamp::now();
    let welcome = path.starts_with("/v3/")
        || path == "/robots.txt"
        || user_agent.as_ref().is_some_and(|agent| agent.starts_with("Mozilla/5.0 (compatible; "));
    let response = if shared.options.picky && !welcome { challenge() } else { next.run(request).await };
    let status = response.status().as_u16();
    lock(&shared.log).push(Seen { method, path, at, user_agent, status });
    response
}

fn agent(headers: &HeaderMap) -> Option<String> {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

fn challenge() -> Response {
    (StatusCode::ACCEPTED, [("x-amzn-waf-action", "challenge")]).into_response()
}

async fn daily_package(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(budget): ConnectInfo<Budget>,
    method: Method,
    Path(number): Path<String>,
) -> Response {
    let Some((position, issue)) = find_issue(&shared.gazette, &number) else {
        return (StatusCode::NOT_FOUND, "no such package\n").into_response();
    };
    let faults = &shared.options.faults;
    if faults.missing == Some(position) {
        return (StatusCode::NOT_FOUND, "no such package\n").into_response();
    }
    let mut lacking = Vec::new();
    let places = shared.gazette.places(issue);
    if faults.omitted == Some(position) {
        lacking.push(places.start + places.len() / 2);
    }
    let mut cut = false;
    if method == Method::GET {
        if shared.strikes("throttled", faults.throttled, position) {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "slow down\n").into_response();
        }
        if shared.strikes("unavailable", faults.unavailable, position) {
            return (StatusCode::SERVICE_UNAVAILABLE, "try later\n").into_response();
        }
        if shared.strikes("challenged", faults.challenged, position) {
            return challenge();
        }
        cut = shared.strikes("truncated", faults.truncated, position);
        if !cut && shared.strikes("replaced", faults.replaced, position) {
            lacking.push(places.end.saturating_sub(1));
        }
    }
    let built = tokio::task::spawn_blocking(move || {
        let places = places.filter(|at| !lacking.contains(at));
        package::write(&shared.gazette, issue, places, Vec::new())
    });
    let Ok(Ok(body)) = built.await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if cut {
        budget.0.store(300 + body.len() as u64 / 2, Ordering::Relaxed);
    }
    let disposition = format!("attachment; filename=\"{}\"", issue.file_name());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// `202600136` → the issue and its position in the plan.
fn find_issue(gazette: &Gazette, number: &str) -> Option<(usize, OjIssue)> {
    if number.len() != 9 {
        return None;
    }
    gazette.issues().iter().copied().enumerate().find(|(_, issue)| issue.path_number() == number)
}

async fn search(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    if shared.strikes("search", shared.options.faults.search_throttled.then_some(0), 0) {
        let page = "<html><body>Too many requests</body></html>";
        return (StatusCode::TOO_MANY_REQUESTS, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    }
    let answered = tokio::task::spawn_blocking(move || api::search(&shared.gazette, &shared.base_url, &body));
    match answered.await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(refusal)) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, Json(refusal.json())).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn single_notice(State(shared): State<Arc<Shared>>, Path((_, id)): Path<(String, String)>) -> Response {
    match shared.gazette.find(&id) {
        Some(at) => ([(header::CONTENT_TYPE, "application/xml")], shared.gazette.notice(at).xml()).into_response(),
        None => (StatusCode::NOT_FOUND, "no such notice\n").into_response(),
    }
}

/// Bytes that a connection may still write; the server ends it when they are used up.
#[derive(Clone, Debug)]
struct Budget(Arc<AtomicU64>);

impl Connected<IncomingStream<'_, Wires>> for Budget {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().budget.clone()
    }
}

/// Accepts connections as [`Wire`]s.
struct Wires {
    listener: TcpListener,
    delay: Option<Duration>,
    stopped: Arc<AtomicBool>,
}

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (socket, from) = Listener::accept(&mut self.listener).await;
        let budget = Budget(Arc::new(AtomicU64::new(u64::MAX)));
        (Wire { socket, budget, delay: self.delay, pause: None, stopped: Arc::clone(&self.stopped) }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that can be slow, and can break off.
struct Wire {
    socket: TcpStream,
    budget: Budget,
    delay: Option<Duration>,
    pause: Option<Pin<Box<Sleep>>>,
    stopped: Arc<AtomicBool>,
}

/// What a slow connection writes between two pauses.
const CHUNK: usize = 4096;

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let left = self.budget.0.load(Ordering::Relaxed);
        if left == 0 || (self.delay.is_some() && self.stopped.load(Ordering::Relaxed)) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most =
            usize::try_from(left).unwrap_or(usize::MAX).min(if self.delay.is_some() { CHUNK } else { usize::MAX });
        let bytes = &bytes[..bytes.len().min(most)];
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes))?;
        if left != u64::MAX {
            self.budget.0.store(left.saturating_sub(written as u64), Ordering::Relaxed);
        }
        self.pause = self.delay.map(|delay| Box::pin(tokio::time::sleep(delay)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
