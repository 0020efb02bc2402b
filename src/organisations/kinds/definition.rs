//! What does a file of `index/buyers/` say, and is it sound? TOML → [`Kind`], strictly, with a place for every mistake.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::KindEvidence;
use crate::analysis::fold;
use crate::codes;
use crate::definitions::{DefinitionError, DefinitionFile};
use crate::ids::KindId;
use crate::notice::{Organisation, Text};
use crate::terms::{Word, parse_words};

/// In place of a language or country: the same everywhere.
pub const ANY: &str = "any";

/// One kind of buyer as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The file's stem.
    pub id: KindId,
    /// Its name per language, English first.
    pub label: Text,
    /// Who belongs here.
    pub definition: String,
    /// 0 to 99: of two kinds that a name says, the higher one comes first. A town's fire service is a fire service.
    pub priority: u8,
    pub(super) terms: Vec<Term>,
    codes: Vec<Code>,
    /// The file as the user knows it.
    pub file: String,
    /// Whether an operator's file stands in place of a shipped one.
    pub overrides: bool,
}

/// How much a piece of evidence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// The name of a body that we know.
    Body,
    /// A word that names the kind.
    Strong,
    /// A word that needs a second reason.
    Weak,
    /// A word that says it is none of this kind.
    Veto,
    /// A code that suffices.
    StrongCode,
    /// A code that supports.
    WeakCode,
}

impl Weight {
    pub(super) fn points(self) -> u32 {
        match self {
            Self::Body => 60,
            Self::Strong => 40,
            Self::StrongCode => 25,
            Self::Weak | Self::WeakCode => 15,
            Self::Veto => 0,
        }
    }
}

/// A word or phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// A language, or for a body its country; [`ANY`].
    pub place: String,
    pub text: String,
    pub weight: Weight,
    pub as_written: bool,
    pub words: Vec<Word>,
}

/// A list that codes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeList {
    /// `main-activity` of eForms.
    Activity,
    /// `buyer-legal-type` of eForms.
    LegalType,
    /// Divisions and groups of the UN's classification of the functions of government: `03`, `03.1`. Sources that use it
    /// write it where others write the activity.
    Cofog,
}

impl CodeList {
    /// Its key in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::LegalType => "legal_type",
            Self::Cofog => "cofog",
        }
    }

    fn knows(self, code: &str) -> bool {
        match self {
            Self::Activity => codes::in_eforms_list("main-activity", code),
            Self::LegalType => codes::in_eforms_list("buyer-legal-type", code),
            Self::Cofog => {
                let digits =
                    code.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
                digits && code.len() >= 2 && ("01".."11").contains(&&code[..2])
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Code {
    list: CodeList,
    value: String,
    strong: bool,
}

impl Kind {
    /// What the codes of an organisation say for this kind.
    pub(super) fn codes_of(&self, organisation: &Organisation) -> Vec<(Weight, KindEvidence)> {
        let (activity, legal_type) = (organisation.activity.as_deref(), organisation.legal_type.as_deref());
        let cofog = activity.and_then(cofog);
        self.codes
            .iter()
            .filter_map(|code| {
                let text = match code.list {
                    CodeList::Activity => activity.filter(|activity| *activity == code.value),
                    CodeList::LegalType => legal_type.filter(|legal_type| *legal_type == code.value),
                    CodeList::Cofog => activity.filter(|_| {
                        cofog
                            .as_deref()
                            .and_then(|cofog| cofog.strip_prefix(code.value.as_str()))
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    }),
                }?;
                let weight = if code.strong { Weight::StrongCode } else { Weight::WeakCode };
                let rule = format!("code:{}/{}/{}", self.id, code.list.as_str(), code.value);
                Some((weight, KindEvidence { rule, text: text.to_owned(), points: weight.points() }))
            })
            .collect()
    }
}

/// `GF0301`, `03.1`, `03.1.0` → `03.1…`; none for what is no COFOG code.
fn cofog(text: &str) -> Option<String> {
    let (rest, packed) = text.strip_prefix("GF").map_or((text, false), |rest| (rest, true));
    if !rest.starts_with(|c: char| c.is_ascii_digit())
        || rest.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.')
    {
        return None;
    }
    if packed && rest.len() >= 4 {
        return Some(format!("{}.{}", &rest[..2], rest[2..].trim_start_matches('0')));
    }
    Some(rest.to_owned())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    label: BTreeMap<String, String>,
    definition: String,
    priority: u8,
    #[serde(default)]
    codes: RawCodes,
    #[serde(default)]
    bodies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    terms: BTreeMap<String, RawTerms>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCodes {
    #[serde(default)]
    activity: RawCodeList,
    #[serde(default)]
    legal_type: RawCodeList,
    #[serde(default)]
    cofog: RawCodeList,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCodeList {
    #[serde(default)]
    strong: Vec<String>,
    #[serde(default)]
    weak: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerms {
    #[serde(default)]
    strong: Vec<String>,
    #[serde(default)]
    weak: Vec<String>,
    #[serde(default)]
    veto: Vec<String>,
    #[serde(default)]
    case: Vec<String>,
}

/// Reads one file of `index/buyers/`.
///
/// # Errors
/// Every mistake in the file, with its line.
pub(super) fn parse_kind(file: &DefinitionFile) -> Result<Kind, Vec<DefinitionError>> {
    let raw: RawKind = file.parse_all()?;
    let mut errors = Vec::new();
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if file.id.is_empty() || !file.id.bytes().all(kebab) {
        errors.push(file.error("", "a kind's file is named in lower case with hyphens, such as `border-guard.toml`"));
    }
    let mut label = Text::default();
    for (language, text) in &raw.label {
        let path = format!("label.{language}");
        check_language(file, &path, language, &mut errors);
        if text.trim().is_empty() {
            errors.push(file.error(&path, "expected a name, found an empty text"));
        }
        label.push(language, text);
    }
    if label.get("en").is_none() {
        errors.push(file.error("label", "expected at least the English name, `en = \"…\"`"));
    }
    label.put_first("en");
    if raw.definition.trim().is_empty() {
        errors.push(file.error("definition", "expected a sentence that says who belongs here"));
    }
    if raw.priority > 99 {
        errors.push(file.error("priority", format!("expected a number from 0 to 99, found {}", raw.priority)));
    }
    let codes = parse_codes(file, &raw.codes, &mut errors);
    let mut terms = Vec::new();
    for (country, bodies) in &raw.bodies {
        if country != ANY && codes::country(country).is_none_or(|known| known.iso2 != *country) {
            let message = format!("`{country}` is no country; expected two letters such as `PL`, or `any`");
            errors.push(file.error(&format!("bodies.{country}"), message));
        }
        let lists = [(Weight::Body, "", bodies)];
        parse_terms(file, &format!("bodies.{country}"), country, &lists, &[], &mut terms, &mut errors);
    }
    for (language, lists) in &raw.terms {
        let path = format!("terms.{language}");
        if language != ANY {
            check_language(file, &path, language, &mut errors);
        }
        let all = [
            (Weight::Strong, ".strong", &lists.strong),
            (Weight::Weak, ".weak", &lists.weak),
            (Weight::Veto, ".veto", &lists.veto),
        ];
        parse_terms(file, &path, language, &all, &lists.case, &mut terms, &mut errors);
        for (at, text) in lists.case.iter().enumerate() {
            if !all.iter().any(|(_, _, list)| list.contains(text)) {
                let message = format!("`{text}` must also stand in `strong`, `weak` or `veto`");
                errors.push(file.error(&format!("{path}.case[{at}]"), message));
            }
        }
    }
    if terms.is_empty() && codes.is_empty() && errors.is_empty() {
        errors.push(file.error("", "expected at least one of `bodies`, `terms` and `codes`"));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let definition = raw.definition.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Kind {
        id: KindId::new(file.id.clone()),
        label,
        definition,
        priority: raw.priority,
        terms,
        codes,
        file: file.name.clone(),
        overrides: file.overrides,
    })
}

fn check_language(file: &DefinitionFile, path: &str, language: &str, errors: &mut Vec<DefinitionError>) {
    if codes::language(language) != Some(language) {
        errors.push(file.error(path, format!("`{language}` is no language; expected ISO 639-1, such as `de`")));
    }
}

fn parse_codes(file: &DefinitionFile, raw: &RawCodes, errors: &mut Vec<DefinitionError>) -> Vec<Code> {
    let mut all: Vec<Code> = Vec::new();
    for (list, lists) in
        [(CodeList::Activity, &raw.activity), (CodeList::LegalType, &raw.legal_type), (CodeList::Cofog, &raw.cofog)]
    {
        for (key, codes, strong) in [("strong", &lists.strong, true), ("weak", &lists.weak, false)] {
            for (at, code) in codes.iter().enumerate() {
                let path = format!("codes.{}.{key}[{at}]", list.as_str());
                if !list.knows(code) {
                    errors.push(file.error(&path, format!("`{code}` is not in the list")));
                }
                if all.iter().any(|known| known.list == list && known.value == *code) {
                    errors.push(file.error(&path, format!("`{code}` stands here twice")));
                }
                all.push(Code { list, value: code.clone(), strong });
            }
        }
    }
    all
}

fn parse_terms(
    file: &DefinitionFile,
    path: &str,
    place: &str,
    lists: &[(Weight, &str, &Vec<String>)],
    case: &[String],
    terms: &mut Vec<Term>,
    errors: &mut Vec<DefinitionError>,
) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (weight, key, list) in lists {
        for (at, text) in list.iter().enumerate() {
            let path = format!("{path}{key}[{at}]");
            let as_written = case.contains(text);
            let words = match parse_words(text, as_written) {
                Ok(words) => words,
                Err(message) => {
                    errors.push(file.error(&path, message));
                    continue;
                }
            };
            let folded = if as_written { text.clone() } else { fold(text) };
            match seen.insert(folded, key) {
                Some(other) if other == *key => errors.push(file.error(&path, format!("`{text}` stands here twice"))),
                Some(other) => {
                    let (other, key) = (other.trim_start_matches('.'), key.trim_start_matches('.'));
                    errors.push(file.error(&path, format!("`{text}` is both {other} and {key}")));
                }
                None => {}
            }
            terms.push(Term { place: place.to_owned(), text: text.clone(), weight: *weight, as_written, words });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn file(text: &str) -> DefinitionFile {
        let text = Cow::Owned(text.to_owned());
        DefinitionFile { id: "police".into(), name: "police.toml".into(), text, overrides: false }
    }

    const GOOD: &str = r#"definition = "Police."
priority = 50
[label]
en = "Police"
[codes.activity]
weak = ["pub-os"]
[codes.cofog]
strong = ["03.1"]
[bodies]
PL = ["Komenda Główna Policji"]
[terms.de]
strong = ["Polizei*", "BPOL"]
veto = ["Polizeisportverein*"]
case = ["BPOL"]
"#;

    #[test]
    fn a_sound_file_is_read() {
        let kind = parse_kind(&file(GOOD)).expect("sound");
        assert_eq!((kind.terms.len(), kind.codes.len(), kind.priority), (4, 2, 50));
        let police = |activity: &str| Organisation { activity: Some(activity.into()), ..Organisation::default() };
        assert_eq!(kind.codes_of(&police("GF0301")).len(), 1);
        assert_eq!(kind.codes_of(&police("03.1.0")).len(), 1);
        assert_eq!(kind.codes_of(&police("03.2")).len(), 0);
        assert_eq!(kind.codes_of(&police("pub-os"))[0].1.rule, "code:police/activity/pub-os");
    }

    #[test]
    fn every_mistake_names_its_line() {
        for (from, to, expected) in [
            ("priority", "prioritty", "police.toml:2: prioritty: unknown field"),
            ("= 50", "= 100", "police.toml:2: priority: expected a number from 0 to 99"),
            ("en = ", "de = ", "police.toml:3: label: expected at least the English name"),
            ("pub-os", "pub-so", "police.toml:6: codes.activity.weak[0]: `pub-so` is not in the list"),
            ("03.1", "3.1", "police.toml:8: codes.cofog.strong[0]: `3.1` is not in the list"),
            ("PL =", "POL =", "police.toml:10: bodies.POL: `POL` is no country"),
            ("terms.de", "terms.xx", "police.toml:11: terms.xx: `xx` is no language"),
            ("\"BPOL\"]\nveto", "\"*\"]\nveto", "police.toml:12: terms.de.strong[1]: a `*` alone"),
            (
                "\"Polizeisport",
                "\"polizei*\", \"Polizeisport",
                "police.toml:13: terms.de.veto[0]: `polizei*` is both strong and veto",
            ),
            ("case = [\"BPOL", "case = [\"BPO", "police.toml:14: terms.de.case[0]: `BPO` must also stand"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let errors = parse_kind(&file(&text)).expect_err(to);
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|error| error.starts_with(expected)), "{expected}: {all:#?}");
        }
        let empty = "definition = \"x\"\npriority = 1\n[label]\nen = \"x\"\n";
        assert!(parse_kind(&file(empty)).expect_err("empty")[0].to_string().contains("at least one of"));
    }
}
