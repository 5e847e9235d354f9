//! Answers that are streams of server-sent events.

use std::time::Duration;

use ambient_protocol::sse::Frame;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::Stream;
use tokio::time::{Instant, interval_at};
use tokio_stream::StreamExt as _;

/// How long a stream is silent before a comment tells that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Answers with a stream of frames, kept alive by comments.
pub(crate) fn response(frames: impl Stream<Item = Frame> + Send + 'static) -> Response {
    let alive = frames.timeout_repeating(interval_at(Instant::now() + HEARTBEAT, HEARTBEAT)).map(|next| {
        let bytes = match next {
            Ok(frame) => Bytes::from(frame.encode()),
            Err(_) => Bytes::from_static(b": waiting\n\n"),
        };
        Ok::<_, std::convert::Infallible>(bytes)
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(alive)).into_response()
}

/// Where a stream shall go on: a reconnecting browser says it by header, which is newer than the address.
pub(crate) fn cursor(headers: &HeaderMap, after: Option<u64>) -> u64 {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    last.or(after).unwrap_or_default()
}
