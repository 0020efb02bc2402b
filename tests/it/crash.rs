//! Killed anywhere, a crawl ends where an uninterrupted one ends: a sample. `cargo test --test long -- kills` does many more.

#[path = "../long/kill.rs"]
mod kill;
#[path = "../long/kill_faulty.rs"]
mod kill_faulty;

use std::path::Path;

use tenderwatch::config::{Config, Overrides};
use tenderwatch::ingest::{self, ImportOptions, Workspace};
use tenderwatch::publisher::Plan;
use tenderwatch::search::{Filters, Query, Searcher};
use tenderwatch::store::Derived;

use self::kill::Wanted;
use super::faulty;

#[test]
fn a_crawl_that_is_killed_anywhere_ends_where_an_uninterrupted_one_does() {
    let figures = kill::prove(&Wanted { random: 3, aimed: 3, seed: 2026, notices: 400 }, |_| {});
    eprintln!("{}", figures.line());
    figures.assert_clean();
}

#[test]
fn lists_details_and_packages_end_the_same_wherever_a_crawl_was_killed() {
    let figures = kill_faulty::prove(6, 2026, |_| {});
    eprintln!("{}", figures.line());
    figures.assert_clean();
}

fn workspace(data: &Path) -> Workspace {
    let overrides = Overrides { data: Some(data.to_owned()), ..Overrides::default() };
    Workspace::load(Config::load(None, &overrides).expect("valid defaults"))
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn import(workspace: &Workspace, path: &Path) {
    let options = ImportOptions { source: None, format: None, paths: vec![path.display().to_string()] };
    ingest::import(workspace, &options, "test", jiff::Timestamp::UNIX_EPOCH, &|_, _| {}).expect("imports");
}

/// Killed after `rebuild --from-archive` put the new store in place and before it had built the new index, a data
/// directory holds an index that has applied as many changes as the store, but of another store.
#[test]
fn an_index_of_another_store_is_not_taken_for_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut workspaces = Vec::new();
    for (name, seed) in [("one", 1), ("two", 2)] {
        let packages = folder.path().join(format!("{name}-packages"));
        std::fs::create_dir_all(&packages).expect("a folder");
        let last_day = jiff::civil::date(2026, 11, 20);
        let plan = Plan { notices: 20, seed, weeks: 1, last_day, languages: Vec::new(), planted: Vec::new() };
        plan.gazette().write_packages(&packages).expect("written");
        let workspace = workspace(&folder.path().join(name));
        import(&workspace, &packages);
        assert_eq!(ingest::verify(&workspace).expect("opens").1, Vec::<String>::new());
        workspaces.push(workspace);
    }
    let [one, two] = &workspaces[..] else { panic!("two workspaces") };
    for name in
        ["store.db", "store.db-wal", "store.db-shm", "kept.db", "kept.db-wal", "kept.db-shm", "archive/000001.pack"]
    {
        let (from, to) = (two.layout.root().join(name), one.layout.root().join(name));
        if from.exists() {
            std::fs::copy(from, to).expect("copied");
        } else if to.exists() {
            std::fs::remove_file(to).expect("removed");
        }
    }
    assert!(ingest::verify(one).expect("opens").1[0].contains("another store"));

    let nothing = folder.path().join("nothing");
    std::fs::create_dir_all(&nothing).expect("a folder");
    import(one, &nothing);
    assert_eq!(ingest::verify(one).expect("opens").1, Vec::<String>::new());
    let wanted = Derived::open_reader(&one.layout.derived()).expect("opens").changes_since(0, 100).expect("reads");
    let searcher = Searcher::open(&one.layout.index()).expect("opens");
    for (_, notice) in wanted.iter().filter(|(_, notice)| !notice.title.is_empty()) {
        let title = notice.title.first().expect("a title").1.replace(['"', ':'], " ");
        let query = Query::parse(&format!("title:\"{title}\"")).expect("a query");
        let now = jiff::Timestamp::UNIX_EPOCH;
        let page = searcher.search(&query, &Filters::default(), (0, 100), false, now).expect("answers");
        assert!(page.hits.iter().any(|(id, _)| *id == notice.id), "{} is found by its title", notice.id);
    }
}
