//! Starts: of the first attempt, of the next one, and of what was lost with another cluster.

use ambient_crds::phase::{PendingReason, Phase};
use ambient_crds::session::DesiredPhase;
use ambient_protocol::ledger::{EndPhase, LedgerEntry};

use super::super::observed::{LedgerView, Observed, ProjectState, Waiting};
use super::ending::{conclude, current_words, told_end};
use super::losing::{attempt_lost, unserved};
use super::running::{ASLEEP, blocked};
use super::{Action, SessionPlan, pending, say};

/// A run that was claimed for another object or by another cluster, and left no outcome.
pub(super) fn lost_elsewhere(observed: &Observed<'_>, entry: &LedgerEntry) -> SessionPlan {
    let on_loss = observed.session.spec.retry.as_ref().and_then(|retry| retry.on_loss).unwrap_or_default();
    if on_loss && !observed.stop_wanted() && !observed.deleting() {
        let plan =
            hindrance(observed).unwrap_or_else(|| start(observed, observed.known_attempt().max(1), true));
        return match plan.action {
            Action::Start { .. } => SessionPlan { reason: "Retrying".to_owned(), ..plan },
            _ => plan,
        };
    }
    // Without a project nobody knows where the loss is to be recorded.
    if let Some(plan) = project_hindrance(observed) {
        return plan;
    }
    let message = format!(
        "the run was claimed by installation {} at {} and left no outcome; raise spec.run to run the task again",
        entry.claim.installation, entry.claim.at
    );
    conclude(observed, EndPhase::Failed, "Lost", &message)
}

/// A run below one that the ledger has: an object made anew, with a number from before.
pub(super) fn passed(observed: &Observed<'_>, newest: u32) -> SessionPlan {
    let message = format!(
        "run {newest} of the session is in the ledger, and a lowered run is nothing; set spec.run to {} to run the task again",
        newest.saturating_add(1)
    );
    blocked(observed, PendingReason::RunPassed, &message)
}

/// A run without a Job.
pub(super) fn not_started(observed: &Observed<'_>) -> SessionPlan {
    let claimed = matches!(observed.ledger, LedgerView::Claimed { .. });
    if claimed && observed.slept.has(observed.known_attempt()) {
        return sleeps(observed);
    }
    if claimed && observed.known_attempt() > 0 {
        if let Some(phase) = told_end(observed) {
            let (reason, message) = current_words(observed);
            return unserved(observed, phase, &reason, &message);
        }
        return attempt_lost(observed, "Lost", "the Job of the run is gone and left no outcome");
    }
    if claimed && (observed.stop_wanted() || observed.deleting()) {
        return conclude(observed, EndPhase::Stopped, "Stopped", "stopped before the agent started");
    }
    if observed.deleting() {
        let phase = observed.known_phase().unwrap_or(Phase::Pending);
        return say(observed, Action::Nothing, phase, "Deleted", "it goes when its claim is settled");
    }
    if observed.stop_wanted() {
        return say(observed, Action::Nothing, Phase::Stopped, "Stopped", "not started: a stop is asked for");
    }
    hindrance(observed).unwrap_or_else(|| start(observed, 1, false))
}

/// A run whose newest attempt ended because nobody spoke. One that is to end is woken for it: its runner takes what is
/// in the workspace.
fn sleeps(observed: &Observed<'_>) -> SessionPlan {
    if observed.is_asleep() {
        return say(observed, Action::Nothing, Phase::Pending, PendingReason::Idle.as_str(), ASLEEP);
    }
    if observed.leaving {
        let message = "it starts again when its last pod has gone";
        return pending(observed, PendingReason::Idle, message);
    }
    let is_to_end = observed.stop_wanted() || observed.deleting();
    let hindered = if is_to_end { None } else { hindrance(observed) };
    let plan = hindered.unwrap_or_else(|| start(observed, observed.known_attempt() + 1, false));
    match plan.action {
        Action::Start { .. } if is_to_end => {
            let message = "a runner is started to take what was left".to_owned();
            SessionPlan { phase: Phase::Stopping, reason: "Stopping".to_owned(), message, ..plan }
        }
        _ => plan,
    }
}

/// What keeps a run from starting that nobody wants stopped.
pub(super) fn hindrance(observed: &Observed<'_>) -> Option<SessionPlan> {
    if observed.session.spec.desired_phase == Some(DesiredPhase::Held) {
        let way_out = "spec.desiredPhase is Held; set it to Running to start";
        return Some(pending(observed, PendingReason::Held, way_out));
    }
    if let Some(plan) = project_hindrance(observed) {
        return Some(plan);
    }
    match &observed.waiting {
        Some(Waiting::Dependency(why)) => Some(pending(observed, PendingReason::Dependency, why)),
        Some(Waiting::Slot(why)) => Some(pending(observed, PendingReason::Queued, why)),
        None => None,
    }
}

fn project_hindrance(observed: &Observed<'_>) -> Option<SessionPlan> {
    match &observed.project {
        ProjectState::NotReady(why) => Some(pending(observed, PendingReason::ProjectNotReady, why)),
        ProjectState::NoResultsTarget => {
            let way_out = "set spec.results of the Project, or declare the Project through a root GitSource";
            Some(pending(observed, PendingReason::NoResultsTarget, way_out))
        }
        ProjectState::Ready => None,
    }
}

pub(super) fn start(observed: &Observed<'_>, attempt: u32, take_lost: bool) -> SessionPlan {
    let pinned = observed.pinned.clone().map(Some).map_or_else(|| observed.candidate.clone(), Ok);
    match pinned {
        Ok(Some(session)) => {
            let action = Action::Start { session: Box::new(session), attempt, take_lost };
            SessionPlan {
                attempt,
                ..say(observed, action, Phase::Creating, "Creating", "the pod is being created")
            }
        }
        Ok(None) => {
            pending(observed, PendingReason::ProjectNotReady, "the project's settings are not read yet")
        }
        Err(error) => say(observed, Action::Nothing, Phase::Pending, error.reason(), &error.to_string()),
    }
}
