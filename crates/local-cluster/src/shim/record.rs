//! What a shim is told: `pod.json`, written once before it starts, and `stop.json`, written when the pod is to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// File names within a pod's folder.
pub(crate) mod files {
    /// What to run.
    pub(crate) const POD: &str = "pod.json";
    /// That it is to end.
    pub(crate) const STOP: &str = "stop.json";
    /// What has become of it.
    pub(crate) const REPORT: &str = "report.json";
    /// Held by the shim while it lives.
    pub(crate) const LOCK: &str = "lock";
    /// Folder of the containers' logs.
    pub(crate) const LOGS: &str = "logs";
}

/// What a shim runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodRecord {
    /// UID of the pod.
    pub(crate) uid: String,
    /// Run one after the other, each to success, before the others; those that keep running are sidecars.
    pub(crate) init: Vec<ContainerRecord>,
    /// Run side by side.
    pub(crate) containers: Vec<ContainerRecord>,
    /// Seconds from the start after which the pod is ended as failed.
    pub(crate) deadline_seconds: Option<u64>,
    /// Seconds between asking to end and ending by force, where nobody says otherwise.
    pub(crate) grace_seconds: u64,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerRecord {
    /// Its name.
    pub(crate) name: String,
    /// Its program.
    pub(crate) program: PathBuf,
    /// The program's arguments.
    pub(crate) arguments: Vec<String>,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where it starts.
    pub(crate) directory: PathBuf,
    /// Whether it is a sidecar: an init container that keeps running.
    pub(crate) sidecar: bool,
}

/// That a pod is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopRecord {
    /// Seconds until it is ended by force.
    pub(crate) grace_seconds: u64,
}

/// Writes a file so that a reader sees the old or the new one, and a crash loses neither. Only its owner may read it.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension("new");
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_data()?;
    std::fs::rename(&temporary, path)
}

/// Reads a JSON file; none where there is none.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> std::io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(std::io::Error::other),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
