//! The catalogue of all sources, as `docs/sources.md` shows it.

use std::fmt::Write as _;

use super::{PagingKind, PlanKind, Robots, Source, SourceEvidence, Status};
/// All sources as a page: how many there are, then by country what each is, how it is asked and why it may be.
pub fn catalogue(sources: &[Source]) -> String {
    let mut page = String::from("# The sources\n\nGenerated from `sources/*.toml`; a test keeps it true.\n\n");
    let count = |wanted: fn(&Status) -> bool| sources.iter().filter(|source| wanted(&source.status)).count();
    let sentence = format!(
        "{} definitions: {} active, {} paused, {} refused.\n",
        sources.len(),
        count(|status| *status == Status::Active),
        count(|status| matches!(status, Status::Paused(_))),
        count(|status| matches!(status, Status::Refused(_)))
    );
    page.push_str(&sentence);
    let mut countries: Vec<&str> = sources.iter().map(|source| source.country.as_str()).collect();
    countries.sort_unstable();
    countries.dedup();
    for country in countries {
        write!(page, "\n## {country}\n").expect("a string takes everything");
        for source in sources.iter().filter(|source| source.country == country) {
            entry(&mut page, source).expect("a string takes everything");
        }
    }
    page
}

fn entry(page: &mut String, source: &Source) -> std::fmt::Result {
    let evidence = match source.evidence {
        SourceEvidence::Seen => "real answers were seen",
        SourceEvidence::Documented => "documented by the publisher",
        SourceEvidence::Unconfirmed => "unconfirmed",
    };
    writeln!(page, "\n### `{}`: {}\n", source.id, source.name)?;
    writeln!(page, "- {}; {evidence}; {}", source.status, source.languages.join(", "))?;
    if let Some(plan) = &source.plan {
        let access = &source.access;
        let each = access.delay.as_millis();
        let budget = access.daily_requests.map(|budget| format!(", at most {budget} a day")).unwrap_or_default();
        let detail = if source.detail.is_some() { ", and each new row's detail" } else { "" };
        let (plan, paging) = (plan_words(&plan.kind), paging_words(&source.paging.kind));
        writeln!(page, "- asks {plan}{paging}{detail}; one request per {each} ms{budget}")?;
    }
    if let Robots::Override(reason) = &source.access.robots {
        writeln!(page, "- robots.txt is overridden: {reason}")?;
    }
    writeln!(page, "- {} – {}", source.access.attribution, source.access.licence)?;
    for caveat in &source.caveats {
        writeln!(page, "- note: {caveat}")?;
    }
    Ok(())
}

fn plan_words(kind: &PlanKind) -> &'static str {
    match kind {
        PlanKind::Once => "for one list",
        PlanKind::DateWindow(_) => "for windows of time",
        PlanKind::Periods(_) => "for a file per period",
        PlanKind::Issues(_) => "for each numbered issue",
        PlanKind::Catalogue(_) => "an index for its files",
        PlanKind::IdRange(_) => "for the next numbers",
    }
}

fn paging_words(kind: &PagingKind) -> &'static str {
    match kind {
        PagingKind::None => "",
        PagingKind::Page { .. } => ", page by page",
        PagingKind::Offset { .. } => ", by offset",
        PagingKind::Cursor { .. } => ", by the answer's cursor",
        PagingKind::LastRow { .. } => ", from the last row on",
        PagingKind::NextLink { .. } => ", by next links",
        PagingKind::FromEnd { .. } => ", from the last page backwards",
    }
}
