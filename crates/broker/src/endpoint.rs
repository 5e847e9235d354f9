//! What a path asks of an upstream. What is not here is refused: other paths create, list and change things at the
//! service, in the account that the credential opens.

use ambient_protocol::broker::{Upstream, UpstreamKind};
use http::Method;

use crate::vertex;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// An answer of a model, which is counted. The model is in the path, or in the body.
    Generate {
        /// The model, where the path names it.
        model: Option<String>,
    },
    /// The size of a prompt, which costs nothing. The model is in the path, or in the body.
    CountTokens {
        /// The model, where the path names it.
        model: Option<String>,
    },
    /// Which models there are.
    Models,
    /// Reading a repository.
    Git {
        /// Its path below the upstream's base URL, without `.git`.
        repository: String,
    },
}

impl Endpoint {
    /// Whether a model is asked, or how much it would read.
    pub(crate) const fn is_of_model(&self) -> bool {
        matches!(self, Self::Generate { .. } | Self::CountTokens { .. })
    }
}

/// Why a path is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEndpoint {
    /// It is none that this broker knows.
    Unknown,
    /// It would write to a repository.
    GitPush,
    /// The repository is not the run's.
    Repository(String),
    /// The place at Vertex AI is not the run's.
    Place(String),
}

/// Finds the endpoint. `path` is what follows the upstream's name, with its slash.
pub(crate) fn endpoint(
    upstream: &Upstream,
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> Result<Endpoint, NoEndpoint> {
    let strange = |byte: u8| byte.is_ascii_control() || matches!(byte, b'%' | b'\\' | b' ');
    if path.bytes().any(strange)
        || path.split('/').any(|part| part == "." || part == "..")
        || path.contains("//")
    {
        return Err(NoEndpoint::Unknown);
    }
    let (is_get, is_post) = (method == Method::GET, method == Method::POST);
    match upstream.kind {
        UpstreamKind::GitHttp => git(upstream, (is_get, is_post), path, query),
        UpstreamKind::Anthropic if is_post && path == "/v1/messages" => {
            Ok(Endpoint::Generate { model: None })
        }
        UpstreamKind::Anthropic if is_post && path == "/v1/messages/count_tokens" => {
            Ok(Endpoint::CountTokens { model: None })
        }
        UpstreamKind::Anthropic if is_get && is_model_list(path) => Ok(Endpoint::Models),
        UpstreamKind::OpenAi if is_post => {
            let path = path.strip_prefix("/v1").unwrap_or(path);
            let known = path == "/responses" || path == "/chat/completions";
            if known { Ok(Endpoint::Generate { model: None }) } else { Err(NoEndpoint::Unknown) }
        }
        UpstreamKind::OpenAi if is_get && is_model_list(path) => Ok(Endpoint::Models),
        UpstreamKind::Gemini if is_post => {
            let models = version(path, &["/v1beta", "/v1alpha", "/v1"]);
            let named = models.and_then(|path| path.strip_prefix("/models/")).ok_or(NoEndpoint::Unknown)?;
            model_method(named)
        }
        UpstreamKind::Gemini
            if is_get && version(path, &["/v1beta", "/v1alpha", "/v1"]).is_some_and(is_model_list) =>
        {
            Ok(Endpoint::Models)
        }
        UpstreamKind::VertexAnthropic | UpstreamKind::VertexGemini if is_post => {
            vertex::endpoint(upstream, path)
        }
        _ => Err(NoEndpoint::Unknown),
    }
}

/// `/models` or `/models/<one>`, with or without a version before it.
fn is_model_list(path: &str) -> bool {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let rest = path.strip_prefix("/models");
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('/').is_some_and(|one| !one.contains(['/', ':']))
    })
}

pub(crate) fn version<'a>(path: &'a str, versions: &[&str]) -> Option<&'a str> {
    versions.iter().find_map(|version| path.strip_prefix(version).filter(|rest| rest.starts_with('/')))
}

/// `<model>:<method>`.
pub(crate) fn model_method(text: &str) -> Result<Endpoint, NoEndpoint> {
    let (model, method) = text.split_once(':').ok_or(NoEndpoint::Unknown)?;
    if model.is_empty() || model.contains('/') {
        return Err(NoEndpoint::Unknown);
    }
    if (model, method) == ("count-tokens", "rawPredict") {
        return Ok(Endpoint::CountTokens { model: None });
    }
    let model = Some(model.to_owned());
    match method {
        "generateContent" | "streamGenerateContent" | "rawPredict" | "streamRawPredict" => {
            Ok(Endpoint::Generate { model })
        }
        "countTokens" => Ok(Endpoint::CountTokens { model }),
        _ => Err(NoEndpoint::Unknown),
    }
}

/// The two requests by which a repository is read: <https://git-scm.com/docs/http-protocol>, the smart protocol alone.
fn git(
    upstream: &Upstream,
    (is_get, is_post): (bool, bool),
    path: &str,
    query: Option<&str>,
) -> Result<Endpoint, NoEndpoint> {
    let path = path.strip_prefix('/').ok_or(NoEndpoint::Unknown)?;
    let asked = if let Some(repository) = path.strip_suffix("/info/refs").filter(|_| is_get) {
        match query {
            Some("service=git-upload-pack") => repository,
            Some("service=git-receive-pack") => return Err(NoEndpoint::GitPush),
            _ => return Err(NoEndpoint::Unknown),
        }
    } else if let Some(repository) =
        path.strip_suffix("/git-upload-pack").filter(|_| is_post && query.is_none())
    {
        repository
    } else if path.ends_with("/git-receive-pack") {
        return Err(NoEndpoint::GitPush);
    } else {
        return Err(NoEndpoint::Unknown);
    };
    let repository = asked.strip_suffix(".git").unwrap_or(asked).to_owned();
    if upstream.repositories.contains(&repository) {
        Ok(Endpoint::Git { repository })
    } else {
        Err(NoEndpoint::Repository(repository))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(kind: UpstreamKind) -> Upstream {
        Upstream {
            name: "u".to_owned(),
            kind,
            base_url: "https://a.example".to_owned(),
            credential: None,
            models: Vec::new(),
            repositories: vec!["team/app".to_owned()],
            place: None,
        }
    }

    fn find(kind: UpstreamKind, method: &Method, address: &str) -> Result<Endpoint, NoEndpoint> {
        let (path, query) =
            address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        endpoint(&upstream(kind), method, path, query)
    }

    #[test]
    fn known_paths_are_let_through() {
        use UpstreamKind::{Anthropic, Gemini, GitHttp, OpenAi};
        let generate = |model: Option<&str>| Endpoint::Generate { model: model.map(str::to_owned) };
        let count = |model: Option<&str>| Endpoint::CountTokens { model: model.map(str::to_owned) };
        let git = Endpoint::Git { repository: "team/app".to_owned() };
        for (kind, method, address, expected) in [
            (Anthropic, Method::POST, "/v1/messages?beta=true", generate(None)),
            (Anthropic, Method::POST, "/v1/messages/count_tokens", count(None)),
            (Anthropic, Method::GET, "/v1/models", Endpoint::Models),
            (Anthropic, Method::GET, "/v1/models/claude", Endpoint::Models),
            (OpenAi, Method::POST, "/v1/responses", generate(None)),
            (OpenAi, Method::POST, "/responses", generate(None)),
            (OpenAi, Method::POST, "/v1/chat/completions", generate(None)),
            (OpenAi, Method::GET, "/v1/models", Endpoint::Models),
            (Gemini, Method::POST, "/v1beta/models/g-1:streamGenerateContent?alt=sse", generate(Some("g-1"))),
            (Gemini, Method::POST, "/v1beta/models/g-1:generateContent", generate(Some("g-1"))),
            (Gemini, Method::POST, "/v1beta/models/g-1:countTokens", count(Some("g-1"))),
            (Gemini, Method::GET, "/v1beta/models", Endpoint::Models),
            (GitHttp, Method::GET, "/team/app.git/info/refs?service=git-upload-pack", git.clone()),
            (GitHttp, Method::GET, "/team/app/info/refs?service=git-upload-pack", git.clone()),
            (GitHttp, Method::POST, "/team/app.git/git-upload-pack", git),
        ] {
            assert_eq!(find(kind, &method, address), Ok(expected), "{kind:?} {address}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        use UpstreamKind::{Anthropic, Gemini, GitHttp, OpenAi};
        let other = |name: &str| NoEndpoint::Repository(name.to_owned());
        for (kind, method, address, expected) in [
            (Anthropic, Method::POST, "/v1/messages/batches", NoEndpoint::Unknown),
            (Anthropic, Method::GET, "/v1/messages", NoEndpoint::Unknown),
            (Anthropic, Method::GET, "/v1/files", NoEndpoint::Unknown),
            (Anthropic, Method::POST, "/v1/x/../messages", NoEndpoint::Unknown),
            (Anthropic, Method::POST, "/v1/%6dessages", NoEndpoint::Unknown),
            (Anthropic, Method::DELETE, "/v1/models/a", NoEndpoint::Unknown),
            (OpenAi, Method::POST, "/v1/files", NoEndpoint::Unknown),
            (Gemini, Method::POST, "/v1beta/models/g:batchGenerateContent", NoEndpoint::Unknown),
            (Gemini, Method::POST, "/v1beta/cachedContents", NoEndpoint::Unknown),
            (GitHttp, Method::GET, "/team/app.git/info/refs", NoEndpoint::Unknown),
            (GitHttp, Method::GET, "/team/app.git/info/refs?service=git-receive-pack", NoEndpoint::GitPush),
            (GitHttp, Method::POST, "/team/app.git/git-receive-pack", NoEndpoint::GitPush),
            (GitHttp, Method::GET, "/team/app.git/objects/info/packs", NoEndpoint::Unknown),
            (GitHttp, Method::GET, "/team/other/info/refs?service=git-upload-pack", other("team/other")),
            (GitHttp, Method::POST, "/team/app/../other/git-upload-pack", NoEndpoint::Unknown),
            (GitHttp, Method::POST, "/team%2fapp/git-upload-pack", NoEndpoint::Unknown),
        ] {
            assert_eq!(find(kind, &method, address), Err(expected), "{kind:?} {address}");
        }
    }
}
