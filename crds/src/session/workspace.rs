//! What a session's workspace holds, as the origin platform reports it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::vocabulary::vocabulary;

/// A repository in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconciledRepository {
    /// Where it was cloned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<2048>")]
    pub url: Option<String>,
    /// Its folder in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub name: Option<String>,
    /// Deprecated: use `currentActiveBranch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<244>")]
    pub branch: Option<String>,
    /// The branches of the clone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::word_set::<32, 244>")]
    pub branches: Vec<String>,
    /// The branch that is checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<244>")]
    pub current_active_branch: Option<String>,
    /// The remote's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<244>")]
    pub default_branch: Option<String>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RepositoryState>,
    /// When it was cloned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub cloned_at: Option<Time>,
}

vocabulary! {
    /// How far a repository is.
    pub enum RepositoryState {
        /// It is being cloned.
        Cloning = "Cloning",
        /// It is there.
        Ready = "Ready",
        /// It could not be cloned.
        Failed = "Failed",
    }
}

/// The workflow in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconciledWorkflow {
    /// Where it was cloned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<2048>")]
    pub git_url: Option<String>,
    /// Its branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<244>")]
    pub branch: Option<String>,
    /// The folder within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<1024>")]
    pub path: Option<String>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkflowState>,
    /// When it became active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub applied_at: Option<Time>,
}

vocabulary! {
    /// How far a workflow is.
    pub enum WorkflowState {
        /// It is being cloned.
        Cloning = "Cloning",
        /// The agent works by it.
        Active = "Active",
        /// It could not be cloned.
        Failed = "Failed",
    }
}
