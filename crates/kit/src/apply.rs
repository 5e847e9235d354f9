//! Server-side apply with one field manager per controller.

use std::fmt::Debug;

use kube::api::{Api, Patch, PatchParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The name under which a controller applies, and whether it may take fields from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldManager {
    name: &'static str,
    force: bool,
}

impl FieldManager {
    /// Takes fields over from whoever had them: for children and statuses that one controller alone writes.
    #[must_use]
    pub const fn owner(name: &'static str) -> Self {
        Self { name, force: true }
    }

    /// Respects other managers: a conflict is an error that names them.
    #[must_use]
    pub const fn guest(name: &'static str) -> Self {
        Self { name, force: false }
    }

    /// The parameters of an apply request.
    #[must_use]
    pub fn params(self) -> PatchParams {
        let params = PatchParams::apply(self.name);
        if self.force { params.force() } else { params }
    }
}

/// Applies an object; one that is as wanted is not written.
///
/// # Errors
/// The API server's.
pub async fn apply<K>(api: &Api<K>, manager: FieldManager, name: &str, wanted: &K) -> Result<K, kube::Error>
where
    K: Clone + DeserializeOwned + Debug + Serialize,
{
    api.patch(name, &manager.params(), &Patch::Apply(wanted)).await
}

/// Applies the status of an object; `wanted` carries `apiVersion`, `kind`, `metadata.name` and `status` alone.
///
/// # Errors
/// The API server's.
pub async fn apply_status<K>(
    api: &Api<K>,
    manager: FieldManager,
    name: &str,
    wanted: &serde_json::Value,
) -> Result<K, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    api.patch_status(name, &manager.params(), &Patch::Apply(wanted)).await
}
