//! Checks out the repositories of a run, each into a folder of its name, and its workflow beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ambient_git::{GitError, History, LocalRepositories, Remote, RepositoryUrl, Workspace};
use ambient_protocol::EffectiveSession;
use ambient_protocol::effective::EffectiveRepository;
use ambient_protocol::environment::GIT_DEPTH;

use super::guidance::Guidance;
use super::history;
use super::record::{Checkout, WorkspaceRecord};
use super::workflow;
use crate::lending::Lending;
use crate::sharing;

/// How folders of unfinished clones begin.
const ASIDE: &str = ".checkout-";

/// Git's setting for a repository in which several users of one group work (git-config(1)).
const SHARED: &str = "[core]\n\tsharedRepository = group\n";

/// How repositories are checked out.
#[derive(Clone, Copy)]
pub(crate) struct CheckoutRules<'a> {
    /// Whether they may be folders of this machine.
    pub(crate) local: LocalRepositories,
    /// Whether the agent is another user of this one's group.
    pub(crate) shared: bool,
    /// Where repositories are read that only the broker can open.
    pub(crate) lending: Option<&'a Lending>,
}

/// Checks out what is missing. What an earlier attempt left stays as it is, with the agent's changes; a folder that is
/// not in the record is a checkout that was cut off before any agent saw it, and is made again.
pub(crate) async fn prepare(
    session: &EffectiveSession,
    workspace: &Path,
    record: &Path,
    rules: CheckoutRules<'_>,
) -> Result<WorkspaceRecord, WorkspaceError> {
    fs::create_dir_all(workspace).map_err(|cause| folder_error(workspace, cause))?;
    remove_aside(workspace)?;
    let mut done = WorkspaceRecord::read(record).map_err(|cause| folder_error(record, cause))?;
    let history = history::wanted(session)?;
    for repository in &session.repositories {
        if done.get(&repository.name).is_some() {
            continue;
        }
        let checkout = check_out(repository, history, workspace, rules).await?;
        done.repositories.push(checkout);
        done.write(record).map_err(|cause| folder_error(record, cause))?;
    }
    if let (Some(workflow), None) = (&session.workflow, &done.workflow) {
        done.workflow = Some(workflow::check_out(workflow, workspace, rules).await?);
        done.write(record).map_err(|cause| folder_error(record, cause))?;
    }
    let startup = done.workflow.as_ref().map_or("", |workflow| workflow.description.startup_prompt.as_str());
    if session.prompt.trim().is_empty() && startup.trim().is_empty() {
        return Err(WorkspaceError::NothingAsked);
    }
    if rules.shared {
        // Also what an earlier attempt of this user has made there.
        let folder = workspace.to_owned();
        let opened = tokio::task::spawn_blocking(move || sharing::open_to_group(&folder)).await;
        opened.map_err(|error| folder_error(workspace, error.into()))?;
    }
    Ok(done)
}

async fn check_out(
    repository: &EffectiveRepository,
    history: History,
    workspace: &Path,
    rules: CheckoutRules<'_>,
) -> Result<Checkout, WorkspaceError> {
    let name = check_name(&repository.name)?;
    let folder = workspace.join(name);
    let branch = repository.branch.as_deref();
    let origin = Origin { name, url: &repository.url, branch, history };
    let Cloned { base, is_shallow } = clone_to(origin, &folder, workspace, rules).await?;
    if is_shallow {
        tracing::info!(repository.name = name, "only its latest commits are checked out");
    }
    let guidance = Guidance::read(&folder).map_err(|cause| folder_error(&folder, cause))?;
    let file = folder.join(".git/config");
    let mut configuration = fs::read_to_string(&file).map_err(|cause| folder_error(&file, cause))?;
    if rules.shared {
        configuration.push_str(SHARED);
        fs::write(&file, &configuration).map_err(|cause| folder_error(&file, cause))?;
    }
    let (name, url, branch) = (repository.name.clone(), repository.url.clone(), repository.branch.clone());
    Ok(Checkout { name, url, branch, base, is_shallow, configuration, guidance })
}

/// What is cloned.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// What failures call it.
    pub(super) name: &'a str,
    pub(super) url: &'a str,
    pub(super) branch: Option<&'a str>,
    pub(super) history: History,
}

impl Origin<'_> {
    /// The branch, for messages.
    pub(super) fn branch_name(&self) -> &str {
        self.branch.unwrap_or("the default branch")
    }
}

/// What a clone has brought.
pub(super) struct Cloned {
    /// The commit that is checked out.
    pub(super) base: String,
    /// Whether older commits are not there.
    pub(super) is_shallow: bool,
}

/// Clones in place of what is in the folder.
pub(super) async fn clone_to(
    origin: Origin<'_>,
    folder: &Path,
    workspace: &Path,
    rules: CheckoutRules<'_>,
) -> Result<Cloned, WorkspaceError> {
    // The clone of a runner that was killed may go on for a while: it has a folder of its own.
    let aside = tempfile::Builder::new().prefix(ASIDE).tempdir_in(workspace);
    let aside = aside.map_err(|cause| folder_error(workspace, cause))?;
    let checkout = aside.path().join("checkout");
    let cloned = clone(origin, &checkout, rules).await.map_err(|cause| WorkspaceError::Repository {
        name: origin.name.to_owned(),
        url: origin.url.to_owned(),
        branch: origin.branch_name().to_owned(),
        cause: Box::new(cause),
    })?;
    remove(folder)?;
    fs::rename(&checkout, folder).map_err(|cause| folder_error(folder, cause))?;
    Ok(cloned)
}

async fn clone(origin: Origin<'_>, folder: &Path, rules: CheckoutRules<'_>) -> Result<Cloned, CloneError> {
    let instead = rules.lending.and_then(|lending| lending.instead_of(origin.url));
    let address = RepositoryUrl::parse(instead.unwrap_or(origin.url), rules.local).map_err(GitError::from)?;
    let checkout = Workspace::clone(&Remote::open(address), origin.branch, origin.history, folder).await?;
    if let Some(instead) = instead {
        // It is the address of this runner alone.
        let file = folder.join(".git/config");
        let configuration = fs::read_to_string(&file)?.replace(instead, origin.url);
        fs::write(&file, configuration)?;
    }
    let base = checkout.head()?.ok_or(CloneError::Empty)?.to_string();
    Ok(Cloned { base, is_shallow: checkout.is_shallow()? })
}

/// Removes what clones that were cut off have left.
fn remove_aside(workspace: &Path) -> Result<(), WorkspaceError> {
    let entries = fs::read_dir(workspace).map_err(|cause| folder_error(workspace, cause))?;
    let names =
        entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes()));
    for entry in names {
        // One that is still written to is removed by a later attempt; it is in nobody's way.
        let _ = fs::remove_dir_all(entry.path());
    }
    Ok(())
}

pub(super) fn remove(folder: &Path) -> Result<(), WorkspaceError> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(folder_error(folder, cause)),
        _ => Ok(()),
    }
}

/// A name becomes a folder of the workspace, and never anything above it.
fn check_name(name: &str) -> Result<&str, WorkspaceError> {
    let plain = !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(['/', '\\', '\0']);
    if plain { Ok(name) } else { Err(WorkspaceError::Name(name.to_owned())) }
}

pub(super) fn folder_error(path: &Path, cause: io::Error) -> WorkspaceError {
    WorkspaceError::Folder { path: path.display().to_string(), cause }
}

/// The workspace cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    /// A repository cannot be checked out.
    #[error("cannot check out {branch} of repository \"{name}\" ({url}): {cause}")]
    Repository {
        name: String,
        url: String,
        branch: String,
        #[source]
        cause: Box<CloneError>,
    },
    /// A repository's name is no folder name.
    #[error("repository name \"{0}\" cannot be a folder: use letters, digits, '.', '_' and '-'")]
    Name(String),
    /// The session wants no number of commits.
    #[error("{GIT_DEPTH} is \"{0}\": set it to a number of commits, or to 0 for all of the history")]
    Depth(String),
    /// Neither session nor workflow says what to do.
    #[error(
        "nothing says what the agent is to do: set spec.initialPrompt, or startupPrompt in the workflow's .ambient/ambient.json"
    )]
    NothingAsked,
    /// A workflow's path leads elsewhere.
    #[error("the workflow's path \"{0}\" leads out of its repository: name a folder within it")]
    WorkflowPath(String),
    /// There is no such workflow.
    #[error(
        "there is no folder \"{}\" on {branch} of the workflow's repository {url} (commit {commit})",
        path.display()
    )]
    NoWorkflow { url: String, branch: String, path: PathBuf, commit: String },
    /// A workflow's description cannot be read.
    #[error("cannot read {} of the workflow {url}: {error}", path.display())]
    Description { url: String, path: PathBuf, error: String },
    /// A folder cannot be made, read or removed.
    #[error("cannot use {path}: {cause}")]
    Folder {
        path: String,
        #[source]
        cause: io::Error,
    },
}

/// A repository cannot be cloned, or there is nothing in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloneError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("its configuration cannot be written: {0}")]
    Configuration(#[from] io::Error),
    #[error("it has no commit to start from")]
    Empty,
}
