//! What starts a turn: AG-UI's `RunAgentInput` and the messages in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answers::Answer;
use crate::effective::ContextItem;
use crate::events::PROTOCOL_VERSION;

/// The body of `POST /`. `run_id` of a first turn is the attempt's text; the start marker refuses a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAgentInput {
    /// The conversation; for us the session's UID.
    pub thread_id: String,
    /// The turn.
    pub run_id: String,
    /// [`PROTOCOL_VERSION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// The turn this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<String>,
    /// The messages; the last one is what is asked now.
    pub messages: Vec<Message>,
    /// Shared state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    /// Tools of the client's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// What the agent is told beside the messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// Passed on as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_props: Option<Value>,
    /// Answers to open interrupts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resume: Vec<Answer>,
}

impl RunAgentInput {
    /// A turn that asks one thing.
    #[must_use]
    pub fn prompt(thread_id: &str, run_id: &str, prompt: &str) -> Self {
        let message = Message::user(&format!("{run_id}-prompt"), prompt);
        Self {
            thread_id: thread_id.to_owned(),
            run_id: run_id.to_owned(),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            parent_run_id: None,
            messages: vec![message],
            state: None,
            tools: Vec::new(),
            context: Vec::new(),
            forwarded_props: None,
            resume: Vec::new(),
        }
    }

    /// The text of the last user message: what is asked now.
    #[must_use]
    pub fn last_user_text(&self) -> Option<String> {
        self.messages.iter().rev().find(|message| message.role == "user").map(Message::text)
    }

    /// What is asked now, and below it what the agent is told beside it, each under a heading of its own.
    #[must_use]
    pub fn asked(&self) -> Option<String> {
        Some(with_context(self.last_user_text()?, &self.context))
    }
}

/// The body of `POST /model`: what the agent works with from its next turn on at the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelChoice {
    /// The model's name.
    pub model: String,
    /// Who chose it: the token's subject, whatever a request says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl ModelChoice {
    /// What such a body looks like, for whoever sent another.
    pub const EXAMPLE: &str = r#"{"model": "…"}"#;
}

fn with_context(asked: String, context: &[ContextItem]) -> String {
    context.iter().fold(asked, |text, item| format!("{text}\n\n## {}\n\n{}", item.description, item.value))
}

/// One message of a conversation. Fields of all seven roles, as AG-UI has them; what a role lacks is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id.
    pub id: String,
    /// developer, system, assistant, user, tool, activity or reasoning.
    pub role: String,
    /// A text, or parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
    /// Who speaks, where a role has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls an assistant made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call a tool answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// What went wrong in a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The subagent it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_run_id: Option<String>,
}

impl Message {
    /// A user's message.
    #[must_use]
    pub fn user(id: &str, text: &str) -> Self {
        Self {
            id: id.to_owned(),
            role: "user".to_owned(),
            content: Some(Value::String(text.to_owned())),
            ..Self::default()
        }
    }

    /// The message's text; of parts, the text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.as_ref().map(content_text).unwrap_or_default()
    }
}

/// The text of a content: the text itself, or the text parts joined by line ends.
#[must_use]
pub fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A tool call within a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Its id.
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

/// A function and its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionCall {
    /// The function.
    pub name: String,
    /// Its arguments, as JSON text.
    pub arguments: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_stands_below_what_is_asked() {
        let mut input = RunAgentInput::prompt("t", "r", "Build on it.");
        assert_eq!(input.asked().as_deref(), Some("Build on it."));
        let item = |description: &str, value: &str| ContextItem {
            description: description.to_owned(),
            value: value.to_owned(),
        };
        input.context = vec![item("Result of a", "Done."), item("Result of b", "Done too.")];
        assert_eq!(
            input.asked().as_deref(),
            Some("Build on it.\n\n## Result of a\n\nDone.\n\n## Result of b\n\nDone too.")
        );
    }
}
