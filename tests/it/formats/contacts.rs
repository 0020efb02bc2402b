//! No contact data of a real document comes out: what stands under the names in `CONTACTS` is looked for in notices.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;
use tenderwatch::formats::privacy::CONTACTS;

use crate::corpus::documents::{FOLDERS, documents, files, readers};

/// Mail addresses and telephone numbers under these names, and below them.
fn contacts(body: &[u8], names: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        json(&value, names, false, &mut found);
    } else if let Ok(text) = std::str::from_utf8(body)
        && let Ok(document) = roxmltree::Document::parse(text)
    {
        let holds = |node: &roxmltree::Node<'_, '_>| node.is_element() && names.contains(node.tag_name().name());
        for node in document.descendants().filter(holds) {
            found.extend(node.descendants().filter_map(|node| node.text()).filter_map(contact));
        }
    }
    found
}

fn json(value: &Value, names: &BTreeSet<&str>, inside: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let local = key.rsplit(':').next().unwrap_or(key);
                json(value, names, inside || names.contains(local), found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| json(value, names, inside, found)),
        Value::String(text) if inside => found.extend(contact(text)),
        _ => {}
    }
}

/// A text that is a mail address, or a telephone number with a plus sign.
fn contact(text: &str) -> Option<String> {
    let text = text.trim();
    let mail = text.contains('@') && !text.contains(char::is_whitespace) && text.len() > 5;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let phone = text.starts_with('+') && digits >= 8 && text.len() <= 25;
    (mail || phone).then(|| text.to_owned())
}

#[expect(clippy::print_stdout, reason = "says how much was looked for")]
#[test]
fn no_contact_of_a_real_document_is_in_a_notice() {
    let Some(corpus) = crate::corpus() else { return };
    let names: BTreeSet<&str> = CONTACTS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let readers = readers();
    let (mut looked_for, mut leaks) = (0, Vec::new());
    for file in FOLDERS.iter().flat_map(|folder| files(&corpus.join(folder))) {
        let found = documents(&corpus, &file).documents;
        let outcomes: Vec<(usize, Vec<String>)> = found
            .par_iter()
            .map(|found| {
                let contacts = contacts(&found.document.body, &names);
                let Ok((_, parsed)) = readers.parse(&found.document, None) else { return (0, Vec::new()) };
                if contacts.is_empty() {
                    return (0, Vec::new());
                }
                let text = serde_json::to_string(&(&parsed.notices, &parsed.issues)).expect("JSON");
                let leaked = contacts.iter().filter(|contact| text.contains(contact.as_str()));
                (contacts.len(), leaked.map(|contact| format!("{}: {contact}", found.name)).collect())
            })
            .collect();
        for (count, leaked) in outcomes {
            looked_for += count;
            leaks.extend(leaked);
        }
    }
    println!("{looked_for} mail addresses and telephone numbers looked for");
    assert!(looked_for > 1000, "{looked_for}");
    assert!(leaks.is_empty(), "{} leaks, among them {:#?}", leaks.len(), &leaks[..leaks.len().min(20)]);
}
