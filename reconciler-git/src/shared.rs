//! What all sources share: the watch cache, the repositories, the way to the cluster.

use std::sync::Arc;

use kube::Client;
use tokio::sync::Semaphore;

use crate::config::{ApplyAs, Config};
use crate::ended::EndedRuns;
use crate::hints::Hints;
use crate::live::LiveIndex;
use crate::live::namespaces::Namespaces;
use crate::live::sources::Sources;
use crate::repository::Repositories;
use crate::source::settings::SourceKey;
use crate::wake::Wakers;

/// Writes of all sources under way at a time. Waiting ones are served in their order, so none is starved.
const REQUESTS_AT_ONCE: usize = 32;

/// What all sources share.
pub(crate) struct Shared {
    /// Acts as the sync itself: watches, statuses, finalizers.
    pub(crate) client: Client,
    apply_as: Option<Arc<ApplyAs>>,
    /// Knows which runs have ended.
    pub(crate) ended_runs: Arc<dyn EndedRuns>,
    /// The objects.
    pub(crate) live: LiveIndex,
    /// The namespaces.
    pub(crate) namespaces: Namespaces,
    /// The sources.
    pub(crate) sources: Sources,
    /// Who is woken by what.
    pub(crate) wakers: Arc<Wakers>,
    /// The repositories that are followed.
    pub(crate) repositories: Repositories,
    /// Bounds the writes under way.
    pub(crate) requests: Semaphore,
}

impl Shared {
    pub(crate) fn new(client: Client, config: Config, hints: Hints) -> Self {
        let wakers = Arc::new(Wakers::default());
        let Config { data_directory, local_repositories, ended_runs, apply_as } = config;
        Self {
            client,
            apply_as,
            ended_runs,
            live: LiveIndex::default(),
            namespaces: Namespaces::default(),
            sources: Sources::default(),
            repositories: Repositories::new(data_directory, local_repositories, hints, Arc::clone(&wakers)),
            wakers,
            requests: Semaphore::new(REQUESTS_AT_ONCE),
        }
    }

    /// The client that applies the objects of a source.
    pub(crate) fn client_of(&self, source: &SourceKey) -> Client {
        self.apply_as.as_ref().map_or_else(|| self.client.clone(), |apply_as| apply_as(source))
    }
}
