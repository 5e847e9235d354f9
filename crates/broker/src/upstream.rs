//! The one client that reaches upstreams.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::Limits;

/// Idle connections are closed before most servers close them.
const IDLE: Duration = Duration::from_secs(50);

/// Sends requests. It follows no redirects and knows no proxies.
#[derive(Clone)]
pub(crate) struct UpstreamClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// No connection: nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// A connection that broke.
    #[error("{0}")]
    Broken(String),
    /// None in time.
    #[error("it has not answered in time")]
    Silent,
}

impl UpstreamClient {
    /// Trusts the system's roots, or those of `SSL_CERT_FILE`.
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        connector.set_keepalive(Some(Duration::from_secs(60)));
        let provider = rustls::crypto::ring::default_provider();
        let trusting = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider) {
            Ok(trusting) => trusting,
            Err(error) => {
                tracing::warn!(%error, "this system has no root certificates: upstreams with https cannot be reached");
                HttpsConnectorBuilder::new().with_tls_config(trusting_nobody())
            }
        };
        let connector = trusting.https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        Self { client: client.build(connector), answer_timeout: limits.answer_timeout }
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, NoAnswer> {
        let answered = tokio::time::timeout(self.answer_timeout, self.client.request(request)).await;
        let answered = answered.map_err(|_| NoAnswer::Silent)?;
        answered.map_err(|error| match error.is_connect() {
            true => NoAnswer::Unreachable(causes(&error)),
            false => NoAnswer::Broken(causes(&error)),
        })
    }
}

fn trusting_nobody() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocols' suites")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// An error with what caused it. None of these holds headers.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
