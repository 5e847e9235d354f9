//! Attempts that left no outcome: another one is made, or a runner that only takes what was left, or the run ends.

use ambient_crds::phase::{PendingReason, Phase};
use ambient_protocol::ledger::EndPhase;

use super::super::observed::Observed;
use super::super::remains::Loss;
use super::ending::conclude;
use super::starting::{hindrance, start};
use super::{Action, SessionPlan, pending, say};

/// Whether another attempt may be made of a run that has lost one. Attempts that slept are none that were lost.
pub(crate) fn may_retry(observed: &Observed<'_>) -> bool {
    let retry = observed.session.spec.retry.as_ref();
    let limit =
        retry.and_then(|retry| retry.limit).and_then(|limit| u32::try_from(limit).ok()).unwrap_or_default();
    let failed = observed.known_attempt().saturating_sub(observed.slept.count());
    failed <= limit && observed.loss.is_none() && !observed.stop_wanted() && !observed.deleting()
}

/// An attempt left no outcome: try again if that is allowed, else end the run with what can be had of it.
pub(super) fn attempt_lost(observed: &Observed<'_>, reason: &str, message: &str) -> SessionPlan {
    if let Some(loss) = &observed.loss {
        return if observed.collects().is_some() {
            not_collected(observed, loss, message)
        } else {
            collect(observed, loss)
        };
    }
    if may_retry(observed) {
        return retry(observed, message);
    }
    if may_have_left_something(observed) {
        let loss = Loss {
            attempt: observed.known_attempt(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            at: observed.now,
        };
        return say(observed, Action::NoteLoss(Box::new(loss)), Phase::Stopping, reason, message);
    }
    if observed.leaving {
        let message = format!("{message}; its pod is ending, and what it leaves is waited for");
        return say(observed, Action::LookAgain(30), Phase::Stopping, reason, &message);
    }
    conclude(observed, EndPhase::Failed, reason, message)
}

/// The runner that was to take what was left cannot: the run ends by what it was lost by.
pub(super) fn not_collected(observed: &Observed<'_>, loss: &Loss, why: &str) -> SessionPlan {
    let message = format!("{}; what it left could not be taken: {why}", loss.message);
    conclude(observed, EndPhase::Failed, &loss.reason, &message)
}

fn retry(observed: &Observed<'_>, message: &str) -> SessionPlan {
    if let Some(waits) = waits_for_pod(observed) {
        let message = format!("{message}; the next attempt starts when its pod has gone");
        return SessionPlan { action: waits, ..pending(observed, PendingReason::Retrying, &message) };
    }
    let plan = hindrance(observed).unwrap_or_else(|| start(observed, observed.known_attempt() + 1, false));
    match plan.action {
        Action::Start { .. } => {
            SessionPlan { reason: "Retrying".to_owned(), message: message.to_owned(), ..plan }
        }
        _ => plan,
    }
}

fn collect(observed: &Observed<'_>, loss: &Loss) -> SessionPlan {
    if let Some(waits) = waits_for_pod(observed) {
        let message = format!("{}; its pod is ending, and what it leaves is waited for", loss.message);
        return say(observed, waits, Phase::Stopping, &loss.reason, &message);
    }
    let message = format!("{}; a runner is started to take what was left", loss.message);
    let plan = start(observed, observed.known_attempt() + 1, false);
    SessionPlan { phase: Phase::Stopping, reason: loss.reason.clone(), message, ..plan }
}

/// Two attempts never work on one volume: an agent may go on though its runner has ended.
fn waits_for_pod(observed: &Observed<'_>) -> Option<Action> {
    if observed.attempt.as_ref().is_some_and(|attempt| attempt.is_going) {
        return Some(Action::Withdraw);
    }
    observed.leaving.then_some(Action::LookAgain(30))
}

/// Whether an agent has worked on a volume that is there.
fn may_have_left_something(observed: &Observed<'_>) -> bool {
    let progress = &observed.progress;
    let is_told = matches!(observed.known_phase(), Some(Phase::Running | Phase::Stopping));
    let has_worked = is_told || progress.started_at.is_some() || observed.known_attempt() > 1;
    has_worked && observed.has_volume && observed.pinned.is_some() && !observed.namespace_terminating
}
