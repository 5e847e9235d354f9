//! What people and Claude Code have to say to each other.

use ambient_protocol::Conversation;
use ambient_protocol::answers::{Choices, INPUT_REQUIRED, TOOL_CALL};
use ambient_protocol::effective::{Approval, ApprovalMode};
use ambient_protocol::events::{EventBody, Interrupt, RunOutcome, SubagentOutcome};
use ambient_protocol::{RunAgentInput, Verifier};
use serde_json::json;

use super::super::*;
use crate::bridge::testing::conversation;

/// Recorded from version 2.1.197 of the program with a scripted model: it asks for consent to a call, then a question, and
/// answers a second message. Paths and ids are replaced, lists of its own commands left out.
const RECORDED: &str = include_str!("../../../../fixtures/claude-2.1.197-asks.jsonl");

fn asking() -> ClaudeTranslator {
    let approval = Approval { mode: ApprovalMode::Ask, tools: Vec::new() };
    ClaudeTranslator::new(Rules::asking(approval))
}

fn permission(id: &str, call: &str, tool: &str, input: &Value) -> Value {
    json!({"type": "control_request", "request_id": id, "request": {"subtype": "can_use_tool", "tool_name": tool,
        "input": input, "tool_use_id": call}})
}

fn lines_of(translation: &Translation) -> Vec<Value> {
    let words = translation.words.iter().map(|word| match word {
        Word::Line(line) => serde_json::from_str(line).unwrap(),
        Word::Later(_) => panic!("nothing takes its time here"),
    });
    words.collect()
}

#[test]
fn a_question_is_put_when_nothing_is_half_said() {
    let mut translator = asking();
    let stream = |event: Value| json!({"type": "stream_event", "event": event});
    let steps = [
        (stream(json!({"type": "message_start", "message": {"id": "m"}})), 0),
        (stream(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text"}})), 0),
        (permission("q1", "c1", "Bash", &json!({"command": "ls"})), 0),
        (permission("q2", "c2", "Read", &json!({})), 0),
        (json!({"type": "control_cancel_request", "request_id": "q2"}), 0),
        (permission("q3", "c3", "Write", &json!({})), 0),
        (stream(json!({"type": "content_block_stop", "index": 0})), 2),
    ];
    for (frame, expected) in steps {
        let asked = match translator.line(&frame.to_string()).flow {
            Flow::Asks(questions) => questions.iter().map(|question| question.id.clone()).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(asked.len(), expected, "{frame}: {asked:?}");
    }
    let told = translator.answered(&[Answer::allow("q1"), Answer::deny("q3", None)]);
    let answers: Vec<_> =
        lines_of(&told).iter().map(|line| line["response"]["response"]["behavior"].clone()).collect();
    assert_eq!(answers, ["allow", "deny"]);
}

#[test]
fn subagents_wait_with_the_turn_and_go_on_with_the_next() {
    let mut translator = asking();
    let says = |id: &str, parent: Option<&str>, content: Value| {
        json!({"type": "assistant", "parent_tool_use_id": parent, "message": {"id": id, "content": [content]}}).to_string()
    };
    let call = |id: &str, name: &str| json!({"type": "tool_use", "id": id, "name": name, "input": {}});
    let mut events = translator.line(&says("m1", None, call("sub", "Task"))).events;
    events.extend(translator.line(&says("m2", Some("sub"), call("inner", "Bash"))).events);
    let asked = translator.line(&permission("q", "inner", "Bash", &json!({})).to_string());
    let Flow::Asks(questions) = &asked.flow else { panic!("{asked:?}") };
    assert_eq!(questions[0].subagent_run_id.as_deref(), Some("sub"));
    let suspended = asked.events.iter().any(|event| {
        matches!(&event.body, EventBody::SubagentFinished {
        outcome: Some(SubagentOutcome::Suspended { interrupt_ids }), .. } if interrupt_ids == &["q"])
    });
    assert!(suspended, "{:?}", asked.events);
    events.extend(asked.events);
    conversation(&events);
    let resumed = translator.answered(&[Answer::allow("q")]).events;
    assert_eq!(resumed[0].body.kind(), "SUBAGENT_STARTED");
}

#[test]
fn the_model_s_questions_are_answered_in_words() {
    let mut translator = asking();
    let input = json!({"questions": [{"question": "Which?", "options": [{"label": "A"}]}]});
    let asked = translator.line(&permission("q", "c", "AskUserQuestion", &input).to_string());
    let Flow::Asks(questions) = asked.flow else { panic!("it asks") };
    let [Interrupt { reason, .. }] = questions.as_slice() else { panic!("one question") };
    assert_eq!((reason.as_str(), questions[0].question()), (INPUT_REQUIRED, "Which?"));
    let choices = Choices { answers: [("Which?".to_owned(), "A".to_owned())].into() };
    let told = translator.answered(&[Answer::choose("q", &choices)]);
    let answer = &lines_of(&told)[0]["response"]["response"];
    assert_eq!(
        (&answer["behavior"], &answer["updatedInput"]["answers"]),
        (&json!("allow"), &json!({"Which?": "A"}))
    );
}

#[test]
fn a_turn_that_is_called_off_asks_nothing() {
    let mut translator = asking();
    let asked = translator.line(&permission("q1", "c", "Bash", &json!({})).to_string());
    assert!(matches!(&asked.flow, Flow::Asks(questions) if questions[0].reason == TOOL_CALL));
    let words = translator.call_off();
    assert_eq!(
        (words.len(), translator.call_off().len()),
        (2, 0),
        "what is open is denied, then the turn broken off"
    );
    let denied = translator.line(&permission("q2", "c", "Bash", &json!({})).to_string());
    assert_eq!(lines_of(&denied)[0]["response"]["response"]["behavior"], "deny");
    translator.begin("next");
    let asked = translator.line(&permission("q3", "c", "Bash", &json!({})).to_string());
    assert!(matches!(asked.flow, Flow::Asks(_)));
}

#[test]
fn a_result_that_came_before_a_message_was_heard_is_not_the_last() {
    let mut translator = asking();
    let result =
        json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 1}).to_string();
    let heard =
        json!({"type": "user", "isReplay": true, "message": {"role": "user", "content": "x"}}).to_string();
    translator.said("steering, before what began the turn is heard");
    translator.line(&heard);
    assert_eq!(translator.line(&result).flow, Flow::Continue);
    translator.line(&heard);
    assert_eq!(translator.line(&result).flow, Flow::Concluded);
    assert_eq!(translator.report().turns, 2);
    translator.begin("next");
    translator.said("what begins the next turn");
    assert_eq!(translator.line(&result).flow, Flow::Concluded);
}

/// All turns of a recorded conversation, as the log would have them.
fn turns(mut translator: ClaudeTranslator) -> (Vec<Event>, Vec<Value>, Vec<Report>) {
    let begin = |number: u32| Event::run_started(RunAgentInput::prompt("t", &format!("r{number}"), "Do it"));
    let (mut events, mut said, mut reports, mut turn) = (vec![begin(1)], Vec::new(), Vec::new(), 1);
    let choices = Choices { answers: [("Which way?".to_owned(), "Left".to_owned())].into() };
    for line in RECORDED.lines() {
        let translation = translator.line(line);
        said.extend(lines_of(&translation));
        events.extend(translation.events);
        let (outcome, next) = match translation.flow {
            Flow::Asks(interrupts) => {
                let answers = interrupts.iter().map(|question| match question.reason.as_str() {
                    TOOL_CALL => Answer::allow(&question.id),
                    _ => Answer::choose(&question.id, &choices),
                });
                let next = translator.answered(&answers.collect::<Vec<_>>());
                (RunOutcome::Interrupt { interrupts }, next)
            }
            Flow::Concluded => {
                reports.push(translator.report());
                translator.begin("next");
                let next = translator.said("And now?").unwrap();
                (RunOutcome::Success { pending_tool_call_ids: Vec::new() }, next)
            }
            Flow::Continue => continue,
            Flow::Abort(reason) => panic!("{reason}"),
        };
        events.push(Event::run_finished("t", &format!("r{turn}"), None, outcome, Vec::new()));
        turn += 1;
        events.push(begin(turn));
        said.extend(lines_of(&next));
        events.extend(next.events);
    }
    events.pop();
    (events, said, reports)
}

#[test]
fn a_recorded_conversation_becomes_turns_that_keep_the_rules() {
    let (events, said, reports) = turns(asking());
    let (mut verifier, mut conversation) = (Verifier::default(), Conversation::default());
    for event in &events {
        verifier.accept(event).unwrap();
        conversation.apply(event);
    }
    let kinds = |kind: &str| events.iter().filter(|event| event.body.kind() == kind).count();
    assert_eq!((kinds("RUN_STARTED"), kinds("RUN_FINISHED"), kinds("RAW")), (4, 4, 0));
    insta::assert_yaml_snapshot!("asked_conversation", conversation.entries);
    insta::assert_yaml_snapshot!("asked_said", said);
    let told = reports
        .iter()
        .map(|report| (report.summary.as_str(), report.usage[0].output_tokens, report.cost_usd));
    insta::assert_yaml_snapshot!("asked_reports", told.collect::<Vec<_>>());
}
