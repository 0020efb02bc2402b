//! Markup inside other formats' texts → plain text.

use scraper::{Html, Node};

/// Longer texts are cut before they are read: bounds the work on hostile documents.
const MAX_LENGTH: usize = 500_000;
/// Elements that end a line.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "blockquote",
    "dt",
    "dd",
    "hr",
];

/// The text of a fragment; what holds neither markup nor references comes back as it is. References that were escaped
/// twice are resolved too.
pub fn text(markup: &str) -> String {
    let mut found = markup.to_owned();
    for _ in 0..2 {
        if !looks_like_markup(&found) {
            break;
        }
        found = once(&found);
    }
    found
}

fn looks_like_markup(text: &str) -> bool {
    let tag = |at: usize| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
    text.match_indices('<').any(|(at, _)| tag(at)) || text.match_indices('&').any(|(at, _)| reference(&text[at + 1..]))
}

fn reference(text: &str) -> bool {
    let name: String = text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '#').take(12).collect();
    name.len() > 1 && text[name.len()..].starts_with(';')
}

fn once(markup: &str) -> String {
    let end = markup.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_LENGTH).last().unwrap_or(0);
    let markup = if markup.len() > MAX_LENGTH { &markup[..end] } else { markup };
    let html = Html::parse_fragment(markup);
    let mut found = String::with_capacity(markup.len());
    for node in html.tree.root().descendants() {
        match node.value() {
            Node::Text(text) => {
                let hidden = |name: &str| matches!(name, "script" | "style");
                let inside = node.parent().and_then(|parent| parent.value().as_element().map(|e| hidden(e.name())));
                if inside != Some(true) {
                    found.push_str(text);
                }
            }
            Node::Element(element) if BLOCKS.contains(&element.name()) => found.push('\n'),
            _ => {}
        }
    }
    let lines = found.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn markup_becomes_lines_and_plain_text_stays() {
        assert_eq!(text("<p>One <b>two</b></p><p>three&nbsp;&amp; four</p>"), "One two\nthree & four");
        assert_eq!(text("&lt;p&gt;Escaped&lt;/p&gt;"), "Escaped");
        assert_eq!(text("a < b and c > d & e"), "a < b and c > d & e");
        assert_eq!(text("<script>no</script>yes"), "yes");
    }
}
