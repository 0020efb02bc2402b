//! `tenderwatch status`

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::receipt::megabytes;
use super::{Context, Ended, Output};
use crate::archive;
use crate::crawl::{Condition, condition};
use crate::ingest;
use crate::rates::Rates;
use crate::records::{Outcome, Quarantined, State};
use crate::store::{Counts, Derived, Kept};

/// Show what is stored, how fresh it is, and what could not be read.
#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// Documents in quarantine that are named; the counts say how many there are.
const QUARANTINED: usize = 50;
const RECEIPTS: usize = 200;

#[derive(Serialize)]
struct Report {
    data: String,
    rates: RatesLine,
    counts: Counts,
    sources: Vec<SourceLine>,
    attention: Vec<String>,
    quarantined: Vec<Quarantined>,
    disk_bytes: BTreeMap<&'static str, u64>,
    overridden: Vec<String>,
}

/// With what amounts are converted.
#[derive(Serialize)]
struct RatesLine {
    /// The last day with rates.
    until: Date,
    /// The days around the last time that some are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<(Date, Date)>,
}

#[derive(Serialize)]
struct SourceLine {
    source: String,
    status: String,
    last_outcome: Option<&'static str>,
    last_run: Option<String>,
    last_complete: Option<String>,
    health: Condition,
    waiting_details: u64,
    given_up_details: u64,
    cursor: Option<String>,
    newest: Option<String>,
    error: Option<String>,
}

pub(super) fn run(_: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    let layout = &workspace.layout;
    layout.require()?;
    let kept = Kept::open_reader(&layout.kept())?;
    let derived = Derived::open_reader(&layout.derived())?;
    let mut counts = derived.counts()?;
    counts.by_state.insert(State::Vanished.as_str().to_owned(), kept.absent(None)?.len() as u64);
    let rates = ingest::rates_of(&derived)?;
    counts.by_state.retain(|_, notices| *notices > 0);
    let receipts = kept.receipts(Timestamp::MAX, RECEIPTS)?;
    let now = context.cli.now();
    let mut attention = Vec::new();
    let mut sources = Vec::new();
    for source in &workspace.sources {
        let last = receipts.iter().find_map(|receipt| {
            let own = receipt.sources.iter().find(|own| own.source == source.id && own.outcome != Outcome::Skipped)?;
            Some((receipt, own))
        });
        let health = kept.health(&source.id)?;
        let condition = condition(source, health.as_ref(), now);
        if condition.needs_attention() && condition != Condition::NeverRun {
            attention.push(format!("{} {}", source.id, condition.words()));
        }
        sources.push(SourceLine {
            source: source.id.to_string(),
            status: source.status.to_string(),
            last_outcome: last.map(|(_, own)| own.outcome.as_str()),
            last_run: last.map(|(receipt, _)| receipt.started_at.to_string()),
            last_complete: health.as_ref().and_then(|health| health.last_complete).map(|at| at.to_string()),
            waiting_details: health.as_ref().map_or(0, |health| health.waiting),
            given_up_details: health.as_ref().map_or(0, |health| health.given_up),
            health: condition,
            cursor: kept.cursor(&source.id)?.map(|cursor| cursor.position),
            newest: counts.newest.get(source.id.as_str()).cloned(),
            error: last.and_then(|(_, own)| own.error.clone()),
        });
    }
    let overridden = workspace.sources.iter().filter(|source| source.overrides).map(|source| source.file.clone());
    let report = Report {
        data: layout.root().display().to_string(),
        overridden: overridden.collect(),
        attention,
        quarantined: derived.quarantined(QUARANTINED)?,
        disk_bytes: BTreeMap::from([
            ("archive", archive::disk_bytes(&layout.archive())?),
            ("store", size(&layout.derived()) + size(&layout.kept())),
            ("index", size(&layout.index())),
        ]),
        rates: RatesLine { until: rates.last_day(), gap: rates.gap(Rates::shipped().last_day()) },
        counts,
        sources,
    };
    if context.is_json() {
        context.json(&report)?;
    } else {
        print(&report, context.out)?;
    }
    Ok(Ended::Done)
}

fn size(path: &std::path::Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    path.read_dir().map_or(0, |entries| entries.flatten().map(|entry| size(&entry.path())).sum())
}

/// Most frequent first.
fn ranked(values: &BTreeMap<String, u64>) -> String {
    let mut values: Vec<(&String, &u64)> = values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let list: Vec<String> = values.iter().map(|(value, count)| format!("{value} {count}")).collect();
    list.join(", ")
}

fn print(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    let counts = &report.counts;
    // What somebody must look at stands first.
    if report.attention.is_empty() {
        writeln!(out, "every source that is crawled is fresh")?;
    } else {
        writeln!(out, "look at: {}", report.attention.join("; "))?;
    }
    let known = |source: &&SourceLine| source.last_outcome.is_some() || source.newest.is_some();
    let unknown: Vec<&SourceLine> = report.sources.iter().filter(|source| !known(source)).collect();
    for source in report.sources.iter().filter(known) {
        let outcome = source.last_outcome.unwrap_or("never run");
        let cursor = source.cursor.as_deref().unwrap_or("-");
        let newest = source.newest.as_deref().unwrap_or("-");
        writeln!(
            out,
            "{}: {outcome}, complete up to {cursor}, newest notice {newest} ({})",
            source.source, source.status
        )?;
        if source.waiting_details > 0 {
            writeln!(out, "  {} details wait for the next run", source.waiting_details)?;
        }
        if source.given_up_details > 0 {
            let (count, id) = (source.given_up_details, &source.source);
            writeln!(out, "  {count} details were given up: `crawl {id} --since DAY` asks for them again")?;
        }
        if let Some(error) = &source.error {
            writeln!(out, "  {error}")?;
        }
    }
    if !unknown.is_empty() {
        let paused = unknown.iter().filter(|source| source.health == Condition::NotCrawled).count();
        writeln!(
            out,
            "{} more: {} never read, {paused} paused or refused (`tenderwatch sources list`)",
            unknown.len(),
            unknown.len() - paused
        )?;
    }
    for (name, by_source) in [("findings", &counts.issues_by_source), ("no notice", &counts.non_notices_by_source)] {
        for (source, values) in by_source {
            writeln!(out, "{source}: {name}: {}", ranked(values))?;
        }
    }
    writeln!(out, "{} notices from {} documents in {}", counts.notices, counts.documents, report.data)?;
    for (name, values) in [
        ("source", &counts.by_source),
        ("format", &counts.by_format),
        ("stage", &counts.by_stage),
        ("category", &counts.by_category),
        ("country", &counts.by_country),
        ("state", &counts.by_state),
        ("buyer kind", &counts.by_buyer_kind),
        ("joint", &counts.by_joint),
        ("innovation", &counts.by_innovation),
        ("value", &counts.by_value),
        ("issue", &counts.by_issue),
        ("quarantine", &counts.by_quarantine),
    ] {
        if !values.is_empty() {
            writeln!(out, "  {name:<10} {}", ranked(values))?;
        }
    }
    if counts.cross_border > 0 {
        writeln!(out, "  {:<10} {} notices with buyers of two countries or more", "cross-border", counts.cross_border)?;
    }
    for document in &report.quarantined {
        writeln!(
            out,
            "  quarantined {} of {}: {} ({})",
            document.name, document.source, document.reason, document.code
        )?;
    }
    let RatesLine { until, gap } = report.rates;
    let missing = gap.map_or_else(String::new, |(from, to)| {
        format!(", none between {from} and {to}: import the whole table, eurofxref-hist.csv")
    });
    writeln!(out, "  rates      up to {until}{missing}")?;
    let disk: Vec<String> =
        report.disk_bytes.iter().map(|(name, bytes)| format!("{name} {}", megabytes(*bytes))).collect();
    writeln!(out, "  disk       {}", disk.join(", "))?;
    for file in &report.overridden {
        writeln!(out, "  overridden {file}")?;
    }
    Ok(())
}
