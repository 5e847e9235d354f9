//! What is said and done, in the order in which it is streamed; and from the state what was not streamed.

use std::collections::{BTreeMap, BTreeSet};

use ambient_protocol::Event;
use ambient_protocol::events::{EventBody, MessageRole};
use ambient_protocol::input::content_text;
use serde_json::Value;

use super::message::Message;
use super::models::Models;
use super::open::OpenMessage;
use super::raw;

/// The messages of a run.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// Messages that were told, or were there before the run.
    known: BTreeSet<String>,
    /// Those that are streamed now. Nodes may work side by side, so there may be several.
    open: BTreeMap<String, OpenMessage>,
    models: Models,
    has_begun: bool,
}

impl Transcript {
    /// Takes a frame of mode `messages`: a message or a piece of one, and what is known of its making.
    pub(super) fn message(&mut self, data: Value) -> Vec<Event> {
        let read = |value: &Value| serde_json::from_value::<Message>(value.clone()).ok();
        let Some(message) = data.get(0).and_then(read) else { return vec![raw(data)] };
        let Some(id) = message.id.clone() else { return vec![raw(data)] };
        if message.is_chunk() {
            self.models.count(&id, &message, data.get(1));
            return self.chunk(&id, &message);
        }
        if !self.known.insert(id.clone()) {
            return self.end(&id);
        }
        self.models.count(&id, &message, data.get(1));
        self.whole(&id, &message).unwrap_or_else(|| vec![raw(data)])
    }

    /// Takes the messages of the state. The first that comes is the state before the run's work; later ones hold also what
    /// nodes have written without streaming it.
    pub(super) fn messages_of_state(&mut self, state: &Value) -> Vec<Event> {
        let messages = state["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let mut events = Vec::new();
        for value in messages {
            let Ok(message) = serde_json::from_value::<Message>(value.clone()) else { continue };
            let Some(id) = message.id.clone() else { continue };
            if !self.known.insert(id.clone()) {
                events.extend(self.end(&id));
            } else if !is_first {
                self.models.count(&id, &message, None);
                events.extend(self.whole(&id, &message).unwrap_or_else(|| vec![raw(value.clone())]));
            }
        }
        events
    }

    /// Ends all that is open.
    pub(super) fn close(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.open).into_values().flat_map(OpenMessage::close).collect()
    }

    /// The models that were asked since this was asked for.
    pub(super) fn take_models(&mut self) -> Models {
        std::mem::take(&mut self.models)
    }

    fn chunk(&mut self, id: &str, message: &Message) -> Vec<Event> {
        if self.known.insert(id.to_owned()) {
            self.open.insert(id.to_owned(), OpenMessage::new(id));
        }
        let Some(open) = self.open.get_mut(id) else { return Vec::new() };
        let mut events = open.take(message);
        if message.chunk_position.as_deref() == Some("last") {
            events.extend(self.end(id));
        }
        events
    }

    /// A message that comes whole; none if it is of a kind that is not known.
    fn whole(&mut self, id: &str, message: &Message) -> Option<Vec<Event>> {
        match message.kind.as_str() {
            "ai" => {
                let mut open = OpenMessage::new(id);
                let mut events = open.take(message);
                events.extend(open.close());
                Some(events)
            }
            "tool" => self.result(id, message),
            "human" => Some(said_by(MessageRole::User, id, message)),
            "system" => Some(said_by(MessageRole::System, id, message)),
            _ => None,
        }
    }

    fn result(&mut self, id: &str, message: &Message) -> Option<Vec<Event>> {
        let call = message.tool_call_id.clone()?;
        // A result may come before the last piece of the message that asked for it.
        let asking = self.open.iter().find(|(_, open)| open.has_call(&call)).map(|(id, _)| id.clone());
        let mut events = asking.map(|asking| self.end(&asking)).unwrap_or_default();
        let result = Event::tool_result(id, &call, &content_text(&message.content));
        let failed = message.status.as_deref() == Some("error");
        events.push(if failed { result.with_metadata("isError", true.into()) } else { result });
        Some(events)
    }

    fn end(&mut self, id: &str) -> Vec<Event> {
        self.open.remove(id).map(OpenMessage::close).unwrap_or_default()
    }
}

/// A message that a node has written in another's name.
fn said_by(role: MessageRole, id: &str, message: &Message) -> Vec<Event> {
    let start = EventBody::TextMessageStart {
        message_id: id.to_owned(),
        role: Some(role),
        name: None,
        subagent_run_id: None,
    };
    let text = content_text(&message.content);
    vec![start.into(), Event::text_content(id, &text), Event::text_end(id)]
}
