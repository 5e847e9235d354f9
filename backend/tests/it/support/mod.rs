//! A backend with all that it needs around it.

mod cluster;
mod data;
mod records;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use ambient_backend::{Backend, Config};
use ambient_protocol::token::Signer;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

pub(crate) use cluster::{ADMIN, GUEST, TestCluster};
pub(crate) use data::{demo_events, ended_record, session, transcript};
pub(crate) use records::TestRecords;
pub(crate) use runner::TestRunner;

/// Longest wait for anything; only reached by a test that fails.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// A backend, its cluster and its records.
pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) records: TestRecords,
    pub(crate) keys: String,
    signer: Arc<Signer>,
    router: axum::Router,
    _shutdown: DropGuard,
}

impl World {
    /// A world whose backend has read the sessions that were made by `prepare`.
    pub(crate) async fn with(prepare: impl AsyncFnOnce(&TestCluster)) -> Self {
        let cluster = TestCluster::start().await;
        prepare(&cluster).await;
        let signer = Arc::new(Signer::generate("backend").unwrap());
        let keys = signer.public_paserk().unwrap();
        let records = TestRecords::start(&keys).await;
        let shutdown = CancellationToken::new();
        let mut world = Self {
            cluster,
            records,
            keys,
            signer,
            router: axum::Router::new(),
            _shutdown: shutdown.clone().drop_guard(),
        };
        let backend = Backend::new(world.config(), shutdown);
        world.router = backend.router();
        tokio::spawn(async move { backend.watch().await });
        world
            .wait_until("the sessions are read", async || world.plain("/readyz").await.0 == StatusCode::OK)
            .await;
        world
    }

    /// Serves on a port of this machine until `shutdown`.
    pub(crate) async fn serve(
        &self,
        shutdown: CancellationToken,
    ) -> (std::net::SocketAddr, JoinHandle<std::io::Result<()>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, tokio::spawn(ambient_backend::serve(self.config(), listener, shutdown)))
    }

    fn config(&self) -> Config {
        Config {
            clients: self.cluster.clients(),
            watch: self.cluster.own(),
            signer: Arc::clone(&self.signer),
            records_url: self.records.url.clone(),
            public_url: "http://ambient.test".to_owned(),
        }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Reads an address with the administrator's token.
    pub(crate) async fn get(&self, address: &str) -> (StatusCode, String) {
        read(self.send(with_token(address, ADMIN)).await).await
    }

    /// Reads an address without a token.
    pub(crate) async fn plain(&self, address: &str) -> (StatusCode, String) {
        read(self.send(Request::get(address).body(Body::empty()).unwrap()).await).await
    }

    /// Reads JSON with the administrator's token.
    pub(crate) async fn json(&self, address: &str) -> serde_json::Value {
        let (status, text) = self.get(address).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until something holds: looks again at once after each look, since each look lets others go on.
    pub(crate) async fn wait_until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let wait = async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }
}

/// A request with a token.
pub(crate) fn with_token(address: &str, token: &str) -> Request<Body> {
    Request::get(address).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

/// An answer's status and text.
pub(crate) async fn read(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The value of a header, as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// Reads a stream until its text holds `end`, or to its end.
pub(crate) async fn read_until(response: Response<Body>, end: &str) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let mut text = String::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
            if text.contains(end) {
                return;
            }
        }
    };
    tokio::time::timeout(BOUND, reading).await.unwrap_or_else(|_| panic!("no {end:?} in time"));
    text
}
