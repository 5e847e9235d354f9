//! Events of pods, in a kubelet's words: pure from one report to the next, and a queue that nobody waits for.

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Resource, runtime::events::Reporter};

use crate::{
    event_queue::{EventQueue, Note},
    shim::{PodReport, ProcessState},
};

/// Something to be told of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodEvent {
    /// The container that it concerns.
    container: Option<String>,
    note: Note,
}

impl PodEvent {
    /// Something usual.
    pub(crate) fn normal(container: Option<&str>, reason: &'static str, text: impl Into<String>) -> Self {
        Self { container: container.map(ToOwned::to_owned), note: Note::normal(reason, text) }
    }

    /// Something that needs attention.
    pub(crate) fn warning(container: Option<&str>, reason: &'static str, text: impl Into<String>) -> Self {
        Self { container: container.map(ToOwned::to_owned), note: Note::warning(reason, text) }
    }
}

/// What has happened between two reports.
pub(crate) fn between(before: Option<&PodReport>, after: &PodReport) -> Vec<PodEvent> {
    let mut events = Vec::new();
    for (name, now) in &after.containers {
        let then = before.and_then(|report| report.containers.get(name));
        if then == Some(now) {
            continue;
        }
        let is_new = then.is_none_or(|then| then.restarts != now.restarts);
        match &now.state {
            ProcessState::Ended(end) if end.never_ran => {
                let why = end.message.as_deref().unwrap_or_default();
                events.push(PodEvent::warning(Some(name), "Failed", format!("Error: {why}")));
            }
            _ if is_new => {
                if now.restarts > 0 {
                    let note = format!("Back-off restarting failed container {name}");
                    events.push(PodEvent::warning(Some(name), "BackOff", note));
                }
                events.push(PodEvent::normal(Some(name), "Created", format!("Created container: {name}")));
                events.push(PodEvent::normal(Some(name), "Started", format!("Started container {name}")));
            }
            _ => {}
        }
    }
    let cause = after.cause.as_ref().filter(|_| before.is_none_or(|report| report.cause.is_none()));
    events.extend(cause.map(|cause| {
        let reason = if cause.reason == "DeadlineExceeded" { "DeadlineExceeded" } else { "Killing" };
        PodEvent::normal(None, reason, cause.message.clone())
    }));
    events
}

/// Takes the events of pods; another task writes them.
#[derive(Clone)]
pub(crate) struct Events {
    queue: EventQueue,
}

impl Events {
    /// A queue, and what writes its events.
    pub(crate) fn new(client: Client, node: &str) -> (Self, impl Future<Output = ()> + use<>) {
        let reporter = Reporter { controller: "kubelet".to_owned(), instance: Some(node.to_owned()) };
        let (queue, write) = EventQueue::new(client, reporter);
        (Self { queue }, write)
    }

    /// Tells of a pod.
    pub(crate) fn tell(&self, pod: &Pod, events: impl IntoIterator<Item = PodEvent>) {
        for event in events {
            let mut about = pod.object_ref(&());
            let list = if is_init(pod, event.container.as_deref()) { "initContainers" } else { "containers" };
            about.field_path = event.container.map(|name| format!("spec.{list}{{{name}}}"));
            self.queue.tell(about, event.note);
        }
    }
}

fn is_init(pod: &Pod, container: Option<&str>) -> bool {
    let mut inits = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    inits.any(|init| Some(init.name.as_str()) == container)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::shim::{ContainerReport, EndCause, Termination};

    #[test]
    fn each_transition_is_told_once() {
        let time = Timestamp::UNIX_EPOCH;
        let end = |never_ran| Termination {
            exit_code: 1,
            signal: None,
            never_ran,
            message: Some("why".to_owned()),
            started_at: time,
            finished_at: time,
        };
        let report = |state, restarts| {
            let mut report = PodReport::new(time);
            report.containers.insert("c".to_owned(), ContainerReport { state, restarts, last: None });
            report
        };
        let running = |restarts| report(ProcessState::Running { pid: 1, started_at: time }, restarts);
        let words = |before: Option<&PodReport>, after: &PodReport| -> Vec<&str> {
            between(before, after).iter().map(|event| event.note.reason).collect()
        };
        let ended = report(ProcessState::Ended(end(false)), 0);
        assert_eq!(words(None, &running(0)), ["Created", "Started"]);
        assert_eq!(words(Some(&running(0)), &running(0)), [""; 0]);
        assert_eq!(words(Some(&running(0)), &ended), [""; 0]);
        assert_eq!(words(None, &ended), ["Created", "Started"], "one that ended before anybody looked");
        assert_eq!(words(Some(&ended), &running(1)), ["BackOff", "Created", "Started"]);
        assert_eq!(words(None, &report(ProcessState::Ended(end(true)), 0)), ["Failed"]);
        let cause = EndCause { reason: "DeadlineExceeded".to_owned(), message: "late".to_owned() };
        let late = PodReport { cause: Some(cause), ..running(0) };
        assert_eq!(words(Some(&running(0)), &late), ["DeadlineExceeded"]);
        assert_eq!(words(Some(&late), &late), [""; 0]);
    }
}
