use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{AgentRegistry, EffectiveSession, Event, RunAgentInput, Verifier};
use serde_json::{Value, json};

use super::super::testing::conversation;
use super::*;
use crate::bridge::{Flow, Report, Translation, Word};
use crate::carrier::AgentExit;
use crate::workspace::WorkspaceRecord;

/// What version 0.61.0 of Gemini CLI said to a scripted model's run; paths are replaced.
const RECORDED: &str = include_str!("../../../../fixtures/gemini-cli-acp-0.61.0.jsonl");

/// What version 2.6.0 of codex-acp, with Codex 0.166.0, said to the demo's script.
const RECORDED_CODEX: &str = include_str!("../../../../fixtures/codex-acp-2.6.0.jsonl");

/// A turn that was translated, with what the agent was told.
struct Translated {
    events: Vec<Event>,
    said: Vec<Value>,
    flow: Flow,
    report: Report,
}

fn translate(extra: &Value, lines: &str, exit: AgentExit) -> Translated {
    let session = session(extra);
    let input = RunAgentInput::prompt("uid", "s-r1-a1", "Do it");
    let environment = BTreeMap::new();
    let mut translator = Acp.translator(&context(&session, &input, &environment));
    let (mut events, mut said, mut flow) = (Vec::new(), Vec::new(), Flow::Continue);
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let translation = translator.line(line);
        events.extend(translation.events);
        said.extend(translation.words.into_iter().filter_map(|word| match word {
            Word::Line(line) => Some(serde_json::from_str::<Value>(&line).unwrap()),
            Word::Later(_) => None,
        }));
        if translation.flow != Flow::Continue {
            flow = translation.flow;
        }
    }
    Translated { events, said, flow, report: translator.finish(exit) }
}

/// Of a workspace in which nothing was checked out.
static NOTHING: WorkspaceRecord = WorkspaceRecord { repositories: Vec::new(), workflow: None };

fn context<'a>(
    session: &'a EffectiveSession,
    input: &'a RunAgentInput,
    environment: &'a BTreeMap<String, OsString>,
) -> TurnContext<'a> {
    TurnContext {
        session,
        input,
        environment,
        workspace: Path::new("/nowhere/workspace"),
        home: Path::new("/h"),
        record: &NOTHING,
        executable: Path::new("/ambient"),
        mark: "mark",
        is_other_user: false,
        model: session.model.name.as_deref(),
        takes_up: None,
        retelling: None,
        spent: ambient_protocol::Usage::default(),
        confinement: None,
    }
}

fn session(extra: &Value) -> EffectiveSession {
    let agent = AgentRegistry::built_in().get(ACP).unwrap().clone();
    let mut session = json!({
        "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
        "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": ACP, "agent": agent, "prompt": "Do it",
        "interactive": false, "model": {},
        "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60},
        "repositories": [{"name": "one", "url": "/one", "outputBranch": "x"}],
        "results": {"url": "/r", "branch": "results"},
    });
    session.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(session).unwrap()
}

/// The agent's side of a turn: introduction, session, these updates, and the end.
fn turn(updates: &[Value]) -> String {
    let mut lines = vec![
        json!({"id": 0, "result": {"protocolVersion": 1, "agentInfo": {"name": "a", "version": "2"}}}),
        json!({"id": 1, "result": {"sessionId": "s"}}),
    ];
    let told = updates.iter().map(|update| json!({"method": "session/update", "params": {"update": update}}));
    lines.extend(told);
    lines.push(json!({"id": 2, "result": {"stopReason": "end_turn"}}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn text(kind: &str, text: &str) -> Value {
    json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}})
}

fn methods(said: &[Value]) -> Vec<&str> {
    said.iter().map(|said| said["method"].as_str().unwrap_or("an answer")).collect()
}

#[test]
fn a_recorded_run_becomes_a_conversation() {
    let translated = translate(&json!({}), RECORDED, AgentExit::Code(0));
    insta::assert_yaml_snapshot!("recorded_conversation", conversation(&translated.events).entries);
    let report = &translated.report;
    insta::assert_yaml_snapshot!(
        "recorded_report",
        json!({"model": report.model, "usage": report.usage, "said": translated.said})
    );
    assert_eq!((&report.failure, &translated.flow), (&None, &Flow::Concluded));
    let raw = translated.events.iter().filter(|event| matches!(event.body, EventBody::Raw { .. }));
    assert_eq!(raw.count(), 0, "every line of the recorded run is understood");
}

#[test]
fn a_recorded_run_of_codex_becomes_a_conversation() {
    let extra = json!({"model": {"name": "gpt-5.5"}, "environment": {"ACP_AUTH_METHOD": "gateway", "OPENAI_API_KEY": "k"}});
    let translated = translate(&extra, RECORDED_CODEX, AgentExit::Code(0));
    insta::assert_yaml_snapshot!("recorded_codex_conversation", conversation(&translated.events).entries);
    let report = &translated.report;
    insta::assert_yaml_snapshot!(
        "recorded_codex_report",
        json!({"model": report.model, "usage": report.usage, "said": translated.said})
    );
    assert_eq!((&report.failure, &translated.flow), (&None, &Flow::Concluded));
    let is_strange = |event: &&Event| {
        matches!(event.body, EventBody::Raw { .. }) && !event.to_json().contains("_auth/status_update")
    };
    assert_eq!(translated.events.iter().find(is_strange), None);
}

#[test]
fn a_run_cut_off_anywhere_can_still_be_closed_and_says_where_it_was() {
    let lines: Vec<_> = RECORDED.lines().collect();
    for end in 0..lines.len() {
        let translated = translate(&json!({}), &lines[..end].join("\n"), AgentExit::Signal(9));
        let mut verifier = Verifier::default();
        verifier.accept(&Event::run_started(RunAgentInput::prompt("t", "r", "x"))).unwrap();
        translated.events.iter().for_each(|event| verifier.accept(event).unwrap());
        verifier.closing_events().iter().for_each(|event| verifier.accept(event).unwrap());
        let failure = translated.report.failure.unwrap();
        let when = match end {
            0 => "before it answered `initialize`",
            1 => "before it had a session",
            _ => "in the middle of its turn",
        };
        assert_eq!(failure.reason, ExitReason::AgentCrashed, "cut at {end}");
        assert!(failure.message.contains(when), "cut at {end}: {}", failure.message);
    }
}

#[test]
fn unknown_methods_and_strange_lines_are_survived() {
    let strange = [
        json!({"id": 7, "method": "elicitation/create", "params": {}}),
        json!({"id": "x", "method": "session/request_permission", "params": {"options": 5}}),
        json!({"method": "_vendor/news", "params": {}}),
        json!({"id": 99, "result": {}}),
        json!([1]),
    ];
    let lines: String = strange.iter().map(|line| format!("{line}\n")).collect();
    let translated =
        translate(&json!({}), &format!("{lines}Warning: hello\n{}", turn(&[])), AgentExit::Code(0));
    let codes: Vec<_> = translated.said.iter().filter_map(|said| said["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [-32601, -32602]);
    let raw = translated.events.iter().filter(|event| matches!(event.body, EventBody::Raw { .. }));
    assert_eq!(raw.count(), 4);
    assert_eq!(translated.report.failure, None);
}

#[test]
fn the_end_of_a_turn_is_named() {
    let failing = turn(&[])
        .replace(r#""result":{"stopReason":"end_turn"}"#, r#""error":{"code":500,"message":"overloaded"}"#);
    let translated = translate(&json!({}), &failing, AgentExit::Code(0));
    let failure = translated.report.failure.unwrap();
    assert_eq!((failure.reason, translated.flow), (ExitReason::AgentFailed, Flow::Concluded));
    assert_eq!(failure.message, "the agent's turn failed: overloaded (500)");
}

#[test]
fn the_model_is_awaited_while_no_tool_is_at_work() {
    let (session, input, environment) =
        (session(&json!({})), RunAgentInput::prompt("u", "r", "x"), BTreeMap::new());
    let mut translator = Acp.translator(&context(&session, &input, &environment));
    let call = |status: &str| json!({"sessionUpdate": "tool_call", "toolCallId": "c", "status": status});
    let lines = turn(&[call("in_progress"), call("completed")]);
    let awaits: Vec<_> = lines
        .lines()
        .map(|line| {
            translator.line(line);
            translator.awaits_model()
        })
        .collect();
    assert_eq!(awaits, [false, true, false, true, false]);
}

#[test]
fn what_a_turn_left_undone_is_not_waited_for_in_the_next() {
    let session = session(&json!({}));
    let input = RunAgentInput::prompt("uid", "s-r1-a1", "Do it");
    let environment = BTreeMap::new();
    let mut translator = Acp.translator(&context(&session, &input, &environment));
    let call = |id: &str, status: &str| {
        let update = json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": "x", "status": status});
        json!({"method": "session/update", "params": {"update": update}}).to_string()
    };
    let begun =
        json!({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "x", "status": "in_progress"});
    turn(&[begun]).lines().for_each(|line| drop(translator.line(line)));
    translator.begin("s-r1-a1-t2");
    assert!(translator.said("Go on").is_some());
    assert!(translator.awaits_model(), "a call of the turn before is nothing to wait for");
    let kinds = |translation: Translation| -> Vec<_> {
        translation.events.iter().map(|event| event.body.kind()).collect()
    };
    assert_eq!(kinds(translator.line(&call("c", "completed"))), ["TOOL_CALL_RESULT"], "it is no other call");
    translator.line(&call("d", "in_progress"));
    assert!(!translator.awaits_model());
}

#[test]
fn overlong_questions_end_the_turn_and_overlong_news_does_not() {
    let (session, input, environment) =
        (session(&json!({})), RunAgentInput::prompt("u", "r", "x"), BTreeMap::new());
    let mut translator = Acp.translator(&context(&session, &input, &environment));
    let news = r#"{"jsonrpc": "2.0", "method": "session/update", "params": {"#;
    assert_eq!(translator.overlong(news, 9_000_000), Flow::Continue);
    let question = r#"{"jsonrpc":"2.0","id":4,"method":"fs/write_text_file","params":{"#;
    assert!(
        matches!(translator.overlong(question, 9_000_000), Flow::Abort(reason) if reason.contains("9000000"))
    );
}

#[test]
fn the_command_is_the_sessions_or_the_registrys() {
    let command = |extra: Value| {
        let (session, input, environment) =
            (session(&extra), RunAgentInput::prompt("u", "r", "x"), BTreeMap::new());
        Acp.command(&context(&session, &input, &environment))
    };
    let cases = [
        (json!({}), "acp-agent"),
        (json!({"environment": {"ACP_COMMAND": "gemini --acp"}}), "gemini|--acp"),
        (json!({"environment": {"ACP_COMMAND": "[\"/a b/c\", \"d e\"]"}}), "/a b/c|d e"),
    ];
    for (extra, expected) in cases {
        let command = command(extra);
        let words = std::iter::once(command.program.display().to_string())
            .chain(command.arguments.iter().map(|word| word.to_str().unwrap().to_owned()));
        assert_eq!(words.collect::<Vec<_>>().join("|"), expected);
    }
}

#[test]
fn what_is_offered_depends_on_whose_hands_it_would_be() {
    let offered = |confines: bool, is_other_user: bool| {
        let asked: Value =
            serde_json::from_str(&setup::initialize(Offers::new(confines, is_other_user))).unwrap();
        let offers = &asked["params"]["clientCapabilities"];
        assert_eq!(offers["fs"]["readTextFile"], false);
        (offers["fs"]["writeTextFile"] == true, offers["terminal"] == true)
    };
    assert_eq!(offered(true, false), (true, true));
    assert_eq!(offered(false, false), (false, false));
    assert_eq!(offered(true, true), (false, false));
}

mod opening;
mod updates;
