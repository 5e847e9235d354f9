//! How a Secret's entries become the header that opens an upstream, and where they send it.

use std::borrow::Cow;
use std::fmt;

use ambient_protocol::broker::{CredentialReference, Upstream, UpstreamKind, is_base_url};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

use crate::credentials::{CredentialError, Fields};

/// The entry with what Google Cloud's own programs find in a file, whose path they are told by a variable of this name.
const ON_FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The user that forges take beside a token.
const TOKEN_USER: &str = "x-access-token";

/// The upstream at the address that its Secret names, if that names one.
pub(crate) fn located<'u>(
    upstream: &'u Upstream,
    reference: &CredentialReference,
    fields: &Fields,
) -> Result<Cow<'u, Upstream>, CredentialError> {
    let Some(entry) = &reference.address_entry else { return Ok(Cow::Borrowed(upstream)) };
    let address = fields.get(entry).map(|text| text.trim()).filter(|text| !text.is_empty());
    match address {
        None => Ok(Cow::Borrowed(upstream)),
        Some(address) if is_base_url(address) => {
            Ok(Cow::Owned(Upstream { base_url: address.to_owned(), ..upstream.clone() }))
        }
        Some(_) => Err(CredentialError::Address {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
            entry: entry.clone(),
        }),
    }
}

/// A credential as it is sent. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct Credential {
    /// The header.
    pub(crate) name: HeaderName,
    /// Its value.
    pub(crate) value: HeaderValue,
    /// The texts that must be seen in no answer.
    pub(crate) secrets: Vec<String>,
}

impl Credential {
    /// Makes the header for a model's service from a Secret's entries.
    pub(crate) fn of_model(
        upstream: &Upstream,
        reference: &CredentialReference,
        fields: &Fields,
    ) -> Result<Self, CredentialError> {
        check_way(upstream, reference, fields)?;
        let (entry, key) = model_key(upstream.kind, reference, fields)?;
        let bearer = entry.ends_with("TOKEN") || upstream.kind == UpstreamKind::OpenAi;
        let (name, text) = match upstream.kind {
            _ if bearer => (header::AUTHORIZATION, format!("Bearer {key}")),
            UpstreamKind::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
            UpstreamKind::VertexAnthropic => (header::AUTHORIZATION, format!("Bearer {key}")),
            _ => (HeaderName::from_static("x-goog-api-key"), key.to_owned()),
        };
        Self::header(name, &text, vec![key.to_owned()]).ok_or_else(|| missing(reference, entry))
    }

    /// Makes the header for a service of Google Cloud from an access token.
    pub(crate) fn of_token(
        upstream: &Upstream,
        reference: &CredentialReference,
        fields: &Fields,
        token: String,
    ) -> Result<Self, CredentialError> {
        check_way(upstream, reference, fields)?;
        let made = Self::header(header::AUTHORIZATION, &format!("Bearer {token}"), vec![token]);
        made.ok_or_else(|| missing(reference, ON_FILE))
    }

    /// Whether it is shown as a bearer token.
    pub(crate) fn is_bearer(&self) -> bool {
        self.name == header::AUTHORIZATION
    }

    /// Makes the header for the repository at `address`; none where the Secret is for another place.
    pub(crate) fn of_repository(
        upstream: &Upstream,
        address: &str,
        reference: &CredentialReference,
        fields: &Fields,
    ) -> Result<Option<Self>, CredentialError> {
        let field = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let url = field("url").ok_or_else(|| missing(reference, "url"))?;
        if !is_within(address, url) {
            return Ok(None);
        }
        check_way(upstream, reference, fields)?;
        let password = field("password").or_else(|| field("token"));
        let password = password.ok_or_else(|| missing(reference, "password or token"))?;
        let pair = format!("{}:{password}", field("username").unwrap_or(TOKEN_USER));
        let encoded = STANDARD.encode(&pair);
        let secrets = vec![password.to_owned(), encoded.clone()];
        let made = Self::header(header::AUTHORIZATION, &format!("Basic {encoded}"), secrets);
        made.map(Some).ok_or_else(|| missing(reference, "password or token"))
    }

    fn header(name: HeaderName, text: &str, secrets: Vec<String>) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self { name, value, secrets })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The entries that hold a model's key where a reference names none, the first that there is.
const fn usual_entries(kind: UpstreamKind) -> &'static [&'static str] {
    match kind {
        UpstreamKind::Anthropic => &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
        UpstreamKind::Gemini => &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        UpstreamKind::VertexAnthropic => &[ON_FILE, "GOOGLE_ACCESS_TOKEN"],
        UpstreamKind::VertexGemini => &[ON_FILE, "GOOGLE_ACCESS_TOKEN", "GOOGLE_API_KEY"],
        UpstreamKind::OpenAi => &["OPENAI_API_KEY"],
        UpstreamKind::GitHttp => &[],
    }
}

/// The entry of a Secret for which Google Cloud gives a token, and its text; none where it has the token or a key.
pub(crate) fn on_file<'a>(
    kind: UpstreamKind,
    reference: &'a CredentialReference,
    fields: &'a Fields,
) -> Option<(&'a str, &'a str)> {
    let is_vertex = matches!(kind, UpstreamKind::VertexAnthropic | UpstreamKind::VertexGemini);
    let found = model_key(kind, reference, fields).ok().filter(|_| is_vertex);
    found.filter(|(entry, text)| *entry == ON_FILE || text.starts_with('{'))
}

fn model_key<'a>(
    kind: UpstreamKind,
    reference: &'a CredentialReference,
    fields: &'a Fields,
) -> Result<(&'a str, &'a str), CredentialError> {
    let usual = usual_entries(kind);
    let wanted: Vec<&str> = reference.key.as_deref().map_or_else(|| usual.to_vec(), |key| vec![key]);
    let found = wanted.iter().find_map(|entry| {
        let key = fields.get(*entry)?.trim();
        (!key.is_empty()).then_some((*entry, key))
    });
    found.ok_or_else(|| missing(reference, &wanted.join(" or ")))
}

/// Refuses to send a credential where others can read it.
fn check_way(
    upstream: &Upstream,
    reference: &CredentialReference,
    fields: &Fields,
) -> Result<(), CredentialError> {
    let may_be_seen = fields.get("plainHttp").is_some_and(|text| text.trim() == "true");
    if may_be_seen || is_safe(&upstream.base_url) {
        return Ok(());
    }
    let (namespace, name) = (reference.namespace.clone(), reference.name.clone());
    Err(CredentialError::InTheClear { namespace, name, url: upstream.base_url.clone() })
}

/// Whether nobody on the way can read what is sent: it is encrypted, or stays on this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return true };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = if authority.starts_with('[') {
        authority.split_inclusive(']').next()
    } else {
        authority.split(':').next()
    };
    let host = host.unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a repository is the one that a credential is for, or lies below it. A path ends at a slash, so that one name
/// is not taken for a longer one.
fn is_within(repository: &str, allowed: &str) -> bool {
    let folder = |url: &str| {
        let url = url.trim_end_matches('/');
        format!("{}/", url.strip_suffix(".git").unwrap_or(url))
    };
    folder(repository).starts_with(&folder(allowed))
}

fn missing(reference: &CredentialReference, entry: &str) -> CredentialError {
    let (namespace, name) = (reference.namespace.clone(), reference.name.clone());
    CredentialError::Missing { namespace, name, entry: entry.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(
        kind: UpstreamKind,
        key: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<String, CredentialError> {
        let reference = CredentialReference {
            namespace: "demo".to_owned(),
            name: "keys".to_owned(),
            key: key.map(str::to_owned),
            address_entry: None,
        };
        let upstream = Upstream {
            name: "u".to_owned(),
            kind,
            base_url: "https://forge.example".to_owned(),
            credential: None,
            models: Vec::new(),
            repositories: Vec::new(),
            place: None,
        };
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let made = match kind {
            UpstreamKind::GitHttp => {
                let address = "https://forge.example/team/app";
                match Credential::of_repository(&upstream, address, &reference, &fields)? {
                    Some(made) => made,
                    None => return Ok("none".to_owned()),
                }
            }
            _ => Credential::of_model(&upstream, &reference, &fields)?,
        };
        assert!(made.value.is_sensitive() && !format!("{made:?}").contains("the-key"));
        Ok(format!("{}: {}", made.name, made.value.to_str().unwrap()))
    }

    #[test]
    fn each_upstream_gets_its_header() {
        use UpstreamKind::{Anthropic, Gemini, GitHttp, OpenAi, VertexAnthropic, VertexGemini};
        let basic = |pair: &str| format!("authorization: Basic {}", STANDARD.encode(pair));
        for (kind, key, entry, expected) in [
            (Anthropic, None, ("ANTHROPIC_API_KEY", "the-key\n"), "x-api-key: the-key".to_owned()),
            (
                Anthropic,
                None,
                ("ANTHROPIC_AUTH_TOKEN", "the-key"),
                "authorization: Bearer the-key".to_owned(),
            ),
            (Anthropic, Some("mine"), ("mine", "the-key"), "x-api-key: the-key".to_owned()),
            (Gemini, None, ("GOOGLE_API_KEY", "the-key"), "x-goog-api-key: the-key".to_owned()),
            (VertexAnthropic, Some("t"), ("t", "the-key"), "authorization: Bearer the-key".to_owned()),
            (
                VertexGemini,
                None,
                ("GOOGLE_ACCESS_TOKEN", "the-key"),
                "authorization: Bearer the-key".to_owned(),
            ),
            (OpenAi, None, ("OPENAI_API_KEY", "the-key"), "authorization: Bearer the-key".to_owned()),
        ] {
            assert_eq!(header(kind, key, &[entry]), Ok(expected), "{kind:?}");
        }
        let url = ("url", "https://forge.example");
        let token = [("token", "the-key"), url];
        assert_eq!(header(GitHttp, None, &token), Ok(basic("x-access-token:the-key")));
        let named = [("username", "jane"), ("password", "the-key"), url];
        assert_eq!(header(GitHttp, None, &named), Ok(basic("jane:the-key")));
        assert!(matches!(header(Anthropic, None, &[]), Err(CredentialError::Missing { .. })));
        assert!(matches!(
            header(Anthropic, None, &[("ANTHROPIC_API_KEY", "a\nb")]),
            Err(CredentialError::Missing { .. })
        ));
    }

    #[test]
    fn what_is_sent_in_the_clear_stays_on_this_machine() {
        for (url, safe) in [
            ("https://a.example", true),
            ("http://127.0.0.1:80/x", true),
            ("http://localhost", true),
            ("http://[::1]:80", true),
            ("http://a.example", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example:80", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_safe(url), safe, "{url}");
        }
    }

    #[test]
    fn a_git_credential_goes_to_its_repository_alone() {
        for (url, goes) in [
            ("https://forge.example/team/app", true),
            ("https://forge.example/team/app.git", true),
            ("https://forge.example/team", true),
            ("https://forge.example", true),
            ("https://forge.example/team/ap", false),
            ("https://forge.example/team/app2", false),
            ("https://forge.example.evil", false),
            ("https://other.example/team/app", false),
        ] {
            let made = header(UpstreamKind::GitHttp, None, &[("token", "the-key"), ("url", url)]);
            assert_eq!(made.as_deref() != Ok("none"), goes, "{url}: {made:?}");
        }
        assert!(
            header(UpstreamKind::GitHttp, None, &[("token", "the-key")]).is_err(),
            "it says for what it is"
        );
    }

    #[test]
    fn the_owner_of_a_key_says_where_it_goes() {
        let reference = CredentialReference {
            namespace: "demo".to_owned(),
            name: "keys".to_owned(),
            key: None,
            address_entry: Some("AT".to_owned()),
        };
        let upstream = Upstream {
            name: "u".to_owned(),
            kind: UpstreamKind::Anthropic,
            base_url: "https://usual.example".to_owned(),
            credential: None,
            models: Vec::new(),
            repositories: Vec::new(),
            place: None,
        };
        for (text, expected) in [
            ("", Some("https://usual.example")),
            (" https://own.example/x\n", Some("https://own.example/x")),
            ("own.example", None),
            ("https://user@own.example", None),
        ] {
            let fields = Fields::from([("AT".to_owned(), text.to_owned())]);
            let found = located(&upstream, &reference, &fields);
            assert_eq!(found.ok().map(|found| found.base_url.clone()).as_deref(), expected, "{text}");
        }
    }
}
