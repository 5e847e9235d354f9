//! The requests that a LangGraph server is sent.

use ambient_protocol::causes::with_causes;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::frames::FrameStream;
use super::patience::Patience;

/// Most bytes of an answer that is read whole.
const BODY_LIMIT: usize = 1024 * 1024;
/// Most characters of a server's words in a message.
const WORDS_LIMIT: usize = 1000;
/// How the key is shown.
pub(super) const KEY_HEADER: &str = "x-api-key";

/// One server.
pub(super) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    key: Option<String>,
    patience: Patience,
}

/// A run of a server.
#[derive(Debug, Clone)]
pub(super) struct RunPath {
    pub(super) thread_id: String,
    pub(super) run_id: String,
}

impl RunPath {
    fn path(&self) -> String {
        format!("/threads/{}/runs/{}", self.thread_id, self.run_id)
    }
}

impl Api {
    /// Trusts the system's root certificates, or those of `SSL_CERT_FILE`.
    pub(super) fn new(url: &str, key: Option<String>, patience: &Patience) -> Result<Self, ApiError> {
        let base = url.trim_end_matches('/').to_owned();
        let parsed = base.parse::<Uri>().ok();
        let scheme = parsed.as_ref().and_then(|uri| uri.host().and(uri.scheme_str()));
        if !matches!(scheme, Some("http" | "https")) {
            return Err(ApiError::Address(base));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(patience.connection));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(trusting_nobody()))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        // A connection that was broken once is not used again.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, base, key, patience: patience.clone() })
    }

    /// Asks for a run; its stream begins with its first frame.
    pub(super) async fn start(
        &self,
        thread_id: &str,
        run: &Value,
    ) -> Result<(RunPath, FrameStream), ApiError> {
        let path = format!("/threads/{thread_id}/runs/stream");
        let answer = self.send(Method::POST, &path, None, Some(run), self.patience.answer).await?;
        let run_id = run_id(&answer).ok_or_else(|| ApiError::Unexpected {
            request: self.name(&Method::POST, &path),
            what: "it names no run in content-location; is it a LangGraph server?",
        })?;
        let run = RunPath { thread_id: thread_id.to_owned(), run_id };
        Ok((run, FrameStream::new(answer.into_body(), self.patience.silence)))
    }

    /// The stream of a run from behind a frame.
    pub(super) async fn rejoin(&self, run: &RunPath, after: &str) -> Result<FrameStream, ApiError> {
        let path = format!("{}/stream", run.path());
        let answer = self.send(Method::GET, &path, Some(after), None, self.patience.answer).await?;
        Ok(FrameStream::new(answer.into_body(), self.patience.silence))
    }

    /// The server's word for how a run stands.
    pub(super) async fn status(&self, run: &RunPath) -> Result<String, ApiError> {
        let path = run.path();
        let run = self.read(&path).await?;
        let what = "its answer names no status";
        let unexpected = || ApiError::Unexpected { request: self.name(&Method::GET, &path), what };
        run["status"].as_str().map(str::to_owned).ok_or_else(unexpected)
    }

    /// Whether the server has a conversation in which something was said.
    pub(super) async fn has_conversation(&self, thread_id: &str) -> Result<bool, ApiError> {
        match self.read(&format!("/threads/{thread_id}/state?subgraphs=false")).await {
            Ok(state) => Ok(state["values"].as_object().is_some_and(|values| !values.is_empty())),
            Err(ApiError::Refused { status: 404, .. }) => Ok(false),
            // One that is too long to be read is there.
            Err(ApiError::Unexpected { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, path: &str) -> Result<Value, ApiError> {
        let answer = self.send(Method::GET, path, None, None, self.patience.answer).await?;
        let unexpected = |what| ApiError::Unexpected { request: self.name(&Method::GET, path), what };
        let body = body(answer).await.map_err(|_| unexpected("its answer broke off"))?;
        serde_json::from_slice(&body).map_err(|_| unexpected("its answer is no JSON"))
    }

    /// Has the server end a run.
    pub(super) async fn cancel(&self, run: &RunPath) -> Result<(), ApiError> {
        let path = format!("{}/cancel?wait=false&action=interrupt", run.path());
        self.send(Method::POST, &path, None, None, self.patience.cancellation).await.map(drop)
    }

    /// Whether the server answers.
    pub(super) async fn is_ready(&self) -> bool {
        self.send(Method::GET, "/ok", None, None, self.patience.answer).await.is_ok()
    }

    /// The address of a run's stream, for messages.
    pub(super) fn stream_url(&self, run: &RunPath) -> String {
        format!("{}{}/stream", self.base, run.path())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        after: Option<&str>,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Response<Incoming>, ApiError> {
        let name = self.name(&method, path);
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header(KEY_HEADER, key);
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request
            .body(Full::new(body))
            .map_err(|error| ApiError::NoAnswer { request: name.clone(), cause: error.to_string() })?;
        let answer = tokio::time::timeout(patience, self.client.request(request)).await;
        let cause = match answer {
            Ok(Ok(answer)) if answer.status().is_success() => return Ok(answer),
            Ok(Ok(answer)) => return Err(refusal(name, answer).await),
            Ok(Err(error)) => with_causes(&error),
            Err(_) => format!("no answer within {} s", patience.as_secs()),
        };
        Err(ApiError::NoAnswer { request: name, cause })
    }

    fn name(&self, method: &Method, path: &str) -> String {
        format!("{method} {}{path}", self.base)
    }
}

/// Where the system has no root certificates, only addresses with http can be asked.
fn trusting_nobody() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocols' suites")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The last part of `content-location: /threads/{thread}/runs/{run}`.
fn run_id(answer: &Response<Incoming>) -> Option<String> {
    let location = answer.headers().get("content-location")?.to_str().ok()?;
    let (_, run_id) = location.rsplit_once("/runs/")?;
    (!run_id.is_empty() && !run_id.contains('/')).then(|| run_id.to_owned())
}

async fn refusal(request: String, answer: Response<Incoming>) -> ApiError {
    let status = answer.status().as_u16();
    let body = body(answer).await.unwrap_or_default();
    let detail = serde_json::from_slice::<Value>(&body).ok();
    let detail = detail.and_then(|body| body["detail"].as_str().map(str::to_owned));
    let words = detail.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    ApiError::Refused { request, status, words: words.chars().take(WORDS_LIMIT).collect() }
}

async fn body(answer: Response<Incoming>) -> Result<Bytes, String> {
    let body = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
}

/// A request has not brought what it was for. It names method and address, never the key.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("LANGGRAPH_URL is \"{0}\", which is no http or https address")]
    Address(String),
    #[error("{request}: {cause}")]
    NoAnswer { request: String, cause: String },
    #[error("{request} was answered with {status}: {words}")]
    Refused { request: String, status: u16, words: String },
    #[error("{request}: {what}")]
    Unexpected { request: String, what: &'static str },
}

impl ApiError {
    /// Whether trying again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Unexpected { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Address(_) => false,
        }
    }
}
