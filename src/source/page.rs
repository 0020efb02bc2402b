//! `[page]`: how one list comes in several answers, and when it is whole.

use serde::Deserialize;

use super::Checker;
use super::ask::Param;
use crate::formats::mapping::Path;
use crate::formats::probe::{Probe, RawProbe, RowProbe};

/// Paging of a list.
#[derive(Clone, Debug)]
pub struct Paging {
    /// How the next answer is asked for.
    pub kind: PagingKind,
    /// What counts as a row; `None`: the records that the reader finds.
    pub rows: Option<RowProbe>,
    /// The declared number of rows.
    pub total: Option<Probe>,
    /// The declared number of pages.
    pub total_pages: Option<Probe>,
    /// True on the last page.
    pub last: Option<Probe>,
    /// Share by which rows and total may differ.
    pub tolerance: f64,
    /// What the answer cannot hold.
    pub cap: Option<Cap>,
    /// A list is never longer.
    pub max_pages: u32,
    /// Newest-first lists: so many known rows in a row are the end.
    pub stop_known: Option<u32>,
    /// Newest-first lists: a page older than the watermark is the end.
    pub stop_older: bool,
    /// Fewer rows than asked for are the last page.
    pub short_page_ends: bool,
}

/// How the next answer is asked for.
#[derive(Clone, Debug)]
pub enum PagingKind {
    /// There is one answer.
    None,
    /// By its number.
    Page {
        /// Where the number goes.
        param: Param,
        /// The first one.
        first: u64,
        /// From one to the next.
        step: u64,
        /// The address from the second page on.
        url: Option<String>,
        /// Where the size goes, and the size.
        size: Option<(Param, u64)>,
    },
    /// By the number of rows before it.
    Offset {
        /// Where the offset goes.
        param: Param,
        /// 0, or 1 where rows are counted from 1.
        first: u64,
        /// Where the size goes (nowhere: `url`), and the size.
        size: (Option<Param>, u64),
        /// Where an inclusive end index goes.
        end: Option<Param>,
    },
    /// By a token in the answer.
    Cursor {
        /// Where the answer says it.
        token: Probe,
        /// Where it goes.
        param: Param,
    },
    /// By a value of the last row.
    LastRow {
        /// Where the row says it.
        field: Path,
        /// Where it goes.
        param: Param,
        /// As which date, where it is one.
        format: Option<String>,
    },
    /// By an address in the answer.
    NextLink {
        /// Where the answer says it.
        link: Probe,
    },
    /// From the last page backwards.
    FromEnd {
        /// Where the number goes.
        param: Param,
        /// Where the size goes, and the size.
        size: (Param, u64),
        /// The number of the first page.
        first: u64,
    },
}

/// What an answer cannot hold.
#[derive(Clone, Debug)]
pub struct Cap {
    /// So many rows can be reached.
    pub reachable: Option<u64>,
    /// True when the answer is cut short.
    pub flag: Option<Probe>,
    /// Whether a window is then split.
    pub split: bool,
}

/// `[page]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPage {
    kind: RawPageKind,
    param: Option<String>,
    first: Option<u64>,
    step: Option<u64>,
    size: Option<RawSize>,
    url: Option<String>,
    end: Option<String>,
    token: Option<RawProbe>,
    field: Option<String>,
    format: Option<String>,
    link: Option<RawProbe>,
    rows: Option<RawProbe>,
    total: Option<RawProbe>,
    total_pages: Option<RawProbe>,
    last: Option<RawProbe>,
    tolerance: Option<f64>,
    cap: Option<RawCap>,
    max_pages: Option<u32>,
    #[serde(default)]
    stop: RawStop,
    short_page_ends: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawPageKind {
    None,
    Page,
    Offset,
    CursorResponse,
    CursorLastRow,
    NextLink,
    FromEnd,
    DateCursor,
}

impl RawPageKind {
    fn keys(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::None => ("none", &[]),
            Self::Page => ("page", &["param", "first", "step", "size", "url"]),
            Self::Offset => ("offset", &["param", "first", "size", "end"]),
            Self::CursorResponse => ("cursor_response", &["token", "param", "size"]),
            Self::CursorLastRow => ("cursor_last_row", &["field", "param", "size"]),
            Self::NextLink => ("next_link", &["link", "size"]),
            Self::FromEnd => ("from_end", &["param", "size", "first"]),
            Self::DateCursor => ("date_cursor", &["field", "param", "format", "size"]),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSize {
    param: Option<String>,
    value: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCap {
    reachable: Option<u64>,
    flag: Option<RawProbe>,
    then: RawThen,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawThen {
    Split,
    #[serde(alias = "error")]
    Report,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStop {
    known_rows: Option<u32>,
    older_than: Option<RawOlder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawOlder {
    Watermark,
}

/// Far above any list that is asked for in bounded windows.
const MAX_PAGES: u32 = 2000;

impl Paging {
    /// One answer.
    pub fn none() -> Self {
        Self {
            kind: PagingKind::None,
            rows: None,
            total: None,
            total_pages: None,
            last: None,
            tolerance: 0.0,
            cap: None,
            max_pages: 1,
            stop_known: None,
            stop_older: false,
            short_page_ends: true,
        }
    }

    /// Response headers that probes read.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let token = match &self.kind {
            PagingKind::Cursor { token, .. } => Some(token),
            PagingKind::NextLink { link } => Some(link),
            _ => None,
        };
        let probes = [&self.total, &self.total_pages, &self.last];
        probes.into_iter().filter_map(Option::as_ref).chain(token).filter_map(|probe| match probe {
            Probe::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Rows asked for at once, where that is said.
    pub fn size(&self) -> Option<u64> {
        match &self.kind {
            PagingKind::Page { size, .. } => size.as_ref().map(|(_, value)| *value),
            PagingKind::Offset { size, .. } => Some(size.1),
            PagingKind::FromEnd { size, .. } => Some(size.1),
            _ => None,
        }
    }
}

impl Checker<'_> {
    /// `[page]`.
    pub(super) fn page(&mut self, raw: &RawPage) -> Option<Paging> {
        self.page_keys(raw);
        let kind = self.page_kind(raw);
        let tolerance = raw.tolerance.unwrap_or(0.0);
        if !(0.0..=0.5).contains(&tolerance) {
            self.complain("page.tolerance", "is a share between 0 and 0.5");
        }
        if raw.max_pages == Some(0) {
            self.complain("page.max_pages", "is at least 1");
        }
        if raw.stop.known_rows == Some(0) {
            self.complain("page.stop.known_rows", "is at least 1");
        }
        let mut probe = |at: &str, raw: &Option<RawProbe>| raw.as_ref().and_then(|raw| self.probe(at, raw));
        let total = probe("page.total", &raw.total);
        let total_pages = probe("page.total_pages", &raw.total_pages);
        let last = probe("page.last", &raw.last);
        let rows = raw.rows.as_ref().and_then(|rows| self.rows("page.rows", rows));
        let cap = match &raw.cap {
            Some(cap) => {
                if cap.reachable.is_none() && cap.flag.is_none() {
                    self.complain("page.cap", "says `reachable` (rows), or `flag` (a probe), or both");
                }
                let flag = cap.flag.as_ref().and_then(|flag| self.probe("page.cap.flag", flag));
                Some(Cap { reachable: cap.reachable, flag, split: cap.then == RawThen::Split })
            }
            None => None,
        };
        Some(Paging {
            kind: kind?,
            rows,
            total,
            total_pages,
            last,
            tolerance,
            cap,
            max_pages: raw.max_pages.unwrap_or(if raw.kind == RawPageKind::None { 1 } else { MAX_PAGES }),
            stop_known: raw.stop.known_rows,
            stop_older: raw.stop.older_than.is_some(),
            short_page_ends: raw.short_page_ends.unwrap_or(true),
        })
    }

    fn page_keys(&mut self, raw: &RawPage) {
        let (name, known) = raw.kind.keys();
        let there = [
            ("param", raw.param.is_some()),
            ("first", raw.first.is_some()),
            ("step", raw.step.is_some()),
            ("size", raw.size.is_some()),
            ("url", raw.url.is_some()),
            ("end", raw.end.is_some()),
            ("token", raw.token.is_some()),
            ("field", raw.field.is_some()),
            ("format", raw.format.is_some()),
            ("link", raw.link.is_some()),
        ];
        for (key, there) in there {
            if there && !known.contains(&key) {
                let own = if known.is_empty() { "no keys of its own".to_owned() } else { known.join(", ") };
                self.complain(&format!("page.{key}"), format!("kind = \"{name}\" has no `{key}`; it has {own}"));
            }
        }
    }

    fn page_kind(&mut self, raw: &RawPage) -> Option<PagingKind> {
        let size = raw.size.as_ref().map(|size| {
            if size.value == 0 || size.value > 100_000 {
                self.complain("page.size.value", "is between 1 and 100000 rows");
            }
            (size.param.as_ref().map(|param| self.param("page.size.param", param)), size.value)
        });
        let size_with_param = |check: &mut Self| match &size {
            Some((Some(param), value)) => Some((param.clone()?, *value)),
            Some((None, _)) => {
                check.complain("page.size", "needs `param`: where the size goes");
                None
            }
            None => None,
        };
        match raw.kind {
            RawPageKind::None => Some(PagingKind::None),
            RawPageKind::Page => {
                let param = self.needed_param(raw)?;
                if param == Param::Url && raw.url.is_none() && !self.plan_mentions_page {
                    self.complain("page.param", "with \"url\", the address of [plan] or `url` here contains {page}");
                }
                let size = match &raw.size {
                    Some(_) => Some(size_with_param(self)?),
                    None => None,
                };
                Some(PagingKind::Page {
                    param,
                    first: raw.first.unwrap_or(1),
                    step: raw.step.unwrap_or(1).max(1),
                    url: raw.url.clone(),
                    size,
                })
            }
            RawPageKind::Offset => {
                let param = self.needed_param(raw)?;
                let Some((size_param, value)) = size else {
                    self.complain("page.size", "an offset needs the size of a page");
                    return None;
                };
                let end = raw.end.as_ref().and_then(|end| self.param("page.end", end));
                Some(PagingKind::Offset {
                    param,
                    first: raw.first.unwrap_or(0),
                    size: (size_param.flatten(), value),
                    end,
                })
            }
            RawPageKind::CursorResponse => {
                let Some(token) = &raw.token else {
                    self.complain("page", "a cursor_response needs `token`: where the answer says it");
                    return None;
                };
                let token = self.probe("page.token", token);
                Some(PagingKind::Cursor { token: token?, param: self.needed_param(raw)? })
            }
            RawPageKind::CursorLastRow | RawPageKind::DateCursor => {
                let Some(field) = &raw.field else {
                    self.complain("page", "needs `field`: where the last row says it");
                    return None;
                };
                let field = self.path("page.field", field);
                if raw.rows.is_none() {
                    self.complain("page", "needs `rows`, to know the last one");
                }
                Some(PagingKind::LastRow { field: field?, param: self.needed_param(raw)?, format: raw.format.clone() })
            }
            RawPageKind::NextLink => {
                let Some(link) = &raw.link else {
                    self.complain("page", "a next_link needs `link`: where the answer says it, or \"atom\"");
                    return None;
                };
                Some(PagingKind::NextLink { link: self.probe("page.link", link)? })
            }
            RawPageKind::FromEnd => {
                let param = self.needed_param(raw)?;
                if raw.total.is_none() {
                    self.complain("page", "from_end needs `total`, to know the last page");
                }
                if raw.size.is_none() {
                    self.complain("page", "from_end needs `size`, to know the last page");
                }
                Some(PagingKind::FromEnd { param, size: size_with_param(self)?, first: raw.first.unwrap_or(1) })
            }
        }
    }

    fn needed_param(&mut self, raw: &RawPage) -> Option<Param> {
        let Some(param) = &raw.param else {
            self.complain("page", "needs `param`: where the value goes, such as \"query.page\"");
            return None;
        };
        self.param("page.param", param)
    }

    pub(super) fn param(&mut self, at: &str, text: &str) -> Option<Param> {
        let param = Param::parse(text);
        if param.is_none() {
            self.complain(at, format!("expected query.x, json.x, form.x, header.x or url, found \"{text}\""));
        }
        param
    }
}
