//! One runner's turn: started, its log followed to the seal, its outcome taken.

use std::sync::{MutexGuard, PoisonError};

use ambient_protocol::client::{ClientError, RunnerClient, Start};
use ambient_protocol::conversation::Conversation;
use ambient_protocol::input::RunAgentInput;
use ambient_protocol::outcome::Outcome;
use ambient_protocol::sse::SEALED;
use futures::StreamExt as _;
use tokio::sync::watch;

use super::{Log, Quarry};
use crate::context::Context;
use crate::session::RunId;
use crate::session::plan::StopCause;
use crate::session::transcript::Transcript;

/// What has been seen of the log.
#[derive(Default)]
pub(super) struct Following {
    log: Log,
    conversation: Conversation,
    stop_sent: bool,
}

impl Following {
    pub(super) fn of(log: Log) -> Self {
        Self { log, ..Self::default() }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Transcript> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> u64 {
        self.log().last()
    }
}

pub(super) async fn take_outcome(
    context: &Context,
    quarry: &Quarry,
    runner: &RunnerClient,
    stop: &mut watch::Receiver<Option<StopCause>>,
    following: &mut Following,
) -> Result<Outcome, ClientError> {
    if let Some(outcome) = runner.outcome().await? {
        return Ok(outcome);
    }
    if stop.borrow().is_none() {
        tokio::select! {
            started = start(context, quarry, runner) => started?,
            // A runner that is preparing keeps the turn waiting.
            () = wanted(stop) => {}
        }
    }
    if stop.borrow().is_some() && !following.stop_sent {
        runner.stop().await?;
        following.stop_sent = true;
    }
    follow(context, quarry, runner, stop, following).await?;
    runner
        .outcome()
        .await?
        .ok_or_else(|| ClientError::Answer("the log is sealed but there is no outcome".to_owned()))
}

async fn start(context: &Context, quarry: &Quarry, runner: &RunnerClient) -> Result<(), ClientError> {
    let run_id = quarry.session.key.attempt(quarry.attempt).to_string();
    let mut input = RunAgentInput::prompt(&quarry.session.session_uid, &run_id, &quarry.session.prompt);
    input.context.clone_from(&quarry.session.context);
    if !quarry.goes_on {
        match runner.start(&input).await? {
            // The log is followed by /events, which resumes; the turn's own stream is not needed.
            Start::Started(_) | Start::AlreadyStarted => {}
        }
    }
    context.board.update(&quarry.id, |progress| {
        progress.started_at.get_or_insert_with(|| context.clock.precise_now());
        progress.trouble = None;
    });
    Ok(())
}

async fn wanted(stop: &mut watch::Receiver<Option<StopCause>>) {
    // It cannot fail: the sender goes with the task that waits here.
    let _ = stop.wait_for(Option::is_some).await;
}

/// Follows the log to its seal.
async fn follow(
    context: &Context,
    quarry: &Quarry,
    runner: &RunnerClient,
    stop: &mut watch::Receiver<Option<StopCause>>,
    following: &mut Following,
) -> Result<(), ClientError> {
    let mut events = runner.events(following.last()).await?;
    loop {
        let frame = tokio::select! {
            frame = events.next() => frame,
            () = wanted(stop), if !following.stop_sent => {
                runner.stop().await?;
                following.stop_sent = true;
                continue;
            }
        };
        let Some(frame) = frame else {
            return Err(ClientError::Broken("the event stream ended without its seal".to_owned()));
        };
        let frame = frame?;
        if frame.event.as_deref() == Some(SEALED) {
            return Ok(());
        }
        if let Some(sequence) = frame.id {
            following.log().push(sequence, &frame.data);
            following.conversation.apply_line(&frame.data);
            note(context, &quarry.id, sequence, &following.conversation);
        }
    }
}

/// Keeps the counters; who is waited for is told at once.
fn note(context: &Context, id: &RunId, sequence: u64, conversation: &Conversation) {
    let mut is_news = false;
    context.board.note(id, |progress| {
        progress.last_sequence = sequence;
        progress.usage = conversation.usage;
        is_news = progress.attendance != conversation.attendance;
    });
    if is_news {
        context.board.update(id, |progress| progress.attendance = conversation.attendance.clone());
    }
}
