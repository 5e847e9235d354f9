//! Sessions that must have completed first. What counts is their run in the ledger: what it left is in Git then, and the
//! session itself may be long gone from the cluster (rule 15).

use ambient_crds::names::RunNumber;
use ambient_crds::phase::Phase;
use ambient_crds::session::{AgenticSession, Dependency};
use ambient_protocol::effective::ContextItem;
use ambient_protocol::ledger::{EndPhase, LedgerEntry};
use ambient_protocol::result::{RESULT_FILE, RunResult};
use ambient_protocol::run::RunKey;

use super::fetch::{Inputs, results_target};
use crate::context::Context;
use crate::ledger::{ReadError, Snapshot};

/// One dependency, and the session it names as it stands.
#[derive(Debug)]
pub(super) struct Required {
    /// What is asked for.
    pub dependency: Dependency,
    /// The session; none where there is none in the cluster.
    pub session: Option<AgenticSession>,
}

/// How what comes first stands.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// What is waited for, if anything.
    pub unmet: Option<String>,
    /// What those have left that have completed, for the agent.
    pub results: Vec<ContextItem>,
}

/// Looks at all of them.
pub(super) async fn look(context: &Context, inputs: &Inputs) -> Dependencies {
    // Without a target nothing starts anyway.
    let target = inputs.project.as_ref().and_then(results_target);
    let Some(target) = target.filter(|_| !inputs.dependencies.is_empty()) else {
        return Dependencies::default();
    };
    let snapshot = match context.results.branch(&target).await {
        Ok(branch) => branch.snapshot().await,
        Err(error) => Err(error),
    };
    let found = snapshot.and_then(|snapshot| Ok(all(inputs, &snapshot)?));
    found.unwrap_or_else(|error| Dependencies { unmet: Some(error.to_string()), results: Vec::new() })
}

fn all(inputs: &Inputs, snapshot: &Snapshot) -> Result<Dependencies, ReadError> {
    let mut results = Vec::new();
    for required in &inputs.dependencies {
        match state(required, inputs.key.project(), snapshot)? {
            State::Unmet(why) => return Ok(Dependencies { unmet: Some(why), results: Vec::new() }),
            // What is pinned is not looked up again.
            State::Completed(entry) if inputs.pinned.is_none() => results.push(result_of(&entry, snapshot)?),
            State::Completed(_) => {}
        }
    }
    Ok(Dependencies { unmet: None, results })
}

/// How one dependency stands.
enum State {
    Unmet(String),
    Completed(Box<LedgerEntry>),
}

fn state(required: &Required, project: &str, snapshot: &Snapshot) -> Result<State, ReadError> {
    let name = &required.dependency.name;
    let wanted = required.dependency.run.or_else(|| Some(required.session.as_ref()?.spec.run));
    let entry = match wanted.and_then(|run| RunKey::new(project, name, run.get()).ok()) {
        Some(key) => snapshot.entry(&key)?,
        None => newest(project, name, snapshot)?,
    };
    let phase = entry.as_ref().and_then(|entry| Some(entry.ended.as_ref()?.phase));
    Ok(match (entry, phase) {
        (Some(entry), Some(EndPhase::Completed)) => State::Completed(Box::new(entry)),
        (Some(entry), Some(phase)) => {
            let (run, phase) = (entry.run.run(), phase.as_str());
            State::Unmet(format!("run {run} of session {name} is {phase}; it must be Completed"))
        }
        _ => State::Unmet(in_cluster(name, wanted, required.session.as_ref())),
    })
}

/// What a completed run has left, in words for an agent: its summary, and where its commits are.
fn result_of(entry: &LedgerEntry, snapshot: &Snapshot) -> Result<ContextItem, ReadError> {
    let result: Option<RunResult> =
        snapshot.document(&format!("{}/{RESULT_FILE}", entry.claim.result_path))?;
    let summary = result.map(|result| result.outcome.summary).filter(|summary| !summary.is_empty());
    let outputs = entry.ended.iter().flat_map(|ending| &ending.outputs);
    let branches = outputs.filter_map(|output| {
        Some(format!("{}: branch {} at {}", output.repo, output.branch.as_ref()?, output.commit.as_ref()?))
    });
    let lines: Vec<String> = summary.into_iter().chain(branches).collect();
    let value =
        if lines.is_empty() { "It left neither words nor commits.".to_owned() } else { lines.join("\n") };
    let description = format!("Result of run {} of session {}", entry.run.run(), entry.run.session());
    Ok(ContextItem { description, value })
}

fn newest(project: &str, session: &str, snapshot: &Snapshot) -> Result<Option<LedgerEntry>, ReadError> {
    let entries = snapshot.entries(project)?.into_iter();
    Ok(entries.filter(|entry| entry.run.session() == session).max_by_key(|entry| entry.run.run()))
}

/// How a run stands that has not ended in the ledger.
fn in_cluster(name: &str, wanted: Option<RunNumber>, session: Option<&AgenticSession>) -> String {
    let Some(session) = session else {
        return format!("session {name} does not exist");
    };
    let status = session.status.as_ref().filter(|status| status.run == wanted);
    match status.and_then(|status| status.phase) {
        Some(Phase::Completed) => format!("the result of session {name} is not recorded yet"),
        Some(phase) if phase.is_ended() => format!("session {name} is {phase}; it must be Completed"),
        // Whoever waits is woken by an ending only: how far it has got would be told too late.
        _ => format!("run {} of session {name} has not ended", wanted.unwrap_or_default()),
    }
}
