//! `[detail]`: what is asked for each row; and `[change]`: how little is asked when nothing is new.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Checker;
use super::ask::{Ask, Method, RawAsk};
use super::template::Filling;
use crate::config::parse_bytes;
use crate::formats::probe::{RawProbe, RowProbe};
use crate::formats::{self, mapping::Path};

/// What is asked for each row.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The request, with `{key}`, `{keys}`, `{url}`, `{id}`, `{procedure_id}` and `{extra.…}`.
    pub ask: Ask,
    /// Changed rows too, not only new ones.
    pub changed_too: bool,
    /// The rest is queued.
    pub max_per_run: u32,
    /// So many in one request, and what stands between their keys.
    pub batch: Option<(usize, String)>,
    /// The list is an index: its rows are no notices.
    pub index: Option<IndexRows>,
    /// More answers for one row, by name.
    pub parts: Vec<(String, Ask)>,
    /// Lists that are loaded once a run, and looked into for each row.
    pub tables: Vec<Table>,
    /// A built-in format that reads details, where it is not the list's.
    pub format: Option<&'static str>,
}

/// Rows that are only keys.
#[derive(Clone, Debug)]
pub struct IndexRows {
    /// The rows.
    pub rows: RowProbe,
    /// The key in a row.
    pub key: Path,
    /// What moves when the detail changed.
    pub changed: Option<Path>,
}

/// A list that is loaded once a run: organisations, code lists. The row that a detail means stands beside the detail.
#[derive(Clone, Debug)]
pub struct Table {
    /// Under which name.
    pub name: String,
    /// Answered with the whole list.
    pub ask: Ask,
    /// Its rows.
    pub rows: RowProbe,
    /// What a row is known by.
    pub key: Path,
    /// Where a detail says the key of its row.
    pub of: Path,
}

/// How little is asked when nothing is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether validators are sent.
    pub conditional: bool,
    /// Of a newest-first file: so many bytes first.
    pub head: Option<u64>,
    /// The list is everything there is.
    pub snapshot: bool,
}

impl Default for Change {
    fn default() -> Self {
        Self { conditional: true, head: None, snapshot: false }
    }
}

/// The crawl's keys of `[detail]`; the rest is the mapping's.
#[derive(Default, Deserialize)]
pub(super) struct RawDetail {
    method: Option<Method>,
    url: Option<String>,
    query: Option<BTreeMap<String, toml::Value>>,
    json: Option<Value>,
    form: Option<BTreeMap<String, toml::Value>>,
    raw: Option<String>,
    content_type: Option<String>,
    accept: Option<String>,
    when: Option<RawWhen>,
    max_per_run: Option<u32>,
    batch: Option<RawBatch>,
    rows: Option<RawProbe>,
    key: Option<String>,
    changed: Option<String>,
    #[serde(default)]
    parts: BTreeMap<String, String>,
    #[serde(default)]
    tables: BTreeMap<String, RawTable>,
    document: Option<RawDetailDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    url: String,
    rows: RawProbe,
    key: String,
    of: String,
}

#[derive(Deserialize)]
struct RawDetailDocument {
    format: String,
}

impl RawDetail {
    /// Whether details are asked for at all; else the table only says how saved pages are read.
    pub fn is_asked(&self) -> bool {
        self.url.is_some()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawWhen {
    NewOrChanged,
    New,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBatch {
    size: usize,
    join: String,
}

/// `[change]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChange {
    conditional: Option<bool>,
    reason: Option<String>,
    head: Option<String>,
    #[serde(default)]
    snapshot: bool,
}

impl Checker<'_> {
    /// `[detail]`.
    pub(super) fn detail(&mut self, raw: &RawDetail) -> Option<Detail> {
        let parts = RawAsk {
            method: raw.method,
            url: raw.url.as_deref(),
            query: raw.query.as_ref(),
            json: raw.json.as_ref(),
            form: raw.form.as_ref(),
            raw: raw.raw.as_deref(),
            content_type: raw.content_type.as_deref(),
            accept: raw.accept.as_deref(),
            ..RawAsk::default()
        };
        let trial = self.detail_trial(raw);
        let ask = self.ask("detail", &parts, &trial);
        let batch = raw.batch.as_ref().map(|batch| {
            if !(1..=500).contains(&batch.size) {
                self.complain("detail.batch.size", "is between 1 and 500 details in one request");
            }
            (batch.size, batch.join.clone())
        });
        if let (Some(ask), true) = (&ask, batch.is_some())
            && !ask.mentions("keys")
        {
            self.complain("detail.batch", "the request must contain {keys}");
        }
        let index = match (&raw.rows, &raw.key) {
            (Some(rows), Some(key)) => {
                let rows = self.rows("detail.rows", rows);
                let key = self.path("detail.key", key);
                let changed = raw.changed.as_ref().map(|path| self.path("detail.changed", path));
                match (rows, key) {
                    (Some(rows), Some(key)) => Some(IndexRows { rows, key, changed: changed.flatten() }),
                    _ => None,
                }
            }
            (None, None) => {
                if raw.changed.is_some() {
                    self.complain("detail.changed", "needs `rows` and `key` too: without them the rows are notices");
                }
                None
            }
            _ => {
                self.complain("detail", "`rows` and `key` go together: an index of keys");
                None
            }
        };
        if raw.max_per_run == Some(0) {
            self.complain("detail.max_per_run", "is at least 1");
        }
        let mut more = Vec::new();
        for (name, url) in &raw.parts {
            let parts = RawAsk { url: Some(url), ..RawAsk::default() };
            more.extend(self.ask(&format!("detail.parts.{name}"), &parts, &trial).map(|ask| (name.clone(), ask)));
        }
        let tables = self.tables(raw, &trial);
        Some(Detail {
            ask: ask?,
            changed_too: raw.when != Some(RawWhen::New),
            max_per_run: raw.max_per_run.unwrap_or(500),
            batch,
            index,
            parts: more,
            tables,
            format: raw
                .document
                .as_ref()
                .and_then(|document| formats::find(&document.format))
                .map(|format| format.name),
        })
    }

    fn tables(&mut self, raw: &RawDetail, trial: &Filling) -> Vec<Table> {
        if !raw.tables.is_empty() && raw.batch.is_some() {
            self.complain("detail.tables", "a batch holds several details: none of them has a row of its own");
        }
        let mut tables = Vec::new();
        for (name, table) in &raw.tables {
            let at = |key: &str| format!("detail.tables.{name}.{key}");
            if name == "detail" || raw.parts.contains_key(name) {
                self.complain(&format!("detail.tables.{name}"), "this name is taken");
            }
            let parts = RawAsk { url: Some(&table.url), ..RawAsk::default() };
            let ask = self.ask(&format!("detail.tables.{name}"), &parts, trial);
            let rows = self.rows(&at("rows"), &table.rows);
            let (key, of) = (self.path(&at("key"), &table.key), self.path(&at("of"), &table.of));
            if let (Some(ask), Some(rows), Some(key), Some(of)) = (ask, rows, key, of) {
                tables.push(Table { name: name.clone(), ask, rows, key, of });
            }
        }
        tables
    }

    /// The placeholders of a detail, filled for a trial; any `{extra.…}` may be there.
    fn detail_trial(&self, raw: &RawDetail) -> Filling {
        let host = self.hosts.first().map_or("example.org", String::as_str);
        let mut trial = Filling::default().text("url", format!("https://{host}/"));
        for name in ["key", "keys", "id", "procedure_id"] {
            trial = trial.text(name, "x");
        }
        let mut texts: Vec<String> = raw.url.iter().cloned().collect();
        texts.extend(raw.parts.values().cloned());
        texts.extend(raw.json.iter().map(Value::to_string));
        texts.extend(raw.raw.iter().cloned());
        texts.extend(raw.query.iter().chain(raw.form.iter()).flatten().map(|(_, value)| value.to_string()));
        for text in texts {
            for part in text.split("{extra.").skip(1) {
                if let Some((name, _)) = part.split_once('}') {
                    trial = trial.text(&format!("extra.{}", name.trim_end_matches(":int")), "1");
                }
            }
        }
        trial
    }

    /// `[change]`.
    pub(super) fn change(&mut self, raw: &RawChange) -> Option<Change> {
        let conditional = raw.conditional.unwrap_or(true);
        if !conditional && raw.reason.as_deref().unwrap_or_default().trim().is_empty() {
            self.complain("change.conditional", "false needs a `reason`");
        }
        let head = match &raw.head {
            None => None,
            Some(text) => {
                let bytes = parse_bytes(text);
                if bytes.is_none() {
                    self.complain("change.head", format!("expected a size such as \"512KiB\", found \"{text}\""));
                }
                Some(bytes?)
            }
        };
        Some(Change { conditional, head, snapshot: raw.snapshot })
    }
}
