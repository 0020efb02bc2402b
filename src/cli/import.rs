//! `tenderwatch import`

use clap::Args;

use super::bars::Bars;
use super::{Cli, Context, Ended, Output, Usage, receipt};
use crate::formats::{Reader, Readers};
use crate::ids::SourceId;
use crate::ingest::{self, ImportOptions, Told};
use crate::records::SourceReceipt;

/// Take in files you already have.
///
/// Example: tenderwatch import packages/ 20260717_136.tar.gz
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File the documents under this source [default: the one that format and content point to, else `import`]
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Read the documents as this format, or by the definition of this source [default: what the document itself says]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Files, folders, packages (.tar.gz, .zip, .gz), or - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    let source = arguments.source.as_ref().map(SourceId::new);
    if let Some(source) = source.as_ref().filter(|source| source.as_str() != "import") {
        workspace.source(source).map_err(|error| Usage(error.to_string()))?;
    }
    let format = arguments.format.as_deref().map(|name| format_named(name, &workspace.readers)).transpose()?;
    let options = ImportOptions { source, format, paths: arguments.paths.clone() };
    let bars = Bars::new(context);
    let progress = |receipt: &SourceReceipt, told: Told<'_>| bars.tell(receipt, told);
    let receipt = ingest::import(&workspace, &options, &Cli::command_line(), context.cli.now(), &progress)?;
    bars.clear();
    receipt::print(&receipt, context)
}

pub(super) fn format_named(name: &str, readers: &Readers) -> Result<Reader, Usage> {
    let unknown = || Usage(format!("--format: there is no \"{name}\"; there are {}", readers.names().join(", ")));
    readers.find(name).ok_or_else(unknown)
}
