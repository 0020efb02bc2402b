//! What is never rebuilt: cursors, receipts, the first-seen log, validators for conditional requests.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::schema::{Database, Schema};
use super::{StoreError, id_range};
use crate::ids::{NoticeId, RawId, RunId, SourceId};
use crate::records::{Cursor, Receipt, SourceHealth};

const SCHEMA: Schema = Schema {
    steps: &[
        // version 1
        "CREATE TABLE cursors (source TEXT PRIMARY KEY, position TEXT NOT NULL, as_of TEXT NOT NULL) STRICT;
         CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, command TEXT NOT NULL) STRICT;
         CREATE TABLE receipts (run_id TEXT PRIMARY KEY, receipt TEXT NOT NULL) STRICT;
         CREATE TABLE first_seen (notice_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
        // version 2: validators; a reader of version 1 never asks for them
        "CREATE TABLE validators (url TEXT PRIMARY KEY, etag TEXT, last_modified TEXT, as_of TEXT NOT NULL) STRICT, WITHOUT ROWID;",
        // version 3: windows read beyond a watermark, details to be asked, the health of sources, requests by hour, and
        // the chain of receipts; a reader of version 2 asks for none of them
        "CREATE TABLE windows (source TEXT NOT NULL, key TEXT NOT NULL, as_of INTEGER NOT NULL, whole INTEGER NOT NULL,
             PRIMARY KEY (source, key)) STRICT, WITHOUT ROWID;
         CREATE TABLE details (number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, key TEXT NOT NULL,
             mark TEXT NOT NULL, texts TEXT NOT NULL, waits INTEGER NOT NULL, tries INTEGER NOT NULL,
             UNIQUE (source, key)) STRICT;
         CREATE INDEX details_waiting ON details (source, number) WHERE waits = 1;
         CREATE TABLE health (source TEXT PRIMARY KEY, health TEXT NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE asked (source TEXT NOT NULL, hour INTEGER NOT NULL, requests INTEGER NOT NULL,
             PRIMARY KEY (source, hour)) STRICT, WITHOUT ROWID;
         ALTER TABLE receipts ADD COLUMN chain TEXT NOT NULL DEFAULT '';",
        // version 4: notices that a publisher's complete list no longer had, and when one had them again; a reader of
        // version 3 asks for none of them
        "CREATE TABLE absences (notice_id TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
             PRIMARY KEY (notice_id, since)) STRICT, WITHOUT ROWID;",
    ],
    keeps_rows_of: &["cursors", "runs", "receipts", "first_seen"],
    advice: "it is never rebuilt: bring it back from a backup",
    durable: true,
    page: 4 << 10,
};

/// What became of a detail that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailEnd {
    /// It is in.
    In,
    /// It failed; the next run asks again.
    TryLater,
    /// It failed too often.
    GivenUp,
}

/// `kept.db`.
pub struct Kept {
    database: Database,
}

/// What a server gave us to ask "changed since?".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredValidators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Kept {
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
        Ok(Self { database: Database::open_writer(path, &SCHEMA)? })
    }

    /// Registers a run and names it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn begin_run(&mut self, command: &str, now: Timestamp) -> Result<RunId, StoreError> {
        let error = self.database.error("register the run");
        let transaction = self.database.connection.transaction().map_err(&error)?;
        let last: u64 =
            transaction.query_row("SELECT coalesce(max(number), 0) FROM runs", [], |row| row.get(0)).map_err(&error)?;
        let run = RunId::new(format!("{}-{:06}", now.strftime("%Y%m%dT%H%M%SZ"), last + 1));
        transaction
            .execute("INSERT INTO runs (run_id, command) VALUES (?1, ?2)", params![run.as_str(), command])
            .map_err(&error)?;
        transaction.commit().map_err(&error)?;
        Ok(run)
    }

    /// How far a source is complete.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn cursor(&self, source: &SourceId) -> Result<Option<Cursor>, StoreError> {
        let row = self
            .database
            .connection
            .query_row("SELECT position, as_of FROM cursors WHERE source = ?1", [source.as_str()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
            .map_err(self.database.error("read a cursor"))?;
        row.map(|(position, as_of)| {
            let as_of = as_of.parse().map_err(|error: jiff::Error| self.shape("a cursor", &error.to_string()))?;
            Ok(Cursor { source: source.clone(), position, as_of })
        })
        .transpose()
    }

    /// Moves a cursor. The caller has made sure that everything before it is in archive, store and index.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_cursor(&mut self, cursor: &Cursor) -> Result<(), StoreError> {
        self.database
            .connection
            .execute(
                "INSERT INTO cursors (source, position, as_of) VALUES (?1, ?2, ?3)
                 ON CONFLICT (source) DO UPDATE SET position = ?2, as_of = ?3",
                params![cursor.source.as_str(), cursor.position, cursor.as_of.to_string()],
            )
            .map_err(self.database.error("move a cursor"))?;
        Ok(())
    }

    /// Writes down when notices were first stored. The first word stands. Returns the times that stand, in order.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn first_seen<'a>(
        &mut self,
        notices: impl Iterator<Item = (&'a NoticeId, Timestamp)>,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let error = self.database.error("write the first-seen log");
        let transaction = self.database.connection.transaction().map_err(&error)?;
        let mut times = Vec::new();
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO first_seen (notice_id, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .map_err(&error)?;
            let mut select =
                transaction.prepare_cached("SELECT at FROM first_seen WHERE notice_id = ?1").map_err(&error)?;
            for (notice, now) in notices {
                let inserted = insert.execute(params![notice.as_str(), now.as_second()]).map_err(&error)?;
                let at = if inserted == 1 {
                    now.as_second()
                } else {
                    select.query_row([notice.as_str()], |row| row.get(0)).map_err(&error)?
                };
                times.push(Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH));
            }
        }
        transaction.commit().map_err(&error)?;
        Ok(times)
    }

    /// Keeps a receipt for ever, linked to the one before by a hash over both.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_receipt(&mut self, receipt: &Receipt) -> Result<(), StoreError> {
        let error = self.database.error("keep a receipt");
        let text = serde_json::to_string(receipt).expect("a receipt is plain data");
        let transaction = self.database.connection.transaction().map_err(&error)?;
        let last: Option<String> = transaction
            .query_row("SELECT chain FROM receipts ORDER BY rowid DESC LIMIT 1", [], |row| row.get(0))
            .optional()
            .map_err(&error)?;
        let link = chained(&last.unwrap_or_default(), &text);
        transaction
            .execute(
                "INSERT INTO receipts (run_id, receipt, chain) VALUES (?1, ?2, ?3)",
                params![receipt.run_id.as_str(), text, link],
            )
            .map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    /// Receipts that are no longer what was written, in sentences. Those of before the chain have no link.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn broken_links(&self) -> Result<Vec<String>, StoreError> {
        let error = self.database.error("check the receipts");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT run_id, receipt, chain FROM receipts ORDER BY rowid")
            .map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        let mut wrong = Vec::new();
        let mut last = String::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (run, text, link): (String, String, String) = row.try_into().map_err(&error)?;
            if (!link.is_empty() || !last.is_empty()) && chained(&last, &text) != link {
                wrong.push(format!("the receipt of run {run} is not what was written, or one before it is gone"));
            }
            last = link;
        }
        Ok(wrong)
    }

    /// When a window was last read whole; `None` when never, or when a run of it was cut short.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn window(&self, source: &SourceId, key: &str) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<i64> = self
            .database
            .connection
            .prepare_cached("SELECT as_of FROM windows WHERE source = ?1 AND key = ?2 AND whole = 1")
            .and_then(|mut statement| statement.query_row([source.as_str(), key], |row| row.get(0)).optional())
            .map_err(self.database.error("read a window"))?;
        Ok(row.and_then(|second| Timestamp::from_second(second).ok()))
    }

    /// Notes which notices of a source a complete list of it no longer has, and which it has again.
    ///
    /// # Errors
    /// What SQLite says; then nothing is noted.
    pub fn note_absences(&mut self, gone: &[NoticeId], back: &[NoticeId], now: Timestamp) -> Result<(), StoreError> {
        let error = self.database.error("note what a list no longer has");
        let transaction = self.database.connection.transaction().map_err(&error)?;
        for (sql, ids) in [
            ("INSERT INTO absences (notice_id, since) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until = NULL", gone),
            ("UPDATE absences SET until = ?2 WHERE notice_id = ?1 AND until IS NULL", back),
        ] {
            let mut statement = transaction.prepare_cached(sql).map_err(&error)?;
            for id in ids {
                statement.execute(params![id.as_str(), now.as_second()]).map_err(&error)?;
            }
        }
        transaction.commit().map_err(&error)
    }

    /// Since when a publisher's complete list does not have this notice; `None` where it has, or has no complete list.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn absent_since(&self, id: &NoticeId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<i64> = self
            .database
            .connection
            .prepare_cached("SELECT since FROM absences WHERE notice_id = ?1 AND until IS NULL")
            .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)).optional())
            .map_err(self.database.error("read what a list no longer has"))?;
        Ok(row.and_then(|second| Timestamp::from_second(second).ok()))
    }

    /// Every notice that its publisher's complete list does not have, by id; those of one source, if one is named.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn absent(&self, source: Option<&SourceId>) -> Result<BTreeSet<NoticeId>, StoreError> {
        let error = self.database.error("read what a list no longer has");
        let (from, until) = source.map_or((String::new(), "\u{10ffff}".to_owned()), id_range);
        let mut statement = self
            .database
            .connection
            .prepare_cached("SELECT notice_id FROM absences WHERE notice_id >= ?1 AND notice_id < ?2 AND until IS NULL")
            .map_err(&error)?;
        let rows =
            statement.query_map([from, until], |row| row.get::<_, String>(0).map(NoticeId::new)).map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// Windows that were begun and not finished.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn unfinished(&self, source: &SourceId) -> Result<Vec<String>, StoreError> {
        let error = self.database.error("read the windows");
        let mut statement = self
            .database
            .connection
            .prepare_cached("SELECT key FROM windows WHERE source = ?1 AND whole = 0 ORDER BY key")
            .map_err(&error)?;
        let rows = statement.query_map([source.as_str()], |row| row.get(0)).map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// Notes that a window was begun, or read whole.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_window(&mut self, source: &SourceId, key: &str, whole: bool, now: Timestamp) -> Result<(), StoreError> {
        self.database
            .connection
            .prepare_cached(
                "INSERT INTO windows (source, key, as_of, whole) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (source, key) DO UPDATE SET as_of = ?3, whole = ?4",
            )
            .and_then(|mut statement| statement.execute(params![source.as_str(), key, now.as_second(), whole]))
            .map_err(self.database.error("note a window"))?;
        Ok(())
    }

    /// Queues the details of rows that are new or changed: `(key, mark, texts)`; rows whose mark is known stay as they
    /// are, and with `changed_too` false also those whose mark is another. Returns how many were queued.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn queue_details(
        &mut self,
        source: &SourceId,
        rows: &[(String, String, String)],
        changed_too: bool,
    ) -> Result<u64, StoreError> {
        let error = self.database.error("queue details");
        let transaction = self.database.connection.transaction().map_err(&error)?;
        let mut queued = 0;
        {
            let sql = if changed_too {
                "INSERT INTO details (source, key, mark, texts, waits, tries) VALUES (?1, ?2, ?3, ?4, 1, 0)
                 ON CONFLICT (source, key) DO UPDATE SET mark = ?3, texts = ?4, waits = 1, tries = 0 WHERE mark <> ?3"
            } else {
                "INSERT INTO details (source, key, mark, texts, waits, tries) VALUES (?1, ?2, ?3, ?4, 1, 0)
                 ON CONFLICT (source, key) DO NOTHING"
            };
            let mut insert = transaction.prepare_cached(sql).map_err(&error)?;
            for (key, mark, texts) in rows {
                queued += insert.execute(params![source.as_str(), key, mark, texts]).map_err(&error)? as u64;
            }
        }
        transaction.commit().map_err(&error)?;
        Ok(queued)
    }

    /// Notes under which mark something is in that never waited: in one step, so that a kill leaves nothing waiting.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn note_detail(&mut self, source: &SourceId, key: &str, mark: &str) -> Result<(), StoreError> {
        self.database
            .connection
            .prepare_cached(
                "INSERT INTO details (source, key, mark, texts, waits, tries) VALUES (?1, ?2, ?3, '', 0, 0)
                 ON CONFLICT (source, key) DO UPDATE SET mark = ?3, waits = 0, tries = 0",
            )
            .and_then(|mut statement| statement.execute([source.as_str(), key, mark]))
            .map_err(self.database.error("note a detail"))?;
        Ok(())
    }

    /// The mark under which a detail was last asked for.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn detail_mark(&self, source: &SourceId, key: &str) -> Result<Option<String>, StoreError> {
        self.database
            .connection
            .prepare_cached("SELECT mark FROM details WHERE source = ?1 AND key = ?2")
            .and_then(|mut statement| statement.query_row([source.as_str(), key], |row| row.get(0)).optional())
            .map_err(self.database.error("read a detail"))
    }

    /// Details that wait, the longest waiting first: `(key, texts, tries)`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn waiting_details(&self, source: &SourceId, limit: usize) -> Result<Vec<(String, String, u32)>, StoreError> {
        let error = self.database.error("read the details that wait");
        let mut statement = self
            .database
            .connection
            .prepare_cached(
                "SELECT key, texts, tries FROM details WHERE source = ?1 AND waits = 1 ORDER BY tries, number LIMIT ?2",
            )
            .map_err(&error)?;
        let rows = statement
            .query_map(params![source.as_str(), limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(&error)?;
        rows.collect::<Result<_, _>>().map_err(&error)
    }

    /// How many details wait.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_waiting(&self, source: &SourceId) -> Result<u64, StoreError> {
        self.database
            .connection
            .query_row("SELECT count(*) FROM details WHERE source = ?1 AND waits = 1", [source.as_str()], |row| {
                row.get(0)
            })
            .map_err(self.database.error("count the details that wait"))
    }

    /// How many details were given up: asked for in vain too often, and not since their row changed.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_given_up(&self, source: &SourceId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM details WHERE source = ?1 AND waits = 0 AND tries > 0";
        let error = self.database.error("count the details that were given up");
        self.database.connection.query_row(sql, [source.as_str()], |row| row.get(0)).map_err(error)
    }

    /// Notes what became of a detail.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn settle_detail(&mut self, source: &SourceId, key: &str, ended: DetailEnd) -> Result<(), StoreError> {
        let sql = match ended {
            DetailEnd::In => "UPDATE details SET waits = 0, tries = 0 WHERE source = ?1 AND key = ?2",
            DetailEnd::TryLater => "UPDATE details SET waits = 1, tries = tries + 1 WHERE source = ?1 AND key = ?2",
            DetailEnd::GivenUp => "UPDATE details SET waits = 0, tries = tries + 1 WHERE source = ?1 AND key = ?2",
        };
        self.database
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![source.as_str(), key]))
            .map_err(self.database.error("note a detail"))?;
        Ok(())
    }

    /// Queues again what was given up.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn ask_given_up_again(&mut self, source: &SourceId) -> Result<(), StoreError> {
        self.database
            .connection
            .execute(
                "UPDATE details SET waits = 1, tries = 0 WHERE source = ?1 AND waits = 0 AND tries > 0",
                [source.as_str()],
            )
            .map_err(self.database.error("queue details"))?;
        Ok(())
    }

    /// How a source fares.
    ///
    /// # Errors
    /// What SQLite says, or a record that does not read back.
    pub fn health(&self, source: &SourceId) -> Result<Option<SourceHealth>, StoreError> {
        let text: Option<String> = self
            .database
            .connection
            .query_row("SELECT health FROM health WHERE source = ?1", [source.as_str()], |row| row.get(0))
            .optional()
            .map_err(self.database.error("read the health of a source"))?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| self.shape("the health of a source", &error.to_string()))
        })
        .transpose()
    }

    /// Notes how a source fares.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_health(&mut self, source: &SourceId, health: &SourceHealth) -> Result<(), StoreError> {
        let text = serde_json::to_string(health).expect("plain data");
        self.database
            .connection
            .execute(
                "INSERT INTO health (source, health) VALUES (?1, ?2) ON CONFLICT (source) DO UPDATE SET health = ?2",
                params![source.as_str(), text],
            )
            .map_err(self.database.error("note the health of a source"))?;
        Ok(())
    }

    /// Requests to a source between two moments, those of runs that were killed included. What a clock that ran ahead
    /// has noted for later does not count.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn asked_between(&self, source: &SourceId, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        self.database
            .connection
            .query_row(
                "SELECT coalesce(sum(requests), 0) FROM asked WHERE source = ?1 AND hour > ?2 AND hour <= ?3",
                params![source.as_str(), since.as_second() / 3600, now.as_second() / 3600],
                |row| row.get(0),
            )
            .map_err(self.database.error("count requests"))
    }

    /// Notes requests before they are sent (or takes back those that were not).
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_asked(&mut self, source: &SourceId, now: Timestamp, requests: i64) -> Result<(), StoreError> {
        self.database
            .connection
            .prepare_cached(
                "INSERT INTO asked (source, hour, requests) VALUES (?1, ?2, max(0, ?3))
                 ON CONFLICT (source, hour) DO UPDATE SET requests = max(0, requests + ?3)",
            )
            .and_then(|mut statement| statement.execute(params![source.as_str(), now.as_second() / 3600, requests]))
            .map_err(self.database.error("note requests"))?;
        Ok(())
    }

    /// The newest receipts of runs that had ended by then, newest first.
    ///
    /// # Errors
    /// What SQLite says, or a receipt that does not read back.
    pub fn receipts(&self, as_of: Timestamp, limit: usize) -> Result<Vec<Receipt>, StoreError> {
        let error = self.database.error("read receipts");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT receipt FROM receipts JOIN runs USING (run_id) ORDER BY number DESC")
            .map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        let mut receipts = Vec::new();
        while receipts.len() < limit
            && let Some(row) = rows.next().map_err(&error)?
        {
            let text: String = row.get(0).map_err(&error)?;
            let receipt: Receipt =
                serde_json::from_str(&text).map_err(|error| self.shape("a receipt", &error.to_string()))?;
            if receipt.finished_at <= as_of {
                receipts.push(receipt);
            }
        }
        Ok(receipts)
    }

    /// How far a source had been read by the newest run that began no later than `now`: what to rely on when the
    /// cursor comes from a clock that ran ahead.
    ///
    /// # Errors
    /// What SQLite says, or a receipt that does not read back.
    pub fn watermark_by(&self, source: &SourceId, now: Timestamp) -> Result<Option<String>, StoreError> {
        let error = self.database.error("read receipts");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT receipt FROM receipts JOIN runs USING (run_id) ORDER BY number DESC")
            .map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let text: String = row.get(0).map_err(&error)?;
            let receipt: Receipt =
                serde_json::from_str(&text).map_err(|error| self.shape("a receipt", &error.to_string()))?;
            let mine = receipt.sources.into_iter().find(|mine| mine.source == *source);
            if let Some(position) = mine.filter(|_| receipt.started_at <= now).and_then(|mine| mine.watermark.to) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// When the first run began whose receipt is kept.
    ///
    /// # Errors
    /// What SQLite says, or a receipt that does not read back.
    pub fn first_run(&self) -> Result<Option<Timestamp>, StoreError> {
        let text: Option<String> = self
            .database
            .connection
            .query_row("SELECT receipt FROM receipts JOIN runs USING (run_id) ORDER BY number LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(self.database.error("read receipts"))?;
        let receipt: Option<Receipt> = text
            .map(|text| serde_json::from_str(&text).map_err(|error| self.shape("a receipt", &error.to_string())))
            .transpose()?;
        Ok(receipt.map(|receipt| receipt.started_at))
    }

    /// What to send with the next request for this address.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn validators(&self, url: &str) -> Result<StoredValidators, StoreError> {
        let row = self
            .database
            .connection
            .query_row("SELECT etag, last_modified FROM validators WHERE url = ?1", [url], |row| {
                Ok(StoredValidators { etag: row.get(0)?, last_modified: row.get(1)? })
            })
            .optional()
            .map_err(self.database.error("read validators"))?;
        Ok(row.unwrap_or_default())
    }

    /// Keeps the validators of an answer that has been stored completely.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_validators(
        &mut self,
        url: &str,
        validators: &StoredValidators,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.database
            .connection
            .execute(
                "INSERT INTO validators (url, etag, last_modified, as_of) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (url) DO UPDATE SET etag = ?2, last_modified = ?3, as_of = ?4",
                params![url, validators.etag, validators.last_modified, now.to_string()],
            )
            .map_err(self.database.error("keep validators"))?;
        Ok(())
    }

    fn shape(&self, what: &str, reason: &str) -> StoreError {
        StoreError::Shape { what: what.to_owned(), path: self.database.path.clone(), reason: reason.to_owned() }
    }
}

/// The hash of a receipt and the link before it.
fn chained(last: &str, receipt: &str) -> String {
    RawId::of(format!("{last}\n{receipt}").as_bytes()).to_string()
}
