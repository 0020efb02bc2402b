//! tenderwatch: a tender monitor for Europe's public security buyers.
//!
//! This page is the table of contents. Modules are layered: each imports only modules with a
//! smaller number (`docs/ARCHITECTURE.md` says why, `tests/it/architecture.rs` checks it).

pub mod definitions; //  0  the shipped definition files and the operator's overlays; strict TOML with file, line and path
pub mod ids; //          0  newtypes for the names of things: source, raw document, notice, category, run
pub mod codes; //        1  code lists: CPV, countries, languages, NUTS, currencies, time zones
pub mod issue; //        2  a finding about data: where, what value, which code
pub mod rates; //        2  amounts in euro: the reference rates of the European Central Bank
pub mod raw; //          2  bytes as they came, and where they came from
pub mod notice; //       3  the normalised model and its value types
pub mod analysis; //     4  text → tokens, for classifier, index and query alike
pub mod versions; //     4  what counts as a change of a notice, and what changed
pub mod doubts; //       5  published amounts that cannot be meant, each with its reason
pub mod records; //      5  plain stored shapes that several modules exchange: cursor, receipt, counts
pub mod terms; //        5  words and phrases of definitions, and where they stand in a text
pub mod worth; //        6  the amount that stands for a notice, in euro on its day
pub mod config; //       6  config.toml → RawConfig → Config
pub mod archive; //      7  the raw documents: an append-only, content-addressed log
pub mod classify; //     7  index/categories → Classifier; Notice → categories with evidence
pub mod formats; //      7  bytes → notices + issues; the FORMATS table
pub mod organisations; // 7  who is this organisation, of what kind: names, keys, clusters, kinds of buyers
pub mod unpack; //       7  packages → documents: gzip, tar and zip, with every size bounded
pub mod evaluation; //   8  judged notices and their scores → precision, recall, false alarms, calibration
pub mod links; //        8  which notices belong together: keys, rules, the operator's verdicts
pub mod source; //       8  sources/*.toml → Source; linting
pub mod fetch; //        9  the host gates: the only user of reqwest
pub mod search; //       9  tantivy: schema, writer, query language, hits
pub mod store; //        9  the truth: notices (derived) and cursors, receipts, first-seen (kept)
pub mod crawl; //       10  plan × paging → documents
pub mod export; //      10  notices → JSON Lines, CSV, OCDS
pub mod trends; //      10  counts per week → the digest
pub mod ingest; //      11  the story: archive → parse → classify → store → index → cursor
pub mod publisher; //   12  example publishers on loopback, for `demo`, tests and benches
pub mod cli; //         13  one file per subcommand, thin
