use serde_json::{Value, json};

use super::*;
use crate::{
    node::hindrance::HindranceKind,
    shim::{ContainerReport, ProcessState, Termination},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn running() -> ProcessState {
    ProcessState::Running { pid: 7, started_at: at(1) }
}

fn ended(exit_code: i32) -> ProcessState {
    let never_ran = exit_code == 128;
    let message = never_ran.then(|| "not found".to_owned());
    let (started_at, finished_at) = (at(1), at(2));
    ProcessState::Ended(Termination { exit_code, signal: None, never_ran, message, started_at, finished_at })
}

fn report(states: &[(&str, ProcessState)]) -> PodReport {
    let mut report = PodReport::new(at(0));
    for (name, state) in states {
        let known = ContainerReport { state: state.clone(), restarts: 0, last: None };
        report.containers.insert((*name).to_owned(), known);
    }
    report.initialized = true;
    report
}

struct Case {
    spec: Value,
    report: Option<PodReport>,
    hindrance: Option<Hindrance>,
    ready: bool,
    is_lost: bool,
}

impl Case {
    fn new(report: Option<PodReport>) -> Self {
        let spec = json!({ "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] });
        Self { spec, report, hindrance: None, ready: false, is_lost: false }
    }

    fn status(&self) -> PodStatus {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u", "generation": 1 }, "spec": self.spec,
        }))
        .unwrap();
        let readiness = self.ready.then(|| ("c".to_owned(), true)).into_iter().collect();
        status(&Facts {
            pod: &pod,
            address: Some("127.1.2.3"),
            report: self.report.as_ref(),
            hindrance: self.hindrance.as_ref(),
            readiness: &readiness,
            is_lost: self.is_lost,
            now: at(9),
        })
    }

    /// Phase, reason of the pod, whether it is ready, and the word for the state of `c`.
    fn words(&self) -> (String, String, bool, String) {
        let status = self.status();
        let conditions = status.conditions.unwrap();
        let ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
        let state = status.container_statuses.unwrap().remove(0).state.unwrap();
        let word = match (state.running, state.waiting, state.terminated) {
            (Some(_), None, None) => "running".to_owned(),
            (None, Some(waiting), None) => waiting.reason.unwrap(),
            (None, None, Some(end)) => format!("{} {}", end.reason.unwrap(), end.exit_code),
            other => panic!("{other:?}"),
        };
        (status.phase.unwrap(), status.reason.unwrap_or_default(), ready, word)
    }

    fn check(&self, phase: &str, reason: &str, ready: bool, word: &str) {
        assert_eq!(self.words(), (phase.to_owned(), reason.to_owned(), ready, word.to_owned()));
    }
}

fn done(exit_code: i32) -> PodReport {
    PodReport { done: true, ..report(&[("c", ended(exit_code))]) }
}

#[test]
fn a_pod_that_runs_and_ends() {
    Case::new(None).check("Pending", "", false, "ContainerCreating");
    Case::new(Some(report(&[("c", running())]))).check("Running", "", true, "running");
    Case::new(Some(report(&[("c", ended(3))]))).check("Running", "", false, "Error 3");
    Case::new(Some(done(0))).check("Succeeded", "", false, "Completed 0");
    Case::new(Some(done(3))).check("Failed", "", false, "Error 3");
    Case::new(Some(done(128))).check("Failed", "", false, "StartError 128");
    let cause = EndCause { reason: "DeadlineExceeded".to_owned(), message: "m".to_owned() };
    let late = PodReport { cause: Some(cause), ..done(0) };
    Case::new(Some(late)).check("Failed", "DeadlineExceeded", false, "Completed 0");
    let lost = Case { is_lost: true, ..Case::new(Some(report(&[("c", running())]))) };
    lost.check("Failed", "NodeLost", false, "ContainerStatusUnknown 137");
}

#[test]
fn readiness_is_what_probes_say() {
    let mut case = Case::new(Some(report(&[("c", running())])));
    case.spec["containers"][0]["readinessProbe"] = json!({ "tcpSocket": { "port": 1 } });
    case.check("Running", "", false, "running");
    case.ready = true;
    case.check("Running", "", true, "running");
}

#[test]
fn hindrances_are_what_containers_wait_for() {
    let hindered = |kind, container: Option<&str>| {
        let container = container.map(ToOwned::to_owned);
        Case { hindrance: Some(Hindrance { container, kind, message: "why".to_owned() }), ..Case::new(None) }
    };
    hindered(HindranceKind::Configuration, Some("c")).check(
        "Pending",
        "",
        false,
        "CreateContainerConfigError",
    );
    hindered(HindranceKind::Image, Some("c")).check("Pending", "", false, "ImagePullBackOff");
    hindered(HindranceKind::Image, Some("other")).check("Pending", "", false, "ContainerCreating");
    hindered(HindranceKind::Volume, None).check("Pending", "", false, "ContainerCreating");
    hindered(HindranceKind::Machine, None).check("Pending", "", false, "CreateContainerError");
    let unplaced = hindered(HindranceKind::Scheduling, None).status();
    let conditions = unplaced.conditions.unwrap();
    assert_eq!(conditions.len(), 1);
    assert_eq!(conditions[0].reason.as_deref(), Some("Unschedulable"));
    assert_eq!((unplaced.pod_ip, unplaced.start_time), (None, None));
}

#[test]
fn restarts_wait_in_a_loop() {
    let mut waiting = report(&[("c", ended(1))]);
    waiting.containers.get_mut("c").unwrap().restarts = 2;
    let mut case = Case::new(Some(waiting));
    case.spec["restartPolicy"] = "OnFailure".into();
    case.check("Running", "", false, "CrashLoopBackOff");
    let status = case.status().container_statuses.unwrap().remove(0);
    assert_eq!(status.restart_count, 2);
    assert_eq!(status.last_state.unwrap().terminated.unwrap().exit_code, 1);
    let message = status.state.unwrap().waiting.unwrap().message.unwrap();
    assert_eq!(message, "back-off 20s restarting failed container=c pod=p_n(u)");
    let mut unrunnable = Case::new(Some(report(&[("c", ended(128))])));
    unrunnable.spec["restartPolicy"] = "Always".into();
    unrunnable.check("Running", "", false, "RunContainerError");
}

#[test]
fn init_containers_come_first() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{ "name": "i", "image": "i" }, { "name": "s", "image": "i", "restartPolicy": "Always" }],
        "containers": [{ "name": "c", "image": "i" }],
    });
    let begun = PodReport { initialized: false, ..report(&[("i", running())]) };
    let case = Case { spec: spec.clone(), ..Case::new(Some(begun)) };
    case.check("Pending", "", false, "PodInitializing");
    let conditions = case.status().conditions.unwrap();
    let initialized = conditions.iter().find(|one| one.type_ == "Initialized").unwrap();
    assert_eq!(initialized.message.as_deref(), Some("containers with incomplete status: [i s]"));
    let failed = PodReport { initialized: false, done: true, ..report(&[("i", ended(1))]) };
    Case { spec: spec.clone(), ..Case::new(Some(failed)) }.check("Failed", "", false, "PodInitializing");
    let all = report(&[("i", ended(0)), ("s", running()), ("c", running())]);
    Case { spec: spec.clone(), ..Case::new(Some(all)) }.check("Running", "", true, "running");
    let crashed = report(&[("i", ended(0)), ("s", ended(0)), ("c", running())]);
    Case { spec, ..Case::new(Some(crashed)) }.check("Running", "", false, "running");
}

#[test]
fn times_of_transition_stay_while_nothing_changes() {
    let case = Case::new(Some(report(&[("c", running())])));
    let first = case.status();
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "p", "namespace": "n", "uid": "u", "generation": 1 },
        "spec": case.spec, "status": first,
    }))
    .unwrap();
    let facts = Facts {
        pod: &pod,
        address: Some("127.1.2.3"),
        report: case.report.as_ref(),
        hindrance: None,
        readiness: &Readiness::new(),
        is_lost: false,
        now: at(99),
    };
    assert_eq!(status(&facts), pod.status.clone().unwrap());
}
