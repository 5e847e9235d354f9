//! The data folder of local mode: who this installation is, and what it must not lose.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambient_protocol::token::Signer;
use anyhow::{Context as _, bail};

/// A data folder that this process alone uses.
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Opens or makes the folder; a second process on it is refused.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the data folder {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        let path = fs::canonicalize(path)?;
        let lock = File::create(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {
                // Keys are in it: should it lie in a work tree, Git is not to take them.
                fs::write(path.join(".gitignore"), "*\n")?;
                Ok(Self { path, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another ambient; stop it, or give --data-dir", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded cluster's database.
    pub(crate) fn cluster_file(&self) -> PathBuf {
        self.path.join("cluster.redb")
    }

    /// Folders of pods and volumes.
    pub(crate) fn node_folder(&self) -> PathBuf {
        self.path.join("node")
    }

    /// Mirrors of repositories that manifests come from.
    pub(crate) fn sources_folder(&self) -> PathBuf {
        self.path.join("sources")
    }

    /// Mirrors of repositories that results go to.
    pub(crate) fn results_folder(&self) -> PathBuf {
        self.path.join("results")
    }

    /// The kubeconfig for the administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    /// The administrator's token, for kubeconfig and dashboard.
    pub(crate) fn admin_token(&self) -> anyhow::Result<String> {
        self.keep("admin-token", || {
            Ok(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
        })
    }

    /// The signing key of a part.
    pub(crate) fn signer(&self, part: &str) -> anyhow::Result<Arc<Signer>> {
        let secret = self.keep(&format!("{part}-key"), || Ok(Signer::generate(part)?.secret_paserk()?))?;
        Ok(Arc::new(Signer::from_paserk(part, &secret)?))
    }

    /// Keys, bindings and counts of the broker.
    pub(crate) fn broker_folder(&self) -> PathBuf {
        self.path.join("broker")
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        Ok(write_private(path, text.as_bytes())?)
    }

    fn keep(&self, name: &str, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Ok(_) => bail!("{} is empty; restore it, or begin with another data folder", path.display()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = make()?;
                self.write(&path, &text)?;
                Ok(text)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Replaces a file, as a whole, by one that only its owner may read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_keys_outlive_the_process_and_differ_between_folders() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let read = |path: &Path| {
            let folder = DataFolder::open(path).unwrap();
            (folder.admin_token().unwrap(), folder.signer("operator").unwrap().public_paserk().unwrap())
        };
        assert_eq!(read(one.path()), read(one.path()));
        assert_ne!(read(one.path()), read(other.path()));
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataFolder::open(folder.path()).unwrap();
        let second = DataFolder::open(folder.path()).err().unwrap().to_string();
        assert!(second.contains("in use by another ambient"), "{second}");
        drop(held);
        assert!(DataFolder::open(folder.path()).is_ok());
    }

    #[test]
    fn secrets_are_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        data.admin_token().unwrap();
        let mode = fs::metadata(folder.path().join("admin-token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
