//! A bound of memory that the system keeps, as for a container.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where control groups are (cgroups(7)).
const GROUPS: &str = "/sys/fs/cgroup";

/// A control group; it is removed when dropped, after the processes in it.
pub(crate) struct ControlGroup(PathBuf);

impl ControlGroup {
    /// A group whose processes may use so much memory, and no swap.
    pub(crate) fn of_mebibytes(mebibytes: u64) -> Self {
        let v1 = Path::new(GROUPS).join("memory");
        let (parent, limit) =
            if v1.is_dir() { (v1, "memory.limit_in_bytes") } else { (GROUPS.into(), "memory.max") };
        let folder = parent.join(format!("ambient-it-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let group = Self(folder);
        fs::write(group.0.join(limit), (mebibytes << 20).to_string()).unwrap();
        // Where the system counts swap at all.
        let _ = fs::write(group.0.join("memory.swap.max"), "0");
        group
    }

    /// A program that begins within it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        let enter = "echo 0 > \"$0\" && exec \"$@\"";
        shell.args(["-c", enter]).arg(self.0.join("cgroup.procs")).arg(program);
        shell
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // One that a process has not left yet stays, and bounds nothing else.
        let _ = fs::remove_dir(&self.0);
    }
}
