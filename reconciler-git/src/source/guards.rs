//! The guards of rule 4, pure: a plan that deletes or starts too much waits for a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient_crds::conditions::Reason;
use ambient_crds::git_source::{GitSourceSpec, PendingPrune};
use ambient_crds::names::{ObjectIdentity, digest};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::plan::{Plan, Write};
use super::wanted::Tracking;
use crate::live::LiveObject;

/// Runs that one commit may start unless the source says otherwise.
const MOST_STARTS: usize = 50;

/// What a source lets one commit do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guards {
    /// Whether anything is deleted because it left Git.
    pub(crate) prune: bool,
    most_objects: Option<usize>,
    most_percent: Option<usize>,
    most_starts: usize,
}

/// What people have said about held plans.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Approvals<'a> {
    /// The digest that a person approved.
    pub(crate) approved: Option<&'a str>,
    /// The digest that was held last. It stays held until it is approved: the guards in force are those from before the
    /// commit, and the commit may have loosened them since.
    pub(crate) held: Option<&'a str>,
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The digest to approve.
    pub(crate) digest: String,
    /// Why it is held.
    pub(crate) reason: Reason,
    /// For people.
    pub(crate) message: String,
    /// What it is about, as `Kind namespace/name`.
    pub(crate) objects: Vec<String>,
}

impl Guards {
    /// The guards of a source.
    pub(crate) fn of(spec: &GitSourceSpec) -> Self {
        let prune = spec.prune.clone().unwrap_or_default();
        let number = |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok());
        let starts = spec.start.as_ref().and_then(|start| start.max_per_commit);
        Self {
            prune: prune.enabled.unwrap_or(true),
            most_objects: number(prune.max_objects),
            most_percent: number(prune.max_percent),
            most_starts: number(starts).unwrap_or(MOST_STARTS),
        }
    }

    fn refuse_deletes(&self, deletes: usize, tracked: usize) -> bool {
        self.most_objects.is_some_and(|most| deletes > most)
            || self.most_percent.is_some_and(|most| deletes * 100 > most * tracked)
    }
}

impl Approvals<'_> {
    fn allow(&self, digest: &str) -> bool {
        self.approved == Some(digest)
    }
}

/// What people have approved since the process started, entry by entry: an approved plan goes on until it is done, though
/// its digest changes with each step.
#[derive(Debug, Default)]
pub(crate) struct Released(BTreeSet<String>);

/// Takes out of the plan what is over the limits. The rest goes on.
pub(crate) fn guard(
    plan: &mut Plan,
    guards: &Guards,
    tracking: &Tracking,
    approvals: Approvals<'_>,
    released: &mut Released,
) -> Option<Pending> {
    let judged = Judged::of(plan, released);
    let (held_deletes, held_starts) = judged.recognise(tracking, approvals.held);
    let deletes = held_deletes || guards.refuse_deletes(judged.deletes.len(), plan.tally.tracked);
    let starts = held_starts || judged.starts.len() > guards.most_starts;
    let held = judged.part(deletes, starts);
    if held.is_empty() {
        return None;
    }
    let digest = held.digest(tracking);
    if approvals.allow(&digest) {
        released.add(&held);
        return None;
    }
    plan.delete.retain(|live| !held.deletes.iter().any(|entry| entry.is_about(&live.identity)));
    let waits = |write: &Write| held.starts.iter().any(|entry| entry.is_about(write.wanted.identity()));
    plan.create.retain(|write| !waits(write));
    plan.update.retain(|write| !waits(write));
    let (reason, message) = held.explain(plan.tally.tracked);
    Some(Pending { digest, reason, message, objects: held.names() })
}

/// Whether a commit that would leave a source without any object is to wait: emptied or missing folders are more often
/// accidents than wishes.
pub(crate) fn guard_emptied(
    reason: Reason,
    tracking: &Tracking,
    tracked: &[Arc<LiveObject>],
    approvals: Approvals<'_>,
    released: &mut Released,
) -> Option<Pending> {
    let deletes = tracked.iter().filter(|live| !live.deleting).map(|live| Entry::delete(live));
    let held = Judged { deletes: deletes.filter(|entry| !released.has(entry)).collect(), starts: Vec::new() };
    let digest = held.digest(tracking);
    if approvals.allow(&digest) {
        released.add(&held);
    }
    if held.is_empty() || approvals.allow(&digest) {
        return None;
    }
    let count = held.deletes.len();
    let what = if reason == Reason::PathNotFound {
        "the folder is not in"
    } else {
        "the folder holds no manifest in"
    };
    let message = format!("{what} the commit, and {count} objects are applied; none is deleted");
    Some(Pending { digest, reason, message, objects: held.names() })
}

/// Whether a history that no longer contains what is applied is to wait.
pub(crate) fn guard_rewritten(
    tracking: &Tracking,
    applied: &str,
    found: &str,
    approvals: Approvals<'_>,
) -> Option<Pending> {
    let digest = digest(format!("rewritten\n{}\n{applied}\n{found}\n", tracking.uid).as_bytes());
    if approvals.allow(&digest) {
        return None;
    }
    let message =
        format!("the history no longer contains the applied commit {applied}; {found} is not applied");
    Some(Pending { digest, reason: Reason::HistoryRewritten, message, objects: Vec::new() })
}

impl Released {
    fn has(&self, entry: &Entry) -> bool {
        self.0.contains(&entry.line)
    }

    fn add(&mut self, held: &Judged) {
        self.0.extend(held.deletes.iter().chain(&held.starts).map(|entry| entry.line.clone()));
    }
}

/// The part of a plan that guards look at.
#[derive(Debug, Clone)]
struct Judged {
    deletes: Vec<Entry>,
    starts: Vec<Entry>,
}

/// One deletion or start, and the line that stands for it in a digest: object UIDs, so that an approval cannot serve
/// twice, and documents for what starts.
#[derive(Debug, Clone)]
struct Entry {
    identity: ObjectIdentity,
    line: String,
}

impl Entry {
    fn delete(live: &LiveObject) -> Self {
        Self { identity: live.identity.clone(), line: format!("delete {} {}", live.identity, live.uid) }
    }

    fn start(write: &Write) -> Self {
        let checked = &write.wanted.checked;
        Self {
            identity: checked.identity.clone(),
            line: format!("start {} {}", checked.identity, checked.digest),
        }
    }

    fn is_about(&self, identity: &ObjectIdentity) -> bool {
        self.identity == *identity
    }
}

impl Judged {
    fn of(plan: &Plan, released: &Released) -> Self {
        let deletes = plan.delete.iter().map(|live| Entry::delete(live));
        let starting = plan.create.iter().chain(&plan.update).filter(|write| write.starts_a_run());
        Self {
            deletes: deletes.filter(|entry| !released.has(entry)).collect(),
            starts: starting.map(Entry::start).filter(|entry| !released.has(entry)).collect(),
        }
    }

    fn part(&self, deletes: bool, starts: bool) -> Self {
        let when = |wanted: bool, entries: &[Entry]| if wanted { entries.to_vec() } else { Vec::new() };
        Self { deletes: when(deletes, &self.deletes), starts: when(starts, &self.starts) }
    }

    fn is_empty(&self) -> bool {
        self.deletes.is_empty() && self.starts.is_empty()
    }

    fn digest(&self, tracking: &Tracking) -> String {
        let mut lines: Vec<&str> =
            self.deletes.iter().chain(&self.starts).map(|entry| entry.line.as_str()).collect();
        lines.sort_unstable();
        digest(format!("plan\n{}\n{}\n", tracking.uid, lines.join("\n")).as_bytes())
    }

    /// Which parts were held under this digest.
    fn recognise(&self, tracking: &Tracking, held: Option<&str>) -> (bool, bool) {
        let parts = [(true, true), (true, false), (false, true)];
        let mut matching = parts.into_iter().filter(|(deletes, starts)| {
            let part = self.part(*deletes, *starts);
            !part.is_empty() && held == Some(part.digest(tracking).as_str())
        });
        matching.next().unwrap_or_default()
    }

    fn explain(&self, tracked: usize) -> (Reason, String) {
        let (deletes, starts) = (self.deletes.len(), self.starts.len());
        if deletes > 0 {
            let message =
                format!("the commit deletes {deletes} of {tracked} objects, more than spec.prune allows");
            (Reason::PruneLimit, message)
        } else {
            (Reason::StartLimit, format!("the commit starts {starts} runs, more than spec.start allows"))
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = self.deletes.iter().chain(&self.starts);
        entries.map(|entry| format!("{} {}", entry.identity.kind, entry.identity.object)).collect()
    }
}

impl Pending {
    /// Its form in the status: bounded, and a set.
    pub(crate) fn to_status(&self, commit: Option<String>, since: jiff::Timestamp) -> PendingPrune {
        let first: BTreeSet<String> =
            self.objects.iter().take(20).map(|name| name.chars().take(192).collect()).collect();
        PendingPrune {
            digest: self.digest.clone(),
            commit,
            reason: self.reason.to_string(),
            count: i32::try_from(self.objects.len()).unwrap_or(i32::MAX).min(10_000_000),
            objects: first.into_iter().collect(),
            since: Some(Time(since)),
        }
    }
}
