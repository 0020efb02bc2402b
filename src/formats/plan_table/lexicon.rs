//! What columns, months, totals and procedures are called: `index/plans/headers.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::analysis::fold;
use crate::definitions::{parse_toml, shipped_file};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    Row,
    Id,
    LocalId,
    Plan,
    Previous,
    Title,
    Description,
    Buyer,
    BuyerId,
    OnBehalf,
    Central,
    Cpv,
    Value,
    Budget,
    Part,
    Currency,
    Nature,
    Procedure,
    Launch,
    Contract,
    Start,
    End,
    Duration,
    Url,
    Nuts,
    Funding,
    Status,
    Published,
    Note,
    Contact,
    NoPlan,
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLexicon {
    columns: BTreeMap<Role, BTreeMap<String, Vec<String>>>,
    words: RawWords,
    months: RawMonths,
    procedures: BTreeMap<String, Vec<String>>,
    layouts: Vec<RawLayout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawWords {
    total: Vec<String>,
    no_date: Vec<String>,
    vat_ex: Vec<String>,
    vat_in: Vec<String>,
    thousand: Vec<String>,
    million: Vec<String>,
    less: Vec<String>,
    more: Vec<String>,
    quarter: Vec<String>,
    half: Vec<String>,
    month: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMonths {
    names: Vec<Vec<String>>,
    only: Vec<RawMonth>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMonth {
    language: String,
    name: String,
    month: i8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLayout {
    #[expect(dead_code, reason = "names the layout for whoever reads the file")]
    name: String,
    language: String,
    country: String,
    currency: String,
    multiplier: Option<u32>,
    columns: Vec<String>,
}

/// Words, folded.
pub(super) struct Lexicon {
    /// Phrase, role, language; long ones first.
    phrases: Vec<(String, Role, String)>,
    pub total: Vec<String>,
    pub no_date: Vec<String>,
    vat_ex: Vec<String>,
    vat_in: Vec<String>,
    pub thousand: Vec<String>,
    pub million: Vec<String>,
    pub less: Vec<String>,
    pub more: Vec<String>,
    pub quarter: Vec<String>,
    pub half: Vec<String>,
    pub month: Vec<String>,
    /// Beginning and month, long ones first.
    months: Vec<(String, i8)>,
    only: Vec<(String, String, i8)>,
    procedures: Vec<(String, String)>,
    pub layouts: Vec<Layout>,
}

/// An export without a row of names.
pub(super) struct Layout {
    pub language: String,
    pub country: String,
    pub currency: String,
    pub multiplier: u32,
    pub columns: Vec<Column>,
}

/// A column of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub role: Role,
    /// Its name as written, on one line; the path of what is found in it.
    pub name: String,
}

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let text = shipped_file("plans/headers.toml");
    let raw: RawLexicon =
        parse_toml("built-in index/plans/headers.toml", &text).expect("the shipped lexicon is valid; a test reads it");
    Lexicon::from(raw)
});

/// Lower case, without accents; other signs than letters and digits are single blanks.
pub(super) fn plain(text: &str) -> String {
    let folded = fold(text);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Whether the words of `phrase` stand in `text`, one after the other; both are plain.
pub(super) fn has_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        before.is_none_or(|c| c == ' ') && after.is_none_or(|c| c == ' ')
    })
}

impl From<RawLexicon> for Lexicon {
    fn from(raw: RawLexicon) -> Self {
        let plain_all = |words: Vec<String>| words.iter().map(|word| plain(word)).collect::<Vec<_>>();
        let mut phrases = Vec::new();
        for (role, languages) in raw.columns {
            for (language, words) in languages {
                phrases.extend(words.iter().map(|word| (plain(word), role, language.clone())));
            }
        }
        phrases.sort_by(|a, b| (b.0.len(), &b.0).cmp(&(a.0.len(), &a.0)));
        let mut months = Vec::new();
        for (number, names) in (1..).zip(&raw.months.names) {
            months.extend(names.iter().map(|name| (plain(name), number)));
        }
        months.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let procedures =
            raw.procedures.iter().flat_map(|(code, words)| words.iter().map(|word| (plain(word), code.clone())));
        let mut procedures: Vec<_> = procedures.collect();
        procedures.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        Self {
            phrases,
            total: plain_all(raw.words.total),
            no_date: plain_all(raw.words.no_date),
            vat_ex: plain_all(raw.words.vat_ex),
            vat_in: plain_all(raw.words.vat_in),
            thousand: plain_all(raw.words.thousand),
            million: plain_all(raw.words.million),
            less: plain_all(raw.words.less),
            more: plain_all(raw.words.more),
            quarter: plain_all(raw.words.quarter),
            half: plain_all(raw.words.half),
            month: plain_all(raw.words.month),
            months,
            only: raw.months.only.into_iter().map(|only| (only.language, plain(&only.name), only.month)).collect(),
            procedures,
            layouts: raw.layouts.into_iter().map(Layout::from).collect(),
        }
    }
}

impl From<RawLayout> for Layout {
    fn from(raw: RawLayout) -> Self {
        let column = |text: &String| {
            let (role, name) = text.split_once(':').unwrap_or((text, text));
            let role = Role::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(role));
            Column { role: role.expect("the shipped layouts name roles; a test reads them"), name: name.to_owned() }
        };
        Self {
            language: raw.language,
            country: raw.country,
            currency: raw.currency,
            multiplier: raw.multiplier.unwrap_or(1),
            columns: raw.columns.iter().map(column).collect(),
        }
    }
}

impl Lexicon {
    /// What a column of this name holds, and the languages whose phrase says so.
    pub fn role(&self, header: &str) -> Option<(Role, Vec<&str>)> {
        let header = plain(header);
        if header.is_empty() || header.len() > 400 {
            return None;
        }
        let words = header.split(' ').count();
        let fits = |phrase: &str| {
            if phrase == header {
                return true;
            }
            // One word means little among many; a short one means nothing but alone, unless it is a scheme's name.
            let single = !phrase.contains(' ');
            let scheme = matches!(phrase, "cpv" | "jrjn" | "bvpz" | "nuts");
            (!single || scheme || words <= 3 && phrase.chars().count() > 4) && has_phrase(&header, phrase)
        };
        let (phrase, role, _) = self.phrases.iter().find(|(phrase, _, _)| fits(phrase))?;
        let same = self.phrases.iter().filter(|(other, other_role, _)| other == phrase && other_role == role);
        Some((*role, same.map(|(_, _, language)| language.as_str()).collect()))
    }

    /// The month whose name begins so.
    pub fn month(&self, word: &str, language: Option<&str>) -> Option<i8> {
        let only =
            self.only.iter().find(|(of, name, _)| Some(of.as_str()) == language && word.starts_with(name.as_str()));
        if let Some((_, _, month)) = only {
            return Some(*month);
        }
        let (name, month) = self.months.iter().find(|(name, _)| word.starts_with(name.as_str()))?;
        (word.chars().count() <= name.chars().count() + 7).then_some(*month)
    }

    /// The eForms code of a procedure.
    pub fn procedure(&self, text: &str) -> Option<&str> {
        let text = plain(text);
        let found = self.procedures.iter().find(|(words, _)| *words == text);
        found
            .or_else(|| self.procedures.iter().find(|(words, _)| words.contains(' ') && has_phrase(&text, words)))
            .map(|(_, code)| code.as_str())
    }

    /// Whether a text says that VAT is in or out.
    pub fn vat(&self, text: &str) -> Option<crate::notice::Vat> {
        let text = plain(text);
        let says = |words: &[String]| words.iter().any(|phrase| has_phrase(&text, phrase));
        if says(&self.vat_ex) {
            Some(crate::notice::Vat::Ex)
        } else if says(&self.vat_in) {
            Some(crate::notice::Vat::In)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn the_lexicon_is_valid_and_says_nothing_twice() {
        let lexicon = &*LEXICON;
        for (phrase, _, language) in &lexicon.phrases {
            assert!(!phrase.is_empty());
            assert!(codes::language(language).is_some(), "{language}");
        }
        for (at, (phrase, _, language)) in lexicon.phrases.iter().enumerate() {
            let twice = lexicon.phrases[at + 1..].iter().any(|(p, _, l)| p == phrase && l == language);
            assert!(!twice, "{phrase} ({language}) stands twice");
        }
        assert_eq!(lexicon.months.iter().map(|(_, month)| *month).max(), Some(12));
        for (_, code) in &lexicon.procedures {
            assert!(codes::in_eforms_list("procedure-type", code), "{code}");
        }
        for layout in &lexicon.layouts {
            assert!(codes::country(&layout.country).is_some() && codes::is_currency(&layout.currency));
        }
    }

    #[test]
    fn headers_of_national_plans_are_known() {
        use Role::{
            Budget, Central, Contact, Contract, Cpv, Launch, LocalId, NoPlan, Note, Part, Procedure, Row, Title, Value,
        };
        for (header, role) in [
            ("Obiectul contractului / acordului-cadru", Title),
            ("Valoarea estimată, lei fără TVA", Value),
            ("Data estimată pentru iniţierea procedurii", Launch),
            ("Data estimată pentru inițierea procedurii", Launch),
            ("Pozycja Planu", LocalId),
            ("Przewidywany termin wszczęcia postępowania", Launch),
            ("Budżet", Budget),
            ("R.BR.", Row),
            ("ŠIFRA JRJN", Cpv),
            ("PROCIJENJ. VRIJEDNOST", Value),
            ("OKVIRNI DATUM ZAKLJUČENJA UGOVORA", Contract),
            ("date_previsionnelle_de_publication", Launch),
            ("ExpectedContractSigningDate", Contract),
            ("Maksumus €", Value),
            ("BVPŽ kodas", Cpv),
            ("ketvirtis", Launch),
            ("Annualita' nella quale si prevede di dare avvio alla procedura di affidamento", Launch),
            ("CENTRALE DI COMMITTENZA O SOGGETTO AGGREGATORE denominazione", Central),
            ("Secondo anno", Part),
            ("Responsabile del procedimento", Contact),
            ("VRSTA POSTUPKA", Procedure),
            ("tilbudsfrist_dato", NoPlan),
            ("Napomena", Note),
        ] {
            assert_eq!(LEXICON.role(header).map(|(role, _)| role), Some(role), "{header}");
        }
        for header in ["Code postal", "Lotto funzionale", "", "Total"] {
            assert_eq!(LEXICON.role(header), None, "{header}");
        }
    }
}
