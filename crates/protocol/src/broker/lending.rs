//! What a run is lent: which keys the broker holds in an agent's place, under which address each service then is, and
//! which repositories are read through it. Operator and runner work it out from the same effective session.

use std::collections::BTreeMap;

use super::vertex;
use super::{CredentialReference, Upstream, UpstreamKind};
use crate::effective::EffectiveSession;

/// The Secret with a project's model keys, where its settings name no other.
pub const RUNNER_SECRET: &str = "ambient-runner-secrets";
/// What an agent finds in place of a key: its program insists on one.
pub const LENT_KEY: &str = "lent-by-the-broker";

/// A model's service whose keys the broker lends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelService {
    /// The name of its upstream.
    pub name: &'static str,
    /// What it speaks.
    pub kind: UpstreamKind,
    /// The key's entry in the Secret, and the variable in which agents' programs look for it.
    pub key: &'static str,
    /// The variable that tells agents' programs another address; in the Secret, the entry that tells the broker.
    pub address_entry: &'static str,
    /// Where it is, if the Secret says nothing else.
    pub address: &'static str,
}

/// The services whose keys are lent. What a program puts behind its address differs: OpenAI's programs expect the
/// version in it.
pub const MODEL_SERVICES: [ModelService; 3] = [
    ModelService {
        name: "anthropic",
        kind: UpstreamKind::Anthropic,
        key: "ANTHROPIC_API_KEY",
        address_entry: "ANTHROPIC_BASE_URL",
        address: "https://api.anthropic.com",
    },
    ModelService {
        name: "gemini",
        kind: UpstreamKind::Gemini,
        key: "GEMINI_API_KEY",
        address_entry: "GOOGLE_GEMINI_BASE_URL",
        address: "https://generativelanguage.googleapis.com",
    },
    ModelService {
        name: "openai",
        kind: UpstreamKind::OpenAi,
        key: "OPENAI_API_KEY",
        address_entry: "OPENAI_BASE_URL",
        address: "https://api.openai.com/v1",
    },
];

/// The service of a key, if its keys are lent.
#[must_use]
pub fn service_of(key: &str) -> Option<&'static ModelService> {
    MODEL_SERVICES.iter().find(|service| service.key == key)
}

/// The services that a session's agent asks through the broker: those of its keys, or Vertex AI in their place.
pub fn services(session: &EffectiveSession) -> impl Iterator<Item = &'static ModelService> {
    let own = session.agent.key_names.iter().filter_map(|key| service_of(key));
    own.map(|service| vertex::in_place_of(service, session).unwrap_or(service))
}

/// Keys of a session's agent that the broker does not lend: they stay in the agent's environment.
pub fn keys_not_lent(session: &EffectiveSession) -> impl Iterator<Item = &str> {
    session.agent.key_names.iter().map(String::as_str).filter(|key| service_of(key).is_none())
}

/// The upstreams of a session: its model services and the servers of its repositories. `git_secret` opens the latter, as
/// far as it is for them.
#[must_use]
pub fn upstreams(session: &EffectiveSession, git_secret: Option<&CredentialReference>) -> Vec<Upstream> {
    let models = services(session).map(|service| Upstream {
        name: service.name.to_owned(),
        kind: service.kind,
        base_url: vertex::address(service, session),
        credential: Some(CredentialReference {
            namespace: session.key.project().to_owned(),
            name: session.runner_secret.clone().unwrap_or_else(|| RUNNER_SECRET.to_owned()),
            key: None,
            address_entry: Some(service.address_entry.to_owned()),
        }),
        models: session.allowed.models.clone(),
        repositories: Vec::new(),
        place: vertex::place(service, session),
    });
    let servers = git_servers(session).into_iter().map(|(base_url, server)| Upstream {
        name: server.name,
        kind: UpstreamKind::GitHttp,
        base_url,
        credential: git_secret.cloned(),
        models: Vec::new(),
        repositories: server.repositories,
        place: None,
    });
    models.chain(servers).collect()
}

/// The variables by which a session's agent finds what it is lent at `address`, such as `http://127.0.0.1:4711`.
#[must_use]
pub fn variables(session: &EffectiveSession, address: &str) -> BTreeMap<String, String> {
    services(session).flat_map(|service| told(service, session, address)).collect()
}

fn told(service: &ModelService, session: &EffectiveSession, address: &str) -> Vec<(String, String)> {
    let mut told =
        vertex::variables(service, session).unwrap_or_else(|| vec![(service.key, LENT_KEY.to_owned())]);
    told.push((service.address_entry, format!("{address}/{}", service.name)));
    told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The servers of a session's repositories, such as `https://forge.example`, with their paths at the broker.
#[must_use]
pub fn repository_servers(session: &EffectiveSession) -> BTreeMap<String, String> {
    git_servers(session).into_iter().map(|(address, server)| (address, format!("/{}", server.name))).collect()
}

/// The path at the broker under which a session reads a repository, if it is read there: `/<upstream>/<path>`.
#[must_use]
pub fn repository_path(session: &EffectiveSession, url: &str) -> Option<String> {
    let (server, path) = split(url)?;
    let servers = git_servers(session);
    Some(format!("/{}/{path}", servers.get(&server)?.name))
}

/// The addresses of all repositories that a session reads.
pub fn repositories(session: &EffectiveSession) -> impl Iterator<Item = &str> {
    let workflow = session.workflow.iter().map(|workflow| workflow.url.as_str());
    session.repositories.iter().map(|repository| repository.url.as_str()).chain(workflow)
}

struct GitServer {
    name: String,
    repositories: Vec<String>,
}

/// The servers of a session's repositories by address. Those of other transports are read without the broker.
fn git_servers(session: &EffectiveSession) -> BTreeMap<String, GitServer> {
    let mut servers: BTreeMap<String, GitServer> = BTreeMap::new();
    for (address, path) in repositories(session).filter_map(split) {
        let number = servers.len() + 1;
        let server = servers
            .entry(address)
            .or_insert_with(|| GitServer { name: format!("git-{number}"), repositories: Vec::new() });
        let path = path.strip_suffix(".git").map_or_else(|| path.clone(), str::to_owned);
        if !server.repositories.contains(&path) {
            server.repositories.push(path);
        }
    }
    servers
}

/// Server and path of a repository's address over HTTP that names no user.
fn split(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let (host, path) = rest.split_once('/')?;
    let path = path.trim_matches('/');
    let bare = path.strip_suffix(".git").unwrap_or(path);
    let is_plain = !host.is_empty() && !host.contains('@') && super::binding::is_repository(bare);
    is_plain.then(|| (format!("{scheme}://{host}"), path.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::broker) fn session(keys: &[&str], repositories: &[&str]) -> EffectiveSession {
        let repository = |url: &&str| json!({"name": "r", "url": url, "outputBranch": "b"});
        let mut agent =
            serde_json::to_value(crate::AgentRegistry::built_in().get("replay").unwrap()).unwrap();
        agent["keyNames"] = json!(keys);
        let repositories: Vec<_> = repositories.iter().map(repository).collect();
        serde_json::from_value(json!({
            "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
            "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": "replay", "agent": agent, "interactive": false,
            "model": {}, "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60},
            "repositories": repositories, "results": {"url": "/r", "branch": "results"},
            "allowed": {"models": ["claude-*"]},
        }))
        .unwrap()
    }

    #[test]
    fn known_keys_are_lent_and_others_are_named() {
        let session = session(&["ANTHROPIC_API_KEY", "MISTRAL_API_KEY"], &[]);
        assert_eq!(keys_not_lent(&session).collect::<Vec<_>>(), ["MISTRAL_API_KEY"]);
        let upstreams = upstreams(&session, None);
        let [anthropic] = upstreams.as_slice() else { panic!("{upstreams:?}") };
        assert_eq!(anthropic.models, ["claude-*"]);
        let credential = anthropic.credential.as_ref().unwrap();
        assert_eq!((credential.namespace.as_str(), credential.name.as_str()), ("demo", RUNNER_SECRET));
        let told = variables(&session, "http://127.0.0.1:1");
        let told: Vec<_> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected =
            [("ANTHROPIC_API_KEY", LENT_KEY), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1/anthropic")];
        assert_eq!(told, expected);
    }

    #[test]
    fn repositories_over_http_are_read_through_the_broker_and_others_are_not() {
        let urls = [
            "https://forge.example/team/app.git",
            "https://forge.example/team/lib",
            "http://other.example:8080/x",
            "ssh://git@forge.example/team/app",
            "https://user@forge.example/team/app",
            "/srv/app.git",
            "https://forge.example/a b",
        ];
        let session = session(&[], &urls);
        let found = urls.map(|url| repository_path(&session, url));
        let expected =
            [Some("/git-1/team/app.git"), Some("/git-1/team/lib"), Some("/git-2/x"), None, None, None, None];
        assert_eq!(found.each_ref().map(Option::as_deref), expected);
        let servers = [("http://other.example:8080", "/git-2"), ("https://forge.example", "/git-1")];
        let servers = servers.map(|(address, path)| (address.to_owned(), path.to_owned()));
        assert_eq!(repository_servers(&session), servers.into());
        let upstreams = upstreams(&session, None);
        let repositories: Vec<_> =
            upstreams.iter().map(|one| (one.name.as_str(), one.repositories.join(" "))).collect();
        assert_eq!(repositories, [("git-2", "x".to_owned()), ("git-1", "team/app team/lib".to_owned())]);
        assert!(upstreams.iter().all(|one| one.kind == UpstreamKind::GitHttp));
    }
}
