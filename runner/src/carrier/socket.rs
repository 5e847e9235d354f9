//! The carrier of two containers: the agent is a process of the shim in the other one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::{AgentCommand, AgentExit, AgentProcess, Carrier, StartError, Streams};
use crate::wire::{Control, Ended, Line, Order, Sender, Stream, VERSION};

/// Longest time for the shim to answer. It may still be ending the agent of a runner that was killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time to say goodbye in.
const FAREWELL: Duration = Duration::from_secs(10);
/// Pause between two looks for a shim that is not there yet.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of a stream between the connection and whoever reads or writes it here.
const BUFFER: usize = 64 * 1024;

/// Starts agents behind a socket.
#[derive(Debug)]
pub(crate) struct SocketCarrier {
    socket: PathBuf,
    workspace: PathBuf,
    line: Arc<Mutex<Option<Line>>>,
    greeting: AbortHandle,
}

impl SocketCarrier {
    /// Looks for the shim at once, and until it is there: it learns so that its pod has a runner.
    pub(crate) fn new(socket: PathBuf, workspace: PathBuf) -> Self {
        let line = Arc::new(Mutex::new(None));
        let (slot, path) = (Arc::clone(&line), socket.clone());
        let greeting = tokio::spawn(async move {
            let mut slot = slot.lock().await;
            // Who needed it at once may have made it already.
            while slot.is_none() {
                match greeted(&path).await {
                    Ok(line) => *slot = Some(line),
                    // It ends with the runner before this one, and begins anew.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    // Whoever needs the connection tries again, and is told why there is none.
                    Err(error) => {
                        tracing::warn!(%error, "the agent's container is no match for this runner");
                        break;
                    }
                }
            }
        });
        Self { socket, workspace, line, greeting: greeting.abort_handle() }
    }

    /// The connection, made anew where the last one has ended.
    async fn line(&self, patience: Duration) -> io::Result<OwnedMutexGuard<Option<Line>>> {
        let connected = async {
            let mut slot = Arc::clone(&self.line).lock_owned().await;
            if slot.as_ref().is_none_or(Line::has_ended) {
                *slot = None;
                *slot = Some(greeted(&self.socket).await?);
            }
            Ok(slot)
        };
        timeout(patience, connected).await.unwrap_or_else(|_| {
            let what = format!("the agent's container does not answer at {}", self.socket.display());
            Err(io::Error::new(io::ErrorKind::TimedOut, what))
        })
    }

    fn order(&self, command: &AgentCommand, mark: &str) -> Order {
        Order {
            program: command.program.clone().into(),
            arguments: command.arguments.clone(),
            environment: command.environment.clone(),
            directory: command.directory.clone().into(),
            files: command.files.clone(),
            mark: mark.to_owned(),
            workspace: self.workspace.clone().into(),
        }
    }

    async fn start_on(&self, order: Order) -> io::Result<(Streams, Box<dyn AgentProcess>)> {
        let mut slot = self.line(PATIENCE).await?;
        // Out of its place until there is an answer: who gives up before that ends the connection, and so the agent.
        let mut line = slot.take().ok_or(io::ErrorKind::NotConnected)?;
        let sender = line.sender().clone();
        let (stdout, stderr) = (output(&sender, Stream::Stdout), output(&sender, Stream::Stderr));
        sender.send(Control::Start(Box::new(order))).await?;
        let answer = answer(&mut line).await?;
        *slot = Some(line);
        match answer {
            Control::Started => {}
            Control::NotStarted { error: Some(number), .. } => {
                return Err(io::Error::from_raw_os_error(number));
            }
            Control::NotStarted { message, .. } => return Err(io::Error::other(message)),
            other => return Err(unexpected(&other)),
        }
        let (stdin, fed) = tokio::io::duplex(BUFFER);
        sender.transmit(Stream::Stdin, fed);
        let streams = Streams { stdin: Box::new(stdin), stdout, stderr };
        Ok((streams, Box::new(RemoteAgent { line: slot, exit: None })))
    }
}

impl Drop for SocketCarrier {
    fn drop(&mut self) {
        self.greeting.abort();
    }
}

#[async_trait]
impl Carrier for SocketCarrier {
    async fn start(
        &self,
        command: &AgentCommand,
        mark: &str,
    ) -> Result<(Streams, Box<dyn AgentProcess>), StartError> {
        self.start_on(self.order(command, mark)).await.map_err(|cause| StartError {
            program: command.program.display().to_string(),
            directory: command.directory.display().to_string(),
            cause,
        })
    }

    async fn sweep(&self, mark: &str) {
        let swept = async {
            let mut slot = self.line(PATIENCE).await?;
            // An answer that comes too late must not be taken for that to the next question: such a connection is lost.
            let mut connection = slot.take().ok_or(io::ErrorKind::NotConnected)?;
            connection.sender().send(Control::Sweep { mark: mark.to_owned() }).await?;
            match answer(&mut connection).await? {
                Control::Swept => *slot = Some(connection),
                other => return Err(unexpected(&other)),
            }
            Ok(())
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "what an earlier runner left could not be ended");
        }
    }

    async fn farewell(&self) {
        self.greeting.abort();
        let Ok(mut line) = self.line(FAREWELL).await else { return };
        let Some(connection) = line.as_mut() else { return };
        if connection.sender().send(Control::Goodbye).await.is_ok() {
            // The shim ends, and with it the connection; until then the word may be under way.
            let _ = timeout(FAREWELL, async { while connection.next().await.is_some() {} }).await;
        }
    }
}

/// Connects, and waits for the shim's greeting; it serves one runner at a time.
async fn greeted(socket: &PathBuf) -> io::Result<Line> {
    let connection = loop {
        match UnixStream::connect(socket).await {
            Ok(connection) => break connection,
            Err(error) if is_absent(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, socket = %socket.display(), "cannot reach the agent's container");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    };
    let mut line = Line::new(connection);
    match line.next().await {
        Some(Control::Hello { version: VERSION }) => Ok(line),
        Some(Control::Hello { version }) => {
            let what = format!("the agent's shim speaks version {version}, this runner {VERSION}");
            Err(io::Error::other(what))
        }
        Some(other) => Err(unexpected(&other)),
        None => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

async fn answer(line: &mut Line) -> io::Result<Control> {
    let answered = timeout(PATIENCE, line.next()).await.map_err(|_| io::ErrorKind::TimedOut)?;
    answered.ok_or_else(|| io::ErrorKind::ConnectionReset.into())
}

fn unexpected(control: &Control) -> io::Error {
    // What it says may be the agent's: its words are not repeated.
    let word = match control {
        Control::Hello { .. } => "hello",
        Control::Started => "started",
        Control::NotStarted { .. } => "not started",
        Control::Exited(_) => "exited",
        Control::Stopped => "stopped",
        Control::Swept => "swept",
        Control::Start(_) | Control::Stop { .. } | Control::Sweep { .. } | Control::Goodbye => {
            "a runner's word"
        }
    };
    io::Error::other(format!("the agent's shim says what it was not asked: {word}"))
}

fn output(sender: &Sender, stream: Stream) -> Box<tokio::io::DuplexStream> {
    let (sink, source) = tokio::io::duplex(BUFFER);
    sender.receive(stream, sink);
    Box::new(source)
}

/// An agent behind a connection, which is its own as long as it lives.
struct RemoteAgent {
    line: OwnedMutexGuard<Option<Line>>,
    exit: Option<AgentExit>,
}

impl RemoteAgent {
    async fn next(&mut self) -> Option<Control> {
        match self.line.as_mut() {
            Some(line) => line.next().await,
            None => None,
        }
    }

    /// The next word of the shim; whatever it is, the end of the agent or of the connection is kept.
    async fn hear(&mut self) -> Option<Control> {
        let heard = self.next().await;
        match &heard {
            Some(Control::Exited(ended)) => self.exit = Some((*ended).into()),
            None => self.exit = self.exit.or(Some(AgentExit::Lost)),
            Some(_) => {}
        }
        heard
    }
}

#[async_trait]
impl AgentProcess for RemoteAgent {
    async fn wait(&mut self) -> AgentExit {
        loop {
            if let Some(exit) = self.exit {
                return exit;
            }
            self.hear().await;
        }
    }

    fn reap(&mut self) {
        // The shim does so by itself.
    }

    async fn stop(&mut self, grace: Duration) {
        let Some(sender) = self.line.as_ref().map(|line| line.sender().clone()) else { return };
        let milliseconds = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let stopped = async {
            sender.send(Control::Stop { grace: milliseconds }).await?;
            while let Some(word) = self.hear().await {
                if word == Control::Stopped {
                    return Ok(());
                }
            }
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        };
        let stopped =
            timeout(grace + PATIENCE, stopped).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if let Err(error) = stopped {
            // Its connection ends with it: a shim that lives then ends the agent.
            tracing::warn!(%error, "the agent's container did not say that the agent has ended");
            *self.line = None;
            self.exit = self.exit.or(Some(AgentExit::Lost));
        }
    }
}

impl From<Ended> for AgentExit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Code(code) => Self::Code(code),
            Ended::Signal(signal) => Self::Signal(signal),
            Ended::OutOfMemory => Self::OutOfMemory,
            Ended::Unknown => Self::Unknown,
        }
    }
}
