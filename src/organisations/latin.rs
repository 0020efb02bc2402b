//! How do Greek and Cyrillic names read in Latin letters? One table, with the few differences between countries.
//!
//! It serves comparison, not reading: letters that a country writes in Latin too (Serbian) meet their folded Latin
//! spelling exactly; elsewhere one plain rendering per letter is enough.

use crate::analysis::fold;

/// Serbian and its neighbours: as their own Latin alphabet reads once it is folded.
const BALKAN: &[&str] = &["RS", "ME", "BA", "XK", "HR", "MK"];

/// The text folded (no case, no accents) and in Latin letters where we know the script.
pub(super) fn latin(text: &str, country: Option<&str>) -> String {
    let folded = fold(text);
    if folded.is_ascii() {
        return folded;
    }
    let mut out = String::with_capacity(folded.len());
    let mut letters = folded.chars().peekable();
    while let Some(letter) = letters.next() {
        let pair = letters.peek().and_then(|next| greek_pair(letter, *next));
        if let Some(pair) = pair {
            letters.next();
            out.push_str(pair);
        } else if let Some(latin) = local(letter, country).or_else(|| plain(letter)) {
            out.push_str(latin);
        } else {
            out.push(letter);
        }
    }
    out
}

fn greek_pair(one: char, other: char) -> Option<&'static str> {
    Some(match (one, other) {
        ('ο', 'υ') => "ou",
        ('α', 'υ') => "av",
        ('ε', 'υ') => "ev",
        ('γ', 'γ') => "ng",
        _ => return None,
    })
}

fn local(letter: char, country: Option<&str>) -> Option<&'static str> {
    let country = country?;
    Some(match letter {
        'г' if country == "UA" => "h",
        'и' if country == "UA" => "y",
        'х' if country == "UA" => "kh",
        'щ' if country == "UA" => "shch",
        'ж' if BALKAN.contains(&country) => "z",
        'ц' | 'ч' | 'ћ' if BALKAN.contains(&country) => "c",
        'ш' if BALKAN.contains(&country) => "s",
        _ => return None,
    })
}

fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' | 'ъ' | 'α' => "a",
        'б' => "b",
        'в' | 'β' => "v",
        'г' | 'γ' => "g",
        'д' | 'ђ' | 'δ' => "d",
        'е' | 'э' | 'ε' => "e",
        'ж' => "zh",
        'з' | 'ζ' => "z",
        'и' | 'і' | 'η' | 'ι' => "i",
        'ј' => "j",
        'к' | 'κ' => "k",
        'л' | 'λ' => "l",
        'м' | 'μ' => "m",
        'н' | 'ν' => "n",
        'о' | 'ο' | 'ω' => "o",
        'п' | 'π' => "p",
        'р' | 'ρ' => "r",
        'с' | 'σ' => "s",
        'т' | 'τ' => "t",
        'у' => "u",
        'ф' | 'φ' => "f",
        'х' => "h",
        'ц' => "ts",
        'ч' | 'ћ' | 'χ' => "ch",
        'ш' => "sh",
        'щ' => "sht",
        'ы' | 'υ' => "y",
        'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        'є' => "ye",
        'љ' => "lj",
        'њ' => "nj",
        'џ' | 'ѕ' => "dz",
        'θ' => "th",
        'ξ' => "x",
        'ψ' => "ps",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_meet() {
        for (text, country, expected) in [
            ("Министерство на вътрешните работи", "BG", "ministerstvo na vatreshnite raboti"),
            ("Υπουργείο Άμυνας", "GR", "ypourgeio amynas"),
            ("Харків", "UA", "kharkiv"),
            ("Łódź, Straße", "PL", "lodz, strasse"),
        ] {
            assert_eq!(latin(text, Some(country)), expected);
        }
        for (cyrillic, own) in [
            ("Министарство унутрашњих послова", "Ministarstvo unutrašnjih poslova"),
            ("Општина Чачак", "Opština Čačak"),
        ] {
            assert_eq!(latin(cyrillic, Some("RS")), latin(own, Some("RS")));
        }
    }
}
