//! One pod, from its object to the end of its folder: decide, act, decide again.

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Shared,
    addresses::address_of,
    decide::{Course, FolderState, course},
    events::{self, PodEvent},
    folders::{make_private, remove},
    hindrance::{Hindrance, HindranceKind},
    lock_watch::released,
    materialize::materialize,
    prepare::{Preparation, PrepareInputs, grace_seconds, not_done, prepare},
    probes::Probes,
    sources::References,
    start::start_shim,
    status::{Facts, Readiness, status},
};
use crate::shim::{
    EndCause, PodFiles, PodRecord, PodReport, StopRecord, end_marked, is_held, read_json, ring, write_private,
};

/// How long after a failure, or with a hindrance, a pod is tried again; doubled each time up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// What a pod's task is told.
#[derive(Clone, Debug)]
pub(super) enum PodNews {
    /// The object as it is now.
    Object(Arc<Pod>),
    /// The object is gone.
    Gone,
}

#[derive(Debug, thiserror::Error)]
enum PodError {
    #[error("the API does not answer: {0}")]
    Api(#[from] kube::Error),
    #[error("the pod's folder: {0}")]
    Folder(#[from] io::Error),
    #[error("the pod's folder cannot be watched: {0}")]
    Watch(#[from] notify::Error),
}

/// Looks after a pod until its object is gone and nothing of it is left.
pub(super) async fn look_after(node: &Arc<Shared>, pod: Arc<Pod>, news: watch::Receiver<PodNews>) {
    let mut task = PodTask::new(node, pod, news);
    let mut retry = Retry::default();
    while !task.is_over() {
        if let Err(error) = task.step(&mut retry).await {
            tracing::warn!(pod = task.name(), %error, "the pod cannot be looked after; it is tried again");
            task.wait_for_news(Some(retry.next())).await;
        }
    }
    remove(task.files.folder());
}

/// Ends what is left of a pod that the cluster does not know.
pub(super) async fn end_remains(node: &Arc<Shared>, uid: &str) {
    let files = node.folders.pod(uid);
    if is_held(&files) {
        if let Err(error) = ask_to_end(&files, 0, None) {
            tracing::warn!(pod = uid, %error, "a pod that is gone from the cluster cannot be asked to end");
            return;
        }
        // The watch of the lock cannot fail but by the end of this process.
        let _ = released(&files).await;
    }
    end_marked(uid);
    remove(files.folder());
}

/// Waits longer each time.
#[derive(Default)]
struct Retry {
    count: u32,
}

impl Retry {
    fn next(&mut self) -> Duration {
        let pause = FIRST_RETRY.saturating_mul(1 << self.count.min(16));
        self.count += 1;
        pause.min(LONGEST_RETRY)
    }
}

struct PodTask {
    node: Arc<Shared>,
    pod: Arc<Pod>,
    uid: String,
    files: PodFiles,
    news: watch::Receiver<PodNews>,
    is_gone: bool,
    address: Option<String>,
    readiness: Readiness,
    hindrance: Option<Hindrance>,
    /// The report that events have been told of.
    told: Option<PodReport>,
}

impl PodTask {
    fn new(node: &Arc<Shared>, pod: Arc<Pod>, news: watch::Receiver<PodNews>) -> Self {
        let uid = pod.uid().unwrap_or_default();
        let files = node.folders.pod(&uid);
        // What was reported before this node began has been told by the one before.
        let told = read_json(&files.report()).ok().flatten();
        let node = node.clone();
        let (readiness, address, hindrance) = (Readiness::new(), None, None);
        Self { node, pod, uid, files, news, is_gone: false, address, readiness, hindrance, told }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.pod.namespace().unwrap_or_default(), self.pod.name_any())
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.node.client.clone(), &self.pod.namespace().unwrap_or_default())
    }

    fn is_over(&mut self) -> bool {
        self.hear();
        self.is_gone && !is_held(&self.files)
    }

    async fn step(&mut self, retry: &mut Retry) -> Result<(), PodError> {
        let state = self.folder_state()?;
        match course(&self.pod, &self.node.config.name, state) {
            // One that is gone and runs is ended by those who follow it.
            Course::Follow => self.follow().await?,
            Course::Start if *self.node.is_stopping.borrow() => self.wait_for_news(None).await,
            Course::Start => return self.start(retry).await,
            Course::Wait(reason) => self.wait_for_a_place(reason).await?,
            Course::ReportEnd => self.say(false).await?,
            Course::ReportLost => {
                end_marked(&self.uid);
                self.say(true).await?;
            }
            Course::Ignore | Course::Rest => self.wait_for_news(None).await,
            Course::Remove => {
                self.delete_object().await?;
                self.wait_for_news(None).await;
            }
        }
        *retry = Retry::default();
        Ok(())
    }

    fn folder_state(&self) -> io::Result<FolderState> {
        // The lock first: a shim that ends in between has written its last report.
        let is_held = is_held(&self.files);
        let report = self.report()?;
        let is_done = report.as_ref().is_some_and(|report| report.done);
        Ok(FolderState { is_held, was_started: report.is_some(), is_done })
    }

    fn report(&self) -> io::Result<Option<PodReport>> {
        read_json(&self.files.report())
    }

    /// Takes the newest news in.
    fn hear(&mut self) {
        let news = self.news.borrow_and_update().clone();
        match news {
            PodNews::Object(pod) => self.take(pod),
            PodNews::Gone => self.is_gone = true,
        }
    }

    /// Takes an object in unless a newer one is known: answers to our own writes overtake the watch.
    fn take(&mut self, pod: Arc<Pod>) {
        let version = |pod: &Pod| pod.resource_version().and_then(|version| version.parse::<u64>().ok());
        if version(&pod) >= version(&self.pod) {
            self.pod = pod;
        }
    }

    /// Waits for news, for a limited time if one is given.
    async fn wait_for_news(&mut self, limit: Option<Duration>) {
        let mut is_stopping = self.node.is_stopping.subscribe();
        tokio::select! {
            () = changed(&mut self.news) => {}
            _ = is_stopping.changed() => {}
            () = tokio::time::sleep(limit.unwrap_or_default()), if limit.is_some() => {}
        }
        self.hear();
    }

    async fn wait_for_a_place(&mut self, reason: &'static str) -> Result<(), PodError> {
        let condition = json!({ "type": "PodScheduled", "status": "False", "reason": reason });
        self.patch_status(json!({ "conditions": [condition] })).await?;
        self.wait_for_news(None).await;
        Ok(())
    }

    /// Prepares the pod and starts its shim, or says what hinders that and waits a while.
    async fn start(&mut self, retry: &mut Retry) -> Result<(), PodError> {
        let hindrance = {
            let shared = self.node.clone();
            // The semaphore is never closed.
            let _permit = shared.starts.acquire().await;
            self.try_start().await?
        };
        let Some(hindrance) = hindrance else {
            self.hindrance = None;
            return Ok(());
        };
        if self.hindrance.as_ref() != Some(&hindrance) {
            let (reason, note) = hindrance.event();
            let event = PodEvent::warning(hindrance.container.as_deref(), reason, note);
            self.node.events.tell(&self.pod, [event]);
            self.hindrance = Some(hindrance);
        }
        self.say(false).await?;
        self.wait_for_news(Some(retry.next())).await;
        Ok(())
    }

    async fn try_start(&mut self) -> Result<Option<Hindrance>, PodError> {
        make_private(self.files.folder())?;
        self.address = Some(address_of(&self.files, &self.pod)?);
        let spec = self.pod.spec.clone().unwrap_or_default();
        let namespace = self.pod.namespace().unwrap_or_default();
        let sources = References::of(&spec).read(&self.node.client, &namespace).await?;
        let prepared = prepare(&PrepareInputs {
            pod: &self.pod,
            address: self.address.as_deref().unwrap_or_default(),
            sources: &sources,
            files: &self.files,
            folders: &self.node.folders,
            node: &self.node.config.name,
            images: &self.node.config.images,
            inherited: &self.node.inherited,
            shim_arguments: &self.node.config.shim.arguments,
        });
        match prepared {
            Err(hindrance) if hindrance.kind == HindranceKind::Scheduling => Ok(Some(hindrance)),
            Err(hindrance) => {
                self.bind(&spec).await?;
                Ok(Some(hindrance).filter(|_| !self.is_gone))
            }
            Ok(preparation) => {
                self.bind(&spec).await?;
                if self.is_gone || self.pod.metadata.deletion_timestamp.is_some() {
                    return Ok(None);
                }
                Ok(self.run_shim(&preparation, &spec).await)
            }
        }
    }

    async fn run_shim(&self, preparation: &Preparation, spec: &PodSpec) -> Option<Hindrance> {
        let machine = |error: io::Error| Some(Hindrance::of_pod(HindranceKind::Machine, error.to_string()));
        if let Err(error) = materialize(preparation, &self.files) {
            return machine(error);
        }
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
        self.node.events.tell(
            &self.pod,
            containers.map(|container| {
                let image = container.image.as_deref().unwrap_or_default();
                let note = format!("Container image \"{image}\" already present on machine");
                PodEvent::normal(Some(&container.name), "Pulled", note)
            }),
        );
        self.node.events.tell(
            &self.pod,
            not_done(spec).into_iter().map(|note| PodEvent::warning(None, "Unsupported", note)),
        );
        match start_shim(&self.node.config.shim, &self.files, &self.node.watch).await {
            Ok(()) => None,
            Err(error) => machine(error),
        }
    }

    /// Takes a pod that no node has.
    async fn bind(&mut self, spec: &PodSpec) -> Result<(), PodError> {
        if spec.node_name.as_ref().is_some_and(|name| !name.is_empty()) {
            return Ok(());
        }
        let node = self.node.config.name.clone();
        let patch = json!({ "metadata": { "uid": self.uid }, "spec": { "nodeName": node } });
        let patched =
            self.api().patch(&self.pod.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        self.take_answer(patched)?;
        if !self.is_gone {
            let note = format!("Successfully assigned {} to {node}", self.name());
            self.node.events.tell(&self.pod, [PodEvent::normal(None, "Scheduled", note)]);
        }
        Ok(())
    }

    /// Tells the API what the shim reports, and the shim what the API wants, until the shim is gone.
    async fn follow(&mut self) -> Result<(), PodError> {
        let _running = Running::new(&self.node, &self.uid);
        let mut changes = self.node.watch.file(&self.files.report())?;
        let mut gone = released(&self.files);
        let mut is_stopping = self.node.is_stopping.subscribe();
        let address = address_of(&self.files, &self.pod)?;
        self.address = Some(address.clone());
        let record: Option<PodRecord> = read_json(&self.files.record())?;
        let (mut probes, mut readiness) =
            Probes::new(Pod::clone(&self.pod), address, self.node.events.clone());
        let mut asked = None;
        loop {
            if let (Some(report), Some(record)) = (self.report()?, &record) {
                probes.follow(&report, record);
                self.readiness = readiness.borrow_and_update().clone();
            }
            self.say(false).await?;
            self.pass_on(&mut asked)?;
            tokio::select! {
                () = changes.changed() => {}
                _ = readiness.changed() => {}
                _ = is_stopping.changed() => {}
                () = changed(&mut self.news) => {}
                _ = &mut gone => return Ok(()),
            }
            self.hear();
        }
    }

    /// Passes on to the shim that the pod is to end, if it is; a shorter time more than once.
    fn pass_on(&mut self, asked: &mut Option<u64>) -> io::Result<()> {
        let (grace, cause) = if self.is_gone {
            (0, None)
        } else if self.pod.metadata.deletion_timestamp.is_some() {
            (grace_seconds(&self.pod), None)
        } else if *self.node.is_stopping.borrow() {
            (grace_seconds(&self.pod), Some(shutdown_cause()))
        } else {
            return Ok(());
        };
        if asked.is_some_and(|asked| asked <= grace) {
            return Ok(());
        }
        if asked.is_none() {
            let report = self.report()?;
            let running = report.iter().flat_map(|report| &report.containers);
            let running = running.filter(|(_, known)| known.is_running());
            self.node.events.tell(
                &self.pod,
                running.map(|(name, _)| {
                    PodEvent::normal(Some(name), "Killing", format!("Stopping container {name}"))
                }),
            );
        }
        *asked = Some(grace);
        ask_to_end(&self.files, grace, cause)
    }

    /// Lets the object go, now that nothing of the pod runs.
    async fn delete_object(&mut self) -> Result<(), PodError> {
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.api().delete(&self.pod.name_any(), &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Writes the status, if it differs from the one that is known, and tells events.
    async fn say(&mut self, is_lost: bool) -> Result<(), PodError> {
        let report = self.report()?;
        if let Some(report) = &report {
            self.node.events.tell(&self.pod, events::between(self.told.as_ref(), report));
        }
        let wanted = status(&Facts {
            pod: &self.pod,
            address: self.address.as_deref(),
            report: report.as_ref(),
            hindrance: self.hindrance.as_ref(),
            readiness: &self.readiness,
            is_lost,
            now: now(),
        });
        self.told = report;
        if self.is_gone || self.pod.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.patch_status(json!(wanted)).await
    }

    async fn patch_status(&mut self, status: serde_json::Value) -> Result<(), PodError> {
        let patch = Patch::Merge(json!({ "metadata": { "uid": self.uid }, "status": status }));
        let patched = self.api().patch_status(&self.pod.name_any(), &PatchParams::default(), &patch).await;
        self.take_answer(patched)
    }

    /// Takes the answer to a write in; that there is nothing to write to, or another pod of that name, is an answer too.
    fn take_answer(&mut self, answer: Result<Pod, kube::Error>) -> Result<(), PodError> {
        match answer {
            Ok(pod) => self.take(Arc::new(pod)),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => self.is_gone = true,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Waits for news. When nobody is left to bring any, the node ends: its pods are not told, and go on.
async fn changed(news: &mut watch::Receiver<PodNews>) {
    if news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Counts a pod as running while it lives.
struct Running {
    node: Arc<Shared>,
    uid: String,
}

impl Running {
    fn new(node: &Arc<Shared>, uid: &str) -> Self {
        node.running.send_if_modified(|running| running.insert(uid.to_owned()));
        Self { node: node.clone(), uid: uid.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.node.running.send_if_modified(|running| running.remove(&self.uid));
    }
}

fn ask_to_end(files: &PodFiles, grace_seconds: u64, cause: Option<EndCause>) -> io::Result<()> {
    write_private(&files.stop(), &StopRecord { grace_seconds, cause })?;
    ring(files);
    Ok(())
}

/// A kubelet's words when its machine is shut down.
fn shutdown_cause() -> EndCause {
    EndCause {
        reason: "Terminated".to_owned(),
        message: "Pod was terminated in response to imminent node shutdown.".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the node stamps what it does")]
fn now() -> Timestamp {
    Timestamp::now()
}
