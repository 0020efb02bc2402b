//! Documents cut short, with flipped bits, and with their encoding lied about: always a notice, a finding or a refusal
//! with a reason; never a panic or a hang.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tenderwatch::formats::{ParseError, Parsed};
use tenderwatch::raw::RawDocument;

use super::documents::{Found, document};

/// No reading of a document of the corpus comes near this; what goes beyond it hangs.
const HANG: Duration = Duration::from_secs(30);

/// What became of mutated documents.
#[derive(Default)]
pub struct Tally {
    pub read: u64,
    pub refused: BTreeMap<&'static str, u64>,
    /// Panics, hangs and sums that do not add up, by document and mutation.
    pub faults: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.read += other.read;
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.faults.extend(other.faults);
    }

    pub fn all(&self) -> u64 {
        self.read + self.refused.values().sum::<u64>()
    }
}

/// How a document is to be spoilt.
#[derive(Clone, Copy)]
pub struct Mutations {
    pub cuts: usize,
    pub flips: usize,
    pub lies: bool,
    pub seed: u64,
}

type Reader<'a> = dyn Fn(&RawDocument) -> Result<Parsed, ParseError> + Sync + 'a;

pub fn torture(found: &Found, wanted: Mutations, read: &Reader<'_>) -> Tally {
    let mut tally = Tally::default();
    let body = &found.document.body;
    let mut random = fastrand::Rng::with_seed(wanted.seed ^ body.len() as u64);
    let mut try_one = |what: String, bytes: Vec<u8>| {
        let spoilt = document(&found.name, bytes);
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&spoilt)));
        let fault = match outcome {
            Err(_) => Some("panics"),
            Ok(Err(error)) => {
                *tally.refused.entry(error.code()).or_default() += 1;
                error.to_string().is_empty().then_some("is refused without a reason")
            }
            Ok(Ok(parsed)) => {
                tally.read += 1;
                let counts = &parsed.records;
                let sum = counts.notices + counts.non_notice + counts.quarantined;
                (counts.read != sum || counts.notices != parsed.notices.len() as u64).then_some("does not add up")
            }
        };
        let fault = fault.or((started.elapsed() > HANG).then_some("hangs"));
        tally.faults.extend(fault.map(|fault| format!("{} {what}: {fault}", found.name)));
    };
    if body.is_empty() {
        return tally;
    }
    for _ in 0..wanted.cuts {
        let at = random.usize(0..body.len());
        try_one(format!("cut at {at}"), body[..at].to_vec());
    }
    for _ in 0..wanted.flips {
        let (at, bit) = (random.usize(0..body.len()), random.u8(0..8));
        let mut bytes = body.to_vec();
        bytes[at] ^= 1 << bit;
        try_one(format!("bit {bit} of byte {at} flipped"), bytes);
    }
    if wanted.lies {
        for (what, bytes) in lies(body) {
            try_one(what, bytes);
        }
    }
    tally
}

const LABELS: &[&str] = &[
    "UTF-8",
    "UTF-16",
    "ISO-8859-1",
    "windows-1250",
    "windows-1253",
    "windows-1257",
    "Shift_JIS",
    "x-user-defined",
    "none-such",
];

/// The same bytes under every other declaration, and the same text in every other encoding.
fn lies(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut lies = Vec::new();
    let head = &body[..body.len().min(200)];
    let declared = memchr::memmem::find(head, b"encoding=").and_then(|at| {
        let quote = *body.get(at + 9)?;
        let end = memchr::memchr(quote, &body[at + 10..])? + at + 10;
        Some((at + 10, end))
    });
    for label in LABELS {
        if let Some((from, to)) = declared {
            lies.push((format!("declared as {label}"), [&body[..from], label.as_bytes(), &body[to..]].concat()));
        }
    }
    for (name, mark) in [("UTF-8", &b"\xEF\xBB\xBF"[..]), ("UTF-16LE", b"\xFF\xFE"), ("UTF-16BE", b"\xFE\xFF")] {
        lies.push((format!("behind the mark of {name}"), [mark, body].concat()));
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        lies.push(("written in UTF-16LE".to_owned(), wide.clone()));
        lies.push(("written in UTF-16LE with its mark".to_owned(), [&b"\xFF\xFE"[..], &wide].concat()));
        for encoding in [encoding_rs::WINDOWS_1252, encoding_rs::WINDOWS_1250, encoding_rs::WINDOWS_1253] {
            lies.push((format!("written in {}", encoding.name()), encoding.encode(text).0.into_owned()));
        }
    }
    lies
}
