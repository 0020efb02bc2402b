//! `[access]` and `[session]`: why we may ask, how gently, and what every request carries.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use url::Url;

use super::Checker;
use super::ask::Param;
use crate::formats::probe::{Probe, RawProbe};

/// Why we may ask, and how gently.
#[derive(Clone, Debug)]
pub struct Access {
    /// Reuse terms.
    pub licence: String,
    /// What a copy must say.
    pub attribution: String,
    /// Whether robots.txt is obeyed; else why not.
    pub robots: Robots,
    /// Host names that may be asked.
    pub hosts: Vec<String>,
    /// Hosts that may be asked although their address is not public (a test publisher).
    pub private_hosts: Vec<String>,
    /// Between the starts of two requests to one host.
    pub delay: Duration,
    /// Share of the delay that is added at random.
    pub jitter: f64,
    /// Requests at a time per host.
    pub concurrency: usize,
    /// Before the first retry.
    pub backoff: Option<Duration>,
    /// Requests per day.
    pub daily_requests: Option<u32>,
    /// When it may be asked.
    pub hours: Option<Hours>,
    /// A run takes no longer.
    pub run_time: Option<Duration>,
}

impl Access {
    /// Whether no public host is asked: each is one that may have a private address, on one port or on any.
    pub fn is_private(&self) -> bool {
        let names = |private: &str, host: &str| {
            private == host || private.rsplit_once(':').is_some_and(|(name, _)| name == host)
        };
        self.hosts.iter().all(|host| self.private_hosts.iter().any(|private| names(private, host)))
    }
}

/// What robots.txt means to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Robots {
    /// It is obeyed.
    Obey,
    /// It is not, for a reason with a date.
    Override(String),
}

/// When a source may be asked, in its zone; over midnight when `from` is later than `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// Whose clock.
    pub zone: TimeZone,
    /// From this time on.
    pub from: Time,
    /// Until this time.
    pub to: Time,
}

/// What every request carries.
#[derive(Clone, Debug, Default)]
pub struct SessionRules {
    /// Fixed headers; `{uuid}` is a fresh one each time.
    pub headers: Vec<(String, String)>,
    /// Whether cookies are kept for the run.
    pub cookies: bool,
    /// Keys from the environment: the variable, and where its value goes.
    pub keys: Vec<(String, Param)>,
    /// Names of the variables with user and password.
    pub basic: Option<(String, String)>,
    /// A first request whose answer says a token.
    pub boot: Option<Boot>,
}

/// A first request whose answer says a token.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Asked once a run.
    pub url: String,
    /// Where the answer says the token; `None` when only its cookies count.
    pub token: Option<(Probe, Param)>,
}

/// `[access]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccess {
    licence: String,
    attribution: String,
    #[serde(default)]
    robots: Option<RawRobots>,
    pub hosts: Vec<String>,
    #[serde(default)]
    private_hosts: Vec<String>,
    delay: String,
    #[serde(default)]
    jitter: f64,
    #[serde(default = "one")]
    concurrency: usize,
    backoff: Option<String>,
    daily_requests: Option<u32>,
    hours: Option<RawHours>,
    run_time: Option<String>,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRobots {
    mode: RobotsMode,
    reason: Option<String>,
    by: Option<String>,
    on: Option<toml::value::Datetime>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RobotsMode {
    Obey,
    Override,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    zone: String,
    allow: String,
}

/// `[session]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: bool,
    #[serde(default)]
    keys: Vec<RawKey>,
    basic: Option<RawBasic>,
    boot: Option<RawBoot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    env: String,
    header: Option<String>,
    query: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBasic {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBoot {
    url: String,
    token: Option<RawProbe>,
    header: Option<String>,
    form: Option<String>,
    query: Option<String>,
}

/// Headers that are ours, or that would carry a secret in a file.
const NOT_FIXED: &[&str] = &[
    "user-agent",
    "host",
    "cookie",
    "authorization",
    "if-none-match",
    "if-modified-since",
    "range",
    "content-length",
    "content-type",
];

impl Checker<'_> {
    pub(super) fn access(&mut self, raw: &RawAccess) -> Option<Access> {
        for (path, text) in [("access.licence", &raw.licence), ("access.attribution", &raw.attribution)] {
            if text.trim().is_empty() {
                self.complain(path, "must not be empty");
            }
        }
        let robots = self.robots(raw.robots.as_ref());
        if raw.hosts.is_empty() {
            self.complain("access.hosts", "name at least one host");
        }
        for (at, host) in raw.hosts.iter().enumerate() {
            let parsed = Url::parse(&format!("https://{host}/"));
            if !parsed.is_ok_and(|url| url.host_str() == Some(host) && url.port().is_none()) {
                self.complain(
                    &format!("access.hosts[{at}]"),
                    format!("expected a host name in lower case, found \"{host}\""),
                );
            }
        }
        let delay = self.duration("access.delay", &raw.delay);
        if delay.is_some_and(|delay| !(Duration::from_millis(20)..=Duration::from_hours(1)).contains(&delay)) {
            self.complain("access.delay", "must be between 20ms and 1h between two requests to one host");
        }
        if !(0.0..=1.0).contains(&raw.jitter) {
            self.complain("access.jitter", "must be between 0 and 1: the share of the delay that is added at random");
        }
        if !(1..=8).contains(&raw.concurrency) {
            self.complain("access.concurrency", "must be between 1 and 8 requests at a time");
        }
        if raw.daily_requests == Some(0) {
            self.complain("access.daily_requests", "must be at least 1; to stop a source, set its status to paused");
        }
        let backoff = self.optional_duration("access.backoff", raw.backoff.as_ref());
        let run_time = self.optional_duration("access.run_time", raw.run_time.as_ref());
        let hours = raw.hours.as_ref().and_then(|hours| self.hours(hours));
        Some(Access {
            licence: raw.licence.clone(),
            attribution: raw.attribution.clone(),
            robots,
            hosts: raw.hosts.clone(),
            private_hosts: raw.private_hosts.clone(),
            delay: delay?,
            jitter: raw.jitter,
            concurrency: raw.concurrency,
            backoff,
            daily_requests: raw.daily_requests,
            hours,
            run_time,
        })
    }

    fn robots(&mut self, raw: Option<&RawRobots>) -> Robots {
        let Some(raw) = raw.filter(|raw| raw.mode == RobotsMode::Override) else { return Robots::Obey };
        let reason = raw.reason.as_deref().unwrap_or_default().trim();
        let Some(on) = raw.on.filter(|_| !reason.is_empty()) else {
            self.complain("access.robots", "mode = \"override\" needs a reason and a date (on = 2026-11-22)");
            return Robots::Obey;
        };
        let by = raw.by.as_ref().map(|by| format!(", {by}")).unwrap_or_default();
        Robots::Override(format!("{reason} ({on}{by})"))
    }

    fn hours(&mut self, raw: &RawHours) -> Option<Hours> {
        let zone = self.zone("access.hours.zone", &raw.zone);
        let times = raw
            .allow
            .split_once('-')
            .and_then(|(from, to)| Some((from.trim().parse::<Time>().ok()?, to.trim().parse::<Time>().ok()?)));
        let Some((from, to)) = times.filter(|(from, to)| from != to) else {
            self.complain(
                "access.hours.allow",
                format!("expected a span such as \"20:00-06:00\", found \"{}\"", raw.allow),
            );
            return None;
        };
        Some(Hours { zone: zone?, from, to })
    }

    /// `[session]`.
    pub(super) fn session(&mut self, raw: &RawSession) -> SessionRules {
        for name in raw.headers.keys() {
            if NOT_FIXED.contains(&name.to_ascii_lowercase().as_str()) {
                self.complain(
                    &format!("session.headers.{name}"),
                    "is not fixed here: it is ours, or comes from `keys` or `basic`",
                );
            }
        }
        let mut keys = Vec::new();
        for (at, key) in raw.keys.iter().enumerate() {
            let at = format!("session.keys[{at}]");
            self.variable(&at, &key.env);
            match (&key.header, &key.query) {
                (Some(header), None) => keys.push((key.env.clone(), Param::Header(header.clone()))),
                (None, Some(query)) => keys.push((key.env.clone(), Param::Query(query.clone()))),
                _ => self.complain(&at, "goes into a `header` or into the `query`"),
            }
        }
        if let Some(basic) = &raw.basic {
            self.variable("session.basic.user", &basic.user);
            self.variable("session.basic.password", &basic.password);
        }
        let boot = raw.boot.as_ref().and_then(|boot| self.boot(boot));
        SessionRules {
            headers: raw.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            cookies: raw.cookies,
            keys,
            basic: raw.basic.as_ref().map(|basic| (basic.user.clone(), basic.password.clone())),
            boot,
        }
    }

    fn boot(&mut self, raw: &RawBoot) -> Option<Boot> {
        self.url("session.boot.url", &raw.url, true);
        let places = [
            raw.header.as_ref().map(|name| Param::Header(name.clone())),
            raw.form.as_ref().map(|name| Param::Form(name.clone())),
            raw.query.as_ref().map(|name| Param::Query(name.clone())),
        ];
        let places: Vec<Param> = places.into_iter().flatten().collect();
        let token = match (&raw.token, &places[..]) {
            (None, []) => None,
            (Some(probe), [place]) => Some((self.probe("session.boot.token", probe)?, place.clone())),
            _ => {
                self.complain("session.boot", "`token` goes into one of `header`, `form` and `query`");
                None
            }
        };
        Some(Boot { url: raw.url.clone(), token })
    }

    /// A secret is named, never written.
    fn variable(&mut self, at: &str, name: &str) {
        let good = name.starts_with("TENDERWATCH_")
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !good {
            self.complain(
                at,
                format!("expected the name of an environment variable such as TENDERWATCH_KEY_X, found \"{name}\""),
            );
        }
    }
}
