//! What it takes to read the documents of some sources anew beside all others: a copy, everything of them taken out, and a
//! look at the notices before and after.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OptionalExtension, params};

use super::write::put_meta;
use super::{CHANGES, Derived};
use crate::ids::{NoticeId, SourceId};
use crate::notice::Notice;
use crate::store::{StoreError, id_range, links};

/// Pages of the copy between two looks at whether somebody else wants the file.
const PAGES: i32 = 4096;

impl Derived {
    /// Sources with documents that one of these formats or definitions has read, and those with documents that nobody could
    /// read, if `unread`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sources_read_by(&self, readers: &BTreeSet<&str>, unread: bool) -> Result<Vec<SourceId>, StoreError> {
        let error = self.error("look for documents by their format");
        let mut read_by = self
            .connection()
            .prepare("SELECT 1 FROM documents WHERE source = ?1 AND format = ?2 LIMIT 1")
            .map_err(&error)?;
        let mut unreadable = self
            .connection()
            .prepare("SELECT 1 FROM documents WHERE source = ?1 AND format IS NULL LIMIT 1")
            .map_err(&error)?;
        let mut found = Vec::new();
        for source in self.sources()? {
            let mut affected = unread && unreadable.exists([source.as_str()]).map_err(&error)?;
            for reader in readers {
                affected = affected || read_by.exists([source.as_str(), *reader]).map_err(&error)?;
            }
            if affected {
                found.push(source);
            }
        }
        Ok(found)
    }

    /// Everything, page by page, in another file.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let error = self.error("copy the store");
        let mut copy = Connection::open(path).map_err(&error)?;
        let backup = Backup::new(self.connection(), &mut copy).map_err(&error)?;
        backup.run_to_completion(PAGES, Duration::ZERO, None).map_err(&error)
    }

    /// Takes out everything of these sources, as if none of their documents had ever come; what is linked to it is linked
    /// no more. Change numbers go on from where they were.
    ///
    /// # Errors
    /// What SQLite says; then nothing is taken out.
    pub fn forget(&mut self, sources: &[SourceId]) -> Result<(), StoreError> {
        let last = self.change_seq()?;
        let error = self.error("take out the notices of a source");
        let transaction = self.transaction()?;
        let work = || -> rusqlite::Result<()> {
            put_meta(&transaction, CHANGES, &last.to_string())?;
            transaction.execute_batch("CREATE TEMP TABLE forgotten (number INTEGER PRIMARY KEY)")?;
            for source in sources {
                let (from, until) = id_range(source);
                transaction.execute(
                    "INSERT INTO temp.forgotten SELECT rowid FROM notices WHERE id >= ?1 AND id < ?2",
                    [&from, &until],
                )?;
            }
            let with_them: BTreeSet<i64> = transaction
                .prepare(
                    "SELECT DISTINCT other.notice FROM temp.forgotten JOIN procedures AS mine ON mine.notice = number
                     JOIN procedures AS other ON other.procedure = mine.procedure
                     WHERE other.notice NOT IN (SELECT number FROM temp.forgotten)",
                )?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for (table, column) in
                [("links", "a"), ("links", "b"), ("claims", "notice"), ("facts", "notice"), ("procedures", "notice")]
            {
                let sql = format!("DELETE FROM {table} WHERE {column} IN (SELECT number FROM temp.forgotten)");
                transaction.execute(&sql, [])?;
            }
            links::settle(&transaction, &with_them)?;
            transaction.execute_batch("DROP TABLE temp.forgotten")?;
            for source in sources {
                let (from, until) = id_range(source);
                for (table, column) in [
                    ("labels", "notice_id"),
                    ("issues", "notice_id"),
                    ("versions", "notice_id"),
                    ("taken_back", "notice_id"),
                    ("notices", "id"),
                ] {
                    let sql = format!("DELETE FROM {table} WHERE {column} >= ?1 AND {column} < ?2");
                    transaction.execute(&sql, [&from, &until])?;
                }
                for table in ["documents", "rates"] {
                    transaction.execute(&format!("DELETE FROM {table} WHERE source = ?1"), [source.as_str()])?;
                }
            }
            Ok(())
        };
        work().map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    /// The next notices of a source after this one, by id.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn notices_after(
        &self,
        source: &SourceId,
        after: Option<&NoticeId>,
        limit: usize,
    ) -> Result<Vec<Notice>, StoreError> {
        let error = self.error("read the notices of a source");
        let (from, until) = id_range(source);
        let after = after.map_or("", NoticeId::as_str);
        let mut statement = self
            .connection()
            .prepare_cached(
                "SELECT id, notice, first_seen FROM notices WHERE id >= ?1 AND id < ?2 AND id > ?3 ORDER BY id LIMIT ?4",
            )
            .map_err(&error)?;
        let mut rows = statement.query(params![from, until, after, limit]).map_err(&error)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (id, blob, first_seen): (String, Vec<u8>, i64) = row.try_into().map_err(&error)?;
            found.push(self.read_notice(&id, &blob, first_seen)?);
        }
        Ok(found)
    }

    /// How many documents of a source there are, and how many of them nobody could read.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn documents_of(&self, source: &SourceId) -> Result<(u64, u64), StoreError> {
        self.connection()
            .query_row("SELECT count(*), count(code) FROM documents WHERE source = ?1", [source.as_str()], |row| {
                row.try_into()
            })
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(self.error("count the documents of a source"))
    }
}
