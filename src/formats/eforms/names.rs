//! The elements of eForms that a notice is read from, by the schema's own names.

use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem;

use crate::formats::xml::{NameHash, Vocabulary};

const NOTICE: [&str; 3] = [
    "urn:oasis:names:specification:ubl:schema:xsd:ContractNotice-2",
    "urn:oasis:names:specification:ubl:schema:xsd:ContractAwardNotice-2",
    "urn:oasis:names:specification:ubl:schema:xsd:PriorInformationNotice-2",
];
const BRIN: &str = "http://data.europa.eu/p27/eforms-business-registration-information-notice/1";
const CAC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const CBC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
const EXT: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2";
const EFEXT: &str = "http://data.europa.eu/p27/eforms-ubl-extensions/1";
const EFAC: &str = "http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1";
const EFBC: &str = "http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1";

macro_rules! names {
    ($($namespace:expr, $prefix:literal { $($name:ident)* })*) => {
        /// An element that we read; each variant is the local name in the schema.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::upper_case_acronyms, reason = "the names are those of the schema")]
        pub(super) enum El { $($($name,)*)* }

        impl El {
            /// With the prefix that the SDK writes.
            pub(super) fn qualified(self) -> &'static str {
                match self { $($(Self::$name => concat!($prefix, stringify!($name)),)*)* }
            }
        }

        static BY_NAME: LazyLock<HashMap<(&str, &str), El, NameHash>> = LazyLock::new(|| {
            [$($((($namespace, stringify!($name)), El::$name),)*)*].into_iter().collect()
        });
    };
}

names! {
    // What a publisher wraps around notices; `element` below knows it.
    "wrapper", "" { Foreign }
    NOTICE[0], "" { ContractNotice }
    NOTICE[1], "" { ContractAwardNotice }
    NOTICE[2], "" { PriorInformationNotice }
    BRIN, "" { BusinessRegistrationInformationNotice }
    EXT, "ext:" { UBLExtensions UBLExtension ExtensionContent }
    EFEXT, "efext:" { EformsExtension }
    CAC, "cac:" {
        AdditionalCommodityClassification AdditionalNoticeLanguage Address Attachment AuctionTerms
        CallForTendersDocumentReference ContractingActivity ContractingParty ContractingPartyType ContractingSystem
        Country ExternalReference FrameworkAgreement LegalMonetaryTotal LotDistribution LotsGroup
        MainCommodityClassification NoticeDocumentReference ParticipationRequestReceptionPeriod Party
        PartyIdentification PartyLegalEntity PartyName PlannedPeriod PostalAddress ProcessJustification
        ProcurementAdditionalType ProcurementLegislationDocumentReference ProcurementProject ProcurementProjectLot
        ProcurementProjectLotReference RealizedLocation RequestedTenderTotal SecurityClearanceTerm
        ServiceProviderParty SpecificTendererRequirement TendererQualificationRequest TenderingProcess
        TenderingTerms TenderRecipientParty TenderSubmissionDeadlinePeriod
    }
    CBC, "cbc:" {
        ActivityTypeCode AuctionConstraintIndicator AwardDate BuyerProfileURI CityName Code CompanyID
        ContractFolderID ContractingSystemTypeCode CountrySubentityCode CustomizationID Description DescriptionCode
        DocumentDescription DocumentType DurationMeasure EndDate EndpointID EndTime EstimatedMaximumValueAmount
        EstimatedOverallContractAmount FundingProgram FundingProgramCode GovernmentAgreementConstraintIndicator ID
        IdentificationCode IssueDate IssueTime ItemClassificationCode LotsGroupID MaximumValueAmount Name Note
        NoticeLanguageCode NoticeTypeCode PartyTypeCode PayableAmount PlannedDate ProcedureCode ProcessReason
        ProcessReasonCode ProcurementTypeCode RankCode ReasonCode RecurringProcurementIndicator Region
        RegulatoryDomain RequestedPublicationDate ServiceTypeCode StartDate SubTypeCode TendererRequirementTypeCode TenderResultCode TerminatedIndicator
        Title TotalAmount URI VersionID WebsiteURI
    }
    EFAC, "efac:" {
        Change ChangedSection ChangeReason Changes Company ContractModification ContractReference DecisionReason
        FieldsPrivacy FrameworkAgreementValues Funding GroupFramework InterestExpressionReceptionPeriod LotResult
        LotTender NoticeResult NoticeSubType Organization Organizations Publication ReceivedSubmissionsStatistics
        SettledContract Tenderer TenderingParty TenderLot TouchPoint
    }
    EFBC, "efbc:" {
        AcquiringCPBIndicator AwardingCPBIndicator ChangeDescription ChangedNoticeIdentifier
        ChangedSectionIdentifier CompanySizeCode DecisionReasonCode FieldIdentifierCode FinancingIdentifier
        FrameworkMaximumAmount GazetteID GroupFrameworkMaximumValueAmount GroupLeadIndicator
        ModifiedContractIdentifier NaturalPersonIndicator NoticePublicationID
        OverallApproximateFrameworkContractsAmount OverallMaximumFrameworkContractsAmount PublicationDate
        ReasonDescription ReestimatedValueAmount StatisticsCode StatisticsNumeric
    }
}

/// What is kept of a document. Contacts and beneficial owners are not in it, so they are never read.
pub(super) const VOCABULARY: Vocabulary<El> = Vocabulary {
    element,
    attributes: &["listName", "languageID", "schemeName", "currencyID", "unitCode", "schemeID"],
    flow: None,
};

/// BOAMP writes `urn:boamp:` where the schema says `urn:oasis:`. Elements without a namespace, and those of BOAMP's own
/// schema, are never part of a notice: they are wrappers, and notices are looked for inside.
fn element(namespace: &str, local: &str) -> Option<El> {
    if let Some(known) = BY_NAME.get(&(namespace, local)) {
        return Some(*known);
    }
    if let Some(rest) = namespace.strip_prefix("urn:boamp:") {
        let oasis = format!("urn:oasis:{rest}");
        return BY_NAME.get(&(oasis.as_str(), local)).copied();
    }
    // Inside BOAMP's wrapper the notice itself has no namespace, only what it holds.
    let root = NOTICE.iter().find_map(|namespace| BY_NAME.get(&(*namespace, local)));
    match root {
        Some(root) if namespace.is_empty() => Some(*root),
        _ => is_wrapper(namespace, local).then_some(El::Foreign),
    }
}

/// Elements that carry notices and are none.
fn is_wrapper(namespace: &str, local: &str) -> bool {
    namespace.is_empty() && !matches!(local, "HTML" | "HTMLSYNTHESE")
        || namespace.starts_with("http://boamp.journal-officiel.gouv.fr/XML/") && !local.starts_with("HTML")
}

/// The element that the SDK writes so (`cbc:ID`): what keys of XML turned into JSON look like.
pub(super) fn by_qualified_name(name: &str) -> Option<El> {
    static BY_QUALIFIED_NAME: LazyLock<HashMap<&str, El, NameHash>> =
        LazyLock::new(|| BY_NAME.values().map(|name| (name.qualified(), *name)).collect());
    BY_QUALIFIED_NAME.get(name).copied()
}

/// Whether a root element is one of eForms.
pub(super) fn is_root(namespace: &str, local: &str) -> bool {
    !namespace.is_empty() && element(namespace, local).is_some_and(is_notice)
}

/// The elements that are whole notices.
const ROOTS: [El; 4] = [
    El::ContractNotice,
    El::ContractAwardNotice,
    El::PriorInformationNotice,
    El::BusinessRegistrationInformationNotice,
];

/// Whether the element is a whole notice.
pub(super) fn is_notice(name: El) -> bool {
    ROOTS.contains(&name)
}

/// Whether the name of a whole notice stands anywhere in a text: without it no notice is inside.
pub(super) fn mentions_notice(text: &str) -> bool {
    ROOTS.iter().any(|root| memmem::find(text.as_bytes(), root.qualified().as_bytes()).is_some())
}
