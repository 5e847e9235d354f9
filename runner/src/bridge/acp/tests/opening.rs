//! What is asked and answered before the turn.

use super::*;

/// Session, the agent's lines, the methods it is asked, and why it is given up.
type Case = (Value, Vec<Value>, &'static str, &'static str);

fn check(cases: Vec<Case>) {
    for (extra, lines, said, aborted) in cases {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let translated = translate(&extra, &lines, AgentExit::Code(0));
        assert_eq!(methods(&translated.said).join(" "), said, "{lines}");
        match translated.flow {
            Flow::Abort(reason) => assert!(!aborted.is_empty() && reason.contains(aborted), "{reason}"),
            flow => assert!(flow == Flow::Continue && aborted.is_empty(), "{flow:?} {lines}"),
        }
    }
}

fn introduced() -> Value {
    json!({"id": 0, "result": {"protocolVersion": 1, "authMethods": [{"id": "key"}, {"id": "web"}]}})
}

fn refused(id: u64, code: i64, message: &str) -> Value {
    json!({"id": id, "error": {"code": code, "message": message}})
}

#[test]
fn who_wants_to_be_authenticated_is_so_by_the_sessions_way() {
    let by_key = || json!({"environment": {"ACP_AUTH_METHOD": "key"}});
    let wanted = || refused(1, -32000, "Authentication required");
    let authenticated = || json!({"id": 2, "result": {}});
    let opened = json!({"id": 3, "result": {"sessionId": "s"}});
    let reopened = "session/new authenticate session/new";
    check(vec![
        (
            json!({}),
            vec![introduced(), wanted()],
            "session/new",
            "ACP_AUTH_METHOD chooses the way, one of: key, web",
        ),
        (
            by_key(),
            vec![introduced(), wanted(), authenticated(), opened],
            "session/new authenticate session/new session/prompt",
            "",
        ),
        (
            by_key(),
            vec![introduced(), wanted(), authenticated(), refused(3, -32000, "still not")],
            reopened,
            "still not (-32000)",
        ),
        (
            by_key(),
            vec![introduced(), wanted(), refused(2, 1, "wrong key")],
            "session/new authenticate",
            "refused to authenticate by \"key\" (ACP_AUTH_METHOD): wrong key",
        ),
    ]);
}

#[test]
fn sessions_and_models_are_refused_by_name() {
    let model = || json!({"model": {"name": "m"}});
    let opened = || json!({"id": 1, "result": {"sessionId": "s", "models": {"currentModelId": "other"}}});
    check(vec![
        (json!({}), vec![json!({"id": 0, "result": {"protocolVersion": 2}})], "", "version 2"),
        (json!({}), vec![json!({"id": 0, "result": null})], "", "version null"),
        (
            json!({}),
            vec![refused(0, -32601, "what?")],
            "",
            "refused to speak the Agent Client Protocol: what?",
        ),
        (
            json!({}),
            vec![introduced(), refused(1, -32603, "no folder")],
            "session/new",
            "refused to open a session: no folder (-32603)",
        ),
        (json!({}), vec![introduced(), json!({"id": 1, "result": {}})], "session/new", "without an id"),
        (
            model(),
            vec![introduced(), opened(), json!({"id": 2, "result": null})],
            "session/new session/set_model session/prompt",
            "",
        ),
        (
            model(),
            vec![introduced(), opened(), refused(2, 1, "unknown")],
            "session/new session/set_model",
            "the agent refused the model \"m\": unknown (1)",
        ),
    ]);
}

#[test]
fn what_is_ignored_is_said() {
    let extra =
        json!({"model": {"name": "m"}, "mcpServers": {"far": {"url": "u"}, "near": {"command": "x"}}});
    let translated = translate(&extra, &turn(&[]), AgentExit::Code(0));
    assert_eq!(translated.said[0]["params"]["mcpServers"].as_array().unwrap().len(), 1);
    let ignored = translated.events.iter().filter(|event| event.to_json().contains("ambient.ignored"));
    assert_eq!(ignored.count(), 2);
}

#[test]
fn another_model_is_chosen_between_two_turns() {
    let opened = json!({"id": 1, "result": {"sessionId": "s", "models": {"currentModelId": "a"}}});
    let done = |id: u64| json!({"id": id, "result": {"stopReason": "end_turn"}}).to_string();
    let session = session(&json!({}));
    let (input, environment) = (RunAgentInput::prompt("uid", "s-r1-a1", "Do it"), BTreeMap::new());
    let mut translator = Acp.translator(&context(&session, &input, &environment));
    for line in [introduced(), opened] {
        translator.line(&line.to_string());
    }
    assert!(translator.use_model("b").is_none(), "not while it works");
    translator.line(&done(2));
    let mut said = |model: &str, id: u64, answer: &Value| {
        assert!(translator.use_model(model).is_some_and(|words| words.is_empty()));
        let choice = translator.said("go on").unwrap().words;
        let prompt = translator.line(&answer.to_string());
        translator.line(&done(id));
        let lines = choice.into_iter().chain(prompt.words);
        let methods = lines.map(|word| match word {
            Word::Line(line) => serde_json::from_str::<Value>(&line).unwrap()["method"].to_string(),
            Word::Later(_) => panic!("nothing takes its time here"),
        });
        (methods.collect::<Vec<_>>().join(" "), prompt.events.len())
    };
    let both = r#""session/set_model" "session/prompt""#.to_owned();
    assert_eq!(said("b", 4, &json!({"id": 3, "result": {}})), (both.clone(), 0));
    assert_eq!(said("a", 6, &json!({"id": 5, "result": {}})), (both.clone(), 0), "and back again");
    assert_eq!(said("x", 8, &refused(7, 1, "unknown")), (both, 1), "a refusal is told, and the turn goes on");
    assert_eq!(said("a", 9, &json!({})), (r#""session/prompt""#.to_owned(), 1), "it has that one");
}
