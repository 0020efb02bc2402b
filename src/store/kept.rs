//! What is never rebuilt: cursors, receipts, the first-seen log, validators for conditional requests.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::StoreError;
use super::schema::{Database, Schema};
use crate::ids::{NoticeId, RunId, SourceId};
use crate::records::{Cursor, Receipt};

const SCHEMA: Schema = Schema {
    steps: &[
        // version 1
        "CREATE TABLE cursors (source TEXT PRIMARY KEY, position TEXT NOT NULL, as_of TEXT NOT NULL) STRICT;
         CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, command TEXT NOT NULL) STRICT;
         CREATE TABLE receipts (run_id TEXT PRIMARY KEY, receipt TEXT NOT NULL) STRICT;
         CREATE TABLE first_seen (notice_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
        // version 2: validators; a reader of version 1 never asks for them
        "CREATE TABLE validators (url TEXT PRIMARY KEY, etag TEXT, last_modified TEXT, as_of TEXT NOT NULL) STRICT, WITHOUT ROWID;",
    ],
    keeps_rows_of: &["cursors", "runs", "receipts", "first_seen"],
    advice: "it is never rebuilt: bring it back from a backup",
    durable: true,
};

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

    /// Keeps a receipt for ever.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_receipt(&mut self, receipt: &Receipt) -> Result<(), StoreError> {
        let text = serde_json::to_string(receipt).expect("a receipt is plain data");
        self.database
            .connection
            .execute("INSERT INTO receipts (run_id, receipt) VALUES (?1, ?2)", params![receipt.run_id.as_str(), text])
            .map_err(self.database.error("keep a receipt"))?;
        Ok(())
    }

    /// The newest receipts, newest first.
    ///
    /// # Errors
    /// What SQLite says, or a receipt that does not read back.
    pub fn receipts(&self, limit: usize) -> Result<Vec<Receipt>, StoreError> {
        let error = self.database.error("read receipts");
        let mut statement = self
            .database
            .connection
            .prepare("SELECT receipt FROM receipts JOIN runs USING (run_id) ORDER BY number DESC LIMIT ?1")
            .map_err(&error)?;
        let rows = statement.query_map([limit], |row| row.get::<_, String>(0)).map_err(&error)?;
        let mut receipts = Vec::new();
        for row in rows {
            let text = row.map_err(&error)?;
            receipts.push(serde_json::from_str(&text).map_err(|error| self.shape("a receipt", &error.to_string()))?);
        }
        Ok(receipts)
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
