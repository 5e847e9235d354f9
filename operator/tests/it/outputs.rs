//! Where an agent's commits and its transcript go when the place they are for is taken, forbidden or not wanted.

use ambient_crds::phase::Phase::{Completed, Pending};
use ambient_crds::session::AgenticSession;
use ambient_protocol::outcome::ExitReason;
use serde_json::{Value, json};

use crate::repository::AgentCommit;
use crate::world::{RESULTS, World, condition};

/// Runs a session's current run to its end, with one commit of its agent.
async fn run(world: &World, job: &str, commit: &AgentCommit) -> AgenticSession {
    let runner = world.serve(job).await;
    runner.is_started().await;
    runner.complete_with(commit);
    let name = job.split("-r").next().unwrap();
    world.has_ended(name, Completed, "Completed").await
}

fn with_output(world: &World, output: &Value) -> Value {
    json!({"repos": [{"url": world.target.url(), "output": output}]})
}

#[tokio::test]
async fn a_second_run_delivers_to_the_branch_it_was_told_or_beside_it() {
    let world = World::started().await;
    world.make_session("first", with_output(&world, &json!({"branch": "work"}))).await;
    let first = world.target.bundle("made.txt", "one\n");
    run(&world, "first-r1-a1", &first).await;
    world.edit("first", json!({"run": 2})).await;
    let second = world.target.bundle("made.txt", "two\n");
    let session = run(&world, "first-r2-a1", &second).await;
    assert_eq!(world.target.reference("work"), Some(first.head.clone()), "never forced");
    assert_eq!(world.target.reference("work-r2"), Some(second.head.clone()));
    assert_eq!(session.status.unwrap().outputs[0].branch.as_deref(), Some("work-r2"));

    world.target.git(&["update-ref", "refs/heads/main", &first.head]);
    world.make_session("next", with_output(&world, &json!({"branch": "work"}))).await;
    let continued = world.target.bundle("more.txt", "three\n");
    run(&world, "next-r1-a1", &continued).await;
    assert_eq!(world.target.reference("work"), Some(continued.head), "it continues what was there");
}

#[tokio::test]
async fn commits_that_are_not_wanted_stay_a_patch() {
    let world = World::started().await;
    world.make_session("first", json!({"repos": [{"url": world.target.url(), "autoPush": false}]})).await;
    let session = run(&world, "first-r1-a1", &world.target.bundle("made.txt", "one\n")).await;
    assert_eq!(condition(&session, "OutputsPublished").1, "NotNeeded");
    let output = &session.status.unwrap().outputs[0];
    assert!(output.branch.is_none() && output.refused.is_empty());
    assert_eq!(world.target.reference("ambient/demo/first-r1"), None);
    let folder = world.ledger("first", 1).unwrap().claim.result_path;
    assert!(world.results.file(RESULTS, &format!("{folder}/patches/it.patch")).unwrap().contains("+one"));
    assert!(world.results.file(RESULTS, &format!("{folder}/README.md")).unwrap().contains("patch only"));
}

#[tokio::test]
async fn commits_that_the_remote_does_not_take_stay_a_patch_and_the_run_is_settled() {
    let world = World::started().await;
    let hook = world.target.path().join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\necho no agents here >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.make_session("first", json!({})).await;
    let session = run(&world, "first-r1-a1", &world.target.bundle("made.txt", "one\n")).await;
    assert_eq!(condition(&session, "OutputsPublished").1, "Refused");
    let folder = world.ledger("first", 1).unwrap().claim.result_path;
    assert!(world.results.file(RESULTS, &format!("{folder}/patches/it.patch")).unwrap().contains("+one"));
}

#[tokio::test]
async fn commits_that_break_a_rule_are_told_where_people_look() {
    let world = World::started().await;
    world.make_session("first", json!({})).await;
    let session =
        run(&world, "first-r1-a1", &world.target.bundle(".github/workflows/x.yml", "on: push\n")).await;
    let (holds, reason, message) = condition(&session, "OutputsPublished");
    assert_eq!((holds.as_str(), reason.as_str()), ("False", "Refused"));
    assert!(message.contains(".github/workflows/x.yml"), "{message}");
    let refused = &session.status.unwrap().outputs[0].refused;
    assert!(refused[0].contains(".github"), "{refused:?}");
    let folder = world.ledger("first", 1).unwrap().claim.result_path;
    assert!(world.results.file(RESULTS, &format!("{folder}/README.md")).unwrap().contains("not pushed"));
}

#[tokio::test]
async fn a_transcript_whose_place_is_taken_is_kept_beside_it() {
    let world = World::started().await;
    let other = world.results.commit_on("other", "events.jsonl", "something else\n");
    let usual = "refs/ambient/transcripts/demo/first-r1";
    world.results.git(&["update-ref", usual, &other]);
    world.make_session("first", json!({})).await;
    let session = run(&world, "first-r1-a1", &world.target.bundle("made.txt", "one\n")).await;
    let beside = session.status.unwrap().transcript_ref.unwrap();
    assert!(beside.starts_with(usual) && beside != usual, "{beside}");
    assert!(world.results.file(&beside, "events.jsonl").is_some());
    assert_eq!(world.results.reference(usual), Some(other));
}

#[tokio::test]
async fn what_has_no_effect_is_said() {
    let world = World::started().await;
    world
        .make_session("first", json!({"budget": {"maxTokens": 9}, "project": "demo", "desiredPhase": "Held"}))
        .await;
    let session = world.is("first", Pending, "Held", "").await;
    assert!(condition(&session, "NotSupported").2.contains("spec.budget.maxTokens"));
    assert!(condition(&session, "DeprecatedFields").2.contains("spec.project"));
    world.make_session("silent", json!({"initialPrompt": ""})).await;
    world.is("silent", Pending, "Invalid", "spec.initialPrompt").await;
    assert!(world.jobs().await.is_empty());
}

#[tokio::test]
async fn a_session_goes_when_its_time_after_the_end_is_over() {
    let world = World::started().await;
    world.make_session("first", json!({"ttlSecondsAfterFinished": 100})).await;
    run(&world, "first-r1-a1", &world.target.bundle("made.txt", "one\n")).await;
    world.touch("first").await;
    world.advance(1000);
    world.touch("first").await;
    world.is_gone("first").await;
    world.make_session("first", json!({})).await;
    world.has_ended("first", Completed, "Completed").await;
    assert_eq!(world.told("first-r1"), ["claimed", "Completed (Completed)"], "it was not run again");
}

#[tokio::test]
async fn a_number_below_one_that_was_run_is_nothing() {
    let world = World::started().await;
    world.make_session("first", json!({"run": 3})).await;
    let runner = world.serve("first-r3-a1").await;
    runner.is_started().await;
    runner.end(ExitReason::Completed);
    world.has_ended("first", Completed, "Completed").await;
    let world = world.rebuilt().await;
    world.make_session("first", json!({"run": 2})).await;
    world.is("first", Pending, "RunPassed", "set spec.run to 4").await;
    assert!(world.jobs().await.is_empty());
}
