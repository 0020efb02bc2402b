//! CODICE: the notices of Spain's procurement platform, in Atom pages.
//!
//! One entry is one notice; the same entry comes back with a newer `updated`, and the newest stands. A
//! `deleted-entry` is no notice and deletes nothing: what it refers to is kept as a finding on the page. When one entry
//! breaks the page's XML, the others are read one by one. Texts declare no language, so it is told from their words
//! and marked. Every buyer is Spanish, since only Spain's public sector publishes here. Contacts and authors are not in
//! the vocabulary. It refuses to know which of the platform's feeds a page belongs to, and where its `next` link leads.

mod codes;
mod entry;
mod names;
mod page;

use self::names::{El, VOCABULARY};
use super::{Format, ParseError, Parsed, xml};
use crate::codes as lists;
use crate::formats::reading::notice_id;
use crate::issue::{Issue, IssueCode, NonNotice};
use crate::raw::RawDocument;

/// The line in the table.
pub const FORMAT: Format = Format { name: "codice", version: 1, sniff, parse };

type Node<'t> = xml::Node<'t, El>;

/// An Atom page or a single entry in which CODICE's namespace is bound.
pub(super) fn sniff(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, names::CODICE.as_bytes()).is_some()
        && xml::root_of(bytes)
            .is_ok_and(|root| root.namespace == names::ATOM && matches!(root.local.as_str(), "feed" | "entry"))
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let text = xml::Document::decode_lenient(&document.body)?;
    let mut parsed = Parsed::default();
    if text.repaired {
        parsed.issues.push(Issue::new(IssueCode::RepairedText, "/", ""));
    }
    match text.read(&VOCABULARY) {
        Ok(Some(tree)) if matches!(tree.root().name(), El::Feed | El::Entry) => {
            records(tree.root(), document, &mut parsed);
        }
        Ok(_) => {
            let found = xml::root_of(&document.body).map_or_else(|error| error.to_string(), |root| root.to_string());
            return Err(ParseError::NotThisFormat { format: FORMAT.name, found });
        }
        Err(error) => {
            // One broken entry must not lose the page.
            let pieces = page::pieces(text.text());
            if pieces.is_empty() {
                return Err(error);
            }
            for piece in pieces {
                let number = parsed.records.read + 1;
                let part = xml::Document::part(piece);
                match part.read(&VOCABULARY) {
                    Ok(Some(tree)) => records(tree.root(), document, &mut parsed),
                    Ok(None) => parsed.unreadable(format!("feed/*[{number}]"), "no entry"),
                    Err(error) => parsed.unreadable(format!("feed/*[{number}]"), &error.to_string()),
                }
            }
            if parsed.notices.is_empty() && parsed.records.non_notice == 0 {
                return Err(error);
            }
        }
    }
    Ok(parsed)
}

fn records(root: Node<'_>, document: &RawDocument, parsed: &mut Parsed) {
    if root.name() == El::Entry {
        record(root, document, parsed);
    } else {
        root.children().for_each(|node| record(node, document, parsed));
    }
}

fn record(node: Node<'_>, document: &RawDocument, parsed: &mut Parsed) {
    match node.name() {
        El::DeletedEntry => {
            let value =
                [node.attribute("ref"), node.attribute("when")].into_iter().flatten().collect::<Vec<_>>().join(" ");
            parsed.issues.push(Issue::new(IssueCode::DeletedEntry, "feed/at:deleted-entry", &value));
            parsed.non_notice(NonNotice::Tombstone);
            if let Some(publication) = node.attribute("ref").and_then(entry::publication) {
                parsed.taken_back.push(notice_id(document, Some(publication), None, 0));
            }
        }
        El::Entry => {
            let number = usize::try_from(parsed.records.read + 1).unwrap_or(usize::MAX);
            match node.first(El::ContractFolderStatus) {
                Some(folder) => parsed.notice(entry::notice(node, folder, document, number)),
                None => parsed.unreadable(format!("feed/*[{number}]"), "an entry without ContractFolderStatus"),
            }
        }
        _ => {}
    }
}

/// Deadlines say no offset.
fn zone() -> jiff::tz::TimeZone {
    lists::zone_of(Some("ES"))
}

#[cfg(test)]
mod tests;
