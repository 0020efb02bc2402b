//! OCDS export: valid by the standard's own schema, and what is read back is what was written.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use tenderwatch::codes;
use tenderwatch::export::{Exporter, Shape};
use tenderwatch::formats;
use tenderwatch::notice::{Amount, LotKind, Notice, Organisation, Relation, Stage, Text};

use crate::formats::{archive, document};

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared")
}

/// Notices of the golden pairs, and of the corpus where it is there.
fn notices() -> Vec<Notice> {
    let mut found = Vec::new();
    let mut read = |name: &str, body: Vec<u8>| {
        let Ok(parsed) = formats::parse(&document(name, body), None) else { return };
        found.extend(parsed.notices);
    };
    for format in ["eforms", "ocds"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(format);
        for entry in fs::read_dir(folder).expect("fixtures") {
            let path = entry.expect("an entry").path();
            if !path.to_string_lossy().ends_with(".expected.json") {
                read(&path.display().to_string(), fs::read(&path).expect("readable"));
            }
        }
    }
    let corpus = std::env::var_os("TENDERWATCH_CORPUS").map_or_else(|| shared().join("corpus"), PathBuf::from);
    if corpus.join("ted/eforms.tar.gz").is_file() {
        for (name, body) in archive(&corpus.join("ted/eforms.tar.gz")) {
            read(&name, body);
        }
    }
    if corpus.join("ocds").is_dir() {
        for (name, lines) in crate::formats::ocds::lines(&corpus) {
            // Thousands of one kind show nothing new.
            for line in lines.into_iter().take(100) {
                read(&name, line.into_bytes());
            }
        }
    }
    found
}

fn package(notices: &[Notice]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut exporter = Exporter::begin(Shape::Ocds, &mut out, Timestamp::UNIX_EPOCH).expect("memory");
    notices.iter().for_each(|notice| exporter.put(notice).expect("memory"));
    exporter.end().expect("memory");
    out
}

#[test]
fn an_exported_package_is_valid_ocds() {
    let folder = shared().join("reference/ocds-schema");
    if !folder.is_dir() {
        eprintln!("not checked: {} is not there", folder.display());
        return;
    }
    let schema = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.join(name)).expect("a schema")).expect("JSON")
    };
    let validator = |schema: &Value| {
        jsonschema::options().should_validate_formats(true).build(schema).expect("a schema that compiles")
    };
    let mut of_package = schema("release-package-schema.json");
    // The releases are checked one by one: the package's schema would fetch theirs from the network.
    of_package["properties"]["releases"]["items"] = json!({});
    let notices = notices();
    let package: Value = serde_json::from_slice(&package(&notices)).expect("JSON");
    let wrong: Vec<String> = validator(&of_package).iter_errors(&package).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let of_release = validator(&schema("release-schema.json"));
    assert!(!of_release.is_valid(&json!({"ocid": "x"})), "the schema asks for something");
    let releases = package["releases"].as_array().expect("releases");
    assert_eq!(releases.len(), notices.len());
    for release in releases {
        let wrong: Vec<String> =
            of_release.iter_errors(release).map(|error| format!("{} {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", release["id"]);
    }
    eprintln!("{} releases are valid", releases.len());
}

/// An amount as number, currency and side of the tax; a zero more or less in the writing is no difference.
fn money(amount: Option<&Amount>) -> Option<String> {
    let money = amount?.known().filter(|money| codes::is_currency(&money.currency) || money.currency == "BGN")?;
    Some(format!("{} {} {:?}", money.amount.normalize(), money.currency, money.vat))
}

fn organisation(organisation: &Organisation) -> Value {
    // A reader of OCDS gives an address without a scheme one.
    let website = organisation.website.as_ref().map(|url| match url.strip_prefix("www.") {
        Some(_) => format!("https://{url}"),
        None => url.clone(),
    });
    let website = website.filter(|url| url.starts_with("http") && url::Url::parse(url).is_ok());
    let known = |list: &str, code: &Option<String>| code.clone().filter(|code| codes::in_eforms_list(list, code));
    // Names and towns are lines there, and a number of zeros is none.
    let line = |text: &Option<String>| text.as_ref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    json!([
        line(&organisation.name),
        organisation.id.as_ref().filter(|id| *id != "0" && !id.ends_with("-null")),
        organisation.scheme,
        organisation.country,
        organisation.nuts,
        line(&organisation.city),
        website,
        known("buyer-legal-type", &organisation.legal_type),
        known("main-activity", &organisation.activity),
        organisation.natural_person,
    ])
}

fn text(text: &Text) -> Value {
    serde_json::to_value(text).expect("JSON")
}

/// The fields of `docs/ocds-export.md`; `original` decides what a notice need not have kept.
#[expect(clippy::too_many_lines, reason = "one walk through every field")]
fn carried(notice: &Notice, original: &Notice) -> Value {
    let stages = [
        Stage::Planning,
        Stage::Competition,
        Stage::Result,
        Stage::Modification,
        Stage::Completion,
        Stage::Cancellation,
    ];
    let keeps_stage = stages.contains(&original.stage);
    let keeps_correction = stages[..3].contains(&original.stage);
    let url = |url: &Option<String>| url.clone().filter(|url| url.starts_with("http") && !url.contains(' '));
    let mut techniques = notice.techniques.clone();
    techniques.sort();
    let names = |list: &[Organisation]| {
        let mut list: Vec<String> = list.iter().map(|one| organisation(one).to_string()).collect();
        list.sort();
        list.dedup();
        list
    };
    let roles = notice.buyers.iter().map(|buyer| {
        buyer.roles.iter().map(|role| role.as_str()).filter(|role| *role != "on-behalf").collect::<Vec<_>>()
    });
    let places = |list: &[tenderwatch::notice::Place]| {
        let mut list: Vec<String> = list
            .iter()
            .filter(|place| place.nuts.is_some() || place.country.is_some())
            .map(|place| format!("{:?}", place.nuts.as_ref().or(place.country.as_ref())))
            .collect();
        list.sort();
        list.dedup();
        list
    };
    let mut lots: Vec<Value> = notice
        .lots
        .iter()
        .map(|lot| {
            let is_group = lot.kind == LotKind::Group;
            json!([
                lot.id,
                is_group,
                text(&lot.title),
                text(&lot.description),
                if is_group { &[][..] } else { &lot.cpv[..] },
                lot.nature.filter(|_| !is_group).map(tenderwatch::notice::Nature::as_str),
                money(lot.estimated_value.as_ref().filter(|_| !is_group)),
                money(lot.framework_ceiling.as_ref()),
                lot.deadline.as_ref().map(|deadline| deadline.at.as_second()),
                lot.duration.as_ref().map(|duration| (duration.starts_on, duration.ends_on)).unwrap_or_default(),
                places(if is_group { &[] } else { &lot.places }),
                lot.security_clearance,
                lot.reserved,
                lot.members,
            ])
        })
        .collect();
    lots.sort_by_key(ToString::to_string);
    let awards: Vec<Value> = notice
        .awards
        .iter()
        .map(|award| {
            json!([
                award.lot,
                names(&award.suppliers),
                money(award.value.as_ref()),
                award.decided_on,
                award.status.as_ref().filter(|status| *status != "withheld"),
                award.contract_id,
                text(&award.title),
            ])
        })
        .collect();
    let mut related: Vec<String> = notice
        .related
        .iter()
        .map(|related| match related.relation {
            relation @ (Relation::Changes | Relation::Plans) => format!("{} {relation:?}", related.id),
            _ => related.id.clone(),
        })
        .collect();
    related.sort();
    related.dedup();
    json!({
        "stage": keeps_stage.then(|| notice.stage.as_str()),
        "correction": keeps_correction && notice.correction,
        "published_on": original.published_on.and(notice.published_on),
        "url": url(&notice.url).filter(|_| original.url.is_some()),
        "documents_url": url(&notice.documents_url),
        "title": text(&notice.title),
        "description": (!original.description.is_empty()).then(|| text(&notice.description)),
        "cpv": notice.cpv,
        "nature": notice.nature.map(tenderwatch::notice::Nature::as_str).filter(|_| original.nature.is_some()),
        "procedure_type": notice.procedure_type.as_ref().filter(|code| codes::in_eforms_list("procedure-type", code)),
        "legal_basis": notice.legal_basis,
        "techniques": techniques,
        "framework_ceiling": money(notice.framework_ceiling.as_ref()),
        "estimated_value": original.estimated_value.as_ref().and_then(|_| money(notice.estimated_value.as_ref())),
        "deadline": notice.deadline.as_ref().map(|deadline| deadline.at.as_second()),
        "places": places(&notice.places),
        "buyers": notice.buyers.iter().map(organisation).collect::<Vec<_>>(),
        "roles": roles.collect::<Vec<_>>(),
        "suppliers": names(&notice.suppliers),
        "lots": lots,
        "awards": awards,
        "related": related,
        "funded": notice.eu_funding.as_ref().and_then(|funding| funding.funded).filter(|funded| *funded),
    })
}

#[test]
fn what_is_read_back_is_what_was_written() {
    let notices = notices();
    let parsed = formats::parse(&document("export.json", package(&notices)), None).expect("our own export");
    assert_eq!(parsed.notices.len(), notices.len(), "{:?}", parsed.issues);
    let mut different: Vec<String> = Vec::new();
    for (back, original) in parsed.notices.iter().zip(&notices) {
        // A text of no known language gets the release's.
        if serde_json::to_string(original).expect("JSON").contains("\"und\":") {
            continue;
        }
        let (there, here) = (carried(original, original), carried(back, original));
        for (field, value) in there.as_object().expect("an object") {
            if here[field] != *value {
                let shown = |value: &Value| value.to_string().chars().take(300).collect::<String>();
                different.push(format!("{} {field}:\n  {}\n  {}", original.id, shown(value), shown(&here[field])));
            }
        }
    }
    let shown = different.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(different.is_empty(), "{} differences in {} notices:\n{shown}", different.len(), notices.len());
}
