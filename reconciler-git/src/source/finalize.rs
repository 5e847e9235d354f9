//! The end of a source: its objects stay or go, as `deletionPolicy` says.

use ambient_crds::GitSource;
use ambient_crds::kinds::CarriedKind;
use ambient_crds::labels::{SOURCE_FINALIZER, field_managers};
use ambient_git::ObjectId;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::apply::{Applier, Done};
use super::plan::Plan;
use super::provenance::Provenance;
use super::settings;
use crate::shared::Shared;

/// Whether the finalizer is on the source.
pub(crate) fn is_kept(source: &GitSource) -> bool {
    source.finalizers().iter().any(|finalizer| finalizer == SOURCE_FINALIZER)
}

/// Sets or removes the finalizer. Only a source whose objects go with it needs one: with `Orphan`, nothing is to be done.
///
/// # Errors
/// The API server's; a conflict if the source has changed, which will wake it again.
pub(crate) async fn keep(shared: &Shared, source: &GitSource, kept: bool) -> Result<(), kube::Error> {
    let mut finalizers: Vec<&String> =
        source.finalizers().iter().filter(|finalizer| *finalizer != SOURCE_FINALIZER).collect();
    let ours = SOURCE_FINALIZER.to_owned();
    if kept {
        finalizers.push(&ours);
    }
    let patch = json!({"metadata": {
        "resourceVersion": source.resource_version(),
        "finalizers": finalizers,
    }});
    let key = settings::key(source);
    let api: Api<GitSource> = Api::namespaced(shared.client.clone(), &key.namespace);
    let parameters =
        PatchParams { field_manager: Some(field_managers::SYNC_STATUS.to_owned()), ..PatchParams::default() };
    let written = api.patch(&key.name, &parameters, &Patch::Merge(&patch)).await?;
    shared.sources.wrote(written);
    Ok(())
}

/// Deletes what a deleted source has applied; true when nothing is left. An object counts as left until the watch has
/// seen it go: an accepted deletion may still wait for a finalizer.
pub(crate) async fn delete_objects(shared: &Shared, source: &GitSource) -> (bool, Done) {
    let tracking = settings::tracking(source);
    let view = shared.live.view(&tracking.uid, []);
    if view.listed.len() < CarriedKind::ALL.len() {
        return (false, Done::default());
    }
    let ours = view.objects.into_values().filter(|live| {
        live.is_tracked_by(&tracking.uid) && live.was_applied_by_sync() && live.uid != tracking.uid
    });
    let left: Vec<_> = ours.collect();
    let is_empty = left.is_empty();
    let plan = Plan { delete: left.into_iter().filter(|live| !live.deleting).collect(), ..Plan::default() };
    let provenance = Provenance::of(&plan, ObjectId::ZERO, None).await;
    let applier = Applier {
        client: &shared.client_of(&settings::key(source)),
        tracking: &tracking,
        provenance: &provenance,
        live: &shared.live,
        requests: &shared.requests,
        is_outdated: &|| false,
    };
    (is_empty, applier.apply(&plan).await)
}
