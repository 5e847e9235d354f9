//! Claude Code, one turn in one process: the prompt goes in as text, its stream of JSON lines comes out.
//!
//! Facts about flags, lines and exit codes are measured ones, against versions 2.1.197 to 2.1.329 of the program.

mod blocks;
mod command;
mod conclusion;
mod guidance;
mod messages;
mod subagents;

use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::DEFAULT_RUNNER_TYPE;
use ambient_protocol::{Event, FrameworkCapabilities};
use serde_json::{Value, json};

use self::blocks::Blocks;
use self::conclusion::Conclusion;
use self::subagents::Subagents;
use super::{Bridge, Flow, Report, Translation, Translator, TurnContext};
use crate::carrier::{AgentCommand, AgentExit};

/// Drives Claude Code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claude;

impl Bridge for Claude {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: DEFAULT_RUNNER_TYPE.to_owned(),
            agent_features: vec![AgentFeature::Thinking, AgentFeature::ToolRendering],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: false,
        }
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        command::build(context)
    }

    fn translator(&self, _context: &TurnContext<'_>) -> Box<dyn Translator> {
        Box::new(ClaudeTranslator::default())
    }
}

/// The subagent that something belongs to, named by the tool call that started it; none for the agent itself.
type Owner = Option<String>;

#[derive(Debug, Default)]
struct ClaudeTranslator {
    blocks: Blocks,
    subagents: Subagents,
    conclusion: Conclusion,
}

impl Translator for ClaudeTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        match serde_json::from_str::<Value>(line) {
            Ok(frame) if frame.is_object() => self.frame(&frame),
            _ => Translation::of(vec![raw(Value::String(line.to_owned()))]),
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report(exit)
    }
}

impl ClaudeTranslator {
    fn frame(&mut self, frame: &Value) -> Translation {
        let owner = text(frame, "parent_tool_use_id");
        let mut events = self.subagents.announce(owner.as_deref());
        match text(frame, "type").as_deref() {
            Some("stream_event") => events.extend(self.blocks.stream_event(&frame["event"], &owner)),
            Some("assistant") => {
                events.extend(messages::assistant(&frame["message"], &owner, &self.blocks));
            }
            Some("user") => {
                let results = messages::tool_results(frame, &owner);
                events.extend(results);
                events.extend(self.subagents.tool_results(&frame["message"]));
            }
            Some("system") => return self.system(frame, events),
            Some("result") => {
                self.conclusion.take(frame);
                // A subagent in the background reports later, and then a second result follows.
                let flow = if self.subagents.is_idle() { Flow::Concluded } else { Flow::Continue };
                return Translation { events, flow, ..Translation::default() };
            }
            _ => events.push(raw(frame.clone())),
        }
        self.subagents.remember_calls(&events);
        Translation::of(events)
    }

    fn system(&mut self, frame: &Value, mut events: Vec<Event>) -> Translation {
        match text(frame, "subtype").as_deref() {
            Some("init") => {
                self.conclusion.set_model(text(frame, "model"));
                events.push(introduction(frame));
            }
            Some("api_retry") => {
                events.push(retry(frame));
                if let Some(reason) = hopeless(frame) {
                    return Translation { events, flow: Flow::Abort(reason), ..Translation::default() };
                }
            }
            // Which request is under way says nothing that its answer does not.
            Some("status") => {}
            Some("task_started") => self.subagents.task_started(frame),
            Some("task_notification") => events.extend(self.subagents.task_ended(frame)),
            _ => events.push(raw(frame.clone())),
        }
        Translation::of(events)
    }
}

fn introduction(frame: &Value) -> Event {
    let tools = frame["tools"].as_array().map_or(0, Vec::len);
    let value = json!({
        "program": "claude",
        "version": frame["claude_code_version"],
        "model": frame["model"],
        "permissionMode": frame["permissionMode"],
        "tools": tools,
    });
    Event::custom("ambient.agent", value)
}

fn retry(frame: &Value) -> Event {
    let value = json!({
        "attempt": frame["attempt"],
        "maxRetries": frame["max_retries"],
        "delayMilliseconds": frame["retry_delay_ms"],
        "status": frame["error_status"],
        "error": frame["error"],
    });
    Event::custom("ambient.retry", value)
}

/// A refused key is retried ten times over minutes by the program, and never gets better.
fn hopeless(frame: &Value) -> Option<String> {
    let status = frame["error_status"].as_u64()?;
    (status == 401).then(|| {
        let error = text(frame, "error").unwrap_or_else(|| "authentication failed".to_owned());
        format!("the model's service refused the key (401, {error})")
    })
}

fn raw(event: Value) -> Event {
    let source = Some(DEFAULT_RUNNER_TYPE.to_owned());
    EventBody::Raw { event, source, subagent_run_id: None }.into()
}

/// A text field; absent, null and empty are the same.
fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
