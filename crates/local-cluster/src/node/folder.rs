//! Folders of pods and claims.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::shim::record::files;

/// All folders of a node.
pub(crate) struct Folders {
    pods: PathBuf,
    claims: PathBuf,
    held: Mutex<HashSet<String>>,
}

impl Folders {
    pub(crate) fn new(data: &Path) -> Self {
        Self { pods: data.join("pods"), claims: data.join("claims"), held: Mutex::default() }
    }

    /// Makes them, for their owner alone.
    pub(crate) fn make(&self) -> std::io::Result<()> {
        for folder in [&self.pods, &self.claims] {
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// The folder of a pod.
    pub(crate) fn pod(&self, uid: &str) -> PathBuf {
        self.pods.join(uid)
    }

    /// The folder of a claim.
    pub(crate) fn claim(&self, namespace: &str, name: &str) -> PathBuf {
        self.claims.join(namespace).join(name)
    }

    /// UIDs of all pods that have a folder.
    pub(crate) fn uids(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.pods) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Notes whether a pod's shim lives.
    pub(crate) fn set_held(&self, uid: &str, held: bool) {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held {
            all.insert(uid.to_owned())
        } else {
            all.remove(uid)
        };
    }

    /// Number of pods whose shim lives.
    pub(crate) fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Whether a shim holds the folder: a question of its lock, never of a process id.
pub(crate) fn is_held(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(files::LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Waits until no shim holds the folder.
pub(crate) async fn released(folder: PathBuf) {
    let waited = tokio::task::spawn_blocking(move || {
        File::open(folder.join(files::LOCK)).and_then(|lock| lock.lock_shared())
    });
    if let Ok(Err(error)) = waited.await {
        tracing::debug!(%error, "the lock of a pod cannot be waited for");
    }
}
