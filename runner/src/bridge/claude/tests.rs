use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{AgentRegistry, EffectiveSession, RunAgentInput, Usage};
use serde::Deserialize as _;
use serde_json::json;

use super::super::TakenUp;
use super::super::testing::{self, Translated, conversation, frames};
use super::*;
use crate::workspace::WorkspaceRecord;

/// Recorded from version 2.1.197 of the program with a scripted model; paths are replaced.
const RECORDED: &str = include_str!("../../../fixtures/claude-2.1.197.jsonl");

fn translate(lines: &str, exit: AgentExit) -> Translated {
    testing::translate(ClaudeTranslator::default(), lines, exit)
}

#[test]
fn a_recorded_run_becomes_a_conversation() {
    let translated = translate(RECORDED, AgentExit::Code(0));
    insta::assert_yaml_snapshot!("recorded_conversation", conversation(&translated.events).entries);
    insta::assert_yaml_snapshot!(
        "recorded_report",
        json!({
            "summary": translated.report.summary,
            "model": translated.report.model,
            "cost": translated.report.cost_usd,
            "turns": translated.report.turns,
            "usage": translated.report.usage,
        })
    );
    assert_eq!(translated.report.failure, None);
    assert_eq!(translated.flows.last(), Some(&Flow::Concluded));
    let raw = translated.events.iter().filter(|event| matches!(event.body, EventBody::Raw { .. }));
    assert_eq!(raw.count(), 0, "every line of the recorded run is understood");
}

#[test]
fn a_run_cut_off_anywhere_can_still_be_closed() {
    let lines: Vec<_> = RECORDED.lines().collect();
    for end in 0..lines.len() {
        let translated = translate(&lines[..end].join("\n"), AgentExit::Signal(9));
        testing::close(&translated.events);
        assert_eq!(translated.report.failure.unwrap().reason, ExitReason::AgentCrashed, "cut at {end}");
    }
}

#[test]
fn results_tell_how_it_went() {
    let result = |subtype: &str, is_error: bool, said: &str| {
        frames(&[json!({"type": "result", "subtype": subtype, "is_error": is_error, "result": said,
                        "terminal_reason": "because", "num_turns": 1})])
    };
    let cases = [
        (result("success", false, "Done."), None),
        (result("success", true, "API Error: 400"), Some((ExitReason::AgentFailed, "API Error: 400"))),
        (
            result("error_max_turns", true, ""),
            Some((ExitReason::BudgetExceeded, "the limit of model turns was reached")),
        ),
        (
            result("error_max_budget_usd", true, ""),
            Some((ExitReason::BudgetExceeded, "the limit of money was reached")),
        ),
        (
            result("error_during_execution", true, ""),
            Some((ExitReason::AgentFailed, "the agent gave up: because")),
        ),
        (
            String::new(),
            Some((ExitReason::AgentCrashed, "the agent ended with exit code 0 without giving a result")),
        ),
    ];
    for (lines, expected) in cases {
        let failure = translate(&lines, AgentExit::Code(0)).report.failure;
        let found = failure.as_ref().map(|failure| (failure.reason, failure.message.as_str()));
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn a_refused_key_ends_the_agent_at_the_first_retry() {
    let retry = |status: u64| {
        frames(&[json!({"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": status,
                        "error": "authentication_failed"})])
    };
    let translated = translate(&retry(401), AgentExit::Signal(15));
    let expected = "the model's service refused the key (401, authentication_failed)";
    assert_eq!(translated.flows, [Flow::Abort(expected.to_owned())]);
    assert_eq!(translate(&retry(529), AgentExit::Code(0)).flows, [Flow::Continue]);
}

#[test]
fn subagents_are_told_apart_and_background_ones_are_waited_for() {
    let says = |id: &str, parent: Option<&str>, content: Value| json!({"type": "assistant", "parent_tool_use_id": parent, "message": {"id": id, "content": [content]}});
    let call = json!({"type": "tool_use", "id": "call", "name": "Task", "input": {"x": 1}});
    let result = json!({"type": "user", "parent_tool_use_id": null,
        "message": {"content": [{"type": "tool_result", "tool_use_id": "call", "content": "started"}]}});
    let text = |text: &str| json!({"type": "text", "text": text});
    let conclusion =
        json!({"type": "result", "subtype": "success", "is_error": false, "result": "ok", "num_turns": 1});
    let lines = frames(&[
        says("m1", None, call),
        json!({"type": "system", "subtype": "task_started", "tool_use_id": "call"}),
        result,
        says("m2", Some("call"), text("inside")),
        conclusion.clone(),
        json!({"type": "system", "subtype": "task_notification", "tool_use_id": "call", "status": "completed"}),
        conclusion,
    ]);
    let translated = translate(&lines, AgentExit::Code(0));
    let concluded = translated.flows.iter().map(|flow| *flow == Flow::Concluded).collect::<Vec<_>>();
    assert_eq!(concluded, [false, false, false, false, false, false, true]);
    let kinds: Vec<_> = translated.events.iter().map(|event| event.body.kind()).collect();
    let at = |kind: &str| kinds.iter().position(|other| *other == kind).unwrap();
    assert!(
        at("TOOL_CALL_RESULT") < at("SUBAGENT_STARTED") && at("SUBAGENT_STARTED") < at("SUBAGENT_FINISHED")
    );
    conversation(&translated.events);
    assert_eq!(translated.report.turns, 2);
}

#[test]
fn what_is_not_understood_is_kept() {
    let lines = "not json\n[1]\n{\"type\":\"new_thing\",\"x\":1}\n{\"type\":\"stream_event\",\"event\":{\"type\":\"odd\"}}\n\n";
    let translated = translate(lines, AgentExit::Code(1));
    assert_eq!(translated.events.len(), 4);
    assert!(translated.events.iter().all(|event| event.body.kind() == "RAW"));
}

fn session(extra: &Value) -> EffectiveSession {
    let agent = AgentRegistry::built_in().get(DEFAULT_RUNNER_TYPE).unwrap().clone();
    let mut session = json!({
        "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
        "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": DEFAULT_RUNNER_TYPE, "agent": agent, "prompt": "-p",
        "interactive": false, "model": {"name": "some-model", "maxTokens": 1000},
        "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60, "maxTurns": 3, "maxCostUsd": 0.5},
        "repositories": [
            {"name": "one", "url": "/one", "outputBranch": "x"}, {"name": "two", "url": "/two", "outputBranch": "x"}
        ],
        "environment": {"GREETING": "hi", "CLAUDE_CONFIG_DIR": "/elsewhere"},
        "results": {"url": "/r", "branch": "results"},
    });
    session.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(session).unwrap()
}

fn command(extra: &Value) -> AgentCommand {
    context_with(extra, &json!({"repositories": []}), |context| Claude.command(context))
}

/// What comes of a turn of a session with `extra`, and of what was checked out.
pub(super) fn context_with<T>(extra: &Value, record: &Value, of: impl FnOnce(&TurnContext<'_>) -> T) -> T {
    let inherited = BTreeMap::from([("PATH".to_owned(), OsString::from("/bin"))]);
    let session = session(extra);
    of(&TurnContext {
        session: &session,
        input: &RunAgentInput::prompt("uid", "s-r1-a1", "-p is what I ask"),
        environment: &inherited,
        workspace: Path::new("/w"),
        home: Path::new("/h"),
        record: &WorkspaceRecord::deserialize(record).unwrap(),
        executable: Path::new("/ambient"),
        mark: "mark",
        is_other_user: false,
        model: session.model.name.as_deref(),
        takes_up: None,
        retelling: None,
        spent: Usage::default(),
        confinement: None,
    })
}

#[test]
fn the_command_line_holds_limits_and_no_prompt() {
    let command = command(&json!({}));
    let words = command.arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>();
    let environment = command.environment.iter();
    insta::assert_yaml_snapshot!(
        "command",
        json!({
            "program": command.program,
            "arguments": words.join(" "),
            "directory": command.directory,
            "input": String::from_utf8(command.input.clone()).unwrap(),
            "environment": environment
                .map(|(name, value)| (name.clone(), value.to_str().unwrap().to_owned()))
                .collect::<BTreeMap<_, _>>(),
        })
    );
}

#[test]
fn what_needs_consent_is_asked_for_and_nothing_else() {
    let permissions = |extra: Value| {
        let arguments = command(&extra).arguments;
        let words: Vec<_> = arguments.into_iter().map(|word| word.into_string().unwrap()).collect();
        let at = |flag: &str| words.iter().position(|word| word == flag).map(|at| words[at + 1].clone());
        let lists =
            |flag: &str, tool: &str| at(flag).unwrap_or_default().split(',').any(|other| other == tool);
        let rules = at("--settings").map(|settings| serde_json::from_str::<Value>(&settings).unwrap());
        (
            (lists("--allowedTools", "Bash"), lists("--allowedTools", "Edit")),
            lists("--disallowedTools", "AskUserQuestion"),
            rules.map_or(Value::Null, |rules| rules["permissions"]["ask"].clone()),
        )
    };
    let ask = |tools: &[&str]| json!({"approval": {"mode": "Ask", "tools": tools}});
    let cases = [
        (json!({}), ((true, true), true, Value::Null)),
        (json!({"interactive": true}), ((true, true), false, Value::Null)),
        (ask(&[]), ((false, false), false, json!(["*"]))),
        (ask(&["bash"]), ((false, true), false, json!(["Bash", "bash"]))),
        (ask(&["Task"]), ((true, true), false, json!(["Agent", "Task"]))),
    ];
    for (extra, expected) in cases {
        assert_eq!(permissions(extra.clone()), expected, "{extra}");
    }
}

#[test]
fn a_conversation_is_taken_up_by_its_name_and_a_turn_that_was_cut_off_needs_no_words() {
    for (cut_off, lines) in [(false, 2), (true, 1)] {
        let takes_up = Some(TakenUp { name: "abc", cut_off });
        let spent = Usage { turns: 2, cost_usd: Some(0.2), ..Usage::default() };
        let command = context_with(&json!({}), &json!({"repositories": []}), |context| {
            Claude.command(&TurnContext { takes_up, spent, ..*context })
        });
        let words: Vec<_> = command.arguments.iter().map(|word| word.to_str().unwrap()).collect();
        let at = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
        assert_eq!(at("--resume"), Some("abc"));
        assert_eq!((at("--max-turns"), at("--max-budget-usd")), (Some("1"), Some("0.3")), "what is left");
        assert_eq!(String::from_utf8(command.input).unwrap().lines().count(), lines);
        assert_eq!(command.environment.contains_key("CLAUDE_CODE_RESUME_INTERRUPTED_TURN"), cut_off);
    }
}

#[test]
fn where_nothing_was_cut_off_the_message_is_said_after_all() {
    let ready = json!({"type": "control_response", "response": {"subtype": "success", "request_id": "ambient-initialize"}});
    let works = json!({"type": "system", "subtype": "init", "session_id": "abc"});
    for (lines, says) in [(vec![&ready], true), (vec![&works, &ready], false)] {
        let mut translator =
            ClaudeTranslator { unsaid: Some("go on".to_owned()), ..ClaudeTranslator::default() };
        let words: Vec<_> = lines.iter().flat_map(|line| translator.line(&line.to_string()).words).collect();
        let said = format!("{words:?}").contains("go on");
        assert_eq!(said, says, "{lines:?}");
    }
}

#[test]
fn a_conversation_that_is_not_there_is_noticed() {
    let lines = frames(&[
        json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0}),
    ]);
    for (takes_up, lost) in [(true, true), (false, false)] {
        let mut translator = ClaudeTranslator { takes_up, ..ClaudeTranslator::default() };
        let flow = translator.line(lines.trim()).flow;
        assert_eq!((translator.has_lost_conversation(), matches!(flow, Flow::Abort(_))), (lost, lost));
    }
}

mod people;
