//! What people say to a run: answers, messages, a break, waking.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{ADMIN, GUEST, TestRunner, World, read, session};

const SESSION: &str = "/api/projects/alpha/agentic-sessions/s";

async fn post(world: &World, path: &str, token: &str, body: &Value) -> (StatusCode, Value) {
    let request =
        Request::post(format!("{SESSION}/{path}")).header("authorization", format!("Bearer {token}"));
    let (status, text) = read(world.send(request.body(Body::from(body.to_string())).unwrap()).await).await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn with_session(status: Value) -> (World, ambient_crds::AgenticSession) {
    let world = World::with(async |_| {}).await;
    let made = world.cluster.add(&session("alpha", "s", json!({}), status)).await;
    (world, made)
}

#[tokio::test]
async fn whoever_may_change_a_session_speaks_with_its_agent_and_is_named() {
    let (world, made) = with_session(json!({"phase": "Running", "run": 1})).await;
    let answers =
        json!({"resume": [{"interruptId": "q1", "status": "resolved", "payload": {"approved": true}}]});
    assert_eq!(post(&world, "answers", ADMIN, &answers).await.0, StatusCode::CONFLICT, "no runner yet");
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let (status, receipt) = post(&world, "answers", ADMIN, &answers).await;
    assert_eq!((status, &receipt["given"]["by"]), (StatusCode::OK, &json!("admin")));
    let message = json!({"id": "m1", "text": "Go on."});
    assert_eq!(post(&world, "messages", ADMIN, &message).await.0, StatusCode::ACCEPTED);
    assert_eq!(post(&world, "interrupt", ADMIN, &json!({})).await.0, StatusCode::ACCEPTED);
    let told = runner.told();
    let places: Vec<_> = told.iter().map(|(path, by, _)| (path.as_str(), by.as_str())).collect();
    assert_eq!(
        places,
        [("/answers", "backend/admin"), ("/", "backend/admin"), ("/interrupt", "backend/admin")]
    );
    assert_eq!(told[0].2, answers);
    assert_eq!(
        (&told[1].2["messages"][0]["id"], &told[1].2["messages"][0]["content"]),
        (&json!("m1"), &json!("Go on."))
    );
    for path in ["answers", "messages", "interrupt"] {
        let body = if path == "messages" { &message } else { &answers };
        assert_eq!(post(&world, path, GUEST, body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(runner.told().len(), 3, "nobody else was heard");
}

#[tokio::test]
async fn what_a_runner_refuses_is_said_and_what_makes_no_sense_is_not_passed_on() {
    let (world, made) = with_session(json!({"phase": "Running", "run": 1})).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let (status, error) = post(&world, "messages", ADMIN, &json!({"id": "m1", "text": "too early"})).await;
    assert_eq!((status, &error["error"]), (StatusCode::LOCKED, &json!("Runner")));
    assert!(error["message"].as_str().unwrap().contains("a question is open: q1"), "{error}");
    for (path, body) in [
        ("messages", json!({"id": "m", "text": " "})),
        ("messages", json!({"text": "a"})),
        ("answers", json!({"resume": 1})),
    ] {
        assert_eq!(post(&world, path, ADMIN, &body).await.0, StatusCode::BAD_REQUEST, "{path} {body}");
    }
    assert!(runner.told().is_empty());
}

#[tokio::test]
async fn a_run_that_sleeps_is_woken_with_the_users_own_token() {
    let idle = json!([{"type": "Ready", "status": "False", "reason": "Idle", "message": "", "lastTransitionTime": "2026-11-21T10:00:00Z"}]);
    let (world, _) =
        with_session(json!({"phase": "Pending", "run": 1, "attempt": 2, "conditions": idle})).await;
    let (status, error) = post(&world, "messages", ADMIN, &json!({"id": "m", "text": "hello"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error["message"].as_str().unwrap().contains("wake it first"), "{error}");
    assert_eq!(post(&world, "wake", GUEST, &json!({})).await.0, StatusCode::FORBIDDEN);
    assert_eq!(post(&world, "wake", ADMIN, &json!({})).await, (StatusCode::ACCEPTED, json!({"attempt": 3})));
    let session = world.json(SESSION).await;
    assert_eq!(session["spec"]["wake"], json!({"run": 1, "attempt": 3, "by": "admin"}));
}
