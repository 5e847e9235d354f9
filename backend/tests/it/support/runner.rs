//! A runner that serves what a test tells it to: a log that grows, connections that break.

use std::sync::{Arc, Mutex};

use ambient_protocol::sse::Frame;
use ambient_protocol::token::{Scope, Verifier};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A runner.
pub(crate) struct TestRunner {
    pub(crate) port: u16,
    log: watch::Sender<Log>,
    shared: Arc<Shared>,
}

#[derive(Default, Clone)]
struct Log {
    lines: Vec<String>,
    sealed: bool,
}

struct Shared {
    verifier: Verifier,
    /// After so many events a connection breaks; each connection takes one.
    breaks: Mutex<Vec<u64>>,
    /// On whose behalf it was read.
    readers: Mutex<Vec<String>>,
    /// What it was told, by whom: path, subject, body.
    told: Mutex<Vec<(String, String, Value)>>,
}

#[derive(Deserialize)]
struct EventsQuery {
    after: u64,
}

type Both = (watch::Receiver<Log>, Arc<Shared>);

impl TestRunner {
    /// A runner of the session with this UID, that trusts these keys.
    pub(crate) async fn start(uid: &str, keys: &str) -> Self {
        let (log, seen) = watch::channel(Log::default());
        let verifier = Verifier::new(uid, keys).unwrap();
        let (breaks, readers, told_so_far) = Default::default();
        let shared = Arc::new(Shared { verifier, breaks, readers, told: told_so_far });
        let router = axum::Router::new()
            .route("/events", get(events))
            .route("/", post(told))
            .route("/answers", post(told))
            .route("/interrupt", post(told))
            .route("/model", post(told))
            .with_state((seen, Arc::clone(&shared)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, log, shared }
    }

    /// Adds lines to the log.
    pub(crate) fn say<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        self.log.send_modify(|log| log.lines.extend(lines.into_iter().map(str::to_owned)));
    }

    /// Ends the log.
    pub(crate) fn seal(&self) {
        self.log.send_modify(|log| log.sealed = true);
    }

    /// Lets the next connection break after so many events.
    pub(crate) fn break_after(&self, events: u64) {
        self.shared.breaks.lock().unwrap().push(events);
    }

    /// What it was told: path, by whom, body.
    pub(crate) fn told(&self) -> Vec<(String, String, Value)> {
        self.shared.told.lock().unwrap().clone()
    }

    /// On whose behalf the log was read.
    pub(crate) fn readers(&self) -> Vec<String> {
        self.shared.readers.lock().unwrap().clone()
    }
}

async fn events(
    State((log, shared)): State<Both>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Response {
    let token = super::header(&headers, "authorization").trim_start_matches("Bearer ");
    match shared.verifier.verify(token, Scope::Read) {
        Ok(bearer) => shared.readers.lock().unwrap().push(format!("{}/{}", bearer.issuer, bearer.subject)),
        Err(error) => return (StatusCode::UNAUTHORIZED, error.to_string()).into_response(),
    }
    let breaks = shared.breaks.lock().unwrap().pop();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(serve(log, query.after, breaks, sender));
    Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver)).into_response()
}

/// Takes whatever it is told; a question that is open stands in the way of a message that says so.
async fn told(State((_, shared)): State<Both>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let token = super::header(&headers, "authorization").trim_start_matches("Bearer ");
    let scope = if uri.path() == "/" { Scope::Run } else { Scope::Control };
    let Ok(bearer) = shared.verifier.verify(token, scope) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if body.contains("too early") {
        return (StatusCode::LOCKED, "a question is open: q1").into_response();
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let by = format!("{}/{}", bearer.issuer, bearer.subject);
    shared.told.lock().unwrap().push((uri.path().to_owned(), by, body));
    let receipt = json!({"turn": "s-r1-a1-t2", "given": {"by": bearer.subject, "at": "2026-11-21T10:00:00Z"}, "before": false});
    (StatusCode::ACCEPTED, receipt.to_string()).into_response()
}

type Chunk = Result<String, std::io::Error>;

async fn serve(
    mut log: watch::Receiver<Log>,
    mut after: u64,
    breaks: Option<u64>,
    sender: tokio::sync::mpsc::Sender<Chunk>,
) {
    let mut sent = 0;
    loop {
        let now = log.borrow_and_update().clone();
        for line in now.lines.iter().skip(usize::try_from(after).unwrap()) {
            if breaks == Some(sent) {
                let _ = sender.send(Err(std::io::Error::other("cut"))).await;
                return;
            }
            after += 1;
            sent += 1;
            if sender.send(Ok(Frame::event(after, line).encode())).await.is_err() {
                return;
            }
        }
        if now.sealed {
            let _ = sender.send(Ok(Frame::sealed(after).encode())).await;
            return;
        }
        if log.changed().await.is_err() {
            return;
        }
    }
}
