//! `result.yaml`: what a run was, in full, for whoever reads the results branch without the platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effective::SourceReference;
use crate::ledger::{EndPhase, TranscriptReference};
use crate::outcome::DiffStat;
use crate::run::RunKey;
use crate::usage::Usage;

/// File name of the document within a result folder.
pub const RESULT_FILE: &str = "result.yaml";
/// File name of the page for people.
pub const README_FILE: &str = "README.md";
/// Folder of the patches, one file a repository.
pub const PATCHES_FOLDER: &str = "patches";

/// One run's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// [`crate::documents::API_VERSION`].
    pub api_version: String,
    /// `RunResult`.
    pub kind: String,
    /// The run.
    pub run: RunKey,
    /// A display name, if the session has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who asked for it, for display only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// The document it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReference>,
    /// What it ran on.
    pub effective: EffectiveSummary,
    /// Who ran it.
    pub executed_by: Execution,
    /// When the agent started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: OutcomeSummary,
    /// What it consumed.
    pub usage: Usage,
    /// What it left in repositories.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// The transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<TranscriptReference>,
    /// Secrets that were removed from what the run said.
    #[serde(default)]
    pub redactions: u64,
}

/// The decisive settings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSummary {
    /// Digest of the effective session.
    pub digest: String,
    /// The runner type.
    pub runner_type: String,
    /// The runner's image.
    pub image: String,
    /// The model, as reported by the agent or as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Where a run was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The installation's name.
    pub installation: String,
    /// Its cluster's id.
    pub cluster: String,
    /// UID of the session object.
    pub session_uid: String,
    /// The attempt that ended the run.
    pub attempt: u32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeSummary {
    /// The phase.
    pub phase: EndPhase,
    /// A public reason.
    pub reason: String,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The agent's own summary of what it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// What a run left in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The repository, without credentials.
    pub repo: String,
    /// The commit the agent started from.
    pub base: String,
    /// The branch that holds its commits; absent where it changed nothing or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The last of its commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The pull request, if one was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<String>,
    /// Size of the change.
    pub diff: DiffStat,
    /// The patch's path within the result folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// `sha256:<hex>` of the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_digest: Option<String>,
    /// Why its commits were not pushed, if they were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// What the agent left and was not taken, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}
