//! The dialect of Anthropic's Messages API (<https://docs.anthropic.com/en/api/messages>), as far as agent programs use
//! it: messages, streamed or whole, and token counts.

mod events;
mod message;
mod problem;
mod request;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::stream;
use serde_json::json;

use crate::server::ModelServer;
use message::Message;
use problem::Problem;
use request::MessagesRequest;

/// Returns the dialect's routes. Query strings such as `?beta=true` change nothing.
pub(crate) fn routes() -> Router<ModelServer> {
    Router::new()
        .route("/v1/messages", post(create_message))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
}

async fn create_message(
    State(server): State<ModelServer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request = admit(&server, &headers, body)?;
    let asked = request.asked();
    let answer = server.script().answer(&asked);
    let message = Message::new(&request.model, &answer, server.count_answer(), asked.turn);
    tracing::debug!(message = message.id(), turn = asked.turn, tools = answer.tools.len(), "scripted answer");
    if request.stream {
        let events = events::of(&message)
            .into_iter()
            .map(|event| Event::default().event(event.name).json_data(event.data));
        Ok(Sse::new(stream::iter(events)).into_response())
    } else {
        Ok(Json(message.whole()).into_response())
    }
}

async fn count_tokens(
    State(server): State<ModelServer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request = admit(&server, &headers, body)?;
    Ok(Json(json!({"input_tokens": request.asked().tokens()})).into_response())
}

/// Checks the key before anything is read, as the real service does.
fn admit(
    server: &ModelServer,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<MessagesRequest, Problem> {
    if !server.script().admits(shown_key(headers)) {
        return Err(Problem::WrongKey);
    }
    let body = body.map_err(|rejection| Problem::Unreadable(rejection.status(), rejection.body_text()))?;
    MessagesRequest::parse(&body).map_err(Problem::Invalid)
}

/// Returns the key from `x-api-key` or a bearer authorization.
fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    text("x-api-key").or_else(|| text("authorization").and_then(|value| value.strip_prefix("Bearer ")))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::UnknownPath(uri.path().to_owned())
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::WrongMethod(method, uri.path().to_owned())
}
