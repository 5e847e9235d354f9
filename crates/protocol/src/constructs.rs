//! What events open, continue and close: messages, thoughts, tool calls, steps, subagents. Verifier and prelude agree on it.

use crate::events::EventBody;

/// The subagent that something belongs to; none for the agent itself.
pub(crate) type Owner = Option<String>;

/// Names something that is open.
pub(crate) type Key = (Construct, String);

/// What can be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Construct {
    Text,
    ToolCall,
    ReasoningMessage,
    Reasoning,
    Step,
    Subagent,
}

impl Construct {
    /// The word for it in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Text => "text message",
            Self::ToolCall => "tool call",
            Self::ReasoningMessage => "reasoning message",
            Self::Reasoning => "reasoning span",
            Self::Step => "step",
            Self::Subagent => "subagent",
        }
    }
}

/// What an event does to something that can be open.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect<'a> {
    Open(Construct, &'a str, &'a Owner),
    Continue(Construct, &'a str, &'a Owner),
    Close(Construct, &'a str, &'a Owner),
    Nothing,
}

/// Steps are told apart by owner and name; all else by its id.
pub(crate) fn key(construct: Construct, id: &str, owner: &Owner) -> Key {
    match (construct, owner) {
        (Construct::Step, Some(owner)) => (construct, format!("{id}\u{0}{owner}")),
        _ => (construct, id.to_owned()),
    }
}

/// What an event does. Chunks, which need no start and end, open nothing.
pub(crate) fn effect(body: &EventBody) -> Effect<'_> {
    use EventBody as E;
    match body {
        E::TextMessageStart { message_id, subagent_run_id, .. } => {
            Effect::Open(Construct::Text, message_id, subagent_run_id)
        }
        E::TextMessageContent { message_id, subagent_run_id, .. } => {
            Effect::Continue(Construct::Text, message_id, subagent_run_id)
        }
        E::TextMessageEnd { message_id, subagent_run_id } => {
            Effect::Close(Construct::Text, message_id, subagent_run_id)
        }
        E::ToolCallStart { tool_call_id, subagent_run_id, .. } => {
            Effect::Open(Construct::ToolCall, tool_call_id, subagent_run_id)
        }
        E::ToolCallArgs { tool_call_id, subagent_run_id, .. } => {
            Effect::Continue(Construct::ToolCall, tool_call_id, subagent_run_id)
        }
        E::ToolCallEnd { tool_call_id, subagent_run_id } => {
            Effect::Close(Construct::ToolCall, tool_call_id, subagent_run_id)
        }
        E::StepStarted { step_name, subagent_run_id } => {
            Effect::Open(Construct::Step, step_name, subagent_run_id)
        }
        E::StepFinished { step_name, subagent_run_id } => {
            Effect::Close(Construct::Step, step_name, subagent_run_id)
        }
        E::SubagentStarted { subagent_run_id, .. } => {
            Effect::Open(Construct::Subagent, subagent_run_id, &None)
        }
        E::SubagentFinished { subagent_run_id, .. } | E::SubagentError { subagent_run_id, .. } => {
            Effect::Close(Construct::Subagent, subagent_run_id, &None)
        }
        other => reasoning_effect(other),
    }
}

fn reasoning_effect(body: &EventBody) -> Effect<'_> {
    use EventBody as E;
    match body {
        E::ReasoningStart { message_id, subagent_run_id } => {
            Effect::Open(Construct::Reasoning, message_id, subagent_run_id)
        }
        E::ReasoningEnd { message_id, subagent_run_id } => {
            Effect::Close(Construct::Reasoning, message_id, subagent_run_id)
        }
        E::ReasoningMessageStart { message_id, subagent_run_id, .. } => {
            Effect::Open(Construct::ReasoningMessage, message_id, subagent_run_id)
        }
        E::ReasoningMessageContent { message_id, subagent_run_id, .. } => {
            Effect::Continue(Construct::ReasoningMessage, message_id, subagent_run_id)
        }
        E::ReasoningMessageEnd { message_id, subagent_run_id } => {
            Effect::Close(Construct::ReasoningMessage, message_id, subagent_run_id)
        }
        _ => Effect::Nothing,
    }
}
