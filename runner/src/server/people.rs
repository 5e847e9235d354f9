//! `POST /answers`, `POST /interrupt` and `POST /model`: what people do in a run, in their own names.

use ambient_protocol::answers::{Answers, AnswersReceipt};
use ambient_protocol::input::ModelChoice;
use ambient_protocol::token::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::Desk;
use super::refusal::Refusal;
use crate::orders::{Taken, Unwanted, Wish};

/// Answers all open questions, once.
pub(super) async fn answer(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<AnswersReceipt>), Refusal> {
    let bearer = desk.authorize(&headers, Scope::Control)?;
    let answers: Answers =
        serde_json::from_slice(&body).map_err(|error| Refusal::Answers(error.to_string()))?;
    match desk.order(Wish::Answer(answers.resume), &bearer.subject).await? {
        Taken::Answered(receipt) => {
            tracing::info!(by = bearer.subject, via = bearer.issuer, turn = receipt.turn, "answered");
            let status = if receipt.before { StatusCode::OK } else { StatusCode::ACCEPTED };
            Ok((status, Json(receipt)))
        }
        Taken::After(_) | Taken::Within(_) => Err(Unwanted::NoQuestion.into()),
    }
}

/// Breaks the turn off.
pub(super) async fn interrupt(State(desk): State<Desk>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Control)?;
    desk.order(Wish::BreakOff, &bearer.subject).await?;
    tracing::info!(by = bearer.subject, via = bearer.issuer, "turn broken off");
    Ok(StatusCode::ACCEPTED)
}

/// Has the agent work with another model.
pub(super) async fn use_model(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Control)?;
    let choice: ModelChoice =
        serde_json::from_slice(&body).map_err(|error| Refusal::Model(error.to_string()))?;
    desk.order(Wish::UseModel(choice.model.clone()), &bearer.subject).await?;
    tracing::info!(by = bearer.subject, via = bearer.issuer, model = choice.model, "another model chosen");
    Ok(StatusCode::ACCEPTED)
}
