//! Pairs of real notices that people have judged, against what the links say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;
use tenderwatch::ids::{NoticeId, SourceId};
use tenderwatch::links::{Kind, RULES};
use tenderwatch::notice::Notice;

use super::{Ground, stored};
use crate::corpus::documents::{documents, files, readers};

/// Of what a rule links, so much has to be right.
const PRECISION_EXACT: f64 = 0.98;
const PRECISION_HEURISTIC: f64 = 0.95;
/// Of what a common key tells, so much has to be found.
const RECALL: f64 = 0.95;

/// What a reader said of two notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// One notice, published twice, or two notices of one procedure.
    Together,
    /// A plan, an earlier attempt, the framework: related, and another procedure.
    Related,
    /// Nothing.
    Apart,
}

struct Pair {
    line: usize,
    a: NoticeId,
    b: NoticeId,
    verdict: Verdict,
    /// Whether both carry a key that says so, whoever reads it.
    has_key: bool,
    about: String,
}

fn pairs(text: &str) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [a, b, verdict, key, about] = cells.as_slice() else { panic!("line {}: five cells", at + 1) };
        let verdict = match *verdict {
            "same-notice" | "same-procedure" => Verdict::Together,
            "related" => Verdict::Related,
            "none" => Verdict::Apart,
            other => panic!("line {}: no verdict is \"{other}\"", at + 1),
        };
        let has_key = match *key {
            "key" => true,
            "no-key" => false,
            other => panic!("line {}: key or no-key, not \"{other}\"", at + 1),
        };
        let (a, b) = (NoticeId::new(*a), NoticeId::new(*b));
        assert_ne!(a, b, "line {}", at + 1);
        pairs.push(Pair { line: at + 1, a, b, verdict, has_key, about: (*about).to_owned() });
    }
    let unique: BTreeSet<[&NoticeId; 2]> =
        pairs.iter().map(|pair| if pair.a < pair.b { [&pair.a, &pair.b] } else { [&pair.b, &pair.a] }).collect();
    assert_eq!(unique.len(), pairs.len(), "a pair is judged once");
    pairs
}

/// The notices that the pairs name, each from the first file that has it.
fn notices(corpus: &Path, list: &str, wanted: &BTreeSet<&NoticeId>) -> BTreeMap<NoticeId, Notice> {
    let readers = readers();
    let mut found = BTreeMap::new();
    for line in list.lines().skip(1) {
        let (path, source) = line.split_once('\t').expect("two cells");
        let path = corpus.join(path);
        for file in if path.is_dir() { files(&path) } else { vec![path] } {
            let read: Vec<Notice> = documents(corpus, &file)
                .documents
                .into_par_iter()
                .flat_map_iter(|found| {
                    let mut document = found.document;
                    document.origin.source = SourceId::from(source);
                    let parsed = readers.parse(&document, None);
                    parsed.map(|(_, parsed)| parsed.notices).unwrap_or_default()
                })
                .filter(|notice| wanted.contains(&notice.id))
                .collect();
            for notice in read {
                found.entry(notice.id.clone()).or_insert(notice);
            }
        }
    }
    found
}

#[derive(Default)]
struct Tally {
    right: usize,
    all: usize,
}

impl Tally {
    fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    fn share(&self) -> f64 {
        let number = |count: usize| f64::from(u32::try_from(count).expect("few"));
        number(self.right) / number(self.all.max(1))
    }
}

#[expect(clippy::print_stdout, reason = "the figures are for people")]
#[test]
fn what_people_said_of_pairs_is_what_links_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/links");
    let text = fs::read_to_string(folder.join("pairs.tsv")).expect("there");
    let pairs = pairs(&text);
    assert!(pairs.len() >= 300, "{} pairs", pairs.len());
    let Some(corpus) = crate::corpus() else { return };
    let wanted: BTreeSet<&NoticeId> = pairs.iter().flat_map(|pair| [&pair.a, &pair.b]).collect();
    let list = fs::read_to_string(folder.join("files.tsv")).expect("there");
    let notices = notices(&corpus, &list, &wanted);
    let missing: Vec<&&NoticeId> = wanted.iter().filter(|id| !notices.contains_key(id)).collect();
    assert!(missing.is_empty(), "not in the files: {missing:?}");
    let mut ground = Ground::new();
    for (second, notice) in (1_760_000_000..).zip(notices.into_values()) {
        ground.apply(vec![stored(notice, Timestamp::from_second(second).expect("a time"))]);
    }
    let (mut exact, mut heuristic, mut recall, mut related) =
        (Tally::default(), Tally::default(), Tally::default(), Tally::default());
    let mut wrong = String::new();
    for Pair { line, a, b, verdict, has_key, about } in &pairs {
        let links = ground.derived.links_of(a).expect("read");
        let links = links.iter().filter(|link| (link.from == *b || link.to == *b) && link.refused.is_none());
        let links: Vec<(Kind, bool)> = links
            .map(|link| {
                let rule = RULES.iter().find(|rule| rule.name == link.rule).expect("a rule");
                (Kind::parse(&link.kind).expect("a kind"), rule.exact)
            })
            .collect();
        let members = ground.derived.members(a, Timestamp::MAX).expect("read").expect("known").1;
        let together = members.contains(b);
        let merged = links.iter().filter(|(kind, _)| kind.merges());
        let mut is_wrong = together != (*verdict == Verdict::Together);
        if merged.clone().any(|(_, exact)| *exact) {
            exact.count(*verdict == Verdict::Together);
        } else if merged.clone().any(|(_, exact)| !*exact) {
            heuristic.count(*verdict == Verdict::Together);
        }
        match verdict {
            Verdict::Together if *has_key => recall.count(together),
            Verdict::Related if *has_key => {
                let found = links.iter().any(|(kind, _)| !kind.merges());
                related.count(found);
                is_wrong |= !found;
            }
            _ => {}
        }
        if is_wrong {
            writeln!(wrong, "  line {line}: {a} {b}: said {verdict:?}, found {links:?}, together: {together}; {about}")
                .expect("memory");
        }
    }
    for (name, tally) in [
        ("precision where a key is exact", &exact),
        ("precision of the heuristic", &heuristic),
        ("recall where a key says so", &recall),
        ("related ones found", &related),
    ] {
        println!("{name}: {} of {}, {:.3}", tally.right, tally.all, tally.share());
    }
    println!("{} pairs, otherwise than said:\n{wrong}", pairs.len());
    assert!(exact.all >= 50 && heuristic.all >= 20 && recall.all >= 50, "enough of each");
    assert!(exact.share() >= PRECISION_EXACT, "{:.3}\n{wrong}", exact.share());
    assert!(heuristic.share() >= PRECISION_HEURISTIC, "{:.3}\n{wrong}", heuristic.share());
    assert!(recall.share() >= RECALL && related.share() >= RECALL, "{:.3}\n{wrong}", recall.share());
}
