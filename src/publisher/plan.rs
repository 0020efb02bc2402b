//! What is published, when: a plan in, notices out. Notice `i` is a function of the plan and `i` alone, so that
//! a million notices need no more memory than one.
//!
//! It knows nothing about XML, packages or HTTP.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::{Date, Time, time};
use jiff::tz::Offset;

use super::calendar::{self, OjIssue};
use super::texts::{self, Buyer, Language, Wording};
use crate::codes;
use crate::notice::Stage;

/// First publication number of the first year; later years start at 1, as the gazette does.
const FIRST_NUMBER: usize = 500_001;
/// Kinds of notices repeat after this many.
const BLOCK: usize = 20;

/// What to publish. Equal plans give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many notices in all.
    pub notices: usize,
    /// Where chance starts.
    pub seed: u64,
    /// How many ISO weeks, the last of which ends on `last_day`.
    pub weeks: u32,
    /// The last day on which an issue may appear.
    pub last_day: Date,
    /// ISO 639-1 codes of the official languages to use; those without texts are left out, none means all.
    pub languages: Vec<String>,
    /// Notices with wording of one's own.
    pub planted: Vec<Planted>,
}

/// A notice whose wording is given, for tests that look for it: a call for competition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Its place among the notices, from 0.
    pub at: usize,
    /// ISO 639-1.
    pub language: String,
    /// BT-21.
    pub title: String,
    /// BT-24.
    pub description: String,
    /// 8 digits.
    pub cpv: String,
    /// BT-500 of the buyer, instead of an invented one.
    pub buyer: Option<String>,
    /// Categories that a reader should find.
    pub categories: Vec<String>,
}

/// What kind of announcement a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Prior information.
    Planning,
    /// A call for competition.
    Competition,
    /// A contract award.
    Result,
    /// Voluntary ex-ante transparency.
    DirectAward,
    /// A contract modification.
    Modification,
    /// A call published again with corrections.
    Correction,
    /// A call published again to say that it is cancelled.
    Cancellation,
}

/// Why a notice is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// Buys something of a security category.
    Object,
    /// Everyday buying.
    Distractor,
    /// Everyday buying in words that look like a security category.
    NearMiss,
    /// Wording given by the plan.
    Planted,
}

/// Text in several languages, official one first.
pub type Texts = Vec<(String, String)>;

/// A buyer or a winner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// BT-500 per language.
    pub name: Texts,
    /// BT-501.
    pub id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// BT-507.
    pub nuts: String,
    /// BT-513.
    pub city: String,
    /// `police`, `border`, `fire`, `interior`, `customs`, `defence`, `city`, `hospital`, `school` or `firm`.
    pub kind: String,
}

/// Money in whole units, or its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not said.
    Absent,
    /// Said.
    Given {
        /// Whole units.
        amount: u64,
        /// ISO 4217.
        currency: &'static str,
    },
    /// Published as `-1` with a reason.
    Withheld {
        /// ISO 4217.
        currency: &'static str,
    },
}

/// A closing date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// As printed.
    pub day: Date,
    /// As printed, if a time is given.
    pub time: Option<Time>,
    /// The offset printed with both.
    pub offset: Offset,
    /// Which element carries it.
    pub of: ClosingOf,
}

/// What closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosingOf {
    /// BT-131.
    Tenders,
    /// BT-1311.
    Requests,
    /// BT-630.
    Interest,
}

/// A lot, or a part of a planning notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLot {
    /// `LOT-0001`, `PAR-0001`.
    pub id: String,
    /// BT-21.
    pub title: Texts,
    /// BT-24.
    pub description: Texts,
    /// BT-262.
    pub cpv: String,
    /// Categories expected of this lot alone.
    pub categories: Vec<String>,
}

/// The notice that a later one corrects, cancels, awards or modifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// `00500001-2026`.
    pub publication_id: String,
    /// BT-701 and BT-757 of it: `<uuid>-01`.
    pub uuid_version: String,
    /// Its place in the plan; `None` for one from before the plan.
    pub at: Option<usize>,
}

/// One notice, before it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedNotice {
    /// Its place in the plan.
    pub at: usize,
    /// OPP-010: `00500001-2026`.
    pub publication_id: String,
    /// The issue it appears in.
    pub issue: OjIssue,
    /// What it announces.
    pub kind: Kind,
    /// Why it is here.
    pub case: Case,
    /// OPP-070.
    pub subtype: &'static str,
    /// BT-702, ISO 639-1, official language first.
    pub languages: Vec<String>,
    /// BT-21.
    pub title: Texts,
    /// BT-24.
    pub description: Texts,
    /// What a follow-up says about its reason.
    pub reason: Texts,
    /// BT-23.
    pub nature: &'static str,
    /// BT-262.
    pub cpv: String,
    /// BT-263.
    pub additional_cpv: Vec<String>,
    /// The contracting parties; the first one leads.
    pub buyers: Vec<Party>,
    /// The winners, for results, direct awards and modifications.
    pub winners: Vec<Party>,
    /// The body that hears appeals.
    pub review: Party,
    /// BT-27.
    pub estimate: Value,
    /// BT-720 and BT-161.
    pub awarded: Value,
    /// BT-759.
    pub tenders: u32,
    /// The closing date, for calls.
    pub deadline: Option<Closing>,
    /// BT-137; at least one.
    pub lots: Vec<PlannedLot>,
    /// BT-105.
    pub procedure_type: &'static str,
    /// BT-765 is set.
    pub framework: bool,
    /// BT-01 is 2009/81/EC.
    pub defence: bool,
    /// BT-60 and BT-5010.
    pub eu_project: Option<String>,
    /// BT-776 is `rd-act`.
    pub innovative: bool,
    /// BT-04.
    pub procedure_id: String,
    /// BT-701.
    pub uuid: String,
    /// BT-757.
    pub version: &'static str,
    /// BT-22.
    pub reference: String,
    /// BT-05.
    pub dispatched: (Date, Time),
    /// Offset of the buyer's dates.
    pub offset: Offset,
    /// The notice that this one follows.
    pub earlier: Option<Earlier>,
    /// Categories that a reader should find, of the eight seed areas, or those planted.
    pub categories: Vec<String>,
    /// A number that decides how the XML is spelled.
    pub spelling: u64,
}

impl PlannedNotice {
    /// The stage that a reader should find.
    pub fn stage(&self) -> Stage {
        match self.kind {
            Kind::Planning => Stage::Planning,
            Kind::Correction if super::xml::is_corrigendum(self) => Stage::Change,
            Kind::Competition | Kind::Correction => Stage::Competition,
            Kind::Result => Stage::Result,
            Kind::DirectAward => Stage::DirectAward,
            Kind::Modification => Stage::Modification,
            Kind::Cancellation => Stage::Cancellation,
        }
    }

    /// The number as URLs and the Search API write it: `500001-2026`.
    pub fn short_id(&self) -> &str {
        self.publication_id.trim_start_matches('0')
    }

    /// The document's name in a package: `00500001_2026.xml`.
    pub fn file_name(&self) -> String {
        format!("{}.xml", self.publication_id.replace('-', "_"))
    }

    /// The document itself.
    pub fn xml(&self) -> String {
        super::xml::write(self)
    }
}

/// What a program that read one notice should have found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// `00500001-2026`.
    pub publication_id: String,
    /// Publication day.
    pub published_on: Date,
    /// Stage.
    pub stage: Stage,
    /// Whether it corrects or cancels an earlier notice (`efac:Changes`).
    pub correction: bool,
    /// Official language first.
    pub languages: Vec<String>,
    /// In the official language.
    pub title: String,
    /// Category ids, of the eight seed areas; empty when there is none.
    pub categories: Vec<String>,
    /// Why it is in the plan.
    pub case: Case,
}

impl Plan {
    /// The plan behind `demo`: three weeks that end on the last Friday up to `now`, every language and area.
    pub fn demo(now: Timestamp) -> Self {
        let today = Offset::UTC.to_datetime(now).date();
        Self {
            notices: 600,
            seed: 2026,
            weeks: 3,
            last_day: calendar::friday_on_or_before(today),
            languages: Vec::new(),
            planted: Vec::new(),
        }
    }

    /// Everything worked out that all notices share.
    pub fn gazette(&self) -> Gazette {
        Gazette::new(self.clone())
    }

    /// Every notice in order of publication, one at a time.
    pub fn notices(&self) -> impl Iterator<Item = PlannedNotice> {
        let gazette = self.gazette();
        (0..self.notices).map(move |at| gazette.notice(at))
    }
}

/// A plan with its calendar: gives issues and notices in any order.
#[derive(Clone, Debug)]
pub struct Gazette {
    plan: Plan,
    issues: Vec<OjIssue>,
    /// What is bought in which language: languages × their wordings.
    deck: Vec<(&'static Language, &'static Wording)>,
    step: usize,
}

/// Where notice `i` stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    kind: Kind,
    /// The notice it follows.
    of: Option<usize>,
}

impl Gazette {
    fn new(plan: Plan) -> Self {
        let issues = calendar::issues(plan.last_day, plan.weeks);
        let wanted = |language: &&Language| plan.languages.iter().any(|code| code == language.code);
        let mut languages: Vec<&'static Language> = texts::languages().iter().filter(wanted).collect();
        if languages.is_empty() {
            languages = texts::languages().iter().collect();
        }
        let deck: Vec<_> = languages
            .iter()
            .flat_map(|language| language.wordings.iter().map(|wording| (*language, wording)))
            .collect();
        let step = coprime_near(deck.len() * 5 / 13, deck.len());
        Self { plan, issues, deck, step }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many notices there are.
    pub fn len(&self) -> usize {
        if self.issues.is_empty() { 0 } else { self.plan.notices }
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every issue in order; an issue may be empty when there are fewer notices than days.
    pub fn issues(&self) -> &[OjIssue] {
        &self.issues
    }

    /// The issue with this number, if it has appeared.
    pub fn issue(&self, year: i16, number: u16) -> Option<OjIssue> {
        self.issues.iter().copied().find(|issue| issue.year == year && issue.number == number)
    }

    /// The places in the plan of an issue's notices.
    pub fn places(&self, issue: OjIssue) -> Range<usize> {
        let Some(at) = self.issues.iter().position(|other| *other == issue) else { return 0..0 };
        self.first_of(at)..self.first_of(at + 1)
    }

    /// The places of the notices published from `first` to `last`, both included.
    pub fn places_between(&self, first: Date, last: Date) -> Range<usize> {
        let from = self.issues.partition_point(|issue| issue.day < first);
        let to = self.issues.partition_point(|issue| issue.day <= last).max(from);
        self.first_of(from)..self.first_of(to)
    }

    /// The place of the notice with this number (`500001-2026`, zeros in front allowed).
    pub fn find(&self, publication_id: &str) -> Option<usize> {
        let (number, year) = publication_id.split_once('-')?;
        let (number, year): (usize, i16) = (number.parse().ok()?, year.parse().ok()?);
        let at = number.checked_sub(self.base_number(year))? + self.first_in_year(year);
        (at < self.len() && self.issue_at(at).year == year).then_some(at)
    }

    /// Writes one issue's package, a gzipped tar, notice by notice.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_package<W: io::Write>(&self, issue: OjIssue, out: W) -> io::Result<W> {
        super::package::write(self, issue, self.places(issue), out)
    }

    /// Writes every issue's package into a folder, under the name that the server would announce.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_packages(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)?;
        let mut written = Vec::new();
        for &issue in &self.issues {
            let path = folder.join(issue.file_name());
            let file = io::BufWriter::new(std::fs::File::create(&path)?);
            io::Write::flush(&mut self.write_package(issue, file)?)?;
            written.push(path);
        }
        Ok(written)
    }

    /// What a program that read everything should have found, in order of publication.
    pub fn expected(&self) -> impl Iterator<Item = Expected> + '_ {
        (0..self.len()).map(|at| {
            let notice = self.notice(at);
            Expected {
                stage: notice.stage(),
                correction: matches!(notice.kind, Kind::Correction | Kind::Cancellation),
                published_on: notice.issue.day,
                title: notice.title.first().map(|(_, text)| text.clone()).unwrap_or_default(),
                publication_id: notice.publication_id,
                languages: notice.languages,
                categories: notice.categories,
                case: notice.case,
            }
        })
    }

    /// Whether a later notice of the plan corrects or cancels this one.
    pub(super) fn is_superseded(&self, at: usize) -> bool {
        let (correction, cancellation) = self.follow_up_distances();
        [(correction, Kind::Correction), (cancellation, Kind::Cancellation)].into_iter().any(|(distance, kind)| {
            let later = at + distance;
            later < self.len() && self.role(later) == Role { kind, of: Some(at) }
        })
    }

    /// The notice at this place; places past the end give what would come next.
    pub fn notice(&self, at: usize) -> PlannedNotice {
        super::invent::notice(self, at)
    }

    pub(super) fn issue_at(&self, at: usize) -> OjIssue {
        let (count, total) = (self.issues.len(), self.plan.notices.max(1));
        let day = (at * count / total).min(count.saturating_sub(1));
        self.issues.get(day).copied().unwrap_or(OjIssue { year: 2026, number: 1, day: self.plan.last_day })
    }

    /// The first notice of the issue at this position; the end after the last one.
    fn first_of(&self, issue: usize) -> usize {
        let count = self.issues.len().max(1);
        (issue * self.len()).div_ceil(count).min(self.len())
    }

    fn first_in_year(&self, year: i16) -> usize {
        self.first_of(self.issues.partition_point(|issue| issue.year < year))
    }

    fn base_number(&self, year: i16) -> usize {
        if self.issues.first().is_none_or(|first| first.year == year) { FIRST_NUMBER } else { 1 }
    }

    pub(super) fn publication_id(&self, at: usize) -> String {
        let year = self.issue_at(at).year;
        format!("{:08}-{year}", at - self.first_in_year(year).min(at) + self.base_number(year))
    }

    /// Kind and predecessor of the notice at this place.
    pub(super) fn kind_of(&self, at: usize) -> (Kind, Option<usize>) {
        let role = self.role(at);
        (role.kind, role.of)
    }

    fn role(&self, at: usize) -> Role {
        if self.planted(at).is_some() {
            return Role { kind: Kind::Competition, of: None };
        }
        let (correction, cancellation) = self.follow_up_distances();
        let awards = self.blocks_to_award() * BLOCK;
        let following = |kind: Kind, distance: usize| match at.checked_sub(distance) {
            Some(of) if self.planted(of).is_none() => Some(Role { kind, of: Some(of) }),
            _ => None,
        };
        let alone = |kind: Kind| Role { kind, of: None };
        let block = at / BLOCK;
        match at % BLOCK {
            7 | 14 => following(Kind::Result, awards + 1).unwrap_or(alone(Kind::Result)),
            11 if block.is_multiple_of(3) => alone(Kind::DirectAward),
            11 if block % 3 == 1 => following(Kind::Modification, awards + 4).unwrap_or(alone(Kind::Modification)),
            3 | 11 => alone(Kind::Planning),
            17 => following(Kind::Correction, correction).unwrap_or(alone(Kind::Competition)),
            19 if block % 2 == 1 => following(Kind::Cancellation, cancellation).unwrap_or(alone(Kind::Competition)),
            _ => alone(Kind::Competition),
        }
    }

    /// How far behind its call a correction and a cancellation stand.
    fn follow_up_distances(&self) -> (usize, usize) {
        let blocks = self.blocks_per_week() / 2;
        (blocks * BLOCK + 16, blocks * BLOCK + 15)
    }

    fn blocks_per_week(&self) -> usize {
        let weeks = usize::try_from(self.plan.weeks.max(1)).unwrap_or(1);
        self.plan.notices / weeks / BLOCK
    }

    /// An award comes a week after its call, in longer plans up to eight.
    fn blocks_to_award(&self) -> usize {
        let weeks = usize::try_from(self.plan.weeks / 3).unwrap_or(1).clamp(1, 8);
        (self.blocks_per_week() * weeks).max(1)
    }

    pub(super) fn planted(&self, at: usize) -> Option<&Planted> {
        self.plan.planted.iter().find(|planted| planted.at == at)
    }

    /// What the notice at this place buys, in which language: a walk through the whole deck.
    pub(super) fn card(&self, at: usize) -> (&'static Language, &'static Wording) {
        // places 7, 14, 17 and 19 of a block mostly follow another notice, so they take no card of their own
        let taken = [7, 14, 17, 19].iter().filter(|place| **place < at % BLOCK).count();
        let nth = at / BLOCK * (BLOCK - 4) + at % BLOCK - taken;
        let start = usize::try_from(self.plan.seed % self.deck.len() as u64).unwrap_or(0);
        self.deck[(nth * self.step + start) % self.deck.len()]
    }
}

/// The number next to `near` that has no divisor in common with `of`.
fn coprime_near(near: usize, of: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (near.max(1)..near.max(1) + of.max(1)).find(|step| gcd(*step, of.max(1)) == 1).unwrap_or(1)
}

/// The zone offset of a country on a day.
pub(super) fn offset_of(country: &str, day: Date) -> Offset {
    let zone = codes::zone_of(Some(country));
    zone.to_ambiguous_zoned(day.to_datetime(time(12, 0, 0, 0))).compatible().map_or(Offset::UTC, |zoned| zoned.offset())
}

/// An authority as a party, named in one language.
pub(super) fn party(buyer: &Buyer, language: &str) -> Party {
    Party {
        name: vec![(language.to_owned(), buyer.name.to_owned())],
        id: String::new(),
        country: buyer.country.to_owned(),
        nuts: buyer.nuts.to_owned(),
        city: buyer.city.to_owned(),
        kind: buyer.kind.to_owned(),
    }
}
