//! Runs that wait for people: questions, messages, sleep.

use ambient_crds::phase::Phase::{Completed, Pending, Running, Stopped};
use ambient_crds::session::{AgenticSession, WaitKind};
use ambient_protocol::outcome::ExitReason;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::json;

use crate::runner::Runner;
use crate::world::{World, condition};

fn awaited(session: &AgenticSession) -> Option<(WaitKind, String)> {
    let waiting = session.status.as_ref()?.waiting_for.as_ref()?;
    Some((waiting.kind, waiting.summary.clone()?))
}

#[tokio::test]
async fn a_question_is_told_and_time_does_not_pass_until_it_is_answered() {
    let mut world = World::started().await;
    world.make_session("first", json!({"timeout": 100, "approval": {"mode": "Ask"}})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    world.is("first", Running, "Running", "").await;
    runner.asks("May it run `make`?");
    let asked = |session: &AgenticSession| {
        awaited(session) == Some((WaitKind::Approval, "May it run `make`?".to_owned()))
    };
    let session = world.session("first", "tells of the question", asked).await;
    assert_eq!(condition(&session, "WaitingForPerson").1, "Approval");
    world.advance(100_000);
    world.touch("first").await;
    world.restart();
    world.edit("first", json!({"initialPrompt": "other words"})).await;
    let looked = |session: &AgenticSession| condition(session, "SpecChanged").0 == "True" && asked(session);
    world.session("first", "was looked at, and waits as before", looked).await;
    assert_eq!(runner.story().stops, 0, "a wait is no agent time");
    runner.goes_on("first-r1-a1-t2");
    let session = world.session("first", "waits no longer", |session| awaited(session).is_none()).await;
    assert_eq!(condition(&session, "WaitingForPerson").0, "");
    world.touch("first").await;
    runner.until("is asked to stop by its time", |story| story.stops > 0).await;
}

async fn asleep(world: &World) -> Runner {
    world.make_session("first", json!({"interactive": true})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    runner.waits_for_a_message();
    let waits =
        |session: &AgenticSession| awaited(session).is_some_and(|(kind, _)| kind == WaitKind::Message);
    world.session("first", "waits for a message", waits).await;
    runner.end(ExitReason::Idle);
    runner.is_acknowledged().await;
    world.is("first", Pending, "Idle", "nobody has written for inactivityTimeout: the pod is gone, the workspace stays; a message wakes it").await;
    world.has_no_job("first-r1-a1").await;
    runner
}

#[tokio::test]
async fn a_run_that_sleeps_is_woken_and_goes_on_without_a_first_turn() {
    let mut world = World::started().await;
    asleep(&world).await;
    let volumes = world.api::<PersistentVolumeClaim>("demo");
    assert!(volumes.get("first-r1").await.is_ok(), "the workspace stays");
    assert_eq!(world.told("first-r1"), ["claimed"]);
    world.restart();
    world.touch("first").await;
    world.edit("first", json!({"wake": {"run": 1, "by": "jane"}})).await;
    let second = world.serve("first-r1-a2").await;
    let session = world.is("first", Running, "Running", "").await;
    assert_eq!(session.status.unwrap().attempt, Some(2));
    assert!(second.story().starts.is_empty(), "whoever woke it says what is next");
    second.goes_on("first-r1-a2-t1");
    second.end(ExitReason::Completed);
    second.is_acknowledged().await;
    world.has_ended("first", Completed, "Completed").await;
    assert_eq!(world.told("first-r1"), ["claimed", "Completed (Completed)"]);
}

#[tokio::test]
async fn a_run_that_is_stopped_in_its_sleep_keeps_what_it_has_made() {
    let world = World::started().await;
    asleep(&world).await;
    world.edit("first", json!({"desiredPhase": "Stopped"})).await;
    let second = world.serve("first-r1-a2").await;
    second.is_acknowledged().await;
    world.has_ended("first", Stopped, "Stopped").await;
    assert_eq!((second.story().stops, second.story().starts.len()), (1, 0));
    let ending = world.ledger("first", 1).unwrap().ended.unwrap();
    assert_eq!((ending.attempt, ending.transcript.is_some()), (2, true), "the runner's outcome was taken");
}
