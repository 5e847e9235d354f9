//! The agent registry: how each runner type is run. One table serves the operator's plan, the local node and the pages.

mod overrides;

use std::collections::BTreeMap;

pub use overrides::Programs;

use serde::{Deserialize, Serialize};

use crate::capabilities::{AgentFeature, FrameworkCapabilities};

/// The runner type of a session that names none.
pub const DEFAULT_RUNNER_TYPE: &str = "claude-agent-sdk";
/// The runner type of Gemini CLI.
pub const GEMINI_CLI: &str = "gemini-cli";
/// The runner type of graphs behind a LangGraph server.
pub const LANGGRAPH: &str = "langgraph";
/// The runner type of any agent that speaks the Agent Client Protocol.
pub const ACP: &str = "acp";
/// The runner type of recorded runs.
pub const REPLAY: &str = "replay";

/// Runner types by name.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRegistry {
    /// The entries.
    pub agents: BTreeMap<String, AgentEntry>,
    /// Why runner types cannot be used of which the installation says something.
    pub refused: BTreeMap<String, String>,
}

impl AgentRegistry {
    /// The registry that ships with Ambient. What ConfigMap `ambient-agents` in `ambient-system` says is laid over it:
    /// [`overridden_by`](Self::overridden_by).
    #[must_use]
    pub fn built_in() -> Self {
        let agents = [
            (ACP, acp()),
            (DEFAULT_RUNNER_TYPE, claude()),
            (GEMINI_CLI, gemini()),
            (LANGGRAPH, langgraph()),
            (REPLAY, replay()),
        ];
        let agents = agents.map(|(name, entry)| (name.to_owned(), entry)).into();
        Self { agents, refused: BTreeMap::new() }
    }

    /// The entry of a runner type.
    ///
    /// # Errors
    /// Says which runner types exist, or what is wrong with what the installation says of this one.
    pub fn get(&self, runner_type: &str) -> Result<&AgentEntry, NoRunnerType> {
        self.agents.get(runner_type).ok_or_else(|| match self.refused.get(runner_type) {
            Some(why) => NoRunnerType::Refused { runner_type: runner_type.to_owned(), why: why.clone() },
            None => NoRunnerType::Unknown {
                runner_type: runner_type.to_owned(),
                known: self.agents.keys().cloned().collect::<Vec<_>>().join(", "),
            },
        })
    }
}

/// How one runner type is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentEntry {
    /// For people.
    pub display_name: String,
    /// Image of the runner's container.
    pub image: String,
    /// The agent's program and arguments; the runner starts it through its carrier.
    pub command: Vec<String>,
    /// What the framework can do.
    pub capabilities: FrameworkCapabilities,
    /// Environment variables the agent reads keys from, each the name of a key in Secret `ambient-runner-secrets`.
    #[serde(default)]
    pub key_names: Vec<String>,
    /// The model of sessions that name none, where neither project nor session speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_model: Option<String>,
    /// MCP servers of every session of this type, by name; projects and sessions lay theirs over them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_servers: BTreeMap<String, serde_json::Value>,
    /// Name of the feature gate that must be open, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
}

/// Why a runner type cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRunnerType {
    /// The registry does not have it.
    #[error("no runner type \"{runner_type}\"; there are: {known}")]
    Unknown {
        /// What was asked for.
        runner_type: String,
        /// What there is.
        known: String,
    },
    /// What the installation says of it cannot be read.
    #[error("runner type \"{runner_type}\": its entry of ConfigMap ambient-agents cannot be used: {why}")]
    Refused {
        /// What was asked for.
        runner_type: String,
        /// What is wrong.
        why: String,
    },
}

/// The image that holds the runner.
pub const RUNNER_IMAGE: &str = "ambient-runner";

/// Which agent it is, its image tells by a program of this name, or the session by
/// [`ACP_COMMAND`](crate::environment::ACP_COMMAND).
fn acp() -> AgentEntry {
    use AgentFeature::{AgenticChat, HumanInTheLoop, Thinking, ToolRendering};
    AgentEntry {
        display_name: "Agent Client Protocol".to_owned(),
        image: RUNNER_IMAGE.to_owned(),
        command: vec!["acp-agent".to_owned()],
        capabilities: FrameworkCapabilities {
            framework: ACP.to_owned(),
            agent_features: vec![AgenticChat, HumanInTheLoop, Thinking, ToolRendering],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: true,
        },
        key_names: ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"].map(str::to_owned).into(),
        default_model: None,
        mcp_servers: BTreeMap::new(),
        gate: None,
    }
}

fn claude() -> AgentEntry {
    use AgentFeature::{AgenticChat, HumanInTheLoop, Thinking, ToolRendering};
    AgentEntry {
        display_name: "Claude Code".to_owned(),
        image: RUNNER_IMAGE.to_owned(),
        command: vec!["claude".to_owned()],
        capabilities: FrameworkCapabilities {
            framework: DEFAULT_RUNNER_TYPE.to_owned(),
            agent_features: vec![AgenticChat, HumanInTheLoop, Thinking, ToolRendering],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: true,
        },
        key_names: vec!["ANTHROPIC_API_KEY".to_owned()],
        default_model: None,
        mcp_servers: BTreeMap::new(),
        gate: None,
    }
}

fn gemini() -> AgentEntry {
    use AgentFeature::{AgenticChat, HumanInTheLoop, ToolRendering};
    AgentEntry {
        display_name: "Gemini CLI".to_owned(),
        image: RUNNER_IMAGE.to_owned(),
        command: vec!["gemini".to_owned()],
        capabilities: FrameworkCapabilities {
            framework: GEMINI_CLI.to_owned(),
            agent_features: vec![AgenticChat, HumanInTheLoop, ToolRendering],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: false,
        },
        key_names: vec!["GEMINI_API_KEY".to_owned()],
        // Without a model the program asks a small one before each answer which to take.
        default_model: Some("gemini-2.5-pro".to_owned()),
        mcp_servers: BTreeMap::new(),
        gate: None,
    }
}

/// Its process is the client of the graph's server, and starts one where the session names none.
fn langgraph() -> AgentEntry {
    use AgentFeature::{AgenticChat, HumanInTheLoop, SharedState, Thinking, ToolRendering};
    AgentEntry {
        display_name: "LangGraph".to_owned(),
        image: RUNNER_IMAGE.to_owned(),
        command: vec!["ambient".to_owned(), "langgraph".to_owned()],
        capabilities: FrameworkCapabilities {
            framework: LANGGRAPH.to_owned(),
            agent_features: vec![AgenticChat, HumanInTheLoop, Thinking, SharedState, ToolRendering],
            file_system: false,
            mcp: false,
            tracing: false,
            session_persistence: true,
        },
        key_names: ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "LANGGRAPH_API_KEY", "OPENAI_API_KEY"]
            .map(str::to_owned)
            .into(),
        default_model: None,
        mcp_servers: BTreeMap::new(),
        gate: None,
    }
}

fn replay() -> AgentEntry {
    use AgentFeature::{AgenticChat, HumanInTheLoop, Thinking, ToolRendering};
    AgentEntry {
        display_name: "Recorded run".to_owned(),
        image: RUNNER_IMAGE.to_owned(),
        command: vec!["ambient".to_owned(), "replay".to_owned()],
        capabilities: FrameworkCapabilities {
            framework: REPLAY.to_owned(),
            agent_features: vec![AgenticChat, HumanInTheLoop, Thinking, ToolRendering],
            file_system: true,
            mcp: false,
            tracing: false,
            session_persistence: true,
        },
        key_names: Vec::new(),
        default_model: None,
        mcp_servers: BTreeMap::new(),
        gate: None,
    }
}
