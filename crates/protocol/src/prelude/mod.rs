//! What a client needs that joins a run in the middle: AG-UI's clients read no stream that does not begin with a run, and
//! nothing of a message whose start they have not seen.
//!
//! The prelude to a place in a log is the start of its turn, the state, all that was said and is closed as one snapshot, and
//! the start of everything that is open there with what was said of it so far. At rest it is the last turn's start, the
//! snapshot, and the turn's end. The log goes on behind it as if the client had been there from the beginning. It is bounded,
//! however long the log is: the oldest messages are left out first, and a long text is cut.

mod bounded;
mod chunks;
mod kept;
mod open;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::json;

use self::bounded::{Document, TEXT_LIMIT};
use self::kept::Kept;
use self::open::Open;
use self::shown::Activities;
use crate::constructs::Construct;
use crate::events::{Event, EventBody};
use crate::input::Message;

/// Name of the event that tells of messages that were left out.
pub const LEFT_OUT: &str = "ambient.leftOut";

/// Most bytes of the shared state. A larger one is left out.
const STATE_LIMIT: usize = 512 * 1024;

/// Takes the events of a log, and gives the prelude to the place it has come to.
#[derive(Debug, Default)]
pub struct Prelude {
    taken: u64,
    run: Option<Event>,
    ending: Option<Event>,
    state: Document,
    kept: Kept,
    open: Open,
    activities: Activities,
}

impl Prelude {
    /// Takes the next line of a log. One that cannot be read tells nothing.
    pub fn apply_line(&mut self, line: &str) {
        if let Ok(event) = Event::parse(line) {
            self.apply(&event);
        }
    }

    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        self.taken += 1;
        match &event.body {
            EventBody::RunStarted { .. } => self.begin(event),
            EventBody::RunFinished { .. } | EventBody::RunError { .. } => self.end(event),
            EventBody::MessagesSnapshot { messages } => self.replace(messages),
            EventBody::StateSnapshot { snapshot, .. } => self.state.set(snapshot, STATE_LIMIT),
            EventBody::StateDelta { delta, .. } => self.state.patch(delta, STATE_LIMIT),
            body => {
                self.activities.apply(body);
                if let EventBody::ToolCallResult { .. } = body {
                    self.keep(kept::result(body));
                }
                let closed = self.open.apply(event, self.taken);
                closed.into_iter().for_each(|(since, message)| self.kept.push(since, message));
            }
        }
    }

    /// The prelude: nothing, where nothing has happened.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let Some(run) = &self.run else { return self.ending.iter().cloned().collect() };
        let open_calls: BTreeSet<_> = self.open.ids(Construct::ToolCall).collect();
        let (messages, results) = self.kept.told(&open_calls);
        let mut events = vec![run.clone()];
        events.extend(self.kept.left_out().map(|count| Event::custom(LEFT_OUT, json!({"messages": count}))));
        let state = self.state.value().cloned();
        events.extend(
            state.map(|snapshot| EventBody::StateSnapshot { snapshot, subagent_run_id: None }.into()),
        );
        events.push(EventBody::MessagesSnapshot { messages }.into());
        events.extend(self.activities.events());
        let (open, chunked) = self.open.events();
        events.extend(open);
        events.extend(results.into_iter().filter_map(kept::result_event));
        // Any other event behind a chunk would end it.
        events.extend(chunked);
        events.extend(self.ending.clone());
        events
    }

    fn begin(&mut self, event: &Event) {
        self.close_all();
        self.ending = None;
        let mut run = Event { raw_event: None, ..event.clone() };
        if let EventBody::RunStarted { input: Some(input), .. } = &mut run.body {
            let unknown = input.messages.drain(..).filter(|message| !self.kept.has(&message.id));
            unknown.collect::<Vec<_>>().into_iter().for_each(|message| self.keep(Some(message)));
        }
        if let EventBody::RunStarted { input, .. } = &mut run.body
            && bounded::size(input) > TEXT_LIMIT
        {
            *input = None;
        }
        self.run = Some(run);
    }

    fn end(&mut self, event: &Event) {
        self.close_all();
        let mut ending = Event { raw_event: None, ..event.clone() };
        if let EventBody::RunFinished { result, .. } = &mut ending.body
            && bounded::size(result) > TEXT_LIMIT
        {
            *result = None;
        }
        self.ending = Some(ending);
    }

    fn close_all(&mut self) {
        let closed = self.open.close_all();
        closed.into_iter().for_each(|(since, message)| self.kept.push(since, message));
    }

    fn keep(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            self.kept.push(self.taken, message);
        }
    }

    /// What is open goes on, and has been told as far as the snapshot has it.
    fn replace(&mut self, messages: &[Message]) {
        self.kept = Kept::default();
        for message in messages {
            self.open.was_told(message);
            self.kept.push(self.taken, message.clone());
        }
    }
}
