//! The elements of TED_EXPORT that a notice is read from, by local name: namespaces differ between editions, and
//! one field has other names in other forms, so that one [`El`] stands for all names of a field.

use crate::formats::xml::{Flow, Vocabulary};

/// A field or block. What has no meaning of its own is [`El::Other`]: wrappers differ in every form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum El {
    Other,
    Block,
    Inline,
    Export,
    Coded,
    NumberInOj,
    PublishedOn,
    OriginalLanguage,
    CodedCountry,
    CodedCpv,
    OriginalNuts,
    PerformanceNuts,
    RefNotice,
    DocumentType,
    Dispatch,
    Submission,
    AuthorityType,
    MainActivity,
    ContractNature,
    CodedProcedure,
    Directive,
    Tendering,
    Translations,
    MlTitle,
    MlText,
    MlTown,
    MlName,
    Forms,
    LegalBasis,
    Notice,
    Buyer,
    OtherBuyer,
    OnBehalf,
    LooseAddress,
    Subtitle,
    OfficialName,
    Organisation,
    NationalId,
    Town,
    Country,
    Nuts,
    Url,
    UrlDocument,
    UrlParticipation,
    Joint,
    Law,
    CentralPurchasing,
    AuthorityKind,
    Activity,
    Object,
    Title,
    Description,
    Quantity,
    Reference,
    CpvMain,
    CpvAdditional,
    CpvCode,
    Nature,
    Location,
    Estimate,
    Total,
    RangeTotal,
    Costs,
    InitialEstimate,
    FinalTotal,
    FrameworkTotal,
    Value,
    Range,
    Low,
    High,
    VatIn,
    VatEx,
    Lot,
    LotNo,
    LotValue,
    Duration,
    Period,
    Months,
    Days,
    Start,
    End,
    Unlimited,
    EuFunded,
    NotEuFunded,
    Pt(&'static str),
    Directive2009,
    Framework,
    SingleOperator,
    Dps,
    DpsOthers,
    Auction,
    Gpa,
    NoGpa,
    Involves,
    ReceiptDate,
    ReceiptTime,
    Day,
    Month,
    Year,
    Time,
    NoticeNumber,
    CallReference,
    Award,
    ContractNo,
    AwardDate,
    Offers,
    Winner,
    Party,
    Sme,
    Unsuccessful,
    Discontinued,
    Modification,
    Before,
    After,
    Change,
    Where,
    Old,
    New,
    OtherTitle,
    Mixed,
}

/// What is kept of a document. Contact persons, their numbers and addresses, members of juries, addresses of
/// review bodies and of others who are no buyers are not in it, so they are never read.
pub(super) const VOCABULARY: Vocabulary<El> = Vocabulary {
    element: |_, local| element(local),
    attributes: &[
        "CODE",
        "VALUE",
        "LG",
        "CATEGORY",
        "CURRENCY",
        "FMTVAL",
        "TYPE",
        "CTYPE",
        "ITEM",
        "FORM",
        "DOC_ID",
        "EDITION",
        "VERSION",
        "PUBLICATION",
        "CONTRACT_TYPE",
    ],
    flow: Some(|name| match name {
        El::Block => Some(Flow::Block),
        El::Inline => Some(Flow::Inline),
        _ => None,
    }),
};

#[expect(clippy::too_many_lines, reason = "one long table of names")]
fn element(local: &str) -> Option<El> {
    Some(match local {
        "P" | "MLI_OCCUR" | "TI_MARK" | "TXT_MARK" | "TI_GRSEQ" | "GR_SEQ" | "BLK_BTX_SEQ" | "MARK_LIST" => El::Block,
        "FT" | "BLK_BTX" => El::Inline,
        "TED_EXPORT" => El::Export,
        "CODED_DATA_SECTION" => El::Coded,
        "NO_DOC_OJS" => El::NumberInOj,
        "DATE_PUB" => El::PublishedOn,
        "LG_ORIG" => El::OriginalLanguage,
        "ISO_COUNTRY" => El::CodedCountry,
        "ORIGINAL_CPV" => El::CodedCpv,
        "ORIGINAL_NUTS" => El::OriginalNuts,
        "PERFORMANCE_NUTS" => El::PerformanceNuts,
        "REF_NOTICE" => El::RefNotice,
        "TD_DOCUMENT_TYPE" => El::DocumentType,
        "DS_DATE_DISPATCH" => El::Dispatch,
        "DT_DATE_FOR_SUBMISSION" => El::Submission,
        "AA_AUTHORITY_TYPE" => El::AuthorityType,
        "MA_MAIN_ACTIVITIES" => El::MainActivity,
        "NC_CONTRACT_NATURE" => El::ContractNature,
        "PR_PROC" => El::CodedProcedure,
        "DIRECTIVE" => El::Directive,
        "IA_URL_ETENDERING" => El::Tendering,
        "TRANSLATION_SECTION" => El::Translations,
        "ML_TI_DOC" => El::MlTitle,
        "TI_TEXT" => El::MlText,
        "TI_TOWN" => El::MlTown,
        "AA_NAME" => El::MlName,
        "FORM_SECTION" => El::Forms,
        "LEGAL_BASIS" => El::LegalBasis,
        "NOTICE" => El::Notice,
        "ADDRESS_CONTRACTING_BODY" | "CA_CE_CONCESSIONAIRE_PROFILE" => El::Buyer,
        "ADDRESS_CONTRACTING_BODY_ADDITIONAL" => El::OtherBuyer,
        "CONTACT_DATA_OTHER_BEHALF_CONTRACTING_AUTORITHY" | "CONTACT_DATA_OTHER_BEHALF_CONTRACTING_AUTHORITY" => {
            El::OnBehalf
        }
        // An address in running text; it mostly names a contact person between its elements.
        "ADDRESS_NOT_STRUCT" => El::LooseAddress,
        "OFFICIALNAME" => El::OfficialName,
        "ORGANISATION" => El::Organisation,
        "NATIONALID" => El::NationalId,
        "TOWN" => El::Town,
        "COUNTRY" => El::Country,
        "NUTS" => El::Nuts,
        "URL" | "URL_GENERAL" => El::Url,
        "URL_DOCUMENT" | "URL_INFORMATION" => El::UrlDocument,
        "URL_PARTICIPATION" | "URL_PARTICIPATE" => El::UrlParticipation,
        "JOINT_PROCUREMENT_INVOLVED" => El::Joint,
        "PROCUREMENT_LAW" => El::Law,
        "CENTRAL_PURCHASING" => El::CentralPurchasing,
        "CA_TYPE" | "TYPE_OF_CONTRACTING_AUTHORITY" => El::AuthorityKind,
        "CA_ACTIVITY"
        | "CE_ACTIVITY"
        | "TYPE_OF_ACTIVITY"
        | "ACTIVITY_OF_CONTRACTING_ENTITY"
        | "ACTIVITIES_OF_CONTRACTING_ENTITY" => El::Activity,
        "OBJECT_CONTRACT" => El::Object,
        "SHORT_DESCR"
        | "SHORT_CONTRACT_DESCRIPTION"
        | "SHORT_DESCRIPTION"
        | "SHORT_DESCRIPTION_CONTRACT"
        | "DESCRIPTION_OF_CONTRACT"
        | "DESCRIPTION"
        | "LOT_DESCRIPTION" => El::Description,
        "TOTAL_QUANTITY_OR_SCOPE" => El::Quantity,
        "REFERENCE_NUMBER" | "FILE_REFERENCE_NUMBER" | "REFERENCE_NUMBER_ATTRIBUTED" => El::Reference,
        "CPV_MAIN" => El::CpvMain,
        "CPV_ADDITIONAL" => El::CpvAdditional,
        "CPV_CODE" => El::CpvCode,
        "TYPE_CONTRACT" | "F07_CONTRACT_TYPE" | "TYPE_CONTRACT_LOCATION_WORKS" => El::Nature,
        "LOCATION_NUTS" | "SITE_OR_LOCATION" | "F10_TYPE_OF_WORKS_CONTRACT" => El::Location,
        "VAL_ESTIMATED_TOTAL" => El::Estimate,
        "VAL_TOTAL" | "VAL_PRIZE" | "PRIZE_VALUE" => El::Total,
        "VAL_RANGE_TOTAL" => El::RangeTotal,
        "COSTS_RANGE_AND_CURRENCY" | "COSTS_RANGE_AND_CURRENCY_WITH_VAT_RATE" => El::Costs,
        "INITIAL_ESTIMATED_TOTAL_VALUE_CONTRACT" => El::InitialEstimate,
        "TOTAL_FINAL_VALUE" => El::FinalTotal,
        "TOTAL_ESTIMATED" => El::FrameworkTotal,
        "VALUE_COST" => El::Value,
        "RANGE_VALUE_COST" => El::Range,
        "LOW" | "LOW_VALUE" => El::Low,
        "HIGH" | "HIGH_VALUE" => El::High,
        "INCLUDING_VAT" => El::VatIn,
        "EXCLUDING_VAT" => El::VatEx,
        "OBJECT_DESCR" | "LOT_PRIOR_INFORMATION" => El::Lot,
        "LOT_NO" | "LOT_NUMBER" => El::LotNo,
        "VAL_OBJECT" => El::LotValue,
        "DURATION" => El::Duration,
        "PERIOD_WORK_DATE_STARTING" => El::Period,
        "MONTHS" => El::Months,
        "DAYS" => El::Days,
        "DATE_START" | "START_DATE" => El::Start,
        "DATE_END" | "END_DATE" => El::End,
        "INDEFINITE_DURATION" => El::Unlimited,
        "EU_PROGR_RELATED" | "RELATES_TO_EU_PROJECT_YES" => El::EuFunded,
        "NO_EU_PROGR_RELATED" | "RELATES_TO_EU_PROJECT_NO" => El::NotEuFunded,
        "DIRECTIVE_2009_81_EC" => El::Directive2009,
        "FRAMEWORK" | "FRAMEWORK_AGREEMENT" => El::Framework,
        "SINGLE_OPERATOR" => El::SingleOperator,
        "DPS" => El::Dps,
        "DPS_ADDITIONAL_PURCHASERS" => El::DpsOthers,
        "EAUCTION_USED" | "USE_ELECTRONIC_AUCTION" => El::Auction,
        "CONTRACT_COVERED_GPA" => El::Gpa,
        "NO_CONTRACT_COVERED_GPA" => El::NoGpa,
        "DATE_RECEIPT_TENDERS" | "RECEIPT_LIMIT_DATE" => El::ReceiptDate,
        "TIME_RECEIPT_TENDERS" => El::ReceiptTime,
        "DAY" => El::Day,
        "MONTH" => El::Month,
        "YEAR" => El::Year,
        "TIME" => El::Time,
        "NOTICE_NUMBER_OJ" => El::NoticeNumber,
        "CNT_NOTICE_INFORMATION" | "CNT_NOTICE_INFORMATION_F18" => El::CallReference,
        "AWARD_CONTRACT"
        | "AWARD_OF_CONTRACT"
        | "AWARD_OF_CONTRACT_DEFENCE"
        | "AWARD_AND_CONTRACT_VALUE"
        | "RESULT_CONTEST"
        | "AWARDED_PRIZE"
        | "NO_AWARDED_PRIZE" => El::Award,
        "CONTRACT_NO" | "CONTRACT_NUMBER" | "CONTEST_NUMBER" => El::ContractNo,
        "CONTRACT_AWARD_DATE" | "DATE_OF_CONTRACT_AWARD" | "DATE_CONCLUSION_CONTRACT" | "DATE_DECISION_JURY" => {
            El::AwardDate
        }
        "NB_TENDERS_RECEIVED"
        | "OFFERS_RECEIVED_NUMBER"
        | "NUMBER_OF_OFFERS_RECEIVED"
        | "NB_PARTICIPANTS"
        | "PARTICIPANTS_NUMBER" => El::Offers,
        "CONTRACTOR"
        | "WINNER"
        | "ECONOMIC_OPERATOR_NAME_ADDRESS"
        | "NAME_ADDRESS_WINNER"
        | "CONTACT_DATA_WITHOUT_RESPONSIBLE_NAME_CHP" => El::Winner,
        "CONTACT_DATA_WITHOUT_RESPONSIBLE_NAME" => El::Party,
        "SME" => El::Sme,
        "PROCUREMENT_UNSUCCESSFUL" => El::Unsuccessful,
        "PROCUREMENT_DISCONTINUED" => El::Discontinued,
        "MODIFICATIONS_CONTRACT" => El::Modification,
        "VAL_TOTAL_BEFORE" => El::Before,
        "VAL_TOTAL_AFTER" => El::After,
        "CHANGE" => El::Change,
        "WHERE" => El::Where,
        "OLD_VALUE" | "OLD" => El::Old,
        "NEW_VALUE" | "NEW" => El::New,
        "TI_DOC" => El::OtherTitle,
        "STI_DOC" => El::Subtitle,
        "MIXED" => El::Mixed,
        // Never read, or of no use.
        "CONTACT_POINT"
        | "ATTENTION"
        | "E_MAIL"
        | "E_MAILS"
        | "PHONE"
        | "FAX"
        | "TEL"
        | "MEMBER_NAME"
        | "MEMBERS_NAMES"
        | "MEMBERS_NAME"
        | "PARTICIPANT_NAME"
        | "CONTACT_DATA"
        | "TRANSLITERATIONS"
        | "ADDRESS_FURTHER_INFO"
        | "ADDRESS_PARTICIPATION"
        | "LINKS_SECTION"
        | "URI_LIST"
        | "AC"
        | "NO_MARK"
        | "TI_CY"
        | "CONDITIONS_FOR_OPENING_TENDERS"
        | "OPENING_CONDITION"
        | "INFO_ADD"
        | "ADDRESS" => {
            return None;
        }
        _ => return by_part(local),
    })
}

/// Names that differ by form: `F02_ANNEX_B`, `TITLE_QUALIFICATION_SYSTEM`, `F15_PT_NEGOTIATED_WITHOUT_COMPETITION`.
fn by_part(local: &str) -> Option<El> {
    const DROPPED: &[&str] = &["LEFTI", "LEGAL_ECONOMIC", "ADDRESS_REVIEW", "ADDRESS_MEDIATION", "REVIEW_", "APPEAL"];
    if DROPPED.iter().any(|start| local.starts_with(start)) || local.contains("_FOR_APPEAL_") {
        return None;
    }
    Some(if local.ends_with("_ANNEX_B") {
        El::Lot
    } else if local.starts_with("TITLE") || local.ends_with("_TITLE") {
        El::Title
    } else if local.ends_with("_FRAMEWORK") && local.len() == "F02_FRAMEWORK".len() {
        El::Framework
    } else if local.contains("NOTICE_INVOLVES") {
        El::Involves
    } else if let Some(code) = procedure(local) {
        El::Pt(code)
    } else {
        El::Other
    })
}

/// BT-105 for the marker elements of the forms. Direct awards of Regulation 1370/2007 are awards without a call.
fn procedure(local: &str) -> Option<&'static str> {
    const KINDS: &[(&str, &str)] = &[
        ("OPEN", "open"),
        ("RESTRICTED", "restricted"),
        ("ACCELERATED_RESTRICTED", "restricted"),
        ("ACCELERATED_NEGOTIATED", "neg-w-call"),
        ("COMPETITIVE_NEGOTIATION", "neg-w-call"),
        ("COMPETITIVE_DIALOGUE", "comp-dial"),
        ("COMPETITIVE_TENDERING", "comp-tend"),
        ("INVOLVING_NEGOTIATION", "neg-w-call"),
        ("INNOVATION_PARTNERSHIP", "innovation"),
        ("NEGOTIATED_WITHOUT", "neg-wo-call"),
        ("NEGOTIATED", "neg-w-call"),
        ("AWARD_CONTRACT_WITHOUT", "neg-wo-call"),
        ("REQUEST_EXPRESSION_INTEREST", "exp-int-rail"),
        ("DA_", "neg-wo-call"),
    ];
    if local.ends_with("AWARD_WITHOUT_PRIOR_PUBLICATION") {
        return Some("neg-wo-call");
    }
    let kind = local.find("PT_").filter(|at| *at == 0 || local[..*at].ends_with('_')).map(|at| &local[at + 3..])?;
    KINDS.iter().find(|(start, _)| kind.starts_with(start)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn names_of_forms_lead_to_one_field() {
        for (local, expected) in [
            ("F17_ANNEX_B", Some(El::Lot)),
            ("TITLE_RESULT_DESIGN_CONTEST", Some(El::Title)),
            ("LOT_TITLE", Some(El::Title)),
            ("F02_FRAMEWORK", Some(El::Framework)),
            ("INFORMATION_REGULATORY_FRAMEWORK", Some(El::Other)),
            ("NOTICE_INVOLVES_DESC_DEFENCE", Some(El::Involves)),
            ("PT_OPEN", Some(El::Pt("open"))),
            ("F18_PT_NEGOTIATED_WITHOUT_PUBLICATION_CONTRACT_NOTICE", Some(El::Pt("neg-wo-call"))),
            ("PT_NEGOTIATED_WITH_PUBLICATION_CONTRACT_NOTICE", Some(El::Pt("neg-w-call"))),
            ("F03_AWARD_WITHOUT_PRIOR_PUBLICATION", Some(El::Pt("neg-wo-call"))),
            ("OPT_OPEN", Some(El::Other)),
            ("FD_CONTRACT", Some(El::Other)),
            ("CONTACT_POINT", None),
            ("ADDRESS_REVIEW_BODY", None),
        ] {
            assert_eq!(element(local), expected, "{local}");
            if let Some(El::Pt(code)) = expected {
                assert!(codes::in_eforms_list("procedure-type", code), "{code}");
            }
        }
    }
}
