//! From a pod to what its shim runs: pure.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt;

use super::{
    command::{command_line, find_image},
    config::ImageTable,
    downward::SelfKnowledge,
    environment::{Environment, EnvironmentInputs},
    folders::Folders,
    hindrance::{Hindrance, HindranceKind},
    mounts::Mounts,
    sources::Sources,
    volumes::{VolumeInputs, VolumePlan, stays_within},
};
use crate::shim::{ContainerRecord, PodFiles, PodRecord, RestartPolicy};

/// Seconds between asking to end and ending by force where neither pod nor deletion says (Kubernetes' default).
const USUAL_GRACE_SECONDS: u64 = 30;
/// Where containers leave their last words if they do not say (Kubernetes' default).
const USUAL_MESSAGE_PATH: &str = "/dev/termination-log";

/// What a pod is prepared from, beside the pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrepareInputs<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) address: &'a str,
    pub(crate) sources: &'a Sources,
    pub(crate) files: &'a PodFiles,
    pub(crate) folders: &'a Folders,
    /// The node's name.
    pub(crate) node: &'a str,
    pub(crate) images: &'a ImageTable,
    /// Variables of the node that containers get.
    pub(crate) inherited: &'a Environment,
    pub(crate) shim_arguments: &'a [String],
}

/// What is to be made before a shim is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preparation {
    /// What the shim runs.
    pub(crate) record: PodRecord,
    /// The volumes.
    pub(crate) volumes: Vec<VolumePlan>,
    /// Parts of volumes that are mounted; folders are made of those that are not there.
    pub(crate) sub_paths: Vec<PathBuf>,
}

/// Works out what a pod's shim runs, or why that cannot be known yet.
pub(crate) fn prepare(inputs: &PrepareInputs<'_>) -> Result<Preparation, Hindrance> {
    let empty = PodSpec::default();
    let spec = inputs.pod.spec.as_ref().unwrap_or(&empty);
    let knowledge = SelfKnowledge { pod: inputs.pod, address: inputs.address, node: inputs.node };
    let (sources, files, folders) = (inputs.sources, inputs.files, inputs.folders);
    let volumes = VolumeInputs { knowledge, sources, files, folders }.plan(spec)?;
    let mut sub_paths = Vec::new();
    let mut records = |containers: &[Container]| {
        let prepared = containers.iter().map(|container| {
            let mounts = mounts(container, &volumes, &mut sub_paths)?;
            record(inputs, knowledge, container, &mounts)
        });
        prepared.collect::<Result<Vec<ContainerRecord>, Hindrance>>()
    };
    let init = records(spec.init_containers.as_deref().unwrap_or_default())?;
    let containers = records(&spec.containers)?;
    let record = PodRecord {
        uid: inputs.pod.uid().unwrap_or_default(),
        restart_policy: restart_policy(spec),
        init,
        containers,
        deadline_seconds: spec.active_deadline_seconds.and_then(|seconds| u64::try_from(seconds).ok()),
        grace_seconds: grace_seconds(inputs.pod),
        shim_arguments: inputs.shim_arguments.to_vec(),
    };
    Ok(Preparation { record, volumes: volumes.into_values().collect(), sub_paths })
}

/// Seconds between asking a pod to end and ending it by force: what its deletion says, else its specification.
pub(crate) fn grace_seconds(pod: &Pod) -> u64 {
    let asked = pod.metadata.deletion_grace_period_seconds;
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    asked.or(own).and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(USUAL_GRACE_SECONDS)
}

/// What of a specification this node does not do, in words.
pub(crate) fn not_done(spec: &PodSpec) -> Vec<String> {
    let mut found = Vec::new();
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        let mut note = |is_set: bool, what: &str| {
            if is_set {
                found.push(format!("{what} of container {} is not run by this node", container.name));
            }
        };
        note(container.liveness_probe.is_some(), "livenessProbe");
        note(container.startup_probe.is_some(), "startupProbe");
        note(container.lifecycle.is_some(), "lifecycle");
    }
    found
}

fn restart_policy(spec: &PodSpec) -> RestartPolicy {
    match spec.restart_policy.as_deref() {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    }
}

fn mounts(
    container: &Container,
    volumes: &BTreeMap<String, VolumePlan>,
    sub_paths: &mut Vec<PathBuf>,
) -> Result<Mounts, Hindrance> {
    let hindered =
        |message: String| Hindrance::of_container(&container.name, HindranceKind::Configuration, message);
    let mut mounts = Mounts::default();
    for mount in container.volume_mounts.iter().flatten() {
        let volume = volumes
            .get(&mount.name)
            .ok_or_else(|| hindered(format!("volume \"{}\" is mounted but not defined", mount.name)))?;
        if mount.sub_path_expr.as_ref().is_some_and(|expression| !expression.is_empty()) {
            return Err(hindered("subPathExpr is not supported by this node".to_owned()));
        }
        match mount.sub_path.as_deref().filter(|sub_path| !sub_path.is_empty()) {
            Some(sub_path) if !stays_within(sub_path) => {
                return Err(hindered(format!("subPath \"{sub_path}\" must stay within its volume")));
            }
            Some(sub_path) => {
                let part = volume.folder.join(sub_path);
                sub_paths.push(part.clone());
                mounts.insert(&mount.mount_path, part);
            }
            None => mounts.insert(&mount.mount_path, volume.folder.clone()),
        }
    }
    Ok(mounts)
}

fn record(
    inputs: &PrepareInputs<'_>,
    knowledge: SelfKnowledge<'_>,
    container: &Container,
    mounts: &Mounts,
) -> Result<ContainerRecord, Hindrance> {
    let image = find_image(inputs.images, container)?;
    let mut mounts = mounts.clone();
    let message_path = container.termination_message_path.as_deref().unwrap_or(USUAL_MESSAGE_PATH);
    mounts.insert(message_path, inputs.files.message(&container.name));
    let given = EnvironmentInputs { knowledge, sources: inputs.sources, mounts: &mounts }.of(container)?;
    let (program, arguments) = command_line(container, image, &given, &mounts);
    let mut environment = inputs.inherited.clone();
    environment.insert("HOSTNAME".to_owned(), host_name(inputs.pod));
    if let Some(folder) = mounts.target("/tmp") {
        environment.insert("TMPDIR".to_owned(), folder.display().to_string());
    }
    environment.extend(image.environment.iter().cloned());
    environment.extend(given);
    let directory = container.working_dir.as_deref().filter(|path| !path.is_empty());
    Ok(ContainerRecord {
        name: container.name.clone(),
        program,
        arguments,
        environment,
        directory: directory
            .map_or_else(|| inputs.files.root(), |path| Path::new(&mounts.rewrite(path)).into()),
        sidecar: container.restart_policy.as_deref() == Some("Always"),
        message_from_log: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
        readiness_command: readiness_command(container, &mounts),
    })
}

fn readiness_command(container: &Container, mounts: &Mounts) -> Option<Vec<String>> {
    let command = container.readiness_probe.as_ref()?.exec.as_ref()?.command.as_ref()?;
    Some(command.iter().map(|word| mounts.rewrite(word)).collect())
}

fn host_name(pod: &Pod) -> String {
    let asked = pod.spec.as_ref().and_then(|spec| spec.hostname.clone());
    asked.unwrap_or_else(|| pod.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::node::config::ImageCommand;

    fn prepared(spec: &Value) -> Result<Preparation, Hindrance> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u" }, "spec": spec,
        }))
        .unwrap();
        let image = ImageCommand {
            program: "/bin/run".into(),
            arguments: vec!["go".into()],
            environment: vec![
                ("IMAGE".to_owned(), "yes".to_owned()),
                ("PATH".to_owned(), "/image".to_owned()),
            ],
        };
        let claims = [("c".to_owned(), "claim-uid".to_owned())].into();
        prepare(&PrepareInputs {
            pod: &pod,
            address: "127.1.2.3",
            sources: &Sources { claims, ..Sources::default() },
            files: &PodFiles::new("/d/pods/u"),
            folders: &Folders::new("/d".as_ref()),
            node: "local",
            images: &ImageTable::from([("i".to_owned(), image)]),
            inherited: &Environment::from([("PATH".to_owned(), "/bin".to_owned())]),
            shim_arguments: &["shim".to_owned()],
        })
    }

    fn pod() -> Value {
        json!({
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 60,
            "terminationGracePeriodSeconds": 5,
            "volumes": [
                { "name": "run", "persistentVolumeClaim": { "claimName": "c" } },
                { "name": "temporary", "emptyDir": {} },
            ],
            "initContainers": [{ "name": "side", "image": "i", "restartPolicy": "Always" }],
            "containers": [{
                "name": "main", "image": "i", "args": ["--state", "/state/log"], "workingDir": "/workspace",
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "readinessProbe": { "exec": { "command": ["test", "-d", "/state"] } },
                "env": [
                    { "name": "STATE", "value": "/state" },
                    { "name": "LAST_WORDS", "value": "/dev/termination-log" },
                ],
                "volumeMounts": [
                    { "name": "run", "mountPath": "/state", "subPath": "state" },
                    { "name": "run", "mountPath": "/workspace", "subPath": "workspace" },
                    { "name": "temporary", "mountPath": "/tmp" },
                ],
            }],
        })
    }

    #[test]
    fn a_pod_becomes_a_record() {
        let preparation = prepared(&pod()).unwrap();
        let parts: Vec<_> = preparation.sub_paths.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(parts, ["/d/volumes/pvc-claim-uid/state", "/d/volumes/pvc-claim-uid/workspace"]);
        insta::assert_json_snapshot!(preparation.record, @r#"
        {
          "uid": "u",
          "restartPolicy": "Never",
          "init": [
            {
              "name": "side",
              "program": "/bin/run",
              "arguments": [
                "go"
              ],
              "environment": {
                "HOSTNAME": "p",
                "IMAGE": "yes",
                "PATH": "/image"
              },
              "directory": "/d/pods/u/root",
              "sidecar": true,
              "messageFromLog": false,
              "readinessCommand": null
            }
          ],
          "containers": [
            {
              "name": "main",
              "program": "/bin/run",
              "arguments": [
                "--state",
                "/d/volumes/pvc-claim-uid/state/log"
              ],
              "environment": {
                "HOSTNAME": "p",
                "IMAGE": "yes",
                "LAST_WORDS": "/d/pods/u/messages/main",
                "PATH": "/image",
                "STATE": "/d/volumes/pvc-claim-uid/state",
                "TMPDIR": "/d/pods/u/volumes/temporary"
              },
              "directory": "/d/volumes/pvc-claim-uid/workspace",
              "sidecar": false,
              "messageFromLog": true,
              "readinessCommand": [
                "test",
                "-d",
                "/d/volumes/pvc-claim-uid/state"
              ]
            }
          ],
          "deadlineSeconds": 60,
          "graceSeconds": 5,
          "shimArguments": [
            "shim"
          ]
        }
        "#);
    }

    #[test]
    fn hindrances_name_their_container() {
        let hindrance = |container: Value| prepared(&json!({ "containers": [container] })).unwrap_err();
        let image = hindrance(json!({ "name": "a", "image": "x" }));
        assert_eq!((image.container.as_deref(), image.kind), (Some("a"), HindranceKind::Image));
        let mount = hindrance(
            json!({ "name": "a", "image": "i", "volumeMounts": [{ "name": "v", "mountPath": "/v" }] }),
        );
        assert_eq!((mount.container.as_deref(), mount.kind), (Some("a"), HindranceKind::Configuration));
    }

    #[test]
    fn what_is_not_done_is_said() {
        let spec: PodSpec = serde_json::from_value(json!({ "containers": [
            { "name": "a", "livenessProbe": {}, "lifecycle": {}, "readinessProbe": {} },
        ] }))
        .unwrap();
        assert_eq!(
            not_done(&spec),
            [
                "livenessProbe of container a is not run by this node",
                "lifecycle of container a is not run by this node",
            ]
        );
    }
}
