//! How a receipt is printed, and what it means for the exit code.

use std::io::Write;

use super::{Context, Ended};
use crate::records::Receipt;

pub(super) fn print(receipt: &Receipt, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    if context.is_json() {
        context.json(receipt)?;
    } else {
        table(receipt, context.out)?;
    }
    Ok(if receipt.is_complete() { Ended::Done } else { Ended::Incomplete })
}

pub(super) fn table(receipt: &Receipt, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "run {}", receipt.run_id)?;
    for source in &receipt.sources {
        let (documents, notices) = (&source.documents, &source.notices);
        writeln!(out, "{}: {}", source.source, source.outcome.as_str())?;
        writeln!(
            out,
            "  documents {} = {} parsed + {} duplicate + {} quarantined + {} failed",
            documents.fetched, documents.parsed, documents.duplicate, documents.quarantined, documents.failed
        )?;
        writeln!(
            out,
            "  notices   {} new, {} changed, {} unchanged; {} issues",
            notices.new, notices.changed, notices.unchanged, source.issues
        )?;
        if source.requests > 0 {
            writeln!(
                out,
                "  requests  {}, {}, {} ms waited for politeness",
                source.requests,
                megabytes(source.bytes),
                source.waited_ms
            )?;
            for host in &source.politeness.hosts {
                let gap = host.min_gap_ms.map_or_else(|| "-".to_owned(), |gap| format!("{gap} ms"));
                writeln!(out, "            {}: smallest gap {gap}, limit {}", host.host, host.limit)?;
            }
        }
        if let Some(to) = &source.watermark.to {
            writeln!(out, "  complete up to {to}")?;
        }
        if let Some(error) = &source.error {
            writeln!(out, "  {error}")?;
        }
    }
    Ok(())
}

/// Bytes as people read them.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}
