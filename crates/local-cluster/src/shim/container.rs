//! One container of a pod, from start to exit.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::log::{ContainerLog, now};
use super::record::{ContainerRecord, files};
use super::report::ContainerReport;

/// A container that runs.
pub(super) struct RunningContainer {
    pub(super) name: String,
    pub(super) pid: i32,
    started_at: jiff::Timestamp,
    child: Child,
    logs: JoinSet<std::io::Result<()>>,
}

impl RunningContainer {
    /// Starts a container's process.
    pub(super) async fn start(folder: &Path, record: &ContainerRecord) -> Result<Self, String> {
        match find_program(record) {
            Some(program) => Self::spawn(folder, record, &program).await.map_err(|error| error.to_string()),
            None => {
                Err(format!("exec: \"{}\": executable file not found in $PATH", record.program.display()))
            }
        }
    }

    async fn spawn(folder: &Path, record: &ContainerRecord, program: &Path) -> std::io::Result<Self> {
        let log = ContainerLog::open(&folder.join(files::LOGS).join(format!("{}.log", record.name))).await?;
        let mut command = Command::new(std::env::current_exe()?);
        // The same executable turns itself into the program once it has a session of its own.
        command.args(["shim", "exec"]).arg(&record.directory).arg(program).args(&record.arguments);
        command.env_clear().envs(&record.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut logs = JoinSet::new();
        if let Some(stream) = child.stdout.take() {
            logs.spawn(log.clone().copy(stream, "stdout"));
        }
        if let Some(stream) = child.stderr.take() {
            logs.spawn(log.copy(stream, "stderr"));
        }
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        Ok(Self { name: record.name.clone(), pid, started_at: now(), child, logs })
    }

    /// The report while it runs.
    pub(super) fn report(&self) -> ContainerReport {
        ContainerReport::Running { pid: self.pid, started_at: self.started_at }
    }

    /// Waits for its end. What it has written until then is in the log; a descendant that still writes is not waited for.
    pub(super) async fn wait(mut self) -> (String, ContainerReport) {
        let status = self.child.wait().await;
        let drained = async { while self.logs.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), drained).await;
        let (exit_code, signal) = exit(status.ok());
        let (started_at, finished_at) = (self.started_at, now());
        (self.name, ContainerReport::Ended { exit_code, signal, started_at, finished_at })
    }
}

/// The program's file: as it stands if it is a path, else the first of that name in the container's `PATH`.
fn find_program(record: &ContainerRecord) -> Option<PathBuf> {
    if record.program.components().count() > 1 {
        let program = record.directory.join(&record.program);
        return program.is_file().then_some(program);
    }
    let path = record.environment.get("PATH")?;
    std::env::split_paths(path).map(|folder| folder.join(&record.program)).find(|program| program.is_file())
}

fn exit(status: Option<ExitStatus>) -> (i32, Option<i32>) {
    let Some(status) = status else { return (255, None) };
    match status.signal() {
        Some(signal) => (128 + signal, Some(signal)),
        None => (status.code().unwrap_or(255), None),
    }
}
