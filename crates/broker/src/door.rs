//! Who may ask a forwarder: whoever was told its word. On one machine all runs share a loopback interface, and none may
//! ask in another's name.

use std::fmt;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::PROXY_AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

/// The user beside the word, where a proxy's address has both.
const USER: &str = "run";

/// A word that stands in the addresses by which a run asks.
#[derive(Clone)]
pub struct Door {
    word: String,
}

impl Door {
    /// Takes a word that nobody guesses, of letters and digits.
    #[must_use]
    pub fn new(word: String) -> Self {
        Self { word }
    }

    /// Where requests go: what they ask for is put behind it.
    #[must_use]
    pub fn address(&self, listener: SocketAddr) -> String {
        format!("http://{listener}/{}", self.word)
    }

    /// The same address for tunnels, as `HTTPS_PROXY` has it.
    #[must_use]
    pub fn proxy(&self, listener: SocketAddr) -> String {
        format!("http://{USER}:{}@{listener}", self.word)
    }

    /// What is asked for, without the word; nothing where that is missing or another.
    pub(crate) fn within(&self, asked: &Uri) -> Option<PathAndQuery> {
        let asked = asked.path_and_query()?.as_str();
        let rest = asked.strip_prefix('/')?.strip_prefix(&self.word)?;
        if rest.is_empty() { Some(PathAndQuery::from_static("/")) } else { rest.parse().ok() }
            .filter(|path| path.as_str().starts_with('/'))
    }

    /// Whether a tunnel is asked for with the word.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{}", self.word)));
        headers.get(PROXY_AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes())
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Door(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_behind_the_word() {
        let door = Door::new("w0rd".to_owned());
        for (asked, expected) in [
            ("/w0rd/anthropic/v1/messages?beta=true", Some("/anthropic/v1/messages?beta=true")),
            ("/w0rd", Some("/")),
            ("/w0rd/", Some("/")),
            ("/w0rds/anthropic", None),
            ("/anthropic/v1/messages", None),
            ("/w0r", None),
            ("/", None),
        ] {
            let found = door.within(&asked.parse().unwrap());
            assert_eq!(found.as_ref().map(PathAndQuery::as_str), expected, "{asked}");
        }
    }

    #[test]
    fn tunnels_need_the_word_too() {
        let door = Door::new("w0rd".to_owned());
        assert_eq!(door.proxy("127.0.0.1:1".parse().unwrap()), "http://run:w0rd@127.0.0.1:1");
        for (given, admitted) in [("cnVuOncwcmQ=", true), ("cnVuOm90aGVy", false)] {
            let value = format!("Basic {given}").parse().unwrap();
            assert_eq!(door.admits(&HeaderMap::from_iter([(PROXY_AUTHORIZATION, value)])), admitted);
        }
        assert!(!door.admits(&HeaderMap::new()));
    }
}
