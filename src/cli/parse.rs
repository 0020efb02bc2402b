//! `tenderwatch parse`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::import::format_named;
use super::{Context, Ended, Invalid, Output};
use crate::definitions::Definitions;
use crate::formats::{Reader, Readers};
use crate::ids::{RunId, SourceId};
use crate::ingest::{DocumentEntry, read_documents};
use crate::raw::{Origin, RawDocument};
use crate::records::RecordCounts;
use crate::source;

/// Read files and print their notices, storing nothing.
///
/// Example: tenderwatch parse notice.xml | jq .title
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read the documents as this format, or by the definition of this source [default: what the document itself says]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Print counts instead of notices
    #[arg(long)]
    summary: bool,
    /// Write findings here instead of to stderr
    #[arg(long, value_name = "FILE")]
    issues: Option<PathBuf>,
    /// Files, folders, packages, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

#[derive(Default)]
struct Totals {
    documents: u64,
    parsed: u64,
    quarantined: u64,
    failed: u64,
    ignored: u64,
    records: RecordCounts,
    issues: BTreeMap<&'static str, u64>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let config = context.cli.config()?;
    let sources = source::load(&Definitions::new(config.paths.definitions.clone())).map_err(Invalid)?;
    let readers = source::readers(&sources);
    let format = arguments.format.as_deref().map(|name| format_named(name, &readers)).transpose()?;
    let mut findings: Box<dyn Write> = match &arguments.issues {
        Some(path) => {
            let file =
                File::create(path).map_err(|error| anyhow::anyhow!("could not write {}: {error}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None if context.cli.quiet => Box::new(std::io::sink()),
        None => Box::new(std::io::stderr()),
    };
    let now = context.cli.now();
    let mut totals = Totals::default();
    let mut failure = None;
    for path in &arguments.paths {
        let mut take = |name: &str, entry: DocumentEntry| {
            let done = match entry {
                DocumentEntry::Document { path, body } => {
                    let origin = Origin {
                        source: SourceId::new("import"),
                        url: format!("file:{name}"),
                        fetched_at: now,
                        run: RunId::new("parse"),
                        status: None,
                        headers: Vec::new(),
                        member: path,
                        container: None,
                        read_as: None,
                        detail: false,
                    };
                    one(
                        &RawDocument::new(origin, body),
                        (&readers, format.as_ref()),
                        arguments.summary,
                        &mut totals,
                        context.out,
                        &mut findings,
                    )
                }
                DocumentEntry::Ignored { .. } => {
                    totals.ignored += 1;
                    Ok(())
                }
                DocumentEntry::Failed { path, reason } => {
                    totals.documents += 1;
                    totals.failed += 1;
                    let what = path.last().map_or(name, |member| member);
                    writeln!(findings, "{}", json!({"document": what, "failed": reason})).map_err(Into::into)
                }
            };
            match done {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let outcome = read_documents(path, &config.limits, &mut take);
        if let Some(error) = failure.take() {
            return Err(error);
        }
        if outcome?.is_break() {
            break;
        }
    }
    findings.flush()?;
    if arguments.summary {
        context.json(&json!({
            "documents": {"fetched": totals.documents, "parsed": totals.parsed, "quarantined": totals.quarantined,
                          "failed": totals.failed, "ignored": totals.ignored},
            "records": totals.records,
            "issues": totals.issues,
        }))?;
    }
    Ok(if totals.quarantined + totals.failed > 0 { Ended::Incomplete } else { Ended::Done })
}

fn one(
    document: &RawDocument,
    (readers, reader): (&Readers, Option<&Reader>),
    summary: bool,
    totals: &mut Totals,
    out: &mut dyn Write,
    findings: &mut dyn Write,
) -> anyhow::Result<()> {
    totals.documents += 1;
    match readers.parse(document, reader) {
        Ok((_, parsed)) => {
            totals.parsed += 1;
            totals.records.add(&parsed.records);
            let on_notices = parsed
                .notices
                .iter()
                .flat_map(|notice| notice.issues.iter().map(move |issue| (Some(&notice.id), issue)));
            for (notice, issue) in on_notices.chain(parsed.issues.iter().map(|issue| (None, issue))) {
                *totals.issues.entry(issue.code.as_str()).or_default() += 1;
                if !summary {
                    let line = json!({"document": document.origin.name(), "notice": notice, "code": issue.code, "path": issue.path, "value": issue.value});
                    writeln!(findings, "{line}")?;
                }
            }
            for notice in parsed.notices.iter().filter(|_| !summary) {
                serde_json::to_writer(&mut *out, notice)?;
                writeln!(out)?;
            }
        }
        Err(error) => {
            totals.quarantined += 1;
            totals.records.quarantined();
            let line =
                json!({"document": document.origin.name(), "quarantined": error.code(), "reason": error.to_string()});
            writeln!(findings, "{line}")?;
        }
    }
    Ok(())
}
