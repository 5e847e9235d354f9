//! Every way an agent can end has an outcome that names its cause, and leaves no process.

use std::time::Duration;

use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{ControlGroup, World, living_processes, outcome, start, wait_for};

/// Says something, so that a test knows that all before it has happened, and then does nothing.
const THEN_WAITS: &str = "- text: waiting\n- effect: {sleep: 600000}\n";

#[tokio::test]
async fn agents_that_end_by_themselves() {
    let cases = [
        ("- fail: no such file\n", ExitReason::AgentFailed, "no such file"),
        ("- exit: 3\n", ExitReason::AgentCrashed, "the agent ended with exit code 3 without giving a result"),
        (
            "- complain: out of luck\n- exit: 4\n",
            ExitReason::AgentCrashed,
            "the agent ended with exit code 4 without giving a result; it wrote: out of luck",
        ),
        ("- junk: '{not json'\n- finish: {summary: Done}\n", ExitReason::Completed, ""),
        ("- effect: {allocate: {mebibytes: 64}}\n- finish: {summary: Done}\n", ExitReason::Completed, ""),
        ("- tool: {name: X, effects: [{remove: {path: nowhere}}]}\n", ExitReason::AgentCrashed, ""),
    ];
    for (steps, exit, message) in cases {
        for world in World::both(Some(&format!("steps:\n{steps}"))) {
            let done = world.runner().await.run(&world).await;
            assert_eq!(done.exit, exit, "{steps}");
            assert!(message.is_empty() || done.message == message, "{steps}: {}", done.message);
            assert_eq!(done.events, u64::try_from(world.log().len()).unwrap(), "{steps}");
        }
    }
}

#[tokio::test]
async fn an_agent_that_cannot_be_started_is_named() {
    for mut world in World::both(None) {
        world.session(|session| session["agent"]["command"] = json!(["/nowhere/agent"]));
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, ExitReason::AgentNotStarted);
        assert!(
            done.message.contains("\"/nowhere/agent\"") && done.message.contains("No such file"),
            "{}",
            done.message
        );
        assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_ERROR"]);
    }
}

#[tokio::test]
async fn a_stop_ends_every_process_also_those_of_other_sessions() {
    let fixture = format!(
        "steps:\n- effect: {{spawn: {{count: 2}}}}\n- effect: {{spawn: {{count: 2, ownSession: true}}}}\n{THEN_WAITS}"
    );
    for world in World::both(Some(&fixture)) {
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
        assert_eq!(living_processes(&world).len(), 5);
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Stopped, "the run was stopped"));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        assert_eq!(world.kinds().last(), Some(&"RUN_FINISHED"));
    }
}

#[tokio::test]
async fn what_an_agent_leaves_running_ends_with_it() {
    let fixture = "steps:\n- effect: {spawn: {count: 1, ownSession: true}}\n- finish: {summary: Done}\n";
    for world in World::both(Some(fixture)) {
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, ExitReason::Completed);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn time_and_silence_are_bounded() {
    let steps = format!("steps:\n{THEN_WAITS}");
    let mut world = World::new(Some(&steps));
    world.session(|session| session["limits"]["timeoutSeconds"] = json!(1));
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::TimedOut, "the agent's time of 1 s is over"));

    let world = World::new(Some(&steps));
    let mut config = world.config();
    config.watchdogs.silence = Duration::from_millis(300);
    let done = world.runner_with(config).await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("said nothing"), "{}", done.message);

    let world = World::new(Some("steps: [{finish: {summary: Done}}, {effect: {sleep: 600000}}]"));
    let mut config = world.config();
    config.watchdogs.courtesy = Duration::from_millis(100);
    let done = world.runner_with(config).await.run(&world).await;
    assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Completed, "Done"), "it had said all");
}

#[tokio::test]
async fn a_stop_before_the_start_is_an_outcome_too() {
    let world = World::new(None);
    let runner = world.runner().await;
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_FINISHED"]);
    runner.client.acknowledge().await.unwrap();
    runner.ended().await.unwrap();
}

#[tokio::test]
async fn what_a_stopped_agent_had_changed_is_kept() {
    let fixture = format!("steps:\n- effect: {{write: {{path: half.txt, content: half}}}}\n{THEN_WAITS}");
    for world in World::both(Some(&fixture)) {
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert!(done.repositories[0].committed_leftovers);
        assert_eq!(world.delivered("half.txt"), "half");
    }
}

#[tokio::test]
#[ignore = "makes a control group, for which it must be root: e2e/ag-ui runs it"]
async fn an_agent_that_the_kernel_kills_for_memory_is_named() {
    let group = ControlGroup::of_mebibytes(96);
    let fixture = "steps:\n- effect: {write: {path: half.txt, content: half}}\n- text: hungry\n\
                   - effect: {allocate: {mebibytes: 512}}\n- finish: {summary: Done}\n";
    let mut world = World::new(Some(fixture));
    world.start_shim_in(Some(&group));
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::OutOfMemory, "{}", done.message);
    assert!(done.message.contains("the memory it may use was used up"), "{}", done.message);
    assert_eq!(world.kinds().last(), Some(&"RUN_ERROR"));
    assert_eq!(world.delivered("half.txt"), "half");
}

#[tokio::test]
async fn an_unknown_runner_type_is_refused() {
    let mut world = World::new(None);
    world.variable("RUNNER_TYPE", "gemini");
    let error = world.runner().await.ended().await.unwrap_err();
    assert!(
        error.to_string().contains("it has: acp, claude-agent-sdk, gemini-cli, langgraph, replay"),
        "{error}"
    );
}
