//! Answers that are not what they seem: cut short, reset, bombs, and connections that are not safe.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// 120 letters without a pattern, and what brotli makes of them and of 64 MiB of zeros.
const LETTERS: &str = "melbeyipzzfrekbdtboiehabzpwrlhzcxlluqgkjujwibjuhmezzeffqlbdsftbuojyabmbiwlmyzhybalwevotwambinepzgn\
                       webpluitojyzgrucoukywl";
const BROTLI: &str = "G3cA+EXH3HHdrjBRTDOJoHTBKR64OgnIeUbkRQ3nxmAqCTFtSYnjF9HnalWrMaqWThGU8yM437yho3pCB5t0j+JIYvSNbamDb5p\
                      x3UaYorxHdZceQ5ubAA==";
const BROTLI_BOMB: &str = "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//+P//B/\
                           8EQBwWAOje//H//w/+CYA4LADQvf/L//8//BMAcVgAoHv/Bw==";

fn brotli(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("in memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// `LETTERS` in every coding that we offer.
fn codings() -> [(&'static str, Vec<u8>); 4] {
    let letters = LETTERS.as_bytes();
    [("gzip", gzip(letters)), ("deflate", zlib(letters)), ("zstd", zstd(letters)), ("br", brotli(BROTLI))]
}

async fn coded(coding: &'static str, bytes: Vec<u8>) -> Server {
    Server::start(move |_, _| Reply::new("200 OK", &[("Content-Encoding", coding)], &bytes)).await
}

#[tokio::test]
async fn every_coding_that_is_offered_is_read() {
    let bench = bench();
    for (coding, bytes) in codings() {
        let server = coded(coding, bytes).await;
        let fetched = get(&bench, server.url("/")).await.expect(coding);
        assert!(fetched.header("content-encoding").is_none(), "{coding}: it is off");
        assert_eq!(text(fetched), LETTERS, "{coding}");
    }
    // two members are one body
    let two = [gzip(&LETTERS.as_bytes()[..50]), gzip(&LETTERS.as_bytes()[50..])].concat();
    let server = coded("gzip", two).await;
    assert_eq!(text(get(&bench, server.url("/")).await.expect("an answer")), LETTERS);
}

#[tokio::test]
async fn half_an_answer_is_never_taken_for_a_whole_one() {
    let bench = bench();
    let refuse = async |name: &str, server: &Server| {
        let error = get(&bench, server.url("/")).await.expect_err(name);
        assert!(matches!(error, FetchError::Truncated { tries: 3, .. }), "{name}: {error}");
        assert_eq!(server.seen().len(), 3, "{name}: it is asked again");
    };
    for (coding, bytes) in codings() {
        // Content-Length says what there is, so that only the coding can tell
        for end in [bytes.len() / 4, bytes.len() / 2, bytes.len() - 1] {
            let server = coded(coding, bytes[..end].to_vec()).await;
            refuse(&format!("{coding}, {end} of {}", bytes.len()), &server).await;
        }
    }
    let mut wrong = gzip(LETTERS.as_bytes());
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    refuse("gzip with a wrong checksum", &coded("gzip", wrong).await).await;
    let reset: fn() -> Reply = || {
        let head = b"HTTP/1.1 200 OK\r\n\r\nthe beginning".to_vec();
        Reply(vec![(Duration::ZERO, head), (RESET, Vec::new())])
    };
    refuse("reset without a length", &Server::script(vec![reset]).await).await;
    let reset: fn() -> Reply = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nthe beginning".to_vec();
        Reply(vec![(Duration::ZERO, head), (RESET, Vec::new())])
    };
    refuse("reset", &Server::script(vec![reset]).await).await;
    let short: fn() -> Reply = || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    refuse("short", &Server::script(vec![short]).await).await;
    let chunk: fn() -> Reply = || Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    refuse("no last chunk", &Server::script(vec![chunk]).await).await;
    let bad: fn() -> Reply =
        || Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n");
    refuse("no chunk at all", &Server::script(vec![bad]).await).await;
}

#[tokio::test]
async fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    let bombs =
        [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("zstd", zstd(&zeros)), ("br", brotli(BROTLI_BOMB))];
    for (coding, bytes) in bombs {
        assert!(bytes.len() < 100 << 10, "{coding}: a small file");
        let server = coded(coding, bytes).await;
        let bench = bench();
        let policy = policy();
        let error = bench.fetcher.fetch(&Request::get(server.url("/")), &policy).await.expect_err(coding);
        assert!(matches!(error, FetchError::TooLarge { limit: 4_194_304, .. }), "{coding}: {error}");
        assert!(policy.tally.bytes() < 8 << 20, "{coding}: unpacked {} bytes", policy.tally.bytes());
        assert_eq!(server.seen().len(), 1, "{coding}: once is enough");
        let left = std::fs::read_dir(bench.folder.path().join("bodies")).expect("it was needed").count();
        assert_eq!(left, 0, "{coding}: nothing stays on disk");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_safe_is_said_so_once() {
    let alert: fn() -> Reply = || Reply::raw([0x15, 3, 3, 0, 2, 2, 40]); // fatal: handshake failure
    let plain: fn() -> Reply = || Reply::raw("HTTP/1.1 400 Bad Request\r\n\r\nspeak HTTP here");
    for reply in [alert, plain] {
        // the server reads no TLS, so it answers what it takes for the end of a head
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let count = Arc::<AtomicUsize>::default();
        let asked = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let mut hello = [0; 1024];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(&reply().0.remove(0).1).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let error = get(&bench(), format!("https://127.0.0.1:{port}/")).await.expect_err("not safe");
        assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("/: no safe connection to its host: "), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "it is not tried again: {error}");
    }
}
