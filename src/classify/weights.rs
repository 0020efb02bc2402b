//! How much does each kind of evidence say? `index/weights/*.toml` → [`Weights`], and how they are fitted to judged notices.
//!
//! The weights are few and shared by all categories, so that they can be read. Fitting moves one after the other by a step as
//! long as the scores fit the judgements better, and is held near the weights it began with; it is the same every time.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::definition::Weight;
use super::score::{HEAD, OPENING, Position};
use crate::definitions::{DefinitionError, Definitions};
use crate::ids::CategoryId;
use crate::notice::Notice;

/// The folder; its one file is `shared.toml`.
pub const WEIGHTS: &str = "index/weights";
/// What a category has that nothing spoke for.
const SILENT: f64 = 0.02;
/// How much it costs to go away from the weights of the beginning: that of so many judgements for a factor of e.
const HELD: f64 = 4.0;
/// Factors that are tried on a weight, coarse ones first.
const STEPS: [f64; 3] = [1.2, 1.08, 1.03];
/// Times that all weights are gone through with one step.
const ROUNDS: usize = 8;

/// Points (log-odds), and parts of them by place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// A strong term.
    pub strong: f64,
    /// An ordinary thing with a force beside it.
    pub object: f64,
    /// That force.
    pub force: f64,
    /// A weak term.
    pub weak: f64,
    /// A term of the category that speaks against it.
    pub veto: f64,
    /// A term that speaks against every category.
    pub other_object: f64,
    /// A code that the category names as strong.
    pub cpv_strong: f64,
    /// A code that it names as weak.
    pub cpv_weak: f64,
    /// Part of a code that is not the main one.
    pub other_code: f64,
    /// Part of a term in a lot's title.
    pub lot_title: f64,
    /// Part of a term in the first words of a description.
    pub opening: f64,
    /// Part of a term in the first paragraph of a description.
    pub head: f64,
    /// Part of a term further on.
    pub rest: f64,
    /// Part of a term in the first paragraph of a lot's description.
    pub lot_head: f64,
    /// Part of a term further on in a lot's description.
    pub lot_rest: f64,
}

impl Weights {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there, not sound, or a weight has the wrong sign.
    pub fn load(definitions: &Definitions) -> Result<(Self, String), DefinitionError> {
        let files = definitions.list(WEIGHTS)?;
        let file = files.iter().find(|file| file.id == "shared").expect("shipped with the program");
        let weights: Self = file.parse()?;
        for (name, value) in weights.clone().named() {
            let negative = matches!(name, "veto" | "other_object");
            if !value.is_finite() || (*value < 0.0) != negative || value.abs() > 20.0 {
                let wanted = if negative { "from -20 to below 0" } else { "from 0 to 20" };
                return Err(file.error(name, format!("expected a number {wanted}, found {value}")));
            }
        }
        Ok((weights, file.text.to_string()))
    }

    fn named(&mut self) -> [(&'static str, &mut f64); 15] {
        [
            ("strong", &mut self.strong),
            ("object", &mut self.object),
            ("force", &mut self.force),
            ("weak", &mut self.weak),
            ("veto", &mut self.veto),
            ("other_object", &mut self.other_object),
            ("cpv_strong", &mut self.cpv_strong),
            ("cpv_weak", &mut self.cpv_weak),
            ("other_code", &mut self.other_code),
            ("lot_title", &mut self.lot_title),
            ("opening", &mut self.opening),
            ("head", &mut self.head),
            ("rest", &mut self.rest),
            ("lot_head", &mut self.lot_head),
            ("lot_rest", &mut self.lot_rest),
        ]
    }

    /// Points of a term that stands there.
    pub(super) fn of_term(&self, weight: Weight, other_object: bool, doubtful: bool, at: (Position, usize)) -> f64 {
        let base = match weight {
            Weight::Strong if doubtful => self.weak,
            Weight::Strong => self.strong,
            Weight::Object => self.object,
            Weight::Force => self.force,
            Weight::Weak if doubtful => self.weak / 2.0,
            Weight::Weak => self.weak,
            Weight::Veto if other_object => self.other_object,
            Weight::Veto => self.veto,
        };
        base * match at {
            (Position::Title | Position::Buyer, _) => 1.0,
            (Position::LotTitle, _) => self.lot_title,
            (Position::Description, ..OPENING) => self.opening,
            (Position::Description, ..HEAD) => self.head,
            (Position::Description, _) => self.rest,
            (Position::LotDescription, ..HEAD) => self.lot_head,
            (Position::LotDescription, _) => self.lot_rest,
        }
    }

    /// Points of a code by the length of the prefix that the category names.
    pub(super) fn of_code(&self, strong: bool, prefix: usize, main: bool) -> f64 {
        // A whole class of four digits says less than a single product.
        let depth = match prefix {
            ..=3 => 0.7,
            4 => 0.9,
            5 => 1.0,
            _ => 1.05,
        };
        let base = if strong { self.cpv_strong } else { self.cpv_weak };
        base * depth * if main { 1.0 } else { self.other_code }
    }

    /// How far the scores are from the judgements, in nats over all notices and categories.
    fn loss(&self, classifier: &Classifier, judged: &[&(Notice, BTreeSet<CategoryId>)]) -> f64 {
        let each: Vec<f64> = judged
            .par_iter()
            .map(|(notice, labels)| {
                let scores = classifier.classify_with(notice, self);
                let of = |id: &CategoryId| {
                    let score = scores.iter().find(|one| one.id == *id).map_or(SILENT, |one| one.score);
                    score.clamp(SILENT, 1.0 - SILENT)
                };
                let judgement = |id: &CategoryId| if labels.contains(id) { -of(id).ln() } else { -(1.0 - of(id)).ln() };
                classifier.categories().iter().map(|category| judgement(&category.id)).sum()
            })
            .collect();
        each.iter().sum()
    }

    /// The weights that fit these judgements best, near the ones of the classifier.
    pub fn fitted(classifier: &Classifier, judged: &[&(Notice, BTreeSet<CategoryId>)]) -> Self {
        let start = classifier.weights().clone();
        let away = |weights: &mut Self| -> f64 {
            let from = start.clone().named().map(|(_, value)| *value);
            let logs = weights.named().into_iter().zip(from).map(|((_, value), from)| (*value / from).ln().powi(2));
            HELD * logs.sum::<f64>()
        };
        let mut best = start.clone();
        let mut least = best.loss(classifier, judged);
        for step in STEPS {
            for _ in 0..ROUNDS {
                let before = least;
                for number in 0..best.named().len() {
                    for factor in [step, 1.0 / step] {
                        let mut other = best.clone();
                        *other.named()[number].1 *= factor;
                        let loss = other.loss(classifier, judged) + away(&mut other);
                        if loss < least - 1e-9 {
                            (best, least) = (other, loss);
                            break;
                        }
                    }
                }
                if before - least < 0.01 {
                    break;
                }
            }
        }
        for (_, value) in best.named() {
            *value = (*value * 1000.0).round() / 1000.0;
        }
        best
    }
}
