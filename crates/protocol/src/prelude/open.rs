//! What is open: in the order in which it was opened, with what was said of it so far.

use serde_json::Value;

use super::bounded::Said;
use super::chunks::{Chunk, chunk};
use crate::constructs::{Construct, Effect, Key, Owner, effect, key};
use crate::events::{Event, EventBody, MessageRole};
use crate::input::{FunctionCall, Message, ToolCall};

/// Most bytes of all open texts together. The oldest are left out first.
const LIMIT: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Open {
    constructs: Vec<Opened>,
    size: usize,
}

#[derive(Debug)]
struct Opened {
    key: Key,
    opening: Event,
    said: Said,
    /// The number of the event that opened it.
    since: u64,
    /// Whether it came in chunks, and so ends with whatever comes next of the same owner.
    is_chunked: bool,
}

/// A message that has come to its end, and the number of the event that began it.
type Closed = (u64, Message);

impl Open {
    /// Takes event number `number`, and gives the messages that it closes.
    pub(super) fn apply(&mut self, event: &Event, number: u64) -> Vec<Closed> {
        if let Some(chunk) = chunk(&event.body) {
            return self.take_chunk(&chunk, number);
        }
        match effect(&event.body) {
            Effect::Open(construct, id, owner) => {
                let closed = self.close_chunked(owner);
                let opening = Event { raw_event: None, ..event.clone() };
                self.open(key(construct, id, owner), opening, number, false);
                closed
            }
            Effect::Continue(construct, id, owner) => {
                let key = key(construct, id, owner);
                self.say(|opened| opened.key == key, delta(&event.body));
                Vec::new()
            }
            Effect::Close(construct, id, owner) => {
                let key = key(construct, id, owner);
                self.close(|opened| opened.key == key)
            }
            Effect::Nothing => Vec::new(),
        }
    }

    /// Ends everything, as the end of a turn does.
    pub(super) fn close_all(&mut self) -> Vec<Closed> {
        self.close(|_| true)
    }

    /// The ids of what is open of a kind.
    pub(super) fn ids(&self, construct: Construct) -> impl Iterator<Item = &str> {
        let of_kind = self.constructs.iter().filter(move |opened| opened.key.0 == construct);
        of_kind.map(|opened| opened.key.1.as_str())
    }

    /// Notes that what was said so far of an open message, or of its calls, is told elsewhere.
    pub(super) fn was_told(&mut self, message: &Message) {
        for opened in &mut self.constructs {
            let (construct, id) = &opened.key;
            let is_told = match construct {
                Construct::Text | Construct::ReasoningMessage => *id == message.id,
                Construct::ToolCall => message.tool_calls.iter().any(|call| call.id == *id),
                Construct::Reasoning | Construct::Step | Construct::Subagent => false,
            };
            if is_told {
                self.size -= opened.said.text().len();
                opened.said = Said::default();
            }
        }
    }

    /// The events that open all of it again; and, apart from them, what came in chunks.
    pub(super) fn events(&self) -> (Vec<Event>, Vec<Event>) {
        let (chunked, whole): (Vec<_>, Vec<_>) = self.constructs.iter().partition(|opened| opened.is_chunked);
        let whole = whole.into_iter().flat_map(|opened| [Some(opened.opening.clone()), opened.content()]);
        let chunked = chunked.into_iter().filter_map(Opened::chunk);
        (whole.flatten().collect(), chunked.collect())
    }

    fn open(&mut self, key: Key, opening: Event, since: u64, is_chunked: bool) {
        self.constructs.push(Opened { key, opening, said: Said::default(), since, is_chunked });
    }

    fn say(&mut self, is_it: impl Fn(&Opened) -> bool, piece: &str) {
        if let Some(opened) = self.constructs.iter_mut().rev().find(|opened| is_it(opened)) {
            self.size += opened.said.push(piece);
        }
        let mut oldest = self.constructs.iter_mut().filter(|opened| !is_it(opened));
        while self.size > LIMIT
            && let Some(opened) = oldest.next()
        {
            self.size -= opened.said.forget();
        }
    }

    fn close(&mut self, is_it: impl Fn(&Opened) -> bool) -> Vec<Closed> {
        let closed: Vec<_> = self.constructs.extract_if(.., |opened| is_it(opened)).collect();
        self.size -= closed.iter().map(|opened| opened.said.text().len()).sum::<usize>();
        closed.into_iter().filter_map(Opened::into_message).collect()
    }

    fn close_chunked(&mut self, owner: &Owner) -> Vec<Closed> {
        self.close(|opened| opened.is_chunked && opened.owner() == owner)
    }

    fn take_chunk(&mut self, chunk: &Chunk<'_>, number: u64) -> Vec<Closed> {
        let mut closed = Vec::new();
        let is_it = |opened: &Opened| {
            let is_named = chunk.id.is_none_or(|id| opened.key.1 == id);
            opened.is_chunked && opened.key.0 == chunk.construct && is_named
        };
        if let Some((id, opening)) = chunk.opening()
            && !self.constructs.iter().any(is_it)
        {
            closed = self.close_chunked(chunk.owner);
            self.open(key(chunk.construct, id, chunk.owner), opening, number, true);
        }
        self.say(is_it, chunk.delta);
        closed
    }
}

impl Opened {
    fn owner(&self) -> &Owner {
        match &self.opening.body {
            EventBody::TextMessageStart { subagent_run_id, .. }
            | EventBody::ToolCallStart { subagent_run_id, .. }
            | EventBody::ReasoningMessageStart { subagent_run_id, .. } => subagent_run_id,
            _ => &None,
        }
    }

    /// What was said so far, as one piece.
    fn content(&self) -> Option<Event> {
        let (id, delta, subagent_run_id) =
            (self.key.1.clone(), self.said.text().to_owned(), self.owner().clone());
        let body = match self.key.0 {
            Construct::Text => EventBody::TextMessageContent { message_id: id, delta, subagent_run_id },
            Construct::ToolCall => EventBody::ToolCallArgs { tool_call_id: id, delta, subagent_run_id },
            Construct::ReasoningMessage => {
                EventBody::ReasoningMessageContent { message_id: id, delta, subagent_run_id }
            }
            Construct::Reasoning | Construct::Step | Construct::Subagent => return None,
        };
        (!self.said.text().is_empty()).then(|| body.into())
    }

    fn chunk(&self) -> Option<Event> {
        super::chunks::of(&self.opening.body, self.said.text()).map(Event::from)
    }

    /// The message that it has become, unless it is none.
    fn into_message(self) -> Option<Closed> {
        let text = self.said.into_text();
        let message = match self.opening.body {
            EventBody::TextMessageStart { message_id, role, name, subagent_run_id } => {
                Message { name, subagent_run_id, ..said(message_id, word(role), text) }
            }
            EventBody::ReasoningMessageStart { message_id, subagent_run_id, .. } => {
                Message { subagent_run_id, ..said(message_id, "reasoning", text) }
            }
            EventBody::ToolCallStart { tool_call_id, tool_call_name, parent_message_id, subagent_run_id } => {
                let function = FunctionCall { name: tool_call_name, arguments: text };
                Message {
                    id: parent_message_id.unwrap_or_else(|| tool_call_id.clone()),
                    role: word(None).to_owned(),
                    tool_calls: vec![ToolCall { id: tool_call_id, kind: "function".to_owned(), function }],
                    subagent_run_id,
                    ..Message::default()
                }
            }
            _ => return None,
        };
        Some((self.since, message))
    }
}

fn said(id: String, role: &str, text: String) -> Message {
    Message { id, role: role.to_owned(), content: Some(Value::String(text)), ..Message::default() }
}

fn word(role: Option<MessageRole>) -> &'static str {
    match role {
        Some(MessageRole::Developer) => "developer",
        Some(MessageRole::System) => "system",
        Some(MessageRole::User) => "user",
        Some(MessageRole::Assistant) | None => "assistant",
    }
}

fn delta(body: &EventBody) -> &str {
    match body {
        EventBody::TextMessageContent { delta, .. }
        | EventBody::ToolCallArgs { delta, .. }
        | EventBody::ReasoningMessageContent { delta, .. } => delta,
        _ => "",
    }
}
