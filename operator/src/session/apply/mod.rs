//! Carries a plan out in the cluster and hands the rest to the tasks that talk to runners and to Git.

mod children;
mod claim;
mod conclusion;
mod release;
mod token;

use std::sync::Arc;

use ambient_crds::names::{RunNumber, run_name};
use ambient_crds::session::AgenticSession;
use ambient_kit::retry::{ErrorClass, classify};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::run::RunKey;
use kube::api::Api;
use kube::{Client, Resource, ResourceExt as _};

use super::lending::{self, BindError};
use super::observed::Observed;
use super::pin::PinError;
use super::plan::{Action, SessionPlan, may_retry};
use super::progress::{ClaimState, RunId};
use super::pursuit::Quarry;
use super::remains::{self, Loss};
use crate::context::Context;

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
    /// The run cannot be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The run cannot be bound at the broker.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl ApplyError {
    /// When to try again.
    #[must_use]
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Api { error, .. } => classify(error),
            // Who made way for it is told by no watch.
            Self::Pin(_) => ErrorClass::Outside,
            Self::Bind(error) => error.class(),
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
    if plan.phase.is_ended() {
        release::free_slot(context, id);
    }
    if matches!(plan.action, Action::CleanUp | Action::Expire | Action::Release) {
        lending::let_go(context, observed.pinned.as_ref(), id, plan.attempt);
    }
    match &plan.action {
        Action::Nothing | Action::LookAgain(_) => {}
        Action::Start { session: pinned, attempt, take_lost } => {
            if *attempt > observed.known_attempt().max(1) {
                context.board.begin_attempt(id);
            }
            start(context, session, pinned, *attempt, *take_lost, id).await?;
        }
        Action::Pursue { session: pinned, attempt, address, stop } => {
            if stop.is_some() {
                let now = observed.now;
                context
                    .board
                    .note(id, |progress| progress.stopping_since = progress.stopping_since.or(Some(now)));
            }
            let quarry = Quarry {
                id: id.clone(),
                session: EffectiveSession::clone(pinned),
                attempt: *attempt,
                address: address.clone(),
                stop: *stop,
                goes_on: observed.slept.precedes(*attempt),
                loss: observed.collects().cloned(),
                may_retry: may_retry(observed),
            };
            context.pursuits.follow(context, quarry);
        }
        Action::Conclude { session: pinned, ending } => {
            let seen = context.pursuits.give_up(id);
            conclusion::conclude(context, pinned.as_deref().or(candidate(observed)), ending, seen, id);
        }
        Action::NoteLoss(loss) => note_loss(context, &id.key, loss).await?,
        Action::Withdraw => {
            context.pursuits.give_up(id);
            release::delete_job(&context.client, session, plan.run, plan.attempt).await?;
            context.board.note(id, |progress| progress.claim = ClaimState::Unasked);
        }
        Action::CleanUp => release::clean_up(context, session, observed, plan).await?,
        Action::Expire => release::expire(&context.client, session).await?,
        Action::Release => return release::release(context, session, id).await,
    }
    Ok(false)
}

/// Pins and binds, then claims and creates side by side (ADR 0001). A run that cannot be bound is not claimed.
async fn start(
    context: &Arc<Context>,
    session: &AgenticSession,
    wanted: &EffectiveSession,
    attempt: u32,
    take_lost: bool,
    id: &RunId,
) -> Result<(), ApplyError> {
    release::ensure_finalizer(&context.client, session).await?;
    let pinned = children::ensure_pin(context, session, wanted).await?;
    let token = match &context.broker {
        Some(broker) => broker.bind(&pinned, &context.signer).await?,
        None => None,
    };
    claim::claim(context, &pinned, take_lost, id);
    children::create_children(context, session, &pinned, attempt, token).await
}

/// Notes it; the session is looked at again for what follows.
async fn note_loss(context: &Context, key: &RunKey, loss: &Loss) -> Result<(), ApplyError> {
    let volume = run_name(key.session(), RunNumber::try_from(key.run()).unwrap_or_default());
    let noted = remains::note(&context.client, key.project(), &volume, loss).await;
    noted.map_err(|error| ApplyError::Api { what: "the run's volume", error })?;
    context.board.look_again(key.project(), key.session());
    Ok(())
}

fn candidate<'a>(observed: &'a Observed<'_>) -> Option<&'a EffectiveSession> {
    observed.candidate.as_ref().ok().and_then(Option::as_ref)
}

fn namespaced<K>(client: &Client, session: &AgenticSession) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), &session.namespace().unwrap_or_default())
}
