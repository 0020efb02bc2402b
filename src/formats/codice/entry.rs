//! One entry → one notice, block by block in the order of the schema.

use super::names::El;
use super::{FORMAT, Node, codes, zone};
use crate::formats::reading::{Reading, notice_id, place_of_nuts, push_new, put};
use crate::issue::IssueCode;
use crate::notice::{
    Amount, Award, Deadline, Duration, EuFunding, Lot, LotKind, MoneyKind, Notice, Organisation, Place, Related,
    Relation, Role, Stage, Vat,
};
use crate::raw::RawDocument;

/// The text of the first element along a path, if it has any.
fn value<'t>(node: Node<'t>, path: &[El]) -> Option<&'t str> {
    node.path(path).map(Node::text).filter(|text| !text.is_empty())
}

/// The last part of an entry's id, which is an address.
pub(super) fn publication(id: &str) -> Option<&str> {
    id.rsplit('/').find(|part| !part.is_empty())
}

pub(super) fn notice(entry: Node<'_>, folder: Node<'_>, document: &RawDocument, number: usize) -> Notice {
    let reading = &mut Reading::new(zone());
    let written = value(entry, &[El::EntryId]);
    let publication = written.and_then(publication);
    if publication.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "entry/id", "");
    }
    let id = notice_id(document, publication, None, number);
    let mut notice = Notice::new(id, document.origin.source.clone(), FORMAT.name, document.id, Stage::Competition);
    notice.publication_id = publication.map(str::to_owned);
    // A `deleted-entry` refers to it.
    keep(reading, "entry/id", written);
    header(entry, &mut notice, reading);
    notice.stage = stage(folder, reading);
    keep(reading, "ContractFolderID", value(folder, &[El::ContractFolderID]));
    texts(entry, folder, &mut notice, reading);
    if let Some(party) = folder.first(El::LocatedContractingParty) {
        notice.buyers.extend(buyer(party, reading));
    }
    if let Some(project) = folder.first(El::ProcurementProject) {
        procedure_project(project, &mut notice, reading);
    }
    for node in folder.all(El::ProcurementProjectLot) {
        let lot = lot(node, reading);
        push_new(&mut notice.lots, lot);
    }
    for terms in folder.all(El::TenderingTerms) {
        tendering_terms(terms, &mut notice, reading);
    }
    for process in folder.all(El::TenderingProcess) {
        tendering_process(process, &mut notice, reading);
    }
    for node in folder.all(El::TenderResult) {
        let award = award(node, reading);
        if notice.awards.len() < 5000 {
            put(&mut notice.awards, award);
        }
    }
    documents(folder, &mut notice, reading);
    publications(folder, &mut notice, reading);
    for uuid in folder.all(El::UUID).filter(|uuid| !uuid.text().is_empty()) {
        let ted = uuid.attribute("schemeName").is_some_and(|scheme| scheme.eq_ignore_ascii_case("TED"));
        if ted && let Some(id) = reading.line(uuid.text()) {
            let relation = Relation::SameNotice;
            push_new(&mut notice.related, Related { id, relation, evidence: "cbc:UUID@schemeName=TED".to_owned() });
        } else {
            keep(reading, "UUID", Some(uuid.text()));
        }
    }
    for change in folder.all(El::ContractModification) {
        reading.keep_in_list("ContractModification/ID", change.first(El::ID).map_or("", Node::text));
    }
    std::mem::replace(reading, Reading::new(zone())).finish(&mut notice);
    notice
}

fn keep(reading: &mut Reading, path: &str, text: Option<&str>) {
    if let Some(text) = text {
        reading.keep(path, text);
    }
}

/// What Atom says: page, version, time of change.
fn header(entry: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let link = entry.all(El::Link).find(|link| matches!(link.attribute("rel"), None | Some("alternate")));
    notice.url = link.and_then(|link| link.attribute("href")).and_then(|href| reading.url("entry/link", href));
    if let Some(updated) = value(entry, &[El::Updated]) {
        notice.version = Some(updated.to_owned());
        notice.dispatched_at = reading.moment("entry/updated", updated);
    }
}

fn stage(folder: Node<'_>, reading: &mut Reading) -> Stage {
    let status = value(folder, &[El::ContractFolderStatusCode]);
    keep(reading, "ContractFolderStatusCode", status);
    if let Some(stage) = status.and_then(codes::stage) {
        return stage;
    }
    reading.issue(IssueCode::UnknownStage, "ContractFolderStatusCode", status.unwrap_or(""));
    if folder.first(El::TenderResult).is_some() { Stage::Result } else { Stage::Competition }
}

/// Nothing declares a text's language: `languageID` belongs to code labels and is `es` for Catalan titles too.
fn texts(entry: Node<'_>, folder: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let heading = value(entry, &[El::EntryTitle]);
    let name = value(folder, &[El::ProcurementProject, El::Name]).or(heading);
    let description = value(folder, &[El::ProcurementProject, El::Description]);
    // Usually "Id licitación: …; Órgano de Contratación: …; Importe: …; Estado: …", made of the other elements.
    let generated = |text: &str| ["id licitaci", "número de expediente"].iter().any(|start| text.starts_with(start));
    let summary = value(entry, &[El::Summary])
        .filter(|text| !generated(&text.chars().take(30).collect::<String>().to_lowercase()));
    if let Some(sample) = name.or(description) {
        let language = codes::language(sample);
        reading.issue(IssueCode::GuessedLanguage, "ProcurementProject/Name", language);
        reading.language = Some(language.to_owned());
    }
    if let Some(name) = name {
        reading.text(&mut notice.title, "ProcurementProject/Name", None, name);
    }
    if let Some(text) = description.or(summary) {
        reading.text(&mut notice.description, "ProcurementProject/Description", None, text);
    }
    keep(reading, "entry/title", heading.filter(|heading| Some(*heading) != name));
}

fn buyer(located: Node<'_>, reading: &mut Reading) -> Option<Organisation> {
    let party = located.first(El::Party)?;
    let mut found = Organisation { roles: vec![Role::Buyer], country: Some("ES".to_owned()), ..Default::default() };
    found.name = value(party, &[El::PartyName, El::Name]).and_then(|name| reading.line(name));
    // The directory of public bodies first, then the tax number, then the platform's own number.
    let rank = |scheme: Option<&str>| match scheme {
        Some("DIR3") => 0,
        Some("NIF") => 1,
        Some("ID_PLATAFORMA") => 2,
        _ => 3,
    };
    let mut ids: Vec<(Option<&str>, &str)> = party
        .all(El::PartyIdentification)
        .filter_map(|node| node.first(El::ID))
        .map(|id| (id.attribute("schemeName"), id.text()))
        .filter(|(_, id)| !id.is_empty())
        .collect();
    ids.sort_by_key(|(scheme, _)| rank(*scheme));
    let mut ids = ids.into_iter();
    if let Some((scheme, id)) = ids.next() {
        found.id = reading.line(id);
        found.scheme = scheme.map(str::to_owned);
    }
    for (scheme, id) in ids {
        reading
            .keep_in_list(&format!("LocatedContractingParty/Party/PartyIdentification/{}", scheme.unwrap_or("ID")), id);
    }
    if let Some(address) = party.first(El::PostalAddress) {
        found.city = value(address, &[El::CityName]).and_then(|city| reading.line(city));
        let path = "LocatedContractingParty/Party/PostalAddress/CountrySubentityCode";
        found.nuts = value(address, &[El::CountrySubentityCode]).and_then(|code| reading.nuts(path, code));
        if let Some(code) = value(address, &[El::Country, El::IdentificationCode]) {
            found.country = reading.country("LocatedContractingParty/Party/PostalAddress/Country", code);
        }
    }
    let site = "LocatedContractingParty/Party/WebsiteURI";
    found.website = value(party, &[El::WebsiteURI]).and_then(|url| reading.url(site, url));
    if let Some(code) = value(located, &[El::ContractingPartyTypeCode]) {
        found.legal_type = codes::legal_type(code).map(str::to_owned);
        reading.keep("LocatedContractingParty/ContractingPartyTypeCode", code);
    }
    if let Some(code) = value(located, &[El::ActivityCode]) {
        found.activity = codes::activity(code).map(str::to_owned);
        reading.keep("LocatedContractingParty/ActivityCode", code);
    }
    keep(reading, "LocatedContractingParty/BuyerProfileURIID", value(located, &[El::BuyerProfileURIID]));
    let mut parent = located.first(El::ParentLocatedParty);
    while let Some(node) = parent {
        if let Some(name) = value(node, &[El::PartyName, El::Name]) {
            reading.keep_in_list("LocatedContractingParty/ParentLocatedParty", name);
        }
        parent = node.first(El::ParentLocatedParty);
    }
    (found.name.is_some() || found.id.is_some()).then_some(found)
}

fn procedure_project(project: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    if let Some(code) = value(project, &[El::TypeCode]) {
        match codes::nature(code) {
            Some(nature) => notice.nature = nature,
            None => reading.issue(IssueCode::UnknownCode, "ProcurementProject/TypeCode", code),
        }
        reading.keep("ProcurementProject/TypeCode", code);
    }
    keep(reading, "ProcurementProject/SubTypeCode", value(project, &[El::SubTypeCode]));
    notice.estimated_value = estimate(project, "ProcurementProject", reading);
    notice.cpv = cpv(project, reading);
    notice.places = places(project, reading);
    if let Some(planned) = duration(project, reading)
        && let Ok(kept) = serde_json::to_value(planned)
    {
        // A procedure has no duration of its own in eForms, its lots have.
        reading.keep("ProcurementProject/PlannedPeriod", kept);
    }
}

/// The estimate (without VAT by LCSP article 101), else the budget without VAT, else with VAT; the others are kept.
fn estimate(project: Node<'_>, path: &str, reading: &mut Reading) -> Option<Amount> {
    let budget = project.first(El::BudgetAmount)?;
    let ways = [
        (El::EstimatedOverallContractAmount, "EstimatedOverallContractAmount", MoneyKind::Estimate, Vat::Ex),
        (El::TaxExclusiveAmount, "TaxExclusiveAmount", MoneyKind::Budget, Vat::Ex),
        (El::TotalAmount, "TotalAmount", MoneyKind::Budget, Vat::In),
    ];
    let mut found = None;
    for (name, local, kind, vat) in ways {
        let Some(node) = budget.first(name).filter(|node| !node.text().is_empty()) else { continue };
        let path = format!("{path}/BudgetAmount/{local}");
        let amount = reading.amount(&path, node.text(), node.attribute("currencyID"), kind, vat);
        if found.is_none() && amount.is_some() {
            found = amount;
        } else if let Some(Amount::Known(money)) = amount {
            reading.keep_in_list(&path, &format!("{} {}", money.amount, money.currency));
        }
    }
    found
}

fn cpv(project: Node<'_>, reading: &mut Reading) -> Vec<String> {
    let mut found = Vec::new();
    for node in
        project.all(El::RequiredCommodityClassification).filter_map(|node| node.first(El::ItemClassificationCode))
    {
        let path = "ProcurementProject/RequiredCommodityClassification/ItemClassificationCode";
        for code in reading.cpv(path, node.text()) {
            push_new(&mut found, code);
        }
    }
    found
}

fn places(project: Node<'_>, reading: &mut Reading) -> Vec<Place> {
    let mut found = Vec::new();
    for location in project.all(El::RealizedLocation) {
        let path = "ProcurementProject/RealizedLocation";
        let code = value(location, &[El::CountrySubentityCode])
            .or_else(|| value(location, &[El::Address, El::CountrySubentityCode]));
        let mut place = code.and_then(|code| reading.nuts(path, code)).map_or_else(Place::default, place_of_nuts);
        if let Some(country) = value(location, &[El::Address, El::Country, El::IdentificationCode]) {
            place.country = reading.country(path, country).or(place.country);
        }
        if place != Place::default() {
            push_new(&mut found, place);
        }
    }
    found
}

fn duration(project: Node<'_>, reading: &mut Reading) -> Option<Duration> {
    let period = project.first(El::PlannedPeriod)?;
    let path = "ProcurementProject/PlannedPeriod";
    let measure = period.first(El::DurationMeasure).filter(|node| !node.text().is_empty());
    let found = Duration {
        amount: measure.and_then(|node| reading.count(path, node.text())),
        unit: measure.and_then(|node| node.attribute("unitCode")).map(|code| codes::unit(code).to_owned()),
        starts_on: value(period, &[El::StartDate]).and_then(|day| reading.date(path, day)),
        ends_on: value(period, &[El::EndDate]).and_then(|day| reading.date(path, day)),
        description: None,
    };
    (found != Duration::default()).then_some(found)
}

fn lot(node: Node<'_>, reading: &mut Reading) -> Lot {
    let mut lot = Lot::new(value(node, &[El::ID]).unwrap_or(""), LotKind::Lot);
    let Some(project) = node.first(El::ProcurementProject) else { return lot };
    if let Some(name) = value(project, &[El::Name]) {
        reading.text(&mut lot.title, "ProcurementProjectLot/ProcurementProject/Name", None, name);
    }
    if let Some(text) = value(project, &[El::Description]) {
        reading.text(&mut lot.description, "ProcurementProjectLot/ProcurementProject/Description", None, text);
    }
    lot.estimated_value = estimate(project, "ProcurementProjectLot/ProcurementProject", reading);
    lot.cpv = cpv(project, reading);
    lot.places = places(project, reading);
    lot.nature = value(project, &[El::TypeCode]).and_then(codes::nature).flatten();
    lot.duration = duration(project, reading);
    lot
}

fn tendering_terms(terms: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    for law in terms.all(El::ProcurementLegislationDocumentReference).filter_map(|node| node.first(El::ID)) {
        let path = "TenderingTerms/ProcurementLegislationDocumentReference/ID";
        match codes::legal_basis(law.text()) {
            Some(celex) => notice.legal_basis = Some(celex.to_owned()),
            None if matches!(law.text(), "" | "N/A") => {}
            None => reading.keep(path, law.text()),
        }
    }
    let described = value(terms, &[El::FundingProgram, El::Description]);
    let programme = value(terms, &[El::FundingProgramCode]);
    if let Some(code) = programme {
        let funded = code != "NO-EU";
        let mut funding = EuFunding { funded: Some(funded), ..EuFunding::default() };
        if funded {
            funding.programmes.push(code.to_owned());
        }
        if let Some(text) = described {
            reading.text(&mut funding.description, "TenderingTerms/FundingProgram/Description", None, text);
        }
        notice.eu_funding = Some(funding);
    } else {
        keep(reading, "TenderingTerms/FundingProgram/Description", described);
    }
}

fn tendering_process(process: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    if let Some(code) = value(process, &[El::ProcedureCode]) {
        match codes::procedure(code) {
            Some(procedure) => notice.procedure_type = procedure.map(str::to_owned),
            None => reading.issue(IssueCode::UnknownCode, "TenderingProcess/ProcedureCode", code),
        }
        reading.keep("TenderingProcess/ProcedureCode", code);
    }
    for (name, path) in [
        (El::UrgencyCode, "TenderingProcess/UrgencyCode"),
        (El::ContractingSystemCode, "TenderingProcess/ContractingSystemCode"),
        (El::OverThresholdIndicator, "TenderingProcess/OverThresholdIndicator"),
    ] {
        keep(reading, path, value(process, &[name]));
    }
    if value(process, &[El::AuctionTerms, El::AuctionConstraintIndicator]) == Some("true") {
        push_new(&mut notice.techniques, "electronic-auction".to_owned());
    }
    notice.deadline = period(process, El::TenderSubmissionDeadlinePeriod, reading)
        .or_else(|| period(process, El::ParticipationRequestReceptionPeriod, reading));
}

fn period(process: Node<'_>, name: El, reading: &mut Reading) -> Option<Deadline> {
    let period = process.first(name)?;
    let day = value(period, &[El::EndDate])?;
    let written = value(period, &[El::EndTime]).map_or_else(|| day.to_owned(), |time| format!("{day}T{time}"));
    reading.deadline("TenderingProcess/TenderSubmissionDeadlinePeriod", &written)
}

fn award(node: Node<'_>, reading: &mut Reading) -> Award {
    let mut award = Award::default();
    let project = node.first(El::AwardedTenderedProject);
    award.lot = project.and_then(|project| value(project, &[El::ProcurementProjectLotID])).map(str::to_owned);
    award.tenders_received = value(node, &[El::ReceivedTenderQuantity])
        .and_then(|count| reading.count("TenderResult/ReceivedTenderQuantity", count));
    award.decided_on = value(node, &[El::AwardDate]).and_then(|day| reading.date("TenderResult/AwardDate", day));
    if let Some(code) = value(node, &[El::ResultCode]) {
        reading.keep_in_list("TenderResult/ResultCode", code);
        match codes::result(code, award.tenders_received) {
            Some((status, reason)) => {
                award.status = Some(status.to_owned());
                award.reason = reason.map(str::to_owned);
            }
            None => reading.issue(IssueCode::UnknownCode, "TenderResult/ResultCode", code),
        }
    }
    if let Some(text) = value(node, &[El::Description]) {
        reading.keep_in_list("TenderResult/Description", text);
    }
    if let Some(total) = project.and_then(|project| project.first(El::LegalMonetaryTotal)) {
        let path = "TenderResult/AwardedTenderedProject/LegalMonetaryTotal";
        let mut amount = |name, vat| {
            let node = total.first(name).filter(|node| !node.text().is_empty())?;
            reading.amount(path, node.text(), node.attribute("currencyID"), MoneyKind::Award, vat)
        };
        award.value = amount(El::TaxExclusiveAmount, Vat::Ex).or_else(|| amount(El::PayableAmount, Vat::In));
    }
    let sme = value(node, &[El::SMEAwardedIndicator]) == Some("true");
    award.suppliers = node.all(El::WinningParty).filter_map(|party| supplier(party, reading)).collect();
    // The flag is about the result; with two winners nobody knows whom it means.
    if let ([only], true) = (&mut award.suppliers[..], sme) {
        only.size = Some("sme".to_owned());
    }
    award.contract_id = value(node, &[El::Contract, El::ID]).and_then(|id| reading.line(id));
    award
}

fn supplier(party: Node<'_>, reading: &mut Reading) -> Option<Organisation> {
    let mut found = Organisation::default();
    let number = party.path(&[El::PartyIdentification, El::ID]);
    if let Some(address) = party.first(El::PostalAddress) {
        found.nuts = value(address, &[El::CountrySubentityCode])
            .and_then(|code| reading.nuts("TenderResult/WinningParty/PostalAddress/CountrySubentityCode", code));
        found.country = value(address, &[El::Country, El::IdentificationCode])
            .and_then(|code| reading.country("TenderResult/WinningParty/PostalAddress/Country", code));
    }
    if number.is_some_and(|number| codes::is_personal(number.text())) {
        found.natural_person = true;
        return Some(found);
    }
    if let Some(number) = number.filter(|number| codes::is_number(number.text())) {
        found.id = reading.line(number.text());
        found.scheme = number.attribute("schemeName").map(str::to_owned);
    }
    found.name = value(party, &[El::PartyName, El::Name]).and_then(|name| reading.line(name));
    found.city = value(party, &[El::PostalAddress, El::CityName]).and_then(|city| reading.line(city));
    (found.name.is_some() || found.id.is_some()).then_some(found)
}

/// The terms (`pliego`) first, which is what a tenderer reads; the technical ones are kept.
fn documents(folder: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let link = [El::Attachment, El::ExternalReference, El::URI];
    for (name, path) in [
        (El::LegalDocumentReference, "LegalDocumentReference"),
        (El::TechnicalDocumentReference, "TechnicalDocumentReference"),
    ] {
        for address in folder.all(name).filter_map(|node| value(node, &link)) {
            let Some(url) = reading.url(path, address) else { continue };
            if notice.documents_url.is_none() {
                notice.documents_url = Some(url);
            } else {
                reading.keep_in_list(path, &url);
            }
        }
    }
}

/// What was published where and when; the latest day is that of the present state.
fn publications(folder: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let path = "ValidNoticeInfo";
    let mut latest = None;
    for info in folder.all(El::ValidNoticeInfo) {
        let kind = value(info, &[El::NoticeTypeCode]).unwrap_or("");
        let own = info.all(El::NoticeIssueDate).map(|day| ("", day));
        let published = info.all(El::AdditionalPublicationStatus).flat_map(|status| {
            let media = value(status, &[El::PublicationMediaName]).unwrap_or("");
            let documents = status.all(El::AdditionalPublicationDocumentReference);
            documents.filter_map(|node| node.first(El::IssueDate)).map(move |day| (media, day))
        });
        for (media, day) in own.chain(published) {
            latest = latest.max(reading.date(path, day.text()));
            let shown: Vec<&str> = [kind, day.text(), media].into_iter().filter(|part| !part.is_empty()).collect();
            reading.keep_in_list(path, &shown.join(" "));
        }
    }
    notice.published_on = latest;
}
