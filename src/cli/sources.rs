//! `tenderwatch sources`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Context, Ended, Invalid, Output, Usage};
use crate::definitions::Definitions;
use crate::source::{self, Source};

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
