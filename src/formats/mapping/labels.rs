//! HTML pages as people read them: text with a line for every block, and label→value pairs.

use std::sync::LazyLock;

use ego_tree::NodeRef;
use scraper::{ElementRef, Html, Node, Selector};
use serde_json::{Value, json};

/// Pairs of one page.
const MAX_PAIRS: usize = 5000;
/// Characters of one value.
const MAX_VALUE: usize = 200_000;
const MAX_DEPTH: usize = 256;

/// How a page puts words beside values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Rows of two cells, or a head cell and a cell.
    Table,
    /// `dt` and `dd`.
    Dl,
    /// `Label: value`, a line each.
    Line,
    /// `title` attribute and text; or a first child that names what the rest says.
    Tile,
    /// A heading with the value inside it after the colon, or in what follows up to the next heading.
    Heading,
}

/// The styles by name.
pub const STYLES: &[(&str, Style)] = &[
    ("table", Style::Table),
    ("dl", Style::Dl),
    ("line", Style::Line),
    ("tile", Style::Tile),
    ("heading", Style::Heading),
];

/// Text of a node; blocks begin on a new line, scripts and styles are no text.
pub fn push_text(node: NodeRef<'_, Node>, out: &mut String, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_VALUE {
        return;
    }
    match node.value() {
        Node::Text(text) => {
            // Line ends in the markup are white space; only blocks and breaks make lines.
            out.extend(text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }));
        }
        Node::Element(element) => {
            let name = element.name();
            if matches!(name, "script" | "style" | "head" | "noscript" | "template") {
                return;
            }
            if name == "br" {
                out.push('\n');
                return;
            }
            let block = is_block(name);
            if block {
                out.push('\n');
            }
            for child in node.children() {
                push_text(child, out, depth + 1);
            }
            if block {
                out.push('\n');
            } else if matches!(name, "td" | "th") {
                out.push(' ');
            }
        }
        _ => {
            for child in node.children() {
                push_text(child, out, depth + 1);
            }
        }
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "li"
            | "ul"
            | "ol"
            | "tr"
            | "table"
            | "dl"
            | "dt"
            | "dd"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "blockquote"
            | "pre"
    )
}

/// Lines without blanks around them and without empty lines.
pub fn tidy(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Markup → text.
pub fn strip(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return tidy(text);
    }
    let html = Html::parse_fragment(text);
    let mut out = String::new();
    push_text(html.tree.root(), &mut out, 0);
    tidy(&out)
}

/// Label→value pairs below a node, as the rows see them: `[{"label": …, "value": …}]`.
pub fn pairs(node: NodeRef<'_, Node>, styles: &[Style]) -> Value {
    let mut found: Vec<(String, String)> = Vec::new();
    for style in styles {
        match style {
            Style::Table => table(node, &mut found),
            Style::Dl => dl(node, &mut found),
            Style::Line => line(node, &mut found),
            Style::Tile => tile(node, &mut found),
            Style::Heading => heading(node, &mut found),
        }
    }
    found.truncate(MAX_PAIRS);
    let pairs = found.into_iter().filter(|(label, _)| !label.is_empty());
    Value::Array(pairs.map(|(label, value)| json!({"label": label, "value": value})).collect())
}

fn text(node: NodeRef<'_, Node>) -> String {
    let mut out = String::new();
    push_text(node, &mut out, 0);
    tidy(&out)
}

fn elements<'n>(node: NodeRef<'n, Node>, names: &'static [&'static str]) -> impl Iterator<Item = ElementRef<'n>> {
    let inside = node.descendants().filter_map(ElementRef::wrap);
    inside.filter(move |element| names.contains(&element.value().name())).take(MAX_PAIRS)
}

fn table(node: NodeRef<'_, Node>, found: &mut Vec<(String, String)>) {
    for row in elements(node, &["tr"]) {
        let cells: Vec<String> = row
            .child_elements()
            .filter(|cell| matches!(cell.value().name(), "td" | "th"))
            .map(|cell| text(*cell))
            .collect();
        for pair in cells.chunks_exact(2) {
            found.push((pair[0].trim_end_matches(':').to_owned(), pair[1].clone()));
        }
    }
}

fn dl(node: NodeRef<'_, Node>, found: &mut Vec<(String, String)>) {
    let mut label = String::new();
    for element in elements(node, &["dt", "dd"]) {
        if element.value().name() == "dt" {
            label = text(*element);
        } else {
            found.push((label.clone(), text(*element)));
        }
    }
}

fn line(node: NodeRef<'_, Node>, found: &mut Vec<(String, String)>) {
    for line in text(node).lines() {
        if let Some((label, value)) = line.split_once(':') {
            found.push((label.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

fn tile(node: NodeRef<'_, Node>, found: &mut Vec<(String, String)>) {
    static TITLED: LazyLock<Selector> =
        LazyLock::new(|| Selector::parse("[title], [data-title]").expect("a selector of two attributes"));
    for element in node.descendants().filter_map(ElementRef::wrap).take(MAX_PAIRS * 4) {
        if !TITLED.matches(&element) || element.value().name() == "a" {
            continue;
        }
        let label = element.value().attr("data-title").or_else(|| element.value().attr("title")).unwrap_or_default();
        let value = text(*element);
        // `<div title="Label">Label value</div>` repeats its label.
        let value = value.strip_prefix(label).map_or(value.as_str(), str::trim);
        found.push((label.trim().to_owned(), value.to_owned()));
    }
}

fn heading(node: NodeRef<'_, Node>, found: &mut Vec<(String, String)>) {
    const HEADINGS: &[&str] = &["h1", "h2", "h3", "h4", "h5", "h6"];
    for heading in elements(node, HEADINGS) {
        // The label is what stands in the heading itself; elements inside it hold the value.
        let mut label = String::new();
        let mut value = String::new();
        for child in heading.children() {
            match child.value() {
                Node::Text(_) => push_text(child, &mut label, 0),
                Node::Element(element) if matches!(element.name(), "b" | "strong" | "br") => {
                    push_text(child, &mut label, 0);
                }
                _ => push_text(child, &mut value, 0),
            }
        }
        let label = tidy(&label).replace('\n', " ");
        let mut value = tidy(&value);
        let (label, inline) = match label.rsplit_once(": ") {
            Some((label, inline)) if value.is_empty() => (label.to_owned(), inline.to_owned()),
            _ => (label.trim_end_matches(':').trim().to_owned(), String::new()),
        };
        if value.is_empty() {
            value = inline;
        }
        let mut after = String::new();
        for sibling in heading.next_siblings() {
            let is_heading = sibling.value().as_element().is_some_and(|element| HEADINGS.contains(&element.name()));
            if is_heading || after.len() > MAX_VALUE {
                break;
            }
            push_text(sibling, &mut after, 0);
        }
        let after = tidy(&after);
        if !after.is_empty() {
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(&after);
        }
        found.push((label, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str, style: Style) -> Vec<(String, String)> {
        let html = Html::parse_document(html);
        let Value::Array(pairs) = pairs(html.tree.root(), &[style]) else { panic!("a list") };
        let text = |pair: &Value, key: &str| pair[key].as_str().unwrap_or_default().to_owned();
        pairs.iter().map(|pair| (text(pair, "label"), text(pair, "value"))).collect()
    }

    #[test]
    fn each_style_yields_pairs() {
        let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        assert_eq!(
            found("<table><tr><th>Buyer:</th><td>City <b>A</b></td></tr></table>", Style::Table),
            [pair("Buyer", "City A")]
        );
        assert_eq!(
            found("<dl><dt>Buyer</dt><dd>A</dd><dd>B</dd></dl>", Style::Dl),
            [pair("Buyer", "A"), pair("Buyer", "B")]
        );
        assert_eq!(found("<p>Buyer: A<br>Price: 5: 1</p>", Style::Line), [pair("Buyer", "A"), pair("Price", "5: 1")]);
        assert_eq!(found("<div title='Buyer'>Buyer <span>A</span></div>", Style::Tile), [pair("Buyer", "A")]);
        let page = "<h3>1.2.) Name: <span>A</span></h3><h3>2.3.) Title: </h3> <p>One</p>two<h3>9</h3>";
        assert_eq!(
            found(page, Style::Heading),
            [pair("1.2.) Name", "A"), pair("2.3.) Title", "One\ntwo"), pair("9", "")]
        );
    }

    #[test]
    fn markup_becomes_lines() {
        assert_eq!(strip("<p>A &amp; B</p><ul><li>x<li>y</ul><script>z()</script>"), "A & B\nx\ny");
    }
}
