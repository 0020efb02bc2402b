//! The files that an index names: each is asked for again only when the index says that it moved.

use serde_json::Value;
use url::Url;

use super::lists::{Ended, FAILURES, may_go_on, print_of, wrong};
use super::{SourceRun, Stop};
use crate::crawl::{Answer, CrawlError, PageRows, Pages, Verdict, crossed};
use crate::formats::probe::{self, text_at};
use crate::source::{Ask, Catalogue, Filling, Missing, Question};

impl SourceRun<'_, '_, '_, '_> {
    pub(super) async fn catalogue(&mut self, catalogue: &Catalogue) -> Result<(), Stop> {
        let source = self.source;
        let ask = &source.plan.as_ref().expect("only sources with a plan are crawled").ask;
        let mut resources = Vec::new();
        for item in crossed(self.plan(), "", &Filling::default(), None) {
            let mut pages = Pages::new(&source.paging, ask, &item.filling).map_err(|reason| wrong(ask, reason))?;
            while let Some(question) = pages.next_question() {
                self.reserve()?;
                let (answer, body) = self.crawler.ask_whole(&question, None, false).await?;
                let Answer::There(fetched) = answer else { break };
                let answer = probe::Answer::new(&body, &fetched.headers);
                let rows = answer.rows(&catalogue.rows);
                let page = PageRows {
                    count: rows.len() as u64,
                    last: rows.last().cloned(),
                    print: print_of(&rows, &body),
                    ..PageRows::default()
                };
                resources.extend(rows.iter().filter_map(|row| Resource::of(catalogue, row, &fetched.url)));
                match pages.judge(&answer, &page, fetched.url.as_str()) {
                    Verdict::More | Verdict::Whole => {}
                    Verdict::Capped(reason) => {
                        return Err(Stop::Theirs(CrawlError::Capped { url: question.address(), reason }));
                    }
                    Verdict::Drifted(reason) => {
                        return Err(Stop::Theirs(CrawlError::Drifted { url: question.address(), reason }));
                    }
                }
            }
        }
        if resources.is_empty() {
            let reason = "its index names no resource that the definition picks".to_owned();
            return Err(Stop::Theirs(CrawlError::Drifted { url: ask.url.clone(), reason }));
        }
        resources.sort_by(|a, b| (&b.modified, &b.name).cmp(&(&a.modified, &a.name)));
        resources.dedup_by(|a, b| a.url == b.url);
        resources.truncate(catalogue.newest.unwrap_or(usize::MAX));
        self.resources(catalogue, &resources).await
    }

    /// The oldest first, so that what is newer is read later; unchanged ones are not asked at all.
    async fn resources(&mut self, catalogue: &Catalogue, resources: &[Resource]) -> Result<(), Stop> {
        let mut failures = 0;
        let mut whole = true;
        for resource in resources.iter().rev() {
            let mark = self.intake.session().kept.detail_mark(&self.source.id, &resource.url)?;
            if resource.modified.is_some() && mark == resource.modified {
                continue;
            }
            match self.resource(catalogue, resource).await {
                Ok(()) => failures = 0,
                Err(Stop::Theirs(error)) if may_go_on(&error) => {
                    whole = false;
                    failures += 1;
                    self.fail(&error);
                    if failures >= FAILURES {
                        break;
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
        if whole && self.options.sample.is_none() {
            self.set_watermark(&self.now.to_string())?;
        }
        Ok(())
    }

    async fn resource(&mut self, catalogue: &Catalogue, resource: &Resource) -> Result<(), Stop> {
        let mut url = resource.url.clone();
        if let Some((ask, token)) = &catalogue.then {
            let filling =
                Filling::default().text("url", url.clone()).text("name", resource.name.clone().unwrap_or_default());
            let filling = filling.text("id", resource.name.clone().unwrap_or_default()).text("token", "");
            let question = ask.fill(&filling).map_err(|reason| wrong(ask, reason))?;
            self.reserve()?;
            let (answer, body) = self.crawler.ask_whole(&question, None, false).await?;
            let Answer::There(fetched) = answer else {
                let reason = "the token's address is not there".to_owned();
                return Err(Stop::Theirs(CrawlError::Drifted { url: question.address(), reason }));
            };
            let token = probe::Answer::new(&body, &fetched.headers).first(token);
            let Some(token) = token else {
                let reason = "it has no token".to_owned();
                return Err(Stop::Theirs(CrawlError::Drifted { url: question.address(), reason }));
            };
            url = url.replace("{token}", &token);
        }
        let question = Question {
            url,
            ..Ask::get("").fill(&Filling::default()).unwrap_or_else(|_| unreachable!("no placeholder"))
        };
        let before = self.receipt.documents.failed;
        if let Ended::NotYet = self.one_file(&question, Missing::NotYet).await? {
            self.receipt.fail(format!("{} is named by the index, but not there", resource.url));
            return Ok(());
        }
        if let Some(modified) = &resource.modified
            && self.receipt.documents.failed == before
            && self.options.sample.is_none()
        {
            self.intake.session().kept.note_detail(&self.source.id, &resource.url, modified)?;
        }
        Ok(())
    }
}

/// A file that an index names.
struct Resource {
    url: String,
    modified: Option<String>,
    name: Option<String>,
}

impl Resource {
    fn of(catalogue: &Catalogue, row: &Value, base: &Url) -> Option<Self> {
        let picked =
            catalogue.pick.iter().all(|(path, pattern)| text_at(row, path).is_some_and(|text| pattern.is_match(&text)));
        let url = text_at(row, &catalogue.url).filter(|_| picked)?;
        let url = base.join(&url).ok()?.to_string();
        let url = match &catalogue.rewrite {
            Some((from, to)) => from.replace(&url, to.as_str()).into_owned(),
            None => url,
        };
        let at = |path: &Option<_>| path.as_ref().and_then(|path| text_at(row, path));
        Some(Self { url, modified: at(&catalogue.modified), name: at(&catalogue.name) })
    }
}
