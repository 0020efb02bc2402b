//! Every real OCDS package: each record accounted for, and value by value against plain JSON pointers.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenderwatch::formats::{self, Parsed};
use tenderwatch::notice::Notice;

use super::{Coverage, document};

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if root.join("ocds").is_dir() {
        return Some(root);
    }
    eprintln!("not checked: {} has no ocds", root.display());
    None
}

/// Name and lines of every publisher.
pub fn lines(corpus: &Path) -> Vec<(String, Vec<String>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus.join("ocds"))
        .map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    let read = |path: PathBuf| {
        let mut text = String::new();
        let file = fs::File::open(&path).expect("a readable file");
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, text.lines().map(str::to_owned).collect())
    };
    files.into_iter().map(read).collect()
}

fn parsed(name: &str, line: &str) -> Parsed {
    let found = formats::sniff(line.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(found.name, "ocds", "{name}");
    formats::parse(&document(name, line.to_owned()), None).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The release that stands for each record of a line; `None` where there are only links.
fn releases(line: &str) -> Vec<Option<Value>> {
    // One real package writes an infinite number, which JSON does not have.
    let value: Value = serde_json::from_str(&line.replace(":Infinity", ":null")).expect("JSON");
    let package = &value["package"];
    if let Some(records) = package["records"].as_array() {
        return records.iter().map(|record| record.get("compiledRelease").cloned()).collect();
    }
    package["releases"].as_array().expect("releases").iter().cloned().map(Some).collect()
}

#[test]
fn every_real_record_is_accounted_for() {
    let Some(corpus) = corpus() else { return };
    let (mut items, mut notices, mut linked) = (0, 0, 0);
    for (name, lines) in lines(&corpus) {
        for line in &lines {
            let expected = releases(line);
            let parsed = parsed(&name, line);
            let records = &parsed.records;
            assert_eq!(records.read, expected.len() as u64, "{name}: every record is read");
            assert_eq!(records.quarantined, 0, "{name}: {:?}", parsed.issues);
            assert_eq!(records.notices, expected.iter().flatten().count() as u64, "{name}");
            let rules: Vec<_> = records.by_rule.keys().cloned().collect();
            assert!(rules.iter().all(|rule| rule == "linked-release"), "{name}: {rules:?}");
            items += expected.len();
            notices += parsed.notices.len();
            linked += expected.iter().filter(|release| release.is_none()).count();
        }
    }
    assert_eq!(items, notices + linked);
    assert!(items >= 7000, "{items} records");
    eprintln!("{items} records: {notices} notices, {linked} linked releases");
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(map) if map.len() == 1 => text(map.values().next()?)?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().filter(|item| !item.is_null()).collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Texts under the field and its variants in other languages.
fn any_text(node: &Value, field: &str) -> bool {
    list(node).into_iter().any(|node| {
        let members = node.as_object().into_iter().flatten();
        members.into_iter().any(|(key, value)| {
            (key == field || key.strip_prefix(field).is_some_and(|rest| rest.starts_with('_') && rest.len() == 3))
                && value.as_str().is_some_and(|text| !text.trim().is_empty())
        })
    })
}

fn has_title(release: &Value) -> bool {
    let tender = &release["tender"];
    [tender, release, &tender["lots"], &release["awards"], &release["contracts"]]
        .into_iter()
        .any(|node| any_text(node, "title"))
}

fn has_description(release: &Value) -> bool {
    let tender = &release["tender"];
    [tender, release, &tender["lots"], &release["awards"], &release["contracts"]]
        .into_iter()
        .any(|node| any_text(node, "description"))
}

/// CPV codes under every `classification` or `additionalClassifications` of the release, wherever it stands.
fn cpv(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                if matches!(key.as_str(), "classification" | "additionalClassifications") {
                    for one in list(value) {
                        let scheme = text(&one["scheme"]).unwrap_or_default();
                        let id = text(&one["id"]).unwrap_or_default();
                        let digits: String = id.chars().take_while(char::is_ascii_digit).collect();
                        if (scheme.starts_with("CPV") && scheme != "CPVS" || scheme.starts_with("ДК"))
                            && digits.len() == 8
                        {
                            found.push(digits);
                        }
                    }
                }
                if key != "bids" && key != "project" {
                    cpv(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|item| cpv(item, found)),
        _ => {}
    }
}

fn has_party(release: &Value, role: &str) -> bool {
    let party = |node: &&Value| {
        list(&node["roles"]).iter().any(|known| text(known).is_some_and(|known| known.to_lowercase() == role))
            && (text(&node["name"]).is_some() || text(&node["id"]).is_some())
    };
    list(&release["parties"]).iter().any(party)
}

fn has_buyer(release: &Value) -> bool {
    let named = |node: &Value| text(&node["name"]).is_some() || text(&node["id"]).is_some();
    ["buyer", "procuringentity"].iter().any(|role| has_party(release, role))
        || named(&release["buyer"])
        || named(&release["tender"]["procuringEntity"])
}

/// An amount and its currency, both said.
fn money(node: &Value) -> bool {
    let number = match &node["amount"] {
        Value::Number(number) => number.as_f64().is_some_and(|number| number >= 0.0),
        Value::String(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        Value::Object(inner) => inner.contains_key("$numberLong"),
        _ => false,
    };
    number && text(&node["currency"]).is_some()
}

fn has_value(release: &Value) -> bool {
    let tender = &release["tender"];
    [&tender["value"], &tender["minValue"], &release["planning"]["budget"]["amount"]].into_iter().any(money)
        || ["awards", "contracts"].iter().any(|key| list(&release[*key]).iter().any(|node| money(&node["value"])))
}

fn notice_value(notice: &Notice) -> bool {
    notice.estimated_value.is_some() || notice.awards.iter().any(|award| award.value.is_some())
}

/// A field, whether the second reader finds it, whether the notice has it, and why the two may differ.
type Check = (&'static str, fn(&Value) -> bool, fn(&Value, &Notice) -> bool, &'static str);

const CHECKS: &[Check] = &[
    (
        "id",
        |r| text(&r["id"]).is_some(),
        |r, n| {
            let id = text(&r["id"]).unwrap_or_default();
            n.publication_id.as_ref().is_some_and(|own| own.ends_with(&id))
        },
        "",
    ),
    ("ocid", |r| text(&r["ocid"]).is_some(), |r, n| n.ocid == text(&r["ocid"]), ""),
    ("published_on", |r| text(&r["date"]).is_some(), |_, n| n.published_on.is_some(), ""),
    ("deadline", |r| text(&r["tender"]["tenderPeriod"]["endDate"]).is_some(), |_, n| n.deadline.is_some(), ""),
    ("buyers", has_buyer, |_, n| !n.buyers.is_empty(), ""),
    ("title", has_title, |_, n| !n.title.is_empty(), ""),
    ("description", has_description, |_, n| !n.description.is_empty(), ""),
    (
        "cpv",
        |r| {
            let mut found = Vec::new();
            cpv(r, &mut found);
            !found.is_empty()
        },
        |r, n| {
            let mut found = Vec::new();
            cpv(r, &mut found);
            found.iter().all(|code| n.cpv.contains(code))
        },
        "",
    ),
    ("value", has_value, |_, n| notice_value(n), ""),
    (
        "lots",
        |r| !list(&r["tender"]["lots"]).is_empty(),
        |r, n| {
            list(&r["tender"]["lots"])
                .iter()
                .all(|lot| n.lots.iter().any(|own| Some(&own.id) == text(&lot["id"]).as_ref()))
        },
        "",
    ),
    ("awards", |r| !list(&r["awards"]).is_empty(), |r, n| n.awards.len() >= list(&r["awards"]).len(), ""),
    (
        "suppliers",
        |r| {
            list(&r["awards"])
                .iter()
                .any(|award| list(&award["suppliers"]).iter().any(|node| text(&node["name"]).is_some()))
        },
        |_, n| !n.suppliers.is_empty(),
        "",
    ),
    (
        "procedure_type",
        |r| matches!(r["tender"]["procurementMethod"].as_str(), Some("open" | "selective" | "limited" | "direct")),
        |_, n| n.procedure_type.is_some(),
        "",
    ),
    (
        "nature",
        |r| matches!(r["tender"]["mainProcurementCategory"].as_str(), Some("goods" | "works" | "services")),
        |_, n| n.nature.is_some(),
        "",
    ),
];

/// What a second reader finds in the records, and what their notices have.
pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    measure(corpus).into_iter().map(|(coverage, _)| coverage).collect()
}

fn measure(corpus: &Path) -> Vec<(Coverage, Vec<String>)> {
    let mut found: Vec<(Coverage, Vec<String>)> = CHECKS
        .iter()
        .map(|(field, _, _, why)| (Coverage { format: "ocds", field, there: 0, read: 0, why }, Vec::new()))
        .collect();
    for (name, lines) in lines(corpus) {
        for line in &lines {
            let parsed = parsed(&name, line);
            for (release, notice) in releases(line).iter().flatten().zip(&parsed.notices) {
                for ((coverage, missing), (_, there, read, _)) in found.iter_mut().zip(CHECKS) {
                    if there(release) {
                        coverage.there += 1;
                        if read(release, notice) {
                            coverage.read += 1;
                        } else if missing.len() < 5 {
                            missing.push(format!("{name} {}", notice.id));
                        }
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_field_of_the_real_records_is_read() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for (coverage, missing) in measure(&corpus) {
        eprintln!("{:<16}{:>6}{:>6}", coverage.field, coverage.there, coverage.read);
        if coverage.read != coverage.there && coverage.why.is_empty() {
            wrong.push(format!("{}: {} of {}: {missing:?}", coverage.field, coverage.read, coverage.there));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
