//! `tenderwatch classify`

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Context, Ended, Invalid, Output};
use crate::classify::Classifier;
use crate::codes;
use crate::definitions::Definitions;
use crate::ids::{NoticeId, RawId, SourceId};
use crate::notice::{Classification, Lot, LotKind, Notice, Organisation, Stage, Text};
use crate::organisations::Kinds;

/// Label texts with security categories: JSON Lines in, JSON Lines out.
///
/// Example: tenderwatch classify --input notices.jsonl.gz
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Do not look at CPV codes
    #[arg(long)]
    no_cpv: bool,
    /// JSON Lines, perhaps gzipped, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

/// A line may not be longer than this.
const LINE_BYTES: u64 = 32 << 20;

/// A text to classify.
#[derive(Deserialize)]
pub(super) struct Line {
    pub id: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    cpv: Option<Vec<String>>,
    #[serde(default)]
    pub lang: Option<String>,
    #[serde(default)]
    buyer: Option<String>,
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    lots: Option<Vec<LotLine>>,
}

#[derive(Deserialize)]
struct LotLine {
    id: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    cpv: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Labelled<'a> {
    id: &'a str,
    categories: Vec<Classification>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let config = context.cli.config()?;
    let definitions = Definitions::new(config.paths.definitions);
    let classifier = Classifier::load(&definitions).map_err(Invalid)?;
    let kinds = Kinds::load(&definitions).map_err(Invalid)?;
    each_line(&arguments.input, |row: Line| {
        let categories = classifier.classify(&row.notice(!arguments.no_cpv, &kinds));
        serde_json::to_writer(&mut *context.out, &Labelled { id: &row.id, categories })?;
        writeln!(context.out)?;
        Ok(())
    })?;
    Ok(Ended::Done)
}

/// Every line of a file of JSON Lines, perhaps gzipped, or of standard input; empty lines are none.
pub(super) fn each_line<T: DeserializeOwned>(
    path: &Path,
    mut take: impl FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let mut input = open(path).with_context(|| format!("could not read {name}"))?;
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = input
            .by_ref()
            .take(LINE_BYTES)
            .read_line(&mut line)
            .with_context(|| format!("could not read {name}:{number}"))?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_BYTES {
            bail!("{name}:{number}: the line is longer than {} MiB", LINE_BYTES >> 20);
        }
        if line.trim().is_empty() {
            continue;
        }
        take(serde_json::from_str(&line).with_context(|| format!("{name}:{number}: not a line to classify"))?)?;
    }
    Ok(())
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let mut file = BufReader::new(File::open(path)?);
    let zipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if zipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

impl Line {
    /// The line as a notice with the kind of its buyer, so that there is one classifier for everything.
    pub fn notice(&self, with_cpv: bool, kinds: &Kinds) -> Notice {
        let id = NoticeId::new(self.id.clone());
        let mut notice =
            Notice::new(id, SourceId::new("classify"), "jsonl", RawId::from_digest([0; 32]), Stage::Competition);
        let lang = self.lang.as_deref().and_then(codes::language).unwrap_or("und");
        let text = |text: Option<&str>| -> Text { text.into_iter().map(|text| (lang, text)).collect() };
        let cpv = |codes: Option<&Vec<String>>| -> Vec<String> {
            let digits = codes.into_iter().flatten().filter_map(|code| codes::cpv_digits(code));
            if with_cpv { digits.map(str::to_owned).collect() } else { Vec::new() }
        };
        notice.title = text(Some(&self.title));
        notice.description = text(self.description.as_deref());
        notice.cpv = cpv(self.cpv.as_ref());
        let country = self.country.as_deref().and_then(codes::country).map(|country| country.iso2.clone());
        notice.buyers = vec![Organisation { name: self.buyer.clone(), country, ..Organisation::default() }];
        for lot in self.lots.iter().flatten() {
            notice.lots.push(Lot {
                title: text(lot.title.as_deref()),
                description: text(lot.description.as_deref()),
                cpv: cpv(lot.cpv.as_ref()),
                ..Lot::new(lot.id.clone(), LotKind::Lot)
            });
        }
        kinds.fill(&mut notice);
        notice
    }
}
