//! The node: pods of the cluster as processes of this machine.
//!
//! It watches pods, prepares a folder for each (volumes, environment, what to run), starts a shim on it, and tells the
//! API what the shim reports, in a kubelet's words. It keeps nothing in memory that it could not read again from API
//! and folders: a node that starts adopts the pods it finds running (see [`crate::shim_main`]).
//!
//! What it is not: a sandbox. Containers are processes of this user, with this user's files and network; read-only
//! mounts, users, capabilities and limits of a pod are not enforced.

mod addresses;
mod claims;
mod command;
mod config;
mod decide;
mod downward;
mod environment;
mod events;
mod folder_watch;
mod folders;
mod hindrance;
mod identity;
mod lock_watch;
mod logs;
mod materialize;
mod mounts;
mod pod;
mod pods;
mod prepare;
mod probes;
mod register;
mod sources;
mod start;
mod status;
mod volumes;

use std::{collections::BTreeSet, io, sync::Arc};

use futures::future::BoxFuture;
use kube::Client;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use self::config::{ImageCommand, ImageTable, NodeConfig, ShimCommand};
use self::{environment::Environment, events::Events, folder_watch::FolderWatch, folders::Folders};

/// The address of the machine itself.
pub(crate) const HOST_ADDRESS: &str = "127.0.0.1";
/// Pods that are prepared and started at the same time; more wait, so that a burst does not slow all of them.
const STARTS_AT_ONCE: usize = 16;

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its folder cannot be used.
    #[error("the node cannot use its folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// Its folder holds what another cluster's objects stand for.
    #[error(
        "{folder} holds pods or volumes of another cluster ({noted}; this one is {cluster}): the cluster's database was \
         lost or replaced. Bring it back, or remove the folder with all that its pods and volumes hold"
    )]
    OtherCluster {
        /// The folder.
        folder: String,
        /// The cluster it belongs to.
        noted: String,
        /// The cluster of this node.
        cluster: String,
    },
    /// The API does not take it.
    #[error("the node cannot be registered: {0}")]
    Register(#[from] kube::Error),
}

/// A machine that runs pods as processes.
pub struct Node {
    shared: Arc<Shared>,
    write_events: BoxFuture<'static, ()>,
}

/// Asks a node that runs, and tells it to stop its pods. It is also the source of their logs, for
/// [`crate::Cluster::set_log_source`].
#[derive(Clone)]
pub struct NodeHandle {
    shared: Arc<Shared>,
}

/// What the tasks of all pods share.
struct Shared {
    client: Client,
    config: NodeConfig,
    folders: Folders,
    watch: FolderWatch,
    events: Events,
    inherited: Environment,
    starts: Semaphore,
    /// UIDs of pods whose shim lives.
    running: watch::Sender<BTreeSet<String>>,
    /// Whether all pods are to end, and none to start.
    is_stopping: watch::Sender<bool>,
}

impl Node {
    /// A node that talks to the cluster by `client`. Its folder is this cluster's from now on.
    ///
    /// # Errors
    /// The folder cannot be used, or holds pods or volumes of another cluster.
    pub async fn open(client: Client, config: NodeConfig) -> Result<Self, NodeError> {
        let folders = Folders::new(&config.data_directory);
        folders.make().map_err(|source| NodeError::Folder {
            folder: config.data_directory.display().to_string(),
            source,
        })?;
        identity::claim(&client, &config.data_directory, &folders).await?;
        Ok(Self::new(client, config, folders))
    }

    fn new(client: Client, config: NodeConfig, folders: Folders) -> Self {
        let (events, write_events) = Events::new(client.clone(), &config.name);
        let shared = Shared {
            folders,
            watch: FolderWatch::default(),
            inherited: inherited(&config.environment_allowlist),
            starts: Semaphore::new(STARTS_AT_ONCE),
            running: watch::Sender::default(),
            is_stopping: watch::Sender::default(),
            client,
            config,
            events,
        };
        Self { shared: Arc::new(shared), write_events: Box::pin(write_events) }
    }

    /// A handle that stays valid while the node runs.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        NodeHandle { shared: self.shared.clone() }
    }

    /// Runs pods until `shutdown`. Their processes go on then, for the next node on this data directory.
    ///
    /// # Errors
    /// The node cannot begin; see [`NodeError`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), NodeError> {
        let Self { shared, write_events } = self;
        register::register(&shared.client, &shared.config.name).await?;
        // That of the pods ends last: when this returns, nothing is started any more.
        tokio::select! {
            () = pods::run(&shared, &shutdown) => {}
            () = async { tokio::join!(claims::run(&shared), write_events); } => {}
        }
        Ok(())
    }
}

impl NodeHandle {
    /// Number of pods whose processes run.
    #[must_use]
    pub fn running_pods(&self) -> usize {
        self.shared.running.borrow().len()
    }

    /// Ends the processes of all pods, each within its own grace period, and waits until they have ended. No pod is
    /// started after this. The node must be running.
    pub async fn stop_all(&self) {
        self.shared.is_stopping.send_replace(true);
        self.until_idle().await;
    }

    /// Waits until no pod's processes run.
    pub async fn until_idle(&self) {
        // The sender is part of what this handle holds, so this ends only when the set is empty.
        let _ = self.shared.running.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the node passes a few named variables of its own on")]
fn inherited(allowlist: &[String]) -> Environment {
    allowlist.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
}
