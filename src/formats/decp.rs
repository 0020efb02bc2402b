//! DECP: the essential data of French contracts and concessions, as buyers must publish them (`marches`): format of
//! 2019 and version 2 of 2022, JSON and XML.
//!
//! One contract is one notice: its award, and when modifications follow, their last state on top. Version 2 names
//! buyers and holders by number only; their names are in the company register, not here. It refuses to guess the
//! procedure that led to a contract, and reads no name of a holder that is no company.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::json::{self, all, at, text_at};
use super::reading::{Reading, notice_id, place_of_nuts, push_new, put};
use super::{Format, ParseError, Parsed, xml};
use crate::notice::{Award, MoneyKind, Nature, Notice, Organisation, Role, Stage, Vat};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "decp", version: 1, sniff, parse };

/// The one key or root that all of them share.
const ROOT: &str = "marches";
/// Contracts and concessions, as version 2 and its XML name them.
const RECORDS: [&str; 2] = ["marche", "contrat-concession"];

/// A list `marches` near the beginning, and a field that every contract has.
fn sniff(bytes: &[u8]) -> bool {
    if json::begins(bytes) {
        let head = &bytes[..bytes.len().min(4096)];
        return json::has_key(head, ROOT)
            && ["datePublicationDonnees", "dateNotification", "dateSignature"]
                .iter()
                .any(|key| json::has_key(bytes, key));
    }
    xml::root_of(bytes).is_ok_and(|root| root.namespace.is_empty() && root.local == ROOT)
}

/// Reads one document: one notice per contract.
fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let is_json = json::begins(&document.body);
    let list = if is_json {
        let (value, _) = json::parse(&document.body)?;
        value.get(ROOT).cloned()
    } else {
        let text = xml::Document::decode(&document.body)?;
        let (root, value) = xml::to_json(&text, &[])?;
        (root == ROOT).then_some(value)
    };
    let Some(list) = list else {
        let found = if is_json { "JSON without `marches`".to_owned() } else { "XML without `marches`".to_owned() };
        return Err(ParseError::NotThisFormat { format: FORMAT.name, found });
    };
    let mut parsed = Parsed::default();
    for (number, (path, record)) in records(&list).into_iter().enumerate() {
        if record.as_object().is_some_and(|map| !map.is_empty()) {
            parsed.notice(notice(record, path, number + 1, document));
        } else {
            parsed.unreadable(format!("{path}[{number}]"), "not an object with fields");
        }
    }
    Ok(parsed)
}

/// The records and what they are called: lists by kind (2022), or one flat list (2019).
fn records(list: &Value) -> Vec<(&'static str, &Value)> {
    let mut found = Vec::new();
    for kind in RECORDS {
        found.extend(all(list, kind).into_iter().map(|value| (kind, value)));
    }
    if found.is_empty()
        && let Value::Array(values) = list
    {
        found.extend(values.iter().map(|value| (ROOT, value)));
    }
    found
}

/// The first of several names for one thing.
fn text<'v>(record: &'v Value, names: &[&str]) -> Option<std::borrow::Cow<'v, str>> {
    // A flat file has the path itself as a key.
    let flat = |name: &str| record.get(name).filter(|_| name.contains('.')).and_then(json::text);
    names.iter().find_map(|name| text_at(record, name).or_else(|| flat(name)))
}

/// A number is unique for one buyer only: with the buyer's it is stable across editions of a file.
fn local_id(record: &Value, buyer: Option<&str>) -> Option<String> {
    let id = text(record, &["id"]);
    match (text(record, &["uid"]), id, buyer) {
        (Some(uid), _, _) => Some(uid.into_owned()),
        (None, Some(id), Some(buyer)) => Some(format!("{buyer}{id}")),
        _ => None,
    }
}

fn notice(record: &Value, path: &str, number: usize, document: &RawDocument) -> Notice {
    let mut reading = Reading::new(TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC));
    // French law asks for French; nothing in the data says so.
    reading.language = Some("fr".to_owned());
    let reading = &mut reading;
    let buyers = buyers(record, path, reading);
    let own = local_id(record, buyers.first().and_then(|buyer| buyer.id.as_deref()));
    let id = notice_id(document, own.as_deref(), None, number);
    let source = document.origin.source.clone();
    let mut notice = Notice::new(id, source, FORMAT.name, document.id, Stage::Result);
    notice.publication_id = own;
    notice.buyers = buyers;
    if let Some(id) = text(record, &["id"]) {
        reading.keep(format!("{path}.id"), id.as_ref());
    }
    let mut date = |names: &[&str]| {
        let written = text(record, names)?;
        reading.date(&format_args!("{path}.{}", names[0]), &written)
    };
    notice.published_on = date(&["datePublicationDonnees"]);
    let decided_on = date(&["dateNotification", "dateSignature"]);
    if let Some(written) = text(record, &["objet"]) {
        reading.text(&mut notice.title, &format_args!("{path}.objet"), None, &written);
    }
    for code in all(record, "codeCPV").into_iter().filter_map(json::text) {
        for code in reading.cpv(&format_args!("{path}.codeCPV"), &code) {
            push_new(&mut notice.cpv, code);
        }
    }
    notice.nature = nature(record, notice.cpv.first().map(String::as_str));
    procedure(record, path, &mut notice, reading);
    place(record, path, &mut notice, reading);
    let mut award = Award { decided_on, status: Some("selec-w".to_owned()), ..Award::default() };
    award.contract_id = text(record, &["id"]).map(std::borrow::Cow::into_owned);
    award.suppliers = suppliers(record, path, reading);
    award.tenders_received =
        text(record, &["offresRecues"]).and_then(|count| reading.count(&format_args!("{path}.offresRecues"), &count));
    award.value = money(record, path, reading);
    modifications(record, path, &mut notice, &mut award, reading);
    notice.awarded_value = award.value.clone();
    put(&mut notice.awards, award);
    remaining(record, path, reading);
    let reading = std::mem::replace(reading, Reading::new(TimeZone::UTC));
    reading.finish(&mut notice);
    notice
}

/// Who bought: a contracting authority, or one that grants a concession.
fn buyers(record: &Value, path: &str, reading: &mut Reading) -> Vec<Organisation> {
    let mut found = Vec::new();
    for key in ["acheteur", "autoriteConcedante"] {
        for buyer in all(record, key) {
            found.push(organisation(text_at(buyer, "id").as_deref(), text_at(buyer, "nom").as_deref(), reading));
        }
        // Flattened by those who merge files.
        let (id, name) = (record.get(format!("{key}.id")), record.get(format!("{key}.nom")));
        if found.is_empty() && (id.is_some() || name.is_some()) {
            let (id, name) = (id.and_then(json::text), name.and_then(json::text));
            found.push(organisation(id.as_deref(), name.as_deref(), reading));
        }
    }
    found.retain(|buyer| buyer.id.is_some() || buyer.name.is_some());
    for buyer in &mut found {
        buyer.roles.push(Role::Buyer);
        buyer.scheme = buyer.id.as_ref().map(|_| "SIRET".to_owned());
        buyer.country = Some("FR".to_owned());
    }
    if found.is_empty() && record.get("acheteur").is_some() {
        reading.keep(format!("{path}.acheteur"), "");
    }
    found
}

fn organisation(id: Option<&str>, name: Option<&str>, reading: &Reading) -> Organisation {
    Organisation {
        id: id.map(str::to_owned),
        name: name.and_then(|name| reading.line(name)),
        ..Organisation::default()
    }
}

/// Holders of the contract. Numbers that identify people, and holders without a company number, stay unnamed.
fn suppliers(record: &Value, path: &str, reading: &mut Reading) -> Vec<Organisation> {
    let mut found = Vec::new();
    for holder in holders(record) {
        let id = text_at(holder, "id");
        let name = text_at(holder, "denominationSociale");
        let scheme = text_at(holder, "typeIdentifiant");
        if id.is_none() && name.is_none() {
            continue;
        }
        // No type is said: only a number in the form of a company's is taken for one.
        let siret = |id: &str| id.len() == 14 && id.bytes().all(|byte| byte.is_ascii_digit());
        let scheme = scheme.or_else(|| id.as_deref().is_some_and(siret).then(|| "SIRET".into()));
        let supplier = match scheme.as_deref().map_or(Register::Unknown, register) {
            Register::Unknown => {
                if let Some(scheme) = &scheme {
                    reading.keep_in_list(&format!("{path}.titulaires.typeIdentifiant"), scheme);
                }
                Organisation { natural_person: true, ..Organisation::default() }
            }
            kind => {
                let mut supplier = organisation(id.as_deref(), name.as_deref(), reading);
                supplier.scheme = scheme.map(std::borrow::Cow::into_owned);
                supplier.country = (kind == Register::French).then(|| "FR".to_owned());
                supplier
            }
        };
        push_new(&mut found, supplier);
    }
    found
}

/// The objects that name a holder: directly in the list (2019), wrapped (2022), or in lists in lists (merged files).
fn holders(record: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for (list, one) in [("titulaires", "titulaire"), ("concessionnaires", "concessionnaire")] {
        for holder in all(record, list) {
            let wrapped = all(holder, one);
            if wrapped.is_empty() { found.push(holder) } else { found.extend(wrapped) }
        }
    }
    found
}

/// Whose register a kind of number (`typeIdentifiant`) is from.
#[derive(Clone, Copy, PartialEq)]
enum Register {
    /// `TAHITI`, `RIDET` and `FRWF` are those of overseas territories.
    French,
    /// Companies elsewhere.
    Foreign,
    /// No company's: the number may identify a person.
    Unknown,
}

fn register(scheme: &str) -> Register {
    match scheme.trim().to_uppercase().as_str() {
        "SIRET" | "SIREN" | "FRWF" | "RIDET" | "TAHITI" => Register::French,
        "TVA" | "TVA INTRACOMMUNAUTAIRE" | "UE" | "HORS-UE" | "HORS UE" => Register::Foreign,
        _ => Register::Unknown,
    }
}

/// What was bought follows from the CPV code: the data itself does not say. Divisions 45 works, 01–44 and 48 supplies.
fn nature(record: &Value, cpv: Option<&str>) -> Option<Nature> {
    if let Some(written) = text(record, &["nature"]) {
        let lower = written.to_lowercase();
        if lower.contains("travaux") {
            return Some(Nature::Works);
        }
        if lower.contains("service") {
            return Some(Nature::Services);
        }
    }
    let division: u8 = cpv?.get(..2)?.parse().ok()?;
    Some(match division {
        45 => Nature::Works,
        ..=44 | 48 => Nature::Supplies,
        _ => Nature::Services,
    })
}

/// The words of the decree, to the eForms list.
fn procedure(record: &Value, path: &str, notice: &mut Notice, reading: &mut Reading) {
    if let Some(written) = text(record, &["procedure"]) {
        reading.keep(format!("{path}.procedure"), written.as_ref());
        notice.procedure_type = super::boamp::procedure_of_words(&written).map(str::to_owned);
    }
    for technique in all(record, "techniques.technique").into_iter().filter_map(json::text) {
        reading.keep_in_list(&format!("{path}.techniques.technique"), &technique);
    }
    if text(record, &["marcheInnovant"]).and_then(|flag| reading.flag(&format_args!("{path}.marcheInnovant"), &flag))
        == Some(true)
    {
        reading.keep(format!("{path}.marcheInnovant"), true);
    }
}

/// A code of the French statistics office with the kind of code; NUTS only when it says so.
fn place(record: &Value, path: &str, notice: &mut Notice, reading: &mut Reading) {
    let Some(code) = text(record, &["lieuExecution.code"]) else { return };
    let kind = text(record, &["lieuExecution.typeCode"]).unwrap_or_default();
    if kind.to_uppercase().contains("NUTS") {
        if let Some(nuts) = reading.nuts(&format_args!("{path}.lieuExecution.code"), &code) {
            push_new(&mut notice.places, place_of_nuts(nuts));
        }
    } else if kind.to_lowercase().contains("pays") && code.len() == 2 {
        let country = reading.country(&format_args!("{path}.lieuExecution.code"), &code);
        push_new(&mut notice.places, crate::notice::Place { country, ..Default::default() });
    } else {
        push_new(&mut notice.places, crate::notice::Place { country: Some("FR".to_owned()), ..Default::default() });
    }
    for name in ["code", "typeCode", "nom"] {
        if let Some(written) = text_at(record, &format!("lieuExecution.{name}")) {
            reading.keep(format!("{path}.lieuExecution.{name}"), written.as_ref());
        }
    }
}

/// Both are euros without VAT by the decree (`montant` of a contract, `valeurGlobale` of a concession).
fn money(record: &Value, path: &str, reading: &mut Reading) -> Option<crate::notice::Amount> {
    ["montant", "valeurGlobale"].iter().find_map(|name| {
        let written = text_at(record, name)?;
        reading.amount(&format_args!("{path}.{name}"), &written, Some("EUR"), MoneyKind::Award, Vat::Ex)
    })
}

/// Modifications change the contract that was awarded: the last one's amount and holders count, the original stays in
/// `extra`.
fn modifications(record: &Value, path: &str, notice: &mut Notice, award: &mut Award, reading: &mut Reading) {
    let mut found: Vec<&Value> = Vec::new();
    for entry in all(record, "modifications") {
        let wrapped = all(entry, "modification");
        if wrapped.is_empty() { found.push(entry) } else { found.extend(wrapped) }
    }
    found.retain(|entry| entry.as_object().is_some_and(|map| !map.is_empty()));
    if found.is_empty() {
        return;
    }
    notice.stage = Stage::Modification;
    for name in ["montant", "valeurGlobale"] {
        if let Some(written) = text_at(record, name) {
            reading.keep(format!("{path}.{name}"), written.as_ref());
        }
    }
    for (number, entry) in found.into_iter().enumerate() {
        let path = format!("{path}.modifications[{number}]");
        if let Some(amount) = money(entry, &path, reading) {
            award.value = Some(amount);
        }
        let holders = suppliers(entry, &path, reading);
        if !holders.is_empty() {
            award.suppliers = holders;
        }
        if let Some(months) = text_at(entry, "dureeMois") {
            reading.keep(format!("{path}.dureeMois"), months.as_ref());
        }
        if let Some(object) = text(entry, &["objetModification"]) {
            reading.text(&mut notice.description, &format_args!("{path}.objetModification"), None, &object);
        }
        for name in ["dateNotificationModification", "dateSignatureModification"] {
            if let Some(written) = text_at(entry, name) {
                reading.keep(format!("{path}.{name}"), written.as_ref());
            }
        }
        if let Some(written) = text_at(entry, "datePublicationDonneesModification")
            && let Some(day) = reading.date(&format_args!("{path}.datePublicationDonneesModification"), &written)
        {
            notice.published_on = notice.published_on.max(Some(day));
        }
    }
}

/// What has no field of its own and may matter: how the price is formed, joint bidders, clauses, the framework.
fn remaining(record: &Value, path: &str, reading: &mut Reading) {
    for name in [
        "nature",
        "dureeMois",
        "dateDebutExecution",
        "formePrix",
        "ccag",
        "typeGroupementOperateurs",
        "idAccordCadre",
        "sousTraitanceDeclaree",
        "origineUE",
        "origineFrance",
        "montantSubventionPublique",
        "source",
    ] {
        if let Some(written) = text_at(record, name) {
            reading.keep(format!("{path}.{name}"), written.as_ref());
        }
    }
    for list in [
        "considerationsSociales.considerationSociale",
        "considerationsEnvironnementales.considerationEnvironnementale",
        "modalitesExecution.modaliteExecution",
        "typesPrix.typePrix",
    ] {
        for written in all(record, list).into_iter().filter_map(json::text) {
            reading.keep_in_list(&format!("{path}.{list}"), &written);
        }
    }
    if at(record, "actesSousTraitance").is_some() {
        reading.keep(format!("{path}.actesSousTraitance"), all(record, "actesSousTraitance").len());
    }
}
