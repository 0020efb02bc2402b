//! What can go wrong with one request, as the end of "could not …", naming the address without its secrets.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use url::Url;

use super::address::OutOfReach;

/// Why there is no answer. `retry` in `retry.rs` says which of these may pass.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody has said who asks.
    #[error(
        "fetch {url}: publishers must be able to reach whoever asks, so set `contact` in config.toml or \
         TENDERWATCH_CONTACT to a mail address or a page"
    )]
    NoContact {
        /// What was asked for.
        url: String,
    },
    /// The contact cannot stand in a header.
    #[error("introduce ourselves as \"{contact}\": a contact is written in visible ASCII characters")]
    BadContact {
        /// As configured.
        contact: String,
    },
    /// The address leads to a host that the source did not name.
    #[error("fetch {url}: the source does not name {host} among its hosts")]
    NotAllowedHost {
        /// What was asked for, or where a redirect led.
        url: String,
        /// Its host.
        host: String,
    },
    /// The host is not on the public internet.
    #[error("fetch {url}: {host} is at {address}, which is {kind}, not public")]
    PrivateAddress {
        /// What was asked for, or where a redirect led.
        url: String,
        /// Its host.
        host: String,
        /// The address it has.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// Not an address that we ask.
    #[error("fetch {url}: {reason}")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header that a request may not set, or that cannot be sent.
    #[error("fetch {url}: the header \"{name}\" cannot be set by a source")]
    BadHeader {
        /// What was asked for.
        url: String,
        /// The header's name.
        name: String,
    },
    /// A redirect that is not followed.
    #[error("fetch {url}: {reason} ({chain})")]
    Redirect {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: &'static str,
        /// Every address on the way, joined by arrows.
        chain: String,
    },
    /// More bytes than agreed.
    #[error("fetch {url}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// Too slow.
    #[error("fetch {url}: {phase} took longer than {} ms (tried {tries} times)", limit.as_millis())]
    Timeout {
        /// What was asked for.
        url: String,
        /// What was waited for.
        phase: &'static str,
        /// How long.
        limit: Duration,
        /// Requests sent.
        tries: u32,
    },
    /// No answer, or half of one.
    #[error("fetch {url}: {cause} (tried {tries} times)")]
    Transport {
        /// What was asked for.
        url: String,
        /// The chain of causes, outermost first.
        cause: String,
        /// Requests sent.
        tries: u32,
    },
    /// The host answered that it cannot answer now.
    #[error("fetch {url}: the host answered {status} (tried {tries} times)")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// How long the host wants to be left alone.
        retry_after: Option<Duration>,
        /// Requests sent.
        tries: u32,
    },
    /// The host wants to be left alone for longer than we wait.
    #[error("fetch {url}: the host asks to be left alone for {} s, more than the {} s we wait", wait.as_secs(), limit.as_secs())]
    RetryAfterTooLong {
        /// What was asked for.
        url: String,
        /// What the host asked for.
        wait: Duration,
        /// The longest wait (`politeness.retry_after_max`).
        limit: Duration,
    },
    /// The body could not be kept on disk.
    #[error("keep the answer of {url}: {source}")]
    Io {
        /// What was asked for.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The client could not be built.
    #[error("start the HTTP client: {cause}")]
    Client {
        /// The chain of causes.
        cause: String,
    },
}

impl FetchError {
    /// Whether asking for something else would end the same way.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NoContact { .. } | Self::BadContact { .. } | Self::RetryAfterTooLong { .. } | Self::Client { .. }
        )
    }

    /// The same error, saying how many requests were sent.
    pub(super) fn after(mut self, sent: u32) -> Self {
        if let Self::Timeout { tries, .. } | Self::Transport { tries, .. } | Self::Status { tries, .. } = &mut self {
            *tries = sent;
        }
        self
    }

    /// What the client's error means; `connect` is the time that a connection may take.
    pub(super) fn from_client(url: &Url, error: reqwest::Error, connect: Duration) -> Self {
        let shown = shown(url);
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(OutOfReach { host, address, kind }) = cause.downcast_ref() {
                if *kind == "public" {
                    return Self::NoContact { url: shown };
                }
                return Self::PrivateAddress { url: shown, host: host.clone(), address: *address, kind };
            }
            next = cause.source();
        }
        if error.is_timeout() && error.is_connect() {
            return Self::Timeout { url: shown, phase: "connecting", limit: connect, tries: 1 };
        }
        Self::Transport { url: shown, cause: chain(&error.without_url()), tries: 1 }
    }
}

/// An error and its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// An address fit for logs and messages: no user information, no fragment, and the values of parameters that look
/// like keys masked.
pub(super) fn shown(url: &Url) -> String {
    const SECRET: &[&str] = &["key", "token", "secret", "password", "passwd", "auth", "signature", "sig"];
    let mut url = url.clone();
    // both fail only for addresses without a host, which have nothing to hide there
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    if let Some(query) = url.query().map(str::to_owned) {
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if is_secret(name, SECRET) => format!("{name}=***"),
                _ => pair.to_owned(),
            })
            .collect();
        url.set_query(Some(&masked.join("&")));
    }
    url.into()
}

/// The same for what is no address at all.
pub(super) fn shown_text(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    format!("\"{}\"", text.rsplit('@').next().unwrap_or_default())
}

/// `api_key`, `apikey`, `access-token`; not `keyword` or `author`.
fn is_secret(name: &str, words: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    words.iter().any(|word| name.ends_with(word) || name.split(['_', '-', '.']).any(|part| part == *word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let table = [
            ("https://me:pw@example.org/a?b=c#d", "https://example.org/a?b=c"),
            ("https://example.org/?api_key=1234&page=2", "https://example.org/?api_key=***&page=2"),
            ("https://example.org/?ApiKey=1234", "https://example.org/?ApiKey=***"),
            ("https://example.org/?access_token=x&sig=y", "https://example.org/?access_token=***&sig=***"),
            ("https://example.org/?keyword=radar&author=x", "https://example.org/?keyword=radar&author=x"),
        ];
        for (given, expected) in table {
            assert_eq!(shown(&Url::parse(given).expect(given)), expected);
        }
    }
}
