//! The query language: words (all must occur), `"phrases"`, `OR`, `-not`, `(groups)`, `word*`, and `title:`, `description:`, `lots:`, `buyer:`.
//!
//! Text → [`Node`] → the engine. A mistake is an error that names the place; nothing is silently dropped.

use std::collections::BTreeSet;
use std::fmt;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, PhrasePrefixQuery, PhraseQuery,
    Query as EngineQuery, RegexQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::schema::Fields;
use crate::analysis;
use crate::ids::CategoryId;

const LENGTH: usize = 2_000;
const DEPTH: usize = 20;
const WORDS_AT_MOST: usize = 100;
/// What a category match weighs beside the words themselves: a labelled notice stands above one that only has the word.
const EXPANSION_SCORE: f32 = 20.0;
/// Shorter stems (`par`, `mor`) mean too many other words.
const SHORTEST_STEM: usize = 4;

/// A query that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// As typed.
    pub text: String,
    root: Option<Node>,
    /// Categories that mean what was typed: their notices match too, in whatever language.
    pub expansions: Vec<Expansion>,
    /// Languages whose stems count; empty for all.
    pub languages: Vec<String>,
}

/// A category that a query stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// The category.
    pub category: CategoryId,
    /// The term of the category that was typed.
    pub term: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Words { field: Option<TextField>, words: Vec<Word>, phrase: bool, prefix: bool },
}

/// One word of a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub folded: String,
    /// As typed, for stemming.
    pub surface: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Title,
    Description,
    Lots,
    Buyer,
}

impl TextField {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "title" => Self::Title,
            "description" => Self::Description,
            "lots" => Self::Lots,
            "buyer" => Self::Buyer,
            _ => return None,
        })
    }
}

/// A query that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct QueryError {
    query: String,
    at: usize,
    reason: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the query cannot be read at character {}: {}\n  {}\n  ", self.at + 1, self.reason, self.query)?;
        (0..self.at.min(200)).try_for_each(|_| f.write_str(" "))?;
        f.write_str("^")
    }
}

impl Query {
    /// Reads what was typed; empty text matches everything.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser { text, chars: text.chars().collect(), at: 0, words: 0 };
        if parser.chars.len() > LENGTH {
            return Err(parser.error(format!("it is longer than {LENGTH} characters")));
        }
        let root = parser.or(0)?;
        if parser.at < parser.chars.len() {
            return Err(parser.error("a closing bracket without an opening one"));
        }
        if root.is_none() && !text.trim().is_empty() {
            parser.at = 0;
            return Err(parser.error("there is no word in it"));
        }
        if let Some(node) = &root
            && !node.is_positive()
        {
            parser.at = 0;
            return Err(parser.error("it only says what to leave out; add what to look for"));
        }
        Ok(Self { text: text.to_owned(), root, expansions: Vec::new(), languages: Vec::new() })
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether the text is plain words, so that it may stand for a category.
    pub fn is_plain(&self) -> bool {
        fn plain(node: &Node) -> bool {
            match node {
                Node::And(nodes) => nodes.iter().all(plain),
                Node::Words { field, prefix, .. } => field.is_none() && !prefix,
                Node::Or(_) | Node::Not(_) => false,
            }
        }
        self.root.as_ref().is_some_and(plain)
    }

    /// Every word that a hit may show as a reason.
    pub(super) fn words(&self) -> Vec<(&Word, bool)> {
        fn collect<'a>(node: &'a Node, words: &mut Vec<(&'a Word, bool)>) {
            match node {
                Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| collect(node, words)),
                Node::Not(_) => {}
                Node::Words { words: found, prefix, .. } => {
                    let last = found.len().saturating_sub(1);
                    words.extend(found.iter().enumerate().map(|(at, word)| (word, *prefix && at == last)));
                }
            }
        }
        let mut words = Vec::new();
        if let Some(root) = &self.root {
            collect(root, &mut words);
        }
        words
    }

    /// All stems of a word in the languages that count, each once.
    pub(super) fn stems(&self, word: &Word) -> BTreeSet<String> {
        let all = crate::codes::eu_languages();
        let languages = if self.languages.is_empty() { all } else { &self.languages };
        let extra = ["no", "uk", "tr"].map(String::from);
        let extra = if self.languages.is_empty() { &extra[..] } else { &[] };
        let stems = languages.iter().chain(extra).map(|language| analysis::stem(language, &word.surface));
        stems.filter(|stem| stem.chars().count() >= SHORTEST_STEM).collect()
    }

    pub(super) fn compile(&self, fields: &Fields) -> Box<dyn EngineQuery> {
        let Some(root) = &self.root else { return Box::new(AllQuery) };
        let mut alternatives = vec![self.node(root, fields)];
        for expansion in &self.expansions {
            let term = Term::from_field_text(fields.category, expansion.category.as_str());
            let label = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
            alternatives.push(Box::new(ConstScoreQuery::new(label, EXPANSION_SCORE)));
        }
        Box::new(BooleanQuery::union(alternatives))
    }

    /// The query with every word that names no field looked for in buyers' names.
    pub(super) fn compile_in_buyer(&self, fields: &Fields) -> Box<dyn EngineQuery> {
        fn in_buyer(node: &Node) -> Node {
            match node {
                Node::And(nodes) => Node::And(nodes.iter().map(in_buyer).collect()),
                Node::Or(nodes) => Node::Or(nodes.iter().map(in_buyer).collect()),
                Node::Not(inner) => Node::Not(Box::new(in_buyer(inner))),
                Node::Words { words, phrase, prefix, .. } => Node::Words {
                    field: Some(TextField::Buyer),
                    words: words.clone(),
                    phrase: *phrase,
                    prefix: *prefix,
                },
            }
        }
        match &self.root {
            Some(root) => self.node(&in_buyer(root), fields),
            None => Box::new(AllQuery),
        }
    }

    /// Whether it says what to leave out.
    pub(super) fn leaves_out(&self) -> bool {
        self.root.as_ref().is_some_and(Node::leaves_out)
    }

    /// Whether a name has these words, as the index would say of a buyer with this one name.
    pub(super) fn fits(&self, name: &str) -> bool {
        let tokens: Vec<String> = analysis::tokens(name).map(|token| token.folded().into_owned()).collect();
        self.root.as_ref().is_none_or(|root| root.fits(&tokens))
    }

    fn node(&self, node: &Node, fields: &Fields) -> Box<dyn EngineQuery> {
        match node {
            Node::And(nodes) => {
                let clauses = nodes
                    .iter()
                    .map(|node| match node {
                        Node::Not(inner) => (Occur::MustNot, self.node(inner, fields)),
                        other => (Occur::Must, self.node(other, fields)),
                    })
                    .collect();
                Box::new(BooleanQuery::new(clauses))
            }
            Node::Or(nodes) => {
                Box::new(BooleanQuery::union(nodes.iter().map(|node| self.node(node, fields)).collect()))
            }
            Node::Not(inner) => {
                let clauses = vec![
                    (Occur::Must, Box::new(AllQuery) as Box<dyn EngineQuery>),
                    (Occur::MustNot, self.node(inner, fields)),
                ];
                Box::new(BooleanQuery::new(clauses))
            }
            Node::Words { field, words, phrase, prefix } => self.words_query(*field, words, *phrase, *prefix, fields),
        }
    }

    fn words_query(
        &self,
        field: Option<TextField>,
        words: &[Word],
        phrase: bool,
        prefix: bool,
        fields: &Fields,
    ) -> Box<dyn EngineQuery> {
        let targets: Vec<(Field, f32)> = match field {
            Some(TextField::Title) => vec![(fields.title, 1.0)],
            Some(TextField::Description) => vec![(fields.description, 1.0)],
            Some(TextField::Lots) => vec![(fields.lots, 1.0)],
            Some(TextField::Buyer) => vec![(fields.buyer, 1.0)],
            None => vec![(fields.title, 3.0), (fields.lots, 1.5), (fields.description, 1.0), (fields.buyer, 1.0)],
        };
        let mut alternatives: Vec<Box<dyn EngineQuery>> = Vec::new();
        for (target, boost) in targets {
            let terms: Vec<Term> = words.iter().map(|word| Term::from_field_text(target, &word.folded)).collect();
            let query: Box<dyn EngineQuery> = match (terms.len(), prefix) {
                (1, false) => Box::new(TermQuery::new(terms[0].clone(), IndexRecordOption::WithFreqs)),
                (1, true) => {
                    // The words are letters and digits only, so nothing in them is a sign of the pattern.
                    match RegexQuery::from_pattern(&format!("{}.*", words[0].folded), target) {
                        Ok(query) => Box::new(query),
                        Err(_) => continue,
                    }
                }
                (_, false) => Box::new(PhraseQuery::new(terms)),
                (_, true) => Box::new(PhrasePrefixQuery::new(terms)),
            };
            alternatives.push(Box::new(BoostQuery::new(query, boost)));
        }
        if field.is_none() && !phrase && !prefix && words.len() == 1 {
            for stem in self.stems(&words[0]) {
                let term = Term::from_field_text(fields.stem, &stem);
                alternatives
                    .push(Box::new(BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)), 0.8)));
            }
        }
        Box::new(DisjunctionMaxQuery::with_tie_breaker(alternatives, 0.1))
    }
}

impl Node {
    fn leaves_out(&self) -> bool {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().any(Self::leaves_out),
            Self::Not(_) => true,
            Self::Words { .. } => false,
        }
    }

    /// Whether these words, in this order, are what is asked for.
    fn fits(&self, tokens: &[String]) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.fits(tokens)),
            Self::Or(nodes) => nodes.iter().any(|node| node.fits(tokens)),
            Self::Not(inner) => !inner.fits(tokens),
            Self::Words { words, prefix, .. } => tokens.windows(words.len().max(1)).any(|window| {
                window.iter().zip(words).enumerate().all(|(at, (token, word))| {
                    let open = *prefix && at + 1 == words.len();
                    if open { token.starts_with(&word.folded) } else { *token == word.folded }
                })
            }),
        }
    }

    /// Whether it asks for something rather than only leaving something out.
    fn is_positive(&self) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().any(Self::is_positive),
            Self::Or(nodes) => nodes.iter().all(Self::is_positive),
            Self::Not(_) => false,
            Self::Words { .. } => true,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    chars: Vec<char>,
    at: usize,
    words: usize,
}

impl Parser<'_> {
    fn error(&self, reason: impl Into<String>) -> QueryError {
        QueryError { query: self.text.replace(char::is_control, " "), at: self.at, reason: reason.into() }
    }

    fn skip_space(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn or(&mut self, depth: usize) -> Result<Option<Node>, QueryError> {
        if depth > DEPTH {
            return Err(self.error(format!("brackets are nested deeper than {DEPTH}")));
        }
        let mut parts = Vec::new();
        loop {
            let before = self.at;
            let part = self.and(depth)?;
            let more = self.keyword("OR");
            match part {
                Some(part) => parts.push(part),
                None if more || !parts.is_empty() => {
                    self.at = before.min(self.chars.len());
                    return Err(self.error("OR needs something on both sides"));
                }
                None => {}
            }
            if !more {
                break;
            }
        }
        Ok(if parts.len() > 1 { Some(Node::Or(parts)) } else { parts.pop() })
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.skip_space();
        let end = self.at + word.len();
        let is = self.chars.get(self.at..end).is_some_and(|chars| chars.iter().copied().eq(word.chars()))
            && self.chars.get(end).is_none_or(|c| c.is_whitespace() || *c == '(');
        if is {
            self.at = end;
        }
        is
    }

    fn at_keyword(&mut self, word: &str) -> bool {
        let at = self.at;
        let is = self.keyword(word);
        self.at = at;
        is
    }

    fn and(&mut self, depth: usize) -> Result<Option<Node>, QueryError> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            if self.at >= self.chars.len() || self.chars[self.at] == ')' || self.at_keyword("OR") {
                break;
            }
            let at = self.at;
            if self.keyword("AND") {
                self.skip_space();
                if parts.is_empty() || self.at >= self.chars.len() || self.chars[self.at] == ')' {
                    self.at = at;
                    return Err(self.error("AND needs something on both sides"));
                }
                continue;
            }
            let not = self.keyword("NOT") || (self.chars[self.at] == '-' && self.take_minus());
            match self.item(depth)? {
                Some(item) if not => parts.push(Node::Not(Box::new(item))),
                Some(item) => parts.push(item),
                None if not => return Err(self.error("nothing to leave out follows")),
                None => {}
            }
        }
        Ok(if parts.len() > 1 { Some(Node::And(parts)) } else { parts.pop() })
    }

    /// A minus that leaves out: before a word, not within one.
    fn take_minus(&mut self) -> bool {
        let next = self.chars.get(self.at + 1);
        let is = next.is_some_and(|c| !c.is_whitespace());
        if is {
            self.at += 1;
        }
        is
    }

    fn item(&mut self, depth: usize) -> Result<Option<Node>, QueryError> {
        self.skip_space();
        match self.chars.get(self.at) {
            Some('(') => {
                let open = self.at;
                self.at += 1;
                let inner = self.or(depth + 1)?;
                if self.chars.get(self.at) != Some(&')') {
                    self.at = open;
                    return Err(self.error("this bracket is not closed"));
                }
                self.at += 1;
                Ok(inner)
            }
            Some('"') => self.quoted(None),
            Some(_) => self.word(),
            None => Ok(None),
        }
    }

    fn quoted(&mut self, field: Option<TextField>) -> Result<Option<Node>, QueryError> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| *c != '"') {
            self.at += 1;
        }
        if self.at >= self.chars.len() {
            self.at = open;
            return Err(self.error("this quotation mark is not closed"));
        }
        let text: String = self.chars[start..self.at].iter().collect();
        self.at += 1;
        let prefix = self.chars.get(self.at) == Some(&'*');
        if prefix {
            self.at += 1;
        }
        self.words_node(field, &text, true, prefix)
    }

    fn word(&mut self) -> Result<Option<Node>, QueryError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"')) {
            if self.chars[self.at] == ':' {
                let name: String = self.chars[start..self.at].iter().collect();
                let known = TextField::parse(&name);
                if known.is_none() && !name.is_empty() && name.chars().all(char::is_alphabetic) {
                    self.at = start;
                    return Err(self.error(format!(
                        "there is no field `{name}`: title, description, lots and buyer are; put the text in quotation marks to look for a colon"
                    )));
                }
                if known.is_some() {
                    self.at += 1;
                    return match self.chars.get(self.at) {
                        Some('"') => self.quoted(known),
                        Some(c) if !c.is_whitespace() => self.bare(known),
                        _ => Err(self.error("a field needs a word right after the colon")),
                    };
                }
            }
            self.at += 1;
        }
        self.at = start;
        self.bare(None)
    }

    fn bare(&mut self, field: Option<TextField>) -> Result<Option<Node>, QueryError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"')) {
            self.at += 1;
        }
        let mut text: String = self.chars[start..self.at].iter().collect();
        let prefix = text.ends_with('*');
        if prefix {
            text.pop();
        }
        if text.contains(['*', '?']) {
            self.at = start;
            return Err(self.error("a * can stand only at the end of a word"));
        }
        if prefix && analysis::tokens(&text).last().is_none_or(|token| token.end - token.start < 2) {
            self.at = start;
            return Err(self.error("a * needs at least two letters before it"));
        }
        self.words_node(field, &text, false, prefix)
    }

    fn words_node(
        &mut self,
        field: Option<TextField>,
        text: &str,
        phrase: bool,
        prefix: bool,
    ) -> Result<Option<Node>, QueryError> {
        let words: Vec<Word> = analysis::tokens(text)
            .map(|token| Word { folded: token.folded().into_owned(), surface: token.surface.to_owned() })
            .filter(|word| !word.folded.is_empty())
            .collect();
        self.words += words.len();
        if self.words > WORDS_AT_MOST {
            return Err(self.error(format!("it has more than {WORDS_AT_MOST} words")));
        }
        Ok((!words.is_empty()).then_some(Node::Words { field, words, phrase, prefix }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(node: &Node) -> String {
        let all = |nodes: &[Node], sign: &str| nodes.iter().map(shape).collect::<Vec<_>>().join(sign);
        match node {
            Node::And(nodes) => format!("({})", all(nodes, " & ")),
            Node::Or(nodes) => format!("({})", all(nodes, " | ")),
            Node::Not(inner) => format!("!{}", shape(inner)),
            Node::Words { field, words, phrase, prefix } => {
                let text = words.iter().map(|word| word.folded.as_str()).collect::<Vec<_>>().join("_");
                let field = field.map_or(String::new(), |field| format!("{field:?}:"));
                format!("{field}{text}{}{}", if *phrase { "\"" } else { "" }, if *prefix { "*" } else { "" })
            }
        }
    }

    fn parse(text: &str) -> String {
        match Query::parse(text) {
            Ok(query) => query.root.as_ref().map_or("all".into(), shape),
            Err(error) => format!("error {}: {}", error.at, error.reason),
        }
    }

    #[test]
    fn what_is_typed_is_what_is_asked() {
        for (text, expected) in [
            ("", "all"),
            ("Drone", "drone"),
            ("drone  police", "(drone & police)"),
            ("drone AND police", "(drone & police)"),
            ("drone OR dron -toy", "(drone | (dron & !toy))"),
            ("(a OR b) c", "((a | b) & c)"),
            ("\"body armour\"", "body_armour\""),
            ("title:Drohne* buyer:\"Police nationale\"", "(Title:drohne* & Buyer:police_nationale\")"),
            ("anti-drone", "anti_drone"),
            ("12:30", "12_30"),
            ("a - b", "(a & b)"),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("drone OR", "error"),
            ("OR drone", "error"),
            ("(drone", "error 0: this bracket"),
            ("drone)", "error 5: a closing bracket"),
            ("\"drone", "error 0: this quotation mark"),
            ("tilte:drone", "error 0: there is no field `tilte`"),
            ("-drone", "error 0: it only says what to leave out"),
            ("dr*ne", "error 0: a * can stand only at the end"),
            ("*", "error 0: a * needs at least two letters"),
            ("!!!", "error 0: there is no word"),
        ] {
            assert!(parse(text).starts_with(expected), "{text}: {}", parse(text));
        }
        assert!(parse(&"(".repeat(100)).contains("nested deeper"));
        assert!(parse(&"x ".repeat(500)).contains("more than 100 words"));
    }

    proptest! {
        #[test]
        fn nothing_typed_is_ever_a_panic(text in "[ a-c:\"()*\\-ORé]{0,40}") {
            drop(Query::parse(&text));
        }
    }
}
