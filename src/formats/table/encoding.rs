//! Bytes of a text table → text. Tables declare no encoding, so where the bytes do not show it, the letters that come
//! out decide between the code pages of Europe.

use std::borrow::Cow;

use encoding_rs::{
    Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1257,
};

use super::{Evidence, ParseError};
use crate::issue::{Issue, IssueCode};

/// Bytes looked at for a guess.
const SAMPLE: usize = 1 << 20;

pub(super) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    pub encoding: &'static Encoding,
    pub evidence: Evidence,
    pub issues: Vec<Issue>,
}

pub(super) fn decode<'a>(bytes: &'a [u8], stated: Option<&str>) -> Result<Decoded<'a>, ParseError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ParseError::Empty);
    }
    let mut issues = Vec::new();
    let (encoding, evidence, rest) = choose(bytes, stated)?;
    if evidence == Evidence::Guessed {
        issues.push(Issue::new(IssueCode::GuessedEncoding, "", encoding.name()));
    }
    let (text, bad) = encoding.decode_without_bom_handling(rest);
    if bad {
        issues.push(Issue::new(IssueCode::RepairedText, "", "bytes that do not fit the encoding"));
    }
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let controls = text.chars().filter(|c| control(*c)).count();
    if controls * 4 > text.len() {
        return Err(ParseError::NotText { found: text.chars().take(40).collect() });
    }
    let text = if controls > 0 {
        issues.push(Issue::new(IssueCode::RepairedText, "", "control characters"));
        Cow::Owned(text.chars().filter(|c| !control(*c)).collect())
    } else {
        text
    };
    Ok(Decoded { text, encoding, evidence, issues })
}

fn choose<'a>(bytes: &'a [u8], stated: Option<&str>) -> Result<(&'static Encoding, Evidence, &'a [u8]), ParseError> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return Ok((encoding, Evidence::Certain, &bytes[length..]));
    }
    if let Some(wide) = wide(bytes) {
        return Ok((wide, Evidence::Certain, bytes));
    }
    if let Some(label) = stated {
        let encoding = Encoding::for_label(label.trim().as_bytes())
            .ok_or_else(|| ParseError::UnknownEncoding { declared: label.to_owned() })?;
        return Ok((encoding, Evidence::Stated, bytes));
    }
    Ok(if mostly_utf8(bytes) { (UTF_8, Evidence::Certain, bytes) } else { (guess(bytes), Evidence::Guessed, bytes) })
}

/// UTF-16 without a byte order mark: every second byte of mostly Latin text is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024) & !1];
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = head.len() / 2;
    if half < 4 {
        None
    } else if odd * 2 > half && even * 10 < half {
        Some(UTF_16LE)
    } else if even * 2 > half && odd * 10 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Valid UTF-8, or with so few broken places that no other encoding explains the rest; a character cut off at the
/// end is none.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|byte| *byte >= 0xC0).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    broken == 0
        || good > 0 && broken * 20 <= good
        || good > 0 && broken == 1 && std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

/// Letters beyond ASCII that the languages of a code page use, lower case.
const PAGES: &[(&Encoding, &[&str])] = &[
    (
        WINDOWS_1252,
        &[
            "àâäæçéèêëîïôœöùûüÿ", // French
            "äöüß",               // German
            "àèéìíîòóùú",         // Italian
            "áéíñóúü¡¿ªº",        // Spanish
            "àáâãçéêíóôõúüªº",    // Portuguese
            "äåæéöøü",            // Nordic
            "àáçèéíïòóúü·",       // Catalan
            "áéëèïöüó",           // Dutch
            "äõöüšž",             // Estonian
        ],
    ),
    (
        WINDOWS_1250,
        &[
            "ąćęłńóśźż",         // Polish
            "áčďéěíňóřšťúůýž",   // Czech
            "áäčďéíĺľňóôŕšťúýž", // Slovak
            "áéíóöőúüű",         // Hungarian
            "ăâîşţșț",           // Romanian
            "čćđšž",             // Croatian, Bosnian, Serbian, Slovene
        ],
    ),
    (
        WINDOWS_1257,
        &[
            "ąčęėįšųūž",   // Lithuanian
            "āčēģīķļņšūž", // Latvian
            "äõöüšž",      // Estonian
        ],
    ),
    (WINDOWS_1251, &["абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґјљњћђџѓќѕ"]),
    (WINDOWS_1253, &["αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"]),
];

/// The code page, and the language, whose letters explain the bytes best; the first of equals.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let mut best = (i64::MIN, WINDOWS_1252);
    for (encoding, languages) in PAGES {
        let (text, _) = encoding.decode_without_bom_handling(sample);
        for letters in *languages {
            let score = score(&text, letters);
            if score > best.0 {
                best = (score, encoding);
            }
        }
    }
    best.1
}

fn score(text: &str, letters: &str) -> i64 {
    let mut score = 0;
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if !c.is_ascii() {
            let after = characters.peek().copied().unwrap_or(' ');
            let lower = c.to_lowercase().next().unwrap_or(c);
            let in_word = before.is_alphabetic() || after.is_alphabetic();
            score += if letters.contains(lower) {
                // A capital after a small letter, or a letter beside a digit, is one from another page.
                let odd =
                    c.is_uppercase() && before.is_lowercase() || before.is_ascii_digit() || after.is_ascii_digit();
                // Letters of other alphabets do not mix with Latin ones.
                let mixed = !latin(lower) && (before.is_ascii_alphabetic() || after.is_ascii_alphabetic());
                if mixed {
                    -4
                } else if odd {
                    -2
                } else if in_word {
                    2
                } else {
                    // A letter alone is no better than a sign.
                    0
                }
            } else if "€£§°–—…„“”‘’«»±²³½×\u{A0}".contains(c)
                && !(in_word && before.is_alphabetic() && after.is_alphabetic() && c != '’')
            {
                1
            } else if c.is_control() || c == char::REPLACEMENT_CHARACTER {
                -6
            } else {
                -3
            };
        }
        before = c;
    }
    score
}

fn latin(c: char) -> bool {
    u32::from(c) < 0x250
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_told_apart_by_their_letters() {
        for (encoding, text) in [
            (WINDOWS_1250, "Przedmiot zamówienia;Wartość;Tryb postępowania\nŚrodki łączności;100;przetarg"),
            (WINDOWS_1250, "Obiectul contractului;Valoarea estimată;Data iniţierii\nVeste de protecţie;1;martie"),
            (WINDOWS_1250, "Predmet nabave;Procijenjena vrijednost;Početak\nZaštitna odjeća;1;ožujak"),
            (WINDOWS_1250, "Předmět veřejné zakázky;Předpokládaná hodnota\nOchranné vesty pro příslušníky;1"),
            (WINDOWS_1257, "Pirkimo objekto pavadinimas;Numatoma vertė\nApsauginės liemenės pareigūnų reikmėms;1"),
            (WINDOWS_1257, "Iepirkuma priekšmets;Plānotā līgumcena\nBruņuvestes robežsardzes vajadzībām;1"),
            (WINDOWS_1252, "Libellé;Date prévisionnelle\nGilets pare-balles à renouveler;été"),
            (WINDOWS_1252, "Title,Spend\nSubsidence works,£0.10\nBridge,£1,800.00"),
            (WINDOWS_1252, "Title,Note\nSimulators – a driver’s one,£ band"),
            (WINDOWS_1252, "Objeto;Importe\nFurgón policial año;Señalización"),
            (WINDOWS_1252, "Objeto;Aquisição de proteção balística;Serviços de manutenção"),
            (WINDOWS_1252, "Gegenstand;Schätzwert\nSchutzausrüstung für Einsatzkräfte;größer"),
            (WINDOWS_1251, "Предмет закупівлі;Очікувана вартість\nЗасоби захисту;100"),
            (WINDOWS_1253, "Αντικείμενο;Αξία\nΠρομήθεια αλεξίσφαιρων γιλέκων;1"),
        ] {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{text}");
            let decoded = decode(&bytes, None).expect("text");
            assert_eq!(decoded.encoding.name(), encoding.name(), "{text}");
            assert_eq!(decoded.text, text);
            assert_eq!(decoded.evidence, Evidence::Guessed);
            assert_eq!(decoded.issues[0].code, IssueCode::GuessedEncoding);
        }
    }

    #[test]
    fn what_the_bytes_show_is_certain() {
        let name = |bytes: &[u8]| {
            decode(bytes, None).map(|found| (found.encoding.name(), found.evidence, found.text.into_owned()))
        };
        let wide: Vec<u8> = "a;é\n1;2".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(name(&wide), Ok(("UTF-16LE", Evidence::Certain, "a;é\n1;2".into())));
        let big: Vec<u8> = "\u{FEFF}a;é\n1;2".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(name(&big), Ok(("UTF-16BE", Evidence::Certain, "a;é\n1;2".into())));
        assert_eq!(name(b"\xEF\xBB\xBFa"), Ok(("UTF-8", Evidence::Certain, "a".into())));
        assert_eq!(name(b"a,\0b\n"), Ok(("UTF-8", Evidence::Certain, "a,b\n".into())));
        assert_eq!(name(b" \n").expect_err("nothing").code(), "empty");
        assert_eq!(name(&[0, 1, 2, 3, 4, 5, 6, 7, 65]).expect_err("binary").code(), "not-text");
        assert_eq!(decode(b"\xB1", Some("iso-8859-2")).map(|found| found.text.into_owned()), Ok("ą".into()));
        assert_eq!(decode(b"a", Some("klingon")).err().expect("unknown").code(), "unknown-encoding");
    }
}
