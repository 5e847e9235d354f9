//! Short ways to make the events that bridges make all the time.

use serde_json::Value;

use super::{Event, EventBody, MessageRole, PROTOCOL_VERSION, RunOutcome, TokenUsage};
use crate::input::RunAgentInput;

impl Event {
    /// `RUN_STARTED` with its input, so that the log alone tells what was asked.
    #[must_use]
    pub fn run_started(input: RunAgentInput) -> Self {
        EventBody::RunStarted {
            thread_id: input.thread_id.clone(),
            run_id: input.run_id.clone(),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            parent_run_id: input.parent_run_id.clone(),
            input: Some(Box::new(input)),
        }
        .into()
    }

    /// `RUN_FINISHED`.
    #[must_use]
    pub fn run_finished(
        thread_id: &str,
        run_id: &str,
        result: Option<Value>,
        outcome: RunOutcome,
        usage: Vec<TokenUsage>,
    ) -> Self {
        EventBody::RunFinished {
            thread_id: thread_id.to_owned(),
            run_id: run_id.to_owned(),
            result,
            outcome: Some(outcome),
            usage: (!usage.is_empty()).then_some(usage),
        }
        .into()
    }

    /// `RUN_ERROR` with a public code.
    #[must_use]
    pub fn run_error(code: &str, message: &str, usage: Vec<TokenUsage>) -> Self {
        EventBody::RunError {
            message: message.to_owned(),
            code: Some(code.to_owned()),
            usage: (!usage.is_empty()).then_some(usage),
        }
        .into()
    }

    /// `TEXT_MESSAGE_START` of the assistant.
    #[must_use]
    pub fn text_start(message_id: &str) -> Self {
        EventBody::TextMessageStart {
            message_id: message_id.to_owned(),
            role: Some(MessageRole::Assistant),
            name: None,
            subagent_run_id: None,
        }
        .into()
    }

    /// `TEXT_MESSAGE_CONTENT`.
    #[must_use]
    pub fn text_content(message_id: &str, delta: &str) -> Self {
        EventBody::TextMessageContent {
            message_id: message_id.to_owned(),
            delta: delta.to_owned(),
            subagent_run_id: None,
        }
        .into()
    }

    /// `TEXT_MESSAGE_END`.
    #[must_use]
    pub fn text_end(message_id: &str) -> Self {
        EventBody::TextMessageEnd { message_id: message_id.to_owned(), subagent_run_id: None }.into()
    }

    /// `TOOL_CALL_START`.
    #[must_use]
    pub fn tool_start(tool_call_id: &str, name: &str, parent_message_id: Option<String>) -> Self {
        EventBody::ToolCallStart {
            tool_call_id: tool_call_id.to_owned(),
            tool_call_name: name.to_owned(),
            parent_message_id,
            subagent_run_id: None,
        }
        .into()
    }

    /// `TOOL_CALL_ARGS`.
    #[must_use]
    pub fn tool_args(tool_call_id: &str, delta: &str) -> Self {
        EventBody::ToolCallArgs {
            tool_call_id: tool_call_id.to_owned(),
            delta: delta.to_owned(),
            subagent_run_id: None,
        }
        .into()
    }

    /// `TOOL_CALL_END`.
    #[must_use]
    pub fn tool_end(tool_call_id: &str) -> Self {
        EventBody::ToolCallEnd { tool_call_id: tool_call_id.to_owned(), subagent_run_id: None }.into()
    }

    /// `TOOL_CALL_RESULT` with a text.
    #[must_use]
    pub fn tool_result(message_id: &str, tool_call_id: &str, content: &str) -> Self {
        EventBody::ToolCallResult {
            message_id: message_id.to_owned(),
            tool_call_id: tool_call_id.to_owned(),
            content: Value::String(content.to_owned()),
            role: Some("tool".to_owned()),
            subagent_run_id: None,
        }
        .into()
    }

    /// [`IGNORED`](super::IGNORED): something that was asked for has no effect.
    #[must_use]
    pub fn ignored(what: &str, why: &str) -> Self {
        Self::custom(super::IGNORED, serde_json::json!({"what": what, "why": why}))
    }

    /// `CUSTOM`.
    #[must_use]
    pub fn custom(name: &str, value: Value) -> Self {
        EventBody::Custom { name: name.to_owned(), value, subagent_run_id: None }.into()
    }
}
