//! What a development server keeps of its conversations: a folder in its working directory, for which it has no setting
//! (langgraph-cli 0.4.40 drops the one it knows). That is the repository, where it must not be committed; so it is there
//! only as long as the server, and in the agent's home between two of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder's name.
pub(super) const FOLDER: &str = ".langgraph_api";
/// Has Git pass over it, however this process ends.
const IGNORED: &str = "*\n";

/// The folder.
#[derive(Debug)]
pub(super) struct Notes {
    folder: PathBuf,
    kept: Option<PathBuf>,
    /// Not where the repository has such a folder itself.
    ours: bool,
}

impl Notes {
    /// Lays out what the server before has left, if it ended in good order. One that did not has written down older news than
    /// the run's log.
    pub(super) fn prepare(directory: &Path, home: Option<&Path>) -> io::Result<Self> {
        let folder = directory.join(FOLDER);
        let marker = folder.join(".gitignore");
        let is_left = fs::read_to_string(&marker).is_ok_and(|text| text == IGNORED);
        if is_left {
            fs::remove_dir_all(&folder)?;
        }
        let notes = Self { ours: !folder.exists(), kept: home.map(|home| home.join(FOLDER)), folder };
        if notes.ours {
            match notes.kept.as_deref().filter(|kept| kept.exists()) {
                Some(kept) => carry(kept, &notes.folder)?,
                None => fs::create_dir(&notes.folder)?,
            }
            fs::write(marker, IGNORED)?;
        }
        Ok(notes)
    }

    /// The server has ended in good order: the next one takes up its conversations.
    pub(super) fn keep(&self) {
        match &self.kept {
            Some(kept) if self.ours => {
                if carry(&self.folder, kept).is_err() {
                    self.clear();
                }
            }
            _ => self.clear(),
        }
    }

    /// It has not.
    pub(super) fn clear(&self) {
        if self.ours {
            // What is left is ignored.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Moves a folder of files, to another volume too.
fn carry(from: &Path, to: &Path) -> io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    fs::remove_dir_all(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_kept_by_a_server_that_ends_in_good_order() {
        // How the server ends (none: it is killed with this process), and whether the next one knows of it.
        type End = fn(&Notes);
        let cases: [(Option<End>, bool); 3] =
            [(Some(Notes::keep), true), (Some(Notes::clear), false), (None, false)];
        for (ends, known) in cases {
            let (directory, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let prepare = || Notes::prepare(directory.path(), Some(home.path())).unwrap();
            let notes = prepare();
            fs::write(directory.path().join(FOLDER).join("store"), "x").unwrap();
            if let Some(end) = ends {
                end(&notes);
                assert!(!directory.path().join(FOLDER).exists());
            }
            prepare();
            assert_eq!(directory.path().join(FOLDER).join("store").exists(), known);
            assert!(!home.path().join(FOLDER).exists(), "there is one of it");
        }
    }

    #[test]
    fn a_folder_of_the_repositorys_own_is_left_alone() {
        let (directory, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = directory.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let notes = Notes::prepare(directory.path(), Some(home.path())).unwrap();
        notes.keep();
        notes.clear();
        assert!(folder.exists() && !home.path().join(FOLDER).exists());
    }

    #[test]
    fn a_folder_is_carried_to_a_place_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for (folder, file) in [(&from, "store"), (&to, "older")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(file), "x").unwrap();
        }
        carry(&from, &to).unwrap();
        assert!(to.join("store").exists() && !from.exists());
    }
}
