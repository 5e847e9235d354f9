//! Bridges: each adapts one agent framework.
//!
//! A bridge says what the framework can do, builds the agent's command, and turns the agent's lines into AG-UI events
//! by a state machine that does no I/O. Processes are a carrier's business, time and limits the turn's.

mod acp;
mod claude;
mod gemini;
mod langgraph;
mod mcp;
mod replay;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ambient_protocol::answers::Answer;
use ambient_protocol::effective::ApprovalMode;
use ambient_protocol::events::{Interrupt, TokenUsage};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::registry::{ACP, DEFAULT_RUNNER_TYPE, GEMINI_CLI, LANGGRAPH, REPLAY};
use ambient_protocol::{EffectiveSession, Event, FrameworkCapabilities, RunAgentInput, Usage};
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use crate::carrier::{AgentCommand, AgentExit};
use crate::workspace::{Guidance, WorkflowCheckout, WorkspaceRecord};

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

/// What a bridge knows of a turn when it builds the command.
#[derive(Debug)]
pub(crate) struct TurnContext<'a> {
    pub(crate) session: &'a EffectiveSession,
    pub(crate) input: &'a RunAgentInput,
    /// What the agent may inherit, and its keys.
    pub(crate) environment: &'a BTreeMap<String, OsString>,
    /// The workspace.
    pub(crate) workspace: &'a Path,
    /// A private home folder.
    pub(crate) home: &'a Path,
    /// What was checked out.
    pub(crate) record: &'a WorkspaceRecord,
    /// This executable.
    pub(crate) executable: &'a Path,
    /// Marks the processes of this attempt.
    pub(crate) mark: &'a str,
    /// Whether the agent is another user than the one that has checked out the repositories.
    pub(crate) is_other_user: bool,
    /// The model in force: the session's, or the one that was chosen since. The framework's own where there is none.
    pub(crate) model: Option<&'a str>,
    /// The conversation to take up, where there is one.
    pub(crate) takes_up: Option<TakenUp<'a>>,
    /// What the run has consumed before.
    pub(crate) spent: Usage,
}

/// A conversation that another process has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenUp<'a> {
    /// What the framework calls it.
    pub(crate) name: &'a str,
    /// Whether its last turn was cut off: that is run again, and nothing new is said.
    pub(crate) cut_off: bool,
}

impl TurnContext<'_> {
    /// What is asked.
    pub(crate) fn prompt(&self) -> String {
        let asked = self.input.asked().unwrap_or_else(|| self.session.prompt.clone());
        let startup = || self.workflow().map(|workflow| workflow.description.startup_prompt.clone());
        if asked.trim().is_empty() { startup().unwrap_or_default() } else { asked }
    }

    /// The active workflow.
    pub(crate) fn workflow(&self) -> Option<&WorkflowCheckout> {
        self.record.workflow.as_ref()
    }

    /// What the agent is told before all else: the workflow's system prompt, and where its files are.
    pub(crate) fn system_prompt(&self) -> Option<String> {
        let workflow = self.workflow()?;
        let folder = workflow.folder(self.workspace);
        let text = format!("The files of the workflow are in {}.", folder.display());
        let own = workflow.description.system_prompt.trim();
        Some(if own.is_empty() { text } else { format!("{own}\n\n{text}") })
    }

    /// What is said to agents, the weaker first: by the repository that the agent starts in, by the workflow.
    pub(crate) fn guidance(&self) -> impl Iterator<Item = &Guidance> {
        let repository = self.record.repositories.first().map(|checkout| &checkout.guidance);
        repository.into_iter().chain(self.workflow().map(|workflow| &workflow.guidance))
    }

    /// Whether there may be somebody to ask.
    pub(crate) fn asks_people(&self) -> bool {
        self.session.interactive || self.session.approval.mode == ApprovalMode::Ask
    }

    /// The agent's program and arguments where they may be this executable's own: it stands in the registry by its name.
    pub(crate) fn own_program(&self) -> (PathBuf, Vec<OsString>) {
        let mut words = self.session.agent.command.iter();
        let program = words.next().map(String::as_str).unwrap_or_default();
        let program = if program == OWN_PROGRAM { self.executable.to_owned() } else { program.into() };
        (program, words.map(Into::into).collect())
    }

    /// Where the agent works: the first repository, or the workspace where there is none.
    pub(crate) fn directory(&self) -> PathBuf {
        self.repositories().next().unwrap_or_else(|| self.workspace.to_owned())
    }

    /// The folders of all repositories, in order.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = PathBuf> {
        self.session.repositories.iter().map(|repository| self.workspace.join(&repository.name))
    }

    /// The environment every agent gets; the session's variables win over what is inherited.
    pub(crate) fn base_environment(&self) -> BTreeMap<String, OsString> {
        let mut environment = self.environment.clone();
        let given = self.session.environment.iter();
        environment.extend(given.map(|(name, value)| (name.clone(), value.into())));
        let home = self.home.as_os_str().to_owned();
        let agent = [
            ("HOME", home),
            ("GIT_AUTHOR_NAME", AGENT_NAME.into()),
            ("GIT_AUTHOR_EMAIL", AGENT_EMAIL.into()),
            ("GIT_COMMITTER_NAME", AGENT_NAME.into()),
            ("GIT_COMMITTER_EMAIL", AGENT_EMAIL.into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
        ];
        environment.extend(agent.map(|(name, value)| (name.to_owned(), value)));
        if self.is_other_user {
            environment.extend(self.trust());
        }
        environment
    }

    /// Git refuses to work in another user's repository unless it is told so from outside it (git-config(1),
    /// `safe.directory`). What it is told already stays.
    fn trust(&self) -> impl Iterator<Item = (String, OsString)> {
        const COUNT: &str = "GIT_CONFIG_COUNT";
        let told = self.environment.get(COUNT).and_then(|count| count.to_str()?.parse().ok()).unwrap_or(0);
        let count = (told + self.session.repositories.len()).to_string();
        let each = (told..).zip(self.repositories()).flat_map(|(index, folder)| {
            [
                (format!("GIT_CONFIG_KEY_{index}"), "safe.directory".into()),
                (format!("GIT_CONFIG_VALUE_{index}"), folder.into_os_string()),
            ]
        });
        std::iter::once((COUNT.to_owned(), count.into())).chain(each)
    }
}

/// Program name in the registry that stands for this executable.
const OWN_PROGRAM: &str = "ambient";
/// Who commits in the workspace.
pub(crate) const AGENT_NAME: &str = "Ambient agent";
/// An address that cannot exist (RFC 2606).
pub(crate) const AGENT_EMAIL: &str = "agent@ambient.invalid";

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
