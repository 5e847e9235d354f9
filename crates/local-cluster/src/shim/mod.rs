//! The process that holds one pod (the embedded node's containerd-shim).
//!
//! It lives in a session of its own, so that whoever started it may die; it is the reaper of every descendant of the
//! pod's containers; it holds a lock on a file in the pod's folder for as long as it lives. All it is told and all it
//! tells are files in that folder.

mod container;
mod descendants;
mod exec;
mod log;
mod pod;
pub(crate) mod record;
pub(crate) mod report;

use std::path::PathBuf;
use std::process::ExitCode;

/// The body of the `shim` command: `run FOLDER` holds the pod in that folder; `exec DIRECTORY PROGRAM ARGUMENT…` becomes
/// a container's process.
pub fn shim_main(arguments: Vec<String>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some("run"), Some(folder)) => pod::hold(&PathBuf::from(folder)),
        (Some("exec"), Some(directory)) => exec::become_container(&directory, arguments),
        _ => Err("usage: shim run FOLDER | shim exec DIRECTORY PROGRAM ARGUMENT…".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the folder's shim.log.
            tracing::error!(error, "the shim has failed");
            ExitCode::FAILURE
        }
    }
}
