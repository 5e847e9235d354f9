//! The processes of a pod: all that descend from its shim, however they tried to get away.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
};

use nix::{
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// The variable in every container's environment that names pod and container. It tells whose an orphan is, and finds
/// the processes of a pod whose shim is gone.
pub(crate) const MARKER: &str = "LOCAL_CLUSTER_CONTAINER";

/// A longer chain of parents is a table that changed while it was read.
const DEEPEST: usize = 4096;

/// How often the table is read again for what was started meanwhile.
const MOST_SWEEPS: usize = 20;

/// A process that descends from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descendant {
    pub(super) pid: i32,
    /// The child of this process that it descends from, or is.
    pub(super) branch: i32,
}

/// Makes this process the parent of orphaned descendants.
pub(super) fn adopt_orphans() -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Asks the process group of a container to end.
pub(super) fn ask_to_end(pid: i32) {
    // A group that has ended meanwhile needs no signal.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGTERM);
}

/// Ends a process by force.
pub(super) fn end_by_force(pid: i32) {
    // One that has ended meanwhile needs no signal.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Ends the process group of a container by force.
pub(super) fn end_group_by_force(pid: i32) {
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Collects ended orphans; `managed` are children that somebody else waits for.
pub(super) fn reap_orphans(managed: &[i32]) {
    for (pid, process) in table() {
        if process.parent == own_pid() && process.has_ended && !managed.contains(&pid) {
            // It has ended, so this does not wait; if it cannot be collected there is nothing to collect.
            let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// Every living descendant.
pub(super) fn descendants() -> Vec<Descendant> {
    let table = table();
    let living = table.iter().filter(|(_, process)| !process.has_ended);
    living
        .filter_map(|(pid, _)| Some(Descendant { pid: *pid, branch: branch_of(&table, *pid, own_pid())? }))
        .collect()
}

/// The container that a process says it belongs to. Processes may hide that.
pub(super) fn marker_of(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{MARKER}=");
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
    String::from_utf8(value.to_vec()).ok()
}

/// Ends by force whatever says that it belongs to a pod, and all that descends from that: for pods whose shim is gone.
pub(crate) fn end_marked(uid: &str) {
    let prefix = format!("{uid}/");
    // What was started while the table was read is in the next one.
    for _ in 0..MOST_SWEEPS {
        let table = table();
        let is_marked = |pid: i32| marker_of(pid).is_some_and(|marker| marker.starts_with(&prefix));
        let living = table.iter().filter(|(_, process)| !process.has_ended).map(|(pid, _)| *pid);
        let marked: BTreeSet<i32> = living.clone().filter(|pid| is_marked(*pid)).collect();
        let found: Vec<i32> = living.filter(|pid| descends_from(&table, *pid, &marked)).collect();
        if found.is_empty() {
            return;
        }
        found.into_iter().for_each(end_by_force);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    has_ended: bool,
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// The process table, as far as it can be read.
fn table() -> HashMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&String::from_utf8_lossy(&stat))?))
    })
    .collect()
}

/// `pid (name) state parent ...`; the name may hold anything, so the last parenthesis counts.
fn parse_stat(stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    Some(Process { parent: fields.next()?.parse().ok()?, has_ended: matches!(state, "Z" | "X") })
}

/// Whether a process is one of these, or descends from one.
fn descends_from(table: &HashMap<i32, Process>, pid: i32, ancestors: &BTreeSet<i32>) -> bool {
    let parent = |pid: &i32| table.get(pid).map(|process| process.parent);
    std::iter::successors(Some(pid), parent).take(DEEPEST).any(|pid| ancestors.contains(&pid))
}

fn branch_of(table: &HashMap<i32, Process>, pid: i32, root: i32) -> Option<i32> {
    let mut pid = pid;
    for _ in 0..DEEPEST {
        let parent = table.get(&pid)?.parent;
        if parent == root {
            return Some(pid);
        }
        pid = parent;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        assert_eq!(parse_stat("12 (a) Z (b) S 7 1 1"), Some(Process { parent: 7, has_ended: false }));
        assert_eq!(parse_stat("12 (a) Z 7 1"), Some(Process { parent: 7, has_ended: true }));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn branches_lead_to_children_of_the_root() {
        let process = |parent| Process { parent, has_ended: false };
        let table: HashMap<i32, Process> = [(1, 0), (5, 1), (6, 5), (7, 6), (8, 1), (9, 10), (10, 9)]
            .map(|(pid, parent)| (pid, process(parent)))
            .into();
        for (pid, branch) in [(6, Some(6)), (7, Some(6)), (8, None), (5, None), (9, None)] {
            assert_eq!(branch_of(&table, pid, 5), branch, "{pid}");
        }
    }
}
