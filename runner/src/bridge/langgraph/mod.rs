//! LangGraph: a graph behind a server, one run for a turn.
//!
//! The process is this executable (`ambient langgraph`), which speaks to the server and prints its stream, a frame a
//! line. Facts about frames are measured ones, against version 0.16.7 of the server. A graph works where its server is:
//! it is told no files, and nothing bounds its cost or its turns. What it asks a person is asked whatever the session says of
//! consent: its author has decided so.

mod command;
mod conclusion;
mod message;
mod models;
mod open;
mod questions;
mod retold;
mod state;
#[cfg(test)]
mod tests;
mod transcript;

use ambient_protocol::answers::Answer;
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::LANGGRAPH;
use ambient_protocol::{Event, FrameworkCapabilities};
use serde_json::{Map, Value, json};

use self::conclusion::Conclusion;
use self::questions::Questions;
use self::state::SharedState;
use self::transcript::Transcript;
use super::{Bridge, Flow, Report, Translation, Translator, TurnContext, Word};
use crate::carrier::{AgentCommand, AgentExit};
use crate::langgraph::{Line, Told};
use crate::retelling::{retold, taken_up};

/// Drives graphs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LangGraph;

impl Bridge for LangGraph {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: LANGGRAPH.to_owned(),
            agent_features: vec![
                AgentFeature::AgenticChat,
                AgentFeature::HumanInTheLoop,
                AgentFeature::Thinking,
                AgentFeature::SharedState,
                AgentFeature::ToolRendering,
            ],
            file_system: false,
            mcp: false,
            tracing: false,
            session_persistence: true,
        }
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        command::build(context)
    }

    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator> {
        Box::new(LangGraphTranslator {
            settings: command::settings(context),
            ..LangGraphTranslator::default()
        })
    }
}

#[derive(Debug, Default)]
struct LangGraphTranslator {
    /// What runs of this conversation have in common.
    settings: Map<String, Value>,
    /// The server's id of the conversation.
    thread: Option<String>,
    /// Whether the server has said how the last run ended.
    rests: bool,
    questions: Questions,
    transcript: Transcript,
    state: SharedState,
    conclusion: Conclusion,
}

impl Translator for LangGraphTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        let Ok(known) = serde_json::from_str::<Line>(line) else {
            let event = serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()));
            return Translation::of(vec![raw(event)]);
        };
        match known {
            Line::Frame { event, data } => Translation::of(self.frame(&event, data)),
            Line::Started { thread_id, .. } => {
                self.thread = Some(thread_id);
                Translation::default()
            }
            Line::TakenUp { thread_id } => Translation::of(vec![taken_up(&thread_id)]),
            Line::BegunAnew => {
                Translation::of(vec![retold("the graph's server does not have the conversation")])
            }
            Line::Rejoined { cause } => {
                Translation::of(vec![Event::custom("langgraph.rejoined", Value::String(cause))])
            }
            Line::NotCancelled { message } => {
                Translation::of(vec![Event::custom("langgraph.notCancelled", Value::String(message))])
            }
            Line::Ended { status } => {
                self.conclusion.ended(status);
                self.ended()
            }
            Line::Failed { message } => {
                self.conclusion.failed(message);
                self.ended()
            }
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report(exit, &self.transcript.take_models())
    }

    fn converses(&self) -> bool {
        true
    }

    fn call_off(&mut self) -> Vec<Word> {
        vec![Word::Line(json!(Told::Cancel).to_string())]
    }

    fn answered(&mut self, answers: &[Answer]) -> Translation {
        let resume = self.questions.resume(answers);
        self.ask_for("command", resume)
    }

    /// A graph cannot be steered: while it works nobody can tell it anything.
    fn said(&mut self, text: &str) -> Option<Translation> {
        self.rests.then(|| self.ask_for("input", command::message(text)))
    }

    fn report(&mut self) -> Report {
        self.finish(AgentExit::Unknown)
    }

    fn conversation(&self) -> Option<&str> {
        self.thread.as_deref()
    }
}

impl LangGraphTranslator {
    /// A run that ends well and has questions waits for their answers, which begin another.
    fn ended(&mut self) -> Translation {
        self.rests = true;
        let events = self.transcript.close();
        let questions = self.questions.open().filter(|_| self.conclusion.is_good());
        let flow = questions.map_or(Flow::Concluded, Flow::Asks);
        Translation { events, flow, ..Translation::default() }
    }

    fn ask_for(&mut self, name: &str, given: Value) -> Translation {
        self.rests = false;
        self.conclusion = Conclusion::default();
        let run = Told::Run(command::run(&self.settings, name, given));
        Translation { words: vec![Word::Line(json!(run).to_string())], ..Translation::default() }
    }

    /// A frame's name is a stream mode, and behind `|` the subgraph that it is of.
    fn frame(&mut self, event: &str, data: Value) -> Vec<Event> {
        let (mode, subgraph) = event.split_once('|').map_or((event, None), |(mode, path)| (mode, Some(path)));
        match (mode, subgraph) {
            ("metadata", _) => Vec::new(),
            ("messages", _) => self.transcript.message(data),
            ("updates", _) => {
                self.questions.note(&data);
                Vec::new()
            }
            ("values", None) => {
                let mut events = self.transcript.messages_of_state(&data);
                events.extend(self.state.snapshot(data));
                events
            }
            // What a subgraph keeps to itself is not shared.
            ("values", Some(_)) => Vec::new(),
            ("custom", _) => vec![Event::custom("langgraph", data)],
            ("error", _) => {
                self.conclusion.complain(&data);
                Vec::new()
            }
            _ => vec![raw(json!({"event": event, "data": data}))],
        }
    }
}

fn raw(event: Value) -> Event {
    EventBody::Raw { event, source: Some(LANGGRAPH.to_owned()), subagent_run_id: None }.into()
}
