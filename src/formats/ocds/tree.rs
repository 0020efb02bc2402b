//! The wire shape: one tree of JSON values that borrows from the text.
//!
//! Publishers write an object for a list, a number for a text and back, so the shape is decided where a value is
//! read, and one odd value never costs a release. Keys of contact data are left out while reading: what is not in
//! the tree cannot leak.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::formats::privacy;

/// Elements of one list that are looked at.
pub(super) const MAX_LIST: usize = 5000;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Members<'a>),
}

static NULL: Json<'static> = Json::Null;

/// The members of an object, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members<'a> {
    list: Vec<(Cow<'a, str>, Json<'a>)>,
    /// The kinds of names that are here. Most names that are asked for are not: their kind tells without a search.
    kinds: u64,
}

/// One of 64 kinds that a name can be of.
#[inline]
fn kind(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| first ^ last << 2);
    1 << ((usize::from(ends) + 3 * bytes.len()) % 64)
}

impl<'a> Members<'a> {
    /// The first value of this name.
    #[inline]
    pub fn find(&self, name: &str) -> Option<&Json<'a>> {
        if self.kinds & kind(name) == 0 { None } else { self.search(name) }
    }

    fn search(&self, name: &str) -> Option<&Json<'a>> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub fn find_mut(&mut self, name: &str) -> Option<&mut Json<'a>> {
        self.list.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub fn push(&mut self, name: Cow<'a, str>, value: Json<'a>) {
        self.kinds |= kind(&name);
        self.list.push((name, value));
    }

    /// Takes the first member of this name out.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.list.iter().position(|(known, _)| known == name) {
            self.list.remove(at);
            self.kinds = self.list.iter().fold(0, |kinds, (name, _)| kinds | kind(name));
        }
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Json<'a>)> for Members<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Json<'a>)>>(members: I) -> Self {
        let mut found = Self::default();
        members.into_iter().for_each(|(name, value)| found.push(name, value));
        found
    }
}

impl<'a> Json<'a> {
    /// The whole text as one value.
    pub fn read(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The member of this name, else null; of a list, that of its first element (`planning` as an array).
    #[inline]
    pub fn get(&self, key: &str) -> &Json<'a> {
        let members = match self {
            Self::Object(members) => members,
            Self::List(list) => match list.first() {
                Some(Self::Object(members)) => members,
                _ => return &NULL,
            },
            _ => return &NULL,
        };
        members.find(key).unwrap_or(&NULL)
    }

    /// Whether an object has a member of this name, be it null.
    pub fn has(&self, key: &str) -> bool {
        matches!(self, Self::Object(members) if members.find(key).is_some())
    }

    /// Member of member.
    pub fn at(&self, path: &[&str]) -> &Json<'a> {
        path.iter().fold(self, |node, key| node.get(key))
    }

    fn items(&self) -> &[Json<'a>] {
        match self {
            Self::Null => &[],
            Self::List(list) => list,
            one => std::slice::from_ref(one),
        }
    }

    /// The elements of a list, or the value itself where a list was meant; a list in a list is laid flat.
    pub fn each(&self) -> impl Iterator<Item = &Json<'a>> {
        self.items().iter().flat_map(Json::items).filter(|item| !item.is_null()).take(MAX_LIST)
    }

    /// The lists with more elements than are looked at, by their paths.
    pub fn cut_lists(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.gather_cut("", &mut found);
        found
    }

    fn gather_cut(&self, at: &str, found: &mut Vec<String>) {
        match self {
            Self::List(list) => {
                if list.iter().flat_map(Json::items).nth(MAX_LIST).is_some() {
                    found.push(at.to_owned());
                }
                list.iter().for_each(|item| item.gather_cut(at, found));
            }
            Self::Object(members) => {
                for (name, value) in &members.list {
                    if matches!(value, Self::List(_) | Self::Object(_)) {
                        value.gather_cut(name, found);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether there is at least one element.
    pub fn any(&self) -> bool {
        match self {
            Self::Null => false,
            Self::List(_) => self.each().next().is_some(),
            _ => true,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The members of an object.
    pub fn members(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        match self {
            Self::Object(members) => &members.list,
            _ => &[],
        }
    }

    /// A scalar as text, trimmed; nothing when it is empty. `{"$numberLong": "5"}`, as a database exports it, is one too.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(trimmed(text)).filter(|text| !text.is_empty()).map(Cow::Borrowed),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Self::Object(members) => match &members.list[..] {
                [(key, value)] if key.starts_with('$') && !value.is_object() => value.text(),
                _ => None,
            },
            Self::Null | Self::List(_) => None,
        }
    }

    /// The text of a member.
    pub fn text_of(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key).text()
    }

    /// Whether a flag is set.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || matches!(self, Self::Text(text) if text == "true")
    }

    /// Texts under the field and its language variants (`title`, `title_fr`, `title_zh-hans`), each with its suffix.
    pub fn variants<'s>(&'s self, field: &'s str) -> impl Iterator<Item = (Option<&'s str>, Cow<'s, str>)> {
        self.members().iter().filter_map(move |(key, value)| {
            let rest = key.strip_prefix(field)?;
            let suffix = match rest.strip_prefix('_') {
                Some(suffix) => {
                    let primary = suffix.split('-').next().unwrap_or("");
                    if !(2..=3).contains(&primary.len()) || !primary.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                        return None;
                    }
                    Some(suffix)
                }
                None if rest.is_empty() => None,
                None => return None,
            };
            Some((suffix, value.text()?))
        })
    }

    /// The same in a form that tests compare.
    #[cfg(test)]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::from(text.trim()),
            Self::List(list) => list.iter().take(MAX_LIST).map(Json::to_value).collect(),
            Self::Object(members) => {
                Value::Object(members.list.iter().map(|(key, value)| (key.to_string(), value.to_value())).collect())
            }
        }
    }

    /// The same text for the same content, whatever the order of members: for the hash of a release without an id.
    pub fn canonical(&self, into: &mut String) {
        match self {
            Self::List(list) => {
                into.push('[');
                for item in list {
                    item.canonical(into);
                    into.push(',');
                }
                into.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.list.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                into.push('{');
                for (key, value) in sorted {
                    into.push_str(key);
                    into.push(':');
                    value.canonical(into);
                    into.push(',');
                }
                into.push('}');
            }
            Self::Null => into.push_str("null"),
            Self::Bool(flag) => into.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => into.push_str(&number.to_string()),
            Self::Text(text) => into.push_str(&Value::from(text.trim()).to_string()),
        }
    }
}

/// Without white space at its ends, which hardly any text has.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// A key as meant: a line break that a publisher's export put into it is none of its own.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        fn clean(name: Cow<'_, str>) -> Key<'_> {
            if name.bytes().any(|byte| byte.is_ascii_whitespace()) {
                Key(Cow::Owned(name.chars().filter(|c| !c.is_whitespace()).collect()))
            } else {
                Key(name)
            }
        }
        impl<'de> Visitor<'de> for Name {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(clean(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(clean(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Json::Bool(flag))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Json::Number(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Json::Number(number.into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(Key(key)) = map.next_key()? {
                    if privacy::OCDS.contains(&key.as_ref()) {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        members.push(key, map.next_value()?);
                    }
                }
                Ok(Json::Object(members))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_data_is_not_in_the_tree() {
        let text =
            r#"{"name": "a", "contactP  oint": {"email": "x"}, "contactPoint": {"name": "b"}, " roles": ["buyer"]}"#;
        let tree = Json::read(text).expect("JSON");
        assert_eq!(tree.to_value(), serde_json::json!({"name": "a", "roles": ["buyer"]}));
    }

    #[test]
    fn lists_and_scalars_are_what_was_meant() {
        let tree = Json::read(r#"{"a": {"x": 1}, "b": [[{"x": 2}], {"x": 3}], "n": {"$numberLong": "5"}, "t": " "}"#)
            .expect("JSON");
        let numbers =
            |key: &str| tree.get(key).each().filter_map(|item| item.text_of("x")).collect::<Vec<_>>().join(" ");
        assert_eq!(numbers("a"), "1");
        assert_eq!(numbers("b"), "2 3");
        assert_eq!(tree.text_of("n").as_deref(), Some("5"));
        assert_eq!(tree.text_of("t"), None);
    }

    #[test]
    fn language_variants_have_their_suffix() {
        let tree =
            Json::read(r#"{"title": "a", "title_fr": "b", "title_zh-hans": "c", "titles": "d", "title_x": "e"}"#)
                .expect("JSON");
        let found: Vec<_> =
            tree.variants("title").map(|(suffix, text)| format!("{}={text}", suffix.unwrap_or(""))).collect();
        assert_eq!(found, ["=a", "fr=b", "zh-hans=c"]);
    }
}
