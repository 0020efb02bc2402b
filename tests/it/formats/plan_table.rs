//! Plans: real exports against a second reader, and every row of a table accounted for.

use std::io::Read;
use std::path::Path;

use proptest::prelude::*;
use tenderwatch::formats::{self, ParseError, Parsed, plan_table};
use tenderwatch::notice::Nature;

use super::{Coverage, assert_complete, document};

fn read(body: impl Into<bytes::Bytes>) -> Result<Parsed, ParseError> {
    (plan_table::FORMAT.parse)(&document("plan", body))
}

fn unpacked(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).expect("the file opens");
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut body).expect("readable");
    body
}

struct Real {
    parsed: Parsed,
    /// By the csv crate alone, decoded as Latin-1.
    rows: Vec<csv::StringRecord>,
}

fn real(path: &Path) -> Real {
    let body = unpacked(path);
    assert_eq!(formats::sniff(&body).map(|format| format.name), Ok("plan-table"), "{}", path.display());
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(std::io::Cursor::new(text));
    let rows = reader.into_records().map(|row| row.expect("a row")).collect();
    Real { parsed: read(body).expect("a plan"), rows }
}

/// Columns of a file, where a second reader looks for a field.
struct Columns {
    file: &'static str,
    id: usize,
    buyer: usize,
    title: &'static [usize],
    cpv: Option<usize>,
    /// A total, then the amounts by year.
    value: &'static [usize],
    planned: &'static [usize],
    published: Option<usize>,
}

const FILES: &[Columns] = &[
    Columns {
        file: "uk-pipeline-2013.noheader.latin1.csv.gz",
        id: 28,
        buyer: 1,
        title: &[2],
        cpv: Some(27),
        value: &[13, 6, 7, 8, 9, 10, 11, 12],
        planned: &[18, 20],
        published: Some(22),
    },
    Columns {
        file: "uk-construction-pipeline-2013.noheader.cr.csv.gz",
        id: 0,
        buyer: 1,
        title: &[4, 5],
        cpv: None,
        value: &[19, 21, 22, 23],
        planned: &[11, 15],
        published: None,
    },
];

/// In how many rows a second reader finds a field, and in how many of their notices we have it.
pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    const FIELDS: &[&str] = &["id", "buyers", "title", "cpv", "value", "planned", "published_on"];
    let mut found: Vec<Coverage> =
        FIELDS.iter().map(|field| Coverage { format: "plan-table", field, there: 0, read: 0, why: "" }).collect();
    for columns in FILES {
        let Real { parsed, rows } = real(&corpus.join("plans").join(columns.file));
        assert_eq!(parsed.notices.len(), rows.len(), "every row of {} is a notice", columns.file);
        for (row, notice) in rows.iter().zip(&parsed.notices) {
            let cell = |at: usize| row.get(at).unwrap_or("").trim();
            let any = |list: &[usize], fits: fn(&str) -> bool| list.iter().any(|at| fits(cell(*at)));
            let digits = |text: &str| text.chars().any(|c| c.is_ascii_digit());
            let pairs = [
                (!cell(columns.id).is_empty(), notice.id.as_str().len() > "eu-ted/".len()),
                (!cell(columns.buyer).is_empty(), notice.buyers.iter().any(|buyer| buyer.name.is_some())),
                (any(columns.title, |text| !text.is_empty()), !notice.title.is_empty()),
                (columns.cpv.is_some_and(|at| digits(cell(at))), !notice.cpv.is_empty()),
                (any(columns.value, |text| text.chars().any(|c| c.is_ascii_digit())), notice.estimated_value.is_some()),
                (any(columns.planned, |text| text.chars().any(|c| c.is_ascii_digit())), !notice.planned.is_empty()),
                (columns.published.is_some_and(|at| !cell(at).is_empty()), notice.published_on.is_some()),
            ];
            for (line, (there, have)) in found.iter_mut().zip(pairs) {
                line.there += usize::from(there);
                line.read += usize::from(there && have);
            }
        }
    }
    found
}

#[test]
fn real_pipelines_are_read_row_by_row() {
    let Some(corpus) = crate::corpus() else { return };
    for columns in FILES {
        let Real { parsed, rows } = real(&corpus.join("plans").join(columns.file));
        let records = &parsed.records;
        eprintln!("{}: {records:?}", columns.file);
        assert_eq!((records.read, records.quarantined), (rows.len() as u64, 0), "{}", columns.file);
        let ids: std::collections::BTreeSet<_> = parsed.notices.iter().map(|notice| notice.id.as_str()).collect();
        assert_eq!(ids.len(), parsed.notices.len(), "every notice has an id of its own");
        for notice in &parsed.notices {
            let json = serde_json::to_string(notice).expect("JSON");
            assert!(!json.contains("redacted@"), "{json}");
        }
        let mut codes = std::collections::BTreeMap::new();
        for issue in parsed.notices.iter().flat_map(|notice| &notice.issues) {
            let (count, examples): &mut (usize, Vec<String>) = codes.entry(issue.code.as_str()).or_default();
            *count += 1;
            if examples.len() < 5 {
                examples.push(format!("{}={}", issue.path, issue.value));
            }
        }
        eprintln!("{codes:#?}");
    }
    assert_complete(&coverage(&corpus));
}

#[test]
fn a_plan_in_an_old_office_program_says_what_it_is() {
    let Some(corpus) = crate::corpus() else { return };
    let body = unpacked(&corpus.join("plans/bih-plan-nabavki-2017.doc.gz"));
    let error = formats::sniff(&body).err().expect("not read");
    assert_eq!(error.code(), "unsupported-office-document");
    assert!(error.to_string().contains("(.doc)"), "{error}");
}

/// Tables of calls and contracts have sources that map them.
#[test]
fn other_tables_are_not_claimed() {
    for text in [
        "doffin_referanse;navn;publisert_av;kunngjoring_dato;tilbudsfrist_dato;cpv;estimert_totalverdi\n1;a;b;2022-01-01;2022-02-01;35000000;1\n",
        "id,cig,proponente,oggetto,aggiudicatario,importo,datainizio\n0,55747415CD,x,y,z,1,2\n",
        "title,value\na,1\n",
        "just a line of text\n",
        "notice,title,buyer,cpv,estimated value,expected award date,submission deadline\n1,a,b,35000000,1,2026,2026\n",
    ] {
        assert!(!(plan_table::FORMAT.sniff)(text.as_bytes()), "{text}");
        assert_eq!(read(text.to_owned()).expect_err("no plan").code(), "not-this-format", "{text}");
    }
    let Some(corpus) = crate::corpus() else { return };
    for file in [
        "national/it-l190/l190_napo_costi.csv",
        "national/no-doffin/funn_2022-03-14.csv",
        "national/de-oeffentlichevergabe/notices_2025-12-06.xlsx",
    ] {
        let body = std::fs::read(corpus.join(file)).expect("readable");
        assert!(!(plan_table::FORMAT.sniff)(&body), "{file}");
    }
}

/// A short title of an item is no section, and the name of a section is no item.
#[test]
fn sections_are_told_from_items() {
    let text = "R.br.;Predmet nabavke;Procijenjena vrijednost;Vrsta postupka;Okvirni datum pokretanja\n\
                A;RADOVI;;;\nI.;ROBOTY BUDOWLANE;;;\n2;Usluge čišćenja;1.000,00;;\nB. USLUGE;;9.000,00;;\n3;Prsluci;5;;\n";
    let parsed = read(text).expect("a plan");
    let titles: Vec<_> =
        parsed.notices.iter().filter_map(|notice| notice.title.first()).map(|(_, text)| text).collect();
    assert_eq!(titles, ["Usluge čišćenja", "Prsluci"]);
    let natures: Vec<_> = parsed.notices.iter().map(|notice| notice.nature.map(Nature::as_str)).collect();
    assert_eq!(natures, [Some("works"), Some("services")]);
    assert_eq!(parsed.records.by_rule["section-row"], 3);
}

/// A plan is published again with rows put in and moved: what stays keeps its id.
#[test]
fn ids_survive_a_new_edition() {
    let names = "R.br.,Predmet nabave,CPV,Procijenjena vrijednost nabave,Planirani početak postupka\n";
    let first = format!("Plan nabave 2027\n{names}1,Prsluci,35815100,1000,03.2027\n2,Vozila,34114200,2000,04.2027\n");
    let second = format!(
        "Plan nabave 2027\n{names}1,Dronovi,34711200,5,05.2027\n2,Vozila,34114200,2500,06.2027\n3,PRSLUCI,35815100,1000,03.2027\n"
    );
    let ids = |text: String| -> Vec<String> {
        read(text).expect("a plan").notices.iter().map(|notice| notice.id.as_str().to_owned()).collect()
    };
    let (first, second) = (ids(first), ids(second));
    assert_eq!([&first[0], &first[1]], [&second[2], &second[1]]);
    assert!(first[0].starts_with("eu-ted/plan-"), "{first:?}");
}

proptest! {
    /// Notices, rows that are none and unreadable rows are all the rows there are.
    #[test]
    fn every_row_is_accounted_for(rows in proptest::collection::vec(proptest::collection::vec("(|1|A|ROBE|UKUPNO|Vozila|35815100|1.000,00|2026|Q1 2027|Predmet nabave|[a-z ]{0,9})", 4), 0..30)) {
        let mut text = "Predmet nabave;CPV;Procijenjena vrijednost nabave;Planirani početak postupka\n".to_owned();
        let mut last = 1;
        for (at, row) in rows.iter().enumerate() {
            let line = row.join(";");
            // An empty line is no row, and empty rows at the end are dropped.
            text += if line.is_empty() { ";" } else { &line };
            text += "\n";
            if !row.iter().all(|cell| cell.trim().is_empty()) {
                last = at + 2;
            }
        }
        let parsed = read(text.clone()).expect("a plan");
        let records = &parsed.records;
        prop_assert_eq!(records.read, records.notices + records.non_notice + records.quarantined);
        prop_assert_eq!(records.read, last as u64, "{}", text);
        prop_assert_eq!(records.notices, parsed.notices.len() as u64);
    }
}
