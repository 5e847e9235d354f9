//! Differences between commits: for people as a patch, for counting as numbers.

use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;

/// A patch and its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// The unified diff; binary files as Git's binary patches, so that it applies.
    pub text: Vec<u8>,
    /// What it does to each file.
    pub files: Vec<FileStat>,
}

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Its path after the change, or before it if it was removed.
    pub path: String,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

impl Patch {
    /// Lines added in all files.
    #[must_use]
    pub fn insertions(&self) -> u64 {
        self.files.iter().map(|file| file.insertions).sum()
    }

    /// Lines removed in all files.
    #[must_use]
    pub fn deletions(&self) -> u64 {
        self.files.iter().map(|file| file.deletions).sum()
    }
}

impl Mirror {
    /// The difference between two commits' trees.
    ///
    /// # Errors
    /// Fails where an object cannot be read.
    pub fn patch(&self, base: ObjectId, head: ObjectId) -> Result<Patch, GitError> {
        let repository = git2::Repository::open(self.path())?;
        patch_between(&repository, base, head)
    }
}

pub(crate) fn patch_between(
    repository: &git2::Repository,
    base: ObjectId,
    head: ObjectId,
) -> Result<Patch, GitError> {
    let broken = |error: git2::Error| GitError::read(format!("the difference of {base} and {head}"), error);
    let tree = |id: ObjectId| repository.find_commit(id.to_git2()?)?.tree().map_err(GitError::from);
    let mut options = git2::DiffOptions::new();
    options.show_binary(true);
    let (old, new) = (tree(base)?, tree(head)?);
    let mut diff =
        repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options)).map_err(broken)?;
    diff.find_similar(None).map_err(broken)?;
    let mut text = Vec::new();
    diff.print(git2::DiffFormat::Patch, |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(u8::try_from(line.origin()).unwrap_or(b' '));
        }
        text.extend_from_slice(line.content());
        true
    })
    .map_err(broken)?;
    let mut files = Vec::new();
    for index in 0..diff.deltas().len() {
        files.push(file_stat(&diff, index).map_err(broken)?);
    }
    Ok(Patch { text, files })
}

fn file_stat(diff: &git2::Diff<'_>, index: usize) -> Result<FileStat, git2::Error> {
    let delta = diff.get_delta(index);
    let path = delta.as_ref().and_then(|delta| delta.new_file().path().or_else(|| delta.old_file().path()));
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let counted = git2::Patch::from_diff(diff, index)?.map(|patch| patch.line_stats()).transpose()?;
    let (_, insertions, deletions) = counted.unwrap_or_default();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(FileStat { path, insertions: number(insertions), deletions: number(deletions) })
}
