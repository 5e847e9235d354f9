//! One instance of a container, from start to exit.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
    task::JoinSet,
};

use super::{
    files::PodFiles,
    log::{ContainerLog, now},
    processes::MARKER,
    record::{ContainerRecord, PodRecord},
    report::{ProcessState, Termination},
};

/// Bytes of an explanation why a program does not run.
const LONGEST_FAILURE: u64 = 4096;
/// How long the log of an ended container is waited for: a process elsewhere may hold its streams open.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// Exit code of a container whose program was never run, as container runtimes have it.
const NEVER_RAN: i32 = 128;

/// An instance that runs.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) pid: i32,
    started_at: Timestamp,
    child: Child,
    logs: JoinSet<io::Result<()>>,
}

/// An instance whose process has exited.
pub(super) struct Exited {
    pub(super) name: String,
    pub(super) pid: i32,
    started_at: Timestamp,
    status: Option<ExitStatus>,
    logs: JoinSet<io::Result<()>>,
}

/// What belongs to a container in its environment.
pub(super) fn marker(record: &PodRecord, container: &str) -> String {
    format!("{}/{container}", record.uid)
}

impl Instance {
    /// Starts an instance. When this returns its program runs.
    ///
    /// # Errors
    /// Why it does not run, in a container runtime's words.
    pub(super) async fn start(
        files: &PodFiles,
        record: &PodRecord,
        container: &ContainerRecord,
        number: u32,
    ) -> Result<Self, String> {
        let (mut instance, pipe) =
            Self::spawn(files, record, container, number).map_err(|error| error.to_string())?;
        let failure = read_failure(pipe).await.map_err(|error| error.to_string())?;
        if failure.is_empty() {
            instance.started_at = now();
            return Ok(instance);
        }
        // The process only had to say why, and ends.
        let _ = instance.child.wait().await;
        Err(failure)
    }

    fn spawn(
        files: &PodFiles,
        record: &PodRecord,
        container: &ContainerRecord,
        number: u32,
    ) -> io::Result<(Self, OwnedFd)> {
        forget_message(files, &container.name)?;
        let log = ContainerLog::open(&files.log(&container.name, number))?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(own_executable()?);
        command.args(&record.shim_arguments).arg("exec").arg(&container.directory).arg(&container.program);
        command.args(&container.arguments).env_clear().envs(&container.environment);
        command.env(MARKER, marker(record, &container.name));
        command.stdin(writer).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut logs = JoinSet::new();
        if let Some(stream) = child.stdout.take() {
            logs.spawn(log.clone().copy(stream, "stdout"));
        }
        if let Some(stream) = child.stderr.take() {
            logs.spawn(log.copy(stream, "stderr"));
        }
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("the process has no id"))?;
        Ok((Self { name: container.name.clone(), pid, started_at: now(), child, logs }, reader.into()))
    }

    /// What is told of it while it runs.
    pub(super) fn state(&self) -> ProcessState {
        ProcessState::Running { pid: self.pid, started_at: self.started_at }
    }

    /// Waits for its process to exit. What descends from it may still run.
    pub(super) async fn exit(mut self) -> Exited {
        let status = self.child.wait().await.ok();
        Exited { name: self.name, pid: self.pid, started_at: self.started_at, status, logs: self.logs }
    }
}

impl Exited {
    /// Waits for its log to be whole, and tells its end.
    pub(super) async fn settle(mut self) -> Termination {
        let finished_at = now();
        let drained = async { while self.logs.join_next().await.is_some() {} };
        // What is written after that is of a process that got away, and not of this container any more.
        let _ = tokio::time::timeout(DRAIN_LIMIT, drained).await;
        let signal = self.status.and_then(|status| status.signal());
        let exit_code = match (self.status.and_then(|status| status.code()), signal) {
            (Some(code), _) => code,
            (None, Some(signal)) => 128 + signal,
            (None, None) => 255,
        };
        let started_at = self.started_at;
        Termination { exit_code, signal, never_ran: false, message: None, started_at, finished_at }
    }
}

/// The end of an instance that never ran.
pub(super) fn never_ran(why: String) -> Termination {
    let now = now();
    Termination {
        exit_code: NEVER_RAN,
        signal: None,
        never_ran: true,
        message: Some(why),
        started_at: now,
        finished_at: now,
    }
}

/// This program's file. The link works for a child even if the file has been replaced meanwhile.
fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn forget_message(files: &PodFiles, container: &str) -> io::Result<()> {
    let path = files.message(container);
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads why a program does not run: nothing if it does.
async fn read_failure(pipe: OwnedFd) -> io::Result<String> {
    let mut failure = String::new();
    pipe::Receiver::from_owned_fd(pipe)?.take(LONGEST_FAILURE).read_to_string(&mut failure).await?;
    Ok(failure)
}
