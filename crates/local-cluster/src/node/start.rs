//! Starting a shim.

use std::{fs::File, io, process::Stdio, time::Duration};

use tokio::process::Command;

use super::{config::ShimCommand, folder_watch::FolderWatch};
use crate::shim::PodFiles;

/// How long a shim has for its first report. It comes within milliseconds; this bounds a machine that is stuck.
const FIRST_REPORT_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a shim's last words that are told.
const LONGEST_LAST_WORDS: usize = 1024;

/// Starts the shim of a pod, and returns when it holds the folder and has made its first report.
pub(crate) async fn start_shim(shim: &ShimCommand, files: &PodFiles, watch: &FolderWatch) -> io::Result<()> {
    let mut changes = watch.file(&files.report()).map_err(io::Error::other)?;
    let log = File::options().create(true).append(true).open(files.shim_log())?;
    let mut command = Command::new(&shim.program);
    command.args(&shim.arguments).arg("run").arg(files.folder()).current_dir(files.folder());
    // It inherits nothing that it could pass on: containers get what their records say.
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut child = command
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", shim.program.display())))?;
    let reported = async {
        while !files.report().exists() {
            tokio::select! {
                () = changes.changed() => {}
                status = child.wait() => return Err(ended_early(files, &status?.to_string())),
            }
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(FIRST_REPORT_LIMIT, reported).await;
    // If this process lives that long, it collects the shim.
    tokio::spawn(async move { child.wait().await });
    outcome.unwrap_or_else(|_| Err(io::Error::other("the shim has not begun in time")))
}

fn ended_early(files: &PodFiles, status: &str) -> io::Error {
    // A shim that was faster than the notice of its report has reported.
    let said = std::fs::read_to_string(files.shim_log()).unwrap_or_default();
    let tail: String = said.trim().chars().rev().take(LONGEST_LAST_WORDS).collect();
    let tail: String = tail.chars().rev().collect();
    io::Error::other(format!("the shim ended with {status}: {tail}"))
}
