//! What the client is told: where the graph's server is, which conversation, which run.

use std::ffi::OsString;

use ambient_protocol::environment::{LANGGRAPH_ASSISTANT, LANGGRAPH_URL};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{TurnContext, retold};
use crate::carrier::AgentCommand;
use crate::langgraph::Request;

/// The graph's name where the session names none: that of LangGraph's templates.
const ASSISTANT: &str = "agent";
/// What is streamed: messages by token, what each node has written, the whole state, what the graph says of its own.
const STREAM_MODES: [&str; 4] = ["messages-tuple", "updates", "values", "custom"];

/// Builds the command.
pub(super) fn build(context: &TurnContext<'_>) -> AgentCommand {
    let (program, arguments) = context.own_program();
    AgentCommand {
        program,
        arguments,
        environment: context.base_environment(),
        directory: context.directory(),
        input: format!("{}\n", json!(request(context))).into_bytes(),
        files: Vec::new(),
    }
}

fn request(context: &TurnContext<'_>) -> Request {
    Request {
        url: variable(context, LANGGRAPH_URL),
        thread_id: thread_id(&format!("{}/{}", context.session.session_uid, context.session.key.run())),
        run: run(&settings(context), "input", input(context, context.takes_up.is_none())),
        anew: context.takes_up.map(|_| run(&settings(context), "input", input(context, true))),
    }
}

/// What every run of a conversation has in common.
pub(super) fn settings(context: &TurnContext<'_>) -> Map<String, Value> {
    let settings = json!({
        "assistant_id": variable(context, LANGGRAPH_ASSISTANT).unwrap_or_else(|| ASSISTANT.to_owned()),
        "config": {"configurable": configurable(context)},
        "stream_mode": STREAM_MODES,
        "stream_subgraphs": true,
        // So that a broken connection loses nothing and ends nothing.
        "stream_resumable": true,
        "on_disconnect": "continue",
        // An attempt before this one may have left its run there.
        "multitask_strategy": "rollback",
        "if_not_exists": "create",
    });
    settings.as_object().cloned().unwrap_or_default()
}

/// The body of a run: the settings, and what is given to the graph under this name.
pub(super) fn run(settings: &Map<String, Value>, name: &str, given: Value) -> Value {
    let mut run = settings.clone();
    run.insert(name.to_owned(), given);
    Value::Object(run)
}

/// A state that holds one message more.
pub(super) fn message(text: &str) -> Value {
    json!({"messages": [user(text)]})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// The message, beside the state that the caller shares; before it what was said already, where the graph does not know.
fn input(context: &TurnContext<'_>, anew: bool) -> Value {
    let mut input = context.input.state.clone().filter(Value::is_object).unwrap_or_else(|| json!({}));
    let retelling = context.retelling.filter(|_| anew);
    let mut messages = retelling.map(retold::messages).unwrap_or_default();
    messages.push(user(&context.prompt()));
    input["messages"] = messages.into();
    input
}

/// The model's settings, under the names that LangGraph's templates read them by.
fn configurable(context: &TurnContext<'_>) -> Map<String, Value> {
    let model = &context.session.model;
    let settings = [
        ("model", context.model.map(Value::from)),
        ("temperature", model.temperature.map(Value::from)),
        ("max_tokens", model.max_tokens.map(Value::from)),
    ];
    settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn variable(context: &TurnContext<'_>, name: &str) -> Option<String> {
    let value: OsString = context.base_environment().remove(name)?;
    value.into_string().ok().filter(|value| !value.is_empty())
}

/// One conversation for all attempts of a run: a UUID of the kind that is made from a name (RFC 9562, version 8).
fn thread_id(name: &str) -> String {
    let digest = Sha256::digest(name);
    let mut bytes: [u8; 16] = std::array::from_fn(|index| digest[index]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
