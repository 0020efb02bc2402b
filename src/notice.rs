//! The normalised notice: one schema for whatever public buyers publish.
//!
//! Absent means "the source did not say"; a masked value is [`Amount::Withheld`]; zero is zero; what could
//! not be read is absent and leaves an [`Issue`]. Each field names its element in eForms (BT number); other
//! formats map to the same meaning. It knows nothing about formats, storage or search.

mod date;
mod money;
mod text;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

pub use self::date::{Deadline, Moment};
pub use self::money::{Amount, Money, MoneyKind, Vat, Worth};
pub use self::text::Text;
pub use self::window::{Precision, Window, WindowMeaning};
use crate::ids::{CategoryId, NoticeId, RawId, SourceId};
use crate::issue::Issue;

/// What else a source said, by BT number or source path. A boxed key is what keeps a node of eleven entries below a
/// kilobyte, the size up to which an allocator has blocks at hand; every notice has such a node.
pub type Extra = BTreeMap<Box<str>, serde_json::Value>;

/// One published notice, normalised. Its JSON is the contract's notice: keys absent when empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Ours: stable and readable.
    pub id: NoticeId,
    /// Who published it.
    pub source: SourceId,
    /// OPP-010, as published (`00537513-2025`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication_id: Option<String>,
    /// The page a reader opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The format's name in the FORMATS table.
    pub format: String,
    /// The document it was read from.
    pub raw_id: RawId,
    /// BT-701, a UUID as published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_uuid: Option<String>,
    /// BT-757 (`01`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// BT-04.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure_id: Option<String>,
    /// OCDS open contracting id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocid: Option<String>,
    /// BT-03 form type and BT-02 notice type, in one vocabulary.
    pub stage: Stage,
    /// A corrected or changed edition of an earlier notice (`efac:Changes`, BT-758); its stage stays that of the notice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correction: bool,
    /// OPP-070.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
    /// BT-23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nature: Option<Nature>,
    /// OPP-012, the date as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_on: Option<Date>,
    /// BT-05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<Moment>,
    /// When this program first stored the notice; filled by the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The earliest of BT-131, BT-1311, BT-630 over the lots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// What is planned when, as precisely as the source says it: the first one is the earliest step. BT-127 says the
    /// same of a planning notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<Window>,
    /// BT-702, ISO 639-1, official language first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// BT-21.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub title: Text,
    /// BT-24.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
    /// BT-500 and around: every contracting party, in the order of the notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buyers: Vec<Organisation>,
    /// The winners over all lots, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppliers: Vec<Organisation>,
    /// BT-5141, BT-5071 of the procedure and its lots, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// BT-262 first, then BT-263, then those of lots; 8 digits, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpv: Vec<String>,
    /// BT-27 of the procedure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Amount>,
    /// BT-271 of the procedure, or BT-118 of a result: the ceiling of framework agreements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework_ceiling: Option<Amount>,
    /// BT-161: the total of the result, not the sum of its awards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awarded_value: Option<Amount>,
    /// BT-105, the eForms code (`open`, `neg-w-call` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure_type: Option<String>,
    /// BT-765, BT-766 and auctions: eForms codes other than `none`, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    /// BT-01, CELEX (`32009L0081` is the defence and security directive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// What says that several buyers buy together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<Joint>,
    /// BT-776 and the innovation code of BT-06: codes other than `none`, each once. `pcp` and `ppi` for projects that fund
    /// a pre-commercial procurement or a public procurement of innovation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub innovation: Vec<String>,
    /// BT-60, BT-7220, BT-5010, BT-6140.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eu_funding: Option<EuFunding>,
    /// BT-15, else BT-615.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents_url: Option<String>,
    /// BT-137: lots, parts and groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<Lot>,
    /// One entry per lot result (BT-13713) and winning tender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awards: Vec<Award>,
    /// References to other notices, as the source gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// Security categories with evidence; filled by the classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Classification>,
    /// The amount that stands for the notice, in euro on the day of publication; computed from reference rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_eur: Option<Worth>,
    /// Findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// Reuse terms that travel with the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What else the source said, by BT number or source path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: Extra,
}

impl Notice {
    /// A notice of which nothing is known yet but where it stands.
    pub fn new(id: NoticeId, source: SourceId, format: &str, raw_id: RawId, stage: Stage) -> Self {
        Self {
            id,
            source,
            publication_id: None,
            url: None,
            format: format.to_owned(),
            raw_id,
            notice_uuid: None,
            version: None,
            procedure_id: None,
            ocid: None,
            stage,
            correction: false,
            subtype: None,
            nature: None,
            published_on: None,
            dispatched_at: None,
            first_seen: None,
            deadline: None,
            planned: Vec::new(),
            languages: Vec::new(),
            title: Text::default(),
            description: Text::default(),
            buyers: Vec::new(),
            suppliers: Vec::new(),
            places: Vec::new(),
            cpv: Vec::new(),
            estimated_value: None,
            framework_ceiling: None,
            awarded_value: None,
            procedure_type: None,
            techniques: Vec::new(),
            legal_basis: None,
            joint: None,
            innovation: Vec::new(),
            eu_funding: None,
            documents_url: None,
            lots: Vec::new(),
            awards: Vec::new(),
            related: Vec::new(),
            categories: Vec::new(),
            value_eur: None,
            issues: Vec::new(),
            licence: None,
            extra: Extra::new(),
        }
    }

    /// Countries of the buyers, ISO 3166-1 alpha-2, each once, in order.
    pub fn buyer_countries(&self) -> Vec<&str> {
        let mut countries: Vec<&str> = Vec::new();
        for country in self.buyers.iter().filter_map(|buyer| buyer.country.as_deref()) {
            if !countries.contains(&country) {
                countries.push(country);
            }
        }
        countries
    }

    /// Kinds of the buyers, each once, in order.
    pub fn buyer_kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for kind in self.buyers.iter().filter_map(|buyer| buyer.kind.as_deref()) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// Signs of innovation, each once: the codes of `innovation`, and `innovation-partnership` for that procedure.
    pub fn innovation_marks(&self) -> Vec<&str> {
        let partnership = (self.procedure_type.as_deref() == Some("innovation")).then_some("innovation-partnership");
        self.innovation.iter().map(String::as_str).chain(partnership).collect()
    }

    /// The official language (the first one), if any was declared.
    pub fn official_language(&self) -> Option<&str> {
        self.languages.first().map(String::as_str)
    }
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The value as printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// From the printed value.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

closed_set! {
    /// Where in the life of a procurement a notice stands.
    Stage {
        /// Prior information, periodic indicative.
        Planning = "planning",
        /// Preliminary market consultation.
        Consultation = "consultation",
        /// A call for competition.
        Competition = "competition",
        /// Voluntary ex-ante transparency: direct award announced.
        DirectAward = "direct-award",
        /// Contract award or design contest result.
        Result = "result",
        /// Contract modification.
        Modification = "modification",
        /// Contract completion.
        Completion = "completion",
        /// The procedure was cancelled.
        Cancellation = "cancellation",
        /// A correction that is nothing but a correction.
        Change = "change",
        /// A funded project.
        Project = "project",
        /// A funding call.
        Call = "call",
        /// News.
        News = "news",
        /// One row of a procurement plan.
        PlanItem = "plan-item",
    }
}

closed_set! {
    /// BT-23: what is bought.
    Nature {
        /// Works.
        Works = "works",
        /// Supplies.
        Supplies = "supplies",
        /// Services.
        Services = "services",
    }
}

closed_set! {
    /// What a party is in the procedure; every contracting party has the role `buyer`, others are added.
    Role {
        /// A contracting party.
        Buyer = "buyer",
        /// OPP-050: leads the group.
        Lead = "lead",
        /// OPP-051, OPP-052: a central purchasing body.
        CentralPurchasing = "central-purchasing",
        /// Buys on behalf of another party, or is bought for.
        OnBehalf = "on-behalf",
    }
}

closed_set! {
    /// How a procedure is divided.
    LotKind {
        /// BT-137 `LOT-`: a lot.
        Lot = "lot",
        /// `PAR-`: a part of a planning notice.
        Part = "part",
        /// `GLO-`: a group of lots.
        Group = "group",
    }
}

closed_set! {
    /// How two notices belong together.
    Relation {
        /// OPP-090, BT-125: an earlier notice.
        Previous = "previous",
        /// BT-758 without a cancellation: the notice that this one corrects.
        Changes = "changes",
        /// BT-758 with reason `cancel`.
        Cancels = "cancels",
        /// The call that this result awards.
        Awards = "awards",
        /// BT-1501: the notice whose contract is modified.
        Modifies = "modifies",
        /// The plan item that announced it.
        Plans = "plans",
        /// The same procedure.
        SameProcedure = "same-procedure",
        /// The same notice, published elsewhere.
        SameNotice = "same-notice",
    }
}

/// A buyer or supplier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Organisation {
    /// BT-500, in the notice's official language; absent for a withheld natural person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BT-500 in the other languages it was given in.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub names: Text,
    /// BT-501.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The register of `id`, if said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// BT-514, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// BT-507.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nuts: Option<String>,
    /// BT-513.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// BT-505.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// What it is in this procedure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// BT-11.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_type: Option<String>,
    /// BT-10 or BT-610.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// What kind of buyer, by our own rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// BT-165: `micro`, `small`, `medium`, `large`, `sme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// A natural person, whose name is withheld.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub natural_person: bool,
}

/// A place of performance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// BT-5141, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// BT-5071.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nuts: Option<String>,
    /// BT-727: `anyw`, `anyw-eea`, `anyw-cou`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A lot, part or group of lots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lot {
    /// BT-137 (`LOT-0001`).
    pub id: String,
    /// Lot, part or group.
    pub kind: LotKind,
    /// BT-21-Lot.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub title: Text,
    /// BT-24-Lot.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
    /// BT-262, BT-263.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpv: Vec<String>,
    /// BT-23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nature: Option<Nature>,
    /// BT-27-Lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Amount>,
    /// BT-271-Lot, BT-157 for a group, BT-709 of a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework_ceiling: Option<Amount>,
    /// BT-131, else BT-1311, else BT-630.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// BT-36, BT-536, BT-537, BT-538.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// BT-5141, BT-5071.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// BT-1375: the lots of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// BT-578: a security clearance is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_clearance: Option<bool>,
    /// BT-71: codes other than `none`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<String>,
    /// BT-115: covered by the Government Procurement Agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpa: Option<bool>,
    /// BT-18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_url: Option<String>,
}

impl Lot {
    /// A lot of which only the id is known.
    pub fn new(id: impl Into<String>, kind: LotKind) -> Self {
        Self {
            id: id.into(),
            kind,
            title: Text::default(),
            description: Text::default(),
            cpv: Vec::new(),
            nature: None,
            estimated_value: None,
            framework_ceiling: None,
            deadline: None,
            duration: None,
            places: Vec::new(),
            members: Vec::new(),
            security_clearance: None,
            reserved: Vec::new(),
            gpa: None,
            submission_url: None,
        }
    }
}

/// How long a contract runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// BT-36, the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u32>,
    /// BT-36, the unit: `DAY`, `WEEK`, `MONTH`, `YEAR`, or as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// BT-536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<Date>,
    /// BT-537.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<Date>,
    /// BT-538: `UNLIMITED`, `UNKNOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The outcome of one lot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Award {
    /// BT-13713: the lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The members of the winning tendering party.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppliers: Vec<Organisation>,
    /// BT-720.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// BT-759 for code `tenders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenders_received: Option<u32>,
    /// BT-1451, else BT-145.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_on: Option<Date>,
    /// BT-142: `selec-w`, `clos-nw`, `open-nw`; `withheld` when masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// BT-144: why nothing was awarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// BT-150.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_id: Option<String>,
    /// BT-721.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub title: Text,
}

/// Signs of joint procurement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joint {
    /// How many different contracting parties.
    pub buyers: u32,
    /// Their countries.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Buyers of two countries or more: the only solid sign.
    pub cross_border: bool,
    /// What was seen: some of [`JOINT_EVIDENCE`].
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// What may speak for joint procurement. `joint-procurement`: the notice says so itself; `cross-border-law`: it names a law
/// for buying across borders, which is weak, because many forms name the buyer's own law there.
pub const JOINT_EVIDENCE: &[&str] =
    &["several-buyers", "lead-buyer", "central-purchasing", "on-behalf", "joint-procurement", "cross-border-law"];

/// EU funds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EuFunding {
    /// BT-60: whether any lot is funded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funded: Option<bool>,
    /// BT-7220, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programmes: Vec<String>,
    /// BT-5010, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// BT-6140.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
}

/// A reference to another notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// As the source gives it: a publication number, `<uuid>-<version>` or a procedure id.
    pub id: String,
    /// How they belong together.
    pub relation: Relation,
    /// What says so: the BT number or rule.
    pub evidence: String,
}

/// One category of a notice. `score = 1 / (1 + e^-(bias + Σ points))`; from 0.5 it is a label, below a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The category.
    pub id: CategoryId,
    /// Between 0 and 1.
    pub score: f64,
    /// Log-odds before any evidence; the category's threshold is folded in.
    pub bias: f64,
    /// Why, strongest first.
    pub evidence: Vec<Evidence>,
}

impl Classification {
    /// The lots that it rests on, where all that counts for it is in lots: a framework with one lot of drones among forty. A term
    /// counts once, where it says most; the notice may well repeat it elsewhere.
    pub fn lots(&self) -> BTreeSet<&str> {
        let for_it = self.evidence.iter().filter(|piece| piece.points > 0.0);
        let lots: Option<BTreeSet<&str>> = for_it.map(Evidence::lot).collect();
        lots.unwrap_or_default()
    }
}

impl Evidence {
    /// The lot whose text or code it is in.
    pub fn lot(&self) -> Option<&str> {
        let (lot, _) = self.field.strip_prefix("lots[")?.rsplit_once("].")?;
        Some(lot)
    }
}

/// One reason for a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule that fired: `term:drones/en/uav`, `cpv:drones/strong/35613`, `veto:drones/en/drone show`.
    pub rule: String,
    /// `title`, `description`, `cpv`, `lots[LOT-0003].title` …
    pub field: String,
    /// The language of the text; absent for CPV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// First scalar of the span in the string as exported.
    pub start: usize,
    /// One past the last scalar.
    pub end: usize,
    /// The span itself.
    pub text: String,
    /// Log-odds.
    pub points: f64,
}
