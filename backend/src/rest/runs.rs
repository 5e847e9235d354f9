//! `GET …/agentic-sessions/{session}/{conversation,result,events}`: what a run says, and what it left.

use std::sync::Arc;

use ambient_protocol::Conversation;
use ambient_protocol::records::Record;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;

use crate::asked::Asked;
use crate::auth::User;
use crate::error::{ApiError, Error};
use crate::runs::{Target, follow, record, so_far};
use crate::sse;
use crate::state::App;

/// Which run, and from where on.
#[derive(Debug, Deserialize)]
pub(crate) struct RunQuery {
    /// The run's number; the current one where it is absent.
    run: Option<u32>,
    /// The sequence number after which events are wanted.
    after: Option<u64>,
}

/// A run's conversation up to now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationSoFar {
    run: u32,
    /// Whether no more will come.
    whole: bool,
    #[serde(flatten)]
    conversation: Conversation,
}

/// The conversation of a run up to now.
pub(crate) async fn conversation(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Asked(query, ..): Asked<RunQuery, ApiError>,
) -> Result<Json<ConversationSoFar>, ApiError> {
    let target = Target::find(&app, user, &project, &session, query.run).await?;
    let so_far = so_far(&app, &target).await?;
    let (run, whole, conversation) = (target.key.run(), so_far.whole, so_far.conversation);
    Ok(Json(ConversationSoFar { run, whole, conversation }))
}

/// The record of a run.
pub(crate) async fn result(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Asked(query, ..): Asked<RunQuery, ApiError>,
) -> Result<Json<Record>, ApiError> {
    let target = Target::find(&app, user, &project, &session, query.run).await?;
    let record = record(&app, &target)
        .await?
        .ok_or_else(|| Error::NotFound(format!("record of run {} yet", target.key)))?;
    Ok(Json(record))
}

/// The events of a run as they come, AG-UI by server-sent events; resumes by `Last-Event-ID` or `after`.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Asked(query, ..): Asked<RunQuery, ApiError>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::find(&app, user, &project, &session, query.run).await?;
    let frames = follow(&app, target, sse::cursor(&headers, query.after));
    Ok(sse::response(ReceiverStream::new(frames)))
}
