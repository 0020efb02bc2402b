//! The raw documents: an append-only log of everything that ever came in, addressed by content, replayable for ever.
//!
//! `archive/000001.pack`, `000002.pack` … hold records one after the other; a [`Position`] names the place
//! between two records. The store follows the log and remembers the position it has applied, so a crash
//! between the two is caught up by replaying. It knows nothing about what the documents mean.
//!
//! A record: magic, sizes, the SHA-256 of the bytes, the [`Origin`] as JSON and the bytes in one zstd frame, a
//! CRC-32 over all of it. A torn tail (a crash during a write) fails the CRC and is cut off by the next writer.
//! The magic says what the frame was packed with; that dictionary lies beside the packs too (`documents-1.zst`), so that
//! an archive can be read without this program. Records of before there were dictionaries (`TWR1`) have the origin
//! before the frame.

pub(crate) mod frames;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::frames::Packing;
use crate::ids::RawId;
use crate::raw::{Origin, RawDocument};

const PACK_MAGIC: &[u8; 8] = b"TWPACK1\n";
/// How records begin, and what their frames are packed with; the last one is written.
const RECORD_MAGICS: [(&[u8; 4], Packing); 2] = [(b"TWR1", Packing::Plain), (b"TWR2", Packing::Documents1)];
const WRITTEN: (&[u8; 4], Packing) = RECORD_MAGICS[1];
/// magic 4, meta length 4, stored length 8, body length 8, SHA-256 32
const HEADER: usize = 56;
const CRC: u64 = 4;
/// A pack is closed once it is larger than this, so that the tail check at start-up stays cheap.
const PACK_BYTES: u64 = 64 << 20;
const META_BYTES: usize = 1 << 20;

/// A place between two records of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Number of the pack, from 1; 0 is before everything.
    pub pack: u32,
    /// Byte offset in the pack.
    pub offset: u64,
}

impl Position {
    /// Before the first record.
    pub const START: Self = Self { pack: 0, offset: 0 };
}

/// Why the archive could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk said no.
    #[error("could not {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("the archive is damaged at {path}:{offset}: {reason}; bring the file back from a backup", path = path.display())]
    Damaged {
        /// The pack.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
}

/// A document compressed and hashed, ready to be appended: the costly part, done on any thread.
pub struct Prepared {
    id: RawId,
    meta_len: usize,
    /// The origin and the body, packed.
    stored: Vec<u8>,
    body_len: u64,
}

impl Prepared {
    /// Compresses a document.
    pub fn new(document: &RawDocument) -> Self {
        let mut bytes = serde_json::to_vec(&document.origin).expect("an origin is plain data");
        let (meta_len, body_len) = (bytes.len(), document.body.len() as u64);
        bytes.extend_from_slice(&document.body);
        Self { id: document.id, meta_len, stored: frames::pack(&bytes, WRITTEN.1), body_len }
    }
}

/// The writing end. There is one per data directory; the writer lock is the caller's.
pub struct Archive {
    folder: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    end: Position,
    /// A write failed: what is in the file after `end` is not known, so nothing may follow it.
    failed: bool,
}

impl Archive {
    /// Opens the log for appending; cuts off a torn tail.
    ///
    /// `stored` is how far the store has applied the log. What lies before it was whole once, so damage there is
    /// never taken for a torn tail, nor is damage that whole records follow.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or a pack is damaged; then nothing is cut.
    pub fn open(folder: &Path, stored: Position) -> Result<Self, ArchiveError> {
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let missing = || {
            let path = pack_path(folder, stored.pack);
            damaged(&path, 0, "it is not there, though the store knows documents of it")
        };
        match packs(folder)?.last() {
            None if stored.pack > 0 => Err(missing()),
            None => Self::create(folder, 1),
            Some(number) if *number < stored.pack => Err(missing()),
            Some(number) => {
                let path = pack_path(folder, *number);
                let length = path.metadata().map_err(io("read", &path))?.len();
                let begun = Position { pack: *number, offset: PACK_MAGIC.len() as u64 };
                if length < begun.offset && stored <= begun {
                    return Self::create(folder, *number);
                }
                let (end, why) = whole_records_end(&path, *number)?;
                if stored > (Position { pack: *number, offset: end }) || (end < length && record_follows(&path, end)?) {
                    return Err(damaged(&path, end, why));
                }
                let file = OpenOptions::new().write(true).open(&path).map_err(io("open", &path))?;
                if end < length {
                    tracing::warn!(
                        archive.pack = number,
                        bytes = length - end,
                        "cut off the torn tail of {}: an earlier run was stopped while writing",
                        path.display()
                    );
                    file.set_len(end).map_err(io("cut", &path))?;
                }
                let mut file = BufWriter::with_capacity(1 << 20, file);
                file.seek(SeekFrom::Start(end)).map_err(io("seek in", &path))?;
                Ok(Self {
                    folder: folder.to_owned(),
                    path,
                    file,
                    end: Position { pack: *number, offset: end },
                    failed: false,
                })
            }
        }
    }

    fn create(folder: &Path, number: u32) -> Result<Self, ArchiveError> {
        let path = pack_path(folder, number);
        let mut file = File::create(&path).map_err(io("create", &path))?;
        write_dictionary(folder)?;
        file.write_all(PACK_MAGIC).and_then(|()| file.sync_all()).map_err(io("write", &path))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))?;
        let end = Position { pack: number, offset: PACK_MAGIC.len() as u64 };
        Ok(Self { folder: folder.to_owned(), path, file: BufWriter::with_capacity(1 << 20, file), end, failed: false })
    }

    /// The place after the last record.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends a document and returns where it starts. It is safe only after [`Archive::sync`].
    ///
    /// # Errors
    /// When the disk refuses; what was stored before is untouched.
    pub fn append(&mut self, document: &Prepared) -> Result<Position, ArchiveError> {
        if self.end.offset > PACK_BYTES {
            self.sync()?;
            let next = Self::create(&self.folder, self.end.pack + 1)?;
            *self = next;
        }
        let at = self.end;
        let mut crc = Crc::new();
        let mut length = 0u64;
        let header = header(document);
        for part in [&header[..], &document.stored] {
            crc.update(part);
            length += part.len() as u64;
            self.write(part)?;
        }
        self.write(&crc.sum().to_le_bytes())?;
        self.end.offset += length + CRC;
        Ok(at)
    }

    fn write(&mut self, part: &[u8]) -> Result<(), ArchiveError> {
        self.refuse_after_failure()?;
        self.file.write_all(part).map_err(|error| {
            self.failed = true;
            io("write", &self.path)(error)
        })
    }

    /// After half a record anything more would be unreadable; the next opening cuts it off.
    fn refuse_after_failure(&self) -> Result<(), ArchiveError> {
        let error = || std::io::Error::other("an earlier write to it failed");
        if self.failed { Err(io("write", &self.path)(error())) } else { Ok(()) }
    }

    /// Makes everything appended so far survive a power cut.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), ArchiveError> {
        self.refuse_after_failure()?;
        let outcome = self.file.flush().map_err(io("write", &self.path));
        let outcome = outcome.and_then(|()| self.file.get_ref().sync_data().map_err(io("sync", &self.path)));
        self.failed = outcome.is_err();
        outcome
    }
}

/// The dictionary of what is written, beside the packs.
fn write_dictionary(folder: &Path) -> Result<(), ArchiveError> {
    let Some((name, packed)) = WRITTEN.1.file() else { return Ok(()) };
    let path = folder.join(name);
    if path.metadata().is_ok_and(|found| found.len() == packed.len() as u64) {
        return Ok(());
    }
    let mut file = File::create(&path).map_err(io("create", &path))?;
    file.write_all(packed).and_then(|()| file.sync_all()).map_err(io("write", &path))
}

fn header(document: &Prepared) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let meta = u32::try_from(document.meta_len).expect("an origin is far below 4 GiB");
    header[..4].copy_from_slice(WRITTEN.0);
    header[4..8].copy_from_slice(&meta.to_le_bytes());
    header[8..16].copy_from_slice(&(document.stored.len() as u64).to_le_bytes());
    header[16..24].copy_from_slice(&document.body_len.to_le_bytes());
    header[24..].copy_from_slice(document.id.as_bytes());
    header
}

/// Sizes and address of one record, as its header says.
struct RecordHead {
    packing: Packing,
    meta_len: usize,
    stored_len: u64,
    body_len: u64,
    id: RawId,
}

impl RecordHead {
    fn parse(header: &[u8; HEADER]) -> Option<Self> {
        let number = |from: usize| u64::from_le_bytes(header[from..from + 8].try_into().expect("8 bytes"));
        let meta_len = u32::from_le_bytes(header[4..8].try_into().expect("4 bytes")) as usize;
        let (_, packing) = RECORD_MAGICS.into_iter().find(|(magic, _)| header.starts_with(*magic))?;
        (meta_len <= META_BYTES).then(|| Self {
            packing,
            meta_len,
            stored_len: number(8),
            body_len: number(16),
            id: RawId::from_digest(header[24..].try_into().expect("32 bytes")),
        })
    }

    /// What lies between header and check sum.
    fn packed_len(&self) -> u64 {
        self.meta_before() as u64 + self.stored_len
    }

    /// Bytes of an origin that is not in the frame.
    fn meta_before(&self) -> usize {
        if self.packing == Packing::Plain { self.meta_len } else { 0 }
    }

    fn length(&self) -> u64 {
        HEADER as u64 + self.packed_len() + CRC
    }
}

/// Reads the document that starts at a position, and checks it against its own hash.
///
/// # Errors
/// When there is none, or its bytes are damaged.
pub fn read(folder: &Path, at: Position) -> Result<RawDocument, ArchiveError> {
    let path = pack_path(folder, at.pack);
    let mut file = File::open(&path).map_err(io("open", &path))?;
    file.seek(SeekFrom::Start(at.offset)).map_err(io("seek in", &path))?;
    let mut reader = BufReader::new(file);
    match read_record(&mut reader, &path, at.offset)? {
        Some((document, _)) => Ok(document),
        None => Err(damaged(&path, at.offset, "no whole record starts here")),
    }
}

/// All documents from a position on, each with the position after it. A torn tail ends the log.
///
/// # Errors
/// When the folder cannot be read; the items carry their own errors.
pub fn replay(folder: &Path, from: Position) -> Result<Replay, ArchiveError> {
    let mut packs: Vec<u32> = packs(folder)?.into_iter().filter(|number| *number >= from.pack).collect();
    packs.reverse();
    Ok(Replay { folder: folder.to_owned(), packs, from, current: None })
}

/// See [`replay`].
pub struct Replay {
    folder: PathBuf,
    packs: Vec<u32>,
    from: Position,
    current: Option<(BufReader<File>, PathBuf, Position)>,
}

impl Replay {
    fn open_next(&mut self) -> Result<bool, ArchiveError> {
        let Some(number) = self.packs.pop() else { return Ok(false) };
        let path = pack_path(&self.folder, number);
        let first = PACK_MAGIC.len() as u64;
        let offset = if number == self.from.pack { self.from.offset.max(first) } else { first };
        let mut file = File::open(&path).map_err(io("open", &path))?;
        file.seek(SeekFrom::Start(offset)).map_err(io("seek in", &path))?;
        self.current = Some((BufReader::with_capacity(1 << 20, file), path, Position { pack: number, offset }));
        Ok(true)
    }
}

impl Replay {
    /// Half a record ends the log only where nothing whole follows it: else its sizes are damaged.
    fn is_torn_tail(&self, path: &Path, at: Position) -> Result<(), ArchiveError> {
        let length = path.metadata().map_err(io("read", path))?.len();
        if at.offset >= length || (self.packs.is_empty() && !record_follows(path, at.offset)?) {
            return Ok(());
        }
        // A writer may have gone on meanwhile; then the record is whole by now.
        read(&self.folder, at).map(|_| ())
    }
}

impl Iterator for Replay {
    type Item = Result<(RawDocument, Position, Position), ArchiveError>;

    /// The document, where it starts, and where the next one starts.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((reader, path, at)) = &mut self.current else {
                match self.open_next() {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                }
            };
            match read_record(reader, path, at.offset) {
                Ok(Some((document, length))) => {
                    let start = *at;
                    at.offset += length;
                    return Some(Ok((document, start, *at)));
                }
                Ok(None) => {
                    let (path, at) = (path.clone(), *at);
                    self.current = None;
                    if let Err(error) = self.is_torn_tail(&path, at) {
                        self.packs.clear();
                        return Some(Err(error));
                    }
                }
                Err(error) => {
                    self.current = None;
                    self.packs.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The next record and its length; `None` at the end of the pack or at a torn tail.
fn read_record(reader: &mut impl Read, path: &Path, at: u64) -> Result<Option<(RawDocument, u64)>, ArchiveError> {
    let mut header = [0; HEADER];
    if !fill(reader, &mut header).map_err(io("read", path))? {
        return Ok(None);
    }
    let head = RecordHead::parse(&header).ok_or_else(|| damaged(path, at, "no record starts here"))?;
    let mut packed = Vec::new();
    let read = reader.by_ref().take(head.packed_len()).read_to_end(&mut packed).map_err(io("read", path))?;
    let mut sum = [0; 4];
    if (read as u64) < head.packed_len() || !fill(reader, &mut sum).map_err(io("read", path))? {
        return Ok(None);
    }
    let mut crc = Crc::new();
    for part in [&header[..], &packed] {
        crc.update(part);
    }
    if crc.sum().to_le_bytes() != sum {
        return Err(damaged(path, at, "the record's check sum is wrong"));
    }
    let (before, frame) = packed.split_at(head.meta_before());
    let unpacked = frames::unpack(frame, head.packing).map_err(|error| damaged(path, at, &error.to_string()))?;
    let unpacked = Bytes::from(unpacked);
    let inside = head.meta_len - before.len();
    if unpacked.len() < inside {
        return Err(damaged(path, at, "the document's sizes are wrong"));
    }
    let body = unpacked.slice(inside..);
    let meta = if before.is_empty() { &unpacked[..inside] } else { before };
    let origin: Origin = serde_json::from_slice(meta).map_err(|error| damaged(path, at, &error.to_string()))?;
    if body.len() as u64 != head.body_len || RawId::of(&body) != head.id {
        return Err(damaged(path, at, "the document's hash is wrong"));
    }
    Ok(Some((RawDocument { id: head.id, origin, body }, head.length())))
}

/// Fills the buffer; `false` when the input ends first.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where the last whole record of a pack ends, and why it is the last. Everything before it has been checked by its CRC.
fn whole_records_end(path: &Path, number: u32) -> Result<(u64, &'static str), ArchiveError> {
    let file = File::open(path).map_err(io("open", path))?;
    let length = file.metadata().map_err(io("read", path))?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut magic = [0; 8];
    if !fill(&mut reader, &mut magic).map_err(io("read", path))? || &magic != PACK_MAGIC {
        return Err(damaged(path, 0, &format!("pack {number} does not begin like a pack")));
    }
    let mut at = magic.len() as u64;
    loop {
        match check_record(&mut reader, length - at).map_err(io("read", path))? {
            Ok(record) => at += record,
            Err(why) => return Ok((at, why)),
        }
    }
}

/// Length of the record that starts here and is whole, or what is wrong with it.
fn check_record(reader: &mut impl Read, left: u64) -> std::io::Result<Result<u64, &'static str>> {
    const CUT: &str = "the record ends in the middle";
    let mut header = [0; HEADER];
    if !fill(reader, &mut header)? {
        return Ok(Err(CUT));
    }
    let Some(head) = RecordHead::parse(&header) else { return Ok(Err("no record starts here")) };
    if head.packed_len() > left {
        return Ok(Err(CUT));
    }
    let mut crc = Crc::new();
    crc.update(&header);
    let mut chunk = vec![0; 1 << 16];
    let mut missing = head.packed_len();
    while missing > 0 {
        let part = usize::try_from(missing.min(chunk.len() as u64)).expect("at most the chunk's size");
        if !fill(reader, &mut chunk[..part])? {
            return Ok(Err(CUT));
        }
        crc.update(&chunk[..part]);
        missing -= part as u64;
    }
    let mut sum = [0; 4];
    if !fill(reader, &mut sum)? {
        return Ok(Err(CUT));
    }
    Ok(if crc.sum().to_le_bytes() == sum { Ok(head.length()) } else { Err("the record's check sum is wrong") })
}

/// Whether a whole record starts anywhere after this place: then what is here is damage, not a torn tail.
fn record_follows(path: &Path, at: u64) -> Result<bool, ArchiveError> {
    let mut file = File::open(path).map_err(io("open", path))?;
    file.seek(SeekFrom::Start(at + 1)).map_err(io("seek in", path))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).map_err(io("read", path))?;
    let whole = |start: usize| {
        let record = &rest[start..];
        matches!(check_record(&mut &record[..], record.len() as u64), Ok(Ok(_)))
    };
    Ok(RECORD_MAGICS.iter().any(|(magic, _)| memchr::memmem::find_iter(&rest, *magic).any(whole)))
}

/// Checks every record of every pack; returns how many there are and their bytes on disk.
///
/// # Errors
/// The first damaged record.
pub fn verify(folder: &Path) -> Result<(u64, u64), ArchiveError> {
    let mut count = 0;
    for record in replay(folder, Position::START)? {
        record?;
        count += 1;
    }
    Ok((count, disk_bytes(folder)?))
}

/// Bytes on disk.
///
/// # Errors
/// When the folder cannot be read.
pub fn disk_bytes(folder: &Path) -> Result<u64, ArchiveError> {
    let mut bytes = 0;
    for number in packs(folder)? {
        let path = pack_path(folder, number);
        bytes += path.metadata().map_err(io("read", &path))?.len();
    }
    Ok(bytes)
}

fn packs(folder: &Path) -> Result<Vec<u32>, ArchiveError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut numbers = Vec::new();
    for entry in folder.read_dir().map_err(io("read", folder))? {
        let name = entry.map_err(io("read", folder))?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_suffix(".pack")).and_then(|stem| stem.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn pack_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.pack"))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::Io { action, path, source }
}

fn damaged(path: &Path, offset: u64, reason: &str) -> ArchiveError {
    ArchiveError::Damaged { path: path.to_owned(), offset, reason: reason.to_owned() }
}

/// The SHA-256 of a stream, and its length.
///
/// # Errors
/// When reading fails.
pub fn hash_stream(mut reader: impl Read) -> std::io::Result<(RawId, u64)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = reader.read(&mut chunk)?;
        if read == 0 {
            return Ok((RawId::from_digest(hasher.finalize().into()), length));
        }
        hasher.update(&chunk[..read]);
        length += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;
    use proptest::prelude::*;

    fn document(body: &[u8]) -> RawDocument {
        let origin = Origin {
            source: "x".into(),
            url: "file:a.xml".into(),
            fetched_at: jiff::Timestamp::UNIX_EPOCH,
            run: RunId::new("r"),
            status: None,
            headers: Vec::new(),
            member: vec!["a.xml".into()],
            container: None,
            read_as: None,
            detail: false,
        };
        RawDocument::new(origin, Bytes::copy_from_slice(body))
    }

    fn write(folder: &Path, bodies: &[Vec<u8>]) -> Vec<Position> {
        let mut archive = Archive::open(folder, Position::START).expect("opens");
        let at = bodies.iter().map(|body| archive.append(&Prepared::new(&document(body))).expect("appends")).collect();
        archive.sync().expect("syncs");
        at
    }

    fn bodies(folder: &Path) -> Vec<Vec<u8>> {
        replay(folder, Position::START).expect("opens").map(|record| record.expect("whole").0.body.to_vec()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_goes_in_comes_out_and_a_torn_tail_loses_only_itself(
            first in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
            last in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 1u64..60,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let at = write(folder.path(), &first);
            prop_assert_eq!(&bodies(folder.path()), &first);
            let whole = packs(folder.path()).expect("listed").len();
            prop_assert_eq!(whole, 1);
            let torn = write(folder.path(), std::slice::from_ref(&last));
            let path = pack_path(folder.path(), 1);
            let length = path.metadata().expect("there").len();
            let file = OpenOptions::new().write(true).open(&path).expect("opens");
            file.set_len((length - cut).max(torn[0].offset)).expect("cuts");
            prop_assert_eq!(&bodies(folder.path()), &first);
            let again = write(folder.path(), std::slice::from_ref(&last));
            prop_assert_eq!(again[0], torn[0]);
            prop_assert_eq!(bodies(folder.path()).len(), first.len() + 1);
            prop_assert_eq!(&read(folder.path(), at[0]).expect("reads").body[..], &first[0][..]);
        }
    }

    #[test]
    fn damage_in_the_middle_is_named_and_nothing_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = write(folder.path(), &[b"one".to_vec(), b"two".to_vec()]);
        let path = pack_path(folder.path(), 1);
        let mut bytes = std::fs::read(&path).expect("reads");
        let inside = usize::try_from(at[0].offset).expect("small") + HEADER + 3;
        bytes[inside] ^= 0xff;
        std::fs::write(&path, &bytes).expect("writes");
        let error = Archive::open(folder.path(), Position::START).err().expect("refused").to_string();
        assert!(error.contains("damaged") && error.contains("000001.pack:8"), "{error}");
        assert_eq!(std::fs::read(&path).expect("reads"), bytes);
        assert!(verify(folder.path()).is_err());
    }

    #[test]
    fn archives_of_before_there_were_dictionaries_are_read_and_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = document(b"<ContractNotice>of before</ContractNotice>");
        let meta = serde_json::to_vec(&old.origin).expect("plain data");
        let stored = frames::pack(&old.body, Packing::Plain);
        let plain = Prepared { stored, ..Prepared::new(&old) };
        let mut head = header(&plain);
        head[..4].copy_from_slice(b"TWR1");
        let mut pack = [&PACK_MAGIC[..], &head, &meta, &plain.stored].concat();
        let mut crc = Crc::new();
        crc.update(&pack[PACK_MAGIC.len()..]);
        pack.extend(crc.sum().to_le_bytes());
        std::fs::write(pack_path(folder.path(), 1), pack).expect("writes");
        write(folder.path(), &[b"of now".to_vec()]);
        assert_eq!(bodies(folder.path()), [&old.body[..], b"of now"]);
    }

    #[test]
    fn the_dictionary_lies_beside_the_packs() {
        let folder = tempfile::tempdir().expect("a folder");
        let body = b"<ContractNotice>Boats for the coast guard</ContractNotice>".to_vec();
        let at = write(folder.path(), std::slice::from_ref(&body));
        let words = std::fs::read(folder.path().join("documents-1.zst")).expect("there");
        let words = zstd::decode_all(&words[..]).expect("a frame");
        let pack = std::fs::read(pack_path(folder.path(), 1)).expect("reads");
        let frame = usize::try_from(at[0].offset).expect("small") + HEADER;
        let mut decoder = zstd::bulk::Decompressor::with_dictionary(&words).expect("a decoder");
        let unpacked = decoder.decompress(&pack[frame..pack.len() - 4], 1 << 10).expect("whole");
        assert!(unpacked.starts_with(b"{\"source\":\"x\"") && unpacked.ends_with(&body));
    }

    #[test]
    fn a_log_is_followed_from_a_position() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = write(folder.path(), &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        let rest: Vec<_> = replay(folder.path(), at[1]).expect("opens").map(|r| r.expect("whole").0.body).collect();
        assert_eq!(rest, [&b"two"[..], &b"three"[..]]);
        assert_eq!(verify(folder.path()).expect("whole").0, 3);
    }
}
