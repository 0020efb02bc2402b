//! The analyst's own word on labels: a text file of lines, replayed whenever the definitions are measured.
//!
//! `+category <TAB> notice <TAB> time <TAB> reason`, or `-category` where the notice does not belong to it. The last line about
//! a category and a notice counts. `#` begins a remark. A mark is a judgement, not a label: it changes no notice, it says
//! whether other definitions would be better or worse.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::Counts;
use crate::ids::{CategoryId, NoticeId};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whether it belongs there.
    pub belongs: bool,
    /// Where.
    pub category: CategoryId,
    /// What.
    pub notice: NoticeId,
    /// When it was said.
    pub since: Timestamp,
    /// Why, in the analyst's words.
    pub reason: String,
}

impl fmt::Display for Mark {
    /// The line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.belongs { '+' } else { '-' };
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{sign}{}\t{}\t{}\t{reason}", self.category, self.notice, self.since)
    }
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct MarkError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// `+drones` or `-drones`: whether it belongs, and the category.
pub fn parse_sign(text: &str) -> Option<(bool, CategoryId)> {
    let (belongs, name) = match text.split_at_checked(1)? {
        ("+", name) => (true, name),
        ("-", name) => (false, name),
        _ => return None,
    };
    name.starts_with(|first: char| first.is_ascii_alphanumeric()).then(|| (belongs, CategoryId::new(name)))
}

/// The lines of a file, in order.
///
/// # Errors
/// The first line that is none.
pub fn parse_marks(text: &str) -> Result<Vec<Mark>, MarkError> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        found.push(parse_line(line).map_err(|reason| MarkError { line: at + 1, reason })?);
    }
    Ok(found)
}

fn parse_line(line: &str) -> Result<Mark, String> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [sign, notice, since, reason] = fields.as_slice() else {
        let fields = fields.len();
        return Err(format!("expected four fields between tabs (+category, notice, time, reason), found {fields}"));
    };
    let (belongs, category) =
        parse_sign(sign).ok_or_else(|| format!("expected +category or -category, found \"{sign}\""))?;
    if notice.is_empty() {
        return Err("expected a notice in the second field".to_owned());
    }
    let since = since.parse().map_err(|_| format!("\"{since}\" is no time such as 2026-11-22T09:00:00Z"))?;
    Ok(Mark { belongs, category, notice: NoticeId::new(*notice), since, reason: (*reason).to_owned() })
}

/// What holds for one category on the marked notices, with two sets of definitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// With the shipped definitions.
    pub before: Counts,
    /// With the operator's.
    pub after: Counts,
    /// Notices that were right and are not any more.
    pub lost: Vec<NoticeId>,
    /// Notices that were not right and are now.
    pub won: Vec<NoticeId>,
}

impl Compared {
    /// Whether the labels that are given are right less often than before.
    pub fn is_less_precise(&self) -> bool {
        // Without any label there is nothing wrong.
        let precision = |counts: &Counts| counts.precision().unwrap_or(1.0);
        precision(&self.after) < precision(&self.before)
    }
}

/// The marks that stand, by notice: the last line about a category and a notice counts.
pub fn standing(marks: &[Mark]) -> BTreeMap<NoticeId, BTreeMap<CategoryId, bool>> {
    let mut found: BTreeMap<NoticeId, BTreeMap<CategoryId, bool>> = BTreeMap::new();
    for mark in marks {
        found.entry(mark.notice.clone()).or_default().insert(mark.category.clone(), mark.belongs);
    }
    found
}

/// Adds one marked notice to what is compared: the labels that it gets with either set of definitions.
pub fn compare(
    into: &mut BTreeMap<CategoryId, Compared>,
    notice: &NoticeId,
    marks: &BTreeMap<CategoryId, bool>,
    before: &BTreeSet<CategoryId>,
    after: &BTreeSet<CategoryId>,
) {
    for (category, belongs) in marks {
        let row = into.entry(category.clone()).or_default();
        let (was, is) = (before.contains(category), after.contains(category));
        row.before.add(*belongs, was);
        row.after.add(*belongs, is);
        match (was == *belongs, is == *belongs) {
            (true, false) => row.lost.push(notice.clone()),
            (false, true) => row.won.push(notice.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(belongs: bool, category: &str, notice: &str) -> Mark {
        Mark {
            belongs,
            category: CategoryId::new(category),
            notice: NoticeId::new(notice),
            since: "2026-11-22T09:00:00Z".parse().expect("a time"),
            reason: "a lot of them".into(),
        }
    }

    #[test]
    fn a_line_reads_back_and_a_bad_one_is_named() {
        let marks = [mark(true, "drones", "a/1"), mark(false, "robotics", "a/1")];
        let text = format!("# ours\n\n{}\n{}\n", marks[0], marks[1]);
        assert_eq!(parse_marks(&text).expect("reads"), marks);
        for (text, said) in [
            ("+drones a/1", "four fields"),
            ("drones\ta/1\t2026-11-22T09:00:00Z\t", "+category or -category"),
            ("+\ta/1\t2026-11-22T09:00:00Z\t", "+category or -category"),
            ("+drones\t\t2026-11-22T09:00:00Z\t", "a notice"),
            ("+drones\ta/1\tyesterday\t", "no time"),
        ] {
            let error = parse_marks(&format!("\n{text}")).expect_err(text);
            assert!(error.line == 2 && error.reason.contains(said), "{error}");
        }
    }

    #[test]
    fn the_last_mark_counts_and_less_precision_is_seen() {
        let marks = [mark(true, "drones", "a/1"), mark(false, "drones", "a/1"), mark(true, "drones", "a/2")];
        let standing = standing(&marks);
        assert!(!standing[&NoticeId::new("a/1")][&CategoryId::new("drones")]);
        let drones = BTreeSet::from([CategoryId::new("drones")]);
        let mut rows = BTreeMap::new();
        for (notice, marks) in &standing {
            // before only the right one, now both
            let before = if notice.as_str() == "a/2" { drones.clone() } else { BTreeSet::new() };
            compare(&mut rows, notice, marks, &before, &drones);
        }
        let row = &rows[&CategoryId::new("drones")];
        assert_eq!((row.before.right, row.before.alarms, row.after.right, row.after.alarms), (1, 0, 1, 1));
        assert_eq!(row.lost, [NoticeId::new("a/1")]);
        assert!(row.is_less_precise());
        assert!(!Compared::default().is_less_precise());
    }
}
