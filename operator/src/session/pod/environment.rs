//! What each container is told by environment variables (ADR 0004).

use ambient_protocol::environment as variable;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

use super::volumes::{
    BROKER_MOUNT, HOME_MOUNT, REDACTION_MOUNT, SESSION_MOUNT, SHIM_PATH, SOCKET_PATH, STATE_MOUNT,
    TEMPORARY_MOUNT, WORKSPACE_MOUNT,
};
use super::{AGUI_PORT, BROKER_TOKEN_KEY, JobInputs, PROGRAM, PUBLIC_KEYS_KEY, PodShape, SESSION_KEY};

/// Of a runner whose agent is its child.
pub(super) fn of_both(inputs: &JobInputs<'_>) -> Vec<EnvVar> {
    let mut variables = serving(inputs);
    variables.push(value("HOME", HOME_MOUNT));
    if let PodShape::OneContainer { sandbox } = inputs.shape {
        variables.push(value(variable::SANDBOX, sandbox.as_str()));
    }
    variables.extend(keys(inputs));
    variables
}

/// Of a runner whose agent is in a container of its own. It knows the agent's keys to remove them from what the agent
/// says, and has them as files: variables are inherited.
pub(super) fn of_runner(inputs: &JobInputs<'_>) -> Vec<EnvVar> {
    let mut variables = serving(inputs);
    variables.extend([
        value("HOME", TEMPORARY_MOUNT),
        value(variable::AGENT_SOCKET, SOCKET_PATH),
        value(variable::AGENT_HOME, HOME_MOUNT),
        value(variable::AGENT_EXECUTABLE, agent_executable(inputs)),
    ]);
    if inputs.has_keys() {
        variables.push(value(variable::REDACTION_DIRECTORY, REDACTION_MOUNT));
    }
    variables
}

/// Of the agent in a container of its own.
pub(super) fn of_agent(inputs: &JobInputs<'_>) -> Vec<EnvVar> {
    let mut variables = vec![value("HOME", HOME_MOUNT), value(variable::AGENT_SOCKET, SOCKET_PATH)];
    variables.extend(keys(inputs));
    variables
}

/// This program within the agent's container.
pub(super) fn agent_executable(inputs: &JobInputs<'_>) -> &'static str {
    if inputs.brings_shim() { SHIM_PATH } else { PROGRAM }
}

fn serving(inputs: &JobInputs<'_>) -> Vec<EnvVar> {
    let mut variables = vec![
        value(variable::RUNNER_TYPE, inputs.session.framework()),
        value(variable::AGUI_PORT, &AGUI_PORT.to_string()),
        pod_address(),
        value(variable::SESSION_FILE, &format!("{SESSION_MOUNT}/{SESSION_KEY}")),
        value(variable::PUBLIC_KEYS_FILE, &format!("{SESSION_MOUNT}/{PUBLIC_KEYS_KEY}")),
        value(variable::ATTEMPT, &inputs.attempt.to_string()),
        value(variable::WORKSPACE, WORKSPACE_MOUNT),
        value(variable::STATE, STATE_MOUNT),
    ];
    if let Some(address) = inputs.broker {
        variables.push(value(variable::BROKER_URL, address));
        variables.push(value(variable::BROKER_TOKEN_FILE, &format!("{BROKER_MOUNT}/{BROKER_TOKEN_KEY}")));
    }
    if inputs.local_repositories {
        variables.push(value(variable::ALLOW_LOCAL_REPOSITORIES, "true"));
    }
    variables
}

fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

fn pod_address() -> EnvVar {
    let field = ObjectFieldSelector { field_path: "status.podIP".to_owned(), api_version: None };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    EnvVar { name: variable::POD_IP.to_owned(), value: None, value_from: Some(source) }
}

/// The keys that the agent has itself, by reference: their values are never in a pod's spec. Absent keys are no error here; an agent
/// without its key says so itself, and the session's condition repeats it.
fn keys<'a>(inputs: &'a JobInputs<'_>) -> impl Iterator<Item = EnvVar> + 'a {
    inputs.keys().map(|key| {
        let name = inputs.secret().to_owned();
        let selector = SecretKeySelector { name, key: key.to_owned(), optional: Some(true) };
        let source = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
        EnvVar { name: key.to_owned(), value: None, value_from: Some(source) }
    })
}
