//! Building commits without a work tree.

use std::collections::BTreeMap;

use git2::{FileMode, Oid, Repository, Tree};

use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;

/// Who writes a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Seconds since the epoch.
    pub time: i64,
}

/// A commit in the making: files laid over a tree.
#[derive(Debug, Clone, Default)]
pub struct CommitBuilder {
    base: Option<ObjectId>,
    parents: Vec<ObjectId>,
    files: BTreeMap<String, Option<Vec<u8>>>,
}

impl CommitBuilder {
    /// A commit without parents, with nothing in it yet.
    #[must_use]
    pub fn parentless() -> Self {
        Self::default()
    }

    /// A commit on top of another.
    ///
    /// # Errors
    /// Fails where that commit cannot be read.
    pub fn on(mirror: &Mirror, parent: ObjectId) -> Result<Self, GitError> {
        let tree = mirror.commit(parent)?.tree;
        Ok(Self { base: Some(tree), parents: vec![parent], files: BTreeMap::new() })
    }

    /// Sets a file.
    pub fn put(&mut self, path: &str, content: Vec<u8>) -> &mut Self {
        self.files.insert(path.to_owned(), Some(content));
        self
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) -> &mut Self {
        self.files.insert(path.to_owned(), None);
        self
    }

    /// Writes blobs, trees and the commit into the mirror. No ref is moved.
    ///
    /// # Errors
    /// Fails where an object cannot be written, or a path is none.
    pub fn write(&self, mirror: &Mirror, author: &Signature, message: &str) -> Result<ObjectId, GitError> {
        let repository = Repository::open_bare(mirror.path())?;
        let base = self
            .base
            .map(|base| repository.find_tree(base.to_git2()?).map_err(GitError::from))
            .transpose()?;
        let files: Vec<_> =
            self.files.iter().map(|(path, content)| (path.as_str(), content.as_deref())).collect();
        let tree = write_tree(&repository, base.as_ref(), &files)?;
        let tree = match tree {
            Some(tree) => tree,
            None => repository.treebuilder(None)?.write()?,
        };
        let tree = repository.find_tree(tree)?;
        let parents = self
            .parents
            .iter()
            .map(|parent| Ok(repository.find_commit(parent.to_git2()?)?))
            .collect::<Result<Vec<_>, GitError>>()?;
        let parents: Vec<_> = parents.iter().collect();
        let time = git2::Time::new(author.time, 0);
        let signature = git2::Signature::new(&author.name, &author.email, &time)?;
        Ok(repository.commit(None, &signature, &signature, message, &tree, &parents)?.into())
    }
}

/// A file to set, or with no content to remove, and its path from the tree at hand.
type FileEdit<'a> = (&'a str, Option<&'a [u8]>);

/// Lays files over a tree, folder by folder; a folder left empty goes.
fn write_tree(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    files: &[FileEdit<'_>],
) -> Result<Option<Oid>, GitError> {
    let mut builder = repository.treebuilder(base)?;
    let mut folders: BTreeMap<&str, Vec<FileEdit<'_>>> = BTreeMap::new();
    for (path, content) in files {
        match (path.split_once('/'), content) {
            (Some((folder, rest)), content) => folders.entry(folder).or_default().push((rest, *content)),
            (None, Some(content)) => {
                let kept = builder.get(path)?.map(|entry| entry.filemode());
                let executable = kept == Some(i32::from(FileMode::BlobExecutable));
                let mode = if executable { FileMode::BlobExecutable } else { FileMode::Blob };
                builder.insert(path, repository.blob(content)?, mode.into())?;
            }
            (None, None) => {
                if builder.get(path)?.is_some() {
                    builder.remove(path)?;
                }
            }
        }
    }
    for (folder, inner) in folders {
        let existing = builder.get(folder)?.filter(|entry| entry.filemode() == i32::from(FileMode::Tree));
        let existing = existing.map(|entry| entry.id());
        let existing = existing.map(|id| repository.find_tree(id)).transpose()?;
        match write_tree(repository, existing.as_ref(), &inner)? {
            Some(tree) => drop(builder.insert(folder, tree, FileMode::Tree.into())?),
            None if builder.get(folder)?.is_some() => builder.remove(folder)?,
            None => {}
        }
    }
    if builder.is_empty() { Ok(None) } else { Ok(Some(builder.write()?)) }
}
