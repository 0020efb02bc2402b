//! Codes of TED's coded data and forms → eForms codes, and publication numbers.

use crate::notice::{Nature, Stage};

/// TD_DOCUMENT_TYPE. `None` for what only the form itself tells (8 other, 9 not applicable) or nobody knows.
pub(super) fn stage(document_type: &str) -> Option<Stage> {
    Some(match document_type {
        // Prior information, general information, buyer profile, periodic and qualification systems without a call.
        "0" | "6" | "B" | "P" | "Q" => Stage::Planning,
        // Corrigenda and additional information.
        "1" | "2" => Stage::Change,
        // Contract, prequalification, proposals, with call: prior information, periodic, qualification; concessions,
        // design contest, subcontracts, expressions of interest, dynamic purchasing system.
        "3" | "4" | "5" | "A" | "C" | "D" | "E" | "F" | "H" | "I" | "M" | "O" | "Y" => Stage::Competition,
        // Contract award, concession award, result of a design contest.
        "7" | "J" | "R" => Stage::Result,
        "K" => Stage::Modification,
        "V" => Stage::DirectAward,
        _ => return None,
    })
}

/// The number of a standard form (`F03`, `3`, `T01`).
pub(super) fn stage_of_form(form: &str) -> Option<Stage> {
    let number = form.trim_start_matches('F').trim_start_matches('0');
    Some(match number {
        "1" | "4" | "8" | "16" | "T01" => Stage::Planning,
        "2" | "5" | "7" | "9" | "10" | "11" | "12" | "17" | "19" | "21" | "22" | "24" => Stage::Competition,
        "3" | "6" | "13" | "18" | "23" | "25" | "T02" => Stage::Result,
        "14" => Stage::Change,
        "15" => Stage::DirectAward,
        "20" => Stage::Modification,
        _ => return None,
    })
}

/// NC_CONTRACT_NATURE.
pub(super) fn nature(code: &str) -> Option<Nature> {
    match code {
        "1" => Some(Nature::Works),
        "2" => Some(Nature::Supplies),
        "4" => Some(Nature::Services),
        _ => None,
    }
}

/// PR_PROC → BT-105. Concession awards (E), contests (D, R) and "not specified" have no such code.
pub(super) fn procedure_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "open",
        "2" | "3" => "restricted",
        "4" | "6" | "B" => "neg-w-call",
        "C" => "comp-dial",
        "G" => "innovation",
        "A" | "F" | "T" | "V" => "neg-wo-call",
        _ => return None,
    })
}

/// AA_AUTHORITY_TYPE, else CA_TYPE → BT-11. A utility (4) may be public or private, so it has no code.
pub(super) fn legal_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" | "MINISTRY" => "cga",
        "3" | "REGIONAL_AUTHORITY" => "ra",
        "5" | "EU_INSTITUTION" => "eu-ins-bod-ag",
        "6" | "BODY_PUBLIC" => "body-pl",
        "N" | "NATIONAL_AGENCY" => "body-pl-cga",
        "R" | "REGIONAL_AGENCY" => "body-pl-ra",
        _ => return None,
    })
}

/// MA_MAIN_ACTIVITIES, else the forms' words → BT-10, BT-610.
pub(super) fn activity(code: &str) -> Option<&'static str> {
    const WORDS: &[(&str, &str)] = &[
        ("HOUSING", "hc-am"),
        ("SOCIAL_PROTECTION", "soc-pro"),
        ("RECREATION", "rcr"),
        ("DEFENCE", "defence"),
        ("ENVIRONMENT", "env-pro"),
        ("ECONOMIC", "econ-aff"),
        ("PRODUCTION_TRANSPORT", "gas-heat"),
        ("HEALTH", "health"),
        ("AIRPORT", "airport"),
        ("EXPLORATION_EXTRACTION_GAS", "gas-oil"),
        ("EXPLORATION_EXTRACTION_COAL", "solid-fuel"),
        ("PORT_", "port"),
        ("EDUCATION", "education"),
        ("ELECTRICITY", "electricity"),
        ("POSTAL", "post"),
        ("RAILWAY", "rail"),
        ("GENERAL_PUBLIC", "gen-pub"),
        ("URBAN_RAILWAY", "urttb"),
        ("PUBLIC_ORDER", "pub-os"),
        ("WATER", "water"),
    ];
    Some(match code {
        "A" => "hc-am",
        "B" => "soc-pro",
        "C" => "rcr",
        "D" => "defence",
        "E" => "env-pro",
        "F" => "econ-aff",
        "G" => "gas-heat",
        "H" => "health",
        "I" => "airport",
        "J" => "gas-oil",
        "K" => "port",
        "L" => "education",
        "M" => "solid-fuel",
        "N" => "electricity",
        "P" => "post",
        "R" => "rail",
        "S" => "gen-pub",
        "T" => "urttb",
        "U" => "pub-os",
        "W" => "water",
        _ => return WORDS.iter().find(|(start, _)| code.starts_with(start)).map(|(_, code)| *code),
    })
}

/// `2014/24/EU` → `32014L0024`; what is CELEX already stays.
pub(super) fn legal_basis(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let mut parts = text.split('/');
    if let (Some(year), Some(number), Some(_)) = (parts.next(), parts.next(), parts.next())
        && year.len() == 4
        && let (Ok(year), Ok(number)) = (year.parse::<u16>(), number.parse::<u16>())
    {
        return Some(format!("3{year}L{number:04}"));
    }
    Some(if text.eq_ignore_ascii_case("other") { "other".to_owned() } else { text.to_owned() })
}

/// `2016/S 001-000001` → `000001-2016`, padded as eForms' publication numbers are printed for these years.
pub(super) fn publication(number_in_oj: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, rest) = number_in_oj.trim().split_once('/')?;
    let (_, number) = rest.rsplit_once('-')?;
    let (year, number) = (year.trim(), number.trim());
    (year.len() == 4 && digits(year) && digits(number)).then(|| format!("{number:0>6}-{year}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn numbers_of_the_journal_become_publication_numbers() {
        for (text, expected) in [
            ("2016/S 001-000001", Some("000001-2016")),
            ("2011/S 16-023396", Some("023396-2011")),
            (" 2017/S 160-330374 ", Some("330374-2017")),
            ("2016/S 001", None),
            ("see 12-3", None),
            ("", None),
        ] {
            assert_eq!(publication(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn directives_become_celex() {
        for (text, expected) in [
            ("2014/24/EU", Some("32014L0024")),
            ("2009/81/EC", Some("32009L0081")),
            ("32007R1370", Some("32007R1370")),
            ("OTHER", Some("other")),
            ("", None),
        ] {
            assert_eq!(legal_basis(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn every_code_is_one_of_eforms() {
        for code in ('0'..='9').chain('A'..='Z').map(|code| code.to_string()) {
            for (list, found) in [("procedure-type", procedure_type(&code)), ("buyer-legal-type", legal_type(&code))] {
                assert!(found.is_none_or(|found| codes::in_eforms_list(list, found)), "{list} {code}");
            }
            assert!(activity(&code).is_none_or(|found| {
                codes::in_eforms_list("authority-activity", found) || codes::in_eforms_list("entity-activity", found)
            }));
        }
        assert_eq!(activity("URBAN_RAILWAY_TRAMWAY_TROLLEYBUS_BUS_SERVICES"), Some("urttb"));
        assert_eq!(activity("PORT_RELATED_ACTIVITIES"), Some("port"));
        assert_eq!(stage_of_form("F03"), Some(Stage::Result));
        assert_eq!(stage_of_form("20"), Some(Stage::Modification));
    }
}
