//! The conditions of a session: pure, from one moment and its plan.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::phase::Phase;
use ambient_kit::conditions::{Statement, holds};
use ambient_protocol::effective::EffectiveSession;

use super::observed::{LedgerView, NOT_NEEDED, Observed};
use super::plan::SessionPlan;
use super::progress::ClaimState;
use super::report::cut;
use super::shortfalls::shortfalls;

/// Most characters of a message that lists refusals.
const REFUSALS_TEXT: usize = 4096;

/// All that is said of a session.
#[must_use]
pub(super) fn statements(observed: &Observed<'_>, plan: &SessionPlan) -> Vec<Statement> {
    let mut stated = vec![ready(plan), claimed(observed, plan)];
    stated.push(result_recorded(observed, plan));
    stated.push(outputs_published(observed, plan));
    stated.push(spec_changed(observed));
    stated.extend(held(observed));
    stated.extend(shortfalls(observed));
    stated
}

fn ready(plan: &SessionPlan) -> Statement {
    let holds = matches!(plan.phase, Phase::Running | Phase::Completed);
    let kind = ConditionType::Ready.as_str();
    if holds {
        Statement::yes(kind, &plan.reason, &plan.message)
    } else {
        Statement::no(kind, &plan.reason, &plan.message)
    }
}

fn claimed(observed: &Observed<'_>, plan: &SessionPlan) -> Statement {
    let kind = ConditionType::Claimed.as_str();
    let in_ledger = matches!(observed.ledger, LedgerView::Claimed { .. } | LedgerView::Ended(_));
    let unknown = !in_ledger && observed.ledger != LedgerView::Absent;
    match &observed.progress.claim {
        ClaimState::Refused(why) => Statement::no(kind, "Conflict", why),
        _ if in_ledger || observed.progress.claim == ClaimState::Acknowledged => {
            Statement::yes(kind, "Succeeded", format!("run {} is in the ledger", plan.run))
        }
        _ if unknown && holds_already(observed, kind) => keep_old(observed, kind),
        claim => match (&observed.progress.trouble, claim) {
            (Some(trouble), _) => Statement::no(kind, trouble.reason, &trouble.message),
            (None, ClaimState::Pushing) => Statement::no(kind, "Progressing", "the claim is being pushed"),
            (None, _) => Statement::no(kind, "Progressing", "not claimed"),
        },
    }
}

fn result_recorded(observed: &Observed<'_>, plan: &SessionPlan) -> Statement {
    let kind = ConditionType::ResultRecorded.as_str();
    if let Some(recorded) = &observed.progress.recorded {
        return Statement::yes(kind, "Succeeded", format!("commit {}", recorded.commit));
    }
    if plan.ledger.is_some() {
        return Statement::yes(kind, "Succeeded", "the ledger has it");
    }
    let known = super::observed::is_settled(observed.session)
        && observed.known_phase().is_some_and(Phase::is_ended)
        && plan.phase.is_ended();
    if known {
        return keep_old(observed, kind);
    }
    if let Some(trouble) = &observed.progress.trouble {
        let way_out = match &observed.progress.outcome {
            Some(_) => format!("; to give it up: spec.stop {{run: {}, reason: abandon}}", plan.run),
            None => String::new(),
        };
        return Statement::no(kind, trouble.reason, format!("{}{way_out}", trouble.message));
    }
    let never_ran = plan.phase == Phase::Stopped && observed.attempt.is_none() && observed.pinned.is_none();
    if never_ran {
        return Statement::no(kind, NOT_NEEDED, "the run was stopped before it started");
    }
    let message =
        if plan.phase.is_ended() { "the result is being recorded" } else { "the run has not ended" };
    Statement::no(kind, "Progressing", message)
}

/// Whether everything the agent committed went where it was for.
fn outputs_published(observed: &Observed<'_>, plan: &SessionPlan) -> Statement {
    let kind = ConditionType::OutputsPublished.as_str();
    let recorded = observed.progress.recorded.as_ref().map(|recorded| &recorded.ending);
    let Some(ending) = recorded.or_else(|| plan.ledger.as_ref()?.ended.as_ref()) else {
        let settled = super::observed::is_settled(observed.session) && plan.phase.is_ended();
        let progressing = || Statement::no(kind, Reason::Progressing.as_str(), "the run has not ended");
        return if settled { keep_old(observed, kind) } else { progressing() };
    };
    let refused: Vec<_> = ending.outputs.iter().filter(|output| !output.refused.is_empty()).collect();
    let pushed = ending.outputs.iter().any(|output| output.branch.is_some());
    match (refused.is_empty(), pushed) {
        (true, true) => return Statement::yes(kind, Reason::Succeeded.as_str(), ""),
        (true, false) => return Statement::no(kind, Reason::NotNeeded.as_str(), "no branch was pushed"),
        (false, _) => {}
    }
    let said = refused.iter().map(|output| format!("{}: {}", output.repo, output.refused.join(", ")));
    let said = said.collect::<Vec<_>>().join("; ");
    let message = format!("not pushed, and kept as patches in the result: {said}");
    Statement::no(kind, Reason::Refused.as_str(), cut(&message, REFUSALS_TEXT))
}

fn holds_already(observed: &Observed<'_>, kind: &str) -> bool {
    let status = observed.session.status.as_ref().filter(|status| status.run == Some(observed.run));
    status.is_some_and(|status| holds(&status.conditions, kind))
}

fn keep_old(observed: &Observed<'_>, kind: &'static str) -> Statement {
    let conditions =
        observed.session.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let old = ambient_kit::conditions::find(conditions, kind);
    let (status, reason, message) = old.map_or(("False", NOT_NEEDED, ""), |old| {
        (old.status.as_str(), old.reason.as_str(), old.message.as_str())
    });
    if status == "True" {
        Statement::yes(kind, reason, message)
    } else {
        Statement::no(kind, reason, message)
    }
}

/// Whether a person has to decide about a session that is deleted.
fn held(observed: &Observed<'_>) -> Option<Statement> {
    let kind = ConditionType::Held.as_str();
    let way_out =
        "deleted, and kept by spec.deletionPolicy Hold; set it to Cancel or Orphan to let the session go";
    match observed.held() {
        true => Some(Statement::yes(kind, "Held", way_out)),
        false => Some(Statement::absent(kind)),
    }
}

/// Whether the spec asks for something that the current run does not do (rule 14).
fn spec_changed(observed: &Observed<'_>) -> Statement {
    let kind = ConditionType::SpecChanged.as_str();
    let next = observed.session.spec.run.get().max(observed.run.get() + 1);
    let changed = |message: String| Statement::yes(kind, Reason::PinnedEarlier.as_str(), message);
    match (&observed.pinned, &observed.candidate) {
        (Some(_), Err(error)) => changed(format!("run {next} would take it, but cannot: {error}")),
        (Some(pinned), Ok(Some(candidate))) if !asks_the_same(pinned, candidate) => {
            changed(format!("takes effect with run {next}"))
        }
        _ => Statement::absent(kind),
    }
}

/// Whether two effective sessions differ only in what no edit of the session or its settings decides.
fn asks_the_same(pinned: &EffectiveSession, candidate: &EffectiveSession) -> bool {
    let comparable = EffectiveSession {
        pinned_at: pinned.pinned_at,
        generation: pinned.generation,
        source: pinned.source.clone(),
        context: pinned.context.clone(),
        agent: pinned.agent.clone(),
        results: pinned.results.clone(),
        ..candidate.clone()
    };
    comparable == *pinned
}
