//! Which organisations does a question about a buyer mean? All names and numbers of each, from what the index has seen.
//!
//! Every notice carries what it says of its buyers and suppliers ([`Occurrence`]). Those that share keys with the ones asked
//! for are collected step by step and put to [`Registry`], which decides as it would about all of them: what shares no key,
//! directly or over others, cannot matter.

use std::collections::{BTreeMap, BTreeSet};

use tantivy::collector::DocSetCollector;
use tantivy::query::{Query as EngineQuery, TermSetQuery};
use tantivy::schema::Field;
use tantivy::{Searcher, TantivyError, Term};

use super::filter::Buyer;
use super::schema::Fields;
use crate::organisations::{Cluster, Clusters, Key, KeyKind, Occurrence, Registry};

/// Occurrences and in how many notices each is.
type Seen = BTreeMap<Occurrence, u64>;

/// First keys of the buyers that are meant beside those that the words find by themselves: other names of the same ones.
pub(super) fn meant(searcher: &Searcher, fields: &Fields, buyer: &Buyer) -> Result<Vec<String>, TantivyError> {
    let seeds: Seen = match buyer {
        Buyer::Id(id) => with_keys(searcher, fields, &BTreeSet::from([id.clone()]))?,
        // What the words leave out must not come back under another name.
        Buyer::Words(words) if words.leaves_out() => return Ok(Vec::new()),
        Buyer::Words(words) => {
            let mut seen = occurrences(searcher, &*words.compile_in_buyer(fields))?;
            seen.retain(|occurrence, _| words.fits(&occurrence.name));
            seen
        }
    };
    let clusters = clusters(searcher, fields, &seeds)?;
    let own = |occurrence: &Occurrence| match buyer {
        // A number or name that others share is asked for by itself.
        Buyer::Id(id) => occurrence.keys.iter().find(|key| key.to_string() == *id).and_then(|key| clusters.by_key(key)),
        Buyer::Words(_) => occurrence.keys.first().and_then(|key| clusters.by_key(key)),
    };
    let keys: BTreeSet<String> =
        seeds.keys().filter_map(own).flat_map(|cluster| &cluster.keys).map(Key::to_string).collect();
    Ok(keys.into_iter().collect())
}

/// The cluster of an occurrence, as far as the index knows.
pub(super) fn cluster(
    searcher: &Searcher,
    fields: &Fields,
    occurrence: Occurrence,
) -> Result<Option<Cluster>, TantivyError> {
    let first = occurrence.keys.first().cloned();
    let clusters = clusters(searcher, fields, &BTreeMap::from([(occurrence, 0)]))?;
    Ok(first.and_then(|key| clusters.by_key(&key).cloned()))
}

/// The clusters of these occurrences, whole; of others that share a name with them, perhaps only a part.
fn clusters(searcher: &Searcher, fields: &Fields, seeds: &Seen) -> Result<Clusters, TantivyError> {
    let mut seen = Seen::new();
    let mut asked: BTreeSet<Key> = BTreeSet::new();
    let mut next: BTreeSet<Key> = seeds.keys().flat_map(joining).cloned().collect();
    while !next.is_empty() {
        let wanted = next.iter().map(Key::to_string).collect();
        asked.append(&mut next);
        seen.append(&mut with_keys(searcher, fields, &wanted)?);
        // Over a name that two numbers of one register bear nothing is joined, so nothing behind it matters.
        let ambiguous = ambiguous(&seen);
        for occurrence in seen.keys() {
            let reached = joining(occurrence).any(|key| asked.contains(key) && !ambiguous.contains(key));
            if reached {
                next.extend(joining(occurrence).filter(|key| !asked.contains(*key)).cloned());
            }
        }
    }
    let mut registry = Registry::default();
    for (occurrence, notices) in seen {
        registry.add_times(occurrence, notices);
    }
    Ok(registry.clusters())
}

fn joining(occurrence: &Occurrence) -> impl Iterator<Item = &Key> {
    occurrence.keys.iter().filter(|key| key.kind != KeyKind::Group)
}

fn ambiguous(seen: &Seen) -> BTreeSet<Key> {
    let mut numbers: BTreeMap<(&Key, &str), BTreeSet<&str>> = BTreeMap::new();
    for occurrence in seen.keys() {
        if let [number, name, ..] = occurrence.keys.as_slice()
            && number.kind == KeyKind::Identifier
            && name.kind == KeyKind::Name
        {
            numbers.entry((name, &number.scheme)).or_default().insert(&number.value);
        }
    }
    numbers.into_iter().filter(|(_, values)| values.len() > 1).map(|((name, _), _)| name.clone()).collect()
}

/// Everything that has one of these keys.
fn with_keys(searcher: &Searcher, fields: &Fields, keys: &BTreeSet<String>) -> Result<Seen, TantivyError> {
    let mut seen = occurrences(searcher, &any_of(fields.organisation_key, keys))?;
    seen.retain(|occurrence, _| occurrence.keys.iter().any(|key| keys.contains(&key.to_string())));
    Ok(seen)
}

/// A query for any of these values.
pub(super) fn any_of<'v>(field: Field, values: impl IntoIterator<Item = &'v String>) -> TermSetQuery {
    TermSetQuery::new(values.into_iter().map(|value| Term::from_field_text(field, value)).collect::<Vec<_>>())
}

/// Every organisation of the notices that match.
fn occurrences(searcher: &Searcher, query: &dyn EngineQuery) -> Result<Seen, TantivyError> {
    let matching = searcher.search(query, &DocSetCollector)?;
    let mut seen = Seen::new();
    for (segment, reader) in searcher.segment_readers().iter().enumerate() {
        let Some(column) = reader.fast_fields().str("organisation")? else { continue };
        let mut by_ord: BTreeMap<u64, u64> = BTreeMap::new();
        for address in matching.iter().filter(|address| address.segment_ord as usize == segment) {
            for ord in column.term_ords(address.doc_id) {
                *by_ord.entry(ord).or_default() += 1;
            }
        }
        let mut text = String::new();
        for (ord, notices) in by_ord {
            text.clear();
            column.ord_to_str(ord, &mut text)?;
            if let Ok(occurrence) = serde_json::from_str::<Occurrence>(&text) {
                *seen.entry(occurrence).or_default() += notices;
            }
        }
    }
    Ok(seen)
}
