//! The outcome: what a runner says once at its end. It is the authority over any exit code (rule 17).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::EndPhase;
use crate::run::RunKey;
use crate::usage::Usage;

/// Most bytes of a bundle: runners make none that is larger, and the operator takes none. It holds what a person can
/// review, of which the new files alone have at most 100 MiB.
pub const BUNDLE_LIMIT: u64 = 128 * 1024 * 1024;

/// One run's outcome, synced to disk before it is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The run.
    pub run: RunKey,
    /// The attempt that made it.
    pub attempt: u32,
    /// How the run ended.
    pub exit: ExitReason,
    /// One sentence for people: the cause of a failure, naming repository, tool or limit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether it was stopped because its pod was told to end, and not the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_its_pod: bool,
    /// The agent's own summary of what it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The model, as the agent reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was consumed over all attempts.
    pub usage: Usage,
    /// When the first turn started, or the runner did if none was started.
    pub started_at: Timestamp,
    /// When the agent ended.
    pub ended_at: Timestamp,
    /// What it left in each repository.
    #[serde(default)]
    pub repositories: Vec<RepositoryOutcome>,
    /// Number of events in the log, which is also the last sequence number.
    pub events: u64,
    /// `sha256:<hex>` of the event log.
    pub events_digest: String,
    /// Secrets removed from the events.
    #[serde(default)]
    pub redactions: u64,
}

/// Why a run ended: the public reasons of conditions, events and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitReason {
    /// The agent reached its end.
    Completed,
    /// The agent said it failed.
    AgentFailed,
    /// The agent's process ended without a result.
    AgentCrashed,
    /// The agent used more memory than it may.
    OutOfMemory,
    /// The agent's container ended under it.
    AgentLost,
    /// The agent's program could not be started.
    AgentNotStarted,
    /// A repository could not be checked out.
    WorkspaceFailed,
    /// A limit of tokens, turns or money was reached.
    BudgetExceeded,
    /// The time for the agent was over.
    TimedOut,
    /// The run was stopped.
    Stopped,
    /// The conversation has rested for so long that its attempt was ended. The run goes on when somebody speaks: the
    /// next attempt takes the conversation up on the same volume. Nothing is recorded, and no retry is used up.
    Idle,
}

impl ExitReason {
    /// Whether the run has ended, and not only this attempt of it.
    #[must_use]
    pub const fn ends_run(self) -> bool {
        !matches!(self, Self::Idle)
    }

    /// The phase a run ends in for this reason. One that rests had nothing left to do: where it has to end all the same,
    /// it has completed.
    #[must_use]
    pub fn phase(self) -> EndPhase {
        match self {
            Self::Completed | Self::Idle => EndPhase::Completed,
            Self::Stopped => EndPhase::Stopped,
            _ => EndPhase::Failed,
        }
    }

    /// The reason's public name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::AgentFailed => "AgentFailed",
            Self::AgentCrashed => "AgentCrashed",
            Self::OutOfMemory => "OutOfMemory",
            Self::AgentLost => "AgentLost",
            Self::AgentNotStarted => "AgentNotStarted",
            Self::WorkspaceFailed => "WorkspaceFailed",
            Self::BudgetExceeded => "BudgetExceeded",
            Self::TimedOut => "TimedOut",
            Self::Stopped => "Stopped",
            Self::Idle => "Idle",
        }
    }
}

/// What a run left in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryOutcome {
    /// The repository's name within the run.
    pub name: String,
    /// The commit the agent started from.
    pub base: String,
    /// The last commit, absent where nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Commits between base and head.
    #[serde(default)]
    pub commits: u32,
    /// Whether the runner committed changes the agent had left uncommitted.
    #[serde(default)]
    pub committed_leftovers: bool,
    /// Size of the change.
    #[serde(default)]
    pub diff: DiffStat,
    /// The bundle of `base..head`, served at `/outcome/bundles/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// Why there is no bundle although there are commits: what must not leave the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// Files that Git ignores and that therefore were not committed, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// What else was not taken, each with why: repositories within the repository, what is too large.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Commits of the agent that are not in `head`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_lines: Vec<OtherLine>,
}

/// Commits beside those that are delivered, on another branch or on none: kept as a patch, and pushed nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherLine {
    /// The branch, or words for what has no name.
    pub name: String,
    /// The last of the commits.
    pub commit: String,
    /// What they change, redacted and cut.
    pub patch: String,
}

/// Commits that must not leave the runner, and what of them may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withheld {
    /// Why, each with its place.
    pub reasons: Vec<String>,
    /// The change as a patch, redacted and cut.
    pub patch: String,
}

/// Size of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DiffStat {
    /// Files touched.
    pub files: u32,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// A Git bundle file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// The ref within the bundle that points at the head.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Bytes.
    pub size: u64,
    /// `sha256:<hex>` of the file.
    pub digest: String,
}
