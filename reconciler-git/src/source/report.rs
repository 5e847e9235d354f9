//! The fifth step: says what came of it in the source's status, and only if that is something new.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::git_source::{
    AppliedRevision, GitSourceStatus, ObjectCounts, RevisionOutcome, SourceError, StageStatus,
};
use ambient_kit::conditions::{Statement, merge};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::guards::Pending;
use super::plan::Tally;

/// What one pass has found and done.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why the source rests or cannot be followed at all.
    pub(crate) halted: Option<(Reason, String)>,
    /// The commit the remote has, and why it could not be read.
    pub(crate) fetched: Stage,
    /// The commit that was checked, and what is wrong with it.
    pub(crate) validated: Stage,
    /// The commit that is in force, and what could not be applied.
    pub(crate) applied: Stage,
    /// How many objects Git describes.
    pub(crate) total: usize,
    /// How they stand.
    pub(crate) tally: Tally,
    /// What waits for a person.
    pub(crate) pending: Option<(Option<String>, Pending)>,
    /// What stays although it left Git, for people.
    pub(crate) kept: Option<String>,
}

/// One of the three stages.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// The commit it has reached.
    pub(crate) commit: Option<String>,
    /// Errors and warnings.
    pub(crate) errors: Vec<SourceError>,
    /// Why it has not gone through.
    pub(crate) problem: Option<(Reason, String)>,
}

/// Tells whether two commits hold the same at the source's path.
pub(crate) type SameTree<'a> = dyn Fn(&str, &str) -> bool + 'a;

/// The new status, or none if it would say nothing new.
///
/// A commit that changes nothing under the path is no news: it is recorded with the next status that is. So a push that
/// moves nothing costs no write at all, and `commit` names the newest commit that did move something.
pub(crate) fn status(
    previous: &GitSourceStatus,
    generation: i64,
    outcome: &Outcome,
    same_tree: &SameTree<'_>,
    now: Timestamp,
) -> Option<GitSourceStatus> {
    let candidate = build(previous, generation, outcome, &|_, _| false, now);
    let without_commits = build(previous, generation, outcome, same_tree, now);
    (without_commits != *previous).then_some(candidate)
}

/// The commits that a status names.
pub(crate) fn commits(status: &GitSourceStatus) -> Vec<String> {
    let stages = [&status.fetched, &status.validated, &status.applied];
    let staged = stages.into_iter().flatten().filter_map(|stage| stage.commit.clone());
    let held = status.pending_prune.iter().filter_map(|pending| pending.commit.clone());
    let newest = status.history.first().map(|revision| revision.commit.clone());
    staged.chain(held).chain(newest).collect()
}

fn build(
    previous: &GitSourceStatus,
    generation: i64,
    outcome: &Outcome,
    no_news: &SameTree<'_>,
    now: Timestamp,
) -> GitSourceStatus {
    let stage = |old: &Option<StageStatus>, new: &Stage| stage(old.as_ref(), new, no_news, now);
    let mut status = GitSourceStatus {
        observed_generation: Some(generation),
        fetched: stage(&previous.fetched, &outcome.fetched),
        validated: stage(&previous.validated, &outcome.validated),
        applied: stage(&previous.applied, &outcome.applied),
        objects: outcome.halted.is_none().then(|| counts(outcome)).or(previous.objects),
        pending_prune: pending(previous, outcome, no_news, now),
        history: previous.history.clone(),
        conditions: merge(&previous.conditions, &statements(outcome), generation, now),
    };
    record(&mut status, outcome, no_news, now);
    status
}

fn stage(
    old: Option<&StageStatus>,
    new: &Stage,
    no_news: &SameTree<'_>,
    now: Timestamp,
) -> Option<StageStatus> {
    if new.commit.is_none() && new.errors.is_empty() && old.is_none() {
        return None;
    }
    let old_commit = old.and_then(|old| old.commit.clone());
    let keeps = match (&old_commit, &new.commit) {
        (Some(old), Some(new)) => old == new || no_news(old, new),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    let reached = StageStatus {
        commit: if keeps { old_commit } else { new.commit.clone() },
        time: if keeps { old.and_then(|old| old.time.clone()) } else { Some(Time(now)) },
        ..StageStatus::default()
    };
    Some(reached.with_errors(new.errors.iter().cloned()))
}

fn pending(
    previous: &GitSourceStatus,
    outcome: &Outcome,
    no_news: &SameTree<'_>,
    now: Timestamp,
) -> Option<ambient_crds::git_source::PendingPrune> {
    let (commit, pending) = outcome.pending.as_ref()?;
    let old = previous.pending_prune.as_ref().filter(|old| old.digest == pending.digest);
    let since = old.and_then(|old| old.since.as_ref()).map_or(now, |since| since.0);
    let mut status = pending.to_status(commit.clone(), since);
    if let (Some(old), Some(new)) = (old.and_then(|old| old.commit.as_ref()), commit)
        && no_news(old, new)
    {
        status.commit = Some(old.clone());
    }
    Some(status)
}

fn counts(outcome: &Outcome) -> ObjectCounts {
    let number = |count: usize| i32::try_from(count).unwrap_or(10_000_000).min(10_000_000);
    ObjectCounts {
        total: number(outcome.total),
        ready: number(outcome.tally.ready),
        failed: number(outcome.tally.failed),
        ended: number(outcome.tally.ended),
    }
}

/// Notes the revision in the history: once for each that moves something, and again where its outcome changes.
fn record(status: &mut GitSourceStatus, outcome: &Outcome, no_news: &SameTree<'_>, now: Timestamp) {
    let (Some(commit), None) = (&outcome.applied.commit, &outcome.halted) else { return };
    let result = revision_outcome(outcome);
    let revision = AppliedRevision { commit: commit.clone(), time: Some(Time(now)), outcome: result };
    match status.history.first_mut() {
        Some(newest) if newest.commit == *commit || no_news(&newest.commit, commit) => {
            if newest.outcome != result {
                *newest = revision;
            }
        }
        _ => status.record(revision),
    }
}

fn revision_outcome(outcome: &Outcome) -> RevisionOutcome {
    let held = outcome.pending.as_ref().is_some_and(|(commit, _)| *commit == outcome.applied.commit);
    if held {
        RevisionOutcome::Held
    } else if outcome.tally.failed == 0 && outcome.validated.problem.is_none() {
        RevisionOutcome::Applied
    } else if outcome.total > outcome.tally.failed {
        RevisionOutcome::Partial
    } else {
        RevisionOutcome::Failed
    }
}

fn statements(outcome: &Outcome) -> Vec<Statement> {
    let mut statements = vec![ready(outcome)];
    if outcome.halted.is_some() {
        return statements;
    }
    let stages = [
        (ConditionType::Fetched, &outcome.fetched, "the remote was read"),
        (ConditionType::Validated, &outcome.validated, "all documents are well"),
        (ConditionType::Applied, &outcome.applied, "the cluster is as Git says"),
    ];
    for (kind, stage, well) in stages {
        statements.push(match &stage.problem {
            Some((reason, message)) => Statement::no(kind.as_str(), reason.as_str(), message),
            None if stage.commit.is_none() => {
                Statement::unknown(kind.as_str(), Reason::Progressing.as_str(), "not yet")
            }
            None => Statement::yes(kind.as_str(), Reason::Succeeded.as_str(), well),
        });
    }
    statements.push(match (&outcome.pending, &outcome.kept) {
        (Some((_, pending)), _) => {
            let way_out = format!(
                "{}; to approve, annotate the source with {}={}",
                pending.message,
                ambient_crds::labels::APPROVED_PLAN,
                pending.digest
            );
            Statement::yes(ConditionType::Held.as_str(), pending.reason.as_str(), way_out)
        }
        (None, Some(kept)) => {
            Statement::yes(ConditionType::Held.as_str(), Reason::DocumentsRefused.as_str(), kept)
        }
        (None, None) => Statement::no(
            ConditionType::Held.as_str(),
            Reason::NotNeeded.as_str(),
            "nothing waits for a person",
        ),
    });
    statements
}

/// The sum of all: the first thing that keeps the newest commit from being the state of the cluster.
fn ready(outcome: &Outcome) -> Statement {
    let kind = ConditionType::Ready.as_str();
    let held = outcome.pending.as_ref().map(|(_, pending)| (pending.reason, pending.message.clone()));
    let problem = outcome
        .halted
        .clone()
        .or(held)
        .or_else(|| outcome.fetched.problem.clone())
        .or_else(|| outcome.validated.problem.clone())
        .or_else(|| outcome.applied.problem.clone());
    match problem {
        Some((reason, message)) => Statement::no(kind, reason.as_str(), message),
        None if outcome.applied.commit.is_none() => {
            Statement::unknown(kind, Reason::Progressing.as_str(), "the repository is being read")
        }
        None => Statement::yes(kind, Reason::Succeeded.as_str(), "the newest commit is applied"),
    }
}
