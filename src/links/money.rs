//! What a procedure is about in money: the amounts of its notices, each counted once.
//!
//! The same amount comes with the call, with its twin in another gazette, with its correction and with the award. A
//! notice either counts or is left out for another one of the procedure, and says for which; the total of a kind is the
//! sum of those that count, so totals over procedures are totals over notices. Kinds and VAT states are never added.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::Kind;
use crate::ids::NoticeId;
use crate::notice::{Money, MoneyKind, Stage, Worth};
use crate::records::NoticeSummary;

/// Why an amount is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The other notice is its twin.
    Twin,
    /// The other notice corrects it.
    Corrected,
    /// The other notice cancels it.
    Cancelled,
    /// The other notice says what is expected by now.
    Superseded,
    /// The other notice awarded that much: it is said again.
    Repeated,
}

/// An amount that is not added, and the notice that speaks in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Why.
    pub because: Because,
    /// Which.
    pub of: NoticeId,
}

/// The sum of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// In euro.
    #[serde(flatten)]
    pub money: Money,
    /// How many notices it is the sum of.
    pub notices: u64,
}

/// For each notice why its amount is left out, and the totals of the rest by kind and VAT state. `notices` are those of
/// one procedure by publication; `links` say who is what of whom, by their places.
pub fn money(notices: &[NoticeSummary], links: &[(usize, usize, Kind)]) -> (Vec<Option<LeftOut>>, Vec<Total>) {
    let mut left_out: Vec<Option<LeftOut>> = vec![None; notices.len()];
    // who speaks in whose place; two that are both twins and corrections of each other leave one of them out
    let mut speaker: Vec<Option<usize>> = vec![None; notices.len()];
    let has_amount = |at: usize| notices[at].worth.is_some();
    for (from, to, kind) in links.iter().copied() {
        let (first, last) = (from.min(to), from.max(to));
        let (at, because, of) = match kind {
            Kind::SameNotice if has_amount(first) => (last, Because::Twin, first),
            // Who is corrected came before; of two that correct each other the later one speaks.
            Kind::Changes if has_amount(last) => (first, Because::Corrected, last),
            Kind::Cancels => (to, Because::Cancelled, from),
            _ => continue,
        };
        if has_amount(at) && (left_out[at].is_none() || because == Because::Cancelled) {
            let spoken_for = std::iter::successors(Some(of), |next| speaker[*next]).any(|next| next == at);
            if spoken_for && because != Because::Cancelled {
                continue;
            }
            speaker[at] = (because != Because::Cancelled).then_some(of);
            left_out[at] = Some(LeftOut { because, of: notices[of].id.clone() });
        }
    }
    // What is expected or allowed is said anew; the last word counts.
    let mut last_word: BTreeMap<&str, usize> = BTreeMap::new();
    for at in (0..notices.len()).rev() {
        let Some(Worth { money, .. }) = &notices[at].worth else { continue };
        if left_out[at].is_some() || money.kind == MoneyKind::Award {
            continue;
        }
        if let Some(last) = last_word.get(money.kind.as_str()) {
            left_out[at] = Some(LeftOut { because: Because::Superseded, of: notices[*last].id.clone() });
        } else {
            last_word.insert(money.kind.as_str(), at);
        }
    }
    // Awards add up: each is for other lots. A contract that is modified or completed was awarded before.
    let mut awarded: Vec<(usize, Decimal)> = Vec::new();
    for at in 0..notices.len() {
        let Some(Worth { money, .. }) = &notices[at].worth else { continue };
        if left_out[at].is_some() || money.kind != MoneyKind::Award {
            continue;
        }
        let is_later = matches!(notices[at].stage, Stage::Modification | Stage::Completion);
        match awarded.iter().find(|(_, amount)| is_later || *amount == money.amount) {
            Some((first, _)) => {
                left_out[at] = Some(LeftOut { because: Because::Repeated, of: notices[*first].id.clone() });
            }
            None => awarded.push((at, money.amount)),
        }
    }
    (left_out.clone(), totals(notices, &left_out))
}

fn totals(notices: &[NoticeSummary], left_out: &[Option<LeftOut>]) -> Vec<Total> {
    let mut sums: BTreeMap<(&str, &str), Total> = BTreeMap::new();
    let counted = notices.iter().zip(left_out).filter(|(_, left_out)| left_out.is_none());
    for Worth { money, .. } in counted.filter_map(|(notice, _)| notice.worth.as_ref()) {
        let place = (money.kind.as_str(), money.vat.as_str());
        let zero = Total { money: Money { amount: Decimal::ZERO, ..money.clone() }, notices: 0 };
        let total = sums.entry(place).or_insert(zero);
        total.money.amount = total.money.amount.saturating_add(money.amount);
        total.notices += 1;
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Vat;
    use proptest::prelude::*;

    fn notice(number: usize, stage: Stage, said: Option<(MoneyKind, i64)>) -> NoticeSummary {
        NoticeSummary {
            id: NoticeId::new(format!("s/{number}")),
            stage,
            correction: false,
            published_on: Some(jiff::civil::date(2026, 11, 18)),
            first_seen: jiff::Timestamp::UNIX_EPOCH,
            countries: Vec::new(),
            title: String::new(),
            lang: String::new(),
            buyer: String::new(),
            url: String::new(),
            deadline: None,
            categories: Vec::new(),
            buyer_kinds: Vec::new(),
            joint: Vec::new(),
            cross_border: false,
            innovation: Vec::new(),
            worth: said.map(|(kind, amount)| Worth {
                money: Money { amount: Decimal::from(amount), currency: "EUR".to_owned(), kind, vat: Vat::Ex },
                stale: false,
            }),
        }
    }

    #[test]
    fn each_amount_counts_once() {
        use MoneyKind::{Award, Estimate};
        let notices = [
            notice(0, Stage::Competition, Some((Estimate, 100))),
            notice(1, Stage::Competition, Some((Estimate, 100))), // its twin
            notice(2, Stage::Change, Some((Estimate, 120))),      // corrects it
            notice(3, Stage::Result, Some((Award, 40))),          // lot 1
            notice(4, Stage::Result, Some((Award, 50))),          // lot 2
            notice(5, Stage::Result, Some((Award, 50))),          // lot 2, said again
            notice(6, Stage::Modification, Some((Award, 60))),    // lot 2, for more money
            notice(7, Stage::Result, None),
        ];
        let links = [(1, 0, Kind::SameNotice), (2, 0, Kind::Changes), (0, 2, Kind::Changes), (3, 0, Kind::Awards)];
        let (left_out, totals) = money(&notices, &links);
        let why: Vec<_> = left_out.iter().map(|one| one.as_ref().map(|one| (one.because, one.of.as_str()))).collect();
        assert_eq!(
            why,
            [
                Some((Because::Corrected, "s/2")),
                Some((Because::Twin, "s/0")),
                None,
                None,
                None,
                Some((Because::Repeated, "s/4")),
                Some((Because::Repeated, "s/3")),
                None
            ]
        );
        let sums: Vec<_> = totals.iter().map(|total| (total.money.amount, total.money.kind, total.notices)).collect();
        assert_eq!(sums, [(Decimal::from(90), Award, 2), (Decimal::from(120), Estimate, 1)]);
    }

    #[test]
    fn of_two_that_speak_for_each_other_one_counts() {
        let said = Some((MoneyKind::Estimate, 100));
        let notices = [0, 1].map(|number| notice(number, Stage::Competition, said));
        for links in
            [[(0, 1, Kind::Changes), (1, 0, Kind::SameNotice)], [(1, 0, Kind::SameNotice), (0, 1, Kind::Changes)]]
        {
            let (left_out, totals) = money(&notices, &links);
            assert_eq!(left_out.iter().flatten().count(), 1, "{left_out:?}");
            assert_eq!(totals[0].money.amount, Decimal::from(100));
        }
    }

    fn procedure() -> impl Strategy<Value = (Vec<NoticeSummary>, Vec<(usize, usize, Kind)>)> {
        let stage = prop::sample::select(vec![Stage::Competition, Stage::Change, Stage::Result, Stage::Modification]);
        let said = prop::option::of((
            prop::sample::select(vec![MoneyKind::Estimate, MoneyKind::Ceiling, MoneyKind::Award]),
            1i64..5,
        ));
        let notices = prop::collection::vec((stage, said), 1..8).prop_map(|all| {
            all.into_iter().enumerate().map(|(number, (stage, said))| notice(number, stage, said)).collect::<Vec<_>>()
        });
        let links =
            prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..9), 0..8);
        (notices, links).prop_map(|(notices, links)| {
            let at = |index: prop::sample::Index| index.index(notices.len());
            let links =
                links.into_iter().map(|(a, b, kind)| (at(a), at(b), Kind::ALL[kind])).filter(|(a, b, _)| a != b);
            let links = links.collect();
            (notices, links)
        })
    }

    proptest! {
        /// Whatever the links: totals are the sums of the notices that count, none counts for nothing, and a kind that any
        /// notice says has a total unless it was cancelled.
        #[test]
        fn totals_are_those_of_the_notices((notices, links) in procedure()) {
            let (left_out, totals) = money(&notices, &links);
            let counted: Vec<&Money> = notices.iter().zip(&left_out).filter(|(_, left)| left.is_none())
                .filter_map(|(notice, _)| notice.worth.as_ref().map(|worth| &worth.money)).collect();
            prop_assert_eq!(totals.iter().map(|total| total.notices).sum::<u64>(), counted.len() as u64);
            for total in &totals {
                let own = counted.iter().filter(|money| money.kind == total.money.kind && money.vat == total.money.vat);
                prop_assert_eq!(own.map(|money| money.amount).sum::<Decimal>(), total.money.amount);
            }
            for (notice, left) in notices.iter().zip(&left_out) {
                prop_assert!(left.is_none() || notice.worth.is_some());
                prop_assert!(left.as_ref().is_none_or(|left| left.of != notice.id));
            }
            let cancelled = links.iter().any(|(.., kind)| *kind == Kind::Cancels);
            let says = notices.iter().any(|notice| notice.worth.is_some());
            prop_assert!(!says || cancelled || !totals.is_empty(), "an amount was lost");
        }
    }
}
