//! The forms of a run's page: answers, messages, waking. Each leads back to the page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use axum::{Extension, Form};
use serde::Deserialize;

use crate::auth::User;
use crate::error::{Error, PageError};
use crate::runs::{self, Target, speaker};
use crate::state::App;
use crate::view::people;

/// A message of the page.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    id: String,
    text: String,
    /// The model from here on; empty leaves it as it is.
    #[serde(default)]
    model: String,
}

/// `POST …/answers`.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Redirect, PageError> {
    let target = Target::find(&app, user, &project, &session, None).await?;
    let answers = people::answers(&fields);
    speaker(&app, &target).await?.answer(answers).await.map_err(Error::Runner)?;
    Ok(back(&target))
}

/// `POST …/messages`.
pub(crate) async fn say(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Form(message): Form<Message>,
) -> Result<Redirect, PageError> {
    let target = Target::find(&app, user, &project, &session, None).await?;
    let model = message.model.trim();
    if !model.is_empty() {
        speaker(&app, &target).await?.choose_model(model).await.map_err(Error::Runner)?;
    }
    runs::say(&app, &target, &message.id, &message.text).await?;
    Ok(back(&target))
}

/// `POST …/wake`.
pub(crate) async fn wake(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
) -> Result<Redirect, PageError> {
    let target = Target::find(&app, user, &project, &session, None).await?;
    runs::wake(&target).await?;
    Ok(back(&target))
}

fn back(target: &Target) -> Redirect {
    Redirect::to(&format!("/projects/{}/sessions/{}#people", target.key.project(), target.key.session()))
}
