//! E-mail addresses and telephone numbers in free text → `[e-mail]`, `[telephone]`.
//!
//! Notices are public, but people's contact data has no place in an index. A run of digits counts as a
//! telephone number only after `+` or a word such as "tel": CPV codes, dates, amounts and file numbers stay.

use std::borrow::Cow;

/// Per format, the elements or keys that hold personal contact data (names of contact persons, their addresses and
/// numbers, beneficial owners), by local name. No format reads them; a test looks for their values in every notice
/// of the corpus.
pub const CONTACTS: &[(&str, &[&str])] = &[
    ("eforms", &["Contact", "UltimateBeneficialOwner", "ElectronicMail", "Telephone", "Telefax"]),
    (
        "ted-export",
        &[
            "CONTACT_POINT",
            "ATTENTION",
            "E_MAIL",
            "E_MAILS",
            "PHONE",
            "TEL",
            "FAX",
            "MEMBER_NAME",
            "MEMBERS_NAMES",
            "MEMBERS_NAME",
            "PARTICIPANT_NAME",
        ],
    ),
    ("ocds", OCDS),
    (
        "boamp",
        &[
            "CORRESPONDANT",
            "CONTACT",
            "TEL",
            "FAX",
            "MEL",
            "POSTE",
            "correspondantPRM",
            "coord",
            "nomContact",
            "adresseMailContact",
            "telContact",
            "attributionMarche",
        ],
    ),
    // Participants' contacts are people; of calls only the help desk's text names addresses.
    ("cordis", &["person", "contact", "telephone", "email"]),
    ("funding-tenders", &["supportInfo", "topicConditions"]),
    ("feed", &["author", "managingEditor", "webMaster", "creator", "contributor", "email"]),
    ("codice", &["Contact", "ElectronicMail", "Telephone", "Telefax", "email", "author"]),
    // No definition may name such a key; the compiler refuses it.
    (
        "mapped",
        &["pointOfContact", "contactPerson", "contactPoints", "attentionTo", "email", "phone", "fax", "signers"],
    ),
    ("plan-table", &["ContactEmail", "ResponsiblePersonEmail", "Kontakt", "Responsabile del procedimento"]),
];

/// Contact points, persons and beneficial owners of OCDS.
pub const OCDS: &[&str] = &[
    "contactPoint",
    "contactPoints",
    "additionalContactPoints",
    "persons",
    "people",
    "beneficialOwners",
    "signatories",
    "email",
    "telephone",
    "faxNumber",
];

/// The text with contact data masked, owned; one that holds none is not copied again.
pub fn masked<'t>(text: impl Into<Cow<'t, str>>) -> String {
    let text = text.into();
    match mask(&text) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(_) => text.into_owned(),
    }
}

/// The text with contact data masked.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut found: Vec<(usize, usize, &'static str)> = Vec::new();
    e_mails(text, &mut found);
    telephones(text, &mut found);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end, replacement) in found {
        if start >= done {
            masked.push_str(&text[done..start]);
            masked.push_str(replacement);
            done = end;
        }
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

/// What stands between name and host.
const SIGNS: &[&str] = &["@", "(at)", "[at]", "(AT)", "[AT]"];

/// `name@host.tld`, also with `(at)`, `[at]` or blanks around the sign.
fn e_mails(text: &str, found: &mut Vec<(usize, usize, &'static str)>) {
    for at in memchr::memchr3_iter(b'@', b'(', b'[', text.as_bytes()) {
        let Some(sign) = SIGNS.iter().find(|sign| text[at..].starts_with(**sign)) else { continue };
        let before = text[..at].trim_end_matches(' ');
        let after_start = at + sign.len();
        let after = text[after_start..].trim_start_matches(' ');
        if at - before.len() > 1 || text.len() - after_start - after.len() > 1 {
            continue;
        }
        let name = before.chars().rev().take_while(|c| c.is_alphanumeric() || "._%+-'".contains(*c));
        let name_length: usize = name.map(char::len_utf8).sum();
        let host_length = host(after);
        if name_length > 0 && host_length > 0 {
            found.push((before.len() - name_length, text.len() - after.len() + host_length, "[e-mail]"));
        }
    }
}

/// The length of a host name with a top-level domain at the start of `text`, else 0.
fn host(text: &str) -> usize {
    let allowed = text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let length: usize = allowed.map(char::len_utf8).sum();
    let name = text[..length].trim_end_matches(['.', '-']);
    match name.rsplit_once('.') {
        Some((host, tld)) if !host.is_empty() && tld.len() >= 2 && tld.chars().all(char::is_alphabetic) => name.len(),
        _ => 0,
    }
}

/// Words that announce a telephone number, lower case, in the languages of the notices.
const WORDS: &[&str] = &[
    "tel",
    "tél",
    "tel nr",
    "tlf",
    "tlph",
    "puh",
    "gsm",
    "mob",
    "mobil",
    "mobile",
    "fax",
    "faks",
    "faksi",
    "faxe",
    "telefax",
    "phone",
    "telephone",
    "téléphone",
    "telefon",
    "telefono",
    "teléfono",
    "telefone",
    "telefoon",
    "telefón",
    "telefonas",
    "telefonu",
    "telefonie",
    "telefoni",
    "telefonnummer",
    "telefonszám",
    "tālrunis",
    "tālr",
    "puhelin",
    "telefonisch",
    "fon",
    "handy",
    "cell",
    "móvil",
    "portable",
    "cellulare",
    "τηλ",
    "τηλέφωνο",
    "φαξ",
    "тел",
    "телефон",
    "факс",
    "teil",
    "teileafón",
    "kontakttelefon",
    "sími",
    "hotline",
    "call",
];

/// Small words between the announcing word and the number.
const BETWEEN: &[&str] = &["nr", "no", "n", "num", "number", "numer", "numero", "número", "č", "št", "is", "on", "at"];

/// Digits of a telephone number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=17;

fn telephones(text: &str, found: &mut Vec<(usize, usize, &'static str)>) {
    let bytes = text.as_bytes();
    // Most texts are short of digits: one pass tells.
    if bytes.iter().filter(|byte| byte.is_ascii_digit()).count() < *DIGITS.start() {
        return;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let (end, digits) = run(text, at);
        // Nothing announces a number that begins the text.
        if at > 0 && DIGITS.contains(&digits) {
            let (before, plus) = lead(text, at);
            if (plus && digits >= 9) || announced(&text[..before]) {
                found.push((before, end, "[telephone]"));
            }
        }
        at = end;
    }
}

/// Where a run of digits with blanks and separators ends, and how many digits it has.
fn run(text: &str, start: usize) -> (usize, usize) {
    let (mut end, mut digits, mut gap) = (start, 0, 0);
    for (offset, c) in text[start..].char_indices() {
        if c.is_ascii_digit() {
            digits += 1;
            gap = 0;
            end = start + offset + 1;
        } else if gap < 3 && matches!(c, ' ' | '\u{A0}' | '-' | '.' | '/' | '(' | ')' | '–') {
            gap += 1;
        } else {
            break;
        }
    }
    (end, digits)
}

/// Where the number begins with its `+` and brackets, and whether there is a `+`.
fn lead(text: &str, digits: usize) -> (usize, bool) {
    let before = text[..digits].trim_end_matches(['(', '[']);
    let without = before.strip_suffix('+').or_else(|| before.strip_suffix("+ "));
    without.map_or((before.len(), false), |rest| (rest.trim_end_matches('(').len(), true))
}

/// Whether one of the words stands right before.
fn announced(before: &str) -> bool {
    let punctuation = |c: char| !c.is_alphanumeric();
    // Nearly all numbers begin their text or follow another: no word, and so nothing to look up.
    if before.trim_end_matches(punctuation).chars().next_back().is_none_or(char::is_numeric) {
        return false;
    }
    let near = before.char_indices().nth_back(39).map_or(before, |(at, _)| &before[at..]).to_lowercase();
    // A line or sentence end separates; so do other digits.
    let mut rest = near.as_str();
    for _ in 0..3 {
        let trimmed = rest.trim_end_matches(punctuation);
        if rest[trimmed.len()..].contains(['\n', ';', ',']) {
            return false;
        }
        let word_start =
            trimmed.rfind(punctuation).map_or(0, |at| at + trimmed[at..].chars().next().map_or(1, char::len_utf8));
        let word = &trimmed[word_start..];
        if WORDS.contains(&word) {
            return true;
        }
        if !BETWEEN.contains(&word) {
            return false;
        }
        rest = &trimmed[..word_start];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn contact_data_is_masked() {
        for (text, expected) in [
            ("Ask anna.berg@example.org.", "Ask [e-mail]."),
            ("Ask anna (at) example.org today", "Ask [e-mail] today"),
            ("anna @example.org, bo@example.com", "[e-mail], [e-mail]"),
            ("Tel.: 030 / 12345-678, Raum 4", "Tel.: [telephone], Raum 4"),
            ("tel. nr 22 123 45 67", "tel. nr [telephone]"),
            ("Τηλ: 210 1234567", "Τηλ: [telephone]"),
            ("call +44 (0)20 7946 0958 now", "call [telephone] now"),
            ("(+33) 1 23 45 67 89", "[telephone]"),
            ("Puh. 0295 123 456", "Puh. [telephone]"),
        ] {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn numbers_that_are_no_telephone_stay() {
        for text in [
            "CPV 35613000-8",
            "1 250 000,00 EUR",
            "12.05.2026 10:00",
            "2026/S 136-497150",
            "reference 2026-123-4567-89",
            "@home is no address, a@b neither",
            "+ 10 %",
            "https://www.example.org/maps/@46.05,14.5",
            "Telekom 2026: 1234567 lines",
            "tel",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
