//! Definitions of sources: golden documents, the real corpus, and what recognises what.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tenderwatch::definitions::Definitions;
use tenderwatch::formats::{ParseError, Parsed, Reader, Readers};
use tenderwatch::ids::SourceId;
use tenderwatch::source;

use super::{Coverage, document, entries};

fn readers() -> &'static Readers {
    static READERS: OnceLock<Readers> = OnceLock::new();
    READERS.get_or_init(|| source::readers(&source::load(&Definitions::default()).expect("valid definitions")))
}

fn read(name: &str, body: Vec<u8>) -> Result<(String, Parsed), ParseError> {
    let mut document = document(name, body);
    let reader = readers().sniff(&document.body)?;
    if let Reader::Mapped(mapping) = &reader {
        document.origin.source = SourceId::new(&mapping.source);
    }
    let (_, parsed) = readers().parse(&document, Some(&reader))?;
    Ok((reader.name().to_owned(), parsed))
}

/// `tests/fixtures/sources/<source>/<what-it-shows>.<ext>` → `.expected.json`; `UPDATE_GOLDEN=1` writes them anew.
#[test]
fn golden_documents_of_sources_hold() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources");
    let mut different = Vec::new();
    for folder in entries(&folder).into_iter().filter(|path| path.is_dir()) {
        let source = folder.file_name().expect("a name").to_string_lossy().into_owned();
        for input in entries(&folder) {
            if input.to_string_lossy().ends_with(".expected.json") {
                continue;
            }
            let (reader, parsed) = read("fixture", fs::read(&input).expect("readable"))
                .unwrap_or_else(|error| panic!("{}: {error}", input.display()));
            assert_eq!(reader, format!("mapped:{source}"), "{}", input.display());
            let text = serde_json::to_string_pretty(&parsed.notices).expect("JSON");
            assert!(!text.contains("@example.org"), "{}: an e-mail address", input.display());
            let value = serde_json::json!({
                "notices": parsed.notices, "issues": parsed.issues, "records": parsed.records,
            });
            let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
            let golden = input.with_extension("expected.json");
            if update {
                fs::write(&golden, text).expect("writable fixtures");
            } else if fs::read_to_string(&golden).ok().as_deref() != Some(&text) {
                different.push(format!("{}: now reads\n{text}", input.display()));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Folders of the corpus that a definition reads, and how many records are no notice there.
const FOLDERS: &[(&str, &str)] = &[
    ("bg-eop", "mapped:bg-eop"),
    ("ch-simap", "mapped:ch-simap"),
    ("cz-nen", "mapped:cz-nen"),
    ("gr-diavgeia", "mapped:gr-diavgeia"),
    ("pl-bzp", "mapped:pl-bzp"),
    ("ro-seap", "mapped:ro-seap"),
    ("us-sam", "mapped:us-sam"),
];

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("TENDERWATCH_CORPUS").map_or_else(|| PathBuf::from("../shared/corpus"), PathBuf::from);
    path.join("national").is_dir().then_some(path)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in entries(folder) {
        let mut body = fs::read(&path).expect("readable");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if body.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).expect("gzip");
            body = plain;
        }
        found.push((name, body));
    }
    found
}

#[test]
fn every_record_of_the_corpus_is_accounted_for() {
    let Some(corpus) = corpus() else {
        eprintln!("no corpus here");
        return;
    };
    let mut wrong = Vec::new();
    for (folder, expected) in FOLDERS {
        let mut counts = (0, 0, 0);
        for (name, body) in files(&corpus.join("national").join(folder)) {
            match read(&name, body) {
                Ok((reader, parsed)) => {
                    if reader != *expected {
                        wrong.push(format!("{folder}/{name}: read by {reader}"));
                    }
                    let records = &parsed.records;
                    counts = (counts.0 + records.read, counts.1 + records.notices, counts.2 + records.quarantined);
                    for issue in parsed.issues {
                        wrong.push(format!("{folder}/{name}: {issue:?}"));
                    }
                }
                Err(error) => wrong.push(format!("{folder}/{name}: {error}")),
            }
        }
        eprintln!("{folder}: {} records, {} notices, {} quarantined", counts.0, counts.1, counts.2);
        assert!(counts.0 > 0, "{folder}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_place_of_every_field_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources/us-sam/solicitation-and-award.json");
    let body = fs::read(path).expect("readable");
    let Some(Reader::Mapped(mapping)) = readers().find("us-sam") else { panic!("a mapping") };
    let traced = mapping.trace(&document("x", body)).expect("readable");
    assert_eq!(traced.len(), 2, "the third row has no stage");
    let has = |field: &str, place: &str| traced[1].1.contains(&(field.to_owned(), place.to_owned()));
    assert!(has("title", "opportunitiesData[1].title"), "{:?}", traced[1]);
    assert!(has("awards.value", "opportunitiesData[1].award.amount"), "{:?}", traced[1]);
}

#[test]
fn rows_are_not_cut_and_parts_that_are_leave_a_finding() {
    let row = |number: usize, award: serde_json::Value| {
        let id = format!("n-{number}");
        serde_json::json!({ "noticeId": id, "title": "Boots", "type": "Award Notice", "award": award })
    };
    let award = |number: usize| serde_json::json!({ "number": format!("c-{number}"), "amount": "12.50" });
    let mut rows: Vec<_> = (0..12_000).map(|number| row(number, award(0))).collect();
    rows.push(row(12_000, (0..2100).map(award).collect()));
    let body = serde_json::json!({ "totalRecords": rows.len(), "opportunitiesData": rows }).to_string();
    let (reader, parsed) = read("many", body.into_bytes()).expect("readable");
    assert_eq!((reader.as_str(), parsed.notices.len(), parsed.records.read), ("mapped:us-sam", 12_001, 12_001));
    let last = &parsed.notices[12_000];
    assert_eq!(last.awards.len(), 2000);
    let cut: Vec<_> = last.issues.iter().filter(|issue| issue.code.as_str() == "truncated").collect();
    assert_eq!(cut.len(), 1, "{cut:?}");
    assert!(parsed.notices[..12_000].iter().all(|notice| notice.issues.iter().all(|i| i.code.as_str() != "truncated")));
}

#[test]
fn what_no_definition_knows_is_named_and_a_forced_one_refuses() {
    let error = read("x", b"{\"nobody\": 1}".to_vec()).expect_err("unknown");
    assert!(matches!(error.code(), "not-xml" | "unsupported-format"), "{error}");
    let reader = readers().find("pl-bzp").expect("by its source");
    let error = readers().parse(&document("x", &b"{\"nobody\": 1}"[..]), Some(&reader)).expect_err("refused");
    assert_eq!(error.code(), "not-this-format");
}

fn rows(value: &serde_json::Value, at: &str) -> Vec<serde_json::Value> {
    let found = if at.is_empty() { Some(value) } else { value.get(at) };
    found.and_then(|rows| rows.as_array()).cloned().unwrap_or_default()
}

/// Plain key counts against what notices have.
pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    type Has = fn(&tenderwatch::notice::Notice) -> bool;
    let plans: &[(&'static str, &str, &str, &[(&'static str, &str, Has)])] = &[
        (
            "mapped:pl-bzp",
            "pl-bzp",
            "",
            &[
                ("id", "/bzpNumber", |n| n.publication_id.is_some()),
                ("published_on", "/publicationDate", |n| n.published_on.is_some()),
                ("deadline", "/submittingOffersDate", |n| n.deadline.is_some()),
                ("buyers", "/organizationName", |n| !n.buyers.is_empty()),
                ("title", "/orderObject", |n| !n.title.is_empty()),
                ("cpv", "/cpvCode", |n| !n.cpv.is_empty()),
            ],
        ),
        (
            "mapped:bg-eop",
            "bg-eop",
            "CurrentPageResults",
            &[
                ("title", "/TenderName", |n| !n.title.is_empty()),
                ("value", "/EstimatedValue", |n| n.estimated_value.is_some()),
                ("awards", "/ContractNumber", |n| !n.awards.is_empty()),
                ("buyers", "/BuyerName", |n| !n.buyers.is_empty()),
            ],
        ),
        (
            "mapped:us-sam",
            "us-sam",
            "opportunitiesData",
            &[
                ("id", "/noticeId", |n| n.publication_id.is_some()),
                ("title", "/title", |n| !n.title.is_empty()),
                ("published_on", "/postedDate", |n| n.published_on.is_some()),
                ("awards", "/award/amount", |n| n.awards.iter().any(|award| award.value.is_some())),
            ],
        ),
    ];
    let mut table = Vec::new();
    for (format, folder, at, fields) in plans {
        let mut lines: Vec<Coverage> =
            fields.iter().map(|(field, ..)| Coverage { format, field, there: 0, read: 0, why: "" }).collect();
        for (name, body) in files(&corpus.join("national").join(folder)) {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body) else { continue };
            let (_, parsed) = read(&name, body).expect("readable");
            for (row, notice) in rows(&value, at).iter().zip(&parsed.notices) {
                for (line, (_, pointer, has)) in lines.iter_mut().zip(*fields) {
                    if row.pointer(pointer).is_some_and(|value| !value.is_null() && value != "") {
                        line.there += 1;
                        line.read += usize::from(has(notice));
                    }
                }
            }
        }
        table.extend(lines);
    }
    table
}

#[test]
fn what_a_second_reader_finds_is_in_the_notices() {
    let Some(corpus) = corpus() else { return };
    for line in coverage(&corpus) {
        assert!(line.there > 0, "{} {}: nothing there", line.format, line.field);
        assert!(
            line.read == line.there || !line.why.is_empty(),
            "{} {}: {} of {}",
            line.format,
            line.field,
            line.read,
            line.there
        );
    }
}
