//! What is to be done with a pod: pure, from its object and what its folder says.

use k8s_openapi::api::core::v1::Pod;

/// What the folder of a pod says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderState {
    /// A shim holds it.
    pub(crate) is_held: bool,
    /// A shim has begun to hold it, now or once.
    pub(crate) was_started: bool,
    /// Everything of the pod has ended and is reported.
    pub(crate) is_done: bool,
}

/// The way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Another node has it, or another scheduler gives it one.
    Ignore,
    /// It cannot be placed here; the word for the condition.
    Wait(&'static str),
    /// Prepare it and start its shim.
    Start,
    /// Its shim lives: follow it to its end.
    Follow,
    /// Its shim has ended and said how.
    ReportEnd,
    /// Its shim is gone without having said how.
    ReportLost,
    /// It has ended and the API knows.
    Rest,
    /// It is to go, and nothing of it runs.
    Remove,
}

/// Decides.
pub(crate) fn course(pod: &Pod, node: &str, folder: FolderState) -> Course {
    let spec = pod.spec.as_ref();
    let bound = spec.and_then(|spec| spec.node_name.as_deref()).filter(|name| !name.is_empty());
    if bound.is_some_and(|name| name != node) {
        return Course::Ignore;
    }
    if folder.is_held {
        return Course::Follow;
    }
    let has_ended = is_final(pod);
    if pod.metadata.deletion_timestamp.is_some() && (has_ended || !folder.was_started) {
        return Course::Remove;
    }
    match (has_ended, folder.is_done, folder.was_started) {
        (true, _, _) => Course::Rest,
        (false, true, _) => Course::ReportEnd,
        (false, false, true) => Course::ReportLost,
        // Its folder is gone: it is not run a second time.
        (false, false, false) if has_run(pod) => Course::ReportLost,
        (false, false, false) if bound.is_none() => placement(pod),
        (false, false, false) => Course::Start,
    }
}

/// Whether a pod's status says that it will not change any more.
pub(crate) fn is_final(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether the API knows of a container that runs or ran.
fn has_run(pod: &Pod) -> bool {
    let lists =
        pod.status.iter().flat_map(|status| [&status.init_container_statuses, &status.container_statuses]);
    lists.flatten().flatten().any(|container| container.container_id.is_some())
}

/// Whether a pod that no node has may be placed here: this is the only node, and has no labels to choose by but the
/// usual ones.
fn placement(pod: &Pod) -> Course {
    let Some(spec) = &pod.spec else { return Course::Ignore };
    if spec.scheduler_name.as_deref().is_some_and(|name| name != "default-scheduler") {
        return Course::Ignore;
    }
    if spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
        return Course::Wait("SchedulingGated");
    }
    Course::Start
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn courses() {
        let none = FolderState { is_held: false, was_started: false, is_done: false };
        let held = FolderState { is_held: true, was_started: true, ..none };
        let done = FolderState { was_started: true, is_done: true, ..none };
        let lost = FolderState { was_started: true, ..none };
        let bound = || json!({ "spec": { "containers": [], "nodeName": "here" } });
        let with = |mut pod: Value, pointer: &str, value: Value| {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            if pod.pointer(parent).is_none() {
                pod[&parent[1..]] = json!({});
            }
            pod.pointer_mut(parent).unwrap()[field] = value;
            pod
        };
        let ended = || with(bound(), "/status/phase", "Failed".into());
        let ran = || {
            let container = json!({
                "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "containerID": "process://1",
            });
            with(bound(), "/status/containerStatuses", json!([container]))
        };
        let going = |pod| with(pod, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z".into());
        let free = || json!({ "spec": { "containers": [] } });
        for (name, pod, folder, expected) in [
            ("new", free(), none, Course::Start),
            ("bound", bound(), none, Course::Start),
            ("of another node", with(bound(), "/spec/nodeName", "there".into()), none, Course::Ignore),
            ("of another scheduler", with(free(), "/spec/schedulerName", "x".into()), none, Course::Ignore),
            (
                "gated",
                with(free(), "/spec/schedulingGates", json!([{ "name": "x" }])),
                none,
                Course::Wait("SchedulingGated"),
            ),
            ("running", bound(), held, Course::Follow),
            ("running, to go", going(bound()), held, Course::Follow),
            ("running, though said to have ended", ended(), held, Course::Follow),
            ("ended while nobody looked", bound(), done, Course::ReportEnd),
            ("ended, to go", going(bound()), done, Course::ReportEnd),
            ("lost", bound(), lost, Course::ReportLost),
            ("ended and known", ended(), done, Course::Rest),
            ("its folder is gone", ran(), none, Course::ReportLost),
            ("lost and known", ended(), lost, Course::Rest),
            ("never started, to go", going(bound()), none, Course::Remove),
            ("ended and known, to go", going(ended()), done, Course::Remove),
        ] {
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(course(&pod, "here", folder), expected, "{name}");
        }
    }
}
