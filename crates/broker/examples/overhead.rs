//! How much later an answer is complete because a broker, and a forwarder, are in between.
//!
//! `cargo run --release -p ambient-broker --example overhead [REQUESTS]`: one agent after another asks a model on loopback
//! that answers at once with a short stream; the request is as long as those of agents (50 KB). The three ways take turns,
//! so that what else the machine does meets all of them.

#![allow(clippy::print_stdout, reason = "this prints its figures")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ambient_broker::{Broker, Config, FolderCredentials, Limits, SessionToken, forward};
use ambient_protocol::RunKey;
use ambient_protocol::broker::{
    Binding, Budget, CredentialReference, SESSION_TOKEN_HEADER, Upstream, UpstreamKind,
};
use ambient_protocol::models::ModelTable;
use ambient_protocol::token::{Scope, Signer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn Error + Send + Sync>;

const ANSWER: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":12000,\"output_tokens\":1}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Done.\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":20}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let requests: usize = std::env::args().nth(1).map_or(Ok(2000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let model = model().await?;
    let signer = Signer::generate("operator")?;
    let broker = broker(folder.path(), &signer, model).await?;
    let token = token(&signer)?;
    let forwarder = forwarder(broker, &token).await?;
    let ways = [
        ("direct", format!("http://{model}/v1/messages")),
        ("broker", format!("http://{broker}/anthropic/v1/messages")),
        ("forwarder and broker", format!("http://{forwarder}/anthropic/v1/messages")),
    ];
    for at_once in [1, 8] {
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..requests.div_ceil(100) {
            for (way, times) in ways.iter().zip(&mut times) {
                times.extend(measure(&way.1, &token, at_once, 100 / at_once).await?);
            }
        }
        println!("{at_once} at once, {} requests a way:", times[0].len());
        let mut direct = None;
        for ((name, _), mut times) in ways.iter().zip(times) {
            times.sort();
            let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
            let (middle, late) = (at(50), at(99));
            let (base_middle, base_late) = *direct.get_or_insert((middle, late));
            println!(
                "  {name:22} p50 {middle:>10.1?} (+{:.1?})  p99 {late:>10.1?} (+{:.1?})",
                middle.saturating_sub(base_middle),
                late.saturating_sub(base_late)
            );
        }
    }
    Ok(())
}

/// Times of requests, each to the end of its answer.
async fn measure(url: &str, token: &str, at_once: usize, each: usize) -> Result<Vec<Duration>, Failure> {
    let padding = "x".repeat(50_000);
    let body = Bytes::from(format!(
        "{{\"model\":\"claude-haiku-4-5\",\"max_tokens\":128000,\"stream\":true,\"system\":\"{padding}\"}}"
    ));
    let agents = (0..at_once).map(|_| {
        let (url, token, body) = (url.to_owned(), token.to_owned(), body.clone());
        tokio::spawn(async move {
            let client: Client<HttpConnector, Full<Bytes>> =
                Client::builder(TokioExecutor::new()).build_http();
            let mut times = Vec::new();
            for number in 0..=each {
                let request = Request::post(&url).header(SESSION_TOKEN_HEADER, &token);
                let request = request.body(Full::new(body.clone()))?;
                let started = Instant::now();
                let response = client.request(request).await?;
                if !response.status().is_success() {
                    return Err(Failure::from(format!("{url}: {}", response.status())));
                }
                let answered = response.into_body().collect().await?.to_bytes();
                assert_eq!(answered, ANSWER);
                // The first one makes the connection.
                if number > 0 {
                    times.push(started.elapsed());
                }
            }
            Ok(times)
        })
    });
    let mut all = Vec::new();
    for agent in agents.collect::<Vec<_>>() {
        all.extend(agent.await??);
    }
    Ok(all)
}

async fn model() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answer = service_fn(async |request: Request<Incoming>| {
                let _ = request.into_body().collect().await;
                let response = Response::builder().header("content-type", "text/event-stream");
                Ok::<_, Infallible>(
                    response.body(Full::new(Bytes::from_static(ANSWER.as_bytes()))).unwrap_or_default(),
                )
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(address)
}

#[expect(clippy::disallowed_methods, reason = "tokens are checked against the real clock")]
fn in_an_hour() -> (Timestamp, Timestamp) {
    let now = Timestamp::now();
    (now, now + SignedDuration::from_hours(1))
}

fn token(signer: &Signer) -> Result<String, Failure> {
    Ok(signer.sign_until("uid", "demo/bench-r1", &[Scope::Broker], in_an_hour())?)
}

async fn broker(folder: &std::path::Path, signer: &Signer, model: SocketAddr) -> Result<SocketAddr, Failure> {
    std::fs::create_dir_all(folder.join("secrets/demo/keys"))?;
    std::fs::write(folder.join("secrets/demo/keys/ANTHROPIC_API_KEY"), "sk-ant-bench-0123456789")?;
    let reference = CredentialReference {
        namespace: "demo".to_owned(),
        name: "keys".to_owned(),
        key: None,
        address_entry: None,
    };
    let upstream = Upstream {
        name: "anthropic".to_owned(),
        kind: UpstreamKind::Anthropic,
        base_url: format!("http://{model}"),
        credential: Some(reference),
        models: Vec::new(),
        repositories: Vec::new(),
        place: None,
    };
    let binding = Binding {
        run: RunKey::new("demo", "bench", 1)?,
        session_uid: "uid".to_owned(),
        upstreams: vec![upstream],
        budget: Budget { max_cost: Some("1000000".parse()?), max_tokens: None },
        egress: Vec::new(),
        expires_at: in_an_hour().1,
    };
    let config = Config {
        state_directory: folder.join("state"),
        public_keys: signer.public_paserk()?,
        credentials: Arc::new(FolderCredentials::new(folder.join("secrets"))),
        models: ModelTable::built_in().clone(),
        bindings: vec![binding],
        limits: Limits::default(),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(Broker::new(config)?.serve(listener, CancellationToken::new()));
    Ok(address)
}

async fn forwarder(broker: SocketAddr, token: &str) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (broker, token) = (format!("http://{broker}").parse()?, SessionToken::Fixed(token.to_owned()));
    tokio::spawn(async move { forward(listener, &broker, token, None, CancellationToken::new()).await });
    Ok(address)
}
