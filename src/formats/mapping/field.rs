//! One field of a mapping: where its value stands in a row, what is done to it, and under which condition.

use std::borrow::Cow;

use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

use super::path::{Found, MAX_FOUND, Path, as_text};
use super::transform::{Step, run};
use crate::formats::reading::Reading;
use crate::issue::IssueCode;

/// One row of a document: a tree, and for HTML the element it was made of.
pub struct Row<'d> {
    /// The row as a tree.
    pub tree: Value,
    /// Where the row stands in the document.
    pub at: String,
    /// The row's element, for CSS.
    pub element: Option<ElementRef<'d>>,
    /// Pages inside the row, by the name that `expand` gave them.
    pub fragments: Vec<(String, Html)>,
}

/// Where fields are looked up: a row, or a part of it.
#[derive(Clone)]
pub struct Scope<'r> {
    /// The whole row.
    pub row: &'r Row<'r>,
    /// The part.
    pub value: Cow<'r, Value>,
    /// Where the part stands.
    pub at: String,
    /// The part's element.
    pub element: Option<ElementRef<'r>>,
}

/// One way to find a value.
#[derive(Clone, Debug)]
pub enum Select {
    /// By path.
    Path(Path),
    /// By CSS selector: an attribute, else the text.
    Css { selector: Selector, attr: Option<String>, within: Option<String> },
    /// By the words beside or above it.
    Label { pattern: Pattern, within: Option<Path> },
}

/// A label, with `*` for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

/// Where a field's values come from.
#[derive(Clone, Debug)]
pub enum From {
    /// The first of these that yields anything.
    First(Vec<Select>),
    /// All of these.
    All(Vec<Select>),
    /// Always this.
    Const(String),
}

/// A compiled field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Where its values come from.
    pub from: From,
    /// What is done to them, in the order written.
    pub steps: Vec<Step>,
    /// Only then.
    pub when: Option<Condition>,
}

/// What must be so.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A test of what a selection yields.
    Test(Select, Test),
    /// All of them.
    All(Vec<Condition>),
    /// One of them.
    Any(Vec<Condition>),
}

/// A test of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of these.
    In(Vec<String>),
    /// None of these (or nothing at all).
    NotIn(Vec<String>),
    /// Begins with one of these.
    Starts(Vec<String>),
    /// Something is there, or nothing is.
    Present(bool),
    /// An object with this one key.
    OnlyKey(String),
}

impl Row<'_> {
    /// The scope of the whole row. Places are told from the row on: where a row stands in its document changes from
    /// one answer to the next, and must not make another notice of it.
    pub fn scope(&self) -> Scope<'_> {
        Scope { row: self, value: Cow::Borrowed(&self.tree), at: String::new(), element: self.element }
    }
}

impl Pattern {
    /// Reads a label; white space counts once, case and a colon at the end do not.
    pub fn new(text: &str) -> Self {
        Self(text.split('*').map(clean_label).collect())
    }

    /// Whether a label is this one.
    pub fn matches(&self, label: &str) -> bool {
        let label = clean_label(label);
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| *only == label);
        };
        let Some(mut rest) = label.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

fn clean_label(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    text.trim_end_matches([':', ' ']).to_owned()
}

impl Select {
    /// What this finds, in order.
    pub fn find<'r>(&self, scope: &'r Scope<'_>) -> Vec<Found<'r>> {
        match self {
            Self::Path(path) if path.from_row => path.find(&scope.row.tree, ""),
            Self::Path(path) => path.find(&scope.value, &scope.at),
            Self::Css { selector, attr, within } => {
                let element = match within {
                    Some(name) => {
                        let found = scope.row.fragments.iter().find(|(known, _)| known == name);
                        found.map(|(_, html)| html.root_element())
                    }
                    None => scope.element,
                };
                let Some(element) = element else { return Vec::new() };
                let at = join(&scope.at, within.as_deref().unwrap_or(""));
                // A row that is itself what is looked for counts too.
                let own = element.value().name() != "html" && selector.matches(&element);
                own.then_some(element)
                    .into_iter()
                    .chain(element.select(selector))
                    .filter_map(|element| {
                        let text = match attr {
                            Some(attr) => element.value().attr(attr)?.to_owned(),
                            None => text_of(element),
                        };
                        Some(Found {
                            value: Cow::Owned(Value::from(text)),
                            at: join(&at, &css_name(element, attr.as_deref())),
                        })
                    })
                    .take(MAX_FOUND)
                    .collect()
            }
            Self::Label { pattern, within } => {
                let base = match within {
                    Some(path) if path.from_row => path.find(&scope.row.tree, ""),
                    Some(path) => path.find(&scope.value, &scope.at),
                    None => vec![Found { value: Cow::Borrowed(scope.value.as_ref()), at: scope.at.clone() }],
                };
                base.iter().flat_map(|base| labelled(base, pattern)).collect()
            }
        }
    }
}

fn css_name(element: ElementRef<'_>, attr: Option<&str>) -> String {
    let title = element.value().attr("data-title").or_else(|| element.value().attr("class"));
    let name = match title {
        Some(title) => format!("{}[{title}]", element.value().name()),
        None => element.value().name().to_owned(),
    };
    attr.map_or(name.clone(), |attr| format!("{name}@{attr}"))
}

fn labelled<'r>(base: &Found<'_>, pattern: &Pattern) -> Vec<Found<'r>> {
    let Some(Value::Array(pairs)) = base.value.get("#labels") else { return Vec::new() };
    let fitting = pairs.iter().filter_map(|pair| {
        let label = pair.get("label")?.as_str()?;
        let value = pair.get("value")?.as_str()?;
        pattern
            .matches(label)
            .then(|| Found { value: Cow::Owned(Value::from(value)), at: join(&base.at, &format!("label[{label}]")) })
    });
    fitting.collect()
}

/// The text of an element, with a line for every block.
pub fn text_of(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    super::labels::push_text(*element, &mut text, 0);
    super::labels::tidy(&text)
}

pub fn join(at: &str, key: &str) -> String {
    match (at.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (_, true) => at.to_owned(),
        _ => format!("{at}.{key}"),
    }
}

impl Field {
    /// A field without steps.
    pub fn plain(select: Select) -> Self {
        Self { from: From::First(vec![select]), steps: Vec::new(), when: None }
    }

    /// Its values, after everything that is to be done to them.
    pub fn values<'r>(&self, scope: &'r Scope<'_>, reading: &mut Reading) -> Vec<Found<'r>> {
        if self.when.as_ref().is_some_and(|when| !when.holds(scope)) {
            return Vec::new();
        }
        let found = match &self.from {
            From::First(selects) => selects
                .iter()
                .map(|select| said(select.find(scope)))
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
            From::All(selects) => selects.iter().flat_map(|select| said(select.find(scope))).collect(),
            From::Const(text) => {
                vec![Found { value: Cow::Owned(Value::from(text.as_str())), at: String::from("(const)") }]
            }
        };
        if found.len() >= MAX_FOUND {
            let at = found.last().map_or("", |last| last.at.as_str());
            reading.issue(IssueCode::Truncated, at, &format!("{MAX_FOUND} values or more"));
        }
        run(&self.steps, found, scope, reading)
    }

    /// The first plain value and its place.
    pub fn first(&self, scope: &Scope<'_>, reading: &mut Reading) -> Option<(String, String)> {
        let mut plain = self.plain_values(scope, reading);
        if plain.is_empty() { None } else { Some(plain.swap_remove(0)) }
    }

    /// Plain values and their places; blank ones are nothing.
    pub fn plain_values(&self, scope: &Scope<'_>, reading: &mut Reading) -> Vec<(String, String)> {
        let found = self.values(scope, reading);
        let mut plain = Vec::new();
        for found in found {
            flatten(&found.value, &found.at, &mut plain);
        }
        if plain.len() >= MAX_FOUND {
            let at = plain.last().map_or("", |(_, at)| at.as_str());
            reading.issue(IssueCode::Truncated, at, &format!("{MAX_FOUND} values or more"));
        }
        plain
    }
}

/// Plain values as they are, for what has no home in the notice; objects are none.
pub fn plain(value: &Value, out: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().take(MAX_FOUND).for_each(|item| plain(item, out)),
        Value::Bool(_) | Value::Number(_) => out.push(value.clone()),
        other => {
            let text = as_text(other);
            if !text.trim().is_empty() {
                out.push(Value::from(text.trim()));
            }
        }
    }
}

/// Lists inside a value count as several values.
fn flatten(value: &Value, at: &str, out: &mut Vec<(String, String)>) {
    if let Value::Array(items) = value {
        for (number, item) in items.iter().enumerate().take(MAX_FOUND) {
            flatten(item, &format!("{at}[{number}]"), out);
        }
        return;
    }
    let text = as_text(value);
    if !text.trim().is_empty() {
        out.push((text, at.to_owned()));
    }
}

/// Without what says nothing.
fn said(found: Vec<Found<'_>>) -> Vec<Found<'_>> {
    let blank = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty() || map.values().all(Value::is_null),
        _ => false,
    };
    found.into_iter().filter(|found| !blank(&found.value)).collect()
}

impl Condition {
    /// Whether it is so.
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(scope)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(scope)),
            Self::Test(select, test) => test.holds(&select.find(scope)),
        }
    }
}

impl Test {
    /// Whether one of the values fits (for [`Self::NotIn`]: whether none does).
    pub fn holds(&self, found: &[Found<'_>]) -> bool {
        let mut texts = Vec::new();
        for found in found {
            flatten(&found.value, "", &mut texts);
        }
        let is_in = |list: &[String]| texts.iter().any(|(text, _)| list.iter().any(|wanted| wanted == text.trim()));
        match self {
            Self::In(list) => is_in(list),
            Self::NotIn(list) => !is_in(list),
            Self::Starts(list) => {
                texts.iter().any(|(text, _)| list.iter().any(|start| text.trim().starts_with(start.as_str())))
            }
            Self::Present(wanted) => {
                let there = found.iter().any(|found| match found.value.as_ref() {
                    Value::Object(map) => !map.is_empty(),
                    Value::Array(items) => !items.is_empty(),
                    Value::String(text) => !text.trim().is_empty(),
                    Value::Null => false,
                    _ => true,
                });
                there == *wanted
            }
            Self::OnlyKey(key) => found.iter().any(|found| match found.value.as_ref() {
                Value::Object(map) => map.len() == 1 && map.contains_key(key),
                _ => false,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_matched_whatever_stands_around() {
        for (pattern, label, fits) in [
            ("2.3*", "2.3.) Nazwa zamówienia:", true),
            ("*CPV*", "Hlavní CPV kód", true),
            ("Popis předmětu", "Popis  předmětu :", true),
            ("Popis", "Popis předmětu", false),
            ("a*b*c", "a-c", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(label), fits, "{pattern} {label}");
        }
    }
}
