//! `tenderwatch search`

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::{Context, Ended, Output, Usage};
use crate::ingest::Workspace;
use crate::search::{Expansion, Filters, Hit, Known, Query, RawFilters, Searcher, hit};
use crate::store::Derived;

/// Find notices, in any language, and see why each one was found.
///
/// Words must all occur; "a phrase", OR, -not, (groups), word*, title:word and buyer:word work. A query that means a
/// category (drone, Drohne, gilets pare-balles) also finds that category's notices in every other language.
///
/// Example: tenderwatch search drone --country PL --deadline-within 30d
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filtering: Filtering,
    /// relevance, published, deadline or value [default: relevance; published without a query]
    #[arg(long, value_name = "ORDER")]
    sort: Option<String>,
    /// At most this many hits
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Leave out this many first
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    offset: u32,
    /// Count the matches by category, country, stage, kind of buyer, language and source
    #[arg(long)]
    facets: bool,
}

/// What selects notices; the same for every command that does.
#[derive(Debug, Args)]
pub(super) struct Filtering {
    /// What to look for [default: everything, newest first]
    #[arg(value_name = "QUERY", allow_hyphen_values = false)]
    query: Vec<String>,
    /// Only this category (repeat for any of several)
    #[arg(long, value_name = "ID")]
    category: Vec<String>,
    /// Only buyers of this country, ISO 3166-1 alpha-2 (repeat for any of several)
    #[arg(long, value_name = "CC")]
    country: Vec<String>,
    /// Only this source (repeat for any of several)
    #[arg(long, value_name = "ID")]
    source: Vec<String>,
    /// Only this stage: planning, competition, result … (repeat for any of several)
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// Only this CPV code or prefix (repeat for any of several)
    #[arg(long, value_name = "CPV")]
    cpv: Vec<String>,
    /// Words of any of the buyer's names, or its id as `show` names it
    #[arg(long, value_name = "TEXT")]
    buyer: Option<String>,
    /// Only buyers of this kind: police, border-guard, fire-and-rescue … (repeat for any of several)
    #[arg(long, value_name = "KIND")]
    buyer_kind: Vec<String>,
    /// Only with evidence of joint procurement
    #[arg(long)]
    joint: bool,
    /// Only with this evidence of joint procurement: several-buyers, lead-buyer … (repeat for any of several)
    #[arg(long, value_name = "CODE")]
    joint_evidence: Vec<String>,
    /// Only with buyers of two countries or more
    #[arg(long)]
    cross_border: bool,
    /// Only with a sign of innovation, such as a pre-commercial procurement
    #[arg(long)]
    innovation: bool,
    /// Published on or after this day
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Published on or before this day
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Deadline from now within, such as 30d
    #[arg(long, value_name = "SPAN")]
    deadline_within: Option<String>,
    /// Worth at least this, in euro on the day of publication
    #[arg(long, value_name = "N")]
    min_value: Option<String>,
    /// The language of the query, when its words mean something else in another one
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
    /// Only the words themselves, not the category they stand for
    #[arg(long)]
    no_expand: bool,
}

impl Filtering {
    /// As a question about all that matches.
    pub fn question(&self) -> Question {
        Question {
            query: self.query.join(" "),
            filters: RawFilters {
                categories: self.category.clone(),
                countries: self.country.clone(),
                sources: self.source.clone(),
                stages: self.stage.clone(),
                cpv: self.cpv.clone(),
                buyer: self.buyer.clone(),
                buyer_kinds: self.buyer_kind.clone(),
                joint: self.joint,
                joint_evidence: self.joint_evidence.clone(),
                cross_border: self.cross_border,
                innovation: self.innovation,
                since: self.since.clone(),
                until: self.until.clone(),
                deadline_within: self.deadline_within.clone(),
                min_value: self.min_value.clone(),
                language: None,
                sort: None,
            },
            lang: self.lang.clone(),
            no_expand: self.no_expand,
            ..Question::default()
        }
    }

    /// Whether nothing is selected, so that the store alone can answer.
    pub fn is_everything(&self) -> bool {
        let lists = [&self.query, &self.category, &self.country, &self.source, &self.stage, &self.cpv];
        let about_buyers = [&self.buyer_kind, &self.joint_evidence];
        let marks = [self.joint, self.cross_border, self.innovation];
        let texts = [&self.buyer, &self.since, &self.until, &self.deadline_within, &self.min_value];
        lists.into_iter().chain(about_buyers).all(Vec::is_empty)
            && texts.iter().all(|text| text.is_none())
            && !marks.contains(&true)
    }
}

/// The contract's answer.
#[derive(Serialize)]
pub(super) struct Answer {
    query: String,
    pub total: usize,
    took_ms: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expanded: Vec<Expanded>,
    pub hits: Vec<Hit>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facets: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

#[derive(Serialize)]
struct Expanded {
    category: String,
    because: String,
}

/// A search as asked.
#[derive(Default)]
pub(super) struct Question {
    pub query: String,
    pub filters: RawFilters,
    pub offset: usize,
    pub limit: usize,
    pub facets: bool,
    pub lang: Option<String>,
    pub no_expand: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    let workspace = context.cli.workspace()?;
    let mut question = arguments.filtering.question();
    question.filters.sort.clone_from(&arguments.sort);
    question.offset = arguments.offset as usize;
    question.limit = arguments.limit as usize;
    question.facets = arguments.facets;
    let answer = ask(&workspace, &question, context.cli.now())?;
    match context.cli.output {
        Output::Json => context.json(&answer)?,
        Output::Jsonl => answer.hits.iter().try_for_each(|hit| context.json(hit))?,
        Output::Csv => csv(&answer, context.out)?,
        Output::Table => list(&answer, question.offset, context.out)?,
    }
    Ok(Ended::Done)
}

/// Asks index and store.
pub(super) fn ask(workspace: &Workspace, question: &Question, now: jiff::Timestamp) -> anyhow::Result<Answer> {
    let started = Instant::now();
    workspace.layout.require()?;
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let (query, filters) = prepare(workspace, &derived, question)?;
    let searcher = Searcher::open(&workspace.layout.index())?;
    let behind = derived.change_seq()?.saturating_sub(searcher.applied());
    if behind > 0 {
        tracing::warn!("the index is {behind} changes behind the store; the next crawl, import or rebuild catches up");
    }
    if !searcher.is_current() {
        tracing::warn!("the index is of another version; the next crawl, import or rebuild builds it anew");
    }
    let page = searcher.search(&query, &filters, (question.offset, question.limit), question.facets, now)?;
    let mut hits = Vec::with_capacity(page.hits.len());
    for (id, score) in page.hits {
        if let Some(notice) = derived.notice(&id)? {
            hits.push(hit(&notice, &query, &question.filters.categories, score));
        } else {
            tracing::warn!("the index knows {id}, the store does not: run `tenderwatch rebuild --index`");
        }
    }
    let expanded = query
        .expansions
        .iter()
        .map(|expansion| Expanded { category: expansion.category.to_string(), because: expansion.term.clone() })
        .collect();
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Answer { query: question.query.clone(), total: page.total, took_ms, expanded, hits, facets: page.facets })
}

/// The question checked against what there is, and its words read.
pub(super) fn prepare(
    workspace: &Workspace,
    derived: &Derived,
    question: &Question,
) -> anyhow::Result<(Query, Filters)> {
    let stored = derived.sources()?;
    let sources = stored.iter().chain(workspace.sources.iter().map(|source| &source.id));
    let known = Known {
        categories: workspace.classifier.categories().iter().map(|category| category.id.as_str()).collect(),
        buyer_kinds: workspace.kinds.kinds().iter().map(|kind| kind.id.as_str()).collect(),
        sources: sources.map(crate::ids::SourceId::as_str).collect(),
    };
    let filters = Filters::check(&question.filters, &known).map_err(|error| Usage(error.to_string()))?;
    let mut query = Query::parse(&question.query).map_err(|error| Usage(error.to_string()))?;
    if let Some(lang) = &question.lang {
        let known = crate::codes::language(lang)
            .ok_or_else(|| Usage(format!("--lang: expected an ISO 639-1 code such as \"de\", found \"{lang}\"")))?;
        query.languages = vec![known.to_owned()];
    }
    if !question.no_expand && query.is_plain() {
        let found = workspace.classifier.expand(&query.text);
        for expansion in found.into_iter().filter(|expansion| covers(&query.text, expansion.start, expansion.end)) {
            if !query.expansions.iter().any(|old| old.category == expansion.category) {
                query.expansions.push(Expansion { category: expansion.category, term: expansion.term });
            }
        }
    }
    Ok((query, filters))
}

/// Whether a term is the whole query: "drone" stands for drones, "drone insurance" does not.
fn covers(query: &str, start: usize, end: usize) -> bool {
    let outside = |c: char| c.is_alphanumeric();
    let chars: Vec<char> = query.chars().collect();
    !chars[..start.min(chars.len())].iter().copied().any(outside)
        && !chars[end.min(chars.len())..].iter().copied().any(outside)
}

pub(super) fn list(answer: &Answer, offset: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    for (at, hit) in answer.hits.iter().enumerate() {
        let published = hit.published_on.map_or_else(|| "no date".to_owned(), |day| day.to_string());
        let labels: Vec<String> =
            hit.categories.iter().map(|label| format!("{} {:.2}", label.id, label.score)).collect();
        let deadline =
            hit.deadline.as_ref().map_or_else(String::new, |deadline| format!("  deadline {}", deadline.date()));
        let value = hit
            .value
            .as_ref()
            .map_or_else(String::new, |value| format!("  {} EUR ({})", value.money.amount, value.money.kind.as_str()));
        writeln!(
            out,
            "{:>3}. {published}  {}  {}  {}{deadline}{value}",
            offset + at + 1,
            hit.country.as_deref().unwrap_or("--"),
            hit.stage.as_str(),
            labels.join(", "),
        )?;
        writeln!(out, "     {} [{}]", hit.title, hit.lang)?;
        writeln!(out, "     {} · {}", hit.buyers.join("; "), hit.url.as_deref().unwrap_or(hit.id.as_str()))?;
        if !hit.snippet.is_empty() && hit.snippet != hit.title {
            writeln!(out, "     {}", hit.snippet)?;
        }
        for reason in &hit.matched {
            let lang = reason.lang.as_ref().map_or_else(String::new, |lang| format!(" ({lang})"));
            writeln!(out, "     why: {} {}: \"{}\" in {}{lang}", reason.by, reason.query, reason.text, reason.field)?;
        }
        writeln!(out)?;
    }
    for (field, counts) in &answer.facets {
        let mut counts: Vec<(&String, &u64)> = counts.iter().collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let shown: Vec<String> = counts.iter().take(12).map(|(value, count)| format!("{value} {count}")).collect();
        writeln!(out, "{field}: {}", shown.join(", "))?;
    }
    for expanded in &answer.expanded {
        writeln!(
            out,
            "\"{}\" also stands for the category {} (--no-expand: only the words)",
            expanded.because, expanded.category
        )?;
    }
    let (first, last) = (offset + 1, offset + answer.hits.len());
    match answer.hits.len() {
        0 => writeln!(out, "no hit of {}", answer.total)?,
        _ => writeln!(out, "{first} to {last} of {} in {} ms", answer.total, answer.took_ms)?,
    }
    Ok(())
}

fn csv(answer: &Answer, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "id",
        "published_on",
        "country",
        "stage",
        "categories",
        "title",
        "lang",
        "buyers",
        "deadline",
        "url",
        "score",
    ])?;
    for hit in &answer.hits {
        let categories: Vec<&str> = hit.categories.iter().map(|label| label.id.as_str()).collect();
        writer.write_record([
            hit.id.as_str(),
            &hit.published_on.map_or_else(String::new, |day| day.to_string()),
            hit.country.as_deref().unwrap_or_default(),
            hit.stage.as_str(),
            &categories.join(" "),
            &hit.title,
            &hit.lang,
            &hit.buyers.join("; "),
            &hit.deadline.as_ref().map_or_else(String::new, |deadline| deadline.at.to_string()),
            hit.url.as_deref().unwrap_or_default(),
            &format!("{:.4}", hit.score),
        ])?;
    }
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_term_stands_for_its_category_only_when_it_is_the_whole_query() {
        assert!(covers("drone", 0, 5));
        assert!(covers("\"drone\"", 1, 6));
        assert!(!covers("drone insurance", 0, 5));
        assert!(!covers("toy drone", 4, 9));
    }
}
