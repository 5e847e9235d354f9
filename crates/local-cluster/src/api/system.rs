//! What the cluster's own controllers do to objects, without requests.

use serde_json::Value;

use super::{
    create,
    delete::{self, DeleteOptions},
    server::Server,
};
use crate::{
    kinds::Resource,
    object,
    status::{ApiError, ApiResult},
    storage::{Change, Key, StoreError},
};

impl Server {
    /// Deletes this very object as a user with a propagation policy would. Being gone already is success.
    pub(crate) fn delete_as_controller(
        &self,
        resource: &Resource,
        key: &Key,
        uid: &str,
        policy: &str,
    ) -> ApiResult<()> {
        let options = DeleteOptions::of_controller(uid, policy);
        match delete::delete_object(self, resource, key, &options) {
            Err(error) if !matches!(error.code().as_u16(), 404 | 409) => Err(error),
            _ => Ok(()),
        }
    }

    /// Changes this very object if it is still there; one whose last hold went is removed.
    pub(crate) fn edit_as_controller(
        &self,
        resource: &Resource,
        key: &Key,
        uid: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<(), StoreError> {
        let mut removed = None;
        self.store.commit::<StoreError>(key, |current| {
            let Some(current) = current.filter(|current| object::uid(&current.value) == uid) else {
                return Ok(Change::Keep);
            };
            let mut changed = (*current.value).clone();
            edit(&mut changed);
            if delete::may_go(&changed) {
                removed = Some(changed.clone());
                return Ok(Change::Remove(changed));
            }
            Ok(if changed == *current.value { Change::Keep } else { Change::Put(changed) })
        })?;
        if let Some(removed) = removed {
            create::after_removal(&self.registry, resource, &removed);
        }
        Ok(())
    }

    /// Makes an object of a controller, unless one is there.
    pub(crate) fn ensure_as_controller(&self, key: &Key, make: impl FnOnce() -> Value) -> ApiResult<()> {
        self.store.commit::<ApiError>(key, |current| {
            if current.is_some() {
                return Ok(Change::Keep);
            }
            let mut made = make();
            object::set_meta(&mut made, "uid", Some(uuid::Uuid::new_v4().to_string().into()));
            object::set_meta(&mut made, "creationTimestamp", Some(object::format_time(object::now()).into()));
            Ok(Change::Put(made))
        })?;
        Ok(())
    }
}
