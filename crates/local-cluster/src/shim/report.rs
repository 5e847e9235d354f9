//! What a shim tells: `report.json`, written anew at every transition.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What has become of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodReport {
    /// Containers by name; those not yet started are absent.
    pub(crate) containers: BTreeMap<String, ContainerReport>,
    /// Whether all init containers are done, or running where they are sidecars.
    pub(crate) initialized: bool,
    /// Why the pod was ended as a whole, such as `DeadlineExceeded`.
    pub(crate) reason: Option<String>,
    /// Whether everything has ended and nothing more will come.
    pub(crate) done: bool,
}

/// What has become of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(crate) enum ContainerReport {
    /// It could not be started.
    NotStarted {
        /// Why.
        message: String,
    },
    /// It runs.
    Running {
        /// Its process, which leads a session of its own.
        pid: i32,
        /// Since when.
        started_at: Timestamp,
    },
    /// It has ended.
    Ended {
        /// Its exit code; 128 and the signal's number for one that was killed.
        exit_code: i32,
        /// The signal that killed it.
        signal: Option<i32>,
        /// From when.
        started_at: Timestamp,
        /// Until when.
        finished_at: Timestamp,
    },
}

impl ContainerReport {
    /// Whether it ended with success.
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self, Self::Ended { exit_code: 0, .. })
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        matches!(self, Self::Running { .. })
    }
}
