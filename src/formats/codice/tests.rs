use super::*;
use crate::ids::{RunId, SourceId};
use crate::raw::Origin;

fn read(body: String) -> Result<Parsed, ParseError> {
    let origin = Origin {
        source: SourceId::from("es-placsp"),
        url: "file:test".to_owned(),
        fetched_at: jiff::Timestamp::UNIX_EPOCH,
        run: RunId::new("test"),
        status: None,
        headers: Vec::new(),
        member: Vec::new(),
        container: None,
        read_as: None,
        detail: false,
    };
    parse(&RawDocument::new(origin, body.into()))
}

fn entry(number: u32, name: &str) -> String {
    format!(
        "<entry><id>https://example.org/s/{number}</id><updated>2026-01-02T10:00:00.000+01:00</updated>\
         <x:ContractFolderStatus><y:ContractFolderStatusCode>PUB</y:ContractFolderStatusCode>\
         <c:ProcurementProject><b:Name>{name}</b:Name></c:ProcurementProject></x:ContractFolderStatus></entry>"
    )
}

fn page(inside: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<feed xmlns='http://www.w3.org/2005/Atom' \
         xmlns:at='http://purl.org/atompub/tombstones/1.0' \
         xmlns:b='urn:dgpe:names:draft:codice:schema:xsd:CommonBasicComponents-2' \
         xmlns:c='urn:dgpe:names:draft:codice:schema:xsd:CommonAggregateComponents-2' \
         xmlns:x='urn:dgpe:names:draft:codice-place-ext:schema:xsd:CommonAggregateComponents-2' \
         xmlns:y='urn:dgpe:names:draft:codice-place-ext:schema:xsd:CommonBasicComponents-2'>{inside}</feed>"
    )
}

#[test]
fn a_bare_ampersand_and_a_control_character_are_repaired() {
    let parsed = read(page(&entry(1, "Alarmas A&B \u{8}y C&nbsp;D &amp; E <![CDATA[F&G]]>"))).expect("repaired");
    assert_eq!(parsed.issues[0].code, IssueCode::RepairedText);
    assert_eq!(parsed.notices[0].title.get("es"), Some("Alarmas A&B y C&nbsp;D & E F&G"));
}

#[test]
fn one_broken_entry_does_not_lose_the_page() {
    let tombstone = "<at:deleted-entry ref='https://example.org/s/9' when='2026-01-02T00:00:00+01:00'/>";
    let broken = entry(2, "Vallas").replace("</b:Name>", "</b:Nombre>");
    let parsed = read(page(&format!("{tombstone}{}{broken}{}", entry(1, "Drones"), entry(3, "Cascos")))).expect("read");
    assert_eq!((parsed.records.read, parsed.records.notices, parsed.records.quarantined), (4, 2, 1));
    let ids: Vec<_> = parsed.notices.iter().map(|notice| notice.id.as_str()).collect();
    assert_eq!(ids, ["es-placsp/1", "es-placsp/3"]);
    assert_eq!(parsed.issues[0].value, "https://example.org/s/9 2026-01-02T00:00:00+01:00");
    assert_eq!(parsed.issues[1].code, IssueCode::UnreadableRecord);
    assert_eq!(parsed.taken_back, [crate::ids::NoticeId::new("es-placsp/9")]);
}

#[test]
fn a_page_that_ends_early_keeps_the_entries_before() {
    let whole = page(&format!("{}{}", entry(1, "Drones"), entry(2, "Cascos")));
    let parsed = read(whole[..whole.len() - 60].to_owned()).expect("read");
    assert_eq!((parsed.records.notices, parsed.records.quarantined), (1, 1));
}

#[test]
fn other_documents_are_refused() {
    assert!(!sniff(b"<feed xmlns='http://www.w3.org/2005/Atom'><title>News</title></feed>"));
    assert!(sniff(page("").as_bytes()));
    assert_eq!(read("<a/>".to_owned()).expect_err("refused").code(), "not-this-format");
}
