//! What a source says: where manifests are, and how they are kept applied.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::GitSourceStatus;
use crate::bounds;
use crate::duration;
use crate::project::default_results_branch;
use crate::shared::{OrphanPolicy, ResultsMode, SecretReference};
use crate::vocabulary::vocabulary;

/// One repository, ref and path that is kept applied.
///
/// Place decides power: in the platform's own namespace it may hold Projects and any project's objects; in a project's
/// namespace only that namespace's.
#[expect(clippy::duplicated_attributes, reason = "each printer column has a name and a type")]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "vteam.ambient-code",
    version = "v1alpha1",
    kind = "GitSource",
    plural = "gitsources",
    singular = "gitsource",
    shortname = "gs",
    category = "ambient",
    namespaced,
    status = "GitSourceStatus",
    derive = "PartialEq",
    doc = "A GitSource keeps the manifests of one repository, ref and path applied to the cluster.",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url", description = "The repository"),
    printcolumn(
        name = "Path",
        type_ = "string",
        json_path = ".spec.path",
        description = "The folder",
        priority = 1
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the newest commit is applied"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why"
    ),
    printcolumn(
        name = "Applied",
        type_ = "string",
        json_path = ".status.applied.commit",
        description = "The commit that is applied"
    ),
    printcolumn(
        name = "Objects",
        type_ = "integer",
        json_path = ".status.objects.total",
        description = "Objects of this source"
    ),
    printcolumn(
        name = "Suspended",
        type_ = "string",
        json_path = ".spec.suspend.reason",
        description = "Why nothing is applied",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct GitSourceSpec {
    /// The repository, without credentials: `https://`, `ssh://`, `user@host:path`; a path of this machine only in
    /// local mode.
    #[schemars(schema_with = "bounds::git_url")]
    pub url: String,
    /// The branch, tag or commit to apply. Without it: the remote's default branch.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitReference>,
    /// The folder that holds the manifests; empty means the whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::relative_path")]
    pub path: Option<String>,
    /// How often the remote is asked at least, as `30s`, `5m` or `1h30m`. A webhook only makes it sooner.
    #[serde(default = "default_interval")]
    #[schemars(schema_with = "bounds::duration")]
    pub interval: String,
    /// The Git credential: a Secret of the same namespace that names the host and repository it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Whose signatures a commit needs before it is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verification>,
    /// While present, nothing is applied and nothing is corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<SuspendSpec>,
    /// What may be deleted because it left Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<PruneSpec>,
    /// How many runs one commit may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
    /// What happens when the branch no longer contains the commit that is applied.
    #[serde(default)]
    pub history_rewrite: HistoryRewrite,
    /// Where results of the projects this source declares go, unless a project names its own. They go to this
    /// source's repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<SourceResults>,
    /// What happens to the applied objects when the source is deleted.
    #[serde(default)]
    pub deletion_policy: OrphanPolicy,
}

impl GitSourceSpec {
    /// A source with everything but its address left to defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            reference: None,
            path: None,
            interval: default_interval(),
            secret_ref: None,
            verify: None,
            suspend: None,
            prune: None,
            start: None,
            history_rewrite: HistoryRewrite::default(),
            results: None,
            deletion_policy: OrphanPolicy::default(),
        }
    }

    /// `interval` as a duration; 30 seconds where it cannot be read.
    pub fn interval(&self) -> SignedDuration {
        duration::parse(&self.interval).unwrap_or(SignedDuration::from_secs(30))
    }

    /// How many runs one commit may start before it is held: 50 unless said otherwise.
    pub fn most_starts_per_commit(&self) -> usize {
        let limit = self.start.as_ref().and_then(|start| start.max_per_commit);
        limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(50)
    }

    /// Whether objects that left Git are deleted: yes unless said otherwise.
    pub fn prunes(&self) -> bool {
        self.prune.as_ref().and_then(|prune| prune.enabled).unwrap_or(true)
    }
}

/// Rules on the whole object: `(CEL, message)`.
pub(crate) const RULES: &[(&str, &str)] = &[
    (
        "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
        "a source's name has at most 63 characters and no dot",
    ),
    (
        "!has(self.spec.verify) || self.spec.verify.mode == 'Head' || (has(self.spec.ref) && has(self.spec.ref.tag))",
        "verify.mode Tag and TagAndHead need ref.tag",
    ),
];

fn default_interval() -> String {
    "30s".to_owned()
}

/// A branch, a tag or a commit: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = bounds::rules(&[(
    "(has(self.branch) ? 1 : 0) + (has(self.tag) ? 1 : 0) + (has(self.commit) ? 1 : 0) == 1",
    "name exactly one of branch, tag and commit",
)])))]
pub struct GitReference {
    /// A branch; its newest commit is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: Option<String>,
    /// A tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::branch")]
    pub tag: Option<String>,
    /// A whole commit id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: Option<String>,
}

/// Whose signatures are needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// What must be signed.
    #[serde(default)]
    pub mode: VerificationMode,
    /// The Secret with the public keys: entries `*.asc` (OpenPGP) and `*.sshpub` (SSH).
    pub secret_ref: SecretReference,
}

vocabulary! {
    /// What must be signed.
    pub enum VerificationMode default Head {
        /// The commit that is applied.
        Head = "Head",
        /// The tag that is applied.
        Tag = "Tag",
        /// Both the tag and its commit.
        TagAndHead = "TagAndHead",
    }
}

/// Why nothing is applied, by whose wish, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendSpec {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub reason: Option<String>,
    /// Who asked, for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub by: Option<String>,
    /// When the source goes on by itself. Without it: when `suspend` is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub until: Option<Time>,
}

/// What may be deleted because it left Git. A plan over a limit is held until a person approves its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneSpec {
    /// Whether anything is deleted; true unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Most objects that one commit may delete without approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_objects: Option<i32>,
    /// Most objects, in percent of all of this source, that one commit may delete without approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_percent: Option<i32>,
}

/// How many runs one commit may start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartSpec {
    /// Most runs that one commit may start without approval; 50 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_per_commit: Option<i32>,
}

vocabulary! {
    /// What happens when a branch no longer contains the commit that is applied.
    pub enum HistoryRewrite default Hold {
        /// The new history is applied like any commit.
        Allow = "Allow",
        /// Nothing is applied until a person approves.
        Hold = "Hold",
    }
}

/// Where results of a root source's projects go, within its own repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceResults {
    /// The branch, which one installation owns and nobody syncs from.
    #[serde(default = "default_results_branch")]
    #[schemars(schema_with = "bounds::branch")]
    pub branch: String,
    /// How results reach the branch.
    #[serde(default)]
    pub mode: ResultsMode,
    /// The Git credential for writing. Without it: that of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
}
