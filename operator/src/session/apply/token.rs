//! The token of an attempt, by which the broker knows its requests: in a Secret that the runner's container alone has
//! mounted.

use std::collections::BTreeMap;

use ambient_crds::labels;
use ambient_protocol::effective::EffectiveSession;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, PostParams};

use super::super::pod::{BROKER_TOKEN_KEY, child_labels};
use super::ApplyError;

const WHAT: &str = "the run's token";

/// Creates the Secret of the Job of this name, or finds the one there is. That of an earlier session of the same name is
/// good for nothing, and makes way.
pub(super) async fn ensure(
    secrets: &Api<Secret>,
    session: &EffectiveSession,
    job_name: &str,
    owner: OwnerReference,
    token: String,
) -> Result<(), ApplyError> {
    let error = |error| ApplyError::Api { what: WHAT, error };
    let wanted = secret(session, job_name, owner, token);
    let taken = match secrets.create(&PostParams::default(), &wanted).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => kube::Error::Api(status),
        Err(other) => return Err(error(other)),
    };
    let found = secrets.get(job_name).await.map_err(error)?;
    if found.labels().get(labels::SESSION_UID) == Some(&session.session_uid) {
        return Ok(());
    }
    secrets.delete(job_name, &DeleteParams::default()).await.map_err(error)?;
    Err(error(taken))
}

fn secret(session: &EffectiveSession, job_name: &str, owner: OwnerReference, token: String) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(job_name.to_owned()),
            labels: Some(child_labels(session, None)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        string_data: Some(BTreeMap::from([(BROKER_TOKEN_KEY.to_owned(), token)])),
        ..Secret::default()
    }
}
