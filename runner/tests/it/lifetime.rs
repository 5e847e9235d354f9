//! Runners that are killed, told to go, started again, and followed by another attempt.

use ambient_protocol::Event;
use ambient_protocol::client::Start;
use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use ambient_runner::Ending;
use nix::sys::signal::Signal;

use crate::harness::{World, bounded, frames, git, living_processes, outcome, start, wait_for};

/// Changes a file, says so, and does nothing for long.
const CHANGES_AND_WAITS: &str = "steps:\n- effect: {write: {path: half.txt, content: half}}\n\
                                 - effect: {spawn: {count: 1, ownSession: true}}\n- text: waiting\n\
                                 - effect: {sleep: 600000}\n";

#[tokio::test]
async fn a_killed_runner_is_taken_up_by_the_next() {
    for world in World::both(Some(CHANGES_AND_WAITS)) {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_CONTENT")).await;
        let before = world.log().len();
        assert!(!living_processes(&world).is_empty());
        first.kill();

        let second = world.process();
        let done = outcome(&second.client).await;
        assert_eq!(
            (done.exit, done.message.as_str()),
            (ExitReason::AgentCrashed, "the runner was killed while the agent worked")
        );
        assert_eq!(living_processes(&world), Vec::<i32>::new(), "the agent does not work on unseen");
        let log = world.log();
        assert!(log.len() > before && matches!(log.last().unwrap().body, EventBody::RunError { .. }));
        let all = frames(second.client.events(0).await.unwrap()).await;
        let ids: Vec<_> = all.iter().filter_map(|frame| frame.id).collect();
        assert_eq!(ids, (1..=u64::try_from(log.len()).unwrap()).collect::<Vec<_>>());
        assert!(done.repositories[0].committed_leftovers);
        assert!(matches!(second.client.start(&world.input()).await, Ok(Start::AlreadyStarted)));

        second.kill();
        let third = world.process();
        assert_eq!(outcome(&third.client).await, done, "an outcome does not change");
        third.client.acknowledge().await.unwrap();
        assert_eq!(third.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn told_to_go_a_runner_stops_the_agent_and_waits_for_its_outcome_to_be_fetched() {
    for world in World::both(Some(CHANGES_AND_WAITS)) {
        let process = world.process();
        let mut turn = start(&process.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
        process.signal(Signal::SIGTERM);
        let done = outcome(&process.client).await;
        assert_eq!((done.exit, done.with_its_pod), (ExitReason::Stopped, true));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        process.client.acknowledge().await.unwrap();
        assert_eq!(process.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn told_to_go_before_its_turn_a_runner_goes() {
    let world = World::new(None);
    let runner = world.runner().await;
    runner.shutdown.cancel();
    assert_eq!(runner.ended().await.unwrap(), Ending::NeverStarted);
    assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_FINISHED"]);
}

#[tokio::test]
async fn a_later_attempt_continues_workspace_and_log() {
    for mut world in World::both(Some(CHANGES_AND_WAITS)) {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_CONTENT")).await;
        let base = git(&world.checkout(), &["rev-parse", "HEAD"]);
        first.kill();

        world.next_attempt();
        std::fs::write(world.path("fixture.yaml"), "steps: [{finish: {summary: Done, inputTokens: 5}}]")
            .unwrap();
        let second = world.runner().await;
        let turn = bounded(frames(start(&second.client, &world).await)).await;
        let done = outcome(&second.client).await;
        assert_eq!((done.exit, done.attempt), (ExitReason::Completed, 2));
        assert_eq!((done.usage.input_tokens, done.repositories[0].base.as_str()), (5, base.as_str()));
        assert_eq!(world.delivered("half.txt"), "half", "the first attempt's work is kept");
        let endings: Vec<_> =
            world.log().into_iter().filter(Event::ends_run).map(|event| event.body.kind()).collect();
        assert_eq!(endings, ["RUN_ERROR", "RUN_FINISHED"]);
        assert!(
            turn[0].data.contains("first-run-r1-a2"),
            "the turn's stream begins with its own first event"
        );
    }
}

#[tokio::test]
async fn a_runner_killed_between_last_event_and_outcome_still_makes_it() {
    let world =
        World::new(Some("steps: [{effect: {write: {path: a.txt, content: a}}}, {finish: {summary: Done}}]"));
    let first = world.process();
    let _turn = start(&first.client, &world).await;
    let done = outcome(&first.client).await;
    first.kill();
    std::fs::remove_file(world.path("volume/state/outcome.json")).unwrap();
    let again = outcome(&world.runner().await.client).await;
    assert_eq!((again.exit, again.summary.as_str()), (ExitReason::Completed, "Done"));
    assert_eq!((again.events, &again.events_digest), (done.events, &done.events_digest));
    assert_eq!(again.repositories[0].head, done.repositories[0].head);
}

#[tokio::test]
async fn an_outcome_that_nobody_fetched_is_that_of_the_run_whoever_serves_it() {
    for mut world in
        World::both(Some("steps: [{effect: {write: {path: a.txt, content: a}}}, {finish: {summary: Done}}]"))
    {
        let first = world.process();
        let _turn = start(&first.client, &world).await;
        let done = outcome(&first.client).await;
        first.kill();
        world.next_attempt();
        let second = world.process();
        assert_eq!(outcome(&second.client).await, done, "a run that has ended is not run again");
        assert!(second.client.bundle("target").await.is_ok());
        second.signal(Signal::SIGTERM);
        second.client.acknowledge().await.unwrap();
        assert_eq!(second.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn a_runner_that_is_only_stopped_takes_what_a_lost_attempt_left() {
    for mut world in World::both(Some(CHANGES_AND_WAITS)) {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_CONTENT")).await;
        first.kill();
        world.next_attempt();
        let second = world.process();
        stop_when_it_listens(&second.client).await;
        let done = outcome(&second.client).await;
        assert_eq!((done.exit, done.attempt), (ExitReason::Stopped, 2));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        assert!(done.repositories[0].committed_leftovers && done.repositories[0].bundle.is_some());
        assert_eq!(world.delivered("half.txt"), "half");
    }
}

async fn stop_when_it_listens(client: &ambient_protocol::client::RunnerClient) {
    bounded(async {
        while client.stop().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn two_runners_never_work_on_one_volume() {
    let world = World::new(None);
    let first = world.process();
    let error = world.runner().await.ended().await.unwrap_err().to_string();
    assert!(error.contains("another runner works on this volume"), "{error}");
    first.kill();
    let second = world.runner().await;
    assert_eq!(second.run(&world).await.exit, ExitReason::Completed);
}

#[tokio::test]
async fn a_process_that_hides_from_its_agent_ends_with_it() {
    for world in World::both(Some("steps:\n- effect: forget\n- text: waiting\n- effect: {sleep: 600000}\n")) {
        let process = world.process();
        let mut turn = start(&process.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
        assert_eq!(
            living_processes(&world).len(),
            2,
            "the agent, and an orphan without environment in its own session"
        );
        process.client.stop().await.unwrap();
        assert_eq!(outcome(&process.client).await.exit, ExitReason::Stopped);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}
