//! `ambient up`: sessions of the user's own repository, on this machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ambient_git::Mirror;
use ambient_kit::shutdown::Shutdown;
use anyhow::Context as _;

use crate::arguments::{LocalArguments, UpArguments};
use crate::local::{Agents, DataFolder, Parts, Platform, RepositoryLock, RootSource, Settings, confinement};
use crate::news;
use crate::output::Progress;

/// Runs until told to end.
pub(crate) async fn up(arguments: UpArguments) -> anyhow::Result<ExitCode> {
    let progress = Progress::start();
    let repository = repository(&arguments.repo)?;
    let data = DataFolder::open(&data_path(&arguments.local)?)?;
    let _lock = RepositoryLock::take(&repository, data.path())?;
    let confinement = confinement::told(arguments.local.sandbox)?;
    let (platform, mut parts) = Platform::start(Settings {
        data,
        source: RootSource { repository: &repository, branch: &arguments.branch, path: &arguments.path },
        agents: Agents::here()?.with_programs(&arguments.local)?,
        user: arguments.local.user.clone(),
        listen: arguments.local.listen,
        slots: arguments.local.slots,
        take_over: arguments.take_over,
        sandbox: arguments.local.sandbox,
    })
    .await?;
    let shutdown = ambient_kit::shutdown::on_signals()?;
    greet(&progress, &platform, &arguments, &repository, &confinement);
    tokio::select! {
        fault = parts.fault() => return Err(fault),
        () = news::tell(&platform.client, &progress) => {}
        () = shutdown.leave.cancelled() => {}
    }
    end(&progress, &platform, parts, &shutdown).await;
    Ok(ExitCode::SUCCESS)
}

fn greet(
    progress: &Progress,
    platform: &Platform,
    arguments: &UpArguments,
    repository: &Path,
    confinement: &str,
) {
    progress.line(&format!(
        "repository  {} ({}, {}/)",
        repository.display(),
        arguments.branch,
        arguments.path
    ));
    progress.line(&format!("dashboard   {}", platform.login_url()));
    progress.line(&format!("kubeconfig  {}", platform.kubeconfig.display()));
    progress.line(&format!("\n{confinement}"));
    warn_of_open_door(progress, &arguments.local);
    progress.line(&format!(
        "\nCommit a Project and an AgenticSession under {}/ to start a run. Ctrl-C ends.",
        arguments.path
    ));
}

/// The dashboard and its token go over the network in plain text there.
pub(crate) fn warn_of_open_door(progress: &Progress, local: &LocalArguments) {
    if let Some(address) = local.listen.filter(|address| !address.ip().is_loopback()) {
        progress.line(&format!(
            "The dashboard listens on {address}, for other machines too, without encryption: who has the login token \
             runs agents as you."
        ));
    }
}

/// The repository at a path, bare or not.
fn repository(path: &Path) -> anyhow::Result<PathBuf> {
    let found = std::fs::canonicalize(path)
        .with_context(|| format!("there is no repository at {}", path.display()))?;
    Mirror::open(&found)
        .with_context(|| format!("{} is no Git repository; `git init` makes one", path.display()))?;
    Ok(found)
}

/// Ends: agents go on in their pods, unless a second signal comes while there are any.
pub(crate) async fn end(progress: &Progress, platform: &Platform, parts: Parts, shutdown: &Shutdown) {
    platform.settle().await;
    let running = platform.running_pods();
    if running == 0 {
        parts.end(running).await;
        return;
    }
    progress.line(&format!(
        "\n{running} running agent(s) are left in their pods; the next `ambient up` adopts them. \
         Ctrl-C again within 3 seconds stops them first."
    ));
    let second = tokio::time::timeout(Duration::from_secs(3), shutdown.stop.cancelled()).await;
    if second.is_ok() {
        stop(progress, platform, shutdown).await;
    }
    parts.end(platform.running_pods()).await;
}

/// How long runners may take to stop their agents and to have the results recorded.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Stops the agents. A runner whose result cannot be recorded now stays, without its agent: nothing is lost.
pub(crate) async fn stop(progress: &Progress, platform: &Platform, shutdown: &Shutdown) {
    progress.line("stopping the agents; Ctrl-C again does not wait for their results");
    tokio::select! {
        () = platform.stop_pods() => return progress.line("stopped"),
        () = tokio::time::sleep(STOP_LIMIT) => {}
        () = shutdown.now.cancelled() => {}
    }
    progress.line(&format!(
        "{} runner(s) are left with results that are not recorded yet; the next `ambient up` takes them",
        platform.running_pods()
    ));
}

/// The data folder: as asked for, or `ambient` in the user's data folder.
fn data_path(local: &LocalArguments) -> anyhow::Result<PathBuf> {
    if let Some(asked) = &local.data_dir {
        return Ok(asked.clone());
    }
    let data = local.user_data.clone().or_else(|| local.home.as_ref().map(|home| home.join(".local/share")));
    data.map(|data| data.join("ambient")).context("no home folder is known; give --data-dir")
}
