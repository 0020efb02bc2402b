//! One question on its way, over redirects and tries: where a redirect may lead, and which headers go along.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::FetchError;
use super::error::{shown, shown_text};
use super::request::{HostPolicy, Method, Request};

/// Redirects followed for one request.
const REDIRECTS: usize = 5;
/// Headers that are ours or the connection's.
const OURS: &[&str] = &[
    "user-agent",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "if-none-match",
    "if-modified-since",
    "cookie",
    "proxy-authorization",
];
/// Headers that may go to another host with a redirect; any other could be a key.
const TRAVELLING: &[&str] = &["accept", "accept-language"];

/// One question on its way.
pub(super) struct Route<'a> {
    pub(super) request: &'a Request,
    pub(super) policy: &'a HostPolicy,
    pub(super) method: Method,
    /// Every address that redirected us.
    chain: Vec<Url>,
    pub(super) sent: u32,
    pub(super) failed: u32,
}

impl<'a> Route<'a> {
    pub(super) fn new(request: &'a Request, policy: &'a HostPolicy) -> Self {
        Self { request, policy, method: request.method, chain: Vec::new(), sent: 0, failed: 0 }
    }

    /// Where a redirect leads, if we may follow it there. The host itself is checked by `admit`.
    pub(super) fn follow(&mut self, from: &Url, status: u16, location: &str) -> Result<Url, FetchError> {
        self.chain.push(from.clone());
        let refuse = |chain: &[Url], reason, last: &str| {
            let mut way: Vec<String> = chain.iter().map(shown).collect();
            way.push(last.to_owned());
            FetchError::Redirect { url: shown(&chain[0]), reason, chain: way.join(" → ") }
        };
        let Ok(mut target) = from.join(location) else {
            return Err(refuse(&self.chain, "a redirect leads to no address", &shown_text(location)));
        };
        target.set_fragment(None);
        let reason = if self.chain.contains(&target) {
            "its redirects go round in a circle"
        } else if self.chain.len() > REDIRECTS {
            "it redirects too often"
        } else if from.scheme() == "https" && target.scheme() != "https" {
            "a redirect leads from https to something less safe"
        } else {
            // what browsers do: only 307 and 308 keep a POST
            if matches!(status, 301..=303) {
                self.method = Method::Get;
            }
            return Ok(target);
        };
        Err(refuse(&self.chain, reason, &shown(&target)))
    }

    pub(super) fn question(&self, client: &reqwest::Client, url: &Url) -> Result<reqwest::Request, FetchError> {
        let bad = |name: &str| FetchError::BadHeader { url: shown(url), name: name.to_owned() };
        let at_home = self.chain.first().is_none_or(|first| first.origin() == url.origin());
        let mut headers = HeaderMap::new();
        for (name, value) in &self.request.headers {
            let lower = name.to_ascii_lowercase();
            if OURS.contains(&lower.as_str()) {
                return Err(bad(name));
            }
            if at_home || TRAVELLING.contains(&lower.as_str()) {
                let parsed = HeaderName::try_from(lower).map_err(|_| bad(name))?;
                headers.insert(parsed, HeaderValue::from_str(value).map_err(|_| bad(name))?);
            }
        }
        if let Some(validators) = &self.request.validators {
            // a validator that was stored from an answer and cannot be sent is left out: the answer comes in full
            let stored = [("if-none-match", &validators.etag), ("if-modified-since", &validators.last_modified)];
            for (name, value) in stored {
                if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
                    headers.insert(name, value);
                }
            }
        }
        let question = match (self.method, &self.request.json) {
            (Method::Get, _) => client.get(url.clone()),
            (Method::Post, Some(json)) => client.post(url.clone()).json(json),
            (Method::Post, None) => client.post(url.clone()),
        };
        let failed = |error| FetchError::from_client(url, error, Duration::ZERO);
        question.headers(headers).build().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Validators;
    use serde_json::Value;

    #[test]
    fn redirects_end_somewhere() {
        let request = Request::post("https://example.org/0", Value::Null);
        let policy = HostPolicy::default();
        let start = Route::new(&request, &policy);
        let mut route = start;
        let mut url = Url::parse("https://example.org/0").expect("an address");
        for n in 1..=REDIRECTS {
            url = route.follow(&url, 307, &format!("/{n}#part")).expect("followed");
            assert_eq!(url.as_str(), format!("https://example.org/{n}"));
        }
        assert_eq!(route.method, Method::Post);
        let error = route.follow(&url, 302, "/6").expect_err("too many").to_string();
        assert!(error.contains("too often (https://example.org/0 → "), "{error}");
        assert_eq!(route.method, Method::Post);

        route.chain.clear();
        let there = route.follow(&url, 302, "/there?x=1").expect("followed");
        assert_eq!(route.method, Method::Get);
        let back = route.follow(&there, 302, url.as_str()).expect_err("a circle").to_string();
        assert!(back.contains("circle (https://example.org/5 → https://example.org/there?x=1 → "), "{back}");
        route.chain.clear();
        assert!(route.follow(&url, 301, "http://example.org/").is_err(), "less safe");
        route.chain.clear();
        assert!(route.follow(&url, 301, "https://").is_err(), "no address");
    }

    #[test]
    fn keys_do_not_travel_to_another_host() {
        let headers =
            [("Accept", "text/xml"), ("X-Api-Key", "k")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut request = Request { headers: headers.to_vec(), ..Request::get("https://example.org/") };
        request.validators = Some(Validators { etag: Some("\"1\"".into()), last_modified: Some("bad\n".into()) });
        let (policy, client) = (HostPolicy::default(), reqwest::Client::new());
        let mut route = Route::new(&request, &policy);
        let home = Url::parse("https://example.org/").expect("an address");
        let away = Url::parse("https://example.com/").expect("an address");
        let names = |route: &Route<'_>, url: &Url| -> Vec<String> {
            let question = route.question(&client, url).expect("a question");
            question.headers().keys().map(ToString::to_string).collect()
        };
        assert_eq!(names(&route, &home), ["accept", "x-api-key", "if-none-match"]);
        route.chain.push(home);
        assert_eq!(names(&route, &away), ["accept", "if-none-match"]);
        request.headers.push(("User-Agent".into(), "someone else".into()));
        let route = Route::new(&request, &policy);
        assert!(matches!(route.question(&client, &away), Err(FetchError::BadHeader { .. })));
    }
}
