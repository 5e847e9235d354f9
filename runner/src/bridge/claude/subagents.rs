//! Subagents: each is named by the tool call that started it.

use std::collections::{BTreeMap, BTreeSet};

use ambient_protocol::Event;
use ambient_protocol::events::{EventBody, Interrupt, SubagentOutcome};
use serde_json::Value;

use super::{Owner, text};

/// Which subagents there are, and which of them run in the background.
#[derive(Debug, Default)]
pub(super) struct Subagents {
    /// Names of tools, and the subagents that called them, by the calls.
    calls: BTreeMap<String, (String, Owner)>,
    active: BTreeSet<String>,
    /// Those that wait while a question is open.
    suspended: BTreeSet<String>,
    /// Calls whose subagent ends by a notification, not by the tool's result.
    background: BTreeSet<String>,
}

impl Subagents {
    /// Gives the event that begins a subagent, when something of it is met for the first time.
    pub(super) fn announce(&mut self, call: Option<&str>) -> Vec<Event> {
        let Some(call) = call.filter(|call| self.active.insert((*call).to_owned())) else {
            return Vec::new();
        };
        vec![self.started(call)]
    }

    fn started(&self, call: &str) -> Event {
        let name = self.calls.get(call).map_or_else(|| "subagent".to_owned(), |(name, _)| name.clone());
        let event = EventBody::SubagentStarted {
            subagent_run_id: call.to_owned(),
            name,
            description: None,
            parent_subagent_run_id: None,
            parent_tool_call_id: Some(call.to_owned()),
            parent_message_id: None,
        };
        event.into()
    }

    /// The subagent that made a call.
    pub(super) fn owner_of(&self, call: &str) -> Option<&str> {
        self.calls.get(call)?.1.as_deref()
    }

    /// A turn ends by questions: all subagents wait, some for answers.
    pub(super) fn suspend(&mut self, questions: &[Interrupt]) -> Vec<Event> {
        self.suspended = std::mem::take(&mut self.active);
        let events = self.suspended.iter().map(|call| {
            let theirs = questions.iter().filter(|question| question.subagent_run_id.as_ref() == Some(call));
            let interrupt_ids = theirs.map(|question| question.id.clone()).collect();
            let outcome = Some(SubagentOutcome::Suspended { interrupt_ids });
            EventBody::SubagentFinished { subagent_run_id: call.clone(), result: None, outcome }.into()
        });
        events.collect()
    }

    /// The next turn goes on with them.
    pub(super) fn resume(&mut self) -> Vec<Event> {
        let suspended = std::mem::take(&mut self.suspended);
        let events = suspended.iter().map(|call| self.started(call)).collect();
        self.active.extend(suspended);
        events
    }

    /// Notes the tools' names.
    pub(super) fn remember_calls(&mut self, events: &[Event]) {
        for event in events {
            if let EventBody::ToolCallStart { tool_call_id, tool_call_name, subagent_run_id, .. } =
                &event.body
            {
                let call = (tool_call_name.clone(), subagent_run_id.clone());
                self.calls.insert(tool_call_id.clone(), call);
            }
        }
    }

    /// Notes a task: its subagent goes on after the tool's result.
    pub(super) fn task_started(&mut self, frame: &Value) {
        self.background.extend(text(frame, "tool_use_id"));
    }

    /// The end of a task.
    pub(super) fn task_ended(&mut self, frame: &Value) -> Vec<Event> {
        let Some(call) = text(frame, "tool_use_id") else { return Vec::new() };
        self.background.remove(&call);
        let failed = text(frame, "status").is_some_and(|status| status != "completed");
        self.end(&call, failed.then(|| text(frame, "summary").unwrap_or_else(|| "failed".to_owned())))
    }

    /// The ends of subagents whose tool has returned.
    pub(super) fn tool_results(&mut self, message: &Value) -> Vec<Event> {
        let contents = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let calls: Vec<_> = contents.iter().filter_map(|content| text(content, "tool_use_id")).collect();
        let over = calls.into_iter().filter(|call| !self.background.contains(call));
        over.collect::<Vec<_>>().iter().flat_map(|call| self.end(call, None)).collect()
    }

    /// Whether nothing runs in the background.
    pub(super) fn is_idle(&self) -> bool {
        self.background.is_empty()
    }

    fn end(&mut self, call: &str, failure: Option<String>) -> Vec<Event> {
        if !self.active.remove(call) {
            return Vec::new();
        }
        let subagent_run_id = call.to_owned();
        let body = match failure {
            Some(message) => EventBody::SubagentError { subagent_run_id, message, code: None },
            None => EventBody::SubagentFinished { subagent_run_id, result: None, outcome: None },
        };
        vec![body.into()]
    }
}
