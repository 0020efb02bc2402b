//! Which notices belong together, and why: claims of each notice, facts to compare, one judgement per pair. Pure.
//!
//! A notice claims keys ([`claims()`]): what it is (its publication number), what it is part of (its procedure), what it
//! refers to, and where its twin would be found. Two notices with a key in common are judged by their [`Facts`]
//! ([`judge()`]): a [`Link`] with its rule, score and evidence, a refusal with its reason, or nothing. A judgement knows the
//! two notices and nothing else, so the order in which notices arrive makes no difference. The rules are in
//! `docs/links.md`.

mod claims;
mod facts;
mod judge;
mod money;
mod verdicts;

pub use self::claims::{Claim, Role, claims};
pub use self::facts::{Facts, facts};
pub use self::judge::{Judgement, Kind, Link, RULES, Rule, judge, rule};
pub use self::money::{Because, LeftOut, Total, money};
pub use self::verdicts::{Verb, Verdict, VerdictError, parse_verdicts};
use crate::notice::Notice;

/// Changes whenever claims, facts or judgements do: a store that was linked by another version is linked anew.
pub const VERSION: &str = "4";

/// What a notice brings to the linking: the part that is computed on any thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Linking {
    /// Its keys.
    pub claims: Vec<Claim>,
    /// What it is compared by.
    pub facts: Facts,
}

impl Linking {
    /// Of one notice.
    pub fn of(notice: &Notice) -> Self {
        let mut facts = facts(notice);
        let claims = claims(notice, &facts);
        facts.refers = claims.iter().filter(|claim| matches!(claim.role, Role::Refers(_))).map(Claim::hash).collect();
        facts.refers.sort_unstable();
        facts.refers.dedup();
        Self { claims, facts }
    }
}
