//! What counts as a change of a notice, and what changed from one version to the next. Pure.
//!
//! A notice has changed when what it says has changed: not when its bytes did, nor when we read or label it in another
//! way, nor when a publisher touched a counter or a date of its own that has no place in the notice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ids::RawId;
use crate::notice::Notice;

/// One difference between two versions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The key in the notice, with the id of a lot or the number of an entry: `lots[LOT-0001].estimated_value`.
    pub path: String,
    /// What it was; absent when the field is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it is now; absent when the field is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// SHA-256 of what the notice says: without which copy it was read from, what we add, and what has no place in the
/// model; runs of white space count as one. The notice is as before when this returns.
pub fn content(notice: &mut Notice) -> [u8; 32] {
    let raw_id = std::mem::replace(&mut notice.raw_id, RawId::from_digest([0; 32]));
    let (format, url) = (std::mem::take(&mut notice.format), notice.url.take());
    let (licence, first_seen) = (notice.licence.take(), notice.first_seen.take());
    let (categories, issues) = (std::mem::take(&mut notice.categories), std::mem::take(&mut notice.issues));
    let value_eur = notice.value_eur.take();
    let extra = std::mem::take(&mut notice.extra);
    let kinds: Vec<Option<String>> = notice.buyers.iter_mut().map(|buyer| buyer.kind.take()).collect();
    let mut json = serde_json::to_vec(notice).expect("a notice is plain data");
    collapse(&mut json);
    (notice.raw_id, notice.format, notice.url) = (raw_id, format, url);
    (notice.licence, notice.first_seen, notice.extra) = (licence, first_seen, extra);
    (notice.categories, notice.issues, notice.value_eur) = (categories, issues, value_eur);
    for (buyer, kind) in notice.buyers.iter_mut().zip(kinds) {
        buyer.kind = kind;
    }
    Sha256::digest(&json).into()
}

/// Blanks, tabs and line ends, escaped as JSON has them, become one blank.
fn collapse(json: &mut Vec<u8>) {
    let (mut from, mut to, mut blank) = (0, 0, false);
    while from < json.len() {
        let escaped = json[from] == b'\\' && from + 1 < json.len();
        let is_blank = json[from] == b' ' || (escaped && matches!(json[from + 1], b'n' | b'r' | b't'));
        let length = if escaped { 2 } else { 1 };
        if !is_blank {
            json.copy_within(from..from + length, to);
            to += length;
        } else if !blank {
            json[to] = b' ';
            to += 1;
        }
        blank = is_blank;
        from += length;
    }
    json.truncate(to);
}

/// Keys that are no part of what a notice says, nor is the `kind` of a buyer.
const BESIDES: &[&str] =
    &["raw_id", "format", "url", "licence", "first_seen", "categories", "value_eur", "issues", "extra"];

/// What differs, field by field, in the order of the keys. Lots are matched by their ids, other entries of a list by
/// what they are.
pub fn changes(old: &Notice, new: &Notice) -> Vec<Change> {
    let plain = |notice: &Notice| {
        let mut value = serde_json::to_value(notice).expect("a notice is plain data");
        if let Value::Object(map) = &mut value {
            BESIDES.iter().for_each(|key| drop(map.remove(*key)));
            let buyers = map.get_mut("buyers").and_then(Value::as_array_mut);
            for buyer in buyers.into_iter().flatten().filter_map(Value::as_object_mut) {
                buyer.remove("kind");
            }
        }
        tidy(value)
    };
    let mut found = Vec::new();
    compare("", Some(&plain(old)), Some(&plain(new)), &mut found);
    found
}

fn compare(at: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                compare(&at, old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => match (by_id(old), by_id(new)) {
            (Some(old), Some(new)) => {
                let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
                for id in ids {
                    compare(&format!("{at}[{id}]"), old.get(id).copied(), new.get(id).copied(), found);
                }
            }
            _ => entries(at, old, new, found),
        },
        _ => found.push(Change { path: at.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}

/// The entries by their ids, when each has one of its own.
fn by_id(list: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let known: BTreeMap<&str, &Value> =
        list.iter().map(|entry| Some((entry.get("id")?.as_str()?, entry))).collect::<Option<_>>()?;
    (known.len() == list.len()).then_some(known)
}

/// Entries that are only in one of the lists, each as often as it is there more often; matched by place where as many
/// went as came.
fn entries(at: &str, old: &[Value], new: &[Value], found: &mut Vec<Change>) {
    let without = |list: &[Value], other: &[Value]| {
        let mut rest: Vec<&Value> = other.iter().collect();
        let mut left = Vec::new();
        for (number, entry) in list.iter().enumerate() {
            match rest.iter().position(|known| *known == entry) {
                Some(same) => drop(rest.swap_remove(same)),
                None => left.push((number, entry.clone())),
            }
        }
        left
    };
    let (gone, come) = (without(old, new), without(new, old));
    if gone.is_empty() && come.is_empty() {
        // Another order: the first CPV code is the main one.
        let list = |entries: &[Value]| Some(Value::from(entries.to_vec()));
        return found.push(Change { path: at.to_owned(), old: list(old), new: list(new) });
    }
    if gone.len() == come.len() {
        for ((number, old), (_, new)) in gone.iter().zip(&come) {
            compare(&format!("{at}[{number}]"), Some(old), Some(new), found);
        }
        return;
    }
    let change = |number: usize, old, new| Change { path: format!("{at}[{number}]"), old, new };
    found.extend(gone.into_iter().map(|(number, old)| change(number, Some(old), None)));
    found.extend(come.into_iter().map(|(number, new)| change(number, None, Some(new))));
}

/// With white space as [`collapse`] has it.
fn tidy(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(one_blank(&text)),
        Value::Array(list) => list.into_iter().map(tidy).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (one_blank(&key), tidy(value))).collect())
        }
        other => other,
    }
}

/// Runs of blanks, tabs and line ends as one blank.
fn one_blank(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = false;
    for character in text.chars() {
        let is_blank = matches!(character, ' ' | '\n' | '\r' | '\t');
        if !is_blank {
            tidied.push(character);
        } else if !blank {
            tidied.push(' ');
        }
        blank = is_blank;
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NoticeId, SourceId};
    use crate::notice::{Lot, LotKind, Stage};

    fn notice() -> Notice {
        let id = NoticeId::new("xx-test/1");
        let mut notice =
            Notice::new(id, SourceId::from("xx-test"), "test", RawId::from_digest([1; 32]), Stage::Competition);
        notice.title.push("en", "Boots and vests");
        notice.cpv = vec!["18830000".into(), "35815100".into()];
        notice
    }

    fn paths(old: &Notice, new: &Notice) -> Vec<String> {
        changes(old, new).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_is_not_said_is_no_change() {
        let mut old = notice();
        let mut new = notice();
        new.raw_id = RawId::from_digest([2; 32]);
        new.url = Some("https://elsewhere.example/1".into());
        new.extra.insert("views".into(), Value::from(7));
        new.licence = Some("CC0-1.0".into());
        new.title = crate::notice::Text::default();
        new.title.push("en", "Boots  and\n vests");
        assert_eq!(content(&mut old), content(&mut new));
        assert_eq!(paths(&old, &new), Vec::<String>::new());
        assert_eq!(new.extra.len(), 1, "the notice is as before");
    }

    #[test]
    fn each_key_beside_is_no_part_of_the_content() {
        let mut whole = notice();
        whole.first_seen = Some(jiff::Timestamp::UNIX_EPOCH);
        for key in BESIDES {
            let mut json = serde_json::to_value(&whole).expect("plain data");
            json[*key] = match *key {
                "raw_id" => serde_json::to_value(RawId::from_digest([9; 32])).expect("plain data"),
                "first_seen" => "2026-11-20T06:00:00Z".into(),
                "extra" => serde_json::json!({"views": 7}),
                "categories" => serde_json::json!([{"id": "drones", "score": 0.9, "bias": 0.0, "evidence": []}]),
                "value_eur" => {
                    serde_json::json!({"amount": "7", "currency": "EUR", "kind": "award", "vat": "ex"})
                }
                "issues" => serde_json::json!([{"code": "bad-number", "path": "p", "value": "v"}]),
                _ => "other".into(),
            };
            let mut other: Notice = serde_json::from_value(json).expect(key);
            assert_ne!(whole, other, "{key}");
            assert_eq!(content(&mut whole), content(&mut other), "{key}");
            assert!(changes(&whole, &other).is_empty(), "{key}");
        }
    }

    /// A version is kept exactly when there is a change to show.
    #[test]
    fn the_hash_and_the_changes_agree() {
        let texts = || proptest::string::string_regex("[ab \\t\\n\u{a0}\\\\\"]{0,6}").expect("a pattern");
        let lists = || proptest::collection::vec(texts(), 0..3);
        let said = || (texts(), lists(), lists());
        proptest::proptest!(|(old in said(), new in said())| {
            let with = |(title, cpv, lots): &(String, Vec<String>, Vec<String>)| {
                let mut said = notice();
                said.title = crate::notice::Text::default();
                said.title.push("en", title);
                said.cpv = cpv.clone();
                said.lots = lots.iter().map(|id| Lot::new(id, LotKind::Lot)).collect();
                said
            };
            let (mut old, mut new) = (with(&old), with(&new));
            let same = content(&mut old) == content(&mut new);
            proptest::prop_assert_eq!(same, changes(&old, &new).is_empty());
        });
    }

    #[test]
    fn each_change_has_its_place() {
        let mut old = notice();
        let lot = |id: &str, cpv: &str| {
            let mut lot = Lot::new(id, LotKind::Lot);
            lot.cpv = vec![cpv.to_owned()];
            lot
        };
        old.lots = vec![lot("LOT-0001", "18830000"), lot("LOT-0002", "35815100")];
        let mut new = old.clone();
        new.lots = vec![lot("LOT-0003", "35000000"), lot("LOT-0001", "18831000")];
        new.cpv.reverse();
        new.procedure_type = Some("open".into());
        assert_ne!(content(&mut old), content(&mut new));
        assert_eq!(
            paths(&old, &new),
            ["cpv", "lots[LOT-0001].cpv[0]", "lots[LOT-0002]", "lots[LOT-0003]", "procedure_type"]
        );
        let gone = changes(&old, &new).into_iter().find(|change| change.path == "lots[LOT-0002]").expect("there");
        assert!(gone.old.is_some() && gone.new.is_none());
        let back: Vec<_> =
            changes(&new, &old).into_iter().map(|change| (change.path, change.new, change.old)).collect();
        let there: Vec<_> =
            changes(&old, &new).into_iter().map(|change| (change.path, change.old, change.new)).collect();
        assert_eq!(there, back, "the way back is the same, turned round");
    }

    #[test]
    fn white_space_of_any_kind_is_one_blank() {
        for (json, expected) in [
            (r#"{"a":"b  c\n\t d"}"#, r#"{"a":"b c d"}"#),
            (r#"{"a":"b\\n c"}"#, r#"{"a":"b\\n c"}"#),
            (r#"{"a":"\" \""}"#, r#"{"a":"\" \""}"#),
        ] {
            let mut bytes = json.as_bytes().to_vec();
            collapse(&mut bytes);
            assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
        }
    }
}
