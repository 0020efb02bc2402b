//! Whether a source is read as it should be: the rule behind `status`.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::records::SourceHealth;
use crate::source::{Source, Status};

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Condition {
    /// Read when it was due, and it brings something.
    Fresh,
    /// Its last runs did not end complete.
    Failing {
        /// How many in a row.
        runs: u32,
    },
    /// It has not been read completely for three times as long as its schedule says.
    Stale {
        /// Since when.
        since: Timestamp,
    },
    /// It is read, and nothing new has come for longer than is usual.
    Silent {
        /// Since when.
        since: Timestamp,
    },
    /// Active, and never read.
    NeverRun,
    /// Paused or refused.
    NotCrawled,
}

/// Silence of a source that publishes on most days of the week.
const DAILY_SILENCE: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Silence of any other.
const SILENCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a source stands at `now`.
pub fn condition(source: &Source, health: Option<&SourceHealth>, now: Timestamp) -> Condition {
    if source.status != Status::Active {
        return Condition::NotCrawled;
    }
    let Some(health) = health.filter(|health| health.last_run.is_some()) else { return Condition::NeverRun };
    if health.failures > 0 {
        return Condition::Failing { runs: health.failures };
    }
    if let (Some(plan), Some(last)) = (&source.plan, health.last_complete) {
        let due = (0..3).fold(last, |moment, _| plan.schedule.next(moment));
        if due < now {
            return Condition::Stale { since: last };
        }
    }
    let patience = if source.check.publishes.is_some() { DAILY_SILENCE } else { SILENCE };
    match health.last_new {
        Some(since) if now.duration_since(since) > patience => Condition::Silent { since },
        _ => Condition::Fresh,
    }
}

impl Condition {
    /// Whether somebody should look.
    pub fn needs_attention(&self) -> bool {
        !matches!(self, Self::Fresh | Self::NotCrawled)
    }

    /// In words, as the end of "<source> …".
    pub fn words(&self) -> String {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
        match self {
            Self::Fresh => "is fresh".to_owned(),
            Self::Failing { runs } => format!("failed in its last {runs} run{}", if *runs == 1 { "" } else { "s" }),
            Self::Stale { since } => format!("is stale: not read completely since {}", day(since)),
            Self::Silent { since } => format!("is silent: nothing new since {}", day(since)),
            Self::NeverRun => "was never read".to_owned(),
            Self::NotCrawled => "is not crawled".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    #[test]
    fn a_stale_or_silent_source_is_found_out() {
        let sources = crate::source::load(&Definitions::default()).expect("valid");
        let ted = sources.iter().find(|source| source.id.as_str() == "eu-ted").expect("shipped");
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        let now = "2026-11-20T12:00:00Z".parse().expect("a time");
        let health = |complete: &str, new: &str, failures| SourceHealth {
            last_run: at(complete),
            last_complete: at(complete),
            last_new: at(new),
            failures,
            ..SourceHealth::default()
        };
        let of = |health: &SourceHealth| condition(ted, Some(health), now).words();
        assert_eq!(of(&health("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", 0)), "is fresh");
        assert_eq!(of(&health("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", 2)), "failed in its last 2 runs");
        assert!(of(&health("2026-11-10T09:00:00Z", "2026-11-10T09:00:00Z", 0)).starts_with("is stale"));
        assert!(of(&health("2026-11-20T09:00:00Z", "2026-10-01T09:00:00Z", 0)).starts_with("is silent"));
        assert_eq!(condition(ted, None, now), Condition::NeverRun);
    }
}
