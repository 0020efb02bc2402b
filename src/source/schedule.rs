//! When a source is due: a period, or five cron fields in the source's zone.

use std::str::FromStr as _;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::parse_duration;

/// When a source is due.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// So long after the last run began.
    Every(SignedDuration),
    /// Whenever the expression says, in this zone.
    Cron(Box<Cron>, TimeZone),
}

/// A run that starts a little early is still the next one: cron does not start to the second.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

impl Schedule {
    /// `hourly`, `daily`, `weekly`, `monthly`, `every 6h`, or five cron fields.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let every = |hours: i64| Ok(Self::Every(SignedDuration::from_hours(hours)));
        match text.trim() {
            "hourly" => every(1),
            "daily" => every(24),
            "weekly" => every(7 * 24),
            "monthly" => every(30 * 24),
            other => {
                if let Some(period) = other.strip_prefix("every ").and_then(|period| parse_duration(period.trim())) {
                    let period = SignedDuration::try_from(period).map_err(|error| error.to_string())?;
                    return Ok(Self::Every(period));
                }
                if other.split_whitespace().count() == 5
                    && let Ok(cron) = Cron::from_str(other)
                {
                    return Ok(Self::Cron(Box::new(cron), zone.clone()));
                }
                Err(format!(
                    "expected hourly, daily, weekly, monthly, \"every 6h\" or five cron fields such as \"15 6 * * mon-fri\", \
                     found \"{text}\""
                ))
            }
        }
    }

    /// The moment from which on the source is due, when its last complete run began at `last`.
    pub fn next(&self, last: Timestamp) -> Timestamp {
        match self {
            Self::Every(period) => {
                let slack = SLACK.min(*period / 4);
                last.checked_add(*period - slack).unwrap_or(Timestamp::MAX)
            }
            Self::Cron(cron, zone) => {
                let last = last.to_zoned(zone.clone());
                cron.find_next_occurrence(&last, false).map_or(Timestamp::MAX, |next| next.timestamp())
            }
        }
    }

    /// Whether it is due.
    pub fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        // A clock that was set back must not silence a source.
        last.is_none_or(|last| last > now || self.next(last) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_source_is_due_when_its_schedule_says() {
        let zone = TimeZone::get("Europe/Luxembourg").expect("a zone");
        let due = |text: &str, last: &str, now: &str| {
            Schedule::parse(text, &zone).expect(text).is_due(Some(at(last)), at(now))
        };
        assert!(due("daily", "2026-11-20T02:00:00Z", "2026-11-21T01:55:00Z"));
        assert!(!due("daily", "2026-11-20T02:00:00Z", "2026-11-20T20:00:00Z"));
        assert!(due("every 6h", "2026-11-20T02:00:00Z", "2026-11-20T08:00:00Z"));
        assert!(!due("hourly", "2026-11-20T02:00:00Z", "2026-11-20T02:20:00Z"));
        // 09:45 in Luxembourg is 08:45 in winter and 07:45 in summer; Saturday has no issue.
        assert!(due("45 9 * * mon-fri", "2026-11-19T09:00:00Z", "2026-11-20T08:45:00Z"));
        assert!(!due("45 9 * * mon-fri", "2026-11-20T08:46:00Z", "2026-11-22T20:00:00Z"));
        assert!(due("45 9 * * mon-fri", "2026-07-16T09:00:00Z", "2026-07-17T07:45:00Z"));
        // Never run, or a clock set back.
        assert!(Schedule::parse("daily", &zone).expect("daily").is_due(None, at("2026-11-20T02:00:00Z")));
        assert!(due("daily", "2027-11-20T02:00:00Z", "2026-11-20T02:00:00Z"));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "sometimes", "every", "every x", "61 * * * *", "* * * *", "* * * * * *"] {
            assert!(Schedule::parse(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
