//! `tenderwatch evaluate`

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::classify::{Line, each_line};
use super::{Context, Ended, Invalid, Output};
use crate::classify::{Baseline, Classifier};
use crate::definitions::Definitions;
use crate::evaluation::{Counts, Figures, Judged, Share, figures};
use crate::ids::CategoryId;
use crate::notice::Notice;

/// Measure the labels against judged notices: precision, recall, F1, false alarms, calibration.
///
/// Each line of a judged set is a line as `classify` reads it, with `labels` and perhaps `note` (how it was found). Simple
/// systems stand beside: strong CPV codes alone, English keywords, terms of the text's language without anything against them.
///
/// Example: tenderwatch evaluate dev.jsonl.gz
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Judged notices, JSON Lines, perhaps gzipped
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    line: Line,
    labels: BTreeSet<CategoryId>,
    #[serde(default)]
    note: Option<String>,
}

/// The systems that are compared, the real one first.
const SYSTEMS: &[(&str, System)] = &[
    ("classify", System::Real { with_cpv: true }),
    ("classify, text alone", System::Real { with_cpv: false }),
    ("CPV codes alone", System::Simple(Baseline::Codes)),
    ("English keywords", System::Simple(Baseline::English)),
    ("plain lexicon", System::Simple(Baseline::Lexicon)),
];

#[derive(Clone, Copy)]
enum System {
    Real { with_cpv: bool },
    Simple(Baseline),
}

impl System {
    fn scores(self, classifier: &Classifier, row: &Row) -> Vec<(CategoryId, f64)> {
        let labelled = |notice: &Notice, system| classifier.baseline(notice, system).into_iter();
        match self {
            Self::Real { with_cpv } => {
                let all = classifier.classify(&row.line.notice(with_cpv)).into_iter();
                all.map(|one| (one.id, one.score)).collect()
            }
            Self::Simple(system) => labelled(&row.line.notice(true), system).map(|id| (id, 1.0)).collect(),
        }
    }
}

#[derive(Serialize)]
struct Set {
    file: String,
    systems: Vec<Measured>,
}

#[derive(Serialize)]
struct Measured {
    system: &'static str,
    figures: Figures,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json])?;
    let config = context.cli.config()?;
    let classifier = Classifier::load(&Definitions::new(config.paths.definitions)).map_err(Invalid)?;
    let categories: Vec<CategoryId> = classifier.categories().iter().map(|category| category.id.clone()).collect();
    let mut sets = Vec::new();
    let mut unknown: BTreeSet<CategoryId> = BTreeSet::new();
    for path in &arguments.files {
        let mut judged: Vec<Vec<Judged>> = vec![Vec::new(); SYSTEMS.len()];
        each_line(path, |row: Row| {
            for label in row.labels.iter().filter(|label| !categories.contains(label)) {
                if unknown.insert(label.clone()) {
                    tracing::warn!("{}: {} is judged {label}, which is no category here", path.display(), row.line.id);
                }
            }
            for (judged, (_, system)) in judged.iter_mut().zip(SYSTEMS) {
                judged.push(Judged {
                    id: row.line.id.clone(),
                    lang: row.line.lang.clone().unwrap_or_else(|| "und".to_owned()),
                    labels: row.labels.clone(),
                    note: row.note.clone().unwrap_or_default(),
                    scores: system.scores(&classifier, &row).into_iter().collect(),
                });
            }
            Ok(())
        })?;
        let measured = SYSTEMS.iter().zip(&judged);
        let systems = measured.map(|((system, _), judged)| Measured { system, figures: figures(judged, &categories) });
        sets.push(Set { file: path.display().to_string(), systems: systems.collect() });
    }
    if context.is_json() {
        context.json(&sets)?;
    } else {
        for set in &sets {
            print(set, context.out)?;
        }
    }
    Ok(Ended::Done)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "    -".to_owned(), |value| format!("{value:5.3}"))
}

fn measures(counts: &Counts) -> String {
    format!("{} {} {}", number(counts.precision()), number(counts.recall()), number(counts.f1()))
}

fn of(share: Share) -> String {
    format!("{} of {}", share.part, share.whole)
}

fn print(set: &Set, out: &mut dyn Write) -> anyhow::Result<()> {
    let [real, text, ..] = set.systems.as_slice() else { return Ok(()) };
    writeln!(
        out,
        "{}: {} notices, {} labels\n",
        set.file,
        real.figures.notices,
        real.figures.micro.right + real.figures.micro.missed
    )?;
    writeln!(
        out,
        "{:<21} {:^17}   {:^17}   {:^6} {:>13} {:>10}   {:^5} {:^5}",
        "", "micro P  R  F1", "macro P  R  F1", "sweep", "alarms hard", "random", "ECE", "given"
    )?;
    for Measured { system, figures } in &set.systems {
        let mean = &figures.mean;
        writeln!(
            out,
            "{system:<21} {}   {:5.3} {:5.3} {:5.3}   {:>6} {:>13} {:>10}   {} {}",
            measures(&figures.micro),
            mean.precision,
            mean.recall,
            mean.f1,
            number(figures.sweep.recall()),
            of(figures.alarms_hard),
            of(figures.alarms_random),
            number(figures.ece),
            number(figures.ece_given)
        )?;
    }
    writeln!(
        out,
        "\n{:<27} {:>5} {:>6} {:>6}  {:^17}   {:^17}",
        "", "right", "alarms", "missed", "P  R  F1", "text alone"
    )?;
    let alone = &text.figures;
    for (category, counts) in &real.figures.categories {
        line(out, category.as_str(), counts, alone.categories.get(category))?;
    }
    writeln!(out)?;
    for (language, (notices, counts)) in &real.figures.languages {
        let name = format!("{language} ({notices} notices)");
        line(out, &name, counts, alone.languages.get(language).map(|(_, counts)| counts))?;
    }
    writeln!(out)?;
    Ok(())
}

fn line(out: &mut dyn Write, name: &str, counts: &Counts, alone: Option<&Counts>) -> anyhow::Result<()> {
    let Counts { right, alarms, missed } = counts;
    let alone = alone.copied().unwrap_or_default();
    writeln!(out, "{name:<27} {right:>5} {alarms:>6} {missed:>6}  {}   {}", measures(counts), measures(&alone))?;
    Ok(())
}
