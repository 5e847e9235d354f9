//! The session controller: one step at a time, from an AgenticSession to a result in Git.

mod apply;
mod bundle;
mod conditions;
mod count;
mod deadlines;
mod dependencies;
mod effective;
mod fetch;
mod hindrances;
mod ledger_view;
mod lending;
mod loss;
mod observe;
mod observed;
mod pin;
mod plan;
mod pod;
mod pod_state;
mod progress;
mod publish;
mod pursuit;
mod record;
mod remains;
mod report;
mod shortfalls;
mod sleep;
mod slots;
mod transcript;
mod trouble;
mod volume;
mod waiting_for;

pub(crate) use fetch::{recorded_secret, results_target};
pub(crate) use lending::Broker;
pub(crate) use plan::{Action, SessionPlan};
pub use pod::{AGUI_PORT, PodShape};
pub(crate) use progress::{ProgressBoard, RunId};
pub(crate) use pursuit::Pursuits;
pub(crate) use slots::Slots;

use std::sync::Arc;
use std::time::Duration;

use ambient_crds::labels;
use ambient_crds::names::RunNumber;
use ambient_crds::phase::Phase;
use ambient_crds::session::AgenticSession;
use ambient_kit::retry::{ErrorClass, classify};
use ambient_protocol::run::RunKey;
use futures::StreamExt as _;
use futures::channel::mpsc;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::runtime::controller::{Action as Requeue, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::ledger::WriteError;

/// Why a session could not be taken a step further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Something could not be read.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// The results branch cannot be used.
    #[error(transparent)]
    Ledger(#[from] WriteError),
    /// A child could not be written.
    #[error(transparent)]
    Apply(#[from] apply::ApplyError),
    /// The status could not be written.
    #[error("cannot write the status: {0}")]
    Report(kube::Error),
}

impl SessionError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Fetch(fetch::FetchError::Api { error, .. }) | Self::Report(error) => classify(error),
            Self::Fetch(fetch::FetchError::Name(_)) => ErrorClass::Invalid,
            // Who made way for it is told by no watch.
            Self::Fetch(fetch::FetchError::Pin(_)) => ErrorClass::Outside,
            Self::Apply(error) => error.class(),
            Self::Ledger(_) => ErrorClass::Outside,
        }
    }
}

/// Longest wait for an API server that does not answer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Runs the controller until it is told to end. `wakes` are sessions to look at again without a change in the cluster.
pub(crate) async fn run(
    context: Arc<Context>,
    wakes: mpsc::UnboundedReceiver<ObjectRef<AgenticSession>>,
    shutdown: CancellationToken,
) {
    let client = context.client.clone();
    tokio::select! {
        () = ready(&context) => {}
        () = shutdown.cancelled() => return,
    }
    let children = watcher::Config::default().labels(labels::SESSION_UID);
    let controller = Controller::new(Api::<AgenticSession>::all(client.clone()), watcher::Config::default());
    // There is one controller a context.
    let _ = context.sessions.set(controller.store());
    controller
        .watches(Api::<Job>::all(client.clone()), children.clone(), |job| session_of(&job))
        .watches(Api::<Pod>::all(client.clone()), children, |pod| session_of(&pod))
        .reconcile_on(wakes)
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "a session will be looked at again");
            }
        })
        .await;
}

/// What has to be known before any session is looked at.
async fn ready(context: &Context) {
    tokio::join!(hold_slots(context), context.agents.known());
}

/// Notes the slots of runs that a process before this one started, before any other run may ask for one.
async fn hold_slots(context: &Context) {
    let sessions: Api<AgenticSession> = Api::all(context.client.clone());
    let listed = loop {
        match sessions.list(&ListParams::default()).await {
            Ok(listed) => break listed,
            Err(error) => {
                tracing::warn!(%error, "the sessions cannot be listed yet");
                let delay = context.backoff.next(&"sessions".to_owned(), classify(&error));
                tokio::time::sleep(delay.unwrap_or(LONGEST_WAIT)).await;
            }
        }
    };
    context.backoff.reset(&"sessions".to_owned());
    for session in &listed {
        let status = session.status.as_ref();
        let holds = status.and_then(|status| status.phase).is_some_and(Phase::holds_slot);
        let run = observed::current_run(session).get();
        if let (true, Ok(key)) =
            (holds, RunKey::new(&session.namespace().unwrap_or_default(), &session.name_any(), run))
        {
            context.slots.hold(&RunId { key, session_uid: session.uid().unwrap_or_default() });
        }
    }
}

/// The run that a session is at. What has begun is not left for a later number, whatever the status tells yet.
fn current_run(context: &Context, session: &AgenticSession) -> RunNumber {
    let told = observed::current_run(session);
    let Some(known) = session.status.as_ref().and_then(|status| status.run) else { return told };
    let uid = session.uid().unwrap_or_default();
    let key = RunKey::new(&session.namespace().unwrap_or_default(), &session.name_any(), known.get());
    let has_begun = key.is_ok_and(|key| context.board.has_begun(&RunId { key, session_uid: uid }));
    if has_begun && observed::is_unclaimed(session) { known } else { told }
}

async fn reconcile(session: Arc<AgenticSession>, context: Arc<Context>) -> Result<Requeue, SessionError> {
    let taken = step(&session, &context).await;
    if let Err(error) = &taken
        && let Err(untold) = trouble::tell(&context.client, &session, error, context.clock.now()).await
    {
        tracing::debug!(session.name = name_of(&session), error = %untold, "the trouble cannot be told");
    }
    taken
}

/// Takes a session a step further.
async fn step(session: &AgenticSession, context: &Arc<Context>) -> Result<Requeue, SessionError> {
    let run = current_run(context, session);
    let inputs = fetch::fetch(context, session, run).await?;
    let id = RunId { key: inputs.key.clone(), session_uid: session.uid().unwrap_or_default() };
    let ledger = ledger_view::ledger_view(context, &inputs, &id).await;
    let dependencies = dependencies::look(context, &inputs).await;
    let observed =
        observe::observe(context, session, &inputs, (ledger, dependencies), &id, context.clock.now());
    let plan = plan::plan(&observed);
    tracing::debug!(run = %id.key, phase = %plan.phase, reason = plan.reason, action = plan.action.name(), "planned");
    let gone = apply::apply(context, session, &observed, &plan, &id).await?;
    if !gone {
        report::report(&context.client, &observed, &plan).await.map_err(SessionError::Report)?;
    }
    let newly_recorded = observed.progress.recorded.is_some() && !observed::is_settled(session);
    if plan.phase.is_ended() && (newly_recorded || observed.known_phase() != Some(plan.phase)) {
        wake_dependents(context, session).await.map_err(SessionError::Report)?;
    }
    context.backoff.reset(&name_of(session));
    Ok(requeue(&observed, &plan))
}

/// Sessions that wait for this one are looked at again when it has ended.
async fn wake_dependents(context: &Context, session: &AgenticSession) -> Result<(), kube::Error> {
    let (project, name) = (session.namespace().unwrap_or_default(), session.name_any());
    let sessions: Api<AgenticSession> = Api::namespaced(context.client.clone(), &project);
    let others = sessions.list(&ListParams::default()).await?;
    let waits =
        |other: &&AgenticSession| other.spec.depends_on.iter().any(|dependency| dependency.name == name);
    others.iter().filter(waits).for_each(|other| context.board.look_again(&project, &other.name_any()));
    Ok(())
}

fn requeue(observed: &observed::Observed<'_>, plan: &SessionPlan) -> Requeue {
    let planned = match plan.action {
        Action::LookAgain(seconds) => Some(seconds),
        _ => None,
    };
    let due = deadlines::next(observed).and_then(|seconds| u64::try_from(seconds).ok());
    let attempt = observed.attempt.as_ref().filter(|_| !plan.phase.is_ended());
    let comes_up = attempt.filter(|attempt| attempt.is_unexplained).map(|_| hindrances::INTERVAL);
    let next = planned.into_iter().chain(due).chain(comes_up).min();
    next.map_or_else(Requeue::await_change, |seconds| Requeue::requeue(Duration::from_secs(seconds)))
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn on_error(session: Arc<AgenticSession>, error: &SessionError, context: Arc<Context>) -> Requeue {
    let name = name_of(&session);
    let class = error.class();
    let delay = context.backoff.next(&name, class);
    if class == ErrorClass::Conflict {
        tracing::debug!(session.name = name, %error, "somebody else was faster");
    } else {
        tracing::warn!(session.name = name, %error, "the session could not be taken a step further");
    }
    delay.map_or_else(Requeue::await_change, Requeue::requeue)
}

fn name_of(session: &AgenticSession) -> String {
    format!("{}/{}", session.namespace().unwrap_or_default(), session.name_any())
}

fn session_of<K: Resource<DynamicType = ()>>(child: &K) -> Option<ObjectRef<AgenticSession>> {
    let name = child.labels().get(labels::SESSION)?;
    Some(ObjectRef::new(name).within(&child.namespace()?))
}
