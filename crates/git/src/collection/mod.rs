//! What is taken from a checkout that an agent could write all of.
//!
//! Git works for us in a repository of our own, which borrows the objects of the checkout and nothing else: of what
//! the agent's `.git` says (configuration, index, locks, hooks, attributes, grafts, replacements) nothing is read, so
//! none of it can lead elsewhere, run something, or be in the way.

mod elsewhere;
mod names;
mod rules;
mod survey;
mod tree;
mod units;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};
use nix::fcntl::OFlag;

use crate::ancestry;
use crate::commit::Signature;
use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;
use crate::remote::Program;
pub use elsewhere::OtherLine;
use rules::Rules;
use survey::Survey;
use tree::Edit;
use units::{Change, Kind, choose};

/// Configuration of the repository of our own. No file of a user's is read for it, and packing keeps within some
/// ten MiB: large files are streamed, and not compared with each other.
const CONFIGURATION: &str = "[core]
\trepositoryformatversion = 0
\tbare = true
\tautocrlf = false
\texcludesFile = /dev/null
\tattributesFile = /dev/null
\tbigFileThreshold = 1m
[pack]
\tthreads = 1
\twindowMemory = 16m
\tdeltaCacheSize = 16m
";
/// Most bytes of a file that Git reads whole: rules, or where a history is cut.
const SMALL_FILE: u64 = 1024 * 1024;

/// Bounds of what is committed for an agent. Files that it committed itself are another matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftoverLimits {
    /// Most new or changed files.
    pub files: usize,
    /// Most bytes of one.
    pub file_bytes: u64,
    /// Most bytes of all.
    pub total_bytes: u64,
    /// Most names of what is ignored or left out.
    pub names: usize,
}

/// What an agent had left uncommitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The commit that holds it; none where there was nothing.
    pub commit: Option<ObjectId>,
    /// What was left out of it, each with why.
    pub left_out: Vec<String>,
    /// What Git ignores.
    pub ignored: Vec<String>,
}

/// A repository of our own over the objects of a checkout.
#[derive(Clone)]
pub struct Collection {
    checkout: PathBuf,
    folder: PathBuf,
    mirror: Mirror,
}

impl Collection {
    /// Makes it at `folder`, in place of what is there, over the objects of the checkout at `checkout`.
    ///
    /// # Errors
    /// Fails where the checkout has no objects, or the folder cannot be made.
    pub fn over(checkout: &Path, folder: &Path) -> Result<Self, GitError> {
        let failed = |error| GitError::file(folder, error);
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => fs::create_dir_all(folder).map_err(failed)?,
        }
        Repository::init_bare(folder)?;
        fs::write(folder.join("config"), CONFIGURATION).map_err(failed)?;
        let theirs = checkout.join(".git");
        let objects = theirs.join("objects");
        forget_foreign_objects(&objects)?;
        let objects = objects.canonicalize().map_err(|error| GitError::file(&objects, error))?;
        let line = [objects.as_os_str().as_bytes(), b"\n"].concat();
        for (file, content) in [
            ("objects/info/alternates", Some(line)),
            ("info/exclude", read_small(&theirs.join("info/exclude"))),
            ("shallow", read_small(&theirs.join("shallow"))),
        ] {
            let file = folder.join(file);
            if let Some(content) = content {
                fs::create_dir_all(file.parent().unwrap_or(folder)).map_err(failed)?;
                fs::write(file, content).map_err(failed)?;
            }
        }
        Ok(Self { checkout: checkout.to_owned(), folder: folder.to_owned(), mirror: Mirror::open(folder)? })
    }

    /// The repository, to read commits in.
    #[must_use]
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Commits, on top of `head`, every change that Git does not ignore. What cannot be committed, or is more than the
    /// bounds, is left out and named; where that had been committed before, it stays as it was. Neither branch nor
    /// index of the checkout is touched. The commit's time is that of the last change, the author's at most.
    ///
    /// # Errors
    /// Fails where `head` cannot be read or the commit not be written.
    pub fn commit_leftovers(
        &self,
        head: ObjectId,
        message: &str,
        author: &Signature,
        limits: &LeftoverLimits,
    ) -> Result<Leftovers, GitError> {
        let repository = Repository::open_bare(&self.folder)?;
        let rules = Rules::new(&repository, &self.checkout, &self.folder.join("rules"))?;
        let broken = |error: git2::Error| GitError::read(format!("commit {head}"), error);
        let parent = repository.find_commit(head.to_git2()?).map_err(broken)?;
        let before = parent.tree().map_err(broken)?;
        let mut survey = Survey::new(&repository, &self.checkout, rules, limits);
        survey.folder(&before)?;
        let Survey { removed, units, mut left_out, ignored, .. } = survey;
        let mut edits: BTreeMap<_, _> = removed.into_iter().map(|path| (path, Edit::Remove)).collect();
        let (taken, too_much) = choose(units, limits);
        too_much.into_iter().for_each(|words| left_out.push(words));
        // Not the time of day: taken again, the same changes make the same commit.
        let changed = taken.iter().map(|change| change.modified).max();
        let time = changed.unwrap_or_default().max(parent.time().seconds()).min(author.time);
        for change in taken {
            match write_blob(&repository, &self.checkout, &change) {
                Ok(id) => drop(edits.insert(change.path, Edit::Put(id, change.kind.mode()))),
                Err(error) => left_out.push(format!("{}: {error}", change.path.display())),
            }
        }
        let mut left = Leftovers { commit: None, left_out: left_out.list(), ignored: ignored.list() };
        let after = match tree::edited(&repository, Some(&before), &edits)? {
            Some(tree) => tree,
            None => repository.treebuilder(None)?.write()?,
        };
        if after != before.id() {
            let time = git2::Time::new(time, 0);
            let signature = git2::Signature::new(&author.name, &author.email, &time)?;
            let after = repository.find_tree(after)?;
            let id = repository.commit(None, &signature, &signature, message, &after, &[&parent])?;
            left.commit = Some(id.into());
        }
        Ok(left)
    }

    /// Number of commits of `base..head`.
    ///
    /// # Errors
    /// Fails where the history cannot be read.
    pub fn count_commits(&self, base: ObjectId, head: ObjectId) -> Result<usize, GitError> {
        let repository = Repository::open_bare(&self.folder)?;
        let broken = |error: git2::Error| GitError::read(format!("the history of {head}"), error);
        let commits = ancestry::between(&repository, base.to_git2()?, head.to_git2()?, usize::MAX);
        Ok(commits.map_err(broken)?.len())
    }

    /// Writes the commits of `base..head` into a bundle file, under a ref of the given full name.
    ///
    /// # Errors
    /// Fails where there are none, or the file cannot be written.
    pub async fn bundle(
        &self,
        base: ObjectId,
        head: ObjectId,
        reference: &str,
        file: &Path,
    ) -> Result<(), GitError> {
        self.mirror.set_reference(reference, head)?;
        Program::new(&self.folder, "bundle")
            // What is missing in a checkout is not looked for elsewhere (git(1), since 2.44).
            .env("GIT_NO_LAZY_FETCH", "1")
            .args(["create", "--quiet"])
            .arg(file)
            .arg(reference)
            .arg(format!("^{base}"))
            .run()
            .await
            .map(drop)
    }
}

fn write_blob(repository: &Repository, checkout: &Path, change: &Change) -> Result<Oid, GitError> {
    let path = checkout.join(&change.path);
    let failed = |error| GitError::file(&path, error);
    if change.kind == Kind::Link {
        let target = fs::read_link(&path).map_err(failed)?;
        return Ok(repository.blob(target.as_os_str().as_bytes())?);
    }
    let mut writer = repository.blob_writer(Some(&change.path))?;
    let mut content = open(&path).map_err(failed)?.take(change.bytes);
    io::copy(&mut content, &mut writer).map_err(failed)?;
    Ok(writer.commit()?)
}

/// Objects that the checkout itself borrows from elsewhere: what an agent may not read, we should for it.
fn forget_foreign_objects(objects: &Path) -> Result<(), GitError> {
    for name in ["info/alternates", "info/http-alternates"] {
        let path = objects.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Err(_) => Ok(()),
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
        };
        removed.map_err(|error| GitError::file(&path, error))?;
    }
    Ok(())
}

/// Opens a file that nobody's link leads to, and waits for nobody.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// A file's content, if it is a file and small.
fn read_small(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let read = open(path).ok()?.take(SMALL_FILE + 1).read_to_end(&mut content).ok()?;
    (u64::try_from(read).ok()? <= SMALL_FILE).then_some(content)
}
