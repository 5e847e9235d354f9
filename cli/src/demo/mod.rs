//! `ambient demo`: the whole flow, shown as it happens.

mod agent;
mod follow;
mod outcome;
mod repositories;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::arguments::{DemoArguments, OutputFormat};
use crate::local::{Agents, DataFolder, Parts, Platform, RepositoryLock, RootSource, Settings, confinement};
use crate::output::{self, Progress};
use crate::up;
use follow::Ended;
use outcome::DemoOutcome;
use repositories::{DemoRepositories, DemoSession, SESSION_PATH};

/// The project and the session of the demo.
pub(crate) const PROJECT: &str = "demo";
/// The session's name.
pub(crate) const SESSION: &str = "first-run";

/// Runs the demo.
pub(crate) async fn demo(arguments: DemoArguments) -> anyhow::Result<ExitCode> {
    let progress = Progress::start();
    let key = agent::key(&arguments)?;
    let agents = agents(&arguments)?;
    let folder = folder(&arguments)?;
    let model = ScriptedModel::start(&arguments).await?;
    let repositories = DemoRepositories::create(&folder, arguments.agent)?;
    let data = DataFolder::open(&folder.join("data"))?;
    let _lock = RepositoryLock::take(&repositories.platform, data.path())?;
    let confinement = confinement::told(arguments.local.sandbox)?;
    let (platform, mut parts) = Platform::start(Settings {
        data,
        source: RootSource { repository: &repositories.platform, branch: "main", path: "ambient" },
        agents,
        user: arguments.local.user.clone(),
        listen: arguments.local.listen,
        slots: arguments.local.slots,
        take_over: false,
        sandbox: arguments.local.sandbox,
    })
    .await?;
    let shutdown = ambient_kit::shutdown::on_signals()?;
    greet(&progress, &platform, &repositories, &confinement);
    up::warn_of_open_door(&progress, &arguments.local);
    let runner_type = agent::runner_type(arguments.agent);
    let session = DemoSession { runner_type, target: repositories.target.clone() };
    if let Some(key) = key {
        let address = model.as_ref().map(|model| model.address.as_str());
        follow::put_key(&platform.client, key.entries(address)).await?;
    }
    let ended = tokio::select! {
        ended = run(&progress, &platform, &repositories, &session) => ended?,
        fault = parts.fault() => return Err(fault),
        () = shutdown.leave.cancelled() => {
            interrupted(&progress, &arguments, &platform, parts, &shutdown).await;
            anyhow::bail!("interrupted");
        }
    };
    let outcome = DemoOutcome::read(&ended, &repositories, progress.seconds())?;
    show(&progress, &arguments, &outcome, &repositories)?;
    if !arguments.once {
        keep_serving(&progress, &platform, &mut parts, &shutdown).await?;
    }
    up::end(&progress, &platform, parts, &shutdown).await;
    outcome.say_what_was_refused(&progress);
    Ok(if outcome.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A demo in a folder of its own is over when it is interrupted: nobody would adopt its agent.
async fn interrupted(
    progress: &Progress,
    arguments: &DemoArguments,
    platform: &Platform,
    parts: Parts,
    shutdown: &ambient_kit::shutdown::Shutdown,
) {
    if arguments.local.data_dir.is_none() {
        up::stop(progress, platform, shutdown).await;
    }
    up::end(progress, platform, parts, shutdown).await;
}

async fn run(
    progress: &Progress,
    platform: &Platform,
    repositories: &DemoRepositories,
    session: &DemoSession,
) -> anyhow::Result<Ended> {
    let follower = follow::Follower::prepare(platform);
    let (commit, run) = repositories.commit_session(session)?;
    progress.step(&format!("git commit {commit} adds {SESSION_PATH}"));
    follower.follow(progress, run).await
}

fn greet(progress: &Progress, platform: &Platform, repositories: &DemoRepositories, confinement: &str) {
    progress.line(&format!("manifests   {}", repositories.platform.display()));
    progress.line(&format!("target      {}", repositories.target.display()));
    progress.line(&format!("dashboard   {}", platform.login_url()));
    progress.line(&format!("kubeconfig  {}", platform.kubeconfig.display()));
    progress.line(&format!("\n{confinement}\n"));
}

fn show(
    progress: &Progress,
    arguments: &DemoArguments,
    outcome: &DemoOutcome,
    repositories: &DemoRepositories,
) -> anyhow::Result<()> {
    match arguments.output {
        OutputFormat::Json => output::data(&serde_json::to_string(outcome)?),
        OutputFormat::Text => outcome.explain(progress, repositories),
    }
    Ok(())
}

async fn keep_serving(
    progress: &Progress,
    platform: &Platform,
    parts: &mut Parts,
    shutdown: &ambient_kit::shutdown::Shutdown,
) -> anyhow::Result<()> {
    progress.line(&format!("\nThe dashboard stays at {} until Ctrl-C.", platform.login_url()));
    tokio::select! {
        fault = parts.fault() => Err(fault),
        () = shutdown.leave.cancelled() => Ok(()),
    }
}

fn folder(arguments: &DemoArguments) -> anyhow::Result<PathBuf> {
    match &arguments.local.data_dir {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            Ok(std::fs::canonicalize(folder)?)
        }
        // It is kept: what came back is there to be looked at.
        None => Ok(tempfile::Builder::new().prefix("ambient-demo-").tempdir()?.keep()),
    }
}

fn agents(arguments: &DemoArguments) -> anyhow::Result<Agents> {
    let agents = Agents::here()?.with_runner(arguments.runner_bin.clone());
    agents.with_programs(&arguments.local)?.with_recording(arguments.recording.as_deref())
}

/// The scripted model server of this process.
struct ScriptedModel {
    address: String,
}

impl ScriptedModel {
    async fn start(arguments: &DemoArguments) -> anyhow::Result<Option<Self>> {
        if !arguments.scripted_model {
            return Ok(None);
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let server = ambient_model_server::ModelServer::new(ambient_model_server::Script::demo());
        tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
        Ok(Some(Self { address }))
    }
}
