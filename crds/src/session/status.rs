//! What the operator says about a session.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::workspace::{ReconciledRepository, ReconciledWorkflow};
use crate::bounds;
use crate::names::RunNumber;
use crate::phase::Phase;
use crate::vocabulary::vocabulary;

/// What the operator says about a session: its current run, and what that has left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgenticSessionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: Option<i64>,
    /// Where the current run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The number of the current run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunNumber>,
    /// The number of the current attempt, from 1; 0 before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub attempt: Option<i32>,
    /// The Job of the current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_label")]
    pub job_name: Option<String>,
    /// When the agent of the current run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub start_time: Option<Time>,
    /// When the current run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub completion_time: Option<Time>,
    /// When agent or person were last active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub last_activity_time: Option<Time>,
    /// The document the run was started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SessionSource>,
    /// What the run has consumed so far, over all attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<SessionUsage>,
    /// How the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<SessionResult>,
    /// What the run has left in its repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub outputs: Vec<SessionOutput>,
    /// The commit on the results branch that recorded the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub result_commit: Option<String>,
    /// The Git ref of the transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub transcript_ref: Option<String>,
    /// What a person is awaited for; absent if nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// The sequence number of the last event of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub last_sequence: Option<i64>,
    /// What the agent framework can do; pages hide what it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<AgentCapabilities>,
    /// What ended a stopped run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<StoppedReason>,
    /// The repositories in the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub reconciled_repos: Vec<ReconciledRepository>,
    /// The workflow in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled_workflow: Option<ReconciledWorkflow>,
    /// The agent framework's own id of the conversation, by which a later attempt continues it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub sdk_session_id: Option<String>,
    /// How often the agent framework was started again within the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub sdk_restart_count: Option<i32>,
    /// What holds of the session and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::conditions")]
    pub conditions: Vec<Condition>,
}

/// The document a session came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSource {
    /// The repository, without credentials.
    #[schemars(schema_with = "bounds::word::<2048>")]
    pub repo: String,
    /// The commit that was applied when the run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: Option<String>,
    /// The file within the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<1024>")]
    pub path: Option<String>,
}

/// What a run has consumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionUsage {
    /// Tokens read by the model, those from a cache included.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub input_tokens: i64,
    /// Tokens written by the model.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub output_tokens: i64,
    /// The part of `inputTokens` that came from a cache.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub cached_input_tokens: i64,
    /// Money in US dollars; absent where nobody knows the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
    pub cost_usd: Option<f64>,
    /// Turns of the model.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub turns: i32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionResult {
    /// The agent's own summary, cut to 4096 characters; `result.yaml` has it whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<4096>")]
    pub summary: Option<String>,
    /// Why the run ended, as one word: `Completed`, `TimedOut`, `BudgetExceeded`, `Lost` and others.
    #[schemars(schema_with = "bounds::reason")]
    pub exit_reason: String,
}

/// What a run has left in one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionOutput {
    /// The repository, without credentials.
    #[schemars(schema_with = "bounds::word::<2048>")]
    pub repo: String,
    /// The branch that received the commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// The last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: Option<String>,
    /// The address of the pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<2048>")]
    pub pull_request: Option<String>,
    /// Why the commits were not pushed; they are a patch in the result then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::texts::<32, 1024>")]
    pub refused: Vec<String>,
}

/// What a person is awaited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingFor {
    /// What is wanted of the person.
    pub kind: WaitKind,
    /// The id of the question or request, which an answer names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub request: Option<String>,
    /// The question or the tool, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<1024>")]
    pub summary: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub since: Option<Time>,
}

vocabulary! {
    /// What is wanted of a person.
    pub enum WaitKind {
        /// A further message: the agent's turn has ended.
        Message = "Message",
        /// An answer to a question of the agent.
        Answer = "Answer",
        /// Consent to a tool call.
        Approval = "Approval",
    }
}

/// What the agent framework can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// The framework: a runner type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<128>")]
    pub framework: Option<String>,
    /// What a user can do with the agent, such as `agentic_chat`, `human_in_the_loop`, `thinking`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::word_set::<32, 64>")]
    pub agent_features: Vec<String>,
    /// Whether the agent works on files.
    #[serde(default)]
    pub file_system: bool,
    /// Whether it accepts MCP servers.
    #[serde(default)]
    pub mcp: bool,
    /// Whether it emits traces of its own.
    #[serde(default)]
    pub tracing: bool,
    /// Whether a conversation outlives the agent's process.
    #[serde(default)]
    pub session_persistence: bool,
}

vocabulary! {
    /// What ended a stopped run. `user` and `inactivity` are the origin platform's words.
    pub enum StoppedReason {
        /// A person asked for it.
        User = "user",
        /// Nobody was active for too long.
        Inactivity = "inactivity",
        /// `stopOnRunFinished` was set and the first answer has come.
        RunFinished = "run-finished",
        /// The session was deleted.
        Deleted = "deleted",
    }
}
