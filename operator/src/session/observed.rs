//! What is known of a session's current run at one moment: everything a decision is made from.

use ambient_crds::conditions::ConditionType;
use ambient_crds::names::RunNumber;
use ambient_crds::phase::Phase;
use ambient_crds::session::{AgenticSession, AgenticSessionStatus, DesiredPhase, SessionDeletionPolicy};
use ambient_kit::conditions::holds;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::LedgerEntry;
use jiff::Timestamp;

use super::effective::EffectiveError;
use super::progress::Progress;
use super::remains::Loss;
use super::sleep::Slept;

/// One moment of one session.
#[derive(Debug)]
pub(super) struct Observed<'a> {
    /// The object.
    pub session: &'a AgenticSession,
    /// The run that is current: [`current_run`].
    pub run: RunNumber,
    /// Whether its project can run sessions.
    pub project: ProjectState,
    /// What the ledger says of the run.
    pub ledger: LedgerView,
    /// What was pinned for the run, if it was.
    pub pinned: Option<EffectiveSession>,
    /// What would be pinned now.
    pub candidate: Result<Option<EffectiveSession>, EffectiveError>,
    /// The Job of the newest attempt.
    pub attempt: Option<AttemptState>,
    /// Whether a pod of an attempt that was deleted is still going.
    pub leaving: bool,
    /// Which attempts of the run have ended because nobody spoke.
    pub slept: Slept,
    /// Whether the run has a volume.
    pub has_volume: bool,
    /// The attempt that was lost for good, where one was.
    pub loss: Option<Loss>,
    /// What this process has learnt of the run.
    pub progress: Progress,
    /// What has to come first.
    pub waiting: Option<Waiting>,
    /// Whether the namespace is being deleted.
    pub namespace_terminating: bool,
    /// Whether there is a broker that lends keys and counts what they cost.
    pub has_broker: bool,
    /// The time.
    pub now: Timestamp,
}

/// Whether a project can run sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProjectState {
    /// It can.
    Ready,
    /// There is no Project for the namespace, or it is not ready.
    NotReady(String),
    /// Nobody says where results go.
    NoResultsTarget,
}

/// What the ledger says of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LedgerView {
    /// It has not been read by this process, or cannot be trusted: start nothing.
    Unreadable(String),
    /// Entries that this installation has seen are missing: start nothing.
    Shrunk(String),
    /// The branch belongs to another installation: start nothing.
    NotOurs(String),
    /// The run is in it not at all.
    Absent,
    /// Nor is the run, but this later one of the same session: start nothing.
    Passed(u32),
    /// It was claimed and has not ended.
    Claimed {
        /// The entry.
        entry: Box<LedgerEntry>,
        /// Whether by this installation, in this cluster, for this object.
        ours: bool,
    },
    /// It has ended.
    Ended(Box<LedgerEntry>),
}

/// One attempt's Job and pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptState {
    /// Its number.
    pub number: u32,
    /// The Job's name.
    pub job_name: String,
    /// The Job's pod.
    pub pod: PodState,
    /// Whether something in it goes on though its runner has ended.
    pub is_going: bool,
    /// Whether only events tell why the pod does not come up.
    pub is_unexplained: bool,
}

/// Where a pod stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodState {
    /// There is none yet.
    Missing,
    /// It is being started; the text is the cause where one is known.
    Starting {
        /// A reason in the kubelet's words, empty where all goes well.
        reason: String,
        /// And its message.
        message: String,
    },
    /// It runs at this address, and does not serve yet, or not at the moment.
    Unready {
        /// The pod's address.
        address: String,
    },
    /// It serves at this address.
    Ready {
        /// The pod's address.
        address: String,
    },
    /// It has ended.
    Ended {
        /// `OOMKilled`, `Error`, `DeadlineExceeded` and others.
        reason: String,
        /// Exit code or message, for people.
        message: String,
    },
}

impl PodState {
    /// The address of a pod that runs.
    #[must_use]
    pub(super) fn address(&self) -> Option<&str> {
        match self {
            Self::Ready { address } | Self::Unready { address } => Some(address),
            Self::Missing | Self::Starting { .. } | Self::Ended { .. } => None,
        }
    }
}

/// What has to come before a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A slot.
    Slot(String),
    /// Another session.
    Dependency(String),
}

/// The run that a session is at: the one in its status until that has ended and a later one is asked for. One that waits
/// and was never claimed is none yet.
#[must_use]
pub(super) fn current_run(session: &AgenticSession) -> RunNumber {
    let wanted = session.spec.run;
    let Some(status) = &session.status else { return wanted };
    let Some(current) = status.run.filter(|_| !is_unclaimed(session)) else { return wanted };
    let ended = status.phase.is_some_and(Phase::is_ended) && is_settled(session);
    if ended && wanted > current { wanted } else { current }
}

/// Whether the current run waits, and neither claim nor Job of it was ever seen.
#[must_use]
pub(super) fn is_unclaimed(session: &AgenticSession) -> bool {
    session.status.as_ref().is_some_and(|status| {
        status.phase == Some(Phase::Pending)
            && status.attempt.unwrap_or_default() == 0
            && !holds(&status.conditions, ConditionType::Claimed.as_str())
    })
}

/// Whether the ending of the current run is where it belongs, so that nothing more is to be done for it.
#[must_use]
pub(super) fn is_settled(session: &AgenticSession) -> bool {
    let conditions = session.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let recorded = ambient_kit::conditions::find(conditions, ConditionType::ResultRecorded.as_str());
    recorded.is_some_and(|condition| condition.status == "True" || condition.reason == NOT_NEEDED)
}

/// Whether the current run was given up before it started, so that nothing was recorded.
#[must_use]
pub(super) fn never_needed(session: &AgenticSession) -> bool {
    let conditions = session.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let recorded = ambient_kit::conditions::find(conditions, ConditionType::ResultRecorded.as_str());
    recorded.is_some_and(|condition| condition.reason == NOT_NEEDED)
}

/// Reason of `ResultRecorded` where there is nothing to record.
pub(super) const NOT_NEEDED: &str = "NotNeeded";

impl Observed<'_> {
    /// The status, if it speaks of the current run.
    #[must_use]
    pub(super) fn status_of_run(&self) -> Option<&AgenticSessionStatus> {
        self.session.status.as_ref().filter(|status| status.run == Some(self.run))
    }

    /// The phase in the status, if it speaks of the current run.
    #[must_use]
    pub(super) fn known_phase(&self) -> Option<Phase> {
        self.status_of_run()?.phase
    }

    /// Whether the newest attempt has ended because nobody spoke, and nothing is asked of the run since.
    #[must_use]
    pub(super) fn is_asleep(&self) -> bool {
        let attempt = self.known_attempt();
        let wake = self.session.spec.wake.as_ref();
        let wanted = wake.is_some_and(|wake| wake.wakes(self.run, attempt));
        self.slept.has(attempt) && !wanted && !self.stop_wanted() && !self.deleting()
    }

    /// The number of the newest attempt that is known.
    #[must_use]
    pub(super) fn known_attempt(&self) -> u32 {
        let from_job = self.attempt.as_ref().map_or(0, |attempt| attempt.number);
        let from_status = self.status_of_run().and_then(|status| status.attempt).unwrap_or_default();
        from_job.max(u32::try_from(from_status).unwrap_or_default())
    }

    /// How an attempt was lost, if the newest one is there only to take what it left.
    #[must_use]
    pub(super) fn collects(&self) -> Option<&Loss> {
        self.loss.as_ref().filter(|loss| self.known_attempt() > loss.attempt)
    }

    /// Whether a person or a manifest wants the run to stop.
    #[must_use]
    pub(super) fn stop_wanted(&self) -> bool {
        let spec = &self.session.spec;
        let latched = spec.stop.as_ref().is_some_and(|stop| stop.run >= self.run);
        latched || spec.desired_phase == Some(DesiredPhase::Stopped)
    }

    /// Whether a person gives up a result that cannot be recorded.
    #[must_use]
    pub(super) fn abandoned(&self) -> bool {
        let stop = self.session.spec.stop.as_ref();
        stop.is_some_and(|stop| stop.run >= self.run && stop.abandons())
    }

    /// Whether the object is kept although it is deleted: `deletionPolicy: Hold`, of a run that was under way then.
    #[must_use]
    pub(super) fn held(&self) -> bool {
        let status = self.session.status.as_ref();
        let held_before =
            status.is_some_and(|status| holds(&status.conditions, ConditionType::Held.as_str()));
        self.deleting()
            && self.session.spec.deletion_policy == SessionDeletionPolicy::Hold
            && !self.namespace_terminating
            && (held_before || !is_settled(self.session))
    }

    /// Whether the object is being deleted.
    #[must_use]
    pub(super) fn deleting(&self) -> bool {
        self.session.metadata.deletion_timestamp.is_some()
    }
}
