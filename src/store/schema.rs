//! Opening a database: version check before anything is touched, migration on a copy's safety.
//!
//! Newer than the program: refused, untouched. Older: copied, migrated in one transaction, verified.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// In the log before it goes into the file, so that a page that many batches touch is written once.
const LOG_BYTES: u32 = 64 << 20;
/// Pages in memory; the system keeps more.
const CACHE_KIB: u32 = 16_000;
/// More than are in use at a time: a statement that fell out is compiled anew, which costs as much as running it.
const STATEMENTS: usize = 64;

/// One of our databases: its version is the number of its steps.
pub(super) struct Schema {
    /// Step `n` (from 0) leads from version `n` to `n + 1`; step 0 creates the tables.
    pub steps: &'static [&'static str],
    /// Tables whose rows a migration must keep, all of them.
    pub keeps_rows_of: &'static [&'static str],
    /// What an operator does about a damaged file.
    pub advice: &'static str,
    /// Whether a commit must survive a power cut by itself (what is derived is caught up from the archive instead).
    pub durable: bool,
    /// Bytes of a page, for a file that is made anew. Rows do not share what is left of one: the larger they are, the
    /// larger it should be.
    pub page: u32,
}

/// A connection and the file's name for messages.
pub(super) struct Database {
    pub connection: Connection,
    pub path: PathBuf,
    advice: &'static str,
}

impl Database {
    /// An error of SQLite, in our words.
    pub fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let (path, advice) = (self.path.clone(), self.advice);
        move |source| sqlite_error(&path, advice, action, source)
    }

    /// Opens for reading; the file must exist.
    pub fn open_reader(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        refuse_newer(path, schema)?;
        let error = |source| sqlite_error(path, schema.advice, "open", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(error)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let found = version_of(&connection).map_err(error)?;
        check_known(path, schema, found)?;
        if found == 0 && schema.durable {
            let reason = "it is empty".to_owned();
            return Err(StoreError::Damaged { path: path.to_owned(), reason, advice: schema.advice });
        }
        if found == 0 {
            // A writer has just begun it.
            return Err(StoreError::Missing { path: path.parent().unwrap_or(path).to_owned() });
        }
        if (found as usize) < schema.steps.len() {
            let reason = "it was written by an older program; any command that writes migrates it".to_owned();
            return Err(StoreError::Migration { path: path.to_owned(), from: found, reason });
        }
        Ok(Self { connection, path: path.to_owned(), advice: schema.advice })
    }

    /// Refuses a version newer than ours without writing anything, wherever the version stands: in the file or its log.
    pub fn check_version(path: &Path, schema: &Schema) -> Result<(), StoreError> {
        refuse_newer(path, schema)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if path.exists() && Path::new(&log).exists() {
            let error = |source| sqlite_error(path, schema.advice, "open", source);
            let connection =
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
            let found = connection.and_then(|connection| version_of(&connection)).map_err(error)?;
            check_known(path, schema, found)?;
        }
        Ok(())
    }

    /// What SQLite finds wrong with its own file, in sentences.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        let error = self.error("check");
        let mut statement = self.connection.prepare("PRAGMA integrity_check(5)").map_err(&error)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(&error)?;
        let found: Vec<String> = rows.collect::<Result<_, _>>().map_err(&error)?;
        let faults = found.into_iter().filter(|line| line != "ok");
        Ok(faults.map(|fault| format!("{} is damaged ({fault}); {}", self.path.display(), self.advice)).collect())
    }

    /// Opens for writing; creates or migrates.
    pub fn open_writer(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        refuse_newer(path, schema)?;
        let error = |source| sqlite_error(path, schema.advice, "open", source);
        let mut connection = Connection::open(path).map_err(error)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(error)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let found = version_of(&connection).map_err(error)?;
        check_known(path, schema, found)?;
        let page = schema.page;
        let synchronous = if schema.durable { "FULL" } else { "NORMAL" };
        connection
            .execute_batch(&format!(
                "PRAGMA page_size={page}; PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA foreign_keys=ON; PRAGMA cache_size=-{CACHE_KIB}; PRAGMA wal_autocheckpoint={};",
                LOG_BYTES / page
            ))
            .map_err(error)?;
        if (found as usize) < schema.steps.len() {
            migrate(path, schema, &mut connection, found)?;
        }
        Ok(Self { connection, path: path.to_owned(), advice: schema.advice })
    }
}

fn version_of(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn check_known(path: &Path, schema: &Schema, found: u32) -> Result<(), StoreError> {
    let known = u32::try_from(schema.steps.len()).expect("a handful of steps");
    if found > known { Err(StoreError::Newer { path: path.to_owned(), found, known }) } else { Ok(()) }
}

/// Reads the version off the file's header (bytes 60 to 63), before SQLite gets to write beside the file.
fn refuse_newer(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let mut header = [0; 64];
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    if file.read_exact(&mut header).is_err() {
        return Ok(());
    }
    if !header.starts_with(b"SQLite format 3\0") {
        let reason = "it is no SQLite database".to_owned();
        return Err(StoreError::Damaged { path: path.to_owned(), reason, advice: schema.advice });
    }
    let version = u32::from_be_bytes(header[60..64].try_into().expect("4 bytes"));
    check_known(path, schema, version)
}

fn migrate(path: &Path, schema: &Schema, connection: &mut Connection, from: u32) -> Result<(), StoreError> {
    let failed = |reason: String| StoreError::Migration { path: path.to_owned(), from, reason };
    let action = if from == 0 { "make tables" } else { "migrate" };
    let error = |source| sqlite_error(path, schema.advice, action, source);
    if from > 0 {
        let copy = path.with_extension(format!("v{from}.db"));
        if copy.exists() {
            std::fs::remove_file(&copy).map_err(|error| failed(format!("{}: {error}", copy.display())))?;
        }
        connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(error)?;
        tracing::info!(from, "migrating {}; a copy stays at {}", path.display(), copy.display());
    }
    let transaction = connection.transaction().map_err(error)?;
    let count = |table: &str| -> rusqlite::Result<u64> {
        transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    let mut before = Vec::new();
    for table in schema.keeps_rows_of.iter().filter(|_| from > 0) {
        if let Ok(rows) = count(table) {
            before.push((table, rows));
        }
    }
    for step in &schema.steps[from as usize..] {
        transaction.execute_batch(step).map_err(error)?;
    }
    for (table, rows) in before {
        let now = count(table).map_err(error)?;
        if now != rows {
            return Err(failed(format!("{table} had {rows} rows and would have {now}")));
        }
    }
    let sound: String = transaction.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(error)?;
    if sound != "ok" {
        return Err(failed(sound));
    }
    transaction.pragma_update(None, "user_version", schema.steps.len()).map_err(error)?;
    transaction.commit().map_err(error)
}

fn sqlite_error(path: &Path, advice: &'static str, action: &'static str, source: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            StoreError::Damaged { path: path.to_owned(), reason: source.to_string(), advice }
        }
        _ => StoreError::Sqlite { action, path: path.to_owned(), source },
    }
}
