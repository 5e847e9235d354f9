//! A pod's status from its shim's report, in a kubelet's words: pure.

mod conditions;
mod containers;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{HOST_ADDRESS, hindrance::Hindrance};
use crate::shim::{EndCause, PodReport};

/// Results of readiness probes, by container.
pub(crate) type Readiness = BTreeMap<String, bool>;

/// What a status is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// The pod, with the status that is known.
    pub(crate) pod: &'a Pod,
    /// Its address, if it has one.
    pub(crate) address: Option<&'a str>,
    /// What its shim says.
    pub(crate) report: Option<&'a PodReport>,
    /// Why it is not started, if it is not.
    pub(crate) hindrance: Option<&'a Hindrance>,
    /// What its readiness probes say. A container that is not in it is not ready if it has one.
    pub(crate) readiness: &'a Readiness,
    /// Whether its shim is gone without having said how it ended.
    pub(crate) is_lost: bool,
    /// The present.
    pub(crate) now: Timestamp,
}

/// The status that follows from the facts.
pub(crate) fn status(facts: &Facts<'_>) -> PodStatus {
    let empty = PodSpec::default();
    let spec = facts.pod.spec.as_ref().unwrap_or(&empty);
    let known = facts.pod.status.clone().unwrap_or_default();
    let init = containers::statuses(facts, spec, spec.init_containers.as_deref().unwrap_or_default(), true);
    let main = containers::statuses(facts, spec, &spec.containers, false);
    let phase = phase(facts, spec, &init, &main);
    let cause = cause(facts);
    let placed = conditions::is_placed(facts);
    let start_time = known.start_time.clone().or_else(|| placed.then_some(Time(seconds(facts.now))));
    let address = facts.address.filter(|_| placed).map(ToOwned::to_owned);
    PodStatus {
        conditions: Some(conditions::conditions(facts, spec, phase, &init, &main)),
        phase: Some(phase.to_owned()),
        reason: cause.as_ref().map(|cause| cause.reason.clone()).or_else(|| known.reason.clone()),
        message: cause.map(|cause| cause.message).or_else(|| known.message.clone()),
        host_ip: placed.then(|| HOST_ADDRESS.to_owned()),
        host_ips: placed.then(|| vec![HostIP { ip: HOST_ADDRESS.to_owned() }]),
        pod_ips: address.as_ref().map(|ip| vec![PodIP { ip: ip.clone() }]),
        pod_ip: address,
        start_time,
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(main),
        observed_generation: facts.pod.metadata.generation,
        ..known
    }
}

/// Times of the API have no fractions.
pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Why the pod as a whole has ended.
fn cause(facts: &Facts<'_>) -> Option<EndCause> {
    if facts.is_lost {
        let message = "The process that held the pod is gone; how its containers ended is not known";
        return Some(EndCause { reason: "NodeLost".to_owned(), message: message.to_owned() });
    }
    facts.report.and_then(|report| report.cause.clone())
}

fn phase(
    facts: &Facts<'_>,
    spec: &PodSpec,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> &'static str {
    let exit_code = |status: &ContainerStatus| {
        let state = status.state.as_ref()?;
        Some(state.terminated.as_ref()?.exit_code)
    };
    if facts.is_lost {
        return "Failed";
    }
    let Some(report) = facts.report else { return "Pending" };
    if report.done {
        let all_well = main.iter().all(|status| exit_code(status) == Some(0));
        return if all_well && report.cause.is_none() { "Succeeded" } else { "Failed" };
    }
    let never = spec.restart_policy.as_deref() == Some("Never");
    if never && init.iter().any(|status| exit_code(status).is_some_and(|code| code != 0)) {
        return "Failed";
    }
    if report.initialized && main.iter().all(has_begun) { "Running" } else { "Pending" }
}

/// Whether a container runs or has run.
fn has_begun(status: &ContainerStatus) -> bool {
    let waits_first = status.state.as_ref().is_some_and(|state| state.waiting.is_some());
    !waits_first || status.last_state.is_some()
}

#[cfg(test)]
mod tests;
