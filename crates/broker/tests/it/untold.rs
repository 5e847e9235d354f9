//! No way round the count: what a service can tell is asked for, and what it does not tell is counted all the same.

use ambient_model_server::{ModelServer, Script};
use ambient_protocol::broker::{Budget, UpstreamKind};
use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::upstream::{Service, json as answer, message};
use crate::world::{SECRET, World, binding, text, upstream};

const CHAT: &str = "/o/v1/chat/completions";

fn chat(options: &Value) -> Value {
    let mut body = json!({"model": "gpt-5", "stream": true, "messages": [{"role": "user", "content": "go"}]});
    if !options.is_null() {
        body["stream_options"] = options.clone();
    }
    body
}

fn stream(text: &'static str) -> Response<Body> {
    Response::builder().header("content-type", "text/event-stream").body(text.into()).unwrap()
}

#[tokio::test]
async fn a_stream_of_chat_completions_is_counted_also_where_the_agent_does_not_ask_for_it() {
    let script =
        format!("{{key: \"{SECRET}\", steps: [{{text: Done., usage: {{input: 10, output: 60000}}}}]}}");
    let server = ModelServer::new(Script::parse(&script).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
    let world = World::new(binding(vec![upstream("o", UpstreamKind::OpenAi, &url)])).await;
    for (number, options, sees_usage) in [
        (1, Value::Null, false),
        (2, json!({"include_usage": false}), false),
        (3, json!({"include_usage": true}), true),
    ] {
        let response = world.post(CHAT, &chat(&options)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let said = text(response).await;
        assert!(said.contains("Done.") && said.ends_with("data: [DONE]\n\n"), "{said}");
        assert_eq!(said.contains(r#""choices":[]"#), sees_usage, "{said}");
        let usage = world.usage().await;
        let model = &usage.models[0];
        assert_eq!(
            (model.tokens.input, model.tokens.output, model.requests, model.estimated),
            (10 * number, 60_000 * number, number, 0)
        );
    }
}

#[tokio::test]
async fn a_service_that_does_not_know_the_wish_is_asked_without_it_and_its_answer_estimated() {
    let service = Service::start(|seen| match seen.body.contains("include_usage") {
        true => Response::builder().status(422).body("extra fields not permitted".into()).unwrap(),
        false => stream("data: {\"choices\":[{\"delta\":{\"content\":\"Done.\"}}]}\n\ndata: [DONE]\n\n"),
    })
    .await;
    let world = World::new(binding(vec![upstream("o", UpstreamKind::OpenAi, &service.url())])).await;
    let response = world.post(CHAT, &chat(&Value::Null)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(text(response).await.contains("Done."));
    let usage = world.usage().await;
    let model = &usage.models[0];
    assert_eq!((model.requests, model.estimated, service.seen().len()), (1, 1, 2));
    assert!(model.tokens.input >= 30 && model.tokens.output >= 200, "{usage:?}");
}

#[tokio::test]
async fn another_form_of_the_answer_is_refused() {
    let service = Service::start(|_| answer("{}")).await;
    let world = World::new(binding(vec![upstream("g", UpstreamKind::Gemini, &service.url())])).await;
    for query in ["alt=proto", "fields=candidates", "callback=f", "alt=sse&$fields=candidates"] {
        let path = format!("/g/v1beta/models/m:streamGenerateContent?{query}");
        let refused = world.post(&path, &json!({})).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    assert!(service.seen().is_empty());
    let taken =
        world.post("/g/v1beta/models/m:generateContent?$alt=json;enum-encoding=int", &json!({})).await;
    assert_eq!(taken.status(), StatusCode::OK);
    assert!(service.seen()[0].address.ends_with("?$alt=json;enum-encoding=int"));
}

#[tokio::test]
async fn what_a_service_does_itself_is_counted_or_refused_under_a_budget_in_dollars() {
    let service = Service::start(|seen| match seen.address.as_str() {
        "/v1/messages" => answer(
            message(1_000_000, 0)
                .replace("\"usage\":{", "\"usage\":{\"server_tool_use\":{\"web_search_requests\":3},"),
        ),
        _ => answer("{}"),
    })
    .await;
    let base = service.url();
    let mut bound = binding(vec![
        upstream("a", UpstreamKind::Anthropic, &base),
        upstream("o", UpstreamKind::OpenAi, &base),
    ]);
    bound.budget = Budget { max_cost: Some("5.00".parse().unwrap()), max_tokens: None };
    let world = World::new(bound).await;
    for (path, body) in [
        (
            "/a/v1/messages",
            json!({"model": "claude-haiku-4-5", "tools": [{"type": "code_execution_20250825"}]}),
        ),
        ("/o/v1/responses", json!({"model": "gpt-5", "tools": [{"type": "image_generation"}]})),
    ] {
        let refused = world.post(path, &body).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let said = text(refused).await;
        assert!(
            said.contains(body["tools"][0]["type"].as_str().unwrap()) && said.contains("maxTokens"),
            "{said}"
        );
    }
    let searching = json!({"model": "claude-haiku-4-5", "tools": [{"type": "web_search_20250305", "name": "web_search"}], "max_tokens": 1});
    let taken = world.post("/a/v1/messages", &searching).await;
    assert_eq!(taken.status(), StatusCode::OK);
    text(taken).await;
    let usage = world.usage().await;
    // A dollar for a million tokens, three cents for three searches, and an estimate of the output: told is none of it.
    assert_eq!(usage.models[0].tokens.web_searches, 3);
    assert_eq!(usage.models[0].cost.unwrap().millionths(), 1_030_000 + 5);
}
