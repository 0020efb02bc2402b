//! `tenderwatch show`

use std::io::Write;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use super::{Context, Ended, Output, Usage, links};
use crate::archive;
use crate::ids::{NoticeId, OrganisationId, RawId};
use crate::ingest::Workspace;
use crate::links::Total;
use crate::notice::{Amount, Classification, Notice, Worth};
use crate::organisations::{Doubt, Key, KeyKind, KindEvidence, KindFound, Kinds};
use crate::records::{PROCEDURE, State};
use crate::search::Searcher;
use crate::store::{Derived, Kept, Member, Procedure, StoredLink, Version};
use crate::versions::{Change, changes};

/// Show one notice in full, or the story of a procedure.
///
/// Example: tenderwatch show 00497150-2026 --explain
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its id, or its publication number; with `procedure:` before it, the procedure that it is of
    #[arg(value_name = "NOTICE|PROCEDURE")]
    notice: String,
    /// Print the document as it came (it may hold personal data)
    #[arg(long, conflicts_with = "explain")]
    raw: bool,
    /// Show every reason for every category and for the kind of every buyer
    #[arg(long)]
    explain: bool,
    /// Show every version, and what changed from one to the next
    #[arg(long, conflicts_with = "raw")]
    history: bool,
    /// Of a procedure, what was known at this time
    #[arg(long, value_name = "TIME", value_parser = super::parse_now)]
    as_of: Option<Timestamp>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    context.only(&[Output::Table, Output::Json, Output::Jsonl])?;
    let workspace = context.cli.workspace()?;
    workspace.layout.require()?;
    let derived = Derived::open_reader(&workspace.layout.derived())?;
    let as_of = arguments.as_of;
    if let Some(name) = arguments.notice.strip_prefix(PROCEDURE) {
        let id = links::one(&derived, name)?;
        let Some(procedure) = derived.procedure(&id, as_of)? else { bail!("nothing was known of {id} then") };
        if context.is_json() {
            context.json(&procedure)?;
        } else {
            print_procedure(&procedure, context.out)?;
        }
        return Ok(Ended::Done);
    }
    if as_of.is_some() {
        return Err(Usage(format!("--as-of is about procedures: say {PROCEDURE}{}", arguments.notice)).into());
    }
    let ids = derived.find_ids(&arguments.notice)?;
    let [id] = ids.as_slice() else {
        if ids.is_empty() {
            bail!("there is no notice \"{}\" here; `tenderwatch search` finds ids", arguments.notice);
        }
        let list: Vec<&str> = ids.iter().map(crate::ids::NoticeId::as_str).collect();
        return Err(Usage(format!("\"{}\" fits several notices: {}", arguments.notice, list.join(", "))).into());
    };
    let Some(notice) = derived.notice(id)? else { bail!("the notice {id} is no longer there") };
    if arguments.raw {
        let Some(at) = derived.document_position(&notice.raw_id)? else {
            bail!("the document of {id} is not in the archive");
        };
        let document = archive::read(&workspace.layout.archive(), at)?;
        context.out.write_all(&document.body)?;
        return Ok(Ended::Done);
    }
    let kinds: Vec<BuyerKinds> = if arguments.explain { buyer_kinds(&notice, &workspace.kinds) } else { Vec::new() };
    let states = states(&workspace, &derived, id)?;
    let linked = derived.links_of(id)?;
    let organisations = organisations(&notice, &workspace);
    let history = if arguments.history { steps(derived.versions(id)?) } else { Vec::new() };
    if context.is_json() {
        let shown = Shown {
            notice: &notice,
            states: &states,
            buyer_kinds: &kinds,
            links: &linked,
            organisations: &organisations,
        };
        if arguments.history {
            context.json(&json!({ "notice": shown, "history": history }))?;
        } else {
            context.json(&shown)?;
        }
    } else {
        print(&notice, arguments.explain, &kinds, context.out)?;
        for Standing { state, since } in &states {
            writeln!(context.out, "  {} since {since}", state.as_str())?;
        }
        print_organisations(&organisations, context.out)?;
        links::print_links(&linked, context.out)?;
        print_history(&history, context.out)?;
    }
    Ok(Ended::Done)
}

/// What became of the notice at its publisher.
#[derive(Serialize)]
struct Standing {
    state: State,
    /// When we heard of it.
    since: Timestamp,
}

fn states(workspace: &Workspace, derived: &Derived, id: &NoticeId) -> anyhow::Result<Vec<Standing>> {
    let kept = Kept::open_reader(&workspace.layout.kept())?;
    let known = [(State::DeletedAtSource, derived.taken_back_since(id)?), (State::Vanished, kept.absent_since(id)?)];
    Ok(known.into_iter().filter_map(|(state, since)| Some(Standing { state, since: since? })).collect())
}

/// A notice, with what explains it beside it.
#[derive(Serialize)]
struct Shown<'n> {
    #[serde(flatten)]
    notice: &'n Notice,
    #[serde(skip_serializing_if = "<[Standing]>::is_empty")]
    states: &'n [Standing],
    #[serde(skip_serializing_if = "<[BuyerKinds]>::is_empty")]
    buyer_kinds: &'n [BuyerKinds],
    #[serde(skip_serializing_if = "<[StoredLink]>::is_empty")]
    links: &'n [StoredLink],
    #[serde(skip_serializing_if = "<[Who]>::is_empty")]
    organisations: &'n [Who],
}

/// Who a buyer or supplier is, as far as all notices together tell.
#[derive(Serialize)]
struct Who {
    id: OrganisationId,
    /// The name written most often.
    name: String,
    /// Other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    /// Numbers in registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<String>,
    doubts: Vec<Doubt>,
}

/// The organisations of a notice, each once; none while there is no index to ask.
fn organisations(notice: &Notice, workspace: &Workspace) -> Vec<Who> {
    let Ok(searcher) = Searcher::open(&workspace.layout.index()) else { return Vec::new() };
    let mut all: Vec<Who> = Vec::new();
    for organisation in notice.buyers.iter().chain(&notice.suppliers) {
        let Ok(Some(cluster)) = searcher.organisation(organisation) else { continue };
        if all.iter().any(|known| known.id == cluster.id) {
            continue;
        }
        let name = cluster.name().to_owned();
        let aliases = cluster.aliases.into_iter().skip(1).map(|(name, _)| name).collect();
        let numbers = cluster.keys.iter().filter(|key| key.kind == KeyKind::Identifier).map(Key::to_string).collect();
        all.push(Who { id: cluster.id, name, aliases, numbers, doubts: cluster.doubts });
    }
    all
}

fn print_organisations(organisations: &[Who], out: &mut dyn Write) -> anyhow::Result<()> {
    for who in organisations {
        writeln!(out, "  organisation {} {}", who.id, who.name)?;
        for alias in &who.aliases {
            writeln!(out, "      also {alias}")?;
        }
        for doubt in &who.doubts {
            let others: Vec<&str> = doubt.others.iter().map(OrganisationId::as_str).collect();
            writeln!(out, "      perhaps the same as {}", others.join(", "))?;
        }
    }
    Ok(())
}

/// The kinds of one buyer, best first, each with its evidence.
#[derive(Serialize)]
struct BuyerKinds {
    /// Its place in `buyers`, from 0.
    buyer: usize,
    kinds: Vec<KindFound>,
}

fn buyer_kinds(notice: &Notice, kinds: &Kinds) -> Vec<BuyerKinds> {
    let all = notice.buyers.iter().map(|buyer| kinds.of(buyer)).enumerate();
    all.filter(|(_, kinds)| !kinds.is_empty()).map(|(buyer, kinds)| BuyerKinds { buyer, kinds }).collect()
}

/// The notices of a procedure in the order of their publication, and what connects them.
fn print_procedure(procedure: &Procedure, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", procedure.id)?;
    for Total { money, notices } in &procedure.totals {
        let of = if *notices == 1 { String::new() } else { format!(", of {notices} notices") };
        writeln!(out, "  {} {} EUR (VAT {}){of}", money.kind.as_str(), money.amount, money.vat.as_str())?;
    }
    for Member { id, stage, published_on, first_seen, title, buyer, worth, left_out } in &procedure.notices {
        let day = published_on.map_or_else(|| "no day".to_owned(), |day| day.to_string());
        let worth = worth.as_ref().map_or_else(String::new, |worth| format!(", {} EUR", worth.money.amount));
        let but = left_out.as_ref().map_or_else(String::new, |left| {
            let because = json!(left.because);
            format!(" (not added, {}: {})", because.as_str().unwrap_or_default(), left.of)
        });
        writeln!(out, "  {day}  {:<14} {id}  {title} ({buyer}){worth}{but}, seen {first_seen}", stage.as_str())?;
    }
    links::print_links(&procedure.links, out)
}

/// One version, and what it changed.
#[derive(Serialize)]
struct Step {
    /// From 1.
    number: usize,
    valid_from: Timestamp,
    published_on: Option<Date>,
    raw_id: RawId,
    changes: Vec<Change>,
}

fn steps(versions: Vec<Version>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(versions.len());
    let mut before: Option<Notice> = None;
    for (at, Version { valid_from, mut notice }) in versions.into_iter().enumerate() {
        // Ours, and not said by the notice.
        notice.buyers.iter_mut().for_each(|buyer| buyer.kind = None);
        let changes = before.as_ref().map_or_else(Vec::new, |before| changes(before, &notice));
        let (published_on, raw_id) = (notice.published_on, notice.raw_id);
        steps.push(Step { number: at + 1, valid_from, published_on, raw_id, changes });
        before = Some(notice);
    }
    steps
}

fn print_history(steps: &[Step], out: &mut dyn Write) -> anyhow::Result<()> {
    for Step { number, valid_from, published_on, raw_id, changes } in steps {
        let published = published_on.map_or_else(String::new, |day| format!(", published {day}"));
        writeln!(out, "\n  version {number}, since {valid_from}{published}, document {raw_id}")?;
        for Change { path, old, new } in changes {
            let shown = |value: &Option<serde_json::Value>| match value {
                None => "nothing".to_owned(),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            writeln!(out, "    {path}: {} -> {}", shown(old), shown(new))?;
        }
    }
    Ok(())
}

fn print(notice: &Notice, explain: bool, kinds: &[BuyerKinds], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", notice.id)?;
    for (lang, text) in notice.title.iter() {
        writeln!(out, "  {text} [{lang}]")?;
    }
    let line = |out: &mut dyn Write, name: &str, value: &str| -> anyhow::Result<()> {
        if !value.is_empty() {
            writeln!(out, "  {name:<12} {value}")?;
        }
        Ok(())
    };
    line(out, "stage", notice.stage.as_str())?;
    line(out, "published", &notice.published_on.map_or_else(String::new, |day| day.to_string()))?;
    let deadline = notice.deadline.as_ref().map_or_else(String::new, |deadline| {
        let time = if deadline.has_time { "" } else { " (no time was given)" };
        format!("{}{time}", deadline.at)
    });
    line(out, "deadline", &deadline)?;
    for (at, buyer) in notice.buyers.iter().enumerate() {
        let mut words = vec![buyer.name.as_deref().unwrap_or("(name withheld)")];
        words.extend(buyer.country.as_deref());
        let mut marks: Vec<&str> = buyer.roles.iter().skip(1).map(|role| role.as_str()).collect();
        marks.extend(buyer.kind.as_deref());
        let marks = marks.join(", ");
        words.extend((!marks.is_empty()).then_some(marks.as_str()));
        line(out, "buyer", &words.join(" "))?;
        for found in kinds.iter().filter(|found| found.buyer == at).flat_map(|found| &found.kinds) {
            writeln!(out, "      {:>7}  points for {}", found.points, found.kind)?;
            for KindEvidence { rule, text, points } in &found.evidence {
                writeln!(out, "      {points:>+7}  \"{text}\", rule {rule}")?;
            }
        }
    }
    if let Some(joint) = &notice.joint {
        let across = if joint.cross_border { "buyers of several countries: " } else { "" };
        line(out, "joint", &format!("{across}{}", joint.evidence.join(", ")))?;
    }
    line(out, "innovation", &notice.innovation_marks().join(", "))?;
    line(out, "cpv", &notice.cpv.join(" "))?;
    line(out, "estimate", &amount(notice.estimated_value.as_ref()))?;
    line(out, "ceiling", &amount(notice.framework_ceiling.as_ref()))?;
    line(out, "awarded", &amount(notice.awarded_value.as_ref()))?;
    line(out, "in euro", &notice.value_eur.as_ref().map_or_else(String::new, in_euro))?;
    line(out, "procedure", notice.procedure_type.as_deref().unwrap_or_default())?;
    line(out, "documents", notice.documents_url.as_deref().unwrap_or_default())?;
    line(out, "page", notice.url.as_deref().unwrap_or_default())?;
    for label in &notice.categories {
        let kind = if label.score >= 0.5 { "category" } else { "candidate" };
        let lots: Vec<&str> = label.lots().into_iter().collect();
        let of = if lots.is_empty() { String::new() } else { format!(" by {}", lots.join(", ")) };
        line(out, kind, &format!("{} {:.3}{of}", label.id, label.score))?;
        if explain {
            reasons(label, "      ", out)?;
        }
    }
    for (lang, text) in notice.description.iter() {
        writeln!(out, "\n  {text} [{lang}]")?;
    }
    for lot in &notice.lots {
        let title = lot.title.first().map_or("", |(_, text)| text);
        writeln!(out, "\n  {} {title}  {}  {}", lot.id, lot.cpv.join(" "), amount(lot.estimated_value.as_ref()))?;
    }
    for award in &notice.awards {
        let names: Vec<&str> = award.suppliers.iter().filter_map(|supplier| supplier.name.as_deref()).collect();
        writeln!(
            out,
            "  award {} {} {} {}",
            award.lot.as_deref().unwrap_or_default(),
            award.status.as_deref().unwrap_or_default(),
            names.join(" + "),
            amount(award.value.as_ref())
        )?;
    }
    for related in &notice.related {
        writeln!(out, "  {} {} ({})", related.relation.as_str(), related.id, related.evidence)?;
    }
    for issue in &notice.issues {
        writeln!(out, "  issue {} at {} {}", issue.code.as_str(), issue.path, issue.value)?;
    }
    Ok(())
}

/// Why a category has its score: what it starts with, then every reason.
pub(super) fn reasons(label: &Classification, indent: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{indent}{:>7.3}  to start with", label.bias)?;
    for reason in &label.evidence {
        let lang = reason.lang.as_ref().map_or_else(String::new, |lang| format!(" ({lang})"));
        let (points, text, field, rule) = (reason.points, &reason.text, &reason.field, &reason.rule);
        writeln!(out, "{indent}{points:>+7.3}  \"{text}\" in {field}{lang}, rule {rule}")?;
    }
    Ok(())
}

fn in_euro(worth: &Worth) -> String {
    let rate = if worth.stale { ", at the last rate known" } else { "" };
    format!("{} EUR ({}{rate})", worth.money.amount, worth.money.kind.as_str())
}

fn amount(amount: Option<&Amount>) -> String {
    match amount {
        None => String::new(),
        Some(Amount::Known(money)) => format!("{} {}", money.amount, money.currency),
        Some(Amount::Withheld { until: Some(until) }) => format!("withheld until {until}"),
        Some(Amount::Withheld { until: None }) => "withheld".to_owned(),
    }
}
