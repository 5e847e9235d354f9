//! The `git` program, as far as a workspace needs it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ambient_protocol::outcome::DiffStat;
use tokio::process::Command;

use crate::bridge::{AGENT_EMAIL, AGENT_NAME};

/// Longest time for one command; a clone of a large repository takes minutes.
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);
/// The ref that a bundle holds.
const OUTCOME_REF: &str = "refs/ambient/outcome";

/// Whether repositories may be folders of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalRepositories {
    Allowed,
    Refused,
}

/// Clones a branch, or the remote's default branch, with all its history.
pub(super) async fn clone(
    url: &str,
    branch: Option<&str>,
    folder: &Path,
    local: LocalRepositories,
) -> Result<(), GitError> {
    let is_local = url.starts_with(['/', '.']) || url.starts_with("file://");
    if is_local && local == LocalRepositories::Refused {
        return Err(GitError::LocalRefused);
    }
    // Without templates there are no hooks, without hard links no file that the agent shares with the repository.
    let mut arguments: Vec<&OsStr> =
        ["clone", "--quiet", "--template=", "--no-hardlinks"].map(OsStr::new).into();
    if let Some(branch) = branch {
        arguments.extend([OsStr::new("--branch"), OsStr::new(branch)]);
    }
    arguments.extend([OsStr::new("--"), OsStr::new(url), folder.as_os_str()]);
    git(Path::new("."), &arguments).await.map(drop)
}

/// The commit that is checked out.
pub(super) async fn head(folder: &Path) -> Result<String, GitError> {
    match text(folder, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await {
        Err(GitError::Failed { message, .. }) if message.is_empty() => Err(GitError::Empty),
        other => other,
    }
}

/// The repository's own configuration.
pub(super) fn configuration(folder: &Path) -> Result<String, GitError> {
    let path = folder.join(".git/config");
    fs::read_to_string(&path).map_err(|cause| GitError::file(&path, cause))
}

/// Puts the configuration back.
pub(super) fn restore_configuration(folder: &Path, configuration: &str) -> Result<(), GitError> {
    let path = folder.join(".git/config");
    let kind = fs::symlink_metadata(folder.join(".git")).map_err(|cause| GitError::file(&path, cause))?;
    if !kind.is_dir() {
        return Err(GitError::Replaced);
    }
    // A link in its place must not lead the write elsewhere.
    crate::durable::replace(&path, configuration.as_bytes()).map_err(|cause| GitError::file(&path, cause))
}

/// Commits all changes that are not ignored; `false` where there is none.
pub(super) async fn commit_all(folder: &Path, message: &str) -> Result<bool, GitError> {
    run(folder, &["add", "--all"]).await?;
    if run(folder, &["diff", "--cached", "--quiet"]).await.is_ok() {
        return Ok(false);
    }
    run(folder, &["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message]).await?;
    Ok(true)
}

/// The first of the files and folders that are ignored.
pub(super) async fn ignored(folder: &Path, limit: usize) -> Result<Vec<String>, GitError> {
    let arguments = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
    let output = run(folder, &arguments).await?;
    let names = output.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.take(limit).map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Commits that `head` has and `base` has not.
pub(super) async fn count(folder: &Path, base: &str, head: &str) -> Result<u32, GitError> {
    let text = text(folder, &["rev-list", "--count", &format!("{base}..{head}")]).await?;
    Ok(text.parse().unwrap_or(u32::MAX))
}

/// The size of the change.
pub(super) async fn diff_stat(folder: &Path, base: &str, head: &str) -> Result<DiffStat, GitError> {
    let output = run(folder, &["diff", "--numstat", "-z", "--no-renames", base, head]).await?;
    let text = String::from_utf8_lossy(&output);
    let lines = text.split('\0').filter(|line| !line.is_empty());
    Ok(lines.fold(DiffStat::default(), |stat, line| {
        let mut numbers = line.split('\t').map(|number| number.parse::<u64>().unwrap_or_default());
        DiffStat {
            files: stat.files + 1,
            insertions: stat.insertions + numbers.next().unwrap_or_default(),
            deletions: stat.deletions + numbers.next().unwrap_or_default(),
        }
    }))
}

/// Writes the commits between `base` and `head` to a file, and gives the name of the ref in it.
pub(super) async fn bundle(folder: &Path, base: &str, head: &str, file: &Path) -> Result<String, GitError> {
    run(folder, &["update-ref", OUTCOME_REF, head]).await?;
    let exclude = format!("^{base}");
    let arguments = ["bundle", "create", "--quiet"].map(OsStr::new);
    let arguments =
        [&arguments[..], &[file.as_os_str(), OsStr::new(OUTCOME_REF), OsStr::new(&exclude)]].concat();
    git(folder, &arguments).await?;
    Ok(OUTCOME_REF.to_owned())
}

async fn text(folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
    Ok(String::from_utf8_lossy(&run(folder, arguments).await?).trim().to_owned())
}

async fn run(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
    git(folder, &arguments).await
}

async fn git(folder: &Path, arguments: &[&OsStr]) -> Result<Vec<u8>, GitError> {
    let mut command = Command::new("git");
    command
        .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
        .args(arguments)
        .current_dir(folder)
        .envs(environment())
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let output = tokio::time::timeout(TIME_LIMIT, command.output()).await;
    let name = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match output {
        Err(_) => Err(GitError::TooLong { name, seconds: TIME_LIMIT.as_secs() }),
        Ok(Err(cause)) => Err(GitError::Program(cause)),
        Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
        Ok(Ok(output)) => {
            let message = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            Err(GitError::Failed { name, message })
        }
    }
}

/// Nothing that the agent left in the folder may run here.
const SETTINGS: [&str; 5] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

fn environment() -> [(&'static str, OsString); 9] {
    [
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ("GIT_TERMINAL_PROMPT", "0".into()),
        ("GIT_ASKPASS", "true".into()),
        ("LC_ALL", "C".into()),
        ("GIT_AUTHOR_NAME", AGENT_NAME.into()),
        ("GIT_AUTHOR_EMAIL", AGENT_EMAIL.into()),
        ("GIT_COMMITTER_NAME", AGENT_NAME.into()),
        ("GIT_COMMITTER_EMAIL", AGENT_EMAIL.into()),
    ]
}

/// Git did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git {name} failed: {message}")]
    Failed { name: String, message: String },
    #[error("git {name} took longer than {seconds} s")]
    TooLong { name: String, seconds: u64 },
    #[error("cannot start the program git: {0}")]
    Program(#[source] io::Error),
    #[error("the repository has no commit to start from")]
    Empty,
    #[error("a path is no repository here; use a URL, or start with --allow-local-repositories")]
    LocalRefused,
    #[error("its .git is not a folder any more")]
    Replaced,
    #[error("cannot use {path}: {cause}")]
    File {
        path: String,
        #[source]
        cause: io::Error,
    },
}

impl GitError {
    pub(super) fn file(path: &Path, cause: io::Error) -> Self {
        Self::File { path: path.display().to_string(), cause }
    }
}
