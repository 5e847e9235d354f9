//! Events to conversation: one reducer for the page, for a result's README and for progress on a terminal.

mod reduce;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attendance::Attendance;
use crate::events::Event;
use crate::usage::Usage;

/// What a log says, in the order in which it began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Messages, tool calls and notices.
    pub entries: Vec<Entry>,
    /// The state of the last turn.
    pub status: TurnStatus,
    /// Number of events taken: the last sequence number.
    pub sequence: u64,
    /// Tokens, money and turns so far.
    pub usage: Usage,
    /// How long the agent has worked, and the questions that are open.
    #[serde(default)]
    pub attendance: Attendance,
    /// The shared state, if the agent has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    /// Time of the first event, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// Time of the last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
}

impl Conversation {
    /// Reads a transcript: one event a line. Lines that are no events are counted, and shown as notices.
    #[must_use]
    pub fn from_transcript(text: &str) -> Self {
        let mut conversation = Self::default();
        text.lines().filter(|line| !line.is_empty()).for_each(|line| conversation.apply_line(line));
        conversation
    }

    /// Takes the next line of a log.
    pub fn apply_line(&mut self, line: &str) {
        match Event::parse(line) {
            Ok(event) => self.apply(&event),
            Err(error) => {
                self.sequence += 1;
                self.entries.push(Entry::Notice { text: format!("unreadable event: {error}") });
            }
        }
    }

    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        reduce::apply(self, event);
    }

    /// Index of the entry that the last event changed or added, for pages that update one entry.
    #[must_use]
    pub fn last_text(&self) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Assistant { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    }
}

/// One part of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Entry {
    /// What a user said.
    User {
        /// The message's id.
        id: String,
        /// Its text.
        text: String,
    },
    /// What the agent said.
    Assistant {
        /// The message's id.
        id: String,
        /// Its text so far.
        text: String,
        /// Whether more may come.
        open: bool,
        /// The subagent that speaks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subagent: Option<String>,
    },
    /// What the agent thought.
    Reasoning {
        /// The message's id.
        id: String,
        /// Its text so far.
        text: String,
        /// Whether more may come.
        open: bool,
    },
    /// What the agent did.
    Tool {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments so far, JSON text.
        arguments: String,
        /// What it returned, once it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
        /// Whether the arguments may grow.
        open: bool,
        /// The subagent that called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subagent: Option<String>,
    },
    /// An activity that is shown.
    Activity {
        /// The message's id.
        id: String,
        /// Its type.
        activity: String,
        /// Its content.
        content: Value,
    },
    /// Something to know: an error, a subagent's begin or end, a step.
    Notice {
        /// The text.
        text: String,
    },
}

/// The state of the last turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum TurnStatus {
    /// None has started.
    #[default]
    NotStarted,
    /// One is going on.
    Running,
    /// It reached its end.
    Finished,
    /// It waits for a person.
    Interrupted {
        /// What is asked.
        question: String,
    },
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed {
        /// A public code, if there is one.
        code: String,
        /// Why.
        message: String,
    },
}
