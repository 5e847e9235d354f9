//! Listens to a log from its beginning, and keeps what is told again. Logs grow long; what is kept of them does not.

use std::collections::VecDeque;

use ambient_protocol::conversation::Entry;
use ambient_protocol::events::{EventBody, Interrupt, RunOutcome};
use ambient_protocol::{Answer, Conversation, Event, RunAgentInput};

use super::{Part, Retelling, cut};

/// Most bytes of a conversation's beginning: what it is about.
const HEAD: usize = 16 * 1024;
/// Most bytes of its end: where it stands.
const TAIL: usize = 48 * 1024;
/// Entries that may still change; older ones are settled. Calls that go side by side end in any order.
const UNSETTLED: usize = 128;
/// Most bytes of an answer to a question.
const ANSWER_LIMIT: usize = 1024;

/// Takes events one after the other.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    conversation: Conversation,
    head: Vec<Part>,
    head_size: usize,
    tail: VecDeque<Part>,
    tail_size: usize,
    left_out: usize,
}

impl Listener {
    /// Takes a line of the log. One that cannot be read tells nothing.
    pub(crate) fn hear(&mut self, line: &str) {
        let Ok(event) = Event::parse(line) else { return };
        if matches!(event.body, EventBody::MessagesSnapshot { .. }) {
            *self = Self::default();
        }
        self.conversation.apply(&event);
        match &event.body {
            EventBody::RunStarted { input: Some(input), .. } => self.hear_input(input),
            EventBody::RunFinished { outcome: Some(RunOutcome::Cancelled), .. } => {
                self.note("this was broken off".to_owned());
            }
            EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } => {
                interrupts.iter().map(asked).for_each(|note| self.note(note));
            }
            _ => {}
        }
        if self.conversation.entries.len() >= 2 * UNSETTLED {
            self.settle(UNSETTLED);
        }
    }

    /// What was heard, if anything.
    pub(crate) fn retelling(mut self) -> Option<Retelling> {
        self.settle(self.conversation.entries.len());
        let left_out = (self.left_out > 0).then_some(Part::LeftOut(self.left_out));
        let parts: Vec<_> = self.head.into_iter().chain(left_out).chain(self.tail).collect();
        (!parts.is_empty()).then_some(Retelling { parts })
    }

    /// With a message comes what the agent is told beside it.
    fn hear_input(&mut self, input: &RunAgentInput) {
        let last = self.conversation.entries.last_mut();
        if let (Some(Entry::User { text, .. }), Some(asked)) = (last, input.asked()) {
            *text = asked;
        }
        input.resume.iter().map(answered).for_each(|note| self.note(note));
    }

    fn note(&mut self, text: String) {
        self.conversation.entries.push(Entry::Notice { text });
    }

    fn settle(&mut self, count: usize) {
        let settled: Vec<_> = self.conversation.entries.drain(..count).collect();
        settled.iter().filter_map(Part::of).for_each(|part| self.keep(part));
    }

    fn keep(&mut self, part: Part) {
        let size = part.size();
        if self.tail.is_empty() && self.head_size + size <= HEAD {
            self.head_size += size;
            self.head.push(part);
            return;
        }
        self.tail_size += size;
        self.tail.push_back(part);
        while self.tail_size > TAIL
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_size -= oldest.size();
            self.left_out += 1;
        }
    }
}

fn asked(question: &Interrupt) -> String {
    format!("you asked: {}", question.question())
}

fn answered(answer: &Answer) -> String {
    let payload = answer.payload.as_ref().map(|payload| cut(&payload.to_string(), ANSWER_LIMIT));
    format!("the answer was: {}", payload.as_deref().unwrap_or("none, which is a no"))
}
