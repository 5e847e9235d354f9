//! The events of a run up to now, for pages that must not wait.

use std::time::Duration;

use ambient_protocol::Conversation;
use ambient_protocol::client::RunnerClient;
use ambient_protocol::sse::SEALED;
use futures::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::place::{self, Place};
use super::target::Target;
use crate::error::Error;
use crate::state::App;

/// The longest a page waits for a runner's events.
const BOUND: Duration = Duration::from_millis(600);
/// A pause of this length means that all events so far have come.
const PAUSE: Duration = Duration::from_millis(40);

/// What a run has said up to now.
#[derive(Debug, Default)]
pub(crate) struct SoFar {
    /// The conversation; its sequence is where a stream goes on.
    pub(crate) conversation: Conversation,
    /// Whether no more will come.
    pub(crate) whole: bool,
    /// Whether the middle was cut out of the transcript, because it was too long.
    pub(crate) truncated: bool,
}

/// Reads a run's events up to now.
///
/// # Errors
/// The API server's. A runner that does not answer in time has said nothing yet.
pub(crate) async fn so_far(app: &App, target: &Target) -> Result<SoFar, Error> {
    Ok(match place::find(app, target).await? {
        Place::Runner(client) => of_runner(&client).await,
        Place::Record(transcript) => SoFar {
            conversation: Conversation::from_transcript(&transcript.text),
            whole: true,
            truncated: transcript.truncated,
        },
        Place::Nowhere | Place::Gone => SoFar { whole: true, ..SoFar::default() },
        Place::NotYet => SoFar::default(),
    })
}

async fn of_runner(client: &RunnerClient) -> SoFar {
    let deadline = Instant::now() + BOUND;
    let mut so_far = SoFar::default();
    let Ok(Ok(mut stream)) = timeout_at(deadline, client.events(0)).await else {
        return so_far;
    };
    let next_is_due = |first: bool| if first { BOUND } else { PAUSE };
    while Instant::now() < deadline {
        let wait = next_is_due(so_far.conversation.sequence == 0);
        let Ok(Some(Ok(frame))) = timeout(wait, stream.next()).await else { break };
        if frame.event.as_deref() == Some(SEALED) {
            so_far.whole = true;
            break;
        }
        so_far.conversation.apply_line(&frame.data);
    }
    so_far
}
