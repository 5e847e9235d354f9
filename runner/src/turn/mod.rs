//! Turns: an agent's process, from its start to its reports.

mod agent;
mod cause;
mod lines;
mod terms;
mod voice;
mod watchdogs;

pub(crate) use agent::Agent;
pub(crate) use cause::{BROKEN_OFF, Cause};
pub(crate) use terms::{Job, Opening, Pause, Turn};
pub use watchdogs::Watchdogs;

use ambient_protocol::outcome::ExitReason;

use crate::bridge::{Failure, Report};

/// How a turn ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TurnEnd {
    /// What the agent said of it, with the platform's word where that stands above.
    pub(crate) report: Report,
}

impl TurnEnd {
    /// The public reason.
    pub(crate) fn exit(&self) -> ExitReason {
        self.report.failure.as_ref().map_or(ExitReason::Completed, |failure| failure.reason)
    }

    /// One sentence for people, empty after success.
    pub(crate) fn message(&self) -> &str {
        self.report.failure.as_ref().map_or("", |failure| failure.message.as_str())
    }

    pub(crate) fn failed(reason: ExitReason, message: impl Into<String>) -> Self {
        Self { report: Report::failed(reason, message) }
    }

    /// Puts a reason above what the agent said.
    pub(crate) fn overridden(mut self, reason: ExitReason, message: String) -> Self {
        self.report.failure = Some(Failure { reason, message });
        self
    }
}
