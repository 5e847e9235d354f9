//! `POST …/agentic-sessions/{session}/{answers,messages,interrupt,model,wake}`: what people say to a run.

use std::sync::Arc;

use ambient_protocol::answers::{Answers, AnswersReceipt};
use ambient_protocol::input::ModelChoice;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::auth::User;
use crate::error::{ApiError, Error};
use crate::runs::{self, Target, speaker, wake};
use crate::state::App;

/// A message to the agent.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// Tells it from others: said again with the same id, it is said once.
    id: String,
    /// Its text.
    text: String,
}

impl Said {
    const EXAMPLE: &str = r#"{"id": "…", "text": "…"}"#;
}

/// Which attempt begins.
#[derive(Debug, Serialize)]
pub(crate) struct Woken {
    attempt: u32,
}

/// Answers the open questions of the current run, all of them.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<AnswersReceipt>, ApiError> {
    let answers: Answers = read(&body, Answers::EXAMPLE)?;
    let target = Target::find(&app, user, &project, &session, None).await?;
    let receipt = speaker(&app, &target).await?.answer(answers.resume).await;
    Ok(Json(receipt.map_err(Error::Runner)?))
}

/// Says something to the agent: in a turn it steers, between two it begins one.
pub(crate) async fn say(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let said: Said = read(&body, Said::EXAMPLE)?;
    let target = Target::find(&app, user, &project, &session, None).await?;
    runs::say(&app, &target, &said.id, &said.text).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Breaks the agent's turn off.
pub(crate) async fn interrupt(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let target = Target::find(&app, user, &project, &session, None).await?;
    speaker(&app, &target).await?.interrupt().await.map_err(Error::Runner)?;
    Ok(StatusCode::ACCEPTED)
}

/// Has the agent work with another model, from its next turn on at the latest.
pub(crate) async fn choose_model(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let choice: ModelChoice = read(&body, ModelChoice::EXAMPLE)?;
    let target = Target::find(&app, user, &project, &session, None).await?;
    speaker(&app, &target).await?.choose_model(&choice.model).await.map_err(Error::Runner)?;
    Ok(StatusCode::ACCEPTED)
}

/// Wakes a run that sleeps; the message is said when it serves again.
pub(crate) async fn rouse(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Woken>), ApiError> {
    let target = Target::find(&app, user, &project, &session, None).await?;
    let attempt = wake(&target).await?;
    Ok((StatusCode::ACCEPTED, Json(Woken { attempt })))
}

fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::Invalid(format!("the body: {error}; wanted: {example}")))
}
