//! What does a category file say, and is it sound? TOML → [`Category`], strictly, with a place for every mistake.
//!
//! It knows the shape of `index/categories/*.toml` and `index/vetoes/*.toml` and what a term may look like.
//! It does not know how terms are found or weighed.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::analysis::fold;
use crate::codes;
use crate::definitions::{DefinitionError, DefinitionFile};
use crate::ids::CategoryId;
use crate::notice::Text;
use crate::terms::{Word, parse_words};

/// In place of a language: brand names and acronyms, the same everywhere.
pub const ANY: &str = "any";

/// One category as the operator wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// The file's stem.
    pub id: CategoryId,
    /// Its name per language, English first.
    pub label: Text,
    /// What belongs here.
    pub definition: String,
    /// What does not.
    pub excluded: String,
    /// How borderline cases were decided.
    pub rulings: String,
    /// CPV prefixes that label a notice unless something speaks against it.
    pub cpv_strong: Vec<String>,
    /// CPV prefixes that only add to a term.
    pub cpv_weak: Vec<String>,
    /// The words that show it, or speak against it.
    pub terms: Vec<Term>,
    /// Files of `index/forces/`: with a word of one of them beside it, an ordinary thing is one of this category.
    pub forces: Vec<String>,
    /// The probability from which it is a label; folded into the bias, so that a printed score of 0.5 is the label.
    pub threshold: f64,
    /// The file as the user knows it.
    pub file: String,
    /// Whether an operator's file stands in place of a shipped one.
    pub overrides: bool,
}

/// How much a term says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Enough for a label.
    Strong,
    /// An ordinary thing: enough where a force stands beside it, and nothing alone.
    Object,
    /// Only together with others.
    Weak,
    /// Speaks against.
    Veto,
    /// Somebody who makes an ordinary thing a thing of security; of no category by itself.
    Force,
}

impl Weight {
    /// Its key in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Object => "object",
            Self::Weak => "weak",
            Self::Veto => "veto",
            Self::Force => "force",
        }
    }
}

/// A word or phrase of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// ISO 639-1, or [`ANY`].
    pub language: String,
    /// As in the file, stars included.
    pub text: String,
    /// How much it says.
    pub weight: Weight,
    /// An acronym: counts only as written.
    pub as_written: bool,
    /// Its words.
    pub words: Vec<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCategory {
    label: BTreeMap<String, String>,
    definition: String,
    #[serde(default)]
    excluded: String,
    #[serde(default)]
    rulings: String,
    #[serde(default = "half")]
    threshold: f64,
    #[serde(default)]
    cpv: RawCpv,
    #[serde(default)]
    forces: Vec<String>,
    terms: BTreeMap<String, RawTerms>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCpv {
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
    object: Vec<String>,
    #[serde(default)]
    veto: Vec<String>,
    #[serde(default)]
    force: Vec<String>,
    #[serde(default)]
    case: Vec<String>,
}

impl RawTerms {
    fn lists(&self) -> [(Weight, &Vec<String>); 5] {
        [
            (Weight::Strong, &self.strong),
            (Weight::Object, &self.object),
            (Weight::Weak, &self.weak),
            (Weight::Veto, &self.veto),
            (Weight::Force, &self.force),
        ]
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWords {
    #[serde(default)]
    buyers: Vec<String>,
    terms: BTreeMap<String, RawTerms>,
}

/// What a file of `index/vetoes/` or `index/forces/` says.
#[derive(Debug)]
pub(super) struct Words {
    /// The file's stem.
    pub id: String,
    /// All of one weight.
    pub terms: Vec<Term>,
    /// Kinds of buyers that are such a force themselves: stems of `index/buyers/`.
    pub buyers: Vec<String>,
}

fn half() -> f64 {
    0.5
}

/// Reads one file of `index/categories/`.
///
/// # Errors
/// Every mistake in the file, with its line.
pub fn parse_category(file: &DefinitionFile) -> Result<Category, Vec<DefinitionError>> {
    let raw: RawCategory = file.parse().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    if !is_kebab(&file.id) {
        errors.push(
            file.error("", "a category's file is named in lower case with hyphens, such as `ballistic-vests.toml`"),
        );
    }
    let mut label = Text::default();
    for (language, text) in &raw.label {
        check_language(file, &format!("label.{language}"), language, &mut errors);
        if text.trim().is_empty() {
            errors.push(file.error(&format!("label.{language}"), "expected a name, found an empty text"));
        }
        label.push(language, text);
    }
    if label.get("en").is_none() {
        errors.push(file.error("label", "expected at least the English name, `en = \"…\"`"));
    }
    label.put_first("en");
    if raw.definition.trim().is_empty() {
        errors.push(file.error("definition", "expected a sentence that says what belongs here"));
    }
    if !(0.05..=0.95).contains(&raw.threshold) {
        errors.push(file.error("threshold", format!("expected a number from 0.05 to 0.95, found {}", raw.threshold)));
    }
    check_cpv(file, &raw.cpv, &mut errors);
    if let Some(language) = raw.terms.iter().find(|(_, terms)| !terms.force.is_empty()).map(|(language, _)| language) {
        errors.push(file.error(&format!("terms.{language}.force"), "words of a force stand in a file of index/forces"));
    }
    if let Some((language, _)) = raw.terms.iter().find(|(_, terms)| !terms.object.is_empty() && raw.forces.is_empty()) {
        let message = "expected `forces = [\"police\"]` at the top: who makes these things things of security";
        errors.push(file.error(&format!("terms.{language}.object"), message));
    }
    let terms = parse_terms(file, &raw.terms, &mut errors);
    if errors.is_empty() {
        return Ok(Category {
            id: CategoryId::new(file.id.clone()),
            label,
            definition: one_line(&raw.definition),
            excluded: one_line(&raw.excluded),
            rulings: one_line(&raw.rulings),
            cpv_strong: raw.cpv.strong,
            cpv_weak: raw.cpv.weak,
            terms,
            forces: raw.forces,
            threshold: raw.threshold,
            file: file.name.clone(),
            overrides: file.overrides,
        });
    }
    Err(errors)
}

/// Reads one file of `index/vetoes/` (terms that speak against every category) or `index/forces/` (words for bodies): nothing
/// but terms of one weight.
///
/// # Errors
/// Every mistake in the file, with its line.
pub(super) fn parse_words_of(file: &DefinitionFile, only: Weight) -> Result<Words, Vec<DefinitionError>> {
    let raw: RawWords = file.parse().map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    for (language, terms) in &raw.terms {
        for (weight, list) in terms.lists() {
            if weight != only && !list.is_empty() {
                let message = format!("here only `{}` has a meaning", only.as_str());
                errors.push(file.error(&format!("terms.{language}.{}", weight.as_str()), message));
            }
        }
    }
    if only != Weight::Force && !raw.buyers.is_empty() {
        errors.push(file.error("buyers", "kinds of buyers stand in a file of index/forces"));
    }
    let terms = parse_terms(file, &raw.terms, &mut errors);
    if errors.is_empty() { Ok(Words { id: file.id.clone(), terms, buyers: raw.buyers }) } else { Err(errors) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_kebab(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn check_language(file: &DefinitionFile, path: &str, language: &str, errors: &mut Vec<DefinitionError>) {
    if codes::language(language) != Some(language) {
        errors.push(file.error(path, format!("`{language}` is no language; expected ISO 639-1, such as `de`")));
    }
}

fn check_cpv(file: &DefinitionFile, cpv: &RawCpv, errors: &mut Vec<DefinitionError>) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (key, list) in [("strong", &cpv.strong), ("weak", &cpv.weak)] {
        for (at, prefix) in list.iter().enumerate() {
            let path = format!("cpv.{key}[{at}]");
            if !codes::cpv_prefix_exists(prefix) {
                let message =
                    format!("no CPV code starts with `{prefix}`; expected 2 to 8 digits, without check digit");
                errors.push(file.error(&path, message));
            }
            match seen.insert(prefix, key) {
                Some(other) if other == key => errors.push(file.error(&path, format!("`{prefix}` stands here twice"))),
                Some(other) => errors.push(file.error(&path, format!("`{prefix}` is both {other} and {key}"))),
                None => {}
            }
        }
    }
}

fn parse_terms(
    file: &DefinitionFile,
    raw: &BTreeMap<String, RawTerms>,
    errors: &mut Vec<DefinitionError>,
) -> Vec<Term> {
    let mut terms = Vec::new();
    for (language, lists) in raw {
        if language != ANY {
            check_language(file, &format!("terms.{language}"), language, errors);
        }
        let mut seen: HashMap<String, Weight> = HashMap::new();
        for (weight, list) in lists.lists() {
            for (at, text) in list.iter().enumerate() {
                let path = format!("terms.{language}.{}[{at}]", weight.as_str());
                let as_written = lists.case.contains(text);
                let words = match parse_words(text, as_written) {
                    Ok(words) => words,
                    Err(message) => {
                        errors.push(file.error(&path, message));
                        continue;
                    }
                };
                let key = if as_written { text.clone() } else { fold(text) };
                match seen.insert(key, weight) {
                    Some(other) if other == weight => {
                        errors.push(file.error(&path, format!("`{text}` stands here twice")));
                    }
                    Some(other) => {
                        let message = format!("`{text}` is both {} and {}", other.as_str(), weight.as_str());
                        errors.push(file.error(&path, message));
                    }
                    None => {}
                }
                terms.push(Term { language: language.clone(), text: text.clone(), weight, as_written, words });
            }
        }
        for (at, text) in lists.case.iter().enumerate() {
            let path = format!("terms.{language}.case[{at}]");
            if !lists.lists().iter().any(|(_, list)| list.contains(text)) {
                let message = format!("`{text}` must also stand in `strong`, `object`, `weak` or `veto`");
                errors.push(file.error(&path, message));
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn file(text: &str) -> DefinitionFile {
        let text = Cow::Owned(text.to_owned());
        DefinitionFile { id: "drones".into(), name: "drones.toml".into(), text, overrides: false }
    }

    const GOOD: &str = r#"threshold = 0.5
definition = "Unmanned aircraft."
[label]
en = "Drones"
de = "Drohnen"
[cpv]
strong = ["35613"]
[terms.de]
strong = ["*drohne*", "UAS", "unbemannte* Luftfahrzeug*"]
veto = ["Drohnenbrut"]
case = ["UAS"]
"#;

    #[test]
    fn a_sound_file_is_read() {
        let category = parse_category(&file(GOOD)).expect("sound");
        assert_eq!(category.label.first(), Some(("en", "Drones")));
        assert_eq!(category.terms.len(), 4);
        let phrase = &category.terms[2];
        assert_eq!(phrase.words.len(), 2);
        assert!(phrase.words.iter().all(|word| word.open_end && !word.open_start));
        assert_eq!(category.terms[1].words[0].written.as_deref(), Some("UAS"));
    }

    #[test]
    fn every_mistake_names_its_line() {
        for (from, to, expected) in [
            ("threshold = 0.5", "threshold = 1.5", "drones.toml:1: threshold: expected a number from 0.05 to 0.95"),
            ("threshold", "treshold", "drones.toml:1: treshold: unknown field"),
            ("en = \"Drones\"", "xx = \"Drones\"", "drones.toml:4: label.xx: `xx` is no language"),
            ("de = \"Drohnen\"", "de = \" \"", "drones.toml:5: label.de: expected a name"),
            ("\"35613\"", "\"99999\"", "drones.toml:7: cpv.strong[0]: no CPV code starts with `99999`"),
            ("[\"35613\"]", "[\"35613\"]\nweak = [\"35613\"]", "drones.toml:8: cpv.weak[0]: `35613` is both"),
            ("terms.de", "terms.German", "drones.toml:8: terms.German: `German` is no language"),
            ("\"UAS\", \"un", "\"\", \"un", "drones.toml:9: terms.de.strong[1]: expected a word"),
            ("\"UAS\", \"un", "\"*\", \"un", "drones.toml:9: terms.de.strong[1]: a `*` alone"),
            ("\"UAS\", \"un", "\"a * b\", \"un", "drones.toml:9: terms.de.strong[1]: in `a * b` a `*` stands alone"),
            ("\"UAS\", \"un", "\"dr*ne\", \"un", "drones.toml:9: terms.de.strong[1]: in `dr*ne` a `*` stands inside"),
            ("\"UAS\", \"un", "\"*ua*\", \"un", "drones.toml:9: terms.de.strong[1]: `*ua*` would fit too many"),
            ("\"Drohnenbrut\"", "\"*Drohne*\"", "drones.toml:10: terms.de.veto[0]: `*Drohne*` is both strong and veto"),
            ("\"Drohnenbrut\"", "\"Brut\", \"brut\"", "drones.toml:10: terms.de.veto[1]: `brut` stands here twice"),
            ("veto", "object", "drones.toml:10: terms.de.object: expected `forces"),
            ("veto", "force", "drones.toml:10: terms.de.force: words of a force"),
            ("case = [\"UAS\"]", "case = [\"UAV\"]", "drones.toml:11: terms.de.case[0]: `UAV` must also stand"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let errors = parse_category(&file(&text)).expect_err(to);
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|error| error.starts_with(expected)), "{expected}: {all:#?}");
        }
    }

    #[test]
    fn vetoes_are_only_vetoes() {
        let vetoes = |text: &str| parse_words_of(&file(text), Weight::Veto);
        assert_eq!(vetoes("[terms.en]\nveto = [\"insurance*\"]\n").expect("sound").terms.len(), 1);
        let errors = vetoes("[terms.en]\nstrong = [\"insurance*\"]\n").expect_err("no vetoes");
        assert!(errors[0].to_string().contains("only `veto`"), "{}", errors[0]);
    }
}
