//! The parts of a session's spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::names::RunNumber;
use crate::quantity::Quantity;

/// One repository of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRepository {
    /// Where to clone from, without credentials: `https://`, `ssh://`, `user@host:path`; a path of this machine only
    /// in local mode.
    #[schemars(schema_with = "bounds::git_url")]
    pub url: String,
    /// The branch to start from. Without it: the remote's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// Whether the agent's commits are pushed when the run ends; `false` keeps them as a patch in the result. Without
    /// it they are pushed. The platform pushes; the agent has no credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_push: Option<bool>,
    /// Where the agent's commits go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<RepositoryOutput>,
}

impl SessionRepository {
    /// The folder it is cloned to: the last part of the URL, without `.git`.
    pub fn folder(&self) -> &str {
        let trimmed = self.url.trim_end_matches('/');
        let last = trimmed.rsplit(['/', ':']).next().unwrap_or(trimmed);
        last.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(last)
    }
}

/// Where the agent's commits go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryOutput {
    /// The branch that receives the commits. Without it: `ambient/<project>/<session>-r<run>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// Asks for a draft pull request; may be empty (`pullRequest: {}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestSpec>,
}

/// A pull request for the agent's commits. It is always a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestSpec {
    /// Its title. Without it: the session's display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub title: Option<String>,
    /// The branch it asks to change. Without it: the branch the run started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub target_branch: Option<String>,
}

/// A workflow: instructions for the agent from a repository of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveWorkflow {
    /// Where to clone it from.
    #[schemars(schema_with = "bounds::git_url")]
    pub git_url: String,
    /// The branch. Without it: the remote's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// A folder within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::relative_path")]
    pub path: Option<String>,
}

/// The model and its parameters. What is absent is the project's or the agent's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LlmSettings {
    /// The name of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::model")]
    pub model: Option<String>,
    /// Sampling temperature, for frameworks that take one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: Option<f64>,
    /// The longest answer in tokens, for frameworks that take one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_tokens: Option<i32>,
}

/// Who asked for a session, for display.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserContext {
    /// The user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub user_id: Option<String>,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub display_name: Option<String>,
    /// The user's groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::word_set::<64, 253>")]
    pub groups: Vec<String>,
}

/// A session that must have completed first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its name, in the same project.
    #[schemars(schema_with = "bounds::dns_label")]
    pub name: String,
    /// The run that must have completed. Without it: the run its spec asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunNumber>,
}

/// What a run gets of the machine, within the project's quota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is set aside for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceAmounts>,
    /// What the agent may use at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceAmounts>,
    /// The size of the workspace volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub storage: Option<Quantity>,
}

/// Processor and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAmounts {
    /// Processor cores: `2`, `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub cpu: Option<Quantity>,
    /// Memory: `512Mi`, `8Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub memory: Option<Quantity>,
}

/// When an attempt that left no outcome, because its pod was lost, is followed by another one. What an agent itself
/// fails at ends the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How many further attempts a run has. Without it: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10))]
    pub limit: Option<i32>,
    /// Whether a claimed run that left no outcome, because its cluster was lost, is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_loss: Option<bool>,
}

/// A person's wish to stop a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopLatch {
    /// The run to stop. Earlier runs have ended, later ones are not touched.
    pub run: RunNumber,
    /// Who asked, for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub by: Option<String>,
    /// Why. `abandon` also gives up a result that cannot be recorded, and lets the workspace go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub reason: Option<String>,
}

impl StopLatch {
    /// The reason by which a person gives up a result.
    pub const ABANDON: &'static str = "abandon";

    /// Whether a result that cannot be recorded is given up.
    pub fn abandons(&self) -> bool {
        self.reason.as_deref() == Some(Self::ABANDON)
    }
}

/// A person's wish to go on with a run that sleeps. It is a latch: what was woken once is named again for the next time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WakeLatch {
    /// The run to wake.
    pub run: RunNumber,
    /// The attempt that begins by it: `status.attempt` and one. 2 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub attempt: Option<i32>,
    /// Who asked, for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub by: Option<String>,
}

impl WakeLatch {
    /// The first attempt that can begin by being woken.
    const FIRST: i32 = 2;

    /// Whether it wakes a run whose newest attempt is `attempt`.
    #[must_use]
    pub fn wakes(&self, run: RunNumber, attempt: u32) -> bool {
        let begins = u32::try_from(self.attempt.unwrap_or(Self::FIRST)).unwrap_or_default();
        self.run == run && begins > attempt
    }
}
