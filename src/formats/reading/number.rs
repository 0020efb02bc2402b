//! Numbers as people write them → decimals, and currencies written beside them.

use rust_decimal::Decimal;

use crate::codes;

/// How a source writes its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `1234.5`, `1,234.50`: the point before the decimals. Machine formats.
    #[default]
    Point,
    /// `1 234,5`, `1.234,50`: the comma before the decimals.
    Comma,
    /// Whatever the number itself shows; `1.234` alone is a thousand and more.
    Auto,
}

/// The first number in a text, sign included; `None` when there is none or several, or when it cannot be held.
pub fn read(text: &str, style: Style) -> Option<Decimal> {
    let text = text.trim();
    if let Ok(plain) = text.parse::<Decimal>()
        && (style == Style::Point || !text.contains('.'))
    {
        return Some(plain);
    }
    if style == Style::Point
        && let Some(number) = scientific(text)
    {
        return Some(number);
    }
    let (digits, rest) = run(text)?;
    // A second number ("40 000 - 100 000") is a range, and not for this reader.
    if rest.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let negative = text.trim_start_matches(|c: char| c.is_alphabetic() || c.is_whitespace()).starts_with('-');
    let plain = plain(&digits, style)?;
    let number: Decimal = plain.parse().ok()?;
    Some(if negative { -number } else { number })
}

fn scientific(text: &str) -> Option<Decimal> {
    text.contains(['e', 'E']).then(|| Decimal::from_scientific(text).ok()).flatten()
}

/// The run of digits and separators, and what follows it.
fn run(text: &str) -> Option<(String, &str)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut end = start;
    let mut digits = String::new();
    let mut pending = String::new();
    for (at, c) in text[start..].char_indices() {
        if c.is_ascii_digit() {
            digits.push_str(&pending);
            pending.clear();
            digits.push(c);
            end = start + at + 1;
        } else if matches!(c, '.' | ',' | '\'' | '’') && pending.is_empty() {
            pending.push(c);
        } else if (c == ' ' || c == '\u{A0}' || c == '\u{202F}') && pending.is_empty() {
            pending.push(' ');
        } else {
            break;
        }
    }
    Some((digits, &text[end..]))
}

/// Digits with at most one point.
fn plain(digits: &str, style: Style) -> Option<String> {
    let groups_ok = |whole: &str| {
        // Thousands come in threes.
        let mut groups = whole.split([' ', '.', ',', '\'', '’']);
        let first = groups.next().unwrap_or("");
        (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
            || !whole.contains([' ', '.', ',', '\'', '’'])
    };
    let decimal = match style {
        Style::Point => Some('.'),
        Style::Comma => Some(','),
        Style::Auto => guess(digits),
    };
    let (whole, fraction) = match decimal.and_then(|sign| digits.rsplit_once(sign)) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    if fraction.is_some_and(|fraction| !fraction.bytes().all(|byte| byte.is_ascii_digit())) || !groups_ok(whole) {
        return None;
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    Some(fraction.map_or_else(|| whole.clone(), |fraction| format!("{whole}.{fraction}")))
}

/// Which sign stands before the decimals: the last one of two kinds, or a single one that is not followed by three
/// digits.
fn guess(digits: &str) -> Option<char> {
    let point = digits.rfind('.');
    let comma = digits.rfind(',');
    match (point, comma) {
        (Some(point), Some(comma)) => Some(if point > comma { '.' } else { ',' }),
        (Some(at), None) | (None, Some(at)) => {
            let sign = if point.is_some() { '.' } else { ',' };
            let once = digits.matches(sign).count() == 1;
            (once && digits.len() - at - 1 != 3).then_some(sign)
        }
        (None, None) => None,
    }
}

/// A currency written with an amount: a code or a sign.
pub fn currency(text: &str) -> Option<String> {
    const SIGNS: &[(&str, &str)] = &[
        ("€", "EUR"),
        ("£", "GBP"),
        ("zł", "PLN"),
        ("kč", "CZK"),
        ("лв", "BGN"),
        ("ft", "HUF"),
        ("грн", "UAH"),
        ("евро", "EUR"),
        ("ευρώ", "EUR"),
        ("euro", "EUR"),
        ("lei", "RON"),
        ("$", "USD"),
    ];
    let letters = text.split(|c: char| !c.is_ascii_alphabetic());
    if let Some(code) = letters.map(str::to_ascii_uppercase).find(|word| word.len() == 3 && codes::is_currency(word)) {
        return Some(code);
    }
    let lower = text.to_lowercase();
    SIGNS.iter().find(|(sign, _)| lower.contains(sign)).map(|(_, code)| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, style: Style) -> Option<String> {
        read(text, style).map(|number| number.normalize().to_string())
    }

    #[test]
    fn numbers_in_the_writings_of_publishers() {
        for (text, style, expected) in [
            ("1234.5", Style::Point, Some("1234.5")),
            ("1,234,567.50", Style::Point, Some("1234567.5")),
            ("1.5E6", Style::Point, Some("1500000")),
            ("1e9999", Style::Point, None),
            (" 000,", Style::Point, Some("0")),
            ("162.000,00", Style::Comma, Some("162000")),
            ("2 500 000", Style::Comma, Some("2500000")),
            ("6.219,08 €", Style::Comma, Some("6219.08")),
            ("162.000", Style::Comma, Some("162000")),
            ("162.000", Style::Auto, Some("162000")),
            ("162.5", Style::Auto, Some("162.5")),
            ("1 234,56 zł", Style::Auto, Some("1234.56")),
            ("1'234'567.05 CHF", Style::Auto, Some("1234567.05")),
            ("£ 12,500", Style::Auto, Some("12500")),
            ("-12", Style::Auto, Some("-12")),
            ("40 000 - 100 000", Style::Auto, None),
            ("12 34", Style::Comma, None),
            ("none", Style::Auto, None),
            ("", Style::Auto, None),
        ] {
            assert_eq!(number(text, style).as_deref(), expected, "{text:?} {style:?}");
        }
    }

    #[test]
    fn currencies_beside_amounts() {
        assert_eq!(currency("1 234,56 zł").as_deref(), Some("PLN"));
        assert_eq!(currency("EUR 5").as_deref(), Some("EUR"));
        assert_eq!(currency("5"), None);
    }
}
