//! The backend on a listener: it ends in order, and events pass it quickly.

use std::time::{Duration, Instant};

use ambient_protocol::client::{EventStream, RunnerClient};
use serde_json::json;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::support::{ADMIN, BOUND, TestRunner, World, demo_events, session, transcript};

/// Reads the events of a session as a client on the network does. The runner's client reads any such stream.
async fn follow(address: std::net::SocketAddr, session: &str) -> EventStream {
    let base = format!("http://{address}/api/projects/alpha/agentic-sessions/{session}");
    let client = RunnerClient::new(&base, std::sync::Arc::new(|| Ok(ADMIN.to_owned())));
    client.events(0).await.unwrap()
}

#[tokio::test]
async fn open_streams_do_not_hold_up_the_end() {
    let world = World::with(async |_| {}).await;
    world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Pending" }))).await;
    let shutdown = CancellationToken::new();
    let (address, serving) = world.serve(shutdown.clone()).await;
    let mut stream = follow(address, "s").await;
    shutdown.cancel();
    tokio::time::timeout(BOUND, serving).await.expect("it ends").unwrap().unwrap();
    assert!(stream.next().await.is_none_or(|frame| frame.is_err()));
}

/// Generous, because machines that run tests are busy: the goal is 100 ms at the 99th percentile, and the median here
/// is about a millisecond.
#[tokio::test]
async fn an_event_of_the_runner_is_at_the_client_at_once() {
    let world = World::with(async |_| {}).await;
    let made =
        world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Running", "run": 1 }))).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let (address, _serving) = world.serve(CancellationToken::new()).await;
    let mut stream = follow(address, "s").await;
    let log = transcript(&demo_events("a line"));
    let mut times: Vec<Duration> = Vec::new();
    for line in log.lines() {
        let said = Instant::now();
        runner.say([line]);
        let frame = tokio::time::timeout(BOUND, stream.next()).await.unwrap().unwrap().unwrap();
        times.push(said.elapsed());
        assert_eq!(frame.data, line);
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(100), "{times:?}");
}
