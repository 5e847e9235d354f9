//! The Job of one attempt: pure, from the effective session to the object.
//!
//! A Job is created once and never patched (rule 19), so everything an attempt needs is decided here. In a cluster runner
//! and agent have a container each (rule 27, ADR 0014); on the embedded one they share one.

mod containers;
mod environment;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeMap;

use ambient_crds::labels;
use ambient_protocol::broker::{RUNNER_SECRET, service_of};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::sandbox::Sandbox;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements, SeccompProfile, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The port of the AG-UI server.
pub const AGUI_PORT: u16 = 8001;
/// The runner's container.
pub(super) const RUNNER_CONTAINER: &str = "ambient-code-runner";
/// The agent's container, where it has one of its own.
pub(super) const AGENT_CONTAINER: &str = "agent";
/// This program, as it is named in the platform's image.
const PROGRAM: &str = "ambient";
/// Key of the effective session within its ConfigMap.
pub(super) const SESSION_KEY: &str = "session.json";
/// Key of the public keys within it.
pub(super) const PUBLIC_KEYS_KEY: &str = "public-keys";
/// Key of the token for the broker within the attempt's Secret.
pub(super) const BROKER_TOKEN_KEY: &str = "token";

const DEFAULT_STORAGE: &str = "10Gi";
/// How long the runner has to end agent and log when its pod is deleted.
const GRACE_SECONDS: i64 = 60;
/// The runner's user; the agent's is [`AGENT_USER`].
const RUNNER_USER: i64 = 10_001;
/// The agent's user, where it has a container of its own: it cannot read or signal what is the runner's.
const AGENT_USER: i64 = 10_002;
/// The group that both have in common, and in which the workspace is.
const GROUP: i64 = 10_001;

/// Which containers a pod has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodShape {
    /// The agent is a child of the runner: where containers are processes of one user, two would part nothing.
    OneContainer {
        /// Whether the runner confines it.
        sandbox: Sandbox,
    },
    /// The runner in the platform's image, the agent in that of its runner type.
    TwoContainers {
        /// The platform's image: it has `ambient` on its path, and runs `ambient runner`.
        runner_image: String,
    },
}

/// What a Job is made from, beside the effective session.
pub(super) struct JobInputs<'a> {
    /// What the run acts on.
    pub session: &'a EffectiveSession,
    /// `<session>-r<run>`: name of the ConfigMap and of the volume.
    pub run_name: &'a str,
    /// `<session>-r<run>-a<attempt>`.
    pub job_name: &'a str,
    /// The attempt's number.
    pub attempt: u32,
    /// The session object as owner.
    pub owner: OwnerReference,
    /// What the agent gets of the machine.
    pub resources: ResourceRequirements,
    /// Whether repositories may be paths of this machine.
    pub local_repositories: bool,
    /// Which containers the pod has.
    pub shape: &'a PodShape,
    /// The broker's address, if the run is lent anything.
    pub broker: Option<&'a str>,
}

impl JobInputs<'_> {
    /// The Secret of the agent's keys.
    fn secret(&self) -> &str {
        self.session.runner_secret.as_deref().unwrap_or(RUNNER_SECRET)
    }

    /// The keys that the agent has in its environment: those that nobody lends it.
    fn keys(&self) -> impl Iterator<Item = &str> {
        let lends = self.broker.is_some();
        let keys = self.session.agent.key_names.iter().map(String::as_str);
        keys.filter(move |key| !lends || service_of(key).is_none())
    }

    /// Whether it has any.
    fn has_keys(&self) -> bool {
        self.keys().next().is_some()
    }

    /// Whether the shim has to be brought to the agent: its image is not the platform's. An init container costs a start
    /// more than a second, because a kubelet looks once a second whether it has ended.
    fn brings_shim(&self) -> bool {
        match self.shape {
            PodShape::OneContainer { .. } => false,
            PodShape::TwoContainers { runner_image } => *runner_image != self.session.agent.image,
        }
    }
}

/// Labels that find a run's children.
#[must_use]
pub(super) fn child_labels(session: &EffectiveSession, attempt: Option<u32>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([
        (labels::SESSION.to_owned(), session.key.session().to_owned()),
        (labels::SESSION_UID.to_owned(), session.session_uid.clone()),
        (labels::RUN.to_owned(), session.key.run().to_string()),
        (labels::APP.to_owned(), labels::RUNNER_APP.to_owned()),
    ]);
    found.extend(attempt.map(|attempt| (labels::ATTEMPT.to_owned(), attempt.to_string())));
    found
}

/// The Job of an attempt.
#[must_use]
pub(super) fn job(inputs: &JobInputs<'_>) -> Job {
    let labels = child_labels(inputs.session, Some(inputs.attempt));
    Job {
        metadata: ObjectMeta {
            name: Some(inputs.job_name.to_owned()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![inputs.owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                spec: Some(pod(inputs)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// The volume that a run's attempts share: workspace and event log.
#[must_use]
pub(super) fn claim(
    session: &EffectiveSession,
    name: &str,
    owner: OwnerReference,
    storage: Option<String>,
) -> PersistentVolumeClaim {
    let storage = Quantity(storage.unwrap_or_else(|| DEFAULT_STORAGE.to_owned()));
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(child_labels(session, None)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

fn pod(inputs: &JobInputs<'_>) -> PodSpec {
    let (inits, containers) = match inputs.shape {
        PodShape::OneContainer { .. } => (None, vec![containers::with_agent(inputs)]),
        PodShape::TwoContainers { runner_image } => (
            inputs.brings_shim().then(|| vec![containers::shim_installer(inputs, runner_image)]),
            vec![containers::runner(inputs, runner_image), containers::agent(inputs)],
        ),
    };
    PodSpec {
        automount_service_account_token: Some(false),
        init_containers: inits,
        containers,
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(RUNNER_USER),
            run_as_group: Some(GROUP),
            fs_group: Some(GROUP),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        volumes: Some(volumes::of(inputs)),
        ..PodSpec::default()
    }
}
