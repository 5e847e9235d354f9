//! Room for an ending: kept back on the run's volume while an agent works, so that one that fills the disk leaves room for
//! what is still to be said and taken.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes that are kept back: the log's last events, the outcome, and commits of usual size.
const ROOM: i64 = 8 * 1024 * 1024;

/// The room, as a file that takes it.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Keeps it back in a folder. Where there is no room for it the run goes on without: it may get by.
    pub(crate) fn keep(folder: &Path) -> Self {
        let reserve = Self { path: folder.join("reserve") };
        if let Err(error) = reserve.take() {
            tracing::warn!(%error, "the volume has no room to keep back for the run's ending");
            reserve.release();
        }
        reserve
    }

    /// Gives it free. Safe to repeat.
    pub(crate) fn release(&self) {
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the room for the run's ending is not free"),
        }
    }

    /// Without being written to, where the system can do that.
    #[cfg(target_os = "linux")]
    fn take(&self) -> io::Result<()> {
        Ok(nix::fcntl::posix_fallocate(File::create(&self.path)?, 0, ROOM)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn take(&self) -> io::Result<()> {
        let mut zeros = io::Read::take(io::repeat(0), ROOM.unsigned_abs());
        io::copy(&mut zeros, &mut File::create(&self.path)?).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_and_given_free() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::keep(folder.path());
        assert_eq!(fs::metadata(folder.path().join("reserve")).unwrap().len(), ROOM.unsigned_abs());
        reserve.release();
        reserve.release();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Reserve::keep(&folder.path().join("gone")).release();
    }
}
