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
        return note(observed, (Phase::Stopping, EndPhase::Failed), reason, message);
    }
    if observed.leaving {
        let message = format!("{message}; its pod is ending, and what it leaves is waited for");
        return say(observed, Action::LookAgain(30), Phase::Stopping, reason, &message);
    }
    conclude(observed, EndPhase::Failed, reason, message)
}

/// The run has ended, as its runner told, and the runner went before all that belongs to that was recorded. It is on the
/// volume, from where another runner serves it.
pub(super) fn unserved(observed: &Observed<'_>, phase: Phase, reason: &str, message: &str) -> SessionPlan {
    let end = match phase {
        Phase::Completed => EndPhase::Completed,
        Phase::Stopped => EndPhase::Stopped,
        _ => EndPhase::Failed,
    };
    match &observed.loss {
        Some(_) => attempt_lost(observed, reason, message),
        None if observed.has_volume && observed.pinned.is_some() && !observed.namespace_terminating => {
            note(observed, (phase, end), reason, message)
        }
        None => conclude(observed, end, reason, message),
    }
}

fn note(
    observed: &Observed<'_>,
    (now, phase): (Phase, EndPhase),
    reason: &str,
    message: &str,
) -> SessionPlan {
    let loss = Loss {
        attempt: observed.known_attempt(),
        phase,
        reason: reason.to_owned(),
        message: message.to_owned(),
        at: observed.now,
    };
    say(observed, Action::NoteLoss(Box::new(loss)), now, reason, message)
}

/// While what was left is being taken. An end that was told stays told.
pub(super) fn taking(observed: &Observed<'_>) -> Phase {
    observed.known_phase().filter(|phase| phase.is_ended()).unwrap_or(Phase::Stopping)
}

/// The runner that was to take what was left cannot: the run ends by what it was lost by.
pub(super) fn not_collected(observed: &Observed<'_>, loss: &Loss, why: &str) -> SessionPlan {
    let message = loss.and(&format!("what it left could not be taken: {why}"));
    conclude(observed, loss.phase, &loss.reason, &message)
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
        let message = loss.and("its pod is ending, and what it leaves is waited for");
        return say(observed, waits, taking(observed), &loss.reason, &message);
    }
    let message = loss.and("a runner is started to take what was left");
    let plan = start(observed, observed.known_attempt() + 1, false);
    SessionPlan { phase: taking(observed), reason: loss.reason.clone(), message, ..plan }
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
