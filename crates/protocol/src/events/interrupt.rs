//! How a run ends, and what it may wait for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::metadata;

/// The outcome of `RUN_FINISHED`; absent means success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum RunOutcome {
    /// It reached its end.
    Success {
        /// Tool calls left for the client to answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending_tool_call_ids: Vec<String>,
    },
    /// It waits for a person.
    Interrupt {
        /// What for; at least one.
        interrupts: Vec<Interrupt>,
    },
    /// It was cancelled.
    Cancelled,
}

/// One question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interrupt {
    /// Its id, named by the answer.
    pub id: String,
    /// `tool_call`, `input_required`, `confirmation`, or `<framework>:<name>`.
    pub reason: String,
    /// The question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The tool call it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// JSON schema of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<Value>,
    /// ISO 8601 time after which it counts as denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Additions by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The subagent that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_run_id: Option<String>,
}

impl Interrupt {
    /// A question with nothing but its id and reason.
    #[must_use]
    pub fn new(id: &str, reason: &str) -> Self {
        Self {
            id: id.to_owned(),
            reason: reason.to_owned(),
            message: None,
            tool_call_id: None,
            response_schema: None,
            expires_at: None,
            metadata: None,
            subagent_run_id: None,
        }
    }

    /// The same question with a value under `metadata.ambient.<name>`.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: Value) -> Self {
        metadata::put(&mut self.metadata, name, value);
        self
    }

    /// The value under `metadata.ambient.<name>`.
    #[must_use]
    pub fn ambient_metadata(&self, name: &str) -> Option<&Value> {
        metadata::get(self.metadata.as_ref(), name)
    }

    /// The question in words, or what kind of question it is.
    #[must_use]
    pub fn question(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.reason)
    }
}
