//! A JSON tree keyed by the SDK's node and field ids (`ND-Lot`, `BT-27-Lot`) → UBL written as JSON.
//!
//! The Czech bulletin answers so. Paths are those of the SDK's list of fields, relative to the node above; contacts and
//! beneficial owners are not among them. Values are text, or `_value` beside attributes (`_currencyID`). The shape is
//! known from its description alone: what is not in the tables is dropped.

use serde_json::{Map, Value};

/// The node at the top of the tree.
pub(super) const ROOT: &str = "ND-Root";
/// How deep below the document's own keys the tree may stand.
const MAX_WRAPPERS: usize = 5;

/// Node → its elements below the node that holds it.
const NODES: &[(&str, &str)] = &[
    ("ND-RootExtension", "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension"),
    ("ND-Organizations", "efac:Organizations"),
    ("ND-Organization", "efac:Organization"),
    ("ND-Company", "efac:Company"),
    ("ND-CompanyAddress", "cac:PostalAddress"),
    ("ND-CompanyLegalEntity", "cac:PartyLegalEntity"),
    ("ND-Touchpoint", "efac:TouchPoint"),
    ("ND-Publication", "efac:Publication"),
    ("ND-ContractingParty", "cac:ContractingParty"),
    ("ND-Buyer", "cac:Party"),
    ("ND-BuyerLegalType", "cac:ContractingPartyType"),
    ("ND-ContractingAuthorityActivity", "cac:ContractingActivity"),
    ("ND-ContractingEntityActivity", "cac:ContractingActivity"),
    ("ND-ProcedureTenderingProcess", "cac:TenderingProcess"),
    ("ND-PreviousNoticeReference", "cac:NoticeDocumentReference"),
    ("ND-ProcedureProcurementScope", "cac:ProcurementProject"),
    ("ND-ProcedureMainClassification", "cac:MainCommodityClassification"),
    ("ND-ProcedureAdditionalCommodityClassification", "cac:AdditionalCommodityClassification"),
    ("ND-ProcedureValueEstimate", "cac:RequestedTenderTotal"),
    ("ND-ProcedureValueEstimateExtension", EXTENSION),
    ("ND-ProcedurePlacePerformanceAdditionalInformation", "cac:RealizedLocation"),
    ("ND-ProcedurePlacePerformance", "cac:Address"),
    ("ND-Lot", "cac:ProcurementProjectLot"),
    ("ND-LotsGroup", "cac:ProcurementProjectLot"),
    ("ND-Part", "cac:ProcurementProjectLot"),
    ("ND-LotProcurementScope", "cac:ProcurementProject"),
    ("ND-PartProcurementScope", "cac:ProcurementProject"),
    ("ND-LotsGroupProcurementScope", "cac:ProcurementProject"),
    ("ND-LotMainClassification", "cac:MainCommodityClassification"),
    ("ND-PartMainClassification", "cac:MainCommodityClassification"),
    ("ND-LotAdditionalClassification", "cac:AdditionalCommodityClassification"),
    ("ND-PartAdditionalClassification", "cac:AdditionalCommodityClassification"),
    ("ND-LotValueEstimate", "cac:RequestedTenderTotal"),
    ("ND-PartValueEstimate", "cac:RequestedTenderTotal"),
    ("ND-LotValueEstimateExtension", EXTENSION),
    ("ND-LotPlacePerformance", "cac:RealizedLocation"),
    ("ND-PartPlacePerformance", "cac:RealizedLocation"),
    ("ND-LotPerformanceAddress", "cac:Address"),
    ("ND-PartPerformanceAddress", "cac:Address"),
    ("ND-LotDuration", "cac:PlannedPeriod"),
    ("ND-PartDuration", "cac:PlannedPeriod"),
    ("ND-LotTenderingTerms", "cac:TenderingTerms"),
    ("ND-LotTenderingProcess", "cac:TenderingProcess"),
    ("ND-SubmissionDeadline", "cac:TenderSubmissionDeadlinePeriod"),
    ("ND-ParticipationRequestPeriod", "cac:ParticipationRequestReceptionPeriod"),
    ("ND-NoticeResult", "efac:NoticeResult"),
    ("ND-LotResult", "efac:LotResult"),
    ("ND-LotResultTenderReference", "efac:LotTender"),
    ("ND-LotResultContractReference", "efac:SettledContract"),
    ("ND-ReceivedSubmissions", "efac:ReceivedSubmissionsStatistics"),
    ("ND-LotTender", "efac:LotTender"),
    ("ND-SettledContract", "efac:SettledContract"),
    ("ND-TenderingParty", "efac:TenderingParty"),
    ("ND-Tenderer", "efac:Tenderer"),
];

const EXTENSION: &str = "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension";

type Field = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// Field → its element below the node, and an attribute that tells it from others of the name.
const FIELDS: &[Field] = &[
    ("OPT-002-notice", "cbc:CustomizationID", None),
    ("OPP-070-notice", "efac:NoticeSubType/cbc:SubTypeCode", None),
    ("OPP-010-notice", "efbc:NoticePublicationID", None),
    ("OPP-012-notice", "efbc:PublicationDate", None),
    ("BT-01-notice", "cbc:RegulatoryDomain", None),
    ("BT-02-notice", "cbc:NoticeTypeCode", None),
    ("BT-03-notice", "cbc:NoticeTypeCode/@listName", None),
    ("BT-04-notice", "cbc:ContractFolderID", None),
    ("BT-05(a)-notice", "cbc:IssueDate", None),
    ("BT-05(b)-notice", "cbc:IssueTime", None),
    ("BT-701-notice", "cbc:ID", Some(("@schemeName", "notice-id"))),
    ("BT-702(a)-notice", "cbc:NoticeLanguageCode", None),
    ("BT-702(b)-notice", "cac:AdditionalNoticeLanguage/cbc:ID", None),
    ("BT-757-notice", "cbc:VersionID", None),
    ("OPT-200-Organization-Company", "cac:PartyIdentification/cbc:ID", None),
    ("BT-500-Organization-Company", "cac:PartyName/cbc:Name", None),
    ("BT-501-Organization-Company", "cbc:CompanyID", None),
    ("BT-505-Organization-Company", "cbc:WebsiteURI", None),
    ("BT-507-Organization-Company", "cbc:CountrySubentityCode", None),
    ("BT-513-Organization-Company", "cbc:CityName", None),
    ("BT-514-Organization-Company", "cac:Country/cbc:IdentificationCode", None),
    ("OPT-201-Organization-TouchPoint", "cac:PartyIdentification/cbc:ID", None),
    ("OPT-300-Procedure-Buyer", "cac:PartyIdentification/cbc:ID", None),
    ("BT-11-Procedure-Buyer", "cbc:PartyTypeCode", Some(("@listName", "buyer-legal-type"))),
    ("BT-10-Procedure-Buyer", "cbc:ActivityTypeCode", Some(("@listName", "authority-activity"))),
    ("BT-610-Procedure-Buyer", "cbc:ActivityTypeCode", Some(("@listName", "entity-activity"))),
    ("BT-105-Procedure", "cbc:ProcedureCode", None),
    ("OPP-090-Procedure", "cbc:ID", None),
    ("BT-22-Procedure", "cbc:ID", None),
    ("BT-21-*", "cbc:Name", None),
    ("BT-24-*", "cbc:Description", None),
    ("BT-23-*", "cbc:ProcurementTypeCode", Some(("@listName", "contract-nature"))),
    ("BT-262-*", "cbc:ItemClassificationCode", None),
    ("BT-263-*", "cbc:ItemClassificationCode", None),
    ("BT-27-*", "cbc:EstimatedOverallContractAmount", None),
    ("BT-271-*", "efbc:FrameworkMaximumAmount", None),
    ("BT-5071-*", "cbc:CountrySubentityCode", None),
    ("BT-5141-*", "cac:Country/cbc:IdentificationCode", None),
    ("BT-36-*", "cbc:DurationMeasure", None),
    ("BT-536-*", "cbc:StartDate", None),
    ("BT-537-*", "cbc:EndDate", None),
    ("BT-137-Lot", "cbc:ID", Some(("@schemeName", "Lot"))),
    ("BT-137-LotsGroup", "cbc:ID", Some(("@schemeName", "LotsGroup"))),
    ("BT-137-Part", "cbc:ID", Some(("@schemeName", "Part"))),
    ("BT-60-Lot", "cbc:FundingProgramCode", Some(("@listName", "eu-funded"))),
    ("BT-131(d)-Lot", "cbc:EndDate", None),
    ("BT-131(t)-Lot", "cbc:EndTime", None),
    ("BT-1311(d)-Lot", "cbc:EndDate", None),
    ("BT-1311(t)-Lot", "cbc:EndTime", None),
    ("BT-118-NoticeResult", "efbc:OverallMaximumFrameworkContractsAmount", None),
    ("BT-161-NoticeResult", "cbc:TotalAmount", None),
    ("OPT-322-LotResult", "cbc:ID", None),
    ("BT-13713-LotResult", "efac:TenderLot/cbc:ID", None),
    ("BT-142-LotResult", "cbc:TenderResultCode", None),
    ("BT-144-LotResult", "efac:DecisionReason/efbc:DecisionReasonCode", None),
    ("BT-759-LotResult", "efbc:StatisticsNumeric", None),
    ("BT-760-LotResult", "efbc:StatisticsCode", None),
    ("OPT-320-LotResult", "cbc:ID", None),
    ("OPT-315-LotResult", "cbc:ID", None),
    ("OPT-321-Tender", "cbc:ID", None),
    ("OPT-310-Tender", "efac:TenderingParty/cbc:ID", None),
    ("BT-13714-Tender", "efac:TenderLot/cbc:ID", None),
    ("BT-720-Tender", "cac:LegalMonetaryTotal/cbc:PayableAmount", None),
    ("OPT-316-Contract", "cbc:ID", None),
    ("BT-145-Contract", "cbc:IssueDate", None),
    ("BT-1451-Contract", "cbc:AwardDate", None),
    ("BT-150-Contract", "efac:ContractReference/cbc:ID", None),
    ("BT-3202-Contract", "efac:LotTender/cbc:ID", None),
    ("OPT-210-Tenderer", "cbc:ID", None),
    ("OPT-300-Tenderer", "cbc:ID", None),
];

/// The root element and what it holds, when there is such a tree in the row.
pub(super) fn to_ubl(row: &Value) -> Option<(&'static str, Value)> {
    let tree = tree(row, MAX_WRAPPERS)?.as_object()?;
    let root = match tree.get("BT-03-notice").and_then(Value::as_str) {
        Some("result" | "cont-modif" | "completion" | "dir-awa-pre") => "ContractAwardNotice",
        Some("planning" | "consultation") => "PriorInformationNotice",
        _ => "ContractNotice",
    };
    Some((root, Value::Object(elements(tree))))
}

fn tree(value: &Value, deep: usize) -> Option<&Value> {
    let map = value.as_object()?;
    map.get(ROOT).or_else(|| map.values().find_map(|value| tree(value, deep.checked_sub(1)?)))
}

/// One node; serde_json bounds how deep they nest.
fn elements(node: &Map<String, Value>) -> Map<String, Value> {
    let mut found = Map::new();
    for (key, value) in node {
        let values = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        if let Some((_, path)) = NODES.iter().find(|(name, _)| name == key) {
            for inside in values.iter().filter_map(Value::as_object) {
                insert(&mut found, path, Value::Object(elements(inside)));
            }
        } else if let Some((_, path, attribute)) = FIELDS.iter().find(|(name, _, _)| is_field(name, key)) {
            for value in values {
                insert(&mut found, path, leaf(value, *attribute));
            }
        }
    }
    found
}

/// `BT-21-*` stands for the field at any level: procedure, lot, part, group.
fn is_field(name: &str, key: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => matches!(key.strip_prefix(start), Some("Procedure" | "Lot" | "Part" | "LotsGroup")),
        None => name == key,
    }
}

/// Text, or text with attributes.
fn leaf(value: &Value, attribute: Option<(&str, &str)>) -> Value {
    let mut found = Map::new();
    if let Some((name, value)) = attribute {
        found.insert(name.to_owned(), Value::from(value));
    }
    match value {
        Value::Object(parts) => {
            for (key, value) in parts {
                match key.strip_prefix('_') {
                    Some("value") => found.insert("#text".to_owned(), value.clone()),
                    Some(name) => found.insert(format!("@{name}"), value.clone()),
                    None => None,
                };
            }
        }
        text => {
            found.insert("#text".to_owned(), text.clone());
        }
    }
    Value::Object(found)
}

/// Puts a value at a path: elements on the way are shared, the last one is one more.
fn insert(map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((step, rest)) = path.split_once('/') else {
        match map.get_mut(path) {
            Some(Value::Array(list)) => list.push(value),
            // The attribute of an element may come before its text, or after.
            Some(Value::Object(there)) if there.keys().all(|key| key.starts_with('@')) && !there.is_empty() => {
                there.extend(value.as_object().cloned().unwrap_or_default());
            }
            Some(one) => *one = Value::Array(vec![one.take(), value]),
            None => {
                map.insert(path.to_owned(), value);
            }
        }
        return;
    };
    if let Some(name) = rest.strip_prefix('@') {
        let there = map.entry(step.to_owned()).or_insert_with(|| Value::Object(Map::new()));
        if let (Value::Object(there), Some(text)) = (there, value.get("#text")) {
            there.insert(format!("@{name}"), text.clone());
        }
        return;
    }
    let inside = map.entry(step.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    let inside = match inside {
        Value::Array(list) => list.last_mut(),
        one => Some(one),
    };
    if let Some(Value::Object(inside)) = inside {
        insert(inside, rest, value);
    }
}
