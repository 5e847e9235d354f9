//! The status of a session: put together purely, written only when it says something new.

use ambient_crds::labels::field_managers;
use ambient_crds::session::{
    AgentCapabilities, AgenticSession, AgenticSessionStatus, SessionOutput, SessionResult, SessionSource,
    SessionUsage,
};
use ambient_kit::apply::{FieldManager, apply_status};
use ambient_kit::conditions::merge;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::Ending;
use ambient_protocol::usage::Usage;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Api;
use kube::{Client, ResourceExt as _};

use super::conditions::statements;
use super::observed::Observed;
use super::plan::SessionPlan;
use super::waiting_for::{self, waiting_for};

/// Most characters of a summary in the status.
const SUMMARY_LIMIT: usize = 4096;
/// Most reasons that the status gives for commits that were not pushed; the result has them all.
const REFUSALS_LIMIT: usize = 32;
/// Most characters of one of them.
const REFUSAL_LIMIT: usize = 1024;

/// Writes the status that a plan calls for, if it differs from the one there is.
///
/// # Errors
/// The API server's.
pub(super) async fn report(
    client: &Client,
    observed: &Observed<'_>,
    plan: &SessionPlan,
) -> Result<(), kube::Error> {
    let session = observed.session;
    let wanted = status(observed, plan);
    if session.status.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let api: Api<AgenticSession> = Api::namespaced(client.clone(), &session.namespace().unwrap_or_default());
    let body = serde_json::json!({
        "apiVersion": ambient_crds::labels::API_VERSION,
        "kind": "AgenticSession",
        "metadata": {"name": session.name_any(), "uid": session.uid()},
        "status": wanted,
    });
    apply_status(&api, FieldManager::owner(field_managers::OPERATOR), &session.name_any(), &body)
        .await
        .map(drop)
}

/// The status that a plan calls for.
#[must_use]
pub(super) fn status(observed: &Observed<'_>, plan: &SessionPlan) -> AgenticSessionStatus {
    let old = observed.session.status.as_ref();
    let same_run = old.filter(|old| old.run == Some(plan.run));
    let mut status = same_run.cloned().unwrap_or_default();
    let kept_conditions = old.map(|old| old.conditions.clone()).unwrap_or_default();
    status.observed_generation = observed.session.metadata.generation;
    status.phase = Some(plan.phase);
    status.run = Some(plan.run);
    status.attempt = i32::try_from(plan.attempt).ok();
    status.job_name = observed.attempt.as_ref().map(|attempt| attempt.job_name.clone()).or(status.job_name);
    fill_from_pin(&mut status, observed.pinned.as_ref());
    fill_from_progress(&mut status, observed, plan);
    status.waiting_for = waiting_for(observed, plan);
    let generation = observed.session.metadata.generation.unwrap_or_default();
    let mut stated = statements(observed, plan);
    stated.push(waiting_for::statement(status.waiting_for.as_ref()));
    status.conditions = merge(&kept_conditions, &stated, generation, observed.now);
    status
}

fn fill_from_pin(status: &mut AgenticSessionStatus, pinned: Option<&EffectiveSession>) {
    let Some(pinned) = pinned else { return };
    status.source = pinned.source.as_ref().map(|source| SessionSource {
        repo: source.repository.clone(),
        commit: source.commit.clone(),
        path: Some(source.path.clone()),
    });
    let capabilities = &pinned.agent.capabilities;
    let features =
        capabilities.agent_features.iter().filter_map(|feature| serde_json::to_value(feature).ok());
    status.capabilities = Some(AgentCapabilities {
        framework: Some(capabilities.framework.clone()),
        agent_features: features.filter_map(|feature| feature.as_str().map(str::to_owned)).collect(),
        file_system: capabilities.file_system,
        mcp: capabilities.mcp,
        tracing: capabilities.tracing,
        session_persistence: capabilities.session_persistence,
    });
}

fn fill_from_progress(status: &mut AgenticSessionStatus, observed: &Observed<'_>, plan: &SessionPlan) {
    let progress = &observed.progress;
    if let Some(started) = progress.started_at {
        status.start_time.get_or_insert(Time(whole_second(started)));
    }
    // Counters go into the status with the next change of phase, not with every event: an object write an event would
    // cost more than the run.
    if plan.phase.is_ended() && progress.last_sequence > 0 {
        status.last_sequence = i64::try_from(progress.last_sequence).ok();
        status.usage = Some(usage(progress.usage));
    }
    if let Some(outcome) = &progress.outcome {
        status.completion_time = Some(Time(whole_second(outcome.ended_at)));
        let summary = cut(&outcome.summary, SUMMARY_LIMIT);
        status.result = Some(SessionResult {
            summary: (!summary.is_empty()).then_some(summary),
            exit_reason: outcome.exit.as_str().to_owned(),
        });
    }
    if let Some(recorded) = &progress.recorded {
        status.result_commit = Some(recorded.commit.clone());
        fill_from_ending(status, &recorded.ending);
    }
    if let Some(ending) = plan.ledger.as_ref().and_then(|entry| entry.ended.as_ref()) {
        fill_from_ending(status, ending);
    }
}

fn fill_from_ending(status: &mut AgenticSessionStatus, ending: &Ending) {
    status.completion_time = Some(Time(whole_second(ending.at)));
    status.usage = Some(usage(ending.usage));
    status.transcript_ref = ending.transcript.as_ref().map(|transcript| transcript.reference.clone());
    status.last_sequence = ending.transcript.as_ref().and_then(|one| i64::try_from(one.events).ok());
    let result =
        status.result.get_or_insert_with(|| SessionResult { summary: None, exit_reason: String::new() });
    result.exit_reason.clone_from(&ending.reason);
    let outputs = ending.outputs.iter().map(|output| SessionOutput {
        repo: output.repo.clone(),
        branch: output.branch.clone(),
        commit: output.commit.clone(),
        pull_request: output.pull_request.clone(),
        refused: output.refused.iter().take(REFUSALS_LIMIT).map(|why| cut(why, REFUSAL_LIMIT)).collect(),
    });
    status.outputs = outputs.collect();
}

fn usage(usage: Usage) -> SessionUsage {
    let number = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    SessionUsage {
        input_tokens: number(usage.input_tokens),
        output_tokens: number(usage.output_tokens),
        cached_input_tokens: number(usage.cached_input_tokens),
        cost_usd: usage.cost_usd,
        turns: i32::try_from(usage.turns).unwrap_or(i32::MAX),
    }
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

pub(super) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}
