//! The program's control protocol: lines that both sides write beside the conversation.

use serde_json::{Value, json};

use super::text;

/// Id of the one question that is asked of the program at its start.
const INITIALIZE: &str = "ambient-initialize";

/// Id of the request for another model.
const SET_MODEL: &str = "ambient-model";

/// Id of the question in what state its MCP servers are.
const SERVERS: &str = "ambient-servers";

/// What the program wants, or answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Control {
    /// It is ready.
    Ready,
    /// It refuses to be driven, in these words.
    Refuses(String),
    /// It keeps its model, for this reason.
    KeepsModel(String),
    /// In what state its MCP servers are; null where it does not tell.
    Servers(Value),
    /// It has answered something else.
    Answered,
    /// It asks whether it may use a tool.
    Permission(PermissionRequest),
    /// It asks for something that is not offered: the request's id.
    Unknown(String),
    /// It takes a request back.
    Withdrawn(String),
}

/// `can_use_tool`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PermissionRequest {
    /// The request's id.
    pub(super) id: String,
    pub(super) tool: String,
    pub(super) input: Value,
    /// The tool call.
    pub(super) call: Option<String>,
    /// For people: a file's name, what a command is for.
    pub(super) description: Option<String>,
}

/// Longest id of the program's that is said back to it; it uses UUIDs.
const ID_LIMIT: usize = 256;

/// Reads a frame; none where it is none of the protocol's.
pub(super) fn read(frame: &Value) -> Option<Control> {
    match frame["type"].as_str()? {
        "control_response" => Some(answer(&frame["response"])),
        "control_cancel_request" => text(frame, "request_id").map(Control::Withdrawn),
        "control_request" => {
            let id = text(frame, "request_id").filter(|id| id.len() <= ID_LIMIT)?;
            let request = &frame["request"];
            let tool = text(request, "tool_name").filter(|_| request["subtype"] == "can_use_tool");
            let Some(tool) = tool else { return Some(Control::Unknown(id)) };
            Some(Control::Permission(PermissionRequest {
                id,
                tool,
                input: request["input"].clone(),
                call: text(request, "tool_use_id"),
                description: text(request, "description"),
            }))
        }
        _ => None,
    }
}

fn answer(response: &Value) -> Control {
    let succeeded = response["subtype"] == "success";
    let why = || text(response, "error").unwrap_or_else(|| "it gives no reason".to_owned());
    match response["request_id"].as_str() {
        Some(INITIALIZE) if succeeded => Control::Ready,
        Some(INITIALIZE) => Control::Refuses(why()),
        Some(SET_MODEL) if !succeeded => Control::KeepsModel(why()),
        Some(SERVERS) => Control::Servers(response["response"]["mcpServers"].clone()),
        _ => Control::Answered,
    }
}

/// The first line.
pub(super) fn initialize() -> String {
    request(INITIALIZE, &json!({"subtype": "initialize"}))
}

/// Breaks the turn off.
pub(super) fn interrupt() -> String {
    request("ambient-interrupt", &json!({"subtype": "interrupt"}))
}

/// Has it ask another model from its next turn on at the latest.
pub(super) fn set_model(model: &str) -> String {
    request(SET_MODEL, &json!({"subtype": "set_model", "model": model}))
}

/// Asks in what state its MCP servers are, and why.
pub(super) fn ask_for_servers() -> String {
    request(SERVERS, &json!({"subtype": "mcp_status"}))
}

/// What a user says.
pub(super) fn user(text: &str) -> String {
    let message = json!({"role": "user", "content": text});
    json!({"type": "user", "message": message, "parent_tool_use_id": null, "session_id": ""}).to_string()
}

/// The tool may be used, with these arguments.
pub(super) fn allow(id: &str, input: &Value) -> String {
    respond(id, &json!({"behavior": "allow", "updatedInput": input}))
}

/// The tool may not be used; the model is told why, and goes on.
pub(super) fn deny(id: &str, why: &str) -> String {
    respond(id, &json!({"behavior": "deny", "message": why}))
}

/// There is nobody who could do that.
pub(super) fn refuse(id: &str) -> String {
    let error = json!({"subtype": "error", "request_id": id, "error": "not supported by this client"});
    json!({"type": "control_response", "response": error}).to_string()
}

fn request(id: &str, request: &Value) -> String {
    json!({"type": "control_request", "request_id": id, "request": request}).to_string()
}

fn respond(id: &str, response: &Value) -> String {
    let success = json!({"subtype": "success", "request_id": id, "response": response});
    json!({"type": "control_response", "response": success}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let permission = PermissionRequest {
            id: "q".to_owned(),
            tool: "Bash".to_owned(),
            input: json!({"command": "ls"}),
            call: Some("c".to_owned()),
            description: Some("List".to_owned()),
        };
        let response = |id: &str, subtype: &str| {
            let response = json!({"subtype": subtype, "request_id": id, "error": "no"});
            json!({"type": "control_response", "response": response})
        };
        let cases = [
            (response(INITIALIZE, "success"), Some(Control::Ready)),
            (response(INITIALIZE, "error"), Some(Control::Refuses("no".to_owned()))),
            (response("ambient-interrupt", "success"), Some(Control::Answered)),
            (response(SET_MODEL, "success"), Some(Control::Answered)),
            (response(SERVERS, "error"), Some(Control::Servers(Value::Null))),
            (response(SET_MODEL, "error"), Some(Control::KeepsModel("no".to_owned()))),
            (
                json!({"type": "control_request", "request_id": "q", "request": {"subtype": "can_use_tool",
                    "tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "c", "description": "List"}}),
                Some(Control::Permission(permission)),
            ),
            (
                json!({"type": "control_request", "request_id": "q", "request": {"subtype": "elicitation"}}),
                Some(Control::Unknown("q".to_owned())),
            ),
            (
                json!({"type": "control_cancel_request", "request_id": "q"}),
                Some(Control::Withdrawn("q".to_owned())),
            ),
            (json!({"type": "control_request", "request_id": "q".repeat(999)}), None),
            (json!({"type": "assistant"}), None),
        ];
        for (frame, expected) in cases {
            assert_eq!(read(&frame), expected, "{frame}");
        }
    }
}
