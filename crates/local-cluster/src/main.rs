//! `local-cluster`: the embedded Kubernetes API on its own.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ambient_local_cluster::{Cluster, ClusterConfig, Credential, Storage, UserInfo, shim_main};
use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

/// An embedded Kubernetes API.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API on a loopback address until interrupted.
    Serve(ServeArguments),
    /// Holds one pod's processes; a node starts it.
    #[command(hide = true)]
    Shim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct ServeArguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:6443")]
    listen: String,
    /// Database file; without it everything is in memory.
    #[arg(long)]
    database: Option<PathBuf>,
    /// Bearer token of the administrator; without it a random one is made.
    #[arg(long, env = "LOCAL_CLUSTER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Where to write a kubeconfig of the administrator.
    #[arg(long, default_value = "kubeconfig")]
    kubeconfig: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Arguments::parse().command {
        Command::Serve(arguments) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(arguments))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Shim { arguments } => Ok(shim_main(arguments)),
    }
}

async fn serve(arguments: ServeArguments) -> anyhow::Result<()> {
    let token = arguments.token.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let cluster = Cluster::open(ClusterConfig {
        storage: arguments.database.map_or(Storage::Memory, Storage::File),
        credentials: vec![Credential { token: token.clone(), user: UserInfo::admin() }],
        ..ClusterConfig::default()
    })
    .await?;
    let listener = tokio::net::TcpListener::bind(&arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    let kubeconfig = Cluster::kubeconfig(&format!("http://{address}"), &token);
    write_private(&arguments.kubeconfig, &kubeconfig)
        .with_context(|| format!("cannot write {}", arguments.kubeconfig.display()))?;
    tracing::info!(%address, kubeconfig = %arguments.kubeconfig.display(), "serving");
    let shutdown = CancellationToken::new();
    tokio::select! {
        result = cluster.serve(listener, shutdown.clone()) => result?,
        () = cluster.run_controllers(shutdown.clone()) => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    shutdown.cancel();
    Ok(())
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
