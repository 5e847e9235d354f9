//! Where an agent's process lives, and how its three streams reach the runner.
//!
//! It is a child of the runner, or, in a pod with two containers, a process behind a socket of the other one; whoever
//! drives an agent sees this trait only.

mod child;
#[cfg(target_os = "linux")]
mod descendants;
#[cfg(not(target_os = "linux"))]
#[path = "descendants_portable.rs"]
mod descendants;
mod files;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use child::{ChildProcess, process};
pub(crate) use files::AgentFile;
pub(crate) use socket::SocketCarrier;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// An agent's program, and all it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentCommand {
    /// The program: a path, or a name looked up in `PATH` of `environment`.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Its whole environment; nothing is inherited.
    pub(crate) environment: BTreeMap<String, OsString>,
    /// Its working directory.
    pub(crate) directory: PathBuf,
    /// What it reads from its standard input, which is then closed.
    pub(crate) input: Vec<u8>,
    /// Files that must be there before it starts, such as settings that it takes from its home only.
    pub(crate) files: Vec<AgentFile>,
}

/// The agent's standard streams.
pub(crate) struct Streams {
    /// What it reads.
    pub(crate) stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it says.
    pub(crate) stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it complains of.
    pub(crate) stderr: Box<dyn AsyncRead + Send + Unpin>,
}

/// Starts agents.
#[async_trait]
pub(crate) trait Carrier: Send + Sync {
    /// Starts a process marked with `mark`. Cancelled, it leaves none.
    ///
    /// # Errors
    /// Names the program and why it cannot be started.
    async fn start(
        &self,
        command: &AgentCommand,
        mark: &str,
    ) -> Result<(Streams, Box<dyn AgentProcess>), StartError>;

    /// Kills whatever an earlier runner started under this mark and left behind.
    async fn sweep(&self, mark: &str);

    /// Tells whatever stands between that this runner needs it no more.
    async fn farewell(&self);
}

/// A started agent.
#[async_trait]
pub(crate) trait AgentProcess: Send {
    /// Waits for its end. Safe to cancel and to repeat.
    async fn wait(&mut self) -> AgentExit;

    /// Clears away processes that it started, forgot, and that have ended. To be called now and then.
    fn reap(&mut self);

    /// Ends it and every process it has started, also those that left its group or session: asks first, and kills
    /// what is left after `grace`.
    async fn stop(&mut self, grace: Duration);
}

/// How an agent's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentExit {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// The system killed it for memory.
    OutOfMemory,
    /// What carried it is gone: its container has ended, or broken off.
    Lost,
    /// It is not known, because waiting for it failed.
    Unknown,
}

impl std::fmt::Display for AgentExit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(9) => formatter.write_str("signal 9 (killed; out of memory, perhaps)"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
            Self::OutOfMemory => formatter.write_str("signal 9 (killed: the memory it may use was used up)"),
            Self::Lost => formatter.write_str("its container"),
            Self::Unknown => formatter.write_str("an unknown exit code"),
        }
    }
}

/// An agent cannot be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot start the agent's program \"{program}\" in {directory}: {cause}{}", hint(.program, .cause)
)]
pub(crate) struct StartError {
    /// The program.
    pub(crate) program: String,
    /// Where it was to work.
    pub(crate) directory: String,
    /// Why.
    #[source]
    pub(crate) cause: std::io::Error,
}

/// The way out where a program is not there.
fn hint(program: &str, cause: &std::io::Error) -> String {
    if cause.kind() != std::io::ErrorKind::NotFound {
        return String::new();
    }
    let way = match Path::new(program).file_name().and_then(OsStr::to_str) {
        Some("claude") => "`ambient up --claude-bin PATH` names it",
        Some("gemini") => "`ambient up --gemini-bin PATH` names it",
        _ => "with runner type acp the session's variable ACP_COMMAND names another command",
    };
    format!(
        "; is it installed and on the path? ({way}; in a cluster an image that has it is named by ConfigMap ambient-agents)"
    )
}
