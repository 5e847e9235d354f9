//! A checkout that an agent works in.

use std::path::{Path, PathBuf};

use crate::error::GitError;
use crate::id::ObjectId;

/// One repository's checkout.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(crate) path: PathBuf,
}

impl Workspace {
    /// The checkout at `path`, made by an earlier attempt.
    ///
    /// # Errors
    /// Fails where there is none.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        git2::Repository::open(path).map_err(|error| GitError::read(path.display().to_string(), error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its history ends before that of the remote does: older commits are not there, nor is what they held.
    ///
    /// # Errors
    /// Fails where it cannot be read.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(self.repository()?.is_shallow())
    }

    /// The commit that is checked out; none in a repository without commits.
    ///
    /// # Errors
    /// Fails where it cannot be read.
    pub fn head(&self) -> Result<Option<ObjectId>, GitError> {
        let repository = self.repository()?;
        match repository.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Ok(Some(commit.id().into())),
            Err(error)
                if matches!(error.code(), git2::ErrorCode::UnbornBranch | git2::ErrorCode::NotFound) =>
            {
                Ok(None)
            }
            Err(error) => Err(GitError::read("HEAD", error)),
        }
    }

    fn repository(&self) -> Result<git2::Repository, GitError> {
        git2::Repository::open(&self.path)
            .map_err(|error| GitError::read(self.path.display().to_string(), error))
    }
}
