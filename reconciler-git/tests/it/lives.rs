//! The lives of sources and sessions: runs that have ended, sources that rest or go.

use ambient_crds::labels::SYSTEM_NAMESPACE;
use ambient_crds::names::RunNumber;
use ambient_git::LocalRepositories;
use ambient_reconciler_git::{Answer, Config, EndedRuns};
use futures::future::BoxFuture;
use kube::api::DeleteParams;
use serde_json::json;
use std::sync::Arc;

use crate::world::{World, eventually, map, session};

/// A ledger in which the first runs of all sessions but `new` have ended.
struct Ledger;

impl EndedRuns for Ledger {
    fn ended<'a>(&'a self, project: &'a str, session: &'a str, run: RunNumber) -> BoxFuture<'a, Answer> {
        assert_eq!(project, "demo");
        let ended = session != "new" && run == RunNumber::FIRST;
        Box::pin(async move { if ended { Answer::Ended } else { Answer::NotEnded } })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_run_has_ended_is_not_made_again() {
    let mut world = World::new().await;
    world.configure(|data| Config {
        ended_runs: Arc::new(Ledger),
        ..Config::new(data, LocalRepositories::Allowed)
    });
    world.repository.commit(&[
        ("ambient/old.yaml", &session("old")),
        ("ambient/new.yaml", &session("new")),
        ("ambient/again.yaml", &format!("{}  run: 2\n", session("again"))),
    ]);
    world.start();
    world.make_source(SYSTEM_NAMESPACE, "root", json!({"path": "ambient"})).await;
    world.condition("Ready", "Succeeded").await;
    let all = world.sessions().list(&kube::api::ListParams::default()).await.unwrap();
    let names: Vec<_> = all.items.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(names, ["again", "new"]);
    let objects = world.status().await.objects.unwrap();
    assert_eq!((objects.total, objects.ended), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_source_rests() {
    let world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.patch_source("root", json!({"spec": {"suspend": {"reason": "moving house", "by": "jane"}}})).await;
    let message = world.condition("Ready", "Suspended").await;
    assert!(message.contains("moving house") && message.contains("jane"), "{message}");
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    world.maps("demo").delete("a", &DeleteParams::default()).await.unwrap();
    world.patch_source("root", json!({"spec": {"suspend": {"reason": "still moving"}}})).await;
    eventually("the new reason is seen", async || {
        world.condition("Ready", "Suspended").await.contains("still")
    })
    .await;
    assert_eq!(world.value("a").await, None);
    world.patch_source("root", json!({"spec": {"suspend": null}})).await;
    eventually("it goes on", async || world.value("a").await.as_deref() == Some("2")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_stay_or_go_with_their_source() {
    for (policy, left) in [("Orphan", vec!["a"]), ("Delete", Vec::new())] {
        let mut world = World::new().await;
        world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
        world.start();
        let spec = json!({"path": "ambient", "deletionPolicy": policy});
        world.make_source(SYSTEM_NAMESPACE, "root", spec).await;
        world.condition("Ready", "Succeeded").await;
        world.sources(SYSTEM_NAMESPACE).delete("root", &DeleteParams::default()).await.unwrap();
        eventually("the source is gone", async || {
            world.sources(SYSTEM_NAMESPACE).get_opt("root").await.unwrap().is_none()
        })
        .await;
        assert_eq!(world.applied().await, left, "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphan_is_adopted_by_the_next_source() {
    let world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.sources(SYSTEM_NAMESPACE).delete("root", &DeleteParams::default()).await.unwrap();
    world.make_source(SYSTEM_NAMESPACE, "second", json!({"path": "ambient"})).await;
    world.condition_of(SYSTEM_NAMESPACE, "second", "Ready", "Succeeded").await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    eventually("it is followed", async || world.value("a").await.as_deref() == Some("2")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_asks_for_what_cannot_be_says_so() {
    let mut world = World::new().await;
    world.start();
    world.make_source(SYSTEM_NAMESPACE, "root", json!({"verify": {"secretRef": {"name": "keys"}}})).await;
    let message = world.condition("Ready", "Invalid").await;
    assert!(message.contains("spec.verify"), "{message}");
}
