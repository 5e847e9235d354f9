//! What an agent framework can do, so that pages and clients show only what will work.

use serde::{Deserialize, Serialize};

/// What one framework supports. Declared by its bridge, repeated by the agent registry, and compared by a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameworkCapabilities {
    /// The framework's name: a runner type.
    pub framework: String,
    /// What a user can do with the agent.
    #[serde(default)]
    pub agent_features: Vec<AgentFeature>,
    /// Whether the agent works on files of the workspace.
    #[serde(default)]
    pub file_system: bool,
    /// Whether it accepts MCP servers.
    #[serde(default)]
    pub mcp: bool,
    /// Whether it emits traces of its own.
    #[serde(default)]
    pub tracing: bool,
    /// Whether a conversation outlives its process.
    #[serde(default)]
    pub session_persistence: bool,
}

/// One thing a user can do with an agent, or see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentFeature {
    /// Further messages within one session.
    AgenticChat,
    /// Questions and permissions answered by a person.
    HumanInTheLoop,
    /// Reasoning that can be shown.
    Thinking,
    /// State that agent and page share.
    SharedState,
    /// Tool calls with arguments and results.
    ToolRendering,
}
