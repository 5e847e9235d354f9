//! Every route in one place.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::auth::{api_user, page_user, same_origin};
use crate::state::App;
use crate::{live, pages, rest, security};

/// All routes: pages, REST, streams, files.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(pages(Arc::clone(&app)))
        .nest("/api", api(Arc::clone(&app)))
        .merge(open(app))
        .fallback(pages::failure::no_such_page)
        .layer(from_fn(same_origin))
        .layer(from_fn(security::headers))
}

/// For people who are signed in.
fn pages(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::sessions::all))
        .route("/projects/{project}", get(pages::sessions::of_project))
        .route("/projects/{project}/sessions/{session}", get(pages::session::page))
        .route("/projects/{project}/sessions/{session}/answers", post(pages::people::answer))
        .route("/projects/{project}/sessions/{session}/messages", post(pages::people::say))
        .route("/projects/{project}/sessions/{session}/wake", post(pages::people::wake))
        .route("/live/sessions", get(live::sessions::stream))
        .route("/live/projects/{project}/sessions/{session}", get(live::session::stream))
        .route_layer(from_fn_with_state(Arc::clone(&app), page_user))
        .with_state(app)
}

/// For programs.
fn api(app: Arc<App>) -> Router {
    Router::new()
        .route("/me", get(rest::me::get))
        .route("/projects/{project}/agentic-sessions", get(rest::sessions::list))
        .route("/projects/{project}/agentic-sessions/{session}", get(rest::sessions::get))
        .route("/projects/{project}/agentic-sessions/{session}/conversation", get(rest::runs::conversation))
        .route("/projects/{project}/agentic-sessions/{session}/result", get(rest::runs::result))
        .route("/projects/{project}/agentic-sessions/{session}/events", get(rest::runs::events))
        .route("/projects/{project}/agentic-sessions/{session}/answers", post(rest::people::answer))
        .route("/projects/{project}/agentic-sessions/{session}/messages", post(rest::people::say))
        .route("/projects/{project}/agentic-sessions/{session}/interrupt", post(rest::people::interrupt))
        .route("/projects/{project}/agentic-sessions/{session}/model", post(rest::people::choose_model))
        .route("/projects/{project}/agentic-sessions/{session}/wake", post(rest::people::rouse))
        .fallback(rest::no_such_resource)
        .layer(from_fn_with_state(Arc::clone(&app), api_user))
        .with_state(app)
}

/// For everybody.
fn open(app: Arc<App>) -> Router {
    Router::new()
        .route("/login", get(pages::login::form).post(pages::login::submit))
        .route("/logout", post(pages::login::sign_out))
        .route("/static/{file}", get(pages::files::serve))
        .route("/healthz", get(rest::health::alive))
        .route("/readyz", get(rest::health::ready))
        .with_state(app)
}
