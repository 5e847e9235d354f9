use serde_json::json;

use super::*;
use crate::events::{EventBody, RunOutcome, TokenUsage};
use crate::input::RunAgentInput;

fn reduce(events: &[Event]) -> Conversation {
    let mut conversation = Conversation::default();
    events.iter().for_each(|event| conversation.apply(event));
    conversation
}

fn started() -> Event {
    Event::run_started(RunAgentInput::prompt("t", "r", "Fix the test"))
}

#[test]
fn a_turn_becomes_user_assistant_and_tool_entries() {
    let usage = TokenUsage { input_tokens: Some(10), output_tokens: Some(4), ..TokenUsage::default() };
    let success = RunOutcome::Success { pending_tool_call_ids: vec![] };
    let conversation = reduce(&[
        started(),
        Event::text_start("m"),
        Event::text_content("m", "I will "),
        Event::text_content("m", "write."),
        Event::text_end("m"),
        Event::tool_start("c", "Write", Some("m".to_owned())),
        Event::tool_args("c", "{\"a\":"),
        Event::tool_args("c", "1}"),
        Event::tool_end("c"),
        Event::tool_result("m2", "c", "done"),
        Event::run_finished("t", "r", None, success, vec![usage])
            .with_metadata("turns", 2.into())
            .with_metadata("costUsd", json!(0.5)),
    ]);
    let expected = vec![
        Entry::User { id: "r-prompt".to_owned(), text: "Fix the test".to_owned() },
        Entry::Assistant {
            id: "m".to_owned(),
            text: "I will write.".to_owned(),
            open: false,
            subagent: None,
        },
        Entry::Tool {
            id: "c".to_owned(),
            name: "Write".to_owned(),
            arguments: "{\"a\":1}".to_owned(),
            result: Some("done".to_owned()),
            open: false,
            subagent: None,
        },
    ];
    assert_eq!(conversation.entries, expected);
    assert_eq!(conversation.status, TurnStatus::Finished);
    assert_eq!(conversation.sequence, 11);
    assert_eq!(conversation.last_text(), Some("I will write."));
    let usage = conversation.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.turns, usage.cost_usd), (10, 4, 2, Some(0.5)));
}

#[test]
fn chunks_read_like_start_content_end() {
    let chunk = |id: Option<&str>, delta: &str| -> Event {
        EventBody::TextMessageChunk {
            message_id: id.map(str::to_owned),
            role: None,
            delta: Some(delta.to_owned()),
            name: None,
            subagent_run_id: None,
        }
        .into()
    };
    let conversation = reduce(&[started(), chunk(Some("m"), "a"), chunk(None, "b")]);
    assert_eq!(conversation.last_text(), Some("ab"));
}

#[test]
fn state_follows_snapshots_and_deltas_and_ignores_what_does_not_fit() {
    let delta = |delta: Value| -> Event {
        let delta = delta.as_array().cloned().unwrap();
        EventBody::StateDelta { delta, subagent_run_id: None }.into()
    };
    let snapshot = EventBody::StateSnapshot { snapshot: json!({"n": 1}), subagent_run_id: None };
    let conversation = reduce(&[
        started(),
        snapshot.into(),
        delta(json!([{"op": "replace", "path": "/n", "value": 2}])),
        delta(json!([{"op": "replace", "path": "/missing/x", "value": 3}])),
    ]);
    assert_eq!(conversation.state, Some(json!({"n": 2})));
}

#[test]
fn endings_show_as_status() {
    let cancelled = Event::run_finished("t", "r", None, RunOutcome::Cancelled, vec![]);
    let failed = Event::run_error("AgentCrashed", "exit code 3", vec![]);
    assert_eq!(reduce(&[]).status, TurnStatus::NotStarted);
    assert_eq!(reduce(&[started()]).status, TurnStatus::Running);
    assert_eq!(reduce(&[started(), cancelled]).status, TurnStatus::Cancelled);
    let expected = TurnStatus::Failed { code: "AgentCrashed".to_owned(), message: "exit code 3".to_owned() };
    assert_eq!(reduce(&[started(), failed]).status, expected);
}

#[test]
fn a_transcript_with_a_broken_line_is_read_to_its_end() {
    let text = format!("{}\nnot json\n{}\n", started().to_json(), Event::text_start("m").to_json());
    let conversation = Conversation::from_transcript(&text);
    assert_eq!((conversation.sequence, conversation.entries.len()), (3, 3));
}
