//! Bounds of what one client may take.

use std::time::Duration;

use ambient_protocol::broker::UpstreamKind;
use http::{Request, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::upstream::{Service, json as answer, message};
use crate::world::{BOUND, World, binding, text, upstream};

#[tokio::test]
async fn heads_and_bodies_are_bounded() {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    let world = World::with(bound, |limits| {
        limits.body_bytes = 1000;
        limits.head_bytes = 8192;
    })
    .await;
    let large = world.post("/a/v1/messages", &json!({"model": "m", "padding": "x".repeat(1000)})).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text(large).await.contains("request_too_large"));
    let request =
        Request::get(format!("http://{}/usage", world.broker)).header("x-padding", "x".repeat(9000));
    let refused = world.send(request.body("".into()).unwrap()).await;
    assert_eq!(refused.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let unreadable = world.post("/a/v1/messages", &json!(["no", "object"])).await;
    assert_eq!(unreadable.status(), StatusCode::BAD_REQUEST);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    let world = World::with(bound, |limits| limits.stall_timeout = Duration::from_millis(50)).await;
    let token = crate::world::session_token(&world.signer);
    let body = format!(
        "POST /a/v1/messages HTTP/1.1\r\nhost: x\r\nx-ambient-session-token: {token}\r\ncontent-length: 10\r\n\r\n{{"
    );
    let mut stream = TcpStream::connect(world.broker).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut said = String::new();
    tokio::time::timeout(BOUND, stream.read_to_string(&mut said)).await.expect("it is closed").unwrap();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_run_has_so_many_requests_at_once_and_no_more() {
    let service = Service::start(|_| {
        let body = axum::body::Body::new(http_body_util::StreamBody::new(Never));
        http::Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
    })
    .await;
    let bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    let world = World::with(bound, |limits| {
        limits.requests_per_run = 1;
        limits.silence_timeout = BOUND;
        limits.grace = Duration::from_millis(50);
    })
    .await;
    let first = world.post("/a/v1/messages", &json!({"model": "m"})).await;
    assert_eq!(first.status(), StatusCode::OK);
    let second = world.post("/a/v1/messages", &json!({"model": "m"})).await;
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(text(second).await.contains("rate_limit_error"));
    // A broker that is told to end breaks off what does not end by itself, and its count is kept.
    world.shutdown.cancel();
    let served = async {
        while !world.served.is_finished() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, served).await.unwrap();
    let count = std::fs::read_to_string(world.folder.path().join("state/demo/first-r1.count")).unwrap();
    assert!(count.contains("\"requests\":1"), "{count}");
}

struct Never;

impl futures::Stream for Never {
    type Item = Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}
