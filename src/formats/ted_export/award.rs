//! Awards, prizes and modified contracts.

use super::names::El;
use super::read::{Node, clean, day, inside, money, organisation};
use crate::formats::reading::{Reading, push_new, put};
use crate::notice::{Award, Lot, LotKind, MoneyKind, Notice, Organisation, Vat};

/// Awards of one notice; the largest real one has some 500.
const MAX_AWARDS: usize = 10_000;

/// AWARD_CONTRACT, AWARD_OF_CONTRACT, AWARDED_PRIZE and their kin.
pub(super) fn award(node: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    if notice.awards.len() >= MAX_AWARDS {
        return;
    }
    let inner: Vec<Node<'_>> = node.within(|name| matches!(name, El::Winner | El::InitialEstimate)).collect();
    let first = |name| inner.iter().copied().find(|found| found.name() == name);
    let mut award = Award {
        lot: first(El::LotNo).and_then(|no| reading.line(no.text())),
        suppliers: winners(&inner, reading),
        value: value(&inner, reading),
        tenders_received: first(El::Offers).and_then(|offers| reading.count("NB_TENDERS_RECEIVED", offers.text())),
        decided_on: first(El::AwardDate).and_then(|date| reading.date("DATE_CONCLUSION_CONTRACT", &day(date))),
        contract_id: first(El::ContractNo).and_then(|no| reading.line(no.text())),
        ..Award::default()
    };
    if let Some(title) = first(El::Title) {
        reading.text(&mut award.title, "AWARD_CONTRACT/TITLE", None, &clean(title.text()));
    }
    for estimate in inner.iter().filter(|found| matches!(found.name(), El::Estimate | El::InitialEstimate)) {
        let value = estimate.first(El::Value).unwrap_or(*estimate);
        let currency = estimate.attribute("CURRENCY").unwrap_or("");
        let line = format!("{} {currency}", value.attribute("FMTVAL").unwrap_or(value.text()));
        reading.keep_in_list("AWARD_CONTRACT/VAL_ESTIMATED_TOTAL", line.trim());
    }
    let (unsuccessful, discontinued) = (first(El::Unsuccessful), first(El::Discontinued));
    if unsuccessful.is_some() || discontinued.is_some() {
        award.status = Some("clos-nw".to_owned());
        award.reason = Some(if unsuccessful.is_some() { "no-rece" } else { "other" }.to_owned());
    } else if !award.suppliers.is_empty() {
        award.status = Some("selec-w".to_owned());
    }
    if award == Award::default() {
        return;
    }
    // Before 2016 a result lists its lots nowhere else.
    if let Some(lot) = award.lot.as_ref().filter(|lot| notice.lots.iter().all(|known| known.id != **lot)) {
        let mut lot = Lot::new(lot.clone(), LotKind::Lot);
        lot.title = award.title.clone();
        put(&mut notice.lots, lot);
    }
    put(&mut notice.awards, award);
}

/// The winners; older blocks may hold several addresses.
fn winners(inner: &[Node<'_>], reading: &mut Reading) -> Vec<Organisation> {
    let mut found = Vec::new();
    for winner in inner.iter().filter(|node| node.name() == El::Winner) {
        let parties: Vec<Node<'_>> = winner.within(|_| false).filter(|node| node.name() == El::Party).collect();
        let parties = if parties.is_empty() { vec![*winner] } else { parties };
        for party in parties {
            if let Some(supplier) = organisation(party, "CONTRACTOR", reading) {
                push_new(&mut found, supplier);
            }
        }
    }
    found
}

/// VAL_TOTAL or COSTS_RANGE_AND_CURRENCY_WITH_VAT_RATE; of a range of offers the upper end, which is a ceiling.
fn value(inner: &[Node<'_>], reading: &mut Reading) -> Option<crate::notice::Amount> {
    let first = |name| inner.iter().copied().find(|found| found.name() == name);
    if let Some(total) = first(El::Total) {
        return money(total, "AWARD_CONTRACT/VAL_TOTAL", MoneyKind::Award, Vat::Ex, reading);
    }
    if let Some(costs) = first(El::Costs) {
        let kind = if costs.first(El::Range).is_some() { MoneyKind::Ceiling } else { MoneyKind::Award };
        return money(costs, "CONTRACT_VALUE_INFORMATION", kind, Vat::Unknown, reading);
    }
    let range = first(El::RangeTotal)?;
    money(range, "AWARD_CONTRACT/VAL_RANGE_TOTAL", MoneyKind::Ceiling, Vat::Ex, reading)
}

/// F20: what the contract was and is worth, and who holds it now when no award says it.
pub(super) fn modification(node: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    for (name, path) in [(El::Before, "VAL_TOTAL_BEFORE"), (El::After, "VAL_TOTAL_AFTER")] {
        if let Some(value) = inside(node, name) {
            let line = format!("{} {}", value.text(), value.attribute("CURRENCY").unwrap_or(""));
            reading.keep(format!("INFO_MODIFICATIONS/{path}"), line.trim());
        }
    }
    let texts: Vec<String> = node
        .children()
        .filter(|block| inside(*block, El::Winner).is_none())
        .filter_map(|block| inside(block, El::Description))
        .map(|text| clean(text.text()))
        .collect();
    if !texts.is_empty() {
        reading.keep("INFO_MODIFICATIONS/SHORT_DESCR", texts.join("\n"));
    }
    if notice.awards.is_empty() {
        award(node, notice, reading);
    }
}
