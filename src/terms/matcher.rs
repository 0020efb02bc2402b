//! Where in a text do the terms stand? Words by one automaton, phrases by a trie over words.
//!
//! It knows folded words, stars, spellings and neighbours. It does not know languages, weights or categories.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::HashMap;

use super::Word;
use crate::analysis::{Case, Token, tokens};

/// A text made ready: its words, folded, each between two spaces.
#[derive(Debug)]
pub struct Page<'t> {
    folded: String,
    /// Where in `folded` each word begins.
    starts: Vec<usize>,
    /// The words as they stand in the text.
    pub tokens: Vec<Token<'t>>,
    /// Nearly all letters are capitals, so that an acronym cannot be told from a word.
    pub all_caps: bool,
}

impl<'t> Page<'t> {
    /// The first `most` words of a text.
    pub fn new(text: &'t str, most: usize) -> Self {
        let mut page = Self {
            folded: String::with_capacity(text.len().min(most * 8) + 16),
            starts: Vec::new(),
            tokens: Vec::new(),
            all_caps: false,
        };
        page.folded.push(' ');
        let (mut upper, mut cased) = (0usize, 0usize);
        for token in tokens(text).take(most) {
            page.starts.push(page.folded.len());
            token.fold_into(&mut page.folded);
            page.folded.push(' ');
            if token.case != Case::None {
                let length = token.end - token.start;
                cased += length;
                if token.case == Case::Upper {
                    upper += length;
                }
            }
            page.tokens.push(token);
        }
        page.all_caps = cased >= 16 && upper * 10 >= cased * 7;
        page
    }
}

/// A term found: `first..=last` are token numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number given to [`MatcherBuilder::add`].
    pub term: u32,
    /// Its first word.
    pub first: u32,
    /// Its last word.
    pub last: u32,
}

#[derive(Debug, Default)]
struct Node {
    /// Word → node, by word.
    next: Vec<(u32, u32)>,
    terms: Vec<u32>,
}

impl Node {
    fn step(&self, word: u32) -> Option<u32> {
        self.next.binary_search_by_key(&word, |(known, _)| *known).ok().map(|at| self.next[at].1)
    }
}

/// Collects terms.
#[derive(Debug, Default)]
pub struct MatcherBuilder {
    words: HashMap<Word, u32>,
    nodes: Vec<Node>,
}

impl MatcherBuilder {
    /// Adds a term under a number of the caller's.
    pub fn add(&mut self, number: u32, words: &[Word]) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut node = 0usize;
        for word in words {
            let fresh = u32::try_from(self.words.len()).expect("fewer words than numbers");
            let id = *self.words.entry(word.clone()).or_insert(fresh);
            let place = self.nodes[node].next.binary_search_by_key(&id, |(known, _)| *known);
            node = match place {
                Ok(at) => self.nodes[node].next[at].1 as usize,
                Err(at) => {
                    let new = self.nodes.len();
                    let number = u32::try_from(new).expect("fewer nodes than numbers");
                    self.nodes[node].next.insert(at, (id, number));
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        self.nodes[node].terms.push(number);
    }

    /// The automaton.
    pub fn build(self) -> Matcher {
        let mut patterns: HashMap<String, usize> = HashMap::new();
        let mut texts: Vec<String> = Vec::new();
        let mut words_of: Vec<Vec<(u32, Option<Written>)>> = Vec::new();
        let mut words: Vec<(Word, u32)> = self.words.into_iter().collect();
        words.sort_by_key(|(_, id)| *id);
        for (word, id) in words {
            let before = if word.open_start { "" } else { " " };
            let after = if word.open_end { "" } else { " " };
            let text = format!("{before}{}{after}", word.folded);
            let at = *patterns.entry(text.clone()).or_insert_with(|| {
                texts.push(text);
                words_of.push(Vec::new());
                texts.len() - 1
            });
            let (open_start, open_end) = (word.open_start, word.open_end);
            words_of[at].push((id, word.written.map(|text| Written { text, open_start, open_end })));
        }
        let words = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&texts)
            .expect("a few thousand short words fit an automaton");
        Matcher { words, words_of, nodes: self.nodes }
    }
}

#[derive(Debug)]
struct Written {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl Written {
    fn fits(&self, token: &Token<'_>) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => token.is_written(&self.text),
            (false, true) => token.surface.starts_with(&self.text),
            (true, false) => token.surface.ends_with(&self.text),
            (true, true) => token.surface.contains(&self.text),
        }
    }
}

/// Finds all terms in one pass.
#[derive(Debug)]
pub struct Matcher {
    words: AhoCorasick,
    words_of: Vec<Vec<(u32, Option<Written>)>>,
    nodes: Vec<Node>,
}

impl Matcher {
    /// Every term in the text, overlapping ones too, in order of their last word. `as_written` off lets acronyms
    /// fit in any case.
    pub fn find(&self, page: &Page<'_>, as_written: bool, mut found: impl FnMut(Found)) {
        let mut partial: Vec<(u32, u32)> = Vec::new();
        let mut next: Vec<(u32, u32)> = Vec::new();
        let mut partial_at = 0usize;
        let mut at = 0usize;
        let mut seen: Vec<u32> = Vec::new();
        let mut handle = |at: usize, words: &mut Vec<u32>, partial: &mut Vec<(u32, u32)>| {
            if at != partial_at + 1 {
                partial.clear();
            }
            partial_at = at;
            words.sort_unstable();
            words.dedup();
            let here = u32::try_from(at).expect("the number of words is capped");
            next.clear();
            for &word in words.iter() {
                for (node, first) in partial.iter().copied().chain([(0, here)]) {
                    if let Some(node) = self.nodes[node as usize].step(word) {
                        for &term in &self.nodes[node as usize].terms {
                            found(Found { term, first, last: here });
                        }
                        if !self.nodes[node as usize].next.is_empty() && next.len() < 256 {
                            next.push((node, first));
                        }
                    }
                }
            }
            std::mem::swap(partial, &mut next);
            words.clear();
        };
        if self.nodes.is_empty() {
            return;
        }
        for hit in self.words.find_overlapping_iter(&page.folded) {
            let mut token = at;
            while page.starts.get(token + 1).is_some_and(|start| *start < hit.end()) {
                token += 1;
            }
            if token != at {
                if !seen.is_empty() {
                    handle(at, &mut seen, &mut partial);
                }
                at = token;
            }
            for (word, written) in &self.words_of[hit.pattern().as_usize()] {
                if !as_written || written.as_ref().is_none_or(|written| written.fits(&page.tokens[token])) {
                    seen.push(*word);
                }
            }
        }
        if !seen.is_empty() {
            handle(at, &mut seen, &mut partial);
        }
    }

    /// The bare scan over the same bytes, for comparison: how many words were found.
    pub fn scan_only(&self, page: &Page<'_>) -> usize {
        self.words.find_overlapping_iter(&page.folded).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_words;
    use super::*;

    fn find(terms: &[(&str, bool)], text: &str) -> Vec<(String, String)> {
        let mut builder = MatcherBuilder::default();
        for (number, (term, as_written)) in terms.iter().enumerate() {
            let words = parse_words(term, *as_written).expect("sound");
            builder.add(u32::try_from(number).expect("few"), &words);
        }
        let matcher = builder.build();
        let page = Page::new(text, 1000);
        let mut all = Vec::new();
        matcher.find(&page, true, |hit| {
            let (first, last) = (page.tokens[hit.first as usize], page.tokens[hit.last as usize]);
            let span = &text[first.byte..last.byte + last.surface.len()];
            all.push((terms[hit.term as usize].0.to_owned(), span.to_owned()));
        });
        all
    }

    fn spans(terms: &[(&str, bool)], text: &str) -> Vec<String> {
        find(terms, text).into_iter().map(|(_, span)| span).collect()
    }

    #[test]
    fn stars_open_words_and_nothing_else_does() {
        assert_eq!(spans(&[("drone", false)], "drones Drone, adrone"), ["Drone"]);
        assert_eq!(spans(&[("drone*", false)], "drones Drone, adrone"), ["drones", "Drone"]);
        assert_eq!(spans(&[("*drohne", false)], "Aufklärungsdrohne Drohnen Drohne"), ["Aufklärungsdrohne", "Drohne"]);
        assert_eq!(spans(&[("*drohne*", false)], "Aufklärungsdrohnen"), ["Aufklärungsdrohnen"]);
    }

    #[test]
    fn phrases_are_neighbours_each_with_its_own_star() {
        let terms = [("unbemannte* Luftfahrzeug*", false), ("C-UAS", true), ("body armour", false)];
        assert_eq!(spans(&terms, "Unbemanntes Luftfahrzeugsystem"), ["Unbemanntes Luftfahrzeugsystem"]);
        assert_eq!(spans(&terms, "unbemannte schwere Luftfahrzeuge"), Vec::<String>::new());
        assert_eq!(spans(&terms, "a C-UAS, a c-uas, body body armour"), ["C-UAS", "body armour"]);
    }

    #[test]
    fn overlapping_terms_are_all_found() {
        let terms = [("drone", false), ("anti drone", false), ("drone show*", false)];
        let mut all = spans(&terms, "anti-drone shows");
        all.sort();
        assert_eq!(all, ["anti-drone", "drone", "drone shows"]);
    }

    #[test]
    fn a_page_of_capitals_is_noticed() {
        assert!(Page::new("FORNITURA DI DRONI PER LA POLIZIA", 100).all_caps);
        assert!(!Page::new("Fornitura di UAV per la polizia", 100).all_caps);
        assert!(!Page::new("UAV", 100).all_caps);
    }
}
