//! A checkout that an agent works in.

use std::path::{Path, PathBuf};

use crate::ancestry;
use crate::commit::Signature;
use crate::diff::{Patch, patch_between};
use crate::error::GitError;
use crate::id::ObjectId;
use crate::remote::Program;

/// One repository's checkout.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(crate) path: PathBuf,
}

/// What came of committing what an agent had left uncommitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftoverCommit {
    /// There was nothing.
    Nothing,
    /// This commit holds it.
    Made(ObjectId),
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

    /// Commits every change that Git does not ignore.
    ///
    /// # Errors
    /// Fails where a file cannot be read or the commit not be written.
    pub fn commit_leftovers(&self, message: &str, author: &Signature) -> Result<LeftoverCommit, GitError> {
        let repository = self.repository()?;
        let mut index = repository.index()?;
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = repository.find_tree(index.write_tree()?)?;
        let parent = self
            .head()?
            .map(|head| repository.find_commit(head.to_git2()?).map_err(GitError::from))
            .transpose()?;
        let unchanged = parent.as_ref().is_some_and(|parent| parent.tree_id() == tree.id());
        if unchanged || (parent.is_none() && tree.is_empty()) {
            return Ok(LeftoverCommit::Nothing);
        }
        let time = git2::Time::new(author.time, 0);
        let signature = git2::Signature::new(&author.name, &author.email, &time)?;
        let parents: Vec<_> = parent.iter().collect();
        let id = repository.commit(Some("HEAD"), &signature, &signature, message, &tree, &parents)?;
        Ok(LeftoverCommit::Made(id.into()))
    }

    /// Files that Git ignores and that are there, the first `most` of them.
    ///
    /// # Errors
    /// Fails where the folder cannot be read.
    pub fn ignored_files(&self, most: usize) -> Result<Vec<String>, GitError> {
        let repository = self.repository()?;
        let mut options = git2::StatusOptions::new();
        options.include_ignored(true).recurse_ignored_dirs(false).include_untracked(false);
        let statuses = repository.statuses(Some(&mut options))?;
        let ignored = statuses.iter().filter(|status| status.status().is_ignored());
        Ok(ignored.filter_map(|status| status.path().ok().map(str::to_owned)).take(most).collect())
    }

    /// Number of commits of `base..head`.
    ///
    /// # Errors
    /// Fails where the history cannot be read.
    pub fn count_commits(&self, base: ObjectId, head: ObjectId) -> Result<usize, GitError> {
        Ok(ancestry::between(&self.repository()?, base.to_git2()?, head.to_git2()?, usize::MAX)?.len())
    }

    /// The difference between two commits.
    ///
    /// # Errors
    /// Fails where an object cannot be read.
    pub fn patch(&self, base: ObjectId, head: ObjectId) -> Result<Patch, GitError> {
        patch_between(&self.repository()?, base, head)
    }

    /// Writes the commits of `base..head` into a bundle file, under a ref of the given full name.
    ///
    /// # Errors
    /// Fails where there are none, or the file cannot be written.
    pub async fn bundle(
        &self,
        base: ObjectId,
        head: ObjectId,
        reference: &str,
        file: &Path,
    ) -> Result<(), GitError> {
        self.repository()?.reference(reference, head.to_git2()?, true, "ambient")?;
        Program::new(&self.path, "bundle")
            // What is missing in a checkout is not looked for elsewhere (git(1), since 2.44).
            .env("GIT_NO_LAZY_FETCH", "1")
            .args(["create", "--quiet"])
            .arg(file)
            .arg(reference)
            .arg(format!("^{base}"))
            .run()
            .await
            .map(drop)
    }

    fn repository(&self) -> Result<git2::Repository, GitError> {
        git2::Repository::open(&self.path)
            .map_err(|error| GitError::read(self.path.display().to_string(), error))
    }
}
