//! Restarts, and remotes that are away: the last good tree stays in force.

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
