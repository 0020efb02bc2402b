//! Input that is broken, or lies, or means harm: an error or a notice, quickly, never a panic.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::{archive, parse, synthetic};

fn code(body: impl Into<Vec<u8>>) -> &'static str {
    parse(body.into()).map_or_else(|error| error.code(), |_| "parsed")
}

#[test]
fn what_is_no_notice_is_refused_by_kind() {
    for (body, expected) in [
        ("", "empty"),
        (" \r\n\t ", "empty"),
        ("\u{FEFF}", "empty"),
        ("plain text", "not-xml"),
        ("{\"notices\":[]}", "unsupported-format"),
        ("<!DOCTYPE html><html><body>403</body></html>", "unsupported-format"),
        ("<html><br></html>", "unsupported-format"),
        ("<", "not-well-formed"),
        ("<?xml version='1.0'?>", "not-well-formed"),
        ("\0\0\0\0", "not-xml"),
    ] {
        assert_eq!(code(body), expected, "{body:?}");
    }
}

#[test]
fn errors_name_position_and_reason() {
    let cut = synthetic("<cac:ProcurementProject>").replace("</ContractNotice>", "");
    let error = parse(cut).expect_err("truncated").to_string();
    assert!(error.starts_with("truncated: it ends at byte ") && error.ends_with("cac:ProcurementProject"), "{error}");
}

#[test]
fn encodings_are_believed_only_when_they_hold() {
    let text = format!("<?xml version='1.0' encoding='X'?>{}", synthetic("<cbc:VersionID>ą</cbc:VersionID>"));
    let version = |body: Vec<u8>| parse(body).map(|parsed| parsed.notices[0].version.clone());
    assert_eq!(version(text.replace('X', "utf-8").into()), Ok(Some("ą".to_owned())));
    let bom = |mark: &[u8], units: Vec<u8>| [mark, &units[..]].concat();
    let wide: Vec<u16> = text.replace('X', "utf-16").encode_utf16().collect();
    let little: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    assert_eq!(version(bom(&[0xFF, 0xFE], little.clone())), Ok(Some("ą".to_owned())));
    assert_eq!(version(bom(&[0xFE, 0xFF], big.clone())), Ok(Some("ą".to_owned())));
    assert_eq!(version(little), Ok(Some("ą".to_owned())), "no mark, but the pattern of the first bytes");
    assert_eq!(version(big), Ok(Some("ą".to_owned())));
    let (latin2, _, _) = encoding_rs::ISO_8859_2.encode(&text);
    let relabel = |label: &str| {
        let at = latin2.iter().position(|byte| *byte == b'X').expect("the label");
        [&latin2[..at], label.as_bytes(), &latin2[at + 1..]].concat()
    };
    assert_eq!(version(relabel("ISO-8859-2")), Ok(Some("ą".to_owned())));
    assert_eq!(code(relabel("UTF-8")), "wrong-encoding");
    assert_eq!(code(relabel("UTF-16")), "wrong-encoding");
    assert_eq!(code(relabel("ebcdic-of-old")), "unknown-encoding");
}

#[test]
fn entities_are_never_expanded() {
    let mut bomb = String::from("<!DOCTYPE lolz [<!ENTITY lol \"lol\">");
    for level in 1..30 {
        let inside = format!("&lol{};", level - 1).repeat(10);
        let _ = write!(bomb, "<!ENTITY lol{level} \"{inside}\">");
    }
    bomb.push_str("]>");
    let start = Instant::now();
    let notice = synthetic("<cbc:VersionID>&lol29;</cbc:VersionID>");
    assert_eq!(code(format!("{bomb}{notice}")), "entity");
    assert_eq!(code(notice), "entity");
    let outside = "<!DOCTYPE ContractNotice SYSTEM 'file:///etc/passwd'>";
    assert_eq!(code(format!("{outside}{}", synthetic(""))), "parsed", "an outside document type is not read");
    assert!(start.elapsed() < Duration::from_secs(1));
}

fn repeated(times: usize, each: impl Fn(usize, &mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    (0..times).try_for_each(|n| each(n, &mut text)).expect("a string takes all");
    text
}

#[test]
fn depth_and_size_are_bounded() {
    let start = Instant::now();
    for name in ["cac:Party", "cbc:Unknown"] {
        let deep = format!("<{name}>").repeat(100_000) + &format!("</{name}>").repeat(100_000);
        assert_eq!(code(synthetic(&deep)), "too-deep");
    }
    assert_eq!(code(synthetic(&"<cac:Party/>".repeat(1_000_001))), "too-many-nodes");
    let attributes = repeated(200_000, |n, out| write!(out, " a{n}='1'"));
    assert_eq!(code(synthetic(&format!("<cac:Party{attributes}/>"))), "parsed");
    let names = repeated(100_000, |n, out| write!(out, "<cbc:N{n}/>"));
    assert_eq!(code(synthetic(&names)), "parsed");
    let bindings = repeated(2_000, |n, out| write!(out, "<cac:Party xmlns:p{n}='urn:{n}'><p{n}:x/></cac:Party>"));
    assert_eq!(code(synthetic(&bindings)), "parsed");
    let prefixes = repeated(100_000, |n, out| write!(out, " xmlns:p{n}='urn:{n}'"));
    assert_eq!(code(synthetic(&format!("<cac:Party{prefixes}/>"))), "too-many-nodes");
    let languages = repeated(50_000, |n, out| write!(out, "<cbc:Name languageID='X{n}'>x</cbc:Name>"));
    assert_eq!(code(synthetic(&format!("<cac:ProcurementProject>{languages}</cac:ProcurementProject>"))), "parsed");
    let lots = "<cac:ProcurementProjectLot><cbc:ID/></cac:ProcurementProjectLot>".repeat(20_000);
    assert_eq!(code(synthetic(&lots)), "parsed");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// Three hundred lot results that each name three hundred tenders of a party with three hundred members.
#[test]
fn references_do_not_multiply_without_bound() {
    let efac = "http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1";
    let ext = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2";
    let efext = "http://data.europa.eu/p27/eforms-ubl-extensions/1";
    let tenders = repeated(300, |n, out| write!(out, "<LotTender><cbc:ID>TEN-{n}</cbc:ID></LotTender>"));
    let results = format!("<LotResult>{tenders}</LotResult>").repeat(300);
    let tendering = "<TenderingParty><cbc:ID>TPA</cbc:ID></TenderingParty>";
    let defined = repeated(300, |n, out| write!(out, "<LotTender><cbc:ID>TEN-{n}</cbc:ID>{tendering}</LotTender>"));
    let members = repeated(300, |n, out| write!(out, "<Tenderer><cbc:ID>ORG-{n}</cbc:ID></Tenderer>"));
    let party = format!("<TenderingParty><cbc:ID>TPA</cbc:ID>{members}</TenderingParty>");
    let organisations = repeated(300, |n, out| {
        write!(
            out,
            "<Organization><Company><cac:PartyIdentification><cbc:ID>ORG-{n}</cbc:ID></cac:PartyIdentification>\
             <cac:PartyName><cbc:Name>{n}</cbc:Name></cac:PartyName></Company></Organization>"
        )
    });
    let start = Instant::now();
    let parsed = parse(synthetic(&format!(
        "<x:UBLExtensions xmlns:x='{ext}'><x:UBLExtension><x:ExtensionContent><f:EformsExtension xmlns:f='{efext}' \
         xmlns='{efac}'><NoticeResult>{results}{defined}{party}</NoticeResult><Organizations>{organisations}</Organizations>\
         </f:EformsExtension></x:ExtensionContent></x:UBLExtension></x:UBLExtensions>"
    )))
    .expect("readable");
    let notice = &parsed.notices[0];
    assert_eq!(notice.suppliers.len(), 300);
    assert!(notice.awards.len() <= 10_300 && notice.issues.iter().any(|issue| issue.code.as_str() == "truncated"));
    let members: usize = notice.awards.iter().map(|award| award.suppliers.len()).sum();
    assert!(members <= 50_300, "{members}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn garbage_around_the_root_and_control_characters() {
    assert_eq!(code(format!("{}<more/>", synthetic(""))), "not-well-formed");
    assert_eq!(code(format!("{}more", synthetic(""))), "not-well-formed");
    assert_eq!(code(format!("{} <!-- fine --> <?fine?>\n", synthetic(""))), "parsed");
    assert_eq!(code(format!("more{}", synthetic(""))), "not-xml");
    let parsed = parse(synthetic("<cbc:VersionID>0\u{0}1\u{7}</cbc:VersionID>")).expect("repaired");
    assert_eq!(parsed.notices[0].version.as_deref(), Some("01"));
    assert!(parsed.notices[0].issues.iter().any(|issue| issue.code.as_str() == "repaired-text"));
}

/// Fixtures and, where it is, the corpus: cut short and with flipped bytes.
#[test]
fn broken_copies_of_real_notices_never_panic() {
    let mut samples: Vec<Vec<u8>> = super::entries(&super::fixtures().join("eforms"))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .map(|path| std::fs::read(path).expect("a fixture"))
        .collect();
    if let Some(corpus) = crate::corpus() {
        let real = archive(&corpus.join("ted/eforms.tar.gz"));
        samples.extend(real.into_iter().map(|(_, body)| body).filter(|body| body.len() < 60_000).step_by(90));
    }
    let mut random = fastrand::Rng::with_seed(20_261_122);
    for sample in samples {
        for end in (0..sample.len()).step_by(997) {
            if sample[end..].iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let error = match parse(sample[..end].to_vec()) {
                Err(error) => error,
                // A cut wrapper gives what came before the cut, and says so.
                Ok(parsed) => {
                    assert!(parsed.records.quarantined > 0, "a cut document is no notice");
                    continue;
                }
            };
            assert!(
                ["empty", "truncated", "not-well-formed", "not-xml", "wrong-encoding"].contains(&error.code()),
                "{error}"
            );
        }
        for _ in 0..40 {
            let mut broken = sample.clone();
            for _ in 0..random.usize(1..8) {
                let at = random.usize(..broken.len());
                broken[at] = random.u8(..);
            }
            let _ = parse(broken);
        }
    }
}
