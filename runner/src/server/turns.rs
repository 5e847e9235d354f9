//! `POST /`: the start of a turn.

use ambient_protocol::RunAgentInput;
use ambient_protocol::token::Scope;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::events::{Until, stream_after};
use super::refusal::Refusal;
use super::{Desk, Stage};
use crate::state::StateFolder;

/// Starts the attempt's turn, once. A run that has ended before its turn gives the events that say why.
pub(super) async fn start(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Run)?;
    let input: RunAgentInput =
        serde_json::from_slice(&body).map_err(|error| Refusal::Input(error.to_string()))?;
    if input.run_id != desk.attempt() {
        return Err(Refusal::WrongTurn(desk.attempt().to_owned()));
    }
    if desk.stage() == Stage::Preparing {
        return Err(Refusal::NotReady);
    }
    claim(desk.state().clone(), input.clone()).await?;
    tracing::info!(turn = input.run_id, by = bearer.subject, via = bearer.issuer, "turn started");
    let after = desk.before();
    desk.hand_over(input).await;
    stream_after(&desk, after, Until::TurnEnds).await
}

/// The marker is synced to disk, which may take its time.
async fn claim(state: StateFolder, input: RunAgentInput) -> Result<(), Refusal> {
    let claimed = tokio::task::spawn_blocking(move || state.claim_start(&input)).await;
    match claimed.map_err(std::io::Error::other)?? {
        true => Ok(()),
        false => Err(Refusal::AlreadyStarted),
    }
}
