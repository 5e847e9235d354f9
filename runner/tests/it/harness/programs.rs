//! The real agent programs, and how each is told where its model is.

use std::fs;

use ambient_model_server::Script;
use serde_json::json;

use super::{PROGRAM, World, commit, real_program, with_scripted_model};

/// The graph of `examples/langgraph`.
const EXAMPLE: [(&str, &str); 2] = [
    ("agent.py", include_str!("../../../../examples/langgraph/agent.py")),
    ("langgraph.json", include_str!("../../../../examples/langgraph/langgraph.json")),
];

/// A program, and how it is told where its model is.
pub(crate) struct Program {
    pub(crate) runner_type: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) key: &'static str,
    pub(crate) address: &'static str,
    pub(crate) path: &'static str,
    pub(crate) model: Option<&'static str>,
    /// What else it is told.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Whether it keeps to a number of model turns.
    pub(crate) counts_turns: bool,
}

pub(crate) const CLAUDE: Program = Program {
    runner_type: "claude-agent-sdk",
    variable: "AMBIENT_E2E_CLAUDE",
    key: "ANTHROPIC_API_KEY",
    address: "ANTHROPIC_BASE_URL",
    path: "",
    model: None,
    environment: &[("IS_SANDBOX", "1")],
    counts_turns: true,
};
pub(crate) const GEMINI: Program = Program {
    runner_type: "gemini-cli",
    variable: "AMBIENT_E2E_GEMINI",
    key: "GEMINI_API_KEY",
    address: "GOOGLE_GEMINI_BASE_URL",
    path: "",
    model: Some("gemini-2.5-flash"),
    environment: &[],
    counts_turns: true,
};
pub(crate) const LANGGRAPH: Program = Program {
    runner_type: "langgraph",
    variable: "AMBIENT_E2E_LANGGRAPH",
    key: "OPENAI_API_KEY",
    address: "OPENAI_BASE_URL",
    path: "/v1",
    model: None,
    environment: &[],
    counts_turns: false,
};
/// By the Agent Client Protocol. Of its newer models the scripted one does not know the tools.
pub(crate) const CODEX: Program = Program {
    runner_type: "acp",
    variable: "AMBIENT_E2E_CODEX_ACP",
    key: "OPENAI_API_KEY",
    address: "OPENAI_BASE_URL",
    path: "/v1",
    model: Some("gpt-5.5"),
    environment: &[("ACP_AUTH_METHOD", "gateway"), ("INITIAL_AGENT_MODE", "agent-full-access")],
    counts_turns: false,
};

impl Program {
    /// What the agent registry has for it.
    pub(crate) fn command(&self) -> Vec<String> {
        let path = real_program(self.variable);
        match self.runner_type {
            "langgraph" => {
                [PROGRAM, "langgraph", "--server-program", path.as_str()].map(str::to_owned).into()
            }
            _ => vec![path],
        }
    }

    /// A run of it whose model answers as scripted.
    pub(crate) async fn world(&self, script: Script) -> World {
        let (mut world, model) = with_scripted_model(self.runner_type, script).await;
        if self.runner_type == LANGGRAPH.runner_type {
            let target = world.path("target");
            EXAMPLE.iter().for_each(|(name, content)| fs::write(target.join(name), content).unwrap());
            commit(&target, "Add a graph");
        }
        let address = format!("{model}{}", self.path);
        world.session(|session| {
            session["agent"]["command"] = json!(self.command());
            session["environment"] = self.environment.iter().copied().collect();
            session["environment"][self.address] = json!(address);
            if let Some(model) = self.model {
                session["model"]["name"] = json!(model);
            }
        });
        world.variable(self.key, "dummy-key-0123456789");
        world
    }
}
