//! Links and procedures, kept beside the notices: claims by key, facts, links with their evidence, and which procedure each
//! notice is of.
//!
//! A procedure is what the links that merge connect. Its name is that of the notice in it that was seen first, so it
//! survives rebuilds and late arrivals; where a late link joins two procedures, the younger name goes on leading to the
//! notice that it names. Nothing is taken back: a link counts from the time on when both of its notices said what it
//! rests on, so what was known at any time is what the links until then connect.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::StoreError;
use super::derived::{Derived, put_meta};
use crate::ids::{NoticeId, RawId};
use crate::links::{self, Facts, Judgement, LeftOut, Linking, Role, Total, Verb, Verdict, judge, rule};
use crate::notice::{Stage, Worth};
use crate::records::{NoticeSummary, PROCEDURE};

/// Its tables, a step of the derived schema.
pub(super) const TABLES: &str = "
    CREATE TABLE claims (key INTEGER NOT NULL, notice INTEGER NOT NULL, role INTEGER NOT NULL, since INTEGER NOT NULL,
        PRIMARY KEY (key, notice, role)) STRICT, WITHOUT ROWID;
    CREATE TABLE facts (notice INTEGER PRIMARY KEY, facts TEXT NOT NULL) STRICT;
    CREATE TABLE links (a INTEGER NOT NULL, b INTEGER NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL,
        score REAL NOT NULL, since INTEGER NOT NULL, evidence TEXT NOT NULL, merges INTEGER NOT NULL, refused TEXT,
        PRIMARY KEY (a, b, kind, rule)) STRICT, WITHOUT ROWID;
    CREATE INDEX links_b ON links (b);
    CREATE TABLE procedures (notice INTEGER PRIMARY KEY, procedure INTEGER NOT NULL) STRICT;
    CREATE INDEX procedures_members ON procedures (procedure);
    CREATE TABLE verdicts (number INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, kind TEXT,
        since INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
    CREATE INDEX verdicts_a ON verdicts (a);
    CREATE INDEX verdicts_b ON verdicts (b);";

/// A later step: a link that a later version contradicts ends there and may begin again, and facts are stored small. The
/// rules' other version has every notice linked anew.
pub(super) const ENDED: &str = "
    DROP TABLE links;
    CREATE TABLE links (a INTEGER NOT NULL, b INTEGER NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL,
        score REAL NOT NULL, since INTEGER NOT NULL, ended INTEGER, evidence TEXT NOT NULL, merges INTEGER NOT NULL,
        refused TEXT, PRIMARY KEY (a, b, kind, rule, since)) STRICT, WITHOUT ROWID;
    CREATE INDEX links_b ON links (b);
    DROP TABLE facts;
    CREATE TABLE facts (notice INTEGER PRIMARY KEY, facts BLOB NOT NULL) STRICT;";

/// Claimants of one key that are compared with a new one: the oldest. More than that are connected through them.
const MAX_CLAIMANTS: usize = 64;
/// Versions that are linked in one transaction when all are linked anew.
const CHUNK: i64 = 256;
/// The rule of what the operator forced.
const OPERATOR: &str = "operator";
/// With which rules the stored notices were linked.
const LINKED: &str = "linked";
const VERDICTS: &str = "verdicts";

/// A link as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredLink {
    /// Who says so.
    pub from: NoticeId,
    /// Of whom.
    pub to: NoticeId,
    /// How they belong together.
    pub kind: String,
    /// By which rule.
    pub rule: String,
    /// Between 0 and 1.
    pub score: f64,
    /// When both had said what it rests on.
    pub since: Timestamp,
    /// The key they have in common, or the operator's reason.
    pub evidence: String,
    /// Why it does not count: what the notices say against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The operator cut it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One notice of a procedure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Which.
    pub id: NoticeId,
    /// Where it stands.
    pub stage: Stage,
    /// When it was published.
    pub published_on: Option<Date>,
    /// When it was first seen here.
    pub first_seen: Timestamp,
    /// Its title.
    pub title: String,
    /// Its first buyer.
    pub buyer: String,
    /// What it is about in money, in euro.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worth: Option<Worth>,
    /// Why that amount is not in the totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// The notices of one procedure, by publication, and what connects them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Procedure {
    /// `procedure:` and the notice that was seen first.
    pub id: String,
    /// At least one.
    pub notices: Vec<Member>,
    /// What all of them are about in money, each amount once.
    pub totals: Vec<Total>,
    /// Between them.
    pub links: Vec<StoredLink>,
}

/// The graph in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounts {
    /// Kind → rule → links that count.
    pub links: BTreeMap<String, BTreeMap<String, u64>>,
    /// Reason → links that the notices contradict.
    pub refused: BTreeMap<String, u64>,
    /// Pairs that the operator cut.
    pub cut: u64,
    /// References to what is not here.
    pub waiting: u64,
    /// Pairs of notices that each say the same of the other.
    pub circular: u64,
    /// Notices in all.
    pub notices: u64,
    /// Procedures in all; a notice that is linked to none is one.
    pub procedures: u64,
    /// The most notices of one.
    pub largest: u64,
}

/// Links one notice: its number, its keys and facts, and from when on it said so.
pub(super) fn note(
    transaction: &Transaction<'_>,
    number: i64,
    id: &NoticeId,
    linking: &Linking,
    since: i64,
) -> rusqlite::Result<()> {
    let Linking { claims, facts } = linking;
    transaction
        .prepare_cached("INSERT INTO facts (notice, facts) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET facts = ?2")?
        .execute(params![number, facts.to_bytes()])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO claims (key, notice, role, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET since = min(since, ?4)",
    )?;
    let any_verdict = has_verdicts(transaction)?;
    let mut known: HashMap<i64, Facts> = HashMap::new();
    for claim in claims {
        let key = claim.hash();
        insert.execute(params![key, number, claim.role.number(), since])?;
        for (other, role, other_since) in claimants(transaction, key, number, claim.role)? {
            let Some(role) = Role::from_number(role) else { continue };
            let other_facts = match known.entry(other) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    let Some(facts) = facts_of(transaction, other)? else { continue };
                    entry.insert(facts)
                }
            };
            let (link, refused) = match judge(claim.register(), (facts, claim.role), (other_facts, role)) {
                Judgement::Linked(link) => (link, None),
                Judgement::Refused(reason) => {
                    let kind = links::Kind::SameProcedure;
                    (links::Link { kind, turned: false, score: 0.0 }, Some(reason))
                }
                Judgement::Nothing => continue,
            };
            let (a, b) = if link.turned { (other, number) } else { (number, other) };
            // What is true both ways is kept one way, whoever came first.
            let (a, b) = match link.kind {
                links::Kind::SameNotice | links::Kind::SameProcedure => (a.max(b), a.min(b)),
                _ => (a, b),
            };
            let row = Row {
                a,
                b,
                kind: link.kind,
                rule: rule(claim.register()).map_or("", |rule| rule.name),
                score: link.score,
                since: since.max(other_since),
                evidence: &claim.key,
                refused,
            };
            row.put(transaction, any_verdict)?;
        }
    }
    if any_verdict {
        for verdict in verdicts_of(transaction, id)? {
            force(transaction, &verdict)?;
        }
    }
    Ok(())
}

/// Who else claims a key in a role that means something to this one: notice, role and since when, oldest first. Nearly always
/// few; only where they are many does the database have to choose and sort them.
fn claimants(connection: &Connection, key: i64, number: i64, role: Role) -> rusqlite::Result<Vec<(i64, i64, i64)>> {
    // No more parameters than the key: SQLite plans a statement anew when a bound that it is compared with changes.
    let mut statement = connection.prepare_cached("SELECT notice, role, since FROM claims WHERE key = ?1 LIMIT 65")?;
    let mut found: Vec<(i64, i64, i64)> =
        statement.query_map([key], |row| row.try_into())?.collect::<Result<_, _>>()?;
    let meets = role.meets();
    if found.len() > MAX_CLAIMANTS {
        let mut statement = connection.prepare_cached(
            "SELECT notice, role, since FROM claims WHERE key = ?1 AND notice <> ?2 AND role BETWEEN ?3 AND ?4
             ORDER BY since, notice, role LIMIT 64",
        )?;
        let rows = statement.query_map(params![key, number, meets.start(), meets.end()], |row| row.try_into())?;
        return rows.collect();
    }
    found.retain(|(notice, role, _)| *notice != number && meets.contains(role));
    found.sort_unstable_by_key(|(notice, role, since)| (*since, *notice, *role));
    Ok(found)
}

struct Row<'r> {
    a: i64,
    b: i64,
    kind: links::Kind,
    rule: &'r str,
    score: f64,
    since: i64,
    evidence: &'r str,
    refused: Option<&'r str>,
}

impl Row<'_> {
    fn put(&self, transaction: &Transaction<'_>, any_verdict: bool) -> rusqlite::Result<()> {
        let merges = self.kind.merges() && self.refused.is_none();
        let keys = params![self.a, self.b, self.kind.as_str(), self.rule];
        let last: Option<(i64, Option<i64>, bool)> = transaction
            .prepare_cached(
                "SELECT since, ended, refused IS NOT NULL FROM links WHERE a = ?1 AND b = ?2 AND kind = ?3 AND rule = ?4
                 ORDER BY since DESC LIMIT 1",
            )?
            .query_row(keys, |row| row.try_into())
            .optional()?;
        let counts = self.refused.is_none();
        // from when on, until when, and the row that it takes the place of
        let (since, ended, merged, place) = match last {
            None => (self.since, None, merges, None),
            // what counted until now ends
            Some((since, None, false)) if !counts && since < self.since => {
                (since, Some(self.since), self.kind.merges(), Some(since))
            }
            // what ended begins again
            Some((since, Some(ended), _)) if counts && ended <= self.since && since < self.since => {
                (self.since, None, merges, None)
            }
            // it ended, and is contradicted again
            Some((since, Some(ended), _)) if !counts => (since, Some(ended), self.kind.merges(), Some(since)),
            // it was contradicted from the beginning
            Some((since, None, true)) if counts => (self.since, None, merges, Some(since)),
            Some((since, ..)) => (since.min(self.since), None, merges, Some(since)),
        };
        if let Some(place) = place {
            transaction
                .prepare_cached("DELETE FROM links WHERE a = ?1 AND b = ?2 AND kind = ?3 AND rule = ?4 AND since = ?5")?
                .execute(params![self.a, self.b, self.kind.as_str(), self.rule, place])?;
        }
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO links (a, b, kind, rule, score, since, ended, evidence, merges, refused)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                self.a,
                self.b,
                self.kind.as_str(),
                self.rule,
                self.score,
                since,
                ended,
                self.evidence,
                merged,
                self.refused
            ])?;
        if ended.is_some() {
            settle(transaction, &BTreeSet::from([self.a, self.b]))?;
        }
        if merges && !(any_verdict && is_cut(transaction, self.a, self.b, i64::MAX)?) {
            join(transaction, self.a, self.b)?;
        }
        Ok(())
    }
}

fn facts_of(connection: &Connection, number: i64) -> rusqlite::Result<Option<Facts>> {
    connection
        .prepare_cached("SELECT facts FROM facts WHERE notice = ?1")?
        .query_row([number], |row| Ok(row.get_ref(0)?.as_blob().ok().and_then(Facts::from_bytes)))
        .optional()
        .map(Option::flatten)
}

fn id_of(connection: &Connection, number: i64) -> rusqlite::Result<Option<(i64, String)>> {
    connection
        .prepare_cached("SELECT first_seen, id FROM notices WHERE rowid = ?1")?
        .query_row([number], |row| row.try_into())
        .optional()
}

fn number_of(connection: &Connection, id: &NoticeId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT rowid FROM notices WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()
}

/// The number of the notice that names the procedure of this one.
fn procedure_of(connection: &Connection, number: i64) -> rusqlite::Result<i64> {
    let known = connection
        .prepare_cached("SELECT procedure FROM procedures WHERE notice = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    Ok(known.unwrap_or(number))
}

fn join(transaction: &Transaction<'_>, a: i64, b: i64) -> rusqlite::Result<()> {
    let (of_a, of_b) = (procedure_of(transaction, a)?, procedure_of(transaction, b)?);
    if of_a == of_b {
        return Ok(());
    }
    let (name, younger) =
        if id_of(transaction, of_a)? <= id_of(transaction, of_b)? { (of_a, of_b) } else { (of_b, of_a) };
    transaction
        .prepare_cached("UPDATE procedures SET procedure = ?1 WHERE procedure = ?2")?
        .execute(params![name, younger])?;
    let mut put = transaction.prepare_cached(
        "INSERT INTO procedures (notice, procedure) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET procedure = ?2",
    )?;
    for notice in [name, younger] {
        put.execute(params![notice, name])?;
    }
    Ok(())
}

fn has_verdicts(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM verdicts)")?.query_row([], |row| row.get(0))
}

/// The last word of the operator on a pair, until then.
fn is_cut(connection: &Connection, a: i64, b: i64, until: i64) -> rusqlite::Result<bool> {
    if !has_verdicts(connection)? {
        return Ok(false);
    }
    let last: Option<Option<String>> = connection
        .prepare_cached(
            "SELECT kind FROM verdicts JOIN notices AS first ON first.rowid = ?1 JOIN notices AS second ON second.rowid = ?2
             WHERE since <= ?3 AND ((a = first.id AND b = second.id) OR (a = second.id AND b = first.id))
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row(params![a, b, until], |row| row.get(0))
        .optional()?;
    Ok(last == Some(None))
}

fn verdicts_of(connection: &Connection, id: &NoticeId) -> rusqlite::Result<Vec<Verdict>> {
    let mut statement = connection
        .prepare_cached("SELECT a, b, kind, since, reason FROM verdicts WHERE a = ?1 OR b = ?1 ORDER BY number")?;
    let rows = statement.query_map([id.as_str()], |row| {
        let kind: Option<String> = row.get(2)?;
        let verb = kind.and_then(|kind| links::Kind::parse(&kind)).map_or(Verb::Cut, Verb::Force);
        Ok(Verdict {
            verb,
            a: NoticeId::new(row.get::<_, String>(0)?),
            b: NoticeId::new(row.get::<_, String>(1)?),
            since: Timestamp::from_second(row.get(3)?).unwrap_or_default(),
            reason: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// Stores what the operator forces, when both notices are here.
fn force(transaction: &Transaction<'_>, verdict: &Verdict) -> rusqlite::Result<()> {
    let Verb::Force(kind) = verdict.verb else { return Ok(()) };
    let (Some(a), Some(b)) = (number_of(transaction, &verdict.a)?, number_of(transaction, &verdict.b)?) else {
        return Ok(());
    };
    let seen = [id_of(transaction, a)?, id_of(transaction, b)?].into_iter().flatten().map(|(seen, _)| seen);
    let since = seen.fold(verdict.since.as_second(), i64::max);
    Row { a, b, kind, rule: OPERATOR, score: 1.0, since, evidence: &verdict.reason, refused: None }
        .put(transaction, true)
}

/// The notices that merging links connect with this one, as known at a time.
fn connected(connection: &Connection, number: i64, until: i64) -> rusqlite::Result<BTreeSet<i64>> {
    let mut found = BTreeSet::from([number]);
    let mut open = vec![number];
    let mut statement = connection.prepare_cached(
        "SELECT b FROM links WHERE a = ?1 AND merges = 1 AND since <= ?2 AND (ended IS NULL OR ended > ?2)
         UNION SELECT a FROM links WHERE b = ?1 AND merges = 1 AND since <= ?2 AND (ended IS NULL OR ended > ?2)",
    )?;
    while let Some(at) = open.pop() {
        let others: Vec<i64> = statement.query_map(params![at, until], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for other in others {
            if !found.contains(&other) && !is_cut(connection, at, other, until)? {
                found.insert(other);
                open.push(other);
            }
        }
    }
    Ok(found)
}

/// The member that was seen first.
fn name_of(connection: &Connection, members: &BTreeSet<i64>) -> rusqlite::Result<i64> {
    let mut first: Option<((i64, String), i64)> = None;
    for member in members {
        if let Some(id) = id_of(connection, *member)?
            && first.as_ref().is_none_or(|(known, _)| id < *known)
        {
            first = Some((id, *member));
        }
    }
    Ok(first.map_or(0, |(_, member)| member))
}

/// Computes the procedures of these notices anew, and those of all who were with them.
pub(super) fn settle(transaction: &Transaction<'_>, seeds: &BTreeSet<i64>) -> rusqlite::Result<()> {
    let mut affected = BTreeSet::new();
    for seed in seeds {
        affected.insert(*seed);
        let procedure = procedure_of(transaction, *seed)?;
        let mut statement = transaction.prepare_cached("SELECT notice FROM procedures WHERE procedure = ?1")?;
        let members: Vec<i64> = statement.query_map([procedure], |row| row.get(0))?.collect::<Result<_, _>>()?;
        affected.extend(members);
    }
    let mut done = BTreeSet::new();
    for notice in &affected {
        if done.contains(notice) {
            continue;
        }
        let members = connected(transaction, *notice, i64::MAX)?;
        let name = name_of(transaction, &members)?;
        for member in &members {
            transaction.prepare_cached("DELETE FROM procedures WHERE notice = ?1")?.execute([member])?;
            if members.len() > 1 {
                transaction
                    .prepare_cached("INSERT INTO procedures (notice, procedure) VALUES (?1, ?2)")?
                    .execute(params![member, name])?;
            }
        }
        done.extend(members);
    }
    Ok(())
}

impl Derived {
    /// Puts the operator's verdicts in force; computes anew only the procedures that other words than last time touch.
    /// How many pairs those were.
    ///
    /// # Errors
    /// What SQLite says; then nothing has changed.
    pub fn set_verdicts(&mut self, verdicts: &[Verdict]) -> Result<usize, StoreError> {
        let mut hasher = Sha256::new();
        verdicts.iter().for_each(|verdict| hasher.update(format!("{verdict}\n")));
        let wanted = RawId::from_digest(hasher.finalize().into()).to_string();
        if self.meta(VERDICTS)?.as_deref() == Some(&wanted) || (verdicts.is_empty() && self.meta(VERDICTS)?.is_none()) {
            return Ok(0);
        }
        let error = self.error("put the verdicts in force");
        let transaction = self.transaction()?;
        let work = || -> rusqlite::Result<usize> {
            let mut touched: BTreeSet<i64> = BTreeSet::new();
            let before: Vec<(String, String)> = transaction
                .prepare("SELECT a, b FROM verdicts")?
                .query_map([], |row| row.try_into())?
                .collect::<Result<_, _>>()?;
            let pairs = before.into_iter().map(|(a, b)| (NoticeId::new(a), NoticeId::new(b)));
            for (a, b) in pairs.chain(verdicts.iter().map(|verdict| (verdict.a.clone(), verdict.b.clone()))) {
                touched.extend(number_of(&transaction, &a)?);
                touched.extend(number_of(&transaction, &b)?);
            }
            transaction.execute("DELETE FROM verdicts", [])?;
            transaction.execute("DELETE FROM links WHERE rule = ?1", [OPERATOR])?;
            for Verdict { verb, a, b, since, reason } in verdicts {
                let kind = match verb {
                    Verb::Force(kind) => Some(kind.as_str()),
                    Verb::Cut => None,
                };
                transaction
                    .prepare_cached("INSERT INTO verdicts (a, b, kind, since, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![a.as_str(), b.as_str(), kind, since.as_second(), reason])?;
            }
            for verdict in verdicts {
                force(&transaction, verdict)?;
            }
            settle(&transaction, &touched)?;
            put_meta(&transaction, VERDICTS, &wanted)?;
            Ok(verdicts.len())
        };
        let pairs = work().map_err(&error)?;
        transaction.commit().map_err(&error)?;
        Ok(pairs)
    }

    /// Links every stored notice anew when the rules are not those of the last run. How many notices that were.
    ///
    /// # Errors
    /// What SQLite says, or a notice that does not read back.
    pub fn link_all(&mut self) -> Result<u64, StoreError> {
        if self.meta(LINKED)?.as_deref() == Some(links::VERSION) {
            return Ok(0);
        }
        let error = self.error("link the notices");
        {
            let transaction = self.transaction()?;
            for table in ["claims", "facts", "links", "procedures"] {
                transaction.execute(&format!("DELETE FROM {table}"), []).map_err(&error)?;
            }
            transaction.commit().map_err(&error)?;
        }
        // In the order in which they were said: what was linked is asked as of any time. The list lies in a file of its
        // own, so that nobody has to keep what is written meanwhile.
        self.connection()
            .execute_batch(
                "CREATE TEMP TABLE said AS
                 SELECT valid_from AS since, rowid AS number, id, NULL AS version FROM notices UNION ALL
                 SELECT versions.valid_from, notices.rowid, notice_id, versions.number FROM versions
                 JOIN notices ON notices.id = notice_id ORDER BY 1, 2, 4 NULLS LAST",
            )
            .map_err(&error)?;
        let (mut place, mut linked) = (0, 0);
        loop {
            let chunk: Vec<(i64, i64, String, Option<i64>)> = self
                .connection()
                .prepare_cached(
                    "SELECT since, number, id, version FROM temp.said WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
                )
                .and_then(|mut rows| rows.query_map([place, CHUNK], |row| row.try_into())?.collect())
                .map_err(&error)?;
            if chunk.is_empty() {
                break;
            }
            place += CHUNK;
            let said: Vec<_> = chunk
                .into_iter()
                .map(|(since, number, id, version)| Ok((since, number, version, self.version(&id, version)?)))
                .collect::<Result<_, StoreError>>()?;
            let transaction = self.transaction()?;
            for (since, number, version, notice) in said {
                note(&transaction, number, &notice.id, &Linking::of(&notice), since).map_err(&error)?;
                linked += u64::from(version.is_none());
            }
            transaction.commit().map_err(&error)?;
        }
        self.connection().execute_batch("DROP TABLE temp.said").map_err(&error)?;
        self.set_meta(LINKED, links::VERSION)?;
        Ok(linked)
    }

    /// The procedure of each of these notices, as known at a time, under the name that it had then. What was not known
    /// then is not in the answer.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn procedure_names<'n>(
        &self,
        ids: impl Iterator<Item = &'n NoticeId>,
        as_of: Timestamp,
    ) -> Result<BTreeMap<NoticeId, NoticeId>, StoreError> {
        let mut names = BTreeMap::new();
        for id in ids {
            if !names.contains_key(id)
                && let Some((name, members)) = self.members(id, as_of)?
            {
                names.extend(members.into_iter().map(|member| (member, name.clone())));
            }
        }
        Ok(names)
    }

    /// The name and all notices of the procedure of this one, as known at a time; `None` where it was not known then.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn members(&self, id: &NoticeId, as_of: Timestamp) -> Result<Option<(NoticeId, Vec<NoticeId>)>, StoreError> {
        let error = self.error("read a procedure");
        let (connection, until) = (self.connection(), as_of.as_second());
        let Some(number) = number_of(connection, id).map_err(&error)? else { return Ok(None) };
        if id_of(connection, number).map_err(&error)?.is_none_or(|(first_seen, _)| first_seen > until) {
            return Ok(None);
        }
        let mut members = Vec::new();
        for member in connected(connection, number, until).map_err(&error)? {
            members.extend(id_of(connection, member).map_err(&error)?);
        }
        members.sort_unstable();
        let members: Vec<NoticeId> = members.into_iter().map(|(_, id)| NoticeId::new(id)).collect();
        Ok(members.first().cloned().map(|name| (name, members)))
    }

    /// The procedure that a notice is of, as known at a time; `None` where the notice was not known then.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn procedure(&self, id: &NoticeId, as_of: Option<Timestamp>) -> Result<Option<Procedure>, StoreError> {
        let as_of = as_of.unwrap_or(Timestamp::MAX);
        let Some((name, ids)) = self.members(id, as_of)? else { return Ok(None) };
        let mut notices: Vec<NoticeSummary> = Vec::new();
        for id in &ids {
            notices.extend(self.summary(id, as_of)?);
        }
        notices.sort_by(|a, b| (a.published_on, a.first_seen, &a.id).cmp(&(b.published_on, b.first_seen, &b.id)));
        let links = self.links_between(&ids, as_of.as_second())?;
        let place = |id: &NoticeId| notices.iter().position(|notice| notice.id == *id);
        let said: Vec<(usize, usize, links::Kind)> = links
            .iter()
            .filter_map(|link| Some((place(&link.from)?, place(&link.to)?, links::Kind::parse(&link.kind)?)))
            .collect();
        let (left_out, totals) = links::money(&notices, &said);
        let members = notices.into_iter().zip(left_out).map(|(notice, left_out)| {
            let NoticeSummary { id, stage, published_on, first_seen, title, buyer, worth, .. } = notice;
            Member { id, stage, published_on, first_seen, title, buyer, worth, left_out }
        });
        Ok(Some(Procedure { id: format!("{PROCEDURE}{name}"), notices: members.collect(), totals, links }))
    }

    /// The links of a notice, of every kind, refused ones too.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn links_of(&self, id: &NoticeId) -> Result<Vec<StoredLink>, StoreError> {
        let number = number_of(self.connection(), id).map_err(self.error("read links"))?;
        number.map_or_else(|| Ok(Vec::new()), |number| self.links_at(number, i64::MAX))
    }

    /// Those that count, each once.
    fn links_between(&self, members: &[NoticeId], until: i64) -> Result<Vec<StoredLink>, StoreError> {
        let mut found = Vec::new();
        for id in members {
            let number = number_of(self.connection(), id).map_err(self.error("read links"))?;
            let links = number.map_or_else(|| Ok(Vec::new()), |number| self.links_at(number, until))?;
            // Each is found at both of its ends.
            let inside = |link: &StoredLink| link.from == *id && members.contains(&link.to);
            found.extend(links.into_iter().filter(|link| inside(link) && link.refused.is_none() && !link.cut));
        }
        Ok(found)
    }

    fn links_at(&self, number: i64, until: i64) -> Result<Vec<StoredLink>, StoreError> {
        let error = self.error("read links");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT one.id, other.id, kind, rule, score, since, evidence, iif(ended > ?2, NULL, refused), a, b FROM links
                 JOIN notices AS one ON one.rowid = a JOIN notices AS other ON other.rowid = b
                 WHERE (a = ?1 OR b = ?1) AND since <= ?2 ORDER BY kind, rule, one.id, other.id",
            )
            .map_err(&error)?;
        let rows = statement
            .query_map(params![number, until], |row| {
                let link = StoredLink {
                    from: NoticeId::new(row.get::<_, String>(0)?),
                    to: NoticeId::new(row.get::<_, String>(1)?),
                    kind: row.get(2)?,
                    rule: row.get(3)?,
                    score: row.get(4)?,
                    since: Timestamp::from_second(row.get(5)?).unwrap_or_default(),
                    evidence: row.get(6)?,
                    refused: row.get(7)?,
                    cut: false,
                };
                Ok((link, row.get(8)?, row.get(9)?))
            })
            .map_err(&error)?;
        let mut found = Vec::new();
        for row in rows {
            let (mut link, a, b): (StoredLink, i64, i64) = row.map_err(&error)?;
            link.cut = is_cut(connection, a, b, until).map_err(&error)?;
            found.push(link);
        }
        Ok(found)
    }

    /// The graph in numbers.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn link_counts(&self) -> Result<LinkCounts, StoreError> {
        let error = self.error("count the links");
        let connection = self.connection();
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(&error);
        let mut counts = LinkCounts::default();
        let mut statement = connection
            .prepare("SELECT kind, rule, count(*) FROM links WHERE refused IS NULL GROUP BY 1, 2")
            .map_err(&error)?;
        let mut rows = statement.query([]).map_err(&error)?;
        while let Some(row) = rows.next().map_err(&error)? {
            let (kind, rule, links): (String, String, u64) = row.try_into().map_err(&error)?;
            counts.links.entry(kind).or_default().insert(rule, links);
        }
        let mut statement = connection
            .prepare(
                "SELECT refused, count(*) FROM links WHERE refused IS NOT NULL AND NOT EXISTS (SELECT 1 FROM links AS later
                 WHERE later.a = links.a AND later.b = links.b AND later.kind = links.kind AND later.rule = links.rule
                 AND later.since > links.since) GROUP BY 1",
            )
            .map_err(&error)?;
        let rows = statement.query_map([], |row| row.try_into()).map_err(&error)?;
        counts.refused = rows.collect::<Result<_, _>>().map_err(&error)?;
        counts.cut =
            one("SELECT count(*) FROM verdicts WHERE kind IS NULL AND NOT EXISTS (SELECT 1 FROM verdicts AS later
             WHERE later.number > verdicts.number AND ((later.a = verdicts.a AND later.b = verdicts.b)
             OR (later.a = verdicts.b AND later.b = verdicts.a)))")?;
        counts.waiting = one("SELECT count(*) FROM (SELECT DISTINCT notice, role FROM claims AS mine WHERE role >= 10
             EXCEPT SELECT mine.notice, mine.role FROM claims AS mine JOIN claims AS other ON other.key = mine.key
             WHERE mine.role >= 10 AND other.role < 2 AND other.notice <> mine.notice)")?;
        counts.circular = one("SELECT count(*) FROM links JOIN links AS back ON back.a = links.b AND back.b = links.a
             AND back.kind = links.kind AND back.rule = links.rule WHERE links.a < links.b")?;
        counts.notices = one("SELECT count(*) FROM notices")?;
        let inside = one("SELECT count(*) FROM procedures")?;
        counts.procedures = counts.notices - inside + one("SELECT count(DISTINCT procedure) FROM procedures")?;
        counts.largest = one("SELECT coalesce(max(members), min(1, (SELECT count(*) FROM notices))) FROM
                 (SELECT count(*) AS members FROM procedures GROUP BY procedure)")?;
        Ok(counts)
    }
}
