//! A development server for the graph in the working directory, which ends with this process.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::api::Api;
use super::notes::{FOLDER, Notes};
use super::patience::Patience;

/// What a repository has that holds a graph.
const CONFIGURATION: &str = "langgraph.json";
/// Lines of the server's that are kept for messages.
const KEPT_LINES: usize = 40;
/// How often the server is asked whether it is ready.
const ASKING: Duration = Duration::from_millis(100);

/// A server of one's own.
pub(super) struct OwnServer {
    child: Child,
    url: String,
    notes: Notes,
}

impl OwnServer {
    /// Starts `program` and waits until it answers. What it knows of conversations is kept in `home` between two of them.
    pub(super) async fn start(
        program: &Path,
        home: Option<&Path>,
        patience: &Patience,
    ) -> Result<Self, OwnServerError> {
        std::fs::metadata(CONFIGURATION).map_err(OwnServerError::Configuration)?;
        let notes = Notes::prepare(Path::new("."), home).map_err(OwnServerError::Notes)?;
        let port = free_port().map_err(OwnServerError::Port)?;
        let mut child = command(program, port)
            .spawn()
            .map_err(|cause| OwnServerError::Program { program: program.to_owned(), cause })?;
        let said = Said::default();
        said.follow(child.stdout.take());
        said.follow(child.stderr.take());
        let mut server = Self { child, url: format!("http://127.0.0.1:{port}"), notes };
        let hindrance = tokio::select! {
            biased;
            ended = server.child.wait() => OwnServerError::Ended { how: told(ended), said: said.cause() },
            ready = server_answers(&server.url, patience) => match ready {
                true => return Ok(server),
                false => OwnServerError::Silent { seconds: patience.start.as_secs(), said: said.cause() },
            },
        };
        server.stop(patience).await;
        Err(hindrance)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Asks it to end, and kills it where it does not.
    pub(super) async fn stop(mut self, patience: &Patience) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // One that is gone needs no signal.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        match tokio::time::timeout(patience.end, self.child.wait()).await {
            Ok(_) => self.notes.keep(),
            Err(_) => {
                let _ = self.child.kill().await;
                self.notes.clear();
            }
        }
    }
}

/// Another program may take it before the server does; then the server says so.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn command(program: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command
        .args(["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--config", CONFIGURATION])
        .env("LANGGRAPH_CLI_NO_ANALYTICS", "1")
        // Else it asks the package registry.
        .env("LANGGRAPH_NO_VERSION_CHECK", "true")
        .env("LOG_COLOR", "false")
        // The repository is not its to write in.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn server_answers(url: &str, patience: &Patience) -> bool {
    let Ok(api) = Api::new(url, None, patience) else { return false };
    let asking = async {
        let mut clock = tokio::time::interval(ASKING);
        loop {
            clock.tick().await;
            if api.is_ready().await {
                return;
            }
        }
    };
    tokio::time::timeout(patience.start, asking).await.is_ok()
}

fn told(ended: io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// The last lines of what a server has said; all clones are one.
#[derive(Debug, Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Said {
    fn follow(&self, stream: Option<impl AsyncRead + Send + Unpin + 'static>) {
        let Some(stream) = stream else { return };
        let said = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                said.keep(line);
            }
        });
    }

    fn keep(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The line that tells most: the last that names an error, or else the last.
    fn cause(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names_error = |line: &&String| line.contains("Error: ");
        let cause = lines.iter().rev().find(names_error).or_else(|| lines.back());
        cause.map_or_else(|| "nothing".to_owned(), |line| line.trim().to_owned())
    }
}

/// There is no server of one's own.
#[derive(Debug, thiserror::Error)]
pub(super) enum OwnServerError {
    #[error(
        "no graph to run: cannot read {CONFIGURATION} in the session's first repository: {0}; \
         the session's variable LANGGRAPH_URL names a server elsewhere"
    )]
    Configuration(#[source] io::Error),
    #[error("cannot make {FOLDER} for the graph's server: {0}")]
    Notes(#[source] io::Error),
    #[error("no free port for the graph's server: {0}")]
    Port(#[source] io::Error),
    #[error(
        "cannot start \"{}\": {cause}; it comes with the Python package langgraph-cli[inmem]", program.display()
    )]
    Program { program: PathBuf, cause: io::Error },
    #[error("the graph's server ended with {how} before it answered; it said: {said}")]
    Ended { how: String, said: String },
    #[error("the graph's server did not answer within {seconds} s; it said: {said}")]
    Silent { seconds: u64, said: String },
}
