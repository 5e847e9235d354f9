//! What goes wrong in and around a pod, and how it is named.

use ambient_crds::phase::Phase::{self, Completed, Creating, Failed, Running};
use ambient_protocol::outcome::ExitReason;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt as _;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::node::{Manners, ended, waiting};
use crate::world::{PROJECT, RESULTS, World, condition};

#[tokio::test]
async fn a_pod_that_does_not_start_names_its_cause() {
    let unplaced = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]});
    let cases: [(&str, Value, Phase, &str, &str); 6] = [
        ("image", waiting("ImagePullBackOff", "no image x"), Failed, "ImagePullBackOff", "no image x"),
        ("name", waiting("InvalidImageName", "no name"), Failed, "InvalidImageName", "no name"),
        ("exit", ended(3, "Error", "no session file"), Failed, "RunnerExit", "exit code 3: no session file"),
        ("memory", ended(137, "OOMKilled", ""), Failed, "OutOfMemory", "exit code 137"),
        (
            "secret",
            waiting("CreateContainerConfigError", "no secret"),
            Creating,
            "CreateContainerConfigError",
            "no secret",
        ),
        ("place", unplaced, Creating, "Unschedulable", "0/1 nodes are available"),
    ];
    let world = World::started().await;
    for (name, status, phase, reason, message) in cases {
        world.make_session(name, json!({})).await;
        let job = format!("{name}-r1-a1");
        world.pod_is(&job, status).await;
        world.is(name, phase, reason, message).await;
        if phase == Failed {
            world.has_ended(name, phase, reason).await;
            assert_eq!(world.told(&format!("{name}-r1")).last().unwrap(), &format!("Failed ({reason})"));
            let ending = world.ledger(name, 1).unwrap().ended.unwrap();
            assert!(ending.message.contains(message), "{ending:?}");
            let folder = world.ledger(name, 1).unwrap().claim.result_path;
            assert!(world.results.file(RESULTS, &format!("{folder}/README.md")).unwrap().contains(reason));
        }
    }
}

#[tokio::test]
async fn an_attempt_that_left_no_outcome_is_tried_again_where_that_is_allowed() {
    let world = World::started().await;
    world.make_session("first", json!({"retry": {"limit": 1}})).await;
    world.pod_is("first-r1-a1", ended(1, "Error", "lost its way")).await;
    let runner = world.serve("first-r1-a2").await;
    runner.is_started().await;
    runner.end(ExitReason::Completed);
    let session = world.has_ended("first", Completed, "Completed").await;
    assert_eq!(session.status.unwrap().attempt, Some(2));
    assert_eq!(runner.story().starts, [("first-r1-a2".to_owned(), true)]);
    assert_eq!(world.told("first-r1"), ["claimed", "Completed (Completed)"]);
    assert_eq!(world.ledger("first", 1).unwrap().ended.unwrap().attempt, 2);
}

#[tokio::test]
async fn what_a_lost_attempt_left_is_taken_by_another_runner_and_the_run_ends_by_its_loss() {
    let mut world = World::started().await;
    world.make_session("first", json!({})).await;
    world.serve("first-r1-a1").await.is_started().await;
    world.is("first", Running, "Running", "").await;
    world.pod_is("first-r1-a1", ended(137, "OOMKilled", "")).await;
    world.is("first", Phase::Stopping, "OutOfMemory", "exit code 137").await;
    world.restart();
    let collector = world.serve("first-r1-a2").await;
    collector.is_acknowledged().await;
    let story = collector.story();
    assert_eq!((story.starts.len(), story.stops), (0, 1), "nothing is run again");
    let session = world.has_ended("first", Failed, "OutOfMemory").await;
    assert!(condition(&session, "Ready").2.contains("exit code 137"), "{:?}", condition(&session, "Ready"));
    let ending = world.ledger("first", 1).unwrap().ended.unwrap();
    assert_eq!((ending.attempt, ending.usage.input_tokens), (2, 7), "what the volume tells");
    assert_eq!(world.told("first-r1"), ["claimed", "Failed (OutOfMemory)"]);
}

#[tokio::test]
async fn an_outcome_that_a_lost_attempt_left_is_the_runs() {
    let world = World::started().await;
    world.make_session("first", json!({})).await;
    world.serve("first-r1-a1").await.is_started().await;
    world.is("first", Running, "Running", "").await;
    world.pod_is("first-r1-a1", ended(1, "Error", "")).await;
    let collector = world.serve_with("first-r1-a2", Manners::LeftBehind).await;
    collector.is_acknowledged().await;
    world.has_ended("first", Completed, "Completed").await;
}

#[tokio::test]
async fn an_end_that_was_told_is_recorded_by_another_runner_where_the_first_has_gone() {
    let mut world = World::started().await;
    for (name, restarts) in [("first", false), ("second", true)] {
        world.make_session(name, json!({})).await;
        let runner = world.serve(&format!("{name}-r1-a1")).await;
        runner.is_started().await;
        world.is(name, Running, "Running", "").await;
        world.results.hide();
        runner.complete_with(&world.target.bundle("made.txt", "one\n"));
        world.is(name, Completed, "Completed", "").await;
        if restarts {
            world.kill();
        }
        runner.gone.cancel();
        world.pod_is(&format!("{name}-r1-a1"), ended(137, "Error", "")).await;
        world.results.show();
        if restarts {
            world.start();
        }
        let collector = world.serve_with(&format!("{name}-r1-a2"), Manners::LeftBehind).await;
        collector.is_acknowledged().await;
        assert!(collector.story().starts.is_empty(), "nothing is run again");
        world.has_ended(name, Completed, "Completed").await;
        assert_eq!(world.told(&format!("{name}-r1")), ["claimed", "Completed (Completed)"]);
        assert_eq!(world.phases(name).last(), Some(&Completed));
        assert!(!world.phases(name).contains(&Phase::Stopping), "an end that was told stays told");
    }
}

#[tokio::test]
async fn a_loss_is_told_though_nothing_can_be_taken_of_it() {
    let world = World::started().await;
    for (name, status) in [
        ("gone", ended(1, "Error", "no such volume")),
        ("image", waiting("ErrImageNeverPull", "no image x")),
        ("late", waiting("Unschedulable", "the volume is on another node")),
    ] {
        world.make_session(name, json!({})).await;
        world.serve(&format!("{name}-r1-a1")).await.is_started().await;
        world.is(name, Running, "Running", "").await;
        world.pod_is(&format!("{name}-r1-a1"), ended(137, "Error", "")).await;
        world.pod_is(&format!("{name}-r1-a2"), status).await;
        if name == "late" {
            world.is(name, Phase::Stopping, "RunnerExit", "on another node").await;
            world.advance(600);
            world.touch(name).await;
        }
        let session = world.has_ended(name, Failed, "RunnerExit").await;
        let message = condition(&session, "Ready").2;
        assert!(message.contains("exit code 137; what it left could not be taken"), "{message}");
        if name != "gone" {
            world.has_no_job(&format!("{name}-r1-a2")).await;
        }
    }
}

#[tokio::test]
async fn a_run_whose_pod_is_told_to_end_goes_on_in_another_where_it_may() {
    let world = World::started().await;
    world.make_session("first", json!({"retry": {"limit": 1}})).await;
    let first = world.serve("first-r1-a1").await;
    first.is_started().await;
    world.is("first", Running, "Running", "").await;
    first.end(ExitReason::Stopped);
    first.is_acknowledged().await;
    let second = world.serve("first-r1-a2").await;
    second.is_started().await;
    second.end(ExitReason::Stopped);
    let session = world.has_ended("first", Phase::Stopped, "Stopped").await;
    assert!(condition(&session, "Ready").2.contains("its pod was told to end"));
    assert_eq!(world.told("first-r1"), ["claimed", "Stopped (Stopped)"]);
}

#[tokio::test]
async fn a_turn_that_a_person_breaks_off_is_not_tried_again() {
    let world = World::started().await;
    world.make_session("first", json!({"retry": {"limit": 1}})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    runner.is_broken_off();
    let session = world.has_ended("first", Phase::Stopped, "Stopped").await;
    assert!(!condition(&session, "Ready").2.contains("pod"), "{:?}", condition(&session, "Ready"));
    assert_eq!(world.told("first-r1"), ["claimed", "Stopped (Stopped)"]);
}

#[tokio::test]
async fn what_was_seen_of_a_run_without_an_outcome_is_kept() {
    let world = World::started().await;
    world.make_session("first", json!({})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    world.is("first", Running, "Running", "").await;
    world.pod_is("first-r1-a1", ended(137, "Error", "")).await;
    world.pod_is("first-r1-a2", ended(1, "Error", "")).await;
    world.has_ended("first", Failed, "RunnerExit").await;
    let transcript = world.ledger("first", 1).unwrap().ended.unwrap().transcript.unwrap();
    assert!(transcript.truncated);
    let stored = world.results.file(&transcript.reference, "events.jsonl").unwrap();
    assert!(stored.contains("RUN_STARTED"), "{stored}");
}

#[tokio::test]
async fn an_attempt_whose_job_was_deleted_is_tried_again_when_its_pod_has_gone() {
    let world = World::started().await;
    world.make_session("first", json!({"retry": {"limit": 1}})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    world.is("first", Running, "Running", "").await;
    world.keep_pod("first-r1-a1").await;
    world.delete_job("first-r1-a1").await;
    world.is("first", Phase::Pending, "Retrying", "when its pod has gone").await;
    world.let_pod_go("first-r1-a1").await;
    let again = world.serve("first-r1-a2").await;
    again.is_started().await;
    again.end(ExitReason::Completed);
    world.has_ended("first", Completed, "Completed").await;
    assert_eq!(world.told("first-r1"), ["claimed", "Completed (Completed)"]);
}

#[tokio::test]
async fn a_runner_that_forgets_the_time_is_stopped() {
    for manners in [Manners::Good, Manners::Deaf] {
        let mut world = World::started().await;
        world.make_session("first", json!({"timeout": 1000})).await;
        let runner = world.serve_with("first-r1-a1", manners).await;
        runner.is_started().await;
        world.is("first", Running, "Running", "").await;
        world.restart();
        runner.until("is followed again", |story| story.asked.len() == 2).await;
        world.advance(990);
        world.edit("first", json!({"displayName": "looked at"})).await;
        world
            .session("first", "is looked at", |session| {
                session.status.as_ref().unwrap().observed_generation == session.metadata.generation
            })
            .await;
        assert_eq!(runner.story().stops, 0);
        world.advance(100);
        world.touch("first").await;
        runner.until("is asked to stop", |story| story.stops == 1).await;
        if manners == Manners::Deaf {
            world.is("first", Phase::Stopping, "TimedOut", "1000 s").await;
            world.advance(600);
            world.touch("first").await;
        }
        let session = world.has_ended("first", Failed, "TimedOut").await;
        assert!(condition(&session, "Ready").2.contains("1000 s"), "{:?}", condition(&session, "Ready"));
        assert_eq!(world.told("first-r1"), ["claimed", "Failed (TimedOut)"]);
        if manners == Manners::Deaf {
            world.has_no_job("first-r1-a1").await;
        }
    }
}

#[tokio::test]
async fn what_keeps_a_pod_from_being_made_is_named() {
    let world = World::started().await;
    world.make_session("one", json!({})).await;
    world.pod("one-r1-a1").await;
    let jobs: Api<Job> = world.api(PROJECT);
    let job = jobs.get("one-r1-a1").await.unwrap();
    let events: Api<Event> = world.api(PROJECT);
    let refused = json!({
        "metadata": {"name": "one-r1-a1.1"}, "type": "Warning", "reason": "FailedCreate",
        "message": "pods \"one-r1-a1-x\" is forbidden: exceeded quota: project, requested: pods=1, limited: pods=0",
        "involvedObject": {"kind": "Job", "namespace": PROJECT, "name": "one-r1-a1", "uid": job.uid()},
    });
    events.create(&PostParams::default(), &serde_json::from_value(refused).unwrap()).await.unwrap();
    world.advance(10);
    world.touch("one").await;
    world.is("one", Creating, "FailedCreate", "exceeded quota").await;
}
