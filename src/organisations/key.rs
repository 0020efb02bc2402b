//! What identifies an organisation? Its number in a register, else its name and country.
//!
//! Publishers write the same number in many ways (`DE 123456789`, `REGON: 630189018`, `213 024 0218`), mislabel its
//! register (forms offer `GB-COH` first, so Norwegian municipalities have it), and fill the field with what is no number
//! (`N/A`, `t:030123456`, `ORG-0001`). So the register is recognised by country, shape and check digits, the label only
//! helps; what is left over is kept under `<country>-other`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{country_of, normalised};
use super::register::{self, Found};
use crate::analysis::fold;
use crate::codes;
use crate::notice::Organisation;

/// How much a key says, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// A number in a register: the same number is the same organisation.
    Identifier,
    /// Normalised name and country: the same organisation unless identifiers say otherwise.
    Name,
    /// The body above: the SIREN of a SIRET, the company of a unit. It relates organisations and never joins them.
    Group,
}

/// One way to recognise an organisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// How much it says.
    pub kind: KeyKind,
    /// The register (`fr-siret`, `pl-nip`, `cy-other`), or `name-<country>`; `any` where the country is not known.
    pub scheme: String,
    /// The number without blanks, points and prefixes, or the normalised name.
    pub value: String,
}

impl fmt::Display for Key {
    /// `pl-nip/5213017228`, `name-pl/straz-graniczna`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scheme, self.value.replace(' ', "-"))
    }
}

/// The keys of an organisation, strongest first: at most one identifier, one name, one group. None for a natural person,
/// and for one of whom nothing usable is said.
pub fn keys(organisation: &Organisation) -> Vec<Key> {
    if organisation.natural_person {
        return Vec::new();
    }
    let country = country_of(organisation.country.as_deref());
    let found = organisation.id.as_deref().and_then(|id| identifier(organisation.scheme.as_deref(), id, country));
    let mut all = Vec::new();
    let mut group = None;
    if let Some(found) = found {
        all.push(Key { kind: KeyKind::Identifier, scheme: found.scheme, value: found.value });
        group = found.group.map(|(scheme, value)| Key { kind: KeyKind::Group, scheme: scheme.to_owned(), value });
    }
    all.extend(name_key(organisation, country));
    all.extend(group);
    all
}

/// Names of offices and of kinds of bodies, which thousands of bodies share; they name one only together with a town.
const SHARED_NAMES: &[&str] = &[
    "alcalde",
    "alcalde presidente",
    "alcaldesa",
    "alcaldia",
    "alcaldia presidencia",
    "ayuntamiento",
    "ayuntamiento pleno",
    "ajuntament",
    "concejal delegado",
    "concejo",
    "consejo de administracion",
    "consejo rector",
    "consejeria",
    "diputacion",
    "direccion",
    "direccion general",
    "direccion gerencia",
    "director gerente",
    "gerencia",
    "gerente",
    "junta de gobierno",
    "junta de gobierno local",
    "junta de gobern local",
    "mesa de contratacion",
    "organo de contratacion",
    "pleno",
    "pleno del ayuntamiento",
    "presidencia",
    "presidente",
    "rector",
    "rectorado",
    "commune",
    "mairie",
    "ville",
    "prefecture",
    "conseil departemental",
    "conseil municipal",
    "bundesland",
    "gemeinde",
    "gemeindeverwaltung",
    "landkreis",
    "magistrat",
    "ministerium",
    "rathaus",
    "stadt",
    "stadtverwaltung",
    "verbandsgemeinde",
    "comune",
    "provincia",
    "settore",
    "camara municipal",
    "municipio",
    "gmina",
    "gmina miejska",
    "miasto",
    "powiat",
    "urzad gminy",
    "urzad miasta",
    "starostwo powiatowe",
    "obec",
    "mesto",
    "polgarmesteri hivatal",
    "onkormanzat",
    "primaria",
    "comuna",
    "obshtina",
    "opcina",
    "grad",
    "obcina",
    "kommune",
    "kommun",
    "kunta",
    "gemeente",
    "council",
    "municipality",
    "city council",
    "county council",
    "borough council",
    "ministry",
    "department",
    "authority",
    "the council",
    "purchasing department",
    "einkauf",
    "vergabestelle",
    "zentrale vergabestelle",
    "service achats",
    "elementary school",
    "szkola podstawowa",
    "zakladni skola",
    "zakladna skola",
];

fn name_key(organisation: &Organisation, country: Option<&str>) -> Option<Key> {
    let text = organisation.name.as_deref().or_else(|| organisation.names.first().map(|(_, text)| text))?;
    let mut value = normalised(text, country);
    if value.is_empty() || value.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') {
        return None;
    }
    if SHARED_NAMES.contains(&value.as_str()) {
        let city = normalised(organisation.city.as_deref()?, None);
        if city.is_empty() {
            return None;
        }
        value = format!("{value} {city}");
    }
    let country = country.map_or_else(|| "any".to_owned(), str::to_lowercase);
    Some(Key { kind: KeyKind::Name, scheme: format!("name-{country}"), value })
}

/// Numbers that a platform gives anew with each notice.
const UNSTABLE: &[&str] = &["gb-cfs"];

/// The register and the number of an identifier as org-id.guide writes it.
fn org_id(raw: &str) -> Option<(&str, &str)> {
    let (country, rest) = raw.split_once('-')?;
    let (register, number) = rest.split_once('-')?;
    let letters = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    let sound = letters(country, 2..=2) && letters(register, 2..=8) && number.chars().any(|c| c.is_ascii_digit());
    let end = country.len() + 1 + register.len();
    (sound && codes::country(country).is_some()).then(|| (&raw[..end], number))
}

/// A UUID or a check sum of 128 bits: made by a program for one document, not given by a register.
fn is_random(compact: &str) -> bool {
    compact.len() == 32 && compact.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What people write where they have no number, folded, without blanks and signs.
const PLACEHOLDERS: &[&str] = &[
    "na",
    "nv",
    "nvt",
    "nd",
    "nil",
    "null",
    "none",
    "no",
    "ka",
    "kein",
    "keine",
    "keineangabe",
    "keineangaben",
    "unknown",
    "unbekannt",
    "unspecified",
    "notapplicable",
    "notavailable",
    "nichtzutreffend",
    "nonrenseigne",
    "sansobjet",
    "sindatos",
    "nodisponible",
    "nonapplicabile",
    "brak",
    "niedotyczy",
    "nincs",
    "neuvedeno",
    "neuvedene",
    "test",
    "tbd",
    "tba",
    "x",
    "xx",
    "xxx",
    "xxxx",
    "siren",
    "siret",
    "nip",
    "regon",
    "vat",
    "id",
];

/// The number and its register; none for a placeholder, telephone number, address or local reference.
fn identifier(scheme: Option<&str>, text: &str, country: Option<&str>) -> Option<Found> {
    let raw: String = fold(text).trim().to_uppercase();
    // `IT-CF-00135420099`: the list of org-id.guide puts the register before the number.
    let prefixed = org_id(&raw);
    let scheme = prefixed.map(|(register, _)| register).or(scheme);
    let country = country.or_else(|| country_of(prefixed.map(|(register, _)| &register[..2])));
    let raw = prefixed.map_or(raw.as_str(), |(_, number)| number);
    let compact: String = raw.chars().filter(char::is_ascii_alphanumeric).collect();
    let label = scheme.and_then(register::labelled);
    if is_placeholder(raw, &compact) || scheme.is_some_and(|scheme| UNSTABLE.contains(&slug(scheme).as_str())) {
        return None;
    }
    // What the text itself says before the number is a label too: `REGON 630189018`, `KRS: 0000040284`.
    let inner = raw.split_once([' ', ':']).and_then(|(word, _)| register::labelled(word));
    let body = register::without_label(raw);
    if let Some(country) = country
        && let Some(found) = register::recognised(country, &body, inner.or(label))
    {
        return Some(found);
    }
    if let Some(label) = label
        && country.is_none_or(|country| label.starts_with(&country.to_lowercase()))
    {
        let own = label.split('-').next().unwrap_or_default().to_uppercase();
        return register::recognised(&own, &body, Some(label))
            .or_else(|| Some(Found { scheme: label.to_owned(), value: compact, group: None }));
    }
    let mut scheme = scheme.filter(|scheme| !register::says_nothing(scheme, country)).map(slug);
    if scheme.is_none() {
        if is_random(&compact) || codes::is_nuts(&compact) {
            return None;
        }
        // Unlabelled and of no known shape: good enough when it looks like a number at all.
        let words = raw.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().all(char::is_alphabetic));
        let least = if country.is_some() { 4 } else { 8 };
        if compact.len() < least || compact.len() > 40 || raw.contains('/') || words.filter(|w| w.len() > 2).count() > 1
        {
            return None;
        }
        scheme =
            Some(country.map_or_else(|| "any-other".to_owned(), |country| format!("{}-other", country.to_lowercase())));
    }
    let value = compact.clone();
    let value = country.and_then(|country| register::without_country(country, &compact)).unwrap_or(value);
    scheme.map(|scheme| Found { scheme, value, group: None })
}

pub(super) fn slug(scheme: &str) -> String {
    let lower = fold(scheme);
    let parts: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Whether the text is no number of a register: nothing, a word, zeros, a counting row, a telephone number (German
/// platforms write `t:` and the number), an e-mail or web address, a reference inside the notice, or a German register
/// number, which each court counts from one.
fn is_placeholder(raw: &str, compact: &str) -> bool {
    let digits: String = compact.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0');
    let repeated = digits.len() >= 4 && digits.bytes().all(|byte| byte == digits.as_bytes()[0]);
    let counting =
        digits.len() >= 4 && ("12345678901234567890".starts_with(&digits) || "01234567890".starts_with(&digits));
    let letters = compact.len() - digits.len();
    significant.is_empty()
        || (repeated || counting) && letters <= 4
        || PLACEHOLDERS.contains(&compact.to_ascii_lowercase().as_str())
        || ["T:", "TEL", "PHONE", "+", "0049", "(0"].iter().any(|phone| raw.starts_with(phone))
        || ["ORG-", "TPO-", "HTTP", "WWW.", "HRB", "HRA"].iter().any(|local| raw.starts_with(local))
        || raw.contains('@')
        || raw.contains("TEST")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn organisation(name: &str, country: &str, scheme: Option<&str>, id: &str) -> Organisation {
        Organisation {
            name: Some(name.into()),
            country: (!country.is_empty()).then(|| country.into()),
            scheme: scheme.map(Into::into),
            id: (!id.is_empty()).then(|| id.into()),
            ..Organisation::default()
        }
    }

    fn id_key(country: &str, scheme: Option<&str>, id: &str) -> Option<String> {
        let found = keys(&organisation("x", country, scheme, id));
        found.iter().find(|key| key.kind == KeyKind::Identifier).map(ToString::to_string)
    }

    #[test]
    fn writings_of_one_number_meet() {
        for (country, scheme, id, expected) in [
            ("NO", None, "821 311 632", "no-orgnr/821311632"),
            ("NO", Some("GB-COH"), "974 761 114", "no-orgnr/974761114"),
            ("NO", Some("002"), "NO974761114MVA", "no-orgnr/974761114"),
            ("FI", None, "0245973-9", "fi-ytunnus/02459739"),
            ("FI", None, "FI02459739", "fi-ytunnus/02459739"),
            ("FI", None, "Baltic Connector Oy Business ID 2716791-9", "fi-ytunnus/27167919"),
            ("SE", None, "202100-5489", "se-orgnr/2021005489"),
            ("SE", None, "SE202100548901", "se-orgnr/2021005489"),
            ("PL", Some("PL-REGON"), "000001258", "pl-regon/000001258"),
            ("PL", None, "000001258", "pl-regon/000001258"),
            ("PL", None, "REGON 130377882", "pl-regon/130377882"),
            ("PL", None, "KRS: 0000040284", "pl-krs/0000040284"),
            ("PL", None, "NIP 521-30-17-228", "pl-nip/5213017228"),
            ("PL", None, "PL5213017228", "pl-nip/5213017228"),
            ("ES", None, "S-2830189C", "es-nif/S2830189C"),
            ("ES", Some("NIF"), "P0100200E", "es-nif/P0100200E"),
            ("ES", Some("DIR3"), "L01270575", "es-dir3/L01270575"),
            ("FR", None, "213 105 554 00017", "fr-siret/21310555400017"),
            ("FR", Some("SIRET"), "35600000000048", "fr-siret/35600000000048"),
            ("IT", None, "00135420099", "it-cf/00135420099"),
            ("", Some("IT-CF"), "IT-CF-00135420099", "it-cf/00135420099"),
            ("", None, "IT-CF-00135420099", "it-cf/00135420099"),
            ("GB", None, "GB-COH-02366852", "gb-coh/02366852"),
            ("BE", None, "BE0308.357.555", "be-kbo/0308357555"),
            ("BE", None, "308357555", "be-kbo/0308357555"),
            ("CZ", None, "CZ00007064", "cz-ico/00007064"),
            ("CZ", None, "7064", "cz-ico/00007064"),
            ("SK", None, "36631124", "sk-ico/36631124"),
            ("RO", None, "RO 4267117", "ro-cui/4267117"),
            ("HR", None, "HR36162371878", "hr-oib/36162371878"),
            ("CH", None, "CHE-116.281.710 MWST", "ch-uid/116281710"),
            ("UA", Some("UA-EDR"), "00032106", "ua-edr/00032106"),
            ("UA", None, "32106", "ua-edr/00032106"),
            ("LV", None, "90000512408", "lv-reg/90000512408"),
            ("LT", None, "188675233", "lt-code/188675233"),
            ("DE", None, "DE 120646712", "de-vat/DE120646712"),
            ("GB", Some("GB-COH"), "2366852", "gb-coh/02366852"),
            ("CY", None, "1055", "cy-other/1055"),
            ("AM", Some("AM-TIN"), "0123 4567", "am-tin/01234567"),
        ] {
            if country == "AM" {
                // A counting row is nobody's number.
                assert_eq!(id_key(country, scheme, id), None);
                continue;
            }
            assert_eq!(id_key(country, scheme, id).as_deref(), Some(expected), "{country} {id}");
        }
    }

    #[test]
    fn placeholders_are_no_numbers() {
        for (country, id) in [
            ("IE", "0"),
            ("IE", "N/A"),
            ("IE", "00"),
            ("FR", "00000000"),
            ("DE", "unknown"),
            ("DE", "keine Angabe"),
            ("DE", "t:03012345678"),
            ("DE", "T: 0301234"),
            ("DE", "+49 30 1234"),
            ("DE", "0049 30 18681"),
            ("IE", "ORG-0001"),
            ("DE", "HRB 8919"),
            ("GB", "GB-CFS-226794"),
            ("FR", "FR103"),
            ("CH", "61b36185-18c1-4183-ae14-b5ad5e5c0f7e"),
            ("PL", "PL"),
            ("PL", "ZP-WR-2/2022"),
            ("NO", "999999999"),
            ("SE", "1234567890"),
            ("GB", "12345"),
            ("GB", "www.example.org/1"),
            ("FR", "a1@example.org"),
            ("LU", "BEI"),
            ("LU", "111TEST111"),
            ("XX", "-"),
            ("", "1234"),
        ] {
            assert_eq!(id_key(country, None, id), None, "{country} {id}");
        }
    }

    #[test]
    fn a_unit_names_the_body_above_it() {
        let found = keys(&organisation("Mairie de Toulouse", "FR", None, "213 105 554 00017"));
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["fr-siret/21310555400017", "name-fr/mairie-de-toulouse", "fr-siren/213105554"]);
        let found = keys(&organisation("MRMP-L/P", "BE", None, "0308.357.555_25"));
        assert_eq!(found[0].to_string(), "be-unit/0308357555-25");
        assert_eq!(found[2].to_string(), "be-kbo/0308357555");
    }

    #[test]
    fn a_shared_name_needs_a_town() {
        let mut mayor = organisation("Alcalde-Presidente", "ES", None, "");
        assert!(keys(&mayor).is_empty());
        mayor.city = Some("Getafe".into());
        assert_eq!(keys(&mayor)[0].to_string(), "name-es/alcalde-presidente-getafe");
        let person = Organisation { natural_person: true, ..organisation("A. Person", "ES", None, "12345678Z") };
        assert!(keys(&person).is_empty());
        assert_eq!(keys(&organisation("Frontex", "", None, ""))[0].to_string(), "name-any/frontex");
    }

    proptest! {
        #[test]
        fn blanks_points_and_prefix_do_not_count(number in "[1-9][0-9]{7}", sign in "[ .-]") {
            let plain = id_key("DK", None, &number);
            let (front, back) = number.split_at(4);
            prop_assert_eq!(id_key("DK", None, &format!("{front}{sign}{back}")), plain.clone());
            prop_assert_eq!(id_key("DK", None, &format!("DK{number}")), plain);
        }

        #[test]
        fn any_text_is_a_key_or_none(id in "\\PC{0,30}", scheme in proptest::option::of("\\PC{0,8}"), country in "(DE|FR|BE|SE|GB|)") {
            let _ = id_key(&country, scheme.as_deref(), &id);
        }
    }
}
