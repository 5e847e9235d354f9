//! A broker with its state, a signer, and a forwarder, on loopback.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ambient_broker::{Broker, Config, Door, FolderCredentials, Limits, SessionToken, forward};
use ambient_protocol::RunKey;
use ambient_protocol::broker::{
    AUDIENCE, Binding, Budget, CredentialReference, EgressRule, RunUsage, SESSION_TOKEN_HEADER, Upstream,
    UpstreamKind,
};
use ambient_protocol::models::ModelTable;
use ambient_protocol::token::{Scope, Signer};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take; a loaded machine is slow, a broken one is stuck.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
/// The planted credential. It is looked for in everything that leaves the broker.
pub(crate) const SECRET: &str = "sk-ant-planted-credential-4711/+";
/// The UID of the session.
pub(crate) const UID: &str = "uid-1";
/// What an agent might send as its own.
pub(crate) const STOLEN: &str = "stolen-by-the-agent";

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) signer: Signer,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) broker: SocketAddr,
    pub(crate) forwarder: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
}

pub(crate) fn run() -> RunKey {
    RunKey::new("demo", "first", 1).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tokens are checked against the real clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// An upstream with the planted credential.
pub(crate) fn upstream(name: &str, kind: UpstreamKind, base_url: &str) -> Upstream {
    Upstream {
        name: name.to_owned(),
        kind,
        base_url: base_url.to_owned(),
        credential: Some(CredentialReference {
            namespace: "demo".to_owned(),
            name: "keys".to_owned(),
            key: (kind != UpstreamKind::GitHttp).then(|| "MODEL_KEY".to_owned()),
            address_entry: Some("MODEL_ADDRESS".to_owned()),
        }),
        models: Vec::new(),
        repositories: vec!["team/app".to_owned()],
        place: None,
    }
}

pub(crate) fn binding(upstreams: Vec<Upstream>) -> Binding {
    Binding {
        run: run(),
        session_uid: UID.to_owned(),
        upstreams,
        budget: Budget::default(),
        egress: Vec::new(),
        expires_at: now() + SignedDuration::from_hours(1),
    }
}

pub(crate) fn rules(texts: &[&str]) -> Vec<EgressRule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn session_token(signer: &Signer) -> String {
    let times = (now(), now() + SignedDuration::from_hours(1));
    signer.sign_until(UID, &run().to_string(), &[Scope::Broker], times).unwrap()
}

/// Writes the planted credentials.
pub(crate) fn plant(folder: &Path) -> FolderCredentials {
    let secret = folder.join("secrets/demo/keys");
    std::fs::create_dir_all(&secret).unwrap();
    for (entry, value) in [("MODEL_KEY", SECRET), ("username", "jane"), ("password", SECRET)] {
        std::fs::write(secret.join(entry), format!("{value}\n")).unwrap();
    }
    FolderCredentials::new(folder.join("secrets"))
}

pub(crate) fn config(folder: &Path, signer: &Signer, binding: Binding) -> Config {
    Config {
        state_directory: folder.join("state"),
        public_keys: signer.public_paserk().unwrap(),
        credentials: Arc::new(plant(folder)),
        models: ModelTable::built_in().clone(),
        bindings: vec![binding],
        limits: Limits { budget_wait: Duration::from_millis(50), ..Limits::default() },
    }
}

impl World {
    pub(crate) async fn new(binding: Binding) -> Self {
        Self::with(binding, |_| ()).await
    }

    pub(crate) async fn with(binding: Binding, change: impl FnOnce(&mut Limits)) -> Self {
        log();
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::generate("operator").unwrap();
        let mut config = config(folder.path(), &signer, binding);
        change(&mut config.limits);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let broker = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(Broker::new(config).unwrap().serve(listener, shutdown.clone()));
        let forwarder = start_forwarder(broker, SessionToken::Fixed(session_token(&signer)), &shutdown).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { folder, signer, client, broker, forwarder, shutdown, served }
    }

    /// An address at the forwarder.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.forwarder)
    }

    /// Posts JSON as an agent does, with credentials of its own.
    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> Response<Incoming> {
        let request = Request::post(self.url(path))
            .header("x-api-key", STOLEN)
            .header("authorization", format!("Bearer {STOLEN}"))
            .header("x-goog-api-key", STOLEN)
            .header("cookie", STOLEN)
            .header(SESSION_TOKEN_HEADER, STOLEN)
            .header("accept-encoding", "gzip, br")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        tokio::time::timeout(BOUND, self.client.request(request)).await.unwrap().unwrap()
    }

    /// What the broker has counted, asked for as a run does.
    pub(crate) async fn usage(&self) -> RunUsage {
        let response = self.send(Request::get(self.url("/usage")).body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_str(&text(response).await).unwrap()
    }

    /// Asks the broker itself, as the operator does.
    pub(crate) async fn operate(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: String,
    ) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.broker));
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(Full::new(Bytes::from(body))).unwrap()).await
    }

    pub(crate) fn operator_token(&self) -> String {
        self.signer.sign(AUDIENCE, "operator", &[Scope::Bind], now()).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) async fn start_forwarder(
    broker: SocketAddr,
    token: SessionToken,
    shutdown: &CancellationToken,
) -> SocketAddr {
    start_forwarder_behind(None, broker, token, shutdown).await
}

pub(crate) async fn start_forwarder_behind(
    door: Option<Door>,
    broker: SocketAddr,
    token: SessionToken,
    shutdown: &CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (broker, shutdown) = (format!("http://{broker}").parse().unwrap(), shutdown.clone());
    tokio::spawn(async move { forward(listener, &broker, token, door, shutdown).await });
    address
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = tokio::time::timeout(BOUND, response.into_body().collect()).await.unwrap().unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// Everything that this test binary logs, at every level.
pub(crate) fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let _ = subscriber.try_init();
        log
    })
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
