//! How runner types are run on this machine: this executable is the runner's image, and agents are programs here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ambient_local_cluster::node::{ImageCommand, ImageTable, ShimCommand};
use ambient_protocol::registry::{
    AgentRegistry, DEFAULT_RUNNER_TYPE, GEMINI_CLI, LANGGRAPH, REPLAY, RUNNER_IMAGE,
};
use anyhow::Context as _;

use crate::arguments::LocalArguments;

/// Programs of this machine.
pub(crate) struct Agents {
    executable: PathBuf,
    runner: PathBuf,
    /// Agents' programs by runner type; the others are started by the registry's names.
    programs: BTreeMap<&'static str, PathBuf>,
    /// What starts the servers of graphs.
    graph_server: Option<PathBuf>,
    recording: Option<PathBuf>,
}

impl Agents {
    /// This executable as runner, shim and replayer, and agents from the path.
    pub(crate) fn here() -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("cannot find this program's own file")?;
        Ok(Self {
            runner: executable.clone(),
            executable,
            programs: BTreeMap::new(),
            graph_server: None,
            recording: None,
        })
    }

    /// Other programs of agents.
    pub(crate) fn with_programs(mut self, arguments: &LocalArguments) -> anyhow::Result<Self> {
        let named = [(DEFAULT_RUNNER_TYPE, &arguments.claude_bin), (GEMINI_CLI, &arguments.gemini_bin)];
        for (runner_type, program) in named {
            self.programs.insert(runner_type, program_at(program)?);
        }
        self.graph_server = Some(program_at(&arguments.langgraph_bin)?);
        Ok(self)
    }

    /// A recorded run that replaces the built-in one.
    pub(crate) fn with_recording(self, recording: Option<&Path>) -> anyhow::Result<Self> {
        let recording = recording.map(existing).transpose()?;
        Ok(Self { recording, ..self })
    }

    /// Another program as runner.
    pub(crate) fn with_runner(self, program: Option<PathBuf>) -> Self {
        let runner = program.unwrap_or_else(|| self.runner.clone());
        Self { runner, ..self }
    }

    /// This executable.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// The agent registry with this machine's programs.
    pub(crate) fn registry(&self) -> AgentRegistry {
        let mut registry = AgentRegistry::built_in();
        if let Some(replay) = registry.agents.get_mut(REPLAY) {
            replay.command = vec![self.executable.display().to_string(), "replay".to_owned()];
            if let Some(recording) = &self.recording {
                replay.command.extend(["--fixture".to_owned(), recording.display().to_string()]);
            }
        }
        if let (Some(langgraph), Some(server)) = (registry.agents.get_mut(LANGGRAPH), &self.graph_server) {
            let words = ["langgraph", "--server-program"].map(str::to_owned);
            langgraph.command = vec![self.executable.display().to_string()];
            langgraph.command.extend(words);
            langgraph.command.push(server.display().to_string());
        }
        for (runner_type, program) in &self.programs {
            if let Some(agent) = registry.agents.get_mut(*runner_type) {
                agent.command = vec![program.display().to_string()];
            }
        }
        registry
    }

    /// What each image is on this machine.
    pub(crate) fn images(&self) -> ImageTable {
        let runner = ImageCommand {
            program: self.runner.clone(),
            arguments: vec!["runner".to_owned()],
            environment: Vec::new(),
        };
        ImageTable::from([(RUNNER_IMAGE.to_owned(), runner)])
    }

    /// How the node starts the process that holds a pod.
    pub(crate) fn shim(&self) -> ShimCommand {
        ShimCommand { program: self.executable.clone(), arguments: vec!["shim".to_owned()] }
    }
}

/// A bare name is looked for on the path, when and where it is started.
fn program_at(program: &Path) -> anyhow::Result<PathBuf> {
    let is_name = program.components().count() == 1 && !program.has_root();
    if is_name { Ok(program.to_owned()) } else { existing(program) }
}

/// A file as its absolute path: agents are started in folders of their own.
fn existing(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::canonicalize(path).with_context(|| format!("cannot use {}", path.display()))
}
