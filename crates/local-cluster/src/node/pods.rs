//! The pods of the cluster, each looked after by a task of its own.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    pod::{self, PodNews},
};

/// Follows the pods until `shutdown`; then the tasks end where they are, and this when they have.
pub(super) async fn run(shared: &Arc<Shared>, shutdown: &CancellationToken) {
    let pods: Api<Pod> = Api::all(shared.client.clone());
    let mut events = watcher(pods, watcher::Config::default()).default_backoff().boxed();
    let mut table = Table::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            event = events.try_next() => match event {
                Ok(Some(event)) => table.take(shared, event),
                Ok(None) => break,
                Err(error) => tracing::warn!(%error, "the watch of pods broke; it is tried again"),
            },
            Some(ended) = table.tasks.join_next() => table.forget(ended.ok()),
        }
    }
    table.tasks.shutdown().await;
}

#[derive(Default)]
struct Table {
    /// Where the tasks of pods hear of their pods, by UID.
    pods: HashMap<String, watch::Sender<PodNews>>,
    tasks: JoinSet<String>,
    /// UIDs of a list that is not whole yet.
    listed: Vec<String>,
}

impl Table {
    fn take(&mut self, shared: &Arc<Shared>, event: Event<Pod>) {
        match event {
            Event::Apply(pod) => self.tell(shared, pod),
            Event::InitApply(pod) => {
                self.listed.extend(pod.uid());
                self.tell(shared, pod);
            }
            Event::Delete(pod) => self.tell_gone(&pod.uid().unwrap_or_default()),
            Event::Init => self.listed.clear(),
            Event::InitDone => self.end_others(shared),
        }
    }

    /// Tells a pod's task of its object, and starts the task if there is none.
    fn tell(&mut self, shared: &Arc<Shared>, pod: Pod) {
        let (uid, pod) = (pod.uid().unwrap_or_default(), Arc::new(pod));
        if let Some(task) = self.pods.get(&uid) {
            task.send_replace(PodNews::Object(pod));
            return;
        }
        let (sender, news) = watch::channel(PodNews::Object(pod.clone()));
        self.pods.insert(uid.clone(), sender);
        let shared = shared.clone();
        self.tasks.spawn(async move {
            pod::look_after(&shared, pod, news).await;
            uid
        });
    }

    fn tell_gone(&self, uid: &str) {
        if let Some(task) = self.pods.get(uid) {
            task.send_replace(PodNews::Gone);
        }
    }

    /// Pods that are gone from the cluster lose their processes: those with a task, and folders without one.
    fn end_others(&mut self, shared: &Arc<Shared>) {
        let listed = std::mem::take(&mut self.listed);
        for uid in self.pods.keys().filter(|uid| !listed.contains(uid)) {
            self.tell_gone(uid);
        }
        for uid in shared.folders.pod_uids() {
            if !listed.contains(&uid) && !self.pods.contains_key(&uid) {
                let shared = shared.clone();
                self.tasks.spawn(async move {
                    pod::end_remains(&shared, &uid).await;
                    uid
                });
            }
        }
    }

    fn forget(&mut self, uid: Option<String>) {
        // A task that has failed hard is not started again: its pod is adopted by the next node.
        if let Some(uid) = uid {
            self.pods.remove(&uid);
        }
    }
}
