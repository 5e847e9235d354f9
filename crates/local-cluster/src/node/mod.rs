//! The node: pods of the cluster as processes of this machine.
//!
//! It watches pods, prepares a folder for each (volumes, environment, what to run), starts a shim on it, and tells the
//! API what the shim's report says, in a kubelet's words. It keeps nothing in memory that it could not read from the
//! folders again: one that starts adopts the pods it finds (see [`crate::shim_main`]).

mod addresses;
mod claims;
mod config;
mod environment;
mod folder;
mod pod_task;
mod prepare;
mod probe;
mod status;
mod volumes;

pub use config::{ImageCommand, ImageTable, NodeConfig, ShimCommand};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::addresses::Addresses;
use self::folder::Folders;

/// Why the node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its folder cannot be used.
    #[error("cannot use the node's folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The API does not take it.
    #[error("cannot register the node: {0}")]
    Register(#[from] kube::Error),
}

/// One machine that runs pods as processes.
pub struct Node {
    shared: Arc<Shared>,
}

/// What the tasks of all pods share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: NodeConfig,
    pub(crate) folders: Folders,
    pub(crate) addresses: Addresses,
    pods: Mutex<HashMap<String, watch::Sender<PodNews>>>,
}

/// What a pod's task is told.
#[derive(Clone)]
pub(crate) enum PodNews {
    /// The object as it is now.
    Object(Arc<Pod>),
    /// The object is gone.
    Gone,
    /// All pods are to end.
    StopAll,
}

/// Asks a running node, and tells it to stop its pods.
#[derive(Clone)]
pub struct NodeHandle {
    shared: Arc<Shared>,
}

impl NodeHandle {
    /// Number of pods whose processes run.
    #[must_use]
    pub fn running_pods(&self) -> usize {
        self.shared.folders.held()
    }

    /// Ends the processes of all pods, with each pod's own grace period, and waits until they have ended.
    pub async fn stop_all(&self) {
        for news in self.shared.lock().values() {
            news.send_replace(PodNews::StopAll);
        }
        self.until_idle().await;
    }

    /// Waits until no pod's processes run.
    pub async fn until_idle(&self) {
        while self.shared.folders.held() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Node {
    /// A node that talks to the cluster by `client`.
    #[must_use]
    pub fn new(client: Client, config: NodeConfig) -> Self {
        let folders = Folders::new(&config.data_directory);
        let addresses = Addresses::default();
        Self { shared: Arc::new(Shared { client, config, folders, addresses, pods: Mutex::default() }) }
    }

    /// A handle that stays valid while the node runs.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        NodeHandle { shared: Arc::clone(&self.shared) }
    }

    /// Runs pods until `shutdown`; their processes go on then.
    ///
    /// # Errors
    /// See [`NodeError`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), NodeError> {
        let shared = self.shared;
        shared.folders.make()?;
        shared.addresses.learn(&shared.folders);
        register(&shared).await?;
        let tasks = TaskTracker::new();
        let work = async {
            tokio::join!(watch_pods(&shared, &tasks, &shutdown), claims::run(&shared));
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => {}
        }
        tasks.close();
        tasks.wait().await;
        Ok(())
    }
}

async fn register(shared: &Shared) -> Result<(), kube::Error> {
    let nodes: Api<NodeObject> = Api::all(shared.client.clone());
    let name = &shared.config.name;
    let node = serde_json::json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": std::env::consts::OS}},
    });
    nodes.patch(name, &PatchParams::apply("local-node").force(), &Patch::Apply(node)).await.map(drop)
}

async fn watch_pods(shared: &Arc<Shared>, tasks: &TaskTracker, shutdown: &CancellationToken) {
    let pods: Api<Pod> = Api::all(shared.client.clone());
    let mut events = watcher(pods, watcher::Config::default()).boxed();
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod)) => shared.tell(pod, tasks, shutdown),
            Ok(Event::InitApply(pod)) => {
                listed.push(pod.uid().unwrap_or_default());
                shared.tell(pod, tasks, shutdown);
            }
            Ok(Event::Delete(pod)) => shared.tell_gone(&pod.uid().unwrap_or_default()),
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitDone) => shared.forget_others(&listed, tasks, shutdown),
            Err(error) => tracing::warn!(%error, "the watch of pods broke; it is tried again"),
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, watch::Sender<PodNews>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a pod's task of its object, and starts the task if there is none.
    fn tell(self: &Arc<Self>, pod: Pod, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let (uid, pod) = (pod.uid().unwrap_or_default(), Arc::new(pod));
        let mut pods = self.lock();
        if let Some(news) = pods.get(&uid) {
            if !matches!(*news.borrow(), PodNews::StopAll) {
                news.send_replace(PodNews::Object(pod));
            }
            return;
        }
        let (sender, receiver) = watch::channel(PodNews::Object(Arc::clone(&pod)));
        pods.insert(uid.clone(), sender);
        drop(pods);
        let (shared, shutdown) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = pod_task::run(&shared, pod, receiver) => {
                    shared.lock().remove(&uid);
                }
                () = shutdown.cancelled() => {}
            }
        });
    }

    fn tell_gone(&self, uid: &str) {
        if let Some(news) = self.lock().get(uid) {
            news.send_replace(PodNews::Gone);
        }
    }

    /// Pods that are gone from the cluster lose their processes too: those with a task, and folders without one.
    fn forget_others(
        self: &Arc<Self>,
        listed: &[String],
        tasks: &TaskTracker,
        _shutdown: &CancellationToken,
    ) {
        let known: Vec<String> = self.lock().keys().cloned().collect();
        known.iter().filter(|uid| !listed.contains(uid)).for_each(|uid| self.tell_gone(uid));
        for uid in self.folders.uids() {
            if !listed.contains(&uid) && !known.contains(&uid) {
                let shared = Arc::clone(self);
                tasks.spawn(async move { pod_task::remove_stray(&shared, &uid).await });
            }
        }
    }
}
