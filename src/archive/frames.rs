//! How documents and notices are packed: one zstd frame each, on top of a dictionary of what they all say.
//!
//! A notice of TED is forty kilobytes of XML of which most is the same in every other one. A dictionary gives the
//! compressor that part beforehand. Dictionaries are plain bytes, written by us: the documents of `tests/fixtures/formats`,
//! for XML the element names and code lists of eForms and TED_EXPORT before them, for notices those that are expected of
//! them. What was packed with one can be read with no other, so a dictionary is never changed: a better one gets
//! another number, and the old one stays.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// Above it each step costs more than it saves.
const LEVEL: i32 = 5;
/// What a frame says that it unpacks to is believed up to here: no document or notice comes near.
const MOST_BYTES: u64 = 1 << 30;

/// A dictionary, ready for both directions.
struct Dictionary {
    /// Of its file beside the packs.
    file: &'static str,
    packed: &'static [u8],
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

impl Dictionary {
    fn shipped(file: &'static str, packed: &'static [u8]) -> Self {
        let bytes = zstd::decode_all(packed).expect("the dictionary was packed by us");
        let (encoder, decoder) = (EncoderDictionary::copy(&bytes, LEVEL), DecoderDictionary::copy(&bytes));
        Self { file, packed, encoder, decoder }
    }
}

static DOCUMENTS_1: LazyLock<Dictionary> =
    LazyLock::new(|| Dictionary::shipped("documents-1.zst", include_bytes!("documents-1.zst")));
static NOTICES_1: LazyLock<Dictionary> =
    LazyLock::new(|| Dictionary::shipped("notices-1.zst", include_bytes!("notices-1.zst")));

/// What a frame was packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Nothing: archives of before there were dictionaries.
    Plain,
    /// Raw documents.
    Documents1,
    /// Notices as JSON.
    Notices1,
}

impl Packing {
    fn dictionary(self) -> Option<&'static Dictionary> {
        match self {
            Self::Plain => None,
            Self::Documents1 => Some(&DOCUMENTS_1),
            Self::Notices1 => Some(&NOTICES_1),
        }
    }

    /// The dictionary as a file, itself a zstd frame, for those who read frames without this program.
    pub(crate) fn file(self) -> Option<(&'static str, &'static [u8])> {
        self.dictionary().map(|dictionary| (dictionary.file, dictionary.packed))
    }
}

/// Setting up one of them costs more than a small document does.
struct Codec {
    packing: Packing,
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

impl Codec {
    fn new(packing: Packing) -> Self {
        let (compressor, decompressor) = match packing.dictionary() {
            None => (Compressor::new(LEVEL), Decompressor::new()),
            Some(dictionary) => (
                Compressor::with_prepared_dictionary(&dictionary.encoder),
                Decompressor::with_prepared_dictionary(&dictionary.decoder),
            ),
        };
        let expected = "a codec needs only memory";
        Self { packing, compressor: compressor.expect(expected), decompressor: decompressor.expect(expected) }
    }
}

thread_local! {
    static CODECS: RefCell<Vec<Codec>> = const { RefCell::new(Vec::new()) };
}

fn with_codec<T>(packing: Packing, work: impl FnOnce(&mut Codec) -> T) -> T {
    CODECS.with_borrow_mut(|codecs| {
        let place = codecs.iter().position(|codec| codec.packing == packing).unwrap_or_else(|| {
            codecs.push(Codec::new(packing));
            codecs.len() - 1
        });
        work(&mut codecs[place])
    })
}

/// One frame.
pub(crate) fn pack(bytes: &[u8], packing: Packing) -> Vec<u8> {
    with_codec(packing, |codec| codec.compressor.compress(bytes)).expect("compressing to memory cannot fail")
}

/// The bytes of a frame.
///
/// # Errors
/// It is damaged, or was packed with something else.
pub(crate) fn unpack(frame: &[u8], packing: Packing) -> io::Result<Vec<u8>> {
    let length = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().filter(|length| *length <= MOST_BYTES);
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| io::Error::other("it is no frame of ours"))?;
    with_codec(packing, |codec| codec.decompressor.decompress(frame, length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::ids::RawId;

    const ALL: [Packing; 3] = [Packing::Plain, Packing::Documents1, Packing::Notices1];

    #[test]
    fn a_dictionary_never_changes() {
        let hash = |packing: Packing| {
            let (file, packed) = packing.file().expect("it has one");
            let bytes = zstd::decode_all(packed).expect("it was packed by us");
            format!("{file} {} {}", bytes.len(), RawId::from_digest(Sha256::digest(bytes).into()))
        };
        let kept = [
            "documents-1.zst 400870 9ed1b8990317cceea61c1306c83ff414ba726b891ba55ebb842c5726e8e99fbb",
            "notices-1.zst 109121 f670ef4434663634544a096b47f7d812f297ba475518fe11423305c2fa370f9d",
        ];
        assert_eq!(ALL[1..].iter().map(|packing| hash(*packing)).collect::<Vec<_>>(), kept);
    }

    #[test]
    fn damage_is_an_error() {
        let frame = pack(b"<ContractNotice/>", Packing::Documents1);
        assert!(unpack(&frame[..frame.len() - 1], Packing::Documents1).is_err());
        assert!(unpack(b"", Packing::Documents1).is_err());
        assert!(unpack(b"not a frame", Packing::Plain).is_err());
        let huge = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0];
        assert!(unpack(&huge, Packing::Plain).is_err(), "it says it has eight exabytes");
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..2000), from in 0usize..100_000) {
            let words = zstd::decode_all(NOTICES_1.packed).expect("it was packed by us");
            let words = &words[from..(from + bytes.len() * 3).min(words.len())];
            for packing in ALL {
                for bytes in [&bytes[..], words, &[]] {
                    prop_assert_eq!(&unpack(&pack(bytes, packing), packing).expect("whole"), bytes);
                }
                // what was stored before there was a dictionary is read with any
                prop_assert_eq!(&unpack(&pack(&bytes, Packing::Plain), packing).expect("whole"), &bytes);
            }
        }
    }
}
