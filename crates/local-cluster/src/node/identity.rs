//! Which cluster a node's folders belong to.
//!
//! What the API does not know is removed from the folders: pods and volumes of objects deleted while no node ran. A
//! database that was lost or replaced would make that all of them. So the folder notes its cluster, and a node of
//! another cluster does not begin as long as anything is there.

use std::{fs, io, path::Path};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};

use super::{NodeError, folders::Folders};

/// The namespace whose UID names a cluster, by convention.
const NAMING_NAMESPACE: &str = "kube-system";
/// The note in the data directory.
const NOTE: &str = "cluster";

/// Notes the cluster in the folder, or refuses the folder because it is another's.
pub(super) async fn claim(client: &Client, data: &Path, folders: &Folders) -> Result<(), NodeError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let cluster = namespaces.get(NAMING_NAMESPACE).await?.uid().unwrap_or_default();
    let failed = |source| NodeError::Folder { folder: data.display().to_string(), source };
    let noted = read(&data.join(NOTE)).map_err(failed)?;
    if noted.as_deref() == Some(cluster.as_str()) {
        return Ok(());
    }
    if let Some(noted) = noted.filter(|_| !folders.are_empty()) {
        return Err(NodeError::OtherCluster { folder: data.display().to_string(), noted, cluster });
    }
    fs::write(data.join(NOTE), &cluster).map_err(failed)
}

fn read(note: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(note) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
