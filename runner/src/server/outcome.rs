//! The outcome: given, fetched with its bundles, acknowledged.

use ambient_protocol::token::Scope;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::refusal::Refusal;
use super::{Desk, Stage};

/// `GET /outcome`.
pub(super) async fn get(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Refusal> {
    desk.authorize(&headers, Scope::Outcome)?;
    Ok(match desk.stage() {
        Stage::Ended(outcome) => Json(outcome).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /outcome/bundles/<repository>`. Only what the outcome names is served.
pub(super) async fn bundle(
    State(desk): State<Desk>,
    Path(repository): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    desk.authorize(&headers, Scope::Outcome)?;
    let Stage::Ended(outcome) = desk.stage() else { return Err(Refusal::NoOutcome) };
    let mut with_bundle = outcome.repositories.iter().filter(|one| one.bundle.is_some());
    if !with_bundle.any(|one| one.name == repository) {
        return Err(Refusal::NoBundle(repository));
    }
    let file = File::open(desk.state().bundle(&repository)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-git-bundle".to_owned()),
        (header::CONTENT_LENGTH, file.metadata().await?.len().to_string()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

/// `POST /outcome/ack`.
pub(super) async fn acknowledge(State(desk): State<Desk>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Outcome)?;
    if !matches!(desk.stage(), Stage::Ended(_)) {
        return Err(Refusal::NoOutcome);
    }
    let state = desk.state().clone();
    tokio::task::spawn_blocking(move || state.acknowledge()).await.map_err(std::io::Error::other)??;
    tracing::info!(by = bearer.subject, via = bearer.issuer, "outcome acknowledged");
    desk.acknowledged().cancel();
    Ok(StatusCode::ACCEPTED)
}
