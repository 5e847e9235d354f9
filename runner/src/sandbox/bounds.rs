//! What a confined agent may read and write: pure, from the turn's folders.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::programs;

/// The system's own, for every program. What is not there is passed over.
const SYSTEM: [&str; 18] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/dev",
    "/nix",
    "/gnu",
    "/snap",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/var/lib/dpkg",
    "/var/lib/ca-certificates",
];
/// Devices that are written to.
const DEVICES: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];
/// Folder for temporary files within the agent's home.
const TEMPORARY: &str = "tmp";

/// What may be read, with all below it, and what may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bounds {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    temporary: PathBuf,
}

impl Bounds {
    /// Of an agent in this workspace with this home; `sources` are folders that it may read beside those.
    pub(crate) fn new(workspace: &Path, home: &Path, sources: impl IntoIterator<Item = PathBuf>) -> Self {
        let read = SYSTEM.iter().map(PathBuf::from).chain(sources).collect();
        let own = [workspace.to_owned(), home.to_owned()];
        let write = own.into_iter().chain(DEVICES.iter().map(PathBuf::from)).collect();
        Self { read, write, temporary: home.join(TEMPORARY) }
    }

    /// The same with what it takes to run a program, and those that it calls by name. One that lies where the agent
    /// writes is read already, and what it leads to is whatever an agent has it lead to.
    pub(super) fn with_program(mut self, program: &Path, environment: &BTreeMap<String, OsString>) -> Self {
        if !self.is_written(program) {
            self.read.extend(programs::roots(program));
        }
        self.read.extend(programs::search_path(environment));
        self
    }

    fn is_written(&self, program: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = program.parent().map(real).unwrap_or_default();
        self.write.iter().any(|written| folder.starts_with(real(written)))
    }

    /// What may be read.
    pub(super) fn read(&self) -> &[PathBuf] {
        &self.read
    }

    /// What may be written.
    pub(super) fn write(&self) -> &[PathBuf] {
        &self.write
    }

    /// Where temporary files are put: `/tmp` is everybody's.
    pub(super) fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(super) fn to_argument(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
