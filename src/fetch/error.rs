//! What can go wrong with one request, as the end of "could not …", naming the address without its secrets.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
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
    /// No connection: refused, unreachable, no such name.
    #[error("fetch {url}: {cause} (tried {tries} times)")]
    Connect {
        /// What was asked for.
        url: String,
        /// The chain of causes, outermost first.
        cause: String,
        /// Requests sent.
        tries: u32,
    },
    /// The host could not prove who it is, or does not speak TLS as we do.
    #[error("fetch {url}: no safe connection to its host: {cause}")]
    Tls {
        /// What was asked for.
        url: String,
        /// What is wrong with certificate or handshake.
        cause: String,
    },
    /// The answer broke off, or its bytes are not as many or not what its head says.
    #[error("fetch {url}: the answer is not whole: {cause} (tried {tries} times)")]
    Truncated {
        /// What was asked for.
        url: String,
        /// The chain of causes, outermost first.
        cause: String,
        /// Requests sent.
        tries: u32,
    },
    /// No answer, or none that is HTTP.
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
    #[error(
        "fetch {url}: the host asks to be left alone for {} s, until {until}, more than the {} s we wait",
        wait.as_secs(),
        limit.as_secs()
    )]
    RetryAfterTooLong {
        /// What was asked for.
        url: String,
        /// What the host asked for.
        wait: Duration,
        /// When that is over.
        until: Timestamp,
        /// The longest wait (`politeness.retry_after_max`).
        limit: Duration,
    },
    /// robots.txt asks us to leave this alone.
    #[error("fetch {url}: robots.txt of its host says \"{rule}\"")]
    Robots {
        /// What was asked for, or where a redirect led.
        url: String,
        /// The line that says so.
        rule: String,
    },
    /// robots.txt could not be read, which is a no to everything for this run.
    #[error("fetch {url}: robots.txt of its host could not be read, and until it can nothing is asked: {reason}")]
    RobotsUnreachable {
        /// What was asked for, or where a redirect led.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The host refuses us again and again, so it is left alone for the rest of the run.
    #[error(
        "fetch from {host}: it is left alone for the rest of this run after {after} refusals in a row, the last: {reason}"
    )]
    Broken {
        /// The host.
        host: String,
        /// Refusals in a row.
        after: u32,
        /// The last one.
        reason: String,
    },
    /// The source has used up its requests.
    #[error("fetch more: the {budget} requests that this source may send are used up")]
    BudgetUsed {
        /// How many there were.
        budget: u64,
    },
    /// The source is not asked at this time of day.
    #[error("fetch now: this source is asked from {next} on")]
    OutsideHours {
        /// When it may be asked next, on its own clocks.
        next: Zoned,
    },
    /// The source has used up its time.
    #[error("fetch more: the time that a run of this source may take is used up")]
    RunTimeUsed,
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
            Self::NoContact { .. }
                | Self::BadContact { .. }
                | Self::Tls { .. }
                | Self::RetryAfterTooLong { .. }
                | Self::RobotsUnreachable { .. }
                | Self::Broken { .. }
                | Self::BudgetUsed { .. }
                | Self::OutsideHours { .. }
                | Self::RunTimeUsed
                | Self::Client { .. }
        )
    }

    /// Whether it lies with the one who asks, so that another might get an answer.
    pub(super) fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::NoContact { .. }
                | Self::PrivateAddress { .. }
                | Self::Broken { .. }
                | Self::RetryAfterTooLong { .. }
                | Self::BudgetUsed { .. }
                | Self::OutsideHours { .. }
                | Self::RunTimeUsed
                | Self::Tls { .. }
                | Self::Io { .. }
                | Self::Client { .. }
        )
    }

    /// The same error, saying how many requests were sent.
    pub(super) fn after(mut self, sent: u32) -> Self {
        if let Self::Timeout { tries, .. }
        | Self::Connect { tries, .. }
        | Self::Truncated { tries, .. }
        | Self::Transport { tries, .. }
        | Self::Status { tries, .. } = &mut self
        {
            *tries = sent;
        }
        self
    }

    /// What the client's error means before the head of an answer is here; `connect` is the time that a connection may
    /// take.
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
            if let Some(tls) = tls_error(cause) {
                return Self::Tls { url: shown, cause: tls.to_string() };
            }
            next = cause.source();
        }
        if error.is_timeout() && error.is_connect() {
            return Self::Timeout { url: shown, phase: "connecting", limit: connect, tries: 1 };
        }
        let connecting = error.is_connect();
        let cause = chain(&error.without_url());
        if connecting {
            return Self::Connect { url: shown, cause, tries: 1 };
        }
        Self::Transport { url: shown, cause, tries: 1 }
    }

    /// What the client's error means once the head is here: whatever it is, the body is not whole.
    pub(super) fn from_body(url: &Url, error: reqwest::Error) -> Self {
        Self::Truncated { url: shown(url), cause: chain(&error.without_url()), tries: 1 }
    }
}

/// TLS errors travel inside I/O errors, which do not name what is in them as their source.
fn tls_error<'e>(mut cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    loop {
        if let Some(error) = cause.downcast_ref() {
            return Some(error);
        }
        cause = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
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
