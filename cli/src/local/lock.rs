//! One `ambient` a repository: two on one machine would take each other's runs for lost.

use std::fs::{File, TryLockError};
use std::path::Path;

use ambient_git::Mirror;
use anyhow::{Context as _, bail};

/// The file, in the repository's own folder.
const FILE: &str = "ambient.lock";

/// A repository that no other `ambient` of this machine works for.
pub(crate) struct RepositoryLock {
    _file: File,
}

impl RepositoryLock {
    /// Takes the lock; it is released with the process, however that ends.
    pub(crate) fn take(repository: &Path) -> anyhow::Result<Self> {
        let path = Mirror::open(repository)?.path().join(FILE);
        let file = File::create(&path).with_context(|| format!("cannot use {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another ambient works for {}; end it first", repository.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context(path.display().to_string()),
        }
    }
}
