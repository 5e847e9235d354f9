//! Several sources, other managers, and people who edit what Git holds.

use ambient_crds::labels::SYSTEM_NAMESPACE;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::world::{World, eventually, map};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_belongs_to_one_source() {
    let world = World::started().await;
    world.repository.commit(&[
        ("ambient/a.yaml", &map("a", "1")),
        ("other/a.yaml", &map("a", "2")),
        ("other/b.yaml", &map("b", "2")),
    ]);
    world.condition("Ready", "Succeeded").await;
    world.make_source(SYSTEM_NAMESPACE, "second", json!({"path": "other"})).await;
    let message = world.condition_of(SYSTEM_NAMESPACE, "second", "Ready", "Conflict").await;
    assert!(message.contains("ambient-system/root") && message.contains("other/a.yaml:4:"), "{message}");
    assert_eq!(world.value("a").await.as_deref(), Some("1"));
    assert_eq!(world.value("b").await.as_deref(), Some("2"));
    // When the first lets go, the second takes over; nothing is asked of anybody.
    world.repository.commit(&[("ambient/keep.yaml", &map("keep", "1"))]);
    world.repository.remove(&["ambient/a.yaml"]);
    eventually("it is handed over", async || world.value("a").await.as_deref() == Some("2")).await;
    world.condition_of(SYSTEM_NAMESPACE, "second", "Ready", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_is_refused_with_both_places() {
    let world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
    world.condition("Ready", "Succeeded").await;
    world.repository.commit(&[("ambient/b.yaml", &map("a", "2"))]);
    let message = world.condition("Ready", "DocumentsRefused").await;
    assert!(message.contains("ambient/a.yaml:1:") && message.contains("ambient/b.yaml:1:"), "{message}");
    eventually("b has left Git", async || world.applied().await == ["a"]).await;
    assert_eq!(world.value("a").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_corrected() {
    let world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
    world.condition("Ready", "Succeeded").await;
    let edit = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let change = json!({"data": {"v": "by hand", "other": "stays"}});
    world.maps("demo").patch("a", &edit, &Patch::Merge(&change)).await.unwrap();
    eventually("the edit is undone", async || world.value("a").await.as_deref() == Some("1")).await;
    let data = world.maps("demo").get("a").await.unwrap().data.unwrap();
    assert_eq!(
        data.get("other").map(String::as_str),
        Some("stays"),
        "fields that Git does not name are left alone"
    );
    world.maps("demo").delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    eventually("it is made again", async || world.value("a").await.as_deref() == Some("1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_another_apply_manager_are_left_to_it() {
    let world = World::started().await;
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"v": "theirs"}});
    let other = PatchParams::apply("flux");
    world.maps("demo").patch("a", &other, &Patch::Apply(&theirs)).await.unwrap();
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1")), ("ambient/b.yaml", &map("b", "1"))]);
    let message = world.condition("Ready", "Conflict").await;
    assert!(message.contains("flux") && message.contains("ambient/a.yaml:7:"), "{message}");
    assert_eq!(world.value("a").await.as_deref(), Some("theirs"));
    assert_eq!(world.value("b").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fight_is_noticed_and_stopped() {
    let world = World::started().await;
    world.repository.commit(&[("ambient/a.yaml", &map("a", "1"))]);
    world.condition("Ready", "Succeeded").await;
    let robot = PatchParams { field_manager: Some("robot".to_owned()), ..PatchParams::default() };
    for _ in 0..5 {
        world.maps("demo").patch("a", &robot, &Patch::Merge(&json!({"data": {"v": "robot"}}))).await.unwrap();
        eventually("it is corrected", async || world.value("a").await.as_deref() == Some("1")).await;
    }
    world.maps("demo").patch("a", &robot, &Patch::Merge(&json!({"data": {"v": "robot"}}))).await.unwrap();
    let message = world.condition("Ready", "Conflict").await;
    assert!(message.contains("robot"), "{message}");
    assert_eq!(world.value("a").await.as_deref(), Some("robot"));
    world.repository.commit(&[("ambient/a.yaml", &map("a", "2"))]);
    eventually("a new document ends the truce", async || world.value("a").await.as_deref() == Some("2"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn place_decides_power() {
    let mut world = World::new().await;
    let project =
        "apiVersion: vteam.ambient-code/v1alpha1\nkind: Project\nmetadata:\n  name: mine\nspec: {}\n";
    world.repository.commit(&[
        ("a.yaml", &map("a", "1").replace("  namespace: demo\n", "")),
        ("b.yaml", &map("b", "1").replace("namespace: demo", "namespace: ambient-system")),
        ("project.yaml", project),
    ]);
    world.start();
    world.make_source("demo", "tenant", json!({})).await;
    world.condition_of("demo", "tenant", "Ready", "DocumentsRefused").await;
    assert_eq!(world.value("a").await.as_deref(), Some("1"));
    assert!(world.maps(SYSTEM_NAMESPACE).get_opt("b").await.unwrap().is_none());
    let status = world.sources("demo").get("tenant").await.unwrap().status.unwrap();
    let codes: Vec<_> = status.validated.unwrap().errors.into_iter().filter_map(|error| error.code).collect();
    assert_eq!(codes, ["AMB1402", "AMB1403"]);
}
