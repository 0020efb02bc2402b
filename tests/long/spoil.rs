//! Every document of the corpus, cut at random places, with flipped bits, and with its encoding lied about.

use std::path::Path;

use rayon::prelude::*;
use tenderwatch::raw::RawDocument;

#[path = "../it/corpus/documents.rs"]
mod documents;
#[path = "../it/corpus/mutate.rs"]
mod mutate;

use self::documents::FOLDERS;
use self::mutate::{Mutations, Tally};

/// So many cuts and flips per file of the corpus at least, spread over its documents, of which each gets two; and every
/// lie about each document.
pub fn prove(times: u64, seed: u64) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = std::env::var_os("TENDERWATCH_CORPUS").map_or_else(|| root.join("../shared/corpus"), Into::into);
    assert!(corpus.is_dir(), "there is no corpus at {}", corpus.display());
    std::panic::set_hook(Box::new(|_| {}));
    let times = usize::try_from(times).expect("a number");
    let readers = documents::readers();
    let read = |document: &RawDocument| readers.parse(document, None).map(|(_, parsed)| parsed);
    let mut all = Tally::default();
    for folder in FOLDERS {
        let mut tally = Tally::default();
        let mut count = 0;
        for file in documents::files(&corpus.join(folder)) {
            let found = documents::documents(&corpus, &file).documents;
            count += found.len();
            let each = times.div_ceil(found.len().max(1)).max(2);
            let wanted = Mutations { cuts: each, flips: each, lies: true, seed };
            let tallies: Vec<Tally> = found.par_iter().map(|found| mutate::torture(found, wanted, &read)).collect();
            tallies.into_iter().for_each(|other| tally.add(other));
        }
        println!(
            "{folder}: {count} documents, {} spoilt copies: {} read, refused {:?}, {} faults",
            tally.all(),
            tally.read,
            tally.refused,
            tally.faults.len()
        );
        all.add(tally);
    }
    println!("{} spoilt documents, {} faults", all.all(), all.faults.len());
    assert!(all.faults.is_empty(), "{}", all.faults.join("\n"));
}
