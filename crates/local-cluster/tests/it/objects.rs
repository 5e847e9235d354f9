//! Create, read, update, delete through `kube`.

use ambient_local_cluster::Cluster;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Namespace, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Value, json};

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    typed(json!({ "metadata": { "name": name, "labels": { "app": name } }, "data": { "a": "1" } }))
}

fn pod(name: &str) -> Pod {
    typed(
        json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "main", "image": "x" }] } }),
    )
}

fn code(error: &kube::Error) -> (u16, String, String) {
    let kube::Error::Api(status) = error else { panic!("{error}") };
    (status.code, status.reason.clone(), status.message.clone())
}

#[tokio::test]
async fn objects_are_made_read_changed_and_deleted() {
    let api: Api<ConfigMap> = Api::default_namespaced(Cluster::in_memory().admin());
    let made = api.create(&PostParams::default(), &config_map("a")).await.unwrap();
    assert!(made.uid().is_some() && made.creation_timestamp().is_some());
    assert_eq!(made.namespace().as_deref(), Some("default"));

    let error = api.create(&PostParams::default(), &config_map("a")).await.unwrap_err();
    assert_eq!(code(&error), (409, "AlreadyExists".into(), "configmaps \"a\" already exists".into()));

    let mut changed = made.clone();
    changed.data.as_mut().unwrap().insert("b".into(), "2".into());
    let changed = api.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(changed.resource_version(), made.resource_version());

    let error = api.replace("a", &PostParams::default(), &made).await.unwrap_err();
    assert_eq!(code(&error).0, 409);
    assert!(code(&error).2.contains("the object has been modified"));

    let patch = Patch::Merge(json!({ "data": { "a": null } }));
    let patched = api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(patched.data.unwrap().keys().collect::<Vec<_>>(), ["b"]);
    let same = api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(same.metadata.resource_version, patched.metadata.resource_version);

    let wrong = DeleteParams::default()
        .preconditions(Preconditions { uid: Some("other".into()), resource_version: None });
    assert_eq!(code(&api.delete("a", &wrong).await.unwrap_err()).0, 409);
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let error = api.get("a").await.unwrap_err();
    assert_eq!(code(&error), (404, "NotFound".into(), "configmaps \"a\" not found".into()));
}

#[tokio::test]
async fn lists_are_paged_and_selected() {
    let api: Api<ConfigMap> = Api::default_namespaced(Cluster::in_memory().admin());
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &config_map(name)).await.unwrap();
    }
    let page = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(page.metadata.remaining_item_count, Some(1));
    let token = page.metadata.continue_.clone().unwrap();
    api.delete("c", &DeleteParams::default()).await.unwrap();
    let rest = api.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(rest.items.len(), 1, "pages show one version");
    assert_eq!(rest.metadata.resource_version, page.metadata.resource_version);

    let selected = api.list(&ListParams::default().labels("app in (a,c)")).await.unwrap();
    assert_eq!(selected.items.len(), 1);
    let selected = api.list(&ListParams::default().fields("metadata.name=b")).await.unwrap();
    assert_eq!(selected.items.len(), 1);
    let error = api.list(&ListParams::default().fields("data.a=1")).await.unwrap_err();
    assert_eq!(code(&error).0, 400);
}

#[tokio::test]
async fn status_and_spec_are_apart() {
    let api: Api<Job> = Api::default_namespaced(Cluster::in_memory().admin());
    let job = json!({
        "metadata": { "generateName": "job-" },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "m", "image": "x" }] } } },
        "status": { "active": 7 },
    });
    let made = api.create(&PostParams::default(), &typed(job)).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.status.as_ref().and_then(|status| status.active), None);
    let name = made.name_any();
    assert!(name.starts_with("job-") && name.len() == 9, "{name}");

    let patch = Patch::Merge(json!({ "spec": { "suspend": true }, "status": { "active": 1 } }));
    let shown = api.patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(shown.status.unwrap().active, Some(1));
    assert_ne!(shown.spec.unwrap().suspend, Some(true));
    assert_eq!(shown.metadata.generation, Some(1));

    let shown = api.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(shown.metadata.generation, Some(2));
}

#[tokio::test]
async fn finalizers_and_grace_hold_objects() {
    let client = Cluster::in_memory().admin();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let mut held = config_map("held");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    maps.create(&PostParams::default(), &held).await.unwrap();
    let marked = maps.delete("held", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    let add = Patch::Merge(json!({ "metadata": { "finalizers": ["example.com/hold", "example.com/new"] } }));
    let error = maps.patch("held", &PatchParams::default(), &add).await.unwrap_err();
    assert_eq!(code(&error).0, 422);
    let release = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("held", &PatchParams::default(), &release).await.unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());

    let pods: Api<Pod> = Api::default_namespaced(client);
    let mut bound = pod("bound");
    bound.spec.as_mut().unwrap().node_name = Some("here".into());
    pods.create(&PostParams::default(), &bound).await.unwrap();
    let marked = pods.delete("bound", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(30));
    assert!(pods.get_opt("bound").await.unwrap().is_some());
    pods.delete("bound", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("bound").await.unwrap().is_none());
}

#[tokio::test]
async fn namespaces_must_be_there_and_stay() {
    let client = Cluster::in_memory().admin();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let api: Api<ConfigMap> = Api::namespaced(client, "team");
    let error = api.create(&PostParams::default(), &config_map("a")).await.unwrap_err();
    assert_eq!(code(&error), (404, "NotFound".into(), "namespaces \"team\" not found".into()));
    namespaces
        .create(&PostParams::default(), &typed(json!({ "metadata": { "name": "team" } })))
        .await
        .unwrap();
    api.create(&PostParams::default(), &config_map("a")).await.unwrap();
    namespaces.delete("team", &DeleteParams::default()).await.unwrap();
    let error = api.create(&PostParams::default(), &config_map("b")).await.unwrap_err();
    assert_eq!(code(&error).0, 403);
    assert!(code(&error).2.contains("because it is being terminated"));
}
