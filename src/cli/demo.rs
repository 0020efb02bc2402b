//! `tenderwatch demo`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bars::Bars;
use super::search::{Answer, Question, ask, list};
use super::{Context, Ended, Output, digest, receipt};
use crate::config::{Config, Overrides};
use crate::definitions::Definitions;
use crate::ids::{NoticeId, SourceId};
use crate::ingest::{self, CrawlOptions, Told, Workspace};
use crate::publisher::{self, Expected, Options, Plan, Publisher};
use crate::records::{Receipt, SourceReceipt};
use crate::search::RawFilters;
use crate::store::Derived;
use crate::trends::Period;

/// See the whole product at work on a bundled example publisher, offline, in under a minute.
///
/// The publisher invents notices in many languages and serves them on this machine the way TED does, with a throttled
/// and a truncated download among them. The demo crawls it, searches, and prints the week's digest.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only run the example publisher, until Ctrl-C, with a configuration to crawl it
    #[arg(long)]
    serve: bool,
    /// Keep the data here, to go on with search, show and digest [default: thrown away]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The publisher's port, with --serve [default: a free one]
    #[arg(long, value_name = "PORT", requires = "serve", default_value_t = 0)]
    port: u16,
    /// Serve this many notices instead of the demo's own, with --serve
    #[arg(long, value_name = "N", requires = "serve")]
    notices: Option<usize>,
    /// Wait this many milliseconds after every few kilobytes, with --serve
    #[arg(long, value_name = "MS", requires = "serve")]
    slow: Option<u64>,
}

/// The searches of the demo: the first two stand for a category and find it in every language.
const SEARCHES: [(&str, Option<&str>); 3] =
    [("drone", None), ("gilet pare-balles", None), ("simulator", Some("competition"))];
const SHOWN: usize = 5;

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let now = context.cli.now();
    let plan = Plan::demo(now);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if arguments.serve {
        let plan = Plan { notices: arguments.notices.unwrap_or(plan.notices), ..plan };
        return runtime.block_on(serve(plan, arguments, context));
    }
    let throw_away = tempfile::Builder::new().prefix("tenderwatch-demo-").tempdir()?;
    let folder = arguments.keep.clone().unwrap_or_else(|| throw_away.path().to_owned());
    if folder.join("store.db").exists() {
        bail!("{} already holds data; give --keep a new folder", folder.display());
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let publisher = runtime.block_on(publisher::serve(&plan, Options::demo()))?;
    let set_up = tempfile::tempdir()?;
    let workspace = workspace(set_up.path(), &folder, publisher.base_url())?;
    say(context, &format!("example publisher: {} notices at {}", publisher.gazette().len(), publisher.base_url()))?;
    let receipt = crawl(&workspace, &publisher, now, context)?;
    if !context.is_json() {
        receipt::table(&receipt, context.out)?;
    }
    let wrong = compare(&workspace, &publisher, &receipt)?;
    let mut searches = Vec::new();
    for (query, stage) in SEARCHES {
        searches.push(search(&workspace, query, stage, now, context)?);
    }
    let week = publisher.gazette().issues().last().map(|issue| Period::week_of(issue.day));
    let digest = digest::make(&workspace, week.unwrap_or_else(|| Period::week_of(plan.last_day)), now)?;
    runtime.block_on(publisher.stop());
    if context.is_json() {
        let derived = Derived::open_reader(&workspace.layout.derived())?;
        let counts = derived.counts()?;
        let quarantined: u64 = counts.by_quarantine.values().sum();
        context.json(&json!({
            "served": plan.notices, "stored": counts.notices, "quarantined": quarantined,
            "searches": searches, "digest": digest, "wrong": wrong,
        }))?;
    } else {
        writeln!(context.out, "\n{}", digest.text())?;
        next_steps(arguments, &folder, context)?;
    }
    if wrong.is_empty() {
        say(context, &format!("all {} notices came out as they were served", plan.notices))?;
        Ok(Ended::Done)
    } else {
        bail!("what came out is not what was served:\n{}", wrong.join("\n"))
    }
}

/// A workspace whose only source is the example publisher, written as files as an operator would.
fn workspace(set_up: &Path, data: &Path, base_url: &str) -> anyhow::Result<Workspace> {
    let definitions = Definitions::default();
    let shipped = definitions.list("sources").map_err(|error| super::Invalid(vec![error]))?;
    let ted = shipped.iter().find(|file| file.id == "eu-ted").context("eu-ted is a shipped source")?;
    let folder = set_up.join("definitions/sources");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("eu-ted.toml"), publisher::definition_at(&ted.text, base_url)?)?;
    let quoted = |path: &Path| Value::String(path.display().to_string());
    let config = set_up.join("config.toml");
    let text = format!("[paths]\ndata = {}\ndefinitions = {}\n", quoted(data), quoted(&set_up.join("definitions")));
    std::fs::write(&config, text)?;
    let config = Config::load(Some(&config), &Overrides::default()).map_err(|error| super::Invalid(vec![error]))?;
    Ok(Workspace::load(config).map_err(super::Invalid)?)
}

fn crawl(
    workspace: &Workspace,
    publisher: &Publisher,
    now: Timestamp,
    context: &Context<'_>,
) -> anyhow::Result<Receipt> {
    let options = CrawlOptions {
        sources: vec![SourceId::from("eu-ted")],
        since: publisher.gazette().issues().first().map(|issue| issue.day),
        ..CrawlOptions::default()
    };
    let bars = Bars::new(context);
    let progress = |receipt: &SourceReceipt, told: Told<'_>| bars.tell(receipt, told);
    let receipt = ingest::crawl(workspace, &options, "demo", now, &progress)?;
    bars.clear();
    Ok(receipt)
}

/// Everything in which store and publisher differ, in sentences; at most a few of each kind.
fn compare(workspace: &Workspace, publisher: &Publisher, receipt: &Receipt) -> anyhow::Result<Vec<String>> {
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let mut wrong = Vec::new();
    if !receipt.is_complete() {
        let errors: Vec<&str> = receipt.sources.iter().filter_map(|source| source.error.as_deref()).collect();
        wrong.push(format!("the crawl is not complete: {}", errors.join("; ")));
    }
    let stored = derived.counts()?.notices;
    let mut served = 0;
    for expected in publisher.gazette().expected() {
        served += 1;
        let id = NoticeId::new(format!("eu-ted/{}", expected.publication_id));
        match derived.notice(&id)? {
            None => wrong.push(format!("{id} was served and is not stored")),
            Some(notice) => wrong.extend(difference(&notice, &expected)),
        }
    }
    if stored != served {
        wrong.push(format!("{served} notices were served, {stored} are stored"));
    }
    wrong.truncate(10);
    Ok(wrong)
}

fn difference(notice: &crate::notice::Notice, expected: &Expected) -> Option<String> {
    let title = notice.title.first().map(|(_, title)| title);
    let same = notice.stage == expected.stage
        && notice.correction == expected.correction
        && notice.published_on == Some(expected.published_on)
        && notice.languages == expected.languages
        && title == Some(expected.title.as_str());
    (!same).then(|| {
        format!(
            "{}: served {:?} {} {:?}, stored {:?} {:?} {:?}",
            notice.id, expected.stage, expected.published_on, expected.title, notice.stage, notice.published_on, title
        )
    })
}

fn search(
    workspace: &Workspace,
    query: &str,
    stage: Option<&str>,
    now: Timestamp,
    context: &mut Context<'_>,
) -> anyhow::Result<Value> {
    let question = Question {
        query: query.to_owned(),
        filters: RawFilters { stages: stage.into_iter().map(str::to_owned).collect(), ..RawFilters::default() },
        limit: 1000,
        ..Question::default()
    };
    let mut answer: Answer = ask(workspace, &question, now)?;
    let hits: Vec<Value> =
        answer.hits.iter().map(|hit| json!({"id": hit.id, "lang": hit.lang, "title": hit.title})).collect();
    if !context.is_json() {
        let mut languages: BTreeMap<&str, usize> = BTreeMap::new();
        for hit in &answer.hits {
            *languages.entry(&hit.lang).or_default() += 1;
        }
        let languages: Vec<String> = languages.iter().map(|(lang, count)| format!("{lang} {count}")).collect();
        let stage = stage.map_or_else(String::new, |stage| format!(" --stage {stage}"));
        writeln!(context.out, "\n$ tenderwatch search {query:?}{stage} --limit {SHOWN}")?;
        writeln!(context.out, "  languages of the hits: {}\n", languages.join(", "))?;
        answer.hits.truncate(SHOWN);
        list(&answer, 0, context.out)?;
    }
    Ok(json!({"query": query, "hits": hits}))
}

fn next_steps(arguments: &Arguments, folder: &Path, context: &mut Context<'_>) -> anyhow::Result<()> {
    writeln!(context.out, "Where to look next")?;
    let lines = if arguments.keep.is_some() {
        let data = folder.display();
        [
            format!("tenderwatch --data-dir {data} search \"vehicle armouring\" --facets"),
            format!("tenderwatch --data-dir {data} show 500101 --explain"),
            format!("tenderwatch --data-dir {data} status"),
        ]
    } else {
        [
            "tenderwatch demo --keep demo-data         keeps these data, to search in them yourself".to_owned(),
            "tenderwatch import FILES                  takes in TED packages you have".to_owned(),
            "TENDERWATCH_CONTACT=you@example.org tenderwatch crawl eu-ted --since 2026-11-16".to_owned(),
        ]
    };
    Ok(lines.iter().try_for_each(|line| writeln!(context.out, "  {line}"))?)
}

async fn serve(plan: Plan, arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    let options = Options {
        port: arguments.port,
        chunk_delay: arguments.slow.map(std::time::Duration::from_millis),
        ..Options::demo()
    };
    let publisher = publisher::serve(&plan, options).await?;
    let set_up = match &arguments.keep {
        Some(folder) => folder.clone(),
        None => tempfile::Builder::new().prefix("tenderwatch-demo-").tempdir()?.keep(),
    };
    std::fs::create_dir_all(&set_up)?;
    workspace(&set_up, &set_up.join("data"), publisher.base_url())?;
    let first = publisher.gazette().issues().first().map(|issue| issue.day);
    let config = set_up.join("config.toml");
    if context.is_json() {
        context.json(
            &json!({"url": publisher.base_url(), "config": config, "first_day": first, "notices": plan.notices}),
        )?;
    } else {
        writeln!(context.out, "{} notices at {}", plan.notices, publisher.base_url())?;
        let since = first.map_or_else(String::new, |day| format!(" --since {day}"));
        writeln!(context.out, "tenderwatch --config {} crawl eu-ted{since}", config.display())?;
    }
    context.out.flush()?;
    publisher.run_until(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(Ended::Done)
}

/// A line for people; on stderr when a machine reads the result.
#[expect(clippy::print_stderr, reason = "progress belongs on stderr")]
fn say(context: &mut Context<'_>, text: &str) -> anyhow::Result<()> {
    if context.is_json() {
        if !context.cli.quiet {
            eprintln!("{text}");
        }
        return Ok(());
    }
    Ok(writeln!(context.out, "{text}")?)
}
