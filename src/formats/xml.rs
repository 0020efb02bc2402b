//! XML → a bounded tree of the elements that a format knows, borrowed from the input.
//!
//! Streaming events are folded into one flat list of elements in document order. A format brings a
//! [`Vocabulary`]: which (namespace, local name) it knows and which attributes it wants; subtrees with other
//! names are checked but not kept. Names are resolved by namespace, never by prefix, once per different
//! name and scope. Nothing recurses: depth, elements and names are bounded, so hostile input ends in an error.
//! It refuses to know what the elements mean.

mod decode;
mod root;
mod tree;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

pub use self::root::{Root, root_of};
pub use self::tree::to_json;
use super::ParseError;

/// Elements may nest this deep; eForms needs 20.
pub const MAX_DEPTH: usize = 256;
/// Elements in one document; the largest real notice has some 20 000.
pub const MAX_NODES: usize = 1_000_000;
/// Different names that are remembered; eForms needs 400.
const MAX_NAMES: usize = 4096;

/// Prefixes bound at one place; eForms needs 10.
const MAX_BINDINGS: usize = 256;

/// What a format wants to keep of a document.
pub struct Vocabulary<N, F = fn(namespace: &str, local: &str) -> Option<N>> {
    /// The format's name for an element of this namespace and local name; `None` drops it with all it holds.
    pub element: F,
    /// Unqualified attributes worth keeping.
    pub attributes: &'static [&'static str],
    /// Elements that are no elements of the tree: what they hold belongs to the one around them. `None` where the
    /// format has no mixed content.
    pub flow: Option<fn(N) -> Option<Flow>>,
}

/// How the text of an element flows into the element around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// In the middle of a line.
    Inline,
    /// On lines of its own.
    Block,
}

/// The elements of one document.
pub struct Tree<'a, N> {
    elements: Vec<Element<'a, N>>,
    attributes: Vec<(&'static str, Cow<'a, str>)>,
}

struct Element<'a, N> {
    name: N,
    /// One past the last descendant: the next sibling, if it has the same parent.
    end: u32,
    attributes: u32,
    attribute_count: u32,
    text: Cow<'a, str>,
}

/// An element in its tree.
pub struct Node<'t, N> {
    tree: &'t Tree<'t, N>,
    at: u32,
}

impl<N> Clone for Node<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N> Copy for Node<'_, N> {}

impl<N: Copy + PartialEq> Tree<'_, N> {
    /// The root element.
    pub fn root(&self) -> Node<'_, N> {
        Node { tree: self, at: 0 }
    }
}

impl<'t, N: Copy + PartialEq> Node<'t, N> {
    fn element(self) -> &'t Element<'t, N> {
        &self.tree.elements[self.at as usize]
    }

    /// Its name in the vocabulary.
    pub fn name(self) -> N {
        self.element().name
    }

    /// The text directly inside, trimmed; text between and after children is left out.
    pub fn text(self) -> &'t str {
        self.element().text.trim()
    }

    /// An attribute of the vocabulary, trimmed.
    pub fn attribute(self, name: &str) -> Option<&'t str> {
        self.attributes().iter().find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    }

    /// Its attributes of the vocabulary, as written.
    fn attributes(self) -> &'t [(&'static str, Cow<'t, str>)] {
        let element = self.element();
        let first = element.attributes as usize;
        &self.tree.attributes[first..first + element.attribute_count as usize]
    }

    /// Known children, in order.
    pub fn children(self) -> impl Iterator<Item = Node<'t, N>> {
        let end = self.element().end;
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let child = Node { tree: self.tree, at: next };
            (next < end).then(|| {
                next = child.element().end;
                child
            })
        })
    }

    /// Children of this name.
    pub fn all(self, name: N) -> impl Iterator<Item = Node<'t, N>> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first child of this name.
    pub fn first(self, name: N) -> Option<Node<'t, N>> {
        self.all(name).next()
    }

    /// The first element along this path of names.
    pub fn path(self, names: &[N]) -> Option<Node<'t, N>> {
        names.iter().try_fold(self, |node, name| node.first(*name))
    }

    /// Everything inside, in document order, without what is inside an element that `closed` names.
    pub fn within(self, closed: impl Fn(N) -> bool) -> impl Iterator<Item = Node<'t, N>> {
        let end = self.element().end;
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let found = Node { tree: self.tree, at: next };
            (next < end).then(|| {
                next = if closed(found.name()) { found.element().end } else { next + 1 };
                found
            })
        })
    }

    /// From the root to this element, both included.
    pub fn lineage(self) -> Vec<Node<'t, N>> {
        let mut found = vec![self.tree.root_node()];
        while let Some(last) = found.last().copied().filter(|last| last.at < self.at) {
            let Some(next) = last.children().find(|child| self.at < child.element().end) else { break };
            found.push(next);
        }
        found
    }

    /// Its place among the siblings of the same name (from 1), when there are several.
    pub fn position_in(self, parent: Node<'t, N>) -> Option<usize> {
        let place = parent.all(self.name()).position(|sibling| sibling.at == self.at)? + 1;
        (place > 1 || parent.all(self.name()).nth(1).is_some()).then_some(place)
    }
}

impl<'t, N> Tree<'t, N> {
    fn root_node(&'t self) -> Node<'t, N> {
        Node { tree: self, at: 0 }
    }
}

/// A document's text, decoded, and whether it had to be repaired.
pub struct Document<'a> {
    text: Cow<'a, str>,
    /// Control characters that XML forbids were taken out, or a bare `&` was escaped.
    pub repaired: bool,
}

impl<'a> Document<'a> {
    /// Decodes the bytes by byte order mark, by the pattern of the first bytes, or by the declared encoding.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (text, repaired) = decode::decode(bytes)?;
        Ok(Self { text, repaired })
    }

    /// The same for publishers who also leave `&` bare in text: it is repaired.
    pub fn decode_lenient(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (text, controls) = decode::decode(bytes)?;
        let (text, ampersands) = decode::without_bare_ampersands(text);
        Ok(Self { text, repaired: controls || ampersands })
    }

    /// A text that was a part of a repaired document.
    pub fn part(text: String) -> Self {
        Self { text: Cow::Owned(text), repaired: false }
    }

    /// The text as it is read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the tree; `None` when the vocabulary does not know the root.
    pub fn read<'s, N, F>(&'s self, words: &Vocabulary<N, F>) -> Result<Option<Tree<'s, N>>, ParseError>
    where
        N: Copy + PartialEq,
        F: Fn(&str, &'s str) -> Option<N>,
    {
        let mut builder = Builder::new(&self.text, words);
        builder.run()?;
        Ok(builder.root_known.then_some(builder.tree))
    }
}

/// For maps of element names: their number is bounded, so a fast hash is safe.
pub type NameHash = BuildHasherDefault<NameHasher>;

/// Multiply and rotate, eight bytes at a time.
#[derive(Default)]
pub struct NameHasher(u64);

impl NameHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        self.mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
    fn write_u8(&mut self, _: u8) {}
    fn write_u32(&mut self, number: u32) {
        self.0 ^= u64::from(number);
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 31)
    }
}

type Names<'a, N> = HashMap<(u32, &'a str), Option<N>, NameHash>;

struct Open<'a> {
    node: u32,
    has_children: bool,
    /// Its text flows into `node`, which is the element around it.
    flow: Option<Flow>,
    /// The scope outside, and how many bindings it sees.
    outer: (u32, usize),
    name: &'a str,
}

struct Builder<'a, 'v, N, F> {
    text: &'a str,
    words: &'v Vocabulary<N, F>,
    tree: Tree<'a, N>,
    open: Vec<Open<'a>>,
    /// Elements open inside one that is not kept.
    dropped: usize,
    elements: usize,
    root_seen: bool,
    root_known: bool,
    /// Prefix → namespace; the last one counts.
    bindings: Vec<(&'a str, Cow<'a, str>)>,
    /// Raised with every element that binds a prefix anew.
    scope: u32,
    scopes: u32,
    names: Names<'a, N>,
}

impl<'a, 'v, N: Copy + PartialEq, F: Fn(&str, &'a str) -> Option<N>> Builder<'a, 'v, N, F> {
    fn new(text: &'a str, words: &'v Vocabulary<N, F>) -> Self {
        let expected = text.len() / 90;
        let tree = Tree { elements: Vec::with_capacity(expected), attributes: Vec::with_capacity(expected / 2) };
        let names = HashMap::with_capacity_and_hasher(expected.clamp(16, 512), BuildHasherDefault::default());
        Self {
            text,
            words,
            tree,
            open: Vec::with_capacity(32),
            dropped: 0,
            elements: 0,
            root_seen: false,
            root_known: false,
            bindings: vec![("xml", Cow::Borrowed("http://www.w3.org/XML/1998/namespace"))],
            scope: 0,
            scopes: 0,
            names,
        }
    }

    fn run(&mut self) -> Result<(), ParseError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.refuse(&error, reader.error_position())),
            };
            let at = reader.buffer_position();
            match event {
                Event::Start(start) => self.start(tag(self.text, at, start.len(), 1), at)?,
                Event::Empty(start) => {
                    self.start(tag(self.text, at, start.len(), 2), at)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.characters(line_ends(text.into_inner()), at)?,
                Event::CData(text) => self.characters(line_ends(text.into_inner()), at)?,
                Event::GeneralRef(reference) => {
                    let character = resolve(&reference)
                        .ok_or_else(|| ParseError::Entity { at, reason: format!("&{};", short(&reference)) })?;
                    self.characters(Cow::Owned(character.to_string()), at)?;
                }
                Event::DocType(declaration) if declaration.contains(['[', '<']) => {
                    return Err(ParseError::Entity { at, reason: "a document type with declarations".to_owned() });
                }
                Event::Eof => break,
                Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
        let at = reader.buffer_position();
        if !self.root_seen {
            return Err(ParseError::NotWellFormed { at, reason: "no root element".to_owned() });
        }
        if self.depth() > 0 {
            return Err(ParseError::Truncated { at, inside: self.innermost() });
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.open.len() + self.dropped
    }

    /// The innermost open element that the format knows.
    fn innermost(&self) -> String {
        self.open.last().map_or_else(|| "the root".to_owned(), |open| short(open.name))
    }

    fn refuse(&self, error: &Error, at: u64) -> ParseError {
        match error {
            Error::Syntax(SyntaxError::InvalidBangMarkup) => {
                ParseError::NotWellFormed { at, reason: error.to_string() }
            }
            // A syntax error is a construct that the document's end cut off.
            Error::Syntax(_) | Error::IllFormed(IllFormedError::MissingEndTag(_)) => {
                ParseError::Truncated { at, inside: self.innermost() }
            }
            _ => ParseError::NotWellFormed { at, reason: short(&error.to_string()) },
        }
    }

    fn start(&mut self, tag: &'a str, at: u64) -> Result<(), ParseError> {
        self.elements += 1;
        if self.elements > MAX_NODES {
            return Err(ParseError::TooManyNodes { limit: MAX_NODES });
        }
        if self.depth() >= MAX_DEPTH {
            return Err(ParseError::TooDeep { limit: MAX_DEPTH, at });
        }
        if self.dropped > 0 {
            self.dropped += 1;
            return Ok(());
        }
        if self.root_seen && self.open.is_empty() {
            return Err(ParseError::NotWellFormed { at, reason: "a second root element".to_owned() });
        }
        let (written, rest) = tag.split_at(tag.bytes().position(is_space).unwrap_or(tag.len()));
        let outer = (self.scope, self.bindings.len());
        let first = self.tree.attributes.len();
        if !rest.is_empty() {
            self.attributes(rest, at)?;
        }
        let known = self.resolve(written, at)?;
        self.root_seen = true;
        if self.open.is_empty() {
            self.root_known = known.is_some();
        }
        let Some(name) = known else {
            self.tree.attributes.truncate(first);
            (self.scope, _) = outer;
            self.bindings.truncate(outer.1);
            self.dropped = 1;
            return Ok(());
        };
        if let Some(flow) = self.words.flow.and_then(|flow| flow(name))
            && let Some(around) = self.open.last().map(|open| open.node)
        {
            self.tree.attributes.truncate(first);
            self.line_break(around, flow);
            self.open.push(Open { node: around, has_children: false, flow: Some(flow), outer, name: written });
            return Ok(());
        }
        let node = index(self.tree.elements.len());
        self.tree.elements.push(Element {
            name,
            end: node + 1,
            attributes: index(first),
            attribute_count: index(self.tree.attributes.len() - first),
            text: Cow::Borrowed(""),
        });
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        self.open.push(Open { node, has_children: false, flow: None, outer, name: written });
        Ok(())
    }

    /// Text that stands on lines of its own begins and ends one.
    fn line_break(&mut self, node: u32, flow: Flow) {
        let text = &mut self.tree.elements[node as usize].text;
        if flow == Flow::Block && !text.is_empty() && !text.ends_with('\n') {
            text.to_mut().push('\n');
        }
    }

    fn end(&mut self) {
        if self.dropped > 0 {
            self.dropped -= 1;
            return;
        }
        if let Some(closed) = self.open.pop() {
            match closed.flow {
                Some(flow) => self.line_break(closed.node, flow),
                None => self.tree.elements[closed.node as usize].end = index(self.tree.elements.len()),
            }
            self.scope = closed.outer.0;
            self.bindings.truncate(closed.outer.1);
        }
    }

    fn characters(&mut self, text: Cow<'a, str>, at: u64) -> Result<(), ParseError> {
        if self.dropped > 0 {
            return Ok(());
        }
        let blank = text.bytes().all(is_space);
        let Some(open) = self.open.last() else {
            if blank {
                return Ok(());
            }
            let reason = if self.root_seen { "text after the root element" } else { "text before the root element" };
            return Err(ParseError::NotWellFormed { at, reason: reason.to_owned() });
        };
        if open.has_children {
            return Ok(());
        }
        let own = &mut self.tree.elements[open.node as usize].text;
        if !own.is_empty() {
            own.to_mut().push_str(&text);
        } else if !blank {
            *own = text;
        }
        Ok(())
    }

    /// Keeps the wanted attributes and binds prefixes.
    fn attributes(&mut self, raw: &'a str, at: u64) -> Result<(), ParseError> {
        for attribute in Attributes(raw) {
            let (name, value) = attribute.ok_or_else(|| ParseError::NotWellFormed {
                at,
                reason: "an attribute without a value in quotes".to_owned(),
            })?;
            if let Some(declared) = name.strip_prefix("xmlns") {
                match declared.strip_prefix(':') {
                    Some(prefix) => self.bind(prefix, unescape(value, at)?)?,
                    None if declared.is_empty() => self.bind("", unescape(value, at)?)?,
                    None => {}
                }
            } else if let Some(wanted) = self.words.attributes.iter().find(|wanted| **wanted == name) {
                self.tree.attributes.push((wanted, unescape(value, at)?));
            }
        }
        Ok(())
    }

    fn bind(&mut self, prefix: &'a str, namespace: Cow<'a, str>) -> Result<(), ParseError> {
        if self.bound(prefix).is_some_and(|known| known == namespace) {
            return Ok(());
        }
        if self.bindings.len() >= MAX_BINDINGS {
            return Err(ParseError::TooManyNodes { limit: MAX_BINDINGS });
        }
        self.bindings.push((prefix, namespace));
        self.scopes += 1;
        self.scope = self.scopes;
        Ok(())
    }

    fn bound(&self, prefix: &str) -> Option<&str> {
        self.bindings.iter().rev().find(|(known, _)| *known == prefix).map(|(_, namespace)| namespace.as_ref())
    }

    fn resolve(&mut self, name: &'a str, at: u64) -> Result<Option<N>, ParseError> {
        if let Some(known) = self.names.get(&(self.scope, name)) {
            return Ok(*known);
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = match self.bound(prefix) {
            Some(namespace) => namespace,
            None if prefix.is_empty() => "",
            None => {
                let reason = format!("prefix {:?} is bound to no namespace", short(prefix));
                return Err(ParseError::NotWellFormed { at, reason });
            }
        };
        let found = (self.words.element)(namespace, local);
        if self.names.len() >= MAX_NAMES {
            // Scopes that ended leave entries behind: start afresh rather than refuse.
            self.names.clear();
        }
        self.names.insert((self.scope, name), found);
        Ok(found)
    }
}

/// What stands between `<` and `>` of the tag that ends at `at`; `closing` is the length of `>` or `/>`.
fn tag(text: &str, at: u64, length: usize, closing: usize) -> &str {
    let end = usize::try_from(at).unwrap_or(usize::MAX).saturating_sub(closing);
    text.get(end.saturating_sub(length)..end).unwrap_or("")
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("MAX_NODES and the body limit keep counts below 2^32")
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// At most 60 characters, for messages.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Line ends of any system become one; those written as `&#13;` stay, as XML asks.
pub fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// Name and raw value of each attribute; `None` for what is no attribute, after which it ends.
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = Option<(&'a str, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if rest.is_empty() {
            return None;
        }
        let one = split_attribute(rest);
        self.0 = one.map_or("", |(_, _, rest)| rest);
        Some(one.map(|(name, value, _)| (name, value)))
    }
}

fn split_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let equals = text.bytes().position(|byte| byte == b'=')?;
    let name = text[..equals].trim_end();
    if name.is_empty() || name.bytes().any(is_space) {
        return None;
    }
    let rest = text[equals + 1..].trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = rest[1..].find(quote)? + 1;
    Some((name, &rest[1..end], &rest[end + 1..]))
}

/// Predefined entities and character references; anything else is refused.
fn unescape(value: &str, at: u64) -> Result<Cow<'_, str>, ParseError> {
    if !value.contains('&') {
        return Ok(Cow::Borrowed(value));
    }
    let mut parts = value.split('&');
    let mut found = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let resolved = part.split_once(';').and_then(|(name, rest)| Some((resolve(name)?, rest)));
        let (character, rest) =
            resolved.ok_or_else(|| ParseError::Entity { at, reason: format!("&{}", short(part)) })?;
        found.push(character);
        found.push_str(rest);
    }
    Ok(Cow::Owned(found))
}

/// What `&name;` stands for. Characters that XML forbids become U+FFFD.
pub fn resolve(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
                None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
                _ => return None,
            };
            char::from_u32(number).filter(|c| !decode::is_forbidden(*c)).unwrap_or('\u{FFFD}')
        }
    })
}

#[cfg(test)]
mod tests;
