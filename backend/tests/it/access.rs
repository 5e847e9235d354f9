//! Signing in, tokens, headers, requests from elsewhere.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::json;

use crate::support::{ADMIN, GUEST, World, header, read, session, with_token};

async fn world() -> World {
    World::with(async |cluster| {
        cluster.add(&session("alpha", "one", json!({}), json!({}))).await;
    })
    .await
}

fn post(address: &str, origin: Option<&str>, cookie: &str, form: &str) -> Request<Body> {
    let mut request = Request::post(address)
        .header("host", "ambient.test")
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.body(Body::from(form.to_owned())).unwrap()
}

fn cookie(response: &Response<Body>) -> String {
    let cookie = header(response.headers(), "set-cookie");
    cookie.split(';').next().unwrap().to_owned()
}

async fn status_with(world: &World, cookie: &str) -> StatusCode {
    world.send(Request::get("/").header("cookie", cookie).body(Body::empty()).unwrap()).await.status()
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_shown() {
    let world = world().await;
    for token in [None, Some("wrong"), Some("")] {
        for address in ["/", "/projects/alpha", "/projects/alpha/sessions/one", "/live/sessions"] {
            let request = token.map_or_else(
                || Request::get(address).body(Body::empty()).unwrap(),
                |token| with_token(address, token),
            );
            let (status, page) = read(world.send(request).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{address} {token:?}");
            assert!(page.contains("action=\"/login\"") && !page.contains("sessions/one\"><"), "{page}");
        }
    }
    let response = world.send(with_token("/api/projects/alpha/agentic-sessions", "wrong")).await;
    assert_eq!(header(response.headers(), "www-authenticate"), "Bearer realm=\"ambient\"");
    let (status, text) = read(response).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"], "InvalidToken");
}

#[tokio::test]
async fn a_link_with_a_token_signs_in_and_leads_to_an_address_without_it() {
    let world = world().await;
    for (address, place) in [
        ("/?token=admin-token", "/"),
        ("/projects/alpha?phase=Running&token=admin-token", "/projects/alpha?phase=Running"),
        ("/login?token=admin-token", "/"),
        ("/login?token=admin-token&next=//evil.example", "/"),
    ] {
        let response = world.send(Request::get(address).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{address}");
        assert_eq!(header(response.headers(), "location"), place, "{address}");
        let set = header(response.headers(), "set-cookie");
        assert!(set.contains("; HttpOnly; SameSite=Strict") && set.contains("Path=/"), "{set}");
        assert!(!set.contains(ADMIN), "the cookie is not the token");
        assert_eq!(status_with(&world, &cookie(&response)).await, StatusCode::OK);
    }
    let (status, page) = world.plain("/?token=wrong").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(page.contains("the token is not valid"), "{page}");
}

#[tokio::test]
async fn the_form_signs_in_and_out() {
    let world = world().await;
    let own = Some("http://ambient.test");
    let response = world.send(post("/login", own, "", "token=admin-token&next=%2Fprojects%2Falpha")).await;
    assert_eq!(header(response.headers(), "location"), "/projects/alpha");
    let cookie = cookie(&response);
    assert_eq!(status_with(&world, &cookie).await, StatusCode::OK);
    assert_eq!(status_with(&world, "ambient_login=guess").await, StatusCode::UNAUTHORIZED);
    let elsewhere = world.send(post("/logout", Some("https://evil.example"), &cookie, "")).await;
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
    assert_eq!(status_with(&world, &cookie).await, StatusCode::OK);
    assert_eq!(world.send(post("/logout", own, &cookie, "")).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(status_with(&world, &cookie).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_keeps_a_page_s_power_small() {
    let world = world().await;
    for address in ["/", "/login", "/healthz", "/static/icon.svg", "/nowhere", "/api/me"] {
        let response = world.send(with_token(address, ADMIN)).await;
        let headers = response.headers();
        let policy = header(headers, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(header(headers, "x-content-type-options"), "nosniff", "{address}");
        assert_eq!(header(headers, "x-frame-options"), "DENY", "{address}");
        assert_eq!(header(headers, "referrer-policy"), "no-referrer", "{address}");
        assert!(!header(headers, "cache-control").is_empty(), "{address}");
    }
}

#[tokio::test]
async fn the_api_tells_who_asks() {
    let world = world().await;
    let me = world.json("/api/me").await;
    assert_eq!(
        (&me["username"], &me["groups"]),
        (&json!("admin"), &json!(["system:masters", "system:authenticated"]))
    );
    let (status, text) = read(world.send(with_token("/api/nowhere", GUEST)).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"], "NotFound");
    assert_eq!(world.plain("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
}

#[tokio::test]
async fn the_pages_link_to_files_that_are_there() {
    let world = world().await;
    let (_, page) = world.plain("/login").await;
    let files: Vec<_> = page.split('"').filter(|part| part.starts_with("/static/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(world.plain(file).await.0, StatusCode::OK, "{file}");
    }
    assert!(
        !page.contains("style=") && !page.contains("<style") && !page.contains("onclick"),
        "nothing inline"
    );
}
