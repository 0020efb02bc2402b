//! What every format must hold for whatever bytes: no panic, counts that add up, notices that survive their JSON.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz <target> <folder for findings> tests/fixtures/formats/<target>`

use std::sync::LazyLock;

use tenderwatch::classify::{Classifier, score};
use tenderwatch::definitions::Definitions;
use tenderwatch::formats::{self, Parsed, Reader, Readers};
use tenderwatch::ids::{NoticeId, RawId, RunId, SourceId};
use tenderwatch::notice::{Notice, Stage};
use tenderwatch::raw::{Origin, RawDocument};
use tenderwatch::source;

/// These bytes as a document.
pub fn document(data: &[u8]) -> RawDocument {
    let origin = Origin {
        source: SourceId::new("fuzz"),
        url: "file:fuzz".to_owned(),
        fetched_at: jiff::Timestamp::UNIX_EPOCH,
        run: RunId::new("fuzz"),
        status: None,
        headers: Vec::new(),
        member: Vec::new(),
        container: None,
        read_as: None,
        detail: false,
    };
    RawDocument::new(origin, data.to_vec().into())
}

/// Reads the bytes as this format.
pub fn read(format: &str, data: &[u8]) {
    let format = formats::find(format).expect("a format of the table");
    if let Ok(parsed) = (format.parse)(&document(data)) {
        check(&parsed);
    }
}

/// Reads the bytes with a shipped definition: the first byte says which one.
pub fn mapped(data: &[u8]) {
    static MAPPED: LazyLock<Vec<Reader>> = LazyLock::new(|| {
        let sources = source::load(&Definitions::default()).expect("the shipped definitions");
        let readers = sources.into_iter().filter_map(|source| source.document.reader);
        readers.filter(|reader| matches!(reader, Reader::Mapped(_))).collect()
    });
    static READERS: LazyLock<Readers> = LazyLock::new(Readers::default);
    let Some((which, data)) = data.split_first() else { return };
    let reader = &MAPPED[usize::from(*which) % MAPPED.len()];
    if let Ok((_, parsed)) = READERS.parse(&document(data), Some(reader)) {
        check(&parsed);
    }
}

/// Asks every format whether the bytes are its own.
pub fn sniff(data: &[u8]) {
    if let Err(error) = formats::sniff(data) {
        assert!(!error.to_string().is_empty());
    }
}

/// What holds of every reading.
pub fn check(parsed: &Parsed) {
    let counts = &parsed.records;
    assert_eq!(counts.read, counts.notices + counts.non_notice + counts.quarantined);
    assert_eq!(counts.notices, parsed.notices.len() as u64);
    for notice in &parsed.notices {
        let json = serde_json::to_string(notice).expect("a notice is JSON");
        let back: Notice = serde_json::from_str(&json).expect("and reads back");
        assert_eq!(&back, notice);
    }
}

static CLASSIFIER: LazyLock<Classifier> =
    LazyLock::new(|| Classifier::load(&Definitions::new(None)).expect("the shipped definitions are sound"));

/// Labels any text: the first line is the title, what follows the description, the first byte picks the language. The points
/// add up, every span is in the text, and a second time gives the same.
pub fn classify(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let lang = ["en", "de", "fr", "es", "it", "pl", "bg", "el", "und", "no", "tr", "uk"][usize::from(*first) % 12];
    let text = String::from_utf8_lossy(rest);
    let (title, description) = text.split_once('\n').unwrap_or((&text, ""));
    let raw = RawId::from_digest([0; 32]);
    let mut notice = Notice::new(NoticeId::new("fuzz/1"), SourceId::new("fuzz"), "fuzz", raw, Stage::Competition);
    notice.title.push(lang, title);
    notice.description.push(lang, description);
    let all = CLASSIFIER.classify(&notice);
    for one in &all {
        assert!((score(one.bias, &one.evidence) - one.score).abs() < f64::EPSILON);
        for piece in &one.evidence {
            let text = if piece.field == "title" { &notice.title } else { &notice.description };
            let text = text.get(lang).expect("the field is there");
            let span: String = text.chars().skip(piece.start).take(piece.end - piece.start).collect();
            assert_eq!(span, piece.text);
        }
    }
    assert_eq!(CLASSIFIER.classify(&notice), all);
}
