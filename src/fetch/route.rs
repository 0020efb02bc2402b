//! One question on its way, over redirects and tries: where a redirect may lead, and what goes along.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, RANGE};
use url::Url;

use super::FetchError;
use super::error::{shown, shown_text};
use super::policy::HostPolicy;
use super::request::{Encoded, Method, Request, RequestBody};

/// Redirects followed for one request.
const REDIRECTS: usize = 5;
/// What a body may be compressed with: gzip is taken off by us, the others by the client.
const CODINGS: &str = "gzip, br, zstd, deflate";
/// Headers that are ours or the connection's.
const OURS: &[&str] = &[
    "user-agent",
    "host",
    "connection",
    "content-length",
    "content-type",
    "range",
    "transfer-encoding",
    "accept-encoding",
    "if-none-match",
    "if-modified-since",
    "cookie",
    "proxy-authorization",
];
/// Headers that may go to another host with a redirect; any other could be a key.
const TRAVELLING: &[&str] = &["accept", "accept-language"];

/// What the way is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// What somebody asked for.
    Answer,
    /// The host's robots.txt, of which a part will do.
    Robots,
}

/// One question on its way.
pub(super) struct Route<'a> {
    pub(super) request: &'a Request,
    pub(super) policy: &'a HostPolicy,
    pub(super) errand: Errand,
    pub(super) method: Method,
    /// The body, the same at every try.
    body: Option<Encoded>,
    /// Every address that redirected us.
    chain: Vec<Url>,
    pub(super) sent: u32,
    pub(super) failed: u32,
}

impl<'a> Route<'a> {
    pub(super) fn new(request: &'a Request, policy: &'a HostPolicy, errand: Errand) -> Self {
        let body = request.body.as_ref().map(RequestBody::encoded);
        Self { request, policy, errand, method: request.first_method(), body, chain: Vec::new(), sent: 0, failed: 0 }
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
        self.strip_keys(&mut target);
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

    /// Still, or again, at the origin that was asked first.
    fn at_home(&self, url: &Url) -> bool {
        self.chain.first().is_none_or(|first| first.origin() == url.origin())
    }

    /// A host that repeats our keys in a redirect spreads them no further.
    fn strip_keys(&self, target: &mut Url) {
        let is_key = |name: &str, value: &str| self.request.query_keys.iter().any(|(n, v)| n == name && v == value);
        if target.query_pairs().any(|(name, value)| is_key(&name, &value)) {
            let kept: Vec<_> = target
                .query_pairs()
                .filter(|(n, v)| !is_key(n, v))
                .map(|(n, v)| (n.into_owned(), v.into_owned()))
                .collect();
            target.set_query(None);
            if !kept.is_empty() {
                target.query_pairs_mut().extend_pairs(kept);
            }
        }
    }

    pub(super) fn question(&self, client: &reqwest::Client, url: &Url) -> Result<reqwest::Request, FetchError> {
        let mut address = url.clone();
        if self.at_home(url) && !self.request.query_keys.is_empty() {
            address.query_pairs_mut().extend_pairs(&self.request.query_keys);
        }
        let question = match (self.method, &self.body) {
            (Method::Get, _) => client.get(address),
            (Method::Post, Some(body)) => client.post(address).body(body.bytes.clone()),
            (Method::Post, None) => client.post(address),
        };
        let failed = |error| FetchError::from_client(url, error, Duration::ZERO);
        question.headers(self.headers(url)?).build().map_err(failed)
    }

    fn headers(&self, url: &Url) -> Result<HeaderMap, FetchError> {
        let bad = |name: &str| FetchError::BadHeader { url: shown(url), name: name.to_owned() };
        let value = |name: &str, text: &str| HeaderValue::from_str(text).map_err(|_| bad(name));
        let at_home = self.at_home(url);
        let mut headers = HeaderMap::new();
        for (name, text) in &self.request.headers {
            let lower = name.to_ascii_lowercase();
            if OURS.contains(&lower.as_str()) {
                return Err(bad(name));
            }
            let travels = TRAVELLING.contains(&lower.as_str());
            if at_home || travels {
                let mut value = value(name, text)?;
                value.set_sensitive(!travels);
                headers.insert(HeaderName::try_from(lower).map_err(|_| bad(name))?, value);
            }
        }
        if let Some(media) = &self.request.accept_media {
            headers.insert(ACCEPT, value("accept", media)?);
        }
        if let (Method::Post, Some(body)) = (self.method, &self.body) {
            headers.insert(CONTENT_TYPE, value("content-type", &body.media_type)?);
        }
        let mut coding = CODINGS;
        if let Some(bytes) = self.request.range {
            headers.insert(RANGE, value("range", &format!("bytes=0-{}", bytes.saturating_sub(1)))?);
            coding = "identity"; // a part of compressed bytes could not be unpacked
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(coding));
        if let Some(cookie) = self.policy.jar.cookie(url).filter(|_| self.policy.cookies) {
            headers.insert(COOKIE, cookie);
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
        Ok(headers)
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
        let start = Route::new(&request, &policy, Errand::Answer);
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
        let mut route = Route::new(&request, &policy, Errand::Answer);
        let home = Url::parse("https://example.org/").expect("an address");
        let away = Url::parse("https://example.com/").expect("an address");
        let names = |route: &Route<'_>, url: &Url| -> Vec<String> {
            let question = route.question(&client, url).expect("a question");
            question.headers().keys().map(ToString::to_string).filter(|name| name != "accept-encoding").collect()
        };
        assert_eq!(names(&route, &home), ["accept", "x-api-key", "if-none-match"]);
        assert!(route.headers(&home).expect("headers")["x-api-key"].is_sensitive(), "not even the client's log has it");
        route.chain.push(home.clone());
        assert_eq!(names(&route, &away), ["accept", "if-none-match"]);
        assert_eq!(names(&route, &home), ["accept", "x-api-key", "if-none-match"], "home again");
        request.headers.push(("User-Agent".into(), "someone else".into()));
        let route = Route::new(&request, &policy, Errand::Answer);
        assert!(matches!(route.question(&client, &away), Err(FetchError::BadHeader { .. })));
    }

    #[test]
    fn keys_in_the_query_are_only_where_they_are_needed() {
        let query_keys = vec![("usr".to_owned(), "s3cret&".to_owned())];
        let request = Request { query_keys, ..Request::get("https://example.org/?page=1") };
        let (policy, client) = (HostPolicy::default(), reqwest::Client::new());
        let mut route = Route::new(&request, &policy, Errand::Answer);
        let home = Url::parse(&request.url).expect("an address");
        let sent = |route: &Route<'_>, url: &Url| route.question(&client, url).expect("a question").url().to_string();
        assert_eq!(sent(&route, &home), "https://example.org/?page=1&usr=s3cret%26");
        let there = route.follow(&home, 302, "/b?usr=s3cret%26&page=2").expect("followed");
        assert_eq!(there.as_str(), "https://example.org/b?page=2");
        assert_eq!(sent(&route, &there), "https://example.org/b?page=2&usr=s3cret%26");
        let away = route.follow(&there, 302, "https://example.com/?usr=s3cret%26").expect("followed");
        assert_eq!((away.as_str(), sent(&route, &away).as_str()), ("https://example.com/", "https://example.com/"));
    }

    #[test]
    fn a_range_is_asked_for_as_it_is_stored() {
        let request = Request {
            range: Some(512 << 10),
            accept_media: Some("text/csv".into()),
            headers: vec![("Accept".into(), "*/*".into())],
            ..Request::get("https://example.org/")
        };
        let policy = HostPolicy::default();
        let route = Route::new(&request, &policy, Errand::Answer);
        let headers = route.headers(&Url::parse(&request.url).expect("an address")).expect("headers");
        assert_eq!(headers[RANGE], "bytes=0-524287");
        assert_eq!(headers[ACCEPT_ENCODING], "identity");
        assert_eq!(headers[ACCEPT], "text/csv", "the question's own wish wins");
    }
}
