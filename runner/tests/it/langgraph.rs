//! Graphs behind a server that says what was recorded, over connections that break.

use std::sync::{Arc, Mutex};

use ambient_protocol::AgentRegistry;
use ambient_protocol::outcome::ExitReason;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{PROMPT, World, living_processes, outcome, start, wait_for};

const RECORDED: &str = include_str!("../../fixtures/langgraph-0.16.7.jsonl");
/// Where the first stream breaks.
const BREAK: usize = 20;

/// A server that plays the recorded run to whoever asks.
#[derive(Default)]
struct Server {
    /// Whether the run goes on for ever where its first stream would break.
    hangs: bool,
    /// Whether it has the conversation from before.
    knows: bool,
    asked: Mutex<Vec<String>>,
    /// What runs were asked for with.
    inputs: Mutex<Vec<Value>>,
}

impl Server {
    async fn start(self: Arc<Self>) -> String {
        let run = "/threads/{thread}/runs/{run}";
        let router = Router::new()
            .route("/threads/{thread}/runs/stream", post(stream))
            .route(&format!("{run}/stream"), get(stream))
            .route(&format!("{run}/cancel"), post(|| async { "" }))
            .route(run, get(|| async { json!({"status": "success"}).to_string() }))
            .route("/threads/{thread}/state", get(state))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&self), note))
            .with_state(self);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn note(
    State(server): State<Arc<Server>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let end = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    server.asked.lock().unwrap().push(end);
    next.run(request).await
}

async fn state(State(server): State<Arc<Server>>) -> impl IntoResponse {
    match server.knows {
        true => (StatusCode::OK, json!({"values": {"messages": []}}).to_string()),
        false => (StatusCode::NOT_FOUND, json!({"detail": "no such thread"}).to_string()),
    }
}

async fn stream(State(server): State<Arc<Server>>, headers: HeaderMap, body: String) -> impl IntoResponse {
    if let Ok(run) = serde_json::from_str::<Value>(&body) {
        server.inputs.lock().unwrap().push(run["input"].clone());
    }
    let frames = RECORDED.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        Some(format!("event: {}\r\ndata: {}\r\n", line.get("event")?.as_str()?, line["data"]))
    });
    let frames = frames.enumerate().map(|(number, frame)| format!("{frame}id: {number:03}-0\r\n\r\n"));
    let after =
        headers.get("last-event-id").map(|id| id.to_str().unwrap()[..3].parse::<usize>().unwrap_or(0));
    let kept: Vec<_> = match after {
        Some(after) => frames.skip(after + 1).map(Ok).collect(),
        None => frames.take(BREAK).map(Ok).collect(),
    };
    let chunks = futures::stream::iter(kept);
    let body = match (after, server.hangs) {
        (Some(_), _) => Body::from_stream(chunks),
        (None, true) => Body::from_stream(chunks.chain(futures::stream::pending())),
        (None, false) => {
            let cut = futures::stream::iter([()]).then(async |()| {
                // What was said before is on its way when the server waits.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            });
            Body::from_stream(chunks.chain(cut))
        }
    };
    ([("content-location", "/threads/T/runs/R")], body)
}

/// The same run with both carriers.
fn worlds(url: &str) -> [World; 2] {
    World::both(None).map(|mut world| {
        world.session(|session| {
            session["runnerType"] = json!("langgraph");
            session["agent"] = json!(AgentRegistry::built_in().get("langgraph").unwrap());
            session["environment"] = json!({ "LANGGRAPH_URL": url });
        });
        world
    })
}

#[tokio::test]
async fn a_run_over_a_connection_that_breaks_is_whole() {
    let url = Arc::new(Server::default()).start().await;
    for world in worlds(&url) {
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert!(done.summary.starts_with("I added the section"), "{}", done.summary);
        assert_eq!((done.usage.turns, done.usage.input_tokens, done.usage.output_tokens), (3, 36540, 240));
        let kinds = world.kinds();
        let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
        assert_eq!((count("TOOL_CALL_RESULT"), count("CUSTOM"), count("RAW")), (2, 1, 0), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_stop_cancels_the_run_at_its_server() {
    let server = Arc::new(Server { hangs: true, ..Server::default() });
    let url = Arc::clone(&server).start().await;
    for world in worlds(&url) {
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_RESULT")).await;
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!(done.exit, ExitReason::Stopped);
        // This server does not close the stream of what it has cancelled, so it is told again by the end of the process.
        let mut asked = std::mem::take(&mut *server.asked.lock().unwrap());
        asked.dedup();
        assert_eq!(asked, ["stream", "cancel"]);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn a_repository_without_a_graph_is_told_what_it_lacks() {
    for mut world in worlds("") {
        world.session(|session| session["environment"] = json!({}));
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, ExitReason::AgentFailed);
        assert!(done.message.contains("cannot read langgraph.json"), "{}", done.message);
        assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_ERROR"]);
    }
}

#[tokio::test]
async fn a_turn_that_was_cut_off_is_told_what_its_server_has_forgotten() {
    for knows in [true, false] {
        let hanging = Arc::new(Server { hangs: true, ..Server::default() }).start().await;
        let server = Arc::new(Server { knows, ..Server::default() });
        let url = Arc::clone(&server).start().await;
        for mut world in worlds(&hanging) {
            let first = world.process();
            let mut turn = start(&first.client, &world).await;
            wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_RESULT")).await;
            first.kill();
            world.session(|session| session["environment"] = json!({ "LANGGRAPH_URL": url }));
            world.next_attempt();
            let done = world.runner().await.run(&world).await;
            assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
            let input = server.inputs.lock().unwrap().pop().unwrap();
            let messages = input["messages"].as_array().unwrap();
            let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
            assert_eq!(messages.last().unwrap()["content"], PROMPT);
            match knows {
                true => assert_eq!(roles, ["user"]),
                false => {
                    assert_eq!(roles, ["user", "assistant", "assistant", "tool", "user", "user"]);
                    assert_eq!(messages[2]["tool_calls"][0]["id"], messages[3]["tool_call_id"]);
                    assert_eq!(messages[4]["content"], "(this attempt was cut off)");
                }
            }
            let noted = if knows { "takenUp" } else { "does not have the conversation" };
            assert!(world.log().iter().any(|event| event.to_json().contains(noted)));
        }
    }
}
