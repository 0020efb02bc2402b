//! One file → documents: the lines of JSON Lines, the values of JSON written one after the other, and pieces of what is
//! too large to be read at once (a JSON array or package, an XML list, a table), so that memory stays flat.
//!
//! A piece of a package is a package: what stood before its list is repeated, its list holds the next members byte for
//! byte, and what was open is closed. A piece of a table begins with the table's first lines up to its header. It knows
//! brackets, tags and line ends; what they mean is not its business.

use std::io::{self, Read};

use bytes::Bytes;

/// Documents up to this size stay whole.
const WHOLE: usize = 4 << 20;
/// Pieces of larger ones have this share of it, the first one apart: what is in flight at once is counted in pieces.
const SHARE: usize = 4;
/// Tables up to this size: a row has a hundred bytes or so, and each is a notice.
const TABLE: usize = 512 << 10;
/// How much is looked at before it is decided what a file is.
const PROBE: usize = 256 << 10;
/// Lists this deep are split: `{"result": {"releases": [` is three.
const SPLIT_DEPTH: usize = 3;
/// The head of a package, repeated in each piece, may be this long.
const HEAD: usize = 1 << 20;
/// Lines in which the header of a table is looked for.
const HEADER_LINES: usize = 50;

/// What a file holds, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The file as it is.
    Whole(Bytes),
    /// A line, a value or a piece, by its number from 1.
    Part(u64, Bytes),
    /// Not taken in, and why; the number is 0 for the whole file.
    Refused(u64, String),
}

/// Reads `input` to its end or until the sink says `false`.
pub(super) fn split(input: &mut dyn Read, limit: u64, sink: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
    split_at(input, limit, WHOLE, sink)
}

fn split_at(input: &mut dyn Read, limit: u64, whole: usize, sink: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let whole = whole.min(limit);
    let mut split =
        Splitter { input, buffer: Vec::new(), ended: false, limit, whole, piece: whole, sink, parts: 0, line: 0 };
    split.fill(PROBE)?;
    match kind(&split.buffer, split.ended) {
        Kind::Lines => split.lines(),
        Kind::Values => split.values(),
        Kind::Xml => split.xml(),
        Kind::Table => split.table(),
        Kind::Opaque => split.whole(),
    }
}

enum Kind {
    Lines,
    Values,
    Xml,
    Table,
    Opaque,
}

fn kind(head: &[u8], ended: bool) -> Kind {
    match head[blank(head)..].first() {
        Some(b'{' | b'[') if is_lines(head, ended) => Kind::Lines,
        Some(b'{' | b'[') => Kind::Values,
        Some(b'<') => Kind::Xml,
        Some(_) if !head.contains(&0) && !head.starts_with(b"%PDF") => Kind::Table,
        _ => Kind::Opaque,
    }
}

/// The length of a byte order mark, control characters and white space.
fn blank(bytes: &[u8]) -> usize {
    let mark = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    mark + bytes[mark..].iter().take_while(|byte| **byte <= b' ').count()
}

/// JSON Lines: at least two lines are whole objects (or one, and the next is longer than what is in sight), and they
/// are more than half of the lines in sight.
fn is_lines(head: &[u8], ended: bool) -> bool {
    let (mut whole, mut all) = (0, 0);
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = &line[blank(line)..];
        if lines.peek().is_none() && !ended {
            // The last one in sight goes on: a long line behind whole ones.
            return whole > 0 && whole * 2 > all && line.first().is_none_or(|first| *first == b'{');
        }
        if !line.is_empty() {
            all += 1;
            let mut scan = Json::default();
            let end = line.iter().position(|byte| scan.step(*byte) && scan.open.is_empty());
            whole +=
                usize::from(line[0] == b'{' && end.is_some_and(|end| blank(&line[end + 1..]) == line.len() - end - 1));
        }
    }
    whole >= 2 && whole * 2 > all
}

struct Splitter<'a> {
    input: &'a mut dyn Read,
    buffer: Vec<u8>,
    ended: bool,
    limit: usize,
    /// Up to this size a document stays whole.
    whole: usize,
    /// Beyond this size a piece is cut off: less than `whole` once one was.
    piece: usize,
    sink: &'a mut dyn FnMut(Piece) -> bool,
    parts: u64,
    line: u64,
}

impl Splitter<'_> {
    /// Reads until there are this many bytes or the input ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while !self.ended && self.buffer.len() < wanted {
            let from = self.buffer.len();
            self.buffer.resize(from + (64 << 10), 0);
            let read = self.input.read(&mut self.buffer[from..]);
            self.buffer.truncate(from + read.as_ref().copied().unwrap_or(0));
            self.ended = read? == 0;
        }
        Ok(())
    }

    fn part(&mut self, body: impl Into<Bytes>) -> bool {
        self.parts += 1;
        (self.sink)(Piece::Part(self.parts, body.into()))
    }

    fn too_large(&self) -> String {
        format!("is larger than {} MiB (limits.document)", self.limit >> 20)
    }

    /// The file as it is, if it is not too large.
    fn whole(&mut self) -> io::Result<()> {
        self.fill(self.limit.saturating_add(1))?;
        self.rest_as_it_is();
        Ok(())
    }

    /// What is in the buffer, and is all there is or too much.
    fn rest_as_it_is(&mut self) {
        let body = std::mem::take(&mut self.buffer);
        let too_large = body.len() > self.limit || !self.ended;
        let reason = self.too_large();
        match (too_large, self.parts) {
            (true, 0) => (self.sink)(Piece::Refused(0, reason)),
            (true, parts) => (self.sink)(Piece::Refused(parts + 1, reason)),
            (false, 0) => (self.sink)(Piece::Whole(body.into())),
            (false, _) => blank(&body) == body.len() || self.part(body),
        };
    }

    fn lines(&mut self) -> io::Result<()> {
        loop {
            let mut from = 0;
            while let Some(length) = memchr::memchr(b'\n', &self.buffer[from..]) {
                self.line += 1;
                let line = Bytes::copy_from_slice(&self.buffer[from..from + length]);
                from += length + 1;
                if !self.one_line(&line) {
                    return Ok(());
                }
            }
            self.buffer.drain(..from);
            if self.ended {
                self.line += 1;
                let line = Bytes::from(std::mem::take(&mut self.buffer));
                self.one_line(&line);
                return Ok(());
            }
            if self.buffer.len() > self.limit {
                self.line += 1;
                let (line, reason) = (self.line, self.too_large());
                if !(self.sink)(Piece::Refused(line, reason)) || !self.skip_line()? {
                    return Ok(());
                }
            }
            let wanted = self.buffer.len() + PROBE;
            self.fill(wanted)?;
        }
    }

    fn one_line(&mut self, line: &Bytes) -> bool {
        let start = blank(line);
        let end = line.len() - line.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        start >= end || (self.sink)(Piece::Part(self.line, line.slice(start..end)))
    }

    /// Past the next line end; `false` at the end of the input.
    fn skip_line(&mut self) -> io::Result<bool> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                self.buffer.drain(..=at);
                return Ok(true);
            }
            self.buffer.clear();
            if self.ended {
                return Ok(false);
            }
            self.fill(PROBE)?;
        }
    }

    fn values(&mut self) -> io::Result<()> {
        let mut scan = Json::default();
        let mut start = blank(&self.buffer);
        let mut at = start;
        loop {
            while at < self.buffer.len() {
                let ends = scan.step(self.buffer[at]) && scan.open.is_empty();
                at += 1;
                scan.note(self.buffer[at - 1], at);
                if ends {
                    // Something after it?
                    self.fill(at + PROBE)?;
                    let next = at + self.buffer[at..].iter().take_while(|b| b"\x1e, \t\r\n".contains(b)).count();
                    let another = matches!(self.buffer.get(next), Some(b'{' | b'['));
                    if !another && (next < self.buffer.len() || self.parts == 0) {
                        // The end of the only value, or something that is no value: as it is.
                        return self.tail();
                    }
                    let value = Bytes::copy_from_slice(&self.buffer[start..at]);
                    self.buffer.drain(..next);
                    if !self.part(value) || !another {
                        return Ok(());
                    }
                    (scan, start, at, self.piece) = (Json::default(), 0, 0, self.whole);
                }
            }
            if self.ended {
                return self.tail();
            }
            if self.buffer.len() > self.piece && !self.json_piece(&mut scan, &mut start, &mut at) {
                return Ok(());
            }
            if self.buffer.len() > self.limit {
                self.rest_as_it_is();
                return Ok(());
            }
            let wanted = self.buffer.len() + PROBE;
            self.fill(wanted)?;
        }
    }

    fn tail(&mut self) -> io::Result<()> {
        self.fill(self.limit.saturating_add(1))?;
        self.rest_as_it_is();
        Ok(())
    }

    /// Gives the members that are complete; the rest of the list begins anew behind the same head.
    fn json_piece(&mut self, scan: &mut Json, start: &mut usize, at: &mut usize) -> bool {
        let Some(list) = &mut scan.list else { return true };
        let (Some(comma), true) = (list.comma, list.from - *start <= HEAD) else { return true };
        let mut body = self.buffer[*start..comma - 1].to_vec();
        body.extend(list.closing.iter().rev());
        let removed = comma - list.from;
        list.comma = None;
        self.buffer.drain(list.from..comma);
        *at -= removed;
        if *start > 0 {
            self.buffer.drain(..*start);
            list.from -= *start;
            *at -= *start;
            *start = 0;
        }
        self.piece = self.whole / SHARE;
        self.part(body)
    }

    fn xml(&mut self) -> io::Result<()> {
        let mut scan = Xml::default();
        loop {
            while let Some(end) = scan.token(&self.buffer) {
                scan.at = end;
            }
            if self.ended {
                self.rest_as_it_is();
                return Ok(());
            }
            if self.buffer.len() > self.piece {
                match scan.cut() {
                    Some((head, from, to, closing)) if head <= HEAD => {
                        let mut body = self.buffer[..head].to_vec();
                        body.extend_from_slice(&self.buffer[from..to]);
                        body.extend(closing.bytes());
                        self.buffer.drain(from..to);
                        scan.removed(from, to);
                        self.piece = self.whole / SHARE;
                        if !self.part(body) {
                            return Ok(());
                        }
                    }
                    _ if self.buffer.len() > self.limit => {
                        self.rest_as_it_is();
                        return Ok(());
                    }
                    _ => {}
                }
            }
            let wanted = self.buffer.len() + PROBE;
            self.fill(wanted)?;
        }
    }

    fn table(&mut self) -> io::Result<()> {
        let piece = self.whole.min(TABLE);
        self.fill(piece + 1)?;
        if self.ended {
            self.rest_as_it_is();
            return Ok(());
        }
        let line_end = if self.buffer.contains(&b'\n') { b'\n' } else { b'\r' };
        let header = header_length(&self.buffer, line_end);
        loop {
            if self.ended {
                self.rest_as_it_is();
                return Ok(());
            }
            match last_row_end(&self.buffer, header, line_end) {
                Some(end) if self.buffer.len() > piece => {
                    let body = Bytes::copy_from_slice(&self.buffer[..end]);
                    self.buffer.drain(header..end);
                    if !self.part(body) {
                        return Ok(());
                    }
                }
                _ if self.buffer.len() > self.limit => {
                    self.rest_as_it_is();
                    return Ok(());
                }
                _ => {}
            }
            let wanted = if self.buffer.len() > piece { self.buffer.len() + PROBE } else { piece + 1 };
            self.fill(wanted)?;
        }
    }
}

/// Where the first lines of a table end, its header row included: the first one that has as many separators as most.
fn header_length(text: &[u8], line_end: u8) -> usize {
    let separators = |line: &[u8]| [b',', b';', b'\t', b'|'].map(|sign| memchr::memchr_iter(sign, line).count());
    let mut quoted = false;
    let ends = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == line_end && !quoted
    };
    let lines: Vec<&[u8]> = text.split_inclusive(ends).take(HEADER_LINES).collect();
    let counts: Vec<usize> = lines.iter().map(|line| separators(line).into_iter().max().unwrap_or(0)).collect();
    let usual = counts.iter().copied().max_by_key(|count| counts.iter().filter(|other| *other == count).count());
    let row = counts.iter().position(|count| Some(*count) == usual).unwrap_or(0);
    lines.iter().take(row + 1).map(|line| line.len()).sum()
}

/// The last line end at which no quote is open, after the header.
fn last_row_end(text: &[u8], header: usize, line_end: u8) -> Option<usize> {
    let mut quoted = false;
    let mut last = None;
    for (at, byte) in text.iter().enumerate().skip(header) {
        if *byte == b'"' {
            quoted = !quoted;
        } else if *byte == line_end && !quoted {
            last = Some(at + 1);
        }
    }
    last.filter(|end| *end > header)
}

/// Brackets and strings of JSON, one byte after the other.
#[derive(Default)]
struct Json {
    open: Vec<u8>,
    string: bool,
    escaped: bool,
    list: Option<List>,
}

/// The outermost open list that may be split.
struct List {
    /// One past its bracket.
    from: usize,
    /// One past the last comma between its members.
    comma: Option<usize>,
    /// How many brackets are open inside it.
    depth: usize,
    /// What closes it and all around it, outermost first.
    closing: Vec<u8>,
}

impl Json {
    /// Takes one byte; `true` when it closed a bracket.
    fn step(&mut self, byte: u8) -> bool {
        if self.string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.string = true,
            b'{' => self.open.push(b'}'),
            b'[' => self.open.push(b']'),
            b'}' | b']' => {
                self.open.pop();
                return true;
            }
            _ => {}
        }
        false
    }

    /// Remembers where members of the outermost list end; `at` is one past the byte just taken.
    fn note(&mut self, byte: u8, at: usize) {
        if self.string {
            return;
        }
        match &mut self.list {
            None if byte == b'[' && self.open.len() <= SPLIT_DEPTH => {
                self.list = Some(List { from: at, comma: None, depth: self.open.len(), closing: self.open.clone() });
            }
            Some(list) if self.open.len() < list.depth => self.list = None,
            Some(list) if byte == b',' && self.open.len() == list.depth => list.comma = Some(at),
            _ => {}
        }
    }
}

/// Tags of XML.
#[derive(Default)]
struct Xml {
    /// Everything before was seen.
    at: usize,
    /// Name and end of the start tag of each open element.
    open: Vec<(String, usize)>,
    /// Per depth, one past the last element that was closed there.
    closed: [Option<usize>; SPLIT_DEPTH],
}

impl Xml {
    /// Where the next tag ends, if it is all there.
    fn token(&mut self, text: &[u8]) -> Option<usize> {
        let start = self.at + memchr::memchr(b'<', text.get(self.at..)?)?;
        let rest = &text[start..];
        let until = |mark: &[u8]| memchr::memmem::find(rest, mark).map(|at| start + at + mark.len());
        if rest.len() < 9 {
            return None;
        }
        if rest.starts_with(b"<!--") {
            return until(b"-->");
        }
        if rest.starts_with(b"<![CDATA[") {
            return until(b"]]>");
        }
        if rest.starts_with(b"<?") {
            return until(b"?>");
        }
        let mut quote = 0;
        let length = rest.iter().position(|byte| {
            match byte {
                b'"' | b'\'' if quote == 0 => quote = *byte,
                byte if *byte == quote => quote = 0,
                _ => {}
            }
            quote == 0 && *byte == b'>'
        })?;
        let end = start + length + 1;
        let tag = &rest[1..length];
        if let Some(b'/') = tag.first() {
            self.open.pop();
            self.close(end);
        } else if tag.first().is_some_and(|byte| *byte != b'!') {
            if tag.ends_with(b"/") {
                self.close(end);
            } else {
                let name = tag.split(u8::is_ascii_whitespace).next().unwrap_or(tag);
                let depth = self.open.len();
                if depth < SPLIT_DEPTH {
                    self.closed[depth] = None;
                }
                // Deep names are only counted.
                let name =
                    if depth <= SPLIT_DEPTH { String::from_utf8_lossy(name).into_owned() } else { String::new() };
                self.open.push((name, end));
            }
        }
        Some(end)
    }

    /// An element ended inside those that are open now.
    fn close(&mut self, end: usize) {
        if let Some(depth) = self.open.len().checked_sub(1).filter(|depth| *depth < SPLIT_DEPTH) {
            self.closed[depth] = Some(end);
        }
    }

    /// Head, first and last byte of the complete elements of the outermost list, and what closes it.
    fn cut(&self) -> Option<(usize, usize, usize, String)> {
        let depth = self.closed.iter().take(self.open.len()).position(Option::is_some)?;
        let to = self.closed[depth]?;
        let head = self.open[depth].1;
        let closing = self.open[..=depth].iter().rev().map(|(name, _)| format!("</{name}>")).collect();
        Some((head, head, to, closing))
    }

    /// These bytes were taken out.
    fn removed(&mut self, from: usize, to: usize) {
        let moved = to - from;
        self.at = self.at.saturating_sub(moved);
        self.closed = [None; SPLIT_DEPTH];
        for (_, end) in self.open.iter_mut().filter(|(_, end)| *end >= to) {
            *end -= moved;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Parts by number; 0 for the whole.
    fn parts(text: &[u8], limit: u64, piece: usize) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        split_at(&mut &text[..], limit, piece, &mut |part| {
            found.push(match part {
                Piece::Whole(body) => (0, String::from_utf8_lossy(&body).into_owned()),
                Piece::Part(number, body) => (number, String::from_utf8_lossy(&body).into_owned()),
                Piece::Refused(number, reason) => (number, format!("refused: {reason}")),
            });
            true
        })
        .expect("memory");
        found
    }

    fn owned(list: &[(u64, &str)]) -> Vec<(u64, String)> {
        list.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn lines_and_values_become_documents() {
        assert_eq!(
            parts(b"{\"a\":1}\n\n{\"b\":\"}{\"}\r\nbroken\n{\"c\":3}", 100, 100),
            owned(&[(1, "{\"a\":1}"), (3, "{\"b\":\"}{\"}"), (4, "broken"), (5, "{\"c\":3}")])
        );
        assert_eq!(parts(b"\xEF\xBB\xBF{\"a\":1}{\"b\":2}", 100, 100), owned(&[(1, "{\"a\":1}"), (2, "{\"b\":2}")]));
        assert_eq!(parts(b"[1]\n[2] x", 100, 100), owned(&[(1, "[1]"), (2, "[2] x")]));
    }

    #[test]
    fn what_is_one_document_stays_as_it_is() {
        for text in [
            "{\n \"a\": [1,\n {}]\n}\n",
            "[\n{\"a\":1},\n{\"b\":2}\n]",
            "{\"a\":",
            "",
            "x;y\n1;2\n",
            "<a><b/></a>",
            "{} tail",
        ] {
            assert_eq!(parts(text.as_bytes(), 100, 100), owned(&[(0, text)]), "{text}");
        }
    }

    #[test]
    fn a_large_package_becomes_packages() {
        let members: Vec<Value> = (0..40_000).map(|n| json!({"id": n, "text": "a \"quoted\", [text]"})).collect();
        let package = json!({"uri": "u", "extensions": ["x"], "data": {"releases": members}, "end": true});
        let found = parts(package.to_string().as_bytes(), 1 << 20, 300_000);
        assert!(found.len() > 3);
        let mut seen = Vec::new();
        for (at, (number, text)) in found.iter().enumerate() {
            assert_eq!(*number, at as u64 + 1);
            let value: Value = serde_json::from_str(text).expect("a piece is JSON");
            assert_eq!(value["uri"], "u");
            seen.extend(value["data"]["releases"].as_array().expect("a list").iter().cloned());
        }
        assert_eq!(seen, members);
        assert_eq!(serde_json::from_str::<Value>(&found.last().expect("a last one").1).expect("JSON")["end"], true);
    }

    #[test]
    fn a_large_feed_becomes_feeds() {
        let entries: String =
            (0..30_000).map(|n| format!("<entry n='{n}'><![CDATA[</feed>]]><x a='>'/></entry>\n")).collect();
        let feed = format!("<?xml version='1.0'?>\n<feed xmlns='urn:f'><title>t</title>{entries}</feed>");
        let found = parts(feed.as_bytes(), 1 << 20, 300_000);
        assert!(found.len() > 3);
        let mut count = 0;
        for (_, text) in &found {
            let document = roxmltree::Document::parse(text).expect("a piece is XML");
            assert_eq!(document.root_element().tag_name().namespace(), Some("urn:f"));
            for entry in document.root_element().children().filter(|node| node.has_tag_name(("urn:f", "entry"))) {
                assert_eq!(entry.attribute("n"), Some(count.to_string().as_str()));
                count += 1;
            }
        }
        assert_eq!(count, 30_000);
    }

    #[test]
    fn a_large_table_becomes_tables_with_its_header() {
        let rows: String = (0..40_000).map(|n| format!("{n};\"two\nlines\";x\n")).collect();
        let table = format!("A plan\nid;text;more\n{rows}");
        let found = parts(table.as_bytes(), 1 << 20, 300_000);
        assert!(found.len() > 2);
        let joined: String =
            found.iter().map(|(_, text)| text.strip_prefix("A plan\nid;text;more\n").expect("head")).collect();
        assert!(joined == rows, "rows are lost or doubled");
    }

    #[test]
    fn what_cannot_be_split_is_refused_and_the_rest_is_read() {
        let text = format!("{{\"a\":1}}\n{{\"b\":\"{}\"}}\n{{\"c\":3}}\n{{\"d\":3}}\n", "x".repeat(600_000));
        let found = parts(text.as_bytes(), 500_000, 100_000);
        let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(found[1].1.starts_with("refused: is larger"), "{}", found[1].1);
        assert!(parts("x".repeat(2_000_000).as_bytes(), 1 << 20, 300_000)[0].1.starts_with("refused"));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_it_is(text in "[\\[\\]{}\",:<>/a1;\n \\\\]{0,300}", piece in 10usize..80) {
            let found = parts(text.as_bytes(), 1000, piece);
            let all: String = found.iter().map(|(_, text)| text.as_str()).collect();
            let letters = |text: &str| text.bytes().filter(|byte| matches!(byte, b'a' | b'1')).count();
            prop_assert!(letters(&all) >= letters(&text), "{:?}", found);
        }
    }
}
