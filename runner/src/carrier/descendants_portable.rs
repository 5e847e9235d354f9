//! Ends an agent's processes where there is no `/proc`: its process group is all that can be named there.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The agent's process group.
#[derive(Debug, Clone)]
pub(super) struct Members {
    root: Option<i32>,
}

impl Members {
    pub(super) fn new(root: Option<u32>, _mark: &str) -> Self {
        Self { root: root.and_then(|pid| i32::try_from(pid).ok()) }
    }

    fn signal(&self, signal: Signal) {
        if let Some(root) = self.root {
            // A group that has ended in the meantime is what was wanted.
            let _ = killpg(Pid::from_raw(root), signal);
        }
    }
}

/// Asks all of them to end.
pub(super) fn ask_all(members: &Members) {
    members.signal(Signal::SIGTERM);
}

/// Kills all of them.
pub(super) async fn kill_all(members: &Members) {
    members.signal(Signal::SIGKILL);
}

/// Orphans cannot be adopted there.
pub(super) fn adopt_orphans() {}

/// None have been adopted.
pub(super) fn reap_orphans(_members: &Members) {}
