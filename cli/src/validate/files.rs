//! Finds and reads manifests as a source would find them in a commit: by their names, hidden ones and other
//! repositories left out, links not followed.

use std::path::{Path, PathBuf};

use ambient_crds::codes::Code;
use ambient_crds::finding::{Finding, Place};
use ambient_crds::manifest::{self, Limits, Reading, is_manifest_name};
use anyhow::Context as _;

/// A file to read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ManifestFile {
    /// What it is called in messages: its path as it was typed or found.
    pub(super) name: String,
    /// Where it is.
    path: PathBuf,
    /// Whether it is a link that was found in a folder.
    is_link: bool,
}

/// The manifests at these paths, in the order of their names. What is named itself is read whatever it is called.
///
/// # Errors
/// Fails where a path cannot be read, or holds no manifest: a folder that was meant otherwise must not pass.
pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<ManifestFile>> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        if std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.is_dir() {
            in_folder(path, &mut found)?;
        } else {
            found.push(file(path, false));
        }
        anyhow::ensure!(
            found.len() > before,
            "no manifest in {}: their names end in .yaml, .yml or .json, and hidden ones are left out",
            path.display()
        );
    }
    found.sort();
    found.dedup_by(|one, other| one.name == other.name);
    Ok(found)
}

/// What a file holds. One that cannot be read is a finding, as it is for a source.
pub(super) fn read(file: &ManifestFile) -> Reading {
    if file.is_link {
        return unreadable(file, "it is a symbolic link, and links are not followed");
    }
    match std::fs::read(&file.path) {
        Ok(bytes) => manifest::read(&file.name, &bytes, &Limits::default()),
        Err(error) => unreadable(file, &error.to_string()),
    }
}

fn in_folder(folder: &Path, found: &mut Vec<ManifestFile>) -> anyhow::Result<()> {
    let unread = || format!("cannot read the folder {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(unread)? {
        let entry = entry.with_context(unread)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(unread)?;
        if kind.is_dir() && !is_repository(&entry.path()) {
            in_folder(&entry.path(), found)?;
        } else if !kind.is_dir() && is_manifest_name(&name) {
            found.push(file(&entry.path(), kind.is_symlink()));
        }
    }
    Ok(())
}

/// Whether a folder is a submodule, or a repository that happens to lie there.
fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
}

fn file(path: &Path, is_link: bool) -> ManifestFile {
    let shown = path.strip_prefix(".").unwrap_or(path);
    ManifestFile { name: shown.display().to_string(), path: path.to_owned(), is_link }
}

fn unreadable(file: &ManifestFile, why: &str) -> Reading {
    let place = Place { file: file.name.clone(), line: 1, column: 1 };
    let message = format!("the file cannot be read: {why}");
    Reading::failed(Finding { place, code: Code::Unreadable, message })
}
