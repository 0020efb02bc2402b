//! Several releases of one process → its latest values; versioned values → the last one.
//!
//! The rules are those of the standard (OCDS 1.1, "Merging"): objects merge by member, lists of objects by `id`,
//! other lists and those marked `wholeListMerge` are replaced, null deletes.

use std::borrow::Cow;

use super::tree::{Json, Members};

/// `wholeListMerge` in the release schema; `classifications` is a list of codes without ids too.
const REPLACED: &[&str] = &[
    "identifiers",
    "additionalIdentifiers",
    "additionalClassifications",
    "classifications",
    "deliveryLocations",
    "deliveryAddresses",
    "locations",
];

/// The releases in the order of their dates, merged.
pub(super) fn compile<'a>(releases: &[&Json<'a>]) -> Json<'a> {
    let mut sorted: Vec<&Json<'a>> = releases.to_vec();
    sorted.sort_by_key(|release| release.text_of("date").map(Cow::into_owned).unwrap_or_default());
    let mut merged = Json::Object(Members::default());
    for release in sorted {
        merge(&mut merged, release, "");
    }
    if let Json::Object(members) = &mut merged {
        let tag = Json::List(vec![Json::Text(Cow::Borrowed("compiled"))]);
        match members.find_mut("tag") {
            Some(old) => *old = tag,
            None => members.push(Cow::Borrowed("tag"), tag),
        }
    }
    merged
}

fn merge<'a>(old: &mut Json<'a>, new: &Json<'a>, key: &str) {
    match (&mut *old, new) {
        (Json::Object(old), Json::Object(_)) => {
            for (key, value) in new.members() {
                if value.is_null() {
                    old.remove(key);
                } else if let Some(known) = old.find_mut(key) {
                    merge(known, value, key);
                } else {
                    // Nulls inside mean "nothing" even where nothing was before.
                    let mut fresh = match value {
                        Json::Object(_) => Json::Object(Members::default()),
                        Json::List(_) => Json::List(Vec::new()),
                        _ => Json::Null,
                    };
                    merge(&mut fresh, value, key);
                    old.push(key.clone(), fresh);
                }
            }
        }
        (Json::List(old), Json::List(new))
            if !REPLACED.contains(&key) && old.iter().chain(new).all(Json::is_object) =>
        {
            for item in new {
                let id = item.text_of("id");
                let known =
                    id.as_ref().and_then(|id| old.iter().position(|known| known.text_of("id").as_ref() == Some(id)));
                match known {
                    Some(at) => merge(&mut old[at], item, ""),
                    None => old.push(item.clone()),
                }
            }
        }
        _ => *old = new.clone(),
    }
}

/// Whether a release is a versioned one: its values are lists of what they were, release by release.
pub(super) fn is_versioned(release: &Json<'_>) -> bool {
    release.members().iter().any(|(_, value)| last_version(value).is_some())
        || ["tender", "buyer", "planning"]
            .iter()
            .any(|key| release.get(key).members().iter().any(|(_, value)| last_version(value).is_some()))
}

/// Every field with its last value.
pub(super) fn latest<'a>(node: &Json<'a>) -> Json<'a> {
    if let Some(value) = last_version(node) {
        return value.clone();
    }
    match node {
        Json::Object(_) => {
            let kept = node.members().iter().map(|(key, value)| (key.clone(), latest(value)));
            Json::Object(kept.filter(|(_, value)| !value.is_null()).collect())
        }
        Json::List(list) => Json::List(list.iter().map(latest).collect()),
        scalar => scalar.clone(),
    }
}

/// `[{"releaseID", "releaseDate", "releaseTag", "value"}, …]`
fn last_version<'j, 'a>(node: &'j Json<'a>) -> Option<&'j Json<'a>> {
    let Json::List(list) = node else { return None };
    let versioned = |item: &Json<'_>| item.has("value") && (item.has("releaseDate") || item.has("releaseID"));
    let last = list.last()?;
    list.iter().all(versioned).then(|| last.get("value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compiled(releases: &[&str]) -> serde_json::Value {
        let trees: Vec<Json<'_>> = releases.iter().map(|text| Json::read(text).expect("JSON")).collect();
        compile(&trees.iter().collect::<Vec<_>>()).to_value()
    }

    #[test]
    fn releases_merge_by_the_rules_of_the_standard() {
        let merged = compiled(&[
            r#"{"date": "2024-02-01", "id": "2", "tag": ["tenderUpdate"], "tender": {"title": "new", "status": null,
                "items": [{"id": "b", "quantity": 5}, {"id": "c"}], "submissionMethod": ["written"],
                "x": [{"id": "1"}]}}"#,
            r#"{"date": "2024-01-01", "id": "1", "tag": ["tender"], "tender": {"title": "old", "status": "active",
                "items": [{"id": "a"}, {"id": "b", "description": "kept",
                "additionalClassifications": [{"id": "z"}]}], "submissionMethod": ["inPerson", "mail"]}}"#,
        ]);
        assert_eq!(
            merged,
            json!({"date": "2024-02-01", "id": "2", "tag": ["compiled"], "tender": {"title": "new",
                "items": [{"id": "a"}, {"id": "b", "description": "kept",
                "additionalClassifications": [{"id": "z"}], "quantity": 5}, {"id": "c"}],
                "submissionMethod": ["written"], "x": [{"id": "1"}]}})
        );
    }

    #[test]
    fn lists_marked_so_are_replaced_as_a_whole() {
        let merged = compiled(&[
            r#"{"date": "1", "items": [{"id": "a", "additionalClassifications": [{"id": "x"}]}]}"#,
            r#"{"date": "2", "items": [{"id": "a", "additionalClassifications": [{"id": "y"}]}]}"#,
        ]);
        assert_eq!(merged["items"][0]["additionalClassifications"], json!([{"id": "y"}]));
    }

    #[test]
    fn versioned_values_give_the_last() {
        let text = r#"{"ocid": "o", "tender": {"id": "t", "title": [
            {"releaseID": "1", "releaseDate": "2024", "releaseTag": ["tender"], "value": "old"},
            {"releaseID": "2", "releaseDate": "2025", "releaseTag": ["tender"], "value": "new"}],
            "items": [{"id": "1", "description": [{"releaseID": "1", "releaseDate": "d", "value": "x"}]}]}}"#;
        let tree = Json::read(text).expect("JSON");
        assert!(is_versioned(&tree));
        assert_eq!(
            latest(&tree).to_value(),
            json!({"ocid": "o", "tender": {"id": "t", "title": "new", "items": [{"id": "1", "description": "x"}]}})
        );
    }
}
