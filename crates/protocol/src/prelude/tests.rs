use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bounded::TEXT_LIMIT;
use super::{LEFT_OUT, Prelude};
use crate::conversation::Entry;
use crate::events::{Event, RunOutcome};
use crate::{Conversation, RunAgentInput, Verifier};

/// What a client sees of a stream that joins after so many events.
fn joined(events: &[Event], after: usize) -> Vec<Event> {
    let mut prelude = Prelude::default();
    events[..after].iter().for_each(|event| prelude.apply(event));
    let prelude = prelude.events().into_iter().map(|event| Event::parse(&event.to_json()).unwrap());
    prelude.chain(events[after..].iter().cloned()).collect()
}

/// Everything that was said, by kind and id.
fn said(events: &[Event]) -> BTreeMap<(&'static str, String), String> {
    let mut conversation = Conversation::default();
    events.iter().for_each(|event| conversation.apply(event));
    let mut said = BTreeMap::<_, String>::new();
    for entry in conversation.entries {
        let (kind, id, text) = match entry {
            Entry::User { id, text } => ("user", id, text),
            Entry::Assistant { id, text, subagent, .. } => ("assistant", format!("{subagent:?} {id}"), text),
            Entry::Reasoning { id, text, .. } => ("reasoning", id, text),
            Entry::Tool { id, name, arguments, result, subagent, .. } => {
                ("tool", format!("{subagent:?} {id}"), format!("{name} {arguments} {result:?}"))
            }
            Entry::Activity { id, content, .. } => ("activity", id, content.to_string()),
            Entry::Notice { .. } => continue,
        };
        said.entry((kind, id)).or_default().push_str(&text);
    }
    said.insert(("state", String::new()), format!("{:?} {:?}", conversation.state, conversation.status));
    said.retain(|_, text| !text.is_empty());
    said
}

fn events(log: &Value) -> Vec<Event> {
    log.as_array().unwrap().iter().map(|event| Event::parse(&event.to_string()).unwrap()).collect()
}

fn started(run: &str, prompt: &str) -> Event {
    Event::run_started(RunAgentInput::prompt("t", run, prompt))
}

/// Two turns in which everything is open at some time: the first one breaks, with all of it open.
fn everything() -> Vec<Event> {
    let mut log = vec![started("r", "Fix it")];
    log.extend(events(&json!([
        {"type": "CUSTOM", "name": "ambient.agent", "value": {}},
        {"type": "STATE_SNAPSHOT", "snapshot": {"n": 1}},
        {"type": "STEP_STARTED", "stepName": "plan"},
        {"type": "REASONING_START", "messageId": "h"},
        {"type": "REASONING_MESSAGE_START", "messageId": "h", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "h", "delta": "I th"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "h", "delta": "ink"},
        {"type": "REASONING_MESSAGE_END", "messageId": "h"},
        {"type": "REASONING_END", "messageId": "h"},
        {"type": "STEP_FINISHED", "stepName": "plan"},
        {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "I will "},
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "Task", "parentMessageId": "m"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "write"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{\"a\":"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "1}"},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
        {"type": "TEXT_MESSAGE_END", "messageId": "m"},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "helper", "parentToolCallId": "c"},
        {"type": "STEP_STARTED", "stepName": "plan", "subagentRunId": "s"},
        {"type": "TEXT_MESSAGE_START", "messageId": "sm", "subagentRunId": "s"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "sm", "delta": "sub", "subagentRunId": "s"},
        {"type": "TOOL_CALL_START", "toolCallId": "sc", "toolCallName": "Bash", "parentMessageId": "m", "subagentRunId": "s"},
        {"type": "TOOL_CALL_START", "toolCallId": "d", "toolCallName": "Read", "parentMessageId": "m"},
        {"type": "TOOL_CALL_RESULT", "messageId": "d.result", "toolCallId": "d", "content": "early"},
        {"type": "TOOL_CALL_END", "toolCallId": "sc", "subagentRunId": "s"},
        {"type": "TOOL_CALL_RESULT", "messageId": "sc.result", "toolCallId": "sc", "content": [{"type": "text", "text": "two"}], "subagentRunId": "s"},
        {"type": "TEXT_MESSAGE_END", "messageId": "sm", "subagentRunId": "s"},
        {"type": "TEXT_MESSAGE_START", "messageId": "u", "role": "user"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "u", "delta": "by the way"},
        {"type": "TEXT_MESSAGE_END", "messageId": "u"},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "a", "activityType": "plan", "content": {"steps": [1]}},
        {"type": "ACTIVITY_DELTA", "messageId": "a", "activityType": "plan", "patch": [{"op": "add", "path": "/steps/-", "value": 2}]},
        {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/n", "value": 2}]},
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "k", "role": "assistant", "delta": "in "},
        {"type": "TEXT_MESSAGE_CHUNK", "delta": "chunks"},
        {"type": "TEXT_MESSAGE_START", "messageId": "half"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "half", "delta": "never"},
    ])));
    log.push(Event::run_error("AgentCrashed", "gone", vec![]));
    log.push(started("r2", "Again"));
    log.extend(events(&json!([
        {"type": "TEXT_MESSAGE_START", "messageId": "half"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "half", "delta": " ended"},
        {"type": "TEXT_MESSAGE_END", "messageId": "half"},
        {"type": "TOOL_CALL_RESULT", "messageId": "c.result", "toolCallId": "c", "content": "late"},
        {"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "m", "role": "assistant", "content": "only this"}]},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "a", "activityType": "plan", "content": {"steps": [3]}},
        {"type": "TEXT_MESSAGE_START", "messageId": "last"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "last", "delta": "Done"},
        {"type": "TEXT_MESSAGE_END", "messageId": "last"},
    ])));
    log.push(Event::run_finished("t", "r2", None, RunOutcome::Cancelled, vec![]));
    log
}

#[test]
fn whoever_joins_anywhere_reads_a_stream_that_keeps_the_rules_and_says_the_same() {
    let log = everything();
    for after in 0..=log.len() {
        let stream = joined(&log, after);
        let mut verifier = Verifier::default();
        for event in &stream {
            verifier.accept(event).unwrap_or_else(|broken| panic!("after {after}: {broken} at {event:?}"));
        }
        assert!(!verifier.is_active());
        assert_eq!(said(&stream), said(&log), "joined after {after}");
    }
}

#[test]
fn a_prelude_is_the_run_the_state_what_was_said_and_what_is_open() {
    let log = everything();
    let kinds = |after: usize| -> Vec<_> {
        let mut prelude = Prelude::default();
        log[..after].iter().for_each(|event| prelude.apply(event));
        prelude.events().iter().map(|event| event.body.kind()).collect()
    };
    let calls = ["TOOL_CALL_START", "TOOL_CALL_START", "TOOL_CALL_RESULT"];
    let inner = ["SUBAGENT_STARTED", "STEP_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"];
    let base = ["RUN_STARTED", "STATE_SNAPSHOT", "MESSAGES_SNAPSHOT"];
    let cases: [(usize, Vec<&str>); 5] = [
        (0, vec![]),
        (1, vec!["RUN_STARTED", "MESSAGES_SNAPSHOT"]),
        (4, [&base[..], &["STEP_STARTED"]].concat()),
        (26, [&base[..], &inner, &calls].concat()),
        (log.len(), [&base[..], &["ACTIVITY_SNAPSHOT", "RUN_FINISHED"]].concat()),
    ];
    for (after, expected) in cases {
        assert_eq!(kinds(after), expected, "after {after}");
    }
}

#[test]
fn a_run_that_never_started_is_told_by_its_end() {
    let log = [Event::run_error("WorkspaceFailed", "no such branch", vec![])];
    assert_eq!(joined(&log, 1), log);
}

#[test]
fn a_prelude_is_bounded_and_its_oldest_messages_are_left_out_first() {
    let mut prelude = Prelude::default();
    prelude.apply(&started("r", &"p".repeat(TEXT_LIMIT)));
    for number in 0..100 {
        let id = format!("m{number}");
        prelude.apply(&Event::text_start(&id));
        for _ in 0..3 {
            prelude.apply(&Event::text_content(&id, &"ö".repeat(TEXT_LIMIT / 4)));
        }
        prelude.apply(&Event::text_end(&id));
        prelude.apply(&Event::tool_start(&format!("c{number}"), "Write", Some(id)));
        prelude.apply(&Event::tool_args(&format!("c{number}"), &"x".repeat(1000 * TEXT_LIMIT / 999)));
    }
    let events = prelude.events();
    let size: usize = events.iter().map(|event| event.to_json().len()).sum();
    assert!(size < 4 * 1024 * 1024, "{size} bytes");
    let names: Vec<_> = events.iter().map(|event| event.body.kind()).take(2).collect();
    assert_eq!(names, ["RUN_STARTED", "CUSTOM"]);
    assert!(events[1].to_json().contains(LEFT_OUT), "{:?}", events[1]);
    let messages = said(&events);
    assert!(messages.contains_key(&("assistant", "None m99".to_owned())), "the newest are kept");
    assert!(!messages.contains_key(&("assistant", "None m1".to_owned())), "the oldest are left out");
    let mut verifier = Verifier::default();
    events.iter().for_each(|event| verifier.accept(event).unwrap());
}
