//! Requests, tokens, the start of a turn, the end of a runner.

use ambient_protocol::client::{ClientError, Start};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::token::Scope;
use ambient_runner::Ending;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{World, frames, outcome, start};

#[tokio::test]
async fn the_built_in_run_completes_and_the_acknowledgement_ends_the_runner() {
    let world = World::new(None);
    let runner = world.runner().await;
    let turn = frames(start(&runner.client, &world).await).await;
    let done = outcome(&runner.client).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert_eq!(done.model.as_deref(), Some("recorded-demo"));
    assert_eq!((done.usage.input_tokens, done.usage.turns, done.usage.cost_usd), (4210, 5, Some(0.0214)));
    let log = world.log();
    assert_eq!(done.events, u64::try_from(log.len()).unwrap());
    assert_eq!(turn.len(), log.len(), "the turn's stream is the log's part of it, without a sealing frame");
    assert_eq!(turn.last().unwrap().id, Some(done.events));
    runner.client.acknowledge().await.unwrap();
    assert_eq!(runner.ended().await.unwrap(), Ending::Acknowledged);
    let again = world.runner().await;
    assert_eq!(again.ended().await.unwrap(), Ending::Acknowledged, "there is nothing left to do");
}

#[tokio::test]
async fn a_turn_is_started_once() {
    let world = World::new(Some("steps: [{finish: {summary: Done}}]"));
    let runner = world.runner().await;
    let (one, two) = tokio::join!(try_start(&runner.client, &world), try_start(&runner.client, &world));
    assert!(one != two, "one of two callers starts it");
    assert!(!try_start(&runner.client, &world).await);
    outcome(&runner.client).await;
    assert!(!try_start(&runner.client, &world).await);
    assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_FINISHED"]);

    let mut other = world.input();
    other.run_id = "first-run-r1-a2".to_owned();
    let error = runner.client.start(&other).await.err().unwrap();
    assert!(matches!(&error, ClientError::Status { status: 400, .. }), "{error}");
}

/// Whether the turn was started by this call.
async fn try_start(client: &ambient_protocol::client::RunnerClient, world: &World) -> bool {
    loop {
        match client.start(&world.input()).await {
            Ok(Start::Started(_)) => return true,
            Ok(Start::AlreadyStarted) => return false,
            Err(ClientError::Status { status: 503, .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn tokens_open_what_they_are_for_and_nothing_else() {
    let world = World::new(None);
    let runner = world.runner().await;
    let all = [Scope::Run, Scope::Read, Scope::Control, Scope::Outcome];
    let requests = [
        ("POST", "/", Scope::Run),
        ("GET", "/events", Scope::Read),
        ("GET", "/capabilities", Scope::Read),
        ("POST", "/answers", Scope::Control),
        ("POST", "/interrupt", Scope::Control),
        ("POST", "/model", Scope::Control),
        ("POST", "/stop", Scope::Control),
        ("GET", "/outcome", Scope::Outcome),
        ("GET", "/outcome/bundles/target", Scope::Outcome),
        ("POST", "/outcome/ack", Scope::Outcome),
    ];
    for (method, path, scope) in requests {
        let others: Vec<_> = all.into_iter().filter(|other| *other != scope).collect();
        let cases = [
            (String::new(), 401),
            ("Bearer nonsense".to_owned(), 401),
            (format!("Bearer {}", world.foreign_token(&all)), 401),
            (format!("Bearer {}", world.token(&others)), 403),
        ];
        for (authorization, expected) in cases {
            let status = request(&runner.address, method, path, &authorization).await;
            assert_eq!(status, expected, "{method} {path} with {authorization}");
        }
    }
    let bearer = format!("Bearer {}", world.token(&all));
    for (path, expected) in [("/files/README.md", 404), ("/repos", 404), ("/outcome", 204), ("/nowhere", 404)]
    {
        assert_eq!(request(&runner.address, "GET", path, &bearer).await, expected, "{path}");
    }
    for (path, expected) in [("/events?after=9", 416), ("/events?after=x", 400)] {
        assert_eq!(request(&runner.address, "GET", path, &bearer).await, expected, "{path}");
    }
    assert_eq!(request(&runner.address, "POST", "/outcome/ack", &bearer).await, 409);
    assert_eq!(request(&runner.address, "POST", "/", &bearer).await, 400);
}

#[tokio::test]
async fn health_and_capabilities() {
    let world = World::new(None);
    let runner = world.runner().await;
    let capabilities = runner.client.capabilities().await.unwrap();
    assert_eq!(capabilities.framework, "replay");
    while request(&runner.address, "GET", "/health", "").await != 200 {
        tokio::task::yield_now().await;
    }
    assert!(runner.client.outcome().await.unwrap().is_none());
}

/// A request as plain text, because the client always sends a good token. Gives the status.
async fn request(address: &str, method: &str, path: &str, authorization: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[9..12]).parse().unwrap()
}
