//! Rules for commits from an agent, checked before they are pushed (rule 22). An agent's commits are untrusted: what
//! they may do to whoever checks them out, or to the machines that build them, is decided here.

use std::collections::BTreeMap;

use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;
use crate::read::{Commit, Entry, EntryKind};

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
    /// Paths that must not change: whole paths, or folders ending in `/`; compared without regard to case.
    pub protected: Vec<String>,
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
    #[error("{path} has {found} bytes; at most {limit} are pushed")]
    FileTooLarge {
        /// Which.
        path: String,
        /// Its size.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// Too much in all.
    #[error("{found} new bytes in all; at most {limit} are pushed")]
    TooMuch {
        /// How much.
        found: u64,
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
    /// A link that leads out of the repository.
    #[error("{path} is a link out of the repository")]
    LinkOut {
        /// Which.
        path: String,
    },
}

/// Finds every broken rule in the commits of `base..head`. `secrets` looks at each new file and names what it found;
/// its findings are returned as they are.
///
/// # Errors
/// Fails where an object cannot be read.
pub fn check_commits(
    mirror: &Mirror,
    base: ObjectId,
    head: ObjectId,
    limits: &CheckLimits,
    mut inspect: impl FnMut(&str, &[u8]),
) -> Result<Vec<Violation>, GitError> {
    if !mirror.is_ancestor(base, head)? {
        return Ok(vec![Violation::NotOnBase]);
    }
    let commits = commits_between(mirror, base, head, limits.commits)?;
    if commits.len() > limits.commits {
        return Ok(vec![Violation::TooManyCommits { found: commits.len(), limit: limits.commits }]);
    }
    let mut check = Check { mirror, limits, found: Vec::new(), bytes: 0, seen: BTreeMap::new() };
    for commit in &commits {
        let parent = commit.parents.first().copied().unwrap_or(base);
        check.commit(commit, parent, &mut inspect)?;
    }
    if check.bytes > limits.total_bytes {
        check.found.push(Violation::TooMuch { found: check.bytes, limit: limits.total_bytes });
    }
    check.found.dedup();
    Ok(check.found)
}

struct Check<'a> {
    mirror: &'a Mirror,
    limits: &'a CheckLimits,
    found: Vec<Violation>,
    bytes: u64,
    seen: BTreeMap<ObjectId, ()>,
}

impl Check<'_> {
    fn commit(
        &mut self,
        commit: &Commit,
        parent: ObjectId,
        inspect: &mut impl FnMut(&str, &[u8]),
    ) -> Result<(), GitError> {
        let tree = |id: ObjectId| -> Result<BTreeMap<String, Entry>, GitError> {
            let entries = self.mirror.walk(id, self.limits.files, 64)?;
            Ok(entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
        };
        let before = tree(self.mirror.commit(parent)?.tree)?;
        let after = tree(commit.tree)?;
        for (path, entry) in &after {
            if before.get(path) != Some(entry) {
                self.entry(path, entry, inspect)?;
            }
        }
        for path in before.keys().filter(|path| !after.contains_key(*path)) {
            self.protected(path);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &str,
        entry: &Entry,
        inspect: &mut impl FnMut(&str, &[u8]),
    ) -> Result<(), GitError> {
        if !is_safe(path) {
            self.found.push(Violation::UnsafePath { path: path.to_owned() });
        }
        self.protected(path);
        match entry.kind {
            EntryKind::Submodule => self.found.push(Violation::Submodule { path: path.to_owned() }),
            EntryKind::Link => self.link(path, entry)?,
            EntryKind::File | EntryKind::Executable => self.file(path, entry, inspect)?,
            EntryKind::Folder => {}
        }
        Ok(())
    }

    fn protected(&mut self, path: &str) {
        let lower = path.to_lowercase();
        let hit = self
            .limits
            .protected
            .iter()
            .map(|rule| rule.to_lowercase())
            .any(|rule| if rule.ends_with('/') { lower.starts_with(&rule) } else { lower == rule });
        if hit {
            self.found.push(Violation::Protected { path: path.to_owned() });
        }
    }

    fn link(&mut self, path: &str, entry: &Entry) -> Result<(), GitError> {
        let target = self.mirror.blob(entry.id, 4096)?;
        if leads_out(path, &String::from_utf8_lossy(&target)) {
            self.found.push(Violation::LinkOut { path: path.to_owned() });
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &str,
        entry: &Entry,
        inspect: &mut impl FnMut(&str, &[u8]),
    ) -> Result<(), GitError> {
        if self.seen.insert(entry.id, ()).is_some() {
            return Ok(());
        }
        match self.mirror.blob(entry.id, self.limits.file_bytes) {
            Ok(content) => {
                self.bytes = self.bytes.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
                inspect(path, &content);
            }
            Err(GitError::Limit { limit, .. }) => {
                self.found.push(Violation::FileTooLarge { path: path.to_owned(), found: limit + 1, limit });
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
    let mut walk = repository.revwalk().map_err(broken)?;
    walk.push(head.to_git2()?).map_err(broken)?;
    walk.hide(base.to_git2()?).map_err(broken)?;
    let mut commits = Vec::new();
    for id in walk.take(most + 1) {
        commits.push(mirror.commit(id.map_err(broken)?.into())?);
    }
    commits.reverse();
    Ok(commits)
}

/// No `..`, nothing that any file system takes for `.git`, no control characters, no backslash.
fn is_safe(path: &str) -> bool {
    path.split('/').all(|part| {
        let plain: String =
            part.chars().filter(|letter| !is_ignorable(*letter)).collect::<String>().to_lowercase();
        let trimmed = plain.trim_end_matches(['.', ' ']);
        let stream = plain.split(':').next().unwrap_or_default();
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.chars().any(|letter| letter.is_control() || letter == '\\')
            && ![trimmed, stream].iter().any(|name| *name == ".git" || name.starts_with("git~"))
    })
}

/// Characters that HFS+ leaves out of a name, by which `.git` can be disguised.
fn is_ignorable(letter: char) -> bool {
    matches!(letter, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

fn leads_out(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_dangerous_to_check_out() {
        for path in ["a/b.txt", ".github/x", "a/.gitignore", "git/x", "ü/ö"] {
            assert!(is_safe(path), "{path}");
        }
        for path in [
            "../x",
            "a/../b",
            "a//b",
            ".git/config",
            "a/.GIT/x",
            ".git./x",
            ".git /x",
            "GIT~1/x",
            ".g\u{200c}it/x",
            "a\\b",
            "a\nb",
            ".git::$INDEX_ALLOCATION/x",
        ] {
            assert!(!is_safe(path), "{path:?}");
        }
    }

    #[test]
    fn links_out_of_the_repository() {
        for (path, target, out) in [
            ("a", "b", false),
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("a", "/etc/passwd", true),
            ("a", "x/../../y", true),
        ] {
            assert_eq!(leads_out(path, target), out, "{path} -> {target}");
        }
    }
}
