use ambient_protocol::answers::{Answer, TOOL_CALL};
use ambient_protocol::effective::ContextItem;
use ambient_protocol::events::{EventBody, Interrupt, RunOutcome};
use ambient_protocol::{Event, RunAgentInput};
use serde_json::json;

use super::*;

fn asks(text: &str) -> Event {
    Event::run_started(RunAgentInput::prompt("t", text, text))
}

fn says(id: &str, text: &str) -> Vec<Event> {
    vec![Event::text_start(id), Event::text_content(id, text), Event::text_end(id)]
}

fn uses(id: &str, result: &str) -> Vec<Event> {
    let begun = [Event::tool_start(id, "Bash", None), Event::tool_args(id, "{\"x\":1}"), Event::tool_end(id)];
    begun.into_iter().chain([Event::tool_result(&format!("{id}.r"), id, result)]).collect()
}

fn ends(outcome: RunOutcome) -> Event {
    Event::run_finished("t", "r", None, outcome, vec![])
}

fn well() -> Event {
    ends(RunOutcome::Success { pending_tool_call_ids: vec![] })
}

fn tell(events: &[Event]) -> Option<Retelling> {
    let mut listener = Listener::default();
    events.iter().for_each(|event| listener.hear(&event.to_json()));
    listener.retelling()
}

fn user(text: &str) -> Part {
    Part::User(text.to_owned())
}

fn agent(text: &str) -> Part {
    Part::Agent(text.to_owned())
}

fn note(text: &str) -> Part {
    Part::Note(text.to_owned())
}

fn used(id: &str, result: Option<&str>) -> Part {
    let (name, arguments) = ("Bash".to_owned(), "{\"x\":1}".to_owned());
    Part::Tool(Use { id: id.to_owned(), name, arguments, result: result.map(str::to_owned) })
}

fn check(cases: Vec<(Vec<Event>, Vec<Part>)>) {
    for (events, expected) in cases {
        let told = tell(&events).map(|retelling| retelling.parts).unwrap_or_default();
        assert_eq!(told, expected);
    }
}

#[test]
fn what_was_said_and_done_is_told_in_order() {
    let reasoning =
        EventBody::ReasoningMessageStart { message_id: "t".into(), role: None, subagent_run_id: None };
    let of_subagent = EventBody::TextMessageStart {
        message_id: "s".into(),
        role: None,
        name: None,
        subagent_run_id: Some("sub".into()),
    };
    let mut told_beside = RunAgentInput::prompt("t", "r", "Look");
    told_beside.context = vec![ContextItem { description: "Before".into(), value: "It was red.".into() }];
    let failed = Event::run_error("x", "cut off", vec![]);
    check(vec![
        (vec![], vec![]),
        (vec![asks("Look")], vec![user("Look")]),
        (
            [vec![asks("Look")], says("m", " I look. "), uses("c", "a\nb"), says("n", "Seen."), vec![well()]]
                .concat(),
            vec![user("Look"), agent("I look."), used("c", Some("a\nb")), agent("Seen.")],
        ),
        (
            [vec![asks("Look")], uses("c", "x")[..3].to_vec(), vec![failed]].concat(),
            vec![user("Look"), used("c", None), note("cut off")],
        ),
        (
            vec![asks("Look"), reasoning.into(), of_subagent.into(), Event::text_content("s", "hm")],
            vec![user("Look")],
        ),
        (vec![Event::run_started(told_beside)], vec![user("Look\n\n## Before\n\nIt was red.")]),
    ]);
}

#[test]
fn questions_and_what_became_of_them_are_told() {
    let question = Interrupt { message: Some("Do it?".into()), ..Interrupt::new("q", TOOL_CALL) };
    let asked = ends(RunOutcome::Interrupt { interrupts: vec![question] });
    let mut answers = RunAgentInput::prompt("t", "r2", "");
    answers.messages.clear();
    answers.resume = vec![Answer::deny("q", Some("not now")), Answer::cancelled("p")];
    check(vec![
        (
            vec![asks("Look"), ends(RunOutcome::Cancelled), asks("And?")],
            vec![user("Look"), note("this was broken off"), user("And?")],
        ),
        (
            vec![asks("Look"), asked, Event::run_started(answers)],
            vec![
                user("Look"),
                note("you asked: Do it?"),
                note(r#"the answer was: {"approved":false,"message":"not now"}"#),
                note("the answer was: none, which is a no"),
            ],
        ),
    ]);
}

#[test]
fn nothing_that_was_said_can_be_taken_for_what_is_asked() {
    let events =
        [vec![asks("Look")], uses("c", "x\n\nIt goes on now."), says("m", "Seen.\n\nAnd done.")].concat();
    let words = tell(&events).unwrap().before("Go on\n\nnow");
    let (told, asked) = words.split_once("\n\nIt goes on now. What is asked:\n\n").unwrap();
    assert_eq!(asked, "Go on\n\nnow");
    let quoted = told.split_once(":\n\n").unwrap().1;
    let expected = "> User: Look\n>\n> You used Bash with {\"x\":1} gave \"x\\n\\nIt goes on now.\"\n>\n> You: Seen.\n>\n> And done.";
    assert_eq!(quoted, expected);
}

#[test]
fn a_long_conversation_is_told_by_its_beginning_and_its_end() {
    let turn = |number: usize| {
        [
            vec![asks(&format!("Question {number}"))],
            uses("c", &"é".repeat(5000)),
            says("m", &"x".repeat(20_000)),
            vec![well()],
        ]
        .concat()
    };
    let events: Vec<_> = (0..500).flat_map(turn).collect();
    let retelling = tell(&events).unwrap();
    let size: usize = retelling.parts().iter().map(Part::size).sum();
    assert!((48 * 1024..65 * 1024).contains(&size), "{size}");
    assert_eq!(retelling.parts()[0], Part::User("Question 0".to_owned()));
    let asked = retelling.parts().iter().rev().find(|part| matches!(part, Part::User(_)));
    assert_eq!(asked, Some(&Part::User("Question 499".to_owned())));
    let left_out: Vec<_> = retelling.parts().iter().filter(|part| matches!(part, Part::LeftOut(_))).collect();
    assert_eq!(left_out, [&Part::LeftOut(1500 + 1 - retelling.parts().len())]);
    assert!(retelling.before("?").contains("more, not told here"));
}

#[test]
fn what_is_done_is_said() {
    assert_eq!(
        taken_up("s").to_json(),
        Event::custom("ambient.conversation", json!({"takenUp": "s"})).to_json()
    );
    assert!(retold("why").to_json().contains(r#""retold":"why""#));
}
