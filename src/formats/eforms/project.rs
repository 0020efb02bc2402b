//! `cac:ProcurementProject` of the procedure and of each lot, and `cac:ProcurementProjectLot`: what is bought.

use std::collections::HashSet;

use jiff::tz::TimeZone;

use super::names::El;
use super::read::{MoneyField, Node, Reading, extended, extensions};
use crate::formats::reading::push_new;
use crate::issue::IssueCode;
use crate::notice::{Amount, Deadline, Duration, EuFunding, Lot, LotKind, MoneyKind, Nature, Notice, Place, Text, Vat};

/// The ids of the schema have four digits.
pub(super) const MAX_LOTS: usize = 10_000;

/// BT-27: the SDK labels it "estimated value excluding VAT".
const ESTIMATE: MoneyField = MoneyField { bt: "BT-27", kind: MoneyKind::Estimate, vat: Vat::Ex, privacy: "" };
/// BT-271: nothing is said of VAT.
const CEILING: MoneyField = MoneyField { bt: "BT-271", kind: MoneyKind::Ceiling, vat: Vat::Unknown, privacy: "" };
/// BT-157: the ceiling of a group of lots.
const GROUP_CEILING: MoneyField = MoneyField { bt: "BT-157", ..CEILING };

/// What a `cac:ProcurementProject` says, at either level.
#[derive(Default)]
struct Project<'t> {
    title: Text,
    description: Text,
    cpv: Vec<&'t str>,
    nature: Option<Nature>,
    places: Vec<Place>,
    estimated_value: Option<Amount>,
    framework_ceiling: Option<Amount>,
    duration: Option<Duration>,
}

/// The procedure: its own project, then its lots, parts and groups.
pub(super) fn procedure<'t>(root: Node<'t>, notice: &mut Notice, zone: &TimeZone, reading: &mut Reading<'t>) {
    if let Some(node) = root.first(El::ProcurementProject) {
        if let Some(reference) = reading.line(node.first(El::ID)) {
            reading.keep("BT-22", reference);
        }
        let note = reading.text(node, El::Note);
        reading.keep_text("BT-300", &note);
        let project = project(node, &mut notice.innovation, reading);
        notice.title = project.title;
        notice.description = project.description;
        notice.cpv = project.cpv.iter().map(|code| (*code).to_owned()).collect();
        notice.nature = project.nature;
        notice.places = project.places;
        notice.estimated_value = project.estimated_value;
        notice.framework_ceiling = project.framework_ceiling;
        if let Some(duration) = project.duration {
            reading.keep("BT-36", serde_json::to_value(duration).expect("numbers and strings are JSON"));
        }
    } else {
        reading.missing(IssueCode::MissingRequired, "cac:ProcurementProject");
    }
    let mut ids = HashSet::new();
    let lots = reading.bounded(root.all(El::ProcurementProjectLot), MAX_LOTS);
    for (at, node) in lots.into_iter().enumerate() {
        let lot = lot(node, at, notice, zone, reading);
        if ids.insert(lot.id.clone()) {
            notice.lots.push(lot);
        } else {
            reading.issue(IssueCode::DuplicateId, node.first(El::ID).unwrap_or(node), &lot.id);
        }
    }
    groups(root, notice, &ids, reading);
    if notice.title.is_empty() && notice.lots.iter().all(|lot| lot.title.is_empty()) {
        reading.missing(IssueCode::MissingTitle, "cac:ProcurementProject/cbc:Name");
    }
}

/// BT-21, BT-24, BT-262, BT-263, BT-23, BT-531, BT-5071 …, BT-27, BT-271, BT-36 …, BT-06, BT-776.
fn project<'t>(node: Node<'t>, innovation: &mut Vec<String>, reading: &mut Reading<'t>) -> Project<'t> {
    let mut project = Project {
        title: reading.text(node, El::Name),
        description: reading.text(node, El::Description),
        nature: nature(node, reading),
        duration: duration(node, reading),
        ..Project::default()
    };
    for name in [El::MainCommodityClassification, El::AdditionalCommodityClassification] {
        for code in node.all(name).flat_map(|list| list.all(El::ItemClassificationCode)) {
            if let Some(code) = reading.cpv(Some(code)) {
                push_new(&mut project.cpv, code);
            }
        }
    }
    for location in node.all(El::RealizedLocation) {
        if let Some(place) = place(location, reading) {
            push_new(&mut project.places, place);
        }
    }
    if let Some(total) = node.first(El::RequestedTenderTotal) {
        project.estimated_value = reading.amount(total.first(El::EstimatedOverallContractAmount), total, ESTIMATE);
        project.framework_ceiling = reading.amount(extended(total, El::FrameworkMaximumAmount), total, CEILING);
    }
    additional_types(node, innovation, reading);
    project
}

/// BT-23.
fn nature<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Option<Nature> {
    let element = node.first(El::ProcurementTypeCode);
    let code = reading.code(element, "contract-nature")?;
    let nature = Nature::parse(code);
    if nature.is_none() {
        reading.keep_in_list("BT-23", code);
    }
    nature
}

/// BT-5141, BT-5071, BT-727.
fn place<'t>(location: Node<'t>, reading: &mut Reading<'t>) -> Option<Place> {
    let address = location.first(El::Address)?;
    let place = Place {
        country: reading.country(address.path(&[El::Country, El::IdentificationCode])),
        nuts: reading.nuts(address.first(El::CountrySubentityCode)),
        region: reading.code(address.first(El::Region), "other-place-service").map(str::to_owned),
    };
    (place != Place::default()).then_some(place)
}

/// BT-36, BT-536, BT-537, BT-538.
fn duration<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Option<Duration> {
    let period = node.first(El::PlannedPeriod)?;
    let measure = period.first(El::DurationMeasure);
    let amount = reading.count(measure);
    let duration = Duration {
        amount,
        unit: measure.and_then(|measure| measure.attribute("unitCode")).filter(|_| amount.is_some()).map(str::to_owned),
        starts_on: reading.date(period.first(El::StartDate)),
        ends_on: reading.date(period.first(El::EndDate)),
        description: reading.value(period.first(El::DescriptionCode)).map(str::to_owned),
    };
    (duration != Duration::default()).then_some(duration)
}

/// BT-531, BT-06, BT-774, BT-775, BT-776: one construct, told apart by the list's name.
fn additional_types<'t>(node: Node<'t>, innovation: &mut Vec<String>, reading: &mut Reading<'t>) {
    for code in node.all(El::ProcurementAdditionalType).flat_map(|kind| kind.all(El::ProcurementTypeCode)) {
        let (list, key) = match code.attribute("listName").unwrap_or("") {
            "contract-nature" | "eforms-contract-nature" => ("contract-nature", "BT-531"),
            "strategic-procurement" => ("strategic-procurement", "BT-06"),
            "environmental-impact" => ("environmental-impact", "BT-774"),
            "social-objective" => ("social-objective", "BT-775"),
            "innovative-acquisition" => ("innovative-acquisition", "BT-776"),
            _ => continue,
        };
        let Some(code) = reading.telling_code(Some(code), list) else { continue };
        if list == "innovative-acquisition" || code == "inn-pur" {
            push_new(innovation, code.to_owned());
        } else {
            reading.keep_in_list(key, code);
        }
    }
}

/// BT-137 and what stands below; what belongs to the whole notice is added to it.
fn lot<'t>(node: Node<'t>, at: usize, notice: &mut Notice, zone: &TimeZone, reading: &mut Reading<'t>) -> Lot {
    let id = reading.value(node.first(El::ID));
    if id.is_none() {
        reading.issue(IssueCode::MissingRequired, node, "");
    }
    let id = id.map_or_else(|| format!("#{}", at + 1), str::to_owned);
    let kind = kind(node.first(El::ID), &id);
    let mut lot = Lot::new(id, kind);
    if let Some(node) = node.first(El::ProcurementProject) {
        let project = project(node, &mut notice.innovation, reading);
        for code in &project.cpv {
            if !notice.cpv.iter().any(|known| known == code) {
                push_new(&mut notice.cpv, (*code).to_owned());
            }
        }
        for place in &project.places {
            push_new(&mut notice.places, place.clone());
        }
        lot.title = project.title;
        lot.description = project.description;
        lot.cpv = project.cpv.iter().map(|code| (*code).to_owned()).collect();
        lot.nature = project.nature;
        lot.places = project.places;
        lot.estimated_value = project.estimated_value;
        lot.framework_ceiling = project.framework_ceiling;
        lot.duration = project.duration;
    }
    if let Some(process) = node.first(El::TenderingProcess) {
        lot.deadline = deadline(process, zone, reading);
        lot.gpa = reading.flag(process.first(El::GovernmentAgreementConstraintIndicator));
        techniques(process, &mut notice.techniques, reading);
        let ceiling = process.path(&[El::FrameworkAgreement, El::EstimatedMaximumValueAmount]);
        if ceiling.is_some() && lot.framework_ceiling.is_none() {
            lot.framework_ceiling = reading.amount(ceiling, process, GROUP_CEILING);
        }
    }
    for terms in node.all(El::TenderingTerms) {
        lot.submission_url = reading.line(terms.path(&[El::TenderRecipientParty, El::EndpointID]));
        lot.security_clearance = reading.flag(terms.path(&[El::SecurityClearanceTerm, El::Code]));
        lot.reserved = reserved(terms, reading);
        tendering_terms(terms, notice, reading);
    }
    lot
}

/// BT-137: the scheme says what it is; where it is silent, the id's prefix does.
fn kind(id: Option<Node<'_>>, text: &str) -> LotKind {
    match id.and_then(|id| id.attribute("schemeName")).unwrap_or("") {
        "Lot" => LotKind::Lot,
        "Part" => LotKind::Part,
        "LotsGroup" => LotKind::Group,
        _ if text.starts_with("PAR-") => LotKind::Part,
        _ if text.starts_with("GLO-") => LotKind::Group,
        _ => LotKind::Lot,
    }
}

/// BT-131, else BT-1311, else BT-630.
pub(super) fn deadline<'t>(process: Node<'t>, zone: &TimeZone, reading: &mut Reading<'t>) -> Option<Deadline> {
    reading
        .deadline(process.first(El::TenderSubmissionDeadlinePeriod), zone)
        .or_else(|| reading.deadline(process.first(El::ParticipationRequestReceptionPeriod), zone))
        .or_else(|| reading.deadline(extended(process, El::InterestExpressionReceptionPeriod), zone))
}

/// BT-765, BT-766, BT-767.
pub(super) fn techniques<'t>(process: Node<'t>, found: &mut Vec<String>, reading: &mut Reading<'t>) {
    for code in process.all(El::ContractingSystem).flat_map(|system| system.all(El::ContractingSystemTypeCode)) {
        let list = if code.attribute("listName") == Some("dps-usage") { "dps-usage" } else { "framework-agreement" };
        if let Some(code) = reading.telling_code(Some(code), list) {
            push_new(found, code.to_owned());
        }
    }
    if reading.flag(process.path(&[El::AuctionTerms, El::AuctionConstraintIndicator])) == Some(true) {
        push_new(found, "electronic-auction".to_owned());
    }
}

/// BT-71.
fn reserved<'t>(terms: Node<'t>, reading: &mut Reading<'t>) -> Vec<String> {
    let mut found = Vec::new();
    let requirements =
        terms.all(El::TendererQualificationRequest).flat_map(|one| one.all(El::SpecificTendererRequirement));
    for code in requirements.flat_map(|requirement| requirement.all(El::TendererRequirementTypeCode)) {
        if code.attribute("listName") == Some("reserved-procurement")
            && let Some(code) = reading.telling_code(Some(code), "reserved-procurement")
        {
            push_new(&mut found, code.to_owned());
        }
    }
    found
}

/// BT-15, BT-615, BT-60, BT-7220, BT-5010, BT-6140, BT-94: terms of the procedure or of a lot.
pub(super) fn tendering_terms<'t>(terms: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    if notice.documents_url.is_none() {
        let reference = |kind: &str| {
            terms
                .all(El::CallForTendersDocumentReference)
                .filter(|reference| reference.first(El::DocumentType).map_or("", Node::text) == kind)
                .find_map(|reference| reference.path(&[El::Attachment, El::ExternalReference, El::URI]))
        };
        let address =
            reference("non-restricted-document").or_else(|| reference("restricted-document")).or_else(|| reference(""));
        notice.documents_url = reading.line(address);
    }
    let mut funding = notice.eu_funding.take().unwrap_or_default();
    for code in terms.all(El::FundingProgramCode) {
        match reading.value(Some(code)) {
            Some("eu-funds") => funding.funded = Some(true),
            Some("no-eu-funds") => funding.funded = Some(funding.funded.unwrap_or(false)),
            Some(other) => push_new(&mut funding.programmes, other.to_owned()),
            None => {}
        }
    }
    let program = reading.text(terms, El::FundingProgram);
    program.iter().for_each(|(language, text)| funding.description.push(language, text));
    for node in extensions(terms).flat_map(|extension| extension.all(El::Funding)) {
        funded(node, &mut funding, reading);
    }
    notice.eu_funding = Some(funding).filter(|funding| *funding != EuFunding::default());
    if reading.flag(terms.first(El::RecurringProcurementIndicator)) == Some(true) {
        reading.keep("BT-94", true);
    }
}

/// BT-7220, BT-5010, BT-6140 of a lot, BT-722, BT-5011, BT-6110 of a contract.
pub(super) fn funded<'t>(node: Node<'t>, funding: &mut EuFunding, reading: &mut Reading<'t>) {
    if let Some(code) = reading.code(node.first(El::FundingProgramCode), "eu-programme") {
        push_new(&mut funding.programmes, code.to_owned());
    }
    if let Some(project) = reading.line(node.first(El::FinancingIdentifier)) {
        push_new(&mut funding.projects, project);
    }
    let text = reading.text(node, El::Description);
    for (language, text) in text.iter() {
        if !funding.description.get(language).is_some_and(|known| known.contains(text)) {
            funding.description.push(language, text);
        }
    }
}

/// BT-330, BT-1375: the lots of each group.
fn groups<'t>(root: Node<'t>, notice: &mut Notice, ids: &HashSet<String>, reading: &mut Reading<'t>) {
    let distributions = root.all(El::TenderingTerms).flat_map(|terms| terms.all(El::LotDistribution));
    for group in distributions.flat_map(|distribution| distribution.all(El::LotsGroup)) {
        let Some(id) = group.first(El::LotsGroupID) else { continue };
        let Some(at) = notice.lots.iter().position(|lot| lot.kind == LotKind::Group && lot.id == id.text()) else {
            reading.issue(IssueCode::DanglingReference, id, id.text());
            continue;
        };
        for member in group.all(El::ProcurementProjectLotReference).filter_map(|lot| lot.first(El::ID)) {
            if !ids.contains(member.text()) {
                reading.issue(IssueCode::DanglingReference, member, member.text());
            }
            push_new(&mut notice.lots[at].members, member.text().to_owned());
        }
    }
}
