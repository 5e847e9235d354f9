//! Following one runner: start its first turn, follow its log, take its outcome, record it, release it.
//!
//! A task does this for each run that serves. Every step may be repeated, by this task after a fault or by the next
//! process after a kill: the start marker lets one start through, the log is read from any point, pushes and ledger
//! writes are made once whoever makes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient_crds::names::{RunNumber, run_name};
use ambient_kit::clock::precise_now;
use ambient_protocol::client::{ClientError, RunnerClient, Start};
use ambient_protocol::conversation::Conversation;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::input::RunAgentInput;
use ambient_protocol::outcome::{ExitReason, Outcome};
use ambient_protocol::sse::SEALED;
use ambient_protocol::token::Scope;
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::loss;
use super::plan::{StopCause, time_is_over};
use super::pod::AGUI_PORT;
use super::progress::{RunId, Trouble};
use super::transcript::Transcript;
use super::{count, record, sleep};
use crate::context::Context;

/// Tasks that follow runners, at most one a run.
#[derive(Clone, Default)]
pub(crate) struct Pursuits {
    tasks: Arc<Mutex<HashMap<RunId, Handle>>>,
}

#[derive(Clone)]
struct Handle {
    attempt: u32,
    stop: watch::Sender<Option<StopCause>>,
    cancel: CancellationToken,
    log: Log,
}

/// What was seen of a run's log: by the task that follows it, and after that by whoever ends the run.
type Log = Arc<Mutex<Transcript>>;

/// One runner to follow.
pub(crate) struct Quarry {
    /// The run.
    pub id: RunId,
    /// What it acts on.
    pub session: EffectiveSession,
    /// The attempt.
    pub attempt: u32,
    /// The pod's address.
    pub address: String,
    /// Why it is to stop, if it is.
    pub stop: Option<StopCause>,
    /// Whether it goes on with a conversation after a sleep: then it is asked nothing by the platform.
    pub goes_on: bool,
}

impl Pursuits {
    /// Follows a runner unless that is being done; passes a wish to stop on.
    pub(crate) fn follow(&self, context: &Arc<Context>, quarry: Quarry) {
        let mut tasks = self.lock();
        if let Some(handle) = tasks.get(&quarry.id).filter(|handle| handle.attempt == quarry.attempt) {
            // The first cause stays: the agent ended because of it.
            handle
                .stop
                .send_if_modified(|known| known.is_none() && std::mem::replace(known, quarry.stop).is_none());
            return;
        }
        let (stop, cancel) = (watch::Sender::new(quarry.stop), CancellationToken::new());
        let handle = Handle { attempt: quarry.attempt, stop, cancel, log: Log::default() };
        if let Some(old) = tasks.insert(quarry.id.clone(), handle.clone()) {
            old.cancel.cancel();
        }
        drop(tasks);
        let (pursuits, context, id) = (self.clone(), Arc::clone(context), quarry.id.clone());
        tokio::spawn(async move {
            context.board.note(&id, |progress| progress.pursued = true);
            tokio::select! {
                () = pursue(&context, &quarry, handle.stop.subscribe(), &handle.log) => {}
                () = handle.cancel.cancelled() => {}
            }
            pursuits.lock().retain(|other, task| *other != id || task.attempt != handle.attempt);
            context.board.update(&id, |progress| progress.pursued = false);
        });
    }

    /// Gives up following a run: its pod is gone. Gives what was seen of its log.
    pub(crate) fn give_up(&self, id: &RunId) -> Transcript {
        let Some(handle) = self.lock().remove(id) else { return Transcript::default() };
        handle.cancel.cancel();
        std::mem::take(&mut *handle.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Handle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// Delays up to here are a matter of course: the runner is asked from the moment on that its container runs.
const QUIET_DELAY: Duration = Duration::from_millis(800);
/// What a runner answers that is still preparing its workspace, after it has had the turn wait for a while.
const PREPARING: u16 = 503;

async fn pursue(context: &Context, quarry: &Quarry, mut stop: watch::Receiver<Option<StopCause>>, log: &Log) {
    let runner = runner_client(context, quarry);
    let mut following = Following { log: Arc::clone(log), ..Following::default() };
    let mut delay = FIRST_DELAY;
    let outcome = loop {
        let step = take_outcome(context, quarry, &runner, &mut stop, &mut following).await;
        match step {
            Ok(outcome) => {
                let cause = *stop.borrow();
                break told(outcome, cause, quarry, context).await;
            }
            Err(ClientError::Status { status: PREPARING, .. }) => {
                delay = FIRST_DELAY;
                tokio::time::sleep(delay).await;
            }
            Err(error) => {
                if delay > QUIET_DELAY {
                    trouble(context, &quarry.id, "RunnerUnreachable", &error.to_string());
                }
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LONGEST_DELAY);
            }
        }
    };
    if outcome.exit == ExitReason::Idle {
        return put_to_sleep(context, quarry, &runner).await;
    }
    // Where the broker does not answer now, the result waits for it.
    let outcome = count::settled(context, &quarry.session, &outcome).await.unwrap_or(outcome);
    let usage = outcome.usage;
    context.board.update(&quarry.id, |progress| {
        progress.usage = usage;
        progress.last_sequence = outcome.events;
        progress.outcome = Some(Box::new(outcome.clone()));
        progress.trouble = None;
    });
    let seen = std::mem::take(&mut *following.log());
    record_until_done(context, quarry, &runner, &outcome, seen).await;
    release(context, quarry, &runner).await;
}

/// Notes on the volume that the attempt has ended and its run has not; then the runner may go.
async fn put_to_sleep(context: &Context, quarry: &Quarry, runner: &RunnerClient) {
    let key = &quarry.session.key;
    let volume = run_name(key.session(), RunNumber::try_from(key.run()).unwrap_or_default());
    let mut delay = FIRST_DELAY;
    while let Err(error) = sleep::note(&context.client, key.project(), &volume, quarry.attempt).await {
        trouble(context, &quarry.id, "Unavailable", &format!("the run cannot be put to sleep: {error}"));
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
    release(context, quarry, runner).await;
}

/// The outcome as it is recorded: a runner knows that it was stopped or has lost its agent, and not why.
async fn told(outcome: Outcome, stop: Option<StopCause>, quarry: &Quarry, context: &Context) -> Outcome {
    match (outcome.exit, stop) {
        (ExitReason::Stopped, Some(StopCause::TimedOut)) => {
            Outcome { exit: ExitReason::TimedOut, message: time_is_over(&quarry.session), ..outcome }
        }
        (ExitReason::Stopped, None) => {
            let message = "its pod was told to end: it was deleted, or its node was stopped".to_owned();
            Outcome { message, ..outcome }
        }
        (ExitReason::AgentLost, _) => {
            loss::explained(&context.client, &quarry.session, quarry.attempt, outcome).await
        }
        _ => outcome,
    }
}

fn runner_client(context: &Context, quarry: &Quarry) -> RunnerClient {
    let (signer, audience) = (Arc::clone(&context.signer), quarry.session.session_uid.clone());
    let scopes = [Scope::Run, Scope::Read, Scope::Control, Scope::Outcome];
    let token = move || {
        let signed = signer.sign(&audience, "operator", &scopes, precise_now());
        signed.map_err(|error| ClientError::Token(error.to_string()))
    };
    RunnerClient::new(&format!("http://{}:{AGUI_PORT}", quarry.address), Arc::new(token))
}

/// What has been seen of the log.
#[derive(Default)]
struct Following {
    log: Log,
    conversation: Conversation,
    stop_sent: bool,
}

impl Following {
    fn log(&self) -> MutexGuard<'_, Transcript> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> u64 {
        self.log().last()
    }
}

async fn take_outcome(
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

async fn record_until_done(
    context: &Context,
    quarry: &Quarry,
    runner: &RunnerClient,
    outcome: &Outcome,
    transcript: Transcript,
) {
    let mut transcript = transcript;
    let mut delay = FIRST_DELAY;
    loop {
        let recorded = record::record(context, &quarry.session, runner, outcome, &mut transcript).await;
        match recorded {
            Ok(recorded) => {
                context.board.update(&quarry.id, |progress| {
                    progress.recorded = Some(Box::new(recorded));
                    progress.trouble = None;
                });
                return;
            }
            Err(error) => {
                trouble(context, &quarry.id, error.reason(), &error.to_string());
                if error.is_fenced()
                    && let Some(recorded) = record::ended_by_others(context, &quarry.session).await
                {
                    context.board.update(&quarry.id, |progress| progress.recorded = Some(Box::new(recorded)));
                    return;
                }
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LONGEST_DELAY);
            }
        }
    }
}

/// Lets the runner go. One that does not hear it is removed with its Job.
async fn release(context: &Context, quarry: &Quarry, runner: &RunnerClient) {
    let acknowledged = runner.acknowledge().await;
    if let Err(error) = &acknowledged {
        tracing::debug!(run = %quarry.id.key, %error, "the runner did not hear that it may go");
    }
    context.board.update(&quarry.id, |progress| {
        progress.released = true;
        progress.acknowledged = acknowledged.is_ok();
    });
}

fn trouble(context: &Context, id: &RunId, reason: &'static str, message: &str) {
    Trouble { reason, message: message.to_owned() }.note(context, id);
}
