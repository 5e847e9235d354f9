//! Who may start: slots, and sessions that wait for others.

use ambient_crds::phase::Phase::{Completed, Failed, Pending, Running};
use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::world::{PROJECT, World, condition};

async fn with_one_slot() -> World {
    let mut world = World::new().await;
    world.start();
    world.make_project(PROJECT, json!({"ceilings": {"maxConcurrentSessions": 1}})).await;
    world
}

#[tokio::test]
async fn a_project_runs_as_many_sessions_as_it_may_and_an_agents_end_frees_its_slot() {
    let world = with_one_slot().await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.make_session("second", json!({})).await;
    world.is("second", Pending, "Queued", "slots of the project").await;
    world.results.hide();
    first.end(ExitReason::Completed);
    let second = world.serve("second-r1-a1").await;
    let unrecorded = world.is("first", Completed, "Completed", "").await;
    assert_ne!(condition(&unrecorded, "ResultRecorded").0, "True");
    assert!(second.story().starts.is_empty(), "not before its claim");
    world.results.show();
    second.is_started().await;
    world.has_ended("first", Completed, "Completed").await;
}

#[tokio::test]
async fn a_queued_session_that_is_deleted_keeps_nobody_waiting() {
    let world = with_one_slot().await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.make_session("second", json!({})).await;
    world.is("second", Pending, "Queued", "slots of the project").await;
    world.delete("second").await;
    world.is_gone("second").await;
    first.end(ExitReason::Completed);
    world.has_ended("first", Completed, "Completed").await;
    world.make_session("third", json!({})).await;
    world.serve("third-r1-a1").await.is_started().await;
}

#[tokio::test]
async fn slots_that_were_taken_stay_so_over_a_restart() {
    let mut world = World::new().await;
    world.operator.slots = 1;
    world.start();
    world.make_project(PROJECT, json!({})).await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.is("first", Running, "Running", "").await;
    for name in ["a", "b", "c", "d"] {
        world.make_session(name, json!({})).await;
        world.is(name, Pending, "Queued", "").await;
    }
    world.restart();
    first.until("is followed again", |story| story.asked.len() == 2).await;
    for name in ["a", "b", "c", "d"] {
        world.edit(name, json!({"displayName": "looked at"})).await;
        world
            .session(name, "is looked at", |session| {
                session.status.as_ref().unwrap().observed_generation == session.metadata.generation
            })
            .await;
    }
    assert_eq!(world.jobs().await, ["first-r1-a1"]);
    first.end(ExitReason::Completed);
    world.serve("a-r1-a1").await.is_started().await;
}

#[tokio::test]
async fn who_cannot_start_takes_nobodys_slot() {
    let world = with_one_slot().await;
    world.make_session("held", json!({"desiredPhase": "Held"})).await;
    world.is("held", Pending, "Held", "").await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.make_session("second", json!({})).await;
    world.is("second", Pending, "Queued", "").await;
    world.edit("second", json!({"desiredPhase": "Held"})).await;
    world.is("second", Pending, "Held", "").await;
    world.make_session("third", json!({})).await;
    world.is("third", Pending, "Queued", "").await;
    first.end(ExitReason::Completed);
    world.serve("third-r1-a1").await.is_started().await;
}

#[tokio::test]
async fn a_session_that_was_stopped_waits_in_the_queue_like_others() {
    let world = with_one_slot().await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.make_session("second", json!({"desiredPhase": "Stopped"})).await;
    world.is("second", ambient_crds::phase::Phase::Stopped, "Stopped", "").await;
    world.edit("second", json!({"desiredPhase": "Running"})).await;
    world.is("second", Pending, "Queued", "").await;
    first.end(ExitReason::Completed);
    world.serve("second-r1-a1").await.is_started().await;
}

#[tokio::test]
async fn a_session_waits_for_what_it_depends_on() {
    let world = World::started().await;
    world.make_session("second", json!({"dependsOn": [{"name": "first"}]})).await;
    world.is("second", Pending, "Dependency", "session first does not exist").await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.touch("second").await;
    world.is("second", Pending, "Dependency", "run 1 of session first has not ended").await;
    let commit = world.target.bundle("made.txt", "by an agent\n");
    first.complete_with(&commit);
    let second = world.serve("second-r1-a1").await;
    second.is_started().await;
    let told = second.story().told.pop().expect("the result of the first");
    assert_eq!(told.description, "Result of run 1 of session first");
    let branch = format!("{}: branch ambient/demo/first-r1 at {}", world.target.url(), commit.head);
    assert_eq!(told.value, format!("done\n{branch}"));
    assert_eq!(
        world.told("first-r1"),
        ["claimed", "Completed (Completed)"],
        "recorded before it is built on"
    );
}

#[tokio::test]
async fn a_session_does_not_follow_one_that_failed() {
    let world = World::started().await;
    world.make_session("first", json!({})).await;
    world.make_session("second", json!({"dependsOn": [{"name": "first"}]})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    first.end(ExitReason::AgentFailed);
    world.has_ended("first", Failed, "AgentFailed").await;
    world.is("second", Pending, "Dependency", "run 1 of session first is Failed; it must be Completed").await;
    assert_eq!(world.jobs().await, ["first-r1-a1"]);
}

#[tokio::test]
async fn a_dependency_is_a_run_in_the_ledger_whether_its_session_is_still_there_or_not() {
    let world = World::started().await;
    world.make_session("first", json!({})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    first.end(ExitReason::Completed);
    world.has_ended("first", Completed, "Completed").await;
    world.edit("first", json!({"run": 2})).await;
    world.serve("first-r2-a1").await.is_started().await;
    world.make_session("on-two", json!({"dependsOn": [{"name": "first", "run": 2}]})).await;
    world.is("on-two", Pending, "Dependency", "").await;
    world.make_session("on-one", json!({"dependsOn": [{"name": "first", "run": 1}]})).await;
    world.serve("on-one-r1-a1").await.is_started().await;
    world.delete("first").await;
    world.is_gone("first").await;
    world.make_session("on-gone", json!({"dependsOn": [{"name": "first", "run": 1}]})).await;
    world.serve("on-gone-r1-a1").await.is_started().await;
    world.touch("on-two").await;
    world
        .is("on-two", Pending, "Dependency", "run 2 of session first is Stopped; it must be Completed")
        .await;
}
