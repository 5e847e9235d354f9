//! Tool calls: told as a beginning and changes, shown as arguments and a result.

use std::collections::BTreeMap;

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use serde_json::{Map, Value, json};

use super::terminals::Terminals;
use super::updates::{Status, ToolCall, block_text};

/// Longest side of a change that is kept as an event, in bytes; the commit has all of it.
const DIFF_LIMIT: usize = 64 * 1024;

/// Longest output of a command that an agent tells, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The tool calls of a turn, and of the one before it: what is told of those late is no other call.
#[derive(Debug, Default)]
pub(super) struct Tools {
    calls: BTreeMap<String, Call>,
    /// Counts prompts.
    turn: u64,
}

#[derive(Debug, Default)]
struct Call {
    known: ToolCall,
    /// What its command has put out, by its end.
    output: String,
    progress: Progress,
    turn: u64,
}

/// What of a call has been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    #[default]
    Begun,
    Asked,
    Answered,
}

impl Tools {
    /// Another prompt is about to be given. A call that the last one left without a result is waited for no more.
    pub(super) fn begin_turn(&mut self) {
        self.calls.retain(|_, call| call.turn == self.turn);
        self.turn += 1;
    }

    /// Takes a beginning or a change: agents send either first.
    pub(super) fn take(&mut self, change: ToolCall, terminals: Option<&Terminals>) -> Vec<Event> {
        let id = change.tool_call_id.clone();
        let mut events = Vec::new();
        if !self.calls.contains_key(&id) {
            events.push(begin(&id, &change));
        }
        let call =
            self.calls.entry(id.clone()).or_insert_with(|| Call { turn: self.turn, ..Call::default() });
        call.hear(change.output().unwrap_or_default());
        call.known.merge(change);
        if !call.known.awaits_input() {
            events.extend(call.ask(&id));
        }
        if matches!(call.known.status, Some(Status::Completed | Status::Failed)) {
            events.extend(call.answer(&id, terminals));
        }
        events
    }

    /// Tells the arguments of a call that a person would be asked about: they are complete.
    pub(super) fn complete_arguments(&mut self, id: &str) -> Vec<Event> {
        self.calls.get_mut(id).map(|call| call.ask(id)).unwrap_or_default()
    }

    /// The same for all calls: a turn ends, and nothing stays half told.
    pub(super) fn complete_all_arguments(&mut self) -> Vec<Event> {
        self.calls.iter_mut().flat_map(|(id, call)| call.ask(id)).collect()
    }

    /// Whether a call of this turn has no result yet.
    pub(super) fn are_at_work(&self) -> bool {
        self.calls.values().any(|call| call.turn == self.turn && call.progress < Progress::Answered)
    }

    /// The tool's own name, where the agent has told it.
    pub(super) fn name(&self, id: &str) -> Option<&str> {
        self.calls.get(id)?.known.name.as_deref()
    }
}

impl ToolCall {
    fn merge(&mut self, change: Self) {
        let Self {
            tool_call_id, title, name, kind, status, content, locations, raw_input, raw_output, ..
        } = change;
        self.tool_call_id = tool_call_id;
        self.title = title.or(self.title.take());
        self.name = name.or(self.name.take());
        self.kind = kind.or(self.kind.take());
        self.status = status.or(self.status);
        self.content = content.or(self.content.take());
        self.locations = locations.or(self.locations.take());
        self.raw_input = raw_input.or(self.raw_input.take());
        self.raw_output = raw_output.or(self.raw_output.take());
    }

    fn input(&self) -> Option<&Value> {
        let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
        self.raw_input.as_ref().filter(|input| !is_empty(input))
    }

    /// Whether its arguments are still being made.
    fn awaits_input(&self) -> bool {
        self.input().is_none() && matches!(self.status, None | Some(Status::Pending | Status::Other))
    }

    /// Its arguments; what is known of them where the agent does not tell them.
    fn arguments(&self) -> Value {
        self.input().cloned().unwrap_or_else(|| {
            let mut told = Map::new();
            told.extend(self.title.clone().map(|title| ("title".to_owned(), title.into())));
            let locations = self.locations.clone().filter(|locations| !locations.is_empty());
            told.extend(locations.map(|locations| ("locations".to_owned(), locations.into())));
            told.into()
        })
    }
}

impl Call {
    fn hear(&mut self, output: &str) {
        self.output.push_str(output);
        let over = self.output.len().saturating_sub(OUTPUT_LIMIT);
        self.output.drain(..self.output.ceil_char_boundary(over));
    }

    fn ask(&mut self, id: &str) -> Vec<Event> {
        if self.progress >= Progress::Asked {
            return Vec::new();
        }
        self.progress = Progress::Asked;
        let (tool_call_id, delta) = (id.to_owned(), self.known.arguments().to_string());
        let arguments = EventBody::ToolCallArgs { tool_call_id, delta, subagent_run_id: None };
        // It may be long, and has been told.
        self.known.raw_input = None;
        let end = EventBody::ToolCallEnd { tool_call_id: id.to_owned(), subagent_run_id: None };
        vec![arguments.into(), end.into()]
    }

    fn answer(&mut self, id: &str, terminals: Option<&Terminals>) -> Vec<Event> {
        if self.progress >= Progress::Answered {
            return Vec::new();
        }
        let mut events = self.ask(id);
        self.progress = Progress::Answered;
        let content = self.known.content.take().unwrap_or_default();
        events.extend(content.iter().filter_map(|content| diff(id, content)));
        let told = std::mem::take(&mut self.output);
        let texts: Vec<_> = content.iter().filter_map(|content| shown(content, terminals, &told)).collect();
        let output = self.known.raw_output.take();
        let text = match (texts.is_empty(), told.is_empty()) {
            (false, _) => texts.join("\n"),
            (true, false) => told,
            (true, true) => output.as_ref().map(raw_text).unwrap_or_default(),
        };
        let result: Event = EventBody::ToolCallResult {
            message_id: format!("{id}.result"),
            tool_call_id: id.to_owned(),
            content: text.into(),
            role: Some("tool".to_owned()),
            subagent_run_id: None,
        }
        .into();
        let failed = self.known.status == Some(Status::Failed);
        events.push(if failed { result.with_metadata("isError", true.into()) } else { result });
        events
    }
}

fn begin(id: &str, call: &ToolCall) -> Event {
    let name = call.name.clone().or_else(|| call.kind.clone()).unwrap_or_else(|| "tool".to_owned());
    let event: Event = EventBody::ToolCallStart {
        tool_call_id: id.to_owned(),
        tool_call_name: name,
        parent_message_id: None,
        subagent_run_id: None,
    }
    .into();
    match &call.title {
        Some(title) => event.with_metadata("title", title.clone().into()),
        None => event,
    }
}

/// What a result shows of one piece of content. A terminal is the runner's, or one whose output the agent has told.
fn shown(content: &Value, terminals: Option<&Terminals>, told: &str) -> Option<String> {
    match content["type"].as_str()? {
        "content" => block_text(&content["content"]).map(str::to_owned),
        "diff" => Some(format!("changed {}", content["path"].as_str().unwrap_or_default())),
        "terminal" => {
            let ours = terminals.zip(content["terminalId"].as_str()).and_then(|(all, id)| all.shown(id));
            ours.or_else(|| (!told.is_empty()).then(|| told.to_owned()))
        }
        _ => None,
    }
}

fn raw_text(output: &Value) -> String {
    output.as_str().map_or_else(|| output.to_string(), str::to_owned)
}

/// A change of a file as an event of its own, for pages that show changes side by side.
fn diff(call: &str, content: &Value) -> Option<Event> {
    if content["type"].as_str() != Some("diff") {
        return None;
    }
    let side = |name: &str| content[name].as_str().map(cut);
    let value = json!({
        "toolCallId": call,
        "path": content["path"],
        "oldText": side("oldText"),
        "newText": side("newText"),
    });
    Some(Event::custom("ambient.diff", value))
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(DIFF_LIMIT)]
}
