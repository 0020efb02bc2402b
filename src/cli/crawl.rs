//! `tenderwatch crawl`

use clap::Args;
use jiff::civil::Date;

use super::bars::Bars;
use super::{Cli, Context, Ended, Invalid, Output, Usage, receipt};
use crate::definitions::{DEFAULT_CONFIG, DefinitionError, line_of};
use crate::ids::SourceId;
use crate::ingest::{self, CrawlOptions, Told, Workspace};
use crate::records::SourceReceipt;
use crate::source::{PlanKind, Source, Status};

/// Fetch what the sources published since the last run.
///
/// Example: tenderwatch crawl eu-ted --since 2026-11-16
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which sources [default: every active one]
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// From this day on, instead of from where the last run ended
    #[arg(long, value_name = "DAY")]
    since: Option<Date>,
    /// Up to this day, included
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
    /// At most this many documents per source, to try it out; the cursor stays where it is
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// Say what would be asked, and ask nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    if let (Some(since), Some(until)) = (arguments.since, arguments.until)
        && since > until
    {
        return Err(Usage(format!("--since {since} is after --until {until}")).into());
    }
    let workspace = context.cli.workspace()?;
    let options = CrawlOptions {
        sources: arguments.sources.iter().map(SourceId::new).collect(),
        since: arguments.since,
        until: arguments.until,
        sample: arguments.sample,
        paused_too: false,
    };
    for id in &options.sources {
        workspace.source(id).map_err(|error| Usage(error.to_string()))?;
    }
    if arguments.dry_run {
        return dry_run(&workspace, &options, context);
    }
    let selected =
        workspace.sources.iter().filter(|source| options.sources.is_empty() || options.sources.contains(&source.id));
    let is_live = |source: &Source| source.status == Status::Active && !source.access.is_private();
    if workspace.config.contact.is_none() && selected.into_iter().any(is_live) {
        return Err(Invalid(vec![DefinitionError {
            file: "config.toml".to_owned(),
            line: line_of(DEFAULT_CONFIG, "contact"),
            path: "contact".to_owned(),
            message: "a live crawl needs a mail address or page where publishers can reach you: set it here or in TENDERWATCH_CONTACT".to_owned(),
        }])
        .into());
    }
    let bars = Bars::new(context);
    let now = context.cli.now();
    let progress = |receipt: &SourceReceipt, told: Told<'_>| bars.tell(receipt, told);
    let receipt = ingest::crawl(&workspace, &options, &Cli::command_line(), now, &progress)?;
    bars.clear();
    receipt::print(&receipt, context)
}

fn dry_run(workspace: &Workspace, options: &CrawlOptions, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    let wanted = |source: &&Source| options.sources.is_empty() || options.sources.contains(&source.id);
    for source in workspace.sources.iter().filter(wanted) {
        match &source.status {
            Status::Active => {
                let Some(plan) = &source.plan else { continue };
                if let PlanKind::Issues(issues) = &plan.kind {
                    writeln!(context.out, "{}: would ask {} for the first issue", source.id, issues.discover.url)?;
                    writeln!(context.out, "  then {} for each issue until one is not there", issues.url)?;
                } else {
                    writeln!(context.out, "{}: would ask {}", source.id, plan.ask.url)?;
                }
                if let Some(gaps) = &source.check.gaps {
                    writeln!(context.out, "  and {} for each day's list", gaps.url)?;
                }
                if let Some(detail) = &source.detail {
                    writeln!(context.out, "  and {} for each new or changed row", detail.ask.url)?;
                }
                let access = &source.access;
                writeln!(
                    context.out,
                    "  at most one request per {} ms to a host, {} at a time",
                    access.delay.as_millis(),
                    access.concurrency
                )?;
            }
            Status::Paused(reason) | Status::Refused(reason) => {
                writeln!(context.out, "{}: not asked: {reason}", source.id)?;
            }
        }
    }
    Ok(Ended::Done)
}
