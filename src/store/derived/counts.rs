//! The numbers of `status`, counted in the store.

use std::collections::BTreeMap;

use super::Derived;
use crate::records::State;
use crate::store::StoreError;

/// Numbers for `status`: what is counted → value → how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Notices in all.
    pub notices: u64,
    /// Documents in all.
    pub documents: u64,
    /// By source.
    pub by_source: BTreeMap<String, u64>,
    /// By format.
    pub by_format: BTreeMap<String, u64>,
    /// By stage.
    pub by_stage: BTreeMap<String, u64>,
    /// By category; a notice may count in several.
    pub by_category: BTreeMap<String, u64>,
    /// By buyer country; a notice may count in several.
    pub by_country: BTreeMap<String, u64>,
    /// By kind of buyer; a notice may count in several.
    pub by_buyer_kind: BTreeMap<String, u64>,
    /// By evidence of joint procurement; a notice may count in several.
    pub by_joint: BTreeMap<String, u64>,
    /// Notices with buyers of two countries or more.
    pub cross_border: u64,
    /// By sign of innovation (`pcp`, `inn-part` …); a notice may count in several.
    pub by_innovation: BTreeMap<String, u64>,
    /// Notices with a value in euro, by the kind of amount that stands for them.
    pub by_value: BTreeMap<String, u64>,
    /// Findings by code: notices and documents that have one.
    pub by_issue: BTreeMap<String, u64>,
    /// The same by source, then by code.
    pub issues_by_source: BTreeMap<String, BTreeMap<String, u64>>,
    /// Records that are known to be no notice, by source, then by rule.
    pub non_notices_by_source: BTreeMap<String, BTreeMap<String, u64>>,
    /// Notices by what became of them at their publisher: `deleted-at-source`; the caller adds `vanished`.
    pub by_state: BTreeMap<String, u64>,
    /// Quarantined documents by code.
    pub by_quarantine: BTreeMap<String, u64>,
    /// Newest publication date by source.
    pub newest: BTreeMap<String, String>,
}

impl Derived {
    /// The numbers of `status`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let error = self.database.error("count");
        let connection = &self.database.connection;
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(&error);
        let many = |sql: &str| -> Result<BTreeMap<String, u64>, StoreError> {
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&error)?;
            rows.collect::<Result<_, _>>().map_err(&error)
        };
        let newest = {
            let sql = "SELECT source, max(published_on) FROM notices WHERE published_on IS NOT NULL GROUP BY source";
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&error)?;
            rows.collect::<Result<_, _>>().map_err(&error)?
        };
        let nested = |sql: &str| -> Result<BTreeMap<String, BTreeMap<String, u64>>, StoreError> {
            let mut statement = connection.prepare(sql).map_err(&error)?;
            let mut rows = statement.query([]).map_err(&error)?;
            let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
            while let Some(row) = rows.next().map_err(&error)? {
                let read = |at| row.get::<_, String>(at).map_err(&error);
                let count: u64 = row.get(2).map_err(&error)?;
                *found.entry(read(0)?).or_default().entry(read(1)?).or_default() += count;
            }
            Ok(found)
        };
        let issues_by_source = nested(
            "SELECT notices.source, issues.code, count(*) FROM issues JOIN notices ON notices.id = issues.notice_id
             GROUP BY 1, 2
             UNION ALL
             SELECT source, json_extract(value, '$.code'), count(DISTINCT raw_id)
             FROM documents, json_each(documents.issues) WHERE documents.issues IS NOT NULL GROUP BY 1, 2",
        )?;
        let non_notices_by_source = nested(
            "SELECT source, key, sum(value) FROM documents, json_each(documents.records, '$.by_rule')
             WHERE documents.records IS NOT NULL GROUP BY 1, 2",
        )?;
        Ok(Counts {
            notices: one("SELECT count(*) FROM notices")?,
            documents: one("SELECT count(*) FROM documents")?,
            by_source: many("SELECT source, count(*) FROM notices GROUP BY 1")?,
            by_format: many("SELECT format, count(*) FROM notices GROUP BY 1")?,
            by_stage: many("SELECT stage, count(*) FROM notices GROUP BY 1")?,
            by_category: many("SELECT category, count(*) FROM labels GROUP BY 1")?,
            by_country: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.countries') GROUP BY 1",
            )?,
            by_buyer_kind: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.buyer_kinds') GROUP BY 1",
            )?,
            by_joint: many("SELECT value, count(*) FROM notices, json_each(notices.summary, '$.joint') GROUP BY 1")?,
            cross_border: one("SELECT count(*) FROM notices WHERE json_extract(summary, '$.cross_border')")?,
            by_innovation: many(
                "SELECT value, count(*) FROM notices, json_each(notices.summary, '$.innovation') GROUP BY 1",
            )?,
            by_value: many(
                "SELECT json_extract(summary, '$.worth.kind') AS kind, count(*) FROM notices
                 WHERE kind IS NOT NULL GROUP BY 1",
            )?,
            by_issue: {
                let mut all = BTreeMap::new();
                for (code, count) in issues_by_source.values().flatten() {
                    *all.entry(code.clone()).or_default() += count;
                }
                all
            },
            issues_by_source,
            non_notices_by_source,
            by_state: {
                let sql = "SELECT count(DISTINCT id) FROM taken_back JOIN notices ON id = notice_id WHERE since >= valid_from";
                BTreeMap::from([(State::DeletedAtSource.as_str().to_owned(), one(sql)?)])
            },
            by_quarantine: many("SELECT code, count(*) FROM documents WHERE code IS NOT NULL GROUP BY 1")?,
            newest,
        })
    }
}
