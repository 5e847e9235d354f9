//! What to do next for a session: pure, from one moment to one plan.
//!
//! Read top to bottom: a run that has ended is settled first, then what the ledger says counts, then what the cluster
//! shows, and only then may something start.

mod ending;
mod losing;
mod running;
mod starting;

use ambient_crds::names::RunNumber;
use ambient_crds::phase::{PendingReason, Phase};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::{EndPhase, Ending, LedgerEntry};

use super::observed::{LedgerView, Observed};
use super::remains::Loss;

pub(super) use ending::resumed;
pub(super) use losing::may_retry;
pub(super) use running::time_is_over;

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

/// Why a runner is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCause {
    /// Somebody wants it.
    Wanted,
    /// The agent's time is over, and the runner has not noticed.
    TimedOut,
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
        /// Why the runner is asked to stop, if it is.
        stop: Option<StopCause>,
    },
    /// Record an ending for which there is no outcome, and delete the attempt's Job.
    Conclude {
        /// What the run acted on, if that is known.
        session: Option<Box<EffectiveSession>>,
        /// The ending.
        ending: Box<Ending>,
    },
    /// Write on the run's volume that its newest attempt is lost for good, then look again.
    NoteLoss(Box<Loss>),
    /// Delete the attempt's Job: it must not run.
    Withdraw,
    /// Free what an ended run no longer needs.
    CleanUp,
    /// Delete the object: its time after the end is over.
    Expire,
    /// Let the object go.
    Release,
}

impl Action {
    /// The action's name, for logs.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::LookAgain(_) => "look-again",
            Self::Start { .. } => "start",
            Self::Pursue { .. } => "pursue",
            Self::Conclude { .. } => "conclude",
            Self::NoteLoss(_) => "note-loss",
            Self::Withdraw => "withdraw",
            Self::CleanUp => "clean-up",
            Self::Expire => "expire",
            Self::Release => "release",
        }
    }
}

/// Decides.
#[must_use]
pub(super) fn plan(observed: &Observed<'_>) -> SessionPlan {
    if observed.deleting()
        && let Some(plan) = ending::deletion(observed)
    {
        return plan;
    }
    if let Some(plan) = ending::ended(observed) {
        return plan;
    }
    match &observed.ledger {
        LedgerView::Ended(entry) => ending::from_ledger(observed, entry),
        LedgerView::Unreadable(why) => running::blocked(observed, PendingReason::LedgerUnavailable, why),
        LedgerView::Shrunk(why) => running::blocked(observed, PendingReason::LedgerShrunk, why),
        LedgerView::NotOurs(why) => running::blocked(observed, PendingReason::OtherInstallation, why),
        LedgerView::Passed(newest) => starting::passed(observed, *newest),
        LedgerView::Claimed { entry, ours: false } => starting::lost_elsewhere(observed, entry),
        LedgerView::Claimed { ours: true, .. } | LedgerView::Absent => match &observed.attempt {
            Some(attempt) => running::running(observed, attempt),
            None => starting::not_started(observed),
        },
    }
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

fn phase_of(phase: EndPhase) -> Phase {
    match phase {
        EndPhase::Completed => Phase::Completed,
        EndPhase::Failed => Phase::Failed,
        EndPhase::Stopped => Phase::Stopped,
    }
}

#[cfg(test)]
mod tests;
