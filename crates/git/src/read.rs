//! Reading commits, trees and blobs by id. "Not there" and "cannot be read" are never the same answer.

use crate::ancestry;
use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;

/// What is bounded when folders lie within one another.
const DEPTH: &str = "the depth of folders";
/// Most bytes of a commit, which is read whole: its message is a person's.
const COMMIT_BYTES: u64 = 4 * 1024 * 1024;
/// Most bytes of a folder's list of names, which is read whole: 200,000 long ones.
const FOLDER_BYTES: u64 = 32 * 1024 * 1024;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents.
    pub parents: Vec<ObjectId>,
    /// Who wrote it: name and address.
    pub author: String,
    /// When it was committed, in seconds since the epoch.
    pub time: i64,
    /// Its message.
    pub message: String,
}

/// One entry of a tree, with its path from the tree that was walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its object.
    pub id: ObjectId,
}

/// What an entry is. Links and submodules are named, never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
}

impl Mirror {
    /// Reads a commit.
    ///
    /// # Errors
    /// Fails where there is no such commit, or it is larger than any that a person writes.
    pub fn commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        self.check_size(id, "a commit", COMMIT_BYTES)?;
        let broken = |error: String| GitError::read(format!("commit {id}"), error);
        let repository = self.repository.to_thread_local();
        let commit = repository.find_commit(id.to_gix()).map_err(|error| broken(error.to_string()))?;
        let decoded = commit.decode().map_err(|error| broken(error.to_string()))?;
        let author = decoded.author().map_err(|error| broken(error.to_string()))?;
        Ok(Commit {
            id,
            tree: decoded.tree().into(),
            parents: decoded.parents().map(ObjectId::from).collect(),
            author: format!("{} <{}>", author.name, author.email),
            time: commit.time().map_err(|error| broken(error.to_string()))?.seconds,
            message: decoded.message.to_string(),
        })
    }

    fn check_size(&self, id: ObjectId, what: &str, most: u64) -> Result<(), GitError> {
        let header = self.repository.to_thread_local().find_header(id.to_gix());
        let header = header.map_err(|error| GitError::read(format!("object {id}"), error))?;
        let what = || format!("the size of {what}, {} bytes,", header.size());
        if header.size() > most { Err(GitError::Limit { what: what(), limit: most }) } else { Ok(()) }
    }

    /// The tree or blob at a path of a tree; none where there is nothing. The empty path is the tree itself.
    ///
    /// # Errors
    /// Fails where an object on the way cannot be read.
    pub fn entry_at(&self, tree: ObjectId, path: &str) -> Result<Option<Entry>, GitError> {
        let path = path.trim_matches('/');
        if path.is_empty() || path == "." {
            return Ok(Some(Entry { path: String::new(), kind: EntryKind::Folder, id: tree }));
        }
        let broken = |error: String| GitError::read(format!("{path} of tree {tree}"), error);
        let repository = self.repository.to_thread_local();
        let root = repository.find_tree(tree.to_gix()).map_err(|error| broken(error.to_string()))?;
        let found = root.lookup_entry_by_path(path).map_err(|error| broken(error.to_string()))?;
        Ok(found.map(|entry| Entry {
            path: path.to_owned(),
            kind: kind(entry.mode()),
            id: ObjectId::from(entry.object_id()),
        }))
    }

    /// All files, links and submodules below a tree, in order, at most `most` of them and `depth` folders deep.
    ///
    /// # Errors
    /// Fails where a tree cannot be read, or a bound is exceeded: a part of a tree is no answer.
    pub fn walk(&self, tree: ObjectId, most: usize, depth: usize) -> Result<Vec<Entry>, GitError> {
        let mut found = Vec::new();
        self.walk_into(tree, "", most, depth, &mut found).map_err(|error| match error {
            GitError::Limit { what, .. } if what == DEPTH => limit(DEPTH, depth),
            other => other,
        })?;
        Ok(found)
    }

    fn walk_into(
        &self,
        tree: ObjectId,
        prefix: &str,
        most: usize,
        depth: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), GitError> {
        self.check_size(tree, "the number of files of a folder", FOLDER_BYTES)?;
        let broken = |error: String| GitError::read(format!("tree {tree}"), error);
        let repository = self.repository.to_thread_local();
        let read = repository.find_tree(tree.to_gix()).map_err(|error| broken(error.to_string()))?;
        for entry in read.iter() {
            let entry = entry.map_err(|error| broken(error.to_string()))?;
            let path = format!("{prefix}{}", entry.filename());
            let entry = Entry { path, kind: kind(entry.mode()), id: ObjectId::from(entry.object_id()) };
            if entry.kind == EntryKind::Folder {
                let inner = depth.checked_sub(1).ok_or_else(|| limit(DEPTH, depth))?;
                self.walk_into(entry.id, &format!("{}/", entry.path), most, inner, found)?;
            } else if found.len() >= most {
                return Err(limit("the number of files", most));
            } else {
                found.push(entry);
            }
        }
        Ok(())
    }

    /// A blob's content, of at most `most` bytes.
    ///
    /// # Errors
    /// Fails where it cannot be read, or is larger.
    pub fn blob(&self, id: ObjectId, most: u64) -> Result<Vec<u8>, GitError> {
        let broken = |error: String| GitError::read(format!("blob {id}"), error);
        let repository = self.repository.to_thread_local();
        let header = repository.find_header(id.to_gix()).map_err(|error| broken(error.to_string()))?;
        if header.size() > most {
            return Err(GitError::Limit {
                what: format!("blob {id} with {} bytes", header.size()),
                limit: most,
            });
        }
        let mut blob = repository.find_blob(id.to_gix()).map_err(|error| broken(error.to_string()))?;
        Ok(blob.take_data())
    }

    /// The content of a file of a tree; none where there is no file.
    ///
    /// # Errors
    /// Fails where it cannot be read, or is larger than `most` bytes.
    pub fn file(&self, tree: ObjectId, path: &str, most: u64) -> Result<Option<Vec<u8>>, GitError> {
        match self.entry_at(tree, path)? {
            Some(entry) if matches!(entry.kind, EntryKind::File | EntryKind::Executable) => {
                self.blob(entry.id, most).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether `descendant` has `ancestor` in its history, or is it.
    ///
    /// # Errors
    /// Fails where a commit cannot be read.
    pub fn is_ancestor(&self, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, GitError> {
        let repository = git2::Repository::open_bare(self.path())?;
        ancestry::is_ancestor(&repository, ancestor.to_git2()?, descendant.to_git2()?)
            .map_err(|error| GitError::read(format!("the history of {descendant}"), error))
    }

    /// Whether an object is here.
    #[must_use]
    pub fn has(&self, id: ObjectId) -> bool {
        self.repository.to_thread_local().has_object(id.to_gix())
    }

    /// The newest commit of the first-parent history of `from` that changed what is at `path`.
    ///
    /// # Errors
    /// Fails where a commit cannot be read.
    pub fn last_commit_touching(&self, path: &str, from: ObjectId) -> Result<ObjectId, GitError> {
        let at = |commit: &Commit| Ok::<_, GitError>(self.entry_at(commit.tree, path)?.map(|entry| entry.id));
        let mut newest = self.commit(from)?;
        let wanted = at(&newest)?;
        while let Some(parent) = newest.parents.first() {
            let parent = self.commit(*parent)?;
            if at(&parent)? != wanted {
                break;
            }
            newest = parent;
        }
        Ok(newest.id)
    }
}

fn limit(what: &str, most: usize) -> GitError {
    GitError::Limit { what: what.to_owned(), limit: u64::try_from(most).unwrap_or(u64::MAX) }
}

pub(crate) fn kind(mode: gix::objs::tree::EntryMode) -> EntryKind {
    use gix::objs::tree::EntryKind as Mode;
    match mode.kind() {
        Mode::Tree => EntryKind::Folder,
        Mode::Blob => EntryKind::File,
        Mode::BlobExecutable => EntryKind::Executable,
        Mode::Link => EntryKind::Link,
        Mode::Commit => EntryKind::Submodule,
    }
}
