//! From what was read to one moment to decide on: pure but for the queue of slots.

use ambient_crds::conditions::ConditionType;
use ambient_crds::phase::Phase;
use ambient_crds::project::Project;
use ambient_crds::session::{AgenticSession, DesiredPhase};
use ambient_kit::conditions::{find, holds};
use ambient_protocol::effective::{ContextItem, EffectiveSession};
use jiff::Timestamp;

use super::dependencies::Dependencies;
use super::effective::{EffectiveError, EffectiveInputs, merge};
use super::fetch::{Inputs, results_target};
use super::observed::{LedgerView, Observed, ProjectState, Waiting};
use super::plan::resumed;
use super::progress::RunId;
use crate::context::Context;

/// Puts one moment together, with what the ledger says of the run and of what it depends on.
#[must_use]
pub(super) fn observe<'a>(
    context: &Context,
    session: &'a AgenticSession,
    inputs: &Inputs,
    (ledger, dependencies): (LedgerView, Dependencies),
    id: &RunId,
    now: Timestamp,
) -> Observed<'a> {
    let project = project_state(inputs.project.as_ref());
    let progress = context.board.get(id);
    let notes = inputs.notes.clone().unwrap_or_default();
    let mut observed = Observed {
        session,
        run: inputs.run,
        candidate: candidate(context, session, inputs, dependencies.results, now),
        project,
        ledger,
        pinned: inputs.pinned.clone(),
        attempt: inputs.attempt.clone(),
        leaving: inputs.leaving,
        slept: notes.slept,
        has_volume: inputs.notes.is_some(),
        loss: notes.loss,
        progress,
        waiting: None,
        namespace_terminating: inputs.namespace_terminating,
        has_broker: context.broker.is_some(),
        now,
    };
    observed.waiting = waiting(context, &observed, inputs, dependencies.unmet, id);
    observed
}

fn project_state(project: Option<&Project>) -> ProjectState {
    let Some(project) = project else {
        return ProjectState::NotReady("there is no Project for this namespace".to_owned());
    };
    if results_target(project).is_none() {
        return ProjectState::NoResultsTarget;
    }
    let conditions = project.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if holds(conditions, ConditionType::Ready.as_str()) {
        ProjectState::Ready
    } else {
        let ready = find(conditions, ConditionType::Ready.as_str());
        let why = ready.map_or("it has not been looked at yet", |ready| ready.message.as_str());
        ProjectState::NotReady(format!("Project is not ready: {why}"))
    }
}

fn candidate(
    context: &Context,
    session: &AgenticSession,
    inputs: &Inputs,
    results_before: Vec<ContextItem>,
    now: Timestamp,
) -> Result<Option<EffectiveSession>, EffectiveError> {
    let Some(project) = &inputs.project else { return Ok(None) };
    let Some(results) = results_target(project) else { return Ok(None) };
    merge(EffectiveInputs {
        key: &inputs.key,
        session,
        ceilings: project.spec.ceilings.as_ref(),
        settings: inputs.settings.as_ref().map(|settings| &settings.spec),
        registry: &context.agents.now(),
        results: &results,
        source: inputs.source.clone(),
        context: results_before,
        now,
    })
    .map(Some)
}

/// What has to come first. A slot is asked for only where all else is ready, so that nobody waits behind a session that
/// cannot start; whoever can start no more gives its slot, or its place in the queue, to others.
fn waiting(
    context: &Context,
    observed: &Observed<'_>,
    inputs: &Inputs,
    unmet: Option<String>,
    id: &RunId,
) -> Option<Waiting> {
    if observed.attempt.is_some() && !has_ended(observed) && !observed.is_asleep() {
        context.slots.hold(id);
        return None;
    }
    if unmet.is_some() || !may_start(observed) {
        for next in context.slots.release(id) {
            context.board.look_again(next.key.project(), next.key.session());
        }
        return unmet.map(Waiting::Dependency);
    }
    let created = observed.session.metadata.creation_timestamp.as_ref().map_or(observed.now, |time| time.0);
    let ceilings = inputs.project.as_ref().and_then(|project| project.spec.ceilings.as_ref());
    let limit = ceilings.and_then(|ceilings| ceilings.max_concurrent_sessions);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    context.slots.take(id, created, limit, |other| context.has_session(other)).err().map(Waiting::Slot)
}

fn may_start(observed: &Observed<'_>) -> bool {
    observed.project == ProjectState::Ready
        && matches!(observed.ledger, LedgerView::Absent | LedgerView::Claimed { .. })
        && matches!(observed.candidate, Ok(Some(_)))
        && observed.session.spec.desired_phase.is_none_or(|wanted| wanted == DesiredPhase::Running)
        && !observed.stop_wanted()
        && !observed.deleting()
        && !observed.is_asleep()
        && !has_ended(observed)
}

/// Whether the agent has ended: that frees its slot, whatever is still to be recorded.
fn has_ended(observed: &Observed<'_>) -> bool {
    let progress = &observed.progress;
    let told = observed.known_phase().is_some_and(Phase::is_ended) && !resumed(observed);
    told || progress.outcome.is_some() || progress.recorded.is_some()
}
