//! Derived state, made anew: labels after definitions changed, the index from the store, everything from the archive.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use rayon::prelude::*;

use super::intake::{catch_up, index_documents};
use super::{IngestError, Workspace};
use crate::archive::{Archive, Position};
use crate::doubts;
use crate::evaluation::marks::Mark;
use crate::links::Verdict;
use crate::notice::Notice;
use crate::rates::Rates;
use crate::search::IndexWriter;
use crate::store::{Derived, Kept, Layout, PreparedNotice, StoreError, WriterLock};

const CHUNK: usize = 256;
/// With which definitions the stored notices were labelled.
const CLASSIFIER: &str = "classifier";
const KINDS: &str = "buyers";
/// With which reference rates their values in euro were computed.
const RATES: &str = "rates";
/// With which versions of formats and definitions the stored notices were read.
pub(super) const READERS: &str = "readers";

/// What the labels of stored notices rest on: the key in the store, and what stands there when they are up to date.
fn foundations(workspace: &Workspace) -> [(&'static str, String); 3] {
    [
        (CLASSIFIER, workspace.classifier.fingerprint()),
        (KINDS, workspace.kinds.fingerprint().to_owned()),
        (RATES, rates_version(&workspace.rates())),
    ]
}

/// The rules for amounts and the shipped rates; then the last day of those that came, and what tells them apart.
fn rates_version(rates: &Rates) -> String {
    let (shipped, last) = (Rates::shipped(), rates.last_day());
    format!("{} {last} {}", snapshot(&shipped), rates.fingerprint(shipped.last_day(), last))
}

fn snapshot(shipped: &Rates) -> String {
    format!("{}/{} to {}", doubts::RULES, shipped.currencies().count(), shipped.last_day())
}

/// The day after which values may be others, when nothing but the rates of the days after it is new.
fn only_later_rates(stored: &str, rates: &Rates) -> Option<Date> {
    let mut parts = stored.rsplitn(3, ' ');
    let (print, last, rules) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    let shipped = Rates::shipped();
    (rules == snapshot(&shipped) && print == rates.fingerprint(shipped.last_day(), last)).then_some(last)
}

fn note_foundations(workspace: &Workspace, derived: &mut Derived) -> Result<(), IngestError> {
    for (key, wanted) in foundations(workspace) {
        derived.set_meta(key, &wanted)?;
    }
    Ok(())
}

/// The stored notices whose labels are to be computed, oldest change first.
enum Affected {
    /// All after this change number.
    After(u64),
    /// Those with these numbers, the last one first.
    These(Vec<u64>),
}

impl Affected {
    /// The next ones, none of which is a change after `last`.
    fn next(&mut self, derived: &Derived, last: u64) -> Result<Vec<Notice>, IngestError> {
        match self {
            Self::After(from) => {
                let mut chunk = derived.changes_since(*from, CHUNK)?;
                chunk.retain(|(seq, _)| *seq <= last);
                *from = chunk.last().map_or(last, |(seq, _)| *seq);
                Ok(chunk.into_iter().map(|(_, notice)| notice).collect())
            }
            Self::These(numbers) => {
                let mut notices = Vec::with_capacity(CHUNK);
                while let Some(number) = numbers.pop() {
                    notices.extend(derived.changes_since(number - 1, 1)?.into_iter().map(|(_, notice)| notice));
                    if notices.len() == CHUNK {
                        break;
                    }
                }
                Ok(notices)
            }
        }
    }
}

/// Labels stored notices again when definitions or rates are not those of the last run, and says what changed. Where only
/// rates of further days are new, that is the notices published after the last day before.
pub(super) fn relabel(workspace: &Workspace, derived: &mut Derived) -> Result<(), IngestError> {
    workspace.learn_rates(derived)?;
    let mut other = Vec::new();
    for (key, wanted) in foundations(workspace) {
        if derived.meta(key)?.as_deref() != Some(wanted.as_str()) {
            other.push(key);
        }
    }
    if other.is_empty() {
        return Ok(());
    }
    let last = derived.change_seq()?;
    let rates = workspace.rates();
    let later = match derived.meta(RATES)? {
        Some(stored) if other == [RATES] => only_later_rates(&stored, &rates),
        _ => None,
    };
    let mut affected = match later {
        Some(day) => Affected::These(derived.published_after(day)?.into_iter().rev().collect()),
        None => Affected::After(0),
    };
    let (mut categories, mut kinds, mut changed) = (0u64, 0u64, 0);
    loop {
        let chunk = affected.next(derived, last)?;
        if chunk.is_empty() {
            break;
        }
        let labelled: Vec<(bool, bool, PreparedNotice, Timestamp)> = chunk
            .into_par_iter()
            .map(|mut notice| {
                let first_seen = notice.first_seen.unwrap_or_default();
                let before = std::mem::take(&mut notice.categories);
                let kinds: Vec<Option<String>> = notice.buyers.iter().map(|buyer| buyer.kind.clone()).collect();
                doubts::note(&mut notice);
                workspace.label(&mut notice);
                let other_categories = before != notice.categories;
                let other_kinds = notice.buyers.iter().zip(kinds).any(|(buyer, before)| buyer.kind != before);
                (other_categories, other_kinds, PreparedNotice::new(notice), first_seen)
            })
            .collect();
        categories += labelled.iter().filter(|(other, ..)| *other).count() as u64;
        kinds += labelled.iter().filter(|(_, other, ..)| *other).count() as u64;
        let notices = labelled.into_iter().map(|(_, _, notice, first_seen)| (notice, first_seen)).collect();
        changed += derived.replace(notices)?.written.len();
    }
    note_foundations(workspace, derived)?;
    if later.is_some() {
        tracing::info!(
            changed,
            "reference rates up to {} came: {changed} notices have other values in euro",
            rates.last_day()
        );
    } else if last > 0 {
        tracing::info!(
            changed,
            categories,
            kinds,
            "definitions changed: of the stored notices {categories} have other categories now, {kinds} other kinds of \
             buyers, {changed} are written anew in all"
        );
    }
    Ok(())
}

/// Links stored notices anew when the rules are not those of the last run, and puts the operator's verdicts in force.
pub(super) fn link(workspace: &Workspace, derived: &mut Derived) -> Result<(), IngestError> {
    let linked = derived.link_all()?;
    if linked > 0 {
        tracing::info!(linked, "the rules of links changed: {linked} notices are linked anew");
    }
    derived.set_verdicts(&workspace.layout.verdicts()?)?;
    Ok(())
}

/// Writes a verdict of the operator down, and puts it in force.
///
/// # Errors
/// When somebody else writes, a line of the file is none, or store or file cannot be written.
pub fn decide(workspace: &Workspace, verdict: &Verdict, now: Timestamp) -> Result<(), IngestError> {
    let layout = &workspace.layout;
    let _lock = WriterLock::take(layout, "links", now)?;
    layout.check()?;
    // A line that is none is said before another one is added.
    layout.verdicts()?;
    let mut derived = Derived::open_writer(&layout.derived())?;
    layout.add_verdict(verdict)?;
    link(workspace, &mut derived)
}

/// Writes down what an analyst says of labels. It changes no label: `evaluate --marks` measures definitions with it.
///
/// # Errors
/// When somebody else writes, a line of the file is none, or it cannot be written.
pub fn mark(workspace: &Workspace, marks: &[Mark], now: Timestamp) -> Result<(), IngestError> {
    let layout = &workspace.layout;
    let _lock = WriterLock::take(layout, "marks", now)?;
    layout.check()?;
    layout.marks()?;
    Ok(layout.add_marks(marks)?)
}

/// Says so when documents were read by formats or definitions that have changed since. Nothing is read anew here: that
/// may take hours, and is `rebuild --from-archive`.
pub(super) fn note_readers(workspace: &Workspace, derived: &mut Derived) -> Result<(), IngestError> {
    let stored = derived.meta(READERS)?;
    let then = read_with(stored.as_deref());
    let mut entries = Vec::new();
    for (name, version) in workspace.readers.versions() {
        let version_then = then.get(name.as_str()).copied().unwrap_or(&version);
        if version_then != version {
            tracing::warn!(
                "{name} changed since documents were read by it; `tenderwatch rebuild --changed` reads them anew"
            );
        }
        entries.push(format!("{name}/{version_then}"));
    }
    let entries = entries.join(" ");
    if stored.as_deref() != Some(&entries) {
        derived.set_meta(READERS, &entries)?;
    }
    Ok(())
}

/// Version by name.
fn read_with(stored: Option<&str>) -> BTreeMap<&str, &str> {
    stored.unwrap_or_default().split(' ').filter_map(|entry| entry.rsplit_once('/')).collect()
}

/// The formats and definitions that are others than those the documents were read with, and whether there are new ones.
pub(super) fn changed_readers(workspace: &Workspace, derived: &Derived) -> Result<(Vec<String>, bool), IngestError> {
    let stored = derived.meta(READERS)?;
    let then = read_with(stored.as_deref());
    let (mut changed, mut added) = (Vec::new(), false);
    for (name, version) in workspace.readers.versions() {
        match then.get(name.as_str()) {
            Some(before) if *before != version => changed.push(name),
            Some(_) => {}
            None => added = true,
        }
    }
    Ok((changed, added))
}

/// Applies the store's changes that the index does not have yet.
pub(super) fn follow_store(index: &mut IndexWriter, derived: &Derived, commit_every: u64) -> Result<(), IngestError> {
    let mut since_commit = 0;
    let mut from = index.applied();
    let empty = from == 0;
    loop {
        let chunk = derived.changes_since(from, CHUNK)?;
        let Some((seq, _)) = chunk.last() else { break };
        from = *seq;
        since_commit += chunk.len() as u64;
        for (seq, document) in index_documents(chunk) {
            if empty {
                index.add(seq, document)?;
            } else {
                index.put(seq, document)?;
            }
        }
        if since_commit >= commit_every {
            index.commit(from)?;
            since_commit = 0;
        }
    }
    if since_commit > 0 {
        index.commit(from)?;
    }
    Ok(())
}

/// Builds a new index from the store beside the one that serves, then lets it serve.
pub(super) fn build_index(workspace: &Workspace, derived: &Derived, why: &str) -> Result<IndexWriter, IngestError> {
    let notices = derived.change_seq()?;
    if notices > 0 {
        tracing::info!("building the search index anew: {why}");
    }
    let settings = &workspace.config.index;
    let mut index = IndexWriter::create(&workspace.layout.index(), &derived.identity()?, settings)?;
    follow_store(&mut index, derived, settings.commit_every)?;
    index.publish()?;
    Ok(index)
}

/// `rebuild --index`: the index from the store.
///
/// # Errors
/// When somebody else writes, or store or index cannot be opened.
pub fn rebuild_index(workspace: &Workspace, now: jiff::Timestamp) -> Result<u64, IngestError> {
    let layout = &workspace.layout;
    layout.require()?;
    let _lock = WriterLock::take(layout, "rebuild --index", now)?;
    layout.check()?;
    let derived = Derived::open_writer(&layout.derived())?;
    let index = build_index(workspace, &derived, "asked for")?;
    let applied = index.applied();
    index.close()?;
    Ok(applied)
}

/// `rebuild --from-archive`: everything derived, from the raw documents. Kept state is untouched; the old store
/// serves until the new one is whole.
///
/// # Errors
/// When somebody else writes, or the archive is damaged.
pub fn rebuild_from_archive(workspace: &Workspace, now: jiff::Timestamp) -> Result<u64, IngestError> {
    let layout = &workspace.layout;
    if !layout.archive().exists() {
        layout.require()?;
    }
    let _lock = WriterLock::take(layout, "rebuild --from-archive", now)?;
    layout.check()?;
    let mut kept = Kept::open_writer(&layout.kept())?;
    // The store may be the very thing that is broken, so it is not asked how far it came.
    let archive = Archive::open(&layout.archive(), Position::START)?;
    let fresh = layout.root().join("store.new.db");
    remove_database(&fresh)?;
    let mut derived = Derived::open_writer(&fresh)?;
    link(workspace, &mut derived)?;
    workspace.learn_rates(&derived)?;
    note_foundations(workspace, &mut derived)?;
    let documents = catch_up(workspace, &mut kept, &mut derived, &archive)?;
    relabel(workspace, &mut derived)?;
    note_readers(workspace, &mut derived)?;
    derived.close()?;
    put_in_place(layout, &fresh)?;
    let derived = Derived::open_writer(&layout.derived())?;
    build_index(workspace, &derived, "everything is rebuilt from the archive")?.close()?;
    Ok(documents)
}

/// The new store in the place of the old one.
pub(super) fn put_in_place(layout: &Layout, fresh: &Path) -> Result<(), IngestError> {
    let target = layout.derived();
    for side in ["-wal", "-shm"] {
        let mut name = target.clone().into_os_string();
        name.push(side);
        remove_if_there(Path::new(&name))?;
    }
    std::fs::rename(fresh, &target).map_err(|source| StoreError::Io {
        action: "put in place",
        path: target,
        source,
    })?;
    Ok(())
}

pub(super) fn remove_database(path: &Path) -> Result<(), IngestError> {
    for side in ["", "-wal", "-shm"] {
        let mut name = path.to_owned().into_os_string();
        name.push(side);
        remove_if_there(Path::new(&name))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), IngestError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { action: "remove", path: path.to_owned(), source }.into())
        }
        _ => Ok(()),
    }
}
