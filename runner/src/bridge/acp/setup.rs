//! What the agent is told before it works: who we are, where to work, with which servers and model.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::gateway::{self, Gateway};
use super::rpc;
use crate::bridge::mcp::{Issues, McpServer};
use crate::bridge::{TakenUp, TurnContext};

/// The version of the protocol that is spoken here.
pub(super) const VERSION: u64 = 1;
/// Id of the first question, which is the agent's input.
pub(super) const FIRST_REQUEST: u64 = 0;

/// What the runner does for the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) write_files: bool,
    pub(super) terminals: bool,
}

impl Offers {
    /// Nothing where paths cannot be confined. In a container of its own an agent works by itself: what the runner made
    /// for it there would be another user's.
    pub(super) fn new(confines_paths: bool, is_other_user: bool) -> Self {
        let offered = confines_paths && !is_other_user;
        Self { write_files: offered, terminals: offered }
    }
}

/// The first question. Reading is not offered, though it is answered: what is read is on disk for the agent too, and
/// Gemini CLI 0.61 makes no new file where it is (it takes the answer "not found" for a broken disk).
pub(super) fn initialize(offers: Offers) -> String {
    let params = json!({
        "protocolVersion": VERSION,
        "clientCapabilities": {
            "fs": {"readTextFile": false, "writeTextFile": offers.write_files},
            "terminal": offers.terminals,
            "auth": gateway::capability(),
        },
        "clientInfo": {"name": "ambient-runner", "title": "Ambient", "version": env!("CARGO_PKG_VERSION")},
    });
    rpc::request(FIRST_REQUEST, "initialize", &params)
}

/// What the agent says of itself.
#[derive(Debug, Default)]
pub(super) struct Introduction {
    pub(super) version: Value,
    pub(super) agent: Value,
    /// Ways to authenticate, as it declares them.
    auth_methods: Vec<Value>,
    servers: Value,
    /// What it tells of its servers later.
    pub(super) issues: Issues,
    /// How it takes a session up again, if it can.
    pub(super) taking_up: Option<&'static str>,
}

impl Introduction {
    /// Reads the answer to the first question; what is strange in it is as absent.
    pub(super) fn read(answer: &Value) -> Self {
        Self {
            version: answer["protocolVersion"].clone(),
            agent: answer["agentInfo"].clone(),
            auth_methods: answer["authMethods"].as_array().cloned().unwrap_or_default(),
            servers: answer["agentCapabilities"]["mcpCapabilities"].clone(),
            issues: Issues::default(),
            taking_up: taking_up(&answer["agentCapabilities"]),
        }
    }

    /// The ids of the ways to authenticate.
    pub(super) fn ways(&self) -> Vec<&str> {
        self.auth_methods.iter().filter_map(|method| method["id"].as_str()).collect()
    }

    /// What is said to authenticate in one of these ways.
    pub(super) fn credentials(&self, way: &str, gateways: &[Gateway]) -> Value {
        let declared = self.auth_methods.iter().find(|method| method["id"] == way);
        match declared.and_then(|declared| Gateway::told(declared, gateways)) {
            Some(told) => json!({"methodId": way, "_meta": told}),
            None => json!({"methodId": way}),
        }
    }

    /// Every agent starts programs; what else it reaches it declares.
    pub(super) fn reaches(&self, server: &McpServer) -> bool {
        server.transport == "stdio" || self.servers[&server.transport] == true
    }
}

/// The method by which an agent takes a session up. Without telling all of it again, if it can do that too.
fn taking_up(capabilities: &Value) -> Option<&'static str> {
    if capabilities["sessionCapabilities"]["resume"].is_object() {
        Some("session/resume")
    } else {
        (capabilities["loadSession"] == true).then_some("session/load")
    }
}

/// What a turn needs of its session.
#[derive(Debug)]
pub(in crate::bridge) struct Setup {
    pub(in crate::bridge) directory: PathBuf,
    /// What is asked of a session that begins.
    pub(in crate::bridge) prompt: String,
    /// The session to take up, where there is one.
    pub(in crate::bridge) takes_up: Option<Earlier>,
    pub(in crate::bridge) model: Option<String>,
    /// The way to authenticate that the session chose.
    pub(in crate::bridge) auth_method: Option<String>,
    /// Where models are, for agents that are told so.
    pub(in crate::bridge) gateways: Vec<Gateway>,
    pub(in crate::bridge) servers: Vec<McpServer>,
}

/// A session that another process has had.
#[derive(Debug, Clone)]
pub(in crate::bridge) struct Earlier {
    /// The agent's id of it.
    pub(in crate::bridge) session: String,
    /// What is asked of it.
    pub(in crate::bridge) prompt: String,
    /// What the run has cost before, in US dollars.
    pub(in crate::bridge) spent_usd: f64,
}

impl Earlier {
    /// The session that a turn goes on with, if there is one.
    pub(in crate::bridge) fn of(context: &TurnContext<'_>) -> Option<Self> {
        let TakenUp { name, cut_off } = context.takes_up?;
        let prompt = context.prompt();
        let again = || format!("You were cut off while you worked on this. It is asked again:\n\n{prompt}");
        Some(Self {
            session: name.to_owned(),
            prompt: if cut_off { again() } else { prompt },
            spent_usd: context.spent.cost_usd.unwrap_or_default(),
        })
    }
}

/// How the model of an opened session is chosen: by its options, or as agents do it that have none.
pub(super) fn choose_model(opened: &Value, session: &str, model: &str) -> Option<(&'static str, Value)> {
    let options = opened["configOptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(option) = options.iter().find(|option| option["category"] == "model") {
        let params = json!({"sessionId": session, "configId": option["id"], "value": model});
        return (option["currentValue"] != model).then_some(("session/set_config_option", params));
    }
    let models = &opened["models"];
    let wanted = models.is_object() && models["currentModelId"] != model;
    wanted.then(|| ("session/set_model", json!({"sessionId": session, "modelId": model})))
}

/// How models of an opened session are chosen later on, whichever it has then.
pub(super) fn models_of(opened: &Value) -> Value {
    let options = opened["configOptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let option = options.iter().find(|option| option["category"] == "model");
    let option = option.map(|option| json!({"id": option["id"], "category": "model"}));
    let models = opened["models"].is_object().then(|| json!({}));
    json!({"configOptions": option.into_iter().collect::<Vec<_>>(), "models": models})
}

/// The model that an opened session has by itself.
pub(super) fn current_model(opened: &Value) -> Option<String> {
    let options = opened["configOptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let option = options.iter().find(|option| option["category"] == "model");
    let current = option.map_or(&opened["models"]["currentModelId"], |option| &option["currentValue"]);
    current.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_reached_and_what_else_is_declared() {
        let declared = json!({"agentCapabilities": {"mcpCapabilities": {"http": true, "sse": false}}});
        let introduction = Introduction::read(&declared);
        let reached = |transport: &str| {
            let session = json!({ "s": {"type": transport, "url": "u"} });
            introduction.reaches(&McpServer::of(&session)[0])
        };
        assert!(reached("stdio") && reached("http"));
        assert!(!reached("sse") && !reached("new"));
    }

    #[test]
    fn a_session_is_taken_up_as_the_agent_declares() {
        let cases = [
            (json!({}), None),
            (json!({"loadSession": false, "sessionCapabilities": {"resume": null}}), None),
            (json!({"loadSession": true, "sessionCapabilities": {"list": {}}}), Some("session/load")),
            (json!({"loadSession": true, "sessionCapabilities": {"resume": {}}}), Some("session/resume")),
        ];
        for (capabilities, method) in cases {
            let introduction = Introduction::read(&json!({"agentCapabilities": capabilities}));
            assert_eq!(introduction.taking_up, method, "{capabilities}");
        }
    }

    #[test]
    fn the_model_is_chosen_where_the_agent_lets_one() {
        let option = json!({"configOptions": [{"id": "o", "category": "model", "currentValue": "a"}]});
        let models = json!({"models": {"currentModelId": "a"}});
        let cases = [
            (&option, "b", Some("session/set_config_option")),
            (&option, "a", None),
            (&models, "b", Some("session/set_model")),
            (&models, "a", None),
            (&Value::Null, "b", None),
        ];
        for (opened, model, method) in cases {
            let chosen = choose_model(opened, "s", model).map(|(method, _)| method);
            assert_eq!(chosen, method, "{opened} {model}");
        }
        assert_eq!(current_model(&option).as_deref(), Some("a"));
        assert_eq!(current_model(&models).as_deref(), Some("a"));
    }
}
