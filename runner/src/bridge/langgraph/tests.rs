use std::collections::BTreeMap;
use std::path::Path;

use ambient_protocol::answers::Choices;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{AgentRegistry, EffectiveSession, RunAgentInput};
use serde_json::json;

use super::super::testing::{self, Translated, conversation, frames};
use super::*;
use crate::langgraph::Request;
use crate::workspace::WorkspaceRecord;

/// Recorded from version 0.16.7 of the server, with the graph of `examples/langgraph` and a scripted model.
const RECORDED: &str = include_str!("../../../fixtures/langgraph-0.16.7.jsonl");

fn translate(lines: &str, exit: AgentExit) -> Translated {
    testing::translate(LangGraphTranslator::default(), lines, exit)
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.body.kind()).collect()
}

fn frame(event: &str, data: &Value) -> Value {
    json!({"kind": "frame", "event": event, "data": data})
}

/// A piece of a message that is streamed.
fn chunk(id: &str, fields: &Value) -> Value {
    let mut message = json!({"type": "AIMessageChunk", "id": id, "content": "", "response_metadata": {}});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    frame("messages", &json!([message, {"ls_model_name": "m", "ls_provider": "p"}]))
}

fn ended(status: &str) -> Value {
    json!({"kind": "ended", "status": status})
}

#[test]
fn a_recorded_run_becomes_a_conversation() {
    let translated = translate(RECORDED, AgentExit::Code(0));
    insta::assert_yaml_snapshot!("recorded_conversation", conversation(&translated.events).entries);
    insta::assert_yaml_snapshot!(
        "recorded_report",
        json!({
            "model": translated.report.model,
            "cost": translated.report.cost_usd,
            "turns": translated.report.turns,
            "usage": translated.report.usage,
        })
    );
    assert_eq!(translated.report.failure, None);
    assert_eq!(translated.flows.last(), Some(&Flow::Concluded));
    assert!(!kinds(&translated.events).contains(&"RAW"), "every line of the recorded run is understood");
}

#[test]
fn a_run_cut_off_anywhere_can_still_be_closed() {
    let lines: Vec<_> = RECORDED.lines().collect();
    for end in 0..lines.len() {
        let translated = translate(&lines[..end].join("\n"), AgentExit::Code(143));
        testing::close(&translated.events);
        assert_eq!(translated.report.failure.unwrap().reason, ExitReason::AgentCrashed, "cut at {end}");
    }
}

#[test]
fn ends_tell_how_it_went() {
    let error = frame("error", &json!({"error": "ValueError", "message": "no such thing"}));
    let failed = |message| Some((ExitReason::AgentFailed, message));
    let cases = [
        (vec![ended("success")], None),
        (vec![error, ended("error")], failed("the graph failed: ValueError: no such thing")),
        (vec![ended("interrupted")], failed("the run was cancelled at the graph's server")),
        (vec![ended("timeout")], failed("the graph's server ended the run: its time is over there")),
        (vec![ended("odd")], failed("the graph's run ended with status \"odd\" and without a reason")),
        (vec![json!({"kind": "failed", "message": "POST x: refused"})], failed("POST x: refused")),
        (
            vec![],
            Some((ExitReason::AgentCrashed, "the agent ended with exit code 0 without giving a result")),
        ),
    ];
    for (lines, expected) in cases {
        let failure = translate(&frames(&lines), AgentExit::Code(0)).report.failure;
        let found = failure.as_ref().map(|failure| (failure.reason, failure.message.as_str()));
        assert_eq!(found, expected, "{lines:?}");
    }
}

#[test]
fn questions_wait_for_answers_which_begin_another_run() {
    let value = json!({"question": "Which colour?", "options": ["red", "blue"]});
    let asked = json!({"__interrupt__": [{"id": "q", "value": value}, {"id": "p", "value": 7}]});
    let mut translator = LangGraphTranslator::default();
    assert_eq!(translator.line(&frame("updates", &asked).to_string()).flow, Flow::Continue);
    assert!(translator.said("not now").is_none(), "while a graph works it hears nothing");
    let Flow::Asks(questions) = translator.line(&ended("success").to_string()).flow else { panic!() };
    let worded: Vec<_> = questions.iter().map(|one| (one.id.as_str(), one.question())).collect();
    assert_eq!(worded, [("p", "7"), ("q", "Which colour?")]);
    let choice = Choices { answers: [("Which colour?".to_owned(), "red".to_owned())].into() };
    let answers = [Answer::choose("q", &choice), Answer::cancelled("p")];
    let words = translator.answered(&answers).words;
    let [Word::Line(line)] = &words[..] else { panic!("{words:?}") };
    let Told::Run(run) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
    assert_eq!(run["command"]["resume"], json!({"q": "red", "p": {"approved": false}}));
    assert_eq!(translator.line(&ended("success").to_string()).flow, Flow::Concluded);
    assert_eq!(translator.report().failure, None);
    assert!(translator.said("And now?").is_some());
}

#[test]
fn what_nodes_write_without_streaming_it_is_read_from_the_state() {
    let message = |kind: &str, id: &str, content: &str| json!({"type": kind, "id": id, "content": content});
    let state = |messages: &[Value]| frame("values", &json!({ "messages": messages, "draft": 1 }));
    let before = [message("ai", "old", "Long ago."), message("human", "asked", "Do it")];
    let after = [&before[..], &[message("ai", "new", "Done."), message("human", "also", "Thanks")]].concat();
    let lines = frames(&[state(&before), state(&after), state(&after), ended("success")]);
    let translated = translate(&lines, AgentExit::Code(0));
    let said: Vec<_> = conversation(&translated.events).entries;
    assert_eq!(said.len(), 3, "the prompt, the answer, and what was said in the user's name: {said:?}");
    let snapshots = kinds(&translated.events).iter().filter(|kind| **kind == "STATE_SNAPSHOT").count();
    assert_eq!(snapshots, 1, "the state is told when it has changed, and without its messages");
}

#[test]
fn nodes_side_by_side_calls_and_thoughts_keep_the_rules() {
    let call = |index: u32, id: Option<&str>, args: &str| json!({"tool_call_chunks": [{"name": id.map(|_| "Search"), "id": id, "index": index, "args": args}]});
    let thinking = json!({"content": [{"type": "thinking", "thinking": "Hm.", "index": 0}]});
    let lines = frames(&[
        chunk("a", &thinking),
        chunk("b", &json!({"content": "Beside"})),
        chunk("a", &json!({"content": [{"type": "text", "text": "I search.", "index": 1}]})),
        chunk("a", &call(2, Some("c1"), "{\"q\":")),
        chunk("a", &call(2, None, "1}")),
        chunk("a", &call(3, Some("c2"), "{}")),
        chunk("b", &json!({"content": " it.", "chunk_position": "last"})),
        frame(
            "messages|sub:1",
            &json!([{"type": "tool", "id": "r1", "content": "found", "tool_call_id": "c1"}, {}]),
        ),
        frame(
            "messages",
            &json!([{"type": "tool", "id": "r2", "content": "no", "tool_call_id": "c2", "status": "error"}, {}]),
        ),
        ended("success"),
    ]);
    let translated = translate(&lines, AgentExit::Code(0));
    let told = conversation(&translated.events);
    assert_eq!(told.entries.len(), 6, "{:?}", told.entries);
    assert_eq!(translated.report.turns, 2);
}

#[test]
fn pieces_of_a_count_are_summed_and_whole_ones_are_not_counted_twice() {
    let usage = |input: u32, output: u32| json!({"usage_metadata": {"input_tokens": input, "output_tokens": output, "input_token_details": {"cache_read": 1}}});
    let whole = json!({"type": "ai", "id": "a", "content": "Hi", "usage_metadata": {"input_tokens": 10, "output_tokens": 5}});
    let lines = frames(&[
        frame("values", &json!({"messages": []})),
        chunk("a", &usage(10, 0)),
        chunk("a", &usage(0, 5)),
        frame("values", &json!({ "messages": [whole] })),
        ended("success"),
    ]);
    let report = translate(&lines, AgentExit::Code(0)).report;
    let [usage] = &report.usage[..] else { panic!("{:?}", report.usage) };
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens),
        (Some(10), Some(5), Some(2))
    );
    assert_eq!((usage.provider.as_deref(), usage.model.as_deref(), report.turns), (Some("p"), Some("m"), 1));
}

#[test]
fn what_is_not_understood_is_kept() {
    let lines = [
        "not json".to_owned(),
        "[1]".to_owned(),
        json!({"kind": "new"}).to_string(),
        frame("tasks", &json!({})).to_string(),
        frame("messages", &json!([{"type": "remove", "id": "x"}, {}])).to_string(),
        frame("messages", &json!("x")).to_string(),
    ];
    assert_eq!(kinds(&translate(&lines.join("\n"), AgentExit::Code(1)).events), ["RAW"; 6]);
}

#[test]
fn the_client_is_told_server_conversation_and_run() {
    let agent = AgentRegistry::built_in().get(LANGGRAPH).unwrap().clone();
    let session: EffectiveSession = serde_json::from_value(json!({
        "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
        "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": LANGGRAPH, "agent": agent, "prompt": "x",
        "interactive": false, "model": {"name": "some-model", "temperature": 0.5},
        "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60},
        "repositories": [{"name": "one", "url": "/one", "outputBranch": "x"}],
        "environment": {"LANGGRAPH_URL": "http://graphs:8123", "LANGGRAPH_ASSISTANT": "writer"},
        "results": {"url": "/r", "branch": "results"},
    }))
    .unwrap();
    let mut input = RunAgentInput::prompt("uid", "s-r1-a1", "Do it");
    input.state = Some(json!({"tone": "dry"}));
    let command = LangGraph.command(&TurnContext {
        session: &session,
        input: &input,
        environment: &BTreeMap::new(),
        workspace: Path::new("/w"),
        home: Path::new("/h"),
        executable: Path::new("/ambient"),
        mark: "mark",
        is_other_user: false,
        model: session.model.name.as_deref(),
        takes_up: None,
        retelling: None,
        record: &WorkspaceRecord::default(),
        spent: ambient_protocol::Usage::default(),
        confinement: None,
    });
    let words: Vec<_> = command.arguments.iter().map(|word| word.to_str().unwrap()).collect();
    assert_eq!(
        (command.program.to_str(), words, command.directory.to_str()),
        (Some("/ambient"), vec!["langgraph"], Some("/w/one"))
    );
    let request: Request = serde_json::from_slice(&command.input).unwrap();
    insta::assert_yaml_snapshot!("request", request);
}
