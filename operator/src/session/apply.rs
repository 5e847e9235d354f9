//! Carries a plan out in the cluster and hands the rest to the tasks that talk to runners and to Git.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambient_crds::labels;
use ambient_crds::names::{RunNumber, attempt_name, run_name};
use ambient_crds::session::{AgenticSession, Resources};
use ambient_git::LocalRepositories;
use ambient_kit::retry::{ErrorClass, classify};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::Ending;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource, ResourceExt as _};
use serde_json::json;

use super::fetch::{Inputs, results_target};
use super::observed::{LedgerView, Observed};
use super::plan::{Action, SessionPlan};
use super::pod::{JobInputs, PUBLIC_KEYS_KEY, SESSION_KEY, child_labels, claim as volume_claim, job};
use super::progress::{ClaimState, RunId, Trouble};
use super::pursuit::Quarry;
use super::record;
use crate::context::Context;
use crate::ledger::{Edit, Snapshot, WriteError};

/// Why a child could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// The API server's.
    #[error("cannot write {what}: {error}")]
    Api {
        /// What was written.
        what: &'static str,
        /// Its answer.
        error: kube::Error,
    },
    /// The effective session cannot be stored.
    #[error("cannot store the effective session: {0}")]
    Session(#[from] serde_json::Error),
}

impl ApplyError {
    /// When to try again.
    #[must_use]
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Api { error, .. } => classify(error),
            Self::Session(_) => ErrorClass::Invalid,
        }
    }
}

impl Action {
    /// The action's name, for logs.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::LookAgain(_) => "look-again",
            Self::Start { .. } => "start",
            Self::Pursue { .. } => "pursue",
            Self::Conclude { .. } => "conclude",
            Self::Withdraw => "withdraw",
            Self::CleanUp => "clean-up",
            Self::Release => "release",
        }
    }
}

/// What the ledger says of a run. Only a branch that this process has read, and that is ours, says anything.
pub(super) async fn ledger_view(context: &Context, inputs: &Inputs, id: &RunId) -> LedgerView {
    let target = inputs.pinned.as_ref().map(|pinned| pinned.results.clone());
    let target = target.or_else(|| inputs.project.as_ref().and_then(results_target));
    let Some(target) = target else {
        return LedgerView::Absent;
    };
    let snapshot = match context.results.branch(&target).await {
        Ok(branch) => branch.snapshot().await,
        Err(error) => Err(error),
    };
    match snapshot {
        Ok(snapshot) => read_entry(context, &snapshot, id),
        Err(error @ (WriteError::Foreign { .. } | WriteError::Fenced { .. })) => {
            LedgerView::NotOurs(error.to_string())
        }
        Err(error) => LedgerView::Unreadable(error.to_string()),
    }
}

fn read_entry(context: &Context, snapshot: &Snapshot, id: &RunId) -> LedgerView {
    match snapshot.entry(&id.key) {
        Err(error) => LedgerView::Unreadable(error.to_string()),
        Ok(None) => LedgerView::Absent,
        Ok(Some(entry)) if entry.ended.is_some() => LedgerView::Ended(Box::new(entry)),
        Ok(Some(entry)) => {
            let ours = entry.claimed_by(&context.installation, &id.session_uid);
            LedgerView::Claimed { entry: Box::new(entry), ours }
        }
    }
}

/// Carries out a plan. Says whether the object is gone, so that there is no status to write.
///
/// # Errors
/// See [`ApplyError`].
pub(super) async fn apply(
    context: &Arc<Context>,
    session: &AgenticSession,
    observed: &Observed<'_>,
    plan: &SessionPlan,
    id: &RunId,
) -> Result<bool, ApplyError> {
    match &plan.action {
        Action::Nothing | Action::LookAgain(_) => {}
        Action::Start { session: pinned, attempt, take_lost } => {
            start(context, session, pinned, *attempt, *take_lost, id).await?;
        }
        Action::Pursue { session: pinned, attempt, address, stop } => {
            let quarry = Quarry {
                id: id.clone(),
                session: EffectiveSession::clone(pinned),
                attempt: *attempt,
                address: address.clone(),
                stop: *stop,
            };
            context.pursuits.follow(context, quarry);
        }
        Action::Conclude { session: pinned, ending } => {
            context.pursuits.give_up(id);
            conclude(context, pinned.as_deref().or(candidate(observed)), ending, id);
        }
        Action::Withdraw => {
            context.pursuits.give_up(id);
            delete_job(&context.client, session, plan.run, plan.attempt).await?;
            context.board.note(id, |progress| progress.claim = ClaimState::Unasked);
        }
        Action::CleanUp => clean_up(context, session, observed, plan, id).await?,
        Action::Release => return release(context, session, id).await,
    }
    Ok(false)
}

fn candidate<'a>(observed: &'a Observed<'_>) -> Option<&'a EffectiveSession> {
    observed.candidate.as_ref().ok().and_then(Option::as_ref)
}

/// Pins, then claims and creates side by side (ADR 0001).
async fn start(
    context: &Arc<Context>,
    session: &AgenticSession,
    wanted: &EffectiveSession,
    attempt: u32,
    take_lost: bool,
    id: &RunId,
) -> Result<(), ApplyError> {
    ensure_finalizer(&context.client, session).await?;
    let pinned = pin(context, session, wanted).await?;
    claim(context, &pinned, take_lost, id);
    create_children(context, session, &pinned, attempt).await
}

/// Creates the pin, or finds the one there is: the first one counts.
async fn pin(
    context: &Context,
    session: &AgenticSession,
    wanted: &EffectiveSession,
) -> Result<EffectiveSession, ApplyError> {
    let name = shared_name(wanted);
    let data = BTreeMap::from([
        (SESSION_KEY.to_owned(), serde_json::to_string(wanted)?),
        (PUBLIC_KEYS_KEY.to_owned(), context.public_keys.clone()),
    ]);
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(child_labels(wanted, None)),
            owner_references: Some(vec![owner(session)]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        immutable: Some(true),
        ..ConfigMap::default()
    };
    let api: Api<ConfigMap> = namespaced(&context.client, session);
    match api.create(&PostParams::default(), &map).await {
        Ok(_) => Ok(wanted.clone()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            let error = |error| ApplyError::Api { what: "the effective session", error };
            let existing = api.get(&name).await.map_err(error)?;
            let json = existing.data.as_ref().and_then(|data| data.get(SESSION_KEY));
            Ok(serde_json::from_str(json.map_or("", String::as_str))?)
        }
        Err(error) => Err(ApplyError::Api { what: "the effective session", error }),
    }
}

/// Asks for the claim once; its answer has the session looked at again.
fn claim(context: &Arc<Context>, pinned: &EffectiveSession, take_lost: bool, id: &RunId) {
    let first = context.board.take(id, |progress| {
        let unasked = progress.claim == ClaimState::Unasked;
        if unasked {
            progress.claim = ClaimState::Pushing;
        }
        unasked
    });
    if !first {
        return;
    }
    let (context, id, target) = (Arc::clone(context), id.clone(), pinned.results.clone());
    let edit = Edit::Claim { key: pinned.key.clone(), claim: record::claim(&context, pinned), take_lost };
    tokio::spawn(async move {
        let written = match context.results.branch(&target).await {
            Ok(branch) => branch.write(edit).await,
            Err(error) => Err(error),
        };
        context.board.update(&id, |progress| match written {
            Ok(_) => progress.claim = ClaimState::Acknowledged,
            Err(WriteError::Refused(refusal)) => progress.claim = ClaimState::Refused(refusal.to_string()),
            Err(error) => {
                progress.claim = ClaimState::Unasked;
                progress.trouble = Some(Trouble { reason: "PushFailed", message: error.to_string() });
            }
        });
    });
}

async fn create_children(
    context: &Context,
    session: &AgenticSession,
    pinned: &EffectiveSession,
    attempt: u32,
) -> Result<(), ApplyError> {
    let resources = session.spec.resources.clone().unwrap_or_default();
    let shared = shared_name(pinned);
    let storage = resources.storage.as_ref().map(ToString::to_string);
    let volume = volume_claim(pinned, &shared, owner(session), storage);
    let volumes: Api<PersistentVolumeClaim> = namespaced(&context.client, session);
    create(&volumes, &volume, "the run's volume").await?;
    let job_name = attempt_name(pinned.key.session(), run_number(pinned), attempt);
    let wanted = job(&JobInputs {
        session: pinned,
        run_name: &shared,
        job_name: &job_name,
        attempt,
        owner: owner(session),
        resources: requirements(&resources),
        local_repositories: context.local_repositories == LocalRepositories::Allowed,
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

fn conclude(context: &Arc<Context>, pinned: Option<&EffectiveSession>, ending: &Ending, id: &RunId) {
    let Some(pinned) = pinned.cloned() else { return };
    let first = context.board.take(id, |progress| !std::mem::replace(&mut progress.concluding, true));
    if !first {
        return;
    }
    let (context, id, ending) = (Arc::clone(context), id.clone(), ending.clone());
    tokio::spawn(async move {
        let recorded = record::conclude(&context, &pinned, ending).await;
        context.board.update(&id, |progress| {
            progress.concluding = false;
            match recorded {
                Ok(recorded) => {
                    progress.recorded = Some(Box::new(recorded));
                    progress.released = true;
                }
                Err(error) => {
                    progress.trouble = Some(Trouble { reason: "PushFailed", message: error.to_string() });
                }
            }
        });
    });
}

/// Frees what an ended run no longer needs: its slot, its volume, and a Job whose pod never came up.
async fn clean_up(
    context: &Context,
    session: &AgenticSession,
    observed: &Observed<'_>,
    plan: &SessionPlan,
    id: &RunId,
) -> Result<(), ApplyError> {
    free_slot(context, id);
    let volumes: Api<PersistentVolumeClaim> = namespaced(&context.client, session);
    let name = run_name(&session.name_any(), plan.run);
    delete(&volumes, &name, "the run's volume").await?;
    let stuck = observed.attempt.as_ref().is_some_and(|attempt| {
        matches!(attempt.pod, super::observed::PodState::Starting { .. } | super::observed::PodState::Missing)
    });
    if stuck {
        delete_job(&context.client, session, plan.run, plan.attempt).await?;
    }
    Ok(())
}

fn free_slot(context: &Context, id: &RunId) {
    for waiting in context.slots.release(id) {
        context.board.look_again(waiting.key.project(), waiting.key.session());
    }
}

async fn release(context: &Context, session: &AgenticSession, id: &RunId) -> Result<bool, ApplyError> {
    context.pursuits.give_up(id);
    free_slot(context, id);
    let api: Api<AgenticSession> = namespaced(&context.client, session);
    let others: Vec<_> =
        session.finalizers().iter().filter(|name| *name != labels::SESSION_FINALIZER).collect();
    if others.len() < session.finalizers().len() {
        let patch =
            json!({"metadata": {"finalizers": others, "resourceVersion": session.resource_version()}});
        let patched = api.patch(&session.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        ignore_missing(patched).map_err(|error| ApplyError::Api { what: "the finalizer", error })?;
    }
    context.board.forget(&id.session_uid);
    Ok(true)
}

/// A session is kept from the moment its first run is prepared, so that the run can be ended in order.
async fn ensure_finalizer(client: &Client, session: &AgenticSession) -> Result<(), ApplyError> {
    if session.finalizers().iter().any(|name| name == labels::SESSION_FINALIZER) {
        return Ok(());
    }
    let mut finalizers = session.finalizers().to_vec();
    finalizers.push(labels::SESSION_FINALIZER.to_owned());
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": session.resource_version()}});
    let api: Api<AgenticSession> = namespaced(client, session);
    let patched = api.patch(&session.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
    patched.map(drop).map_err(|error| ApplyError::Api { what: "the finalizer", error })
}

async fn delete_job(
    client: &Client,
    session: &AgenticSession,
    run: RunNumber,
    attempt: u32,
) -> Result<(), ApplyError> {
    let name = attempt_name(&session.name_any(), run, attempt.max(1));
    delete(&namespaced::<Job>(client, session), &name, "the Job").await
}

async fn delete<K>(api: &Api<K>, name: &str, what: &'static str) -> Result<(), ApplyError>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let deleted = api.delete(name, &DeleteParams::background()).await;
    ignore_missing(deleted).map_err(|error| ApplyError::Api { what, error })
}

fn ignore_missing<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

fn namespaced<K>(client: &Client, session: &AgenticSession) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), &session.namespace().unwrap_or_default())
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
