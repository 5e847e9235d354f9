//! Messages that are closed: kept from the newest to as far back as there is room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::bounded::{TEXT_LIMIT, cut, size};
use crate::events::{Event, EventBody};
use crate::input::{Message, content_text};

/// Most bytes of all messages together.
pub(super) const LIMIT: usize = 2 * 1024 * 1024;
/// What a message takes beside its texts.
const OVERHEAD: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// With the number of the event that began each.
    messages: VecDeque<(u64, Message)>,
    size: usize,
    left_out: u64,
}

impl Kept {
    pub(super) fn push(&mut self, since: u64, message: Message) {
        let message = bounded(message);
        self.size += weight(&message);
        self.messages.push_back((since, message));
        while self.size > LIMIT
            && let Some((_, oldest)) = self.messages.pop_front()
        {
            self.size -= weight(&oldest);
            self.left_out += 1;
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.messages.iter().any(|(_, message)| message.id == id)
    }

    /// How many messages are not kept, if any.
    pub(super) fn left_out(&self) -> Option<u64> {
        (self.left_out > 0).then_some(self.left_out)
    }

    /// All messages in the order in which they began, one for each id; and apart from them results of calls that are open,
    /// for those come after the calls.
    pub(super) fn told(&self, open_calls: &BTreeSet<&str>) -> (Vec<Message>, Vec<Message>) {
        let mut sorted: Vec<_> = self.messages.iter().collect();
        sorted.sort_by_key(|(since, _)| *since);
        let made = sorted.iter().flat_map(|(_, message)| &message.tool_calls);
        let calls: BTreeSet<_> = made.map(|call| call.id.as_str()).collect();
        let (mut told, mut results) = (Told::default(), Vec::new());
        for (_, message) in sorted {
            match message.tool_call_id.as_deref() {
                Some(call) if open_calls.contains(call) => results.push(message.clone()),
                // Of a call that was left out.
                Some(call) if !calls.contains(call) => {}
                _ => told.add(message.clone()),
            }
        }
        (told.messages, results)
    }
}

/// The message of a tool's result.
pub(super) fn result(body: &EventBody) -> Option<Message> {
    let EventBody::ToolCallResult { message_id, tool_call_id, content, subagent_run_id, .. } = body else {
        return None;
    };
    Some(Message {
        id: message_id.clone(),
        role: "tool".to_owned(),
        content: Some(content.clone()),
        tool_call_id: Some(tool_call_id.clone()),
        subagent_run_id: subagent_run_id.clone(),
        ..Message::default()
    })
}

/// The result of a message as an event.
pub(super) fn result_event(message: Message) -> Option<Event> {
    let body = EventBody::ToolCallResult {
        message_id: message.id,
        tool_call_id: message.tool_call_id?,
        content: message.content?,
        role: Some(message.role),
        subagent_run_id: message.subagent_run_id,
    };
    Some(body.into())
}

/// A list in which every id is there once, as clients have it: what is said again under an id is added to it.
#[derive(Default)]
struct Told {
    messages: Vec<Message>,
    places: BTreeMap<String, usize>,
}

impl Told {
    fn add(&mut self, mut message: Message) {
        if let Some(known) = self.places.get(&message.id).and_then(|place| self.messages.get_mut(*place)) {
            if known.role == message.role && known.subagent_run_id == message.subagent_run_id {
                join(known, message);
                return;
            }
            // A call whose message is another's has one of its own.
            if let Some(call) = message.tool_calls.first() {
                message.id.clone_from(&call.id);
            }
        }
        self.places.insert(message.id.clone(), self.messages.len());
        self.messages.push(message);
    }
}

fn join(known: &mut Message, other: Message) {
    known.tool_calls.extend(other.tool_calls);
    known.content = match (known.content.take(), other.content) {
        (Some(Value::String(said)), Some(Value::String(more))) if known.role != "tool" => {
            Some(Value::String(said + &more))
        }
        (said, more) => more.or(said),
    };
}

fn bounded(message: Message) -> Message {
    let content = message.content.map(|content| match content {
        Value::String(text) => Value::String(cut(text)),
        parts if size(&parts) <= TEXT_LIMIT => parts,
        parts => Value::String(cut(content_text(&parts))),
    });
    let mut tool_calls = message.tool_calls;
    for call in &mut tool_calls {
        call.function.arguments = cut(std::mem::take(&mut call.function.arguments));
    }
    Message { content, tool_calls, error: message.error.map(cut), ..message }
}

fn weight(message: &Message) -> usize {
    size(message) + OVERHEAD
}
