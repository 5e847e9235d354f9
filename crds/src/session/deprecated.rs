//! Fields of the origin platform that have no effect here. They are declared so that its manifests are accepted, and
//! warned about so that nobody relies on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

/// Deprecated and without effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BotAccount {
    /// Deprecated and without effect: the name of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub name: Option<String>,
}

/// Deprecated and without effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceOverrides {
    /// Deprecated and without effect: use `resources.limits.cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<32>")]
    pub cpu: Option<String>,
    /// Deprecated and without effect: use `resources.limits.memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<32>")]
    pub memory: Option<String>,
    /// Deprecated and without effect: the installation chooses the storage class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub storage_class: Option<String>,
    /// Deprecated and without effect: the installation chooses the priority class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<253>")]
    pub priority_class: Option<String>,
}
