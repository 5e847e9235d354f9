use std::collections::BTreeSet;

use ambient_protocol::registry::DEFAULT_RUNNER_TYPE;
use ambient_protocol::sandbox::Sandbox;
use k8s_openapi::api::core::v1::Container;
use serde_json::{Value, json};

use super::*;

const PLATFORM: &str = "platform:1";

fn session(runner_type: &str) -> EffectiveSession {
    let registry = ambient_protocol::AgentRegistry::built_in();
    serde_json::from_value(json!({
        "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
        "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": runner_type, "prompt": "hi", "interactive": false,
        "agent": registry.get(runner_type).unwrap(), "model": {},
        "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60},
        "results": {"url": "/r", "branch": "results"},
    }))
    .unwrap()
}

fn pod_of(runner_type: &str, shape: &PodShape) -> PodSpec {
    pod_with(runner_type, shape, None)
}

fn pod_with(runner_type: &str, shape: &PodShape, broker: Option<&str>) -> PodSpec {
    let limits = BTreeMap::from([("memory".to_owned(), Quantity("3Gi".to_owned()))]);
    let resources = ResourceRequirements { limits: Some(limits), ..ResourceRequirements::default() };
    let session = session(runner_type);
    let owner = OwnerReference::default();
    let (run_name, job_name) = ("s-r1", "s-r1-a1");
    let inputs = JobInputs {
        session: &session,
        run_name,
        job_name,
        attempt: 1,
        owner,
        resources,
        local_repositories: false,
        shape,
        broker,
    };
    job(&inputs).spec.unwrap().template.spec.unwrap()
}

fn two() -> PodShape {
    PodShape::TwoContainers { runner_image: PLATFORM.to_owned() }
}

fn mounted(container: &Container) -> Vec<(String, Option<String>)> {
    let mounts = container.volume_mounts.iter().flatten();
    mounts.map(|mount| (mount.mount_path.clone(), mount.sub_path.clone())).collect()
}

fn variables(container: &Container) -> Vec<String> {
    container.env.iter().flatten().map(|variable| variable.name.clone()).collect()
}

#[test]
fn runner_and_agent_are_apart() {
    let pod = pod_of(DEFAULT_RUNNER_TYPE, &two());
    let [runner, agent] = pod.containers.as_slice() else { panic!("two containers") };
    assert_eq!((runner.name.as_str(), agent.name.as_str()), (RUNNER_CONTAINER, AGENT_CONTAINER));
    assert_eq!(runner.image.as_deref(), Some(PLATFORM));
    assert_eq!(agent.image.as_deref(), Some("ambient-runner"), "that of its runner type");
    let user = |one: &Container| one.security_context.as_ref().and_then(|context| context.run_as_user);
    assert_eq!((user(runner), user(agent)), (None, Some(10_002)));
    let of_pod = pod.security_context.as_ref().unwrap();
    assert_eq!(
        (of_pod.run_as_user, of_pod.run_as_group, of_pod.fs_group),
        (Some(10_001), Some(10_001), Some(10_001))
    );

    let seen = |path: &str, folder: Option<&str>| (path.to_owned(), folder.map(str::to_owned));
    let expected = [
        seen("/workspace", Some("workspace")),
        seen("/ambient/home", Some("home")),
        seen("/tmp", None),
        seen("/ambient/socket", None),
        seen("/ambient/shim", None),
    ];
    assert_eq!(mounted(agent), expected, "neither state nor session nor redaction");
    assert_eq!(variables(agent), ["HOME", "AMBIENT_AGENT_SOCKET", "ANTHROPIC_API_KEY"]);
    assert!(!variables(runner).contains(&"ANTHROPIC_API_KEY".to_owned()), "it has keys as files");
    assert!(mounted(runner).contains(&seen("/ambient/redaction", None)));
    assert!(mounted(runner).contains(&seen("/ambient/state", Some("state"))));
    assert!(runner.readiness_probe.is_some() && agent.readiness_probe.is_none());
    let memory = |one: &Container| one.resources.clone().unwrap().limits.unwrap()["memory"].0.clone();
    assert_eq!((memory(runner), memory(agent)), ("1Gi".to_owned(), "3Gi".to_owned()));
}

#[test]
fn an_init_container_brings_the_shim() {
    let pod = pod_of("replay", &two());
    let [init] = pod.init_containers.as_deref().unwrap() else { panic!("one init container") };
    let shim = pod.containers[1].command.clone().unwrap()[0].clone();
    assert_eq!(init.command.as_deref().unwrap(), ["ambient", "agent-shim", "--install", &shim]);
    assert_eq!(init.image.as_deref(), Some(PLATFORM));
    let path = pod.containers[0].env.iter().flatten().find(|one| one.name == "AMBIENT_AGENT_EXECUTABLE");
    assert_eq!(path.unwrap().value.as_deref(), Some(shim.as_str()));
}

#[test]
fn an_image_that_has_the_shim_needs_no_init_container() {
    let image = session("replay").agent.image;
    let pod = pod_of("replay", &PodShape::TwoContainers { runner_image: image });
    assert!(pod.init_containers.is_none());
    let [runner, agent] = pod.containers.as_slice() else { panic!("two containers") };
    assert_eq!(agent.command.as_deref().unwrap(), ["ambient", "agent-shim"]);
    let program = runner.env.iter().flatten().find(|one| one.name == "AMBIENT_AGENT_EXECUTABLE");
    assert_eq!(program.unwrap().value.as_deref(), Some("ambient"));
    let pod = serde_json::to_value(&pod).unwrap();
    assert!(!pod.to_string().contains("/ambient/shim"), "{pod}");
    for container in pod["containers"].as_array().unwrap() {
        every_mount_has_its_volume(&pod, container);
    }
}

#[test]
fn an_agent_without_keys_has_no_secret_mounted() {
    let pod = serde_json::to_string(&pod_of("replay", &two())).unwrap();
    assert!(!pod.contains("redaction") && !pod.contains("REDACTION"), "{pod}");
}

/// Pod Security Standards, `restricted`, and what rule 28 asks for beside that.
#[test]
fn every_container_is_restricted() {
    for shape in [PodShape::OneContainer { sandbox: Sandbox::Off }, two()] {
        for runner_type in [DEFAULT_RUNNER_TYPE, "replay"] {
            let pod = serde_json::to_value(pod_of(runner_type, &shape)).unwrap();
            assert_eq!(pod["automountServiceAccountToken"], false);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            let of = |name: &str| pod[name].as_array().cloned().unwrap_or_default();
            for container in of("containers").into_iter().chain(of("initContainers")) {
                let expected = json!({
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": true,
                });
                let mut context = container["securityContext"].clone();
                context.as_object_mut().unwrap().retain(|name, _| name != "runAsUser");
                assert_eq!(context, expected, "{}", container["name"]);
                every_mount_has_its_volume(&pod, &container);
            }
        }
    }
}

fn every_mount_has_its_volume(pod: &Value, container: &Value) {
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let (volumes, mounts) = (names(&pod["volumes"]), names(&container["volumeMounts"]));
    assert!(mounts.is_subset(&volumes), "{mounts:?} of {volumes:?}");
}

#[test]
fn one_container_has_all_that_both_need() {
    let pod = pod_of(DEFAULT_RUNNER_TYPE, &PodShape::OneContainer { sandbox: Sandbox::Off });
    let [both] = pod.containers.as_slice() else { panic!("one container") };
    assert!(pod.init_containers.is_none());
    assert_eq!((both.name.as_str(), both.image.as_deref()), (RUNNER_CONTAINER, Some("ambient-runner")));
    assert!(variables(both).contains(&"ANTHROPIC_API_KEY".to_owned()));
    assert!(!variables(both).contains(&"AMBIENT_AGENT_SOCKET".to_owned()));
}

#[test]
fn where_keys_are_lent_the_token_is_the_runners_alone() {
    let address = "http://10.0.0.1:8092";
    for shape in [PodShape::OneContainer { sandbox: Sandbox::Off }, two()] {
        let pod = pod_with(DEFAULT_RUNNER_TYPE, &shape, Some(address));
        let text = serde_json::to_value(&pod).unwrap();
        assert!(!text.to_string().contains("ANTHROPIC_API_KEY"), "{text}");
        assert!(!text.to_string().contains("ambient-runner-secrets"), "{text}");
        let runner = &pod.containers[0];
        assert!(variables(runner).contains(&"AMBIENT_BROKER_URL".to_owned()));
        assert!(mounted(runner).contains(&("/ambient/broker".to_owned(), None)));
        for agent in pod.containers.iter().skip(1).chain(pod.init_containers.iter().flatten()) {
            let agent = serde_json::to_string(agent).unwrap();
            assert!(!agent.contains("broker") && !agent.contains(address), "{agent}");
        }
        for container in text["containers"].as_array().unwrap() {
            every_mount_has_its_volume(&text, container);
        }
    }
}
