//! The Job controller: one pod a Job, and the Job's status from the pod's.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The label that says which Job a pod is of.
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";

/// Runs Jobs until `shutdown`.
pub(crate) async fn run(client: Client, shutdown: CancellationToken) {
    Controller::new(Api::<Job>::all(client.clone()), watcher::Config::default())
        .owns(Api::<Pod>::all(client.clone()), watcher::Config::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, Arc::new(client))
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(job: Arc<Job>, client: Arc<Client>) -> Result<Action, kube::Error> {
    if job.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = job.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(Client::clone(&client), &namespace);
    let selector = format!("{CONTROLLER_UID}={}", job.uid().unwrap_or_default());
    let found = pods.list(&ListParams::default().labels(&selector)).await?.items;
    let plan = plan(&job, &found, now());
    if let Some(pod) = &plan.create {
        pods.create(&PostParams::default(), pod).await?;
    }
    for name in &plan.delete {
        pods.delete(name, &DeleteParams::default()).await.map(drop).or_else(missing_is_fine)?;
    }
    let jobs: Api<Job> = Api::namespaced(Client::clone(&client), &namespace);
    if job.status.as_ref() != Some(&plan.status) {
        let patch = json!({"status": plan.status});
        let patched = jobs.patch_status(&job.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(drop).or_else(missing_is_fine)?;
    }
    if plan.remove {
        jobs.delete(&job.name_any(), &DeleteParams::background()).await.map(drop).or_else(missing_is_fine)?;
    }
    Ok(plan.again.map_or_else(Action::await_change, Action::requeue))
}

fn missing_is_fine(error: kube::Error) -> Result<(), kube::Error> {
    match error {
        kube::Error::Api(status) if status.code == 404 => Ok(()),
        other => Err(other),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn on_error(job: Arc<Job>, error: &kube::Error, _client: Arc<Client>) -> Action {
    tracing::debug!(job = job.name_any(), %error, "the Job is looked at again");
    Action::requeue(Duration::from_millis(200))
}

/// What to do for a Job.
#[derive(Debug, Default)]
struct Plan {
    create: Option<Pod>,
    delete: Vec<String>,
    status: JobStatus,
    remove: bool,
    again: Option<Duration>,
}

/// Decides: a Job that has ended stays ended; one that has not has one pod that lives, or fails with it.
fn plan(job: &Job, pods: &[Pod], now: Timestamp) -> Plan {
    let spec = job.spec.clone().unwrap_or_default();
    let mut status = job.status.clone().unwrap_or_default();
    if is_ended(&status) {
        return after_end(job, status, now);
    }
    let suspended = spec.suspend == Some(true);
    let living: Vec<_> = pods.iter().filter(|pod| !matches!(phase(pod), "Succeeded" | "Failed")).collect();
    let count = |wanted: &str| {
        i32::try_from(pods.iter().filter(|pod| phase(pod) == wanted).count()).unwrap_or(i32::MAX)
    };
    let started = status.start_time.clone().filter(|_| !suspended).unwrap_or(Time(now));
    status.start_time = (!suspended).then(|| started.clone());
    status.succeeded = Some(count("Succeeded")).filter(|count| *count > 0);
    status.failed = Some(count("Failed")).filter(|count| *count > 0);
    status.active = i32::try_from(living.len()).ok().filter(|count| *count > 0);
    status.ready = i32::try_from(living.iter().filter(|pod| is_ready(pod)).count()).ok();
    let names = |pods: &[&Pod]| {
        pods.iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .map(|pod| pod.name_any())
            .collect()
    };
    let deadline =
        spec.active_deadline_seconds.map(|seconds| started.0 + jiff::SignedDuration::from_secs(seconds));
    if suspended {
        return Plan { delete: names(&living), status, ..Plan::default() };
    }
    if count("Succeeded") >= spec.completions.unwrap_or(1) {
        status.completion_time = Some(Time(now));
        end(&mut status, "Complete", "CompletionsReached", "Reached expected number of succeeded pods", now);
    } else if deadline.is_some_and(|deadline| now >= deadline) {
        status.active = None;
        end(&mut status, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline", now);
        return Plan { delete: names(&living), status, ..Plan::default() };
    } else if count("Failed") > spec.backoff_limit.unwrap_or(6) {
        end(
            &mut status,
            "Failed",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
            now,
        );
    }
    let create = (!is_ended(&status) && living.is_empty()).then(|| pod(job));
    if create.is_some() {
        status.active = Some(1);
    }
    let again = deadline.filter(|_| !is_ended(&status)).map(|deadline| until(deadline, now));
    Plan { create, status, again, ..Plan::default() }
}

fn after_end(job: &Job, status: JobStatus, now: Timestamp) -> Plan {
    let ttl = job.spec.as_ref().and_then(|spec| spec.ttl_seconds_after_finished);
    let ended = status
        .conditions
        .iter()
        .flatten()
        .find(|one| is_end(one))
        .and_then(|one| one.last_transition_time.clone());
    let due = ttl.zip(ended).map(|(ttl, ended)| ended.0 + jiff::SignedDuration::from_secs(i64::from(ttl)));
    let remove = due.is_some_and(|due| now >= due);
    let again = due.filter(|_| !remove).map(|due| until(due, now));
    Plan { status, remove, again, ..Plan::default() }
}

fn until(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default() + Duration::from_millis(10)
}

fn end(status: &mut JobStatus, kind: &str, reason: &str, message: &str, now: Timestamp) {
    status.conditions.get_or_insert_default().push(JobCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    });
}

fn is_end(condition: &JobCondition) -> bool {
    matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True"
}

fn is_ended(status: &JobStatus) -> bool {
    status.conditions.iter().flatten().any(is_end)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// The pod of a Job: its template, the Job's labels, and the Job as owner.
fn pod(job: &Job) -> Pod {
    let template = job.spec.clone().unwrap_or_default().template;
    let given = template.metadata.unwrap_or_default();
    let (name, uid) = (job.name_any(), job.uid().unwrap_or_default());
    let mut labels = given.labels.unwrap_or_default();
    labels.insert(CONTROLLER_UID.to_owned(), uid.clone());
    labels.insert("controller-uid".to_owned(), uid);
    labels.insert("batch.kubernetes.io/job-name".to_owned(), name.clone());
    labels.insert("job-name".to_owned(), name.clone());
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            labels: Some(labels),
            annotations: given.annotations,
            owner_references: job.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines are checked against the clock")]
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn planned(
        spec: Value,
        status: &Value,
        phases: &[&str],
        second: i64,
    ) -> (bool, Vec<String>, Option<String>) {
        let mut spec = spec;
        spec["template"] = json!({"spec": {"containers": []}});
        let job: Job = serde_json::from_value(
            json!({"metadata": {"name": "j", "namespace": "n", "uid": "u"}, "spec": spec, "status": status}),
        )
        .unwrap();
        let pods: Vec<Pod> = phases
            .iter()
            .enumerate()
            .map(|(index, phase)| {
                serde_json::from_value(
                    json!({"metadata": {"name": format!("p{index}")}, "status": {"phase": phase}}),
                )
                .unwrap()
            })
            .collect();
        let plan = plan(&job, &pods, Timestamp::from_second(second).unwrap());
        let reason = plan
            .status
            .conditions
            .iter()
            .flatten()
            .find(|one| is_end(one))
            .and_then(|one| one.reason.clone());
        (plan.create.is_some(), plan.delete, reason)
    }

    #[test]
    fn one_pod_that_lives_or_an_end() {
        let no_retry = || json!({"backoffLimit": 0});
        let because = |reason: &str| Some(reason.to_owned());
        let cases = [
            ("new", no_retry(), Value::Null, vec![], 0, (true, vec![], None)),
            ("running", no_retry(), Value::Null, vec!["Running"], 0, (false, vec![], None)),
            (
                "succeeded",
                no_retry(),
                Value::Null,
                vec!["Succeeded"],
                0,
                (false, vec![], because("CompletionsReached")),
            ),
            (
                "failed",
                no_retry(),
                Value::Null,
                vec!["Failed"],
                0,
                (false, vec![], because("BackoffLimitExceeded")),
            ),
            (
                "failed, to be retried",
                json!({"backoffLimit": 1}),
                Value::Null,
                vec!["Failed"],
                0,
                (true, vec![], None),
            ),
            (
                "too late",
                json!({"activeDeadlineSeconds": 5}),
                json!({"startTime": "1970-01-01T00:00:00Z"}),
                vec!["Running"],
                5,
                (false, vec!["p0".to_owned()], because("DeadlineExceeded")),
            ),
            (
                "suspended",
                json!({"suspend": true}),
                Value::Null,
                vec!["Running"],
                0,
                (false, vec!["p0".to_owned()], None),
            ),
        ];
        for (name, spec, status, phases, second, expected) in cases {
            assert_eq!(planned(spec, &status, &phases, second), expected, "{name}");
        }
    }

    #[test]
    fn an_ended_job_stays_ended_and_goes_when_its_time_is_over() {
        let status = json!({"conditions": [{"type": "Complete", "status": "True", "reason": "x",
            "lastTransitionTime": "1970-01-01T00:00:10Z"}]});
        assert!(!planned(json!({}), &status, &[], 99).0);
        let job: Job = serde_json::from_value(json!({"metadata": {"name": "j"}, "status": status,
            "spec": {"ttlSecondsAfterFinished": 5, "template": {}}}))
        .unwrap();
        let at = |second: i64| plan(&job, &[], Timestamp::from_second(second).unwrap());
        assert!(!at(14).remove && at(14).again.is_some());
        assert!(at(15).remove);
    }
}
