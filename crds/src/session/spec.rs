//! The session itself: what a manifest says.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deprecated::{BotAccount, ResourceOverrides};
use super::status::AgenticSessionStatus;
use super::task::{
    ActiveWorkflow, Dependency, LlmSettings, Resources, Retry, SessionRepository, StopLatch, UserContext,
    WakeLatch,
};
use crate::bounds;
use crate::names::RunNumber;
use crate::shared::{Approval, Budget, McpServers};
use crate::vocabulary::vocabulary;

/// What one session asks for.
///
/// Defaults for model, timeouts, budget and approval come from the project's settings; the API server fills in only
/// what has the same meaning everywhere.
#[expect(clippy::duplicated_attributes, reason = "each printer column has a name and a type")]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vteam.ambient-code",
    version = "v1alpha1",
    kind = "AgenticSession",
    plural = "agenticsessions",
    singular = "agenticsession",
    shortname = "as",
    category = "ambient",
    namespaced,
    status = "AgenticSessionStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An AgenticSession is one task for an AI agent and its numbered runs. Each run ends as a commit: what ran, what it changed, what it cost.",
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where the current run stands"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it stands there"
    ),
    printcolumn(name = "Run", type_ = "integer", json_path = ".status.run", description = "The current run"),
    printcolumn(
        name = "Runner",
        type_ = "string",
        json_path = ".spec.runnerType",
        description = "The agent framework",
        priority = 1
    ),
    printcolumn(
        name = "Model",
        type_ = "string",
        json_path = ".spec.llmSettings.model",
        description = "The model asked for",
        priority = 1
    ),
    printcolumn(
        name = "Cost",
        type_ = "number",
        json_path = ".status.usage.costUsd",
        description = "US dollars so far",
        priority = 1
    ),
    printcolumn(
        name = "Result",
        type_ = "string",
        json_path = ".status.resultCommit",
        description = "The commit that recorded the result",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AgenticSessionSpec {
    /// The first prompt of each run. Later messages come from people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<65536>")]
    pub initial_prompt: Option<String>,
    /// A name for people. The object's own name is shown where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub display_name: Option<String>,
    /// The agent framework, a key of the agent registry. Without it: the project's default, then `claude-agent-sdk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_label")]
    pub runner_type: Option<String>,
    /// Whether the run goes on after the first answer and waits for further messages.
    #[serde(default)]
    pub interactive: bool,
    /// Repositories to clone into the workspace. The agent starts in the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub repos: Vec<SessionRepository>,
    /// Instructions for the agent that come from a repository of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_workflow: Option<ActiveWorkflow>,
    /// The model and its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_settings: Option<LlmSettings>,
    /// Seconds of agent time after which the run ends as failed. The clock stands still while a person is awaited.
    /// Without it: the project's default, then four hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub timeout: Option<i32>,
    /// Seconds without activity after which an interactive run is put to sleep and a pending question is denied; 0
    /// means never. Without it: the project's default, then 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub inactivity_timeout: Option<i32>,
    /// Whether an interactive run ends after its first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_on_run_finished: Option<bool>,
    /// Plain environment variables for the agent. Never put secrets here: they are readable to whoever reads the
    /// repository.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::environment")]
    pub environment_variables: BTreeMap<String, String>,
    /// MCP servers, laid over those of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_servers: Option<McpServers>,
    /// Who asked for the session. For display only, never an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_context: Option<UserContext>,
    /// Sessions of the same project whose run must have completed before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub depends_on: Vec<Dependency>,
    /// Bounds of what a run may consume, within those of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Which tool calls wait for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Processor, memory and disk for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// What the run should be doing; read at all times, not only when the run starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_phase: Option<DesiredPhase>,
    /// The number of the run that is wanted. Raise it to run the task again; a lower number is without effect.
    #[serde(default)]
    pub run: RunNumber,
    /// What happens to a run under way when the session is deleted or leaves Git.
    #[serde(default)]
    pub deletion_policy: SessionDeletionPolicy,
    /// Seconds to keep the object after its run has ended and the result is recorded. Without it, it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// When a failed attempt is followed by another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Asks to stop a run. Set by a user's client, refused in manifests; it never goes back to an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopLatch>,
    /// Asks to go on with a run that sleeps. Set by a user's client, refused in manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<WakeLatch>,
    /// Deprecated and without effect: the project is the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub project: Option<String>,
    /// Deprecated and without effect: the platform pushes with the project's own Git credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_account: Option<BotAccount>,
    /// Deprecated and without effect: use `resources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_overrides: Option<ResourceOverrides>,
    /// Deprecated and without effect: the agent starts in the first repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub main_repo_name: Option<String>,
    /// Deprecated and without effect: the agent starts in the first repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub main_repo_index: Option<i32>,
    /// Deprecated and without effect: use `repos[].autoPush` or `repos[].output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_push_on_complete: Option<bool>,
}

/// Rules on the whole object: `(CEL, message)`.
pub(crate) const RULES: &[(&str, &str)] = &[
    (
        "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
        "a session's name has at most 63 characters and no dot",
    ),
    (
        "!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.name != self.metadata.name)",
        "a session cannot depend on itself",
    ),
    (
        "!has(oldSelf.spec.stop) || (has(self.spec.stop) && self.spec.stop.run >= oldSelf.spec.stop.run)",
        "stop is a latch: it stays, and only moves to a later run",
    ),
    (
        "!has(oldSelf.spec.wake) || (has(self.spec.wake) && (self.spec.wake.run > oldSelf.spec.wake.run || \
         (self.spec.wake.run == oldSelf.spec.wake.run && (has(self.spec.wake.attempt) ? self.spec.wake.attempt : 2) >= \
         (has(oldSelf.spec.wake.attempt) ? oldSelf.spec.wake.attempt : 2))))",
        "wake is a latch: it stays, and only moves to a later run or attempt",
    ),
];

vocabulary! {
    /// What a session's run should be doing.
    pub enum DesiredPhase {
        /// Run as soon as there is room; the default.
        Running = "Running",
        /// Do not start, and stop what runs.
        Stopped = "Stopped",
        /// Do not start; let run what runs.
        Held = "Held",
    }
}

vocabulary! {
    /// What happens to a run under way when its session is deleted or leaves Git.
    pub enum SessionDeletionPolicy default Cancel {
        /// The run is stopped, its result recorded, then the object goes.
        Cancel = "Cancel",
        /// The run goes on to its end without a source; then the object goes.
        Orphan = "Orphan",
        /// The object stays until a person decides.
        Hold = "Hold",
    }
}
