//! Content blocks as they stream in: text, reasoning and tool calls, piece by piece.

use std::collections::{BTreeMap, BTreeSet};

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use serde_json::Value;

use super::{Owner, raw, text};

/// The blocks that are open, and which messages have been streamed.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    message: BTreeMap<Owner, String>,
    open: BTreeMap<(Owner, u64), Block>,
    streamed: BTreeSet<String>,
}

/// An open block and the id of its events.
#[derive(Debug, Clone)]
enum Block {
    Text(String),
    Thinking(String),
    Tool(String),
    /// Of a type unknown here: kept as it comes.
    Other,
}

impl Blocks {
    /// Whether a message's blocks have come as a stream, so that the whole message that follows says nothing new.
    pub(super) fn was_streamed(&self, message: &str) -> bool {
        self.streamed.contains(message)
    }

    /// Whether nothing is half said.
    pub(super) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes one event of the model's stream.
    pub(super) fn stream_event(&mut self, event: &Value, owner: &Owner) -> Vec<Event> {
        let key = (owner.clone(), event["index"].as_u64().unwrap_or_default());
        match event["type"].as_str() {
            Some("message_start") => {
                let id = text(&event["message"], "id").unwrap_or_else(|| "message".to_owned());
                self.streamed.insert(id.clone());
                self.message.insert(owner.clone(), id);
                self.break_off(owner)
            }
            Some("content_block_start") => self.begin(key, &event["content_block"]),
            Some("content_block_delta") => self.delta(&key, &event["delta"]),
            Some("content_block_stop") => {
                let block = self.open.remove(&key);
                block.map(|block| end(&block, owner)).unwrap_or_default()
            }
            // Usage in it is not final, and the end of a message says nothing that the result does not.
            Some("message_delta" | "message_stop" | "ping") => Vec::new(),
            _ => vec![raw(event.clone())],
        }
    }

    /// What a broken stream has left open ends with the next message.
    fn break_off(&mut self, owner: &Owner) -> Vec<Event> {
        let left = self.open.extract_if(.., |key, _| key.0 == *owner);
        left.flat_map(|(_, block)| end(&block, owner)).collect()
    }

    fn begin(&mut self, key: (Owner, u64), content: &Value) -> Vec<Event> {
        let message = self.message.get(&key.0).cloned().unwrap_or_else(|| "message".to_owned());
        let id = format!("{message}.{}", key.1);
        let owner = key.0.clone();
        let (block, mut events) = match content["type"].as_str() {
            Some("text") => (Block::Text(id.clone()), begin_text(&id, &owner)),
            Some("thinking") => (Block::Thinking(id.clone()), begin_thinking(&id, &owner)),
            Some("tool_use") => {
                let call = text(content, "id").unwrap_or(id);
                let name = text(content, "name").unwrap_or_default();
                let start = begin_tool(&call, &name, &message, &owner);
                (Block::Tool(call), vec![start])
            }
            _ => (Block::Other, vec![raw(content.clone())]),
        };
        // A block that is not closed before another takes its place ends here.
        if let Some(replaced) = self.open.insert(key, block) {
            let mut ended = end(&replaced, &owner);
            ended.append(&mut events);
            return ended;
        }
        events
    }

    fn delta(&self, key: &(Owner, u64), delta: &Value) -> Vec<Event> {
        let piece = |field: &str| delta[field].as_str().unwrap_or_default();
        let owner = &key.0;
        let event = match (self.open.get(key), delta["type"].as_str()) {
            (Some(Block::Text(id)), Some("text_delta")) => text_piece(id, piece("text"), owner),
            (Some(Block::Thinking(id)), Some("thinking_delta")) => {
                thinking_piece(id, piece("thinking"), owner)
            }
            (Some(Block::Tool(id)), Some("input_json_delta")) => tool_piece(id, piece("partial_json"), owner),
            // It proves the reasoning to the service that made it, and means nothing to a reader.
            (_, Some("signature_delta")) => return Vec::new(),
            _ => raw(delta.clone()),
        };
        vec![event]
    }
}

/// The events of a whole block that has not been streamed.
pub(super) fn whole_block(id: &str, message: &str, content: &Value, owner: &Owner) -> Vec<Event> {
    match content["type"].as_str() {
        Some("text") => {
            let mut events = begin_text(id, owner);
            events.push(text_piece(id, content["text"].as_str().unwrap_or_default(), owner));
            events.extend(end(&Block::Text(id.to_owned()), owner));
            events
        }
        Some("thinking") => {
            let mut events = begin_thinking(id, owner);
            events.push(thinking_piece(id, content["thinking"].as_str().unwrap_or_default(), owner));
            events.extend(end(&Block::Thinking(id.to_owned()), owner));
            events
        }
        Some("tool_use") => {
            let call = text(content, "id").unwrap_or_else(|| id.to_owned());
            let name = text(content, "name").unwrap_or_default();
            let mut events = vec![begin_tool(&call, &name, message, owner)];
            events.push(tool_piece(&call, &content["input"].to_string(), owner));
            events.extend(end(&Block::Tool(call), owner));
            events
        }
        _ => vec![raw(content.clone())],
    }
}

fn begin_text(id: &str, owner: &Owner) -> Vec<Event> {
    let (message_id, subagent_run_id) = (id.to_owned(), owner.clone());
    vec![EventBody::TextMessageStart { message_id, role: None, name: None, subagent_run_id }.into()]
}

fn begin_thinking(id: &str, owner: &Owner) -> Vec<Event> {
    let (message_id, subagent_run_id) = (id.to_owned(), owner.clone());
    let span = EventBody::ReasoningStart {
        message_id: message_id.clone(),
        subagent_run_id: subagent_run_id.clone(),
    };
    let role = Some("reasoning".to_owned());
    vec![span.into(), EventBody::ReasoningMessageStart { message_id, role, subagent_run_id }.into()]
}

fn begin_tool(call: &str, name: &str, message: &str, owner: &Owner) -> Event {
    EventBody::ToolCallStart {
        tool_call_id: call.to_owned(),
        tool_call_name: name.to_owned(),
        parent_message_id: Some(message.to_owned()),
        subagent_run_id: owner.clone(),
    }
    .into()
}

fn text_piece(id: &str, delta: &str, owner: &Owner) -> Event {
    let (message_id, delta, subagent_run_id) = (id.to_owned(), delta.to_owned(), owner.clone());
    EventBody::TextMessageContent { message_id, delta, subagent_run_id }.into()
}

fn thinking_piece(id: &str, delta: &str, owner: &Owner) -> Event {
    let (message_id, delta, subagent_run_id) = (id.to_owned(), delta.to_owned(), owner.clone());
    EventBody::ReasoningMessageContent { message_id, delta, subagent_run_id }.into()
}

fn tool_piece(call: &str, delta: &str, owner: &Owner) -> Event {
    let (tool_call_id, delta, subagent_run_id) = (call.to_owned(), delta.to_owned(), owner.clone());
    EventBody::ToolCallArgs { tool_call_id, delta, subagent_run_id }.into()
}

fn end(block: &Block, owner: &Owner) -> Vec<Event> {
    let subagent_run_id = owner.clone();
    match block {
        Block::Text(id) => {
            vec![EventBody::TextMessageEnd { message_id: id.clone(), subagent_run_id }.into()]
        }
        Block::Thinking(id) => {
            let message_id = id.clone();
            let inner = EventBody::ReasoningMessageEnd {
                message_id: message_id.clone(),
                subagent_run_id: subagent_run_id.clone(),
            };
            vec![inner.into(), EventBody::ReasoningEnd { message_id, subagent_run_id }.into()]
        }
        Block::Tool(id) => vec![EventBody::ToolCallEnd { tool_call_id: id.clone(), subagent_run_id }.into()],
        Block::Other => Vec::new(),
    }
}
