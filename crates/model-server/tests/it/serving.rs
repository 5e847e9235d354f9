//! The server on a socket.

use std::time::Duration;

use ambient_model_server::{ModelServer, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

#[tokio::test]
async fn it_answers_on_loopback_and_stops_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = ModelServer::new(Script::demo());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = {
        let server = server.clone();
        tokio::spawn(async move { server.serve(listener, async { stopped.await.unwrap_or(()) }).await })
    };

    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "go"}], "stream": true}"#;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("text/event-stream"), "{answer}");
    assert!(answer.contains("event: message_stop"), "{answer}");
    assert_eq!(server.answered(), 1);

    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("the server stops").unwrap().unwrap();
}
