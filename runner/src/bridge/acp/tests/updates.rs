//! What an agent tells, as events.

use super::*;

fn check(cases: &[(&str, Vec<Value>, &str)]) {
    for (name, updates, expected) in cases {
        let translated = translate(&json!({}), &turn(updates), AgentExit::Code(0));
        conversation(&translated.events);
        // The first event is the agent's introduction.
        let kinds: Vec<_> = translated.events.iter().skip(1).map(|event| event.body.kind()).collect();
        assert_eq!(kinds.join(" "), *expected, "{name}");
        assert_eq!(translated.report.failure, None, "{name}");
    }
}

fn call(status: &str, more: &Value) -> Value {
    let mut call = json!({"sessionUpdate": "tool_call_update", "toolCallId": "c", "status": status});
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

#[test]
fn what_is_said_becomes_messages() {
    let cost = json!({"amount": 0.25, "currency": "USD"});
    let says = |words: &str| text("agent_message_chunk", words);
    check(&[
        (
            "pieces are joined until something else comes",
            vec![says("a"), says("b"), text("agent_thought_chunk", "t")],
            "TEXT_MESSAGE_START TEXT_MESSAGE_CONTENT TEXT_MESSAGE_CONTENT TEXT_MESSAGE_END REASONING_START \
             REASONING_MESSAGE_START REASONING_MESSAGE_CONTENT REASONING_MESSAGE_END REASONING_END",
        ),
        ("an empty piece is nothing", vec![says("")], ""),
        (
            "a plan is an activity",
            vec![json!({"sessionUpdate": "plan", "entries": [{"content": "x"}]})],
            "ACTIVITY_SNAPSHOT",
        ),
        (
            "money is no event",
            vec![json!({"sessionUpdate": "usage_update", "used": 1, "size": 2, "cost": cost})],
            "",
        ),
        ("what was asked is not repeated", vec![text("user_message_chunk", "Do it")], ""),
        ("an unknown kind is kept", vec![json!({"sessionUpdate": "moonrise", "x": 1})], "RAW"),
        ("a broken update is kept", vec![json!({"sessionUpdate": "tool_call", "title": "no id"})], "RAW"),
        (
            "an image is kept",
            vec![json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "image"}})],
            "RAW",
        ),
    ]);
}

#[test]
fn tool_calls_are_told_once() {
    let begun = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "T", "kind": "edit", "status": "pending"});
    let diff = json!({"content": [{"type": "diff", "path": "/w/a", "oldText": null, "newText": "x"}]});
    check(&[
        (
            "arguments are awaited",
            vec![
                begun.clone(),
                call("pending", &json!({"rawInput": {}})),
                call("in_progress", &json!({"rawInput": {"x": 1}})),
                call("in_progress", &json!({})),
            ],
            "TOOL_CALL_START TOOL_CALL_ARGS TOOL_CALL_END",
        ),
        (
            "a result is told with its changes",
            vec![begun, call("completed", &diff), call("completed", &json!({}))],
            "TOOL_CALL_START TOOL_CALL_ARGS TOOL_CALL_END CUSTOM TOOL_CALL_RESULT",
        ),
        (
            "a change of an unknown call begins it",
            vec![call("failed", &json!({"rawOutput": {"error": "no"}}))],
            "TOOL_CALL_START TOOL_CALL_ARGS TOOL_CALL_END TOOL_CALL_RESULT",
        ),
    ]);
}

#[test]
fn tool_results_show_what_there_is() {
    let result = |more: Value| {
        let mut call = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "status": "failed"});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let events = translate(&json!({}), &turn(&[call]), AgentExit::Code(0)).events;
        let event = events.into_iter().find(|event| event.body.kind() == "TOOL_CALL_RESULT").unwrap();
        assert_eq!(event.ambient_metadata("isError"), Some(&Value::Bool(true)));
        let EventBody::ToolCallResult { content, .. } = event.body else { unreachable!() };
        content.as_str().unwrap().to_owned()
    };
    let said = |text: &str| json!({"type": "content", "content": {"type": "text", "text": text}});
    let cases = [
        (json!({"content": [said("a"), said("b")], "rawOutput": "c"}), "a\nb"),
        (json!({"content": [], "rawOutput": "c"}), "c"),
        (json!({"rawOutput": {"x": 1}}), "{\"x\":1}"),
        (json!({"content": [{"type": "diff", "path": "/w/a", "newText": "x"}]}), "changed /w/a"),
        (json!({"content": [{"type": "terminal", "terminalId": "1"}, {"type": "new"}]}), ""),
        (
            json!({"content": [{"type": "terminal", "terminalId": "c"}],
                "_meta": {"terminal_output_delta": {"data": "out", "terminal_id": "c"}}}),
            "out",
        ),
        (json!({"rawOutput": {"exit_code": 0}, "_meta": {"terminal_output": {"data": "out"}}}), "out"),
        (json!({}), ""),
    ];
    for (more, expected) in cases {
        assert_eq!(result(more.clone()), expected, "{more}");
    }
}
