//! Planned amounts as people write them: one number, or a band of which one end may be open.

use rust_decimal::Decimal;

use super::lexicon::{LEXICON, has_phrase, plain};
use crate::formats::reading::{Style, number_in};

/// Between the ends; both are the same for a single number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
}

impl Band {
    pub fn exact(self) -> Option<Decimal> {
        self.low.filter(|low| Some(*low) == self.high)
    }

    fn of(number: Decimal) -> Self {
        Self { low: Some(number), high: Some(number) }
    }

    fn times(self, factor: Decimal) -> Option<Self> {
        let times = |end: Option<Decimal>| {
            end.map_or(Some(None), |end| end.checked_mul(factor).map(|end| Some(end.normalize())))
        };
        Some(Self { low: times(self.low)?, high: times(self.high)? })
    }
}

/// Thousands or millions, if the words of a header or cell say so.
pub(super) fn factor(text: &str) -> Option<Decimal> {
    let text = spaced(text);
    let says = |words: &[String]| words.iter().any(|word| has_phrase(&text, word));
    if says(&LEXICON.million) {
        Some(Decimal::from(1_000_000))
    } else if says(&LEXICON.thousand) {
        Some(Decimal::from(1_000))
    } else {
        None
    }
}

/// Plain words with digits and letters apart.
fn spaced(text: &str) -> String {
    let mut out = String::new();
    let mut last = None;
    for c in plain(text).chars() {
        if c != ' ' && last.is_some_and(|digit| digit != c.is_ascii_digit()) {
            out.push(' ');
        }
        last = (c != ' ').then_some(c.is_ascii_digit());
        out.push(c);
    }
    out
}

/// Reads `162.000,00`, `2 500 000`, `40k - 100k€`, `+ 100M€`, `<40k`; numbers without a factor of their own get that of
/// the column. `typed` cells come from a spreadsheet's number and have a decimal point.
pub(super) fn read(text: &str, column: Decimal, typed: bool) -> Option<Band> {
    let text = text.trim();
    if text.chars().count() > 80 {
        return None;
    }
    if typed
        && let Ok(number) = text.parse::<Decimal>()
        && (!text.contains('.') || !text.ends_with('0'))
    {
        return (!number.is_sign_negative()).then(|| Band::of(number).times(column)).flatten();
    }
    if let Some(number) = positive(text) {
        let factor = factor(text).unwrap_or(column);
        let band = Band::of(number).times(factor)?;
        let words = spaced(text);
        let begins = |list: &[String]| {
            list.iter().any(|word| words.strip_prefix(word.as_str()).is_some_and(|rest| rest.starts_with(' ')))
        };
        let (first, last) = (text.chars().next(), text.chars().next_back());
        return Some(if matches!(first, Some('<' | '≤')) || begins(&LEXICON.less) {
            Band { low: None, ..band }
        } else if matches!(first, Some('>' | '≥' | '+')) || last == Some('+') || begins(&LEXICON.more) {
            Band { high: None, ..band }
        } else {
            band
        });
    }
    [" - ", "-", "–", "—", " do ", " to ", " à ", " et ", " and ", " až "].iter().find_map(|between| {
        let (low, high) = text.split_once(between)?;
        let own = factor(high);
        let high = positive(high)?.checked_mul(own.unwrap_or(column))?;
        let low = positive(low)?.checked_mul(factor(low).or(own).unwrap_or(column))?;
        (low <= high).then(|| Band { low: Some(low.normalize()), high: Some(high.normalize()) })
    })
}

fn positive(text: &str) -> Option<Decimal> {
    number_in(text, Style::Auto).filter(|number| !number.is_sign_negative())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let end = |end: Option<Decimal>| end.map_or_else(String::new, |end| end.to_string());
        read(text, Decimal::ONE, false)
            .map_or_else(|| "none".to_owned(), |band| format!("{}..{}", end(band.low), end(band.high)))
    }

    #[test]
    fn amounts_in_the_writings_of_plans() {
        for (text, expected) in [
            ("162.000,00", "162000..162000"),
            ("2 500 000", "2500000..2500000"),
            ("40k - 100k€", "40000..100000"),
            ("40 - 100k€", "40000..100000"),
            ("+ 100M€", "100000000.."),
            ("<40k", "..40000"),
            ("moins de 40 000 €", "..40000"),
            ("od 10 000 zł", "10000.."),
            ("1,5 mln zł", "1500000..1500000"),
            ("0,00", "0..0"),
            ("£0.10", "0.1..0.1"),
            ("15000000.00000", "15000000..15000000"),
            ("100 - 40", "none"),
            ("soon", "none"),
            ("-5", "none"),
            ("", "none"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(factor("Valoarea estimată (mii lei)"), Some(Decimal::from(1000)));
        assert_eq!(factor("Wartość w mln zł"), Some(Decimal::from(1_000_000)));
        assert_eq!(factor("Maksumus €"), None);
        assert_eq!(read("1.234", Decimal::ONE, true).and_then(Band::exact), Some(Decimal::new(1234, 3)));
        assert_eq!(read("162.000", Decimal::ONE, true).and_then(Band::exact), Some(Decimal::from(162_000)));
        assert_eq!(read("2", Decimal::from(1000), true).and_then(Band::exact), Some(Decimal::from(2000)));
    }

    proptest! {
        #[test]
        fn a_written_amount_is_read_as_it_was_meant(cents in 0_i64..10_000_000_000) {
            let number = Decimal::new(cents, 2);
            let plain = format!("{number:.2}");
            let (whole, fraction) = plain.split_once('.').expect("two decimals");
            let mut grouped = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at) % 3 == 0 {
                    grouped.push('.');
                }
                grouped.push(digit);
            }
            let expected = Some(Band::of(number.normalize()));
            prop_assert_eq!(read(&plain, Decimal::ONE, false), expected);
            prop_assert_eq!(read(&format!("{grouped},{fraction} €"), Decimal::ONE, false), expected);
            let spaced = format!("{},{fraction} zł", grouped.replace('.', " "));
            prop_assert_eq!(read(&spaced, Decimal::ONE, false), expected);
        }

        #[test]
        fn any_text_ends(text in ".{0,90}") {
            if let Some(Band { low: Some(low), high: Some(high) }) = read(&text, Decimal::ONE, false) {
                prop_assert!(low <= high);
            }
        }
    }
}
