//! What two notices are compared by: a small projection that is stored beside each.

use std::hash::Hasher;

use fnv::FnvHasher;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::analysis::tokens;
use crate::notice::{Amount, Notice, Stage};
use crate::organisations::{KeyKind, keys};

/// Words of a title that are compared.
const MAX_WORDS: usize = 40;

/// A description of fewer words tells no notice from its like.
const TOLD: usize = 8;

/// The projection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Who published it.
    pub source: String,
    /// Where it stands.
    pub stage: Stage,
    /// The edition, BT-757.
    pub version: String,
    /// Countries of the buyers.
    pub countries: Vec<String>,
    /// Hashes of the buyers' identifiers and normalised names, sorted.
    pub buyers: Vec<u64>,
    /// Hashes of the title's folded words, sorted; numbers apart.
    pub title: Vec<u32>,
    /// Numbers and lone letters in the title: years, lots, file numbers; sorted.
    pub numbers: Vec<String>,
    /// The day of the deadline, in UTC.
    pub deadline: Option<Date>,
    /// The day of publication.
    pub published: Option<Date>,
    /// The estimate or the award, as said, with its currency.
    #[serde(with = "as_text")]
    pub value: Option<(Decimal, String)>,
    /// Divisions and groups of the CPV codes: their first three digits, sorted.
    pub cpv: Vec<String>,
    /// How many lots.
    pub lots: usize,
    /// A hash of the description's words and of the winners; `None` where the description says nothing much.
    pub description: Option<u64>,
    /// The procedure's number and its register, where it says one.
    pub process: Option<(String, u64)>,
    /// Keys that it refers to, as stored, sorted; filled in with the claims.
    pub refers: Vec<i64>,
}

impl Facts {
    /// As they are stored: a million of them stay small.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("facts are plain data")
    }

    /// Reads what is stored; `None` where it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// An amount as text: its own shape asks the format what is there, and the stored one does not say.
mod as_text {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub fn serialize<S: Serializer>(value: &Option<(Decimal, String)>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|(amount, currency)| (amount.to_string(), currency)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(Decimal, String)>, D::Error> {
        let value: Option<(String, String)> = Option::deserialize(deserializer)?;
        let read = |(amount, currency): (String, String)| amount.parse().map(|amount| (amount, currency));
        value.map(read).transpose().map_err(|error: rust_decimal::Error| de::Error::custom(error))
    }
}

/// The same number for the same text, on every machine and in every version.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Of one notice.
pub fn facts(notice: &Notice) -> Facts {
    let mut buyers: Vec<u64> = notice
        .buyers
        .iter()
        .flat_map(keys)
        .filter(|key| key.kind != KeyKind::Group)
        .map(|key| hash(&key.to_string()))
        .collect();
    buyers.sort_unstable();
    buyers.dedup();
    let (mut title, mut numbers) = (Vec::new(), Vec::new());
    for token in tokens(notice.title.first().map_or("", |(_, text)| text)).take(MAX_WORDS) {
        let word = token.folded();
        if word.chars().any(|c| c.is_ascii_digit()) || word.chars().count() == 1 {
            numbers.push(word.trim_start_matches('0').to_owned());
        } else {
            title.push(u32::try_from(hash(&word) >> 32).unwrap_or(0));
        }
    }
    title.sort_unstable();
    title.dedup();
    numbers.sort_unstable();
    numbers.dedup();
    let mut cpv: Vec<String> = notice.cpv.iter().filter_map(|code| code.get(..3)).map(str::to_owned).collect();
    cpv.sort_unstable();
    cpv.dedup();
    let known = |amount: &Option<Amount>| match amount {
        Some(Amount::Known(money)) => Some((money.amount, money.currency.clone())),
        _ => None,
    };
    let (mut description, mut words) = (FnvHasher::default(), 0);
    for token in tokens(notice.description.first().map_or("", |(_, text)| text)) {
        description.write(token.folded().as_bytes());
        words += 1;
    }
    for name in notice.suppliers.iter().filter_map(|supplier| supplier.name.as_deref()) {
        description.write(name.as_bytes());
    }
    let mut countries: Vec<String> = notice.buyer_countries().into_iter().map(str::to_owned).collect();
    countries.sort_unstable();
    Facts {
        source: notice.source.to_string(),
        stage: notice.stage,
        version: notice.version.clone().unwrap_or_default(),
        countries,
        buyers,
        title,
        numbers,
        deadline: notice.deadline.as_ref().map(|deadline| deadline.at.to_zoned(jiff::tz::TimeZone::UTC).date()),
        published: notice.published_on,
        value: known(&notice.awarded_value).or_else(|| known(&notice.estimated_value)),
        cpv,
        lots: notice.lots.len(),
        description: (words >= TOLD).then(|| description.finish()),
        process: process(notice),
        refers: Vec::new(),
    }
}

/// What a notice says its procedure is. Numbers of one register can be compared, those of two cannot.
fn process(notice: &Notice) -> Option<(String, u64)> {
    let id = notice.ocid.as_deref().or(notice.procedure_id.as_deref())?.trim().to_lowercase();
    let register = match id.split_once('-') {
        _ if id.is_empty() => return None,
        Some(("ocds", rest)) => format!("ocds-{}", rest.get(..6).unwrap_or_default()),
        _ if id.len() == 36 => "uuid".to_owned(),
        _ => notice.source.to_string(),
    };
    Some((register, hash(&id)))
}
