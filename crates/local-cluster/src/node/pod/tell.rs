//! Telling the API how a pod stands.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;

use super::{PodError, PodTask};
use crate::node::{
    events,
    status::{Facts, status},
};

impl PodTask {
    /// Lets the object go, now that nothing of the pod runs.
    pub(super) async fn delete_object(&mut self) -> Result<(), PodError> {
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(self.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.api().delete(&self.pod.name_any(), &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Writes the status, if it differs from the one that is known, and tells events.
    pub(super) async fn say(&mut self, is_lost: bool) -> Result<(), PodError> {
        let report = self.report()?;
        if let Some(report) = &report {
            self.node.events.tell(&self.pod, events::between(self.told.as_ref(), report));
        }
        let wanted = status(&Facts {
            pod: &self.pod,
            address: self.address.as_deref(),
            report: report.as_ref(),
            hindrance: self.hindrance.as_ref(),
            readiness: &self.readiness,
            is_lost,
            now: now(),
        });
        self.told = report;
        if self.is_gone || self.pod.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.patch_status(json!(wanted)).await
    }

    pub(super) async fn patch_status(&mut self, status: serde_json::Value) -> Result<(), PodError> {
        let patch = Patch::Merge(json!({ "metadata": { "uid": self.uid }, "status": status }));
        let patched = self.api().patch_status(&self.pod.name_any(), &PatchParams::default(), &patch).await;
        self.take_answer(patched)
    }

    /// Takes the answer to a write in; that there is nothing to write to, or another pod of that name, is an answer too.
    pub(super) fn take_answer(&mut self, answer: Result<Pod, kube::Error>) -> Result<(), PodError> {
        match answer {
            Ok(pod) => self.take(Arc::new(pod)),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => self.is_gone = true,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the node stamps what it does")]
fn now() -> Timestamp {
    Timestamp::now()
}
