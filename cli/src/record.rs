//! `ambient runner record`: a run that was real becomes a recording to play.

use std::path::PathBuf;
use std::process::ExitCode;

use ambient_runner::recording;
use anyhow::Context as _;
use clap::Args;

use crate::output;

#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The run's log, such as `git show refs/ambient/transcripts/PROJECT/SESSION-rN:events.jsonl` gives it.
    #[arg(value_name = "LOG")]
    transcript: PathBuf,
    /// The repository that the agent worked on; what it changed there is recorded too.
    #[arg(long, value_name = "PATH", requires = "head")]
    repository: Option<PathBuf>,
    /// The commit or branch that the agent began with.
    #[arg(long, value_name = "COMMIT", default_value = "main")]
    base: String,
    /// The commit or branch that it left.
    #[arg(long, value_name = "COMMIT", requires = "repository")]
    head: Option<String>,
}

/// Prints the recording.
pub(crate) fn record(arguments: &RecordArguments) -> anyhow::Result<ExitCode> {
    let log = &arguments.transcript;
    let text = std::fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let changes = match (&arguments.repository, &arguments.head) {
        (Some(repository), Some(head)) => recording::changes(repository, &arguments.base, head)
            .with_context(|| format!("cannot tell what changed in {}", repository.display()))?,
        _ => Vec::new(),
    };
    let recording =
        recording::record(&text, &changes).with_context(|| format!("cannot record {}", log.display()))?;
    output::data(recording.trim_end());
    Ok(ExitCode::SUCCESS)
}
