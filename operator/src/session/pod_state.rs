//! A Job and its pod, read as one state: pure.

use ambient_crds::conditions::Reason;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use super::observed::PodState;
use super::pod::{AGENT_CONTAINER, RUNNER_CONTAINER};

/// Where an attempt stands. It ends with its runner's container, whatever goes on beside that.
#[must_use]
pub(super) fn pod_state(job: &Job, pod: Option<&Pod>) -> PodState {
    let Some(status) = pod.and_then(|pod| pod.status.as_ref()) else {
        return job_failed(job).map_or(PodState::Missing, explained_without_pod);
    };
    if let Some(ended) = pod_ended(status) {
        return ended;
    }
    if let Some(failed) = job_failed(job) {
        return failed;
    }
    let address = status.pod_ip.clone().filter(|address| !address.is_empty());
    match address {
        Some(address) if condition_holds(status, "Ready") => PodState::Ready { address },
        Some(address) if status.phase.as_deref() == Some("Running") => PodState::Unready { address },
        _ => starting(status),
    }
}

fn pod_ended(status: &PodStatus) -> Option<PodState> {
    let phase = status.phase.as_deref().unwrap_or_default();
    let ends: Vec<_> = containers(status).filter_map(end).collect();
    let runner = ends.iter().find(|(name, _)| *name == RUNNER_CONTAINER);
    if !matches!(phase, "Succeeded" | "Failed") && runner.is_none() {
        return None;
    }
    // Of several the runner's own failure tells most, then the first one: an init container's keeps the others away.
    let failed = |(_, state): &&(&str, &ContainerStateTerminated)| state.exit_code != 0;
    let telling = runner.filter(failed).or_else(|| ends.iter().find(failed)).or(runner).or(ends.first());
    let (reason, message) = telling.map(|(name, state)| termination(name, state)).unwrap_or_default();
    let reason = status.reason.clone().filter(|reason| !reason.is_empty()).unwrap_or(reason);
    let message = status.message.clone().filter(|message| !message.is_empty()).unwrap_or(message);
    Some(PodState::Ended { reason, message })
}

fn end(container: &ContainerStatus) -> Option<(&str, &ContainerStateTerminated)> {
    Some((container.name.as_str(), container.state.as_ref()?.terminated.as_ref()?))
}

fn termination(name: &str, state: &ContainerStateTerminated) -> (String, String) {
    let who = match name {
        RUNNER_CONTAINER => "the runner".to_owned(),
        AGENT_CONTAINER => "the agent's container".to_owned(),
        other => format!("the container \"{other}\""),
    };
    let reason = state.reason.clone().unwrap_or_default();
    let said = state.message.clone().unwrap_or_default();
    let how = match state.signal {
        Some(signal) if signal > 0 => format!("{who} was ended by signal {signal}"),
        _ => format!("{who} ended with exit code {}", state.exit_code),
    };
    let message = if said.is_empty() { how } else { format!("{how}: {said}") };
    (reason, message)
}

/// A container that waits names its cause; a pod that cannot be placed does so in a condition.
fn starting(status: &PodStatus) -> PodState {
    let usual = ["ContainerCreating", "PodInitializing"];
    let mut waiting = containers(status).filter_map(|container| container.state.as_ref()?.waiting.as_ref());
    let hindered = waiting.find(|waiting| !usual.contains(&waiting.reason.as_deref().unwrap_or_default()));
    if let Some(waiting) = hindered {
        let (reason, message) = (waiting.reason.clone(), waiting.message.clone());
        return PodState::Starting {
            reason: reason.unwrap_or_default(),
            message: message.unwrap_or_default(),
        };
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unplaced = conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    let (reason, message) = unplaced.map_or_else(Default::default, |one| {
        (one.reason.clone().unwrap_or_default(), one.message.clone().unwrap_or_default())
    });
    PodState::Starting { reason, message }
}

fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let inits = status.init_container_statuses.iter().flatten();
    inits.chain(status.container_statuses.iter().flatten())
}

fn condition_holds(status: &PodStatus, kind: &str) -> bool {
    status.conditions.iter().flatten().any(|one| one.type_ == kind && one.status == "True")
}

fn job_failed(job: &Job) -> Option<PodState> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions.iter().find(|one| one.type_ == "Failed" && one.status == "True")?;
    let reason = failed.reason.clone().unwrap_or_default();
    Some(PodState::Ended { reason, message: failed.message.clone().unwrap_or_default() })
}

/// That a Job's one pod counts as failed says nothing of why; that it is gone does.
fn explained_without_pod(state: PodState) -> PodState {
    match state {
        PodState::Ended { reason, .. } if reason == "BackoffLimitExceeded" => PodState::Ended {
            reason: Reason::Lost.as_str().to_owned(),
            message: "its pod is gone: it was deleted, or its node is lost".to_owned(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
    fn state(job: serde_json::Value, pod: Option<serde_json::Value>) -> PodState {
        let job: Job = serde_json::from_value(json!({"status": job})).unwrap();
        let pod = pod.map(|status| serde_json::from_value::<Pod>(json!({"status": status})).unwrap());
        pod_state(&job, pod.as_ref())
    }

    fn waiting(reason: &str) -> serde_json::Value {
        json!({"phase": "Pending", "containerStatuses": [{
            "name": "ambient-code-runner", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": "m"}}}]})
    }

    #[test]
    fn states() {
        let ready = json!({"phase": "Running", "podIP": "127.1.0.1", "conditions": [{"type": "Ready", "status": "True"}]});
        let unready = json!({"phase": "Running", "podIP": "127.1.0.1", "conditions": [{"type": "Ready", "status": "False"}]});
        let unplaced = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}]});
        let killed = json!({"phase": "Failed", "containerStatuses": [{
            "name": "ambient-code-runner", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled"}}}]});
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "late"}]});
        let vanished =
            json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
        let starting = |reason: &str, message: &str| PodState::Starting {
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        let ended = |reason: &str, message: &str| PodState::Ended {
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        let cases = [
            (json!({}), None, PodState::Missing),
            (json!({}), Some(json!({"phase": "Pending"})), starting("", "")),
            (json!({}), Some(waiting("ContainerCreating")), starting("", "")),
            (json!({}), Some(waiting("ImagePullBackOff")), starting("ImagePullBackOff", "m")),
            (json!({}), Some(unplaced), starting("Unschedulable", "no node")),
            (json!({}), Some(ready), PodState::Ready { address: "127.1.0.1".to_owned() }),
            (json!({}), Some(unready), PodState::Unready { address: "127.1.0.1".to_owned() }),
            (json!({}), Some(killed), ended("OOMKilled", "the runner was ended by signal 9")),
            (failed, None, ended("DeadlineExceeded", "late")),
            (vanished, None, ended("Lost", "its pod is gone: it was deleted, or its node is lost")),
        ];
        for (job, pod, expected) in cases {
            assert_eq!(state(job, pod.clone()), expected, "{pod:?}");
        }
    }

    /// A pod of two containers: phase, then container, state and detail.
    fn two(phase: &str, states: &[(&str, serde_json::Value)]) -> serde_json::Value {
        let one = |(name, state): &(&str, serde_json::Value)| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let (inits, others): (Vec<_>, Vec<_>) = states.iter().partition(|(name, _)| *name == "agent-shim");
        let list = |states: Vec<&(&str, serde_json::Value)>| states.into_iter().map(one).collect::<Vec<_>>();
        json!({"phase": phase, "podIP": "10.0.0.1", "initContainerStatuses": list(inits),
            "containerStatuses": list(others)})
    }

    #[test]
    fn states_of_two_containers() {
        let ended = |code: i32, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "m"}});
        let running = || json!({"running": {}});
        let runner = RUNNER_CONTAINER;
        let gone = |reason: &str, message: &str| PodState::Ended {
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        let starting =
            |reason: &str| PodState::Starting { reason: reason.to_owned(), message: "m".to_owned() };
        let done = ("agent-shim", ended(0, "Completed"));
        let cases = [
            (
                "the agent killed, the runner at its outcome",
                two("Running", &[done.clone(), (runner, running()), ("agent", ended(137, "OOMKilled"))]),
                PodState::Unready { address: "10.0.0.1".to_owned() },
            ),
            (
                "the runner gone, the shim waiting for another",
                two("Running", &[done.clone(), (runner, ended(1, "Error")), ("agent", running())]),
                gone("Error", "the runner ended with exit code 1"),
            ),
            (
                "the shim could not be installed",
                two("Failed", &[("agent-shim", ended(2, "Error")), (runner, waiting("PodInitializing"))]),
                gone("Error", "the container \"agent-shim\" ended with exit code 2"),
            ),
            (
                "the agent's container failed, its runner did not",
                two("Failed", &[done.clone(), (runner, ended(0, "Completed")), ("agent", ended(1, "Error"))]),
                gone("Error", "the agent's container ended with exit code 1"),
            ),
            (
                "all well",
                two(
                    "Succeeded",
                    &[done.clone(), (runner, ended(0, "Completed")), ("agent", ended(0, "Completed"))],
                ),
                gone("Completed", "the runner ended with exit code 0"),
            ),
            (
                "the agent's image is missing",
                two(
                    "Pending",
                    &[done, (runner, waiting("ContainerCreating")), ("agent", waiting("ErrImagePull"))],
                ),
                starting("ErrImagePull"),
            ),
        ];
        for (name, pod, expected) in cases {
            assert_eq!(state(json!({}), Some(pod)), expected, "{name}");
        }
    }
}
