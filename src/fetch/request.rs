//! What is asked: one question, as its source writes it.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::error::{shown, shown_text};

/// GET, or a search by POST; both are reads and may be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Ask for a page, a file, a feed.
    #[default]
    Get,
    /// Ask with a body.
    Post,
}

/// What the last answer said about its version; makes a request conditional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Sent as `If-None-Match`.
    pub etag: Option<String>,
    /// Sent as `If-Modified-Since`.
    pub last_modified: Option<String>,
}

/// What a POST carries.
#[derive(Clone, PartialEq)]
pub enum RequestBody {
    /// `application/json`.
    Json(Value),
    /// `application/x-www-form-urlencoded`, in this order.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`, in this order.
    Multipart(Vec<Part>),
    /// As it stands.
    Raw {
        /// The body.
        text: String,
        /// Its `Content-Type`.
        media_type: String,
    },
}

/// One field of a multipart body.
#[derive(Clone, PartialEq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// Its value.
    pub content: PartContent,
}

/// The value of a part.
#[derive(Clone, PartialEq)]
pub enum PartContent {
    /// Sent as `application/json`.
    Json(Value),
    /// Sent without a type, as a browser does.
    Text(String),
}

/// One question.
#[derive(Clone, Default)]
pub struct Request {
    /// How; a request with a body is a POST in any case.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Parameters that are keys: joined to the address as it is sent, to the first host only, so that no message, no
    /// log and no [`super::Fetched::url`] ever has them.
    pub query_keys: Vec<(String, String)>,
    /// Fixed headers of the source, keys among them; never ours (user agent, host, validators, cookies, range).
    pub headers: Vec<(String, String)>,
    /// The media type that is asked for, sent as `Accept`.
    pub accept_media: Option<String>,
    /// The body of a POST.
    pub body: Option<RequestBody>,
    /// What we have already.
    pub validators: Option<Validators>,
    /// Only the first so many bytes are asked for. Then 206 is an answer, and so is 200: the host sent it all.
    pub range: Option<u64>,
    /// Statuses that are answers although they usually mean "try later" or "not you": returned at once.
    pub accept: Vec<u16>,
    /// Statuses that mean "ask again a little later" although they usually are answers. They win over `accept`.
    pub retry_on: Vec<u16>,
    /// A smaller bound for this answer than `limits.answer`, in bytes after decompression.
    pub max_bytes: Option<u64>,
    /// Response headers to keep besides the usual ones, names in lower case.
    pub keep: Vec<String>,
}

/// Header values, keys, the query and the body may be secrets, so none is shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Url::parse(&self.url).map_or_else(|_| shown_text(&self.url), |url| shown(&url));
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &headers)
            .field("validators", &self.validators)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Asks for what is at an address.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Asks with a JSON body.
    pub fn post(url: impl Into<String>, json: Value) -> Self {
        Self { method: Method::Post, url: url.into(), body: Some(RequestBody::Json(json)), ..Self::default() }
    }

    /// The method as it is sent first.
    pub(super) fn first_method(&self) -> Method {
        if self.body.is_some() { Method::Post } else { self.method }
    }
}

/// A body as it is sent, with its media type.
#[derive(Clone)]
pub(super) struct Encoded {
    pub(super) bytes: Bytes,
    pub(super) media_type: String,
}

impl RequestBody {
    pub(super) fn encoded(&self) -> Encoded {
        let (bytes, media_type) = match self {
            Self::Json(json) => (json.to_string().into_bytes(), "application/json".to_owned()),
            Self::Form(fields) => {
                let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                (text.into_bytes(), "application/x-www-form-urlencoded".to_owned())
            }
            Self::Multipart(parts) => {
                let boundary = boundary();
                (multipart(parts, &boundary).into_bytes(), format!("multipart/form-data; boundary={boundary}"))
            }
            Self::Raw { text, media_type } => (text.clone().into_bytes(), media_type.clone()),
        };
        Encoded { bytes: bytes.into(), media_type }
    }
}

/// 128 random bits: no part contains it.
fn boundary() -> String {
    format!("----tenderwatch{:032x}", fastrand::u128(..))
}

/// RFC 7578, names escaped as browsers do.
fn multipart(parts: &[Part], boundary: &str) -> String {
    let mut text = String::new();
    for part in parts {
        let name = part.name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22");
        let (media_type, content) = match &part.content {
            PartContent::Json(json) => ("Content-Type: application/json\r\n", json.to_string()),
            PartContent::Text(text) => ("", text.clone()),
        };
        text.extend(["--", boundary, "\r\nContent-Disposition: form-data; name=\"", &name, "\"\r\n", media_type]);
        text.extend(["\r\n", &content, "\r\n"]);
    }
    text.extend(["--", boundary, "--\r\n"]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_does_not_show_its_keys() {
        let secret = || "s3cret".to_owned();
        let request = Request {
            headers: vec![("X-Api-Key".into(), secret())],
            query_keys: vec![("usr".into(), secret())],
            body: Some(RequestBody::Form(vec![("token".into(), secret())])),
            ..Request::get("https://example.org/?token=s3cret&page=1")
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("X-Api-Key") && shown.contains("page=1") && !shown.contains("s3cret"), "{shown}");
        assert_eq!(request.first_method(), Method::Post);
    }

    #[test]
    fn bodies_are_written_as_browsers_write_them() {
        let form = RequestBody::Form(vec![("a b".into(), "ü&=+".into()), ("x".into(), String::new())]).encoded();
        assert_eq!(form.bytes, "a+b=%C3%BC%26%3D%2B&x=");
        let raw = RequestBody::Raw { text: "<q/>".into(), media_type: "text/xml; charset=utf-8".into() }.encoded();
        assert_eq!((raw.bytes.as_ref(), raw.media_type.as_str()), (&b"<q/>"[..], "text/xml; charset=utf-8"));
        let parts = [
            Part { name: "query".into(), content: PartContent::Json(json!({"a": 1})) },
            Part { name: "a\"\r\nb".into(), content: PartContent::Text("*** ü".into()) },
        ];
        let expected = "--B\r\nContent-Disposition: form-data; name=\"query\"\r\nContent-Type: application/json\r\n\r\n\
                        {\"a\":1}\r\n--B\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\"\r\n\r\n*** ü\r\n--B--\r\n";
        assert_eq!(multipart(&parts, "B"), expected);
        let (one, two) =
            (RequestBody::Multipart(parts.to_vec()).encoded(), RequestBody::Multipart(Vec::new()).encoded());
        assert_ne!(one.media_type, two.media_type, "each body has a boundary of its own");
    }
}
