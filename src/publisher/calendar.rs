//! Publication days: which days have an issue of the gazette, and which number it bears.
//!
//! Monday to Friday except the holidays of the publishing office; numbers are consecutive within a year, so
//! that an issue number cannot be guessed from the date alone, just as with the real gazette.

use jiff::civil::{Date, Weekday, date};
use jiff::{Span, ToSpan};

/// One issue of the gazette: a publication day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OjIssue {
    /// The year it is numbered in.
    pub year: i16,
    /// Its number in that year, from 1.
    pub number: u16,
    /// Its only publication day.
    pub day: Date,
}

impl OjIssue {
    /// Name of the folder inside the package: `20260717_136`.
    pub fn folder(&self) -> String {
        format!("{}_{:03}", self.day.strftime("%Y%m%d"), self.number)
    }

    /// Name of the package as the server announces it: `20260717_136.tar.gz`.
    pub fn file_name(&self) -> String {
        format!("{}.tar.gz", self.folder())
    }

    /// The last part of the package's URL: `202600136`.
    pub fn path_number(&self) -> String {
        format!("{:04}{:05}", self.year, self.number)
    }

    /// As the Search API prints it: `136/2026`.
    pub fn slashed(&self) -> String {
        format!("{}/{}", self.number, self.year)
    }
}

/// The issues of `weeks` ISO weeks, the last of which ends on `last_day`.
pub(super) fn issues(last_day: Date, weeks: u32) -> Vec<OjIssue> {
    let back = i64::from(last_day.weekday().to_monday_zero_offset()) + 7 * (i64::from(weeks.max(1)) - 1);
    let first = minus_days(last_day, back);
    let mut found = Vec::new();
    let mut year = first.year();
    let mut number = count(date(year, 1, 1), first);
    for day in days(first, last_day) {
        if day.year() != year {
            year = day.year();
            number = 0;
        }
        if is_publication_day(day) {
            number += 1;
            found.push(OjIssue { year, number, day });
        }
    }
    found
}

/// The latest Friday that is not after this day.
pub(super) fn friday_on_or_before(day: Date) -> Date {
    let past = i64::from(day.weekday().since(Weekday::Friday));
    minus_days(day, past)
}

/// Some days later, or earlier when negative.
pub(super) fn plus_days(day: Date, days: i64) -> Date {
    day.saturating_add(Span::new().days(days.clamp(-3_000_000, 3_000_000)))
}

fn minus_days(day: Date, days: i64) -> Date {
    plus_days(day, -days)
}

/// Publication days from `first` up to but without `end`.
fn count(first: Date, end: Date) -> u16 {
    let found = days(first, end).filter(|day| *day != end && is_publication_day(*day)).count();
    u16::try_from(found).unwrap_or(u16::MAX)
}

fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(1.day()).take_while(move |day| *day <= last)
}

fn is_publication_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

fn is_holiday(day: Date) -> bool {
    let fixed = matches!((day.month(), day.day()), (1 | 5 | 11, 1) | (12, 25 | 26));
    // Good Friday, Easter Monday, Ascension, Whit Monday
    fixed || [-2, 1, 39, 50].iter().any(|offset| plus_days(easter(day.year()), *offset) == day)
}

/// Easter Sunday by the anonymous Gregorian rule (Butcher, 1876).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (golden, century, rest) = (y % 19, y / 100, y % 100);
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let moon = (19 * golden + century - century / 4 - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (rest / 4) - moon - rest % 4) % 7;
    let late = (golden + 11 * moon + 22 * weekday) / 451;
    let sum = moon + weekday - 7 * late + 114;
    let (month, day) = (i8::try_from(sum / 31).unwrap_or(4), i8::try_from(sum % 31 + 1).unwrap_or(1));
    date(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_issue_has_its_real_number() {
        let issues = issues(date(2026, 7, 17), 1);
        assert_eq!(issues.len(), 5);
        assert_eq!(issues[4].file_name(), "20260717_136.tar.gz");
        assert_eq!(issues[4].path_number(), "202600136");
        assert_eq!(issues[4].slashed(), "136/2026");
    }

    #[test]
    fn numbers_restart_with_the_year_and_skip_holidays() {
        let issues = issues(date(2027, 1, 8), 3);
        assert!(issues.iter().all(|issue| issue.day.weekday() != Weekday::Saturday));
        assert!(!issues.iter().any(|issue| issue.day == date(2026, 12, 25) || issue.day == date(2027, 1, 1)));
        let first = issues.iter().find(|issue| issue.year == 2027).expect("January is covered");
        assert_eq!((first.number, first.day), (1, date(2027, 1, 4)));
        for pair in issues.windows(2) {
            assert!(pair[1].number == pair[0].number + 1 || pair[1].number == 1);
        }
        assert_eq!(easter(2026), date(2026, 4, 5));
        assert_eq!(friday_on_or_before(date(2026, 11, 22)), date(2026, 11, 20));
        assert_eq!(friday_on_or_before(date(2026, 11, 20)), date(2026, 11, 20));
    }
}
