//! One release → one notice.

use jiff::tz::TimeZone;

use super::parties::Parties;
use super::tree::{Json, MAX_LIST};
use super::{awards, classifications, stage, tender};
use crate::codes;
use crate::formats::reading::{Reading, notice_id, push_new};
use crate::ids::RawId;
use crate::issue::IssueCode;
use crate::notice::{Notice, Related, Relation, Stage, Text};
use crate::raw::RawDocument;

/// Kinds of documents that are the notice itself.
const NOTICE_DOCUMENTS: &[&str] = &[
    "tenderNotice",
    "contractNotice",
    "awardNotice",
    "plannedProcurementNotice",
    "marketEngagementNotice",
    "hearingNotice",
];

/// The notice. The buyers come first because dates without an offset are in their zone. `guessed` is the language of the
/// package, where it declares none.
pub(super) fn notice(
    release: &Json<'_>,
    document: &RawDocument,
    number: usize,
    guessed: Option<&'static str>,
) -> Notice {
    let mut reading = Reading::new(TimeZone::UTC);
    reading.guessed = guessed;
    for list in release.cut_lists() {
        reading.issue(IssueCode::Truncated, &list, &format!("more than {MAX_LIST} entries"));
    }
    language(release, &mut reading);
    let mut notice = identity(release, document, number, &mut reading);
    let mut parties = Parties::of(release);
    notice.buyers = parties.buyers(release, &mut reading);
    reading.zone = codes::zone_of(notice.buyers.iter().find_map(|buyer| buyer.country.as_deref()));
    notice.subtype = notice_type(release);
    let standing = stage::standing(release, notice.subtype.as_deref(), &mut reading);
    (notice.stage, notice.correction) = (standing.stage, standing.correction);
    texts(release, &mut notice, &mut reading);
    tender::read(release, &mut notice, &mut reading);
    awards::read(release, &mut parties, &mut notice, &mut reading);
    let category = release.at(&["tender", "mainProcurementCategory"]).text();
    notice.nature = classifications::nature(category.as_deref(), &notice.cpv, &mut reading);
    published(release, &mut notice, &mut reading);
    address(release, &mut notice, &mut reading);
    related(release, &mut notice, &mut reading);
    let law = release.at(&["tender", "crossBorderLaw"]).text();
    if reading.keep_line("tender.crossBorderLaw", law.as_deref()) {
        notice.joint = crate::formats::reading::joint(&notice.buyers);
        if let Some(joint) = &mut notice.joint {
            joint.evidence.push("cross-border-law".to_owned());
        }
    }
    reading.finish(&mut notice);
    notice
}

/// BT-702: the language of what has no suffix.
fn language(release: &Json<'_>, reading: &mut Reading) {
    if let Some(code) = release.text_of("language") {
        reading.language = Some(reading.language_of("language", &code).into_owned());
    }
}

/// `<ocid>/<release id>`, because a release's id is unique only within its process; the id alone where it begins with
/// the ocid. Without an id the content stands for it, so that the same release has one name in every package.
fn identity(release: &Json<'_>, document: &RawDocument, number: usize, reading: &mut Reading) -> Notice {
    let id = release.text_of("id");
    let ocid = release.text_of("ocid").map(std::borrow::Cow::into_owned).or_else(|| ocid_of(id.as_deref()?));
    let published = match (&ocid, &id) {
        (Some(ocid), Some(id)) if !id.contains(ocid.as_str()) => Some(format!("{ocid}/{id}")),
        (_, Some(id)) => Some(id.to_string()),
        (_, None) => None,
    };
    let by_content = || {
        let mut text = String::new();
        release.canonical(&mut text);
        let digest = RawId::of(text.as_bytes()).to_string();
        ocid.as_ref().map(|ocid| format!("{ocid}/{}", &digest[..16]))
    };
    if published.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "id", "");
    }
    if ocid.is_none() {
        reading.issue(IssueCode::MissingRequired, "ocid", "");
    }
    let local = published.clone().or_else(by_content);
    let id = notice_id(document, local.as_deref(), None, number);
    let source = document.origin.source.clone();
    let mut notice = Notice::new(id, source, super::FORMAT.name, document.id, Stage::Competition);
    notice.publication_id = published;
    notice.procedure_id.clone_from(&ocid);
    notice.ocid = ocid;
    notice
}

/// The national authority of Italy leaves the ocid out of releases whose ids begin with it.
fn ocid_of(id: &str) -> Option<String> {
    id.starts_with("ocds-").then(|| id.split('-').take(3).collect::<Vec<_>>().join("-"))
}

/// The notice type of the United Kingdom, from the document that is this release.
fn notice_type(release: &Json<'_>) -> Option<String> {
    let id = release.text_of("id").unwrap_or_default();
    let sections = ["planning", "tender", "awards", "contracts"];
    let documents =
        sections.iter().flat_map(|key| release.get(key).each()).flat_map(|node| node.get("documents").each());
    let typed: Vec<_> = documents.filter_map(|node| Some((node, node.text_of("noticeType")?))).collect();
    let own = typed.iter().rfind(|(node, _)| {
        let is_own = |key: &str| node.text_of(key).is_some_and(|text| !id.is_empty() && text.contains(id.as_ref()));
        is_own("id") || is_own("url")
    });
    own.or(typed.last()).map(|(_, code)| code.to_string())
}

/// BT-21 and BT-24: the first place that says it.
fn texts(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let tender = release.get("tender");
    let planning = release.get("planning");
    let (lots, awards, contracts) = (tender.get("lots"), release.get("awards"), release.get("contracts"));
    let titles: [(&Json<'_>, &str, &str); 9] = [
        (tender, "title", "tender.title"),
        (release, "title", "title"),
        (release, "name", "name"),
        (lots, "title", "tender.lots[].title"),
        (awards, "title", "awards[].title"),
        (contracts, "title", "contracts[].title"),
        (planning.get("project"), "title", "planning.project.title"),
        (planning.get("tender"), "title", "planning.tender.title"),
        (planning.get("budget"), "project", "planning.budget.project"),
    ];
    first_text(&titles, &mut notice.title, reading);
    let descriptions: [(&Json<'_>, &str, &str); 10] = [
        (tender, "description", "tender.description"),
        (release, "description", "description"),
        (lots, "description", "tender.lots[].description"),
        (awards, "description", "awards[].description"),
        (contracts, "description", "contracts[].description"),
        (planning.get("project"), "description", "planning.project.description"),
        (planning.get("tender"), "description", "planning.tender.description"),
        (planning.get("budget"), "description", "planning.budget.description"),
        (planning, "rationale", "planning.rationale"),
        (tender.get("items"), "description", "tender.items[].description"),
    ];
    first_text(&descriptions, &mut notice.description, reading);
    // Scotland and Wales write general remarks there, beside the description of what is bought.
    let mut remarks = Text::default();
    if tender.text_of("description").is_some() {
        tender::text(release, "description", "description", &mut remarks, reading);
    }
    if !remarks.is_empty()
        && remarks != notice.description
        && let Ok(value) = serde_json::to_value(&remarks)
    {
        reading.keep("description", value);
    }
}

fn first_text(places: &[(&Json<'_>, &str, &str)], into: &mut Text, reading: &mut Reading) {
    for (node, field, path) in places {
        for node in node.each() {
            tender::text(node, field, path, into, reading);
            if !into.is_empty() {
                return;
            }
        }
    }
}

/// OPP-012: what the section of the stage says, else the release's date. An update has its own date only there.
fn published(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let tender = release.get("tender");
    let section = match notice.stage {
        Stage::Competition | Stage::Consultation if !notice.correction => Some(("tender", tender)),
        Stage::Planning if !notice.correction && tender.is_object() => Some(("tender", tender)),
        Stage::Planning if !notice.correction => Some(("planning", release.get("planning"))),
        Stage::Result if !notice.correction => Some(("awards", release.get("awards"))),
        _ => None,
    };
    if let Some((name, section)) = section {
        let kind =
            |node: &Json<'_>| node.text_of("documentType").is_some_and(|kind| NOTICE_DOCUMENTS.contains(&&*kind));
        let own = section.text_of("datePublished");
        let mut documents = section.get("documents").each().filter(|node| kind(node));
        if let Some(day) = own.or_else(|| documents.find_map(|node| node.text_of("datePublished"))) {
            notice.published_on = reading.date(&format_args!("{name}.datePublished"), &day);
        }
    }
    let Some(written) = release.text_of("date") else {
        return reading.issue(IssueCode::MissingRequired, "date", "");
    };
    if let Some(moment) = reading.moment("date", &written) {
        notice.published_on = notice.published_on.or(Some(moment.date));
        reading.keep("date", moment.to_string());
    }
}

/// The page a reader opens: a document that is the notice, else the release's own links.
fn address(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let sections: &[&str] = match notice.stage {
        Stage::Result | Stage::Modification | Stage::Completion => &["awards", "contracts", "tender", "planning"],
        _ => &["tender", "planning", "awards"],
    };
    let id = release.text_of("id").unwrap_or_default();
    let documents =
        sections.iter().flat_map(|key| release.get(key).each()).flat_map(|node| node.get("documents").each());
    let notices: Vec<_> = documents
        .filter(|node| node.text_of("documentType").is_some_and(|kind| NOTICE_DOCUMENTS.contains(&&*kind)))
        .filter_map(|node| node.text_of("url"))
        .collect();
    let own = notices.iter().find(|url| !id.is_empty() && url.contains(id.as_ref()));
    let mut links = release.get("links").each();
    let canonical = links.find(|link| link.text_of("rel").as_deref() == Some("canonical"));
    let linked = canonical.and_then(|link| link.text_of("href")).or_else(|| release.at(&["links", "self"]).text());
    let candidates = [own.cloned(), notices.first().cloned(), linked, release.text_of("url"), release.text_of("uri")];
    for candidate in candidates.into_iter().flatten() {
        if let Some(url) = reading.url("url", &candidate) {
            notice.url = Some(url);
            return;
        }
    }
}

/// Earlier processes, and the releases that this one amends.
fn related(release: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let processes = release.get("relatedProcesses").each().chain(release.get("relatedProcess").each());
    for process in processes {
        let Some(id) = process.text_of("identifier").and_then(|id| reading.line(&id)) else { continue };
        let words: Vec<String> =
            process.get("relationship").each().filter_map(Json::text).map(std::borrow::Cow::into_owned).collect();
        let relation = if words.iter().any(|word| word == "planning") { Relation::Plans } else { Relation::Previous };
        let evidence = format!("relatedProcesses.{}", words.first().map_or("relationship", String::as_str));
        push_new(&mut notice.related, Related { id, relation, evidence });
    }
    let sections = ["tender", "awards", "contracts"];
    for amendment in
        sections.iter().flat_map(|key| release.get(key).each()).flat_map(|node| node.get("amendments").each())
    {
        let id = amendment.text_of("amendsReleaseID").or_else(|| amendment.text_of("amendsReleaseId"));
        if let Some(id) = id.and_then(|id| reading.line(&id)) {
            let evidence = "amendments.amendsReleaseID".to_owned();
            push_new(&mut notice.related, Related { id, relation: Relation::Changes, evidence });
        }
    }
}
