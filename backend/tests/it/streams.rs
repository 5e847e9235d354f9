//! Events as they come: proxied, resumed, replayed; and the changes of an open page.

use ambient_protocol::sse::Frame;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{
    ADMIN, TestRunner, World, demo_events, ended_record, read_until, session, transcript, with_token,
};

const EVENTS: &str = "/api/projects/alpha/agentic-sessions/s/events";
const LIVE: &str = "/live/projects/alpha/sessions/s";

async fn running() -> (World, TestRunner, ambient_crds::AgenticSession) {
    let world = World::with(async |_| {}).await;
    let made =
        world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Running", "run": 1 }))).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    (world, runner, made)
}

/// The frames of a whole log, as a runner writes them.
fn whole(transcript: &str) -> String {
    let lines: Vec<_> = transcript.lines().collect();
    let frames = (1..).zip(&lines).map(|(sequence, line)| Frame::event(sequence, line).encode());
    frames.collect::<String>() + &Frame::sealed(lines.len() as u64).encode()
}

fn resumed(after: u64) -> Request<Body> {
    let mut request = with_token(EVENTS, ADMIN);
    request.headers_mut().insert("last-event-id", after.to_string().parse().unwrap());
    request
}

#[tokio::test]
async fn a_client_cut_off_at_any_event_ends_with_the_same_bytes() {
    let (world, runner, made) = running().await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let log = transcript(&demo_events("a line"));
    runner.say(log.lines());
    runner.seal();
    let expected = whole(&log);
    for cut in 0..=14 {
        let ends = expected.match_indices("\n\n").nth(cut).map_or(expected.len(), |(index, _)| index + 2);
        let first = if cut == 0 { 0 } else { expected.match_indices("\n\n").nth(cut - 1).unwrap().0 + 2 };
        assert!(first < ends);
        let rest = read_until(world.send(resumed(cut as u64)).await, "event: sealed\ndata: 14\n\n").await;
        assert_eq!(format!("{}{rest}", &expected[..first]), expected, "cut after {cut}");
    }
}

#[tokio::test]
async fn a_connection_to_the_runner_that_breaks_is_not_seen_by_the_client() {
    let (world, runner, made) = running().await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let log = transcript(&demo_events("a line"));
    runner.say(log.lines());
    runner.seal();
    [3, 0, 5].into_iter().for_each(|events| runner.break_after(events));
    assert_eq!(
        read_until(world.send(with_token(EVENTS, ADMIN)).await, "event: sealed\ndata: 14\n\n").await,
        whole(&log)
    );
    assert!(runner.readers().len() >= 4, "the connection broke three times");
}

#[tokio::test]
async fn a_stream_waits_for_the_pod_and_then_follows_it_to_the_end() {
    let (world, runner, made) = running().await;
    let response = world.send(with_token(EVENTS, ADMIN)).await;
    let log = transcript(&demo_events("a line"));
    runner.say(log.lines().take(4));
    world.cluster.add_pod(&made, 1, runner.port).await;
    let reading = tokio::spawn(read_until(response, "event: sealed"));
    runner.say(log.lines().skip(4));
    runner.seal();
    assert!(whole(&log).starts_with(&reading.await.unwrap()));
}

#[tokio::test]
async fn an_ended_run_is_replayed_from_its_record() {
    let world = World::with(async |_| {}).await;
    world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Completed", "run": 1 }))).await;
    let log = transcript(&demo_events("a line"));
    world.records.add(ended_record("alpha", "s", 1, "a line"), Some(&log));
    assert_eq!(
        read_until(world.send(with_token(EVENTS, ADMIN)).await, "event: sealed\ndata: 14\n\n").await,
        whole(&log)
    );
    let last = read_until(world.send(resumed(14)).await, "event: sealed\ndata: 14\n\n").await;
    assert_eq!(last, Frame::sealed(14).encode());
}

#[tokio::test]
async fn a_record_that_comes_late_ends_a_waiting_stream() {
    let world = World::with(async |_| {}).await;
    let mut made =
        world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Completed", "run": 1 }))).await;
    let response = world.send(with_token(EVENTS, ADMIN)).await;
    let log = transcript(&demo_events("a line"));
    world.records.add(ended_record("alpha", "s", 1, "a line"), Some(&log));
    made.status.as_mut().unwrap().result_commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    world.cluster.set(&made).await;
    assert_eq!(read_until(response, "event: sealed\ndata: 14\n\n").await, whole(&log));
}

#[tokio::test]
async fn a_stream_ends_when_its_session_is_gone() {
    let (world, _runner, _made) = running().await;
    let response = world.send(with_token(EVENTS, ADMIN)).await;
    world.cluster.delete("alpha", "s").await;
    assert_eq!(read_until(response, "never").await, "");
}

#[tokio::test]
async fn an_open_page_follows_the_run_to_its_record() {
    let (world, runner, mut made) = running().await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let log = transcript(&demo_events("<b>x</b>"));
    runner.say(log.lines().take(6));
    let response = world.send(with_token(&format!("{LIVE}?after=6"), ADMIN)).await;
    let reading = tokio::spawn(read_until(response, "event: done"));
    runner.say(log.lines().skip(6));
    runner.seal();
    world.records.add(ended_record("alpha", "s", 1, "a line"), Some(&log));
    let status = made.status.as_mut().unwrap();
    status.phase = Some(ambient_crds::Phase::Completed);
    world.cluster.set(&made).await;
    let text = reading.await.unwrap();
    assert!(
        text.contains("write &#60;b") || text.contains(r#""text":"write <b>x</b>""#),
        "the message grew: {text}"
    );
    assert!(!text.contains("I will I will"), "what the page shows is not sent again");
    assert!(text.contains(r#""id":"standing""#) && text.contains("Completed"), "{text}");
    assert!(text.contains(r#""id":"changes""#) && text.contains("patches/target.patch"), "{text}");
}
