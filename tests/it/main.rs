//! One integration binary: linking the index, HTTP and database crates once instead of ten times.

mod architecture;
mod as_of;
mod categories;
mod cli;
mod corpus;
mod crash;
mod definitions;
mod docs;
mod export;
mod faults;
#[path = "../faulty/mod.rs"]
mod faulty;
mod formats;
mod ingest;
mod links;
mod politeness;
mod publisher;
mod rereading;

/// The folder with real records, if this machine has it: `TENDERWATCH_CORPUS`, else `../shared/corpus`.
/// With `TENDERWATCH_CORPUS_REQUIRED=1` (set by `.ci/run` where the folder is) its absence is a failure.
fn corpus() -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path =
        std::env::var_os("TENDERWATCH_CORPUS").map_or_else(|| root.join("../shared/corpus"), std::path::PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("TENDERWATCH_CORPUS_REQUIRED").is_none(),
        "the corpus is required but {} is not there",
        path.display()
    );
    eprintln!("skipped the part on real records: {} is not there", path.display());
    None
}
