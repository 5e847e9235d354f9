//! The list of sessions, as a page, as JSON, live.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{ADMIN, GUEST, World, read, read_until, session, with_token};

async fn world() -> World {
    World::with(async |cluster| {
        let ready = |reason: &str, message: &str| {
            json!([{ "type": "Ready", "status": "False", "reason": reason, "message": message,
                     "lastTransitionTime": "2026-11-21T10:00:00Z" }])
        };
        let commit = "0123456789abcdef0123456789abcdef01234567";
        cluster
            .add(&session(
                "alpha",
                "fix-login",
                json!({ "displayName": "Fix the <b>login</b>", "runnerType": "replay", "llmSettings": { "model": "claude-sonnet" } }),
                json!({ "phase": "Completed", "run": 2, "usage": { "costUsd": 1.5 }, "resultCommit": commit }),
            ))
            .await;
        cluster
            .add(&session("beta", "queued", json!({}), json!({ "phase": "Pending", "conditions": ready("Queued", "slot 3 of 2") })))
            .await;
    })
    .await
}

#[tokio::test]
async fn the_page_lists_sessions_of_all_projects() {
    let (status, page) = world().await.get("/").await;
    assert_eq!(status, StatusCode::OK);
    insta::with_settings!({ filters => filters() }, { insta::assert_snapshot!("sessions", page) });
}

#[tokio::test]
async fn the_query_narrows_the_page() {
    let world = world().await;
    for (address, first, second) in [
        ("/?project=alpha", true, false),
        ("/?phase=Pending", false, true),
        ("/?q=LOGIN", true, false),
        ("/?page=7", false, false),
        ("/projects/beta", false, true),
    ] {
        let (status, page) = world.get(address).await;
        assert_eq!(status, StatusCode::OK, "{address}");
        let shown = (page.contains("/sessions/fix-login"), page.contains("/sessions/queued"));
        assert_eq!(shown, (first, second), "{address}");
    }
    assert_eq!(world.get("/?page=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_user_sees_the_sessions_that_a_review_allows() {
    let world = world().await;
    let (_, page) = read(world.send(with_token("/", GUEST)).await).await;
    assert!(
        page.contains("/sessions/fix-login") && !page.contains("queued") && !page.contains("beta"),
        "{page}"
    );
    let status = async |address: &str| world.send(with_token(address, GUEST)).await.status();
    assert_eq!(status("/projects/beta").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/api/projects/beta/agentic-sessions").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/api/projects/alpha/agentic-sessions").await, StatusCode::OK);
}

#[tokio::test]
async fn json_lists_in_parts() {
    let world = World::with(async |cluster| {
        for name in ["a", "b", "c"] {
            cluster.add(&session("alpha", name, json!({}), json!({}))).await;
        }
    })
    .await;
    let list = world.json("/api/projects/alpha/agentic-sessions?limit=2").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&list["totalCount"], &list["hasMore"], &list["nextOffset"]),
        (&json!(3), &json!(true), &json!(2))
    );
    let rest = world.json("/api/projects/alpha/agentic-sessions?limit=2&offset=2").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["hasMore"]), (1, &json!(false)));
    let found = world.json("/api/projects/alpha/agentic-sessions?search=b").await;
    assert_eq!(found["items"][0]["metadata"]["name"], "b");
    assert!(found["items"][0]["metadata"]["managedFields"].is_null());
}

#[tokio::test]
async fn an_open_list_shows_a_new_session() {
    let world = world().await;
    let response = world.send(with_token("/live/sessions", ADMIN)).await;
    world.cluster.add(&session("alpha", "brand-new", json!({}), json!({}))).await;
    let text = read_until(response, "/sessions/brand-new").await;
    assert!(text.starts_with("data: [{\"do\":\"put\",\"id\":\"rows\""), "{text}");
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"(style|live)-[0-9a-f]{10}", "$1-[digest]"),
        (r#"datetime="[^"]+" title="[^"]+">[^<]+<"#, r#"datetime="[time]">[ago]<"#),
    ]
}
