//! The second memory proof: one OCDS package and one plan table of any size are read, and taken in, with the memory that
//! a tenth of them needs.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use crate::memory::{Peak, mebi, watch};

/// How much more memory of its own than for a tenth of it the program may need for a whole file. Mapped pages of the index
/// grow with the parts that are merged, and are the system's to take back.
const FLAT: f64 = 1.3;
/// What any of them may need in all, in bytes.
const MOST: u64 = 400 << 20;

/// Reads and takes in an OCDS package of so many megabytes, and a table of so many rows.
pub fn prove(megabytes: u64, rows: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    let data = folder.path().join("data");
    let mut failed = Vec::new();
    let mut flat = |what: &str, mut peak: Box<dyn FnMut(u64) -> Peak>| {
        let (small, large) = (peak(10), peak(1));
        let grown = large.own as f64 / small.own as f64;
        println!(
            "{what}: {:.0} MiB for a tenth, {:.0} MiB for the whole: {grown:.2} times; with mapped files {:.0} and {:.0} MiB",
            mebi(small.own),
            mebi(large.own),
            mebi(small.all),
            mebi(large.all)
        );
        if grown > FLAT || large.all > MOST {
            failed.push(format!("{what}: {grown:.2} times, {:.0} MiB", mebi(large.all)));
        }
    };
    let (at, into) = (file.clone(), data.clone());
    flat(
        "parse of an OCDS package",
        Box::new(move |share| {
            let releases = ocds(&at, megabytes * 1_000_000 / share, 40);
            println!("  {releases} releases");
            let (peak, summary) = watch(tenderwatch(&["parse", "--summary"], &at, &into));
            assert_eq!(number(&summary, "notices"), releases, "{summary}");
            peak
        }),
    );
    let (at, into) = (file.clone(), data.clone());
    flat(
        "import of an OCDS package",
        Box::new(move |share| {
            let releases = ocds(&at, megabytes * 1_000_000 / share, 40);
            imported(&at, &into, releases)
        }),
    );
    flat(
        "import of a plan table",
        Box::new(move |share| {
            table(&file, rows / share);
            imported(&file, &data, rows / share)
        }),
    );
    assert!(failed.is_empty(), "{}", failed.join("; "));
}

fn tenderwatch(arguments: &[&str], file: &Path, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenderwatch"));
    command.args(["--quiet", "--output", "json"]).args(arguments).arg(file).arg("--data-dir").arg(data);
    command
}

fn imported(file: &Path, data: &Path, notices: u64) -> Peak {
    let (peak, receipt) = watch(tenderwatch(&["import"], file, data));
    assert_eq!(number(&receipt, "new"), notices, "{receipt}");
    std::fs::remove_dir_all(data).expect("removed");
    peak
}

/// The first number under this key.
pub fn number(json: &str, key: &str) -> u64 {
    let at = json.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} in {json}"));
    let digits: String = json[at + key.len() + 3..].trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// One release package of so many bytes, each release with a description of so many sentences; returns its releases.
pub fn ocds(path: &Path, bytes: u64, sentences: usize) -> u64 {
    let mut out = BufWriter::new(File::create(path).expect("created"));
    let mut written = 0;
    let mut count = 0;
    let head = r#"{"uri":"https://example.org/p","version":"1.1","publishedDate":"2026-11-01T00:00:00Z","publisher":{"name":"Example"},"releases":["#;
    out.write_all(head.as_bytes()).expect("written");
    while written < bytes {
        count += 1;
        let comma = if count > 1 { "," } else { "" };
        let release = format!(
            "{comma}\n{{\"ocid\":\"ocds-abc123-{count}\",\"id\":\"{count}-1\",\"date\":\"2026-11-01T10:00:00Z\",\"tag\":[\"tender\"],\
             \"initiationType\":\"tender\",\"language\":\"en\",\"parties\":[{{\"id\":\"B-{count}\",\"name\":\"Police of region {region}\",\
             \"roles\":[\"buyer\"],\"address\":{{\"countryName\":\"Ireland\"}}}}],\"buyer\":{{\"id\":\"B-{count}\",\"name\":\"Police of region {region}\"}},\
             \"tender\":{{\"id\":\"T-{count}\",\"title\":\"Ballistic vests, batch {count}\",\"description\":\"{text}\",\"status\":\"active\",\
             \"value\":{{\"amount\":{count},\"currency\":\"EUR\"}},\"items\":[{{\"id\":\"1\",\"classification\":{{\"scheme\":\"CPV\",\"id\":\"35815100\"}}}}],\
             \"tenderPeriod\":{{\"endDate\":\"2026-12-15T12:00:00Z\"}}}}}}",
            region = count % 97,
            text = "Delivery of vests with plates, sizes S to XXL, to the stores of the force. ".repeat(sentences),
        );
        out.write_all(release.as_bytes()).expect("written");
        written += release.len() as u64;
    }
    out.write_all(b"\n]}\n").expect("written");
    out.into_inner().expect("flushed");
    count
}

/// A plan of so many rows.
fn table(path: &Path, rows: u64) {
    let mut out = BufWriter::new(File::create(path).expect("created"));
    writeln!(out, "Reference;Subject of procurement;CPV code;Estimated value (EUR);Procedure;Planned start")
        .expect("written");
    for row in 1..=rows {
        writeln!(
            out,
            "P-{row};Unmanned aircraft for border unit {row};35613000-8;{};open;Q{} 2027",
            row * 10,
            row % 4 + 1
        )
        .expect("written");
    }
    out.into_inner().expect("flushed");
}
