//! A node that does with pods what the test says.

use ambient_crds::labels;
use ambient_protocol::run::RunKey;
use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::runner::{Assignment, Runner};
use crate::world::{World, in_time, place};

/// How a runner behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// As the protocol says.
    Good,
    /// It does nothing when asked to stop.
    Deaf,
    /// It serves what the attempt before it has left.
    LeftBehind,
    /// It answers with an error when told that it may go.
    Stubborn,
}

impl World {
    /// Waits for the pod of a Job.
    pub(crate) async fn pod(&self, job: &str) -> Pod {
        let (project, job) = place(job);
        let pods = self.api::<Pod>(project);
        let config = watcher::Config::default().labels(&format!("job-name={job}"));
        let mut seen = watcher(pods, config).applied_objects().boxed();
        let live = async {
            loop {
                let pod = seen.next().await.unwrap().unwrap();
                if pod.metadata.deletion_timestamp.is_none() {
                    return pod;
                }
            }
        };
        in_time(&format!("there is a pod of {job}"), live).await
    }

    /// Says how the pod of a Job stands.
    pub(crate) async fn pod_is(&self, job: &str, status: Value) {
        let pod = self.pod(job).await;
        set_status(&self.api(place(job).0), &pod.name_any(), status).await;
    }

    /// Has the pod of a Job stay a while when it is deleted, as one whose processes are still ending.
    pub(crate) async fn keep_pod(&self, job: &str) {
        self.set_finalizers(job, json!(["test/still-ending"])).await;
    }

    /// Ends that.
    pub(crate) async fn let_pod_go(&self, job: &str) {
        self.set_finalizers(job, json!([])).await;
    }

    async fn set_finalizers(&self, job: &str, finalizers: Value) {
        let pods = self.api::<Pod>(place(job).0);
        let found =
            pods.list(&ListParams::default().labels(&format!("job-name={}", place(job).1))).await.unwrap();
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        for pod in &found {
            pods.patch(&pod.name_any(), &PatchParams::default(), &patch).await.unwrap();
        }
    }

    /// Deletes a Job and its pods, as somebody does who is not the operator.
    pub(crate) async fn delete_job(&self, job: &str) {
        let (project, name) = place(job);
        self.api::<Job>(project).delete(name, &DeleteParams::background()).await.unwrap();
    }

    /// Has a runner serve in the pod of a Job.
    pub(crate) async fn serve(&self, job: &str) -> Runner {
        self.serve_with(job, Manners::Good).await
    }

    /// Has a runner of these manners serve in the pod of a Job.
    pub(crate) async fn serve_with(&self, job: &str, manners: Manners) -> Runner {
        let pod = self.pod(job).await;
        let label = |key: &str| pod.labels()[key].clone();
        let key =
            RunKey::new(place(job).0, &label(labels::SESSION), label(labels::RUN).parse().unwrap()).unwrap();
        let (results, path) = (self.results.path(), key.ledger_path());
        let runner = Runner::start(Assignment {
            attempt: label(labels::ATTEMPT).parse().unwrap(),
            session_uid: label(labels::SESSION_UID),
            public_keys: self.public_keys(),
            manners,
            is_claimed: std::sync::Arc::new(move || is_on_remote(&results, &path)),
            key,
        })
        .await;
        let ready = json!({"phase": "Running", "podIP": runner.address,
            "conditions": [{"type": "Ready", "status": "True"}]});
        let pods = self.api::<Pod>(place(job).0);
        set_status(&pods, &pod.name_any(), ready).await;
        tokio::spawn(exit(pods, pod, runner.clone()));
        runner
    }
}

/// Ends a runner when it may go, and when its pod goes.
async fn exit(pods: Api<Pod>, pod: Pod, runner: Runner) {
    let name = pod.name_any();
    let goes = |pod: Option<&Pod>| pod.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some());
    tokio::select! {
        () = runner.is_acknowledged_some_day() => {
            set_status(&pods, &name, ended(0, "Completed", "")).await;
        }
        // A cluster that ends with its test has nobody to tell.
        _ = await_condition(pods.clone(), &name, goes) => {}
    }
    runner.gone.cancel();
}

/// The status of a pod whose container has ended.
pub(crate) fn ended(code: i32, reason: &str, message: &str) -> Value {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let terminated = json!({"exitCode": code, "reason": reason, "message": message});
    json!({"phase": phase, "conditions": [], "containerStatuses": [container(json!({"terminated": terminated}))]})
}

/// The status of a pod whose container waits.
pub(crate) fn waiting(reason: &str, message: &str) -> Value {
    let waiting = json!({"reason": reason, "message": message});
    json!({"phase": "Pending", "containerStatuses": [container(json!({"waiting": waiting}))]})
}

#[expect(clippy::needless_pass_by_value, reason = "reads better in a value")]
fn container(state: Value) -> Value {
    json!({"name": "ambient-code-runner", "image": "ambient-runner", "imageID": "", "ready": false,
        "restartCount": 0, "state": state})
}

async fn set_status(pods: &Api<Pod>, name: &str, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    match pods.patch_status(name, &PatchParams::default(), &patch).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => panic!("cannot set the status of pod {name}: {error}"),
    }
}

fn is_on_remote(repository: &std::path::Path, path: &str) -> bool {
    let mut git = std::process::Command::new("git");
    git.current_dir(repository).args(["cat-file", "-e", &format!("ambient-results:{path}")]);
    git.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}
