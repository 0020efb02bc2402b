//! `tenderwatch categories`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::classify::each_line;
use super::evaluate::{Fit, Row, measures, number};
use super::links::one;
use super::show::reasons;
use super::{Context, Ended, Invalid, Output, Usage};
use crate::classify::Classifier;
use crate::definitions::Definitions;
use crate::evaluation::marks::{Mark, parse_sign, standing};
use crate::evaluation::{Figures, Judged, figures};
use crate::ids::{CategoryId, NoticeId};
use crate::ingest;
use crate::notice::{Classification, Evidence};
use crate::organisations::Kinds;
use crate::store::Derived;

/// List, check and try the security categories; say what a label got wrong, and see which ones are doubtful.
///
/// Example: tenderwatch categories mark 00497150-2026 +drones -robotics
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
    /// Write down that a notice belongs to categories, or does not: a line each in marks.tsv of the data directory
    ///
    /// A mark changes no label. `evaluate --marks` measures with all of them whether your definitions are better than the
    /// shipped ones. The last mark of a category counts.
    Mark {
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        /// The notice: its id, or its publication number
        notice: String,
        /// `+drones` where it belongs to drones, `-drones` where it does not
        #[arg(
            required = true,
            value_name = "+CATEGORY|-CATEGORY",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        marks: Vec<String>,
    },
    /// Fit the weights of all kinds of evidence to judged notices, and print them as index/weights/shared.toml
    ///
    /// The table says how good the labels are with the weights as they are, with the fitted ones, and cross-validated: each
    /// notice labelled with weights that were fitted without its part. The terms are the same in all three.
    Fit {
        /// Judged notices as `evaluate` reads them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Into so many parts the notices fall, by their ids
        #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=50))]
        folds: u64,
    },
    /// The labels and candidates that are nearest to the threshold, to be marked
    Doubts {
        /// Of this category only
        #[arg(long, value_name = "ID")]
        category: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
        /// How many of the notices are looked through, those that changed last
        #[arg(long, default_value_t = 20_000, value_name = "N")]
        among: u64,
    },
}

/// A label or candidate near the threshold.
#[derive(Serialize)]
struct Doubt {
    id: NoticeId,
    category: CategoryId,
    score: f64,
    title: String,
    lang: String,
    evidence: Vec<Evidence>,
}

/// Notices that are read at once.
const CHUNK: usize = 500;

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
        Action::Mark { notice, marks, reason } => {
            let workspace = context.cli.workspace()?;
            workspace.layout.require()?;
            let notice = one(&Derived::open_reader(&workspace.layout.derived())?, notice)?;
            let mut all = Vec::new();
            for text in marks {
                let Some((belongs, category)) = parse_sign(text) else {
                    let message =
                        format!("expected +category or -category, found \"{text}\" (options stand before the notice)");
                    return Err(Usage(message).into());
                };
                known(&classifier, category.as_str())?;
                let (notice, since, reason) = (notice.clone(), context.cli.now(), reason.clone());
                all.push(Mark { belongs, category, notice, since, reason });
            }
            ingest::mark(&workspace, &all, context.cli.now())?;
            for mark in &all {
                writeln!(context.out, "{mark}")?;
            }
        }
        Action::Fit { files, folds } => {
            fit(&classifier, &Kinds::load(&definitions).map_err(Invalid)?, files, *folds, context)?;
        }
        Action::Doubts { category, limit, among } => {
            if let Some(category) = category {
                known(&classifier, category)?;
            }
            let doubts = doubts(context, category.as_deref(), *limit, *among)?;
            if context.is_json() {
                context.json(&doubts)?;
            } else {
                for Doubt { id, category, score, title, lang, evidence } in &doubts {
                    writeln!(context.out, "{score:.3} {category}  {id}  {title} [{lang}]")?;
                    for piece in evidence {
                        writeln!(
                            context.out,
                            "    {:+.3} {} in {}: {:?}",
                            piece.points, piece.rule, piece.field, piece.text
                        )?;
                    }
                }
            }
        }
    }
    Ok(Ended::Done)
}

/// Fits the weights to all judged notices, and to all but one part of them in turn.
fn fit(
    classifier: &Classifier,
    kinds: &Kinds,
    files: &[PathBuf],
    folds: u64,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = Vec::new();
    for path in files {
        each_line(path, |row: Row| {
            rows.push(row);
            Ok(())
        })?;
    }
    let Fit { weights, fitted, crossed } = Fit::of(classifier, kinds, &rows, folds);
    let categories: Vec<CategoryId> = classifier.categories().iter().map(|category| category.id.clone()).collect();
    let given: Vec<Judged> = rows
        .iter()
        .map(|row| {
            let all = classifier.classify(&row.line.notice(true, kinds)).into_iter();
            row.judged(all.map(|one| (one.id, one.score)).collect())
        })
        .collect();
    let systems = [("as they are", given), ("fitted", fitted), ("cross-validated", crossed)]
        .map(|(name, judged)| (name, figures(&judged, &categories)));
    if context.is_json() {
        let systems: BTreeMap<&str, &Figures> = systems.iter().map(|(name, figures)| (*name, figures)).collect();
        context.json(&json!({ "weights": weights, "figures": systems }))?;
        return Ok(());
    }
    for (name, figures) in &systems {
        writeln!(
            context.out,
            "# {name:<15} micro P R F1 {}  macro F1 {:.3}  ECE {} of all, {} of those given",
            measures(&figures.micro),
            figures.mean.f1,
            number(figures.ece),
            number(figures.ece_given)
        )?;
    }
    write!(context.out, "{}", toml::to_string(&weights)?)?;
    Ok(())
}

/// Refuses a category that is none.
fn known(classifier: &Classifier, id: &str) -> anyhow::Result<()> {
    if classifier.category(id).is_some() {
        return Ok(());
    }
    let all: Vec<&str> = classifier.categories().iter().map(|category| category.id.as_str()).collect();
    Err(Usage(format!("there is no category \"{id}\"; known are {}", all.join(", "))).into())
}

/// The nearest to the threshold first; what was marked is no doubt any more.
fn doubts(context: &Context<'_>, only: Option<&str>, limit: usize, among: u64) -> anyhow::Result<Vec<Doubt>> {
    let workspace = context.cli.workspace()?;
    workspace.layout.require()?;
    let marked = standing(&workspace.layout.marks()?);
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let mut seq = derived.change_seq()?.saturating_sub(among);
    let distance = |score: f64| (score / (1.0 - score)).ln().abs();
    let mut found: Vec<Doubt> = Vec::new();
    loop {
        let chunk = derived.changes_since(seq, CHUNK)?;
        let Some((last, _)) = chunk.last() else { break };
        seq = *last;
        for (_, notice) in chunk {
            let (lang, title) = notice.title.first().unwrap_or(("und", ""));
            for label in &notice.categories {
                let wanted = only.is_none_or(|only| label.id.as_str() == only);
                if wanted && !marked.get(&notice.id).is_some_and(|marks| marks.contains_key(&label.id)) {
                    found.push(Doubt {
                        id: notice.id.clone(),
                        category: label.id.clone(),
                        score: label.score,
                        title: title.to_owned(),
                        lang: lang.to_owned(),
                        evidence: label.evidence.clone(),
                    });
                }
            }
        }
        found.sort_by(|one, other| {
            distance(one.score)
                .total_cmp(&distance(other.score))
                .then_with(|| one.id.cmp(&other.id))
                .then_with(|| one.category.cmp(&other.category))
        });
        found.truncate(limit);
    }
    Ok(found)
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
