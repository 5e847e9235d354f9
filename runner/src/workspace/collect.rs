//! Takes from the workspace what the agent has left: its commits as bundles, the rest of its changes as a last commit.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ambient_git::{CheckLimits, Collection, GitError, LeftoverLimits, ObjectId, Patch, Signature, Workspace};
use ambient_protocol::outcome::{BUNDLE_LIMIT, Bundle, DiffStat, OtherLine, RepositoryOutcome, Withheld};
use ambient_redaction::Redactor;

use super::handover::{HandoverError, take_over};
use super::record::{Checkout, WorkspaceRecord};
use super::secrets::{PATCH_LIMIT, clean, reasons_to_withhold};
use crate::bridge::{AGENT_EMAIL, AGENT_NAME};
use crate::clock;
use crate::durable;
use crate::log::RunningDigest;
use crate::state::StateFolder;

/// Most files that are listed by name: those that are ignored, and those that are left out.
const NAMES_LIMIT: usize = 100;
/// Most files that the runner commits for an agent.
const LEFTOVER_FILES: usize = 20_000;
/// Most lines of commits beside the delivered one that are kept.
const LINES_LIMIT: usize = 10;
/// Message of the commit of what the agent had not committed itself.
const LEFTOVERS: &str = "Commit what the agent left uncommitted";
/// The ref of what is delivered, in the collection and in a bundle.
const BUNDLE_REF: &str = "refs/ambient/outcome";

/// Bounds of what is committed for an agent: of a change that a person can review.
fn leftover_limits() -> LeftoverLimits {
    let CheckLimits { file_bytes, total_bytes, .. } = CheckLimits::reviewable();
    LeftoverLimits { files: LEFTOVER_FILES, file_bytes, total_bytes, names: NAMES_LIMIT }
}

/// What could be taken from each repository, and what of it failed. A repository that fails does not keep the others
/// from the outcome, nor do changes that cannot be committed keep the commits from it.
pub(crate) async fn collect(
    record: &WorkspaceRecord,
    workspace: &Path,
    state: &StateFolder,
    redactor: &Redactor,
) -> (Vec<RepositoryOutcome>, Option<String>) {
    let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
    for checkout in &record.repositories {
        let (outcome, failure) = collect_one(checkout, workspace, state, redactor).await;
        outcomes.push(outcome);
        let failed = |error| format!("cannot take the changes of repository \"{}\": {error}", checkout.name);
        failures.extend(failure.map(failed));
    }
    (outcomes, (!failures.is_empty()).then(|| failures.join("; ")))
}

async fn collect_one(
    checkout: &Checkout,
    workspace: &Path,
    state: &StateFolder,
    redactor: &Redactor,
) -> (RepositoryOutcome, Option<CollectError>) {
    let mut taking = Taking {
        checkout: checkout.clone(),
        folder: checkout.folder(workspace),
        collection: state.collection(&checkout.name),
        redactor: redactor.clone(),
        outcome: untouched(checkout),
        failure: None,
    };
    let surveyed = tokio::task::spawn_blocking(move || {
        let commits = taking.survey();
        (taking, commits)
    });
    let (taking, commits) = match surveyed.await {
        Ok(surveyed) => surveyed,
        Err(error) => return (untouched(checkout), Some(io::Error::other(error).into())),
    };
    let Taking { mut outcome, mut failure, .. } = taking;
    match commits {
        Ok(Some(commits)) => match commits.bundle(&state.bundle(&checkout.name)).await {
            Ok(bundle) if bundle.size > BUNDLE_LIMIT => {
                let why = format!(
                    "its commits need {} bytes in a bundle, and at most {BUNDLE_LIMIT} are taken",
                    bundle.size
                );
                let patch = clean(&commits.patch, redactor);
                outcome.withheld = Some(Withheld { reasons: vec![why], patch });
            }
            Ok(bundle) => outcome.bundle = Some(bundle),
            Err(error) => failure = failure.or(Some(error)),
        },
        Ok(None) => {}
        Err(error) => failure = failure.or(Some(error)),
    }
    (outcome, failure)
}

/// A repository whose changes are being taken.
struct Taking {
    checkout: Checkout,
    folder: PathBuf,
    collection: PathBuf,
    redactor: Redactor,
    outcome: RepositoryOutcome,
    /// What went wrong, though the rest could be taken.
    failure: Option<CollectError>,
}

/// Commits that go into a bundle.
struct Commits {
    collection: Collection,
    base: ObjectId,
    head: ObjectId,
    patch: Patch,
}

impl Taking {
    /// Commits what is left, and looks at what there is then: the outcome but for the bundle, and the commits for that.
    fn survey(&mut self) -> Result<Option<Commits>, CollectError> {
        take_over(&self.folder)?;
        restore_configuration(&self.folder, &self.checkout.configuration)?;
        let collection = Collection::over(&self.folder, &self.collection)?;
        let base: ObjectId = self.checkout.base.parse()?;
        let own = self.own_head().unwrap_or(base);
        let all = self.commit_leftovers(&collection, own);
        let (head, reasons) = self.deliverable(&collection, base, own, all)?;
        self.tell_other_lines(&collection, base, head);
        // A branch that went back behind its base has nothing to carry.
        let commits = if head == base { 0 } else { collection.count_commits(base, head)? };
        if commits == 0 {
            return Ok(None);
        }
        // Also where they must stay: whoever looks at the volume finds them.
        collection.mirror().set_reference(BUNDLE_REF, head)?;
        let patch = collection.mirror().patch(base, head, PATCH_LIMIT)?;
        self.outcome.head = Some(head.to_string());
        self.outcome.commits = u32::try_from(commits).unwrap_or(u32::MAX);
        self.outcome.diff = DiffStat {
            files: u32::try_from(patch.files.len()).unwrap_or(u32::MAX),
            insertions: patch.insertions(),
            deletions: patch.deletions(),
        };
        if reasons.is_empty() {
            return Ok(Some(Commits { collection, base, head, patch }));
        }
        self.outcome.withheld = Some(Withheld { reasons, patch: clean(&patch, &self.redactor) });
        Ok(None)
    }

    /// The commit that is delivered, and why it must stay if it must. Where only what the agent had not committed must
    /// stay, its own commits go.
    fn deliverable(
        &mut self,
        collection: &Collection,
        base: ObjectId,
        own: ObjectId,
        all: ObjectId,
    ) -> Result<(ObjectId, Vec<String>), CollectError> {
        let reasons = reasons_to_withhold(collection.mirror(), base, all, &self.redactor)?;
        let stays = !reasons.is_empty() && own != all && own != base;
        if stays && reasons_to_withhold(collection.mirror(), base, own, &self.redactor)?.is_empty() {
            self.outcome.committed_leftovers = false;
            self.outcome.left_out.extend(reasons);
            self.tell_line(collection, own, "what was not committed", all)?;
            return Ok((own, Vec::new()));
        }
        Ok((all, reasons))
    }

    /// Names what the agent committed elsewhere; that it cannot be read keeps nothing else.
    fn tell_other_lines(&mut self, collection: &Collection, base: ObjectId, head: ObjectId) {
        let told = collection.other_lines(head, LINES_LIMIT).and_then(|lines| {
            lines.into_iter().try_for_each(|line| self.tell_line(collection, base, &line.name, line.commit))
        });
        if let Err(error) = told {
            self.outcome.left_out.push(format!("commits of other branches: {error}"));
        }
    }

    fn tell_line(
        &mut self,
        collection: &Collection,
        base: ObjectId,
        name: &str,
        commit: ObjectId,
    ) -> Result<(), GitError> {
        let patch = clean(&collection.mirror().patch(base, commit, PATCH_LIMIT)?, &self.redactor);
        let line = OtherLine { name: name.to_owned(), commit: commit.to_string(), patch };
        self.outcome.other_lines.push(line);
        Ok(())
    }

    /// The agent's own last commit. Where it has destroyed what names that, its files can be taken all the same.
    fn own_head(&mut self) -> Option<ObjectId> {
        let head = Workspace::open(&self.folder).and_then(|workspace| workspace.head());
        head.unwrap_or_else(|error| {
            self.failure = Some(error.into());
            None
        })
    }

    /// The commit of what the agent left uncommitted, or its own last one where there is none.
    fn commit_leftovers(&mut self, collection: &Collection, own: ObjectId) -> ObjectId {
        let author =
            Signature { name: AGENT_NAME.into(), email: AGENT_EMAIL.into(), time: clock::now().as_second() };
        match collection.commit_leftovers(own, LEFTOVERS, &author, &leftover_limits()) {
            Ok(left) => {
                self.outcome.committed_leftovers = left.commit.is_some();
                (self.outcome.left_out, self.outcome.ignored) = (left.left_out, left.ignored);
                left.commit.unwrap_or(own)
            }
            Err(error) => {
                self.outcome.left_out = vec![format!("all that was not committed: {error}")];
                self.failure.get_or_insert(error.into());
                own
            }
        }
    }
}

impl Commits {
    async fn bundle(&self, file: &Path) -> Result<Bundle, CollectError> {
        self.collection.bundle(self.base, self.head, BUNDLE_REF, file).await?;
        describe(file)
    }
}

/// Puts back the configuration from before the agent: Git reads it to find the agent's last commit.
fn restore_configuration(folder: &Path, configuration: &str) -> io::Result<()> {
    durable::replace(&folder.join(".git/config"), configuration.as_bytes())
}

fn untouched(checkout: &Checkout) -> RepositoryOutcome {
    RepositoryOutcome {
        name: checkout.name.clone(),
        base: checkout.base.clone(),
        head: None,
        commits: 0,
        committed_leftovers: false,
        diff: DiffStat::default(),
        bundle: None,
        withheld: None,
        ignored: Vec::new(),
        left_out: Vec::new(),
        other_lines: Vec::new(),
    }
}

fn describe(file: &Path) -> Result<Bundle, CollectError> {
    let mut content = fs::File::open(file)?;
    content.sync_all()?;
    let mut digest = RunningDigest::default();
    let (mut size, mut piece) = (0, vec![0; 64 * 1024]);
    loop {
        let read = content.read(&mut piece)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        size += u64::try_from(read).unwrap_or_default();
    }
    Ok(Bundle { reference: BUNDLE_REF.to_owned(), size, digest: digest.text() })
}

#[derive(Debug, thiserror::Error)]
enum CollectError {
    #[error(transparent)]
    Handover(#[from] HandoverError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    File(#[from] io::Error),
}
