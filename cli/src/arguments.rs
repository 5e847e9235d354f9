//! What can be typed.

use std::net::SocketAddr;
use std::path::{Component, PathBuf};

use ambient_protocol::sandbox::{Sandbox, UnknownSandbox};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model_server::ModelServerArguments;
use crate::record::RecordArguments;
use crate::validate::ValidateArguments;

/// Runs AI coding agents from Git.
#[derive(Debug, Parser)]
#[command(name = "ambient", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What is logged to standard error: a level, or `target=level` pairs separated by commas.
    #[arg(
        long,
        global = true,
        env = "AMBIENT_LOG",
        hide_env_values = true,
        default_value = "warn",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole flow on this machine: a commit becomes a run, the run becomes a commit.
    Demo(DemoArguments),
    /// Run sessions from a repository of yours on this machine.
    Up(UpArguments),
    /// Check manifests as a source would, before they are committed.
    Validate(ValidateArguments),
    /// Install Ambient into the cluster of the current kubeconfig context, and declare its root source.
    Bootstrap(BootstrapArguments),
    /// Say what the cluster of the current kubeconfig context lacks for Ambient.
    Check,
    /// Answer agent programs from a script instead of a model, to try them without a key or a bill.
    ModelServer(ModelServerArguments),
    /// Run one part of the control plane (used in pods).
    #[command(subcommand, hide = true)]
    Serve(ServeCommand),
    /// Serve inside one run; configured by the environment (used in pods).
    #[command(hide = true)]
    Runner {
        #[command(subcommand)]
        command: Option<RunnerCommand>,
    },
    /// Start the agent for the runner in the container beside it (used in pods).
    #[command(hide = true)]
    AgentShim(PassedOn),
    /// Hold credentials, budgets and an allow list in front of models and Git (used in pods).
    #[command(hide = true)]
    Broker(BrokerArguments),
    /// Become another program that sees less of this machine (used by the runner).
    #[command(hide = true)]
    Confine(PassedOn),
    /// Ask a LangGraph server for a run, as an agent (used by the runner).
    #[command(hide = true)]
    Langgraph(PassedOn),
    /// Play a recorded run as an agent (used by the runner).
    #[command(hide = true)]
    Replay(PassedOn),
    /// Hold one pod's processes (used by the embedded cluster's node).
    #[command(hide = true)]
    Shim(PassedOn),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunnerCommand {
    /// Make a recording of a run that was real, for `demo --recording` and sessions of runner type `replay`.
    Record(RecordArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BrokerArguments {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where bindings and counts are kept; no other broker may have it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The public keys of those who bind runs and sign their tokens, one a line: the operator's, and no other.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_keys: PathBuf,
    /// Where credentials are: DIR/NAMESPACE/NAME/ENTRY. Without it they are read as Secrets, by the service account
    /// or the kubeconfig.
    #[arg(long, value_name = "DIR")]
    pub(crate) credentials: Option<PathBuf>,
    /// A models.json that overrides single models of the built-in one.
    #[arg(long, value_name = "FILE")]
    pub(crate) models: Option<PathBuf>,
    /// A binding to start with; may be given several times.
    #[arg(long = "binding", value_name = "FILE")]
    pub(crate) bindings: Vec<PathBuf>,
    /// Live as long as whoever holds standard input open, and then as long as a run is bound; begin when another broker
    /// has let go of the folder.
    #[arg(long, hide = true)]
    pub(crate) companion: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BootstrapArguments {
    /// The address of the repository that holds your manifests, as the cluster reaches it.
    #[arg(long, value_name = "URL")]
    pub(crate) repo: String,
    /// A file of name=value lines that open the repository: username and password, or token; url where they are for
    /// more than this one repository. Later runs keep them if none are named.
    #[arg(long, value_name = "FILE")]
    pub(crate) git_credentials: Option<PathBuf>,
    /// The branch to read.
    #[arg(long, default_value = "main")]
    pub(crate) branch: String,
    /// The folder of the manifests within the repository.
    #[arg(long, default_value = "ambient", value_parser = folder_within)]
    pub(crate) path: String,
    /// The name of this installation on results branches; no other may have it.
    #[arg(long, value_name = "NAME")]
    pub(crate) installation: String,
    /// The image of the control plane.
    #[arg(long, value_name = "IMAGE", default_value = "ambient.local/ambient:dev")]
    pub(crate) image: String,
    /// The image that runs sessions.
    #[arg(long, value_name = "IMAGE", default_value = "ambient.local/ambient-runner:dev")]
    pub(crate) runner_image: String,
    /// The image with the agents, if it is another.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) agent_image: Option<String>,
    /// Where users reach the pages.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) public_url: String,
    /// How long to wait until all is ready, in seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// A part of the control plane. Each reaches the Kubernetes API by its service account, or by the kubeconfig.
#[derive(Debug, Subcommand)]
pub(crate) enum ServeCommand {
    /// Git to cluster.
    ReconcilerGit(ReconcilerArguments),
    /// Cluster to Jobs, ledger and results.
    Operator(OperatorArguments),
    /// Pages, REST and streams.
    Backend(BackendArguments),
}

/// Arguments of every part.
#[derive(Debug, Args)]
pub(crate) struct PartArguments {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The file with the key it signs tokens with, as a PASERK.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcilerArguments {
    #[command(flatten)]
    pub(crate) part: PartArguments,
    /// Where mirrors of repositories are kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where the operator serves records.
    #[arg(long, value_name = "URL")]
    pub(crate) records_url: String,
}

#[derive(Debug, Args)]
pub(crate) struct OperatorArguments {
    #[command(flatten)]
    pub(crate) part: PartArguments,
    /// Where mirrors of repositories are kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The public keys that runners and records accept, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_keys: PathBuf,
    /// The name of this installation on results branches.
    #[arg(long, value_name = "NAME")]
    pub(crate) installation: String,
    /// The image that runs sessions.
    #[arg(long, value_name = "IMAGE", default_value = ambient_protocol::registry::RUNNER_IMAGE)]
    pub(crate) runner_image: String,
    /// The image with the agents, if it is another.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) agent_image: Option<String>,
    /// Where the broker is, for this part and for runners, as http://host:port. Without it agents have their keys
    /// themselves, and no budget but their own is kept.
    #[arg(long, value_name = "URL", value_parser = broker_url)]
    pub(crate) broker_url: Option<String>,
    /// Most sessions that run at once.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one)]
    pub(crate) slots: usize,
    /// Take over results branches that belong to another installation.
    #[arg(long)]
    pub(crate) take_over: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackendArguments {
    #[command(flatten)]
    pub(crate) part: PartArguments,
    /// Where the operator serves records.
    #[arg(long, value_name = "URL")]
    pub(crate) records_url: String,
    /// Where users reach the pages.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: String,
}

#[derive(Debug, Args)]
pub(crate) struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// The repository that holds your manifests, bare or not.
    #[arg(long, value_name = "PATH")]
    pub(crate) repo: PathBuf,
    /// The branch to read.
    #[arg(long, default_value = "main")]
    pub(crate) branch: String,
    /// The folder of the manifests within the repository.
    #[arg(long, default_value = "ambient", value_parser = folder_within)]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) local: LocalArguments,
    /// Take over a results branch that belongs to another installation.
    #[arg(long)]
    pub(crate) take_over: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// End when the run has ended, with exit code 0 only if it completed and all that the agent made is on the remote.
    #[arg(long)]
    pub(crate) once: bool,
    /// How the outcome is shown.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) output: OutputFormat,
    /// The agent that works.
    #[arg(long, value_enum, default_value_t = DemoAgent::Replay)]
    pub(crate) agent: DemoAgent,
    /// Answer the agent from a script on this machine instead of the real model service.
    #[arg(long)]
    pub(crate) scripted_model: bool,
    /// The key for the agent's real model service.
    #[arg(long, env = "ANTHROPIC_API_KEY", hide_env_values = true, hide = true)]
    pub(crate) anthropic_api_key: Option<String>,
    #[arg(long, env = "GEMINI_API_KEY", hide_env_values = true, hide = true)]
    pub(crate) gemini_api_key: Option<String>,
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, hide = true)]
    pub(crate) openai_api_key: Option<String>,
    /// A recorded run to play instead of the built-in one.
    #[arg(long, value_name = "PATH")]
    pub(crate) recording: Option<PathBuf>,
    /// The program that runs sessions; another one is of use for tests only.
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) runner_bin: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) local: LocalArguments,
}

/// Arguments of everything that runs on this machine.
#[derive(Debug, Args, Clone)]
pub(crate) struct LocalArguments {
    /// Where the embedded cluster, mirrors and pods are kept [default: the user's data folder; a new one for `demo`].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the dashboard listens; port 0 takes a free one [default: 127.0.0.1:8080, or a free port if that is taken].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Most sessions that run at once.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = at_least_one)]
    pub(crate) slots: usize,
    /// Whether agents see their own workspace and home alone: auto where this system can do it, on, off.
    #[arg(long, default_value = "auto", value_name = "auto|on|off", value_parser = sandbox)]
    pub(crate) sandbox: Sandbox,
    /// The Claude Code program.
    #[arg(
        long,
        value_name = "PATH",
        env = "AMBIENT_CLAUDE_BIN",
        hide_env_values = true,
        default_value = "claude"
    )]
    pub(crate) claude_bin: PathBuf,
    /// The Gemini CLI program.
    #[arg(
        long,
        value_name = "PATH",
        env = "AMBIENT_GEMINI_BIN",
        hide_env_values = true,
        default_value = "gemini"
    )]
    pub(crate) gemini_bin: PathBuf,
    /// The program that starts the server of a graph in a repository.
    #[arg(
        long,
        value_name = "PATH",
        env = "AMBIENT_LANGGRAPH_BIN",
        hide_env_values = true,
        default_value = "langgraph"
    )]
    pub(crate) langgraph_bin: PathBuf,
    /// The folder for data where `--data-dir` is not given.
    #[arg(long, env = "XDG_DATA_HOME", hide = true)]
    pub(crate) user_data: Option<PathBuf>,
    /// The user's home folder.
    #[arg(long, env = "HOME", hide = true)]
    pub(crate) home: Option<PathBuf>,
    /// The user's name, a part of the installation's.
    #[arg(long, env = "USER", hide = true)]
    pub(crate) user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// One JSON object on standard output.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoAgent {
    /// A recorded run, effects on files included.
    Replay,
    /// Claude Code.
    Claude,
    /// Gemini CLI.
    Gemini,
    /// A LangGraph graph.
    Langgraph,
}

fn sandbox(word: &str) -> Result<Sandbox, UnknownSandbox> {
    word.parse()
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse::<std::num::NonZeroUsize>().map_err(|error| error.to_string())?;
    Ok(number.get())
}

/// An address of this form alone: sessions' requests go there as they are.
fn broker_url(text: &str) -> Result<String, String> {
    let address: axum::http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    // A variable that was not there is left as it was written.
    let is_known = address.host().is_some_and(|host| !host.contains('$'));
    let is_plain = address.scheme_str() == Some("http") && address.port().is_some() && address.path() == "/";
    if is_known && is_plain {
        Ok(text.to_owned())
    } else {
        Err("an address such as http://10.0.0.1:8092".to_owned())
    }
}

/// A folder within a repository.
fn folder_within(text: &str) -> Result<String, String> {
    let parts = || std::path::Path::new(text).components();
    if parts().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) || text.is_empty() {
        return Err("a folder within the repository, such as `ambient`, or `.` for all of it".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_brokers_address_is_whole() {
        for (text, is_taken) in [
            ("http://10.0.0.1:8092", true),
            ("http://$(AMBIENT_BROKER_SERVICE_HOST):8092", false),
            ("https://10.0.0.1:8092", false),
            ("http://10.0.0.1", false),
            ("10.0.0.1:8092", false),
        ] {
            assert_eq!(broker_url(text).is_ok(), is_taken, "{text}");
        }
    }

    #[test]
    fn manifests_are_within_the_repository() {
        for (path, is_taken) in [
            ("ambient", true),
            (".", true),
            ("a/b/", true),
            ("", false),
            ("/", false),
            ("../x", false),
            ("a/../b", false),
        ] {
            let typed = ["ambient", "up", "--repo", ".", "--path", path];
            assert_eq!(Arguments::try_parse_from(typed).is_ok(), is_taken, "{path}");
        }
    }

    #[test]
    fn help_reads_well() {
        for name in ["ambient", "demo", "up", "validate"] {
            let mut command = Arguments::command();
            command.build();
            let help = match command.find_subcommand_mut(name) {
                Some(subcommand) => subcommand.render_long_help(),
                None => command.render_long_help(),
            };
            insta::assert_snapshot!(format!("help of {name}"), help);
        }
    }
}
