//! Connections of those who show no token keep nobody out.

use std::net::SocketAddr;
use std::time::Duration;

use ambient_broker::{Door, Limits, SessionToken};
use ambient_protocol::broker::UpstreamKind;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::upstream::{Service, json as answer, message};
use crate::world::{BOUND, World, binding, session_token, start_forwarder_behind, text, upstream};

/// More than a broker of these tests has places for.
const MANY: usize = 40;

async fn world(change: impl FnOnce(&mut Limits)) -> World {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    World::with(bound, |limits| {
        limits.strangers = 8;
        limits.strangers_per_address = 4;
        limits.head_timeout = BOUND;
        change(limits);
    })
    .await
}

/// Connections on which a request begins and does not go on.
async fn half_heads(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTT").await.unwrap();
        streams.push(stream);
    }
    streams
}

/// Reads until the other side closes.
async fn closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A connection that is dropped with something unread is reset.
    let _ = tokio::time::timeout(BOUND, stream.read_to_end(&mut said)).await.expect("it is closed");
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn half_heads_keep_neither_runs_nor_probes_out() {
    let world = world(|_| ()).await;
    let mut strangers = half_heads(world.broker, MANY).await;
    let probe = Request::get(format!("http://{}/healthz", world.broker)).body(Full::default()).unwrap();
    assert_eq!(world.send(probe).await.status(), StatusCode::OK);
    for _ in 0..3 {
        let taken = world.post("/a/v1/messages", &json!({"model": "m"})).await;
        assert_eq!(taken.status(), StatusCode::OK);
        text(taken).await;
    }
    for stranger in strangers.iter_mut().take(MANY - 4) {
        assert_eq!(closed(stranger).await, "", "the oldest have given way");
    }
}

#[tokio::test]
async fn a_stranger_has_a_moment_to_show_a_token() {
    let world = world(|limits| limits.head_timeout = Duration::from_millis(50)).await;
    for mut stranger in half_heads(world.broker, 1).await {
        assert_eq!(closed(&mut stranger).await, "");
    }
}

#[tokio::test]
async fn a_stranger_is_answered_once() {
    let world = world(|_| ()).await;
    for (path, status) in [("/healthz", "200"), ("/usage", "401"), ("/bindings/demo/first-r1/usage", "401")] {
        let mut stream = TcpStream::connect(world.broker).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let said = closed(&mut stream).await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status}")) && said.contains("connection: close"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn when_all_places_are_taken_probes_are_answered_still() {
    let world = world(|limits| limits.connections = 1).await;
    let usage = format!(
        "GET /usage HTTP/1.1\r\nhost: x\r\nx-ambient-session-token: {}\r\n\r\n",
        session_token(&world.signer)
    );
    let mut first = TcpStream::connect(world.broker).await.unwrap();
    first.write_all(usage.as_bytes()).await.unwrap();
    let mut said = [0; 12];
    tokio::time::timeout(BOUND, first.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"HTTP/1.1 200");
    let mut second = TcpStream::connect(world.broker).await.unwrap();
    second.write_all(usage.as_bytes()).await.unwrap();
    assert!(closed(&mut second).await.starts_with("HTTP/1.1 429"));
    let probe = Request::get(format!("http://{}/healthz", world.broker)).body(Full::default()).unwrap();
    assert_eq!(world.send(probe).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn who_does_not_know_the_word_keeps_the_agent_out_of_nothing() {
    let world = world(|_| ()).await;
    let token = SessionToken::Fixed(session_token(&world.signer));
    let door = Door::new("w0rd".to_owned());
    let forwarder = start_forwarder_behind(Some(door), world.broker, token, &world.shutdown).await;
    let mut strangers = half_heads(forwarder, 100).await;
    let asked = Request::get(format!("http://{forwarder}/w0rd/usage")).body(Full::default()).unwrap();
    assert_eq!(world.send(asked).await.status(), StatusCode::OK);
    assert_eq!(closed(&mut strangers[0]).await, "");
}
