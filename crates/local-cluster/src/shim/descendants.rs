//! The processes of a pod: all that descend from its shim, however they tried to get away.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// Makes this process the parent of orphaned descendants.
pub(super) fn adopt_orphans() -> Result<(), Errno> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Sends a signal to every descendant and says how many there were.
pub(super) fn signal_all(signal: Signal) -> usize {
    let found = living();
    for pid in &found {
        // One that has ended meanwhile needs no signal.
        let _ = kill(*pid, signal);
    }
    found.len()
}

/// Collects ended orphans; `managed` are children that somebody else waits for.
pub(super) fn reap_orphans(managed: &[i32]) {
    for (pid, entry) in processes() {
        if entry.parent == own_pid() && entry.ended && !managed.contains(&pid) {
            let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// Every living descendant.
pub(super) fn living() -> Vec<Pid> {
    let all = processes();
    let descends = |mut pid: i32| {
        // The bound keeps a table that changes while it is read from being walked for ever.
        for _ in 0..4096 {
            match all.get(&pid) {
                Some(entry) if entry.parent == own_pid() => return true,
                Some(entry) if entry.parent > 1 => pid = entry.parent,
                _ => return false,
            }
        }
        false
    };
    let living = all.iter().filter(|(_, entry)| !entry.ended).map(|(pid, _)| *pid);
    living.filter(|pid| descends(*pid)).map(Pid::from_raw).collect()
}

struct Process {
    parent: i32,
    ended: bool,
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// The process table, as far as it can be read.
fn processes() -> HashMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&stat)?))
    })
    .collect()
}

/// `pid (name) state parent …`; the name may hold anything, so the last parenthesis counts.
fn parse_stat(stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    Some(Process { parent: fields.next()?.parse().ok()?, ended: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let process = parse_stat("12 (a) Z (b) S 7 1 1").unwrap();
        assert_eq!((process.parent, process.ended), (7, false));
        assert!(parse_stat("12 (a) Z 7 1").unwrap().ended);
        assert!(parse_stat("nonsense").is_none());
    }
}
