//! What is being bought? `index/categories/*.toml` → [`Classifier`]; a notice → security categories with evidence.
//!
//! It answers which categories a notice belongs to, how sure that is, and which words and codes say so, with their
//! place in the text as exported. The purchased object decides: the buyer's name is never read. It does no I/O after
//! loading, holds no state, and gives the same answer for the same notice whatever came before.
//!
//! Two parts: `definition` reads the files, `score` weighs the terms that [`crate::terms`] finds.

mod definition;
mod score;
mod weights;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest, Sha256};

use self::definition::Words;
pub use self::definition::{ANY, Category, Term, Weight};
pub use self::score::score;
use self::score::{Code, Hit, Position, beside_a_force, weigh};
pub use self::weights::{WEIGHTS, Weights};
use crate::analysis::fold;
use crate::codes;
use crate::definitions::{DefinitionError, Definitions};
use crate::ids::CategoryId;
use crate::notice::{Classification, Notice, Text};
use crate::terms::{Found, Matcher, MatcherBuilder, Page, Word, parse_words};

/// The folder of categories.
pub const CATEGORIES: &str = "index/categories";
/// The folder of words for bodies that make an ordinary thing a thing of security.
pub const FORCES: &str = "index/forces";
/// The folder of kinds of buyers, which a force may name: who buys it makes an ordinary thing a thing of security, too.
const BUYERS: &str = "index/buyers";
/// The folder of terms that speak against every category.
pub const VETOES: &str = "index/vetoes";

/// Changes when the same definitions would give other results: part of the fingerprint.
const RULES: &str = "classify/3";
/// Words read of one text; a description of megabytes is an attachment, not a description.
const MOST_WORDS: usize = 20_000;
/// Words read of one notice, over all its lots and languages.
const MOST_WORDS_OF_NOTICE: usize = 100_000;
/// Letters of a term that counts in a text whose language nobody knows; shorter ones are other words elsewhere.
const LONG: usize = 7;
/// In place of a language: the words of all of them count.
const EVERY: &str = "*";
/// Hits kept of one category in one text.
const MOST_HITS: usize = 64;

/// What a matched term means.
#[derive(Debug)]
struct Rule {
    /// The category's number; none speaks against all, or is a force.
    category: Option<usize>,
    /// The force's number.
    force: Option<usize>,
    /// None: the category's name, which only answers queries.
    weight: Option<Weight>,
    language: String,
    text: String,
    name: String,
    acronym: bool,
    phrase: bool,
    long: bool,
}

/// A category that a user's query names, for searching across languages.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// The category.
    pub category: CategoryId,
    /// The term or name that fits, as in the definition.
    pub term: String,
    /// Its language.
    pub language: String,
    /// Whether it is the category's own name.
    pub is_label: bool,
    /// The first scalar of the query that it explains.
    pub start: usize,
    /// One past the last one.
    pub end: usize,
}

/// The loaded definitions.
#[derive(Debug)]
pub struct Classifier {
    categories: Vec<Category>,
    /// By category, the numbers of its forces.
    forces: Vec<Vec<usize>>,
    /// By force, its name in evidence and the kinds of buyers that are one.
    buyers: Vec<(String, Vec<String>)>,
    rules: Vec<Rule>,
    matcher: Matcher,
    /// CPV prefix → categories that name it, and whether strongly.
    cpv: BTreeMap<String, Vec<(usize, bool)>>,
    weights: Weights,
    fingerprint: String,
}

/// A simple system to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// A strong CPV code labels.
    Codes,
    /// A strong English term labels, whatever the text's language.
    English,
    /// A strong term labels, whatever speaks against it.
    Lexicon,
}

/// One text of a notice.
struct Source<'n> {
    field: String,
    lang: &'n str,
    /// What is read of it, and how many scalars stand before that.
    text: &'n str,
    before: usize,
    position: Position,
    lot: Option<usize>,
}

impl Classifier {
    /// Reads all definitions.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load(definitions: &Definitions) -> Result<Self, Vec<DefinitionError>> {
        let mut errors = Vec::new();
        let mut digest = Sha256::new();
        let mut note = |kind: &str, id: &str, text: &str| {
            for part in [kind, id, text] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part.as_bytes());
            }
        };
        note("rules", RULES, "");
        let kinds = definitions.list(BUYERS).map_err(|error| vec![error])?;
        let mut forces = Vec::new();
        for file in definitions.list(FORCES).map_err(|error| vec![error])? {
            note(FORCES, &file.id, &file.text);
            match definition::parse_words_of(&file, Weight::Force) {
                Ok(words) => {
                    for kind in words.buyers.iter().filter(|kind| kinds.iter().all(|known| known.id != **kind)) {
                        errors.push(file.error("buyers", format!("there is no {BUYERS}/{kind}.toml")));
                    }
                    forces.push(words);
                }
                Err(found) => errors.extend(found),
            }
        }
        let mut categories = Vec::new();
        for file in definitions.list(CATEGORIES).map_err(|error| vec![error])? {
            note(CATEGORIES, &file.id, &file.text);
            match definition::parse_category(&file) {
                Ok(category) => {
                    for force in category.forces.iter().filter(|force| forces.iter().all(|known| known.id != **force)) {
                        errors.push(file.error("forces", format!("there is no {FORCES}/{force}.toml")));
                    }
                    categories.push(category);
                }
                Err(found) => errors.extend(found),
            }
        }
        let mut vetoes = Vec::new();
        for file in definitions.list(VETOES).map_err(|error| vec![error])? {
            note(VETOES, &file.id, &file.text);
            match definition::parse_words_of(&file, Weight::Veto) {
                Ok(words) => vetoes.push(words),
                Err(found) => errors.extend(found),
            }
        }
        let weights = match Weights::load(definitions) {
            Ok((weights, text)) => {
                note(WEIGHTS, "shared", &text);
                Some(weights)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        };
        match weights {
            Some(weights) if errors.is_empty() => {
                Ok(Self::build(categories, &vetoes, &forces, weights, hex(&digest.finalize())))
            }
            _ => Err(errors),
        }
    }

    fn build(
        mut categories: Vec<Category>,
        vetoes: &[Words],
        forces: &[Words],
        weights: Weights,
        fingerprint: String,
    ) -> Self {
        categories.sort_by(|one, other| one.id.cmp(&other.id));
        let mut rules = Vec::new();
        let mut matcher = MatcherBuilder::default();
        let mut add = |words: &[Word], rule: Rule| {
            matcher.add(u32::try_from(rules.len()).expect("fewer rules than numbers"), words);
            rules.push(rule);
        };
        let mut cpv: BTreeMap<String, Vec<(usize, bool)>> = BTreeMap::new();
        for (number, category) in categories.iter().enumerate() {
            for term in &category.terms {
                add(&term.words, rule_of(Some(number), category.id.as_str(), term));
            }
            for (language, text) in category.label.iter() {
                let words = parse_words(text, false).unwrap_or_default();
                if !words.is_empty() {
                    add(&words, label_of(number, category.id.as_str(), language, text));
                }
            }
            for (list, strong) in [(&category.cpv_strong, true), (&category.cpv_weak, false)] {
                for prefix in list {
                    cpv.entry(prefix.clone()).or_default().push((number, strong));
                }
            }
        }
        for words in vetoes {
            for term in &words.terms {
                add(&term.words, rule_of(None, &words.id, term));
            }
        }
        for (number, words) in forces.iter().enumerate() {
            for term in &words.terms {
                add(&term.words, Rule { force: Some(number), ..rule_of(None, &words.id, term) });
            }
        }
        let number =
            |force: &String| forces.iter().position(|known| known.id == *force).expect("checked when it was read");
        let numbers = categories.iter().map(|category| category.forces.iter().map(number).collect()).collect();
        let buyers = forces.iter().map(|words| (format!("buyer:{}", words.id), words.buyers.clone())).collect();
        Self { categories, forces: numbers, buyers, rules, matcher: matcher.build(), cpv, weights, fingerprint }
    }

    /// The categories, by id.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// One category.
    pub fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id.as_str() == id)
    }

    /// SHA-256 of the definitions and the version of the rules: stored with results, so that a change is noticed.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Every category of the notice that scores 0.05 or more, best first; from 0.5 it is a label.
    pub fn classify(&self, notice: &Notice) -> Vec<Classification> {
        self.classify_with(notice, &self.weights)
    }

    /// How much each kind of evidence says here.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The same with other weights.
    pub fn classify_with(&self, notice: &Notice, weights: &Weights) -> Vec<Classification> {
        let mut sources = Vec::new();
        let own = &notice.languages;
        push_text(&mut sources, own, "title", &notice.title, Position::Title, None);
        push_text(&mut sources, own, "description", &notice.description, Position::Description, None);
        // In order of their ids, so that the order in the document cannot matter.
        let mut lots: Vec<_> = notice.lots.iter().collect();
        lots.sort_by(|one, other| one.id.cmp(&other.id));
        for (number, lot) in lots.iter().enumerate() {
            let field = |part: &str| format!("lots[{}].{part}", lot.id);
            push_text(&mut sources, own, &field("title"), &lot.title, Position::LotTitle, Some(number));
            let (field, position) = (field("description"), Position::LotDescription);
            push_text(&mut sources, own, &field, &lot.description, position, Some(number));
        }
        let mut codes: Vec<(String, &str, bool)> = Vec::new();
        for (at, code) in notice.cpv.iter().enumerate() {
            codes.push(("cpv".to_owned(), code, at == 0));
        }
        let mut known: HashSet<&str> = notice.cpv.iter().map(String::as_str).collect();
        for lot in &lots {
            for code in &lot.cpv {
                if known.insert(code) {
                    codes.push((format!("lots[{}].cpv", lot.id), code, false));
                }
            }
        }
        let buyers: Vec<(String, &str, &str)> = notice
            .buyers
            .iter()
            .enumerate()
            .filter_map(|(at, buyer)| {
                Some((format!("buyers[{at}].name"), buyer.kind.as_deref()?, buyer.name.as_deref()?))
            })
            .collect();
        self.weigh_all(&sources, &codes, &buyers, weights)
    }

    /// What a simple system would label: the baselines that an evaluation prints beside the real one.
    pub fn baseline(&self, notice: &Notice, system: Baseline) -> BTreeSet<CategoryId> {
        let mut numbers: BTreeSet<usize> = BTreeSet::new();
        if system == Baseline::Codes {
            let lots = notice.lots.iter().flat_map(|lot| &lot.cpv);
            for code in notice.cpv.iter().chain(lots) {
                for (_, categories) in (2..=code.len()).filter_map(|end| self.cpv.get_key_value(code.get(..end)?)) {
                    numbers.extend(categories.iter().filter(|(_, strong)| *strong).map(|(number, _)| *number));
                }
            }
        } else {
            let lots = notice.lots.iter().flat_map(|lot| [&lot.title, &lot.description]);
            for (lang, text) in [&notice.title, &notice.description].into_iter().chain(lots).flat_map(Text::iter) {
                self.matcher.find(&Page::new(text, MOST_WORDS), true, |found| {
                    let rule = &self.rules[found.term as usize];
                    let counts = match system {
                        Baseline::English => rule.language == "en",
                        _ => rule.fires_in(lang),
                    };
                    if rule.weight == Some(Weight::Strong) && counts {
                        numbers.extend(rule.category);
                    }
                });
            }
        }
        numbers.into_iter().map(|number| self.categories[number].id.clone()).collect()
    }

    /// What a text gets when it is read as the title of a notice; without a language the terms of all of them count.
    pub fn try_text(&self, text: &str, lang: Option<&str>) -> Vec<Classification> {
        let source = Source {
            field: "title".to_owned(),
            lang: lang.unwrap_or(EVERY),
            text,
            before: 0,
            position: Position::Title,
            lot: None,
        };
        self.weigh_all(&[source], &[], &[], &self.weights)
    }

    /// The categories that a query names: one of its phrases is a strong term, in any language and any case, or
    /// the category's own name. `Drohnen` and `drones` name the same one. By category, longest phrase first.
    pub fn expand(&self, query: &str) -> Vec<Expansion> {
        let page = Page::new(query, 64);
        let mut all: Vec<Expansion> = Vec::new();
        self.matcher.find(&page, false, |found| {
            let rule = &self.rules[found.term as usize];
            let Some(category) = rule.category else { return };
            if !matches!(rule.weight, None | Some(Weight::Strong)) {
                return;
            }
            all.push(Expansion {
                category: self.categories[category].id.clone(),
                term: rule.text.clone(),
                language: rule.language.clone(),
                is_label: rule.weight.is_none(),
                start: page.tokens[found.first as usize].start,
                end: page.tokens[found.last as usize].end,
            });
        });
        // The longest phrase explains best; then the name; then English, for a reason that most can read.
        all.sort_by(|one, other| {
            one.category
                .cmp(&other.category)
                .then((other.end - other.start).cmp(&(one.end - one.start)))
                .then(other.is_label.cmp(&one.is_label))
                .then((other.language == "en").cmp(&(one.language == "en")))
                .then(one.language.cmp(&other.language))
                .then(one.term.cmp(&other.term))
        });
        all.dedup_by(|later, first| later.category == first.category);
        all
    }

    /// The bare scan for all words of all terms over a text: what matching alone costs.
    #[doc(hidden)]
    pub fn scan_only(&self, text: &str) -> usize {
        self.matcher.scan_only(&Page::new(text, MOST_WORDS))
    }

    /// `codes` with their field and whether they are the main one, `buyers` with their field, kind and name.
    fn weigh_all(
        &self,
        sources: &[Source<'_>],
        codes: &[(String, &str, bool)],
        buyers: &[(String, &str, &str)],
        weights: &Weights,
    ) -> Vec<Classification> {
        let mut hits: Vec<Vec<Hit<'_>>> = vec![Vec::new(); self.categories.len()];
        let mut against_all: Vec<Hit<'_>> = Vec::new();
        let mut forces: Vec<(usize, Hit<'_>)> = Vec::new();
        let mut left = MOST_WORDS_OF_NOTICE;
        for (place, source) in sources.iter().enumerate() {
            if left == 0 {
                break;
            }
            let page = Page::new(source.text, MOST_WORDS.min(left));
            left -= page.tokens.len();
            // one for each category, one for what speaks against all, one for forces
            let mut counts = vec![0usize; self.categories.len() + 2];
            self.matcher.find(&page, true, |found| {
                let rule = &self.rules[found.term as usize];
                let (Some(weight), true) = (rule.weight, rule.fires_in(source.lang)) else { return };
                let nobodys = usize::from(rule.force.is_some());
                let count = &mut counts[rule.category.map_or(nobodys, |number| number + 2)];
                *count += 1;
                if *count > MOST_HITS {
                    return;
                }
                let hit = hit_of(rule, (weight, weights), place, source, &page, found);
                match (rule.category, rule.force) {
                    (Some(number), _) => hits[number].push(hit),
                    (None, Some(force)) => forces.push((force, hit)),
                    (None, None) => against_all.push(hit),
                }
            });
        }
        for (number, (rule, kinds)) in self.buyers.iter().enumerate() {
            let mut own = buyers.iter().filter(|(_, kind, _)| kinds.iter().any(|known| known == kind));
            if let Some((field, _, name)) = own.next() {
                forces.push((number, Hit::of_buyer(rule, field, name, weights.force)));
            }
        }
        let mut named: Vec<Vec<Code<'_>>> = vec![Vec::new(); self.categories.len()];
        for (field, code, main) in codes {
            self.name_codes(field, (code, *main), weights, &mut named);
        }
        let mut all: Vec<Classification> = Vec::new();
        for (number, (category, codes)) in self.categories.iter().zip(named).enumerate() {
            let mut hits = std::mem::take(&mut hits[number]);
            let own = forces.iter().filter(|(force, _)| self.forces[number].contains(force));
            let force = beside_a_force(&mut hits, own.map(|(_, hit)| hit));
            if hits.is_empty() && codes.is_empty() {
                continue;
            }
            hits.extend(against_all.iter().cloned());
            all.extend(weigh(category, hits, codes, force));
        }
        all.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.id.cmp(&other.id)));
        all
    }

    /// For each category the longest prefix of the code that it names.
    fn name_codes<'a>(
        &'a self,
        field: &'a str,
        (code, main): (&'a str, bool),
        weights: &Weights,
        named: &mut [Vec<Code<'a>>],
    ) {
        let mut met: Vec<usize> = Vec::new();
        for length in (2..=code.len().min(8)).rev() {
            let Some((prefix, categories)) = code.get(..length).and_then(|prefix| self.cpv.get_key_value(prefix))
            else {
                continue;
            };
            for &(number, strong) in categories {
                if !met.contains(&number) {
                    met.push(number);
                    let category = self.categories[number].id.as_str();
                    let points = weights.of_code(strong, prefix.len(), main);
                    named[number].push(Code { category, strong, prefix, field, digits: code, points });
                }
            }
        }
    }
}

impl Rule {
    /// Whether the term counts in a text declared to be in `lang`. A term is a fact about its language: English
    /// stems are other words elsewhere, and `USV` is a boat in English and a power supply in German. What travels:
    /// English acronyms and phrases, which publishers everywhere mix into their titles, and whatever the
    /// definitions file under [`ANY`]. In a text of unknown language long words and phrases count, too.
    fn fires_in(&self, lang: &str) -> bool {
        if self.language == lang || self.language == ANY {
            return true;
        }
        match lang {
            "nb" | "nn" => self.language == "no",
            "bs" | "sr" | "me" => self.language == "hr",
            "ca" | "gl" => self.language == "es",
            EVERY => true,
            "" | "und" | "mul" | "zxx" => self.long || (self.language == "en" && (self.phrase || self.acronym)),
            _ => self.language == "en" && (self.phrase || self.acronym),
        }
    }
}

fn rule_of(category: Option<usize>, id: &str, term: &Term) -> Rule {
    let kind = match term.weight {
        Weight::Veto => "veto",
        Weight::Force => "force",
        _ => "term",
    };
    Rule {
        category,
        force: None,
        weight: Some(term.weight),
        language: term.language.clone(),
        text: term.text.clone(),
        name: format!("{kind}:{id}/{}/{}", term.language, term.text),
        acronym: term.as_written,
        phrase: term.words.len() > 1,
        long: term.text.chars().filter(|letter| letter.is_alphanumeric()).count() >= LONG,
    }
}

fn label_of(category: usize, id: &str, language: &str, text: &str) -> Rule {
    Rule {
        category: Some(category),
        force: None,
        weight: None,
        language: language.to_owned(),
        text: text.to_owned(),
        name: format!("label:{id}/{language}"),
        acronym: false,
        phrase: false,
        long: true,
    }
}

/// Texts in the notice's own languages. What stands beside them in others was made by a machine: TED puts the words of a CPV
/// code there as titles.
fn push_text<'n>(
    into: &mut Vec<Source<'n>>,
    own: &[String],
    field: &str,
    text: &'n Text,
    position: Position,
    lot: Option<usize>,
) {
    let is_own = |lang: &str| own.iter().any(|own| own == lang);
    let all = !text.iter().any(|(lang, _)| is_own(lang));
    for (lang, text) in text.iter().filter(|(lang, _)| all || is_own(lang)) {
        let own = without_machine_prefix(text);
        let before = text[..text.len() - own.len()].chars().count();
        into.push(Source { field: field.to_owned(), lang, text: own, before, position, lot });
    }
}

/// A title without what TED puts before it: `Poland – Bullet-proof vests – ` is the country and a CPV code in words, not
/// what the buyer says.
fn without_machine_prefix(title: &str) -> &str {
    let mut parts = title.splitn(3, " – ");
    match (parts.next(), parts.next(), parts.next()) {
        (Some(country), Some(_), Some(own)) if codes::country_of(country).is_some() => own,
        _ => title,
    }
}

fn hit_of<'a>(
    rule: &'a Rule,
    (weight, weights): (Weight, &Weights),
    place: usize,
    source: &'a Source<'_>,
    page: &Page<'a>,
    found: Found,
) -> Hit<'a> {
    let words = &page.tokens[found.first as usize..=found.last as usize];
    let (first, last) = (words[0], words[words.len() - 1]);
    let family = words.iter().map(|word| fold(word.surface).chars().take(5).collect::<String>()).collect();
    let doubtful = rule.acronym && page.all_caps;
    let start = source.before + first.start;
    Hit {
        rule: &rule.name,
        weight,
        doubtful,
        position: source.position,
        points: weights.of_term(weight, rule.category.is_none(), doubtful, (source.position, start)),
        place,
        lot: source.lot,
        field: &source.field,
        lang: Some(source.lang),
        start,
        end: source.before + last.end,
        text: &source.text[first.byte..last.byte + last.surface.len()],
        family,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
