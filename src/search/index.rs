//! The index on disk: `index/current` names the folder that serves; a rebuild fills another one and then moves the name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use tantivy::collector::sort_key::{SortBySimilarityScore, SortByStaticFastValue};
use tantivy::collector::{Count, DocSetCollector, TopDocs};
use tantivy::query::BooleanQuery;
use tantivy::schema::{TantivyDocument, Value};
use tantivy::{DocAddress, Index, IndexReader, Order, ReloadPolicy, TantivyError, Term};

use super::SearchError;
use super::filter::{CROSS_BORDER, Filters, Sort};
use super::organisations;
use super::query::Query;
use super::queue::{Queue, Queued};
use super::schema::{Fields, OWN, SCHEMA_VERSION, days, register_tokenizers, stem_text};
use crate::analysis::Stems;
use crate::config::IndexSettings;
use crate::ids::NoticeId;
use crate::notice::{Notice, Organisation};
use crate::organisations::{Cluster, KeyKind, Occurrence};

/// A notice ready for the index: the costly part (stems), done on any thread.
pub struct IndexDocument {
    id: NoticeId,
    document: TantivyDocument,
    seq: tantivy::schema::Field,
}

impl IndexDocument {
    /// Fills every field of the schema from a notice.
    pub fn new(notice: &Notice, stems: &mut Stems) -> Self {
        let fields = OWN.1;
        let mut document = TantivyDocument::new();
        document.add_text(fields.id, notice.id.as_str());
        for (_, text) in notice.title.iter() {
            document.add_text(fields.title, text);
        }
        for (_, text) in notice.description.iter() {
            document.add_text(fields.description, text);
        }
        let lot_texts = || notice.lots.iter().flat_map(|lot| lot.title.iter().chain(lot.description.iter()));
        for (_, text) in lot_texts() {
            document.add_text(fields.lots, text);
        }
        for buyer in &notice.buyers {
            let names = buyer.name.as_deref().into_iter().chain(buyer.names.iter().map(|(_, name)| name));
            for name in names {
                document.add_text(fields.buyer, name);
            }
        }
        let texts = notice.title.iter().chain(notice.description.iter()).chain(lot_texts());
        document.add_text(fields.stem, stem_text(texts, stems));
        document.add_text(fields.source, notice.source.as_str());
        document.add_text(fields.stage, notice.stage.as_str());
        for country in notice.buyer_countries() {
            document.add_text(fields.country, country);
        }
        for category in notice.categories.iter().filter(|category| category.score >= 0.5) {
            document.add_text(fields.category, category.id.as_str());
        }
        for language in &notice.languages {
            document.add_text(fields.language, language);
        }
        let mut prefixes: Vec<&str> = Vec::new();
        for code in notice.cpv.iter().chain(notice.lots.iter().flat_map(|lot| &lot.cpv)) {
            prefixes.extend((2..=code.len()).filter_map(|length| code.get(..length)));
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        for prefix in prefixes {
            document.add_text(fields.cpv, prefix);
        }
        add_organisations(&mut document, &fields, notice);
        for kind in notice.buyer_kinds() {
            document.add_text(fields.buyer_kind, kind);
        }
        if let Some(joint) = &notice.joint {
            let cross_border = joint.cross_border.then_some(CROSS_BORDER);
            for sign in joint.evidence.iter().map(String::as_str).chain(cross_border) {
                document.add_text(fields.joint, sign);
            }
        }
        for sign in notice.innovation_marks() {
            document.add_text(fields.innovation, sign);
        }
        if let Some(published) = notice.published_on {
            document.add_i64(fields.published, days(published));
        }
        if let Some(deadline) = &notice.deadline {
            document.add_i64(fields.deadline, deadline.at.as_second());
        }
        if let Some(value) = notice.value_eur.as_ref().and_then(|worth| worth.money.amount.to_f64()) {
            document.add_f64(fields.value, value);
        }
        Self { id: notice.id.clone(), document, seq: fields.seq }
    }
}

/// Who buys and who sells, for [`super::organisations`]; each once.
fn add_organisations(document: &mut TantivyDocument, fields: &Fields, notice: &Notice) {
    let buyers: BTreeSet<Occurrence> = notice.buyers.iter().filter_map(Occurrence::of).collect();
    let first: BTreeSet<String> =
        buyers.iter().filter_map(|buyer| buyer.keys.first()).map(ToString::to_string).collect();
    for key in first {
        document.add_text(fields.buyer_id, key);
    }
    let all: BTreeSet<Occurrence> =
        buyers.into_iter().chain(notice.suppliers.iter().filter_map(Occurrence::of)).collect();
    let keys = all.iter().flat_map(|one| &one.keys).filter(|key| key.kind != KeyKind::Group);
    for key in keys.map(ToString::to_string).collect::<BTreeSet<String>>() {
        document.add_text(fields.organisation_key, key);
    }
    for one in all {
        document.add_text(fields.organisation, serde_json::to_string(&one).expect("plain data"));
    }
}

/// What opening for writing found.
pub enum Opened {
    /// The index of this version, and the last change it applied.
    Ready(Box<IndexWriter>),
    /// It must be built anew, for this reason; whatever serves now goes on serving until then.
    Rebuild(String),
}

/// The writing end. There is one per data directory; the writer lock is the caller's.
pub struct IndexWriter {
    root: PathBuf,
    folder: String,
    fields: Fields,
    writer: tantivy::IndexWriter<Queued>,
    queue: Arc<Queue>,
    store: String,
    applied: u64,
}

impl IndexWriter {
    /// Opens what `current` names, if it follows the store of this identity.
    ///
    /// # Errors
    /// When the disk says no; a damaged index is [`Opened::Rebuild`].
    pub fn open(root: &Path, store: &str, settings: &IndexSettings) -> Result<Opened, SearchError> {
        let Some(folder) = current(root)? else {
            return Ok(Opened::Rebuild("there is no index yet".to_owned()));
        };
        let path = root.join(&folder);
        if version(&path) != Some(SCHEMA_VERSION) {
            return Ok(Opened::Rebuild(format!("its schema is not version {SCHEMA_VERSION}")));
        }
        let opened = open_index(&path).and_then(|index| {
            // Opening a reader opens every file; a writer alone would not miss one.
            index.reader()?;
            let followed = followed(&index)?;
            Ok((Self::writer(&index, settings)?, followed, index))
        });
        match opened {
            Ok((writer, followed, index)) => match (Fields::of(&index.schema()), followed) {
                (Some(_), Some((_, known))) if known != store => {
                    Ok(Opened::Rebuild("it was built from another store".to_owned()))
                }
                (Some(fields), Some((applied, store))) => {
                    sweep(root, &folder);
                    let (root, queue) = (root.to_owned(), Arc::default());
                    Ok(Opened::Ready(Box::new(Self { root, folder, fields, writer, queue, store, applied })))
                }
                _ => Ok(Opened::Rebuild("its fields or its change number do not read".to_owned())),
            },
            Err(error) => Ok(Opened::Rebuild(format!("it does not open: {error}"))),
        }
    }

    /// Begins a new index beside the one that serves. [`IndexWriter::publish`] puts it in its place.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn create(root: &Path, store: &str, settings: &IndexSettings) -> Result<Self, SearchError> {
        std::fs::create_dir_all(root).map_err(io("create", root))?;
        let serving = current(root)?;
        let number = serving.as_deref().and_then(|name| name.parse::<u32>().ok()).map_or(1, |number| number + 1);
        let folder = format!("{number:06}");
        let path = root.join(&folder);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(io("remove", &path))?;
        }
        std::fs::create_dir_all(&path).map_err(io("create", &path))?;
        let index = Index::create_in_dir(&path, OWN.0.clone()).map_err(engine("create"))?;
        register_tokenizers(&index);
        let file = path.join(VERSION_FILE);
        std::fs::write(&file, SCHEMA_VERSION.to_string()).map_err(io("write", &file))?;
        let fields = OWN.1;
        let writer = Self::writer(&index, settings).map_err(engine("write"))?;
        let (root, queue, store) = (root.to_owned(), Arc::default(), store.to_owned());
        let mut writer = Self { root, folder, fields, writer, queue, store, applied: 0 };
        writer.commit(0)?;
        Ok(writer)
    }

    fn writer(index: &Index, settings: &IndexSettings) -> Result<tantivy::IndexWriter<Queued>, TantivyError> {
        index.writer_with_num_threads(1, usize::try_from(settings.memory).unwrap_or(usize::MAX))
    }

    /// The last change that is in the index for good.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Puts a notice in, in place of an older one with its id.
    ///
    /// # Errors
    /// What the engine says.
    pub fn put(&mut self, seq: u64, notice: IndexDocument) -> Result<(), SearchError> {
        self.writer.delete_term(Term::from_field_text(self.fields.id, notice.id.as_str()));
        self.add(seq, notice)
    }

    /// Puts a notice in that the index does not have: nothing has to be looked for in every segment, and kept in memory
    /// until it was.
    ///
    /// # Errors
    /// What the engine says.
    pub fn add(&mut self, seq: u64, mut notice: IndexDocument) -> Result<(), SearchError> {
        notice.document.add_i64(notice.seq, i64::try_from(seq).unwrap_or(i64::MAX));
        self.writer.add_document(self.queue.enter(notice.document)).map_err(engine("add a notice"))?;
        Ok(())
    }

    /// Makes everything up to this change visible and durable.
    ///
    /// # Errors
    /// What the engine says.
    pub fn commit(&mut self, seq: u64) -> Result<(), SearchError> {
        let mut prepared = self.writer.prepare_commit().map_err(engine("commit"))?;
        prepared.set_payload(&format!("{seq} {}", self.store));
        prepared.commit().map_err(engine("commit"))?;
        self.applied = seq;
        Ok(())
    }

    /// Lets this index serve.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn publish(&mut self) -> Result<(), SearchError> {
        let file = self.root.join(CURRENT_FILE);
        let mut temporary = tempfile::NamedTempFile::new_in(&self.root).map_err(io("write in", &self.root))?;
        std::io::Write::write_all(&mut temporary, self.folder.as_bytes())
            .and_then(|()| temporary.as_file().sync_all())
            .map_err(io("write", &file))?;
        temporary.persist(&file).map_err(|error| io("write", &file)(error.error))?;
        sweep(&self.root, &self.folder);
        Ok(())
    }

    /// Waits for background merges; what was not committed is dropped.
    ///
    /// # Errors
    /// What the engine says.
    pub fn close(self) -> Result<(), SearchError> {
        self.writer.wait_merging_threads().map_err(engine("merge"))
    }
}

const CURRENT_FILE: &str = "current";
const VERSION_FILE: &str = "schema-version";

/// Files of the serving index whose check sums are wrong, in sentences.
///
/// # Errors
/// When it does not open at all.
pub fn faults(root: &Path) -> Result<Vec<String>, SearchError> {
    let folder = current(root)?.ok_or_else(|| SearchError::Missing { path: root.to_owned() })?;
    let path = root.join(folder);
    let damaged = |reason: String| SearchError::Damaged { path: path.clone(), reason };
    let files = guarded(|| open_index(&path)?.validate_checksum()).map_err(damaged)?;
    let mut files: Vec<String> = files.into_iter().map(|file| file.display().to_string()).collect();
    files.sort();
    Ok(files.into_iter().map(|file| damaged(format!("{file} is not as it was written")).to_string()).collect())
}

/// The engine trusts its files: on damaged ones it may panic, which is an answer like any other here.
fn guarded<T>(ask: impl FnOnce() -> Result<T, TantivyError>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)) {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("the engine failed on its files".to_owned()),
    }
}

fn current(root: &Path) -> Result<Option<String>, SearchError> {
    let file = root.join(CURRENT_FILE);
    match std::fs::read_to_string(&file) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty() && !name.contains(['/', '.']))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", &file)(error)),
    }
}

fn version(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path.join(VERSION_FILE)).ok()?.trim().parse().ok()
}

/// Removes folders that serve nobody: left by an interrupted or a finished rebuild.
fn sweep(root: &Path, keep: &str) {
    let Ok(entries) = root.read_dir() else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir()
            && entry.file_name() != keep
            && let Err(error) = std::fs::remove_dir_all(&path)
        {
            tracing::warn!("could not remove the old index {}: {error}", path.display());
        }
    }
}

fn open_index(path: &Path) -> Result<Index, TantivyError> {
    let index = Index::open_in_dir(path)?;
    register_tokenizers(&index);
    Ok(index)
}

/// The last change that the index applied, and the identity of the store it comes from.
fn followed(index: &Index) -> Result<Option<(u64, String)>, TantivyError> {
    let payload = index.load_metas()?.payload.unwrap_or_default();
    let (seq, store) = payload.split_once(' ').unwrap_or((&payload, ""));
    Ok(seq.parse().ok().map(|seq| (seq, store.to_owned())))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SearchError {
    let path = path.to_owned();
    move |source| SearchError::Io { action, path, source }
}

fn engine(action: &'static str) -> impl FnOnce(TantivyError) -> SearchError {
    move |source| SearchError::Engine { action, source }
}

/// The reading end.
pub struct Searcher {
    path: PathBuf,
    fields: Fields,
    reader: IndexReader,
    applied: u64,
    store: String,
    current: bool,
}

/// Ids and scores of a page of hits, and how many there are in all.
pub struct Page {
    /// How many notices match.
    pub total: usize,
    /// Of those, the page that was asked for.
    pub hits: Vec<(NoticeId, f32)>,
    /// How many matches carry each value, when asked for: field → value → notices.
    pub facets: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Searcher {
    /// Opens what `current` names, whatever its version, as long as it has the fields.
    ///
    /// # Errors
    /// [`SearchError::Missing`] or [`SearchError::Damaged`].
    pub fn open(root: &Path) -> Result<Self, SearchError> {
        let missing = || SearchError::Missing { path: root.to_owned() };
        let folder = current(root)?.ok_or_else(missing)?;
        let path = root.join(folder);
        let damaged = |reason: String| SearchError::Damaged { path: path.clone(), reason };
        let index = guarded(|| open_index(&path)).map_err(damaged)?;
        let fields = Fields::of(&index.schema()).ok_or_else(|| damaged("fields are missing".to_owned()))?;
        let (applied, store) = followed(&index).ok().flatten().unwrap_or_default();
        let reader =
            guarded(|| index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()).map_err(damaged)?;
        let current = version(&path) == Some(SCHEMA_VERSION);
        Ok(Self { path, fields, reader, applied, store, current })
    }

    /// The last change of the store that this index knows.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The identity of the store that this index was built from.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// Whether the index has this program's schema version.
    pub fn is_current(&self) -> bool {
        self.current
    }

    /// The notices that match, best first; ties by the store's order, so that the same index gives the same page.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] when the index does not answer.
    pub fn search(
        &self,
        query: &Query,
        filters: &Filters,
        (offset, limit): (usize, usize),
        facets: bool,
        now: Timestamp,
    ) -> Result<Page, SearchError> {
        guarded(|| self.run(query, filters, offset, limit, facets, now))
            .map_err(|reason| SearchError::Damaged { path: self.path.clone(), reason })
    }

    /// Every notice that matches, by id.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] when the index does not answer.
    pub fn all(&self, query: &Query, filters: &Filters, now: Timestamp) -> Result<Vec<NoticeId>, SearchError> {
        guarded(|| {
            let searcher = self.reader.searcher();
            let compiled = self.compile(&searcher, query, filters, now)?;
            let mut ids = Vec::new();
            for address in searcher.search(&compiled, &DocSetCollector)? {
                let document: TantivyDocument = searcher.doc(address)?;
                ids.extend(document.get_first(self.fields.id).and_then(|value| value.as_str()).map(NoticeId::from));
            }
            ids.sort();
            Ok(ids)
        })
        .map_err(|reason| SearchError::Damaged { path: self.path.clone(), reason })
    }

    /// The organisation that is meant by what a notice says of it: its id, other names and numbers, and doubts.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] when the index does not answer.
    pub fn organisation(&self, organisation: &Organisation) -> Result<Option<Cluster>, SearchError> {
        let Some(occurrence) = Occurrence::of(organisation) else { return Ok(None) };
        guarded(|| organisations::cluster(&self.reader.searcher(), &self.fields, occurrence))
            .map_err(|reason| SearchError::Damaged { path: self.path.clone(), reason })
    }

    fn compile(
        &self,
        searcher: &tantivy::Searcher,
        query: &Query,
        filters: &Filters,
        now: Timestamp,
    ) -> Result<BooleanQuery, TantivyError> {
        let buyers = match filters.buyer() {
            Some(buyer) => organisations::meant(searcher, &self.fields, buyer)?,
            None => Vec::new(),
        };
        Ok(filters.compile(query.compile(&self.fields), &self.fields, &buyers, now))
    }

    fn run(
        &self,
        query: &Query,
        filters: &Filters,
        offset: usize,
        limit: usize,
        facets: bool,
        now: Timestamp,
    ) -> Result<Page, TantivyError> {
        let searcher = self.reader.searcher();
        let compiled = self.compile(&searcher, query, filters, now)?;
        let top = TopDocs::with_limit(limit.max(1)).and_offset(offset);
        let by_seq = || (SortByStaticFastValue::<i64>::for_field("seq"), Order::Asc);
        let by = |field: &'static str, order| (SortByStaticFastValue::<i64>::for_field(field), order);
        let sort = filters.sort.unwrap_or(if query.is_empty() { Sort::Published } else { Sort::Relevance });
        let (total, addresses): (usize, Vec<(f32, DocAddress)>) = match sort {
            Sort::Relevance => {
                let order = top.order_by(((SortBySimilarityScore, Order::Desc), by_seq()));
                let (total, hits) = searcher.search(&compiled, &(Count, order))?;
                (total, hits.into_iter().map(|((score, _), address)| (score, address)).collect())
            }
            Sort::Published => {
                let order = top.order_by((by("published", Order::Desc), by_seq()));
                let (total, hits) = searcher.search(&compiled, &(Count, order))?;
                (total, hits.into_iter().map(|(_, address)| (0.0, address)).collect())
            }
            Sort::Deadline => {
                let order = top.order_by((by("deadline", Order::Asc), by_seq()));
                let (total, hits) = searcher.search(&compiled, &(Count, order))?;
                (total, hits.into_iter().map(|(_, address)| (0.0, address)).collect())
            }
            Sort::Value => {
                let value = (SortByStaticFastValue::<f64>::for_field("value"), Order::Desc);
                let order = top.order_by((value, by_seq()));
                let (total, hits) = searcher.search(&compiled, &(Count, order))?;
                (total, hits.into_iter().map(|(_, address)| (0.0, address)).collect())
            }
        };
        let mut hits = Vec::with_capacity(addresses.len());
        for (score, address) in addresses.into_iter().take(limit) {
            let document: TantivyDocument = searcher.doc(address)?;
            if let Some(id) = document.get_first(self.fields.id).and_then(|value| value.as_str()) {
                hits.push((NoticeId::from(id), score));
            }
        }
        let facets = if facets { count_facets(&searcher, &compiled)? } else { BTreeMap::new() };
        Ok(Page { total, hits, facets })
    }
}

/// How many matches carry each value, per field.
fn count_facets(
    searcher: &tantivy::Searcher,
    query: &dyn tantivy::query::Query,
) -> Result<BTreeMap<&'static str, BTreeMap<String, u64>>, TantivyError> {
    let matching = searcher.search(query, &DocSetCollector)?;
    let mut facets = BTreeMap::new();
    for name in ["buyer_kind", "category", "country", "innovation", "joint", "language", "source", "stage"] {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (segment, reader) in searcher.segment_readers().iter().enumerate() {
            let Some(column) = reader.fast_fields().str(name)? else { continue };
            let mut by_ord: BTreeMap<u64, u64> = BTreeMap::new();
            for address in matching.iter().filter(|address| address.segment_ord as usize == segment) {
                for ord in column.term_ords(address.doc_id) {
                    *by_ord.entry(ord).or_default() += 1;
                }
            }
            for (ord, count) in by_ord {
                let mut value = String::new();
                column.ord_to_str(ord, &mut value)?;
                *counts.entry(value).or_default() += count;
            }
        }
        facets.insert(name, counts);
    }
    Ok(facets)
}
