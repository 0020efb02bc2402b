//! TED_EXPORT: the notices of TED from 2011 to 2024, before eForms (editions R2.0.7, R2.0.8 and R2.0.9).
//!
//! One document is one notice: coded data of the Publications Office, the form in its original language or languages
//! with translations, and titles in all languages. Elements are known by local name, because namespaces differ
//! between editions and wrappers between forms; one field has one name here. Money, dates and texts are read from
//! the original form, codes from the coded data, else from the form. It refuses to know contact persons, juries,
//! review bodies and further addresses, and who published the document.

mod award;
mod codes;
mod form;
mod names;
mod read;

use self::names::{El, VOCABULARY};
use self::read::{Node, clean};
use super::reading::{Reading, notice_id, place_of_nuts, push_new, put};
use super::{Format, ParseError, Parsed, eforms, xml};
use crate::codes::zone_of;
use crate::issue::{IssueCode, NonNotice};
use crate::notice::{Notice, Organisation, Related, Relation, Role, Stage, Text};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "ted-export", version: 1, sniff, parse };

/// References of one notice.
const MAX_RELATED: usize = 1000;

/// The root's local name; editions put it in many namespaces.
fn sniff(bytes: &[u8]) -> bool {
    xml::root_of(bytes).is_ok_and(|root| root.local == "TED_EXPORT")
}

/// Reads one document: one notice, or none when it registers a company.
fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let text = xml::Document::decode(&document.body)?;
    let root = text.read(&VOCABULARY)?;
    let Some(tree) = root.filter(|tree| tree.root().name() == El::Export) else {
        let found = xml::root_of(&document.body).map_or_else(|error| error.to_string(), |root| root.to_string());
        return Err(ParseError::NotThisFormat { format: FORMAT.name, found });
    };
    let mut parsed = Parsed::default();
    let document_type = coded(tree.root(), El::DocumentType).and_then(|node| node.attribute("CODE"));
    // European economic interest groupings and European companies: nothing is bought.
    if matches!(document_type, Some("G" | "S")) {
        parsed.non_notice(NonNotice::CompanyRegistration);
    } else {
        parsed.notice(notice(tree.root(), document, text.repaired));
    }
    Ok(parsed)
}

/// The first element of this name in the coded data.
fn coded(root: Node<'_>, name: El) -> Option<Node<'_>> {
    root.first(El::Coded)?.within(|inner| inner == El::RefNotice).find(|node| node.name() == name)
}

/// All elements of this name in the coded data.
fn all_coded(root: Node<'_>, name: El) -> impl Iterator<Item = Node<'_>> {
    let data = root.first(El::Coded).into_iter();
    data.flat_map(|data| data.within(|_| false)).filter(move |node| node.name() == name)
}

fn notice(root: Node<'_>, document: &RawDocument, repaired: bool) -> Notice {
    let country = coded(root, El::CodedCountry).and_then(|node| node.attribute("VALUE"));
    let iso2 = country.and_then(crate::codes::country_of).map(|country| country.iso2.as_str());
    let mut reading = Reading::new(zone_of(iso2));
    let reading = &mut reading;
    if repaired {
        reading.issue(IssueCode::RepairedText, "/", "");
    }
    let forms = Forms::find(root);
    reading.language = forms.languages.first().cloned();
    let mut notice = identity(root, document, reading);
    notice.languages.clone_from(&forms.languages);
    codes_of(root, &forms, &mut notice, reading);
    if let Some(main) = forms.originals.first() {
        form::read(*main, &mut notice, reading);
    }
    for other in forms.originals.iter().skip(1).chain(&forms.translations) {
        form::other_language(*other, &mut notice, reading);
    }
    titles(root, &forms, &mut notice, reading);
    nameless_buyer(root, &forms, &mut notice, reading);
    buyer_codes(root, &mut notice, reading);
    joint(&forms, &mut notice, reading);
    for node in all_coded(root, El::CodedCpv) {
        let found = reading.cpv("NOTICE_DATA/ORIGINAL_CPV", node.attribute("CODE").unwrap_or(""));
        found.into_iter().for_each(|code| push_new(&mut notice.cpv, code));
    }
    places(root, &mut notice, reading);
    if let Some(node) = coded(root, El::Submission) {
        let found = reading.deadline("CODIF_DATA/DT_DATE_FOR_SUBMISSION", &read::stamp(node.text()));
        notice.deadline = found.or(notice.deadline.take());
    }
    let deadline = notice.deadline.clone();
    notice.lots.iter_mut().for_each(|lot| lot.deadline.clone_from(&deadline));
    references(root, &mut notice, reading);
    let mut done = Reading::new(jiff::tz::TimeZone::UTC);
    std::mem::swap(&mut done, reading);
    done.finish(&mut notice);
    notice
}

/// The forms of a document.
struct Forms<'t> {
    originals: Vec<Node<'t>>,
    translations: Vec<Node<'t>>,
    /// ISO 639-1 of the originals.
    languages: Vec<String>,
}

impl<'t> Forms<'t> {
    /// `CATEGORY` tells originals from translations; a document without an original has the language of LG_ORIG, or
    /// begins with it.
    fn find(root: Node<'t>) -> Self {
        let original = coded(root, El::OriginalLanguage).map_or("", Node::text);
        let mut originals: Vec<Node<'t>> = Vec::new();
        let mut translations = Vec::new();
        for form in root.all(El::Forms).flat_map(Node::children).filter(|node| node.attribute("LG").is_some()) {
            let is_original = form.attribute("CATEGORY") == Some("ORIGINAL");
            if is_original { &mut originals } else { &mut translations }.push(form);
        }
        if originals.is_empty() && !translations.is_empty() {
            let known = |form: &Node<'t>| form.attribute("LG").is_some_and(|code| original.starts_with(code));
            originals.push(translations.remove(translations.iter().position(known).unwrap_or(0)));
        }
        let mut languages = Vec::new();
        let declared = originals.iter().filter_map(|form| form.attribute("LG")).chain(original.split_whitespace());
        for code in declared.filter_map(crate::codes::language) {
            push_new(&mut languages, code.to_owned());
        }
        Self { originals, translations, languages }
    }
}

fn identity(root: Node<'_>, document: &RawDocument, reading: &mut Reading) -> Notice {
    let number = coded(root, El::NumberInOj).map_or("", Node::text);
    let attribute = root.attribute("DOC_ID").filter(|id| !id.is_empty());
    let published = codes::publication(number).or_else(|| attribute.map(str::to_owned));
    if published.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "NOTICE_DATA/NO_DOC_OJS", number);
    }
    if !number.is_empty() {
        reading.keep("NOTICE_DATA/NO_DOC_OJS", number);
    }
    let id = notice_id(document, published.as_deref(), None, 1);
    let source = document.origin.source.clone();
    let mut notice = Notice::new(id, source, FORMAT.name, document.id, Stage::Competition);
    notice.url = published.as_deref().and_then(eforms::ted_page);
    notice.publication_id = published;
    let day = coded(root, El::PublishedOn).map_or("", Node::text);
    notice.published_on = reading.date("REF_OJS/DATE_PUB", day);
    let sent = coded(root, El::Dispatch).map_or("", Node::text);
    notice.dispatched_at = reading.moment("CODIF_DATA/DS_DATE_DISPATCH", &read::stamp(sent));
    notice
}

/// Stage, nature, procedure type and legal basis: from the coded data, else from the form.
fn codes_of(root: Node<'_>, forms: &Forms<'_>, notice: &mut Notice, reading: &mut Reading) {
    let code = |name| coded(root, name).and_then(|node| node.attribute("CODE")).unwrap_or("");
    let main = forms.originals.first().copied();
    let number = main.and_then(|form| form.attribute("FORM")).unwrap_or("");
    let document_type = code(El::DocumentType);
    for (path, value) in [
        ("CODIF_DATA/TD_DOCUMENT_TYPE", document_type),
        ("CODIF_DATA/PR_PROC", code(El::CodedProcedure)),
        ("FORM_SECTION/@FORM", number),
        ("FORM_SECTION/@VERSION", main.and_then(|form| form.attribute("VERSION")).unwrap_or("")),
    ] {
        if !value.is_empty() {
            reading.keep(path, value);
        }
    }
    // A corrigendum is coded as additional information, whatever it corrects.
    let found = codes::stage_of_form(number).filter(|stage| *stage == Stage::Change);
    notice.stage =
        found.or_else(|| codes::stage(document_type)).or_else(|| codes::stage_of_form(number)).unwrap_or_else(|| {
            reading.issue(IssueCode::UnknownStage, "CODIF_DATA/TD_DOCUMENT_TYPE", document_type);
            Stage::Competition
        });
    notice.correction = notice.stage == Stage::Change;
    notice.nature = codes::nature(code(El::ContractNature));
    notice.procedure_type = codes::procedure_type(code(El::CodedProcedure)).map(str::to_owned);
    let attribute = |node: Node<'_>| node.attribute("VALUE").and_then(codes::legal_basis);
    let in_form = main.and_then(|form| {
        let mut said = form.children().filter(|node| matches!(node.name(), El::LegalBasis | El::Directive));
        said.find_map(attribute)
    });
    // Forms 16 to 19 exist for the defence directive alone.
    let by_form = || matches!(number, "16" | "17" | "18" | "19").then(|| "32009L0081".to_owned());
    notice.legal_basis = in_form.or_else(|| coded(root, El::Directive).and_then(attribute)).or_else(by_form);
}

/// Titles that the Publications Office prints in every language, where no form has one.
fn titles(root: Node<'_>, forms: &Forms<'_>, notice: &mut Notice, reading: &mut Reading) {
    let printed: Vec<Node<'_>> = root
        .all(El::Translations)
        .flat_map(|section| section.within(|inner| inner == El::MlTitle))
        .filter(|node| node.name() == El::MlTitle)
        .collect();
    for node in printed {
        let Some(text) = node.first(El::MlText) else { continue };
        let code = node.attribute("LG").unwrap_or("");
        let language = reading.language_of("ML_TITLES/ML_TI_DOC/@LG", code);
        if notice.title.get(&language).is_none() {
            reading.text(&mut notice.title, "ML_TITLES/ML_TI_DOC/TI_TEXT", Some(code), &clean(text.text()));
        }
    }
    if notice.title.is_empty()
        && let Some(form) = forms.originals.first()
        && let Some(text) = read::inside(*form, El::OtherTitle)
    {
        reading.text(&mut notice.title, "FD_OTH_NOT/TI_DOC", form.attribute("LG"), &clean(text.text()));
    }
    if let Some(official) = notice.languages.first() {
        notice.title.put_first(official);
    }
}

/// A form without a buyer (OTH_NOT): the names in the translation section, else the address in its text.
fn nameless_buyer(root: Node<'_>, forms: &Forms<'_>, notice: &mut Notice, reading: &mut Reading) {
    if !notice.buyers.is_empty() {
        return;
    }
    let sections = || root.all(El::Translations).flat_map(|section| section.within(|_| false));
    let mut names = Text::default();
    for node in sections().filter(|node| node.name() == El::MlName) {
        let code = node.attribute("LG").unwrap_or("");
        let language = reading.language_of("ML_AA_NAMES/AA_NAME/@LG", code);
        if let Some(name) = reading.line(node.text()).filter(|_| names.get(&language).is_none()) {
            names.push(&language, &name);
        }
    }
    if let Some(official) = notice.languages.first() {
        names.put_first(official);
    }
    let Some((language, name)) = names.first().map(|(language, name)| (language.to_owned(), name.to_owned())) else {
        // In 2011 these names are empty; a notice of free text has one address, its buyer's.
        let address = forms.originals.first().and_then(|form| read::inside(*form, El::LooseAddress));
        if let Some(mut buyer) = address.and_then(|node| read::organisation(node, "ADDRESS_NOT_STRUCT", reading)) {
            buyer.roles.push(Role::Buyer);
            put(&mut notice.buyers, buyer);
        }
        return;
    };
    let town = sections()
        .filter(|node| node.name() == El::MlTitle)
        .find(|node| node.attribute("LG").and_then(crate::codes::language) == Some(language.as_str()));
    let country = coded(root, El::CodedCountry).and_then(|node| node.attribute("VALUE")).unwrap_or("");
    put(
        &mut notice.buyers,
        Organisation {
            names: names.iter().filter(|(_, other)| *other != name).collect(),
            city: town.and_then(|node| node.first(El::MlTown)).and_then(|node| reading.line(node.text())),
            country: reading.country("NOTICE_DATA/ISO_COUNTRY", country),
            name: Some(name),
            roles: vec![Role::Buyer],
            ..Organisation::default()
        },
    );
}

/// BT-11 and BT-10 of the first buyer, whose the coded data are.
fn buyer_codes(root: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let country = coded(root, El::CodedCountry).and_then(|node| node.attribute("VALUE")).unwrap_or("");
    let coded_country = reading.country("NOTICE_DATA/ISO_COUNTRY", country);
    let Some(buyer) = notice.buyers.first_mut() else { return };
    if buyer.country.is_none() {
        buyer.country = coded_country;
    }
    let code = |name| coded(root, name).and_then(|node| node.attribute("CODE")).unwrap_or("");
    let (kind, activity) = (code(El::AuthorityType), code(El::MainActivity));
    buyer.legal_type = codes::legal_type(kind).map(str::to_owned).or(buyer.legal_type.take());
    buyer.activity = codes::activity(activity).map(str::to_owned).or(buyer.activity.take());
    for (path, code) in [("CODIF_DATA/AA_AUTHORITY_TYPE", kind), ("CODIF_DATA/MA_MAIN_ACTIVITIES", activity)] {
        if !code.is_empty() {
            reading.keep(path, code);
        }
    }
}

/// What the form says about buying together. The name of a law alone is mostly that of the buyer's own country, so it
/// counts only beside another sign.
fn joint(forms: &Forms<'_>, notice: &mut Notice, reading: &mut Reading) {
    let Some(form) = forms.originals.first() else { return };
    let says = |name| form.within(|inner| matches!(inner, El::Lot | El::Award)).find(|node| node.name() == name);
    let law = says(El::Law).map(|node| clean(node.text())).filter(|law| !law.is_empty());
    if let Some(law) = &law {
        reading.keep("CONTRACTING_BODY/PROCUREMENT_LAW", law.as_str());
    }
    let mut joint = super::reading::joint(&notice.buyers);
    if says(El::Joint).is_some() {
        let found = joint.get_or_insert_with(|| crate::notice::Joint {
            buyers: u32::try_from(notice.buyers.len()).unwrap_or(u32::MAX),
            countries: notice.buyer_countries().into_iter().map(str::to_owned).collect(),
            ..crate::notice::Joint::default()
        });
        found.evidence.push("joint-procurement".to_owned());
    }
    if let Some(found) = joint.as_mut().filter(|_| law.is_some()) {
        found.evidence.push("cross-border-law".to_owned());
    }
    notice.joint = joint;
}

/// Places of performance that the coded data have; before 2016 they list any NUTS code of the notice.
fn places(root: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let known = !notice.places.is_empty() || notice.lots.iter().any(|lot| !lot.places.is_empty());
    let mut found: Vec<Node<'_>> = all_coded(root, El::PerformanceNuts).collect();
    if found.is_empty() && !known {
        found = all_coded(root, El::OriginalNuts).collect();
    }
    for node in found {
        if let Some(nuts) = reading.nuts("NOTICE_DATA/PERFORMANCE_NUTS", node.attribute("CODE").unwrap_or("")) {
            push_new(&mut notice.places, place_of_nuts(nuts));
        }
    }
}

/// REF_NOTICE, which every kind of notice may have.
fn references(root: Node<'_>, notice: &mut Notice, reading: &mut Reading) {
    let relation = match notice.stage {
        Stage::Change => Relation::Changes,
        Stage::Modification => Relation::Modifies,
        _ => Relation::Previous,
    };
    let found: Vec<Node<'_>> = all_coded(root, El::RefNotice).flat_map(|node| node.all(El::NumberInOj)).collect();
    for node in found {
        refer(node.text(), relation, "NOTICE_DATA/REF_NOTICE/NO_DOC_OJS", notice, reading);
    }
}

/// A notice referred to; each once, by what is said first.
fn refer(number: &str, relation: Relation, path: &str, notice: &mut Notice, reading: &mut Reading) {
    let Some(line) = reading.line(number).filter(|_| notice.related.len() < MAX_RELATED) else { return };
    let id = codes::publication(&line).unwrap_or(line);
    if notice.related.iter().all(|known| known.id != id) {
        push_new(&mut notice.related, Related { id, relation, evidence: path.to_owned() });
    }
}
