//! What the end of a run amounts to: the server's word, and the graph's error.

use ambient_protocol::outcome::ExitReason;
use serde_json::Value;

use super::models::Models;
use crate::bridge::{Failure, Report};
use crate::carrier::AgentExit;

/// The end, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    error: Option<String>,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    /// The server's word.
    Status(String),
    /// Why there is none.
    Failed(String),
}

impl Conclusion {
    /// Takes a frame of mode `error`: `{"error", "message"}`.
    pub(super) fn complain(&mut self, error: &Value) {
        let text = |name: &str| error[name].as_str();
        self.error = Some(match (text("error"), text("message")) {
            (Some(kind), Some(message)) => format!("{kind}: {message}"),
            _ => error.to_string(),
        });
    }

    pub(super) fn ended(&mut self, status: String) {
        self.end = Some(End::Status(status));
    }

    pub(super) fn failed(&mut self, message: String) {
        self.end = Some(End::Failed(message));
    }

    /// Whether the server has said how the run ended, and nothing was amiss.
    pub(super) fn is_good(&self) -> bool {
        self.failure(AgentExit::Unknown).is_none()
    }

    /// Judges a run, and begins with the next. The exit code counts only where nothing was said.
    pub(super) fn report(&mut self, exit: AgentExit, models: &Models) -> Report {
        let failure = std::mem::take(self).failure(exit);
        Report {
            failure,
            // The last message is the summary.
            summary: String::new(),
            model: models.last(),
            usage: models.usage(),
            cost_usd: None,
            turns: models.turns(),
        }
    }

    fn failure(&self, exit: AgentExit) -> Option<Failure> {
        let message = match (&self.end, &self.error) {
            (None, _) => return Some(Failure::no_result(exit)),
            (Some(End::Failed(message)), _) => message.clone(),
            (Some(End::Status(_)), Some(error)) => format!("the graph failed: {error}"),
            (Some(End::Status(status)), None) => match status.as_str() {
                "success" => return None,
                "interrupted" => "the run was cancelled at the graph's server".to_owned(),
                "timeout" => "the graph's server ended the run: its time is over there".to_owned(),
                other => format!("the graph's run ended with status \"{other}\" and without a reason"),
            },
        };
        Some(Failure { reason: ExitReason::AgentFailed, message })
    }
}
