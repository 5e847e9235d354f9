//! A records server that serves what a test gives it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ambient_protocol::RunKey;
use ambient_protocol::records::{AUDIENCE, Record, RecordSummary};
use ambient_protocol::token::{Scope, Verifier};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

type Recorded = BTreeMap<RunKey, (Record, Option<String>)>;

/// A records server.
pub(crate) struct TestRecords {
    pub(crate) url: String,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Verifier,
    records: Mutex<Recorded>,
}

impl TestRecords {
    /// A server without records, that trusts these keys.
    pub(crate) async fn start(keys: &str) -> Self {
        let verifier = Verifier::new(AUDIENCE, keys).unwrap();
        let shared = Arc::new(Shared { verifier, records: Mutex::default() });
        let router = axum::Router::new()
            .route("/records/{project}", get(list))
            .route("/records/{project}/{session}/{run}", get(one))
            .route("/records/{project}/{session}/{run}/events", get(events))
            .layer(from_fn_with_state(Arc::clone(&shared), check))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, serving, shared }
    }

    /// Ends the server: from now on connections are refused.
    pub(crate) async fn stop(&mut self) {
        self.serving.abort();
        // The task is over when its end is known, and with it the listener.
        let _ = (&mut self.serving).await;
    }

    /// Adds a record, and its transcript if it has one.
    pub(crate) fn add(&self, record: Record, transcript: Option<&str>) {
        let key = record.entry.run.clone();
        self.shared.records.lock().unwrap().insert(key, (record, transcript.map(str::to_owned)));
    }
}

async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let token = super::header(request.headers(), "authorization").trim_start_matches("Bearer ").to_owned();
    match shared.verifier.verify(&token, Scope::Records) {
        Ok(_) => next.run(request).await,
        Err(error) => (StatusCode::UNAUTHORIZED, error.to_string()).into_response(),
    }
}

async fn list(State(shared): State<Arc<Shared>>, Path(project): Path<String>) -> Json<Vec<RecordSummary>> {
    let records = shared.records.lock().unwrap();
    let of_project = records.values().filter(|(record, _)| record.entry.run.project() == project);
    Json(of_project.map(|(record, _)| RecordSummary { entry: record.entry.clone() }).collect())
}

async fn one(State(shared): State<Arc<Shared>>, Path(key): Path<(String, String, u32)>) -> Response {
    match find(&shared, &key) {
        Some((record, _)) => Json(record).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn events(State(shared): State<Arc<Shared>>, Path(key): Path<(String, String, u32)>) -> Response {
    match find(&shared, &key).and_then(|(_, transcript)| transcript) {
        Some(transcript) => transcript.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(
    shared: &Shared,
    (project, session, run): &(String, String, u32),
) -> Option<(Record, Option<String>)> {
    let key = RunKey::new(project, session, *run).unwrap();
    shared.records.lock().unwrap().get(&key).cloned()
}
