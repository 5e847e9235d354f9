//! Access tokens of Google Cloud, got for what its owners have on file: the key of a service account, or what `gcloud auth
//! application-default login` leaves. They are kept until shortly before they expire.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>,
//! <https://google.aip.dev/auth/4112>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use crate::credential::is_safe;
use crate::upstream::{NoAnswer, UpstreamClient};

/// What the tokens open; what an account may do there, its roles say.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Where tokens are given, where the file names no place.
const TOKEN_ADDRESS: &str = "https://oauth2.googleapis.com/token";
/// How long an assertion is good; the longest there is.
const ASSERTION_SECONDS: i64 = 3600;
/// A token is got anew so long before it expires: a request that takes it must still arrive.
const MARGIN_SECONDS: i64 = 300;
/// How long giving one may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of the answer.
const ANSWER_LIMIT: usize = 64 * 1024;
/// Characters of a service's own words that are told.
const TOLD: usize = 300;

/// What is on file.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OnFile {
    ServiceAccount {
        client_email: String,
        private_key: String,
        private_key_id: Option<String>,
        token_uri: Option<String>,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: String,
        refresh_token: String,
        token_uri: Option<String>,
    },
}

/// Why there is no token. No message holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoToken {
    #[error(
        "it is no key of a service account and no application default credential, in JSON as Google Cloud gives them: {0}"
    )]
    Unreadable(String),
    #[error("its private_key is no RSA key in PEM")]
    PrivateKey,
    #[error("its token_uri is no address with https")]
    Address,
    #[error("{0} gives no token: {1}")]
    Refused(String, String),
}

/// Tokens by the file they were got for.
#[derive(Default)]
pub(crate) struct AccessTokens(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<AccessToken>>>>>);

#[derive(Clone)]
struct AccessToken {
    text: String,
    expires: Timestamp,
}

/// More are not kept.
const MOST_TOKENS: usize = 256;

impl AccessTokens {
    /// The token for what is on file; of those who ask at once, one gets it for all.
    pub(crate) async fn of(
        &self,
        file: &str,
        client: &UpstreamClient,
        now: Timestamp,
    ) -> Result<String, NoToken> {
        let place = self.place(file);
        let mut known = place.lock().await;
        if let Some(token) = known.as_ref().filter(|token| now < token.expires) {
            return Ok(token.text.clone());
        }
        let token = get(file, client, now).await?;
        tracing::info!(until = %token.expires, "an access token of Google Cloud was got");
        Ok(known.insert(token).text.clone())
    }

    fn place(&self, file: &str) -> Arc<tokio::sync::Mutex<Option<AccessToken>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_TOKENS && !all.contains_key(file) {
            all.clear();
        }
        Arc::clone(all.entry(file.to_owned()).or_default())
    }
}

async fn get(file: &str, client: &UpstreamClient, now: Timestamp) -> Result<AccessToken, NoToken> {
    let on_file: OnFile = serde_json::from_str(file).map_err(|error| NoToken::Unreadable(cause(&error)))?;
    let (address, form) = order(&on_file, now)?;
    let refused = |why: String| NoToken::Refused(address.clone(), why);
    let request = Request::post(&address)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|_| NoToken::Address)?;
    let answered = tokio::time::timeout(PATIENCE, answer(client, request)).await;
    let (status, body) = answered.unwrap_or(Err(NoAnswer::Silent)).map_err(|why| refused(why.to_string()))?;
    let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
    match (status, answer.access_token) {
        (StatusCode::OK, Some(text)) => {
            let seconds = answer.expires_in.unwrap_or(ASSERTION_SECONDS).clamp(0, ASSERTION_SECONDS);
            let expires = now.as_second().saturating_add((seconds - MARGIN_SECONDS).max(0));
            let expires = Timestamp::from_second(expires).unwrap_or(Timestamp::MAX);
            Ok(AccessToken { text, expires })
        }
        (status, _) => {
            let said = [answer.error, answer.error_description].into_iter().flatten();
            let said: Vec<_> = std::iter::once(status.as_str().to_owned()).chain(said).collect();
            Err(refused(said.join(" ").chars().filter(|one| !one.is_control()).take(TOLD).collect()))
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<i64>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn answer(
    client: &UpstreamClient,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), NoAnswer> {
    let response = client.send(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| NoAnswer::Broken(error.to_string()))?;
    Ok((status, body.to_bytes()))
}

/// Where a token is asked for, and by which form.
fn order(on_file: &OnFile, now: Timestamp) -> Result<(String, String), NoToken> {
    let address = |named: &Option<String>| {
        let address = named.clone().unwrap_or_else(|| TOKEN_ADDRESS.to_owned());
        let is_address = address.starts_with("https://") || address.starts_with("http://");
        if is_address && is_safe(&address) { Ok(address) } else { Err(NoToken::Address) }
    };
    match on_file {
        OnFile::ServiceAccount { client_email, private_key, private_key_id, token_uri } => {
            let address = address(token_uri)?;
            let issued = now.as_second();
            let header = Header { alg: "RS256", typ: "JWT", kid: private_key_id.as_deref() };
            let claims = Claims {
                iss: client_email,
                scope: SCOPE,
                aud: &address,
                iat: issued,
                exp: issued + ASSERTION_SECONDS,
            };
            let signed = signed(&header, &claims, private_key)?;
            let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
            Ok((address, format!("grant_type={grant}&assertion={signed}")))
        }
        OnFile::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret),
                ("refresh_token", refresh_token),
            ];
            let fields = fields.map(|(name, value)| format!("{name}={}", encoded(value)));
            Ok((address(token_uri)?, fields.join("&")))
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// A JSON web token (RFC 7515, 7518: RS256).
fn signed(header: &Header<'_>, claims: &Claims<'_>, private_key: &str) -> Result<String, NoToken> {
    let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes()).map_err(|_| NoToken::PrivateKey)?;
    let key = any_supported_type(&key).map_err(|_| NoToken::PrivateKey)?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(NoToken::PrivateKey)?;
    let header = serde_json::to_vec(header).expect("texts and numbers are JSON");
    let claims = serde_json::to_vec(claims).expect("texts and numbers are JSON");
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signer.sign(text.as_bytes()).map_err(|_| NoToken::PrivateKey)?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Percent-encodes all that RFC 3986 does not call unreserved.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What is wrong with a file, without its words: they may be a key's.
fn cause(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Data => "another type of credential, or a field is missing,",
        Category::Syntax | Category::Io => "not JSON",
        Category::Eof => "cut off",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made for these tests; it opens nothing.
    const ACCOUNT: &str = include_str!("../tests/it/google/service-account.json");
    /// What `openssl dgst -sha256 -sign` makes of the same.
    const ASSERTION: &str = include_str!("../tests/it/google/assertion.txt");

    fn ordered(file: &str) -> Result<(String, String), NoToken> {
        order(&serde_json::from_str(file).unwrap(), Timestamp::from_second(1_800_000_000).unwrap())
    }

    #[test]
    fn an_account_signs_as_openssl_does() {
        let (address, form) = ordered(ACCOUNT).unwrap();
        assert_eq!(address, "https://oauth2.googleapis.com/token");
        let (grant, assertion) = form.split_once("&assertion=").unwrap();
        assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
        assert_eq!(assertion, ASSERTION.trim());
    }

    #[test]
    fn a_users_own_credential_is_refreshed() {
        let file = r#"{"type": "authorized_user", "client_id": "a.b", "client_secret": "c/d", "refresh_token": "1//e f"}"#;
        let form = "grant_type=refresh_token&client_id=a.b&client_secret=c%2Fd&refresh_token=1%2F%2Fe%20f";
        assert_eq!(ordered(file), Ok((TOKEN_ADDRESS.to_owned(), form.to_owned())));
    }

    #[test]
    fn what_is_no_key_is_told_without_its_words() {
        let key = |from: &str, to: &str| ordered(&ACCOUNT.replace(from, to)).unwrap_err();
        assert_eq!(key("-----BEGIN", "-----"), NoToken::PrivateKey);
        assert_eq!(key("https://oauth2", "http://oauth2"), NoToken::Address);
        assert_eq!(key("https://oauth2.googleapis.com/token", "file:///etc/passwd"), NoToken::Address);
        for file in [
            "/home/me/key.json",
            "",
            r#"{"type": "external_account", "secret": "s3cr3t"}"#,
            r#"{"type": "s3cr3t""#,
        ] {
            let told = serde_json::from_str::<OnFile>(file).err().map(|error| cause(&error)).unwrap();
            assert!(told.contains("line") && !told.contains("s3cr3t"), "{told}");
        }
    }
}
