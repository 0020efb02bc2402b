//! Of what kind is a buyer? `index/buyers/*.toml` → [`Kinds`]; an organisation → kinds with evidence.
//!
//! A body of its own name says most, then the words of the name in the languages of its country, then codes. A veto takes
//! all name evidence of its kind away (`police d'assurance` is no police). Codes alone suffice only where the definition
//! calls them strong. It does no I/O after loading and gives the same answer for the same organisation.

mod definition;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::definition::{ANY, CodeList, Kind};
use self::definition::{Weight, parse_kind};
use super::name::country_of;
use crate::analysis::fold;
use crate::definitions::{DefinitionError, Definitions};
use crate::ids::KindId;
use crate::notice::{Notice, Organisation};
use crate::terms::{Matcher, MatcherBuilder, Page};

/// The folder of kinds.
pub const BUYERS: &str = "index/buyers";

/// Changes when the same definitions would give other kinds: part of the fingerprint.
const RULES: &str = "kinds/1";
/// From this many points a kind is found.
const ENOUGH: u32 = 25;
/// A second rule of a name confirms, it does not prove: it adds this once.
const CONFIRMED: u32 = 5;
/// Words read of one name; some buyers write a page there.
const MOST_WORDS: usize = 60;

/// A kind of an organisation, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindFound {
    /// The kind.
    pub kind: KindId,
    /// From 25 up; only for comparing kinds of one organisation.
    pub points: u32,
    /// Strongest first.
    pub evidence: Vec<KindEvidence>,
}

/// One reason for a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindEvidence {
    /// The rule: `body:police/PL/komenda glowna policji`, `term:police/de/polizei*`, `code:defence/activity/defence`.
    pub rule: String,
    /// The words of the name, or the code.
    pub text: String,
    /// What it counts.
    pub points: u32,
}

/// What a matched term means.
#[derive(Debug)]
struct Rule {
    kind: usize,
    weight: Weight,
    /// A language, or for a body its country; [`ANY`] for both.
    place: String,
    name: String,
}

/// The loaded definitions.
#[derive(Debug)]
pub struct Kinds {
    all: Vec<Kind>,
    rules: Vec<Rule>,
    matcher: Matcher,
    fingerprint: String,
}

impl Kinds {
    /// Reads all definitions.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load(definitions: &Definitions) -> Result<Self, Vec<DefinitionError>> {
        let mut errors = Vec::new();
        let mut kinds = Vec::new();
        let mut digest = Sha256::new();
        digest.update(RULES);
        for file in definitions.list(BUYERS).map_err(|error| vec![error])? {
            for part in [file.id.as_str(), file.text.as_ref()] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part.as_bytes());
            }
            match parse_kind(&file) {
                Ok(kind) => kinds.push(kind),
                Err(found) => errors.extend(found),
            }
        }
        let fingerprint = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if errors.is_empty() { Ok(Self::build(kinds, fingerprint)) } else { Err(errors) }
    }

    fn build(kinds: Vec<Kind>, fingerprint: String) -> Self {
        let mut rules = Vec::new();
        let mut matcher = MatcherBuilder::default();
        for (number, kind) in kinds.iter().enumerate() {
            for term in &kind.terms {
                matcher.add(u32::try_from(rules.len()).expect("fewer rules than numbers"), &term.words);
                let class = if term.weight == Weight::Body { "body" } else { "term" };
                let text = if term.as_written { term.text.clone() } else { fold(&term.text) };
                let name = format!("{class}:{}/{}/{text}", kind.id, term.place);
                rules.push(Rule { kind: number, weight: term.weight, place: term.place.clone(), name });
            }
        }
        Self { all: kinds, rules, matcher: matcher.build(), fingerprint }
    }

    /// Every kind, by id.
    pub fn kinds(&self) -> &[Kind] {
        &self.all
    }

    /// One kind.
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.all.iter().find(|kind| kind.id.as_str() == id)
    }

    /// SHA-256 of the definitions and the version of the rules: stored with results, so that a change is noticed.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Writes the best kind of each buyer on a notice, in place of what stood there.
    pub fn fill(&self, notice: &mut Notice) {
        for buyer in &mut notice.buyers {
            buyer.kind = self.of(buyer).into_iter().next().map(|found| found.kind.to_string());
        }
    }

    /// The kinds of an organisation, best first: what its name says before what only codes say, then the more specific
    /// kind before the more general, then by points. Empty when nothing says enough.
    pub fn of(&self, organisation: &Organisation) -> Vec<KindFound> {
        let mut found: BTreeMap<usize, Vec<(Weight, KindEvidence)>> = BTreeMap::new();
        let mut vetoed = vec![false; self.all.len()];
        let country = country_of(organisation.country.as_deref());
        let names = organisation.name.iter().map(|name| (None, name.as_str()));
        for (language, name) in names.chain(organisation.names.iter().map(|(language, name)| (Some(language), name))) {
            let page = Page::new(name, MOST_WORDS);
            self.matcher.find(&page, true, |hit| {
                let rule = &self.rules[hit.term as usize];
                if !applies(rule, country, language) {
                    return;
                }
                if rule.weight == Weight::Veto {
                    vetoed[rule.kind] = true;
                    return;
                }
                let (first, last) = (page.tokens[hit.first as usize], page.tokens[hit.last as usize]);
                let text = &name[first.byte..last.byte + last.surface.len()];
                let all = found.entry(rule.kind).or_default();
                if all.iter().all(|(_, known)| known.rule != rule.name) {
                    let points = rule.weight.points();
                    all.push((rule.weight, KindEvidence { rule: rule.name.clone(), text: text.to_owned(), points }));
                }
            });
        }
        for (number, vetoed) in vetoed.iter().enumerate() {
            if *vetoed {
                found.remove(&number);
            }
        }
        for (number, kind) in self.all.iter().enumerate() {
            let codes = kind.codes_of(organisation);
            if !codes.is_empty() {
                found.entry(number).or_default().extend(codes);
            }
        }
        let mut all: Vec<(bool, u8, KindFound)> = found
            .into_iter()
            .filter_map(|(number, evidence)| {
                let kind = &self.all[number];
                let named = evidence.iter().any(|(weight, _)| matches!(weight, Weight::Body | Weight::Strong));
                Some((named, kind.priority, weighed(&kind.id, evidence)?))
            })
            .collect();
        all.sort_by(|one, other| {
            let key = |(named, priority, found): &(bool, u8, KindFound)| (*named, *priority, found.points);
            key(other).cmp(&key(one)).then_with(|| one.2.kind.cmp(&other.2.kind))
        });
        all.into_iter().map(|(_, _, found)| found).collect()
    }
}

/// The sum of the strongest evidence of the name, a little for a second one, and the codes; none when it is not enough.
fn weighed(kind: &KindId, evidence: Vec<(Weight, KindEvidence)>) -> Option<KindFound> {
    let is_code = |weight: Weight| matches!(weight, Weight::StrongCode | Weight::WeakCode);
    let names: Vec<u32> = evidence.iter().filter(|(weight, _)| !is_code(*weight)).map(|(_, one)| one.points).collect();
    let codes: u32 = evidence.iter().filter(|(weight, _)| is_code(*weight)).map(|(_, one)| one.points).sum();
    let strongest = names.iter().max().copied().unwrap_or(0);
    let points = strongest + if names.len() > 1 { CONFIRMED } else { 0 } + codes;
    let mut evidence: Vec<KindEvidence> = evidence.into_iter().map(|(_, one)| one).collect();
    evidence.sort_by(|one, other| other.points.cmp(&one.points).then_with(|| one.rule.cmp(&other.rule)));
    (points >= ENOUGH).then(|| KindFound { kind: kind.clone(), points, evidence })
}

/// Whether a rule may speak about a name of this country and, where declared, this language.
fn applies(rule: &Rule, country: Option<&str>, language: Option<&str>) -> bool {
    if rule.place == ANY {
        return true;
    }
    let Some(country) = country else { return true };
    if rule.weight == Weight::Body {
        return rule.place == country;
    }
    // English names are given in every country.
    rule.place == "en"
        || language == Some(rule.place.as_str())
        || SPOKEN.iter().any(|(spoken, countries)| *spoken == rule.place && countries.contains(&country))
}

/// Where bodies have names in a language; other countries' names are not read in it, because the same letters may say
/// something else there.
const SPOKEN: &[(&str, &[&str])] = &[
    ("bg", &["BG"]),
    ("cs", &["CZ", "SK"]),
    ("da", &["DK", "FO", "GL", "NO"]),
    ("de", &["DE", "AT", "CH", "LI", "LU", "BE", "IT"]),
    ("el", &["GR", "CY"]),
    ("es", &["ES", "MX", "CO", "CL", "AR", "PE", "HN", "PY", "UY", "CR", "DO", "GT", "EC", "BO"]),
    ("et", &["EE"]),
    ("fi", &["FI"]),
    ("fr", &["FR", "BE", "LU", "CH", "MC", "RE", "GP", "MQ", "GF", "YT", "NC", "PF", "PM", "CA", "IT"]),
    ("ga", &["IE", "GB"]),
    ("hr", &["HR", "BA", "RS", "ME"]),
    ("hu", &["HU", "RO", "SK"]),
    ("it", &["IT", "CH", "SM", "VA"]),
    ("lt", &["LT"]),
    ("lv", &["LV"]),
    ("mt", &["MT"]),
    ("nl", &["NL", "BE", "CW", "AW", "SX"]),
    ("no", &["NO", "SJ", "DK"]),
    ("pl", &["PL"]),
    ("pt", &["PT", "BR", "CV", "AO", "MZ", "ST"]),
    ("ro", &["RO", "MD"]),
    ("sk", &["SK", "CZ"]),
    ("sl", &["SI"]),
    ("sv", &["SE", "FI", "AX"]),
    ("tr", &["TR", "CY"]),
    ("uk", &["UA"]),
];

#[cfg(test)]
mod tests;
