//! A conversation told again, for an agent that has no memory of it: its process has ended, and its framework cannot take
//! the conversation up, or has lost it.
//!
//! It is made of the log, and so as free of secrets as that is. It is bounded: a model reads all of it before it answers.

mod listener;
#[cfg(test)]
mod tests;

pub(crate) use listener::Listener;

use ambient_protocol::Event;
use ambient_protocol::conversation::Entry;
use serde_json::{Value, json};

/// Most bytes of one thing that was said; a third of it is its end.
const MESSAGE_LIMIT: usize = 8 * 1024;
/// Most bytes of what a tool was called with.
const ARGUMENTS_LIMIT: usize = 300;
/// Most bytes of what a tool gave.
const RESULT_LIMIT: usize = 500;
/// Stands where something was cut.
const CUT: &str = " […] ";

/// What was said and done, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Retelling {
    parts: Vec<Part>,
}

/// A part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// What a person said.
    User(String),
    /// What the agent said.
    Agent(String),
    /// What the agent did.
    Tool(Use),
    /// What became of it otherwise: a failure, a question.
    Note(String),
    /// So many parts are not told.
    LeftOut(usize),
}

/// A tool that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    /// The call's id.
    pub(crate) id: String,
    /// The tool.
    pub(crate) name: String,
    /// Its arguments, JSON text unless they were cut.
    pub(crate) arguments: String,
    /// What it gave, if it came to that.
    pub(crate) result: Option<String>,
}

impl Retelling {
    /// The parts, in order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The conversation in words, and below it what is asked now. Every line of it is marked as a quotation, so that nothing
    /// in it can be taken for what is asked.
    pub(crate) fn before(&self, prompt: &str) -> String {
        let told = self.parts.iter().map(Part::words).collect::<Vec<_>>().join("\n\n");
        let quoted: Vec<_> = told.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
        format!(
            "This conversation was begun with another process of yours, which has ended. What was said and done in it, \
             shortened where it was long:\n\n{}\n\nIt goes on now. What is asked:\n\n{prompt}",
            quoted.join("\n")
        )
    }
}

impl Part {
    /// What an entry of the conversation amounts to. What was thought is not told, nor what subagents said among themselves.
    fn of(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::User { text, .. } => said(text).map(Self::User),
            Entry::Assistant { text, subagent: None, .. } => said(text).map(Self::Agent),
            Entry::Tool { id, name, arguments, result, subagent: None, .. } => Some(Self::Tool(Use {
                id: id.clone(),
                name: name.clone(),
                arguments: cut(arguments, ARGUMENTS_LIMIT),
                result: result.as_ref().map(|result| cut(result, RESULT_LIMIT)),
            })),
            Entry::Notice { text } => said(text).map(Self::Note),
            _ => None,
        }
    }

    /// The part in words, as it is said to the agent.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::User(text) => format!("User: {text}"),
            Self::Agent(text) => format!("You: {text}"),
            Self::Tool(used) => {
                // As JSON it stays on its line, whatever is in it.
                let gave =
                    used.result.as_ref().map(|result| format!(" gave {}", Value::from(result.as_str())));
                let gave = gave.unwrap_or_else(|| " and it did not come to an end".to_owned());
                format!("You used {} with {}{gave}", used.name, used.arguments)
            }
            Self::Note(text) => format!("({text})"),
            Self::LeftOut(count) => format!("({count} more, not told here)"),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::User(text) | Self::Agent(text) | Self::Note(text) => text.len(),
            Self::Tool(Use { id, name, arguments, result }) => {
                id.len() + name.len() + arguments.len() + result.as_ref().map_or(0, String::len)
            }
            Self::LeftOut(_) => 0,
        }
    }
}

/// Tells the log that an agent was told the conversation, and why.
pub(crate) fn retold(why: &str) -> Event {
    Event::custom("ambient.conversation", json!({"retold": why}))
}

/// Tells the log that the framework has taken its conversation up.
pub(crate) fn taken_up(name: &str) -> Event {
    Event::custom("ambient.conversation", json!({"takenUp": name}))
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| cut(text, MESSAGE_LIMIT))
}

/// Beginning and end of a text that is too long.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = limit / 3;
    let (head, tail) = (text.floor_char_boundary(limit - end), text.ceil_char_boundary(text.len() - end));
    format!("{}{CUT}{}", &text[..head], &text[tail..])
}
