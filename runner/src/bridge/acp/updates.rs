//! What an agent tells of its work: the kinds of `session/update`, version 1 of the protocol.

use serde::Deserialize;
use serde_json::Value;

/// One update.
#[derive(Debug, Deserialize)]
#[serde(tag = "sessionUpdate", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Update {
    /// A piece of what it says.
    AgentMessageChunk {
        content: Value,
        #[serde(default)]
        message_id: Option<String>,
    },
    /// A piece of what it thinks.
    AgentThoughtChunk {
        content: Value,
        #[serde(default)]
        message_id: Option<String>,
    },
    /// A repetition of what it was asked.
    UserMessageChunk {},
    /// A tool call begins.
    ToolCall(ToolCall),
    /// A tool call goes on; what is absent has not changed.
    #[serde(rename = "tool_call_update")]
    ToolCallChange(ToolCall),
    /// What it means to do, whole.
    Plan { entries: Vec<Value> },
    /// Commands that a person could type.
    #[serde(rename = "available_commands_update")]
    AvailableCommands {},
    /// What the session is called, or how it is set.
    #[serde(rename = "session_info_update", alias = "current_mode_update", alias = "config_option_update")]
    Settings {},
    /// How much of the context is used, and what the session has cost so far.
    #[serde(rename = "usage_update")]
    Usage {
        #[serde(default)]
        cost: Option<Cost>,
    },
}

/// Money.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cost {
    pub(super) amount: f64,
    pub(super) currency: String,
}

/// A tool call, or a change of one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolCall {
    pub(super) tool_call_id: String,
    /// For people, as `Writing to a.txt`.
    pub(super) title: Option<String>,
    /// The tool's own name; few agents give it.
    pub(super) name: Option<String>,
    /// `read`, `edit`, `execute` and so on.
    pub(super) kind: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) content: Option<Vec<Value>>,
    pub(super) locations: Option<Vec<Value>>,
    pub(super) raw_input: Option<Value>,
    pub(super) raw_output: Option<Value>,
    #[serde(default, rename = "_meta")]
    pub(super) extension: Value,
}

impl ToolCall {
    /// What a command has put out since the last update, where the agent shows a terminal of its own: an extension of the
    /// protocol that clients and agents share.
    pub(super) fn output(&self) -> Option<&str> {
        let told = |name: &str| self.extension[name]["data"].as_str();
        told("terminal_output_delta").or_else(|| told("terminal_output"))
    }
}

/// How far a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Pending,
    InProgress,
    Completed,
    Failed,
    #[serde(other)]
    Other,
}

/// The text of a content block; none where it is another kind of content.
pub(super) fn block_text(content: &Value) -> Option<&str> {
    (content["type"].as_str() == Some("text")).then(|| content["text"].as_str())?
}
