//! The search fields, declared once; `index/FIELDS.md` is generated from here.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::civil::Date;
use tantivy::Index;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, WhitespaceTokenizer};

use crate::analysis::{self, Stems};

/// Raised whenever a field or its filling changes; an index of another version is rebuilt.
pub const SCHEMA_VERSION: u32 = 4;

/// What a field holds and how it is asked.
struct FieldRule {
    name: &'static str,
    kind: FieldKind,
    what: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Id,
    Words,
    Stems,
    Exact,
    Number,
    Decimal,
}

const FIELDS: &[FieldRule] = &[
    FieldRule { name: "id", kind: FieldKind::Id, what: "the notice's id; the only stored value" },
    FieldRule { name: "seq", kind: FieldKind::Number, what: "the store's change number" },
    FieldRule { name: "title", kind: FieldKind::Words, what: "titles in all languages, folded words" },
    FieldRule { name: "description", kind: FieldKind::Words, what: "descriptions in all languages, folded words" },
    FieldRule { name: "lots", kind: FieldKind::Words, what: "titles and descriptions of lots in all languages" },
    FieldRule { name: "buyer", kind: FieldKind::Words, what: "names of buyers in all languages" },
    FieldRule {
        name: "stem",
        kind: FieldKind::Stems,
        what: "stems of title, description and lots, each in its language",
    },
    FieldRule { name: "source", kind: FieldKind::Exact, what: "who published" },
    FieldRule { name: "stage", kind: FieldKind::Exact, what: "stage of the procurement" },
    FieldRule { name: "country", kind: FieldKind::Exact, what: "buyer countries, ISO 3166-1 alpha-2" },
    FieldRule { name: "category", kind: FieldKind::Exact, what: "security categories from a score of 0.5" },
    FieldRule { name: "language", kind: FieldKind::Exact, what: "declared languages, ISO 639-1" },
    FieldRule {
        name: "cpv",
        kind: FieldKind::Exact,
        what: "every prefix of 2 to 8 digits of every CPV code, lots included",
    },
    FieldRule {
        name: "buyer_id",
        kind: FieldKind::Exact,
        what: "the strongest key of each buyer: its number in a register, else its name and country",
    },
    FieldRule { name: "organisation_key", kind: FieldKind::Exact, what: "numbers and names of buyers and suppliers" },
    FieldRule {
        name: "organisation",
        kind: FieldKind::Exact,
        what: "all that tells a buyer or supplier apart, as JSON: keys and name as written",
    },
    FieldRule { name: "buyer_kind", kind: FieldKind::Exact, what: "kinds of the buyers (`index/buyers/`)" },
    FieldRule {
        name: "joint",
        kind: FieldKind::Exact,
        what: "each evidence of joint procurement, and `cross-border` when the buyers are of two countries or more",
    },
    FieldRule { name: "innovation", kind: FieldKind::Exact, what: "each sign of innovation (`pcp`, `inn-part` …)" },
    FieldRule { name: "published", kind: FieldKind::Number, what: "publication date as days since 1970-01-01" },
    FieldRule { name: "deadline", kind: FieldKind::Number, what: "deadline as seconds since 1970-01-01" },
    FieldRule {
        name: "value",
        kind: FieldKind::Decimal,
        what: "the amount that stands for the notice, in euro on its day",
    },
];

/// `index/FIELDS.md`: the fields and the version that forces a rebuild.
pub fn fields_markdown() -> String {
    let mut text = format!(
        "# Search fields\n\nGenerated from `src/search/schema.rs`; a test keeps it true. Schema version: {SCHEMA_VERSION}.\n\n| field | asked by | holds |\n|---|---|---|\n"
    );
    for rule in FIELDS {
        let by = match rule.kind {
            FieldKind::Id => "exact id",
            FieldKind::Words => "words and phrases",
            FieldKind::Stems => "stems of the words asked for",
            FieldKind::Exact => "exact value",
            FieldKind::Number | FieldKind::Decimal => "range and order",
        };
        writeln!(text, "| `{}` | {by} | {} |", rule.name, rule.what).expect("writing to a string cannot fail");
    }
    text
}

/// The fields, by handle. An index of an older version may lack some.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub id: Field,
    pub seq: Field,
    pub title: Field,
    pub description: Field,
    pub lots: Field,
    pub buyer: Field,
    pub stem: Field,
    pub source: Field,
    pub stage: Field,
    pub country: Field,
    pub category: Field,
    pub language: Field,
    pub cpv: Field,
    pub buyer_id: Field,
    pub organisation_key: Field,
    pub organisation: Field,
    pub buyer_kind: Field,
    pub joint: Field,
    pub innovation: Field,
    pub published: Field,
    pub deadline: Field,
    pub value: Field,
}

impl Fields {
    /// The handles in this schema; `None` when a field is not there.
    pub fn of(schema: &Schema) -> Option<Self> {
        let get = |name| schema.get_field(name).ok();
        Some(Self {
            id: get("id")?,
            seq: get("seq")?,
            title: get("title")?,
            description: get("description")?,
            lots: get("lots")?,
            buyer: get("buyer")?,
            stem: get("stem")?,
            source: get("source")?,
            stage: get("stage")?,
            country: get("country")?,
            category: get("category")?,
            language: get("language")?,
            cpv: get("cpv")?,
            buyer_id: get("buyer_id")?,
            organisation_key: get("organisation_key")?,
            organisation: get("organisation")?,
            buyer_kind: get("buyer_kind")?,
            joint: get("joint")?,
            innovation: get("innovation")?,
            published: get("published")?,
            deadline: get("deadline")?,
            value: get("value")?,
        })
    }
}

/// The schema of this version and its handles.
pub(super) static OWN: LazyLock<(Schema, Fields)> = LazyLock::new(|| {
    let schema = schema();
    let fields = Fields::of(&schema).expect("our own schema has our fields");
    (schema, fields)
});

fn schema() -> Schema {
    let mut builder = Schema::builder();
    let split = |by, option| {
        TextOptions::default()
            .set_indexing_options(TextFieldIndexing::default().set_tokenizer(by).set_index_option(option))
    };
    for rule in FIELDS {
        match rule.kind {
            FieldKind::Id => builder.add_text_field(rule.name, STRING | STORED),
            FieldKind::Words => {
                builder.add_text_field(rule.name, split(WORDS, IndexRecordOption::WithFreqsAndPositions))
            }
            FieldKind::Stems => builder.add_text_field(rule.name, split(STEMS, IndexRecordOption::WithFreqs)),
            FieldKind::Exact => builder.add_text_field(rule.name, STRING | FAST),
            FieldKind::Number => builder.add_i64_field(rule.name, FAST | INDEXED),
            FieldKind::Decimal => builder.add_f64_field(rule.name, FAST | INDEXED),
        };
    }
    builder.build()
}

/// The name of the tokenizer for texts.
const WORDS: &str = "words";

/// The name of the one for stems.
const STEMS: &str = "stems";

/// Days since 1970-01-01.
pub(super) fn days(date: Date) -> i64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    i64::from(date.since((jiff::Unit::Day, epoch)).map_or(0, |span| span.get_days()))
}

/// Folded words of the shared analysis, for the engine.
#[derive(Clone, Default)]
struct Words;

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream { tokens: analysis::tokens(text), token: Token::default(), started: false }
    }
}

struct WordStream<'a> {
    tokens: analysis::Tokens<'a>,
    token: Token,
    started: bool,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(next) = self.tokens.next() else { return false };
        self.token.text.clear();
        next.fold_into(&mut self.token.text);
        self.token.offset_from = next.byte;
        self.token.offset_to = next.byte + next.surface.len();
        self.token.position = if self.started { self.token.position.wrapping_add(1) } else { 0 };
        self.started = true;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Gives an index, new or opened, its two ways to take a text apart.
pub(super) fn register_tokenizers(index: &Index) {
    index.tokenizers().register(WORDS, TextAnalyzer::builder(Words).build());
    index.tokenizers().register(STEMS, TextAnalyzer::builder(WhitespaceTokenizer::default()).build());
}

/// Stems of texts in their languages, one after the other with spaces between. That is far less for the
/// engine to carry around than a list of tokens.
pub(super) fn stem_text<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>, stems: &mut Stems) -> String {
    let mut text = String::new();
    for (language, words) in texts {
        for token in analysis::tokens(words) {
            text.push_str(stems.stem(language, token.surface));
            text.push(' ');
        }
    }
    text
}
