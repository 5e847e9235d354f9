//! Bridges: each adapts one agent framework.
//!
//! A bridge says what the framework can do, builds the agent's command, and turns the agent's lines into AG-UI events
//! by a state machine that does no I/O. Processes are a carrier's business, time and limits the turn's.

mod acp;
mod claude;
mod context;
mod gemini;
mod langgraph;
mod mcp;
mod replay;
#[cfg(test)]
mod testing;

pub(crate) use context::{AGENT_EMAIL, AGENT_NAME, TakenUp, TurnContext};

use ambient_protocol::answers::Answer;
use ambient_protocol::events::{Interrupt, TokenUsage};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::registry::{ACP, DEFAULT_RUNNER_TYPE, GEMINI_CLI, LANGGRAPH, REPLAY};
use ambient_protocol::{Event, FrameworkCapabilities};
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use crate::carrier::{AgentCommand, AgentExit};

/// Adapts one framework.
pub(crate) trait Bridge: Send + Sync {
    /// What the framework can do through this bridge; the agent registry declares the same.
    fn capabilities(&self) -> FrameworkCapabilities;

    /// Whether another model can be chosen while a run goes on.
    fn changes_model(&self) -> bool {
        false
    }

    /// The agent's command, which begins with this turn.
    fn command(&self, context: &TurnContext<'_>) -> AgentCommand;

    /// A translator for the output of the process that begins with this turn.
    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator>;
}

/// Turns one process's lines into events.
pub(crate) trait Translator: Send {
    /// Takes a line.
    fn line(&mut self, line: &str) -> Translation;

    /// Says what came of it, once the process has ended and all lines have been taken.
    fn finish(&mut self, exit: AgentExit) -> Report;

    /// Whether a silence is the model's alone, and not a tool's that may take long.
    fn awaits_model(&self) -> bool {
        false
    }

    /// Whether the agent is told more than its input: its standard input then stays open, until it has given its result.
    fn converses(&self) -> bool {
        false
    }

    /// What follows from a line that was too long to be read.
    fn overlong(&mut self, _head: &str, _length: usize) -> Flow {
        Flow::Continue
    }

    /// What tells the agent that its turn is called off. Unless it soon gives its result, it is ended.
    fn call_off(&mut self) -> Vec<Word> {
        Vec::new()
    }

    /// The process lives on, and another turn begins: with answers or a message, which follow.
    fn begin(&mut self, _turn: &str) {}

    /// The answers to what was asked, all of it.
    fn answered(&mut self, _answers: &[Answer]) -> Translation {
        Translation::default()
    }

    /// Somebody says something, in a turn or between two. None where the agent cannot be told now.
    fn said(&mut self, _text: &str) -> Option<Translation> {
        None
    }

    /// It is to work with another model from its next turn on at the latest. None where it cannot be told now.
    fn use_model(&mut self, _model: &str) -> Option<Vec<Word>> {
        None
    }

    /// What the turn amounts to that the agent has just given the result of. Asked of one that converses.
    fn report(&mut self) -> Report {
        Report::default()
    }

    /// What the framework calls this conversation, where another process can take it up.
    fn conversation(&self) -> Option<&str> {
        None
    }

    /// Takes what the agent wrote on standard error up to the end of a turn: some tell things there only.
    fn complained(&mut self, _complaints: &str) -> Option<Event> {
        None
    }

    /// Whether the conversation that was to be taken up is not there any more. Asked when the process has ended.
    fn has_lost_conversation(&self) -> bool {
        false
    }
}

/// Something that an agent which converses is told: one line of its standard input, without its end.
pub(crate) enum Word {
    /// At once.
    Line(String),
    /// When it is there. It works in a task of its own, which is given up with the turn.
    Later(BoxFuture<'static, LateLine>),
}

/// A line that took its time.
#[derive(Debug)]
pub(crate) struct LateLine {
    /// The line.
    pub(crate) line: String,
    /// Its place among those that may be held at once; free again when the agent has read it.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Word {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => formatter.debug_tuple("Line").field(line).finish(),
            Self::Later(_) => formatter.write_str("Later"),
        }
    }
}

/// What one line means.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    /// Events, in order.
    pub(crate) events: Vec<Event>,
    /// What to do then.
    pub(crate) flow: Flow,
    /// What the agent is told.
    pub(crate) words: Vec<Word>,
}

/// What a line asks of whoever drives the agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Flow {
    /// Read on.
    #[default]
    Continue,
    /// The agent has given its result: it should end by itself soon, or wait for more.
    Concluded,
    /// It waits for answers to these questions. Nothing that it says is heard before it has them.
    Asks(Vec<Interrupt>),
    /// Nothing good can come any more, for this reason: end it.
    Abort(String),
}

impl Translation {
    pub(crate) fn of(events: Vec<Event>) -> Self {
        Self { events, ..Self::default() }
    }
}

/// What an agent's process amounted to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    /// Why it failed, if it did.
    pub(crate) failure: Option<Failure>,
    /// The agent's summary of what it did.
    pub(crate) summary: String,
    /// The model it used.
    pub(crate) model: Option<String>,
    /// Tokens by model.
    pub(crate) usage: Vec<TokenUsage>,
    /// US dollars.
    pub(crate) cost_usd: Option<f64>,
    /// Model turns.
    pub(crate) turns: u32,
}

impl Report {
    pub(crate) fn failed(reason: ExitReason, message: impl Into<String>) -> Self {
        Self { failure: Some(Failure { reason, message: message.into() }), ..Self::default() }
    }
}

/// Why an agent failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The public reason.
    pub(crate) reason: ExitReason,
    /// For people.
    pub(crate) message: String,
}

impl Failure {
    /// The process is gone and has not said how it went.
    pub(crate) fn no_result(exit: AgentExit) -> Self {
        let message = format!("the agent ended with {exit} without giving a result");
        let reason = match exit {
            AgentExit::OutOfMemory => ExitReason::OutOfMemory,
            AgentExit::Lost => ExitReason::AgentLost,
            AgentExit::Code(_) | AgentExit::Signal(_) | AgentExit::Unknown => ExitReason::AgentCrashed,
        };
        Self { reason, message }
    }
}

/// The bridge for a runner type.
pub(crate) fn for_runner_type(runner_type: &str) -> Result<Box<dyn Bridge>, UnknownRunnerType> {
    match runner_type {
        ACP => Ok(Box::new(acp::Acp)),
        REPLAY => Ok(Box::new(replay::Replay)),
        DEFAULT_RUNNER_TYPE => Ok(Box::new(claude::Claude)),
        GEMINI_CLI => Ok(Box::new(gemini::Gemini)),
        LANGGRAPH => Ok(Box::new(langgraph::LangGraph)),
        other => Err(UnknownRunnerType { runner_type: other.to_owned() }),
    }
}

/// The runner types there are.
pub const RUNNER_TYPES: [&str; 5] = [ACP, DEFAULT_RUNNER_TYPE, GEMINI_CLI, LANGGRAPH, REPLAY];

/// There is no bridge for a runner type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this runner has no bridge for runner type \"{runner_type}\"; it has: {}", RUNNER_TYPES.join(", "))]
pub struct UnknownRunnerType {
    runner_type: String,
}

#[cfg(test)]
mod tests {
    use ambient_protocol::AgentRegistry;

    use super::*;

    #[test]
    fn the_registry_declares_what_the_bridges_do() {
        let registry = AgentRegistry::built_in();
        assert_eq!(registry.agents.keys().collect::<Vec<_>>(), RUNNER_TYPES.iter().collect::<Vec<_>>());
        for (name, entry) in registry.agents {
            let bridge = for_runner_type(&name).unwrap();
            assert_eq!(bridge.capabilities(), entry.capabilities, "{name}");
        }
    }

    #[test]
    fn an_unknown_runner_type_is_told_which_exist() {
        let error = for_runner_type("gemini").err().unwrap().to_string();
        let expected = "this runner has no bridge for runner type \"gemini\"; it has: acp, claude-agent-sdk, gemini-cli, langgraph, replay";
        assert_eq!(error, expected);
    }
}
