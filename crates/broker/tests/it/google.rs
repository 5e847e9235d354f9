//! Vertex AI with what owners of an account have on file: the broker gets access tokens for it, and puts the run's place
//! into paths that name none.

use ambient_protocol::broker::{Place, Upstream, UpstreamKind};
use axum::body::Body;
use axum::response::Response;
use futures::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::upstream::{Seen, Service, json as answer};
use crate::world::{World, binding, log, text, upstream};

const ACCOUNT: &str = include_str!("google/service-account.json");
const GEMINI: &str = "/google/v1beta1/publishers/google/models/m:generateContent";
const CLAUDE: &str =
    "/anthropic/projects/p-1/locations/us-east5/publishers/anthropic/models/m@20250929:rawPredict";

/// Gives tokens, each once, and answers as a careless service that sends back what it was shown.
fn google(seen: &Seen) -> Response<Body> {
    if seen.address != "/token" {
        let shown = seen.headers["authorization"].to_str().unwrap();
        return answer(json!({"address": seen.address, "shown": shown}).to_string());
    }
    if seen.body.contains("revoked") {
        let mut refused = answer(r#"{"error": "invalid_grant", "error_description": "it was revoked"}"#);
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return refused;
    }
    let user = if seen.body.contains("refresh_token=") { "user" } else { "account" };
    answer(json!({"access_token": format!("ya29.token-of-the-{user}"), "expires_in": 3599}).to_string())
}

fn at_vertex(name: &str, kind: UpstreamKind, url: &str) -> Upstream {
    let mut upstream = upstream(name, kind, url);
    upstream.place = Some(Place { project: "p-1".to_owned(), location: "us-east5".to_owned() });
    upstream.credential.as_mut().unwrap().key = None;
    upstream
}

async fn world(service: &Service) -> World {
    let upstreams = [("google", UpstreamKind::VertexGemini), ("anthropic", UpstreamKind::VertexAnthropic)];
    let upstreams = upstreams.map(|(name, kind)| at_vertex(name, kind, &service.url()));
    World::new(binding(upstreams.into())).await
}

fn put(world: &World, file: &str) {
    let entry = world.folder.path().join("secrets/demo/keys/GOOGLE_APPLICATION_CREDENTIALS");
    std::fs::write(entry, file).unwrap();
}

fn tokens_given(service: &Service) -> usize {
    service.seen().iter().filter(|seen| seen.address == "/token").count()
}

#[tokio::test]
async fn a_token_is_got_once_and_shown_in_the_keys_place() {
    let service = Service::start(google).await;
    let world = world(&service).await;
    put(&world, &ACCOUNT.replace("https://oauth2.googleapis.com/token", &format!("{}/token", service.url())));
    let (body, asked) = (json!({}), [GEMINI, CLAUDE, GEMINI, CLAUDE, GEMINI, CLAUDE]);
    let answers = join_all(asked.map(|path| world.post(path, &body))).await;
    for (path, response) in asked.iter().zip(answers) {
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = text(response).await;
        let place = "/projects/p-1/locations/us-east5/publishers/";
        assert!(body.contains(place) && body.contains("Bearer ****"), "{body}");
    }
    assert_eq!(tokens_given(&service), 1);
    let shown = service.seen().into_iter().filter(|seen| seen.address != "/token");
    assert!(
        shown.into_iter().all(|seen| seen.headers["authorization"] == "Bearer ya29.token-of-the-account")
    );

    let user = json!({"type": "authorized_user", "client_id": "c", "client_secret": "planted-secret",
        "refresh_token": "planted-refresh", "token_uri": format!("{}/token", service.url())});
    put(&world, &user.to_string());
    assert_eq!(world.post(CLAUDE, &body).await.status(), StatusCode::OK);
    assert_eq!(tokens_given(&service), 2, "another file counts at once");
    assert_eq!(service.seen().pop().unwrap().headers["authorization"], "Bearer ya29.token-of-the-user");
    let log = log().text();
    assert!(
        !log.contains("ya29.token") && !log.contains("planted-refresh") && !log.contains("BEGIN PRIVATE")
    );
}

#[tokio::test]
async fn why_there_is_no_token_is_told_by_name() {
    let service = Service::start(google).await;
    let world = world(&service).await;
    let revoked = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": "revoked", "token_uri": format!("{}/token", service.url())});
    for (file, words) in [
        (revoked.to_string(), "400 invalid_grant it was revoked"),
        ("/home/me/key.json".to_owned(), "not JSON"),
        (r#"{"type": "external_account"}"#.to_owned(), "another type of credential"),
        (ACCOUNT.replace("https://", "http://"), "token_uri"),
    ] {
        put(&world, &file);
        let response = world.post(GEMINI, &json!({})).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(response.headers()["x-ambient-refused"], "credential");
        let body = text(response).await;
        assert!(body.contains("GOOGLE_APPLICATION_CREDENTIALS of the credential demo/keys"), "{body}");
        assert!(body.contains(words), "{body}");
    }
}

#[tokio::test]
async fn an_api_key_keeps_the_place_that_is_its_own() {
    let service = Service::start(|seen| answer(json!({"address": seen.address}).to_string())).await;
    let world = world(&service).await;
    let entry = world.folder.path().join("secrets/demo/keys/GOOGLE_API_KEY");
    std::fs::write(entry, "planted-google-key").unwrap();
    let body = text(world.post(GEMINI, &json!({})).await).await;
    assert!(body.contains("\"/v1beta1/publishers/google/"), "{body}");
    assert_eq!(service.seen()[0].headers["x-goog-api-key"], "planted-google-key");
    let elsewhere = CLAUDE.replace("us-east5", "europe-west1");
    let response = world.post(&elsewhere, &json!({})).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(text(response).await.contains("p-1/europe-west1"));
}
