//! Namespaces begin with a service account, and end when they are empty.

use serde_json::json;

use super::feed::Changes;
use crate::{
    api::Server,
    kinds::Resource,
    object,
    storage::{Key, Stored},
};

/// Gives new namespaces what they begin with, and empties those that are going.
pub(crate) fn reconcile(server: &Server, changes: &Changes) {
    let Some(resource) = server.registry.find_kind("", "Namespace") else { return };
    for changed in &changes.objects {
        let is_namespace = changed.key.resource.as_ref() == "namespaces";
        if is_namespace && !changed.is_gone && !object::is_terminating(&changed.object) {
            add_service_account(server, &changed.key.name);
        }
    }
    for namespace in server.store.list("namespaces", None).items {
        let name = object::name(&namespace.value);
        let concerned = changes.objects.iter().any(|changed| {
            changed.key.namespace == name
                || (changed.key.resource.as_ref() == "namespaces" && changed.key.name == name)
        });
        if object::is_terminating(&namespace.value) && concerned {
            finish(server, &resource, &namespace);
        }
    }
}

fn add_service_account(server: &Server, namespace: &str) {
    let key = Key { resource: "serviceaccounts".into(), namespace: namespace.into(), name: "default".into() };
    let result = server.ensure_as_controller(&key, || {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": namespace },
        })
    });
    if let Err(error) = result {
        tracing::warn!(namespace, %error, "default service account not made");
    }
}

/// Deletes what is in the namespace; when nothing is left, lets it go.
fn finish(server: &Server, resource: &Resource, namespace: &Stored) {
    let name = object::name(&namespace.value);
    let mut left = 0;
    for kind in server.registry.stored().iter().filter(|kind| kind.is_namespaced()) {
        for stored in server.store.list(&kind.storage, Some(name)).items {
            let key = Key {
                resource: kind.storage.clone(),
                namespace: name.to_owned(),
                name: object::name(&stored.value).to_owned(),
            };
            if !object::is_terminating(&stored.value) {
                let uid = object::uid(&stored.value);
                if let Err(error) = server.delete_as_controller(kind, &key, uid, "Background") {
                    tracing::warn!(object = ?key, %error, "object of a deleted namespace not deleted");
                }
            }
            left += usize::from(server.store.get(&key).is_some());
        }
    }
    if left > 0 {
        return;
    }
    let key = Key { resource: "namespaces".into(), namespace: String::new(), name: name.to_owned() };
    let result = server.edit_as_controller(resource, &key, object::uid(&namespace.value), |object| {
        if let Some(finalizers) = object["spec"]["finalizers"].as_array_mut() {
            finalizers.retain(|finalizer| finalizer != "kubernetes");
        }
    });
    if let Err(error) = result {
        tracing::warn!(namespace = name, %error, "namespace not released");
    }
}
