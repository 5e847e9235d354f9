//! LangGraph: a graph behind a server, one run for a turn.
//!
//! The process is this executable (`ambient langgraph`), which speaks to the server and prints its stream, a frame a
//! line. Facts about frames are measured ones, against version 0.16.7 of the server. A graph works where its server is:
//! it is told no files, and nothing bounds its cost or its turns.

mod command;
mod conclusion;
mod message;
mod models;
mod open;
mod state;
#[cfg(test)]
mod tests;
mod transcript;

use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::LANGGRAPH;
use ambient_protocol::{Event, FrameworkCapabilities};
use serde_json::Value;

use self::conclusion::Conclusion;
use self::state::SharedState;
use self::transcript::Transcript;
use super::{Bridge, Flow, Report, Translation, Translator, TurnContext};
use crate::carrier::{AgentCommand, AgentExit};
use crate::langgraph::Line;

/// Drives graphs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LangGraph;

impl Bridge for LangGraph {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: LANGGRAPH.to_owned(),
            agent_features: vec![
                AgentFeature::Thinking,
                AgentFeature::SharedState,
                AgentFeature::ToolRendering,
            ],
            file_system: false,
            mcp: false,
            tracing: false,
            session_persistence: false,
        }
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        command::build(context)
    }

    fn translator(&self, _context: &TurnContext<'_>) -> Box<dyn Translator> {
        Box::new(LangGraphTranslator::default())
    }
}

#[derive(Debug, Default)]
struct LangGraphTranslator {
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
            Line::Started { .. } => Translation::default(),
            Line::Rejoined { cause } => {
                Translation::of(vec![Event::custom("langgraph.rejoined", Value::String(cause))])
            }
            Line::NotCancelled { message } => {
                Translation::of(vec![Event::custom("langgraph.notCancelled", Value::String(message))])
            }
            Line::Ended { status } => {
                self.conclusion.ended(status);
                self.concluded()
            }
            Line::Failed { message } => {
                self.conclusion.failed(message);
                self.concluded()
            }
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report(exit, &self.transcript)
    }
}

impl LangGraphTranslator {
    fn concluded(&mut self) -> Translation {
        Translation { events: self.transcript.close(), flow: Flow::Concluded, ..Translation::default() }
    }

    /// A frame's name is a stream mode, and behind `|` the subgraph that it is of.
    fn frame(&mut self, event: &str, data: Value) -> Vec<Event> {
        let (mode, subgraph) = event.split_once('|').map_or((event, None), |(mode, path)| (mode, Some(path)));
        match (mode, subgraph) {
            ("metadata", _) => Vec::new(),
            ("messages", _) => self.transcript.message(data),
            ("updates", _) => {
                self.conclusion.note_questions(&data);
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
            _ => vec![raw(serde_json::json!({"event": event, "data": data}))],
        }
    }
}

fn raw(event: Value) -> Event {
    EventBody::Raw { event, source: Some(LANGGRAPH.to_owned()), subagent_run_id: None }.into()
}
