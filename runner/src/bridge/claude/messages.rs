//! Whole messages: the assistant's where they were not streamed, and the results of tools.

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use ambient_protocol::input::content_text;
use serde_json::Value;

use super::blocks::{Blocks, whole_block};
use super::{Owner, text};

/// An assistant's message: with partial messages on, it repeats what has been streamed. Subagents and messages that
/// the program makes itself (errors of the service) come whole only.
pub(super) fn assistant(message: &Value, owner: &Owner, blocks: &Blocks) -> Vec<Event> {
    let id = text(message, "id").unwrap_or_else(|| "message".to_owned());
    if blocks.was_streamed(&id) {
        return Vec::new();
    }
    let contents = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let numbered = contents.iter().enumerate();
    numbered.flat_map(|(index, content)| whole_block(&format!("{id}.{index}"), &id, content, owner)).collect()
}

/// The results within a user's message; other content is what the agent was asked, which the log has already.
pub(super) fn tool_results(frame: &Value, owner: &Owner) -> Vec<Event> {
    let contents = frame["message"]["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    contents.iter().filter_map(|content| tool_result(content, owner)).collect()
}

fn tool_result(content: &Value, owner: &Owner) -> Option<Event> {
    if content["type"].as_str() != Some("tool_result") {
        return None;
    }
    let call = text(content, "tool_use_id")?;
    let event: Event = EventBody::ToolCallResult {
        message_id: format!("{call}.result"),
        tool_call_id: call,
        content: Value::String(content_text(&content["content"])),
        role: Some("tool".to_owned()),
        subagent_run_id: owner.clone(),
    }
    .into();
    let failed = content["is_error"].as_bool().unwrap_or_default();
    Some(if failed { event.with_metadata("isError", true.into()) } else { event })
}
