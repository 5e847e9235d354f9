//! `GET /live/sessions`: the rows of the list whenever they change.

use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::sse::Frame;
use askama::Template as _;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Change, frame};
use crate::asked::Asked;
use crate::auth::User;
use crate::error::{Error, PageError};
use crate::pages::sessions::{ListQuery, list};
use crate::sse;
use crate::state::App;

/// The shortest time between two updates of one page.
const CALM: Duration = Duration::from_millis(300);

/// Whether the list is that of one project.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    one: u8,
}

/// Streams the rows of a list.
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Asked(query, ..): Asked<ListQuery, PageError>,
    Asked(form, ..): Asked<Form, PageError>,
) -> Result<Response, PageError> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let (closed, end) = (sender.clone(), app.shutdown.clone());
        let updates = updates(&app, &user, &query, form.one == 1, &sender);
        tokio::select! {
            () = closed.closed() => {}
            () = end.cancelled() => {}
            result = updates => if let Err(error) = result {
                tracing::warn!(user.name = user.name, %error, "a list cannot be kept up to date");
            },
        }
    });
    Ok(sse::response(ReceiverStream::new(receiver)))
}

/// Each list is made anew with the rights of that moment.
async fn updates(
    app: &App,
    user: &User,
    query: &ListQuery,
    of_project: bool,
    sender: &mpsc::Sender<Frame>,
) -> Result<(), Error> {
    let mut bell = app.sessions.changes();
    let mut last = String::new();
    loop {
        let html = list(app, user, query, of_project).await?.rows.render()?;
        if html != last {
            let change = Change::Put { id: "rows".to_owned(), html: html.clone() };
            if sender.send(frame(None, &[change])).await.is_err() {
                return Ok(());
            }
            last = html;
        }
        tokio::time::sleep(CALM).await;
        if bell.changed().await.is_err() {
            return Ok(());
        }
    }
}
