//! Attempts under way: from the Job to the outcome.

use ambient_crds::phase::{PendingReason, Phase};
use ambient_crds::session::SessionDeletionPolicy;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::EndPhase;
use ambient_protocol::outcome::ExitReason;

use super::super::deadlines::{STOP_GRACE, overtime_at, stop_overdue_at};
use super::super::observed::{AttemptState, Observed, PodState};
use super::super::progress::ClaimState;
use super::ending::{abandon, conclude, current_words, told_end};
use super::losing::{attempt_lost, not_collected, taking, unserved};
use super::{Action, SessionPlan, StopCause, pending, phase_of, say};

/// What is said of a run that sleeps.
pub(super) const ASLEEP: &str =
    "nobody has written for inactivityTimeout: the pod is gone, the workspace stays; a message wakes it";
/// What is said once the agent has ended, where taking what it left takes a while.
const COLLECTING: &str = "the agent has ended; what it left is being taken";
/// Reason of a run that took too long, as runners say it too.
const TIMED_OUT: &str = ExitReason::TimedOut.as_str();
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
        Some(attempt) if observed.pinned.is_some() && is_claimed(observed) => running(observed, attempt),
        _ if observed.known_phase().is_some_and(Phase::is_ended) => {
            ended_before(observed, Action::LookAgain(30))
        }
        _ => pending(observed, reason, why),
    }
}

pub(super) fn running(observed: &Observed<'_>, attempt: &AttemptState) -> SessionPlan {
    if let Some(plan) = abandon(observed) {
        return plan;
    }
    if observed.slept.has(attempt.number) {
        // Its runner is being let go, and told so.
        let action = if observed.progress.pursued { Action::Nothing } else { Action::Withdraw };
        return say(observed, action, Phase::Pending, PendingReason::Idle.as_str(), ASLEEP);
    }
    if let ClaimState::Refused(why) = &observed.progress.claim {
        return say(observed, Action::Withdraw, Phase::Pending, "Claiming", why);
    }
    if let Some(outcome) = &observed.progress.outcome {
        let phase = phase_of(outcome.exit.phase());
        let lost = observed.collects().filter(|_| outcome.attempt == attempt.number);
        let reason = lost.map_or(outcome.exit.as_str(), |loss| loss.reason.as_str());
        let message = outcome.message.as_str();
        return match attempt.pod.address() {
            Some(address) => pursue(observed, attempt.number, address, (phase, reason, message)),
            None if observed.progress.unserved && matches!(attempt.pod, PodState::Ended { .. }) => {
                unserved(observed, phase, reason, message)
            }
            None => keep(observed, phase, reason, message),
        };
    }
    if observed.progress.released && !matches!(attempt.pod, PodState::Ended { .. }) {
        let message = "its pod was told to end; the next attempt starts when it has gone";
        return say(observed, Action::Nothing, Phase::Pending, PendingReason::Retrying.as_str(), message);
    }
    match (&attempt.pod, serving(observed, attempt)) {
        (PodState::Ended { reason, message }, _) => pod_ended(observed, reason, message),
        (_, Some(_))
            if !has_ended(observed) && stop_overdue_at(observed).is_some_and(|at| at <= observed.now) =>
        {
            does_not_stop(observed)
        }
        (_, Some(address)) => serves(observed, attempt, address),
        (pod, None) => comes_up(observed, pod),
    }
}

/// Where the runner serves. One at work goes on, whatever its last probe said; and the first probe is not waited for: a
/// runner that still prepares its workspace has the turn wait, and a kubelet would tell of its readiness a second later.
fn serving<'a>(observed: &Observed<'_>, attempt: &'a AttemptState) -> Option<&'a str> {
    match &attempt.pod {
        PodState::Ready { address } => Some(address),
        PodState::Unready { address } if is_at_work(observed) || may_begin(observed) => Some(address),
        _ => None,
    }
}

/// Whether the turn may be started as soon as the runner takes it. Once it was asked to, only the runner knows.
fn may_begin(observed: &Observed<'_>) -> bool {
    let collects = observed.collects().is_some();
    observed.progress.pursued || (is_claimed(observed) && (collects || stopping(observed).is_none()))
}

fn comes_up(observed: &Observed<'_>, pod: &PodState) -> SessionPlan {
    let (reason, message) = match pod {
        PodState::Starting { reason, message } if !reason.is_empty() => (reason.as_str(), message.as_str()),
        _ => ("Creating", "the runner is starting"),
    };
    if let Some(loss) = observed.collects() {
        let is_late = HOPELESS.contains(&reason) || loss.given_up_at() <= observed.now;
        return if is_late {
            not_collected(observed, loss, message)
        } else {
            keep(observed, taking(observed), &loss.reason, &loss.and(message))
        };
    }
    if HOPELESS.contains(&reason) {
        return conclude(observed, EndPhase::Failed, reason, message);
    }
    if has_ended(observed) {
        return ended_before(observed, Action::Nothing);
    }
    if is_at_work(observed) {
        let phase = if stopping(observed).is_some() { Phase::Stopping } else { Phase::Running };
        return keep(observed, phase, reason, "the runner's pod is being replaced");
    }
    if stopping(observed).is_some() {
        if observed.slept.count() > 0 {
            // Its runner collects what the attempts before have left.
            return keep(observed, Phase::Stopping, "Stopping", "a runner is started to take what was left");
        }
        return conclude(observed, EndPhase::Stopped, "Stopped", "stopped before the agent started");
    }
    keep(observed, Phase::Creating, reason, message)
}

fn serves(observed: &Observed<'_>, attempt: &AttemptState, address: &str) -> SessionPlan {
    let pursued = |phase, reason: &str, message: &str| {
        pursue(observed, attempt.number, address, (phase, reason, message))
    };
    if has_ended(observed) {
        let ended = ended_before(observed, Action::Nothing);
        return pursued(ended.phase, &ended.reason, &ended.message);
    }
    match stopping(observed) {
        Some(StopCause::Wanted) if let Some(loss) = observed.collects() => {
            let message = loss.and("what it left is being taken");
            return pursued(Phase::Stopping, &loss.reason, &message);
        }
        Some(StopCause::Wanted) => return pursued(Phase::Stopping, "Stopping", "the agent is being stopped"),
        Some(StopCause::TimedOut) => {
            let message = format!("{}; it is being stopped", overtime(observed));
            return pursued(Phase::Stopping, TIMED_OUT, &message);
        }
        None => {}
    }
    if is_at_work(observed) {
        let collecting = observed.progress.attendance.collecting_since().is_some();
        let doing = if collecting { COLLECTING } else { "the agent is at work" };
        return pursued(Phase::Running, "Running", doing);
    }
    match &observed.progress.trouble {
        Some(trouble) => pursued(Phase::Creating, trouble.reason, &trouble.message),
        None if matches!(attempt.pod, PodState::Unready { .. }) => {
            pursued(Phase::Creating, "Creating", "the runner is starting")
        }
        None => pursued(Phase::Creating, "Claiming", "the runner is ready; the claim is on its way"),
    }
}

/// Why the agent is to stop, if it is. One that has ended, as the status tells, cannot be.
fn stopping(observed: &Observed<'_>) -> Option<StopCause> {
    if observed.collects().is_some() {
        return Some(StopCause::Wanted);
    }
    if has_ended(observed) {
        return None;
    }
    if observed.stop_wanted() || (observed.deleting() && cancels(observed)) {
        return Some(StopCause::Wanted);
    }
    overtime_at(observed).is_some_and(|at| at <= observed.now).then_some(StopCause::TimedOut)
}

/// A runner that was asked to stop and goes on: its pod goes, and with it every process.
fn does_not_stop(observed: &Observed<'_>) -> SessionPlan {
    let deaf = format!(
        "the runner did not stop within {STOP_GRACE} s; its pod was deleted, with what it had not committed"
    );
    if let Some(loss) = observed.collects() {
        return not_collected(observed, loss, &deaf);
    }
    match stopping(observed) {
        Some(StopCause::TimedOut) => {
            let message = format!("{}, and {deaf}", overtime(observed));
            conclude(observed, EndPhase::Failed, TIMED_OUT, &message)
        }
        _ => conclude(observed, EndPhase::Stopped, "Stopped", &deaf),
    }
}

fn overtime(observed: &Observed<'_>) -> String {
    observed.pinned.as_ref().map(time_is_over).unwrap_or_default()
}

/// Words for an agent whose time is over.
#[must_use]
pub(crate) fn time_is_over(session: &EffectiveSession) -> String {
    format!("the agent's time of {} s is over", session.limits.timeout_seconds)
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

/// Has the runner followed, once the claim is on the remote.
fn pursue(
    observed: &Observed<'_>,
    attempt: u32,
    address: &str,
    (phase, reason, message): (Phase, &str, &str),
) -> SessionPlan {
    match &observed.pinned {
        Some(session) if is_claimed(observed) => {
            let (session, address) = (Box::new(session.clone()), address.to_owned());
            let action = Action::Pursue { session, attempt, address, stop: stopping(observed) };
            say(observed, action, phase, reason, message)
        }
        _ => keep(observed, phase, reason, message),
    }
}

/// Whether the claim is on the remote. An attempt that was seen at work was started after its claim had been
/// acknowledged, whatever can be read now.
fn is_claimed(observed: &Observed<'_>) -> bool {
    observed.progress.claim == ClaimState::Acknowledged || was_started(observed)
}

/// Whether the agent of this attempt was started, as far as this process or the status knows.
fn is_at_work(observed: &Observed<'_>) -> bool {
    observed.progress.started_at.is_some() || was_started(observed)
}

/// Whether the status tells that the agent of this attempt was started.
fn was_started(observed: &Observed<'_>) -> bool {
    let status = observed.session.status.as_ref();
    let told = status.and_then(|status| status.attempt).and_then(|attempt| u32::try_from(attempt).ok());
    let attempt = observed.attempt.as_ref().map(|attempt| attempt.number);
    attempt.is_some()
        && told == attempt
        && (matches!(observed.known_phase(), Some(Phase::Running | Phase::Stopping)) || has_ended(observed))
}

/// Whether the status tells that the agent of the run has ended; its result may not be recorded yet.
fn has_ended(observed: &Observed<'_>) -> bool {
    told_end(observed).is_some()
}

/// The end that a process before this one has told of, and has not recorded.
fn ended_before(observed: &Observed<'_>, action: Action) -> SessionPlan {
    let (reason, message) = current_words(observed);
    say(observed, action, observed.known_phase().unwrap_or(Phase::Pending), &reason, &message)
}

fn pod_ended(observed: &Observed<'_>, reason: &str, message: &str) -> SessionPlan {
    if let Some(phase) = told_end(observed) {
        let (reason, message) = current_words(observed);
        return unserved(observed, phase, &reason, &message);
    }
    let reason = if reason == "OOMKilled" { "OutOfMemory" } else { reason };
    let reason = if matches!(reason, "Error" | "Completed" | "") { "RunnerExit" } else { reason };
    attempt_lost(observed, reason, message)
}
