//! One file: asked for with conditions or by its beginning, taken in whole or not at all.

use std::ops::ControlFlow;

use super::lists::{Ended, wrong};
use super::{SourceRun, Stop};
use crate::crawl::{Answer, CrawlError, Item};
use crate::fetch::{Fetched, Validators};
use crate::ingest::IngestError;
use crate::raw::RawDocument;
use crate::records::DocumentOutcome;
use crate::source::{Method, Missing, Question};
use crate::store::StoredValidators;
use crate::unpack::{self, Entry};

impl SourceRun<'_, '_, '_, '_> {
    pub(super) async fn file(&mut self, item: &Item, missing: Missing) -> Result<Ended, Stop> {
        let question = self.plan().ask.fill(&item.filling).map_err(|reason| wrong(&self.plan().ask, reason))?;
        self.one_file(&question, missing).await
    }

    pub(super) async fn one_file(&mut self, question: &Question, missing: Missing) -> Result<Ended, Stop> {
        let url = question.address();
        let validators = self.validators(question)?;
        // A first run needs the whole file, and so does a file whose beginning holds nothing known.
        let head = self.source.change.head.filter(|_| self.receipt.watermark.from.is_some());
        self.reserve()?;
        let answer = match self.crawler.ask(&Question { head, ..question.clone() }, validators).await? {
            Answer::There(fetched) if fetched.status == 206 => {
                if self.take_head(*fetched)? {
                    return Ok(Ended::Whole(None));
                }
                self.reserve()?;
                self.crawler.ask(question, None).await?
            }
            answer => answer,
        };
        match answer {
            Answer::There(fetched) => {
                let validators = fetched.validators();
                let (before, unreadable) = (self.receipt.documents, self.intake.unreadable());
                let read = self.receipt.records.read;
                self.take_package(*fetched)?;
                self.intake.flush(&mut self.receipt)?;
                let after = self.receipt.documents;
                let drifted = |reason: &str| {
                    let (url, reason) = (url.clone(), reason.to_owned());
                    Err(Stop::Theirs(CrawlError::Drifted { url, reason }))
                };
                if after.failed > before.failed {
                    return drifted("not all of it could be taken in");
                }
                // One document among others may be spoilt for good; an answer of which nothing can be read is none.
                let unreadable = after.quarantined - before.quarantined + self.intake.unreadable() - unreadable;
                if unreadable > 0 && unreadable == after.fetched - before.fetched {
                    return drifted("none of its documents can be read");
                }
                self.keep_validators(&url, validators)?;
                Ok(Ended::Whole(Some(self.receipt.records.read - read).filter(|rows| *rows > 0)))
            }
            Answer::Unchanged => {
                self.receipt.documents.not_modified += 1;
                Ok(Ended::Whole(None))
            }
            Answer::Missing if missing == Missing::NotYet => Ok(Ended::NotYet),
            Answer::Missing | Answer::Empty => Ok(Ended::Whole(Some(0))),
        }
    }

    /// Takes in the beginning of a newest-first file, up to its last whole line; whether something in it was known.
    fn take_head(&mut self, mut fetched: Fetched) -> Result<bool, Stop> {
        let limit = self.intake.workspace().config.limits.document;
        let url = fetched.url.to_string();
        let body = std::mem::take(&mut fetched.body).into_bytes(limit).map_err(|error| IngestError::Io {
            action: format!("read the answer of {url}"),
            reason: error.to_string(),
        })?;
        let Some(body) = body else { return Ok(false) };
        let end = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let body = body.slice(..end);
        let origin = self.origin(&url, fetched.status, &fetched.headers);
        let document = RawDocument::new(origin.clone(), body.clone());
        let readers = &self.intake.workspace().readers;
        let Ok((_, parsed)) = readers.parse(&document, self.source.document.reader.as_ref()) else { return Ok(false) };
        let session = self.intake.session();
        let mut known = false;
        for notice in &parsed.notices {
            known |= session.derived.notice(&notice.id)?.is_some();
        }
        drop(session);
        if known {
            self.intake.push(origin, body, &mut self.receipt)?;
        }
        Ok(known)
    }

    /// Everything in an answer that may be a package, as a stream.
    pub(super) fn take_package(&mut self, mut fetched: Fetched) -> Result<(), Stop> {
        let url = fetched.url.to_string();
        let mut template = self.origin(&url, fetched.status, &fetched.headers);
        template.container = Some(fetched.body.id()).filter(|_| self.source.document.unpack);
        let limits = self.intake.workspace().config.limits.clone();
        let sample = self.options.sample;
        let mut failure = None;
        let mut stopped = false;
        let mut body = std::mem::take(&mut fetched.body);
        let reader = body.reader().map_err(|error| IngestError::Io {
            action: format!("read the answer of {url}"),
            reason: error.to_string(),
        })?;
        let outcome = unpack::walk(&url, reader, &limits, &mut |entry| match entry {
            Entry::Document { path, body } => {
                if sample.is_some_and(|sample| self.receipt.documents.fetched + self.intake.pending() >= sample) {
                    stopped = true;
                    return ControlFlow::Break(());
                }
                let origin = crate::raw::Origin { member: path, ..template.clone() };
                match self.intake.push(origin, body, &mut self.receipt) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            }
            Entry::Ignored { .. } => {
                self.receipt.documents.ignored += 1;
                ControlFlow::Continue(())
            }
            Entry::Refused { path, reason } => {
                self.receipt.count_document(&DocumentOutcome::Failed);
                self.receipt.fail(format!("{} of {url} {reason}", path.join(" ")));
                ControlFlow::Continue(())
            }
        });
        if let Some(error) = failure {
            return Err(Stop::Ours(error));
        }
        if let Err(error) = outcome {
            self.receipt.count_document(&DocumentOutcome::Failed);
            self.receipt.fail(error.to_string());
        }
        if stopped {
            self.intake.flush(&mut self.receipt)?;
            return Err(Stop::Enough);
        }
        Ok(())
    }

    /// What the last answer of this address said about its version; only for what has an address of its own.
    pub(super) fn validators(&self, question: &Question) -> Result<Option<Validators>, IngestError> {
        if !self.source.change.conditional || question.method != Method::Get || self.options.sample.is_some() {
            return Ok(None);
        }
        let stored = self.intake.session().kept.validators(&question.address())?;
        let validators = Validators { etag: stored.etag, last_modified: stored.last_modified };
        Ok(Some(validators).filter(|validators| *validators != Validators::default()))
    }

    pub(super) fn keep_validators(&self, url: &str, validators: Option<Validators>) -> Result<(), IngestError> {
        let Some(validators) = validators.filter(|_| self.source.change.conditional) else { return Ok(()) };
        if self.options.sample.is_none() {
            let stored = StoredValidators { etag: validators.etag, last_modified: validators.last_modified };
            self.intake.session().kept.set_validators(url, &stored, self.now)?;
        }
        Ok(())
    }
}
