//! Restarts, and remotes that are away: the last good tree stays in force.

use ambient_crds::labels::SYSTEM_NAMESPACE;
use serde_json::json;

use crate::world::{World, eventually, map};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_writes_nothing() {
    let mut world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.has_applied_head().await;
    world.stop().await;
    world.forget_requests();
    world.start();
    world.repository.commit(&[("ambient/b.yaml", &map("b", "2"))]);
    eventually("what is new is applied", async || world.value("b").await.as_deref() == Some("2")).await;
    world.has_applied_head().await;
    let writes: Vec<_> =
        world.requests().into_iter().filter(|request| request.starts_with("patch")).collect();
    assert!(!writes.iter().any(|write| write == "patch configmaps/ a"), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_missed_while_down_are_made_up_for() {
    let mut world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.stop().await;
    world.repository.remove(&["ambient/b.yaml"]);
    world.start();
    eventually("b goes", async || world.applied().await == ["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_corrected_while_the_remote_is_away_also_after_a_restart() {
    let mut world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.has_applied_head().await;
    world.stop().await;
    let away = world.repository.path().with_extension("away");
    std::fs::rename(world.repository.path(), &away).unwrap();
    world.maps("demo").delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    world.start();
    eventually("a is made again", async || world.value("a").await.as_deref() == Some("1")).await;
    world.condition("Ready", "FetchFailed").await;
    assert_eq!(world.applied().await, ["a", "b"]);
    std::fs::rename(&away, world.repository.path()).unwrap();
    world.condition("Ready", "Succeeded").await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    eventually("it goes on", async || world.value("a").await.as_deref() == Some("2")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_mirror_is_fetched_again_and_a_rewritten_history_noticed_all_the_same() {
    let mut world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
    world.repository.commit(&[("ambient/b.yaml", &map("b", "1"))]);
    world.condition("Ready", "Succeeded").await;
    eventually("both are there", async || world.applied().await == ["a", "b"]).await;
    world.stop().await;
    world.lose_mirrors();
    world.start();
    world.has_applied_head().await;
    world.stop().await;
    world.lose_mirrors();
    world.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    world.start();
    world.condition("Ready", "HistoryRewritten").await;
    assert_eq!(world.applied().await, ["a", "b"]);
}

/// Rule 2: a kill at any request leaves nothing untracked, and the next start makes up for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_request_loses_nothing() {
    for request in 1.. {
        let mut world = World::new().await;
        world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
        world
            .make_source(SYSTEM_NAMESPACE, "root", json!({"path": "ambient", "deletionPolicy": "Delete"}))
            .await;
        world.start_and_kill_at(request);
        let ended = tokio::select! {
            () = world.killed() => false,
            _ = world.condition("Ready", "Succeeded") => true,
        };
        if ended {
            assert!(request > 5, "the sync makes requests");
            return;
        }
        // While nobody looks, one object leaves Git and another changes.
        world.repository.git(&["rm", "--quiet", "ambient/a.yaml"]);
        world.repository.commit(&[("ambient/b.yaml", &map("b", "2"))]);
        world.start();
        eventually("Git is made true", async || {
            world.applied().await == ["b"] && world.value("b").await.as_deref() == Some("2")
        })
        .await;
        let all = world.maps("demo").list(&kube::api::ListParams::default()).await.unwrap();
        assert_eq!(all.items.len(), 1, "killed at request {request}");
    }
}
