//! The Anthropic dialect, without sockets.

use ambient_model_server::{ModelServer, Script};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

const SCRIPT: &str = r#"
steps:
  - text: "I will write a file, été."
    tools:
      - {name: Bash, input: {command: "echo hello > out.txt", description: Write a file}}
      - {name: Read, input: {file_path: out.txt}}
    usage: {input: 10, output: 20, cacheRead: 30, cacheWrite: 40}
  - {text: Done.}
"#;

fn server(script: &str) -> ModelServer {
    ModelServer::new(Script::parse(script).unwrap())
}

fn conversation(turns: usize, stream: bool) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "go"})];
    for turn in 0..turns {
        messages
            .push(json!({"role": "assistant", "content": [{"type": "tool_use", "id": turn.to_string()}]}));
        messages.push(
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": turn.to_string()}]}),
        );
    }
    let tools = json!([{"name": "Bash"}, {"name": "Read"}]);
    json!({"model": "claude-test", "max_tokens": 64, "messages": messages, "tools": tools, "stream": stream})
}

async fn send(server: &ModelServer, request: Request<Body>) -> (StatusCode, String) {
    let response = server.router().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(server: &ModelServer, path: &str, body: &Value) -> (StatusCode, String) {
    send(server, Request::post(path).body(Body::from(body.to_string())).unwrap()).await
}

fn events(body: &str) -> Vec<Value> {
    let parse = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["type"], name.strip_prefix("event: ").unwrap());
        data
    };
    body.trim_end().split("\n\n").map(parse).collect()
}

/// Puts a streamed message together again, as a client does.
fn assemble(events: &[Value]) -> Value {
    let mut message = events[0]["message"].clone();
    let mut inputs = vec![String::new(); events.len()];
    for event in events {
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(content.len(), index);
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => match event["delta"]["type"].as_str().unwrap() {
                "text_delta" => {
                    let text = &mut message["content"][index]["text"];
                    *text = format!("{}{}", text.as_str().unwrap(), event["delta"]["text"].as_str().unwrap())
                        .into();
                }
                _ => inputs[index] += event["delta"]["partial_json"].as_str().unwrap(),
            },
            "content_block_stop" if !inputs[index].is_empty() => {
                message["content"][index]["input"] = serde_json::from_str(&inputs[index]).unwrap();
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"]["output_tokens"] = event["usage"]["output_tokens"].clone();
            }
            _ => {}
        }
    }
    message
}

#[tokio::test]
async fn a_streamed_message_is_the_whole_one() {
    for turns in 0..3 {
        // Two servers, so that both messages are the first and bear the same id.
        let (_, streamed) = post(&server(SCRIPT), "/v1/messages?beta=true", &conversation(turns, true)).await;
        let (status, whole) = post(&server(SCRIPT), "/v1/messages", &conversation(turns, false)).await;
        assert_eq!(status, StatusCode::OK);
        let mut whole: Value = serde_json::from_str(&whole).unwrap();
        let mut streamed = assemble(&events(&streamed));
        // Estimated from sizes, which differ by `true` and `false`.
        if turns > 0 {
            whole["usage"]["input_tokens"].take();
            streamed["usage"]["input_tokens"].take();
        }
        assert_eq!(streamed, whole);
    }
}

#[tokio::test]
async fn the_first_message_is_as_scripted() {
    let server = server(SCRIPT);
    let (_, body) = post(&server, "/v1/messages", &conversation(0, false)).await;
    let expected = json!({
        "id": "msg_1_0", "type": "message", "role": "assistant", "model": "claude-test",
        "content": [
            {"type": "text", "text": "I will write a file, été."},
            {"type": "tool_use", "id": "toolu_1_0_0", "name": "Bash",
             "input": {"command": "echo hello > out.txt", "description": "Write a file"}},
            {"type": "tool_use", "id": "toolu_1_0_1", "name": "Read", "input": {"file_path": "out.txt"}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 40, "cache_read_input_tokens": 30, "output_tokens": 20},
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    assert_eq!(server.answered(), 1);
}

#[tokio::test]
async fn streams_have_the_order_clients_rely_on() {
    let (_, body) = post(&server(SCRIPT), "/v1/messages", &conversation(1, true)).await;
    let names: Vec<_> =
        events(&body).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let expected =
        "message_start content_block_start content_block_delta content_block_stop message_delta message_stop";
    assert_eq!(names.join(" "), expected);
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let server = server(SCRIPT);
    let (status, body) = post(&server, "/v1/messages/count_tokens", &conversation(0, false)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(serde_json::from_str::<Value>(&body).unwrap()["input_tokens"].as_u64() > Some(10));
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn refusals_have_the_shape_of_the_api() {
    let locked = server("{key: right, steps: [{text: hi}]}");
    let request = |method: &str, path: &str| Request::builder().method(method).uri(path);
    let body = || Body::from(conversation(0, false).to_string());
    for (request, status, kind) in [
        (request("GET", "/v1/models").body(Body::empty()), StatusCode::NOT_FOUND, "not_found_error"),
        (
            request("GET", "/v1/messages").body(Body::empty()),
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
        ),
        (request("POST", "/v1/messages").body(body()), StatusCode::UNAUTHORIZED, "authentication_error"),
        (
            request("POST", "/v1/messages").header("x-api-key", "wrong").body(body()),
            StatusCode::UNAUTHORIZED,
            "authentication_error",
        ),
        (
            request("POST", "/v1/messages").header("x-api-key", "right").body(Body::from("{\"model\": 1}")),
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
        ),
    ] {
        let (answered, body) = send(&locked, request.unwrap()).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (answered, body["type"].as_str(), body["error"]["type"].as_str()),
            (status, Some("error"), Some(kind))
        );
        assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(locked.answered(), 0);
    for (name, value) in [("x-api-key", "right"), ("authorization", "Bearer right")] {
        let admitted = request("POST", "/v1/messages").header(name, value).body(body()).unwrap();
        assert_eq!(send(&locked, admitted).await.0, StatusCode::OK);
    }
}
