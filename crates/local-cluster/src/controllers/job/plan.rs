//! What to do for a Job: pure, from the Job, its pods and the clock.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec, JobStatus},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt;

use super::{
    account::{Account, count},
    finish::{Ending, deadline, ended_at, ending, set_condition},
    pod::{Standing, finished_at, is_ready, is_tracked, standing},
};
use crate::event_queue::Note;

/// Pods made in one round at most.
const MOST_CREATED: i32 = 100;
/// After a failed pod the next one is made after this time, doubled each time up to the longest (Kubernetes' figures).
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

/// What to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Number of pods to make.
    pub(super) create: usize,
    /// Names of pods to delete.
    pub(super) delete: Vec<String>,
    /// Names of pods that have been noted and may lose their finalizer.
    pub(super) release: Vec<String>,
    /// The status to write, if it is another.
    pub(super) status: Option<Box<JobStatus>>,
    /// When to look again.
    pub(super) wake_at: Option<Timestamp>,
    /// Whether the Job's time after its end is over.
    pub(super) remove_job: bool,
    /// What to tell people.
    pub(super) notes: Vec<Note>,
}

/// Decides.
pub(super) fn plan(job: &Job, pods: &[Pod], now: Timestamp) -> Plan {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let spec = job.spec.clone().unwrap_or_default();
    let known = job.status.clone().unwrap_or_default();
    if spec.managed_by.as_deref().is_some_and(|by| by != "kubernetes.io/job-controller") {
        return Plan::default();
    }
    if let Some(at) = ended_at(&known) {
        return after_end(&spec, pods, at, now);
    }
    if let Some(why) = not_done(&spec) {
        return refused(known, why, now);
    }
    Decision::new(job, spec, known, pods, now).plan()
}

/// A Job has ended: pods that are left are let go, and when its time is over it goes itself.
fn after_end(spec: &JobSpec, pods: &[Pod], ended_at: Timestamp, now: Timestamp) -> Plan {
    let release = pods.iter().filter(|pod| is_tracked(pod)).map(ResourceExt::name_any).collect();
    let lifetime =
        spec.ttl_seconds_after_finished.map(|seconds| jiff::SignedDuration::from_secs(seconds.into()));
    let due = lifetime.and_then(|lifetime| ended_at.checked_add(lifetime).ok());
    let remove_job = due.is_some_and(|due| due <= now);
    Plan { release, remove_job, wake_at: due.filter(|_| !remove_job), ..Plan::default() }
}

/// What of a specification this controller does not do.
fn not_done(spec: &JobSpec) -> Option<&'static str> {
    if spec.completion_mode.as_deref() == Some("Indexed") {
        return Some("spec.completionMode Indexed");
    }
    if spec.pod_failure_policy.is_some() {
        return Some("spec.podFailurePolicy");
    }
    spec.success_policy.is_some().then_some("spec.successPolicy")
}

/// A Job that cannot be run as it asks for is not run in another way.
fn refused(known: JobStatus, what: &str, now: Timestamp) -> Plan {
    let mut status = known;
    let message = format!("{what} is not supported by the embedded cluster");
    set_condition(&mut status, "FailureTarget", true, "Unsupported", &message, now);
    set_condition(&mut status, "Failed", true, "Unsupported", &message, now);
    let notes = vec![Note::warning("Unsupported", message)];
    Plan { status: Some(Box::new(status)), notes, ..Plan::default() }
}

struct Decision<'a> {
    job: &'a Job,
    spec: JobSpec,
    known: JobStatus,
    status: JobStatus,
    pods: &'a [Pod],
    account: Account,
    now: Timestamp,
    notes: Vec<Note>,
}

impl<'a> Decision<'a> {
    fn new(job: &'a Job, spec: JobSpec, known: JobStatus, pods: &'a [Pod], now: Timestamp) -> Self {
        let mut status = known.clone();
        let account = count(job, pods, spec.suspend == Some(true), &mut status);
        Self { job, spec, known, status, pods, account, now, notes: Vec::new() }
    }

    fn plan(mut self) -> Plan {
        let active = self.standing(Standing::Active);
        let going = self.standing(Standing::Terminating).len();
        let is_suspended = self.spec.suspend == Some(true);
        self.note_suspension(is_suspended);
        let ending = ending(&self.spec, &self.status, &self.account, active.len(), self.now);
        let mut plan = Plan::default();
        if let Some(ending) = &ending {
            self.announce(ending);
            plan.delete = active.iter().map(|pod| pod.name_any()).collect();
            if active.is_empty() && going == 0 && self.account.is_settled {
                self.end(ending);
            }
        } else if is_suspended {
            plan.delete = active.iter().map(|pod| pod.name_any()).collect();
        } else if self.job.metadata.deletion_timestamp.is_none() {
            self.wanted_pods(&active, going, &mut plan);
        }
        self.status.active = number(active.len() - plan.delete.len().min(active.len()) + plan.create);
        self.status.ready = Some(number(active.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0));
        self.status.terminating = Some(number(going + plan.delete.len()).unwrap_or(0));
        plan.wake_at = earlier(plan.wake_at, self.deadline_ahead(ending.is_some()));
        plan.release = std::mem::take(&mut self.account.release);
        plan.status = (self.status != self.known).then(|| Box::new(self.status));
        plan.notes = self.notes;
        plan
    }

    fn standing(&self, wanted: Standing) -> Vec<&'a Pod> {
        self.pods.iter().filter(|pod| standing(pod) == wanted).collect()
    }

    fn note_suspension(&mut self, is_suspended: bool) {
        let was = self.known.conditions.iter().flatten().find(|one| one.type_ == "Suspended");
        let was = was.map(|one| one.status == "True");
        if is_suspended {
            self.status.start_time = None;
            if was != Some(true) {
                self.notes.push(Note::normal("Suspended", "Job suspended"));
            }
            set_condition(&mut self.status, "Suspended", true, "JobSuspended", "Job suspended", self.now);
            return;
        }
        if was == Some(true) {
            self.notes.push(Note::normal("Resumed", "Job resumed"));
            set_condition(&mut self.status, "Suspended", false, "JobResumed", "Job resumed", self.now);
        }
        self.status.start_time = self.status.start_time.take().or(Some(Time(self.now)));
    }

    fn announce(&mut self, ending: &Ending) {
        let (kind, now) = (ending.announcement(), self.now);
        set_condition(&mut self.status, kind, true, &ending.reason, &ending.message, now);
    }

    fn end(&mut self, ending: &Ending) {
        if ending.is_success {
            self.status.completion_time = Some(Time(self.now));
            self.notes.push(Note::normal("Completed", "Job completed"));
        } else {
            let reason = match ending.reason.as_str() {
                "DeadlineExceeded" => "DeadlineExceeded",
                _ => "BackoffLimitExceeded",
            };
            self.notes.push(Note::warning(reason, ending.message.clone()));
        }
        let (kind, now) = (ending.condition(), self.now);
        set_condition(&mut self.status, kind, true, &ending.reason, &ending.message, now);
    }

    /// Makes pods that are missing, or deletes those that are too many.
    fn wanted_pods(&self, active: &[&Pod], going: usize, plan: &mut Plan) {
        let parallelism = self.spec.parallelism.unwrap_or(1);
        let wanted = match self.spec.completions {
            Some(completions) => parallelism.min(completions - self.account.succeeded),
            // A Job without a number of completions starts no pods after the first success.
            None if self.account.succeeded > 0 => {
                i32::try_from(active.len()).unwrap_or(parallelism).min(parallelism)
            }
            None => parallelism,
        };
        let wanted = usize::try_from(wanted).unwrap_or(0);
        let too_many = active.len().saturating_sub(wanted);
        plan.delete = active.iter().rev().take(too_many).map(|pod| pod.name_any()).collect();
        let waits_for = if self.spec.pod_replacement_policy.as_deref() == Some("Failed") { going } else { 0 };
        let missing = wanted.saturating_sub(active.len() + waits_for);
        if missing == 0 {
            return;
        }
        match self.backoff_until() {
            Some(time) if time > self.now => plan.wake_at = Some(time),
            _ => plan.create = missing.min(usize::try_from(MOST_CREATED).unwrap_or(usize::MAX)),
        }
    }

    fn backoff_until(&self) -> Option<Timestamp> {
        let failures = u32::try_from(self.account.failed).ok().filter(|count| *count > 0)?;
        let failed =
            self.pods.iter().filter(|pod| matches!(standing(pod), Standing::Failed | Standing::Terminating));
        let last = failed.filter_map(finished_at).max()?;
        let pause = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX));
        last.checked_add(pause.min(LONGEST_BACKOFF)).ok()
    }

    fn deadline_ahead(&self, ends: bool) -> Option<Timestamp> {
        deadline(&self.spec, &self.status).filter(|_| !ends)
    }
}

fn number(count: usize) -> Option<i32> {
    i32::try_from(count).ok().filter(|count| *count > 0)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests;
