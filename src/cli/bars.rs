//! What a run is doing, on a terminal: one line for each source while it is read.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;
use crate::ids::SourceId;
use crate::ingest::Told;
use crate::records::SourceReceipt;

/// The lines of the sources that are being read; nothing is drawn where nobody looks.
pub(super) struct Bars {
    all: MultiProgress,
    lines: Mutex<BTreeMap<SourceId, ProgressBar>>,
}

impl Bars {
    pub fn new(context: &Context<'_>) -> Self {
        let hidden = context.cli.quiet || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { all: MultiProgress::with_draw_target(target), lines: Mutex::default() }
    }

    /// Shows where a source is; its line goes when it has ended.
    pub fn tell(&self, receipt: &SourceReceipt, told: Told<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match told {
            Told::At(what) => {
                let line = lines.entry(receipt.source.clone()).or_insert_with(|| self.line(&receipt.source));
                line.set_message(format!("{what}: {} notices", receipt.records.notices));
                line.tick();
            }
            Told::Ended => {
                if let Some(line) = lines.remove(&receipt.source) {
                    line.finish_and_clear();
                    self.all.remove(&line);
                }
            }
        }
    }

    fn line(&self, source: &SourceId) -> ProgressBar {
        let line = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix:24} {wide_msg}") {
            line.set_style(style);
        }
        line.set_prefix(source.to_string());
        line
    }

    /// Nothing is left of them.
    pub fn clear(self) {
        let _ = self.all.clear(); // a terminal that has gone away shows nothing anyway
    }
}
