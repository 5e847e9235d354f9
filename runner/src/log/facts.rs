//! What the log says of the run so far: all that outcome and further turns need of it, and no more, for logs grow long.

use std::collections::{BTreeMap, BTreeSet};

use ambient_protocol::answers::Given;
use ambient_protocol::events::{EventBody, MessageRole};
use ambient_protocol::input::Message;
use ambient_protocol::{Attendance, Conversation, Event, RunAgentInput, Usage};
use jiff::Timestamp;
use serde_json::Value;

/// Facts of one log.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    turn: Option<String>,
    started_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    usage: Usage,
    model: Option<String>,
    chosen_model: Option<String>,
    ending: Option<Event>,
    last_text: LastText,
    attendance: Attendance,
    asked: Option<Message>,
    said: BTreeSet<String>,
    answered: BTreeMap<String, (String, Given)>,
}

/// The last thing the agent said, which stands in for a summary.
#[derive(Debug, Default)]
struct LastText {
    message: String,
    text: String,
}

/// Name of the event that tells of another model than the session's.
pub(crate) const MODEL_EVENT: &str = "ambient.model";

/// Longest text that is kept as a summary, in bytes.
const SUMMARY_LIMIT: usize = 16 * 1024;

impl Facts {
    /// The run id of the last turn that has begun.
    pub(crate) fn turn(&self) -> Option<&str> {
        self.turn.as_deref()
    }

    /// The event that ended the last turn, unless another has begun since.
    pub(crate) fn ending(&self) -> Option<&Event> {
        self.ending.as_ref()
    }

    /// When the first turn began.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    /// When the last event was.
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// What all turns consumed.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The model of the last turn that named one.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The model that somebody chose last.
    pub(crate) fn chosen_model(&self) -> Option<&str> {
        self.chosen_model.as_deref()
    }

    /// The last thing the agent said.
    pub(crate) fn last_text(&self) -> &str {
        self.last_text.text.trim()
    }

    /// Agent time and open questions.
    pub(crate) fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// What the agent was asked last with a message.
    pub(crate) fn asked(&self) -> Option<&Message> {
        self.asked.as_ref()
    }

    /// Whether a message of this id has been said.
    pub(crate) fn was_said(&self, message: &str) -> bool {
        self.said.contains(message)
    }

    /// Who answered a question, and the turn that went on with it.
    pub(crate) fn answer_to(&self, question: &str) -> Option<&(String, Given)> {
        self.answered.get(question)
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.attendance.apply(event);
        let time = event.timestamp.and_then(|time| Timestamp::from_millisecond(time).ok());
        self.last_at = time.or(self.last_at);
        match &event.body {
            EventBody::RunStarted { run_id, input, .. } => {
                self.turn = Some(run_id.clone());
                self.started_at = self.started_at.or(time);
                self.ending = None;
                input.iter().for_each(|input| self.note_input(input));
            }
            EventBody::RunFinished { .. } | EventBody::RunError { .. } => {
                let mut turn = Conversation::default();
                turn.apply(event);
                self.usage = self.usage.plus(turn.usage);
                let model = event.ambient_metadata("model").and_then(Value::as_str);
                self.model = model.map(str::to_owned).or(self.model.take());
                self.ending = Some(event.clone());
            }
            EventBody::Custom { name, value, .. } if name == MODEL_EVENT => {
                self.chosen_model = value["model"].as_str().map(str::to_owned);
            }
            EventBody::TextMessageStart { message_id, role: Some(MessageRole::User), .. } => {
                self.said.insert(message_id.clone());
            }
            EventBody::TextMessageContent { message_id, delta, subagent_run_id: None }
                if !self.said.contains(message_id) =>
            {
                self.last_text.push(message_id, delta);
            }
            _ => {}
        }
    }

    fn note_input(&mut self, input: &RunAgentInput) {
        if let Some(last) = input.messages.last() {
            self.asked = Some(last.clone());
            self.last_text = LastText::default();
        }
        self.said.extend(input.messages.iter().map(|message| message.id.clone()));
        for answer in &input.resume {
            if let Some(given) = answer.giver() {
                self.answered.insert(answer.interrupt_id.clone(), (input.run_id.clone(), given));
            }
        }
    }
}

impl LastText {
    fn push(&mut self, message: &str, delta: &str) {
        if self.message != message {
            self.message = message.to_owned();
            self.text.clear();
        }
        if self.text.len() + delta.len() <= SUMMARY_LIMIT {
            self.text.push_str(delta);
        }
    }
}
