//! Trees that do not come from XML in a format's vocabulary: XML written as JSON, and XML of any vocabulary as JSON.

use std::borrow::Cow;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::{Document, Element, MAX_NODES, Node, Tree, Vocabulary, index};
use crate::formats::ParseError;

impl<'a, N: Copy + PartialEq> Tree<'a, N> {
    /// The tree of an element that was written as JSON: `@name` for attributes, `#text` for text beside them, a list
    /// where an element repeats. `None` when the vocabulary does not know the root.
    pub fn of_json(
        root: &str,
        value: &'a Value,
        name: &impl Fn(&str) -> Option<N>,
        attributes: &'static [&'static str],
    ) -> Result<Option<Self>, ParseError> {
        let Some(root) = name(root) else { return Ok(None) };
        let mut tree = Self { elements: Vec::new(), attributes: Vec::new() };
        tree.add(root, value, name, attributes)?;
        Ok(Some(tree))
    }

    /// Nests no deeper than serde_json reads.
    fn add(
        &mut self,
        name: N,
        value: &'a Value,
        known: &impl Fn(&str) -> Option<N>,
        wanted: &'static [&'static str],
    ) -> Result<(), ParseError> {
        if self.elements.len() >= MAX_NODES {
            return Err(ParseError::TooManyNodes { limit: MAX_NODES });
        }
        let at = self.elements.len();
        let first = self.attributes.len();
        let mut text = Cow::Borrowed("");
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if let Some(attribute) = key.strip_prefix('@') {
                        if let Some(wanted) = wanted.iter().find(|wanted| **wanted == attribute) {
                            self.attributes.push((wanted, scalar(value)));
                        }
                    } else if key == "#text" {
                        text = scalar(value);
                    }
                }
            }
            other => text = scalar(other),
        }
        self.elements.push(Element {
            name,
            end: index(at + 1),
            attributes: index(first),
            attribute_count: index(self.attributes.len() - first),
            text,
        });
        if let Value::Object(map) = value {
            for (key, value) in map {
                let Some(child) = known(key) else { continue };
                match value {
                    Value::Array(list) => {
                        for value in list {
                            self.add(child, value, known, wanted)?;
                        }
                    }
                    one => self.add(child, one, known, wanted)?,
                }
            }
        }
        self.elements[at].end = index(self.elements.len());
        Ok(())
    }
}

fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        _ => Cow::Borrowed(""),
    }
}

/// The elements that are read of a document that needs no namespaces, under their local names: everything but rendered
/// pages and notices of the eForms schema, which have a reader of their own.
fn local_name<'a>(_: &str, local: &'a str) -> Option<&'a str> {
    (!matches!(local, "HTML" | "HTMLSYNTHESE" | "EFORMS")).then_some(local)
}

/// A whole document as JSON, and its root's name: an element is an object when it has attributes or children, else its
/// text; repeated elements are a list. Namespaces are left out.
pub fn to_json(document: &Document<'_>, attributes: &'static [&'static str]) -> Result<(String, Value), ParseError> {
    let tree = document.read(&Vocabulary { element: local_name, attributes, flow: None })?;
    let Some(tree) = tree else { return Ok((String::new(), Value::Null)) };
    Ok((tree.root().name().to_owned(), value(tree.root())))
}

/// Nests no deeper than `MAX_DEPTH`.
fn value(node: Node<'_, &str>) -> Value {
    let (attributes, children) = (node.attributes(), node.children().count());
    if attributes.is_empty() && children == 0 {
        return Value::from(node.text());
    }
    let mut map = Map::with_capacity(attributes.len() + children);
    for (name, text) in attributes {
        map.insert(format!("@{name}"), Value::from(text.trim()));
    }
    for child in node.children() {
        let inside = value(child);
        match map.entry(child.name()) {
            Entry::Vacant(entry) => {
                entry.insert(inside);
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(list) => list.push(inside),
                one => *one = Value::Array(vec![one.take(), inside]),
            },
        }
    }
    if !node.text().is_empty() {
        map.insert("#text".to_owned(), Value::from(node.text()));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_of_any_vocabulary_becomes_json() {
        let xml = b"<a><b x='1' y='2'>t</b><c/><c><d>e</d></c><HTML>p</HTML></a>";
        let document = Document::decode(xml).expect("text");
        let (root, value) = to_json(&document, &["x"]).expect("XML");
        assert_eq!(root, "a");
        assert_eq!(value, serde_json::json!({"b": {"@x": "1", "#text": "t"}, "c": ["", {"d": "e"}]}));
    }
}
