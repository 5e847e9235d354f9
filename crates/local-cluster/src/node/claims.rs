//! Volume claims: each gets a folder of this machine at once, which goes with the claim.
//!
//! As a provisioner of a real cluster does, this makes a PersistentVolume for the claim and binds the two. Sizes and access
//! modes are noted, not enforced.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{
    api::core::v1::{
        HostPathVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde_json::json;

use super::{
    Shared,
    folders::{make_private, remove, volume_name},
};

/// The annotation that names who made a volume.
const PROVISIONER_ANNOTATION: &str = "pv.kubernetes.io/provisioned-by";
/// Who we are in it.
const PROVISIONER: &str = "local-cluster-node";

/// Binds claims and removes the volumes of those that are gone, until it is dropped.
pub(super) async fn run(node: &Shared) {
    let claims: Api<PersistentVolumeClaim> = Api::all(node.client.clone());
    let mut events = watcher(claims, watcher::Config::default()).default_backoff().boxed();
    let mut listed = Vec::new();
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the watch of volume claims broke; it is tried again");
                continue;
            }
        };
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(claim) => {
                listed.extend(claim.uid().map(|uid| volume_name(&uid)));
                bind_or_tell(node, &claim).await;
            }
            Event::InitDone => remove_others(node, &std::mem::take(&mut listed)).await,
            Event::Apply(claim) => bind_or_tell(node, &claim).await,
            Event::Delete(claim) => remove_volume(node, &volume_name(&claim.uid().unwrap_or_default())).await,
        }
    }
}

async fn bind_or_tell(node: &Shared, claim: &PersistentVolumeClaim) {
    if is_for_us(claim)
        && let Err(error) = bind(node, claim).await
    {
        let name = format!("{}/{}", claim.namespace().unwrap_or_default(), claim.name_any());
        tracing::warn!(claim = name, %error, "a volume claim cannot be bound");
    }
}

/// Whether a claim waits for a volume, and does not name another.
fn is_for_us(claim: &PersistentVolumeClaim) -> bool {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    let named = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    let own = volume_name(claim.metadata.uid.as_deref().unwrap_or_default());
    phase != Some("Bound")
        && claim.metadata.deletion_timestamp.is_none()
        && named.is_none_or(|name| name.is_empty() || name == own)
}

async fn bind(node: &Shared, claim: &PersistentVolumeClaim) -> Result<(), BindError> {
    let folder = node.folders.volume(&claim.uid().unwrap_or_default());
    make_private(&folder)?;
    let volume = volume_of(claim, &folder.display().to_string());
    let volumes: Api<PersistentVolume> = Api::all(node.client.clone());
    match volumes.create(&PostParams::default(), &volume).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        made => drop(made?),
    }
    let (name, parameters) = (volume.name_any(), PatchParams::default());
    let bound = Patch::Merge(json!({ "status": { "phase": "Bound" } }));
    volumes.patch_status(&name, &parameters, &bound).await?;
    let spec = claim.spec.clone().unwrap_or_default();
    let claims: Api<PersistentVolumeClaim> =
        Api::namespaced(node.client.clone(), &claim.namespace().unwrap_or_default());
    let wanted = Patch::Merge(json!({
        "metadata": { "uid": claim.uid(), "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
        "spec": { "volumeName": name },
    }));
    claims.patch(&claim.name_any(), &parameters, &wanted).await?;
    let capacity = spec.resources.and_then(|resources| resources.requests);
    let status = json!({ "phase": "Bound", "capacity": capacity, "accessModes": spec.access_modes });
    let wanted = Patch::Merge(json!({ "metadata": { "uid": claim.uid() }, "status": status }));
    claims.patch_status(&claim.name_any(), &parameters, &wanted).await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum BindError {
    #[error("its folder cannot be made: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the API refuses: {0}")]
    Api(#[from] kube::Error),
}

/// The volume of a claim: pure.
fn volume_of(claim: &PersistentVolumeClaim, path: &str) -> PersistentVolume {
    let spec = claim.spec.clone().unwrap_or_default();
    let owner = claim.object_ref(&());
    let provisioner = (PROVISIONER_ANNOTATION.to_owned(), PROVISIONER.to_owned());
    PersistentVolume {
        metadata: ObjectMeta {
            name: Some(volume_name(claim.metadata.uid.as_deref().unwrap_or_default())),
            annotations: Some([provisioner].into()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes,
            capacity: spec.resources.and_then(|resources| resources.requests),
            claim_ref: Some(ObjectReference { field_path: None, ..owner }),
            host_path: Some(HostPathVolumeSource {
                path: path.to_owned(),
                type_: Some("DirectoryOrCreate".to_owned()),
            }),
            persistent_volume_reclaim_policy: Some("Delete".to_owned()),
            storage_class_name: spec.storage_class_name,
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    }
}

/// Removes volumes whose claims went while nobody looked.
async fn remove_others(node: &Shared, claimed: &[String]) {
    let volumes: Api<PersistentVolume> = Api::all(node.client.clone());
    let known =
        volumes.list(&kube::api::ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    let ours = |volume: &&PersistentVolume| {
        volume.annotations().get(PROVISIONER_ANNOTATION).is_some_and(|by| by == PROVISIONER)
    };
    let mut names: Vec<String> = known.iter().filter(ours).map(ResourceExt::name_any).collect();
    names.extend(node.folders.volume_names());
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| !claimed.contains(name)) {
        remove_volume(node, name).await;
    }
}

async fn remove_volume(node: &Shared, name: &str) {
    let volumes: Api<PersistentVolume> = Api::all(node.client.clone());
    match volumes.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => tracing::warn!(volume = name, %error, "the volume of a claim that is gone stays"),
        Ok(_) => {}
    }
    remove(&node.folders.volume_named(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_that_wait_for_any_volume_get_one() {
        let claim = |fields: serde_json::Value| -> PersistentVolumeClaim {
            let mut claim = json!({
                "metadata": { "name": "c", "namespace": "n", "uid": "u" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
            });
            for (key, value) in fields.as_object().unwrap() {
                claim
                    .as_object_mut()
                    .unwrap()
                    .entry(key)
                    .or_insert(json!({}))
                    .as_object_mut()
                    .unwrap()
                    .extend(value.as_object().unwrap().clone());
            }
            serde_json::from_value(claim).unwrap()
        };
        for (fields, expected) in [
            (json!({}), true),
            (json!({ "status": { "phase": "Pending" } }), true),
            (json!({ "spec": { "volumeName": "pvc-u" } }), true),
            (json!({ "spec": { "volumeName": "mine" } }), false),
            (json!({ "status": { "phase": "Bound" } }), false),
            (json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }), false),
        ] {
            assert_eq!(is_for_us(&claim(fields.clone())), expected, "{fields}");
        }
        let volume = volume_of(&claim(json!({})), "/d/volumes/pvc-u");
        assert_eq!(volume.name_any(), "pvc-u");
        let spec = volume.spec.unwrap();
        assert_eq!(spec.host_path.unwrap().path, "/d/volumes/pvc-u");
        assert_eq!(spec.claim_ref.unwrap().uid.as_deref(), Some("u"));
        assert_eq!(spec.capacity.unwrap()["storage"].0, "1Gi");
    }
}
