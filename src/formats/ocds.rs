//! OCDS 1.0 and 1.1: release packages, record packages, lone releases and records, lists of them, also inside the
//! envelope of an interface (`{"result": …}`).
//!
//! One release is one notice; a record is one too, by its compiled release, else by its embedded releases merged,
//! else by the last values of its versioned release. It answers what the release says and refuses to know the
//! publisher: neither the ocid's prefix nor a package's name changes how a field is read. Contact points are not
//! in its tree (`tree.rs`), so they cannot leak.

mod awards;
mod classifications;
mod merge;
mod parties;
mod release;
mod repair;
mod stage;
mod tender;
mod tree;

use memchr::memmem;

use self::tree::Json;
use super::{Format, ParseError, Parsed, reading};
use crate::issue::{Issue, IssueCode, NonNotice};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "ocds", version: 1, sniff, parse };

/// How deep a package may stand inside an envelope.
const ENVELOPE: usize = 2;

/// JSON with releases or records of contracting processes in it.
fn sniff(bytes: &[u8]) -> bool {
    let inside = repair::start(bytes);
    if !matches!(inside.first(), Some(b'{' | b'[')) {
        return false;
    }
    let has = |key: &str| memmem::find(inside, key.as_bytes()).is_some();
    let package = || has("\"releases\"") || has("\"records\"");
    let release = || has("\"tag\"") || has("\"initiationType\"") || has("\"compiledRelease\"");
    // A package of a quiet day has no release, and so no ocid.
    has("\"ocid\"") && (package() || release())
        || package() && has("\"publisher\"") && (has("\"publishedDate\"") || has("\"extensions\""))
        || has("\"releases\"") && has("\"initiationType\"")
}

/// Reads one JSON value.
fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let (text, encoding) = repair::decode(&document.body)?;
    if !text.starts_with(['{', '[']) {
        return Err(not_this(&text));
    }
    let mut findings: Vec<IssueCode> = encoding.into_iter().collect();
    let repaired;
    let tree = match Json::read(&text) {
        Ok(tree) => tree,
        Err(error) => {
            repaired = repair::repair(&text);
            findings.push(IssueCode::RepairedText);
            Json::read(&repaired).map_err(|_| repair::refusal(&text, &error))?
        }
    };
    let mut reader =
        Reader { document, findings, licence: None, guessed: None, sample: String::new(), parsed: Parsed::default() };
    if !reader.find(&tree, "", ENVELOPE) {
        return Err(not_this(&text));
    }
    let mut parsed = reader.parsed;
    if parsed.notices.is_empty() {
        parsed.issues.extend(reader.findings.iter().map(|code| Issue::new(*code, "/", "")));
    }
    Ok(parsed)
}

/// Whether these bytes are JSON, read into the shapes of this format and no further: what the bench of the parse is
/// compared with.
pub fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| Json::read(text).is_ok())
}

fn not_this(text: &str) -> ParseError {
    let found: String = text.chars().take(40).collect();
    ParseError::NotThisFormat { format: FORMAT.name, found: format!("JSON without releases or records: {found}") }
}

/// A document while it is read.
struct Reader<'d> {
    document: &'d RawDocument,
    /// About the text as a whole; every notice has them.
    findings: Vec<IssueCode>,
    licence: Option<String>,
    /// What the titles of a package show together, found when its first release without a language is read: short
    /// titles alone are no reliable sign, and a publisher's package is in one language.
    guessed: Option<Option<&'static str>>,
    /// Titles of the package, to tell the language from.
    sample: String,
    parsed: Parsed,
}

/// How many characters of titles the language of a package is told from.
const SAMPLE: usize = 600;

impl Reader<'_> {
    /// Reads what stands here, if it is something with releases; else looks into it.
    fn find(&mut self, node: &Json<'_>, path: &str, depth: usize) -> bool {
        if let Json::List(list) = node {
            let is_one = |item: &Json<'_>| is_package(item) || is_record(item) || is_release(item);
            if !list.iter().any(is_one) {
                return false;
            }
            for (at, item) in list.iter().enumerate() {
                if is_one(item) {
                    self.find(item, &format!("{path}[{at}]"), 0);
                } else {
                    self.parsed.unreadable(format!("{path}[{at}]"), "neither a release nor a record");
                }
            }
            return true;
        }
        if is_record(node) {
            self.record(node, path);
        } else if is_package(node) {
            self.package(node, path);
        } else if is_release(node) {
            self.release(node, path);
        } else if depth > 0 {
            // The first member that has releases is the content; what stands beside it is about the answer.
            return node
                .members()
                .iter()
                .any(|(key, value)| !value.is_null() && self.find(value, &join(path, key), depth - 1));
        } else {
            return false;
        }
        true
    }

    fn package(&mut self, package: &Json<'_>, path: &str) {
        self.licence = package.text_of("license").map(std::borrow::Cow::into_owned);
        let (name, list) = match package.get("records") {
            records @ Json::List(_) => ("records", records),
            _ => ("releases", package.get("releases")),
        };
        let Json::List(list) = list else { return };
        (self.guessed, self.sample) = (None, sample(list));
        for (at, item) in list.iter().enumerate() {
            let path = format!("{}[{at}]", join(path, name));
            if is_record(item) || name == "records" && item.is_object() {
                self.record(item, &path);
            } else {
                self.release(item, &path);
            }
        }
        self.licence = None;
    }

    /// One record is one notice.
    fn record(&mut self, record: &Json<'_>, path: &str) {
        let compiled = record.get("compiledRelease");
        if has_content(compiled) {
            return self.release(compiled, &join(path, "compiledRelease"));
        }
        // A linked release has an address and nothing else.
        let embedded: Vec<&Json<'_>> = record.get("releases").each().filter(|release| has_content(release)).collect();
        if !embedded.is_empty() {
            return self.release(&merge::compile(&embedded), &join(path, "releases"));
        }
        let versioned = record.get("versionedRelease");
        if versioned.is_object() {
            self.release(&merge::latest(versioned), &join(path, "versionedRelease"));
        } else if record.get("releases").any() {
            self.parsed.non_notice(NonNotice::LinkedRelease);
        } else {
            self.parsed.unreadable(path, "a record without any release");
        }
    }

    fn release(&mut self, release: &Json<'_>, path: &str) {
        if !release.is_object() {
            return self.parsed.unreadable(path, "a release that is no object");
        }
        if !has_content(release) {
            if release.text_of("url").is_some() {
                return self.parsed.non_notice(NonNotice::LinkedRelease);
            }
            return self.parsed.unreadable(path, "a release without planning, tender, award, contract, party or title");
        }
        let latest;
        let release = if merge::is_versioned(release) {
            latest = merge::latest(release);
            &latest
        } else {
            release
        };
        let number = self.parsed.notices.len() + 1;
        let declared = release.text_of("language").is_some_and(|code| !code.trim().is_empty());
        let guessed = match self.guessed {
            _ if declared => None,
            Some(known) => known,
            None => *self.guessed.insert(reading::language_in(&self.sample)),
        };
        let mut notice = release::notice(release, self.document, number, guessed);
        notice.licence.clone_from(&self.licence);
        for code in self.findings.iter().rev() {
            notice.issues.insert(0, Issue::new(*code, path, ""));
        }
        self.parsed.notice(notice);
    }
}

/// The first titles and descriptions of a package.
fn sample(list: &[Json<'_>]) -> String {
    let mut text = String::new();
    for item in list {
        let release = if is_record(item) { item.get("compiledRelease") } else { item };
        for place in [&["tender", "title"][..], &["tender", "description"], &["title"], &["description"]] {
            if let Some(title) = release.at(place).text() {
                text.push_str(&title);
                text.push('\n');
            }
        }
        if text.len() >= SAMPLE {
            break;
        }
    }
    text
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn is_list(node: &Json<'_>) -> bool {
    matches!(node, Json::List(_))
}

/// Releases of many processes; a process of its own would make it a record.
fn is_package(node: &Json<'_>) -> bool {
    node.is_object() && (is_list(node.get("records")) || is_list(node.get("releases"))) && !is_record(node)
}

fn is_record(node: &Json<'_>) -> bool {
    node.is_object()
        && node.text_of("ocid").is_some()
        && (node.get("compiledRelease").is_object()
            || node.get("versionedRelease").is_object()
            || is_list(node.get("releases")))
}

/// An entry with the marks of a release: what it says is looked at later.
fn is_release(node: &Json<'_>) -> bool {
    let has = |key: &str| !node.get(key).is_null();
    node.is_object() && (has("ocid") && (has("tag") || has("initiationType") || has("date")) && has_content(node))
        || node.is_object() && has("tag") && has("initiationType")
}

/// Whether a release says anything beyond its own identity.
fn has_content(release: &Json<'_>) -> bool {
    const SECTIONS: &[&str] =
        &["tender", "planning", "awards", "contracts", "parties", "buyer", "title", "description", "name", "bids"];
    release.is_object() && SECTIONS.iter().any(|key| release.get(key).any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Parsed, ParseError> {
        let origin = crate::raw::Origin {
            source: "x".into(),
            url: "file:x".into(),
            fetched_at: jiff::Timestamp::UNIX_EPOCH,
            run: crate::ids::RunId::new("r"),
            status: None,
            headers: Vec::new(),
            member: Vec::new(),
            container: None,
            read_as: None,
            detail: false,
        };
        parse(&RawDocument::new(origin, bytes::Bytes::from(text.as_bytes().to_vec())))
    }

    const RELEASE: &str = r#"{"ocid":"ocds-aaaaaa-1","id":"r1","date":"2026-01-02","tag":["tender"],
        "tender":{"title":"Vests"},"language":"en"}"#;

    #[test]
    fn a_list_that_is_cut_is_a_finding() {
        let lots: Vec<String> = (0..6000).map(|number| format!("{{\"id\":\"{number}\"}}")).collect();
        let text = RELEASE.replace("\"Vests\"", &format!("\"Vests\",\"lots\":[{}]", lots.join(",")));
        let notice = read(&text).expect("readable").notices.remove(0);
        assert_eq!(notice.lots.len(), 5000);
        let cut = |issue: &&crate::issue::Issue| issue.code == IssueCode::Truncated;
        let paths: Vec<&str> = notice.issues.iter().filter(cut).map(|issue| issue.path.as_str()).collect();
        assert_eq!(paths, ["lots", "lots"], "one of the release, one of the notice");
    }

    #[test]
    fn a_release_is_found_wherever_it_stands() {
        for text in [
            RELEASE.to_owned(),
            format!("[{RELEASE}]"),
            format!("{{\"releases\":[{RELEASE}]}}"),
            format!("{{\"source\":{{\"repo\":\"x\"}},\"package\":{{\"releases\":[{RELEASE}]}}}}"),
            format!("{{\"status\":200,\"result\":{{\"data\":[{RELEASE}]}}}}"),
            format!("{{\"records\":[{{\"ocid\":\"ocds-aaaaaa-1\",\"releases\":[{RELEASE}]}}]}}"),
            format!("{{\"ocid\":\"ocds-aaaaaa-1\",\"compiledRelease\":{RELEASE}}}"),
        ] {
            let parsed = read(&text).expect("readable");
            assert_eq!(parsed.notices.len(), 1, "{text}");
            assert_eq!(parsed.notices[0].id.as_str(), "x/ocds-aaaaaa-1/r1", "{text}");
            assert!(sniff(text.as_bytes()));
        }
    }

    #[test]
    fn a_bad_release_does_not_cost_the_others() {
        let parsed = read(&format!(
            "{{\"releases\":[5,{RELEASE},{{}},{{\"ocid\":\"o\",\"id\":\"2\",\"tender\":7,\"parties\":\"x\"}},\
             {{\"url\":\"https://example.org\",\"date\":\"2026-01-01\",\"tag\":[\"tender\"]}}]}}"
        ))
        .expect("readable");
        let records = &parsed.records;
        assert_eq!((records.read, records.notices, records.quarantined), (5, 2, 2));
        let paths: Vec<_> = parsed.issues.iter().map(|issue| issue.path.as_str()).collect();
        assert_eq!(paths, ["releases[0]", "releases[2]"]);
    }

    #[test]
    fn numbers_that_no_machine_holds_are_findings() {
        let parsed = read(
            r#"{"releases":[{"ocid":"o","id":"1","tag":["tender"],"tender":{"title":"a","value":{"amount":1e9999,"currency":"GBP"}}},
                {"ocid":"o","id":"2","tag":["tender"],"tender":{"title":"b","value":{"amount": 000,"currency":"GBP"}}}]}"#,
        )
        .expect("readable");
        let codes = |at: usize| parsed.notices[at].issues.iter().map(|i| i.code.as_str()).collect::<Vec<_>>();
        assert!(codes(0).contains(&"bad-amount") && codes(0).contains(&"repaired-text"), "{:?}", codes(0));
        assert!(parsed.notices[0].estimated_value.is_none());
        assert!(codes(1).contains(&"placeholder-value") && parsed.notices[1].estimated_value.is_some());
    }

    #[test]
    fn what_is_no_ocds_is_refused() {
        for text in ["{\"a\":1}", "[]", "[1]", "{\"data\":{\"a\":{\"b\":{\"releases\":[]}}}}"] {
            assert_eq!(read(text).expect_err("refused").code(), "not-this-format", "{text}");
        }
        assert_eq!(read("{\"releases\":[").expect_err("cut").code(), "truncated");
        assert_eq!(read("<a/>").expect_err("XML").code(), "not-this-format");
        assert_eq!(read("{\"releases\":[]}").expect("an empty package").records.read, 0);
        assert!(!sniff(b"{\"ocid\":\"a\"}") && !sniff(b"<releases/>"));
    }
}
