//! What is asked for each row of a list: only for new or changed rows, so many a run; the rest waits in a queue.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::lists::may_go_on;
use super::{SourceRun, Stop};
use crate::crawl::{Answer, CrawlError};
use crate::formats::Parsed;
use crate::formats::probe::{self, text_at};
use crate::ids::RawId;
use crate::ingest::{IngestError, Told};
use crate::notice::Notice;
use crate::source::{Ask, Detail, Filling, Table};
use crate::store::DetailEnd;

/// Details between two flushes: what a crash asks again at most.
const FLUSH_EVERY: usize = 20;
/// Details in a row that fail before the rest is left for the next run.
const FAILURES: u32 = 3;
/// Tries of a detail before it is given up.
const TRIES: u32 = 3;

impl SourceRun<'_, '_, '_, '_> {
    /// Queues the details of an index; how many rows at its end were known and unchanged.
    pub(super) fn queue_index(&mut self, rows: &[Value]) -> Result<u64, IngestError> {
        let Some(detail) = &self.source.detail else { return Ok(0) };
        let Some(index) = &detail.index else { return Ok(0) };
        let mut queue = Vec::with_capacity(rows.len());
        let mut known = 0;
        for row in rows {
            let Some(key) = text_at(row, &index.key) else { continue };
            let mark = index.changed.as_ref().and_then(|path| text_at(row, path)).unwrap_or_default();
            let old = self.intake.session().kept.detail_mark(&self.source.id, &key)?;
            known = if old.as_ref() == Some(&mark) { known + 1 } else { 0 };
            let texts: BTreeMap<&str, &str> = BTreeMap::from([("key", key.as_str()), ("id", key.as_str())]);
            let texts = serde_json::to_string(&texts).expect("texts are JSON");
            queue.push((key, mark, texts));
        }
        if self.options.sample.is_none() || self.receipt.documents.fetched == 0 {
            self.intake.session().kept.queue_details(&self.source.id, &queue, detail.changed_too)?;
        }
        Ok(known)
    }

    /// Queues the details of a list's notices.
    pub(super) fn queue_rows(&mut self, parsed: &Parsed) -> Result<(), IngestError> {
        let Some(detail) = &self.source.detail else { return Ok(()) };
        // A row that lacks what the address needs has no detail.
        let has_detail = |texts: &str| detail.ask.fill(&filling_of(texts)).is_ok();
        let rows = parsed.notices.iter().map(row_of);
        let queue: Vec<(String, String, String)> = rows.filter(|(_, _, texts)| has_detail(texts)).collect();
        self.intake.session().kept.queue_details(&self.source.id, &queue, detail.changed_too)?;
        Ok(())
    }

    /// Asks for the details that wait, the longest waiting first.
    pub(super) async fn details(&mut self) -> Result<(), Stop> {
        let source = self.source;
        let Some(detail) = &source.detail else { return Ok(()) };
        let limit = self.options.sample.and_then(|sample| usize::try_from(sample).ok()).unwrap_or(usize::MAX);
        let limit = limit.min(detail.max_per_run as usize);
        if self.options.since.is_some() {
            self.intake.session().kept.ask_given_up_again(&source.id)?;
        }
        let waiting = self.intake.session().kept.waiting_details(&source.id, limit)?;
        let mut settled: Vec<String> = Vec::new();
        let mut failures = 0;
        let size = detail.batch.as_ref().map_or(1, |(size, _)| *size);
        for group in waiting.chunks(size) {
            match self.ask_details(detail, group).await {
                Ok(()) => {
                    failures = 0;
                    settled.extend(group.iter().map(|(key, ..)| key.clone()));
                }
                Err(Stop::Theirs(error)) if may_go_on(&error) => {
                    failures += 1;
                    self.fail(&error);
                    self.try_later(group)?;
                }
                Err(Stop::Theirs(error)) => {
                    self.settle(&mut settled)?;
                    return Err(Stop::Theirs(error));
                }
                Err(stop) => return Err(stop),
            }
            if settled.len() >= FLUSH_EVERY {
                self.settle(&mut settled)?;
            }
            (self.progress)(&self.receipt, Told::At("details"));
            if failures >= FAILURES {
                break;
            }
        }
        self.settle(&mut settled)?;
        let left = self.intake.session().kept.count_waiting(&source.id)?;
        if left > 0 && self.options.sample.is_none() && self.receipt.outcome.is_complete() {
            let reason = format!("{left} details wait for the next run (detail.max_per_run)");
            self.fail(&CrawlError::Capped { url: detail.ask.url.clone(), reason });
        }
        Ok(())
    }

    /// What is in the archive is settled; a crash before that asks again.
    fn settle(&mut self, settled: &mut Vec<String>) -> Result<(), IngestError> {
        if settled.is_empty() {
            return Ok(());
        }
        self.intake.flush(&mut self.receipt)?;
        for key in settled.drain(..) {
            self.intake.session().kept.settle_detail(&self.source.id, &key, DetailEnd::In)?;
        }
        Ok(())
    }

    fn try_later(&mut self, group: &[(String, String, u32)]) -> Result<(), IngestError> {
        for (key, _, tries) in group {
            let gives_up = tries + 1 >= TRIES;
            let ended = if gives_up { DetailEnd::GivenUp } else { DetailEnd::TryLater };
            self.intake.session().kept.settle_detail(&self.source.id, key, ended)?;
            if gives_up {
                self.receipt.fail(format!("the detail of {key} was asked {TRIES} times and is given up"));
            }
        }
        Ok(())
    }

    async fn ask_details(&mut self, detail: &Detail, group: &[(String, String, u32)]) -> Result<(), Stop> {
        let mut filling = filling_of(group.first().map_or("", |(_, texts, _)| texts));
        let separator = detail.batch.as_ref().map_or(",", |(_, join)| join.as_str());
        let keys: Vec<&str> = group.iter().map(|(key, ..)| key.as_str()).collect();
        filling = filling.text("keys", keys.join(separator));
        let Some((mut origin, body)) = self.ask_detail(&detail.ask, &filling).await? else {
            let key = keys.join(" ");
            let reason = format!("the detail of {key} is not there");
            return Err(Stop::Theirs(CrawlError::Drifted { url: detail.ask.url.clone(), reason }));
        };
        let mut body = body;
        if !detail.parts.is_empty() || !detail.tables.is_empty() {
            let mut whole = Map::new();
            let json = |body: &Bytes| serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
            let main = json(&body);
            for (name, ask) in &detail.parts {
                let part = self.ask_detail(ask, &filling).await?;
                whole.insert(name.clone(), part.map_or(Value::Null, |(_, body)| json(&body)));
            }
            for table in &detail.tables {
                let row = match text_at(&main, &table.of) {
                    Some(key) => self.looked_up(table, &key).await?,
                    None => Value::Null,
                };
                whole.insert(table.name.clone(), row);
            }
            whole.insert("detail".to_owned(), main);
            body = Bytes::from(serde_json::to_vec(&whole).expect("values are JSON"));
        }
        origin.detail = true;
        origin.read_as = detail.format.map(str::to_owned);
        self.intake.push(origin, body, &mut self.receipt)?;
        Ok(())
    }

    /// The row of a table, which is loaded when it is first needed; null when there is none.
    async fn looked_up(&mut self, table: &Table, key: &str) -> Result<Value, Stop> {
        if !self.tables.contains_key(&table.name) {
            let drifted = |reason: &str| {
                Stop::Theirs(CrawlError::Drifted { url: table.ask.url.clone(), reason: reason.to_owned() })
            };
            let Some((origin, body)) = self.ask_detail(&table.ask, &Filling::default()).await? else {
                return Err(drifted("the table is not there"));
            };
            let rows = probe::Answer::new(&body, &origin.headers).rows(&table.rows);
            let rows: HashMap<String, Value> =
                rows.into_iter().filter_map(|row| Some((text_at(&row, &table.key)?, row))).collect();
            if rows.is_empty() {
                return Err(drifted("the table has no row"));
            }
            self.tables.insert(table.name.clone(), rows);
        }
        Ok(self.tables[&table.name].get(key).cloned().unwrap_or(Value::Null))
    }

    async fn ask_detail(&mut self, ask: &Ask, filling: &Filling) -> Result<Option<(crate::raw::Origin, Bytes)>, Stop> {
        let question =
            ask.fill(filling).map_err(|reason| Stop::Theirs(CrawlError::Drifted { url: ask.url.clone(), reason }))?;
        self.reserve()?;
        let (answer, body) = self.crawler.ask_whole(&question, None, false).await?;
        Ok(match answer {
            Answer::There(fetched) => Some((self.origin(fetched.url.as_str(), fetched.status, &fetched.headers), body)),
            _ => None,
        })
    }
}

/// The placeholders that a queued row fills.
fn filling_of(texts: &str) -> Filling {
    let texts: BTreeMap<String, String> = serde_json::from_str(texts).unwrap_or_default();
    texts.into_iter().fold(Filling::default(), |filling, (name, text)| filling.text(&name, text)).text("keys", "")
}

/// The key of a row, what tells whether it changed, and what its detail may be asked by.
fn row_of(notice: &Notice) -> (String, String, String) {
    let mut mark = serde_json::to_value(notice).expect("a notice is JSON");
    if let Value::Object(mark) = &mut mark {
        for added in ["raw_id", "first_seen", "categories", "issues", "licence"] {
            mark.remove(added);
        }
    }
    let mark = RawId::of(mark.to_string().as_bytes()).to_string();
    let local = notice.id.as_str().split_once('/').map_or(notice.id.as_str(), |(_, local)| local);
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    texts.insert("key".to_owned(), local.to_owned());
    texts.insert("id".to_owned(), notice.publication_id.clone().unwrap_or_else(|| local.to_owned()));
    if let Some(url) = &notice.url {
        texts.insert("url".to_owned(), url.clone());
    }
    if let Some(procedure) = &notice.procedure_id {
        texts.insert("procedure_id".to_owned(), procedure.clone());
    }
    for (name, value) in &notice.extra {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        texts.insert(format!("extra.{name}"), text);
    }
    (notice.id.to_string(), mark[..32].to_owned(), serde_json::to_string(&texts).expect("texts are JSON"))
}
