//! Documents of one source, in batches: hash, drop what is known, archive, parse, classify, store, index.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};
use std::thread::{Scope, ScopedJoinHandle};

use bytes::Bytes;
use rayon::prelude::*;

use super::{IngestError, Session, Workspace, background};
use crate::analysis::Stems;
use crate::archive::{self, Archive, Prepared};
use crate::formats::{ParseError, Reader};
use crate::ids::{NoticeId, RawId, RunId, SourceId};
use crate::rates::Rates;
use crate::raw::{Origin, RawDocument};
use crate::records::{DocumentOutcome, RecordCounts, SourceReceipt};
use crate::search::IndexDocument;
use crate::store::{Batch, Derived, Kept, PreparedNotice, StoredDocument};

const BATCH_DOCUMENTS: usize = 128;
const BATCH_BYTES: usize = 2 << 20;
/// A notice in flight takes some ten kilobytes, and a row of a table that becomes one has a hundred bytes.
const BATCH_NOTICES: usize = 1024;
/// Index documents that are made at once.
const AT_ONCE: usize = 64;
/// Notices in so many bytes, as long as none were read.
const DENSE: (usize, usize) = (BATCH_NOTICES, 1 << 20);

/// Takes in the documents of one source. While one batch is brought into archive, store and index, the next one is read
/// and further documents are fetched; batches become durable one after the other.
pub(super) struct Intake<'s, 'e, 'w> {
    /// Where batches are brought in.
    threads: &'s Scope<'s, 'e>,
    session: &'s Mutex<Session<'w>>,
    workspace: &'w Workspace,
    run: RunId,
    reader: Option<Reader>,
    pending: Vec<(Origin, Bytes)>,
    pending_bytes: usize,
    /// The notices of the last batch, and its bytes.
    density: (usize, usize),
    /// Says what is known, without waiting for others who hold the session; opened when it is first asked.
    stored: Option<Derived>,
    /// Read, and not yet archived.
    read: ReadBatch,
    /// The batch that is being brought in, and how many documents it has.
    writing: Option<(ScopedJoinHandle<'s, Result<Written, IngestError>>, usize)>,
    uncommitted: u64,
    /// Documents that were known before, and known to be unreadable.
    unreadable: u64,
    /// The ids of all notices that were read, hashed; those of documents that were known too.
    seen: Option<HashSet<u64>>,
}

/// Quarantined documents that are named one by one; a broken package may have a hundred thousand.
const NAMED: u64 = 20;

/// Documents that nobody knew, and what they say.
#[derive(Default)]
struct ReadBatch {
    documents: Vec<RawDocument>,
    readings: Vec<(Prepared, Reading)>,
}

/// What became of a batch.
struct Written {
    /// Its part of the receipt.
    receipt: SourceReceipt,
    /// Notices that the index was told of.
    notices: u64,
}

impl<'s, 'e, 'w> Intake<'s, 'e, 'w> {
    /// Several sources may share a session: each batch is brought in by itself.
    pub fn new(threads: &'s Scope<'s, 'e>, session: &'s Mutex<Session<'w>>, reader: Option<Reader>) -> Self {
        let read = ReadBatch::default();
        let (workspace, run) = {
            let session = locked(session);
            (session.workspace, session.run.clone())
        };
        Self {
            threads,
            session,
            workspace,
            run,
            reader,
            pending: Vec::new(),
            pending_bytes: 0,
            density: DENSE,
            stored: None,
            read,
            writing: None,
            uncommitted: 0,
            unreadable: 0,
            seen: None,
        }
    }

    /// The session, for a moment: hold it no longer than a statement.
    pub fn session(&self) -> MutexGuard<'s, Session<'w>> {
        locked(self.session)
    }

    /// What reads documents, and what they are classified with.
    pub fn workspace(&self) -> &'w Workspace {
        self.workspace
    }

    /// Remembers from now on which notices were read.
    pub fn remember(&mut self) {
        self.seen = Some(HashSet::new());
    }

    /// Whether a notice was read. `None` when there was none at all, or nobody remembers.
    pub fn seen(&self) -> Option<impl Fn(&NoticeId) -> bool> {
        let seen = self.seen.as_ref().filter(|seen| !seen.is_empty())?;
        Some(|id: &NoticeId| seen.contains(&hashed(id)))
    }

    /// Documents so far that came again and could not be read then either.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Which run this is; nobody waits for the session to know that.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Documents that were added and are in no receipt yet.
    pub fn pending(&self) -> u64 {
        let writing = self.writing.as_ref().map_or(0, |(_, documents)| *documents);
        (self.pending.len() + self.read.documents.len() + writing) as u64
    }

    /// Adds a document; works when a batch is full.
    pub fn push(&mut self, origin: Origin, body: Bytes, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        self.pending_bytes += body.len();
        self.pending.push((origin, body));
        let (notices, bytes) = self.density;
        let expected = self.pending_bytes.saturating_mul(notices) / bytes.max(1);
        if self.pending.len() >= BATCH_DOCUMENTS || self.pending_bytes >= BATCH_BYTES || expected >= BATCH_NOTICES {
            self.advance(receipt)?;
        }
        Ok(())
    }

    /// Brings everything added so far into archive, store and index (the index without its commit).
    pub fn flush(&mut self, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        if !self.pending.is_empty() {
            self.advance(receipt)?;
        }
        self.await_written(receipt)?;
        self.bring_in_read(receipt);
        self.await_written(receipt)
    }

    /// Reads the batch that is pending, while the one before it is brought in.
    fn advance(&mut self, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        let documents: Vec<RawDocument> =
            self.pending.par_drain(..).map(|(origin, body)| RawDocument::new(origin, body)).collect();
        self.pending_bytes = 0;
        self.await_written(receipt)?;
        let documents = self.without_known(documents, receipt)?;
        self.bring_in_read(receipt);
        // The other batch is not brought in by the pool: a pool thread that waits may take up the batch of another
        // source, which waits for the session that this one holds.
        let (reader, workspace) = (self.reader.as_ref(), self.workspace);
        let readings: Vec<(Prepared, Reading)> = documents
            .par_iter()
            .map(|document| (Prepared::new(document), Reading::of(document, reader, workspace)))
            .collect();
        self.note_seen(&readings);
        if !documents.is_empty() {
            let notices = readings.iter().map(|(_, reading)| reading.notices.len()).sum();
            self.density = (notices, documents.iter().map(|document| document.body.len()).sum());
        }
        self.read = ReadBatch { documents, readings };
        Ok(())
    }

    fn note_seen(&mut self, readings: &[(Prepared, Reading)]) {
        if let Some(seen) = &mut self.seen {
            let notices = readings.iter().flat_map(|(_, reading)| &reading.notices);
            seen.extend(notices.map(|notice| hashed(&notice.notice().id)));
        }
    }

    /// Begins to bring in the batch that has been read; nothing else is being brought in.
    fn bring_in_read(&mut self, receipt: &SourceReceipt) {
        let batch = std::mem::take(&mut self.read);
        let documents = batch.documents.len();
        if documents == 0 {
            return;
        }
        let (session, source, quarantined) = (self.session, receipt.source.clone(), receipt.documents.quarantined);
        let work = move || {
            background::go_last();
            bring_in(&mut locked(session), batch, SourceReceipt::new(source), quarantined)
        };
        self.writing = Some((self.threads.spawn(work), documents));
    }

    /// Waits until nothing is being brought in, and counts what was.
    fn await_written(&mut self, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        let Some((writing, _)) = self.writing.take() else { return Ok(()) };
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        receipt.add(&written.receipt);
        self.count_written(written.notices)
    }

    fn count_written(&mut self, written: u64) -> Result<(), IngestError> {
        self.uncommitted += written;
        if self.uncommitted >= self.workspace.config.index.commit_every { self.commit() } else { Ok(()) }
    }

    /// Flushes and commits the index: from here on a cursor may move.
    pub fn finish(&mut self, receipt: &mut SourceReceipt) -> Result<(), IngestError> {
        self.flush(receipt)?;
        self.commit()
    }

    fn commit(&mut self) -> Result<(), IngestError> {
        let mut session = self.session();
        let seq = session.derived.change_seq()?;
        if session.index.applied() < seq {
            session.index.commit(seq)?;
        }
        drop(session);
        self.uncommitted = 0;
        Ok(())
    }

    fn without_known(
        &mut self,
        documents: Vec<RawDocument>,
        receipt: &mut SourceReceipt,
    ) -> Result<Vec<RawDocument>, IngestError> {
        let mut fresh = Vec::with_capacity(documents.len());
        // What another source brings in meanwhile is none of this one's.
        let stored = match &mut self.stored {
            Some(stored) => stored,
            none => none.insert(Derived::open_reader(&self.workspace.layout.derived())?),
        };
        let mut unreadable = 0;
        let mut seen: HashSet<(SourceId, RawId)> =
            self.read.documents.iter().map(|document| (document.origin.source.clone(), document.id)).collect();
        for document in documents {
            receipt.bytes += document.body.len() as u64;
            let mut known = stored.document(&document.origin.source, &document.id)?;
            if known == Some(true) && says_again(stored, self.workspace, &document)? {
                known = None;
            }
            unreadable += u64::from(known == Some(false));
            if known.is_some() || !seen.insert((document.origin.source.clone(), document.id)) {
                receipt.count_document(&DocumentOutcome::Duplicate);
                if let Some(seen) = &mut self.seen {
                    let reading = Reading::of(&document, self.reader.as_ref(), self.workspace);
                    seen.extend(reading.notices.iter().map(|notice| hashed(&notice.notice().id)));
                }
            } else {
                fresh.push(document);
            }
        }
        self.unreadable += unreadable;
        Ok(fresh)
    }
}

/// Whether the publisher goes back on what it said: at this very address something else had come after these bytes, and now
/// they are there again. What merely comes again from elsewhere, an older file that is imported once more, says nothing new.
fn says_again(stored: &Derived, workspace: &Workspace, document: &RawDocument) -> Result<bool, IngestError> {
    for at in stored.superseded_by(&document.origin.source, &document.id)? {
        let last = archive::read(&workspace.layout.archive(), at)?;
        if last.origin.url == document.origin.url && last.origin.member == document.origin.member {
            return Ok(true);
        }
    }
    Ok(false)
}

fn locked<'s, 'w>(session: &'s Mutex<Session<'w>>) -> MutexGuard<'s, Session<'w>> {
    session.lock().expect("a thread that panics while it holds the session ends the run")
}

fn hashed(id: &NoticeId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

fn tell(document: &RawDocument, outcome: &DocumentOutcome, number: u64) {
    let DocumentOutcome::Quarantined { code, reason } = outcome else { return };
    let name = document.origin.name();
    if number <= NAMED {
        tracing::warn!(code, raw.id = %document.id, "quarantined {name}: {reason}");
    } else {
        tracing::debug!(code, raw.id = %document.id, "quarantined {name}: {reason}");
    }
    if number == NAMED + 1 {
        tracing::warn!("more documents are quarantined; `tenderwatch status` counts and names them");
    }
}

/// Archive, store, index, in this order. So many documents of the source were quarantined before.
fn bring_in(
    session: &mut Session<'_>,
    batch: ReadBatch,
    mut receipt: SourceReceipt,
    quarantined: u64,
) -> Result<Written, IngestError> {
    let mut stored = Vec::with_capacity(batch.documents.len());
    for (document, (prepared, reading)) in batch.documents.iter().zip(batch.readings) {
        let at = session.archive.append(&prepared)?;
        receipt.count_document(&reading.outcome);
        reading.count(&mut receipt);
        tell(document, &reading.outcome, quarantined + receipt.documents.quarantined);
        stored.push(reading.stored(document, at));
    }
    session.archive.sync()?;
    let documents = Batch { documents: stored, archive_end: session.archive.end() };
    let applied = session.derived.apply(&mut session.kept, documents)?;
    receipt.notices.new += applied.notices.new;
    receipt.notices.changed += applied.notices.changed;
    receipt.notices.unchanged += applied.notices.unchanged;
    let notices = applied.written.len() as u64;
    let mut written = applied.written.into_iter();
    while written.len() > 0 {
        for (seq, document) in index_documents(written.by_ref().take(AT_ONCE).collect()) {
            if applied.replaced.contains(&seq) {
                session.index.put(seq, document)?;
            } else {
                session.index.add(seq, document)?;
            }
        }
    }
    Ok(Written { receipt, notices })
}

thread_local! {
    /// Words come again and again, in one batch after the other.
    static STEMS: RefCell<Stems> = RefCell::default();
}

/// Index documents in the order of their changes.
pub(super) fn index_documents(written: Vec<(u64, crate::notice::Notice)>) -> Vec<(u64, IndexDocument)> {
    written
        .into_par_iter()
        .map(|(seq, notice)| (seq, STEMS.with_borrow_mut(|stems| IndexDocument::new(&notice, stems))))
        .collect()
}

/// What a document said.
struct Reading {
    outcome: DocumentOutcome,
    format: Option<String>,
    records: RecordCounts,
    issues: Vec<crate::issue::Issue>,
    notices: Vec<PreparedNotice>,
    taken_back: Vec<NoticeId>,
    rates: Option<Rates>,
}

impl Reading {
    /// Parses and classifies. A document that cannot be read, or on which the parser itself fails, is quarantined.
    fn of(document: &RawDocument, reader: Option<&Reader>, workspace: &Workspace) -> Self {
        let parse = || {
            let fixed = if reader.is_none() { fixed_reader(workspace, document)? } else { None };
            workspace.readers.parse(document, reader.or(fixed.as_ref()))
        };
        match catch_unwind(AssertUnwindSafe(parse)) {
            Ok(Ok((reader, parsed))) => {
                let source = workspace.sources.iter().find(|known| known.id == document.origin.source);
                let notices = parsed.notices.into_iter().map(|mut notice| {
                    workspace.label(&mut notice);
                    notice.licence = source.map(|source| source.access.licence.clone());
                    PreparedNotice::new(notice)
                });
                Self {
                    outcome: DocumentOutcome::Parsed,
                    format: Some(reader.name().to_owned()),
                    records: parsed.records,
                    issues: parsed.issues,
                    notices: notices.collect(),
                    taken_back: parsed.taken_back,
                    rates: parsed.rates,
                }
            }
            Ok(Err(error)) => Self::quarantined(error.code(), error.to_string()),
            Err(_) => Self::quarantined("parser-panic", "the parser itself failed on it: please report".to_owned()),
        }
    }

    fn quarantined(code: &str, reason: String) -> Self {
        Self {
            outcome: DocumentOutcome::Quarantined { code: code.to_owned(), reason },
            format: None,
            records: RecordCounts { read: 1, quarantined: 1, ..RecordCounts::default() },
            issues: Vec::new(),
            notices: Vec::new(),
            taken_back: Vec::new(),
            rates: None,
        }
    }

    fn count(&self, receipt: &mut SourceReceipt) {
        receipt.records.add(&self.records);
        let on_notices: usize = self.notices.iter().map(|notice| notice.notice().issues.len()).sum();
        receipt.issues += (self.issues.len() + on_notices) as u64;
    }

    fn stored(self, document: &RawDocument, at: archive::Position) -> StoredDocument {
        StoredDocument {
            source: document.origin.source.clone(),
            raw_id: document.id,
            at,
            name: document.origin.name().to_owned(),
            fetched_at: document.origin.fetched_at,
            detail: document.origin.detail,
            format: self.format,
            outcome: self.outcome,
            records: self.records,
            issues: self.issues,
            notices: self.notices,
            taken_back: self.taken_back,
            rates: self.rates,
        }
    }
}

/// Brings the store up to the archive: what an earlier run archived but did not get to store.
pub(super) fn catch_up(
    workspace: &Workspace,
    kept: &mut Kept,
    derived: &mut Derived,
    archive: &Archive,
) -> Result<u64, IngestError> {
    let from = derived.archive_position()?;
    if from == archive.end() {
        return Ok(0);
    }
    let replay = archive::replay(&workspace.layout.archive(), from)?;
    let count = read_stored(workspace, kept, derived, replay, None)?;
    if count > 0 {
        tracing::info!(documents = count, "caught up with {count} archived documents that were not stored yet");
    }
    Ok(count)
}

/// Reads archived documents into the store. How far that brings it is after the last one, unless `end` says where.
pub(super) fn read_stored(
    workspace: &Workspace,
    kept: &mut Kept,
    derived: &mut Derived,
    documents: impl Iterator<Item = Result<(RawDocument, archive::Position, archive::Position), archive::ArchiveError>>,
    end: Option<archive::Position>,
) -> Result<u64, IngestError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut count = 0;
    let mut replay = documents.peekable();
    while let Some(record) = replay.next() {
        let (document, at, next) = record?;
        bytes += document.body.len();
        batch.push((document, at));
        if batch.len() >= BATCH_DOCUMENTS || bytes >= BATCH_BYTES || replay.peek().is_none() {
            count += batch.len() as u64;
            let documents = batch
                .par_drain(..)
                .map(|(document, at)| Reading::of(&document, None, workspace).stored(&document, at))
                .collect();
            derived.apply(kept, Batch { documents, archive_end: end.unwrap_or(next) })?;
            bytes = 0;
        }
    }
    Ok(count)
}

/// What a document is read with whatever it looks like: what the operator named when it came in, else what its source's
/// definition says; `None` when neither says anything.
fn fixed_reader(workspace: &Workspace, document: &RawDocument) -> Result<Option<Reader>, ParseError> {
    if let Some(name) = &document.origin.read_as {
        let known = workspace.readers.find(name);
        return known.map(Some).ok_or_else(|| ParseError::NoSuchFormat { name: name.clone() });
    }
    let source = workspace.sources.iter().find(|known| known.id == document.origin.source);
    Ok(source.and_then(|source| source.document.reader.clone()))
}
