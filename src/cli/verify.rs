//! `tenderwatch verify`

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{Context, Ended, Output};
use crate::ingest;

/// Check the data directory against its own hashes.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    let (documents, wrong) = ingest::verify(&workspace)?;
    if context.is_json() {
        context.json(&json!({"documents": documents, "wrong": wrong}))?;
    } else if wrong.is_empty() {
        writeln!(context.out, "{documents} documents are as they came; store and index agree")?;
    }
    if wrong.is_empty() { Ok(Ended::Done) } else { bail!("{}", wrong.join("\n")) }
}
