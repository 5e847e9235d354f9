//! Streams of the event log. Each client reads the file at its own pace.

use std::convert::Infallible;
use std::time::Duration;

use ambient_protocol::sse::Frame;
use ambient_protocol::token::Scope;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;

use super::Desk;
use super::refusal::Refusal;
use crate::log::{EventLog, LogReader, Next};

/// A comment is sent after this much silence, so that proxies keep the connection and clients notice a broken one.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Cursor {
    after: Option<u64>,
    /// Whether the client joins there, and is to be told what it needs of what was before.
    #[serde(default)]
    join: bool,
}

/// `GET /events`. `Last-Event-ID`, which browsers send when they come back, is newer than the address they came from; and
/// who comes back has joined.
pub(super) async fn follow(
    State(desk): State<Desk>,
    Query(cursor): Query<Cursor>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    desk.authorize(&headers, Scope::Read)?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let joins = cursor.join && last_id.is_none();
    let last = desk.log().progress().last;
    let after = last_id.or(cursor.after).unwrap_or(if joins { last } else { 0 });
    if after > last {
        return Err(Refusal::BehindTheEnd(last));
    }
    match joins {
        true => join_after(&desk, after, Until::Sealed).await,
        false => stream_after(&desk, after, Until::Sealed).await,
    }
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// When the log will not grow any more; a frame says so.
    Sealed,
    /// With the event that ends a turn. AG-UI clients know no other frames than events.
    TurnEnds,
}

/// Events after a sequence number as server-sent events.
pub(super) async fn stream_after(desk: &Desk, after: u64, until: Until) -> Result<Response, Refusal> {
    stream_behind(None, desk, after, until).await
}

/// The same, behind what a client needs that has read nothing of what was before. Whoever only says something goes
/// without waiting for that.
pub(super) async fn join_after(desk: &Desk, after: u64, until: Until) -> Result<Response, Refusal> {
    stream_behind(Some(desk.log().clone()), desk, after, until).await
}

async fn stream_behind(
    prelude_of: Option<EventLog>,
    desk: &Desk,
    after: u64,
    until: Until,
) -> Result<Response, Refusal> {
    let reader = desk.log().read_after(after).await?;
    let chunks = stream::unfold(Some((prelude_of, reader)), move |state| async move {
        let (prelude_of, mut reader) = state?;
        let (chunk, open) = match prelude_of {
            Some(log) => (prelude(&log, after).await?, true),
            None => next_chunk(&mut reader, until).await?,
        };
        Some((Ok::<_, Infallible>(chunk), open.then_some((None, reader))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx and its like would wait for more before they pass an event on.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// Only its last frame has an id: whoever comes back after the connection broke within the prelude begins anew.
async fn prelude(log: &EventLog, after: u64) -> Option<Bytes> {
    let prelude = match log.prelude(after).await {
        Ok(prelude) => prelude.events(),
        Err(error) => {
            tracing::warn!(%error, "nobody can join the run");
            return None;
        }
    };
    let mut text = String::new();
    for (index, event) in prelude.iter().enumerate() {
        let id = (index + 1 == prelude.len()).then_some(after);
        text.push_str(&Frame { id, ..Frame::event(after, &event.to_json()) }.encode());
    }
    Some(Bytes::from(text))
}

/// The next bytes, and whether more may follow.
async fn next_chunk(reader: &mut LogReader, until: Until) -> Option<(Bytes, bool)> {
    match reader.next(HEARTBEAT).await {
        Ok(Next::Lines(lines)) => Some(encode(&lines, until)),
        Ok(Next::Quiet) => Some((Bytes::from_static(b":\n\n"), true)),
        Ok(Next::Sealed(last)) => {
            let frame = match until {
                Until::Sealed => Frame::sealed(last).encode(),
                Until::TurnEnds => String::new(),
            };
            Some((Bytes::from(frame), false))
        }
        Err(error) => {
            tracing::warn!(%error, "a stream of events ends early");
            None
        }
    }
}

fn encode(lines: &[(u64, String)], until: Until) -> (Bytes, bool) {
    let mut text = String::new();
    for (sequence, line) in lines {
        text.push_str(&Frame::event(*sequence, line).encode());
        if until == Until::TurnEnds && ends_turn(line) {
            return (Bytes::from(text), false);
        }
    }
    (Bytes::from(text), true)
}

/// The log's lines are written here, with the type first.
fn ends_turn(line: &str) -> bool {
    line.starts_with(r#"{"type":"RUN_FINISHED""#) || line.starts_with(r#"{"type":"RUN_ERROR""#)
}

#[cfg(test)]
mod tests {
    use ambient_protocol::Event;
    use ambient_protocol::events::RunOutcome;

    use super::*;

    #[test]
    fn a_turn_ends_with_its_last_event_and_nothing_else() {
        let finished = Event::run_finished("t", "r", None, RunOutcome::Cancelled, vec![]);
        let cases = [
            (finished.to_json(), true),
            (Event::run_error("X", "x", vec![]).to_json(), true),
            (Event::text_content("m", r#"{"type":"RUN_ERROR"}"#).to_json(), false),
        ];
        for (line, expected) in cases {
            assert_eq!(ends_turn(&line), expected, "{line}");
        }
    }
}
