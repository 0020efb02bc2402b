//! Planned times as people write them → an interval and its precision.

use jiff::civil::{Date, date};

use super::lexicon::{LEXICON, plain};
use crate::formats::reading::{Order, day_in};
use crate::notice::Precision;

/// First day, last day, unit.
pub(super) type Period = (Date, Date, Precision);

/// What is known of the cell's surroundings.
#[derive(Clone, Copy, Default)]
pub(super) struct Near<'a> {
    /// The year of the plan, for cells that name only a month or a quarter.
    pub year: Option<i16>,
    /// ISO 639-1.
    pub language: Option<&'a str>,
}

/// Reads `2026`, `03.2026`, `2026-03`, `Q2 2026`, `II ketvirtis`, `luna aprilie`, `I-II kwartał 2026`, `Mar-13`,
/// `05 Apr 14 00:00` and whole dates.
pub(super) fn read(text: &str, near: Near<'_>) -> Option<Period> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 80 {
        return None;
    }
    if let Some((moment, false)) = day_in(text, Order::DayFirst).filter(|(moment, _)| plausible(moment.date)) {
        return Some((moment.date, moment.date, Precision::Day));
    }
    let tokens = tokens(text, near.language)?;
    range_of_days(text).or_else(|| tokens.period(near.year))
}

/// Whether the cell says in words that there is no date.
pub(super) fn is_none(text: &str) -> bool {
    let text = plain(text);
    text.is_empty() || LEXICON.no_date.contains(&text)
}

fn plausible(day: Date) -> bool {
    (1990..2100).contains(&day.year())
}

/// `01.03.2026 - 30.06.2026`.
fn range_of_days(text: &str) -> Option<Period> {
    [" - ", "–", " do ", " to ", "-"].iter().find_map(|between| {
        let (from, to) = text.split_once(between)?;
        let day = |text: &str| day_in(text.trim(), Order::DayFirst).filter(|(day, bad)| !bad && plausible(day.date));
        let (from, to) = (day(from)?.0.date, day(to)?.0.date);
        (from <= to).then_some((from, to, Precision::Day))
    })
}

#[derive(Default)]
struct Tokens {
    years: Vec<i16>,
    months: Vec<i8>,
    /// Numbers from 0 to 99, in order; roman ones are marked.
    numbers: Vec<(i16, bool)>,
    quarter: bool,
    half: bool,
    month: bool,
    others: usize,
    /// `a` month name, `n` number, `y` year.
    pattern: String,
}

fn tokens(text: &str, language: Option<&str>) -> Option<Tokens> {
    let mut found = Tokens::default();
    let plain = plain(text);
    // Letters and digits part: `Q2`, `1er`, `2kv2026`.
    let mut words: Vec<String> = Vec::new();
    for word in plain.split(' ') {
        let mut last = None;
        for c in word.chars() {
            if last == Some(c.is_ascii_digit()) {
                words.last_mut()?.push(c);
            } else {
                words.push(c.to_string());
            }
            last = Some(c.is_ascii_digit());
        }
    }
    let is = |list: &[String], word: &str| list.iter().any(|known| known == word);
    for word in &words {
        let word = word.as_str();
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            match (word.len(), word.parse::<i16>().ok()?) {
                (4, year) if (1990..2100).contains(&year) => {
                    found.years.push(year);
                    found.pattern.push('y');
                }
                (1 | 2, number) => {
                    found.numbers.push((number, false));
                    found.pattern.push('n');
                }
                _ => return None,
            }
        } else if let Some(number) = roman(word) {
            found.numbers.push((number, true));
        } else if is(&LEXICON.quarter, word) {
            found.quarter = true;
        } else if is(&LEXICON.half, word) {
            found.half = true;
        } else if is(&LEXICON.month, word) {
            found.month = true;
        } else if let Some(month) = LEXICON.month(word, language) {
            found.months.push(month);
            found.pattern.push('a');
        } else {
            found.others += 1;
        }
    }
    (found.others <= 3).then_some(found)
}

fn roman(word: &str) -> Option<i16> {
    const NUMBERS: &[&str] = &["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
    let at = NUMBERS.iter().position(|number| *number == word)?;
    i16::try_from(at + 1).ok()
}

impl Tokens {
    fn period(&self, near: Option<i16>) -> Option<Period> {
        let first = self.years.first().copied().or(near);
        let last = self.years.last().copied().or(near);
        if !self.months.is_empty() {
            return self.named_months(first, last);
        }
        let bare = !self.quarter && !self.half && !self.month;
        if bare {
            return self.bare_numbers();
        }
        let (from, to) = (self.numbers.first()?.0, self.numbers.last()?.0);
        let (length, count, unit) = if self.quarter {
            (3, 4, Precision::Quarter)
        } else if self.half {
            (6, 2, Precision::HalfYear)
        } else {
            (1, 12, Precision::Month)
        };
        if !(1..=count).contains(&from) || !(1..=count).contains(&to) {
            return None;
        }
        let start = i8::try_from((from - 1) * length + 1).ok()?;
        let end = i8::try_from(to * length).ok()?;
        span((first?, start), (last?, end), unit)
    }

    fn named_months(&self, first: Option<i16>, last: Option<i16>) -> Option<Period> {
        let (from, to) = (*self.months.first()?, *self.months.last()?);
        let number = |at: usize| self.numbers.get(at).map(|(number, _)| *number);
        // `05 Apr 14 00:00`, `5 kwietnia 2026`.
        if self.pattern.starts_with("nan") && self.years.is_empty() || self.pattern.starts_with("nay") {
            let year = self.years.first().copied().or(number(1).map(|year| 2000 + year))?;
            let day = Date::new(year, from, i8::try_from(number(0)?).ok()?).ok().filter(|day| plausible(*day))?;
            return Some((day, day, Precision::Day));
        }
        // `Mar-13`.
        let short = number(0).filter(|_| self.years.is_empty() && self.pattern == "an").map(|year| 2000 + year);
        span((short.or(first)?, from), (short.or(last)?, to), Precision::Month)
    }

    /// `2026`, `2026-2027`, `03.2026`, `2026-03`, `03.2026-06.2026`.
    fn bare_numbers(&self) -> Option<Period> {
        let month = |at: usize| {
            let (number, roman) = *self.numbers.get(at)?;
            (!roman && (1..=12).contains(&number)).then(|| i8::try_from(number).ok()).flatten()
        };
        let year = |at: usize| self.years.get(at).copied();
        match self.pattern.as_str() {
            "y" if self.numbers.is_empty() => span((year(0)?, 1), (year(0)?, 12), Precision::Year),
            "yy" if self.numbers.is_empty() => span((year(0)?, 1), (year(1)?, 12), Precision::Year),
            "ny" | "yn" if self.others == 0 => span((year(0)?, month(0)?), (year(0)?, month(0)?), Precision::Month),
            "nyny" | "ynyn" => span((year(0)?, month(0)?), (year(1)?, month(1)?), Precision::Month),
            "nny" => span((year(0)?, month(0)?), (year(0)?, month(1)?), Precision::Month),
            _ => None,
        }
    }
}

/// From the first day of one month to the last day of another.
fn span(from: (i16, i8), to: (i16, i8), unit: Precision) -> Option<Period> {
    let first = Date::new(from.0, from.1, 1).ok()?;
    let last = Date::new(to.0, to.1, 1).ok()?.last_of_month();
    (first <= last && plausible(first) && last < date(2100, 1, 1)).then_some((first, last, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, year: Option<i16>, language: Option<&str>) -> String {
        read(text, Near { year, language }).map_or_else(
            || "none".to_owned(),
            |(from, to, unit)| format!("{from} {to} {}", serde_json::to_string(&unit).expect("JSON").trim_matches('"')),
        )
    }

    #[test]
    fn times_in_the_writings_of_plans() {
        for (text, expected) in [
            ("2026", "2026-01-01 2026-12-31 year"),
            ("2026 m.", "2026-01-01 2026-12-31 year"),
            ("2026-2027", "2026-01-01 2027-12-31 year"),
            ("Q2 2026", "2026-04-01 2026-06-30 quarter"),
            ("2026 Q2", "2026-04-01 2026-06-30 quarter"),
            ("T1 2026", "2026-01-01 2026-03-31 quarter"),
            ("1er trimestre 2026", "2026-01-01 2026-03-31 quarter"),
            ("2026 m. II ketvirtis", "2026-04-01 2026-06-30 quarter"),
            ("kwartał II 2026 r.", "2026-04-01 2026-06-30 quarter"),
            ("I-II kwartał 2026", "2026-01-01 2026-06-30 quarter"),
            ("IV. kvartal 2026.", "2026-10-01 2026-12-31 quarter"),
            ("II полугодие 2026", "2026-07-01 2026-12-31 half-year"),
            ("luna aprilie 2026", "2026-04-01 2026-04-30 month"),
            ("luna IV 2026", "2026-04-01 2026-04-30 month"),
            ("kwiecień 2026", "2026-04-01 2026-04-30 month"),
            ("balandžio mėn. 2026", "2026-04-01 2026-04-30 month"),
            ("travanj 2026.", "2026-04-01 2026-04-30 month"),
            ("квітень 2026", "2026-04-01 2026-04-30 month"),
            ("huhtikuu 2026", "2026-04-01 2026-04-30 month"),
            ("Jan-Mar 2026", "2026-01-01 2026-03-31 month"),
            ("Mar-13", "2013-03-01 2013-03-31 month"),
            ("03.2026", "2026-03-01 2026-03-31 month"),
            ("3/2026", "2026-03-01 2026-03-31 month"),
            ("2026-03", "2026-03-01 2026-03-31 month"),
            ("03.2026-06.2026", "2026-03-01 2026-06-30 month"),
            ("02.2028", "2028-02-01 2028-02-29 month"),
            ("15.03.2026", "2026-03-15 2026-03-15 day"),
            ("01.03.2026 - 30.06.2026", "2026-03-01 2026-06-30 day"),
            ("05 Apr 14 00:00", "2014-04-05 2014-04-05 day"),
            ("5 kwietnia 2026", "2026-04-05 2026-04-05 day"),
            ("Already started", "none"),
            ("13.2026", "none"),
            ("V kwartał 2026", "none"),
            ("II 2026", "none"),
            ("2026-06 - 2026-03", "none"),
            ("0", "none"),
            ("to be decided when the new building stands, not before 2026", "none"),
        ] {
            assert_eq!(shown(text, None, None), expected, "{text}");
        }
        assert_eq!(shown("II ketvirtis", None, None), "none");
        assert_eq!(shown("II ketvirtis", Some(2026), None), "2026-04-01 2026-06-30 quarter");
        assert_eq!(shown("aprilie", Some(2026), None), "2026-04-01 2026-04-30 month");
        assert_eq!(shown("listopad 2026", None, Some("pl")), "2026-11-01 2026-11-30 month");
        assert_eq!(shown("listopad 2026", None, Some("hr")), "2026-10-01 2026-10-31 month");
    }

    proptest! {
        #[test]
        fn a_written_unit_is_read_as_it_was_meant(year in 1990_i16..2099, month in 1_i8..=12) {
            let quarter = (month - 1) / 3 + 1;
            let first = Date::new(year, month, 1).expect("a month");
            let month_read = Some((first, first.last_of_month(), Precision::Month));
            prop_assert_eq!(read(&format!("{month:02}.{year}"), Near::default()), month_read);
            prop_assert_eq!(read(&format!("{year}-{month:02}"), Near::default()), month_read);
            let start = Date::new(year, (quarter - 1) * 3 + 1, 1).expect("a month");
            let end = Date::new(year, quarter * 3, 1).expect("a month").last_of_month();
            prop_assert_eq!(read(&format!("Q{quarter} {year}"), Near::default()), Some((start, end, Precision::Quarter)));
        }

        #[test]
        fn any_text_ends(text in ".{0,90}") {
            if let Some((from, to, _)) = read(&text, Near { year: Some(2026), language: None }) {
                prop_assert!(from <= to);
            }
        }
    }
}
