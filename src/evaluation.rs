//! How good are the labels? Judged notices and the scores that something gave them → precision, recall, F1, false alarms,
//! calibration; by category and by language. Pure: it knows neither who judged nor what gave the scores.
//!
//! The measures are those of the scoring script that comes with the judged notices: micro sums over all labels, macro is the
//! mean over the categories that somebody was judged to belong to, a precision of nothing counts as 0 there.

pub mod marks;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::ids::CategoryId;

/// The score from which a category is a label.
pub const LABEL: f64 = 0.5;
/// Parts of the range of scores in which calibration is looked at.
const BINS: usize = 10;

/// A judged notice and the scores that it got; what has no score got none.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its id in the judged set.
    pub id: String,
    /// Its language, `und` where nobody said.
    pub lang: String,
    /// What it was judged to be.
    pub labels: BTreeSet<CategoryId>,
    /// How it was found, in the words of the judged set.
    pub note: String,
    /// The scores, each category once.
    pub scores: BTreeMap<CategoryId, f64>,
}

impl Judged {
    /// What it is labelled with.
    pub fn labelled(&self) -> impl Iterator<Item = &CategoryId> {
        self.scores.iter().filter(|(_, score)| **score >= LABEL).map(|(category, _)| category)
    }
}

/// Labels that are right, wrong, and missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Given and judged so.
    pub right: u64,
    /// Given, and judged otherwise.
    pub alarms: u64,
    /// Not given.
    pub missed: u64,
}

impl Counts {
    fn add(&mut self, judged: bool, given: bool) {
        match (judged, given) {
            (true, true) => self.right += 1,
            (false, true) => self.alarms += 1,
            (true, false) => self.missed += 1,
            (false, false) => {}
        }
    }

    /// Of what was given, what is right; `None` when nothing was given.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.right + self.alarms)
    }

    /// Of what was judged so, what was given; `None` when nothing was.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.right + self.missed)
    }

    /// The harmonic mean of both; `None` where there is nothing at all.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.right, 2 * self.right + self.alarms + self.missed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of judged notices")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Means over categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Macro {
    /// Of precision.
    pub precision: f64,
    /// Of recall.
    pub recall: f64,
    /// Of F1.
    pub f1: f64,
    /// Over how many.
    pub categories: u64,
}

/// Some of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
}

/// Everything that is measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Judged notices.
    pub notices: u64,
    /// All labels together.
    pub micro: Counts,
    /// The mean over categories.
    #[serde(rename = "macro")]
    pub mean: Macro,
    /// Whether a notice has any label at all.
    pub any: Counts,
    /// Notices with exactly the judged labels.
    pub exact: u64,
    /// Notices without a label that got one.
    pub alarms: Share,
    /// Of these, near misses that were chosen because a rule fired or the buyer is a security body.
    pub alarms_hard: Share,
    /// Of these, notices drawn at random.
    pub alarms_random: Share,
    /// Labels of notices that were found by reading all that security buyers published, not by a lexicon.
    pub sweep: Counts,
    /// How far scores are from how often they are right, over the scores that were given.
    pub ece_given: Option<f64>,
    /// The same over all categories of each notice, those that got no score at 0.
    pub ece: Option<f64>,
    /// By category.
    pub categories: BTreeMap<CategoryId, Counts>,
    /// By language: notices and labels.
    pub languages: BTreeMap<String, (u64, Counts)>,
}

/// Measures the scores of judged notices; `categories` are all that there are.
pub fn figures(judged: &[Judged], categories: &[CategoryId]) -> Figures {
    let mut figures = Figures::default();
    let mut given = Calibration::default();
    let mut all = Calibration::default();
    for one in judged {
        figures.notices += 1;
        let labelled: BTreeSet<&CategoryId> = one.labelled().collect();
        let language = figures.languages.entry(one.lang.clone()).or_default();
        language.0 += 1;
        let named: BTreeSet<&CategoryId> = one.labels.iter().chain(labelled.iter().copied()).collect();
        for category in named {
            let (is, got) = (one.labels.contains(category), labelled.contains(category));
            figures.micro.add(is, got);
            language.1.add(is, got);
            figures.categories.entry(category.clone()).or_default().add(is, got);
            if one.note.starts_with("found by buyer") {
                figures.sweep.add(is, got);
            }
        }
        figures.any.add(!one.labels.is_empty(), !labelled.is_empty());
        figures.exact += u64::from(one.labels.iter().collect::<BTreeSet<_>>() == labelled);
        if one.labels.is_empty() {
            let alarm = u64::from(!labelled.is_empty());
            let count = |share: &mut Share| {
                share.whole += 1;
                share.part += alarm;
            };
            count(&mut figures.alarms);
            if one.note.starts_with("hard negative") {
                count(&mut figures.alarms_hard);
            }
            if one.note.starts_with("random negative") {
                count(&mut figures.alarms_random);
            }
        }
        for (category, score) in &one.scores {
            given.add(*score, one.labels.contains(category));
        }
        for category in categories {
            all.add(one.scores.get(category).copied().unwrap_or_default(), one.labels.contains(category));
        }
    }
    let judged_so: Vec<&Counts> =
        figures.categories.values().filter(|counts| counts.right + counts.missed > 0).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful of categories")]
    let mean = |of: fn(&Counts) -> Option<f64>| -> f64 {
        let sum: f64 = judged_so.iter().map(|counts| of(counts).unwrap_or_default()).sum();
        if judged_so.is_empty() { 0.0 } else { sum / judged_so.len() as f64 }
    };
    figures.mean = Macro {
        precision: mean(Counts::precision),
        recall: mean(Counts::recall),
        f1: mean(Counts::f1),
        categories: judged_so.len() as u64,
    };
    figures.ece_given = given.error();
    figures.ece = all.error();
    figures
}

/// Scores by tenths, with how many of them are right.
#[derive(Default)]
struct Calibration {
    bins: [(u64, f64, u64); BINS],
}

impl Calibration {
    fn add(&mut self, score: f64, right: bool) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1")]
        let bin = &mut self.bins[((score * 10.0) as usize).min(BINS - 1)];
        bin.0 += 1;
        bin.1 += score;
        bin.2 += u64::from(right);
    }

    /// The expected error: per tenth how far the mean score is from the share of those that are right, by their number.
    #[expect(clippy::cast_precision_loss, reason = "counts of judged notices")]
    fn error(&self) -> Option<f64> {
        let all: u64 = self.bins.iter().map(|(count, ..)| count).sum();
        let sum: f64 = self.bins.iter().map(|(_, scores, right)| (scores - *right as f64).abs()).sum();
        (all > 0).then(|| sum / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(labels: &[&str], scores: &[(&str, f64)], note: &str) -> Judged {
        Judged {
            id: "g1".to_owned(),
            lang: "de".to_owned(),
            labels: labels.iter().map(|label| CategoryId::new(*label)).collect(),
            note: note.to_owned(),
            scores: scores.iter().map(|(category, score)| (CategoryId::new(*category), *score)).collect(),
        }
    }

    #[test]
    fn what_is_right_wrong_and_missing_is_counted() {
        let all = [
            judged(&["drones"], &[("drones", 0.9), ("robotics", 0.6)], "found by buyer sweep"),
            judged(&["robotics"], &[("robotics", 0.2)], ""),
            judged(&[], &[("drones", 0.5)], "hard negative: near"),
            judged(&[], &[], "random negative"),
        ];
        let figures = figures(&all, &[CategoryId::new("drones"), CategoryId::new("robotics")]);
        assert_eq!(figures.micro, Counts { right: 1, alarms: 2, missed: 1 });
        assert_eq!(figures.micro.precision(), Some(1.0 / 3.0));
        assert_eq!(figures.micro.recall(), Some(0.5));
        assert_eq!(figures.micro.f1(), Some(0.4));
        assert_eq!(figures.any, Counts { right: 1, alarms: 1, missed: 1 });
        assert_eq!(figures.exact, 1);
        assert_eq!(figures.alarms, Share { part: 1, whole: 2 });
        assert_eq!(figures.alarms_hard, Share { part: 1, whole: 1 });
        assert_eq!(figures.alarms_random, Share { part: 0, whole: 1 });
        assert_eq!(figures.sweep, Counts { right: 1, alarms: 1, missed: 0 });
        // drones: one right, one alarm; robotics: none right
        assert!((figures.mean.f1 - (2.0 / 3.0) / 2.0).abs() < 1e-12);
        // given: 0.9 right, 0.6, 0.2 (right) and 0.5 not: (0.1 + 0.6 + 0.8 + 0.5) / 4
        assert!((figures.ece_given.expect("some") - 0.5).abs() < 1e-12);
        // over 4 x 2 with four silent ones, none of them right
        assert!((figures.ece.expect("some") - 0.25).abs() < 1e-12);
        assert_eq!(figures.languages["de"].0, 4);
    }

    proptest! {
        #[test]
        fn parts_add_up(rows in prop::collection::vec((prop::collection::btree_set(0u8..4, 0..3), prop::collection::btree_map(0u8..4, 0.0f64..1.0, 0..4)), 0..30)) {
            let id = |number: &u8| CategoryId::new(format!("c{number}"));
            let all: Vec<Judged> = rows.iter().map(|(labels, scores)| Judged {
                id: String::new(),
                lang: "en".to_owned(),
                labels: labels.iter().map(id).collect(),
                note: String::new(),
                scores: scores.iter().map(|(category, score)| (id(category), *score)).collect(),
            }).collect();
            let categories: Vec<CategoryId> = (0u8..4).map(|number| id(&number)).collect();
            let figures = figures(&all, &categories);
            let sum = figures.categories.values().fold(Counts::default(), |sum, one| Counts {
                right: sum.right + one.right, alarms: sum.alarms + one.alarms, missed: sum.missed + one.missed,
            });
            prop_assert_eq!(sum, figures.micro);
            let judged: usize = rows.iter().map(|(labels, _)| labels.len()).sum();
            prop_assert_eq!(figures.micro.right + figures.micro.missed, judged as u64);
            prop_assert!(figures.ece.is_none_or(|ece| (0.0..=1.0).contains(&ece)));
        }
    }
}
