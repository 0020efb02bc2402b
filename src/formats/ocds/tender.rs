//! `tender` and `planning`: what is to be bought, in which lots, for how much, until when.

use rust_decimal::Decimal;

use super::classifications;
use super::tree::Json;
use crate::codes;
use crate::formats::reading::{Reading, place_of_nuts, push_new, put};
use crate::issue::IssueCode;
use crate::notice::{Amount, Duration, EuFunding, Lot, LotKind, Money, MoneyKind, Notice, Place, Text, Vat};

/// Text of a field in every language it is given in; the plain field is in the release's language.
pub(super) fn text(node: &Json<'_>, field: &str, path: &str, into: &mut Text, reading: &mut Reading) {
    for (suffix, text) in node.variants(field) {
        let known = suffix.or(reading.language.as_deref()).and_then(codes::language);
        // A plain field that repeats one of its variants adds nothing.
        if known.is_some_and(|language| into.get(language).is_some_and(|old| !old.is_empty())) {
            continue;
        }
        reading.text(into, path, suffix, &text);
    }
}

/// A value of OCDS: a number, or an object with one.
pub(super) fn amount(node: &Json<'_>, path: &str, kind: MoneyKind, reading: &mut Reading) -> Option<Amount> {
    if node.is_null() {
        return None;
    }
    let inner = node.get("amount");
    let (number, vat) = match inner.text().or_else(|| node.text()) {
        Some(number) => (number, Vat::Unknown),
        // The United Kingdom says which side of the tax it means.
        None => match (node.text_of("amountNet"), node.text_of("amountGross")) {
            (Some(net), _) => (net, Vat::Ex),
            (None, Some(gross)) => (gross, Vat::In),
            (None, None) => return None,
        },
    };
    let vat = match node.get("valueAddedTaxIncluded") {
        Json::Bool(true) => Vat::In,
        Json::Bool(false) => Vat::Ex,
        _ => vat,
    };
    let currency = node.text_of("currency");
    reading.amount(path, &number, currency.as_deref(), kind, vat)
}

/// Everything under `tender` and `planning`.
pub(super) fn read(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let tender = release.get("tender");
    classifications::cpv(tender, "tender.classification", &mut notice.cpv, reading);
    let items = tender.get("items");
    lots(tender, notice, reading);
    for node in [tender].into_iter().chain(items.each()) {
        places(node, &mut notice.places, reading);
    }
    classifications::techniques(tender, &mut notice.techniques, reading);
    classifications::legal_basis(tender, notice, reading);
    for planning in release.get("planning").each() {
        let planned = planning.get("tender");
        classifications::cpv(planned, "planning.tender.items", &mut notice.cpv, reading);
        classifications::cpv(planning, "planning.items", &mut notice.cpv, reading);
        if !tender.is_object() {
            classifications::procedure(planned, notice, reading);
        }
    }
    classifications::procedure(tender, notice, reading);
    let end = tender.at(&["tenderPeriod", "endDate"]).text();
    notice.deadline = end.and_then(|end| reading.deadline("tender.tenderPeriod.endDate", &end));
    values(release, notice, reading);
    funding(release.get("planning"), notice);
    documents(tender, notice, reading);
    for key in
        ["id", "status", "statusDetails", "procurementMethodRationale", "awardCriteria", "submissionMethodDetails"]
    {
        reading.keep_line(&format_args!("tender.{key}"), tender.text_of(key).as_deref());
    }
}

/// BT-27: the tender's value, else the sum of its lots, else its least value, else the budget.
fn values(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let tender = release.get("tender");
    let planned = release.at(&["planning", "tender", "value"]);
    let budget = release.at(&["planning", "budget"]);
    notice.estimated_value = amount(tender.get("value"), "tender.value", MoneyKind::Estimate, reading)
        .or_else(|| sum_of_lots(&notice.lots))
        .or_else(|| amount(tender.get("minValue"), "tender.minValue", MoneyKind::Estimate, reading))
        .or_else(|| amount(planned, "planning.tender.value", MoneyKind::Estimate, reading))
        .or_else(|| amount(budget.get("amount"), "planning.budget.amount", MoneyKind::Budget, reading))
        .or_else(|| amount(budget.get("value"), "planning.budget.value", MoneyKind::Budget, reading));
    let framework = tender.at(&["techniques", "frameworkAgreement"]);
    notice.framework_ceiling = ["value", "maximumValue"].iter().find_map(|key| {
        amount(framework.get(key), "tender.techniques.frameworkAgreement.value", MoneyKind::Ceiling, reading)
    });
}

/// Only when every lot has a value of the same kind.
fn sum_of_lots(lots: &[Lot]) -> Option<Amount> {
    let mut lots = lots.iter().filter(|lot| lot.kind == LotKind::Lot);
    let first = lots.next()?.estimated_value.as_ref()?.known()?;
    let mut sum: Decimal = first.amount;
    for lot in lots {
        let money = lot.estimated_value.as_ref()?.known()?;
        if (&money.currency, money.vat) != (&first.currency, first.vat) {
            return None;
        }
        sum = sum.checked_add(money.amount)?;
    }
    Some(Amount::Known(Money { amount: sum, ..first.clone() }))
}

/// BT-137 from the lots extension.
fn lots(tender: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let covered = tender.get("coveredBy").each().filter_map(Json::text).any(|law| law == "GPA");
    for (at, node) in tender.get("lots").each().filter(|node| node.is_object()).enumerate() {
        let id = node.text_of("id").map_or_else(|| format!("{}", at + 1), std::borrow::Cow::into_owned);
        if notice.lots.iter().any(|known| known.id == id) {
            reading.issue(IssueCode::DuplicateId, "tender.lots[].id", &id);
            continue;
        }
        let mut lot = Lot::new(id, LotKind::Lot);
        text(node, "title", "tender.lots[].title", &mut lot.title, reading);
        text(node, "description", "tender.lots[].description", &mut lot.description, reading);
        classifications::cpv(node, "tender.lots[].classification", &mut lot.cpv, reading);
        lot.nature =
            node.text_of("mainProcurementCategory").and_then(|word| classifications::nature(Some(&word), &[], reading));
        lot.estimated_value = amount(node.get("value"), "tender.lots[].value", MoneyKind::Estimate, reading);
        let end = node.at(&["tenderPeriod", "endDate"]).text();
        lot.deadline = end.and_then(|end| reading.deadline("tender.lots[].tenderPeriod.endDate", &end));
        lot.duration = duration(node.get("contractPeriod"), reading);
        places(node, &mut lot.places, reading);
        requirements(node, &mut lot);
        lot.gpa = covered.then_some(true);
        classifications::techniques(node, &mut notice.techniques, reading);
        let ceiling = node.at(&["techniques", "frameworkAgreement", "value"]);
        let path = "tender.lots[].techniques.frameworkAgreement.value";
        lot.framework_ceiling = amount(ceiling, path, MoneyKind::Ceiling, reading);
        if let Some(status) = node.text_of("status").filter(|status| status != "active") {
            reading.keep(format!("tender.lots[{}].status", lot.id), status.into_owned());
        }
        put(&mut notice.lots, lot);
    }
    groups(tender, notice, reading);
    if notice.lots.is_empty() {
        return;
    }
    for item in tender.get("items").each() {
        let related = item.get("relatedLot").each().chain(item.get("relatedLots").each());
        for id in related.filter_map(Json::text) {
            let Some(lot) = notice.lots.iter_mut().find(|lot| lot.id == id) else {
                reading.issue(IssueCode::DanglingReference, "tender.items[].relatedLot", &id);
                continue;
            };
            let mut codes = std::mem::take(&mut lot.cpv);
            let mut found = std::mem::take(&mut lot.places);
            item_cpv(item, &mut codes, reading);
            places(item, &mut found, reading);
            (lot.cpv, lot.places) = (codes, found);
        }
    }
    // What is required of all stands on the tender.
    let mut all = Lot::new("", LotKind::Lot);
    requirements(tender, &mut all);
    for lot in notice.lots.iter_mut().filter(|lot| lot.kind == LotKind::Lot) {
        lot.security_clearance = lot.security_clearance.or(all.security_clearance);
        if lot.reserved.is_empty() {
            lot.reserved.clone_from(&all.reserved);
        }
    }
}

fn item_cpv(item: &Json<'_>, into: &mut Vec<String>, reading: &mut Reading) {
    classifications::cpv(item, "tender.items[].classification", into, reading);
}

fn groups(tender: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    for node in tender.get("lotGroups").each() {
        let Some(id) = node.text_of("id").filter(|id| !notice.lots.iter().any(|lot| lot.id == *id)) else { continue };
        let mut group = Lot::new(id, LotKind::Group);
        group.members =
            node.get("relatedLots").each().filter_map(Json::text).map(std::borrow::Cow::into_owned).collect();
        text(node, "title", "tender.lotGroups[].title", &mut group.title, reading);
        text(node, "description", "tender.lotGroups[].description", &mut group.description, reading);
        let ceiling = node.get("maximumValue");
        group.framework_ceiling = amount(ceiling, "tender.lotGroups[].maximumValue", MoneyKind::Ceiling, reading);
        put(&mut notice.lots, group);
    }
}

/// BT-578 and BT-71 from `otherRequirements`.
fn requirements(node: &Json<'_>, lot: &mut Lot) {
    let other = node.get("otherRequirements");
    lot.security_clearance = match other.get("securityClearance") {
        Json::Null => None,
        Json::Bool(flag) => Some(*flag),
        said => said.text().map(|text| !matches!(text.to_lowercase().as_str(), "false" | "no" | "none")),
    };
    for code in other.get("reservedParticipation").each().filter_map(Json::text) {
        let code = match code.as_ref() {
            "shelteredWorkshop" => "res-ws",
            "publicServiceMissionOrganization" => "res-pub-ser",
            other => other,
        };
        push_new(&mut lot.reserved, code.to_owned());
    }
}

/// BT-36, BT-536, BT-537.
pub(super) fn duration(period: &Json<'_>, reading: &mut Reading) -> Option<Duration> {
    let mut date = |key: &str| {
        let text = period.text_of(key)?;
        reading.date(&format_args!("contractPeriod.{key}"), &text)
    };
    let (starts_on, ends_on) = (date("startDate"), date("endDate"));
    // Some exports write a negative number where they know none.
    let days = period.text_of("durationInDays").filter(|days| !days.starts_with('-'));
    let amount = days.and_then(|days| reading.count("contractPeriod.durationInDays", &days));
    let unit = amount.map(|_| "DAY".to_owned());
    let found = Duration { amount, unit, starts_on, ends_on, description: None };
    (found != Duration::default()).then_some(found)
}

/// A region that is a NUTS code, or one of another edition of the list, which has the same shape.
pub(super) fn nuts(region: &str, path: &str, reading: &mut Reading) -> Option<String> {
    let code = region.to_uppercase();
    let shaped = (3..=5).contains(&code.len())
        && code.is_ascii()
        && code.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        && (code.bytes().any(|byte| byte.is_ascii_digit()) || code.ends_with("ZZZ"));
    (codes::is_nuts(&code) || shaped).then(|| reading.nuts(path, &code)).flatten()
}

/// Delivery addresses; a region that is no NUTS code is kept as written.
fn places(node: &Json<'_>, into: &mut Vec<Place>, reading: &mut Reading) {
    for key in ["deliveryAddresses", "deliveryAddress"] {
        for address in node.get(key).each() {
            let written = ["countryName", "country", "countryCode"].iter().find_map(|key| address.text_of(key));
            let country = written.and_then(|country| reading.country("deliveryAddress.countryName", &country));
            let mut place = Place { country, nuts: None, region: None };
            if let Some(region) = address.text_of("region") {
                if let Some(nuts) = nuts(&region, "deliveryAddress.region", reading) {
                    let found = place_of_nuts(nuts);
                    place = Place { country: place.country.or(found.country), ..found };
                } else {
                    reading.keep_in_list("deliveryAddress.region", &region);
                }
            }
            if place != Place::default() {
                push_new(into, place);
            }
        }
    }
}

/// BT-60, BT-5010.
fn funding(planning: &Json<'_>, notice: &mut Notice) {
    let mut found = EuFunding::default();
    for budget in planning.each().map(|planning| planning.get("budget")) {
        let financed =
            budget.get("finance").each().filter_map(|finance| finance.at(&["financingParty", "name"]).text());
        if budget.get("isEuropeanUnionFunded").is_true()
            || financed.map(|name| name.to_lowercase()).any(|name| name == "european union")
        {
            found.funded = Some(true);
        }
        for project in budget.get("budgetBreakdown").each().map(|part| part.get("europeanUnionFunding")) {
            if let Some(id) = project.text_of("projectIdentifier") {
                push_new(&mut found.projects, id.into_owned());
            }
        }
    }
    notice.eu_funding = (found != EuFunding::default()).then_some(found);
}

/// BT-15: where the tender documents are.
fn documents(tender: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    const KINDS: &[&str] = &["biddingDocuments", "tenderDocuments", "technicalSpecifications"];
    for kind in KINDS {
        for document in tender.get("documents").each() {
            if notice.documents_url.is_some() || document.text_of("documentType").as_deref() != Some(kind) {
                continue;
            }
            let url = document.text_of("url").or_else(|| document.text_of("accessDetailsURL"));
            notice.documents_url = url.and_then(|url| reading.url("tender.documents[].url", &url));
        }
    }
}
