//! What can be recreated from the archive: documents and their fate, notices, labels, the change sequence.

mod anew;
mod counts;
mod known;
mod write;

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, params};
use rust_decimal::Decimal;

pub use self::counts::Counts;
pub use self::write::PreparedNotice;
pub(super) use self::write::put_meta;
use self::write::{insert_document, put_notice};
use super::kept::Kept;
use super::links;
use super::schema::{Database, Schema};
use super::{StoreError, id_range, position_parse, position_text};
use crate::archive::Position;
use crate::archive::frames::{self, Packing};
use crate::ids::{NoticeId, RawId, SourceId};
use crate::issue::Issue;
use crate::notice::Notice;
use crate::rates::Rates;
use crate::records::{DocumentOutcome, NoticeCounts, Quarantined, RecordCounts};

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
        // What a publisher took back, whether the notice is here or not, and when we heard of it.
        "CREATE TABLE taken_back (notice_id TEXT NOT NULL, since INTEGER NOT NULL,
             PRIMARY KEY (notice_id, since)) STRICT, WITHOUT ROWID;",
        links::TABLES,
        // When a document came, and a way to the notices that have said something else before.
        "ALTER TABLE documents ADD COLUMN fetched_at INTEGER NOT NULL DEFAULT 0;
         CREATE INDEX notices_changed ON notices (valid_from) WHERE valid_from > first_seen;",
        links::ENDED,
        // Reference rates that came, by the source they came from.
        "CREATE TABLE rates (source TEXT NOT NULL, day TEXT NOT NULL, currency TEXT NOT NULL, per_euro TEXT NOT NULL,
             PRIMARY KEY (source, day, currency)) STRICT, WITHOUT ROWID;",
        // From bytes to what was said with them and is said no more.
        "CREATE INDEX versions_raw ON versions (raw_id);",
    ],
    keeps_rows_of: &["documents", "notices"],
    advice: "run `tenderwatch rebuild --from-archive`: nothing is lost",
    durable: false,
    page: 16 << 10,
};

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
    /// Notices that it says are taken back.
    pub taken_back: Vec<NoticeId>,
    /// Reference rates in it.
    pub rates: Option<Rates>,
}

/// Documents that become true together.
pub struct Batch {
    /// In the order of the archive.
    pub documents: Vec<StoredDocument>,
    /// The archive position after them.
    pub archive_end: Position,
}

/// What tells a store from any other.
const IDENTITY: &str = "identity";
/// The highest change number there ever was, where the notice that had it may be gone.
const CHANGES: &str = "changes";

fn new_identity() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// What a batch changed.
#[derive(Default)]
pub struct Applied {
    /// By the contract's words.
    pub notices: NoticeCounts,
    /// What the index must be told, by change number.
    pub written: Vec<(u64, Notice)>,
    /// Those of them that were in the store before.
    pub replaced: HashSet<u64>,
    /// The change sequence after the batch.
    pub change_seq: u64,
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
        derived
            .database
            .connection
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                [IDENTITY, &new_identity()],
            )
            .map_err(derived.database.error("name the store"))?;
        Ok(derived)
    }

    /// Another identity: no index that followed it so far follows it any longer.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn rename(&mut self) -> Result<(), StoreError> {
        self.set_meta(IDENTITY, &new_identity())
    }

    /// What tells this store from any other that was ever made: equal change numbers of two stores mean nothing.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn identity(&self) -> Result<String, StoreError> {
        Ok(self.meta(IDENTITY)?.unwrap_or_default())
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

    pub(super) fn connection(&self) -> &rusqlite::Connection {
        &self.database.connection
    }

    pub(super) fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        self.database.error(action)
    }

    pub(super) fn transaction(&mut self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        let error = self.database.error("begin to write");
        self.database.connection.transaction().map_err(error)
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
            .query_row(
                "SELECT max(coalesce((SELECT max(seq) FROM notices), 0),
                     coalesce((SELECT cast(value AS INTEGER) FROM meta WHERE key = ?1), 0))",
                [CHANGES],
                |row| row.get(0),
            )
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

    /// Where the documents start in the archive that had the last word on a notice of which these bytes once had it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn superseded_by(&self, source: &SourceId, raw_id: &RawId) -> Result<Vec<Position>, StoreError> {
        let error = self.database.error("look up what superseded a document");
        let mut statement = self
            .database
            .connection
            .prepare_cached(
                "SELECT DISTINCT at FROM versions
                 JOIN notices ON notices.id = versions.notice_id AND notices.source = ?1
                 JOIN documents ON documents.source = ?1 AND documents.raw_id = notices.raw_id
                 WHERE versions.raw_id = ?2 AND notices.raw_id <> ?2",
            )
            .map_err(&error)?;
        let rows = statement
            .query_map(params![source.as_str(), raw_id.as_bytes()], |row| row.get::<_, String>(0))
            .map_err(&error)?;
        let positions: Vec<String> = rows.collect::<Result<_, _>>().map_err(&error)?;
        Ok(positions.iter().filter_map(|at| position_parse(at)).collect())
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
            .flat_map(|document| document.notices.iter().map(|notice| (&notice.notice().id, document.fetched_at)));
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
            // The content is the same, so no version begins: the second time is not written.
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

    /// The change numbers of the notices that were published after this day, in order.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn published_after(&self, day: Date) -> Result<Vec<u64>, StoreError> {
        let error = self.database.error("look for notices by their day");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT seq FROM notices WHERE published_on > ?1 ORDER BY seq")
            .map_err(&error)?;
        let rows = statement.query_map([day.to_string()], |row| row.get(0)).map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// The reference rates that came; `None` when there are none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn rates(&self) -> Result<Option<Rates>, StoreError> {
        let error = self.database.error("read the reference rates");
        let sql = "SELECT day, currency, per_euro FROM rates ORDER BY source, day, currency";
        let mut statement = self.database.connection.prepare(sql).map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        let mut rates = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (day, currency, per_euro): (String, String, String) = row.try_into().map_err(&error)?;
            let (Ok(day), Ok(rate)) = (day.parse::<Date>(), per_euro.parse::<Decimal>()) else {
                return Err(self.shape(&format!("the rate of {currency} on {day}"), "no day, or no number"));
            };
            rates.push((day, currency, rate));
        }
        Ok(Rates::of(rates.iter().map(|(day, currency, rate)| (*day, currency.as_str(), *rate))).ok())
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
        let mut found = Vec::new();
        for sql in [
            "SELECT versions.notice, notices.first_seen, versions.valid_from FROM versions
             JOIN notices ON notices.id = versions.notice_id WHERE notice_id = ?1 ORDER BY number",
            "SELECT notice, first_seen, valid_from FROM notices WHERE id = ?1",
        ] {
            let mut statement = self.database.connection.prepare_cached(sql).map_err(&error)?;
            let mut rows = statement.query([id.as_str()]).map_err(&error)?;
            while let Some(row) = rows.next().map_err(&error)? {
                let (blob, first_seen, valid_from): (Vec<u8>, i64, i64) = row.try_into().map_err(&error)?;
                let valid_from = Timestamp::from_second(valid_from).unwrap_or_default();
                found.push(Version { valid_from, notice: self.read_notice(id.as_str(), &blob, first_seen)? });
            }
        }
        Ok(found)
    }

    /// One of them by its number; `None` for the one that stands.
    pub(super) fn version(&self, id: &str, number: Option<i64>) -> Result<Notice, StoreError> {
        let sql = "SELECT notice FROM versions WHERE notice_id = ?1 AND number = ?2 UNION ALL
                   SELECT notice FROM notices WHERE id = ?1 AND ?2 IS NULL";
        let blob: Vec<u8> = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut row| row.query_row(params![id, number], |row| row.get(0)))
            .map_err(self.database.error("read a version"))?;
        self.read_notice(id, &blob, 0)
    }

    /// Since when a publisher has taken this notice back; `None` where it has not, or has published it anew since.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn taken_back_since(&self, id: &NoticeId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<i64> = self
            .database
            .connection
            .prepare_cached(
                "SELECT min(since) FROM taken_back JOIN notices ON id = notice_id WHERE id = ?1 AND since >= valid_from",
            )
            .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)))
            .map_err(self.database.error("read what was taken back"))?;
        Ok(row.and_then(|second| Timestamp::from_second(second).ok()))
    }

    /// The ids of a source's notices, in order.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn each_id(&self, source: &SourceId, mut take: impl FnMut(NoticeId)) -> Result<(), StoreError> {
        let error = self.database.error("list the notices of a source");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT id FROM notices WHERE id >= ?1 AND id < ?2 ORDER BY id")
            .map_err(&error)?;
        let mut rows = statement.query(<[String; 2]>::from(id_range(source))).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            take(NoticeId::new(row.get::<_, String>(0).map_err(&error)?));
        }
        Ok(())
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

    fn read_notice(&self, id: &str, blob: &[u8], first_seen: i64) -> Result<Notice, StoreError> {
        let read = || -> Result<Notice, String> {
            let json = frames::unpack(blob, Packing::Notices1).map_err(|error| error.to_string())?;
            let mut notice: Notice = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
            notice.first_seen = Timestamp::from_second(first_seen).ok();
            Ok(notice)
        };
        read().map_err(|reason| self.shape(id, &reason))
    }

    pub(super) fn shape(&self, what: &str, reason: &str) -> StoreError {
        StoreError::Shape { what: what.to_owned(), path: self.database.path.clone(), reason: reason.to_owned() }
    }
}
