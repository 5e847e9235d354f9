//! The process that holds one pod, so that pods outlive the process that started them.
//!
//! A shim has a session of its own and no pipe to its parent; it starts the pod's containers as its children, is the
//! parent of every orphan among their descendants, and holds a lock on a file in the pod's folder as long as it lives.
//! All it is told and all it tells are files in that folder: it knows nothing of Kubernetes or of whoever started it.
//!
//! What it cannot do where there is no `/proc` (anything but Linux): find descendants that left their container's
//! process group.

mod bell;
mod container;
mod exec;
mod files;
mod holder;
mod lifecycle;
mod log;
mod processes;
mod record;
mod report;
mod termination;

use std::{io::Write, path::Path, process::ExitCode};

pub(crate) use self::{
    bell::ring,
    files::{PodFiles, is_held, read_json, write_private},
    processes::end_marked,
    record::{ContainerRecord, PodRecord, RestartPolicy, StopRecord},
    report::{ContainerReport, EndCause, PodReport, ProcessState, Termination, restart_delay},
};

/// The body of the `shim` command: `run FOLDER` holds the pod in that folder until it has ended; `exec DIRECTORY
/// PROGRAM ARGUMENT...` becomes a container's process. A node and a shim call it, people do not.
#[must_use]
pub fn shim_main(arguments: Vec<String>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some("run"), Some(folder)) => holder::hold(Path::new(&folder)).map_err(|error| error.to_string()),
        (Some("exec"), Some(directory)) => exec::become_container(&directory, arguments),
        _ => Err("usage: shim run FOLDER | shim exec DIRECTORY PROGRAM ARGUMENT...".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the pod's shim.log. Where it cannot be written nobody can be told.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
