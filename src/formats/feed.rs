//! News feeds: RSS 0.9 to 2.0, RDF, Atom and JSON Feed.
//!
//! One item is one notice of stage `news`, known by the publisher's own id, else by its link. Items without a date are
//! kept without one: the day they were seen is not the day they were written. Markup in descriptions becomes text.
//! Authors and their addresses are never read. Atom pages that carry procurement records belong to the format of those
//! records. It refuses to tell whether an item is about procurement.

use std::borrow::Cow;

use feed_rs::model::{Entry, Feed, Link};

use super::reading::{Reading, notice_id};
use super::{Format, ParseError, Parsed, codice, html, xml};
use crate::issue::{Issue, IssueCode};
use crate::notice::{Notice, Stage};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "feed", version: 1, sniff, parse };

/// How much of a JSON document is looked at.
const HEAD: usize = 4096;

fn sniff(bytes: &[u8]) -> bool {
    let trimmed = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    if trimmed.first() == Some(&b'{') {
        let head = &trimmed[..trimmed.len().min(HEAD)];
        return memchr::memmem::find(head, b"jsonfeed.org/version").is_some();
    }
    let known = |root: xml::Root| match root.local.as_str() {
        "rss" => root.namespace.is_empty(),
        "RDF" => {
            memchr::memmem::find(bytes, b"purl.org/rss/1.0").is_some()
                || memchr::memmem::find(bytes, b"my.netscape.com/rdf/simple/0.9").is_some()
        }
        "feed" => root.namespace == "http://www.w3.org/2005/Atom" || root.namespace == "http://purl.org/atom/ns#",
        _ => false,
    };
    xml::root_of(bytes).is_ok_and(known) && !codice::sniff(bytes)
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let json = document.body.trim_ascii_start().first() == Some(&b'{');
    let decoded = if json { None } else { Some(xml::Document::decode_lenient(&document.body)?) };
    let bytes = match &decoded {
        // Decoded already: what it declared must not be applied again.
        Some(decoded) => without_declarations(&apart(decoded.text())).into_owned().into(),
        None => Cow::Borrowed(&document.body[..]),
    };
    let address = Some(&document.origin.url).filter(|url| url.starts_with("http"));
    let parser = feed_rs::parser::Builder::new()
        .base_uri(address)
        // Ids are the publisher's own or none: a made-up one would change with the title.
        .id_generator(|_, _, _| String::new())
        .build();
    let feed = parser
        .parse(&bytes[..])
        .map_err(|error| ParseError::NotThisFormat { format: FORMAT.name, found: error.to_string() })?;
    let mut parsed = Parsed::default();
    if decoded.as_ref().is_some_and(|decoded| decoded.repaired) {
        parsed.issues.push(Issue::new(IssueCode::RepairedText, "/", ""));
    }
    for (at, entry) in feed.entries.iter().enumerate() {
        parsed.notice(notice(entry, &feed, document, at + 1));
    }
    Ok(parsed)
}

/// With a blank between an address and what is no ASCII beside it, or may become so (`&#8212;`, a CDATA section): the reader
/// below takes the character on either side of the address of a person to have one byte. We read no persons.
fn apart(text: &str) -> Cow<'_, str> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-@".contains(&byte);
    let bytes = text.as_bytes();
    let mut blanks = Vec::new();
    let mut done = 0;
    for at in memchr::memchr_iter(b'@', bytes) {
        if at < done {
            continue;
        }
        let start = bytes[..at].iter().rposition(|byte| !is_part(*byte)).map_or(0, |before| before + 1);
        let end = bytes[at..].iter().position(|byte| !is_part(*byte)).map_or(bytes.len(), |after| at + after);
        if start > 0 && (!bytes[start - 1].is_ascii() || b";>".contains(&bytes[start - 1])) {
            blanks.push(start);
        }
        if end < bytes.len() && (!bytes[end].is_ascii() || b"&<".contains(&bytes[end])) {
            blanks.push(end);
        }
        done = end;
    }
    if blanks.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + blanks.len());
    let mut done = 0;
    for at in blanks {
        clean.push_str(&text[done..at]);
        clean.push(' ');
        done = at;
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// A declaration that stands elsewhere than at the beginning is no XML, and the reader below would take its encoding
/// seriously in mid-text: it becomes an instruction that means nothing. What is left out could make another one of
/// what stands around it, so nothing is left out.
fn without_declarations(text: &str) -> Cow<'_, [u8]> {
    const DECLARATION: &str = "<?xml";
    let text = text.trim_start();
    let rest = text.strip_prefix(DECLARATION).and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest);
    let mut parts = rest.split(DECLARATION);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    if clean.len() == rest.len() {
        return Cow::Borrowed(rest.as_bytes());
    }
    for part in parts {
        let is_declaration = part.is_empty() || part.starts_with(|c: char| c.is_whitespace() || c == '?');
        clean.push_str(if is_declaration { "<?declaration" } else { DECLARATION });
        clean.push_str(part);
    }
    Cow::Owned(clean.into_bytes())
}

/// The page of an item.
fn page(links: &[Link]) -> Option<&str> {
    let own = links.iter().find(|link| matches!(link.rel.as_deref(), None | Some("alternate")));
    own.or_else(|| links.first()).map(|link| link.href.trim()).filter(|href| !href.is_empty())
}

/// The address without what only says where a reader came from.
fn canonical(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return address.to_owned() };
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| !name.starts_with("utm_")).map(|(n, v)| (n.into(), v.into())).collect();
    if kept.len() != url.query_pairs().count() {
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
    url.set_fragment(None);
    url.to_string()
}

fn notice(entry: &Entry, feed: &Feed, document: &RawDocument, number: usize) -> Notice {
    let mut reading = Reading::new(jiff::tz::TimeZone::UTC);
    let link = page(&entry.links);
    let own = Some(entry.id.trim()).filter(|id| !id.is_empty()).map(str::to_owned);
    let key = own.or_else(|| link.map(canonical));
    if key.is_none() {
        reading.issue(IssueCode::MissingPublicationId, "item/guid", "");
    }
    let id = notice_id(document, key.as_deref(), None, number);
    let mut notice = Notice::new(id, document.origin.source.clone(), FORMAT.name, document.id, Stage::News);
    notice.publication_id = key;
    notice.url = link.and_then(|link| reading.url("item/link", link));
    let language = entry.language.as_deref().or(feed.language.as_deref());
    if let Some(code) = language.map(str::trim).filter(|code| !code.is_empty()) {
        reading.language = Some(reading.language_of("language", code).into_owned());
    }
    let body = entry.summary.as_ref().map(|text| text.content.as_str());
    let content = entry.content.as_ref().and_then(|content| content.body.as_deref());
    let body = body.filter(|text| !text.trim().is_empty()).or(content).map(html::text).unwrap_or_default();
    // The longer text tells the language better, and the title is in the same one.
    reading.text(&mut notice.description, "item/description", None, &body);
    if reading.language.is_none() {
        reading.language = notice.description.first().map(|(code, _)| code.to_owned()).filter(|code| code != "und");
    }
    let title = entry.title.as_ref().map(|title| html::text(&title.content)).unwrap_or_default();
    reading.text(&mut notice.title, "item/title", None, &title.split_whitespace().collect::<Vec<_>>().join(" "));
    let published = entry.published.or(entry.updated);
    if let Some(at) = published.map(|at| at.to_rfc3339())
        && let Some(moment) = reading.moment("item/pubDate", &at)
    {
        notice.published_on = Some(moment.date);
        notice.dispatched_at = Some(moment);
    }
    if let Some(updated) = entry.updated.filter(|updated| Some(*updated) != entry.published) {
        notice.version = Some(updated.to_rfc3339());
    }
    for category in entry.categories.iter().take(50) {
        let text = category.label.as_deref().filter(|label| !label.is_empty()).unwrap_or(&category.term);
        reading.keep_in_list("item/category", text);
    }
    if let Some(title) = &feed.title
        && let Some(title) = reading.line(&html::text(&title.content))
    {
        reading.keep("channel/title", title);
    }
    reading.finish(&mut notice);
    notice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_the_address_of_a_person_is_no_panic() {
        for person in [
            "ed@agency.example\u{feff}",
            "\u{ab}ed@agency.example\u{bb} Ed",
            "Ed Editor \u{2014}ed@agency.example",
            "ed@agency.example&#8212;Ed the Editor",
            "Ed the Editor&#8212;ed@agency.example",
            "Ed<![CDATA[\u{2014}]]>ed@agency.example<![CDATA[\u{2014}Ed]]>",
        ] {
            let text = format!(
                "<rss version=\"2.0\"><channel><title>News</title><link>https://a.example/</link><description>d</description>\
                 <managingEditor>{person}</managingEditor><item><title>Boots</title><author>{person}</author></item></channel></rss>"
            );
            let feed = feed_rs::parser::Builder::new().build().parse(apart(&text).as_bytes()).expect("a feed");
            assert_eq!(feed.entries.len(), 1, "{person}");
        }
        assert!(matches!(apart("mail ed@agency.example, or https://a.example/@ed"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_declaration_in_mid_text_is_no_encoding() {
        let torn =
            "<?xml version='1.0' encoding='ISO-8859-1'?><rss><a/><?xml version=\"1.0\" encoding=\"UTF-8\"?><b/></rss>";
        let whole = b"<rss><a/><?declaration version=\"1.0\" encoding=\"UTF-8\"?><b/></rss>".as_slice();
        assert_eq!(without_declarations(torn), Cow::Borrowed(whole));
        let styled = "<?xml version='1.0'?><?xml-stylesheet href='a'?><rss/>";
        assert_eq!(without_declarations(styled), Cow::Borrowed(b"<?xml-stylesheet href='a'?><rss/>".as_slice()));
        // One inside the other, as a fuzzer made it: without the inner one the outer one would be whole.
        let padding = "\0".repeat(120);
        let nested = format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><?xml version=\"1\n<rdf:RDF .xmlns\0\0:<?xml ve&sion=\"1.0\" \
             encoding=\"ISO-8/59-1\"?>\n\u{fffd}rdf:RDF{padding} xmlns:.0\" encoding=\"ISO-8859-1\"?>\n<rdf:RDF xmlnsrdf=\""
        );
        for text in [torn, styled, &nested, "<?xml a", "<rss><?xml b</rss>", "<rss><?xml?></rss>", "<rss><?xml<?xml "] {
            let parser = feed_rs::parser::Builder::new().build();
            let _no_panic = parser.parse(&without_declarations(text)[..]);
        }
    }
}
