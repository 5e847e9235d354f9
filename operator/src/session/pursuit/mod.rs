//! Following one runner: start its first turn, follow its log, take its outcome, record it, release it.
//!
//! A task does this for each run that serves. Every step may be repeated, by this task after a fault or by the next
//! process after a kill: the start marker lets one start through, the log is read from any point, pushes and ledger
//! writes are made once whoever makes them.

mod ending;
mod follow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient_kit::clock::precise_now;
use ambient_protocol::client::{ClientError, RunnerClient};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::outcome::{ExitReason, Outcome};
use ambient_protocol::token::Scope;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::ending::{put_to_sleep, record_until_done, release};
use self::follow::{Following, take_outcome};
use super::plan::{StopCause, time_is_over};
use super::pod::AGUI_PORT;
use super::progress::{RunId, Trouble};
use super::remains::Loss;
use super::transcript::Transcript;
use super::{count, loss};
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
    /// How an attempt was lost, if this one is there only to take what it left.
    pub loss: Option<Loss>,
    /// Whether another attempt may be made.
    pub may_retry: bool,
    /// Whether it goes on with a conversation after a sleep: then it is asked nothing by the platform.
    pub goes_on: bool,
}

impl Quarry {
    /// How the run was lost whose remains an outcome is. One that an earlier attempt had left behind is the run's own.
    fn loss_behind(&self, outcome: &Outcome) -> Option<&Loss> {
        self.loss.as_ref().filter(|_| outcome.attempt == self.attempt)
    }
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
    let mut following = Following::of(Arc::clone(log));
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
    if quarry.may_retry && outcome.with_its_pod && stop.borrow().is_none() {
        // By nobody who wants the run to end: what it left is taken up by the next attempt.
        return release(context, quarry, &runner).await;
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

/// The outcome as it is recorded: a runner knows that it was stopped or has lost its agent, and not why.
async fn told(outcome: Outcome, stop: Option<StopCause>, quarry: &Quarry, context: &Context) -> Outcome {
    if let Some(loss) = quarry.loss_behind(&outcome) {
        return loss.told_of(outcome);
    }
    match (outcome.exit, stop) {
        (ExitReason::Stopped, Some(StopCause::TimedOut)) => {
            Outcome { exit: ExitReason::TimedOut, message: time_is_over(&quarry.session), ..outcome }
        }
        (ExitReason::Stopped, None) if outcome.with_its_pod => {
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

fn trouble(context: &Context, id: &RunId, reason: &'static str, message: &str) {
    Trouble { reason, message: message.to_owned() }.note(context, id);
}
