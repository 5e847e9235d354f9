//! What a shim is told.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What a shim runs: `pod.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodRecord {
    /// UID of the pod.
    pub(crate) uid: String,
    /// What follows the end of a container.
    pub(crate) restart_policy: RestartPolicy,
    /// Run one after the other, each to success, before the others. Sidecars among them keep running.
    pub(crate) init: Vec<ContainerRecord>,
    /// Run side by side.
    pub(crate) containers: Vec<ContainerRecord>,
    /// Seconds from the start after which the pod is ended as failed.
    pub(crate) deadline_seconds: Option<u64>,
    /// Seconds between asking to end and ending by force, where nobody says otherwise.
    pub(crate) grace_seconds: u64,
    /// Arguments by which the shim's executable is told to be a shim.
    pub(crate) shim_arguments: Vec<String>,
}

/// When a container that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RestartPolicy {
    /// Whenever it ends.
    Always,
    /// When it failed.
    OnFailure,
    /// Not at all.
    Never,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerRecord {
    /// Its name.
    pub(crate) name: String,
    /// Its program: a path, or a name to be found in the `PATH` of its environment.
    pub(crate) program: String,
    /// The program's arguments.
    pub(crate) arguments: Vec<String>,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where it starts.
    pub(crate) directory: PathBuf,
    /// Whether it is a sidecar: an init container that keeps running.
    pub(crate) sidecar: bool,
    /// Whether the end of its log becomes its last words, where it failed and left none.
    pub(crate) message_from_log: bool,
    /// The command that tells whether it is ready, for whoever probes it. The shim does not.
    pub(crate) readiness_command: Option<Vec<String>>,
}

/// That a pod is to end: `stop.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopRecord {
    /// Seconds until it is ended by force.
    pub(crate) grace_seconds: u64,
    /// Why, if that makes the pod a failed one.
    pub(crate) cause: Option<super::EndCause>,
}

impl PodRecord {
    /// The record of a container.
    pub(crate) fn container(&self, name: &str) -> Option<&ContainerRecord> {
        self.init.iter().chain(&self.containers).find(|container| container.name == name)
    }

    /// When a container is started again.
    pub(crate) fn policy_of(&self, container: &ContainerRecord) -> RestartPolicy {
        let is_init = self.init.iter().any(|init| init.name == container.name);
        match (container.sidecar, is_init, self.restart_policy) {
            (true, _, _) => RestartPolicy::Always,
            // An init container that succeeded is done.
            (false, true, RestartPolicy::Always) => RestartPolicy::OnFailure,
            (false, _, policy) => policy,
        }
    }
}
