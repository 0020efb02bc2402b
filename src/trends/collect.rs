//! What a digest is made from, read off the store.

use jiff::{Timestamp, ToSpan};

use super::{DEADLINE_DAYS, DigestInput, Period, SourceState, is_open};
use crate::ids::CategoryId;
use crate::records::{NoticeSummary, Outcome};
use crate::source::{Source, Status};
use crate::store::{Derived, Kept, StoreError};

/// How many of the newest receipts are looked through for a source's last run.
const RECEIPTS: usize = 200;

/// Reads everything a digest of this period needs, as it was known at `as_of`: what came later changes nothing.
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
    let receipts = kept.receipts(as_of, RECEIPTS)?;
    let mut states = Vec::new();
    for source in sources.iter().filter(|source| source.status == Status::Active) {
        let mut own = receipts.iter().flat_map(|receipt| &receipt.sources).filter(|own| own.source == source.id);
        let last = own.clone().find(|own| own.outcome != Outcome::Skipped);
        let today = as_of.to_zoned(source.record.zone.clone()).date();
        let newest = derived.newest_day(&source.id, today, as_of)?;
        // Publishers rest at weekends, so a week is covered once its Friday is in.
        let covers_period = newest.is_some_and(|newest| newest.saturating_add(2.days()) >= period.until);
        states.push(SourceState {
            source: source.id.clone(),
            last_outcome: last.map_or("never run", |receipt| receipt.outcome.as_str()).to_owned(),
            cursor: own.find_map(|own| own.watermark.to.clone()),
            newest: newest.map(|day| day.to_string()),
            covers_period,
        });
    }
    let until = as_of.saturating_add((24 * DEADLINE_DAYS).hours()).unwrap_or(as_of);
    let published = derived.summaries(period.from, period.until, as_of)?;
    let mut procedures = derived.procedure_names(published.iter().map(|notice| &notice.id), as_of)?;
    let mut closing = Vec::new();
    for notice in derived.summaries_by_deadline(as_of, until, as_of)? {
        let Some((name, members)) = derived.members(&notice.id, as_of)? else { continue };
        let mut story: Vec<NoticeSummary> = Vec::new();
        for member in members.iter().filter(|member| **member != notice.id) {
            story.extend(derived.summary(member, as_of)?);
        }
        if is_open(&notice, &story) {
            procedures.insert(notice.id.clone(), name);
            closing.push(notice);
        }
    }
    Ok(DigestInput {
        published,
        closing,
        procedures,
        period,
        as_of,
        sources: states,
        quarantined: derived.quarantine_size(as_of)?,
        categories,
    })
}
