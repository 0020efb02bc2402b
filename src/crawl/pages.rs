//! One list over several answers: what is asked next, and whether what came is the whole. Pure.

use std::collections::HashSet;

use serde_json::Value;

use crate::formats::probe::{Answer, text_at};
use crate::source::{Ask, Filling, Paging, PagingKind, Question};

/// A list while it is read.
pub struct Pages<'p> {
    paging: &'p Paging,
    ask: &'p Ask,
    filling: Filling,
    /// What is asked next; `None` when the list has ended.
    next: Option<Question>,
    /// Where the last answer came from, for relative links.
    asked: u32,
    at: u64,
    /// Rows, each counted once.
    rows: u64,
    /// Rows that stood on an earlier page already: the list moved while it was read.
    twice: u64,
    total: Option<u64>,
    /// Every page and every row so far.
    answers: HashSet<u64>,
    seen: HashSet<u64>,
    last_token: Option<String>,
    known_in_a_row: u32,
    /// Of a list that is read backwards: the page that is asked now.
    backwards: bool,
}

/// What one answer held.
#[derive(Clone, Debug, Default)]
pub struct PageRows {
    /// How many rows.
    pub count: u64,
    /// How many of them at its end were known and unchanged.
    pub known: u64,
    /// Whether all rows are older than the watermark.
    pub all_old: bool,
    /// The last row.
    pub last: Option<Value>,
    /// The same for the same content.
    pub print: u64,
    /// The same for each row; none where rows are not known one by one.
    pub prints: Vec<u64>,
}

/// What an answer means for the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is more.
    More,
    /// The list is whole.
    Whole,
    /// There is more than can be reached.
    Capped(String),
    /// The answers contradict each other.
    Drifted(String),
}

impl<'p> Pages<'p> {
    /// A list that begins with this request.
    ///
    /// # Errors
    /// A placeholder that does not work.
    pub fn new(paging: &'p Paging, ask: &'p Ask, filling: &Filling) -> Result<Self, String> {
        let at = match &paging.kind {
            PagingKind::Page { first, .. } | PagingKind::Offset { first, .. } | PagingKind::FromEnd { first, .. } => {
                *first
            }
            _ => 0,
        };
        let mut pages = Self {
            paging,
            ask,
            filling: filling.clone(),
            next: None,
            asked: 0,
            at,
            rows: 0,
            twice: 0,
            total: None,
            answers: HashSet::new(),
            seen: HashSet::new(),
            last_token: None,
            known_in_a_row: 0,
            backwards: false,
        };
        pages.next = Some(pages.question(None)?);
        Ok(pages)
    }

    /// What is asked next; `None` when the list has ended.
    pub fn next_question(&mut self) -> Option<Question> {
        self.asked += u32::from(self.next.is_some());
        self.next.take()
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of rows that the first answer declared.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Answers so far.
    pub fn asked(&self) -> u32 {
        self.asked
    }

    fn question(&self, address: Option<&str>) -> Result<Question, String> {
        let filling = self.filling.clone().text("page", self.at.to_string());
        let mut question = match (address, &self.paging.kind) {
            (Some(address), _) => Question { query: Vec::new(), url: address.to_owned(), ..self.ask.fill(&filling)? },
            (None, PagingKind::Page { url: Some(url), first, .. }) if self.at > *first => {
                Ask { url: url.clone(), query: Vec::new(), ..self.ask.clone() }.fill(&filling)?
            }
            _ => self.ask.fill(&filling)?,
        };
        match &self.paging.kind {
            PagingKind::Page { param, size, .. } => {
                question.set(param, &self.at.to_string());
                if let Some((param, size)) = size {
                    question.set(param, &size.to_string());
                }
            }
            PagingKind::FromEnd { param, size: (size_param, size), .. } => {
                question.set(param, &self.at.to_string());
                question.set(size_param, &size.to_string());
            }
            PagingKind::Offset { param, size, end, .. } => {
                question.set(param, &self.at.to_string());
                if let Some(param) = &size.0 {
                    question.set(param, &size.1.to_string());
                }
                if let Some(end) = end {
                    question.set(end, &(self.at + size.1 - 1).to_string());
                }
            }
            PagingKind::Cursor { param, .. } | PagingKind::LastRow { param, .. } => {
                if let Some(token) = &self.last_token {
                    question.set(param, token);
                }
            }
            PagingKind::None | PagingKind::NextLink { .. } => {}
        }
        Ok(question)
    }

    /// Judges an answer, and prepares the next request when there is more. `url` is where it came from.
    pub fn judge(&mut self, answer: &Answer<'_>, page: &PageRows, url: &str) -> Verdict {
        let paging = self.paging;
        let number = |probe: &Option<_>| {
            let text = probe.as_ref().and_then(|probe| answer.first(probe))?;
            text.replace([' ', ',', '.', '\u{a0}'], "").parse::<u64>().ok()
        };
        let flag = |probe: &Option<_>| {
            probe
                .as_ref()
                .and_then(|probe| answer.first(probe))
                .is_some_and(|text| matches!(text.as_str(), "true" | "True" | "1"))
        };
        let total = number(&paging.total);
        if let Some(total) = total {
            // Totals drift while paging; the largest one is what must have come.
            self.total = Some(self.total.map_or(total, |known| if self.backwards { total } else { known.max(total) }));
        } else if paging.total.is_some() && self.asked <= 1 && page.count > 0 {
            return Verdict::Drifted("it declares no total".to_owned());
        }
        if page.count > 0 && !self.answers.insert(page.print) {
            return Verdict::Drifted(format!("page {} repeats an earlier one", self.asked));
        }
        if let Some(cap) = &paging.cap {
            if cap.flag.as_ref().is_some_and(|_| flag(&cap.flag)) {
                return Verdict::Capped("the answer says itself that it is cut short".to_owned());
            }
            if let (Some(reachable), Some(total)) = (cap.reachable, self.total)
                && total > reachable
            {
                return Verdict::Capped(format!("{total} rows, of which {reachable} can be reached"));
            }
        }
        if let PagingKind::FromEnd { first, size, .. } = &paging.kind {
            let (first, size) = (*first, size.1);
            return self.backwards(page, first, size);
        }
        self.count(page);
        if let Some(cap) = paging.cap.as_ref().and_then(|cap| cap.reachable)
            && self.rows + self.twice >= cap
        {
            let came = self.rows + self.twice;
            return Verdict::Capped(format!("{came} rows came, and no more than {cap} can be reached"));
        }
        if let Some(enough) = paging.stop_known {
            self.known_in_a_row = if page.known >= page.count {
                self.known_in_a_row.saturating_add(u32::try_from(page.count).unwrap_or(u32::MAX))
            } else {
                u32::try_from(page.known).unwrap_or(u32::MAX)
            };
            if page.count > 0 && self.known_in_a_row >= enough {
                return Verdict::Whole;
            }
        }
        if paging.stop_older && page.count > 0 && page.all_old {
            return Verdict::Whole;
        }
        if self.has_ended(page, flag(&paging.last), number(&paging.total_pages)) {
            return self.ended();
        }
        self.follow(answer, page, url)
    }

    /// Prepares the request after this answer.
    fn follow(&mut self, answer: &Answer<'_>, page: &PageRows, url: &str) -> Verdict {
        let paging = self.paging;
        let next = match &paging.kind {
            PagingKind::None | PagingKind::FromEnd { .. } => return self.ended(),
            PagingKind::Page { step, .. } => {
                self.at += step;
                self.question(None)
            }
            PagingKind::Offset { size, .. } => {
                self.at += size.1;
                self.question(None)
            }
            PagingKind::Cursor { token, .. } => match answer.first(token) {
                None => return self.ended(),
                token if token == self.last_token => return self.ended(),
                token => {
                    self.last_token = token;
                    self.question(None)
                }
            },
            PagingKind::LastRow { field, format, .. } => {
                let token = page.last.as_ref().and_then(|row| text_at(row, field));
                let Some(token) = token else { return Verdict::Drifted("the last row has no cursor".to_owned()) };
                let token = match format {
                    Some(format) => match as_date(&token, format) {
                        Some(token) => token,
                        None => return Verdict::Drifted(format!("the cursor \"{token}\" is no time")),
                    },
                    None => token,
                };
                if Some(&token) == self.last_token.as_ref() {
                    return self.ended();
                }
                self.last_token = Some(token);
                self.question(None)
            }
            PagingKind::NextLink { link } => match answer.first(link) {
                None => return self.ended(),
                Some(link) => {
                    let Some(address) = url::Url::parse(url).ok().and_then(|base| base.join(&link).ok()) else {
                        return Verdict::Drifted(format!("the next link \"{link}\" is no address"));
                    };
                    if Some(address.as_str()) == self.last_token.as_deref() || address.as_str() == url {
                        // A feed of changes ends with an empty answer that names itself.
                        if page.count == 0 {
                            return self.ended();
                        }
                        return Verdict::Drifted("the next link leads back".to_owned());
                    }
                    self.last_token = Some(address.to_string());
                    self.question(Some(address.as_str()))
                }
            },
        };
        if self.asked >= paging.max_pages {
            return Verdict::Capped(format!("more than {} pages (page.max_pages)", paging.max_pages));
        }
        match next {
            Ok(next) => {
                self.next = Some(next);
                Verdict::More
            }
            Err(reason) => Verdict::Drifted(reason),
        }
    }

    /// Counts rows; one that stood on an earlier page hides one that was never seen.
    fn count(&mut self, page: &PageRows) {
        let twice = page.prints.iter().filter(|print| self.seen.contains(print)).count() as u64;
        self.seen.extend(&page.prints);
        self.twice += twice;
        self.rows += page.count.saturating_sub(twice);
    }

    fn has_ended(&self, page: &PageRows, last: bool, total_pages: Option<u64>) -> bool {
        let paging = self.paging;
        let follows_tokens = matches!(paging.kind, PagingKind::Cursor { .. } | PagingKind::NextLink { .. });
        // What the answers themselves say about more goes before a guess by numbers.
        let short = !follows_tokens
            && paging.short_page_ends
            && paging.size().is_some_and(|size| page.count < size)
            && self.total.is_none_or(|total| self.rows >= total);
        let empty = page.count == 0 && !matches!(paging.kind, PagingKind::NextLink { .. });
        let all = self.total.is_some_and(|total| self.rows >= total) && !follows_tokens;
        let pages = total_pages.is_some_and(|pages| u64::from(self.asked) >= pages);
        last || empty || short || all || pages
    }

    /// The list has ended: it is whole when as many rows came as were declared.
    fn ended(&self) -> Verdict {
        let Some(total) = self.total else { return Verdict::Whole };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "rows are few"
        )]
        let slack = (total as f64 * self.paging.tolerance).ceil() as u64;
        if self.rows + slack >= total {
            Verdict::Whole
        } else if self.twice > 0 {
            let (rows, twice) = (self.rows, self.twice);
            Verdict::Drifted(format!("{rows} rows came, {twice} of them came twice, {total} were declared"))
        } else {
            Verdict::Drifted(format!("{} rows came, {total} were declared", self.rows))
        }
    }

    /// The first answer says how many there are; then from the last page to where everything is known.
    fn backwards(&mut self, page: &PageRows, first: u64, size: u64) -> Verdict {
        let Some(total) = self.total else { return Verdict::Drifted("it declares no total".to_owned()) };
        let pages = total.div_ceil(size.max(1)).max(1);
        if self.backwards {
            self.count(page);
            let all_known = page.count > 0 && page.known >= page.count;
            if all_known {
                return Verdict::Whole;
            }
            if self.at <= first {
                return self.ended();
            }
            self.at -= 1;
        } else {
            self.backwards = true;
            // The first page is not counted: it is asked again when the walk gets there.
            self.answers.clear();
            if pages == 1 {
                self.rows = page.count;
                return self.ended();
            }
            self.at = first + pages - 1;
        }
        if self.asked >= self.paging.max_pages {
            return Verdict::Capped(format!("more than {} pages (page.max_pages)", self.paging.max_pages));
        }
        match self.question(None) {
            Ok(next) => {
                self.next = Some(next);
                Verdict::More
            }
            Err(reason) => Verdict::Drifted(reason),
        }
    }
}

/// A time in any usual writing, in another one.
fn as_date(text: &str, format: &str) -> Option<String> {
    let zoned = text
        .parse::<jiff::Timestamp>()
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
        .or_else(|_| text.parse::<jiff::civil::DateTime>().and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC)))
        .ok()?;
    jiff::fmt::strtime::format(format, &zoned).ok()
}
