//! `efac:NoticeResult`: who won which lot, for how much. Lot results, tenders, tendering parties and contracts
//! point at each other by id, in any order.

use std::collections::{HashMap, HashSet};

use super::names::El;
use super::organisations::{Organisations, key, organisation};
use super::project::{MAX_LOTS, funded};
use super::read::{MoneyField, Node, Reading, extensions, privacy_of};
use crate::formats::reading::push_new;
use crate::issue::IssueCode;
use crate::notice::{Award, LotKind, MoneyKind, Notice, Organisation, Related, Relation, Vat};

const TENDER_VALUE: MoneyField =
    MoneyField { bt: "BT-720", kind: MoneyKind::Award, vat: Vat::Unknown, privacy: "win-ten-val" };
const NOTICE_VALUE: MoneyField =
    MoneyField { bt: "BT-161", kind: MoneyKind::Award, vat: Vat::Unknown, privacy: "not-val" };
const NOTICE_CEILING: MoneyField =
    MoneyField { bt: "BT-118", kind: MoneyKind::Ceiling, vat: Vat::Unknown, privacy: "not-max-val" };
const LOT_CEILING: MoneyField =
    MoneyField { bt: "BT-709", kind: MoneyKind::Ceiling, vat: Vat::Unknown, privacy: "max-val" };
const GROUP_CEILING: MoneyField =
    MoneyField { bt: "BT-156", kind: MoneyKind::Ceiling, vat: Vat::Unknown, privacy: "gro-max-val" };
const REESTIMATED: MoneyField =
    MoneyField { bt: "BT-660", kind: MoneyKind::Estimate, vat: Vat::Unknown, privacy: "ree-val" };
const APPROXIMATE: MoneyField =
    MoneyField { bt: "BT-1118", kind: MoneyKind::Estimate, vat: Vat::Unknown, privacy: "not-app-val" };

/// Awards of one notice, and members of winning parties over all of them: references may multiply.
const MAX_AWARDS: usize = 10_000;
const MAX_MEMBERS: usize = 50_000;

/// The elements of a result by their ids, and the suppliers met so far.
struct Result<'t, 'o> {
    organisations: &'o Organisations<'t>,
    tenders: HashMap<&'t str, Node<'t>>,
    parties: HashMap<&'t str, Node<'t>>,
    contracts: HashMap<&'t str, Node<'t>>,
    /// Tender id → the contracts that were settled on it.
    settled: HashMap<&'t str, Vec<Node<'t>>>,
    suppliers: HashSet<&'t str>,
    lots: HashSet<String>,
    members: usize,
}

/// The whole result: totals, then one award for each lot result and winning tender.
pub(super) fn result<'t>(
    root: Node<'t>,
    notice: &mut Notice,
    organisations: &Organisations<'t>,
    reading: &mut Reading<'t>,
) {
    for node in extensions(root).flat_map(|extension| extension.all(El::NoticeResult)) {
        totals(node, notice, reading);
        let mut result = Result::index(node, organisations, notice, reading);
        for lot_result in reading.bounded(node.all(El::LotResult), MAX_LOTS) {
            ceilings(lot_result, notice, reading);
            result.lot_result(lot_result, notice, reading);
        }
        for group in node.all(El::GroupFramework) {
            group_ceiling(group, notice, reading);
        }
        for contract in node.all(El::SettledContract) {
            contract_references(contract, notice, reading);
        }
    }
}

/// BT-161, BT-118, BT-1118.
fn totals<'t>(node: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    notice.awarded_value = reading.amount(node.first(El::TotalAmount), node, NOTICE_VALUE);
    let ceiling = reading.amount(node.first(El::OverallMaximumFrameworkContractsAmount), node, NOTICE_CEILING);
    if let Some(ceiling) = ceiling {
        if notice.framework_ceiling.is_none() {
            notice.framework_ceiling = Some(ceiling);
        } else {
            reading.keep("BT-118", serde_json::to_value(ceiling).expect("an amount is JSON"));
        }
    }
    let approximate = node.first(El::OverallApproximateFrameworkContractsAmount);
    if let Some(amount) = reading.amount(approximate, node, APPROXIMATE) {
        reading.keep("BT-1118", serde_json::to_value(amount).expect("an amount is JSON"));
    }
}

/// BT-709, BT-660: what a framework's lot may draw.
fn ceilings<'t>(lot_result: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let lot = lot_result.path(&[El::TenderLot, El::ID]).map_or("", Node::text);
    for values in lot_result.all(El::FrameworkAgreementValues) {
        let ceiling = reading.amount(values.first(El::MaximumValueAmount), values, LOT_CEILING);
        if let Some(lot) = notice.lots.iter_mut().find(|known| known.id == lot && known.framework_ceiling.is_none()) {
            lot.framework_ceiling = ceiling;
        }
        if let Some(amount) = reading.amount(values.first(El::ReestimatedValueAmount), values, REESTIMATED) {
            let amount = serde_json::to_value(amount).expect("an amount is JSON");
            let by_lot = reading.extra.entry("BT-660".into()).or_insert_with(|| serde_json::json!({}));
            if let Some(map) = by_lot.as_object_mut() {
                map.insert(lot.to_owned(), amount);
            }
        }
    }
}

/// BT-556, BT-156.
fn group_ceiling<'t>(group: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let id = group.path(&[El::TenderLot, El::ID]).map_or("", Node::text);
    let ceiling = reading.amount(group.first(El::GroupFrameworkMaximumValueAmount), group, GROUP_CEILING);
    let known = notice.lots.iter_mut().find(|lot| lot.id == id && lot.kind == LotKind::Group);
    if let Some(lot) = known.filter(|lot| lot.framework_ceiling.is_none()) {
        lot.framework_ceiling = ceiling;
    }
}

/// OPT-100, and the EU funds of a contract (BT-722, BT-5011, BT-6110).
fn contract_references<'t>(contract: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    for reference in contract.all(El::NoticeDocumentReference).filter_map(|node| node.first(El::ID)) {
        if let Some(id) = reading.line(Some(reference)) {
            let related = Related { id, relation: Relation::Previous, evidence: "OPT-100".to_owned() };
            push_new(&mut notice.related, related);
        }
    }
    for node in contract.all(El::Funding) {
        let mut funding = notice.eu_funding.take().unwrap_or_default();
        funded(node, &mut funding, reading);
        notice.eu_funding = Some(funding);
    }
}

/// The text of the first `cbc:ID`.
fn id(node: Node<'_>) -> Option<Node<'_>> {
    node.first(El::ID).filter(|id| !id.text().is_empty())
}

fn references(node: Node<'_>, name: El) -> impl Iterator<Item = Node<'_>> {
    node.all(name).filter_map(id)
}

impl<'t, 'o> Result<'t, 'o> {
    fn index(node: Node<'t>, organisations: &'o Organisations<'t>, notice: &Notice, reading: &mut Reading<'t>) -> Self {
        let mut by_id = |name| {
            let mut map: HashMap<&'t str, Node<'t>> = HashMap::new();
            for element in node.all(name) {
                let Some(id) = id(element) else { continue };
                if map.contains_key(id.text()) {
                    reading.issue(IssueCode::DuplicateId, id, id.text());
                } else {
                    map.insert(id.text(), element);
                }
            }
            map
        };
        let (tenders, parties) = (by_id(El::LotTender), by_id(El::TenderingParty));
        let contracts = by_id(El::SettledContract);
        let mut settled: HashMap<&str, Vec<Node>> = HashMap::new();
        for contract in node.all(El::SettledContract) {
            for tender in references(contract, El::LotTender) {
                settled.entry(tender.text()).or_default().push(contract);
            }
        }
        let lots = notice.lots.iter().map(|lot| lot.id.clone()).collect();
        Self { organisations, tenders, parties, contracts, settled, suppliers: HashSet::new(), lots, members: 0 }
    }

    /// BT-13713, BT-142, BT-144, BT-759, and the winners.
    fn lot_result(&mut self, node: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
        let lot = node.path(&[El::TenderLot, El::ID]);
        if let Some(lot) = lot.filter(|lot| !self.lots.contains(lot.text())) {
            reading.issue(IssueCode::DanglingReference, lot, lot.text());
        }
        let award = Award {
            lot: reading.value(lot).map(str::to_owned),
            status: status(node, reading),
            reason: node
                .first(El::DecisionReason)
                .and_then(|reason| reading.code(reason.first(El::DecisionReasonCode), "non-award-justification"))
                .map(str::to_owned),
            tenders_received: tenders_received(node, reading),
            ..Award::default()
        };
        let winners = self.winners(node, award.status.as_deref(), reading);
        if winners.is_empty() {
            notice.awards.push(self.contract_alone(node, award, reading));
            return;
        }
        let room = MAX_AWARDS.saturating_sub(notice.awards.len());
        for reference in reading.bounded(winners.into_iter(), room) {
            let won = self.won(reference, node, award.clone(), notice, reading);
            notice.awards.push(won);
        }
    }

    /// The tenders that won: settled by a contract, or ranked first. A lot result lists losers too; only where
    /// neither contract nor rank tells them apart is each tender without a worse rank a winner.
    fn winners(&self, node: Node<'t>, status: Option<&str>, reading: &mut Reading<'t>) -> Vec<Node<'t>> {
        if matches!(status, Some("clos-nw" | "open-nw")) {
            return Vec::new();
        }
        let mut listed: Vec<Node<'t>> = Vec::new();
        let mut seen = HashSet::new();
        for tender in references(node, El::LotTender) {
            if !self.tenders.contains_key(tender.text()) {
                reading.issue(IssueCode::DanglingReference, tender, tender.text());
            } else if seen.insert(tender.text()) {
                listed.push(tender);
            }
        }
        let rank = |tender: &Node<'t>| {
            self.tenders.get(tender.text()).and_then(|node| node.first(El::RankCode)).map_or("", |rank| rank.text())
        };
        let won: Vec<Node<'t>> = listed
            .iter()
            .filter(|tender| self.settled.contains_key(tender.text()) || rank(tender) == "1")
            .copied()
            .collect();
        if !won.is_empty() {
            return won;
        }
        listed.retain(|tender| matches!(rank(tender), "" | "unpublished"));
        listed
    }

    /// One winning tender: its party, its value and its contract.
    fn won(
        &mut self,
        reference: Node<'t>,
        lot_result: Node<'t>,
        mut award: Award,
        notice: &mut Notice,
        reading: &mut Reading<'t>,
    ) -> Award {
        let tender = self.tenders.get(reference.text()).copied();
        if let Some(tender) = tender {
            let value = tender.path(&[El::LegalMonetaryTotal, El::PayableAmount]);
            award.value = reading.amount(value, tender, TENDER_VALUE);
            award.suppliers = self.suppliers(tender, notice, reading);
        }
        if award.value.is_none()
            && let Some(inline) =
                lot_result.all(El::LotTender).find(|node| id(*node).map(Node::text) == Some(reference.text()))
        {
            let value = inline.path(&[El::LegalMonetaryTotal, El::PayableAmount]);
            award.value = reading.amount(value, inline, TENDER_VALUE);
        }
        let named: Vec<&str> = references(lot_result, El::SettledContract).map(Node::text).collect();
        let candidates = self.settled.get(reference.text()).map_or(&[][..], Vec::as_slice);
        let own = candidates.iter().find(|contract| id(**contract).is_some_and(|id| named.contains(&id.text())));
        match own.or(candidates.first()).copied() {
            Some(contract) => settled(contract, &mut award, reading),
            None => award = self.contract_alone(lot_result, award, reading),
        }
        award
    }

    /// A lot result that names one contract which names no tender.
    fn contract_alone(&self, lot_result: Node<'t>, mut award: Award, reading: &mut Reading<'t>) -> Award {
        let mut named = Vec::new();
        for reference in references(lot_result, El::SettledContract) {
            match self.contracts.get(reference.text()) {
                Some(contract) => named.push(*contract),
                None => reading.issue(IssueCode::DanglingReference, reference, reference.text()),
            }
        }
        if let [contract] = named[..] {
            settled(contract, &mut award, reading);
        }
        award
    }

    /// OPT-310, OPT-300-Tenderer: the members of the tendering party.
    fn suppliers(&mut self, tender: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) -> Vec<Organisation> {
        let mut found = Vec::new();
        let mut keys = HashSet::new();
        for reference in references(tender, El::TenderingParty) {
            let Some(party) = self.parties.get(reference.text()) else {
                reading.issue(IssueCode::DanglingReference, reference, reference.text());
                continue;
            };
            let room = MAX_MEMBERS.saturating_sub(self.members);
            for member in reading.bounded(references(*party, El::Tenderer), room) {
                let Some(node) = self.organisations.get(member, reading) else { continue };
                let key = key(node);
                if !keys.insert(key) {
                    continue;
                }
                self.members += 1;
                let supplier = organisation(node, reading);
                if self.suppliers.insert(key) {
                    notice.suppliers.push(supplier.clone());
                }
                found.push(supplier);
            }
        }
        found
    }
}

/// BT-1451, else BT-145; BT-150, BT-721.
fn settled<'t>(contract: Node<'t>, award: &mut Award, reading: &mut Reading<'t>) {
    award.decided_on =
        reading.date(contract.first(El::AwardDate)).or_else(|| reading.date(contract.first(El::IssueDate)));
    award.contract_id = reading.line(contract.path(&[El::ContractReference, El::ID]));
    award.title = reading.text(contract, El::Title);
}

/// BT-142; `withheld` when it is masked.
fn status<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Option<String> {
    let element = node.first(El::TenderResultCode);
    let masked = element.is_some_and(|code| code.text() == "unpublished")
        || (element.is_none() && privacy_of(node, "win-cho").is_some());
    let code = reading.code(element, "winner-selection-status");
    if masked { Some("withheld".to_owned()) } else { code.map(str::to_owned) }
}

/// BT-759 where BT-760 is `tenders`; other codes count other things.
fn tenders_received<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Option<u32> {
    let statistics = node
        .all(El::ReceivedSubmissionsStatistics)
        .find(|one| one.first(El::StatisticsCode).is_some_and(|code| code.text() == "tenders"));
    reading.count(statistics?.first(El::StatisticsNumeric))
}
