//! `POST /`: the attempt's first turn, and messages.

use std::time::Duration;

use ambient_protocol::RunAgentInput;
use ambient_protocol::input::Message;
use ambient_protocol::token::Scope;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::Desk;
use super::events::{Until, join_after, stream_after};
use super::refusal::Refusal;
use crate::orders::{Taken, Unwanted, Wish};
use crate::state::StateFolder;

/// How long a turn that comes early waits for the workspace: less than clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the attempt's first turn, once, where its run id is the attempt's; says a message where it is another. A run
/// that has ended before its first turn gives the events that say why.
pub(super) async fn start(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Run)?;
    let input: RunAgentInput =
        serde_json::from_slice(&body).map_err(|error| Refusal::Input(error.to_string()))?;
    if input.run_id != desk.attempt() && desk.is_attempt(&input.run_id) {
        return Err(Refusal::WrongTurn(desk.attempt().to_owned()));
    }
    if !desk.prepared(PATIENCE).await {
        return Err(Refusal::NotReady);
    }
    let (turn, by) = (input.run_id.clone(), bearer.subject.clone());
    // A client that goes in the middle of it must not leave a turn that is claimed and that nobody works on.
    let started = match turn == desk.attempt() {
        true => tokio::spawn(begin(desk.clone(), input, by)).await,
        false => tokio::spawn(say(desk.clone(), input, by)).await,
    };
    let place = started.map_err(std::io::Error::other)??;
    tracing::info!(turn, by = bearer.subject, via = bearer.issuer, "turn started");
    match place {
        Place::Before(after) => stream_after(&desk, after, Until::TurnEnds).await,
        Place::Within(after) => join_after(&desk, after, Until::TurnEnds).await,
    }
}

/// Where what was asked for stands in the log: after an event, with which nothing goes on, or that is within a turn.
enum Place {
    Before(u64),
    Within(u64),
}

async fn begin(desk: Desk, input: RunAgentInput, by: String) -> Result<Place, Refusal> {
    claim(desk.state().clone(), input.clone()).await?;
    let after = desk.before();
    desk.hand_over(Wish::Begin(Box::new(input)), &by).await;
    Ok(Place::Before(after))
}

/// The marker is synced to disk, which may take its time.
async fn claim(state: StateFolder, input: RunAgentInput) -> Result<(), Refusal> {
    let claimed = tokio::task::spawn_blocking(move || state.claim_start(&input)).await;
    match claimed.map_err(std::io::Error::other)?? {
        true => Ok(()),
        false => Err(Refusal::AlreadyStarted),
    }
}

async fn say(desk: Desk, input: RunAgentInput, by: String) -> Result<Place, Refusal> {
    let message = input.messages.into_iter().rev().find(is_said).ok_or(Refusal::NoMessage)?;
    match desk.order(Wish::Say(message), &by).await? {
        Taken::After(after) => Ok(Place::Before(after)),
        Taken::Within(after) => Ok(Place::Within(after)),
        Taken::Answered(_) => Err(Unwanted::NotBegun.into()),
    }
}

fn is_said(message: &Message) -> bool {
    message.role == "user" && !message.id.is_empty() && !message.text().trim().is_empty()
}
