//! Clones: one branch, with all of its history as long as that is small, else with its latest commits.
//!
//! Nobody says beforehand how large a repository is, so a clone is watched while it arrives and broken off where it
//! outgrows its bound.

use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use tokio::time::interval;

use crate::error::GitError;
use crate::remote::{Program, Remote};
use crate::workspace::Workspace;

/// How often the size of what has arrived is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often the folder of a clone that failed is tried to be removed, one look after another.
const REMOVALS: u32 = 20;
/// Where what arrives is written, from its first byte on (gitrepository-layout(5)).
const PACKS: &str = ".git/objects/pack";

/// How much of a branch's history a clone brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All of it.
    Whole,
    /// So many generations of commits.
    Latest(NonZeroU32),
    /// All of it where it takes no more than so many bytes and arrives within a remote's time limit, else so many
    /// generations.
    WholeWithin {
        /// The bound: of Git's own, packed data, as they come over the wire.
        bytes: u64,
        /// What is brought instead.
        otherwise: NonZeroU32,
    },
}

impl Workspace {
    /// Clones a branch, or the remote's default branch, and checks it out. Of a repository that also holds results,
    /// and the branches of a thousand runs, it fetches that one branch; a path is read like a remote, because a copy
    /// of its object folder would bring all the rest. A remote that cannot give a part of a history gives all of it.
    ///
    /// # Errors
    /// Fails where the remote cannot be read or has no such branch; a half-made folder is removed.
    pub async fn clone(
        remote: &Remote,
        branch: Option<&str>,
        history: History,
        path: &Path,
    ) -> Result<Self, GitError> {
        let wanted = Wanted { remote, branch, path };
        match history {
            History::Whole => wanted.fetch(None).await?,
            History::Latest(depth) => wanted.latest(depth).await?,
            History::WholeWithin { bytes, otherwise } => {
                if !wanted.arrives_within(bytes).await? {
                    wanted.latest(otherwise).await?;
                }
            }
        }
        Ok(Self { path: path.to_owned() })
    }
}

/// What is cloned, and where to.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    remote: &'a Remote,
    branch: Option<&'a str>,
    path: &'a Path,
}

impl Wanted<'_> {
    async fn latest(self, depth: NonZeroU32) -> Result<(), GitError> {
        match self.fetch(Some(depth)).await {
            Err(error) if is_refused(&error) => self.fetch(None).await,
            done => done,
        }
    }

    /// Brings all of the history, unless there is more of it than `bytes`, or it takes too long: then nothing is left.
    async fn arrives_within(self, bytes: u64) -> Result<bool, GitError> {
        tokio::select! {
            done = self.fetch(None) => match done {
                Err(GitError::Timeout { .. }) => Ok(false),
                done => done.map(|()| true),
            },
            () = self.outgrows(bytes) => {
                self.remove().await?;
                Ok(false)
            }
        }
    }

    async fn outgrows(self, bytes: u64) {
        let (mut looks, packs) = (interval(LOOK), self.path.join(PACKS));
        while size(&packs) <= bytes {
            looks.tick().await;
        }
    }

    async fn fetch(self, depth: Option<NonZeroU32>) -> Result<(), GitError> {
        let parent = self.path.parent().unwrap_or(self.path);
        std::fs::create_dir_all(parent).map_err(|error| GitError::file(parent, error))?;
        let mut program = Program::new(parent, "clone").args([
            "--quiet",
            "--no-tags",
            "--no-local",
            "--single-branch",
            "--template=",
        ]);
        if let Some(branch) = self.branch {
            program = program.arg("--branch").arg(branch);
        }
        if let Some(depth) = depth {
            program = program.arg(format!("--depth={depth}"));
        }
        let fetched = program.at(self.remote).arg(self.path).run().await;
        if fetched.is_err() {
            // What cannot be removed is said by the next try, which finds the folder.
            let _ = self.remove().await;
        }
        fetched.map(drop)
    }

    /// Removes what is there. Processes that were killed may end a moment later than they are told to.
    async fn remove(self) -> Result<(), GitError> {
        let mut tries = interval(LOOK);
        for _ in 1..REMOVALS {
            tries.tick().await;
            if self.removed().is_ok() {
                return Ok(());
            }
        }
        self.removed().map_err(|error| GitError::file(self.path, error))
    }

    fn removed(self) -> io::Result<()> {
        match std::fs::remove_dir_all(self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Whether a remote has said that it gives no part of a history: one without a program of Git's behind it, or with an
/// old one. All of the program's words for it have this one.
fn is_refused(error: &GitError) -> bool {
    let (GitError::Command { message, .. } | GitError::Remote { message, .. }) = error else { return false };
    message.contains("does not support shallow")
}

/// Bytes of the files in a folder; none where there is no such folder yet.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}
