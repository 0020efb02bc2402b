//! `tenderwatch sources`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Context, Ended, Invalid, Output, Usage};
use crate::crawl::Replay;
use crate::definitions::{DefinitionFile, Definitions};
use crate::ingest::{self, CrawlOptions, Workspace};
use crate::issue::NonNotice;
use crate::records::Outcome;
use crate::source::{self, Source, Status};
use crate::store::{Derived, StoreError};

/// List, show and check the sources.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every source and whether it is crawled
    List,
    /// One definition as written
    Show {
        /// Its id
        source: String,
    },
    /// Ask one source for a little, into a throw-away data directory, and show what came of it
    ///
    /// Example: tenderwatch sources try pl-bzp --sample 1
    Try {
        /// Its id; paused sources may be tried too
        source: String,
        /// At most this many documents
        #[arg(long, value_name = "N", default_value_t = 1)]
        sample: u64,
        /// With the recorded answers that come with the definition, and no network
        #[arg(long)]
        replay: bool,
    },
    /// Every mistake in the definitions, with file, line and path
    Check {
        /// Only this one [default: all]
        source: Option<String>,
    },
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let config = context.cli.config()?;
    let definitions = Definitions::new(config.paths.definitions);
    let files = definitions.list("sources").map_err(|error| Invalid(vec![error]))?;
    let file_of = |id: &str| {
        let known: Vec<&str> = files.iter().map(|file| file.id.as_str()).collect();
        files
            .iter()
            .find(|file| file.id == id)
            .ok_or_else(|| Usage(format!("there is no source \"{id}\"; there are {}", known.join(", "))))
    };
    match &arguments.action {
        Action::List => list(&source::load(&definitions).map_err(Invalid)?, context)?,
        Action::Show { source } if context.is_json() => {
            let file = file_of(source)?;
            context.json(&json!({"id": file.id, "file": file.name, "overrides": file.overrides, "text": file.text}))?;
        }
        Action::Show { source } => write!(context.out, "{}", file_of(source)?.text)?,
        Action::Try { source, sample, replay } => return try_out(file_of(source)?, *sample, *replay, context),
        Action::Check { source } => {
            let chosen = match source {
                Some(id) => vec![file_of(id)?],
                None => files.iter().collect(),
            };
            let mistakes: Vec<_> = chosen.iter().filter_map(|file| Source::parse(file).err()).flatten().collect();
            if !mistakes.is_empty() {
                return Err(Invalid(mistakes)).context(format!("{} definitions were checked", chosen.len()))?;
            }
            if context.is_json() {
                context.json(&json!({"checked": chosen.len(), "mistakes": []}))?;
            } else {
                writeln!(context.out, "{} definitions, no mistake", chosen.len())?;
            }
        }
    }
    Ok(Ended::Done)
}

/// Crawls one source into a throw-away data directory.
fn try_out(file: &DefinitionFile, sample: u64, replay: bool, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    let source = Source::parse(file).map_err(Invalid)?;
    if source.plan.is_none() {
        return Err(Usage(format!("{} has no [plan]: it says {}", source.id, source.status)).into());
    }
    if let Status::Refused(reason) = &source.status {
        return Err(Usage(format!("{} refused, and is not asked: {reason}", source.id)).into());
    }
    let folder = tempfile::tempdir().context("could not make a throw-away data directory")?;
    let mut config = context.cli.config()?;
    folder.path().clone_into(&mut config.paths.data);
    let workspace = Workspace::load(config).map_err(Invalid)?;
    let mut unused = Vec::new();
    let receipt = if replay {
        let files = workspace.definitions.examples(source.id.as_str()).map_err(|error| Invalid(vec![error]))?;
        if files.is_empty() {
            return Err(Usage(format!("{} has no recorded answers (sources/examples/{})", source.id, source.id)).into());
        }
        let recorded = Replay::read(&files)?;
        let now = recorded.now.unwrap_or_else(|| context.cli.now());
        let receipt = ingest::replay(&workspace, &source.id, &recorded, now)?;
        unused = recorded.unused();
        receipt
    } else {
        let options = CrawlOptions {
            sources: vec![source.id.clone()],
            sample: Some(sample),
            paused_too: true,
            ..CrawlOptions::default()
        };
        ingest::crawl(&workspace, &options, "sources try", context.cli.now(), &|_, _| {})?
    };
    let mut notices = Vec::new();
    Derived::open_reader(&workspace.layout.derived())?.each_notice(|notice| {
        notices.push(notice);
        Ok::<_, StoreError>(())
    })?;
    let receipt = receipt.sources.into_iter().next().context("a run has one receipt for each source")?;
    let good = receipt.outcome.is_complete() || (!replay && receipt.outcome == Outcome::Capped);
    if context.is_json() {
        context.json(&json!({"receipt": receipt, "notices": notices, "unused": unused}))?;
    } else {
        writeln!(context.out, "{}: {}, {} requests", source.id, receipt.outcome.as_str(), receipt.requests)?;
        if let Some(error) = &receipt.error {
            writeln!(context.out, "  {error}")?;
        }
        let documents = &receipt.documents;
        writeln!(
            context.out,
            "  {} documents ({} parsed, {} quarantined, {} failed), {} notices, {} findings",
            documents.fetched,
            documents.parsed,
            documents.quarantined,
            documents.failed,
            notices.len(),
            receipt.issues
        )?;
        for notice in notices.iter().take(SHOWN) {
            let title = notice.title.first().map_or("", |(_, text)| text);
            let day = notice.published_on.map_or_else(|| "no date".to_owned(), |day| day.to_string());
            writeln!(context.out, "  {day}  {}  {}  {title}", notice.stage.as_str(), notice.id)?;
        }
        for name in &unused {
            writeln!(context.out, "  nothing asked for {name}")?;
        }
    }
    let clean = receipt.documents.quarantined == 0 && receipt.documents.failed == 0;
    let rates = receipt.records.by_rule.contains_key(NonNotice::ReferenceRates.as_str());
    Ok(if good && clean && (rates || !notices.is_empty()) { Ended::Done } else { Ended::Incomplete })
}

/// Notices that a trial shows.
const SHOWN: usize = 10;

fn list(sources: &[Source], context: &mut Context<'_>) -> anyhow::Result<()> {
    if context.is_json() {
        let rows: Vec<_> = sources
            .iter()
            .map(|source| {
                json!({"id": source.id, "name": source.name, "country": source.country, "languages": source.languages,
                       "status": source.status.to_string(), "licence": source.access.licence, "overrides": source.overrides})
            })
            .collect();
        return context.json(&rows);
    }
    for source in sources {
        writeln!(context.out, "{:<16} {}  {} ({})", source.id.as_str(), source.country, source.name, source.status)?;
    }
    Ok(())
}
