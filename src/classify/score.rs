//! How much does what was found say? Hits and codes of one category → evidence whose points add up to the score.
//!
//! Points are log-odds. The weights stand at the top, each with its reason. It does not know how terms are found.

use std::collections::BTreeMap;

use crate::notice::{Classification, Evidence};

use super::definition::{Category, Weight};

/// Log-odds of any category before anything was read: security objects are rare. Without evidence the score
/// stays below 0.05, so that silence is no candidate.
const BIAS: f64 = -3.0;
/// In a description a force counts for what stands this close; in a title, for all of it.
const NEAR: usize = 80;
/// A second, third … piece of the same kind says less than the first.
const AGAIN: [f64; 5] = [1.0, 0.5, 0.25, 0.15, 0.1];

/// In its first words a description says what is bought; what is named once further on is a passing mention.
pub(super) const OPENING: usize = 100;
/// From here the rest of a description counts less: the object is named early.
pub(super) const HEAD: usize = 600;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The buyer's name.
    Buyer,
    Title,
    LotTitle,
    Description,
    LotDescription,
}

/// A term found in a text, gated by language.
#[derive(Clone, Debug)]
pub(super) struct Hit<'a> {
    pub rule: &'a str,
    pub weight: Weight,
    /// An acronym in a text of capitals is hardly one.
    pub doubtful: bool,
    pub position: Position,
    /// What it says by itself.
    pub points: f64,
    /// Which text: the number of the field.
    pub place: usize,
    /// Which lot, for texts of lots.
    pub lot: Option<usize>,
    pub field: &'a str,
    pub lang: Option<&'a str>,
    pub start: usize,
    pub end: usize,
    pub text: &'a str,
    /// What makes two hits one: the folded beginnings of its words.
    pub family: String,
}

impl<'a> Hit<'a> {
    /// A buyer that is a force itself. Its name is no evidence of the object: it only makes an ordinary thing one of
    /// security.
    pub fn of_buyer(rule: &'a str, field: &'a str, name: &'a str, points: f64) -> Self {
        Self {
            rule,
            weight: Weight::Force,
            doubtful: false,
            position: Position::Buyer,
            points,
            place: usize::MAX,
            lot: None,
            field,
            lang: None,
            start: 0,
            end: name.chars().count(),
            text: name,
            family: String::new(),
        }
    }
}

impl Hit<'_> {
    fn holds(&self, other: &Self) -> bool {
        self.place == other.place && self.start <= other.start && other.end <= self.end
    }

    /// Whether a force is named with this thing: in the same title, close by in the same description, in the title of
    /// the notice, or, for a thing in a title, as the buyer.
    fn has_beside(&self, force: &Self) -> bool {
        if force.position == Position::Buyer {
            return matches!(self.position, Position::Title | Position::LotTitle);
        }
        if self.place != force.place {
            return force.position == Position::Title;
        }
        matches!(self.position, Position::Title | Position::LotTitle)
            || (force.start <= self.end + NEAR && self.start <= force.end + NEAR)
    }

    fn length(&self) -> usize {
        self.end - self.start
    }

    fn evidence(&self, points: f64) -> Evidence {
        Evidence {
            rule: self.rule.to_owned(),
            field: self.field.to_owned(),
            lang: self.lang.map(str::to_owned),
            start: self.start,
            end: self.end,
            text: self.text.to_owned(),
            points: round(points),
        }
    }
}

/// A CPV code of the notice that a category names.
#[derive(Clone, Debug)]
pub(super) struct Code<'a> {
    pub category: &'a str,
    pub strong: bool,
    pub prefix: &'a str,
    pub field: &'a str,
    pub digits: &'a str,
    /// What it says by itself.
    pub points: f64,
}

impl Code<'_> {
    fn evidence(&self, points: f64) -> Evidence {
        let weight = if self.strong { Weight::Strong } else { Weight::Weak };
        Evidence {
            rule: format!("cpv:{}/{}/{}", self.category, weight.as_str(), self.prefix),
            field: self.field.to_owned(),
            lang: None,
            start: 0,
            end: self.digits.chars().count(),
            text: self.digits.to_owned(),
            points: round(points),
        }
    }
}

/// Leaves out the ordinary things that have no force beside them, and gives the force that counts most for the others.
pub(super) fn beside_a_force<'h, 'a: 'h>(
    hits: &mut Vec<Hit<'a>>,
    forces: impl Iterator<Item = &'h Hit<'a>>,
) -> Option<Hit<'a>> {
    if hits.iter().all(|hit| hit.weight != Weight::Object) {
        return None;
    }
    let forces: Vec<&Hit<'a>> = forces.collect();
    let mut best: Option<&Hit<'a>> = None;
    hits.retain(|hit| {
        if hit.weight != Weight::Object {
            return true;
        }
        let beside: Vec<&&Hit<'a>> = forces.iter().filter(|force| hit.has_beside(force)).collect();
        for force in &beside {
            if best.is_none_or(|best| force.points > best.points) {
                best = Some(force);
            }
        }
        !beside.is_empty()
    });
    best.cloned()
}

/// The classification of one category; `None` when nothing speaks for it or the score is below 0.05. `force` is who makes the
/// ordinary things among the hits things of security.
pub(super) fn weigh(
    category: &Category,
    hits: Vec<Hit<'_>>,
    mut codes: Vec<Code<'_>>,
    force: Option<Hit<'_>>,
) -> Option<Classification> {
    let hits = outermost(hits);
    let (vetoes, terms): (Vec<Hit<'_>>, Vec<Hit<'_>>) = hits.into_iter().partition(|hit| hit.weight == Weight::Veto);
    let (vetoes, terms) = without_vetoed_lots(vetoes, terms);
    let mut evidence = Vec::new();
    let objects = terms.iter().any(|hit| hit.weight == Weight::Object);
    add(&mut evidence, terms);
    if let (true, Some(force)) = (objects, force) {
        evidence.push(force.evidence(force.points));
    }
    let has_term = !evidence.is_empty();
    codes.sort_by(|one, other| other.points.total_cmp(&one.points));
    let (strong, weak): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| code.strong);
    for (code, again) in strong.iter().zip([1.0, 0.1]) {
        evidence.push(code.evidence(code.points * again));
    }
    if let (true, Some(code)) = (has_term, weak.first()) {
        evidence.push(code.evidence(code.points));
    }
    if evidence.is_empty() {
        return None;
    }
    add(&mut evidence, vetoes);
    evidence.sort_by(|one, other| other.points.abs().total_cmp(&one.points.abs()));
    let bias = round(BIAS - (category.threshold / (1.0 - category.threshold)).ln());
    let score = score(bias, &evidence);
    (score >= 0.05).then(|| Classification { id: category.id.clone(), score, bias, evidence })
}

/// `1 / (1 + e^-(bias + Σ points))`, summed in the order of the list, to nine decimals: so it survives being
/// written and read back, and a stored score equals a fresh one.
pub fn score(bias: f64, evidence: &[Evidence]) -> f64 {
    let sum: f64 = evidence.iter().map(|piece| piece.points).sum();
    let exact = 1.0 / (1.0 + (-(bias + sum)).exp());
    (exact * 1e9).round() / 1e9
}

/// Of hits inside one another only the outer one counts: `anti-drone` is one reason, and `drone` inside
/// `drone bees` is none. Between equals the veto stands, then the strong term.
fn outermost(mut hits: Vec<Hit<'_>>) -> Vec<Hit<'_>> {
    let rank = |hit: &Hit<'_>| match hit.weight {
        Weight::Veto => 0,
        Weight::Strong => 1,
        Weight::Object => 2,
        Weight::Weak | Weight::Force => 3,
    };
    hits.sort_by(|one, other| {
        (one.place, one.start)
            .cmp(&(other.place, other.start))
            .then(other.length().cmp(&one.length()))
            .then(rank(one).cmp(&rank(other)))
            .then(one.doubtful.cmp(&other.doubtful))
    });
    let mut kept: Vec<Hit<'_>> = Vec::new();
    for hit in hits {
        // Sorted by start, so only the last few kept can hold this one.
        let holder = kept.iter().rev().take(8).position(|outer| outer.holds(&hit));
        match holder.map(|back| kept.len() - 1 - back) {
            // A strong word inside a weak phrase keeps its strength; a weak phrase is no reason to doubt it.
            Some(at) if kept[at].weight == Weight::Weak && hit.weight == Weight::Strong => kept[at] = hit,
            Some(_) => {}
            None => kept.push(hit),
        }
    }
    kept
}

/// A lot's veto speaks against its own lot only: a lot whose strongest term and strongest veto together would be no
/// label says nothing, and the other lots and the notice do not hear of it.
fn without_vetoed_lots<'a>(vetoes: Vec<Hit<'a>>, mut terms: Vec<Hit<'a>>) -> (Vec<Hit<'a>>, Vec<Hit<'a>>) {
    let mut lots: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for hit in &vetoes {
        if let Some(lot) = hit.lot {
            let worst = &mut lots.entry(lot).or_default().1;
            *worst = worst.min(hit.points);
        }
    }
    if !lots.is_empty() {
        for hit in &terms {
            if let Some((best, _)) = hit.lot.and_then(|lot| lots.get_mut(&lot)) {
                *best = best.max(hit.points);
            }
        }
        let label = |lot: usize| lots.get(&lot).is_none_or(|(best, worst)| BIAS + best + worst >= 0.0);
        terms.retain(|hit| hit.lot.is_none_or(label));
    }
    (vetoes.into_iter().filter(|hit| hit.lot.is_none()).collect(), terms)
}

/// Adds the hits, strongest first, one per family, each further one scaled down.
fn add(evidence: &mut Vec<Evidence>, mut hits: Vec<Hit<'_>>) {
    hits.sort_by(|one, other| {
        other
            .points
            .abs()
            .total_cmp(&one.points.abs())
            .then(one.place.cmp(&other.place))
            .then(one.start.cmp(&other.start))
            .then(one.rule.cmp(other.rule))
    });
    let mut families: Vec<&str> = Vec::new();
    for hit in &hits {
        if families.len() == AGAIN.len() {
            break;
        }
        if !families.contains(&hit.family.as_str()) {
            evidence.push(hit.evidence(hit.points * AGAIN[families.len()]));
            families.push(&hit.family);
        }
    }
}

fn round(points: f64) -> f64 {
    (points * 1000.0).round() / 1000.0
}
