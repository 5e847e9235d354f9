//! Streams pass on without delay, and what was seen of a broken one counts.

use std::sync::Mutex;
use std::time::Duration;

use ambient_protocol::broker::UpstreamKind;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::upstream::Service;
use crate::world::{BOUND, World, binding, upstream};

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"0123456789abcdef0123\"}}\n\n";
/// Tokens that are counted at least where nothing is told: of a second.
const UNSEEN: u64 = 200;
const END: &str =
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\n\n";

/// A service that streams what the test hands it, and breaks off when the test does.
struct Streaming {
    world: World,
    chunks: mpsc::Sender<Result<&'static str, &'static str>>,
    /// Cancelled when the service's side of the stream is dropped.
    left: CancellationToken,
}

impl Streaming {
    async fn start() -> Self {
        let (chunks, receiver) = mpsc::channel(16);
        let receiver = Mutex::new(Some(receiver));
        let left = CancellationToken::new();
        let guard = Mutex::new(Some(left.clone().drop_guard()));
        let service = Service::start(move |_| {
            let mut receiver: mpsc::Receiver<_> = receiver.lock().unwrap().take().unwrap();
            let guard = guard.lock().unwrap().take();
            let body = StreamBody::new(Frames {
                receive: Box::new(move |context| receiver.poll_recv(context)),
                _guard: guard,
            });
            Response::builder().header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
        })
        .await;
        let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())])).await;
        Self { world, chunks, left }
    }

    async fn open(&self) -> hyper::body::Incoming {
        let response = self.world.post("/a/v1/messages", &json!({"model": "m", "stream": true})).await;
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (StatusCode::OK, &http::HeaderValue::from_static("text/event-stream"))
        );
        response.into_body()
    }

    async fn send(&self, chunk: &'static str) {
        self.chunks.send(Ok(chunk)).await.unwrap();
    }

    /// Waits until the stream has ended, and so many tokens are counted: at least so many where that is an estimate.
    async fn wait_for_estimate(&self, input: u64, output: u64) {
        let seen = async {
            loop {
                let usage = self.world.usage().await;
                let model = &usage.models[0];
                let tokens = (model.tokens.all_input(), model.estimated);
                if tokens == (input, 1) && model.tokens.output >= output {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(BOUND, seen).await.is_err() {
            panic!("counted: {:?}", self.world.usage().await.models);
        }
    }
}

type Polled = std::task::Poll<Option<Result<&'static str, &'static str>>>;

struct Frames {
    receive: Box<dyn FnMut(&mut std::task::Context<'_>) -> Polled + Send>,
    _guard: Option<tokio_util::sync::DropGuard>,
}

impl futures::Stream for Frames {
    type Item = Result<http_body::Frame<Bytes>, &'static str>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let polled = (self.receive)(context);
        polled.map(|chunk| {
            chunk.map(|chunk| chunk.map(|text| http_body::Frame::data(Bytes::from_static(text.as_bytes()))))
        })
    }
}

async fn next(body: &mut hyper::body::Incoming) -> Option<Result<Bytes, hyper::Error>> {
    let frame = tokio::time::timeout(BOUND, body.frame()).await.unwrap()?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test]
async fn each_chunk_arrives_before_the_next_is_made() {
    let streaming = Streaming::start().await;
    let mut body = streaming.open().await;
    for chunk in [START, TEXT, "data: {\"half", " a line\"}\n\n", ": ping\n\n", TEXT, END] {
        streaming.send(chunk).await;
        assert_eq!(next(&mut body).await.unwrap().unwrap(), chunk);
    }
    let Streaming { world, chunks, .. } = streaming;
    drop(chunks);
    assert!(next(&mut body).await.is_none());
    let usage = world.usage().await;
    assert_eq!(
        (usage.models[0].tokens.input, usage.models[0].tokens.output, usage.models[0].estimated),
        (100, 42, 0)
    );
}

#[tokio::test]
async fn an_agent_that_breaks_off_pays_for_what_it_saw() {
    let streaming = Streaming::start().await;
    let mut body = streaming.open().await;
    for chunk in [START, TEXT, TEXT] {
        streaming.send(chunk).await;
        next(&mut body).await.unwrap().unwrap();
    }
    drop(body);
    // Forty bytes of text are few; what it thought is not seen.
    streaming.wait_for_estimate(100, UNSEEN).await;
    tokio::time::timeout(BOUND, streaming.left.cancelled()).await.expect("the upstream is told at once");
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_seen_to() {
    let streaming = Streaming::start().await;
    let mut body = streaming.open().await;
    for chunk in [START, TEXT] {
        streaming.send(chunk).await;
        next(&mut body).await.unwrap().unwrap();
    }
    streaming.chunks.send(Err("cable cut")).await.unwrap();
    assert!(next(&mut body).await.unwrap().is_err(), "a broken stream does not look like an ended one");
    streaming.wait_for_estimate(100, UNSEEN).await;
}
