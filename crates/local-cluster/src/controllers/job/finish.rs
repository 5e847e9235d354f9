//! The end of a Job: why, and the conditions that say so. Pure.

use jiff::Timestamp;
use k8s_openapi::{
    api::batch::v1::{JobCondition, JobSpec, JobStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::account::Account;

/// Why a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Whether it has done what was asked for.
    pub(super) is_success: bool,
    /// One word.
    pub(super) reason: String,
    /// For people.
    pub(super) message: String,
}

impl Ending {
    fn new(is_success: bool, reason: &str, message: &str) -> Self {
        Self { is_success, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// The condition that announces the end while pods are still there.
    pub(super) fn announcement(&self) -> &'static str {
        if self.is_success { "SuccessCriteriaMet" } else { "FailureTarget" }
    }

    /// The condition of the end.
    pub(super) fn condition(&self) -> &'static str {
        if self.is_success { "Complete" } else { "Failed" }
    }
}

/// Whether the Job is to end, and why. One that was announced stays.
pub(super) fn ending(
    spec: &JobSpec,
    status: &JobStatus,
    account: &Account,
    active: usize,
    now: Timestamp,
) -> Option<Ending> {
    if let Some(announced) = announced(status) {
        return Some(announced);
    }
    if account.failed > spec.backoff_limit.unwrap_or(6) {
        let message = "Job has reached the specified backoff limit";
        return Some(Ending::new(false, "BackoffLimitExceeded", message));
    }
    if deadline(spec, status).is_some_and(|deadline| now >= deadline) {
        let message = "Job was active longer than specified deadline";
        return Some(Ending::new(false, "DeadlineExceeded", message));
    }
    let reached = match spec.completions {
        Some(completions) => account.succeeded >= completions,
        None => account.succeeded > 0 && active == 0,
    };
    reached.then(|| Ending::new(true, "CompletionsReached", "Reached expected number of succeeded pods"))
}

/// When an active Job ends for having taken too long.
pub(super) fn deadline(spec: &JobSpec, status: &JobStatus) -> Option<Timestamp> {
    let seconds = spec.active_deadline_seconds.filter(|_| spec.suspend != Some(true))?;
    let started = status.start_time.as_ref()?;
    started.0.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}

/// When the Job ended, if it has.
pub(super) fn ended_at(status: &JobStatus) -> Option<Timestamp> {
    let end = status
        .conditions
        .iter()
        .flatten()
        .find(|one| matches!(one.type_.as_str(), "Complete" | "Failed") && one.status == "True")?;
    Some(end.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0))
}

/// Adds or changes a condition; one that says the same already keeps its time.
pub(super) fn set_condition(
    status: &mut JobStatus,
    kind: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let value = if holds { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    if conditions.iter().any(|one| one.type_ == kind && one.status == value) {
        return;
    }
    conditions.retain(|one| one.type_ != kind);
    conditions.push(JobCondition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    });
}

fn announced(status: &JobStatus) -> Option<Ending> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|one| {
        matches!(one.type_.as_str(), "FailureTarget" | "SuccessCriteriaMet") && one.status == "True"
    })?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some(Ending::new(found.type_ == "SuccessCriteriaMet", &text(&found.reason), &text(&found.message)))
}
