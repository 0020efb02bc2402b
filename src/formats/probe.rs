//! One value, or the rows, of an answer: totals, tokens, links and keys that a crawl needs before anything is mapped.
//!
//! A probe is a path (of JSON or XML), a CSS selector, a header, or a pattern. It answers nothing where there is
//! nothing; what that means is the crawl's business. The dialect is in `docs/crawling.md`.

use std::cell::OnceCell;
use std::fmt;

use regex::Regex;
use scraper::{Html, Selector};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::mapping::{self, Path, path_text};

/// Reads one value of an answer.
#[derive(Clone, Debug)]
pub enum Probe {
    /// In JSON or XML.
    Path(Path),
    /// In a page: an attribute, else the text.
    Css(Selector, Option<String>),
    /// A response header, by its name in lower case; of `link`, the address of `rel="next"`.
    Header(String),
    /// The first group in the text, else the whole match.
    Pattern(Regex),
}

/// What counts as a row of an answer.
#[derive(Clone, Debug)]
pub enum RowProbe {
    /// In JSON or XML.
    Path(Path),
    /// In a page; a row has the element's attributes by name, and its `text`.
    Css(Selector),
}

/// A probe as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct RawProbe {
    path: Option<String>,
    css: Option<String>,
    attr: Option<String>,
    header: Option<String>,
    regex: Option<String>,
    element: Option<String>,
}

impl<'de> Deserialize<'de> for RawProbe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawProbe;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path such as \"page.total\", or a table with css, header, regex or element")
            }
            fn visit_str<E>(self, path: &str) -> Result<RawProbe, E> {
                Ok(RawProbe { path: Some(path.to_owned()), ..RawProbe::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawProbe, A::Error> {
                // The derived reader of the table, which has the same name.
                RawProbe::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The word for the next page of an Atom feed.
const ATOM: &str = "atom";

impl RawProbe {
    /// The probe that is meant.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment.
    pub fn compile(&self) -> Result<Probe, String> {
        match (&self.path, &self.css, &self.header, &self.regex, &self.element) {
            (Some(path), None, None, None, None) if path == ATOM => {
                parse_path("feed.link[?@rel=next].@href").map(Probe::Path)
            }
            (Some(path), None, None, None, None) => parse_path(path).map(Probe::Path),
            (None, Some(css), None, None, None) => Ok(Probe::Css(selector(css)?, self.attr.clone())),
            (None, None, Some(header), None, None) => Ok(Probe::Header(header.to_ascii_lowercase())),
            (None, None, None, Some(pattern), None) => {
                Regex::new(pattern).map(Probe::Pattern).map_err(|error| format!("\"{pattern}\" is no pattern: {error}"))
            }
            (None, None, None, None, None) if self.attr.is_some() => {
                parse_path(self.attr.as_deref().unwrap_or_default()).map(Probe::Path)
            }
            _ => Err("says one of path, css, header or regex".to_owned()),
        }
    }

    /// The rows that are meant.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment.
    pub fn compile_rows(&self) -> Result<RowProbe, String> {
        match (&self.path, &self.css, &self.element, &self.header, &self.regex) {
            (Some(path), None, None, None, None) => parse_path(path).map(RowProbe::Path),
            (None, Some(css), None, None, None) => selector(css).map(RowProbe::Css),
            (None, None, Some(element), None, None) => parse_path(&format!("..{element}[*]")).map(RowProbe::Path),
            _ => Err("rows are a path, or { css = … }, or { element = … }".to_owned()),
        }
    }
}

/// A path of the mapping dialect.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub fn parse_path(text: &str) -> Result<Path, String> {
    Path::parse(text).map_err(|error| format!("\"{text}\" is no path: {} (character {})", error.reason, error.column))
}

fn selector(css: &str) -> Result<Selector, String> {
    Selector::parse(css).map_err(|error| format!("\"{css}\" is no CSS selector: {error}"))
}

/// The text at a path of a row.
pub fn text_at(row: &Value, path: &Path) -> Option<String> {
    let found = path.find(row, "");
    found.iter().map(|found| path_text(&found.value)).map(|text| text.trim().to_owned()).find(|text| !text.is_empty())
}

/// An answer, read as far as probes need it and only once.
pub struct Answer<'a> {
    body: &'a [u8],
    headers: &'a [(String, String)],
    tree: OnceCell<Option<Value>>,
    page: OnceCell<Option<Html>>,
}

impl<'a> Answer<'a> {
    /// Nothing is read yet.
    pub fn new(body: &'a [u8], headers: &'a [(String, String)]) -> Self {
        Self { body, headers, tree: OnceCell::new(), page: OnceCell::new() }
    }

    /// The answer as JSON, or its XML as such; nothing when it is neither.
    pub fn tree(&self) -> Option<&Value> {
        self.tree.get_or_init(|| mapping::tree_of(self.body)).as_ref()
    }

    fn page(&self) -> Option<&Html> {
        self.page.get_or_init(|| Some(Html::parse_document(&mapping::decoded(self.body)?))).as_ref()
    }

    /// Every value, in order, none of them empty.
    pub fn all(&self, probe: &Probe) -> Vec<String> {
        let texts: Vec<String> = match probe {
            Probe::Path(path) => {
                let found = self.tree().map(|tree| path.every(tree)).unwrap_or_default();
                found.iter().map(|found| path_text(&found.value)).collect()
            }
            Probe::Css(selector, attribute) => {
                let elements = self.page().into_iter().flat_map(|page| page.select(selector));
                elements
                    .filter_map(|element| match attribute {
                        Some(name) => element.value().attr(name).map(str::to_owned),
                        None => Some(element.text().collect()),
                    })
                    .collect()
            }
            Probe::Header(name) => {
                let values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone());
                if name == "link" { values.filter_map(|value| next_of(&value)).collect() } else { values.collect() }
            }
            Probe::Pattern(pattern) => {
                let text = mapping::decoded(self.body).unwrap_or_default();
                let of = |found: regex::Captures<'_>| {
                    found.get(1).or_else(|| found.get(0)).map_or(String::new(), |found| found.as_str().to_owned())
                };
                pattern.captures_iter(&text).map(of).collect()
            }
        };
        texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }

    /// The first value.
    pub fn first(&self, probe: &Probe) -> Option<String> {
        self.all(probe).into_iter().next()
    }

    /// The rows, in order.
    pub fn rows(&self, probe: &RowProbe) -> Vec<Value> {
        match probe {
            RowProbe::Path(path) => {
                let found = self.tree().map(|tree| path.every(tree)).unwrap_or_default();
                found.into_iter().map(|found| found.value.into_owned()).collect()
            }
            RowProbe::Css(selector) => {
                let elements = self.page().into_iter().flat_map(|page| page.select(selector));
                elements
                    .map(|element| {
                        let attributes = element.value().attrs().map(|(name, value)| (name.to_owned(), value.into()));
                        let mut row: Map<String, Value> = attributes.collect();
                        let text: String = element.text().collect();
                        row.insert("text".to_owned(), Value::from(text.trim()));
                        Value::Object(row)
                    })
                    .collect()
            }
        }
    }
}

/// The address marked as next in a `Link` header.
fn next_of(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = rest.split(';').any(|part| matches!(part.trim(), "rel=next" | "rel=\"next\""));
        is_next.then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(toml: &str) -> Result<Probe, String> {
        #[derive(Deserialize)]
        struct Line {
            p: RawProbe,
        }
        toml::from_str::<Line>(&format!("p = {toml}")).map_err(|error| error.to_string())?.p.compile()
    }

    #[test]
    fn every_kind_of_probe_reads_its_value() {
        let json = br#"{"page": {"total": 12, "next": " x "}, "items": [{"id": 1}, {"id": 2}]}"#;
        let headers = [
            ("x-total-count".to_owned(), "7".to_owned()),
            ("link".to_owned(), "<https://a/2>; rel=\"next\"".to_owned()),
        ];
        let answer = Answer::new(json, &headers);
        let read = |toml: &str| answer.first(&probe(toml).expect(toml));
        assert_eq!(read("\"page.total\"").as_deref(), Some("12"));
        assert_eq!(read("\"page.next\"").as_deref(), Some("x"));
        assert_eq!(read("\"page.other\""), None);
        assert_eq!(read("{ header = \"X-Total-Count\" }").as_deref(), Some("7"));
        assert_eq!(read("{ header = \"link\" }").as_deref(), Some("https://a/2"));
        assert_eq!(read("{ regex = '\"total\": (\\d)' }").as_deref(), Some("1"));
        let rows = answer.rows(&RowProbe::Path(parse_path("items[*]").expect("a path")));
        assert_eq!(rows.len(), 2);
        let element = RawProbe { element: Some("item".to_owned()), ..RawProbe::default() };
        let element = element.compile_rows().expect("rows");
        for (xml, rows) in [("<r><item>1</item><item>2</item></r>", 2), ("<r><item>1</item></r>", 1), ("<r/>", 0)] {
            assert_eq!(Answer::new(xml.as_bytes(), &[]).rows(&element).len(), rows, "{xml}");
        }
        let many = serde_json::json!({ "items": (0..6000).collect::<Vec<_>>() }).to_string();
        let rows = Answer::new(many.as_bytes(), &[]).rows(&RowProbe::Path(parse_path("items[*]").expect("a path")));
        assert_eq!(rows.len(), 6000);

        let page = Answer::new(b"<html><body><a rel=next href='/2'> on </a><a href='/3'>x</a></body></html>", &[]);
        assert_eq!(
            page.first(&probe("{ css = \"a[rel=next]\", attr = \"href\" }").expect("css")).as_deref(),
            Some("/2")
        );
        assert_eq!(page.all(&probe("{ css = \"a\" }").expect("css")), ["on", "x"]);

        let feed = Answer::new(
            b"<feed xmlns='http://www.w3.org/2005/Atom'><link rel='self' href='a'/><link rel='next' href='b'/></feed>",
            &[],
        );
        assert_eq!(feed.first(&probe("\"atom\"").expect("atom")).as_deref(), Some("b"));
    }

    #[test]
    fn what_is_no_probe_is_refused() {
        for toml in [
            "{ css = \"a\", header = \"b\" }",
            "{ }",
            "{ regex = '(' }",
            "{ css = \"a[\" }",
            "\"a[\"",
            "{ cs = \"a\" }",
            "5",
        ] {
            assert!(probe(toml).is_err(), "{toml}");
        }
    }
}
