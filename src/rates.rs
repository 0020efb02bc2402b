//! What is an amount in euro on a day? The reference rates of the European Central Bank, and nothing else.
//!
//! The shipped snapshot is `index/rates/euro-reference.csv.zst`, in the bank's own form; what a crawl of the bank's later
//! files brought comes after it ([`Rates::and_later`]). A rate is units of the other currency per euro. What the bank does not quote on
//! a day (the hryvnia, the Serbian dinar) has no value in euro here: a guess would look like a fact in a sum.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use sha2::{Digest, Sha256};

use crate::definitions::shipped_bytes;

/// How many days back a rate may lie: over Christmas and Easter the bank is silent for four days; more is a gap.
const MOST_DAYS_BACK: i32 = 10;
/// A table of this many bytes is no table of the bank.
const MOST_BYTES: usize = 32 << 20;

/// A currency that the euro replaced, at a rate fixed by law. Until the day before, the daily rates count.
struct Fixed {
    currency: &'static str,
    /// Units per euro, all six significant figures of the law.
    rate: &'static str,
    /// First day of the euro.
    since: (i16, i8),
    /// The act.
    #[expect(dead_code, reason = "says where the number comes from")]
    law: &'static str,
}

const fn fixed(currency: &'static str, rate: &'static str, year: i16, law: &'static str) -> Fixed {
    Fixed { currency, rate, since: (year, 1), law }
}

const FIRST: &str = "Regulation (EC) No 2866/98, Article 1";
const FIXED: &[Fixed] = &[
    fixed("XEU", "1", 1999, "Regulation (EC) No 1103/97, Article 2: the ECU is the euro"),
    fixed("BEF", "40.3399", 1999, FIRST),
    fixed("DEM", "1.95583", 1999, FIRST),
    fixed("ESP", "166.386", 1999, FIRST),
    fixed("FRF", "6.55957", 1999, FIRST),
    fixed("IEP", "0.787564", 1999, FIRST),
    fixed("ITL", "1936.27", 1999, FIRST),
    fixed("LUF", "40.3399", 1999, FIRST),
    fixed("NLG", "2.20371", 1999, FIRST),
    fixed("ATS", "13.7603", 1999, FIRST),
    fixed("PTE", "200.482", 1999, FIRST),
    fixed("FIM", "5.94573", 1999, FIRST),
    fixed("GRD", "340.750", 2001, "Regulation (EC) No 1478/2000"),
    fixed("SIT", "239.640", 2007, "Regulation (EC) No 1086/2006"),
    fixed("CYP", "0.585274", 2008, "Regulation (EC) No 1135/2007"),
    fixed("MTL", "0.429300", 2008, "Regulation (EC) No 1134/2007"),
    fixed("SKK", "30.1260", 2009, "Regulation (EC) No 694/2008"),
    fixed("EEK", "15.6466", 2011, "Regulation (EU) No 671/2010"),
    fixed("LVL", "0.702804", 2014, "Regulation (EU) No 870/2013"),
    fixed("LTL", "3.45280", 2015, "Regulation (EU) No 851/2014"),
    fixed("HRK", "7.53450", 2023, "Regulation (EU) 2022/1208"),
    fixed("BGN", "1.95583", 2026, "Council act of 8 July 2025 that amends Regulation (EC) No 2866/98"),
];

/// A currency that lost its zeros: old name, new name, old units in a new one, first day of the new one.
const REDENOMINATED: &[(&str, &str, i64, (i16, i8))] =
    &[("ROL", "RON", 10_000, (2005, 7)), ("TRL", "TRY", 1_000_000, (2005, 1))];

/// An amount in euro, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Euro {
    /// Rounded to the cent, half a cent upwards (Regulation (EC) No 1103/97, Article 5).
    pub amount: Decimal,
    /// The day of the rate; the day asked for where no daily rate is needed.
    pub on: Date,
    /// The day asked for lies after the end of the table, so that a newer table may say something else.
    pub stale: bool,
}

/// A rate of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units of the currency per euro.
    pub per_euro: Decimal,
    /// The day of the rate.
    pub on: Date,
    /// See [`Euro::stale`].
    pub stale: bool,
}

/// Why a text is no table of rates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// The first line of the table does not begin with `Date`.
    #[error("expected a first line `Date,USD,…`, found `{0}`")]
    NoHeader(String),
    /// A line that cannot be read.
    #[error("line {line}: expected {expected}, found `{found}`")]
    Line {
        /// From 1.
        line: usize,
        /// What would be right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Nothing but a header.
    #[error("the table has no day")]
    Empty,
}

/// Daily rates, by currency and day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Per currency, oldest day first.
    daily: BTreeMap<String, Vec<(Date, Decimal)>>,
    last: Date,
}

impl Rates {
    /// The snapshot inside the binary, read once.
    pub fn shipped() -> Arc<Self> {
        static SHIPPED: LazyLock<Arc<Rates>> = LazyLock::new(|| {
            let packed = shipped_bytes("rates/euro-reference.csv.zst");
            let bytes = zstd::bulk::decompress(&packed, MOST_BYTES).expect("the snapshot was packed by us");
            let text = String::from_utf8(bytes).expect("the snapshot is text");
            Arc::new(Rates::parse(&text).expect("the snapshot is sound"))
        });
        Arc::clone(&SHIPPED)
    }

    /// Reads the bank's `eurofxref-hist.csv`: a line of currencies, then a line per day in any order. `N/A` and empty
    /// cells are days without a rate; lines that begin with `#` are comments.
    ///
    /// # Errors
    /// The first line that cannot be read. A rate that is no positive number makes the whole table suspect, so nothing
    /// of it is used.
    pub fn parse(text: &str) -> Result<Self, RatesError> {
        let mut lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        let header = lines.next().map_or("", |(_, line)| line);
        let mut names = header.split(',').map(str::trim);
        if names.next() != Some("Date") {
            return Err(RatesError::NoHeader(header.chars().take(40).collect()));
        }
        let names: Vec<&str> = names.collect();
        let mut columns: Vec<Vec<(Date, Decimal)>> = vec![Vec::new(); names.len()];
        for (at, line) in lines {
            let wrong =
                |expected, found: &str| RatesError::Line { line: at + 1, expected, found: found.trim().to_owned() };
            let mut cells = line.split(',');
            let day = cells.next().unwrap_or_default();
            let day: Date = day.trim().parse().map_err(|_| wrong("a day such as 2026-10-30", day))?;
            for (number, cell) in cells.enumerate() {
                let cell = cell.trim();
                if cell.is_empty() || cell == "N/A" {
                    continue;
                }
                let rate: Decimal = cell.parse().map_err(|_| wrong("a rate such as 1.1172", cell))?;
                let column = columns.get_mut(number).ok_or_else(|| wrong("no more cells than currencies", cell))?;
                if rate <= Decimal::ZERO {
                    return Err(wrong("a rate above zero", cell));
                }
                column.push((day, rate));
            }
        }
        let named = names.into_iter().zip(columns);
        Self::of(named.flat_map(|(name, column)| column.into_iter().map(move |(day, rate)| (day, name, rate))))
    }

    /// From single rates in any order: the day, the currency (ISO 4217), its units per euro. Of two for the same day and
    /// currency the last one counts.
    ///
    /// # Errors
    /// [`RatesError::Empty`].
    pub fn of<'r>(rates: impl IntoIterator<Item = (Date, &'r str, Decimal)>) -> Result<Self, RatesError> {
        let mut sorted: BTreeMap<&str, BTreeMap<Date, Decimal>> = BTreeMap::new();
        for (day, currency, rate) in rates {
            sorted.entry(currency).or_default().insert(day, rate);
        }
        let last = sorted.values().filter_map(|column| column.last_key_value()).map(|(day, _)| *day).max();
        let daily = sorted.into_iter().map(|(name, column)| (name.to_owned(), column.into_iter().collect())).collect();
        Ok(Self { daily, last: last.ok_or(RatesError::Empty)? })
    }

    /// Every rate: its day, its currency, its units per euro.
    pub fn each(&self) -> impl Iterator<Item = (Date, &str, Decimal)> {
        self.daily.iter().flat_map(|(name, column)| column.iter().map(move |(day, rate)| (*day, name.as_str(), *rate)))
    }

    /// Every rate after a day.
    fn after(&self, after: Date) -> impl Iterator<Item = (Date, &str, Decimal)> {
        self.daily.iter().flat_map(move |(name, column)| {
            let new = &column[column.partition_point(|(day, _)| *day <= after)..];
            new.iter().map(move |(day, rate)| (*day, name.as_str(), *rate))
        })
    }

    /// These rates, and after their last day those of a later table. What the later one says of the days before is not
    /// used: a snapshot that was looked at stands.
    #[must_use]
    pub fn and_later(&self, later: &Self) -> Self {
        let until = self.last;
        let mut all = self.clone();
        for (name, column) in &later.daily {
            let new = &column[column.partition_point(|(day, _)| *day <= until)..];
            if !new.is_empty() {
                all.daily.entry(name.clone()).or_default().extend_from_slice(new);
            }
        }
        all.last = all.last.max(later.last);
        all
    }

    /// Tells apart whatever rates after one day, up to another, give other values.
    pub fn fingerprint(&self, after: Date, until: Date) -> String {
        let mut hash = Sha256::new();
        for (day, currency, rate) in self.after(after).filter(|(day, ..)| *day <= until) {
            hash.update(format!("{day}{currency}{};", rate.normalize()));
        }
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where, from this day on, the table says nothing for longer than a weekend with holidays: the last day before and the
    /// first one after. Days were missed there.
    pub fn gap(&self, since: Date) -> Option<(Date, Date)> {
        let days: BTreeSet<Date> = self.after(since).map(|(day, ..)| day).chain([since]).collect();
        let pairs = days.iter().zip(days.iter().skip(1));
        pairs
            .rev()
            .find(|(one, next)| next.since(**one).is_ok_and(|gap| gap.get_days() > MOST_DAYS_BACK))
            .map(|(a, b)| (*a, *b))
    }

    /// The last day of the table.
    pub fn last_day(&self) -> Date {
        self.last
    }

    /// The currencies of the table, sorted; the euro and those it replaced are known beside them.
    pub fn currencies(&self) -> impl Iterator<Item = &str> {
        self.daily.keys().map(String::as_str)
    }

    /// What a euro costs in this currency (ISO 4217, upper case) on this day: the fixed rate of a currency that the euro
    /// has replaced, else the last rate published on or before the day, at most ten days back. After the end of the table
    /// it is the last one known. `None` for a day or currency without a rate.
    pub fn rate(&self, currency: &str, on: Date) -> Option<Rate> {
        let exact = |per_euro| Some(Rate { per_euro, on, stale: false });
        if currency == "EUR" {
            return exact(Decimal::ONE);
        }
        if let Some(fixed) = FIXED.iter().find(|fixed| fixed.currency == currency && on >= first_of(fixed.since)) {
            return exact(fixed.rate.parse().expect("a number, which a test reads"));
        }
        if let Some((_, new, units, since)) = REDENOMINATED.iter().find(|(old, ..)| *old == currency)
            && on >= first_of(*since)
        {
            let rate = self.daily_rate(new, on)?;
            return Some(Rate { per_euro: rate.per_euro * Decimal::from(*units), ..rate });
        }
        self.daily_rate(currency, on)
    }

    fn daily_rate(&self, currency: &str, on: Date) -> Option<Rate> {
        let days = self.daily.get(currency)?;
        let (day, per_euro) = days[..days.partition_point(|(day, _)| *day <= on)].last()?;
        // After the end of the table its last day stands for all later ones.
        let gap = on.min(self.last).since(*day).ok()?.get_days();
        (gap <= MOST_DAYS_BACK).then_some(Rate { per_euro: *per_euro, on: *day, stale: on > self.last })
    }

    /// An amount in euro; `None` where there is no rate, or the result is too large to write down.
    pub fn euro(&self, amount: Decimal, currency: &str, on: Date) -> Option<Euro> {
        let rate = self.rate(currency, on)?;
        let euro = if rate.per_euro == Decimal::ONE { amount } else { amount.checked_div(rate.per_euro)? };
        Some(Euro { amount: to_cent(euro), on: rate.on, stale: rate.stale })
    }

    /// An amount in euro in another currency, rounded to its hundredth: the way back of [`Rates::euro`].
    pub fn from_euro(&self, euro: Decimal, currency: &str, on: Date) -> Option<Decimal> {
        Some(to_cent(euro.checked_mul(self.rate(currency, on)?.per_euro)?))
    }
}

fn to_cent(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// The first day of a month.
fn first_of((year, month): (i16, i8)) -> Date {
    Date::constant(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    fn euro(amount: &str, currency: &str, on: Date) -> Option<(String, Date, bool)> {
        Rates::shipped()
            .euro(decimal(amount), currency, on)
            .map(|euro| (euro.amount.normalize().to_string(), euro.on, euro.stale))
    }

    #[test]
    fn rates_of_the_bank_as_published() {
        let rates = Rates::shipped();
        assert_eq!(rates.last_day(), date(2026, 10, 30));
        assert_eq!(rates.rate("USD", date(2026, 10, 30)).map(|rate| rate.per_euro), Some(decimal("1.1172")));
        assert_eq!(euro("1117.2", "USD", date(2026, 10, 30)), Some(("1000".into(), date(2026, 10, 30), false)));
        assert_eq!(euro("4403.8", "PLN", date(2026, 10, 30)), Some(("1000".into(), date(2026, 10, 30), false)));
        assert_eq!(euro("5", "EUR", date(1990, 1, 1)), Some(("5".into(), date(1990, 1, 1), false)));
        // Everything that the bank quotes or quoted.
        assert_eq!(rates.currencies().count(), 41);
        for (currency, per_euro) in [("MXN", "21.1237"), ("BRL", "6.0692"), ("INR", "106.084"), ("ZAR", "18.6455")] {
            let rate = rates.rate(currency, date(2026, 10, 30)).map(|rate| rate.per_euro);
            assert_eq!(rate, Some(decimal(per_euro)), "{currency}");
        }
    }

    #[test]
    fn a_day_without_a_rate_takes_the_last_one_before() {
        // A Sunday.
        assert_eq!(euro("1.113", "USD", date(2026, 10, 29)).map(|found| found.1), Some(date(2026, 10, 29)));
        assert_eq!(euro("1", "GBP", date(2026, 10, 25)).map(|found| found.1), Some(date(2026, 10, 23)));
        // The end of the table: the last day, and it says so; however much later.
        assert_eq!(euro("1117.2", "USD", date(2026, 10, 31)), Some(("1000".into(), date(2026, 10, 30), true)));
        assert_eq!(euro("1117.2", "USD", date(2027, 10, 31)), Some(("1000".into(), date(2026, 10, 30), true)));
        // Before its beginning, and in the years in which the bank did not quote the Icelandic krona: nothing.
        assert_eq!(euro("1", "USD", date(1998, 12, 31)), None);
        assert_eq!(euro("1", "ISK", date(2012, 5, 2)), None);
        // No longer quoted since March 2022.
        assert!(euro("1", "RUB", date(2022, 3, 5)).is_some());
        assert_eq!(euro("1", "RUB", date(2022, 4, 1)), None);
        assert_eq!(euro("1", "RUB", date(2027, 4, 1)), None);
    }

    #[test]
    fn what_the_euro_replaced_has_the_rate_of_the_law() {
        for (amount, currency, on, expected) in [
            ("195583", "DEM", date(2001, 5, 1), "100000"),
            ("1.95583", "BGN", date(2026, 1, 1), "1"),
            ("753450", "HRK", date(2023, 1, 1), "100000"),
            ("655957", "FRF", date(2020, 1, 1), "100000"),
            ("100", "XEU", date(2010, 1, 1), "100"),
        ] {
            let found = euro(amount, currency, on).expect("fixed");
            assert_eq!((found.0.as_str(), found.1, found.2), (expected, on, false), "{currency}");
        }
        // Before the changeover the daily rate.
        assert_eq!(euro("1.9558", "BGN", date(2025, 12, 31)), Some(("1".into(), date(2025, 12, 31), false)));
        assert_eq!(euro("1", "DEM", date(1998, 1, 1)), None);
        for fixed in FIXED {
            let rate: Decimal = fixed.rate.parse().expect("a number");
            assert!(rate > Decimal::ZERO);
            // The law and the last quotation of the bank agree to four figures.
            let last = first_of(fixed.since).yesterday().expect("a day");
            if let Some(daily) = Rates::shipped().rate(fixed.currency, last) {
                assert!((daily.per_euro / rate - Decimal::ONE).abs() < decimal("0.0005"), "{}", fixed.currency);
            }
        }
    }

    #[test]
    fn lost_zeros_are_put_back() {
        let (old, new) = (euro("10000", "ROL", date(2006, 3, 1)), euro("1", "RON", date(2006, 3, 1)));
        assert!(old.is_some());
        assert_eq!(old, new);
        assert!(euro("1000000", "TRL", date(2004, 3, 1)).is_some());
    }

    #[test]
    fn what_the_bank_does_not_quote_is_not_guessed() {
        for currency in ["UAH", "RSD", "MKD", "ALL", "BAM", "MDL", "GEL", "AMD", "XXX", "", "usd"] {
            assert_eq!(euro("1", currency, date(2020, 6, 2)), None, "{currency}");
        }
    }

    #[test]
    fn the_banks_own_file_is_read_and_a_broken_one_is_not() {
        let text = "\u{feff}Date, USD, JPY, \n2026-11-02,1.5,N/A,\r\n2026-10-30,1.25,175.68,\n";
        let rates = Rates::parse(text).expect("sound");
        assert_eq!(rates.last_day(), date(2026, 11, 2));
        assert_eq!(rates.rate("USD", date(2026, 11, 1)).map(|rate| rate.per_euro), Some(decimal("1.25")));
        assert_eq!(rates.rate("JPY", date(2026, 11, 2)).map(|rate| rate.on), Some(date(2026, 10, 30)));
        for (text, expected) in [
            ("", "expected a first line"),
            ("<html>", "expected a first line"),
            ("Date,USD\n", "the table has no day"),
            ("Date,USD\n30.10.2026,1.1\n", "line 2: expected a day"),
            ("Date,USD\n2026-10-30,one\n", "line 2: expected a rate"),
            ("Date,USD\n2026-10-30,0\n", "line 2: expected a rate above zero"),
            ("Date,USD\n2026-10-30,1,2\n", "line 2: expected no more cells"),
        ] {
            let error = Rates::parse(text).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn some_currency() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["USD", "GBP", "PLN", "HUF", "JPY", "TRY", "BGN", "HRK", "DEM", "EUR", "KRW"])
    }

    proptest! {
        #[test]
        fn there_and_back_within_rounding(cents in -10_000_000_000i64..10_000_000_000, currency in some_currency(), days in 0i32..4000) {
            let on = date(2010, 1, 4).saturating_add(jiff::Span::new().days(days));
            let rates = Rates::shipped();
            let amount = Decimal::new(cents, 2);
            let there = rates.euro(amount, currency, on).expect("quoted").amount;
            let back = rates.from_euro(there, currency, on).expect("quoted");
            let rate = rates.rate(currency, on).expect("quoted").per_euro;
            // Half a cent of rounding at the rate, and half a cent of the way back.
            prop_assert!((back - amount).abs() <= (rate + Decimal::ONE) * decimal("0.005"));
        }

        #[test]
        fn more_is_never_less(one in any::<i64>(), other in any::<i64>(), currency in some_currency()) {
            let on = date(2024, 6, 3);
            let in_euro = |cents| Rates::shipped().euro(Decimal::new(cents, 2), currency, on).expect("quoted").amount;
            let (less, more) = (one.min(other), one.max(other));
            prop_assert!(in_euro(less) <= in_euro(more));
        }

        #[test]
        fn any_text_is_a_table_or_an_error(text in "\\PC{0,80}") {
            let _ = Rates::parse(&text);
        }
    }
}
