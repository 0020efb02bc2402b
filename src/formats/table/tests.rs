use std::io::Write;

use proptest::prelude::*;

use super::*;

fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let table = read(bytes, &Options::default()).expect("a table");
    table.sheets[0].rows().map(|row| row.iter().map(str::to_owned).collect()).collect()
}

fn refused(bytes: &[u8]) -> &'static str {
    read(bytes, &Options::default()).expect_err("no table").code()
}

#[test]
fn delimiters_line_ends_and_quotes_are_found_out() {
    let expected = [vec!["a", "b", "c"], vec!["1", "x,y; z", "162.000,00"], vec!["2", "multi\nline", ""]];
    for delimiter in [",", ";", "\t", "|"] {
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["a~b~c", "1~\"x,y; z\"~\"162.000,00\"", "2~\"multi\nline\"~"];
            let text = lines.join(end).replace('~', delimiter);
            assert_eq!(rows(text.as_bytes()), expected, "{text:?}");
            assert_eq!(rows(format!("{text}{end}{end}").as_bytes()), expected, "{text:?}");
        }
    }
    assert_eq!(rows(b"a;b\n1,5;2,5\n3,5;4,5\n"), [["a", "b"], ["1,5", "2,5"], ["3,5", "4,5"]]);
    assert_eq!(rows(b"sep=;\na,b;c,d\ne,f;g\n"), [["a,b", "c,d"], ["e,f", "g"]]);
    // The pipe inside a cell of codes, decimal commas, and a title row above.
    let text =
        "Plan 2026\nnr;predmet;cpv;vrijednost\n1;Prsluci;35815100|35113400;162.000,00\n2;Vozila;34114200;12,50\n";
    assert_eq!(rows(text.as_bytes())[2], ["1", "Prsluci", "35815100|35113400", "162.000,00"]);
}

#[test]
fn a_quote_that_never_closes_swallows_nothing() {
    let text = "a,b\n1,\"19 inch rack\n2,x\n3,y\n4,z\n";
    assert_eq!(rows(text.as_bytes()).len(), 5);
    // A lone CR inside an unquoted cell is part of it where lines end with LF.
    assert_eq!(rows(b"a,b\n1,x\ry\n2,z\n3,w\n"), [["a", "b"], ["1", "x\ry"], ["2", "z"], ["3", "w"]]);
}

#[test]
fn ragged_rows_stay_ragged_and_missing_cells_are_empty() {
    let table = read(b"a,b,c\n1\n1,2,3,4\n,,\n\n", &Options::default()).expect("a table");
    let lengths: Vec<usize> = table.sheets[0].rows().map(Row::len).collect();
    assert_eq!(lengths, [3, 1, 4]);
    assert_eq!(table.sheets[0].row(1).map(|row| (row.get(0), row.get(2), row.is_blank())), Some(("1", "", false)));
}

#[test]
fn a_hyperlink_formula_is_its_text_and_its_address() {
    let text = "id,link\n1,\"=HYPERLINK(\"\"https://example.org/?a=1\"\",\"\"Open \"\"\"\"it\"\"\"\"\"\")\"\n";
    let table = read(text.as_bytes(), &Options::default()).expect("a table");
    let row = table.sheets[0].row(1).expect("a row");
    assert_eq!((row.get(1), row.link(1)), ("Open \"it\"", Some("https://example.org/?a=1")));
    assert_eq!(hyperlink("HYPERLINK(\"u\")"), Some(("u".into(), "u".into())));
    assert_eq!(hyperlink("of:=HYPERLINK(\"u\";\"t\")"), Some(("u".into(), "t".into())));
    assert_eq!(hyperlink("SUM(A1:A2)"), None);
}

#[test]
fn numbers_are_decimals_without_noise() {
    for (number, text) in [
        (0.1 + 0.2, "0.3"),
        (1_234_567.89, "1234567.89"),
        (162_000.0, "162000"),
        (-0.0, "0"),
        (1e21, "1000000000000000000000"),
    ] {
        assert_eq!(decimal(number), text);
    }
}

pub fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(body.as_bytes()).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn ods(table: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:table='t' xmlns:text='x' xmlns:xlink='l'><office:body>\
         <office:spreadsheet><table:table table:name='Plan'>{table}</table:table></office:spreadsheet></office:body>\
         </office:document-content>"
    );
    zipped(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)])
}

#[test]
fn a_spreadsheet_of_opendocument_is_read() {
    let bytes = ods("<table:table-row table:number-rows-repeated='2'><table:table-cell/></table:table-row>\
         <table:table-row><table:table-cell table:number-columns-repeated='2'/>\
         <table:table-cell office:value-type='float' office:value='0.30000000000000004'><text:p>0,30</text:p></table:table-cell>\
         <table:table-cell office:value-type='date' office:date-value='2026-03-01'><text:p>1.3.26</text:p></table:table-cell>\
         <table:table-cell><text:p>a &amp;<text:s text:c='2'/>b</text:p><office:annotation><text:p>no</text:p></office:annotation><text:p>c</text:p></table:table-cell>\
         <table:table-cell><text:p><text:a xlink:href='https://example.org'>go</text:a></text:p></table:table-cell></table:table-row>\
         <table:table-row table:number-rows-repeated='1048570'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>");
    assert_eq!(rows(&bytes), [vec![], vec![], vec!["", "", "0.3", "2026-03-01", "a &  b\nc", "go"]]);
    let table = read(&bytes, &Options::default()).expect("a table");
    assert_eq!(table.sheets[0].row(2).and_then(|row| row.link(5)), Some("https://example.org"));
    assert_eq!(table.sheets[0].name, "Plan");
}

#[test]
fn repeats_and_members_that_explode_are_refused() {
    let row = "<table:table-row table:number-rows-repeated='1048570'><table:table-cell \
               table:number-columns-repeated='16384'><text:p>x</text:p></table:table-cell></table:table-row>";
    assert_eq!(refused(&ods(row)), "too-large");
    let one = "<table:table-row><table:table-cell table:number-columns-repeated='99999999999'><text:p>x</text:p>\
               </table:table-cell></table:table-row>";
    assert_eq!(refused(&ods(one)), "too-large");
    assert_eq!(refused(&ods("<table:table-row>").as_slice()[..100]), "unsupported-office-document");
}

fn xlsx(rows: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    zipped(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "_rels/.rels",
            &format!(
                "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'><Relationship \
                 Id='r0' Type='{rel}/officeDocument' Target='xl/workbook.xml'/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns='{main}' xmlns:r='{rel}'><sheets><sheet name='Plan' sheetId='1' r:id='r1'/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'><Relationship Id='r1' Type='{rel}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            &format!(
                "<styleSheet xmlns='{main}'><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", &format!("<worksheet xmlns='{main}'><sheetData>{rows}</sheetData></worksheet>")),
    ])
}

#[test]
fn a_workbook_is_read_cell_by_cell() {
    let bytes = xlsx(
        "<row r='2'><c r='B2' t='inlineStr'><is><t>Vests</t></is></c><c r='C2'><v>0.30000000000000004</v></c>\
         <c r='D2' s='1'><v>46082</v></c><c r='E2' t='str'><f>HYPERLINK(\"https://example.org\",\"Open\")</f><v>Open</v></c></row>\
         <row r='3'><c r='XFD3' s='1'/></row>",
    );
    assert_eq!(rows(&bytes), [vec![], vec!["", "Vests", "0.3", "2026-03-01", "Open"]]);
    let table = read(&bytes, &Options::default()).expect("a table");
    assert_eq!(table.sheets[0].row(1).and_then(|row| row.link(4)), Some("https://example.org"));
}

#[test]
fn a_link_that_nothing_calculated_shows_its_text() {
    let bytes = xlsx("<row r='1'><c r='A1'><f>HYPERLINK(\"https://example.org/7\",\"seven\")</f><v>0</v></c></row>");
    assert_eq!(rows(&bytes), [vec!["seven"]]);
}

#[test]
fn a_workbook_with_a_cell_far_away_is_refused() {
    let far = "<row r='1048577'><c r='A1048577'><v>1</v></c></row>";
    assert_eq!(refused(&xlsx(far)), "too-large");
    let back = "<row r='2'><c r='A2'><v>1</v></c></row><row r='1'><c r='A1'><v>1</v></c></row>";
    assert_eq!(refused(&xlsx(back)), "broken-workbook");
}

#[test]
fn documents_that_are_no_tables_say_what_they_are() {
    assert_eq!(refused(b"\xD0\xCF\x11\xE0rest"), "unsupported-office-document");
    assert_eq!(
        refused(&zipped(&[("[Content_Types].xml", ""), ("word/document.xml", "")])),
        "unsupported-office-document"
    );
    assert_eq!(
        refused(b"%PDF-1.4\n1 0 obj<</Type/XObject/Subtype/Image>>\nstream\n\xFF\xD8\nendstream"),
        "no-text-layer"
    );
    assert_eq!(refused(b"%PDF-1.4\n1 0 obj<</Type/Font>>"), "unsupported-office-document");
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(b"<</Font 3 0 R>>").expect("memory");
    let mut pdf = b"%PDF-1.7\n5 0 obj<</Type/ObjStm>>stream\n".to_vec();
    pdf.extend(zlib.finish().expect("memory"));
    pdf.extend(b"\nendstream");
    assert_eq!(refused(&pdf), "unsupported-office-document");
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_table_or_a_refusal(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for start in [&b""[..], b"PK\x03\x04", b"%PDF-", b"\xD0\xCF\x11\xE0", b"a;b\n"] {
            let bytes = [start, &bytes].concat();
            if let Ok(table) = read(&bytes, &Options::default()) {
                prop_assert!(table.sheets.iter().any(|sheet| !sheet.is_empty()));
            }
        }
    }

    #[test]
    fn what_was_written_is_read(cells in proptest::collection::vec(proptest::collection::vec("[a-z ,;|\"\n]{1,12}", 3), 2..8), delimiter in proptest::sample::select(vec![b',', b';', b'\t', b'|'])) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        for row in &cells {
            writer.write_record(row).expect("memory");
        }
        let bytes = writer.into_inner().expect("memory");
        let table = read(&bytes, &Options { delimiter: Some(delimiter), ..Options::default() }).expect("a table");
        let found: Vec<Vec<String>> = table.sheets[0].rows().map(|row| row.iter().map(str::to_owned).collect()).collect();
        let mut expected = cells;
        while expected.last().is_some_and(|row| row.iter().all(|cell| cell.trim().is_empty())) {
            expected.pop();
        }
        prop_assert_eq!(found, expected);
    }
}
