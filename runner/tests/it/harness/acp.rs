//! Small agents of the Agent Client Protocol, written in shell.

use std::fs;

use ambient_protocol::AgentRegistry;
use serde_json::{Value, json};

use super::World;

/// Words of a script. `hear` takes a line from the runner and keeps it.
const PRELUDE: &str = r#"
say() { printf '%s\n' "$1"; }
hear() { IFS= read -r heard && printf '%s\n' "$heard" >> "$HEARD"; }
update() { say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":'"$1"'}}'; }
text() { update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}'; }
request() { say '{"jsonrpc":"2.0","id":"'"$1"'","method":"'"$2"'","params":'"$3"'}'; hear; }
introduce() { hear; say '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1,"agentInfo":{"name":"shell","version":"1"},"agentCapabilities":{'"$1"'}}}'; }
begin() { introduce; hear; say '{"jsonrpc":"2.0","id":1,"result":{"sessionId":"s"}}'; hear; }
finish() { say '{"jsonrpc":"2.0","id":'"${2:-2}"',"result":{"stopReason":"'"$1"'","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}}'; }
permission() { request "$1" session/request_permission '{"sessionId":"s","toolCall":{"toolCallId":"call","title":"Do it","kind":"execute","status":"pending","rawInput":{"x":1}},"options":[{"optionId":"yes","kind":"allow_once"},{"optionId":"no","kind":"reject_once"}]}'; }
"#;

/// Words and script in one: for an agent that sees no files but its own, and keeps what it hears beside where it starts.
pub(crate) fn in_one(script: &str) -> String {
    format!("HEARD=heard\n{PRELUDE}{script}")
}

/// A run of an agent that follows this script.
pub(crate) fn with(mut world: World, script: &str) -> World {
    let path = world.path("agent.sh");
    fs::write(&path, format!("{PRELUDE}{script}")).unwrap();
    let heard = world.path("heard");
    world.session(|session| {
        session["runnerType"] = json!("acp");
        session["agent"] = json!(AgentRegistry::built_in().get("acp").unwrap());
        session["environment"] = json!({"ACP_COMMAND": json!(["sh", path]).to_string(), "HEARD": heard});
    });
    world
}

pub(crate) fn alone(script: &str) -> World {
    with(World::new(None), script)
}

pub(crate) fn both(script: &str) -> [World; 2] {
    World::both(None).map(|world| with(world, script))
}

/// What the agent was told, line by line.
pub(crate) fn heard(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.path("heard")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The answer to the agent's request of this id.
pub(crate) fn answer(world: &World, id: &str) -> Value {
    heard(world).into_iter().find(|line| line["id"] == id).unwrap_or_else(|| panic!("no answer to {id}"))
}
