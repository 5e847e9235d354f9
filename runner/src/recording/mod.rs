//! Recording: a run that was real becomes a fixture that `replay` plays, its effects on files included.
//!
//! What is recorded is the run's log, which holds no secret that the runner knew; patterns of tokens are looked for once
//! more. The same run gives the same text: times are left out, and ids are numbered. What people said is not part of it:
//! where they answered or spoke, the recording waits for others to.

mod changes;
mod ids;

pub use changes::{Change, ChangesError, changes};
pub use ids::number_uuids;

use ambient_protocol::Event;
use ambient_protocol::events::{EventBody, InvalidEvent, MessageRole};
use ambient_redaction::Redactor;
use serde_json::{Value, json};

use self::ids::Ids;

/// Makes a fixture of a run's log, one event a line, and of what the run changed. Of several attempts the last counts.
///
/// # Errors
/// Names the line that is no event; a log without a turn is none.
pub fn record(log: &str, changes: &[Change]) -> Result<String, RecordError> {
    let events = read(log)?;
    let first = events.iter().rposition(begins_attempt).ok_or(RecordError::Empty)?;
    let mut tape = Tape::default();
    for event in &events[first..] {
        tape.take(event);
    }
    tape.changed(changes);
    let redactor = Redactor::new([]);
    let lines = tape.steps.into_iter().map(|mut step| {
        redactor.redact_json(&mut step);
        format!("{step}\n")
    });
    Ok(lines.collect())
}

fn read(log: &str) -> Result<Vec<Event>, RecordError> {
    let lines = log.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let event = |(index, line): (usize, &str)| {
        Event::parse(line).map_err(|cause| RecordError::Event { line: index + 1, cause })
    };
    lines.map(event).collect()
}

/// Further turns name the one that they continue.
fn begins_attempt(event: &Event) -> bool {
    matches!(&event.body, EventBody::RunStarted { parent_run_id: None, .. })
}

/// The steps of a fixture, as they come.
#[derive(Debug, Default)]
struct Tape {
    steps: Vec<Value>,
    ids: Ids,
    /// Messages of people's within a turn, which others say when it is played.
    of_people: Vec<String>,
}

impl Tape {
    fn take(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunStarted { input, parent_run_id, .. } => {
                // A turn that answers begins by itself where it was asked.
                let answers = input.as_ref().is_some_and(|input| !input.resume.is_empty());
                if parent_run_id.is_some() && !answers {
                    self.steps.push(json!("listen"));
                }
            }
            EventBody::TextMessageStart { message_id, role: Some(MessageRole::User), .. } => {
                self.of_people.push(message_id.clone());
                self.steps.push(json!({"hear": "said"}));
            }
            EventBody::TextMessageContent { message_id, .. }
            | EventBody::TextMessageEnd { message_id, .. }
                if self.of_people.contains(message_id) => {}
            _ => {
                let mut step = bare(event);
                self.ids.number(&mut step);
                self.steps.push(step);
            }
        }
    }

    /// Changes happen before the run ends: what follows an end is not waited for.
    fn changed(&mut self, changes: &[Change]) {
        let ends = |step: &Value| matches!(step["type"].as_str(), Some("RUN_FINISHED" | "RUN_ERROR"));
        let end = self.steps.iter().rposition(ends).unwrap_or(self.steps.len());
        self.steps.splice(end..end, changes.iter().map(Change::step));
    }
}

/// An event without what differs from one run to the next.
fn bare(event: &Event) -> Value {
    let bare = Event { timestamp: None, raw_event: None, ..event.clone() };
    let mut value = serde_json::to_value(&bare).unwrap_or_default();
    for (name, variable) in [("threadId", "{{thread}}"), ("runId", "{{run}}")] {
        if let Some(field) = value.get_mut(name) {
            *field = json!(variable);
        }
    }
    let interrupts = value.pointer_mut("/outcome/interrupts").and_then(Value::as_array_mut);
    for fields in interrupts.into_iter().flatten().filter_map(Value::as_object_mut) {
        fields.remove("expiresAt");
    }
    value
}

/// A log is no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No turn has begun.
    #[error("the log has no turn")]
    Empty,
    /// A line that is no event.
    #[error("line {line} of the log is no event: {cause}")]
    Event {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        cause: InvalidEvent,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Fixture;

    const LOG: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"s-r1-a1","timestamp":1}
{"type":"RUN_ERROR","message":"killed","code":"AgentCrashed","timestamp":2}
{"type":"RUN_STARTED","threadId":"t","runId":"s-r1-a2","timestamp":3}
{"type":"TEXT_MESSAGE_START","messageId":"msg_9f","role":"assistant","timestamp":4}
{"type":"TEXT_MESSAGE_CONTENT","messageId":"msg_9f","delta":"Session 8b0e21c4-90ab-4cde-8f01-23456789abcd, ghp_0123456789abcdefghijABCDEFGHIJ456789","timestamp":5}
{"type":"TEXT_MESSAGE_END","messageId":"msg_9f","timestamp":6}
{"type":"TEXT_MESSAGE_START","messageId":"m","role":"user"}
{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hurry"}
{"type":"TEXT_MESSAGE_END","messageId":"m"}
{"type":"RUN_FINISHED","threadId":"t","runId":"s-r1-a2","outcome":{"type":"interrupt","interrupts":[{"id":"q7","reason":"tool_call","toolCallId":"c1","expiresAt":"2026-11-21T10:00:00Z"}]}}
{"type":"RUN_STARTED","threadId":"t","runId":"s-r1-a2-t2","parentRunId":"s-r1-a2","input":{"threadId":"t","runId":"s-r1-a2-t2","messages":[],"resume":[{"interruptId":"q7","status":"cancelled"}]}}
{"type":"RUN_FINISHED","threadId":"t","runId":"s-r1-a2-t2"}
{"type":"RUN_STARTED","threadId":"t","runId":"s-r1-a2-t3","parentRunId":"s-r1-a2-t2"}
{"type":"RUN_FINISHED","threadId":"t","runId":"s-r1-a2-t3","metadata":{"ambient":{"turns":2}}}
"#;

    #[test]
    fn a_log_becomes_a_fixture_without_times_ids_and_people() {
        let changes = [
            Change::Written { path: "a.txt".to_owned(), content: "a\n".to_owned() },
            Change::Removed { path: "b.txt".to_owned() },
        ];
        let recorded = record(LOG, &changes).unwrap();
        insta::assert_snapshot!(recorded);
        Fixture::parse(&recorded).unwrap();
        let shifted = LOG.replace("msg_9f", "msg_00").replace("q7", "q8").replace("8b0e21c4", "00000000");
        assert_eq!(record(&shifted, &changes).unwrap(), recorded, "another run of the same kind");
    }

    #[test]
    fn what_is_no_log_is_told() {
        assert_eq!(record("\n", &[]), Err(RecordError::Empty));
        let error =
            record("{\"type\":\"RUN_STARTED\",\"threadId\":\"t\",\"runId\":\"r\"}\nno", &[]).unwrap_err();
        assert!(error.to_string().starts_with("line 2 of the log is no event"), "{error}");
    }
}
