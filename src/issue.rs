//! A finding about data: where, what value, which code. Findings never stop a parse.
//!
//! The codes are a closed set; `docs/issues.md` is generated from [`CODES`].

use serde::{Deserialize, Serialize};

/// One finding on a notice, or on a document that holds no notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// What kind of finding.
    pub code: IssueCode,
    /// Where in the document: an element path such as `/ContractNotice/cbc:IssueDate`, or a field name.
    pub path: String,
    /// The value as found, cut at 200 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

impl Issue {
    /// A finding; the value is cut so that a broken document cannot fill the store.
    pub fn new(code: IssueCode, path: impl Into<String>, value: &str) -> Self {
        Self { code, path: path.into(), value: Self::shown(value).to_owned() }
    }

    /// As much of a value as a finding keeps.
    pub fn shown(value: &str) -> &str {
        value.char_indices().nth(200).map_or(value, |(at, _)| &value[..at])
    }
}

macro_rules! issue_codes {
    ($($variant:ident = $code:literal : $meaning:literal,)*) => {
        /// The closed set of findings; each has a kebab-case code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum IssueCode {
            $(#[doc = $meaning] #[serde(rename = $code)] $variant,)*
        }

        impl IssueCode {
            /// The code as printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }

        /// Every code with its meaning, in the order of `docs/issues.md`.
        pub const CODES: &[(IssueCode, &str)] = &[$((IssueCode::$variant, $meaning),)*];
    };
}

issue_codes! {
    BadDate = "bad-date": "a date that is none; the field is absent",
    BadTime = "bad-time": "a time that is none; the date stands without it",
    BadAmount = "bad-amount": "an amount that is no decimal number; the field is absent",
    BadNumber = "bad-number": "a count that is no whole number; the field is absent",
    MissingCurrency = "missing-currency": "an amount without a currency; the amount is kept under `extra`",
    UnknownCurrency = "unknown-currency": "a currency outside the ISO 4217 list; kept as written",
    BadCpv = "bad-cpv": "a CPV code that is not 8 digits (with or without check digit); dropped from `cpv`, kept here",
    UnknownCpv = "unknown-cpv": "8 digits that are in no CPV list; kept",
    UnknownCountry = "unknown-country": "a country code outside the list; kept as written",
    UnknownLanguage = "unknown-language": "a language code outside the list; kept as written, lower case",
    UnknownNuts = "unknown-nuts": "a NUTS code outside the current list; kept as written",
    UnknownCode = "unknown-code": "a code outside its eForms list; kept as written",
    UnknownStage = "unknown-stage": "a form type that maps to no stage; the stage is taken from the document's root",
    DanglingReference = "dangling-reference": "a reference to an organisation, lot, tender or contract that the document does not define",
    DuplicateId = "duplicate-id": "two elements of one kind with the same id; the first one stands",
    MissingPublicationId = "missing-publication-id": "no publication number; the id falls back to the notice UUID or the document's hash",
    MissingTitle = "missing-title": "no title at any level",
    MissingBuyer = "missing-buyer": "no contracting party, or none that names an organisation",
    MissingRequired = "missing-required": "an element that the format requires is absent",
    UndeclaredLanguage = "undeclared-language": "a text without a language; filed under the notice's official language",
    WithheldValue = "withheld-value": "a value that the publisher masked (-1, `unpublished`, 1970-01-01); shown as withheld",
    PlaceholderValue = "placeholder-value": "an amount of 0 or 1 or less that reads like a placeholder; kept; 0, 1, 0.1, 0.01 and less than 0 are left out of euro values",
    AllNinesValue = "all-nines-value": "an amount of nothing but nines, typed to get past a field; kept, and left out of euro values",
    TypedThroughValue = "typed-through-value": "an amount such as 123456 or 1111111, typed to get past a field; kept, and left out of euro values",
    ValueBeyondAll = "value-beyond-all": "more than 500 thousand million euro, which no public contract in Europe is worth; kept, and left out of euro values",
    ThousandTimesLots = "thousand-times-lots": "a total that is a thousand times the sum of its lots, or a thousandth: one of them was written in thousands; kept, and left out of euro values",
    UnknownDialect = "unknown-dialect": "a customisation id that no eForms SDK has; read as eForms all the same",
    GuessedLanguage = "guessed-language": "nothing declares the language of a text; it was detected from the text itself",
    UnreadableRecord = "unreadable-record": "one record of a document that cannot be read; the others are",
    RepairedEncoding = "repaired-encoding": "text that was written in one encoding and read in another (`â€™` for `’`); repaired, the original is in the archive",
    GuessedEncoding = "guessed-encoding": "nothing says the encoding of a text; it was guessed from the letters that come out",
    AssumedPublicationDay = "assumed-publication-day": "nobody has published it in the gazette yet, or the document does not say when: the day that the buyer asked for, else the day of dispatch, stands for the day of publication",
    ImplausibleDate = "implausible-date": "a date far outside the life of a notice; kept as written under `extra`",
    RepairedText = "repaired-text": "control characters or broken entities that were repaired before reading",
    UnopenedValue = "unopened-value": "a document inside a value (JSON, base64, a page) that cannot be opened; the rest is read",
    Truncated = "truncated": "a list or text that was cut at the program's own bound",
    DeletedEntry = "deleted-entry": "the publisher took an entry back (its reference and when); what was read of it before stays",
}

macro_rules! non_notices {
    ($($variant:ident = $name:literal : $meaning:literal,)*) => {
        /// Why a record is known to be no notice: a closed set of rules, counted in receipts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NonNotice {
            $(#[doc = $meaning] $variant,)*
        }

        impl NonNotice {
            /// The rule's name as printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        /// Every rule with its meaning, in the order of `docs/issues.md`.
        pub const NON_NOTICES: &[(NonNotice, &str)] = &[$((NonNotice::$variant, $meaning),)*];
    };
}

non_notices! {
    CompanyRegistration = "company-registration": "a European company or grouping was registered (eForms X01, X02); nothing is bought",
    Tombstone = "tombstone": "the publisher took an entry back; what it referred to stays, and the reference is kept as a finding",
    Lookup = "lookup": "an answer of a lookup service: organisations, types, dictionaries, descriptions of an interface",
    OtherDecision = "other-decision": "a decision of a public body that is neither a call nor an award",
    EmptyRow = "empty-row": "a row without any value",
    HeaderRow = "header-row": "a row of column names",
    SectionRow = "section-row": "a row that only opens a section of a table",
    TotalRow = "total-row": "a row that only sums up others",
    LinkedRelease = "linked-release": "only a link to releases that are published elsewhere; nothing of them is here",
    NoteRow = "note-row": "a row beside a table's records: its title, its buyer, notes, or a sheet without records",
    ChangeList = "change-list": "an entry of a list of changes: it names a record and what changed, the record itself comes elsewhere",
    ProjectPart = "project-part": "a row about a part of a project (participation, topic, classification), without the project itself",
    ReferenceRates = "reference-rates": "a day of reference rates of the European Central Bank: amounts are converted with it",
    ProfileNotice = "profile-notice": "a buyer announced its profile page; nothing is bought",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_kebab_case_and_read_back() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, meaning) in CODES {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{text}");
            assert!(!meaning.is_empty());
            let json = serde_json::to_string(code).expect("a code serialises");
            assert_eq!(serde_json::from_str::<IssueCode>(&json).expect("and back"), *code);
        }
    }
}
