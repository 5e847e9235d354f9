//! What one run may use: the upstreams with their credentials by name, the budget, other destinations, and until when.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RESERVED_NAMES;
use super::egress::EgressRule;
use super::money::MicroDollars;
use crate::run::RunKey;

/// One run's binding. It names credentials and holds none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The run.
    pub run: RunKey,
    /// UID of the session's object, which the run's tokens must have as their audience.
    pub session_uid: String,
    /// What it may reach with a credential.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// What it may use up, over all attempts.
    #[serde(default)]
    pub budget: Budget,
    /// What else it may reach, without any credential.
    #[serde(default)]
    pub egress: Vec<EgressRule>,
    /// When all this ends. What was counted can still be read.
    pub expires_at: Timestamp,
}

/// Bounds of what a run uses up; what is absent is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// Most money. Models without a price are then refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<MicroDollars>,
    /// Most tokens, in and out, those of caches included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

/// One service behind the broker. The agent reaches it as `/<name>/…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upstream {
    /// A DNS label, unique within the binding.
    pub name: String,
    /// What it speaks, which decides what is let through, what is counted, and where the credential goes.
    pub kind: UpstreamKind,
    /// `https://host[:port][/path]`; what follows `/<name>` in a request is put behind it.
    pub base_url: String,
    /// The credential; absent means that none is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialReference>,
    /// Models that may be asked for, each a name or a beginning with `*`; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// For Git: the repositories that may be read, as paths below the base URL without `.git`; empty means none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
    /// For Vertex AI: the place that a path must name; absent means any that the credential opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place at Vertex AI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The Google Cloud project.
    pub project: String,
    /// The region, or `global`.
    pub location: String,
}

/// What an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// Anthropic's Messages API.
    Anthropic,
    /// Gemini's generateContent.
    Gemini,
    /// Anthropic's models on Vertex AI.
    VertexAnthropic,
    /// Gemini on Vertex AI.
    VertexGemini,
    /// OpenAI's Responses and Chat Completions, and what is compatible with them.
    #[serde(rename = "openai")]
    OpenAi,
    /// Git over HTTP, to be read only.
    GitHttp,
}

/// Names a Secret, or the folder of files that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The entry with a model's key, such as `ANTHROPIC_API_KEY`. A name that ends in `TOKEN` says that it is a bearer
    /// token. Git takes `username`, `password` and `token` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The entry with another address of the service, where the Secret has one: whoever owns a key says where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_entry: Option<String>,
}

/// Why a binding is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBinding {
    /// A name that cannot be an upstream's.
    #[error(
        "the upstream name \"{0}\" must be 1 to 63 lower-case letters, digits and '-', and none of bindings, healthz and usage"
    )]
    Name(String),
    /// Two upstreams of one name.
    #[error("two upstreams have the name \"{0}\"")]
    Twice(String),
    /// An address that cannot be one.
    #[error(
        "upstream \"{0}\": the base URL must be https://host or http://host, without user, query and fragment"
    )]
    Url(String),
    /// A credential that cannot be named so.
    #[error("upstream \"{0}\": the credential's namespace, name and key must be plain names")]
    Credential(String),
    /// A repository that cannot be one.
    #[error("upstream \"{upstream}\": \"{repository}\" is no path of a repository, such as team/project")]
    Repository {
        /// The upstream.
        upstream: String,
        /// What was named.
        repository: String,
    },
    /// A place that cannot be one.
    #[error("upstream \"{0}\": project and location must be of letters, digits, '-', '.', ':' and '_'")]
    Place(String),
    /// No audience.
    #[error("the session's UID is missing")]
    Uid,
}

impl Binding {
    /// Checks what types do not.
    ///
    /// # Errors
    /// Names the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidBinding> {
        if self.session_uid.is_empty() {
            return Err(InvalidBinding::Uid);
        }
        let mut names = BTreeSet::new();
        for upstream in &self.upstreams {
            upstream.check()?;
            if !names.insert(&upstream.name) {
                return Err(InvalidBinding::Twice(upstream.name.clone()));
            }
        }
        Ok(())
    }
}

impl Upstream {
    fn check(&self) -> Result<(), InvalidBinding> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = &self.name;
        if !(1..=63).contains(&name.len())
            || !name.bytes().all(inner)
            || RESERVED_NAMES.contains(&name.as_str())
        {
            return Err(InvalidBinding::Name(name.clone()));
        }
        if !is_base_url(&self.base_url) {
            return Err(InvalidBinding::Url(name.clone()));
        }
        if self.credential.as_ref().is_some_and(|credential| !credential.is_plain()) {
            return Err(InvalidBinding::Credential(name.clone()));
        }
        if self.place.as_ref().is_some_and(|place| !place.is_plain()) {
            return Err(InvalidBinding::Place(name.clone()));
        }
        match self.repositories.iter().find(|path| !is_repository(path)) {
            Some(path) => {
                Err(InvalidBinding::Repository { upstream: name.clone(), repository: path.clone() })
            }
            None => Ok(()),
        }
    }
}

impl Place {
    /// Whether its parts can be segments of a path.
    fn is_plain(&self) -> bool {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        let plain =
            |part: &str| (1..=63).contains(&part.len()) && part.bytes().all(inner) && !part.starts_with('.');
        plain(&self.project) && plain(&self.location)
    }
}

impl CredentialReference {
    /// Whether its parts can be names of files.
    fn is_plain(&self) -> bool {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let plain =
            |part: &str| (1..=253).contains(&part.len()) && part.bytes().all(inner) && !part.starts_with('.');
        plain(&self.namespace)
            && plain(&self.name)
            && [&self.key, &self.address_entry].into_iter().flatten().all(|entry| plain(entry))
    }
}

/// Whether it is an address to which paths can be added: without user, query and fragment.
#[must_use]
pub fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let strange =
            |byte: u8| byte.is_ascii_control() || matches!(byte, b' ' | b'@' | b'?' | b'#' | b'%' | b'\\');
        !rest.starts_with(['/', ':'])
            && !rest.is_empty()
            && !rest.bytes().any(strange)
            && !rest.contains("/..")
    })
}

pub(super) fn is_repository(path: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(inner);
    path.split('/').all(part) && !path.ends_with(".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream() -> Upstream {
        Upstream {
            name: "anthropic".to_owned(),
            kind: UpstreamKind::Anthropic,
            base_url: "https://api.anthropic.com".to_owned(),
            credential: Some(CredentialReference {
                namespace: "demo".to_owned(),
                name: "ambient-runner-secrets".to_owned(),
                key: Some("ANTHROPIC_API_KEY".to_owned()),
                address_entry: None,
            }),
            models: vec!["claude-*".to_owned(), "exact".to_owned()],
            repositories: Vec::new(),
            place: None,
        }
    }

    fn check(change: impl FnOnce(&mut Upstream)) -> Result<(), InvalidBinding> {
        let mut upstream = upstream();
        change(&mut upstream);
        Binding {
            run: RunKey::new("demo", "a", 1).unwrap(),
            session_uid: "uid".to_owned(),
            upstreams: vec![upstream],
            budget: Budget::default(),
            egress: Vec::new(),
            expires_at: Timestamp::UNIX_EPOCH,
        }
        .check()
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        assert_eq!(check(|_| ()), Ok(()));
        for name in ["", "usage", "A", "a/b", ".."] {
            assert!(
                matches!(check(|upstream| upstream.name = name.to_owned()), Err(InvalidBinding::Name(_))),
                "{name}"
            );
        }
        for url in
            ["", "ftp://a", "https://", "https:///x", "https://u:p@host", "https://h/?q", "https://h/a/../b"]
        {
            assert!(
                matches!(check(|upstream| upstream.base_url = url.to_owned()), Err(InvalidBinding::Url(_))),
                "{url}"
            );
        }
        for path in ["", "/a", "a/", "../a", "a/.git", "a b", "a.git"] {
            let refused = check(|upstream| upstream.repositories = vec![path.to_owned()]);
            assert!(matches!(refused, Err(InvalidBinding::Repository { .. })), "{path}");
        }
        let place = Place { project: "p/../q".to_owned(), location: "global".to_owned() };
        let refused = check(|upstream| upstream.place = Some(place));
        assert_eq!(refused, Err(InvalidBinding::Place("anthropic".to_owned())));
        let refused = check(|upstream| {
            upstream.credential.as_mut().unwrap().name = "../other".to_owned();
        });
        assert_eq!(refused, Err(InvalidBinding::Credential("anthropic".to_owned())));
    }

    #[test]
    fn a_binding_is_legible_json() {
        let json = serde_json::json!({
            "run": {"project": "demo", "session": "a", "run": 1},
            "sessionUid": "uid",
            "upstreams": [{"name": "o", "kind": "openai", "baseUrl": "http://127.0.0.1:1"},
                {"name": "v", "kind": "vertex-anthropic", "baseUrl": "https://x.example/v1"}],
            "budget": {"maxCost": "1.50", "maxTokens": 10},
            "egress": ["*.pypi.org:443"],
            "expiresAt": "2026-11-21T14:00:00Z",
        });
        let binding: Binding = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(binding.check(), Ok(()));
        assert_eq!(serde_json::to_value(&binding).unwrap(), json);
    }
}
