//! A walk through a checkout: what differs from a tree, what is ignored, and what cannot be taken.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, Tree, TreeEntry};

use super::LeftoverLimits;
use super::names::Names;
use super::rules::Rules;
use super::units::{Change, Kind, Unit};
use crate::check::{DEEPEST, is_safe, leads_out};
use crate::error::GitError;

/// How many times more files than may be taken are looked at.
const LOOK_FURTHER: usize = 4;

/// What is done with new files of a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum New {
    Taken,
    /// The folder is ignored, though something in it was committed.
    Ignored,
    /// The folder is another repository's too: what is new there is its.
    Foreign,
}

pub(super) struct Survey<'a> {
    repository: &'a Repository,
    checkout: &'a Path,
    rules: Rules<'a>,
    limits: &'a LeftoverLimits,
    found: usize,
    pub(super) removed: Vec<PathBuf>,
    pub(super) units: Vec<Unit>,
    pub(super) left_out: Names,
    pub(super) ignored: Names,
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        checkout: &'a Path,
        rules: Rules<'a>,
        limits: &'a LeftoverLimits,
    ) -> Self {
        let names = || Names::at_most(limits.names);
        let (removed, units, left_out, ignored) = (Vec::new(), Vec::new(), names(), names());
        Self { repository, checkout, rules, limits, found: 0, removed, units, left_out, ignored }
    }

    /// Compares the whole checkout with a tree.
    pub(super) fn folder(&mut self, before: &Tree<'_>) -> Result<(), GitError> {
        self.known_folder(Path::new(""), before, New::Taken)
    }

    /// Compares a folder that was committed before with what it was. What cannot be read stays as it was.
    fn known_folder(&mut self, folder: &Path, before: &Tree<'_>, new: New) -> Result<(), GitError> {
        self.rules.enter(folder)?;
        for entry in before {
            let name = entry.name_bytes();
            if is_plain(name) {
                self.known(&folder.join(OsStr::from_bytes(name)), &entry, new)?;
            }
        }
        for (name, path) in self.list(folder) {
            if name != ".git" && before.get_name_bytes(name.as_bytes()).is_none() {
                self.new_entry(&path, new)?;
            }
        }
        Ok(())
    }

    fn known(&mut self, path: &Path, entry: &TreeEntry<'_>, new: New) -> Result<(), GitError> {
        let metadata = match fs::symlink_metadata(self.checkout.join(path)) {
            Ok(metadata) => metadata,
            Err(error) if is_absent(&error) => {
                if entry.kind() != Some(ObjectType::Commit) {
                    self.removed.push(path.to_owned());
                }
                return Ok(());
            }
            Err(error) => {
                self.leave_out(path, &error.to_string());
                return Ok(());
            }
        };
        match entry.kind() {
            Some(ObjectType::Tree) if metadata.is_dir() => {
                let id = entry.id();
                let broken = |error| GitError::read(format!("tree {id}"), error);
                let before = self.repository.find_tree(id).map_err(broken)?;
                let new = self.of_folder(path, new);
                self.known_folder(path, &before, new)
            }
            Some(ObjectType::Commit) => {
                self.submodule(path);
                Ok(())
            }
            Some(ObjectType::Blob) if !metadata.is_dir() => {
                self.known_file(path, entry, &metadata);
                Ok(())
            }
            _ => {
                self.removed.push(path.to_owned());
                self.new_entry(path, new)
            }
        }
    }

    /// What is done with new files of a folder within one.
    fn of_folder(&mut self, path: &Path, above: New) -> New {
        if above == New::Taken && self.is_repository(path) {
            self.leave_out(path, "it is a repository of its own too: what is new in it is not taken");
            return New::Foreign;
        }
        if above == New::Taken && self.rules.ignore(path, true) { New::Ignored } else { above }
    }

    fn submodule(&mut self, path: &Path) {
        if self.is_repository(path) {
            self.leave_out(path, "it is a submodule: what was done in it is not taken");
        }
    }

    fn known_file(&mut self, path: &Path, entry: &TreeEntry<'_>, metadata: &Metadata) {
        let Some(kind) = Kind::of(metadata) else { return };
        if entry.filemode() == kind.mode() && self.is_content(path, kind, metadata, entry.id()) {
            return;
        }
        if let Some(change) = self.change(path, metadata) {
            self.take(Unit { path: path.to_owned(), changes: vec![change] });
        }
    }

    /// Whether a file or link has, as it is, the content of a blob.
    fn is_content(&self, path: &Path, kind: Kind, metadata: &Metadata, blob: Oid) -> bool {
        let path = self.checkout.join(path);
        let id = match kind {
            Kind::Link => fs::read_link(path)
                .ok()
                .and_then(|target| Oid::hash_object(ObjectType::Blob, target.as_os_str().as_bytes()).ok()),
            // A large file need not be read to be another one.
            _ if self.size(blob) != Some(metadata.len()) => None,
            _ => Oid::hash_file(ObjectType::Blob, path).ok(),
        };
        id == Some(blob)
    }

    fn size(&self, blob: Oid) -> Option<u64> {
        let (size, _) = self.repository.odb().ok()?.read_header(blob).ok()?;
        u64::try_from(size).ok()
    }

    fn new_entry(&mut self, path: &Path, new: New) -> Result<(), GitError> {
        if new == New::Foreign {
            return Ok(());
        }
        let mut unit = Unit { path: path.to_owned(), changes: Vec::new() };
        self.gather(path, new, &mut unit)?;
        if !unit.changes.is_empty() {
            self.take(unit);
        }
        Ok(())
    }

    /// Adds to a unit what is new at a path and below; stops where that is more than may be taken.
    fn gather(&mut self, path: &Path, new: New, unit: &mut Unit) -> Result<(), GitError> {
        if unit.changes.len() > self.limits.files {
            return Ok(());
        }
        if self.found > self.limits.files * LOOK_FURTHER {
            self.left_out.count();
            return Ok(());
        }
        let metadata = match fs::symlink_metadata(self.checkout.join(path)) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.leave_out(path, &error.to_string());
                return Ok(());
            }
        };
        if new == New::Ignored || self.rules.ignore(path, metadata.is_dir()) {
            let end = if metadata.is_dir() { "/" } else { "" };
            self.ignored.push(format!("{}{end}", path.display()));
            return Ok(());
        }
        if !metadata.is_dir() {
            unit.changes.extend(self.change(path, &metadata));
            return Ok(());
        }
        if self.is_repository(path) {
            self.leave_out(path, "it is a repository of its own");
            return Ok(());
        }
        if path.components().count() > DEEPEST {
            self.leave_out(path, &format!("it is more than {DEEPEST} folders deep"));
            return Ok(());
        }
        self.rules.enter(path)?;
        self.list(path).into_iter().try_for_each(|(_, inner)| self.gather(&inner, new, unit))
    }

    /// A file or link as a change, if it can be taken.
    fn change(&mut self, path: &Path, metadata: &Metadata) -> Option<Change> {
        let text = path.to_string_lossy();
        let kind = Kind::of(metadata)?;
        let why_not = if !is_safe(&text) {
            Some("its name is not safe to check out".to_owned())
        } else if metadata.len() > self.limits.file_bytes {
            Some(format!(
                "it has {} bytes, more than the {} taken of one file",
                metadata.len(),
                self.limits.file_bytes
            ))
        } else if kind == Kind::Link && self.leads_out(path, &text) {
            Some("it is a link out of the repository".to_owned())
        } else {
            None
        };
        let Some(why_not) = why_not else {
            let (bytes, modified) = (metadata.len(), metadata.mtime());
            return Some(Change { path: path.to_owned(), kind, bytes, modified });
        };
        self.leave_out(path, &why_not);
        None
    }

    fn leads_out(&self, path: &Path, text: &str) -> bool {
        let target = fs::read_link(self.checkout.join(path)).unwrap_or_default();
        leads_out(text, &target.to_string_lossy())
    }

    fn is_repository(&self, folder: &Path) -> bool {
        fs::symlink_metadata(self.checkout.join(folder).join(".git")).is_ok()
    }

    /// What is in a folder, in the order of names.
    fn list(&mut self, folder: &Path) -> Vec<(std::ffi::OsString, PathBuf)> {
        let entries = match fs::read_dir(self.checkout.join(folder)) {
            Ok(entries) => entries,
            Err(error) => {
                self.leave_out(folder, &error.to_string());
                return Vec::new();
            }
        };
        let most = self.limits.files * LOOK_FURTHER;
        let names = entries.flatten().map(|entry| entry.file_name()).take(most);
        let mut names: Vec<_> =
            names.map(|name| (folder.join(&name), name)).map(|(path, name)| (name, path)).collect();
        if names.len() == most {
            self.leave_out(
                folder,
                &format!("it holds more than {most} entries: the others were not looked at"),
            );
        }
        names.sort();
        names
    }

    fn take(&mut self, unit: Unit) {
        self.found += unit.changes.len();
        self.units.push(unit);
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.left_out.push(format!("{}: {why}", path.display()));
    }
}

/// Whether a name of a tree is one of a folder's entries; an agent can write trees in which it is none.
fn is_plain(name: &[u8]) -> bool {
    !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.contains(&b'/')
        && !name.eq_ignore_ascii_case(b".git")
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
