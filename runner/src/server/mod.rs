//! The AG-UI server: the runner protocol over HTTP.
//!
//! | request | scope | answer |
//! |---|---|---|
//! | `POST /` | Run | the turn's events, behind a prelude where it goes on already; 409 where it was started before, 423 while a question is open, 503 before the workspace is ready |
//! | `GET /events?after=N` | Read | events after N or `Last-Event-ID`, then as they come, then a `sealed` frame |
//! | `GET /events?join=true` | Read | the same for who joins now, or after N: begins with a [prelude](ambient_protocol::prelude) |
//! | `GET /capabilities` | Read | what the framework can do |
//! | `GET /health` | none | 200 once a first turn can be started or the run has ended; 503 and why before |
//! | `POST /answers` | Control | 202 and who gave them; 200 where they were given before; 409 where no question is open, 422 where an answer is missing, is to none, or does not fit its question |
//! | `POST /interrupt` | Control | 202; 409 where no turn is going on |
//! | `POST /model` | Control | 202; 422 where the agent cannot be given another |
//! | `POST /stop` | Control | 202 |
//! | `GET /outcome` | Outcome | the outcome, or 204 |
//! | `GET /outcome/bundles/<repository>` | Outcome | the agent's commits |
//! | `POST /outcome/ack` | Outcome | 202, and the runner goes; 409 while there is no outcome |

mod desk;
mod events;
mod outcome;
mod people;
mod refusal;
mod turns;

pub(crate) use desk::{Desk, Stage};

use ambient_protocol::FrameworkCapabilities;
use ambient_protocol::token::Scope;
use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::refusal::Refusal;

/// Longest request; a turn's input may hold attachments.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Answers until `closing`, then lets answers under way end.
pub(crate) async fn answer(listener: TcpListener, desk: Desk, closing: CancellationToken) {
    // An event is a small packet: held back for an acknowledgement it would arrive 40 ms late.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delays");
        }
    });
    let serving = axum::serve(listener, router(desk)).with_graceful_shutdown(closing.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the server has stopped");
    }
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/", post(turns::start))
        .route("/events", get(events::follow))
        .route("/capabilities", get(capabilities))
        .route("/health", get(health))
        .route("/answers", post(people::answer))
        .route("/interrupt", post(people::interrupt))
        .route("/model", post(people::use_model))
        .route("/stop", post(stop))
        .route("/outcome", get(outcome::get))
        .route("/outcome/bundles/{repository}", get(outcome::bundle))
        .route("/outcome/ack", post(outcome::acknowledge))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(desk)
}

async fn capabilities(
    State(desk): State<Desk>,
    headers: HeaderMap,
) -> Result<Json<FrameworkCapabilities>, Refusal> {
    desk.authorize(&headers, Scope::Read)?;
    Ok(Json(desk.capabilities().clone()))
}

async fn health(State(desk): State<Desk>) -> (StatusCode, &'static str) {
    match desk.stage() {
        Stage::Preparing => (StatusCode::SERVICE_UNAVAILABLE, "preparing the workspace"),
        Stage::Ready | Stage::Working | Stage::Ended(_) => (StatusCode::OK, "ok"),
    }
}

async fn stop(State(desk): State<Desk>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let bearer = desk.authorize(&headers, Scope::Control)?;
    tracing::info!(by = bearer.subject, via = bearer.issuer, "asked to stop");
    desk.stop().cancel();
    Ok(StatusCode::ACCEPTED)
}
