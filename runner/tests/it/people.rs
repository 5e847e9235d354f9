//! Questions: they end a turn, wait for people, and go on with what people said.

use std::time::Duration;

use ambient_protocol::answers::{Choices, Consent};
use ambient_protocol::client::ClientError;
use ambient_protocol::events::{EventBody, Interrupt};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Answer, Event, RunAgentInput};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::harness::{World, living_processes, outcome, questions, say, start};

/// Writes a file, if it may, and ends.
const CONSENT: &str = "steps:\n- tool: {name: Write, consent: true, effects: [{write: {path: made.txt, content: made}}], result: written}\n\
                       - finish: {summary: Done, turns: 1}\n";

fn asking(fixture: &str) -> [World; 2] {
    let mut worlds = World::both(Some(fixture));
    worlds.iter_mut().for_each(|world| world.session(|session| session["approval"] = json!({"mode": "Ask"})));
    worlds
}

/// What each turn began with.
fn inputs(world: &World) -> Vec<RunAgentInput> {
    let started = world.log().into_iter().filter_map(|event| match event.body {
        EventBody::RunStarted { input, .. } => input,
        _ => None,
    });
    started.map(|input| *input).collect()
}

fn tool_result(world: &World) -> Option<String> {
    world.log().iter().find_map(|event| match &event.body {
        EventBody::ToolCallResult { content, .. } => content.as_str().map(str::to_owned),
        _ => None,
    })
}

fn status(error: &ClientError) -> u16 {
    match error {
        ClientError::Status { status, .. } => *status,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_call_waits_for_consent_and_is_made_once_it_is_given() {
    for world in asking(CONSENT) {
        let runner = world.runner().await;
        let asked = questions(&mut start(&runner.client, &world).await).await;
        let [Interrupt { id, tool_call_id: Some(_), expires_at: Some(_), .. }] = asked.as_slice() else {
            panic!("one call is asked for, until a time: {asked:?}")
        };
        assert!(!world.checkout().join("made.txt").exists());
        let error = say(&runner.client, &world, "m", "Well?").await.err().unwrap();
        assert!(status(&error) == 423 && error.to_string().contains(id), "{error}");
        let unclear = Answer::resolved(id, json!({"approved": "yes"}));
        for answers in [vec![], vec![Answer::allow(id), Answer::allow("x")], vec![unclear]] {
            assert_eq!(status(&runner.client.answer(answers).await.unwrap_err()), 422);
        }
        let receipt = runner.client.answer(vec![Answer::allow(id)]).await.unwrap();
        assert_eq!((receipt.turn.as_str(), receipt.before), ("first-run-r1-a1-t2", false));
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Completed, "Done"));
        assert!(world.checkout().join("made.txt").exists());
        assert_eq!(tool_result(&world).as_deref(), Some("written"));
        let inputs = inputs(&world);
        assert_eq!(inputs.len(), 2);
        let given = inputs[1].resume[0].giver().unwrap();
        assert_eq!((given.by.as_str(), &given), ("operator", &receipt.given));
        assert_eq!(inputs[1].parent_run_id.as_deref(), Some("first-run-r1-a1"));
    }
}

#[tokio::test]
async fn the_first_answer_counts() {
    let fixture =
        format!("{CONSENT}- exit: 0\n").replace("- finish", "- ask: {question: Sure?, as: sure}\n- finish");
    for world in asking(&fixture) {
        let runner = world.runner().await;
        let asked = questions(&mut start(&runner.client, &world).await).await;
        let answer = Answer::deny(&asked[0].id, Some("not today"));
        let first = runner.client.answer(vec![answer]).await.unwrap();
        let mut rest = runner.client.events(0).await.unwrap();
        questions(&mut rest).await;
        let sure = questions(&mut rest).await;
        let again = runner.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
        assert_eq!((again.turn, again.given, again.before), (first.turn, first.given, true));
        runner.client.answer(vec![Answer::cancelled(&sure[0].id)]).await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Completed);
        assert_eq!(tool_result(&world).as_deref(), Some("denied: not today"));
        assert!(!world.checkout().join("made.txt").exists());
    }
}

#[tokio::test]
async fn a_question_is_answered_in_words() {
    let fixture = "steps:\n- ask: {question: Which way?, options: [Left, Right], as: way}\n- finish: {summary: 'To the {{way}}.'}\n";
    for world in asking(fixture) {
        let runner = world.runner().await;
        let asked = questions(&mut start(&runner.client, &world).await).await;
        let options = &asked[0].ambient_metadata("questions").unwrap()[0]["options"];
        assert_eq!(
            (asked[0].question(), options),
            ("Which way?", &json!([{"label": "Left"}, {"label": "Right"}]))
        );
        let choices = Choices { answers: [("Which way?".to_owned(), "Right".to_owned())].into() };
        runner.client.answer(vec![Answer::choose(&asked[0].id, &choices)]).await.unwrap();
        assert_eq!(outcome(&runner.client).await.summary, "To the Right.");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_a_no() {
    let mut world = World::new(Some(CONSENT));
    world.session(|session| {
        session["approval"] = json!({"mode": "Ask"});
        session["limits"]["inactivityTimeoutSeconds"] = json!(1);
    });
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert!(!world.checkout().join("made.txt").exists());
    let inputs = inputs(&world);
    assert_eq!(inputs[1].resume[0].as_consent(), Consent::default());
    assert_eq!(inputs[1].resume[0].giver().unwrap().by, "ambient");
}

#[tokio::test]
async fn who_waits_costs_no_time() {
    let [mut world, _] = asking(CONSENT);
    let first = world.process();
    questions(&mut start(&first.client, &world).await).await;
    first.kill();
    // An hour goes by, of which the agent may use ten minutes.
    world.backdate(Duration::from_secs(3600));
    world.next_attempt();
    let second = world.runner().await;
    let asked = questions(&mut start(&second.client, &world).await).await;
    second.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
    let done = outcome(&second.client).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let begun = world.log()[0].timestamp.unwrap();
    assert!(world.log().last().unwrap().timestamp.unwrap() - begun >= 3_600_000);
}

#[tokio::test]
async fn what_nobody_is_to_be_asked_for_passes() {
    for (approval, asks) in [
        (json!({"mode": "Auto"}), false),
        (json!({"mode": "Ask", "tools": ["Bash"]}), false),
        (json!({"mode": "Ask", "tools": ["write"]}), true),
    ] {
        let mut world = World::new(Some(CONSENT));
        world.session(|session| session["approval"] = approval.clone());
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        if asks {
            let asked = questions(&mut turn).await;
            runner.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
        }
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Completed, "{approval}");
        assert_eq!(inputs(&world).len(), if asks { 2 } else { 1 }, "{approval}");
        assert!(world.checkout().join("made.txt").exists(), "{approval}");
    }
}

#[tokio::test]
async fn a_stop_ends_a_run_that_waits() {
    for world in asking(CONSENT) {
        let runner = world.runner().await;
        let asked = questions(&mut start(&runner.client, &world).await).await;
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Stopped, "the run was stopped"));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        assert_eq!(inputs(&world)[1].resume[0].interrupt_id, asked[0].id, "it is no longer open");
        let error = runner.client.answer(vec![Answer::allow(&asked[0].id)]).await;
        assert_eq!(status(&error.unwrap_err()), 410);
    }
}

#[tokio::test]
async fn an_agent_that_is_gone_waits_for_nobody() {
    for world in asking(CONSENT) {
        let runner = world.runner().await;
        questions(&mut start(&runner.client, &world).await).await;
        living_processes(&world).iter().for_each(|pid| kill(Pid::from_raw(*pid), Signal::SIGKILL).unwrap());
        let done = outcome(&runner.client).await;
        assert_eq!(done.exit, ExitReason::AgentCrashed);
        assert!(matches!(world.log().last().unwrap().body, EventBody::RunError { .. }));
    }
}

#[tokio::test]
async fn a_question_of_a_killed_runner_is_asked_again_by_the_next_attempt() {
    let fixture = CONSENT.replace("steps:", "steps:\n- text: '{{prompt}}'");
    for mut world in asking(&fixture) {
        let first = world.process();
        questions(&mut start(&first.client, &world).await).await;
        first.kill();
        let same = world.process();
        let done = outcome(&same.client).await;
        let message = "the runner was killed while the agent waited for an answer";
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::AgentCrashed, message));
        same.kill();
        world.next_attempt();
        let second = world.runner().await;
        let asked = questions(&mut start(&second.client, &world).await).await;
        second.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
        let done = outcome(&second.client).await;
        assert_eq!((done.exit, done.attempt), (ExitReason::Completed, 2));
        let endings: Vec<_> =
            world.log().into_iter().filter(Event::ends_run).map(|event| event.body.kind()).collect();
        assert_eq!(endings, ["RUN_FINISHED", "RUN_ERROR", "RUN_FINISHED", "RUN_FINISHED"]);
    }
}
