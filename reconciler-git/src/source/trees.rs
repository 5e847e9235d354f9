//! What commits hold at a source's path, by tree: two commits with the same tree are the same news.

use std::collections::HashMap;

use ambient_git::{Mirror, ObjectId};

use super::choose::Revision;

/// The trees of the few commits that matter now.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trees {
    by_commit: HashMap<String, Option<ObjectId>>,
}

impl Trees {
    /// Learns from revisions that were read, and forgets all commits but these and the named ones.
    pub(crate) fn learn<'a>(&mut self, read: impl Iterator<Item = &'a Revision>, named: &[String]) {
        self.by_commit.retain(|commit, _| named.contains(commit));
        self.by_commit.extend(read.map(|revision| (revision.commit.to_string(), revision.tree)));
    }

    /// Looks up those that are not known. What cannot be read stays unknown, and is then the same as nothing.
    pub(crate) fn look_up(&mut self, mirror: &Mirror, path: &str, named: &[String]) {
        for commit in named {
            if !self.by_commit.contains_key(commit)
                && let Some(tree) = folder_of(mirror, commit, path)
            {
                self.by_commit.insert(commit.clone(), tree);
            }
        }
    }

    /// Whether two commits are known to hold the same folder.
    pub(crate) fn are_same(&self, one: &str, other: &str) -> bool {
        match (self.by_commit.get(one), self.by_commit.get(other)) {
            (Some(Some(one)), Some(Some(other))) => one == other,
            _ => false,
        }
    }
}

/// The tree of a folder of a commit; none if that cannot be told.
fn folder_of(mirror: &Mirror, commit: &str, path: &str) -> Option<Option<ObjectId>> {
    let commit = mirror.commit(commit.parse().ok()?).ok()?;
    let entry = mirror.entry_at(commit.tree, path).ok()?;
    Some(entry.map(|entry| entry.id))
}
