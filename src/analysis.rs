//! What is a word? Text → tokens, for classifier, index and query alike.
//!
//! It answers where the words of a text are (in Unicode scalars and in bytes), how a word reads without
//! case and accents ([`fold`]), and what its stem is in a language ([`stem`]). Everything is pure, and
//! linear in the text. It refuses to know what any word means, and it never guesses a language.
//!
//! Two people who type the same word differently must meet: `Véhicule`, `VEHICULE` and a decomposed
//! `véhicule` all fold to `vehicule`; `Straße` and `STRASSE` to `strasse`; a Greek headline without
//! accents to the same word as the body text below it.

use std::borrow::Cow;
use std::collections::HashMap;

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// No letter that has a case: digits, scripts without case.
    None,
    /// `drone`
    Lower,
    /// `Drone`; also a single capital.
    Capital,
    /// `UAV`: at least two letters, all capitals.
    Upper,
    /// `sUAS`, `UAVs`
    Mixed,
}

/// One word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    /// The word as it stands in the text, invisible characters included.
    pub surface: &'t str,
    /// Its first Unicode scalar, counted from the start of the text.
    pub start: usize,
    /// One past its last Unicode scalar.
    pub end: usize,
    /// Its first byte; its last one is `byte + surface.len() - 1`.
    pub byte: usize,
    /// How it is written.
    pub case: Case,
    plain: bool,
}

impl<'t> Token<'t> {
    /// The word folded as by [`fold`]; borrowed when it already reads so.
    pub fn folded(&self) -> Cow<'t, str> {
        if self.plain { Cow::Borrowed(self.surface) } else { Cow::Owned(fold(self.surface)) }
    }

    /// Appends the folded word.
    pub fn fold_into(&self, out: &mut String) {
        if self.plain { out.push_str(self.surface) } else { fold_into(self.surface, out) }
    }

    /// Whether it reads exactly as `written`, invisible characters aside.
    pub fn is_written(&self, written: &str) -> bool {
        self.surface == written
            || (!self.plain && self.surface.chars().filter(|c| !is_invisible(*c)).eq(written.chars()))
    }
}

/// The words of a text, in order.
///
/// A word is a run of letters and digits (`7110MKIII` is one). Apostrophes, hyphens, slashes and every other
/// sign divide words. Soft hyphens, zero-width characters and direction marks neither divide nor count.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, byte: 0, scalar: 0 }
}

/// The iterator of [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'t> {
    text: &'t str,
    byte: usize,
    scalar: usize,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.byte) {
            if byte.is_ascii() {
                if byte.is_ascii_alphanumeric() {
                    break;
                }
                self.byte += 1;
                self.scalar += 1;
            } else {
                let c = self.text[self.byte..].chars().next()?;
                if c.is_alphanumeric() {
                    break;
                }
                self.byte += c.len_utf8();
                self.scalar += 1;
            }
        }
        let (first_byte, first) = (self.byte, self.scalar);
        let (mut byte, mut scalar) = (first_byte, first);
        let mut written = Written::default();
        let mut plain = true;
        while let Some(&b) = bytes.get(byte) {
            if b.is_ascii() {
                if !b.is_ascii_alphanumeric() {
                    break;
                }
                written.see_ascii(b);
                plain &= !b.is_ascii_uppercase();
                byte += 1;
                scalar += 1;
                (self.byte, self.scalar) = (byte, scalar);
            } else {
                let Some(c) = self.text[byte..].chars().next() else { break };
                let visible = c.is_alphanumeric();
                if !visible && !is_invisible(c) && !is_combining_mark(c) {
                    break;
                }
                byte += c.len_utf8();
                scalar += 1;
                if visible {
                    written.see(c);
                }
                if visible || is_combining_mark(c) {
                    // Invisible characters before this one lie inside the word; trailing ones stay outside.
                    plain = false;
                    (self.byte, self.scalar) = (byte, scalar);
                }
            }
        }
        if self.byte == first_byte {
            return None;
        }
        let surface = &self.text[first_byte..self.byte];
        plain &= surface.is_ascii();
        Some(Token { surface, start: first, end: self.scalar, byte: first_byte, case: written.case(), plain })
    }
}

#[derive(Default)]
struct Written {
    letters: usize,
    upper: usize,
    lower: usize,
    first_is_upper: bool,
}

impl Written {
    fn see_ascii(&mut self, byte: u8) {
        if byte.is_ascii_uppercase() {
            self.first_is_upper |= self.letters == 0;
            self.upper += 1;
            self.letters += 1;
        } else if byte.is_ascii_lowercase() {
            self.lower += 1;
            self.letters += 1;
        }
    }

    fn see(&mut self, c: char) {
        if c.is_uppercase() {
            self.first_is_upper |= self.letters == 0;
            self.upper += 1;
            self.letters += 1;
        } else if c.is_lowercase() {
            self.lower += 1;
            self.letters += 1;
        }
    }

    fn case(&self) -> Case {
        match (self.upper, self.lower) {
            (0, 0) => Case::None,
            (0, _) => Case::Lower,
            (1, _) if self.first_is_upper => Case::Capital,
            (_, 0) => Case::Upper,
            _ => Case::Mixed,
        }
    }
}

/// Soft hyphen, zero-width characters, direction marks, variation selectors: seen by nobody.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The text without case and accents: compatibility decomposition, no marks, lower case, and the letters that
/// do not decompose written as their neighbours do on a keyboard without them (`ø`→`o`, `ł`→`l`, `ß`→`ss`).
/// Cyrillic `й`, `ї`, `ё` lose their marks as all other letters do; final sigma is sigma. What is no letter or
/// digit is kept, invisible characters are dropped. Folding twice changes nothing.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// [`fold`], appended.
pub fn fold_into(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else if !is_invisible(c) {
            decompose_compatible(c, |part| {
                for lower in part.to_lowercase() {
                    fold_letter(lower, out);
                }
            });
        }
    }
}

fn fold_letter(c: char, out: &mut String) {
    match c {
        'ø' => out.push('o'),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'ß' => out.push_str("ss"),
        'ł' => out.push('l'),
        'đ' | 'ð' => out.push('d'),
        'þ' => out.push_str("th"),
        'ħ' => out.push('h'),
        'ı' => out.push('i'),
        'ŋ' => out.push('n'),
        'ŧ' => out.push('t'),
        'ς' => out.push('σ'),
        'ґ' => out.push('г'),
        '’' | 'ʼ' => out.push('\''),
        _ if is_combining_mark(c) => {}
        _ => out.push(c),
    }
}

/// The stemmer of a language (ISO 639-1); none for Bulgarian, Latvian, Maltese, Slovene and Ukrainian, which
/// Snowball lacks. Croatian, Bosnian and Montenegrin share the Serbian one; Slovak uses the Czech one.
fn stemmer(language: &str) -> Option<Stemmer> {
    let algorithm = match language {
        "ca" => Algorithm::Catalan,
        "cs" | "sk" => Algorithm::Czech,
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "en" => Algorithm::English,
        "es" => Algorithm::Spanish,
        "et" => Algorithm::Estonian,
        "eu" => Algorithm::Basque,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "ga" => Algorithm::Irish,
        "hr" | "bs" | "sr" => Algorithm::Serbian,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "lt" => Algorithm::Lithuanian,
        "nl" => Algorithm::Dutch,
        "no" | "nb" | "nn" => Algorithm::Norwegian,
        "pl" => Algorithm::Polish,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "sv" => Algorithm::Swedish,
        "tr" => Algorithm::Turkish,
        _ => return None,
    };
    Some(Stemmer::new(algorithm))
}

/// Whether words of this language are stemmed at all.
pub fn has_stems(language: &str) -> bool {
    stemmer(language).is_some()
}

/// The folded stem of one word as written.
///
/// Stemmers tell endings apart by their accents, so the word is lowercased and composed, stemmed, and only then
/// folded. A word typed without its accents may therefore miss its stem, and is still found by its folded form:
/// who indexes, keeps both. Without a stemmer the stem is the folded word.
pub fn stem(language: &str, word: &str) -> String {
    let Some(stemmer) = stemmer(language) else { return fold(word) };
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return stemmer.stem(word).into_owned();
    }
    let lower: String = word.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).nfc().collect();
    fold(&stemmer.stem(&lower))
}

/// [`stem`] of a token.
pub fn stem_token(language: &str, token: &Token<'_>) -> String {
    stem(language, token.surface)
}

/// Remembers stems: notices repeat their words, and a look-up is cheaper than a stemmer. One per thread or task.
#[derive(Debug, Default)]
pub struct Stems {
    /// Language → word → where its stem is.
    known: Vec<(String, HashMap<String, usize>)>,
    stems: Vec<String>,
}

impl Stems {
    /// Above this many words everything is forgotten, so that a hostile text cannot fill the memory.
    const MOST: usize = 50_000;

    /// [`stem`], remembered.
    pub fn stem(&mut self, language: &str, word: &str) -> &str {
        if self.stems.len() >= Self::MOST {
            self.known.clear();
            self.stems.clear();
        }
        let place = self.known.iter().position(|(known, _)| known == language).unwrap_or_else(|| {
            self.known.push((language.to_owned(), HashMap::new()));
            self.known.len() - 1
        });
        let words = &mut self.known[place].1;
        let at = words.get(word).copied().unwrap_or_else(|| {
            words.insert(word.to_owned(), self.stems.len());
            self.stems.push(stem(language, word));
            self.stems.len() - 1
        });
        &self.stems[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(text: &str) -> Vec<String> {
        tokens(text).map(|token| token.folded().into_owned()).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(folded("L'achat: C-UAS (7110 MKIII)/2x"), ["l", "achat", "c", "uas", "7110", "mkiii", "2x"]);
        assert_eq!(folded(" … "), Vec::<String>::new());
        assert_eq!(folded(""), Vec::<String>::new());
    }

    #[test]
    fn spellings_of_one_word_meet() {
        for (one, other) in [
            ("Véhicule", "VE\u{301}HICULE"),
            ("Straße", "STRASSE"),
            ("ΜΗ ΕΠΑΝΔΡΩΜΕΝΩΝ ΑΕΡΟΣΚΑΦΩΝ", "μη επανδρωμένων αεροσκαφών"),
            ("ΔΡΟΝΟΣ", "δρονος"),
            ("İHA", "iha"),
            ("køretøj", "KORETOJ"),
            ("łódź", "LODZ"),
            ("бойни й ї ё", "БОЙНИ Й Ї Ё"),
            ("Schutz\u{ad}weste", "schutzweste"),
            ("dro\u{200b}ne\u{200e}", "drone"),
            ("Œuvre", "oeuvre"),
            ("ｄｒｏｎｅ", "drone"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn offsets_count_scalars_and_leave_invisible_ends_outside() {
        let text = "Å\u{200f} dro\u{ad}nes\u{ad}!";
        let all: Vec<_> = tokens(text).collect();
        assert_eq!((all[0].start, all[0].end, all[0].surface), (0, 1, "Å"));
        assert_eq!((all[1].start, all[1].end, all[1].surface), (3, 10, "dro\u{ad}nes"));
        assert!(all[1].is_written("drones"));
    }

    #[test]
    fn case_tells_acronyms_from_words() {
        use Case::{Capital, Lower, Mixed, None, Upper};
        let cases: Vec<_> = tokens("UAV Uav uav sUAS A 42 ΗΑ UAVs").map(|token| token.case).collect();
        assert_eq!(cases, [Upper, Capital, Lower, Mixed, Capital, None, Upper, Mixed]);
    }

    #[test]
    fn stems_join_inflections() {
        for (language, one, other) in [
            ("en", "drones", "drone"),
            ("de", "Drohnen", "Drohne"),
            ("fr", "gilets", "GILET"),
            ("es", "chalecos", "chaleco"),
            ("it", "droni", "drone"),
            ("sv", "drönare", "drönaren"),
            ("fi", "liivit", "liivi"),
            ("cs", "drony", "drony"),
            ("bg", "Дронове", "дронове"),
        ] {
            assert_eq!(stem(language, one), stem(language, other), "{language} {one} {other}");
        }
        let mut stems = Stems::default();
        assert_eq!(stems.stem("en", "vests"), "vest");
        assert_eq!(stems.stem("en", "vests"), "vest");
        assert!(has_stems("hr") && !has_stems("lv"));
    }

    #[test]
    fn five_megabytes_are_no_trouble() {
        let text = "drone ".repeat(900_000);
        assert_eq!(tokens(&text).count(), 900_000);
        let one = "é".repeat(2_500_000);
        assert_eq!(tokens(&one).count(), 1);
    }

    proptest! {
        #[test]
        fn offsets_slice_back(text in "\\PC{0,60}") {
            let scalars: Vec<char> = text.chars().collect();
            let mut last = 0;
            for token in tokens(&text) {
                prop_assert!(token.start >= last && token.end > token.start);
                last = token.end;
                let slice: String = scalars[token.start..token.end].iter().collect();
                prop_assert_eq!(&slice, token.surface);
                prop_assert_eq!(&text[token.byte..token.byte + token.surface.len()], token.surface);
                prop_assert_eq!(token.folded().into_owned(), fold(token.surface));
            }
        }

        #[test]
        fn folding_twice_is_folding_once(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_joined_text_has_the_tokens_of_both(one in any::<String>(), other in any::<String>()) {
            let joined: Vec<_> = folded(&format!("{one} {other}"));
            let mut both = folded(&one);
            both.extend(folded(&other));
            prop_assert_eq!(joined, both);
        }
    }
}
