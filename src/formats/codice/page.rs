//! A page whose XML is broken somewhere → its entries, each a small page of its own.

/// The text of every entry and `deleted-entry`, inside the page's own start tag so that prefixes stay bound. An entry
/// without an end runs to the next one or to the end of the page.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let Some(open) = start_tag(text) else { return Vec::new() };
    let name: &str = open[1..].split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or("");
    let close = format!("</{name}>");
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("entry") {
        let here = at + found;
        at = here + "entry".len();
        // Back to `<`, over a prefix and over `deleted-`.
        let Some(before) = text[..here].rfind('<') else { continue };
        let between = &text[before + 1..here];
        let named = between.is_empty() || between.ends_with([':', '-']);
        let ends = text[at..].starts_with(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
        if named && ends && between.chars().all(|c| c.is_alphanumeric() || matches!(c, ':' | '-' | '_')) {
            starts.push(before);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let own = starts.iter().zip(ends).map(|(start, end)| {
        let piece = text[*start..end].trim_end();
        let piece = piece.strip_suffix(&close).unwrap_or(piece);
        format!("{open}{piece}{close}")
    });
    own.collect()
}

/// The start tag of the page, without white space before it.
fn start_tag(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let at = rest.find('<')?;
        rest = &rest[at..];
        let skipped = if rest.starts_with("<?") {
            rest.find("?>")? + 2
        } else if rest.starts_with("<!--") {
            rest.find("-->")? + 3
        } else {
            let tag = &rest[..=rest.find('>')?];
            let local = tag[1..].split(|c: char| c.is_whitespace() || c == '>').next()?.rsplit(':').next()?;
            return (local == "feed" && !tag.ends_with("/>")).then_some(tag);
        };
        rest = &rest[skipped..];
    }
}
