//! What comes next in a pod: pure, from what it is to run and what has become of it so far.

use jiff::Timestamp;

use super::{
    record::{ContainerRecord, PodRecord, RestartPolicy},
    report::{PodReport, restart_delay},
};

/// What comes next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next<'a> {
    /// Containers to start now, for the first time or again.
    pub(super) start: Vec<&'a ContainerRecord>,
    /// Whether all init containers are done.
    pub(super) initialized: bool,
    /// When a container is to be started again.
    pub(super) wake_at: Option<Timestamp>,
    /// Whether nothing is left to wait for: what still runs are sidecars.
    pub(super) over: bool,
}

/// How one container stands.
enum Standing {
    Running,
    Succeeded,
    Failed,
    StartNow,
    StartAt(Timestamp),
}

/// Decides what comes next in a pod that nobody has asked to end.
pub(super) fn next<'a>(record: &'a PodRecord, report: &PodReport, now: Timestamp) -> Next<'a> {
    let mut next = Next::default();
    for container in &record.init {
        match standing(record, report, container, now) {
            Standing::Succeeded => {}
            Standing::Running if container.sidecar => {}
            Standing::Running => return next,
            Standing::Failed => return Next { over: true, ..next },
            Standing::StartNow => {
                next.start.push(container);
                if !container.sidecar {
                    return next;
                }
            }
            Standing::StartAt(time) => {
                next.wake(time);
                // A sidecar holds others up only until it has run once.
                if !container.sidecar {
                    return next;
                }
            }
        }
    }
    next.initialized = true;
    next.over = true;
    for container in &record.containers {
        match standing(record, report, container, now) {
            Standing::Succeeded | Standing::Failed => {}
            Standing::Running => next.over = false,
            Standing::StartNow => {
                next.over = false;
                next.start.push(container);
            }
            Standing::StartAt(time) => {
                next.over = false;
                next.wake(time);
            }
        }
    }
    next
}

impl Next<'_> {
    fn wake(&mut self, time: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(time, |known| known.min(time)));
    }
}

fn standing(record: &PodRecord, report: &PodReport, container: &ContainerRecord, now: Timestamp) -> Standing {
    let Some(known) = report.containers.get(&container.name) else { return Standing::StartNow };
    let Some(ended) = known.ended() else { return Standing::Running };
    let succeeded = ended.exit_code == 0;
    let again = match record.policy_of(container) {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => !succeeded,
        RestartPolicy::Never => false,
    };
    let at = ended.finished_at + restart_delay(known.restarts, ended);
    match (again, succeeded) {
        (true, _) if at <= now => Standing::StartNow,
        (true, _) => Standing::StartAt(at),
        (false, true) => Standing::Succeeded,
        (false, false) => Standing::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shim::report::{ContainerReport, ProcessState, Termination};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn container(name: &str) -> ContainerRecord {
        ContainerRecord {
            name: name.trim_end_matches('*').to_owned(),
            program: "p".to_owned(),
            arguments: Vec::new(),
            environment: std::collections::BTreeMap::new(),
            directory: "/".into(),
            sidecar: name.ends_with('*'),
            message_from_log: false,
            readiness_command: None,
        }
    }

    /// A pod by its init containers (a star marks sidecars) and containers.
    fn pod(policy: RestartPolicy, init: &[&str], containers: &[&str]) -> PodRecord {
        PodRecord {
            uid: "u".to_owned(),
            restart_policy: policy,
            init: init.iter().map(|name| container(name)).collect(),
            containers: containers.iter().map(|name| container(name)).collect(),
            deadline_seconds: None,
            grace_seconds: 30,
            shim_arguments: Vec::new(),
        }
    }

    /// A state by its letter: `r` runs, a number is an exit code at second 0 after so many restarts (`1x3`).
    fn report(states: &[(&str, &str)]) -> PodReport {
        let mut report = PodReport::new(at(0));
        for (name, state) in states {
            let (code, restarts) = state.split_once('x').unwrap_or((state, "0"));
            let state = match code.parse() {
                Err(_) => ProcessState::Running { pid: 1, started_at: at(0) },
                Ok(exit_code) => ProcessState::Ended(Termination {
                    exit_code,
                    signal: None,
                    never_ran: false,
                    message: None,
                    started_at: at(0),
                    finished_at: at(0),
                }),
            };
            let known = ContainerReport { state, restarts: restarts.parse().unwrap(), last: None };
            report.containers.insert((*name).to_owned(), known);
        }
        report
    }

    /// What comes next in words: containers to start, `ready` once initialized, when to wake, `over`.
    fn words(next: &Next<'_>) -> String {
        let starts = next.start.iter().map(|container| format!("start {}", container.name));
        let flags = next.initialized.then(|| "ready".to_owned()).into_iter();
        let wakes = next.wake_at.map(|at| format!("wake {}", at.as_second()));
        let over = next.over.then(|| "over".to_owned());
        starts.chain(flags).chain(wakes).chain(over).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_comes_next() {
        use RestartPolicy::{Always, Never, OnFailure};
        type Case<'a> = (&'a str, RestartPolicy, &'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case<'_>] = &[
            ("inits one by one", Never, &["i", "j"], &[], "start i"),
            ("an init runs", Never, &["i", "j"], &[("i", "r")], ""),
            ("the second init", Never, &["i", "j"], &[("i", "0")], "start j"),
            ("an init failed", Never, &["i", "j"], &[("i", "3")], "over"),
            ("inits done", Never, &["i"], &[("i", "0")], "start a, start b, ready"),
            ("an init is tried again", Always, &["i"], &[("i", "1x1")], "wake 10"),
            ("a sidecar does not hold up", Never, &["s*", "i"], &[], "start s, start i"),
            ("sidecars keep no pod", Never, &["s*"], &[("s", "r"), ("a", "0"), ("b", "1")], "ready, over"),
            ("sidecars come back", Never, &["s*"], &[("s", "1"), ("a", "r"), ("b", "r")], "start s, ready"),
            ("all at once", Never, &[], &[], "start a, start b, ready"),
            ("one of two ended", Never, &[], &[("a", "0"), ("b", "r")], "ready"),
            ("both ended", Never, &[], &[("a", "0"), ("b", "2")], "ready, over"),
            ("first restart at once", OnFailure, &[], &[("a", "1"), ("b", "0")], "start a, ready"),
            ("success is an end", OnFailure, &[], &[("a", "0"), ("b", "0")], "ready, over"),
            ("success is no end", Always, &[], &[("a", "0"), ("b", "r")], "start a, ready"),
            ("later restarts wait", Always, &[], &[("a", "1x1"), ("b", "r")], "ready, wake 10"),
            ("and ever longer", Always, &[], &[("a", "1x3"), ("b", "1x2")], "ready, wake 20"),
            ("up to a bound", Always, &[], &[("a", "1x60"), ("b", "r")], "ready, wake 300"),
        ];
        for (name, policy, init, states, expected) in cases {
            let record = pod(*policy, init, &["a", "b"]);
            assert_eq!(words(&next(&record, &report(states), at(0))), *expected, "{name}");
        }
    }
}
