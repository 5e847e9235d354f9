//! `GET /api/projects/{project}/agentic-sessions[/{session}]`: the objects as Kubernetes has them.

use std::sync::Arc;

use ambient_crds::AgenticSession;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use kube::api::Api;
use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::auth::{User, Verb};
use crate::error::{ApiError, Error};
use crate::state::App;
use crate::view::listing::{self, Filter};

/// Most sessions of one answer.
const MOST: usize = 100;
/// Sessions of one answer where nothing is said.
const USUAL: usize = 20;

/// What may be asked of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    limit: Option<usize>,
    offset: usize,
    search: Option<String>,
    phase: Option<String>,
}

/// A part of a project's sessions, newest first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionPage {
    items: Vec<AgenticSession>,
    total_count: usize,
    limit: usize,
    offset: usize,
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
}

/// Lists a project's sessions.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path(project): Path<String>,
    Asked(query, ..): Asked<ListQuery, ApiError>,
) -> Result<Json<SessionPage>, ApiError> {
    if !app.access.may(&user, Verb::List, Some(&project), None).await? {
        return Err(Error::Forbidden(format!("{} may not list sessions in {project}", user.name)).into());
    }
    let filter = Filter::new(Some(&project), query.phase.as_deref(), query.search.as_deref());
    let found = listing::select(app.sessions.all(), &filter);
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let items: Vec<_> = found.iter().skip(query.offset).take(limit).map(|one| presented(one)).collect();
    let end = query.offset.saturating_add(items.len());
    let has_more = end < found.len();
    let next_offset = has_more.then_some(end);
    Ok(Json(SessionPage {
        items,
        total_count: found.len(),
        limit,
        offset: query.offset,
        has_more,
        next_offset,
    }))
}

/// Reads one session, with the user's own token.
pub(crate) async fn get(
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
) -> Result<Json<AgenticSession>, ApiError> {
    ambient_protocol::RunKey::new(&project, &session, 1)?;
    let sessions: Api<AgenticSession> = Api::namespaced(user.client, &project);
    let found = sessions.get_opt(&session).await?;
    let found = found.ok_or_else(|| Error::NotFound(format!("session {session} in project {project}")))?;
    Ok(Json(presented(&found)))
}

/// Without the bookkeeping of field managers, which nobody reads and which is often the longest part.
fn presented(session: &AgenticSession) -> AgenticSession {
    let mut session = session.clone();
    session.metadata.managed_fields = None;
    session
}
