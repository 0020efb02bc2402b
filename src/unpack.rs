//! Packages → documents: gzip, tar and zip, nested, as a stream, with every size bounded; JSON Lines and what is too
//! large to be read at once are split.
//!
//! What a package is, its bytes say (gzip, zip and tar magic), not its name. A zip that is an office document is a
//! document. Names inside are only labels: nothing is ever written under them. It knows nothing about what the
//! documents are.

mod split;

use std::cell::Cell;
use std::io::{BufReader, Cursor, Read, Seek};
use std::ops::ControlFlow;
use std::rc::Rc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use self::split::Piece;
use crate::config::Limits;

const DEPTH: usize = 4;
/// A package may always unpack to this much, whatever the ratio.
const FREE_BYTES: u64 = 64 << 20;
const NAME_CHARS: usize = 1_000;

/// What a package holds, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// A document and its path inside, outermost package first; empty when the file itself is the document.
    Document {
        /// Names on the way in.
        path: Vec<String>,
        /// The bytes.
        body: Bytes,
    },
    /// Plainly no data: README, licence, checksums.
    Ignored {
        /// Names on the way in.
        path: Vec<String>,
    },
    /// Not taken in, with the reason.
    Refused {
        /// Names on the way in.
        path: Vec<String>,
        /// Why, as a fragment.
        reason: String,
    },
}

/// Why a package could not be read to its end. What came before stands.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Cut short, or not what its first bytes say.
    #[error("the package {name} cannot be read to its end: {reason}")]
    Broken {
        /// The package.
        name: String,
        /// The reason.
        reason: String,
    },
    /// It unpacks to far more than it is.
    #[error("the package {name} unpacks to more than {ratio} times its size: refused as a bomb (limits.package_ratio)")]
    Bomb {
        /// The package.
        name: String,
        /// The limit.
        ratio: u64,
    },
    /// Too many members or too deep.
    #[error("the package {name} {reason}")]
    Bounds {
        /// The package.
        name: String,
        /// Which bound.
        reason: String,
    },
}

/// Walks through everything in `input`, in order. The sink may stop the walk.
///
/// # Errors
/// When a package cannot be read to its end; the sink has then had all entries before that place.
pub fn walk(
    name: &str,
    input: impl Read,
    limits: &Limits,
    sink: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), UnpackError> {
    let meter = Meter { ratio: limits.package_ratio, ..Meter::default() };
    let input = Counted { inner: input, count: Rc::clone(&meter.consumed) };
    let mut walk = Walk { name, limits, sink, meter, members: 0, stopped: false };
    walk.level(&mut Vec::new(), &mut BufReader::with_capacity(1 << 16, input), 0)
}

struct Walk<'a> {
    name: &'a str,
    limits: &'a Limits,
    sink: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
    meter: Meter,
    members: u64,
    stopped: bool,
}

/// What the first bytes say.
#[derive(PartialEq, Eq)]
enum Kind {
    Gzip,
    Zip,
    Tar,
    Plain,
}

fn kind(head: &[u8]) -> Kind {
    match head {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Kind::Zip,
        _ if head.get(257..262) == Some(b"ustar") => Kind::Tar,
        _ => Kind::Plain,
    }
}

impl Walk<'_> {
    fn level(&mut self, path: &mut Vec<String>, input: &mut dyn Read, depth: usize) -> Result<(), UnpackError> {
        if depth > DEPTH {
            return Err(self.bounds(format!("is nested deeper than {DEPTH} levels")));
        }
        let mut head = vec![0; 512];
        let read = read_up_to(input, &mut head).map_err(|error| self.broken(path, &error))?;
        head.truncate(read);
        let kind = kind(&head);
        let mut input = Cursor::new(head).chain(input);
        match kind {
            Kind::Gzip => {
                let inside = self.meter.watch(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, input)));
                self.level(path, &mut BufReader::with_capacity(1 << 16, inside), depth + 1)
            }
            Kind::Zip => self.zip(path, &mut input, depth),
            Kind::Tar => self.tar(path, &mut input, depth),
            Kind::Plain => self.document(path, &mut input),
        }
    }

    fn tar(&mut self, path: &mut Vec<String>, input: &mut dyn Read, depth: usize) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(input);
        let entries = archive.entries().map_err(|error| self.broken(path, &error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.broken(path, &error))?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            self.member(path, &member, &mut entry, depth)?;
            if self.stopped {
                return Ok(());
            }
        }
        // Past the tar's own end: a cut or corrupt outer gzip shows only when it is read to its end.
        let rest = archive.into_inner();
        std::io::copy(rest, &mut std::io::sink()).map_err(|error| self.broken(path, &error))?;
        Ok(())
    }

    fn zip(&mut self, path: &mut Vec<String>, input: &mut dyn Read, depth: usize) -> Result<(), UnpackError> {
        // A zip is read from its end, so it goes through a file of its own.
        let mut file = tempfile::tempfile().map_err(|error| self.broken(path, &error))?;
        std::io::copy(input, &mut file).map_err(|error| self.broken(path, &error))?;
        file.rewind().map_err(|error| self.broken(path, &error))?;
        let mut archive = zip::ZipArchive::new(BufReader::new(file))
            .map_err(|error| self.broken(path, &std::io::Error::other(error)))?;
        if is_office(&archive) {
            let mut file = archive.into_inner();
            file.rewind().map_err(|error| self.broken(path, &error))?;
            return self.document(path, &mut file);
        }
        for at in 0..archive.len() {
            let entry = archive.by_index(at).map_err(|error| self.broken(path, &std::io::Error::other(error)))?;
            if !entry.is_file() {
                continue;
            }
            let member = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
            self.member(path, &member, &mut self.meter.watch(entry), depth)?;
            if self.stopped {
                break;
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        path: &mut Vec<String>,
        member: &str,
        input: &mut dyn Read,
        depth: usize,
    ) -> Result<(), UnpackError> {
        self.members += 1;
        if self.members > self.limits.package_members {
            return Err(
                self.bounds(format!("has more than {} members (limits.package_members)", self.limits.package_members))
            );
        }
        let hostile = hostile(member);
        path.push(member.chars().take(NAME_CHARS).collect());
        let outcome = match hostile {
            Some(reason) => {
                self.give(Entry::Refused { path: path.clone(), reason: reason.to_owned() });
                Ok(())
            }
            None => self.level(path, input, depth + 1),
        };
        path.pop();
        outcome
    }

    fn document(&mut self, path: &[String], input: &mut dyn Read) -> Result<(), UnpackError> {
        if path.last().is_some_and(|name| is_no_data(name)) {
            self.give(Entry::Ignored { path: path.to_vec() });
            return Ok(());
        }
        let mut stopped = false;
        let outcome = split::split(input, self.limits.document, &mut |piece| {
            let numbered = |number: u64| {
                let mut path = path.to_vec();
                path.extend((number > 0).then(|| format!("#{number}")));
                path
            };
            let entry = match piece {
                Piece::Whole(body) => Entry::Document { path: path.to_vec(), body },
                Piece::Part(number, body) => Entry::Document { path: numbered(number), body },
                Piece::Refused(number, reason) => Entry::Refused { path: numbered(number), reason },
            };
            stopped = stopped || (self.sink)(entry).is_break();
            !stopped
        });
        self.stopped |= stopped;
        outcome.map_err(|error| self.broken(path, &error))
    }

    fn give(&mut self, entry: Entry) {
        if !self.stopped && (self.sink)(entry).is_break() {
            self.stopped = true;
        }
    }

    fn broken(&self, path: &[String], error: &std::io::Error) -> UnpackError {
        if self.meter.burst.get() {
            return UnpackError::Bomb { name: self.name.to_owned(), ratio: self.limits.package_ratio };
        }
        let reason = match path.last() {
            Some(member) => format!("at {member}: {error}"),
            None => error.to_string(),
        };
        UnpackError::Broken { name: self.name.to_owned(), reason }
    }

    fn bounds(&self, reason: String) -> UnpackError {
        UnpackError::Bounds { name: self.name.to_owned(), reason }
    }
}

/// Whether a zip is one document of an office program: Office Open XML lists its parts' types, OpenDocument and EPUB
/// say what they are in a member called `mimetype`.
fn is_office<R: Read + Seek>(archive: &zip::ZipArchive<R>) -> bool {
    let has = |name| archive.index_for_name(name).is_some();
    has("[Content_Types].xml") && has("_rels/.rels") || has("mimetype") && has("META-INF/manifest.xml")
}

/// Names that no honest packer writes.
fn hostile(name: &str) -> Option<&'static str> {
    let leaves = name.split(['/', '\\']).any(|part| part == "..");
    if leaves || name.starts_with(['/', '\\']) || name.get(1..3).is_some_and(|drive| drive == ":\\") {
        Some("has a name that leads out of the package")
    } else if name.is_empty() || name.chars().any(char::is_control) {
        Some("has a name that is empty or has control characters")
    } else {
        None
    }
}

/// Files that accompany data but are none, by their name; see [`Entry::Ignored`].
pub fn is_no_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let file = file.strip_suffix(".gz").unwrap_or(&file);
    let stem = file.split('.').next().unwrap_or(file);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(stem, "readme" | "license" | "licence" | "copying" | "changelog" | "index" | "manifest" | "checksums")
        && matches!(extension, "" | "md" | "txt" | "html" | "htm" | "tsv")
        || matches!(extension, "md5" | "sha1" | "sha256" | "sig" | "xsd" | "dtd" | "md")
        || file.starts_with('.')
        || file == "thumbs.db"
}

fn read_up_to(input: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Weighs what comes out of every decompressor against what went into the outermost one, whoever reads it: a member
/// that is skipped is decompressed all the same.
#[derive(Clone, Default)]
struct Meter {
    /// Bytes taken from the outermost input.
    consumed: Rc<Cell<u64>>,
    produced: Rc<Cell<u64>>,
    burst: Rc<Cell<bool>>,
    ratio: u64,
}

impl Meter {
    fn watch<R>(&self, inner: R) -> Metered<R> {
        Metered { inner, meter: self.clone() }
    }
}

struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let Meter { consumed, produced, burst, ratio } = &self.meter;
        produced.set(produced.get() + read as u64);
        if produced.get() > consumed.get().saturating_mul(*ratio).max(FREE_BYTES) {
            burst.set(true);
            return Err(std::io::Error::other("it unpacks to far more than it is"));
        }
        Ok(read)
    }
}

struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn limits() -> Limits {
        crate::config::Config::load(None, &crate::config::Overrides::default()).expect("defaults").limits
    }

    fn all(bytes: &[u8], limits: &Limits) -> (Vec<String>, Option<String>) {
        let mut seen = Vec::new();
        let outcome = walk("p", bytes, limits, &mut |entry| {
            seen.push(match entry {
                Entry::Document { path, body } => format!("{}={}", path.join("!"), body.len()),
                Entry::Ignored { path } => format!("ignored {}", path.join("!")),
                Entry::Refused { path, reason } => format!("refused {}: {reason}", path.join("!")),
            });
            ControlFlow::Continue(())
        });
        (seen, outcome.err().map(|error| error.to_string()))
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, body) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *body).expect("memory");
        }
        builder.into_inner().expect("memory")
    }

    #[test]
    fn packages_nest_and_plain_files_are_documents() {
        let inner = gz(&tar(&[("b/1.xml", b"one"), ("README.md", b"hi")]));
        let outer = tar(&[("a.tar.gz", &inner), ("2.xml", b"two")]);
        let (seen, error) = all(&outer, &limits());
        assert_eq!(seen, ["a.tar.gz!b/1.xml=3", "ignored a.tar.gz!README.md", "2.xml=3"]);
        assert_eq!(error, None);
        assert_eq!(all(b"<a/>", &limits()).0, ["=4"]);
        assert_eq!(all(b"", &limits()).0, ["=0"]);
    }

    #[test]
    fn a_zip_is_read_too() {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("x/1.xml", zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(b"one").expect("memory");
        let bytes = writer.finish().expect("memory").into_inner();
        assert_eq!(all(&bytes, &limits()).0, ["x/1.xml=3"]);
    }

    #[test]
    fn a_workbook_is_a_document_and_not_a_package() {
        let zip = |names: &[&str]| {
            let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for name in names {
                writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory");
                writer.write_all(b"<a/>").expect("memory");
            }
            writer.finish().expect("memory").into_inner()
        };
        let xlsx = zip(&["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"]);
        assert_eq!(all(&xlsx, &limits()).0, [format!("={}", xlsx.len())]);
        let ods = zip(&["mimetype", "content.xml", "META-INF/manifest.xml"]);
        let package = tar(&[("plan.ods", &ods), ("a.zip", &zip(&["mimetype", "1.xml"]))]);
        let expected = [format!("plan.ods={}", ods.len()), "a.zip!mimetype=4".to_owned(), "a.zip!1.xml=4".to_owned()];
        assert_eq!(all(&package, &limits()).0, expected);
        let small = Limits { document: 10, ..limits() };
        assert!(all(&xlsx, &small).0[0].starts_with("refused : is larger"), "{:?}", all(&xlsx, &small));
    }

    #[test]
    fn hostile_names_and_large_members_are_refused_and_the_rest_is_read() {
        let small = Limits { document: 10, ..limits() };
        let package = tar(&[("../evil.xml", b"x"), ("/abs.xml", b"x"), ("big.xml", &[b'x'; 11]), ("ok.xml", b"ok")]);
        let (seen, error) = all(&package, &small);
        assert_eq!(seen.len(), 4);
        assert!(seen[0].starts_with("refused ../evil.xml: has a name that leads out"), "{seen:?}");
        assert!(seen[1].starts_with("refused /abs.xml"), "{seen:?}");
        assert!(seen[2].starts_with("refused big.xml: is larger than"), "{seen:?}");
        assert_eq!(seen[3], "ok.xml=2");
        assert_eq!(error, None);
    }

    #[test]
    fn a_bomb_a_cut_and_a_deep_nest_end_with_their_reason() {
        let bomb = gz(&vec![0; 100 << 20]);
        let (seen, error) = all(&bomb, &Limits { document: 1 << 30, ..limits() });
        assert!(seen.is_empty());
        assert!(error.expect("refused").contains("bomb"));

        let whole = gz(&tar(&[("1.xml", b"one"), ("2.xml", &[b'y'; 5000])]));
        let (_, error) = all(&whole[..whole.len() - 9], &limits());
        assert!(error.expect("cut").contains("cannot be read to its end"));

        let mut nest = b"x".to_vec();
        for _ in 0..8 {
            nest = gz(&nest);
        }
        assert!(all(&nest, &limits()).1.expect("too deep").contains("nested deeper"));

        let (_, error) = all(&tar(&[("1", b""), ("2", b""), ("3", b"")]), &Limits { package_members: 2, ..limits() });
        assert!(error.expect("too many").contains("more than 2 members"));
    }

    #[test]
    fn the_sink_can_stop() {
        let package = tar(&[("1.xml", b"one"), ("2.xml", b"two")]);
        let mut count = 0;
        walk("p", &package[..], &limits(), &mut |_| {
            count += 1;
            ControlFlow::Break(())
        })
        .expect("fine");
        assert_eq!(count, 1);
    }
}
