//! `[check]`: how answers are told from lies.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Weekday;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Checker;
use super::plan::RawWeekday;
use crate::formats::mapping::Path;
use crate::formats::probe::{Probe, RawProbe};

/// What a status of an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusMeaning {
    /// Not there (yet).
    Missing,
    /// The publisher refuses us.
    Blocked,
    /// There is nothing, and that is an answer.
    Empty,
    /// To be asked again.
    Retry,
}

/// How answers are told from lies.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// HTTP status → meaning; 200 is an answer, everything else an error.
    pub status: BTreeMap<u16, StatusMeaning>,
    /// Media types an answer may have; empty for any.
    pub content: Vec<String>,
    /// What every answer has.
    pub require: Vec<(String, Path)>,
    /// An error that comes with status 200.
    pub error: Option<(Path, String)>,
    /// When there must be something.
    pub publishes: Option<Publishes>,
    /// Whether the filter works at all.
    pub filter: Option<FilterCheck>,
    /// A record that is known to be there.
    pub canary: Option<Canary>,
    /// How a day is proven complete.
    pub gaps: Option<Gaps>,
}

impl Check {
    /// Response headers that probes read.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.filter.iter().filter_map(|filter| match &filter.total {
            Probe::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// When there must be something.
#[derive(Clone, Debug)]
pub struct Publishes {
    /// On these days.
    pub weekdays: Vec<Weekday>,
    /// So many rows on each.
    pub at_least: u64,
}

/// Whether the filter works at all: a filtered total stays below a share of the unfiltered one.
#[derive(Clone, Debug)]
pub struct FilterCheck {
    /// The request without a filter.
    pub url: String,
    /// Where it says its total.
    pub total: Probe,
    /// The share.
    pub below: f64,
}

/// A record that is known to be there.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Its address.
    pub url: String,
    /// A text in it.
    pub contains: String,
    /// How often it is asked.
    pub every: Duration,
}

/// A list of what was published on a day, asked from the publisher's own search.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// Asked with POST.
    pub url: Url,
    /// The body, with `{date:FORMAT}` in strings.
    pub json: Value,
    /// Path of the rows.
    pub rows: String,
    /// Key of the publication number in a row.
    pub key: String,
    /// Path of the declared total.
    pub total: String,
    /// Path of the token for the next page; it goes back into the body under the same name.
    pub next: String,
    /// Path of a flag that says the answer is cut short.
    pub partial: Option<String>,
    /// Where one notice is, with `{n}` and `{yyyy}`.
    pub detail: String,
}

/// `[check]` as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    #[serde(default)]
    status: BTreeMap<String, StatusMeaning>,
    #[serde(default)]
    content: Vec<String>,
    #[serde(default)]
    require: Vec<String>,
    error: Option<RawError>,
    publishes: Option<RawPublishes>,
    filter_effective: Option<RawFilter>,
    canary: Option<RawCanary>,
    gaps: Option<RawGaps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    path: String,
    equals: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublishes {
    weekdays: Vec<RawWeekday>,
    at_least: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFilter {
    url: String,
    total: RawProbe,
    below: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCanary {
    url: String,
    contains: String,
    every: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGaps {
    url: String,
    json: Value,
    rows: String,
    key: String,
    total: String,
    next: String,
    partial: Option<String>,
    detail: String,
}

impl Checker<'_> {
    /// `[check]`.
    pub(super) fn answers(&mut self, raw: &RawCheck) -> Option<Check> {
        let mut status = BTreeMap::new();
        for (code, meaning) in &raw.status {
            match code.parse::<u16>() {
                Ok(number) if (100..1000).contains(&number) && number != 200 => {
                    status.insert(number, *meaning);
                }
                _ => self.complain(
                    &format!("check.status.{code}"),
                    format!("expected an HTTP status other than 200, found \"{code}\""),
                ),
            }
        }
        let mut require = Vec::new();
        for (at, text) in raw.require.iter().enumerate() {
            require.extend(self.path(&format!("check.require[{at}]"), text).map(|path| (text.clone(), path)));
        }
        let error = raw.error.as_ref().map(|error| (self.path("check.error.path", &error.path), error.equals.clone()));
        let error = match error {
            Some((path, equals)) => Some((path?, equals)),
            None => None,
        };
        let publishes = raw.publishes.as_ref().map(|raw| Publishes {
            weekdays: raw.weekdays.iter().map(|day| day.day()).collect(),
            at_least: raw.at_least.unwrap_or(1),
        });
        let filter = raw.filter_effective.as_ref().and_then(|raw| {
            self.url("check.filter_effective.url", &raw.url, true);
            if !(raw.below > 0.0 && raw.below < 1.0) {
                self.complain("check.filter_effective.below", "is a share between 0 and 1");
            }
            let total = self.probe("check.filter_effective.total", &raw.total)?;
            Some(FilterCheck { url: raw.url.clone(), total, below: raw.below })
        });
        let canary = raw.canary.as_ref().and_then(|raw| {
            self.url("check.canary.url", &raw.url, true);
            let every = self.duration("check.canary.every", raw.every.as_deref().unwrap_or("7d"))?;
            Some(Canary { url: raw.url.clone(), contains: raw.contains.clone(), every })
        });
        let gaps = match &raw.gaps {
            None => None,
            Some(gaps) => {
                let url = self.url("check.gaps.url", &gaps.url, true);
                self.body("check.gaps.json", &gaps.json);
                self.template("check.gaps.detail", &gaps.detail, &["{n}", "{yyyy}"]);
                Some(Gaps {
                    url: url?,
                    json: gaps.json.clone(),
                    rows: gaps.rows.clone(),
                    key: gaps.key.clone(),
                    total: gaps.total.clone(),
                    next: gaps.next.clone(),
                    partial: gaps.partial.clone(),
                    detail: gaps.detail.clone(),
                })
            }
        };
        Some(Check { status, content: raw.content.clone(), require, error, publishes, filter, canary, gaps })
    }
}
