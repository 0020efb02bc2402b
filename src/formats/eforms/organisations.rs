//! `efac:Organizations` and `cac:ContractingParty`: who buys. Parties point at organisations by id.

use std::collections::HashMap;

use super::names::El;
use super::read::{Node, Reading, extensions};
use crate::formats::reading::push_new;
use crate::issue::IssueCode;
use crate::notice::{Joint, Organisation, Role, Text};

/// Contracting parties of one notice; the longest real list has 40.
const MAX_PARTIES: usize = 1000;

/// The organisations that a notice defines, by `ORG-` id and by the `TPO-` ids of their touch points.
#[derive(Default)]
pub(super) struct Organisations<'t> {
    by_id: HashMap<&'t str, Node<'t>>,
}

impl<'t> Organisations<'t> {
    /// OPT-200, OPT-201: every company and touch point. A touch point stands for its organisation.
    pub fn collect(root: Node<'t>, reading: &mut Reading<'t>) -> Self {
        let mut by_id = HashMap::new();
        let lists = extensions(root).flat_map(|extension| extension.all(El::Organizations));
        for organisation in lists.flat_map(|list| list.all(El::Organization)) {
            for party in organisation.children().filter(|node| matches!(node.name(), El::Company | El::TouchPoint)) {
                let Some(id) = party.path(&[El::PartyIdentification, El::ID]) else { continue };
                if let Some(first) = by_id.insert(id.text(), organisation) {
                    reading.issue(IssueCode::DuplicateId, id, id.text());
                    by_id.insert(id.text(), first);
                }
            }
        }
        Self { by_id }
    }

    /// The organisation behind a reference; a dangling one is a finding.
    pub fn get(&self, reference: Node<'t>, reading: &mut Reading<'t>) -> Option<Node<'t>> {
        let found = self.by_id.get(reference.text()).copied();
        if found.is_none() {
            reading.issue(IssueCode::DanglingReference, reference, reference.text());
        }
        found
    }
}

/// The key of an organisation: the id of its company.
pub(super) fn key(organisation: Node<'_>) -> &str {
    organisation.path(&[El::Company, El::PartyIdentification, El::ID]).map_or("", Node::text)
}

/// BT-500 … BT-514, BT-165 of one organisation. A natural person's name and ids are withheld (BT-633).
pub(super) fn organisation<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Organisation {
    let company = node.first(El::Company).unwrap_or(node);
    let natural = [node, company]
        .iter()
        .any(|place| place.first(El::NaturalPersonIndicator).is_some_and(|flag| matches!(flag.text(), "true" | "1")));
    let mut organisation = party(company, reading);
    if natural {
        organisation = Organisation {
            natural_person: true,
            country: organisation.country,
            nuts: organisation.nuts,
            size: organisation.size,
            ..Organisation::default()
        };
    }
    organisation
}

/// The fields that a company and an inline party share.
fn party<'t>(node: Node<'t>, reading: &mut Reading<'t>) -> Organisation {
    let mut names = Text::default();
    for name in node.all(El::PartyName) {
        for (language, text) in reading.text(name, El::Name).iter() {
            names.push(language, text);
        }
    }
    names.put_first(reading.official);
    let company_id = node.path(&[El::PartyLegalEntity, El::CompanyID]);
    let scheme = company_id.and_then(|id| id.attribute("schemeID").or_else(|| id.attribute("schemeName")));
    let address = node.first(El::PostalAddress);
    let in_address = |names: &[El]| address.and_then(|address| address.path(names));
    Organisation {
        name: names.first().map(|(_, name)| name.to_owned()),
        names: names.iter().skip(1).collect(),
        // Some write a telephone number here; what had to be masked is no identifier.
        id: reading.line(company_id).filter(|id| company_id.is_some_and(|node| node.text() == id)),
        scheme: scheme.filter(|scheme| !scheme.is_empty()).map(str::to_owned),
        country: reading.country(in_address(&[El::Country, El::IdentificationCode])),
        nuts: reading.nuts(in_address(&[El::CountrySubentityCode])),
        city: reading.line(in_address(&[El::CityName])),
        website: reading.website(node.first(El::WebsiteURI)),
        size: reading.code(node.first(El::CompanySizeCode), "economic-operator-size").map(str::to_owned),
        ..Organisation::default()
    }
}

/// BT-500-Buyer and around: every contracting party once, with its roles, and the signs of joint procurement.
pub(super) fn buyers<'t>(
    root: Node<'t>,
    organisations: &Organisations<'t>,
    reading: &mut Reading<'t>,
) -> (Vec<Organisation>, Option<Joint>) {
    let mut buyers: Vec<(&str, Organisation)> = Vec::new();
    for contracting in reading.bounded(root.all(El::ContractingParty), MAX_PARTIES) {
        let Some((key, mut buyer)) = contracting_party(contracting, organisations, reading) else { continue };
        details(contracting, &mut buyer, reading);
        match buyers.iter_mut().find(|(known, old)| (!key.is_empty() && *known == key) || *old == buyer) {
            Some((_, old)) => merge(old, buyer),
            None => buyers.push((key, buyer)),
        }
        if let Some(url) = reading.line(contracting.first(El::BuyerProfileURI)) {
            reading.keep_in_list("BT-508", &url);
        }
    }
    let buyers: Vec<Organisation> = buyers.into_iter().map(|(_, buyer)| buyer).collect();
    if buyers.is_empty() {
        reading.missing(IssueCode::MissingBuyer, "cac:ContractingParty");
    }
    let joint = joint(root, &buyers, reading);
    (buyers, joint)
}

/// OPT-300: the organisation that a contracting party refers to, else what the party says itself.
fn contracting_party<'t>(
    contracting: Node<'t>,
    organisations: &Organisations<'t>,
    reading: &mut Reading<'t>,
) -> Option<(&'t str, Organisation)> {
    let node = contracting.first(El::Party)?;
    let reference = node.path(&[El::PartyIdentification, El::ID]).filter(|id| !id.text().is_empty());
    let found = reference.and_then(|id| organisations.get(id, reading));
    let (key, mut buyer) = match found {
        Some(found) => (key(found), organisation(found, reading)),
        None => ("", party(node, reading)),
    };
    if buyer.name.is_none() && !buyer.natural_person {
        return None;
    }
    buyer.roles.push(Role::Buyer);
    if let Some(found) = found {
        // OPP-050, OPP-051, OPP-052 stand on the organisation; most say false.
        let mut says = |name| reading.flag(found.first(name)) == Some(true);
        let lead = says(El::GroupLeadIndicator);
        let central = says(El::AwardingCPBIndicator) | says(El::AcquiringCPBIndicator);
        buyer.roles.extend(lead.then_some(Role::Lead));
        buyer.roles.extend(central.then_some(Role::CentralPurchasing));
    }
    Some((key, buyer))
}

/// BT-11, BT-740, BT-10, BT-610 and OPT-030 of a contracting party.
fn details<'t>(contracting: Node<'t>, buyer: &mut Organisation, reading: &mut Reading<'t>) {
    for code in contracting.all(El::ContractingPartyType).flat_map(|kind| kind.all(El::PartyTypeCode)) {
        if code.attribute("listName") == Some("buyer-contracting-type") {
            if let Some(code) = reading.code(Some(code), "buyer-contracting-type") {
                reading.keep_in_list("BT-740", code);
            }
        } else if let Some(code) = reading.code(Some(code), "buyer-legal-type") {
            buyer.legal_type.get_or_insert_with(|| code.to_owned());
        }
    }
    for code in contracting.all(El::ContractingActivity).flat_map(|kind| kind.all(El::ActivityTypeCode)) {
        let list = if code.attribute("listName") == Some("entity-activity") {
            "entity-activity"
        } else {
            "authority-activity"
        };
        if let Some(code) = reading.code(Some(code), list) {
            buyer.activity.get_or_insert_with(|| code.to_owned());
        }
    }
    let mut services = contracting.all(El::Party).flat_map(|party| party.all(El::ServiceProviderParty));
    let own = contracting.path(&[El::Party, El::PartyIdentification, El::ID]).map(Node::text);
    let procured_by_other = services.any(|service| {
        service.first(El::ServiceTypeCode).is_some_and(|code| code.text() == "serv-prov")
            && service.path(&[El::Party, El::PartyIdentification, El::ID]).map(Node::text) != own
    });
    buyer.roles.extend(procured_by_other.then_some(Role::OnBehalf));
}

/// A party that is listed twice is one buyer with what both entries say.
fn merge(old: &mut Organisation, new: Organisation) {
    new.roles.into_iter().for_each(|role| push_new(&mut old.roles, role));
    old.legal_type = old.legal_type.take().or(new.legal_type);
    old.activity = old.activity.take().or(new.activity);
}

/// Several parties, OPP-050 … OPP-052, OPT-030 and BT-09 as signs of joint procurement.
///
/// A provider that buys for one buyer is a service, and BT-09 is mostly filled with "not applicable" or a national
/// law: these two count only beside another sign.
fn joint<'t>(root: Node<'t>, buyers: &[Organisation], reading: &mut Reading<'t>) -> Option<Joint> {
    let has = |role| buyers.iter().any(|buyer| buyer.roles.contains(&role));
    let mut countries: Vec<String> = Vec::new();
    for country in buyers.iter().filter_map(|buyer| buyer.country.as_ref()) {
        push_new(&mut countries, country.clone());
    }
    let law = root
        .all(El::TenderingTerms)
        .flat_map(|terms| terms.all(El::ProcurementLegislationDocumentReference))
        .find(|law| law.first(El::ID).is_some_and(|id| id.text() == "CrossBorderLaw"));
    if let Some(law) = law {
        let text = reading.text(law, El::DocumentDescription);
        reading.keep_text("BT-09", &text);
    }
    let solid = buyers.len() > 1 || has(Role::Lead) || has(Role::CentralPurchasing);
    let evidence: Vec<String> = [
        (buyers.len() > 1, "several-buyers"),
        (has(Role::Lead), "lead-buyer"),
        (has(Role::CentralPurchasing), "central-purchasing"),
        (has(Role::OnBehalf), "on-behalf"),
        (law.is_some(), "cross-border-law"),
    ]
    .into_iter()
    .filter(|(seen, _)| *seen)
    .map(|(_, name)| name.to_owned())
    .collect();
    solid.then(|| Joint {
        buyers: u32::try_from(buyers.len()).unwrap_or(u32::MAX),
        cross_border: countries.len() > 1,
        countries,
        evidence,
    })
}
