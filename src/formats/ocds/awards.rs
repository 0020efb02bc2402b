//! `awards` and `contracts` → what was decided, for whom, for how much.

use super::classifications;
use super::parties::Parties;
use super::tender::{amount, text};
use super::tree::Json;
use crate::formats::reading::{Reading, put};
use crate::issue::IssueCode;
use crate::notice::{Award, MoneyKind, Notice};

/// Awards of one release; several lots of one award are several entries.
const MAX_AWARDS: usize = 10_000;

/// One entry per award and lot; without awards one per contract; without both the parties that are suppliers.
pub(super) fn read(release: &Json<'_>, parties: &mut Parties<'_, '_>, notice: &mut Notice, reading: &mut Reading) {
    let contracts: Vec<&Json<'_>> = release.get("contracts").each().filter(|node| node.is_object()).collect();
    for (section, path) in [("awards", "awards[].items"), ("contracts", "contracts[].items")] {
        for node in release.get(section).each() {
            classifications::cpv(node, path, &mut notice.cpv, reading);
        }
    }
    let mut used = vec![false; contracts.len()];
    for node in release.get("awards").each().filter(|node| node.is_object()) {
        let id = node.text_of("id");
        let own =
            contracts.iter().enumerate().filter(|(_, contract)| id.is_some() && contract.text_of("awardID") == id);
        let own: Vec<usize> = own.map(|(at, _)| at).collect();
        own.iter().for_each(|at| used[*at] = true);
        let settled: Vec<&Json<'_>> = own.iter().map(|at| contracts[*at]).collect();
        award(node, &settled, parties, notice, reading);
    }
    let has_awards = !notice.awards.is_empty();
    for (contract, used) in contracts.iter().zip(used) {
        // A contract whose award is not here is an outcome of its own.
        if !used && (!has_awards || contract.text_of("awardID").is_some_and(|_| contract.get("suppliers").any())) {
            award(contract, &[contract], parties, notice, reading);
        } else if !used && let Some(id) = contract.text_of("awardID") {
            reading.issue(IssueCode::DanglingReference, "contracts[].awardID", &id);
        }
    }
    tenders(release, notice, reading);
    if notice.awards.iter().all(|award| award.suppliers.is_empty()) {
        notice.suppliers = parties.suppliers_by_role(reading);
    }
}

/// One award, or a contract that stands for it.
fn award(
    node: &Json<'_>,
    contracts: &[&Json<'_>],
    parties: &mut Parties<'_, '_>,
    notice: &mut Notice,
    reading: &mut Reading,
) {
    let mut award = Award::default();
    text(node, "title", "awards[].title", &mut award.title, reading);
    award.suppliers = parties.suppliers(node.get("suppliers"), reading);
    let mut nested = node.get("items").each().map(|item| item.get("suppliers")).filter(|list| list.any());
    if award.suppliers.is_empty()
        && let Some(list) = nested.next()
    {
        award.suppliers = parties.suppliers(list, reading);
    }
    let own = ["value", "totalAwardValue"].iter().map(|key| node.get(key)).find(|value| !value.is_null());
    award.value = own.and_then(|value| amount(value, "awards[].value", MoneyKind::Award, reading));
    for contract in contracts {
        if award.suppliers.is_empty() {
            award.suppliers = parties.suppliers(contract.get("suppliers"), reading);
        }
        if award.value.is_none() {
            award.value = amount(contract.get("value"), "contracts[].value", MoneyKind::Award, reading);
        }
        if award.title.is_empty() {
            text(contract, "title", "contracts[].title", &mut award.title, reading);
        }
        if let Some(id) = contract.text_of("id") {
            if award.contract_id.is_none() {
                award.contract_id = Some(id.into_owned());
            } else {
                reading.keep_in_list("contracts[].id", &id);
            }
        }
    }
    for key in ["date", "awardDate", "dateSigned"] {
        if award.decided_on.is_none() {
            award.decided_on = node.text_of(key).and_then(|day| reading.date(&format_args!("awards[].{key}"), &day));
        }
    }
    award.status = node.text_of("status").and_then(|status| match status.as_ref() {
        "active" => Some("selec-w".to_owned()),
        "pending" => Some("open-nw".to_owned()),
        "cancelled" | "unsuccessful" | "terminated" => {
            reading.keep_in_list("awards[].status", &status);
            (status != "terminated").then(|| "clos-nw".to_owned())
        }
        // Whatever stands there with a blank is no code; one publisher has names of people there.
        other => {
            let shown = if other.contains(char::is_whitespace) { "" } else { other };
            reading.issue(IssueCode::UnknownCode, "awards[].status", shown);
            None
        }
    });
    push(award, &lots_of(node), notice, reading);
}

fn lots_of(node: &Json<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let own = node.get("relatedLots").each().chain(node.get("relatedLot").each());
    let items = node.get("items").each().map(|item| item.get("relatedLot")).filter(|lot| !lot.is_null());
    for id in own.chain(items).filter_map(Json::text) {
        if !found.iter().any(|known| *known == id) {
            found.push(id.into_owned());
        }
    }
    found
}

/// The value of an award over several lots belongs to none of them alone: it stands on the first entry only.
fn push(mut award: Award, lots: &[String], notice: &mut Notice, reading: &mut Reading) {
    if notice.awards.len() + lots.len() > MAX_AWARDS {
        reading.issue(IssueCode::Truncated, "awards", "");
    }
    award.lot = lots.first().cloned();
    if notice.awards.len() >= MAX_AWARDS {
        return;
    }
    let mut others = Vec::new();
    for lot in lots.iter().skip(1).take(MAX_AWARDS - notice.awards.len() - 1) {
        others.push(Award { lot: Some(lot.clone()), value: None, ..award.clone() });
    }
    if !others.is_empty() {
        reading.keep_in_list("awards[].relatedLots", &lots.join(" "));
    }
    put(&mut notice.awards, award);
    notice.awards.append(&mut others);
}

/// BT-759: how many offered, when it is said of one award only.
fn tenders(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let said = release.at(&["tender", "numberOfTenderers"]).text();
    let said = said.and_then(|count| reading.count("tender.numberOfTenderers", &count));
    if let (Some(count), [award]) = (said, &mut notice.awards[..]) {
        award.tenders_received = Some(count);
    }
    for statistic in release.at(&["bids", "statistics"]).each() {
        if !matches!(statistic.text_of("measure").as_deref(), Some("bids" | "validBids" | "tenders")) {
            continue;
        }
        let Some(count) = statistic.text_of("value").and_then(|n| reading.count("bids.statistics[].value", &n)) else {
            continue;
        };
        let lots = lots_of(statistic);
        for award in &mut notice.awards {
            let meant = match &award.lot {
                Some(lot) => lots.contains(lot),
                None => lots.is_empty(),
            };
            if meant && award.tenders_received.is_none() {
                award.tenders_received = Some(count);
            }
        }
    }
}
