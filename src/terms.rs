//! Words and phrases of definitions, and where they stand in a text.
//!
//! A term is words, each with a star where it may go on (`*drohne*`, `Zoll* amt`). It knows how a term is written and
//! found; it does not know what one means. Categories and kinds of buyers both rest on it.

mod matcher;

pub use self::matcher::{Found, Matcher, MatcherBuilder, Page};
use crate::analysis::{Case, tokens};

/// One word of a term.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word {
    /// Folded, without stars.
    pub folded: String,
    /// A star before it: any first part of a compound.
    pub open_start: bool,
    /// A star after it: any ending.
    pub open_end: bool,
    /// The spelling to keep to, for acronyms.
    pub written: Option<String>,
}

/// The words of a term; an acronym is kept `as_written`.
///
/// # Errors
/// What is wrong with it, for the person who wrote it.
pub fn parse_words(text: &str, as_written: bool) -> Result<Vec<Word>, String> {
    let bytes = text.as_bytes();
    let mut words: Vec<Word> = Vec::new();
    let mut stars = 0;
    for token in tokens(text) {
        let after = token.byte + token.surface.len();
        let open_start = token.byte > 0 && bytes[token.byte - 1] == b'*';
        let open_end = bytes.get(after) == Some(&b'*');
        if open_end && text[after + 1..].chars().next().is_some_and(char::is_alphanumeric) {
            return Err(format!("in `{text}` a `*` stands inside a word; it may begin or end one"));
        }
        stars += usize::from(open_start) + usize::from(open_end);
        let written = (as_written && token.case != Case::None).then(|| token.surface.to_owned());
        words.push(Word { folded: token.folded().into_owned(), open_start, open_end, written });
    }
    if words.is_empty() {
        return Err(if text.contains('*') {
            "a `*` alone would fit every word".to_owned()
        } else {
            "expected a word, found an empty term".to_owned()
        });
    }
    if stars != text.matches('*').count() {
        return Err(format!("in `{text}` a `*` stands alone; it must touch a word"));
    }
    if let Some(word) = words.iter().find(|word| word.open_start && word.open_end && word.folded.chars().count() < 4) {
        return Err(format!("`*{}*` would fit too many words; expected at least 4 letters between stars", word.folded));
    }
    Ok(words)
}
