//! `Project`: one tenant, its namespace and its ceilings.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::labels::DEFAULT_RESULTS_BRANCH;
use crate::quantity::Quantity;
use crate::shared::{GroupAccess, OrphanPolicy, ResultsMode, SecretReference};

/// What one tenant is and may do.
#[expect(clippy::duplicated_attributes, reason = "each printer column has a name and a type")]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vteam.ambient-code",
    version = "v1alpha1",
    kind = "Project",
    plural = "projects",
    singular = "project",
    shortname = "proj",
    category = "ambient",
    status = "ProjectStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Project is one tenant: a namespace of the same name with its access, quota, network policy, sync identity, ceilings and results target. Only root sources may hold one.",
    printcolumn(
        name = "Display name",
        type_ = "string",
        json_path = ".spec.displayName",
        description = "The name for people"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether sessions can run"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why"
    ),
    printcolumn(
        name = "Results",
        type_ = "string",
        json_path = ".status.results.url",
        description = "Where results go",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSpec {
    /// A name for people. The object's own name is shown where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub display_name: Option<String>,
    /// What the project is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<4096>")]
    pub description: Option<String>,
    /// Who may do what. Entries of the project's settings stay within these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["groupName", "role"])
    )]
    pub group_access: Vec<GroupAccess>,
    /// What all runs of the project together may take of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<ProjectQuota>,
    /// Bounds that no setting and no session of the project can widen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceilings: Option<Ceilings>,
    /// Where ledger, results and transcripts go. Without it: where the root source that declares the project sends
    /// its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<ProjectResults>,
    /// Whether the project's own sources may hold its ProjectSettings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_project_settings: Option<bool>,
    /// What happens to the namespace and all in it when the Project is deleted or leaves Git.
    #[serde(default)]
    pub deletion_policy: OrphanPolicy,
}

/// Rules on the whole object: `(CEL, message)`.
pub(crate) const RULES: &[(&str, &str)] = &[
    (
        "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
        "a project's name has at most 63 characters and no dot",
    ),
    (
        "!self.metadata.name.startsWith('kube-') && !self.metadata.name.startsWith('openshift-')",
        "names that begin with kube- or openshift- belong to the cluster: choose another project name",
    ),
    (
        "!(self.metadata.name in ['default', 'ambient-system'])",
        "default and ambient-system belong to the cluster and the platform: choose another project name",
    ),
];

/// What all runs of a project together may take of the cluster: a ResourceQuota of its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectQuota {
    /// Processor cores: `20`, `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub cpu: Option<Quantity>,
    /// Memory: `64Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub memory: Option<Quantity>,
    /// Disk of all workspaces: `500Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::quantity")]
    pub storage: Option<Quantity>,
    /// Number of pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub pods: Option<i32>,
}

/// Bounds of a project. What is absent is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ceilings {
    /// Most money one run may cost, in US dollars, fractions allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::money")]
    pub max_cost_usd: Option<f64>,
    /// Most tokens of one run, read and written together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub max_tokens: Option<i64>,
    /// Most seconds of agent time of one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub timeout: Option<i32>,
    /// The models that may be used, each by any of its names, or a beginning of names with `*`: `claude-sonnet-4-5`,
    /// `claude-*`. Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::model_set")]
    pub models: Vec<String>,
    /// The agent frameworks that may be used; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::runner_type_set")]
    pub runner_types: Vec<String>,
    /// The hosts an agent may reach, besides models and its repositories: `example.com`, `*.example.com`,
    /// `example.com:8443`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::egress_set")]
    pub egress: Vec<String>,
    /// Most sessions that run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_concurrent_sessions: Option<i32>,
}

/// Where ledger, results and transcripts of a project go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectResults {
    /// The repository, without credentials.
    #[schemars(schema_with = "bounds::git_url")]
    pub url: String,
    /// The branch, which one installation owns and nobody syncs from.
    #[serde(default = "default_results_branch")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: String,
    /// How results reach the branch.
    #[serde(default)]
    pub mode: ResultsMode,
    /// The Git credential: a Secret of the project's namespace that names the host and repository it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
}

pub(crate) fn default_results_branch() -> String {
    DEFAULT_RESULTS_BRANCH.to_owned()
}

/// What the operator says about a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: Option<i64>,
    /// The results target in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<ResultsTargetStatus>,
    /// What holds of the project and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::conditions")]
    pub conditions: Vec<Condition>,
}

/// A results target in force, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultsTargetStatus {
    /// The repository, without credentials.
    #[schemars(schema_with = "bounds::word::<2048>")]
    pub url: String,
    /// The branch.
    #[schemars(schema_with = "bounds::branch")]
    pub branch: String,
    /// How results reach the branch.
    #[serde(default)]
    pub mode: ResultsMode,
    /// The root source it was taken from; absent if the project names its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_subdomain")]
    pub source: Option<String>,
    /// The Secret with the Git credential: of the root source's namespace if there is one above, else of the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::dns_subdomain")]
    pub secret: Option<String>,
}
