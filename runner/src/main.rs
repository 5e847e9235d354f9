//! `ambient-runner`: the runner alone, for images and for this crate's tests.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use ambient_runner::{Config, agent_shim, langgraph, replay, sandbox};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|word| word.to_str()) {
        None | Some("serve") => serve(),
        Some("langgraph") => langgraph::main(arguments.into_iter().skip(1)),
        Some("replay") => replay::main(arguments.into_iter().skip(1)),
        Some(sandbox::SUBCOMMAND) => sandbox::main(arguments.into_iter().skip(1)),
        Some("agent-shim") => {
            log();
            agent_shim::main(arguments.into_iter().skip(1))
        }
        Some(_) => complain(
            "usage: ambient-runner [serve | agent-shim [--install PATH] | langgraph | replay [--fixture PATH]]",
        ),
    }
}

fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
}

fn serve() -> ExitCode {
    log();
    let config = match Config::from_environment(std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => return complain(&error.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    match runtime
        .block_on(async { ambient_runner::run(config, on_terminate()?).await.map_err(io::Error::other) })
    {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

/// A token that SIGTERM and SIGINT cancel.
fn on_terminate() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn({
        let token = token.clone();
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(token)
}

fn complain(message: &str) -> ExitCode {
    // Where this fails there is nobody left to tell.
    let _ = writeln!(io::stderr(), "ambient-runner: {message}");
    ExitCode::FAILURE
}
