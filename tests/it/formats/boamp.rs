//! BOAMP: every row and file of the corpus, counted against plain paths (serde_json, roxmltree).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenderwatch::notice::Notice;

use super::{Coverage, Found, assert_complete, count, document, entries};

/// Documents that are BOAMP's own: rendered pages and a third party's table are not.
fn files(corpus: &Path) -> Vec<PathBuf> {
    let mut found = entries(&corpus.join("national/fr-boamp"));
    found.retain(|path| matches!(path.extension().and_then(|e| e.to_str()), Some("xml" | "json")));
    found
}

fn of_xml(body: &str) -> Found {
    let tree = roxmltree::Document::parse(body).expect("well-formed");
    let has = |path: &str| {
        let mut nodes = vec![tree.root_element()];
        for step in path.split('/') {
            nodes =
                nodes.into_iter().flat_map(|node| node.children()).filter(|n| n.tag_name().name() == step).collect();
        }
        nodes.iter().any(|node| node.text().is_some_and(|text| !text.trim().is_empty()) || node.has_children())
    };
    let any = |paths: &[&str]| paths.iter().any(|path| has(path));
    vec![
        ("id", has("GESTION/REFERENCE/IDWEB")),
        ("published_on", has("GESTION/INDEXATION/DATE_PUBLICATION")),
        ("deadline", any(&["GESTION/INDEXATION/DATE_LIMITE_REPONSE", "DONNEES/CONDITION_DELAI/RECEPT_OFFRES"])),
        ("buyers", has("DONNEES/IDENTITE/DENOMINATION")),
        ("title", any(&["DONNEES/OBJET/TITRE_MARCHE", "GESTION/INDEXATION/RESUME_OBJET"])),
        ("description", has("DONNEES/OBJET/OBJET_COMPLET")),
        ("cpv", any(&["DONNEES/OBJET/CPV/PRINCIPAL", "DONNEES/OBJET/LOTS/LOT/CPV/PRINCIPAL"])),
        (
            "value",
            any(&[
                "DONNEES/OBJET/CARACTERISTIQUES/VALEUR_TOTALE",
                "DONNEES/OBJET/CARACTERISTIQUES/VALEUR_MAX",
                "DONNEES/OBJET/LOTS/LOT/VALEUR",
                "DONNEES/ATTRIBUTION/VALEUR_TOTALE",
                "DONNEES/ATTRIBUTION/DECISION/RENSEIGNEMENT/MONTANT",
            ]),
        ),
        ("lots", has("DONNEES/OBJET/LOTS/LOT")),
        ("awards", has("DONNEES/ATTRIBUTION")),
        ("suppliers", has("DONNEES/ATTRIBUTION/DECISION/TITULAIRE/DENOMINATION")),
    ]
}

fn of_row(fields: &Value) -> Found {
    let text = |key: &str| fields[key].as_str().is_some_and(|text| !text.is_empty());
    let donnees = fields["donnees"].as_str().expect("a string");
    let inside: Value = serde_json::from_str(donnees).expect("JSON inside JSON");
    let eforms = inside["EFORMS"].as_object().and_then(|map| map.values().next()).expect("eForms");
    let project = &eforms["cac:ProcurementProject"];
    vec![
        ("id", text("idweb")),
        ("published_on", text("dateparution")),
        ("deadline", text("datelimitereponse")),
        ("buyers", eforms.get("cac:ContractingParty").is_some()),
        ("title", project.get("cbc:Name").is_some()),
        ("description", project.get("cbc:Description").is_some()),
        ("cpv", project.get("cac:MainCommodityClassification").is_some()),
        ("value", donnees.contains("FrameworkMaximumAmount") || donnees.contains("EstimatedOverallContractAmount")),
        ("lots", eforms.get("cac:ProcurementProjectLot").is_some()),
        ("awards", donnees.contains("efac:LotResult")),
        ("suppliers", donnees.contains("efac:TenderingParty")),
    ]
}

fn ours(notice: &Notice) -> Found {
    let money = notice.estimated_value.is_some()
        || notice.framework_ceiling.is_some()
        || notice.awarded_value.is_some()
        || notice.lots.iter().any(|lot| lot.estimated_value.is_some() || lot.framework_ceiling.is_some())
        || notice.awards.iter().any(|award| award.value.is_some());
    vec![
        ("id", notice.publication_id.is_some()),
        ("published_on", notice.published_on.is_some()),
        ("deadline", notice.deadline.is_some()),
        ("buyers", !notice.buyers.is_empty()),
        ("title", !notice.title.is_empty()),
        ("description", !notice.description.is_empty()),
        ("cpv", !notice.cpv.is_empty()),
        ("value", money),
        ("lots", !notice.lots.is_empty()),
        ("awards", !notice.awards.is_empty()),
        ("suppliers", !notice.suppliers.is_empty()),
    ]
}

pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let mut table = Vec::new();
    for path in files(corpus) {
        let body = fs::read(&path).expect("readable");
        let parsed = tenderwatch::formats::parse(&document("x", body.clone()), None).expect("a BOAMP document");
        let text = String::from_utf8(body).expect("UTF-8");
        let found: Vec<Found> = if path.extension().is_some_and(|e| e == "xml") {
            vec![of_xml(&text)]
        } else {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let rows = value["records"].as_array().or(value["results"].as_array()).expect("rows");
            rows.iter().map(|row| of_row(row.get("fields").unwrap_or(row))).collect()
        };
        assert_eq!(parsed.notices.len(), found.len(), "{}", path.display());
        for (notice, there) in parsed.notices.iter().zip(&found) {
            count(&mut table, "boamp", there, &ours(notice));
        }
    }
    table
}

#[test]
fn every_document_of_the_bulletin_is_read() {
    let Some(corpus) = crate::corpus() else { return };
    let mut notices = 0;
    for path in files(&corpus) {
        let body = fs::read(&path).expect("readable");
        assert_eq!(tenderwatch::formats::sniff(&body).map(|format| format.name), Ok("boamp"), "{}", path.display());
        let parsed = tenderwatch::formats::parse(&document("x", body), None).expect("readable");
        assert_eq!((parsed.records.quarantined, parsed.records.non_notice), (0, 0), "{}", path.display());
        assert_eq!(parsed.records.read, parsed.records.notices);
        notices += parsed.notices.len();
        leaks_no_contact(&path, &parsed.notices);
    }
    assert_eq!(notices, 15);
}

/// Values of the elements that hold contact data, in files and in the strings of rows.
fn leaks_no_contact(path: &Path, notices: &[Notice]) {
    let text = fs::read_to_string(path).expect("UTF-8");
    let ours = serde_json::to_string(notices).expect("JSON");
    let names = ["CORRESPONDANT", "CONTACT", "TEL", "FAX", "MEL"];
    if let Ok(tree) = roxmltree::Document::parse(&text) {
        for node in tree.descendants().filter(|node| names.contains(&node.tag_name().name())) {
            let value = node.text().unwrap_or("").trim();
            // Some write an address of the Internet there.
            let person = value.len() >= 6 && !value.starts_with("www.") && !value.starts_with("http");
            assert!(!person || !ours.contains(value), "{}: {value}", path.display());
        }
        return;
    }
    for key in ["cbc:ElectronicMail", "cbc:Telephone", "cbc:Telefax"] {
        for rest in text.split(&format!("\\\"{key}\\\": \\\"")).skip(1) {
            let value = rest.split("\\\"").next().unwrap_or("");
            assert!(value.len() > 5 && !ours.contains(value), "{key}: {value}");
        }
    }
}

#[test]
fn fields_are_read_where_a_second_reader_finds_them() {
    let Some(corpus) = crate::corpus() else { return };
    assert_complete(&coverage(&corpus));
}
