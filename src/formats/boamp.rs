//! BOAMP, the French official bulletin of public procurement: answers of its API (v1 `records[].fields`, v2
//! `results[]`, exports), where `gestion` and `donnees` are JSON inside strings, and its XML (`ANNONCE` of 2017, `jo:ann`
//! of today). Both say the same in the same tree, so XML is read as JSON first.
//!
//! `gestion` tells what and when, `donnees` holds the notice in one of several shapes: eForms (read by the `eforms`
//! mapper), the national forms (`simple`: FNSimple, MAPA, DSP, DIVERS) or the tree before them (`old`). Codes are the
//! names of empty elements. It refuses to read correspondents and the free text of simple results, which names people.

mod old;
mod simple;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::json::{self, all, at, names, text_at};
use super::reading::{Reading, joint, notice_id, push_new, put};
use super::{Format, ParseError, Parsed, eforms, xml};
use crate::issue::{IssueCode, NonNotice};
use crate::notice::{Nature, Notice, Organisation, Related, Relation, Role, Stage};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "boamp", version: 1, sniff, parse };

/// The namespace of today's XML, up to its version.
const NAMESPACE: &str = "http://boamp.journal-officiel.gouv.fr/XML/";
/// Where a notice is shown; the API gives the same address.
const PAGE: &str = "https://www.boamp.fr/pages/avis/?q=idweb:";
/// Currencies of amounts, in old and new XML.
const ATTRIBUTES: &[&str] = &["DEVISE", "devise"];

/// The two keys that every row has, or one of the two roots.
fn sniff(bytes: &[u8]) -> bool {
    if json::begins(bytes) {
        return json::has_key(bytes, "idweb") && json::has_key(bytes, "dateparution");
    }
    xml::root_of(bytes).is_ok_and(|root| {
        (root.namespace.is_empty() && root.local == "ANNONCE")
            || (root.namespace.starts_with(NAMESPACE) && root.local == "ann")
    })
}

/// Reads one document: one notice per row, or the one of an XML document.
fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    if json::begins(&document.body) { api(document) } else { file(document) }
}

/// One notice: the flat fields of a row (absent in XML), and the two trees.
struct Row<'a> {
    flat: &'a Value,
    gestion: &'a Value,
    donnees: &'a Value,
    number: usize,
    document: &'a RawDocument,
}

fn api(document: &RawDocument) -> Result<Parsed, ParseError> {
    let (value, repaired) = json::parse(&document.body)?;
    let mut parsed = Parsed::default();
    let (path, rows) = match (value.get("results"), value.get("records"), &value) {
        (Some(Value::Array(rows)), _, _) => ("results", rows.as_slice()),
        (_, Some(Value::Array(rows)), _) | (_, _, Value::Array(rows)) => ("records", rows.as_slice()),
        (_, _, one @ Value::Object(_)) => ("$", std::slice::from_ref(one)),
        _ => ("$", &[][..]),
    };
    for (number, row) in rows.iter().enumerate() {
        let path = format!("{path}[{number}]");
        // v1 wraps the fields, early v2 wraps them once more.
        let flat = row.get("fields").or_else(|| at(row, "record.fields")).unwrap_or(row);
        if flat.get("idweb").is_none() && flat.get("id").is_none() {
            parsed.unreadable(path, "a row without an id");
            continue;
        }
        let (Ok(gestion), Ok(donnees)) = (embedded(flat, "gestion"), embedded(flat, "donnees")) else {
            parsed.unreadable(path, "`gestion` or `donnees` is no JSON");
            continue;
        };
        let row = Row { flat, gestion: &gestion, donnees: &donnees, number: number + 1, document };
        let inside = at(&donnees, "EFORMS").map_or(Ok(None), |inside| eforms::of_json(inside, document, row.number));
        match inside {
            Ok(inside) => read(&row, inside, repaired, &mut parsed),
            Err(error) => parsed.unreadable(path, &error.to_string()),
        }
    }
    Ok(parsed)
}

/// JSON inside a string; also when the API has opened it, or when it is absent.
fn embedded(flat: &Value, key: &str) -> Result<Value, serde_json::Error> {
    match flat.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => serde_json::from_str(text),
        Some(Value::String(_)) | None => Ok(Value::Null),
        Some(other) => Ok(other.clone()),
    }
}

fn file(document: &RawDocument) -> Result<Parsed, ParseError> {
    let text = xml::Document::decode(&document.body)?;
    let (root, value) = xml::to_json(&text, ATTRIBUTES)?;
    if !matches!(root.as_str(), "ANNONCE" | "ann") {
        let found = xml::root_of(&document.body).map_or_else(|error| error.to_string(), |root| root.to_string());
        return Err(ParseError::NotThisFormat { format: FORMAT.name, found });
    }
    let mut parsed = Parsed::default();
    let null = Value::Null;
    let row = Row {
        flat: &null,
        gestion: value.get("GESTION").unwrap_or(&null),
        donnees: value.get("DONNEES").unwrap_or(&null),
        number: 1,
        document,
    };
    let inside = eforms::of_xml(&text, document, 1)?;
    read(&row, inside, text.repaired, &mut parsed);
    Ok(parsed)
}

/// One row, with the eForms notice inside it if there is one.
fn read(row: &Row<'_>, inside: Option<Notice>, repaired: bool, parsed: &mut Parsed) {
    let kind = nature_of_notice(row);
    if kind.as_deref().is_some_and(|kind| plain(kind) == "PROFILACHETEUR") {
        parsed.non_notice(NonNotice::ProfileNotice);
        return;
    }
    let mut reading = Reading::new(TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC));
    // The bulletin is in French by law; no field says so.
    reading.language = Some("fr".to_owned());
    if repaired {
        reading.issue(IssueCode::RepairedText, "/", "");
    }
    let idweb = idweb(row);
    let id = notice_id(row.document, idweb.as_deref(), None, row.number);
    let eforms = inside.is_some();
    let mut notice = match inside {
        Some(mut notice) => {
            notice.id = id;
            FORMAT.name.clone_into(&mut notice.format);
            // The bulletin's own number is the publication number.
            notice.issues.retain(|issue| issue.code != IssueCode::MissingPublicationId);
            notice
        }
        None => Notice::new(id, row.document.origin.source.clone(), FORMAT.name, row.document.id, Stage::Competition),
    };
    notice.url = text_at(row.flat, "url_avis")
        .and_then(|url| reading.url("url_avis", &url))
        .or_else(|| idweb.as_ref().map(|id| format!("{PAGE}{id}")));
    notice.publication_id = idweb;
    let day = either(row, "dateparution", "INDEXATION.DATE_PUBLICATION");
    if let Some(day) = day.and_then(|day| reading.date("dateparution", &day)) {
        notice.published_on = Some(day);
        notice.issues.retain(|issue| issue.code != IssueCode::AssumedPublicationDay);
    }
    if notice.procedure_id.is_none() {
        notice.procedure_id = text_at(row.flat, "contractfolderid").map(Cow::into_owned);
    }
    if !eforms {
        stage(kind.as_deref(), &mut notice, &mut reading);
        if at(row.donnees, "IDENTITE").is_some() || at(row.donnees, "OBJET").is_some() {
            old::read(row.donnees, &mut notice, &mut reading);
        } else {
            simple::read(row.donnees, &mut notice, &mut reading);
        }
        general(row, &mut notice, &mut reading);
    } else if notice.deadline.is_none() {
        deadline(row, &mut notice, &mut reading);
    }
    state(row, &mut notice);
    related(row, &mut notice);
    remaining(row, &mut reading);
    if eforms {
        // Whatever every notice should have was looked for by the mapper.
        let mut own = Notice::new(notice.id.clone(), notice.source.clone(), FORMAT.name, notice.raw_id, notice.stage);
        own.title = notice.title.clone();
        own.buyers = notice.buyers.clone();
        reading.finish(&mut own);
        own.issues.retain(|issue| !matches!(issue.code, IssueCode::MissingTitle | IssueCode::MissingBuyer));
        notice.issues.append(&mut own.issues);
        notice.extra.append(&mut own.extra);
    } else {
        reading.finish(&mut notice);
    }
    parsed.notice(notice);
}

/// The text of a flat field, else of the tree.
fn either<'v>(row: &Row<'v>, flat: &str, gestion: &str) -> Option<Cow<'v, str>> {
    text_at(row.flat, flat).or_else(|| text_at(row.gestion, gestion))
}

/// `26-71206`, also from the row's own id `26_71206`.
fn idweb(row: &Row<'_>) -> Option<String> {
    either(row, "idweb", "REFERENCE.IDWEB")
        .map(Cow::into_owned)
        .or_else(|| text_at(row.flat, "id").map(|id| id.replacen('_', "-", 1)))
}

/// What kind of notice: a word, or the name of an element.
fn nature_of_notice<'v>(row: &Row<'v>) -> Option<Cow<'v, str>> {
    text_at(row.flat, "nature").or_else(|| code(row.gestion, "REFERENCE.TYPE_AVIS.NATURE").map(Cow::Borrowed))
}

/// The name of the first element inside: how codes are written.
fn code<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    names(at(value, path)?).into_iter().next()
}

/// Upper case letters only: the same code is `PRE-INFORMATION`, `PREINFORMATION` and `preInformation`.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_uppercase).collect()
}

/// Text with character references that were escaped twice (`D&#039;ESCAUT`) set right.
fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('&') {
        quick_xml::escape::unescape(text).unwrap_or(Cow::Borrowed(text))
    } else {
        Cow::Borrowed(text)
    }
}

fn stage(kind: Option<&str>, notice: &mut Notice, reading: &mut Reading) {
    let kind = kind.unwrap_or("");
    notice.stage = match plain(kind).as_str() {
        "PREINFORMATION" | "PERIODIQUE" => Stage::Planning,
        "APPELOFFRE" | "QUALIFICATION" | "SOUSTRAITANCE" | "CONCOURS" => Stage::Competition,
        "INTENTIONCONCLURE" => Stage::DirectAward,
        "ATTRIBUTION" => Stage::Result,
        "MODIFICATION" => Stage::Modification,
        "RECTIFICATIF" => Stage::Change,
        "ANNULATION" => Stage::Cancellation,
        _ => {
            reading.issue(IssueCode::UnknownStage, "REFERENCE.TYPE_AVIS.NATURE", kind);
            Stage::Competition
        }
    };
    notice.correction = notice.stage == Stage::Change;
}

/// A corrected notice is published again as a whole, a cancelled one too.
fn state(row: &Row<'_>, notice: &mut Notice) {
    let state = text_at(row.flat, "etat")
        .or_else(|| code(row.gestion, "REFERENCE.TYPE_AVIS.STATUT").map(Cow::Borrowed))
        .map(|state| plain(&state));
    match state.as_deref() {
        Some("ANNULATION") => notice.stage = Stage::Cancellation,
        Some("RECTIFICATIF") => notice.correction = true,
        _ => {}
    }
}

/// What `gestion` and the flat fields say where `donnees` does not.
fn general(row: &Row<'_>, notice: &mut Notice, reading: &mut Reading) {
    let object = either(row, "objet", "INDEXATION.RESUME_OBJET");
    if let Some(object) = object
        && notice.title.is_empty()
    {
        reading.text(&mut notice.title, "RESUME_OBJET", None, &unescaped(&object));
    }
    if notice.buyers.is_empty()
        && let Some(name) = either(row, "nomacheteur", "INDEXATION.NOMORGANISME")
    {
        let name = reading.line(&unescaped(&name));
        let country = Some("FR".to_owned());
        put(&mut notice.buyers, Organisation { name, country, roles: vec![Role::Buyer], ..Organisation::default() });
    }
    if notice.nature.is_none() {
        notice.nature = kinds(row.gestion, "INDEXATION.NATURE_MARCHE")
            .or_else(|| all(row.flat, "type_marche").into_iter().filter_map(json::text).find_map(|word| kind(&word)));
    }
    if notice.procedure_type.is_none() {
        let written = code(row.gestion, "INDEXATION.TYPE_PROCEDURE")
            .map(Cow::Borrowed)
            .or_else(|| text_at(row.flat, "type_procedure"));
        notice.procedure_type = written.and_then(|word| procedure_of_words(&word)).map(str::to_owned);
    }
    if notice.legal_basis.is_none() {
        notice.legal_basis = perimeter(row).and_then(|word| legal_basis(&word)).map(str::to_owned);
    }
    deadline(row, notice, reading);
    holders(row, notice, reading);
    if notice.joint.is_none() {
        notice.joint = joint(&notice.buyers);
    }
}

/// The API lists the holders; where `donnees` has them only in free text, they are all there is.
fn holders(row: &Row<'_>, notice: &mut Notice, reading: &Reading) {
    if notice.awards.iter().any(|award| !award.suppliers.is_empty()) {
        return;
    }
    for name in all(row.flat, "titulaire").into_iter().filter_map(json::text) {
        for name in name.split(';') {
            if let Some(name) = reading.line(&unescaped(name)) {
                push_new(&mut notice.suppliers, Organisation { name: Some(name), ..Organisation::default() });
            }
        }
    }
}

fn perimeter<'v>(row: &Row<'v>) -> Option<Cow<'v, str>> {
    text_at(row.flat, "perimetre").or_else(|| code(row.gestion, "REFERENCE.TYPE_AVIS.PERIMETRE").map(Cow::Borrowed))
}

/// `gestion` has the local offset, also overseas; the flat field is the same instant in UTC.
fn deadline(row: &Row<'_>, notice: &mut Notice, reading: &mut Reading) {
    if let Some(written) = text_at(row.gestion, "INDEXATION.DATE_LIMITE_REPONSE") {
        notice.deadline = reading.deadline("INDEXATION.DATE_LIMITE_REPONSE", &written).or(notice.deadline.take());
    }
    if notice.deadline.is_none()
        && let Some(written) = text_at(row.flat, "datelimitereponse")
    {
        notice.deadline = reading.deadline("datelimitereponse", &written);
    }
}

/// The first kind among the element names at a path.
fn kinds(value: &Value, path: &str) -> Option<Nature> {
    names(at(value, path)?).into_iter().find_map(kind)
}

fn kind(word: &str) -> Option<Nature> {
    Some(match plain(word).as_str() {
        "TRAVAUX" => Nature::Works,
        "FOURNITURES" | "FOURNITURE" => Nature::Supplies,
        "SERVICES" | "SERVICE" => Nature::Services,
        _ => return None,
    })
}

/// The directive of a perimeter (`DIRECTIVE-81` is defence and security); national ones are kept in `extra` alone.
fn legal_basis(perimeter: &str) -> Option<&'static str> {
    Some(match perimeter.to_uppercase().replace('_', "-").as_str() {
        "DIRECTIVE-23" => "32014L0023",
        "DIRECTIVE-24" => "32014L0024",
        "DIRECTIVE-25" => "32014L0025",
        "DIRECTIVE-81" => "32009L0081",
        _ => return None,
    })
}

/// BT-105 of the names that French forms use, in elements and in the words of the decree on essential data. An adapted
/// procedure (below the thresholds) has one stage unless it says that it is restricted.
pub(super) fn procedure_of_words(word: &str) -> Option<&'static str> {
    let word = plain(word).replace('É', "E");
    let has = |part: &str| word.contains(part);
    Some(if has("DIALOGUE") {
        "comp-dial"
    } else if has("INNOVATION") {
        "innovation"
    } else if has("SANSPUB") || has("SANSMISEENCONCURRENCE") {
        "neg-wo-call"
    } else if has("ADAPT") {
        // `procedureAdapteeO` is open, `procedureAdapteeR` restricted.
        if has("RESTREINT") || word.ends_with("ADAPTEER") { "oth-mult" } else { "oth-single" }
    } else if has("NEGOCI") {
        "neg-w-call"
    } else if has("RESTREINT") {
        "restricted"
    } else if has("OUVERT") {
        "open"
    } else {
        return None;
    })
}

/// Earlier notices by their number in the bulletin, and those of the EU's Official Journal as TED numbers them.
fn related(row: &Row<'_>, notice: &mut Notice) {
    let relation = match notice.stage {
        Stage::Result => Relation::Awards,
        Stage::Change => Relation::Changes,
        Stage::Cancellation => Relation::Cancels,
        Stage::Modification => Relation::Modifies,
        _ if notice.correction => Relation::Changes,
        _ => Relation::Previous,
    };
    let mut add = |id: String, evidence: &str| {
        if !id.is_empty() && !notice.related.iter().any(|known| known.id == id) {
            push_new(&mut notice.related, Related { id, relation, evidence: evidence.to_owned() });
        }
    };
    for id in all(row.flat, "annonce_lie").into_iter().filter_map(json::text) {
        for id in id.split([',', ';']) {
            add(id.trim().to_owned(), "annonce_lie");
        }
    }
    let mut earlier = Vec::new();
    for path in ["REFERENCE.ANNONCE_ANTERIEUR", "MARCHE.ANNONCE_ANTERIEUR", "MARCHE.ANNONCE_ANTERIEUR.REFERENCE"] {
        earlier.extend(all(row.gestion, path).into_iter().map(|value| (path, value)));
    }
    for path in ["RECTIF.ANNONCE_ANTERIEUR", "RECTIF.ANNONCE_ANTERIEUR.REFERENCE"] {
        earlier.extend(all(row.donnees, path).into_iter().map(|value| (path, value)));
    }
    for (path, value) in earlier {
        for id in all(value, "IDWEB").into_iter().filter_map(json::text) {
            add(id.into_owned(), path);
        }
    }
    for initial in simple::earlier(row.donnees) {
        add(initial, "avisInitial.idWeb");
    }
    let journals = [
        (row.gestion, "MARCHE.ANNONCE_ANTERIEUR.REFERENCE_PUBLICATION.PUBLICATION_JOUE"),
        (row.donnees, "RECTIF.ANNONCE_ANTERIEUR.REFERENCE_PUBLICATION.PUBLICATION_JOUE"),
        (row.donnees, "PUBLICATION_ANTERIEURE.REFERENCE_PUBLICATION.PUBLICATION_JOUE"),
    ];
    for (tree, path) in journals {
        for journal in all(tree, path) {
            let number = text_at(journal, "NUM_ANNONCE").and_then(|number| number.parse::<u32>().ok());
            let year = text_at(journal, "ANNEE").and_then(|year| year.parse::<u16>().ok());
            if let (Some(number), Some(year)) = (number, year) {
                add(format!("{number:08}-{year}"), path);
            }
        }
    }
}

/// Codes of the bulletin that have no field, by their path in `gestion`.
fn remaining(row: &Row<'_>, reading: &mut Reading) {
    let family =
        text_at(row.flat, "famille").or_else(|| code(row.gestion, "REFERENCE.TYPE_AVIS.FAMILLE").map(Cow::Borrowed));
    let kept = [
        ("REFERENCE.TYPE_AVIS.FAMILLE", family),
        ("REFERENCE.TYPE_AVIS.PERIMETRE", perimeter(row)),
        ("REFERENCE.TYPE_AVIS.NATURE", nature_of_notice(row)),
        (
            "INDEXATION.TYPE_PROCEDURE",
            text_at(row.flat, "type_procedure")
                .or_else(|| code(row.gestion, "INDEXATION.TYPE_PROCEDURE").map(Cow::Borrowed)),
        ),
        ("INDEXATION.SCHEMA", either(row, "source_schema", "INDEXATION.SCHEMA")),
        ("INDEXATION.DATE_FIN_DIFFUSION", either(row, "datefindiffusion", "INDEXATION.DATE_FIN_DIFFUSION")),
    ];
    for (path, value) in kept {
        if let Some(value) = value {
            reading.keep(path, value.as_ref());
        }
    }
    // BOAMP's own subject terms, which are not CPV.
    let descriptors = all(row.gestion, "INDEXATION.DESCRIPTEURS.DESCRIPTEUR");
    for descriptor in descriptors {
        let (code, label) = (text_at(descriptor, "CODE"), text_at(descriptor, "LIBELLE"));
        if let Some(code) = code {
            let label = label.unwrap_or_default();
            reading.keep_in_list("INDEXATION.DESCRIPTEURS", format!("{code} {label}").trim());
        }
    }
    let departments = all(row.gestion, "INDEXATION.DEP_PUBLICATION");
    let departments = if departments.is_empty() { all(row.flat, "code_departement") } else { departments };
    for department in departments.into_iter().filter_map(json::text) {
        for department in department.split(',') {
            reading.keep_in_list("INDEXATION.DEP_PUBLICATION", department.trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procedures_in_the_words_of_french_forms() {
        for (words, code) in [
            ("OUVERT", Some("open")),
            ("Appel d'offres restreint", Some("restricted")),
            ("NEGOCIE AVEC_PUB_PREALABLE", Some("neg-w-call")),
            ("NEGOCIE SANS_MISE_EN_CONCURRENCE", Some("neg-wo-call")),
            ("Procédure négociée ouverte", Some("neg-w-call")),
            ("Marché passé sans publicité ni mise en concurrence préalable", Some("neg-wo-call")),
            ("DIALOGUE_COMPETITIF", Some("comp-dial")),
            ("procedureAdapteeO", Some("oth-single")),
            ("procedureAdapteeR", Some("oth-mult")),
            ("PROCEDURE_ADAPTE", Some("oth-single")),
            ("Partenariat d'innovation", Some("innovation")),
            ("AUTRE", None),
        ] {
            assert_eq!(procedure_of_words(words), code, "{words}");
        }
    }

    #[test]
    fn references_that_were_escaped_twice_are_set_right() {
        assert_eq!(unescaped("D&#039;EXEMPLE &amp; Cie"), "D'EXEMPLE & Cie");
        assert_eq!(unescaped("R & D"), "R & D");
    }
}
