//! CORDIS: EU research projects, as the XML of one project, as JSON, or as rows of the project list.
//!
//! One project is one notice of stage `project`. Public bodies among the participants are its buyers (they are the
//! ones who may buy what it brings about), the coordinator leads when it is one of them; every participant is kept in
//! `extra`. The most that the EU pays is its budget. Only direct children of the project are read: articles and results
//! nest trees of their own with the same names. Rows about a project's parts and lists of changes are no notices. It
//! refuses to say whether a project still runs: CORDIS leaves `status` at SIGNED after the end.

mod json;
mod markup;

use serde_json::{Value, json};

use super::reading::{Reading, Style, notice_id, push_new};
use super::{Format, ParseError, Parsed, xml};
use crate::codes;
use crate::issue::IssueCode;
use crate::notice::{EuFunding, MoneyKind, Notice, Organisation, Place, Related, Relation, Role, Stage, Text, Vat};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "cordis", version: 2, sniff, parse };

/// Partners that are kept of one project; the largest has some 200.
const MAX_PARTNERS: usize = 1000;

fn sniff(bytes: &[u8]) -> bool {
    markup::sniff(bytes) || json::sniff(bytes)
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let mut parsed = Parsed::default();
    if markup::sniff(&document.body) {
        let text = xml::Document::decode(&document.body)?;
        let found = markup::project(&text)?;
        let Some(project) = found else { return Err(refused(document)) };
        parsed.notice(notice(&project, document, 1, text.repaired));
        return Ok(parsed);
    }
    json::records(document, &mut parsed)?;
    Ok(parsed)
}

fn refused(document: &RawDocument) -> ParseError {
    let found = xml::root_of(&document.body).map_or_else(|error| error.to_string(), |root| root.to_string());
    ParseError::NotThisFormat { format: FORMAT.name, found }
}

/// A project as either writing gives it; strings as written, empty when absent.
#[derive(Default)]
struct Project {
    /// Fields with one value, by CORDIS's own name.
    fields: Vec<(&'static str, String)>,
    topics: Vec<(String, String)>,
    calls: Vec<String>,
    legal_bases: Vec<String>,
    schemes: Vec<String>,
    classes: Vec<String>,
    partners: Vec<Partner>,
    /// Countries of the participants where only those are given.
    countries: Vec<String>,
    /// What has no place here, by its own name.
    rest: Vec<(String, Value)>,
}

/// Single values that both writings share.
const FIELDS: &[&str] = &[
    "language",
    "rcn",
    "id",
    "acronym",
    "teaser",
    "objective",
    "title",
    "totalCost",
    "ecMaxContribution",
    "startDate",
    "endDate",
    "ecSignatureDate",
    "terminationDate",
    "duration",
    "status",
    "keywords",
    "grantDoi",
    "nature",
    "sourceUpdateDate",
    "contentCreationDate",
    "contentUpdateDate",
    "lastUpdateDate",
    "frameworkProgramme",
];

/// Single values that are kept as they are.
const KEPT: &[&str] = &[
    "rcn",
    "totalCost",
    "acronym",
    "teaser",
    "duration",
    "status",
    "keywords",
    "grantDoi",
    "nature",
    "sourceUpdateDate",
    "lastUpdateDate",
    "frameworkProgramme",
];

#[derive(Default)]
struct Partner {
    pic: String,
    name: String,
    short: String,
    role: String,
    activity: String,
    country: String,
    city: String,
    nuts: String,
    website: String,
    contribution: String,
    sme: String,
    terminated: bool,
}

impl Project {
    fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
    }

    /// Pre-commercial procurement, or public procurement of innovation: the buyers do buy together.
    fn buys(&self) -> Option<&'static str> {
        let funds = |name: &str| self.schemes.iter().any(|scheme| scheme.rsplit('-').next() == Some(name));
        [("PCP", "pcp"), ("PPI", "ppi")].into_iter().find(|(name, _)| funds(name)).map(|(_, mark)| mark)
    }
}

fn notice(project: &Project, document: &RawDocument, number: usize, repaired: bool) -> Notice {
    let mut reading = Reading::new(codes::zone_of(Some("BE")));
    let number_of = Some(project.get("id")).filter(|id| !id.is_empty());
    if repaired {
        reading.issue(IssueCode::RepairedText, "/", "");
    }
    if number_of.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "id", "");
    }
    let id = notice_id(document, number_of, None, number);
    let mut notice = Notice::new(id, document.origin.source.clone(), FORMAT.name, document.id, Stage::Project);
    notice.publication_id = number_of.map(str::to_owned);
    notice.url = number_of
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|id| format!("https://cordis.europa.eu/project/id/{id}"));
    texts(project, &mut notice, &mut reading);
    dates(project, &mut notice, &mut reading);
    let contribution = project.get("ecMaxContribution");
    // Old releases write a decimal comma.
    if contribution.contains(',') && !contribution.contains('.') {
        reading.numbers = Style::Comma;
    }
    // CORDIS counts in euro and says nothing of VAT.
    notice.estimated_value =
        reading.amount("ecMaxContribution", contribution, Some("EUR"), MoneyKind::Budget, Vat::Unknown);
    for name in KEPT {
        let value = project.get(name);
        if !value.is_empty() {
            reading.keep(*name, value);
        }
    }
    funding(project, &mut notice, &mut reading);
    partners(project, &mut notice, &mut reading);
    for (name, value) in &project.rest {
        reading.keep(name.as_str(), value.clone());
    }
    reading.finish(&mut notice);
    // Participants of a research project buy nothing together, unless procurement is what is funded.
    match project.buys() {
        Some(mark) => notice.innovation.push(mark.to_owned()),
        None => notice.joint = None,
    }
    notice
}

/// The objective is the longest text: where nothing declares the language, it is told from there.
fn texts(project: &Project, notice: &mut Notice, reading: &mut Reading) {
    let declared = Some(project.get("language")).filter(|code| !code.is_empty());
    if let Some(code) = declared {
        reading.language = Some(reading.language_of("language", code).into_owned());
    }
    let objective = Some(project.get("objective")).filter(|text| !text.is_empty()).unwrap_or(project.get("teaser"));
    reading.text(&mut notice.description, "objective", None, objective);
    if reading.language.is_none() {
        reading.language = notice.description.first().map(|(code, _)| code.to_owned()).filter(|code| code != "und");
    }
    let title = Some(project.get("title")).filter(|text| !text.is_empty()).unwrap_or(project.get("acronym"));
    reading.text(&mut notice.title, "title", None, title);
}

/// `contentUpdateDate` is the version: it moves with the content, the other stamps also without.
fn dates(project: &Project, notice: &mut Notice, reading: &mut Reading) {
    let updated = project.get("contentUpdateDate");
    notice.version = (!updated.is_empty()).then(|| updated.to_owned());
    notice.dispatched_at = reading.moment("contentUpdateDate", updated);
    notice.published_on = reading.date("contentCreationDate", project.get("contentCreationDate"));
    // A project has no lots, so its window has no duration to stand in.
    for name in ["startDate", "endDate", "ecSignatureDate", "terminationDate"] {
        if let Some(day) = reading.date(name, project.get(name)) {
            reading.keep(name, day.to_string());
        }
    }
}

fn funding(project: &Project, notice: &mut Notice, reading: &mut Reading) {
    let mut funding = EuFunding { funded: Some(true), ..EuFunding::default() };
    for code in &project.legal_bases {
        push_new(&mut funding.programmes, code.clone());
    }
    funding.projects.extend(notice.publication_id.clone());
    notice.eu_funding = Some(funding);
    for (code, title) in &project.topics {
        let shown = if title.is_empty() { code.clone() } else { format!("{code}: {title}") };
        reading.keep_in_list("topics", &shown);
        let evidence = "topic".to_owned();
        push_new(&mut notice.related, Related { id: code.clone(), relation: Relation::Awards, evidence });
    }
    for (name, list) in [
        ("call", &project.calls),
        ("legalBasis", &project.legal_bases),
        ("fundingScheme", &project.schemes),
        ("euroSciVoc", &project.classes),
    ] {
        for value in list {
            reading.keep_in_list(name, value);
        }
    }
}

fn partners(project: &Project, notice: &mut Notice, reading: &mut Reading) {
    let mut kept = Vec::new();
    for partner in project.partners.iter().take(MAX_PARTNERS) {
        let country = reading.country("organization/address/country", &partner.country);
        if let Some(country) = &country {
            push_new(&mut notice.places, Place { country: Some(country.clone()), nuts: None, region: None });
        }
        let mut shown = serde_json::Map::new();
        for (name, value) in [
            ("id", Some(&partner.pic)),
            ("name", Some(&partner.name)),
            ("country", country.as_ref()),
            ("role", Some(&partner.role)),
            ("activity", Some(&partner.activity)),
            ("ecContribution", Some(&partner.contribution)),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                shown.insert(name.to_owned(), json!(value));
            }
        }
        if partner.terminated {
            shown.insert("terminated".to_owned(), json!(true));
        }
        kept.push(Value::Object(shown));
        if partner.activity == "PUB" && !partner.terminated && !partner.name.is_empty() {
            let buyer = public_body(partner, country, reading);
            push_new(&mut notice.buyers, buyer);
        }
    }
    if project.partners.len() > MAX_PARTNERS {
        reading.issue(IssueCode::Truncated, "organizations", "");
    }
    if !kept.is_empty() {
        reading.keep("organizations", Value::Array(kept));
    }
    for code in &project.countries {
        if let Some(country) = reading.country("countries", code) {
            push_new(&mut notice.places, Place { country: Some(country), nuts: None, region: None });
        }
    }
}

fn public_body(partner: &Partner, country: Option<String>, reading: &mut Reading) -> Organisation {
    let mut roles = vec![Role::Buyer];
    if partner.role == "coordinator" {
        roles.push(Role::Lead);
    }
    let id = Some(&partner.pic).filter(|pic| !pic.is_empty()).cloned();
    let mut names = Text::default();
    if !partner.short.is_empty() && partner.short != partner.name {
        names.push("und", &partner.short);
    }
    Organisation {
        name: reading.line(&partner.name),
        names,
        scheme: id.as_ref().map(|_| "PIC".to_owned()),
        id,
        country,
        nuts: reading.nuts("organization/nutsCode", &partner.nuts),
        city: reading.line(&partner.city),
        website: reading.url("organization/address/url", &partner.website),
        roles,
        size: (partner.sme == "true").then(|| "sme".to_owned()),
        ..Organisation::default()
    }
}

#[cfg(test)]
mod tests;
