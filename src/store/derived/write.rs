//! Rows of one document, inside the transaction of its batch.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{Applied, StoredDocument};
use crate::archive::frames::{self, Packing};
use crate::links::Linking;
use crate::notice::Notice;
use crate::records::{DocumentOutcome, NoticeSummary};
use crate::store::{links, position_text};
use crate::versions;

/// The score from which a category is a label.
const LABEL: f64 = 0.5;

/// A notice serialised and hashed: the costly part, done on any thread.
pub struct PreparedNotice {
    notice: Notice,
    stored: Vec<u8>,
    summary: NoticeSummary,
    content: [u8; 32],
    whole: [u8; 32],
    linking: Linking,
}

impl PreparedNotice {
    /// Serialises a notice.
    pub fn new(mut notice: Notice) -> Self {
        notice.first_seen = None;
        let json = serde_json::to_vec(&notice).expect("a notice is plain data");
        let stored = frames::pack(&json, Packing::Notices1);
        let content = versions::content(&mut notice);
        let summary = summary(&notice);
        let linking = Linking::of(&notice);
        let mut whole = Sha256::new();
        whole.update(content);
        let added = (&notice.format, &notice.url, &notice.categories, &notice.issues, &notice.licence, &notice.extra);
        // The value in euro is in the summary.
        // Kinds of buyers are ours: other rules for them are no change of the notice.
        let kinds: Vec<Option<&String>> = notice.buyers.iter().map(|buyer| buyer.kind.as_ref()).collect();
        whole.update(serde_json::to_vec(&(added, kinds, &summary)).expect("plain data"));
        Self { notice, stored, summary, content, whole: whole.finalize().into(), linking }
    }

    /// As a notice without a key that another could have, so that linking can be measured against storing alone.
    #[must_use]
    pub fn unlinked(mut self) -> Self {
        self.linking.claims.clear();
        self
    }

    /// The notice as it will be stored.
    pub fn notice(&self) -> &Notice {
        &self.notice
    }
}

/// What lists and counts need of a notice; when it was first seen is not in it.
pub(super) fn summary(notice: &Notice) -> NoticeSummary {
    let (lang, title) = notice.title.first().unwrap_or(("", ""));
    NoticeSummary {
        id: notice.id.clone(),
        stage: notice.stage,
        correction: notice.correction,
        published_on: notice.published_on,
        first_seen: Timestamp::UNIX_EPOCH,
        countries: notice.buyer_countries().into_iter().map(str::to_owned).collect(),
        title: title.to_owned(),
        lang: lang.to_owned(),
        buyer: notice.buyers.first().and_then(|buyer| buyer.name.clone()).unwrap_or_default(),
        url: notice.url.clone().unwrap_or_default(),
        deadline: notice.deadline.clone(),
        categories: notice
            .categories
            .iter()
            .filter(|category| category.score >= LABEL)
            .map(|category| (category.id.clone(), category.score))
            .collect(),
        buyer_kinds: notice.buyer_kinds().into_iter().map(str::to_owned).collect(),
        joint: notice.joint.as_ref().map_or_else(Vec::new, |joint| joint.evidence.clone()),
        cross_border: notice.joint.as_ref().is_some_and(|joint| joint.cross_border),
        innovation: notice.innovation_marks().into_iter().map(str::to_owned).collect(),
        worth: notice.value_eur.clone(),
    }
}

pub(in crate::store) fn put_meta(connection: &rusqlite::Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute([key, value])?;
    Ok(())
}

pub(super) fn insert_document(transaction: &Transaction<'_>, document: &StoredDocument) -> rusqlite::Result<()> {
    let (code, reason) = match &document.outcome {
        DocumentOutcome::Quarantined { code, reason } => (Some(code), Some(reason)),
        _ => (None, None),
    };
    let plain = document.records.read == document.records.notices && document.records.notices == 1;
    let records = (!plain).then(|| serde_json::to_string(&document.records).expect("plain data"));
    let issues = (!document.issues.is_empty()).then(|| serde_json::to_string(&document.issues).expect("plain data"));
    transaction
        .prepare_cached(
            "INSERT INTO documents (source, raw_id, at, name, format, code, reason, issues, records, fetched_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            document.source.as_str(),
            document.raw_id.as_bytes(),
            position_text(document.at),
            document.name,
            document.format,
            code,
            reason,
            issues,
            records,
            document.fetched_at.as_second()
        ])?;
    let mut taken_back = transaction
        .prepare_cached("INSERT INTO taken_back (notice_id, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for id in &document.taken_back {
        taken_back.execute(params![id.as_str(), document.fetched_at.as_second()])?;
    }
    if let Some(rates) = &document.rates {
        let mut rate = transaction.prepare_cached(
            "INSERT INTO rates (source, day, currency, per_euro) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET per_euro = excluded.per_euro WHERE per_euro <> excluded.per_euro",
        )?;
        for (day, currency, per_euro) in rates.each() {
            rate.execute(params![document.source.as_str(), day.to_string(), currency, per_euro.to_string()])?;
        }
    }
    Ok(())
}

/// `detail` is whether the notice comes from the detail of a list's row, where that is new knowledge.
pub(super) fn put_notice(
    transaction: &Transaction<'_>,
    prepared: PreparedNotice,
    first_seen: Timestamp,
    fetched_at: Timestamp,
    detail: Option<bool>,
    applied: &mut Applied,
) -> rusqlite::Result<()> {
    let PreparedNotice { mut notice, stored, summary, content, whole, linking } = prepared;
    let known: Option<([u8; 64], bool)> = transaction
        .prepare_cached("SELECT hash, detail FROM notices WHERE id = ?1")?
        .query_row([notice.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let was_detail = known.is_some_and(|(_, detail)| detail);
    // From when on this version stands; a version that stands already keeps its time.
    let mut valid_from = None;
    match known.map(|(hash, _)| hash) {
        None => {
            applied.notices.new += 1;
            valid_from = Some(first_seen);
        }
        // A row of a list says less than its detail.
        Some(_) if was_detail && detail == Some(false) => {
            applied.notices.unchanged += 1;
            return Ok(());
        }
        Some(hash) if hash[..32] == content => {
            applied.notices.unchanged += 1;
            if hash[32..] == whole {
                return Ok(());
            }
        }
        // A row's detail tells what the row left out; that is no change of the notice.
        Some(_) if detail == Some(true) && !was_detail => applied.notices.changed += 1,
        Some(_) => {
            applied.notices.changed += 1;
            valid_from = Some(fetched_at);
            transaction
                .prepare_cached(
                    "INSERT INTO versions (notice_id, number, raw_id, valid_from, notice)
                     SELECT id, 1 + (SELECT count(*) FROM versions WHERE notice_id = ?1), raw_id, valid_from, notice
                     FROM notices WHERE id = ?1",
                )?
                .execute([notice.id.as_str()])?;
        }
    }
    applied.change_seq += 1;
    let hash: Vec<u8> = content.into_iter().chain(whole).collect();
    let (number, since): (i64, i64) = transaction
        .prepare_cached(
            "INSERT INTO notices (id, seq, source, raw_id, format, stage, published_on, first_seen, hash, summary, notice,
                 detail, valid_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13, 0))
             ON CONFLICT (id) DO UPDATE SET seq = ?2, source = ?3, raw_id = ?4, format = ?5, stage = ?6,
                 published_on = ?7, first_seen = ?8, hash = ?9, summary = ?10, notice = ?11, detail = ?12,
                 valid_from = coalesce(?13, valid_from)
             RETURNING rowid, valid_from",
        )?
        .query_row(
            params![
            notice.id.as_str(),
            applied.change_seq,
            notice.source.as_str(),
            notice.raw_id.as_bytes(),
            notice.format,
            notice.stage.as_str(),
            notice.published_on.map(|date| date.to_string()),
            first_seen.as_second(),
            hash,
            serde_json::to_string(&summary).expect("plain data"),
            stored,
            detail.unwrap_or(was_detail),
            valid_from.map(Timestamp::as_second)
        ],
            |row| row.try_into(),
        )?;
    // Other labels link nothing anew.
    if detail.is_some() {
        links::note(transaction, number, &notice.id, &linking, since)?;
    }
    if known.is_some() {
        for sql in ["DELETE FROM labels WHERE notice_id = ?1", "DELETE FROM issues WHERE notice_id = ?1"] {
            transaction.prepare_cached(sql)?.execute([notice.id.as_str()])?;
        }
    }
    let mut label =
        transaction.prepare_cached("INSERT INTO labels (category, notice_id, score) VALUES (?1, ?2, ?3)")?;
    for (category, score) in &summary.categories {
        label.execute(params![category.as_str(), notice.id.as_str(), score])?;
    }
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for issue in &notice.issues {
        *times.entry(issue.code.as_str()).or_default() += 1;
    }
    let mut issue = transaction.prepare_cached("INSERT INTO issues (notice_id, code, times) VALUES (?1, ?2, ?3)")?;
    for (code, times) in times {
        issue.execute(params![notice.id.as_str(), code, times])?;
    }
    notice.first_seen = Some(first_seen);
    if known.is_some() {
        applied.replaced.insert(applied.change_seq);
    }
    applied.written.push((applied.change_seq, notice));
    Ok(())
}
