//! Every shipped definition is valid, and what is generated from code says what the code says.
//! `UPDATE_DOCS=1 cargo test --test it definitions::` writes the generated files anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenderwatch::classify::Classifier;
use tenderwatch::config::{Config, Overrides};
use tenderwatch::crawl::Replay;
use tenderwatch::definitions::{DEFAULT_CONFIG, Definitions};
use tenderwatch::ingest::{self, Workspace};
use tenderwatch::issue::{self, NonNotice};
use tenderwatch::records::Outcome;
use tenderwatch::search;
use tenderwatch::source::{self, Source};
use tenderwatch::store::{Derived, Layout, StoreError};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
pub fn is_as_generated(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(&path, text).expect("written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{file} is not what the code says: UPDATE_DOCS=1 cargo test --test it definitions::");
}

#[test]
fn the_annotated_defaults_are_the_defaults() {
    let file = Config::load(Some(&root().join("config.toml")), &Overrides::default()).expect("valid");
    let built_in = Config::load(None, &Overrides::default()).expect("valid");
    assert_eq!(file, built_in);
    // every key stands there with a word about it
    for line in DEFAULT_CONFIG.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        let above = DEFAULT_CONFIG.split(line).next().expect("a beginning").trim_end();
        let commented = line.contains(" # ") || above.lines().last().is_some_and(|line| line.starts_with('#'));
        assert!(commented, "{line}");
    }
}

#[test]
fn every_source_is_valid_and_names_its_own_file() {
    let definitions = Definitions::default();
    let sources = source::load(&definitions).map_err(|errors| format!("{errors:?}")).expect("valid");
    let files = fs::read_dir(root().join("sources")).expect("there").filter_map(Result::ok);
    let files = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "toml"));
    assert_eq!(sources.len(), files.count());
    for example in fs::read_dir(root().join("sources/examples")).expect("there").filter_map(Result::ok) {
        let id = example.file_name().to_string_lossy().into_owned();
        assert!(sources.iter().any(|source| source.id.as_str() == id), "sources/examples/{id} belongs to nobody");
    }
    for file in definitions.list("sources").expect("listed") {
        let source = Source::parse(&file).map_err(|errors| format!("{errors:?}")).expect("valid");
        assert_eq!(source.id.as_str(), file.id);
        assert!(!file.overrides);
    }
}

#[test]
fn the_catalogue_of_sources_is_written_down() {
    let sources = source::load(&Definitions::default()).expect("valid");
    is_as_generated("docs/sources.md", &source::catalogue(&sources));
}

/// Each definition with a plan has recorded answers, and a crawl of them ends complete with a notice, or with rates.
#[test]
fn every_source_reads_its_recorded_answers() {
    let definitions = Definitions::default();
    let sources = source::load(&definitions).expect("valid");
    let config = Config::load(None, &Overrides::default()).expect("the defaults");
    let wrong = Mutex::new(Vec::new());
    let at_work: Vec<&Source> = sources.iter().filter(|source| source.plan.is_some()).collect();
    assert!(!at_work.is_empty());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut workspace = Workspace::load(config.clone()).expect("valid definitions");
                while let Some(source) = at_work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(reason) = replays(source, &mut workspace) {
                        wrong.lock().expect("no panic").push(format!("{}: {reason}", source.id));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no panic");
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn replays(source: &Source, workspace: &mut Workspace) -> Result<(), String> {
    let files = workspace.definitions.examples(source.id.as_str()).map_err(|error| error.to_string())?;
    if files.is_empty() {
        return Err(format!("there is no sources/examples/{}", source.id));
    }
    let recorded = Replay::read(&files).map_err(|error| error.to_string())?;
    let now = recorded.now.ok_or("the first exchange says no `# now`")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    workspace.layout = Layout::new(folder.path());
    let receipt = ingest::replay(workspace, &source.id, &recorded, now).map_err(|error| error.to_string())?;
    let own = receipt.sources.first().ok_or("no receipt")?;
    let documents = &own.documents;
    let rates = own.records.by_rule.contains_key(NonNotice::ReferenceRates.as_str());
    let nothing = own.notices.new == 0 && !rates;
    if own.outcome != Outcome::Complete || documents.quarantined + documents.failed > 0 || nothing {
        let error = own.error.as_deref().unwrap_or("no error");
        return Err(format!("{}, {} notices, {documents:?}: {error}", own.outcome.as_str(), own.notices.new));
    }
    let unused = recorded.unused();
    if unused.is_empty() { Ok(()) } else { Err(format!("nothing asked for {}", unused.join(", "))) }
}

/// Two details of an index name an organisation each; the list of organisations is asked for once.
#[test]
fn a_detail_has_its_row_of_a_table_that_is_loaded_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let examples = folder.path().join("sources/examples/xx-tables");
    fs::create_dir_all(&examples).expect("created");
    let definition = r#"
        name = "Tables"
        country = "FI"
        homepage = "https://tables.example/"
        languages = ["en"]
        status = "active"
        evidence = "documented"
        [access]
        licence = "CC0-1.0"
        attribution = "nobody"
        hosts = ["tables.example"]
        robots = { mode = "override", reason = "documented API", by = "the operator", on = 2026-11-22 }
        delay = "1s"
        [plan]
        kind = "once"
        url = "https://tables.example/index"
        [detail]
        rows = "items[*]"
        key = "id"
        url = "https://tables.example/notice/{key}"
        tables = { buyer = { url = "https://tables.example/organisations", rows = "all[*]", key = "code", of = "buyerCode" } }
        [document]
        format = "json"
        [sniff]
        require = ["detail"]
        [record]
        key = "detail.id"
        zone = "UTC"
        [map]
        title = "detail.title"
        type = { const = "competition" }
        buyers = [{ name = "buyer.name", id = "buyer.code" }]
    "#;
    fs::write(folder.path().join("sources/xx-tables.toml"), definition).expect("written");
    let answers = [
        ("index", r#"{"items": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}"#),
        ("organisations", r#"{"all": [{"code": "P", "name": "Police"}, {"code": "B", "name": "Border guard"}]}"#),
        ("notice/1", r#"{"id": "1", "title": "Radar", "buyerCode": "B"}"#),
        ("notice/2", r#"{"id": "2", "title": "Boots", "buyerCode": "P"}"#),
        ("notice/3", r#"{"id": "3", "title": "Tents", "buyerCode": "unknown"}"#),
    ];
    for (number, (path, body)) in answers.iter().enumerate() {
        let text = format!(
            "# now 2026-11-20T08:00:00Z\nGET https://tables.example/{path}\n\n200\ncontent-type: application/json\n\n{body}\n"
        );
        fs::write(examples.join(format!("{number:02}.http")), text).expect("written");
    }
    let mut config = Config::load(None, &Overrides::default()).expect("the defaults");
    config.paths.definitions = Some(folder.path().to_owned());
    let mut workspace = Workspace::load(config).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let source = workspace.sources.iter().find(|source| source.id.as_str() == "xx-tables").expect("there").clone();
    replays(&source, &mut workspace).expect("complete, and each answer was asked for");
    let files = workspace.definitions.examples("xx-tables").expect("there");
    let recorded = Replay::read(&files).expect("valid");
    let data = tempfile::tempdir().expect("a folder");
    workspace.layout = Layout::new(data.path());
    let receipt = ingest::replay(&workspace, &source.id, &recorded, recorded.now.expect("said")).expect("it runs");
    assert_eq!(receipt.sources[0].requests, 5, "the table is asked for once");
    let mut buyers = Vec::new();
    let store = Derived::open_reader(&workspace.layout.derived()).expect("opens");
    let each = store.each_notice(|notice| {
        buyers.push(notice.buyers.first().and_then(|buyer| buyer.name.clone()));
        Ok::<_, StoreError>(())
    });
    each.expect("reads");
    buyers.sort();
    assert_eq!(buyers, [None, Some("Border guard".to_owned()), Some("Police".to_owned())]);
}

#[test]
fn every_category_is_valid_and_has_a_label_in_english() {
    let classifier = Classifier::load(&Definitions::default()).map_err(|errors| format!("{errors:?}")).expect("valid");
    let files = fs::read_dir(root().join("index/categories")).expect("there").count();
    assert_eq!(classifier.categories().len(), files);
    for category in classifier.categories() {
        assert!(category.label.get("en").is_some_and(|label| !label.is_empty()), "{}", category.id);
        assert!(!category.terms.is_empty(), "{}", category.id);
    }
}

#[test]
fn the_search_fields_are_written_down() {
    is_as_generated("index/FIELDS.md", &search::fields_markdown());
}

#[test]
fn every_finding_is_written_down() {
    let mut text = String::from(
        "# Findings\n\nWhat can be wrong inside a document that is read all the same. A finding stands on its notice under\n\
         `issues`, with the place and the value; `tenderwatch status` counts notices by code. Generated from\n\
         `src/issue.rs`; a test keeps it true.\n\n| code | meaning |\n|---|---|\n",
    );
    for (code, meaning) in issue::CODES {
        writeln!(text, "| `{}` | {meaning} |", code.as_str()).expect("memory");
    }
    text.push_str(
        "\n## Records that are no notice\n\nA record that is known to be no notice is counted under its rule in receipts (`records.by_rule`).\n\n\
         | rule | meaning |\n|---|---|\n",
    );
    for (rule, meaning) in issue::NON_NOTICES {
        writeln!(text, "| `{}` | {meaning} |", rule.as_str()).expect("memory");
    }
    is_as_generated("docs/issues.md", &text);
}
