//! A hit as shown: title, snippet, and every reason why it is one.

use jiff::civil::Date;
use serde::Serialize;

use super::query::{Query, Word};
use crate::analysis;
use crate::ids::{CategoryId, NoticeId};
use crate::notice::{Deadline, Notice, Stage, Worth};

const SNIPPET_CHARS: usize = 220;
/// Places shown per word that was asked for; the search may have found more.
const PLACES_PER_WORD: usize = 2;
const REASONS: usize = 12;

/// One hit, in the contract's words.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// The notice.
    pub id: NoticeId,
    /// Its title, in the language in which it matched best, else the official one.
    pub title: String,
    /// The title's language.
    pub lang: String,
    /// Date as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_on: Option<Date>,
    /// Deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// First buyer's country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Stage.
    pub stage: Stage,
    /// Names of the buyers.
    pub buyers: Vec<String>,
    /// Kinds of the buyers, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buyer_kinds: Vec<String>,
    /// Labels with their scores.
    pub categories: Vec<HitCategory>,
    /// The amount that stands for the notice, in euro on its day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Worth>,
    /// Page to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The engine's score; 0 when sorted otherwise.
    pub score: f32,
    /// Some words around the first match, or the beginning of the description.
    pub snippet: String,
    /// Why this is a hit.
    pub matched: Vec<Match>,
}

/// A label on a hit.
#[derive(Clone, Debug, Serialize)]
pub struct HitCategory {
    /// The category.
    pub id: CategoryId,
    /// Its score.
    pub score: f64,
}

/// One reason for a hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Match {
    /// `word`, `stem`, `prefix` or `category`.
    pub by: &'static str,
    /// The word asked for, or the category.
    pub query: String,
    /// Where: `title`, `description`, `lots[LOT-0001].title`, `buyer`, `cpv`.
    pub field: String,
    /// The language of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// What stands there.
    pub text: String,
}

struct Place<'a> {
    field: String,
    lang: Option<&'a str>,
    text: &'a str,
}

/// Dresses a notice as a hit. `filtered` are the categories that were asked for by filter: their reasons are shown too.
pub fn hit(notice: &Notice, query: &Query, filtered: &[String], score: f32) -> Hit {
    let places = places(notice);
    let words: Vec<(&Word, bool, Vec<String>)> = query
        .words()
        .into_iter()
        .map(|(word, prefix)| (word, prefix, if prefix { Vec::new() } else { query.stems(word).into_iter().collect() }))
        .collect();
    let mut matched: Vec<Match> = Vec::new();
    let mut snippet_at = None;
    let mut title_lang = None;
    for place in &places {
        for token in analysis::tokens(place.text) {
            let folded = token.folded();
            for (word, prefix, stems) in &words {
                let by = if *prefix {
                    folded.starts_with(&word.folded).then_some("prefix")
                } else if folded == word.folded {
                    Some("word")
                } else {
                    let stem = place.lang.map(|lang| analysis::stem(lang, token.surface));
                    stem.is_some_and(|stem| stems.contains(&stem)).then_some("stem")
                };
                let Some(by) = by else { continue };
                if place.field != "title" && place.field != "buyer" && snippet_at.is_none() {
                    snippet_at = Some((place.text, token.byte));
                }
                if place.field == "title" && title_lang.is_none() {
                    title_lang = place.lang;
                }
                let mut same = matched.iter().filter(|old| old.query == word.surface);
                let known = same.clone().any(|old| old.field == place.field && old.lang.as_deref() == place.lang);
                if !known && same.by_ref().count() < PLACES_PER_WORD && matched.len() < REASONS {
                    matched.push(Match {
                        by,
                        query: word.surface.clone(),
                        field: place.field.clone(),
                        lang: place.lang.map(str::to_owned),
                        text: token.surface.to_owned(),
                    });
                }
            }
        }
    }
    let expanded = query
        .expansions
        .iter()
        .map(|expansion| (expansion.category.as_str(), format!("{} (\"{}\")", expansion.category, expansion.term)));
    let filtered = filtered.iter().map(|category| (category.as_str(), category.clone()));
    for (category, asked) in expanded.chain(filtered) {
        let label = notice.categories.iter().find(|label| label.id.as_str() == category && label.score >= 0.5);
        let evidence = label.into_iter().flat_map(|label| &label.evidence).filter(|evidence| evidence.points > 0.0);
        for evidence in evidence.take(PLACES_PER_WORD) {
            matched.push(Match {
                by: "category",
                query: asked.clone(),
                field: evidence.field.clone(),
                lang: evidence.lang.clone(),
                text: evidence.text.clone(),
            });
        }
    }
    let (lang, title) = title_lang
        .and_then(|lang| notice.title.get(lang).map(|text| (lang, text)))
        .or_else(|| notice.title.first())
        .unwrap_or(("", "(no title)"));
    let snippet = match snippet_at {
        Some((text, at)) => around(text, at),
        None => {
            around(notice.description.get(lang).or(notice.description.first().map(|(_, text)| text)).unwrap_or(""), 0)
        }
    };
    Hit {
        id: notice.id.clone(),
        title: one_line(title),
        lang: lang.to_owned(),
        published_on: notice.published_on,
        deadline: notice.deadline.clone(),
        country: notice.buyers.iter().find_map(|buyer| buyer.country.clone()),
        stage: notice.stage,
        buyers: notice.buyers.iter().filter_map(|buyer| buyer.name.clone()).collect(),
        buyer_kinds: notice.buyer_kinds().into_iter().map(str::to_owned).collect(),
        value: notice.value_eur.clone(),
        categories: notice
            .categories
            .iter()
            .filter(|label| label.score >= 0.5)
            .map(|label| HitCategory { id: label.id.clone(), score: label.score })
            .collect(),
        url: notice.url.clone(),
        score,
        snippet,
        matched,
    }
}

fn places(notice: &Notice) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for (lang, text) in notice.title.iter() {
        places.push(Place { field: "title".to_owned(), lang: Some(lang), text });
    }
    for (lang, text) in notice.description.iter() {
        places.push(Place { field: "description".to_owned(), lang: Some(lang), text });
    }
    for lot in &notice.lots {
        for (name, texts) in [("title", &lot.title), ("description", &lot.description)] {
            for (lang, text) in texts.iter() {
                places.push(Place { field: format!("lots[{}].{name}", lot.id), lang: Some(lang), text });
            }
        }
    }
    for buyer in &notice.buyers {
        for name in buyer.name.as_deref().into_iter().chain(buyer.names.iter().map(|(_, name)| name)) {
            places.push(Place { field: "buyer".to_owned(), lang: None, text: name });
        }
    }
    places
}

/// About [`SNIPPET_CHARS`] characters around a byte, cut at words.
fn around(text: &str, at: usize) -> String {
    let before = text[..at].char_indices().rev().nth(SNIPPET_CHARS / 3).map_or(0, |(start, _)| start);
    let start = if before == 0 { 0 } else { text[before..at].find(' ').map_or(before, |space| before + space + 1) };
    let rest = &text[start..];
    let end =
        rest.char_indices().nth(SNIPPET_CHARS).map_or(rest.len(), |(end, _)| rest[..end].rfind(' ').unwrap_or(end));
    let lead = if start > 0 { "… " } else { "" };
    let tail = if end < rest.len() { " …" } else { "" };
    format!("{lead}{}{tail}", one_line(&rest[..end]))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_snippet_is_short_and_holds_its_place(words in proptest::collection::vec("[a-zé]{1,12}", 1..200), pick in 0usize..200) {
            let text = words.join(" ");
            let pick = pick % words.len();
            let at: usize = words[..pick].iter().map(|word| word.len() + 1).sum();
            let snippet = around(&text, at);
            prop_assert!(snippet.chars().count() <= SNIPPET_CHARS + 4);
            prop_assert!(snippet.contains(&words[pick]));
        }
    }
}
