//! The files of a pod's folder: their places, and writes that a crash cannot tear.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

/// Only the owner reads and writes: records hold what environments hold.
const PRIVATE: u32 = 0o600;

/// The folder of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodFiles {
    folder: PathBuf,
}

impl PodFiles {
    /// The files of the pod in `folder`.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What to run; written before the shim starts.
    pub(crate) fn record(&self) -> PathBuf {
        self.folder.join("pod.json")
    }

    /// That the pod is to end.
    pub(crate) fn stop(&self) -> PathBuf {
        self.folder.join("stop.json")
    }

    /// What has become of the pod.
    pub(crate) fn report(&self) -> PathBuf {
        self.folder.join("report.json")
    }

    /// Locked by the shim while it lives.
    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// A FIFO; a byte in it makes the shim look at `stop.json`.
    pub(crate) fn bell(&self) -> PathBuf {
        self.folder.join("bell")
    }

    /// What the shim itself says.
    pub(crate) fn shim_log(&self) -> PathBuf {
        self.folder.join("shim.log")
    }

    /// The folder of a container's logs.
    pub(crate) fn logs(&self, container: &str) -> PathBuf {
        self.folder.join("logs").join(container)
    }

    /// The log of one instance of a container: 0 is the first, each restart makes another.
    pub(crate) fn log(&self, container: &str, instance: u32) -> PathBuf {
        self.logs(container).join(format!("{instance}.log"))
    }

    /// Where a container may leave its last words.
    pub(crate) fn message(&self, container: &str) -> PathBuf {
        self.folder.join("messages").join(container)
    }

    /// Where containers start that name no working directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The folder of one of the pod's own volumes.
    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("volumes").join(name)
    }

    /// The pod's address.
    pub(crate) fn address(&self) -> PathBuf {
        self.folder.join("address")
    }
}

/// Whether a shim holds the folder: a question of its lock, never of a process id.
pub(crate) fn is_held(files: &PodFiles) -> bool {
    let Ok(lock) = File::open(files.lock()) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Reads a JSON file; none where there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file whole, so that a reader sees the old or the new one.
pub(crate) fn write_private(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, value).map(drop)
}

/// Replaces a file whole, and returns when it would survive a loss of power.
pub(crate) fn write_synced(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, value)?.sync_all()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn replace(path: &Path, value: &impl Serialize) -> io::Result<File> {
    let temporary = path.with_extension("new");
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(PRIVATE).open(&temporary)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    fs::rename(&temporary, path)?;
    Ok(file)
}
