//! The event types of AG-UI 1.0 and their fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::interrupt::RunOutcome;
use crate::input::{Message, RunAgentInput};

macro_rules! event_bodies {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $wire:literal { $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)? }
    )+) => {
        /// An event's type and the fields of that type.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        #[expect(missing_docs, reason = "the fields are AG-UI's own; its specification explains them")]
        pub enum EventBody {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $wire, rename_all = "camelCase")]
                $name { $( $(#[$field_meta])* $field: $type ),* },
            )+
        }

        impl EventBody {
            /// The wire names of all event types.
            pub const KINDS: &'static [&'static str] = &[$($wire),+];

            /// The wire name of this event's type.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$name { .. } => $wire, )+ }
            }

            /// Whether `kind` is the wire name of a type of this version.
            #[must_use]
            pub fn is_known(kind: &str) -> bool {
                Self::KINDS.contains(&kind)
            }
        }
    };
}

event_bodies! {
    /// A run begins.
    RunStarted = "RUN_STARTED" {
        thread_id: String,
        run_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] protocol_version: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_run_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] input: Option<Box<RunAgentInput>>,
    }
    /// A run ends well, or to wait for a person.
    RunFinished = "RUN_FINISHED" {
        thread_id: String,
        run_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] result: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] outcome: Option<RunOutcome>,
        #[serde(default, skip_serializing_if = "Option::is_none")] usage: Option<Vec<TokenUsage>>,
    }
    /// A run ends badly.
    RunError = "RUN_ERROR" {
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] code: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] usage: Option<Vec<TokenUsage>>,
    }
    /// A named step begins.
    StepStarted = "STEP_STARTED" {
        step_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A named step ends.
    StepFinished = "STEP_FINISHED" {
        step_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A message begins; without a role it is the assistant's.
    TextMessageStart = "TEXT_MESSAGE_START" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<MessageRole>,
        #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a message.
    TextMessageContent = "TEXT_MESSAGE_CONTENT" {
        message_id: String,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A message ends.
    TextMessageEnd = "TEXT_MESSAGE_END" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a message that needs no start and end.
    TextMessageChunk = "TEXT_MESSAGE_CHUNK" {
        #[serde(default, skip_serializing_if = "Option::is_none")] message_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<MessageRole>,
        #[serde(default, skip_serializing_if = "Option::is_none")] delta: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A tool call begins.
    ToolCallStart = "TOOL_CALL_START" {
        tool_call_id: String,
        tool_call_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_message_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a tool call's arguments.
    ToolCallArgs = "TOOL_CALL_ARGS" {
        tool_call_id: String,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A tool call's arguments are complete.
    ToolCallEnd = "TOOL_CALL_END" {
        tool_call_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a tool call that needs no start and end.
    ToolCallChunk = "TOOL_CALL_CHUNK" {
        #[serde(default, skip_serializing_if = "Option::is_none")] tool_call_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] tool_call_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_message_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] delta: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// What a tool call returned: a text, or parts.
    ToolCallResult = "TOOL_CALL_RESULT" {
        message_id: String,
        tool_call_id: String,
        content: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A reasoning span begins.
    ReasoningStart = "REASONING_START" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A reasoning message begins.
    ReasoningMessageStart = "REASONING_MESSAGE_START" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a reasoning message.
    ReasoningMessageContent = "REASONING_MESSAGE_CONTENT" {
        message_id: String,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A reasoning message ends.
    ReasoningMessageEnd = "REASONING_MESSAGE_END" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A piece of a reasoning message that needs no start and end.
    ReasoningMessageChunk = "REASONING_MESSAGE_CHUNK" {
        #[serde(default, skip_serializing_if = "Option::is_none")] message_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] delta: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A reasoning span ends.
    ReasoningEnd = "REASONING_END" {
        message_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// Reasoning that only the provider can read.
    ReasoningEncryptedValue = "REASONING_ENCRYPTED_VALUE" {
        subtype: ReasoningSubtype,
        entity_id: String,
        encrypted_value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A subagent begins.
    SubagentStarted = "SUBAGENT_STARTED" {
        subagent_run_id: String,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_subagent_run_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_tool_call_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] parent_message_id: Option<String>,
    }
    /// A subagent ends well, or is suspended.
    SubagentFinished = "SUBAGENT_FINISHED" {
        subagent_run_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] result: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] outcome: Option<SubagentOutcome>,
    }
    /// A subagent ends badly.
    SubagentError = "SUBAGENT_ERROR" {
        subagent_run_id: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] code: Option<String>,
    }
    /// The shared state, whole.
    StateSnapshot = "STATE_SNAPSHOT" {
        snapshot: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A change of the shared state (RFC 6902).
    StateDelta = "STATE_DELTA" {
        delta: Vec<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// The conversation so far, whole.
    MessagesSnapshot = "MESSAGES_SNAPSHOT" { messages: Vec<Message> }
    /// Something going on that is shown, whole.
    ActivitySnapshot = "ACTIVITY_SNAPSHOT" {
        message_id: String,
        activity_type: String,
        content: BTreeMap<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] replace: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// A change of it (RFC 6902).
    ActivityDelta = "ACTIVITY_DELTA" {
        message_id: String,
        activity_type: String,
        patch: Vec<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// An event of the framework that has no place here.
    Raw = "RAW" {
        event: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")] source: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
    /// An event of our own.
    Custom = "CUSTOM" {
        name: String,
        value: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")] subagent_run_id: Option<String>,
    }
}

/// Who a text message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the roles are AG-UI's own")]
pub enum MessageRole {
    Developer,
    System,
    Assistant,
    User,
}

/// What an encrypted value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the kinds are AG-UI's own")]
pub enum ReasoningSubtype {
    ToolCall,
    Message,
}

/// How a subagent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SubagentOutcome {
    /// It reached its end.
    Success,
    /// It waits for a person.
    Suspended {
        /// The interrupts it waits for.
        #[serde(default, rename = "interruptIds", skip_serializing_if = "Vec::is_empty")]
        interrupt_ids: Vec<String>,
    },
}

/// Tokens of one model. `input_tokens` includes cache reads and writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the fields are AG-UI's own")]
pub struct TokenUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_input_tokens: Option<u64>,
}
