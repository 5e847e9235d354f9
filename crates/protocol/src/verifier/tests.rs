use super::*;
use crate::input::RunAgentInput;

fn started() -> Event {
    Event::run_started(RunAgentInput::prompt("t", "r", "hi"))
}

fn finished() -> Event {
    Event::run_finished(
        "t",
        "r",
        None,
        crate::events::RunOutcome::Success { pending_tool_call_ids: vec![] },
        vec![],
    )
}

fn error() -> Event {
    Event::run_error("X", "x", vec![])
}

fn subagent(id: &str, begin: bool) -> Event {
    let subagent_run_id = id.to_owned();
    if begin {
        let (description, parent) = (None, None);
        return EventBody::SubagentStarted {
            subagent_run_id,
            name: "n".to_owned(),
            description,
            parent_subagent_run_id: parent.clone(),
            parent_tool_call_id: parent.clone(),
            parent_message_id: parent,
        }
        .into();
    }
    EventBody::SubagentFinished { subagent_run_id, result: None, outcome: None }.into()
}

fn verdict(events: &[Event]) -> Result<(), String> {
    let mut verifier = Verifier::default();
    events.iter().try_for_each(|event| verifier.accept(event).map_err(|violation| violation.to_string()))
}

#[test]
fn rules() {
    let text = Event::text_start("m");
    let cases: Vec<(Vec<Event>, Result<(), &str>)> = vec![
        (
            vec![started(), text.clone(), Event::text_content("m", "x"), Event::text_end("m"), finished()],
            Ok(()),
        ),
        (vec![error()], Ok(())),
        (vec![started(), finished(), started(), finished()], Ok(())),
        (vec![started(), finished(), error()], Ok(())),
        (vec![started(), text.clone(), error(), started(), finished()], Ok(())),
        (vec![text.clone()], Err("TEXT_MESSAGE_START outside a run")),
        (vec![started(), started()], Err("RUN_STARTED while a run is active")),
        (vec![started(), error(), text.clone()], Err("TEXT_MESSAGE_START outside a run")),
        (vec![started(), error(), error()], Err("RUN_ERROR outside a run")),
        (vec![started(), finished(), finished()], Err("RUN_FINISHED outside a run")),
        (vec![started(), text.clone(), text.clone()], Err("text message m is already open")),
        (vec![started(), text.clone(), finished()], Err("RUN_FINISHED while text message m is open")),
        (vec![started(), Event::tool_args("c", "{")], Err("tool call c is not open")),
        (vec![started(), Event::tool_result("m", "c", "x"), finished()], Ok(())),
        (vec![started(), subagent("s", true), finished()], Err("RUN_FINISHED while subagent s is open")),
        (
            vec![started(), subagent("s", true), subagent("s", false), subagent("s", true)],
            Err("subagent s has already ended"),
        ),
    ];
    for (index, (events, expected)) in cases.into_iter().enumerate() {
        assert_eq!(verdict(&events), expected.map_err(str::to_owned), "case {index}");
    }
}

#[test]
fn whatever_is_open_can_be_closed() {
    let mut events = vec![
        started(),
        Event::text_start("m"),
        Event::tool_start("c", "Write", None),
        subagent("s", true),
        EventBody::StepStarted { step_name: "s1".to_owned(), subagent_run_id: Some("s".to_owned()) }.into(),
        EventBody::ReasoningStart { message_id: "q".to_owned(), subagent_run_id: None }.into(),
    ];
    let mut verifier = Verifier::default();
    events.iter().for_each(|event| verifier.accept(event).unwrap());
    events.extend(verifier.closing_events());
    events.push(finished());
    assert_eq!(verdict(&events), Ok(()));
}

#[test]
fn a_refused_event_changes_nothing() {
    let mut verifier = Verifier::default();
    verifier.accept(&started()).unwrap();
    assert!(verifier.accept(&Event::text_end("m")).is_err());
    assert!(verifier.accept(&finished()).is_ok());
}
