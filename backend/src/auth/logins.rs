//! Browsers that are signed in: a cookie holds a random id, the token stays here in memory.
//!
//! So a stolen cookie is worth nothing at the API server, ends within half a day, and ends at once when the backend
//! restarts or the user signs out. `SameSite=Strict` keeps other sites from using it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Name of the cookie; a port follows, because browsers give one host's cookies to all of its ports.
const COOKIE: &str = "ambient_login";
/// How long a sign-in lasts.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Most browsers at a time; the one that signed in first goes when there are more.
const MOST: usize = 1000;

/// Tokens by the digest of the id in the cookie.
pub(crate) struct Logins {
    cookie: String,
    secure: bool,
    entries: Mutex<HashMap<[u8; 32], Login>>,
}

struct Login {
    token: String,
    since: Instant,
}

impl Logins {
    /// Nobody is signed in. The address by which users come names the cookie, and with HTTPS binds it to that.
    pub(crate) fn new(public_url: &str) -> Self {
        let port: Option<u16> =
            public_url.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        let cookie = port.map_or_else(|| COOKIE.to_owned(), |port| format!("{COOKIE}_{port}"));
        Self { cookie, secure: public_url.starts_with("https://"), entries: Mutex::default() }
    }

    /// Keeps a token and gives the id by which it is found again: 244 random bits.
    pub(crate) fn open(&self, token: &str) -> String {
        let id = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, login| login.since.elapsed() < LIFE);
        if entries.len() >= MOST {
            let oldest = entries.iter().min_by_key(|(_, login)| login.since).map(|(digest, _)| *digest);
            oldest.and_then(|digest| entries.remove(&digest));
        }
        entries.insert(digest(&id), Login { token: token.to_owned(), since: Instant::now() });
        id
    }

    /// The token of an id.
    pub(crate) fn token(&self, id: &str) -> Option<String> {
        self.token_at(id, Instant::now())
    }

    fn token_at(&self, id: &str, now: Instant) -> Option<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let login = entries.get(&digest(id))?;
        (now.saturating_duration_since(login.since) < LIFE).then(|| login.token.clone())
    }

    /// Forgets an id.
    pub(crate) fn close(&self, id: &str) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(id));
    }

    /// The id in a request's cookie.
    pub(crate) fn id<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        })
    }

    /// The header that sets the cookie.
    pub(crate) fn cookie(&self, id: &str) -> Option<HeaderValue> {
        self.header(id, LIFE.as_secs())
    }

    /// The header that removes it.
    pub(crate) fn no_cookie(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let (name, secure) = (&self.cookie, if self.secure { "; Secure" } else { "" });
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&text).ok()
    }
}

/// Ids are kept as digests, so that looking one up tells nothing by its time.
fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_ends_by_sign_out_and_by_time() {
        let logins = Logins::new("http://127.0.0.1");
        let (one, two) = (logins.open("token-1"), logins.open("token-2"));
        assert_ne!(one, two);
        assert_eq!(logins.token(&one).as_deref(), Some("token-1"));
        logins.close(&one);
        assert_eq!(logins.token(&one), None);
        assert_eq!(logins.token("guess"), None);
        assert_eq!(logins.token(&two).as_deref(), Some("token-2"));
        assert_eq!(logins.token_at(&two, Instant::now() + LIFE), None);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (line, expected) in [
            ("ambient_login_8080=abc", Some("abc")),
            ("a=b; ambient_login_8080=abc; c=d", Some("abc")),
            ("ambient_login_9090=abc", None),
            ("xambient_login_8080=abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(line));
            assert_eq!(Logins::new("http://127.0.0.1:8080/").id(&headers), expected, "{line}");
        }
    }

    #[test]
    fn a_cookie_of_an_https_address_travels_by_https_alone() {
        for (address, name, secure) in [
            ("http://127.0.0.1:8080", "ambient_login_8080=", false),
            ("https://ambient.example", "ambient_login=", true),
        ] {
            let cookie = Logins::new(address).cookie("id").unwrap();
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with(name), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
        }
    }
}
