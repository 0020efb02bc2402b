//! The body of an answer: small ones in memory, larger ones in a file that nobody else can see and that is gone when
//! the body is. Size and hash are taken while it streams in.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::ids::RawId;

/// Bodies up to this stay in memory.
const MEMORY: usize = 1 << 20;
/// What is written at once.
const BLOCK: usize = 256 << 10;

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

/// Takes a body as it streams in.
pub(super) struct Sink {
    folder: PathBuf,
    limit: u64,
    len: u64,
    hash: Sha256,
    memory: BytesMut,
    file: Option<tokio::fs::File>,
}

/// Why a sink takes no more.
pub(super) enum SinkError {
    /// The limit is reached.
    Full,
    /// The disk said no.
    Io(io::Error),
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Sink {
    pub(super) fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit, len: 0, hash: Sha256::new(), memory: BytesMut::new(), file: None }
    }

    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<(), SinkError> {
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

    pub(super) async fn finish(self) -> io::Result<Body> {
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
        let mut sink = Sink::new(folder.path().join("new"), limit);
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
}
