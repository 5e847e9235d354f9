//! The real credential goes to the upstream, the agent's own goes nowhere, and neither is seen on the way back.

use ambient_protocol::broker::UpstreamKind;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use crate::upstream::{Seen, Service, json as answer};
use crate::world::{SECRET, STOLEN, World, binding, log, text, upstream};

/// Sends back all that it was sent, as careless services do in their errors.
fn echo(seen: &Seen) -> Response<Body> {
    let headers: Vec<_> =
        seen.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    let mut response = answer(json!({"error": headers, "at": seen.address}).to_string());
    if let Some(value) = seen.headers.get("x-api-key") {
        response.headers_mut().insert("x-echo", value.clone());
    }
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

fn shown(headers: &HeaderMap) -> String {
    headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

#[tokio::test]
async fn each_service_gets_the_real_credential_and_gives_none_back() {
    use UpstreamKind::{Anthropic, Gemini, OpenAi, VertexAnthropic, VertexGemini};
    let service = Service::start(echo).await;
    let kinds = [
        ("anthropic", Anthropic, "/v1/messages?beta=true&key=AIza-stolen", "x-api-key", ""),
        (
            "gemini",
            Gemini,
            "/v1beta/models/m:streamGenerateContent?alt=sse&key=stolen-by-the-agent",
            "x-goog-api-key",
            "",
        ),
        ("openai", OpenAi, "/v1/responses", "authorization", "Bearer "),
        (
            "vertex",
            VertexAnthropic,
            "/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict",
            "authorization",
            "Bearer ",
        ),
        ("google", VertexGemini, "/v1beta1/publishers/google/models/m:generateContent", "x-goog-api-key", ""),
    ];
    let base = service.url();
    let upstreams =
        kinds.iter().map(|(name, kind, ..)| upstream(name, *kind, &format!("{base}/base"))).collect();
    let world = World::new(binding(upstreams)).await;
    for (name, _, path, header, before) in kinds {
        let response = world.post(&format!("/{name}{path}"), &json!({"model": "m"})).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "the upstream's own status");
        let headers = shown(response.headers());
        let body = text(response).await;
        let seen = service.seen().pop().unwrap();
        assert_eq!(seen.headers[header], format!("{before}{SECRET}"), "{name}");
        assert_eq!(seen.headers["accept-encoding"], "identity");
        assert_eq!(seen.headers["host"], service.url().strip_prefix("http://").unwrap());
        assert!(
            seen.address.starts_with(&format!("/base{}", path.split('?').next().unwrap())),
            "{}",
            seen.address
        );
        assert_eq!(seen.body, r#"{"model":"m"}"#);
        let all = format!("{}{}{}", shown(&seen.headers), seen.address, seen.body);
        assert!(!all.contains("stolen"), "{name}: {all}");
        assert!(!headers.contains("planted") && !body.contains("planted"), "{name}: {headers}{body}");
        assert!(body.contains("********"), "{name}: {body}");
    }
    let log = log().text();
    assert!(log.contains("demo/first-r1"), "there is a log to look into");
    assert!(!log.contains("planted") && !log.contains(STOLEN), "no credential is logged");
    assert!(!log.contains("v4.public."), "no token is logged");
}

#[tokio::test]
async fn a_changed_credential_counts_at_once_and_a_missing_one_is_named() {
    let service = Service::start(echo).await;
    let world = World::new(binding(vec![
        upstream("a", UpstreamKind::Anthropic, &service.url()),
        upstream("b", UpstreamKind::Anthropic, "http://models.example"),
    ]))
    .await;
    let file = world.folder.path().join("secrets/demo/keys/MODEL_KEY");
    for key in ["first-key-0001", "second-key-0002"] {
        std::fs::write(&file, key).unwrap();
        text(world.post("/a/v1/messages", &json!({"model": "m"})).await).await;
        assert_eq!(service.seen().pop().unwrap().headers["x-api-key"], key);
    }
    let elsewhere = world.post("/b/v1/messages", &json!({"model": "m"})).await;
    assert!(text(elsewhere).await.contains("in the clear"));
    std::fs::remove_file(&file).unwrap();
    let before = world.usage().await.models;
    let response = world.post("/a/v1/messages", &json!({"model": "m"})).await;
    assert_eq!(
        (response.status(), &response.headers()["x-ambient-refused"]),
        (StatusCode::BAD_GATEWAY, &http::HeaderValue::from_static("credential"))
    );
    let body = text(response).await;
    assert!(body.contains("demo/keys") && body.contains("MODEL_KEY"), "{body}");
    assert_eq!(service.seen().len(), 2, "nothing is sent without it");
    assert_eq!(world.usage().await.models, before, "and nothing is charged");
}

#[tokio::test]
async fn redirects_and_packed_answers_are_not_passed_on() {
    let service = Service::start(|seen| match seen.address.as_str() {
        "/v1/messages" => Response::builder()
            .status(307)
            .header("location", "http://elsewhere.example")
            .body(Body::empty())
            .unwrap(),
        _ => Response::builder().header("content-encoding", "gzip").body(Body::from("x")).unwrap(),
    })
    .await;
    let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())])).await;
    for (path, word) in [("/a/v1/messages", "not followed"), ("/a/v1/messages?beta=true", "packed")] {
        let response = world.post(path, &json!({"model": "m"})).await;
        assert_eq!((response.status(), response.headers().get("location")), (StatusCode::BAD_GATEWAY, None));
        let body = text(response).await;
        assert!(body.contains(word) && !body.contains("elsewhere"), "{body}");
    }
}

#[tokio::test]
async fn paths_hosts_and_upstreams_that_are_not_bound_are_refused() {
    let service = Service::start(|_| answer("{}")).await;
    let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())])).await;
    for (path, status) in [
        ("/a/v1/files", StatusCode::NOT_FOUND),
        ("/a/v1/messages/../files", StatusCode::NOT_FOUND),
        ("/b/v1/messages", StatusCode::NOT_FOUND),
        ("/", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(world.post(path, &json!({"model": "m"})).await.status(), status, "{path}");
    }
    // A request in a proxy's form: the host that it names plays no part.
    let request = Request::post(world.url("/a/v1/messages")).header("host", "evil.example");
    let response = world.send(request.body(r#"{"model": "m"}"#.into()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(service.seen().len(), 1);
}
