//! `rebuild --changed`: after a format or a definition changed, the documents of the sources that it reads, and no others,
//! are read anew; and what that changed is said.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::intake::read_stored;
use super::rebuilding::{READERS, build_index, changed_readers, link, put_in_place, relabel, remove_database};
use super::{IngestError, Workspace, open_index};
use crate::archive::{self, Position};
use crate::ids::{NoticeId, SourceId};
use crate::notice::Notice;
use crate::store::{Derived, Kept, WriterLock};
use crate::versions;

/// Notices of a source that are compared at a time.
const CHUNK: usize = 256;
/// Changed notices that are named.
const NAMED: usize = 5;

/// What reading documents anew changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadAnew {
    /// Formats and definitions that changed since documents were read by them.
    pub readers: Vec<String>,
    /// By source that has documents of theirs.
    pub sources: BTreeMap<SourceId, SourceChanges>,
}

/// What it changed of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceChanges {
    /// Documents that were read anew.
    pub documents: u64,
    /// Those of them that nobody could read before, and that nobody can read now.
    pub quarantined: (u64, u64),
    /// Notices that were not there before.
    pub new: u64,
    /// Notices that say something else.
    pub changed: u64,
    /// Notices that say what they said.
    pub same: u64,
    /// Notices that no document says any more.
    pub gone: u64,
    /// Field → in how many notices it is another. What is ours counts too: `categories`, `value_eur`, `issues`, `extra`.
    pub fields: BTreeMap<String, u64>,
    /// The first of those that changed.
    pub examples: Vec<NoticeId>,
}

/// Reads anew what other formats or definitions than those of now have read. The old store serves until the new one is
/// whole; kept state is untouched.
///
/// # Errors
/// When somebody else writes, or archive or store are damaged.
pub fn rebuild_changed(workspace: &Workspace, now: Timestamp) -> Result<ReadAnew, IngestError> {
    let layout = &workspace.layout;
    layout.require()?;
    let _lock = WriterLock::take(layout, "rebuild --changed", now)?;
    layout.check()?;
    let mut kept = Kept::open_writer(&layout.kept())?;
    let mut old = Derived::open_writer(&layout.derived())?;
    link(workspace, &mut old)?;
    relabel(workspace, &mut old)?;
    let (changed, added) = changed_readers(workspace, &old)?;
    let names: BTreeSet<&str> = changed.iter().map(String::as_str).collect();
    let sources = old.sources_read_by(&names, added)?;
    let mut report = ReadAnew { readers: changed.clone(), sources: BTreeMap::new() };
    let fresh = layout.root().join("store.new.db");
    remove_database(&fresh)?;
    old.copy_to(&fresh)?;
    let mut new = Derived::open_writer(&fresh)?;
    new.forget(&sources)?;
    let end = new.archive_position()?;
    let wanted: BTreeSet<&SourceId> = sources.iter().collect();
    let of_them = archive::replay(&layout.archive(), Position::START)?
        .take_while(|record| record.as_ref().map_or(true, |(_, at, _)| *at < end))
        .filter(|record| record.as_ref().map_or(true, |(document, ..)| wanted.contains(&document.origin.source)));
    read_stored(workspace, &mut kept, &mut new, of_them, Some(end))?;
    link(workspace, &mut new)?;
    relabel(workspace, &mut new)?;
    let versions: Vec<String> =
        workspace.readers.versions().into_iter().map(|(name, version)| format!("{name}/{version}")).collect();
    new.set_meta(READERS, &versions.join(" "))?;
    let mut gone = 0;
    for source in sources {
        let changes = compare(&old, &new, &source)?;
        gone += changes.gone;
        report.sources.insert(source, changes);
    }
    if gone > 0 {
        // the index forgets nothing by itself
        new.rename()?;
    }
    new.close()?;
    old.close()?;
    put_in_place(layout, &fresh)?;
    let derived = Derived::open_writer(&layout.derived())?;
    if gone > 0 {
        build_index(workspace, &derived, "notices are gone that no document says any more")?.close()?;
    } else {
        open_index(workspace, &derived)?.close()?;
    }
    Ok(report)
}

/// The notices of a source before and after, side by side.
fn compare(old: &Derived, new: &Derived, source: &SourceId) -> Result<SourceChanges, IngestError> {
    let ((_, before), (documents, after)) = (old.documents_of(source)?, new.documents_of(source)?);
    let mut changes = SourceChanges { documents, quarantined: (before, after), ..SourceChanges::default() };
    let (mut left, mut right) = (Notices::of(old, source), Notices::of(new, source));
    let (mut one, mut other) = (left.next()?, right.next()?);
    loop {
        let order = match (&one, &other) {
            (None, None) => return Ok(changes),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.id.cmp(&other.id),
        };
        match (order, &one, &other) {
            (Ordering::Less, ..) => changes.gone += 1,
            (Ordering::Greater, ..) => changes.new += 1,
            (Ordering::Equal, Some(one), Some(other)) => changes.count(one, other),
            _ => {}
        }
        if order != Ordering::Greater {
            one = left.next()?;
        }
        if order != Ordering::Less {
            other = right.next()?;
        }
    }
}

impl SourceChanges {
    fn count(&mut self, one: &Notice, other: &Notice) {
        let mut fields: BTreeSet<String> =
            versions::changes(one, other).iter().map(|change| without_places(&change.path)).collect();
        for (name, differs) in [
            ("categories", one.categories != other.categories),
            ("value_eur", one.value_eur != other.value_eur),
            ("issues", one.issues != other.issues),
            ("extra", one.extra != other.extra),
        ] {
            if differs {
                fields.insert(name.to_owned());
            }
        }
        if fields.is_empty() {
            self.same += 1;
            return;
        }
        self.changed += 1;
        if self.examples.len() < NAMED {
            self.examples.push(other.id.clone());
        }
        for field in fields {
            *self.fields.entry(field).or_default() += 1;
        }
    }
}

/// `lots[LOT-0001].title` is `lots.title`.
fn without_places(path: &str) -> String {
    let mut depth = 0;
    let outside = path.chars().filter(|c| {
        depth += i32::from(*c == '[');
        let keep = depth == 0;
        depth -= i32::from(*c == ']');
        keep
    });
    outside.collect()
}

/// All notices of a source, a few in memory at a time.
struct Notices<'d> {
    derived: &'d Derived,
    source: &'d SourceId,
    last: Option<NoticeId>,
    ahead: std::vec::IntoIter<Notice>,
}

impl<'d> Notices<'d> {
    fn of(derived: &'d Derived, source: &'d SourceId) -> Self {
        Self { derived, source, last: None, ahead: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Result<Option<Notice>, IngestError> {
        if self.ahead.len() == 0 {
            self.ahead = self.derived.notices_after(self.source, self.last.as_ref(), CHUNK)?.into_iter();
        }
        let next = self.ahead.next();
        self.last = next.as_ref().map(|notice| notice.id.clone()).or_else(|| self.last.take());
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_without_its_places() {
        assert_eq!(without_places("lots[LOT-0001].estimated_value"), "lots.estimated_value");
        assert_eq!(without_places("title.de"), "title.de");
        assert_eq!(without_places("buyers[1].contacts[a[b]].name"), "buyers.contacts.name");
    }
}
