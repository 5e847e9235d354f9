//! What was used is counted, and above the budget nothing more is.

use ambient_protocol::broker::{Budget, MicroDollars, UpstreamKind};
use http::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Service, json as answer, message};
use crate::world::{World, binding, text, upstream};

#[tokio::test]
async fn above_the_budget_each_service_refuses_in_its_own_words() {
    use UpstreamKind::{Anthropic, Gemini, OpenAi};
    let service = Service::start(|seen| match seen.address.as_str() {
        "/v1/messages" => answer(message(60, 50)),
        _ => answer("{}"),
    })
    .await;
    let base = service.url();
    let mut bound = binding(vec![
        upstream("a", Anthropic, &base),
        upstream("g", Gemini, &base),
        upstream("o", OpenAi, &base),
    ]);
    bound.budget = Budget { max_tokens: Some(100), max_cost: None };
    let world = World::new(bound).await;
    let first = world.post("/a/v1/messages", &json!({"model": "m", "max_tokens": 10})).await;
    assert_eq!(first.status(), StatusCode::OK);
    text(first).await;
    for (path, status, pointer, word) in [
        ("/a/v1/messages", StatusCode::PAYMENT_REQUIRED, "/error/type", "billing_error"),
        (
            "/g/v1beta/models/m:generateContent",
            StatusCode::BAD_REQUEST,
            "/error/status",
            "FAILED_PRECONDITION",
        ),
        ("/o/v1/responses", StatusCode::PAYMENT_REQUIRED, "/error/code", "insufficient_quota"),
    ] {
        let refused = world.post(path, &json!({"model": "m"})).await;
        assert_eq!(
            (refused.status(), refused.headers()["x-ambient-budget"].to_str().unwrap()),
            (status, "maxTokens")
        );
        assert_eq!(refused.headers()["x-should-retry"], "false");
        let body: Value = serde_json::from_str(&text(refused).await).unwrap();
        assert_eq!(body.pointer(pointer).and_then(Value::as_str), Some(word), "{body}");
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap();
        assert!(message.contains("100 tokens") && message.contains("110"), "{message}");
    }
    assert_eq!(service.seen().len(), 1);
    let usage = world.usage().await;
    assert_eq!((usage.models.len(), usage.models[0].tokens.total(), usage.refused), (1, 110, 3));
    let free = world.post("/a/v1/messages/count_tokens", &json!({"model": "m"})).await;
    assert_eq!(free.status(), StatusCode::OK, "counting costs nothing");
}

#[tokio::test]
async fn money_is_counted_by_the_table_and_models_without_a_price_are_refused() {
    let service = Service::start(|_| answer(message(1_000_000, 100_000))).await;
    let mut bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    bound.budget = Budget { max_cost: Some("2.00".parse().unwrap()), max_tokens: None };
    let world = World::new(bound).await;
    let unknown = world.post("/a/v1/messages", &json!({"model": "claude-unheard-of"})).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    let body = text(unknown).await;
    assert!(body.contains("claude-unheard-of") && body.contains("models.json"), "{body}");
    let faster = world.post("/a/v1/messages", &json!({"model": "claude-haiku-4-5", "speed": "fast"})).await;
    assert_eq!(faster.status(), StatusCode::BAD_REQUEST);
    // Haiku 4.5: a dollar for the input, half a dollar for the output. The second goes beyond, being alone.
    for _ in 0..2 {
        let taken = world
            .post("/a/v1/messages", &json!({"model": "claude-haiku-4-5-20251001", "max_tokens": 1}))
            .await;
        assert_eq!(taken.status(), StatusCode::OK);
        text(taken).await;
    }
    let refused = world.post("/a/v1/messages", &json!({"model": "claude-haiku-4-5"})).await;
    assert_eq!(
        (refused.status(), refused.headers()["x-ambient-budget"].to_str().unwrap()),
        (StatusCode::PAYMENT_REQUIRED, "maxCost")
    );
    let body = text(refused).await;
    assert!(body.contains("$2.00") && body.contains("$3.00"), "{body}");
    let usage = world.usage().await;
    assert_eq!(usage.models[0].cost, Some(MicroDollars::new(3_000_000)));
    assert_eq!((usage.total().cost_usd, usage.total().input_tokens), (Some(3.0), 2_000_000));
}

#[tokio::test]
async fn errors_of_the_upstream_cost_nothing() {
    let service = Service::start(|_| {
        let mut response = answer(r#"{"type": "error", "error": {"type": "overloaded_error"}}"#);
        *response.status_mut() = StatusCode::from_u16(529).unwrap();
        response
    })
    .await;
    let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())])).await;
    let response = world.post("/a/v1/messages", &json!({"model": "m"})).await;
    assert_eq!(response.status().as_u16(), 529);
    assert!(text(response).await.contains("overloaded_error"));
    let usage = world.usage().await;
    assert_eq!((usage.models[0].requests, usage.models[0].tokens.total()), (1, 0));
}

#[tokio::test]
async fn only_allowed_models_are_asked() {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let mut only = upstream("a", UpstreamKind::Anthropic, &service.url());
    only.models = vec!["claude-haiku-*".to_owned()];
    let world = World::new(binding(vec![only])).await;
    for (model, status) in [("claude-haiku-4-5", StatusCode::OK), ("claude-opus-5-5", StatusCode::FORBIDDEN)]
    {
        for path in ["/a/v1/messages", "/a/v1/messages/count_tokens"] {
            assert_eq!(world.post(path, &json!({"model": model})).await.status(), status, "{model}");
        }
    }
}

#[tokio::test]
async fn background_answers_are_refused() {
    let service = Service::start(|_| answer("{}")).await;
    let world = World::new(binding(vec![upstream("o", UpstreamKind::OpenAi, &service.url())])).await;
    let background = world.post("/o/v1/responses", &json!({"model": "m", "background": true})).await;
    assert_eq!(background.status(), StatusCode::BAD_REQUEST);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_request_without_an_answer_is_charged() {
    // It takes requests and never answers.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &url)])).await;
    let body = json!({"model": "m", "padding": "x".repeat(400)});
    let asking = world.post("/a/v1/messages", &body);
    let mut asking = std::pin::pin!(asking);
    let (taken, _) = tokio::select! {
        _ = &mut asking => panic!("nobody answers"),
        taken = silent.accept() => taken.unwrap(),
    };
    tokio::select! {
        _ = &mut asking => panic!("nobody answers"),
        readable = taken.readable() => readable.unwrap(),
    }
    drop(taken);
    // The connection breaks when the request was sent: the service may have begun.
    assert_eq!(asking.await.status(), StatusCode::BAD_GATEWAY);
    let usage = world.usage().await;
    assert_eq!((usage.models[0].requests, usage.models[0].estimated), (1, 1));
    assert!(usage.models[0].tokens.input > 200 && usage.models[0].tokens.output >= 200, "{usage:?}");
}
