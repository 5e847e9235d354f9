//! The agent's container: a process of the shim's.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ControlGroup;

/// A running shim; it is killed when dropped.
pub(crate) struct Shim(Child);

impl Shim {
    pub(super) fn start(
        program: &str,
        socket: &Path,
        search_path: &str,
        group: Option<&ControlGroup>,
    ) -> Self {
        let mut command = group.map_or_else(|| Command::new(program), |group| group.command(program));
        let child = command
            .arg("agent-shim")
            .env_clear()
            .env("AMBIENT_AGENT_SOCKET", socket)
            .env("PATH", search_path)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    /// Its exit code, when it has ended by itself; none where a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        // One that has ended is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
