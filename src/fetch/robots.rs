//! robots.txt (RFC 9309): what a host asks us to leave alone, and how slowly it wants to be asked.
//!
//! It only reads; the file is asked for in `fetch.rs`. The crates for this do not say which line refuses us, and their
//! rules become one regular expression each; what is needed of the standard is this page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memchr::memmem;
use tokio::sync::OnceCell;
use url::Url;

/// The name that a host calls us by.
const AGENT: &str = "tenderwatch";
/// No more than that is read.
pub(super) const BYTES: u64 = 512 << 10;

/// What a host's robots.txt means to us.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was read, or there is none.
    Rules(Rules),
    /// It could not be read, which is a no to everything.
    Unreachable(String),
}

/// The verdicts of one run, one per origin (`https://ted.europa.eu`).
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<BTreeMap<String, Arc<OnceCell<Verdict>>>>);

impl Book {
    pub(super) fn of(&self, origin: String) -> Arc<OnceCell<Verdict>> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(book.entry(origin).or_default())
    }
}

/// The rules of the groups that are meant for us. None: everything is allowed.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// What `Crawl-delay` asks for.
    pub(super) delay: Option<Duration>,
}

#[derive(Debug)]
struct Rule {
    allow: bool,
    pattern: Pattern,
    line: String,
}

impl Rules {
    /// Reads the groups for us, or, where there is none, those for everyone. Lines that are none are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let whole = u64::try_from(bytes.len()).is_ok_and(|len| len < BYTES);
        let end = if whole { bytes.len() } else { memchr::memrchr2(b'\n', b'\r', bytes).unwrap_or(0) };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let (mut ours, mut everyones) = (None, Rules::default());
        let (mut for_us, mut for_everyone, mut in_rules) = (false, false, true);
        for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let Some((key, value)) = line.split_once(':').or_else(|| line.split_once(char::is_whitespace)) else {
                continue;
            };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" | "useragent" | "user agent" => {
                    if in_rules {
                        (for_us, for_everyone, in_rules) = (false, false, false);
                    }
                    for_everyone |= value.starts_with('*');
                    if product(value).eq_ignore_ascii_case(AGENT) {
                        for_us = true;
                        ours.get_or_insert_with(Self::default);
                    }
                }
                key @ ("allow" | "disallow" | "crawl-delay") => {
                    in_rules = true;
                    if let Some(ours) = ours.as_mut().filter(|_| for_us) {
                        ours.add(key, value, line);
                    }
                    if for_everyone {
                        everyones.add(key, value, line);
                    }
                }
                _ => {}
            }
        }
        ours.unwrap_or(everyones)
    }

    fn add(&mut self, key: &str, value: &str, line: &str) {
        if key == "crawl-delay" {
            self.delay = self.delay.max(seconds(value));
        } else if let Some(pattern) = Pattern::parse(value) {
            self.rules.push(Rule { allow: key == "allow", pattern, line: line.to_owned() });
        }
    }

    /// The line that asks us to leave this address alone: of those that fit the longest counts, and a permission more
    /// than a ban of the same length.
    pub(super) fn refuses(&self, url: &Url) -> Option<&str> {
        let mut target = url.path().to_owned();
        target.extend(url.query().into_iter().flat_map(|query| ["?", query]));
        let target = decoded(&target);
        let fitting = self.rules.iter().filter(|rule| rule.pattern.fits(&target));
        let rule = fitting.max_by_key(|rule| (rule.pattern.len, rule.allow))?;
        (!rule.allow).then_some(rule.line.as_str())
    }
}

/// `tenderwatch` of `tenderwatch/1.0`.
fn product(value: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
    value.split_once(|c| !is_part(c)).map_or(value, |(product, _)| product)
}

/// `10`, `0.5`, and what of `5s` is a number.
fn seconds(value: &str) -> Option<Duration> {
    let number = value.split_once(|c: char| !c.is_ascii_digit() && c != '.').map_or(value, |(number, _)| number);
    number.parse().ok().map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// `/a*b$`: `*` is any text, `$` at the end the end; else the beginning of an address fits.
#[derive(Debug)]
struct Pattern {
    /// What stands between the stars.
    parts: Vec<Vec<u8>>,
    anchored: bool,
    len: usize,
}

impl Pattern {
    /// `None` for an empty one, which says nothing.
    fn parse(value: &str) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let slash = if value.starts_with(['/', '*']) { "" } else { "/" };
        let (value, anchored) = value.strip_suffix('$').map_or((value, false), |value| (value, true));
        let parts: Vec<Vec<u8>> = format!("{slash}{value}").split('*').map(decoded).collect();
        let len = parts.iter().map(Vec::len).sum::<usize>() + parts.len() - 1 + usize::from(anchored);
        Some(Self { parts, anchored, len })
    }

    fn fits(&self, target: &[u8]) -> bool {
        let [first, rest @ ..] = &self.parts[..] else { return false };
        let Some(mut left) = target.strip_prefix(&first[..]) else { return false };
        let Some((last, middle)) = rest.split_last() else { return !self.anchored || left.is_empty() };
        for part in middle {
            let Some(at) = memmem::find(left, part) else { return false };
            left = &left[at + part.len()..];
        }
        if self.anchored { left.ends_with(last) } else { memmem::find(left, last).is_some() }
    }
}

/// The octets that a path stands for, so that all spellings of it are one.
fn decoded(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| octet == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let code = hex.filter(|two| !two.starts_with('+')).and_then(|two| u8::from_str_radix(two, 16).ok());
        octets.push(code.unwrap_or(octet));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str, path: &str) -> Option<String> {
        let url = Url::parse("https://example.org").and_then(|url| url.join(path)).expect(path);
        Rules::parse(text.as_bytes()).refuses(&url).map(str::to_owned)
    }

    fn delay(text: &str) -> Option<Duration> {
        Rules::parse(text.as_bytes()).delay
    }

    #[test]
    fn the_group_that_names_us_counts_else_the_one_for_everyone() {
        let text = "\u{feff}User-agent: *\nDisallow: /a\n\nuser-agent : TenderWatch/9.9 # us\nUser-Agent: other\nDisallow: /b\n\
                    \nUser-agent: other\nDisallow: /c\nUser-agent: tenderwatch\nDisallow: /d\n";
        for (path, rule) in [
            ("/a", None),
            ("/b/x", Some("Disallow: /b")),
            ("/c", None),
            ("/d", Some("Disallow: /d")), // two groups for us are one
        ] {
            assert_eq!(refused(text, path).as_deref(), rule, "{path}");
        }
        let others = "User-agent: tenderwatcher\nUser-agent: tender\nDisallow: /\n";
        assert_eq!(refused(others, "/"), None);
        assert_eq!(refused(&format!("{others}User-agent: *\nDisallow: /a"), "/a").as_deref(), Some("Disallow: /a"));
        // an empty group for us is a permission
        assert_eq!(refused("User-agent: *\nDisallow: /\n\nUser-agent: tenderwatch\nDisallow:\n", "/a"), None);
        // rules of nobody, lines of no kind, pages that are no robots.txt
        for text in ["", "Disallow: /", "<html>\n<p>User-agent: *</p>\nDisallow: /", "Sitemap: /\nUser-agent: *"] {
            assert_eq!(refused(text, "/a"), None, "{text}");
        }
        // a sitemap in between does not part a group
        let text = "User-agent: *\nSitemap: https://example.org/x\nUser-agent: x\nDisallow /a\r\rDisallow: b\r\n";
        assert_eq!(refused(text, "/a").as_deref(), Some("Disallow /a"));
        assert_eq!(refused(text, "/bc").as_deref(), Some("Disallow: b"), "a forgotten slash");
    }

    #[test]
    fn the_longest_rule_wins_and_of_two_the_permission() {
        let text =
            "User-agent: *\nDisallow: /\nAllow: /a\nDisallow: /a/b\nAllow: /a/b\nDisallow: /a/b/*.php$\nAllow: /$\n";
        for (path, allowed) in
            [("/", true), ("/x", false), ("/a", true), ("/a/b", true), ("/a/b/x.php", false), ("/a/b/x.php5", true)]
        {
            assert_eq!(refused(text, path).is_none(), allowed, "{path}");
        }
    }

    #[test]
    fn stars_and_ends_as_the_standard_shows_them() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("/", &["/", "/any?x=1"], &[]),
            (
                "/fish",
                &["/fish", "/fish.html", "/fishheads/y", "/fish?id=1"],
                &["/Fish.asp", "/catfish", "/desert/fish"],
            ),
            ("/fish*", &["/fish", "/fish.html"], &["/Fish", "/catfish"]),
            ("/fish/", &["/fish/", "/fish/?id=1"], &["/fish", "/fish.html"]),
            ("/*.php", &["/index.php", "/a/b.php5?x", "/?q=.php"], &["/", "/windows.PHP"]),
            ("/*.php$", &["/a.php", "/a/b.php"], &["/a.php?x", "/a.php/", "/a.php5"]),
            ("/fish*.php", &["/fish.php", "/fishheads/cat.php?x"], &["/Fish.php"]),
            ("*/b*c$", &["/b/c", "/a/bcc"], &["/bcd", "/b"]),
            ("/a?b=1", &["/a?b=1", "/a?b=12"], &["/a", "/a?b"]),
            ("/a$b", &["/a$b", "/a%24bc"], &["/a"]),
            ("/a%2Ab", &["/a*b", "/a%2ab"], &["/axb"]),
            ("/foo/bar?baz=https://foo.bar", &["/foo/bar?baz=https%3A%2F%2Ffoo.bar"], &["/foo/bar"]),
            ("/foo/bar/ツ", &["/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84/x"], &["/foo/bar/"]),
            ("/foo/bar/%E3%83%84", &["/foo/bar/ツ"], &[]),
            ("/foo/bar/%62%61%7A", &["/foo/bar/baz"], &["/foo/bar/%62%61"]),
            ("/100%", &["/100%", "/100%25"], &["/100"]),
            ("/a b", &["/a%20b"], &["/a+b"]),
        ];
        for (pattern, fitting, others) in table {
            let text = format!("User-agent: *\nDisallow: {pattern}");
            for path in *fitting {
                assert!(refused(&text, path).is_some(), "{pattern} fits {path}");
            }
            for path in *others {
                assert!(refused(&text, path).is_none(), "{pattern} does not fit {path}");
            }
        }
    }

    #[test]
    fn a_delay_is_read_from_our_group() {
        let text = "User-agent: *\nCrawl-delay: 10\nUser-agent: tenderwatch\ncrawl-delay: 2.5\nCrawl-Delay: 1\n";
        assert_eq!(delay(text), Some(Duration::from_millis(2500)), "the longest of our group");
        for (value, expected) in [
            ("10", Some(Duration::from_secs(10))),
            ("5s", Some(Duration::from_secs(5))),
            (".5", Some(Duration::from_millis(500))),
            ("99999999999999999999999999", Some(Duration::MAX)),
            ("-1", None),
            ("ten", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {value}\n")), expected, "{value}");
        }
    }

    #[test]
    fn of_a_file_that_is_too_long_only_whole_lines_count() {
        let (head, tail) = ("User-agent: *\nDisallow: /a\n", "\nAllow: /a");
        let of = |len: usize| format!("{head}{}{tail}", "#".repeat(len - head.len() - tail.len()));
        let bytes = usize::try_from(BYTES).expect("small");
        assert_eq!(refused(&of(bytes - 1), "/a"), None);
        assert!(refused(&of(bytes), "/a").is_some(), "this could be the beginning of any permission");
    }

    /// The same by trying every way.
    fn fits_slowly(pattern: &[u8], target: &[u8]) -> bool {
        match pattern {
            [] => true,
            [b'$'] => target.is_empty(),
            [b'*', rest @ ..] => (0..=target.len()).any(|at| fits_slowly(rest, &target[at..])),
            [first, rest @ ..] => target.first() == Some(first) && fits_slowly(rest, &target[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_as_if_every_way_were_tried(pattern in "/[ab*]{0,8}\\$?", target in "/[ab]{0,10}") {
            let fast = Pattern::parse(&pattern).expect("not empty").fits(target.as_bytes());
            prop_assert_eq!(fast, fits_slowly(pattern.as_bytes(), target.as_bytes()));
        }

        #[test]
        fn nothing_makes_it_panic(text in "(?s).{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..300), path in "/[ -~]{0,40}") {
            let url = Url::parse("https://example.org").and_then(|url| url.join(&path));
            prop_assume!(url.is_ok());
            let url = url.expect("just checked");
            let _ = Rules::parse(&bytes).refuses(&url).map(str::len);
            let _ = Rules::parse(format!("User-agent: *\nDisallow: {text}").as_bytes()).refuses(&url).map(str::len);
        }
    }
}
