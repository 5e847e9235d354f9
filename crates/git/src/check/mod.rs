//! Rules for commits from an agent, checked before they are pushed (rule 22). An agent's commits are untrusted: what
//! they may do to whoever checks them out, or to the machines that build them, is decided here.

mod paths;

use std::collections::{BTreeMap, BTreeSet};

use crate::ancestry;
use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;
use crate::read::{Commit, Entry, EntryKind};
use paths::is_covered;
pub(crate) use paths::{is_safe, leads_out};

/// Most folders within one another.
pub(crate) const DEEPEST: usize = 64;
/// Bytes of the longest link: the longest path of a usual system.
const LONGEST_LINK: u64 = 4096;

/// Bounds of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLimits {
    /// Most commits.
    pub commits: usize,
    /// Most bytes of one new file.
    pub file_bytes: u64,
    /// Most bytes of all new files.
    pub total_bytes: u64,
    /// Most files in a tree.
    pub files: usize,
    /// Names of files, and of folders ending in `/`, that must not change in whatever folder they are; compared without
    /// regard to case. One that begins with `/` is meant at the top only.
    pub protected: Vec<String>,
}

impl CheckLimits {
    /// Bounds of a change that a person can review.
    #[must_use]
    pub fn reviewable() -> Self {
        Self {
            commits: 500,
            file_bytes: 10 * 1024 * 1024,
            total_bytes: 100 * 1024 * 1024,
            files: 200_000,
            protected: Vec::new(),
        }
    }
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Too many commits.
    #[error("{found} commits; at most {limit} are pushed")]
    TooManyCommits {
        /// How many.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// Not on top of the commit it started from.
    #[error("its history does not contain the commit it started from")]
    NotOnBase,
    /// A file that is too large.
    #[error("{path} has more than {limit} bytes, and no more are pushed of one file")]
    FileTooLarge {
        /// Which.
        path: String,
        /// The bound.
        limit: u64,
    },
    /// Too much in all. What comes after that is not looked at.
    #[error("all new files have more than {limit} bytes, and no more are pushed")]
    TooMuch {
        /// The bound.
        limit: u64,
    },
    /// A path that is dangerous to check out.
    #[error("{path:?} is no safe path")]
    UnsafePath {
        /// Which.
        path: String,
    },
    /// A protected path that was changed.
    #[error("{path} is protected: a person changes it")]
    Protected {
        /// Which.
        path: String,
    },
    /// A submodule that was added or moved.
    #[error("{path} is a submodule; an agent may not add or move one")]
    Submodule {
        /// Which.
        path: String,
    },
    /// A tree that is larger than anybody reviews.
    #[error("in commit {commit} {what} exceeds {limit}")]
    TooLarge {
        /// Which commit.
        commit: ObjectId,
        /// What of it.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// A link that leads out of the repository.
    #[error("{path} is a link out of the repository")]
    LinkOut {
        /// Which.
        path: String,
    },
}

/// Finds every broken rule in the commits of `base..head`.
///
/// Each commit is compared with the base, not with its parents: a merge may bring anything from before the base, and what
/// a later commit takes back is in the history all the same. `inspect` sees all that is new, with the place it is at:
/// files, paths, messages and authors.
///
/// # Errors
/// Fails where an object cannot be read.
pub fn check_commits(
    mirror: &Mirror,
    base: ObjectId,
    head: ObjectId,
    limits: &CheckLimits,
    inspect: impl FnMut(&str, &[u8]),
) -> Result<Vec<Violation>, GitError> {
    if !mirror.is_ancestor(base, head)? {
        return Ok(vec![Violation::NotOnBase]);
    }
    let commits = match commits_between(mirror, base, head, limits.commits) {
        Err(GitError::Limit { what, limit }) => {
            return Ok(vec![Violation::TooLarge { commit: head, what, limit }]);
        }
        commits => commits?,
    };
    if commits.len() > limits.commits {
        return Ok(vec![Violation::TooManyCommits { found: commits.len(), limit: limits.commits }]);
    }
    let mut check = Check { mirror, limits, inspect, found: Vec::new(), bytes: 0, seen: BTreeSet::new() };
    let Some(before) = check.tree(&mirror.commit(base)?)? else { return Ok(check.found) };
    for commit in &commits {
        check.commit(commit, &before)?;
    }
    if check.bytes > limits.total_bytes {
        check.found.push(Violation::TooMuch { limit: limits.total_bytes });
    }
    Ok(check.found)
}

/// Files of a tree by their paths.
type Files = BTreeMap<String, Entry>;

struct Check<'a, I> {
    mirror: &'a Mirror,
    limits: &'a CheckLimits,
    inspect: I,
    found: Vec<Violation>,
    bytes: u64,
    /// Entries that were looked at already, in an earlier commit.
    seen: BTreeSet<(String, Option<ObjectId>)>,
}

impl Violation {
    /// Whether part of the commits could not be looked at because of it.
    #[must_use]
    pub fn hides_content(&self) -> bool {
        matches!(
            self,
            Self::TooManyCommits { .. }
                | Self::NotOnBase
                | Self::FileTooLarge { .. }
                | Self::TooMuch { .. }
                | Self::TooLarge { .. }
                | Self::LinkOut { .. }
        )
    }
}

impl<I: FnMut(&str, &[u8])> Check<'_, I> {
    /// The files of a commit; none if they are too many, which is a broken rule.
    fn tree(&mut self, commit: &Commit) -> Result<Option<Files>, GitError> {
        match self.mirror.walk(commit.tree, self.limits.files, DEEPEST) {
            Ok(entries) => Ok(Some(entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect())),
            Err(GitError::Limit { what, limit }) => {
                self.found.push(Violation::TooLarge { commit: commit.id, what, limit });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn commit(&mut self, commit: &Commit, before: &Files) -> Result<(), GitError> {
        (self.inspect)(&format!("the message of commit {}", commit.id), commit.message.as_bytes());
        (self.inspect)(&format!("the author of commit {}", commit.id), commit.author.as_bytes());
        let Some(after) = self.tree(commit)? else { return Ok(()) };
        for (path, entry) in &after {
            if before.get(path) != Some(entry) && self.seen.insert((path.clone(), Some(entry.id))) {
                self.entry(path, entry)?;
            }
        }
        for path in before.keys().filter(|path| !after.contains_key(*path)) {
            if self.seen.insert((path.clone(), None)) {
                self.protected(path);
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, entry: &Entry) -> Result<(), GitError> {
        if self.bytes > self.limits.total_bytes {
            return Ok(());
        }
        (self.inspect)(&format!("the name of {path}"), path.as_bytes());
        if !is_safe(path) {
            self.found.push(Violation::UnsafePath { path: path.to_owned() });
        }
        self.protected(path);
        match entry.kind {
            EntryKind::Submodule => self.found.push(Violation::Submodule { path: path.to_owned() }),
            EntryKind::Link => self.link(path, entry)?,
            EntryKind::File | EntryKind::Executable => self.file(path, entry)?,
            EntryKind::Folder => {}
        }
        Ok(())
    }

    fn protected(&mut self, path: &str) {
        if self.limits.protected.iter().any(|rule| is_covered(path, rule)) {
            self.found.push(Violation::Protected { path: path.to_owned() });
        }
    }

    fn link(&mut self, path: &str, entry: &Entry) -> Result<(), GitError> {
        let leads_out = match self.mirror.blob(entry.id, LONGEST_LINK) {
            Ok(target) => {
                (self.inspect)(path, &target);
                leads_out(path, &String::from_utf8_lossy(&target))
            }
            // No system follows a link that long; what it is for nobody knows.
            Err(GitError::Limit { .. }) => true,
            Err(error) => return Err(error),
        };
        if leads_out {
            self.found.push(Violation::LinkOut { path: path.to_owned() });
        }
        Ok(())
    }

    fn file(&mut self, path: &str, entry: &Entry) -> Result<(), GitError> {
        match self.mirror.blob(entry.id, self.limits.file_bytes) {
            Ok(content) => {
                self.bytes = self.bytes.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
                (self.inspect)(path, &content);
            }
            Err(GitError::Limit { limit, .. }) => {
                self.found.push(Violation::FileTooLarge { path: path.to_owned(), limit });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Commits of `base..head`, oldest first; stops one past the bound.
fn commits_between(
    mirror: &Mirror,
    base: ObjectId,
    head: ObjectId,
    most: usize,
) -> Result<Vec<Commit>, GitError> {
    let broken = |error: git2::Error| GitError::read(format!("the history of {head}"), error);
    let repository = git2::Repository::open_bare(mirror.path())?;
    let found = ancestry::between(&repository, base.to_git2()?, head.to_git2()?, most + 1).map_err(broken)?;
    let mut commits = found.into_iter().map(|id| mirror.commit(id.into())).collect::<Result<Vec<_>, _>>()?;
    commits.reverse();
    Ok(commits)
}
