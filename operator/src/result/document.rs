//! `result.yaml`, put together from what the run was told and what it said.

use ambient_protocol::documents::API_VERSION;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::installation::Installation;
use ambient_protocol::ledger::{Ending, TranscriptReference};
use ambient_protocol::outcome::Outcome;
use ambient_protocol::result::{EffectiveSummary, Execution, OutcomeSummary, Output, RunResult};
use jiff::Timestamp;

/// All that a result is made from.
pub(crate) struct ResultInputs<'a> {
    /// What the run was told.
    pub session: &'a EffectiveSession,
    /// Who ran it.
    pub installation: &'a Installation,
    /// What its runner said; absent for a run that left no outcome.
    pub outcome: Option<&'a Outcome>,
    /// How it ended.
    pub ending: &'a Ending,
    /// What it left in repositories.
    pub outputs: &'a [Output],
    /// Its transcript.
    pub transcript: Option<&'a TranscriptReference>,
}

/// Makes the document.
#[must_use]
pub(crate) fn result_document(inputs: &ResultInputs<'_>) -> RunResult {
    let ResultInputs { session, installation, outcome, ending, outputs, transcript } = *inputs;
    let started_at = outcome.map_or(session.pinned_at, |outcome| outcome.started_at);
    let reported_model = outcome.and_then(|outcome| outcome.model.clone());
    RunResult {
        api_version: API_VERSION.to_owned(),
        kind: "RunResult".to_owned(),
        run: session.key.clone(),
        display_name: session.display_name.clone(),
        requested_by: session.requested_by.clone(),
        prompt: session.prompt.clone(),
        source: session.source.clone(),
        effective: EffectiveSummary {
            digest: session.digest(),
            runner_type: session.runner_type.clone(),
            image: session.agent.image.clone(),
            model: reported_model.or_else(|| session.model.name.clone()),
        },
        executed_by: Execution {
            installation: installation.name.clone(),
            cluster: installation.cluster.clone(),
            session_uid: session.session_uid.clone(),
            attempt: ending.attempt,
        },
        started_at: to_milliseconds(started_at),
        ended_at: to_milliseconds(ending.at),
        outcome: OutcomeSummary {
            phase: ending.phase,
            reason: ending.reason.clone(),
            message: ending.message.clone(),
            summary: outcome.map(|outcome| outcome.summary.clone()).unwrap_or_default(),
        },
        usage: ending.usage,
        outputs: outputs.to_vec(),
        transcript: transcript.cloned(),
        redactions: outcome.map(|outcome| outcome.redactions).unwrap_or_default(),
    }
}

/// As precise as people and programs need it; nanoseconds are noise in a file that is read.
pub(crate) fn to_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
