//! What linking a notice costs while the store grows from ten thousand notices to a million.
//!
//! `cargo bench --bench links -- [NOTICES]`. The same generated notices go into two stores: into one with their links,
//! into the other without. The difference is the linking; its keys and facts are computed beforehand and timed by
//! themselves. Of ten notices six are calls, three the results of earlier calls by procedure, and one is the twin of a
//! call in another gazette; buyers have the same few hundred tenders each. The ratio is to the first ten thousand.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use rayon::prelude::*;
use tenderwatch::archive::Position;
use tenderwatch::ids::{NoticeId, RawId, SourceId};
use tenderwatch::links::Linking;
use tenderwatch::notice::{Deadline, Notice, Organisation, Stage};
use tenderwatch::records::{DocumentOutcome, RecordCounts};
use tenderwatch::store::{Batch, Derived, Kept, PreparedNotice, StoredDocument};

/// Notices that become true together, as on import.
const BATCH: u64 = 1_000;
/// How many notices a figure is the mean of.
const STEP: u64 = 10_000;
const AIM: f64 = 5_000.0;

const WORDS: &[&str] = &[
    "supply",
    "patrol",
    "vehicles",
    "protective",
    "vests",
    "forensic",
    "laboratory",
    "radio",
    "network",
    "border",
    "surveillance",
    "maintenance",
    "training",
    "simulator",
    "rescue",
    "boats",
    "helmets",
    "uniforms",
    "software",
    "detection",
];

fn main() {
    let most = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(1_000_000_u64);
    let folder = tempfile::tempdir().expect("a folder");
    let mut linked = Ground::new(&folder.path().join("linked"));
    let mut bare = Ground::new(&folder.path().join("bare"));
    println!("notices stored | storing | with links | linking | linking alone | of the first");
    let (mut stored, mut first, mut worst) = (0, None, f64::MAX);
    let mut shown = STEP;
    while stored < most {
        let (mut keys, mut with, mut without) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for batch in (stored..stored + STEP).step_by(usize::try_from(BATCH).expect("small")) {
            let notices: Vec<Notice> = (batch..batch + BATCH).map(notice).collect();
            let start = Instant::now();
            let linkings: Vec<Linking> = notices.par_iter().map(Linking::of).collect();
            keys += start.elapsed();
            drop(linkings);
            let start = Instant::now();
            linked.store(batch, notices.clone(), PreparedNotice::new);
            with += start.elapsed();
            let start = Instant::now();
            bare.store(batch, notices, |notice| PreparedNotice::new(notice).unlinked());
            without += start.elapsed();
        }
        stored += STEP;
        if stored < shown && stored < most {
            continue;
        }
        shown = if stored < 100_000 { stored + 20_000 } else { stored + 100_000 };
        let rate = |time: Duration| f64::from(u32::try_from(STEP).expect("small")) / time.as_secs_f64();
        let linking = rate(with.saturating_sub(without) + keys);
        let first = *first.get_or_insert(linking);
        worst = worst.min(linking);
        println!(
            "{stored:>14} | {:>5.0}/s | {:>8.0}/s | {linking:>5.0}/s | {:>4.0} µs each | {:.2}",
            rate(without),
            rate(with),
            1e6 / linking,
            linking / first,
        );
    }
    let counts = linked.derived.link_counts().expect("counted");
    println!("{} notices in {} procedures, at most {} in one", counts.notices, counts.procedures, counts.largest);
    for (kind, rules) in &counts.links {
        println!("{kind}: {rules:?}");
    }
    println!(
        "slowest {worst:.0} notices/s; the aim is {AIM}: {}",
        if worst >= AIM { "reached" } else { "not reached" }
    );
}

/// Always the same notice for a number.
fn notice(number: u64) -> Notice {
    let (kind, call) = match number % 10 {
        0..=5 => ("call", number),
        // some thousand notices ago at most
        6..=8 => {
            let group = number / 10;
            ("result", (group - number.wrapping_mul(7919) % 500 % (group + 1)) * 10)
        }
        _ => ("twin", number - 9),
    };
    let source = if kind == "twin" { "xx-gazette" } else { "eu-ted" };
    let id = NoticeId::new(format!("{source}/{number}-2026"));
    let stage = if kind == "result" { Stage::Result } else { Stage::Competition };
    let mut notice = Notice::new(id, SourceId::from(source), "eforms", RawId::of(&number.to_be_bytes()), stage);
    notice.publication_id = Some(format!("{number}-2026"));
    let mut chance = fastrand::Rng::with_seed(call);
    let mut words: Vec<&str> = (0..6).map(|_| WORDS[chance.usize(..WORDS.len())]).collect();
    let file = format!("lot {}", chance.u32(..1_000_000));
    words.push(&file);
    notice.title.push("en", &words.join(" "));
    notice.description.push("en", &format!("{} for the coming years, as the documents say.", words.join(" and ")));
    // Buyers come and go as the years do, so that each has a few hundred.
    let buyer = call / 50_000 * 200 + chance.u64(..200);
    notice.buyers = vec![Organisation {
        name: Some(format!("Police of region {buyer}")),
        country: Some("FR".into()),
        ..Default::default()
    }];
    notice.cpv = vec!["35113400".to_owned()];
    let day = jiff::civil::date(2020, 1, 1).saturating_add(i64::try_from(call / 500).expect("few").days());
    notice.published_on = Some(day);
    if stage == Stage::Competition {
        let at = day.saturating_add(35.days()).at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).expect("a time");
        notice.deadline = Some(Deadline {
            at: at.timestamp(),
            offset: jiff::tz::Offset::UTC,
            zone: "+00:00".to_owned(),
            has_time: true,
        });
    }
    if kind != "twin" {
        notice.procedure_id = Some(format!("3f2504e0-4f89-41d3-9a0c-{call:012x}"));
    }
    notice
}

struct Ground {
    kept: Kept,
    derived: Derived,
}

impl Ground {
    fn new(folder: &std::path::Path) -> Self {
        std::fs::create_dir_all(folder).expect("created");
        Self {
            kept: Kept::open_writer(&folder.join("kept.db")).expect("opens"),
            derived: Derived::open_writer(&folder.join("store.db")).expect("opens"),
        }
    }

    fn at(number: u64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + i64::try_from(number).expect("few")).expect("a time")
    }

    /// Stores a batch as an import does, each notice from a document of its own.
    fn store(&mut self, first: u64, notices: Vec<Notice>, prepare: fn(Notice) -> PreparedNotice) {
        let documents = notices
            .into_par_iter()
            .map(|notice| StoredDocument {
                source: notice.source.clone(),
                raw_id: notice.raw_id,
                at: Position::START,
                name: notice.id.to_string(),
                fetched_at: Self::at(first),
                detail: false,
                format: Some("eforms".to_owned()),
                outcome: DocumentOutcome::Parsed,
                records: RecordCounts::default(),
                issues: Vec::new(),
                notices: vec![prepare(notice)],
                taken_back: Vec::new(),
                rates: None,
            })
            .collect();
        self.derived.apply(&mut self.kept, Batch { documents, archive_end: Position::START }).expect("stored");
    }
}
