//! Bundles: commits in one file, carried from an agent's workspace to a mirror.

use std::path::Path;

use crate::error::GitError;
use crate::id::ObjectId;
use crate::mirror::Mirror;
use crate::remote::Program;

/// Where fetched bundles are kept within a mirror, so that their objects stay until they are pushed.
const INCOMING: &str = "refs/ambient/incoming";

/// A bundle file from an untrusted place.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    /// The file.
    pub path: &'a Path,
    /// The ref within it.
    pub reference: &'a str,
}

impl Mirror {
    /// Takes a bundle's objects in, each checked for well-formedness, and gives the commit its ref names. `name` tells
    /// bundles apart that are taken in at the same time.
    ///
    /// # Errors
    /// Fails where the bundle is none, is not on top of what the mirror has, or holds a malformed object.
    pub async fn take_bundle(&self, bundle: Bundle<'_>, name: &str) -> Result<ObjectId, GitError> {
        let kept = format!("{INCOMING}/{name}");
        Program::new(self.path(), "fetch")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "fetch.fsckObjects")
            .env("GIT_CONFIG_VALUE_0", "true")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--force",
                "--",
            ])
            .arg(bundle.path)
            .arg(format!("{}:{kept}", bundle.reference))
            .run()
            .await?;
        let found = self.reference(&kept)?;
        found.ok_or_else(|| {
            GitError::read(format!("bundle {}", bundle.path.display()), "its ref did not arrive")
        })
    }

    /// Forgets a bundle that was taken in, once its commits are pushed or refused.
    ///
    /// # Errors
    /// Fails where the ref cannot be removed.
    pub fn forget_bundle(&self, name: &str) -> Result<(), GitError> {
        let repository = git2::Repository::open_bare(self.path())?;
        match repository.find_reference(&format!("{INCOMING}/{name}")) {
            Ok(mut reference) => Ok(reference.delete()?),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
