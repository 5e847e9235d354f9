//! What people say to a run: answers, messages, a break, waking.

use ambient_protocol::RunAgentInput;
use ambient_protocol::answers::TOOL_CALL;
use ambient_protocol::events::{Event, Interrupt, RunOutcome};
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
    let model = json!({"model": "claude-haiku-4-5"});
    assert_eq!(post(&world, "model", ADMIN, &model).await.0, StatusCode::ACCEPTED);
    let told = runner.told();
    let places: Vec<_> = told.iter().map(|(path, by, _)| (path.as_str(), by.as_str())).collect();
    assert_eq!(places, ["/answers", "/", "/interrupt", "/model"].map(|path| (path, "backend/admin")));
    assert_eq!(told[3].2, model);
    assert_eq!(told[0].2, answers);
    assert_eq!(
        (&told[1].2["messages"][0]["id"], &told[1].2["messages"][0]["content"]),
        (&json!("m1"), &json!("Go on."))
    );
    for (path, body) in
        [("answers", &answers), ("messages", &message), ("interrupt", &answers), ("model", &model)]
    {
        assert_eq!(post(&world, path, GUEST, body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(runner.told().len(), 4, "nobody else was heard");
}

#[tokio::test]
async fn what_a_runner_refuses_is_said_and_what_makes_no_sense_is_not_passed_on() {
    let (world, made) = with_session(json!({"phase": "Running", "run": 1})).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let (status, error) = post(&world, "messages", ADMIN, &json!({"id": "m1", "text": "too early"})).await;
    assert_eq!((status, &error["error"]), (StatusCode::LOCKED, &json!("Runner")));
    assert!(error["message"].as_str().unwrap().contains("a question is open: q1"), "{error}");
    for (path, body, said) in [
        ("messages", json!({"id": "m", "text": " "}), "a message has an id and a text"),
        ("messages", json!({"text": "a"}), r#"wanted: {"id": "…", "text": "…"}"#),
        ("answers", json!({"resume": 1}), r#"wanted: {"resume": [{"interruptId""#),
        ("model", json!({}), r#"wanted: {"model": "…"}"#),
    ] {
        let (status, error) = post(&world, path, ADMIN, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
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

async fn send(world: &World, path: &str, form: &str) -> (StatusCode, String) {
    let login = world.send(
        Request::post("/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("host", "ambient.test")
            .header("origin", "http://ambient.test")
            .body(Body::from(format!("token={ADMIN}&next=/")))
            .unwrap(),
    );
    let cookie = login.await.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = Request::post(format!("/projects/alpha/sessions/s/{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("host", "ambient.test")
        .header("origin", "http://ambient.test")
        .header("cookie", cookie);
    let response = world.send(request.body(Body::from(form.to_owned())).unwrap()).await;
    let place = crate::support::header(response.headers(), "location").to_owned();
    (response.status(), place)
}

#[tokio::test]
async fn the_page_shows_a_question_and_its_form_answers_it() {
    let world = World::with(async |_| {}).await;
    let waiting = json!({"phase": "Running", "run": 1});
    let made = world.cluster.add(&session("alpha", "s", json!({"interactive": true}), waiting)).await;
    let runner = TestRunner::start(made.metadata.uid.as_deref().unwrap(), &world.keys).await;
    world.cluster.add_pod(&made, 1, runner.port).await;
    let question =
        Interrupt { message: Some("Bash: make <all>".to_owned()), ..Interrupt::new("q1", TOOL_CALL) };
    let interrupts = vec![question.with_metadata("input", json!({"command": "make"}))];
    let asked = Event::run_finished("t", "r", None, RunOutcome::Interrupt { interrupts }, vec![]);
    let events = [Event::run_started(RunAgentInput::prompt("t", "r", "Build it")), asked];
    runner.say(events.map(|event| event.to_json()).iter().map(String::as_str));
    let (_, page) = world.get("/projects/alpha/sessions/s").await;
    let part = &page[page.find("<section id=\"people\"").unwrap()..];
    insta::assert_snapshot!("a_question", &part[..part.find("</section>").unwrap()]);
    let form = "id.0=q1&consent.0=allow&why.0=";
    let back = "/projects/alpha/sessions/s#people".to_owned();
    assert_eq!(send(&world, "answers", form).await, (StatusCode::SEE_OTHER, back.clone()));
    let told = runner.told();
    assert_eq!(
        (told[0].0.as_str(), &told[0].2["resume"][0]["payload"]["approved"]),
        ("/answers", &json!(true))
    );
    assert_eq!(send(&world, "messages", "id=admin-1&text=Go+on").await, (StatusCode::SEE_OTHER, back));
    let (status, _) = send(&world, "messages", "id=m&text=too+early").await;
    assert_eq!(status, StatusCode::LOCKED, "what a runner refuses is a page that says so");
}
