//! Text per language.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Language (ISO 639-1) → text, in the order of the notice, official language first. JSON: an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<(String, String)>);

impl Text {
    /// Adds a text. A second text in the same language is appended on a new line; empty text is not added.
    pub fn push(&mut self, language: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == language) {
            Some((_, old)) => {
                if old != text {
                    old.push('\n');
                    old.push_str(text);
                }
            }
            None => self.0.push((language.to_owned(), text.to_owned())),
        }
    }

    /// Moves this language to the front, if it is there.
    pub fn put_first(&mut self, language: &str) {
        if let Some(at) = self.0.iter().position(|(known, _)| known == language) {
            self.0[..=at].rotate_right(1);
        }
    }

    /// The text in this language.
    pub fn get(&self, language: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == language).map(|(_, text)| text.as_str())
    }

    /// Language and text of the first entry: the official language.
    pub fn first(&self) -> Option<(&str, &str)> {
        self.iter().next()
    }

    /// Languages and texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(language, text)| (language.as_str(), text.as_str()))
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<L: AsRef<str>, T: AsRef<str>> FromIterator<(L, T)> for Text {
    fn from_iter<I: IntoIterator<Item = (L, T)>>(entries: I) -> Self {
        let mut text = Self::default();
        for (language, entry) in entries {
            text.push(language.as_ref(), entry.as_ref());
        }
        text
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (language, text) in &self.0 {
            map.serialize_entry(language, text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from language to text")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                let mut text = Text::default();
                while let Some((language, entry)) = map.next_entry::<String, String>()? {
                    text.0.push((language, entry));
                }
                Ok(text)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_json_and_the_official_language_comes_first() {
        let mut text: Text = [("fr", "Gilets"), ("de", "Westen"), ("en", " Vests ")].into_iter().collect();
        text.put_first("en");
        let json = serde_json::to_string(&text).expect("serialises");
        assert_eq!(json, r#"{"en":"Vests","fr":"Gilets","de":"Westen"}"#);
        assert_eq!(serde_json::from_str::<Text>(&json).expect("reads back"), text);
    }

    #[test]
    fn a_second_text_in_one_language_is_appended_once() {
        let mut text = Text::default();
        text.push("en", "a");
        text.push("en", "b");
        text.push("en", "  ");
        assert_eq!(text.get("en"), Some("a\nb"));
    }
}
