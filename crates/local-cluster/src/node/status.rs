//! A pod's status from its shim's report, in a kubelet's words: pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::prepare::NotYet;
use crate::shim::report::{ContainerReport, PodReport};

/// What a status is made from.
pub(super) struct Facts<'a> {
    pub(super) pod: &'a Pod,
    pub(super) address: &'a str,
    pub(super) report: Option<&'a PodReport>,
    /// Why it is not started, if it is not.
    pub(super) not_yet: Option<&'a NotYet>,
    /// Whether its readiness probes succeed.
    pub(super) ready: bool,
    /// Whether its shim is gone without having said how it ended.
    pub(super) lost: bool,
    pub(super) started_at: Timestamp,
    pub(super) now: Timestamp,
}

/// The status.
pub(super) fn status(facts: &Facts<'_>) -> PodStatus {
    let spec = facts.pod.spec.clone().unwrap_or_default();
    let init = spec.init_containers.clone().unwrap_or_default();
    let states = |containers: &[Container]| {
        containers.iter().map(|one| container_status(facts, one)).collect::<Vec<_>>()
    };
    let (reason, message) = if facts.lost {
        let words = "The process that held the pod is gone; how its containers ended is not known";
        (Some("NodeLost".to_owned()), Some(words.to_owned()))
    } else {
        let reason = facts.report.and_then(|report| report.reason.clone());
        let message = reason
            .as_ref()
            .map(|_| "Pod was active on the node longer than the specified deadline".to_owned());
        (reason, message)
    };
    let placed = facts.not_yet.is_none_or(|why| why.reason != "Unschedulable");
    PodStatus {
        phase: Some(phase(facts, &spec.containers).to_owned()),
        reason,
        message,
        pod_ip: placed.then(|| facts.address.to_owned()),
        pod_ips: placed.then(|| vec![PodIP { ip: facts.address.to_owned() }]),
        host_ip: Some("127.0.0.1".to_owned()),
        start_time: Some(Time(facts.started_at)),
        conditions: Some(conditions(facts, &spec.containers)),
        init_container_statuses: (!init.is_empty()).then(|| states(&init)),
        container_statuses: Some(states(&spec.containers)),
        ..PodStatus::default()
    }
}

/// Whether a pod's status says that it will not change any more.
pub(super) fn is_final(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn phase(facts: &Facts<'_>, containers: &[Container]) -> &'static str {
    if facts.lost {
        return "Failed";
    }
    let Some(report) = facts.report else { return "Pending" };
    if report.done {
        let succeeded = report.reason.is_none()
            && containers
                .iter()
                .all(|one| report.containers.get(&one.name).is_some_and(ContainerReport::succeeded));
        return if succeeded { "Succeeded" } else { "Failed" };
    }
    let started = containers.iter().any(|one| {
        report
            .containers
            .get(&one.name)
            .is_some_and(|state| !matches!(state, ContainerReport::NotStarted { .. }))
    });
    if started { "Running" } else { "Pending" }
}

fn container_status(facts: &Facts<'_>, container: &Container) -> ContainerStatus {
    let report = facts.report.and_then(|report| report.containers.get(&container.name));
    let running = report.is_some_and(ContainerReport::runs) && !facts.lost;
    let probed = container.readiness_probe.is_none() || facts.ready;
    let image = container.image.clone().unwrap_or_default();
    ContainerStatus {
        name: container.name.clone(),
        image_id: format!("local-node://{image}"),
        image,
        ready: running && probed,
        started: Some(running),
        restart_count: 0,
        state: Some(state(facts, report)),
        ..ContainerStatus::default()
    }
}

fn state(facts: &Facts<'_>, report: Option<&ContainerReport>) -> ContainerState {
    match report {
        Some(ContainerReport::Running { started_at, .. }) if facts.lost => {
            terminated(137, None, "ContainerStatusUnknown", *started_at, facts.now, None)
        }
        Some(ContainerReport::Running { started_at, .. }) => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(*started_at)) }),
            ..ContainerState::default()
        },
        Some(ContainerReport::Ended { exit_code, signal, started_at, finished_at }) => {
            let reason = if *exit_code == 0 { "Completed" } else { "Error" };
            terminated(*exit_code, *signal, reason, *started_at, *finished_at, None)
        }
        Some(ContainerReport::NotStarted { message }) => {
            terminated(128, None, "StartError", facts.now, facts.now, Some(message.clone()))
        }
        None => {
            let usual = ("ContainerCreating".to_owned(), None);
            let (reason, message) =
                facts.not_yet.map_or(usual, |why| (why.reason.clone(), Some(why.message.clone())));
            let waiting = ContainerStateWaiting { reason: Some(reason), message };
            ContainerState { waiting: Some(waiting), ..ContainerState::default() }
        }
    }
}

fn terminated(
    exit_code: i32,
    signal: Option<i32>,
    reason: &str,
    from: Timestamp,
    until: Timestamp,
    message: Option<String>,
) -> ContainerState {
    let terminated = ContainerStateTerminated {
        exit_code,
        signal,
        reason: Some(reason.to_owned()),
        message,
        started_at: Some(Time(from)),
        finished_at: Some(Time(until)),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn conditions(facts: &Facts<'_>, containers: &[Container]) -> Vec<PodCondition> {
    let placed = facts.not_yet.is_none_or(|why| why.reason != "Unschedulable");
    let initialized = facts.report.is_some_and(|report| report.initialized);
    let all_ready = !containers.is_empty() && containers.iter().all(|one| container_status(facts, one).ready);
    let unplaced = facts.not_yet.filter(|_| !placed);
    let mut made = vec![condition(facts, "PodScheduled", placed, unplaced)];
    made.push(condition(facts, "Initialized", initialized, None));
    made.push(condition(facts, "ContainersReady", all_ready, None));
    made.push(condition(facts, "Ready", all_ready, None));
    made
}

fn condition(facts: &Facts<'_>, kind: &str, holds: bool, why: Option<&NotYet>) -> PodCondition {
    let status = if holds { "True" } else { "False" };
    let old = facts.pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let old = old
        .filter(|old| old.type_ == kind && old.status == status)
        .find_map(|old| old.last_transition_time.clone());
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: why.map(|why| why.reason.clone()),
        message: why.map(|why| why.message.clone()),
        last_transition_time: Some(old.unwrap_or(Time(facts.now))),
        ..PodCondition::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ended(exit_code: i32) -> ContainerReport {
        ContainerReport::Ended { exit_code, signal: None, started_at: at(1), finished_at: at(2) }
    }

    /// Phase, ready, and the reason of the container's state.
    fn words(
        report: Option<&PodReport>,
        not_yet: Option<&NotYet>,
        ready: bool,
        lost: bool,
    ) -> (String, bool, String) {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [
            {"name": "c", "image": "i", "readinessProbe": {"httpGet": {"port": 1}}}]}}))
        .unwrap();
        let status = status(&Facts {
            pod: &pod,
            address: "127.10.0.1",
            report,
            not_yet,
            ready,
            lost,
            started_at: at(0),
            now: at(3),
        });
        let container = status.container_statuses.unwrap().remove(0);
        let state = container.state.unwrap();
        let reason = state.waiting.and_then(|state| state.reason);
        let reason = reason.or_else(|| state.terminated.and_then(|state| state.reason)).unwrap_or_default();
        (status.phase.unwrap(), container.ready, reason)
    }

    fn report(state: ContainerReport, done: bool, reason: Option<&str>) -> Option<PodReport> {
        let containers = [("c".to_owned(), state)].into();
        Some(PodReport { containers, initialized: true, reason: reason.map(str::to_owned), done })
    }

    #[expect(clippy::needless_pass_by_value, reason = "the cases read better with values")]
    fn words_of(report: Option<PodReport>, ready: bool, lost: bool) -> (String, bool, String) {
        words(report.as_ref(), None, ready, lost)
    }

    #[test]
    fn statuses_in_a_kubelets_words() {
        let running = || ContainerReport::Running { pid: 1, started_at: at(1) };
        let image = NotYet { reason: "ImagePullBackOff".to_owned(), message: "m".to_owned() };
        let case = |phase: &str, ready: bool, reason: &str| (phase.to_owned(), ready, reason.to_owned());
        assert_eq!(words(None, None, false, false), case("Pending", false, "ContainerCreating"));
        assert_eq!(words(None, Some(&image), false, false), case("Pending", false, "ImagePullBackOff"));
        assert_eq!(words_of(report(running(), false, None), false, false), case("Running", false, ""));
        assert_eq!(words_of(report(running(), false, None), true, false), case("Running", true, ""));
        assert_eq!(
            words_of(report(ended(0), true, None), true, false),
            case("Succeeded", false, "Completed")
        );
        assert_eq!(words_of(report(ended(3), true, None), true, false), case("Failed", false, "Error"));
        assert_eq!(words_of(report(ended(0), true, Some("DeadlineExceeded")), true, false).0, "Failed");
        assert_eq!(
            words_of(report(running(), false, None), true, true),
            case("Failed", false, "ContainerStatusUnknown")
        );
        let unstarted = ContainerReport::NotStarted { message: "no such file".to_owned() };
        assert_eq!(
            words_of(report(unstarted, true, None), false, false),
            case("Failed", false, "StartError")
        );
    }
}
