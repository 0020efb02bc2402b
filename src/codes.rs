//! Code lists: CPV, countries, languages, NUTS, currencies, eForms codes. Lookup only; no judgement.
//!
//! The lists are files in `index/codes/`, shipped inside the binary.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use jiff::tz::TimeZone;

use crate::definitions::shipped_file;

/// One country.
#[derive(Debug)]
pub struct Country {
    /// ISO 3166-1 alpha-3.
    pub iso3: String,
    /// ISO 3166-1 alpha-2 (`GR`, `GB`).
    pub iso2: String,
    /// First letters of its NUTS codes (`EL`), if any.
    pub nuts: String,
    /// IANA zone of the capital; empty where we have none.
    pub zone: String,
    /// English name.
    pub name: String,
}

fn rows(name: &str) -> Vec<Vec<String>> {
    let text = shipped_file(name);
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn column(row: &[String], at: usize) -> String {
    row.get(at).cloned().unwrap_or_default()
}

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    rows("codes/country.tsv")
        .iter()
        .map(|row| Country {
            iso3: column(row, 0),
            iso2: column(row, 1),
            nuts: column(row, 2),
            zone: column(row, 4),
            name: column(row, 5),
        })
        .collect()
});
static COUNTRY_BY_CODE: LazyLock<HashMap<&'static str, &'static Country>> = LazyLock::new(|| {
    let mut map = HashMap::new();
    for country in COUNTRIES.iter() {
        map.insert(country.iso3.as_str(), country);
        map.insert(country.iso2.as_str(), country);
    }
    map.remove("");
    map
});
/// By ISO 639-3, upper case, and by the two letters themselves; empty where there are none.
static LANGUAGES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut map: HashMap<String, String> = HashMap::new();
    for row in rows("codes/language.tsv") {
        map.insert(column(&row, 1).to_ascii_uppercase(), column(&row, 1));
        map.insert(column(&row, 0), column(&row, 1));
    }
    map.remove("");
    map
});
static EU_LANGUAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut list: Vec<String> =
        rows("codes/language.tsv").iter().filter(|row| column(row, 2) == "1").map(|row| column(row, 1)).collect();
    list.sort();
    list
});
static CPV: LazyLock<Vec<(u32, String)>> = LazyLock::new(|| {
    let mut list: Vec<(u32, String)> =
        rows("codes/cpv.tsv").iter().filter_map(|row| Some((column(row, 0).parse().ok()?, column(row, 1)))).collect();
    list.sort();
    list
});
static CURRENCIES: LazyLock<HashSet<String>> =
    LazyLock::new(|| rows("codes/currency.tsv").iter().map(|row| column(row, 0)).collect());
static NUTS: LazyLock<HashSet<String>> =
    LazyLock::new(|| rows("codes/nuts.tsv").iter().map(|row| column(row, 0)).collect());
static EFORMS: LazyLock<HashMap<String, HashSet<String>>> = LazyLock::new(|| {
    let mut lists: HashMap<String, HashSet<String>> = HashMap::new();
    for row in rows("codes/eforms.tsv") {
        lists.entry(column(&row, 0)).or_default().insert(column(&row, 1));
    }
    lists
});

/// A country by ISO 3166-1 alpha-3 or alpha-2, upper case.
pub fn country(code: &str) -> Option<&'static Country> {
    COUNTRY_BY_CODE.get(code).copied()
}

/// A country by any code that publishers use for it (alpha-2, alpha-3, NUTS letters such as `EL`, `UK`), in any case,
/// or by its English name.
pub fn country_of(text: &str) -> Option<&'static Country> {
    static BY_NAME: LazyLock<HashMap<String, &'static Country>> = LazyLock::new(|| {
        let mut map: HashMap<String, &'static Country> =
            COUNTRIES.iter().map(|country| (country.name.to_lowercase(), country)).collect();
        for (other, code) in OTHER_NAMES {
            map.extend(country(code).map(|country| ((*other).to_owned(), country)));
        }
        map
    });
    let text = text.trim();
    let upper = text.to_uppercase();
    let code = match upper.as_str() {
        "EL" => "GR",
        "UK" => "GB",
        other => other,
    };
    country(code).filter(|country| !country.iso2.is_empty()).or_else(|| BY_NAME.get(&text.to_lowercase()).copied())
}

/// Names of countries that the list has under another one, lower case.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("czech republic", "CZ"),
    ("the netherlands", "NL"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northern ireland", "GB"),
    ("united states of america", "US"),
    ("usa", "US"),
    ("turkey", "TR"),
    ("vietnam", "VN"),
    ("deutschland", "DE"),
    ("österreich", "AT"),
    ("schweiz", "CH"),
    ("españa", "ES"),
    ("italia", "IT"),
    ("polska", "PL"),
    ("norge", "NO"),
    ("sverige", "SE"),
    ("danmark", "DK"),
    ("suomi", "FI"),
    ("eesti", "EE"),
    ("latvija", "LV"),
    ("lietuva", "LT"),
    ("česká republika", "CZ"),
    ("česko", "CZ"),
    ("slovensko", "SK"),
    ("slovenská republika", "SK"),
    ("magyarország", "HU"),
    ("românia", "RO"),
    ("hrvatska", "HR"),
    ("slovenija", "SI"),
    ("ελλάδα", "GR"),
    ("κύπρος", "CY"),
    ("българия", "BG"),
    ("україна", "UA"),
    ("belgië", "BE"),
    ("belgique", "BE"),
    ("nederland", "NL"),
];

/// Every country, by alpha-3 code.
pub fn countries() -> &'static [Country] {
    &COUNTRIES
}

/// The zone for a buyer of this country (alpha-2); UTC where none is known.
pub fn zone_of(country_iso2: Option<&str>) -> TimeZone {
    country_iso2
        .and_then(country)
        .filter(|country| !country.zone.is_empty())
        .and_then(|country| TimeZone::get(&country.zone).ok())
        .unwrap_or(TimeZone::UTC)
}

/// ISO 639-1 of an ISO 639-3 code in any case, or of a two-letter code; `None` when it is in no list.
pub fn language(code: &str) -> Option<&'static str> {
    let short = LANGUAGES.get(&code.trim().to_ascii_uppercase())?;
    (!short.is_empty()).then_some(short.as_str())
}

/// The 24 official EU languages, ISO 639-1, sorted.
pub fn eu_languages() -> &'static [String] {
    &EU_LANGUAGES
}

/// The 8 digits of a CPV code written as `NNNNNNNN` or `NNNNNNNN-N`; `None` for anything else.
pub fn cpv_digits(text: &str) -> Option<&str> {
    let text = text.trim();
    let digits = text.split_once('-').map_or(text, |(digits, check)| if check.len() == 1 { digits } else { text });
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Seven digits are a code that lost a zero at its front (read as a number) or at its end: whichever is in the list; when
/// neither or both are, the front.
fn padded(digits: &str) -> String {
    let (front, end) = (format!("0{digits}"), format!("{digits}0"));
    if cpv_label(&front).is_none() && cpv_label(&end).is_some() { end } else { front }
}

/// CPV codes in a text, 8 digits each, each once, in order. A run of 8 digits counts, with or without check digit; a
/// run of 7 (one zero lost) only when nothing but codes stands in the text, or when a check digit follows.
pub fn cpv_in(text: &str) -> Vec<String> {
    let only_codes = !text.chars().any(char::is_alphabetic);
    let mut found: Vec<String> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && found.len() < 1000 {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &text[at..end];
        let checked = bytes.get(end) == Some(&b'-')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
            && !bytes.get(end + 2).is_some_and(u8::is_ascii_digit);
        let code = match digits.len() {
            8 => Some(digits.to_owned()),
            7 if only_codes || checked => Some(padded(digits)),
            9 if cpv_label(&digits[..8]).is_some() => Some(digits[..8].to_owned()),
            _ => None,
        };
        if let Some(code) = code
            && !found.contains(&code)
        {
            found.push(code);
        }
        at = if checked { end + 2 } else { end };
    }
    found
}

/// English label of a CPV code of 8 digits; `None` when the code is in no list.
pub fn cpv_label(code: &str) -> Option<&'static str> {
    let number: u32 = (code.len() == 8).then(|| code.parse().ok()).flatten()?;
    let at = CPV.binary_search_by_key(&number, |(code, _)| *code).ok()?;
    Some(CPV[at].1.as_str())
}

/// Whether any CPV code starts with these 2 to 8 digits.
pub fn cpv_prefix_exists(prefix: &str) -> bool {
    if !(2..=8).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(number) = prefix.parse::<u32>() else { return false };
    let scale = 10u32.pow(8 - u32::try_from(prefix.len()).unwrap_or(8));
    let first = CPV.partition_point(|(code, _)| *code < number * scale);
    CPV.get(first).is_some_and(|(code, _)| code / scale == number)
}

/// Whether the currency is in the list.
pub fn is_currency(code: &str) -> bool {
    CURRENCIES.contains(code)
}

/// Whether the NUTS code is in the current list.
pub fn is_nuts(code: &str) -> bool {
    NUTS.contains(code)
}

/// Whether a code is in an eForms list (`procedure-type`, `buyer-legal-type` …).
///
/// # Panics
/// When there is no such list, which is a mistake in the caller.
pub fn in_eforms_list(list: &str, code: &str) -> bool {
    EFORMS.get(list).expect("the list is shipped").contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_iso_whatever_nuts_says() {
        assert_eq!(country("GRC").map(|c| c.iso2.as_str()), Some("GR"));
        assert_eq!(country("GR").map(|c| c.nuts.as_str()), Some("EL"));
        assert_eq!(country("CPV").map(|c| c.name.as_str()), Some("Cabo Verde"));
        assert!(country("").is_none());
        assert!(country("UK").is_none());
        assert_eq!(zone_of(Some("FI")).iana_name(), Some("Europe/Helsinki"));
        for country in countries().iter().filter(|country| !country.zone.is_empty()) {
            assert!(TimeZone::get(&country.zone).is_ok(), "{}", country.zone);
        }
    }

    #[test]
    fn languages_fold_to_two_letters() {
        assert_eq!(language("DEU"), Some("de"));
        assert_eq!(language("fra"), Some("fr"));
        assert_eq!(language("MT"), Some("mt"));
        assert_eq!(language("QQQ"), None);
        assert_eq!(eu_languages().len(), 24);
    }

    #[test]
    fn cpv_codes_with_and_without_check_digit() {
        assert_eq!(cpv_digits(" 35613000-8 "), Some("35613000"));
        assert_eq!(cpv_digits("35613000"), Some("35613000"));
        assert_eq!(cpv_digits("3561300"), None);
        assert_eq!(cpv_digits("35613000-88"), None);
        assert_eq!(cpv_label("35613000"), Some("Unmanned aerial vehicles"));
        assert!(cpv_prefix_exists("35613"));
        assert!(cpv_prefix_exists("03"));
        assert!(!cpv_prefix_exists("99"));
        assert!(!cpv_prefix_exists("3"));
    }

    #[test]
    fn seven_digits_get_back_the_zero_that_makes_a_code() {
        assert_eq!(cpv_in("3311161"), ["33111610"]);
        assert_eq!(cpv_in("3111000-1"), ["03111000"]);
        assert_eq!(cpv_in("Lot 1234567 of drones"), Vec::<String>::new());
        assert_eq!(cpv_in("35613000-8, 35613000|30200000"), ["35613000", "30200000"]);
    }

    #[test]
    fn eforms_lists_are_there() {
        assert!(in_eforms_list("procedure-type", "open"));
        assert!(!in_eforms_list("procedure-type", "opne"));
        assert!(is_currency("EUR") && !is_currency("EURO"));
        assert!(is_nuts("FR101") && !is_nuts("XX999"));
    }
}
