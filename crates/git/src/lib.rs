//! Repositories: gix reads, git2 builds commits, one module talks to remotes.
