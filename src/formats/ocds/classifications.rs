//! Classifications and code lists of OCDS and its profiles → CPV and the eForms codes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::tree::Json;
use crate::codes;
use crate::formats::reading::{Reading, lower, push_new};
use crate::issue::IssueCode;
use crate::notice::{Nature, Notice, Organisation};

/// COFOG divisions and the main activities of eForms, which follow them.
const COFOG: &[(&str, &str)] = &[
    ("01", "gen-pub"),
    ("02", "defence"),
    ("03", "pub-os"),
    ("04", "econ-aff"),
    ("05", "env-pro"),
    ("06", "hc-am"),
    ("07", "health"),
    ("08", "rcr"),
    ("09", "education"),
    ("10", "soc-pro"),
];

/// Authority types of the older TED forms, by code or by the beginning of their label, in lower case. An agency of a
/// state belongs to its central government, one of a region to the region.
const AUTHORITIES: &[(&str, &str)] = &[
    ("ministry", "cga"),
    ("national_agency", "cga"),
    ("national or federal agency", "cga"),
    ("regional_authority", "ra"),
    ("regional or local authority", "ra"),
    ("regional_agency", "ra"),
    ("regional or local agency", "ra"),
    ("body_public", "body-pl"),
    ("body governed by public law", "body-pl"),
    ("eu_institution", "eu-ins-bod-ag"),
    ("european institution", "eu-ins-bod-ag"),
];

/// Legal type and activity of a party; what is in neither list is kept as written.
pub(super) fn of_party(details: &Json<'_>, party: &mut Organisation, reading: &mut Reading) {
    for node in details.get("classifications").each() {
        let (Some(scheme), Some(id)) = (node.text_of("scheme"), node.text_of("id")) else { continue };
        let lower = id.to_lowercase();
        let known = match scheme.as_ref() {
            "eu-buyer-legal-type" | "buyer-legal-type" if codes::in_eforms_list("buyer-legal-type", &id) => {
                party.legal_type.get_or_insert_with(|| id.to_string());
                true
            }
            "eu-main-activity" | "main-activity" if codes::in_eforms_list("main-activity", &id) => {
                party.activity.get_or_insert_with(|| id.to_string());
                true
            }
            "COFOG" => COFOG.iter().find(|(code, _)| *code == id).is_some_and(|(_, code)| {
                party.activity.get_or_insert_with(|| (*code).to_owned());
                true
            }),
            "TED_CA_TYPE" => AUTHORITIES.iter().find(|(start, _)| lower.starts_with(start)).is_some_and(|(_, code)| {
                party.legal_type.get_or_insert_with(|| (*code).to_owned());
                true
            }),
            _ => false,
        };
        if !known || scheme == "TED_CA_TYPE" {
            reading.keep_in_list(&format!("parties[].details.classifications.{scheme}"), &id);
        }
    }
}

/// CPV codes of one object: its classification, the additional ones, and those of its items.
pub(super) fn cpv(node: &Json<'_>, path: &str, into: &mut Vec<String>, reading: &mut Reading) {
    one(node.get("classification"), path, into, reading);
    for key in ["additionalClassifications", "xClassifications", "classifications"] {
        for classification in node.get(key).each() {
            one(classification, path, into, reading);
        }
    }
    for item in node.get("items").each() {
        one(item.get("classification"), path, into, reading);
        for key in ["additionalClassifications", "xClassifications"] {
            for classification in item.get(key).each() {
                one(classification, path, into, reading);
            }
        }
    }
}

/// National lists that extend CPV (CPV-AM, ДК021) begin with its code. Without a scheme a code counts when CPV has it.
fn one(classification: &Json<'_>, path: &str, into: &mut Vec<String>, reading: &mut Reading) {
    if classification.is_null() {
        return;
    }
    let Some(id) = classification.text_of("id") else { return };
    let is_cpv = match classification.text_of("scheme") {
        Some(scheme) => {
            scheme == "CPV" || {
                let scheme = scheme.to_uppercase();
                let is = |name: &str| scheme.contains(name);
                (is("CPV") && !is("CPVS")) || is("ДК") || is("DK021") || is("DK 021")
            }
        }
        None => codes::cpv_digits(&id).is_some_and(|digits| codes::cpv_label(digits).is_some()),
    };
    if !is_cpv {
        return;
    }
    // The common case: eight digits that are already there.
    if id.len() == 8 && into.iter().any(|known| *known == id) {
        return;
    }
    for code in reading.cpv(path, &id) {
        push_new(into, code);
    }
}

/// BT-23, else what the division of the main CPV code stands for.
pub(super) fn nature(written: Option<&str>, cpv: &[String], reading: &mut Reading) -> Option<Nature> {
    if let Some(word) = written.filter(|word| !word.eq_ignore_ascii_case("none")) {
        if word.to_lowercase().contains("services") {
            return Some(Nature::Services);
        }
        return reading.nature("tender.mainProcurementCategory", word);
    }
    let division: u8 = cpv.first()?.get(..2)?.parse().ok()?;
    Some(match division {
        45 => Nature::Works,
        0..=44 | 48 => Nature::Supplies,
        _ => Nature::Services,
    })
}

/// Beginnings or parts of what publishers write about the procedure, lower case, and the eForms code; the first that
/// fits decides, so the more telling ones stand first.
const PROCEDURES: &[(&str, &str)] = &[
    ("competitive dialogue", "comp-dial"),
    ("dialogo competitivo", "comp-dial"),
    ("innovation partnership", "innovation"),
    ("partenariato per l", "innovation"),
    ("parternariato per l", "innovation"),
    ("competitive procedure with negotiation", "neg-w-call"),
    ("competitive flexible", "oth-mult"),
    ("other multiple stage", "oth-mult"),
    ("other single stage", "oth-single"),
    ("competitive tendering (article 5", "comp-tend"),
    ("request for expression of interest (article 5", "exp-int-rail"),
    ("senza previa", "neg-wo-call"),
    ("without prior", "neg-wo-call"),
    ("without publication", "neg-wo-call"),
    ("no preliminary announcement", "neg-wo-call"),
    ("without competi", "neg-wo-call"),
    ("direct award", "neg-wo-call"),
    ("single tender action", "neg-wo-call"),
    ("affidamento diretto", "neg-wo-call"),
    ("ajuste direto", "neg-wo-call"),
    ("adjudicación directa", "neg-wo-call"),
    ("contratación directa", "neg-wo-call"),
    ("negotiated with prior", "neg-w-call"),
    ("negotiated procedure with prior", "neg-w-call"),
    ("con previa indizione", "neg-w-call"),
    ("negoziata previa pubblicazione", "neg-w-call"),
    ("competitiva con negoziazione", "neg-w-call"),
    ("restricted procedure", "restricted"),
    ("procedura ristretta", "restricted"),
    ("accelerated restricted", "restricted"),
    ("open procedure", "open"),
    ("open competition", "open"),
    ("procedura aperta", "open"),
    ("licitación pública", "open"),
    ("licitaţie publică", "open"),
    ("concurso público", "open"),
    ("公開招標", "open"),
];

static PROCEDURE_WORDS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(PROCEDURES.iter().map(|(words, _)| words)).expect("the words are few and short"));

/// BT-105: the publisher's words tell more than the four methods of OCDS; both are kept.
pub(super) fn procedure(tender: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let details = tender.text_of("procurementMethodDetails");
    let method = tender.text_of("procurementMethod");
    let by_words = [details.as_deref(), method.as_deref()].into_iter().flatten().find_map(|text| {
        // A whole paragraph about the procedure says many things.
        let beginning = lower(text.char_indices().nth(150).map_or(text, |(at, _)| &text[..at]));
        let fitting = PROCEDURE_WORDS.find_overlapping_iter(&*beginning).map(|found| found.pattern().as_usize());
        fitting.min().map(|first| PROCEDURES[first].1)
    });
    let by_method = method.as_deref().and_then(|method| match lower(method).as_ref() {
        "open" => Some("open"),
        "selective" => Some("restricted"),
        "limited" | "direct" => Some("neg-wo-call"),
        _ => None,
    });
    if notice.procedure_type.is_none() {
        notice.procedure_type = by_words.or(by_method).map(str::to_owned);
    }
    for (key, text) in [("procurementMethod", method), ("procurementMethodDetails", details)] {
        reading.keep_line(&format_args!("tender.{key}"), text.as_deref());
    }
}

/// BT-01: a CELEX number, else kept as written.
pub(super) fn legal_basis(tender: &Json<'_>, notice: &mut Notice, reading: &mut Reading) {
    let node = tender.get("legalBasis");
    let Some(written) = node.text_of("id").or_else(|| node.text()) else { return };
    let derived = node.at(&["wasDerivedFrom", "id"]).text();
    let known = [Some(&written), derived.as_ref()].into_iter().flatten();
    let celex = known.map(AsRef::as_ref).find(|code: &&str| codes::in_eforms_list("legal-basis", code));
    notice.legal_basis = celex.map(str::to_owned);
    if celex.is_none() && node.text_of("scheme").as_deref() == Some("CELEX") {
        if !codes::in_eforms_list("legal-basis", &written) {
            reading.issue(IssueCode::UnknownCode, "tender.legalBasis", &written);
        }
        notice.legal_basis = Some(written.into_owned());
    } else if celex != Some(written.as_ref()) {
        reading.keep("tender.legalBasis", written.into_owned());
    }
}

/// BT-765, BT-766 from the techniques extension, of the tender or of a lot.
pub(super) fn techniques(node: &Json<'_>, into: &mut Vec<String>, reading: &mut Reading) {
    let techniques = node.get("techniques");
    let framework = techniques.get("frameworkAgreement");
    if techniques.get("hasFrameworkAgreement").is_true() || framework.is_object() {
        match framework.text_of("method").as_deref() {
            Some("withReopeningCompetition") => push_new(into, "fa-w-rc".to_owned()),
            Some("withoutReopeningCompetition") => push_new(into, "fa-wo-rc".to_owned()),
            Some("withAndWithoutReopeningCompetition") => push_new(into, "fa-mix".to_owned()),
            // eForms has no code for a framework agreement of an unknown kind.
            _ => reading.keep("tender.techniques.hasFrameworkAgreement", true),
        }
    }
    let system = techniques.get("dynamicPurchasingSystem");
    if techniques.get("hasDynamicPurchasingSystem").is_true() || system.is_object() {
        let open = system.text_of("type").as_deref() == Some("open");
        push_new(into, if open { "dps-nlist" } else { "dps-list" }.to_owned());
    }
    if techniques.get("hasElectronicAuction").is_true() {
        push_new(into, "electronic-auction".to_owned());
    }
}
