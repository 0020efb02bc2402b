//! eForms: the notices of TED since 2022, and of national publishers that use the same UBL schema.
//!
//! Notices come through several doors (`doors`: UBL, UBL inside a wrapper or as base64, UBL written as JSON, a JSON
//! tree of BT numbers) and all go through one mapper. The adapter reads block by block in the order of the schema; each function maps
//! one block and names its BT numbers (business terms of the eForms regulation). Contacts and beneficial owners
//! are not in its vocabulary, so they cannot leak. It refuses to know who published the document or why.

mod dialects;
mod doors;
mod fields;
mod names;
mod organisations;
mod project;
mod read;
mod relations;
mod result;

pub(super) use self::doors::{of_json, of_xml};
use self::names::El;
use self::organisations::Organisations;
use self::read::{Node, Reading, extended};
use super::Format;
use crate::codes;
use crate::ids::NoticeId;
use crate::issue::IssueCode;
use crate::notice::{Notice, Stage};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "eforms", version: 1, sniff: doors::sniff, parse: doors::parse };

/// The notice, in the order of the schema. Languages come first because every text depends on them, organisations
/// before what refers to them. `number` is its place in the document, from 1.
fn notice(root: Node<'_>, document: &RawDocument, number: usize, repaired: bool) -> Notice {
    let reading = &mut Reading::new();
    if repaired {
        reading.missing(IssueCode::RepairedText, "/");
    }
    let languages = languages(root, reading);
    let mut notice = identity(root, document, number, reading);
    notice.languages = languages;
    notice.stage = stage(root, &mut notice, reading);
    header(root, &mut notice, reading);
    let organisations = Organisations::collect(root, reading);
    (notice.buyers, notice.joint) = organisations::buyers(root, &organisations, reading);
    let zone = codes::zone_of(notice.buyers.iter().find_map(|buyer| buyer.country.as_deref()));
    relations::changes(root, &mut notice, reading);
    relations::modification(root, &mut notice, reading);
    for terms in root.all(El::TenderingTerms) {
        project::tendering_terms(terms, &mut notice, reading);
    }
    relations::process(root, &mut notice, reading);
    project::procedure(root, &mut notice, &zone, reading);
    let own = || root.first(El::TenderingProcess).and_then(|process| project::deadline(process, &zone, reading));
    notice.deadline = notice.lots.iter().filter_map(|lot| lot.deadline.clone()).min_by_key(|d| d.at).or_else(own);
    result::result(root, &mut notice, &organisations, reading);
    notice.url = notice.url.take().or_else(|| dialects::page(notice.documents_url.as_deref()));
    notice.issues = std::mem::take(&mut reading.issues);
    notice.extra = std::mem::take(&mut reading.extra);
    notice
}

/// BT-702: the official language, then the others.
fn languages<'t>(root: Node<'t>, reading: &mut Reading<'t>) -> Vec<String> {
    let official = root.first(El::NoticeLanguageCode);
    let others = root.all(El::AdditionalNoticeLanguage).flat_map(|language| language.all(El::ID));
    let mut found: Vec<String> = Vec::new();
    for node in official.into_iter().chain(others) {
        let Some(code) = reading.value(Some(node)) else { continue };
        let short = reading.language(node, code).into_owned();
        read::push_new(&mut found, short);
    }
    match official.map(Node::text).filter(|code| !code.is_empty()) {
        Some(code) => reading.official = codes::language(code).unwrap_or(code),
        None => reading.missing(IssueCode::MissingRequired, "cbc:NoticeLanguageCode"),
    }
    found
}

/// OPP-010, BT-701, BT-757 and what is made of them.
fn identity<'t>(root: Node<'t>, document: &RawDocument, number: usize, reading: &mut Reading<'t>) -> Notice {
    let source = &document.origin.source;
    let publication = extended(root, El::Publication);
    let written = publication.and_then(|node| reading.value(node.first(El::NoticePublicationID)));
    let uuid = reading.value(root.first(El::ID));
    let version = reading.value(root.first(El::VersionID));
    for (value, place) in [(uuid, "cbc:ID"), (version, "cbc:VersionID")] {
        if value.is_none() {
            reading.missing(IssueCode::MissingRequired, place);
        }
    }
    let (published, uuid) = dialects::numbers(root, written, uuid);
    if published.is_none() {
        reading.missing(IssueCode::MissingPublicationId, "efac:Publication/efbc:NoticePublicationID");
    }
    let local = match (published, uuid, version) {
        (Some(id), _, _) => id.split_whitespace().collect::<Vec<_>>().join("_"),
        (None, Some(uuid), version) => format!("{uuid}-{}", version.unwrap_or("01")),
        (None, None, _) => format!("{}#{number}", document.id),
    };
    let id = NoticeId::new(format!("{source}/{local}"));
    let mut notice = Notice::new(id, source.clone(), FORMAT.name, document.id, Stage::Competition);
    notice.publication_id = published.map(str::to_owned);
    notice.url = published.and_then(ted_page);
    notice.notice_uuid = uuid.map(str::to_owned);
    notice.version = version.map(str::to_owned);
    if written.is_some() && written != published {
        reading.keep("OPP-010", written);
    }
    if let Some(publication) = publication {
        notice.published_on = reading.date(publication.first(El::PublicationDate));
        if let Some(issue) = reading.line(publication.first(El::GazetteID)) {
            reading.keep("OPP-011", issue);
        }
    }
    notice
}

/// The page on TED for a publication number; addresses do not pad the number.
pub(super) fn ted_page(publication_id: &str) -> Option<String> {
    let (number, year) = publication_id.split_once('-')?;
    let number: u32 = number.parse().ok()?;
    let year: u16 = year.parse().ok().filter(|year| (1993..=2999).contains(year))?;
    Some(format!("https://ted.europa.eu/en/notice/-/detail/{number}-{year}"))
}

/// BT-03 with BT-02, else the root.
fn stage<'t>(root: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) -> Stage {
    let node = root.first(El::NoticeTypeCode);
    let notice_type = reading.value(node);
    if let Some(code) = notice_type {
        reading.keep("BT-02", code);
    }
    let form_type = node.and_then(|node| node.attribute("listName")).unwrap_or("");
    let stage = match form_type {
        "planning" => Stage::Planning,
        "consultation" => Stage::Consultation,
        "competition" => Stage::Competition,
        "dir-awa-pre" => Stage::DirectAward,
        "result" => Stage::Result,
        "cont-modif" => Stage::Modification,
        "completion" => Stage::Completion,
        // SDK 1.8 and older: a correction has a form type of its own.
        "change" => {
            notice.correction = true;
            Stage::Change
        }
        other => {
            reading.issue(IssueCode::UnknownStage, node.unwrap_or(root), other);
            return notice_type.and_then(stage_of_notice_type).unwrap_or_else(|| stage_of_root(root.name()));
        }
    };
    if let (Some(node), Some(code)) = (node, notice_type)
        && stage != Stage::Change
        && !codes::in_eforms_list("notice-type", code)
    {
        reading.issue(IssueCode::UnknownCode, node, code);
    }
    stage
}

/// BT-02 alone says the form type too.
fn stage_of_notice_type(code: &str) -> Option<Stage> {
    const LISTS: &[(&str, Stage)] = &[
        ("planning", Stage::Planning),
        ("consultation", Stage::Consultation),
        ("competition", Stage::Competition),
        ("dir-awa-pre", Stage::DirectAward),
        ("result", Stage::Result),
        ("cont-modif", Stage::Modification),
        ("completion", Stage::Completion),
    ];
    LISTS.iter().find(|(list, _)| codes::in_eforms_list(list, code)).map(|(_, stage)| *stage)
}

fn stage_of_root(root: El) -> Stage {
    match root {
        El::ContractAwardNotice => Stage::Result,
        El::PriorInformationNotice => Stage::Planning,
        _ => Stage::Competition,
    }
}

/// OPT-002, OPP-070, BT-05, BT-04, BT-01, BT-127.
fn header<'t>(root: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let sdk = root.first(El::CustomizationID);
    match reading.value(sdk) {
        Some(dialect) => {
            if !dialects::is_known(dialect) {
                reading.issue(IssueCode::UnknownDialect, sdk.unwrap_or(root), dialect);
            }
            reading.keep("OPT-002", dialect);
        }
        None => reading.missing(IssueCode::MissingRequired, "cbc:CustomizationID"),
    }
    let subtype = extended(root, El::NoticeSubType).and_then(|node| node.first(El::SubTypeCode));
    notice.subtype = dialects::subtype(root, subtype, reading);
    notice.dispatched_at = reading.moment(root.first(El::IssueDate), root.first(El::IssueTime));
    if notice.published_on.is_none() {
        // BT-738: not before the day that the buyer asks for.
        let dispatched = notice.dispatched_at.as_ref().map(|moment| moment.date);
        notice.published_on = reading.date(root.first(El::RequestedPublicationDate)).max(dispatched);
        if let Some(day) = notice.published_on {
            reading.issue(IssueCode::AssumedPublicationDay, root, &day.to_string());
        }
    }
    notice.procedure_id = reading.value(root.first(El::ContractFolderID)).map(str::to_owned);
    notice.legal_basis = dialects::legal_basis(root, reading);
    if let Some(day) = reading.date(root.first(El::PlannedDate)) {
        reading.keep("BT-127", day.to_string());
    }
    for (there, place) in [
        (subtype.is_some(), "efac:NoticeSubType/cbc:SubTypeCode"),
        (root.first(El::IssueDate).is_some(), "cbc:IssueDate"),
        (root.first(El::RegulatoryDomain).is_some(), "cbc:RegulatoryDomain"),
    ] {
        if !there {
            reading.missing(IssueCode::MissingRequired, place);
        }
    }
}
