//! `tenderwatch categories`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::show::reasons;
use super::{Context, Ended, Invalid, Output, Usage};
use crate::classify::Classifier;
use crate::definitions::Definitions;
use crate::notice::Classification;

/// List, check and try the security categories.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every category
    List,
    /// Every mistake in the definitions, with file, line and path
    Check,
    /// What a text gets, and why
    Try {
        /// The text
        text: String,
        /// Its language, ISO 639-1 [default: terms of every language count]
        #[arg(long, value_name = "LANG")]
        lang: Option<String>,
    },
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let config = context.cli.config()?;
    let definitions = Definitions::new(config.paths.definitions);
    let classifier = Classifier::load(&definitions).map_err(Invalid)?;
    match &arguments.action {
        Action::List if context.is_json() => {
            let rows: Vec<_> = classifier
                .categories()
                .iter()
                .map(|category| json!({"id": category.id, "label": category.label}))
                .collect();
            context.json(&rows)?;
        }
        Action::List => {
            for category in classifier.categories() {
                writeln!(context.out, "{:<26} {}", category.id.as_str(), category.label.get("en").unwrap_or_default())?;
            }
        }
        Action::Check if context.is_json() => {
            context.json(&json!({"checked": classifier.categories().len(), "mistakes": []}))?;
        }
        Action::Check => writeln!(context.out, "{} categories, no mistake", classifier.categories().len())?,
        Action::Try { text, lang } => {
            let lang = match lang {
                Some(lang) => Some(crate::codes::language(lang).ok_or_else(|| {
                    Usage(format!("--lang: expected an ISO 639-1 code such as \"de\", found \"{lang}\""))
                })?),
                None => None,
            };
            let labels = classifier.try_text(text, lang);
            if context.is_json() {
                context.json(&labels)?;
            } else {
                explain(&labels, context.out)?;
            }
        }
    }
    Ok(Ended::Done)
}

fn explain(labels: &[Classification], out: &mut dyn Write) -> anyhow::Result<()> {
    if labels.is_empty() {
        writeln!(out, "no category, not even as a candidate")?;
    }
    for label in labels {
        let kind = if label.score >= 0.5 { "" } else { " (candidate)" };
        writeln!(out, "{} {:.3}{kind}", label.id, label.score)?;
        reasons(label, "  ", out)?;
    }
    Ok(())
}
