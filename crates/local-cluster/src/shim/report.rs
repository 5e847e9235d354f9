//! What a shim tells: `report.json`, written anew at every transition.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What has become of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodReport {
    /// When the shim began.
    pub(crate) started_at: Timestamp,
    /// Containers by name; those that have not been started are absent.
    pub(crate) containers: BTreeMap<String, ContainerReport>,
    /// Whether all init containers are done, or running where they are sidecars.
    pub(crate) initialized: bool,
    /// Why the pod was ended as a whole.
    pub(crate) cause: Option<EndCause>,
    /// Whether everything has ended and nothing more will come.
    pub(crate) done: bool,
}

/// Why a pod was ended as a whole, in a kubelet's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndCause {
    /// One word, such as `DeadlineExceeded`.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
}

/// What has become of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerReport {
    /// Its present instance.
    pub(crate) state: ProcessState,
    /// How often it was started again; also the number of the present instance.
    pub(crate) restarts: u32,
    /// How the instance before ended.
    pub(crate) last: Option<Termination>,
}

/// An instance of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub(crate) enum ProcessState {
    /// It runs.
    #[serde(rename_all = "camelCase")]
    Running {
        /// Its process, which leads a session of its own.
        pid: i32,
        /// Since when.
        started_at: Timestamp,
    },
    /// It has ended, or could not be started.
    Ended(Termination),
}

/// The end of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Termination {
    /// Exit code; 128 and the signal's number for one that was killed.
    pub(crate) exit_code: i32,
    /// The signal that killed it.
    pub(crate) signal: Option<i32>,
    /// Whether it never ran.
    pub(crate) never_ran: bool,
    /// Its last words, or why it never ran.
    pub(crate) message: Option<String>,
    /// From when.
    pub(crate) started_at: Timestamp,
    /// Until when.
    pub(crate) finished_at: Timestamp,
}

impl PodReport {
    /// The report of a pod of which nothing has been started.
    pub(crate) fn new(started_at: Timestamp) -> Self {
        Self { started_at, containers: BTreeMap::new(), initialized: false, cause: None, done: false }
    }
}

impl ContainerReport {
    /// How the present instance ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Termination> {
        match &self.state {
            ProcessState::Ended(termination) => Some(termination),
            ProcessState::Running { .. } => None,
        }
    }

    /// Whether it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.ended().is_none()
    }

    /// Whether it ended well.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.ended().is_some_and(|termination| termination.exit_code == 0)
    }
}

/// How long a container that ended waits for its next start: not at all the first time, then 10 s, doubled each time up
/// to 5 min; one that ran for 10 min is forgiven (a kubelet's figures).
pub(crate) fn restart_delay(restarts: u32, ended: &Termination) -> Duration {
    const FIRST: u64 = 10;
    const LONGEST: u64 = 300;
    const FORGIVEN_AFTER: i64 = 600;
    let ran = ended.finished_at.as_second() - ended.started_at.as_second();
    if restarts == 0 || ran >= FORGIVEN_AFTER {
        return Duration::ZERO;
    }
    let doubled = FIRST.checked_shl(restarts - 1).unwrap_or(LONGEST);
    Duration::from_secs(doubled.min(LONGEST))
}
