//! What is written on a run's volume of its attempts, before anything is done about it: with the volume goes what could
//! be woken or taken.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

use super::remains::Loss;
use super::sleep::Slept;

/// The notes of one volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct VolumeNotes {
    /// Which attempts ended because nobody spoke.
    pub(super) slept: Slept,
    /// The attempt that was lost for good.
    pub(super) loss: Option<Loss>,
}

/// Reads them; none where there is no volume, or none for long.
///
/// # Errors
/// The API server's.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    volume: &str,
) -> Result<Option<VolumeNotes>, kube::Error> {
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let found = volumes.get_opt(volume).await?;
    let stays = found.filter(|found| found.metadata.deletion_timestamp.is_none());
    Ok(stays.map(|volume| VolumeNotes { slept: Slept::of(&volume), loss: Loss::of(&volume) }))
}

/// Notes something: the annotation that `change` makes of the volume as it is, or nothing.
///
/// # Errors
/// The API server's; a conflict where somebody else changed the volume at the same time.
pub(super) async fn note(
    client: &Client,
    namespace: &str,
    volume: &str,
    change: impl FnOnce(&PersistentVolumeClaim) -> Option<(&'static str, String)>,
) -> Result<(), kube::Error> {
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let found = volumes.get(volume).await?;
    let Some((name, text)) = change(&found) else { return Ok(()) };
    let patch =
        json!({"metadata": {"resourceVersion": found.resource_version(), "annotations": {name: text}}});
    volumes.patch(volume, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}
