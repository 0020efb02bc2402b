//! How many notices a second does one core classify, and how much of that is finding the terms?
//!
//! Reads the judged notices where they are (`TENDERWATCH_CORPUS`, else `../shared/corpus`), else texts of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion, Throughput};
use tenderwatch::classify::Classifier;
use tenderwatch::definitions::Definitions;
use tenderwatch::ids::{NoticeId, RawId, SourceId};
use tenderwatch::notice::{Notice, Stage};

fn notices() -> Vec<Notice> {
    let corpus = std::env::var_os("TENDERWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let mut text = String::new();
    for name in ["gold/dev.jsonl.gz", "gold/dev-seed.jsonl.gz"] {
        if let Ok(file) = std::fs::File::open(corpus.join(name)) {
            flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
        }
    }
    if text.is_empty() {
        let line = r#"{"title":"Supply of office chairs and four drones","description":"","lang":"en"}"#;
        text = format!("{line}\n").repeat(1000);
    }
    text.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).expect("a judged notice");
            let (id, source) = (NoticeId::new("bench/1"), SourceId::new("bench"));
            let mut notice = Notice::new(id, source, "bench", RawId::of(b""), Stage::Competition);
            let lang = row["lang"].as_str().unwrap_or("und");
            notice.title.push(lang, row["title"].as_str().unwrap_or_default());
            notice.description.push(lang, row["description"].as_str().unwrap_or_default());
            let codes = row["cpv"].as_array().into_iter().flatten();
            notice.cpv = codes.filter_map(|code| code.as_str().map(str::to_owned)).collect();
            notice
        })
        .collect()
}

/// As many terms again, in one more category: each word of a term that exists, its letters turned round.
fn doubled(classifier: &Classifier) -> Classifier {
    let folder = tempfile::tempdir().expect("a folder");
    let categories = folder.path().join("index/categories");
    std::fs::create_dir_all(&categories).expect("a folder");
    let mut languages: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for term in classifier.categories().iter().flat_map(|category| &category.terms) {
        let turned = |word: &str| -> String {
            let letters: String = word.chars().filter(|letter| letter.is_alphanumeric()).rev().collect();
            if word.ends_with('*') { format!("{letters}*") } else { letters }
        };
        let text: Vec<String> = term.text.split(' ').map(turned).filter(|word| word.len() > 3).collect();
        if !text.is_empty() && term.language != "any" {
            languages.entry(&term.language).or_default().insert(tenderwatch::analysis::fold(&text.join(" ")));
        }
    }
    let mut text = "definition = \"Nothing.\"\n[label]\nen = \"Nothing\"\n".to_owned();
    for (language, terms) in &languages {
        let terms: Vec<String> = terms.iter().map(|term| format!("\"{term}\"")).collect();
        let _ = write!(text, "[terms.{language}]\nstrong = [{}]\n", terms.join(", "));
    }
    std::fs::write(categories.join("turned.toml"), text).expect("written");
    let all = Classifier::load(&Definitions::new(Some(folder.path().to_owned())));
    all.unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let load = || Classifier::load(&Definitions::new(None)).expect("the shipped definitions are sound");
    let classifier = load();
    let notices = notices();
    let texts: Vec<&str> = notices
        .iter()
        .flat_map(|notice| notice.title.iter().chain(notice.description.iter()).map(|(_, text)| text))
        .collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    eprintln!("{} notices, {} bytes of text each", notices.len(), bytes / notices.len());
    let mut group = criterion.benchmark_group("classify");
    group.throughput(Throughput::Elements(notices.len() as u64));
    group.bench_function("notices", |bench| {
        bench.iter(|| notices.iter().map(|notice| classifier.classify(black_box(notice)).len()).sum::<usize>());
    });
    let doubled = doubled(&classifier);
    group.bench_function("notices-with-twice-the-terms", |bench| {
        bench.iter(|| notices.iter().map(|notice| doubled.classify(black_box(notice)).len()).sum::<usize>());
    });
    group.bench_function("words-and-scan-only", |bench| {
        bench.iter(|| texts.iter().map(|text| classifier.scan_only(black_box(text))).sum::<usize>());
    });
    group.bench_function("words-only", |bench| {
        bench.iter(|| texts.iter().map(|text| tenderwatch::analysis::tokens(black_box(text)).count()).sum::<usize>());
    });
    group.finish();
    criterion.bench_function("load-definitions", |bench| {
        bench.iter_batched(|| (), |()| load(), BatchSize::PerIteration);
    });
    criterion.final_summary();
}
