//! Finds and ends every process of an agent, from `/proc`.
//!
//! A process belongs to an agent if it descends from the agent's own process, is in that process's group, or carries
//! the agent's mark in its environment. The first catches a child that cleaned its environment, the last one that left
//! group and session and whose parent has ended. One that did both comes to a runner that adopts orphans: all children
//! of such a runner are the agent's while an agent works, because everything else it starts has ended by then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ambient_protocol::environment::RUN_MARK;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// Rounds of finding and killing: a process that starts others while it is hunted is caught by a later round.
const ROUNDS: u32 = 200;
/// Pause between rounds, for the kernel to take the killed ones away.
const PAUSE: Duration = Duration::from_millis(5);

/// How an agent's processes are told from all others.
#[derive(Debug, Clone)]
pub(super) struct Members {
    root: Option<i32>,
    mark: Vec<u8>,
    /// This process, if orphans come to it.
    adopter: Option<i32>,
}

impl Members {
    pub(super) fn new(root: Option<u32>, mark: &str) -> Self {
        let root = root.and_then(|pid| i32::try_from(pid).ok());
        let adopts = prctl::get_child_subreaper().unwrap_or_default();
        let adopter = Some(Pid::this().as_raw()).filter(|own| adopts || *own == 1);
        Self { root, mark: format!("{RUN_MARK}={mark}").into_bytes(), adopter }
    }

    /// The agent's processes that are alive now; a process that has ended but was not yet waited for is not.
    fn find(&self) -> BTreeSet<i32> {
        let table = processes();
        let mut found: BTreeSet<i32> = table
            .iter()
            .filter(|(pid, process)| Some(**pid) == self.root || self.is_marked(**pid, process))
            .map(|(pid, _)| *pid)
            .collect();
        loop {
            let before = found.len();
            let children = table.iter().filter(|(_, process)| found.contains(&process.parent));
            found.extend(children.map(|(pid, _)| *pid).collect::<Vec<_>>());
            if found.len() == before {
                break;
            }
        }
        found.retain(|pid| table.get(pid).is_some_and(|process| !process.ended));
        found
    }

    fn is_marked(&self, pid: i32, process: &Process) -> bool {
        if self.root.is_some_and(|root| process.group == root) || self.adopter == Some(process.parent) {
            return true;
        }
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == self.mark)
    }
}

/// Makes this process the one that orphans of its descendants come to.
pub(super) fn adopt_orphans() {
    if let Err(error) = prctl::set_child_subreaper(true) {
        tracing::warn!(%error, "orphans of the agent will not be found without its mark");
    }
}

/// Takes note of the ends of adopted processes, which otherwise keep their place in the table of processes.
pub(super) fn reap_orphans(members: &Members) {
    let Some(adopter) = members.adopter else { return };
    let ended = processes()
        .into_iter()
        .filter(|(pid, process)| process.ended && process.parent == adopter && Some(*pid) != members.root);
    for (pid, _) in ended {
        // It has ended, so this does not wait.
        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// Asks all of them to end.
pub(super) fn ask_all(members: &Members) {
    signal_each(&members.find(), Signal::SIGTERM);
}

/// Kills all of them, until none is left.
pub(super) async fn kill_all(members: &Members) {
    for _ in 0..ROUNDS {
        let found = members.find();
        if found.is_empty() {
            reap_orphans(members);
            return;
        }
        // Stopped first, so that none can start another between being found and being killed.
        signal_each(&found, Signal::SIGSTOP);
        signal_each(&members.find(), Signal::SIGKILL);
        tokio::time::sleep(PAUSE).await;
    }
    tracing::error!(processes = members.find().len(), "some of the agent's processes cannot be killed");
}

fn signal_each(pids: &BTreeSet<i32>, signal: Signal) {
    let own = std::process::id();
    for pid in pids.iter().filter(|pid| u32::try_from(**pid).is_ok_and(|pid| pid != own)) {
        // One that has ended in the meantime is what was wanted.
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

#[derive(Debug)]
struct Process {
    parent: i32,
    group: i32,
    ended: bool,
}

fn processes() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&stat)?))
    })
    .collect()
}

/// Reads `/proc/<pid>/stat` (proc_pid_stat(5)); the name in parentheses may hold anything, so the last one counts.
fn parse_stat(stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Process { parent, group, ended: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let process = parse_stat("12 (a) b (c) S 7 9 9 0 -1").unwrap();
        assert_eq!((process.parent, process.group, process.ended), (7, 9, false));
        assert!(parse_stat("12 (x) Z 7 9").unwrap().ended);
        assert!(parse_stat("nonsense").is_none());
    }
}
