//! Plan × paging → answers: which requests a source needs, and what their answers mean for completeness.
//!
//! It turns a [`Source`] into requests (`steps` for windows and periods, `pages` for lists, `issues` for numbered files)
//! and judges the answers: there, missing, empty, blocked, drifted. It stores nothing.

mod health;
mod issues;
mod pages;
mod replay;
mod steps;

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

pub use self::health::{Condition, condition};
pub use self::issues::{Issue, days_due};
pub use self::pages::{PageRows, Pages, Verdict};
pub use self::replay::{Replay, ReplayError};
pub use self::steps::{Item, Limits, Span, Step, crossed, steps};
use crate::fetch::{
    self, FetchError, Fetched, Fetcher, HostPolicy, Part, PartContent, Request, RequestBody, Tally, Validators,
};
use crate::formats::probe;
use crate::source::{Ask, AskBody, Filling, Method, Param, Question, Robots, Source, StatusMeaning};

/// An answer that is read as a whole.
const ANSWER_BYTES: u64 = 64 << 20;

/// Why a source could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The request failed for good.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// The publisher refuses us; nothing here evades that.
    #[error("{url} is blocked: {reason}")]
    Blocked {
        /// What was asked for.
        url: String,
        /// What the answer looked like.
        reason: String,
    },
    /// The answer is not what the definition describes.
    #[error("the answer of {url} is not what the definition describes: {reason}")]
    Drifted {
        /// What was asked for.
        url: String,
        /// What is different.
        reason: String,
    },
    /// There is more than can be reached.
    #[error("{url} holds more than can be reached: {reason}")]
    Capped {
        /// What was asked for.
        url: String,
        /// How much more.
        reason: String,
    },
    /// An answer that says with status 200 that it failed.
    #[error("{url} answered with an error of its own: {reason}")]
    Faulty {
        /// What was asked for.
        url: String,
        /// What it said.
        reason: String,
    },
    /// A key that the operator has not given.
    #[error("the environment variable {0} is not set: the publisher gives keys to registered users")]
    NoKey(String),
    /// Somebody asked the program to end.
    #[error("stopped by the operator; the next run goes on from here")]
    Stopped,
    /// A replay has no such answer.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// One answer that may not be there.
pub enum Answer {
    /// It is.
    There(Box<Fetched>),
    /// Not (yet).
    Missing,
    /// There is nothing, and that is an answer.
    Empty,
    /// The same as last time.
    Unchanged,
}

/// Where answers come from.
#[derive(Clone, Copy)]
pub enum Transport<'a> {
    /// The network.
    Live(&'a Fetcher),
    /// Recorded answers.
    Replay(&'a Replay),
}

/// Asks one source.
pub struct Crawler<'a> {
    source: &'a Source,
    transport: Transport<'a>,
    policy: HostPolicy,
    /// Keys and tokens, and where they go.
    secrets: Vec<(Param, String)>,
    stop: &'a Stop,
}

/// Set when the program shall end; requests that wait give up at once.
#[derive(Debug, Default)]
pub struct Stop {
    set: AtomicBool,
    wake: tokio::sync::Notify,
}

impl Stop {
    /// Ends everything soon.
    pub fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    async fn wait(&self) {
        let woken = self.wake.notified();
        if !self.is_set() {
            woken.await;
        }
    }
}

/// Tries of an answer that says with status 200 that it failed, or of a status that asks to come back.
const TRIES: u32 = 3;

impl<'a> Crawler<'a> {
    /// Asks `source` as gently as its definition says; `used` requests of the day's budget are gone.
    ///
    /// # Errors
    /// A key that is not in the environment.
    pub fn new(source: &'a Source, transport: Transport<'a>, used: u64, stop: &'a Stop) -> Result<Self, CrawlError> {
        let mut secrets = Vec::new();
        let read = |name: &str| match transport {
            Transport::Live(_) => std::env::var(name).map_err(|_| CrawlError::NoKey(name.to_owned())),
            Transport::Replay(_) => Ok("replayed".to_owned()),
        };
        for (name, param) in &source.session.keys {
            secrets.push((param.clone(), read(name)?));
        }
        if let Some((user, password)) = &source.session.basic {
            use base64::Engine as _;
            let pair = format!("{}:{}", read(user)?, read(password)?);
            let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
            secrets.push((Param::Header("Authorization".to_owned()), value));
        }
        Ok(Self { source, transport, policy: policy(source, used), secrets, stop })
    }

    /// Requests, bytes and waiting so far.
    pub fn tally(&self) -> &Tally {
        &self.policy.tally
    }

    /// The publisher's zone.
    pub fn zone(&self) -> TimeZone {
        self.source.plan.as_ref().map_or(TimeZone::UTC, |plan| plan.zone.clone())
    }

    /// What must be asked before anything else: cookies and tokens.
    ///
    /// # Errors
    /// When the answer or its token is not there.
    pub async fn boot(&mut self) -> Result<(), CrawlError> {
        let Some(boot) = &self.source.session.boot else { return Ok(()) };
        let question = Ask::get(&boot.url).fill(&Filling::default()).expect("an address without placeholders");
        let fetched = self.send(&self.request(&question, None)).await?;
        if fetched.status != 200 {
            return Err(drifted(&boot.url, format!("status {}", fetched.status)));
        }
        let Some((token, param)) = &boot.token else { return Ok(()) };
        let headers = fetched.headers.clone();
        let body = whole(fetched, &boot.url)?;
        let value = probe::Answer::new(&body, &headers).first(token);
        let value = value.ok_or_else(|| drifted(&boot.url, "it has no token".to_owned()))?;
        self.secrets.push((param.clone(), value));
        Ok(())
    }

    /// Asks, judges status, media type and what every answer must have.
    ///
    /// # Errors
    /// Anything but an answer.
    pub async fn ask(&self, question: &Question, validators: Option<Validators>) -> Result<Answer, CrawlError> {
        let conditional = validators.is_some();
        let request = self.request(question, validators);
        let url = question.address();
        let mut tries = 0;
        loop {
            tries += 1;
            let fetched = self.send(&request).await?;
            match self.meaning(&fetched, true) {
                Meaning::There if !fetched.body.is_empty() => return Ok(Answer::There(Box::new(fetched))),
                Meaning::There | Meaning::Again if tries < TRIES => self.pause().await?,
                Meaning::There => {
                    return Err(CrawlError::Faulty { url: shown(&url), reason: "an empty answer".to_owned() });
                }
                Meaning::Missing => return Ok(Answer::Missing),
                Meaning::Empty => return Ok(Answer::Empty),
                Meaning::Unchanged if conditional => return Ok(Answer::Unchanged),
                // Nothing was said about what we have, so nothing can be unchanged.
                Meaning::Unchanged => {
                    return Err(drifted(&url, "status 304 to a question without conditions".to_owned()));
                }
                Meaning::Blocked(reason) => return Err(CrawlError::Blocked { url: shown(&url), reason }),
                Meaning::Again => {
                    let reason = format!("status {} {tries} times", fetched.status);
                    return Err(CrawlError::Faulty { url: shown(&url), reason });
                }
                Meaning::Strange(reason) => return Err(drifted(&url, reason)),
            }
        }
    }

    /// Asks for an answer that is read as a whole, and that has what every answer of a list must have.
    ///
    /// # Errors
    /// Anything but a good answer, or none.
    pub async fn ask_whole(
        &self,
        question: &Question,
        validators: Option<Validators>,
        list: bool,
    ) -> Result<(Answer, Bytes), CrawlError> {
        let url = question.address();
        let mut tries = 0;
        loop {
            tries += 1;
            let mut fetched = match self.ask(question, validators.clone()).await? {
                Answer::There(fetched) => fetched,
                other => return Ok((other, Bytes::new())),
            };
            let body = take_body(&mut fetched, &url)?;
            match self.fault(&body, &fetched.headers, list) {
                None => return Ok((Answer::There(fetched), body)),
                Some(Fault::Error(_)) if tries < TRIES => self.pause().await?,
                Some(Fault::Error(reason)) => return Err(CrawlError::Faulty { url: shown(&url), reason }),
                Some(Fault::Lacks(reason)) => return Err(drifted(&url, reason)),
            }
        }
    }

    /// What is wrong with an answer that has a good status.
    fn fault(&self, body: &[u8], headers: &[(String, String)], list: bool) -> Option<Fault> {
        let check = &self.source.check;
        let require = if list { &check.require[..] } else { &[] };
        if require.is_empty() && check.error.is_none() {
            return None;
        }
        let answer = probe::Answer::new(body, headers);
        let Some(tree) = answer.tree() else { return Some(Fault::Lacks("it is neither JSON nor XML".to_owned())) };
        if let Some((path, equals)) = &check.error
            && probe::text_at(tree, path).is_some_and(|text| text == *equals)
        {
            return Some(Fault::Error(format!("it says {equals}")));
        }
        let lacking = require.iter().find(|(_, path)| !path.exists(tree));
        lacking.map(|(name, _)| Fault::Lacks(format!("it has no `{name}`")))
    }

    async fn pause(&self) -> Result<(), CrawlError> {
        if matches!(self.transport, Transport::Live(_)) {
            let wait = self.source.access.backoff.unwrap_or(self.source.access.delay);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.wait() => return Err(CrawlError::Stopped),
            }
        }
        Ok(())
    }

    async fn ask_json(&self, url: &str, body: Value) -> Result<Value, CrawlError> {
        let question = Question {
            method: Method::Post,
            url: url.to_owned(),
            query: Vec::new(),
            body: Some(AskBody::Json(body)),
            headers: Vec::new(),
            accept: None,
            head: None,
        };
        let fetched = self.send(&self.request(&question, None)).await?;
        match self.meaning(&fetched, false) {
            Meaning::There => {}
            Meaning::Blocked(reason) => return Err(CrawlError::Blocked { url: url.to_owned(), reason }),
            _ => return Err(drifted(url, format!("status {}", fetched.status))),
        }
        let bytes = whole(fetched, url)?;
        serde_json::from_slice(&bytes).map_err(|error| drifted(url, format!("it is no JSON: {error}")))
    }

    async fn send(&self, request: &Request) -> Result<Fetched, CrawlError> {
        if self.stop.is_set() {
            return Err(CrawlError::Stopped);
        }
        match self.transport {
            Transport::Live(fetcher) => tokio::select! {
                fetched = fetcher.fetch(request, &self.policy) => Ok(fetched?),
                () = self.stop.wait() => Err(CrawlError::Stopped),
            },
            Transport::Replay(replay) => {
                self.policy.tally.sent();
                Ok(replay.answer(request)?)
            }
        }
    }

    /// The request of a question, with what every request of this source carries.
    fn request(&self, question: &Question, validators: Option<Validators>) -> Request {
        let session = &self.source.session;
        let mut question = question.clone();
        for (name, value) in &session.headers {
            let value = value.replace("{uuid}", &fresh_uuid());
            question.set(&Param::Header(name.clone()), &value);
        }
        let mut query_keys = Vec::new();
        for (param, secret) in &self.secrets {
            match param {
                // Kept apart, so that no message and no archived address has them.
                Param::Query(name) => query_keys.push((name.clone(), secret.clone())),
                other => question.set(other, secret),
            }
        }
        request_of(question, query_keys, validators, self.source)
    }

    /// `media` is whether the answer must be of the media types that the source's documents have.
    fn meaning(&self, fetched: &Fetched, media: bool) -> Meaning {
        if let Some(challenge) = fetched.header("x-amzn-waf-action") {
            let reason = format!("status {} with a bot {challenge}, which is not solved here", fetched.status);
            return Meaning::Blocked(reason);
        }
        let check = &self.source.check;
        let documents = media;
        let media = fetched.header("content-type").map(|media| media.split(';').next().unwrap_or(media).trim());
        match (fetched.status, check.status.get(&fetched.status)) {
            (_, Some(StatusMeaning::Blocked)) | (401 | 403, None) => {
                Meaning::Blocked(format!("status {}", fetched.status))
            }
            (_, Some(StatusMeaning::Missing)) | (404 | 410, None) => Meaning::Missing,
            (_, Some(StatusMeaning::Empty)) => Meaning::Empty,
            (_, Some(StatusMeaning::Retry)) => Meaning::Again,
            (304, None) => Meaning::Unchanged,
            (200 | 206, None) => match media {
                Some(media) if check.content.iter().any(|known| known == media) => Meaning::There,
                Some("text/html") if !self.reads_pages() => {
                    Meaning::Blocked("a web page came instead of data".to_owned())
                }
                Some(media) if documents && !check.content.is_empty() => {
                    Meaning::Strange(format!("its content type is {media}"))
                }
                _ => Meaning::There,
            },
            _ => Meaning::Strange(format!("status {}", fetched.status)),
        }
    }

    /// Whether web pages are what this source publishes.
    fn reads_pages(&self) -> bool {
        self.source.document.pages
    }
}

/// How a source's hosts are asked.
fn policy(source: &Source, used: u64) -> HostPolicy {
    let access = &source.access;
    HostPolicy {
        delay: access.delay,
        jitter: access.jitter,
        concurrency: access.concurrency,
        allow_hosts: access.hosts.clone(),
        allow_private: access.private_hosts.clone(),
        backoff: access.backoff,
        robots: match access.robots {
            Robots::Obey => fetch::Robots::Obey,
            Robots::Override(_) => fetch::Robots::Override,
        },
        cookies: source.session.cookies,
        budget: access.daily_requests.map(|budget| fetch::Budget::new(u64::from(budget), used)),
        hours: access.hours.as_ref().map(|hours| fetch::Hours {
            zone: hours.zone.clone(),
            from: hours.from,
            to: hours.to,
        }),
        deadline: access.run_time.map(|time| tokio::time::Instant::now() + time),
        ..HostPolicy::default()
    }
}

fn request_of(
    question: Question,
    query_keys: Vec<(String, String)>,
    validators: Option<Validators>,
    source: &Source,
) -> Request {
    let url = question.address();
    let text = |value: Value| match value {
        Value::String(text) => PartContent::Text(text),
        json => PartContent::Json(json),
    };
    let body = question.body.map(|body| match body {
        AskBody::Json(json) => RequestBody::Json(json),
        AskBody::Form(form) => RequestBody::Form(form),
        AskBody::Multipart(parts) => {
            RequestBody::Multipart(parts.into_iter().map(|(name, value)| Part { name, content: text(value) }).collect())
        }
        AskBody::Raw(text, media_type) => RequestBody::Raw { text, media_type },
    });
    let method = match question.method {
        Method::Get => fetch::Method::Get,
        Method::Post => fetch::Method::Post,
    };
    let statuses = &source.check.status;
    let (retry, accept): (Vec<_>, Vec<_>) = statuses.iter().partition(|(_, meaning)| **meaning == StatusMeaning::Retry);
    Request {
        method,
        url,
        query_keys,
        headers: question.headers,
        accept_media: question.accept,
        body,
        validators,
        range: question.head,
        accept: accept.into_iter().map(|(code, _)| *code).collect(),
        retry_on: retry.into_iter().map(|(code, _)| *code).collect(),
        max_bytes: None,
        keep: source.paging.headers().chain(source.check.headers()).map(str::to_owned).collect(),
    }
}

/// The bytes of an answer; too many are an error.
fn whole(mut fetched: Fetched, url: &str) -> Result<Bytes, CrawlError> {
    take_body(&mut fetched, url)
}

fn take_body(fetched: &mut Fetched, url: &str) -> Result<Bytes, CrawlError> {
    let body = std::mem::take(&mut fetched.body);
    let bytes = body.into_bytes(ANSWER_BYTES).map_err(|error| drifted(url, error.to_string()))?;
    bytes.ok_or_else(|| drifted(url, format!("it is larger than {} MiB", ANSWER_BYTES >> 20)))
}

/// A random UUID of version 4, for services that want every request to have one.
fn fresh_uuid() -> String {
    let bits = (fastrand::u128(..) & !(0xF << 76) & !(0x3 << 62)) | (4 << 76) | (2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// An address without what may be a key.
fn shown(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

fn drifted(url: &str, reason: String) -> CrawlError {
    CrawlError::Drifted { url: shown(url), reason }
}

enum Meaning {
    There,
    Missing,
    Empty,
    Unchanged,
    Blocked(String),
    Again,
    Strange(String),
}

enum Fault {
    /// It may be gone the next time.
    Error(String),
    /// It is another kind of answer.
    Lacks(String),
}

/// The value at a path such as `notices[0].ojs-number`.
fn find<'v>(json: &'v Value, path: &str) -> Option<&'v Value> {
    path.split(['.', '[']).try_fold(json, |value, step| match step.strip_suffix(']') {
        Some(index) => value.get(index.parse::<usize>().ok()?),
        None => value.get(step),
    })
}

/// When `now` is outside the hours of a source: the sentence that says so.
pub fn outside_hours(source: &Source, now: Timestamp) -> Option<String> {
    let hours = source.access.hours.as_ref()?;
    let time = now.to_zoned(hours.zone.clone()).time();
    let inside = if hours.from < hours.to {
        time >= hours.from && time < hours.to
    } else {
        time >= hours.from || time < hours.to
    };
    let zone = hours.zone.iana_name().unwrap_or("its zone");
    (!inside).then(|| format!("it is asked only between {} and {} in {zone} (access.hours)", hours.from, hours.to))
}
