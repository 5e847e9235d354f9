//! The pods of a Job: what they are made of, and what of them counts. Pure.

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{Pod, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Resource, ResourceExt};

/// The finalizer of pods that have not been counted.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// A pod for a Job: its template, the Job's labels, the Job as owner.
pub(super) fn pod_of(job: &Job) -> Pod {
    let template = job.spec.clone().unwrap_or_default().template;
    let given = template.metadata.unwrap_or_default();
    let mut labels = given.labels.unwrap_or_default();
    for prefix in ["", "batch.kubernetes.io/"] {
        labels.insert(format!("{prefix}controller-uid"), job.uid().unwrap_or_default());
        labels.insert(format!("{prefix}job-name"), job.name_any());
    }
    let owner = job.controller_owner_ref(&());
    let owner = owner.map(|owner| OwnerReference { block_owner_deletion: Some(true), ..owner });
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", job.name_any())),
            labels: Some(labels),
            annotations: given.annotations,
            finalizers: Some(given.finalizers.into_iter().flatten().chain([TRACKING.to_owned()]).collect()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

/// The Job that a pod belongs to.
pub(super) fn job_of(pod: &Pod) -> Option<OwnerReference> {
    let mut owners = pod.owner_references().iter();
    owners.find(|owner| owner.controller == Some(true) && owner.kind == "Job").cloned()
}

/// How a pod stands, as far as a Job asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits or runs.
    Active,
    /// It waits or runs, and is being deleted.
    Terminating,
    /// It has ended well.
    Succeeded,
    /// It has ended otherwise.
    Failed,
}

/// How a pod stands.
pub(super) fn standing(pod: &Pod) -> Standing {
    match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Succeeded") => Standing::Succeeded,
        Some("Failed") => Standing::Failed,
        _ if pod.metadata.deletion_timestamp.is_some() => Standing::Terminating,
        _ => Standing::Active,
    }
}

/// Whether a pod has not been counted.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.finalizers().iter().any(|name| name == TRACKING)
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// When the last container of a pod ended.
pub(super) fn finished_at(pod: &Pod) -> Option<Timestamp> {
    let statuses = |status: &PodStatus| status.container_statuses.clone().unwrap_or_default();
    let ends = pod.status.iter().flat_map(statuses);
    let ends = ends.filter_map(|status| status.state?.terminated?.finished_at.map(|time| time.0));
    ends.max().or_else(|| pod.metadata.deletion_timestamp.as_ref().map(|time| time.0))
}
