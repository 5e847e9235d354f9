//! Folders of a node: one for each pod, one for each volume claim.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::shim::PodFiles;

/// Nobody but the owner looks into pods and volumes.
const PRIVATE: u32 = 0o700;

/// All folders of a node.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    pods: PathBuf,
    volumes: PathBuf,
}

impl Folders {
    /// Folders below a data directory.
    pub(crate) fn new(data: &Path) -> Self {
        Self { pods: data.join("pods"), volumes: data.join("volumes") }
    }

    /// Makes them.
    pub(crate) fn make(&self) -> io::Result<()> {
        make_private(&self.pods)?;
        make_private(&self.volumes)
    }

    /// Whether there is neither pod nor volume.
    pub(crate) fn are_empty(&self) -> bool {
        self.pod_uids().is_empty() && self.volume_names().is_empty()
    }

    /// The files of a pod.
    pub(crate) fn pod(&self, uid: &str) -> PodFiles {
        PodFiles::new(self.pods.join(uid))
    }

    /// The folder of the volume of a claim.
    pub(crate) fn volume(&self, claim_uid: &str) -> PathBuf {
        self.volume_named(&volume_name(claim_uid))
    }

    /// The folder of a volume by the volume's name.
    pub(crate) fn volume_named(&self, name: &str) -> PathBuf {
        self.volumes.join(name)
    }

    /// UIDs of all pods that have a folder.
    pub(crate) fn pod_uids(&self) -> Vec<String> {
        names(&self.pods)
    }

    /// Names of all volumes that have a folder.
    pub(crate) fn volume_names(&self) -> Vec<String> {
        names(&self.volumes)
    }
}

/// The name of the volume of a claim.
pub(crate) fn volume_name(claim_uid: &str) -> String {
    format!("pvc-{claim_uid}")
}

/// Makes a folder that only its owner may look into.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(PRIVATE))
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub(crate) fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(folder = %folder.display(), %error, "the folder cannot be removed");
        }
        _ => {}
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
