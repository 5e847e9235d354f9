//! The files of `deploy/kubernetes`, as they are applied by `kubectl` too.

use ambient_crds::labels::field_managers;
use ambient_kit::apply::FieldManager;
use anyhow::Context as _;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Deserialize as _;
use serde_json::Value;

/// In whose name all of it is applied.
pub(super) const MANAGER: FieldManager = FieldManager::owner(field_managers::CLI);

const FILES: [(&str, &str); 7] = [
    ("namespace.yaml", include_str!("../../../deploy/kubernetes/namespace.yaml")),
    ("project-roles.yaml", include_str!("../../../deploy/kubernetes/project-roles.yaml")),
    ("reconciler-git.yaml", include_str!("../../../deploy/kubernetes/reconciler-git.yaml")),
    // Before the operator, whose pod is told the address of the broker's Service.
    ("broker.yaml", include_str!("../../../deploy/kubernetes/broker.yaml")),
    ("operator.yaml", include_str!("../../../deploy/kubernetes/operator.yaml")),
    ("backend.yaml", include_str!("../../../deploy/kubernetes/backend.yaml")),
    ("network.yaml", include_str!("../../../deploy/kubernetes/network.yaml")),
];
/// The image that the files name; it is replaced by the one that is asked for.
const IMAGE: &str = "ambient";

/// The ConfigMap with what the files leave open.
pub(super) const SETTINGS: &str = "ambient-settings";

/// Says which settings a part was started with, so that one that reads them is started anew with others.
const SETTINGS_DIGEST: &str = "ambient-code.io/settings";

/// All objects of the control plane, with its image and what tells its settings from others.
pub(super) fn control_plane(image: &str, settings: &str) -> anyhow::Result<Vec<DynamicObject>> {
    let mut objects = Vec::new();
    for (name, text) in FILES {
        for document in serde_yaml::Deserializer::from_str(text) {
            let mut object = DynamicObject::deserialize(document).with_context(|| name.to_owned())?;
            set_image(&mut object, image);
            if reads_settings(&object) {
                object.data["spec"]["template"]["metadata"]["annotations"][SETTINGS_DIGEST] = settings.into();
            }
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Who the parts and the sync are, and what they and the people of projects may do.
pub(crate) fn access() -> anyhow::Result<Vec<DynamicObject>> {
    const KINDS: [&str; 5] = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    let is_access = |object: &DynamicObject| {
        object.types.as_ref().is_some_and(|types| KINDS.contains(&types.kind.as_str()))
    };
    Ok(control_plane(IMAGE, "")?.into_iter().filter(is_access).collect())
}

/// Applies an object of any kind.
pub(crate) async fn apply(client: &Client, object: &DynamicObject) -> anyhow::Result<()> {
    let types = object.types.as_ref().context("an object without a kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let applied = api.patch(name, &MANAGER.params(), &Patch::Apply(object)).await;
    applied.with_context(|| format!("cannot apply {} {name}", types.kind))?;
    Ok(())
}

fn reads_settings(object: &DynamicObject) -> bool {
    let containers = object.data.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let sources = containers.into_iter().flatten().filter_map(|container| container["envFrom"].as_array());
    sources.flatten().any(|source| source["configMapRef"]["name"] == SETTINGS)
}

fn set_image(object: &mut DynamicObject, image: &str) {
    let containers = object.data.pointer_mut("/spec/template/spec/containers");
    for container in containers.and_then(|containers| containers.as_array_mut()).into_iter().flatten() {
        if container["image"] == IMAGE {
            container["image"] = image.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_runs_the_image_that_is_asked_for_under_the_strictest_rules() {
        let objects = control_plane("example.com/ambient:1", "digest").unwrap();
        let deployments: Vec<_> =
            objects.iter().filter(|one| one.types.as_ref().unwrap().kind == "Deployment").collect();
        assert_eq!(deployments.len(), 4);
        for deployment in deployments {
            let pod = &deployment.data["spec"]["template"]["spec"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            let digest = &deployment.data["spec"]["template"]["metadata"]["annotations"][SETTINGS_DIGEST];
            let name = deployment.metadata.name.as_deref().unwrap();
            let reads_settings = !["ambient-reconciler-git", "ambient-broker"].contains(&name);
            assert_eq!(digest == "digest", reads_settings);
            let container = &pod["containers"][0];
            assert_eq!(container["image"], "example.com/ambient:1");
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
            assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
        }
    }

    #[test]
    fn all_accounts_and_roles_are_known_without_the_rest() {
        let access = access().unwrap();
        let names = |kind: &str| {
            let of_kind = access.iter().filter(|one| one.types.as_ref().unwrap().kind == kind);
            of_kind.filter_map(|one| one.metadata.name.as_deref()).collect::<Vec<_>>()
        };
        let parts = ["ambient-reconciler-git", "ambient-root-sync", "ambient-operator", "ambient-backend"];
        let broker = "ambient-broker";
        let accounts = [&parts[..2], &[broker], &parts[2..]].concat();
        assert_eq!(names("ServiceAccount"), accounts, "the broker has no right of its own");
        assert_eq!(names("ClusterRoleBinding"), parts);
        let of_projects = ["ambient-project-view", "ambient-project-edit", "ambient-project-admin"];
        assert_eq!(names("ClusterRole"), [&of_projects[..], &parts].concat());
    }
}
