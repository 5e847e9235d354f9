//! Objects live in namespaces that are there and stay.

use crate::{
    kinds::Resource,
    object,
    status::{ApiError, ApiResult},
    storage::{Key, Store},
};

/// Refuses to make an object in a namespace that is missing or going away.
pub(crate) fn admit(store: &Store, resource: &Resource, namespace: &str, name: &str) -> ApiResult<()> {
    if !resource.is_namespaced() {
        return Ok(());
    }
    let key = Key { resource: "namespaces".into(), namespace: String::new(), name: namespace.to_owned() };
    let found = store.get(&key).ok_or_else(|| ApiError::namespace_not_found(namespace))?;
    if object::is_terminating(&found.value) {
        return Err(ApiError::namespace_terminating(resource, name, namespace));
    }
    Ok(())
}
