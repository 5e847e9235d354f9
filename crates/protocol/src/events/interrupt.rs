//! How a run ends, and what it may wait for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
