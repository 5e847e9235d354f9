//! The objects that every cluster has from its first moment.

use serde_json::json;

use crate::{
    api::Server,
    object,
    storage::{Change, Key, StoreError},
};

/// Makes the namespaces that a cluster starts with, where they are missing.
pub(crate) fn first_objects(server: &Server) -> Result<(), StoreError> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let key = Key { resource: "namespaces".into(), namespace: String::new(), name: name.into() };
        server.store.commit::<StoreError>(&key, |current| {
            if current.is_some() {
                return Ok(Change::Keep);
            }
            Ok(Change::Put(json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "uid": uuid::Uuid::new_v4().to_string(),
                    "creationTimestamp": object::format_time(object::now()),
                    "labels": { "kubernetes.io/metadata.name": name },
                },
                "spec": { "finalizers": ["kubernetes"] },
                "status": { "phase": "Active" },
            })))
        })?;
    }
    Ok(())
}
