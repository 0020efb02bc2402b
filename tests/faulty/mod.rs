//! A publisher that misbehaves, on real sockets: days of notices in lists, details and packages, byte by byte by hand,
//! so that it can lie about lengths, break off, drip, repeat itself and lead elsewhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// Rows on a page, and what a capped list holds.
pub const PAGE: usize = 2;
/// The source's id.
pub const SOURCE: &str = "xx-faulty";
/// For good.
pub const ALWAYS: usize = usize::MAX;

/// What is published: day, and how many notices.
pub const DAYS: &[(&str, usize)] =
    &[("2026-11-18", 5), ("2026-11-19", 5), ("2026-11-20", 5), ("2026-11-23", 3), ("2026-11-24", 2)];

/// What a request is answered instead.
#[derive(Clone, Debug)]
pub enum How {
    /// Nothing wrong.
    Well,
    /// This status, with this header, and a page that explains it.
    Status(u16, &'static str),
    /// The connection stays open, and nothing comes.
    Silence,
    /// A byte now and then.
    Drip,
    /// Half of the body, then a reset.
    Reset,
    /// Half of what was announced, then a polite end.
    TooShort,
    /// Less is announced than comes.
    TooLong,
    /// Compressed for the way, and cut there.
    CutGzip,
    /// The file itself is cut; all of it comes.
    CutFile,
    /// A web page of this media type.
    Page(&'static str),
    /// An error that comes with status 200.
    Error,
    /// No byte, status 200.
    Empty,
    /// Nobody has published anything.
    NoRows,
    /// Each page is the first one.
    Repeat,
    /// The pages go round.
    Round,
    /// There is always one more page, each with rows that were there before in another order.
    Endless,
    /// A row goes away after the first page was asked.
    RowGone,
    /// A row comes in front after the first page was asked.
    RowNew,
    /// So many rows, and no word of the others.
    Cap(usize),
    /// The day is ignored.
    NoFilter,
    /// A redirect to itself.
    Loop,
    /// A redirect to here.
    To(String),
    /// This as the link to the next page.
    Next(String),
    /// This as the address of each row's detail, or of each file.
    Link(String),
    /// A gigabyte, as announced.
    Huge,
    /// A gigabyte, unannounced.
    HugeChunks,
    /// Compressed for the way: little that becomes much.
    Bomb,
    /// A package with a member that becomes much.
    BombFile,
    /// Another ETag for the same bytes each time.
    NewTags,
    /// Nothing has changed, says status 304, whoever asks.
    Unchanged,
}

/// Which requests are answered in another way, and how often.
#[derive(Clone, Debug)]
pub struct Fault {
    /// A part of the address.
    pub on: &'static str,
    /// How often; the rest is answered well.
    pub times: usize,
    /// In which way.
    pub how: How,
}

/// A request as the publisher saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// First line: method and address.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

struct State {
    port: u16,
    stop: AtomicBool,
    faults: Mutex<Vec<Fault>>,
    log: Mutex<Vec<Seen>>,
    /// The publisher's own day.
    today: Mutex<String>,
    tags: AtomicUsize,
    /// How long an answer takes, so that a kill can hit it.
    pace: Duration,
}

/// A publisher while it runs.
pub struct Publisher {
    state: Arc<State>,
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.state.port)); // wakes the one who waits for connections
    }
}

impl Publisher {
    /// Publishes on a free port, on a day.
    pub fn start(today: &str, faults: Vec<Fault>, pace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let state = Arc::new(State {
            port: listener.local_addr().expect("an address").port(),
            stop: AtomicBool::new(false),
            faults: Mutex::new(faults),
            log: Mutex::default(),
            today: Mutex::new(today.to_owned()),
            tags: AtomicUsize::new(0),
            pace,
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stop.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { state }
    }

    pub fn port(&self) -> u16 {
        self.state.port
    }

    /// Everything is answered well from now on.
    pub fn heal(&self, today: &str) {
        self.set(Vec::new());
        today.clone_into(&mut self.state.today.lock().expect("no panic"));
    }

    /// Other faults from now on.
    pub fn set(&self, faults: Vec<Fault>) {
        *self.state.faults.lock().expect("no panic") = faults;
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.log.lock().expect("no panic").clone()
    }
}

/// One notice as published; its detail says more than its row.
fn row(day: &str, number: usize, whole: bool) -> Value {
    let id = format!("{}-{number}", day.replace('-', ""));
    let mut row = json!({
        "id": id,
        "title": format!("Radar and night vision for the harbour police, part {number} of {day}"),
        "published": day,
        "cpv": if number.is_multiple_of(2) { "35722000" } else { "38112100" },
    });
    if whole {
        row["description"] = json!(format!("Number {number}: {}", "delivery, training and maintenance; ".repeat(20)));
    }
    row
}

/// Everything published up to a day, newest last.
pub fn ids_until(today: &str) -> Vec<String> {
    let days = DAYS.iter().filter(|(day, _)| *day <= today);
    days.flat_map(|(day, count)| (1..=*count).map(|number| format!("{}-{number}", day.replace('-', "")))).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, bytes) in members {
        packed.start_file(name.as_str(), options).expect("memory");
        packed.write_all(bytes).expect("memory");
    }
    packed.finish().expect("memory").into_inner()
}

const JSON: &str = "application/json";

/// What would be answered, all being well.
struct Good {
    status: u16,
    media: &'static str,
    body: Vec<u8>,
    etag: Option<String>,
}

impl Good {
    fn json(value: &Value) -> Self {
        Self { status: 200, media: JSON, body: value.to_string().into_bytes(), etag: None }
    }

    fn missing() -> Self {
        Self { status: 404, media: "text/plain", body: b"not there".to_vec(), etag: None }
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        // looked at, not taken: what is never taken makes a reset of the end
        let mut head = vec![0; 64 << 10];
        let end = loop {
            let Ok(read) = stream.peek(&mut head) else { return };
            if read == 0 || self.stop.load(Ordering::SeqCst) {
                return;
            }
            if !head[0].is_ascii_uppercase() {
                let _ = stream.write_all(b"HTTP/1.1 400 So\r\n\r\n"); // whatever speaks TLS here
                return;
            }
            match head[..read].windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let address = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let how = self.how(&address);
        let mut body = Vec::new();
        if !matches!(how, How::Reset) {
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
            let mut taken = vec![0; end + 4 + length];
            if stream.read_exact(&mut taken).is_err() {
                return;
            }
            body = taken.split_off(end + 4);
        }
        let tag = headers.iter().find(|(name, _)| name == "if-none-match").map(|(_, value)| value.clone());
        self.log.lock().expect("no panic").push(Seen { line, headers, body });
        std::thread::sleep(self.pace);
        let _ = self.answer(&mut stream, &address, how, tag.as_deref()); // whoever hangs up misses something
    }

    /// The first fault that is meant and not used up.
    fn how(&self, address: &str) -> How {
        let mut faults = self.faults.lock().expect("no panic");
        let Some(fault) = faults.iter_mut().find(|fault| fault.times > 0 && address.contains(fault.on)) else {
            return How::Well;
        };
        if fault.times != ALWAYS {
            fault.times -= 1;
        }
        fault.how.clone()
    }

    fn answer(&self, stream: &mut TcpStream, address: &str, how: How, tag: Option<&str>) -> std::io::Result<()> {
        let good = self.good(address, &how);
        let head = |status: u16, media: &str, length: usize, more: &str| {
            format!(
                "HTTP/1.1 {status} So\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n"
            )
        };
        let mut send = |head: String, body: &[u8]| stream.write_all(&[head.as_bytes(), body].concat());
        let size = good.body.len();
        let half = &good.body[..size / 2];
        match how {
            How::Status(status, more) => {
                let more = if more.is_empty() { String::new() } else { format!("{more}\r\n") };
                send(head(status, "text/html", 5, &more), b"sorry")
            }
            How::Silence => self.wait(stream),
            How::Drip => {
                send(head(200, good.media, size, ""), b"")?;
                for byte in &good.body {
                    std::thread::sleep(Duration::from_millis(20));
                    stream.write_all(&[*byte])?;
                }
                Ok(())
            }
            How::Reset => {
                send(head(200, good.media, size, ""), half)?;
                std::thread::sleep(Duration::from_millis(20));
                Ok(())
            }
            How::TooShort => send(head(200, good.media, size, ""), half),
            How::TooLong => send(head(200, good.media, size / 2, ""), &good.body),
            How::CutGzip => {
                let packed = gzip(&good.body);
                let cut = &packed[..packed.len() / 2];
                send(head(200, good.media, cut.len(), "Content-Encoding: gzip\r\n"), cut)
            }
            How::CutFile => {
                let etag = good.etag.as_ref().map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
                send(head(200, good.media, half.len(), &etag), half)
            }
            How::Page(media) => {
                let page = b"<!DOCTYPE html><html><body><h1>We are busy</h1></body></html>";
                send(head(200, media, page.len(), ""), page)
            }
            How::Error => {
                let body = json!({ "error": "overloaded" }).to_string();
                send(head(200, JSON, body.len(), ""), body.as_bytes())
            }
            How::Empty => send(head(200, good.media, 0, ""), b""),
            How::Loop => {
                let other = if address.contains("again=") {
                    address.replace("&again=1", "")
                } else {
                    format!("{address}&again=1")
                };
                send(head(302, "text/plain", 0, &format!("Location: {other}\r\n")), b"")
            }
            How::To(target) => send(head(302, "text/plain", 0, &format!("Location: {target}\r\n")), b""),
            How::Huge => {
                send(head(200, good.media, 1 << 30, ""), b"")?;
                self.pour(stream, |_| None)
            }
            How::HugeChunks => {
                let head =
                    format!("HTTP/1.1 200 So\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n", good.media);
                send(head, b"")?;
                self.pour(stream, |size| Some(format!("{size:x}\r\n")))
            }
            How::Bomb => {
                let bomb = gzip(&vec![b' '; 64 << 20]);
                send(head(200, good.media, bomb.len(), "Content-Encoding: gzip\r\n"), &bomb)
            }
            How::BombFile => {
                let bomb = zip(&[("bomb.json".to_owned(), vec![b' '; 96 << 20])]);
                send(head(200, good.media, bomb.len(), ""), &bomb)
            }
            How::NewTags => {
                let tag = self.tags.fetch_add(1, Ordering::SeqCst);
                send(head(200, good.media, size, &format!("ETag: \"{tag}\"\r\n")), &good.body)
            }
            How::Unchanged => stream.write_all(b"HTTP/1.1 304 So\r\nConnection: close\r\n\r\n"),
            _ => match &good.etag {
                Some(etag) if tag == Some(etag) => stream.write_all(b"HTTP/1.1 304 So\r\nConnection: close\r\n\r\n"),
                etag => {
                    let more = etag.as_ref().map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
                    send(head(good.status, good.media, size, &more), &good.body)
                }
            },
        }
    }

    /// Until the other side or this one ends.
    fn wait(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.stop.load(Ordering::SeqCst) {
            match stream.read(&mut [0; 64]) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A gigabyte of blanks, or as much of it as is taken.
    fn pour(&self, stream: &mut TcpStream, chunk: impl Fn(usize) -> Option<String>) -> std::io::Result<()> {
        let block = vec![b' '; 64 << 10];
        for _ in 0..(1 << 30) / block.len() {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            if let Some(size) = chunk(block.len()) {
                stream.write_all(size.as_bytes())?;
            }
            stream.write_all(&block)?;
            if chunk(1).is_some() {
                stream.write_all(b"\r\n")?;
            }
        }
        Ok(())
    }

    fn good(&self, address: &str, how: &How) -> Good {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let today = self.today.lock().expect("no panic").clone();
        let published = || DAYS.iter().filter(|(day, _)| *day <= today.as_str());
        let all = |whole: bool| -> Vec<Value> {
            published().flat_map(|(day, count)| (1..=*count).map(move |number| row(day, number, whole))).collect()
        };
        let whole = matches!(path, "/list" | "/offset" | "/next");
        let day = query.get("day").copied().unwrap_or_default();
        let (first, last) = day.split_once('_').unwrap_or((day, day));
        let inside = |row: &Value| row["published"].as_str().is_some_and(|day| (first..=last).contains(&day));
        let mut rows = all(whole);
        rows.retain(|row| day.is_empty() || matches!(how, How::NoFilter) || inside(row));
        if query.contains_key("links") {
            for row in &mut rows {
                let own = format!("http://127.0.0.1:{}/detail/{}", self.port, row["id"].as_str().unwrap_or_default());
                row["link"] = json!(if let How::Link(other) = how { other.clone() } else { own });
            }
        }
        let paged = |rows: &[Value], from: usize, size: usize| -> Vec<Value> {
            rows.iter().skip(from).take(size).cloned().collect()
        };
        match path {
            "/list" | "/offset" | "/brief" | "/index" => {
                let (size, page) = (number("size", PAGE), number("page", 1));
                let from = if path == "/offset" { number("offset", 0) } else { (page - 1) * size };
                match how {
                    How::NoRows => rows.clear(),
                    How::Cap(most) => rows.truncate(*most),
                    How::RowGone if from > 0 => drop(rows.remove(0)),
                    How::RowNew if from > 0 => {
                        let first = rows[0].clone();
                        rows.insert(0, first); // what is new stands in front; which one it is makes no difference
                    }
                    _ => {}
                }
                let (count, page) = (rows.len().max(1), from / size.max(1));
                let turned = |places: [usize; 2]| places.map(|at| rows[at % count].clone()).to_vec();
                let items = match how {
                    How::Repeat => paged(&rows, 0, size),
                    How::Round => turned([from, from + 1]),
                    // every pair of neighbours, then of those one further apart, and so on
                    How::Endless => turned([page, page % count + 1 + page / count]),
                    _ => paged(&rows, from, size),
                };
                let mut answer = json!({ "items": items });
                // some publishers never declare a total
                if !query.contains_key("silent") {
                    answer["total"] = json!(rows.len());
                }
                answer["more"] = json!(matches!(how, How::Cap(_)));
                Good::json(&answer)
            }
            "/next" => {
                let after = number("after", 0);
                let mut answer = json!({ "items": paged(&rows, after, PAGE) });
                if let How::Next(link) = how {
                    answer["next"] = json!(link);
                } else if after + PAGE < rows.len() {
                    answer["next"] =
                        json!(format!("/next?day={}&after={}", query.get("day").unwrap_or(&""), after + PAGE));
                }
                Good::json(&answer)
            }
            "/total" => Good::json(&json!({ "total": all(false).len(), "items": [] })),
            "/all" => {
                let body = json!({ "items": all(true) });
                let etag = format!("\"{}\"", all(true).len());
                Good { etag: Some(etag), ..Good::json(&body) }
            }
            "/files" => {
                let files: Vec<Value> = published()
                    .map(|(day, count)| {
                        let url =
                            if let How::Link(other) = how { other.clone() } else { format!("/packages/{day}.zip") };
                        json!({ "url": url, "changed": format!("{day} {count}"), "name": day })
                    })
                    .collect();
                Good::json(&json!({ "files": files }))
            }
            _ => file(path, all(true)),
        }
    }
}

/// One notice or one day's file of all that is published, by its path.
fn file(path: &str, all: Vec<Value>) -> Good {
    let wanted = |prefix: &str, suffix: &str| {
        path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)).map(str::to_owned)
    };
    if let Some(id) = wanted("/detail/", "") {
        let found = all.into_iter().find(|row| row["id"] == id.as_str());
        return found.map_or_else(Good::missing, |row| Good::json(&json!({ "total": 1, "items": [row] })));
    }
    if let Some(id) = wanted("/numbers/", "") {
        let at = id.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
        let found = at.and_then(|at| all.into_iter().nth(at));
        return found.map_or_else(Good::missing, |row| Good::json(&json!({ "items": [row] })));
    }
    let of_day = |day: &str| -> Vec<Value> { all.iter().filter(|row| row["published"] == day).cloned().collect() };
    if let Some(day) = wanted("/packages/", ".zip") {
        let members: Vec<(String, Vec<u8>)> = of_day(&day)
            .iter()
            .map(|row| {
                (
                    format!("{}.json", row["id"].as_str().unwrap_or_default()),
                    json!({ "items": [row] }).to_string().into_bytes(),
                )
            })
            .collect();
        let body = zip(&members);
        return if members.is_empty() {
            Good::missing()
        } else {
            Good { status: 200, media: "application/zip", body, etag: None }
        };
    }
    if let Some(day) = wanted("/packages/", ".json.gz") {
        let rows = of_day(&day);
        let body = gzip(json!({ "items": rows }).to_string().as_bytes());
        return if rows.is_empty() {
            Good::missing()
        } else {
            Good { status: 200, media: "application/gzip", body, etag: None }
        };
    }
    Good::missing()
}

/// How the source asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// A list for each day, by number of the page; a total is declared.
    Pages,
    /// The same without a total.
    Silent,
    /// Pages over windows of four days.
    Wide,
    /// By offset.
    Offset,
    /// By the link to the next page.
    Links,
    /// A list for each day, and a detail for each row.
    Details,
    /// The same, each detail at the address that its row says.
    Addresses,
    /// An index for each day, whose rows are keys.
    Index,
    /// A zip for each day.
    Zips,
    /// A gzip for each day.
    Gzips,
    /// One file with everything.
    Whole,
    /// The files that an index names.
    Files,
    /// Numbers, one after the other.
    Numbers,
}

impl Ask {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Silent => "pages without a total",
            Self::Wide => "pages over four days",
            Self::Offset => "offsets",
            Self::Links => "next links",
            Self::Details => "details",
            Self::Addresses => "details by address",
            Self::Index => "an index and its details",
            Self::Zips => "zips",
            Self::Gzips => "gzips",
            Self::Whole => "one file",
            Self::Files => "files of a catalogue",
            Self::Numbers => "numbers",
        }
    }

    /// The definition for a publisher at this address, with more lines in `[page]` and `[check]`.
    pub fn definition(self, base: &str, page_more: &str, check_more: &str) -> String {
        let port = base.rsplit(':').next().expect("a port");
        let day = "\"{from:%Y-%m-%d}\"";
        let window = "kind = \"date_window\"\nwindow = \"1d\"\noverlap = \"0s\"\nsettles = \"0s\"\nfirst_run = \"3d\"";
        let by_page = "kind = \"page\"\nparam = \"query.page\"\nsize = { param = \"query.size\", value = 2 }";
        let total = "total = \"total\"";
        let check = "require = [\"items\"]\nerror = { path = \"error\", equals = \"overloaded\" }";
        let list = |path: &str, page: &str, rest: &str| {
            format!(
                "[plan]\n{window}\nurl = \"{base}/{path}\"\nquery = {{ day = {day} }}\n[page]\n{page}\nmax_pages = 20\n{page_more}\n\
                 [check]\n{check}\n{check_more}\n{rest}"
            )
        };
        let files = |name: &str| {
            format!(
                "[plan]\nkind = \"calendar_file\"\nunit = \"day\"\nreread = 0\nfirst_run = \"3d\"\nmissing = \"none\"\n\
                 url = \"{base}/packages/{{date:%Y-%m-%d}}.{name}\"\n"
            )
        };
        let plan = match self {
            Self::Pages => list("list", &format!("{by_page}\n{total}"), ""),
            Self::Silent => list("list", by_page, "").replace("query = { day", "query = { silent = \"1\", day"),
            Self::Wide => list("list", &format!("{by_page}\n{total}"), "")
                .replace("window = \"1d\"", "window = \"4d\"\nmin_window = \"1d\"")
                .replace(day, "\"{from:%Y-%m-%d}_{to:%Y-%m-%d}\""),
            Self::Offset => list(
                "offset",
                &format!(
                    "kind = \"offset\"\nparam = \"query.offset\"\nsize = {{ param = \"query.size\", value = 2 }}\n{total}"
                ),
                "",
            ),
            Self::Links => list("next", "kind = \"next_link\"\nlink = \"next\"", ""),
            Self::Details => {
                list("brief", &format!("{by_page}\n{total}"), &format!("[detail]\nurl = \"{base}/detail/{{key}}\"\n"))
            }
            Self::Addresses => list("brief", &format!("{by_page}\n{total}"), "[detail]\nurl = \"{url}\"\n")
                .replace("query = { day", "query = { links = \"1\", day"),
            Self::Index => list(
                "index",
                &format!("{by_page}\n{total}"),
                &format!(
                    "[detail]\nrows = \"items[*]\"\nkey = \"id\"\nchanged = \"title\"\nurl = \"{base}/detail/{{key}}\"\n"
                ),
            ),
            Self::Zips => files("zip"),
            Self::Gzips => files("json.gz"),
            Self::Whole => format!("[plan]\nkind = \"once\"\nurl = \"{base}/all\"\n"),
            Self::Files => format!(
                "[plan]\nkind = \"catalogue\"\nurl = \"{base}/files\"\n[plan.resources]\nrows = \"files[*]\"\nurl = \"url\"\n\
                 modified = \"changed\"\nname = \"name\"\n"
            ),
            Self::Numbers => {
                format!("[plan]\nkind = \"id_range\"\nfirst = 1\nmisses = 3\nurl = \"{base}/numbers/{{id}}\"\n")
            }
        };
        let unpack = match self {
            Self::Zips | Self::Files => "unpack = [\"zip\"]\n",
            Self::Gzips => "unpack = [\"gzip\"]\n",
            _ => "",
        };
        let link = if self == Self::Addresses { "url = \"link\"\n" } else { "" };
        format!(
            "name = \"A publisher that misbehaves\"\ncountry = \"FI\"\nhomepage = \"http://127.0.0.1/\"\nlanguages = [\"en\"]\n\
             status = \"active\"\nevidence = \"documented\"\n\
             [access]\nlicence = \"CC0-1.0\"\nattribution = \"nobody\"\nhosts = [\"127.0.0.1\"]\nprivate_hosts = [\"127.0.0.1:{port}\"]\n\
             delay = \"20ms\"\nbackoff = \"20ms\"\n\
             [document]\nformat = \"json\"\nrows = \"items[*]\"\n{unpack}\
             [record]\nzone = \"UTC\"\n\
             [map]\nid = \"id\"\ntitle = \"title\"\ndescription = \"description\"\npublished = \"published\"\ncpv = \"cpv\"\n\
             type = {{ const = \"competition\" }}\n{link}{plan}"
        )
    }
}
