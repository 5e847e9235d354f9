//! Repositories made by the `git` program, as any user makes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ambient_git::{LocalRepositories, Mirror, Remote, RepositoryUrl, Signature};

/// A folder with repositories in it.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository with a work tree and one commit on `main`.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        commit(&path, "README.md", "one\n");
        path
    }

    /// A bare copy of a repository.
    pub(crate) fn bare(&self, name: &str, of: &Path) -> PathBuf {
        let path = self.path(name);
        git(
            self.folder.path(),
            &["clone", "--quiet", "--bare", of.to_str().unwrap(), path.to_str().unwrap()],
        );
        path
    }

    pub(crate) fn mirror(&self, name: &str) -> Mirror {
        Mirror::open_or_create(&self.path(name)).unwrap()
    }
}

pub(crate) fn remote(path: &Path) -> Remote {
    let url = RepositoryUrl::parse(path.to_str().unwrap(), LocalRepositories::Allowed).unwrap();
    Remote::open(url)
}

pub(crate) fn signature() -> Signature {
    Signature { name: "A".to_owned(), email: "a@example.com".to_owned(), time: 1_800_000_000 }
}

/// Writes a file and commits it.
pub(crate) fn commit(path: &Path, file: &str, content: &str) -> String {
    let target = path.join(file);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    std::fs::write(target, content).unwrap();
    git(path, &["add", "--all"]);
    git(path, &["commit", "--quiet", "--message", file]);
    git(path, &["rev-parse", "HEAD"])
}

/// Runs git and gives what it says.
pub(crate) fn git(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "core.hooksPath=/dev/null"])
        .args(arguments)
        .current_dir(path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
