//! A planned notice as an eForms document: elements, order and code lists of the eForms SDK; prefixes, indentation,
//! offsets and SDK versions as varied as in the gazette.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::plan::{Closing, ClosingOf, Kind, Party, PlannedLot, PlannedNotice, Texts, Value};
use crate::codes;

const NAMESPACES: &[(&str, &str)] = &[
    ("cac", "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"),
    ("cbc", "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"),
    ("efac", "http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1"),
    ("efbc", "http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1"),
    ("efext", "http://data.europa.eu/p27/eforms-ubl-extensions/1"),
    ("ext", "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"),
];
const ISO3: &[(&str, &str)] = &[
    ("bg", "BUL"),
    ("cs", "CES"),
    ("da", "DAN"),
    ("de", "DEU"),
    ("el", "ELL"),
    ("en", "ENG"),
    ("es", "SPA"),
    ("et", "EST"),
    ("fi", "FIN"),
    ("fr", "FRA"),
    ("ga", "GLE"),
    ("hr", "HRV"),
    ("hu", "HUN"),
    ("it", "ITA"),
    ("lt", "LIT"),
    ("lv", "LAV"),
    ("mt", "MLT"),
    ("nl", "NLD"),
    ("pl", "POL"),
    ("pt", "POR"),
    ("ro", "RON"),
    ("sk", "SLK"),
    ("sl", "SLV"),
    ("sv", "SWE"),
];

/// Language codes as eForms and the Search API print them: (`en`, `ENG`).
pub(super) fn languages() -> &'static [(&'static str, &'static str)] {
    ISO3
}

/// ISO 639-3 in upper case.
pub(super) fn language_code(two: &str) -> &'static str {
    ISO3.iter().find(|(code, _)| *code == two).map_or("ENG", |(_, three)| three)
}

/// ISO 3166-1 alpha-3.
pub(super) fn country_code(two: &str) -> &str {
    codes::country(two).map_or(two, |country| country.iso3.as_str())
}

/// BT-02 and BT-03: (`competition`, `cn-standard`).
pub(super) fn types(notice: &PlannedNotice) -> (&'static str, &'static str) {
    match notice.kind {
        Kind::Correction if is_corrigendum(notice) => ("change", "corr"),
        Kind::Planning => ("planning", "pin-only"),
        Kind::Competition | Kind::Correction | Kind::Cancellation if notice.subtype == "10" => {
            ("competition", "pin-cfc-standard")
        }
        Kind::Competition | Kind::Correction | Kind::Cancellation => ("competition", "cn-standard"),
        Kind::Result => ("result", "can-standard"),
        Kind::DirectAward => ("dir-awa-pre", "veat"),
        Kind::Modification => ("cont-modif", "can-modif"),
    }
}

/// Older SDKs give a correction a form type of its own; a few buyers still use them.
pub(super) fn is_corrigendum(notice: &PlannedNotice) -> bool {
    notice.kind == Kind::Correction && notice.spelling.is_multiple_of(4)
}

fn root_name(notice: &PlannedNotice) -> &'static str {
    match (notice.kind, notice.subtype) {
        (Kind::Planning, _) | (_, "10") => "PriorInformationNotice",
        (Kind::Competition | Kind::Correction | Kind::Cancellation, _) => "ContractNotice",
        (Kind::Result | Kind::DirectAward | Kind::Modification, _) => "ContractAwardNotice",
    }
}

fn sdk(notice: &PlannedNotice) -> &'static str {
    if is_corrigendum(notice) {
        return "eforms-sdk-1.8";
    }
    let versions = ["eforms-sdk-1.13", "eforms-sdk-1.12", "eforms-sdk-1.10", "eforms-sdk-1.11", "eforms-sdk-1.9"];
    versions[usize::try_from(notice.spelling / 64 % 5).unwrap_or(0)]
}

/// The notice as a document.
pub(super) fn write(notice: &PlannedNotice) -> String {
    let mut xml = Writer::new(notice.spelling);
    xml.open_root(root_name(notice));
    xml.inside("ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension", |xml| {
        extension(xml, notice);
    });
    xml.leaf("cbc:UBLVersionID", &[], "2.3");
    xml.leaf("cbc:CustomizationID", &[], sdk(notice));
    xml.leaf("cbc:ID", &[("schemeName", "notice-id")], &notice.uuid);
    if notice.kind != Kind::Planning {
        xml.leaf("cbc:ContractFolderID", &[], &notice.procedure_id);
    }
    xml.leaf("cbc:IssueDate", &[], &day(notice.dispatched.0, notice.offset));
    xml.leaf("cbc:IssueTime", &[], &clock(notice.dispatched.1, notice.offset));
    xml.leaf("cbc:VersionID", &[], notice.version);
    if notice.kind == Kind::Planning {
        xml.leaf("cbc:PlannedDate", &[], &day(super::calendar::plus_days(notice.issue.day, 90), notice.offset));
    }
    let domain = match (notice.defence, notice.kind) {
        (true, Kind::Modification) => "other",
        (true, _) => "32009L0081",
        (false, _) => "32014L0024",
    };
    xml.leaf("cbc:RegulatoryDomain", &[], domain);
    let (form, kind) = types(notice);
    xml.leaf("cbc:NoticeTypeCode", &[("listName", form)], kind);
    for (nth, language) in notice.languages.iter().enumerate() {
        let code = language_code(language);
        if nth == 0 {
            xml.leaf("cbc:NoticeLanguageCode", &[("listName", "language")], code);
        } else {
            xml.inside("cac:AdditionalNoticeLanguage", |xml| xml.leaf("cbc:ID", &[], code));
        }
    }
    for (nth, buyer) in notice.buyers.iter().enumerate() {
        contracting_party(&mut xml, buyer, nth);
    }
    if notice.kind != Kind::Planning && notice.kind != Kind::Modification {
        tendering_process(&mut xml, notice);
    }
    xml.inside("cac:ProcurementProject", |xml| {
        project(xml, notice, &notice.title, &notice.description, &notice.cpv, true);
    });
    for lot in &notice.lots {
        xml.inside("cac:ProcurementProjectLot", |xml| write_lot(xml, notice, lot));
    }
    xml.finish()
}

/// What stands in the extension at the head of the document, in the order of the schema.
fn extension(xml: &mut Writer, notice: &PlannedNotice) {
    if notice.spelling.is_multiple_of(3) {
        xml.leaf("efbc:TransmissionDate", &[], &day(notice.dispatched.0, notice.offset));
        xml.leaf("efbc:TransmissionTime", &[], &clock(notice.dispatched.1, notice.offset));
    }
    if let Some(earlier) = &notice.earlier {
        // the gazette knows both spellings
        let id = if (notice.spelling / 8).is_multiple_of(3) {
            &notice_number(&earlier.publication_id)
        } else {
            &earlier.uuid_version
        };
        match notice.kind {
            Kind::Correction | Kind::Cancellation => {
                let code = match (notice.kind, notice.spelling % 2) {
                    (Kind::Cancellation, _) => "cancel",
                    (_, 0) => "cor-buy",
                    _ => "update-add",
                };
                xml.inside("efac:Changes", |xml| {
                    xml.leaf("efbc:ChangedNoticeIdentifier", &[("schemeName", "notice-id-ref")], id);
                    if notice.kind == Kind::Correction {
                        change(xml, notice, "LOT-0001");
                    }
                    reason(xml, notice, "change-corrig-justification", code);
                });
            }
            Kind::Modification => xml.inside("efac:ContractModification", |xml| {
                xml.leaf("efbc:ChangedNoticeIdentifier", &[("schemeName", "notice-id-ref")], id);
                change(xml, notice, "CON-0001");
                reason(xml, notice, "modification-justification", "mod-cir");
            }),
            _ => {}
        }
    }
    if !notice.winners.is_empty() {
        xml.inside("efac:NoticeResult", |xml| result(xml, notice));
    }
    xml.inside("efac:NoticeSubType", |xml| {
        xml.leaf("cbc:SubTypeCode", &[("listName", "notice-subtype")], notice.subtype);
    });
    xml.inside("efac:Organizations", |xml| {
        let parties = notice.buyers.iter().chain([&notice.review]).chain(&notice.winners);
        for (nth, party) in parties.enumerate() {
            xml.inside("efac:Organization", |xml| {
                if notice.buyers.len() > 1 && nth < notice.buyers.len() {
                    xml.leaf("efbc:GroupLeadIndicator", &[], if nth == 0 { "true" } else { "false" });
                }
                xml.inside("efac:Company", |xml| company(xml, notice, party, nth));
            });
        }
    });
    xml.inside("efac:Publication", |xml| {
        xml.leaf("efbc:NoticePublicationID", &[("schemeName", "ojs-notice-id")], &notice.publication_id);
        xml.leaf("efbc:GazetteID", &[("schemeName", "ojs-id")], &notice.issue.slashed());
        let offset = if notice.spelling % 3 == 1 { brussels(notice.issue.day) } else { Offset::UTC };
        xml.leaf("efbc:PublicationDate", &[], &day(notice.issue.day, offset));
    });
}

/// The number without leading zeros, as references write it.
fn notice_number(publication_id: &str) -> String {
    publication_id.trim_start_matches('0').to_owned()
}

/// The offset of the publishing office's own dates.
pub(super) fn brussels(day: Date) -> Offset {
    super::plan::offset_of("BE", day)
}

fn change(xml: &mut Writer, notice: &PlannedNotice, section: &str) {
    xml.inside("efac:Change", |xml| {
        xml.texts("efbc:ChangeDescription", &notice.reason);
        xml.inside("efac:ChangedSection", |xml| xml.leaf("efbc:ChangedSectionIdentifier", &[], section));
    });
}

fn reason(xml: &mut Writer, notice: &PlannedNotice, list: &str, code: &str) {
    xml.inside("efac:ChangeReason", |xml| {
        xml.leaf("cbc:ReasonCode", &[("listName", list)], code);
        xml.texts("efbc:ReasonDescription", &notice.reason);
    });
}

fn company(xml: &mut Writer, notice: &PlannedNotice, party: &Party, nth: usize) {
    let first = party.kind != "firm" && nth == 0;
    if first && notice.spelling.is_multiple_of(2) {
        xml.leaf("cbc:WebsiteURI", &[], "https://www.example.org/");
    }
    xml.inside("cac:PartyIdentification", |xml| {
        xml.leaf("cbc:ID", &[("schemeName", "organization")], &org_id(nth));
    });
    for name in &party.name {
        xml.inside("cac:PartyName", |xml| xml.texts("cbc:Name", std::slice::from_ref(name)));
    }
    xml.inside("cac:PostalAddress", |xml| {
        xml.leaf("cbc:CityName", &[], &party.city);
        xml.leaf("cbc:PostalZone", &[], "00000");
        if !party.nuts.is_empty() {
            xml.leaf("cbc:CountrySubentityCode", &[("listName", "nuts")], &party.nuts);
        }
        xml.inside("cac:Country", |xml| {
            xml.leaf("cbc:IdentificationCode", &[("listName", "country")], country_code(&party.country));
        });
    });
    xml.inside("cac:PartyLegalEntity", |xml| xml.leaf("cbc:CompanyID", &[], &party.id));
    xml.inside("cac:Contact", |xml| {
        xml.leaf("cbc:Telephone", &[], "+00 000 000000");
        xml.leaf("cbc:ElectronicMail", &[], &format!("tenders{nth}@example.org"));
    });
}

fn org_id(nth: usize) -> String {
    format!("ORG-{:04}", nth + 1)
}

fn contracting_party(xml: &mut Writer, buyer: &Party, nth: usize) {
    let (legal_type, activity) = match buyer.kind.as_str() {
        "police" | "border" | "interior" | "customs" => ("cga", "pub-os"),
        "fire" => ("ra", "pub-os"),
        "defence" => ("cga", "defence"),
        "hospital" => ("body-pl", "health"),
        "school" => ("body-pl-ra", "education"),
        _ => ("la", "gen-pub"),
    };
    xml.inside("cac:ContractingParty", |xml| {
        if nth == 0 {
            xml.leaf("cbc:BuyerProfileURI", &[], "https://www.example.org/profile");
        }
        xml.inside("cac:ContractingPartyType", |xml| {
            xml.leaf("cbc:PartyTypeCode", &[("listName", "buyer-legal-type")], legal_type);
        });
        xml.inside("cac:ContractingActivity", |xml| {
            xml.leaf("cbc:ActivityTypeCode", &[("listName", "authority-activity")], activity);
        });
        xml.inside("cac:Party/cac:PartyIdentification", |xml| {
            xml.leaf("cbc:ID", &[("schemeName", "organization")], &org_id(nth));
        });
    });
}

fn tendering_process(xml: &mut Writer, notice: &PlannedNotice) {
    xml.inside("cac:TenderingProcess", |xml| {
        xml.leaf("cbc:ProcedureCode", &[("listName", "procurement-procedure-type")], notice.procedure_type);
        if notice.kind == Kind::Result
            && let Some(earlier) = &notice.earlier
        {
            xml.inside("cac:NoticeDocumentReference", |xml| {
                xml.leaf("cbc:ID", &[("schemeName", "notice-id-ref")], &earlier.uuid_version);
            });
        }
        xml.inside("cac:ProcessJustification", |xml| {
            if notice.kind == Kind::DirectAward {
                xml.leaf("cbc:ProcessReasonCode", &[("listName", "direct-award-justification")], "technical");
                xml.texts("cbc:ProcessReason", &notice.reason);
            } else {
                xml.leaf("cbc:ProcessReasonCode", &[("listName", "accelerated-procedure")], "false");
            }
        });
    });
}

/// A procurement project: of the whole procedure, or of a lot.
fn project(
    xml: &mut Writer,
    notice: &PlannedNotice,
    title: &Texts,
    description: &Texts,
    cpv: &str,
    whole_procedure: bool,
) {
    xml.leaf("cbc:ID", &[("schemeName", "InternalID")], &notice.reference);
    xml.texts("cbc:Name", title);
    xml.texts("cbc:Description", description);
    xml.leaf("cbc:ProcurementTypeCode", &[("listName", "contract-nature")], notice.nature);
    if !whole_procedure && notice.innovative {
        xml.inside("cac:ProcurementAdditionalType", |xml| {
            xml.leaf("cbc:ProcurementTypeCode", &[("listName", "innovative-acquisition")], "rd-act");
        });
    }
    if whole_procedure && let Value::Given { amount, currency } = &notice.estimate {
        xml.inside("cac:RequestedTenderTotal", |xml| {
            let amount = amount_text(*amount, notice.spelling);
            xml.leaf("cbc:EstimatedOverallContractAmount", &[("currencyID", currency)], &amount);
        });
    }
    xml.inside("cac:MainCommodityClassification", |xml| {
        xml.leaf("cbc:ItemClassificationCode", &[("listName", "cpv")], cpv);
    });
    for other in notice.additional_cpv.iter().filter(|other| *other != cpv && whole_procedure) {
        xml.inside("cac:AdditionalCommodityClassification", |xml| {
            xml.leaf("cbc:ItemClassificationCode", &[("listName", "cpv")], other);
        });
    }
    if let Some(buyer) = notice.buyers.first()
        && (!whole_procedure || notice.spelling % 2 == 1)
    {
        xml.inside("cac:RealizedLocation/cac:Address", |xml| {
            xml.leaf("cbc:CityName", &[], &buyer.city);
            xml.leaf("cbc:CountrySubentityCode", &[("listName", "nuts")], &buyer.nuts);
            xml.inside("cac:Country", |xml| {
                xml.leaf("cbc:IdentificationCode", &[("listName", "country")], country_code(&buyer.country));
            });
        });
    }
    if !whole_procedure && notice.spelling % 3 == 2 {
        xml.inside("cac:PlannedPeriod", |xml| xml.leaf("cbc:DurationMeasure", &[("unitCode", "MONTH")], "24"));
    }
}

/// With or without cents, both are common.
fn amount_text(amount: u64, spelling: u64) -> String {
    if spelling.is_multiple_of(2) { amount.to_string() } else { format!("{amount}.00") }
}

fn write_lot(xml: &mut Writer, notice: &PlannedNotice, lot: &PlannedLot) {
    let scheme = if notice.kind == Kind::Planning { "Part" } else { "Lot" };
    xml.leaf("cbc:ID", &[("schemeName", scheme)], &lot.id);
    xml.inside("cac:TenderingTerms", |xml| terms(xml, notice));
    if notice.kind != Kind::Planning {
        xml.inside("cac:TenderingProcess", |xml| lot_process(xml, notice));
    }
    xml.inside("cac:ProcurementProject", |xml| {
        project(xml, notice, &lot.title, &lot.description, &lot.cpv, false);
    });
}

fn terms(xml: &mut Writer, notice: &PlannedNotice) {
    if let Some(project) = notice.eu_project.as_ref().filter(|_| notice.winners.is_empty()) {
        xml.inside(
            "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension/efac:Funding",
            |xml| {
                xml.leaf("efbc:FinancingIdentifier", &[], project);
                xml.leaf("cbc:FundingProgramCode", &[("listName", "eu-programme")], "ISF_2021");
            },
        );
    }
    let funded = if notice.eu_project.is_some() { "eu-funds" } else { "no-eu-funds" };
    xml.leaf("cbc:FundingProgramCode", &[("listName", "eu-funded")], funded);
    let call = matches!(notice.kind, Kind::Competition | Kind::Correction | Kind::Cancellation);
    if call {
        xml.inside("cac:CallForTendersDocumentReference", |xml| {
            xml.leaf("cbc:ID", &[], &notice.reference);
            xml.leaf("cbc:DocumentType", &[], "non-restricted-document");
            xml.inside("cac:Attachment/cac:ExternalReference", |xml| {
                let path = notice.reference.replace('/', "-");
                xml.leaf("cbc:URI", &[], &format!("https://www.example.org/tenders?ref={path}&view=documents"));
            });
        });
        xml.inside("cac:TenderRecipientParty", |xml| {
            xml.leaf("cbc:EndpointID", &[], "https://www.example.org/submit");
        });
    }
    xml.inside("cac:AppealTerms/cac:AppealReceiverParty/cac:PartyIdentification", |xml| {
        xml.leaf("cbc:ID", &[("schemeName", "organization")], &org_id(notice.buyers.len()));
    });
    if call {
        for language in &notice.languages {
            xml.inside("cac:Language", |xml| xml.leaf("cbc:ID", &[], language_code(language)));
        }
        if notice.defence {
            xml.inside("cac:SecurityClearanceTerm", |xml| xml.leaf("cbc:Code", &[("listName", "indicator")], "true"));
        }
    }
}

fn lot_process(xml: &mut Writer, notice: &PlannedNotice) {
    let closing = notice.deadline;
    if let Some(closing) = closing.filter(|closing| closing.of == ClosingOf::Interest) {
        xml.inside(
            "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension/efac:InterestExpressionReceptionPeriod",
            |xml| end(xml, closing),
        );
    }
    xml.leaf("cbc:GovernmentAgreementConstraintIndicator", &[], if notice.defence { "false" } else { "true" });
    match closing {
        Some(closing) if closing.of == ClosingOf::Tenders => {
            xml.inside("cac:TenderSubmissionDeadlinePeriod", |xml| end(xml, closing));
        }
        Some(closing) if closing.of == ClosingOf::Requests => {
            xml.inside("cac:ParticipationRequestReceptionPeriod", |xml| end(xml, closing));
        }
        _ => {}
    }
    for (list, code) in
        [("framework-agreement", if notice.framework { "fa-wo-rc" } else { "none" }), ("dps-usage", "none")]
    {
        xml.inside("cac:ContractingSystem", |xml| {
            xml.leaf("cbc:ContractingSystemTypeCode", &[("listName", list)], code);
        });
    }
}

fn end(xml: &mut Writer, closing: Closing) {
    xml.leaf("cbc:EndDate", &[], &day(closing.day, closing.offset));
    if let Some(time) = closing.time {
        xml.leaf("cbc:EndTime", &[], &clock(time, closing.offset));
    }
}

/// One result, tender, party and contract per lot.
fn result(xml: &mut Writer, notice: &PlannedNotice) {
    let count = u64::try_from(notice.lots.len().max(1)).unwrap_or(1);
    masked(xml, notice, "not-val");
    money(xml, notice, "cbc:TotalAmount", 1);
    for nth in 0..notice.lots.len() {
        xml.inside("efac:LotResult", |xml| {
            xml.leaf("cbc:ID", &[("schemeName", "result")], &format!("RES-{:04}", nth + 1));
            if notice.kind == Kind::Result {
                xml.leaf("cbc:TenderResultCode", &[("listName", "winner-selection-status")], "selec-w");
            }
            reference(xml, "efac:LotTender", "tender", "TEN", nth);
            if notice.kind == Kind::Result {
                xml.inside("efac:ReceivedSubmissionsStatistics", |xml| {
                    xml.leaf("efbc:StatisticsCode", &[("listName", "received-submission-type")], "tenders");
                    xml.leaf("efbc:StatisticsNumeric", &[], &notice.tenders.to_string());
                });
            }
            reference(xml, "efac:SettledContract", "contract", "CON", nth);
            xml.inside("efac:TenderLot", |xml| xml.leaf("cbc:ID", &[("schemeName", "Lot")], &notice.lots[nth].id));
        });
    }
    for nth in 0..notice.lots.len() {
        xml.inside("efac:LotTender", |xml| {
            masked(xml, notice, "win-ten-val");
            xml.leaf("cbc:ID", &[("schemeName", "tender")], &format!("TEN-{:04}", nth + 1));
            xml.leaf("cbc:RankCode", &[], "1");
            xml.inside("cac:LegalMonetaryTotal", |xml| money(xml, notice, "cbc:PayableAmount", count));
            reference(xml, "efac:TenderingParty", "tendering-party", "TPA", nth % notice.winners.len());
            xml.inside("efac:TenderLot", |xml| xml.leaf("cbc:ID", &[("schemeName", "Lot")], &notice.lots[nth].id));
        });
    }
    for nth in 0..notice.lots.len() {
        xml.inside("efac:SettledContract", |xml| {
            xml.leaf("cbc:ID", &[("schemeName", "contract")], &format!("CON-{:04}", nth + 1));
            let decided = super::calendar::plus_days(notice.dispatched.0, -9);
            if notice.spelling.is_multiple_of(2) {
                xml.leaf("cbc:AwardDate", &[], &day(decided, notice.offset));
            }
            xml.leaf("cbc:IssueDate", &[], &day(super::calendar::plus_days(decided, 5), notice.offset));
            xml.texts("cbc:Title", &notice.title[..1]);
            xml.inside("efac:ContractReference", |xml| xml.leaf("cbc:ID", &[], &notice.reference));
            reference(xml, "efac:LotTender", "tender", "TEN", nth);
        });
    }
    for nth in 0..notice.winners.len() {
        xml.inside("efac:TenderingParty", |xml| {
            xml.leaf("cbc:ID", &[("schemeName", "tendering-party")], &format!("TPA-{:04}", nth + 1));
            xml.inside("efac:Tenderer", |xml| {
                // organisations are numbered: buyers, the review body, then winners
                let org = org_id(notice.buyers.len() + 1 + nth);
                xml.leaf("cbc:ID", &[("schemeName", "organization")], &org);
            });
        });
    }
}

fn reference(xml: &mut Writer, element: &str, scheme: &str, prefix: &str, nth: usize) {
    xml.inside(element, |xml| xml.leaf("cbc:ID", &[("schemeName", scheme)], &format!("{prefix}-{:04}", nth + 1)));
}

/// The reason beside a value that is not published.
fn masked(xml: &mut Writer, notice: &PlannedNotice, field: &str) {
    if !matches!(notice.awarded, Value::Withheld { .. }) {
        return;
    }
    xml.inside("efac:FieldsPrivacy", |xml| {
        xml.leaf("efbc:FieldIdentifierCode", &[("listName", "non-publication-identifier")], field);
        xml.leaf("cbc:ReasonCode", &[("listName", "non-publication-justification")], "eo-int");
        let until = super::calendar::plus_days(notice.issue.day, 5 * 365);
        xml.leaf("efbc:PublicationDate", &[], &day(until, Offset::UTC));
    });
}

fn money(xml: &mut Writer, notice: &PlannedNotice, element: &str, share: u64) {
    match &notice.awarded {
        Value::Given { amount, currency } => {
            xml.leaf(element, &[("currencyID", currency)], &amount_text(amount / share, notice.spelling));
        }
        Value::Withheld { currency } => xml.leaf(element, &[("currencyID", currency)], "-1"),
        Value::Absent => {}
    }
}

/// `2026-05-29+02:00`, `2026-05-29Z`.
pub(super) fn day(day: Date, offset: Offset) -> String {
    format!("{day}{}", offset_text(offset))
}

fn clock(time: Time, offset: Offset) -> String {
    format!("{:02}:{:02}:{:02}{}", time.hour(), time.minute(), time.second(), offset_text(offset))
}

fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    if seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

/// Writes elements with the document's own prefixes and indentation.
struct Writer {
    out: String,
    open: Vec<String>,
    pretty: bool,
    root_prefix: &'static str,
    odd_prefixes: bool,
}

impl Writer {
    fn new(spelling: u64) -> Self {
        // of a hundred documents in the gazette five give the root a prefix of its own
        let root_prefix = match spelling / 16 % 40 {
            0 => "urn",
            1 => "cn",
            _ => "",
        };
        Self {
            out: String::with_capacity(12_000),
            open: Vec::new(),
            pretty: (spelling / 4).is_multiple_of(4),
            root_prefix,
            odd_prefixes: spelling / 16 % 40 == 2,
        }
    }

    fn name(&self, name: &str) -> String {
        let Some((prefix, local)) = name.split_once(':') else { return name.to_owned() };
        match NAMESPACES.iter().position(|(known, _)| *known == prefix) {
            Some(at) if self.odd_prefixes => format!("ns{}:{local}", at + 2),
            _ => name.to_owned(),
        }
    }

    fn open_root(&mut self, name: &str) {
        self.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        let mut attributes = vec![(
            if self.root_prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", self.root_prefix) },
            format!("urn:oasis:names:specification:ubl:schema:xsd:{name}-2"),
        )];
        for (prefix, uri) in NAMESPACES {
            let element = self.name(&format!("{prefix}:x"));
            attributes.push((format!("xmlns:{}", element.trim_end_matches(":x")), (*uri).to_owned()));
        }
        let root = if self.root_prefix.is_empty() { name.to_owned() } else { format!("{}:{name}", self.root_prefix) };
        self.break_line();
        self.out.push('<');
        self.out.push_str(&root);
        for (key, value) in attributes {
            self.out.extend([" ", &key, "=\"", &value, "\""]);
        }
        self.out.push('>');
        self.open.push(root);
    }

    fn break_line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            for _ in 0..self.open.len() {
                self.out.push_str("   ");
            }
        }
    }

    /// Elements nested in each other (`a:b/c:d`) around what `content` writes.
    fn inside(&mut self, path: &str, content: impl FnOnce(&mut Self)) {
        let depth = self.open.len();
        for step in path.split('/') {
            let name = self.name(step);
            self.break_line();
            self.out.push('<');
            self.out.push_str(&name);
            self.out.push('>');
            self.open.push(name);
        }
        content(self);
        while self.open.len() > depth {
            self.close();
        }
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.break_line();
            self.out.push_str("</");
            self.out.push_str(&name);
            self.out.push('>');
        }
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let name = self.name(name);
        self.break_line();
        self.out.push('<');
        self.out.push_str(&name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.escape(value);
            self.out.push('"');
        }
        self.out.push('>');
        self.escape(text);
        self.out.push_str("</");
        self.out.push_str(&name);
        self.out.push('>');
    }

    /// One element per language.
    fn texts(&mut self, name: &str, texts: &[(String, String)]) {
        for (language, text) in texts {
            self.leaf(name, &[("languageID", language_code(language))], text);
        }
    }

    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // not allowed in XML 1.0, whatever a planted text says
                c if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => self.out.push(' '),
                c => self.out.push(c),
            }
        }
    }

    fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }
}
