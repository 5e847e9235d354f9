//! What to watch to see a repository of this machine move at once.

use std::path::{Path, PathBuf};

use crate::error::GitError;
use crate::mirror::Mirror;

/// Folders whose change may mean that a branch has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPaths {
    /// To be watched with all below them.
    pub recursive: Vec<PathBuf>,
    /// To be watched by themselves: `packed-refs` and `HEAD` are replaced in them.
    pub flat: Vec<PathBuf>,
}

impl WatchPaths {
    /// Those of the repository at `path`, bare or not.
    ///
    /// # Errors
    /// Fails where there is no repository.
    pub fn of(path: &Path) -> Result<Self, GitError> {
        let repository = Mirror::open(path)?;
        let common = repository.repository.to_thread_local().common_dir().to_owned();
        Ok(Self { recursive: vec![common.join("refs").join("heads")], flat: vec![common] })
    }
}
