//! One pod, from its object to the end of its folder.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use notify::{RecursiveMode, Watcher as _};
use serde_json::json;
use tokio::sync::watch;

use super::folder::{is_held, released};
use super::prepare::{NotYet, grace_seconds, prepare};
use super::status::{Facts, is_final, status};
use super::{PodNews, Shared, probe};
use crate::shim::record::{StopRecord, files, read_json, write_durably};
use crate::shim::report::PodReport;

/// How often a pod that cannot be started yet is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long a new shim has until its first report.
const SHIM_START: Duration = Duration::from_secs(20);

/// Runs a pod until its object is gone.
pub(super) async fn run(shared: &Arc<Shared>, pod: Arc<Pod>, mut news: watch::Receiver<PodNews>) {
    let task = PodTask::new(shared, pod);
    if !task.is_ours() {
        // Another node's, or none's: nothing to do but to notice its end.
        while !matches!(*news.borrow_and_update(), PodNews::Gone) {
            if news.changed().await.is_err() {
                return;
            }
        }
        return;
    }
    let mut task = task;
    if let Err(error) = task.live(&mut news).await {
        tracing::warn!(pod = task.name(), %error, "the pod cannot be looked after");
    }
}

/// Ends what is left of a pod that the cluster does not know any more.
pub(super) async fn remove_stray(shared: &Arc<Shared>, uid: &str) {
    let folder = shared.folders.pod(uid);
    end_processes(&folder, 0).await;
    shared.folders.set_held(uid, false);
    remove_folder(shared, &folder);
}

struct PodTask {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    uid: String,
    folder: PathBuf,
    started_at: Timestamp,
}

impl PodTask {
    fn new(shared: &Arc<Shared>, pod: Arc<Pod>) -> Self {
        let uid = pod.uid().unwrap_or_default();
        let folder = shared.folders.pod(&uid);
        Self { shared: Arc::clone(shared), pod, uid, folder, started_at: now() }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.pod.namespace().unwrap_or_default(), self.pod.name_any())
    }

    /// A pod that no node has is ours: this is the only one.
    fn is_ours(&self) -> bool {
        let node = self.pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        node.is_none_or(|node| node == self.shared.config.name)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.shared.client.clone(), &self.pod.namespace().unwrap_or_default())
    }

    async fn live(&mut self, news: &mut watch::Receiver<PodNews>) -> anyhow::Result<()> {
        let over = is_final(&self.pod);
        if !over && !is_held(&self.folder) && self.report().is_none_or(|report| !report.done) {
            let started_before = self.folder.join(files::REPORT).exists();
            if started_before {
                self.say(None, false, true).await?;
            } else if self.start(news).await? {
                self.follow(news).await?;
            }
        } else if !over {
            self.follow(news).await?;
        }
        self.wait_for_deletion(news).await?;
        self.remove().await
    }

    /// Starts the pod; false where it is deleted before it can be.
    async fn start(&mut self, news: &mut watch::Receiver<PodNews>) -> anyhow::Result<bool> {
        std::fs::create_dir_all(&self.folder)?;
        self.bind().await?;
        let address = self.shared.addresses.of(&self.folder)?;
        let mut said = None;
        loop {
            if self.is_deleted(news) {
                return Ok(false);
            }
            match prepare(&self.shared, &self.pod, &self.folder, &address).await {
                Ok(record) => {
                    write_durably(&self.folder.join(files::POD), &serde_json::to_vec(&record)?)?;
                    self.spawn_shim().await?;
                    return Ok(true);
                }
                Err(why) => {
                    if said.as_ref() != Some(&why) {
                        self.say(Some(&why), false, false).await?;
                        said = Some(why);
                    }
                    tokio::select! {
                        _ = news.changed() => {}
                        () = tokio::time::sleep(TRY_AGAIN) => {}
                    }
                }
            }
        }
    }

    async fn bind(&self) -> Result<(), kube::Error> {
        let bound = self.pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        if bound {
            return Ok(());
        }
        let patch = json!({"spec": {"nodeName": self.shared.config.name}});
        let patched =
            self.pods().patch(&self.pod.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        missing_is_fine(patched)
    }

    async fn spawn_shim(&self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("shim.log"))?;
        let shim = &self.shared.config.shim;
        let mut command = tokio::process::Command::new(&shim.program);
        command.args(&shim.arguments).arg("run").arg(&self.folder).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(false);
        let mut child = command.spawn()?;
        let report = self.folder.join(files::REPORT);
        let (_watcher, mut changes) = watch_folder(&self.folder)?;
        let started = async {
            while !report.exists() {
                tokio::select! {
                    _ = changes.changed() => {}
                    status = child.wait() => anyhow::bail!("the shim ended at once: {status:?}"),
                }
            }
            Ok(())
        };
        tokio::time::timeout(SHIM_START, started).await??;
        // The child is collected when it ends, if this process lives that long.
        tokio::spawn(async move { child.wait().await });
        Ok(())
    }

    /// Tells the API what the shim reports, until it has reported everything or is gone.
    async fn follow(&mut self, news: &mut watch::Receiver<PodNews>) -> anyhow::Result<()> {
        self.shared.folders.set_held(&self.uid, true);
        let (_watcher, mut changes) = watch_folder(&self.folder)?;
        let (ready, mut readiness) = watch::channel(false);
        let (pod, address) = (Arc::clone(&self.pod), self.shared.addresses.of(&self.folder)?);
        let probes = tokio::spawn(async move { probe::run(&pod, &address, ready).await });
        let mut gone = Box::pin(released(self.folder.clone()));
        let mut alive = true;
        loop {
            let report = self.report().unwrap_or_default();
            let lost = !alive && !report.done;
            let is_ready = *readiness.borrow_and_update();
            self.say(None, is_ready, lost).await?;
            if !alive {
                break;
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = readiness.changed() => {}
                () = &mut gone => alive = false,
                told = news.changed() => {
                    if told.is_ok() {
                        self.hear(news)?;
                    }
                }
            }
        }
        probes.abort();
        self.shared.folders.set_held(&self.uid, false);
        Ok(())
    }

    /// Takes the news in: a deletion, or a wish that all pods end, is passed on to the shim.
    fn hear(&mut self, news: &mut watch::Receiver<PodNews>) -> std::io::Result<()> {
        let grace = match &*news.borrow_and_update() {
            PodNews::Object(pod) => {
                self.pod = Arc::clone(pod);
                pod.metadata.deletion_timestamp.is_some().then(|| grace_seconds(pod))
            }
            PodNews::Gone => Some(0),
            PodNews::StopAll => Some(grace_seconds(&self.pod)),
        };
        match grace {
            Some(grace_seconds) => ask_to_end(&self.folder, grace_seconds),
            None => Ok(()),
        }
    }

    fn is_deleted(&mut self, news: &mut watch::Receiver<PodNews>) -> bool {
        match &*news.borrow_and_update() {
            PodNews::Object(pod) => {
                self.pod = Arc::clone(pod);
                pod.metadata.deletion_timestamp.is_some()
            }
            PodNews::Gone | PodNews::StopAll => true,
        }
    }

    async fn wait_for_deletion(&mut self, news: &mut watch::Receiver<PodNews>) -> anyhow::Result<()> {
        loop {
            let deleted = match &*news.borrow_and_update() {
                PodNews::Object(pod) => pod.metadata.deletion_timestamp.is_some(),
                PodNews::Gone => true,
                PodNews::StopAll => false,
            };
            if deleted {
                return Ok(());
            }
            news.changed().await?;
        }
    }

    /// Lets the object go, now that its processes have ended, and removes the folder.
    async fn remove(&self) -> anyhow::Result<()> {
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        missing_is_fine(self.pods().delete(&self.pod.name_any(), &params).await)?;
        remove_folder(&self.shared, &self.folder);
        Ok(())
    }

    fn report(&self) -> Option<PodReport> {
        read_json(&self.folder.join(files::REPORT)).ok().flatten()
    }

    /// Writes the status if it differs from the one last seen.
    async fn say(&mut self, not_yet: Option<&NotYet>, ready: bool, lost: bool) -> anyhow::Result<()> {
        let report = self.report();
        let address = self.shared.addresses.of(&self.folder)?;
        let started = self.pod.status.as_ref().and_then(|status| status.start_time.clone());
        let wanted = status(&Facts {
            pod: &self.pod,
            address: &address,
            report: report.as_ref(),
            not_yet,
            ready,
            lost,
            started_at: started.map_or(self.started_at, |time| time.0),
            now: now(),
        });
        if self.pod.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let patch = json!({"status": wanted});
        let patched = self
            .pods()
            .patch_status(&self.pod.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await;
        match patched {
            Ok(pod) if pod.uid().as_deref() == Some(&self.uid) => self.pod = Arc::new(pod),
            other => missing_is_fine(other)?,
        }
        Ok(())
    }
}

fn ask_to_end(folder: &Path, grace_seconds: u64) -> std::io::Result<()> {
    let record = serde_json::to_vec(&StopRecord { grace_seconds })?;
    write_durably(&folder.join(files::STOP), &record)
}

async fn end_processes(folder: &Path, grace_seconds: u64) {
    if is_held(folder) && ask_to_end(folder, grace_seconds).is_ok() {
        released(folder.to_owned()).await;
    }
}

fn remove_folder(shared: &Shared, folder: &Path) {
    shared.addresses.release(folder);
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "the folder of a pod cannot be removed");
        }
        _ => {}
    }
}

/// Notices changes of files in a folder.
fn watch_folder(folder: &Path) -> notify::Result<(notify::RecommendedWatcher, watch::Receiver<u64>)> {
    let (sender, receiver) = watch::channel(0_u64);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            sender.send_modify(|count| *count += 1);
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok((watcher, receiver))
}

fn missing_is_fine<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        other => other.map(drop),
    }
}

#[expect(clippy::disallowed_methods, reason = "the node stamps what it does")]
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
