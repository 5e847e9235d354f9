//! What a pod refers to: ConfigMaps, Secrets and volume claims, by name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Container, PersistentVolumeClaim, PodSpec, Secret},
};
use kube::{Api, Client, Resource};

/// Names that a pod refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    config_maps: BTreeSet<String>,
    secrets: BTreeSet<String>,
    claims: BTreeSet<String>,
}

/// What is there of that. What is not there is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// Contents of ConfigMaps.
    pub(crate) config_maps: BTreeMap<String, Content>,
    /// Contents of Secrets.
    pub(crate) secrets: BTreeMap<String, Content>,
    /// UIDs of claims.
    pub(crate) claims: BTreeMap<String, String>,
}

/// The content of a ConfigMap or Secret.
pub(crate) type Content = BTreeMap<String, Vec<u8>>;

impl References {
    /// The names in a pod's specification.
    pub(crate) fn of(spec: &PodSpec) -> Self {
        let mut found = Self::default();
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            found.add_container(container);
        }
        for volume in spec.volumes.iter().flatten() {
            found.config_maps.extend(volume.config_map.as_ref().map(|source| source.name.clone()));
            found.secrets.extend(volume.secret.as_ref().and_then(|source| source.secret_name.clone()));
            found
                .claims
                .extend(volume.persistent_volume_claim.as_ref().map(|source| source.claim_name.clone()));
            let projected = volume.projected.as_ref().and_then(|source| source.sources.as_ref());
            for part in projected.into_iter().flatten() {
                found.config_maps.extend(part.config_map.as_ref().map(|source| source.name.clone()));
                found.secrets.extend(part.secret.as_ref().map(|source| source.name.clone()));
            }
        }
        found
    }

    fn add_container(&mut self, container: &Container) {
        for source in container.env_from.iter().flatten() {
            self.config_maps.extend(source.config_map_ref.as_ref().map(|found| found.name.clone()));
            self.secrets.extend(source.secret_ref.as_ref().map(|found| found.name.clone()));
        }
        for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            self.config_maps.extend(source.config_map_key_ref.as_ref().map(|found| found.name.clone()));
            self.secrets.extend(source.secret_key_ref.as_ref().map(|found| found.name.clone()));
        }
    }

    /// Reads them.
    ///
    /// # Errors
    /// The API does not answer.
    pub(crate) async fn read(&self, client: &Client, namespace: &str) -> Result<Sources, kube::Error> {
        let mut sources = Sources::default();
        for (name, found) in read_all::<ConfigMap>(client, namespace, &self.config_maps).await? {
            let text = found.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
            let binary = found.binary_data.into_iter().flatten().map(|(key, value)| (key, value.0));
            sources.config_maps.insert(name, text.chain(binary).collect());
        }
        for (name, found) in read_all::<Secret>(client, namespace, &self.secrets).await? {
            let data = found.data.into_iter().flatten().map(|(key, value)| (key, value.0));
            sources.secrets.insert(name, data.collect());
        }
        for (name, found) in read_all::<PersistentVolumeClaim>(client, namespace, &self.claims).await? {
            // One that is going takes no new pods.
            if let (Some(uid), None) = (found.metadata.uid, found.metadata.deletion_timestamp) {
                sources.claims.insert(name, uid);
            }
        }
        Ok(sources)
    }
}

async fn read_all<K>(
    client: &Client,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<Vec<(String, K)>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let mut found = Vec::new();
    for name in names {
        found.extend(api.get_opt(name).await?.map(|object| (name.clone(), object)));
    }
    Ok(found)
}
