//! What the bridges' tests share: lines go through a translator, and what comes out keeps the protocol's rules.

use std::collections::BTreeMap;

use ambient_protocol::conversation::Entry;
use ambient_protocol::events::RunOutcome;
use ambient_protocol::{Conversation, Event, Prelude, RunAgentInput, Verifier};
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
fn keep(events: &[Event], place: &str) {
    let Some(folder) = std::env::var_os("AMBIENT_E2E_LOGS") else { return };
    let name = std::thread::current().name().unwrap_or("log").replace("::", ".");
    let name = format!("{name}{place}");
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
    keep(&all, "");
    let whole = read(&all);
    for after in 0..all.len() {
        let joined = joined(&all, after);
        assert_eq!(said(read(&joined)), said(whole.clone()), "joined after {after}");
        if after == all.len() / 2 {
            keep(&joined, "-joined");
        }
    }
    whole
}

fn read(events: &[Event]) -> Conversation {
    let (mut verifier, mut conversation) = (Verifier::default(), Conversation::default());
    for event in events {
        verifier.accept(event).unwrap();
        conversation.apply(&Event::parse(&event.to_json()).unwrap());
    }
    conversation
}

/// What a client reads that joins after so many events.
fn joined(events: &[Event], after: usize) -> Vec<Event> {
    let mut prelude = Prelude::default();
    events[..after].iter().for_each(|event| prelude.apply(event));
    prelude.events().into_iter().chain(events[after..].iter().cloned()).collect()
}

/// Everything that was said, by id: whoever joins is told what is open after what is closed.
fn said(conversation: Conversation) -> BTreeMap<String, String> {
    let mut said = BTreeMap::<_, String>::new();
    for entry in conversation.entries {
        let (id, text) = match entry {
            Entry::User { id, text } => (id, text),
            Entry::Assistant { id, text, subagent, .. } => (format!("{subagent:?} {id}"), text),
            Entry::Reasoning { id, text, .. } => (format!("thought {id}"), text),
            Entry::Tool { id, name, arguments, result, subagent, .. } => {
                (format!("{subagent:?} {id}"), format!("{name} {arguments} {result:?}"))
            }
            Entry::Activity { id, content, .. } => (id, content.to_string()),
            Entry::Notice { .. } => continue,
        };
        said.entry(id).or_default().push_str(&text);
    }
    said.retain(|_, text| !text.is_empty());
    said
}
