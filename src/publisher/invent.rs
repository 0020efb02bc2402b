//! Fills one notice of the plan with invented content: chance comes from the seed and the notice's place only.
//!
//! A notice that follows another one (an award, a correction) repeats what that one invented for the procedure.

use fastrand::Rng;
use jiff::civil::{Time, time};
use jiff::tz::Offset;

use super::calendar::plus_days;
use super::plan::{
    Case, Closing, ClosingOf, Earlier, Gazette, Kind, Party, PlannedLot, PlannedNotice, Texts, Value, offset_of, party,
};
use super::texts::{self, Buyer, Language, Wording};

/// Chance for one purpose at one place, independent of all others.
fn chance(seed: u64, at: usize, purpose: u64) -> Rng {
    // one round of splitmix64, so that neighbouring places do not resemble each other
    let mut x = seed ^ (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Rng::with_seed(x ^ (x >> 31))
}

const PROCEDURE: u64 = 1;
const NOTICE: u64 = 2;
const IDENTITY: u64 = 3;

/// What all notices of one procedure share.
struct Procedure {
    language: &'static Language,
    case: Case,
    languages: Vec<String>,
    title: Texts,
    description: Texts,
    nature: &'static str,
    cpv: String,
    additional_cpv: Vec<String>,
    buyers: Vec<Party>,
    lots: Vec<PlannedLot>,
    estimate: Value,
    thousands: u64,
    categories: Vec<String>,
    defence: bool,
    framework: bool,
    award_by: &'static str,
    eu_project: Option<String>,
    innovative: bool,
    id: String,
    reference: String,
    closing: Closing,
}

/// The notice at this place.
pub(super) fn notice(gazette: &Gazette, at: usize) -> PlannedNotice {
    let seed = gazette.plan().seed;
    let issue = gazette.issue_at(at);
    let (kind, of) = gazette.kind_of(at);
    let root = root_of(gazette, at);
    let procedure = procedure(gazette, root);
    let mut rng = chance(seed, at, NOTICE);
    let country = procedure.buyers.first().map_or("IE", |buyer| buyer.country.as_str()).to_owned();
    let offset = if rng.u8(..5) == 0 { Offset::UTC } else { offset_of(&country, issue.day) };
    let awarded = matches!(kind, Kind::Result | Kind::DirectAward | Kind::Modification);
    let earlier = earlier(gazette, at, kind, of, &mut rng);
    let (version, uuid) = match (&earlier, kind) {
        // some buyers count the version of a correction up, others give it a new identifier
        (Some(earlier), Kind::Correction) if rng.u8(..3) == 0 => {
            ("02", earlier.uuid_version.trim_end_matches("-01").to_owned())
        }
        _ => ("01", uuid(seed, at, IDENTITY)),
    };
    let deadline = match kind {
        Kind::Competition | Kind::Cancellation => Some(procedure.closing),
        Kind::Correction => Some(Closing { day: plus_days(procedure.closing.day, 7), ..procedure.closing }),
        _ => None,
    };
    let lots = if kind == Kind::Planning { as_parts(procedure.lots) } else { procedure.lots };
    let (currency, rate) = currency_of(&country);
    let awarded_value = match rng.u8(..6) {
        _ if !awarded => Value::Absent,
        0 => Value::Withheld { currency },
        _ => Value::Given { amount: procedure.thousands * rate * (820 + u64::from(rng.u8(..160))), currency },
    };
    let reason = match kind {
        Kind::Correction => procedure.language.correction,
        Kind::Cancellation => procedure.language.cancellation,
        Kind::Modification => procedure.language.modification,
        Kind::DirectAward => procedure.language.direct_award,
        _ => "",
    };
    PlannedNotice {
        at,
        publication_id: gazette.publication_id(at),
        issue,
        kind,
        case: procedure.case,
        subtype: subtype(kind, procedure.defence, deadline),
        languages: procedure.languages,
        title: procedure.title,
        description: procedure.description,
        reason: if reason.is_empty() {
            Vec::new()
        } else {
            vec![(procedure.language.code.to_owned(), reason.to_owned())]
        },
        nature: procedure.nature,
        cpv: procedure.cpv,
        additional_cpv: procedure.additional_cpv,
        winners: if awarded { winners(procedure.language, &country, lots.len(), &mut rng) } else { Vec::new() },
        review: review(procedure.language, procedure.buyers.first()),
        buyers: procedure.buyers,
        estimate: procedure.estimate,
        awarded: awarded_value,
        tenders: rng.u32(1..9),
        deadline,
        lots,
        procedure_type: if kind == Kind::DirectAward { "neg-wo-call" } else { procedure.award_by },
        framework: procedure.framework,
        defence: procedure.defence,
        eu_project: procedure.eu_project,
        innovative: procedure.innovative,
        procedure_id: procedure.id,
        uuid,
        version,
        reference: procedure.reference,
        dispatched: (plus_days(issue.day, -2), clock(rng.i8(8..17), rng.i8(0..60))),
        offset,
        earlier,
        categories: procedure.categories,
        spelling: rng.u64(..),
    }
}

/// The notice that opened the procedure, as far as the plan knows.
fn root_of(gazette: &Gazette, at: usize) -> usize {
    let mut root = at;
    while let (_, Some(of)) = gazette.kind_of(root) {
        root = of;
    }
    root
}

fn earlier(gazette: &Gazette, at: usize, kind: Kind, of: Option<usize>, rng: &mut Rng) -> Option<Earlier> {
    let seed = gazette.plan().seed;
    if let Some(of) = of {
        let uuid_version = format!("{}-01", uuid(seed, of, IDENTITY));
        return Some(Earlier { publication_id: gazette.publication_id(of), uuid_version, at: Some(of) });
    }
    // an award or a modification whose call was published before the plan begins
    let before = matches!(kind, Kind::Modification) || (kind == Kind::Result && rng.bool());
    before.then(|| Earlier {
        publication_id: format!("{:08}-{}", 100_000 + rng.u32(..300_000), gazette.issue_at(at).year),
        uuid_version: format!("{}-01", uuid(seed, at, IDENTITY + 1)),
        at: None,
    })
}

fn procedure(gazette: &Gazette, root: usize) -> Procedure {
    let seed = gazette.plan().seed;
    let mut rng = chance(seed, root, PROCEDURE);
    let (mut language, wording) = gazette.card(root);
    let planted = gazette.planted(root);
    if let Some(planted) = planted
        && let Some(other) = texts::languages().iter().find(|language| language.code == planted.language)
    {
        language = other;
    }
    let item = wording.item;
    let buyer = pick_buyer(language, &item.buyers, &mut rng);
    let quantity = item.quantity.map(|(low, high)| rng.u32(low..=high));
    let months = [6, 9, 12, 18, 24, 36, 48][rng.usize(..7)];
    let form = rng.usize(..64);
    // the same procedure in every language that this authority publishes in
    let mut spoken = vec![(language, wording, buyer)];
    if buyer.id != "-" && planted.is_none() {
        for other in texts::languages().iter().filter(|other| other.code != language.code) {
            if let (Some(wording), Some(buyer)) = (other.wording(item.key), other.shared_buyer(buyer.id)) {
                spoken.push((other, wording, buyer));
            }
        }
    }
    let facts = Facts { quantity, months, form };
    let mut title: Texts = Vec::new();
    let mut description: Texts = Vec::new();
    let mut lead = Party { name: Vec::new(), id: register_number(&mut rng), ..party(buyer, language.code) };
    for (language, wording, buyer) in &spoken {
        title.push((language.code.to_owned(), facts.title(language, wording, buyer)));
        description.push((language.code.to_owned(), facts.description(language, wording, buyer)));
        lead.name.push((language.code.to_owned(), buyer.name.to_owned()));
    }
    let mut buyers = vec![lead];
    if item.case == "object" && rng.u8(..8) == 0 {
        buyers.extend(partner(buyer, &item.buyers, &mut rng));
    }
    let choice = rng.usize(..item.cpv.len().max(1));
    let mut cpv = item.cpv.get(choice).copied().unwrap_or("35000000").to_owned();
    let additional: Vec<String> =
        item.cpv.iter().filter(|_| rng.u8(..4) == 0).filter(|other| **other != cpv).map(ToString::to_string).collect();
    let mut categories: Vec<String> = item.categories.iter().map(ToString::to_string).collect();
    let mut case = match item.case {
        "object" => Case::Object,
        "near-miss" => Case::NearMiss,
        _ => Case::Distractor,
    };
    if let Some(planted) = planted {
        case = Case::Planted;
        title = vec![(planted.language.clone(), planted.title.clone())];
        description = vec![(planted.language.clone(), planted.description.clone())];
        cpv.clone_from(&planted.cpv);
        categories.clone_from(&planted.categories);
        buyers.truncate(1);
        if let Some(name) = &planted.buyer {
            buyers[0].name = vec![(planted.language.clone(), name.clone())];
        }
    }
    let framework = !wording.lots.is_empty() || rng.u8(..4) == 0;
    let lots = if planted.is_some() {
        vec![one_lot(&title, &description, &cpv, &categories)]
    } else {
        lots(&spoken, &title, &description, &cpv, &categories, item.quantity.is_some(), &mut rng)
    };
    let (currency, rate) = currency_of(buyer.country);
    let thousands = u64::from(rng.u32(item.value.0..=item.value.1));
    let estimate = match rng.u8(..10) {
        0..=5 => Value::Given { amount: thousands * 1000 * rate, currency },
        _ => Value::Absent,
    };
    let defence = buyer.kind == "defence" && item.case == "object";
    let procedure_type = match rng.u8(..10) {
        0..=6 if !defence => "open",
        7 | 8 => "restricted",
        _ => "neg-w-call",
    };
    let security = !item.categories.is_empty();
    Procedure {
        language,
        case,
        languages: title.iter().map(|(code, _)| code.clone()).collect(),
        nature: item.nature,
        additional_cpv: if planted.is_some() { Vec::new() } else { additional },
        closing: closing(gazette, root, buyer.country, (procedure_type, defence), &mut rng),
        eu_project: (security && rng.u8(..7) == 0).then(|| format!("EXAMPLE-{}", rng.u32(1000..9999))),
        innovative: security && rng.u8(..12) == 0,
        id: uuid(seed, root, PROCEDURE),
        reference: format!("EX-{}/{:04}", rng.u32(1..99), rng.u32(..10_000)),
        title,
        description,
        cpv,
        buyers,
        lots,
        estimate,
        thousands,
        categories,
        defence,
        framework,
        award_by: procedure_type,
    }
}

/// What varies inside the sentences of one procedure.
struct Facts {
    quantity: Option<u32>,
    months: u32,
    form: usize,
}

impl Facts {
    fn title(&self, language: &Language, wording: &Wording, buyer: &Buyer) -> String {
        let plain = &language.titles[self.form % language.titles.len()];
        let form = match self.quantity {
            Some(_) if self.form.is_multiple_of(3) && wording.lots.is_empty() => {
                language.counted_titles.get(self.form / 3 % language.counted_titles.len().max(1)).unwrap_or(plain)
            }
            _ => plain,
        };
        self.fill(form, wording.title, buyer)
    }

    fn description(&self, language: &Language, wording: &Wording, buyer: &Buyer) -> String {
        let mut text = wording.description.to_owned();
        let mut add = |sentences: &[&str], nth: usize| {
            if let Some(sentence) = sentences.get(nth % sentences.len().max(1)) {
                text.push(if self.form.is_multiple_of(11) { '\n' } else { ' ' });
                text.push_str(&self.fill(sentence, wording.title, buyer));
            }
        };
        if self.quantity.is_some() && wording.lots.is_empty() {
            add(&language.supply_tails, self.form);
        }
        if !self.form.is_multiple_of(5) {
            add(&language.tails, self.form / 2);
        }
        text
    }

    fn fill(&self, form: &str, title: &str, buyer: &Buyer) -> String {
        form.replace("{t}", title)
            .replace("{city}", buyer.city)
            .replace("{n}", &self.quantity.unwrap_or(1).to_string())
            .replace("{m}", &self.months.to_string())
    }
}

fn pick_buyer(language: &'static Language, kinds: &[&str], rng: &mut Rng) -> &'static Buyer {
    let fit = |buyer: &&Buyer| kinds.is_empty() || kinds.contains(&buyer.kind);
    let civil = |kind: &str| ["city", "hospital", "school"].contains(&kind);
    let near = |buyer: &&Buyer| kinds.first().is_none_or(|kind| civil(kind) == civil(buyer.kind));
    let mut found: Vec<&Buyer> = language.buyers.iter().filter(fit).collect();
    if found.is_empty() {
        found = language.buyers.iter().filter(near).collect();
    }
    found.get(rng.usize(..found.len().max(1))).copied().unwrap_or(&language.buyers[0])
}

/// An authority of another country that buys together with this one.
fn partner(buyer: &Buyer, kinds: &[&str], rng: &mut Rng) -> Option<Party> {
    let found: Vec<(&Language, &Buyer)> = texts::languages()
        .iter()
        .flat_map(|language| language.buyers.iter().map(move |buyer| (language, buyer)))
        .filter(|(_, other)| other.country != buyer.country && other.id == "-" && kinds.contains(&other.kind))
        .collect();
    let (language, other) = found.get(rng.usize(..found.len().max(1)))?;
    Some(Party { id: register_number(rng), ..party(other, language.code) })
}

fn one_lot(title: &Texts, description: &Texts, cpv: &str, categories: &[String]) -> PlannedLot {
    PlannedLot {
        id: "LOT-0001".to_owned(),
        title: title.clone(),
        description: description.clone(),
        cpv: cpv.to_owned(),
        categories: categories.to_vec(),
    }
}

/// CPV codes of the lots of an item that names its lots.
fn lot_cpv(category: Option<&str>) -> &'static str {
    match category {
        Some("drones") => "34711200",
        Some("ballistic-vests") => "35815100",
        Some("vehicle-armouring") => "35412000",
        _ => "31520000",
    }
}

fn lots(
    spoken: &[(&Language, &Wording, &Buyer)],
    title: &Texts,
    description: &Texts,
    cpv: &str,
    categories: &[String],
    divisible: bool,
    rng: &mut Rng,
) -> Vec<PlannedLot> {
    let named = spoken.first().map_or(0, |(_, wording, _)| wording.lots.len());
    if named > 0 {
        return (0..named)
            .map(|nth| {
                // a single category belongs to the second lot, two to the first two
                let category = categories.get(if categories.len() == 1 { nth.wrapping_sub(1) } else { nth });
                let words: Texts = spoken
                    .iter()
                    .filter_map(|(language, wording, _)| {
                        Some((language.code.to_owned(), (*wording.lots.get(nth)?).to_owned()))
                    })
                    .collect();
                PlannedLot {
                    id: format!("LOT-{:04}", nth + 1),
                    title: words.clone(),
                    description: words,
                    cpv: lot_cpv(category.map(String::as_str)).to_owned(),
                    categories: category.cloned().into_iter().collect(),
                }
            })
            .collect();
    }
    let count = if divisible && rng.u8(..4) == 0 { rng.usize(2..=4) } else { 1 };
    if count == 1 {
        return vec![one_lot(title, description, cpv, categories)];
    }
    (1..=count)
        .map(|nth| PlannedLot {
            id: format!("LOT-{nth:04}"),
            title: spoken
                .iter()
                .map(|(language, wording, _)| {
                    (language.code.to_owned(), format!("{} {nth}: {}", language.lot, wording.title))
                })
                .collect(),
            description: description.clone(),
            cpv: cpv.to_owned(),
            categories: categories.to_vec(),
        })
        .collect()
}

fn as_parts(lots: Vec<PlannedLot>) -> Vec<PlannedLot> {
    lots.into_iter().map(|lot| PlannedLot { id: lot.id.replace("LOT-", "PAR-"), ..lot }).collect()
}

/// Some calls of the last two weeks close in the two weeks after the plan, so that a digest has deadlines to show.
fn closing(gazette: &Gazette, at: usize, country: &str, procedure: (&str, bool), rng: &mut Rng) -> Closing {
    let published = gazette.issue_at(at).day;
    let last_day = gazette.plan().last_day;
    let recent = plus_days(published, 14) > last_day;
    let mut day = if recent && rng.u8(..4) == 0 {
        plus_days(last_day, 3 + i64::from(rng.u8(..12)))
    } else {
        plus_days(published, 20 + i64::from(rng.u8(..30)))
    };
    // nobody opens tenders on a weekend
    while day.weekday().to_monday_zero_offset() > 4 {
        day = plus_days(day, 1);
    }
    let hour = [10, 11, 12, 14, 16, 17][rng.usize(..6)];
    let given = rng.u8(..14) > 0;
    let of = match (procedure, rng.u8(..8)) {
        (("open", _), _) => ClosingOf::Tenders,
        ((_, false), 0..=1) => ClosingOf::Interest,
        _ => ClosingOf::Requests,
    };
    Closing { day, time: given.then(|| clock(hour, 0)), offset: offset_of(country, day), of }
}

fn subtype(kind: Kind, defence: bool, deadline: Option<Closing>) -> &'static str {
    let interest = deadline.is_some_and(|closing| closing.of == ClosingOf::Interest);
    match (kind, defence) {
        (Kind::Planning, false) => "4",
        (Kind::Planning, true) => "6",
        (Kind::Competition | Kind::Correction | Kind::Cancellation, true) => "18",
        (Kind::Competition | Kind::Correction | Kind::Cancellation, false) if interest => "10",
        (Kind::Competition | Kind::Correction | Kind::Cancellation, false) => "16",
        (Kind::Result, false) => "29",
        (Kind::Result, true) => "31",
        (Kind::DirectAward, false) => "25",
        (Kind::DirectAward, true) => "27",
        (Kind::Modification, false) => "38",
        (Kind::Modification, true) => "E6",
    }
}

fn winners(language: &Language, country: &str, lots: usize, rng: &mut Rng) -> Vec<Party> {
    let firms = &language.firms;
    let first = rng.usize(..firms.len().max(1));
    let count = lots.min(firms.len()).max(1);
    (0..count)
        .map(|nth| Party {
            name: vec![(language.code.to_owned(), firms[(first + nth) % firms.len()].to_owned())],
            id: register_number(rng),
            country: country.to_owned(),
            nuts: String::new(),
            city: language.buyers.first().map_or("", |buyer| buyer.city).to_owned(),
            kind: "firm".to_owned(),
        })
        .collect()
}

fn review(language: &Language, buyer: Option<&Party>) -> Party {
    Party {
        name: vec![(language.code.to_owned(), language.review.to_owned())],
        id: "00000000".to_owned(),
        country: buyer.map_or("IE", |buyer| buyer.country.as_str()).to_owned(),
        nuts: String::new(),
        city: buyer.map_or("", |buyer| buyer.city.as_str()).to_owned(),
        kind: "review".to_owned(),
    }
}

/// Currency and a round rate to the euro.
fn currency_of(country: &str) -> (&'static str, u64) {
    match country {
        "PL" => ("PLN", 4),
        "RO" => ("RON", 5),
        "CZ" => ("CZK", 25),
        "SE" => ("SEK", 11),
        "DK" => ("DKK", 7),
        "HU" => ("HUF", 400),
        "CH" => ("CHF", 1),
        _ => ("EUR", 1),
    }
}

fn register_number(rng: &mut Rng) -> String {
    format!("EX{:08}", rng.u32(..100_000_000))
}

fn clock(hour: i8, minute: i8) -> Time {
    time(hour, minute, 0, 0)
}

/// A version 4 UUID out of the seed.
fn uuid(seed: u64, at: usize, purpose: u64) -> String {
    let mut rng = chance(seed, at, purpose + 100);
    let (high, low) = (rng.u64(..), rng.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}
