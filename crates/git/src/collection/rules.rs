//! What Git ignores in a checkout, read so that no rule leads elsewhere.
//!
//! libgit2 follows links to rules and waits for named pipes. So it looks into a folder of our own, into which the small
//! plain files of rules are copied on the way through the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use git2::Repository;

use super::read_small;
use crate::error::GitError;

/// Files that say what is ignored, and how content is changed on its way into Git.
const FILES: [&str; 2] = [".gitignore", ".gitattributes"];

pub(super) struct Rules<'a> {
    repository: &'a Repository,
    checkout: &'a Path,
    copies: PathBuf,
}

impl<'a> Rules<'a> {
    /// Rules of a checkout, copied to a folder that becomes the repository's work tree.
    pub(super) fn new(
        repository: &'a Repository,
        checkout: &'a Path,
        copies: &Path,
    ) -> Result<Self, GitError> {
        fs::create_dir_all(copies).map_err(|error| GitError::file(copies, error))?;
        repository.set_workdir(copies, false)?;
        Ok(Self { repository, checkout, copies: copies.to_owned() })
    }

    /// Takes the rules of one folder; those of the folders above have been taken.
    pub(super) fn enter(&self, folder: &Path) -> Result<(), GitError> {
        for name in FILES {
            let Some(content) = read_small(&self.checkout.join(folder).join(name)) else { continue };
            let copy = self.copies.join(folder);
            let failed = |error| GitError::file(&copy, error);
            fs::create_dir_all(&copy).map_err(failed)?;
            fs::write(copy.join(name), content).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether Git ignores a path. One that it cannot make sense of is not ignored, and is told of later.
    pub(super) fn ignore(&self, path: &Path, is_folder: bool) -> bool {
        let mut path = path.as_os_str().to_owned();
        if is_folder {
            path.push("/");
        }
        self.repository.is_path_ignored(Path::new(&path)).unwrap_or_default()
    }
}
