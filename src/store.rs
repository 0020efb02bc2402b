//! The truth, in SQLite: `kept.db` (cursors, receipts, first-seen log: never rebuilt) and `store.db`
//! (documents, notices, labels: derived, recreated from the archive at any time).
//!
//! Every write is one transaction and idempotent. Each write of a notice takes the next number of the change
//! sequence, which the index follows. It knows nothing about formats, categories or search.

mod derived;
mod kept;
mod links;
mod schema;

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::derived::{Applied, Batch, Counts, Derived, PreparedNotice, StoredDocument, Version};
pub use self::kept::{DetailEnd, Kept, StoredValidators};
pub use self::links::{LinkCounts, Member, Procedure, StoredLink};
use crate::archive::Position;
use crate::evaluation::marks::{Mark, MarkError, parse_marks};
use crate::ids::SourceId;
use crate::links::{Verdict, VerdictError, parse_verdicts};

/// The ids of a source's notices lie between these two.
fn id_range(source: &SourceId) -> (String, String) {
    // `0` follows `/`.
    (format!("{source}/"), format!("{source}0"))
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Written by a newer program; nothing was touched.
    #[error("{path} has version {found}, this program knows up to {known}: use a newer tenderwatch", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this program reads.
        known: u32,
    },
    /// The file is no database, or its pages are broken.
    #[error("{path} is damaged ({reason}); {advice}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
        /// What the operator does now.
        advice: &'static str,
    },
    /// Somebody else writes.
    #[error("the data directory {path} is in use: {holder}", path = path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Process, command and start of the holder.
        holder: String,
    },
    /// Nothing there yet.
    #[error("there is no data in {path} yet: run `tenderwatch crawl`, `import` or `demo` first", path = path.display())]
    Missing {
        /// The data directory.
        path: PathBuf,
    },
    /// A migration did not keep what it had to keep; the old file stands.
    #[error("could not migrate {path} from version {from}: {reason}; the file is as it was", path = path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Its version.
        from: u32,
        /// What went wrong.
        reason: String,
    },
    /// Any other answer of SQLite.
    #[error("could not {action} in {path}: {source}", path = path.display())]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// The disk said no.
    #[error("could not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The operator's file on links has a line that is none.
    #[error("{path}, {error}", path = path.display())]
    Verdict {
        /// The file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        error: VerdictError,
    },
    /// The analysts' file of marks has a line that is none.
    #[error("{path}, {error}", path = path.display())]
    Mark {
        /// The file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        error: MarkError,
    },
    /// A stored shape that does not read back.
    #[error("{what} in {path} does not read back: {reason}", path = path.display())]
    Shape {
        /// Which row.
        what: String,
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

/// Where things stand in a data directory.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// Adds lines to a text file, and sees that they stay.
fn append(path: &Path, lines: &str) -> Result<(), StoreError> {
    let add = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    };
    add().map_err(|source| StoreError::Io { action: "write", path: path.to_owned(), source })
}

impl Layout {
    /// The layout of this data directory, which may not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Raw documents (kept).
    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// Cursors, receipts, first-seen (kept).
    pub fn kept(&self) -> PathBuf {
        self.root.join("kept.db")
    }

    /// Documents and notices (derived).
    pub fn derived(&self) -> PathBuf {
        self.root.join("store.db")
    }

    /// The full-text index (derived).
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// What the operator says of links, a line each (kept).
    pub fn verdicts_file(&self) -> PathBuf {
        self.root.join("links.tsv")
    }

    /// The verdicts in that file; none where it is not there.
    ///
    /// # Errors
    /// When it cannot be read, or a line is none.
    pub fn verdicts(&self) -> Result<Vec<Verdict>, StoreError> {
        let path = self.verdicts_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => parse_verdicts(&text).map_err(|error| StoreError::Verdict { path, error }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(StoreError::Io { action: "read", path, source }),
        }
    }

    /// Adds a verdict to that file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_verdict(&self, verdict: &Verdict) -> Result<(), StoreError> {
        append(&self.verdicts_file(), &format!("{verdict}\n"))
    }

    /// What analysts say of labels, a line each (kept).
    pub fn marks_file(&self) -> PathBuf {
        self.root.join("marks.tsv")
    }

    /// The marks in that file; none where it is not there.
    ///
    /// # Errors
    /// When it cannot be read, or a line is none.
    pub fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        let path = self.marks_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => parse_marks(&text).map_err(|error| StoreError::Mark { path, error }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(StoreError::Io { action: "read", path, source }),
        }
    }

    /// Adds marks to that file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_marks(&self, marks: &[Mark]) -> Result<(), StoreError> {
        let lines: String = marks.iter().map(|mark| format!("{mark}\n")).collect();
        append(&self.marks_file(), &lines)
    }

    /// Downloads on their way into the archive.
    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// The writer's lock.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Refuses, before anything is touched, data of a newer program and a store that has lost its kept state.
    ///
    /// # Errors
    /// [`StoreError::Newer`] or [`StoreError::Damaged`].
    pub fn check(&self) -> Result<(), StoreError> {
        Kept::check_version(&self.kept())?;
        // A broken store is the business of whoever opens it: `rebuild --from-archive` does not.
        if let Err(error @ StoreError::Newer { .. }) = Derived::check_version(&self.derived()) {
            return Err(error);
        }
        // kept.db is complete before store.db is begun, so an empty one beside it was not always so.
        let lost = self.kept().metadata().map_or(true, |metadata| metadata.len() == 0);
        if lost && self.derived().exists() {
            return Err(StoreError::Damaged {
                path: self.kept(),
                reason: "it is empty or gone".to_owned(),
                advice: "bring it back from a backup, or remove store.db too to begin without cursors, receipts and first-seen times",
            });
        }
        Ok(())
    }

    /// Whether anything has ever been stored here.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when not.
    pub fn require(&self) -> Result<(), StoreError> {
        if self.derived().exists() { Ok(()) } else { Err(StoreError::Missing { path: self.root.clone() }) }
    }
}

/// The right to write in a data directory; given back on drop or when the process ends, however it ends.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    command: String,
    since: Timestamp,
}

impl WriterLock {
    /// Takes the lock, or says who holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or what the disk said.
    pub fn take(layout: &Layout, command: &str, now: Timestamp) -> Result<Self, StoreError> {
        let path = layout.lock();
        let io = |action| {
            let path = path.clone();
            move |source| StoreError::Io { action, path, source }
        };
        std::fs::create_dir_all(layout.root()).map_err(io("create the folder of"))?;
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(io("read"))?;
                let holder = match serde_json::from_str::<Holder>(&text) {
                    Ok(holder) => format!(
                        "process {} (`tenderwatch {}`) holds it since {}",
                        holder.pid, holder.command, holder.since
                    ),
                    Err(_) => "another process is just taking it".to_owned(),
                };
                return Err(StoreError::Locked { path: layout.root().to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let holder = Holder { pid: std::process::id(), command: command.to_owned(), since: now };
        let text = serde_json::to_string(&holder).expect("plain data");
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(io("write"))?;
        Ok(Self { _file: file })
    }
}

/// The archive position as stored.
pub(crate) fn position_text(position: Position) -> String {
    format!("{}:{}", position.pack, position.offset)
}

pub(crate) fn position_parse(text: &str) -> Option<Position> {
    let (pack, offset) = text.split_once(':')?;
    Some(Position { pack: pack.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path());
        let first = WriterLock::take(&layout, "import x", Timestamp::UNIX_EPOCH).expect("free");
        let error = WriterLock::take(&layout, "crawl", Timestamp::UNIX_EPOCH).expect_err("held").to_string();
        assert!(error.contains("tenderwatch import x") && error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        WriterLock::take(&layout, "crawl", Timestamp::UNIX_EPOCH).expect("free again");
    }

    #[test]
    fn positions_read_back() {
        let position = Position { pack: 3, offset: 99 };
        assert_eq!(position_parse(&position_text(position)), Some(position));
        assert_eq!(position_parse("x"), None);
    }
}
