use super::*;

#[test]
fn wire_form_is_camel_case_without_nulls() {
    let event = Event::tool_start("t1", "Write", Some("m1".to_owned()))
        .at("2026-11-21T10:00:00Z".parse().unwrap())
        .with_metadata("turns", 2.into());
    assert_eq!(
        serde_json::from_str::<Value>(&event.to_json()).unwrap(),
        serde_json::json!({
            "type": "TOOL_CALL_START", "toolCallId": "t1", "toolCallName": "Write", "parentMessageId": "m1",
            "timestamp": 1_795_255_200_000_i64, "metadata": {"ambient": {"turns": 2}},
        })
    );
    assert_eq!(Event::parse(&event.to_json()), Ok(event.clone()));
    assert_eq!(event.ambient_metadata("turns"), Some(&2.into()));
}

#[test]
fn reading_is_strict_about_form_and_lenient_about_the_future() {
    let cases = [
        (r#"{"type":"RUN_ERROR","message":"x"}"#, Ok("RUN_ERROR")),
        (r#"{"type":"RUN_ERROR","message":"x","newField":1}"#, Ok("RUN_ERROR")),
        (r#"{"type":"LATER_EVENT","x":null}"#, Ok("RAW")),
        (r#"{"type":"STATE_SNAPSHOT","snapshot":null}"#, Ok("STATE_SNAPSHOT")),
        (r#"{"type":"RUN_ERROR","message":"x","code":null}"#, Err("null; it must be left out")),
        (r#"{"type":"RUN_ERROR"}"#, Err("missing field `message`")),
        (r#"{"message":"x"}"#, Err("an event is a JSON object")),
        ("[]", Err("an event is a JSON object")),
        ("{", Err("not JSON")),
    ];
    for (text, expected) in cases {
        match (Event::parse(text), expected) {
            (Ok(event), Ok(kind)) => assert_eq!(event.body.kind(), kind, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (result, _) => panic!("{text}: {result:?}"),
        }
    }
}

#[test]
fn outcomes_read_and_write_as_the_specification_has_them() {
    let text = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"interrupt","interrupts":[{"id":"i1","reason":"tool_call","toolCallId":"c1"}]},"usage":[{"model":"m","inputTokens":3}]}"#;
    let event = Event::parse(text).unwrap();
    assert!(event.ends_run());
    assert_eq!(
        serde_json::from_str::<Value>(&event.to_json()).unwrap(),
        serde_json::from_str::<Value>(text).unwrap()
    );
}
