//! The `ambient` command: every part of the platform in one binary, and the one place that knows them all.

mod arguments;
mod broker;
mod cluster;
mod demo;
mod local;
mod model_server;
mod news;
mod output;
mod record;
mod serve;
mod up;
mod validate;

use std::process::ExitCode;

use arguments::{Arguments, Command, RunnerCommand};
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    ambient_kit::telemetry::start(&arguments.log);
    let outcome = match arguments.command {
        Command::Shim(shim) => return ambient_local_cluster::shim_main(shim.arguments),
        Command::Runner { command: None } => run(runner()),
        Command::Runner { command: Some(RunnerCommand::Record(arguments)) } => record::record(&arguments),
        Command::Broker(arguments) => run(broker::broker(arguments)),
        Command::AgentShim(shim) => {
            return ambient_runner::agent_shim::main(shim.arguments.into_iter().map(Into::into));
        }
        Command::Confine(confine) => {
            return ambient_runner::sandbox::main(confine.arguments.into_iter().map(Into::into));
        }
        Command::Langgraph(client) => {
            return ambient_runner::langgraph::main(client.arguments.into_iter().map(Into::into));
        }
        Command::Replay(replay) => {
            return ambient_runner::replay::main(replay.arguments.into_iter().map(Into::into));
        }
        Command::Bootstrap(arguments) => run(cluster::bootstrap(arguments)),
        Command::Validate(arguments) => validate::validate(&arguments),
        Command::Check => run(cluster::check()),
        Command::ModelServer(arguments) => run(model_server::model_server(arguments)),
        Command::Serve(part) => run(serve::serve(part)),
        Command::Up(up) => run(up::up(up)),
        Command::Demo(demo) => run(demo::demo(demo)),
    };
    outcome.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    })
}

fn run(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Serves inside one run until its outcome is acknowledged.
async fn runner() -> anyhow::Result<ExitCode> {
    let config = ambient_runner::Config::from_environment(std::env::vars_os())?;
    let shutdown = ambient_kit::shutdown::on_signals()?;
    ambient_runner::run(config, shutdown.leave).await?;
    Ok(ExitCode::SUCCESS)
}
