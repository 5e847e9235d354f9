//! Commits of a checkout that its HEAD does not contain.

use std::collections::BTreeMap;

use super::{Collection, read_small};
use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;

/// What Git writes when a commit is left that no branch names.
const LEFT: &str = "\tcheckout: moving from ";

/// The end of a line of commits other than the one that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLine {
    /// The branch, or words for what has no name.
    pub name: String,
    /// Its last commit.
    pub commit: ObjectId,
}

impl Collection {
    /// Branches with commits that are neither in `head` nor on the remote, as far as that was fetched, and commits that
    /// were made on no branch and left. At most `most`, in the order of their names.
    ///
    /// # Errors
    /// Fails where they cannot be read.
    pub fn other_lines(&self, head: ObjectId, most: usize) -> Result<Vec<OtherLine>, GitError> {
        let theirs = Mirror::open(&self.checkout)?;
        let mut known: Vec<_> = theirs.refs("refs/remotes/")?.into_values().chain([head]).collect();
        let branches = theirs.refs("refs/heads/")?.into_iter();
        let branches = branches.map(|(name, id)| (name.trim_start_matches("refs/heads/").to_owned(), id));
        let mut lines = Vec::new();
        for (name, commit) in branches.chain(self.left_unnamed()) {
            if lines.len() < most && !self.is_in_any(commit, &known)? {
                // What an unnamed commit and a branch share is told once.
                known.push(commit);
                lines.push(OtherLine { name, commit });
            }
        }
        Ok(lines)
    }

    fn is_in_any(&self, commit: ObjectId, known: &[ObjectId]) -> Result<bool, GitError> {
        for one in known {
            if self.mirror.is_ancestor(commit, *one)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Commits that were checked out as themselves, and then left, as HEAD's log tells, the newest first.
    fn left_unnamed(&self) -> Vec<(String, ObjectId)> {
        let log = read_small(&self.checkout.join(".git/logs/HEAD")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let left =
            log.lines().rev().filter_map(|line| line.split_once(LEFT)?.1.split(' ').next()?.parse().ok());
        let mut found = BTreeMap::new();
        let commits = left.filter(|id: &ObjectId| self.mirror.commit(*id).is_ok());
        let new = commits.filter(|id| found.insert(*id, ()).is_none());
        new.map(|id| (format!("the commit {}", &id.to_string()[..7]), id)).collect()
    }
}
