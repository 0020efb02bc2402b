//! Which published amounts cannot be meant? Pure rules over a notice; each finding names its reason.
//!
//! The value stays as published, with a finding beside it ([`note`]); [`crate::worth`] leaves it out. The rules look for what
//! forms and typists do, not for what is merely large: a framework of billions is no finding.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::issue::{Issue, IssueCode};
use crate::notice::{Amount, Award, Lot, LotKind, Money, MoneyKind, Notice};
use crate::rates::Rates;

/// Why an amount cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Zero where a price should stand.
    Zero,
    /// 1, 0.1 or 0.01: what a form accepts instead of an empty field.
    Token,
    /// Nothing but nines, at least five of them before the point or six in all: `99999999`, `999999.99`.
    Nines,
    /// 12345…, or one digit six times or more: typed to get past a field. Not threes and sixes, which are thirds of round
    /// sums, nor nines, which have a reason of their own.
    TypedThrough,
    /// Below zero.
    Negative,
    /// More than [`MOST_EURO`] euro: more than any public contract of Europe.
    BeyondAll,
    /// About a thousand times the sum of its lots, or a thousandth: thousands were taken for units.
    ThousandTimesLots,
}

impl Reason {
    /// Every reason, in order.
    pub const ALL: &[Self] = &[
        Self::Zero,
        Self::Token,
        Self::Nines,
        Self::TypedThrough,
        Self::Negative,
        Self::BeyondAll,
        Self::ThousandTimesLots,
    ];

    /// The finding. Amounts up to one are [`IssueCode::PlaceholderValue`], which the reader of the format writes.
    pub fn code(self) -> IssueCode {
        match self {
            Self::Zero | Self::Token | Self::Negative => IssueCode::PlaceholderValue,
            Self::Nines => IssueCode::AllNinesValue,
            Self::TypedThrough => IssueCode::TypedThroughValue,
            Self::BeyondAll => IssueCode::ValueBeyondAll,
            Self::ThousandTimesLots => IssueCode::ThousandTimesLots,
        }
    }
}

/// Writes the findings about amounts on a notice, in place of those that stood there.
pub fn note(notice: &mut Notice) {
    let own =
        |code: IssueCode| code != IssueCode::PlaceholderValue && Reason::ALL.iter().any(|reason| reason.code() == code);
    notice.issues.retain(|issue| !own(issue.code));
    for finding in implausible(notice).into_iter().filter(|finding| own(finding.reason.code())) {
        let Finding { path, money, reason } = finding;
        notice.issues.push(Issue::new(reason.code(), path, &format!("{} {}", money.amount, money.currency)));
    }
}

/// Changes when the same notice would get other findings, or another value in euro.
pub const RULES: &str = "doubts/1";

/// More than any single public contract in Europe, in euro: the largest frameworks known stay below a hundred billion.
pub const MOST_EURO: i64 = 500_000_000_000;

/// An amount that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: `estimated_value`, `lots[LOT-0001].estimated_value`, `awards[2].value`.
    pub path: String,
    /// The amount as published.
    pub money: Money,
    /// Why.
    pub reason: Reason,
}

/// Every amount of a notice that cannot be meant, in the order of the notice. A unit price of one is a price, so only other
/// kinds can be tokens.
pub fn implausible(notice: &Notice) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut check = |path: String, amount: Option<&Amount>| {
        if let Some(money) = amount.and_then(Amount::known)
            && let Some(reason) = alone(money, notice.published_on)
        {
            findings.push(Finding { path, money: money.clone(), reason });
        }
    };
    check("estimated_value".to_owned(), notice.estimated_value.as_ref());
    check("framework_ceiling".to_owned(), notice.framework_ceiling.as_ref());
    check("awarded_value".to_owned(), notice.awarded_value.as_ref());
    for lot in &notice.lots {
        check(format!("lots[{}].estimated_value", lot.id), lot.estimated_value.as_ref());
        check(format!("lots[{}].framework_ceiling", lot.id), lot.framework_ceiling.as_ref());
    }
    for (at, award) in notice.awards.iter().enumerate() {
        check(format!("awards[{at}].value"), award.value.as_ref());
    }
    let estimates = || notice.lots.iter().filter(|lot| lot.kind != LotKind::Group).map(estimate);
    let ceilings = || notice.lots.iter().filter(|lot| lot.kind != LotKind::Group).map(ceiling);
    let totals: [(&str, Option<&Amount>, Vec<Option<&Amount>>); 3] = [
        ("estimated_value", notice.estimated_value.as_ref(), estimates().collect()),
        ("framework_ceiling", notice.framework_ceiling.as_ref(), ceilings().collect()),
        ("awarded_value", notice.awarded_value.as_ref(), notice.awards.iter().map(award).collect()),
    ];
    for (path, total, parts) in totals {
        if let Some(total) = total.and_then(Amount::known)
            && !findings.iter().any(|finding| finding.path == path)
            && is_a_thousand_times(total, &parts)
        {
            findings.push(Finding { path: path.to_owned(), money: total.clone(), reason: Reason::ThousandTimesLots });
        }
    }
    findings
}

fn estimate(lot: &Lot) -> Option<&Amount> {
    lot.estimated_value.as_ref()
}

fn ceiling(lot: &Lot) -> Option<&Amount> {
    lot.framework_ceiling.as_ref()
}

fn award(award: &Award) -> Option<&Amount> {
    award.value.as_ref()
}

/// What an amount says by itself; the day is for its value in euro.
pub fn alone(money: &Money, on: Option<Date>) -> Option<Reason> {
    let amount = money.amount;
    if amount.is_zero() {
        return Some(Reason::Zero);
    }
    if amount.is_sign_negative() {
        return Some(Reason::Negative);
    }
    if money.kind != MoneyKind::Unit && [Decimal::ONE, Decimal::new(1, 1), Decimal::new(1, 2)].contains(&amount) {
        return Some(Reason::Token);
    }
    let plain = amount.normalize();
    let whole = plain.trunc().to_string();
    let digits: String = plain.to_string().chars().filter(char::is_ascii_digit).collect();
    let all = |digit: char| digits.chars().all(|own| own == digit);
    if all('9') && (digits.len() >= 6 || whole.len() >= 5) {
        return Some(Reason::Nines);
    }
    let counting =
        digits.len() >= 6 && ["1234567890123456789", "9876543210"].iter().any(|row| row.starts_with(&digits));
    if counting || digits.len() >= 6 && ['1', '2', '4', '5', '7', '8'].into_iter().any(all) {
        return Some(Reason::TypedThrough);
    }
    let euro = on.and_then(|on| Rates::shipped().euro(amount, &money.currency, on)).map(|euro| euro.amount);
    // Where the bank gives no rate, only what is beyond all in the smallest units of a currency as well.
    let most = if euro.is_some() { Decimal::from(MOST_EURO) } else { Decimal::from(MOST_EURO) * Decimal::from(1000) };
    (euro.unwrap_or(amount) > most).then_some(Reason::BeyondAll)
}

/// Whether the total is a thousand times the sum of its parts, or a thousandth, to one part in a hundred. Only when every
/// part is known in the same currency, with the same VAT, and is itself plausible; else the sum means nothing.
fn is_a_thousand_times(total: &Money, parts: &[Option<&Amount>]) -> bool {
    let mut sum = Decimal::ZERO;
    for part in parts {
        let Some(part) = part.and_then(Amount::known) else { return false };
        if part.currency != total.currency || part.vat != total.vat || alone(part, None).is_some() {
            return false;
        }
        let Some(more) = sum.checked_add(part.amount) else { return false };
        sum = more;
    }
    let thousand = Decimal::from(1000);
    let near = |one: Decimal, other: Decimal| {
        other.checked_mul(thousand).is_some_and(|other| (one - other).abs() * Decimal::from(100) <= other)
    };
    !sum.is_zero() && (near(total.amount, sum) || near(sum, total.amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NoticeId, RawId, SourceId};
    use crate::notice::{Stage, Vat};
    use jiff::civil::date;
    use proptest::prelude::*;

    fn money(amount: &str, currency: &str) -> Money {
        let amount = amount.parse().expect("a number");
        Money { amount, currency: currency.into(), kind: MoneyKind::Estimate, vat: Vat::Ex }
    }

    fn known(amount: &str) -> Amount {
        Amount::Known(money(amount, "EUR"))
    }

    fn notice() -> Notice {
        let mut notice = Notice::new(
            NoticeId::new("eu-ted/1-2026"),
            SourceId::new("eu-ted"),
            "eforms",
            RawId::of(b""),
            Stage::Competition,
        );
        notice.published_on = Some(date(2026, 3, 2));
        notice
    }

    #[test]
    fn what_forms_accept_instead_of_a_price() {
        for (amount, expected) in [
            ("0", Some(Reason::Zero)),
            ("0.00", Some(Reason::Zero)),
            ("0.01", Some(Reason::Token)),
            ("0.1", Some(Reason::Token)),
            ("1", Some(Reason::Token)),
            ("1.00", Some(Reason::Token)),
            ("2", None),
            ("99999999", Some(Reason::Nines)),
            ("999999.99", Some(Reason::Nines)),
            ("99999", Some(Reason::Nines)),
            ("9999.99", Some(Reason::Nines)),
            ("999", None),
            ("9999", None),
            ("99900", None),
            ("123456", Some(Reason::TypedThrough)),
            ("123456789", Some(Reason::TypedThrough)),
            ("1111111.11", Some(Reason::TypedThrough)),
            ("555555", Some(Reason::TypedThrough)),
            ("33333.33", None),
            ("666666.66", None),
            ("12345", None),
            ("500000", None),
            ("-5", Some(Reason::Negative)),
            ("500000000000", None),
            ("500000000001", Some(Reason::BeyondAll)),
        ] {
            let found = alone(&money(amount, "EUR"), Some(date(2026, 3, 2)));
            assert_eq!(found, expected, "{amount}");
        }
        // A large number of a small unit is no finding.
        assert_eq!(alone(&money("600000000000", "HUF"), Some(date(2026, 3, 2))), None);
        assert_eq!(alone(&money("600000000000", "UAH"), Some(date(2026, 3, 2))), None);
        let price = Money { kind: MoneyKind::Unit, ..money("1", "EUR") };
        assert_eq!(alone(&price, None), None);
    }

    #[test]
    fn a_thousand_times_its_lots_is_found_and_kept() {
        let mut notice = notice();
        notice.estimated_value = Some(known("600000000"));
        for (id, amount) in [("LOT-0001", "200000"), ("LOT-0002", "400000")] {
            notice.lots.push(Lot { estimated_value: Some(known(amount)), ..Lot::new(id, LotKind::Lot) });
        }
        notice.lots.push(Lot { estimated_value: Some(known("600000")), ..Lot::new("GLO-0001", LotKind::Group) });
        let findings = implausible(&notice);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].path.as_str(), findings[0].reason), ("estimated_value", Reason::ThousandTimesLots));
        notice.estimated_value = Some(known("600"));
        assert_eq!(implausible(&notice).len(), 1);
        notice.estimated_value = Some(known("600000"));
        assert!(implausible(&notice).is_empty());
        // With a lot of unknown value the sum says nothing.
        notice.estimated_value = Some(known("600000000"));
        notice.lots.push(Lot::new("LOT-0003", LotKind::Lot));
        assert!(implausible(&notice).is_empty());
    }

    #[test]
    fn every_amount_has_its_place() {
        let mut notice = notice();
        notice.framework_ceiling = Some(known("999999999"));
        notice.awarded_value = Some(Amount::Withheld { until: None });
        notice.lots.push(Lot { estimated_value: Some(known("0.01")), ..Lot::new("LOT-0007", LotKind::Lot) });
        notice.awards.push(Award { value: Some(known("15000")), ..Award::default() });
        notice.awards.push(Award { value: Some(known("0")), ..Award::default() });
        let findings: Vec<_> = implausible(&notice).into_iter().map(|finding| (finding.path, finding.reason)).collect();
        assert_eq!(
            findings,
            [
                ("framework_ceiling".to_owned(), Reason::Nines),
                ("lots[LOT-0007].estimated_value".to_owned(), Reason::Token),
                ("awards[1].value".to_owned(), Reason::Zero),
            ]
        );
    }

    #[test]
    fn findings_are_written_once_and_the_amount_stays() {
        let mut notice = notice();
        notice.awarded_value = Some(known("999999999"));
        // Told by the reader of the format, at its own place.
        notice.estimated_value = Some(known("0"));
        notice.issues.push(Issue::new(IssueCode::PlaceholderValue, "/Notice/Value", "0"));
        note(&mut notice);
        note(&mut notice);
        let told: Vec<_> = notice.issues.iter().map(|issue| (issue.code.as_str(), issue.path.as_str())).collect();
        assert_eq!(told, [("placeholder-value", "/Notice/Value"), ("all-nines-value", "awarded_value")]);
        assert_eq!(notice.issues[1].value, "999999999 EUR");
        assert_eq!(notice.awarded_value, Some(known("999999999")));
        // What is no longer so is no longer said.
        notice.awarded_value = Some(known("15000"));
        note(&mut notice);
        assert_eq!(notice.issues.len(), 1);
    }

    proptest! {
        #[test]
        fn lots_that_add_up_are_never_found(parts in prop::collection::vec(100i64..100_000_000, 1..8)) {
            let mut notice = notice();
            let total: i64 = parts.iter().sum();
            let plausible = |cents: &i64| alone(&money(&Decimal::new(*cents, 2).to_string(), "EUR"), None).is_none();
            prop_assume!(parts.iter().all(plausible) && plausible(&total));
            notice.estimated_value = Some(known(&Decimal::new(total, 2).to_string()));
            for (at, part) in parts.iter().enumerate() {
                let estimated_value = Some(known(&Decimal::new(*part, 2).to_string()));
                notice.lots.push(Lot { estimated_value, ..Lot::new(format!("LOT-{at:04}"), LotKind::Lot) });
            }
            prop_assert!(implausible(&notice).is_empty());
        }

        #[test]
        fn any_number_is_judged(amount in any::<i128>(), scale in 0u32..28) {
            let amount = Decimal::try_from_i128_with_scale(amount % (1 << 95), scale).expect("it fits");
            let _ = alone(&Money { amount, ..money("1", "EUR") }, Some(date(2026, 3, 2)));
            let _ = is_a_thousand_times(&Money { amount, ..money("1", "EUR") }, &[Some(known("79228162514264337593543950335")).as_ref()]);
        }
    }
}
