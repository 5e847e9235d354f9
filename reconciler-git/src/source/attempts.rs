//! Writes that failed: what is hopeless is not tried again before something changes, the rest more and more slowly.

use std::collections::HashMap;

use ambient_crds::finding::Finding;
use ambient_crds::names::ObjectIdentity;
use ambient_kit::{Backoff, ErrorClass};
use tokio::time::Instant;

use super::wanted::Wanted;

/// The failed writes of a source.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: HashMap<ObjectIdentity, Attempt>,
    backoff: Backoff<ObjectIdentity>,
}

#[derive(Debug)]
struct Attempt {
    digest: String,
    live_version: Option<String>,
    /// None where only an edit helps.
    retry_at: Option<Instant>,
    /// None where something awaited is not there yet, which is no failure.
    finding: Option<Finding>,
}

impl Attempts {
    /// Whether the write has failed and nothing has changed since: then why, and no reason if it only waits.
    pub(crate) fn blocking(
        &self,
        wanted: &Wanted,
        live_version: Option<&str>,
        now: Instant,
    ) -> Option<Option<&Finding>> {
        let attempt = self.failed.get(wanted.identity())?;
        let changed =
            attempt.digest != wanted.checked.digest || attempt.live_version.as_deref() != live_version;
        let due = attempt.retry_at.is_some_and(|at| at <= now);
        (!changed && !due).then_some(attempt.finding.as_ref())
    }

    /// Remembers a failure.
    pub(crate) fn failed(
        &mut self,
        wanted: &Wanted,
        live_version: Option<&str>,
        class: ErrorClass,
        finding: Option<Finding>,
        now: Instant,
    ) {
        let delay = self.backoff.next(wanted.identity(), class);
        let attempt = Attempt {
            digest: wanted.checked.digest.clone(),
            live_version: live_version.map(str::to_owned),
            retry_at: delay.map(|delay| now + delay),
            finding,
        };
        self.failed.insert(wanted.identity().clone(), attempt);
    }

    /// Forgets failures, after a success or when nothing wants the object any more.
    pub(crate) fn succeeded(&mut self, identity: &ObjectIdentity) {
        if self.failed.remove(identity).is_some() {
            self.backoff.reset(identity);
        }
    }

    /// Forgets failures of objects that are not wanted any more.
    pub(crate) fn keep(&mut self, is_wanted: impl Fn(&ObjectIdentity) -> bool) {
        let gone: Vec<ObjectIdentity> =
            self.failed.keys().filter(|identity| !is_wanted(identity)).cloned().collect();
        gone.iter().for_each(|identity| self.succeeded(identity));
    }

    /// When the next write is due.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.failed.values().filter_map(|attempt| attempt.retry_at).min()
    }
}
