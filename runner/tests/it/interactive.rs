//! Interactive runs: messages between turns and within them, turns broken off, sleep and waking.

use ambient_protocol::Conversation;
use ambient_protocol::client::{ClientError, EventStream, RunnerClient};
use ambient_protocol::conversation::Entry;
use ambient_protocol::outcome::ExitReason;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{World, bounded, frames, living_processes, outcome, say, start, wait_for};

const TALK: &str = "steps:\n\
    - effect: {write: {path: one.txt, content: one}}\n\
    - text: 'first: {{prompt}}'\n\
    - finish: {summary: First, turns: 1, inputTokens: 10, costUsd: 0.5}\n\
    - listen\n\
    - text: 'second: {{prompt}}'\n\
    - hear: aside\n\
    - text: 'aside: {{aside}}'\n\
    - finish: {summary: Second, turns: 2, inputTokens: 20, costUsd: 0.25}\n\
    - listen\n\
    - text: 'third: {{prompt}}'\n\
    - effect: {sleep: 600000}\n\
    - listen\n\
    - text: 'fourth: {{prompt}}'\n\
    - finish: {summary: Fourth, turns: 1}\n\
    - listen\n";

/// Runs of an agent that listens, by both carriers.
pub(crate) fn talking() -> [World; 2] {
    let mut worlds = World::both(Some(TALK));
    worlds.iter_mut().for_each(|world| world.session(|session| session["interactive"] = json!(true)));
    worlds
}

fn texts(world: &World) -> Vec<String> {
    let mut conversation = Conversation::default();
    world.log().iter().for_each(|event| conversation.apply(event));
    let said = conversation.entries.into_iter().filter_map(|entry| match entry {
        Entry::User { text, .. } => Some(format!("> {text}")),
        Entry::Assistant { text, .. } => Some(text),
        _ => None,
    });
    said.collect()
}

/// Waits for the end of a text that begins so; its rest may come in other pieces than it was said.
async fn until_said(turn: &mut EventStream, text: &str) {
    wait_for(turn, |frame| frame.data.contains(text)).await;
    wait_for(turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
}

/// Says something as soon as the runner is ready.
pub(crate) async fn say_when_ready(
    client: &RunnerClient,
    world: &World,
    id: &str,
    text: &str,
) -> EventStream {
    bounded(async {
        loop {
            match say(client, world, id, text).await {
                Ok(turn) => return turn,
                Err(ClientError::Status { status: 503, .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

fn status(result: Result<EventStream, ClientError>) -> u16 {
    match result {
        Err(ClientError::Status { status, .. }) => status,
        Err(other) => panic!("{other}"),
        Ok(_) => 200,
    }
}

#[tokio::test]
async fn people_talk_steer_break_off_and_stop() {
    for world in talking() {
        let runner = world.runner().await;
        let client = &runner.client;
        bounded(frames(start(client, &world).await)).await;
        assert!(client.outcome().await.unwrap().is_none(), "the run waits for a message");
        assert!(client.interrupt().await.unwrap_err().is_conflict(), "no turn goes on");

        let mut turn = say(client, &world, "m1", "again").await.unwrap();
        until_said(&mut turn, "second:").await;
        let aside = say(client, &world, "m2", "by the way").await.unwrap();
        bounded(frames(aside)).await;
        assert_eq!(status(say(client, &world, "m2", "by the way").await), 409, "it is said once");

        let mut turn = say(client, &world, "m3", "work").await.unwrap();
        until_said(&mut turn, "third:").await;
        client.interrupt().await.unwrap();
        bounded(frames(turn)).await;
        assert_eq!(living_processes(&world), Vec::<i32>::new(), "what cannot be told is ended");
        bounded(frames(say(client, &world, "m4", "go on").await.unwrap())).await;

        client.stop().await.unwrap();
        let done = outcome(client).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Stopped, "the run was stopped"));
        assert_eq!((done.usage.turns, done.usage.input_tokens, done.usage.cost_usd), (4, 30, Some(0.75)));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        assert_eq!(world.delivered("one.txt"), "one");
        let expected = [
            "> Look over the repository.",
            "first: Look over the repository.",
            "> again",
            "second: again",
            "> by the way",
            "aside: by the way",
            "> work",
            "third: work",
            "> go on",
            "fourth: go on",
        ];
        assert_eq!(texts(&world), expected);
    }
}

#[tokio::test]
async fn an_attempt_sleeps_and_the_next_message_wakes_the_conversation() {
    for mut world in talking() {
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(1));
        let runner = world.runner().await;
        let done = runner.run(&world).await;
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Idle, "nobody said anything for 1 s"));
        assert!(done.repositories.is_empty() && world.checkout().join("one.txt").exists());
        assert_eq!(living_processes(&world), Vec::<i32>::new());

        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
        world.next_attempt();
        world.renew_shim();
        let runner = world.runner().await;
        let mut turn = say_when_ready(&runner.client, &world, "m1", "good morning").await;
        until_said(&mut turn, "second:").await;
        say(&runner.client, &world, "m2", "by the way").await.unwrap();
        frames(turn).await;
        assert_eq!(texts(&world).last().map(String::as_str), Some("aside: by the way"));
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.attempt, done.usage.input_tokens), (ExitReason::Stopped, 2, 30));
        assert_eq!(world.delivered("one.txt"), "one");
    }
}

#[tokio::test]
async fn a_stop_ends_a_run_that_sleeps_and_takes_what_its_workspace_holds() {
    for mut world in talking() {
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(1));
        let runner = world.runner().await;
        assert_eq!(runner.run(&world).await.exit, ExitReason::Idle);
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        world.next_attempt();
        world.renew_shim();
        let runner = world.runner().await;
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!(
            (done.exit, done.attempt, done.summary.as_str()),
            (ExitReason::Stopped, 2, "first: Look over the repository.")
        );
        assert_eq!(world.delivered("one.txt"), "one");
        assert!(done.repositories[0].bundle.is_some());
        let last = world.log().pop().unwrap();
        assert!(last.to_json().contains(r#""last":true"#), "{last:?}");
    }
}

#[tokio::test]
async fn a_runner_killed_while_nobody_works_leaves_a_run_that_sleeps() {
    for mut world in talking() {
        let first = world.process();
        bounded(frames(start(&first.client, &world).await)).await;
        first.kill();
        let second = world.process();
        assert_eq!(outcome(&second.client).await.exit, ExitReason::Idle);
        second.kill();
        world.next_attempt();
        let third = world.process();
        // Begun by an operator all the same: there is nothing to run, and the message is what counts.
        let _turn = start(&third.client, &world).await;
        let mut turn = say(&third.client, &world, "m1", "here").await.unwrap();
        until_said(&mut turn, "second:").await;
        assert_eq!(texts(&world).last().map(String::as_str), Some("second: here"));
    }
}

#[tokio::test]
async fn a_turn_that_was_cut_off_is_run_again() {
    for mut world in talking() {
        let first = world.process();
        bounded(frames(start(&first.client, &world).await)).await;
        let mut turn = say(&first.client, &world, "m1", "carry on").await.unwrap();
        until_said(&mut turn, "second:").await;
        first.kill();
        world.next_attempt();
        let second = world.runner().await;
        let mut turn = start(&second.client, &world).await;
        until_said(&mut turn, "second:").await;
        bounded(frames(say(&second.client, &world, "m2", "yes").await.unwrap())).await;
        second.client.stop().await.unwrap();
        let done = outcome(&second.client).await;
        assert_eq!((done.exit, done.usage.turns), (ExitReason::Stopped, 3));
    }
}

#[tokio::test]
async fn a_limit_holds_over_turns() {
    let mut world = World::new(Some(TALK));
    world.session(|session| {
        session["interactive"] = json!(true);
        session["limits"]["maxCostUsd"] = json!(0.4);
    });
    let runner = world.runner().await;
    bounded(frames(start(&runner.client, &world).await)).await;
    let _turn = say(&runner.client, &world, "m1", "more").await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(
        (done.exit, done.message.as_str()),
        (ExitReason::BudgetExceeded, "the limit of money was reached")
    );
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
async fn a_run_that_is_not_interactive_can_be_steered_and_broken_off() {
    for world in World::both(Some(
        "steps: [{text: begun}, {hear: aside}, {text: 'aside: {{aside}}'}, {effect: {sleep: 600000}}]",
    )) {
        let runner = world.runner().await;
        let early = say(&runner.client, &world, "m0", "too early").await;
        assert!([425, 503].contains(&status(early)));
        let mut turn = start(&runner.client, &world).await;
        until_said(&mut turn, "begun").await;
        let mut aside = say(&runner.client, &world, "m1", "look left").await.unwrap();
        until_said(&mut aside, "aside:").await;
        runner.client.interrupt().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
        assert_eq!(status(say(&runner.client, &world, "m2", "too late").await), 410);
    }
}

#[tokio::test]
async fn an_agent_that_cannot_be_given_another_model_keeps_its_own() {
    for world in talking() {
        let runner = world.runner().await;
        bounded(frames(start(&runner.client, &world).await)).await;
        let error = runner.client.choose_model("another").await.unwrap_err();
        assert!(matches!(error, ClientError::Status { status: 422, .. }), "{error}");
        assert!(error.to_string().contains("the model that it was started with"), "{error}");
        runner.client.stop().await.unwrap();
        outcome(&runner.client).await;
    }
}

#[tokio::test]
async fn a_pod_that_is_told_to_end_while_nobody_works_leaves_the_run_asleep() {
    for mut world in talking() {
        let first = world.process();
        bounded(frames(start(&first.client, &world).await)).await;
        first.signal(Signal::SIGTERM);
        let done = outcome(&first.client).await;
        assert_eq!(
            (done.exit, done.message.as_str()),
            (ExitReason::Idle, "the pod was told to end while nobody worked")
        );
        first.client.acknowledge().await.unwrap();
        assert_eq!(first.exit_code().await, Some(0));
        world.next_attempt();
        world.renew_shim();
        let second = world.runner().await;
        let mut turn = say_when_ready(&second.client, &world, "m1", "good morning").await;
        until_said(&mut turn, "second:").await;
        second.client.stop().await.unwrap();
        outcome(&second.client).await;
    }
}
