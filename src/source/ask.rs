//! One request as a definition writes it: address, query, body, with placeholders; and where paging writes into it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Checker;
use super::template::Filling;

/// GET, or a search by POST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Ask for a page, a file, a feed.
    #[default]
    Get,
    /// Ask with a body.
    Post,
}

/// A request with placeholders.
#[derive(Clone, Debug)]
pub struct Ask {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Joined to the address.
    pub query: Vec<(String, String)>,
    /// What a POST carries.
    pub body: Option<AskBody>,
    /// The `Accept` header.
    pub accept: Option<String>,
}

/// What a POST carries.
#[derive(Clone, Debug, PartialEq)]
pub enum AskBody {
    /// JSON.
    Json(Value),
    /// A web form.
    Form(Vec<(String, String)>),
    /// Parts, each a text or JSON.
    Multipart(Vec<(String, Value)>),
    /// As it stands, with its media type.
    Raw(String, String),
}

/// A request whose placeholders are filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Joined to the address.
    pub query: Vec<(String, String)>,
    /// What a POST carries.
    pub body: Option<AskBody>,
    /// Besides those of the session.
    pub headers: Vec<(String, String)>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// Only so many bytes from the beginning.
    pub head: Option<u64>,
}

/// Where paging writes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// `query.offset`.
    Query(String),
    /// `json.page.index`: points open tables.
    Json(Vec<String>),
    /// `form.page`.
    Form(String),
    /// `header.X`.
    Header(String),
    /// `url`: `{page}` in the address.
    Url,
}

impl Ask {
    /// A plain GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::Get, url: url.into(), query: Vec::new(), body: None, accept: None }
    }

    /// The request with its placeholders filled.
    ///
    /// # Errors
    /// A placeholder that is unknown or does not work; checked when the definition is loaded.
    pub fn fill(&self, filling: &Filling) -> Result<Question, String> {
        let pairs = |pairs: &[(String, String)]| {
            pairs
                .iter()
                .map(|(name, value)| Ok((name.clone(), filling.plain(value)?)))
                .collect::<Result<Vec<_>, String>>()
        };
        let body = match &self.body {
            None => None,
            Some(AskBody::Json(json)) => Some(AskBody::Json(filling.json(json)?)),
            Some(AskBody::Form(form)) => Some(AskBody::Form(pairs(form)?)),
            Some(AskBody::Multipart(parts)) => {
                let filled = parts.iter().map(|(name, part)| Ok((name.clone(), filling.json(part)?)));
                Some(AskBody::Multipart(filled.collect::<Result<_, String>>()?))
            }
            Some(AskBody::Raw(text, media)) => Some(AskBody::Raw(filling.plain(text)?, media.clone())),
        };
        Ok(Question {
            method: self.method,
            url: filling.address(&self.url)?,
            query: pairs(&self.query)?,
            body,
            headers: Vec::new(),
            accept: self.accept.clone(),
            head: None,
        })
    }

    /// Every text in which placeholders may stand.
    pub(super) fn mentions(&self, placeholder: &str) -> bool {
        let sign = format!("{{{placeholder}");
        let in_json = |json: &Value| json.to_string().contains(&sign);
        self.url.contains(&sign)
            || self.query.iter().any(|(_, value)| value.contains(&sign))
            || match &self.body {
                None => false,
                Some(AskBody::Json(json)) => in_json(json),
                Some(AskBody::Form(form)) => form.iter().any(|(_, value)| value.contains(&sign)),
                Some(AskBody::Multipart(parts)) => parts.iter().any(|(_, part)| in_json(part)),
                Some(AskBody::Raw(text, _)) => text.contains(&sign),
            }
    }
}

impl Question {
    /// The whole address, query included.
    pub fn address(&self) -> String {
        if self.query.is_empty() {
            return self.url.clone();
        }
        let Ok(mut url) = url::Url::parse(&self.url) else { return self.url.clone() };
        url.query_pairs_mut().extend_pairs(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        url.into()
    }

    /// Writes a value where the definition says; nothing for `url`, which is a placeholder.
    pub fn set(&mut self, param: &Param, value: &str) {
        let put = |pairs: &mut Vec<(String, String)>, name: &str| match pairs.iter_mut().find(|(own, _)| own == name) {
            Some(pair) => value.clone_into(&mut pair.1),
            None => pairs.push((name.to_owned(), value.to_owned())),
        };
        match param {
            Param::Url => {}
            Param::Query(name) => put(&mut self.query, name),
            Param::Header(name) => put(&mut self.headers, name),
            Param::Form(name) => {
                let mut form = match self.body.take() {
                    Some(AskBody::Form(form)) => form,
                    _ => Vec::new(),
                };
                put(&mut form, name);
                self.body = Some(AskBody::Form(form));
            }
            Param::Json(path) => {
                let mut json = match self.body.take() {
                    Some(AskBody::Json(json)) => json,
                    _ => Value::Object(Map::new()),
                };
                set_json(&mut json, path, value);
                self.body = Some(AskBody::Json(json));
            }
        }
    }
}

/// Numbers stay numbers: a page index is one in every interface that takes JSON.
fn set_json(json: &mut Value, path: &[String], value: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    if !json.is_object() {
        *json = Value::Object(Map::new());
    }
    let Value::Object(map) = json else { return };
    if rest.is_empty() {
        let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
        map.insert(first.clone(), value);
    } else {
        set_json(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

impl Param {
    /// Reads `query.page`, `json.page.index`, `form.page`, `header.X` or `url`.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.split_once('.').unwrap_or((text, ""));
        match (place, name) {
            ("url", "") => Some(Self::Url),
            (_, "") => None,
            ("query", name) => Some(Self::Query(name.to_owned())),
            ("form", name) => Some(Self::Form(name.to_owned())),
            ("header", name) => Some(Self::Header(name.to_owned())),
            ("json", path) => Some(Self::Json(path.split('.').map(str::to_owned).collect())),
            _ => None,
        }
    }
}

/// The keys of a request, as written.
#[derive(Clone, Debug, Default)]
pub(super) struct RawAsk<'r> {
    pub method: Option<Method>,
    pub url: Option<&'r str>,
    pub query: Option<&'r BTreeMap<String, toml::Value>>,
    pub json: Option<&'r Value>,
    pub form: Option<&'r BTreeMap<String, toml::Value>>,
    pub multipart: Option<&'r BTreeMap<String, Value>>,
    pub raw: Option<&'r str>,
    pub content_type: Option<&'r str>,
    pub accept: Option<&'r str>,
}

impl Checker<'_> {
    /// A request; `trial` has every placeholder that may stand in it.
    pub(super) fn ask(&mut self, at: &str, raw: &RawAsk<'_>, trial: &Filling) -> Option<Ask> {
        let Some(url) = raw.url else {
            self.complain(&format!("{at}.url"), "is missing: where is it asked?");
            return None;
        };
        let bodies: Vec<&str> = [
            ("json", raw.json.is_some()),
            ("form", raw.form.is_some()),
            ("multipart", raw.multipart.is_some()),
            ("raw", raw.raw.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect();
        if let [_, second, ..] = bodies[..] {
            self.complain(&format!("{at}.{second}"), format!("a request has one body, not {}", bodies.join(" and ")));
        }
        if let (Some(Method::Get), Some(body)) = (raw.method, bodies.first()) {
            self.complain(&format!("{at}.method"), format!("a GET has no `{body}`; leave `method` out or say POST"));
        }
        let body = if let Some(json) = raw.json {
            Some(AskBody::Json(json.clone()))
        } else if let Some(form) = raw.form {
            Some(AskBody::Form(self.pairs(&format!("{at}.form"), form)))
        } else if let Some(parts) = raw.multipart {
            Some(AskBody::Multipart(parts.iter().map(|(name, part)| (name.clone(), part_of(part))).collect()))
        } else {
            raw.raw.map(|text| AskBody::Raw(text.to_owned(), raw.content_type.unwrap_or("text/plain").to_owned()))
        };
        let method = raw.method.unwrap_or(if body.is_some() { Method::Post } else { Method::Get });
        let query = raw.query.map(|query| self.pairs(&format!("{at}.query"), query)).unwrap_or_default();
        let ask = Ask { method, url: url.to_owned(), query, body, accept: raw.accept.map(str::to_owned) };
        match ask.fill(trial) {
            Ok(question) => {
                // `{url}` alone is checked when it is known.
                if !url.starts_with("{url}") {
                    self.url(&format!("{at}.url"), &question.url, true)?;
                }
                Some(ask)
            }
            Err(reason) => {
                self.complain(at, reason);
                None
            }
        }
    }

    fn pairs(&mut self, at: &str, table: &BTreeMap<String, toml::Value>) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (name, value) in table {
            let values = match value {
                toml::Value::Array(list) => list.iter().collect(),
                one => vec![one],
            };
            for value in values {
                match value {
                    toml::Value::String(text) => pairs.push((name.clone(), text.clone())),
                    toml::Value::Integer(number) => pairs.push((name.clone(), number.to_string())),
                    toml::Value::Float(number) => pairs.push((name.clone(), number.to_string())),
                    toml::Value::Boolean(flag) => pairs.push((name.clone(), flag.to_string())),
                    _ => self.complain(&format!("{at}.{name}"), "expected a text, a number or a list of them"),
                }
            }
        }
        pairs
    }
}

/// `{ json = … }` is a part of JSON; everything else is a text.
fn part_of(part: &Value) -> Value {
    match part {
        Value::Object(map) => map.get("json").cloned().unwrap_or_else(|| part.clone()),
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paging_writes_into_any_place() {
        let mut question = Ask {
            query: vec![("limit".into(), "5".into())],
            body: Some(AskBody::Json(json!({"page": {"size": 5}}))),
            ..Ask::get("https://example.org/a?x=1")
        }
        .fill(&Filling::default())
        .expect("no placeholder");
        for (param, value) in
            [("query.offset", "10"), ("query.limit", "6"), ("json.page.index", "2"), ("header.X-Page", "2")]
        {
            question.set(&Param::parse(param).expect(param), value);
        }
        assert_eq!(question.address(), "https://example.org/a?x=1&limit=6&offset=10");
        assert_eq!(question.body, Some(AskBody::Json(json!({"page": {"size": 5, "index": 2}}))));
        assert_eq!(question.headers, [("X-Page".to_owned(), "2".to_owned())]);
        let mut form = Ask::get("https://example.org/").fill(&Filling::default()).expect("no placeholder");
        form.set(&Param::Form("p".into()), "1");
        assert_eq!(form.body, Some(AskBody::Form(vec![("p".into(), "1".into())])));
        for text in ["", "query", "query.", "body.x", "url.x"] {
            assert_eq!(Param::parse(text), None, "{text}");
        }
    }
}
