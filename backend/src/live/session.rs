//! `GET /live/projects/{project}/sessions/{session}`: the changes of one run's page, until its result is recorded.

use std::sync::Arc;
use std::time::Duration;

use ambient_kit::clock::precise_now;
use ambient_protocol::Conversation;
use ambient_protocol::sse::{Frame, SEALED};
use askama::Template as _;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::changes::Shown;
use super::{Change, done, frame};
use crate::asked::Asked;
use crate::auth::User;
use crate::error::{Error, PageError};
use crate::pages::parts::{ChangesPart, FactsPart, PeoplePart, StandingPart};
use crate::pages::session::record_of;
use crate::runs::{Target, follow};
use crate::sse;
use crate::state::App;
use crate::view::run::RunView;

/// Events that are shown at once when they come at once.
const TOGETHER: usize = 512;
/// Frames that wait for a slow browser.
const WAITING: usize = 16;
/// How often the record is looked for once the agent has ended; the session's own changes usually tell earlier.
const RECORD: Duration = Duration::from_secs(3);

/// Which run, and what the page shows already.
#[derive(Debug, Deserialize)]
pub(crate) struct LiveQuery {
    run: Option<u32>,
    after: Option<u64>,
}

/// Streams the changes of a page.
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, session)): Path<(String, String)>,
    Asked(query, ..): Asked<LiveQuery, PageError>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let target = Target::find(&app, user, &project, &session, query.run).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let events = follow(&app, target.clone(), 0);
    let page = LivePage {
        app,
        target,
        conversation: Conversation::default(),
        shown: Shown::default(),
        after: sse::cursor(&headers, query.after),
        parts: Vec::new(),
        sender,
    };
    tokio::spawn(page.run(events));
    Ok(sse::response(ReceiverStream::new(receiver)))
}

struct LivePage {
    app: Arc<App>,
    target: Target,
    conversation: Conversation,
    shown: Shown,
    /// The sequence number up to which the page shows the conversation.
    after: u64,
    /// The parts beside the conversation as they were last sent.
    parts: Vec<(&'static str, String)>,
    sender: mpsc::Sender<Frame>,
}

/// The browser is gone, or the page is complete.
struct Over;

impl LivePage {
    async fn run(mut self, events: mpsc::Receiver<Frame>) {
        let (closed, end) = (self.sender.clone(), self.app.shutdown.clone());
        let updates = async {
            // The only way out of the updates is that they are over.
            let _: Result<(), Over> = self.update(events).await;
        };
        tokio::select! {
            () = closed.closed() => {}
            () = end.cancelled() => {}
            () = updates => {}
        }
    }

    async fn update(&mut self, mut events: mpsc::Receiver<Frame>) -> Result<(), Over> {
        let mut bell = self.app.sessions.bell(self.target.key.project(), self.target.key.session());
        let app = Arc::clone(&self.app);
        let mut sealed = false;
        self.send_parts(sealed).await?;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = events.recv_many(&mut batch, TOGETHER), if !sealed => {
                    if count == 0 {
                        // The right was lost, the session is gone, or the backend ends.
                        return Err(Over);
                    }
                    sealed = batch.iter().any(|one| one.event.as_deref() == Some(SEALED));
                    self.take(&mut batch).await?;
                    if sealed {
                        self.send_parts(sealed).await?;
                    }
                }
                () = bell.rung(&app.sessions) => self.send_parts(sealed).await?,
                () = tokio::time::sleep(RECORD), if sealed => self.send_parts(sealed).await?,
            }
        }
    }

    /// Takes events into the conversation. Those that the page shows already change nothing on it.
    async fn take(&mut self, batch: &mut Vec<Frame>) -> Result<(), Over> {
        for event in batch.drain(..).filter(|event| event.id.is_some()) {
            self.conversation.apply_line(&event.data);
            if self.conversation.sequence == self.after {
                self.shown = Shown::of(&self.conversation);
            }
        }
        if self.conversation.sequence <= self.after {
            return Ok(());
        }
        let mut changes =
            self.shown.update(&self.conversation).map_err(|error| self.failed(&error.into()))?;
        changes.extend(self.people()?);
        self.send(Some(self.conversation.sequence), &changes).await
    }

    /// What the run waits for, where that has changed. What somebody is writing stays while the turn goes on.
    fn people(&mut self) -> Result<Option<Change>, Over> {
        let html = PeoplePart::new(&self.target, &self.conversation).render();
        let html = html.map_err(|error| self.failed(&error.into()))?;
        Ok(self.changed("people", html))
    }

    /// Sends the parts beside the conversation that are not as they were last sent. Ends the stream with the record.
    async fn send_parts(&mut self, sealed: bool) -> Result<(), Over> {
        let target = match self.target.clone().refreshed().await {
            Ok(target) => target,
            Err(error) => return Err(self.failed(&error)),
        };
        self.target = target;
        let record = if sealed { record_of(&self.app, &self.target).await.ok().flatten() } else { None };
        let view = RunView::new(&self.target, record.as_ref(), precise_now());
        let mut parts = vec![
            ("standing", StandingPart { run: &view }.render()),
            ("facts", FactsPart { run: &view }.render()),
        ];
        if record.is_some() {
            parts.push(("changes", ChangesPart::new(record.as_ref()).render()));
        }
        let mut changes: Vec<Change> = self.people()?.into_iter().collect();
        for (id, rendered) in parts {
            let html = rendered.map_err(|error| self.failed(&error.into()))?;
            changes.extend(self.changed(id, html));
        }
        self.send(None, &changes).await?;
        if record.is_some_and(|record| record.entry.ended.is_some()) {
            // A browser that is gone needs no end.
            let _ = self.sender.send(done()).await;
            return Err(Over);
        }
        Ok(())
    }

    fn changed(&mut self, id: &'static str, html: String) -> Option<Change> {
        match self.parts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, last)) if *last == html => return None,
            Some((_, last)) => last.clone_from(&html),
            None => self.parts.push((id, html.clone())),
        }
        Some(Change::Put { id: id.to_owned(), html })
    }

    async fn send(&self, sequence: Option<u64>, changes: &[Change]) -> Result<(), Over> {
        if changes.is_empty() {
            return Ok(());
        }
        self.sender.send(frame(sequence, changes)).await.map_err(|_| Over)
    }

    fn failed(&self, error: &Error) -> Over {
        tracing::warn!(run = %self.target.key, %error, "a page cannot be kept up to date");
        Over
    }
}
