//! The children of a run: the pinned session, the volume, the Job.

use std::collections::BTreeMap;

use ambient_crds::names::{RunNumber, attempt_name, run_name};
use ambient_crds::session::{AgenticSession, Resources};
use ambient_git::LocalRepositories;
use ambient_protocol::effective::EffectiveSession;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, ResourceRequirements, Secret};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource as _;
use kube::api::{Api, PostParams};

use super::super::pin;
use super::super::pod::{JobInputs, claim as volume_claim, job};
use super::{ApplyError, namespaced, token};
use crate::context::Context;

/// Creates the pin, or finds the one there is: the first one counts.
pub(super) async fn ensure_pin(
    context: &Context,
    session: &AgenticSession,
    wanted: &EffectiveSession,
) -> Result<EffectiveSession, ApplyError> {
    let name = shared_name(wanted);
    let map = pin::pin(&name, wanted, owner(session), (&context.signer, &context.public_keys))?;
    let api: Api<ConfigMap> = namespaced(&context.client, session);
    match api.create(&PostParams::default(), &map).await {
        Ok(_) => Ok(wanted.clone()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            let error = |error| ApplyError::Api { what: "the effective session", error };
            let existing = api.get(&name).await.map_err(error)?;
            let mut pinned = pin::read(&existing, &wanted.key, session, &context.signer)?;
            // Which Secret opens the results repository is no part of what is written down.
            pinned.results.secret.clone_from(&wanted.results.secret);
            Ok(pinned)
        }
        Err(error) => Err(ApplyError::Api { what: "the effective session", error }),
    }
}

pub(super) async fn create_children(
    context: &Context,
    session: &AgenticSession,
    pinned: &EffectiveSession,
    attempt: u32,
    token: Option<String>,
) -> Result<(), ApplyError> {
    let resources = session.spec.resources.clone().unwrap_or_default();
    let shared = shared_name(pinned);
    let storage = resources.storage.as_ref().map(ToString::to_string);
    let volume = volume_claim(pinned, &shared, owner(session), storage);
    let volumes: Api<PersistentVolumeClaim> = namespaced(&context.client, session);
    create(&volumes, &volume, "the run's volume").await?;
    let job_name = attempt_name(pinned.key.session(), run_number(pinned), attempt);
    if let Some(token) = token {
        let secrets: Api<Secret> = namespaced(&context.client, session);
        token::ensure(&secrets, pinned, &job_name, owner(session), token).await?;
    }
    let wanted = job(&JobInputs {
        session: pinned,
        run_name: &shared,
        job_name: &job_name,
        attempt,
        owner: owner(session),
        resources: requirements(&resources),
        local_repositories: context.local_repositories == LocalRepositories::Allowed,
        shape: &context.pod_shape,
        broker: context.broker.as_ref().and_then(|broker| broker.url_for(pinned)),
    });
    let jobs: Api<Job> = namespaced(&context.client, session);
    create(&jobs, &wanted, "the Job").await
}

/// Creates an object that is never changed after; one that is there already is the same one.
async fn create<K>(api: &Api<K>, object: &K, what: &'static str) -> Result<(), ApplyError>
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    match api.create(&PostParams::default(), object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(ApplyError::Api { what, error }),
    }
}

fn owner(session: &AgenticSession) -> OwnerReference {
    session.controller_owner_ref(&()).unwrap_or_default()
}

fn shared_name(pinned: &EffectiveSession) -> String {
    run_name(pinned.key.session(), run_number(pinned))
}

fn run_number(pinned: &EffectiveSession) -> RunNumber {
    RunNumber::try_from(pinned.key.run()).unwrap_or_default()
}

fn requirements(resources: &Resources) -> ResourceRequirements {
    let amounts = |amounts: Option<&ambient_crds::session::ResourceAmounts>| {
        let amounts = amounts?;
        let named = [("cpu", amounts.cpu.as_ref()), ("memory", amounts.memory.as_ref())];
        let set = named
            .into_iter()
            .filter_map(|(name, amount)| Some((name.to_owned(), Quantity(amount?.to_string()))));
        Some(set.collect::<BTreeMap<_, _>>())
    };
    ResourceRequirements {
        requests: amounts(resources.requests.as_ref()),
        limits: amounts(resources.limits.as_ref()),
        ..ResourceRequirements::default()
    }
}
