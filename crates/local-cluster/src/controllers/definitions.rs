//! A definition that is being deleted takes its objects with it.

use super::feed::Changes;
use crate::{
    api::Server,
    kinds::{CLEANUP, Resource},
    object,
    storage::Key,
};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Deletes the objects of definitions that are going, and lets those without objects go.
pub(crate) fn reconcile(server: &Server, changes: &Changes) {
    let custom_changed = changes
        .objects
        .iter()
        .any(|changed| changed.key.resource.as_ref() == DEFINITIONS || changed.resource.custom().is_some());
    if !custom_changed {
        return;
    }
    for stored in server.store.list(DEFINITIONS, None).items {
        if !object::is_terminating(&stored.value) || !object::finalizers(&stored.value).contains(&CLEANUP) {
            continue;
        }
        let spec = &stored.value["spec"];
        let group = spec["group"].as_str().unwrap_or_default();
        let kind = spec["names"]["kind"].as_str().unwrap_or_default();
        let left = server.registry.find_kind(group, kind).map_or(0, |resource| empty(server, &resource));
        if left == 0 {
            release(server, object::name(&stored.value), object::uid(&stored.value));
        }
    }
}

/// Asks every object of a kind to go, and counts those that are still there.
fn empty(server: &Server, resource: &Resource) -> usize {
    for stored in server.store.list(&resource.storage, None).items {
        let key = Key {
            resource: resource.storage.clone(),
            namespace: object::namespace(&stored.value).to_owned(),
            name: object::name(&stored.value).to_owned(),
        };
        if object::is_terminating(&stored.value) {
            continue;
        }
        if let Err(error) =
            server.delete_as_controller(resource, &key, object::uid(&stored.value), "Background")
        {
            tracing::warn!(object = ?key, %error, "object of a deleted definition not deleted");
        }
    }
    server.store.list(&resource.storage, None).items.len()
}

fn release(server: &Server, name: &str, uid: &str) {
    let Some(resource) = server.registry.find_kind("apiextensions.k8s.io", "CustomResourceDefinition") else {
        return;
    };
    let key = Key { resource: DEFINITIONS.into(), namespace: String::new(), name: name.to_owned() };
    let result = server.edit_as_controller(&resource, &key, uid, |definition| {
        let rest: Vec<&str> =
            object::finalizers(definition).into_iter().filter(|finalizer| *finalizer != CLEANUP).collect();
        let rest = serde_json::json!(rest);
        object::set_meta(definition, "finalizers", Some(rest));
    });
    if let Err(error) = result {
        tracing::warn!(definition = name, %error, "definition not released");
    }
}
