//! Differences between commits: for people as a patch, for counting as numbers.

use git2::{Diff, DiffOptions, Oid, Repository};

use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;

/// Bytes of the largest file that is compared line by line; that takes some thirty times as much memory. Larger ones
/// are shown as binary ones.
const LINES_LIMIT: i64 = 2 * 1024 * 1024;
/// Bytes of the largest file whose content is read at all.
const CONTENT_LIMIT: usize = 16 * 1024 * 1024;

/// A patch and its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// The unified diff; binary files as Git's binary patches, so that it applies.
    pub text: Vec<u8>,
    /// Whether more belongs to it: it was to be longer than asked for, or a file is too large to be shown.
    pub is_cut: bool,
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
    /// The difference between two commits' trees, as a patch of at most `most` bytes: files are shown whole or not at
    /// all. All of them are counted.
    ///
    /// # Errors
    /// Fails where an object cannot be read.
    pub fn patch(&self, base: ObjectId, head: ObjectId, most: usize) -> Result<Patch, GitError> {
        let repository = Repository::open(self.path())?;
        let broken =
            |error: git2::Error| GitError::read(format!("the difference of {base} and {head}"), error);
        let tree = |id: ObjectId| repository.find_commit(id.to_git2()?)?.tree().map_err(GitError::from);
        let (old, new) = (tree(base)?, tree(head)?);
        let mut options = DiffOptions::new();
        options.show_binary(true).max_size(LINES_LIMIT);
        let mut diff =
            repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options)).map_err(broken)?;
        let is_huge = |delta: &git2::DiffDelta<'_>| {
            [delta.old_file().id(), delta.new_file().id()].iter().any(|id| is_huge(&repository, *id))
        };
        // To find what was renamed, contents are read.
        if !diff.deltas().any(|delta| is_huge(&delta)) {
            diff.find_similar(None).map_err(broken)?;
        }
        let mut patch = Patch::default();
        for index in 0..diff.deltas().len() {
            let Some(delta) = diff.get_delta(index) else { continue };
            let content =
                if is_huge(&delta) { None } else { Content::read(&diff, index, most).map_err(broken)? };
            patch.add(path_of(&delta), content, most);
        }
        Ok(patch)
    }
}

impl Patch {
    fn add(&mut self, path: String, content: Option<Content>, most: usize) {
        let Content { text, insertions, deletions } = content.unwrap_or_default();
        self.files.push(FileStat { path, insertions, deletions });
        match text {
            Some(text) if self.text.len() + text.len() <= most => self.text.extend(text),
            _ => self.is_cut = true,
        }
    }
}

/// What is shown and counted of one file.
#[derive(Default)]
struct Content {
    text: Option<Vec<u8>>,
    insertions: u64,
    deletions: u64,
}

impl Content {
    fn read(diff: &Diff<'_>, index: usize, most: usize) -> Result<Option<Self>, git2::Error> {
        let Some(mut patch) = git2::Patch::from_diff(diff, index)? else { return Ok(None) };
        let (_, insertions, deletions) = patch.line_stats()?;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let text = if most == 0 { None } else { Some(patch.to_buf()?.to_vec()) };
        Ok(Some(Self { text, insertions: number(insertions), deletions: number(deletions) }))
    }
}

fn is_huge(repository: &Repository, blob: Oid) -> bool {
    // A submodule's commit is no object of this repository.
    let size = repository.odb().and_then(|objects| objects.read_header(blob));
    size.is_ok_and(|(size, _)| size > CONTENT_LIMIT)
}

fn path_of(delta: &git2::DiffDelta<'_>) -> String {
    let path = delta.new_file().path().or_else(|| delta.old_file().path());
    path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}
