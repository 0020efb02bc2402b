//! The labels on everything in the corpus that nobody judged beforehand: laws for every notice, alarms that somebody read,
//! and projects of the security programme beside others of the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tenderwatch::analysis::fold;
use tenderwatch::evaluation::Counts;
use tenderwatch::notice::{Classification, Notice};

use super::{CLASSIFIER, KINDS, SETS, check_laws, explain, gold, pointed_at};
use crate::corpus::documents::{FOLDERS, documents, files, readers};

/// Alarms that are read.
const DRAWN: u64 = 200;
/// Of them judged at least: the rest fired only after somebody had read the others.
const READ: u64 = 180;

/// A label on a notice that is no part of the judged sets.
struct Alarm {
    category: String,
    id: String,
    /// Where it comes in the draw: by chance, but always the same for the same label.
    turn: String,
    text: String,
}

/// The first words of the title say whether two notices are one.
fn title_of(notice: &Notice) -> String {
    fold(notice.title.iter().next().map_or("", |(_, text)| text)).to_lowercase()
}

/// What a reader needs to judge a label: title, buyer, codes, and each piece of evidence in its surroundings.
fn describe(notice: &Notice, one: &Classification) -> String {
    let own = |lang: &str| notice.languages.is_empty() || notice.languages.iter().any(|own| own == lang);
    let titles: Vec<String> = notice
        .title
        .iter()
        .filter(|(lang, _)| own(lang))
        .map(|(lang, text)| format!("[{lang}] {}", text.chars().take(260).collect::<String>()))
        .collect();
    let buyers: Vec<&str> = notice.buyers.iter().filter_map(|buyer| buyer.name.as_deref()).collect();
    let mut out = format!(
        "{} | {} | {}",
        titles.join(" "),
        buyers.join("; "),
        notice.cpv.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(" ")
    );
    for piece in &one.evidence {
        let around = pointed_at(notice, &piece.field, piece.lang.as_deref()).filter(|_| piece.field != "title").map_or(
            String::new(),
            |text| {
                let from = piece.start.saturating_sub(110);
                text.chars().skip(from).take(piece.end + 110 - from).collect::<String>().replace(['\n', '\r'], " ")
            },
        );
        let _ = write!(
            out,
            "\n  {:+.1} {} {} «{}» {around}",
            piece.points,
            piece.rule.split_once('/').map_or("", |(_, rule)| rule),
            piece.field,
            piece.text
        );
    }
    out
}

/// One alarm for each category and title, in the order of the draw.
fn alarms(corpus: &Path) -> Vec<Alarm> {
    let judged: BTreeSet<String> = SETS
        .iter()
        .flat_map(|set| gold(&corpus.join(format!("gold/{set}.jsonl.gz"))))
        .map(|gold| fold(&gold.title).to_lowercase())
        .collect();
    let readers = readers();
    let mut all: BTreeMap<(String, String), Alarm> = BTreeMap::new();
    let folders = FOLDERS.iter().filter(|folder| **folder != "projects");
    for file in folders.flat_map(|folder| files(&corpus.join(folder))) {
        let found: Vec<((String, String), Alarm)> = documents(corpus, &file)
            .documents
            .into_par_iter()
            .flat_map_iter(|found| {
                let notices =
                    readers.parse(&found.document, None).map(|(_, parsed)| parsed.notices).unwrap_or_default();
                let mut alarms = Vec::new();
                for mut notice in notices {
                    KINDS.fill(&mut notice);
                    let labels = CLASSIFIER.classify(&notice);
                    check_laws(&notice, &labels);
                    let title = title_of(&notice);
                    if judged.contains(&title) {
                        continue;
                    }
                    for one in labels.iter().filter(|one| one.score >= 0.5) {
                        let (category, id) = (one.id.to_string(), notice.id.to_string());
                        let turn = Sha256::digest(format!("alarm {category} {id}"));
                        let turn = turn.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
                        let text = describe(&notice, one);
                        alarms.push(((category.clone(), title.clone()), Alarm { category, id, turn, text }));
                    }
                }
                alarms
            })
            .collect();
        for (key, alarm) in found {
            let known = all.entry(key);
            known
                .and_modify(|known| {
                    if alarm.turn < known.turn {
                        known.turn.clone_from(&alarm.turn);
                        known.id.clone_from(&alarm.id);
                    }
                })
                .or_insert(alarm);
        }
    }
    let mut all: Vec<Alarm> = all.into_values().collect();
    all.sort_by(|one, other| one.turn.cmp(&other.turn));
    all
}

fn verdicts_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alarms.tsv")
}

/// Two hundred labels drawn by chance, read by a person: at least 80 of 100 are right. `DRAW_ALARMS=FILE` writes down the texts
/// of those that nobody has judged yet.
#[test]
fn of_the_alarms_of_the_natural_stream_four_of_five_are_right() {
    let Some(corpus) = crate::corpus() else { return };
    let all = alarms(&corpus);
    let text = fs::read_to_string(verdicts_file()).unwrap_or_default();
    let verdicts: BTreeMap<(&str, &str), &str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let [verdict, category, id, _why] = line.splitn(4, '\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert!(matches!(verdict, "right" | "wrong"), "{line}");
            ((category, id), verdict)
        })
        .collect();
    let (mut counts, mut by_category, mut unread) =
        (Counts::default(), BTreeMap::<&str, (u32, u32)>::new(), String::new());
    for alarm in all.iter().zip(0..DRAWN).map(|(alarm, _)| alarm) {
        let row = by_category.entry(&alarm.category).or_default();
        match verdicts.get(&(alarm.category.as_str(), alarm.id.as_str())) {
            Some(&"right") => {
                counts.right += 1;
                row.0 += 1;
            }
            Some(_) => {
                counts.alarms += 1;
                row.1 += 1;
            }
            None => {
                let _ = writeln!(unread, "== {}\t{}\n{}", alarm.category, alarm.id, alarm.text);
            }
        }
    }
    if let Some(path) = std::env::var_os("DRAW_ALARMS") {
        fs::write(path, unread).expect("written");
    }
    let read = counts.right + counts.alarms;
    eprintln!(
        "{} alarms in all, {read} of the first {DRAWN} read: {} right, {} wrong",
        all.len(),
        counts.right,
        counts.alarms
    );
    for (category, (right, wrong)) in by_category {
        eprintln!("  {category}: {right} right, {wrong} wrong");
    }
    assert!(read >= READ.min(all.len() as u64), "only {read} of {DRAWN} alarms were read");
    assert!(counts.right * 5 >= read * 4, "precision {:?}", counts.precision());
}

/// Projects of the programme's security cluster get labels; missions, that share its code, hardly do.
#[test]
fn labels_on_projects_tell_the_security_cluster_from_the_missions() {
    let Some(corpus) = crate::corpus() else { return };
    let readers = readers();
    let labelled = |file: &str| {
        let found = documents(&corpus, &corpus.join("projects").join(file)).documents;
        let notices: Vec<Notice> = found
            .par_iter()
            .flat_map_iter(|found| readers.parse(&found.document, None).expect("a project").1.notices)
            .collect();
        let with: Vec<String> = notices
            .iter()
            .filter_map(|notice| {
                let labels = CLASSIFIER.classify(notice);
                check_laws(notice, &labels);
                let labels: Vec<Classification> = labels.into_iter().filter(|one| one.score >= 0.5).collect();
                (!labels.is_empty()).then(|| format!("{} {}", notice.id, title_of(notice)) + &explain(&labels))
            })
            .collect();
        (notices.len(), with)
    };
    let (projects, security) = labelled("cordis-he-cl3.jsonl.gz");
    let (missions, alarms) = labelled("cordis-he-lb23_not_cl3.jsonl.gz");
    eprintln!("{} of {projects} projects of the cluster, {} of {missions} missions", security.len(), alarms.len());
    if let Some(path) = std::env::var_os("DRAW_PROJECTS") {
        fs::write(path, format!("{}\n==\n{}", security.join("\n"), alarms.join("\n"))).expect("written");
    }
    assert!(security.len() * 5 >= projects, "few labels: {}", security.len());
    assert!(alarms.len() * 9 <= security.len(), "precision below 0.9\n{}", alarms.join("\n"));
}
