//! What a digest is made from, read off the store.

use jiff::{Timestamp, ToSpan};

use super::{DEADLINE_DAYS, DigestInput, Period, SourceState};
use crate::ids::CategoryId;
use crate::records::Outcome;
use crate::source::{Source, Status};
use crate::store::{Derived, Kept, StoreError};

/// How many of the newest receipts are looked through for a source's last run.
const RECEIPTS: usize = 200;

/// Reads everything a digest of this period needs.
///
/// # Errors
/// What the store says.
pub fn collect(
    kept: &Kept,
    derived: &Derived,
    sources: &[Source],
    categories: Vec<(CategoryId, String)>,
    period: Period,
    as_of: Timestamp,
) -> Result<DigestInput, StoreError> {
    let receipts = kept.receipts(RECEIPTS)?;
    let mut states = Vec::new();
    for source in sources.iter().filter(|source| source.status == Status::Active) {
        let last = receipts
            .iter()
            .filter(|receipt| receipt.started_at <= as_of)
            .flat_map(|receipt| &receipt.sources)
            .find(|receipt| receipt.source == source.id && receipt.outcome != Outcome::Skipped);
        let newest = derived.newest_day(&source.id, as_of.to_zoned(source.record.zone.clone()).date())?;
        // Publishers rest at weekends, so a week is covered once its Friday is in.
        let covers_period = newest.is_some_and(|newest| newest.saturating_add(2.days()) >= period.until);
        states.push(SourceState {
            source: source.id.clone(),
            last_outcome: last.map_or("never run", |receipt| receipt.outcome.as_str()).to_owned(),
            cursor: kept.cursor(&source.id)?.map(|cursor| cursor.position),
            newest: newest.map(|day| day.to_string()),
            covers_period,
        });
    }
    let until = as_of.saturating_add((24 * DEADLINE_DAYS).hours()).unwrap_or(as_of);
    Ok(DigestInput {
        published: derived
            .summaries(period.from, period.until)?
            .into_iter()
            .filter(|n| n.first_seen <= as_of)
            .collect(),
        closing: derived.summaries_by_deadline(as_of, until)?.into_iter().filter(|n| n.first_seen <= as_of).collect(),
        period,
        as_of,
        sources: states,
        quarantined: derived.quarantine_size()?,
        categories,
    })
}
