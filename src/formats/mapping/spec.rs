//! The tables of a definition, read with the line of every key, so that all mistakes are found in one go.
//!
//! `deny_unknown_fields` stops at the first mistake and loses the order of keys; here transforms are chained in the
//! order written, and a reader of `sources check` wants every mistake at once.

use std::cell::RefCell;
use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::path::Path;
use crate::definitions::DefinitionError;

/// The mistakes of one file.
pub struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    found: RefCell<Vec<DefinitionError>>,
}

impl<'t> Mistakes<'t> {
    /// None yet.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: RefCell::default() }
    }

    /// Notes one.
    pub fn add(&self, offset: usize, path: &str, message: impl Into<String>) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        self.found.borrow_mut().push(DefinitionError {
            file: self.file.to_owned(),
            line: Some(1 + memchr::memchr_iter(b'\n', before).count()),
            path: path.to_owned(),
            message: message.into(),
        });
    }

    /// In the order of lines.
    pub fn into_list(self) -> Vec<DefinitionError> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|mistake| mistake.line);
        found
    }
}

/// `did you mean …?`, when something near is known.
pub fn suggestion<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let lower = found.to_lowercase();
    let near = known.into_iter().map(|key| (strsim::damerau_levenshtein(&lower, &key.to_lowercase()), key));
    match near.min() {
        Some((distance, key)) if distance <= 1 + found.chars().count() / 4 => format!(": did you mean `{key}`?"),
        _ => String::new(),
    }
}

/// A value with its place.
#[derive(Clone)]
pub struct Item<'v, 't> {
    value: &'v DeValue<'t>,
    /// Byte offset of the key, else of the value.
    pub offset: usize,
    /// Dotted path from the top of the file.
    pub path: String,
    mistakes: &'v Mistakes<'t>,
}

/// A table, of which each key must be asked for.
pub struct Table<'v, 't> {
    keys: &'v DeTable<'t>,
    /// Where it begins.
    pub offset: usize,
    /// Dotted path.
    pub path: String,
    mistakes: &'v Mistakes<'t>,
    asked: RefCell<BTreeSet<&'v str>>,
}

impl<'v, 't> Item<'v, 't> {
    /// A mistake about this value.
    pub fn complain(&self, message: impl Into<String>) {
        self.mistakes.add(self.offset, &self.path, message);
    }

    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.complain(format!("expected {what}, found {}", self.kind()));
        None
    }

    /// Text, if it is one.
    pub fn if_text(&self) -> Option<&'v str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Text, or a mistake.
    pub fn text(&self) -> Option<&'v str> {
        self.if_text().or_else(|| self.expected("a text"))
    }

    /// A text, number or truth as text, or a mistake.
    pub fn plain(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            _ => self.expected("a text, a number, true or false"),
        }
    }

    /// `true` or `false`, or a mistake.
    pub fn truth(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(truth) => Some(*truth),
            _ => self.expected("true or false"),
        }
    }

    /// A number from 0, or a mistake.
    pub fn number(&self) -> Option<usize> {
        match self.value {
            DeValue::Integer(number) => number.as_str().parse().ok().or_else(|| self.expected("a number from 0")),
            _ => self.expected("a number"),
        }
    }

    /// A table, if it is one.
    pub fn if_table(&self) -> Option<Table<'v, 't>> {
        match self.value {
            DeValue::Table(table) => Some(Table {
                keys: table,
                offset: self.offset,
                path: self.path.clone(),
                mistakes: self.mistakes,
                asked: RefCell::default(),
            }),
            _ => None,
        }
    }

    /// A table, or a mistake.
    pub fn table(&self) -> Option<Table<'v, 't>> {
        self.if_table().or_else(|| self.expected("a table"))
    }

    /// The items of a list; a single value is a list of one.
    pub fn list(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .map(|(number, item)| Self {
                    value: item.get_ref(),
                    offset: item.span().start,
                    path: format!("{}[{number}]", self.path),
                    mistakes: self.mistakes,
                })
                .collect(),
            _ => vec![self.clone()],
        }
    }

    /// Texts of a list or of a single value.
    pub fn texts(&self) -> Vec<String> {
        self.list().iter().filter_map(|item| item.text().map(str::to_owned)).collect()
    }

    /// Plain values of a list or of a single value.
    pub fn plains(&self) -> Vec<String> {
        self.list().iter().filter_map(Self::plain).collect()
    }

    /// A path into a row, or a mistake with its column.
    pub fn row_path(&self) -> Option<Path> {
        let text = self.text()?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.complain(format!("\"{text}\" is no path: {} at character {}", error.reason, error.column));
                None
            }
        }
    }

    /// One of a closed set, or a mistake with a suggestion.
    pub fn one_of<T: Copy>(&self, known: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let near = suggestion(text, names.iter().copied());
            self.complain(format!("expected one of {}, found \"{text}\"{near}", names.join(", ")));
        }
        found
    }
}

impl<'v, 't> Table<'v, 't> {
    /// The whole file.
    pub fn root(table: &'v Spanned<DeTable<'t>>, mistakes: &'v Mistakes<'t>) -> Self {
        Self { keys: table.get_ref(), offset: 0, path: String::new(), mistakes, asked: RefCell::default() }
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, if there.
    pub fn get(&self, key: &str) -> Option<Item<'v, 't>> {
        let (name, value) = self.keys.get_key_value(key)?;
        self.asked.borrow_mut().insert(name.get_ref().as_ref());
        Some(Item { value: value.get_ref(), offset: name.span().start, path: self.child(key), mistakes: self.mistakes })
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Every key and value in the order written.
    pub fn entries(&self) -> Vec<(&'v str, Item<'v, 't>)> {
        let mut entries: Vec<_> = self
            .keys
            .iter()
            .map(|(name, value)| {
                let key: &'v str = name.get_ref().as_ref();
                let item = Item {
                    value: value.get_ref(),
                    offset: name.span().start,
                    path: self.child(key),
                    mistakes: self.mistakes,
                };
                (key, item)
            })
            .collect();
        entries.sort_by_key(|(_, item)| item.offset);
        entries
    }

    /// A mistake about the table itself.
    pub fn complain(&self, message: impl Into<String>) {
        self.mistakes.add(self.offset, &self.path, message);
    }

    /// Every key that was never asked for is a mistake.
    pub fn close(&self, known: &[&str]) {
        for (key, item) in self.entries() {
            if !known.contains(&key) && !self.asked.borrow().contains(key) {
                item.complain(format!("unknown key `{key}`{}", suggestion(key, known.iter().copied())));
            }
        }
    }
}
