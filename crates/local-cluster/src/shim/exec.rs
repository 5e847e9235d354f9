//! Becoming a container's process: a session of its own, gone with the shim, then the program.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::signal::Signal;

/// Replaces this process by the program. Returns only if that fails.
pub(super) fn become_container(
    directory: &str,
    mut command: impl Iterator<Item = String>,
) -> Result<(), String> {
    let program = command.next().ok_or("no program was named")?;
    nix::unistd::setsid().map_err(|error| format!("cannot make a session: {error}"))?;
    // A shim that is killed takes its containers along: nobody could account for them any more.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot follow the shim: {error}"))?;
    let error = Command::new(&program).args(command).current_dir(directory).exec();
    Err(format!("cannot run {program}: {error}"))
}
