//! The active workflow: a folder of a repository of its own, beside the repositories of the run. Nothing of it is
//! collected.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};

use ambient_git::History;
use ambient_protocol::effective::Workflow;
use serde::{Deserialize, Serialize};

use super::guidance::Guidance;
use super::prepare::{CheckoutRules, Origin, WorkspaceError, clone_to, folder_error, remove};

/// The workflow's folder in the workspace. No repository's name begins with a dot.
const FOLDER: &str = ".workflow";
/// Of its history nothing is used.
const ONE: NonZeroU32 = NonZeroU32::MIN;
/// Describes a workflow.
const DESCRIPTION: &str = ".ambient/ambient.json";

/// The workflow as it was checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkflowCheckout {
    /// The commit.
    pub(crate) commit: String,
    /// The folder within the repository; empty for the whole of it.
    #[serde(default)]
    path: PathBuf,
    /// What it says of itself.
    pub(crate) description: Description,
    /// What it says to agents.
    #[serde(default)]
    pub(crate) guidance: Guidance,
}

impl WorkflowCheckout {
    /// Its folder.
    pub(crate) fn folder(&self, workspace: &Path) -> PathBuf {
        workspace.join(FOLDER).join(&self.path)
    }
}

/// What is used of `.ambient/ambient.json`, all of it optional; the rest is for catalogues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Description {
    /// Its name.
    pub(crate) name: String,
    /// What the agent is told before all else.
    pub(crate) system_prompt: String,
    /// What is asked where the session asks nothing.
    pub(crate) startup_prompt: String,
}

/// Checks the workflow out.
pub(super) async fn check_out(
    workflow: &Workflow,
    workspace: &Path,
    rules: CheckoutRules<'_>,
) -> Result<WorkflowCheckout, WorkspaceError> {
    let path = plain_path(workflow.path.as_deref().unwrap_or_default())?;
    let folder = workspace.join(FOLDER);
    remove(&folder)?;
    let (url, branch, history) = (&workflow.url, workflow.branch.as_deref(), History::Latest(ONE));
    let origin = Origin { name: "workflow", url, branch, history };
    let commit = clone_to(origin, &folder, workspace, rules).await?.base;
    let within = folder.join(&path);
    if !within.is_dir() {
        let (url, branch) = (workflow.url.clone(), origin.branch_name().to_owned());
        return Err(WorkspaceError::NoWorkflow { url, branch, path, commit });
    }
    let guidance = Guidance::read(&within).map_err(|cause| folder_error(&within, cause))?;
    let description = guidance.file(DESCRIPTION).map(serde_json::from_str).transpose();
    let description = description.map_err(|error| WorkspaceError::Description {
        url: workflow.url.clone(),
        path: path.join(DESCRIPTION),
        error: error.to_string(),
    })?;
    // Its own history is of no use to the agent, and would be one more repository to it.
    let git = folder.join(".git");
    fs::remove_dir_all(&git).map_err(|cause| folder_error(&git, cause))?;
    Ok(WorkflowCheckout { commit, path, description: description.unwrap_or_default(), guidance })
}

/// A path that stays within the repository.
fn plain_path(path: &str) -> Result<PathBuf, WorkspaceError> {
    let components = Path::new(path).components().filter(|one| !matches!(one, Component::CurDir));
    let plain = |one: Component<'_>| match one {
        Component::Normal(name) => Ok(name.to_owned()),
        _ => Err(WorkspaceError::WorkflowPath(path.to_owned())),
    };
    components.map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_within_the_repository() {
        for (path, plain) in [("", Some("")), ("./a/b", Some("a/b")), ("a/../../b", None), ("/etc", None)] {
            assert_eq!(plain_path(path).ok().as_deref(), plain.map(Path::new), "{path}");
        }
    }
}
