//! What the bridges' tests share: lines go through a translator, and what comes out keeps the protocol's rules.

use ambient_protocol::events::RunOutcome;
use ambient_protocol::{Conversation, Event, RunAgentInput, Verifier};
use serde_json::Value;

use super::{Flow, Report, Translator};
use crate::carrier::AgentExit;

/// What became of an agent's lines.
pub(super) struct Translated {
    pub events: Vec<Event>,
    pub flows: Vec<Flow>,
    pub report: Report,
}

/// Has a translator read lines up to the agent's end.
pub(super) fn translate(mut translator: impl Translator, lines: &str, exit: AgentExit) -> Translated {
    let (mut events, mut flows) = (Vec::new(), Vec::new());
    for line in lines.lines() {
        let translation = translator.line(line);
        events.extend(translation.events);
        flows.push(translation.flow);
    }
    Translated { events, flows, report: translator.finish(exit) }
}

/// Frames as an agent writes them.
pub(super) fn frames(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("{frame}\n")).collect()
}

/// Leaves a log to another verifier than ours, where `e2e/ag-ui` asks for it.
#[expect(clippy::disallowed_methods, reason = "the folder is the tests' argument")]
fn keep(events: &[Event]) {
    let Some(folder) = std::env::var_os("AMBIENT_E2E_LOGS") else { return };
    let name = std::thread::current().name().unwrap_or("log").replace("::", ".");
    let text: String = events.iter().map(|event| event.to_json() + "\n").collect();
    std::fs::write(std::path::Path::new(&folder).join(format!("{name}.jsonl")), text).unwrap();
}

/// Ends a run with these events as one that crashed: what they left open can be closed.
pub(super) fn close(events: &[Event]) {
    let mut verifier = Verifier::default();
    verifier.accept(&Event::run_started(RunAgentInput::prompt("t", "r", "x"))).unwrap();
    events.iter().for_each(|event| verifier.accept(event).unwrap());
    verifier.closing_events().iter().for_each(|event| verifier.accept(event).unwrap());
    verifier.accept(&Event::run_error("AgentCrashed", "x", vec![])).unwrap();
}

/// The conversation of a turn with these events, all of which keep the protocol's rules.
pub(super) fn conversation(events: &[Event]) -> Conversation {
    let mut all = vec![Event::run_started(RunAgentInput::prompt("t", "r", "Do it"))];
    all.extend_from_slice(events);
    let success = RunOutcome::Success { pending_tool_call_ids: vec![] };
    all.push(Event::run_finished("t", "r", None, success, vec![]));
    keep(&all);
    let (mut verifier, mut conversation) = (Verifier::default(), Conversation::default());
    for event in &all {
        verifier.accept(event).unwrap();
        conversation.apply(&Event::parse(&event.to_json()).unwrap());
    }
    conversation
}
