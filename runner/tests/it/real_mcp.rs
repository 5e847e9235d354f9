//! MCP servers of a session, used by the real programs. Ignored unless asked for:
//!
//! `AMBIENT_E2E_CLAUDE=… AMBIENT_E2E_GEMINI=… e2e/run claude gemini`; python3 runs the server.

use std::fs;

use ambient_model_server::Script;
use ambient_protocol::conversation::Entry;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Conversation, Event};
use serde_json::{Value, json};

use crate::harness::{World, real_program, with_scripted_model};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/harness/notes_server.py");
const KEY: &str = "dummy-key-0123456789";

fn script(tool: &str) -> Script {
    let steps = format!("turns:\n- tools:\n  - name: {tool}\n    input: {{note: remember}}\n- text: Done.\n");
    Script::parse(&steps).unwrap()
}

/// The session has the server, and whatever `with` adds; the note must have been taken.
async fn takes_a_note(mut world: World, with: Value) {
    let notes = world.path("notes");
    world.session(|session| {
        session["mcpServers"] = json!({"notes": {"command": "python3", "args": [SERVER, notes]}});
        session.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    });
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert_eq!(fs::read_to_string(world.path("notes")).unwrap_or_default(), "remember\n");
    let result = world.log().iter().map(Event::to_json).find(|json| json.contains("TOOL_CALL_RESULT"));
    assert!(result.unwrap().contains("noted"));
}

/// The session has two servers that cannot be used; the run says so.
async fn tells_of_broken_servers(mut world: World, with: Value) -> Vec<String> {
    world.session(|session| {
        session["mcpServers"] = json!({
            "missing": {"command": "/nonexistent/server"},
            "refused": {"type": "http", "url": "http://127.0.0.1:9/mcp"},
        });
        session.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    });
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let mut conversation = Conversation::default();
    world.log().iter().for_each(|event| conversation.apply(event));
    let notices = conversation.entries.into_iter().filter_map(|entry| match entry {
        Entry::Notice { text } => Some(text),
        _ => None,
    });
    notices.collect()
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn claude_tells_of_broken_servers() {
    let script = Script::parse("turns:\n- text: Done.\n").unwrap();
    let (mut world, model) = with_scripted_model("claude-agent-sdk", script).await;
    world.variable("ANTHROPIC_API_KEY", KEY);
    let program = real_program("AMBIENT_E2E_CLAUDE");
    let environment = json!({"ANTHROPIC_BASE_URL": model, "IS_SANDBOX": "1"});
    world.session(|session| session["agent"]["command"] = json!([program]));
    let told = tells_of_broken_servers(world, json!({"environment": environment})).await;
    let is_told = |name: &str, why: &str| told.iter().any(|text| text.contains(name) && text.contains(why));
    assert!(is_told("MCP server missing", "ENOENT") && is_told("MCP server refused", "failed"), "{told:?}");
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn gemini_tells_of_broken_servers() {
    for approval in ["Auto", "Ask"] {
        let script = Script::parse("turns:\n- text: Done.\n").unwrap();
        let (mut world, model) = with_scripted_model("gemini-cli", script).await;
        world.variable("GEMINI_API_KEY", KEY);
        let program = real_program("AMBIENT_E2E_GEMINI");
        let environment = json!({"GOOGLE_GEMINI_BASE_URL": model});
        world.session(|session| session["agent"]["command"] = json!([program]));
        let with = json!({"environment": environment, "model": {"name": "gemini-2.5-flash"}, "approval": {"mode": approval}});
        let told = tells_of_broken_servers(world, with).await;
        assert!(
            told.iter().any(|text| text.contains("an MCP server of the session")),
            "{approval}: {told:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn claude_uses_the_sessions_servers() {
    let (mut world, model) = with_scripted_model("claude-agent-sdk", script("mcp__notes__add")).await;
    world.variable("ANTHROPIC_API_KEY", KEY);
    let program = real_program("AMBIENT_E2E_CLAUDE");
    let environment = json!({"ANTHROPIC_BASE_URL": model, "IS_SANDBOX": "1"});
    world.session(|session| session["agent"]["command"] = json!([program]));
    takes_a_note(world, json!({"environment": environment})).await;
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn gemini_uses_the_sessions_servers() {
    let (mut world, model) = with_scripted_model("gemini-cli", script("mcp_notes_add")).await;
    world.variable("GEMINI_API_KEY", KEY);
    let program = real_program("AMBIENT_E2E_GEMINI");
    let environment = json!({"GOOGLE_GEMINI_BASE_URL": model});
    world.session(|session| session["agent"]["command"] = json!([program]));
    takes_a_note(world, json!({"environment": environment, "model": {"name": "gemini-2.5-flash"}})).await;
}
