//! What a run changed in a repository, as effects of a fixture.

use std::collections::BTreeMap;
use std::path::Path;

use ambient_git::{Entry, EntryKind, GitError, Mirror, ObjectId};
use serde_json::{Value, json};

/// Most files of a tree that are compared.
const MOST_FILES: usize = 100_000;
/// Deepest folders.
const MOST_FOLDERS: usize = 64;
/// Largest file that a fixture holds, in bytes.
const LARGEST: u64 = 256 * 1024;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has this content now.
    Written {
        /// Its path.
        path: String,
        /// All of it.
        content: String,
    },
    /// It is gone.
    Removed {
        /// Its path.
        path: String,
    },
}

impl Change {
    pub(super) fn step(&self) -> Value {
        match self {
            Self::Written { path, content } => {
                json!({"effect": {"write": {"path": path, "content": content}}})
            }
            Self::Removed { path } => json!({"effect": {"remove": {"path": path}}}),
        }
    }
}

/// Compares two commits, each named by its id or a branch.
///
/// # Errors
/// Fails where a commit or a file cannot be read, and names what a fixture cannot hold: it is small and text.
pub fn changes(repository: &Path, base: &str, head: &str) -> Result<Vec<Change>, ChangesError> {
    let mirror = Mirror::open(repository)?;
    let (before, after) = (files(&mirror, base)?, files(&mirror, head)?);
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let mut found: Vec<_> = gone.map(|path| Change::Removed { path: path.clone() }).collect();
    for (path, id) in after.iter().filter(|(path, id)| before.get(*path) != Some(id)) {
        let content = mirror.blob(*id, LARGEST)?;
        let content = String::from_utf8(content).map_err(|_| ChangesError::Binary(path.clone()))?;
        found.push(Change::Written { path: path.clone(), content });
    }
    Ok(found)
}

fn files(mirror: &Mirror, name: &str) -> Result<BTreeMap<String, ObjectId>, ChangesError> {
    let commit = match name.parse() {
        Ok(id) => id,
        Err(_) => mirror.branch(name)?.ok_or_else(|| ChangesError::Unknown(name.to_owned()))?,
    };
    let entries = mirror.walk(mirror.commit(commit)?.tree, MOST_FILES, MOST_FOLDERS)?;
    // Links and modes are not kept.
    let is_file = |entry: &Entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable);
    let files = entries.into_iter().filter(is_file);
    Ok(files.map(|entry| (entry.path, entry.id)).collect())
}

/// Changes cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// No such commit.
    #[error("\"{0}\" is neither the id of a commit nor a branch")]
    Unknown(String),
    /// A file that is no text.
    #[error("{0} is no text: a fixture holds text alone")]
    Binary(String),
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}
