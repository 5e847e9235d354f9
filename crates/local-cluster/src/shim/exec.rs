//! Becoming a container's process: a session of its own, then the program.
//!
//! It does not die with its shim: its descendants, which may have forgotten whose they are, are found through it.
//!
//! Standard input is a pipe to the shim until then. It closes when the program runs, which tells the shim so; what is
//! written into it before is why the program does not run.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Command, Stdio},
};

/// Replaces this process by the program. Returns only if that fails; the shim has been told why.
pub(super) fn become_container(
    directory: &str,
    mut command: impl Iterator<Item = String>,
) -> Result<(), String> {
    let program = command.next().ok_or("no program was named")?;
    // The copy is closed by the kernel when the program takes over; standard input is replaced for it.
    let pipe = io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let failure = match nix::unistd::setsid() {
        Ok(_) if !std::path::Path::new(directory).is_dir() => {
            format!("chdir to cwd ({directory:?}) failed: no such directory")
        }
        Ok(_) => {
            let mut exec = Command::new(&program);
            let error = exec.args(command).current_dir(directory).stdin(Stdio::null()).exec();
            describe(&program, &error)
        }
        Err(error) => format!("cannot make a session: {error}"),
    };
    // If the shim is gone nobody is left to be told.
    let _ = File::from(pipe).write_all(failure.as_bytes());
    Err(failure)
}

/// Why a program does not run, in the words of container runtimes.
fn describe(program: &str, error: &io::Error) -> String {
    let is_path = program.contains('/');
    match error.kind() {
        ErrorKind::NotFound if !is_path => {
            format!("exec: {program:?}: executable file not found in $PATH")
        }
        ErrorKind::NotFound => format!("exec: {program:?}: stat {program}: no such file or directory"),
        ErrorKind::PermissionDenied => format!("exec: {program:?}: permission denied"),
        _ => format!("exec: {program:?}: {error}"),
    }
}
