//! One message while it is streamed: what of it is open, and how its pieces become events.

use std::collections::BTreeMap;

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use serde_json::Value;

use super::message::{Message, Piece, ToolCall, ToolCallChunk};

/// A message that may go on.
#[derive(Debug)]
pub(super) struct OpenMessage {
    id: String,
    /// Parts begun: text before and after a call are two messages for AG-UI.
    parts: u32,
    text: Option<String>,
    reasoning: Option<String>,
    /// Calls by their place in the message.
    calls: BTreeMap<String, String>,
}

impl OpenMessage {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), parts: 0, text: None, reasoning: None, calls: BTreeMap::new() }
    }

    /// Takes a piece of the message, or all of it.
    pub(super) fn take(&mut self, message: &Message) -> Vec<Event> {
        let mut events = Vec::new();
        for piece in message.pieces() {
            match piece {
                Piece::Text(text) => self.say(&text, &mut events),
                Piece::Reasoning(text) => self.think(text, &mut events),
            }
        }
        match &message.tool_call_chunks {
            Some(chunks) if message.is_chunk() => {
                chunks.iter().for_each(|chunk| self.chunk(chunk, &mut events));
            }
            _ => message.tool_calls.iter().flatten().for_each(|call| self.call(call, &mut events)),
        }
        events
    }

    /// Ends what is open.
    pub(super) fn close(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.hush(&mut events);
        events.extend(self.calls.values().map(|id| Event::tool_end(id)));
        events
    }

    /// Whether a call of it is open.
    pub(super) fn has_call(&self, id: &str) -> bool {
        self.calls.values().any(|open| open == id)
    }

    fn say(&mut self, delta: &str, events: &mut Vec<Event>) {
        if self.text.is_none() {
            self.hush(events);
            let id = self.next_part();
            events.push(Event::text_start(&id));
            self.text = Some(id);
        }
        if let Some(id) = &self.text {
            events.push(Event::text_content(id, delta));
        }
    }

    fn think(&mut self, delta: String, events: &mut Vec<Event>) {
        if self.reasoning.is_none() {
            self.hush(events);
            let message_id = self.next_part();
            let (id, role) = (message_id.clone(), Some("reasoning".to_owned()));
            let start = EventBody::ReasoningStart { message_id: id.clone(), subagent_run_id: None };
            let message = EventBody::ReasoningMessageStart { message_id: id, role, subagent_run_id: None };
            events.extend([start, message].map(Event::from));
            self.reasoning = Some(message_id);
        }
        if let Some(message_id) = self.reasoning.clone() {
            let content = EventBody::ReasoningMessageContent { message_id, delta, subagent_run_id: None };
            events.push(content.into());
        }
    }

    fn call(&mut self, call: &ToolCall, events: &mut Vec<Event>) {
        let Some(id) = &call.id else { return };
        self.hush(events);
        events.extend([
            Event::tool_start(id, &call.name, None),
            Event::tool_args(id, &call.args.to_string()),
            Event::tool_end(id),
        ]);
    }

    fn chunk(&mut self, chunk: &ToolCallChunk, events: &mut Vec<Event>) {
        let place = chunk.index.as_ref().map_or_else(String::new, Value::to_string);
        if let (Some(id), Some(name)) = (&chunk.id, &chunk.name)
            && !self.has_call(id)
        {
            self.hush(events);
            events.push(Event::tool_start(id, name, None));
            let before = self.calls.insert(place.clone(), id.clone());
            events.extend(before.map(|id| Event::tool_end(&id)));
        }
        let args = chunk.args.as_deref().filter(|args| !args.is_empty());
        if let (Some(id), Some(args)) = (self.calls.get(&place), args) {
            events.push(Event::tool_args(id, args));
        }
    }

    /// Ends text and reasoning; calls may go on beside them.
    fn hush(&mut self, events: &mut Vec<Event>) {
        events.extend(self.text.take().map(|id| Event::text_end(&id)));
        if let Some(message_id) = self.reasoning.take() {
            let id = message_id.clone();
            let end = EventBody::ReasoningMessageEnd { message_id: id, subagent_run_id: None };
            let span = EventBody::ReasoningEnd { message_id, subagent_run_id: None };
            events.extend([end, span].map(Event::from));
        }
    }

    fn next_part(&mut self) -> String {
        self.parts += 1;
        if self.parts == 1 { self.id.clone() } else { format!("{}#{}", self.id, self.parts) }
    }
}
