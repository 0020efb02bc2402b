//! What can be recreated from the archive: documents and their fate, notices, labels, the change sequence.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::kept::Kept;
use super::schema::{Database, Schema};
use super::{StoreError, position_parse, position_text};
use crate::archive::{self, Position};
use crate::ids::{NoticeId, RawId, SourceId};
use crate::issue::Issue;
use crate::notice::Notice;
use crate::rates::Rates;
use crate::records::{DocumentOutcome, NoticeCounts, NoticeSummary, Quarantined, RecordCounts};
use crate::versions;
use crate::worth::worth;

const SCHEMA: Schema = Schema {
    steps: &[
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE documents (
             source TEXT NOT NULL, raw_id BLOB NOT NULL, at TEXT NOT NULL, name TEXT NOT NULL, format TEXT,
             code TEXT, reason TEXT, issues TEXT,
             PRIMARY KEY (source, raw_id)) STRICT, WITHOUT ROWID;
         CREATE INDEX documents_quarantined ON documents (code) WHERE code IS NOT NULL;
         CREATE TABLE notices (
             id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, source TEXT NOT NULL, raw_id BLOB NOT NULL,
             format TEXT NOT NULL, stage TEXT NOT NULL, published_on TEXT, first_seen INTEGER NOT NULL,
             hash BLOB NOT NULL, summary TEXT NOT NULL, notice BLOB NOT NULL) STRICT;
         CREATE INDEX notices_published ON notices (published_on);
         CREATE TABLE labels (
             category TEXT NOT NULL, notice_id TEXT NOT NULL, score REAL NOT NULL,
             PRIMARY KEY (category, notice_id)) STRICT, WITHOUT ROWID;
         CREATE INDEX labels_notice ON labels (notice_id);
         CREATE TABLE issues (
             notice_id TEXT NOT NULL, code TEXT NOT NULL, times INTEGER NOT NULL,
             PRIMARY KEY (notice_id, code)) STRICT, WITHOUT ROWID;",
        // What a document's records were, as JSON; absent where it was one notice and nothing else.
        "ALTER TABLE documents ADD COLUMN records TEXT",
        // Whether a notice was read from the detail of a list's row.
        "ALTER TABLE notices ADD COLUMN detail INTEGER NOT NULL DEFAULT 0",
        // What a notice said before, oldest first; the row in `notices` is the version that stands, from `valid_from` on.
        "ALTER TABLE notices ADD COLUMN valid_from INTEGER NOT NULL DEFAULT 0;
         UPDATE notices SET valid_from = first_seen;
         CREATE TABLE versions (
             notice_id TEXT NOT NULL, number INTEGER NOT NULL, raw_id BLOB NOT NULL, valid_from INTEGER NOT NULL,
             notice BLOB NOT NULL, PRIMARY KEY (notice_id, number)) STRICT, WITHOUT ROWID;",
    ],
    keeps_rows_of: &["documents", "notices"],
    advice: "run `tenderwatch rebuild --from-archive`: nothing is lost",
    durable: false,
};

/// The score from which a category is a label.
const LABEL: f64 = 0.5;

/// A notice serialised and hashed: the costly part, done on any thread.
pub struct PreparedNotice {
    notice: Notice,
    stored: Vec<u8>,
    summary: NoticeSummary,
    content: [u8; 32],
    whole: [u8; 32],
}

impl PreparedNotice {
    /// Serialises a notice.
    pub fn new(mut notice: Notice) -> Self {
        notice.first_seen = None;
        let json = serde_json::to_vec(&notice).expect("a notice is plain data");
        let stored = archive::compress(&json);
        // Kinds of buyers are ours: other rules for them are no change of the notice.
        let kinds: Vec<Option<String>> = notice.buyers.iter_mut().map(|buyer| buyer.kind.take()).collect();
        let content = versions::content(&mut notice);
        for (buyer, kind) in notice.buyers.iter_mut().zip(&kinds) {
            buyer.kind.clone_from(kind);
        }
        let summary = summary(&notice);
        let mut whole = Sha256::new();
        whole.update(content);
        let added = (&notice.format, &notice.url, &notice.categories, &notice.issues, &notice.licence, &notice.extra);
        whole.update(serde_json::to_vec(&(added, kinds, &summary)).expect("plain data"));
        Self { notice, stored, summary, content, whole: whole.finalize().into() }
    }

    /// The notice as it will be stored.
    pub fn notice(&self) -> &Notice {
        &self.notice
    }
}

fn summary(notice: &Notice) -> NoticeSummary {
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
        worth: worth(notice, Rates::shipped()),
    }
}

/// What a notice said from some time on.
#[derive(Debug)]
pub struct Version {
    /// When the document came that said so first.
    pub valid_from: Timestamp,
    /// What it said.
    pub notice: Notice,
}

/// A document that has been archived and read.
pub struct StoredDocument {
    /// Whose.
    pub source: SourceId,
    /// Its address.
    pub raw_id: RawId,
    /// Where it starts in the archive.
    pub at: Position,
    /// Member path or address.
    pub name: String,
    /// When it came: the first-seen time of notices that are new with it.
    pub fetched_at: Timestamp,
    /// Whether it was asked for a row of a list.
    pub detail: bool,
    /// The format it was read as.
    pub format: Option<String>,
    /// Parsed or quarantined.
    pub outcome: DocumentOutcome,
    /// Records in it.
    pub records: RecordCounts,
    /// Findings that belong to no notice.
    pub issues: Vec<Issue>,
    /// Its notices.
    pub notices: Vec<PreparedNotice>,
}

/// Documents that become true together.
pub struct Batch {
    /// In the order of the archive.
    pub documents: Vec<StoredDocument>,
    /// The archive position after them.
    pub archive_end: Position,
}

/// What a batch changed.
#[derive(Default)]
pub struct Applied {
    /// By the contract's words.
    pub notices: NoticeCounts,
    /// What the index must be told, by change number.
    pub written: Vec<(u64, Notice)>,
    /// The change sequence after the batch.
    pub change_seq: u64,
}

/// Numbers for `status`: what is counted → value → how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Notices in all.
    pub notices: u64,
    /// Documents in all.
    pub documents: u64,
    /// By source.
    pub by_source: BTreeMap<String, u64>,
    /// By format.
    pub by_format: BTreeMap<String, u64>,
    /// By stage.
    pub by_stage: BTreeMap<String, u64>,
    /// By category; a notice may count in several.
    pub by_category: BTreeMap<String, u64>,
    /// By buyer country; a notice may count in several.
    pub by_country: BTreeMap<String, u64>,
    /// By kind of buyer; a notice may count in several.
    pub by_buyer_kind: BTreeMap<String, u64>,
    /// By evidence of joint procurement; a notice may count in several.
    pub by_joint: BTreeMap<String, u64>,
    /// Notices with buyers of two countries or more.
    pub cross_border: u64,
    /// By sign of innovation (`pcp`, `inn-part` …); a notice may count in several.
    pub by_innovation: BTreeMap<String, u64>,
    /// Notices with a value in euro, by the kind of amount that stands for them.
    pub by_value: BTreeMap<String, u64>,
    /// Findings by code: notices and documents that have one.
    pub by_issue: BTreeMap<String, u64>,
    /// The same by source, then by code.
    pub issues_by_source: BTreeMap<String, BTreeMap<String, u64>>,
    /// Records that are known to be no notice, by source, then by rule.
    pub non_notices_by_source: BTreeMap<String, BTreeMap<String, u64>>,
    /// Quarantined documents by code.
    pub by_quarantine: BTreeMap<String, u64>,
    /// Newest publication date by source.
    pub newest: BTreeMap<String, String>,
}

/// `store.db`.
pub struct Derived {
    database: Database,
}

impl Derived {
    /// Opens for reading.
    ///
    /// # Errors
    /// When it is not there, damaged, or of another version.
    pub fn open_reader(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open_reader(path, &SCHEMA)? })
    }

    /// Refuses a file of a newer program; writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Newer`], or that it is no database.
    pub fn check_version(path: &Path) -> Result<(), StoreError> {
        Database::check_version(path, &SCHEMA)
    }

    /// What is wrong with the file itself, in sentences.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        self.database.faults()
    }

    /// Opens for writing; creates or migrates.
    ///
    /// # Errors
    /// When it is damaged or newer than the program.
    pub fn open_writer(path: &Path) -> Result<Self, StoreError> {
        let derived = Self { database: Database::open_writer(path, &SCHEMA)? };
        let identity = format!("{:016x}", fastrand::u64(..));
        derived
            .database
            .connection
            .execute("INSERT INTO meta (key, value) VALUES ('identity', ?1) ON CONFLICT DO NOTHING", [identity])
            .map_err(derived.database.error("name the store"))?;
        Ok(derived)
    }

    /// What tells this store from any other that was ever made: equal change numbers of two stores mean nothing.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn identity(&self) -> Result<String, StoreError> {
        Ok(self.meta("identity")?.unwrap_or_default())
    }

    /// Writes everything into the file itself, so that it can be moved.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn close(self) -> Result<(), StoreError> {
        let error = self.database.error("close the store");
        self.database
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;")
            .map_err(&error)?;
        self.database.connection.close().map_err(|(_, source)| error(source))
    }

    /// A value of the meta table (`archive_position`, `classifier` …).
    ///
    /// # Errors
    /// What SQLite says.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.database
            .connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(self.database.error("read a setting"))
    }

    /// Sets a value of the meta table.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        put_meta(&self.database.connection, key, value).map_err(self.database.error("write a setting"))
    }

    /// Up to where the archive has been applied.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn archive_position(&self) -> Result<Position, StoreError> {
        Ok(self.meta("archive_position")?.as_deref().and_then(position_parse).unwrap_or(Position::START))
    }

    /// The last change number given out.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn change_seq(&self) -> Result<u64, StoreError> {
        self.database
            .connection
            .query_row("SELECT coalesce(max(seq), 0) FROM notices", [], |row| row.get(0))
            .map_err(self.database.error("read the change sequence"))
    }

    /// Whether these bytes are known under this source, and if so, whether they could be read.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn document(&self, source: &SourceId, raw_id: &RawId) -> Result<Option<bool>, StoreError> {
        let error = self.database.error("look up a document");
        self.database
            .connection
            .prepare_cached("SELECT code IS NULL FROM documents WHERE source = ?1 AND raw_id = ?2")
            .and_then(|mut statement| {
                statement.query_row(params![source.as_str(), raw_id.as_bytes()], |row| row.get(0)).optional()
            })
            .map_err(error)
    }

    /// Where a document starts in the archive, by its address.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn document_position(&self, raw_id: &RawId) -> Result<Option<Position>, StoreError> {
        let found: Option<String> = self
            .database
            .connection
            .query_row("SELECT at FROM documents WHERE raw_id = ?1 LIMIT 1", [raw_id.as_bytes()], |row| row.get(0))
            .optional()
            .map_err(self.database.error("look up a document"))?;
        Ok(found.as_deref().and_then(position_parse))
    }

    /// Makes a batch true: first-seen log, then documents, notices and labels in one transaction.
    ///
    /// # Errors
    /// What SQLite says; then nothing of the batch is in the store.
    pub fn apply(&mut self, kept: &mut Kept, batch: Batch) -> Result<Applied, StoreError> {
        let seen = batch
            .documents
            .iter()
            .flat_map(|document| document.notices.iter().map(|notice| (&notice.notice.id, document.fetched_at)));
        let mut times = kept.first_seen(seen)?.into_iter();
        let error = self.database.error("store a batch");
        let mut applied = Applied { change_seq: self.change_seq()?, ..Applied::default() };
        let transaction = self.database.connection.transaction().map_err(&error)?;
        for document in batch.documents {
            insert_document(&transaction, &document).map_err(&error)?;
            for notice in document.notices {
                let first_seen = times.next().unwrap_or(document.fetched_at);
                let rank = Some(document.detail);
                put_notice(&transaction, notice, first_seen, document.fetched_at, rank, &mut applied)
                    .map_err(&error)?;
            }
        }
        put_meta(&transaction, "archive_position", &position_text(batch.archive_end)).map_err(&error)?;
        transaction.commit().map_err(&error)?;
        Ok(applied)
    }

    /// Puts notices that were computed anew (other labels, same content) in the place of the stored ones.
    ///
    /// # Errors
    /// What SQLite says; then none of them is in the store.
    pub fn replace(&mut self, notices: Vec<(PreparedNotice, Timestamp)>) -> Result<Applied, StoreError> {
        let error = self.database.error("replace notices");
        let mut applied = Applied { change_seq: self.change_seq()?, ..Applied::default() };
        let transaction = self.database.connection.transaction().map_err(&error)?;
        for (notice, first_seen) in notices {
            put_notice(&transaction, notice, first_seen, first_seen, None, &mut applied).map_err(&error)?;
        }
        transaction.commit().map_err(&error)?;
        Ok(applied)
    }

    /// Notices changed after `seq`, oldest change first, at most `limit`.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn changes_since(&self, seq: u64, limit: usize) -> Result<Vec<(u64, Notice)>, StoreError> {
        let error = self.database.error("read changes");
        let mut statement = self
            .database
            .connection
            .prepare_cached("SELECT seq, notice, first_seen, id FROM notices WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .map_err(&error)?;
        let mut rows = statement.query(params![seq, limit]).map_err(&error)?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (seq, blob, first_seen, id): (u64, Vec<u8>, i64, String) = row.try_into().map_err(&error)?;
            changes.push((seq, self.read_notice(&id, &blob, first_seen)?));
        }
        Ok(changes)
    }

    /// Every notice as of now, by id, one at a time.
    ///
    /// # Errors
    /// What SQLite says, a notice that does not read back, or what `take` says.
    pub fn each_notice<E: From<StoreError>>(&self, mut take: impl FnMut(Notice) -> Result<(), E>) -> Result<(), E> {
        let error = self.database.error("read the notices");
        // One statement sees one state of the store, whoever writes meanwhile.
        let mut statement = self
            .database
            .connection
            .prepare("SELECT id, notice, first_seen FROM notices ORDER BY id")
            .map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let (id, blob, first_seen): (String, Vec<u8>, i64) = row.try_into().map_err(&error)?;
            take(self.read_notice(&id, &blob, first_seen)?)?;
        }
        Ok(())
    }

    /// A notice by id.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn notice(&self, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
        let row: Option<(Vec<u8>, i64)> = self
            .database
            .connection
            .prepare_cached("SELECT notice, first_seen FROM notices WHERE id = ?1")
            .and_then(|mut statement| {
                statement.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(self.database.error("read a notice"))?;
        row.map(|(blob, first_seen)| self.read_notice(id.as_str(), &blob, first_seen)).transpose()
    }

    /// Every version of a notice, the one that stands last.
    ///
    /// # Errors
    /// What SQLite says, or a version that does not read back.
    pub fn versions(&self, id: &NoticeId) -> Result<Vec<Version>, StoreError> {
        let error = self.database.error("read the versions of a notice");
        let mut statement = self
            .database
            .connection
            .prepare_cached(
                "SELECT versions.notice, notices.first_seen, versions.valid_from, number FROM versions
                 JOIN notices ON notices.id = versions.notice_id WHERE notice_id = ?1
                 UNION ALL SELECT notice, first_seen, valid_from, 1000000000 FROM notices WHERE id = ?1 ORDER BY 4",
            )
            .map_err(&error)?;
        let mut rows = statement.query([id.as_str()]).map_err(&error)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (blob, first_seen): (Vec<u8>, i64) = (row.get(0).map_err(&error)?, row.get(1).map_err(&error)?);
            let valid_from: i64 = row.get(2).map_err(&error)?;
            let valid_from = Timestamp::from_second(valid_from).unwrap_or_default();
            found.push(Version { valid_from, notice: self.read_notice(id.as_str(), &blob, first_seen)? });
        }
        Ok(found)
    }

    /// The newest publication day of a source, not after `until`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn newest_day(&self, source: &SourceId, until: Date) -> Result<Option<Date>, StoreError> {
        let day: Option<String> = self
            .database
            .connection
            .query_row(
                "SELECT published_on FROM notices WHERE published_on <= ?1 AND source = ?2 ORDER BY published_on DESC LIMIT 1",
                params![until.to_string(), source.as_str()],
                |row| row.get(0),
            )
            .optional()
            .map_err(self.database.error("read the newest day"))?;
        Ok(day.and_then(|day| day.parse().ok()))
    }

    /// Every source that has documents.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sources(&self) -> Result<Vec<SourceId>, StoreError> {
        let error = self.database.error("list the sources");
        let mut statement =
            self.database.connection.prepare("SELECT min(source) FROM documents WHERE source > ?1").map_err(&error)?;
        let mut sources: Vec<SourceId> = Vec::new();
        loop {
            // One jump in the primary key per source, however many documents there are.
            let last = sources.last().map_or("", SourceId::as_str);
            let next: Option<String> = statement.query_row([last], |row| row.get(0)).map_err(&error)?;
            match next {
                Some(next) => sources.push(SourceId::new(next)),
                None => return Ok(sources),
            }
        }
    }

    /// Ids that a user may mean: the id itself, or a publication number with or without its leading zeros, its source
    /// and its year.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn find_ids(&self, text: &str) -> Result<Vec<NoticeId>, StoreError> {
        let error = self.database.error("look up a notice");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT id FROM notices WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 20")
            .map_err(&error)?;
        let mut spans = vec![(text.to_owned(), format!("{text}\u{0}"))];
        let (number, year) = text.split_once('-').unwrap_or((text, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        for source in self.sources()? {
            spans.push((format!("{source}/{text}"), format!("{source}/{text}\u{0}")));
            if !number.is_empty() && is_number(number) && is_number(year) {
                for padded in [format!("{number:0>6}"), format!("{number:0>8}")] {
                    let end = if year.len() == 4 { format!("{year}\u{0}") } else { ":".to_owned() };
                    spans.push((format!("{source}/{padded}-{year}"), format!("{source}/{padded}-{end}")));
                }
            }
        }
        let mut found = Vec::new();
        for (from, until) in spans {
            let rows = statement.query_map([from, until], |row| row.get::<_, String>(0)).map_err(&error)?;
            for row in rows {
                let id = NoticeId::new(row.map_err(&error)?);
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        Ok(found)
    }

    /// Publication ids of a source on one day, as stored.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn ids_published_on(&self, source: &SourceId, day: Date) -> Result<HashSet<NoticeId>, StoreError> {
        let error = self.database.error("read a day's notices");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT id FROM notices WHERE published_on = ?1 AND source = ?2")
            .map_err(&error)?;
        let rows = statement
            .query_map(params![day.to_string(), source.as_str()], |row| row.get::<_, String>(0))
            .map_err(&error)?;
        rows.map(|row| row.map(NoticeId::new)).collect::<Result<_, _>>().map_err(&error)
    }

    /// Summaries of notices published in a span of days, both included, by date and id; `None` is open.
    ///
    /// # Errors
    /// What SQLite says, or a summary that does not read back.
    pub fn summaries(&self, from: Date, until: Date) -> Result<Vec<NoticeSummary>, StoreError> {
        self.summaries_where(
            "published_on BETWEEN ?1 AND ?2 ORDER BY published_on, id",
            params![from.to_string(), until.to_string()],
        )
    }

    /// Summaries of notices with a deadline in a span of time, both included, by deadline and id.
    ///
    /// # Errors
    /// What SQLite says, or a summary that does not read back.
    pub fn summaries_by_deadline(&self, from: Timestamp, until: Timestamp) -> Result<Vec<NoticeSummary>, StoreError> {
        // Deadlines lie in the summary; the index on labels keeps this to what a digest may print.
        let mut found = self.summaries_where("id IN (SELECT notice_id FROM labels) ORDER BY id", params![])?;
        found.retain(|notice| notice.deadline.as_ref().is_some_and(|deadline| (from..=until).contains(&deadline.at)));
        found.sort_by(|a, b| {
            let at = |notice: &NoticeSummary| notice.deadline.as_ref().map(|deadline| deadline.at);
            at(a).cmp(&at(b)).then_with(|| a.id.cmp(&b.id))
        });
        Ok(found)
    }

    fn summaries_where(&self, clause: &str, values: impl rusqlite::Params) -> Result<Vec<NoticeSummary>, StoreError> {
        let error = self.database.error("read summaries");
        let mut statement = self
            .database
            .connection
            .prepare(&format!("SELECT summary, first_seen FROM notices WHERE {clause}"))
            .map_err(&error)?;
        let mut rows = statement.query(values).map_err(&error)?;
        let mut summaries = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (text, first_seen): (String, i64) = row.try_into().map_err(&error)?;
            let mut summary: NoticeSummary =
                serde_json::from_str(&text).map_err(|error| self.shape("a summary", &error.to_string()))?;
            summary.first_seen = Timestamp::from_second(first_seen).unwrap_or(Timestamp::UNIX_EPOCH);
            summaries.push(summary);
        }
        Ok(summaries)
    }

    /// Documents in quarantine, newest name last, at most `limit`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>, StoreError> {
        let error = self.database.error("read the quarantine");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT source, raw_id, name, code, reason FROM documents WHERE code IS NOT NULL ORDER BY source, name LIMIT ?1")
            .map_err(&error)?;
        let rows = statement
            .query_map([limit], |row| {
                Ok(Quarantined {
                    source: SourceId::new(row.get::<_, String>(0)?),
                    raw_id: RawId::from_digest(row.get(1)?),
                    name: row.get(2)?,
                    code: row.get(3)?,
                    reason: row.get(4)?,
                })
            })
            .map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// How many documents are in quarantine.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn quarantine_size(&self) -> Result<u64, StoreError> {
        self.database
            .connection
            .query_row("SELECT count(*) FROM documents WHERE code IS NOT NULL", [], |row| row.get(0))
            .map_err(self.database.error("count the quarantine"))
    }

    /// The numbers of `status`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let error = self.database.error("count");
        let connection = &self.database.connection;
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(&error);
        let many = |sql: &str| -> Result<BTreeMap<String, u64>, StoreError> {
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&error)?;
            rows.collect::<Result<_, _>>().map_err(&error)
        };
        let newest = {
            let sql = "SELECT source, max(published_on) FROM notices WHERE published_on IS NOT NULL GROUP BY source";
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&error)?;
            rows.collect::<Result<_, _>>().map_err(&error)?
        };
        let nested = |sql: &str| -> Result<BTreeMap<String, BTreeMap<String, u64>>, StoreError> {
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let mut rows = statement.query([]).map_err(&error)?;
            let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
            while let Some(row) = rows.next().map_err(&error)? {
                let read = |at| row.get::<_, String>(at).map_err(&error);
                let count: u64 = row.get(2).map_err(&error)?;
                *found.entry(read(0)?).or_default().entry(read(1)?).or_default() += count;
            }
            Ok(found)
        };
        let issues_by_source = nested(
            "SELECT notices.source, issues.code, count(*) FROM issues JOIN notices ON notices.id = issues.notice_id
             GROUP BY 1, 2
             UNION ALL
             SELECT source, json_extract(value, '$.code'), count(DISTINCT raw_id)
             FROM documents, json_each(documents.issues) WHERE documents.issues IS NOT NULL GROUP BY 1, 2",
        )?;
        let non_notices_by_source = nested(
            "SELECT source, key, sum(value) FROM documents, json_each(documents.records, '$.by_rule')
             WHERE documents.records IS NOT NULL GROUP BY 1, 2",
        )?;
        Ok(Counts {
            notices: one("SELECT count(*) FROM notices")?,
            documents: one("SELECT count(*) FROM documents")?,
            by_source: many("SELECT source, count(*) FROM notices GROUP BY 1")?,
            by_format: many("SELECT format, count(*) FROM notices GROUP BY 1")?,
            by_stage: many("SELECT stage, count(*) FROM notices GROUP BY 1")?,
            by_category: many("SELECT category, count(*) FROM labels GROUP BY 1")?,
            by_country: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.countries') GROUP BY 1",
            )?,
            by_buyer_kind: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.buyer_kinds') GROUP BY 1",
            )?,
            by_joint: many("SELECT value, count(*) FROM notices, json_each(notices.summary, '$.joint') GROUP BY 1")?,
            cross_border: one("SELECT count(*) FROM notices WHERE json_extract(summary, '$.cross_border')")?,
            by_innovation: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.innovation') GROUP BY 1",
            )?,
            by_value: many(
                "SELECT json_extract(summary, '$.worth.kind') AS kind, count(*) FROM notices
                 WHERE kind IS NOT NULL GROUP BY 1",
            )?,
            by_issue: {
                let mut all = BTreeMap::new();
                for (code, count) in issues_by_source.values().flatten() {
                    *all.entry(code.clone()).or_default() += count;
                }
                all
            },
            issues_by_source,
            non_notices_by_source,
            by_quarantine: many("SELECT code, count(*) FROM documents WHERE code IS NOT NULL GROUP BY 1")?,
            newest,
        })
    }

    fn read_notice(&self, id: &str, blob: &[u8], first_seen: i64) -> Result<Notice, StoreError> {
        let read = || -> Result<Notice, String> {
            let json = zstd::decode_all(blob).map_err(|error| error.to_string())?;
            let mut notice: Notice = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
            notice.first_seen = Timestamp::from_second(first_seen).ok();
            Ok(notice)
        };
        read().map_err(|reason| self.shape(id, &reason))
    }

    fn shape(&self, what: &str, reason: &str) -> StoreError {
        StoreError::Shape { what: what.to_owned(), path: self.database.path.clone(), reason: reason.to_owned() }
    }
}

fn put_meta(connection: &rusqlite::Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute([key, value])?;
    Ok(())
}

fn insert_document(transaction: &Transaction<'_>, document: &StoredDocument) -> rusqlite::Result<()> {
    let (code, reason) = match &document.outcome {
        DocumentOutcome::Quarantined { code, reason } => (Some(code), Some(reason)),
        _ => (None, None),
    };
    let plain = document.records.read == document.records.notices && document.records.notices == 1;
    let records = (!plain).then(|| serde_json::to_string(&document.records).expect("plain data"));
    let issues = (!document.issues.is_empty()).then(|| serde_json::to_string(&document.issues).expect("plain data"));
    transaction
        .prepare_cached(
            "INSERT INTO documents (source, raw_id, at, name, format, code, reason, issues, records)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
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
            records
        ])?;
    Ok(())
}

/// `detail` is whether the notice comes from the detail of a list's row, where that is new knowledge.
fn put_notice(
    transaction: &Transaction<'_>,
    prepared: PreparedNotice,
    first_seen: Timestamp,
    fetched_at: Timestamp,
    detail: Option<bool>,
    applied: &mut Applied,
) -> rusqlite::Result<()> {
    let PreparedNotice { mut notice, stored, summary, content, whole } = prepared;
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
    transaction
        .prepare_cached(
            "INSERT INTO notices (id, seq, source, raw_id, format, stage, published_on, first_seen, hash, summary, notice,
                 detail, valid_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13, 0))
             ON CONFLICT (id) DO UPDATE SET seq = ?2, source = ?3, raw_id = ?4, format = ?5, stage = ?6,
                 published_on = ?7, first_seen = ?8, hash = ?9, summary = ?10, notice = ?11, detail = ?12,
                 valid_from = coalesce(?13, valid_from)",
        )?
        .execute(params![
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
        ])?;
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
    applied.written.push((applied.change_seq, notice));
    Ok(())
}
