//! Links and procedures, from the outside and in the store.

mod pairs;

use std::collections::BTreeSet;
use std::fs;

use jiff::Timestamp;
use proptest::prelude::*;
use tenderwatch::archive::Position;
use tenderwatch::ids::{NoticeId, RawId, SourceId};
use tenderwatch::links::{Kind, RULES, Verb, Verdict};
use tenderwatch::notice::{Notice, Organisation, Related, Relation, Stage};
use tenderwatch::records::{DocumentOutcome, RecordCounts};
use tenderwatch::store::{Batch, Derived, Kept, PreparedNotice, StoredDocument};

use super::cli::{json_of, run};

/// A release of a process: `tender` or `award`, and the buyer's name.
fn release(ocid: &str, number: u32, tag: &str, title: &str, buyer: &str, country: &str) -> String {
    serde_json::json!({ "releases": [{
        "ocid": ocid, "id": format!("{ocid}-{number}"), "date": format!("2026-11-0{number}T10:00:00Z"), "tag": [tag],
        "language": "en", "buyer": { "id": "B-1", "name": buyer },
        "parties": [{ "id": "B-1", "name": buyer, "roles": ["buyer"], "address": { "countryName": country } }],
        "tender": { "id": "T", "title": title },
        "awards": if tag == "award" { serde_json::json!([{ "id": "A", "status": "active" }]) } else { serde_json::json!([]) },
    }] })
    .to_string()
}

#[test]
fn a_procedure_is_one_story_as_known_at_any_time_and_the_operator_has_the_last_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let days = ["2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z", "2026-11-06T08:00:00Z"];
    for (day, text) in days.iter().zip([
        release("ocds-aaaaaa-1", 1, "tender", "Ballistic vests for patrols", "Police of Ruritania", "FR"),
        release("ocds-aaaaaa-1", 3, "award", "Ballistic vests for patrols", "Police of Ruritania", "FR"),
        // another buyer in another country uses the same number
        release("ocds-aaaaaa-1", 5, "tender", "School meals", "Town of Elsewhere", "DE"),
    ]) {
        fs::write(at.join("release.json"), text).expect("written");
        run(at, &["--now", day, "import", "release.json"]).code(0);
    }
    let first = "import/ocds-aaaaaa-1-1";
    let story = |more: &[&str]| {
        let arguments = [&["show", "procedure:import/ocds-aaaaaa-1-3"], more].concat();
        let shown = json_of(at, &arguments);
        let ids = shown["notices"].as_array().expect("a list").iter().map(|notice| notice["id"].to_string());
        (shown["id"].as_str().expect("text").to_owned(), ids.collect::<Vec<_>>())
    };
    let both = (format!("procedure:{first}"), vec![format!("\"{first}\""), "\"import/ocds-aaaaaa-1-3\"".to_owned()]);
    let check = || {
        assert_eq!(story(&[]), both);
        assert_eq!(story(&["--as-of", days[1]]), both);
        run(at, &["show", "procedure:import/ocds-aaaaaa-1-3", "--as-of", days[0]]).fails(1, &["nothing was known"]);
        let counts = json_of(at, &["links", "list"]);
        assert_eq!(counts["links"]["same-procedure"]["ocid"], 1, "{counts}");
        assert_eq!(counts["refused"]["buyers of different countries"], 2, "{counts}");
        assert_eq!((counts["notices"].as_u64(), counts["procedures"].as_u64()), (Some(3), Some(2)), "{counts}");
    };
    check();
    run(at, &["rebuild", "--from-archive"]).code(0);
    check();
    // what the operator cuts is cut from then on, also after a rebuild, and was there before
    let now = "2026-11-08T08:00:00Z";
    run(at, &["--now", now, "links", "cut", first, "import/ocds-aaaaaa-1-3", "--reason", "another order"]).code(0);
    let apart = || {
        assert_eq!(story(&[]).1.len(), 1);
        assert_eq!(story(&["--as-of", days[1]]), both);
        assert_eq!(json_of(at, &["links", "list"])["cut"], 1);
    };
    apart();
    run(at, &["rebuild", "--from-archive"]).code(0);
    apart();
    let text = run(at, &["links", "list", first]).code(0).text();
    assert!(text.contains("cut by the operator") && text.contains("refused: buyers of different countries"), "{text}");
    let later = "2026-11-09T08:00:00Z";
    run(at, &["--now", later, "links", "force", first, "import/ocds-aaaaaa-1-3", "--reason", "it was right"]).code(0);
    assert_eq!(story(&[]), both);
    // bad input is named
    run(at, &["links", "force", first, "import/none", "--reason", "x"]).fails(1, &["import/none"]);
    run(at, &["links", "force", first, first, "--reason", "x"]).fails(2, &["one notice"]);
    run(at, &["links", "force", first, "import/ocds-aaaaaa-1-5", "--kind", "twin", "--reason", "x"])
        .fails(2, &["twin", "same-notice"]);
    let file = at.join("data/links.tsv");
    let text = fs::read_to_string(&file).expect("there");
    fs::write(&file, text + "nonsense\n").expect("written");
    run(at, &["import", "release.json"]).fails(1, &["links.tsv", "line 3"]);
}

/// A version that contradicts a link ends it; what was known before stays known, however often all is linked anew.
#[test]
fn a_later_version_takes_no_link_out_of_the_past() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let vests = "Ballistic vests for patrols";
    for (day, text) in [
        ("2026-11-02T08:00:00Z", release("ocds-aaaaaa-1", 1, "tender", vests, "Police of Ruritania", "FR")),
        ("2026-11-04T08:00:00Z", release("ocds-aaaaaa-1", 3, "award", vests, "Police of Ruritania", "FR")),
        ("2026-11-06T08:00:00Z", release("ocds-aaaaaa-1", 1, "tender", "School meals", "Town of Elsewhere", "DE")),
        (
            "2026-11-08T08:00:00Z",
            release("ocds-aaaaaa-1", 1, "tender", "Ballistic vests for all", "Police of Ruritania", "FR"),
        ),
        ("2026-11-10T08:00:00Z", release("ocds-aaaaaa-1", 1, "tender", "School milk", "Town of Elsewhere", "DE")),
    ] {
        fs::write(at.join("release.json"), text).expect("written");
        run(at, &["--now", day, "import", "release.json"]).code(0);
    }
    let members = |as_of: Option<&str>| {
        let day = as_of.map(|day| format!("2026-11-{day}T09:00:00Z"));
        let mut arguments = vec!["show", "procedure:import/ocds-aaaaaa-1-3"];
        arguments.extend(day.iter().flat_map(|day| ["--as-of", day.as_str()]));
        json_of(at, &arguments)["notices"].as_array().expect("a list").len()
    };
    let check = |after: &str| {
        let known: Vec<usize> = ["04", "05", "07", "09", "11"].into_iter().map(|day| members(Some(day))).collect();
        assert_eq!(known, [2, 2, 1, 2, 1], "{after}");
        assert_eq!(members(None), 1, "{after}");
        let counts = json_of(at, &["links", "list"]);
        assert_eq!(
            (&counts["procedures"], &counts["refused"]["buyers of different countries"]),
            (&2.into(), &1.into())
        );
    };
    check("arrival");
    let mut derived = Derived::open_writer(&at.join("data/store.db")).expect("opens");
    derived.set_meta("linked", "by older rules").expect("set");
    assert_eq!(derived.link_all().expect("linked"), 2);
    derived.close().expect("closed");
    check("other rules");
    run(at, &["rebuild", "--from-archive"]).code(0);
    check("a rebuild");
}

/// One notice of the properties below: what it is part of, what it refers to, and when it came.
#[derive(Clone, Debug)]
struct Given {
    number: usize,
    procedure: Option<usize>,
    refers: Option<usize>,
    country: &'static str,
    seen: i64,
}

impl Given {
    fn id(&self) -> NoticeId {
        NoticeId::new(format!("eu-ted/{}-2026", 1000 + self.number))
    }

    fn stored(&self) -> StoredDocument {
        let raw_id = RawId::of(self.number.to_string().as_bytes());
        let stage = if self.refers.is_some() { Stage::Result } else { Stage::Competition };
        let mut notice = Notice::new(self.id(), SourceId::from("eu-ted"), "eforms", raw_id, stage);
        notice.publication_id = Some(format!("{}-2026", 1000 + self.number));
        notice.title.push("en", "Boots");
        let buyer =
            Organisation { name: Some("Police".into()), country: Some(self.country.into()), ..Default::default() };
        notice.buyers = vec![buyer];
        notice.procedure_id = self.procedure.map(|of| format!("3f2504e0-4f89-41d3-9a0c-0305e82c33{of:02}"));
        notice.related.extend(self.refers.map(|to| Related {
            id: format!("{}-2026", 1000 + to),
            relation: Relation::Awards,
            evidence: "OPP-090".to_owned(),
        }));
        stored(notice, Timestamp::from_second(self.seen).expect("a time"))
    }
}

/// A document with one notice.
fn stored(notice: Notice, fetched_at: Timestamp) -> StoredDocument {
    StoredDocument {
        source: notice.source.clone(),
        raw_id: notice.raw_id,
        at: Position::START,
        name: notice.id.to_string(),
        fetched_at,
        detail: false,
        format: Some(notice.format.clone()),
        outcome: DocumentOutcome::Parsed,
        records: RecordCounts::default(),
        issues: Vec::new(),
        notices: vec![PreparedNotice::new(notice)],
        taken_back: Vec::new(),
        rates: None,
    }
}

fn given() -> impl Strategy<Value = Vec<Given>> {
    let one = (prop::option::of(0usize..3), prop::option::of(0usize..8), prop::sample::select(&["FR", "DE"]), 0i64..5);
    prop::collection::vec(one, 1..8).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        numbered
            .map(|(number, (procedure, refers, country, seen))| Given {
                number,
                procedure,
                refers: refers.filter(|to| *to != number),
                country,
                seen: 1_760_000_000 + seen * 86_400,
            })
            .collect()
    })
}

struct Ground {
    _folder: tempfile::TempDir,
    kept: Kept,
    derived: Derived,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::open_writer(&folder.path().join("kept.db")).expect("opens");
        let derived = Derived::open_writer(&folder.path().join("store.db")).expect("opens");
        Self { _folder: folder, kept, derived }
    }

    fn take(&mut self, all: &[&Given]) {
        self.apply(all.iter().map(|given| given.stored()).collect());
    }

    fn apply(&mut self, documents: Vec<StoredDocument>) {
        self.derived.apply(&mut self.kept, Batch { documents, archive_end: Position::START }).expect("stored");
    }

    /// The name and the members of each procedure, as known at a time.
    fn procedures(&self, all: &[Given], as_of: Option<i64>) -> BTreeSet<(String, Vec<String>)> {
        let as_of = as_of.map(|second| Timestamp::from_second(second).expect("a time"));
        let mut found = BTreeSet::new();
        for given in all {
            if let Some(procedure) = self.derived.procedure(&given.id(), as_of).expect("read") {
                let mut ids: Vec<String> = procedure.notices.iter().map(|member| member.id.to_string()).collect();
                ids.sort();
                found.insert((procedure.id, ids));
            }
        }
        found
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the order and the batches in which notices arrive, procedures are the same, at any time; each notice is
    /// in one, and what is counted is what is there.
    #[test]
    fn the_order_of_arrival_makes_no_difference(all in given(), order in any::<u64>(), batch in 1usize..5) {
        let mut chance = fastrand::Rng::with_seed(order);
        let (mut one, mut other) = (Ground::new(), Ground::new());
        one.take(&all.iter().collect::<Vec<_>>());
        let mut shuffled: Vec<&Given> = all.iter().collect();
        chance.shuffle(&mut shuffled);
        shuffled.chunks(batch).for_each(|batch| other.take(batch));
        for as_of in (0..5).map(|day| Some(1_760_000_000 + day * 86_400)).chain([None]) {
            let here = one.procedures(&all, as_of);
            prop_assert_eq!(&here, &other.procedures(&all, as_of));
            let known = all.iter().filter(|given| as_of.is_none_or(|second| given.seen <= second)).count();
            prop_assert_eq!(here.iter().map(|(_, ids)| ids.len()).sum::<usize>(), known);
        }
        let counts = one.derived.link_counts().expect("counted");
        prop_assert_eq!(&counts, &other.derived.link_counts().expect("counted"));
        prop_assert_eq!(counts.procedures, one.procedures(&all, None).len() as u64);
        // again: nothing happens
        let seq = one.derived.change_seq().expect("read");
        one.take(&all.iter().collect::<Vec<_>>());
        prop_assert_eq!(one.derived.change_seq().expect("read"), seq);
        prop_assert_eq!(counts, one.derived.link_counts().expect("counted"));
    }

    /// What is forced and then taken back, or cut and then taken back, leaves everything as it was.
    #[test]
    fn a_verdict_that_is_taken_back_leaves_nothing(all in given(), a in 0usize..8, b in 0usize..8, cut in any::<bool>()) {
        let (Some(a), Some(b)) = (all.get(a), all.get(b)) else { return Ok(()) };
        prop_assume!(a.number != b.number);
        let mut ground = Ground::new();
        ground.take(&all.iter().collect::<Vec<_>>());
        let (before, counts) = (ground.procedures(&all, None), ground.derived.link_counts().expect("counted"));
        let verb = if cut { Verb::Cut } else { Verb::Force(Kind::SameProcedure) };
        let since = Timestamp::from_second(1_770_000_000).expect("a time");
        let verdict = Verdict { verb, a: a.id(), b: b.id(), since, reason: "because".to_owned() };
        ground.derived.set_verdicts(&[verdict]).expect("set");
        let together = ground.procedures(&all, None).iter().any(|(_, ids)| {
            ids.contains(&a.id().to_string()) && ids.contains(&b.id().to_string())
        });
        prop_assert!(cut || together);
        prop_assert_eq!(&ground.procedures(&all, Some(1_769_999_999)), &before, "nobody knew of it before");
        ground.derived.set_verdicts(&[]).expect("set");
        prop_assert_eq!(ground.procedures(&all, None), before);
        prop_assert_eq!(ground.derived.link_counts().expect("counted"), counts);
    }
}

#[test]
fn every_rule_and_reason_is_documented() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/links.md")).expect("there");
    let rules = RULES.iter().map(|rule| rule.name);
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    let reasons = ["twin", "corrected", "cancelled", "superseded", "repeated"];
    for name in rules.chain(kinds).chain(reasons) {
        assert!(text.contains(&format!("`{name}`")), "docs/links.md does not name {name}");
    }
}

#[test]
fn nonsense_in_what_a_notice_refers_to_is_an_issue_and_merges_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let nonsense = |ocid: &str, number: u32, date: &str, currency: &str, refers: &str| {
        let mut package: serde_json::Value =
            serde_json::from_str(&release(ocid, number, "tender", &format!("Boots {number}"), "Police", "FR"))
                .expect("JSON");
        let release = &mut package["releases"][0];
        release["date"] = format!("{date}T10:00:00Z").into();
        release["tender"]["value"] = serde_json::json!({ "amount": 1000, "currency": currency });
        release["tender"]["tenderPeriod"] = serde_json::json!({ "endDate": format!("{date}T10:00:00Z") });
        release["relatedProcesses"] =
            serde_json::json!([{ "id": "1", "relationship": ["prior"], "scheme": "ocid", "identifier": refers }]);
        package.to_string()
    };
    // each refers to the other, one to itself, one to what never comes
    let (one, other, third) = ("ocds-aaaaaa-1", "ocds-aaaaaa-2", "ocds-aaaaaa-3");
    for (name, text) in [
        ("1.json", nonsense(one, 1, "0202-11-03", "EURO", other)),
        ("2.json", nonsense(other, 2, "2205-11-03", "XQX", one)),
        ("3.json", nonsense(third, 3, "2026-11-03", "EUR", third)),
        ("4.json", nonsense("ocds-aaaaaa-4", 4, "2026-11-04", "", "ocds-zzzzzz-9")),
    ] {
        fs::write(at.join(name), text).expect("written");
        run(at, &["--now", "2026-11-05T08:00:00Z", "import", name]).code(0);
    }
    let counts = json_of(at, &["links", "list"]);
    assert_eq!((counts["notices"].as_u64(), counts["procedures"].as_u64()), (Some(4), Some(4)), "{counts}");
    assert!(counts["waiting"].as_u64() >= Some(1), "{counts}");
    let codes = |number: u32| -> Vec<String> {
        let shown = json_of(at, &["show", &format!("ocds-aaaaaa-{number}-{number}")]);
        assert!(shown["estimated_value"].is_object() || number == 4, "it is kept: {shown}");
        let issues = shown["issues"].as_array().into_iter().flatten();
        issues.map(|issue| issue["code"].as_str().expect("text").to_owned()).collect()
    };
    for number in [1, 2] {
        let codes = codes(number);
        for about in ["date", "currency"] {
            assert!(codes.iter().any(|code| code.contains(about)), "{about} of {number}: {codes:?}");
        }
        let story = json_of(at, &["show", &format!("procedure:ocds-aaaaaa-{number}-{number}")]);
        assert_eq!((&story["totals"], story["notices"].as_array().map(Vec::len)), (&serde_json::json!([]), Some(1)));
    }
    assert!(!codes(3).iter().any(|code| code.contains("currency")));
    json_of(at, &["--now", "2026-11-05T09:00:00Z", "digest"]);
    // one id from two sources: two notices of one procedure, whoever was first
    run(at, &["--now", "2026-11-06T08:00:00Z", "import", "--source", "gb-find-a-tender", "3.json"]).code(0);
    let counts = json_of(at, &["links", "list"]);
    assert_eq!((counts["notices"].as_u64(), counts["procedures"].as_u64()), (Some(5), Some(4)), "{counts}");
}
