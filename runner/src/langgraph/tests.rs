//! The client against a server that breaks connections, refuses, and is cancelled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt as _;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

const KEY_VALUE: &str = "the-key-0123456789";

/// A server with one run of numbered frames. Each stream it gives is the next of `streams`.
#[derive(Default)]
struct Server {
    /// How many frames each stream has before it breaks; none: it gives all, and closes.
    streams: Mutex<Vec<Option<usize>>>,
    /// The ids of all frames.
    ids: Vec<&'static str>,
    /// The answers to questions for the status.
    statuses: Mutex<Vec<&'static str>>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn new(ids: &[&'static str], streams: &[Option<usize>], statuses: &[&'static str]) -> Arc<Self> {
        let reversed = |statuses: &[&'static str]| statuses.iter().rev().copied().collect();
        Arc::new(Self {
            streams: Mutex::new(streams.iter().rev().copied().collect()),
            ids: ids.to_vec(),
            statuses: Mutex::new(reversed(statuses)),
            asked: Mutex::default(),
        })
    }

    async fn start(self: &Arc<Self>) -> String {
        let run = "/threads/{thread}/runs/{run}";
        let router = Router::new()
            .route("/threads/{thread}/runs/stream", post(stream))
            .route(&format!("{run}/stream"), get(stream))
            .route(&format!("{run}/cancel"), post(|| async { "" }))
            .route(run, get(status))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(self), note))
            .with_state(Arc::clone(self));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn note(
    State(server): State<Arc<Server>>,
    request: HttpRequest,
    next: axum::middleware::Next,
) -> Response {
    let after = request.headers().get("last-event-id").map(|id| format!(" after {}", id.to_str().unwrap()));
    let asked = format!("{} {}{}", request.method(), request.uri(), after.unwrap_or_default());
    assert_eq!(request.headers()[api::KEY_HEADER], KEY_VALUE);
    server.asked.lock().unwrap().push(asked);
    next.run(request).await
}

async fn stream(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let Some(length) = server.streams.lock().unwrap().pop() else {
        return (axum::http::StatusCode::SERVICE_UNAVAILABLE, "{\"detail\":\"in a moment\"}").into_response();
    };
    let after = headers.get("last-event-id").map_or("-1", |id| id.to_str().unwrap());
    let frames: Vec<_> = server.ids.iter().enumerate().filter(|(_, id)| **id > after).collect();
    let kept = length.unwrap_or(frames.len());
    let frame =
        |(number, id): &(usize, &&str)| format!("event: custom\r\ndata: {number}\r\nid: {id}\r\n\r\n");
    let text: Vec<_> = frames.iter().take(kept).map(|one| Ok(frame(one))).collect();
    let cut = futures::stream::iter(length).then(async |_| {
        // What was said before is on its way when the server waits.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut"))
    });
    let chunks = futures::stream::iter(text).chain(cut);
    ([("content-location", "/threads/T/runs/R")], Body::from_stream(chunks)).into_response()
}

async fn status(State(server): State<Arc<Server>>, Path(_): Path<(String, String)>) -> Response {
    let status = server.statuses.lock().unwrap().pop().unwrap_or("success");
    json!({ "status": status }).to_string().into_response()
}

fn patience() -> Patience {
    Patience { pauses: vec![Duration::from_millis(1); 3], ..Patience::default() }
}

/// What a client says, and how it ends.
async fn followed(url: &str, ending: &CancellationToken) -> (Vec<String>, Result<Followed, String>) {
    let patience = patience();
    let api = Api::new(url, Some(KEY_VALUE.to_owned()), &patience).unwrap();
    let mut said = Vec::new();
    let output = Output::new(&mut said);
    let (_sender, told) = mpsc::channel(1);
    let mut ears = Ears { told, ending: ending.clone() };
    let followed = follow::follow(&api, "T", &json!({}), &patience, &mut ears, &output).await;
    let lines = String::from_utf8(said).unwrap().lines().map(summary).collect();
    (lines, followed.map_err(|error| error.to_string().replace(url, "SERVER")))
}

fn summary(line: &str) -> String {
    match serde_json::from_str::<Line>(line).unwrap() {
        Line::Frame { data, .. } => data.to_string(),
        Line::Started { run_id, .. } => format!("started {run_id}"),
        Line::Rejoined { .. } => "rejoined".to_owned(),
        Line::Ended { status } => status,
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn every_frame_is_said_once_however_the_stream_breaks() {
    // Two frames have one id: it is a time on some servers.
    let ids = ["10-0", "10-0", "11-0", "12-0", "12-0"];
    let frames = ["0", "1", "2", "3", "4"];
    for first in 0..=ids.len() {
        for second in 0..=ids.len() {
            let server = Server::new(&ids, &[Some(first), Some(second), None], &[]);
            let (said, ended) = followed(&server.start().await, &CancellationToken::new()).await;
            assert_eq!(ended, Ok(Followed::Ended));
            let told: Vec<_> = said.iter().filter(|line| line.parse::<u32>().is_ok()).collect();
            assert_eq!(told, frames, "cut after {first}, then after {second}");
            assert_eq!(said.iter().filter(|line| *line == "rejoined").count(), 2, "{said:?}");
            assert_eq!(said.last().map(String::as_str), Some("success"));
        }
    }
}

#[tokio::test]
async fn a_stream_that_closes_before_the_run_has_ended_is_taken_up() {
    let server = Server::new(&["1", "2"], &[None, None], &["running", "error"]);
    let (said, _) = followed(&server.start().await, &CancellationToken::new()).await;
    assert_eq!(said, ["started R", "0", "1", "rejoined", "error"]);
    let asked = server.asked();
    assert_eq!(asked[0], "POST /threads/T/runs/stream");
    assert_eq!(asked[2], "GET /threads/T/runs/R/stream after 1");
}

#[tokio::test]
async fn tries_are_bounded_and_the_cause_is_told() {
    let server = Server::new(&["1"], &[Some(1)], &[]);
    let (said, ended) = followed(&server.start().await, &CancellationToken::new()).await;
    assert_eq!(said, ["started R", "0"]);
    let message = "the stream of SERVER/threads/T/runs/R/stream broke off, and could not be taken up again in 3 tries: \
                   GET SERVER/threads/T/runs/R/stream was answered with 503: in a moment";
    assert_eq!(ended, Err(message.to_owned()));
}

#[tokio::test]
async fn what_was_asked_for_is_called_off() {
    let server = Server::new(&["1"], &[None], &["running"]);
    let ending = CancellationToken::new();
    ending.cancel();
    let (_, ended) = followed(&server.start().await, &ending).await;
    assert_eq!(ended, Ok(Followed::Cancelled));
    let asked = server.asked();
    assert_eq!(
        asked.last().map(String::as_str),
        Some("POST /threads/T/runs/R/cancel?wait=false&action=interrupt")
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_or_refuses_is_named() {
    let server = Server::new(&[], &[], &[]);
    let (_, refused) = followed(&server.start().await, &CancellationToken::new()).await;
    assert_eq!(
        refused,
        Err("POST SERVER/threads/T/runs/stream was answered with 503: in a moment".to_owned())
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (_, absent) = followed(&format!("http://{nobody}"), &CancellationToken::new()).await;
    assert!(absent.unwrap_err().contains("Connection refused"));
    for address in ["", "localhost:8123", "ftp://x", "http://"] {
        assert!(Api::new(address, None, &patience()).is_err(), "{address}");
    }
}
