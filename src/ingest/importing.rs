//! `import`: files and folders → documents, filed under the source that format and content point to.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;

use super::intake::Intake;
use super::{IngestError, Progress, Session, Told, Workspace};
use crate::config::Limits;
use crate::formats::Reader;
use crate::ids::SourceId;
use crate::raw::Origin;
use crate::records::{DocumentOutcome, Receipt, SourceReceipt};
use crate::source::Source;
use crate::unpack::{self, Entry};

/// What to import and how.
pub struct ImportOptions {
    /// Under which source; `None` lets the content say.
    pub source: Option<SourceId>,
    /// As which format; `None` lets the document say.
    pub format: Option<Reader>,
    /// Files, folders, or `-`.
    pub paths: Vec<String>,
}

/// Where documents go that no source claims.
const NO_SOURCE: &str = "import";

/// Imports everything below the paths.
///
/// # Errors
/// When a path is not there, or the run cannot go on; documents that cannot be read are on the receipt.
pub fn import(
    workspace: &Workspace,
    options: &ImportOptions,
    command: &str,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Receipt, IngestError> {
    for path in &options.paths {
        if path != "-" {
            Path::new(path)
                .metadata()
                .map_err(|error| IngestError::Path { path: path.clone(), reason: error.to_string() })?;
        }
    }
    let session = Session::open(workspace, command, now)?;
    let run = session.run.clone();
    let session = Mutex::new(session);
    let mut receipts: Vec<SourceReceipt> = Vec::new();
    std::thread::scope(|threads| {
        let mut intake = Intake::new(threads, &session, options.format.clone());
        let mut current = 0;
        let mut failure = None;
        let mut take = |name: &str, entry: DocumentEntry| {
            let (path, body) = match entry {
                DocumentEntry::Document { path, body } => (path, body),
                DocumentEntry::Ignored { path } => {
                    let at = receipt_of(&mut receipts, &default_source(options));
                    receipts[at].documents.ignored += 1;
                    tracing::debug!("ignored {name} {}: plainly no data", path.join(" "));
                    return ControlFlow::Continue(());
                }
                DocumentEntry::Failed { path, reason } => {
                    let at = receipt_of(&mut receipts, &default_source(options));
                    receipts[at].count_document(&DocumentOutcome::Failed);
                    let what = path.last().map_or(name, |member| member);
                    tracing::warn!("not taken in: {what} {reason}");
                    receipts[at].fail(format!("{what} {reason}"));
                    return ControlFlow::Continue(());
                }
            };
            let source = source_of(workspace, options, &body);
            let at = receipt_of(&mut receipts, &source);
            let origin = Origin {
                source,
                url: format!("file:{name}"),
                fetched_at: now,
                run: run.clone(),
                status: None,
                headers: Vec::new(),
                member: path,
                container: None,
                read_as: options.format.as_ref().map(|reader| reader.name().to_owned()),
                detail: false,
            };
            // A batch belongs to one receipt, so a change of source ends it.
            let done = if at == current { Ok(()) } else { intake.flush(&mut receipts[current]) };
            current = at;
            match done.and_then(|()| intake.push(origin, body, &mut receipts[at])) {
                Ok(()) => {
                    progress(&receipts[at], Told::At(name));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let mut outcome = Ok(ControlFlow::Continue(()));
        for path in &options.paths {
            outcome = read_documents(path, &workspace.config.limits, &mut take);
            if !matches!(outcome, Ok(ControlFlow::Continue(()))) {
                break;
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        outcome.map(|_| ())?;
        if receipts.is_empty() {
            receipt_of(&mut receipts, &default_source(options));
        }
        intake.finish(&mut receipts[current])
    })?;
    session.into_inner().expect("nobody panicked while holding it").finish(receipts, now)
}

fn default_source(options: &ImportOptions) -> SourceId {
    options.source.clone().unwrap_or_else(|| SourceId::new(NO_SOURCE))
}

fn source_of(workspace: &Workspace, options: &ImportOptions, body: &[u8]) -> SourceId {
    if let Some(source) = &options.source {
        return source.clone();
    }
    let reader = options.format.clone().or_else(|| workspace.readers.sniff(body).ok());
    let claimed = match &reader {
        Some(Reader::Mapped(mapping)) => Some(SourceId::new(&mapping.source)),
        Some(Reader::Builtin(format)) => {
            let fits = |source: &&Source| source.sniff.as_ref().is_some_and(|sniff| sniff.matches(format.name, body));
            workspace.sources.iter().find(fits).map(|source| source.id.clone())
        }
        None => None,
    };
    claimed.unwrap_or_else(|| SourceId::new(NO_SOURCE))
}

fn receipt_of(receipts: &mut Vec<SourceReceipt>, source: &SourceId) -> usize {
    receipts.iter().position(|receipt| receipt.source == *source).unwrap_or_else(|| {
        receipts.push(SourceReceipt::new(source.clone()));
        receipts.len() - 1
    })
}

/// What a path holds, for `import` and `parse` alike.
pub enum DocumentEntry {
    /// A document.
    Document {
        /// Names inside packages.
        path: Vec<String>,
        /// The bytes.
        body: Bytes,
    },
    /// Plainly no data.
    Ignored {
        /// Names inside packages.
        path: Vec<String>,
    },
    /// Not taken in.
    Failed {
        /// Names inside packages.
        path: Vec<String>,
        /// Why, as a fragment.
        reason: String,
    },
}

/// Walks a file, a folder (by name, in order) or standard input (`-`), until it ends or `take` breaks off.
///
/// # Errors
/// When the path itself cannot be read; what is wrong inside is an entry.
pub fn read_documents(
    path: &str,
    limits: &Limits,
    take: &mut dyn FnMut(&str, DocumentEntry) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, IngestError> {
    if path == "-" {
        return Ok(read_one("-", std::io::stdin().lock(), limits, take));
    }
    walk(Path::new(path), limits, take, 0)
}

const FOLDERS_DEEP: usize = 40;

fn walk(
    path: &Path,
    limits: &Limits,
    take: &mut dyn FnMut(&str, DocumentEntry) -> ControlFlow<()>,
    depth: usize,
) -> Result<ControlFlow<()>, IngestError> {
    let name = path.display().to_string();
    // What the user named must be readable; what lies below it is one document among others.
    let unreadable = |error: std::io::Error, take: &mut dyn FnMut(&str, DocumentEntry) -> ControlFlow<()>| {
        if depth == 0 {
            return Err(IngestError::Path { path: name.clone(), reason: error.to_string() });
        }
        let entry = DocumentEntry::Failed { path: Vec::new(), reason: format!("could not be read: {error}") };
        Ok(take(&name, entry))
    };
    let kind = match path.metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(error) => return unreadable(error, take),
    };
    if kind.is_dir() {
        // A folder behind a link is read where it is, not here: links may lead in circles.
        if depth > 0 && path.is_symlink() {
            return Ok(take(&name, DocumentEntry::Ignored { path: Vec::new() }));
        }
        if depth > FOLDERS_DEEP {
            return unreadable(std::io::Error::other("folders are nested too deep"), take);
        }
        let mut inside: Vec<_> = match path.read_dir().and_then(Iterator::collect) {
            Ok(inside) => inside,
            Err(error) => return unreadable(error, take),
        };
        inside.sort_by_key(std::fs::DirEntry::file_name);
        for entry in inside {
            if walk(&entry.path(), limits, take, depth + 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        return Ok(ControlFlow::Continue(()));
    }
    // A pipe or device may be named, but one that merely lies in a folder would be waited for without end.
    if depth > 0 && (!kind.is_file() || unpack::is_no_data(&name)) {
        return Ok(take(&name, DocumentEntry::Ignored { path: Vec::new() }));
    }
    match File::open(path) {
        Ok(file) => Ok(read_one(&name, file, limits, take)),
        Err(error) => unreadable(error, take),
    }
}

fn read_one(
    name: &str,
    input: impl Read,
    limits: &Limits,
    take: &mut dyn FnMut(&str, DocumentEntry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut stopped = ControlFlow::Continue(());
    let outcome = unpack::walk(name, input, limits, &mut |entry| {
        let entry = match entry {
            Entry::Document { path, body } => DocumentEntry::Document { path, body },
            Entry::Ignored { path } => DocumentEntry::Ignored { path },
            Entry::Refused { path, reason } => DocumentEntry::Failed { path, reason },
        };
        stopped = take(name, entry);
        stopped
    });
    match outcome {
        Err(error) if stopped.is_continue() => {
            take(name, DocumentEntry::Failed { path: Vec::new(), reason: format!("was not read to its end: {error}") })
        }
        _ => stopped,
    }
}
