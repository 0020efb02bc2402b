//! `tenderwatch rebuild`

use clap::Args;
use serde_json::json;

use super::{Context, Ended, Output};
use crate::ids::NoticeId;
use crate::ingest::{self, ReadAnew};

/// Re-create derived state: the index from the store, what changed formats and definitions read, or everything from the
/// archive. What is kept stays untouched.
///
/// Example: tenderwatch rebuild --index
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Arguments {
    /// The search index, from the store
    #[arg(long)]
    index: bool,
    /// What formats and definitions read that changed since, from the raw documents; says what that changed
    #[arg(long)]
    changed: bool,
    /// Notices, labels and index, from the raw documents
    #[arg(long)]
    from_archive: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    let now = context.cli.now();
    if arguments.changed {
        return tell(&ingest::rebuild_changed(&workspace, now)?, context);
    }
    let (what, count) = if arguments.from_archive {
        ("documents", ingest::rebuild_from_archive(&workspace, now)?)
    } else {
        ("changes", ingest::rebuild_index(&workspace, now)?)
    };
    if context.is_json() {
        context.json(&json!({ what: count }))?;
    } else {
        writeln!(context.out, "rebuilt from {count} {what}")?;
    }
    Ok(Ended::Done)
}

fn tell(anew: &ReadAnew, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    if context.is_json() {
        context.json(anew)?;
        return Ok(Ended::Done);
    }
    if anew.sources.is_empty() {
        writeln!(context.out, "nothing to read anew: what changed has read no document")?;
    }
    if !anew.readers.is_empty() {
        writeln!(context.out, "changed: {}", anew.readers.join(", "))?;
    }
    for (source, changes) in &anew.sources {
        let (before, after) = changes.quarantined;
        writeln!(
            context.out,
            "{source}: {} documents read anew, {after} in quarantine ({before} before); notices: {} changed, {} new, {} \
             gone, {} as before",
            changes.documents, changes.changed, changes.new, changes.gone, changes.same
        )?;
        let mut fields: Vec<(&String, &u64)> = changes.fields.iter().collect();
        fields.sort_by_key(|(field, times)| (std::cmp::Reverse(**times), *field));
        if !fields.is_empty() {
            let fields: Vec<String> = fields.iter().map(|(field, times)| format!("{field} {times}")).collect();
            let examples: Vec<&str> = changes.examples.iter().map(NoticeId::as_str).collect();
            writeln!(context.out, "  {} (as in {})", fields.join(", "), examples.join(", "))?;
        }
    }
    Ok(Ended::Done)
}
