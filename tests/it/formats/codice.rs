//! CODICE: every page of the corpus, every entry accounted for, compared with a second reader.

use std::fs;
use std::io::Read;
use std::path::Path;

use roxmltree::Node;
use tenderwatch::formats::{self, Parsed};
use tenderwatch::notice::Notice;

use super::{Coverage, assert_complete, document};

/// Name and bytes of every page in the corpus.
fn pages(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in super::entries(&corpus.join("national/es-placsp")) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut body = Vec::new();
        if name.ends_with(".atom.gz") {
            let file = fs::File::open(&path).expect("a readable page");
            flate2::read::GzDecoder::new(file).read_to_end(&mut body).expect("a whole page");
        } else if path.extension().is_some_and(|extension| extension == "atom" || extension == "xml") {
            body = fs::read(&path).expect("a readable page");
        } else {
            continue;
        }
        found.push((name, body));
    }
    found
}

fn filled(node: Node<'_, '_>, path: &str) -> bool {
    children_owned(node, path).iter().any(|text| !text.is_empty())
}

fn children_owned(node: Node<'_, '_>, path: &str) -> Vec<String> {
    let mut nodes = vec![node];
    for name in path.split('/') {
        nodes =
            nodes.iter().flat_map(roxmltree::Node::children).filter(|child| child.tag_name().name() == name).collect();
    }
    nodes.iter().map(|node| node.text().unwrap_or("").trim().to_owned()).collect()
}

/// What the second reader sees of one field, and whether the notice has it.
type Check = (&'static str, fn(Node<'_, '_>) -> bool, fn(&Notice) -> bool);

const CHECKS: &[Check] = &[
    ("id", |e| filled(e, "id"), |n| n.publication_id.is_some()),
    ("version", |e| filled(e, "updated"), |n| n.version.is_some() && n.dispatched_at.is_some()),
    (
        "published_on",
        |e| {
            let info = "ContractFolderStatus/ValidNoticeInfo";
            let status = "AdditionalPublicationStatus/AdditionalPublicationDocumentReference/IssueDate";
            filled(e, &format!("{info}/{status}")) || filled(e, &format!("{info}/NoticeIssueDate"))
        },
        |n| n.published_on.is_some(),
    ),
    (
        "deadline",
        |e| {
            let process = "ContractFolderStatus/TenderingProcess";
            filled(e, &format!("{process}/TenderSubmissionDeadlinePeriod/EndDate"))
                || filled(e, &format!("{process}/ParticipationRequestReceptionPeriod/EndDate"))
        },
        |n| n.deadline.is_some(),
    ),
    (
        "buyers",
        |e| filled(e, "ContractFolderStatus/LocatedContractingParty/Party/PartyName/Name"),
        |n| n.buyers.iter().any(|buyer| buyer.name.is_some()),
    ),
    (
        "buyer id",
        |e| filled(e, "ContractFolderStatus/LocatedContractingParty/Party/PartyIdentification/ID"),
        |n| n.buyers.iter().any(|buyer| buyer.id.is_some()),
    ),
    ("title", |e| filled(e, "ContractFolderStatus/ProcurementProject/Name"), |n| !n.title.is_empty()),
    (
        "description",
        |e| {
            filled(e, "ContractFolderStatus/ProcurementProject/Description")
                || children_owned(e, "summary").iter().any(|text| {
                    let text = text.to_lowercase();
                    !text.starts_with("id licitación") && !text.starts_with("número de expediente")
                })
        },
        |n| !n.description.is_empty(),
    ),
    (
        "cpv",
        |e| filled(e, "ContractFolderStatus/ProcurementProject/RequiredCommodityClassification/ItemClassificationCode"),
        |n| !n.cpv.is_empty(),
    ),
    (
        "value",
        |e| {
            ["EstimatedOverallContractAmount", "TaxExclusiveAmount", "TotalAmount"]
                .iter()
                .any(|name| filled(e, &format!("ContractFolderStatus/ProcurementProject/BudgetAmount/{name}")))
        },
        |n| n.estimated_value.is_some(),
    ),
    (
        "places",
        |e| filled(e, "ContractFolderStatus/ProcurementProject/RealizedLocation/CountrySubentityCode"),
        |n| n.places.iter().any(|place| place.nuts.is_some()),
    ),
    (
        "procedure type",
        |e| {
            children_owned(e, "ContractFolderStatus/TenderingProcess/ProcedureCode")
                .iter()
                .any(|code| !matches!(code.as_str(), "8" | "100" | "999"))
        },
        |n| n.procedure_type.is_some(),
    ),
    ("lots", |e| filled(e, "ContractFolderStatus/ProcurementProjectLot/ID"), |n| !n.lots.is_empty()),
    ("awards", |e| filled(e, "ContractFolderStatus/TenderResult/ResultCode"), |n| !n.awards.is_empty()),
    (
        "suppliers",
        |e| filled(e, "ContractFolderStatus/TenderResult/WinningParty/PartyName/Name"),
        |n| !n.suppliers.is_empty(),
    ),
    (
        "awarded value",
        |e| filled(e, "ContractFolderStatus/TenderResult/AwardedTenderedProject/LegalMonetaryTotal/TaxExclusiveAmount"),
        |n| n.awards.iter().any(|award| award.value.is_some()),
    ),
];

fn read(name: &str, body: &[u8]) -> Parsed {
    assert_eq!(formats::sniff(body).map(|format| format.name), Ok("codice"), "{name}");
    formats::parse(&document(name, body.to_vec()), None).expect("a real page is read")
}

pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let why = |field| if field == "deadline" { "the day 2125-12-31 stands for none" } else { "" };
    let line = |field| Coverage { format: "codice", field, there: 0, read: 0, why: why(field) };
    let mut found: Vec<Coverage> = CHECKS.iter().map(|(field, _, _)| line(*field)).collect();
    for (name, body) in pages(corpus) {
        let parsed = read(&name, &body);
        let text = String::from_utf8_lossy(&body);
        let options = roxmltree::ParsingOptions { nodes_limit: 4_000_000, ..Default::default() };
        let tree = roxmltree::Document::parse_with_options(&text, options).expect("the corpus is well-formed");
        let entries: Vec<Node<'_, '_>> = tree.descendants().filter(|node| node.tag_name().name() == "entry").collect();
        assert_eq!(entries.len(), parsed.notices.len(), "{name}: one notice per entry");
        for (entry, notice) in entries.into_iter().zip(&parsed.notices) {
            for (line, (_, there, ours)) in found.iter_mut().zip(CHECKS) {
                if there(entry) {
                    line.there += 1;
                    line.read += usize::from(ours(notice));
                }
            }
        }
    }
    found
}

#[test]
fn every_entry_of_the_corpus_is_accounted_for() {
    let Some(corpus) = crate::corpus() else { return };
    let mut sum = tenderwatch::records::RecordCounts::default();
    for (name, body) in pages(&corpus) {
        let parsed = read(&name, &body);
        assert_eq!(parsed.records.read, parsed.records.notices + parsed.records.non_notice, "{name}");
        let tree = roxmltree::Document::parse(std::str::from_utf8(&body).expect("UTF-8")).expect("well-formed");
        let gone = tree.descendants().filter(|node| node.tag_name().name() == "deleted-entry").count();
        let findings = parsed.issues.iter().filter(|issue| issue.code.as_str() == "deleted-entry").count();
        assert_eq!(findings, gone, "{name}: no reference of a tombstone is lost");
        let json = serde_json::to_string(&parsed.notices).expect("JSON");
        for contact in tree.descendants().filter(|node| matches!(node.tag_name().name(), "ElectronicMail" | "email")) {
            let contact = contact.text().unwrap_or("").trim();
            assert!(contact.len() < 6 || !json.contains(contact), "{name}: contact data");
        }
        sum.add(&parsed.records);
    }
    eprintln!("codice: {sum:?}");
    assert!(sum.read > 0 && sum.quarantined == 0);
}

#[test]
fn nothing_that_the_second_reader_finds_is_missing() {
    let Some(corpus) = crate::corpus() else { return };
    assert_complete(&coverage(&corpus));
}
