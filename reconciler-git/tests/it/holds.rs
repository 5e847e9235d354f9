//! What waits for a person (rule 4): nothing is deleted, and it is said why.

use ambient_crds::labels::{APPROVED_PLAN, SYSTEM_NAMESPACE};
use serde_json::json;

use crate::world::{World, eventually, map, session};

async fn with_three_maps(spec: serde_json::Value) -> World {
    let mut world = World::new().await;
    world.repository.commit(&[
        ("ambient/a.yaml", &map("a", "1")),
        ("ambient/b.yaml", &map("b", "1")),
        ("ambient/c.yaml", &map("c", "1")),
    ]);
    world.start();
    world.make_source(SYSTEM_NAMESPACE, "root", spec).await;
    world.condition("Ready", "Succeeded").await;
    assert_eq!(world.applied().await, ["a", "b", "c"]);
    world
}

/// Approves what waits of the newest commit.
async fn approve(world: &World) {
    let head = Some(world.repository.head());
    let mut digest = String::new();
    eventually("the newest commit waits", async || {
        let pending = world.status().await.pending_prune.filter(|pending| pending.commit == head);
        digest = pending.map(|pending| pending.digest).unwrap_or_default();
        !digest.is_empty()
    })
    .await;
    world.patch_source("root", json!({"metadata": {"annotations": {APPROVED_PLAN: digest}}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_or_emptied_folder() {
    let world = with_three_maps(json!({"path": "ambient"})).await;
    world.repository.remove(&["ambient"]);
    world.condition("Ready", "PathNotFound").await;
    world.repository.commit(&[("ambient/README.md", "nothing here")]);
    let message = world.condition("Held", "PathEmptied").await;
    assert!(message.contains(APPROVED_PLAN), "{message}");
    assert_eq!(world.applied().await, ["a", "b", "c"]);
    let pending = world.status().await.pending_prune.unwrap();
    assert_eq!((pending.count, pending.reason.as_str()), (3, "PathEmptied"));

    // Meanwhile the last good tree is in force.
    world.maps("demo").delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    eventually("drift is corrected", async || world.applied().await == ["a", "b", "c"]).await;

    eventually("the plan is current", async || {
        let now = world.status().await.pending_prune;
        now.is_some_and(|now| now.count == 3 && now.digest != pending.digest)
    })
    .await;
    approve(&world).await;
    eventually("approval deletes", async || world.applied().await.is_empty()).await;
    world.condition("Ready", "Succeeded").await;
    eventually("nothing waits", async || world.status().await.pending_prune.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_branch() {
    let world = with_three_maps(json!({"path": "ambient"})).await;
    world.repository.git(&["checkout", "--quiet", "-b", "other"]);
    world.repository.git(&["branch", "--quiet", "-D", "main"]);
    world.condition("Ready", "RefNotFound").await;
    assert_eq!(world.applied().await, ["a", "b", "c"]);
    world.repository.git(&["checkout", "--quiet", "-b", "main"]);
    world.condition("Ready", "Succeeded").await;
    assert_eq!(world.applied().await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prune_over_the_limit_while_the_rest_goes_on() {
    for prune in [json!({"maxObjects": 1}), json!({"maxPercent": 60})] {
        let world = with_three_maps(json!({"path": "ambient", "prune": prune})).await;
        world.repository.git(&["rm", "--quiet", "ambient/a.yaml", "ambient/b.yaml"]);
        world.repository.commit(&[("ambient/c.yaml", &map("c", "2")), ("ambient/d.yaml", &map("d", "1"))]);
        world.condition("Held", "PruneLimit").await;
        assert_eq!(world.applied().await, ["a", "b", "c", "d"]);
        assert_eq!(world.value("c").await.as_deref(), Some("2"));
        let pending = world.status().await.pending_prune.unwrap();
        assert_eq!(pending.objects, ["ConfigMap demo/a", "ConfigMap demo/b"]);
        assert_eq!(pending.commit, Some(world.repository.head()));
        approve(&world).await;
        eventually("approval deletes", async || world.applied().await == ["c", "d"]).await;
        world.condition("Held", "NotNeeded").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_does_not_loosen_the_guard_that_holds_it() {
    let mut world = World::new().await;
    let url = world.repository.url();
    let source = |most: u32| {
        format!(
            "apiVersion: vteam.ambient-code/v1alpha1\nkind: GitSource\nmetadata:\n  name: root\n  namespace: ambient-system\n\
             spec:\n  url: {url}\n  ref: {{branch: main}}\n  path: ambient\n  interval: 1h\n  prune: {{maxObjects: {most}}}\n"
        )
    };
    world.repository.commit(&[
        ("ambient/source.yaml", &source(1)),
        ("ambient/a.yaml", &map("a", "1")),
        ("ambient/b.yaml", &map("b", "1")),
    ]);
    world.start();
    world.make_source(SYSTEM_NAMESPACE, "root", json!({"path": "ambient", "prune": {"maxObjects": 1}})).await;
    eventually("both are there", async || world.applied().await == ["a", "b"]).await;
    world.repository.git(&["rm", "--quiet", "ambient/a.yaml", "ambient/b.yaml"]);
    world.repository.commit(&[("ambient/source.yaml", &source(100))]);
    world.condition("Held", "PruneLimit").await;
    eventually("the guard itself is changed", async || {
        let source = world.sources(SYSTEM_NAMESPACE).get("root").await.unwrap();
        source.spec.prune.unwrap().max_objects == Some(100)
            && source.status.unwrap().observed_generation == source.metadata.generation
    })
    .await;
    world.has_applied_head().await;
    assert_eq!(world.applied().await, ["a", "b"], "the guard from before the commit holds");
    // Not for ever: a later commit is judged by the guards it finds.
    world.repository.commit(&[("ambient/c.yaml", &map("c", "1"))]);
    eventually("c is there", async || world.value("c").await.is_some()).await;
    assert!(world.status().await.pending_prune.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewritten_history() {
    let world = with_three_maps(json!({"path": "ambient"})).await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    world.has_applied_head().await;
    world.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    world.repository.commit(&[("ambient/b.yaml", &map("b", "2"))]);
    world.condition("Ready", "HistoryRewritten").await;
    assert_eq!(world.value("a").await.as_deref(), Some("2"));
    assert_eq!(world.value("b").await.as_deref(), Some("1"));
    approve(&world).await;
    eventually("approval applies it", async || world.value("b").await.as_deref() == Some("2")).await;
    assert_eq!(world.value("a").await.as_deref(), Some("1"));
    world.condition("Ready", "Succeeded").await;
    // The new history is now the one that is followed.
    world.repository.commit(&[("ambient/a.yaml", &map("a", "3"))]);
    eventually("it goes on", async || world.value("a").await.as_deref() == Some("3")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewritten_history_that_may_be() {
    let world = with_three_maps(json!({"path": "ambient", "historyRewrite": "Allow"})).await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    world.has_applied_head().await;
    world.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    eventually("the older commit is applied", async || world.value("a").await.as_deref() == Some("1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_runs_than_one_commit_may_start() {
    let mut world = World::new().await;
    world.repository.commit(&[
        ("ambient/a.yaml", &map("a", "1")),
        ("ambient/s.yaml", &format!("{}---\n{}", session("one"), session("two"))),
    ]);
    world.start();
    world
        .make_source(SYSTEM_NAMESPACE, "root", json!({"path": "ambient", "start": {"maxPerCommit": 1}}))
        .await;
    world.condition("Held", "StartLimit").await;
    assert_eq!(world.value("a").await.as_deref(), Some("1"));
    assert!(world.sessions().get_opt("one").await.unwrap().is_none());
    approve(&world).await;
    eventually("approval starts them", async || {
        world.sessions().list(&kube::api::ListParams::default()).await.unwrap().items.len() == 2
    })
    .await;
}
