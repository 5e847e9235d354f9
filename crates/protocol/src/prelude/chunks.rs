//! Chunks: pieces of a message that has neither start nor end. A client takes those without an id for more of the one before.

use crate::constructs::{Construct, Owner};
use crate::events::{Event, EventBody};

/// A piece, and what it is a piece of.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) construct: Construct,
    pub(super) id: Option<&'a str>,
    pub(super) owner: &'a Owner,
    pub(super) delta: &'a str,
    body: &'a EventBody,
}

/// The chunk that an event is, if it is one.
pub(super) fn chunk(body: &EventBody) -> Option<Chunk<'_>> {
    use EventBody as E;
    let (construct, id, owner, delta) = match body {
        E::TextMessageChunk { message_id, delta, subagent_run_id, .. } => {
            (Construct::Text, message_id, subagent_run_id, delta)
        }
        E::ToolCallChunk { tool_call_id, delta, subagent_run_id, .. } => {
            (Construct::ToolCall, tool_call_id, subagent_run_id, delta)
        }
        E::ReasoningMessageChunk { message_id, delta, subagent_run_id } => {
            (Construct::ReasoningMessage, message_id, subagent_run_id, delta)
        }
        _ => return None,
    };
    Some(Chunk { construct, id: id.as_deref(), owner, delta: delta.as_deref().unwrap_or_default(), body })
}

impl<'a> Chunk<'a> {
    /// The start that the first chunk of a message stands for.
    pub(super) fn opening(&self) -> Option<(&'a str, Event)> {
        let id = self.id?;
        let subagent_run_id = self.owner.clone();
        let opening = match self.body {
            EventBody::TextMessageChunk { role, name, .. } => EventBody::TextMessageStart {
                message_id: id.to_owned(),
                role: *role,
                name: name.clone(),
                subagent_run_id,
            },
            EventBody::ToolCallChunk { tool_call_name, parent_message_id, .. } => EventBody::ToolCallStart {
                tool_call_id: id.to_owned(),
                tool_call_name: tool_call_name.clone()?,
                parent_message_id: parent_message_id.clone(),
                subagent_run_id,
            },
            _ => EventBody::ReasoningMessageStart { message_id: id.to_owned(), role: None, subagent_run_id },
        };
        Some((id, opening.into()))
    }
}

/// One chunk for all pieces of what an opening began.
pub(super) fn of(opening: &EventBody, text: &str) -> Option<EventBody> {
    let delta = Some(text.to_owned());
    match opening.clone() {
        EventBody::TextMessageStart { message_id, role, name, subagent_run_id } => {
            Some(EventBody::TextMessageChunk {
                message_id: Some(message_id),
                role,
                delta,
                name,
                subagent_run_id,
            })
        }
        EventBody::ToolCallStart { tool_call_id, tool_call_name, parent_message_id, subagent_run_id } => {
            Some(EventBody::ToolCallChunk {
                tool_call_id: Some(tool_call_id),
                tool_call_name: Some(tool_call_name),
                parent_message_id,
                delta,
                subagent_run_id,
            })
        }
        EventBody::ReasoningMessageStart { message_id, subagent_run_id, .. } => {
            Some(EventBody::ReasoningMessageChunk { message_id: Some(message_id), delta, subagent_run_id })
        }
        _ => None,
    }
}
