//! How runner types are run on this machine: this executable is the runner's image, and agents are programs here.

use std::path::{Path, PathBuf};

use ambient_local_cluster::node::{ImageCommand, ImageTable, ShimCommand};
use ambient_protocol::registry::{AgentRegistry, DEFAULT_RUNNER_TYPE, REPLAY, RUNNER_IMAGE};
use anyhow::Context as _;

/// Programs of this machine.
pub(crate) struct Agents {
    executable: PathBuf,
    runner: PathBuf,
    claude: PathBuf,
    recording: Option<PathBuf>,
}

impl Agents {
    /// This executable as runner, shim and replayer, and `claude` from the path.
    pub(crate) fn here() -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("cannot find this program's own file")?;
        Ok(Self { runner: executable.clone(), executable, claude: PathBuf::from("claude"), recording: None })
    }

    /// Another Claude Code program.
    pub(crate) fn with_claude(self, program: &Path) -> anyhow::Result<Self> {
        // A bare name is looked for on the path, when and where it is started.
        let is_name = program.components().count() == 1 && !program.has_root();
        let claude = if is_name { program.to_owned() } else { existing(program)? };
        Ok(Self { claude, ..self })
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

    /// The agent registry with this machine's programs.
    pub(crate) fn registry(&self) -> AgentRegistry {
        let mut registry = AgentRegistry::built_in();
        if let Some(replay) = registry.agents.get_mut(REPLAY) {
            replay.command = vec![self.executable.display().to_string(), "replay".to_owned()];
            if let Some(recording) = &self.recording {
                replay.command.extend(["--fixture".to_owned(), recording.display().to_string()]);
            }
        }
        if let Some(claude) = registry.agents.get_mut(DEFAULT_RUNNER_TYPE) {
            claude.command = vec![self.claude.display().to_string()];
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

/// A file as its absolute path: agents are started in folders of their own.
fn existing(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::canonicalize(path).with_context(|| format!("cannot use {}", path.display()))
}
