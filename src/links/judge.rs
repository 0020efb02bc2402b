//! What a common key of two notices means: a link with its rule, score and evidence, or why it is none.

use jiff::civil::Date;
use serde::Serialize;

use super::claims::Role;
use super::facts::Facts;
use crate::notice::{Relation, Stage};

/// How two notices belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Twins: one notice, published twice.
    SameNotice,
    /// Different notices of one procedure.
    SameProcedure,
    /// An earlier notice that stands by itself: a failed attempt, a framework, a notice of the same planning.
    Previous,
    /// The notice that it corrects.
    Changes,
    /// The notice that it cancels.
    Cancels,
    /// The call that it awards.
    Awards,
    /// The contract that it modifies.
    Modifies,
    /// What announced it.
    Plans,
    /// The funded project that pays for it, or the call that paid for the project.
    Funding,
}

impl Kind {
    /// Every value.
    pub const ALL: &[Self] = &[
        Self::SameNotice,
        Self::SameProcedure,
        Self::Previous,
        Self::Changes,
        Self::Cancels,
        Self::Awards,
        Self::Modifies,
        Self::Plans,
        Self::Funding,
    ];

    /// The value as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameNotice => "same-notice",
            Self::SameProcedure => "same-procedure",
            Self::Previous => "previous",
            Self::Changes => "changes",
            Self::Cancels => "cancels",
            Self::Awards => "awards",
            Self::Modifies => "modifies",
            Self::Plans => "plans",
            Self::Funding => "funding",
        }
    }

    /// From the printed value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Whether both notices are of one procedure. A plan may lead to many procedures, a grant pays for many, and an earlier
    /// attempt is another one: they are related and stay apart.
    pub fn merges(self) -> bool {
        matches!(
            self,
            Self::SameNotice | Self::SameProcedure | Self::Changes | Self::Cancels | Self::Awards | Self::Modifies
        )
    }
}

/// A way to know.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The register of the key it looks at.
    pub register: &'static str,
    /// Whether the key names something for certain, or only says where to look.
    pub exact: bool,
    /// What it says, in a sentence.
    pub about: &'static str,
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        name: "publication-number",
        register: "oj",
        exact: true,
        about: "the same number in the Official Journal, in any of its spellings, or a reference to it",
    },
    Rule {
        name: "notice-uuid",
        register: "uuid",
        exact: true,
        about: "the same notice identifier (BT-701) and version (BT-757), or a reference to it",
    },
    Rule {
        name: "procedure-uuid",
        register: "procedure",
        exact: true,
        about: "the same procedure identifier (BT-04; BOAMP's contractfolderid)",
    },
    Rule { name: "ocid", register: "ocid", exact: true, about: "the same open contracting id, or a reference to it" },
    Rule {
        name: "folder-number",
        register: "folder",
        exact: true,
        about: "the same file number of one buyer or of one source",
    },
    Rule {
        name: "same-reference",
        register: "about",
        exact: true,
        about: "both correct, cancel, award or modify the same notice, which need not be here",
    },
    Rule {
        name: "own-number",
        register: "own",
        exact: true,
        about: "a reference to a publication number of the same source",
    },
    Rule {
        name: "grant-number",
        register: "grant",
        exact: true,
        about: "the project's number (BT-5010) in a procurement that it pays for",
    },
    Rule { name: "topic", register: "topic", exact: true, about: "the call under which a project was funded" },
    Rule {
        name: "twin-by-deadline",
        register: "deadline",
        exact: false,
        about: "one buyer, one deadline and one title in two sources, or twice in one",
    },
    Rule {
        name: "twin-by-title",
        register: "title",
        exact: false,
        about: "one buyer and the very same title, published within days of each other",
    },
];

/// The rule that looks at a register.
pub fn rule(register: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.register == register)
}

/// Two notices that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// How.
    pub kind: Kind,
    /// Whether the second one says so of the first, not the first of the second.
    pub turned: bool,
    /// Between 0 and 1; 1 where a key says so.
    pub score: f64,
}

/// What a common key means.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// They belong together.
    Linked(Link),
    /// The key says so, and what the notices say contradicts it, in words.
    Refused(&'static str),
    /// It means nothing.
    Nothing,
}

/// Published so many days apart, two editions of one notice may still be twins.
pub(super) const TWIN_DAYS: i32 = 10;
/// Titles that share less say different things.
const ALIKE: f64 = 0.25;
/// Below this score two notices are no twins.
const TWINS: f64 = 0.85;

/// Judges a key of this register that both claim, each in its role.
pub fn judge(register: &str, first: (&Facts, Role), second: (&Facts, Role)) -> Judgement {
    use Role::{Is, Near, PartOf, Refers};
    let ((a, role_a), (b, role_b)) = (first, second);
    let linked = |kind, turned| Judgement::Linked(Link { kind, turned, score: 1.0 });
    match (role_a, role_b) {
        (Near, Near) => twins(register, a, b),
        (Is, Is) if register == "own" => Judgement::Nothing,
        (Is, Is) => match contradiction(a, b, true) {
            Some(reason) => Judgement::Refused(reason),
            None if step(a.stage) == step(b.stage) => linked(Kind::SameNotice, false),
            None => linked(Kind::SameProcedure, false),
        },
        (Is | PartOf, Is | PartOf) if register == "uuid" => {
            // Versions of one notice; equal ones have the whole key in common.
            let (old, new) = (edition(a), edition(b));
            if old == new || role_a == Is || role_b == Is {
                Judgement::Nothing
            } else if let Some(reason) = contradiction(a, b, true) {
                Judgement::Refused(reason)
            } else {
                linked(Kind::Changes, old < new)
            }
        }
        (Is | PartOf, Is | PartOf) => match contradiction(a, b, register != "folder") {
            Some(reason) => Judgement::Refused(reason),
            None => linked(Kind::SameProcedure, false),
        },
        (Refers(relation), Is | PartOf) => refers(register, a, b, relation, false),
        (Is | PartOf, Refers(relation)) => refers(register, b, a, relation, true),
        _ => Judgement::Nothing,
    }
}

fn edition(facts: &Facts) -> u32 {
    facts.version.trim().parse().unwrap_or(1)
}

/// Stages that twins share: a notice and its correction are one step.
fn step(stage: Stage) -> u8 {
    match stage {
        Stage::Planning | Stage::PlanItem => 0,
        Stage::Consultation => 1,
        Stage::Competition | Stage::Change => 2,
        Stage::DirectAward => 3,
        Stage::Result => 4,
        Stage::Modification => 5,
        Stage::Completion => 6,
        Stage::Cancellation => 7,
        Stage::Project => 8,
        Stage::Call => 9,
        Stage::News => 10,
    }
}

/// `from` refers to `to`.
fn refers(register: &str, from: &Facts, to: &Facts, relation: Relation, turned: bool) -> Judgement {
    if matches!(register, "grant" | "topic") {
        return Judgement::Linked(Link { kind: Kind::Funding, turned, score: 1.0 });
    }
    if let Some(reason) = contradiction(from, to, true) {
        return Judgement::Refused(reason);
    }
    let (at, of) = (step(from.stage), step(to.stage));
    let kind = match relation {
        Relation::SameNotice if at == of => Kind::SameNotice,
        Relation::SameNotice => Kind::SameProcedure,
        // A reference backwards in time is what the stages make of it.
        _ if of <= 1 && at > of => Kind::Plans,
        Relation::Previous | Relation::Awards if at >= 4 && (2..=3).contains(&of) => Kind::Awards,
        Relation::Previous if at == 5 && of >= 4 => Kind::Modifies,
        // The award of other lots.
        Relation::Previous | Relation::Awards if at == 4 && of == 4 => Kind::SameProcedure,
        Relation::Previous | Relation::Awards => Kind::Previous,
        Relation::Changes => Kind::Changes,
        Relation::Cancels => Kind::Cancels,
        Relation::Modifies => Kind::Modifies,
        Relation::Plans => Kind::Plans,
        Relation::SameProcedure => Kind::SameProcedure,
    };
    Judgement::Linked(Link { kind, turned, score: 1.0 })
}

/// Why two notices cannot belong together, whatever key they share: buyers of different countries, or other buyers with
/// another title.
fn contradiction(a: &Facts, b: &Facts, by_buyer: bool) -> Option<&'static str> {
    let apart = |a: &[String], b: &[String]| !a.is_empty() && !b.is_empty() && !a.iter().any(|one| b.contains(one));
    if apart(&a.countries, &b.countries) {
        return Some("buyers of different countries");
    }
    let others = !a.buyers.is_empty() && !b.buyers.is_empty() && !a.buyers.iter().any(|one| b.buyers.contains(one));
    let told = !a.title.is_empty() && !b.title.is_empty();
    (by_buyer && others && told && alike(&a.title, &b.title) < ALIKE).then_some("different buyers and titles")
}

/// The share of words that two sorted lists have in common.
fn alike(a: &[u32], b: &[u32]) -> f64 {
    let common = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
    let all = a.len() + b.len() - common;
    let number = |words: usize| f64::from(u32::try_from(words).unwrap_or(u32::MAX));
    if all == 0 { 1.0 } else { number(common) / number(all) }
}

/// Whether two notices of one buyer are one notice, published twice: in two sources, or within a day in one.
fn twins(register: &str, a: &Facts, b: &Facts) -> Judgement {
    if step(a.stage) != step(b.stage) || a.numbers != b.numbers || contradiction(a, b, true).is_some() {
        return Judgement::Nothing;
    }
    // Each says which procedure it is of, and they are two: or a form was filled in twice, and one deadline tells that.
    let apart =
        matches!((&a.process, &b.process), (Some((in_a, of_a)), Some((in_b, of_b))) if in_a == in_b && of_a != of_b);
    let twice = a.source == b.source && a.deadline.is_some() && a.stage == Stage::Competition;
    let refer_apart = a.source == b.source && a.refers != b.refers;
    if (apart && !twice) || refer_apart {
        return Judgement::Nothing;
    }
    let title = alike(&a.title, &b.title);
    let between = a.published.zip(b.published).and_then(|(a, b)| days(a, b));
    let same_deadline = match (a.deadline, b.deadline) {
        (Some(a), Some(b)) if a == b => Some(true),
        (Some(_), Some(_)) => Some(false),
        _ => None,
    };
    let same_value = match (&a.value, &b.value) {
        (Some((a, of)), Some((b, in_))) if of == in_ => Some(a == b),
        _ => None,
    };
    let same_cpv = (!a.cpv.is_empty() && !b.cpv.is_empty()).then(|| a.cpv.iter().any(|one| b.cpv.contains(one)));
    let contradicted = [same_deadline, same_value, same_cpv].contains(&Some(false));
    let lots = a.lots != b.lots && a.lots > 1 && b.lots > 1;
    if contradicted || lots || between.is_some_and(|between| between > TWIN_DAYS) {
        return Judgement::Nothing;
    }
    if a.source == b.source {
        // One publisher gives two notices two numbers: only what says the same word for word came twice.
        let told = a.description.is_some() && a.description == b.description;
        let same = told && a.title == b.title && a.lots == b.lots && a.cpv == b.cpv;
        if !same || between != Some(0) || (same_deadline.is_none() && same_value.is_none()) || a.value != b.value {
            return Judgement::Nothing;
        }
        return Judgement::Linked(Link { kind: Kind::SameNotice, turned: false, score: 0.95 });
    }
    // Something beside the title has to agree.
    let agree: u8 = [same_deadline, same_value, same_cpv].iter().map(|same| u8::from(*same == Some(true))).sum();
    if agree == 0 && (register != "title" || between.is_none()) {
        return Judgement::Nothing;
    }
    let score = 0.6 * title + 0.1 * f64::from(agree) + if between.is_some() { 0.1 } else { 0.0 } + 0.1;
    if score < TWINS || title < 0.8 {
        return Judgement::Nothing;
    }
    Judgement::Linked(Link { kind: Kind::SameNotice, turned: false, score: score.min(0.99) })
}

fn days(a: Date, b: Date) -> Option<i32> {
    a.until(b).ok().map(|span| span.get_days().abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(source: &str, stage: Stage, title: &[u32]) -> Facts {
        Facts {
            source: source.into(),
            stage,
            version: String::new(),
            countries: vec!["PL".into()],
            buyers: vec![7],
            title: title.to_vec(),
            numbers: Vec::new(),
            deadline: Some(jiff::civil::date(2026, 11, 20)),
            published: Some(jiff::civil::date(2026, 10, 20)),
            value: None,
            cpv: vec!["351".into()],
            lots: 1,
            description: Some(1),
            process: None,
            refers: Vec::new(),
        }
    }

    fn kind(judgement: &Judgement) -> Option<Kind> {
        match judgement {
            Judgement::Linked(link) => Some(link.kind),
            _ => None,
        }
    }

    #[test]
    fn a_reference_is_what_the_stages_make_of_it() {
        let at = |stage| facts("eu-ted", stage, &[1, 2, 3]);
        for (from, to, relation, expected) in [
            (Stage::Result, Stage::Competition, Relation::Previous, Kind::Awards),
            (Stage::Competition, Stage::Planning, Relation::Previous, Kind::Plans),
            (Stage::Competition, Stage::Competition, Relation::Previous, Kind::Previous),
            (Stage::Modification, Stage::Result, Relation::Previous, Kind::Modifies),
            (Stage::Change, Stage::Competition, Relation::Changes, Kind::Changes),
            (Stage::Result, Stage::PlanItem, Relation::Plans, Kind::Plans),
        ] {
            let judged = judge("oj", (&at(from), Role::Refers(relation)), (&at(to), Role::Is));
            assert_eq!(kind(&judged), Some(expected), "{from:?} {relation:?} {to:?}");
            let Judgement::Linked(back) = judge("oj", (&at(to), Role::Is), (&at(from), Role::Refers(relation))) else {
                panic!("linked one way only")
            };
            assert!(back.turned && back.kind == expected);
        }
    }

    #[test]
    fn a_key_that_the_notices_contradict_links_nothing() {
        let here = facts("a", Stage::Competition, &[1, 2, 3]);
        let mut there = facts("b", Stage::Competition, &[7, 8, 9]);
        there.buyers = vec![8];
        let same = |there: &Facts| judge("procedure", (&here, Role::PartOf), (there, Role::PartOf));
        assert_eq!(same(&there), Judgement::Refused("different buyers and titles"));
        there.title = vec![1, 2, 3];
        assert_eq!(kind(&same(&there)), Some(Kind::SameProcedure), "a buyer may change its name");
        there.countries = vec!["CZ".into()];
        assert_eq!(same(&there), Judgement::Refused("buyers of different countries"));
    }

    #[test]
    fn similar_tenders_of_one_buyer_are_no_twins() {
        let here = facts("es-placsp-643", Stage::Competition, &[1, 2, 3, 4, 5]);
        let twin = |change: &dyn Fn(&mut Facts)| {
            let mut there = facts("eu-ted", Stage::Competition, &[1, 2, 3, 4, 5]);
            change(&mut there);
            kind(&judge("deadline", (&here, Role::Near), (&there, Role::Near)))
        };
        assert_eq!(twin(&|_| ()), Some(Kind::SameNotice));
        assert_eq!(twin(&|there| there.numbers = vec!["2".into()]), None, "another lot, year or file");
        assert_eq!(twin(&|there| there.title = vec![1, 2, 3, 8, 9]), None, "another object");
        assert_eq!(twin(&|there| there.deadline = Some(jiff::civil::date(2026, 12, 1))), None);
        assert_eq!(twin(&|there| there.published = Some(jiff::civil::date(2025, 10, 20))), None, "another year");
        assert_eq!(twin(&|there| there.cpv = vec!["999".into()]), None);
        assert_eq!(twin(&|there| there.stage = Stage::Result), None);
        let next_day = |there: &mut Facts| {
            there.source = "es-placsp-643".into();
            there.published = Some(jiff::civil::date(2026, 10, 21));
        };
        assert_eq!(twin(&next_day), None, "another day is another notice");
        let other_procedure = |there: &mut Facts| there.process = Some(("uuid".into(), 2));
        assert_eq!(twin(&other_procedure), Some(Kind::SameNotice), "only one of them says its procedure");
        let mut told = here.clone();
        told.process = Some(("uuid".into(), 1));
        let mut there = facts("eu-ted", Stage::Competition, &[1, 2, 3, 4, 5]);
        other_procedure(&mut there);
        assert_eq!(kind(&judge("deadline", (&told, Role::Near), (&there, Role::Near))), None, "two procedures");
        there.source = told.source.clone();
        let twice = kind(&judge("deadline", (&told, Role::Near), (&there, Role::Near)));
        assert_eq!(twice, Some(Kind::SameNotice), "a form that was filled in twice on one day");
        there.refers = vec![7];
        assert_eq!(
            kind(&judge("deadline", (&told, Role::Near), (&there, Role::Near))),
            None,
            "corrections of two notices"
        );
        let twice = |there: &mut Facts| {
            there.source = "es-placsp-643".into();
            there.published = here.published;
        };
        assert_eq!(twin(&twice), Some(Kind::SameNotice), "word for word on one day");
        // Rows of a list that say a title and a day are alike and not the same.
        let mut row = here.clone();
        row.description = None;
        assert_eq!(judge("deadline", (&row, Role::Near), (&row, Role::Near)), Judgement::Nothing);
    }

    #[test]
    fn rules_have_names_and_registers_of_their_own() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(!RULES[at + 1..].iter().any(|other| other.name == rule.name || other.register == rule.register));
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
    }
}
