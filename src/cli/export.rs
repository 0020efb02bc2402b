//! `tenderwatch export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::search::{Filtering, prepare};
use super::{Context, Ended};
use crate::export::{Exporter, Shape};
use crate::search::Searcher;
use crate::store::Derived;

/// Write all matching notices for other programs: none is left out, in the order of their ids.
///
/// Without a query and filters everything in the store is written. `--format ocds` writes one OCDS 1.1 release package;
/// docs/ocds-export.md says which fields it carries.
///
/// Example: tenderwatch export --category drones --since 2026-01-01 --format ocds -o drones.json
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filtering: Filtering,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,
    /// Write here instead of to standard output; the file appears when it is complete
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
    Ocds,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    match &arguments.out {
        None => {
            let now = context.cli.now();
            let cli = context.cli;
            write(arguments, cli, now, &mut *context.out)
        }
        Some(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let failed = || format!("could not write {}", path.display());
            let file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
            let mut out = BufWriter::new(file);
            let ended = write(arguments, context.cli, context.cli.now(), &mut out)?;
            let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(failed)?;
            readable(file.as_file()).and_then(|()| file.as_file().sync_all()).with_context(failed)?;
            file.persist(path).map_err(|error| error.error).with_context(failed)?;
            Ok(ended)
        }
    }
}

/// A temporary file is its owner's alone; an export is an ordinary file.
fn readable(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    file.metadata()?;
    Ok(())
}

fn write(arguments: &Arguments, cli: &super::Cli, now: jiff::Timestamp, out: &mut dyn Write) -> anyhow::Result<Ended> {
    let workspace = cli.workspace()?;
    workspace.layout.require()?;
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let question = arguments.filtering.question();
    let shape = match arguments.format {
        Format::Jsonl => Shape::Jsonl,
        Format::Csv => Shape::Csv,
        Format::Ocds => Shape::Ocds,
    };
    let (query, filters) = prepare(&workspace, &derived, &question)?;
    let mut ended = Ended::Done;
    let mut exporter = Exporter::begin(shape, out, now)?;
    if arguments.filtering.is_everything() {
        derived.each_notice(|notice| exporter.put(&notice).map_err(anyhow::Error::from))?;
    } else {
        let searcher = Searcher::open(&workspace.layout.index())?;
        let behind = derived.change_seq()?.saturating_sub(searcher.applied());
        if behind > 0 {
            tracing::warn!(
                "the index is {behind} changes behind the store, so matches may be missing; the next crawl, import or rebuild catches up"
            );
            ended = Ended::Incomplete;
        }
        for id in searcher.all(&query, &filters, now)? {
            if let Some(notice) = derived.notice(&id)? {
                exporter.put(&notice)?;
            } else {
                tracing::warn!("the index knows {id}, the store does not: run `tenderwatch rebuild --index`");
                ended = Ended::Incomplete;
            }
        }
    }
    let written = exporter.end()?;
    tracing::info!("{written} notices written");
    Ok(ended)
}
