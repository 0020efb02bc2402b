//! Dates as published: zone and precision are kept.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A published date, perhaps with a time and perhaps with an offset. JSON: `2024-09-12T11:31:05+02:00`, or as much of it as was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The calendar date as printed.
    pub date: Date,
    /// The time of day, if said.
    pub time: Option<Time>,
    /// The offset from UTC, if said.
    pub offset: Option<Offset>,
}

impl Moment {
    /// Reads an XML Schema date or dateTime, or the date and time of two elements (`2024-09-12+02:00`, `11:31:05+02:00`).
    /// `None` when the date is none; a time that is none is reported as the second value.
    pub fn parse(date: &str, time: Option<&str>) -> Option<(Self, bool)> {
        let date = date.trim();
        let (date_part, rest) = match date.find('T') {
            Some(at) => (&date[..at], Some(&date[at + 1..])),
            None => (date, None),
        };
        let (day, mut offset) = split_offset(date_part, 10)?;
        let date = parse_date(day)?;
        let mut bad_time = false;
        let mut clock = None;
        if let Some(text) = rest.or(time).map(str::trim).filter(|text| !text.is_empty()) {
            match split_offset(text, 5).and_then(|(time, own)| Some((parse_time(time)?, own))) {
                Some((time, own)) => {
                    clock = Some(time);
                    offset = own.or(offset);
                }
                None => bad_time = true,
            }
        }
        Some((Self { date, time: clock, offset }, bad_time))
    }

    /// The instant, with `zone` where no offset was said and 00:00:00 where no time was.
    pub fn at(&self, zone: &TimeZone) -> Option<Timestamp> {
        instant(self.date.to_datetime(self.time.unwrap_or(Time::midnight())), self.offset, zone)
    }
}

fn instant(local: DateTime, offset: Option<Offset>, zone: &TimeZone) -> Option<Timestamp> {
    match offset {
        Some(offset) => offset.to_timestamp(local).ok(),
        None => zone.to_ambiguous_zoned(local).compatible().ok().map(|zoned| zoned.timestamp()),
    }
}

/// `2024-09-12`, four-digit year, nothing else.
fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten();
    let small = |part: &str| number(part).and_then(|n| i8::try_from(n).ok());
    Date::new(number(year)?, small(month)?, small(day)?).ok()
}

/// `11:31`, `11:31:05`, `11:31:05.123456789`; 24:00 is none.
fn parse_time(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let number = |part: Option<&str>| -> Option<i8> {
        let part = part?;
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let (hour, minute) = (number(parts.next())?, number(parts.next())?);
    let second = match parts.next() {
        Some(part) => number(Some(part))?,
        None => 0,
    };
    if parts.next().is_some() || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Fractions are read and dropped: no notice means them.
    Time::new(hour, minute, second, 0).ok()
}

/// An offset as it can be written. Before there were time zones, local mean time differed by odd seconds.
fn whole_minutes(offset: Offset) -> Offset {
    Offset::from_seconds(offset.seconds() / 60 * 60).unwrap_or(offset)
}

/// Splits a trailing `Z` or `±hh:mm` that starts at or after `from`.
fn split_offset(text: &str, from: usize) -> Option<(&str, Option<Offset>)> {
    if !text.is_ascii() {
        return None;
    }
    if let Some(rest) = text.strip_suffix('Z') {
        return Some((rest, Some(Offset::UTC)));
    }
    let Some(at) = text.get(from..)?.find(['+', '-']).map(|at| at + from) else {
        return Some((text, None));
    };
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((&text[..at], Some(offset)))
}

fn write_offset(f: &mut fmt::Formatter<'_>, offset: Offset) -> fmt::Result {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date)?;
        if let Some(time) = self.time {
            write!(f, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        }
        self.offset.map_or(Ok(()), |offset| write_offset(f, offset))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Self::parse(&text, None) {
            Some((moment, false)) => Ok(moment),
            _ => Err(serde::de::Error::custom("expected an ISO 8601 date or date and time")),
        }
    }
}

/// The instant until which something can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The instant.
    pub at: Timestamp,
    /// The offset it was printed with, for display.
    pub offset: Offset,
    /// Where the offset comes from: `+02:00` as published, else the IANA zone of the buyer's country.
    pub zone: String,
    /// Whether a time was said; without one it is 23:59:59 of that day.
    pub has_time: bool,
}

impl Deadline {
    /// From a published moment; `zone` is that of the buyer's country and counts only where no offset was said.
    pub fn from_moment(moment: Moment, zone: &TimeZone) -> Option<Self> {
        let local = moment.date.to_datetime(moment.time.unwrap_or(Time::constant(23, 59, 59, 0)));
        let at = instant(local, moment.offset, zone)?;
        let (exact, name) = match moment.offset {
            Some(offset) => (offset, None),
            None => (zone.to_offset(at), zone.iana_name().map(str::to_owned)),
        };
        let offset = whole_minutes(exact);
        let odd = i64::from(exact.seconds() - offset.seconds());
        let at = at.checked_add(jiff::SignedDuration::from_secs(odd)).ok()?;
        let mut deadline = Self { at, offset, zone: String::new(), has_time: moment.time.is_some() };
        deadline.zone = name.unwrap_or_else(|| OffsetText(offset).to_string());
        Some(deadline)
    }

    /// The calendar date as printed.
    pub fn date(&self) -> Date {
        self.offset.to_datetime(self.at).date()
    }

    /// How long from `now`; negative when it has passed.
    pub fn left(&self, now: Timestamp) -> SignedDuration {
        self.at.duration_since(now)
    }
}

struct OffsetText(Offset);
impl fmt::Display for OffsetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_offset(f, self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct DeadlineJson {
    at: Moment,
    zone: String,
    has_time: bool,
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let local = self.offset.to_datetime(self.at);
        let at = Moment { date: local.date(), time: Some(local.time()), offset: Some(self.offset) };
        DeadlineJson { at, zone: self.zone.clone(), has_time: self.has_time }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Deadline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = DeadlineJson::deserialize(deserializer)?;
        let at = json.at.at(&TimeZone::UTC).ok_or_else(|| serde::de::Error::custom("no such instant"))?;
        Ok(Self { at, offset: json.at.offset.unwrap_or(Offset::UTC), zone: json.zone, has_time: json.has_time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(date: &str, time: Option<&str>) -> String {
        match Moment::parse(date, time) {
            Some((moment, bad)) => format!("{moment}{}", if bad { " bad time" } else { "" }),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn dates_keep_offset_and_precision() {
        assert_eq!(moment("2024-09-12+02:00", Some("11:31:05+02:00")), "2024-09-12T11:31:05+02:00");
        assert_eq!(moment("2024-09-12Z", None), "2024-09-12+00:00");
        assert_eq!(moment("2024-09-12", Some("11:31")), "2024-09-12T11:31:00");
        assert_eq!(moment("2024-09-12", Some("11:31:05.1234567Z")), "2024-09-12T11:31:05+00:00");
        assert_eq!(moment("2024-09-12T01:02:03-05:30", None), "2024-09-12T01:02:03-05:30");
        assert_eq!(moment("2024-09-12", Some("25:00:00")), "2024-09-12 bad time");
        for bad in ["", "2024", "2024-13-01", "2024-02-30", "12.09.2024", "2024-09-12+99:00", "٢٠٢٤-09-12", "24-9-12"]
        {
            assert_eq!(moment(bad, None), "none", "{bad}");
        }
    }

    #[test]
    fn a_deadline_without_a_time_is_the_end_of_that_day() {
        let (moment, _) = Moment::parse("2026-07-01", None).expect("a date");
        let zone = TimeZone::get("Europe/Paris").expect("bundled zone");
        let deadline = Deadline::from_moment(moment, &zone).expect("an instant");
        let json = serde_json::to_string(&deadline).expect("serialises");
        assert_eq!(json, r#"{"at":"2026-07-01T23:59:59+02:00","zone":"Europe/Paris","has_time":false}"#);
        assert_eq!(serde_json::from_str::<Deadline>(&json).expect("reads back"), deadline);
        assert_eq!(deadline.date().to_string(), "2026-07-01");

        // A year that was mistyped: local mean time, with seconds.
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let (moment, _) = Moment::parse("1013-06-10", None).expect("a date");
        let deadline = Deadline::from_moment(moment, &zone).expect("an instant");
        let json = serde_json::to_string(&deadline).expect("serialises");
        assert_eq!(json, r#"{"at":"1013-06-10T23:59:59+00:53","zone":"Europe/Berlin","has_time":false}"#);
        assert_eq!(serde_json::from_str::<Deadline>(&json).expect("reads back"), deadline);
    }
}
