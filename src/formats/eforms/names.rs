//! The elements of eForms that a notice is read from, by the schema's own names.

use std::collections::HashMap;
use std::sync::LazyLock;

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
        RegulatoryDomain ServiceTypeCode StartDate SubTypeCode TendererRequirementTypeCode TenderResultCode TerminatedIndicator
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
    element: |namespace, local| BY_NAME.get(&(namespace, local)).copied(),
    attributes: &["listName", "languageID", "schemeName", "currencyID", "unitCode", "schemeID"],
    flow: None,
};

/// Whether a root element is one of eForms.
pub(super) fn is_root(namespace: &str, local: &str) -> bool {
    matches!(
        BY_NAME.get(&(namespace, local)),
        Some(
            El::ContractNotice
                | El::ContractAwardNotice
                | El::PriorInformationNotice
                | El::BusinessRegistrationInformationNotice
        )
    )
}
