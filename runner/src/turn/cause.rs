//! Why an agent is not followed any longer, and what its turn amounts to for that.

use std::time::Duration;

use ambient_protocol::outcome::ExitReason;
use tokio::time::Instant;

use super::TurnEnd;
use super::lines::Tail;
use crate::bridge::{Report, Translator};
use crate::carrier::AgentExit;
use crate::log::Recorder;

/// A silence, as it stands when it begins: what becomes of the agent when it is called off changes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(super) until: Instant,
    pub(super) patience: Duration,
    pub(super) of_model: bool,
}

/// Why the agent is not followed any longer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its process has ended.
    Ended(AgentExit),
    /// It has said all, and does not end.
    Lingered,
    /// It was stopped from outside.
    Stopped,
    /// Its turn was broken off, and it does not heed that.
    BrokenOff,
    /// Its time is over.
    TimedOut,
    /// It has said nothing for too long.
    Silent(Silence),
    /// Its bridge sees no good end.
    Hopeless(String),
    /// Its events cannot be stored.
    Unrecorded(String),
}

/// The words of a turn that was broken off.
pub(crate) const BROKEN_OFF: &str = "the turn was broken off";

impl Cause {
    /// Puts the platform's word above the agent's where that stands above.
    pub(super) fn judge(self, report: Report, complaints: &Tail, timeout: Duration) -> TurnEnd {
        let end = TurnEnd { report };
        match self {
            Self::Ended(_) | Self::Lingered => with_complaints(end, complaints),
            Self::Stopped => end.overridden(ExitReason::Stopped, "the run was stopped".to_owned()),
            Self::BrokenOff => end.overridden(ExitReason::Stopped, BROKEN_OFF.to_owned()),
            Self::TimedOut => {
                let message = format!("the agent's time of {} s is over", timeout.as_secs());
                end.overridden(ExitReason::TimedOut, message)
            }
            Self::Silent(silence) => {
                end.overridden(ExitReason::AgentFailed, told_of(silence, &complaints.text()))
            }
            Self::Hopeless(reason) => end.overridden(ExitReason::AgentFailed, reason),
            Self::Unrecorded(error) => end.overridden(ExitReason::AgentFailed, error),
        }
    }
}

/// Has the log say what an agent tells on standard error only.
pub(super) fn note_complaints(translator: &mut dyn Translator, complaints: &Tail, recorder: &mut Recorder) {
    let told = translator.complained(&complaints.text()).map(|event| recorder.record(event));
    if let Some(Err(error)) = told {
        tracing::warn!(%error, "what the agent complained of is not in the log");
    }
}

/// Some agents tell only on standard error that they ask an overloaded service again and again.
fn told_of(silence: Silence, complaints: &str) -> String {
    let patience = silence.patience.as_secs();
    let what = match silence.of_model {
        true => format!("the model gave no answer for {patience} s, and the agent was ended"),
        false => format!("the agent said nothing for {patience} s and was ended"),
    };
    if complaints.is_empty() { what } else { format!("{what}; it wrote: {complaints}") }
}

/// What a crashed agent wrote on standard error is mostly the best there is to say.
fn with_complaints(mut end: TurnEnd, complaints: &Tail) -> TurnEnd {
    let complaints = complaints.text();
    if let Some(failure) = &mut end.report.failure
        && failure.reason == ExitReason::AgentCrashed
        && !complaints.is_empty()
    {
        failure.message = format!("{}; it wrote: {complaints}", failure.message);
    }
    end
}
