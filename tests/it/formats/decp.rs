//! DECP: every contract of the corpus, counted against plain paths (serde_json, roxmltree).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenderwatch::notice::{Notice, Stage};

use super::{Coverage, Found, assert_complete, count, document, entries};

fn files(corpus: &Path) -> Vec<PathBuf> {
    entries(&corpus.join("national/fr-decp"))
}

/// By the names of a contract's fields, wherever its kind puts them.
fn found(has: impl Fn(&str) -> bool) -> Found {
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    vec![
        ("id", has("id")),
        ("published_on", has("datePublicationDonnees")),
        ("buyers", any(&["acheteur", "acheteur.id", "autoriteConcedante"])),
        ("title", has("objet")),
        ("cpv", has("codeCPV")),
        ("value", any(&["montant", "valeurGlobale"])),
        ("awards", any(&["dateNotification", "dateSignature"])),
        ("suppliers", any(&["titulaires", "concessionnaires"])),
        ("modification", has("modifications")),
    ]
}

fn ours(notice: &Notice) -> Found {
    vec![
        ("id", notice.publication_id.is_some()),
        ("published_on", notice.published_on.is_some()),
        ("buyers", !notice.buyers.is_empty()),
        ("title", !notice.title.is_empty()),
        ("cpv", !notice.cpv.is_empty()),
        ("value", notice.awards.iter().any(|award| award.value.is_some())),
        ("awards", notice.awards.iter().any(|award| award.decided_on.is_some())),
        ("suppliers", !notice.suppliers.is_empty()),
        ("modification", notice.stage == Stage::Modification),
    ]
}

fn independent(path: &Path, text: &str) -> Vec<Found> {
    if path.extension().is_some_and(|e| e == "xml") {
        let tree = roxmltree::Document::parse(text).expect("well-formed");
        let contracts = tree.root_element().children().filter(roxmltree::Node::is_element);
        return contracts.map(|one| found(|name| one.children().any(|node| node.tag_name().name() == name))).collect();
    }
    let value: Value = serde_json::from_str(text).expect("JSON");
    let marches = &value["marches"];
    let lists = [marches, &marches["marche"], &marches["contrat-concession"]];
    let contracts = lists.into_iter().filter_map(Value::as_array).flatten();
    contracts
        .map(|one| {
            found(|name| one.get(name).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())))
        })
        .collect()
}

pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let mut table = Vec::new();
    for path in files(corpus) {
        let text = fs::read_to_string(&path).expect("UTF-8");
        let parsed = tenderwatch::formats::parse(&document("x", text.clone()), None).expect("DECP");
        let there = independent(&path, &text);
        assert_eq!(parsed.notices.len(), there.len(), "{}", path.display());
        for (notice, there) in parsed.notices.iter().zip(&there) {
            count(&mut table, "decp", there, &ours(notice));
        }
    }
    table
}

#[test]
fn every_contract_is_read() {
    let Some(corpus) = crate::corpus() else { return };
    let mut notices = 0;
    for path in files(&corpus) {
        let body = fs::read(&path).expect("readable");
        assert_eq!(tenderwatch::formats::sniff(&body).map(|format| format.name), Ok("decp"), "{}", path.display());
        let parsed = tenderwatch::formats::parse(&document("x", body), None).expect("readable");
        assert_eq!((parsed.records.quarantined, parsed.records.non_notice), (0, 0), "{}", path.display());
        notices += parsed.notices.len();
    }
    assert_eq!(notices, 14);
}

#[test]
fn fields_are_read_where_a_second_reader_finds_them() {
    let Some(corpus) = crate::corpus() else { return };
    assert_complete(&coverage(&corpus));
}
