//! The containers of a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, HTTPGetAction, Probe, ResourceRequirements, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::volumes::{self, AGENT_MOUNTS, INSTALLER_MOUNTS, ONE_CONTAINER_MOUNTS, RUNNER_MOUNTS, SHIM_PATH};
use super::{AGENT_CONTAINER, AGENT_USER, AGUI_PORT, JobInputs, PROGRAM, RUNNER_CONTAINER, environment};

/// What the runner gets of the machine, apart from its agent: it clones, and reads what was changed.
const RUNNER_REQUESTS: [(&str, &str); 2] = [("cpu", "50m"), ("memory", "64Mi")];
const RUNNER_LIMITS: [(&str, &str); 2] = [("cpu", "2"), ("memory", "1Gi")];
/// What copying one file takes.
const INSTALLER_REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "16Mi")];
const INSTALLER_LIMITS: [(&str, &str); 2] = [("cpu", "1"), ("memory", "64Mi")];

/// Runner and agent in one.
pub(super) fn with_agent(inputs: &JobInputs<'_>) -> Container {
    Container {
        env: Some(environment::of_both(inputs)),
        resources: Some(inputs.resources.clone()),
        volume_mounts: Some(volumes::mounts(inputs, ONE_CONTAINER_MOUNTS)),
        ..serving(&inputs.session.agent.image)
    }
}

/// The runner, whose agent is elsewhere.
pub(super) fn runner(inputs: &JobInputs<'_>, image: &str) -> Container {
    Container {
        env: Some(environment::of_runner(inputs)),
        resources: Some(resources(RUNNER_REQUESTS, RUNNER_LIMITS)),
        volume_mounts: Some(volumes::mounts(inputs, RUNNER_MOUNTS)),
        ..serving(image)
    }
}

/// The agent, started by the shim.
pub(super) fn agent(inputs: &JobInputs<'_>) -> Container {
    let program = environment::agent_executable(inputs).to_owned();
    let shim = inputs.brings_shim().then_some(&volumes::SHIM);
    Container {
        command: Some(vec![program, "agent-shim".to_owned()]),
        env: Some(environment::of_agent(inputs)),
        resources: Some(inputs.resources.clone()),
        security_context: Some(SecurityContext { run_as_user: Some(AGENT_USER), ..restricted() }),
        volume_mounts: Some(volumes::mounts(inputs, AGENT_MOUNTS.iter().chain(shim))),
        ..container(AGENT_CONTAINER, &inputs.session.agent.image)
    }
}

/// Puts the shim where the agent's container finds it: its image is not ours.
pub(super) fn shim_installer(inputs: &JobInputs<'_>, image: &str) -> Container {
    Container {
        command: Some([PROGRAM, "agent-shim", "--install", SHIM_PATH].map(str::to_owned).into()),
        resources: Some(resources(INSTALLER_REQUESTS, INSTALLER_LIMITS)),
        volume_mounts: Some(volumes::mounts(inputs, INSTALLER_MOUNTS)),
        ..container("agent-shim", image)
    }
}

/// A container with the AG-UI server.
fn serving(image: &str) -> Container {
    Container {
        ports: Some(vec![ContainerPort {
            name: Some("agui".to_owned()),
            container_port: i32::from(AGUI_PORT),
            ..ContainerPort::default()
        }]),
        readiness_probe: Some(Probe {
            http_get: Some(HTTPGetAction {
                path: Some("/health".to_owned()),
                port: IntOrString::String("agui".to_owned()),
                ..HTTPGetAction::default()
            }),
            period_seconds: Some(1),
            failure_threshold: Some(3),
            ..Probe::default()
        }),
        ..container(RUNNER_CONTAINER, image)
    }
}

fn container(name: &str, image: &str) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        security_context: Some(restricted()),
        // What a container says last is why it failed.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

/// With the pod's own settings, what Pod Security `restricted` asks for, and a root that cannot be written to.
fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

fn resources(requests: [(&str, &str); 2], limits: [(&str, &str); 2]) -> ResourceRequirements {
    let amounts = |amounts: [(&str, &str); 2]| {
        let named = amounts.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        Some(BTreeMap::from(named))
    };
    ResourceRequirements {
        requests: amounts(requests),
        limits: amounts(limits),
        ..ResourceRequirements::default()
    }
}
