//! Formats: golden pairs, hostile input, and value-by-value coverage of real notices against a second reader.

mod boamp;
mod codice;
mod projects;
mod contacts;
mod coverage;
mod decp;
mod dialects;
mod fields;
mod hostile;
mod plan_table;
mod ted_export;
pub mod ocds;
mod mapping;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tenderwatch::formats::{self, FORMATS, ParseError, Parsed};
use tenderwatch::notice::Notice;
use tenderwatch::raw::RawDocument;

use crate::corpus::documents::document_of;

/// One line of the coverage table: in how many records of the corpus a second reader (another library, or plain path
/// counts) finds a field, and in how many of their notices we have it.
pub struct Coverage {
    pub format: &'static str,
    /// `id`, `published_on`, `deadline`, `buyers`, `title`, `description`, `cpv`, `value`, `lots`, `awards` …
    pub field: &'static str,
    /// Records in which the second reader finds it.
    pub there: usize,
    /// Those among them whose notice has it.
    pub read: usize,
    /// Why `read` may be smaller; empty when it may not.
    pub why: &'static str,
}

/// What one reader finds in one record, by field, in one order.
pub type Found = Vec<(&'static str, bool)>;

/// Adds one record to the table: what is there, and what we read.
pub fn count(table: &mut Vec<Coverage>, format: &'static str, there: &Found, read: &Found) {
    for ((field, there), (_, read)) in there.iter().zip(read) {
        let at = table.iter().position(|line| line.field == *field).unwrap_or_else(|| {
            table.push(Coverage { format, field, there: 0, read: 0, why: "" });
            table.len() - 1
        });
        table[at].there += usize::from(*there);
        table[at].read += usize::from(*there && *read);
    }
}

/// Nothing that the second reader finds is missing, unless the table says why.
pub fn assert_complete(table: &[Coverage]) {
    assert!(!table.is_empty());
    for Coverage { format, field, there, read, why } in table {
        eprintln!("{format:16} {field:20} {read} of {there} {why}");
    }
    for Coverage { format, field, there, read, why } in table {
        assert!(read == there || !why.is_empty(), "{format} {field}: {read} of {there}");
    }
}

pub fn document(name: &str, body: impl Into<Bytes>) -> RawDocument {
    document_of("eu-ted", name, body)
}

pub fn parse(body: impl Into<Bytes>) -> Result<Parsed, ParseError> {
    formats::parse(&document("test.xml", body), None)
}

/// Name and bytes of every XML file in an archive of the corpus.
pub fn archive(path: &Path) -> Vec<(String, Vec<u8>)> {
    let file = fs::File::open(path).expect("the archive opens");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut found = Vec::new();
    for entry in archive.entries().expect("the archive lists its members") {
        let mut entry = entry.expect("a member");
        let name = entry.path().expect("a name").display().to_string();
        if Path::new(&name).extension().is_some_and(|extension| extension == "xml") {
            let mut body = Vec::new();
            entry.read_to_end(&mut body).expect("a readable member");
            found.push((name, body));
        }
    }
    found
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    found
}

/// `tests/fixtures/formats/<format>/<what-it-shows>.xml` (or `.json`, `.csv` …) → `<what-it-shows>.expected.json`;
/// `UPDATE_GOLDEN=1` writes them anew.
#[test]
fn golden_pairs_hold() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut different = Vec::new();
    let mut pairs = 0;
    for folder in entries(&fixtures()).into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let format = formats::find(&name).unwrap_or_else(|| panic!("{name} is a format"));
        for input in entries(&folder) {
            let golden = input.with_extension("expected.json");
            if input.to_string_lossy().ends_with(".expected.json") {
                continue;
            }
            let body = fs::read(&input).expect("a readable fixture");
            assert_eq!(formats::sniff(&body).map(|found| found.name), Ok(format.name), "{}", input.display());
            let mut document = document("fixture", body);
            document.origin.fetched_at = "2026-11-22T00:00:00Z".parse().expect("a time");
            let parsed = (format.parse)(&document).expect("a fixture is readable");
            for notice in &parsed.notices {
                let json = serde_json::to_string(notice).expect("a notice is JSON");
                let back: Notice = serde_json::from_str(&json).expect("it reads back");
                assert_eq!(back, *notice, "{}", input.display());
            }
            let mut value = serde_json::json!({ "notices": parsed.notices, "issues": parsed.issues });
            if let Some(rates) = &parsed.rates {
                let rates: Vec<String> =
                    rates.each().map(|(day, currency, rate)| format!("{day} {currency} {rate}")).collect();
                value["rates"] = serde_json::json!(rates);
            }
            let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
            pairs += 1;
            if update {
                fs::write(&golden, text).expect("writable fixtures");
            } else if fs::read_to_string(&golden).ok().as_deref() != Some(&text) {
                different.push(format!("{}: now reads\n{text}", input.display()));
            }
        }
    }
    assert!(pairs >= 8, "there are golden pairs");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_format_has_a_name_of_its_own_and_is_found_by_it() {
    for format in FORMATS {
        assert_eq!(formats::find(format.name).map(|found| found.name), Some(format.name));
        assert!(format.version > 0);
    }
    assert!(formats::find("fax").is_none());
    let error = formats::get("fax").err().expect("no such format");
    assert_eq!(error.code(), "no-such-format");
    assert!(error.to_string().contains("eforms"), "{error}");
}

#[test]
fn an_unsupported_root_is_named() {
    let error =
        formats::sniff(b"<?xml version='1.0'?><!-- x --><TENDER_LIST xmlns='urn:x'/>").err().expect("unsupported");
    assert_eq!(
        error.to_string(),
        "root element TENDER_LIST in namespace urn:x is of a format that is not supported yet"
    );
    let lookalike = parse(&b"<ContractNotice xmlns='urn:mine'/>"[..]).expect_err("another namespace");
    assert_eq!(lookalike.code(), "unsupported-format");
    let named = (formats::eforms::FORMAT.parse)(&document("x", &b"<ContractNotice xmlns='urn:mine'/>"[..]));
    assert_eq!(named.expect_err("another namespace").code(), "not-this-format");
}

/// One notice built around what a test is about.
pub fn synthetic(inside: &str) -> String {
    let cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
    let cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
    format!(
        "<ContractNotice xmlns='urn:oasis:names:specification:ubl:schema:xsd:ContractNotice-2' xmlns:cac='{cac}' \
         xmlns:cbc='{cbc}'><cbc:ID schemeName='notice-id'>u</cbc:ID>{inside}</ContractNotice>"
    )
}

pub fn one(body: impl Into<Bytes>) -> Notice {
    let mut parsed = parse(body).expect("readable");
    assert_eq!((parsed.notices.len(), parsed.records.read, parsed.records.notices), (1, 1, 1));
    parsed.notices.remove(0)
}

#[test]
fn ids_fall_back_step_by_step() {
    assert_eq!(one(synthetic("<cbc:VersionID>02</cbc:VersionID>")).id.as_str(), "eu-ted/u-02");
    let nameless = synthetic("").replace("<cbc:ID schemeName='notice-id'>u</cbc:ID>", "");
    let notice = one(nameless);
    assert_eq!(notice.id.as_str(), format!("eu-ted/{}#1", notice.raw_id));
    assert!(notice.issues.iter().any(|issue| issue.code.as_str() == "missing-publication-id"));
}

/// The order of elements carries no meaning.
#[test]
fn blocks_in_another_order_give_the_same_notice() {
    let project = "<cac:ProcurementProject><cbc:Name languageID='ENG'>Vests</cbc:Name>\
                   <cbc:ProcurementTypeCode listName='contract-nature'>supplies</cbc:ProcurementTypeCode></cac:ProcurementProject>";
    let language = "<cbc:NoticeLanguageCode>ENG</cbc:NoticeLanguageCode>";
    let kind = "<cbc:NoticeTypeCode listName='competition'>cn-standard</cbc:NoticeTypeCode>";
    let mut one_way = one(synthetic(&format!("{kind}{language}{project}")));
    let other_way = one(synthetic(&format!("{project}{language}{kind}")));
    one_way.raw_id = other_way.raw_id;
    assert_eq!(one_way, other_way);
    assert_eq!(one_way.title.get("en"), Some("Vests"));
}
