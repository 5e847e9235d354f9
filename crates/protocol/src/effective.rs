//! The effective session: all that one run acts on, resolved and pinned when the run starts (rule 14).
//!
//! The operator merges session, project settings, ceilings and agent registry once, stores the result, and acts on
//! that; later edits of any of them wait for the next run. It holds no secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::broker::EgressRule;
use crate::registry::AgentEntry;
use crate::run::RunKey;

/// One run's instructions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSession {
    /// The run.
    pub key: RunKey,
    /// UID of the session object; the audience of tokens for this run's runner.
    pub session_uid: String,
    /// Generation of the session object that was pinned.
    pub generation: i64,
    /// When it was pinned; the month of it names the result folder.
    pub pinned_at: Timestamp,
    /// The document the session came from, if it came from Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReference>,
    /// A display name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who asked for it, for display only; never an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Key of the agent registry.
    pub runner_type: String,
    /// The registry's entry for it.
    pub agent: AgentEntry,
    /// What the agent is asked to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// What the agent is told beside it: the results of what this session depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// Whether the run waits for further messages after its first turn.
    pub interactive: bool,
    /// The model and its parameters.
    pub model: ModelSettings,
    /// Bounds of the run.
    pub limits: Limits,
    /// What the project allows its runs.
    #[serde(default, skip_serializing_if = "Allowed::is_default")]
    pub allowed: Allowed,
    /// Which tool calls need a person's consent.
    #[serde(default)]
    pub approval: Approval,
    /// Repositories to check out, in order; the first is where the agent starts.
    #[serde(default)]
    pub repositories: Vec<EffectiveRepository>,
    /// The active workflow, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    /// MCP servers by name, in the agent's own configuration form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_servers: BTreeMap<String, serde_json::Value>,
    /// Plain environment variables for the agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The Secret with the agent's keys; absent means the platform's default name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_secret: Option<String>,
    /// Where the project has its models on Vertex AI, if it has them there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertex: Option<Vertex>,
    /// Where the result goes.
    pub results: ResultsTarget,
}

impl EffectiveSession {
    /// The framework whose bridge drives the agent: a runner type that ships, whatever name the session's has.
    #[must_use]
    pub fn framework(&self) -> &str {
        &self.agent.capabilities.framework
    }

    /// `sha256:<hex>` of the canonical JSON, recorded in the ledger: tells what a run acted on.
    #[must_use]
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("sha256:{}", hex(&Sha256::digest(json)))
    }

    /// The UTC month of the pin, `yyyy-mm`, part of the result's path.
    #[must_use]
    pub fn month(&self) -> String {
        let date = self.pinned_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        format!("{:04}-{:02}", date.year(), date.month())
    }

    /// The result's folder on the results branch.
    #[must_use]
    pub fn result_path(&self) -> String {
        self.key.result_path(&self.month())
    }
}

/// A place at Vertex AI, Google Cloud's service of models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vertex {
    /// The project that is billed.
    pub project: String,
    /// The region, or `global`.
    pub region: String,
    /// Whose models are asked for there, by the service's own names: `anthropic`, `google`.
    pub publishers: Vec<String>,
}

/// One thing that an agent is told beside what is asked of it, in AG-UI's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextItem {
    /// What it is.
    pub description: String,
    /// Its text.
    pub value: String,
}

/// The document that a session came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReference {
    /// The repository, without credentials.
    pub repository: String,
    /// The commit that was applied when the run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The file within the repository.
    pub path: String,
}

/// The model and its parameters; what is absent is the agent's own default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelSettings {
    /// The model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Longest answer, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

/// Bounds of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Seconds of agent time; it does not run while a person is awaited.
    pub timeout_seconds: u64,
    /// Seconds a person may be awaited.
    pub inactivity_timeout_seconds: u64,
    /// Most US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Most tokens, in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Most model turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
}

/// What a project's ceilings allow beyond what one session asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Allowed {
    /// Models that the agent may ask for; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Where it may go through the broker; empty means nowhere but to its model and its repositories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressRule>,
}

impl Allowed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which tool calls need a person's consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Approval {
    /// Whether anybody is asked.
    pub mode: ApprovalMode,
    /// Tools to ask for; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
}

impl Approval {
    /// Whether a call of this tool waits for consent. A tool whose name is not told could be any.
    #[must_use]
    pub fn holds(&self, tool: Option<&str>) -> bool {
        let is_named = |tool: &str| self.tools.iter().any(|other| other.eq_ignore_ascii_case(tool));
        self.mode == ApprovalMode::Ask && (self.tools.is_empty() || tool.is_none_or(is_named))
    }
}

/// Whether tool calls are put to a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalMode {
    /// Nobody is asked.
    #[default]
    Auto,
    /// Matching calls wait for an answer.
    Ask,
}

/// One repository of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveRepository {
    /// Folder name within the workspace; unique within the run.
    pub name: String,
    /// Where to clone from, without credentials.
    pub url: String,
    /// The branch to start from; absent means the remote's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The branch that receives the agent's commits.
    pub output_branch: String,
    /// Whether they are pushed; else they are a patch in the result and no more.
    #[serde(default = "yes")]
    pub push: bool,
    /// Whether a draft pull request is opened for them.
    #[serde(default)]
    pub pull_request: bool,
}

/// The active workflow: instructions that come from a repository of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Where to clone from.
    pub url: String,
    /// The branch; absent means the remote's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A folder within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Where ledger, results and transcripts of a project go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultsTarget {
    /// The repository, without credentials.
    pub url: String,
    /// The branch; one named installation owns it.
    pub branch: String,
    /// How results (not the ledger) arrive on it.
    #[serde(default)]
    pub mode: ResultsMode,
    /// The Secret that opens the repository. It is never written down with a run: whoever could change that would choose
    /// whose credentials are used.
    #[serde(skip)]
    pub secret: Option<ResultsSecret>,
}

/// Names the Secret that opens a results repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResultsSecret {
    /// Its namespace: the project's, or the system's for what a root source names.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// How results arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResultsMode {
    /// As commits on the results branch.
    #[default]
    Commit,
    /// As pull requests against it.
    PullRequest,
}

pub(crate) const fn yes() -> bool {
    true
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
