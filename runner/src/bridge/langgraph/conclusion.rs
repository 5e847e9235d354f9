//! What the end of a run amounts to: the server's word, the graph's error, and questions that nobody can answer yet.

use std::collections::BTreeMap;

use ambient_protocol::outcome::ExitReason;
use serde_json::Value;

use super::transcript::Transcript;
use crate::bridge::{Failure, Report};
use crate::carrier::AgentExit;

/// The end, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    /// Open questions by id.
    questions: BTreeMap<String, Value>,
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
    /// Looks for questions in what nodes have written: `{"__interrupt__": [{"id", "value"}]}`.
    pub(super) fn note_questions(&mut self, update: &Value) {
        for question in update["__interrupt__"].as_array().into_iter().flatten() {
            let id = question["id"].as_str().unwrap_or_default().to_owned();
            self.questions.insert(id, question["value"].clone());
        }
    }

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

    /// Judges. The exit code counts only where nothing was said.
    pub(super) fn report(&mut self, exit: AgentExit, transcript: &Transcript) -> Report {
        let models = transcript.models();
        Report {
            failure: self.failure(exit),
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
                "success" if self.questions.is_empty() => return None,
                "success" => self.unanswered(),
                "interrupted" => "the run was cancelled at the graph's server".to_owned(),
                "timeout" => "the graph's server ended the run: its time is over there".to_owned(),
                other => format!("the graph's run ended with status \"{other}\" and without a reason"),
            },
        };
        Some(Failure { reason: ExitReason::AgentFailed, message })
    }

    fn unanswered(&self) -> String {
        let questions: Vec<_> = self.questions.values().map(question).collect();
        format!("the graph asks a person, and nobody can be asked yet: {}", questions.join("; "))
    }
}

fn question(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
