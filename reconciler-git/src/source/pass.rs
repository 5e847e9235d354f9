//! One pass over a source: the table of contents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient_crds::GitSource;
use ambient_crds::conditions::Reason;
use ambient_kit::retry::classify;
use ambient_kit::{Backoff, ErrorClass};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::attempts::Attempts;
use super::fetch::Sight;
use super::fights::Fights;
use super::guards::Released;
use super::ledger::KnownRuns;
use super::outcome::Finished;
use super::report::Outcome;
use super::settings::{self, Settings};
use super::{again, finalize, reconcile, report, write_status};
use crate::shared::Shared;
use crate::wake::Topic;

/// What a source's task remembers between passes. Losing it costs reads of the mirror, never a write.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What was read of the repository.
    pub(crate) sight: Sight,
    /// Writes that failed.
    pub(crate) attempts: Attempts,
    /// Objects that others keep changing.
    pub(crate) fights: Fights,
    /// What people have approved.
    pub(crate) released: Released,
    /// What the ledger has said.
    pub(crate) runs: KnownRuns,
    /// Failures that are no object's.
    pub(crate) backoff: Backoff<&'static str>,
    /// What the source listens to.
    pub(crate) topics: BTreeSet<Topic>,
    last_status: Option<Instant>,
}

/// Counts alone are written no more often than this: they move with every session that ends.
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);

/// Runs one pass; gives the time of the next if nothing wakes the source before.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    uid: &str,
    waker: &Arc<Notify>,
    memory: &mut Memory,
) -> Option<Instant> {
    let source = shared.sources.get(uid)?;
    if source.metadata.deletion_timestamp.is_some() {
        memory.sight.leave(shared, uid);
        return end(shared, &source, memory).await;
    }
    let (outcome, due) = follow(shared, &source, waker, memory).await;
    match outcome {
        None => due,
        Some(outcome) => earliest([due, say(shared, &source, &outcome, memory).await]),
    }
}

async fn follow(
    shared: &Arc<Shared>,
    source: &Arc<GitSource>,
    waker: &Arc<Notify>,
    memory: &mut Memory,
) -> (Option<Outcome>, Option<Instant>) {
    let now = ambient_kit::now();
    let settings = match Settings::read(source, shared.repositories.local, now) {
        Ok(settings) => settings,
        Err(error) => {
            memory.sight.leave(shared, &settings::tracking(source).uid);
            return (Some(Outcome::halted(Reason::Invalid, error.to_string())), None);
        }
    };
    if finalize::is_kept(source) != settings.deletes_objects
        && let Err(error) = finalize::keep(shared, source, settings.deletes_objects).await
    {
        return (None, retry(memory, "finalizer", &error));
    }
    if let Some(suspension) = &settings.suspended {
        let left = suspension.until.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
        let outcome = Outcome::halted(Reason::Suspended, suspension.message.clone());
        return (Some(outcome), left.map(|left| Instant::now() + left));
    }
    let Finished { outcome, due, again: more } =
        reconcile::reconcile(shared, source, &settings, memory).await;
    if more {
        again(waker);
    }
    (outcome, due)
}

/// Reports; gives the time to try again if that failed or can wait.
async fn say(shared: &Shared, source: &GitSource, outcome: &Outcome, memory: &mut Memory) -> Option<Instant> {
    let known = shared.sources.get(&source.metadata.uid.clone().unwrap_or_default());
    let previous = known.and_then(|source| source.status.clone()).unwrap_or_default();
    let generation = source.metadata.generation.unwrap_or_default();
    let same_tree = memory.sight.same_tree(&report::commits(&previous));
    let status = report::status(&previous, generation, outcome, &same_tree, ambient_kit::now())?;
    let only_counts =
        ambient_crds::GitSourceStatus { objects: previous.objects, ..status.clone() } == previous;
    if let (true, Some(last)) = (only_counts, memory.last_status)
        && last.elapsed() < BETWEEN_COUNTS
    {
        return Some(last + BETWEEN_COUNTS);
    }
    memory.last_status = Some(Instant::now());
    match write_status::write_status(shared, &settings::key(source), &status).await {
        Ok(()) => {
            memory.backoff.reset(&"status");
            None
        }
        Err(error) => retry(memory, "status", &error),
    }
}

/// Carries out `deletionPolicy`.
async fn end(shared: &Shared, source: &GitSource, memory: &mut Memory) -> Option<Instant> {
    if !finalize::is_kept(source) {
        return None;
    }
    let deletes = source.spec.deletion_policy == ambient_crds::shared::OrphanPolicy::Delete;
    if deletes {
        let (is_empty, done) = finalize::delete_objects(shared, source).await;
        if !is_empty {
            let refused = done.undeleted.first()?;
            tracing::warn!(source.name = %settings::key(source), problem = refused.1, "a deleted source keeps an object");
            return memory.backoff.next(&"end", refused.0).map(|delay| Instant::now() + delay);
        }
    }
    match finalize::keep(shared, source, false).await {
        Ok(()) => None,
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => retry(memory, "finalizer", &error),
    }
}

/// When to try a failed write again.
pub(crate) fn retry(memory: &Memory, what: &'static str, error: &kube::Error) -> Option<Instant> {
    let class = match classify(error) {
        // The object is ours to write: what is refused now may be accepted later.
        ErrorClass::Invalid => ErrorClass::Outside,
        class => class,
    };
    tracing::debug!(step = what, %error, "a write to a source failed");
    memory.backoff.next(&what, class).map(|delay| Instant::now() + delay)
}

/// The earliest of some times.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}
