//! CORDIS and Funding & Tenders: every record of the corpus, compared with a second reader.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use tenderwatch::formats::{self, Parsed};
use tenderwatch::notice::{Notice, Stage};
use tenderwatch::records::RecordCounts;

use super::{Coverage, assert_complete, document};

fn unzipped(path: &Path) -> Vec<u8> {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).expect("a file")).read_to_end(&mut body).expect("a whole file");
    body
}

/// Every line of the files of `projects/` whose name begins so.
fn lines(corpus: &Path, start: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in super::entries(&corpus.join("projects")) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.starts_with(start) && name.ends_with(".jsonl.gz") {
            found.extend(String::from_utf8(unzipped(&path)).expect("UTF-8").lines().map(str::to_owned));
        }
    }
    found
}

fn read(format: &str, name: &str, body: &[u8]) -> Parsed {
    assert_eq!(formats::sniff(body).map(|format| format.name), Ok(format), "{name}");
    formats::parse(&document(name, body.to_vec()), None).expect("a real record is read")
}

type Check<T> = (&'static str, fn(&T) -> bool, fn(&Notice) -> bool);

fn has(value: &Value, name: &str) -> bool {
    match value.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    }
}

const PROJECTS: &[Check<Value>] = &[
    ("id", |v| has(v, "id"), |n| n.publication_id.is_some()),
    ("title", |v| has(v, "title"), |n| !n.title.is_empty()),
    ("description", |v| has(v, "objective"), |n| !n.description.is_empty()),
    ("value", |v| has(v, "ecMaxContribution"), |n| n.estimated_value.is_some()),
    ("version", |v| has(v, "contentUpdateDate"), |n| n.version.is_some() && n.dispatched_at.is_some()),
    ("start", |v| has(v, "startDate"), |n| n.extra.contains_key("startDate")),
    ("end", |v| has(v, "endDate"), |n| n.extra.contains_key("endDate")),
    ("topics", |v| has(v, "topic"), |n| !n.related.is_empty()),
    ("legal basis", |v| has(v, "legalBasis"), |n| n.eu_funding.as_ref().is_some_and(|f| !f.programmes.is_empty())),
    (
        "buyers",
        |v| {
            let partners = v["organizations"].as_array().map_or(&[][..], Vec::as_slice);
            partners.iter().any(|one| one["activity"] == "PUB" && one["terminated"] != "true")
                || v["coordinator"]["activity"] == "PUB"
        },
        |n| !n.buyers.is_empty(),
    ),
    ("countries", |v| has(v, "organizations") || has(v, "countries"), |n| !n.places.is_empty()),
];

const CALLS: &[Check<Value>] = &[
    ("id", |v| has(v, "topicId"), |n| n.publication_id.is_some()),
    ("title", |v| has(v, "title"), |n| !n.title.is_empty()),
    ("description", |v| has(v, "description") || has(v, "objectives"), |n| !n.description.is_empty()),
    ("deadline", |v| has(v, "deadline"), |n| n.deadline.is_some()),
    ("url", |v| has(v, "portalUrl"), |n| n.url.is_some()),
    ("programme", |v| has(v, "programme"), |n| n.eu_funding.as_ref().is_some_and(|f| !f.programmes.is_empty())),
    ("documents", |v| has(v, "documentsUrl"), |n| n.documents_url.is_some()),
    ("status", |v| has(v, "callStatus"), |n| n.extra.contains_key("callStatus")),
];

fn count<T>(found: &mut [Coverage], checks: &[Check<T>], record: &T, notice: &Notice) {
    for (line, (_, there, ours)) in found.iter_mut().zip(checks) {
        if there(record) {
            line.there += 1;
            line.read += usize::from(ours(notice));
        }
    }
}

fn table<T>(format: &'static str, checks: &[Check<T>]) -> Vec<Coverage> {
    checks.iter().map(|(field, _, _)| Coverage { format, field, there: 0, read: 0, why: "" }).collect()
}

fn filled(root: roxmltree::Node<'_, '_>, path: &str) -> bool {
    let mut nodes = vec![root];
    for name in path.split('/') {
        nodes = nodes.iter().flat_map(roxmltree::Node::children).filter(|node| node.has_tag_name(name)).collect();
    }
    nodes.iter().any(|node| node.text().is_some_and(|text| !text.trim().is_empty()))
}

fn public_bodies(root: roxmltree::Node<'_, '_>) -> usize {
    let child = |node: &roxmltree::Node<'_, '_>, name: &str| node.has_tag_name(name);
    let associations = root
        .children()
        .filter(|n| child(n, "relations"))
        .flat_map(|n| n.children())
        .filter(|n| child(n, "associations"));
    let organisations = associations.flat_map(|n| n.children()).filter(|n| child(n, "organization"));
    let public = organisations.filter(|n| n.attribute("terminated") != Some("true")).filter(|n| {
        n.descendants().any(|c| {
            c.attribute("classification") == Some("organizationActivityType")
                && c.children().any(|code| code.has_tag_name("code") && code.text() == Some("/PUB"))
        })
    });
    public.count()
}

pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let mut found = table("cordis", PROJECTS);
    for line in lines(corpus, "cordis-he-").iter().filter(|line| !line.contains("\"changes\":{")) {
        let parsed = read("cordis", "line", line.as_bytes());
        let value: Value = serde_json::from_str(line).expect("JSON");
        count(&mut found, PROJECTS, &value, &parsed.notices[0]);
    }
    let mut calls = table("funding-tenders", CALLS);
    for line in lines(corpus, "ft-open-calls") {
        let parsed = read("funding-tenders", "line", line.as_bytes());
        let value: Value = serde_json::from_str(&line).expect("JSON");
        count(&mut calls, CALLS, &value, &parsed.notices[0]);
    }
    found.append(&mut calls);
    let checks: [(&str, fn(&Notice) -> bool, &str); 7] = [
        ("id (XML)", |n| n.publication_id.is_some(), "id"),
        ("title (XML)", |n| !n.title.is_empty(), "title"),
        ("description (XML)", |n| !n.description.is_empty(), "objective"),
        ("value (XML)", |n| n.estimated_value.is_some(), "ecMaxContribution"),
        ("published_on (XML)", |n| n.published_on.is_some(), "contentCreationDate"),
        ("countries (XML)", |n| !n.places.is_empty(), "relations/associations/organization/address/country"),
        ("topics (XML)", |n| !n.related.is_empty(), "relations/associations/programme/code"),
    ];
    for (field, ours, path) in checks {
        let mut line = Coverage { format: "cordis", field, there: 0, read: 0, why: "" };
        for file in super::entries(&corpus.join("projects/cordis-xml")) {
            let body = unzipped(&file);
            let parsed = read("cordis", "xml", &body);
            let tree = roxmltree::Document::parse(std::str::from_utf8(&body).expect("UTF-8")).expect("well-formed");
            if filled(tree.root_element(), path) {
                line.there += 1;
                line.read += usize::from(ours(&parsed.notices[0]));
            }
        }
        found.push(line);
    }
    found
}

#[test]
fn every_record_of_the_corpus_is_accounted_for() {
    let Some(corpus) = crate::corpus() else { return };
    let mut cordis = RecordCounts::default();
    for line in lines(&corpus, "cordis-he-") {
        cordis.add(&read("cordis", "line", line.as_bytes()).records);
    }
    for file in super::entries(&corpus.join("projects/cordis-xml")) {
        let body = unzipped(&file);
        let parsed = read("cordis", &file.display().to_string(), &body);
        let tree = roxmltree::Document::parse(std::str::from_utf8(&body).expect("UTF-8")).expect("well-formed");
        let [notice] = &parsed.notices[..] else { panic!("{}: one project", file.display()) };
        assert_eq!(notice.stage, Stage::Project);
        assert!(notice.buyers.len() <= public_bodies(tree.root_element()), "{}", file.display());
        assert_eq!(notice.buyers.is_empty(), public_bodies(tree.root_element()) == 0, "{}", file.display());
        cordis.add(&parsed.records);
    }
    eprintln!("cordis: {cordis:?}");
    let mut calls = RecordCounts::default();
    for line in lines(&corpus, "ft-open-calls").iter().chain(&lines(&corpus, "ft-closed-topic-ids")) {
        calls.add(&read("funding-tenders", "line", line.as_bytes()).records);
    }
    eprintln!("funding-tenders: {calls:?}");
    assert_eq!((cordis.quarantined, calls.quarantined), (0, 0));
    assert!(cordis.notices > 0 && calls.notices > 0);
}

#[test]
fn nothing_that_the_second_reader_finds_is_missing() {
    let Some(corpus) = crate::corpus() else { return };
    assert_complete(&coverage(&corpus));
}
