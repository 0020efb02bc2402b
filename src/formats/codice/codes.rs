//! The code lists of CODICE (`contrataciondelestado.es/codice/cl`) in the terms of eForms.

use crate::notice::{Nature, Stage};

/// SyndicationContractFolderStatusCode. `EV` (tenders are being examined) is still the call.
pub(super) fn stage(status: &str) -> Option<Stage> {
    Some(match status {
        "PRE" => Stage::Planning,
        "CPM" => Stage::Consultation,
        "PUB" | "EV" => Stage::Competition,
        "ADJ" | "RES" | "DES" => Stage::Result,
        "ANUL" => Stage::Cancellation,
        _ => return None,
    })
}

/// ContractCode; `None` outside the list. Special administrative, private and property contracts, partnerships and
/// "others" have no nature in eForms.
pub(super) fn nature(code: &str) -> Option<Option<Nature>> {
    Some(match code {
        "1" => Some(Nature::Supplies),
        "2" | "21" | "22" => Some(Nature::Services),
        "3" | "31" | "32" => Some(Nature::Works),
        "7" | "8" | "40" | "50" | "999" => None,
        _ => return None,
    })
}

/// SyndicationTenderingProcessCode; `None` outside the list. Small contracts (6) and orders out of a framework (7), a
/// partnership (11) or a dynamic purchasing system (12) are other procedures of one stage. Design contests (8), own
/// rules (100) and "others" do not say which procedure they follow.
pub(super) fn procedure(code: &str) -> Option<Option<&'static str>> {
    Some(match code {
        "1" | "9" => Some("open"),
        "2" => Some("restricted"),
        "3" => Some("neg-wo-call"),
        "4" | "13" => Some("neg-w-call"),
        "5" => Some("comp-dial"),
        "10" => Some("innovation"),
        "6" | "7" | "11" | "12" => Some("oth-single"),
        "8" | "100" | "999" => None,
        _ => return None,
    })
}

/// TenderResultCode → BT-142 and BT-144; `None` outside the list. `10` asks the best tenderer for papers: no winner
/// yet. "Deserted" (3, 6, 7) without tenders is eForms' own reason, with tenders none of them was good.
pub(super) fn result(code: &str, received: Option<u32>) -> Option<(&'static str, Option<&'static str>)> {
    let deserted = match received {
        Some(0) => Some("no-rece"),
        Some(_) => Some("all-rej"),
        None => None,
    };
    Some(match code {
        "1" | "2" | "8" | "9" => ("selec-w", None),
        "10" => ("open-nw", None),
        "3" | "7" => ("clos-nw", deserted),
        "6" => ("open-nw", deserted),
        // "Desistimiento" follows from a fault in the procedure, "renuncia" from public interest (LCSP, article 152).
        "4" => ("clos-nw", Some("tch-pr-error")),
        "5" => ("clos-nw", Some("other")),
        _ => return None,
    })
}

/// ContractingAuthorityCode → BT-11, where the two lists agree.
pub(super) fn legal_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "cga",
        "2" => "ra",
        "3" => "la",
        "4" => "body-pl",
        _ => return None,
    })
}

/// ContractingAuthorityActivityCode → BT-10, where the two lists agree.
pub(super) fn activity(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "gen-pub",
        "2" => "defence",
        "3" => "pub-os",
        _ => return None,
    })
}

/// A directive's number in free text → CELEX.
pub(super) fn legal_basis(text: &str) -> Option<&'static str> {
    let known =
        [("2009/81", "32009L0081"), ("2014/23", "32014L0023"), ("2014/24", "32014L0024"), ("2014/25", "32014L0025")];
    known.iter().find(|(number, _)| text.contains(number)).map(|(_, celex)| *celex)
}

/// The unit of BT-36.
pub(super) fn unit(code: &str) -> &str {
    match code {
        "MON" => "MONTH",
        "ANN" => "YEAR",
        "WEE" => "WEEK",
        other => other,
    }
}

/// Whether a tax number is one of a person: DNI and NIE (8 digits, or one of X Y Z K L M and 7 digits, and a letter),
/// or one that the publisher masked (`***1234**`), which is done for persons only.
pub(super) fn is_personal(number: &str) -> bool {
    let masked = |c: char| matches!(c, '*' | 'x' | 'X');
    let digits = number.chars().filter(char::is_ascii_digit).count();
    if digits > 1 && (number.contains('*') || (digits >= 3 && number.chars().rev().take(3).all(masked))) {
        return true;
    }
    let clean: Vec<u8> = number.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
    let [first, middle @ .., last] = &clean[..] else { return false };
    clean.len() == 9
        && last.is_ascii_alphabetic()
        && middle.iter().all(u8::is_ascii_digit)
        && (first.is_ascii_digit() || b"XYZKLM".contains(first))
}

/// A tax number that says nothing: `-`, `.`, `pendiente`, `A00000000`.
pub(super) fn is_number(number: &str) -> bool {
    number.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// Words that only one of the four languages of these notices has. Galician and Basque are in no detector, and
/// detecting costs more than reading the notice.
const WORDS: &[(&str, &[&str])] = &[
    (
        "ca",
        &[
            "i",
            "els",
            "les",
            "amb",
            "dels",
            "l",
            "d",
            "per",
            "als",
            "servei",
            "serveis",
            "subministrament",
            "contracte",
            "obres",
            "manteniment",
            "dins",
            "és",
            "aquest",
            "contractació",
            "gestió",
            "municipi",
            "lot",
            "edifici",
            "instal",
            "material",
            "redacció",
            "projecte",
            "consell",
            "ajuntament",
        ],
    ),
    (
        "es",
        &[
            "y",
            "el",
            "los",
            "las",
            "del",
            "con",
            "servicio",
            "servicios",
            "suministro",
            "contratación",
            "contrato",
            "obras",
            "mantenimiento",
            "ejecución",
            "para",
            "en",
            "lote",
            "adquisición",
            "por",
            "gestión",
            "proyecto",
            "ayuntamiento",
            "la",
            "de",
            "redacción",
        ],
    ),
    (
        "gl",
        &[
            "e",
            "o",
            "os",
            "do",
            "da",
            "dos",
            "das",
            "na",
            "no",
            "nas",
            "nos",
            "co",
            "coa",
            "servizo",
            "servizos",
            "subministración",
            "obras",
            "concello",
            "contratación",
            "mantemento",
            "execución",
            "para",
            "lote",
            "adquisición",
            "polo",
            "á",
            "unha",
            "de",
        ],
    ),
    (
        "eu",
        &[
            "eta",
            "zerbitzua",
            "zerbitzuak",
            "kontratua",
            "kontratazioa",
            "obrak",
            "lanak",
            "hornidura",
            "hornitzea",
            "udalaren",
            "udala",
            "bat",
            "lotea",
            "proiektua",
            "mantentze",
            "duen",
            "egiteko",
            "baten",
            "erosketa",
        ],
    ),
];

/// Which of Spain's languages a text has most words of; Spanish, the platform's own, when they tell nothing.
pub(super) fn language(text: &str) -> &'static str {
    let mut counts = [0usize; WORDS.len()];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty() && word.len() < 20).take(80) {
        let word = word.to_lowercase();
        for (count, (_, words)) in counts.iter_mut().zip(WORDS) {
            *count += usize::from(words.contains(&word.as_str()));
        }
    }
    let best = counts.iter().copied().max().unwrap_or(0);
    let spanish = counts[1];
    if spanish == best {
        return "es";
    }
    counts.iter().position(|count| *count == best).map_or("es", |at| WORDS[at].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_title() {
        for (text, expected) in [
            ("Servicio de vigilancia y seguridad de los edificios municipales", "es"),
            ("L'objecte del contracte és el subministrament de vehicles per a la policia local", "ca"),
            ("Contracte de serveis per a l'assistència tècnica", "ca"),
            ("Subministración dun vehículo para a policía local do concello", "gl"),
            ("Udaltzaingoaren ibilgailuen hornidura eta mantentze lanak", "eu"),
            ("Drones 2026", "es"),
        ] {
            assert_eq!(language(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_of_persons_and_of_companies() {
        for (number, personal) in [
            ("12345678Z", true),
            ("12.345.678-Z", true),
            ("X1234567L", true),
            ("***1234**", true),
            ("12345xxxx", true),
            ("B12345678", false),
            ("Q2826000H", false),
            ("A-28123456", false),
            ("-", false),
            ("123456789", false),
            ("FR12345678901", false),
        ] {
            assert_eq!(is_personal(number), personal, "{number}");
        }
    }
}
