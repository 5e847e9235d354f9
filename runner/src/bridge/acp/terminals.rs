//! Terminals: commands that an agent has the runner start for it, confined as the agent is.
//!
//! They are offered only where the runner is the agent's own user anyway. In a pod the agent's container runs them: the
//! runner's holds the log and what must not be told, and starts nothing that an agent names.

mod output;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::sync::watch;

use self::output::Output;
use super::files::Files;
use super::rpc::RpcError;
use crate::bridge::TurnContext;
use crate::carrier::{AgentCommand, process};
use crate::sandbox::Confinement;

/// Most bytes of output that are kept of a terminal.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// Most terminals of a turn that an agent has not released.
const MOST_TERMINALS: usize = 32;
/// How many released ones are remembered, for the tool calls that show them.
const REMEMBERED: usize = 32;
/// Longest time for the last output when a command has ended: what it left running may hold the pipe.
const DRAIN: std::time::Duration = std::time::Duration::from_millis(500);

/// `terminal/create`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    command: String,
    args: Option<Vec<String>>,
    env: Option<Vec<Variable>>,
    cwd: Option<PathBuf>,
    output_byte_limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    value: String,
}

/// The other `terminal/…` requests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TerminalRequest {
    terminal_id: String,
}

/// The terminals of one turn. Dropped, it kills what they run.
#[derive(Debug)]
pub(super) struct Terminals {
    files: Files,
    environment: BTreeMap<String, OsString>,
    directory: PathBuf,
    mark: String,
    confinement: Option<Confinement>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    count: u64,
    /// By id, which tells their order.
    terminals: BTreeMap<u64, Terminal>,
}

#[derive(Debug, Clone)]
struct Terminal {
    group: Option<Pid>,
    output: Arc<Mutex<Output>>,
    end: watch::Receiver<Option<End>>,
    released: bool,
}

/// How a command ended; nothing of it is known where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    code: Option<i32>,
    signal: Option<i32>,
}

impl Terminals {
    /// Terminals that start where the agent does, with its environment, mark and bounds.
    pub(super) fn new(files: Files, context: &TurnContext<'_>) -> Self {
        Self {
            files,
            environment: context.base_environment(),
            directory: context.directory(),
            mark: context.mark.to_owned(),
            confinement: context.confinement.cloned(),
            table: Mutex::default(),
        }
    }

    /// Starts a command.
    pub(super) fn create(&self, request: &CreateRequest) -> Result<Value, RpcError> {
        let directory = match &request.cwd {
            Some(cwd) => self.files.folder(cwd)?,
            None => self.directory.clone(),
        };
        let mut table = self.table();
        if table.terminals.values().filter(|terminal| !terminal.released).count() >= MOST_TERMINALS {
            let message = format!("no more than {MOST_TERMINALS} terminals at once; release some");
            return Err(RpcError::internal(&message));
        }
        let limit = request.output_byte_limit.unwrap_or(OUTPUT_LIMIT).min(OUTPUT_LIMIT);
        let child = self.start(request, directory);
        let child = child.map_err(|error| RpcError::internal(&format!("{}: {error}", request.command)))?;
        table.count += 1;
        let id = table.count;
        table.terminals.insert(id, follow(child, limit));
        table.forget();
        Ok(json!({"terminalId": id.to_string()}))
    }

    /// What it has written so far, and how it ended if it has.
    pub(super) fn output(&self, request: &TerminalRequest) -> Result<Value, RpcError> {
        let terminal = self.get(request)?;
        let end = *terminal.end.borrow();
        let output = terminal.output();
        Ok(
            json!({"output": output.text(), "truncated": output.is_truncated(), "exitStatus": end.map(End::told)}),
        )
    }

    /// Waits for its end.
    pub(super) async fn wait(&self, request: &TerminalRequest) -> Result<Value, RpcError> {
        let mut end = self.get(request)?.end;
        let ended = end.wait_for(Option::is_some).await.map_err(|error| RpcError::internal(&error))?;
        Ok(ended.map(End::told).unwrap_or_default())
    }

    /// Kills what it runs.
    pub(super) fn kill(&self, request: &TerminalRequest) -> Result<Value, RpcError> {
        self.get(request)?.kill();
        Ok(json!({}))
    }

    /// Kills what it runs, and gives up its id.
    pub(super) fn release(&self, request: &TerminalRequest) -> Result<Value, RpcError> {
        self.get(request)?.kill();
        let mut table = self.table();
        if let Some(terminal) = number(request).and_then(|id| table.terminals.get_mut(&id)) {
            terminal.released = true;
        }
        table.forget();
        Ok(json!({}))
    }

    /// What a tool call shows of a terminal, also of one that was released.
    pub(super) fn shown(&self, id: &str) -> Option<String> {
        let table = self.table();
        let terminal = table.terminals.get(&id.parse().ok()?)?;
        Some(terminal.output().text())
    }

    /// Whether a command runs.
    pub(super) fn are_at_work(&self) -> bool {
        self.table().terminals.values().any(|terminal| terminal.end.borrow().is_none())
    }

    fn start(&self, request: &CreateRequest, directory: PathBuf) -> io::Result<Child> {
        let command = self.command(request, directory);
        let command = match &self.confinement {
            Some(confinement) => confinement.confine(command)?,
            None => command,
        };
        process(&command, &self.mark).stdin(Stdio::null()).spawn()
    }

    fn command(&self, request: &CreateRequest, directory: PathBuf) -> AgentCommand {
        // Agents of both habits are about: a program and its arguments, or a line for a shell.
        let arguments = request.args.as_deref().unwrap_or_default();
        let is_line = arguments.is_empty() && request.command.contains(char::is_whitespace);
        let (program, arguments) = match is_line {
            true => ("/bin/sh".into(), vec!["-c".into(), request.command.clone().into()]),
            false => (PathBuf::from(&request.command), arguments.iter().map(Into::into).collect()),
        };
        let own = request.env.iter().flatten();
        let own = own.map(|variable| (variable.name.clone(), variable.value.clone().into()));
        let environment = self.environment.clone().into_iter().chain(own).collect();
        AgentCommand { program, arguments, environment, directory, input: Vec::new(), files: Vec::new() }
    }

    fn get(&self, request: &TerminalRequest) -> Result<Terminal, RpcError> {
        let table = self.table();
        let found = number(request).and_then(|id| table.terminals.get(&id));
        let found = found.filter(|terminal| !terminal.released).cloned();
        found.ok_or_else(|| RpcError::not_found(&format!("terminal {}", request.terminal_id)))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        self.table().terminals.values().for_each(Terminal::kill);
    }
}

impl Table {
    /// Forgets the oldest of those that are released.
    fn forget(&mut self) {
        let released = self.terminals.iter().filter(|(_, terminal)| terminal.released);
        let released: Vec<_> = released.map(|(id, _)| *id).collect();
        for id in &released[..released.len().saturating_sub(REMEMBERED)] {
            self.terminals.remove(id);
        }
    }
}

impl Terminal {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills its process group, unless it is known to have ended: its number may be another's then. Who left the group is
    /// found by the agent's mark when the turn ends.
    fn kill(&self) {
        if let Some(group) = self.group.filter(|_| self.end.borrow().is_none()) {
            // One that has ended in the meantime is what was wanted.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl End {
    fn told(self) -> Value {
        let signal = self.signal.and_then(|signal| Signal::try_from(signal).ok());
        json!({"exitCode": self.code, "signal": signal.map(Signal::as_str)})
    }
}

fn number(request: &TerminalRequest) -> Option<u64> {
    request.terminal_id.parse().ok()
}

/// Collects a command's output and its end in tasks of their own.
fn follow(mut child: Child, limit: usize) -> Terminal {
    let output = Arc::new(Mutex::new(Output::new(limit)));
    let (sender, end) = watch::channel(None);
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let readers = [
        child.stdout.take().map(|stream| tokio::spawn(collect(stream, Arc::clone(&output)))),
        child.stderr.take().map(|stream| tokio::spawn(collect(stream, Arc::clone(&output)))),
    ];
    tokio::spawn(async move {
        use std::os::unix::process::ExitStatusExt as _;
        let status = child.wait().await.ok();
        let drained = futures::future::join_all(readers.into_iter().flatten());
        // What it left running may write on; nobody waits for that.
        let _ = tokio::time::timeout(DRAIN, drained).await;
        let code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal());
        sender.send_replace(Some(End { code, signal }));
    });
    Terminal { group, output, end, released: false }
}

async fn collect(mut stream: impl AsyncRead + Unpin, output: Arc<Mutex<Output>>) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        output.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..read]);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
