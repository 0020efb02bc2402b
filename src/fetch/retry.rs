//! Again? When? For every failure of a request: statuses, transport, `Retry-After`.
//!
//! All requests are reads (a search by POST too), so what may be repeated depends on the failure alone.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::FetchError;
use crate::config::Politeness;

/// Another try is worth making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// After this long.
    pub(super) wait: Duration,
    /// The host is overloaded or said so: everyone waits, not only this request.
    pub(super) whole_host: bool,
}

/// May this status be another one a little later? 501, 505 and 511 are answers about the request, not about now.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=510 | 512..=599)
}

/// The host says that it is asked too much, not only that this request failed.
pub(super) fn is_overload(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// An answer that says "not you" or "not so much": a few in a row, and the host is left alone.
pub(super) fn is_refusal(status: u16) -> bool {
    matches!(status, 403 | 429 | 503 | 999)
}

impl FetchError {
    /// What this failure, when it is final, says of the host's will to answer us: nothing, or that it has none.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Self::Status { status, .. } if is_refusal(*status) => Some(format!("it answered {status}")),
            Self::Timeout { phase, limit, .. } => Some(format!("{phase} took longer than {} ms", limit.as_millis())),
            Self::Connect { cause, .. } => Some(cause.clone()),
            _ => None,
        }
    }

    /// Whether and when to ask again after `attempt` failures before this one; `first` is the shortest wait.
    /// `None`: this error is final.
    pub(super) fn retry(&self, attempt: u32, politeness: &Politeness, first: Duration) -> Option<Again> {
        if attempt >= politeness.retries {
            return None;
        }
        let wait = backoff_after(attempt, first, politeness.backoff_max, fastrand::f64());
        match self {
            Self::Timeout { .. } | Self::Connect { .. } | Self::Truncated { .. } | Self::Transport { .. } => {
                Some(Again { wait, whole_host: false })
            }
            Self::Status { retry_after: Some(asked), .. } => Some(Again { wait: *asked, whole_host: true }),
            Self::Status { status, .. } => Some(Again { wait, whole_host: is_overload(*status) }),
            _ => None,
        }
    }
}

/// Between the first wait and the doubled one, doubling with each attempt, at random so that several clients do not
/// come back together; never beyond `max` unless `first` already is. `dice` is in 0..1.
fn backoff_after(attempt: u32, first: Duration, max: Duration, dice: f64) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(attempt.saturating_add(1)));
    let ceiling = doubled.min(max).max(first);
    first + ceiling.saturating_sub(first).mul_f64(dice.clamp(0.0, 1.0))
}

/// How long a `Retry-After` asks for: seconds or a date, the date measured from the answer's own `Date` (clocks
/// differ), else from `now`. The past is zero. `None` for what is neither.
pub(super) fn retry_after(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let number = value.strip_prefix(['-', '+']).unwrap_or(value);
    if number.starts_with(|c: char| c.is_ascii_digit()) && number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        let seconds: f64 = number.parse().ok()?;
        if value.starts_with('-') {
            return Some(Duration::ZERO);
        }
        return Some(Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX));
    }
    let until = http_date(value)?;
    let from = date.and_then(http_date).unwrap_or(now);
    Some(Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO))
}

/// The three spellings of RFC 9110 §5.6.7 (`Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
/// `Sun Nov  6 08:49:37 1994`), whatever the weekday says, and ISO 8601.
fn http_date(text: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = text.split([' ', ',', '-', ':']).filter(|part| !part.is_empty()).collect();
    let parts = if month(parts.first()?).is_none() && !parts[0].starts_with(|c: char| c.is_ascii_digit()) {
        &parts[1..] // the weekday
    } else {
        &parts[..]
    };
    let (day, month_name, year, clock, zone) = match parts {
        [name, day, hour, minute, second, year] if month(name).is_some() => {
            (*day, *name, *year, [*hour, *minute, *second], None)
        }
        [day, name, year, hour, minute, second, zone @ ..] if zone.len() <= 1 => {
            (*day, *name, *year, [*hour, *minute, *second], zone.first())
        }
        _ => return text.parse().ok(),
    };
    if zone.is_some_and(|zone| !matches!(*zone, "GMT" | "UTC" | "UT" | "Z" | "+0000" | "0000")) {
        return None;
    }
    let Some(month) = month(month_name) else { return text.parse().ok() };
    let year: i16 = match (year.len(), year.parse::<i16>().ok()?) {
        (2, short) if short < 70 => 2000 + short,
        (2, short) => 1900 + short,
        (_, long) => long,
    };
    let [hour, minute, second] = clock.map(|part| part.parse::<i8>().ok());
    let second = second?.min(59); // a leap second
    let at = DateTime::new(year, month, day.parse().ok()?, hour?, minute?, second, 0).ok()?;
    at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn month(text: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = text.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == name)?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "1994-11-06T08:49:07Z".parse().expect("a time")
    }

    fn politeness() -> Politeness {
        Politeness {
            min_delay: Duration::from_millis(500),
            timeout: Duration::from_mins(10),
            connect_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_mins(1),
            retries: 4,
            backoff: Duration::from_secs(2),
            backoff_max: Duration::from_mins(5),
            retry_after_max: Duration::from_mins(15),
        }
    }

    fn status(status: u16, retry_after: Option<u64>) -> FetchError {
        FetchError::Status {
            url: "https://example.org/".into(),
            status,
            retry_after: retry_after.map(Duration::from_secs),
            tries: 1,
        }
    }

    #[test]
    fn retry_after_is_read_in_every_spelling() {
        let seconds = |n| Some(Duration::from_secs(n));
        let table: &[(&str, Option<&str>, Option<Duration>)] = &[
            ("120", None, seconds(120)),
            (" 0 ", None, seconds(0)),
            ("-5", None, seconds(0)),
            ("+5", None, seconds(5)),
            ("1.2", None, seconds(2)),
            ("99999999999999999999999", None, Some(Duration::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None, seconds(30)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None, seconds(30)), // wrong weekday
            ("06 Nov 1994 08:49:37 GMT", None, seconds(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None, seconds(30)),
            ("Sun Nov  6 08:49:37 1994", None, seconds(30)),
            ("Sun, 6 Nov 1994 08:49:37 +0000", None, seconds(30)),
            ("1994-11-06T08:49:37Z", None, seconds(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None, seconds(0)),
            ("Thu, 01 Jan 26 00:00:00 GMT", Some("Wed, 31 Dec 2025 23:59:00 GMT"), seconds(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 08:49:36 GMT"), seconds(1)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("yesterday"), seconds(30)),
            ("Sun, 06 Nov 1994 08:49:60 GMT", None, seconds(52)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None, None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None, None),
            ("Sun, 06 Nov 1994", None, None),
            ("soon", None, None),
            ("1e9", None, None),
            ("", None, None),
            ("-", None, None),
            (".", None, None),
            ("1.2.3", None, None),
        ];
        for (value, date, expected) in table {
            assert_eq!(retry_after(value, *date, now()), *expected, "{value:?} with {date:?}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        let politeness = politeness();
        let again = |error: &FetchError, attempt| error.retry(attempt, &politeness, politeness.backoff);
        let asked = |seconds, whole_host| Some(Again { wait: Duration::from_secs(seconds), whole_host });
        assert_eq!(again(&status(429, Some(7)), 0), asked(7, true));
        assert_eq!(again(&status(500, Some(0)), 3), asked(0, true));
        assert_eq!(again(&status(503, Some(7)), 4), None, "four retries are four");
        assert!(again(&status(429, None), 0).is_some_and(|again| again.whole_host));
        assert!(again(&status(502, None), 0).is_some_and(|again| !again.whole_host));
        let url = || "https://example.org/".to_owned();
        let cut = FetchError::Transport { url: url(), cause: "cut".into(), tries: 1 };
        assert!(again(&cut, 0).is_some_and(|again| !again.whole_host));
        let large = FetchError::TooLarge { url: url(), limit: 1 };
        let nobody = FetchError::NoContact { url: url() };
        assert_eq!([again(&large, 0), again(&nobody, 0)], [None, None]);
        let gentler = status(429, None).retry(0, &politeness, Duration::from_secs(30));
        assert!(gentler.is_some_and(|again| again.wait >= Duration::from_secs(30)));
        let passing: Vec<u16> = (100..600).filter(|status| may_pass(*status)).take(8).collect();
        assert_eq!(passing, [408, 425, 429, 500, 502, 503, 504, 506]);
        assert!(![501, 505, 511].into_iter().any(may_pass));
    }

    proptest! {
        #[test]
        fn backoff_stays_between_its_bounds(
            attempt in 0u32..100, first in 1u64..100_000, max in 1u64..1_000_000, dice in 0.0f64..1.0,
        ) {
            let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
            let wait = backoff_after(attempt, first, max, dice);
            prop_assert!(wait >= first);
            prop_assert!(wait <= max.max(first));
        }

        #[test]
        fn no_retry_after_makes_it_panic(value in ".{0,60}", date in proptest::option::of(".{0,40}")) {
            let _ = retry_after(&value, date.as_deref(), now());
        }

        #[test]
        fn a_date_reads_back(seconds in 0i64..4_000_000_000) {
            let at = Timestamp::from_second(seconds).expect("in range");
            let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(http_date(&text), Some(at));
            let text = at.strftime("%a %b %e %H:%M:%S %Y").to_string();
            prop_assert_eq!(http_date(&text), Some(at));
        }
    }
}
