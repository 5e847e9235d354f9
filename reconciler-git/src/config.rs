//! What the sync is started with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ambient_git::LocalRepositories;
use kube::Client;

use crate::ended::{EndedRuns, NoLedger};
use crate::source::settings::SourceKey;

/// Gives the client in whose name the objects of a source are applied.
pub type ApplyAs = dyn Fn(&SourceKey) -> Client + Send + Sync;

/// What the sync is started with.
#[derive(Clone)]
pub struct Config {
    /// Where mirrors of repositories are kept. Losing them loses no more than a fetch, and while the remote is away the
    /// last good tree.
    pub data_directory: PathBuf,
    /// Whether paths of this machine are accepted as repositories.
    pub local_repositories: LocalRepositories,
    /// Knows which runs have ended.
    pub ended_runs: Arc<dyn EndedRuns>,
    /// In whose name objects are applied; without it, in that of the sync itself.
    pub apply_as: Option<Arc<ApplyAs>>,
}

impl Config {
    /// A configuration with no ledger at hand, that applies in its own name.
    pub fn new(data_directory: impl Into<PathBuf>, local_repositories: LocalRepositories) -> Self {
        Self {
            data_directory: data_directory.into(),
            local_repositories,
            ended_runs: Arc::new(NoLedger),
            apply_as: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("data_directory", &self.data_directory)
            .field("local_repositories", &self.local_repositories)
            .finish_non_exhaustive()
    }
}
