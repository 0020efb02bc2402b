//! What was known at a time: each notice in the version that stood then, how far each source had come, what lay in
//! quarantine. Later arrivals, corrections and links change nothing of what is said of an earlier time.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, params};

use super::Derived;
use super::write::summary;
use crate::ids::{NoticeId, SourceId};
use crate::records::NoticeSummary;
use crate::store::StoreError;

impl Derived {
    /// Notices published in a span of days, both included, by date and id.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn summaries(&self, from: Date, until: Date, as_of: Timestamp) -> Result<Vec<NoticeSummary>, StoreError> {
        let (from_day, until_day) = (from.to_string(), until.to_string());
        let mut found = self.standing("published_on BETWEEN ?2 AND ?3", &[&from_day, &until_day], as_of)?;
        self.earlier(as_of, |notice| {
            if notice.published_on.is_some_and(|day| (from..=until).contains(&day)) {
                found.push(notice);
            }
        })?;
        found.sort_by(|a, b| (a.published_on, &a.id).cmp(&(b.published_on, &b.id)));
        Ok(found)
    }

    /// Labelled notices with a deadline in a span of time, both included, by deadline and id.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn summaries_by_deadline(
        &self,
        from: Timestamp,
        until: Timestamp,
        as_of: Timestamp,
    ) -> Result<Vec<NoticeSummary>, StoreError> {
        // Deadlines lie in the summary; the index on labels keeps this to what a digest may print.
        let mut found = self.standing("id IN (SELECT notice_id FROM labels)", &[], as_of)?;
        self.earlier(as_of, |notice| {
            if !notice.categories.is_empty() {
                found.push(notice);
            }
        })?;
        let at = |notice: &NoticeSummary| notice.deadline.as_ref().map(|deadline| deadline.at);
        found.retain(|notice| at(notice).is_some_and(|at| (from..=until).contains(&at)));
        found.sort_by(|a, b| at(a).cmp(&at(b)).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    /// One notice; `None` where it was not known then.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn summary(&self, id: &NoticeId, as_of: Timestamp) -> Result<Option<NoticeSummary>, StoreError> {
        if let Some(found) = self.standing("id = ?2", &[&id.as_str()], as_of)?.pop() {
            return Ok(Some(found));
        }
        let before = self.versions(id)?.into_iter().rfind(|version| version.valid_from <= as_of);
        Ok(before.map(|version| {
            let first_seen = version.notice.first_seen.unwrap_or_default();
            NoticeSummary { first_seen, ..summary(&version.notice) }
        }))
    }

    /// Those whose version of now stood then.
    fn standing(
        &self,
        clause: &str,
        values: &[&dyn rusqlite::ToSql],
        as_of: Timestamp,
    ) -> Result<Vec<NoticeSummary>, StoreError> {
        let error = self.error("read summaries");
        let second = as_of.as_second();
        let all: Vec<&dyn rusqlite::ToSql> = std::iter::once(&second as _).chain(values.iter().copied()).collect();
        let mut statement = self
            .connection()
            .prepare_cached(&format!(
                "SELECT summary, first_seen FROM notices WHERE first_seen <= ?1 AND valid_from <= ?1 AND {clause}"
            ))
            .map_err(&error)?;
        let mut rows = statement.query(&*all).map_err(&error)?;
        let mut summaries = Vec::new();
        while let Some(row) = rows.next().map_err(&error)? {
            let (text, first_seen): (String, i64) = row.try_into().map_err(&error)?;
            let mut summary: NoticeSummary =
                serde_json::from_str(&text).map_err(|error| self.shape("a summary", &error.to_string()))?;
            summary.first_seen = Timestamp::from_second(first_seen).unwrap_or(Timestamp::UNIX_EPOCH);
            summaries.push(summary);
        }
        Ok(summaries)
    }

    /// Those that have said something else since then, as they stood.
    fn earlier(&self, as_of: Timestamp, mut take: impl FnMut(NoticeSummary)) -> Result<(), StoreError> {
        let error = self.error("read earlier versions");
        let mut statement = self
            .connection()
            .prepare_cached(
                "SELECT notices.id, first_seen, (SELECT notice FROM versions WHERE notice_id = notices.id AND
                     versions.valid_from <= ?1 ORDER BY number DESC LIMIT 1)
                 FROM notices WHERE valid_from > first_seen AND valid_from > ?1 AND first_seen <= ?1",
            )
            .map_err(&error)?;
        let mut rows = statement.query([as_of.as_second()]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let (id, first_seen, blob): (String, i64, Option<Vec<u8>>) = row.try_into().map_err(&error)?;
            if let Some(blob) = blob {
                let notice = self.read_notice(&id, &blob, first_seen)?;
                take(NoticeSummary { first_seen: notice.first_seen.unwrap_or_default(), ..summary(&notice) });
            }
        }
        Ok(())
    }

    /// The newest publication day of a source, not after `until`, by what had come then.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn newest_day(&self, source: &SourceId, until: Date, as_of: Timestamp) -> Result<Option<Date>, StoreError> {
        let day: Option<String> = self
            .connection()
            .query_row(
                "SELECT published_on FROM notices WHERE published_on <= ?1 AND source = ?2 AND first_seen <= ?3
                 ORDER BY published_on DESC LIMIT 1",
                params![until.to_string(), source.as_str(), as_of.as_second()],
                |row| row.get(0),
            )
            .optional()
            .map_err(self.error("read the newest day"))?;
        Ok(day.and_then(|day| day.parse().ok()))
    }

    /// How many documents were in quarantine.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn quarantine_size(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        self.connection()
            .query_row(
                "SELECT count(*) FROM documents WHERE code IS NOT NULL AND fetched_at <= ?1",
                [as_of.as_second()],
                |row| row.get(0),
            )
            .map_err(self.error("count the quarantine"))
    }
}
