//! `tenderwatch evaluate`

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::classify::{Line, each_line};
use super::{Context, Ended, Invalid, Output, Usage};
use crate::classify::{Baseline, Classifier, Weights};
use crate::definitions::Definitions;
use crate::evaluation::marks::{Compared, compare, standing};
use crate::evaluation::{Counts, Figures, Judged, LABEL, Share, figures};
use crate::ids::{CategoryId, NoticeId};
use crate::notice::Notice;
use crate::organisations::Kinds;
use crate::store::Derived;

/// Measure the labels against judged notices: precision, recall, F1, false alarms, calibration.
///
/// Each line of a judged set is a line as `classify` reads it, with `labels` and perhaps `note` (how it was found). Simple
/// systems stand beside: strong CPV codes alone, English keywords, terms of the text's language without anything against them.
///
/// So does what fitting the weights to the set would make of it, and the same cross-validated: each notice labelled with weights
/// that were fitted without its part of the set. The terms are the same in both, so their fit to the set does not show.
///
/// With `--marks` what you marked (`categories mark`) is replayed with the shipped definitions and with yours; where yours are
/// less precise in a category, the command fails and names the notices.
///
/// Example: tenderwatch evaluate dev.jsonl.gz
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Judged notices, JSON Lines, perhaps gzipped
    #[arg(required_unless_present = "marks", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The notices that were marked, with the shipped definitions and with those of paths.definitions
    #[arg(long, conflicts_with = "files")]
    marks: bool,
    /// Into so many parts each set falls for the cross-validated figures, by its ids; 0 leaves them out
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=50))]
    folds: u64,
}

/// What the marks say of two sets of definitions.
#[derive(Serialize)]
struct MarksReport {
    categories: BTreeMap<CategoryId, Compared>,
    /// Marked, and not here.
    gone: Vec<NoticeId>,
}

/// A line of a judged set.
#[derive(Deserialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub line: Line,
    pub labels: BTreeSet<CategoryId>,
    #[serde(default)]
    pub note: Option<String>,
}

impl Row {
    /// With the scores that something gave it.
    pub fn judged(&self, scores: Vec<(CategoryId, f64)>) -> Judged {
        Judged {
            id: self.line.id.clone(),
            lang: self.line.lang.clone().unwrap_or_else(|| "und".to_owned()),
            labels: self.labels.clone(),
            note: self.note.clone().unwrap_or_default(),
            scores: scores.into_iter().collect(),
        }
    }
}

/// A judged set with weights that were fitted to it.
pub(super) struct Fit {
    /// Fitted to all of it.
    pub weights: Weights,
    /// Labelled with those.
    pub fitted: Vec<Judged>,
    /// Each labelled with weights that were fitted without its part.
    pub crossed: Vec<Judged>,
}

impl Fit {
    /// `folds` parts, by the ids, so that they are the same on every machine.
    pub fn of(classifier: &Classifier, kinds: &Kinds, rows: &[Row], folds: u64) -> Self {
        let judged: Vec<(Notice, BTreeSet<CategoryId>)> =
            rows.iter().map(|row| (row.line.notice(true, kinds), row.labels.clone())).collect();
        let part = |row: &Row| {
            let digest = Sha256::digest(row.line.id.as_bytes());
            digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)) % folds
        };
        let scores = |number: usize, weights: &Weights| {
            let all = classifier.classify_with(&judged[number].0, weights).into_iter();
            rows[number].judged(all.map(|one| (one.id, one.score)).collect())
        };
        let weights = Weights::fitted(classifier, &judged.iter().collect::<Vec<_>>());
        let fitted = (0..rows.len()).map(|number| scores(number, &weights)).collect();
        let mut crossed = Vec::with_capacity(rows.len());
        for fold in 0..folds {
            let (inside, others): (Vec<usize>, Vec<usize>) =
                (0..rows.len()).partition(|number| part(&rows[*number]) == fold);
            let others: Vec<_> = others.into_iter().map(|number| &judged[number]).collect();
            let weights = Weights::fitted(classifier, &others);
            crossed.extend(inside.into_iter().map(|number| scores(number, &weights)));
        }
        Self { weights, fitted, crossed }
    }
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
    fn scores(self, classifier: &Classifier, kinds: &Kinds, row: &Row) -> Vec<(CategoryId, f64)> {
        let labelled = |notice: &Notice, system| classifier.baseline(notice, system).into_iter();
        match self {
            Self::Real { with_cpv } => {
                let all = classifier.classify(&row.line.notice(with_cpv, kinds)).into_iter();
                all.map(|one| (one.id, one.score)).collect()
            }
            Self::Simple(system) => labelled(&row.line.notice(true, kinds), system).map(|id| (id, 1.0)).collect(),
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
    let definitions = Definitions::new(config.paths.definitions);
    let classifier = Classifier::load(&definitions).map_err(Invalid)?;
    let kinds = Kinds::load(&definitions).map_err(Invalid)?;
    if arguments.folds == 1 {
        return Err(Usage(
            "--folds: expected 0, or 2 to 50, found 1: one part alone leaves nothing to fit to".to_owned(),
        )
        .into());
    }
    if arguments.marks {
        return replay_marks(&classifier, &kinds, context);
    }
    let categories: Vec<CategoryId> = classifier.categories().iter().map(|category| category.id.clone()).collect();
    let mut sets = Vec::new();
    let mut unknown: BTreeSet<CategoryId> = BTreeSet::new();
    for path in &arguments.files {
        let mut rows: Vec<Row> = Vec::new();
        each_line(path, |row: Row| {
            for label in row.labels.iter().filter(|label| !categories.contains(label)) {
                if unknown.insert(label.clone()) {
                    tracing::warn!("{}: {} is judged {label}, which is no category here", path.display(), row.line.id);
                }
            }
            rows.push(row);
            Ok(())
        })?;
        let measured =
            |system: &'static str, judged: &[Judged]| Measured { system, figures: figures(judged, &categories) };
        let mut systems = Vec::new();
        for (name, system) in SYSTEMS {
            let judged: Vec<Judged> =
                rows.iter().map(|row| row.judged(system.scores(&classifier, &kinds, row))).collect();
            systems.push(measured(name, &judged));
        }
        if arguments.folds > 1 {
            let fit = Fit::of(&classifier, &kinds, &rows, arguments.folds);
            systems.push(measured("weights fitted", &fit.fitted));
            systems.push(measured("cross-validated", &fit.crossed));
        }
        sets.push(Set { file: path.display().to_string(), systems });
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

/// The marked notices with the shipped definitions and with the operator's.
fn replay_marks(classifier: &Classifier, kinds: &Kinds, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    let shipped = Definitions::new(None);
    let (shipped, shipped_kinds) =
        (Classifier::load(&shipped).map_err(Invalid)?, Kinds::load(&shipped).map_err(Invalid)?);
    let workspace = context.cli.workspace()?;
    workspace.layout.require()?;
    let marks = standing(&workspace.layout.marks()?);
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let mut report = MarksReport { categories: BTreeMap::new(), gone: Vec::new() };
    for (id, marks) in &marks {
        let Some(mut notice) = derived.notice(id)? else {
            report.gone.push(id.clone());
            continue;
        };
        let mut labels = |classifier: &Classifier, kinds: &Kinds| -> BTreeSet<CategoryId> {
            kinds.fill(&mut notice);
            let all = classifier.classify(&notice).into_iter();
            all.filter(|one| one.score >= LABEL).map(|one| one.id).collect()
        };
        let (before, after) = (labels(&shipped, &shipped_kinds), labels(classifier, kinds));
        compare(&mut report.categories, id, marks, &before, &after);
    }
    if context.is_json() {
        context.json(&report)?;
    } else {
        writeln!(context.out, "{} marked notices, {} of them not here\n", marks.len(), report.gone.len())?;
        writeln!(context.out, "{:<27} {:^17}   {:^17}", "", "shipped P  R  F1", "yours P  R  F1")?;
        for (category, row) in &report.categories {
            writeln!(context.out, "{:<27} {}   {}", category.as_str(), measures(&row.before), measures(&row.after))?;
            for (word, notices) in [("won", &row.won), ("lost", &row.lost)] {
                for notice in notices {
                    writeln!(context.out, "    {word} {notice}")?;
                }
            }
        }
    }
    let worse: Vec<String> = report
        .categories
        .iter()
        .filter(|(_, row)| row.is_less_precise())
        .map(|(category, row)| {
            let notices: Vec<&str> = row.lost.iter().map(NoticeId::as_str).collect();
            format!("{category} ({})", notices.join(", "))
        })
        .collect();
    if !worse.is_empty() {
        bail!("your definitions are less precise than the shipped ones in {}", worse.join(", "));
    }
    Ok(Ended::Done)
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "    -".to_owned(), |value| format!("{value:5.3}"))
}

pub(super) fn measures(counts: &Counts) -> String {
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
