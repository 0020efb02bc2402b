//! `tenderwatch digest`

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::{Context, Ended, Output, Usage, parse_now};
use crate::ids::CategoryId;
use crate::ingest::Workspace;
use crate::store::{Derived, Kept};
use crate::trends::{self, Digest, Period};

/// Print what security buyers published in a week: counts, new notices, deadlines, and how far the data reach.
///
/// Example: tenderwatch digest --week 2026-W47
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// ISO week such as 2026-W47 [default: the week of --as-of]
    #[arg(long, value_name = "WEEK", conflicts_with_all = ["from", "until"])]
    week: Option<String>,
    /// First day, instead of a week
    #[arg(long, value_name = "DAY", requires = "until")]
    from: Option<Date>,
    /// Last day
    #[arg(long, alias = "to", value_name = "DAY", requires = "from")]
    until: Option<Date>,
    /// As known at this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_now)]
    as_of: Option<jiff::Timestamp>,
    /// How it is written
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Json,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let as_of = arguments.as_of.unwrap_or_else(|| context.cli.now());
    let period = match (&arguments.week, arguments.from, arguments.until) {
        (Some(week), _, _) => Period::week(week)
            .ok_or_else(|| Usage(format!("--week: expected an ISO week such as 2026-W47, found \"{week}\"")))?,
        (None, Some(from), Some(until)) if from <= until => Period::span(from, until),
        (None, Some(from), Some(until)) => return Err(Usage(format!("--from {from} is after --until {until}")).into()),
        _ => Period::week_of(as_of.to_zoned(jiff::tz::TimeZone::UTC).date()),
    };
    let workspace = context.cli.workspace()?;
    let digest = make(&workspace, period, as_of)?;
    let format = arguments.format.unwrap_or(if context.is_json() { Format::Json } else { Format::Text });
    match format {
        Format::Text => write!(context.out, "{}", digest.text())?,
        Format::Markdown => write!(context.out, "{}", digest.markdown())?,
        Format::Json => context.json(&digest)?,
    }
    Ok(Ended::Done)
}

pub(super) fn make(workspace: &Workspace, period: Period, as_of: jiff::Timestamp) -> anyhow::Result<Digest> {
    let layout = &workspace.layout;
    layout.require()?;
    let kept = Kept::open_reader(&layout.kept())?;
    let derived = Derived::open_reader(&layout.derived())?;
    let categories: Vec<(CategoryId, String)> = workspace
        .classifier
        .categories()
        .iter()
        .map(|category| (category.id.clone(), category.label.get("en").unwrap_or(category.id.as_str()).to_owned()))
        .collect();
    let input = trends::collect(&kept, &derived, &workspace.sources, categories, period, as_of)?;
    Ok(trends::digest(&input))
}
