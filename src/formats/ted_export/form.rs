//! The form: buyers, what is bought, lots, procedure; and the texts of its other languages.

use serde_json::json;

use super::names::El;
use super::read::{Node, clean, day, inside, money, organisation};
use super::{award, codes, refer};
use crate::formats::reading::{Reading, place_of_nuts, push_new, put};
use crate::notice::{Duration, EuFunding, Lot, LotKind, MoneyKind, Notice, Relation, Role, Stage, Text, Vat};

/// Lots, buyers or changes of one notice; the largest real one has some 300.
const MAX_LOTS: usize = 5000;

/// Blocks that are read on their own: what is inside them is not said of the whole notice.
fn is_block(name: El) -> bool {
    matches!(
        name,
        El::Lot
            | El::Award
            | El::Modification
            | El::Change
            | El::Buyer
            | El::OtherBuyer
            | El::OnBehalf
            | El::LooseAddress
            | El::FinalTotal
            | El::FrameworkTotal
            | El::InitialEstimate
    )
}

/// The original form.
pub(super) fn read(form: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let top: Vec<Node<'_>> = form.within(is_block).collect();
    let first = |name| top.iter().copied().find(|node| node.name() == name);
    buyers(&top, notice, reading);
    texts(form, &top, notice, reading);
    object(&top, notice, reading);
    values(&top, notice, reading);
    lots(&top, notice, reading);
    procedure(&top, notice, reading);
    for node in top.iter().filter(|node| node.name() == El::Award) {
        award::award(*node, notice, reading);
    }
    for node in top.iter().filter(|node| node.name() == El::Modification) {
        award::modification(*node, notice, reading);
    }
    changes(&top, reading);
    if let Some(node) = first(El::ReceiptDate) {
        let time = first(El::ReceiptTime).map_or("", Node::text);
        let written = format!("{} {time}", day(node));
        notice.deadline = reading.deadline("PROCEDURE/DATE_RECEIPT_TENDERS", &written);
    }
    for node in &top {
        match node.name() {
            El::Reference => {
                if let Some(line) = reading.line(node.text()) {
                    reading.keep_in_list("OBJECT_CONTRACT/REFERENCE_NUMBER", &line);
                }
            }
            El::Notice => reading.keep("NOTICE/@TYPE", node.attribute("TYPE").unwrap_or("")),
            El::UrlDocument if notice.documents_url.is_none() => {
                notice.documents_url = reading.url("CONTRACTING_BODY/URL_DOCUMENT", node.text());
            }
            _ => {}
        }
    }
}

fn buyers(top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    for node in top {
        let (path, role) = match node.name() {
            El::Buyer => ("ADDRESS_CONTRACTING_BODY", None),
            El::OtherBuyer => ("ADDRESS_CONTRACTING_BODY_ADDITIONAL", None),
            // The buyer acts for these.
            El::OnBehalf => ("CONTACT_DATA_OTHER_BEHALF_CONTRACTING_AUTORITHY", Some(Role::OnBehalf)),
            _ => continue,
        };
        if notice.buyers.len() >= MAX_LOTS {
            break;
        }
        let Some(mut buyer) = organisation(*node, path, reading) else { continue };
        buyer.roles.push(Role::Buyer);
        buyer.roles.extend(role);
        let known = notice.buyers.iter().any(|known| known.name == buyer.name && known.country == buyer.country);
        if !known {
            push_new(&mut notice.buyers, buyer);
        }
    }
    let Some(lead) = notice.buyers.first_mut() else { return };
    for node in top {
        match node.name() {
            El::CentralPurchasing if !lead.roles.contains(&Role::CentralPurchasing) => {
                lead.roles.push(Role::CentralPurchasing);
            }
            El::AuthorityKind if lead.legal_type.is_none() => {
                let code = node.attribute("VALUE").unwrap_or("");
                lead.legal_type = codes::legal_type(code).map(str::to_owned);
            }
            El::Activity if lead.activity.is_none() => {
                lead.activity = codes::activity(node.attribute("VALUE").unwrap_or("")).map(str::to_owned);
            }
            // R2.0.7 and R2.0.8 have the addresses of the internet in a block of their own.
            El::Url if lead.website.is_none() => {
                lead.website = reading.url("ADDRESS_CONTRACTING_BODY/URL_GENERAL", node.text());
            }
            _ => {}
        }
    }
}

/// Title and description in the form's own language. A notice of free text (OTH_NOT) has a title and sections.
fn texts(form: Node<'_>, top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    let language = form.attribute("LG").map(str::to_owned);
    let mut add = |into: &mut Text, name: El, path: &str| {
        for node in top.iter().filter(|node| node.name() == name) {
            reading.text(into, path, language.as_deref(), &clean(node.text()));
        }
    };
    add(&mut notice.title, El::Title, "OBJECT_CONTRACT/TITLE");
    let mut own = Text::default();
    add(&mut own, El::Description, "OBJECT_CONTRACT/SHORT_DESCR");
    // Supplies and services of prior information notices are described by their quantity alone.
    if own.is_empty() {
        add(&mut own, El::Quantity, "TOTAL_QUANTITY_OR_SCOPE");
    }
    if own.is_empty() {
        for name in [El::Lot, El::Modification] {
            let first = top.iter().find(|node| node.name() == name).and_then(|node| inside(*node, El::Description));
            if let Some(node) = first.filter(|_| own.is_empty()) {
                reading.text(&mut own, "OBJECT_DESCR/SHORT_DESCR", language.as_deref(), &clean(node.text()));
            }
        }
    }
    if own.is_empty() && top.iter().any(|node| node.name() == El::OtherTitle) {
        let sections = top.iter().filter(|node| matches!(node.name(), El::Other | El::Old | El::New | El::Mixed));
        let text: Vec<String> = sections.map(|node| clean(node.text())).filter(|text| !text.is_empty()).collect();
        reading.text(&mut own, "FD_OTH_NOT/CONTENTS", language.as_deref(), &text.join("\n"));
    }
    own.iter().for_each(|(language, text)| notice.description.push(language, text));
}

/// A further original or a translation: the same notice in another language.
pub(super) fn other_language(form: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let top: Vec<Node<'_>> = form.within(is_block).collect();
    texts(form, &top, notice, reading);
    let language = form.attribute("LG").map(str::to_owned);
    let lots = top.iter().filter(|node| node.name() == El::Lot);
    for (node, lot) in lots.zip(&mut notice.lots) {
        for (into, name, path) in [
            (&mut lot.title, El::Title, "OBJECT_DESCR/TITLE"),
            (&mut lot.description, El::Description, "OBJECT_DESCR/SHORT_DESCR"),
        ] {
            if let Some(found) = inside(*node, name) {
                reading.text(into, path, language.as_deref(), &clean(found.text()));
            }
        }
    }
    let other = top.iter().filter(|node| matches!(node.name(), El::Buyer | El::OtherBuyer));
    let code = language.as_deref().and_then(crate::codes::language).unwrap_or("und");
    for (node, buyer) in other.zip(&mut notice.buyers) {
        let name = inside(*node, El::OfficialName).or_else(|| inside(*node, El::Organisation));
        if let Some(name) =
            name.and_then(|name| reading.line(name.text())).filter(|name| Some(name) != buyer.name.as_ref())
        {
            buyer.names.push(code, &name);
        }
    }
}

/// CPV codes and places of the whole notice, EU funds.
fn object(top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    for name in [El::CpvMain, El::CpvAdditional] {
        for node in top.iter().filter(|node| node.name() == name) {
            cpv(*node, &mut notice.cpv, reading);
        }
    }
    for node in top {
        match node.name() {
            El::Location => node.all(El::Nuts).for_each(|nuts| {
                if let Some(code) = reading.nuts("LOCATION_NUTS/NUTS", nuts.attribute("CODE").unwrap_or("")) {
                    push_new(&mut notice.places, place_of_nuts(code));
                }
            }),
            El::EuFunded | El::NotEuFunded => funded(*node, notice, reading),
            El::Nature if notice.nature.is_none() => {
                let written = ["CTYPE", "VALUE", "CONTRACT_TYPE"].iter().find_map(|name| node.attribute(name));
                notice.nature = reading.nature("TYPE_CONTRACT", written.unwrap_or(""));
            }
            _ => {}
        }
    }
}

fn cpv(node: Node<'_>, into: &mut Vec<String>, reading: &mut Reading) {
    for code in node.all(El::CpvCode).filter_map(|code| code.attribute("CODE")) {
        reading.cpv("CPV_CODE/@CODE", code).into_iter().for_each(|code| push_new(into, code));
    }
}

/// One lot with funds makes the notice funded.
fn funded(node: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let mut funding: EuFunding = notice.eu_funding.take().unwrap_or_default();
    if node.name() == El::EuFunded {
        funding.funded = Some(true);
        let language = reading.language.clone();
        let text = clean(node.text());
        if funding.description.iter().all(|(_, known)| !known.contains(&text)) {
            reading.text(&mut funding.description, "EU_PROGR_RELATED", language.as_deref(), &text);
        }
    } else {
        funding.funded.get_or_insert(false);
    }
    notice.eu_funding = Some(funding);
}

/// Estimates, totals and ceilings. R2.0.9 asks for values without VAT; older forms say it where they ask for both.
fn values(top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    let all = |name| top.iter().copied().filter(move |node| node.name() == name);
    let is_result = matches!(notice.stage, Stage::Result | Stage::DirectAward);
    let estimates: Vec<Node<'_>> = all(El::Estimate).collect();
    match estimates[..] {
        [one] => {
            notice.estimated_value =
                money(one, "OBJECT_CONTRACT/VAL_ESTIMATED_TOTAL", MoneyKind::Estimate, Vat::Ex, reading);
        }
        // Several objects in one prior information notice: neither is the whole, and sums are not ours to make.
        _ => estimates.iter().for_each(|node| {
            let line = format!("{} {}", node.text(), node.attribute("CURRENCY").unwrap_or(""));
            reading.keep_in_list("OBJECT_CONTRACT/VAL_ESTIMATED_TOTAL", line.trim());
        }),
    }
    if let Some(node) = all(El::Total).next() {
        notice.awarded_value = money(node, "OBJECT_CONTRACT/VAL_TOTAL", MoneyKind::Award, Vat::Ex, reading);
    } else if let Some(node) = all(El::RangeTotal).next() {
        // The lowest and the highest offer: what was awarded is at most the latter.
        notice.awarded_value = money(node, "OBJECT_CONTRACT/VAL_RANGE_TOTAL", MoneyKind::Ceiling, Vat::Ex, reading);
    }
    let blocks = all(El::FinalTotal).filter_map(|node| inside(node, El::Costs));
    let costs = all(El::Costs).filter(|_| is_result);
    if let Some(node) = blocks.chain(costs).next().filter(|_| notice.awarded_value.is_none()) {
        notice.awarded_value = money(node, "TOTAL_FINAL_VALUE", MoneyKind::Award, Vat::Unknown, reading);
    }
    if let Some(node) = all(El::Costs).next().filter(|_| !is_result && notice.estimated_value.is_none()) {
        notice.estimated_value = money(node, "COSTS_RANGE_AND_CURRENCY", MoneyKind::Estimate, Vat::Ex, reading);
    }
    if let Some(node) = all(El::FrameworkTotal).find_map(|node| inside(node, El::Costs)) {
        notice.framework_ceiling = money(node, "TOTAL_ESTIMATED", MoneyKind::Ceiling, Vat::Ex, reading);
    }
}

/// Every OBJECT_DESCR or annex B is a lot; an undivided object is its only lot, `1`.
fn lots(top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    let objects = top.iter().filter(|node| node.name() == El::Object).count();
    let kind = if notice.stage == Stage::Planning { LotKind::Part } else { LotKind::Lot };
    let mut object = 0;
    for node in top {
        if node.name() == El::Object {
            object += 1;
        }
        if node.name() != El::Lot || notice.lots.len() >= MAX_LOTS {
            continue;
        }
        let number = inside(*node, El::LotNo).and_then(|no| reading.line(no.text()));
        let number = number.or_else(|| node.attribute("ITEM").filter(|item| !item.is_empty()).map(str::to_owned));
        let number = number.unwrap_or_else(|| (notice.lots.len() + 1).to_string());
        let mut id = if objects > 1 { format!("{object}-{number}") } else { number };
        if notice.lots.iter().any(|known| known.id == id) {
            reading.issue(crate::issue::IssueCode::DuplicateId, "OBJECT_DESCR/LOT_NO", &id);
            id = format!("{id}#{}", notice.lots.len() + 1);
        }
        let lot = lot(*node, Lot::new(id, kind), notice, reading);
        put(&mut notice.lots, lot);
    }
    // Before 2016 an undivided procedure has no block of its own.
    if notice.lots.is_empty() && matches!(notice.stage, Stage::Planning | Stage::Competition) {
        let period = top.iter().find(|node| node.name() == El::Period);
        if let Some(duration) = period.map(|node| duration(node.within(|_| false), reading)) {
            let mut lot = Lot::new("1", kind);
            lot.duration = duration;
            put(&mut notice.lots, lot);
        }
    }
    let gpa = |name| top.iter().find(|node| node.name() == name);
    let covered = match (gpa(El::Gpa), gpa(El::NoGpa)) {
        (Some(node), _) => Some(node.attribute("VALUE") != Some("NO")),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    let participation = top.iter().find(|node| node.name() == El::UrlParticipation);
    let url = participation.and_then(|node| reading.url("CONTRACTING_BODY/URL_PARTICIPATION", node.text()));
    for lot in &mut notice.lots {
        lot.gpa = covered;
        lot.submission_url.clone_from(&url);
    }
}

fn lot(node: Node<'_>, mut lot: Lot, notice: &mut Notice, reading: &mut Reading) -> Lot {
    let inner: Vec<Node<'_>> = node.within(|_| false).collect();
    for found in &inner {
        match found.name() {
            El::Title => reading.text(&mut lot.title, "OBJECT_DESCR/TITLE", None, &clean(found.text())),
            El::Description => {
                reading.text(&mut lot.description, "OBJECT_DESCR/SHORT_DESCR", None, &clean(found.text()));
            }
            El::CpvMain | El::CpvAdditional => cpv(*found, &mut lot.cpv, reading),
            El::Nuts => {
                if let Some(code) = reading.nuts("OBJECT_DESCR/NUTS", found.attribute("CODE").unwrap_or("")) {
                    push_new(&mut lot.places, place_of_nuts(code));
                }
            }
            El::LotValue | El::Costs if lot.estimated_value.is_none() => {
                lot.estimated_value = money(*found, "OBJECT_DESCR/VAL_OBJECT", MoneyKind::Estimate, Vat::Ex, reading);
            }
            El::EuFunded | El::NotEuFunded => funded(*found, notice, reading),
            _ => {}
        }
    }
    if lot.description.is_empty()
        && let Some(quantity) = inner.iter().find(|found| found.name() == El::Quantity)
    {
        reading.text(&mut lot.description, "TOTAL_QUANTITY_OR_SCOPE", None, &clean(quantity.text()));
    }
    lot.duration = duration(inner.into_iter(), reading);
    lot
}

/// DURATION, DATE_START and DATE_END, or PERIOD_WORK_DATE_STARTING.
fn duration<'t>(nodes: impl Iterator<Item = Node<'t>>, reading: &mut Reading) -> Option<Duration> {
    let mut found = Duration::default();
    for node in nodes {
        let path = "OBJECT_DESCR/DURATION";
        match node.name() {
            El::Duration => {
                found.amount = reading.count(path, node.text()).or(found.amount);
                found.unit = node.attribute("TYPE").map(str::to_owned).or(found.unit);
            }
            El::Months | El::Days => {
                found.amount = reading.count(path, node.text()).or(found.amount);
                let unit = if node.name() == El::Months { "MONTH" } else { "DAY" };
                found.unit = Some(unit.to_owned());
            }
            El::Start => found.starts_on = reading.date("OBJECT_DESCR/DATE_START", &day(node)).or(found.starts_on),
            El::End => found.ends_on = reading.date("OBJECT_DESCR/DATE_END", &day(node)).or(found.ends_on),
            El::Unlimited => found.description = Some("UNLIMITED".to_owned()),
            _ => {}
        }
    }
    (found != Duration::default()).then_some(found)
}

/// Procedure type, techniques, previous notices, the directive of a transparency notice.
fn procedure(top: &[Node<'_>], notice: &mut Notice, reading: &mut Reading) {
    for node in top {
        match node.name() {
            // The form's own element says more than the coded data: "award without publication" is coded in several ways.
            El::Pt(code) => notice.procedure_type = Some(code.to_owned()),
            El::Framework if node.attribute("VALUE") != Some("NO") => {
                // With one operator there is nobody to reopen competition with; several may go both ways.
                let single = node.first(El::SingleOperator).is_some();
                let code = if single { "fa-wo-rc" } else { "fa-mix" };
                technique("fa-", code, notice);
                let written = if single { "SINGLE_OPERATOR" } else { "FRAMEWORK" };
                reading.keep("PROCEDURE/FRAMEWORK", written);
            }
            El::Involves => {
                let value = node.attribute("VALUE").unwrap_or("");
                if value.contains("FRAMEWORK") {
                    technique("fa-", "fa-mix", notice);
                    reading.keep("NOTICE_INVOLVES/@VALUE", value);
                } else if value.contains("DPS") || value.contains("DYNAMIC") {
                    technique("dps-", "dps-list", notice);
                    reading.keep("NOTICE_INVOLVES/@VALUE", value);
                }
            }
            El::Dps => technique("dps-", "dps-list", notice),
            El::DpsOthers => {
                notice.techniques.retain(|code| !code.starts_with("dps-"));
                technique("dps-", "dps-nlist", notice);
            }
            El::Auction if !matches!(node.attribute("VALUE"), Some("NO")) => {
                technique("electronic-auction", "electronic-auction", notice);
            }
            El::Directive2009 => {
                notice.legal_basis.get_or_insert_with(|| "32009L0081".to_owned());
            }
            El::CallReference => {
                if let Some(number) = node.first(El::NoticeNumber) {
                    refer(number.text(), Relation::Awards, "CNT_NOTICE_INFORMATION/NOTICE_NUMBER_OJ", notice, reading);
                }
            }
            El::NoticeNumber => {
                let relation = match notice.stage {
                    Stage::Change => Relation::Changes,
                    Stage::Modification => Relation::Modifies,
                    _ => Relation::Previous,
                };
                refer(node.text(), relation, "NOTICE_NUMBER_OJ", notice, reading);
            }
            _ => {}
        }
    }
}

/// One code of each kind.
fn technique(kind: &str, code: &str, notice: &mut Notice) {
    if !notice.techniques.iter().any(|known| known.starts_with(kind)) {
        notice.techniques.push(code.to_owned());
    }
}

/// F14: where, old and new value of each change.
fn changes(top: &[Node<'_>], reading: &mut Reading) {
    let mut list = Vec::new();
    for change in top.iter().filter(|node| node.name() == El::Change).take(MAX_LOTS) {
        let value = |name| change.first(name).map(all_text).unwrap_or_default();
        list.push(json!({ "where": value(El::Where), "old": value(El::Old), "new": value(El::New) }));
    }
    if !list.is_empty() {
        reading.keep("CHANGES/CHANGE", list);
    }
}

/// Everything that is written inside, CPV codes too.
fn all_text(node: Node<'_>) -> String {
    let inner = std::iter::once(node).chain(node.within(|_| false));
    let texts = inner.map(|node| {
        let code = if node.name() == El::CpvCode { node.attribute("CODE") } else { None };
        clean(code.unwrap_or(node.text()))
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}
