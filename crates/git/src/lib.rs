//! Repositories: gix reads objects, git2 builds commits, and one module talks to remotes.
//!
//! Nobody else in the workspace touches repositories. Reads go by object id from a bare mirror, so there is no work tree
//! to keep clean; what an agent works in is a [`Workspace`], which only the runner makes. Everything that speaks to a
//! remote runs the `git` program in a clean environment (see `remote`).
//!
//! All work here blocks; the functions that run the program are asynchronous, the others are quick enough for a
//! caller's thread, or meant for `spawn_blocking`.

mod ancestry;
mod bundle;
mod check;
mod clone;
mod collection;
mod commit;
mod credentials;
mod diff;
mod error;
mod id;
mod mirror;
mod read;
mod remote;
mod update;
mod url;
mod watch;
mod workspace;

pub use bundle::Bundle;
pub use check::{CheckLimits, Violation, check_commits};
pub use clone::History;
pub use collection::{Collection, LeftoverLimits, Leftovers, OtherLine};
pub use commit::{CommitBuilder, Signature};
pub use credentials::{Credentials, InvalidCredentials, OutOfScope};
pub use diff::{FileStat, Patch};
pub use error::GitError;
pub use id::ObjectId;
pub use mirror::{Fetched, Mirror};
pub use read::{Commit, Entry, EntryKind};
pub use remote::{Remote, RemoteProblem};
pub use update::{Push, RefResult, RefUpdate, Rejection};
pub use url::{InvalidUrl, LocalRepositories, RepositoryUrl};
pub use watch::WatchPaths;
pub use workspace::Workspace;
