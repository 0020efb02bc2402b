//! eForms as national publishers write it: Norway's notices, and the doors that are no plain UBL document.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::{Map, Value, json};

use tenderwatch::notice::Notice;

use super::{Coverage, assert_complete, count, document, one, parse, synthetic};

pub fn body(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("readable");
    if path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("gzip");
        return plain;
    }
    bytes
}

/// Norway's notices in the corpus.
pub fn norway(corpus: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(corpus.join("national/no-doffin")).expect("a folder");
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.to_string_lossy().contains(".xml"));
    found.sort();
    found
}

/// By local names alone; the other test compares value by value.
fn published(root: roxmltree::Node<'_, '_>) -> Vec<(&'static str, bool)> {
    let within = |parents: &[&str], names: &[&str]| {
        root.descendants().any(|node| {
            names.contains(&node.tag_name().name())
                && node.text().is_some_and(|text| !text.trim().is_empty())
                && (parents.is_empty() || node.parent().is_some_and(|p| parents.contains(&p.tag_name().name())))
        })
    };
    let is_there = |name: &str| root.descendants().any(|node| node.tag_name().name() == name);
    vec![
        ("id", within(&["ContractNotice", "ContractAwardNotice", "PriorInformationNotice"], &["ID"])),
        ("published_on", within(&["Publication"], &["PublicationDate"])),
        ("deadline", within(&["TenderSubmissionDeadlinePeriod", "ParticipationRequestReceptionPeriod"], &["EndDate"])),
        ("buyers", is_there("ContractingParty")),
        ("title", within(&["ProcurementProject"], &["Name"])),
        ("description", within(&["ProcurementProject"], &["Description"])),
        ("cpv", within(&[], &["ItemClassificationCode"])),
        ("lots", is_there("ProcurementProjectLot")),
        ("awards", is_there("LotResult")),
    ]
}

fn ours(notice: &Notice) -> Vec<(&'static str, bool)> {
    vec![
        ("id", notice.publication_id.is_some() || notice.notice_uuid.is_some()),
        ("published_on", notice.published_on.is_some()),
        ("deadline", notice.deadline.is_some()),
        ("buyers", !notice.buyers.is_empty()),
        ("title", !notice.title.is_empty()),
        // Some describe their lots alone.
        ("description", !notice.description.is_empty() || notice.lots.iter().any(|lot| !lot.description.is_empty())),
        ("cpv", !notice.cpv.is_empty()),
        ("lots", !notice.lots.is_empty()),
        ("awards", !notice.awards.is_empty()),
    ]
}

/// eForms of national publishers.
pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let mut table = Vec::new();
    for path in norway(corpus) {
        let body = body(&path);
        let tree = roxmltree::Document::parse(std::str::from_utf8(&body).expect("UTF-8")).expect("well-formed");
        let parsed = parse(body.clone()).expect("readable");
        count(&mut table, "eforms", &published(tree.root_element()), &ours(&parsed.notices[0]));
    }
    table
}

#[test]
fn fields_are_read_where_a_second_reader_finds_them() {
    let Some(corpus) = crate::corpus() else { return };
    assert_complete(&coverage(&corpus));
}

#[test]
fn every_notice_of_doffin_is_read_under_an_id_of_its_own() {
    let Some(corpus) = crate::corpus() else { return };
    let mut ids = HashSet::new();
    let mut files = 0;
    for path in norway(&corpus) {
        files += 1;
        let parsed = tenderwatch::formats::parse(&document("x", body(&path)), None).expect("readable");
        let notice = &parsed.notices[0];
        assert_eq!((parsed.notices.len(), parsed.issues.len()), (1, 0), "{}", path.display());
        assert!(ids.insert(notice.id.clone()), "{} twice", notice.id.as_str());
        for code in ["unknown-dialect", "unknown-stage", "missing-buyer", "missing-title"] {
            let found = notice.issues.iter().find(|issue| issue.code.as_str() == code);
            assert!(found.is_none(), "{}: {found:?}", path.display());
        }
        assert!(!notice.title.is_empty() && !notice.buyers.is_empty(), "{}", path.display());
        assert!(notice.url.is_none() || !notice.id.as_str().contains("n.a."), "{}", path.display());
    }
    assert_eq!(files, 62);
}

/// Files of other publishers, also line by line, are none of these formats.
#[test]
fn other_publishers_documents_are_not_claimed() {
    let Some(corpus) = crate::corpus() else { return };
    let mut open = vec![corpus.join("national"), corpus.join("ocds"), corpus.join("plans"), corpus.join("projects")];
    let mut looked_at = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        if ["fr-boamp", "fr-decp", "no-doffin", "eforms-sdk-examples"].iter().any(|own| name.contains(own)) {
            continue;
        }
        let body = body(&path);
        let lines: Vec<&[u8]> =
            if name.contains(".jsonl") { body.split(|byte| *byte == b'\n').step_by(50).collect() } else { vec![&body] };
        for document in lines {
            for format in ["boamp", "decp", "eforms"].map(|name| tenderwatch::formats::find(name).expect("a format")) {
                assert!(!(format.sniff)(document), "{name} is not {}", format.name);
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 100);
}

/// Any UBL document as JSON, by a walk of its own: prefix and local name, `@` for attributes, `#text` beside them.
fn as_json(node: roxmltree::Node<'_, '_>) -> Value {
    let mut map = Map::new();
    for attribute in node.attributes().filter(|attribute| attribute.namespace().is_none()) {
        map.insert(format!("@{}", attribute.name()), Value::from(attribute.value()));
    }
    for child in node.children().filter(roxmltree::Node::is_element) {
        let space = child.tag_name().namespace();
        let prefix = space.and_then(|space| node.lookup_prefix(space)).filter(|prefix| !prefix.is_empty());
        let name = prefix.map_or(child.tag_name().name().to_owned(), |p| format!("{p}:{}", child.tag_name().name()));
        let value = as_json(child);
        match map.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = json!([one.take(), value]),
            None => {
                map.insert(name, value);
            }
        }
    }
    let text: String = node.children().filter(roxmltree::Node::is_text).filter_map(|child| child.text()).collect();
    let text = text.trim();
    if map.is_empty() {
        return Value::from(text);
    }
    if !text.is_empty() {
        map.insert("#text".to_owned(), Value::from(text));
    }
    Value::Object(map)
}

/// The same notice through every door is the same notice.
#[test]
fn doors_do_not_change_a_notice() {
    let Some(corpus) = crate::corpus() else { return };
    let all = super::archive(&corpus.join("ted/eforms.tar.gz"));
    let mut through_json = 0;
    for (name, body) in all.iter().step_by(20) {
        let plain = parse(body.clone()).expect("readable");
        let Some(expected) = plain.notices.first() else { continue };
        let text = std::str::from_utf8(body).expect("UTF-8");
        let options = roxmltree::ParsingOptions { nodes_limit: 2_000_000, ..Default::default() };
        let tree = roxmltree::Document::parse_with_options(text, options).expect("well-formed");
        let root = tree.root_element();
        let start = text.find(&format!("<{}", root.tag_name().name()));

        let encoded = base64::engine::general_purpose::STANDARD.encode(body);
        let base64 = json!({ "noticeId": 7, "eForm": encoded }).to_string();
        let mut documents = vec![("base64", base64, 1)];
        if let Some(start) = start {
            let twice = format!("<OPEN-DATA>{}\n{}<other/></OPEN-DATA>", &text[start..], &text[start..]);
            documents.push(("wrapper", twice, 2));
        }
        if start.is_some()
            && root.lookup_prefix("urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2") == Some("cbc")
        {
            let json = json!({ root.tag_name().name(): as_json(root) }).to_string();
            documents.push(("json", json, 1));
            documents.push(("urn:boamp:", text.replace("urn:oasis:names", "urn:boamp:names"), 1));
            through_json += 1;
        }
        for (door, document, notices) in documents {
            let mut parsed = parse(document).unwrap_or_else(|error| panic!("{name} by {door}: {error}"));
            assert_eq!(parsed.notices.len(), notices, "{name} by {door}");
            let mut found = parsed.notices.remove(0);
            found.raw_id = expected.raw_id;
            if door == "json" {
                // Siblings of different names lose their order in JSON; paths do not change.
                assert_eq!(&found, expected, "{name} by {door}");
            } else if door == "wrapper" {
                found.issues.clear();
                let mut expected = expected.clone();
                expected.issues.clear();
                assert_eq!(found, expected, "{name} by {door}");
                assert_eq!((parsed.records.read, parsed.records.quarantined), (3, 1), "{name}");
            } else {
                assert_eq!(&found, expected, "{name} by {door}");
            }
        }
    }
    assert!(through_json > 10);
}

#[test]
fn a_broken_record_of_a_wrapper_costs_nothing_but_itself() {
    let good = synthetic("<cbc:VersionID>02</cbc:VersionID>");
    let wrapped = format!(
        "<?xml version='1.0'?><OPEN-DATA>\n{good}<ContractNotice xmlns='urn:x'>&nbsp;</ContractNotice>{good}</OPEN-DATA>"
    );
    let parsed = parse(wrapped).expect("the wrapper is readable");
    assert_eq!((parsed.records.read, parsed.records.notices, parsed.records.quarantined), (3, 2, 1));
    assert_eq!(parsed.issues[0].path, "/OPEN-DATA/*[2]");

    let cut = parse(format!("<OPEN-DATA>{good}<ContractNotice>")).expect("what came before is readable");
    assert_eq!((cut.records.notices, cut.records.quarantined), (1, 1));
}

#[test]
fn numbers_that_are_none_do_not_become_ids() {
    let eforms = "http://data.europa.eu/p27/eforms-ubl-extension";
    let publication = |id: &str| {
        format!(
            "<x:UBLExtensions xmlns:x='urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2'>\
             <x:UBLExtension><x:ExtensionContent><e:EformsExtension xmlns:e='http://data.europa.eu/p27/eforms-ubl-extensions/1'>\
             <a:Publication xmlns:a='{eforms}-aggregate-components/1'><b:NoticePublicationID xmlns:b='{eforms}-basic-components/1'>{id}</b:NoticePublicationID></a:Publication>\
             </e:EformsExtension></x:ExtensionContent></x:UBLExtension></x:UBLExtensions>"
        )
    };
    let notice = one(synthetic(&format!("{}<cbc:VersionID>01</cbc:VersionID>", publication("n.a."))));
    assert_eq!((notice.id.as_str(), notice.publication_id), ("eu-ted/u-01", None));
    let norway = "<cbc:CustomizationID>eforms-sdk-1.7#urn:fdc:anskaffelser.no:2023:eforms:eu</cbc:CustomizationID>";
    let converted = synthetic(&format!("{}{norway}", publication("2023/S 193-601506"))).replace(">u<", ">2023-123456<");
    let notice = one(converted);
    assert_eq!((notice.id.as_str(), notice.notice_uuid), ("eu-ted/2023-123456", None));
    assert_eq!(notice.extra["OPP-010"], "2023/S 193-601506");
}
