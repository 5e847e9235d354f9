//! Volume claims: each is a folder, bound at once, gone with its claim.

use futures::StreamExt;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::json;

use super::Shared;

/// Binds claims and removes their folders.
pub(super) async fn run(shared: &Shared) {
    let claims: Api<PersistentVolumeClaim> = Api::all(shared.client.clone());
    let mut events = watcher(claims, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(claim) | Event::InitApply(claim)) => bind(shared, &claim).await,
            Ok(Event::Delete(claim)) => remove(shared, &claim),
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => tracing::warn!(%error, "the watch of volume claims broke; it is tried again"),
        }
    }
}

async fn bind(shared: &Shared, claim: &PersistentVolumeClaim) {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase == Some("Bound") {
        return;
    }
    let namespace = claim.namespace().unwrap_or_default();
    let capacity = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.clone());
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.clone());
    let status = json!({"status": {"phase": "Bound", "capacity": capacity, "accessModes": modes}});
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(shared.client.clone(), &namespace);
    let patched =
        claims.patch_status(&claim.name_any(), &PatchParams::default(), &Patch::Merge(status)).await;
    if let Err(error) = patched {
        tracing::warn!(claim = claim.name_any(), namespace, %error, "a volume claim cannot be bound");
    }
}

fn remove(shared: &Shared, claim: &PersistentVolumeClaim) {
    let folder = shared.folders.claim(&claim.namespace().unwrap_or_default(), &claim.name_any());
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "the folder of a deleted claim cannot be removed");
        }
        _ => {}
    }
}
