//! The namespaces in which objects can be made.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use kube::ResourceExt as _;
use kube::api::DynamicObject;

use super::watch::Change;

/// The namespaces that exist and are not going away.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    ready: RwLock<BTreeSet<String>>,
}

impl Namespaces {
    /// Whether objects can be made in a namespace.
    pub(crate) fn is_ready(&self, name: &str) -> bool {
        self.ready.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Takes in what the watch shows; gives the names that became ready.
    pub(crate) fn observe(&self, change: Change) -> Vec<String> {
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Listed(all) => {
                let listed: BTreeSet<String> = all
                    .iter()
                    .filter(|namespace| is_usable(namespace))
                    .map(kube::ResourceExt::name_any)
                    .collect();
                let new = listed.difference(&ready).cloned().collect();
                *ready = listed;
                new
            }
            Change::Applied(namespace) if is_usable(&namespace) => {
                let name = namespace.name_any();
                if ready.insert(name.clone()) { vec![name] } else { Vec::new() }
            }
            Change::Applied(namespace) | Change::Deleted(namespace) => {
                ready.remove(&namespace.name_any());
                Vec::new()
            }
        }
    }
}

fn is_usable(namespace: &DynamicObject) -> bool {
    namespace.metadata.deletion_timestamp.is_none() && namespace.data["status"]["phase"] != "Terminating"
}
