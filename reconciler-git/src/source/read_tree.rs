//! Reads the manifests of a commit from the mirror. A file whose blob is known is not read again.

use std::collections::HashMap;
use std::sync::Arc;

use ambient_crds::codes::Code;
use ambient_crds::finding::{Finding, Place};
use ambient_crds::manifest::{self, Limits, Reading};
use ambient_crds::validation::Scope;
use ambient_git::{Entry, EntryKind, GitError, Mirror, ObjectId};

use super::choose::Revision;
use super::fetch::blocking;
use super::validate::{ValidFile, check_file, validate};

/// Most files below a source's path, and how deep they may lie.
const MOST_FILES: usize = 100_000;
const MOST_FOLDERS: usize = 64;

/// The files that were read last, by path, and what they were read from and for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    scope: Option<Scope>,
    known: HashMap<String, (ObjectId, Arc<ValidFile>)>,
}

/// What a commit holds at a path. `before` are revisions read for the same path and scope.
///
/// # Errors
/// Fails where a commit or tree cannot be read. A file that cannot be read is a finding, not an error.
pub(crate) async fn read_revision(
    mirror: &Mirror,
    commit: ObjectId,
    path: &str,
    scope: &Scope,
    before: Vec<Arc<Revision>>,
    files: &mut Files,
) -> Result<Revision, GitError> {
    let (mirror, path, scope) = (mirror.clone(), path.to_owned(), scope.clone());
    let known = std::mem::take(files);
    let work = move || {
        let tree = mirror.entry_at(mirror.commit(commit)?.tree, &path)?;
        let tree = tree.filter(|entry| entry.kind == EntryKind::Folder).map(|entry| entry.id);
        if let Some(same) = before.iter().find(|revision| revision.tree == tree) {
            return Ok((Revision { commit, tree, desired: Arc::clone(&same.desired) }, known));
        }
        let known = if known.scope.as_ref() == Some(&scope) { known.known } else { HashMap::new() };
        let entries = tree.map_or(Ok(Vec::new()), |tree| mirror.walk(tree, MOST_FILES, MOST_FOLDERS))?;
        let manifests = entries.into_iter().filter(is_manifest);
        let read: Vec<_> = manifests.map(|entry| read_file(&mirror, &path, &entry, &known, &scope)).collect();
        let desired = Arc::new(validate(read.iter().map(|(_, file)| file)));
        let known = read.into_iter().map(|(blob, file)| (file.path.clone(), (blob, file))).collect();
        Ok((Revision { commit, tree, desired }, Files { scope: Some(scope), known }))
    };
    let (revision, read) = blocking(work).await?;
    *files = read;
    Ok(revision)
}

fn is_manifest(entry: &Entry) -> bool {
    let hidden = entry.path.split('/').any(|part| part.starts_with('.'));
    let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
    entry.kind != EntryKind::Submodule && !hidden && manifest::is_manifest_name(name)
}

fn read_file(
    mirror: &Mirror,
    folder: &str,
    entry: &Entry,
    known: &HashMap<String, (ObjectId, Arc<ValidFile>)>,
    scope: &Scope,
) -> (ObjectId, Arc<ValidFile>) {
    let path = if folder.is_empty() { entry.path.clone() } else { format!("{folder}/{}", entry.path) };
    if let Some((blob, file)) = known.get(&path)
        && *blob == entry.id
    {
        return (entry.id, Arc::clone(file));
    }
    let limits = Limits::default();
    let most = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    let reading = match (entry.kind, mirror.blob(entry.id, most)) {
        (EntryKind::Link, _) => unreadable(&path, "it is a symbolic link, and links are not followed"),
        (_, Ok(bytes)) => manifest::read(&path, &bytes, &limits),
        (_, Err(error)) => unreadable(&path, &error.to_string()),
    };
    (entry.id, Arc::new(check_file(&path, reading, scope)))
}

fn unreadable(path: &str, why: &str) -> Reading {
    let place = Place { file: path.to_owned(), line: 1, column: 1 };
    let message = format!("the file cannot be read: {why}; what it described stays as it is");
    Reading::failed(Finding { place, code: Code::Unreadable, message })
}
