//! Attempts under way: from the Job to the outcome.

use ambient_crds::phase::{PendingReason, Phase};
use ambient_crds::session::SessionDeletionPolicy;
use ambient_protocol::ledger::EndPhase;

use super::super::observed::{AttemptState, Observed, PodState};
use super::super::progress::ClaimState;
use super::ending::conclude;
use super::starting::attempt_lost;
use super::{Action, SessionPlan, pending, phase_of, say};

/// Waiting reasons after which a pod will not come up by itself.
const HOPELESS: [&str; 6] = [
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RunContainerError",
    "CreateContainerError",
    "CrashLoopBackOff",
];

/// Nothing may start; what runs goes on.
pub(super) fn blocked(observed: &Observed<'_>, reason: PendingReason, why: &str) -> SessionPlan {
    match &observed.attempt {
        Some(attempt) if observed.pinned.is_some() && observed.progress.claim == ClaimState::Acknowledged => {
            running(observed, attempt)
        }
        _ => pending(observed, reason, why),
    }
}

pub(super) fn running(observed: &Observed<'_>, attempt: &AttemptState) -> SessionPlan {
    if let ClaimState::Refused(why) = &observed.progress.claim {
        return say(observed, Action::Withdraw, Phase::Pending, "Claiming", why);
    }
    if let Some(outcome) = &observed.progress.outcome {
        let phase = phase_of(outcome.exit.phase());
        return pursue(observed, attempt, phase, outcome.exit.as_str(), &outcome.message);
    }
    match &attempt.pod {
        PodState::Ended { reason, message } => pod_ended(observed, reason, message),
        PodState::Starting { reason, message } if HOPELESS.contains(&reason.as_str()) => {
            conclude(observed, EndPhase::Failed, reason, message)
        }
        PodState::Starting { reason, message } if !reason.is_empty() => {
            keep(observed, Phase::Creating, reason, message)
        }
        PodState::Missing | PodState::Starting { .. } if observed.stop_wanted() => {
            conclude(observed, EndPhase::Stopped, "Stopped", "stopped before the agent started")
        }
        PodState::Missing | PodState::Starting { .. } => {
            keep(observed, Phase::Creating, "Creating", "the runner is starting")
        }
        PodState::Ready { .. } if stopping(observed) => {
            pursue(observed, attempt, Phase::Stopping, "Stopping", "the agent is being stopped")
        }
        PodState::Ready { .. } if observed.progress.started_at.is_some() => {
            pursue(observed, attempt, Phase::Running, "Running", "the agent is at work")
        }
        PodState::Ready { .. } => pursue(
            observed,
            attempt,
            Phase::Creating,
            "Claiming",
            "the runner is ready; the claim is on its way",
        ),
    }
}

fn stopping(observed: &Observed<'_>) -> bool {
    observed.stop_wanted() || (observed.deleting() && cancels(observed))
}

fn cancels(observed: &Observed<'_>) -> bool {
    observed.session.spec.deletion_policy == SessionDeletionPolicy::Cancel
}

/// A Job that exists but whose claim this process has not asked for yet: ask (again), it is the same claim.
fn keep(observed: &Observed<'_>, phase: Phase, reason: &str, message: &str) -> SessionPlan {
    let action = match (&observed.progress.claim, &observed.pinned, &observed.attempt) {
        (ClaimState::Unasked, Some(session), Some(attempt)) => {
            Action::Start { session: Box::new(session.clone()), attempt: attempt.number, take_lost: false }
        }
        _ => Action::Nothing,
    };
    say(observed, action, phase, reason, message)
}

fn pursue(
    observed: &Observed<'_>,
    attempt: &AttemptState,
    phase: Phase,
    reason: &str,
    message: &str,
) -> SessionPlan {
    let action = match (&observed.progress.claim, &observed.pinned, &attempt.pod) {
        (ClaimState::Acknowledged, Some(session), PodState::Ready { address }) => Action::Pursue {
            session: Box::new(session.clone()),
            attempt: attempt.number,
            address: address.clone(),
            stop: stopping(observed),
        },
        (ClaimState::Unasked, _, _) => return keep(observed, phase, reason, message),
        _ => Action::Nothing,
    };
    say(observed, action, phase, reason, message)
}

fn pod_ended(observed: &Observed<'_>, reason: &str, message: &str) -> SessionPlan {
    let reason = if reason == "OOMKilled" { "OutOfMemory" } else { reason };
    let reason = if matches!(reason, "Error" | "Completed" | "") { "RunnerExit" } else { reason };
    attempt_lost(observed, reason, message)
}
