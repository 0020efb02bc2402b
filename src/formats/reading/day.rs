//! Dates as people write them → [`Moment`].

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::notice::Moment;

/// Whether the day or the month stands first in `03/04/2026`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Europe.
    #[default]
    DayFirst,
    /// The United States.
    MonthFirst,
}

/// Reads ISO dates, `20260403`, `3.4.2026`, `03/04/2026 10:00`, `3 April 2026`, RFC 2822, `/Date(ms)/` and seconds or
/// milliseconds since 1970. The second value: there was a time, and it is none.
pub fn read(text: &str, order: Order) -> Option<(Moment, bool)> {
    let text = text.trim();
    if text.is_empty() || text.len() > 100 {
        return None;
    }
    epoch(text)
        .or_else(|| Moment::parse(text, None))
        .or_else(|| compact(text))
        .or_else(|| separated(text, order))
        .or_else(|| rfc2822(text))
        .or_else(|| named_month(text))
}

fn whole(date: Date, time: Option<Time>, offset: Option<Offset>) -> Moment {
    // Seconds are what a notice can say.
    Moment { date, time: time.map(|time| Time::constant(time.hour(), time.minute(), time.second(), 0)), offset }
}

/// `/Date(1388527200000+0200)/`, `1388527200000`, `1388527200`.
fn epoch(text: &str) -> Option<(Moment, bool)> {
    let inside = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/"));
    let (digits, zone) = match inside {
        Some(inside) => inside.rfind(['+', '-']).filter(|at| *at > 0).map_or((inside, ""), |at| inside.split_at(at)),
        None if text.len() >= 10 && text.bytes().all(|byte| byte.is_ascii_digit()) => (text, ""),
        None => return None,
    };
    let number: i64 = digits.parse().ok()?;
    let millis = if inside.is_some() || digits.len() >= 12 { number } else { number.checked_mul(1000)? };
    let offset = match zone {
        "" => Offset::UTC,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = (zone.get(1..3)?.parse::<i32>().ok()?, zone.get(3..5)?.parse::<i32>().ok()?);
            Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?
        }
    };
    let at = Timestamp::from_duration(SignedDuration::from_millis(millis)).ok()?;
    let local = offset.to_datetime(at);
    Some((whole(local.date(), Some(local.time()), Some(offset)), false))
}

/// `20260403`.
fn compact(text: &str) -> Option<(Moment, bool)> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = date(&text[..4], &text[4..6], &text[6..])?;
    Some((whole(date, None, None), false))
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let digits = |text: &str| !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year) || !digits(month) || !digits(day) || year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `3.4.2026`, `03. 04. 2026 10:00`, `2026/04/03`, `2026-04-03 10:00:00`.
fn separated(text: &str, order: Order) -> Option<(Moment, bool)> {
    let mut parts = [""; 3];
    let mut rest = text;
    for (at, part) in parts.iter_mut().enumerate() {
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        *part = &rest[..length];
        rest = &rest[length..];
        if at < 2 {
            rest = rest.strip_prefix(['.', '/', '-'])?.trim_start();
        }
    }
    let rest = rest.trim_start_matches(['.', 'T', ',', '-']).trim();
    let date = if parts[0].len() == 4 {
        date(parts[0], parts[1], parts[2])
    } else if order == Order::MonthFirst {
        date(parts[2], parts[0], parts[1])
    } else {
        date(parts[2], parts[1], parts[0])
    }?;
    let (time, offset, bad) = clock(rest);
    Some((whole(date, time, offset), bad))
}

/// `10:00`, `10:00:05.123`, `10.00`, `9:30 AM`, with or without an offset.
fn clock(text: &str) -> (Option<Time>, Option<Offset>, bool) {
    if text.is_empty() {
        return (None, None, false);
    }
    let (text, add) = match text.to_ascii_lowercase() {
        lower if lower.ends_with("pm") => (text[..text.len() - 2].trim().to_owned(), 12),
        lower if lower.ends_with("am") => (text[..text.len() - 2].trim().to_owned(), 0),
        _ => (text.to_owned(), -1),
    };
    let words: Vec<&str> =
        text.split_whitespace().filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
    let Some(word) = words.first() else { return (None, None, true) };
    let mut padded = if word.find([':', '.']) == Some(1) { format!("0{word}") } else { (*word).to_owned() };
    if !padded.contains(':') {
        padded = padded.replacen('.', ":", 1);
    }
    match Moment::parse("2000-01-01", Some(&padded)) {
        Some((moment, false)) if moment.time.is_some() => {
            let time = moment.time.and_then(|time| match (add, time.hour()) {
                (12, hour) if hour < 12 => Time::new(hour + 12, time.minute(), time.second(), 0).ok(),
                (0, 12) => Time::new(0, time.minute(), time.second(), 0).ok(),
                _ => Some(time),
            });
            (time, moment.offset, false)
        }
        _ => (None, None, true),
    }
}

/// `Tue, 03 Apr 2026 10:00:00 +0200`.
fn rfc2822(text: &str) -> Option<(Moment, bool)> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_zoned(text).ok()?;
    Some((whole(zoned.date(), Some(zoned.time()), Some(zoned.offset())), false))
}

/// Beginnings of month names, lower case, by month.
const MONTHS: &[(&str, i8)] = &[
    ("jan", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("mar", 3),
    ("mär", 3),
    ("mrt", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("may", 5),
    ("mai", 5),
    ("maj", 5),
    ("mei", 5),
    ("mag", 5),
    ("jun", 6),
    ("juin", 6),
    ("giu", 6),
    ("jul", 7),
    ("juil", 7),
    ("lug", 7),
    ("aug", 8),
    ("aoû", 8),
    ("aou", 8),
    ("ago", 8),
    ("sep", 9),
    ("set", 9),
    ("oct", 10),
    ("okt", 10),
    ("out", 10),
    ("ott", 10),
    ("nov", 11),
    ("dec", 12),
    ("déc", 12),
    ("dez", 12),
    ("dic", 12),
    ("des", 12),
];

/// `31 August 2026`, `11 Sept. 2026`, `August 31, 2026 10:00`.
fn named_month(text: &str) -> Option<(Moment, bool)> {
    let words: Vec<&str> = text.split([' ', ',', '\u{A0}', '-']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|word| month(word).is_some()).filter(|at| *at < 4)?;
    let digits = |word: &&str| -> Option<String> {
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then_some(digits)
    };
    let before = at.checked_sub(1).and_then(|at| words.get(at)).and_then(digits).filter(|day| day.len() <= 2);
    let (day, year_at) = match before {
        Some(day) => (day, at + 1),
        None => (words.get(at + 1).and_then(digits)?, at + 2),
    };
    let year = words.get(year_at).and_then(digits).filter(|year| year.len() == 4)?;
    let date = Date::new(year.parse().ok()?, month(words[at])?, day.parse().ok()?).ok()?;
    let rest = words[year_at + 1..].iter().find(|word| word.contains(':')).copied().unwrap_or("");
    let (time, offset, bad) = clock(rest);
    Some((whole(date, time, offset), bad))
}

fn month(word: &str) -> Option<i8> {
    let lower = word.to_lowercase();
    if !lower.starts_with(char::is_alphabetic) {
        return None;
    }
    MONTHS.iter().filter(|(start, _)| lower.starts_with(start)).max_by_key(|(start, _)| start.len()).map(|(_, m)| *m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> String {
        match read(text, Order::DayFirst) {
            Some((moment, bad)) => format!("{moment}{}", if bad { " bad time" } else { "" }),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn dates_in_the_writings_of_publishers() {
        for (text, expected) in [
            ("2026-04-03", "2026-04-03"),
            ("2026-04-03T10:00:00.1234567Z", "2026-04-03T10:00:00+00:00"),
            ("2018-01-01+01:00T00:00:00Z", "2018-01-01T00:00:00+00:00"),
            ("2026-04-03 10:00:00", "2026-04-03T10:00:00"),
            ("20260403", "2026-04-03"),
            ("3.4.2026", "2026-04-03"),
            ("03. 04. 2026 9:30", "2026-04-03T09:30:00"),
            ("03/04/2026 at 9", "2026-04-03 bad time"),
            ("03-04-2026", "2026-04-03"),
            ("/Date(1388527200000+0200)/", "2014-01-01T00:00:00+02:00"),
            ("1388527200000", "2013-12-31T22:00:00+00:00"),
            ("31 August 2026", "2026-08-31"),
            ("11 Sept. 2026", "2026-09-11"),
            ("August 31, 2026 10:05", "2026-08-31T10:05:00"),
            ("Tue, 03 Apr 2026 10:00:00 +0200", "2026-04-03T10:00:00+02:00"),
            ("31.02.2026", "none"),
            ("soon", "none"),
            ("2026", "none"),
            ("", "none"),
        ] {
            assert_eq!(day(text), expected, "{text:?}");
        }
        assert_eq!(
            read("04/03/2026 5:00 PM", Order::MonthFirst).map(|m| m.0.to_string()).as_deref(),
            Some("2026-04-03T17:00:00")
        );
    }
}
