//! The token of an attempt, by which the broker knows its requests: in a Secret that the runner's container alone has
//! mounted.

use std::collections::BTreeMap;

use ambient_protocol::effective::EffectiveSession;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::super::pod::{BROKER_TOKEN_KEY, child_labels};

/// The Secret of the Job of this name.
pub(super) fn token_secret(
    session: &EffectiveSession,
    job_name: &str,
    owner: OwnerReference,
    token: String,
) -> Secret {
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
