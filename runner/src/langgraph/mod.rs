//! `ambient langgraph`: the agent process of graphs, which live behind a LangGraph server.
//!
//! A bridge reads the lines of a process; a graph is run by a server over HTTP. This process stands between: it asks
//! for one run, prints what the server streams as one JSON line a frame, takes the stream up again where a connection
//! breaks, and cancels the run when it is told to end. What the frames mean, the bridge knows.
//!
//! Where it is told no server, it starts the development server of the graph that is in its working directory.

mod api;
mod follow;
mod frames;
mod notes;
mod own_server;
mod patience;
mod position;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use words::{Line, Request, Told};

use std::ffi::OsString;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::api::{Api, ApiError};
use self::follow::{Ears, Followed, Output};
use self::own_server::{OwnServer, OwnServerError};
use self::patience::Patience;

/// The program that starts a development server, where no other is named.
const SERVER_PROGRAM: &str = "langgraph";
/// The variable of the key that a server may want.
const KEY: &str = ambient_protocol::environment::LANGGRAPH_API_KEY;
/// Lines of standard input that may wait.
const WAITING_LINES: usize = 16;
/// As a shell tells the end by SIGTERM.
const TERMINATED: u8 = 143;

/// Asks a LangGraph server for a run: `langgraph [--server-program PATH]`, with a request as a line of JSON on standard
/// input. It exits with 0 when it has said how the run ended, and standard input has ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let code = match prepared(&arguments) {
        Ok((request, program)) => run(request, program),
        Err(error) => Err(error),
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nowhere else to say it: standard error is read by the runner.
            let _ = writeln!(io::stderr(), "langgraph: {error}");
            ExitCode::from(2)
        }
    }
}

fn prepared(arguments: &[OsString]) -> Result<(Request, PathBuf), ClientError> {
    let program = match arguments {
        [] => PathBuf::from(SERVER_PROGRAM),
        [flag, program] if flag == "--server-program" => PathBuf::from(program),
        _ => return Err(ClientError::Usage),
    };
    let mut input = String::new();
    io::stdin().lock().read_line(&mut input).map_err(ClientError::Input)?;
    let request = serde_json::from_str(&input).map_err(|error| ClientError::Input(error.into()))?;
    Ok((request, program))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a program's edge: the key is the server's, not the runner's"
)]
fn run(request: Request, program: PathBuf) -> Result<u8, ClientError> {
    let key = std::env::var(KEY).ok().filter(|key| !key.is_empty());
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ClientError::Start)?;
    let code = runtime.block_on(async {
        let ears = Ears { told: listen(), ending: on_terminate().map_err(ClientError::Start)? };
        converse(request, key, (program, home), ears).await
    });
    // Nobody may read standard output any more, and a thread waits there.
    runtime.shutdown_background();
    code
}

/// A token that SIGTERM cancels.
fn on_terminate() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn({
        let token = token.clone();
        async move {
            terminate.recv().await;
            token.cancel();
        }
    });
    Ok(token)
}

/// Reads further lines in a thread of its own, which nothing waits for. What is no such line is passed over: who writes
/// it is the bridge.
fn listen() -> mpsc::Receiver<Told> {
    let (sender, told) = mpsc::channel(WAITING_LINES);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(word) = serde_json::from_str(&line)
                && sender.blocking_send(word).is_err()
            {
                return;
            }
        }
    });
    told
}

async fn converse(
    request: Request,
    key: Option<String>,
    (program, home): (PathBuf, Option<PathBuf>),
    mut ears: Ears,
) -> Result<u8, ClientError> {
    let patience = Patience::default();
    let output = Output::new(tokio::io::stdout());
    let mut own = None;
    let url = match &request.url {
        Some(url) => Ok(url.clone()),
        None => tokio::select! {
            started = OwnServer::start(&program, home.as_deref(), &patience) => started.map(|server| own.insert(server).url()),
            () = ears.ending.cancelled() => return Ok(TERMINATED),
        },
    };
    let talked = match url {
        Ok(url) => talk(&url, key, request, &patience, &mut ears, &output).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &talked {
        output.say(&Line::Failed { message: error.to_string() }).await?;
    }
    if let Some(server) = own {
        server.stop(&patience).await;
    }
    Ok(talked.map_or(0, |followed| if followed == Followed::Cancelled { TERMINATED } else { 0 }))
}

/// One run after the other, as they are asked for.
async fn talk<W: tokio::io::AsyncWrite + Unpin>(
    url: &str,
    key: Option<String>,
    request: Request,
    patience: &Patience,
    ears: &mut Ears,
    output: &Output<W>,
) -> Result<Followed, RunError> {
    let api = Api::new(url, key, patience)?;
    let mut run = request.run;
    if let Some(anew) = request.anew {
        let thread_id = request.thread_id.clone();
        if follow::has_conversation(&api, &thread_id, patience).await? {
            output.say(&Line::TakenUp { thread_id }).await?;
        } else {
            output.say(&Line::BegunAnew).await?;
            run = anew;
        }
    }
    loop {
        if follow::follow(&api, &request.thread_id, &run, patience, ears, output).await?
            == Followed::Cancelled
        {
            return Ok(Followed::Cancelled);
        }
        run = loop {
            tokio::select! {
                told = ears.told.recv() => match told {
                    Some(Told::Run(next)) => break next,
                    Some(Told::Cancel) => {}
                    None => return Ok(Followed::Ended),
                },
                () = ears.ending.cancelled() => return Ok(Followed::Ended),
            }
        };
    }
}

/// The client cannot do its work.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error("usage: langgraph [--server-program PATH] < request.json")]
    Usage,
    #[error("cannot read the request: {0}")]
    Input(#[source] io::Error),
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// A run cannot be asked for or followed. The text is told as the run's failure.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    OwnServer(#[from] OwnServerError),
    #[error("the stream of {url} broke off, and could not be taken up again in {tries} tries: {cause}")]
    Lost { url: String, tries: usize, cause: String },
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}
