//! The wording of the invented notices: one table of things bought, one file of sentences per language.
//!
//! It knows nothing about dates, numbers or XML.

use std::sync::LazyLock;

/// A thing that is bought, the same in every language.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: &'static str,
    pub(super) case: &'static str,
    pub(super) categories: Vec<&'static str>,
    pub(super) nature: &'static str,
    /// Kinds of buyers that buy it, empty when any does.
    pub(super) buyers: Vec<&'static str>,
    pub(super) quantity: Option<(u32, u32)>,
    /// Thousand EUR.
    pub(super) value: (u32, u32),
    pub(super) cpv: Vec<&'static str>,
}

/// An item in the words of one language.
#[derive(Debug)]
pub(super) struct Wording {
    pub(super) item: &'static Item,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) lots: Vec<&'static str>,
}

/// An invented authority.
#[derive(Debug)]
pub(super) struct Buyer {
    /// The same authority in another language's file; `-` for those that publish in one language.
    pub(super) id: &'static str,
    pub(super) kind: &'static str,
    pub(super) country: &'static str,
    pub(super) nuts: &'static str,
    pub(super) city: &'static str,
    pub(super) name: &'static str,
}

/// Everything that can be said in one language.
#[derive(Debug, Default)]
pub(super) struct Language {
    pub(super) code: &'static str,
    pub(super) lot: &'static str,
    pub(super) titles: Vec<&'static str>,
    pub(super) counted_titles: Vec<&'static str>,
    pub(super) tails: Vec<&'static str>,
    pub(super) supply_tails: Vec<&'static str>,
    pub(super) correction: &'static str,
    pub(super) cancellation: &'static str,
    pub(super) modification: &'static str,
    pub(super) direct_award: &'static str,
    pub(super) review: &'static str,
    pub(super) buyers: Vec<Buyer>,
    pub(super) firms: Vec<&'static str>,
    pub(super) wordings: Vec<Wording>,
}

impl Language {
    /// The item in this language, if it has words for it.
    pub(super) fn wording(&self, key: &str) -> Option<&Wording> {
        self.wordings.iter().find(|wording| wording.item.key == key)
    }

    /// The authority with this shared id, if it also publishes in this language.
    pub(super) fn shared_buyer(&self, id: &str) -> Option<&Buyer> {
        self.buyers.iter().find(|buyer| buyer.id == id)
    }
}

macro_rules! texts {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("texts/", $code, ".txt"))),)*]
    };
}

const FILES: &[(&str, &str)] = texts!(
    "en" "de" "fr" "es" "it" "pl" "ro" "pt" "nl" "sv" "fi" "cs" "bg" "el" "da" "hu" "hr" "sk" "lt" "lv" "et" "sl"
);

static ITEMS: LazyLock<Vec<Item>> =
    LazyLock::new(|| rows(include_str!("texts/items.txt")).filter_map(|fields| item(&fields)).collect());
static LANGUAGES: LazyLock<Vec<Language>> =
    LazyLock::new(|| FILES.iter().map(|(code, text)| read(code, text)).collect());

/// Every language with texts, in a fixed order.
pub(super) fn languages() -> &'static [Language] {
    &LANGUAGES
}

/// Fields of the lines that say something.
fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split('|').map(str::trim).collect())
}

fn item(fields: &[&'static str]) -> Option<Item> {
    let &[key, case, categories, nature, buyers, quantity, value, cpv] = fields else { return None };
    let list = |text: &'static str, by: char| text.split(by).map(str::trim).collect::<Vec<_>>();
    Some(Item {
        key,
        case,
        categories: if categories == "-" { Vec::new() } else { list(categories, ',') },
        nature,
        buyers: if buyers == "any" { Vec::new() } else { list(buyers, '/') },
        quantity: range(quantity),
        value: range(value)?,
        cpv: list(cpv, ','),
    })
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.split_once('-')?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn read(code: &'static str, text: &'static str) -> Language {
    let mut language = Language { code, ..Language::default() };
    for fields in rows(text) {
        match fields[..] {
            ["lot", word] => language.lot = word,
            ["title", form] => language.titles.push(form),
            ["titleq", form] => language.counted_titles.push(form),
            ["tail", sentence] => language.tails.push(sentence),
            ["tails", sentence] => language.supply_tails.push(sentence),
            ["fix", sentence] => language.correction = sentence,
            ["stop", sentence] => language.cancellation = sentence,
            ["mod", sentence] => language.modification = sentence,
            ["why", sentence] => language.direct_award = sentence,
            ["review", name] => language.review = name,
            ["firm", name] => language.firms.push(name),
            ["buyer", id, kind, country, nuts, city, name] => {
                language.buyers.push(Buyer { id, kind, country, nuts, city, name });
            }
            ["item", key, title, description] => {
                if let Some(item) = ITEMS.iter().find(|item| item.key == key) {
                    language.wordings.push(Wording { item, title, description, lots: Vec::new() });
                }
            }
            ["lots", key, titles] => {
                if let Some(wording) = language.wordings.iter_mut().find(|wording| wording.item.key == key) {
                    wording.lots = titles.split(';').map(str::trim).collect();
                }
            }
            _ => {}
        }
    }
    language
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn every_line_of_the_texts_is_understood() {
        assert_eq!(ITEMS.len(), rows(include_str!("texts/items.txt")).count());
        for (code, text) in FILES {
            let language = read(code, text);
            let count = |word: &str| rows(text).filter(|fields| fields[0] == word).count();
            assert_eq!(language.buyers.len(), count("buyer"), "{code}");
            assert_eq!(language.wordings.len(), count("item"), "{code}");
            assert_eq!(language.wordings.iter().filter(|w| !w.lots.is_empty()).count(), count("lots"), "{code}");
            let known = ["lot", "title", "titleq", "tail", "tails", "fix", "stop", "mod", "why", "review", "buyer"];
            for fields in rows(text) {
                assert!(
                    known.contains(&fields[0]) || ["firm", "item", "lots"].contains(&fields[0]),
                    "{code}: {fields:?}"
                );
            }
            for text in [
                language.lot,
                language.correction,
                language.cancellation,
                language.modification,
                language.direct_award,
                language.review,
            ] {
                assert!(!text.is_empty(), "{code}");
            }
            assert!(!language.titles.is_empty() && !language.firms.is_empty(), "{code}");
        }
    }

    #[test]
    fn codes_in_the_texts_exist() {
        for item in ITEMS.iter() {
            for cpv in &item.cpv {
                assert!(codes::cpv_label(cpv).is_some(), "{}: {cpv}", item.key);
            }
            assert!(["object", "distractor", "near-miss"].contains(&item.case), "{}", item.key);
            assert_eq!(item.categories.is_empty(), item.case != "object", "{}", item.key);
        }
        for language in languages() {
            assert!(codes::eu_languages().iter().any(|code| code == language.code));
            for buyer in &language.buyers {
                assert!(codes::country(buyer.country).is_some(), "{}", buyer.name);
                assert!(codes::is_nuts(buyer.nuts), "{} {}", buyer.name, buyer.nuts);
            }
        }
    }
}
