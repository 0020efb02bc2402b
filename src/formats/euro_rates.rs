//! The reference rates of the European Central Bank: its tables as XML (one day, 90 days, all) or as CSV (all).
//!
//! A day of rates is a record that is no notice; the rates go to the store, from where amounts of notices are converted. One
//! rate that cannot be makes the whole table suspect: nothing of it is used. It refuses to know which rates are known already.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::{Format, ParseError, Parsed, xml};
use crate::issue::NonNotice;
use crate::rates::{Rates, RatesError};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "euro-rates", version: 1, sniff, parse };

/// The envelope of the bank's statistics.
const ENVELOPE: &str = "http://www.gesmes.org/xml/2002-08-01";
/// What the envelope holds.
const RATES: &str = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref";

fn is_table(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text.starts_with(b"Date,USD,") || text.starts_with(b"Date, USD,")
}

fn sniff(bytes: &[u8]) -> bool {
    is_table(bytes) || xml::root_of(bytes).is_ok_and(|root| root.local == "Envelope" && root.namespace == ENVELOPE)
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let refused = |found: String| ParseError::NotThisFormat { format: FORMAT.name, found };
    let rates = if is_table(&document.body) {
        let text = std::str::from_utf8(&document.body).map_err(|error| refused(error.to_string()))?;
        Rates::parse(text)
    } else {
        markup(document)?
    };
    let rates = rates.map_err(|error| refused(error.to_string()))?;
    // It may be tomorrow already where the bank is.
    let latest = document.origin.fetched_at.to_zoned(TimeZone::UTC).date().tomorrow();
    if latest.is_ok_and(|latest| rates.last_day() > latest) {
        return Err(refused(format!("rates of {}, a day that has not come", rates.last_day())));
    }
    let mut parsed = Parsed::default();
    let mut days: Vec<Date> = rates.each().map(|(day, ..)| day).collect();
    days.sort_unstable();
    days.dedup();
    days.iter().for_each(|_| parsed.non_notice(NonNotice::ReferenceRates));
    parsed.rates = Some(rates);
    Ok(parsed)
}

#[derive(Clone, Copy, PartialEq)]
enum Name {
    Envelope,
    /// The table, a day in it, and a rate of that day are all called so.
    Cube,
}

fn markup(document: &RawDocument) -> Result<Result<Rates, RatesError>, ParseError> {
    let words = xml::Vocabulary {
        element: |namespace: &str, local: &str| match (namespace, local) {
            (ENVELOPE, "Envelope") => Some(Name::Envelope),
            (RATES, "Cube") => Some(Name::Cube),
            _ => None,
        },
        attributes: &["time", "currency", "rate"],
        flow: None,
    };
    let text = xml::Document::decode(&document.body)?;
    let tree = text.read(&words)?;
    let refused = |found: String| ParseError::NotThisFormat { format: FORMAT.name, found };
    let Some(tree) = tree else { return Err(refused("another envelope".to_owned())) };
    let mut rates = Vec::new();
    for day in tree.root().within(|_| false).filter(|cube| cube.attribute("time").is_some()) {
        let time = day.attribute("time").unwrap_or_default();
        let on: Date = time.parse().map_err(|_| refused(format!("a day {time:?}")))?;
        for cube in day.all(Name::Cube) {
            let (currency, rate) = (cube.attribute("currency").unwrap_or_default(), cube.attribute("rate"));
            let rate = rate.unwrap_or_default();
            if rate == "N/A" {
                continue;
            }
            let known = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
            let number: Option<Decimal> = rate.parse().ok().filter(|rate| *rate > Decimal::ZERO);
            match number.filter(|_| known) {
                Some(number) => rates.push((on, currency, number)),
                None => return Err(refused(format!("a rate {rate:?} of {currency:?} on {on}"))),
            }
        }
    }
    Ok(Rates::of(rates))
}
