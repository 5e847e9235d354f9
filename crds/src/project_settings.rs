//! `ProjectSettings`: a project's own defaults, within its ceilings.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::shared::{Approval, Budget, GroupAccess, McpServers};
use crate::vocabulary::vocabulary;

/// Seconds of agent time where neither session nor settings speak: four hours.
pub const DEFAULT_TIMEOUT_SECONDS: i32 = 4 * 60 * 60;
/// Seconds without activity where neither session nor settings speak: 24 hours.
pub const DEFAULT_INACTIVITY_TIMEOUT_SECONDS: i32 = 24 * 60 * 60;

/// A project's own defaults. They can narrow the Project's ceilings, never widen them.
#[expect(clippy::duplicated_attributes, reason = "each printer column has a name and a type")]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vteam.ambient-code",
    version = "v1alpha1",
    kind = "ProjectSettings",
    plural = "projectsettings",
    singular = "projectsetting",
    shortname = "ps",
    category = "ambient",
    namespaced,
    status = "ProjectSettingsStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "ProjectSettings holds a project's own defaults for its sessions. There is one per project, named projectsettings.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the settings are in force"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSettingsSpec {
    /// Who may do what, within the Project's own list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["groupName", "role"])
    )]
    pub group_access: Vec<GroupAccess>,
    /// The Secret with model keys for runners. Without it: `ambient-runner-secrets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_subdomain")]
    pub runner_secrets_name: Option<String>,
    /// Where agents ask for models by way of Vertex AI. Without it: at the models' own services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertex: Option<Vertex>,
    /// Repositories of the project, offered when a session is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["url"])
    )]
    pub repositories: Vec<ProjectRepository>,
    /// Seconds without activity after which a session is put to sleep; 0 means never. Used where
    /// `defaults.inactivityTimeout` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub inactivity_timeout_seconds: Option<i32>,
    /// MCP servers of all sessions of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_servers: Option<McpServers>,
    /// What applies to sessions that do not say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<SessionDefaults>,
}

impl ProjectSettingsSpec {
    /// The project's own timeout for idle sessions, if it has one.
    pub fn inactivity_timeout(&self) -> Option<i32> {
        let preferred = self.defaults.as_ref().and_then(|defaults| defaults.inactivity_timeout);
        preferred.or(self.inactivity_timeout_seconds)
    }
}

/// Rules on the whole object: `(CEL, message)`.
pub(crate) const RULES: &[(&str, &str)] = &[(
    "self.metadata.name == 'projectsettings'",
    "a project has one ProjectSettings, named projectsettings",
)];

/// A place at Vertex AI. The Secret with model keys then has `GOOGLE_APPLICATION_CREDENTIALS` (a service account's key in
/// JSON), `GOOGLE_ACCESS_TOKEN` or, for Google's models, `GOOGLE_API_KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vertex {
    /// The Google Cloud project that is billed.
    #[schemars(schema_with = "bounds::cloud_project")]
    pub project: String,
    /// The region: `us-east5`, `eu`. Without it: `global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_label")]
    pub region: Option<String>,
    /// Whose models are asked for there; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub publishers: Vec<ModelPublisher>,
}

vocabulary! {
    /// A publisher of models at Vertex AI.
    pub enum ModelPublisher {
        /// Claude.
        Anthropic = "anthropic",
        /// Gemini.
        Google = "google",
    }
}

/// A repository of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectRepository {
    /// Where it is, without credentials.
    #[schemars(schema_with = "bounds::git_url")]
    pub url: String,
    /// The branch to start from. Without it: the remote's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// The kind of forge. Without it: told from the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ForgeProvider>,
}

vocabulary! {
    /// A kind of forge.
    pub enum ForgeProvider {
        /// GitHub, or a server with its API.
        GitHub = "github",
        /// GitLab, or a server with its API.
        GitLab = "gitlab",
    }
}

/// What applies to sessions that do not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// Seconds of agent time of one run. Without it: four hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub timeout: Option<i32>,
    /// Seconds without activity; 0 means never. Without it: `inactivityTimeoutSeconds`, then 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub inactivity_timeout: Option<i32>,
    /// The model. Without it: the agent registry's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::model")]
    pub model: Option<String>,
    /// The agent framework. Without it: `claude-agent-sdk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_label")]
    pub runner_type: Option<String>,
    /// Bounds of what one run may consume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Which tool calls wait for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// What the operator says about a project's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSettingsStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: Option<i64>,
    /// How many role bindings the settings led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub group_bindings_created: Option<i32>,
    /// Whether schedules of the project have the rights they need.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "scheduledSessionRBACReady")]
    pub scheduled_session_rbac_ready: Option<bool>,
    /// Whether the namespace's default limits are in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_range_ready: Option<bool>,
    /// What holds of the settings and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::conditions")]
    pub conditions: Vec<Condition>,
}
