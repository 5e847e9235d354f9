//! The sources themselves, by UID.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use ambient_crds::GitSource;
use kube::api::DynamicObject;

use super::watch::Change;

/// The sources that exist.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    by_uid: RwLock<BTreeMap<String, Arc<GitSource>>>,
}

/// What a change means for the tasks that follow sources.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// UIDs of sources that are new or have changed.
    pub(crate) changed: Vec<String>,
    /// UIDs of sources that are gone.
    pub(crate) gone: Vec<String>,
}

impl Sources {
    /// The source with this UID.
    pub(crate) fn get(&self, uid: &str) -> Option<Arc<GitSource>> {
        self.by_uid.read().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Whether there is a source with this UID.
    pub(crate) fn exists(&self, uid: &str) -> bool {
        self.by_uid.read().unwrap_or_else(PoisonError::into_inner).contains_key(uid)
    }

    /// Takes in what the watch shows.
    pub(crate) fn observe(&self, change: &Change) -> Moved {
        let mut sources = self.by_uid.write().unwrap_or_else(PoisonError::into_inner);
        let mut moved = Moved::default();
        match change {
            Change::Listed(all) => {
                let listed: BTreeMap<String, Arc<GitSource>> = all.iter().filter_map(read).collect();
                moved.gone = sources.keys().filter(|uid| !listed.contains_key(*uid)).cloned().collect();
                moved.changed = listed.keys().cloned().collect();
                *sources = listed;
            }
            Change::Applied(object) => {
                if let Some((uid, source)) = read(object) {
                    sources.insert(uid.clone(), source);
                    moved.changed.push(uid);
                }
            }
            Change::Deleted(object) => {
                if let Some(uid) = &object.metadata.uid {
                    sources.remove(uid);
                    moved.gone.push(uid.clone());
                }
            }
        }
        moved
    }

    /// Takes in the answer to a write of our own, unless the watch was faster.
    pub(crate) fn wrote(&self, source: GitSource) {
        let Some(uid) = source.metadata.uid.clone() else { return };
        let mut sources = self.by_uid.write().unwrap_or_else(PoisonError::into_inner);
        let version = |source: &GitSource| {
            source.metadata.resource_version.as_deref().and_then(|version| version.parse::<u64>().ok())
        };
        if let Some(known) = sources.get_mut(&uid)
            && version(known) < version(&source)
        {
            *known = Arc::new(source);
        }
    }
}

/// A source that cannot be read stops itself, not its neighbours.
fn read(object: &DynamicObject) -> Option<(String, Arc<GitSource>)> {
    let uid = object.metadata.uid.clone()?;
    let parsed = serde_json::to_value(object).and_then(serde_json::from_value::<GitSource>);
    match parsed {
        Ok(source) => Some((uid, Arc::new(source))),
        Err(error) => {
            let (namespace, name) = (&object.metadata.namespace, &object.metadata.name);
            tracing::warn!(source.namespace = ?namespace, source.name = ?name, %error, "a GitSource cannot be read");
            None
        }
    }
}
