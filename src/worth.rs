//! What is a notice about in money? The one amount that stands for it, in euro on the day of its publication.
//!
//! What was awarded, what is estimated and what a framework may draw are different things: the stage of the notice says
//! which of them stands for it, the answer names its kind, and they are never added or compared with each other. Amounts
//! that cannot be meant ([`crate::doubts`]) count as not said; a withheld one stays withheld, and nothing takes its place.

use std::collections::HashSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::doubts;
use crate::notice::{Amount, Award, Lot, LotKind, Money, MoneyKind, Notice, Stage, Worth};
use crate::rates::Rates;

/// Where an amount of a notice stands.
#[derive(Clone, Copy)]
enum Place {
    Awarded,
    Estimated,
    Ceiling,
}

/// The amount of a notice in euro. After a decision it is what was awarded, before it what is estimated; a framework's
/// ceiling comes after both, and the others stand in where a notice says nothing else. Where there is no total, that of
/// its lots or awards is taken if each has an amount of the same currency, kind and VAT. Prices per piece never count.
/// `None` also where the currency has no rate on that day, or the amount is in another currency and has no day.
pub fn worth(notice: &Notice, rates: &Rates) -> Option<Worth> {
    let doubted: HashSet<String> = doubts::implausible(notice).into_iter().map(|finding| finding.path).collect();
    for place in order(notice.stage) {
        match said(notice, place, &doubted) {
            Said::Nothing => {}
            Said::Withheld => return None,
            Said::Known(money) => return in_euro(&money, notice.published_on, rates),
        }
    }
    None
}

fn order(stage: Stage) -> [Place; 3] {
    match stage {
        Stage::Result | Stage::DirectAward | Stage::Modification | Stage::Completion => {
            [Place::Awarded, Place::Ceiling, Place::Estimated]
        }
        _ => [Place::Estimated, Place::Ceiling, Place::Awarded],
    }
}

fn in_euro(money: &Money, on: Option<Date>, rates: &Rates) -> Option<Worth> {
    let euro = match on {
        Some(on) => rates.euro(money.amount, &money.currency, on)?,
        None if money.currency == "EUR" => rates.euro(money.amount, "EUR", rates.last_day())?,
        None => return None,
    };
    let money = Money { amount: euro.amount, currency: "EUR".to_owned(), ..*money };
    Some(Worth { money, stale: euro.stale })
}

/// What a notice says of one kind of amount.
enum Said {
    Nothing,
    Withheld,
    Known(Money),
}

fn said(notice: &Notice, place: Place, doubted: &HashSet<String>) -> Said {
    let (total, path) = match place {
        Place::Awarded => (&notice.awarded_value, "awarded_value"),
        Place::Estimated => (&notice.estimated_value, "estimated_value"),
        Place::Ceiling => (&notice.framework_ceiling, "framework_ceiling"),
    };
    match total {
        Some(Amount::Withheld { .. }) => Said::Withheld,
        Some(Amount::Known(money)) if !doubted.contains(path) && money.kind != MoneyKind::Unit => {
            Said::Known(money.clone())
        }
        // A total that cannot be meant makes its parts suspect as well.
        Some(Amount::Known(_)) => Said::Nothing,
        None => {
            let parts = match place {
                Place::Awarded => awards(&notice.awards),
                Place::Estimated => lots(&notice.lots, "estimated_value", |lot| lot.estimated_value.as_ref()),
                Place::Ceiling => lots(&notice.lots, "framework_ceiling", |lot| lot.framework_ceiling.as_ref()),
            };
            sum(&parts, doubted)
        }
    }
}

type Part<'n> = (String, Option<&'n Amount>);

fn lots<'n>(lots: &'n [Lot], field: &str, amount: impl Fn(&'n Lot) -> Option<&'n Amount>) -> Vec<Part<'n>> {
    // A group repeats its lots.
    let own = lots.iter().filter(|lot| lot.kind != LotKind::Group);
    own.map(|lot| (format!("lots[{}].{field}", lot.id), amount(lot))).collect()
}

/// Awards to somebody. Several for one lot are a framework, in which each may name the amount of all: no sum.
fn awards(awards: &[Award]) -> Vec<Part<'_>> {
    let given: Vec<(usize, &Award)> =
        awards.iter().enumerate().filter(|(_, award)| award.value.is_some() || !award.suppliers.is_empty()).collect();
    let lots: HashSet<Option<&str>> = given.iter().map(|(_, award)| award.lot.as_deref()).collect();
    if lots.len() < given.len() {
        return Vec::new();
    }
    given.into_iter().map(|(at, award)| (format!("awards[{at}].value"), award.value.as_ref())).collect()
}

fn sum(parts: &[Part<'_>], doubted: &HashSet<String>) -> Said {
    if parts.iter().any(|(_, amount)| matches!(amount, Some(Amount::Withheld { .. }))) {
        return Said::Withheld;
    }
    let mut total: Option<Money> = None;
    for (path, amount) in parts {
        let Some(money) = amount.and_then(Amount::known).filter(|_| !doubted.contains(path)) else {
            return Said::Nothing;
        };
        if money.kind == MoneyKind::Unit {
            return Said::Nothing;
        }
        total = match total {
            None => Some(money.clone()),
            Some(sum) => {
                let alike = (&sum.currency, sum.kind, sum.vat) == (&money.currency, money.kind, money.vat);
                match sum.amount.checked_add(money.amount).filter(|_| alike) {
                    Some(amount) => Some(Money { amount, ..sum }),
                    None => return Said::Nothing,
                }
            }
        };
    }
    total.filter(|money| money.amount > Decimal::ZERO).map_or(Said::Nothing, Said::Known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NoticeId, RawId, SourceId};
    use crate::notice::{Organisation, Vat};
    use jiff::civil::date;

    fn amount(amount: &str, currency: &str, kind: MoneyKind) -> Amount {
        let amount = amount.parse().expect("a number");
        Amount::Known(Money { amount, currency: currency.into(), kind, vat: Vat::Ex })
    }

    fn estimate(text: &str) -> Amount {
        amount(text, "EUR", MoneyKind::Estimate)
    }

    fn award(text: &str) -> Amount {
        amount(text, "EUR", MoneyKind::Award)
    }

    fn ceiling(text: &str) -> Amount {
        amount(text, "EUR", MoneyKind::Ceiling)
    }

    fn notice(stage: Stage) -> Notice {
        let (id, source) = (NoticeId::new("eu-ted/1-2026"), SourceId::new("eu-ted"));
        let mut notice = Notice::new(id, source, "eforms", RawId::of(b""), stage);
        notice.published_on = Some(date(2026, 10, 30));
        notice
    }

    fn found(notice: &Notice) -> Option<(String, MoneyKind)> {
        worth(notice, &Rates::shipped()).map(|worth| (worth.money.amount.normalize().to_string(), worth.money.kind))
    }

    #[test]
    fn the_stage_says_which_amount_stands_for_a_notice() {
        let mut call = notice(Stage::Competition);
        (call.estimated_value, call.framework_ceiling) = (Some(estimate("20000")), Some(ceiling("90000")));
        assert_eq!(found(&call), Some(("20000".into(), MoneyKind::Estimate)));
        call.estimated_value = None;
        assert_eq!(found(&call), Some(("90000".into(), MoneyKind::Ceiling)));
        let mut result = notice(Stage::Result);
        (result.estimated_value, result.framework_ceiling) = (Some(estimate("20000")), Some(ceiling("90000")));
        result.awarded_value = Some(award("15000"));
        assert_eq!(found(&result), Some(("15000".into(), MoneyKind::Award)));
    }

    #[test]
    fn other_currencies_are_converted_on_the_day_of_publication() {
        let mut call = notice(Stage::Competition);
        call.estimated_value = Some(amount("4403.8", "PLN", MoneyKind::Estimate));
        assert_eq!(found(&call), Some(("1000".into(), MoneyKind::Estimate)));
        call.published_on = Some(date(2026, 11, 20));
        assert_eq!(worth(&call, &Rates::shipped()).map(|worth| worth.stale), Some(true));
        call.published_on = None;
        assert_eq!(found(&call), None);
        call.estimated_value = Some(estimate("1000"));
        assert_eq!(found(&call), Some(("1000".into(), MoneyKind::Estimate)));
        // No rate, no guess.
        call.published_on = Some(date(2026, 10, 30));
        call.estimated_value = Some(amount("4403.8", "UAH", MoneyKind::Estimate));
        assert_eq!(found(&call), None);
    }

    #[test]
    fn what_is_withheld_or_cannot_be_meant_has_no_value() {
        let mut result = notice(Stage::Result);
        (result.awarded_value, result.estimated_value) =
            (Some(Amount::Withheld { until: None }), Some(estimate("20000")));
        assert_eq!(found(&result), None);
        result.awarded_value = Some(award("999999999"));
        assert_eq!(found(&result), Some(("20000".into(), MoneyKind::Estimate)));
        result.estimated_value = Some(estimate("0.01"));
        assert_eq!(found(&result), None);
        result.estimated_value = Some(amount("20000", "EUR", MoneyKind::Unit));
        assert_eq!(found(&result), None);
    }

    #[test]
    fn lots_add_up_only_when_each_says_the_same_kind_of_amount() {
        let mut call = notice(Stage::Competition);
        for (id, text) in [("LOT-0001", "1000"), ("LOT-0002", "500.50")] {
            call.lots.push(Lot { estimated_value: Some(estimate(text)), ..Lot::new(id, LotKind::Lot) });
        }
        call.lots.push(Lot { estimated_value: Some(estimate("1500.50")), ..Lot::new("GLO-0001", LotKind::Group) });
        assert_eq!(found(&call), Some(("1500.5".into(), MoneyKind::Estimate)));
        call.lots[1].estimated_value = Some(amount("500", "PLN", MoneyKind::Estimate));
        assert_eq!(found(&call), None);
        call.lots[1].estimated_value = Some(estimate("999999999"));
        assert_eq!(found(&call), None);
        call.lots[1].estimated_value = None;
        assert_eq!(found(&call), None);
    }

    #[test]
    fn awards_of_one_lot_are_not_added() {
        let mut result = notice(Stage::Result);
        let to = |lot: &str, text: &str| Award {
            lot: Some(lot.into()),
            value: Some(award(text)),
            suppliers: vec![Organisation::default()],
            ..Award::default()
        };
        result.awards = vec![to("LOT-0001", "1000"), to("LOT-0002", "2000"), Award::default()];
        assert_eq!(found(&result), Some(("3000".into(), MoneyKind::Award)));
        result.awards[1].lot = Some("LOT-0001".into());
        assert_eq!(found(&result), None);
    }
}
