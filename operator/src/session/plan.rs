//! What to do next for a session: pure, from one moment to one plan.
//!
//! Read top to bottom: a run that has ended is settled first, then what the ledger says counts, then what the cluster
//! shows, and only then may something start.

use ambient_crds::conditions::ConditionType;
use ambient_crds::names::RunNumber;
use ambient_crds::phase::{PendingReason, Phase};
use ambient_crds::session::{DesiredPhase, SessionDeletionPolicy};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::{EndPhase, Ending, LedgerEntry};

use super::observed::{AttemptState, LedgerView, Observed, PodState, ProjectState, Waiting};
use super::progress::ClaimState;

/// Waiting reasons after which a pod will not come up by itself.
const HOPELESS: [&str; 6] = [
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RunContainerError",
    "CreateContainerError",
    "CrashLoopBackOff",
];
/// Seconds after which a terminating namespace is let go of, whatever is missing (rule 17 says 60).
const LET_GO_AFTER: i64 = 50;

/// What to do, and what to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionPlan {
    /// The current run.
    pub run: RunNumber,
    /// The newest attempt; 0 before the first.
    pub attempt: u32,
    /// What to do in the cluster and in Git.
    pub action: Action,
    /// Where the run stands.
    pub phase: Phase,
    /// The reason of condition `Ready`.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// An ending that the ledger has and the status may lack.
    pub ledger: Option<Box<LedgerEntry>>,
}

/// What to do in the cluster and in Git; each may be repeated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Nothing.
    Nothing,
    /// Look again after some seconds: a safety net beside the watches.
    LookAgain(u64),
    /// Pin, claim and create the Job of this attempt, the last two side by side.
    Start {
        /// What the run acts on.
        session: Box<EffectiveSession>,
        /// The attempt.
        attempt: u32,
        /// Whether a claim that was lost with its cluster is taken over.
        take_lost: bool,
    },
    /// Follow the runner at this address to its end, record, release.
    Pursue {
        /// What the run acts on.
        session: Box<EffectiveSession>,
        /// The attempt.
        attempt: u32,
        /// The pod's address.
        address: String,
        /// Ask the runner to stop.
        stop: bool,
    },
    /// Record an ending for which there is no outcome, and delete the attempt's Job.
    Conclude {
        /// What the run acted on, if that is known.
        session: Option<Box<EffectiveSession>>,
        /// The ending.
        ending: Box<Ending>,
    },
    /// Delete the attempt's Job: it must not run.
    Withdraw,
    /// Free what an ended run no longer needs.
    CleanUp,
    /// Let the object go.
    Release,
}

/// Decides.
#[must_use]
pub(super) fn plan(observed: &Observed<'_>) -> SessionPlan {
    if observed.deleting()
        && let Some(plan) = deletion(observed)
    {
        return plan;
    }
    if let Some(plan) = ended(observed) {
        return plan;
    }
    match &observed.ledger {
        LedgerView::Ended(entry) => from_ledger(observed, entry),
        LedgerView::Unreadable(why) => blocked(observed, PendingReason::LedgerUnavailable, why),
        LedgerView::NotOurs(why) => blocked(observed, PendingReason::OtherInstallation, why),
        LedgerView::Claimed { entry, ours: false } => lost_elsewhere(observed, entry),
        LedgerView::Claimed { ours: true, .. } | LedgerView::Absent => match &observed.attempt {
            Some(attempt) => running(observed, attempt),
            None => not_started(observed),
        },
    }
}

fn deletion(observed: &Observed<'_>) -> Option<SessionPlan> {
    let settled = observed.progress.recorded.is_some() || super::observed::is_settled(observed.session);
    let never_ran =
        observed.attempt.is_none() && !matches!(observed.ledger, LedgerView::Claimed { ours: true, .. });
    let waited = observed
        .session
        .metadata
        .deletion_timestamp
        .as_ref()
        .map_or(0, |since| observed.now.as_second() - since.0.as_second());
    let must_let_go = observed.namespace_terminating && waited >= LET_GO_AFTER;
    if settled || never_ran || must_let_go || observed.abandoned() {
        return Some(say(
            observed,
            Action::Release,
            observed.known_phase().unwrap_or(Phase::Stopped),
            "Deleted",
            "",
        ));
    }
    None
}

/// The run has ended as far as this process knows: record, then tidy up.
fn ended(observed: &Observed<'_>) -> Option<SessionPlan> {
    if let Some(recorded) = &observed.progress.recorded {
        let ending = &recorded.ending;
        let action = if observed.progress.released { Action::CleanUp } else { still_releasing(observed) };
        return Some(say(observed, action, phase_of(ending.phase), &ending.reason, &ending.message));
    }
    let known = observed.known_phase().filter(|phase| phase.is_ended())?;
    if super::observed::is_settled(observed.session) && !resumed(observed) {
        let (reason, message) = current_words(observed);
        return Some(say(observed, Action::CleanUp, known, &reason, &message));
    }
    None
}

/// A session that was stopped before it ever ran may still be let run.
fn resumed(observed: &Observed<'_>) -> bool {
    observed.known_phase() == Some(Phase::Stopped)
        && observed.ledger == LedgerView::Absent
        && !observed.stop_wanted()
}

fn still_releasing(observed: &Observed<'_>) -> Action {
    match (&observed.attempt, &observed.pinned) {
        (Some(AttemptState { number, pod: PodState::Ready { address }, .. }), Some(session)) => {
            Action::Pursue {
                session: Box::new(session.clone()),
                attempt: *number,
                address: address.clone(),
                stop: false,
            }
        }
        _ => Action::CleanUp,
    }
}

fn from_ledger(observed: &Observed<'_>, entry: &LedgerEntry) -> SessionPlan {
    let Some(ending) = &entry.ended else {
        return blocked(observed, PendingReason::LedgerUnavailable, "the ledger entry has no ending");
    };
    let action = match &observed.attempt {
        Some(AttemptState { pod: PodState::Ready { .. }, .. }) => still_releasing(observed),
        Some(_) => Action::Withdraw,
        None => Action::CleanUp,
    };
    let plan = say(observed, action, phase_of(ending.phase), &ending.reason, &ending.message);
    SessionPlan { ledger: Some(Box::new(entry.clone())), attempt: ending.attempt.max(plan.attempt), ..plan }
}

/// Nothing may start; what runs goes on.
fn blocked(observed: &Observed<'_>, reason: PendingReason, why: &str) -> SessionPlan {
    match &observed.attempt {
        Some(attempt) if observed.pinned.is_some() && observed.progress.claim == ClaimState::Acknowledged => {
            running(observed, attempt)
        }
        _ => pending(observed, reason, why),
    }
}

fn lost_elsewhere(observed: &Observed<'_>, entry: &LedgerEntry) -> SessionPlan {
    let on_loss = observed.session.spec.retry.as_ref().and_then(|retry| retry.on_loss).unwrap_or_default();
    if on_loss && let Ok(Some(candidate)) = &observed.candidate {
        let (session, attempt) = (Box::new(candidate.clone()), observed.known_attempt().max(1));
        return say(
            observed,
            Action::Start { session, attempt, take_lost: true },
            Phase::Creating,
            "Retrying",
            "",
        );
    }
    let message = format!(
        "the run was claimed by installation {} at {} and left no outcome; raise spec.run to run the task again",
        entry.claim.installation, entry.claim.at
    );
    conclude(observed, EndPhase::Failed, "Lost", &message)
}

fn not_started(observed: &Observed<'_>) -> SessionPlan {
    let claimed = matches!(observed.ledger, LedgerView::Claimed { .. });
    if claimed && observed.known_attempt() > 0 {
        return attempt_lost(observed, "Lost", "the Job of the run is gone and left no outcome");
    }
    if observed.stop_wanted() && claimed {
        return conclude(observed, EndPhase::Stopped, "Stopped", "stopped before the agent started");
    }
    if observed.stop_wanted() {
        return say(observed, Action::Nothing, Phase::Stopped, "Stopped", "not started: a stop is asked for");
    }
    if observed.session.spec.desired_phase == Some(DesiredPhase::Held) {
        return pending(
            observed,
            PendingReason::Held,
            "spec.desiredPhase is Held; set it to Running to start",
        );
    }
    match &observed.project {
        ProjectState::NotReady(why) => return pending(observed, PendingReason::ProjectNotReady, why),
        ProjectState::NoResultsTarget => {
            let way_out = "set spec.results of the Project, or declare the Project through a root GitSource";
            return pending(observed, PendingReason::NoResultsTarget, way_out);
        }
        ProjectState::Ready => {}
    }
    match &observed.waiting {
        Some(Waiting::Dependency(why)) => return pending(observed, PendingReason::Dependency, why),
        Some(Waiting::Slot(why)) => return pending(observed, PendingReason::Queued, why),
        None => {}
    }
    start(observed, 1)
}

fn start(observed: &Observed<'_>, attempt: u32) -> SessionPlan {
    let pinned = observed.pinned.clone().map(Some).map_or_else(|| observed.candidate.clone(), Ok);
    match pinned {
        Ok(Some(session)) => {
            let action = Action::Start { session: Box::new(session), attempt, take_lost: false };
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

fn running(observed: &Observed<'_>, attempt: &AttemptState) -> SessionPlan {
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

/// An attempt left no outcome: try again if that is allowed, else end the run.
fn attempt_lost(observed: &Observed<'_>, reason: &str, message: &str) -> SessionPlan {
    let retry = observed.session.spec.retry.as_ref();
    let limit =
        retry.and_then(|retry| retry.limit).and_then(|limit| u32::try_from(limit).ok()).unwrap_or_default();
    let attempt = observed.known_attempt();
    if attempt <= limit && !observed.stop_wanted() && !observed.deleting() {
        let plan = start(observed, attempt + 1);
        return SessionPlan { reason: "Retrying".to_owned(), message: message.to_owned(), ..plan };
    }
    conclude(observed, EndPhase::Failed, reason, message)
}

fn conclude(observed: &Observed<'_>, phase: EndPhase, reason: &str, message: &str) -> SessionPlan {
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

fn pending(observed: &Observed<'_>, reason: PendingReason, message: &str) -> SessionPlan {
    say(observed, Action::LookAgain(30), Phase::Pending, reason.as_str(), message)
}

fn say(observed: &Observed<'_>, action: Action, phase: Phase, reason: &str, message: &str) -> SessionPlan {
    SessionPlan {
        run: observed.run,
        attempt: observed.known_attempt(),
        action,
        phase,
        reason: reason.to_owned(),
        message: message.to_owned(),
        ledger: None,
    }
}

fn current_words(observed: &Observed<'_>) -> (String, String) {
    let conditions =
        observed.session.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = ambient_kit::conditions::find(conditions, ConditionType::Ready.as_str());
    ready.map(|ready| (ready.reason.clone(), ready.message.clone())).unwrap_or_default()
}

fn phase_of(phase: EndPhase) -> Phase {
    match phase {
        EndPhase::Completed => Phase::Completed,
        EndPhase::Failed => Phase::Failed,
        EndPhase::Stopped => Phase::Stopped,
    }
}

#[cfg(test)]
mod tests;
