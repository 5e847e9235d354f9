//! Conditions of a pod.

use k8s_openapi::{
    api::core::v1::{ContainerStatus, PodCondition, PodSpec},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Facts, containers::is_sidecar, seconds};
use crate::node::hindrance::HindranceKind;

/// What a condition says.
struct Verdict {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

/// Whether the pod has its place on the node.
pub(super) fn is_placed(facts: &Facts<'_>) -> bool {
    !facts.hindrance.is_some_and(|hindrance| hindrance.kind == HindranceKind::Scheduling)
}

/// The conditions that a scheduler and a kubelet set; those of others stay.
pub(super) fn conditions(
    facts: &Facts<'_>,
    spec: &PodSpec,
    phase: &str,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> Vec<PodCondition> {
    let scheduled = scheduled(facts);
    let verdicts = if is_placed(facts) {
        let sidecars = spec.init_containers.iter().flatten().zip(init);
        let sidecars = sidecars.filter(|(container, _)| is_sidecar(container)).map(|(_, status)| status);
        let ready: Vec<&ContainerStatus> = sidecars.chain(main).collect();
        vec![
            ("PodReadyToStartContainers", ready_to_start(facts)),
            ("Initialized", initialized(facts, phase, init)),
            ("Ready", all_ready(phase, &ready)),
            ("ContainersReady", all_ready(phase, &ready)),
            ("PodScheduled", scheduled),
        ]
    } else {
        vec![("PodScheduled", scheduled)]
    };
    let known = facts.pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let others = known.filter(|one| verdicts.iter().all(|(kind, _)| *kind != one.type_)).cloned();
    let own: Vec<PodCondition> =
        verdicts.iter().map(|(kind, verdict)| condition(facts, kind, verdict)).collect();
    own.into_iter().chain(others).collect()
}

fn scheduled(facts: &Facts<'_>) -> Verdict {
    let hindrance = facts.hindrance.filter(|hindrance| hindrance.kind == HindranceKind::Scheduling);
    match hindrance {
        None => Verdict { holds: true, reason: None, message: None },
        Some(hindrance) => {
            Verdict { holds: false, reason: Some("Unschedulable"), message: Some(hindrance.message.clone()) }
        }
    }
}

fn ready_to_start(facts: &Facts<'_>) -> Verdict {
    let holds = facts.report.is_some_and(|report| !report.done) && !facts.is_lost;
    Verdict { holds, reason: None, message: None }
}

fn initialized(facts: &Facts<'_>, phase: &str, init: &[ContainerStatus]) -> Verdict {
    if phase == "Succeeded" {
        return Verdict { holds: true, reason: Some("PodCompleted"), message: None };
    }
    if init.is_empty() || facts.report.is_some_and(|report| report.initialized) {
        return Verdict { holds: true, reason: None, message: None };
    }
    let incomplete: Vec<&str> =
        init.iter().filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
    Verdict { holds: false, reason: Some("ContainersNotInitialized"), message: Some(message) }
}

fn all_ready(phase: &str, containers: &[&ContainerStatus]) -> Verdict {
    match phase {
        "Succeeded" => return Verdict { holds: false, reason: Some("PodCompleted"), message: None },
        "Failed" => return Verdict { holds: false, reason: Some("PodFailed"), message: None },
        _ => {}
    }
    let unready: Vec<&str> =
        containers.iter().filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    if unready.is_empty() {
        return Verdict { holds: true, reason: None, message: None };
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    Verdict { holds: false, reason: Some("ContainersNotReady"), message: Some(message) }
}

fn condition(facts: &Facts<'_>, kind: &str, verdict: &Verdict) -> PodCondition {
    let status = if verdict.holds { "True" } else { "False" };
    let known = facts.pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut same = known.filter(|old| old.type_ == kind && old.status == status);
    let since = same.find_map(|old| old.last_transition_time.clone());
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.map(ToOwned::to_owned),
        message: verdict.message.clone(),
        last_transition_time: Some(since.unwrap_or(Time(seconds(facts.now)))),
        observed_generation: facts.pod.metadata.generation,
        ..PodCondition::default()
    }
}
