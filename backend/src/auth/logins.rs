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

/// Name of the cookie.
const COOKIE: &str = "ambient_login";
/// How long a sign-in lasts.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Most browsers at a time; the one that signed in first goes when there are more.
const MOST: usize = 1000;

/// Tokens by the digest of the id in the cookie.
#[derive(Default)]
pub(crate) struct Logins {
    entries: Mutex<HashMap<[u8; 32], Login>>,
}

struct Login {
    token: String,
    since: Instant,
}

impl Logins {
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
}

/// The id in a request's cookie.
pub(crate) fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// The header that sets the cookie.
pub(crate) fn new_cookie(id: &str, secure: bool) -> Option<HeaderValue> {
    cookie(id, LIFE.as_secs(), secure)
}

/// The header that removes it.
pub(crate) fn expired_cookie(secure: bool) -> Option<HeaderValue> {
    cookie("", 0, secure)
}

fn cookie(value: &str, seconds: u64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
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
        let logins = Logins::default();
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
            ("ambient_login=abc", Some("abc")),
            ("a=b; ambient_login=abc; c=d", Some("abc")),
            ("xambient_login=abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(line));
            assert_eq!(cookie_of(&headers), expected, "{line}");
        }
    }
}
