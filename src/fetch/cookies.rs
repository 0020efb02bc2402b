//! The cookies of one source's run. They are sent by the rules of RFC 6265 to the hosts that set them, shown to nobody,
//! and gone with the run.

use std::fmt;
use std::sync::Arc;

use reqwest::cookie::CookieStore;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// A longer cookie is not kept, as in browsers.
const COOKIE: usize = 4 << 10;
/// No request carries more than that.
const COOKIES: usize = 16 << 10;

/// Cookies; clones share them.
#[derive(Clone, Default)]
pub struct Jar(Arc<reqwest::cookie::Jar>);

/// Cookies are keys.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").finish_non_exhaustive()
    }
}

impl Jar {
    /// Takes what an answer sets.
    pub(super) fn take(&self, url: &Url, head: &HeaderMap) {
        if self.of(url).is_some_and(|value| value.len() > COOKIES) {
            return;
        }
        let mut short = head.get_all(SET_COOKIE).iter().filter(|value| value.len() <= COOKIE);
        self.0.set_cookies(&mut short, url);
    }

    /// What a request to this address carries.
    pub(super) fn cookie(&self, url: &Url) -> Option<HeaderValue> {
        let mut value = self.of(url).filter(|value| value.len() <= COOKIES)?;
        value.set_sensitive(true);
        Some(value)
    }

    fn of(&self, url: &Url) -> Option<HeaderValue> {
        self.0.cookies(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn jar(from: &str, cookies: &[&str]) -> Jar {
        let jar = Jar::default();
        let mut head = HeaderMap::new();
        for cookie in cookies {
            head.append(SET_COOKIE, HeaderValue::from_str(cookie).expect("a header"));
        }
        jar.take(&url(from), &head);
        jar
    }

    #[test]
    fn cookies_go_back_to_where_they_came_from_only() {
        let jar = jar(
            "https://www.example.org/a/login",
            &[
                "host=1; Path=/",
                "safe=2; Path=/; Secure",
                "wide=3; Path=/; Domain=example.org",
                "path=4; Path=/a",
                "alien=5; Path=/; Domain=example.com",
                "past=6; Path=/; Max-Age=0",
                "no cookie",
            ],
        );
        let sent = |to: &str| {
            let value = jar.cookie(&url(to))?;
            let mut pairs: Vec<_> = value.to_str().expect("text").split("; ").map(str::to_owned).collect();
            pairs.sort();
            Some(pairs.join(" "))
        };
        assert_eq!(sent("https://www.example.org/a/b").as_deref(), Some("host=1 path=4 safe=2 wide=3"));
        assert_eq!(sent("https://www.example.org/b").as_deref(), Some("host=1 safe=2 wide=3"));
        assert_eq!(sent("http://www.example.org/b").as_deref(), Some("host=1 wide=3"));
        assert_eq!(sent("https://api.example.org/").as_deref(), Some("wide=3"));
        for other in ["https://example.com/", "https://notexample.org/", "https://www.example.org.evil.com/"] {
            assert_eq!(sent(other), None, "{other}");
        }
        assert!(!format!("{jar:?}").contains("host"));
    }

    #[test]
    fn a_jar_does_not_overflow() {
        let long = format!("long={}", "x".repeat(COOKIE));
        assert!(jar("https://example.org/", &[&long]).cookie(&url("https://example.org/")).is_none());
        let many: Vec<String> = (0..10).map(|n| format!("c{n}={}", "x".repeat(3000))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(jar("https://example.org/", &many).cookie(&url("https://example.org/")).is_none());
    }
}
