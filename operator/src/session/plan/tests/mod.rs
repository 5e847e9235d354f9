//! Decisions, moment by moment.

mod ends;
mod losing;
mod runs;
mod sleep;
mod starts;

use ambient_protocol::ledger::Claim;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::outcome::Outcome;
use ambient_protocol::run::RunKey;
use ambient_protocol::usage::Usage;
use serde_json::{Value, json};

use super::super::effective::{EffectiveInputs, merge};
use super::super::observed::{AttemptState, PodState, ProjectState, Waiting, current_run};
use super::super::progress::{ClaimState, Progress, Recorded};
use super::super::sleep::Slept;
use super::*;
use ambient_crds::session::AgenticSession;
use ambient_protocol::effective::{ResultsMode, ResultsTarget};
use ambient_protocol::registry::AgentRegistry;

fn session(spec: &Value, status: &Value) -> AgenticSession {
    let mut with_prompt = json!({"initialPrompt": "do it"});
    with_prompt.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "AgenticSession",
        "metadata": {"name": "first", "namespace": "demo", "uid": "u", "generation": 1},
        "spec": with_prompt, "status": status,
    }))
    .unwrap()
}

fn key() -> RunKey {
    RunKey::new("demo", "first", 1).unwrap()
}

fn effective(session: &AgenticSession) -> EffectiveSession {
    let results = ResultsTarget {
        url: "/r".to_owned(),
        branch: "ambient-results".to_owned(),
        mode: ResultsMode::Commit,
        secret: None,
    };
    merge(EffectiveInputs {
        key: &key(),
        session,
        ceilings: None,
        settings: None,
        registry: &AgentRegistry::built_in(),
        results: &results,
        source: None,
        context: Vec::new(),
        now: "2026-11-21T10:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

fn entry(ended: bool) -> Box<LedgerEntry> {
    let claim = Claim {
        at: "2026-11-21T10:00:00Z".parse().unwrap(),
        installation: "other".to_owned(),
        cluster: "c".to_owned(),
        epoch: 1,
        session_uid: "v".to_owned(),
        source: None,
        effective_digest: String::new(),
        result_path: "results/demo/2026-11/first-r1".to_owned(),
    };
    let entry = LedgerEntry::claimed(key(), claim);
    Box::new(if ended { entry.ended(ending()) } else { entry })
}

fn ending() -> Ending {
    Ending {
        at: "2026-11-21T10:01:00Z".parse().unwrap(),
        phase: EndPhase::Completed,
        reason: "Completed".to_owned(),
        message: String::new(),
        attempt: 1,
        usage: Usage::default(),
        has_result: true,
        transcript: None,
        outputs: Vec::new(),
    }
}

fn outcome(exit: ExitReason) -> Box<Outcome> {
    let time = "2026-11-21T10:01:00Z".parse().unwrap();
    Box::new(Outcome {
        run: key(),
        attempt: 1,
        exit,
        message: String::new(),
        with_its_pod: false,
        summary: String::new(),
        model: None,
        usage: Usage::default(),
        started_at: time,
        ended_at: time,
        repositories: Vec::new(),
        events: 3,
        events_digest: String::new(),
        redactions: 0,
    })
}

/// A moment that is altered by each case: a session that is ready to start.
#[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
fn with(spec: Value, status: Value, change: impl FnOnce(&mut Observed<'_>)) -> SessionPlan {
    let session = session(&spec, &status);
    let candidate = effective(&session);
    let mut observed = Observed {
        session: &session,
        run: current_run(&session),
        project: ProjectState::Ready,
        ledger: LedgerView::Absent,
        pinned: None,
        candidate: Ok(Some(candidate)),
        attempt: None,
        leaving: false,
        slept: Slept::default(),
        has_volume: false,
        loss: None,
        progress: Progress::default(),
        waiting: None,
        namespace_terminating: false,
        has_broker: false,
        now: "2026-11-21T10:00:30Z".parse().unwrap(),
    };
    change(&mut observed);
    plan(&observed)
}

fn attempt(pod: PodState) -> Option<AttemptState> {
    Some(AttemptState {
        number: 1,
        job_name: "first-r1-a1".to_owned(),
        pod,
        is_going: false,
        is_unexplained: false,
    })
}

fn ready() -> PodState {
    PodState::Ready { address: "127.1.0.1".to_owned() }
}

fn words(plan: &SessionPlan) -> (Phase, &str, &str) {
    (plan.phase, plan.reason.as_str(), plan.action.name())
}

fn claimed_ours() -> LedgerView {
    LedgerView::Claimed { entry: entry(false), ours: true }
}

/// What a case alters, and the phase, reason and action that follow.
type Case = (&'static str, Value, Box<dyn FnOnce(&mut Observed<'_>)>, (Phase, &'static str, &'static str));
