//! Statuses of containers.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, PodSpec,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt;

use super::{Facts, seconds};
use crate::shim::{ContainerReport, ProcessState, Termination, restart_delay};

/// Exit code of containers of which nobody knows how they ended (a kubelet's figure).
const UNKNOWN_EXIT: i32 = 137;

/// Statuses of a list of containers.
pub(super) fn statuses(
    facts: &Facts<'_>,
    spec: &PodSpec,
    containers: &[Container],
    is_init: bool,
) -> Vec<ContainerStatus> {
    containers.iter().map(|container| status(facts, spec, container, is_init)).collect()
}

/// Whether an init container is a sidecar.
pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn status(facts: &Facts<'_>, spec: &PodSpec, container: &Container, is_init: bool) -> ContainerStatus {
    let report = facts.report.and_then(|report| report.containers.get(&container.name));
    let comes_back = report
        .and_then(ContainerReport::ended)
        .is_some_and(|end| comes_back(facts, spec, container, is_init, end));
    let state = state(facts, spec, container, report, comes_back);
    let last = match report {
        Some(report) if comes_back => report.ended().or(report.last.as_ref()),
        Some(report) => report.last.as_ref(),
        None => None,
    };
    let is_running = state.running.is_some();
    let image = container.image.clone().unwrap_or_default();
    ContainerStatus {
        name: container.name.clone(),
        image_id: report.map(|_| image.clone()).unwrap_or_default(),
        image,
        container_id: report.and_then(|report| match &report.state {
            ProcessState::Running { pid, .. } => Some(format!("process://{pid}")),
            ProcessState::Ended(_) => known_id(facts, &container.name),
        }),
        ready: is_ready(facts, container, is_init, report, is_running),
        started: Some(is_running),
        restart_count: report.and_then(|report| i32::try_from(report.restarts).ok()).unwrap_or(0),
        last_state: last
            .map(|end| ContainerState { terminated: Some(terminated(end)), ..ContainerState::default() }),
        state: Some(state),
        ..ContainerStatus::default()
    }
}

fn known_id(facts: &Facts<'_>, name: &str) -> Option<String> {
    let status = facts.pod.status.as_ref()?;
    let lists = [&status.container_statuses, &status.init_container_statuses];
    let mut known = lists.into_iter().flatten().flatten();
    known.find(|status| status.name == name)?.container_id.clone()
}

fn is_ready(
    facts: &Facts<'_>,
    container: &Container,
    is_init: bool,
    report: Option<&ContainerReport>,
    is_running: bool,
) -> bool {
    if is_init && !is_sidecar(container) {
        return report.is_some_and(ContainerReport::has_succeeded);
    }
    let probed = container.readiness_probe.is_none();
    is_running && facts.readiness.get(&container.name).copied().unwrap_or(probed)
}

/// Whether an instance that has ended is followed by another.
fn comes_back(
    facts: &Facts<'_>,
    spec: &PodSpec,
    container: &Container,
    is_init: bool,
    end: &Termination,
) -> bool {
    let over = facts.is_lost || facts.report.is_none_or(|report| report.done || report.cause.is_some());
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    let wanted = match policy {
        _ if is_init && is_sidecar(container) => true,
        "Always" => !is_init || end.exit_code != 0,
        "OnFailure" => end.exit_code != 0,
        _ => false,
    };
    wanted && !over && facts.pod.metadata.deletion_timestamp.is_none()
}

fn state(
    facts: &Facts<'_>,
    spec: &PodSpec,
    container: &Container,
    report: Option<&ContainerReport>,
    comes_back: bool,
) -> ContainerState {
    let Some(report) = report else {
        let ran = facts.is_lost && known_id(facts, &container.name).is_some();
        return if ran { unknown_end(None) } else { waiting(not_yet(facts, spec, container)) };
    };
    match &report.state {
        ProcessState::Running { started_at, .. } if facts.is_lost => unknown_end(Some(*started_at)),
        ProcessState::Running { started_at, .. } => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(seconds(*started_at))) }),
            ..ContainerState::default()
        },
        ProcessState::Ended(end) if comes_back => waiting(before_restart(facts, container, report, end)),
        ProcessState::Ended(end) => {
            ContainerState { terminated: Some(terminated(end)), ..ContainerState::default() }
        }
    }
}

/// The end of a container that nobody saw.
fn unknown_end(started_at: Option<Timestamp>) -> ContainerState {
    let end = ContainerStateTerminated {
        exit_code: UNKNOWN_EXIT,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container could not be located when the pod was terminated".to_owned()),
        started_at: started_at.map(|time| Time(seconds(time))),
        ..ContainerStateTerminated::default()
    };
    ContainerState { terminated: Some(end), ..ContainerState::default() }
}

fn waiting(waiting: ContainerStateWaiting) -> ContainerState {
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

/// Why a container has not been started.
fn not_yet(facts: &Facts<'_>, spec: &PodSpec, container: &Container) -> ContainerStateWaiting {
    let own = facts.hindrance.filter(|hindrance| {
        hindrance.container.as_ref().is_none_or(|concerned| *concerned == container.name)
    });
    if let Some((hindrance, reason)) = own.and_then(|own| Some((own, own.waiting_reason()?))) {
        return ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: Some(hindrance.message.clone()),
        };
    }
    let inits = spec.init_containers.as_ref().is_some_and(|inits| !inits.is_empty());
    let reason = if inits { "PodInitializing" } else { "ContainerCreating" };
    ContainerStateWaiting { reason: Some(reason.to_owned()), message: None }
}

fn before_restart(
    facts: &Facts<'_>,
    container: &Container,
    report: &ContainerReport,
    end: &Termination,
) -> ContainerStateWaiting {
    if end.never_ran {
        return ContainerStateWaiting {
            reason: Some("RunContainerError".to_owned()),
            message: end.message.clone(),
        };
    }
    let pod = facts.pod;
    let message = format!(
        "back-off {}s restarting failed container={} pod={}_{}({})",
        restart_delay(report.restarts, end).as_secs(),
        container.name,
        pod.name_any(),
        pod.namespace().unwrap_or_default(),
        pod.uid().unwrap_or_default()
    );
    ContainerStateWaiting { reason: Some("CrashLoopBackOff".to_owned()), message: Some(message) }
}

fn terminated(end: &Termination) -> ContainerStateTerminated {
    let reason = match (end.never_ran, end.exit_code) {
        (true, _) => "StartError",
        (false, 0) => "Completed",
        (false, _) => "Error",
    };
    ContainerStateTerminated {
        exit_code: end.exit_code,
        signal: end.signal,
        reason: Some(reason.to_owned()),
        message: end.message.clone(),
        started_at: Some(Time(seconds(end.started_at))),
        finished_at: Some(Time(seconds(end.finished_at))),
        ..ContainerStateTerminated::default()
    }
}
