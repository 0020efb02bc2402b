//! Recorded answers in place of the network: `sources/examples/<id>/*.http`, used in the order of their names.
//!
//! An exchange is a request line, a status, headers and a body. `*` in the address stands for anything; each answers
//! once, or any number of times after a line `# repeat`. `# now <time>` in the first one is the clock of the replay.
//! `pack: zip <member>` says that the body is to be packed, so that packages can be written as text.

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use crate::definitions::DefinitionFile;
use crate::fetch::{Body, Fetched, Method, Request};

/// The recorded answers of one source.
#[derive(Debug)]
pub struct Replay {
    exchanges: Mutex<Vec<Exchange>>,
    /// The clock, if one is stated.
    pub now: Option<Timestamp>,
}

#[derive(Debug)]
struct Exchange {
    name: String,
    method: Method,
    /// The parts of the address between its stars.
    address: Vec<String>,
    repeat: bool,
    used: bool,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nobody recorded it.
    #[error("no recorded answer for {method} {url}")]
    NotRecorded {
        /// How it was asked.
        method: &'static str,
        /// What was asked.
        url: String,
    },
    /// A file that is no exchange.
    #[error("{file}: {reason}")]
    Broken {
        /// Which.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl Replay {
    /// Reads recorded exchanges.
    ///
    /// # Errors
    /// A file that is no exchange.
    pub fn read(files: &[DefinitionFile]) -> Result<Self, ReplayError> {
        let now = RefCell::new(None);
        let mut exchanges = Vec::new();
        for file in files {
            let broken = |reason: String| ReplayError::Broken { file: file.name.clone(), reason };
            exchanges.push(exchange(&file.name, &file.text, &now).map_err(broken)?);
        }
        Ok(Self { exchanges: Mutex::new(exchanges), now: now.into_inner() })
    }

    /// The recorded answer to a request.
    ///
    /// # Errors
    /// When there is none.
    pub fn answer(&self, request: &Request) -> Result<Fetched, ReplayError> {
        let method = |method: Method| if method == Method::Post { "POST" } else { "GET" };
        let not_recorded = || ReplayError::NotRecorded { method: method(request.method), url: request.url.clone() };
        let url = Url::parse(&request.url).map_err(|_| not_recorded())?;
        let mut exchanges = self.exchanges.lock().expect("nobody panics while holding it");
        let fitting = exchanges.iter_mut().find(|exchange| {
            exchange.method == request.method
                && (exchange.repeat || !exchange.used)
                && (fits(&exchange.address, &request.url) || fits(&exchange.address, url.as_str()))
        });
        let exchange = fitting.ok_or_else(not_recorded)?;
        exchange.used = true;
        Ok(Fetched {
            status: exchange.status,
            url,
            headers: exchange.headers.clone(),
            body: Body::of(exchange.body.clone()),
            requests: 1,
            waited: std::time::Duration::ZERO,
        })
    }

    /// Recorded answers that nothing asked for.
    pub fn unused(&self) -> Vec<String> {
        let exchanges = self.exchanges.lock().expect("nobody panics while holding it");
        exchanges.iter().filter(|exchange| !exchange.used).map(|exchange| exchange.name.clone()).collect()
    }
}

/// Whether the parts stand in the address in this order, the first at its beginning and the last at its end.
fn fits(parts: &[String], address: &str) -> bool {
    let [first, rest @ ..] = parts else { return false };
    let Some(mut left) = address.strip_prefix(first.as_str()) else { return false };
    let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
    for part in middle {
        let Some(at) = left.find(part.as_str()) else { return false };
        left = &left[at + part.len()..];
    }
    left.len() >= last.len() && left.ends_with(last.as_str())
}

fn exchange(name: &str, text: &str, now: &RefCell<Option<Timestamp>>) -> Result<Exchange, String> {
    let text = text.replace("\r\n", "\n");
    let mut rest = text.as_str();
    let mut repeat = false;
    while let Some(after) = rest.strip_prefix('#') {
        let (line, tail) = after.split_once('\n').unwrap_or((after, ""));
        match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
            ("now", time) => {
                *now.borrow_mut() = Some(time.trim().parse().map_err(|_| format!("\"{time}\" is no time"))?);
            }
            ("repeat", _) => repeat = true,
            _ => {}
        }
        rest = tail;
    }
    let (request, rest) = rest.split_once('\n').ok_or("it has no request line")?;
    let (method, address) = request.trim().split_once(' ').ok_or("a request line is a method and an address")?;
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => return Err(format!("\"{other}\" is neither GET nor POST")),
    };
    let rest = rest.trim_start_matches('\n');
    let (head, body) = rest.split_once("\n\n").unwrap_or((rest.trim_end(), ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default().trim();
    let status = status.parse().map_err(|_| format!("\"{status}\" is no status"))?;
    let mut headers = Vec::new();
    let mut pack = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("\"{line}\" is no header"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == "pack" { pack = Some(value) } else { headers.push((name, value)) }
    }
    let body = match pack {
        None => Bytes::from(body.as_bytes().to_vec()),
        Some(pack) => packed(&pack, body)?,
    };
    let address = address.trim().split('*').map(str::to_owned).collect();
    Ok(Exchange { name: name.to_owned(), method, address, repeat, used: false, status, headers, body })
}

/// `zip name`, `gzip`, `tar.gz name`; several members begin with lines `--- name`.
fn packed(pack: &str, body: &str) -> Result<Bytes, String> {
    let (kind, name) = pack.split_once(' ').unwrap_or((pack, "member"));
    let mut members: Vec<(String, String)> = Vec::new();
    for line in body.split_inclusive('\n') {
        match line.strip_prefix("--- ") {
            Some(name) => members.push((name.trim().to_owned(), String::new())),
            None if members.is_empty() => members.push((name.trim().to_owned(), line.to_owned())),
            None => members.last_mut().expect("there is one").1.push_str(line),
        }
    }
    let failed = |error: &dyn std::fmt::Display| format!("it cannot be packed: {error}");
    let gzip = |bytes: &[u8]| -> std::io::Result<Vec<u8>> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes)?;
        encoder.finish()
    };
    let bytes = match kind {
        "gzip" => gzip(body.as_bytes()).map_err(|error| failed(&error))?,
        "zip" => {
            let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            for (name, text) in &members {
                let options = zip::write::SimpleFileOptions::default();
                zip.start_file(name.as_str(), options).map_err(|error| failed(&error))?;
                zip.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
            }
            zip.finish().map_err(|error| failed(&error))?.into_inner()
        }
        "tar.gz" => {
            let mut tar = tar::Builder::new(Vec::new());
            for (name, text) in &members {
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(0o644);
                header.set_cksum();
                tar.append_data(&mut header, name, text.as_bytes()).map_err(|error| failed(&error))?;
            }
            let bytes = tar.into_inner().map_err(|error| failed(&error))?;
            gzip(&bytes).map_err(|error| failed(&error))?
        }
        other => return Err(format!("\"{other}\" is none of zip, gzip, tar.gz")),
    };
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> DefinitionFile {
        DefinitionFile { id: name.into(), name: name.into(), text: text.to_owned().into(), overrides: false }
    }

    #[test]
    fn recorded_answers_come_in_their_order() {
        let files = [
            file(
                "1",
                "# now 2026-11-20T08:00:00Z\nGET https://example.org/list?*page=1\n\n200\ncontent-type: text/plain\n\na\n\nb\n",
            ),
            file("2", "# repeat\nGET https://example.org/*\n\n404\n"),
            file("3", "POST https://example.org/zip\n\n200\npack: zip a.json\n\n{}\n--- b.json\n[]\n"),
        ];
        let replay = Replay::read(&files).expect("exchanges");
        assert_eq!(replay.now, "2026-11-20T08:00:00Z".parse().ok());
        let ask = |request: &Request| {
            let fetched = replay.answer(request).map_err(|error| error.to_string())?;
            Ok::<_, String>((fetched.status, fetched.body.into_bytes(1000).expect("in memory").expect("small")))
        };
        let list = Request::get("https://example.org/list?from=2&page=1");
        assert_eq!(ask(&list), Ok((200, Bytes::from_static(b"a\n\nb\n"))));
        assert_eq!(ask(&list).map(|(status, _)| status), Ok(404));
        assert_eq!(ask(&list).map(|(status, _)| status), Ok(404));
        assert_eq!(replay.unused(), ["3"]);
        let zip = ask(&Request::post("https://example.org/zip", serde_json::json!({}))).expect("recorded");
        assert!(zip.1.starts_with(b"PK"));
        let error = ask(&Request::get("https://example.com/")).expect_err("not recorded");
        assert!(error.contains("https://example.com/"), "{error}");
        assert!(Replay::read(&[file("4", "PUT x\n\n200\n")]).is_err());
    }
}
