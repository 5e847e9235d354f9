//! Runs that have ended: their last words, what they still hold, and when their object may go.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::phase::{PendingReason, Phase};
use ambient_protocol::ledger::{EndPhase, Ending, LedgerEntry};

use super::super::deadlines::{expires_at, let_go_at};
use super::super::observed::{LedgerView, Observed, PodState, is_settled, never_needed};
use super::super::progress::ClaimState;
use super::running::blocked;
use super::{Action, SessionPlan, phase_of, say};

/// A session that is being deleted goes when nothing of it is left to be done.
pub(super) fn deletion(observed: &Observed<'_>) -> Option<SessionPlan> {
    let settled = observed.progress.recorded.is_some() || is_settled(observed.session);
    let never_ran = observed.attempt.is_none()
        && !matches!(observed.ledger, LedgerView::Claimed { ours: true, .. })
        // What is being claimed will have to be ended.
        && observed.progress.claim != ClaimState::Pushing;
    let must_let_go = let_go_at(observed).is_some_and(|at| at <= observed.now);
    let goes = never_ran || must_let_go || observed.abandoned() || (settled && !observed.held());
    let phase = observed.known_phase().unwrap_or(Phase::Stopped);
    goes.then(|| say(observed, Action::Release, phase, "Deleted", ""))
}

/// The run has ended as far as this process knows: record, then tidy up.
pub(super) fn ended(observed: &Observed<'_>) -> Option<SessionPlan> {
    if let Some(recorded) = &observed.progress.recorded {
        let ending = &recorded.ending;
        let action = if observed.progress.released { tidy(observed) } else { still_releasing(observed) };
        return Some(say(observed, action, phase_of(ending.phase), &ending.reason, &ending.message));
    }
    let known = observed.known_phase().filter(|phase| phase.is_ended())?;
    if is_settled(observed.session) && !resumed(observed) {
        let (reason, message) = current_words(observed);
        return Some(say(observed, tidy(observed), known, &reason, &message));
    }
    None
}

pub(super) fn from_ledger(observed: &Observed<'_>, entry: &LedgerEntry) -> SessionPlan {
    let Some(ending) = &entry.ended else {
        return blocked(observed, PendingReason::LedgerUnavailable, "the ledger entry has no ending");
    };
    let action = match observed.attempt.as_ref().map(|attempt| &attempt.pod) {
        Some(pod) if pod.address().is_some() => still_releasing(observed),
        Some(PodState::Missing | PodState::Starting { .. }) => Action::Withdraw,
        _ => Action::CleanUp,
    };
    let plan = say(observed, action, phase_of(ending.phase), &ending.reason, &ending.message);
    SessionPlan { ledger: Some(Box::new(entry.clone())), attempt: ending.attempt.max(plan.attempt), ..plan }
}

pub(super) fn conclude(observed: &Observed<'_>, phase: EndPhase, reason: &str, message: &str) -> SessionPlan {
    let ending = Box::new(Ending {
        at: observed.now,
        phase,
        reason: reason.to_owned(),
        message: message.to_owned(),
        attempt: observed.known_attempt().max(1),
        usage: observed.progress.usage,
        has_result: observed.pinned.is_some(),
        transcript: None,
        outputs: Vec::new(),
    });
    let session = observed.pinned.clone().map(Box::new);
    say(observed, Action::Conclude { session, ending }, phase_of(phase), reason, message)
}

/// A result that cannot be recorded, and that a person has given up: the ending is recorded without it.
pub(super) fn abandon(observed: &Observed<'_>) -> Option<SessionPlan> {
    let outcome = observed.progress.outcome.as_ref().filter(|_| observed.abandoned())?;
    let message = format!("{}; a person gave up what could not be recorded", outcome.message);
    let message = message.trim_start_matches("; ");
    Some(conclude(observed, outcome.exit.phase(), Reason::Abandoned.as_str(), message))
}

/// The end that the status tells of; its result may not be recorded yet.
#[must_use]
pub(super) fn told_end(observed: &Observed<'_>) -> Option<Phase> {
    observed.known_phase().filter(|phase| phase.is_ended() && !resumed(observed))
}

/// A session that was stopped before it ever ran may still be let run.
pub(crate) fn resumed(observed: &Observed<'_>) -> bool {
    observed.known_phase() == Some(Phase::Stopped)
        && never_needed(observed.session)
        && matches!(observed.ledger, LedgerView::Absent | LedgerView::Claimed { .. })
        && !observed.stop_wanted()
}

fn tidy(observed: &Observed<'_>) -> Action {
    let expired = expires_at(observed).is_some_and(|at| at <= observed.now);
    if expired && !observed.deleting() { Action::Expire } else { Action::CleanUp }
}

fn still_releasing(observed: &Observed<'_>) -> Action {
    let served = observed.attempt.as_ref().and_then(|attempt| Some((attempt.number, attempt.pod.address()?)));
    match (served, &observed.pinned) {
        (Some((attempt, address)), Some(session)) => {
            let (session, address) = (Box::new(session.clone()), address.to_owned());
            Action::Pursue { session, attempt, address, stop: None }
        }
        _ => Action::CleanUp,
    }
}

/// Reason and message of the condition `Ready` as it is.
pub(super) fn current_words(observed: &Observed<'_>) -> (String, String) {
    let conditions =
        observed.session.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = ambient_kit::conditions::find(conditions, ConditionType::Ready.as_str());
    ready.map(|ready| (ready.reason.clone(), ready.message.clone())).unwrap_or_default()
}
