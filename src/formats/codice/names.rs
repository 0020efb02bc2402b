//! The elements of an Atom page and of CODICE that a notice is read from, by the schemas' own names.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::formats::xml::{NameHash, Vocabulary};

pub(super) const ATOM: &str = "http://www.w3.org/2005/Atom";
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";
/// CODICE's four namespaces begin like this. Pages of different years mix them up for the same element, and no local
/// name means two things in them, so they are read as one.
pub(super) const CODICE: &str = "urn:dgpe:names:draft:codice";

macro_rules! names {
    ($($family:ident { $($name:ident $text:literal)* })*) => {
        /// An element that we read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::upper_case_acronyms, reason = "the names are those of the schema")]
        pub(super) enum El { $($($name,)*)* }

        static BY_NAME: LazyLock<HashMap<(Family, &str), El, NameHash>> = LazyLock::new(|| {
            [$($(((Family::$family, $text), El::$name),)*)*].into_iter().collect()
        });
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    Atom,
    Tombstones,
    Codice,
}

names! {
    Atom {
        Feed "feed" Entry "entry" EntryId "id" Link "link" Summary "summary" EntryTitle "title" Updated "updated"
    }
    Tombstones { DeletedEntry "deleted-entry" }
    Codice {
        ActivityCode "ActivityCode" Address "Address" Attachment "Attachment" AuctionConstraintIndicator "AuctionConstraintIndicator"
        AuctionTerms "AuctionTerms" AwardDate "AwardDate" AwardedTenderedProject "AwardedTenderedProject"
        AdditionalPublicationDocumentReference "AdditionalPublicationDocumentReference"
        AdditionalPublicationStatus "AdditionalPublicationStatus" BudgetAmount "BudgetAmount"
        BuyerProfileURIID "BuyerProfileURIID" CityName "CityName" Contract "Contract"
        ContractFolderID "ContractFolderID" ContractFolderStatus "ContractFolderStatus"
        ContractFolderStatusCode "ContractFolderStatusCode" ContractingPartyTypeCode "ContractingPartyTypeCode"
        ContractingSystemCode "ContractingSystemCode" ContractModification "ContractModification" Country "Country"
        CountrySubentityCode "CountrySubentityCode" Description "Description" DurationMeasure "DurationMeasure"
        EndDate "EndDate" EndTime "EndTime" EstimatedOverallContractAmount "EstimatedOverallContractAmount"
        ExternalReference "ExternalReference" FundingProgram "FundingProgram" FundingProgramCode "FundingProgramCode"
        ID "ID" IdentificationCode "IdentificationCode" IssueDate "IssueDate"
        ItemClassificationCode "ItemClassificationCode" LegalDocumentReference "LegalDocumentReference"
        LegalMonetaryTotal "LegalMonetaryTotal" LocatedContractingParty "LocatedContractingParty" Name "Name"
        NoticeIssueDate "NoticeIssueDate" NoticeTypeCode "NoticeTypeCode"
        OverThresholdIndicator "OverThresholdIndicator" ParentLocatedParty "ParentLocatedParty"
        ParticipationRequestReceptionPeriod "ParticipationRequestReceptionPeriod" Party "Party"
        PartyIdentification "PartyIdentification" PartyName "PartyName" PayableAmount "PayableAmount"
        PlannedPeriod "PlannedPeriod" PostalAddress "PostalAddress" ProcedureCode "ProcedureCode"
        ProcurementLegislationDocumentReference "ProcurementLegislationDocumentReference"
        ProcurementProject "ProcurementProject" ProcurementProjectLot "ProcurementProjectLot"
        ProcurementProjectLotID "ProcurementProjectLotID" PublicationMediaName "PublicationMediaName"
        RealizedLocation "RealizedLocation" ReceivedTenderQuantity "ReceivedTenderQuantity"
        RequiredCommodityClassification "RequiredCommodityClassification" ResultCode "ResultCode"
        SMEAwardedIndicator "SMEAwardedIndicator" StartDate "StartDate" SubTypeCode "SubTypeCode"
        TaxExclusiveAmount "TaxExclusiveAmount" TechnicalDocumentReference "TechnicalDocumentReference"
        TenderingProcess "TenderingProcess" TenderingTerms "TenderingTerms" TenderResult "TenderResult"
        TenderSubmissionDeadlinePeriod "TenderSubmissionDeadlinePeriod" TotalAmount "TotalAmount" TypeCode "TypeCode"
        UrgencyCode "UrgencyCode" URI "URI" UUID "UUID" ValidNoticeInfo "ValidNoticeInfo" WebsiteURI "WebsiteURI"
        WinningParty "WinningParty"
    }
}

/// What is kept of a page. Contacts and authors are not in it, so they are never read.
pub(super) const VOCABULARY: Vocabulary<El> = Vocabulary {
    element: |namespace, local| {
        let family = match namespace {
            ATOM => Family::Atom,
            TOMBSTONES => Family::Tombstones,
            other if other.starts_with(CODICE) => Family::Codice,
            _ => return None,
        };
        BY_NAME.get(&(family, local)).copied()
    },
    attributes: &["href", "rel", "ref", "when", "schemeName", "currencyID", "unitCode", "languageID"],
    flow: None,
};
