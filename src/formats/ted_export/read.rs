//! Elements → values: dates in one element or in three, amounts of all editions, organisations, texts.

use super::names::El;
use crate::formats::reading::{Reading, Style};
use crate::formats::xml;
use crate::notice::{Amount, MoneyKind, Organisation, Vat};

pub(super) type Node<'t> = xml::Node<'t, El>;

/// Lines without blanks around them and without empty ones.
pub(super) fn clean(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// `20210406 12:00` → `2021-04-06 12:00`; anything else as it is.
pub(super) fn stamp(text: &str) -> String {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 8 {
        return text.to_owned();
    }
    let time = text[8..].trim();
    let gap = if time.is_empty() { "" } else { " " };
    format!("{}-{}-{}{gap}{time}", &text[..4], &text[4..6], &text[6..8])
}

/// A date in one element, or in DAY, MONTH, YEAR and TIME.
pub(super) fn day(node: Node<'_>) -> String {
    if !node.text().is_empty() {
        return stamp(node.text());
    }
    let part = |name| node.first(name).map_or("", Node::text);
    let (year, month, day, time) = (part(El::Year), part(El::Month), part(El::Day), part(El::Time));
    if year.is_empty() && month.is_empty() && day.is_empty() {
        return String::new();
    }
    format!("{year}-{month:0>2}-{day:0>2} {time}").trim_end().to_owned()
}

/// An amount: text with a currency (R2.0.9), or a block with one value or a range (R2.0.7, R2.0.8), whose machine
/// value stands in FMTVAL. Of a range the upper end is read, and the whole range is kept.
pub(super) fn money(node: Node<'_>, path: &str, kind: MoneyKind, vat: Vat, reading: &mut Reading) -> Option<Amount> {
    let currency = node.attribute("CURRENCY");
    let vat = match (node.first(El::VatIn), node.first(El::VatEx)) {
        (Some(_), None) => Vat::In,
        (None, Some(_)) => Vat::Ex,
        _ => vat,
    };
    if node.attribute("PUBLICATION") == Some("NO") {
        return Some(reading.withheld(path, None));
    }
    let range = node.first(El::Range).or_else(|| node.first(El::High).map(|_| node));
    if let Some(range) = range {
        let written = |name| range.first(name).map(|node| node.attribute("FMTVAL").unwrap_or(node.text()));
        let (low, high) = (written(El::Low).unwrap_or(""), range.first(El::High)?);
        let line = format!("{low} - {} {}", written(El::High).unwrap_or(""), currency.unwrap_or(""));
        reading.keep_in_list(path, line.trim());
        return number(high, path, currency, kind, vat, reading);
    }
    let value = node.first(El::Value).unwrap_or(node);
    number(value, path, value.attribute("CURRENCY").or(currency), kind, vat, reading)
}

fn number(
    node: Node<'_>,
    path: &str,
    currency: Option<&str>,
    kind: MoneyKind,
    vat: Vat,
    reading: &mut Reading,
) -> Option<Amount> {
    if let Some(written) = node.attribute("FMTVAL").filter(|written| !written.is_empty()) {
        return reading.amount(path, written, currency, kind, vat);
    }
    // Text for people has blanks and a decimal comma; text for machines is a plain decimal.
    let text = node.text();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    reading.numbers = if plain { Style::Point } else { Style::Comma };
    let amount = reading.amount(path, text, currency, kind, vat);
    reading.numbers = Style::Point;
    amount
}

/// The first of this name inside.
pub(super) fn inside(node: Node<'_>, name: El) -> Option<Node<'_>> {
    node.within(|_| false).find(|found| found.name() == name)
}

/// An address block, without its contact data.
pub(super) fn organisation(node: Node<'_>, path: &str, reading: &mut Reading) -> Option<Organisation> {
    let text = |name| inside(node, name).map_or("", Node::text);
    let name = Some(text(El::OfficialName)).filter(|name| !name.is_empty()).unwrap_or_else(|| text(El::Organisation));
    let name = reading.line(name)?;
    let country = inside(node, El::Country).and_then(|node| node.attribute("VALUE")).unwrap_or("");
    let nuts = inside(node, El::Nuts).and_then(|node| node.attribute("CODE")).unwrap_or("");
    Some(Organisation {
        name: Some(name),
        id: reading.line(text(El::NationalId)),
        country: reading.country(&format!("{path}/COUNTRY"), country),
        nuts: reading.nuts(&format!("{path}/NUTS"), nuts),
        city: reading.line(text(El::Town)),
        website: reading.url(&format!("{path}/URL"), text(El::Url)),
        size: inside(node, El::Sme).map(|_| "sme".to_owned()),
        ..Organisation::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_lines() {
        for (text, expected) in [
            ("20210406 12:00", "2021-04-06 12:00"),
            ("20210406", "2021-04-06"),
            ("2021-04-06", "2021-04-06"),
            ("202104061", "202104061"),
            ("", ""),
        ] {
            assert_eq!(stamp(text), expected);
        }
        assert_eq!(clean(" a \n\n  b\n"), "a\nb");
    }
}
