//! Trees with some entries changed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use git2::{Error, FileMode, Oid, Repository, Tree};

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is a file or link with this content, of this mode.
    Put(Oid, i32),
    /// It is gone, with all within.
    Remove,
}

/// Writes the tree that comes of the edits; none where nothing is left in it.
pub(super) fn edited(
    repository: &Repository,
    before: Option<&Tree<'_>>,
    edits: &BTreeMap<PathBuf, Edit>,
) -> Result<Option<Oid>, Error> {
    let edits: Vec<_> = edits.iter().map(|(path, edit)| (path.as_path(), *edit)).collect();
    edited_folder(repository, before, &edits)
}

fn edited_folder(
    repository: &Repository,
    before: Option<&Tree<'_>>,
    edits: &[(&Path, Edit)],
) -> Result<Option<Oid>, Error> {
    let mut builder = repository.treebuilder(before)?;
    let mut folders: BTreeMap<&OsStr, Vec<(&Path, Edit)>> = BTreeMap::new();
    let mut puts = Vec::new();
    for (path, edit) in edits {
        let mut steps = path.components();
        let Some(name) = steps.next() else { continue };
        let (name, rest) = (name.as_os_str(), steps.as_path());
        match edit {
            edit if !rest.as_os_str().is_empty() => folders.entry(name).or_default().push((rest, *edit)),
            Edit::Put(id, mode) => puts.push((name, *id, *mode)),
            Edit::Remove if builder.get(name)?.is_some() => builder.remove(name)?,
            Edit::Remove => {}
        }
    }
    for (name, inner) in folders {
        let existing = builder.get(name)?.filter(|entry| entry.filemode() == i32::from(FileMode::Tree));
        let existing = existing.map(|entry| entry.id());
        let existing = existing.map(|id| repository.find_tree(id)).transpose()?;
        match edited_folder(repository, existing.as_ref(), &inner)? {
            Some(tree) => drop(builder.insert(name, tree, FileMode::Tree.into())?),
            None if builder.get(name)?.is_some() => builder.remove(name)?,
            None => {}
        }
    }
    // A folder may have become a file: what was in it is gone by now.
    for (name, id, mode) in puts {
        builder.insert(name, id, mode)?;
    }
    if builder.is_empty() { Ok(None) } else { Ok(Some(builder.write()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Edits<'a> = &'a [(&'a str, Edit)];

    const PLAIN: i32 = 0o100_644;

    #[test]
    fn files_become_folders_and_folders_files() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let (one, two) = (repository.blob(b"one").unwrap(), repository.blob(b"two").unwrap());
        let edits = |list: &[(&str, Edit)]| {
            list.iter().map(|(path, edit)| (PathBuf::from(path), *edit)).collect::<BTreeMap<_, _>>()
        };
        let (put_one, put_two) = (Edit::Put(one, PLAIN), Edit::Put(two, PLAIN));
        let start =
            edits(&[("file", put_one), ("folder/x", put_one), ("folder/y", put_one), ("keep/z", put_one)]);
        let before = edited(&repository, None, &start).unwrap().unwrap();
        let before = repository.find_tree(before).unwrap();
        let cases: [(Edits<'_>, Edits<'_>); 4] = [
            (
                &[("file", Edit::Remove), ("file/in", put_two)],
                &[("file/in", put_two), ("folder/x", put_one), ("folder/y", put_one), ("keep/z", put_one)],
            ),
            (
                &[("folder", put_two), ("folder/x", Edit::Remove), ("folder/y", Edit::Remove)],
                &[("file", put_one), ("folder", put_two), ("keep/z", put_one)],
            ),
            (&[("folder", Edit::Remove), ("keep/z", Edit::Remove)], &[("file", put_one)]),
            (
                &[("gone", Edit::Remove), ("gone/too", Edit::Remove)],
                &[("file", put_one), ("folder/x", put_one), ("folder/y", put_one), ("keep/z", put_one)],
            ),
        ];
        for (change, expected) in cases {
            let after = edited(&repository, Some(&before), &edits(change)).unwrap();
            assert_eq!(after, edited(&repository, None, &edits(expected)).unwrap(), "{change:?}");
        }
        let all = edits(&[("file", Edit::Remove), ("folder", Edit::Remove), ("keep", Edit::Remove)]);
        assert_eq!(edited(&repository, Some(&before), &all).unwrap(), None);
    }
}
