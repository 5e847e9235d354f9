//! What the program tells of itself and of its service, beside what the agent does.

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::DEFAULT_RUNNER_TYPE;
use serde_json::{Value, json};

use super::text;

/// Which program it is.
pub(super) fn introduction(frame: &Value) -> Event {
    let tools = frame["tools"].as_array().map_or(0, Vec::len);
    let mut value = json!({
        "program": "claude",
        "version": frame["claude_code_version"],
        "model": frame["model"],
        "permissionMode": frame["permissionMode"],
        "tools": tools,
        "conversation": frame["session_id"],
    });
    if frame["mcp_servers"].as_array().is_some_and(|servers| !servers.is_empty()) {
        value["mcpServers"] = frame["mcp_servers"].clone();
    }
    Event::custom("ambient.agent", value)
}

/// The service is asked again.
pub(super) fn retry(frame: &Value) -> Event {
    let value = json!({
        "attempt": frame["attempt"],
        "maxRetries": frame["max_retries"],
        "delayMilliseconds": frame["retry_delay_ms"],
        "status": frame["error_status"],
        "error": frame["error"],
    });
    Event::custom("ambient.retry", value)
}

/// A refused key is retried ten times over minutes by the program, and never gets better.
pub(super) fn hopeless(frame: &Value) -> Option<String> {
    let status = frame["error_status"].as_u64()?;
    (status == 401).then(|| {
        let error = text(frame, "error").unwrap_or_else(|| "authentication failed".to_owned());
        format!("the model's service refused the key (401, {error})")
    })
}

/// Something that has no place in the protocol.
pub(super) fn raw(event: Value) -> Event {
    let source = Some(DEFAULT_RUNNER_TYPE.to_owned());
    EventBody::Raw { event, source, subagent_run_id: None }.into()
}
