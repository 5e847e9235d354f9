//! How each event changes a conversation.

use serde_json::Value;

use super::{Conversation, Entry, TurnStatus};
use crate::events::{Event, EventBody, IGNORED, Interrupt, MessageRole, RunOutcome, TokenUsage};
use crate::input::{Message, content_text};
use crate::usage::Usage;

pub(super) fn apply(conversation: &mut Conversation, event: &Event) {
    conversation.sequence += 1;
    if event.timestamp.is_some() {
        conversation.started_at = conversation.started_at.or(event.timestamp);
        conversation.updated_at = event.timestamp;
    }
    conversation.attendance.apply(event);
    match &event.body {
        EventBody::RunStarted { input, .. } => {
            conversation.status = TurnStatus::Running;
            let messages = input.as_deref().map(|input| input.messages.as_slice()).unwrap_or_default();
            messages.iter().for_each(|message| add_message(conversation, message));
        }
        EventBody::RunFinished { outcome, usage, .. } => {
            conversation.status = finished_status(outcome.as_ref());
            conversation.usage = conversation.usage.plus(turn_usage(event, usage.as_deref()));
        }
        EventBody::RunError { message, code, usage } => {
            let code = code.clone().unwrap_or_default();
            conversation.status = TurnStatus::Failed { code, message: message.clone() };
            conversation.usage = conversation.usage.plus(turn_usage(event, usage.as_deref()));
            conversation.entries.push(Entry::Notice { text: message.clone() });
        }
        EventBody::MessagesSnapshot { messages } => {
            conversation.entries.clear();
            messages.iter().for_each(|message| add_message(conversation, message));
        }
        body => {
            apply_text(conversation, body);
            apply_tool(conversation, body);
            apply_reasoning(conversation, body);
            apply_rest(conversation, body);
        }
    }
}

fn finished_status(outcome: Option<&RunOutcome>) -> TurnStatus {
    match outcome {
        None | Some(RunOutcome::Success { .. }) => TurnStatus::Finished,
        Some(RunOutcome::Cancelled) => TurnStatus::Cancelled,
        Some(RunOutcome::Interrupt { interrupts }) => {
            let questions = interrupts.iter().map(Interrupt::question);
            TurnStatus::Interrupted { question: questions.collect::<Vec<_>>().join("\n") }
        }
    }
}

/// AG-UI's usage has neither money nor turns: bridges put those under `metadata.ambient`.
fn turn_usage(event: &Event, usage: Option<&[TokenUsage]>) -> Usage {
    let usage = usage.unwrap_or_default();
    let sum = |field: fn(&TokenUsage) -> Option<u64>| usage.iter().filter_map(field).sum();
    let turns = event.ambient_metadata("turns").and_then(Value::as_u64).unwrap_or_default();
    Usage {
        input_tokens: sum(|one| one.input_tokens),
        output_tokens: sum(|one| one.output_tokens),
        cached_input_tokens: sum(|one| one.cached_input_tokens),
        cost_usd: event.ambient_metadata("costUsd").and_then(Value::as_f64),
        reported_cost_usd: None,
        turns: u32::try_from(turns).unwrap_or(u32::MAX),
    }
}

fn add_message(conversation: &mut Conversation, message: &Message) {
    let (id, text) = (message.id.clone(), message.text());
    let known = conversation.entries.iter().any(|entry| match entry {
        Entry::User { id: other, .. } | Entry::Assistant { id: other, .. } => *other == id,
        _ => false,
    });
    if known {
        return;
    }
    match message.role.as_str() {
        "user" => conversation.entries.push(Entry::User { id, text }),
        "reasoning" => conversation.entries.push(Entry::Reasoning { id, text, open: false }),
        "tool" => {
            let call = message.tool_call_id.as_deref().unwrap_or_default();
            set_result(conversation, call, text);
        }
        "assistant" => add_assistant(conversation, message, id, text),
        _ => {}
    }
}

fn add_assistant(conversation: &mut Conversation, message: &Message, id: String, text: String) {
    let subagent = &message.subagent_run_id;
    if !text.is_empty() {
        conversation.entries.push(Entry::Assistant { id, text, open: false, subagent: subagent.clone() });
    }
    for call in &message.tool_calls {
        conversation.entries.push(Entry::Tool {
            id: call.id.clone(),
            name: call.function.name.clone(),
            arguments: call.function.arguments.clone(),
            result: None,
            open: false,
            subagent: subagent.clone(),
        });
    }
}

fn apply_text(conversation: &mut Conversation, body: &EventBody) {
    match body {
        EventBody::TextMessageStart { message_id, role, subagent_run_id, .. } => {
            open_text(conversation, message_id, *role, subagent_run_id.clone());
        }
        EventBody::TextMessageContent { message_id, delta, .. } => {
            append_text(conversation, message_id, delta);
        }
        EventBody::TextMessageEnd { message_id, .. } => {
            if let Some(Entry::Assistant { open, .. }) = find_text(conversation, message_id) {
                *open = false;
            }
        }
        EventBody::TextMessageChunk { message_id, role, delta, subagent_run_id, .. } => {
            let id = message_id.clone().unwrap_or_else(|| last_text_id(conversation));
            if find_text(conversation, &id).is_none() {
                open_text(conversation, &id, *role, subagent_run_id.clone());
            }
            append_text(conversation, &id, delta.as_deref().unwrap_or_default());
        }
        _ => {}
    }
}

fn open_text(conversation: &mut Conversation, id: &str, role: Option<MessageRole>, subagent: Option<String>) {
    let (id, text) = (id.to_owned(), String::new());
    let entry = match role {
        Some(MessageRole::User) => Entry::User { id, text },
        _ => Entry::Assistant { id, text, open: true, subagent },
    };
    conversation.entries.push(entry);
}

fn append_text(conversation: &mut Conversation, id: &str, delta: &str) {
    if let Some(Entry::Assistant { text, .. } | Entry::User { text, .. }) = find_text(conversation, id) {
        text.push_str(delta);
    }
}

fn find_text<'a>(conversation: &'a mut Conversation, id: &str) -> Option<&'a mut Entry> {
    conversation.entries.iter_mut().rev().find(
        |entry| matches!(entry, Entry::Assistant { id: other, .. } | Entry::User { id: other, .. } if other == id),
    )
}

fn last_text_id(conversation: &Conversation) -> String {
    let last = conversation.entries.iter().rev().find_map(|entry| match entry {
        Entry::Assistant { id, .. } => Some(id.clone()),
        _ => None,
    });
    last.unwrap_or_default()
}

fn apply_tool(conversation: &mut Conversation, body: &EventBody) {
    match body {
        EventBody::ToolCallStart { tool_call_id, tool_call_name, subagent_run_id, .. } => {
            conversation.entries.push(Entry::Tool {
                id: tool_call_id.clone(),
                name: tool_call_name.clone(),
                arguments: String::new(),
                result: None,
                open: true,
                subagent: subagent_run_id.clone(),
            });
        }
        EventBody::ToolCallArgs { tool_call_id, delta, .. } => {
            if let Some(Entry::Tool { arguments, .. }) = find_tool(conversation, tool_call_id) {
                arguments.push_str(delta);
            }
        }
        EventBody::ToolCallEnd { tool_call_id, .. } => {
            if let Some(Entry::Tool { open, .. }) = find_tool(conversation, tool_call_id) {
                *open = false;
            }
        }
        EventBody::ToolCallResult { tool_call_id, content, .. } => {
            set_result(conversation, tool_call_id, content_text(content));
        }
        _ => {}
    }
}

fn set_result(conversation: &mut Conversation, id: &str, text: String) {
    if let Some(Entry::Tool { result, open, .. }) = find_tool(conversation, id) {
        *result = Some(text);
        *open = false;
    }
}

fn find_tool<'a>(conversation: &'a mut Conversation, id: &str) -> Option<&'a mut Entry> {
    let is_it = |entry: &&mut Entry| matches!(&**entry, Entry::Tool { id: other, .. } if other == id);
    conversation.entries.iter_mut().rev().find(is_it)
}

fn apply_reasoning(conversation: &mut Conversation, body: &EventBody) {
    match body {
        EventBody::ReasoningMessageStart { message_id, .. } => {
            let (id, text) = (message_id.clone(), String::new());
            conversation.entries.push(Entry::Reasoning { id, text, open: true });
        }
        EventBody::ReasoningMessageContent { message_id, delta, .. } => {
            if let Some(Entry::Reasoning { text, .. }) = find_reasoning(conversation, message_id) {
                text.push_str(delta);
            }
        }
        EventBody::ReasoningMessageEnd { message_id, .. } => {
            if let Some(Entry::Reasoning { open, .. }) = find_reasoning(conversation, message_id) {
                *open = false;
            }
        }
        _ => {}
    }
}

fn find_reasoning<'a>(conversation: &'a mut Conversation, id: &str) -> Option<&'a mut Entry> {
    let is_it = |entry: &&mut Entry| matches!(&**entry, Entry::Reasoning { id: other, .. } if other == id);
    conversation.entries.iter_mut().rev().find(is_it)
}

fn apply_rest(conversation: &mut Conversation, body: &EventBody) {
    match body {
        EventBody::StateSnapshot { snapshot, .. } => conversation.state = Some(snapshot.clone()),
        EventBody::StateDelta { delta, .. } => {
            patch(conversation.state.get_or_insert(Value::Null), delta);
        }
        EventBody::ActivitySnapshot { message_id, activity_type, content, .. } => {
            let content = Value::Object(content.clone().into_iter().collect());
            set_activity(conversation, message_id, activity_type, content);
        }
        EventBody::ActivityDelta { message_id, patch: operations, .. } => {
            let found = conversation.entries.iter_mut().rev().find_map(|entry| match entry {
                Entry::Activity { id, content, .. } if id == message_id => Some(content),
                _ => None,
            });
            if let Some(content) = found {
                patch(content, operations);
            }
        }
        EventBody::SubagentStarted { name, description, .. } => {
            let what = description.as_deref().unwrap_or_default();
            conversation
                .entries
                .push(Entry::Notice { text: format!("subagent {name} {what}").trim().to_owned() });
        }
        EventBody::SubagentError { message, .. } => {
            conversation.entries.push(Entry::Notice { text: format!("subagent failed: {message}") });
        }
        EventBody::Custom { name, value, .. } if name == IGNORED => {
            let said = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            let text = format!("{} has no effect: {}", said("what"), said("why"));
            conversation.entries.push(Entry::Notice { text });
        }
        _ => {}
    }
}

fn set_activity(conversation: &mut Conversation, message_id: &str, activity_type: &str, new: Value) {
    let found = conversation.entries.iter_mut().rev().find_map(|entry| match entry {
        Entry::Activity { id, content, .. } if id == message_id => Some(content),
        _ => None,
    });
    match found {
        Some(content) => *content = new,
        None => conversation.entries.push(Entry::Activity {
            id: message_id.to_owned(),
            activity: activity_type.to_owned(),
            content: new,
        }),
    }
}

/// A delta that does not fit leaves the value as it was: a page shows the last good state.
fn patch(value: &mut Value, operations: &[Value]) {
    if let Ok(patch) = serde_json::from_value::<json_patch::Patch>(Value::Array(operations.to_vec())) {
        let mut changed = value.clone();
        if json_patch::patch(&mut changed, &patch).is_ok() {
            *value = changed;
        }
    }
}
