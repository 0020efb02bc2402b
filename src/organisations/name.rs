//! When do two names name the same organisation? When nothing is left between them but case, accents, script, legal
//! form and abbreviation.
//!
//! The tables are `index/organisations/legal-forms.tsv` and `abbreviations.tsv`. Legal forms go from the ends only: in
//! the middle of a name the same letters may mean something. A form of two letters (`AS`, `SA`) goes only where the
//! country has it, because elsewhere it is a word.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::latin::latin;
use crate::codes;
use crate::definitions::shipped_file;

/// Everywhere.
const ANYWHERE: &str = "*";

/// The name for comparison: words in lower-case Latin letters and digits, one blank between them. Empty when the name has
/// no letter or digit. The country (ISO 3166-1 alpha-2) chooses legal forms and abbreviations; without it only those that
/// mean the same everywhere are taken. Normalising twice changes nothing.
pub fn normalised(name: &str, country: Option<&str>) -> String {
    let tables = &*TABLES;
    let mut all = words(&without_numbers(name), country);
    all = expanded(&all, country, tables);
    let mut rest = &all[..];
    while let Some(shorter) = without_form(rest, country, tables) {
        rest = shorter;
    }
    rest.join(" ")
}

#[derive(Debug, Default)]
struct Tables {
    /// Country or [`ANYWHERE`] → words of a form.
    at_end: HashMap<String, HashSet<Vec<String>>>,
    at_start: HashMap<String, HashSet<Vec<String>>>,
    /// Country or [`ANYWHERE`] → words of an abbreviation → the words it stands for.
    long: HashMap<String, HashMap<Vec<String>, Vec<String>>>,
}

/// The longest form or abbreviation, in words.
const MOST_WORDS: usize = 8;

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    for [countries, place, form] in rows("organisations/legal-forms.tsv") {
        for country in countries.split(' ') {
            let form = words(&form, Some(country));
            for (places, map) in [(["end", "both"], &mut tables.at_end), (["start", "both"], &mut tables.at_start)] {
                if places.contains(&place.as_str()) {
                    map.entry(country.to_owned()).or_default().insert(form.clone());
                }
            }
        }
    }
    for [countries, short, long] in rows("organisations/abbreviations.tsv") {
        for country in countries.split(' ') {
            let (short, long) = (words(&short, Some(country)), words(&long, Some(country)));
            tables.long.entry(country.to_owned()).or_default().insert(short, long);
        }
    }
    tables
});

/// The rows of a table of three columns.
fn rows(name: &str) -> Vec<[String; 3]> {
    let three = |line: &str| -> Option<[String; 3]> {
        let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        cells.try_into().ok()
    };
    shipped_file(name).lines().skip(1).map(|line| three(line).expect("three columns, as a test sees")).collect()
}

/// The country's own entries before those of all.
fn keys_of(country: Option<&str>) -> impl Iterator<Item = &str> {
    country.into_iter().chain([ANYWHERE])
}

/// Drops register numbers that publishers write into the name: `(188764867)` and a final `_1193`.
fn without_numbers(name: &str) -> String {
    let name = match name.trim_end().rsplit_once('_') {
        Some((front, number)) if number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => front,
        _ => name,
    };
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((front, inside)) = rest.split_once('(') {
        out.push_str(front);
        rest = match inside.split_once(')') {
            Some((number, back))
                if number.trim().len() >= 5 && number.trim().bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                out.push(' ');
                back
            }
            _ => {
                out.push('(');
                inside
            }
        };
    }
    out.push_str(rest);
    out
}

/// The words of a name, folded and in Latin letters. Letters with points or strokes between them are one word: `S.A.`,
/// `s. r. o.`, `A/S`.
fn words(text: &str, country: Option<&str>) -> Vec<String> {
    let text = latin(text, country);
    let mut all: Vec<String> = Vec::new();
    let mut between = String::new();
    let mut last_is_letters = false;
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            let is_letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
            let joins = between.trim() == "." || between == "/";
            match all.last_mut() {
                Some(last) if is_letter && last_is_letters && joins => last.push_str(word),
                _ => all.push(word.to_owned()),
            }
            last_is_letters = is_letter;
            between.clear();
        }
        between.push_str(&piece[word.len()..]);
    }
    all
}

/// The words with abbreviations written out, the longest abbreviation first.
fn expanded(all: &[String], country: Option<&str>, tables: &Tables) -> Vec<String> {
    let mut out = Vec::with_capacity(all.len());
    let mut at = 0;
    while at < all.len() {
        let found = (1..=MOST_WORDS.min(all.len() - at)).rev().find_map(|length| {
            let short = &all[at..at + length];
            let long = keys_of(country).find_map(|key| tables.long.get(key)?.get(short))?;
            Some((length, long))
        });
        match found {
            Some((length, long)) => {
                out.extend(long.iter().cloned());
                at += length;
            }
            None => {
                out.push(all[at].clone());
                at += 1;
            }
        }
    }
    out
}

/// The words without one legal form at an end; none when there is none, or nothing would be left.
fn without_form<'w>(all: &'w [String], country: Option<&str>, tables: &Tables) -> Option<&'w [String]> {
    let known = |map: &HashMap<String, HashSet<Vec<String>>>, form: &[String]| {
        keys_of(country).any(|key| map.get(key).is_some_and(|forms| forms.contains(form)))
    };
    let most = MOST_WORDS.min(all.len().saturating_sub(1));
    (1..=most).rev().find_map(|length| {
        let (front, form) = all.split_at(all.len() - length);
        if known(&tables.at_end, form) {
            return Some(front);
        }
        let (form, back) = all.split_at(length);
        known(&tables.at_start, form).then_some(back)
    })
}

/// The country of an organisation as two letters, where we can tell.
pub(super) fn country_of(country: Option<&str>) -> Option<&'static str> {
    codes::country_of(country?).map(|country| country.iso2.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn legal_forms_of_every_country_go_from_the_ends() {
        for (name, country, expected) in [
            ("Rheinmetall AG", "DE", "rheinmetall"),
            ("Müller GmbH & Co. KG", "DE", "muller"),
            ("EVN AG", "AT", "evn"),
            ("Thales S.A.", "FR", "thales"),
            ("Le Benâte SARL", "FR", "le benate"),
            ("Edison S.p.A.", "IT", "edison"),
            ("VERITAS SPA", "IT", "veritas"),
            ("Indra Sistemas, S. A.", "ES", "indra sistemas"),
            ("Loteries de Catalunya, SAU", "ES", "loteries de catalunya"),
            ("Águas do Porto, E.M.", "PT", "aguas do porto"),
            ("Silva & Filhos, Lda.", "PT", "silva filhos"),
            ("Spółka Komunalna \"Dorzecze Białej\" Sp. z o.o.", "PL", "spolka komunalna dorzecze bialej"),
            ("Polskie Sieci Elektroenergetyczne Spółka Akcyjna", "PL", "polskie sieci elektroenergetyczne"),
            ("Slovenská pošta, a.s.", "SK", "slovenska posta"),
            ("Česká zbrojovka a. s.", "CZ", "ceska zbrojovka"),
            ("Alza spol. s r.o.", "CZ", "alza"),
            ("Rába Jármű Kft.", "HU", "raba jarmu"),
            ("MVM Zrt.", "HU", "mvm"),
            ("S.C. Romarm S.R.L.", "RO", "romarm"),
            ("Арсенал АД", "BG", "arsenal"),
            ("„Арсенал 2000“ ЕООД", "BG", "arsenal 2000"),
            ("ДЕЛТА ООД", "BG", "delta"),
            ("UAB „LTG Link“", "LT", "ltg link"),
            ("LITGRID, AB", "LT", "litgrid"),
            ("SIA \"Rīgas ūdens\"", "LV", "rigas udens"),
            ("AS “Conexus Baltic Grid”", "LV", "conexus baltic grid"),
            ("Milrem AS", "EE", "milrem"),
            ("OÜ Bemix", "EE", "bemix"),
            ("Fingrid Oyj", "FI", "fingrid"),
            ("Fintraffic Raide Oy", "FI", "fintraffic raide"),
            ("Saab AB (publ)", "SE", "saab"),
            ("Terma A/S", "DK", "terma"),
            ("Systematic ApS", "DK", "systematic"),
            ("Kongsberg Gruppen ASA", "NO", "kongsberg gruppen"),
            ("AS Vinmonopolet", "NO", "vinmonopolet"),
            ("ProRail B.V.", "NL", "prorail"),
            ("Havenbedrijf Antwerpen nv", "BE", "havenbedrijf antwerpen"),
            ("NEO SCRL", "BE", "neo"),
            ("Luxtram SA", "LU", "luxtram"),
            ("Končar d.d.", "HR", "koncar"),
            ("DOK-ING d.o.o.", "HR", "dok ing"),
            ("Telekom Slovenije, d.d.", "SI", "telekom slovenije"),
            ("Ελληνικά Πετρέλαια Α.Ε.", "GR", "ellinika petrelaia"),
            ("BAE Systems plc", "GB", "bae systems"),
            ("DAA PLC", "IE", "daa"),
            ("Acme Ltd", "MT", "acme"),
            ("RUAG AG", "CH", "ruag"),
            ("ТОВ «Укрспецекспорт»", "UA", "ukrspetseksport"),
        ] {
            assert_eq!(normalised(name, Some(country)), expected, "{name}");
        }
    }

    #[test]
    fn two_letters_are_a_form_only_where_the_country_has_it() {
        assert_eq!(normalised("Foo AS", Some("NO")), "foo");
        assert_eq!(normalised("Foo AS", Some("DE")), "foo as");
        assert_eq!(normalised("Foo AS", None), "foo as");
        assert_eq!(normalised("Siemens GmbH", Some("RO")), "siemens");
        // Never everything.
        assert_eq!(normalised("SIA", Some("LV")), "sia");
        assert_eq!(normalised("AS SIA", Some("LV")), "as");
        assert_eq!(normalised(" – ", None), "");
    }

    #[test]
    fn spellings_of_one_body_meet() {
        for (country, one, other) in [
            ("PL", "KWP w Lublinie", "Komenda Wojewódzka Policji z siedzibą w Lublinie"),
            ("PL", "KOMENDA GŁÓWNA POLICJI", "Komenda Główna Policji"),
            ("FR", "SDIS de l'Ain", "Service départemental d’incendie et de secours de l'Ain"),
            ("ES", "Ayto. de Getafe", "AYUNTAMIENTO DE GETAFE"),
            ("LT", "Kauno miesto savivaldybės administracija (188764867)", "Kauno miesto savivaldybės administracija"),
            ("IE", "Donegal County Council_1193", "Donegal CC"),
            ("CZ", "Ministerstvo vnitra ČR", "MV ČR"),
            ("BG", "МВР", "Министерство на вътрешните работи"),
            ("DE", "PP  Köln", "Polizeipräsidium\nKÖLN"),
            ("NL", "\"Stichting Waternet\"", "Waternet"),
            ("GB", "The Home Office", "HOME OFFICE"),
            ("RS", "Министарство унутрашњих послова", "Ministarstvo unutrašnjih poslova"),
        ] {
            assert_eq!(normalised(one, Some(country)), normalised(other, Some(country)), "{one}");
        }
        assert_ne!(normalised("Stadt Essen", Some("DE")), normalised("Stadt Hessen", Some("DE")));
        assert_ne!(normalised("Komenda Policji 1", Some("PL")), normalised("Komenda Policji 2", Some("PL")));
    }

    #[test]
    fn the_tables_are_sound() {
        for [countries, place, form] in rows("organisations/legal-forms.tsv") {
            assert!(["start", "end", "both"].contains(&place.as_str()), "{place}");
            assert!((1..=MOST_WORDS).contains(&words(&form, None).len()), "{form}");
            check_countries(&countries);
        }
        for [countries, short, long] in rows("organisations/abbreviations.tsv") {
            check_countries(&countries);
            for country in countries.split(' ') {
                let country = (country != ANYWHERE).then_some(country);
                // What stands for something is not itself written out: that is why twice is once.
                let long = words(&long, country);
                assert_eq!(expanded(&long, country, &TABLES), long, "{short}");
            }
        }
    }

    fn check_countries(countries: &str) {
        for country in countries.split(' ').filter(|country| *country != ANYWHERE) {
            assert!(codes::country(country).is_some(), "{country}");
        }
    }

    fn some_country() -> impl Strategy<Value = Option<&'static str>> {
        prop::sample::select(vec![
            None,
            Some("DE"),
            Some("FR"),
            Some("PL"),
            Some("BG"),
            Some("GR"),
            Some("UA"),
            Some("RS"),
            Some("LV"),
            Some("NO"),
            Some("RO"),
            Some("GB"),
        ])
    }

    /// Names of words, forms, abbreviations and signs.
    fn some_name() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[A-Za-zÀ-ÖØ-öø-žΆ-Ωά-ώА-Яа-яЁёІіЇїЄєҐґ]{1,9}",
            "[0-9]{1,6}",
            prop::sample::select(vec![
                "S.A.",
                "a.s.",
                "GmbH",
                "& Co. KG",
                "Sp.",
                "z o.o.",
                "UAB",
                "SIA",
                "AS",
                "ООД",
                "КП",
                "KWP",
                "SDIS",
                "ČR",
                "z",
                "siedzibą",
                "w",
                "Min.",
                "van",
                "(12345)",
                "_123",
                "S. r. o.",
                "d.",
                "MV",
                "PSP",
                "KW",
                "Ltd",
                "The",
            ])
            .prop_map(str::to_owned),
        ];
        let sign =
            prop::sample::select(vec![" ", " ", " ", ", ", ".", ". ", "-", "/", " „", "“ ", "(", ")", "  ", "_"]);
        prop::collection::vec((part, sign), 0..7)
            .prop_map(|parts| parts.into_iter().flat_map(|(part, sign)| [part, sign.to_owned()]).collect())
    }

    proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(name in some_name(), country in some_country()) {
            let once = normalised(&name, country);
            prop_assert_eq!(normalised(&once, country), once);
        }

        #[test]
        fn any_text_twice_is_once(name in any::<String>(), country in some_country()) {
            let once = normalised(&name, country);
            prop_assert_eq!(normalised(&once, country), once);
        }

        #[test]
        fn case_does_not_count(name in some_name(), country in some_country()) {
            prop_assert_eq!(normalised(&name.to_uppercase(), country), normalised(&name, country));
            prop_assert_eq!(normalised(&name.to_lowercase(), country), normalised(&name, country));
        }

        #[test]
        fn diacritics_do_not_count(name in some_name(), country in some_country()) {
            let plain: String = name.nfd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)).collect();
            prop_assert_eq!(normalised(&plain, country), normalised(&name, country));
        }
    }
}
