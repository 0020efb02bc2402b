//! What national publishers do otherwise with the same schema: customisation ids, numbers and laws of their own.

use super::names::El;
use super::read::{Node, Reading};
use crate::codes;

/// Beginnings of OPT-002 that are known: the EU's own SDK, also with a national tailoring behind `#`
/// (Norway: `eforms-sdk-1.7#extended#urn:fdc:anskaffelser.no:2023:eforms:national`), and eForms-DE (1.x to 2.1, of
/// oeffentlichevergabe.de), which counts its versions itself.
const DIALECTS: &[&str] = &["eforms-sdk-", "eforms-de-"];

/// Norway's tailoring: where old forms were converted, BT-701 is Doffin's own number and OPP-010 names an earlier notice.
const NORWAY: &str = "urn:fdc:anskaffelser.no:";

/// Whether the customisation id is one that publishers are known to write.
pub(super) fn is_known(dialect: &str) -> bool {
    DIALECTS.iter().any(|known| dialect.starts_with(known))
}

/// The notice's own publication number and its UUID, from OPP-010 and BT-701 as written.
pub(super) fn numbers<'t>(
    root: Node<'t>,
    written: Option<&'t str>,
    uuid: Option<&'t str>,
) -> (Option<&'t str>, Option<&'t str>) {
    // Norway writes `n.a.` where there is none; all those notices would share one id.
    let published = written.filter(|id| !matches!(id.to_lowercase().as_str(), "n.a." | "n.a" | "n/a" | "na" | "-"));
    let dialect = root.first(El::CustomizationID).map_or("", Node::text);
    if !dialect.contains(NORWAY) {
        return (published, uuid);
    }
    // An issue of the Official Journal (`2023/S 193-601506`): the same number stands in OPP-090, as an earlier notice.
    let published = published.filter(|id| !id.contains("/S "));
    match uuid {
        Some(number) if published.is_none() && is_doffin_number(number) => (Some(number), None),
        _ => (published, uuid),
    }
}

/// `2023-684186`.
fn is_doffin_number(text: &str) -> bool {
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(year, number)| digits(year, 4) && digits(number, 6))
}

/// OPP-070. Norway's national forms are those of the EU with an `N` before them (`N16`), kept as written.
pub(super) fn subtype<'t>(root: Node<'t>, node: Option<Node<'t>>, reading: &mut Reading<'t>) -> Option<String> {
    let national = node.and_then(|node| node.text().strip_prefix('N'));
    let norwegian = root.first(El::CustomizationID).is_some_and(|id| id.text().contains(NORWAY));
    if norwegian && national.is_some_and(|number| codes::in_eforms_list("notice-subtype", number)) {
        return reading.value(node).map(str::to_owned);
    }
    reading.code(node, "notice-subtype").map(str::to_owned)
}

/// BT-01. National law is `other`, in any case; Germany has codes of its own (`de-vgv`), kept as written.
pub(super) fn legal_basis<'t>(root: Node<'t>, reading: &mut Reading<'t>) -> Option<String> {
    let node = root.first(El::RegulatoryDomain);
    let written = node.map_or("", Node::text);
    let lower = written.to_lowercase();
    let german =
        lower.starts_with("de-") && root.first(El::CustomizationID).is_some_and(|id| id.text().contains("-de-"));
    if german || codes::in_eforms_list("legal-basis", &lower) {
        return reading.value(node).map(|_| lower);
    }
    reading.code(node, "legal-basis").map(str::to_owned)
}

/// The page of the Estonian register: its number of a procedure stands in the address of the documents.
pub(super) fn page(documents: Option<&str>) -> Option<String> {
    let (_, rest) = documents?.split_once("riigihanked.riik.ee")?.1.split_once("/procurement/")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then(|| format!("https://riigihanked.riik.ee/rhr-web/#/procurement/{number}/general-info"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customisation_ids_of_national_publishers_are_known() {
        for known in ["eforms-sdk-1.13", "eforms-de-2.1", "eforms-sdk-1.7#urn:fdc:anskaffelser.no:2023:eforms:eu"] {
            assert!(is_known(known), "{known}");
        }
        assert!(!is_known("ubl-2.3"));
    }

    #[test]
    fn the_page_of_the_estonian_register_follows_from_its_documents() {
        let page = page(Some("https://riigihanked.riik.ee/rhr-web/#/procurement/123456/documents?group=B"));
        assert_eq!(page.as_deref(), Some("https://riigihanked.riik.ee/rhr-web/#/procurement/123456/general-info"));
        assert_eq!(super::page(Some("https://example.org/procurement/1/")), None);
    }

    #[test]
    fn numbers_of_doffin() {
        assert!(is_doffin_number("2023-684186"));
        for other in ["eb49096c-83fe-4bbe-97e0-ec45d380b44b", "00537513-2025", "2023-68418", "2023"] {
            assert!(!is_doffin_number(other), "{other}");
        }
    }
}
