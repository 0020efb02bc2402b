//! `tenderwatch links`

use std::io::Write;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::{Context, Ended, Output, Usage};
use crate::ids::NoticeId;
use crate::ingest;
use crate::links::{Kind, Verb, Verdict};
use crate::store::{Derived, LinkCounts, StoredLink};

/// Show which notices belong together and why; force or cut a link.
///
/// What is forced or cut is a line in links.tsv of the data directory, and is replayed on every rebuild. To take a verdict
/// back, give the other one, or remove its line.
///
/// Example: tenderwatch links list 00497150-2026
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Count all links by kind and rule, or list those of one notice with their evidence
    List {
        /// Its id, or its publication number
        notice: Option<String>,
    },
    /// Link two notices, whatever the rules say
    Force {
        /// Who says so
        from: String,
        /// Of whom
        to: String,
        /// How they belong together: same-notice, same-procedure, previous, changes, cancels, awards, modifies, plans, funding
        #[arg(long, default_value = "same-procedure")]
        kind: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Part two notices, whatever the rules say
    Cut {
        /// One of them
        from: String,
        /// The other one
        to: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    workspace.layout.require()?;
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let (verb, from, to, reason) = match &arguments.what {
        What::List { notice: None } => {
            let counts = derived.link_counts()?;
            if context.is_json() {
                context.json(&counts)?;
            } else {
                print_counts(&counts, context.out)?;
            }
            return Ok(Ended::Done);
        }
        What::List { notice: Some(text) } => {
            let id = one(&derived, text)?;
            let links = derived.links_of(&id)?;
            if context.is_json() {
                context.json(&links)?;
            } else {
                print_links(&links, context.out)?;
            }
            return Ok(Ended::Done);
        }
        What::Force { from, to, kind, reason } => {
            let Some(kind) = Kind::parse(kind) else {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                return Err(
                    Usage(format!("there is no kind of link \"{kind}\"; known are {}", known.join(", "))).into()
                );
            };
            (Verb::Force(kind), from, to, reason)
        }
        What::Cut { from, to, reason } => (Verb::Cut, from, to, reason),
    };
    let (a, b) = (one(&derived, from)?, one(&derived, to)?);
    if a == b {
        return Err(Usage(format!("{a} is one notice: a link needs two")).into());
    }
    drop(derived);
    let verdict = Verdict { verb, a, b, since: context.cli.now(), reason: reason.clone() };
    ingest::decide(&workspace, &verdict, context.cli.now())?;
    writeln!(context.out, "{verdict}")?;
    Ok(Ended::Done)
}

/// The one notice that is meant.
pub(super) fn one(derived: &Derived, text: &str) -> anyhow::Result<NoticeId> {
    let mut ids = derived.find_ids(text)?;
    match (ids.pop(), ids.as_slice()) {
        (Some(id), []) => Ok(id),
        (None, _) => bail!("there is no notice \"{text}\" here; `tenderwatch search` finds ids"),
        (Some(last), others) => {
            let list: Vec<&str> = others.iter().chain([&last]).map(NoticeId::as_str).collect();
            Err(Usage(format!("\"{text}\" fits several notices: {}", list.join(", "))).into())
        }
    }
}

fn print_counts(counts: &LinkCounts, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{} notices in {} procedures, at most {} in one", counts.notices, counts.procedures, counts.largest)?;
    for (kind, rules) in &counts.links {
        for (rule, links) in rules {
            writeln!(out, "  {links:>9}  {kind:<15} {rule}")?;
        }
    }
    for (reason, links) in &counts.refused {
        writeln!(out, "  {links:>9}  refused: {reason}")?;
    }
    for (name, number) in [
        ("cut by the operator", counts.cut),
        ("references to what is not here", counts.waiting),
        ("circular", counts.circular),
    ] {
        if number > 0 {
            writeln!(out, "  {number:>9}  {name}")?;
        }
    }
    Ok(())
}

/// One line each.
pub(super) fn print_links(links: &[StoredLink], out: &mut dyn Write) -> anyhow::Result<()> {
    for StoredLink { from, to, kind, rule, score, since, evidence, refused, cut } in links {
        let but = match refused {
            Some(reason) => format!(" (refused: {reason})"),
            None if *cut => " (cut by the operator)".to_owned(),
            None => String::new(),
        };
        writeln!(out, "  {from} {kind} {to}: {rule} {score:.2}, {evidence}, since {since}{but}")?;
    }
    Ok(())
}
