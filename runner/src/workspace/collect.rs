//! Takes from the workspace what the agent has left: its commits as bundles, the rest of its changes as a last commit.

use std::fs;
use std::path::Path;

use ambient_protocol::outcome::{Bundle, DiffStat, RepositoryOutcome};

use super::git::{self, GitError};
use super::record::{Checkout, WorkspaceRecord};
use crate::state::StateFolder;

/// Most ignored files that are listed by name.
const IGNORED_LIMIT: usize = 100;
/// Message of the commit of what the agent had not committed itself.
const LEFTOVERS: &str = "Commit what the agent left uncommitted";

/// What could be taken from each repository, and why a repository could not be read to its end. A repository that
/// fails does not keep the others from the outcome.
pub(crate) async fn collect(
    record: &WorkspaceRecord,
    workspace: &Path,
    state: &StateFolder,
) -> (Vec<RepositoryOutcome>, Option<String>) {
    let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
    for checkout in &record.repositories {
        let mut outcome = RepositoryOutcome {
            name: checkout.name.clone(),
            base: checkout.base.clone(),
            head: None,
            commits: 0,
            committed_leftovers: false,
            diff: DiffStat::default(),
            bundle: None,
            ignored: Vec::new(),
        };
        if let Err(error) = collect_one(checkout, workspace, state, &mut outcome).await {
            failures.push(format!("cannot take the changes of repository \"{}\": {error}", checkout.name));
        }
        outcomes.push(outcome);
    }
    (outcomes, (!failures.is_empty()).then(|| failures.join("; ")))
}

async fn collect_one(
    checkout: &Checkout,
    workspace: &Path,
    state: &StateFolder,
    outcome: &mut RepositoryOutcome,
) -> Result<(), GitError> {
    let folder = checkout.folder(workspace);
    // Filters, hooks and monitors that the agent configured would run outside its bounds.
    git::restore_configuration(&folder, &checkout.configuration)?;
    outcome.committed_leftovers = git::commit_all(&folder, LEFTOVERS).await?;
    outcome.ignored = git::ignored(&folder, IGNORED_LIMIT).await?;
    let head = git::head(&folder).await?;
    if head == checkout.base {
        return Ok(());
    }
    outcome.commits = git::count(&folder, &checkout.base, &head).await?;
    outcome.diff = git::diff_stat(&folder, &checkout.base, &head).await?;
    let file = state.bundle(&checkout.name);
    let reference = git::bundle(&folder, &checkout.base, &head, &file).await?;
    outcome.bundle = Some(describe(reference, &file)?);
    outcome.head = Some(head);
    Ok(())
}

fn describe(reference: String, file: &Path) -> Result<Bundle, GitError> {
    let bytes = fs::read(file).map_err(|cause| GitError::file(file, cause))?;
    fs::File::open(file).and_then(|file| file.sync_all()).map_err(|cause| GitError::file(file, cause))?;
    let mut digest = crate::log::RunningDigest::default();
    digest.update(&bytes);
    Ok(Bundle { reference, size: u64::try_from(bytes.len()).unwrap_or(u64::MAX), digest: digest.text() })
}
