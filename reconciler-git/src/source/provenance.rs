//! By which commit a document came to be as it is. Written once, with the document, and kept while that does not change.

use std::collections::{BTreeMap, BTreeSet};

use ambient_crds::labels::{SOURCE_COMMIT, SOURCE_PATH};
use ambient_git::{GitError, Mirror, ObjectId};

use super::fetch::blocking;
use super::plan::{Plan, Write};

/// Most commits that are looked through for one file, and most files of one plan; beyond, the newest commit is named,
/// which holds the document too.
const MOST_COMMITS: usize = 100;
const MOST_FILES: usize = 50;

/// The commits of the files of a plan.
#[derive(Debug)]
pub(crate) struct Provenance {
    newest: ObjectId,
    files: BTreeMap<String, ObjectId>,
}

impl Provenance {
    /// Looks the files of a plan up, from a commit backwards.
    pub(crate) async fn of(plan: &Plan, newest: ObjectId, mirror: Option<&Mirror>) -> Self {
        let changed = plan.create.iter().chain(&plan.update).filter(|write| kept(write).is_none());
        let files: BTreeSet<String> = changed.map(|write| write.wanted.document.file().to_owned()).collect();
        let files = match mirror.cloned() {
            Some(mirror) if files.len() <= MOST_FILES => {
                let found = blocking(move || {
                    files
                        .into_iter()
                        .map(|file| Ok((file.clone(), changed_by(&mirror, &file, newest)?)))
                        .collect()
                });
                found.await.unwrap_or_default()
            }
            _ => BTreeMap::new(),
        };
        Self { newest, files }
    }

    /// The commit to write along with an object.
    pub(crate) fn commit(&self, write: &Write) -> String {
        let found = self.files.get(write.wanted.document.file()).unwrap_or(&self.newest);
        kept(write).map_or_else(|| found.to_string(), str::to_owned)
    }
}

/// What the object says already, if its document has not changed.
fn kept(write: &Write) -> Option<&str> {
    let live = write.live.as_ref().filter(|_| write.corrects_drift())?;
    let same_file =
        live.annotations.get(SOURCE_PATH).map(String::as_str) == Some(write.wanted.document.file());
    live.annotations.get(SOURCE_COMMIT).filter(|_| same_file).map(String::as_str)
}

/// The newest commit, along first parents, that made the file what it is.
fn changed_by(mirror: &Mirror, file: &str, from: ObjectId) -> Result<ObjectId, GitError> {
    let mut newest = mirror.commit(from)?;
    let wanted = mirror.entry_at(newest.tree, file)?.map(|entry| entry.id);
    for _ in 0..MOST_COMMITS {
        let Some(parent) = newest.parents.first() else { return Ok(newest.id) };
        let parent = mirror.commit(*parent)?;
        if mirror.entry_at(parent.tree, file)?.map(|entry| entry.id) != wanted {
            return Ok(newest.id);
        }
        newest = parent;
    }
    Ok(from)
}
