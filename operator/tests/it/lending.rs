//! Runs that are lent something, with a real broker that comes and goes.

use std::net::SocketAddr;
use std::sync::Arc;

use ambient_broker::{Broker, Config, FolderCredentials, Limits};
use ambient_crds::phase::Phase::{Completed, Pending};
use ambient_protocol::models::ModelTable;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::token::{Scope, Verifier};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::runner::free_address;
use crate::world::{PROJECT, World, condition, in_time};

/// A broker with an address that stays, and a folder that outlives it.
struct TestBroker {
    address: SocketAddr,
    folder: TempDir,
    public_keys: String,
    running: Option<(CancellationToken, JoinHandle<std::io::Result<()>>)>,
}

impl TestBroker {
    async fn new(world: &World) -> Self {
        let address = free_address().await.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { address, folder, public_keys: world.public_keys(), running: None }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn start(&mut self) {
        let config = Config {
            state_directory: self.folder.path().join("state"),
            public_keys: self.public_keys.clone(),
            credentials: Arc::new(FolderCredentials::new(self.folder.path())),
            models: ModelTable::built_in().clone(),
            bindings: Vec::new(),
            limits: Limits::default(),
        };
        let listener = TcpListener::bind(self.address).await.unwrap();
        let ended = CancellationToken::new();
        let served = tokio::spawn(Broker::new(config).unwrap().serve(listener, ended.clone()));
        self.running = Some((ended, served));
    }

    async fn stop(&mut self) {
        let (ended, served) = self.running.take().unwrap();
        ended.cancel();
        in_time("the broker has ended", served).await.unwrap().unwrap();
    }

    fn has_bound(&self, run: &str) -> bool {
        self.folder.path().join(format!("state/{PROJECT}/{run}.binding")).exists()
    }
}

async fn world(ceilings: serde_json::Value) -> (World, TestBroker) {
    let mut world = World::new().await;
    let broker = TestBroker::new(&world).await;
    world.operator.broker_url = Some(broker.url());
    world.start();
    world.make_project(PROJECT, json!({"ceilings": ceilings})).await;
    (world, broker)
}

#[tokio::test]
async fn a_broker_that_is_away_holds_starts_and_results_back_and_loses_nothing() {
    let (world, mut broker) = world(json!({})).await;
    // One that an earlier session of this name has left.
    let stale = json!({"metadata": {"name": "first-r1-a1"}, "stringData": {"token": "stale"}});
    let secrets = world.api::<Secret>(PROJECT);
    secrets.create(&PostParams::default(), &serde_json::from_value(stale).unwrap()).await.unwrap();
    world.make_session("first", json!({"runnerType": "claude-agent-sdk"})).await;
    world.is("first", Pending, "Unavailable", "the broker").await;
    assert!(world.ledger("first", 1).is_none(), "what cannot be bound is not claimed");
    assert_eq!(world.jobs().await, Vec::<String>::new());

    broker.start().await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    assert!(broker.has_bound("first-r1"));
    let secret = secrets.get("first-r1-a1").await.unwrap();
    let token = String::from_utf8(secret.data.unwrap()["token"].0.clone()).unwrap();
    let session = world.session("first", "is there", |_| true).await;
    let verifier = Verifier::new(&session.uid().unwrap(), &world.public_keys()).unwrap();
    assert_eq!(verifier.verify(&token, Scope::Broker).unwrap().subject, "demo/first-r1");
    assert!(verifier.verify(&token, Scope::Run).is_err(), "it is good for the broker alone");

    broker.stop().await;
    runner.end(ExitReason::Completed);
    let waits = |session: &_| condition(session, "ResultRecorded").1 == "Unavailable";
    world.session("first", "waits for the count", waits).await;
    assert_eq!(world.told("first-r1"), ["claimed"]);

    broker.start().await;
    world.has_ended("first", Completed, "Completed").await;
    let gone = await_condition(world.api(PROJECT), "first-r1-a1", |secret: Option<&Secret>| secret.is_none());
    in_time("the token is gone", gone).await.unwrap();
    assert!(!broker.has_bound("first-r1"));
}

#[tokio::test]
async fn what_the_broker_refuses_is_told() {
    let (world, mut broker) = world(json!({"models": ["a-model-without-a-price"]})).await;
    broker.start().await;
    let spec = json!({"runnerType": "claude-agent-sdk", "budget": {"maxCostUsd": 1.0}});
    world.make_session("first", spec).await;
    world.is("first", Pending, "Invalid", "a-model-without-a-price").await;
    assert!(world.ledger("first", 1).is_none() && !broker.has_bound("first-r1"));
}

#[tokio::test]
async fn what_the_broker_does_not_count_is_as_the_agent_tells() {
    let (world, mut broker) = world(json!({"egress": ["pypi.org"]})).await;
    broker.start().await;
    world.make_session("first", json!({})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    assert!(broker.has_bound("first-r1"), "for what it may reach beside a model");
    runner.end(ExitReason::Completed);
    let session = world.has_ended("first", Completed, "Completed").await;
    assert_eq!(session.status.unwrap().usage.unwrap().input_tokens, 7);
}

#[tokio::test]
async fn who_is_lent_nothing_needs_no_broker() {
    let (world, _broker) = world(json!({})).await;
    world.make_session("first", json!({})).await;
    let runner = world.serve("first-r1-a1").await;
    runner.is_started().await;
    runner.end(ExitReason::Completed);
    world.has_ended("first", Completed, "Completed").await;
}
