//! The body of an answer: small ones in memory, larger ones in a file that nobody else can see and that is gone when
//! the body is. Size and hash are taken while it streams in.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write as _};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use flate2::write::GzDecoder;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::ids::RawId;

/// Bodies up to this stay in memory.
const MEMORY: usize = 1 << 20;
/// What is written at once.
const BLOCK: usize = 256 << 10;
/// What is unpacked at once: gzip makes a thousand times as much of it at most.
const PIECE: usize = 4 << 10;

/// The bytes of an answer, decompressed.
#[derive(Debug)]
pub struct Body {
    kept: Kept,
    len: u64,
    id: RawId,
}

#[derive(Debug)]
enum Kept {
    Memory(Bytes),
    File(File),
}

impl Body {
    /// No bytes.
    pub(super) fn empty() -> Self {
        Self::of(Bytes::new())
    }

    /// These bytes, as if they had come.
    pub fn of(bytes: Bytes) -> Self {
        Self { len: bytes.len() as u64, id: RawId::of(&bytes), kept: Kept::Memory(bytes) }
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// No byte at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// SHA-256.
    pub fn id(&self) -> RawId {
        self.id
    }

    /// Reads from the start; for blocking threads when the body is large.
    ///
    /// # Errors
    /// The file could not be rewound.
    pub fn reader(&mut self) -> io::Result<BodyReader<'_>> {
        match &mut self.kept {
            Kept::Memory(bytes) => Ok(BodyReader::Memory(Cursor::new(bytes))),
            Kept::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(BodyReader::File(BufReader::with_capacity(BLOCK, file)))
            }
        }
    }

    /// All bytes at once; `None` if there are more than `limit`.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn into_bytes(mut self, limit: u64) -> io::Result<Option<Bytes>> {
        if self.len > limit {
            return Ok(None);
        }
        if let Kept::Memory(bytes) = self.kept {
            return Ok(Some(bytes));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.reader()?.read_to_end(&mut bytes)?;
        Ok(Some(bytes.into()))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

/// Reads a body from memory or file.
#[derive(Debug)]
pub enum BodyReader<'a> {
    /// A small body.
    Memory(Cursor<&'a [u8]>),
    /// A large body.
    File(BufReader<&'a mut File>),
}

impl Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(cursor) => cursor.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for BodyReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(cursor) => cursor.seek(to),
            Self::File(file) => file.seek(to),
        }
    }
}

/// Takes gzip off a body as it streams in, all of its members: the client's own decoder takes the first for the whole.
#[derive(Default)]
struct Gunzip {
    member: Option<GzDecoder<Vec<u8>>>,
    /// Members that are complete.
    members: usize,
}

impl Gunzip {
    fn push(&mut self, mut packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(first) = packed.first() {
            if self.member.is_none() && self.members > 0 && *first != 0x1f {
                break; // padding
            }
            let member = self.member.get_or_insert_with(|| GzDecoder::new(Vec::new()));
            match member.write(packed)? {
                0 => self.end(&mut bytes)?,
                taken => {
                    bytes.append(member.get_mut());
                    packed = &packed[taken..];
                }
            }
        }
        Ok(bytes)
    }

    /// The end of a member, or of the body: length and checksum must be right.
    fn end(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if let Some(member) = self.member.take() {
            bytes.append(&mut member.finish()?);
            self.members += 1;
        }
        Ok(())
    }
}

/// What a sink does with more than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// That is an error.
    Refuse,
    /// The beginning will do.
    Cut,
}

/// Takes a body as it streams in.
pub(super) struct Sink {
    folder: PathBuf,
    limit: u64,
    overflow: Overflow,
    gunzip: Option<Gunzip>,
    len: u64,
    hash: Sha256,
    memory: BytesMut,
    file: Option<tokio::fs::File>,
}

/// Why a sink takes no more.
pub(super) enum SinkError {
    /// The limit is reached.
    Full,
    /// What came is no gzip, or not all of it.
    Broken(io::Error),
    /// The disk said no.
    Io(io::Error),
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Sink {
    pub(super) fn new(folder: PathBuf, limit: u64, overflow: Overflow, gzip: bool) -> Self {
        let gunzip = gzip.then(Gunzip::default);
        let (memory, hash) = (BytesMut::new(), Sha256::new());
        Self { folder, limit, overflow, gunzip, len: 0, hash, memory, file: None }
    }

    /// It has the beginning that it wants.
    pub(super) fn is_full(&self) -> bool {
        self.overflow == Overflow::Cut && self.len == self.limit
    }

    /// Takes bytes as they came, and says how many they are unpacked.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<usize, SinkError> {
        let Some(mut gunzip) = self.gunzip.take() else {
            self.keep(chunk).await?;
            return Ok(chunk.len());
        };
        let mut unpacked = 0;
        for piece in chunk.chunks(PIECE) {
            let bytes = gunzip.push(piece).map_err(SinkError::Broken)?;
            unpacked += bytes.len();
            self.keep(&bytes).await?;
        }
        self.gunzip = Some(gunzip);
        Ok(unpacked)
    }

    async fn keep(&mut self, chunk: &[u8]) -> Result<(), SinkError> {
        let room = usize::try_from(self.limit.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let chunk = if self.overflow == Overflow::Cut { &chunk[..chunk.len().min(room)] } else { chunk };
        self.len = self.len.saturating_add(chunk.len() as u64);
        if self.len > self.limit {
            return Err(SinkError::Full);
        }
        self.hash.update(chunk);
        self.memory.extend_from_slice(chunk);
        match &mut self.file {
            None if self.memory.len() > MEMORY => {
                std::fs::create_dir_all(&self.folder)?;
                let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(&self.folder)?);
                file.write_all(&self.memory).await?;
                self.memory.clear();
                self.file = Some(file);
            }
            Some(file) if self.memory.len() >= BLOCK => {
                file.write_all(&self.memory).await?;
                self.memory.clear();
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Body, SinkError> {
        if let Some(mut gunzip) = self.gunzip.take().filter(|_| !self.is_full()) {
            let mut bytes = Vec::new();
            gunzip.end(&mut bytes).map_err(SinkError::Broken)?;
            self.keep(&bytes).await?;
        }
        let id = RawId::from_digest(self.hash.finalize().into());
        let kept = match self.file {
            None => Kept::Memory(self.memory.freeze()),
            Some(mut file) => {
                file.write_all(&self.memory).await?;
                file.flush().await?; // waits for the write in the background, and says what became of it
                Kept::File(file.into_std().await)
            }
        };
        Ok(Body { kept, len: self.len, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn filled(size: usize, limit: u64) -> Result<(Body, Vec<u8>), SinkError> {
        let folder = tempfile::tempdir()?;
        let bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).expect("below 251")).collect();
        let mut sink = Sink::new(folder.path().join("new"), limit, Overflow::Refuse, false);
        for chunk in bytes.chunks(7_777) {
            sink.push(chunk).await?;
        }
        let body = sink.finish().await?;
        Ok((body, bytes))
    }

    #[tokio::test]
    async fn bodies_read_back_from_memory_and_from_disk() {
        for (size, on_disk) in [(0, false), (10, false), (MEMORY, false), (MEMORY + 1, true), (3 * MEMORY + 5, true)] {
            let Ok((mut body, bytes)) = filled(size, u64::MAX).await else { panic!("no body of {size}") };
            assert_eq!(matches!(body.kept, Kept::File(_)), on_disk, "{size}");
            assert_eq!((body.len(), body.id()), (size as u64, RawId::of(&bytes)));
            for _ in 0..2 {
                let mut read = Vec::new();
                body.reader().expect("rewinds").read_to_end(&mut read).expect("reads");
                assert!(read == bytes, "{size}");
            }
            assert!(body.into_bytes(size as u64).expect("reads").expect("fits") == bytes);
        }
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_taken() {
        assert!(filled(10_000, 10_000).await.is_ok());
        assert!(matches!(filled(10_001, 10_000).await, Err(SinkError::Full)));
        let Ok((body, _)) = filled(MEMORY + 1, u64::MAX).await else { panic!("no body") };
        assert!(body.into_bytes(10).expect("no error").is_none());
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    /// The body that `packed` is, if it comes in chunks of this size.
    async fn unpacked(packed: &[u8], chunk: usize, overflow: Overflow) -> Result<Vec<u8>, SinkError> {
        let folder = tempfile::tempdir()?;
        let mut sink = Sink::new(folder.path().into(), 100_000, overflow, true);
        for chunk in packed.chunks(chunk) {
            sink.push(chunk).await?;
        }
        let body = sink.finish().await?;
        Ok(body.into_bytes(u64::MAX)?.expect("no limit").to_vec())
    }

    #[tokio::test]
    async fn gzip_is_taken_off_however_it_comes() {
        let (one, two) = (vec![b'a'; 30_000], b"the second member".to_vec());
        let both = [one.clone(), two.clone()].concat();
        let packed = [gzip(&one), gzip(&two)].concat();
        for size in [1, 7, 50, 1 << 20] {
            let whole = unpacked(&packed, size, Overflow::Refuse).await;
            assert!(whole.is_ok_and(|bytes| bytes == both), "{size}");
            let padded = unpacked(&[&packed[..], &[0; 9]].concat(), size, Overflow::Refuse).await;
            assert!(padded.is_ok_and(|bytes| bytes == both), "{size}: zeros behind it are padding");
            for end in [1, 12, gzip(&one).len() - 3, gzip(&one).len() + 5, packed.len() - 1] {
                let cut = unpacked(&packed[..end], size, Overflow::Refuse).await;
                assert!(matches!(cut, Err(SinkError::Broken(_))), "{size}: {end} of {}", packed.len());
            }
            assert!(unpacked(b"", size, Overflow::Refuse).await.is_ok_and(|bytes| bytes.is_empty()));
            assert!(matches!(unpacked(b"<html>", size, Overflow::Refuse).await, Err(SinkError::Broken(_))));
            let large = gzip(&vec![0; 5 << 20]);
            assert!(matches!(unpacked(&large, size, Overflow::Refuse).await, Err(SinkError::Full)));
            assert!(unpacked(&large, size, Overflow::Cut).await.is_ok_and(|bytes| bytes.len() == 100_000));
        }
    }
}
