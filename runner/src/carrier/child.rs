//! The carrier of one container and of local mode: the agent is a child process in a process group of its own.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ambient_protocol::environment::RUN_MARK;
use async_trait::async_trait;
use tokio::process::{Child, Command};

use super::descendants::{self, Members};
use super::{AgentCommand, AgentExit, AgentFile, AgentProcess, Carrier, StartError, Streams};

/// Starts agents as child processes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ChildProcess;

impl ChildProcess {
    /// Makes this whole process the one that orphans of agents come to, so that none is ever lost sight of. Everything
    /// else it starts must have ended whenever an agent works.
    pub(crate) fn adopt_orphans() {
        descendants::adopt_orphans();
    }
}

#[async_trait]
impl Carrier for ChildProcess {
    async fn start(
        &self,
        command: &AgentCommand,
        mark: &str,
    ) -> Result<(Streams, Box<dyn AgentProcess>), StartError> {
        let failed = |cause| StartError {
            program: command.program.display().to_string(),
            directory: command.directory.display().to_string(),
            cause,
        };
        command.files.iter().try_for_each(AgentFile::write).map_err(failed)?;
        let mut child = process(command, mark).spawn().map_err(failed)?;
        let streams = take_streams(&mut child)
            .ok_or_else(|| failed(std::io::Error::other("its standard streams are missing")))?;
        let members = Members::new(child.id(), mark);
        Ok((streams, Box::new(RunningChild { child, members })))
    }

    async fn sweep(&self, mark: &str) {
        descendants::kill_all(&Members::new(None, mark)).await;
    }

    async fn farewell(&self) {
        // Nothing stands between.
    }
}

/// The process of a command, in a group of its own and not started yet, whose streams are pipes.
pub(crate) fn process(command: &AgentCommand, mark: &str) -> Command {
    let mut process = Command::new(&command.program);
    process
        .args(&command.arguments)
        .env_clear()
        .envs(&command.environment)
        .env(RUN_MARK, mark)
        .current_dir(&command.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    process
}

fn take_streams(child: &mut Child) -> Option<Streams> {
    Some(Streams {
        stdin: Box::new(child.stdin.take()?),
        stdout: Box::new(child.stdout.take()?),
        stderr: Box::new(child.stderr.take()?),
    })
}

struct RunningChild {
    child: Child,
    members: Members,
}

#[async_trait]
impl AgentProcess for RunningChild {
    async fn wait(&mut self) -> AgentExit {
        match self.child.wait().await {
            Ok(status) => exit(status),
            Err(error) => {
                tracing::error!(%error, "cannot wait for the agent's process");
                AgentExit::Unknown
            }
        }
    }

    fn reap(&mut self) {
        descendants::reap_orphans(&self.members);
    }

    async fn stop(&mut self, grace: Duration) {
        if self.child.id().is_some() {
            descendants::ask_all(&self.members);
            // An agent that does not end in time is killed with all the rest.
            let _ = tokio::time::timeout(grace, self.child.wait()).await;
        }
        descendants::kill_all(&self.members).await;
    }
}

fn exit(status: ExitStatus) -> AgentExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => AgentExit::Code(code),
        (None, Some(signal)) => AgentExit::Signal(signal),
        (None, None) => AgentExit::Unknown,
    }
}
