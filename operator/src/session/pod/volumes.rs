//! The volumes of a pod, and who sees which.
//!
//! The run's volume holds workspace, state and the agent's home; the agent's container does not see the state.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeMount,
};

use super::{BROKER_TOKEN_KEY, JobInputs, PUBLIC_KEYS_KEY, PodShape, SESSION_KEY};

pub(super) const SESSION_MOUNT: &str = "/ambient/session";
pub(super) const STATE_MOUNT: &str = "/ambient/state";
pub(super) const HOME_MOUNT: &str = "/ambient/home";
pub(super) const WORKSPACE_MOUNT: &str = "/workspace";
pub(super) const TEMPORARY_MOUNT: &str = "/tmp";
pub(super) const REDACTION_MOUNT: &str = "/ambient/redaction";
/// The socket between runner and agent.
pub(super) const SOCKET_PATH: &str = "/ambient/socket/agent";
/// The shim within the agent's container.
pub(super) const SHIM_PATH: &str = "/ambient/shim/ambient";

pub(super) const BROKER_MOUNT: &str = "/ambient/broker";
/// The volume of values that must never leave the runner.
const REDACTION: &str = "redaction";
/// The volume of the token for the broker.
const BROKER: &str = "broker";
const SOCKET_MOUNT: &str = "/ambient/socket";
const SHIM_MOUNT: &str = "/ambient/shim";

/// Where a volume, or a folder of it, is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mount {
    volume: &'static str,
    path: &'static str,
    folder: Option<&'static str>,
    read_only: bool,
}

const fn mount(volume: &'static str, path: &'static str) -> Mount {
    Mount { volume, path, folder: None, read_only: false }
}

const fn read_only(volume: &'static str, path: &'static str) -> Mount {
    Mount { read_only: true, ..mount(volume, path) }
}

const SESSION: Mount = read_only("session", SESSION_MOUNT);
const TOKEN: Mount = read_only(BROKER, BROKER_MOUNT);
const STATE: Mount = Mount { folder: Some("state"), ..mount("run", STATE_MOUNT) };
const WORKSPACE: Mount = Mount { folder: Some("workspace"), ..mount("run", WORKSPACE_MOUNT) };
/// On the run's volume: a conversation that outlives its pod is kept there.
const AGENT_HOME: Mount = Mount { folder: Some("home"), ..mount("run", HOME_MOUNT) };
const SOCKET: Mount = mount("socket", SOCKET_MOUNT);

/// What runner and agent see in one container.
pub(super) const ONE_CONTAINER_MOUNTS: &[Mount] =
    &[SESSION, TOKEN, STATE, WORKSPACE, mount("home", HOME_MOUNT), mount("temporary", TEMPORARY_MOUNT)];
/// What the runner sees.
pub(super) const RUNNER_MOUNTS: &[Mount] = &[
    SESSION,
    read_only(REDACTION, REDACTION_MOUNT),
    TOKEN,
    STATE,
    WORKSPACE,
    SOCKET,
    mount("runner-temporary", TEMPORARY_MOUNT),
];
/// What the agent sees.
pub(super) const AGENT_MOUNTS: &[Mount] =
    &[WORKSPACE, AGENT_HOME, mount("temporary", TEMPORARY_MOUNT), SOCKET];
/// What it sees too, where its image does not have the shim.
pub(super) const SHIM: Mount = read_only("shim", SHIM_MOUNT);
/// What the installer of the shim sees.
pub(super) const INSTALLER_MOUNTS: &[Mount] = &[mount("shim", SHIM_MOUNT)];

/// The mounts of a container, as far as the pod has the volumes.
pub(super) fn mounts<'a>(
    inputs: &JobInputs<'_>,
    mounts: impl IntoIterator<Item = &'a Mount>,
) -> Vec<VolumeMount> {
    let is_there = |mount: &&Mount| match mount.volume {
        REDACTION => inputs.has_keys(),
        BROKER => inputs.broker.is_some(),
        _ => true,
    };
    let made = mounts.into_iter().filter(is_there).map(|mount| VolumeMount {
        name: mount.volume.to_owned(),
        mount_path: mount.path.to_owned(),
        sub_path: mount.folder.map(str::to_owned),
        read_only: mount.read_only.then_some(true),
        ..VolumeMount::default()
    });
    made.collect()
}

/// The volumes of a pod.
pub(super) fn of(inputs: &JobInputs<'_>) -> Vec<Volume> {
    let mut volumes = vec![session(inputs.run_name), run(inputs.run_name), empty("temporary")];
    volumes.extend(inputs.broker.map(|_| token(inputs.job_name)));
    match inputs.shape {
        PodShape::OneContainer { .. } => volumes.push(empty("home")),
        PodShape::TwoContainers { .. } => {
            volumes.extend(["runner-temporary", "socket"].map(empty));
            volumes.extend(inputs.brings_shim().then(|| empty("shim")));
            volumes.extend(redaction(inputs));
        }
    }
    volumes
}

fn session(run_name: &str) -> Volume {
    Volume {
        name: "session".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: run_name.to_owned(),
            items: Some([SESSION_KEY, PUBLIC_KEYS_KEY].map(item).into()),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn run(run_name: &str) -> Volume {
    Volume {
        name: "run".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: run_name.to_owned(),
            read_only: None,
        }),
        ..Volume::default()
    }
}

/// The agent's keys, for the runner alone. Those that are absent need no removal.
fn redaction(inputs: &JobInputs<'_>) -> Option<Volume> {
    let source = SecretVolumeSource {
        secret_name: Some(inputs.secret().to_owned()),
        items: Some(inputs.keys().map(item).collect()),
        default_mode: Some(0o440),
        optional: Some(true),
    };
    let volume = Volume { name: REDACTION.to_owned(), secret: Some(source), ..Volume::default() };
    inputs.has_keys().then_some(volume)
}

fn token(job_name: &str) -> Volume {
    let source = SecretVolumeSource {
        secret_name: Some(job_name.to_owned()),
        items: Some(vec![item(BROKER_TOKEN_KEY)]),
        default_mode: Some(0o440),
        ..SecretVolumeSource::default()
    };
    Volume { name: BROKER.to_owned(), secret: Some(source), ..Volume::default() }
}

fn empty(name: &str) -> Volume {
    Volume { name: name.to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() }
}

fn item(key: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None }
}
