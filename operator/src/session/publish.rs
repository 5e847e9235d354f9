//! An agent's commits: taken from the runner, checked, pushed (rules 20, 22). What is refused still leaves its patch.

use ambient_crds::names::digest;
use ambient_git::{CheckLimits, GitError, Mirror, ObjectId, Patch, Remote, check_commits};
use ambient_protocol::client::{ClientError, RunnerClient};
use ambient_protocol::effective::{EffectiveRepository, EffectiveSession};
use ambient_protocol::outcome::{Outcome, RepositoryOutcome, Withheld};
use ambient_protocol::result::{Output, PATCHES_FOLDER};
use ambient_protocol::run::RunKey;
use ambient_redaction::Redactor;

use super::bundle::{Taken, take};
use crate::context::Context;
use crate::ledger::{WriteError, push_forward};

/// Most bytes of a patch in a result: the results branch keeps it for ever.
const PATCH_LIMIT: usize = 10 * 1024 * 1024;

/// What became of one repository's commits.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// For ledger and result.
    pub output: Output,
    /// The patch, for the result's folder.
    pub patch: Vec<u8>,
    /// Patches of what was not delivered, by their paths there.
    pub others: Vec<(String, Vec<u8>)>,
}

/// Why commits cannot be published yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    /// The runner does not give them.
    #[error("cannot read the bundle of {repository}: {error}")]
    Runner {
        /// The repository's name within the run.
        repository: String,
        /// Why.
        error: ClientError,
    },
    /// A repository cannot be used.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file cannot be written.
    #[error("cannot keep a bundle: {0}")]
    File(#[from] std::io::Error),
}

/// Publishes the commits of all repositories. Repeated, it pushes nothing twice.
///
/// # Errors
/// See [`PublishError`]; each is worth another try. Commits that break a rule are no error: they are refused for good.
pub(super) async fn publish(
    context: &Context,
    session: &EffectiveSession,
    runner: &RunnerClient,
    outcome: &Outcome,
) -> Result<Vec<Published>, PublishError> {
    let mut published = Vec::new();
    for repository in &session.repositories {
        let Some(left) = outcome.repositories.iter().find(|one| one.name == repository.name) else {
            continue;
        };
        let output = Output {
            repo: repository.url.clone(),
            base: left.base.clone(),
            branch: None,
            commit: None,
            pull_request: None,
            diff: left.diff,
            patch: None,
            patch_digest: None,
            refused: Vec::new(),
            left_out: left.left_out.clone(),
        };
        let mut one = match (&left.withheld, &left.bundle) {
            (Some(withheld), _) => keep_withheld(repository, withheld, output),
            (None, None) => Published { output, patch: Vec::new(), others: Vec::new() },
            (None, Some(_)) => publish_one(context, session, runner, repository, left, output).await?,
        };
        keep_other_lines(repository, left, &mut one);
        published.push(one);
    }
    Ok(published)
}

/// What the runner did not let out: its patch is the redacted one.
fn keep_withheld(repository: &EffectiveRepository, withheld: &Withheld, mut output: Output) -> Published {
    output.refused.clone_from(&withheld.reasons);
    let patch = withheld.patch.clone().into_bytes();
    output.patch = Some(format!("{PATCHES_FOLDER}/{}.patch", repository.name));
    output.patch_digest = Some(digest(&patch));
    Published { output, patch, others: Vec::new() }
}

/// What the agent committed elsewhere: for a person to take up, and pushed nowhere.
fn keep_other_lines(repository: &EffectiveRepository, left: &RepositoryOutcome, published: &mut Published) {
    for (number, line) in (1..).zip(&left.other_lines) {
        let path = format!("{PATCHES_FOLDER}/{}.{number}.patch", repository.name);
        published.output.left_out.push(format!("{} ({}): kept as {path}", line.name, line.commit));
        published.others.push((path, line.patch.clone().into_bytes()));
    }
}

async fn publish_one(
    context: &Context,
    session: &EffectiveSession,
    runner: &RunnerClient,
    repository: &EffectiveRepository,
    left: &RepositoryOutcome,
    mut output: Output,
) -> Result<Published, PublishError> {
    // What a project pushes to is opened by its own Secret: that of a root source is not its agents' to use.
    let own = session.results.secret.as_ref().filter(|secret| secret.namespace == session.key.project());
    let (mirror, access) = context.results.mirrors().of(&repository.url, own)?;
    let remote = access.remote_where_covered().await?;
    let name = format!("{}/{}", session.session_uid, repository.name);
    let taken = take(&mirror, &remote, runner, repository, left, &name).await?;
    let (base, head) = match taken {
        Taken::Commits { base, head } => (base, head),
        Taken::Refused(reason) => {
            output.refused.push(reason);
            return Ok(Published { output, patch: Vec::new(), others: Vec::new() });
        }
    };
    let failed = |error: GitError| WriteError::git(&repository.url, &error);
    output.refused = violations(&mirror, base, head).map_err(failed)?;
    let patch = patch(&mirror, base, head, output.refused.is_empty()).map_err(failed)?;
    output.patch = Some(format!("{PATCHES_FOLDER}/{}.patch", repository.name));
    output.patch_digest = Some(digest(&patch));
    if output.refused.is_empty() && repository.push {
        push(&mirror, &remote, repository, (&session.key, head), &mut output).await?;
    }
    mirror.forget_bundle(&name).map_err(failed)?;
    Ok(Published { output, patch, others: Vec::new() })
}

/// Everything that speaks against pushing these commits.
fn violations(mirror: &Mirror, base: ObjectId, head: ObjectId) -> Result<Vec<String>, GitError> {
    let redactor = Redactor::default();
    let mut secrets = Vec::new();
    let found = check_commits(mirror, base, head, &limits(), |path, content| {
        let (_, counts) = redactor.redact_bytes(content);
        if counts.total() > 0 {
            secrets.push(format!("{path} holds what looks like a secret"));
        }
    })?;
    let mut reasons: Vec<_> = found.iter().map(ToString::to_string).collect();
    reasons.extend(secrets);
    Ok(reasons)
}

/// What decides what other machines, and the agents and editors of other people, run. Instructions in prose (`AGENTS.md`)
/// are left to the reviewer.
const PROTECTED: [&str; 28] = [
    ".gitmodules",
    ".gitattributes",
    "/.github/",
    "/.gitlab-ci.yml",
    "/.gitlab/",
    "/.gitea/",
    "/.forgejo/",
    "/.circleci/",
    "/.tekton/",
    "/.travis.yml",
    "/.drone.yml",
    "/.woodpecker/",
    "/.woodpecker.yml",
    "/azure-pipelines.yml",
    "/bitbucket-pipelines.yml",
    "/jenkinsfile",
    ".husky/",
    ".githooks/",
    ".pre-commit-config.yaml",
    ".claude/",
    ".mcp.json",
    ".gemini/",
    ".cursor/",
    ".vscode/",
    ".devcontainer/",
    ".devcontainer.json",
    ".envrc",
    "/.ambient/",
];

/// Bounds that fit a change a person can review, and the files that decide what other machines run.
fn limits() -> CheckLimits {
    CheckLimits { protected: PROTECTED.map(str::to_owned).to_vec(), ..CheckLimits::reviewable() }
}

/// Pushes to the branch that was asked for. One that an earlier run left, and that these commits do not continue, stays
/// as it is: a branch of this run's own receives them then.
async fn push(
    mirror: &Mirror,
    remote: &Remote,
    repository: &EffectiveRepository,
    (key, head): (&RunKey, ObjectId),
    output: &mut Output,
) -> Result<(), PublishError> {
    let wanted = &repository.output_branch;
    let own = format!("{wanted}-r{}", key.run());
    let mut refusal = None;
    for branch in [wanted, &own] {
        match push_forward(mirror, remote, &format!("refs/heads/{branch}"), head).await {
            Ok(()) => {
                output.branch = Some(branch.clone());
                output.commit = Some(head.to_string());
                return Ok(());
            }
            Err(error @ (WriteError::Occupied { .. } | WriteError::Rejected { .. })) => {
                refusal = refusal.or(Some(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let why = refusal.map(|error| match error {
        WriteError::Occupied { .. } => format!("{error}; name another branch in spec.repos[].output.branch"),
        rejected => rejected.to_string(),
    });
    output.refused.extend(why);
    Ok(())
}

/// The change for the result's folder. Where it was refused there may be secrets in it.
fn patch(mirror: &Mirror, base: ObjectId, head: ObjectId, is_clean: bool) -> Result<Vec<u8>, GitError> {
    let Patch { mut text, is_cut, .. } = mirror.patch(base, head, PATCH_LIMIT)?;
    if !is_clean {
        text = Redactor::default().redact_bytes(&text).0.into_owned();
    }
    if is_cut {
        text.extend(format!("\n[left out: what has more than {PATCH_LIMIT} bytes in all]\n").bytes());
    }
    Ok(text)
}
