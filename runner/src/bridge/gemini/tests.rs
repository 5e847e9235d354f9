use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{AgentRegistry, EffectiveSession, RunAgentInput};
use serde_json::json;

use super::super::testing::{self, Translated, conversation, frames};
use super::*;
use crate::workspace::WorkspaceRecord;

/// Recorded from version 0.61.0 of the program with a scripted model; paths and the session's id are replaced.
const RECORDED: &str = include_str!("../../../fixtures/gemini-0.61.0.jsonl");

fn translate(lines: &str, exit: AgentExit) -> Translated {
    testing::translate(GeminiTranslator::default(), lines, exit)
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.body.kind()).collect()
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
        // A signal ends the program with 0 and without a result.
        let translated = translate(&lines[..end].join("\n"), AgentExit::Code(0));
        testing::close(&translated.events);
        assert_eq!(translated.report.failure.unwrap().reason, ExitReason::AgentCrashed, "cut at {end}");
    }
}

/// What the program says of a model that answered once.
fn answered() -> Vec<Value> {
    let message = |role: &str, content: &str| json!({"type": "message", "role": role, "content": content, "delta": true});
    vec![message("user", "Do it"), message("assistant", "Done.")]
}

fn error(kind: &str, message: &str) -> Value {
    json!({"type": "result", "status": "error", "error": {"type": kind, "message": message}, "stats": {}})
}

fn complaint(message: &str) -> Value {
    json!({"type": "error", "severity": "error", "message": message})
}

#[test]
fn results_tell_how_it_went() {
    let success = || json!({"type": "result", "status": "success", "stats": {}});
    let blank = || json!({"type": "result", "status": "error", "stats": {}});
    // As recorded: a wrong key, a service that stays overloaded, one whose connection breaks.
    let wrong_key = r#"[API Error: {"error":{"code":400,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"googleapis.com","reason":"API_KEY_INVALID"}],"message":"no such key","status":"INVALID_ARGUMENT"}}]"#;
    let quota = r#"[API Error: {"error":{"code":429,"message":"later","status":"RESOURCE_EXHAUSTED"}}]"#;
    let failed = |message| Some((ExitReason::AgentFailed, message));
    let turns = Some((ExitReason::BudgetExceeded, "the limit of model turns was reached"));
    let cases = [
        (vec![success()], None),
        (vec![complaint("for a while"), success()], None),
        (
            vec![error("unknown", wrong_key)],
            failed("the model's service refused the key (400, API_KEY_INVALID): no such key"),
        ),
        (
            vec![error("unknown", quota)],
            failed(
                "the model's service is overloaded, or a quota is used up (429, RESOURCE_EXHAUSTED): later",
            ),
        ),
        (
            vec![error("unknown", "[API Error: The service is overloaded.]")],
            failed("the model's service failed: The service is overloaded."),
        ),
        (vec![error("unknown", "[API Error: terminated]")], failed("the model's service failed: terminated")),
        (vec![error("FatalToolExecutionError", "no space")], failed("no space")),
        (vec![error("FatalTurnLimitedError", "Reached max session turns")], turns),
        (vec![complaint("Maximum session turns exceeded"), success()], turns),
        (
            vec![complaint("Loop detected, stopping execution"), success()],
            failed("the model repeated itself, and the agent stopped"),
        ),
        (
            vec![complaint("The model returned an empty response"), blank()],
            failed("The model returned an empty response"),
        ),
        (vec![blank()], failed("the agent gave up without a reason")),
        (
            vec![],
            Some((ExitReason::AgentCrashed, "the agent ended with exit code 0 without giving a result")),
        ),
    ];
    for (end, expected) in cases {
        let lines = frames(&[answered(), end].concat());
        let failure = translate(&lines, AgentExit::Code(0)).report.failure;
        let found = failure.as_ref().map(|failure| (failure.reason, failure.message.as_str()));
        assert_eq!(found, expected, "{lines}");
    }
    let silent = translate(&frames(&[success()]), AgentExit::Code(0)).report.failure.unwrap();
    assert_eq!(silent.message, "the model said nothing");
}

#[test]
fn the_result_stands_above_the_exit_code() {
    let lines =
        frames(&[answered(), vec![json!({"type": "result", "status": "success", "stats": {}})]].concat());
    assert_eq!(translate(&lines, AgentExit::Code(144)).report.failure, None);
}

#[test]
fn what_is_not_understood_is_kept() {
    let lines = "not json\n[1]\n{\"type\":\"new_thing\",\"x\":1}\n{\"type\":\"tool_result\",\"tool_id\":\"never called\"}\n{\"type\":\"message\",\"role\":\"thought\"}\n\n";
    let translated = translate(lines, AgentExit::Code(1));
    assert_eq!(kinds(&translated.events), ["RAW"; 5]);
}

#[test]
fn an_id_that_comes_twice_is_two_calls() {
    let call = json!({"type": "tool_use", "tool_id": "a", "tool_name": "ls", "parameters": {}});
    let result = json!({"type": "tool_result", "tool_id": "a", "status": "success", "output": "x"});
    let translated = translate(&frames(&[call.clone(), result.clone(), call, result]), AgentExit::Code(0));
    let tools = conversation(&translated.events).entries.len();
    assert_eq!((tools, translated.report.turns), (3, 2), "the prompt and two tools");
}

#[test]
fn a_line_of_megabytes_is_a_line() {
    let output = "x".repeat(7 << 20);
    let call = json!({"type": "tool_use", "tool_id": "a", "tool_name": "ls", "parameters": {}});
    let result = json!({"type": "tool_result", "tool_id": "a", "status": "success", "output": output});
    let translated = translate(&frames(&[call, result]), AgentExit::Code(0));
    let EventBody::ToolCallResult { content, .. } = &translated.events.last().unwrap().body else { panic!() };
    assert_eq!(content.as_str().map(str::len), Some(7 << 20));
}

#[test]
fn a_silence_is_the_models_or_a_tools() {
    let mut translator = GeminiTranslator::default();
    let call = json!({"type": "tool_use", "tool_id": "a", "tool_name": "ls", "parameters": {}});
    let result = json!({"type": "tool_result", "tool_id": "a", "status": "success"});
    let [asked, answered] = answered().try_into().unwrap();
    let steps =
        [(json!({"type": "init"}), false), (asked, true), (answered, true), (call, false), (result, true)];
    for (frame, expected) in steps {
        translator.line(&frame.to_string());
        assert_eq!(translator.awaits_model(), expected, "{frame}");
    }
}

fn session(extra: &Value) -> EffectiveSession {
    let agent = AgentRegistry::built_in().get(GEMINI_CLI).unwrap().clone();
    let mut session = json!({
        "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
        "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": GEMINI_CLI, "agent": agent, "prompt": "-p",
        "interactive": false, "model": {"name": "some-model", "maxTokens": 1000, "temperature": 0.5},
        "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60, "maxTurns": 3},
        "repositories": [
            {"name": "one", "url": "/one", "outputBranch": "x"}, {"name": "two", "url": "/two", "outputBranch": "x"}
        ],
        "environment": {"GREETING": "hi", "HTTPS_PROXY": "http://proxy", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        "results": {"url": "/r", "branch": "results"},
    });
    session.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(session).unwrap()
}

fn command(extra: &Value) -> AgentCommand {
    let inherited = BTreeMap::from([("PATH".to_owned(), OsString::from("/bin"))]);
    let session = session(extra);
    Gemini.command(&TurnContext {
        session: &session,
        input: &RunAgentInput::prompt("uid", "s-r1-a1", "-p is what I ask"),
        environment: &inherited,
        workspace: Path::new("/w"),
        home: Path::new("/h"),
        record: &WorkspaceRecord::default(),
        executable: Path::new("/ambient"),
        mark: "mark",
        is_other_user: false,
        model: session.model.name.as_deref(),
        takes_up: None,
        retelling: None,
        spent: ambient_protocol::Usage::default(),
        confinement: None,
    })
}

#[test]
fn the_command_line_holds_no_prompt_and_the_home_all_settings() {
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
            "files": command.files,
        })
    );
}

#[test]
fn where_somebody_may_be_asked_it_is_driven_in_the_way_in_which_it_asks() {
    let driven = |extra: &Value| {
        let command = command(extra);
        let asks = command.arguments.iter().any(|word| word == "--acp");
        let introduced = String::from_utf8(command.input).unwrap().contains(r#""method":"initialize""#);
        assert_eq!(asks, introduced, "{extra}");
        let rule = command.files.into_iter().find(|file| file.path.ends_with("policies/ambient.toml"));
        (asks, rule.map(|rule| rule.content.lines().nth(1).unwrap().to_owned()))
    };
    let rule = |tools: &str| Some(format!("toolName = {tools}"));
    let cases = [
        (json!({"approval": {"mode": "Auto", "tools": ["write_file"]}}), (false, None)),
        (json!({"interactive": true}), (true, None)),
        (json!({"approval": {"mode": "Ask"}}), (true, rule(r#""*""#))),
        (
            json!({"approval": {"mode": "Ask", "tools": ["run_shell_command", "a\"b"]}}),
            (true, rule(r#"["run_shell_command","a\"b"]"#)),
        ),
    ];
    for (extra, expected) in cases {
        assert_eq!(driven(&extra), expected, "{extra}");
    }
}

#[test]
fn the_kind_of_the_key_follows_the_service() {
    let kind = |environment: Value| {
        let files = command(&json!({ "environment": environment })).files;
        let settings: Value = serde_json::from_str(&files[0].content).unwrap();
        settings["security"]["auth"]["selectedType"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(json!({})), "gemini-api-key");
    assert_eq!(kind(json!({"GOOGLE_GENAI_USE_VERTEXAI": "true"})), "vertex-ai");
}
