//! Every record of every file of the corpus is accounted for: parsed, known to be no notice, or quarantined with a
//! reason. `cargo test --test it corpus -- --nocapture` prints the table; `UPDATE_CORPUS=1` writes its figures anew.

pub mod documents;
mod mutate;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tenderwatch::formats::Parsed;
use tenderwatch::raw::RawDocument;
use tenderwatch::records::RecordCounts;
use tenderwatch::unpack::is_no_data;

use self::documents::{Contents, FOLDERS, documents, files, readers};
use self::mutate::{Mutations, Tally, torture};

/// What a third party made of a portal's rows: not the portal's own shape. By path; the READMEs of the corpus say so.
const DERIVED: &[&str] = &[
    "national/de-mixed/",
    "national/de-oeffentlichevergabe/notices",
    "national/es-placsp/likilik6",
    "national/es-placsp/scorpioon",
    "national/fr-boamp/boamp_extrait",
    "national/gr-kimdis/",
    "national/it-l190/",
    "national/mixed-derived/",
    "national/no-doffin/doffin_f02",
    "national/pt-base/",
    "national/sk-uvo/",
    "projects/cordis-he",
    "projects/cordis-xlsx/",
    "projects/ft-closed",
    "projects/ft-he-calls",
    "projects/ft-radar",
];

/// Not real: made up by the owner of a standard or a sandbox.
const SYNTHETIC: &[&str] =
    &["ted/sdk-examples", "plans/eforms-sdk-examples", "plans/prozorro-sandbox", "ocds/fictional"];

/// What a folder's files hold.
#[derive(Default)]
struct Row {
    files: u64,
    documents: u64,
    records: RecordCounts,
    quarantined: BTreeMap<String, u64>,
    issues: BTreeMap<&'static str, u64>,
}

fn class(path: &str) -> &'static str {
    let is = |list: &[&str]| list.iter().any(|start| path.starts_with(start));
    if is(DERIVED) {
        "derived"
    } else if is(SYNTHETIC) {
        "synthetic"
    } else {
        "raw"
    }
}

fn group(path: &str) -> String {
    let mut parts = path.split('/');
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
    let folder = match third {
        Some(_) => format!("{first}/{second}"),
        None if matches!(first, "ted" | "projects" | "plans") => {
            format!(
                "{first}/{}",
                second.split('.').next().unwrap_or(second).trim_end_matches(|c: char| c == '-' || c.is_ascii_digit())
            )
        }
        None => first.to_owned(),
    };
    format!("{folder} {}", class(path))
}

fn count(corpus: &Path, verbose: bool) -> BTreeMap<String, Row> {
    let readers = readers();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for part in FOLDERS {
        for file in files(&corpus.join(part)) {
            let below = file.strip_prefix(corpus).expect("below").display().to_string();
            if is_no_data(&below) || below.ends_with(".columns.txt") {
                continue;
            }
            let Contents { documents: found, ignored, failed } = documents(corpus, &file);
            assert!(failed.is_empty(), "{failed:?}");
            if ignored > 0 && found.is_empty() {
                continue;
            }
            let row = rows.entry(group(&below)).or_default();
            row.files += 1;
            let read: Vec<(String, Result<Parsed, (String, String)>)> = found
                .into_par_iter()
                .map(|found| {
                    let outcome = catch_unwind(AssertUnwindSafe(|| readers.parse(&found.document, None)))
                        .unwrap_or_else(|_| panic!("panic: {}", found.name));
                    (
                        found.name,
                        outcome.map(|(_, parsed)| parsed).map_err(|error| (error.code().to_owned(), error.to_string())),
                    )
                })
                .collect();
            for (name, outcome) in read {
                row.documents += 1;
                match outcome {
                    Ok(parsed) => {
                        let counts = &parsed.records;
                        assert_eq!(counts.read, counts.notices + counts.non_notice + counts.quarantined, "{name}");
                        assert_eq!(counts.notices, parsed.notices.len() as u64, "{name}");
                        row.records.add(counts);
                        for issue in parsed.issues.iter().chain(parsed.notices.iter().flat_map(|notice| &notice.issues))
                        {
                            *row.issues.entry(issue.code.as_str()).or_default() += 1;
                        }
                    }
                    Err((code, reason)) => {
                        row.records.quarantined();
                        if verbose && row.quarantined.get(&code).is_none_or(|known| *known < 3) {
                            eprintln!("quarantined {name}: {reason}");
                        }
                        *row.quarantined.entry(code).or_default() += 1;
                    }
                }
            }
        }
    }
    rows
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus.tsv")
}

#[expect(clippy::print_stdout, reason = "the table is for people")]
#[test]
fn every_record_of_the_corpus_is_accounted_for() {
    let Some(corpus) = crate::corpus() else { return };
    let rows = count(&corpus, true);
    let mut table = String::from("folder\tfiles\tdocuments\trecords\tnotices\tnon_notice\tquarantined\n");
    let mut worse = Vec::new();
    let known = fs::read_to_string(baseline()).unwrap_or_default();
    let known: BTreeMap<&str, Vec<u64>> = known
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, rest)| (name, rest.split('\t').filter_map(|cell| cell.parse().ok()).collect()))
        .collect();
    for (name, row) in &rows {
        let counts = &row.records;
        let figures = [row.files, row.documents, counts.read, counts.notices, counts.non_notice, counts.quarantined];
        let cells: Vec<String> = figures.iter().map(u64::to_string).collect();
        writeln!(table, "{name}\t{}", cells.join("\t")).expect("memory");
        let issues: Vec<String> = row.issues.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let rules: Vec<String> = counts.by_rule.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        println!(
            "{name}: {} files, {} documents, {} records: {} notices, {} no notice ({}), {} quarantined ({:?})\n    findings: {}",
            row.files,
            row.documents,
            counts.read,
            counts.notices,
            counts.non_notice,
            rules.join(", "),
            counts.quarantined,
            row.quarantined,
            issues.join(", ")
        );
        // At most one of a thousand raw records, and one of a hundred that others derived.
        let one_of = if name.ends_with("raw") { 1000 } else { 100 };
        if counts.quarantined * one_of > counts.read && !EXPLAINED.iter().any(|(known, _)| known == name) {
            worse.push(format!(
                "{name}: only {} of {} records are read",
                counts.read - counts.quarantined,
                counts.read
            ));
        }
        match known.get(name.as_str()) {
            Some(old) if counts.notices < old[3] => {
                worse.push(format!("{name}: {} notices, there were {}", counts.notices, old[3]));
            }
            Some(old) if counts.quarantined > old[5] => {
                worse.push(format!("{name}: {} quarantined, there were {}", counts.quarantined, old[5]));
            }
            Some(_) => {}
            None => worse.push(format!("{name} is not in {}: UPDATE_CORPUS=1 writes it", baseline().display())),
        }
    }
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        fs::write(baseline(), &table).expect("writable fixtures");
        worse.retain(|line| line.contains("only"));
    }
    assert!(worse.is_empty(), "{}", worse.join("\n"));
}

/// Folders whose records cannot all be read, and why.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "plans/bih-plan-nabavki raw",
        "one document of an old office program: no maintained reader for it, said as `unsupported-office-document`",
    ),
    (
        "plans/prozorro-sandbox synthetic",
        "two dumps of HTTP traffic, head and body; the body alone is read (`ua-prozorro-plans`)",
    ),
];

/// A seeded sample of what `cargo test --test long -- spoil` does to every document.
#[test]
fn spoilt_documents_of_the_corpus_never_stop_the_program() {
    let Some(corpus) = crate::corpus() else { return };
    let readers = readers();
    let read = |document: &RawDocument| readers.parse(document, None).map(|(_, parsed)| parsed);
    let mut tally = Tally::default();
    for file in FOLDERS.iter().flat_map(|folder| files(&corpus.join(folder))) {
        let found = documents(&corpus, &file).documents;
        let step = found.len() / 2 + 1;
        let sample = found.par_iter().step_by(step);
        let wanted = Mutations { cuts: 2, flips: 2, lies: true, seed: 2026 };
        let tallies: Vec<Tally> = sample.map(|found| torture(found, wanted, &read)).collect();
        tallies.into_iter().for_each(|other| tally.add(other));
    }
    assert!(tally.all() > 2000, "{}", tally.all());
    assert!(tally.faults.is_empty(), "{}", tally.faults.join("\n"));
}
