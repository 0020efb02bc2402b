//! `tenderwatch rebuild`

use clap::Args;
use serde_json::json;

use super::{Context, Ended, Output};
use crate::ingest;

/// Re-create derived state: the index from the store, or everything from the archive. What is kept stays untouched.
///
/// Example: tenderwatch rebuild --index
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Arguments {
    /// The search index, from the store
    #[arg(long)]
    index: bool,
    /// Notices, labels and index, from the raw documents
    #[arg(long)]
    from_archive: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    let now = context.cli.now();
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
