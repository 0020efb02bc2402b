//! The layer rule: each module imports only modules with a smaller number, and each outside crate has its walls.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Outside crates that only some modules may name.
const WALLS: &[(&str, &[&str])] = &[
    ("reqwest", &["fetch"]),
    ("tantivy", &["search"]),
    ("rusqlite", &["store"]),
    ("axum", &["web", "publisher"]),
    ("clap", &["cli", "main"]),
    ("scraper", &["formats"]),
    ("calamine", &["formats"]),
    ("feed_rs", &["formats"]),
    ("quick_xml", &["formats", "export"]),
    ("csv", &["formats", "export", "cli"]),
    ("governor", &["fetch"]),
    ("rust_embed", &["definitions"]),
];

/// Reads the numbers off the table of contents, so that the rule has one home.
fn layers() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs is there");
    let mut layers: BTreeMap<String, u32> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("pub mod ")?.split_once(';')?;
            let number = rest.trim().strip_prefix("//")?.split_whitespace().next()?.parse().ok()?;
            Some((name.to_owned(), number))
        })
        .collect();
    assert!(layers.len() >= 15, "lib.rs lists every module with its number");
    layers.insert("main".to_owned(), 14);
    layers
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            rust_files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// Code without comments and without what follows `#[cfg(test)]`, which stands last in a file.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
        .enumerate()
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or(line)))
}

/// The modules that a line reaches through `crate::` or `tenderwatch::`.
fn reached(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for prefix in ["crate::", "tenderwatch::"] {
        for (at, _) in line.match_indices(prefix) {
            let rest = &line[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let parts = group.split('}').next().unwrap_or(group).split(',');
                names.extend(parts.map(|part| first_word(part.trim())));
            } else {
                names.push(first_word(rest));
            }
        }
    }
    names
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn names_crate(line: &str, name: &str) -> bool {
    let direct = format!("{name}::");
    line.match_indices(&direct)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        || line.trim_start().starts_with(&format!("use {name};"))
}

fn violations(module: &str, text: &str, layers: &BTreeMap<String, u32>) -> Vec<(usize, String)> {
    let own = layers.get(module).copied().unwrap_or_else(|| panic!("{module} is not in the table of src/lib.rs"));
    let mut found = Vec::new();
    for (line_number, line) in code_lines(text) {
        for name in reached(line) {
            let Some(number) = layers.get(&name) else { continue };
            if name != module && *number >= own {
                found.push((line_number, format!("{module} may not know {name}")));
            }
        }
        for (outside, homes) in WALLS {
            if names_crate(line, outside) && !homes.contains(&module) {
                found.push((line_number, format!("{module} may not use {outside}")));
            }
        }
    }
    found
}

#[test]
fn modules_import_only_smaller_numbers() {
    let layers = layers();
    let source = root().join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut complaints = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).expect("below src");
        let module = inside.iter().next().expect("a name").to_string_lossy().trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        for (line, complaint) in violations(&module, &text, &layers) {
            complaints.push(format!("{complaint}: src/{}:{line}", inside.display()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_rule_sees_what_it_forbids() {
    let layers = layers();
    let bad = |module: &str, text: &str| !violations(module, text, &layers).is_empty();
    assert!(bad("store", "use crate::cli::run;"));
    assert!(bad("codes", "use crate::{ids::SourceId, notice::Notice};"));
    assert!(bad("notice", "let x = crate::store::open();"));
    assert!(bad("fetch", "use crate::store::Store;"), "equal numbers are walls too");
    assert!(bad("store", "use tantivy::Index;"));
    assert!(bad("crawl", "let client = reqwest::Client::new();"));
    assert!(!bad("store", "// use crate::cli::run;"));
    assert!(!bad("store", "use crate::notice::Notice;"));
    assert!(!bad("store", "#[cfg(test)]\nmod tests { use crate::cli::run; }"));
}
