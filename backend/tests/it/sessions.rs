//! The page of one session, and its JSON.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{
    GUEST, TestRunner, World, demo_events, ended_record, read, session, transcript, with_token,
};

const ATTACK: &str = "<script>alert(1)</script>\" onload=x <img src=x onerror=y>";

#[tokio::test]
async fn a_running_session_shows_what_was_said_so_far() {
    let world = World::with(async |_| {}).await;
    let status = json!({
        "phase": "Running", "run": 1, "attempt": 1,
        "usage": { "inputTokens": 1500, "outputTokens": 20, "costUsd": 0.003, "turns": 1 },
        "source": { "repo": "/srv/git/setup.git", "path": "ambient/s.yaml" },
        "conditions": [{ "type": "Ready", "status": "True", "reason": "Running", "message": "The agent is at work",
                         "lastTransitionTime": "2026-11-21T10:00:00Z" }],
    });
    let spec =
        json!({ "displayName": "A task", "runnerType": "replay", "userContext": { "displayName": "Jane" } });
    let made = world.cluster.add(&session("alpha", "live", spec, status)).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let events = transcript(&demo_events("a line"));
    runner.say(events.lines().take(7));
    let (code, page) = world.get("/projects/alpha/sessions/live").await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(runner.readers(), ["backend/admin"]);
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!("running", page) });
}

#[tokio::test]
async fn an_ended_session_is_shown_from_its_record() {
    let world = World::with(async |_| {}).await;
    world.cluster.add(&session("alpha", "done", json!({}), json!({ "phase": "Completed", "run": 2 }))).await;
    world.records.add(ended_record("alpha", "done", 2, "a line"), Some(&transcript(&demo_events("a line"))));
    let (code, page) = world.get("/projects/alpha/sessions/done").await;
    assert_eq!(code, StatusCode::OK);
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!("ended", page) });
}

#[tokio::test]
async fn what_agents_and_manifests_say_is_never_markup() {
    let world = World::with(async |_| {}).await;
    let message = json!([{ "type": "Ready", "status": "False", "reason": "Failed", "message": ATTACK,
                           "lastTransitionTime": "2026-11-21T10:00:00Z" }]);
    let spec = json!({ "displayName": ATTACK, "userContext": { "displayName": ATTACK } });
    let status = json!({ "phase": "Failed", "run": 1, "conditions": message,
                         "source": { "repo": "javascript:alert(1)", "path": ATTACK } });
    world.cluster.add(&session("alpha", "attack", spec, status)).await;
    world.records.add(ended_record("alpha", "attack", 1, ATTACK), Some(&transcript(&demo_events(ATTACK))));
    for address in ["/", "/?q=%22%3E%3Cscript%3E", "/projects/alpha", "/projects/alpha/sessions/attack"] {
        let (code, page) = world.get(address).await;
        assert_eq!(code, StatusCode::OK, "{address}");
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, 1, "{address}: only our own script\n{page}");
        assert!(!page.contains("<img") && !page.contains("\"javascript:"), "{address}");
        assert!(!page.contains('\u{1b}'), "no terminal escapes");
    }
    let (code, page) = world.get("/projects/alpha/sessions/%3Cscript%3E").await;
    assert_eq!((code, page.matches("<script").count()), (StatusCode::NOT_FOUND, 1));
}

#[tokio::test]
async fn an_ending_that_the_record_lags_is_shown_from_the_runner() {
    let world = World::with(async |_| {}).await;
    let made = world
        .cluster
        .add(&session("alpha", "lag", json!({}), json!({ "phase": "Completed", "run": 1 })))
        .await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    runner.say(transcript(&demo_events("a line")).lines());
    runner.seal();
    let conversation = world.json("/api/projects/alpha/agentic-sessions/lag/conversation").await;
    assert_eq!((&conversation["sequence"], &conversation["whole"]), (&json!(14), &json!(true)));
    let (code, _) = world.get("/api/projects/alpha/agentic-sessions/lag/result").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn earlier_runs_are_read_from_records_alone() {
    let world = World::with(async |_| {}).await;
    world
        .cluster
        .add(&session("alpha", "again", json!({ "run": 2 }), json!({ "phase": "Running", "run": 2 })))
        .await;
    world.records.add(ended_record("alpha", "again", 1, "first"), Some(&transcript(&demo_events("first"))));
    let (code, page) = world.get("/projects/alpha/sessions/again?run=1").await;
    assert_eq!(code, StatusCode::OK);
    assert!(page.contains("write first") && page.contains("Completed") && page.contains("Run 2"), "{page}");
    let (code, page) = world.get("/projects/alpha/sessions/again").await;
    assert!(code.is_success() && !page.contains("write first"), "{page}");
    assert_eq!(world.get("/projects/alpha/sessions/again?run=3").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn records_that_do_not_answer_are_named_and_hide_nothing_else() {
    let mut world = World::with(async |_| {}).await;
    world.cluster.add(&session("alpha", "s", json!({}), json!({ "phase": "Completed", "run": 1 }))).await;
    world.records.stop().await;
    let (code, page) = world.get("/projects/alpha/sessions/s").await;
    assert_eq!(code, StatusCode::OK);
    assert!(page.contains("The record of this run cannot be read") && page.contains("Completed"), "{page}");
    for address in ["/api/projects/alpha/agentic-sessions/s/result", "/projects/alpha/sessions/gone"] {
        assert_eq!(world.get(address).await.0, StatusCode::BAD_GATEWAY, "{address}");
    }
}

#[tokio::test]
async fn a_run_without_a_record_says_what_is_not_known() {
    let world = World::with(async |_| {}).await;
    let status = json!({ "phase": "Completed", "run": 2 });
    world.cluster.add(&session("alpha", "s", json!({ "run": 3 }), status)).await;
    for (run, expected) in [(1, "its record could not be read"), (3, "This run has not started.")] {
        let (code, page) = world.get(&format!("/projects/alpha/sessions/s?run={run}")).await;
        assert!(code.is_success() && page.contains(expected), "run {run}: {page}");
    }
}

#[tokio::test]
async fn a_session_that_only_the_ledger_knows_is_still_shown() {
    let world = World::with(async |_| {}).await;
    for run in [1, 2] {
        world.records.add(ended_record("beta", "gone", run, "old"), Some(&transcript(&demo_events("old"))));
    }
    let (code, page) = world.get("/projects/beta/sessions/gone").await;
    assert_eq!(code, StatusCode::OK);
    assert!(page.contains("write old") && page.contains("gone-r2"), "{page}");
    let result = world.json("/api/projects/beta/agentic-sessions/gone/result?run=1").await;
    assert_eq!(result["entry"]["run"]["run"], 1);
    assert_eq!(world.get("/projects/beta/sessions/never").await.0, StatusCode::NOT_FOUND);
    let (code, _) = read(world.send(with_token("/projects/beta/sessions/gone", GUEST)).await).await;
    assert_eq!(code, StatusCode::FORBIDDEN);
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"(style|live)-[0-9a-f]{10}", "$1-[digest]"),
        (r#"datetime="[^"]+" title="[^"]+">[^<]+<"#, r#"datetime="[time]">[ago]<"#),
    ]
}
