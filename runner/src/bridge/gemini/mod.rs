//! Gemini CLI. Where nobody is asked, one turn is one process: the prompt goes in as text, its stream of JSON lines comes
//! out. Where somebody may be, it is driven as an agent of the Agent Client Protocol, for it asks in that way only.
//!
//! Facts about flags, lines and exit codes are measured ones, against version 0.61.0 of the program. It tells no cost, and
//! in its stream no thoughts. Nothing bounds its cost but its turns.

mod command;
mod conclusion;
mod home;
mod transcript;

use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::GEMINI_CLI;
use ambient_protocol::{Event, FrameworkCapabilities};
use serde_json::{Value, json};

use self::conclusion::Conclusion;
use self::transcript::Transcript;
use super::mcp::Issues;
use super::{Bridge, Flow, Report, Translation, Translator, TurnContext, acp};
use crate::carrier::{AgentCommand, AgentExit};

/// Drives Gemini CLI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gemini;

impl Bridge for Gemini {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: GEMINI_CLI.to_owned(),
            agent_features: vec![
                AgentFeature::AgenticChat,
                AgentFeature::HumanInTheLoop,
                AgentFeature::ToolRendering,
            ],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: false,
        }
    }

    fn changes_model(&self) -> bool {
        true
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        command::build(context)
    }

    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator> {
        match context.asks_people() {
            true => acp::translator(context, home::setup(context)),
            false => Box::new(GeminiTranslator::default()),
        }
    }
}

#[derive(Debug, Default)]
struct GeminiTranslator {
    transcript: Transcript,
    conclusion: Conclusion,
    issues: Issues,
}

impl Translator for GeminiTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        match serde_json::from_str::<Value>(line) {
            Ok(frame) if frame.is_object() => self.frame(frame),
            _ => Translation::of(vec![raw(Value::String(line.to_owned()))]),
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report(exit, self.transcript.turns())
    }

    fn complained(&mut self, complaints: &str) -> Option<Event> {
        self.issues.told(complaints)
    }

    fn awaits_model(&self) -> bool {
        self.transcript.awaits_model()
    }
}

impl GeminiTranslator {
    fn frame(&mut self, frame: Value) -> Translation {
        let events = match text(&frame, "type").as_deref() {
            Some("init") => {
                self.conclusion.set_model(text(&frame, "model"));
                vec![introduction(&frame)]
            }
            Some("message") => self.transcript.message(frame),
            Some("tool_use") => self.transcript.tool_use(frame),
            Some("tool_result") => self.transcript.tool_result(frame),
            Some("error") => {
                self.conclusion.complain(&frame);
                vec![complaint(&frame)]
            }
            Some("result") => {
                let events = self.transcript.close();
                self.conclusion.take(frame);
                return Translation { events, flow: Flow::Concluded, ..Translation::default() };
            }
            _ => vec![raw(frame)],
        };
        Translation::of(events)
    }
}

fn introduction(frame: &Value) -> Event {
    let value = json!({ "program": "gemini", "model": frame["model"], "session": frame["session_id"] });
    Event::custom("ambient.agent", value)
}

/// What went wrong on the way; whether it is the end is the result's to say.
fn complaint(frame: &Value) -> Event {
    let value = json!({ "severity": frame["severity"], "message": frame["message"] });
    Event::custom("ambient.complaint", value)
}

fn raw(event: Value) -> Event {
    let source = Some(GEMINI_CLI.to_owned());
    EventBody::Raw { event, source, subagent_run_id: None }.into()
}

/// A text field; absent, null and empty are the same.
fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
