//! Writes a source's status.

use ambient_crds::GitSource;
use ambient_crds::git_source::GitSourceStatus;
use ambient_crds::labels::{API_VERSION, field_managers};
use ambient_kit::{FieldManager, apply_status};
use kube::api::Api;
use serde_json::json;

use super::settings::SourceKey;
use crate::shared::Shared;

/// Writes a source's status.
///
/// # Errors
/// The API server's.
pub(crate) async fn write_status(
    shared: &Shared,
    key: &SourceKey,
    status: &GitSourceStatus,
) -> Result<(), kube::Error> {
    let api: Api<GitSource> = Api::namespaced(shared.client.clone(), &key.namespace);
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": "GitSource",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "status": status,
    });
    let manager = FieldManager::owner(field_managers::SYNC_STATUS);
    let written: GitSource = apply_status(&api, manager, &key.name, &body).await?;
    shared.sources.wrote(written);
    Ok(())
}
