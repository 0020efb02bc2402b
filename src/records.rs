//! Plain stored shapes that several modules exchange: cursor, receipt, document outcome.
//!
//! It knows their shape and their sums, not who fills or stores them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{RawId, RunId, SourceId};
use crate::issue::NonNotice;

/// How far a source has been read completely. It moves last: after archive, store and index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whose cursor.
    pub source: SourceId,
    /// What is complete, in the plan's own terms (`2026-00136`, an issue number; or a date).
    pub position: String,
    /// When it moved.
    pub as_of: Timestamp,
}

/// What became of a notice at its publisher. Nothing is deleted here for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The publisher took it back, by name (an Atom `deleted-entry`).
    DeletedAtSource,
    /// A complete list of the publisher no longer has it.
    Vanished,
}

impl State {
    /// The value as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeletedAtSource => "deleted-at-source",
            Self::Vanished => "vanished",
        }
    }
}

/// How a source fares, for `status` and for what is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHealth {
    /// When its last run began.
    pub last_run: Option<Timestamp>,
    /// When its last run began that ended complete.
    pub last_complete: Option<Timestamp>,
    /// When a run last brought a new or changed notice.
    pub last_new: Option<Timestamp>,
    /// How the last run ended.
    pub outcome: Option<Outcome>,
    /// What went wrong in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Runs in a row that did not end complete.
    pub failures: u32,
    /// When the canary was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Timestamp>,
    /// Details that wait for the next run.
    #[serde(default)]
    pub waiting: u64,
    /// Details that were asked for in vain too often.
    #[serde(default)]
    pub given_up: u64,
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentOutcome {
    /// Known before: the same bytes under the same source.
    Duplicate,
    /// Read; it may hold no notice at all.
    Parsed,
    /// Cannot be read; it stays in the archive.
    Quarantined {
        /// A kebab-case code.
        code: String,
        /// A sentence for the operator.
        reason: String,
    },
    /// Could not be brought in at all.
    Failed,
}

/// Documents of one source in one run. `fetched = duplicate + parsed + quarantined + failed`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentCounts {
    /// What arrived.
    pub fetched: u64,
    /// Answers of "not modified"; outside the sum.
    pub not_modified: u64,
    /// Known before.
    pub duplicate: u64,
    /// Read.
    pub parsed: u64,
    /// Cannot be read; kept in the archive.
    pub quarantined: u64,
    /// Could not be brought in.
    pub failed: u64,
    /// Plainly no data (README, licence); outside the sum.
    pub ignored: u64,
}

/// Records of one source in one run. `read = notices + non_notice + quarantined`, always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Rows or entries that may be a notice.
    pub read: u64,
    /// Those that were one.
    pub notices: u64,
    /// Known to be none: the sum of `by_rule`.
    pub non_notice: u64,
    /// Unreadable.
    pub quarantined: u64,
    /// Why those are known to be no notice, by the rule's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, u64>,
}

impl RecordCounts {
    /// One more notice.
    pub fn notice(&mut self) {
        self.read += 1;
        self.notices += 1;
    }

    /// One more record that is known to be no notice.
    pub fn non_notice(&mut self, rule: NonNotice) {
        self.read += 1;
        self.non_notice += 1;
        *self.by_rule.entry(rule.as_str().to_owned()).or_default() += 1;
    }

    /// One more record that cannot be read.
    pub fn quarantined(&mut self) {
        self.read += 1;
        self.quarantined += 1;
    }

    /// Adds the counts of another document.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.notices += other.notices;
        self.non_notice += other.non_notice;
        self.quarantined += other.quarantined;
        for (rule, count) in &other.by_rule {
            *self.by_rule.entry(rule.clone()).or_default() += count;
        }
    }
}

/// What the notices meant for the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeCounts {
    /// Ids never seen before.
    pub new: u64,
    /// Known ids with different content.
    pub changed: u64,
    /// Known ids with the same content.
    pub unchanged: u64,
}

/// How a source's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that was asked for is in.
    Complete,
    /// A limit was hit (the source's, or `--sample`).
    Capped,
    /// The source refused us.
    Blocked,
    /// The answers no longer look like the definition says.
    Drifted,
    /// Nothing new, and proven so.
    EmptyVerified,
    /// Something did not make it.
    Failed,
    /// Not tried (paused, refused, not due).
    Skipped,
}

impl Outcome {
    /// The outcome as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Capped => "capped",
            Self::Blocked => "blocked",
            Self::Drifted => "drifted",
            Self::EmptyVerified => "empty-verified",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether a run with this outcome is a complete one (exit code 0 rather than 4).
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Complete | Self::EmptyVerified | Self::Skipped)
    }
}

/// Proof of politeness for one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReceipt {
    /// Host name.
    pub host: String,
    /// Requests sent.
    pub requests: u64,
    /// Smallest gap between two starts of requests; absent with fewer than two.
    pub min_gap_ms: Option<u64>,
    /// The limit in force, as a sentence fragment: `1 request per 1000 ms, 1 at a time`.
    pub limit: String,
}

/// Politeness over all hosts of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolitenessReceipt {
    /// One entry per host asked.
    pub hosts: Vec<HostReceipt>,
}

/// From where to where a source has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Cursor before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Cursor after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One source's part of a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceReceipt {
    /// Who.
    pub source: SourceId,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Bytes received or read.
    pub bytes: u64,
    /// Documents.
    pub documents: DocumentCounts,
    /// Records.
    pub records: RecordCounts,
    /// Notices.
    pub notices: NoticeCounts,
    /// Findings on the notices and documents of this run.
    pub issues: u64,
    /// Time spent waiting for politeness.
    pub waited_ms: u64,
    /// Proof of politeness.
    pub politeness: PolitenessReceipt,
    /// Cursor before and after.
    pub watermark: Watermark,
    /// What went wrong, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl SourceReceipt {
    /// An empty receipt for a source about to be run.
    pub fn new(source: SourceId) -> Self {
        Self {
            source,
            outcome: Outcome::Complete,
            requests: 0,
            bytes: 0,
            documents: DocumentCounts::default(),
            records: RecordCounts::default(),
            notices: NoticeCounts::default(),
            issues: 0,
            waited_ms: 0,
            politeness: PolitenessReceipt::default(),
            watermark: Watermark::default(),
            error: None,
        }
    }

    /// Counts one document.
    pub fn count_document(&mut self, outcome: &DocumentOutcome) {
        self.documents.fetched += 1;
        match outcome {
            DocumentOutcome::Duplicate => self.documents.duplicate += 1,
            DocumentOutcome::Parsed => self.documents.parsed += 1,
            DocumentOutcome::Quarantined { .. } => self.documents.quarantined += 1,
            DocumentOutcome::Failed => self.documents.failed += 1,
        }
    }

    /// Adds what a batch of documents was.
    pub fn add(&mut self, batch: &Self) {
        let (documents, other) = (&mut self.documents, &batch.documents);
        documents.fetched += other.fetched;
        documents.duplicate += other.duplicate;
        documents.parsed += other.parsed;
        documents.quarantined += other.quarantined;
        documents.failed += other.failed;
        self.records.add(&batch.records);
        self.notices.new += batch.notices.new;
        self.notices.changed += batch.notices.changed;
        self.notices.unchanged += batch.notices.unchanged;
        self.issues += batch.issues;
    }

    /// Whether both sums hold.
    pub fn is_balanced(&self) -> bool {
        let documents = &self.documents;
        let records = &self.records;
        documents.fetched == documents.duplicate + documents.parsed + documents.quarantined + documents.failed
            && records.read == records.notices + records.non_notice + records.quarantined
    }

    /// Keeps the first error and lowers the outcome to `failed` unless it already says something worse than complete.
    pub fn fail(&mut self, error: impl Into<String>) {
        if self.outcome.is_complete() {
            self.outcome = Outcome::Failed;
        }
        self.error.get_or_insert(error.into());
    }
}

/// What one `crawl` or `import` did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run_id: RunId,
    /// Clock of the run at its start.
    pub started_at: Timestamp,
    /// Clock of the run at its end.
    pub finished_at: Timestamp,
    /// One entry per source.
    pub sources: Vec<SourceReceipt>,
}

impl Receipt {
    /// Whether everything made it: no incomplete source, nothing quarantined or failed.
    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(|source| {
            source.outcome.is_complete() && source.documents.quarantined == 0 && source.documents.failed == 0
        })
    }
}

/// A document that could not be read, for `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Whose.
    pub source: SourceId,
    /// Its address in the archive.
    pub raw_id: RawId,
    /// Its name: member path or address.
    pub name: String,
    /// A kebab-case code.
    pub code: String,
    /// A sentence.
    pub reason: String,
}

/// What a digest counts: one notice, reduced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeSummary {
    /// The notice.
    pub id: crate::ids::NoticeId,
    /// Its stage.
    pub stage: crate::notice::Stage,
    /// A corrected edition.
    pub correction: bool,
    /// Date as printed.
    pub published_on: Option<Date>,
    /// When we first stored it.
    pub first_seen: Timestamp,
    /// Buyer countries.
    pub countries: Vec<String>,
    /// Title, official language.
    pub title: String,
    /// The title's language.
    pub lang: String,
    /// First buyer's name.
    pub buyer: String,
    /// Page to open.
    pub url: String,
    /// Deadline.
    pub deadline: Option<crate::notice::Deadline>,
    /// Labels (score from 0.5) with their scores.
    pub categories: Vec<(crate::ids::CategoryId, f64)>,
    /// Kinds of its buyers, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buyer_kinds: Vec<String>,
    /// What speaks for joint procurement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joint: Vec<String>,
    /// Buyers of two countries or more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cross_border: bool,
    /// Signs of pre-commercial procurement, innovation partnership and innovation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub innovation: Vec<String>,
    /// What it is about in money, in euro on the day of publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<crate::notice::Worth>,
}

/// What leads to a procedure, in the ids that `show` takes.
pub const PROCEDURE: &str = "procedure:";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn document_sums_hold_whatever_happens(outcomes in proptest::collection::vec(0u8..4, 0..50)) {
            let mut receipt = SourceReceipt::new("x".into());
            for outcome in &outcomes {
                receipt.count_document(&match outcome {
                    0 => DocumentOutcome::Duplicate,
                    1 => DocumentOutcome::Parsed,
                    2 => DocumentOutcome::Quarantined { code: "c".into(), reason: "r".into() },
                    _ => DocumentOutcome::Failed,
                });
            }
            prop_assert!(receipt.is_balanced());
            prop_assert_eq!(receipt.documents.fetched, outcomes.len() as u64);
        }
    }

    #[test]
    fn the_first_error_stays() {
        let mut receipt = SourceReceipt::new("x".into());
        receipt.outcome = Outcome::Blocked;
        receipt.fail("one");
        receipt.fail("two");
        assert_eq!(receipt.outcome, Outcome::Blocked);
        assert_eq!(receipt.error.as_deref(), Some("one"));
    }
}
