//! Counting pods that have ended, each once, whatever happens in between. Pure.
//!
//! A pod that has ended is first written into the status as uncounted, then loses its finalizer, and only then becomes part
//! of the counters. A restart at any point finds where it was.

use k8s_openapi::api::{
    batch::v1::{Job, JobStatus, UncountedTerminatedPods},
    core::v1::Pod,
};
use kube::ResourceExt;

use super::pod::{Standing, is_tracked, standing};

/// Uncounted pods written at a time; the others follow when these are counted (Kubernetes' figure).
const MOST_UNCOUNTED: usize = 500;

/// A Job's pods, counted.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Pods that have ended well, whether counted or not.
    pub(super) succeeded: i32,
    /// Pods that have failed, whether counted or not.
    pub(super) failed: i32,
    /// Names of pods whose finalizer may go now.
    pub(super) release: Vec<String>,
    /// Whether every pod that has ended is in the counters.
    pub(super) is_settled: bool,
}

/// Counts pods, and writes the counters of the status.
///
/// `forgives` are pods that are being deleted because the Job is suspended: they are not counted.
pub(super) fn count(job: &Job, pods: &[Pod], forgives: bool, status: &mut JobStatus) -> Account {
    let known = job.status.clone().unwrap_or_default();
    let noted = known.uncounted_terminated_pods.clone().unwrap_or_default();
    let mut succeeded = Tally::new(known.succeeded, noted.succeeded, pods);
    let mut failed = Tally::new(known.failed, noted.failed, pods);
    let mut release = Vec::new();
    for pod in pods.iter().filter(|pod| is_tracked(pod)) {
        let uid = pod.uid().unwrap_or_default();
        if succeeded.was_noted(&uid) || failed.was_noted(&uid) {
            // The status that notes it is written: this one is known from there.
            release.push(pod.name_any());
            continue;
        }
        let room = succeeded.uncounted.len() + failed.uncounted.len() < MOST_UNCOUNTED;
        match standing(pod) {
            Standing::Terminating if forgives => release.push(pod.name_any()),
            Standing::Succeeded if room => succeeded.uncounted.push(uid),
            Standing::Failed | Standing::Terminating if room => failed.uncounted.push(uid),
            _ => {}
        }
    }
    let is_settled = succeeded.uncounted.is_empty() && failed.uncounted.is_empty();
    let account = Account { succeeded: succeeded.total(), failed: failed.total(), release, is_settled };
    status.succeeded = Some(succeeded.counted).filter(|count| *count > 0);
    status.failed = Some(failed.counted).filter(|count| *count > 0);
    status.uncounted_terminated_pods = Some(UncountedTerminatedPods {
        succeeded: Some(succeeded.uncounted).filter(|list| !list.is_empty()),
        failed: Some(failed.uncounted).filter(|list| !list.is_empty()),
    });
    account
}

struct Tally {
    counted: i32,
    /// Noted before, and still with their finalizer; then those that are noted now.
    uncounted: Vec<String>,
    noted: Vec<String>,
}

impl Tally {
    fn new(counted: Option<i32>, noted: Option<Vec<String>>, pods: &[Pod]) -> Self {
        let is_held =
            |uid: &String| pods.iter().any(|pod| pod.metadata.uid.as_ref() == Some(uid) && is_tracked(pod));
        let (uncounted, released): (Vec<String>, Vec<String>) =
            noted.unwrap_or_default().into_iter().partition(is_held);
        let released = i32::try_from(released.len()).unwrap_or(i32::MAX);
        let counted = counted.unwrap_or(0).saturating_add(released);
        Self { counted, noted: uncounted.clone(), uncounted }
    }

    fn was_noted(&self, uid: &str) -> bool {
        self.noted.iter().any(|noted| noted == uid)
    }

    fn total(&self) -> i32 {
        self.counted.saturating_add(i32::try_from(self.uncounted.len()).unwrap_or(i32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, phase: &str, tracked: bool) -> Pod {
        let deleted = phase == "Going";
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "uid": name,
                "finalizers": if tracked { json!([super::super::pod::TRACKING]) } else { json!([]) },
                "deletionTimestamp": deleted.then_some("2026-01-01T00:00:00Z"),
            },
            "status": { "phase": if deleted { "Running" } else { phase } },
        }))
        .unwrap()
    }

    /// Counters and uncounted pods of the new status, and the released pods.
    fn counted(status: &Value, pods: &[Pod], forgives: bool) -> (Value, Vec<String>, bool) {
        let job: Job = serde_json::from_value(json!({ "status": status })).unwrap();
        let mut new = JobStatus::default();
        let account = count(&job, pods, forgives, &mut new);
        (serde_json::to_value(new).unwrap(), account.release, account.is_settled)
    }

    #[test]
    fn one_pod_is_noted_released_and_counted() {
        let ended = pod("a", "Succeeded", true);
        let first = counted(&json!({}), std::slice::from_ref(&ended), false);
        assert_eq!(first, (json!({ "uncountedTerminatedPods": { "succeeded": ["a"] } }), vec![], false));
        let second = counted(&first.0, &[ended], false);
        assert_eq!(second, (first.0.clone(), vec!["a".to_owned()], false));
        let third = counted(&second.0, &[pod("a", "Succeeded", false)], false);
        assert_eq!(third, (json!({ "succeeded": 1, "uncountedTerminatedPods": {} }), vec![], true));
        let gone = counted(&second.0, &[], false);
        assert_eq!(gone, third);
        assert_eq!(counted(&third.0, &[pod("a", "Succeeded", false)], false), third);
    }

    #[test]
    fn pods_that_are_deleted_have_failed_unless_that_is_forgiven() {
        let going = [pod("a", "Going", true), pod("b", "Running", true)];
        let failed = counted(&json!({ "failed": 1 }), &going, false);
        assert_eq!(failed.0, json!({ "failed": 1, "uncountedTerminatedPods": { "failed": ["a"] } }));
        let forgiven = counted(&json!({ "failed": 1 }), &going, true);
        assert_eq!(
            forgiven,
            (json!({ "failed": 1, "uncountedTerminatedPods": {} }), vec!["a".to_owned()], true)
        );
    }
}
